//! The rows of small answers, one by one.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;

use super::session::plan_read_only;
use crate::error::RunError;
use crate::time::UtcMicros;

/// Runs a query and makes each of its rows a `T`; `purpose` says what that cannot be where it fails.
///
/// # Errors
///
/// [`RunError::Internal`].
pub(crate) async fn rows<T>(
    ctx: &SessionContext,
    sql: &str,
    purpose: &'static str,
    make: impl Fn(&Row<'_>) -> Result<T, ArrowError>,
) -> Result<Vec<T>, RunError> {
    let failed = |error| RunError::internal(purpose, error);
    let batches = plan_read_only(ctx, sql).await.map_err(failed)?.collect().await.map_err(failed)?;
    let mut all = Vec::new();
    for batch in &batches {
        for at in 0..batch.num_rows() {
            all.push(make(&Row::new(batch, at)).map_err(|error| RunError::internal(purpose, error))?);
        }
    }
    Ok(all)
}

/// One row of a batch. Columns are looked up and cast for each: there are few rows.
pub(crate) struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl<'a> Row<'a> {
    /// A row of a batch.
    pub(crate) fn new(batch: &'a RecordBatch, at: usize) -> Self {
        Self { batch, at }
    }

    fn column(&self, name: &str, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let index = self.batch.schema().index_of(name)?;
        cast(&self.batch.column(index).slice(self.at, 1), data_type)
    }

    /// The text of a column, null where there is none.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, ArrowError> {
        let column = self.column(name, &DataType::Utf8)?;
        let column: &StringArray = column.as_string();
        Ok((!column.is_null(0)).then(|| column.value(0).to_owned()))
    }

    /// Whether a column says so; null does not.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ArrowError> {
        let column = self.column(name, &DataType::Boolean)?;
        let column: &BooleanArray = column.as_boolean();
        Ok(!column.is_null(0) && column.value(0))
    }

    /// A time that is not null.
    pub(crate) fn time(&self, name: &str) -> Result<UtcMicros, ArrowError> {
        let column = self.column(name, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
        let column: &TimestampMicrosecondArray = column.as_primitive::<TimestampMicrosecondType>();
        Ok(UtcMicros(column.value(0)))
    }

    /// A whole number that is not null.
    pub(crate) fn number(&self, name: &str) -> Result<i64, ArrowError> {
        let column = self.column(name, &DataType::Int64)?;
        let column: &Int64Array = column.as_primitive::<Int64Type>();
        Ok(column.value(0))
    }

    /// The column `events`, a count.
    pub(crate) fn count(&self) -> Result<u64, ArrowError> {
        Ok(u64::try_from(self.number("events")?).unwrap_or(0))
    }
}
