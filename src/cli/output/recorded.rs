//! What was written, told to whoever keeps a record of it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::digest::{Digest, Hasher};

/// The outputs of a run that were written to their end, with their hashes.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<(String, Digest)>>>);

impl Log {
    /// Adds an output.
    pub fn add(&self, name: String, digest: Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, digest));
    }

    /// All outputs so far, by name.
    pub fn outputs(&self) -> Vec<(String, Digest)> {
        let mut outputs = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        outputs.sort_by(|(a, _), (b, _)| a.cmp(b));
        outputs
    }
}

/// A writer that hashes what was written, where that is asked for.
#[derive(Debug)]
pub struct Recorded<W> {
    inner: W,
    hasher: Option<Hasher>,
}

impl<W> Recorded<W> {
    /// Hashes nothing.
    pub fn unhashed(inner: W) -> Self {
        Self { inner, hasher: None }
    }

    /// Hashes what is written from here on.
    pub fn begin(&mut self) {
        self.hasher = Some(Hasher::default());
    }

    /// The hash of what was written, where it is hashed.
    pub fn digest(&self) -> Option<Digest> {
        self.hasher.as_ref().map(Hasher::digest)
    }

    /// The writer itself.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for Recorded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes.get(..written).unwrap_or_default());
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Name of standard output among the outputs.
pub const STDOUT: &str = "-";

/// Standard output that tells a log, when it is dropped, what was written to it.
#[derive(Debug)]
pub struct Stdout {
    out: Recorded<io::StdoutLock<'static>>,
    log: Option<Log>,
}

impl Stdout {
    /// Takes standard output.
    pub fn lock(log: Option<&Log>) -> Self {
        let mut out = Recorded::unhashed(io::stdout().lock());
        if log.is_some() {
            out.begin();
        }
        Self { out, log: log.cloned() }
    }
}

impl Drop for Stdout {
    fn drop(&mut self) {
        if let (Some(log), Some(digest)) = (&self.log, self.out.digest()) {
            log.add(STDOUT.to_owned(), digest);
        }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
