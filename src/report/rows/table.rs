//! `table`: aligned columns for people.
//!
//! The first rows decide how wide columns are. On a terminal the table is cut to it: long values,
//! then whole columns, then rows, each with a word on what is not shown.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::{Cell, Layout, names};
use crate::report::ReportError;
use crate::report::escape::escaped;
use crate::report::layout::{Paint, counted, cut, number, padded, painted, width_of};

/// Rows that are looked at before the first is written.
const SAMPLE_ROWS: usize = 1000;

/// Fewest columns of the terminal that a long value is cut to.
const MIN_CELL: usize = 12;

/// Columns of the terminal between two columns of the table.
const GAP: usize = 2;

/// What stands for a null.
const NULL: &str = "NULL";

/// Whether a table is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Everything is written, however wide and long.
    Whole,
    /// As wide as the terminal, and so many rows; 0 for all of them.
    Terminal {
        /// Most rows.
        max_rows: usize,
    },
}

/// One column.
#[derive(Debug)]
struct Column {
    name: String,
    is_number: bool,
    /// Columns of the terminal.
    width: usize,
}

#[derive(Debug)]
pub(super) struct TableRows<W> {
    layout: Layout,
    columns: Vec<Column>,
    /// Names of the columns that do not fit.
    left_out: Vec<String>,
    /// The first rows, until the widths are known; a null is `None`.
    sample: Vec<Vec<Option<String>>>,
    is_begun: bool,
    rows: u64,
    out: W,
}

impl<W: Write> TableRows<W> {
    pub(super) fn new(schema: &SchemaRef, out: W, layout: Layout) -> Self {
        let columns = names(schema).into_iter().zip(schema.fields()).map(|(name, field)| {
            let name = escaped(&name);
            Column { width: width_of(&name), name, is_number: field.data_type().is_numeric() }
        });
        Self {
            layout,
            columns: columns.collect(),
            left_out: Vec::new(),
            sample: Vec::new(),
            is_begun: false,
            rows: 0,
            out,
        }
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        for row in 0..batch.num_rows() {
            self.rows += 1;
            if !self.is_shown(self.rows) {
                continue;
            }
            let columns = batch.columns().iter().take(self.columns.len());
            let cells = columns.map(|column| self.cell(Cell { array: column, row })).collect::<Result<Vec<_>, _>>()?;
            if self.is_begun {
                self.line(&cells)?;
            } else {
                self.sample.push(cells);
                if self.sample.len() >= SAMPLE_ROWS {
                    self.begin()?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W, ReportError> {
        if !self.is_begun {
            self.begin()?;
        }
        let shown = match self.layout.fit {
            Fit::Terminal { max_rows } if max_rows > 0 => self.rows.min(max_rows as u64),
            Fit::Whole | Fit::Terminal { .. } => self.rows,
        };
        if shown < self.rows {
            self.note(&format!(
                "{} of {}; --max-rows 0 or another --format shows the rest",
                number(shown),
                counted(self.rows, "row")
            ))?;
        } else {
            self.note(&counted(self.rows, "row"))?;
        }
        if !self.left_out.is_empty() {
            let count = counted(self.left_out.len() as u64, "column");
            let more = format!("{count} more than fit: {}", self.left_out.join(", "));
            self.note(&more)?;
        }
        Ok(self.out)
    }

    fn is_shown(&self, row: u64) -> bool {
        match self.layout.fit {
            Fit::Terminal { max_rows } => max_rows == 0 || row <= max_rows as u64,
            Fit::Whole => true,
        }
    }

    /// A value, no longer than it can be shown.
    fn cell(&self, cell: Cell<'_>) -> Result<Option<String>, ReportError> {
        let text = cell.text()?;
        Ok(text.map(|text| match self.layout.fit {
            Fit::Whole => escaped(&text),
            // One character more than fits is enough to see that it does not.
            Fit::Terminal { .. } => {
                let start: String = text.chars().take(self.layout.style.width + 1).collect();
                escaped(&start)
            }
        }))
    }

    /// Decides on widths, and writes what was kept for that.
    fn begin(&mut self) -> Result<(), ReportError> {
        self.is_begun = true;
        let sample = std::mem::take(&mut self.sample);
        for row in &sample {
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.width = column.width.max(width_of(cell.as_deref().unwrap_or(NULL)));
            }
        }
        if matches!(self.layout.fit, Fit::Terminal { .. }) {
            self.fit();
        }
        let style = self.layout.style;
        let head = self.columns.iter().map(|column| aligned(column, &column.name)).collect::<Vec<_>>();
        let head = head.join(&" ".repeat(GAP));
        let rule = self.columns.iter().map(|column| "-".repeat(column.width)).collect::<Vec<_>>();
        let rule = painted(style, Paint::Faint, rule.join(&" ".repeat(GAP)));
        let head = painted(style, Paint::Strong, head.trim_end());
        writeln!(self.out, "{head}\n{rule}").map_err(ReportError::write)?;
        sample.iter().try_for_each(|row| self.line(row))
    }

    /// Makes long columns narrower, then leaves out those at the end, until the table fits.
    fn fit(&mut self) {
        let room = self.layout.style.width;
        let total = |columns: &[Column], cap: usize| {
            let gaps = columns.len().saturating_sub(1) * GAP;
            columns.iter().map(|column| column.width.min(cap)).sum::<usize>() + gaps
        };
        while self.columns.len() > 1 && total(&self.columns, MIN_CELL) > room {
            if let Some(column) = self.columns.pop() {
                self.left_out.insert(0, column.name);
            }
        }
        let mut cap = self.columns.iter().map(|column| column.width).max().unwrap_or_default();
        while cap > MIN_CELL && total(&self.columns, cap) > room {
            cap -= 1;
        }
        for column in &mut self.columns {
            column.width = column.width.min(cap).min(room);
        }
    }

    fn line(&mut self, cells: &[Option<String>]) -> Result<(), ReportError> {
        let style = self.layout.style;
        let mut line = String::new();
        for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if at > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            match cell {
                None => line.push_str(&painted(style, Paint::Faint, aligned(column, NULL))),
                Some(text) if self.layout.fit == Fit::Whole => line.push_str(&aligned(column, text)),
                Some(text) => line.push_str(&aligned(column, &cut(text, column.width))),
            }
        }
        writeln!(self.out, "{}", line.trim_end()).map_err(ReportError::write)
    }

    fn note(&mut self, text: &str) -> Result<(), ReportError> {
        let note = painted(self.layout.style, Paint::Faint, format!("({text})"));
        writeln!(self.out, "{note}").map_err(ReportError::write)
    }
}

/// Numbers stand at the right of their column.
fn aligned(column: &Column, text: &str) -> String {
    if column.is_number {
        let fill = column.width.saturating_sub(width_of(text));
        format!("{:fill$}{text}", "")
    } else {
        padded(text, column.width)
    }
}
