//! The data files of a lake: Parquet, sorted, of one stream and one day each.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{cast, max, max_string, min, min_string};
use arrow::datatypes::{DataType, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use deltalake_core::kernel::{Add, LogicalFileView, Remove};
use object_store::path::Path;
use object_store::{DynObjectStore, ObjectStoreExt as _};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{EVENT_DATE, LakeError, STREAM, schema};
use crate::event::vocabulary::{LogSource, Stream};
use crate::time::UtcMicros;

/// Most rows of a file: what is written at once is held in memory, compressed.
pub const FILE_ROWS: usize = 1 << 18;

/// Rows of a row group: what a query reads or leaves out.
const ROW_GROUP_ROWS: usize = 1 << 16;

/// Rows of a batch that is read.
const BATCH_ROWS: usize = 8192;

/// Longest text that is kept as the smallest or largest value of a column, in bytes.
const MAX_STATISTIC_BYTES: usize = 256;

/// The columns that files have statistics of in the Delta log: those that rules and people ask for,
/// and by which the rows are sorted.
const WITH_STATISTICS: &[&str] = &["time", "source", "operation", "op_class", "outcome", "principal_id"];

/// The columns with bloom filters, and how many different values a row group is expected to have.
const WITH_BLOOM_FILTER: &[(&str, u64)] =
    &[("event_uid", 1 << 16), ("correlation_id", 1 << 15), ("principal_id", 1 << 10), ("src_ip", 1 << 12)];

/// A data file that is part of the lake.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Its path in the lake.
    pub path: String,
    /// Its stream.
    pub stream: Stream,
    /// Day of its events in UTC, `2026-11-29`.
    pub date: String,
    /// Its size.
    pub bytes: u64,
    /// Rows in it; `None` where the log does not say.
    pub rows: Option<u64>,
    /// Smallest and largest values, as the log has them.
    pub statistics: Option<Value>,
    partition: HashMap<String, Option<String>>,
}

impl DataFile {
    pub(super) fn of(view: &LogicalFileView) -> Self {
        let partition = view.partition_values_map();
        let value = |name: &str| partition.get(name).cloned().flatten();
        let statistics = view.stats().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        Self {
            path: view.path().into_owned(),
            stream: value(STREAM).as_deref().and_then(Stream::from_word).unwrap_or(Stream::Other),
            date: value(EVENT_DATE).unwrap_or_default(),
            bytes: u64::try_from(view.size()).unwrap_or(0),
            rows: statistics.as_ref().and_then(|statistics| statistics.get("numRecords")?.as_u64()),
            statistics,
            partition,
        }
    }

    /// Whether a path in the lake is that of a data file, as [`FileWriter`] names them.
    pub(super) fn is_name(path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let [stream, date, name] = parts.as_slice() else { return false };
        let stream = stream.strip_prefix(STREAM).and_then(|stream| stream.strip_prefix('='));
        let date = date.strip_prefix(EVENT_DATE).and_then(|date| date.strip_prefix('='));
        let id = name.strip_prefix("part-").and_then(|name| name.strip_suffix(".parquet"));
        stream.is_some_and(|stream| Stream::from_word(stream).is_some())
            && date.is_some_and(|date| date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
            && id.is_some_and(|id| Uuid::parse_str(id).is_ok())
    }

    /// Whether all its events were stated by inventories, which holds whatever times are asked for.
    pub fn is_of_inventory(&self) -> bool {
        let source = |which: &str| self.statistics.as_ref()?.get(which)?.get("source")?.as_str();
        [source("minValues"), source("maxValues")] == [Some(LogSource::Inventory.as_str()); 2]
    }

    /// The action that takes it out of the lake.
    pub(super) fn remove(&self, only_moves: bool, now: UtcMicros) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change: !only_moves,
            deletion_timestamp: Some(now.millis()),
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition.clone()),
            size: i64::try_from(self.bytes).ok(),
            ..Remove::default()
        }
    }
}

/// Writes the rows of one stream and one day, in files of bounded size.
pub struct FileWriter {
    stream: Stream,
    date: String,
    only_moves: bool,
    now: UtcMicros,
    writer: ArrowWriter<Vec<u8>>,
    rows: usize,
    statistics: Statistics,
    adds: Vec<Add>,
}

