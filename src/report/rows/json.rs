//! `json` and `ndjson`: a row is an object, a column a member, a null is `null`.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{Cell, names};
use crate::coverage::Coverage;
use crate::report::{ReportError, SCHEMA_VERSION, json};

/// A row with the names of its columns.
struct Row<'a> {
    batch: &'a RecordBatch,
    names: &'a [String],
    at: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.names.len()))?;
        for (name, column) in self.names.iter().zip(self.batch.columns()) {
            map.serialize_entry(name, &Cell { array: column, row: self.at })?;
        }
        map.end()
    }
}

/// A row of a batch as an object.
pub(crate) fn row<'a>(batch: &'a RecordBatch, names: &'a [String], at: usize) -> impl Serialize + 'a {
    Row { batch, names, at }
}

/// One row a line.
#[derive(Debug)]
pub(super) struct NdjsonRows<W> {
    names: Vec<String>,
    out: W,
}

impl<W: Write> NdjsonRows<W> {
    pub(super) fn new(schema: &SchemaRef, out: W) -> Self {
        Self { names: names(schema), out }
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        for at in 0..batch.num_rows() {
            let line = json::text(&Row { batch, names: &self.names, at })?;
            writeln!(self.out, "{line}").map_err(ReportError::write)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> W {
        self.out
    }
}

/// `{"schema_version":…,"rows":[…],"coverage":{…}}`, one row a line.
#[derive(Debug)]
pub(super) struct JsonRows<W> {
    names: Vec<String>,
    is_empty: bool,
    out: W,
}

impl<W: Write> JsonRows<W> {
    pub(super) fn new(schema: &SchemaRef, mut out: W) -> Result<Self, ReportError> {
        write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\"rows\":[").map_err(ReportError::write)?;
        Ok(Self { names: names(schema), is_empty: true, out })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        for at in 0..batch.num_rows() {
            let separator = if self.is_empty { "\n" } else { ",\n" };
            self.is_empty = false;
            let row = json::text(&Row { batch, names: &self.names, at })?;
            write!(self.out, "{separator}{row}").map_err(ReportError::write)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, coverage: Option<&Coverage>) -> Result<W, ReportError> {
        let end = if self.is_empty { "" } else { "\n" };
        let coverage = match coverage {
            Some(coverage) => format!(",\"coverage\":{}", json::text(coverage)?),
            None => String::new(),
        };
        writeln!(self.out, "{end}]{coverage}}}").map_err(ReportError::write)?;
        Ok(self.out)
    }
}
