//! `markdown`: findings for wikis and tickets, worst first, then what was read.
//!
//! Everything that is not ours stands in code spans, in which nothing but their own fence means
//! anything.

use std::cmp::Reverse;
use std::io::{self, Write};

use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::report::document::{prose, rule_of};
use crate::report::escape::markdown_code as code;
use crate::report::layout::{bytes, counted, number};
use crate::report::table::{and_more, span};
use crate::report::{DIRECTIONS, Report, SEVERITIES, absence, direction_word, severity_word};
use crate::rule::Rule;

/// Pieces of evidence that are listed with a finding.
const EVIDENCE_SHOWN: usize = 5;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Findings\n")?;
    summary(report, out)?;
    let mut worst_first: Vec<&Finding> = report.findings.iter().collect();
    worst_first.sort_by_key(|finding| Reverse(finding.severity));
    for finding in worst_first {
        write_finding(finding, rule_of(report.rules, finding), out)?;
    }
    write_coverage(report.coverage, out)
}

/// Findings by severity and direction.
fn summary(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    if report.hidden_by_severity > 0 {
        let hidden = u64::try_from(report.hidden_by_severity).unwrap_or(u64::MAX);
        writeln!(out, "{} below `--min-severity` not shown.\n", counted(hidden, "finding"))?;
    }
    if report.findings.is_empty() {
        return writeln!(out, "Nothing was found.\n");
    }
    writeln!(out, "| | {} |", SEVERITIES.map(severity_word).join(" | "))?;
    writeln!(out, "|---|{}", "---:|".repeat(SEVERITIES.len()))?;
    for direction in DIRECTIONS {
        let rows = || report.findings.iter().filter(|finding| finding.direction == direction);
        if rows().next().is_some() {
            let cells = SEVERITIES.map(|severity| rows().filter(|row| row.severity == severity).count().to_string());
            writeln!(out, "| {} | {} |", direction_word(direction), cells.join(" | "))?;
        }
    }
    writeln!(out)
}

fn write_finding(finding: &Finding, rule: Option<&Rule>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## {}: {}\n", severity_word(finding.severity), finding.title)?;
    let who = [finding.principal_name.as_deref(), finding.principal_id.as_deref()];
    let who: Vec<String> = who.into_iter().flatten().map(code).collect();
    let who = if who.is_empty() { "not in the records".to_owned() } else { who.join(" ") };
    writeln!(out, "- **Rule** `{}`, fingerprint `{}`", finding.rule_id, finding.fingerprint)?;
    writeln!(
        out,
        "- **Who** {who}, {} ({}), confidence {:.2}",
        finding.identity_kind, finding.stream, finding.confidence
    )?;
    for (label, value) in [
        ("Done by", finding.actor_id.as_ref().filter(|actor| Some(*actor) != finding.principal_id.as_ref())),
        ("Workspace", finding.workspace_rid.as_ref()),
        ("On", finding.target_id.as_ref().or(finding.target_name.as_ref())),
    ] {
        if let Some(value) = value {
            writeln!(out, "- **{label}** {}", code(value))?;
        }
    }
    let events = counted(finding.events, "event");
    writeln!(out, "- **When** {}, {events}", span(finding.first_seen, finding.last_seen))?;
    for (column, values) in finding.details.iter().filter(|(_, values)| !values.is_empty()) {
        let values: Vec<String> = values.iter().map(|value| code(value)).collect();
        writeln!(out, "- {}: {}{}", code(column), values.join(", "), and_more(finding, column))?;
    }
    if !finding.attack.is_empty() {
        let attack: Vec<String> = finding.attack.iter().map(|id| code(id)).collect();
        writeln!(out, "- **ATT&CK** {}", attack.join(", "))?;
    }
    writeln!(out, "\nEvidence:\n")?;
    for row in finding.evidence.iter().take(EVIDENCE_SHOWN) {
        let place = code(&format!("{}:{}", row.object, row.offset));
        writeln!(out, "- {} {} {place}, event {}", row.time, code(&row.operation), code(&row.event_uid))?;
    }
    let shown = u64::try_from(finding.evidence.len().min(EVIDENCE_SHOWN)).unwrap_or(u64::MAX);
    if shown < finding.events {
        writeln!(out, "- and {} more", number(finding.events - shown))?;
    }
    writeln!(out)?;
    for heading in ["Why it matters", "False positives", "What to do"] {
        if let Some(text) = rule.and_then(|rule| prose(rule, heading)) {
            writeln!(out, "**{heading}.** {text}\n")?;
        }
    }
    Ok(())
}

fn write_coverage(coverage: &Coverage, out: &mut dyn Write) -> io::Result<()> {
    let (objects, records) = (coverage.objects, coverage.records);
    writeln!(out, "# What was read\n")?;
    writeln!(
        out,
        "- {} read, {} failed, {}",
        counted(objects.read, "object"),
        number(objects.failed),
        bytes(coverage.bytes)
    )?;
    writeln!(
        out,
        "- {} read = {} events + {} duplicates + {} skipped + {} rejected",
        counted(records.read, "record"),
        number(records.events),
        number(records.duplicates),
        number(records.skipped),
        number(records.rejected)
    )?;
    for (source, seen) in &coverage.sources {
        let times =
            seen.first.zip(seen.last).map_or_else(String::new, |(first, last)| format!(", {}", span(first, last)));
        writeln!(out, "- {source}: {}{times}", counted(seen.events, "event"))?;
    }
    for failed in &coverage.failed {
        writeln!(out, "- not read: {}", code(&failed.reason_with_name()))?;
    }
    for lacking in &coverage.rules.not_evaluable {
        writeln!(out, "- not evaluable: {}, {}", code(&lacking.rule), code(&lacking.reason))?;
    }
    for partial in &coverage.rules.partial {
        writeln!(out, "- in part only: {}, {}", code(&partial.rule), code(&partial.reason))?;
    }
    if coverage.exceptions.hidden_events > 0 {
        writeln!(out, "- exceptions hid {}", counted(coverage.exceptions.hidden_events, "event"))?;
    }
    for (label, text) in absence::lines(coverage) {
        writeln!(out, "- {label}: {}", code(&text))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_finding_is_a_section_and_text_of_a_log_stands_in_code_spans() {
        let finding = Finding { target_id: Some("a`|<b>".to_owned()), ..samples::finding() };
        let coverage = Coverage::default();
        let report =
            Report { findings: std::slice::from_ref(&finding), coverage: &coverage, rules: &[], hidden_by_severity: 0 };
        let mut out = Vec::new();

        write(&report, &mut out).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("## high: Workspace identity reads a Key Vault secret\n"), "{text}");
        assert!(text.contains("- **On** ``a`|<b>``\n"), "{text}");
        assert!(text.contains("| infra-doing-data | 0 | 1 | 0 | 0 | 0 |\n"), "{text}");
        assert!(text.contains("`logs/a.json:100`, event `aa`\n"), "{text}");
    }
}