impl FileWriter {
    pub(super) fn new((stream, date, only_moves): (Stream, &str, bool), now: UtcMicros) -> Result<Self, LakeError> {
        let statistics = Statistics::default();
        let (date, adds) = (date.to_owned(), Vec::new());
        Ok(Self { stream, date, only_moves, now, writer: writer()?, rows: 0, statistics, adds })
    }

    /// The day.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// Appends rows, which must be sorted and of this stream and day.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn write(&mut self, store: &DynObjectStore, batch: &RecordBatch) -> Result<(), LakeError> {
        let mut start = 0;
        while start < batch.num_rows() {
            let length = (batch.num_rows() - start).min(FILE_ROWS - self.rows);
            let part = in_file(&batch.slice(start, length))?;
            self.statistics.add(&part)?;
            self.writer.write(&part).map_err(|source| parquet("write", "", source))?;
            (start, self.rows) = (start + length, self.rows + length);
            if self.rows >= FILE_ROWS {
                self.end_file(store).await?;
            }
        }
        Ok(())
    }

    async fn end_file(&mut self, store: &DynObjectStore) -> Result<(), LakeError> {
        if self.rows == 0 {
            return Ok(());
        }
        let written = std::mem::replace(&mut self.writer, writer()?).into_inner();
        let bytes = written.map_err(|source| parquet("write", "", source))?;
        let statistics = std::mem::take(&mut self.statistics);
        let path = format!("{STREAM}={}/{EVENT_DATE}={}/part-{}.parquet", self.stream, self.date, Uuid::new_v4());
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let put = store.put(&Path::from(path.as_str()), bytes.into()).await;
        put.map_err(|source| LakeError::Object { path: path.clone(), what: "write", source })?;
        self.adds.push(Add {
            path,
            partition_values: HashMap::from([
                (STREAM.to_owned(), Some(self.stream.to_string())),
                (EVENT_DATE.to_owned(), Some(self.date.clone())),
            ]),
            size,
            modification_time: self.now.millis(),
            data_change: !self.only_moves,
            stats: Some(statistics.json(self.rows)),
            ..Add::default()
        });
        self.rows = 0;
        Ok(())
    }

    /// Ends the last file; the actions that make all of them part of the lake.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn finish(mut self, store: &DynObjectStore) -> Result<Vec<Add>, LakeError> {
        self.end_file(store).await?;
        Ok(self.adds)
    }
}

fn writer() -> Result<ArrowWriter<Vec<u8>>, LakeError> {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(concat!("airside ", env!("CARGO_PKG_VERSION")).to_owned());
    for (column, values) in WITH_BLOOM_FILTER {
        let path = ColumnPath::from(*column);
        properties = properties
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_max_ndv(path, *values);
    }
    // Other programs are to see text as text, not as the dictionaries that it was in memory.
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_properties(properties.build())
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(Vec::new(), schema::in_file(), options)
        .map_err(|source| parquet("write", "", source))
}

fn parquet(what: &'static str, path: &str, source: parquet::errors::ParquetError) -> LakeError {
    LakeError::Parquet { path: path.to_owned(), what, source }
}

/// The columns of a file, of a batch that may have more of them.
fn in_file(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    conform(batch, &schema::in_file())
}

fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let column = |name: &str, wanted: &DataType| {
        let column = batch.column_by_name(name);
        let column = column.ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))?;
        cast(column, wanted)
    };
    let columns = schema.fields().iter().map(|field| column(field.name(), field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)
}

/// The smallest and the largest values of the rows of a file.
#[derive(Default)]
struct Statistics {
    texts: HashMap<&'static str, (String, String)>,
    times: Option<(i64, i64)>,
    nulls: HashMap<&'static str, usize>,
}

