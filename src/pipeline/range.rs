//! The time range that is asked for, and what out of it is read all the same.
//!
//! What was done to a workspace or a connector before the range tells who acts in it, and an operation
//! that began before it may have said only then what it is about. Such records are kept until they have
//! told it.

use arrow::array::{AsArray as _, BooleanArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::event::absent;
use crate::event::vocabulary::{LogSource, OpClass, Phase};
use crate::lake::text_column;
use crate::time::UtcMicros;

/// The classes of operations that tell of identities. An operation has one class, so all records of
/// an event, and of an operation, are of the same.
pub(super) const TELLING: &[&str] = &[OpClass::WorkspaceManage.as_str(), OpClass::ConnectorManage.as_str()];

/// Between the records of one operation lie hours at most (one day, in microseconds).
const OPERATION_MICROS: i64 = 24 * 3600 * 1_000_000;

/// Events at or after `since` and before `until`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TimeRange {
    pub(super) since: Option<UtcMicros>,
    pub(super) until: Option<UtcMicros>,
}

impl TimeRange {
    fn is_everything(self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    fn contains(self, time: UtcMicros) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    fn with_a_day_around(self) -> Self {
        let moved = |bound: Option<UtcMicros>, by: i64| bound.map(|bound| UtcMicros(bound.0.saturating_add(by)));
        Self { since: moved(self.since, -OPERATION_MICROS), until: moved(self.until, OPERATION_MICROS) }
    }

    /// The events of the range, and those out of it that tell something of these.
    pub(super) fn with_what_tells(self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let (classes, phases) = (text_column(batch, "op_class")?, text_column(batch, "phase")?);
        let bodies = text_column(batch, "body_from")?;
        let around = self.with_a_day_around();
        self.filter(batch, |row, time| {
            classes.get(row).is_some_and(|class| TELLING.contains(&class))
                || around.contains(time)
                    && bodies.get(row).is_some()
                    && phases.get(row).is_some_and(|phase| phase != Phase::Terminal.as_str())
        })
    }

    /// The events of the range.
    pub(super) fn only(self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.filter(batch, |_, _| false)
    }

    fn filter(
        self,
        batch: &RecordBatch,
        is_kept: impl Fn(usize, UtcMicros) -> bool,
    ) -> Result<RecordBatch, ArrowError> {
        if self.is_everything() {
            return Ok(batch.clone());
        }
        let times = batch.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.ok_or_else(|| ArrowError::SchemaError("events have no usable column time".to_owned()))?;
        let sources = text_column(batch, "source")?;
        let keep = (0..times.len()).map(|row| {
            let time = UtcMicros(times.value(row));
            // What an inventory states holds now, however long ago it was made so.
            let is_stated = || sources.get(row) == Some(LogSource::Inventory.as_str());
            Some(self.contains(time) || is_stated() || is_kept(row, time))
        });
        absent::filter(batch, &keep.collect::<BooleanArray>())
    }
}
