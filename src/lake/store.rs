//! Keeps batches in memory up to a budget, and partitioned in temporary Parquet beyond it.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, BooleanArray, RecordBatchReader};
use arrow::compute::{SortColumn, concat_batches, interleave_record_batch, lexsort_to_indices, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::DefaultHashBuilder;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use tempfile::TempDir;

use super::columns::TextView;
#[cfg(feature = "lake")]
use super::table::{DataFile, LakeLocation};
use crate::event::builder::BATCH_ROWS;
use crate::event::vocabulary::{LogSource, Stream};
#[cfg(feature = "lake")]
use crate::time::UtcMicros;

/// Partitions of a store that went to disk, where so many files may be open. One partition is in memory at a time while it is
/// resolved: 64 of them take 64 times the budget's worth of input without exceeding it.
const PARTITIONS: usize = 64;

/// Rows of a row group of temporary files. A writer holds one, a query one of each file that it reads.
const ROW_GROUP_ROWS: usize = 2 * BATCH_ROWS;

/// Bytes of a page, and of the dictionary, of a column in temporary files (64 KiB): a writer holds
/// one of either for each of some sixty columns.
const PAGE_BYTES: usize = 64 << 10;

/// The columns with bloom filters in files of streams, and how many different values a row group is
/// expected to have at most: what people look for, one value of many.
const WITH_BLOOM_FILTER: &[(&str, u64)] =
    &[("correlation_id", 1 << 14), ("principal_id", 1 << 10), ("src_ip", 1 << 12)];

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
    spool: Option<Spool>,
}

impl Store {
    /// Makes a store that keeps at most about `budget_bytes` in memory, and has at most `max_files`
    /// files open beyond that.
    pub fn new(budget_bytes: usize, max_files: usize) -> Self {
        let partitions = PARTITIONS.min(max_files.max(1));
        Self { budget_bytes, held: Vec::new(), held_bytes: 0, partitions, spool: None }
    }

    /// Takes a batch of the decoded schema.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when the batches have to go to disk and cannot.
    pub fn push(&mut self, tag: Tag, batch: RecordBatch) -> Result<(), StoreError> {
        self.held_bytes += batch.get_array_memory_size();
        self.held.push((tag, batch));
        if self.held_bytes > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), StoreError> {
        let mut spool = match self.spool.take() {
            Some(spool) => spool,
            None => Spool::new(self.partitions)?,
        };
        let held: Vec<RecordBatch> = self.held.drain(..).map(|(_, batch)| batch).collect();
        spool.push(&held)?;
        self.held_bytes = 0;
        self.spool = Some(spool);
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
        let Some(spool) = self.spool else {
            self.held.sort_by_key(|(tag, _)| *tag);
            return Ok(Partitions::Memory(self.held.into_iter().map(|(_, batch)| batch).collect()));
        };
        let mut files = Vec::new();
        for writer in spool.writers.into_iter().flatten() {
            files.push(writer.close()?);
        }
        Ok(Partitions::Files { dir: spool.dir, files })
    }
}

/// What a store holds: everything that belongs together lies in one partition.
#[derive(Debug)]
pub enum Partitions {
    /// One partition, in memory.
    Memory(Vec<RecordBatch>),
    /// Files of a temporary folder, one a partition.
    Files {
        /// The folder; removed when dropped.
        dir: TempDir,
        /// The partitions.
        files: Vec<PathBuf>,
    },
}

