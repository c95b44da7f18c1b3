//! `airside scan`: read, split, run the rules, print what was found.

use crate::cli::args::ScanArgs;
use crate::cli::custody::Custody;
use crate::cli::engine::{Engine, execute, list};
use crate::cli::output::{Outputs, Terminal, to_recorded_stdout};
use crate::cli::{Request, Scan, completeness, dry_run, readability, strongest};
use crate::error::{ExitCode, RunError};
use crate::finding::Finding;
use crate::pipeline::Baseline;
use crate::report::{self, OutputFormat, Report, SEVERITIES, Style, json, severity_word};
use crate::rule::Severity;
use crate::time::UtcMicros;

/// Scans, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run.
pub fn run(args: &ScanArgs, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    #[cfg(feature = "lake")]
    if args.follow.follow {
        return crate::cli::follow::run(args, terminal, style, now);
    }
    #[cfg(not(feature = "lake"))]
    if args.follow {
        return Err(crate::cli::lacks("lakes, which --follow keeps events in"));
    }
    if let Some(format) = args.dry_run {
        return dry_run::run(args, format, style, now);
    }
    let request = Request {
        read: args.read.options(now)?,
        rules: Some(args.choice.selection()?),
        matrix: false,
        activity: false,
        baseline: args.choice.baseline.clone(),
    };
    let format = format(args.format, terminal)?;
    let listing = list(&request.read)?;
    let engine = Engine::start(&request.read)?;
    let (outputs, reports) = Outputs::open_with(&args.read, &args.output, args.choice.baseline.as_ref())?;
    let mut outputs = Outputs { reports, ..outputs };
    let mut scan = execute(&engine, &request, listing, (args.read.progress, &mut outputs))?;
    let code = exit_code(&scan, args.fail_on);
    let hidden_by_severity = hide(&mut scan.findings, args.min_severity);
    let report = Report { findings: &scan.findings, coverage: &scan.coverage, rules: &scan.rules, hidden_by_severity };
    // Files first: what is in a file stays, whatever becomes of standard output.
    let custody = outputs.custody.take();
    write_files(&report, scan.baseline.as_ref(), outputs)?;
    to_recorded_stdout(custody.as_ref().map(Custody::log), |out| report::write(format, &report, out, style))?;
    custody.map_or(Ok(()), |custody| custody.finish(now, &scan.facts()))?;
    Ok(code)
}

/// The format of standard output.
pub(super) fn format(asked: Option<OutputFormat>, terminal: Terminal) -> Result<OutputFormat, RunError> {
    let format = match (asked, terminal.is_stdout) {
        (Some(format), _) => format,
        (None, true) => OutputFormat::Table,
        (None, false) => OutputFormat::Ndjson,
    };
    terminal.takes(format.as_str(), format.is_binary())?;
    Ok(format)
}

/// What the findings and what could not be read make of the exit code.
fn exit_code(scan: &Scan, fail_on: Option<Severity>) -> ExitCode {
    let counts = |finding: &Finding| !scan.experimental.contains(&finding.rule_id);
    // What is left out counts as well: a limit must not turn an alarm off.
    let is_left_out = |least: Severity| {
        let at_worst = |word: &str| SEVERITIES.into_iter().find(|severity| severity_word(*severity) == word);
        let capped = scan.coverage.rules.capped.iter().filter(|capped| !scan.experimental.contains(&capped.rule));
        capped.filter_map(|capped| at_worst(&capped.severity)).any(|severity| severity >= least)
    };
    let fails = fail_on.is_some_and(|least| {
        scan.findings.iter().any(|finding| finding.severity >= least && counts(finding)) || is_left_out(least)
    });
    let findings = if fails { ExitCode::Findings } else { ExitCode::Ran };
    strongest(&[findings, readability(&scan.coverage), completeness(&scan.stopped)])
}

/// Takes away the findings that are not severe enough, and says how many.
pub(super) fn hide(findings: &mut Vec<Finding>, min_severity: Option<Severity>) -> usize {
    let before = findings.len();
    findings.retain(|finding| min_severity.is_none_or(|least| finding.severity >= least));
    before - findings.len()
}

