//! Holds decoded events in memory or, past a budget, on disk; makes one event of its records.
//!
//! Records arrive in batches of the decoded schema. [`Store`] keeps them, partitioned once they
//! no longer fit. [`resolve`](fn@resolve) then merges duplicates and pairs the records of an
//! operation, one partition at a time: whatever belongs together lies in one partition.

mod columns;
pub mod merge;
pub mod pair;
pub mod store;
#[cfg(feature = "lake")]
pub mod table;
#[cfg(feature = "lake")]
pub mod undo;

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

pub use columns::{TextView, text_column};
#[cfg(feature = "lake")]
pub use store::LakeFiles;
pub use store::{PartitionFiles, Partitions, Store, StoreError, Streams, StreamsBuilder, Tag};

/// What became of a partition's records.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Batches of the decoded schema with the column `locations` added.
    pub batches: Vec<RecordBatch>,
    /// Records that were another record of an event that is there.
    pub duplicates: u64,
    /// Those of them that differ from it.
    pub conflicts: Vec<Conflict>,
    /// For each batch, the records that each of its events was made of, as batch and row of what was
    /// resolved; empty for a batch of events with one record each.
    pub members: Vec<Vec<Vec<(usize, usize)>>>,
}

/// A duplicate that says something else than the event it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Object that it was read from.
    pub object: String,
    /// Byte offset there.
    pub offset: i64,
    /// Length in bytes.
    pub length: i64,
    /// The first column that differs.
    pub column: &'static str,
}

/// Merges duplicates, then pairs the records of each operation.
///
/// The result depends on the set of records only, not on how they are spread over batches; their
/// order follows the input's.
///
/// # Errors
///
/// An [`ArrowError`] when a batch is not of the decoded schema: a defect of ours.
pub fn resolve(batches: Vec<RecordBatch>, threads: usize) -> Result<Resolved, ArrowError> {
    let mut resolved = merge::merge(&batches, threads)?;
    drop(batches);
    resolved.batches = pair::pair(&resolved.batches, threads)?;
    Ok(resolved)
}

/// As [`resolve`](fn@resolve), with the column [`undo`] added, from which the records can be had back.
///
/// # Errors
///
/// As [`resolve`](fn@resolve).
#[cfg(feature = "lake")]
pub fn resolve_with_undo(batches: &[RecordBatch], threads: usize) -> Result<Resolved, ArrowError> {
    let mut resolved = merge::merge(batches, threads)?;
    let unpaired = std::mem::take(&mut resolved.batches);
    let paired = pair::pair(&unpaired, threads)?;
    for ((unpaired, paired), members) in unpaired.iter().zip(&paired).zip(&resolved.members) {
        resolved.batches.push(undo::with_records(batches, (unpaired, paired), members)?);
    }
    Ok(resolved)
}
