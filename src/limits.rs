//! How much of the machine a log may ask for, and how much of a report one rule may fill.
//!
//! Logs are written by whoever is being investigated. What a limit cuts is always said: a record is
//! rejected with its reason, an object fails with its reason, findings that are left out are counted.

/// Decompressed bytes that a compressed object may hold (64 GiB): above this a stream is made to fill
/// memory or time, or should have been split by whoever exported it.
pub const OBJECT_BYTES: u64 = 64 << 30;

/// How many times its stored size an object may hold. Logs compress some 10 to 50 times; gzip can do
/// no more than 1032 times, which needs nothing but zeros.
pub const RATIO: u64 = 1000;

/// Largest single record accepted, in bytes (16 MiB). The largest in real exports is some 100 KB;
/// beyond this a file is damaged or hostile.
pub const RECORD_BYTES: usize = 16 << 20;

/// Deepest nesting of arrays and objects in a record. The deepest record seen in real exports has
/// 9 levels; beyond this a file is hostile.
pub const DEPTH: usize = 128;

/// The deepest nesting that can be asked for: each level takes stack.
pub const MAX_DEPTH: usize = 500;

/// Most columns of a CSV file. The widest export known (a union of Log Analytics tables) stays below
/// 300.
pub const CSV_COLUMNS: usize = 2_000;

/// Distinct values of a column that are held at once, while a batch of events is built: as many as a
/// batch has rows, so that every record may have a new value in every column.
pub const DISTINCT: usize = 8_192;

/// Most findings of one rule. Nobody reads more about one thing; a rule that finds more groups by
/// what it should not, or was given a log made to drown the others.
pub const FINDINGS: usize = 10_000;

/// Most events that a finding shows: enough to judge it by. `events` counts all.
pub const EVIDENCE: usize = 20;

/// Most files open at a time, where the system allows more: no number of threads needs as many.
pub const OPEN_FILES: usize = 512;

/// Open files that are needed beside those that a run can do with fewer of: standard streams, outputs,
/// what the runtime and the tables of a query hold.
pub const OTHER_FILES: usize = 24;

/// What is read and reported at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Decompressed bytes of a compressed object.
    pub object_bytes: u64,
    /// Decompressed bytes of a compressed object for each of its stored bytes.
    pub ratio: u64,
    /// Bytes of a record.
    pub record_bytes: usize,
    /// Arrays and objects inside each other in a record.
    pub depth: usize,
    /// Columns of a CSV file.
    pub csv_columns: usize,
    /// Distinct values of a column that a batch under way holds; at least 1.
    pub distinct: usize,
    /// Findings of a rule.
    pub findings: usize,
    /// Events that a finding shows.
    pub evidence: usize,
    /// Files that are open at a time, those of [`OTHER_FILES`] not counted.
    pub open_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            object_bytes: OBJECT_BYTES,
            ratio: RATIO,
            record_bytes: RECORD_BYTES,
            depth: DEPTH,
            csv_columns: CSV_COLUMNS,
            distinct: DISTINCT,
            findings: FINDINGS,
            evidence: EVIDENCE,
            open_files: OPEN_FILES,
        }
    }
}

impl Limits {
    /// Files that may be read at a time; the other half is for temporary files that are written
    /// meanwhile. At least 1.
    pub fn open_inputs(&self) -> usize {
        (self.open_files / 2).max(1)
    }

    /// Temporary files that may be written at a time. At least 1.
    pub fn open_spools(&self) -> usize {
        (self.open_files / 2).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_temporary_files_share_what_may_be_open() {
        for (open_files, each) in [(0, 1), (1, 1), (2, 1), (40, 20), (41, 20)] {
            let limits = Limits { open_files, ..Limits::default() };

            assert_eq!((limits.open_inputs(), limits.open_spools()), (each, each), "{open_files}");
        }
    }
}
