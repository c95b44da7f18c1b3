//! Cuts the objects to read into pieces for several threads.
//!
//! Small objects are put together. A large one is read in blocks, each by whichever thread is free,
//! if it is JSON with a line for each record: a block ends where a line ends with `}` and the next
//! one begins with `{`. In valid JSON that is between two records and nowhere else. In what is not
//! valid it may be elsewhere, so the thread that cut a block looks whether it ended between two
//! records, and where it did not, reads the object on alone.

use std::sync::{Mutex, PoisonError};

use memchr::memrchr;

use super::{Cancel, ReadOptions};
use crate::error::RunError;
use crate::source::{Object, OpenOptions, Reader, Seal};

/// Stored bytes up to which small objects are put together.
const UNIT_BYTES: u64 = 4 << 20;

/// Most objects of a unit.
const UNIT_OBJECTS: usize = 256;

/// An object is shared if it has this share of a block: compressed it may be many blocks.
const SHARED_FROM: u64 = 8;

/// Bytes that a block is read by (256 KiB): they stay in a core's cache from when they are made room
/// for until they are read.
const STEP_BYTES: usize = 256 << 10;

/// A piece of work for one thread, or for several.
pub(super) enum Unit<'o> {
    /// Read one after the other, by one thread.
    Small(&'o [Object]),
    Large(Box<Large<'o>>),
}

/// Cuts the list of objects into units. They do not depend on the number of threads, so neither
/// does the order of what comes out.
pub(super) fn units<'o>(objects: &'o [Object], options: &ReadOptions) -> Vec<Unit<'o>> {
    let mut units = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (at, object) in objects.iter().enumerate() {
        let is_large = object.size >= options.block_bytes as u64 / SHARED_FROM && object.is_file();
        if is_large {
            units.extend(objects.get(start..at).filter(|rest| !rest.is_empty()).map(Unit::Small));
            units.push(Unit::Large(Box::new(Large::new(object, options))));
            (start, bytes) = (at + 1, 0);
            continue;
        }
        bytes += object.size;
        if bytes >= UNIT_BYTES || at + 1 - start >= UNIT_OBJECTS {
            units.extend(objects.get(start..=at).map(Unit::Small));
            (start, bytes) = (at + 1, 0);
        }
    }
    units.extend(objects.get(start..).filter(|rest| !rest.is_empty()).map(Unit::Small));
    units
}

/// An object that several threads read.
pub(super) struct Large<'o> {
    pub(super) object: &'o Object,
    block_bytes: usize,
    open: OpenOptions,
    state: Mutex<State>,
}

enum State {
    Unopened,
    Open(Box<Cutter>),
    Over,
}

struct Cutter {
    reader: Reader,
    /// What was read after the end of the last block.
    carried: Vec<u8>,
    next: u64,
    offset: u64,
}

/// A piece of an object. Its bytes are in the buffer that was given for them.
pub(super) struct Block {
    /// Number in the object, from 0.
    pub(super) number: u64,
    /// Position of its first byte in the decompressed object.
    pub(super) offset: u64,
    /// Stored bytes that were read for it.
    pub(super) stored_bytes: u64,
    /// Whether its bytes are the object's own, not decompressed ones.
    pub(super) is_plain: bool,
    pub(super) end: End,
}

/// What follows a block.
pub(super) enum End {
    /// Others; it should end between two records.
    Cut,
    /// Nothing, be it that the object cannot be read on. With what was read of it, where hashed.
    Last(Option<String>, Option<Seal>),
    /// The rest of the object, which cannot be cut: it is to be read on from here.
    Rest(Box<Reader>),
}

impl<'o> Large<'o> {
    fn new(object: &'o Object, options: &ReadOptions) -> Self {
        let (block_bytes, open) = (options.block_bytes.max(1), options.open_options());
        Self { object, block_bytes, open, state: Mutex::new(State::Unopened) }
    }

