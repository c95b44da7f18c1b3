//! What every command that reads has in common: what is listed, rules before data, one run over both.

mod machine;
mod notices;
mod settings;
mod signals;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use tokio::runtime::Runtime;

use super::args::{ProgressChoice, ReadOptions, RuleSelection};
use super::custody::{Facts, InputFile};
use super::inventory;
use super::output::Outputs;
use super::progress::Progress;
use crate::coverage::{Coverage, NotEvaluable};
use crate::error::RunError;
use crate::event::schema::ReadColumns;
use crate::finding::Finding;
use crate::finding::exceptions::Exceptions;
#[cfg(feature = "lake")]
use crate::lake::table::{is_lake_in_container, is_local_lake};
use crate::matrix::Matrix;
use crate::pipeline::{self, Analysis, Baseline, Cancel, Digests, Loaded, Quarantine, Questions, Reached};
use crate::report::IdentityRow;
use crate::report::activity::Activity;
use crate::rule::{Rule, Status, run};
use crate::source::{self, ListOptions, Listing};
use crate::sql::tables;

#[cfg(feature = "lake")]
pub(super) use machine::half_of_memory;
use machine::runtime_of_one_thread;
pub(super) use machine::{Machine, available_threads, runtime};
pub(super) use notices::{Kept, show_rejected};
use notices::{show_emptiness, show_left_out, show_stopped};
use settings::baseline_and_file;
pub(super) use settings::{baseline, config, config_and_file, library, selection, shipped_rules};
pub(super) use signals::watch_signals;

/// Most rules whose columns are looked for before anything is read.
const MOST_RULES_PLANNED: usize = 8;

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
        let Self { digests, files, rules, coverage, .. } = self;
        Facts { digests, files, rules, query: None, coverage }
    }
}

/// Lists what is to be read. Comes before output files are opened, so that none of them is listed.
pub(super) fn list(read: &ReadOptions) -> Result<Listing, RunError> {
    #[cfg(feature = "lake")]
    if lake_of(read)?.is_some() {
        return Ok(Listing::default());
    }
    #[cfg(not(feature = "lake"))]
    refuse_lakes(read)?;
    inventory::check(read)?;
    let inventory = read.inventory.iter().map(|path| path.display().to_string());
    let paths: Vec<String> = read.paths.iter().cloned().chain(inventory).collect();
    let options = ListOptions { since: read.since, until: read.until };
    source::list(&paths, &options).map_err(|error| RunError::usage(error.to_string()))
}

/// Read as logs, the files of a lake would be records that nobody understands.
#[cfg(not(feature = "lake"))]
fn refuse_lakes(read: &ReadOptions) -> Result<(), RunError> {
    let lake = read.paths.iter().find(|path| std::path::Path::new(path).join("_delta_log").is_dir());
    lake.map_or(Ok(()), |lake| Err(super::lacks(&format!("lakes, which {lake} is one of"))))
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
    let library = match &request.rules {
        Some(wanted) => library(runtime, &wanted.folders, &config, cancel)?,
        None => shipped_rules(runtime, &config, cancel)?,
    };
    let rules = match &request.rules {
        Some(wanted) => library.select(&selection(wanted, config.profile))?,
        None => Vec::new(),
    };
    let columns = runtime.block_on(cancel.interruptible(columns(request, &rules)))?;
    let baseline = request.baseline.as_deref().map(baseline_and_file).transpose()?;
    let files = config_file.into_iter().chain(baseline.as_ref().and_then(|(_, file)| file.clone())).collect();
    let lists = Lists { allowed_ip: config.allowed_ip_table()?, baseline: baseline.map(|(baseline, _)| baseline) };
    let exceptions = match &request.rules {
        Some(_) => Exceptions::new(config.expected, &library)?,
        None => Exceptions::without_rules(config.expected, &library),
    };
    let experimental =
        rules.iter().filter(|rule| rule.head.status == Status::Experimental).map(|rule| rule.head.id.clone());
    let experimental = experimental.collect();
    let asked_for = rules.iter().map(|rule| (*rule).clone()).collect();
    let progress = Progress::new(progress, listing.stored_bytes());
    let asked = (rules, columns, exceptions, lists);
    let ran = run(request, listing, asked, runtime, (machine, &progress, cancel, outputs));
    progress.finish(&ran);
    let (analysis, digests) = ran?;
    let Analysis { findings, coverage, identities, matrix, activity, baseline, rejected, stopped } = analysis;
    show_rejected(&rejected, &coverage, Kept::by(outputs));
    show_left_out(&coverage);
    show_stopped(&stopped);
    if request.rules.is_some() {
        show_emptiness(&coverage);
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
    let is_one_by_one = pipeline::rules_at_once(&loaded.streams, machine.memory_bytes, machine.threads) == 1;
    let of_one_thread = is_one_by_one.then(runtime_of_one_thread).transpose()?;
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
