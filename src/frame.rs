//! Cuts bytes into records and knows no field name.
//!
//! A [`Framer`] takes the bytes of one object in chunks that may end anywhere and gives the same
//! records and rejected regions however they were split. Every verdict is therefore a function of
//! the bytes from a position on, never of how many of them happen to be there.

use std::ops::Range;

use crate::json::members::{MemberReader, Members};
use crate::json::{Tape, Value};
use crate::limits::Limits;

mod avro;
mod csv;
mod encoding;
mod json;

use avro::AvroFramer;
use csv::{CsvFramer, Header};
use encoding::{Input, Window};
use json::JsonFramer;

pub use crate::limits::RECORD_BYTES as MAX_RECORD_BYTES;

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
    /// Its wanted members, where the framer could read the record without a tape.
    pub members: Option<Members<'f>>,
    /// Its parsed form; mutable, so that formats can expand JSON in strings. A record that has
    /// `members` is not on it before [`Frame::parse`].
    pub tape: &'f mut Tape,
    /// Where it lies.
    pub place: Place,
}

impl Frame<'_> {
    /// Puts the record on the tape, where it is not yet, and returns it.
    pub fn parse(&mut self) -> Option<Value<'_>> {
        if self.members.take().is_some() {
            self.tape.parse(self.text.as_bytes()).ok()?;
        }
        self.tape.root(self.text)
    }
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
    /// Nested deeper than the cap.
    #[error("record over the depth limit")]
    TooDeep,
    /// A CSV file with more columns than the cap.
    #[error("CSV header over the column limit")]
    TooManyColumns,
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

/// What a container's framer found at the start of the bytes it was shown.
#[derive(Debug)]
enum Step {
    /// It needs more bytes; at the end of the input: nothing is left.
    Wait,
    /// So many bytes belong to no record and to no rejected region.
    Skip(usize),
    /// So many bytes belong to a rejected region that goes on.
    Lose(usize),
    /// So many bytes are a record, which is on the tape.
    Record(usize),
    /// So many bytes are a record, whose members are with the reader.
    Members(usize),
    /// So many bytes end a rejected region (or are one).
    Reject(usize, FrameReject),
    /// The message bodies of an Avro block hold something; no byte of the file is consumed.
    Inner(Inner),
    /// The whole object is no container after all.
    Refuse(FrameReject),
}

/// A record or rejected region in the body of an Avro message.
#[derive(Debug)]
struct Inner {
    /// File offset of the block.
    block: u64,
    /// Ordinal of the message and byte offset in its body.
    in_block: (u64, u64),
    length: u64,
    /// Where it lies in the decompressed block, or why it is no record.
    found: Found,
}

#[derive(Debug)]
enum Found {
    /// A record whose text lies there, in the input or in the Avro block.
    Text(Range<usize>),
    /// A record whose text lies there, in the input, and whose members are with the reader.
    Members(Range<usize>),
    Rejected(FrameReject),
}

#[derive(Debug)]
enum Container {
    Undecided,
    Json(JsonFramer),
    Csv(CsvFramer),
    Avro(Box<AvroFramer>),
    /// One rejected region over the whole object; `None` once it was given.
    Refused(Option<FrameReject>),
}

/// What [`detect`] says about the first bytes.
#[derive(Debug)]
enum Detected {
    Wait,
    Skip(usize),
    Container(usize, Container),
}

/// Cuts the bytes of one object into records, whatever its container is.
///
/// JSON Lines, concatenated objects, a top-level array, the envelopes that Azure's exports use,
/// CSV, and Avro files whose messages hold JSON; text may be UTF-8 or UTF-16 with a byte order
/// mark. Frames come in input order.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    input: Input,
    container: Container,
    tape: Tape,
    reader: Option<MemberReader>,
    next_record: u64,
    lost: Option<LostRange>,
}

/// What is consumed of a rejected region, as offsets in the object.
#[derive(Debug, Clone, Copy)]
struct LostRange {
    start: u64,
    /// After its last byte that is no white space: line ends are no part of a bad line.
    end: u64,
}

