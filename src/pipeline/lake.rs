//! Opens a lake as what was read.

use tokio::runtime::Runtime;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::analyse::stream_tables;
use super::{Digests, Loaded, Reached};
use crate::coverage::{Coverage, FailedObject, SourceCoverage};
use crate::digest::Hashing;
use crate::error::RunError;
use crate::identity::Classifier;
use crate::lake::table::{DataFile, Lake};
use crate::lake::{self, LakeFiles, Streams};
use crate::sql::session::{self, SessionOptions, plan_read_only};
use crate::sql::tables;
use crate::time::UtcMicros;

/// The events of each source.
const SOURCES: &str = "SELECT source, COUNT(*) AS events, MIN(time) AS first, MAX(time) AS last \
    FROM events GROUP BY source";

/// Opens a lake: its events between two times, and what is known of their principals.
///
/// # Errors
///
/// [`RunError::Internal`] where it cannot be read.
pub fn open_lake(
    lake: &Lake,
    (since, until): (Option<UtcMicros>, Option<UtcMicros>),
    runtime: &Runtime,
    (threads, hashing): (usize, Hashing),
) -> Result<Loaded, RunError> {
    let ledger = runtime.block_on(lake.ledger())?;
    let is_asked_for = |file: &DataFile| {
        file.is_of_inventory()
            || since.is_none_or(|since| file.date >= since.date().to_string())
                && until.is_none_or(|until| file.date <= until.date().to_string())
    };
    let files = lake.files()?.into_iter().filter(is_asked_for).collect();
    let streams = Streams::Lake(LakeFiles { location: lake.location().clone(), files, since, until });
    let mut coverage = Coverage::default();
    if !ledger.pending.is_empty() {
        let name = lake.location().to_string();
        let reason = format!(
            "{name} in full: some of its events are still to be classified again, and rules may not find them; \
             run airside ingest into it"
        );
        coverage.objects.failed += 1;
        coverage.failed.push(FailedObject { object: name, reason });
    }
    let totals = ledger.totals;
    coverage.objects.read = ledger.objects.len() as u64;
    coverage.bytes = totals.bytes;
    coverage.records.read = totals.records;
    (coverage.records.events, coverage.records.duplicates) = (totals.events, totals.duplicates);
    (coverage.records.skipped, coverage.records.rejected) = (totals.skipped, totals.rejected);
    let sources = runtime.block_on(sources(&streams, threads))?;
    for batch in &sources {
        add(batch, &mut coverage).map_err(|error| RunError::internal("cannot read the lake", error))?;
    }
    let classifier = Classifier::build(ledger.inventory, &ledger.evidence);
    let digests = match hashing {
        Hashing::Off => Digests::default(),
        Hashing::On => {
            let entries = runtime.block_on(lake.log_digests())?;
            Digests::of_lake(&lake.location().to_string(), lake.version(), entries)
        }
    };
    Ok(Loaded { streams, classifier, coverage, reached: Reached::default(), digests, rejected: Vec::new() })
}

async fn sources(streams: &Streams, threads: usize) -> Result<Vec<RecordBatch>, RunError> {
    let failed = |error| RunError::internal("cannot read the lake", error);
    let ctx = session::build(&SessionOptions { threads, ..SessionOptions::default() })?;
    tables::register_events(&ctx, stream_tables(streams)).await?;
    plan_read_only(&ctx, SOURCES).await.map_err(failed)?.collect().await.map_err(failed)
}

fn add(batch: &RecordBatch, coverage: &mut Coverage) -> Result<(), ArrowError> {
    let names = lake::text_column(batch, "source")?;
    let counts = batch.column_by_name("events").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let time = |name: &str, row: usize| {
        let times = batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        times.is_valid(row).then(|| UtcMicros(times.value(row)))
    };
    for row in 0..batch.num_rows() {
        let (Some(name), Some(counts)) = (names.get(row), counts) else { continue };
        let events = u64::try_from(counts.value(row)).unwrap_or(0);
        let source = SourceCoverage { events, first: time("first", row), last: time("last", row) };
        coverage.sources.insert(name.to_owned(), source);
    }
    Ok(())
}
