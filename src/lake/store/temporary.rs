//! Temporary Parquet files: written batch by batch, and read back whole or in part.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, BooleanArray, RecordBatchIterator, RecordBatchReader, UInt32Array};
use arrow::compute::{concat_batches, rank, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use tempfile::TempDir;

use super::StoreError;
use crate::event::builder::BATCH_ROWS;
use crate::event::schema;
use crate::lake::columns::{TextView, numbers};

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

    /// Creates a file that queries read: they leave out row groups that lack what they look for. There
    /// are no bounds of names and ids: a row group has them from anywhere.
    pub(super) fn for_queries(path: PathBuf, schema: SchemaRef) -> Result<Self, StoreError> {
        let is_text = |data_type: &DataType| matches!(data_type, DataType::Dictionary(..) | DataType::Utf8);
        let names =
            schema.fields().iter().filter(|field| is_text(field.data_type()) && schema::words(field.name()).is_none());
        let properties = names.fold(properties(), |properties, field| {
            properties.set_column_statistics_enabled(ColumnPath::from(field.name().as_str()), EnabledStatistics::None)
        });
        let properties = WITH_BLOOM_FILTER.iter().fold(properties, |properties, (column, values)| {
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
        // What is no dictionary in memory gains nothing by being one in a file.
        let plain = schema.fields().iter().filter(|field| !matches!(field.data_type(), DataType::Dictionary(..)));
        let properties = plain.fold(properties, |properties, field| {
            properties.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false)
        });
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

fn open(path: &Path) -> Result<File, StoreError> {
    File::open(path).map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

/// Reads a temporary file back, a batch for each row group. Each has its own dictionaries: a batch of
/// two would have none to share, and they would have to be made again, text by text.
///
/// # Errors
///
/// A [`StoreError`] where it cannot be opened; the items, where it cannot be read on.
pub fn read_table(path: &Path) -> Result<impl RecordBatchReader + use<>, StoreError> {
    let file = open(path)?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
    let metadata = metadata.map_err(|source| StoreError::Parquet { path: path.to_owned(), source })?;
    let schema = SchemaRef::clone(metadata.schema());
    let row_groups = 0..metadata.metadata().num_row_groups();
    let batches = row_groups.filter_map(move |row_group| {
        let reader = file.try_clone().map_err(ParquetError::from).and_then(|file| {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
            builder.with_row_groups(vec![row_group]).with_batch_size(ROW_GROUP_ROWS).build()
        });
        reader.map_or_else(|error| Some(Err(error.into())), |mut reader| reader.next())
    });
    Ok(RecordBatchIterator::new(batches, schema))
}

/// Reads the batches of a partition's file, by object and place in it: in an order that does not depend
/// on who was first to write to it.
///
/// # Errors
///
/// A [`StoreError`] where it cannot be read.
pub fn read_partition(path: &Path) -> Result<Vec<RecordBatch>, StoreError> {
    sorted(read_table(path)?)
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
    let unreadable = |source| StoreError::Parquet { path: path.to_owned(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(open(path)?).map_err(unreadable)?;
    let columns = ProjectionMask::columns(builder.parquet_schema(), [column]);
    let predicate = ArrowPredicateFn::new(columns, move |batch| {
        let texts = TextView::of(&batch, column)?;
        let is_wanted = |row| texts.get(row).is_some_and(|text| words.contains(&text));
        Ok((0..batch.num_rows()).map(|row| Some(is_wanted(row))).collect::<BooleanArray>())
    });
    let filter = RowFilter::new(vec![Box::new(predicate)]);
    sorted(builder.with_batch_size(BATCH_ROWS).with_row_filter(filter).build().map_err(unreadable)?)
}

/// What is read, by object and place in it.
fn sorted(reader: impl RecordBatchReader) -> Result<Vec<RecordBatch>, StoreError> {
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let whole = concat_batches(&schema, &batches)?;
    drop(batches);
    let sorted = take_record_batch(&whole, &by_place(&whole)?)?;
    let starts = (0..sorted.num_rows()).step_by(BATCH_ROWS);
    Ok(starts.map(|start| sorted.slice(start, BATCH_ROWS.min(sorted.num_rows() - start))).collect())
}

/// The rows by object and place in it.
fn by_place(batch: &RecordBatch) -> Result<UInt32Array, ArrowError> {
    // Objects are few, their names long and alike: they are compared once each, not once a row.
    let objects = TextView::of(batch, "object")?;
    let ranks = match objects {
        TextView::Dictionary(_, names) | TextView::Plain(names) => rank(names, None)?,
    };
    let rank_of = |row: usize| match objects {
        TextView::Dictionary(codes, _) => codes.key(row).and_then(|code| ranks.get(code)),
        TextView::Plain(_) => ranks.get(row),
    };
    let in_object = [numbers(batch, "offset")?, numbers(batch, "block_record")?, numbers(batch, "body_offset")?];
    let rows = (0_u32..).zip(0..batch.num_rows());
    let place = |row: usize| in_object.map(|column| column.is_valid(row).then(|| column.value(row)));
    let mut places: Vec<_> = rows.map(|(number, row)| (rank_of(row), place(row), number)).collect();
    places.sort_unstable();
    Ok(places.into_iter().map(|(_, _, number)| number).collect())
}
