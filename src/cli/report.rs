//! `airside report`: what was found, as one HTML file to hand over.

use std::io::Write as _;

use serde::Serialize;

use crate::cli::args::report::ReportArgs;
use crate::cli::args::values::OutputTarget;
use crate::cli::custody::shown;
use crate::cli::engine::{Engine, execute, list};
use crate::cli::output::{OutputFile, Outputs};
use crate::cli::scan::hide;
use crate::cli::{Request, completeness, readability, strongest};
use crate::error::{ExitCode, RunError};
use crate::matrix::duty::{DUTIES, Owner};
use crate::matrix::{CAVEAT, Matrix};
use crate::report::html::{self, Page};
use crate::report::layout::counted;
use crate::report::{Report, json};
use crate::time::UtcMicros;

/// Scans, writes the report, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run.
pub fn run(args: &ReportArgs, now: UtcMicros) -> Result<ExitCode, RunError> {
    let request = Request {
        read: args.read.options(now)?,
        rules: Some(args.choice.selection()?),
        matrix: true,
        activity: true,
        baseline: args.choice.baseline.clone(),
    };
    let listing = list(&request.read)?;
    let engine = Engine::start(&request.read)?;
    let target = OutputTarget { format: (), path: args.output.clone() };
    let (mut outputs, mut pages) = Outputs::open_with(&args.read, &[target], args.choice.baseline.as_ref())?;
    let mut scan = execute(&engine, &request, listing, (args.read.progress, &mut outputs))?;
    let hidden_by_severity = hide(&mut scan.findings, args.min_severity);
    let (matrix, activity) = (scan.matrix.take().unwrap_or_default(), scan.activity.take().unwrap_or_default());
    let facts = scan.facts();
    let inputs: Vec<String> = args.read.paths.iter().map(|path| shown(path)).collect();
    let page = Page {
        title: &args.title,
        inputs: &inputs,
        report: Report { findings: &scan.findings, coverage: &scan.coverage, rules: &scan.rules, hidden_by_severity },
        identities: &scan.identities,
        activity: &activity,
        matrix: &MatrixWithWords { matrix: &matrix, duties: duties(), caveat: CAVEAT },
    };
    for ((), file) in &mut pages {
        file.write_with(|out| html::write(&page, out))?;
    }
    if let Some(file) = &mut outputs.coverage {
        file.write_with(|out| json::write_pretty(out, page.report.coverage))?;
    }
    outputs.write_baseline(scan.baseline.as_ref())?;
    pages.into_iter().map(|((), file)| file).try_for_each(OutputFile::finish)?;
    let custody = outputs.custody.take();
    outputs.finish()?;
    custody.map_or(Ok(()), |custody| custody.finish(now, &facts))?;
    let found = counted(u64::try_from(scan.findings.len()).unwrap_or(u64::MAX), "finding");
    // Where standard error is closed nobody wants to know.
    writeln!(std::io::stderr(), "{}: {found}", args.output.display()).unwrap_or_default();
    Ok(strongest(&[readability(&scan.coverage), completeness(&scan.stopped)]))
}

/// The matrix, and what its words say.
#[derive(Debug, Serialize)]
struct MatrixWithWords<'a> {
    #[serde(flatten)]
    matrix: &'a Matrix,
    duties: Vec<DutyWords>,
    caveat: &'static str,
}

/// A duty in words.
#[derive(Debug, Serialize)]
struct DutyWords {
    word: &'static str,
    says: &'static str,
    whose: &'static str,
}

fn duties() -> Vec<DutyWords> {
    let whose = |owner| match owner {
        Owner::Dbmi => "DBMI",
        Owner::Adac => "ADAC",
        Owner::Neither => "neither",
        Owner::Anyone => "anyone",
    };
    DUTIES.iter().map(|row| DutyWords { word: row.word, says: row.says, whose: whose(row.owner) }).collect()
}
