//! Reads records again, from their addresses: the bytes that an event was made of.

use crate::cancel::Cancel;
use crate::frame::{Framed, Framer, Place};
use crate::json::Tape;
use crate::limits::Limits;
use crate::source::{Object, Reader, SourceError};

/// Decompressed bytes read at once where an object is cut again.
const CHUNK_BYTES: usize = 256 << 10;

/// A record as it lies in its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Its bytes, in the object's own encoding.
    pub bytes: Vec<u8>,
    /// How the bytes are to be read.
    pub encoding: Encoding,
    /// The same as text.
    pub text: String,
    /// Its members as JSON: the text itself, or the cells of a CSV row under the names of its header.
    pub json: String,
}

/// How a record's bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low bytes first.
    Utf16Le,
    /// UTF-16, high bytes first.
    Utf16Be,
}

impl Encoding {
    /// Its name, as IANA has it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }

    /// What a byte order mark at the start of an object says.
    fn of(start: &[u8]) -> Self {
        match start {
            [0xff, 0xfe, ..] => Self::Utf16Le,
            [0xfe, 0xff, ..] => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }

    fn decode(self, bytes: &[u8]) -> Option<String> {
        let units = |unit: fn([u8; 2]) -> u16| {
            let pairs = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
            String::from_utf16_lossy(&pairs.map(unit).collect::<Vec<u16>>())
        };
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Utf16Le => Some(units(u16::from_le_bytes)),
            Self::Utf16Be => Some(units(u16::from_be_bytes)),
        }
    }
}

/// Why a record cannot be read again.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The object cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no such record there any more.
    #[error("{object}: there is no record at byte {offset} any more; it was changed after it was read")]
    Changed {
        /// The object's name.
        object: String,
        /// Where the record was.
        offset: u64,
    },
}

/// Reads the records of an object at these places, in this order. What is not compressed is read
/// from there; what is, from its start, once. The limits are to be those under which it was read first.
///
/// # Errors
///
/// [`RecordError`], for the first record that cannot be read.
pub fn read(
    object: &Object,
    places: &[Place],
    (limits, cancel): (&Limits, &Cancel),
) -> Result<Vec<RawRecord>, RecordError> {
    let how = (limits, cancel);
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|at| places.get(*at).map(|place| (place.offset, place.in_block)));
    let is_avro = places.iter().any(|place| place.in_block.is_some());
    let head = if is_avro { Head::default() } else { Head::of(object, how)? };
    let mut bytes = if is_avro { bodies(object, places, how)? } else { ranges(object, (places, &order), how)? };
    let records = places.iter().zip(&mut bytes).map(|(place, bytes)| {
        let changed = || RecordError::Changed { object: object.name.clone(), offset: place.offset };
        let bytes = bytes.take().ok_or_else(changed)?;
        head.record(bytes, limits).ok_or_else(changed)
    });
    records.collect()
}

/// What stands before an object's first record, where it says how to read those after it.
#[derive(Debug)]
struct Head {
    encoding: Encoding,
    /// The header of a CSV file with all that stands before it.
    csv: Option<Vec<u8>>,
}

impl Default for Head {
    fn default() -> Self {
        Self { encoding: Encoding::Utf8, csv: None }
    }
}

impl Head {
    /// Cuts an object up to its first record.
    fn of(object: &Object, (limits, cancel): (&Limits, &Cancel)) -> Result<Self, SourceError> {
        let mut reader = Reader::open(object, limits.into(), cancel)?;
        let mut framer = Framer::within(limits);
        let (mut start, mut first) = (Vec::new(), None);
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let length = reader.read(&mut chunk)?;
            chunk.truncate(length);
            framer.push(&chunk);
            start.extend_from_slice(&chunk);
            if length == 0 {
                framer.finish();
            }
            while let Some(framed) = framer.next_frame() {
                let (place, is_csv) = match &framed {
                    Framed::Record(frame) => (frame.place, Some(frame.text.is_empty())),
                    Framed::Rejected(place, _) => (*place, None),
                };
                let first = *first.get_or_insert(place.offset);
                let Some(is_csv) = is_csv else { continue };
                let encoding = Encoding::of(&start);
                start.truncate(usize::try_from(first).unwrap_or(usize::MAX));
                return Ok(Self { encoding, csv: is_csv.then_some(start) });
            }
            if length == 0 {
                return Ok(Self::default());
            }
        }
    }

    /// Makes a record of its bytes; `None` where they are none.
    fn record(&self, bytes: Vec<u8>, limits: &Limits) -> Option<RawRecord> {
        let text = self.encoding.decode(&bytes)?;
        let json = match &self.csv {
            None => text.clone(),
            Some(header) => row(header, &bytes, limits)?,
        };
        let length = Tape::with_max_depth(limits.depth).parse(json.as_bytes()).ok()?;
        (length == json.len()).then_some(RawRecord { bytes, encoding: self.encoding, text, json })
    }
}

/// A CSV row as a JSON object, without its empty cells.
fn row(header: &[u8], bytes: &[u8], limits: &Limits) -> Option<String> {
    let mut framer = Framer::within(limits);
    framer.push(header);
    framer.push(bytes);
    framer.finish();
    let Some(Framed::Record(mut frame)) = framer.next_frame() else { return None };
    let mut json = String::from("{");
    for (name, value) in frame.parse()?.members().filter(|(_, value)| !value.is_null()) {
        if json.len() > 1 {
            json.push(',');
        }
        crate::json::write_json_string(name, &mut json);
        json.push(':');
        value.write_compact(&mut json);
    }
    json.push('}');
    Some(json)
}

/// The bytes at these places, in the order of `places`.
fn ranges(
    object: &Object,
    (places, order): (&[Place], &[usize]),
    (limits, cancel): (&Limits, &Cancel),
) -> Result<Vec<Option<Vec<u8>>>, SourceError> {
    let mut reader = Reader::open(object, limits.into(), cancel)?;
    let mut found = vec![None; places.len()];
    for at in order {
        if let (Some(place), Some(found)) = (places.get(*at), found.get_mut(*at)) {
            // The same record may be asked for twice.
            if reader.position() > place.offset {
                reader = Reader::open(object, limits.into(), cancel)?;
            }
            *found = reader.read_at(place.offset, place.length)?;
        }
    }
    Ok(found)
}

/// The message bodies' records at these places of an Avro file, which is cut from its start.
fn bodies(
    object: &Object,
    places: &[Place],
    (limits, cancel): (&Limits, &Cancel),
) -> Result<Vec<Option<Vec<u8>>>, SourceError> {
    let mut reader = Reader::open(object, limits.into(), cancel)?;
    let mut framer = Framer::within(limits);
    let mut found = vec![None; places.len()];
    let mut chunk = vec![0; CHUNK_BYTES];
    while found.iter().any(Option::is_none) {
        let length = reader.read(&mut chunk)?;
        framer.push(chunk.get(..length).unwrap_or_default());
        if length == 0 {
            framer.finish();
        }
        while let Some(framed) = framer.next_frame() {
            let Framed::Record(frame) = framed else { continue };
            let is_it = |place: &Place| (place.offset, place.in_block) == (frame.place.offset, frame.place.in_block);
            for (place, found) in places.iter().zip(&mut found) {
                if is_it(place) {
                    *found = Some(frame.text.as_bytes().to_vec());
                }
            }
        }
        if length == 0 {
            break;
        }
    }
    Ok(found)
}
