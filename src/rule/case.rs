//! The cases beside a rule: raw records in, findings out, through the whole pipeline.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::RunError;
use crate::finding::Finding;
use crate::finding::exceptions::{Config, Exceptions};
use crate::limits::Limits;
use crate::pipeline::{self, Baseline, Cancel, Quarantine, Questions, ReadOptions, Unwatched};
use crate::rule::Rule;
use crate::rule::load::Library;
use crate::source;

/// A `.cases.toml` file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    /// Inventory records that all cases stand on.
    inventory: Option<String>,
    #[serde(default, rename = "case")]
    cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows, as a sentence.
    name: String,
    /// Whether the shape was made up, and not seen in a real record.
    #[serde(default, rename = "synthetic")]
    is_synthetic: bool,
    /// The expected findings in order; only the fields named are compared.
    findings: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Raw records, in any form that a file may have.
    log: String,
    /// Replaces the file's inventory.
    inventory: Option<String>,
    /// An `airside.toml`: what is expected, which addresses are allowed, thresholds.
    #[serde(default)]
    config: String,
    /// What earlier runs saw, in the form of `--baseline`.
    #[serde(default)]
    baseline: String,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The rule's id.
    pub rule: String,
    /// The case's name.
    pub case: String,
    /// Whether it expects findings, or silence.
    pub expects_findings: bool,
    /// Whether its records are made up.
    pub is_synthetic: bool,
    /// What differs, in the order of the findings; empty where the case passed.
    pub differences: Vec<Difference>,
}

/// Something that a case expects and that is not so. Values are JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Number of the finding, from 1.
    pub finding: usize,
    /// The field; `None` where the whole finding is missing, or is one too many.
    pub field: Option<String>,
    /// What the case says.
    pub expected: String,
    /// What the rule gave.
    pub found: String,
}

impl Difference {
    /// Which finding, and which field of it.
    pub fn place(&self) -> String {
        let field = self.field.as_ref().map_or_else(String::new, |field| format!(": {field}"));
        format!("finding {}{field}", self.finding)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, found {}", self.place(), self.expected, self.found)
    }
}

/// Runs all cases of a rule. A rule without cases gives none.
///
/// # Errors
///
/// [`RunError::Rule`] where the cases cannot be read, [`RunError::Internal`] where a case cannot be
/// run.
pub async fn run(rule: &Rule) -> Result<Vec<Outcome>, RunError> {
    let Some(text) = &rule.cases else { return Ok(Vec::new()) };
    let file: CaseFile = toml::from_str(text).map_err(|error| RunError::Rule {
        message: format!("cannot read the cases of {}: {}", rule.file, error.to_string().trim_end()),
    })?;
    let mut outcomes = Vec::with_capacity(file.cases.len());
    for case in &file.cases {
        let inventory = case.inventory.as_ref().or(file.inventory.as_ref());
        let findings = findings(rule, case, inventory.map_or("", String::as_str)).await?;
        outcomes.push(Outcome {
            rule: rule.head.id.clone(),
            case: case.name.clone(),
            expects_findings: !case.findings.is_empty(),
            is_synthetic: case.is_synthetic,
            differences: differences(&case.findings, &findings),
        });
    }
    Ok(outcomes)
}

/// What the rule alone finds in a log. Sources that the log lacks do not make it unevaluable here:
/// a case is about what is in it.
async fn findings(rule: &Rule, case: &Case, inventory: &str) -> Result<Vec<Finding>, RunError> {
    let folder = tempfile::tempdir().map_err(|error| RunError::internal("cannot make a temporary folder", error))?;
    for (name, text) in [("log", case.log.as_str()), ("inventory", inventory)] {
        let path = folder.path().join(name);
        fs::write(&path, text).map_err(|error| RunError::internal("cannot write a case's records", error))?;
    }
    let mut rule = rule.clone();
    rule.head.sources.clear();
    rule.head.any_sources.clear();
    let config = Config::parse("the case's configuration", &case.config)?;
    let mut library = Library::of(rule);
    library.configure(&config.rules)?;
    let baseline = (!case.baseline.is_empty()).then(|| Baseline::parse("the case's baseline", &case.baseline));
    let questions = Questions {
        lists: vec![("allowed_ip", config.allowed_ip_table()?)],
        baseline: baseline.transpose()?,
        rules: library.rules().iter().collect(),
        exceptions: Exceptions::new(config.expected, &library)?,
        identities: false,
        matrix: false,
        activity: false,
        memory_limit_bytes: ReadOptions::default().memory_limit_bytes,
        threads: 1,
        limits: Limits::default(),
        rule_timeout: None,
    };
    let loaded = read(folder.path())?;
    let analysis = pipeline::analyse(loaded, questions, &Unwatched, &Cancel::default()).await?;
    Ok(analysis.findings)
}

