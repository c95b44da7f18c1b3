//! The uid of an event: the same in every export form that carries the event's identity.
//!
//! Hashed are a version byte, the source, and length-prefixed folded fields:
//!
//! | source | fields |
//! |---|---|
//! | Activity Log | time to milliseconds, correlation id, operation, folded status, target |
//! | Activity Log, portal CSV | a space of its own: the same, initiator, category |
//! | sign-in, Entra audit | id |
//! | storage | correlation id, operation count, operation, time to milliseconds |
//! | Key Vault | correlation id, operation, request URI, HTTP status, time to milliseconds |
//! | SQL | event id |
//! | Databricks | workspace, request or log id, operation, status |
//! | inventory | time to milliseconds, operation, target |
//!
//! A record that lacks what identifies it is hashed by its bytes: copies of it are still one
//! event, and nothing else is mistaken for it.

use crate::event::row::Row;
use crate::event::vocabulary::{Form, LogSource, Word};
use crate::time::UtcMicros;

/// Version of the recipe; a change of it changes every uid.
const VERSION: u8 = 1;

/// The folded columns that uids are made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Folded<'a> {
    /// `correlation_id`
    pub correlation_id: Option<&'a str>,
    /// `operation`
    pub operation: Option<&'a str>,
    /// `target_id`
    pub target_id: Option<&'a str>,
}

/// Computes the uid of a row. `raw` is the record as read, for records without an identity.
pub fn uid(row: &Row<'_>, folded: Folded<'_>, raw: impl FnOnce(&mut blake3::Hasher)) -> [u8; 16] {
    let [first, second, _] = row.uid_parts;
    let time = row.time.map_or(0, UtcMicros::millis);
    let mut hasher = Fields::new(row.source);
    let complete = match row.source {
        LogSource::Activity if row.form == Form::PortalCsv => {
            hasher.tag(b"portal");
            hasher.number(time);
            hasher.text(row.status.as_str());
            let mut any = false;
            // Every field is hashed, whatever the others hold.
            for field in [folded.correlation_id, folded.operation, folded.target_id, first, second] {
                any |= hasher.optional(field);
            }
            any
        }
        LogSource::Activity => {
            hasher.number(time);
            hasher.text(row.status.as_str());
            let target = folded.target_id.unwrap_or("");
            hasher.text(target);
            hasher.required(folded.correlation_id) && hasher.required(folded.operation)
        }
        LogSource::Signin | LogSource::EntraAudit | LogSource::Sql => hasher.required(first),
        LogSource::Storage => {
            hasher.number(time);
            hasher.optional(first);
            hasher.required(folded.correlation_id) && hasher.required(folded.operation)
        }
        LogSource::KeyVault => {
            hasher.number(time);
            hasher.optional(first);
            hasher.optional(second);
            hasher.required(folded.correlation_id) && hasher.required(folded.operation)
        }
        LogSource::Databricks => {
            hasher.optional(folded.target_id);
            hasher.optional(folded.operation);
            hasher.optional(second);
            hasher.required(first)
        }
        LogSource::Inventory => {
            hasher.number(time);
            hasher.optional(folded.operation);
            hasher.required(folded.target_id)
        }
    };
    if !complete {
        hasher = Fields::new(row.source);
        hasher.tag(b"bytes");
        raw(hasher.hasher());
    }
    hasher.finish()
}

/// Bytes of fields that are hashed at once; nearly all events have fewer.
const AT_ONCE: usize = 640;

/// The fields of one event on their way into the hash.
struct Fields {
    bytes: [u8; AT_ONCE],
    length: usize,
    /// Where the fields are longer.
    hasher: Option<blake3::Hasher>,
}

impl Fields {
    fn new(source: LogSource) -> Self {
        let mut fields = Self { bytes: [0; AT_ONCE], length: 0, hasher: None };
        fields.tag(&[VERSION, u8::try_from(source.code()).unwrap_or(u8::MAX)]);
        fields
    }

    /// Room for the next `length` bytes, to be filled by the caller; `None` where there is none.
    fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        if self.hasher.is_some() {
            return None;
        }
        let start = self.length;
        let room = self.bytes.get_mut(start..start.checked_add(length)?)?;
        self.length += length;
        Some(room)
    }

    fn hasher(&mut self) -> &mut blake3::Hasher {
        let held = self.bytes.get(..self.length).unwrap_or_default();
        self.hasher.get_or_insert_with(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(held);
            hasher
        })
    }

    fn tag(&mut self, tag: &[u8]) {
        match self.room(tag.len()) {
            Some(room) => room.copy_from_slice(tag),
            None => {
                self.hasher().update(tag);
            }
        }
    }

    fn number(&mut self, number: i64) {
        self.tag(&number.to_le_bytes());
    }

    /// Ids differ in case between forms; nothing that identifies an event differs in case only.
    fn text(&mut self, text: &str) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.tag(&length.to_le_bytes());
        if let Some(room) = self.room(text.len()) {
            room.copy_from_slice(text.as_bytes());
            room.make_ascii_lowercase();
            return;
        }
        let mut lower = [0_u8; 128];
        for part in text.as_bytes().chunks(lower.len()) {
            if let Some(lower) = lower.get_mut(..part.len()) {
                lower.copy_from_slice(part);
                lower.make_ascii_lowercase();
                self.hasher().update(lower);
            }
        }
    }

    /// Hashes a field that may be absent; returns whether it is there.
    fn optional(&mut self, text: Option<&str>) -> bool {
        match text {
            Some(text) => {
                self.tag(&[1]);
                self.text(text);
            }
            None => self.tag(&[0]),
        }
        text.is_some()
    }

    fn required(&mut self, text: Option<&str>) -> bool {
        let text = text.unwrap_or("");
        self.text(text);
        !text.is_empty()
    }

    fn finish(self) -> [u8; 16] {
        let hash = match self.hasher {
            Some(hasher) => hasher.finalize(),
            None => blake3::hash(self.bytes.get(..self.length).unwrap_or_default()),
        };
        let mut uid = [0; 16];
        for (byte, hashed) in uid.iter_mut().zip(hash.as_bytes()) {
            *byte = *hashed;
        }
        uid
    }
}

