//! `airside scan --follow`: print findings as they appear in an archive that grows.
//!
//! What was read is kept in a lake, so that every look reads what is new, and rules see all of it.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tempfile::TempDir;

use crate::cli::args::{ProgressChoice, ReadOptions, ScanArgs};
use crate::cli::engine::{Engine, Kept, Machine, execute, list, runtime, show_rejected, watch_signals};
use crate::cli::ingest::{Job, refuse_what_is_no_archive};
use crate::cli::output::{Outputs, Terminal, to_stdout};
use crate::cli::scan::{format, hide};
use crate::cli::{Request, Scan};
use crate::error::{ExitCode, RunError};
use crate::event::vocabulary::{IdentityKind, Stream};
use crate::finding::Finding;
use crate::lake::table::LakeLocation;
use crate::pipeline::{Cancel, Quarantine, Shard, Unwatched};
use crate::report::escape::Escaped;
use crate::report::{self, OutputFormat, Report, ReportError, Style, json};
use crate::rule::Severity;
use crate::source::Listing;
use crate::time::UtcMicros;

/// Stored bytes of a commit.
const ROUND_BYTES: u64 = 512 << 20;

/// Looks, prints, waits, until interrupted.
///
/// # Errors
///
/// Whatever ended the run: at the latest [`RunError::Interrupted`].
pub(super) fn run(args: &ScanArgs, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    let started = Instant::now();
    let read = args.read.options(now)?;
    refuse_what_is_no_archive(&read)?;
    let format = format(args.format, terminal)?;
    if !matches!(format, OutputFormat::Table | OutputFormat::Ndjson) {
        return Err(RunError::usage("--follow prints a table or ndjson: other formats have an end"));
    }
    let selection = args.choice.selection()?;
    let (_temporary, lake) = place(args.follow.lake.as_deref())?;
    let job = Job { location: LakeLocation::parse(&lake)?, round_bytes: ROUND_BYTES, shard: Shard::default() };
    let runtime = runtime(Machine::of(&read).threads)?;
    let cancel = Arc::new(Cancel::default());
    watch_signals(&runtime, &cancel)?;
    let of_all = ReadOptions { paths: vec![lake], inventory: Vec::new(), ..read.clone() };
    let request = Request { read: of_all, rules: Some(selection), matrix: false, activity: false, baseline: None };
    let mut shown = Shown::default();
    let mut is_first = true;
    loop {
        let now = UtcMicros(now.0.saturating_add(i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX)));
        let listing = list(&read)?;
        let mut quarantine = Quarantine::new(None);
        let appended = job.append(&read, listing, &mut quarantine, (&runtime, &Unwatched, &cancel, now))?;
        show_rejected(&appended.rejected, &appended.coverage, Kept::Nowhere);
        for name in &appended.replaced {
            writeln!(io::stderr(), "replaced since it was read: {}", Escaped(name)).unwrap_or_default();
        }
        if is_first || appended.commits + appended.reclassified > 0 {
            let engine = Engine::start(&request.read)?;
            let mut scan =
                execute(&engine, &request, Listing::default(), (ProgressChoice::Never, &mut Outputs::default()))?;
            hide(&mut scan.findings, args.min_severity);
            let news = shown.news(std::mem::take(&mut scan.findings));
            if !news.is_empty() {
                print(&news, &scan, format, style)?;
            }
        }
        is_first = false;
        runtime.block_on(cancel.interruptible(async {
            tokio::time::sleep(Duration::from_secs(args.follow.every)).await;
            Ok(())
        }))?;
    }
}

/// The lake that is asked for, or one that is gone at the end.
fn place(asked: Option<&str>) -> Result<(Option<TempDir>, String), RunError> {
    if let Some(asked) = asked {
        return Ok((None, asked.to_owned()));
    }
    let folder = tempfile::Builder::new().prefix("airside-").tempdir();
    let folder = folder.map_err(|error| RunError::internal("cannot make a temporary folder", error))?;
    let lake = folder.path().display().to_string();
    if !Path::new(&lake).is_dir() {
        return Err(RunError::usage(format!("{lake} is no usable path: set TMPDIR to another folder")));
    }
    Ok((Some(folder), lake))
}

/// What a finding said when it was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Said {
    severity: Severity,
    stream: Stream,
    identity_kind: IdentityKind,
}

impl Said {
    fn of(finding: &Finding) -> Self {
        Self { severity: finding.severity, stream: finding.stream, identity_kind: finding.identity_kind }
    }

    /// Whether what is said now is worth another line.
    fn is_outdone_by(self, now: Self) -> bool {
        now.severity > self.severity || (now.stream, now.identity_kind) != (self.stream, self.identity_kind)
    }
}

/// The findings that were printed, by fingerprint.
#[derive(Debug, Default)]
struct Shown(HashMap<String, Said>);

/// A finding to print.
#[derive(Debug, Serialize)]
struct News {
    #[serde(flatten)]
    finding: Finding,
    /// What was said of it before, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<Said>,
}

impl Shown {
    /// The findings that were not printed, or that say something worse or of somebody else now.
    fn news(&mut self, findings: Vec<Finding>) -> Vec<News> {
        let news = |finding: Finding| {
            let now = Said::of(&finding);
            let supersedes = self.0.get(&finding.fingerprint).copied();
            if supersedes.is_some_and(|before| !before.is_outdone_by(now)) {
                return None;
            }
            self.0.insert(finding.fingerprint.clone(), now);
            Some(News { finding, supersedes })
        };
        findings.into_iter().filter_map(news).collect()
    }
}

fn print(news: &[News], scan: &Scan, format: OutputFormat, style: Style) -> Result<(), RunError> {
    to_stdout(|out| {
        if format == OutputFormat::Ndjson {
            return news.iter().try_for_each(|news| {
                let line = json::text(news)?;
                writeln!(out, "{line}").map_err(ReportError::write)
            });
        }
        let findings: Vec<Finding> = news.iter().map(|news| news.finding.clone()).collect();
        let (coverage, rules) = (&scan.coverage, scan.rules.as_slice());
        report::write(format, &Report { findings: &findings, coverage, rules, hidden_by_severity: 0 }, out, style)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_finding_is_news_once_unless_it_is_worse_or_about_somebody_else_now() {
        let medium = Finding { severity: Severity::Medium, ..samples::finding() };
        let high = Finding { severity: Severity::High, ..medium.clone() };
        let moved = Finding { stream: Stream::Other, identity_kind: IdentityKind::OtherMi, ..high.clone() };
        let mut shown = Shown::default();
        let mut news = |finding: &Finding| {
            shown.news(vec![finding.clone()]).first().map(|news| news.supersedes.map(|before| before.severity))
        };

        assert_eq!(news(&medium), Some(None));
        assert_eq!(news(&medium), None);
        assert_eq!(news(&high), Some(Some(Severity::Medium)));
        assert_eq!(news(&medium), None);
        assert_eq!(news(&moved), Some(Some(Severity::High)));
        assert_eq!(news(&moved), None);
    }
}
