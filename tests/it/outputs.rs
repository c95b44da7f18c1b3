//! Outputs for other tools, held against the published schemas of their formats.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, root, skip};

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
fn problems(format: &str, file: &Path) -> String {
    let Some((is_right, said)) = validate(format, file) else { return String::new() };
    if is_right { String::new() } else { said }
}

/// Whether the validator of `format` is content with a file, and what it said; `None` without Python.
fn validate(format: &str, file: &Path) -> Option<(bool, String)> {
    let python = python()?;
    let tests = root().join("tests/it");
    let output = Command::new(python)
        .arg(tests.join("outputs.py"))
        .arg(format)
        .arg(file)
        .arg(tests.join("schemas/sarif-schema-2.1.0.json"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// The sample tenant in every format, written by one scan.
fn tenant() -> &'static Path {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let targets = ["sarif", "ocsf", "timesketch", "stix", "junit", "markdown"]
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
fn stix_passes_its_validator_and_has_a_note_for_each_finding() {
    let findings = lines_of("ndjson");

    assert_eq!(problems("stix", &tenant().join("stix")), "");
    let bundle: Value = serde_json::from_str(&text_of("stix")).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    let ids: BTreeSet<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), objects.len());
    let of = |kind: &str| objects.iter().filter(|object| object["type"] == kind).collect::<Vec<_>>();
    assert_eq!(of("note").len(), findings.len());
    let seen: usize = findings.iter().map(|finding| finding["attack"].as_array().unwrap().len()).sum();
    assert!(of("sighting").len() >= seen, "alternative ids of a technique are sighted apart");
    // Nothing refers to what is not there.
    for sighting in of("sighting") {
        assert!(ids.contains(sighting["sighting_of_ref"].as_str().unwrap()), "{sighting}");
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
    let names: BTreeSet<_> = report
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

/// Holds that the validators look: each finds one wrong value.
#[test]
fn a_wrong_value_does_not_pass_the_validators() {
    for (format, right, wrong) in [
        ("sarif", r#""level":"error""#, r#""level":"terrible""#),
        ("ocsf", r#""severity_id":4"#, r#""severity_id":42"#),
        ("stix", r#""object_refs":["user-account--"#, r#""object_refs":["nonsense"#),
    ] {
        let text = text_of(format);
        assert!(text.contains(right), "{format}");
        let folder = folder(&[("wrong", text.replace(right, wrong))]);

        let Some((is_right, said)) = validate(format, &folder.path().join("wrong")) else { return };

        assert!(!is_right, "{format}");
        assert!(!said.contains("Traceback"), "{said}");
    }
}

/// Every export form that there is a sample of, so that every class and every gap is met.
#[test]
fn events_as_ocsf_follow_the_schemas_of_their_classes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    let target = format!("ocsf={}", path(&file));

    let output = airside(&["events", "sample-logs", "--output", &target]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    assert_eq!(problems("ocsf", &file), "");
    let text = fs::read_to_string(file).unwrap();
    let classes: BTreeSet<i64> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["class_uid"].as_i64().unwrap()).collect();
    assert_eq!(classes, BTreeSet::from([3002, 3004, 3005, 6003, 6005]));
}

#[test]
fn events_of_one_stream_are_ordered_by_time_and_lead_back_to_their_records() {
    let output = airside(&["events", "sample-logs/tenant", "--stream", "adac", "--since", "2026-05-05"]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let events: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<i64> = events.iter().map(|event| event["time"].as_i64().unwrap()).collect();
    assert!(times.is_sorted());
    assert!(times[0] >= 1_777_939_200_000, "2026-05-05T00:00:00Z");
    assert!(events.iter().all(|event| event["unmapped"]["stream"] == "adac"));
    // The evidence of the first finding that README shows.
    let written = events.iter().find(|event| event["metadata"]["uid"] == "a425f52534bb5b5b59e99067484ec7ee").unwrap();
    assert_eq!(written["api"]["operation"], "microsoft.network/networksecuritygroups/securityrules/write");
    assert_eq!(written["class_uid"], 6003);
    assert_eq!(written["type_uid"], 600_303);
    assert_eq!(written["status"], "Success");
    assert_eq!(written["actor"]["user"]["uid"], "a1000000-0000-4000-8000-000000000001");
    assert_eq!(written["src_endpoint"]["ip"], "203.0.113.10");
    assert_eq!(written["unmapped"]["offset"], 12178);
    assert_eq!(written["unmapped"]["length"], 2499);
}

#[test]
fn files_of_events_have_all_of_them_and_all_columns_as_another_reader_sees_them() {
    let forms = [("arrow", "timestamp[us, tz=UTC]"), ("parquet", "timestamp[us, tz=UTC]")];
    let forms = forms.into_iter().chain([("csv", "timestamp[ns, tz=UTC]"), ("ndjson", "string")]);
    let folder = tempfile::tempdir().unwrap();
    for name in ["first", "second"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        let target = |form: &str| format!("{form}={}", path(&folder.path().join(name).join(form)));
        let targets = ["arrow", "parquet", "csv", "ndjson"].map(target);
        let outputs = targets.iter().flat_map(|target| ["--output", target.as_str()]);
        let output = airside(&["events", "sample-logs/tenant"].into_iter().chain(outputs).collect::<Vec<_>>());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }

    let counts = stdout(&airside(&["identities", "sample-logs/tenant", "--format", "ndjson"]));
    let mut by_stream = std::collections::BTreeMap::<String, u64>::new();
    for row in counts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        *by_stream.entry(row["stream"].as_str().unwrap().to_owned()).or_default() += row["events"].as_u64().unwrap();
    }
    let columns = airside::event::schema::COLUMNS.len();
    for (form, time) in forms {
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name).join(form));
        assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "the same input gives the same bytes");
        let Some((is_right, said)) = validate(form, &first) else { return };
        assert!(is_right, "{form}: {said}");
        let mut lines = said.lines();
        let read: std::collections::BTreeMap<String, u64> = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(read, by_stream, "{form}");
        assert_eq!(lines.next().unwrap(), format!("391 {columns} {time}"), "{form}");
    }
}
