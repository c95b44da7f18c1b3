//! Rows of any query, in the formats that people and programs read, batch by batch.
//!
//! What a query gives is of any shape and any size: every format but `table` for a terminal is
//! written as the batches come, and keeps nothing. Text goes through [`escape`](crate::report::escape)
//! on its way out.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::coverage::Coverage;
use crate::report::{ReportError, Style};

mod cell;
mod csv;
mod json;
mod parquet;
mod table;

pub(crate) use cell::Cell;
pub(crate) use json::row as json_row;
pub use table::Fit;

use csv::CsvRows;
use json::{JsonRows, NdjsonRows};
use parquet::ParquetRows;
use table::TableRows;

formats! {
    /// The formats of a query's rows.
    pub enum RowFormat {
        /// For people.
        Table = "table",
        /// One document: version, rows, coverage.
        Json = "json",
        /// One row a line.
        Ndjson = "ndjson",
        /// For spreadsheets.
        Csv = "csv",
        /// Typed columns.
        Parquet = "parquet",
    }
}

impl RowFormat {
    /// Whether it is bytes that no terminal can show.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Parquet)
    }
}

/// How rows are shown to people; the other formats have no layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Width and colours.
    pub style: Style,
    /// Whether a table is cut to the terminal.
    pub fit: Fit,
}

/// Writes the rows of one query in one format.
#[derive(Debug)]
pub struct RowsWriter<W: Write>(Kind<W>);

#[derive(Debug)]
enum Kind<W: Write> {
    Table(TableRows<W>),
    Json(JsonRows<W>),
    Ndjson(NdjsonRows<W>),
    Csv(Box<CsvRows<W>>),
    Parquet(Box<ParquetRows<W>>),
}

impl<W: Write> RowsWriter<W> {
    /// Begins. What stands above the rows is written here or with the first of them.
    ///
    /// # Errors
    ///
    /// [`ReportError::Write`] when `out` fails; the others are defects of ours, but for
    /// [`ReportError::Parquet`], which also says that a column has a type that Parquet lacks.
    pub fn new(format: RowFormat, schema: &SchemaRef, out: W, layout: Layout) -> Result<Self, ReportError> {
        Ok(Self(match format {
            RowFormat::Table => Kind::Table(TableRows::new(schema, out, layout)),
            RowFormat::Json => Kind::Json(JsonRows::new(schema, out)?),
            RowFormat::Ndjson => Kind::Ndjson(NdjsonRows::new(schema, out)),
            RowFormat::Csv => Kind::Csv(Box::new(CsvRows::new(schema, out)?)),
            RowFormat::Parquet => Kind::Parquet(Box::new(ParquetRows::new(schema, out)?)),
        }))
    }

    /// Writes the next rows.
    ///
    /// # Errors
    ///
    /// As [`RowsWriter::new`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        match &mut self.0 {
            Kind::Table(rows) => rows.write(batch),
            Kind::Json(rows) => rows.write(batch),
            Kind::Ndjson(rows) => rows.write(batch),
            Kind::Csv(rows) => rows.write(batch),
            Kind::Parquet(rows) => rows.write(batch),
        }
    }

    /// Ends, and gives the output back. `coverage` stands at the end of `json`.
    ///
    /// # Errors
    ///
    /// As [`RowsWriter::new`].
    pub fn finish(self, coverage: Option<&Coverage>) -> Result<W, ReportError> {
        let mut out = match self.0 {
            Kind::Table(rows) => rows.finish()?,
            Kind::Json(rows) => rows.finish(coverage)?,
            Kind::Ndjson(rows) => rows.finish(),
            Kind::Csv(rows) => rows.finish()?,
            Kind::Parquet(rows) => rows.finish()?,
        };
        out.flush().map_err(ReportError::write)?;
        Ok(out)
    }
}

/// The names of the columns, each once: a second `time` is `time_2`, as JSON and Parquet cannot
/// have two of a name.
fn names(schema: &SchemaRef) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut copies = 1;
        while names.contains(&name) {
            copies += 1;
            name = format!("{}_{copies}", field.name());
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests;
