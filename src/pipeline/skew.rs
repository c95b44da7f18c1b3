//! Finds records whose time cannot be right.

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::coverage::{ClockSkew, Skew};
use crate::event::vocabulary::LogSource;
use crate::lake;
use crate::source::hours::{EARLY_HOURS, LATE_HOURS, MICROS_PER_HOUR, hours};
use crate::time::UtcMicros;

/// How much later than the run a record may be, in microseconds (five minutes): what clocks that are
/// set by the network differ by at most.
const AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;

/// Counts the records of a batch that are later than the run began, or too far from the hour that
/// the folders of their object name. What an inventory states is dated by nobody's clock.
///
/// # Errors
///
/// An [`ArrowError`] when the batch is not of the decoded schema: a defect of ours.
pub(super) fn note(batch: &RecordBatch, now: Option<UtcMicros>, skew: &mut ClockSkew) -> Result<(), ArrowError> {
    let missing = |name: &str| ArrowError::SchemaError(format!("events have no usable column {name}"));
    let column = |name: &str| batch.column_by_name(name);
    let times = column("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| missing("time"))?;
    let offsets = column("offset").and_then(|c| c.as_primitive_opt::<Int64Type>());
    let offsets = offsets.ok_or_else(|| missing("offset"))?;
    let objects = column("object").and_then(|c| c.as_dictionary_opt::<Int32Type>());
    let objects = objects.ok_or_else(|| missing("object"))?;
    let names = objects.values().as_string_opt::<i32>().ok_or_else(|| missing("object"))?;
    let sources = lake::text_column(batch, "source")?;
    // Once an object, not once a record.
    let bounds: Vec<Option<(i64, i64)>> = names.iter().map(|name| name.and_then(hours).map(plausible)).collect();
    let latest = now.map_or(i64::MAX, |now| now.0.saturating_add(AHEAD_MICROS));
    for row in 0..batch.num_rows() {
        let time = times.value(row);
        let Some(code) = objects.key(row) else { continue };
        let found = match bounds.get(code).copied().flatten() {
            _ if time > latest => Skew::AfterRun,
            Some((_, end)) if time >= end => Skew::AfterHour,
            Some((start, _)) if time < start => Skew::BeforeHour,
            _ => continue,
        };
        if sources.get(row) != Some(LogSource::Inventory.as_str()) {
            skew.note(found, (names.value(code), offsets.value(row)), UtcMicros(time));
        }
    }
    Ok(())
}

/// The times, first and one after the last, that records filed in these hours may have.
fn plausible((first, end): (i64, i64)) -> (i64, i64) {
    ((first - LATE_HOURS) * MICROS_PER_HOUR, (end + EARLY_HOURS) * MICROS_PER_HOUR)
}
