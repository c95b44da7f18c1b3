//! The program as other programs and people see it: exit codes, messages, files, pipes.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::{folder, root, skip};

/// A record that no rule minds.
const RECORD: &str = r#"{ "time": "2026-05-04T10:15:30.1234567Z", "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG", "operationName": "MICROSOFT.RESOURCES/TAGS/WRITE", "category": "Administrative", "resultType": "Success", "resultSignature": "Succeeded.OK", "durationMs": "20", "callerIpAddress": "203.0.113.9", "correlationId": "99999999-8888-4777-8666-555555555555", "identity": {"claims":{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"ana@example.com"}}, "level": "Information", "properties": {} }"#;

pub(crate) fn airside(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(args)
        .current_dir(root())
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn coverage_of(output: &Output) -> Value {
    serde_json::from_str::<Value>(&stdout(output)).unwrap()["coverage"].clone()
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_truncated_gzip_is_named_and_everything_before_and_beside_it_is_read() {
    // Stored, not compressed away: the first record must lie before the cut.
    let mut lines = String::new();
    for number in 0..2000_u32 {
        let unique = format!("9999{number:04}-8888-4777-8666-{:012}", number.wrapping_mul(2_654_435_761));
        lines.push_str(&RECORD.replace("99999999-8888-4777-8666-555555555555", &unique));
        lines.push('\n');
    }
    let whole = gzip(&lines);
    let folder = folder(&[("cut.json.gz", &whole[..whole.len() / 2]), ("good.json", RECORD.as_bytes())]);

    let output = airside(&["scan", path(folder.path()), "--format", "json"]);

    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(stderr(&output).contains("cut.json.gz: gzip stream ends early after"), "{}", stderr(&output));
    let coverage = coverage_of(&output);
    assert_eq!(coverage["objects"]["read"], 1);
    assert_eq!(coverage["objects"]["failed"], 1);
    assert!(coverage["records"]["events"].as_u64().unwrap() > 100, "{coverage}");
}

#[test]
fn half_a_record_at_the_end_is_rejected_and_the_others_are_read() {
    let folder = folder(&[("half.json", format!("{RECORD}\n{}", &RECORD[..200]))]);

    let output = airside(&["scan", path(folder.path()), "--format", "json"]);

    assert_eq!(code(&output), 0);
    let coverage = coverage_of(&output);
    assert_eq!(coverage["records"]["events"], 1);
    assert_eq!(coverage["rejected"]["truncated record"], 1);
    let place = format!("half.json at byte {}, record 1: truncated record", RECORD.len() + 1);
    assert!(stderr(&output).contains(&place), "{}", stderr(&output));
}

#[test]
fn a_binary_file_is_one_rejected_region_and_an_empty_one_is_nothing() {
    let binary: Vec<u8> = (0..5000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let folder = folder(&[("image.bin", binary.as_slice()), ("empty.json", b""), ("good.json", RECORD.as_bytes())]);

    let output = airside(&["scan", path(folder.path()), "--format", "json"]);

    assert_eq!(code(&output), 0);
    let coverage = coverage_of(&output);
    assert_eq!(coverage["objects"]["read"], 3);
    assert_eq!(coverage["records"]["events"], 1);
    assert_eq!(coverage["rejected"]["not JSON, CSV or Avro"], 1);
    assert!(stderr(&output).contains("image.bin at byte 0"), "{}", stderr(&output));
}

/// A zip archive of one file, which is stored as it is.
fn zip(name: &str, content: &str) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(content.as_bytes());
    let length = u32::try_from(content.len()).unwrap();
    // Version 2.0, no flags, not compressed, midnight of 1980-01-01; then the name's length and no more.
    let mut entry = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    entry.extend([sum.sum(), length, length].into_iter().flat_map(u32::to_le_bytes));
    entry.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    entry.extend([0, 0]);
    let mut archive = [b"PK\x03\x04", entry.as_slice(), name.as_bytes(), content.as_bytes()].concat();
    let directory = [b"PK\x01\x02\x14\0", entry.as_slice(), &[0; 14], name.as_bytes()].concat();
    let places = [directory.len(), archive.len()].map(|place| u32::try_from(place).unwrap());
    archive.extend(directory);
    // One entry, on one disk; where the directory is, and no comment.
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend(places.into_iter().flat_map(u32::to_le_bytes));
    archive.extend([0, 0]);
    archive
}

/// They counted as one rejected record each, and the run as a good one.
#[test]
fn archives_and_other_compressions_fail_with_what_to_do_first_and_the_others_are_read() {
    let packed = zip("PT1H.json", RECORD);
    // So large that it is read in blocks.
    let mut large = b"\xfd7zXZ\0".to_vec();
    large.resize(2 << 20, 0);
    let tar = format!("PT1H.json{}ustar{}", "\0".repeat(248), "\0".repeat(250));
    let twice = [gzip(RECORD), gzip(RECORD)].concat();
    let folder = folder(&[
        ("good.json", RECORD.as_bytes()),
        ("large.json.xz", large.as_slice()),
        ("logs.tgz", gzip(&tar).as_slice()),
        ("logs.zip", packed.as_slice()),
        ("twice.json.gz", twice.as_slice()),
    ]);

    let output = airside(&["scan", path(folder.path()), "--format", "json"]);

    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let coverage = coverage_of(&output);
    let failed: Vec<_> =
        coverage["failed"].as_array().unwrap().iter().map(|failed| failed["reason"].as_str()).collect();
    assert_eq!(failed.len(), 3, "{coverage}");
    for reason in [
        "large.json.xz: is compressed with xz: decompress it first",
        "logs.tgz: is a tar archive within gzip: unpack it first",
        "logs.zip: is a zip archive: unpack it first",
    ] {
        assert!(failed.iter().flatten().any(|failed| failed.ends_with(reason)), "{reason}: {coverage}");
        assert!(stderr(&output).contains(reason), "{reason}: {}", stderr(&output));
    }
    assert_eq!((&coverage["objects"]["read"], &coverage["objects"]["failed"]), (&2.into(), &3.into()));
    // Members one after the other are no gzip within gzip: the same record, three times.
    assert_eq!((&coverage["records"]["events"], &coverage["records"]["duplicates"]), (&1.into(), &2.into()));
    assert_eq!(coverage["records"]["rejected"], 0);
}

/// "No findings" must not pass for "all is well" where there was nothing to look at.
#[test]
fn a_scan_that_looked_at_nothing_says_so_whatever_the_format() {
    let foreign = r#"{"kind":"Event","message":"of another system"}"#;
    let folder = folder(&[("empty.json", ""), ("foreign.json", foreign), ("ours.json", RECORD)]);
    let file = |name: &str| folder.path().join(name);
    let scan = |name: &str, more: &[&str]| {
        let file = file(name);
        let output = airside(&[&["scan", path(&file)], more].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        output
    };
    let nothing = "nothing can have been found";
    for format in ["table", "json", "csv"] {
        let (empty, foreign) = (scan("empty.json", &["--format", format]), scan("foreign.json", &["--format", format]));
        let ours = scan("ours.json", &["--format", format]);

        assert!(stderr(&empty).contains(&format!("warning: no record was read: {nothing}")), "{}", stderr(&empty));
        assert!(stderr(&foreign).contains(&format!("among 1 record: {nothing}")), "{}", stderr(&foreign));
        assert!(!stderr(&ours).contains(nothing), "{}", stderr(&ours));
    }
    let early = scan("ours.json", &["--until", "2026-05-04", "--format", "table"]);
    assert!(stderr(&early).contains(nothing), "{}", stderr(&early));
    assert!(stdout(&early).contains("none in the time range"), "{}", stdout(&early));
    let of_no_log = scan("ours.json", &["--only", "dbmi-storage-data-access"]);
    let why = format!("none of the chosen rules could be run: {nothing}");
    assert!(stderr(&of_no_log).contains(&why), "{}", stderr(&of_no_log));
}

#[test]
fn a_missing_folder_ends_the_run_before_any_work() {
    let output = airside(&["scan", "no/such/folder", "sample-logs/tenant"]);

    assert_eq!(code(&output), 3);
    assert!(stdout(&output).is_empty());
    assert!(stderr(&output).contains("no/such/folder does not exist"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_named_and_everything_else_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder(&[("closed.json", RECORD), ("open.json", RECORD)]);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&folder.path().join("closed.json"), 0);
    mode(folder.path(), 0o755);
    let command = if fs::read(folder.path().join("closed.json")).is_ok() {
        // Root may read everything: the program is run as somebody else, from where they can reach.
        let program = folder.path().join("airside");
        fs::copy(env!("CARGO_BIN_EXE_airside"), &program).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_airside"))
    };
    let mut command = command;
    let files = [folder.path().join("closed.json"), folder.path().join("open.json")];
    let Ok(output) = command.arg("scan").args(&files).args(["--format", "json"]).current_dir("/").output() else {
        skip("running as root, and there is no setpriv to be somebody else");
        return;
    };

    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(stderr(&output).contains("closed.json: permission denied"), "{}", stderr(&output));
    assert_eq!(coverage_of(&output)["records"]["events"], 1);
}

#[test]
fn a_rule_with_a_typo_is_named_with_file_line_and_column_before_any_data_is_read() {
    let rule = fs::read_to_string(root().join("queries/infra_doing_data/dbmi-keyvault-secret-read.sql")).unwrap();
    let in_head = rule.replace("dbmi-keyvault-secret-read", "my-head").replace("--! severity", "--! sevrity");
    let in_query = rule.replace("dbmi-keyvault-secret-read", "my-query").replace("identity_kind <>", "identity_knd <>");
    let folder = folder(&[("my-head.sql", in_head), ("my-query.sql", in_query)]);

    let output = airside(&["scan", "--rules", path(folder.path()), "sample-logs/tenant"]);

    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stdout(&output).is_empty());
    let message = stderr(&output);
    assert!(message.contains("my-head.sql:4:5:") && message.contains("sevrity"), "{message}");
    assert!(message.contains("my-query.sql") && message.contains("identity_kind"), "{message}");
}

#[test]
fn an_unknown_flag_value_names_the_valid_ones() {
    let output = airside(&["scan", "sample-logs/tenant", "--format", "xml"]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("table") && stderr(&output).contains("ndjson"), "{}", stderr(&output));

    let output = airside(&["scan", "sample-logs/tenant", "--only", "dbmi-storage-data-acces"]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("dbmi-storage-data-access"), "{}", stderr(&output));

    let output = airside(&["scan", "sample-logs/tenant", "--since", "yesterday"]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("--since yesterday"), "{}", stderr(&output));
}

#[test]
fn fail_on_decides_the_exit_code_and_nothing_else_does() {
    assert_eq!(code(&airside(&["scan", "sample-logs/tenant"])), 0);
    assert_eq!(code(&airside(&["scan", "sample-logs/tenant", "--fail-on", "critical"])), 1);
    let one = ["scan", "sample-logs/tenant", "--only", "R07", "--fail-on", "critical"];
    assert_eq!(code(&airside(&one)), 0);
}

#[test]
fn every_format_goes_to_a_file_beside_the_main_one_and_none_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let outputs = ["table=t.txt", "json=f.json", "ndjson=f.ndjson", "csv=f.csv", "parquet=f.parquet"]
        .map(|output| output.replace('=', &format!("={}/", folder.path().display())));
    let mut args = vec!["scan", "sample-logs/tenant", "--format", "ndjson"];
    for output in &outputs {
        args.extend(["--output", output.as_str()]);
    }
    let (coverage, quarantine) = (file("coverage.json"), file("quarantine.ndjson"));
    args.extend(["--coverage", &coverage, "--quarantine", &quarantine]);

    let first = airside(&args);

    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let lines = stdout(&first);
    assert_eq!(fs::read_to_string(file("f.ndjson")).unwrap(), lines);
    let findings = lines.lines().count();
    let document: Value = serde_json::from_str(&fs::read_to_string(file("f.json")).unwrap()).unwrap();
    assert_eq!(document["findings"].as_array().unwrap().len(), findings);
    assert_eq!(csv::Reader::from_path(file("f.csv")).unwrap().records().map(Result::unwrap).count(), findings);
    assert_eq!(&fs::read(file("f.parquet")).unwrap()[..4], b"PAR1");
    let counted: Value = serde_json::from_str(&fs::read_to_string(&coverage).unwrap()).unwrap();
    assert_eq!(counted["records"]["rejected"], 1);
    assert_eq!(fs::read_to_string(&quarantine).unwrap().lines().count(), 1);

    let second = airside(&args);

    assert_eq!(code(&second), 3);
    assert!(stderr(&second).contains("--force"), "{}", stderr(&second));
    args.push("--force");
    assert_eq!(code(&airside(&args)), 0);
}

#[test]
fn the_same_input_gives_the_same_bytes_whatever_the_number_of_threads() {
    let run =
        |threads: &str| stdout(&airside(&["scan", "sample-logs/tenant", "--format", "json", "--threads", threads]));

    let one = run("1");

    assert_eq!(one, run("2"));
    assert_eq!(one, run("7"));
}

#[test]
fn events_that_go_to_disk_give_the_same_findings_and_matrix() {
    let in_memory = airside(&["scan", "sample-logs/tenant", "--format", "ndjson"]);
    // The smallest limit is far above the tenant's size: the budget is set through the library.
    let options = airside::pipeline::ReadOptions { memory_limit_bytes: 64 << 10, ..Default::default() };
    let listing =
        airside::source::list(&["sample-logs/tenant".to_owned()], &airside::source::ListOptions::default()).unwrap();
    let library = crate::support::library();
    let loaded = airside::pipeline::read(
        listing,
        &options,
        &mut airside::pipeline::Quarantine::new(None),
        &airside::pipeline::Unwatched,
        &airside::pipeline::Cancel::default(),
    )
    .unwrap();
    assert!(matches!(loaded.streams, airside::lake::Streams::Files { .. }), "nothing went to disk");
    let questions = airside::pipeline::Questions {
        lists: Vec::new(),
        baseline: None,
        rules: library.select(&airside::rule::load::Selection::default()).unwrap(),
        exceptions: airside::finding::exceptions::Exceptions::new(Vec::new(), library).unwrap(),
        identities: false,
        matrix: true,
        activity: false,
        memory_limit_bytes: 256 << 20,
        threads: 2,
        limits: options.limits,
        rule_timeout: None,
    };
    let analysis = crate::support::runtime()
        .block_on(airside::pipeline::analyse(
            loaded,
            questions,
            &airside::pipeline::Unwatched,
            &airside::pipeline::Cancel::default(),
        ))
        .unwrap();

    let expected: Vec<Value> = stdout(&in_memory).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // By way of text, as the program writes it: a value made directly widens 32-bit numbers.
    let text = |finding| serde_json::to_string(finding).unwrap();
    let got: Vec<Value> =
        analysis.findings.iter().map(|finding| serde_json::from_str(&text(finding)).unwrap()).collect();
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got, expected);
    }
    assert_eq!(got.len(), expected.len());
    let matrix = airside(&["matrix", "sample-logs/tenant", "--format", "json"]);
    let expected: Value = serde_json::from_str(&stdout(&matrix)).unwrap();
    let got: Value = serde_json::from_str(&serde_json::to_string(&analysis.matrix.unwrap()).unwrap()).unwrap();
    assert_eq!(got["workspaces"], expected["workspaces"]);
    assert_eq!(got["sources"], expected["sources"]);
}

