//! `table`: for people. What was found, worst first, then what was read and what was not.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::finding::Finding;
use crate::finding::fold::MOST_LEFT_OUT;
use crate::report::escape::{Escaped, escaped};
use crate::report::layout::{Paint, by_count, counted, field, number, padded, painted};
use crate::report::{DIRECTIONS, Report, SEVERITIES, Style, direction_word, severity_word};
use crate::rule::Severity;
use crate::time::UtcMicros;

mod coverage;

pub(crate) use coverage::write_coverage;

/// Columns of a direction in the grid.
const DIRECTION_COLUMNS: usize = 20;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write, style: Style) -> io::Result<()> {
    summary(report, out, style)?;
    let mut worst_first: Vec<&Finding> = report.findings.iter().collect();
    worst_first.sort_by_key(|finding| Reverse(finding.severity));
    for finding in worst_first {
        writeln!(out)?;
        write_finding(finding, out, style)?;
    }
    writeln!(out)?;
    write_coverage(report.coverage, out, style)
}

/// A line and a grid: findings by severity and direction.
fn summary(report: &Report<'_>, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let count = |severity: Severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let by_severity: Vec<String> = SEVERITIES
        .iter()
        .map(|&severity| (severity, count(severity)))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| {
            painted(style, Paint::Severity(severity), format!("{count} {}", severity_word(severity)))
        })
        .collect();
    let total = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
    if total == 0 {
        writeln!(out, "{}", painted(style, Paint::Strong, "no findings"))?;
    } else {
        writeln!(out, "{}: {}", painted(style, Paint::Strong, counted(total, "finding")), by_severity.join(", "))?;
    }
    if report.hidden_by_severity > 0 {
        let hidden = u64::try_from(report.hidden_by_severity).unwrap_or(u64::MAX);
        let note = format!("{} below --min-severity not shown", counted(hidden, "finding"));
        writeln!(out, "{}", painted(style, Paint::Faint, note))?;
    }
    if total == 0 {
        return Ok(());
    }
    writeln!(out)?;
    grid(report.findings, out, style)
}

