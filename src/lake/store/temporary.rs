//! Temporary Parquet files: written batch by batch, and read back whole or in part.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, BooleanArray, RecordBatchReader};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use tempfile::TempDir;

use super::StoreError;
use crate::event::builder::BATCH_ROWS;
use crate::lake::columns::TextView;

/// Rows of a row group of temporary files. A writer holds one, a query one of each file that it reads.
const ROW_GROUP_ROWS: usize = 2 * BATCH_ROWS;

/// Bytes of a page, and of the dictionary, of a column in temporary files (64 KiB): a writer holds
/// one of either for each of some sixty columns.
const PAGE_BYTES: usize = 64 << 10;

/// The columns with bloom filters in files of streams, and how many different values a row group is
/// expected to have at most: what people look for, one value of many.
const WITH_BLOOM_FILTER: &[(&str, u64)] =
    &[("correlation_id", 1 << 14), ("principal_id", 1 << 10), ("src_ip", 1 << 12)];

/// A folder of this run's own, removed when dropped.
pub(super) fn temporary_folder() -> Result<TempDir, StoreError> {
    let dir = tempfile::Builder::new().prefix("airside-").tempdir();
    dir.map_err(|source| StoreError::Write { path: std::env::temp_dir(), source })
}

/// Writes batches of one schema to a temporary Parquet file.
#[derive(Debug)]
pub struct TableWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
}

impl TableWriter {
    /// Creates a file that is to be read back whole. Of its row groups, which may be thousands of a
    /// few rows, nothing is kept in memory but where they lie.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where it cannot be created.
    pub fn create(path: PathBuf, schema: SchemaRef) -> Result<Self, StoreError> {
        let properties = properties().set_statistics_enabled(EnabledStatistics::None).set_offset_index_disabled(true);
        Self::with_properties(path, schema, properties)
    }

    /// Creates a file that queries read: they leave out row groups that lack what they look for.
    pub(super) fn for_queries(path: PathBuf, schema: SchemaRef) -> Result<Self, StoreError> {
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

/// The properties of temporary files. There are thousands of row groups, read once or a few times, and
/// the contexts of a stronger compression, one a column of each, would cost more than what they save.
fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(PAGE_BYTES)
}

pub(super) fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, StoreError> {
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
pub(super) fn sorted(
    path: &Path,
    builder: ParquetRecordBatchReaderBuilder<File>,
) -> Result<Vec<RecordBatch>, StoreError> {
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
