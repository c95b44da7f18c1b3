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
        raw(&mut hasher.0);
    }
    hasher.finish()
}

struct Fields(blake3::Hasher);

impl Fields {
    fn new(source: LogSource) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[VERSION, u8::try_from(source.code()).unwrap_or(u8::MAX)]);
        Self(hasher)
    }

    fn tag(&mut self, tag: &[u8]) {
        self.0.update(tag);
    }

    fn number(&mut self, number: i64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.0.update(&length.to_le_bytes());
        // Ids differ in case between forms; nothing that identifies an event differs in case only.
        let mut rest = text.as_bytes();
        let mut lower = [0_u8; 128];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(lower.len()));
            if let Some(part) = lower.get_mut(..head.len()) {
                part.copy_from_slice(head);
                part.make_ascii_lowercase();
                self.0.update(part);
            }
            rest = tail;
        }
    }

    /// Hashes a field that may be absent; returns whether it is there.
    fn optional(&mut self, text: Option<&str>) -> bool {
        match text {
            Some(text) => {
                self.0.update(&[1]);
                self.text(text);
            }
            None => {
                self.0.update(&[0]);
            }
        }
        text.is_some()
    }

    fn required(&mut self, text: Option<&str>) -> bool {
        let text = text.unwrap_or("");
        self.text(text);
        !text.is_empty()
    }

    fn finish(self) -> [u8; 16] {
        let mut uid = [0; 16];
        self.0.finalize_xof().fill(&mut uid);
        uid
    }
}

/// Appends the 32 lower-case hex digits of a uid.
pub fn write_hex(uid: [u8; 16], out: &mut String) {
    for byte in uid {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
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

    /// Length prefixes keep neighbouring fields apart.
    #[test]
    fn moving_a_letter_from_one_field_to_the_next_changes_the_uid() {
        let first = Folded { correlation_id: Some("ab"), operation: Some("c"), target_id: None };
        let second = Folded { correlation_id: Some("a"), operation: Some("bc"), target_id: None };
        let row = activity(Form::Archive, 0);

        assert_ne!(uid(&row, first, |_| {}), uid(&row, second, |_| {}));
    }

    #[test]
    fn hex_is_lower_case_and_padded() {
        let mut out = String::new();
        write_hex([0x0a, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13], &mut out);

        assert_eq!(out, "0aff0001020304050607080910111213");
    }
}
