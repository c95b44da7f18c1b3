//! Puts the small files of a lake together.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use serde_json::json;
use tokio::runtime::Runtime;

use super::Cancel;
use super::append::{sorted, unsorted};
use crate::error::RunError;
use crate::lake::table::{Change, DataFile, FILE_ROWS, Lake};
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
    let mut batches = Vec::new();
    for file in files {
        batches.extend(file.open(lake.store()).await?.events(None)?);
    }
    let events = ctx.read_batches(batches).map_err(unsorted)?;
    let mut rows = sorted(events).map_err(unsorted)?.execute_stream().await.map_err(unsorted)?;
    let mut writer = lake.writer(first.stream, &first.date, true)?;
    while let Some(batch) = rows.next().await {
        writer.write(lake.store(), &batch.map_err(unsorted)?).await?;
    }
    Ok(writer.finish(lake.store()).await?)
}
