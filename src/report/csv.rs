//! `csv`: one finding a row, for spreadsheets.
//!
//! The columns are [`FINDING_COLUMNS`]. Text is guarded against running as a formula, and its
//! control and invisible characters are shown as `\u{..}`; `evidence`, `details`,
//! `details_left_out` and `attack` are JSON text. A null is an empty cell, and so is
//! `details_left_out` where nothing is left out. Lines end in a line feed.

use std::io::Write;

use crate::finding::Finding;
use crate::report::escape::csv_cell;
use crate::report::{FINDING_COLUMNS, Report, ReportError, direction_word, json, severity_word};

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let mut rows = ::csv::Writer::from_writer(out);
    rows.write_record(FINDING_COLUMNS).map_err(csv_error)?;
    for finding in report.findings {
        rows.write_record(cells(finding)?).map_err(csv_error)?;
    }
    rows.flush().map_err(ReportError::write)
}

/// The cells of a finding, in the order of [`FINDING_COLUMNS`].
fn cells(finding: &Finding) -> Result<[String; FINDING_COLUMNS.len()], ReportError> {
    let optional = |text: &Option<String>| text.as_deref().map(csv_cell).unwrap_or_default();
    Ok([
        csv_cell(&finding.rule_id),
        csv_cell(&finding.title),
        severity_word(finding.severity).to_owned(),
        direction_word(finding.direction).to_owned(),
        finding.stream.to_string(),
        finding.identity_kind.to_string(),
        finding.confidence.to_string(),
        optional(&finding.principal_id),
        optional(&finding.principal_name),
        optional(&finding.actor_id),
        optional(&finding.workspace_rid),
        optional(&finding.target_id),
        optional(&finding.target_name),
        finding.first_seen.to_string(),
        finding.last_seen.to_string(),
        finding.events.to_string(),
        json::text(&finding.evidence)?,
        json::text(&finding.details)?,
        if finding.details_left_out.is_empty() { String::new() } else { json::text(&finding.details_left_out)? },
        json::text(&finding.attack)?,
        csv_cell(&finding.fingerprint),
    ])
}

/// Brings back the error of the output itself, by whose kind a closed pipe is known.
pub(crate) fn csv_error(error: ::csv::Error) -> ReportError {
    match error.into_kind() {
        ::csv::ErrorKind::Io(source) => ReportError::Write { source },
        // Rows of unequal length: our arrays have a fixed length.
        other => ReportError::Write { source: std::io::Error::other(format!("{other:?}")) },
    }
}
