//! Keeps batches in memory up to a budget, and partitioned in temporary Parquet beyond it.

mod streams;
mod temporary;
mod together;

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};

use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::errors::ParquetError;
use tempfile::TempDir;

use super::columns::TextView;
use crate::event::absent;
use crate::event::vocabulary::LogSource;
use crate::parallel;

#[cfg(feature = "lake")]
pub use streams::LakeFiles;
pub use streams::{Streams, StreamsBuilder};
use temporary::temporary_folder;
pub use temporary::{TableWriter, read_partition, read_table, rows_of};

/// Partitions of a store that went to disk, where so many files may be open. One partition is in memory
/// at a time while it is resolved; one for which that is too much is divided in as many again.
const PARTITIONS: usize = 64;

/// How much of the memory limit is the budget, 1 by this: while partitions are resolved nothing else is
/// in memory.
const BUDGET_SHARE: usize = 2;

/// Bytes of a partition up to which it is not divided (16 MiB), whatever the budget.
const UNDIVIDED_BYTES: usize = 16 << 20;

/// Most batches that are split together: each row is looked at once for every one of them. Their rows
/// in one of all partitions are as many as a batch has.
const BATCHES_TOGETHER: usize = 64;

/// The share of the partitions whose rows are put together at once, 1 by this. That takes as much of
/// what is held once more, and each time looks at the dictionaries of all that is held.
const AT_ONCE_SHARE: usize = 8;

/// How often a partition is in memory, at most, while it is resolved: as it was read, in order, merged
/// and classified.
const COPIES_OF_A_PARTITION: usize = 4;

/// Most bytes that are put together at once (64 MiB), where one partition does not have more.
const AT_ONCE_BYTES: usize = 64 << 20;

/// Where a batch comes from: unit of work, block in it, and number of the batch in that. In memory,
/// batches are put in this order, whichever thread was first.
pub type Tag = (u64, u64, u64);

/// Why events could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The temporary folder or a file in it.
    #[error("cannot write temporary file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause, disk full among others.
        #[source]
        source: std::io::Error,
    },
    /// Parquet could not be written or read back.
    #[error("cannot spool events to {path}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The cause, disk full among others.
        #[source]
        source: ParquetError,
    },
    /// A defect of ours.
    #[error("events do not fit their schema")]
    Arrow {
        /// The cause.
        #[source]
        source: ArrowError,
    },
}

impl From<ArrowError> for StoreError {
    fn from(source: ArrowError) -> Self {
        Self::Arrow { source }
    }
}

/// Events of the decoded schema on their way to [`resolve`](super::resolve).
#[derive(Debug)]
pub struct Store {
    budget_bytes: usize,
    held: Vec<(Tag, RecordBatch)>,
    held_bytes: usize,
    partitions: usize,
    threads: usize,
    spool: Option<(TempDir, Spool)>,
}

impl Store {
    /// Makes a store that keeps at most about `budget_bytes` in memory, and has at most `max_files`
    /// files open beyond that, which so many threads write.
    pub fn new(budget_bytes: usize, max_files: usize, threads: usize) -> Self {
        let partitions = PARTITIONS.min(max_files.max(1));
        Self { budget_bytes, held: Vec::new(), held_bytes: 0, partitions, threads, spool: None }
    }

    /// Takes a batch of the decoded schema.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when the batches have to go to disk and cannot.
    pub fn push(&mut self, tag: Tag, batch: RecordBatch) -> Result<(), StoreError> {
        self.held_bytes += absent::memory_bytes(&batch);
        self.held.push((tag, batch));
        if self.held_bytes > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), StoreError> {
        let (dir, mut spool) = if let Some(begun) = self.spool.take() {
            begun
        } else {
            let dir = temporary_folder()?;
            let spool = Spool::new(dir.path().join("part"), Cut::First, (self.partitions, self.threads));
            (dir, spool)
        };
        let held: Vec<RecordBatch> = self.held.drain(..).map(|(_, batch)| batch).collect();
        spool.push(&held, self.held_bytes)?;
        self.held_bytes = 0;
        self.spool = Some((dir, spool));
        Ok(())
    }

    /// Says that there are no more batches.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when the rest has to go to disk and cannot.
    pub fn finish(mut self) -> Result<Partitions, StoreError> {
        if self.spool.is_some() {
            self.spill()?;
        }
        let Some((dir, spool)) = self.spool else {
            self.held.sort_by_key(|(tag, _)| *tag);
            return Ok(Partitions::Memory(self.held.into_iter().map(|(_, batch)| batch).collect()));
        };
        let bytes = spool.bytes;
        let paths = spool.close()?;
        let resolved_bytes = bytes / paths.len().max(1) * COPIES_OF_A_PARTITION;
        let at_once = self.budget_bytes / resolved_bytes.max(1);
        let most_bytes = (self.budget_bytes * BUDGET_SHARE).max(UNDIVIDED_BYTES * COPIES_OF_A_PARTITION);
        let pieces = resolved_bytes.div_ceil(most_bytes).min(self.partitions);
        let Self { budget_bytes, threads, .. } = self;
        Ok(Partitions::Files(PartitionFiles { _dir: dir, paths, at_once, pieces, budget_bytes, threads }))
    }
}

/// What a store holds: everything that belongs together lies in one partition.
#[derive(Debug)]
pub enum Partitions {
    /// One partition, in memory.
    Memory(Vec<RecordBatch>),
    /// Files of a temporary folder, one a partition.
    Files(PartitionFiles),
}