#[test]
fn standard_input_is_read_and_a_closed_pipe_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["scan", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(RECORD.as_bytes()).unwrap();

    let output = child.wait_with_output().unwrap();

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(coverage_of(&output)["records"]["events"], 1);

    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["rules", "show", "R45"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());

    let output = child.wait_with_output().unwrap();

    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn an_interrupted_run_ends_at_once_and_leaves_nothing_behind() {
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
            .args(["scan", "-", "--output"])
            .arg(format!("json={}", folder.path().join("findings.json").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe stays open: the run waits for more when the signal comes.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{RECORD}\n").as_bytes()).unwrap();
        let is_under_way = || fs::read_dir(folder.path()).unwrap().count() > 0;
        wait_until(is_under_way);
        std::thread::sleep(std::time::Duration::from_millis(500));

        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();

        assert!(killed.success());
        let mut ended = None;
        wait_until(|| {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        assert_eq!(ended.unwrap().code(), Some(expected), "{signal}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{signal}");
        drop(stdin);
    }
}

/// Waits for something that must come within seconds, on a busy machine too.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited for a minute");
}

/// The write of an access connector, long before what its identity does.
const CONNECTOR_WRITE: &str = r#"{ "time": "2026-03-01T10:00:00Z", "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.DATABRICKS/ACCESSCONNECTORS/AC", "operationName": "MICROSOFT.DATABRICKS/ACCESSCONNECTORS/WRITE", "category": "Administrative", "resultType": "Success", "resultSignature": "Succeeded.Created", "durationMs": "20", "correlationId": "99999999-8888-4777-8666-555555555551", "identity": {"claims":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"e1e1e1e1-0000-4000-8000-000000000001","idtyp":"user"}}, "level": "Information", "properties": {"responseBody":"{\"id\":\"/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg/providers/Microsoft.Databricks/accessConnectors/ac\",\"identity\":{\"type\":\"SystemAssigned\",\"principalId\":\"d1d1d1d1-0000-4000-8000-000000000001\"}}"} }"#;

/// The storage log names an object id and nothing else: whose it is was written weeks before.
#[test]
fn what_was_done_to_a_connector_before_the_range_tells_who_acts_in_it() {
    let written = CONNECTOR_WRITE;
    let read = r#"{ "time": "2026-05-04T10:00:00Z", "resourceId": "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake/blobServices/default", "category": "StorageRead", "operationName": "GetBlob", "statusCode": 200, "statusText": "Success", "correlationId": "99999999-8888-4777-8666-555555555552", "identity": {"type":"OAuth","requester":{"objectId":"D1D1D1D1-0000-4000-8000-000000000001"}}, "properties": {"accountName":"lake","objectKey":"/lake/b/x"} }"#;
    let folder = folder(&[("a.json", written), ("b.json", read)]);

    for limit in [&[][..], &["--memory-limit", "256MB"]] {
        let mut arguments = vec!["identities", path(folder.path()), "--since", "2026-05-01", "--format", "json"];
        arguments.extend(limit);
        let output = airside(&arguments);

        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(document["coverage"]["skipped"]["out of range"], 1);
        assert_eq!(document["coverage"]["records"]["events"], 1);
        let of_connector = |row: &&Value| row["principal_id"] == "d1d1d1d1-0000-4000-8000-000000000001";
        let identity = document["identities"].as_array().unwrap().iter().find(of_connector).unwrap();
        assert_eq!((&identity["stream"], &identity["events"]), (&"adac".into(), &1.into()));
        assert!(identity["classified_by"].as_str().unwrap().starts_with("P1"), "{identity}");
    }
}

#[test]
fn events_out_of_range_are_skipped_but_still_tell_who_is_who() {
    let named = r#"{ "time": "2026-05-01T10:00:00Z", "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG", "operationName": "MICROSOFT.RESOURCES/TAGS/WRITE", "category": "Administrative", "resultType": "Failure", "resultSignature": "Failed.Forbidden", "durationMs": "20", "correlationId": "99999999-8888-4777-8666-555555555551", "identity": {"claims":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"d1d1d1d1-0000-4000-8000-000000000001","appid":"c1c1c1c1-0000-4000-8000-000000000001","idtyp":"app","appidacr":"2","xms_mirid":"/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/rg/providers/Microsoft.Databricks/accessConnectors/ac"}}, "level": "Error", "properties": {} }"#;
    let read = r#"{ "time": "2026-05-04T10:00:00Z", "resourceId": "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake/blobServices/default", "category": "StorageRead", "operationName": "GetBlob", "statusCode": 200, "statusText": "Success", "correlationId": "99999999-8888-4777-8666-555555555552", "identity": {"type":"OAuth","requester":{"objectId":"D1D1D1D1-0000-4000-8000-000000000001"}}, "properties": {"accountName":"lake","objectKey":"/lake/b/x"} }"#;
    let folder = folder(&[("a.json", named), ("b.json", read)]);

    let output = airside(&[
        "identities",
        path(folder.path()),
        "--since",
        "2026-05-02",
        "--until",
        "2026-05-05",
        "--format",
        "json",
    ]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["coverage"]["skipped"]["out of range"], 1);
    let identity = &document["identities"][0];
    assert_eq!(identity["principal_id"], "d1d1d1d1-0000-4000-8000-000000000001");
    assert_eq!(identity["stream"], "adac");
    assert_eq!(identity["events"], 1);
    assert!(identity["classified_by"].as_str().unwrap().starts_with("P7"), "{identity}");
}

#[test]
fn an_inventory_file_of_unknown_shape_is_named_with_what_was_expected() {
    let unknown = [
        ("object.json", r#"{"foo":1}"#, "nothing that says who is who"),
        ("array.json", r#"[{"foo":1},{"bar":2}]"#, "nothing that says who is who"),
        ("text.json", "connectors: none\n", "nothing that says who is who"),
        ("logs.json", RECORD, "log records and no inventory"),
    ];
    for (name, text, complaint) in unknown {
        let folder = folder(&[(name, text)]);
        let file = folder.path().join(name);

        let output = airside(&["scan", "sample-logs/tenant", "--inventory", path(&file)]);

        assert_eq!(code(&output), 3, "{name}");
        assert!(stdout(&output).is_empty(), "{name}");
        let said = stderr(&output);
        assert!(said.contains(name) && said.contains(complaint), "{said}");
        assert!(said.contains("az databricks access-connector list"), "{said}");
    }
}

#[test]
fn an_inventory_file_may_be_empty_and_may_hold_more_than_inventory() {
    let connector = r#"{"id":"/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg/providers/Microsoft.Databricks/accessConnectors/ac","type":"Microsoft.Databricks/accessConnectors","name":"ac","identity":{"type":"SystemAssigned","principalId":"0c000000-0000-4000-8000-000000000001"}}"#;
    for text in ["[]".to_owned(), String::new(), format!("{RECORD}\n{connector}\n")] {
        let folder = folder(&[("inventory.json", &text)]);
        let file = folder.path().join("inventory.json");

        let output = airside(&["identities", "sample-logs/tenant", "--inventory", path(&file)]);

        assert_eq!(code(&output), 0, "{text}: {}", stderr(&output));
    }
}

#[test]
fn an_expected_event_is_hidden_and_counted_and_an_unused_exception_is_named() {
    let config = r#"
[[expected]]
rule = "adac-keys-or-sas-listed"
reason = "rotation job of May 2026"
until = 2026-06-01

[[expected]]
rule = "R45"
principal = "00000000-0000-4000-8000-00000000dead"
reason = "nobody by that name"
"#;
    let folder = folder(&[("airside.toml", config)]);
    let config = folder.path().join("airside.toml");

    let output = airside(&["scan", "sample-logs/tenant", "--format", "json", "--config", path(&config)]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let rules: Vec<&str> =
        document["findings"].as_array().unwrap().iter().map(|finding| finding["rule_id"].as_str().unwrap()).collect();
    assert!(!rules.contains(&"adac-keys-or-sas-listed"), "{rules:?}");
    let exceptions = &document["coverage"]["exceptions"];
    assert!(exceptions["hidden_events"].as_u64().unwrap() >= 1, "{exceptions}");
    assert!(exceptions["hidden_findings"].as_u64().unwrap() >= 1, "{exceptions}");
    assert_eq!(exceptions["unused"].as_array().unwrap().len(), 1, "{exceptions}");
}

#[test]
fn a_baseline_is_made_kept_and_not_changed_by_reading_the_same_logs_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baseline.ndjson");
    let scan = || airside(&["scan", "sample-logs/tenant", "--baseline", path(&file)]);

    assert_eq!(code(&scan()), 0);
    let first = fs::read_to_string(&file).unwrap();
    assert_eq!(code(&scan()), 0);

    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    // The access connector's identity read storage, by the tenant's story, and got tokens for it.
    let lines: Vec<Value> = first.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |dim: &str, value: &str| {
        let connector = "a1000000-0000-4000-8000-000000000001";
        lines.iter().any(|line| line["principal_id"] == connector && line["dim"] == dim && line["value"] == value)
    };
    assert!(has("audience", "storage") && has("use", "any") && has("op_class", "role_assign"), "{first}");

    fs::write(&file, "{}\n").unwrap();
    let refused = scan();
    assert_eq!(code(&refused), 3);
    assert!(stderr(&refused).contains("baseline.ndjson:1:"), "{}", stderr(&refused));
}

#[test]
fn a_rule_whose_source_is_missing_is_named_as_not_evaluable() {
    let folder = folder(&[("good.json", RECORD)]);

    let output = airside(&["scan", path(folder.path()), "--format", "json"]);

    let rules = &coverage_of(&output)["rules"];
    let reason = |id: &str| {
        let all = rules["not_evaluable"].as_array().unwrap();
        all.iter().find(|rule| rule["rule"] == id).map(|rule| rule["reason"].as_str().unwrap().to_owned())
    };
    // Only the Activity Log was read.
    assert_eq!(reason("dbmi-data-audience-token").unwrap(), "no events of the source 'signin'");
    assert_eq!(reason("dbmi-storage-data-access").unwrap(), "no events of the source 'storage'");
    assert!(reason("identity-dual-use").unwrap().contains("'keyvault'"), "{rules}");
    assert_eq!(reason("identity-unexpected-ip").unwrap(), "nothing in the list 'allowed_ip'");
    assert_eq!(reason("adac-role-assignment-write"), None, "its source was read");
}

#[test]
fn rules_are_listed_shown_checked_and_tested() {
    let list = airside(&["rules", "list", "--format", "ndjson"]);
    assert_eq!(code(&list), 0, "{}", stderr(&list));
    assert_eq!(stdout(&list).lines().count(), crate::support::library().rules().len());

    let show = airside(&["rules", "show", "R16"]);
    assert_eq!(code(&show), 0, "{}", stderr(&show));
    assert!(stdout(&show).contains("adac-management-operation") && stdout(&show).contains("What it cannot see"));

    let check = airside(&["rules", "check", "queries"]);
    assert_eq!(code(&check), 0, "{}", stdout(&check));

    let test = airside(&["rules", "test", "queries"]);
    assert_eq!(code(&test), 0, "{}", stdout(&test));
}

#[test]
fn help_has_examples_and_version_is_the_packages() {
    let help = airside(&["scan", "--help"]);
    assert_eq!(code(&help), 0);
    assert!(stdout(&help).contains("Examples"), "{}", stdout(&help));

    let version = airside(&["--version"]);
    assert_eq!(stdout(&version).trim(), concat!("airside ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_baseline_and_a_report_are_two_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.jsonl");
    let report = format!("json={}", path(&file));

    let output = airside(&["scan", "sample-logs/tenant", "--baseline", path(&file), "--output", &report]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("two outputs to one file"), "{}", stderr(&output));
    assert!(!file.exists());
}

/// Rules of one's own are known where `--rules` names their folder; other commands run none.
#[test]
fn a_configuration_for_rules_of_ones_own_is_taken_by_every_command() {
    let rule = fs::read_to_string(root().join("queries/infra_doing_data/dbmi-graph-token.sql")).unwrap();
    let rule = rule.replace("dbmi-graph-token", "my-rule").replace("aliases = [\"R08\"]", "aliases = []");
    let config = "[rules.my-rule]\nseverity = \"low\"\n[[expected]]\nrule = \"my-rule\"\nreason = \"known\"\n";
    let folder = folder(&[("rules/my-rule.sql", rule.as_str()), ("airside.toml", config)]);
    let (config, rules) = (folder.path().join("airside.toml"), folder.path().join("rules"));
    let (config, rules) = (path(&config), path(&rules));
    let expected = "SELECT rule_id, reason FROM expected";

    for arguments in [
        &["scan", "sample-logs/tenant", "--config", config, "--rules", rules][..],
        &["config", "show", "--config", config, "--rules", rules],
        &["identities", "sample-logs/tenant", "--config", config],
        &["matrix", "sample-logs/tenant", "--config", config],
        &["sql", "sample-logs/tenant", "--config", config, "-c", expected, "--format", "csv"],
    ] {
        let output = airside(arguments);

        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        match arguments[0] {
            "config" => assert!(stdout(&output).contains("[rules.my-rule]"), "{}", stdout(&output)),
            "sql" => assert_eq!(stdout(&output).lines().nth(1), Some("my-rule,known")),
            _ => {}
        }
    }
    let unknown = airside(&["scan", "sample-logs/tenant", "--config", config]);
    assert_eq!(code(&unknown), 3);
    assert!(stderr(&unknown).contains("hint: rules of yours are known where --rules DIR names their folder"));
}

#[test]
fn a_principal_known_by_a_name_alone_stands_there_once_with_what_it_did() {
    let output = airside(&["identities", "sample-logs/tenant", "--format", "ndjson"]);
    let rows: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |row: &Value| ["principal_id", "app_id", "name", "arm_id"].map(|field| row[field].to_string());

    let mut all: Vec<[String; 4]> = rows.iter().map(named).collect();
    let before = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), before, "somebody stands there twice");
    let by_name: Vec<&Value> =
        rows.iter().filter(|row| row["principal_id"].is_null() && row["name"].is_string()).collect();
    assert!(!by_name.is_empty());
    for row in by_name {
        assert!(row["events"].as_u64().unwrap() > 0, "{row}");
    }
}

#[cfg(feature = "lake")]
#[test]
fn a_lake_takes_no_configuration_for_it_keeps_events() {
    let folder = folder(&[("airside.toml", "")]);
    let (config, lake) = (folder.path().join("airside.toml"), folder.path().join("lake"));

    let output = airside(&["ingest", "sample-logs/tenant", "--lake", path(&lake), "--config", path(&config)]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("name --config where the lake is scanned"), "{}", stderr(&output));
    assert!(!lake.exists());
}
