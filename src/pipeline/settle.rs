//! After everything is read: merge, pair, learn the last facts, classify, split by stream.

use arrow::array::{Array, AsArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::digests::Digests;
use super::ingest::Ingested;
use super::quarantine::{Quarantine, Quarantined};
use super::{Cancel, Loaded};
use crate::coverage::{Coverage, SourceCoverage};
use crate::error::RunError;
use crate::event::vocabulary::{OpClass, Outcome, Stream};
use crate::identity::{Classifier, Inventory};
use crate::json::Tape;
use crate::lake::{self, Conflict, Partitions, StoreError, Streams, StreamsBuilder};
use crate::parallel;
use crate::time::UtcMicros;

/// What events are settled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Queries.
    Queries,
    /// A lake, where other records of them may arrive later.
    #[cfg(feature = "lake")]
    Lake,
}

/// Turns what was read into classified events by stream; also gives all that inventories and logs
/// stated.
pub(super) fn settle(
    ingested: Ingested,
    (threads, purpose): (usize, Purpose),
    quarantine: &mut Quarantine<'_>,
    cancel: &Cancel,
) -> Result<(Loaded, Inventory), RunError> {
    let Ingested { store, mut inventory, evidence, mut coverage, by_members, digests, .. } = ingested;
    let stored = |error: StoreError| RunError::internal("cannot keep the events", error);
    let broken = |error: ArrowError| RunError::internal("events do not fit their schema; please report this", error);
    let mut partitions = store.finish().map_err(stored)?;
    for index in 0..partitions.len() {
        cancel.check()?;
        let batches = partitions.take(index).map_err(stored)?;
        let resolved = match purpose {
            Purpose::Queries => lake::resolve(batches, threads),
            #[cfg(feature = "lake")]
            Purpose::Lake => lake::resolve_with_undo(&batches, threads),
        };
        let resolved = resolved.map_err(broken)?;
        coverage.records.duplicates += resolved.duplicates;
        coverage.records.events -= resolved.duplicates;
        coverage.conflicting_duplicates += resolved.conflicts.len() as u64;
        for conflict in resolved.conflicts {
            quarantine
                .push(quarantined(conflict))
                .map_err(|error| RunError::internal("cannot write the quarantine file", error))?;
        }
        for batch in &resolved.batches {
            learn(batch, &mut inventory).map_err(broken)?;
        }
        partitions.replace(index, resolved.batches).map_err(stored)?;
    }
    quarantine.flush().map_err(|error| RunError::internal("cannot write the quarantine file", error))?;
    let stated = inventory.clone();
    let classifier = Classifier::build(inventory, &evidence);
    let streams = classify(partitions, &classifier, &mut coverage, (threads, cancel))?;
    let digests = Digests { objects: digests, lake: None };
    let rejected = quarantine.shown().to_vec();
    Ok((Loaded { streams, classifier, coverage, by_members, digests, rejected }, stated))
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
fn learn(batch: &RecordBatch, inventory: &mut Inventory) -> Result<(), ArrowError> {
    let text = |name: &str| lake::text_column(batch, name);
    let (classes, outcomes) = (text("op_class")?, text("outcome")?);
    let (targets, operations) = (text("target_id")?, text("operation")?);
    let bodies = [text("response_body")?, text("request_body")?];
    let mut tape = Tape::new();
    for row in 0..batch.num_rows() {
        let class = classes.get(row).and_then(OpClass::from_word);
        let wanted = matches!(class, Some(OpClass::WorkspaceManage | OpClass::ConnectorManage))
            && outcomes.get(row) == Some(Outcome::Success.as_str())
            && operations.get(row).is_some_and(|operation| operation.ends_with("/write"));
        let (true, Some(target)) = (wanted, targets.get(row)) else { continue };
        for body in bodies.iter().filter_map(|bodies| bodies.get(row)) {
            if tape.parse(body.as_bytes()).is_ok()
                && let Some(root) = tape.root(body)
            {
                inventory.add_from_log(target, root);
            }
        }
    }
    Ok(())
}

fn classify(
    mut partitions: Partitions,
    classifier: &Classifier,
    coverage: &mut Coverage,
    (threads, cancel): (usize, &Cancel),
) -> Result<Streams, RunError> {
    let stored = |error: StoreError| RunError::internal("cannot keep the events", error);
    let broken = |error: ArrowError| RunError::internal("events do not fit their schema; please report this", error);
    let mut streams = StreamsBuilder::for_partitions(&partitions).map_err(stored)?;
    for index in 0..partitions.len() {
        cancel.check()?;
        let batches = partitions.take(index).map_err(stored)?;
        let split = parallel::map(threads, batches, |batch| split(&batch, classifier));
        for split in split {
            let Split { parts, sources } = split.map_err(broken)?;
            for (source, counts) in sources {
                coverage.sources.entry(source).or_default().add(&counts);
            }
            for (stream, part) in parts {
                streams.push(stream, part).map_err(stored)?;
            }
        }
    }
    streams.finish().map_err(stored)
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
        _ => filter_record_batch(events, &streams.into()),
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
