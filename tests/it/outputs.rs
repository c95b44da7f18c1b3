//! Outputs for other tools, held against the published schemas of their formats.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::cli::{airside, code, path, stderr};
use crate::support::{root, skip};

/// A Python that has the validators: `AIRSIDE_VALIDATORS` names its environment, else it is where
/// `.ci/test` puts it. `None`, said aloud, where there is none.
pub(crate) fn python() -> Option<PathBuf> {
    let given = std::env::var_os("AIRSIDE_VALIDATORS").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/airside/validators"));
    let python = given.or(home).map(|folder| folder.join("bin/python")).filter(|python| python.exists());
    if python.is_none() {
        skip("no Python with the packages that judge outputs: .ci/test installs them");
    }
    python
}

/// What the validator of `format` has against a file; empty where it is as it should be.
pub(crate) fn problems(format: &str, file: &Path) -> String {
    let Some(python) = python() else { return String::new() };
    let tests = root().join("tests/it");
    let output = Command::new(python)
        .arg(tests.join("outputs.py"))
        .arg(format)
        .arg(file)
        .arg(tests.join("schemas/sarif-schema-2.1.0.json"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { String::new() } else { String::from_utf8_lossy(&said).into_owned() }
}

/// The sample tenant in every format, written by one scan.
fn tenant() -> &'static Path {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let targets = ["sarif", "ocsf", "timesketch", "junit", "markdown"]
            .map(|format| format!("{format}={}", path(&folder.path().join(format))));
        let flags = targets.iter().flat_map(|target| ["--output", target]);
        let arguments: Vec<&str> =
            ["scan", "sample-logs/tenant", "--format", "ndjson"].into_iter().chain(flags).collect();
        let output = airside(&arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        fs::write(folder.path().join("ndjson"), output.stdout).unwrap();
        folder
    });
    FOLDER.path()
}

fn text_of(format: &str) -> String {
    fs::read_to_string(tenant().join(format)).unwrap()
}

fn lines_of(format: &str) -> Vec<Value> {
    text_of(format).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn sarif_follows_its_schema_and_has_every_finding_with_its_rule() {
    let findings = lines_of("ndjson");

    assert_eq!(problems("sarif", &tenant().join("sarif")), "");
    let document: Value = serde_json::from_str(&text_of("sarif")).unwrap();
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), findings.len());
    for (result, finding) in results.iter().zip(&findings) {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], finding["rule_id"]);
        assert_eq!(result["partialFingerprints"]["airsideFinding/v1"], finding["fingerprint"]);
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!(region["byteOffset"], finding["evidence"][0]["offset"]);
        assert_eq!(region["byteLength"], finding["evidence"][0]["length"]);
        let all = 1 + result["relatedLocations"].as_array().map_or(0, Vec::len);
        assert_eq!(all, finding["evidence"].as_array().unwrap().len());
    }
    let not_evaluable = run["invocations"][0]["toolConfigurationNotifications"].as_array().unwrap();
    assert!(not_evaluable.iter().any(|said| said["associatedRule"]["id"] == "identity-unexpected-ip"));
}

#[test]
fn ocsf_findings_follow_the_schema_of_their_class() {
    let findings = lines_of("ndjson");

    assert_eq!(problems("ocsf", &tenant().join("ocsf")), "");
    let lines = lines_of("ocsf");
    assert_eq!(lines.len(), findings.len());
    for (line, finding) in lines.iter().zip(&findings) {
        assert_eq!(line["finding_info"]["uid"], finding["fingerprint"]);
        assert_eq!(line["finding_info"]["analytic"]["uid"], finding["rule_id"]);
        assert_eq!(line["count"], finding["events"]);
        assert_eq!(line["severity"].as_str().unwrap().to_lowercase(), finding["severity"].as_str().unwrap());
    }
}

#[test]
fn timesketch_gets_a_line_for_each_piece_of_evidence_with_what_it_asks_for() {
    let evidence: usize = lines_of("ndjson").iter().map(|finding| finding["evidence"].as_array().unwrap().len()).sum();

    let lines = lines_of("timesketch");
    assert_eq!(lines.len(), evidence);
    for line in &lines {
        // What Timesketch's importer asks for, and in which spelling.
        for member in ["message", "datetime", "timestamp_desc"] {
            assert!(line[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {line}");
        }
        assert!(line["timestamp"].as_i64().is_some_and(|micros| micros > 1_700_000_000_000_000), "{line}");
        assert!(line["datetime"].as_str().unwrap().ends_with("+00:00"), "{line}");
        assert!(line["tag"].as_array().unwrap().iter().all(Value::is_string), "{line}");
    }
}

#[test]
fn junit_fails_once_for_each_finding() {
    let findings = lines_of("ndjson");

    let report = quick_junit::Report::deserialize_from_str(&text_of("junit")).unwrap();

    assert_eq!(report.failures, findings.len());
    let names: std::collections::BTreeSet<_> = report
        .test_suites
        .iter()
        .flat_map(|suite| suite.test_cases.iter().map(move |case| (&suite.name, &case.name)))
        .collect();
    assert_eq!(names.len(), report.tests, "every case has a name of its own");
    let skipped = report.test_suites.iter().any(|suite| suite.name.as_str() == "identity-unexpected-ip");
    assert!(skipped);
}

#[test]
fn markdown_has_a_section_for_each_finding() {
    let findings = lines_of("ndjson");

    let text = text_of("markdown");

    assert_eq!(text.lines().filter(|line| line.starts_with("## ")).count(), findings.len());
    assert!(text.contains("**What to do.**"));
}