impl Framer {
    /// Makes a framer for one object, with the usual limits but for the size of a record.
    pub fn new(max_record_bytes: usize) -> Self {
        Self::within(&Limits { record_bytes: max_record_bytes, ..Limits::default() })
    }

    /// Makes a framer for one object: of [`Limits`] those of records and columns count.
    pub fn within(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            input: Input::default(),
            container: Container::Undecided,
            tape: Tape::with_max_depth(limits.depth),
            reader: None,
            next_record: 0,
            lost: None,
        }
    }

    /// Lets records be read by their members where that is enough.
    #[must_use]
    pub fn with_members(mut self, reader: MemberReader) -> Self {
        self.reader = Some(reader.with_max_depth(self.limits.depth));
        self
    }

    /// Begins another object. What was learned of keys is kept, and so are the buffers.
    pub fn restart(&mut self) {
        self.input.restart(None);
        self.container = Container::Undecided;
        self.next_record = 0;
        self.lost = None;
    }

    /// Begins in the middle of an object of JSON, at this position, where a record begins at top
    /// level.
    pub fn restart_at(&mut self, offset: u64) {
        self.restart();
        self.input.restart(Some(offset));
        self.container = Container::Json(JsonFramer::new(self.limits.record_bytes));
    }

    /// Whether all bytes so far are JSON, and the next record begins at top level with the next
    /// byte: cutting on from here is the same as having begun here.
    pub fn is_between_records(&self) -> bool {
        let is_between = match &self.container {
            Container::Json(json) => json.is_between_records(),
            Container::Undecided | Container::Csv(_) | Container::Avro(_) | Container::Refused(_) => false,
        };
        // Bytes in another encoding cannot be read on without the mark at their start.
        is_between && self.lost.is_none() && self.input.is_as_it_is() && self.input.window().bytes.is_empty()
    }

    /// How many records and rejected regions there were.
    pub fn records(&self) -> u64 {
        self.next_record
    }

    /// Takes the next bytes of the object. They may end anywhere.
    pub fn push(&mut self, chunk: &[u8]) {
        self.input.push(chunk);
    }

    /// Takes the next bytes without copying them, if possible; `chunk` holds an old buffer then.
    pub fn push_whole(&mut self, chunk: &mut Vec<u8>) {
        self.input.push_whole(chunk);
    }

    /// Says that there are no more bytes.
    pub fn finish(&mut self) {
        self.input.finish();
    }

    /// The next record or rejected region; `None` when more bytes are needed, or, after
    /// [`Framer::finish`], when there is nothing left.
    pub fn next_frame(&mut self) -> Option<Framed<'_>> {
        let (mut place, found) = self.find()?;
        place.record = self.next_record;
        self.next_record += 1;
        let has_members = matches!(found, Found::Members(_));
        let bytes = match (found, &self.container) {
            (Found::Rejected(reason), _) => return Some(Framed::Rejected(place, reason)),
            // The values of a row lie on the tape.
            (Found::Text(_), Container::Csv(_)) => &[],
            (Found::Text(range), Container::Avro(avro)) => avro.block(range),
            (Found::Members(range) | Found::Text(range), _) => self.input.slice(range),
        };
        Some(match std::str::from_utf8(bytes) {
            Ok(text) => {
                let members = self.reader.as_ref().filter(|_| has_members).map(|reader| reader.members(text));
                Framed::Record(Frame { text, members, tape: &mut self.tape, place })
            }
            Err(_) => Framed::Rejected(place, FrameReject::NotUtf8),
        })
    }

    fn find(&mut self) -> Option<(Place, Found)> {
        loop {
            let window = self.input.window();
            let step = match &mut self.container {
                Container::Undecided => match detect(window, self.input.offset(), &self.limits, &mut self.tape) {
                    Detected::Wait => Step::Wait,
                    Detected::Skip(count) => Step::Skip(count),
                    Detected::Container(count, container) => {
                        self.container = container;
                        Step::Skip(count)
                    }
                },
                Container::Json(json) => json.step(window, &mut self.tape, self.reader.as_mut()),
                Container::Csv(csv) => csv.step(window, &mut self.tape),
                Container::Avro(avro) => avro.step(window, self.input.offset(), &mut self.tape),
                Container::Refused(reason) => {
                    self.input.drain();
                    let reason = if self.input.is_finished() { reason.take() } else { None };
                    let place = Place { length: self.input.received(), ..Place::default() };
                    return reason.map(|reason| (place, Found::Rejected(reason)));
                }
            };
            match step {
                Step::Wait => return None,
                Step::Skip(count) => {
                    self.input.consume(count);
                }
                Step::Lose(count) => {
                    let lost = self.lose(count);
                    self.lost = Some(lost);
                }
                Step::Record(count) => {
                    let (place, range) = self.take(count);
                    return Some((place, Found::Text(range)));
                }
                Step::Members(count) => {
                    let (place, range) = self.take(count);
                    return Some((place, Found::Members(range)));
                }
                Step::Reject(count, reason) => {
                    let LostRange { start, end } = self.lose(count);
                    self.lost = None;
                    let place = Place { offset: start, length: end - start, ..Place::default() };
                    return Some((place, Found::Rejected(reason)));
                }
                Step::Inner(inner) => {
                    let Inner { block, in_block, length, found } = inner;
                    let place = Place { offset: block, length, record: 0, in_block: Some(in_block) };
                    return Some((place, found));
                }
                Step::Refuse(reason) => self.container = Container::Refused(Some(reason)),
            }
        }
    }

    /// Consumes the bytes of a record.
    fn take(&mut self, count: usize) -> (Place, Range<usize>) {
        let offset = self.input.offset();
        let range = self.input.consume(count);
        (Place { offset, length: self.input.offset() - offset, ..Place::default() }, range)
    }

    /// Consumes bytes of a rejected region.
    fn lose(&mut self, count: usize) -> LostRange {
        let offset = self.input.offset();
        let mut lost = self.lost.unwrap_or(LostRange { start: offset, end: offset });
        let bytes = self.input.window().bytes;
        let bytes = bytes.get(..count).unwrap_or(bytes);
        let solid = match self.container {
            Container::Avro(_) => count,
            _ => bytes.trim_ascii_end().len(),
        };
        if solid > 0 {
            self.input.consume(solid);
            lost.end = self.input.offset();
        }
        self.input.consume(count.saturating_sub(solid));
        lost
    }
}