fn read(folder: &Path) -> Result<pipeline::Loaded, RunError> {
    let listing = source::list(&[folder.display().to_string()], &source::ListOptions::default());
    let listing = listing.map_err(|error| RunError::internal("cannot list a case's records", error))?;
    let options = ReadOptions { threads: 1, ..ReadOptions::default() };
    pipeline::read(listing, &options, &mut Quarantine::new(None), &Unwatched, &Cancel::default())
}

/// A finding's fields as JSON.
type Fields = serde_json::Map<String, serde_json::Value>;

/// The fields by which people tell findings apart.
const SHOWN: [&str; 4] = ["severity", "principal_id", "target_id", "events"];

/// What stands for a finding that is not there.
const NO_FINDING: &str = "no finding";

/// What of the expected findings is not so. Findings are compared one by one in their order.
fn differences(expected: &[Fields], found: &[Finding]) -> Vec<Difference> {
    let found: Vec<Fields> = found.iter().map(fields).collect();
    let mut differences = Vec::new();
    for at in 0..expected.len().max(found.len()) {
        let whole = |expected: String, found: String| Difference { finding: at + 1, field: None, expected, found };
        match (expected.get(at), found.get(at)) {
            (Some(expected), Some(found)) => differences.extend(field_differences(at + 1, expected, found)),
            (Some(expected), None) => {
                let expected = serde_json::Value::Object(expected.clone()).to_string();
                differences.push(whole(expected, NO_FINDING.to_owned()));
            }
            (None, Some(found)) => {
                let shown: Fields =
                    SHOWN.iter().filter_map(|name| Some(((*name).to_owned(), found.get(*name)?.clone()))).collect();
                let shown = serde_json::Value::Object(shown).to_string();
                differences.push(whole(NO_FINDING.to_owned(), shown));
            }
            (None, None) => {}
        }
    }
    differences
}

fn fields(finding: &Finding) -> Fields {
    match serde_json::to_value(finding) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => Fields::new(),
    }
}

fn field_differences(finding: usize, expected: &Fields, found: &Fields) -> Vec<Difference> {
    let differs = |(field, value): (&String, &serde_json::Value)| {
        let got = found.get(field);
        let is_same = got.is_some_and(|got| same(value, got));
        (!is_same).then(|| Difference {
            finding,
            field: Some(field.clone()),
            expected: value.to_string(),
            found: got.map_or_else(|| "no such field".to_owned(), ToString::to_string),
        })
    };
    expected.iter().filter_map(differs).collect()
}

/// Equal, numbers by value: TOML and JSON write the same number in different ways.
fn same(expected: &serde_json::Value, got: &serde_json::Value) -> bool {
    match (expected.as_f64(), got.as_f64()) {
        (Some(expected), Some(got)) => (expected - got).abs() < 1e-6,
        _ => expected == got,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn what_differs_is_named_by_finding_and_field() {
        let found = [samples::finding()];
        let expected = |text: &str| -> Vec<Fields> { serde_json::from_str(text).unwrap() };
        let first = fields(&found[0]);
        let right = format!(r#"[{{"events":{},"severity":{}}}]"#, first["events"], first["severity"]);

        let none = differences(&expected(&right), &found);
        let wrong = differences(&expected(r#"[{"events":0,"colour":"red"}, {"events":1}]"#), &found);
        let too_many = differences(&[], &found);

        assert_eq!(none, []);
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        assert_eq!(
            wrong,
            [
                "finding 1: colour: expected \"red\", found no such field".to_owned(),
                format!("finding 1: events: expected 0, found {}", first["events"]),
                "finding 2: expected {\"events\":1}, found no finding".to_owned(),
            ]
        );
        assert_eq!((too_many.len(), too_many[0].expected.as_str()), (1, "no finding"));
    }
}
