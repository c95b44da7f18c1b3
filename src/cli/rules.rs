//! `airside rules`: list, show, check and test rules.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::args::{RulesCommand, RulesFormat, must_exist};
use crate::cli::engine::runtime;
use crate::cli::output::{Terminal, to_stdout};
use crate::error::{ExitCode, RunError};
use crate::report::escape::{Escaped, escaped};
use crate::report::layout::{Paint, field, padded, painted, width_of, wrap};
use crate::report::{ReportError, Style, direction_word, json, profile_word, severity_word};
use crate::rule::case;
use crate::rule::{self, Direction, Head, Profile, Rule, Severity, Status};

/// What checking found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    /// How many rules were looked at.
    pub rules: usize,
    /// What is wrong, each with file, line and column.
    pub problems: Vec<String>,
}

/// What one case of a rule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// The rule's id.
    pub rule: String,
    /// The case's name.
    pub case: String,
    /// What differs from what the case expects; `None` where nothing does.
    pub failure: Option<String>,
}

/// One rule in the list. Field order is the JSON's.
#[derive(Debug, Serialize)]
struct RuleRow<'a> {
    id: &'a str,
    aliases: &'a [String],
    title: &'a str,
    severity: Severity,
    direction: Direction,
    status: Status,
    profile: Profile,
    sources: &'a [String],
    any_sources: &'a [String],
    needs: &'a [String],
    attack: &'a [String],
    created: String,
    updated: String,
}

impl<'a> From<&'a Rule> for RuleRow<'a> {
    fn from(rule: &'a Rule) -> Self {
        let head = &rule.head;
        Self {
            id: &head.id,
            aliases: &head.aliases,
            title: &head.title,
            severity: head.severity,
            direction: head.direction,
            status: head.status,
            profile: head.profile,
            sources: &head.sources,
            any_sources: &head.any_sources,
            needs: &head.needs,
            attack: &head.attack,
            created: head.created.to_string(),
            updated: head.updated.to_string(),
        }
    }
}

/// Does what a subcommand of `rules` asks for.
///
/// # Errors
///
/// Whatever ended it.
pub fn run(command: &RulesCommand, terminal: Terminal, style: Style) -> Result<ExitCode, RunError> {
    match command {
        RulesCommand::List { rules, format } => {
            let format = format.unwrap_or(if terminal.is_stdout { RulesFormat::Table } else { RulesFormat::Ndjson });
            let library = load(rules)?;
            to_stdout(|out| list(&library, format, out, style)).map(|()| ExitCode::Ran)
        }
        RulesCommand::Show { id, rules } => {
            let library = load(rules)?;
            let rule = find(&library, id)?;
            to_stdout(|out| show(rule, out, style).map_err(ReportError::write)).map(|()| ExitCode::Ran)
        }
        RulesCommand::Check { paths } => {
            let outcome = check(paths)?;
            to_stdout(|out| write_check(&outcome, out).map_err(ReportError::write))?;
            Ok(if outcome.problems.is_empty() { ExitCode::Ran } else { ExitCode::Rule })
        }
        RulesCommand::Test { paths } => {
            let outcomes = test(paths)?;
            to_stdout(|out| write_cases(&outcomes, out, style).map_err(ReportError::write))?;
            let passed = outcomes.iter().all(|outcome| outcome.failure.is_none());
            Ok(if passed { ExitCode::Ran } else { ExitCode::Rule })
        }
    }
}

/// Loads the shipped rules and those of the folders.
fn load(folders: &[PathBuf]) -> Result<Vec<Rule>, RunError> {
    folders.iter().try_for_each(|folder| must_exist(folder))?;
    load_library(folders)
}

/// Checks the rules of files and folders; the shipped ones where none is named.
fn check(paths: &[PathBuf]) -> Result<CheckOutcome, RunError> {
    paths.iter().try_for_each(|path| must_exist(path))?;
    check_rules(paths)
}

/// Runs the cases beside the rules of files and folders; of the shipped ones where none is named.
fn test(paths: &[PathBuf]) -> Result<Vec<CaseOutcome>, RunError> {
    paths.iter().try_for_each(|path| must_exist(path))?;
    run_cases(paths)
}

/// The rules compiled in and those of the folders, checked.
fn load_library(folders: &[PathBuf]) -> Result<Vec<Rule>, RunError> {
    let library = runtime(1)?.block_on(rule::check::load(folders))?;
    Ok(library.rules().to_vec())
}

/// Checks the named rules, or the shipped ones; what is wrong is the outcome, not an error.
fn check_rules(paths: &[PathBuf]) -> Result<CheckOutcome, RunError> {
    let runtime = runtime(1)?;
    let loaded = runtime.block_on(async {
        if paths.is_empty() { rule::check::load(&[]).await } else { rule::check::read(paths).await }
    });
    match loaded {
        Ok(library) => Ok(CheckOutcome { rules: library.rules().len(), problems: Vec::new() }),
        Err(RunError::Rule { message }) => {
            let problems: Vec<String> = message.lines().map(str::to_owned).collect();
            Ok(CheckOutcome { rules: 0, problems })
        }
        Err(other) => Err(other),
    }
}

/// Runs the cases of the named rules, or of the shipped ones.
fn run_cases(paths: &[PathBuf]) -> Result<Vec<CaseOutcome>, RunError> {
    let runtime = runtime(1)?;
    runtime.block_on(async {
        let library = if paths.is_empty() { rule::check::load(&[]).await? } else { rule::check::read(paths).await? };
        let mut outcomes = Vec::new();
        for rule in library.rules() {
            for outcome in case::run(rule).await? {
                outcomes.push(CaseOutcome { rule: outcome.rule, case: outcome.case, failure: outcome.failure });
            }
        }
        Ok(outcomes)
    })
}