/// Decides by the first bytes what an object is. `tape` is only scratch.
fn detect(window: Window<'_>, offset: u64, limits: &Limits, tape: &mut Tape) -> Detected {
    let bytes = window.bytes;
    let max_record_bytes = limits.record_bytes;
    let json = || Detected::Container(0, Container::Json(JsonFramer::new(max_record_bytes)));
    let refuse = |reason| Detected::Container(0, Container::Refused(Some(reason)));
    let refused = || refuse(FrameReject::UnknownContainer);
    let spaces = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if spaces > 0 {
        return Detected::Skip(spaces);
    }
    if bytes.is_empty() {
        return Detected::Wait;
    }
    if offset == 0 && avro::MAGIC.starts_with(bytes.get(..avro::MAGIC.len()).unwrap_or(bytes)) {
        if bytes.len() >= avro::MAGIC.len() {
            return Detected::Container(0, Container::Avro(Box::new(AvroFramer::new(max_record_bytes))));
        }
        return if window.is_finished { refused() } else { Detected::Wait };
    }
    match json::begins_json(window, tape) {
        Some(true) => return json(),
        None => return Detected::Wait,
        Some(false) => {}
    }
    match csv::read_header(window, limits) {
        Header::Wait => Detected::Wait,
        Header::Skip(count) => Detected::Skip(count),
        Header::Read(length, csv) => Detected::Container(length, Container::Csv(csv)),
        Header::BadLineOfJson => Detected::Container(0, Container::Json(JsonFramer::after_bad_line(max_record_bytes))),
        Header::TooWide => refuse(FrameReject::TooManyColumns),
        Header::NotCsv => refused(),
    }
}

#[cfg(test)]
mod tests;
