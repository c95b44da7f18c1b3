//! The end of every table: what was read and what was not.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::coverage::{Coverage, NotEvaluable, OUT_OF_RANGE, Records, SourceCoverage};
use crate::report::escape::{Escaped, escaped};
use crate::report::layout::{Paint, by_count, bytes, counted, field, number, painted};
use crate::report::table::span;
use crate::report::{Style, absence};

/// Kinds and reasons shown; `--coverage` writes all of them.
const SHOWN_KINDS: usize = 5;

/// Unreadable objects shown; `--coverage` writes all of them.
const SHOWN_OBJECTS: usize = 10;

/// Writes what was read and what was not.
pub(crate) fn write_coverage(coverage: &Coverage, out: &mut dyn Write, style: Style) -> io::Result<()> {
    writeln!(out, "{}", painted(style, Paint::Strong, "coverage"))?;
    objects(coverage, out, style)?;
    field(out, style, "records", &records(coverage.records, coverage.conflicting_duplicates))?;
    kinds(out, style, "skipped", &coverage.skipped)?;
    kinds(out, style, "rejected", &coverage.rejected)?;
    sources(coverage, out, style)?;
    rules(coverage, out, style)?;
    exceptions(coverage, out, style)?;
    absence::lines(coverage).iter().try_for_each(|(label, text)| field(out, style, label, &escaped(text)))
}

fn objects(coverage: &Coverage, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let failed = match coverage.objects.failed {
        0 => String::new(),
        failed => format!(", {} failed", number(failed)),
    };
    let read = number(coverage.objects.read);
    field(out, style, "objects", &format!("{read} read{failed}, {}", bytes(coverage.bytes)))?;
    for object in coverage.failed.iter().take(SHOWN_OBJECTS) {
        field(out, style, "failed", &escaped(object.reason_with_name().as_ref()))?;
    }
    rest(out, style, "failed", coverage.failed.len().saturating_sub(SHOWN_OBJECTS))
}

fn records(records: Records, conflicting: u64) -> String {
    let conflicting = match conflicting {
        0 => String::new(),
        count => format!(" ({} conflicting)", number(count)),
    };
    format!(
        "{} read = {} + {}{conflicting} + {} skipped + {} rejected",
        number(records.read),
        counted(records.events, "event"),
        counted(records.duplicates, "duplicate"),
        number(records.skipped),
        number(records.rejected)
    )
}

/// The largest counts of a table, one a line.
fn kinds(out: &mut dyn Write, style: Style, label: &str, counts: &BTreeMap<String, u64>) -> io::Result<()> {
    let mut line_label = label;
    for (kind, count) in by_count(counts).into_iter().take(SHOWN_KINDS) {
        field(out, style, line_label, &format!("{} {}", number(count), Escaped(kind)))?;
        line_label = "";
    }
    rest(out, style, "", counts.len().saturating_sub(SHOWN_KINDS))
}

fn rest(out: &mut dyn Write, style: Style, label: &str, left_out: usize) -> io::Result<()> {
    if left_out == 0 {
        return Ok(());
    }
    field(out, style, label, &format!("and {left_out} more; --coverage FILE has all"))
}

fn sources(coverage: &Coverage, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut label = "sources";
    for (name, source) in &coverage.sources {
        field(out, style, label, &one_source(name, *source))?;
        label = "";
    }
    if coverage.sources.is_empty() {
        let was_cut = coverage.skipped.contains_key(OUT_OF_RANGE);
        let why = if was_cut { "none in the time range" } else { "none: no record of a log that is known here" };
        field(out, style, label, why)?;
    }
    Ok(())
}

fn one_source(name: &str, source: SourceCoverage) -> String {
    let mut text = format!("{}: {}", Escaped(name), counted(source.events, "event"));
    if let (Some(first), Some(last)) = (source.first, source.last) {
        text.push_str(", ");
        text.push_str(&span(first, last));
    }
    text
}

fn rules(coverage: &Coverage, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let rules = &coverage.rules;
    field(out, style, "rules", &format!("{} run, {} not evaluable", rules.run.len(), rules.not_evaluable.len()))?;
    by_reason(out, style, "not evaluable", &rules.not_evaluable)?;
    by_reason(out, style, "in part only", &rules.partial)
}

/// One line a reason, with all the rules that it holds for.
fn by_reason(out: &mut dyn Write, style: Style, what: &str, rules: &[NotEvaluable]) -> io::Result<()> {
    let mut reasons = BTreeMap::<&str, Vec<String>>::new();
    for rule in rules {
        reasons.entry(&rule.reason).or_default().push(escaped(&rule.rule));
    }
    for (reason, names) in reasons {
        field(out, style, "", &format!("{what}, {}: {}", Escaped(reason), names.join(", ")))?;
    }
    Ok(())
}

fn exceptions(coverage: &Coverage, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let exceptions = &coverage.exceptions;
    if exceptions.hidden_events > 0 || exceptions.hidden_findings > 0 {
        let events = counted(exceptions.hidden_events, "event");
        let findings = counted(exceptions.hidden_findings, "whole finding");
        field(out, style, "exceptions", &format!("hid {events}, {findings}"))?;
    }
    for unused in &exceptions.unused {
        field(out, style, "exceptions", &format!("unused: {}", Escaped(unused)))?;
    }
    Ok(())
}