/// The rule of this id or other name.
fn find<'a>(library: &'a [Rule], id: &str) -> Result<&'a Rule, RunError> {
    let is_named = |name: &String| name.eq_ignore_ascii_case(id);
    library.iter().find(|rule| is_named(&rule.head.id) || rule.head.aliases.iter().any(is_named)).ok_or_else(|| {
        RunError::Usage { message: format!("no rule {id}"), hint: Some("airside rules list names them all".to_owned()) }
    })
}

fn list(library: &[Rule], format: RulesFormat, out: &mut dyn Write, style: Style) -> Result<(), ReportError> {
    let mut library: Vec<&Rule> = library.iter().collect();
    library.sort_by(|rule, other| rule.head.id.cmp(&other.head.id));
    let rows: Vec<RuleRow<'_>> = library.iter().map(|rule| RuleRow::from(*rule)).collect();
    match format {
        RulesFormat::Table => list_table(&library, out, style).map_err(ReportError::write),
        RulesFormat::Json => json::document(out, "rules", &rows, None),
        RulesFormat::Ndjson => rows.iter().try_for_each(|row| {
            let line = json::text(row)?;
            writeln!(out, "{line}").map_err(ReportError::write)
        }),
    }
}

fn list_table(library: &[&Rule], out: &mut dyn Write, style: Style) -> io::Result<()> {
    let heads: Vec<&Head> = library.iter().map(|rule| &rule.head).collect();
    let id_columns = heads.iter().map(|head| width_of(&escaped(&head.id))).max().unwrap_or(0).max("id".len());
    let row = |id: &str, words: [&str; 3], title: &str| {
        let [severity, direction, profile] = words;
        let (id, severity) = (padded(id, id_columns), padded(severity, "informational".len()));
        let (direction, profile) = (padded(direction, "infra-doing-data".len()), padded(profile, "hunting".len()));
        format!("{id}  {severity}  {direction}  {profile}  {title}")
    };
    let names = row("id", ["severity", "direction", "profile"], "title");
    writeln!(out, "{}", painted(style, Paint::Faint, names))?;
    for head in heads {
        let words = [severity_word(head.severity), direction_word(head.direction), profile_word(head.profile)];
        let line = row(&escaped(&head.id), words, &escaped(&head.title));
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn show(rule: &Rule, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let head = &rule.head;
    writeln!(out, "{}", painted(style, Paint::Strong, Escaped(&head.id)))?;
    writeln!(out, "{}\n", Escaped(&head.title))?;
    show_head(head, out, style)?;
    for (name, param) in &head.params {
        let text = format!("${} = {}: {}", Escaped(name), escaped(&param.default.to_string()), Escaped(&param.why));
        field(out, style, "parameter", &text)?;
    }
    field(out, style, "created", &format!("{}, updated {}", head.created, head.updated))?;
    for reference in &head.references {
        field(out, style, "see", &escaped(reference))?;
    }
    field(out, style, "file", &escaped(&rule.file))?;
    for (heading, text) in &rule.prose {
        writeln!(out, "\n{}", painted(style, Paint::Strong, Escaped(heading)))?;
        for line in text.lines().flat_map(|line| wrap(&escaped(line.trim()), style.width)) {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "\n{}", painted(style, Paint::Strong, "SQL"))?;
    let is_comment = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with("--");
    for line in rule.sql.lines().skip_while(is_comment) {
        writeln!(out, "{}", escaped(&line.replace('\t', "    ")))?;
    }
    Ok(())
}

fn show_head(head: &Head, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let status = match head.status {
        Status::Experimental => "experimental",
        Status::Stable => "stable",
        Status::Deprecated => "deprecated",
    };
    field(out, style, "severity", severity_word(head.severity))?;
    field(out, style, "direction", direction_word(head.direction))?;
    field(out, style, "profile", profile_word(head.profile))?;
    field(out, style, "status", status)?;
    let lists = [
        ("also called", &head.aliases),
        ("needs all", &head.sources),
        ("needs one", &head.any_sources),
        ("needs lists", &head.needs),
        ("ATT&CK", &head.attack),
        ("folded by", &head.group_by),
        ("shows", &head.details),
    ];
    for (label, values) in lists {
        if !values.is_empty() {
            field(out, style, label, &escaped(&values.join(", ")))?;
        }
    }
    Ok(())
}

fn write_check(outcome: &CheckOutcome, out: &mut dyn Write) -> io::Result<()> {
    for problem in &outcome.problems {
        lines(problem, "", out)?;
    }
    match outcome.problems.len() {
        0 => writeln!(out, "{} rules checked, nothing wrong", outcome.rules),
        wrong => writeln!(out, "{} rules checked, {wrong} wrong", outcome.rules),
    }
}

fn write_cases(outcomes: &[CaseOutcome], out: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut failed = 0_usize;
    for outcome in outcomes {
        if let Some(failure) = &outcome.failure {
            failed += 1;
            let verdict = painted(style, Paint::Severity(Severity::High), "failed");
            writeln!(out, "{verdict}  {}: {}", Escaped(&outcome.rule), Escaped(&outcome.case))?;
            lines(failure, "  ", out)?;
        }
    }
    let rules: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.rule.as_str()).collect();
    let passed = outcomes.len() - failed;
    writeln!(out, "{} cases of {} rules: {passed} passed, {failed} failed", outcomes.len(), rules.len())
}

/// A message of several lines, each escaped.
fn lines(text: &str, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    text.lines().try_for_each(|line| writeln!(out, "{indent}{}", Escaped(line)))
}

#[cfg(test)]
mod tests;
