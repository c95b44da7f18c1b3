//! Sigma rules for Azure as rules of ours: parsed and walked by an existing converter, whose back
//! end for DataFusion is here, with the field mapping as data.
//!
//! Sigma rules are written by others. Nothing of one stands in a rule file but in a quoted literal
//! of one line, or in prose and head after what cannot be seen was taken out.

mod backend;
mod convert;
mod correlation;
pub mod fields;
mod index;
mod literal;
mod modifiers;
mod predicate;
mod prose;
mod rule_file;

use std::collections::BTreeMap;
use std::thread;

use rsigma_eval::pipeline::state::PipelineState;
use rsigma_parser::{CorrelationRule, SigmaCollection, SigmaRule, parse_sigma_yaml};

use crate::error::RunError;
use crate::rule::Direction;
use crate::sigma::convert::{DataFusion, reason};
use crate::sigma::correlation::add;
use crate::sigma::fields::Mapping;
use crate::sigma::index::Index;
use crate::sigma::rule_file::{About, Origin};

/// A file of Sigma rules.
#[derive(Debug, Clone)]
pub struct SigmaFile {
    /// Its name, for messages and for the prose of rules.
    pub name: String,
    /// Its YAML.
    pub text: String,
}

/// What became of a Sigma rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The file that it is in.
    pub file: String,
    /// Its title; empty where the file could not be read so far.
    pub title: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a Sigma rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is a rule of ours.
    Rule(RuleFile),
    /// It is only there for correlations, as Sigma has it unless they say `generate: true`.
    Part,
    /// It could not be converted, for this reason, which may hold text of the rule as it is.
    Refused(String),
    /// Something in it was passed over, which changes nothing of what it finds.
    Remark(String),
}

/// A rule file and its cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// The rule's id.
    pub id: String,
    /// The names that it answers to besides: its id in Sigma.
    pub aliases: Vec<String>,
    /// The text of `<id>.sql`.
    pub sql: String,
    /// The text of `<id>.cases.toml`.
    pub cases: String,
}

/// A query over events, and what the head of its rule says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    sql: String,
    sources: Vec<String>,
    any_sources: Vec<String>,
    direction: Option<Direction>,
    group_by: Vec<String>,
    details: Vec<String>,
    limits: Vec<String>,
    notes: Vec<String>,
}

/// Bytes of stack on which Sigma rules are read (256 MiB, of which the system gives what is used).
/// The parser goes one call deeper with every `not` of a condition, and takes 64 KiB of them.
const STACK_BYTES: usize = 256 << 20;

/// Longest reason that is shown of the parser's, in characters.
const MAX_REASON_CHARS: usize = 300;

/// Converts all rules of all files, in their order. `today` (`2026-05-04`) dates rules that have
/// no date. `taken` are names that other rules have, in lower case, with whose they are.
///
/// # Errors
///
/// [`RunError::Internal`] where there is no memory to do it in.
pub fn import(
    files: &[SigmaFile],
    mapping: &Mapping,
    today: &str,
    taken: BTreeMap<String, String>,
) -> Result<Vec<Imported>, RunError> {
    let failed = |error: std::io::Error| RunError::internal("cannot read Sigma rules", error);
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK_BYTES);
        let reader = builder.spawn_scoped(scope, || import_all(files, mapping, today, taken)).map_err(failed)?;
        reader.join().map_err(|_panic| failed(std::io::Error::other("the parser gave up")))
    })
}

