//! The spellings themselves: the fixed places of RFC 3339 first, then everything else by a cursor.

use super::calendar::{Clock, Date};
use super::{MICROS_PER_MILLI, MICROS_PER_SECOND, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, UtcMicros};

/// Most digits of a fraction of a second; the longest seen is nanoseconds.
const MAX_FRACTION_DIGITS: usize = 9;
/// Digits of a microsecond.
const MICRO_DIGITS: usize = 6;
/// Blanks beside the ASCII ones: browsers put the narrow one before AM and PM.
const WIDE_BLANKS: [&[u8]; 2] = ["\u{202f}".as_bytes(), "\u{a0}".as_bytes()];

/// Reads the RFC 3339 form; without an offset it is UTC.
pub(super) fn rfc3339(text: &[u8]) -> Option<UtcMicros> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', rest @ ..] = text else { return None };
    let [h1, h2, b':', n1, n2, b':', s1, s2, rest @ ..] = rest else { return None };
    let date = Date { year: number(&[*y1, *y2, *y3, *y4])?, month: number(&[*m1, *m2])?, day: number(&[*d1, *d2])? };
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?, number(&[*s1, *s2])?);

    let mut cursor = Cursor(rest);
    let clock = Clock { hour, minute, second, micros: cursor.fraction()? };
    let offset = cursor.offset()?;
    if cursor.0.is_empty() { date.at(clock, offset) } else { None }
}

/// Reads `2026-05-04` as its midnight in UTC.
pub(super) fn iso_date(text: &[u8]) -> Option<UtcMicros> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let date = Date { year: number(&[*y1, *y2, *y3, *y4])?, month: number(&[*m1, *m2])?, day: number(&[*d1, *d2])? };
    date.at(Clock::MIDNIGHT, 0)
}

/// Reads every other spelling.
pub(super) fn any(text: &[u8]) -> Option<UtcMicros> {
    let text = text.trim_ascii();
    if text.iter().all(u8::is_ascii_digit) {
        return epoch(text);
    }
    let mut cursor = Cursor(text);
    let date = cursor.date()?;
    cursor.eat(b',');
    if !cursor.eat(b'T') && !cursor.eat(b't') {
        // "2021-02-0911:38:31" is no spelling of anything.
        cursor.blanks().then_some(())?;
    }
    let mut clock = cursor.clock()?;
    if let Some(half) = cursor.half_of_day() {
        clock.hour = half.hour_of_day(clock.hour)?;
    }
    cursor.blanks();
    let offset = cursor.offset()?;
    if cursor.0.is_empty() { date.at(clock, offset) } else { None }
}

/// Reads epoch seconds or milliseconds, told apart by their number of digits.
fn epoch(digits: &[u8]) -> Option<UtcMicros> {
    let unit = match (digits.first()?, digits.len()) {
        (b'1'..=b'9', 9 | 10) => MICROS_PER_SECOND,
        (b'1'..=b'9', 12 | 13) => MICROS_PER_MILLI,
        _ => return None,
    };
    Some(UtcMicros(number(digits)? * unit))
}

/// The value of decimal digits; at most 18 of them, so that it fits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value: i64, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + i64::from(digit))
    })
}

/// AM or PM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HalfOfDay {
    Am,
    Pm,
}

impl HalfOfDay {
    /// The hour from 0 to 23 of a clock that shows 12, 1, 2, … 11.
    fn hour_of_day(self, hour: i64) -> Option<i64> {
        let from_midnight = (1..=12).contains(&hour).then_some(hour % 12)?;
        Some(if self == Self::Pm { from_midnight + 12 } else { from_midnight })
    }
}

