//! The configuration file, and the exceptions in it: evidence that is expected and not shown.

mod config;

pub use config::{Config, Expected, Until};

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;

use crate::arm::is_at_or_under;
use crate::coverage::ExceptionCoverage;
use crate::error::RunError;
use crate::rule::load::{KNOWN_BY_FOLDER, Library};
use crate::sql::tables::side_table;
use crate::time::UtcMicros;

/// What of an event exceptions look at. Ids are folded.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'e> {
    /// The identity that the finding would be about.
    pub principal_id: Option<&'e str>,
    /// What was touched.
    pub target_id: Option<&'e str>,
    /// Class of the operation.
    pub op_class: &'e str,
    /// When it happened.
    pub time: UtcMicros,
}

/// The exceptions of a run, and what they did so far.
#[derive(Debug, Clone, Default)]
pub struct Exceptions {
    rows: Vec<Row>,
    /// Ids of the rules that were folded.
    ran: BTreeSet<String>,
    hidden_events: u64,
    hidden_findings: u64,
}

/// An exception, and how often it matched.
#[derive(Debug, Clone)]
struct Row {
    expected: Expected,
    /// Id of the rule that `expected.rule` names.
    rule_id: String,
    in_time: u64,
    past_date: u64,
}

impl Row {
    fn new(rule_id: String, expected: Expected) -> Self {
        Self { expected, rule_id, in_time: 0, past_date: 0 }
    }
}

impl Exceptions {
    /// Finds the rule of every exception.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] with every exception whose rule does not exist.
    pub fn new(expected: Vec<Expected>, library: &Library) -> Result<Self, RunError> {
        let (mut rows, mut unknown) = (Vec::with_capacity(expected.len()), Vec::new());
        for expected in expected {
            match library.find(&expected.rule) {
                Ok(rule) => rows.push(Row::new(rule.head.id.clone(), expected)),
                Err(error) => unknown.push(format!("{}: {error}", expected.place)),
            }
        }
        if unknown.is_empty() {
            return Ok(Self { rows, ..Self::default() });
        }
        Err(RunError::Usage { message: unknown.join("\n"), hint: Some(KNOWN_BY_FOLDER.to_owned()) })
    }

    /// The same where no rule runs: a rule that is not known keeps the name that the exception has for it.
    pub fn without_rules(expected: Vec<Expected>, library: &Library) -> Self {
        let row = |expected: Expected| {
            let id =
                library.find(&expected.rule).map_or_else(|_unknown| expected.rule.clone(), |rule| rule.head.id.clone());
            Row::new(id, expected)
        };
        Self { rows: expected.into_iter().map(row).collect(), ..Self::default() }
    }

    /// Whether there is an exception for this rule.
    pub fn speak_of(&self, rule_id: &str) -> bool {
        self.rows.iter().any(|row| row.rule_id == rule_id)
    }

    /// Notes that the evidence of this rule is being folded.
    pub fn begin(&mut self, rule_id: &str) {
        self.ran.insert(rule_id.to_owned());
    }

    /// Whether an exception hides this event from this rule. Every exception that would is counted
    /// as used.
    pub fn hides(&mut self, rule_id: &str, candidate: &Candidate<'_>) -> bool {
        let mut is_hidden = false;
        for row in self.rows.iter_mut().filter(|row| row.rule_id == rule_id && row.expected.covers(candidate)) {
            if row.expected.until.as_ref().is_some_and(|until| candidate.time >= until.time) {
                row.past_date += 1;
            } else {
                row.in_time += 1;
                is_hidden = true;
            }
        }
        is_hidden
    }

    /// The exceptions that hid something so far, each by its place and its reason.
    pub fn hiding(&self) -> Vec<String> {
        let used = self.rows.iter().filter(|row| row.in_time > 0);
        used.map(|Row { expected, .. }| format!("{}: {}", expected.place, expected.reason)).collect()
    }

    /// Counts what was hidden from one rule: events, and findings of which nothing was left.
    pub fn count(&mut self, events: u64, findings: u64) {
        self.hidden_events += events;
        self.hidden_findings += findings;
    }

    /// What the exceptions did, for the run's coverage. To be called after the last rule.
    pub fn coverage(&self) -> ExceptionCoverage {
        ExceptionCoverage {
            hidden_events: self.hidden_events,
            hidden_findings: self.hidden_findings,
            unused: self.rows.iter().filter_map(|row| self.idle(row)).collect(),
        }
    }

    /// Why an exception hid nothing, if it hid nothing.
    fn idle(&self, row: &Row) -> Option<String> {
        if row.in_time > 0 {
            return None;
        }
        let reason = match &row.expected.until {
            Some(until) if row.past_date > 0 => format!("ended on {}, before everything that it matches", until.text),
            _ if self.ran.contains(&row.rule_id) => "matched nothing".to_owned(),
            _ => "matched nothing, for the rule did not run".to_owned(),
        };
        Some(format!("{}: the exception for '{}' {reason}", row.expected.place, row.expected.rule))
    }

    /// The side table `expected`, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`]: a defect of ours.
    pub fn table(&self) -> Result<RecordBatch, RunError> {
        let text = |value: fn(&Row) -> Option<&str>| -> ArrayRef {
            Arc::new(self.rows.iter().map(value).collect::<StringArray>())
        };
        let until = self.rows.iter().map(|row| row.expected.until.as_ref().map(|until| until.time.0));
        let columns = vec![
            text(|row| Some(&row.rule_id)),
            text(|row| row.expected.principal.as_deref()),
            text(|row| row.expected.target.as_deref()),
            text(|row| row.expected.op_class.as_deref()),
            Arc::new(until.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
            text(|row| Some(&row.expected.reason)),
        ];
        side_table("expected", columns)
    }
}

impl Expected {
    /// Whether the exception speaks of this event, whatever its date.
    fn covers(&self, candidate: &Candidate<'_>) -> bool {
        let is_principal = self.principal.as_deref().is_none_or(|own| candidate.principal_id == Some(own));
        let is_target = self
            .target
            .as_deref()
            .is_none_or(|prefix| candidate.target_id.is_some_and(|target| is_at_or_under(target, prefix)));
        let is_class = self.op_class.as_deref().is_none_or(|class| candidate.op_class == class);
        is_principal && is_target && is_class
    }
}

#[cfg(test)]
mod tests;
