//! Cuts Avro container files, as Event Hubs Capture writes them, into the JSON records of their
//! messages.
//!
//! <https://avro.apache.org/docs/1.12.0/specification/#object-container-files>;
//! <https://learn.microsoft.com/azure/event-hubs/explore-captured-avro-files>, read 2026-11.

use std::io::Read;
use std::ops::Range;

use memchr::memmem;

use super::encoding::Window;
use super::json::JsonFramer;
use super::{Found, FrameReject, Inner, Step};
use crate::json::Tape;

mod schema;

use schema::{BadAvro, Cursor, Schema};

/// The first bytes of a container file.
pub(super) const MAGIC: &[u8] = b"Obj\x01";

/// Largest block accepted, as stored and decompressed, in bytes (64 MiB).
///
/// Capture closes a window at 500 MB at most and writes blocks far smaller than this.
const MAX_BLOCK_BYTES: usize = 64 << 20;

/// Largest header accepted, in bytes. It holds the schema, which is some 700 bytes in Capture files.
const MAX_HEADER_BYTES: usize = 1 << 20;

const SYNC_BYTES: usize = 16;

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

/// What the header says.
#[derive(Debug)]
struct Header {
    schema: Schema,
    codec: Codec,
    sync: [u8; SYNC_BYTES],
}

/// The block whose messages are being read.
#[derive(Debug)]
struct Block {
    /// File offset of its first byte.
    offset: u64,
    messages: u64,
    /// Ordinal of the next message, and where it begins in the decompressed data.
    next: u64,
    at: usize,
    /// How many more values may be visited in it.
    visits: u64,
    /// The rest of the body under way.
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    message: u64,
    start: usize,
    /// What is left of it.
    rest: Range<usize>,
    lost_from: Option<usize>,
}

/// Cuts a container file block by block; a block is held whole, the file never.
///
/// A block that cannot be read is rejected up to the next sync marker.
#[derive(Debug)]
pub(super) struct AvroFramer {
    header: Option<Header>,
    json: JsonFramer,
    /// The data of the current block, decompressed.
    data: Vec<u8>,
    block: Option<Block>,
    lost: Option<FrameReject>,
}

impl AvroFramer {
    pub(super) fn new(max_record_bytes: usize) -> Self {
        Self { header: None, json: JsonFramer::new(max_record_bytes), data: Vec::new(), block: None, lost: None }
    }

    /// Bytes of the current block, as [`Found::Text`] gives them.
    pub(super) fn block(&self, range: Range<usize>) -> &[u8] {
        self.data.get(range).unwrap_or_default()
    }

    /// Looks at the current block, or at the start of the window, which begins at file offset
    /// `offset`; a record's parsed form is then on `tape`.
    pub(super) fn step(&mut self, window: Window<'_>, offset: u64, tape: &mut Tape) -> Step {
        if self.header.is_none() {
            return self.read_header(window);
        }
        if let Some(inner) = self.inner(tape) {
            return Step::Inner(inner);
        }
        match self.lost.take() {
            Some(reason) => self.find_sync(window, reason),
            None => self.read_block(window, offset),
        }
    }

    fn read_header(&mut self, window: Window<'_>) -> Step {
        let view = window.bytes.get(..MAX_HEADER_BYTES).unwrap_or(window.bytes);
        match parse_header(view) {
            Ok((header, length)) => {
                self.header = Some(header);
                Step::Skip(length)
            }
            Err(BadAvro::CutOff) if window.bytes.len() > MAX_HEADER_BYTES => {
                Step::Refuse(FrameReject::Avro { detail: "a header of more than 1 MiB".to_owned() })
            }
            Err(BadAvro::CutOff) if window.is_finished => Step::Refuse(FrameReject::Truncated),
            Err(BadAvro::CutOff) => Step::Wait,
            Err(BadAvro::Malformed(detail)) => Step::Refuse(FrameReject::Avro { detail }),
        }
    }