/// What is still to be read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Reads past this byte, if it is next.
    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Reads past blanks; whether there were any.
    fn blanks(&mut self) -> bool {
        let before = self.0.len();
        loop {
            let trimmed = self.0.trim_ascii_start();
            let rest = WIDE_BLANKS.iter().find_map(|blank| trimmed.strip_prefix(*blank));
            self.0 = rest.unwrap_or(trimmed);
            if rest.is_none() {
                return self.0.len() < before;
            }
        }
    }

    /// Takes the digits that are next, at least one and at most `most`.
    fn digits(&mut self, most: usize) -> Option<&'a [u8]> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        (1..=most).contains(&count).then_some(digits)
    }

    /// Reads a number of one or two digits.
    fn one_or_two_digits(&mut self) -> Option<i64> {
        number(self.digits(2)?)
    }

    /// Reads a date: year first if it begins with four digits, else month first.
    fn date(&mut self) -> Option<Date> {
        let first = self.digits(4)?;
        let separator = if self.eat(b'/') { b'/' } else { self.eat(b'-').then_some(b'-')? };
        let second = self.one_or_two_digits()?;
        self.eat(separator).then_some(())?;
        let third = self.digits(4)?;
        match (first.len(), separator, third.len()) {
            (4, _, 1 | 2) => Some(Date { year: number(first)?, month: second, day: number(third)? }),
            (1 | 2, b'/', 4) => Some(Date { year: number(third)?, month: number(first)?, day: second }),
            _ => None,
        }
    }

    /// Reads hour, minute, second and fraction. Blanks after a colon are read past: an export
    /// through an Event Hub had `07: 45: 44.5864815Z`. Seen in a real export, 2021.
    fn clock(&mut self) -> Option<Clock> {
        self.blanks();
        let hour = self.one_or_two_digits()?;
        let minute = self.sixtieth()?;
        let second = self.sixtieth()?;
        Some(Clock { hour, minute, second, micros: self.fraction()? })
    }

    /// Reads a colon and two digits.
    fn sixtieth(&mut self) -> Option<i64> {
        self.eat(b':').then_some(())?;
        self.blanks();
        let digits = self.digits(2)?;
        if digits.len() == 2 { number(digits) } else { None }
    }

    /// Reads the fraction of a second, if there is one, as microseconds, cut off.
    fn fraction(&mut self) -> Option<i64> {
        if !self.eat(b'.') {
            return Some(0);
        }
        let digits = self.digits(MAX_FRACTION_DIGITS)?;
        let kept = digits.get(..MICRO_DIGITS).unwrap_or(digits);
        let missing = (kept.len()..MICRO_DIGITS).fold(1, |scale: i64, _| scale * 10);
        Some(number(kept)? * missing)
    }

    /// Reads AM or PM, if it is next, and the blanks before it.
    fn half_of_day(&mut self) -> Option<HalfOfDay> {
        let start = self.0;
        self.blanks();
        if let [letter, b'M' | b'm', rest @ ..] = self.0 {
            let half = match letter {
                b'A' | b'a' => Some(HalfOfDay::Am),
                b'P' | b'p' => Some(HalfOfDay::Pm),
                _ => None,
            };
            if half.is_some() {
                self.0 = rest;
                return half;
            }
        }
        self.0 = start;
        None
    }

    /// Reads the offset in seconds east of UTC: `Z`, `UTC`, `+02:00`, `+0200`, or nothing.
    fn offset(&mut self) -> Option<i64> {
        let (sign, h1, h2, n1, n2) = match self.0 {
            [] | [b'Z' | b'z'] | [b'U' | b'u', b'T' | b't', b'C' | b'c'] => {
                self.0 = &[];
                return Some(0);
            }
            [sign, h1, h2, b':', n1, n2] | [sign, h1, h2, n1, n2] => (sign, h1, h2, n1, n2),
            _ => return None,
        };
        let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?);
        let seconds = hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE;
        self.0 = &[];
        match sign {
            _ if hours > 23 || minutes > 59 => None,
            b'+' => Some(seconds),
            b'-' => Some(-seconds),
            _ => None,
        }
    }
}