    /// The next block that nobody has; `None` where there is none.
    pub(super) fn next(&self, buffer: &mut Vec<u8>, cancel: &Cancel) -> Result<Option<Block>, RunError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        cancel.check()?;
        let cutter = match std::mem::replace(&mut *state, State::Over) {
            State::Over => return Ok(None),
            State::Open(cutter) => *cutter,
            State::Unopened => match Reader::open(self.object, self.open, cancel) {
                Ok(reader) => Cutter { reader, carried: Vec::new(), next: 0, offset: self.object.start },
                Err(error) => {
                    buffer.clear();
                    let end = End::Last(Some(error.to_string()), None);
                    let (offset, is_plain) = (self.object.start, false);
                    return Ok(Some(Block { number: 0, offset, stored_bytes: 0, is_plain, end }));
                }
            },
        };
        let (block, next) = cutter.cut(buffer, self.block_bytes);
        *state = next.map_or(State::Over, |cutter| State::Open(Box::new(cutter)));
        Ok(Some(block))
    }

    /// Gives out no more blocks: one did not end between records.
    pub(super) fn stop(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Over;
    }
}

impl Cutter {
    fn cut(mut self, buffer: &mut Vec<u8>, block_bytes: usize) -> (Block, Option<Self>) {
        let stored = self.reader.stored_bytes_read();
        // What is in the buffer is overwritten: to clear it would be to write all of it once more.
        buffer.splice(..self.carried.len().min(buffer.len()), self.carried.iter().copied());
        let mut filled = self.carried.len();
        // A reader must not be asked for no bytes: none is how the object ends.
        let block_bytes = block_bytes.max(filled + 1);
        let mut ended = None;
        while ended.is_none() && filled < block_bytes {
            // Most objects are shorter than a block: only what is read next is made room for.
            if filled == buffer.len() {
                buffer.resize(block_bytes.min(filled + STEP_BYTES), 0);
            }
            let room = filled..buffer.len().min(block_bytes);
            match self.reader.read(buffer.get_mut(room).unwrap_or_default()) {
                Ok(0) => ended = Some(None),
                Ok(length) => filled += length,
                Err(error) => ended = Some(Some(error.to_string())),
            }
        }
        buffer.truncate(filled);
        let stored_bytes = self.reader.stored_bytes_read() - stored;
        let (number, offset) = (self.next, self.offset);
        let is_plain = self.reader.is_plain();
        let block = |end| Block { number, offset, stored_bytes, is_plain, end };
        if let Some(failure) = ended {
            return (block(End::Last(failure, self.reader.seal())), None);
        }
        let is_first = number == 0;
        match end_of_records(buffer).filter(|_| !is_first || begins_with_object(buffer)) {
            None => (block(End::Rest(Box::new(self.reader))), None),
            Some(end) => {
                self.carried.clear();
                self.carried.extend_from_slice(buffer.get(end..).unwrap_or_default());
                buffer.truncate(end);
                self.next += 1;
                self.offset += end as u64;
                (block(End::Cut), Some(self))
            }
        }
    }
}

/// The end of the last line of `bytes` that ends with a brace and is followed by one.
fn end_of_records(bytes: &[u8]) -> Option<usize> {
    let mut end = bytes.len();
    loop {
        end = memrchr(b'\n', bytes.get(..end)?)?;
        let line = bytes.get(..end)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.ends_with(b"}") && bytes.get(end + 1) == Some(&b'{') {
            return Some(end + 1);
        }
    }
}

/// Whether the first byte that is no white space, and no byte order mark, opens an object.
fn begins_with_object(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.trim_ascii_start().starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_where_a_line_with_an_object_ends_and_another_begins() {
        for (bytes, expected) in [
            (&b"{\"a\":1}\n{\"b\":2}\n{\"c\""[..], Some(16)),
            (b"{\"a\":1}\r\n{\"b\":", Some(9)),
            (b"{\"a\":1}\n", None),
            (b"{\"a\":1},\n{\"b\":2}", None),
            (b"{\n\"a\":1\n}\n  {", None),
            (b"", None),
        ] {
            assert_eq!(end_of_records(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn only_what_begins_with_an_object_can_be_cut() {
        for (bytes, expected) in [
            (&b" {\"a\":1}"[..], true),
            (b"\xef\xbb\xbf{\"a\":1}", true),
            (b"[{\"a\":1}", false),
            (b"Time,Caller\n", false),
            (b"", false),
        ] {
            assert_eq!(begins_with_object(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
