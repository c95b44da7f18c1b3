//! What every command that reads has in common: rules before data, signals, progress.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::AbortHandle;

use super::args::{ProgressChoice, ReadOptions, RuleSelection};
use super::custody::{Facts, InputFile, Role};
use super::inventory;
use super::output::Outputs;
use super::progress::Progress;
use crate::coverage::{Coverage, NotEvaluable};
use crate::digest::Digest;
use crate::error::{ExitCode, RunError};
use crate::event::schema::ReadColumns;
use crate::finding::Finding;
use crate::finding::exceptions::{Config, Exceptions};
use crate::lake::Streams;
#[cfg(feature = "lake")]
use crate::lake::table::{is_lake_in_container, is_local_lake};
use crate::limits::Limits;
use crate::matrix::Matrix;
use crate::pipeline::{
    self, Analysis, Baseline, Cancel, Digests, Loaded, Quarantine, Quarantined, Questions, Reached, Watch,
};
use crate::report::activity::Activity;
use crate::report::escape::Escaped;
use crate::report::{IdentityRow, absence};
use crate::rule::load::{Library, Selection};
use crate::rule::{self, Profile, Rule, Status, run};
use crate::source::{self, ListOptions, Listing};
use crate::sql::tables;
use crate::time::UtcMicros;

/// Rejected records that are named on standard error; the quarantine file has all of them.
const REJECTED_SHOWN: usize = 5;

/// Most rules whose columns are looked for before anything is read.
const MOST_RULES_PLANNED: usize = 8;
/// Stack of a thread, as the first one has (8 MiB): plans are walked by recursion.
const STACK_BYTES: usize = 8 << 20;

/// Memory that is used where the machine does not say how much it has (4 GiB).
const FALLBACK_MEMORY_BYTES: u64 = 4 << 30;

/// Blocks of the input that would fill the memory: with little of it, blocks are small.
const BLOCKS_IN_MEMORY: usize = 128;

/// Where this is set, a run says on standard error how far the fast way of reading reached:
/// `benches/compare` asks.
const BENCH_VARIABLE: &str = "AIRSIDE_BENCH";

/// What to read, and which rules to run over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// What to read.
    pub(super) read: ReadOptions,
    /// The rules; `None` where identities are all that is asked for.
    pub(super) rules: Option<RuleSelection>,
    /// The file that keeps what earlier runs saw.
    pub(super) baseline: Option<PathBuf>,
    /// Whether the matrix of the two identities is asked for.
    pub(super) matrix: bool,
    /// Whether counts for charts are asked for.
    pub(super) activity: bool,
}

/// What a run gives.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// What was found, in order; empty without rules.
    pub(super) findings: Vec<Finding>,
    /// What was read.
    pub(super) coverage: Coverage,
    /// Every principal, where no rules were asked for.
    pub(super) identities: Vec<IdentityRow>,
    /// The matrix of the two identities, where asked for.
    pub(super) matrix: Option<Matrix>,
    /// Counts for charts, where asked for.
    pub(super) activity: Option<Activity>,
    /// Ids of the rules that are experimental: their findings do not count for `--fail-on`.
    pub(super) experimental: BTreeSet<String>,
    /// The rules that were asked for.
    pub(super) rules: Vec<Rule>,
    /// The baseline after this run, where one is kept.
    pub(super) baseline: Option<Baseline>,
    /// What was read of each object, where asked for.
    pub(super) digests: Digests,
    /// What else was read.
    pub(super) files: Vec<InputFile>,
    /// The rules that were stopped because they asked for more time or memory than they may have.
    pub(super) stopped: Vec<NotEvaluable>,
}

impl Scan {
    /// What a manifest says of the run.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts { digests: &self.digests, files: &self.files, rules: &self.rules, coverage: &self.coverage }
    }
}

/// Lists what is to be read. Comes before output files are opened, so that none of them is listed.
pub(super) fn list(read: &ReadOptions) -> Result<Listing, RunError> {
    #[cfg(feature = "lake")]
    if lake_of(read)?.is_some() {
        return Ok(Listing::default());
    }
    inventory::check(read)?;
    let inventory = read.inventory.iter().map(|path| path.display().to_string());
    let paths: Vec<String> = read.paths.iter().cloned().chain(inventory).collect();
    let options = ListOptions { since: read.since, until: read.until };
    source::list(&paths, &options).map_err(|error| RunError::usage(error.to_string()))
}

