//! `parquet`: typed columns, written row group by row group.

use std::io::Write;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::names;
use crate::report::ReportError;
use crate::report::parquet::{columns_error, parquet_error, properties};

/// Rows in a row group: what is held until it is written.
const GROUP_ROWS: usize = 64 << 10;

/// The writer asks for an output that can go to another thread, which `out` need not be: it fills
/// a buffer, which is emptied after every batch.
#[derive(Debug)]
pub(super) struct ParquetRows<W> {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    out: W,
}

impl<W: Write> ParquetRows<W> {
    pub(super) fn new(schema: &SchemaRef, out: W) -> Result<Self, ReportError> {
        let fields = schema.fields().iter().zip(names(schema));
        let fields: Vec<Field> = fields.map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
        let schema = Arc::new(Schema::new(fields));
        let writer =
            ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties())).map_err(parquet_error)?;
        Ok(Self { schema, writer, out })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec()).map_err(columns_error)?;
        self.writer.write(&batch).map_err(parquet_error)?;
        if self.writer.in_progress_rows() >= GROUP_ROWS {
            self.writer.flush().map_err(parquet_error)?;
        }
        let bytes = std::mem::take(self.writer.inner_mut());
        self.out.write_all(&bytes).map_err(ReportError::write)
    }

    pub(super) fn finish(mut self) -> Result<W, ReportError> {
        let bytes = self.writer.into_inner().map_err(parquet_error)?;
        self.out.write_all(&bytes).map_err(ReportError::write)?;
        Ok(self.out)
    }
}