impl Partitions {
    /// How many partitions there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Memory(_) => 1,
            Self::Files { files, .. } => files.len(),
        }
    }

    /// Whether there is no partition at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the batches of a partition, in an order that does not depend on who was first to
    /// write to it.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where its file cannot be read.
    pub fn take(&mut self, partition: usize) -> Result<Vec<RecordBatch>, StoreError> {
        match self {
            Self::Memory(batches) => Ok(std::mem::take(batches)),
            Self::Files { files, .. } => match files.get(partition) {
                Some(path) => sorted(path, open(path)?),
                None => Ok(Vec::new()),
            },
        }
    }
}

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
            Partitions::Files { .. } => Self::in_files()?,
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

    /// Says that there are no more batches.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where a file cannot be ended.
    pub fn finish(self) -> Result<Streams, StoreError> {
        Ok(match self {
            Self::Memory(streams) => Streams::Memory(streams),
            Self::Files { dir, writers } => {
                let close = |writer: Option<TableWriter>| writer.map(TableWriter::close).transpose();
                Streams::Files { dir, files: writers.into_iter().map(close).collect::<Result<_, _>>()? }
            }
        })
    }
}

fn temporary_folder() -> Result<TempDir, StoreError> {
    let dir = tempfile::Builder::new().prefix("airside-").tempdir();
    dir.map_err(|source| StoreError::Write { path: std::env::temp_dir(), source })
}

#[derive(Debug)]
struct Spool {
    dir: TempDir,
    writers: Vec<Option<TableWriter>>,
    hasher: DefaultHashBuilder,
}

impl Spool {
    fn new(partitions: usize) -> Result<Self, StoreError> {
        let dir = temporary_folder()?;
        let writers = (0..partitions).map(|_| None).collect();
        Ok(Self { dir, writers, hasher: DefaultHashBuilder::default() })
    }

    /// Splits batches so that records of one event, and of one operation, share a partition. What
    /// is held goes to each partition at once, as a row group of its own: nothing of it stays.
    fn push(&mut self, batches: &[RecordBatch]) -> Result<(), StoreError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let mut rows: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.writers.len()];
        for (at, batch) in batches.iter().enumerate() {
            for (row, partition) in partitions_of(batch, self.writers.len(), &self.hasher)?.into_iter().enumerate() {
                if let Some(rows) = rows.get_mut(partition) {
                    rows.push((at, row));
                }
            }
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        for (partition, rows) in rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let part = interleave_record_batch(&batches, &rows)?;
            let Some(slot) = self.writers.get_mut(partition) else { continue };
            let writer = if let Some(writer) = slot {
                writer
            } else {
                let path = self.dir.path().join(format!("part-{partition:02}.parquet"));
                slot.insert(TableWriter::create(path, first.schema())?)
            };
            writer.write(&part)?;
            writer.end_row_group()?;
        }
        Ok(())
    }
}

/// The partition of each row, by correlation id, operation and target for Activity records (which
/// their uid is made of, too), by uid for all others.
fn partitions_of(
    batch: &RecordBatch,
    partitions: usize,
    hasher: &DefaultHashBuilder,
) -> Result<Vec<usize>, ArrowError> {
    let uid = TextView::of(batch, "event_uid")?;
    let source = TextView::of(batch, "source")?;
    let correlation_id = TextView::of(batch, "correlation_id")?;
    let operation = TextView::of(batch, "operation")?;
    let target_id = TextView::of(batch, "target_id")?;
    let hash = |row: usize| {
        let activity = source.get(row) == Some(LogSource::Activity.as_str());
        match correlation_id.get(row) {
            Some(correlation_id) if activity => {
                std::hash::BuildHasher::hash_one(hasher, (correlation_id, operation.get(row), target_id.get(row)))
            }
            _ => std::hash::BuildHasher::hash_one(hasher, uid.get(row)),
        }
    };
    let partition = |row: usize| usize::try_from(hash(row) % partitions as u64).unwrap_or(0);
    Ok((0..batch.num_rows()).map(partition).collect())
}

/// Writes batches of one schema to a temporary Parquet file.
#[derive(Debug)]
pub struct TableWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
}

impl TableWriter {
    /// Creates a file that is to be read back whole.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where it cannot be created.
    pub fn create(path: PathBuf, schema: SchemaRef) -> Result<Self, StoreError> {
        Self::with_properties(path, schema, properties())
    }

