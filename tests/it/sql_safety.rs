//! SQL from strangers can cost time, never data: at the command line, in rules, and at the Postgres
//! endpoint.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::path;
#[cfg(feature = "postgres")]
use crate::endpoint::Endpoint;
use crate::support::{peak_kib, root};

/// Every door is held to this much memory, and to the 15 % that a run may go beyond.
const MEMORY_LIMIT: &str = "256MB";
const MEMORY_LIMIT_KIB: u64 = 256_000_000 / 1024 * 115 / 100;

/// How long a statement may run.
const TIMEOUT: &str = "2s";

/// What may pass until a statement is over whose time is up, on a machine with other work.
const LONGEST: Duration = Duration::from_mins(4);

/// What changes something or opens a file. Files are relative to the folder that the process works in.
const REFUSED: &[&str] = &[
    "CREATE TABLE t (a INT)",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW dbmi AS SELECT 1",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'data.csv'",
    "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'new/'",
    "CREATE SCHEMA s",
    "CREATE DATABASE d",
    "CREATE FUNCTION f(INT) RETURNS INT RETURN $1",
    "CREATE INDEX i ON events (time)",
    "DROP TABLE events",
    "DROP VIEW grants",
    "DROP SCHEMA public CASCADE",
    "ALTER TABLE events ADD COLUMN a INT",
    "TRUNCATE TABLE events",
    "INSERT INTO dbmi SELECT * FROM adac",
    "INSERT INTO baseline VALUES ('a', 'b', 'c', now(), now(), 1)",
    "WITH x AS (INSERT INTO dbmi SELECT * FROM adac) SELECT * FROM x",
    "UPDATE events SET length = 0",
    "DELETE FROM events",
    "MERGE INTO events USING adac ON true WHEN MATCHED THEN DELETE",
    "SELECT * INTO t FROM events",
    "COPY events TO 'out.csv'",
    "COPY events TO 'out.parquet' STORED AS PARQUET",
    "COPY (SELECT 1) TO 'out.json'",
    "COPY events FROM 'data.csv'",
    "COPY (SELECT 1) TO PROGRAM 'touch out.txt'",
    "EXPLAIN ANALYZE COPY events TO 'out.csv'",
    "EXPLAIN ANALYZE INSERT INTO dbmi SELECT * FROM adac",
    "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "SET datafusion.execution.batch_size = 1",
    "SET datafusion.catalog.location = '/etc'",
    "SET datafusion.runtime.memory_limit = '100G'",
    "RESET datafusion.execution.batch_size",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "CALL f()",
    "VACUUM",
    "ANALYZE events",
    "PRAGMA table_info(events)",
    "ATTACH 'data.csv' AS d",
    "LOAD 'data.csv'",
    "SELECT * FROM 'data.csv'",
    "SELECT * FROM \"data.csv\"",
    "SELECT * FROM './data.csv'",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'file:///etc/passwd'",
    "SELECT * FROM 'https://example.com/data.csv'",
    "SELECT * FROM read_csv('data.csv')",
    "SELECT * FROM read_parquet('data.csv')",
    "SELECT * FROM read_json('data.csv')",
    "SELECT * FROM parquet_metadata('data.csv')",
    "SELECT * FROM glob('*')",
    "SELECT pg_read_file('data.csv')",
    "SELECT lo_import('data.csv')",
    "SELECT 1; DROP TABLE events",
];

/// All that is refused, with what is not read for its size.
fn refused() -> Vec<String> {
    let mut statements: Vec<String> = REFUSED.iter().map(|&sql| sql.to_owned()).collect();
    statements.extend([
        format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("SELECT {}1{}", "(SELECT ".repeat(1000), ")".repeat(1000)),
        format!("SELECT {}1", "- ".repeat(10_000)),
        format!("SELECT {}true", "NOT ".repeat(10_000)),
        format!("SELECT {}1{}", "abs(".repeat(10_000), ")".repeat(10_000)),
        format!("SELECT 1{}", " + 1".repeat(100_000)),
        format!("SELECT 1{}", " OR true".repeat(10_000)),
        format!("SELECT 'a'{}", " || 'a'".repeat(10_000)),
        format!("SELECT 1{}", "::int".repeat(10_000)),
        format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(10_000)),
        format!("SELECT 1 FROM events{}", ", events".repeat(10_000)),
        doubled(30),
        format!("EXPLAIN ANALYZE {}", doubled(30)),
        format!("SELECT 1 FROM events WHERE length IN (1{})", ", 1".repeat(1_000_000)),
    ]);
    statements
}

