//! What of a lake the records at hand may belong to.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashSet;

use crate::event::uid;
use crate::event::vocabulary::LogSource;
use crate::lake;

/// Microseconds of a day.
const DAY: i64 = 86_400 * 1_000_000;

/// Uids, operations and days of events.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) uids: HashSet<u128>,
    /// Hashes of what the records of one operation share.
    pub(super) operations: HashSet<u64>,
    /// Days since 1970, in UTC.
    pub(super) days: BTreeSet<i64>,
}

impl Keys {
    /// Adds those of a batch of the decoded schema.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let uids = lake::text_column(batch, "event_uid")?;
        let operations = operations(batch)?;
        let times =
            batch.column_by_name("time").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        self.uids.extend((0..batch.num_rows()).filter_map(|row| uid::number(uids.get(row)?)));
        self.operations.extend(operations.into_iter().flatten());
        self.days.extend(times.into_iter().flat_map(|times| times.values().iter().map(|time| day_of(*time))));
        Ok(())
    }
}

/// Days since 1970 in UTC.
pub(super) fn day_of(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

/// For each row that is an Activity record with a correlation id: a hash of what it shares with the
/// other records of its operation.
pub(super) fn operations(batch: &RecordBatch) -> Result<Vec<Option<u64>>, ArrowError> {
    let is_activity = lake::text_column(batch, "source")?.rows_of(LogSource::Activity.as_str());
    let correlation_ids = lake::text_column(batch, "correlation_id")?;
    let operations = lake::text_column(batch, "operation")?;
    let targets = lake::text_column(batch, "target_id")?;
    let hash = |row: usize| {
        let mut hasher = DefaultHasher::new();
        (correlation_ids.get(row)?, operations.get(row), targets.get(row).unwrap_or("")).hash(&mut hasher);
        Some(hasher.finish())
    };
    Ok(is_activity.iter().enumerate().map(|(row, is_activity)| hash(row).filter(|_| *is_activity)).collect())
}
