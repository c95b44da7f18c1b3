//! `json`: one document with the findings, one a line, and the coverage.

use std::io::Write;

use serde::Serialize;

use crate::coverage::Coverage;
use crate::report::{Report, ReportError, SCHEMA_VERSION, escape};

/// Writes `{"schema_version":…,"findings":[…],"coverage":{…}}`.
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    document(out, "findings", report.findings, Some(report.coverage))
}

/// Writes a document of rows, each on a line of its own, and what was read, where data was.
pub(crate) fn document(
    out: &mut dyn Write,
    rows_name: &str,
    rows: &[impl Serialize],
    coverage: Option<&Coverage>,
) -> Result<(), ReportError> {
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\"{rows_name}\":[").map_err(ReportError::write)?;
    for (index, row) in rows.iter().enumerate() {
        let separator = if index == 0 { "\n" } else { ",\n" };
        write!(out, "{separator}{}", text(row)?).map_err(ReportError::write)?;
    }
    let end = if rows.is_empty() { "" } else { "\n" };
    let coverage = match coverage {
        Some(coverage) => format!(",\"coverage\":{}", text(coverage)?),
        None => String::new(),
    };
    writeln!(out, "{end}]{coverage}}}").map_err(ReportError::write)
}

/// Writes one value with indentation, as for `--coverage`.
///
/// # Errors
///
/// [`ReportError::Write`] when `out` fails.
pub fn write_pretty(out: &mut dyn Write, value: &impl Serialize) -> Result<(), ReportError> {
    let json = serde_json::to_string_pretty(value).map_err(|source| ReportError::Json { source })?;
    writeln!(out, "{}", escape::json_safe(&json)).map_err(ReportError::write)
}

/// One value as JSON on one line, with nothing that a terminal would act on.
///
/// # Errors
///
/// [`ReportError::Json`]: a defect of ours.
pub fn text(value: &(impl Serialize + ?Sized)) -> Result<String, ReportError> {
    let json = serde_json::to_string(value).map_err(|source| ReportError::Json { source })?;
    Ok(escape::json_safe(&json).into_owned())
}
