//! What was read and what was not: counts that add up.

mod absence;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::time::UtcMicros;

pub use absence::{ClockSkew, Gap, GapKind, Listed, SilentCategory, Skew, SkewedRecord};

/// Most different kinds or reasons that are counted apart; what comes later is counted as
/// `(others)`. Kinds come from the log, so their number must not be the log's to choose.
pub const MAX_KINDS: usize = 200;

/// The kind under which records are skipped that are out of the asked time range.
pub const OUT_OF_RANGE: &str = "out of range";

/// Counts of a whole run. Its JSON is what `--coverage` writes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// Files and blobs.
    pub objects: Objects,
    /// Bytes read, after decompression.
    pub bytes: u64,
    /// Records by outcome.
    pub records: Records,
    /// Duplicates whose shared columns differ; part of `records.duplicates`.
    pub conflicting_duplicates: u64,
    /// Skipped records by kind.
    pub skipped: BTreeMap<String, u64>,
    /// Rejected records by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Objects that could not be read to their end, with the reason.
    pub failed: Vec<FailedObject>,
    /// Events by source.
    pub sources: BTreeMap<String, SourceCoverage>,
    /// Which rules ran.
    pub rules: RuleCoverage,
    /// What exceptions did.
    pub exceptions: ExceptionCoverage,
    /// Stretches of time in which something should be there and is not; `None` where nobody looked.
    pub gaps: Option<Listed<Gap>>,
    /// Records whose time cannot be right.
    pub clock_skew: ClockSkew,
    /// Categories that a diagnostic setting names and that were never seen; `None` where nobody looked.
    pub silent_categories: Option<Listed<SilentCategory>>,
}

/// Objects by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Objects {
    /// Read to their end.
    pub read: u64,
    /// Not opened, or not read to their end.
    pub failed: u64,
}

/// Records by outcome; `read` is the sum of the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Records {
    /// Found in the objects.
    pub read: u64,
    /// Became an event of their own.
    pub events: u64,
    /// Were another record of an event that is there.
    pub duplicates: u64,
    /// Recognised as not ours, as inventory, or out of the asked time range.
    pub skipped: u64,
    /// Not understood.
    pub rejected: u64,
}

/// An object that could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedObject {
    /// Its name.
    pub object: String,
    /// Why.
    pub reason: String,
}

impl FailedObject {
    /// The reason, which most often begins with the object's name, with that name.
    pub fn reason_with_name(&self) -> Cow<'_, str> {
        if self.reason.starts_with(&self.object) {
            return Cow::Borrowed(&self.reason);
        }
        Cow::Owned(format!("{}: {}", self.object, self.reason))
    }
}

/// Events of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SourceCoverage {
    /// How many.
    pub events: u64,
    /// Time of the first.
    pub first: Option<UtcMicros>,
    /// Time of the last.
    pub last: Option<UtcMicros>,
}

impl SourceCoverage {
    /// Adds the events of another part of the same source.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }
}

/// Rules by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleCoverage {
    /// Ids of the rules that ran.
    pub run: Vec<String>,
    /// Rules that could not be evaluated.
    pub not_evaluable: Vec<NotEvaluable>,
    /// Rules that ran without a part of what they can use (`any_sources`).
    pub partial: Vec<NotEvaluable>,
    /// Rules that found more than is reported.
    pub capped: Vec<Capped>,
}

/// A rule whose findings are more than the limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capped {
    /// The rule's id.
    pub rule: String,
    /// Findings that are left out.
    pub findings_left_out: u64,
    /// Whether there may be more of them than were counted.
    pub is_at_least: bool,
    /// The highest severity of their evidence.
    pub severity: String,
}

/// A rule, and what it lacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotEvaluable {
    /// The rule's id.
    pub rule: String,
    /// What was missing.
    pub reason: String,
}

/// What exceptions did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExceptionCoverage {
    /// Evidence events hidden.
    pub hidden_events: u64,
    /// Findings of which nothing was left.
    pub hidden_findings: u64,
    /// Exceptions that matched nothing, or only events past their date, in words.
    pub unused: Vec<String>,
}

impl Coverage {
    /// Counts one skipped record.
    pub fn skip(&mut self, kind: &str) {
        self.records.read += 1;
        self.records.skipped += 1;
        count(&mut self.skipped, kind, 1);
    }

    /// Counts events as skipped records after all.
    pub fn skip_events(&mut self, kind: &str, events: u64) {
        if events > 0 {
            self.records.events -= events;
            self.records.skipped += events;
            count(&mut self.skipped, kind, events);
        }
    }

    /// Counts one record that became an event.
    pub fn event(&mut self) {
        self.records.read += 1;
        self.records.events += 1;
    }

    /// Counts one rejected record.
    pub fn reject(&mut self, reason: &str) {
        self.records.read += 1;
        self.records.rejected += 1;
        count(&mut self.rejected, reason, 1);
    }

    /// Adds the counts of another part of the same run.
    pub fn add(&mut self, other: &Self) {
        self.objects.read += other.objects.read;
        self.objects.failed += other.objects.failed;
        self.bytes += other.bytes;
        self.records.read += other.records.read;
        self.records.events += other.records.events;
        self.records.duplicates += other.records.duplicates;
        self.records.skipped += other.records.skipped;
        self.records.rejected += other.records.rejected;
        self.conflicting_duplicates += other.conflicting_duplicates;
        for (kind, n) in &other.skipped {
            *self.skipped.entry(kind.clone()).or_default() += n;
        }
        for (reason, n) in &other.rejected {
            *self.rejected.entry(reason.clone()).or_default() += n;
        }
        self.failed.extend(other.failed.iter().cloned());
        self.clock_skew.add(&other.clock_skew);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, kind: &str, records: u64) {
    if let Some(n) = counts.get_mut(kind) {
        *n += records;
    } else if counts.len() < MAX_KINDS {
        counts.insert(kind.to_owned(), records);
    } else {
        *counts.entry("(others)".to_owned()).or_default() += records;
    }
}