impl Statistics {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        for name in WITH_STATISTICS {
            let Some(column) = batch.column_by_name(name) else { continue };
            *self.nulls.entry(name).or_default() += column.null_count();
            if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
                if let (Some(first), Some(last)) = (min(times), max(times)) {
                    let (least, most) = self.times.unwrap_or((first, last));
                    self.times = Some((least.min(first), most.max(last)));
                }
                continue;
            }
            let column = cast(column, &DataType::Utf8)?;
            let values: &StringArray = column.as_string();
            let (Some(low), Some(high)) = (min_string(values), max_string(values)) else { continue };
            let (lowest, highest) = self.texts.entry(name).or_insert_with(|| (low.to_owned(), high.to_owned()));
            if low < lowest.as_str() {
                low.clone_into(lowest);
            }
            if high > highest.as_str() {
                high.clone_into(highest);
            }
        }
        Ok(())
    }

    fn json(&self, rows: usize) -> String {
        let (mut least, mut most, mut nulls) = (Map::new(), Map::new(), Map::new());
        for name in WITH_STATISTICS {
            nulls.insert((*name).to_owned(), json!(self.nulls.get(name)));
            if let Some((first, last)) = self.texts.get(name)
                && first.len().max(last.len()) <= MAX_STATISTIC_BYTES
            {
                least.insert((*name).to_owned(), json!(first));
                most.insert((*name).to_owned(), json!(last));
            }
        }
        if let Some((first, last)) = self.times {
            least.insert("time".to_owned(), json!(millis(first)));
            most.insert("time".to_owned(), json!(millis(last)));
        }
        json!({"numRecords": rows, "minValues": least, "maxValues": most, "nullCount": nulls}).to_string()
    }
}

/// A time as the Delta protocol wants it in statistics: cut to milliseconds.
fn millis(micros: i64) -> String {
    let time = UtcMicros(micros - micros.rem_euclid(1000));
    let text = time.to_string();
    // What has no fraction is written without one.
    if text.contains('.') { format!("{}Z", text.get(..23).unwrap_or(&text)) } else { text.replace('Z', ".000Z") }
}

/// A data file at hand: files are small enough to be held whole, and are mostly read whole.
#[derive(Debug)]
pub struct OpenFile<'f> {
    file: &'f DataFile,
    bytes: Bytes,
}

impl DataFile {
    /// Fetches the file.
    ///
    /// # Errors
    ///
    /// [`LakeError::Object`].
    pub async fn open(&self, store: &DynObjectStore) -> Result<OpenFile<'_>, LakeError> {
        let failed = |source| LakeError::Object { path: self.path.clone(), what: "read", source };
        let got = store.get(&Path::from(self.path.as_str())).await.map_err(failed)?;
        Ok(OpenFile { file: self, bytes: got.bytes().await.map_err(failed)? })
    }
}

impl OpenFile<'_> {
    fn reader(&self) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, LakeError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(self.bytes.clone());
        Ok(builder.map_err(|source| parquet("open", &self.file.path, source))?.with_batch_size(BATCH_ROWS))
    }

    /// Some columns.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub fn columns(&self, names: &[&str]) -> Result<Vec<RecordBatch>, LakeError> {
        let builder = self.reader()?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
        let reader = builder.with_projection(mask).build();
        let reader = reader.map_err(|source| parquet("read", &self.file.path, source))?;
        Ok(reader.collect::<Result<_, _>>()?)
    }

    /// The rows, all or some, in the schema [`schema::events_with_undo`], some at a time.
    ///
    /// # Errors
    ///
    /// A [`LakeError`], where the file cannot be opened and for a batch that cannot be read.
    pub fn events(
        &self,
        rows: Option<RowSelection>,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, LakeError>> + use<>, LakeError> {
        let mut builder = self.reader()?;
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        let reader = builder.build().map_err(|source| parquet("read", &self.file.path, source))?;
        let (schema, stream) = (schema::events_with_undo(), self.file.stream);
        Ok(reader.map(move |batch| Ok(conform(&with_stream(&batch?, stream)?, &schema)?)))
    }
}

fn with_stream(batch: &RecordBatch, stream: Stream) -> Result<RecordBatch, ArrowError> {
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(arrow::datatypes::Field::new(STREAM, DataType::Utf8, false)));
    let mut columns = batch.columns().to_vec();
    let values: ArrayRef = Arc::new(StringArray::from_iter_values(vec![stream.as_str(); batch.num_rows()]));
    columns.push(values);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