fn import_all(
    files: &[SigmaFile],
    mapping: &Mapping,
    today: &str,
    mut taken: BTreeMap<String, String>,
) -> Vec<Imported> {
    let collections: Vec<SigmaCollection> = files.iter().map(|file| parsed(&file.text)).collect();
    let rules = || collections.iter().flat_map(|collection| &collection.rules);
    let correlations = || collections.iter().flat_map(|collection| &collection.correlations);
    let index = Index::of(rules(), correlations());
    let parts: Vec<&str> =
        correlations().filter(|rule| !rule.generate).flat_map(|rule| &rule.rules).map(String::as_str).collect();
    let backend = DataFusion { mapping, index: &index };
    let mut imported = Vec::new();
    for (file, collection) in files.iter().zip(&collections) {
        let name = file.name.as_str();
        let mut push = |title: &str, outcome| {
            imported.push(Imported { file: name.to_owned(), title: title.to_owned(), outcome });
        };
        collection.errors.iter().for_each(|error| push("", unread(error)));
        for rule in &collection.rules {
            let is_part = [&rule.id, &rule.name].into_iter().flatten().any(|own| parts.contains(&own.as_str()));
            let outcome = if is_part {
                Outcome::Part
            } else {
                let about = About::of_rule(rule, Origin { file: name, today });
                written(plain(&backend, rule), &about, &mut taken)
            };
            push(&rule.title, outcome);
        }
        for rule in &collection.correlations {
            let about = About::of_correlation(rule, Origin { file: name, today });
            push(&rule.title, written(correlated(&backend, rule), &about, &mut taken));
        }
        for filter in &collection.filters {
            push(&filter.title, Outcome::Refused("it is a filter, which changes other rules".to_owned()));
        }
        if collection.is_empty() && collection.errors.is_empty() {
            push("", Outcome::Refused("there is no rule in it".to_owned()));
        }
    }
    imported
}

fn parsed(yaml: &str) -> SigmaCollection {
    parse_sigma_yaml(yaml).unwrap_or_else(|error| {
        let mut collection = SigmaCollection::new();
        collection.errors.push(error.to_string());
        collection
    })
}

/// What the parser could not read. It goes on after a wrong level, status or relation, and lists
/// these beside what cost a whole document.
fn unread(error: &str) -> Outcome {
    /// How the parser begins what it says of things that it passes over.
    const REMARKS: [&str; 6] =
        ["invalid level", "invalid status", "invalid sigma-version", "related[", "'related'", "logsource custom"];
    let is_remark = REMARKS.iter().any(|start| error.starts_with(start));
    // The frame of a parser error shows the condition after `1 | `.
    let condition = error.lines().find_map(|line| line.trim_start().strip_prefix("1 | "));
    let message = match condition {
        Some(condition) if condition.contains('|') || condition.contains(" near ") => {
            let shown = condition.trim();
            format!("its condition '{shown}' aggregates in the way that Sigma gave up for correlations")
        }
        _ => prose::cleaned(error).chars().take(MAX_REASON_CHARS).collect(),
    };
    if is_remark { Outcome::Remark(message) } else { Outcome::Refused(message) }
}

fn plain(backend: &DataFusion<'_>, rule: &SigmaRule) -> Result<Query, String> {
    use rsigma_convert::Backend as _;
    let predicate = backend.predicate(rule).map_err(|error| reason(&error))?;
    let sql = backend.convert_rule(rule, backend.default_format(), &PipelineState::default());
    let sql = sql.map_err(|error| reason(&error))?.concat();
    let service = predicate.service;
    let mut details = service.details.clone();
    add(&mut details, &predicate.columns);
    details.retain(|column| !service.group_by.contains(column));
    Ok(Query {
        sql,
        sources: vec![service.source.clone()],
        any_sources: Vec::new(),
        direction: Some(service.direction),
        group_by: service.group_by.clone(),
        details,
        limits: vec![service.limits.clone()],
        notes: predicate.notes,
    })
}

fn correlated(backend: &DataFusion<'_>, rule: &CorrelationRule) -> Result<Query, String> {
    correlation::query(backend, rule).map_err(|error| reason(&error))
}

/// The rule file, unless another rule has one of its names.
fn written(query: Result<Query, String>, about: &About<'_>, taken: &mut BTreeMap<String, String>) -> Outcome {
    let query = match query {
        Ok(query) => query,
        Err(reason) => return Outcome::Refused(reason),
    };
    let file = match about.rule_file(&query) {
        Ok(file) => file,
        Err(reason) => return Outcome::Refused(reason),
    };
    let names = || std::iter::once(&file.id).chain(&file.aliases).map(|name| name.to_ascii_lowercase());
    if let Some((name, owner)) = names().find_map(|name| Some((name.clone(), taken.get(&name)?))) {
        return Outcome::Refused(format!("its name '{name}' is taken by {owner}"));
    }
    taken.extend(names().map(|name| (name, about.origin.file.to_owned())));
    Outcome::Rule(file)
}

#[cfg(test)]
mod tests;
