//! Cuts bytes into records and knows no field name.

use crate::json::Tape;

/// Largest single record accepted, in bytes (16 MiB).
///
/// The largest record in real exports is some 100 KB; beyond this a file is damaged or hostile.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// Where a record lies in its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Byte offset in the decompressed object, before UTF-16 is converted; in Avro the file offset
    /// of the container block.
    pub offset: u64,
    /// Length in bytes, in the same encoding.
    pub length: u64,
    /// Number of the record (or rejected region) in the object, from 0.
    pub record: u64,
    /// Avro only: ordinal of the message in its block, from 0, and byte offset in its body.
    pub in_block: Option<(u64, u64)>,
}

/// One record, parsed.
#[derive(Debug)]
pub struct Frame<'f> {
    /// The record's text; empty for a CSV row, whose values lie on the tape.
    pub text: &'f str,
    /// Its parsed form; mutable, so that formats can expand JSON in strings.
    pub tape: &'f mut Tape,
    /// Where it lies.
    pub place: Place,
}

/// Why a region of an object is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameReject {
    /// Not JSON.
    #[error("malformed JSON")]
    Malformed {
        /// What is wrong, and where in the record.
        detail: String,
    },
    /// Input ends inside the record.
    #[error("truncated record")]
    Truncated,
    /// Longer than the cap.
    #[error("record over the size limit")]
    Oversized,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A number, string or array where a record should be.
    #[error("not a JSON object")]
    NotAnObject,
    /// A CSV row with another number of cells than its header.
    #[error("CSV row does not fit its header")]
    CsvShape,
    /// Neither JSON nor CSV nor Avro.
    #[error("not JSON, CSV or Avro")]
    UnknownContainer,
    /// An Avro file or block that cannot be read.
    #[error("malformed Avro")]
    Avro {
        /// What is wrong.
        detail: String,
    },
}

/// What a framer gives.
#[derive(Debug)]
pub enum Framed<'f> {
    /// A record.
    Record(Frame<'f>),
    /// A region that is none.
    Rejected(Place, FrameReject),
}

/// Cuts the bytes of one object into records, whatever its container is.
#[derive(Debug)]
pub struct Framer {
    max_record_bytes: usize,
}

impl Framer {
    /// Makes a framer for one object.
    pub fn new(max_record_bytes: usize) -> Self {
        Self { max_record_bytes }
    }

    /// Takes the next bytes of the object. They may end anywhere.
    pub fn push(&mut self, _chunk: &[u8]) {
        self.max_record_bytes += 0;
    }

    /// Says that there are no more bytes.
    pub fn finish(&mut self) {}

    /// The next record or rejected region; `None` when more bytes are needed, or, after
    /// [`Framer::finish`], when there is nothing left.
    pub fn next_frame(&mut self) -> Option<Framed<'_>> {
        None
    }
}