fn grid(findings: &[Finding], out: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut head = format!("  {}", padded("", DIRECTION_COLUMNS));
    for severity in SEVERITIES {
        head.push_str("  ");
        head.push_str(severity_word(severity));
    }
    writeln!(out, "{}", painted(style, Paint::Faint, head))?;
    for direction in DIRECTIONS {
        let rows = || findings.iter().filter(|finding| finding.direction == direction);
        if rows().next().is_none() {
            continue;
        }
        write!(out, "  {}", padded(direction_word(direction), DIRECTION_COLUMNS))?;
        for severity in SEVERITIES {
            let count = rows().filter(|finding| finding.severity == severity).count();
            let columns = severity_word(severity).len();
            if count == 0 {
                write!(out, "  {:>columns$}", "-")?;
            } else {
                write!(out, "  {}", painted(style, Paint::Severity(severity), format_args!("{count:>columns$}")))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Details that the other lines of a finding say already.
const SAID_ELSEWHERE: [&str; 5] = ["operation", "op_class", "target_type", "target_name", "src_ip"];

/// What a person wants of a finding, in few lines; the other formats have everything.
fn write_finding(finding: &Finding, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let severity = severity_word(finding.severity).to_uppercase();
    writeln!(
        out,
        "{}  {}  {}",
        painted(style, Paint::Severity(finding.severity), severity),
        painted(style, Paint::Strong, escaped(&finding.title)),
        painted(style, Paint::Faint, escaped(&finding.rule_id))
    )?;
    field(out, style, "who", &principal(finding))?;
    if let Some(actor) = finding.actor_id.as_ref().filter(|actor| Some(*actor) != finding.principal_id.as_ref()) {
        field(out, style, "done by", &escaped(actor))?;
    }
    field(out, style, "did", &operations(finding))?;
    match (&finding.target_id, &finding.target_name) {
        (Some(id), _) => field(out, style, "on", &short_id(id))?,
        (None, Some(name)) => field(out, style, "on", &escaped(name))?,
        (None, None) => {}
    }
    let when = format!("{}, {}", span(finding.first_seen, finding.last_seen), counted(finding.events, "event"));
    field(out, style, "when", &when)?;
    let details: Vec<String> = finding
        .details
        .iter()
        .filter(|(column, values)| !values.is_empty() && !SAID_ELSEWHERE.contains(&column.as_str()))
        .map(|(column, values)| {
            let values: Vec<String> = values.iter().map(|value| short_id(value)).collect();
            format!("{} {}{}", Escaped(column), values.join(", "), and_more(finding, column))
        })
        .collect();
    if !details.is_empty() {
        field(out, style, "detail", &details.join("; "))?;
    }
    match finding.evidence.first() {
        Some(first) => field(out, style, "evidence", &format!("{}:{}", Escaped(&first.object), first.offset)),
        None => Ok(()),
    }
}

/// How many values of a `details` column are left out, as the end of the list of the others: empty
/// where none is.
pub(super) fn and_more(finding: &Finding, column: &str) -> String {
    let Some(&count) = finding.details_left_out.get(column) else { return String::new() };
    let least = if count >= MOST_LEFT_OUT { "at least " } else { "" };
    format!(", and {least}{} more", number(count))
}

/// An ARM id without its subscription and what all ids have, escaped: `rg-lake/microsoft.storage/…`.
/// Any other text as it is.
pub(super) fn short_id(id: &str) -> String {
    let mut parts = id.split('/').skip(1);
    let is_resource = parts.next() == Some("subscriptions") && parts.next().is_some();
    match parts.next() {
        Some("resourcegroups") if is_resource => {
            let rest: Vec<&str> = parts.filter(|part| *part != "providers").collect();
            escaped(&rest.join("/"))
        }
        _ => escaped(id),
    }
}

/// Name, kind, id, workspace and, where it is not certain, confidence.
pub(super) fn principal(finding: &Finding) -> String {
    let who = name_and_id(finding.principal_name.as_deref(), finding.principal_id.as_deref());
    let mut text = format!("{who}, {}", finding.identity_kind);
    if let Some(workspace) = finding.workspace_rid.as_deref().and_then(|rid| rid.rsplit('/').next()) {
        text.push_str(" of workspace ");
        text.push_str(&escaped(workspace));
    }
    if finding.confidence < 1.0 {
        text.push_str(&confidence(finding.confidence));
    }
    text
}

/// Confidence with two places, as the end of a text.
pub(crate) fn confidence(confidence: f32) -> String {
    format!(", confidence {confidence:.2}")
}

/// A name and an id of the same thing, escaped.
pub(crate) fn name_and_id(name: Option<&str>, id: Option<&str>) -> String {
    match (name, id) {
        (Some(name), Some(id)) if name != id => format!("{} {}", Escaped(name), Escaped(id)),
        (Some(one), _) | (None, Some(one)) => escaped(one),
        (None, None) => "(not in the records)".to_owned(),
    }
}

/// The first and last time of something.
pub(crate) fn span(first: UtcMicros, last: UtcMicros) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

/// Writes a field that may be absent.
pub(crate) fn optional(out: &mut dyn Write, style: Style, label: &str, text: Option<&str>) -> io::Result<()> {
    text.map_or(Ok(()), |text| field(out, style, label, &escaped(text)))
}

/// What was done, with counts. A finding carries the earliest of its events only, so the counts
/// are about these, and say so.
pub(super) fn operations(finding: &Finding) -> String {
    let mut counts = BTreeMap::<&str, u64>::new();
    for row in &finding.evidence {
        *counts.entry(&row.operation).or_default() += 1;
    }
    let done: Vec<String> =
        by_count(&counts).into_iter().map(|(name, count)| format!("{} x{}", Escaped(name), number(count))).collect();
    let shown = u64::try_from(finding.evidence.len()).unwrap_or(u64::MAX);
    let of_these =
        if shown < finding.events { format!(" (of the first {})", counted(shown, "event")) } else { String::new() };
    let from =
        finding.details.get("src_ip").filter(|addresses| !addresses.is_empty()).map_or_else(String::new, |from| {
            let addresses: Vec<String> = from.iter().map(|address| escaped(address)).collect();
            format!(", from {}{}", addresses.join(", "), and_more(finding, "src_ip"))
        });
    format!("{}{of_these}{from}", done.join(", "))
}
