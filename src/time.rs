//! Every timestamp spelling of Azure's exports to UTC microseconds.
//!
//! Read by hand and not by a library: one record has several times, and no library reads all of
//! these spellings. The spelling of almost every record is tried first.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod calendar;
mod spelling;

#[cfg(test)]
mod tests;

/// Microseconds in a millisecond.
const MICROS_PER_MILLI: i64 = 1_000;
/// Microseconds in a second.
const MICROS_PER_SECOND: i64 = 1_000_000;
/// Seconds in a minute.
const SECONDS_PER_MINUTE: i64 = 60;
/// Seconds in an hour.
const SECONDS_PER_HOUR: i64 = 3_600;
/// Seconds in a day.
const SECONDS_PER_DAY: i64 = 86_400;
/// 1900-01-01T00:00:00Z. An earlier time is a default value (.NET's is the year 1), not a time.
const EARLIEST: UtcMicros = UtcMicros(-2_208_988_800 * MICROS_PER_SECOND);
/// 9999-12-31T23:59:59.999999Z: no more than four digits are read for a year.
const LATEST: UtcMicros = UtcMicros(253_402_300_800 * MICROS_PER_SECOND - 1);

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMicros(pub i64);

impl UtcMicros {
    /// Reads any spelling seen in Azure exports; `None` when it is no timestamp.
    ///
    /// * `2021-02-09T11:38:31.6315770Z`: none to nine digits of fraction, of which those below a
    ///   microsecond are cut off; `Z`, `UTC`, an offset such as `+02:00`, or nothing, which means
    ///   UTC; a blank for the `T`, `/` for `-`, blanks after colons.
    /// * `4/28/2021, 2:32:14.029 PM +01:00`: month first, with or without the comma, the fraction,
    ///   AM or PM, and the offset. A month above 12 is never taken for a day.
    /// * Epoch seconds (9 or 10 digits) and milliseconds (12 or 13 digits): from 1973 to 2286, so
    ///   that the two cannot be taken for each other, nor a plain number for either.
    ///
    /// The day must exist, the year be 1900 to 9999. A second of 60 is refused: Azure's services
    /// cannot hold a leap second, so no export has one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        spelling::rfc3339(bytes).or_else(|| spelling::any(bytes)).filter(|time| (EARLIEST..=LATEST).contains(time))
    }

    /// The time so many milliseconds after 1970; `None` where its year is not 1900 to 9999.
    pub fn from_millis(milliseconds: i64) -> Option<Self> {
        let time = milliseconds.checked_mul(MICROS_PER_MILLI).map(Self)?;
        (EARLIEST..=LATEST).contains(&time).then_some(time)
    }

    /// Milliseconds since 1970, rounded down, also before 1970.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(MICROS_PER_MILLI)
    }

    /// The day in UTC, `2026-05-04`.
    pub fn date(self) -> impl fmt::Display {
        calendar::Date::of_day(self.day())
    }

    /// Days since 1970-01-01, rounded down.
    fn day(self) -> i64 {
        self.0.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND)
    }
}

/// RFC 3339 in UTC with `Z`; no fraction, or three or six digits of it, whichever says all.
impl fmt::Display for UtcMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0.div_euclid(MICROS_PER_SECOND).rem_euclid(SECONDS_PER_DAY);
        let (hour, minute) = (second / SECONDS_PER_HOUR, second % SECONDS_PER_HOUR / SECONDS_PER_MINUTE);
        write!(f, "{}T{hour:02}:{minute:02}:{:02}", self.date(), second % SECONDS_PER_MINUTE)?;

        let fraction = self.0.rem_euclid(MICROS_PER_SECOND);
        match (fraction, fraction % MICROS_PER_MILLI) {
            (0, _) => f.write_str("Z"),
            (_, 0) => write!(f, ".{:03}Z", fraction / MICROS_PER_MILLI),
            _ => write!(f, ".{fraction:06}Z"),
        }
    }
}

impl Serialize for UtcMicros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcMicros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no timestamp"))
    }
}

/// Reads `--since` and `--until`: RFC 3339, a date (its midnight in UTC), or an age as `2w`, `30d`,
/// `12h`, `45m` (minutes) before `now`.
///
/// # Errors
///
/// A message that says what would be right.
pub fn parse_bound(text: &str, now: UtcMicros) -> Result<UtcMicros, String> {
    let text = text.trim();
    if let Some(seconds) = age_seconds(text) {
        return seconds
            .checked_mul(MICROS_PER_SECOND)
            .and_then(|micros| now.0.checked_sub(micros))
            .map(UtcMicros)
            .filter(|time| *time >= EARLIEST)
            .ok_or_else(|| format!("cannot go back {text:?}: that is before 1900"));
    }
    spelling::iso_date(text.as_bytes())
        .or_else(|| spelling::rfc3339(text.as_bytes()))
        .filter(|time| (EARLIEST..=LATEST).contains(time))
        .ok_or_else(|| {
            format!(
                "cannot read {text:?} as a time: give a day that exists from 1900 on, as 2026-05-04 or \
                 2026-05-04T10:00:00Z, or an age before now, as 2w, 30d, 12h or 45m (minutes)"
            )
        })
}

/// The seconds of an age such as `30d`; those of one that no number can hold are the largest number.
fn age_seconds(text: &str) -> Option<i64> {
    let unit = match text.bytes().last()? {
        b'm' => SECONDS_PER_MINUTE,
        b'h' => SECONDS_PER_HOUR,
        b'd' => SECONDS_PER_DAY,
        b'w' => 7 * SECONDS_PER_DAY,
        _ => return None,
    };
    let count = text.get(..text.len().checked_sub(1)?)?;
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(count.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(unit))
}
