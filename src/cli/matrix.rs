//! `airside matrix`: what the two identities of each workspace should do, did, and may do.

use std::io::Write;

use serde::Serialize;

use crate::cli::args::{MatrixArgs, MatrixFormat};
use crate::cli::custody::Custody;
use crate::cli::engine::{Engine, execute, list};
use crate::cli::output::{OutputFile, Outputs, Terminal, to_recorded_stdout};
use crate::cli::{Request, readability};
use crate::coverage::Coverage;
use crate::error::{ExitCode, RunError};
use crate::matrix::{CAVEAT, Matrix, markdown, table};
use crate::report::table::write_coverage;
use crate::report::{ReportError, SCHEMA_VERSION, Style, json};
use crate::time::UtcMicros;

/// Makes the matrix, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run.
pub fn run(args: &MatrixArgs, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    let request = Request { read: args.read.options(now)?, rules: None, matrix: true, activity: false, baseline: None };
    let format = args.format.unwrap_or(if terminal.is_stdout { MatrixFormat::Table } else { MatrixFormat::Json });
    let listing = list(&request.read)?;
    let engine = Engine::start(&request.read)?;
    let (mut outputs, mut reports) = Outputs::open_with(&args.read, &args.output, None)?;
    let scan = execute(&engine, &request, listing, (args.read.progress, &mut outputs))?;
    let no_matrix = Matrix::default();
    let report = Report { matrix: scan.matrix.as_ref().unwrap_or(&no_matrix), coverage: &scan.coverage };
    // Files first: what is in a file stays, whatever becomes of standard output.
    for (format, file) in &mut reports {
        file.write_with(|out| write(*format, report, out, Style::default()))?;
    }
    if let Some(file) = &mut outputs.coverage {
        file.write_with(|out| json::write_pretty(out, report.coverage))?;
    }
    reports.into_iter().map(|(_, file)| file).try_for_each(OutputFile::finish)?;
    let custody = outputs.custody.take();
    outputs.finish()?;
    to_recorded_stdout(custody.as_ref().map(Custody::log), |out| write(format, report, out, style))?;
    custody.map_or(Ok(()), |custody| custody.finish(now, &scan.facts()))?;
    Ok(readability(report.coverage))
}

/// The matrix, and what was read for it.
#[derive(Debug, Clone, Copy)]
struct Report<'a> {
    matrix: &'a Matrix,
    coverage: &'a Coverage,
}

/// The shape of `json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema_version: u32,
    #[serde(flatten)]
    matrix: &'a Matrix,
    caveat: &'static str,
    coverage: &'a Coverage,
}

fn write(format: MatrixFormat, report: Report<'_>, out: &mut dyn Write, style: Style) -> Result<(), ReportError> {
    let Report { matrix, coverage } = report;
    match format {
        MatrixFormat::Table => table::write(matrix, out, style)
            .and_then(|()| write_coverage(coverage, out, style))
            .map_err(ReportError::write),
        MatrixFormat::Json => {
            json::write_pretty(out, &Document { schema_version: SCHEMA_VERSION, matrix, caveat: CAVEAT, coverage })
        }
        MatrixFormat::Markdown => markdown::write(matrix, out).map_err(ReportError::write),
    }
}
