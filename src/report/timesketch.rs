//! `timesketch`: JSON Lines for Timesketch, one piece of evidence a line.
//!
//! Timesketch asks for `message`, `datetime` and `timestamp_desc`, reads `timestamp` as
//! microseconds and `tag` as the tags of the event:
//! <https://timesketch.org/guides/user/import-from-json-csv/>. All other members are attributes
//! that can be searched.

use std::io::Write;

use serde_json::{Value, json};

use crate::finding::{EvidenceRow, Finding};
use crate::report::document::{techniques, two_places, without_empty};
use crate::report::escape::Escaped;
use crate::report::{Report, ReportError, direction_word, json, severity_word};

/// What the time of a line is the time of.
const TIME_OF: &str = "Event Logged";

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    for finding in report.findings {
        for row in &finding.evidence {
            writeln!(out, "{}", json::text(&without_empty(line(finding, row)))?).map_err(ReportError::write)?;
        }
    }
    Ok(())
}

fn line(finding: &Finding, row: &EvidenceRow) -> Value {
    let severity = severity_word(finding.severity);
    let who = finding.principal_name.as_ref().or(finding.principal_id.as_ref());
    let on = finding.target_name.as_ref().or(finding.target_id.as_ref());
    let part =
        |word: &str, text: Option<&String>| text.map_or_else(String::new, |text| format!("{word}{}", Escaped(text)));
    let message =
        format!("[{severity}] {}: {}{}{}", finding.title, Escaped(&row.operation), part(" by ", who), part(" on ", on));
    let tags = ["airside", severity, finding.stream.as_str()].into_iter().chain(techniques(&finding.attack));
    json!({
        "message": message,
        "datetime": offset_spelling(&row.time.to_string()),
        "timestamp": row.time.0,
        "timestamp_desc": TIME_OF,
        "data_type": "airside:finding:evidence",
        "tag": tags.collect::<Vec<_>>(),
        "rule_id": finding.rule_id,
        "title": finding.title,
        "severity": severity,
        "direction": direction_word(finding.direction),
        "stream": finding.stream,
        "identity_kind": finding.identity_kind,
        "confidence": two_places(finding.confidence),
        "principal_id": finding.principal_id,
        "principal_name": finding.principal_name,
        "actor_id": finding.actor_id,
        "workspace_rid": finding.workspace_rid,
        "target_id": finding.target_id,
        "target_name": finding.target_name,
        "operation": row.operation,
        "event_uid": row.event_uid,
        "object": row.object,
        "offset": row.offset,
        "length": row.length,
        "attack": finding.attack,
        "fingerprint": finding.fingerprint,
        "events": finding.events,
    })
}

/// Timesketch documents ISO 8601 with an offset.
fn offset_spelling(time: &str) -> String {
    time.strip_suffix('Z').map_or_else(|| time.to_owned(), |start| format!("{start}+00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_line_says_who_did_what_with_a_time_in_both_spellings() {
        let finding = samples::finding();

        let value = without_empty(line(&finding, &finding.evidence[1]));

        assert_eq!(
            value["message"],
            "[high] Workspace identity reads a Key Vault secret: secretlist by dbmanagedidentity on kv-prod"
        );
        assert_eq!(value["datetime"], "1970-01-01T00:00:00.000002+00:00");
        assert_eq!(value["timestamp"], 2);
        assert_eq!(value["timestamp_desc"], "Event Logged");
        assert_eq!(value["tag"], json!(["airside", "high", "dbmi", "T1555.006"]));
        assert_eq!(value["event_uid"], "bb");
        assert_eq!(value["offset"], 200);
    }
}