/// The lake that is to be read, if it is one.
///
/// # Errors
///
/// [`RunError::Usage`] where something else is named beside it.
#[cfg(feature = "lake")]
pub(super) fn lake_of(read: &ReadOptions) -> Result<Option<&str>, RunError> {
    let has_blobs = read.paths.iter().any(|path| path.contains("://"));
    let runtime = if has_blobs { Some(runtime_of_one_thread()?) } else { None };
    let is_lake = |path: &&String| {
        is_local_lake(path) || runtime.as_ref().is_some_and(|runtime| runtime.block_on(is_lake_in_container(path)))
    };
    let Some(lake) = read.paths.iter().find(is_lake) else { return Ok(None) };
    let shown = source::without_query(lake);
    if read.paths.len() + read.inventory.len() > 1 {
        return Err(RunError::Usage {
            message: format!("{shown} is a lake, which is read alone"),
            hint: Some(format!("airside ingest PATH --lake {shown} adds logs and inventories to it")),
        });
    }
    Ok(Some(lake))
}

/// A runtime for what is async.
///
/// # Errors
///
/// [`RunError::Internal`] where the machine gives no threads.
pub(super) fn runtime(threads: usize) -> Result<Runtime, RunError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| RunError::internal("cannot start threads", error))
}

/// A run that listens for signals. It is to be begun before output files are, so that none is left
/// under way by a signal that nobody heard.
pub(super) struct Engine {
    machine: Machine,
    runtime: Runtime,
    cancel: Arc<Cancel>,
}

impl Engine {
    /// Begins to listen for signals.
    pub(super) fn start(read: &ReadOptions) -> Result<Self, RunError> {
        let machine = Machine::of(read);
        let runtime = runtime(machine.threads)?;
        let cancel = Arc::new(Cancel::default());
        watch_signals(&runtime, &cancel)?;
        Ok(Self { machine, runtime, cancel })
    }
}

/// Checks the rules, reads, runs them, and shows progress meanwhile.
pub(super) fn execute(
    engine: &Engine,
    request: &Request,
    listing: Listing,
    (progress, outputs): (ProgressChoice, &mut Outputs),
) -> Result<Scan, RunError> {
    let Engine { machine, runtime, cancel } = engine;
    let (config, config_file) = config_and_file(request.read.config.as_deref())?;
    let folders = request.rules.as_ref().map(|rules| rules.folders.as_slice()).unwrap_or_default();
    let library = library(runtime, folders, &config, cancel)?;
    let rules = match &request.rules {
        Some(wanted) => library.select(&selection(wanted, config.profile))?,
        None => Vec::new(),
    };
    let columns = runtime.block_on(cancel.interruptible(columns(request, &rules)))?;
    let baseline = request.baseline.as_deref().map(baseline_and_file).transpose()?;
    let files = config_file.into_iter().chain(baseline.as_ref().and_then(|(_, file)| file.clone())).collect();
    let lists = Lists { allowed_ip: config.allowed_ip_table()?, baseline: baseline.map(|(baseline, _)| baseline) };
    let exceptions = Exceptions::new(config.expected, &library)?;
    let experimental =
        rules.iter().filter(|rule| rule.head.status == Status::Experimental).map(|rule| rule.head.id.clone());
    let experimental = experimental.collect();
    let asked_for = rules.iter().map(|rule| (*rule).clone()).collect();
    let progress = Progress::new(progress, listing.stored_bytes());
    let asked = (rules, columns, exceptions, lists);
    let ran = run(request, listing, asked, runtime, (machine, &progress, cancel, outputs));
    progress.finish();
    let (analysis, digests) = ran?;
    let Analysis { findings, coverage, identities, matrix, activity, baseline, rejected, stopped } = analysis;
    show_rejected(&rejected, &coverage, outputs.quarantine.is_some());
    show_left_out(&coverage);
    for NotEvaluable { rule, reason } in &stopped {
        writeln!(io::stderr(), "the rule '{}' was {}", Escaped(rule), Escaped(reason)).unwrap_or_default();
    }
    let rules = asked_for;
    Ok(Scan {
        findings,
        coverage,
        identities,
        matrix,
        activity,
        experimental,
        rules,
        baseline,
        digests,
        files,
        stopped,
    })
}

/// The columns of events that a few rules read. Planning takes some milliseconds a rule: of many
/// rules, which leave out next to nothing, it would cost more than it saves.
async fn columns(request: &Request, rules: &[&Rule]) -> Result<ReadColumns, RunError> {
    let is_all = request.baseline.is_some() || request.matrix || request.activity;
    if is_all || rules.is_empty() || rules.len() > MOST_RULES_PLANNED {
        return Ok(ReadColumns::ALL);
    }
    let empty = tables::empty_session().await?;
    let mut names = BTreeSet::new();
    for rule in rules {
        names.extend(run::columns_read(&empty, rule).await?);
    }
    Ok(ReadColumns::of(&names))
}

/// How much of the machine to use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    pub(super) threads: usize,
    pub(super) memory_bytes: usize,
    limits: Limits,
    now: Option<UtcMicros>,
}

