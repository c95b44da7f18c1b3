//! The events of a lake that new records may belong to.

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use parquet::arrow::arrow_reader::RowSelection;

use super::super::keys::{Keys, day_of, operations};
use crate::event::uid;
use crate::lake::table::{DataFile, Lake, LakeError};
use crate::lake::{self, undo};
use crate::time::UtcMicros;

/// What an event's uid and operation are made of.
const KEY_COLUMNS: &[&str] = &["event_uid", "source", "correlation_id", "operation", "target_id"];

/// Days around those of the new records in which other records of their operations are looked for.
/// Azure Resource Manager gives up on an operation well before that; a lake of years is not read for
/// each hour that is added.
const DAYS_AROUND: i64 = 1;

/// Earlier events.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// The files that they lie in.
    pub(super) files: Vec<DataFile>,
    /// Batches of the lake's schema, each with the place of its file in `files`.
    parts: Vec<(usize, RecordBatch)>,
    /// Place in `parts`, and row there.
    by_uid: HashMap<u128, (usize, usize)>,
}

impl Earlier {
    /// How many there are.
    pub(super) fn events(&self) -> u64 {
        self.by_uid.len() as u64
    }

    /// The records that they were made of.
    pub(super) fn records(&self) -> Result<Vec<RecordBatch>, ArrowError> {
        self.parts.iter().map(|(_, batch)| undo::records(batch)).collect()
    }

    /// The batches.
    pub(super) fn batches(&self) -> Vec<&RecordBatch> {
        self.parts.iter().map(|(_, batch)| batch).collect()
    }

    /// Where an event is: its batch, its row there, and its file.
    pub(super) fn find(&self, uid: u128) -> Option<(usize, usize, usize)> {
        let (part, row) = *self.by_uid.get(&uid)?;
        Some((part, row, self.parts.get(part)?.0))
    }
}

/// Finds them.
pub(super) async fn find(lake: &Lake, keys: &Keys) -> Result<Earlier, LakeError> {
    let mut earlier = Earlier::default();
    for file in lake.files()? {
        let Some(day) = day(&file.date) else { continue };
        if keys.days.range(day - DAYS_AROUND..=day + DAYS_AROUND).next().is_none() {
            continue;
        }
        let open = file.open(lake.store()).await?;
        let mut is_wanted: Vec<bool> = Vec::new();
        for batch in open.columns(KEY_COLUMNS)? {
            let uids = lake::text_column(&batch, "event_uid")?;
            for (row, operation) in operations(&batch)?.into_iter().enumerate() {
                let is_same = uids.get(row).and_then(uid::number).is_some_and(|uid| keys.uids.contains(&uid));
                is_wanted.push(is_same || operation.is_some_and(|operation| keys.operations.contains(&operation)));
            }
        }
        if !is_wanted.contains(&true) {
            continue;
        }
        let rows = RowSelection::from_filters(&[is_wanted.into()]);
        for batch in open.events(Some(rows))? {
            let batch = batch?;
            let uids = lake::text_column(&batch, "event_uid")?;
            let part = earlier.parts.len();
            for row in 0..batch.num_rows() {
                if let Some(uid) = uids.get(row).and_then(uid::number) {
                    earlier.by_uid.insert(uid, (part, row));
                }
            }
            earlier.parts.push((earlier.files.len(), batch));
        }
        earlier.files.push(file);
    }
    Ok(earlier)
}

fn day(date: &str) -> Option<i64> {
    UtcMicros::parse(&format!("{date}T00:00:00Z")).map(|time| day_of(time.0))
}
