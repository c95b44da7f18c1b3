//! `airside verify-custody`: whether objects and outputs are what a manifest recorded.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::place::place;
use super::{MANIFEST_VERSION, Role};
use crate::cancel::Cancel;
use crate::cli::args::custody::{VerifyArgs, VerifyFormat};
use crate::cli::engine::{available_threads, runtime, watch_signals};
use crate::cli::output::recorded::STDOUT;
use crate::cli::output::to_stdout;
use crate::cli::progress::Progress;
use crate::digest::Digest;
use crate::error::{ExitCode, RunError};
use crate::parallel;
use crate::report::escape::Escaped;
use crate::report::layout::counted;
use crate::report::{ReportError, SCHEMA_VERSION, json};
use crate::source::{self, ListOptions, Listing, Location, Object};

/// The folder of a lake that holds its log.
const LOG_FOLDER: &str = "/_delta_log/";

/// What of a manifest is verified.
#[derive(Debug, Deserialize)]
struct Manifest {
    schema_version: u32,
    lake: Option<Lake>,
    objects: Vec<Recorded>,
    files: Vec<Recorded>,
    outputs: Vec<Recorded>,
}

#[derive(Debug, Deserialize)]
struct Lake {
    version: u64,
}

/// An object, file or output as it was.
#[derive(Debug, Clone, Deserialize)]
struct Recorded {
    name: String,
    #[serde(default)]
    start: u64,
    bytes: u64,
    /// `None` where nothing of it could be read.
    sha256: Option<String>,
    #[serde(default = "yes")]
    whole: bool,
    role: Option<Role>,
}

fn yes() -> bool {
    true
}

/// What is said of something that is not as recorded, or cannot be held against the record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Difference {
    kind: Kind,
    /// As recorded; of what is new, as it is.
    name: String,
    detail: String,
}

/// Kinds of differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Changed,
    Missing,
    New,
    Unreadable,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::New => "new",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What was found. Field order is the JSON's.
#[derive(Debug, Default, Serialize)]
struct Verdict {
    schema_version: u32,
    /// Objects, files and outputs that are as recorded.
    as_recorded: Counts,
    differences: Vec<Difference>,
    /// Names of what is recorded without a hash, or was not there to be compared and need not be.
    not_compared: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Counts {
    objects: u64,
    files: u64,
    outputs: u64,
}

/// Something to hash: what was recorded of it, and where it is.
#[derive(Debug)]
struct Job<'m> {
    part: Part,
    recorded: &'m Recorded,
    object: Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Object,
    File,
    Output,
}

/// Verifies, prints, and says with which code to exit.
///
/// # Errors
///
/// [`RunError::Usage`] for what is no manifest, or a path that is not there.
pub fn run(args: &VerifyArgs) -> Result<ExitCode, RunError> {
    let manifest = read(&args.manifest)?;
    let listing = source::list(&args.paths, &ListOptions::default());
    let listing = listing.map_err(|error| RunError::usage(error.to_string()))?;
    let runtime = runtime(1)?;
    let cancel = Arc::new(Cancel::default());
    watch_signals(&runtime, &cancel)?;
    let mut verdict = Verdict { schema_version: SCHEMA_VERSION, ..Verdict::default() };
    let mut jobs = jobs(&manifest, listing, args, &mut verdict);
    // The longest first: the last one to end should be a short one.
    jobs.sort_by_key(|job| std::cmp::Reverse(job.object.size));
    let bytes = jobs.iter().fold(0, |bytes: u64, job| bytes.saturating_add(job.object.size));
    let progress = Progress::new(args.progress, bytes);
    let threads = args.threads.map_or_else(available_threads, NonZeroUsize::get);
    let compared = parallel::map(threads, jobs, |job| {
        (job.part, compare(job.recorded, &job.object, &mut |bytes| progress.add(bytes), &cancel))
    });
    let ended = cancel.check();
    progress.finish(&ended);
    ended?;
    for (part, difference) in compared {
        match (difference, part) {
            (Some(difference), _) => verdict.differences.push(difference),
            (None, Part::Object) => verdict.as_recorded.objects += 1,
            (None, Part::File) => verdict.as_recorded.files += 1,
            (None, Part::Output) => verdict.as_recorded.outputs += 1,
        }
    }
    verdict.differences.sort();
    verdict.not_compared.sort();
    to_stdout(|out| match args.format {
        VerifyFormat::Table => table(&verdict, out).map_err(ReportError::write),
        VerifyFormat::Json => json::write_pretty(out, &verdict),
    })?;
    Ok(if verdict.differences.is_empty() { ExitCode::Ran } else { ExitCode::Findings })
}

