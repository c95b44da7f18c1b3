//! `csv`: one row a line, below the names of the columns.
//!
//! Text is guarded against running as a formula; numbers stay numbers. A null is an empty cell.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::{Cell, names};
use crate::report::ReportError;
use crate::report::csv::csv_error;
use crate::report::escape::csv_cell;

#[derive(Debug)]
pub(super) struct CsvRows<W: Write> {
    rows: ::csv::Writer<W>,
}

impl<W: Write> CsvRows<W> {
    pub(super) fn new(schema: &SchemaRef, out: W) -> Result<Self, ReportError> {
        let mut rows = ::csv::Writer::from_writer(out);
        rows.write_record(names(schema).iter().map(|name| csv_cell(name))).map_err(csv_error)?;
        Ok(Self { rows })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        for row in 0..batch.num_rows() {
            for column in batch.columns() {
                let text = Cell { array: column, row }.text()?.unwrap_or_default();
                let cell = if column.data_type().is_numeric() { text } else { csv_cell(&text) };
                self.rows.write_field(cell).map_err(csv_error)?;
            }
            self.rows.write_record(None::<&[u8]>).map_err(csv_error)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W, ReportError> {
        self.rows.flush().map_err(ReportError::write)?;
        self.rows.into_inner().map_err(|error| ReportError::write(std::io::Error::from(error.error().kind())))
    }
}
