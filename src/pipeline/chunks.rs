//! The bytes of an object, chunk by chunk, in a way that an interrupted run can give up on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use super::Cancel;
use crate::cancel::CANCEL_POLL;
use crate::source::{Ahead, Object, OpenOptions, Reader, Seal, SourceError};

/// Chunks that a pipe's thread may be ahead.
const AHEAD: usize = 2;

/// The chunks of one object.
pub(super) enum Chunks {
    /// Read where they are asked for.
    Here(Box<Reader>),
    /// Read by a thread of its own: a read that waits for somebody to write cannot be interrupted,
    /// waiting for the thread can. It ends with its input, or with the process.
    Piped { receiver: Receiver<Piped>, stored_bytes_read: u64, chunk: Vec<u8>, seal: Option<Seal> },
}

/// What comes of a pipe.
pub(super) enum Piped {
    /// A chunk, and how many stored bytes were read up to its end.
    Chunk { bytes: Vec<u8>, stored_bytes_read: u64 },
    /// Nothing more, be it that it cannot be read on; what was read of it, where hashed.
    End(Option<SourceError>, Option<Seal>),
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
        (options, chunk_bytes): (OpenOptions, usize),
    ) -> Result<Self, SourceError> {
        // A blob is waited for in steps, and a file is not waited for; what has a size is no pipe.
        if object.size > 0 || object.is_file() {
            return ahead.open(object).map(|reader| Self::Here(Box::new(reader)));
        }
        let (sender, receiver) = sync_channel(AHEAD);
        let object = object.clone();
        std::thread::spawn(move || {
            let (error, seal) = pipe(&object, (options, chunk_bytes), &|chunk| sender.send(chunk).is_ok());
            // If nobody listens, the run is over already.
            sender.send(Piped::End(error, seal)).ok();
        });
        Ok(Self::Piped { receiver, stored_bytes_read: 0, chunk: Vec::new(), seal: None })
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
            Self::Piped { receiver, stored_bytes_read, chunk, seal } => {
                chunk.clear();
                loop {
                    match receiver.recv_timeout(CANCEL_POLL) {
                        Ok(Piped::Chunk { bytes, stored_bytes_read: read }) => {
                            (*chunk, *stored_bytes_read) = (bytes, read);
                            return Ok(chunk);
                        }
                        Ok(Piped::End(error, sealed)) => {
                            *seal = sealed;
                            return error.map_or(Ok(chunk), |error| Err(NoChunk::Unreadable(error)));
                        }
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

    /// What was read of the object as stored, once it was read as far as possible; `None` where that
    /// is not hashed.
    pub(super) fn seal(&mut self) -> Option<Seal> {
        match self {
            Self::Here(reader) => reader.seal(),
            Self::Piped { seal, .. } => seal.take(),
        }
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
    (options, chunk_bytes): (OpenOptions, usize),
    take: &dyn Fn(Piped) -> bool,
) -> (Option<SourceError>, Option<Seal>) {
    // Nobody waits for a pipe here but this thread.
    let mut reader = match Reader::open(object, options, &Cancel::default()) {
        Ok(reader) => reader,
        Err(error) => return (Some(error), None),
    };
    loop {
        let mut bytes = vec![0; chunk_bytes];
        let length = match reader.read(&mut bytes) {
            Ok(length) => length,
            Err(error) => return (Some(error), reader.seal()),
        };
        bytes.truncate(length);
        if length == 0 {
            return (None, reader.seal());
        }
        if !take(Piped::Chunk { bytes, stored_bytes_read: reader.stored_bytes_read() }) {
            return (None, None);
        }
    }
}