    /// Reads the block at the start of the window into `data`.
    fn read_block(&mut self, window: Window<'_>, offset: u64) -> Step {
        let Some(header) = &self.header else { return Step::Wait };
        if window.bytes.is_empty() {
            return Step::Wait;
        }
        let mut cursor = Cursor::new(window.bytes);
        let ends = match cursor.block_start(MAX_BLOCK_BYTES) {
            Ok((messages, size)) => {
                let start = cursor.position();
                Ok((messages, start..start + size, start + size + SYNC_BYTES))
            }
            Err(error) => Err(error),
        };
        match ends {
            Ok((messages, stored, end)) if end <= window.bytes.len() => {
                if window.bytes.get(stored.end..end) != Some(header.sync.as_slice()) {
                    let detail = "no sync marker after a block".to_owned();
                    return self.find_sync(window, FrameReject::Avro { detail });
                }
                let stored = window.bytes.get(stored).unwrap_or_default();
                match decompress(header.codec, stored, &mut self.data) {
                    Ok(()) => {
                        self.block = Some(Block::new(offset, messages, self.data.len()));
                        Step::Skip(end)
                    }
                    Err(detail) => Step::Reject(end, FrameReject::Avro { detail }),
                }
            }
            Ok(_) | Err(BadAvro::CutOff) if !window.is_finished => Step::Wait,
            Ok(_) | Err(BadAvro::CutOff) => {
                let has_sync = memmem::find(window.bytes, &header.sync).is_some();
                let detail = "a block that is longer than the bytes up to its sync marker".to_owned();
                let reason = if has_sync { FrameReject::Avro { detail } } else { FrameReject::Truncated };
                self.find_sync(window, reason)
            }
            Err(BadAvro::Malformed(detail)) => self.find_sync(window, FrameReject::Avro { detail }),
        }
    }

    /// Ends a rejected region after the next sync marker.
    fn find_sync(&mut self, window: Window<'_>, reason: FrameReject) -> Step {
        let Some(header) = &self.header else { return Step::Wait };
        let length = window.bytes.len();
        if let Some(sync) = memmem::find(window.bytes, &header.sync) {
            return Step::Reject(sync + SYNC_BYTES, reason);
        }
        if window.is_finished {
            return Step::Reject(length, reason);
        }
        self.lost = Some(reason);
        let keep = length.saturating_sub(SYNC_BYTES - 1);
        if keep > 0 { Step::Lose(keep) } else { Step::Wait }
    }

    /// The next record or rejected region in the current block.
    fn inner(&mut self, tape: &mut Tape) -> Option<Inner> {
        loop {
            let block = self.block.as_mut()?;
            let Some(body) = &mut block.body else {
                match next_body(self.header.as_ref()?, &self.data, block) {
                    Ok(Some(body)) => {
                        self.json.reset();
                        block.body = Some(body);
                    }
                    Ok(None) => self.block = None,
                    Err(detail) => {
                        let rest = self.data.len().saturating_sub(block.at);
                        let found = Found::Rejected(FrameReject::Avro { detail });
                        let (offset, message) = (block.offset, block.next);
                        self.block = None;
                        return Some(Inner { block: offset, in_block: (message, 0), length: long(rest), found });
                    }
                }
                continue;
            };
            let bytes = self.data.get(body.rest.clone()).unwrap_or_default();
            let step = self.json.step(Window { bytes, is_finished: true }, tape, None);
            let is_done = matches!(step, Step::Wait);
            if let Some((range, reason)) = body.apply(step) {
                let in_block = (body.message, long(range.start - body.start));
                let range = if reason.is_some() { without_space(&self.data, range) } else { range };
                let length = long(range.len());
                let found = reason.map_or(Found::Text(range), Found::Rejected);
                return Some(Inner { block: block.offset, in_block, length, found });
            }
            if is_done {
                block.body = None;
            }
        }
    }
}

impl Block {
    fn new(offset: u64, messages: u64, length: usize) -> Self {
        Self { offset, messages, next: 0, at: 0, visits: schema::visits(length), body: None }
    }
}

impl Body {
    /// Steps over what was found; gives the place in the block of a record or rejected region.
    fn apply(&mut self, step: Step) -> Option<(Range<usize>, Option<FrameReject>)> {
        let mut take = |count: usize| {
            let start = self.rest.start;
            self.rest.start = start.saturating_add(count).min(self.rest.end);
            start..self.rest.start
        };
        match step {
            Step::Skip(count) => {
                take(count);
                None
            }
            Step::Lose(count) => {
                let range = take(count);
                self.lost_from.get_or_insert(range.start);
                None
            }
            Step::Record(count) | Step::Members(count) => Some((take(count), None)),
            Step::Reject(count, reason) => {
                let range = take(count);
                let start = self.lost_from.take().unwrap_or(range.start);
                Some((start..range.end, Some(reason)))
            }
            // At the end of a body: nothing is left.
            Step::Wait | Step::Inner(_) | Step::Refuse(_) => None,
        }
    }
}

/// A rejected region in a body without the white space at its end.
fn without_space(data: &[u8], range: Range<usize>) -> Range<usize> {
    let region = data.get(range.clone()).unwrap_or_default();
    range.start..range.start + region.trim_ascii_end().len()
}