/// Appends the 32 lower-case hex digits of a uid.
pub fn write_hex(uid: [u8; 16], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    let mut hex = [0; 32];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(uid) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out.push_str(std::str::from_utf8(&hex).unwrap_or_default());
}

/// A uid as the number that its 32 lower-case hex digits stand for; `None` for other text.
pub fn number(uid: &str) -> Option<u128> {
    let mut number = 0;
    let digits = <&[u8; 32]>::try_from(uid.as_bytes()).ok()?;
    for eight in digits.as_chunks::<8>().0 {
        number = number << 32 | u128::from(eight_digits(*eight)?);
    }
    Some(number)
}

/// The number that eight lower-case hex digits stand for, all of them at once: every event's uid is
/// read.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_be_bytes(digits);
    // A letter has bit 6 set, and is nine more than its low bits.
    let values = ((text & (15 * ONES)) + 9 * ((text >> 6) & ONES)) & (15 * ONES);
    // What these values are written as: other text than that is none of lower-case hex digits.
    let letters = ((values + 6 * ONES) >> 4) & ONES;
    let written = values + u64::from(b'0') * ONES + u64::from(b'a' - b'9' - 1) * letters;
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (written == text).then_some((fours | fours >> 16) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::vocabulary::Status;
    use crate::time::UtcMicros;

    fn activity(form: Form, micros: i64) -> Row<'static> {
        let mut row = Row::new(LogSource::Activity, form);
        row.time = Some(UtcMicros(micros));
        row.status = Status::Success;
        row
    }

    const FOLDED: Folded<'static> =
        Folded { correlation_id: Some("c"), operation: Some("a/b/write"), target_id: Some("/subscriptions/s") };

    #[test]
    fn forms_agree_where_only_microseconds_differ() {
        let archive = uid(&activity(Form::Archive, 1_700_000_000_123_456), FOLDED, |_| {});
        let table = uid(&activity(Form::LogAnalytics, 1_700_000_000_123_000), FOLDED, |_| {});
        let later = uid(&activity(Form::Rest, 1_700_000_000_124_000), FOLDED, |_| {});

        assert_eq!(archive, table);
        assert_ne!(archive, later);
    }

    #[test]
    fn the_portal_csv_has_a_space_of_its_own() {
        let archive = uid(&activity(Form::Archive, 0), FOLDED, |_| {});
        let portal = uid(&activity(Form::PortalCsv, 0), FOLDED, |_| {});

        assert_ne!(archive, portal);
    }

    #[test]
    fn a_record_without_identity_is_known_by_its_bytes() {
        let row = Row::new(LogSource::Signin, Form::Archive);
        let by = |bytes: &'static [u8]| {
            uid(&row, Folded::default(), |hasher| {
                hasher.update(bytes);
            })
        };

        assert_eq!(by(b"one"), by(b"one"));
        assert_ne!(by(b"one"), by(b"two"));
    }

    /// Long fields take another way through the hash, which must not show.
    #[test]
    fn fields_of_any_length_give_the_hash_of_their_bytes() {
        for length in [0, 1, 500, 600, 650, 5_000] {
            let long = "X".repeat(length);
            let folded = Folded { target_id: Some(&long), ..FOLDED };
            let mut expected = blake3::Hasher::new();
            expected.update(&[VERSION, u8::try_from(LogSource::Activity.code()).unwrap()]);
            expected.update(&0_i64.to_le_bytes());
            for text in ["success", &long.to_lowercase(), "c", "a/b/write"] {
                expected.update(&(text.len() as u64).to_le_bytes());
                expected.update(text.as_bytes());
            }

            let got = uid(&activity(Form::Archive, 0), folded, |_| {});

            assert_eq!(&got[..], &expected.finalize().as_bytes()[..16], "{length}");
        }
    }

    /// Length prefixes keep neighbouring fields apart.
    #[test]
    fn moving_a_letter_from_one_field_to_the_next_changes_the_uid() {
        let first = Folded { correlation_id: Some("ab"), operation: Some("c"), target_id: None };
        let second = Folded { correlation_id: Some("a"), operation: Some("bc"), target_id: None };
        let row = activity(Form::Archive, 0);

        assert_ne!(uid(&row, first, |_| {}), uid(&row, second, |_| {}));
    }

    #[test]
    fn only_hex_digits_in_lower_case_are_a_number() {
        assert_eq!(number("0123456789abcdef00000000000000ff"), Some(0x0123_4567_89ab_cdef_0000_0000_0000_00ff));
        for other in ['g', 'A', '/', ':', '`', ' ', '\u{7f}'] {
            for at in [0, 15, 31] {
                let mut uid = "0".repeat(32);
                uid.replace_range(at..=at, &other.to_string());
                assert_eq!(number(&uid), None, "{uid}");
            }
        }
        assert_eq!(number(&"0".repeat(31)), None);
        assert_eq!(number(&"0".repeat(33)), None);
    }

    #[test]
    fn hex_is_lower_case_and_padded() {
        let mut out = String::new();
        write_hex([0x0a, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13], &mut out);

        assert_eq!(out, "0aff0001020304050607080910111213");
    }
}
