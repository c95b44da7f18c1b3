//! Classified events by stream: in memory, in temporary files, or in a lake.

use std::path::PathBuf;

use arrow::record_batch::RecordBatch;
use tempfile::TempDir;

use super::temporary::{TableWriter, temporary_folder};
use super::together::together;
use super::{Partitions, StoreError};
use crate::event::vocabulary::Stream;
#[cfg(feature = "lake")]
use crate::lake::table::{DataFile, LakeLocation};
#[cfg(feature = "lake")]
use crate::time::UtcMicros;

/// Classified events by stream, where queries find them.
#[derive(Debug)]
pub enum Streams {
    /// In memory, by the code of the [`Stream`].
    Memory(Vec<Vec<RecordBatch>>),
    /// One Parquet file a stream, by its code; `None` for a stream without events.
    Files {
        /// The folder; removed when dropped.
        dir: TempDir,
        /// The files.
        files: Vec<Option<PathBuf>>,
    },
    /// In a lake.
    #[cfg(feature = "lake")]
    Lake(LakeFiles),
}

/// Files of a lake.
#[cfg(feature = "lake")]
#[derive(Debug, Clone)]
pub struct LakeFiles {
    /// The lake.
    pub location: LakeLocation,
    /// The files, of any stream.
    pub files: Vec<DataFile>,
    /// Events before this are left out.
    pub since: Option<UtcMicros>,
    /// Events at or after this are left out.
    pub until: Option<UtcMicros>,
}

#[cfg(feature = "lake")]
impl LakeFiles {
    /// Those of one stream.
    #[must_use]
    pub fn of(&self, stream: Stream) -> Self {
        let files = self.files.iter().filter(|file| file.stream == stream).cloned().collect();
        Self { location: self.location.clone(), files, since: self.since, until: self.until }
    }
}

/// Takes classified batches, in memory or on disk as the partitions are that they come from.
#[derive(Debug)]
pub enum StreamsBuilder {
    /// In memory.
    Memory(Vec<Vec<RecordBatch>>),
    /// On disk.
    Files {
        /// The folder.
        dir: TempDir,
        /// The files under way.
        writers: Vec<Option<TableWriter>>,
    },
}

impl StreamsBuilder {
    /// Makes a builder for what comes out of `partitions`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where no temporary folder can be made.
    pub fn for_partitions(partitions: &Partitions) -> Result<Self, StoreError> {
        Ok(match partitions {
            Partitions::Memory(_) => Self::Memory(vec![Vec::new(); Stream::ALL.len()]),
            Partitions::Files(_) => Self::in_files()?,
        })
    }

    /// Makes a builder that keeps nothing in memory.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where no temporary folder can be made.
    pub fn in_files() -> Result<Self, StoreError> {
        Ok(Self::Files { dir: temporary_folder()?, writers: Stream::ALL.iter().map(|_| None).collect() })
    }

    /// Adds a batch of the events schema whose events are all of `stream`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where it cannot be written.
    pub fn push(&mut self, stream: Stream, batch: RecordBatch) -> Result<(), StoreError> {
        match self {
            Self::Memory(streams) => {
                if let Some(batches) = streams.get_mut(stream as usize) {
                    batches.push(batch);
                }
            }
            Self::Files { dir, writers } => {
                if let Some(slot) = writers.get_mut(stream as usize) {
                    let writer = match slot {
                        Some(writer) => writer,
                        None => slot.insert(TableWriter::for_queries(
                            dir.path().join(format!("{stream}.parquet")),
                            batch.schema(),
                        )?),
                    };
                    writer.write(&batch)?;
                }
            }
        }
        Ok(())
    }

    /// Says that there are no more batches. Those in memory are put together where they are small,
    /// on so many threads.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where a file cannot be ended.
    pub fn finish(self, threads: usize) -> Result<Streams, StoreError> {
        Ok(match self {
            Self::Memory(streams) => {
                let put = streams.into_iter().map(|batches| together(batches, threads));
                Streams::Memory(put.collect::<Result<_, _>>().map_err(|source| StoreError::Arrow { source })?)
            }
            Self::Files { dir, writers } => {
                let close = |writer: Option<TableWriter>| writer.map(TableWriter::close).transpose();
                Streams::Files { dir, files: writers.into_iter().map(close).collect::<Result<_, _>>()? }
            }
        })
    }
}
