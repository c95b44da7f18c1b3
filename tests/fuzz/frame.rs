//! Cutting bytes into records: the same however the bytes arrive, and nothing is lost or counted
//! twice.

use airside::format;
use airside::frame::{Framed, Framer, MAX_RECORD_BYTES, Place};

/// The portal's header, so that rows are what is looked at.
const CSV_HEADER: &[u8] =
    b"Correlation id,Operation name,Status,Event category,Level,Time,Subscription,Event initiated by\n";

/// Most bytes that are pushed one by one: each is looked at many times.
const SINGLE_BYTES: usize = 400;

/// A record or rejected region, and what is on the tape.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) place: Place,
    /// The record's text and its values, or why it is none.
    pub(super) found: Result<(String, String), String>,
}

fn take(framer: &mut Framer, seen: &mut Vec<Seen>) {
    while let Some(framed) = framer.next_frame() {
        seen.push(match framed {
            Framed::Record(mut frame) => {
                let (place, text) = (frame.place, frame.text.to_owned());
                let mut values = String::new();
                frame.parse().expect("a record is parsed").write_compact(&mut values);
                Seen { place, found: Ok((text, values)) }
            }
            Framed::Rejected(place, reason) => Seen { place, found: Err(format!("{reason:?}")) },
        });
    }
}

/// All records and rejected regions, the bytes coming in chunks of this size.
fn cut(bytes: &[u8], chunk: usize, mut framer: Framer) -> Vec<Seen> {
    let mut seen = Vec::new();
    for part in bytes.chunks(chunk) {
        framer.push(part);
        take(&mut framer, &mut seen);
    }
    framer.finish();
    take(&mut framer, &mut seen);
    seen
}

/// A chunk size that depends on nothing but the bytes.
fn odd_size(bytes: &[u8]) -> usize {
    2 + bytes.iter().fold(bytes.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte))) % 61
}

/// Cuts the bytes in several ways, which must agree.
fn agreed(bytes: &[u8]) -> Vec<Seen> {
    let framer = || Framer::new(MAX_RECORD_BYTES);
    let whole = cut(bytes, bytes.len().max(1), framer());
    let smallest = if bytes.len() <= SINGLE_BYTES { 1 } else { 13 };
    for chunk in [smallest, odd_size(bytes)] {
        assert_eq!(whole, cut(bytes, chunk, framer()), "chunks of {chunk}");
    }
    let by_members = cut(bytes, odd_size(bytes), framer().with_members(format::archive_reader()));
    assert_eq!(whole, by_members, "by members");
    whole
}

/// Regions come in order, apart from each other, and inside the object.
fn hold_places(bytes: &[u8], seen: &[Seen]) {
    let mut end = 0;
    for (number, Seen { place, .. }) in (0..).zip(seen) {
        assert_eq!(place.record, number);
        if place.in_block.is_none() {
            assert!(place.offset >= end, "{seen:?}");
            end = place.offset + place.length;
        }
    }
    assert!(end <= bytes.len() as u64, "{seen:?}");
}

pub(super) fn json(bytes: &[u8]) {
    let seen = agreed(bytes);
    hold_places(bytes, &seen);
    for Seen { place, found } in &seen {
        let Ok((text, _)) = found else { continue };
        if text.is_empty() || place.in_block.is_some() {
            continue;
        }
        // Another parser, which has a limit of its own to how deep values are nested.
        let parsed = serde_json::from_str::<serde::de::IgnoredAny>(text);
        assert!(parsed.as_ref().err().is_none_or(|error| error.to_string().contains("recursion limit")), "{parsed:?}");
        assert!(text.starts_with('{') && text.ends_with('}'), "{text}");
    }
    hold_nothing_lost(bytes, &seen);
}

/// In lines of objects and nothing else, every byte outside of records and rejected regions is
/// white space.
fn hold_nothing_lost(bytes: &[u8], seen: &[Seen]) {
    let mut lines = br#"{"a":0}"#.to_vec();
    lines.push(b'\n');
    lines.extend(bytes.iter().map(|byte| if matches!(byte, b'[' | b']') { b' ' } else { *byte }));
    let is_envelope = |key: &[u8]| lines.windows(key.len()).any(|window| window.eq_ignore_ascii_case(key));
    if [b"records".as_slice(), b"value", b"\\u"].into_iter().any(is_envelope) || seen.is_empty() {
        return;
    }
    let mut left = lines.clone();
    for Seen { place, .. } in cut(&lines, lines.len(), Framer::new(MAX_RECORD_BYTES)) {
        let start = usize::try_from(place.offset).expect("an offset in memory");
        let length = usize::try_from(place.length).expect("a length in memory");
        left[start..start + length].fill(b' ');
    }
    // Between objects a comma is passed over; between files put one after the other, a byte order mark.
    let is_nothing = |byte: &u8| byte.is_ascii_whitespace() || b",\xef\xbb\xbf".contains(byte);
    assert!(left.iter().all(is_nothing), "lost: {}", left.trim_ascii().escape_ascii());
}

pub(super) fn csv(bytes: &[u8]) {
    let bytes = [CSV_HEADER, bytes].concat();
    hold_places(&bytes, &agreed(&bytes));
}

pub(super) fn avro(bytes: &[u8]) {
    hold_places(bytes, &agreed(bytes));
}

/// Between two records another framer can go on.
pub(super) fn blocks(bytes: &[u8]) {
    let mut framer = Framer::new(MAX_RECORD_BYTES).with_members(format::archive_reader());
    let mut before = Vec::new();
    let at = odd_size(bytes) * bytes.len() / 64;
    let (first, rest) = bytes.split_at(at.min(bytes.len()));
    framer.push(first);
    take(&mut framer, &mut before);
    if !framer.is_between_records() {
        return;
    }
    let whole = cut(bytes, bytes.len().max(1), Framer::new(MAX_RECORD_BYTES));

    let mut other = Framer::new(MAX_RECORD_BYTES);
    other.restart_at(first.len() as u64);
    let after = cut(rest, rest.len().max(1), other);

    let records = framer.records();
    before.extend(after.into_iter().map(|mut seen| {
        seen.place.record += records;
        seen
    }));
    assert_eq!(whole, before);
}
