//! Puts small batches together: every query pays for each batch that it looks at, and a stream has a
//! few events in each of the batches that were read.

use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::event::builder::BATCH_ROWS;
use crate::lake::text_column;
use crate::parallel;

/// Batches have so large a share of the most rows, on the average, where putting them together would
/// take longer than it saves.
const LARGE_ENOUGH: usize = BATCH_ROWS / 8;

/// Most bytes of batches that are put together (64 MiB): Arrow's 32-bit offsets end at 2 GiB.
const MOST_BYTES: usize = 64 << 20;

/// The same events in the same order, in batches of up to [`BATCH_ROWS`] rows where they were in many
/// small ones. Batches of different logs stay apart unless they are small: a query about one log leaves
/// out those of others.
///
/// # Errors
///
/// An [`ArrowError`] where the batches are not of one schema, the events'.
pub(super) fn together(batches: Vec<RecordBatch>, threads: usize) -> Result<Vec<RecordBatch>, ArrowError> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if batches.len() < 2 || rows / batches.len() >= LARGE_ENOUGH {
        return Ok(batches);
    }
    let groups = groups(batches)?;
    parallel::map(threads, groups, |group: Vec<RecordBatch>| one(&group)).into_iter().collect()
}

/// Cuts a list of batches into lists that fit one batch each.
fn groups(batches: Vec<RecordBatch>) -> Result<Vec<Vec<RecordBatch>>, ArrowError> {
    let mut groups: Vec<Vec<RecordBatch>> = Vec::new();
    let (mut rows, mut bytes, mut source) = (0, 0, None);
    for batch in batches {
        let (more_rows, more_bytes) = (batch.num_rows(), batch.get_array_memory_size());
        let of_source = text_column(&batch, "source")?.get(0).map(str::to_owned);
        let fits = rows + more_rows <= BATCH_ROWS && bytes + more_bytes <= MOST_BYTES;
        if !fits || groups.is_empty() || rows >= LARGE_ENOUGH && of_source != source {
            groups.push(Vec::new());
            (rows, bytes) = (0, 0);
        }
        (rows, bytes, source) = (rows + more_rows, bytes + more_bytes, of_source);
        if let Some(group) = groups.last_mut() {
            group.push(batch);
        }
    }
    Ok(groups)
}

fn one(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    match batches {
        [] => Err(ArrowError::ComputeError("no batches to put together".to_owned())),
        [batch] => Ok(batch.clone()),
        [first, ..] => concat_batches(&first.schema(), batches),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int64Array};
    use arrow::datatypes::{Int32Type, Int64Type};

    use super::*;

    /// So many numbered events of a log.
    fn batch(source: &str, numbers: std::ops::Range<i64>) -> RecordBatch {
        let sources: DictionaryArray<Int32Type> = numbers.clone().map(|_| source).collect();
        let columns: [(&str, ArrayRef); 2] =
            [("source", Arc::new(sources)), ("number", Arc::new(Int64Array::from_iter_values(numbers)))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn numbers(batch: &RecordBatch) -> Vec<i64> {
        batch.column(1).as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn small_batches_become_one_and_those_of_another_log_begin_another() {
        let mut small: Vec<_> = (0..4).map(|n| batch("storage", n * 300..n * 300 + 300)).collect();
        small.extend([batch("activity", 1200..1203), batch("signin", 1203..1204), batch("activity", 1204..1210)]);
        let put = together(small, 2).unwrap();

        assert_eq!(put.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [1200, 10]);
        assert_eq!(put.iter().flat_map(numbers).collect::<Vec<_>>(), (0..1210).collect::<Vec<_>>());
        assert_eq!(text_column(&put[1], "source").unwrap().get(3), Some("signin"));
    }

    #[test]
    fn no_batch_has_more_rows_than_batches_have() {
        let put = together((0..30).map(|n| batch("storage", n * 1000..n * 1000 + 1000)).collect(), 2).unwrap();

        assert_eq!(put.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [8000, 8000, 8000, 6000]);
        assert_eq!(put.iter().flat_map(numbers).collect::<Vec<_>>(), (0..30_000).collect::<Vec<_>>());
    }

    #[test]
    fn large_batches_and_none_stay_as_they_are() {
        let large = [batch("storage", 0..2000), batch("activity", 0..100), batch("storage", 0..2000)];

        assert_eq!(together(large.to_vec(), 2).unwrap(), large);
        assert_eq!(together(Vec::new(), 2).unwrap(), []);
    }
}
