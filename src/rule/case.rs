//! The cases beside a rule: raw records in, findings out, through the whole pipeline.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::RunError;
use crate::finding::Finding;
use crate::finding::exceptions::Exceptions;
use crate::pipeline::{self, Cancel, Quarantine, Questions, ReadOptions, Unwatched};
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
    /// What differs; `None` where nothing does.
    pub failure: Option<String>,
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
        let findings = findings(rule, &case.log, inventory.map_or("", String::as_str)).await?;
        outcomes.push(Outcome {
            rule: rule.head.id.clone(),
            case: case.name.clone(),
            expects_findings: !case.findings.is_empty(),
            is_synthetic: case.is_synthetic,
            failure: difference(&case.findings, &findings),
        });
    }
    Ok(outcomes)
}

/// What the rule alone finds in a log. Sources that the log lacks do not make it unevaluable here:
/// a case is about what is in it.
async fn findings(rule: &Rule, log: &str, inventory: &str) -> Result<Vec<Finding>, RunError> {
    let folder = tempfile::tempdir().map_err(|error| RunError::internal("cannot make a temporary folder", error))?;
    for (name, text) in [("log", log), ("inventory", inventory)] {
        let path = folder.path().join(name);
        fs::write(&path, text).map_err(|error| RunError::internal("cannot write a case's records", error))?;
    }
    let mut rule = rule.clone();
    rule.head.sources.clear();
    rule.head.any_sources.clear();
    let questions = Questions {
        rules: vec![&rule],
        exceptions: Exceptions::new(Vec::new(), &Library::default())?,
        identities: false,
        matrix: false,
        memory_limit_bytes: ReadOptions::default().memory_limit_bytes,
        threads: 1,
    };
    let loaded = read(folder.path())?;
    let analysis = pipeline::analyse(loaded, questions, &Unwatched, &Cancel::default()).await?;
    Ok(analysis.findings)
}

fn read(folder: &Path) -> Result<pipeline::Loaded, RunError> {
    let listing = source::list(&[folder.display().to_string()]);
    let listing = listing.map_err(|error| RunError::internal("cannot list a case's records", error))?;
    let options = ReadOptions { threads: 1, ..ReadOptions::default() };
    pipeline::read(listing, &options, &mut Quarantine::new(None), &Unwatched, &Cancel::default())
}

/// What of the expected findings is not so; `None` where everything is.
fn difference(expected: &[serde_json::Map<String, serde_json::Value>], found: &[Finding]) -> Option<String> {
    let found: Vec<serde_json::Value> =
        found.iter().map(|finding| serde_json::to_value(finding).unwrap_or_default()).collect();
    if expected.len() != found.len() {
        let seen: Vec<String> = found
            .iter()
            .map(|finding| {
                let field = |name: &str| finding.get(name).map_or_else(String::new, ToString::to_string);
                format!("{} {} {} x{}", field("severity"), field("principal_id"), field("target_id"), field("events"))
            })
            .collect();
        return Some(format!("expected {} findings, found {}: {}", expected.len(), found.len(), seen.join("; ")));
    }
    for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
        for (field, value) in expected {
            let Some(got) = found.get(field) else {
                return Some(format!("finding {}: findings have no field {field}", number + 1));
            };
            if !same(value, got) {
                return Some(format!("finding {}: {field} is {got}, expected {value}", number + 1));
            }
        }
    }
    None
}

/// Equal, numbers by value: TOML and JSON write the same number in different ways.
fn same(expected: &serde_json::Value, got: &serde_json::Value) -> bool {
    match (expected.as_f64(), got.as_f64()) {
        (Some(expected), Some(got)) => (expected - got).abs() < 1e-6,
        _ => expected == got,
    }
}