fn read(path: &Path) -> Result<Manifest, RunError> {
    let name = path.display();
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| RunError::usage(format!("cannot read {name}: {error}")))?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|error| RunError::usage(format!("{name} is no manifest of --custody: {error}")))?;
    if manifest.schema_version != MANIFEST_VERSION {
        return Err(RunError::usage(format!(
            "{name} is of version {}, and this program knows version {MANIFEST_VERSION}",
            manifest.schema_version
        )));
    }
    Ok(manifest)
}

/// Finds everything that was recorded; what cannot be found, and what was not recorded, is told.
fn jobs<'m>(manifest: &'m Manifest, listing: Listing, args: &VerifyArgs, verdict: &mut Verdict) -> Vec<Job<'m>> {
    let mut jobs = Vec::new();
    let own = outputs_and_files(manifest, args, &mut jobs, verdict);
    let Listing { mut objects, failed } = listing;
    objects.retain(|object| !is_own(object, &own) && is_of_lake(object, manifest.lake.as_ref()));
    let names: Vec<&str> = manifest.objects.iter().map(|object| object.name.as_str()).collect();
    let placed = place(&names, &objects, &args.paths);
    for (recorded, listed) in placed.pairs {
        let (Some(recorded), Some(object)) = (manifest.objects.get(recorded), objects.get(listed)) else { continue };
        let object = Object { start: recorded.start, ..object.clone() };
        jobs.push(Job { part: Part::Object, recorded, object });
    }
    let mut elsewhere = BTreeMap::new();
    for (name, reason) in failed {
        elsewhere.insert(name, reason);
    }
    for recorded in placed.missing.iter().filter_map(|at| manifest.objects.get(*at)) {
        match elsewhere.remove(&recorded.name) {
            _ if recorded.sha256.is_none() => verdict.not_compared.push(recorded.name.clone()),
            Some(reason) => verdict.differ(Kind::Unreadable, &recorded.name, reason),
            None => verdict.differ(Kind::Missing, &recorded.name, was(recorded)),
        }
    }
    let unfound = std::mem::take(&mut verdict.not_compared);
    let mut unfound: Vec<&Recorded> = manifest.outputs.iter().filter(|output| unfound.contains(&output.name)).collect();
    for object in placed.new.iter().filter_map(|at| objects.get(*at)) {
        // What went to standard output was kept under a name that nobody knows.
        let of_size = unfound.iter().position(|output| output.bytes == object.size && same(output, object));
        match of_size {
            Some(at) => {
                unfound.remove(at);
                verdict.as_recorded.outputs += 1;
            }
            None => verdict.differ(Kind::New, &object.name, format!("{} bytes", object.size)),
        }
    }
    for output in unfound {
        if output.name == STDOUT {
            verdict.not_compared.push("standard output".to_owned());
        } else {
            verdict.differ(Kind::Missing, &output.name, was(output));
        }
    }
    let nothing = manifest.objects.iter().filter(|object| object.sha256.is_none());
    verdict.not_compared.extend(nothing.map(|object| object.name.clone()));
    verdict.not_compared.dedup();
    jobs
}

/// Whether a file holds exactly what was written.
fn same(output: &Recorded, object: &Object) -> bool {
    let digest = source::digest(object, None, &mut |_| {}, &Cancel::default());
    digest.is_ok_and(|digest| Some(digest.sha256.to_string()) == output.sha256)
}

