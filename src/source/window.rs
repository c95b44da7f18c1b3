//! Which folders of an archive may hold events of a time range.

use super::hours::{EARLY_HOURS, LATE_HOURS, MICROS_PER_HOUR, hours};
use crate::time::UtcMicros;

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
