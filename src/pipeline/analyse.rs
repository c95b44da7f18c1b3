//! Over what was read: the session with its tables, the rules, their findings, the identities.

use std::collections::BTreeSet;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use super::ahead::{Ahead, Evidence, Piece};
use super::baseline::Baseline;
use super::{Cancel, Loaded, Quarantined, Watch, absence, activity, identities};
use crate::coverage::{Capped, Coverage, NotEvaluable};
use crate::error::RunError;
use crate::event::vocabulary::Stream;
use crate::finding::Finding;
use crate::finding::exceptions::Exceptions;
use crate::finding::fold::{self, Folder, Identities, LeftOut};
use crate::lake::Streams;
use crate::limits::Limits;
use crate::matrix::{self, Matrix};
use crate::report::activity::Activity;
use crate::report::{IdentityRow, severity_word};
use crate::rule::Rule;
use crate::rule::run::{self, Evaluability};
use crate::sql::session::{self, SessionOptions};
use crate::sql::tables::{self, EventTable, StreamTables};

/// Share of the memory limit for queries: what decoded events in memory leave is half, and half
/// of that is for what the engine does not account for.
const QUERY_SHARE: usize = 4;

/// Memory for each thread of a query (128 MiB): with less, what each holds back leaves nothing for
/// putting their results together.
const BYTES_OF_A_THREAD: usize = 128 << 20;

/// Memory limit for each rule that reads files beside others (512 MiB).
const BYTES_OF_A_RULE: usize = 512 << 20;

/// What the rules found, and what was read.
#[derive(Debug)]
pub struct Analysis {
    /// In the order of reports.
    pub findings: Vec<Finding>,
    /// Complete: what was read, and which rules ran.
    pub coverage: Coverage,
    /// Every principal, where asked for.
    pub identities: Vec<IdentityRow>,
    /// What the two identities should do and did, where asked for.
    pub matrix: Option<Matrix>,
    /// What the two streams did over time, where asked for.
    pub activity: Option<Activity>,
    /// The baseline after this run, where one was given.
    pub baseline: Option<Baseline>,
    /// The first rejected records.
    pub rejected: Vec<Quarantined>,
    /// The rules that were stopped because they asked for more time or memory than they may have;
    /// they are among those that could not be evaluated.
    pub stopped: Vec<NotEvaluable>,
}

/// What to do with what was read.
#[derive(Debug)]
pub struct Questions<'q> {
    /// The rules to run.
    pub rules: Vec<&'q Rule>,
    /// What is expected, and so hidden.
    pub exceptions: Exceptions,
    /// Side tables that the user gives, such as `allowed_ip`.
    pub lists: Vec<(&'static str, RecordBatch)>,
    /// What earlier runs saw, where it is kept.
    pub baseline: Option<Baseline>,
    /// Whether to list the identities.
    pub identities: bool,
    /// Whether to make the matrix of the two identities.
    pub matrix: bool,
    /// Whether to count what the two streams did over time.
    pub activity: bool,
    /// Memory for the whole run, in bytes.
    pub memory_limit_bytes: usize,
    /// Threads for queries.
    pub threads: usize,
    /// How many findings and how much evidence.
    pub limits: Limits,
    /// How long a rule may run.
    pub rule_timeout: Option<Duration>,
}

/// A session with every table over what was read.
pub struct Opened {
    /// The session. Events that lie in files are read from there: what was read must live on.
    pub ctx: SessionContext,
    /// Names of the side tables that have rows.
    pub filled: BTreeSet<String>,
    /// The identities by object id.
    pub known: Identities,
}

