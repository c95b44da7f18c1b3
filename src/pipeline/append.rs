//! Appends what is new in a source to a lake, exactly once.
//!
//! Objects are read in rounds of bounded size, in the order of the hours that they are of. Each round
//! is one commit: its events, with the earlier events that they change (another record of one, a
//! body that a Start record gives), and the page of the ledger that says what was read. Whoever
//! else commits in between makes a round void; it is planned again from what the lake holds then.
//! At the end, events whose principals are known better by now are classified again.

mod neighbours;
mod plan;
mod reconcile;
mod write;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use serde_json::json;
use tokio::runtime::Runtime;

use super::digests::{Digests, ObjectDigest};
use super::ingest;
use super::quarantine::Quarantine;
use super::rejections::HELD_BYTES;
use super::settle::{self, Purpose};
use super::{Cancel, ReadOptions, Watch};
use crate::coverage::{Coverage, FailedObject};
use crate::digest::Hashing;
use crate::error::RunError;
use crate::identity::Classifier;
use crate::lake::table::{Change, Lake, Ledger, News, Pending, Totals};
use crate::source::{Listing, Object, Window};

use plan::Plan;

pub use plan::Shard;
pub(super) use write::{sorted, unsorted};

/// How to append.
#[derive(Debug, Clone)]
pub struct AppendOptions {
    /// How to read.
    pub read: ReadOptions,
    /// Stored bytes of a round, about: what a kill can cost.
    pub round_bytes: u64,
    /// The part of the objects to read.
    pub shard: Shard,
    /// The hours whose objects are read, whole; `None` for all. Objects that name no hour are read.
    pub hours: Option<Window>,
}

/// What was appended.
#[derive(Debug, Default)]
pub struct Appended {
    /// What was read, without the rules.
    pub coverage: Coverage,
    /// Objects that were read before, and have not changed.
    pub unchanged: u64,
    /// Objects that were read on from where they were left.
    pub grown: u64,
    /// Objects that are not what they were when they were read before.
    pub replaced: Vec<String>,
    /// Commits that added events.
    pub commits: u64,
    /// Earlier events that new records changed.
    pub amended: u64,
    /// Events that were classified anew, because their principal became known.
    pub reclassified: u64,
    /// Version of the lake afterwards.
    pub version: u64,
    /// What was read of each object whose events were committed, where asked for.
    pub digests: Digests,
    /// The first rejected records.
    pub rejected: Vec<super::Quarantined>,
}

/// Everything that an append works with.
pub(super) struct Context<'c> {
    pub(super) options: &'c AppendOptions,
    pub(super) runtime: &'c Runtime,
    pub(super) watch: &'c dyn Watch,
    pub(super) cancel: &'c Cancel,
}

/// Appends what of the listing is new to the lake.
///
/// # Errors
///
/// [`RunError::Internal`] where the lake cannot be read or written; [`RunError::Interrupted`], with
/// what was committed so far in the lake.
pub fn append(
    lake: &mut Lake,
    listing: Listing,
    (options, runtime): (&AppendOptions, &Runtime),
    quarantine: &mut Quarantine<'_>,
    (watch, cancel): (&dyn Watch, &Cancel),
) -> Result<Appended, RunError> {
    let context = Context { options, runtime, watch, cancel };
    let mut appended = Appended::default();
    let mut ledger = runtime.block_on(lake.ledger())?;
    let mut plan = Plan::new(listing.objects, &ledger, options);
    while let Some(objects) = plan.round(&ledger, &mut appended, cancel) {
        cancel.check()?;
        let is_committed = round(&context, lake, &ledger, &objects, (&mut appended, quarantine))?;
        ledger = runtime.block_on(lake.ledger())?;
        if is_committed {
            plan.advance();
        } else {
            watch.stage("another writer was first: planning again");
        }
    }
    appended.unchanged = plan.unchanged;
    reconcile::reconcile(&context, lake, &mut appended)?;
    if options.read.hashing == Hashing::On {
        appended.digests = std::mem::take(&mut appended.digests).finish(&listing.failed);
    }
    for (object, reason) in listing.failed {
        appended.coverage.objects.failed += 1;
        appended.coverage.failed.push(FailedObject { object, reason });
    }
    appended.version = lake.version();
    appended.rejected = quarantine.shown().to_vec();
    Ok(appended)
}

