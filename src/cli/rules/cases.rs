//! `airside rules test`: the cases beside the rules, and what differs from what they expect.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::cli::engine::runtime;
use crate::error::RunError;
use crate::report::escape::Escaped;
use crate::report::layout::{Paint, painted};
use crate::report::{ReportError, Style};
use crate::rule::case::{self, Outcome};
use crate::rule::{self, Severity};

/// Runs the cases of the named rules, or of the shipped ones, in the order of the rules.
///
/// # Errors
///
/// [`RunError::Rule`] for rules and cases that cannot be read, [`RunError::Internal`].
pub(super) fn run(paths: &[PathBuf]) -> Result<Vec<Outcome>, RunError> {
    runtime(1)?.block_on(async {
        let library = if paths.is_empty() { rule::check::load(&[]).await? } else { rule::check::read(paths).await? };
        let mut outcomes = Vec::new();
        for rule in library.rules() {
            outcomes.extend(case::run(rule).await?);
        }
        Ok(outcomes)
    })
}

/// Writes the cases that failed, field by field, and counts all.
pub(super) fn write(outcomes: &[Outcome], out: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut failed = 0_usize;
    for outcome in outcomes.iter().filter(|outcome| !outcome.differences.is_empty()) {
        failed += 1;
        let verdict = painted(style, Paint::Severity(Severity::High), "failed");
        writeln!(out, "{verdict}  {}: {}", Escaped(&outcome.rule), Escaped(&outcome.case))?;
        for difference in &outcome.differences {
            writeln!(out, "  {}", Escaped(&difference.place()))?;
            writeln!(out, "    expected  {}", Escaped(&difference.expected))?;
            writeln!(out, "    found     {}", Escaped(&difference.found))?;
        }
    }
    let rules: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.rule.as_str()).collect();
    let passed = outcomes.len() - failed;
    writeln!(out, "{} cases of {} rules: {passed} passed, {failed} failed", outcomes.len(), rules.len())
}

/// Writes all cases as JUnit XML: a suite for each rule. Times are left out, so that the same
/// cases give the same bytes.
pub(super) fn write_junit(outcomes: &[Outcome], out: &mut dyn Write) -> Result<(), ReportError> {
    let mut report = Report::new("airside rules");
    for outcomes in outcomes.chunk_by(|outcome, next| outcome.rule == next.rule) {
        let Some(first) = outcomes.first() else { continue };
        let mut suite = TestSuite::new(first.rule.as_str());
        suite.add_test_cases(outcomes.iter().map(test_case));
        report.add_test_suite(suite);
    }
    report.serialize(out).map_err(|error| ReportError::write(io::Error::other(error)))
}

fn test_case(outcome: &Outcome) -> TestCase {
    let status = if outcome.differences.is_empty() {
        TestCaseStatus::success()
    } else {
        let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let lines: Vec<String> = outcome.differences.iter().map(ToString::to_string).collect();
        failure.set_message(lines.first().map(String::as_str).unwrap_or_default());
        failure.set_type("difference");
        failure.set_description(lines.join("\n"));
        failure
    };
    let mut case = TestCase::new(outcome.case.as_str(), status);
    case.set_classname(outcome.rule.as_str());
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::rule::case::Difference;

    fn outcomes() -> [Outcome; 2] {
        let passed = Outcome {
            rule: "a".to_owned(),
            case: "fires".to_owned(),
            expects_findings: true,
            is_synthetic: false,
            differences: Vec::new(),
        };
        let difference = Difference {
            finding: 2,
            field: Some("severity".to_owned()),
            expected: "\"high\"".to_owned(),
            found: "\"<\u{1b}[31m&\"".to_owned(),
        };
        let failed = Outcome { case: "near miss".to_owned(), differences: vec![difference], ..passed.clone() };
        [passed, failed]
    }

    fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_differs_is_written_field_by_field_and_counted() {
        let text = text_of(|out| write(&outcomes(), out, Style::default()).unwrap());

        assert_eq!(
            text,
            "failed  a: near miss\n  finding 2: severity\n    expected  \"high\"\n    found     \
             \"<\\u{1b}[31m&\"\n2 cases of 1 rules: 1 passed, 1 failed\n"
        );
        samples::assert_harmless(&text);
    }

    #[test]
    fn junit_has_a_suite_for_each_rule_and_is_well_formed_whatever_was_found() {
        let text = text_of(|out| write_junit(&outcomes(), out).unwrap());

        let report = Report::deserialize_from_str(&text).unwrap();
        assert_eq!((report.tests, report.failures), (2, 1));
        assert_eq!(report.test_suites[0].name.as_str(), "a");
        assert!(text.contains("&lt;") && text.contains("&amp;"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
