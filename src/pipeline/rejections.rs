//! Rejected records on their way from the threads that read to the quarantine. How many there are is
//! the log's to choose, so few of them are in memory at a time.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use super::quarantine::Quarantined;

/// Most rejected records that are sent together.
pub(super) const TOGETHER: usize = 256;

/// Bytes of rejected records that wait in memory (1 MiB); beyond that they wait in a temporary file.
pub(super) const HELD_BYTES: usize = 1 << 20;

/// The rejected records of a part that were not sent yet.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    wanted: usize,
    /// How many more of the part are wanted.
    left: usize,
    records: Vec<Quarantined>,
}

impl Rejections {
    /// Takes so many records of each part.
    pub(super) fn new(wanted: usize) -> Self {
        Self { wanted, left: wanted, records: Vec::new() }
    }

    /// Begins another part.
    pub(super) fn restart(&mut self) {
        self.records.clear();
        self.left = self.wanted;
    }

    /// Whether another record of the part is wanted.
    pub(super) fn has_room(&self) -> bool {
        self.left > 0
    }

    /// Adds a record that is wanted.
    pub(super) fn push(&mut self, record: Quarantined) {
        self.left = self.left.saturating_sub(1);
        self.records.push(record);
    }

    /// Whether it is time to send what is here.
    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= TOGETHER
    }

    /// What is to be sent.
    pub(super) fn take(&mut self) -> Vec<Quarantined> {
        std::mem::take(&mut self.records)
    }
}

/// Keeps rejected records until it is their turn: a few in memory, more in one temporary file.
#[derive(Debug)]
pub(super) struct Spool {
    file: SpooledTempFile,
    end: u64,
    /// How often something was kept that is neither taken nor forgotten.
    waiting: usize,
}

/// Where records lie in a [`Spool`] that were kept together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spooled {
    offset: u64,
    length: usize,
}

impl Default for Spool {
    fn default() -> Self {
        Self { file: SpooledTempFile::new(HELD_BYTES), end: 0, waiting: 0 }
    }
}

impl Spool {
    /// Keeps records.
    pub(super) fn keep(&mut self, records: &[Quarantined]) -> io::Result<Spooled> {
        let bytes = serde_json::to_vec(records)?;
        let spooled = Spooled { offset: self.end, length: bytes.len() };
        self.file.seek(SeekFrom::Start(spooled.offset))?;
        self.file.write_all(&bytes)?;
        self.end += bytes.len() as u64;
        self.waiting += 1;
        Ok(spooled)
    }

    /// Takes out what was kept together.
    pub(super) fn take(&mut self, spooled: Spooled) -> io::Result<Vec<Quarantined>> {
        let mut bytes = vec![0; spooled.length];
        self.file.seek(SeekFrom::Start(spooled.offset))?;
        self.file.read_exact(&mut bytes)?;
        self.forget(1)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Forgets what was kept, so many times; the file is empty again once nothing is left.
    pub(super) fn forget(&mut self, times: usize) -> io::Result<()> {
        self.waiting = self.waiting.saturating_sub(times);
        if self.waiting == 0 && self.end > 0 {
            self.file.set_len(0)?;
            self.end = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many rejected records, from the first number on.
    fn records(first: u64, count: usize) -> Vec<Quarantined> {
        let record = |number: u64| Quarantined {
            object: "a \"name\"\nof two lines".to_owned(),
            offset: 2 * number,
            length: 1,
            record: (!number.is_multiple_of(3)).then_some(number),
            reason: "not a JSON object".to_owned(),
            detail: (!number.is_multiple_of(2)).then(|| format!("number {number}")),
        };
        (first..).take(count).map(record).collect()
    }

    #[test]
    fn of_each_part_no_more_is_held_than_is_wanted() {
        let mut rejections = Rejections::new(3);
        for _ in 0..2 {
            rejections.restart();
            for record in records(0, 1000) {
                if rejections.has_room() {
                    rejections.push(record);
                }
            }

            assert_eq!(rejections.take(), records(0, 3));
            assert!(!rejections.has_room());
        }
    }

    #[test]
    fn what_is_kept_comes_back_in_any_order_from_memory_and_from_a_file() {
        let mut spool = Spool::default();
        let kept: Vec<(u64, Spooled)> =
            (0..100).map(|at| 256 * at).map(|first| (first, spool.keep(&records(first, 256)).unwrap())).collect();
        assert!(spool.file.is_rolled());
        for (first, spooled) in kept.into_iter().rev() {
            assert_eq!(spool.take(spooled).unwrap(), records(first, 256));
        }

        // Nothing is left, so the file begins anew.
        assert_eq!((spool.waiting, spool.end), (0, 0));
        let again = spool.keep(&records(7, 1)).unwrap();
        assert_eq!(spool.take(again).unwrap(), records(7, 1));

        let mut small = Spool::default();
        let kept = small.keep(&records(0, 5)).unwrap();
        assert!(!small.file.is_rolled());
        assert_eq!(small.take(kept).unwrap(), records(0, 5));
    }

    #[test]
    fn what_is_forgotten_leaves_the_file_once_nothing_waits() {
        let mut spool = Spool::default();
        let first = spool.keep(&records(0, 256)).unwrap();
        spool.keep(&records(256, 256)).unwrap();
        spool.keep(&records(512, 256)).unwrap();

        spool.forget(2).unwrap();
        assert!(spool.end > 0);
        assert_eq!(spool.take(first).unwrap(), records(0, 256));
        assert_eq!(spool.end, 0);
    }
}
