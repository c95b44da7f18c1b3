//! `airside rules list`: the rules in rows, those that are asked for.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use crate::cli::args::{ListFilter, RulesFormat};
use crate::error::RunError;
use crate::event::vocabulary::LogSource;
use crate::report::escape::escaped;
use crate::report::layout::{Paint, padded, painted, width_of};
use crate::report::{ReportError, Style, direction_word, json, profile_word, severity_word};
use crate::rule::{Direction, Head, Profile, Rule, Severity, Status, did_you_mean, technique};

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

/// The rules to which every flag of the filter applies, by id.
///
/// # Errors
///
/// [`RunError::Usage`] for a technique that no rule is for, with those that there are.
pub(super) fn filtered<'r>(library: &'r [Rule], filter: &ListFilter) -> Result<Vec<&'r Rule>, RunError> {
    check_techniques(library, &filter.technique)?;
    let mut rules: Vec<&Rule> = library.iter().filter(|rule| takes(filter, &rule.head)).collect();
    rules.sort_by(|rule, other| rule.head.id.cmp(&other.head.id));
    Ok(rules)
}

fn takes(filter: &ListFilter, head: &Head) -> bool {
    let reads = |source: &LogSource| {
        let is_it = |named: &String| named == source.as_str();
        head.sources.iter().any(is_it) || head.any_sources.iter().any(is_it)
    };
    let is_for = |wanted: &String| {
        let wanted = wanted.to_ascii_uppercase();
        head.attack.iter().any(|entry| technique::covers(&wanted, entry))
    };
    (filter.direction.is_empty() || filter.direction.contains(&head.direction))
        && (filter.profile.is_empty() || filter.profile.contains(&head.profile))
        && (filter.source.is_empty() || filter.source.iter().any(reads))
        && (filter.technique.is_empty() || filter.technique.iter().any(is_for))
        && filter.severity.is_none_or(|least| head.severity >= least)
}

/// Refuses ids that no rule names, nor one below them: a slip must not look like an empty answer.
fn check_techniques(library: &[Rule], wanted: &[String]) -> Result<(), RunError> {
    let named: BTreeSet<&str> =
        library.iter().flat_map(|rule| &rule.head.attack).flat_map(|entry| technique::alternatives(entry)).collect();
    for id in wanted {
        let upper = id.to_ascii_uppercase();
        if !named.iter().any(|named| technique::covers(&upper, named)) {
            let hint = did_you_mean(&upper, named.iter().copied());
            let all = named.iter().copied().collect::<Vec<_>>().join(", ");
            return Err(RunError::usage(format!(
                "no rule is for the technique '{id}'; there are rules for {all}{hint}"
            )));
        }
    }
    Ok(())
}

/// Writes the rules in the order in which they come.
pub(super) fn list(
    library: &[&Rule],
    format: RulesFormat,
    out: &mut dyn Write,
    style: Style,
) -> Result<(), ReportError> {
    let rows: Vec<RuleRow<'_>> = library.iter().map(|rule| RuleRow::from(*rule)).collect();
    match format {
        RulesFormat::Table => list_table(library, out, style).map_err(ReportError::write),
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
