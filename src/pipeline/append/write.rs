//! Writes settled events into the files of a lake, sorted, and leaves out what is there already.

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::{filter_record_batch, interleave_record_batch, take_record_batch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::{ParquetReadOptions, SessionContext, cast, col};
use deltalake_core::kernel::{Add, Remove};
use futures::StreamExt as _;
use hashbrown::{HashMap, HashSet};
use tokio::runtime::Runtime;

use super::super::keys::day_of;
use super::broken;
use super::neighbours::Earlier;
use crate::error::RunError;
use crate::event::uid;
use crate::event::vocabulary::{LogSource, Stream};
use crate::lake::table::{FileWriter, Lake};
use crate::lake::{self, Streams, undo};
use crate::sql::session::{self, SessionOptions};
use crate::time::UtcMicros;

/// Share of the memory limit for sorting.
const SORT_SHARE: usize = 4;

/// By what the rows of a file are sorted, after their day. A rule asks for the operations of one log,
/// an analyst for one principal: both then find their rows together.
const ORDER: &[&str] = &["source", "principal_id", "time", "event_uid"];

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) adds: Vec<Add>,
    pub(super) removes: Vec<Remove>,
    /// Earlier events that are other ones now.
    pub(super) amended: u64,
}

/// Writes the events of a round that are new, or other than `earlier`; the files of those are written
/// anew without them.
pub(super) fn streams(
    lake: &Lake,
    streams: &Streams,
    earlier: &Earlier,
    (runtime, memory_bytes, threads): (&Runtime, usize, usize),
) -> Result<Written, RunError> {
    let options = SessionOptions { memory_bytes: memory_bytes / SORT_SHARE, threads, temp_dir: None };
    let ctx = session::build(&options)?;
    let mut written = Written::default();
    let mut amended: HashMap<usize, HashSet<u128>> = HashMap::new();
    runtime.block_on(async {
        for stream in Stream::ALL {
            let Some(events) = frame(&ctx, streams, *stream).await.map_err(unsorted)? else { continue };
            let mut out = Out { lake, stream: *stream, writer: None, adds: Vec::new() };
            let mut batches = sorted(events).map_err(unsorted)?.execute_stream().await.map_err(unsorted)?;
            while let Some(batch) = batches.next().await {
                let batch = batch.map_err(unsorted)?;
                let kept = keep_new(&batch, earlier, &mut amended)?;
                out.write(&kept).await?;
            }
            written.adds.extend(out.finish().await?);
        }
        let mut files: Vec<_> = amended.into_iter().collect();
        files.sort_unstable_by_key(|(file, _)| *file);
        for (file, gone) in files {
            let Some(file) = earlier.files.get(file) else { continue };
            written.amended += gone.len() as u64;
            let mut writer = lake.writer(file.stream, &file.date, false)?;
            for batch in file.open(lake.store()).await?.events(None)? {
                let batch = batch?;
                let uids = lake::text_column(&batch, "event_uid").map_err(broken)?;
                let stays = |row| uids.get(row).and_then(uid::number).is_none_or(|uid| !gone.contains(&uid));
                let stays: BooleanArray = (0..batch.num_rows()).map(|row| Some(stays(row))).collect();
                let rest = filter_record_batch(&batch, &stays).map_err(broken)?;
                writer.write(lake.store(), &rest).await?;
            }
            written.adds.extend(writer.finish(lake.store()).await?);
            written.removes.push(lake.remove(file, false));
        }
        Ok(written)
    })
}

/// Writes sorted rows of a stream, a file or more for each day.
struct Out<'l> {
    lake: &'l Lake,
    stream: Stream,
    /// With whether its rows are an inventory's.
    writer: Option<(FileWriter, bool)>,
    adds: Vec<Add>,
}