impl Machine {
    /// What was asked for, else all threads and half of the memory.
    pub(super) fn of(read: &ReadOptions) -> Self {
        let threads = read.threads.map_or_else(available_threads, NonZeroUsize::get);
        Self { threads, memory_bytes: memory_limit(read), limits: read.limits, now: read.now }
    }

    /// How to read everything with so much of the machine.
    pub(super) fn read_options(&self, read: &ReadOptions) -> pipeline::ReadOptions {
        pipeline::ReadOptions {
            hashing: read.hashing,
            redaction: read.redaction,
            memory_limit_bytes: self.memory_bytes,
            threads: self.threads,
            limits: self.limits,
            now: self.now,
            block_bytes: pipeline::BLOCK_BYTES.min(self.memory_bytes / BLOCKS_IN_MEMORY),
            ..pipeline::ReadOptions::default()
        }
    }
}

/// What the user lists besides inventory.
struct Lists {
    allowed_ip: RecordBatch,
    baseline: Option<Baseline>,
}

fn run(
    request: &Request,
    listing: Listing,
    (rules, columns, exceptions, lists): (Vec<&Rule>, ReadColumns, Exceptions, Lists),
    runtime: &Runtime,
    (machine, progress, cancel, outputs): (&Machine, &Progress, &Cancel, &mut Outputs),
) -> Result<(Analysis, Digests), RunError> {
    let mut loaded = load((&request.read, columns), listing, outputs, (machine, progress, cancel))?;
    let digests = std::mem::take(&mut loaded.digests);
    let questions = Questions {
        lists: vec![("allowed_ip", lists.allowed_ip)],
        baseline: lists.baseline,
        identities: request.rules.is_none(),
        matrix: request.matrix,
        activity: request.activity,
        rules,
        exceptions,
        memory_limit_bytes: machine.memory_bytes,
        threads: machine.threads,
        limits: machine.limits,
        rule_timeout: request.rules.as_ref().and_then(|rules| rules.timeout),
    };
    let of_one_thread = match loaded.streams {
        Streams::Memory(_) => None,
        Streams::Files { .. } => Some(runtime_of_one_thread()?),
        #[cfg(feature = "lake")]
        Streams::Lake(_) => None,
    };
    let runtime = of_one_thread.as_ref().unwrap_or(runtime);
    let analysis = runtime.block_on(pipeline::analyse(loaded, questions, progress, cancel))?;
    Ok((analysis, digests))
}

/// Reads what was listed, for queries of these columns; rejected records go to the quarantine file,
/// where there is one.
pub(super) fn load(
    (read, columns): (&ReadOptions, ReadColumns),
    listing: Listing,
    outputs: &mut Outputs,
    (machine, progress, cancel): (&Machine, &Progress, &Cancel),
) -> Result<Loaded, RunError> {
    #[cfg(feature = "lake")]
    if let Some(name) = lake_of(read)? {
        let runtime = runtime_of_one_thread()?;
        let lake = super::lake::open(name, &runtime)?;
        return pipeline::open_lake(&lake, (read.since, read.until), &runtime, (machine.threads, read.hashing));
    }
    let options = pipeline::ReadOptions { since: read.since, until: read.until, columns, ..machine.read_options(read) };
    let mut quarantine = Quarantine::new(outputs.quarantine.as_mut().map(|file| file as &mut (dyn Write + Send)));
    let loaded = pipeline::read(listing, &options, &mut quarantine, progress, cancel)?;
    if std::env::var_os(BENCH_VARIABLE).is_some() {
        let Reached { by_members, known_layouts } = loaded.reached;
        let line = format!("reached: {by_members} records by members, {known_layouts} by known layouts");
        writeln!(io::stderr(), "{line}").unwrap_or_default();
    }
    Ok(loaded)
}

/// A runtime for rules over files, which go one by one: every thread more would keep memory of its
/// own, and not use what this one is done with.
fn runtime_of_one_thread() -> Result<Runtime, RunError> {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .map_err(|error| RunError::internal("cannot start threads", error))
}

/// Threads that the machine has.
pub(super) fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// What was asked for, else half of the machine's memory.
pub(super) fn memory_limit(read: &ReadOptions) -> usize {
    let bytes = read.memory_limit.unwrap_or_else(half_of_memory);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Half of the machine's memory, in bytes.
pub(super) fn half_of_memory() -> u64 {
    machine_memory().unwrap_or(FALLBACK_MEMORY_BYTES) / 2
}

/// The machine's memory in bytes, as Linux says it.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read("/proc/meminfo").ok()?;
    let text = String::from_utf8(text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// A file that does not exist yet is an empty baseline: this run begins it.
pub(super) fn baseline(path: &Path) -> Result<Baseline, RunError> {
    baseline_and_file(path).map(|(baseline, _)| baseline)
}

fn baseline_and_file(path: &Path) -> Result<(Baseline, Option<InputFile>), RunError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let baseline = Baseline::parse(&name, &text)?;
            Ok((baseline, Some(InputFile { role: Role::Baseline, name, digest: Digest::of(text.as_bytes()) })))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((Baseline::default(), None)),
        Err(error) => Err(RunError::usage(format!("cannot read {name}: {error}"))),
    }
}

