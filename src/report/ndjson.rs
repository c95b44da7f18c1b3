//! `ndjson`: one finding a line, fields in the order of the struct.

use std::io::Write;

use crate::report::{Report, ReportError, json};

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    for finding in report.findings {
        writeln!(out, "{}", json::text(finding)?).map_err(ReportError::write)?;
    }
    Ok(())
}
