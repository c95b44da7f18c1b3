//! Which folders of an archive may hold events of a time range.
//!
//! Azure Monitor names folders by the hour, `…/y=2026/m=05/d=04/h=10/m=00/PT1H.json`.

use crate::time::UtcMicros;

/// How much later than it happened an event may be filed, in hours (two days). Exports go by the
/// hour in which an event is received, "regardless of when they were generated":
/// <https://learn.microsoft.com/azure/azure-monitor/essentials/resource-logs-blob-format>, read
/// 2026-11. Minutes are usual; sign-in logs promise a day at most, and a service that was down
/// catches up within two.
const LATE_HOURS: i64 = 48;

/// How much earlier than it happened an event may be filed, in hours: clocks differ by less.
const EARLY_HOURS: i64 = 1;

/// Microseconds of an hour.
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// Hours that may hold events of the range, each counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    first: i64,
    /// One after the last.
    end: i64,
}

/// How a path and a window meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The path says nothing of times.
    Undated,
    /// All of it is out of the window.
    Outside,
    /// Some of it may be within.
    Partly,
    /// All of it is within.
    Inside,
}

impl Window {
    /// The hours to read for events of a range; `None` where all are.
    pub fn new(since: Option<UtcMicros>, until: Option<UtcMicros>) -> Option<Self> {
        if since.is_none() && until.is_none() {
            return None;
        }
        let hour = |time: UtcMicros| time.0.div_euclid(MICROS_PER_HOUR);
        let first = since.map_or(i64::MIN, |since| hour(since) - EARLY_HOURS);
        let end = until.map_or(i64::MAX, |until| hour(until) + 1 + LATE_HOURS);
        Some(Self { first, end })
    }

    /// How a path, of a folder or of a blob, meets the window.
    pub(super) fn fit(self, path: &str) -> Fit {
        let Some((first, end)) = hours(path) else { return Fit::Undated };
        if end <= self.first || first >= self.end {
            Fit::Outside
        } else if first >= self.first && end <= self.end {
            Fit::Inside
        } else {
            Fit::Partly
        }
    }

    /// Whether what lies at a path is to be read.
    pub fn admits(self, path: &str) -> bool {
        self.fit(path) != Fit::Outside
    }
}

/// The first hour, counted from 1970, of those that the folders of a path stand for; `None` where it
/// says nothing of times.
#[cfg(feature = "lake")]
pub fn hour_of(path: &str) -> Option<i64> {
    hours(path).map(|(first, _)| first)
}

/// The hours that the folders `y=`, `m=`, `d=`, `h=` of a path stand for, as far as they are there;
/// `None` without a year, or where they are no date.
fn hours(path: &str) -> Option<(i64, i64)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn window(since: Option<&str>, until: Option<&str>) -> Window {
        let time = |text: &str| UtcMicros::parse(text).unwrap();
        Window::new(since.map(time), until.map(time)).unwrap()
    }

    #[test]
    fn folders_are_within_a_window_with_slack_for_what_came_late() {
        let day = window(Some("2026-05-04T10:00:00Z"), Some("2026-05-04T12:00:00Z"));
        for (path, expected) in [
            ("resourceId=/SUBSCRIPTIONS/x/", Fit::Undated),
            ("a/y=2025/", Fit::Outside),
            ("a/y=2026/", Fit::Partly),
            ("a/y=2026/m=04/", Fit::Outside),
            ("a/y=2026/m=05/", Fit::Partly),
            ("a/y=2026/m=05/d=03/", Fit::Outside),
            ("a/y=2026/m=05/d=04/", Fit::Partly),
            ("a/y=2026/m=05/d=04/h=08/m=00/PT1H.json", Fit::Outside),
            ("a/y=2026/m=05/d=04/h=09/m=00/PT1H.json", Fit::Inside),
            ("a/y=2026/m=05/d=05/", Fit::Inside),
            ("a/y=2026/m=05/d=06/h=12/", Fit::Inside),
            ("a/y=2026/m=05/d=06/h=13/", Fit::Outside),
            ("a/y=2026/m=05/d=07/", Fit::Outside),
            ("a/y=2027/", Fit::Outside),
        ] {
            assert_eq!(day.fit(path), expected, "{path}");
        }
    }

    #[test]
    fn a_window_may_be_open_at_either_end() {
        assert_eq!(window(Some("2026-05-04T00:00:00Z"), None).fit("y=2030/"), Fit::Inside);
        assert_eq!(window(Some("2026-05-04T00:00:00Z"), None).fit("y=2020/"), Fit::Outside);
        assert_eq!(window(None, Some("2026-05-04T00:00:00Z")).fit("y=2020/"), Fit::Inside);
        assert_eq!(Window::new(None, None), None);
    }

    #[test]
    fn what_is_no_date_is_read() {
        let may = window(Some("2026-05-04T00:00:00Z"), None);
        for path in ["y=20260/m=05/a.json", "y=x/a.json", "y=2026/m=13/d=01/a.json", "year=2020/a.json"] {
            assert!(may.admits(path), "{path}");
        }
    }
}
