//! The quarantine: every rejected record with its place and reason, one JSON object a line.

use std::io::{self, Write};

use serde::Serialize;

/// Rejected records that are kept in memory to be shown.
const SHOWN: usize = 20;

/// A record that was rejected, or a duplicate that contradicts its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Quarantined {
    /// Object that it was read from.
    pub object: String,
    /// Byte offset in the decompressed object; in Avro, of the container block.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// Number of the record in the object, from 0; absent for a contradicting duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// Why, in the words of `--coverage`.
    pub reason: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Takes rejected records: writes all of them where asked for, keeps the first ones to be shown.
pub struct Quarantine<'o> {
    out: Option<&'o mut (dyn Write + Send)>,
    shown: Vec<Quarantined>,
}

impl std::fmt::Debug for Quarantine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quarantine").field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl<'o> Quarantine<'o> {
    /// Makes a quarantine that writes to `out`, or only counts.
    pub fn new(out: Option<&'o mut (dyn Write + Send)>) -> Self {
        Self { out, shown: Vec::new() }
    }

    /// Takes one record.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn push(&mut self, record: Quarantined) -> io::Result<()> {
        if let Some(out) = &mut self.out {
            let mut line = serde_json::to_vec(&record)?;
            line.push(b'\n');
            out.write_all(&line)?;
        }
        if self.shown.len() < SHOWN {
            self.shown.push(record);
        }
        Ok(())
    }

    /// Flushes the writer.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }

    /// Takes over what another quarantine has written, and the first records that it was given.
    ///
    /// # Errors
    ///
    /// The writer's error.
    #[cfg(feature = "lake")]
    pub(super) fn append(&mut self, written: &[u8], shown: &[Quarantined]) -> io::Result<()> {
        let room = SHOWN.saturating_sub(self.shown.len());
        self.shown.extend(shown.iter().take(room).cloned());
        self.out.as_mut().map_or(Ok(()), |out| out.write_all(written))
    }

    /// The first records that were taken.
    pub fn shown(&self) -> &[Quarantined] {
        &self.shown
    }
}
