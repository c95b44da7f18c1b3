//! The events themselves in the forms of other tools: one form a file.

use std::io::Write;

use ::arrow::datatypes::Schema;
use ::arrow::error::ArrowError;
use ::arrow::record_batch::RecordBatch;

use crate::report::ReportError;

mod arrow;
mod ocsf;

formats! {
    /// The forms of events.
    pub enum EventFormat {
        /// OCSF, an event a line.
        Ocsf = "ocsf",
        /// An Arrow IPC file.
        Arrow = "arrow",
    }
}

impl EventFormat {
    /// Whether it is bytes that no terminal can show.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Arrow)
    }
}

/// Writes batches of events one after the other, in one form.
#[derive(Debug)]
pub enum EventWriter<W: Write> {
    /// Lines.
    Ocsf(W),
    /// A file with the schema at both ends.
    Arrow(Box<arrow::Ipc<W>>),
}

impl<W: Write> EventWriter<W> {
    /// Begins to write batches of this schema.
    ///
    /// # Errors
    ///
    /// [`ReportError`] where `out` fails.
    pub fn new(format: EventFormat, schema: &Schema, out: W) -> Result<Self, ReportError> {
        match format {
            EventFormat::Ocsf => Ok(Self::Ocsf(out)),
            EventFormat::Arrow => Ok(Self::Arrow(Box::new(arrow::Ipc::new(schema, out)?))),
        }
    }

    /// Writes a batch of the columns of [`schema::events`](crate::event::schema::events).
    ///
    /// # Errors
    ///
    /// [`ReportError`] where the output fails or a column is missing.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        match self {
            Self::Ocsf(out) => ocsf::write(batch, out),
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