/// Reads objects and commits their events; whether that commit counts.
fn round(
    context: &Context<'_>,
    lake: &mut Lake,
    ledger: &Ledger,
    objects: &[Object],
    (appended, quarantine): (&mut Appended, &mut Quarantine<'_>),
) -> Result<bool, RunError> {
    let Context { options, runtime, watch, cancel } = *context;
    // What is rejected counts once the round does.
    let mut rejected = BufWriter::new(tempfile::spooled_tempfile(HELD_BYTES));
    let mut of_round = Quarantine::new(quarantine.writes().then_some(&mut rejected as &mut (dyn Write + Send)));
    let mut ingested = ingest::ingest(&options.read, objects, &mut of_round, watch, cancel)?;
    let places = std::mem::take(&mut ingested.places);
    let digests: Vec<ObjectDigest> = std::mem::take(&mut ingested.digests);
    let keys = std::mem::take(&mut ingested.keys);
    let evidence = ingested.evidence.clone();
    ingested.inventory.merge(ledger.inventory.clone());
    ingested.evidence.merge(ledger.evidence.clone());
    let read = ingested.coverage.clone();

    watch.stage("look up");
    let earlier = runtime.block_on(neighbours::find(lake, &keys.unwrap_or_default()))?;
    let records = earlier.records().map_err(broken)?;
    for (number, batch) in (0_u64..).zip(records) {
        let kept = ingested.store.push((u64::MAX, 0, number), batch);
        kept.map_err(|error| RunError::internal("cannot keep the events", error))?;
    }
    let purpose = (options.read.threads_with_files(), Purpose::Lake);
    let (loaded, inventory) = settle::settle(ingested, purpose, &mut of_round, (watch, cancel))?;
    let pending = pending(ledger, &loaded.classifier);

    watch.stage("write");
    let memory_bytes = options.read.memory_limit_bytes;
    let written = write::streams(lake, &loaded.streams, &earlier, (runtime, memory_bytes, options.read.threads));
    let written = written?;
    let coverage = of_this_round(read, &loaded.coverage, earlier.events());
    let totals = with(ledger.totals, &coverage);
    let summary = BTreeMap::from([
        ("airsideObjects".to_owned(), json!(places.len())),
        ("airsideBytes".to_owned(), json!(coverage.bytes)),
        ("airsideEvents".to_owned(), json!(coverage.records.events)),
        ("airsideAmended".to_owned(), json!(written.amended)),
    ]);
    let unfinished = coverage.failed.iter().map(|failed| failed.object.clone()).collect();
    let objects_read = plan::entries(objects, places, ledger);
    let news = News { objects: objects_read, unfinished, evidence, inventory, pending, totals };
    let change = Change {
        adds: written.adds,
        removes: written.removes,
        page: Some(ledger.page(news)),
        summary,
        only_moves: false,
    };
    cancel.check()?;
    let is_committed = runtime.block_on(lake.commit(change))?;
    if is_committed {
        appended.commits += 1;
        appended.grown += objects.iter().filter(|object| object.start > 0).count() as u64;
        appended.amended += written.amended;
        appended.coverage.add(&coverage);
        appended.digests.objects.extend(digests);
        rejected
            .flush()
            .and_then(|()| quarantine.append(rejected.get_mut(), &loaded.rejected))
            .map_err(|error| RunError::internal("cannot write the quarantine file", error))?;
    }
    Ok(is_committed)
}

/// What is to be classified again, now that principals are known as this classifier knows them.
fn pending(ledger: &Ledger, classifier: &Classifier) -> Pending {
    let mut pending = ledger.pending.clone();
    if ledger.totals.events > 0 {
        let before = Classifier::build(ledger.inventory.clone(), &ledger.evidence);
        match classifier.changes_since(&before) {
            None => pending.all = true,
            Some(keys) => pending.keys.extend(keys),
        }
    }
    pending
}

/// The counts of what was read, where so many of all events that came of it were in the lake before.
fn of_this_round(read: Coverage, all: &Coverage, earlier: u64) -> Coverage {
    let events = all.sources.values().map(|source| source.events).sum::<u64>().saturating_sub(earlier);
    let mut coverage = Coverage { sources: BTreeMap::new(), ..read };
    coverage.records.duplicates = coverage.records.events.saturating_sub(events);
    coverage.records.events = events;
    coverage.conflicting_duplicates = all.conflicting_duplicates;
    coverage
}

/// The counts of a lake with those of a round.
fn with(totals: Totals, round: &Coverage) -> Totals {
    Totals {
        bytes: totals.bytes + round.bytes,
        records: totals.records + round.records.read,
        events: totals.events + round.records.events,
        duplicates: totals.duplicates + round.records.duplicates,
        skipped: totals.skipped + round.records.skipped,
        rejected: totals.rejected + round.records.rejected,
    }
}

fn broken(error: arrow::error::ArrowError) -> RunError {
    RunError::internal("events do not fit their schema; please report this", error)
}
