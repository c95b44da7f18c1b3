//! The bytes of an object, chunk by chunk, in a way that an interrupted run can give up on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use super::Cancel;
use crate::cancel::CANCEL_POLL;
use crate::limits::Limits;
use crate::source::{Ahead, Object, Reader, SourceError};

/// Chunks that a pipe's thread may be ahead.
const AHEAD: usize = 2;

/// The chunks of one object.
pub(super) enum Chunks {
    /// Read where they are asked for.
    Here(Reader),
    /// Read by a thread of its own: a read that waits for somebody to write cannot be interrupted,
    /// waiting for the thread can. It ends with its input, or with the process.
    Piped { receiver: Receiver<Result<Piped, SourceError>>, stored_bytes_read: u64, chunk: Vec<u8> },
}

/// A chunk, and how many stored bytes were read up to its end.
pub(super) struct Piped {
    bytes: Vec<u8>,
    stored_bytes_read: u64,
}

/// Why there is no chunk.
pub(super) enum NoChunk {
    Unreadable(SourceError),
    Stopped,
}

impl Chunks {
    /// Opens an object, one of those that are opened ahead.
    pub(super) fn open(
        object: &Object,
        ahead: &mut Ahead<'_>,
        (limits, chunk_bytes): (&Limits, usize),
    ) -> Result<Self, SourceError> {
        // What has a size is no pipe.
        if object.size > 0 || object.is_file() {
            // A blob is waited for in steps, and a file is not waited for.
            return ahead.open(object).map(Self::Here);
        }
        let (sender, receiver) = sync_channel(AHEAD);
        let (object, limits) = (object.clone(), *limits);
        std::thread::spawn(move || {
            if let Err(error) = pipe(&object, (&limits, chunk_bytes), &|chunk| sender.send(Ok(chunk)).is_ok()) {
                // If nobody listens, the run is over already.
                sender.send(Err(error)).ok();
            }
        });
        Ok(Self::Piped { receiver, stored_bytes_read: 0, chunk: Vec::new() })
    }

    /// The next chunk, in the buffer or elsewhere; empty at the end.
    pub(super) fn next<'c>(&'c mut self, buffer: &'c mut [u8], cancel: &Cancel) -> Result<&'c [u8], NoChunk> {
        cancel.check().map_err(|_interrupted| NoChunk::Stopped)?;
        match self {
            Self::Here(reader) => {
                let length = reader.read(buffer).map_err(|error| match cancel.check() {
                    Ok(()) => NoChunk::Unreadable(error),
                    Err(_interrupted) => NoChunk::Stopped,
                })?;
                Ok(buffer.get(..length).unwrap_or_default())
            }
            Self::Piped { receiver, stored_bytes_read, chunk } => {
                chunk.clear();
                loop {
                    match receiver.recv_timeout(CANCEL_POLL) {
                        Ok(Ok(piped)) => {
                            (*chunk, *stored_bytes_read) = (piped.bytes, piped.stored_bytes_read);
                            return Ok(chunk);
                        }
                        Ok(Err(error)) => return Err(NoChunk::Unreadable(error)),
                        Err(RecvTimeoutError::Timeout) => cancel.check().map_err(|_interrupted| NoChunk::Stopped)?,
                        Err(RecvTimeoutError::Disconnected) => return Ok(chunk),
                    }
                }
            }
        }
    }

    /// Whether what is given are the object's own bytes, which can be had again from any place.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Here(reader) if reader.is_plain())
    }

    /// Bytes of the object as stored that were read so far.
    pub(super) fn stored_bytes_read(&self) -> u64 {
        match self {
            Self::Here(reader) => reader.stored_bytes_read(),
            Self::Piped { stored_bytes_read, .. } => *stored_bytes_read,
        }
    }
}

/// Reads an object to its end, or until nobody takes its chunks any more.
fn pipe(
    object: &Object,
    (limits, chunk_bytes): (&Limits, usize),
    take: &dyn Fn(Piped) -> bool,
) -> Result<(), SourceError> {
    // Nobody waits for a pipe here but this thread.
    let mut reader = Reader::open(object, limits, &Cancel::default())?;
    loop {
        let mut bytes = vec![0; chunk_bytes];
        let length = reader.read(&mut bytes)?;
        bytes.truncate(length);
        if length == 0 || !take(Piped { bytes, stored_bytes_read: reader.stored_bytes_read() }) {
            return Ok(());
        }
    }
}
