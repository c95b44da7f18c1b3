//! Puts the small files of a lake together.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::DynObjectStore;
use serde_json::json;
use tokio::runtime::Runtime;

use super::Cancel;
use super::append::{sorted, unsorted};
use crate::error::RunError;
use crate::lake::table::{Change, DataFile, FILE_ROWS, Lake, LakeError, events_with_undo};
use crate::sql::session::{self, SessionOptions};

/// What was put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Optimized {
    /// Files before.
    pub before: usize,
    /// Files in their place.
    pub after: usize,
}

/// Puts the small files of each stream and day together, in one commit. Where somebody else commits
/// meanwhile, it begins again.
///
/// # Errors
///
/// [`RunError::Internal`] where the lake cannot be read or written; [`RunError::Interrupted`].
pub fn optimize(
    lake: &mut Lake,
    runtime: &Runtime,
    (memory_bytes, threads): (usize, usize),
    cancel: &Cancel,
) -> Result<Optimized, RunError> {
    loop {
        let (mut optimized, mut change) = (Optimized::default(), Change { only_moves: true, ..Change::default() });
        let is_small = |file: &DataFile| file.rows.is_none_or(|rows| rows < FILE_ROWS as u64);
        let mut files: Vec<DataFile> = lake.files()?.into_iter().filter(is_small).collect();
        // What inventories state stays in files of its own.
        files.sort_by_key(|file| (file.stream, file.date.clone(), file.is_of_inventory()));
        let kind = |file: &DataFile| (file.stream, file.is_of_inventory());
        for group in files.chunk_by(|a, b| kind(a) == kind(b) && a.date == b.date) {
            cancel.check()?;
            if group.len() < 2 {
                continue;
            }
            let adds = runtime.block_on(together(lake, group, (memory_bytes, threads)))?;
            optimized.before += group.len();
            optimized.after += adds.len();
            change.adds.extend(adds);
            change.removes.extend(group.iter().map(|file| lake.remove(file, true)));
        }
        if optimized.before == 0 {
            return Ok(optimized);
        }
        change.summary = BTreeMap::from([
            ("airsideFilesBefore".to_owned(), json!(optimized.before)),
            ("airsideFilesAfter".to_owned(), json!(optimized.after)),
        ]);
        if runtime.block_on(lake.commit(change))? {
            return Ok(optimized);
        }
    }
}

/// Writes the rows of files of one stream and day anew.
async fn together(
    lake: &Lake,
    files: &[DataFile],
    (memory_bytes, threads): (usize, usize),
) -> Result<Vec<deltalake_core::kernel::Add>, RunError> {
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let ctx = session::build(&SessionOptions { memory_bytes: memory_bytes / 2, threads, temp_dir: None })?;
    let rows = Rows { files: files.to_vec(), store: Arc::clone(lake.store()), schema: events_with_undo() };
    let table = StreamingTable::try_new(events_with_undo(), vec![Arc::new(rows)]);
    let events = table.and_then(|table| ctx.read_table(Arc::new(table))).map_err(unsorted)?;
    let mut rows = sorted(events).map_err(unsorted)?.execute_stream().await.map_err(unsorted)?;
    let mut writer = lake.writer(first.stream, &first.date, true)?;
    while let Some(batch) = rows.next().await {
        writer.write(lake.store(), &batch.map_err(unsorted)?).await?;
    }
    Ok(writer.finish(lake.store()).await?)
}

/// The rows of some files, one file after the other: of a busy day they are more than fit in memory.
#[derive(Debug)]
struct Rows {
    files: Vec<DataFile>,
    store: Arc<DynObjectStore>,
    schema: SchemaRef,
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let store = Arc::clone(&self.store);
        let of_file = move |file: DataFile| {
            let store = Arc::clone(&store);
            async move { Ok::<_, LakeError>(stream::iter(file.open(&store).await?.events(None)?)) }
        };
        let rows = stream::iter(self.files.clone()).then(of_file).try_flatten();
        let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}