/// Parts of which each is two of the one before: a plan of 2 to the power of so many tables.
fn doubled(parts: usize) -> String {
    let mut sql = "WITH p0 AS (SELECT event_uid FROM events)".to_owned();
    for part in 1..=parts {
        write!(sql, ", p{part} AS (SELECT a.event_uid FROM p{0} a, p{0} b)", part - 1).unwrap();
    }
    format!("{sql} SELECT count(*) FROM p{parts}")
}

/// A text of every event, made larger of itself so many times.
fn grown(times: usize, larger: &str) -> String {
    let mut sql = "WITH p0 AS (SELECT event_uid AS t FROM events)".to_owned();
    for part in 1..=times {
        write!(sql, ", p{part} AS (SELECT {larger} AS t FROM p{})", part - 1).unwrap();
    }
    format!("{sql} SELECT max(length(t)) FROM p{times}")
}

/// What only reads, and would go on or grow for as long as it is let: `EVIDENCE` stands for what a
/// rule has to return.
fn held() -> Vec<(&'static str, String)> {
    let with_key = |key: &str| format!("SELECT EVIDENCE FROM events a WHERE length = ({key})");
    vec![
        ("cross-join", "SELECT EVIDENCE FROM events a, events b, events c, events d WHERE a.length < b.length + c.length + d.length - 1000000000".to_owned()),
        ("cross-join-counted", with_key("SELECT count(*) FROM events b, events c, events d, events e WHERE b.length < c.length + d.length + e.length")),
        ("recursion", with_key("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t")),
        ("recursion-that-grows", with_key("WITH RECURSIVE t AS (SELECT operation AS n FROM events UNION ALL SELECT t.n || e.event_uid FROM t, events e) SELECT count(*) FROM t")),
        ("series", with_key("SELECT count(*) FROM generate_series(1, 1000000000000000)")),
        ("series-as-list", with_key("SELECT cardinality(generate_series(1, 1000000000000000))")),
        ("unnested-series", with_key("SELECT count(*) FROM (SELECT unnest(generate_series(1, 1000000)) FROM events a, events b) s")),
        ("long-text", with_key("SELECT length(repeat('x', 1000000000))")),
        ("padded-text", with_key("SELECT length(lpad('x', 1000000000))")),
        ("window-over-all", with_key("SELECT count(m) FROM (SELECT max(b.event_uid || c.event_uid) OVER () AS m FROM events b, events c, events d) s")),
        ("doubled-text", with_key("WITH a AS (SELECT repeat('x', 10000000) AS s), b AS (SELECT concat(s, s, s, s, s, s, s, s) AS s FROM a), c AS (SELECT concat(s, s, s, s, s, s, s, s) AS s FROM b) SELECT length(s) FROM c")),
        ("doubled-by-operator", with_key(&grown(30, "t || t"))),
        ("replaced-text", with_key("SELECT max(length(regexp_replace(b.event_uid, '', repeat(b.event_uid, 10000), 'g'))) FROM events b")),
        ("long-delimiter", with_key("SELECT length(string_agg(b.event_uid, repeat('x', 200000))) FROM events b")),
        ("all-in-one-list", with_key("SELECT cardinality(array_agg(repeat(b.event_uid, 100))) FROM events b, events c")),
        ("sorted-join", "SELECT EVIDENCE FROM events a, events b, events c ORDER BY b.event_uid || c.event_uid || a.event_uid".to_owned()),
        ("regex", with_key("SELECT count(*) FROM events b WHERE regexp_like(repeat(b.operation, 1000), '(([a-z]+)*)*(x+x+)+y$')")),
        ("many-conditions", format!("SELECT EVIDENCE FROM events a WHERE length = 1{}", " OR length = 1".repeat(240))),
        ("many-unions", format!("SELECT EVIDENCE FROM events a{}", " UNION ALL SELECT EVIDENCE FROM events a".repeat(40))),
        ("long-list", format!("SELECT EVIDENCE FROM events a WHERE event_uid IN ('a'{})", ", 'b'".repeat(50_000))),
        ("large-regex", format!("SELECT EVIDENCE FROM events a WHERE regexp_like(operation, '{}')", "(a|b)".repeat(2000))),
    ]
}

