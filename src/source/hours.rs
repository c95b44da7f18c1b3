//! The hours that the folders of an archive stand for.
//!
//! Azure Monitor names folders by the hour, `…/y=2026/m=05/d=04/h=10/m=00/PT1H.json`.

use crate::time::UtcMicros;

/// How much later than it happened an event may be filed, in hours (two days). Exports go by the
/// hour in which an event is received, "regardless of when they were generated":
/// <https://learn.microsoft.com/azure/azure-monitor/essentials/resource-logs-blob-format>, read
/// 2026-11. Minutes are usual; sign-in logs promise a day at most, and a service that was down
/// catches up within two.
pub const LATE_HOURS: i64 = 48;

/// How much earlier than it happened an event may be filed, in hours: clocks differ by less.
pub const EARLY_HOURS: i64 = 1;

/// Microseconds of an hour.
pub const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// The first hour, counted from 1970, of those that the folders of a path stand for; `None` where it
/// says nothing of times.
#[cfg(feature = "lake")]
pub fn hour_of(path: &str) -> Option<i64> {
    hours(path).map(|(first, _)| first)
}

/// The hours that the folders `y=`, `m=`, `d=`, `h=` of a path stand for, as far as they are there,
/// counted from 1970: the first, and the one after the last. `None` without a year, or where they are
/// no date.
pub fn hours(path: &str) -> Option<(i64, i64)> {
    let mut folders = path.split('/').skip_while(|folder| number(folder, "y=").is_none());
    let year = number(folders.next()?, "y=")?;
    let mut part = |key: &str| folders.next().and_then(|folder| number(folder, key));
    let Some(month) = part("m=") else { return Some((hour(year, 1, 1, 0)?, hour(year + 1, 1, 1, 0)?)) };
    let Some(day) = part("d=") else {
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        return Some((hour(year, month, 1, 0)?, hour(next_year, next_month, 1, 0)?));
    };
    match part("h=") {
        None => hour(year, month, day, 0).map(|first| (first, first + 24)),
        Some(of_day) => hour(year, month, day, of_day).map(|first| (first, first + 1)),
    }
}

fn number(folder: &str, key: &str) -> Option<i64> {
    let digits = folder.strip_prefix(key).filter(|digits| (1..=4).contains(&digits.len()))?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The number of an hour, counted from 1970; `None` where there is no such hour.
fn hour(year: i64, month: i64, day: i64, of_day: i64) -> Option<i64> {
    let time = UtcMicros::parse(&format!("{year:04}-{month:02}-{day:02}T{of_day:02}:00:00Z"))?;
    Some(time.0.div_euclid(MICROS_PER_HOUR))
}