/// The configuration of the file that is named, or an empty one.
pub(super) fn config(path: Option<&Path>) -> Result<Config, RunError> {
    config_and_file(path).map(|(config, _)| config)
}

/// The same, and what the file held.
pub(super) fn config_and_file(path: Option<&Path>) -> Result<(Config, Option<InputFile>), RunError> {
    let Some(path) = path else { return Ok((Config::default(), None)) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| RunError::usage(format!("cannot read {name}: {error}")))?;
    let config = Config::parse(&name, &text)?;
    Ok((config, Some(InputFile { role: Role::Configuration, name, digest: Digest::of(text.as_bytes()) })))
}

/// The rules, all of them checked, with what the configuration says of them.
pub(super) fn library(
    runtime: &Runtime,
    folders: &[PathBuf],
    config: &Config,
    cancel: &Cancel,
) -> Result<Library, RunError> {
    let mut library = runtime.block_on(cancel.interruptible(rule::check::load(folders)))?;
    library.configure(&config.rules)?;
    Ok(library)
}

pub(super) fn selection(wanted: &RuleSelection, configured: Option<Profile>) -> Selection {
    Selection {
        profiles: wanted.profiles.iter().copied().chain(configured).collect(),
        only: wanted.only.clone(),
        enable: wanted.enable.clone(),
        disable: wanted.disable.clone(),
    }
}

/// Asks the run to end when a signal says so. A second signal ends it at once.
///
/// Nobody watches any more once the tasks are aborted.
pub(super) fn watch_signals(runtime: &Runtime, cancel: &Arc<Cancel>) -> Result<Vec<AbortHandle>, RunError> {
    let _context = runtime.enter();
    let mut watching = Vec::new();
    for (kind, code) in
        [(SignalKind::interrupt(), ExitCode::Interrupted), (SignalKind::terminate(), ExitCode::Terminated)]
    {
        let mut signals = signal(kind).map_err(|error| RunError::internal("cannot listen for signals", error))?;
        let cancel = Arc::clone(cancel);
        let task = runtime.spawn(async move {
            let mut asked = false;
            while signals.recv().await.is_some() {
                if asked {
                    exit_now(code);
                }
                asked = true;
                cancel.cancel(code);
            }
        });
        watching.push(task.abort_handle());
    }
    Ok(watching)
}

#[expect(clippy::exit, reason = "asked twice to end: what is under way is given up, temporary files stay")]
fn exit_now(code: ExitCode) {
    std::process::exit(code as i32);
}

/// Names the first rejected records on standard error, and says where the others are.
pub(super) fn show_rejected(rejected: &[Quarantined], coverage: &Coverage, has_quarantine: bool) {
    let mut err = io::stderr().lock();
    let mut say = |line: String| writeln!(err, "{line}").unwrap_or_default();
    for record in rejected.iter().take(REJECTED_SHOWN) {
        let detail = record.detail.as_deref().map_or_else(String::new, |detail| format!(": {}", Escaped(detail)));
        let number = record.record.map_or_else(String::new, |number| format!(", record {number}"));
        say(format!(
            "rejected: {} at byte {}{number}: {}{detail}",
            Escaped(&record.object),
            record.offset,
            Escaped(&record.reason)
        ));
    }
    let all = coverage.records.rejected + coverage.conflicting_duplicates;
    let shown = u64::try_from(rejected.len().min(REJECTED_SHOWN)).unwrap_or(0);
    if all > shown && !has_quarantine {
        say(format!("rejected: {} more; --quarantine FILE keeps all of them", all - shown));
    }
    for failed in &coverage.failed {
        say(format!("cannot read {}", Escaped(&failed.reason)));
    }
}

/// Names the rules of which findings are left out, on standard error: not every format says so.
fn show_left_out(coverage: &Coverage) {
    let mut err = io::stderr().lock();
    for capped in &coverage.rules.capped {
        // Where standard error is closed nobody wants to know.
        writeln!(err, "left out: {}", Escaped(&absence::left_out(capped))).unwrap_or_default();
    }
}

impl Watch for Progress {
    fn read(&self, stored_bytes: u64) {
        self.add(stored_bytes);
    }

    fn decoded(&self, records: u64, rejected: u64) {
        self.note(records, records.saturating_sub(rejected), rejected);
    }

    fn stage(&self, name: &str) {
        self.stage_is(name);
    }
}
