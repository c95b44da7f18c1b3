//! After everything is read: merge, pair, learn the last facts, classify, split by stream.

use arrow::array::{Array, AsArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::ingest::Ingested;
use super::quarantine::{Quarantine, Quarantined};
use super::{Cancel, Loaded};
use crate::coverage::Coverage;
use crate::error::RunError;
use crate::event::vocabulary::{OpClass, Outcome, Stream};
use crate::identity::{Classifier, Inventory};
use crate::json::Tape;
use crate::lake::{self, Conflict, Partitions, StoreError, Streams, StreamsBuilder};
use crate::time::UtcMicros;

/// Turns what was read into classified events by stream.
pub(super) fn settle(ingested: Ingested, quarantine: &mut Quarantine<'_>, cancel: &Cancel) -> Result<Loaded, RunError> {
    let Ingested { store, mut inventory, evidence, mut coverage } = ingested;
    let stored = |error: StoreError| RunError::internal("cannot keep the events", error);
    let broken = |error: ArrowError| RunError::internal("events do not fit their schema; please report this", error);
    let mut partitions = store.finish().map_err(stored)?;
    for index in 0..partitions.len() {
        cancel.check()?;
        let resolved = lake::resolve(partitions.take(index).map_err(stored)?).map_err(broken)?;
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
    let classifier = Classifier::build(inventory, &evidence);
    let streams = classify(partitions, &classifier, &mut coverage, cancel)?;
    Ok(Loaded { streams, classifier, coverage, rejected: quarantine.shown().to_vec() })
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
    cancel: &Cancel,
) -> Result<Streams, RunError> {
    let stored = |error: StoreError| RunError::internal("cannot keep the events", error);
    let broken = |error: ArrowError| RunError::internal("events do not fit their schema; please report this", error);
    let mut streams = StreamsBuilder::for_partitions(&partitions).map_err(stored)?;
    for index in 0..partitions.len() {
        cancel.check()?;
        for batch in partitions.take(index).map_err(stored)? {
            let events = classifier.classify(&batch).map_err(broken)?;
            count_sources(&events, coverage).map_err(broken)?;
            for stream in Stream::ALL {
                let part = of_stream(&events, *stream).map_err(broken)?;
                if part.num_rows() > 0 {
                    streams.push(*stream, part).map_err(stored)?;
                }
            }
        }
    }
    streams.finish().map_err(stored)
}

fn of_stream(events: &RecordBatch, stream: Stream) -> Result<RecordBatch, ArrowError> {
    let streams = lake::text_column(events, "stream")?;
    let keep = (0..events.num_rows()).map(|row| Some(streams.get(row) == Some(stream.as_str()))).collect();
    filter_record_batch(events, &keep)
}

fn count_sources(events: &RecordBatch, coverage: &mut Coverage) -> Result<(), ArrowError> {
    let missing = |name: &str| ArrowError::SchemaError(format!("events have no usable column {name}"));
    let times = events.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| missing("time"))?;
    let sources = events.column_by_name("source").and_then(|c| c.as_dictionary_opt::<Int32Type>());
    let sources = sources.ok_or_else(|| missing("source"))?;
    let names = sources.values().as_string_opt::<i32>().ok_or_else(|| missing("source"))?;
    // One entry a code: the map is looked up once a batch and source, not once an event.
    let mut counts = vec![(0_u64, i64::MAX, i64::MIN); names.len()];
    for row in 0..events.num_rows() {
        if let Some(count) = sources.key(row).and_then(|code| counts.get_mut(code)) {
            let time = times.value(row);
            *count = (count.0 + 1, count.1.min(time), count.2.max(time));
        }
    }
    for (code, (events, first, last)) in counts.into_iter().enumerate().filter(|(_, count)| count.0 > 0) {
        let source = coverage.sources.entry(names.value(code).to_owned()).or_default();
        source.events += events;
        source.first = Some(source.first.map_or(UtcMicros(first), |known| known.min(UtcMicros(first))));
        source.last = Some(source.last.map_or(UtcMicros(last), |known| known.max(UtcMicros(last))));
    }
    Ok(())
}
