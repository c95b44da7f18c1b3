//! `airside sql` as other programs and people see it: formats, refusals, messages, pipes.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, root};

/// Asks the sample tenant.
fn ask(sql: &str, more: &[&str]) -> Output {
    let mut args = vec!["sql", "sample-logs/tenant", "-c", sql];
    args.extend_from_slice(more);
    airside(&args)
}

/// A record of a caller with this name.
fn record(caller: &str) -> String {
    let claims = serde_json::json!({ "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": caller });
    serde_json::json!({
        "time": "2026-05-04T10:15:30.1234567Z",
        "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG",
        "operationName": "MICROSOFT.RESOURCES/TAGS/WRITE", "category": "Administrative",
        "resultType": "Success", "resultSignature": "Succeeded.OK", "callerIpAddress": "203.0.113.9",
        "correlationId": "99999999-8888-4777-8666-555555555555", "identity": { "claims": claims }, "properties": {},
    })
    .to_string()
}

#[test]
fn rows_come_in_every_format() {
    let query = "SELECT 'a,b' AS text, 7 AS number, CAST(NULL AS VARCHAR) AS nothing";
    for (format, expected) in [
        ("ndjson", "{\"text\":\"a,b\",\"number\":7,\"nothing\":null}\n"),
        ("csv", "text,number,nothing\n\"a,b\",7,\n"),
        ("table", "text  number  nothing\n----  ------  -------\na,b        7  NULL\n(1 row)\n"),
    ] {
        let output = ask(query, &["--format", format]);

        assert_eq!((code(&output), stdout(&output).as_str()), (0, expected), "{}", stderr(&output));
    }
    let output = ask(query, &["--format", "json"]);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["rows"], serde_json::json!([{ "text": "a,b", "number": 7, "nothing": null }]));
    assert!(document["coverage"]["records"]["events"].as_u64().unwrap() > 0);
    assert!(ask(query, &["--format", "parquet"]).stdout.starts_with(b"PAR1"));
}

#[test]
fn what_would_change_something_or_open_a_file_is_refused_before_anything_is_read() {
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "INSERT INTO dbmi SELECT * FROM adac",
        "DELETE FROM events",
        "DROP TABLE events",
        "COPY events TO '/tmp/airside-must-not-be.parquet'",
        "COPY (SELECT 1) TO '/tmp/airside-must-not-be.csv'",
        "EXPLAIN ANALYZE INSERT INTO dbmi SELECT * FROM adac",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "PREPARE p AS SELECT 1",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "SELECT $1",
        "",
    ] {
        let output = ask(sql, &[]);

        assert_eq!(code(&output), 3, "{sql}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{sql}");
        assert!(stderr(&output).starts_with("error: "), "{sql}: {}", stderr(&output));
    }
    assert!(!fs::exists("/tmp/airside-must-not-be.parquet").unwrap());
    assert!(!fs::exists("/tmp/airside-must-not-be.csv").unwrap());
}

#[test]
fn a_wrong_query_is_explained_in_plain_words_with_its_place() {
    for (sql, message) in [
        ("SELECT principalid FROM dbmi", "1:8: No field named principalid. Did you mean 'dbmi.principal_id'"),
        ("SELECT * FROM evnts", "there is no table 'evnts'; did you mean 'events'?"),
        ("SELECT * FROM '/etc/passwd'", "there is no table '/etc/passwd'; files are named before the query, as PATH"),
        ("SELECT 1; SELECT 2", "there is more than one query; ask one at a time"),
        ("DROP TABLE events", "this statement would change something, and only questions are answered here"),
        ("SELECT event_uid FROM events WHERE op_class = $x", "the parameter '$x' has no value"),
    ] {
        let output = ask(sql, &[]);

        assert_eq!(code(&output), 3, "{sql}");
        assert!(stderr(&output).contains(message), "{sql}: {}", stderr(&output));
    }
}

#[test]
fn a_query_that_fails_on_the_data_says_why() {
    let output = ask("SELECT CAST(operation AS BIGINT) FROM events", &[]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("the query failed: Cast error: Cannot cast string"), "{}", stderr(&output));
}

#[test]
fn a_query_that_needs_too_much_memory_fails_alone_and_names_its_operator() {
    let sql = "SELECT array_agg(repeat(a.event_uid, 100)) FROM events a, events b";
    let output = ask(sql, &["--memory-limit", "256MB"]);

    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(stderr(&output).contains("needs more memory than the 256.0 MB of --memory-limit"), "{}", stderr(&output));
    assert!(stderr(&output).contains("in AggregateStream"), "{}", stderr(&output));
}

