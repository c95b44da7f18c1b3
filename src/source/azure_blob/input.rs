//! The bytes of a blob for those who read in threads, with ranges on their way before their turn.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;

use super::fetch::Pinned;
use super::problem::Problem;
use super::{Blob, Network};
use crate::cancel::{CANCEL_POLL, Cancel};
use crate::source::decompress::Unfetched;

/// Bytes of a range (4 MiB): at 100 MB a second, waiting for the first byte is no longer felt.
pub(super) const RANGE_BYTES: u64 = 4 << 20;

/// Ranges of one blob that are fetched at once.
const RANGES_AT_ONCE: usize = 4;

/// Times that a blob is begun again because another has taken its place.
const RESTARTS: u32 = 3;

/// Work of the runtime that a thread waits for. Dropped, it is given up.
pub(super) struct Task<T> {
    receiver: Receiver<T>,
    handle: AbortHandle,
}

impl<T: Send + 'static> Task<T> {
    /// Begins the work.
    pub(super) fn begin(network: &Network, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(1);
        let task = network.runtime.spawn(async move {
            // If nobody waits, nobody needs it.
            sender.send(work.await).ok();
        });
        Self { receiver, handle: task.abort_handle() }
    }

    /// Waits for the end of it, unless the run is interrupted first.
    pub(super) fn wait(&self, cancel: &Cancel) -> Result<T, Problem> {
        loop {
            match self.receiver.recv_timeout(CANCEL_POLL) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Timeout) => cancel.check().map_err(|_interrupted| Problem::Interrupted)?,
                Err(RecvTimeoutError::Disconnected) => return Err(Problem::Odd("its task ended".to_owned())),
            }
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// A range on its way, and the memory it takes where it is not the next one.
struct Ahead {
    task: Task<Result<Vec<u8>, Problem>>,
    room: Option<OwnedSemaphorePermit>,
}

/// The stored bytes of a blob, from some offset to the length that was listed.
pub(in crate::source) struct BlobInput {
    pinned: Arc<Pinned>,
    cancel: Cancel,
    ahead: VecDeque<Ahead>,
    /// Where the next range to ask for begins.
    next: u64,
    range: Vec<u8>,
    /// How much of the range was given.
    given: usize,
    /// Whether there is a byte that was given.
    has_given: bool,
    /// How often it may begin again with another blob that has taken its place.
    restarts: u32,
}

impl fmt::Debug for BlobInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobInput").field("pinned", &self.pinned).field("next", &self.next).finish_non_exhaustive()
    }
}

impl BlobInput {
    /// Begins to fetch a blob from where it is to be read; nothing is waited for. Where that is its
    /// start, and another blob has taken its place before a byte was given, that one is read instead.
    pub(in crate::source) fn begin(blob: &Blob, start: u64, cancel: &Cancel) -> Self {
        let restarts = if start == 0 { RESTARTS } else { 0 };
        Self { restarts, ..Self::begin_at(blob, start, cancel) }
    }

    /// Begins to fetch a blob that bytes were read of before, from an offset: another one that has
    /// taken its place is an error.
    pub(in crate::source) fn begin_at(blob: &Blob, offset: u64, cancel: &Cancel) -> Self {
        let mut input = Self {
            pinned: Arc::new(blob.pinned()),
            cancel: cancel.clone(),
            ahead: VecDeque::new(),
            next: offset,
            range: Vec::new(),
            given: 0,
            has_given: false,
            restarts: 0,
        };
        input.ask();
        input
    }

    /// The ETag under which its bytes are had, and the version, where the account keeps them.
    pub(in crate::source) fn version(&self) -> (String, Option<String>) {
        (self.pinned.etag(), self.pinned.version_id())
    }

    /// Goes on at another offset; what is on its way is given up.
    pub(in crate::source) fn go_to(&mut self, offset: u64) {
        self.ahead.clear();
        self.range.clear();
        (self.given, self.next, self.restarts) = (0, offset, 0);
        self.ask();
    }

    /// Asks for ranges, as many as may be on their way.
    fn ask(&mut self) {
        let (end, network) = (self.pinned.version().length, self.pinned.container().network);
        while self.ahead.len() < RANGES_AT_ONCE && self.next < end {
            // The next range is always fetched; those after it as far as there is room for them.
            let room = if self.ahead.is_empty() {
                None
            } else {
                match Arc::clone(&network.room).try_acquire_owned() {
                    Ok(room) => Some(room),
                    Err(_full) => return,
                }
            };
            let (pinned, offset, length) = (Arc::clone(&self.pinned), self.next, RANGE_BYTES.min(end - self.next));
            let task = Task::begin(network, async move { pinned.range(offset, length).await });
            self.ahead.push_back(Ahead { task, room });
            self.next += length;
        }
    }

    /// Takes the next range; whether there is one.
    fn advance(&mut self) -> Result<bool, Problem> {
        loop {
            let Some(Ahead { task, room }) = self.ahead.pop_front() else { return Ok(false) };
            let range = task.wait(&self.cancel)?;
            drop(room);
            match range {
                Ok(range) => {
                    (self.range, self.given) = (range, 0);
                    self.ask();
                    return Ok(true);
                }
                Err(Problem::Replaced) if !self.has_given && self.restarts > 0 => self.restart()?,
                Err(problem) => return Err(problem),
            }
        }
    }

    /// Begins again with what is there at present.
    fn restart(&mut self) -> Result<(), Problem> {
        self.restarts -= 1;
        self.ahead.clear();
        let pinned = Arc::clone(&self.pinned);
        let again = Task::begin(self.pinned.container().network, async move { pinned.again().await });
        self.pinned = Arc::new(again.wait(&self.cancel)??);
        self.next = 0;
        self.ask();
        Ok(())
    }
}

impl Read for BlobInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.range.get(self.given..).unwrap_or_default();
        if rest.is_empty() {
            let advanced = self.advance().map_err(|problem| {
                self.ahead.clear();
                self.next = u64::MAX;
                let container = self.pinned.container();
                io::Error::other(Unfetched(problem.explain(&container.address, container.proof)))
            })?;
            if !advanced {
                return Ok(0);
            }
            rest = &self.range;
        }
        let length = rest.read(buffer)?;
        self.given += length;
        self.has_given |= length > 0;
        Ok(length)
    }
}
