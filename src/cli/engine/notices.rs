//! What is said on standard error of a run that went on: what was rejected, unreadable or left out.

use std::io::{self, Write};

use crate::cli::output::Outputs;
use crate::coverage::{Coverage, NotEvaluable};
use crate::pipeline::Quarantined;
use crate::report::absence;
use crate::report::escape::Escaped;
use crate::report::layout::counted;

/// Rejected records that are named on standard error; the quarantine file has all of them.
const REJECTED_SHOWN: usize = 5;

/// Where rejected records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Kept {
    /// In the file of `--quarantine`.
    InFile,
    /// Nowhere, but `--quarantine` would.
    IfAsked,
    /// Nowhere: the command has no `--quarantine`.
    Nowhere,
}

impl Kept {
    /// For a command that has `--quarantine`, and outputs that have its file or not.
    pub(in crate::cli) fn by(outputs: &Outputs) -> Self {
        if outputs.quarantine.is_some() { Self::InFile } else { Self::IfAsked }
    }
}

/// Names the first rejected records on standard error, and says where the others are.
pub(in crate::cli) fn show_rejected(rejected: &[Quarantined], coverage: &Coverage, kept: Kept) {
    let mut err = io::stderr().lock();
    let mut say = |line: String| writeln!(err, "{line}").unwrap_or_default();
    for record in rejected.iter().take(REJECTED_SHOWN) {
        let detail = record.detail.as_deref().map_or_else(String::new, |detail| format!(": {}", Escaped(detail)));
        let number = record.record.map_or_else(String::new, |number| format!(", record {number}"));
        say(format!(
            "rejected: {} at byte {}{number}: {}{detail}",
            Escaped(&record.object),
            record.offset,
            Escaped(&record.reason)
        ));
    }
    let all = coverage.records.rejected + coverage.conflicting_duplicates;
    let shown = u64::try_from(rejected.len().min(REJECTED_SHOWN)).unwrap_or(0);
    if all > shown && kept != Kept::InFile {
        let hint = if kept == Kept::IfAsked { "; --quarantine FILE keeps all of them" } else { "" };
        say(format!("rejected: {} more{hint}", all - shown));
    }
    for failed in &coverage.failed {
        say(format!("cannot read {}", Escaped(&failed.reason_with_name())));
    }
}

/// Names the rules of which findings are left out, on standard error: not every format says so.
pub(super) fn show_left_out(coverage: &Coverage) {
    let mut err = io::stderr().lock();
    for capped in &coverage.rules.capped {
        // Where standard error is closed nobody wants to know.
        writeln!(err, "left out: {}", Escaped(&absence::left_out(capped))).unwrap_or_default();
    }
}

/// Says on standard error where nothing can have been found, because nothing was looked at: not every
/// format says so, and it must not pass for "all is well".
pub(super) fn show_emptiness(coverage: &Coverage) {
    let events: u64 = coverage.sources.values().map(|source| source.events).sum();
    let why = match (events, coverage.records.read) {
        (0, 0) => "no record was read".to_owned(),
        (0, read) => format!("no event of a known log in the asked times among {}", counted(read, "record")),
        _ if coverage.rules.run.is_empty() => "none of the chosen rules could be run".to_owned(),
        _ => return,
    };
    writeln!(io::stderr(), "warning: {why}: nothing can have been found").unwrap_or_default();
}

/// Names the rules that were stopped, on standard error.
pub(super) fn show_stopped(stopped: &[NotEvaluable]) {
    for NotEvaluable { rule, reason } in stopped {
        writeln!(io::stderr(), "the rule '{}' was {}", Escaped(rule), Escaped(reason)).unwrap_or_default();
    }
}