/// The engine looks for interruptions where it reads tables, and a join of tables this small makes
/// billions of rows of one reading.
#[test]
fn a_signal_ends_a_query_that_would_go_on_for_years() {
    let sql = "SELECT array_agg(a.event_uid || b.event_uid) FROM events a, events b, events c, events d WHERE a.time < b.time";
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["sql", "sample-logs/tenant", "-c", sql, "--coverage", "/dev/stderr"])
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Coverage is written when everything is read.
    let mut seen = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with('}') {
        line.clear();
        assert!(seen.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }

    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());

    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_word_that_a_column_never_holds_is_said_and_the_query_answered() {
    let output = ask("SELECT count(*) AS n FROM events WHERE op_class = 'blob-read'", &["--format", "csv"]);

    assert_eq!((code(&output), stdout(&output).as_str()), (0, "n\n0\n"));
    let said = stderr(&output);
    assert!(said.starts_with("warning: op_class is never 'blob-read'; did you mean 'blob_read'?\n"), "{said}");
}

#[test]
fn the_query_can_come_from_a_file_or_from_standard_input() {
    let folder = folder(&[("question.sql", "-- Why not?\nSELECT 42 AS n;\n")]);
    let from_file = airside(&["sql", "sample-logs/tenant", "-f", path(&folder.path().join("question.sql"))]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["sql", "sample-logs/tenant"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 42 AS n").unwrap();
    let from_input = child.wait_with_output().unwrap();

    assert_eq!(stdout(&from_file), "{\"n\":42}\n");
    assert_eq!(stdout(&from_input), "{\"n\":42}\n");
}

#[test]
fn logs_on_standard_input_leave_no_place_for_a_query_there() {
    let output = airside(&["sql", "-"]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("standard input holds the logs"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_query_quietly() {
    let sql = "SELECT a.event_uid FROM events a, events b, events c, events d";
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["sql", "sample-logs/tenant", "-c", sql])
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();

    // Nobody lives to see the last row.
    let output = child.wait_with_output().unwrap();

    assert!(line.starts_with("{\"event_uid\":\""), "{line}");
    assert_eq!(code(&output), 0);
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
}

#[test]
fn files_get_the_rows_too_and_are_not_written_over() {
    let folder = folder(&[("there.csv", "old")]);
    let place = |name: &str| folder.path().join(name);
    let target = |format: &str, name: &str| format!("{format}={}", path(&place(name)));
    let (csv, json) = (target("csv", "rows.csv"), target("json", "rows.json"));
    let output = ask("SELECT 42 AS n", &["--output", &csv, "--output", &json]);
    let refused = ask("SELECT 42 AS n", &["--output", &target("csv", "there.csv")]);

    assert_eq!((code(&output), stdout(&output).as_str()), (0, "{\"n\":42}\n"));
    assert_eq!(fs::read_to_string(place("rows.csv")).unwrap(), "n\n42\n");
    assert!(fs::read_to_string(place("rows.json")).unwrap().contains("{\"n\":42}"));
    assert_eq!(code(&refused), 3);
    assert!(stderr(&refused).contains("exists already"), "{}", stderr(&refused));
    assert_eq!(fs::read_to_string(place("there.csv")).unwrap(), "old");
}

#[test]
fn hostile_text_reaches_neither_terminal_nor_spreadsheet() {
    let folder = folder(&[("logs.json", record("=HYPERLINK(\"http://x\")\u{1b}]0;owned\u{7}\u{202e}"))]);
    for (format, shown) in [
        ("table", "=HYPERLINK(\"http://x\")\\u{1b}]0;owned\\u{7}\\u{202e}"),
        ("csv", "\"'=HYPERLINK(\"\"http://x\"\")\\u{1b}]0;owned\\u{7}\\u{202e}\""),
        ("ndjson", "\"=HYPERLINK(\\\"http://x\\\")\\u001b]0;owned\\u0007\\u202e\""),
    ] {
        let query = ["-c", "SELECT principal_name FROM events", "--format", format];
        let output = airside(&[&["sql", path(folder.path())][..], &query].concat());

        assert!(stdout(&output).contains(shown), "{format}: {:?}", stdout(&output));
    }
}

#[test]
fn configured_and_built_in_side_tables_can_be_asked() {
    let folder = folder(&[("airside.toml", "[network]\nallowed_ip = [\"203.0.113.0/24\"]\n")]);
    let config = folder.path().join("airside.toml");
    let output = ask("SELECT label FROM allowed_ip", &["--config", path(&config)]);
    let coverage = ask("SELECT source FROM coverage WHERE source = 'activity'", &[]);

    assert_eq!(stdout(&output), "{\"label\":\"203.0.113.0/24\"}\n");
    assert_eq!(stdout(&coverage), "{\"source\":\"activity\"}\n");
}