/// Opens what was read as tables, with the side tables that the user gives.
///
/// # Errors
///
/// [`RunError::Internal`].
pub async fn open(
    loaded: &Loaded,
    exceptions: &Exceptions,
    lists: Vec<(&'static str, RecordBatch)>,
    memory_limit_bytes: usize,
    threads: usize,
) -> Result<Opened, RunError> {
    let memory_bytes = memory_limit_bytes / QUERY_SHARE;
    let threads = (memory_bytes / BYTES_OF_A_THREAD).clamp(1, threads.max(1));
    let ctx = session::build(&SessionOptions { memory_bytes, threads, temp_dir: None })?;
    tables::register_events(&ctx, stream_tables(&loaded.streams)).await?;
    let side_tables = loaded.classifier.side_tables();
    let side_tables = side_tables.map_err(|error| RunError::internal("cannot list the identities", error))?;
    let known = side_tables.iter().filter(|(name, _)| *name == "identities").map(|(_, batch)| batch.clone());
    let known = Identities::read(&known.collect::<Vec<_>>())?;
    let mut given = side_tables;
    given.extend(lists);
    given.push(("coverage", tables::coverage_table(&loaded.coverage.sources)?));
    given.push(("expected", exceptions.table()?));
    let filled = tables::register_side_tables(&ctx, given)?;
    Ok(Opened { ctx, filled, known })
}

/// How many rules run at a time. A single one is to run on the thread that asks for its evidence: another
/// would have to ask the system for memory that this one is done with.
pub fn rules_at_once(streams: &Streams, memory_limit_bytes: usize, threads: usize) -> usize {
    match streams {
        // Most rules are small: each has one thread, and one more than there are threads is under way.
        Streams::Memory(_) => threads + 1,
        // Each rule holds a row group of every file.
        Streams::Files { .. } => (memory_limit_bytes / BYTES_OF_A_RULE).clamp(1, threads.max(1)),
        #[cfg(feature = "lake")]
        Streams::Lake(_) => threads,
    }
}

/// Runs the rules over what was read.
///
/// # Errors
///
/// [`RunError::Rule`] for a rule whose query does not plan, [`RunError::Internal`] for one that
/// fails later, [`RunError::Interrupted`].
pub async fn analyse(
    loaded: Loaded,
    questions: Questions<'_>,
    watch: &dyn Watch,
    cancel: &Cancel,
) -> Result<Analysis, RunError> {
    let Questions {
        rules,
        mut exceptions,
        mut lists,
        baseline,
        identities: wants_identities,
        matrix: wants_matrix,
        activity: wants_activity,
        memory_limit_bytes,
        threads,
        limits,
        rule_timeout,
    } = questions;
    if let Some(baseline) = &baseline {
        lists.push(("baseline", baseline.table()?));
    }
    let at_once = rules_at_once(&loaded.streams, memory_limit_bytes, threads);
    let Opened { ctx, filled, known } = open(&loaded, &exceptions, lists, memory_limit_bytes, 1).await?;
    let Loaded { streams: _streams, classifier, mut coverage, reached: _, digests: _, rejected } = loaded;

    let evaluable = evaluable(rules, &filled, &mut coverage);
    let ahead = Ahead::new(&ctx, evaluable, at_once);
    let bounds = (&known, &limits, rule_timeout);
    let (mut findings, stopped) = run_rules(ahead, bounds, &mut exceptions, &mut coverage, (watch, cancel)).await?;
    let ctx = session::with_threads(&ctx, threads);
    watch.stage("coverage");
    cancel.interruptible(absence::judge(&ctx, &mut coverage)).await?;
    fold::sort(&mut findings);
    coverage.exceptions = exceptions.coverage();
    let identities = if wants_identities || wants_matrix {
        cancel.interruptible(identities::rows(&ctx, &classifier)).await?
    } else {
        Vec::new()
    };
    let matrix = if wants_matrix { Some(cancel.interruptible(matrix::build(&ctx, &identities)).await?) } else { None };
    let activity =
        if wants_activity { Some(cancel.interruptible(activity::count(&ctx, &coverage)).await?) } else { None };
    let baseline = match baseline {
        Some(baseline) => Some(cancel.interruptible(baseline.with_events(&ctx)).await?),
        None => None,
    };
    Ok(Analysis { findings, coverage, identities, matrix, activity, baseline, rejected, stopped })
}

/// Runs the rules and folds their evidence; what was stopped is in the coverage as well.
async fn run_rules(
    mut ahead: Ahead<'_>,
    (known, limits, rule_timeout): (&Identities, &Limits, Option<Duration>),
    exceptions: &mut Exceptions,
    coverage: &mut Coverage,
    (watch, cancel): (&dyn Watch, &Cancel),
) -> Result<(Vec<Finding>, Vec<NotEvaluable>), RunError> {
    let (mut findings, mut stopped) = (Vec::new(), Vec::new());
    while let Some((rule, mut evidence)) = ahead.next() {
        let id = &rule.head.id;
        watch.stage(id);
        // What a rule found before it was stopped is no finding, and hid nothing.
        let before = exceptions.clone();
        let mut folder = Folder::new(rule, known, exceptions).within(limits);
        // From its turn on: what it makes has to be folded as well.
        let until = rule_timeout.and_then(|longest| Instant::now().checked_add(longest));
        let asked_for_more = loop {
            match cancel.interruptible(next(&mut evidence, until)).await? {
                Some(Piece::Batch(batch)) => folder.push(&batch)?,
                Some(Piece::Stopped(reason)) => break Some(reason),
                None => break None,
            }
        };
        let Some(reason) = asked_for_more else {
            coverage.rules.capped.extend(folder.left_out().map(|left_out| capped(rule, left_out)));
            findings.extend(folder.finish());
            coverage.rules.run.push(id.clone());
            continue;
        };
        *exceptions = before;
        coverage.rules.partial.retain(|partial| partial.rule != *id);
        let stop = NotEvaluable { rule: id.clone(), reason: format!("stopped: {reason}") };
        stopped.push(stop.clone());
        coverage.rules.not_evaluable.push(stop);
    }
    Ok((findings, stopped))
}

/// The next piece of evidence, where there is one and time for it.
async fn next(evidence: &mut Evidence, until: Option<Instant>) -> Result<Option<Piece>, RunError> {
    let Some(until) = until else { return evidence.next().await.transpose() };
    let out_of_time = || Ok(Some(Piece::Stopped("it ran longer than --timeout says".to_owned())));
    if Instant::now() >= until {
        return out_of_time();
    }
    timeout_at(until, evidence.next()).await.map_or_else(|_elapsed| out_of_time(), Option::transpose)
}

/// What of a rule's findings is left out, for the coverage.
fn capped(rule: &Rule, left_out: &LeftOut) -> Capped {
    let (findings_left_out, is_at_least) = left_out.count();
    let severity = severity_word(left_out.severity()).to_owned();
    Capped { rule: rule.head.id.clone(), findings_left_out, is_at_least, severity }
}

/// The rules that the data at hand can say something about; the others go into the coverage.
fn evaluable<'r>(rules: Vec<&'r Rule>, filled: &BTreeSet<String>, coverage: &mut Coverage) -> Vec<&'r Rule> {
    let mut evaluable = Vec::new();
    for rule in rules {
        match run::evaluability(rule, &coverage.sources, filled) {
            Evaluability::Not(reason) => {
                coverage.rules.not_evaluable.push(reason);
                continue;
            }
            Evaluability::Partial(reason) => coverage.rules.partial.push(reason),
            Evaluability::Full => {}
        }
        evaluable.push(rule);
    }
    evaluable
}

