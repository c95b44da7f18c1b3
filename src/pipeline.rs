//! Joins source, frame, format, event, identity and lake: from named paths to classified events.

mod absence;
mod activity;
mod ahead;
mod analyse;
#[cfg(feature = "lake")]
mod append;
mod baseline;
mod chunks;
mod decoder;
mod digests;
mod gaps;
mod identities;
mod ingest;
#[cfg(feature = "lake")]
mod keys;
#[cfg(feature = "lake")]
mod lake;
mod observe;
#[cfg(feature = "lake")]
mod optimize;
pub mod peek;
mod quarantine;
mod range;
pub mod record;
mod rejections;
mod settle;
mod skew;
mod work;
mod worker;

use crate::coverage::Coverage;
use crate::digest::Hashing;
use crate::error::RunError;
use crate::event::schema::ReadColumns;
use crate::identity::Classifier;
use crate::lake::Streams;
use crate::limits::Limits;
use crate::redact::Redaction;
use crate::source::{Listing, OpenOptions};
use crate::time::UtcMicros;

pub use crate::cancel::Cancel;
#[cfg(feature = "lake")]
pub use append::{AppendOptions, Appended, Shard, append};
#[cfg(feature = "lake")]
pub use lake::open_lake;
#[cfg(feature = "lake")]
pub use optimize::{Optimized, optimize};
use range::TimeRange;
use settle::Purpose;

pub use absence::judge;
pub use analyse::{Analysis, Opened, Questions, analyse, open, rules_at_once};
pub use baseline::Baseline;
pub use digests::{Digests, ObjectDigest};
pub use quarantine::{Quarantine, Quarantined};

/// What to read, and how much of the machine to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Events before this are skipped; what they say of identities still counts.
    pub since: Option<UtcMicros>,
    /// Events at or after this are skipped; what they say of identities still counts.
    pub until: Option<UtcMicros>,
    /// Memory for the whole run, in bytes.
    pub memory_limit_bytes: usize,
    /// Threads that read and decode.
    pub threads: usize,
    /// What a log may ask for.
    pub limits: Limits,
    /// When the run began: records that are later than that are counted. `None` where it does not
    /// matter.
    pub now: Option<UtcMicros>,
    /// Decompressed bytes read at once; results do not depend on it.
    pub chunk_bytes: usize,
    /// Decompressed bytes of a block, in which several threads share an object; results do not
    /// depend on it.
    pub block_bytes: usize,
    /// Whether to keep, for each object, from where it can be read on once it has grown.
    pub keeps_places: bool,
    /// The columns that somebody will read. Counts do not depend on it, and neither does any column
    /// that is read.
    pub columns: ReadColumns,
    /// Whether records of archives may be read by their members alone, without a tape. Results do
    /// not depend on it; it is there to be compared with.
    pub by_members: bool,
    /// Whether the stored bytes of objects are hashed as they are read.
    pub hashing: Hashing,
    /// Whether secrets are taken out of what becomes columns.
    pub redaction: Redaction,
}

/// Decompressed bytes read at once unless told otherwise (1 MiB): enough for a thread to be busy
/// between two system calls, little enough to stay in its cache.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Decompressed bytes of a block unless told otherwise (8 MiB): its events fill half a batch or more.
pub const BLOCK_BYTES: usize = 8 << 20;

impl Default for ReadOptions {
    /// All times, two threads, 1 GiB.
    fn default() -> Self {
        Self {
            since: None,
            until: None,
            memory_limit_bytes: 1 << 30,
            threads: 2,
            limits: Limits::default(),
            now: None,
            chunk_bytes: CHUNK_BYTES,
            block_bytes: BLOCK_BYTES,
            keeps_places: false,
            columns: ReadColumns::ALL,
            by_members: true,
            hashing: Hashing::Off,
            redaction: Redaction::On,
        }
    }
}

impl ReadOptions {
    /// How objects are opened for this.
    pub(crate) fn open_options(&self) -> OpenOptions {
        OpenOptions { limits: self.limits, hashing: self.hashing, room_bytes: self.block_bytes }
    }

    /// The time range that is asked for.
    fn range(&self) -> TimeRange {
        TimeRange { since: self.since, until: self.until }
    }

    /// Threads for work in which each has a file open. At least 1.
    fn threads_with_files(&self) -> usize {
        self.threads.max(1).min(self.limits.open_inputs())
    }
}

/// Who wants to know how far a run is. Called from several threads.
pub trait Watch: Sync {
    /// So many more stored bytes were read.
    fn read(&self, stored_bytes: u64);
    /// So many more records were decoded and rejected.
    fn decoded(&self, records: u64, rejected: u64);
    /// A later stage has begun.
    fn stage(&self, name: &str);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn read(&self, _stored_bytes: u64) {}
    fn decoded(&self, _records: u64, _rejected: u64) {}
    fn stage(&self, _name: &str) {}
}

/// Everything that was read, classified.
#[derive(Debug)]
pub struct Loaded {
    /// The events by stream.
    pub streams: Streams,
    /// Who is who.
    pub classifier: Classifier,
    /// What was read.
    pub coverage: Coverage,
    /// How far the fast path reached.
    pub reached: Reached,
    /// What was read of each object, where asked for.
    pub digests: Digests,
    /// The first rejected records, by object and offset.
    pub rejected: Vec<Quarantined>,
}

/// How many records were read in the fast way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    /// Records that were read by their members alone, without a tape.
    pub by_members: u64,
    /// Records whose keys all were where they were expected, by the records before them.
    pub known_layouts: u64,
}

impl Reached {
    fn add(&mut self, other: Self) {
        self.by_members += other.by_members;
        self.known_layouts += other.known_layouts;
    }
}

/// Reads, decodes, merges and classifies all objects of a listing; inventory exports among them are
/// recognised by their shape.
///
/// # Errors
///
/// [`RunError::Internal`] where temporary files or the quarantine cannot be written;
/// [`RunError::Interrupted`].
pub fn read(
    listing: Listing,
    options: &ReadOptions,
    quarantine: &mut Quarantine<'_>,
    watch: &dyn Watch,
    cancel: &Cancel,
) -> Result<Loaded, RunError> {
    let mut ingested = ingest::ingest(options, &listing.objects, quarantine, watch, cancel)?;
    let failed = listing.failed.clone();
    for (object, reason) in listing.failed {
        ingested.coverage.objects.failed += 1;
        ingested.coverage.failed.push(crate::coverage::FailedObject { object, reason });
    }
    ingested.coverage.failed.sort_by(|a, b| a.object.cmp(&b.object));
    let purpose = (options.threads_with_files(), Purpose::Queries(options.range()));
    let (mut loaded, _stated) = settle::settle(ingested, purpose, quarantine, (watch, cancel))?;
    if options.hashing == Hashing::On {
        loaded.digests = std::mem::take(&mut loaded.digests).finish(&failed);
    }
    Ok(loaded)
}
