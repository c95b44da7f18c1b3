//! Columns without any value. Most batches are of one category of one log and have no value in half
//! of their columns: these share one array of each type instead of having one each.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use arrow::compute::FilterBuilder;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::builder::BATCH_ROWS;
use super::schema::ColumnType;

/// As long as the longest batch that is decoded.
static SHARED: LazyLock<[ArrayRef; 4]> = LazyLock::new(|| {
    let types = [ColumnType::Dictionary, ColumnType::Text, ColumnType::Int, ColumnType::Float];
    types.map(|column_type| new_null_array(&column_type.data_type(), BATCH_ROWS))
});

/// A column of so many nulls.
pub fn column(data_type: &DataType, rows: usize) -> ArrayRef {
    match SHARED.iter().find(|shared| shared.data_type() == data_type) {
        Some(shared) if rows == shared.len() => Arc::clone(shared),
        Some(shared) if rows < shared.len() => shared.slice(0, rows),
        _ => new_null_array(data_type, rows),
    }
}

/// The rows of a batch that are to be kept. Columns without any value stay shared.
///
/// # Errors
///
/// An [`ArrowError`] where there are more flags than rows.
pub fn filter(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch, ArrowError> {
    let predicate = FilterBuilder::new(keep).optimize().build();
    let filtered = |values: &ArrayRef| {
        if values.null_count() == values.len() {
            return Ok(column(values.data_type(), predicate.count()));
        }
        predicate.filter(values)
    };
    let columns = batch.columns().iter().map(filtered).collect::<Result<_, _>>()?;
    RecordBatch::try_new(batch.schema(), columns)
}

/// Bytes in memory of a batch that is not part of a larger one. What is shared counts as if it were
/// not: as soon as batches are put together, it is not.
pub fn memory_bytes(batch: &RecordBatch) -> usize {
    let bytes = |values: &ArrayRef| {
        let all = values.get_array_memory_size();
        if values.null_count() < values.len() { all } else { all * values.len() / BATCH_ROWS.max(values.len()) }
    };
    batch.columns().iter().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::compute::filter_record_batch;
    use arrow::datatypes::{Field, Schema};

    use super::*;

    #[test]
    fn columns_of_nulls_are_of_their_type_and_as_long_as_asked_for() {
        for rows in [0, 1, BATCH_ROWS, BATCH_ROWS + 1] {
            for column_type in [ColumnType::Dictionary, ColumnType::Text, ColumnType::Int, ColumnType::Bool] {
                let nulls = column(&column_type.data_type(), rows);

                assert_eq!((nulls.len(), nulls.null_count()), (rows, rows));
                assert_eq!(*nulls.data_type(), column_type.data_type());
            }
        }
    }

    #[test]
    fn a_filtered_batch_has_the_rows_that_arrow_keeps() {
        let fields = [("number", DataType::Int64), ("text", DataType::Utf8), ("none", DataType::Utf8)];
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            Arc::new(StringArray::from(vec![None, Some("b"), Some("c")])),
            column(&DataType::Utf8, 3),
        ];
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns).unwrap();
        let keep = BooleanArray::from(vec![true, false, true]);

        let filtered = filter(&batch, &keep).unwrap();

        assert_eq!(filtered, filter_record_batch(&batch, &keep).unwrap());
        assert!(filter(&batch, &BooleanArray::from(vec![true; 4])).is_err());
    }

    #[test]
    fn what_is_shared_counts_for_the_rows_that_it_stands_for() {
        let bytes = |rows: usize| {
            let nulls: ArrayRef = column(&DataType::Int64, rows);
            memory_bytes(&RecordBatch::try_from_iter([("none", nulls)]).unwrap())
        };

        assert!((8 * BATCH_ROWS..10 * BATCH_ROWS).contains(&bytes(BATCH_ROWS)), "{}", bytes(BATCH_ROWS));
        assert!((8 * 64..10 * 64).contains(&bytes(64)), "{}", bytes(64));
    }
}