impl Out<'_> {
    async fn write(&mut self, batch: &RecordBatch) -> Result<(), RunError> {
        let times =
            batch.column_by_name("time").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let Some(times) = times else { return Ok(()) };
        let sources = lake::text_column(batch, "source").map_err(broken)?;
        // What inventories state is asked for whatever the days: it has files of its own.
        let is_stated = |row: usize| sources.get(row) == Some(LogSource::Inventory.as_str());
        let kinds: Vec<(i64, bool)> =
            times.values().iter().enumerate().map(|(row, time)| (*time, is_stated(row))).collect();
        let mut start = 0;
        for part in kinds.chunk_by(|a, b| (day_of(a.0), a.1) == (day_of(b.0), b.1)) {
            let Some((time, is_stated)) = part.first().copied() else { continue };
            let date = UtcMicros(time).date().to_string();
            if self.writer.as_ref().is_none_or(|(writer, stated)| (writer.date(), *stated) != (&date, is_stated)) {
                self.end().await?;
                self.writer = Some((self.lake.writer(self.stream, &date, false)?, is_stated));
            }
            if let Some((writer, _)) = &mut self.writer {
                writer.write(self.lake.store(), &batch.slice(start, part.len())).await?;
            }
            start += part.len();
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), RunError> {
        if let Some((writer, _)) = self.writer.take() {
            self.adds.extend(writer.finish(self.lake.store()).await?);
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Vec<Add>, RunError> {
        self.end().await?;
        Ok(self.adds)
    }
}

pub(in super::super) fn unsorted(error: DataFusionError) -> RunError {
    RunError::internal("cannot sort the events", error)
}

/// The events of a stream; `None` where there are none.
async fn frame(ctx: &SessionContext, streams: &Streams, stream: Stream) -> Result<Option<DataFrame>, DataFusionError> {
    match streams {
        Streams::Memory(batches) => {
            let batches = batches.get(stream as usize).filter(|batches| !batches.is_empty());
            batches.map(|batches| ctx.read_batches(batches.iter().cloned())).transpose()
        }
        Streams::Files { files, .. } => match files.get(stream as usize).cloned().flatten() {
            Some(file) => {
                let path = file.to_string_lossy().into_owned();
                ctx.read_parquet(path, ParquetReadOptions::default()).await.map(Some)
            }
            None => Ok(None),
        },
        // What is in a lake need not be written to it.
        Streams::Lake(_) => Ok(None),
    }
}

/// The events in the order of files.
pub(in super::super) fn sorted(events: DataFrame) -> Result<DataFrame, DataFusionError> {
    let day = cast(col("time"), DataType::Date32);
    let order = std::iter::once(day).chain(ORDER.iter().map(|name| col(*name)));
    events.sort(order.map(|expr| expr.sort(true, true)).collect())
}

/// The rows that are not in the lake as they are; those that are there otherwise are noted with
/// their file.
fn keep_new(
    batch: &RecordBatch,
    earlier: &Earlier,
    amended: &mut HashMap<usize, HashSet<u128>>,
) -> Result<RecordBatch, RunError> {
    let uid_of = {
        let uids = batch.column_by_name("event_uid").cloned();
        let uids = uids.map(|uids| arrow::compute::cast(&uids, &DataType::Utf8)).transpose().map_err(broken)?;
        move |row: usize| uids.as_ref().and_then(|uids| uid::number(uids.as_string::<i32>().value(row)))
    };
    let mut rows: Vec<u32> = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut files: Vec<(usize, u128)> = Vec::new();
    for row in 0..batch.num_rows() {
        if let Some(uid) = uid_of(row)
            && let Some((part, at, file)) = earlier.find(uid)
        {
            rows.push(u32::try_from(row).unwrap_or(u32::MAX));
            places.push((part, at));
            files.push((file, uid));
        }
    }
    if rows.is_empty() {
        return Ok(batch.clone());
    }
    let before = interleave_record_batch(&earlier.batches(), &places).map_err(broken)?;
    let indices = arrow::array::UInt32Array::from(rows.clone());
    let now = take_record_batch(batch, &indices).map_err(broken)?;
    let differs = undo::differs(&now, &before).map_err(broken)?;
    let mut keep = vec![true; batch.num_rows()];
    for ((row, differs), (file, uid)) in rows.iter().zip(differs).zip(files) {
        if differs {
            amended.entry(file).or_default().insert(uid);
        } else if let Some(keep) = keep.get_mut(*row as usize) {
            *keep = false;
        }
    }
    filter_record_batch(batch, &BooleanArray::from(keep)).map_err(broken)
}
