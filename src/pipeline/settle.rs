//! After everything is read: merge, pair, learn the last facts, classify, split by stream.

use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::digests::Digests;
use super::ingest::Ingested;
use super::quarantine::{Quarantine, Quarantined};
use super::range::{TELLING, TimeRange};
use super::{Cancel, Loaded, Watch};
use crate::coverage::{Coverage, OUT_OF_RANGE, SourceCoverage};
use crate::error::RunError;
use crate::event::absent;
use crate::event::vocabulary::{BodyFrom, Outcome, Stream};
use crate::identity::{Classifier, Inventory};
use crate::json::Tape;
use crate::lake::{self, Conflict, Partitions, Resolved, StoreError, Streams, StreamsBuilder};
use crate::parallel;
use crate::time::UtcMicros;

/// What is said of this to who watches.
const STAGE: &str = "classify";

/// What events are settled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Queries about this time range.
    Queries(TimeRange),
    /// A lake, where other records of them may arrive later.
    #[cfg(feature = "lake")]
    Lake,
}

/// Turns what was read into classified events by stream; also gives all that inventories and logs
/// stated.
///
/// Identities have to be known before the first event is classified, so partitions are gone through
/// twice. What lies in files is not written back in between: of it, only the few events that tell of
/// identities are resolved in the first round.
pub(super) fn settle(
    ingested: Ingested,
    (threads, purpose): (usize, Purpose),
    quarantine: &mut Quarantine<'_>,
    (watch, cancel): (&dyn Watch, &Cancel),
) -> Result<(Loaded, Inventory), RunError> {
    watch.stage(STAGE);
    let Ingested { store, mut inventory, evidence, coverage, reached, digests, .. } = ingested;
    let mut partitions = store.finish().map_err(stored)?;
    let mut resolver = Resolver { purpose, threads, coverage, quarantine };
    match &mut partitions {
        Partitions::Memory(batches) => {
            cancel.check()?;
            *batches = resolver.resolve(std::mem::take(batches))?;
            learn_all(batches, &mut inventory)?;
            let out_of_range = leave_out(resolver.purpose, batches)?;
            resolver.coverage.skip_events(OUT_OF_RANGE, out_of_range);
        }
        Partitions::Files(files) => {
            let telling = parallel::map(threads, files.paths().iter().collect(), |path: &PathBuf| {
                cancel.check()?;
                let telling = lake::store::rows_of(path, "op_class", TELLING).map_err(stored)?;
                lake::resolve(telling, 1).map_err(broken)
            });
            for telling in telling {
                learn_all(&telling?.batches, &mut inventory)?;
            }
        }
    }
    let stated = inventory.clone();
    let classifier = Classifier::build(inventory, &evidence);
    let streams = classify(partitions, &classifier, &mut resolver, (watch, cancel))?;
    let Resolver { coverage, quarantine, .. } = resolver;
    quarantine.flush().map_err(|error| RunError::internal("cannot write the quarantine file", error))?;
    let digests = Digests { objects: digests, lake: None };
    let rejected = quarantine.shown().to_vec();
    Ok((Loaded { streams, classifier, coverage, reached, digests, rejected }, stated))
}

fn stored(error: StoreError) -> RunError {
    RunError::internal("cannot keep the events", error)
}

fn broken(error: ArrowError) -> RunError {
    RunError::internal("events do not fit their schema; please report this", error)
}

/// Makes events of records, and counts what became of them.
struct Resolver<'r, 'q> {
    purpose: Purpose,
    threads: usize,
    coverage: Coverage,
    quarantine: &'r mut Quarantine<'q>,
}

