//! What is not there and should be, and what is dated so that it cannot be right.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::time::UtcMicros;

/// A list that is bounded, and how many more there would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// Those that are listed, in the order of reports.
    pub found: Vec<T>,
    /// How many are not listed.
    pub left_out: u64,
    /// How many candidates were not looked at, because there were too many.
    pub not_judged: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { found: Vec::new(), left_out: 0, not_judged: 0 }
    }
}

/// What kind of gap it is. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// No event of a source in a subscription, in hours in which it is otherwise busy.
    Silence,
    /// The same up to the end of what was read.
    Stopped,
    /// A Databricks identity was given tokens, and no record shows what they were used for.
    TokensWithoutUse,
}

/// A stretch of time in which something should be there and is not. Field order is the JSON's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    /// Its kind.
    pub kind: GapKind,
    /// The log that is silent.
    pub source: String,
    /// The subscription; `None` for logs of a tenant, and for tokens.
    pub subscription: Option<String>,
    /// The identity that was given tokens.
    pub principal_id: Option<String>,
    /// The first hour without an event, or day without use.
    pub from: UtcMicros,
    /// After the last one.
    pub until: UtcMicros,
    /// From one to the other.
    pub hours: u64,
    /// How many of these hours the source is busy in otherwise; not for tokens.
    pub busy_hours: Option<u64>,
    /// How many tokens; only for tokens.
    pub tokens: Option<u64>,
}

/// A category of a log that should be written and was never seen. Field order is the JSON's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SilentCategory {
    /// ARM id of the resource, folded.
    pub resource: String,
    /// The category as the setting names it, or the group of categories; in lower case.
    pub category: String,
    /// When the setting was written.
    pub since: UtcMicros,
    /// ARM id of the setting, folded.
    pub setting: String,
}

/// How a record's time cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Skew {
    /// It lies after the run.
    AfterRun,
    /// It lies after the hour for which the record was filed.
    AfterHour,
    /// It lies so long before that hour that lateness does not explain it.
    BeforeHour,
}

/// A record whose time cannot be right. Field order is the JSON's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SkewedRecord {
    /// The object it was read from.
    pub object: String,
    /// Byte offset of the record there.
    pub offset: i64,
    /// Its time.
    pub time: UtcMicros,
    /// What is wrong with it.
    pub skew: Skew,
}

/// Records whose time cannot be right, each counted once. Field order is the JSON's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClockSkew {
    /// Later than the run began.
    pub after_run: u64,
    /// Later than the hour of their object.
    pub after_hour: u64,
    /// Long before the hour of their object.
    pub before_hour: u64,
    /// The first of them by object and offset, [`ClockSkew::MAX_EXAMPLES`] at most.
    pub examples: BTreeSet<SkewedRecord>,
}

impl ClockSkew {
    /// How many records are shown.
    pub const MAX_EXAMPLES: usize = 20;

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.after_run + self.after_hour + self.before_hour
    }

    /// Counts a record, by the object it was read from and its byte offset there.
    pub fn note(&mut self, skew: Skew, place: (&str, i64), time: UtcMicros) {
        let count = match skew {
            Skew::AfterRun => &mut self.after_run,
            Skew::AfterHour => &mut self.after_hour,
            Skew::BeforeHour => &mut self.before_hour,
        };
        *count += 1;
        let is_before = |last: &SkewedRecord| (last.object.as_str(), last.offset) < place;
        if self.examples.len() >= Self::MAX_EXAMPLES && self.examples.last().is_some_and(is_before) {
            return;
        }
        self.examples.insert(SkewedRecord { object: place.0.to_owned(), offset: place.1, time, skew });
        self.shorten();
    }

    /// Adds those of another part of the same run.
    pub fn add(&mut self, other: &Self) {
        self.after_run += other.after_run;
        self.after_hour += other.after_hour;
        self.before_hour += other.before_hour;
        self.examples.extend(other.examples.iter().cloned());
        self.shorten();
    }

    fn shorten(&mut self) {
        while self.examples.len() > Self::MAX_EXAMPLES {
            self.examples.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_records_by_place_are_shown_whoever_is_first_to_note_them() {
        let note = |offsets: &mut dyn Iterator<Item = i64>| {
            let mut skew = ClockSkew::default();
            offsets.for_each(|offset| skew.note(Skew::AfterHour, ("a.json", offset), UtcMicros(offset)));
            skew
        };
        let forwards = note(&mut (0..100));
        let backwards = note(&mut (0..100).rev());
        let mut joined = note(&mut (50..100));
        joined.add(&note(&mut (0..50)));

        assert_eq!(forwards, backwards);
        assert_eq!(forwards, joined);
        assert_eq!((forwards.after_hour, forwards.records()), (100, 100));
        let offsets: Vec<i64> = forwards.examples.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, (0..20).collect::<Vec<_>>());
    }
}