/// The streams as tables. Batches are shared, not copied.
pub(super) fn stream_tables(streams: &Streams) -> StreamTables {
    let of = |stream: Stream| match streams {
        Streams::Memory(batches) => EventTable::Memory(batches.get(stream as usize).cloned().unwrap_or_default()),
        Streams::Files { files, .. } => {
            EventTable::Parquet(files.get(stream as usize).cloned().flatten().into_iter().collect())
        }
        #[cfg(feature = "lake")]
        Streams::Lake(lake) => EventTable::Lake(lake.of(stream)),
    };
    StreamTables {
        dbmi: of(Stream::Dbmi),
        adac: of(Stream::Adac),
        other: of(Stream::Other),
        unattributed: of(Stream::Unattributed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_over_files_run_side_by_side_where_the_limit_has_512_mib_for_each() {
        let files = Streams::Files { dir: tempfile::tempdir().unwrap(), files: Vec::new() };

        let at_once = |memory_limit_mib: usize, threads| rules_at_once(&files, memory_limit_mib << 20, threads);

        assert_eq!([256, 512, 1023, 1024, 1536, 8192].map(|mib| at_once(mib, 4)), [1, 1, 1, 2, 3, 4]);
        assert_eq!([256, 8192].map(|mib| at_once(mib, 1)), [1, 1]);
    }
}
