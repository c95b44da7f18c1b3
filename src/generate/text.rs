//! JSON and times as text, written by hand: the bulk of the work is copying.

use std::fmt::Write;

use crate::time::UtcMicros;

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub(super) const MINUTE: i64 = 60 * SECOND;
/// Microseconds of an hour.
pub(super) const HOUR: i64 = 60 * MINUTE;
/// Microseconds of a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// Appends all parts.
pub(super) fn put(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// Appends text as it stands inside of a JSON string.
pub(super) fn put_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < b' ') {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        match tail.chars().next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            _ => out.push(' '),
        }
        rest = tail.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// A time with so many digits of a second's fraction (at most 7; the seventh is always 0), no zone.
pub(super) fn time(at: i64, digits: usize) -> String {
    let mut text = String::with_capacity(32);
    let of_day = at.rem_euclid(DAY);
    // Writing to a string cannot fail.
    write!(
        text,
        "{}T{:02}:{:02}:{:02}",
        UtcMicros(at).date(),
        of_day / HOUR,
        of_day / MINUTE % 60,
        of_day / SECOND % 60
    )
    .unwrap_or_default();
    if digits > 0 {
        let fraction = format!(".{:06}0", of_day % SECOND);
        text.push_str(fraction.get(..=digits).unwrap_or(&fraction));
    }
    text
}

/// Seconds since 1970, as claims have them.
pub(super) fn epoch(at: i64) -> String {
    (at.div_euclid(SECOND)).to_string()
}

/// A GUID without dashes, as the evidence of an authorisation has it.
pub(super) fn dashless(guid: &str) -> String {
    guid.replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_as_many_digits_as_asked_for() {
        let at = 1_777_881_600_123_456;

        assert_eq!(time(at, 7), "2026-05-04T08:00:00.1234560");
        assert_eq!(time(at, 3), "2026-05-04T08:00:00.123");
        assert_eq!(time(at, 0), "2026-05-04T08:00:00");
    }

    #[test]
    fn quotes_backslashes_and_line_ends_are_escaped() {
        let mut out = String::new();

        put_escaped(&mut out, "{\"a\":\"b\\c\"}\nd\te");

        assert_eq!(serde_json::from_str::<String>(&format!("\"{out}\"")).unwrap(), "{\"a\":\"b\\c\"}\nd e");
    }
}
