//! `airside ingest`: append what is new to a lake.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio::runtime::Runtime;

use crate::cli::args::ReadOptions;
use crate::cli::args::lake::IngestArgs;
use crate::cli::custody::{Custody, Facts};
use crate::cli::engine::{Kept, Machine, lake_of, list, runtime, show_rejected, watch_signals};
use crate::cli::output::{Outputs, Terminal, to_recorded_stdout};
use crate::cli::progress::Progress;
use crate::cli::readability;
use crate::error::{ExitCode, RunError};
use crate::lake::table::{Lake, LakeLocation};
use crate::pipeline::{self, AppendOptions, Appended, Cancel, Quarantine, Shard, Watch};
use crate::report::escape::Escaped;
use crate::report::layout::counted;
use crate::report::{ReportError, json};
use crate::source::{self, Listing, Window};
use crate::time::UtcMicros;

/// Appends, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run.
pub fn run(args: &IngestArgs, terminal: Terminal, now: UtcMicros) -> Result<ExitCode, RunError> {
    if args.read.config.is_some() {
        return Err(RunError::Usage {
            message: "a lake keeps events, of which a configuration says nothing".to_owned(),
            hint: Some("name --config where the lake is scanned".to_owned()),
        });
    }
    let read = args.read.options(now)?;
    refuse_what_is_no_archive(&read)?;
    refuse_shared_folder(&args.lake, &read)?;
    let job = Job {
        location: LakeLocation::parse(&args.lake)?,
        round_bytes: args.commit_bytes,
        shard: args.shard.unwrap_or_default(),
    };
    let listing = list(&read)?;
    let runtime = runtime(Machine::of(&read).threads)?;
    let cancel = Arc::new(Cancel::default());
    watch_signals(&runtime, &cancel)?;
    let mut outputs = Outputs::open(&args.read)?;
    let progress = Progress::new(args.read.progress, listing.stored_bytes());
    let mut quarantine = Quarantine::new(outputs.quarantine.as_mut().map(|file| file as &mut (dyn Write + Send)));
    let appended = job.append(&read, listing, &mut quarantine, (&runtime, &progress, &cancel, now));
    progress.finish(&appended);
    let appended = appended?;
    show_rejected(&appended.rejected, &appended.coverage, Kept::by(&outputs));
    if let Some(file) = &mut outputs.coverage {
        file.write_with(|out| json::write_pretty(out, &appended.coverage))?;
    }
    let custody = outputs.custody.take();
    outputs.finish()?;
    let log = custody.as_ref().map(Custody::log);
    to_recorded_stdout(log, |out| write(&appended, &job.location, terminal, out).map_err(ReportError::write))?;
    if let Some(custody) = custody {
        let (digests, coverage) = (&appended.digests, &appended.coverage);
        custody.finish(now, &Facts { digests, files: &[], rules: &[], query: None, coverage })?;
    }
    Ok(readability(&appended.coverage))
}

/// A lake takes objects that can be told apart: what was read from a pipe cannot, and what is in a lake
/// is in one already.
pub(super) fn refuse_what_is_no_archive(read: &ReadOptions) -> Result<(), RunError> {
    if read.paths.iter().any(|path| path == "-") {
        return Err(RunError::usage(
            "a lake takes files and blobs, not standard input: whether it was read before cannot be known",
        ));
    }
    if let Some(lake) = lake_of(&ReadOptions { inventory: Vec::new(), ..read.clone() })? {
        return Err(RunError::usage(format!("{} is a lake itself, not an archive", source::without_query(lake))));
    }
    Ok(())
}

/// A lake among the logs would be read as logs, and logs in a lake's folder are taken for its own.
fn refuse_shared_folder(lake: &str, read: &ReadOptions) -> Result<(), RunError> {
    let folder = |path: &str| std::fs::canonicalize(path).ok().filter(|path| path.is_dir());
    // A lake that is not there yet will lie in a folder that is.
    let there = Path::new(lake).ancestors().find_map(|above| {
        let rest = Path::new(lake).strip_prefix(above).ok()?;
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        Some(std::fs::canonicalize(above).ok()?.join(rest))
    });
    let Some(there) = there.filter(|_| !lake.contains("://")) else { return Ok(()) };
    let is_shared = |logs: &PathBuf| logs.starts_with(&there) || there.starts_with(logs);
    match read.paths.iter().find(|path| folder(path).is_some_and(|logs| is_shared(&logs))) {
        None => Ok(()),
        Some(path) => Err(RunError::Usage {
            message: format!("the lake {lake} and the logs in {path} lie in each other"),
            hint: Some("name a folder for the lake beside that of the logs".to_owned()),
        }),
    }
}

/// Where to append, and how.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) location: LakeLocation,
    pub(super) round_bytes: u64,
    pub(super) shard: Shard,
}

impl Job {
    /// Appends what of a listing is new.
    pub(super) fn append(
        &self,
        read: &ReadOptions,
        listing: Listing,
        quarantine: &mut Quarantine<'_>,
        (runtime, watch, cancel, now): (&Runtime, &dyn Watch, &Cancel, UtcMicros),
    ) -> Result<Appended, RunError> {
        let options = AppendOptions {
            read: pipeline::ReadOptions { keeps_places: true, ..Machine::of(read).read_options(read) },
            round_bytes: self.round_bytes,
            shard: self.shard,
            // What is read is kept whole: the ledger knows objects, not parts of them.
            hours: Window::new(read.since, read.until),
        };
        let lake = runtime.block_on(Lake::open_or_create(&self.location, now));
        let mut lake = lake?;
        pipeline::append(&mut lake, listing, (&options, runtime), quarantine, (watch, cancel))
    }
}

/// A few lines for people, one JSON object for programs.
fn write(appended: &Appended, location: &LakeLocation, terminal: Terminal, out: &mut dyn Write) -> std::io::Result<()> {
    let coverage = &appended.coverage;
    if !terminal.is_stdout {
        let line = json!({
            "lake": location.to_string(),
            "version": appended.version,
            "commits": appended.commits,
            "objects": {
                "read": coverage.objects.read,
                "failed": coverage.objects.failed,
                "unchanged": appended.unchanged,
                "grown": appended.grown,
                "replaced": appended.replaced,
            },
            "bytes": coverage.bytes,
            "records": coverage.records,
            "amended": appended.amended,
            "reclassified": appended.reclassified,
        });
        return writeln!(out, "{line}");
    }
    let records = coverage.records;
    writeln!(out, "{} appended to {location}, version {}", counted(records.events, "event"), appended.version)?;
    writeln!(
        out,
        "{} read ({} grown), {} unchanged; {} duplicates, {} skipped, {} rejected",
        counted(coverage.objects.read, "object"),
        appended.grown,
        appended.unchanged,
        records.duplicates,
        records.skipped,
        records.rejected
    )?;
    if appended.amended + appended.reclassified > 0 {
        let (amended, reclassified) = (appended.amended, appended.reclassified);
        writeln!(out, "earlier events: {amended} amended by new records, {reclassified} classified again")?;
    }
    for name in &appended.replaced {
        writeln!(out, "replaced since it was read: {}", Escaped(name))?;
    }
    Ok(())
}