impl Resolver<'_, '_> {
    fn resolve(&mut self, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, RunError> {
        let resolved = resolve(self.purpose, batches, self.threads)?;
        self.count(resolved.duplicates, resolved.conflicts)?;
        Ok(resolved.batches)
    }

    fn count(&mut self, duplicates: u64, conflicts: Vec<Conflict>) -> Result<(), RunError> {
        self.coverage.records.duplicates += duplicates;
        self.coverage.records.events -= duplicates;
        self.coverage.conflicting_duplicates += conflicts.len() as u64;
        for conflict in conflicts {
            let written = self.quarantine.push(quarantined(conflict));
            written.map_err(|error| RunError::internal("cannot write the quarantine file", error))?;
        }
        Ok(())
    }

    /// Adds classified events to the streams.
    fn add(&mut self, split: Vec<Split>, streams: &mut StreamsBuilder) -> Result<(), RunError> {
        for Split { parts, sources } in split {
            for (source, counts) in sources {
                self.coverage.sources.entry(source).or_default().add(&counts);
            }
            for (stream, part) in parts {
                streams.push(stream, part).map_err(stored)?;
            }
        }
        Ok(())
    }
}

fn resolve(purpose: Purpose, batches: Vec<RecordBatch>, threads: usize) -> Result<Resolved, RunError> {
    let resolved = match purpose {
        Purpose::Queries(_) => lake::resolve(batches, threads),
        #[cfg(feature = "lake")]
        Purpose::Lake => lake::resolve_with_undo(&batches, threads),
    };
    resolved.map_err(broken)
}

/// Takes away what was kept only for what it tells, and says how many events these were.
fn leave_out(purpose: Purpose, batches: &mut Vec<RecordBatch>) -> Result<u64, RunError> {
    #[cfg_attr(not(feature = "lake"), expect(irrefutable_let_patterns, reason = "a lake keeps everything"))]
    let Purpose::Queries(range) = purpose else {
        return Ok(0);
    };
    let rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    let before = rows(batches);
    *batches = batches.iter().map(|batch| range.only(batch)).collect::<Result<_, _>>().map_err(broken)?;
    Ok((before - rows(batches)) as u64)
}

fn quarantined(conflict: Conflict) -> Quarantined {
    Quarantined {
        object: conflict.object,
        offset: u64::try_from(conflict.offset).unwrap_or(0),
        length: u64::try_from(conflict.length).unwrap_or(0),
        record: None,
        reason: "conflicting duplicate".to_owned(),
        detail: Some(format!("{} differs from the event's", conflict.column)),
    }
}

/// Adds what successful writes of workspaces and access connectors say to the inventory.
fn learn_all(batches: &[RecordBatch], inventory: &mut Inventory) -> Result<(), RunError> {
    batches.iter().try_for_each(|batch| learn(batch, inventory)).map_err(broken)
}

fn learn(batch: &RecordBatch, inventory: &mut Inventory) -> Result<(), ArrowError> {
    let text = |name: &str| lake::text_column(batch, name);
    let (classes, outcomes) = (text("op_class")?, text("outcome")?);
    let (targets, operations) = (text("target_id")?, text("operation")?);
    let bodies = [(text("response_body")?, BodyFrom::Response), (text("request_body")?, BodyFrom::Request)];
    let mut tape = Tape::new();
    for row in 0..batch.num_rows() {
        let wanted = classes.get(row).is_some_and(|class| TELLING.contains(&class))
            && outcomes.get(row) == Some(Outcome::Success.as_str())
            && operations.get(row).is_some_and(|operation| operation.ends_with("/write"));
        let (true, Some(target)) = (wanted, targets.get(row)) else { continue };
        for (body, from) in bodies.iter().filter_map(|(bodies, from)| Some((bodies.get(row)?, *from))) {
            if tape.parse(body.as_bytes()).is_ok()
                && let Some(root) = tape.root(body)
            {
                inventory.add_from_log(target, root, from);
            }
        }
    }
    Ok(())
}

fn classify(
    partitions: Partitions,
    classifier: &Classifier,
    resolver: &mut Resolver<'_, '_>,
    (watch, cancel): (&dyn Watch, &Cancel),
) -> Result<Streams, RunError> {
    let mut streams = StreamsBuilder::for_partitions(&partitions).map_err(stored)?;
    let threads = resolver.threads;
    match partitions {
        Partitions::Memory(batches) => {
            cancel.check()?;
            resolver.add(split_all(batches, classifier, threads)?, &mut streams)?;
        }
        Partitions::Files(files) => {
            // Others work on the next partitions while one is written, where there is memory for that.
            let ahead = files.at_once().min(threads);
            let threads_of_each = threads / ahead.max(1);
            let purpose = resolver.purpose;
            let settle_one = |path: &PathBuf| {
                cancel.check()?;
                let batches = lake::store::read_partition(path).map_err(stored)?;
                let Resolved { mut batches, duplicates, conflicts, .. } = resolve(purpose, batches, threads_of_each)?;
                let out_of_range = leave_out(purpose, &mut batches)?;
                Ok((split_all(batches, classifier, threads_of_each)?, (duplicates, conflicts, out_of_range)))
            };
            let mut add = |settled: Result<_, RunError>| {
                // Takes minutes where there is much: that it goes on must show.
                watch.stage(STAGE);
                let (split, (duplicates, conflicts, out_of_range)) = settled?;
                resolver.count(duplicates, conflicts)?;
                resolver.coverage.skip_events(OUT_OF_RANGE, out_of_range);
                resolver.add(split, &mut streams)
            };
            if files.are_too_large() {
                for path in files.paths() {
                    let pieces = files.divide(path).map_err(stored)?;
                    pieces.iter().map(settle_one).try_for_each(&mut add)?;
                }
            } else {
                parallel::in_order(ahead, files.paths().iter().collect(), settle_one, add)?;
            }
        }
    }
    streams.finish(threads).map_err(stored)
}

fn split_all(batches: Vec<RecordBatch>, classifier: &Classifier, threads: usize) -> Result<Vec<Split>, RunError> {
    let split = parallel::map(threads, batches, |batch| split(&batch, classifier));
    split.into_iter().collect::<Result<_, _>>().map_err(broken)
}

/// A batch, classified and split.
struct Split {
    parts: Vec<(Stream, RecordBatch)>,
    sources: Vec<(String, SourceCoverage)>,
}

fn split(batch: &RecordBatch, classifier: &Classifier) -> Result<Split, ArrowError> {
    let events = classifier.classify(batch)?;
    #[cfg(feature = "lake")]
    let events = match batch.column_by_name(lake::undo::COLUMN) {
        Some(_) => lake::undo::with_classified(batch, &events)?,
        None => events,
    };
    let sources = sources(&events)?;
    let mut parts = Vec::new();
    for stream in Stream::ALL {
        let part = of_stream(&events, *stream)?;
        if part.num_rows() > 0 {
            parts.push((*stream, part));
        }
    }
    Ok(Split { parts, sources })
}

fn of_stream(events: &RecordBatch, stream: Stream) -> Result<RecordBatch, ArrowError> {
    let streams = lake::text_column(events, "stream")?.rows_of(stream.as_str());
    match streams.iter().filter(|keep| **keep).count() {
        0 => Ok(events.slice(0, 0)),
        all if all == events.num_rows() => Ok(events.clone()),
        _ => absent::filter(events, &streams.into()),
    }
}

/// Counts the events of each source, with the times of the first and the last.
fn sources(events: &RecordBatch) -> Result<Vec<(String, SourceCoverage)>, ArrowError> {
    let missing = |name: &str| ArrowError::SchemaError(format!("events have no usable column {name}"));
    let times = events.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| missing("time"))?;
    let sources = events.column_by_name("source").and_then(|c| c.as_dictionary_opt::<Int32Type>());
    let sources = sources.ok_or_else(|| missing("source"))?;
    let names = sources.values().as_string_opt::<i32>().ok_or_else(|| missing("source"))?;
    // One entry a code: names are looked at once a batch and source, not once an event.
    let mut counts = vec![SourceCoverage::default(); names.len()];
    for row in 0..events.num_rows() {
        if let Some(count) = sources.key(row).and_then(|code| counts.get_mut(code)) {
            let time = Some(UtcMicros(times.value(row)));
            count.add(&SourceCoverage { events: 1, first: time, last: time });
        }
    }
    let counted = counts.into_iter().enumerate().filter(|(_, count)| count.events > 0);
    Ok(counted.map(|(code, count)| (names.value(code).to_owned(), count)).collect())
}
