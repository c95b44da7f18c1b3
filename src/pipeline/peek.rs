//! Looks at the first record of an object, and at no more of it than that takes.

use crate::cancel::Cancel;
use crate::event::Scratch;
use crate::event::vocabulary::LogSource;
use crate::format::inventory::InventoryKind;
use crate::format::{self, Recognised};
use crate::frame::{Frame, Framed, Framer};
use crate::limits::Limits;
use crate::redact;
use crate::source::{Object, Reader};

/// Decompressed bytes read at once: most records are smaller.
const CHUNK_BYTES: usize = 16 << 10;

/// What an object begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peek {
    /// A record of a log.
    Log(LogSource),
    /// A record that says who is who.
    Inventory(InventoryKind),
    /// A record of something else, by its best name.
    NotOurs(String),
    /// Something that is no record, and why.
    Rejected(String),
    /// Nothing.
    Empty,
    /// It cannot be read, and why.
    Unreadable(String),
}

/// Reads the first record of an object. A bad region before it is passed over.
pub fn first_record(object: &Object, limits: &Limits, cancel: &Cancel) -> Peek {
    let mut reader = match Reader::open(object, limits.into(), cancel) {
        Ok(reader) => reader,
        Err(error) => return Peek::Unreadable(error.to_string()),
    };
    let mut framer = Framer::within(limits);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut rejected = None;
    loop {
        let length = match reader.read(&mut chunk) {
            Ok(length) => length,
            Err(error) => return Peek::Unreadable(error.to_string()),
        };
        framer.push(chunk.get(..length).unwrap_or_default());
        if length == 0 {
            framer.finish();
        }
        while let Some(framed) = framer.next_frame() {
            match framed {
                Framed::Record(frame) => return recognised(frame),
                Framed::Rejected(_, reason) => rejected = Some(reason.to_string()),
            }
        }
        if length == 0 {
            return rejected.map_or(Peek::Empty, Peek::Rejected);
        }
    }
}

fn recognised(mut frame: Frame<'_>) -> Peek {
    let text = frame.text;
    let format = match frame.parse().map(format::recognise) {
        Some(Recognised::Log(format)) => format,
        Some(Recognised::Inventory(kind)) => return Peek::Inventory(kind),
        Some(Recognised::NotOurs(kind)) => return Peek::NotOurs(redact::text(kind).into_owned()),
        None => return Peek::Rejected("malformed JSON".to_owned()),
    };
    format.expand(text, frame.tape);
    let scratch = Scratch::default();
    let Some(root) = frame.tape.root(text) else { return Peek::Rejected("malformed JSON".to_owned()) };
    match format.decode(root, &scratch) {
        Ok(row) => Peek::Log(row.source),
        Err(reason) => Peek::Rejected(reason.to_string()),
    }
}