/// Those of them that a rule may not even say.
const NOT_IN_RULES: [&str; 4] = ["recursion", "recursion-that-grows", "series", "long-delimiter"];

const EVIDENCE: &str = "a.event_uid, a.time, a.principal_id, a.target_id, a.operation";

/// A folder to work in, with a file that statements ask for.
fn workplace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data.csv"), "a,b\n1,2\n").unwrap();
    folder
}

/// Holds that nothing in the folder was touched.
fn assert_untouched(folder: &TempDir, after: &str) {
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["data.csv"], "{after}");
    assert_eq!(fs::read_to_string(folder.path().join("data.csv")).unwrap(), "a,b\n1,2\n", "{after}");
}

/// Runs it to its end, or for as long as it may take, and says how much memory it had at most.
fn run(folder: &Path, arguments: &[&str]) -> (Output, u64) {
    let [out, err] = ["out", "err"].map(|_| tempfile::tempfile().unwrap());
    let mut child: Child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap())
        .spawn()
        .unwrap();
    let (begun, mut peak) = (Instant::now(), 0);
    let status = loop {
        peak = peak.max(peak_kib(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > LONGEST {
            child.kill().unwrap();
            panic!("it did not end: {arguments:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let [stdout, stderr] = [out, err].map(|mut file| {
        use std::io::{Read as _, Seek as _};
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    });
    (Output { status, stdout, stderr }, peak)
}

/// The most memory that a process may have, in KiB: the limit, and what the program without
/// optimisation takes for itself.
fn most_kib() -> u64 {
    static OWN: OnceLock<u64> = OnceLock::new();
    let own = OWN.get_or_init(|| run(root(), &["sql", &tenant(), "-c", "SELECT 1"]).1);
    own + MEMORY_LIMIT_KIB
}

fn code_of(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.chars().take(2000).collect()
}

/// The beginning of a statement, to name it by.
fn named(sql: &str) -> String {
    sql.chars().take(120).collect()
}

fn tenant() -> String {
    path(&root().join("sample-logs/tenant")).to_owned()
}

/// A rule with this query.
fn rule(id: &str, sql: &str) -> String {
    let mut text = String::new();
    for line in [
        format!("id = \"{id}\""),
        "title = \"From a stranger\"".to_owned(),
        "severity = \"high\"".to_owned(),
        "direction = \"governance\"".to_owned(),
        "status = \"experimental\"".to_owned(),
        "profile = \"core\"".to_owned(),
        "sources = []".to_owned(),
        "any_sources = [\"activity\"]".to_owned(),
        "group_by = [\"principal_id\"]".to_owned(),
        "created = 2026-11-24".to_owned(),
        "updated = 2026-11-24".to_owned(),
        "references = [\"https://example.com\"]".to_owned(),
    ] {
        writeln!(text, "--! {line}").unwrap();
    }
    for section in ["What it finds", "Why it matters", "What it cannot see", "False positives", "What to do"] {
        writeln!(text, "\n-- ## {section}\n-- Nothing.").unwrap();
    }
    format!("{text}\n{sql}\n")
}

#[test]
fn the_command_line_refuses_what_changes_or_opens_anything() {
    let (folder, query) = (workplace(), tempfile::tempdir().unwrap());
    let query = query.path().join("query.sql");
    for sql in refused().into_iter().chain(["BEGIN".to_owned(), "DEALLOCATE p".to_owned()]) {
        fs::write(&query, &sql).unwrap();
        let (output, peak) =
            run(folder.path(), &["sql", &tenant(), "-f", path(&query), "--memory-limit", MEMORY_LIMIT]);

        assert_eq!(code_of(&output), Some(3), "{}: {}", named(&sql), said(&output));
        assert!(said(&output).starts_with("error: "), "{}: {}", named(&sql), said(&output));
        assert!(output.stdout.is_empty(), "{}", named(&sql));
        assert!(peak < most_kib(), "{}: {peak} KiB", named(&sql));
        assert_untouched(&folder, &named(&sql));
    }
}

#[test]
fn the_command_line_holds_what_would_go_on_or_grow() {
    let (folder, query) = (workplace(), tempfile::tempdir().unwrap());
    let query = query.path().join("query.sql");
    for (name, sql) in held() {
        fs::write(&query, sql.replace("EVIDENCE", EVIDENCE)).unwrap();
        let bounds = ["--memory-limit", MEMORY_LIMIT, "--timeout", TIMEOUT, "--threads", "2"];
        let (output, peak) = run(folder.path(), &[&["sql", &tenant(), "-f", path(&query)], bounds.as_slice()].concat());

        assert!(matches!(code_of(&output), Some(0 | 3 | 5)), "{name}: {:?}: {}", output.status, said(&output));
        assert!(!said(&output).contains("panicked"), "{name}: {}", said(&output));
        assert!(peak < most_kib(), "{name}: {peak} KiB");
        assert_untouched(&folder, name);
    }
}

#[test]
fn a_rule_that_changes_or_opens_anything_is_refused_before_any_data_is_read() {
    let (folder, rules) = (workplace(), tempfile::tempdir().unwrap());
    // What a rule may read are the tables of events, and nothing that makes rows of itself.
    let endless = held().into_iter().filter(|(name, _)| NOT_IN_RULES.contains(name)).map(|(_, sql)| sql);
    let statements: Vec<String> = refused().into_iter().chain(endless).collect();
    for (number, sql) in statements.iter().enumerate() {
        let id = format!("stranger-{number}");
        fs::write(rules.path().join(format!("{id}.sql")), rule(&id, sql)).unwrap();
    }
    let (checked, peak) = run(folder.path(), &["rules", "check", path(rules.path())]);
    assert_eq!(code_of(&checked), Some(2), "{}", said(&checked));
    assert!(peak < most_kib(), "{peak} KiB");
    let text = String::from_utf8_lossy(&checked.stdout);
    for (number, sql) in statements.iter().enumerate() {
        assert!(text.contains(&format!("stranger-{number}.sql")), "{}", named(sql));
    }
    assert!(!said(&checked).contains("panicked"));

    let (scanned, _) = run(folder.path(), &["scan", &tenant(), "--rules", path(rules.path())]);
    assert_eq!(code_of(&scanned), Some(2), "{}", said(&scanned));
    assert!(scanned.stdout.is_empty());
    assert_untouched(&folder, "rules");
}

/// The findings of the other rules are what they were, and what was stopped is named.
#[test]
fn a_rule_that_would_go_on_or_grow_is_stopped_and_named_and_the_others_are_not() {
    let (folder, rules) = (workplace(), tempfile::tempdir().unwrap());
    for (name, sql) in held().into_iter().filter(|(name, _)| !NOT_IN_RULES.contains(name)) {
        let text = rule(name, &sql.replace("EVIDENCE", EVIDENCE));
        fs::write(rules.path().join(format!("{name}.sql")), text).unwrap();
    }
    let results = tempfile::tempdir().unwrap();
    let coverage = results.path().join("coverage.json");
    // Strangers that are busy share the processors with honest rules, which must not run out of time.
    let honest = "adac-management-operation,dbmi-storage-data-access";
    let strangers = held().into_iter().map(|(name, _)| name).filter(|name| !NOT_IN_RULES.contains(name));
    let all = strangers.fold(honest.to_owned(), |all, name| format!("{all},{name}"));
    let (alone, _) = run(folder.path(), &["scan", &tenant(), "--format", "ndjson", "--only", honest]);
    let bounds = ["--memory-limit", MEMORY_LIMIT, "--timeout", "8s", "--coverage", path(&coverage)];
    let scan = ["scan", &tenant(), "--format", "ndjson", "--rules", path(rules.path()), "--only", &all];
    let (output, peak) = run(folder.path(), &[scan.as_slice(), bounds.as_slice()].concat());

    assert_eq!(code_of(&output), Some(2), "{}", said(&output));
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
    assert!(peak < most_kib(), "{peak} KiB");
    let found = |output: &Output| -> Vec<String> {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter(|line| !line.contains("\"From a stranger\"")).map(str::to_owned).collect()
    };
    assert!(!found(&alone).is_empty());
    assert_eq!(found(&output), found(&alone));
    let coverage: Value = serde_json::from_str(&fs::read_to_string(&coverage).unwrap()).unwrap();
    let stopped: Vec<&str> = coverage["rules"]["not_evaluable"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["reason"].as_str().unwrap().starts_with("stopped: it "))
        .map(|rule| rule["rule"].as_str().unwrap())
        .collect();
    for name in ["cross-join", "cross-join-counted", "long-text", "all-in-one-list"] {
        assert!(stopped.contains(&name), "{name}: {stopped:?}");
        assert!(said(&output).contains(&format!("the rule '{name}' was stopped: it ")), "{}", said(&output));
    }
    assert_untouched(&folder, "rules");
}

/// What is in a log must not be able to turn a scan off.
#[test]
fn a_rule_that_a_value_of_the_logs_breaks_is_named_and_the_others_are_not() {
    let (folder, rules) = (workplace(), tempfile::tempdir().unwrap());
    let sql = "SELECT * FROM dbmi WHERE CAST(result_code AS INT) >= 200";
    fs::write(rules.path().join("breaks.sql"), rule("breaks", sql)).unwrap();
    let logs = tenant();
    let honest = ["scan", &logs, "--format", "ndjson", "--only", "dbmi-storage-data-access"];
    let (alone, _) = run(folder.path(), &honest);
    let with = [&honest[..4], &["--rules", path(rules.path()), "--only", "breaks,dbmi-storage-data-access"]].concat();
    let (output, _) = run(folder.path(), &with);

    assert_eq!(code_of(&output), Some(2), "{}", said(&output));
    assert!(!alone.stdout.is_empty());
    assert_eq!(output.stdout, alone.stdout);
    assert!(said(&output).contains("the rule 'breaks' was stopped: it failed: "), "{}", said(&output));
    assert!(said(&output).contains("leave it out with --disable breaks"), "{}", said(&output));
}

#[cfg(feature = "postgres")]
#[test]
fn the_endpoint_refuses_or_holds_all_of_it_and_goes_on() {
    let (folder, query) = (workplace(), tempfile::tempdir().unwrap());
    let query = query.path().join("query.sql");
    let endpoint =
        Endpoint::start_in(folder.path(), &["--memory-limit", MEMORY_LIMIT, "--timeout", TIMEOUT, "--threads", "2"]);
    for sql in refused() {
        fs::write(&query, &sql).unwrap();
        let Some(output) = endpoint.psql_file(&query) else { return };

        assert!(matches!(code_of(&output), Some(1 | 3)), "{}: {}", named(&sql), said(&output));
        assert!(said(&output).contains("ERROR:  "), "{}: {}", named(&sql), said(&output));
        assert_untouched(&folder, &named(&sql));
    }
    for (name, sql) in held() {
        fs::write(&query, sql.replace("EVIDENCE", EVIDENCE)).unwrap();
        let begun = Instant::now();
        let Some(output) = endpoint.psql_file(&query) else { return };

        assert!(begun.elapsed() < LONGEST, "{name}: {:?}", begun.elapsed());
        let is_error = said(&output).contains("ERROR:  ");
        assert!(is_error || code_of(&output) == Some(0), "{name}: {}", said(&output));
    }
    let count = endpoint.psql("SELECT count(*) FROM events").unwrap();
    assert_eq!(String::from_utf8_lossy(&count.stdout).trim(), "391", "{}", said(&count));
    let peak = peak_kib(endpoint.process()).unwrap();
    assert!(peak < most_kib(), "{peak} KiB");
    assert_untouched(&folder, "the endpoint");
}
