//! What the prompt does with what was typed.

use std::io::{self, BufWriter, Write};
use std::time::Instant;

use datafusion::dataframe::DataFrame;

use super::pager::{Paged, Pager};
use super::{commands, lex};
use crate::cli::bench::{Bench, Rest};
use crate::cli::output::{QuietPipe, Terminal};
use crate::cli::sql::{query, unwritten};
use crate::cli::{error_lines, readability};
use crate::error::{ExitCode, RunError};
use crate::report::escape::escaped;
use crate::report::layout::{Paint, counted, painted};
use crate::report::rows::{Fit, Layout, RowFormat, RowsWriter};
use crate::report::{ReportError, Style};

/// Whether the prompt goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Leave,
}

/// A session with what the user has set in it.
pub(super) struct Session {
    bench: Bench,
    terminal: Terminal,
    style: Style,
    max_rows: usize,
    pub(super) format: RowFormat,
    pub(super) is_timed: bool,
}

impl Session {
    pub(super) fn new(bench: Bench, (terminal, style): (Terminal, Style), format: RowFormat, max_rows: usize) -> Self {
        Self { bench, terminal, style, max_rows, format, is_timed: false }
    }

    pub(super) fn bench(&self) -> &Bench {
        &self.bench
    }

    /// Says what there is to ask about.
    pub(super) fn greet(&self) {
        let records = self.bench.coverage.records;
        let objects = counted(self.bench.coverage.objects.read, "object");
        let events = counted(records.events, "event");
        self.complain(&format!("{events} of {objects}. \\d lists the tables, \\? the commands."));
    }

    /// Whether an object could not be read, as an exit code.
    pub(super) fn exit_code(&self) -> ExitCode {
        readability(&self.bench.coverage)
    }

    /// Answers; what goes wrong is told here.
    pub(super) fn take(&mut self, text: &str) -> Next {
        // Ctrl-C of an earlier query, or at the prompt, is not about this one.
        self.bench.desk.cancel.reset();
        let done = if lex::is_command(text) {
            commands::run(self, text)
        } else {
            lex::queries(text).into_iter().try_for_each(|sql| self.ask(sql)).map(|()| Next::Stay)
        };
        match done {
            Ok(next) => next,
            Err(error) => {
                for line in error_lines(&error) {
                    self.complain(&line);
                }
                Next::Stay
            }
        }
    }

    fn ask(&self, sql: &str) -> Result<(), RunError> {
        let planned = self.bench.desk.block_on(query::plan(&self.bench.opened.ctx, sql))?;
        for remark in query::remarks(&planned) {
            self.complain(&escaped(&remark));
        }
        self.show(planned)
    }

    /// Runs a query and shows its rows.
    pub(super) fn show(&self, query: DataFrame) -> Result<(), RunError> {
        let started = Instant::now();
        let pager = if self.terminal.is_stdout { Pager::find() } else { None };
        let max_rows = self.max_rows;
        let fit = match pager {
            None if self.terminal.is_stdout => Fit::Terminal { max_rows },
            _ => Fit::Whole,
        };
        let layout = Layout { style: self.style, fit };
        match pager {
            None => self.pour(query, io::stdout(), layout).map(|_out| ())?,
            Some(pager) => {
                let shown = self.pour(query, Paged::new(pager), layout)?;
                shown.finish().map_err(|error| RunError::internal("cannot run the pager", error))?;
            }
        }
        if self.is_timed {
            self.complain(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
        }
        Ok(())
    }

    /// Writes the rows of a query, and gives the output back.
    fn pour<W: Write>(&self, query: DataFrame, out: W, layout: Layout) -> Result<W, RunError> {
        let schema = query.schema().inner().clone();
        let pipe = QuietPipe::new(out);
        let gone = pipe.gone();
        let mut rows = RowsWriter::new(self.format, &schema, BufWriter::new(pipe), layout).map_err(unwritten)?;
        let failed = |error| query::failed(&error, self.bench.desk.memory_bytes());
        self.bench.each_batch(query, failed, |batch| {
            rows.write(batch).map_err(unwritten)?;
            Ok(if gone.is_true() { Rest::Unwanted } else { Rest::Wanted })
        })?;
        let buffer = rows.finish(None).map_err(unwritten)?;
        let pipe = buffer.into_inner().map_err(|error| unwritten(ReportError::write(error.into_error())))?;
        Ok(pipe.into_inner())
    }

    /// Rows of a table.
    pub(super) fn count(&self, table: &str) -> Result<usize, RunError> {
        let counted = async {
            let failed = |error| query::failed(&error, self.bench.desk.memory_bytes());
            self.bench.opened.ctx.table(table).await.map_err(failed)?.count().await.map_err(failed)
        };
        self.bench.desk.wait(counted)
    }

    /// Writes text that is an answer, through the pager where it is long.
    pub(super) fn print(&self, text: &str) -> Result<(), RunError> {
        let failed = |error| RunError::internal("cannot write to standard output", error);
        let pager = if self.terminal.is_stdout { Pager::find() } else { None };
        let Some(pager) = pager else {
            return QuietPipe::new(io::stdout()).write_all(text.as_bytes()).map_err(failed);
        };
        let mut out = QuietPipe::new(Paged::new(pager));
        out.write_all(text.as_bytes()).map_err(failed)?;
        out.into_inner().finish().map_err(failed)
    }

    /// Says something that is no answer. Where standard error is closed there is nobody to tell.
    pub(super) fn complain(&self, text: &str) {
        let text = painted(self.style, Paint::Faint, text);
        writeln!(io::stderr(), "{text}").unwrap_or_default();
    }
}
