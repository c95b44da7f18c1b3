//! JSON and times as text.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of an hour.
pub const HOUR: i64 = 3_600 * SECOND;
/// Microseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// How a record's strings are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spelling {
    /// `/` in values as `\/`, which some serialisers write.
    pub escape_slashes: bool,
    /// Characters beyond ASCII as `\u00e9`.
    pub escape_beyond_ascii: bool,
}

/// Appends a record as Azure Monitor writes it: blanks between the members of the envelope, none
/// further down.
pub fn put_record(out: &mut Vec<u8>, record: &Map<String, Value>, spelling: Spelling) {
    out.extend_from_slice(b"{ ");
    for (index, (key, value)) in record.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        put_string(out, key, Spelling::default());
        out.extend_from_slice(b": ");
        put_value(out, value, spelling);
    }
    out.push(b'}');
}

fn put_value(out: &mut Vec<u8>, value: &Value, spelling: Spelling) {
    match value {
        Value::String(text) => put_string(out, text, spelling),
        Value::Array(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put_value(out, element, spelling);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put_string(out, key, Spelling::default());
                out.push(b':');
                put_value(out, value, spelling);
            }
            out.push(b'}');
        }
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
    }
}

fn put_string(out: &mut Vec<u8>, text: &str, spelling: Spelling) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '/' if spelling.escape_slashes => out.extend_from_slice(b"\\/"),
            _ if character < ' ' || (!character.is_ascii() && spelling.escape_beyond_ascii) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// A time as `2026-05-04T08:00:00.1234560`, with so many digits of the fraction (at most 7) and so
/// written a colon.
pub fn put_time(out: &mut String, at: i64, digits: usize, colon: &str) {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let of_day = at.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / HOUR, of_day / (60 * SECOND) % 60, of_day / SECOND % 60);
    // Writing to a string cannot fail.
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}{colon}{minute:02}{colon}{second:02}").unwrap_or_default();
    if digits > 0 {
        let fraction = format!(".{:06}0", of_day % SECOND);
        out.push_str(&fraction[..=digits.min(7)]);
    }
}

/// A time written as above at the start of the text: microseconds, digits of the fraction, spelling
/// of the colon, and length in bytes. `None` where there is no time.
pub fn time_at(text: &str) -> Option<(i64, usize, &'static str, usize)> {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = bytes.get(range)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    if !(is(4, b'-') && is(7, b'-') && is(10, b'T')) {
        return None;
    }
    let colon = if is(13, b':') { ":" } else { "%3A" };
    let step = 2 + colon.len();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) =
        (number(11..13)?, number(11 + step..13 + step)?, number(11 + 2 * step..13 + 2 * step)?);
    let mut end = 13 + 2 * step;
    let mut digits = 0;
    let mut fraction = 0;
    if is(end, b'.') {
        end += 1;
        while bytes.get(end).is_some_and(u8::is_ascii_digit) {
            if digits < 6 {
                fraction = fraction * 10 + i64::from(bytes[end] - b'0');
            }
            digits += 1;
            end += 1;
        }
        for _ in digits..6 {
            fraction *= 10;
        }
    }
    let at = days(year, month, day) * DAY + hour * HOUR + minute * 60 * SECOND + second * SECOND + fraction;
    Some((at, digits, colon, end))
}

/// Days since 1970 of a date. <https://howardhinnant.github.io/date_algorithms.html>
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1970 began. The same source.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for text in ["2026-05-04T08:00:00.1234560", "2024-02-29T23%3A59%3A59", "1999-12-31T00:00:00.5"] {
            let (at, digits, colon, length) = time_at(text).unwrap();

            let mut out = String::new();
            put_time(&mut out, at, digits, colon);

            assert_eq!(out, text);
            assert_eq!(length, text.len());
        }
    }

    #[test]
    fn a_record_means_the_same_however_it_is_spelled() {
        let text = "{ \"a\": \"x/y é 🛫\\n\\u0001\", \"b\": {\"c\":[1,null,\"/\"]}}";
        let record: Map<String, Value> = serde_json::from_str(text).unwrap();
        let spelled = |spelling| {
            let mut out = Vec::new();
            put_record(&mut out, &record, spelling);
            out
        };

        let plain = spelled(Spelling::default());
        let escaped = spelled(Spelling { escape_slashes: true, escape_beyond_ascii: true });

        assert_eq!(String::from_utf8(plain).unwrap(), text);
        assert!(escaped.is_ascii());
        assert_eq!(serde_json::from_slice::<Map<String, Value>>(&escaped).unwrap(), record);
    }
}