/// Partitions in files, which are removed when this is dropped.
#[derive(Debug)]
pub struct PartitionFiles {
    _dir: TempDir,
    paths: Vec<PathBuf>,
    at_once: usize,
    pieces: usize,
    budget_bytes: usize,
    threads: usize,
}

impl PartitionFiles {
    /// The files, for [`read_partition`].
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// How many partitions of an average size may be resolved at once beside another; 0 where one
    /// may take all the memory there is.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Whether one partition takes more memory than there is, and has to be [divided](Self::divide).
    pub fn are_too_large(&self) -> bool {
        self.pieces > 1
    }

    /// Divides a partition into files of which each holds all of an event and of an operation, as the
    /// partition does, which is removed.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where it cannot be read, or its pieces cannot be written.
    pub fn divide(&self, path: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let mut spool = Spool::new(path.with_added_extension("piece"), Cut::Second, (self.pieces, self.threads));
        let (mut held, mut held_bytes) = (Vec::new(), 0);
        for batch in read_table(path)? {
            let batch = batch?;
            held_bytes += absent::memory_bytes(&batch);
            held.push(batch);
            if held_bytes > self.budget_bytes {
                spool.push(&held, held_bytes)?;
                held.clear();
                held_bytes = 0;
            }
        }
        spool.push(&held, held_bytes)?;
        let pieces = spool.close()?;
        std::fs::remove_file(path).map_err(|source| StoreError::Write { path: path.to_owned(), source })?;
        Ok(pieces)
    }
}

/// By what events are parted: what is one partition of the first cut is several of the second.
#[derive(Debug, Clone, Copy, Hash)]
enum Cut {
    First,
    Second,
}

/// Files of partitions under way.
#[derive(Debug)]
struct Spool {
    /// What their names begin with.
    name: PathBuf,
    cut: Cut,
    threads: usize,
    /// What was in memory of all that is in the files.
    bytes: usize,
    writers: Vec<Option<TableWriter>>,
}

impl Spool {
    fn new(name: PathBuf, cut: Cut, (partitions, threads): (usize, usize)) -> Self {
        Self { name, cut, threads, bytes: 0, writers: (0..partitions).map(|_| None).collect() }
    }

    fn close(self) -> Result<Vec<PathBuf>, StoreError> {
        self.writers.into_iter().flatten().map(TableWriter::close).collect()
    }

    /// Splits batches, so many bytes, so that records of one event, and of one operation, share a
    /// partition.
    fn push(&mut self, batches: &[RecordBatch], bytes: usize) -> Result<(), StoreError> {
        self.bytes += bytes;
        let bytes_of_each = bytes / batches.len().max(1);
        batches.chunks(BATCHES_TOGETHER).try_for_each(|some| self.push_some(some, bytes_of_each * some.len()))
    }

    /// The same of a few batches, which go to each partition at once, as a row group of its own: nothing
    /// of them stays.
    fn push_some(&mut self, batches: &[RecordBatch], bytes: usize) -> Result<(), StoreError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let mut rows: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.writers.len()];
        for (at, batch) in batches.iter().enumerate() {
            for (row, partition) in partitions_of(batch, self.cut, self.writers.len())?.into_iter().enumerate() {
                if let Some(rows) = rows.get_mut(partition) {
                    rows.push((at, row));
                }
            }
        }
        let bytes_of_each = bytes / self.writers.len().max(1);
        let at_once = (AT_ONCE_BYTES / bytes_of_each.max(1)).min(self.writers.len() / AT_ONCE_SHARE).max(1);
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let (name, schema) = (&self.name, first.schema());
        let groups = (0..).step_by(at_once).zip(self.writers.chunks_mut(at_once)).zip(rows.chunks(at_once));
        let written = parallel::map(self.threads, groups.collect(), |((first, writers), rows)| {
            let together = interleave_record_batch(&batches, &rows.concat())?;
            let mut start = 0;
            for (partition, (slot, rows)) in (first..).zip(writers.iter_mut().zip(rows)) {
                if rows.is_empty() {
                    continue;
                }
                let part = together.slice(start, rows.len());
                start += rows.len();
                let writer = if let Some(writer) = slot {
                    writer
                } else {
                    let path = name.with_added_extension(format!("{partition:02}"));
                    slot.insert(TableWriter::create(path, SchemaRef::clone(&schema))?)
                };
                writer.write(&part)?;
                writer.end_row_group()?;
            }
            Ok(())
        });
        written.into_iter().collect()
    }
}

/// The partition of each row, by correlation id, operation and target for Activity records (which
/// their uid is made of, too), by uid for all others. The same in every run: it decides the order in
/// which events come out.
fn partitions_of(batch: &RecordBatch, cut: Cut, partitions: usize) -> Result<Vec<usize>, ArrowError> {
    let uid = TextView::of(batch, "event_uid")?;
    let source = TextView::of(batch, "source")?;
    let correlation_id = TextView::of(batch, "correlation_id")?;
    let operation = TextView::of(batch, "operation")?;
    let target_id = TextView::of(batch, "target_id")?;
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let hash = |row: usize| {
        let activity = source.get(row) == Some(LogSource::Activity.as_str());
        match correlation_id.get(row) {
            Some(correlation_id) if activity => {
                hasher.hash_one((cut, correlation_id, operation.get(row), target_id.get(row)))
            }
            _ => hasher.hash_one((cut, uid.get(row))),
        }
    };
    let partition = |row: usize| usize::try_from(hash(row) % partitions as u64).unwrap_or(0);
    Ok((0..batch.num_rows()).map(partition).collect())
}

#[cfg(test)]
mod tests;
