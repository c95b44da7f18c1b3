//! `airside generate`: a labelled tenant to try scans, rules and machines on.

use crate::cli::args::generate::GenerateArgs;
use crate::cli::output::to_stdout;
use crate::cli::progress::Progress;
use crate::error::{ExitCode, RunError};
use crate::generate::{GenerateError, generate};
use crate::report::ReportError;
use crate::report::layout::counted;

/// Generates, and says with which code to exit.
///
/// # Errors
///
/// [`RunError::Usage`] for a folder with something in it, [`RunError::Internal`] where it cannot be
/// written to.
pub fn run(args: &GenerateArgs) -> Result<ExitCode, RunError> {
    let options = args.options()?;
    let progress = Progress::new(args.progress, 0);
    let truth = generate(&args.folder, &options, &mut |bytes, records| {
        progress.note(records, 0);
        progress.add(bytes);
    });
    let truth = truth.map_err(|error| match error {
        GenerateError::NotEmpty { .. } => RunError::Usage {
            message: error.to_string(),
            hint: Some("nothing is ever written over: name a folder that is empty or not there".to_owned()),
        },
        GenerateError::Write { what, source } => RunError::internal(format!("cannot write {what}"), source),
    });
    progress.finish(&truth);
    let truth = truth?;
    to_stdout(|out| {
        let records = counted(truth.records, "record");
        let incidents = counted(truth.incidents.len() as u64, "incident");
        let folder = args.folder.display();
        writeln!(out, "{records}, {} bytes, {incidents}: {folder}, told in truth.json", truth.bytes)
            .map_err(ReportError::write)
    })?;
    Ok(ExitCode::Ran)
}
