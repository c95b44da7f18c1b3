//! `junit`: JUnit XML, a suite for each rule.
//!
//! A finding is a failed case, and so are findings that a limit left out; a rule that found nothing a
//! passed one, a rule that could not be evaluated, or in part only, a skipped one. Times are left out, so that the same findings give the same bytes.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use crate::finding::Finding;
use crate::report::absence;
use crate::report::document::sentence;
use crate::report::escape::{Escaped, escaped};
use crate::report::{Report, ReportError, severity_word};

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let mut document = Document::new("airside");
    for finding in first_of_each_rule(report.findings) {
        let findings = report.findings.iter().filter(|other| other.rule_id == finding.rule_id);
        document.add_test_suite(suite(&finding.rule_id, findings.map(failed)));
    }
    let found = |rule: &str| report.findings.iter().any(|finding| finding.rule_id == rule);
    let quiet =
        if report.hidden_by_severity > 0 { "found nothing at or above --min-severity" } else { "found nothing" };
    for rule in report.coverage.rules.run.iter().filter(|rule| !found(rule)) {
        document.add_test_suite(suite(rule, [TestCase::new(quiet, TestCaseStatus::success())].into_iter()));
    }
    for partial in &report.coverage.rules.partial {
        document.add_test_suite(suite(&partial.rule, [skipped("in part only", &partial.reason)].into_iter()));
    }
    for capped in &report.coverage.rules.capped {
        let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
        failure.set_message(escaped(&absence::left_out(capped)));
        document.add_test_suite(suite(&capped.rule, [TestCase::new("findings left out", failure)].into_iter()));
    }
    for lacking in &report.coverage.rules.not_evaluable {
        document.add_test_suite(suite(&lacking.rule, [skipped("not evaluable", &lacking.reason)].into_iter()));
    }
    document.serialize(out).map_err(|error| ReportError::write(io::Error::other(error)))
}

fn skipped(name: &str, reason: &str) -> TestCase {
    let mut skipped = TestCaseStatus::skipped();
    skipped.set_message(escaped(reason));
    TestCase::new(name, skipped)
}

/// The first finding of each rule, in the order of the report.
fn first_of_each_rule(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    let mut seen = std::collections::BTreeSet::new();
    findings.iter().filter(move |finding| seen.insert(&finding.rule_id))
}

fn suite(rule: &str, cases: impl Iterator<Item = TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(escaped(rule));
    suite.add_test_cases(cases.map(|mut case| {
        case.set_classname(escaped(rule));
        case
    }));
    suite
}

fn failed(finding: &Finding) -> TestCase {
    let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
    failure.set_message(sentence(finding));
    failure.set_type(severity_word(finding.severity));
    let evidence: Vec<String> = finding
        .evidence
        .iter()
        .map(|row| {
            let (operation, object) = (Escaped(&row.operation), Escaped(&row.object));
            format!("{} {operation} {object}:{} event {}", row.time, row.offset, Escaped(&row.event_uid))
        })
        .collect();
    failure.set_description(evidence.join("\n"));
    // The same from run to run, as build servers compare cases by their names.
    let who = finding.principal_name.as_ref().or(finding.principal_id.as_ref());
    let on = finding.target_name.as_ref().or(finding.target_id.as_ref());
    let who_on_what: Vec<String> = [who, on].into_iter().flatten().map(|text| escaped(text)).collect();
    TestCase::new(format!("{} [{}]", who_on_what.join(" on "), finding.fingerprint), failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::{Coverage, NotEvaluable};
    use crate::report::samples;

    #[test]
    fn a_finding_fails_a_quiet_rule_passes_and_one_without_its_log_is_skipped() {
        let mut coverage = Coverage::default();
        coverage.rules.run = vec!["dbmi-keyvault-secret-read".to_owned(), "quiet".to_owned()];
        let reason = "no source signin".to_owned();
        coverage.rules.not_evaluable.push(NotEvaluable { rule: "blind".to_owned(), reason });
        coverage.rules.partial.push(NotEvaluable { rule: "quiet".to_owned(), reason: "no source sql".to_owned() });
        let findings = [Finding { principal_name: Some("dbmanagedidentity\u{ffff}".to_owned()), ..samples::finding() }];
        let report = Report { findings: &findings, coverage: &coverage, rules: &[], hidden_by_severity: 2 };
        let mut out = Vec::new();

        write(&report, &mut out).unwrap();

        let document = Document::deserialize_from_str(std::str::from_utf8(&out).unwrap()).unwrap();
        assert!(!std::str::from_utf8(&out).unwrap().contains('\u{ffff}'), "no XML");
        assert_eq!((document.tests, document.failures), (4, 1));
        let suites: Vec<(&str, usize, usize)> = document
            .test_suites
            .iter()
            .map(|suite| (suite.name.as_str(), suite.failures, suite.test_cases.len()))
            .collect();
        assert_eq!(suites, [("dbmi-keyvault-secret-read", 1, 1), ("quiet", 0, 1), ("quiet", 0, 1), ("blind", 0, 1)]);
        let name = |suite: usize| document.test_suites[suite].test_cases[0].name.to_string();
        assert_eq!(name(0), "dbmanagedidentity\\u{ffff} on kv-prod [f00d]");
        assert_eq!([name(1), name(2)], ["found nothing at or above --min-severity", "in part only"]);
    }
}
