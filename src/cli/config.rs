//! `airside config show`: the configuration in effect, and where each value comes from.
//!
//! What is printed is a configuration itself: comments say where a value comes from, and what is
//! no setting, such as a rule that its profile switches off, is a comment as a whole.

use std::fmt::Write as _;

use toml::Value;

use crate::cli::args::{ConfigShowArgs, must_exist};
use crate::cli::engine;
use crate::cli::output::to_stdout;
use crate::error::{ExitCode, RunError};
use crate::finding::exceptions::{Config, Expected};
use crate::pipeline::Cancel;
use crate::report::escape::Escaped;
use crate::report::{ReportError, profile_word, severity_word};
use crate::rule::params::RuleConfig;
use crate::rule::{Profile, Rule};

/// Columns of a setting before its comment.
const SETTING: usize = 40;

/// Prints the configuration in effect.
///
/// # Errors
///
/// [`RunError::Usage`] for a file that is wrong.
pub fn show(args: &ConfigShowArgs) -> Result<ExitCode, RunError> {
    let runtime = engine::runtime(1)?;
    let cancel = Cancel::default();
    let config = engine::config(args.config.as_deref())?;
    // The rules as they are without the file: what it changes is told apart from what it repeats.
    args.rules.iter().try_for_each(|folder| must_exist(folder))?;
    let library = engine::library(&runtime, &args.rules, &Config::default(), &cancel)?;
    engine::library(&runtime, &args.rules, &config, &cancel)?;
    let file = args.config.as_ref().map(|file| file.display().to_string());
    let text = text(&config, library.rules(), file.as_deref().unwrap_or("no file"));
    to_stdout(|out| out.write_all(text.as_bytes()).map_err(|source| ReportError::Write { source }))?;
    Ok(ExitCode::Ran)
}

fn text(config: &Config, rules: &[Rule], file: &str) -> String {
    let mut text = String::new();
    let profile = config.profile.unwrap_or(Profile::Core);
    let origin = if config.profile.is_some() { file } else { "default" };
    setting(&mut text, &format!("profile = \"{}\"", profile_word(profile)), origin);
    text.push_str("\n[network]\n");
    let ranges: Vec<String> = config.allowed_ip.iter().map(|(_, range)| quoted(range)).collect();
    let origin = if ranges.is_empty() { "default" } else { file };
    setting(&mut text, &format!("allowed_ip = [{}]", ranges.join(", ")), origin);
    for rule in rules {
        let configured = config.rules.iter().find(|(name, _)| rule.answers_to(name)).map(|(_, config)| config);
        rule_table(&mut text, rule, configured, profile);
    }
    for expected in &config.expected {
        expected_table(&mut text, expected);
    }
    text
}

fn rule_table(text: &mut String, rule: &Rule, configured: Option<&RuleConfig>, profile: Profile) {
    let head = &rule.head;
    text.push_str("\n[rules.");
    text.push_str(&head.id);
    text.push_str("]\n");
    let place = configured.map(|config| config.place.as_str()).unwrap_or_default();
    if let Some(enabled) = configured.and_then(|config| config.enabled) {
        setting(text, &format!("enabled = {enabled}"), place);
    } else {
        let runs = head.profile == Profile::Core || head.profile == profile;
        let origin = format!("profile {}", profile_word(head.profile));
        setting(text, &format!("# enabled = {runs}"), &origin);
    }
    let (severity, origin) = match configured.and_then(|config| config.severity) {
        Some(severity) => (severity, place),
        None => (head.severity, "the rule"),
    };
    setting(text, &format!("severity = \"{}\"", severity_word(severity)), origin);
    for (name, param) in &head.params {
        let own = configured.and_then(|config| config.params.get(name));
        let (value, origin) = own.map_or((&param.default, "the rule"), |own| (&own.value, own.place.as_str()));
        setting(text, &format!("params.{name} = {value}"), origin);
    }
}

fn expected_table(text: &mut String, expected: &Expected) {
    text.push_str("\n[[expected]]\n");
    let until = expected.until.as_ref().map(|until| until.text.clone());
    let members = [
        ("rule", Some(&expected.rule)),
        ("principal", expected.principal.as_ref()),
        ("target", expected.target.as_ref()),
        ("op_class", expected.op_class.as_ref()),
        ("until", until.as_ref()),
        ("reason", Some(&expected.reason)),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            setting(text, &format!("{name} = {}", quoted(value)), &expected.place);
        }
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// A line with the comment that says where it comes from.
fn setting(text: &mut String, setting: &str, origin: &str) {
    // Writing to a String cannot fail.
    writeln!(text, "{setting:SETTING$} # {}", Escaped(origin)).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::front_matter::tests::rule;

    const FILE: &str = "profile = \"hunting\"\n[network]\nallowed_ip = [\"203.0.113.0/24\"]\n\
        [rules.sample-rule]\nseverity = \"low\"\nparams.min_events = 7\n\
        [[expected]]\nrule = \"sample-rule\"\nop_class = \"secret_read\"\nuntil = 2027-01-01\nreason = \"it's \\\"fine\\\"\"\n";

    #[test]
    fn what_is_shown_is_a_configuration_that_says_the_same() {
        let config = Config::parse("a.toml", FILE).unwrap();

        let shown = text(&config, &[rule()], "a.toml");
        let again = Config::parse("a.toml", &shown).unwrap();

        assert_eq!(again.profile, config.profile);
        assert_eq!(again.allowed_ip, config.allowed_ip);
        let expected = |config: &Config| {
            let of = |row: &Expected| (row.rule.clone(), row.op_class.clone(), row.until.clone(), row.reason.clone());
            config.expected.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(expected(&again), expected(&config));
        let settings = |config: &Config| {
            let rule = config.rules["sample-rule"].clone();
            (rule.severity, rule.params["min_events"].value.clone())
        };
        assert_eq!(settings(&again), settings(&config));
    }

    #[test]
    fn every_value_says_where_it_comes_from() {
        let config = Config::parse("a.toml", FILE).unwrap();

        let shown = text(&config, &[rule()], "a.toml");
        let defaults = text(&Config::default(), &[rule()], "no file");

        let line = |text: &str, start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        assert!(line(&shown, "profile = \"hunting\"").ends_with("# a.toml"));
        assert!(line(&shown, "severity = \"low\"").ends_with("# a.toml:4:8"));
        assert!(line(&shown, "params.min_events = 7").ends_with("# a.toml:6:8"));
        assert!(line(&defaults, "profile = \"core\"").ends_with("# default"));
        assert!(line(&defaults, "params.min_events = 2").ends_with("# the rule"));
    }
}
