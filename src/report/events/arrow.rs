//! `arrow`: an Arrow IPC file with all columns, for pandas, Polars, `DuckDB` and R.
//!
//! Text is plain: a file of dictionaries must have one dictionary a column, and batches have theirs.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow_ipc::writer::FileWriter;

use crate::report::ReportError;
use crate::report::events::columns_error;

/// A file under way.
pub struct Ipc<W> {
    schema: SchemaRef,
    writer: FileWriter<W>,
}

impl<W> fmt::Debug for Ipc<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipc").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl<W: Write> Ipc<W> {
    pub(super) fn new(schema: &Schema, out: W) -> Result<Self, ReportError> {
        let fields =
            schema.fields().iter().map(|field| Field::new(field.name(), plain(field.data_type()), field.is_nullable()));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let writer = FileWriter::try_new(out, &schema).map_err(columns_error)?;
        Ok(Self { schema, writer })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns =
            columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<Vec<_>, ArrowError>>();
        let batch = columns.and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns));
        batch.and_then(|batch| self.writer.write(&batch)).map_err(columns_error)
    }

    pub(super) fn finish(mut self) -> Result<(), ReportError> {
        self.writer.finish().map_err(columns_error)
    }
}

/// The type without dictionaries and views, which not every reader knows.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::Utf8View => DataType::Utf8,
        other => other.clone(),
    }
}