    /// Creates a file that queries read: they leave out row groups that lack what they look for.
    fn for_queries(path: PathBuf, schema: SchemaRef) -> Result<Self, StoreError> {
        let properties = WITH_BLOOM_FILTER.iter().fold(properties(), |properties, (column, values)| {
            let column = ColumnPath::from(*column);
            properties
                .set_column_bloom_filter_enabled(column.clone(), true)
                .set_column_bloom_filter_max_ndv(column, *values)
        });
        Self::with_properties(path, schema, properties)
    }

    fn with_properties(
        path: PathBuf,
        schema: SchemaRef,
        properties: WriterPropertiesBuilder,
    ) -> Result<Self, StoreError> {
        let file = File::create(&path).map_err(|source| StoreError::Write { path: path.clone(), source })?;
        let writer = ArrowWriter::try_new(file, schema, Some(properties.build()));
        let writer = writer.map_err(|source| StoreError::Parquet { path: path.clone(), source })?;
        Ok(Self { path, writer })
    }

    /// Appends a batch.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where it cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        self.writer.write(batch).map_err(|source| StoreError::Parquet { path: self.path.clone(), source })
    }

    /// Ends the row group under way: what was appended so far leaves memory.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where it cannot be written.
    pub fn end_row_group(&mut self) -> Result<(), StoreError> {
        self.writer.flush().map_err(|source| StoreError::Parquet { path: self.path.clone(), source })
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where it cannot be written.
    pub fn close(self) -> Result<PathBuf, StoreError> {
        let path = self.path;
        self.writer.close().map_err(|source| StoreError::Parquet { path: path.clone(), source })?;
        Ok(path)
    }
}

fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(PAGE_BYTES)
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, StoreError> {
    let file = File::open(path).map_err(|source| StoreError::Write { path: path.to_owned(), source })?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file);
    let builder = builder.map_err(|source| StoreError::Parquet { path: path.to_owned(), source })?;
    Ok(builder.with_batch_size(BATCH_ROWS))
}

/// Reads a temporary file back, batch by batch.
///
/// # Errors
///
/// A [`StoreError`] where it cannot be opened; the items, where it cannot be read on.
pub fn read_table(path: &Path) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + use<>, StoreError> {
    open(path)?.build().map_err(|source| StoreError::Parquet { path: path.to_owned(), source })
}

/// Reads of a partition's file only the rows whose text in `column` is one of `words`, by object and
/// place in it.
///
/// # Errors
///
/// A [`StoreError`] where it cannot be read.
pub fn rows_of(
    path: &Path,
    column: &'static str,
    words: &'static [&'static str],
) -> Result<Vec<RecordBatch>, StoreError> {
    let builder = open(path)?;
    let columns = ProjectionMask::columns(builder.parquet_schema(), [column]);
    let predicate = ArrowPredicateFn::new(columns, move |batch| {
        let texts = TextView::of(&batch, column)?;
        let is_wanted = |row| texts.get(row).is_some_and(|text| words.contains(&text));
        Ok((0..batch.num_rows()).map(|row| Some(is_wanted(row))).collect::<BooleanArray>())
    });
    sorted(path, builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)])))
}

/// Reads what is wanted of a file, by object and place in it.
fn sorted(path: &Path, builder: ParquetRecordBatchReaderBuilder<File>) -> Result<Vec<RecordBatch>, StoreError> {
    let reader = builder.build().map_err(|source| StoreError::Parquet { path: path.to_owned(), source })?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let whole = concat_batches(&schema, &batches)?;
    drop(batches);
    let by = ["object", "offset", "block_record", "body_offset"];
    let columns: Vec<SortColumn> = by
        .iter()
        .filter_map(|name| whole.column_by_name(name))
        .map(|column| SortColumn { values: ArrayRef::clone(column), options: None })
        .collect();
    let order = lexsort_to_indices(&columns, None)?;
    let sorted = take_record_batch(&whole, &order)?;
    let starts = (0..sorted.num_rows()).step_by(BATCH_ROWS);
    Ok(starts.map(|start| sorted.slice(start, BATCH_ROWS.min(sorted.num_rows() - start))).collect())
}
