//! The events themselves in the forms of other tools: one form a file.

use std::io::Write;

use ::arrow::datatypes::SchemaRef;
use ::arrow::error::ArrowError;
use ::arrow::record_batch::RecordBatch;

use crate::report::rows::{Fit, Layout, RowFormat, RowsWriter};
use crate::report::{ReportError, Style};

mod arrow;
mod ocsf;

formats! {
    /// The forms of events.
    pub enum EventFormat {
        /// OCSF, an event a line.
        Ocsf = "ocsf",
        /// An event a line, as `airside sql` writes rows.
        Ndjson = "ndjson",
        /// For spreadsheets.
        Csv = "csv",
        /// Typed columns.
        Parquet = "parquet",
        /// An Arrow IPC file.
        Arrow = "arrow",
    }
}

impl EventFormat {
    /// Whether it is bytes that no terminal can show.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Arrow | Self::Parquet)
    }
}

/// Writes batches of events one after the other, in one form.
#[derive(Debug)]
pub enum EventWriter<W: Write> {
    /// Lines.
    Ocsf(W),
    /// Rows as those of a query.
    Rows(RowsWriter<W>),
    /// A file with the schema at both ends.
    Arrow(Box<arrow::Ipc<W>>),
}

impl<W: Write> EventWriter<W> {
    /// Begins to write batches of this schema.
    ///
    /// # Errors
    ///
    /// [`ReportError`] where `out` fails.
    pub fn new(format: EventFormat, schema: &SchemaRef, out: W) -> Result<Self, ReportError> {
        match format {
            EventFormat::Ocsf => Ok(Self::Ocsf(out)),
            EventFormat::Ndjson => Self::rows(RowFormat::Ndjson, schema, out),
            EventFormat::Csv => Self::rows(RowFormat::Csv, schema, out),
            EventFormat::Parquet => Self::rows(RowFormat::Parquet, schema, out),
            EventFormat::Arrow => Ok(Self::Arrow(Box::new(arrow::Ipc::new(schema, out)?))),
        }
    }

    fn rows(format: RowFormat, schema: &SchemaRef, out: W) -> Result<Self, ReportError> {
        // Only a table has a layout.
        let layout = Layout { style: Style::default(), fit: Fit::Whole };
        RowsWriter::new(format, schema, out, layout).map(Self::Rows)
    }

    /// Writes a batch of the columns of [`schema::events`](crate::event::schema::events).
    ///
    /// # Errors
    ///
    /// [`ReportError`] where the output fails or a column is missing.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        match self {
            Self::Ocsf(out) => ocsf::write(batch, out),
            Self::Rows(rows) => rows.write(batch),
            Self::Arrow(ipc) => ipc.write(batch),
        }
    }

    /// Writes what has to stand at the end.
    ///
    /// # Errors
    ///
    /// [`ReportError`] where the output fails.
    pub fn finish(self) -> Result<(), ReportError> {
        match self {
            Self::Ocsf(mut out) => out.flush().map_err(ReportError::write),
            Self::Rows(rows) => rows.finish(None).map(drop),
            Self::Arrow(ipc) => ipc.finish(),
        }
    }
}

fn columns_error(source: ArrowError) -> ReportError {
    match source {
        // By whose kind a closed pipe is known.
        ArrowError::IoError(_, source) => ReportError::Write { source },
        source => ReportError::Columns { source },
    }
}