/// Looks for outputs, configuration and baseline; the files that are none of the objects. Outputs that
/// are nowhere are noted as not compared, for the time being.
fn outputs_and_files<'m>(
    manifest: &'m Manifest,
    args: &VerifyArgs,
    jobs: &mut Vec<Job<'m>>,
    verdict: &mut Verdict,
) -> Vec<PathBuf> {
    let mut own: Vec<PathBuf> = args.manifest.canonicalize().into_iter().collect();
    let beside = args.manifest.parent().unwrap_or(Path::new(""));
    let find = |recorded: &Recorded| {
        let path = Path::new(&recorded.name);
        let moved = path.file_name().map(|name| beside.join(name));
        std::iter::once(path.to_owned()).chain(moved).find(|path| path.is_file())
    };
    for output in &manifest.outputs {
        match find(output).filter(|_| output.name != STDOUT) {
            Some(path) => {
                own.extend(path.canonicalize());
                jobs.push(Job { part: Part::Output, recorded: output, object: local(path) });
            }
            None => verdict.not_compared.push(output.name.clone()),
        }
    }
    for file in &manifest.files {
        // A baseline that the run itself brought up to date is verified as the output that it became.
        if file.role == Some(Role::Baseline) && manifest.outputs.iter().any(|output| output.name == file.name) {
            continue;
        }
        match find(file) {
            Some(path) => {
                own.extend(path.canonicalize());
                jobs.push(Job { part: Part::File, recorded: file, object: local(path) });
            }
            None => verdict.differ(Kind::Missing, &file.name, was(file)),
        }
    }
    own
}

fn local(path: PathBuf) -> Object {
    let size = path.metadata().map_or(0, |metadata| metadata.len());
    Object { name: path.display().to_string(), location: Location::Local(path), size, start: 0, etag: None }
}

fn is_own(object: &Object, own: &[PathBuf]) -> bool {
    let Location::Local(path) = &object.location else { return false };
    path.canonicalize().is_ok_and(|path| own.contains(&path))
}

/// Of a lake the entries of its log count, up to the version that was read: it may have gone on.
fn is_of_lake(object: &Object, lake: Option<&Lake>) -> bool {
    let Some(Lake { version }) = lake else { return true };
    let name = object.name.rsplit('/').next().unwrap_or_default();
    object.name.contains(LOG_FOLDER) && log_version(name).is_some_and(|of| of <= *version)
}

#[cfg(feature = "lake")]
fn log_version(name: &str) -> Option<u64> {
    crate::lake::table::log_version(name)
}

#[cfg(not(feature = "lake"))]
fn log_version(_: &str) -> Option<u64> {
    Some(0)
}

fn was(recorded: &Recorded) -> String {
    format!("{} bytes were recorded", recorded.bytes)
}

/// What is different of something, if it is.
fn compare(recorded: &Recorded, object: &Object, passed: &mut dyn FnMut(u64), cancel: &Cancel) -> Option<Difference> {
    let difference = |kind, detail: String| Some(Difference { kind, name: recorded.name.clone(), detail });
    let Some(sha256) = &recorded.sha256 else {
        return None;
    };
    // Of what grew, what was recorded is compared; of standard input nothing is known before.
    let length = object.is_file().then_some(recorded.bytes);
    let found = match source::digest(object, length, passed, cancel) {
        Ok(found) => found,
        Err(error) => return difference(Kind::Unreadable, error.to_string()),
    };
    let Digest { bytes, sha256: found } = found;
    if bytes != recorded.bytes {
        return difference(Kind::Changed, format!("{bytes} bytes, and {} were recorded", recorded.bytes));
    }
    if found.to_string() != *sha256 {
        return difference(Kind::Changed, format!("SHA-256 {found}, and {sha256} was recorded"));
    }
    let end = recorded.start.saturating_add(recorded.bytes);
    if recorded.whole && object.size > end {
        let more = object.size - end;
        return difference(Kind::Changed, format!("{more} bytes were added; those before are as recorded"));
    }
    None
}

impl Verdict {
    fn differ(&mut self, kind: Kind, name: &str, detail: String) {
        self.differences.push(Difference { kind, name: name.to_owned(), detail });
    }
}

fn table(verdict: &Verdict, out: &mut dyn Write) -> std::io::Result<()> {
    for Difference { kind, name, detail } in &verdict.differences {
        writeln!(out, "{:<10}  {}: {}", kind.as_str(), Escaped(name), Escaped(detail))?;
    }
    for name in &verdict.not_compared {
        writeln!(out, "{:<10}  {}", "not checked", Escaped(name))?;
    }
    let Counts { objects, files, outputs } = &verdict.as_recorded;
    let (objects, outputs) = (counted(*objects, "object"), counted(*outputs, "output"));
    let others = if *files > 0 { format!(", and {}", counted(*files, "other file")) } else { String::new() };
    let said = format!("{objects} and {outputs} as recorded{others}");
    let different = u64::try_from(verdict.differences.len()).unwrap_or(u64::MAX);
    match different {
        0 => writeln!(out, "{said}"),
        _ => writeln!(out, "{said}; {}", counted(different, "difference")),
    }
}
