//! Standard output, whose reader may go at any time.

use std::cell::Cell;
use std::io::{self, BufWriter, Write};
use std::rc::Rc;

use super::recorded::{Log, Stdout};
use crate::error::RunError;
use crate::report::ReportError;

/// Standard output, buffered. Once its reader has gone, what is written goes nowhere, quietly:
/// `airside … | head` is no error.
#[derive(Debug)]
pub struct QuietPipe<W> {
    out: W,
    gone: Gone,
}

/// Whether the reader of a [`QuietPipe`] has gone: what would be written only for it need not be made.
#[derive(Debug, Clone, Default)]
pub struct Gone(Rc<Cell<bool>>);

impl Gone {
    /// Whether it has.
    pub fn is_true(&self) -> bool {
        self.0.get()
    }
}

impl<W: Write> QuietPipe<W> {
    /// Wraps a writer.
    pub fn new(out: W) -> Self {
        Self { out, gone: Gone::default() }
    }

    /// What tells, later too, whether the reader has gone.
    pub fn gone(&self) -> Gone {
        self.gone.clone()
    }

    /// The writer that was wrapped.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn quieten<T>(&mut self, result: io::Result<T>, otherwise: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone.0.set(true);
                Ok(otherwise)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for QuietPipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone.is_true() {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.quieten(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone.is_true() {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.quieten(flushed, ())
    }
}

/// Writes to standard output with a writer of reports.
///
/// # Errors
///
/// [`RunError::Internal`] where it cannot be written; a closed pipe is no error.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> Result<(), ReportError>) -> Result<(), RunError> {
    to_recorded_stdout(None, write)
}

/// The same, and what was written is told to a log, if there is one.
///
/// # Errors
///
/// As [`to_stdout`].
pub fn to_recorded_stdout(
    log: Option<&Log>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), ReportError>,
) -> Result<(), RunError> {
    let mut out = BufWriter::new(QuietPipe::new(Stdout::lock(log)));
    write(&mut out)
        .and_then(|()| out.flush().map_err(ReportError::write))
        .map_err(|error| RunError::internal("cannot write to standard output", error))
}
