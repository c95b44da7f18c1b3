//! What the subjects share: temporary folders, reading through the whole pipeline, looking at
//! columns.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use airside::coverage::Coverage;
use airside::finding::exceptions::Exceptions;
use airside::lake::{Streams, TextView, text_column};
use airside::pipeline::{self, Analysis, Cancel, Loaded, Quarantine, Questions, ReadOptions, Unwatched};
use airside::rule::load::{Library, Selection};
use airside::{rule, source};
use arrow::record_batch::RecordBatch;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Whether heavy counts are run in full (`AIRSIDE_FULL=1`) instead of a share of them.
pub(crate) fn is_full() -> bool {
    std::env::var_os("AIRSIDE_FULL").is_some_and(|value| value != "0")
}

/// The project's own folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with these files, relative name and content.
pub(crate) fn folder<N: AsRef<str>, C: AsRef<[u8]>>(files: &[(N, C)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.as_ref()).unwrap();
    }
    folder
}

/// All files below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Reads everything under `path` with default options.
pub(crate) fn read(path: &Path) -> Loaded {
    read_with(path, &ReadOptions::default())
}

/// Reads with these options; counts must add up whatever was read.
pub(crate) fn read_with(path: &Path, options: &ReadOptions) -> Loaded {
    let listing = source::list(&[path.to_str().unwrap().to_owned()], &source::ListOptions::default()).unwrap();
    let mut quarantine = Quarantine::new(None);
    let loaded = pipeline::read(listing, options, &mut quarantine, &Unwatched, &Cancel::default()).unwrap();
    assert_adds_up(&loaded.coverage);
    loaded
}

/// The rules of the project, checked once for all tests.
pub(crate) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| runtime().block_on(rule::check::shipped()).unwrap())
}

/// A runtime for what is async.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Reads and runs all core rules.
pub(crate) fn scan(path: &Path, options: &ReadOptions) -> Analysis {
    scan_for(path, options, &Selection::default())
}

/// Reads and runs these rules.
pub(crate) fn scan_for(path: &Path, options: &ReadOptions, selection: &Selection) -> Analysis {
    let library = library();
    let questions = Questions {
        lists: Vec::new(),
        baseline: None,
        rules: library.select(selection).unwrap(),
        exceptions: Exceptions::new(Vec::new(), library).unwrap(),
        identities: true,
        matrix: true,
        activity: false,
        // What makes reading go to disk would not be enough for a query.
        memory_limit_bytes: options.memory_limit_bytes.max(256 << 20),
        threads: options.threads,
        limits: options.limits,
        rule_timeout: None,
    };
    let loaded = read_with(path, options);
    runtime().block_on(pipeline::analyse(loaded, questions, &Unwatched, &Cancel::default())).unwrap()
}

/// Reads one text as a file of its own.
pub(crate) fn read_text(content: impl AsRef<[u8]>) -> Loaded {
    let folder = folder(&[("input", content)]);
    read(folder.path())
}

/// Holds that every record is accounted for.
pub(crate) fn assert_adds_up(coverage: &Coverage) {
    let records = coverage.records;
    assert_eq!(records.read, records.events + records.duplicates + records.skipped + records.rejected, "{records:?}");
    assert_eq!(records.skipped, coverage.skipped.values().sum::<u64>());
    assert_eq!(records.rejected, coverage.rejected.values().sum::<u64>());
    assert_eq!(records.events, coverage.sources.values().map(|source| source.events).sum::<u64>());
}

/// All batches of classified events.
pub(crate) fn batches(loaded: &Loaded) -> Vec<&RecordBatch> {
    match &loaded.streams {
        #[cfg(feature = "lake")]
        Streams::Lake(_) => panic!("a lake holds no batches"),
        Streams::Memory(streams) => streams.iter().flatten().collect(),
        Streams::Files { .. } => panic!("events went to disk"),
    }
}

/// The values of text columns, event by event, sorted.
pub(crate) fn rows<const N: usize>(loaded: &Loaded, columns: [&str; N]) -> Vec<[Option<String>; N]> {
    let mut rows = Vec::new();
    for batch in batches(loaded) {
        let views: Vec<TextView<'_>> = columns.iter().map(|name| text_column(batch, name).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(std::array::from_fn(|at| views[at].get(row).map(str::to_owned)));
        }
    }
    rows.sort();
    rows
}

/// The uids of all events, sorted.
pub(crate) fn uids(loaded: &Loaded) -> Vec<String> {
    rows(loaded, ["event_uid"]).into_iter().map(|[uid]| uid.unwrap()).collect()
}

/// The most memory that a process has had so far, in KiB; `None` once it has ended.
pub(crate) fn peak_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    // The kernel writes kB and counts by 1024.
    peak.trim().strip_suffix(" kB")?.parse().ok()
}

/// A folder of real exports beside the project, where it is there.
pub(crate) fn real_logs() -> Option<PathBuf> {
    let folder = root().join("../shared/real-logs");
    if folder.is_dir() {
        return Some(folder);
    }
    skip(&format!("no real exports at {}", folder.display()));
    None
}

/// Says aloud that a test did not run.
pub(crate) fn skip(reason: &str) {
    say(&format!("SKIPPED: {reason}"));
}

/// Says something aloud: not by a macro, whose output the test runner keeps back.
pub(crate) fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}