fn long(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Finds the body of the next message that has one; `None` at the end of the block.
fn next_body(header: &Header, data: &[u8], block: &mut Block) -> Result<Option<Body>, String> {
    while block.next < block.messages {
        let mut cursor = Cursor::resume(data, block.at, block.visits);
        let body = header.schema.message_body(&mut cursor).map_err(BadAvro::into_detail)?;
        (block.at, block.visits) = (cursor.position(), cursor.visits());
        let message = block.next;
        block.next += 1;
        if let Some(rest) = body.filter(|range| !range.is_empty()) {
            return Ok(Some(Body { message, start: rest.start, rest, lost_from: None }));
        }
    }
    if block.at < data.len() {
        return Err("bytes left in a block after its last message".to_owned());
    }
    Ok(None)
}

fn parse_header(bytes: &[u8]) -> Result<(Header, usize), BadAvro> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip(MAGIC.len())?;
    let mut schema = None;
    let mut codec = Codec::Null;
    loop {
        let entries = cursor.collection_start()?;
        if entries == 0 {
            break;
        }
        for _ in 0..entries {
            let key = cursor.bytes()?;
            let value = cursor.bytes()?;
            match bytes.get(key) {
                Some(b"avro.schema") => schema = bytes.get(value),
                Some(b"avro.codec") => codec = Codec::named(bytes.get(value).unwrap_or_default())?,
                _ => {}
            }
        }
    }
    let marker = cursor.skip(SYNC_BYTES)?;
    let mut sync = [0; SYNC_BYTES];
    sync.copy_from_slice(bytes.get(marker).ok_or(BadAvro::CutOff)?);
    let schema = schema.ok_or_else(|| BadAvro::Malformed("a header without a schema".to_owned()))?;
    Ok((Header { schema: Schema::parse(schema)?, codec, sync }, cursor.position()))
}

impl Codec {
    fn named(name: &[u8]) -> Result<Self, BadAvro> {
        match name {
            b"null" | b"" => Ok(Self::Null),
            b"deflate" => Ok(Self::Deflate),
            b"snappy" => Ok(Self::Snappy),
            b"zstandard" => Ok(Self::Zstandard),
            other => Err(BadAvro::Malformed(format!(
                "blocks are compressed with {:?}; null, deflate, snappy and zstandard can be read",
                String::from_utf8_lossy(other)
            ))),
        }
    }
}

/// Decompresses a block into `data`.
fn decompress(codec: Codec, stored: &[u8], data: &mut Vec<u8>) -> Result<(), String> {
    data.clear();
    match codec {
        Codec::Null => data.extend_from_slice(stored),
        Codec::Deflate => read_capped(flate2::bufread::DeflateDecoder::new(stored), data)?,
        Codec::Snappy => return unsnap(stored, data),
        Codec::Zstandard => {
            let decoder = zstd::stream::read::Decoder::with_buffer(stored);
            read_capped(decoder.map_err(|error| format!("a block that does not decompress: {error}"))?, data)?;
        }
    }
    Ok(())
}

fn read_capped(decoder: impl Read, data: &mut Vec<u8>) -> Result<(), String> {
    let read = decoder.take(long(MAX_BLOCK_BYTES) + 1).read_to_end(data);
    read.map_err(|error| format!("a block that does not decompress: {error}"))?;
    if data.len() > MAX_BLOCK_BYTES {
        return Err("a block that decompresses to more than 64 MiB".to_owned());
    }
    Ok(())
}

/// Snappy's block format, followed by the CRC-32 of what was compressed, in big-endian order.
fn unsnap(stored: &[u8], data: &mut Vec<u8>) -> Result<(), String> {
    let failed = |error: snap::Error| format!("a block that does not decompress: {error}");
    let Some((compressed, checksum)) = stored.split_last_chunk::<4>() else {
        return Err("a snappy block without a checksum".to_owned());
    };
    let length = snap::raw::decompress_len(compressed).map_err(failed)?;
    if length > MAX_BLOCK_BYTES {
        return Err("a block that decompresses to more than 64 MiB".to_owned());
    }
    data.resize(length, 0);
    let length = snap::raw::Decoder::new().decompress(compressed, data).map_err(failed)?;
    data.truncate(length);
    let mut crc = flate2::Crc::new();
    crc.update(data);
    if crc.sum() != u32::from_be_bytes(*checksum) {
        return Err("a block whose checksum does not match".to_owned());
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
