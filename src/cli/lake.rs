//! `airside lake`: look after a lake.

use std::sync::Arc;

use crate::cli::args::lake::LakeCommand;
use crate::cli::engine::{available_threads, half_of_memory, runtime, watch_signals};
use crate::cli::output::to_stdout;
use crate::error::{ExitCode, RunError};
use crate::lake::table::{Commit, Lake, LakeLocation, Verified};
use crate::pipeline::{self, Cancel};
use crate::report::ReportError;
use crate::report::escape::Escaped;
use crate::report::layout::counted;
use crate::time::UtcMicros;

/// Does what is asked for.
///
/// # Errors
///
/// Whatever ended the run.
pub fn run(command: &LakeCommand, now: UtcMicros) -> Result<ExitCode, RunError> {
    let name = match command {
        LakeCommand::Optimize(args) | LakeCommand::Verify(args) => &args.lake,
        LakeCommand::Vacuum(args) => &args.lake,
        LakeCommand::History(args) => &args.lake,
    };
    let threads = available_threads();
    let runtime = runtime(threads)?;
    let cancel = Arc::new(Cancel::default());
    watch_signals(&runtime, &cancel)?;
    let mut lake = open(name, &runtime)?.at(now);
    let mut code = ExitCode::Ran;
    let text = match command {
        LakeCommand::Optimize(_) => {
            let resources = (usize::try_from(half_of_memory()).unwrap_or(usize::MAX), threads);
            let optimized = pipeline::optimize(&mut lake, &runtime, resources, &cancel)?;
            format!("{} put together in {}\n", counted(optimized.before as u64, "file"), optimized.after)
        }
        LakeCommand::Vacuum(args) => {
            let deleted = runtime.block_on(lake.vacuum(args.keep_days, args.dry_run))?;
            let verb = if args.dry_run { "would be deleted" } else { "deleted" };
            let paths = deleted.iter().map(|path| Escaped(path).to_string());
            lines(paths.chain([format!("{} {verb}", counted(deleted.len() as u64, "file"))]))
        }
        LakeCommand::History(args) => history(&runtime.block_on(lake.history(args.limit))?),
        LakeCommand::Verify(_) => {
            let verified = runtime.block_on(lake.verify())?;
            if verified.problem_count > 0 {
                code = ExitCode::Internal;
            }
            report(&verified)
        }
    };
    to_stdout(|out| out.write_all(text.as_bytes()).map_err(ReportError::write))?;
    Ok(code)
}

/// Opens a lake that is there.
pub(super) fn open(name: &str, runtime: &tokio::runtime::Runtime) -> Result<Lake, RunError> {
    let location = LakeLocation::parse(name)?;
    let lake = runtime.block_on(Lake::open(&location))?;
    lake.ok_or_else(|| RunError::Usage {
        message: format!("{location} is no lake"),
        hint: Some("airside ingest PATH --lake LAKE makes one".to_owned()),
    })
}

fn history(commits: &[Commit]) -> String {
    let line = |commit: &Commit| {
        let summary: Vec<String> = commit.summary.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let time = commit.time.map_or_else(String::new, |time| time.to_string());
        format!(
            "{:>6}  {time:<24}  {:<12}  {}\n",
            commit.version,
            Escaped(&commit.operation),
            Escaped(&summary.join(", "))
        )
    };
    commits.iter().map(line).collect()
}

fn report(verified: &Verified) -> String {
    let Verified { files, events, objects, problem_count, problems } = verified;
    let verdict = if *problem_count == 0 { "all agree".to_owned() } else { counted(*problem_count, "problem") };
    let last = format!("{files} files, {events} events, {objects} objects in the ledger: {verdict}");
    lines(problems.iter().map(|problem| format!("problem: {}", Escaped(problem))).chain([last]))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}