/// Writes the files of reports and coverage, and gives all files their names.
fn write_files(report: &Report<'_>, baseline: Option<&Baseline>, mut outputs: Outputs) -> Result<(), RunError> {
    for (format, file) in &mut outputs.reports {
        file.write_with(|out| report::write(*format, report, out, Style::default()))?;
    }
    if let Some(file) = &mut outputs.coverage {
        file.write_with(|out| json::write_pretty(out, report.coverage))?;
    }
    outputs.write_baseline(baseline)?;
    outputs.finish()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::cli::output::{OutputFile, Overwrite};
    use crate::coverage::Capped;
    use crate::report::samples;

    const TERMINAL: Terminal = Terminal { is_stdout: true, width: 80, is_colourless: false };
    const PIPE: Terminal = Terminal { is_stdout: false, width: 80, is_colourless: false };

    fn scan_with(severity: Severity) -> Scan {
        Scan { findings: vec![Finding { severity, ..samples::finding() }], ..Scan::default() }
    }

    #[test]
    fn the_format_depends_on_where_output_goes_unless_it_is_named() {
        assert_eq!(format(None, TERMINAL).unwrap(), OutputFormat::Table);
        assert_eq!(format(None, PIPE).unwrap(), OutputFormat::Ndjson);
        assert_eq!(format(Some(OutputFormat::Csv), TERMINAL).unwrap(), OutputFormat::Csv);
        assert_eq!(format(Some(OutputFormat::Parquet), PIPE).unwrap(), OutputFormat::Parquet);
        assert_eq!(format(Some(OutputFormat::Parquet), TERMINAL).unwrap_err().exit_code(), ExitCode::Usage);
    }

    #[test]
    fn findings_decide_the_exit_code_only_when_asked_to() {
        let scan = scan_with(Severity::High);

        assert_eq!(exit_code(&scan, None), ExitCode::Ran);
        assert_eq!(exit_code(&scan, Some(Severity::Critical)), ExitCode::Ran);
        assert_eq!(exit_code(&scan, Some(Severity::High)), ExitCode::Findings);
        assert_eq!(exit_code(&scan, Some(Severity::Low)), ExitCode::Findings);
    }

    #[test]
    fn an_experimental_rule_never_decides_the_exit_code() {
        let mut scan = scan_with(Severity::Critical);
        scan.experimental.insert(samples::finding().rule_id);

        assert_eq!(exit_code(&scan, Some(Severity::Low)), ExitCode::Ran);
    }

    /// A limit must not turn an alarm off.
    #[test]
    fn findings_that_are_left_out_decide_the_exit_code_as_those_that_are_shown() {
        let mut scan = scan_with(Severity::Low);
        let rule = samples::finding().rule_id;
        let severity = "critical".to_owned();
        scan.coverage.rules.capped.push(Capped {
            rule: rule.clone(),
            findings_left_out: 1,
            is_at_least: false,
            severity,
        });

        assert_eq!(exit_code(&scan, Some(Severity::Critical)), ExitCode::Findings);
        assert_eq!(exit_code(&scan, None), ExitCode::Ran);
        scan.experimental.insert(rule);
        assert_eq!(exit_code(&scan, Some(Severity::Critical)), ExitCode::Ran);
    }

    #[test]
    fn an_unreadable_object_wins_over_findings() {
        let mut scan = scan_with(Severity::Critical);
        scan.coverage.objects.failed = 1;

        assert_eq!(exit_code(&scan, Some(Severity::Low)), ExitCode::Unreadable);
    }

    #[test]
    fn files_get_the_findings_that_are_severe_enough_and_the_coverage() {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| OutputFile::create(&folder.path().join(name), Overwrite::Refuse).unwrap();
        let outputs = Outputs {
            reports: vec![(OutputFormat::Ndjson, create("findings.ndjson"))],
            coverage: Some(create("coverage.json")),
            ..Outputs::default()
        };
        let mut scan = scan_with(Severity::Low);
        scan.findings.push(samples::finding());
        scan.coverage.reject("no readable time");

        let hidden_by_severity = hide(&mut scan.findings, Some(Severity::High));
        let report =
            Report { findings: &scan.findings, coverage: &scan.coverage, rules: &scan.rules, hidden_by_severity };
        write_files(&report, None, outputs).unwrap();

        assert_eq!(hidden_by_severity, 1);
        let read = |name: &str| fs::read_to_string(Path::new(folder.path()).join(name)).unwrap();
        assert_eq!(read("findings.ndjson").lines().count(), 1);
        let coverage: serde_json::Value = serde_json::from_str(&read("coverage.json")).unwrap();
        assert_eq!(coverage["rejected"]["no readable time"], 1);
        assert!(read("coverage.json").starts_with("{\n  \"objects\": {\n    \"read\": 0,"));
    }
}
