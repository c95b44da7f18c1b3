//! The quarantine: every rejected record with its place and reason, one JSON object a line.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// Rejected records that are kept in memory to be shown.
pub(super) const SHOWN: usize = 20;

/// A record that was rejected, or a duplicate that contradicts its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

    /// Whether all that it takes is written.
    pub(super) fn writes(&self) -> bool {
        self.out.is_some()
    }

    /// How many more records it has a use for at most: any number if they are written, else those
    /// that are still to be shown.
    pub(super) fn wanted(&self) -> usize {
        if self.writes() { usize::MAX } else { SHOWN.saturating_sub(self.shown.len()) }
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
    /// The error of either's file.
    #[cfg(feature = "lake")]
    pub(super) fn append(&mut self, written: &mut (impl io::Read + io::Seek), shown: &[Quarantined]) -> io::Result<()> {
        let room = SHOWN.saturating_sub(self.shown.len());
        self.shown.extend(shown.iter().take(room).cloned());
        if let Some(out) = &mut self.out {
            written.rewind()?;
            io::copy(written, out)?;
        }
        Ok(())
    }

    /// The first records that were taken.
    pub fn shown(&self) -> &[Quarantined] {
        &self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> Quarantined {
        Quarantined {
            object: "a.json".to_owned(),
            offset: number,
            length: 1,
            record: Some(number),
            reason: "not a JSON object".to_owned(),
            detail: None,
        }
    }

    #[test]
    fn without_a_file_only_what_is_still_to_be_shown_is_wanted() {
        let mut quarantine = Quarantine::new(None);
        assert_eq!(quarantine.wanted(), SHOWN);
        for number in 0..100 {
            quarantine.push(record(number)).unwrap();
        }

        assert_eq!((quarantine.wanted(), quarantine.shown().len()), (0, SHOWN));

        let mut written = Vec::new();
        let mut quarantine = Quarantine::new(Some(&mut written));
        for number in 0..100 {
            quarantine.push(record(number)).unwrap();
        }

        assert_eq!((quarantine.wanted(), quarantine.shown().len()), (usize::MAX, SHOWN));
        assert_eq!(written.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), 100);
    }

    #[cfg(feature = "lake")]
    #[test]
    fn what_a_round_wrote_is_taken_over_whether_it_was_held_in_memory_or_in_a_file() {
        for held_bytes in [0, 1 << 20] {
            let mut round = tempfile::spooled_tempfile(held_bytes);
            let mut of_round = Quarantine::new(Some(&mut round));
            for number in 0..100 {
                of_round.push(record(number)).unwrap();
            }
            let shown = of_round.shown().to_vec();
            let mut written = Vec::new();
            let mut quarantine = Quarantine::new(Some(&mut written));
            quarantine.push(record(1000)).unwrap();

            quarantine.append(&mut round, &shown).unwrap();

            let shown: Vec<u64> = quarantine.shown().iter().map(|record| record.offset).collect();
            assert_eq!(shown, std::iter::once(1000_u64).chain(0..19).collect::<Vec<_>>());
            let lines: Vec<Quarantined> = std::str::from_utf8(&written)
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert_eq!(lines, std::iter::once(1000).chain(0..100).map(record).collect::<Vec<_>>());
        }
    }
}
