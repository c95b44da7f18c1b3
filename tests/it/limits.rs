//! What a log may ask of the machine: every limit at its edge and one past it, through the program.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, peak_kib};

/// Bytes of a member of a bomb.
const MEMBER_BYTES: usize = 8 << 20;

/// Members of a bomb of 10 GB.
const MEMBERS: usize = 1_280;

/// Memory that refusing a bomb may take, in KiB. A megabyte of the stream at a time is looked at, by two
/// threads; the rest is the program itself.
const BOMB_KIB: u64 = 400_000;

/// A record of the Activity Log, with something in it.
fn record(number: usize, extra: &str) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:15:30.1234567Z","resourceId":"/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG","operationName":"MICROSOFT.RESOURCES/TAGS/WRITE","category":"Administrative","resultType":"Success","correlationId":"99999999-8888-4777-8666-{number:012}","level":"Information","properties":{{{extra}}}}}"#
    )
}

fn coverage(output: &Output) -> Value {
    serde_json::from_str::<Value>(&stdout(output)).unwrap()["coverage"].clone()
}

/// A rule, for runs in which it does not matter what is found: all of them take longer.
const ONE_RULE: &[&str] = &["--only", "dbmi-storage-data-access"];

/// Scans a folder with one file; gives the exit code and the coverage.
fn scan(name: &str, content: impl AsRef<[u8]>, flags: &[&str]) -> (i32, Value) {
    let folder = folder(&[(name, content)]);
    let output = airside(&[&["scan", path(folder.path()), "--format", "json"], ONE_RULE, flags].concat());
    (code(&output), coverage(&output))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 19).unwrap()
}

/// The most memory that a child had, in KiB, as its process says while it lives; and how it ended.
fn watched(command: &mut Command) -> (u64, Output) {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let process = child.id();
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        // It says nothing any more once it has ended, also before it was waited for.
        while let Some(peak) = peak_kib(process) {
            most = peak;
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    });
    let output = child.wait_with_output().unwrap();
    (watch.join().unwrap(), output)
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airside"));
    command.args(args);
    command
}

#[test]
fn ten_gigabytes_in_ten_megabytes_of_gzip_or_less_of_zstd_are_refused_in_little_memory() {
    for (name, member) in [("bomb.gz", gzip(&vec![0; MEMBER_BYTES])), ("bomb.zst", zstd(&vec![0; MEMBER_BYTES]))] {
        let bomb = member.repeat(MEMBERS);
        assert!(bomb.len() < 12 << 20, "{name}: {}", bomb.len());
        // The same in a record that never ends.
        let long = [if name == "bomb.gz" { gzip(b"{\"a\":\"") } else { zstd(b"{\"a\":\"") }, bomb.clone()].concat();
        for bomb in [&bomb, &long] {
            let folder = folder(&[(name, bomb.as_slice()), ("good.json", record(1, "").as_bytes())]);

            let (peak, output) = watched(program(&["scan", path(folder.path()), "--format", "json"]).args(ONE_RULE));

            assert_eq!(code(&output), 4, "{}", stderr(&output));
            let said = stderr(&output);
            assert!(said.contains(&format!("{name}: ")) && said.contains("1000 times its stored size"), "{said}");
            let coverage = coverage(&output);
            assert_eq!(coverage["records"]["events"], 1, "{name}");
            // It was given up after a part of what it held.
            assert!(coverage["bytes"].as_u64().unwrap() < 1 << 30, "{coverage}");
            assert!(peak < BOMB_KIB, "{name}: {peak} KiB");
        }
    }
}

#[test]
fn an_object_of_as_many_bytes_as_it_may_hold_is_read_and_one_of_one_more_fails() {
    let text = format!("{}\n", record(1, ""));
    for stored in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let with = |size: usize| scan("a", &stored, &["--max-object-size", &size.to_string()]);

        let (within, past) = (with(text.len()), with(text.len() - 1));

        assert_eq!((within.0, &within.1["objects"]["failed"]), (0, &0.into()));
        assert_eq!((past.0, &past.1["objects"]["failed"]), (4, &1.into()));
        let reason = past.1["failed"][0]["reason"].as_str().unwrap();
        let expected =
            format!("holds more than {} bytes; export it in parts, or raise --max-object-size", text.len() - 1);
        assert!(reason.ends_with(&expected), "{reason}");
    }
}

#[test]
fn the_ratio_can_be_set_and_what_is_denser_fails() {
    // 128 MiB, of which the first 64 are free of it.
    let stored = gzip(&vec![b'\n'; MEMBER_BYTES]).repeat(16);
    let ratio = 16 * MEMBER_BYTES / stored.len();

    let within = scan("a", &stored, &["--max-ratio", &(ratio + 1).to_string()]);
    let past = scan("a", &stored, &["--max-ratio", &ratio.to_string()]);

    assert_eq!((within.0, past.0), (0, 4), "{ratio}");
    let reason = past.1["failed"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&format!("more than {ratio} times its stored size")), "{reason}");
}

#[test]
fn a_record_of_the_largest_size_is_read_and_one_of_one_more_byte_is_rejected() {
    let length = 2_000;
    let padded = |bytes: usize| {
        let bare = record(1, r#""a":"""#);
        record(1, &format!(r#""a":"{}""#, "x".repeat(bytes - bare.len())))
    };
    let lines = format!("{}\n{}\n{}\n", padded(length), padded(length + 1), record(2, ""));

    let (exit, coverage) = scan("a.json", lines, &["--max-record-size", &length.to_string()]);

    assert_eq!(exit, 0);
    assert_eq!(coverage["records"]["events"], 2, "{coverage}");
    assert_eq!(coverage["rejected"], serde_json::json!({"record over the size limit": 1}));
}

#[test]
fn a_record_of_the_deepest_nesting_is_read_and_one_of_one_more_level_is_rejected() {
    let nested = |number: usize, levels: usize| {
        // The record and its properties are two levels.
        record(number, &format!(r#""a":{}1{}"#, "[".repeat(levels - 2), "]".repeat(levels - 2)))
    };
    for depth in [12, 40, 500] {
        let lines = format!("{}\n{}\n{}\n", nested(1, depth), nested(2, depth + 1), record(3, ""));

        let (exit, coverage) = scan("a.json", lines, &["--max-depth", &depth.to_string()]);

        assert_eq!((exit, &coverage["records"]["events"]), (0, &2.into()), "{depth}");
        assert_eq!(coverage["rejected"], serde_json::json!({"record over the depth limit": 1}), "{depth}");
    }
}

#[test]
fn a_csv_file_of_the_most_columns_is_read_and_one_of_one_more_is_rejected() {
    let file = |columns: usize| {
        let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
        format!("{}\n{}\n", names.join(","), vec!["1"; columns].join(","))
    };

    let (_, within) = scan("a.csv", file(7), &["--max-csv-columns", "7"]);
    let (_, past) = scan("a.csv", file(8), &["--max-csv-columns", "7"]);

    assert_eq!((&within["records"]["skipped"], &within["records"]["rejected"]), (&1.into(), &0.into()), "{within}");
    assert_eq!(past["rejected"], serde_json::json!({"CSV header over the column limit": 1}));
}

fn findings(output: &Output) -> Vec<Value> {
    let document: Value = serde_json::from_str(&stdout(output)).unwrap();
    document["findings"].as_array().unwrap().clone()
}

/// Of the tenant's 31 findings one rule has most: with that many as the limit nothing is left out.
#[test]
fn findings_beyond_a_rules_limit_are_left_out_aloud_and_decide_the_exit_code_still() {
    let scan = |flags: &[&str]| airside(&[&["scan", "sample-logs/tenant", "--format", "json"], flags].concat());
    let all = findings(&scan(&[]));
    let mut by_rule: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for finding in &all {
        *by_rule.entry(finding["rule_id"].as_str().unwrap()).or_default() += 1;
    }
    let (rule, most) = by_rule.iter().max_by_key(|(_, count)| **count).map(|(rule, count)| (*rule, *count)).unwrap();
    assert!(most > 1);

    let within = scan(&["--max-findings", &most.to_string()]);
    let past = scan(&["--max-findings", &(most - 1).to_string()]);

    assert_eq!(findings(&within), all);
    assert_eq!(coverage(&within)["rules"]["capped"], serde_json::json!([]));
    let capped = coverage(&past)["rules"]["capped"].clone();
    let of_rule = capped.as_array().unwrap().iter().find(|capped| capped["rule"] == rule).unwrap();
    assert_eq!((&of_rule["findings_left_out"], &of_rule["is_at_least"]), (&1.into(), &false.into()));
    assert!(stderr(&past).contains(&format!("left out: {rule}: 1 finding, ")), "{}", stderr(&past));
    let table = airside(&["scan", "sample-logs/tenant", "--format", "table", "--max-findings", "1"]);
    assert!(stdout(&table).contains("  left out    "), "{}", stdout(&table));

    // Shown and left out are all.
    let one = scan(&["--max-findings", "1"]);
    let left_out = coverage(&one)["rules"]["capped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["findings_left_out"].as_u64().unwrap())
        .sum::<u64>();
    assert_eq!(findings(&one).len() as u64 + left_out, all.len() as u64);
    assert_eq!(code(&scan(&["--max-findings", "1", "--fail-on", "critical"])), 1);
}

#[test]
fn evidence_beyond_its_limit_is_cut_and_counted() {
    let scan =
        |flags: &[&str]| findings(&airside(&[&["scan", "sample-logs/tenant", "--format", "json"], flags].concat()));
    let (all, one) = (scan(&[]), scan(&["--max-evidence", "1"]));

    let events =
        |findings: &[Value]| findings.iter().map(|finding| finding["events"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(events(&one), events(&all));
    for (one, all) in one.iter().zip(&all) {
        assert_eq!(one["evidence"].as_array().unwrap().len(), 1);
        assert_eq!(one["evidence"][0], all["evidence"][0]);
    }
    assert!(all.iter().any(|finding| finding["evidence"].as_array().unwrap().len() > 1));
}

/// What a batch may hold changes where it ends, and nothing else.
#[test]
fn a_column_of_one_distinct_value_at_a_time_gives_the_same_findings() {
    let scan =
        |flags: &[&str]| stdout(&airside(&[&["scan", "sample-logs/tenant", "--format", "ndjson"], flags].concat()));
    let all = scan(&[]);

    assert_eq!(scan(&["--max-distinct", "1"]), all);
    assert_eq!(scan(&["--max-distinct", "2", "--threads", "4"]), all);
    assert_eq!(all.lines().count(), 31);
}

/// So many of them do not fit the memory of the smallest limit.
pub(crate) const RESTLESS: usize = 40_000;

/// So many tokens in one window, as wide as the rule that looks at them needs them, were more than the
/// smallest limit.
const TOKENS: usize = 100_000;

/// Records of a storage log in which nothing is ever repeated: identities, addresses, clients, blobs.
pub(crate) fn restless(records: usize) -> String {
    let mut lines = String::new();
    for n in 0..records {
        let (a, b, c) = (n / 65_536, (n / 256) % 256, n % 256);
        let line = format!(
            r#"{{"time":"2026-05-04T10:15:30.1234567Z","resourceId":"/subscriptions/{n:08}-2222-4333-8444-555555555555/resourceGroups/rg{n}/providers/Microsoft.Storage/storageAccounts/st{n}/blobServices/default","category":"StorageRead","operationName":"GetBlob","statusCode":200,"statusText":"Success","callerIpAddress":"10.{a}.{b}.{c}:44001","correlationId":"99999999-8888-4777-8666-{n:012}","identity":{{"type":"OAuth","tokenHash":"{n:064}","requester":{{"appId":"{n:08}-4444-4444-8444-444444444444","objectId":"{n:08}-5555-4444-8444-444444444444","tenantId":"{n:08}-3333-4333-8333-333333333333"}}}},"properties":{{"accountName":"st{n}","userAgentHeader":"agent {n} {n:02000}","objectKey":"/st{n}/c{n}/{n:0100}"}}}}"#
        );
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

/// Enough of them that batches go to disk within the smallest limit, with few files to do it with.
#[test]
fn records_that_never_repeat_a_value_stay_within_the_memory_limit_and_few_open_files() {
    let records = RESTLESS;
    let folder = folder(&[("a.json", restless(records))]);
    let temporary = tempfile::tempdir().unwrap();
    let script = r#"ulimit -n 64; exec "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_airside"), "scan", path(folder.path())]);
    command.args(["--format", "json", "--memory-limit", "256MB"]).args(ONE_RULE).env("TMPDIR", temporary.path());

    let (peak, output) = watched(&mut command);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(coverage(&output)["records"]["events"], records);
    // What is known of so many identities stays in memory: some 28 MB for 60,000 were measured.
    assert!(peak * 1024 < 256_000_000 * 115 / 100 + 40_000_000, "{peak} KiB");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// Tokens of one connector, every second another, and what it manages with the last of them.
fn tokens(count: usize) -> String {
    let mut lines = String::new();
    let time = |second: usize| {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("2026-06-{:02}T{:02}:{minute:02}:{second:02}", 1 + hour / 24, hour % 24)
    };
    for n in 0..count {
        let time = time(n);
        let line = format!(
            r#"{{"time":"{time}.9000000Z","resourceId":"/tenants/7e000000-0000-4000-8000-00000000000a/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"ManagedIdentitySignInLogs","resultType":"0","correlationId":"c5000000-0000-4000-8000-{n:012}","properties":{{"id":"51000000-0000-4000-8000-{n:012}","createdDateTime":"{time}.1502345+00:00","appId":"ac000000-0000-4000-8000-0000000000b1","status":{{"errorCode":0}},"resourceDisplayName":"Azure Resource Manager","resourceId":"797f4846-ba00-4fd7-ba43-dac1f8f63013","servicePrincipalName":"ac-sales","servicePrincipalId":"ac000000-0000-4000-8000-0000000000a1","uniqueTokenIdentifier":"{n:0600}"}}}}"#
        );
        lines.push_str(&line);
        lines.push('\n');
    }
    let managed = format!(
        r#"{{"time":"{}.1502345Z","resourceId":"/subscriptions/5b000000-0000-4000-8000-000000000001/resourceGroups/rg-lake","operationName":"MICROSOFT.RESOURCES/TAGS/WRITE","category":"Administrative","resultType":"Success","correlationId":"c1000000-0000-4000-8000-000000000001","identity":{{"claims":{{"appid":"ac000000-0000-4000-8000-0000000000b1","idtyp":"app","http://schemas.microsoft.com/identity/claims/objectidentifier":"ac000000-0000-4000-8000-0000000000a1"}}}},"properties":{{"eventCategory":"Administrative"}}}}"#,
        time(count)
    );
    lines + &managed
}

/// A rule that looks ahead kept all events until the last one of their identity, where no limit saw it.
#[test]
fn a_rule_that_looks_ahead_over_many_events_stays_within_the_memory_limit() {
    let connector = r#"{"id":"/subscriptions/5b000000-0000-4000-8000-000000000001/resourceGroups/rg-connectors/providers/Microsoft.Databricks/accessConnectors/ac-sales","identity":{"principalId":"ac000000-0000-4000-8000-0000000000a1","tenantId":"7e000000-0000-4000-8000-00000000000a","type":"SystemAssigned"},"location":"westeurope","name":"ac-sales","properties":{"provisioningState":"Succeeded","referedBy":[]},"type":"Microsoft.Databricks/accessConnectors"}"#;
    let folder = folder(&[("connector.json", connector.to_owned()), ("tokens.json", tokens(TOKENS))]);
    let scan = ["scan", path(folder.path()), "--format", "json", "--memory-limit", "256MB", "--only", "adac-arm-token"];

    let (peak_kb, output) = watched(&mut program(&scan));

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let finding = &report["findings"][0];
    assert_eq!((&finding["severity"], &finding["events"]), (&"medium".into(), &TOKENS.into()), "{report}");
    assert_eq!(finding["details"]["next_management"].as_array().unwrap().len(), 1, "{finding}");
    assert!(peak_kb * 1024 < 256_000_000 * 115 / 100, "{peak_kb} kB");
}

#[test]
fn ten_thousand_files_are_read_by_a_process_that_may_have_64_open() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..10_000 {
        fs::write(folder.path().join(format!("{number:05}.json")), record(number, "")).unwrap();
    }
    for threads in ["2", "200"] {
        let script = r#"ulimit -n 64; exec "$@""#;
        let output = Command::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_airside"), "scan", path(folder.path())])
            .args(["--format", "json", "--threads", threads])
            .args(ONE_RULE)
            .output()
            .unwrap();

        assert_eq!(code(&output), 0, "{threads} threads: {}", stderr(&output));
        assert_eq!(coverage(&output)["objects"], serde_json::json!({"read": 10_000, "failed": 0}));
        assert_eq!(coverage(&output)["records"]["events"], 10_000);
    }
}

/// A folder with a record, and everything that is no file.
fn odd_things() -> (TempDir, std::os::unix::net::UnixListener) {
    let folder = folder(&[("sub/good.json", record(1, ""))]);
    let at = |name: &str| folder.path().join("sub").join(name);
    symlink(folder.path(), at("loop")).unwrap();
    symlink("nowhere", at("broken.json")).unwrap();
    symlink("/dev/zero", at("zero.json")).unwrap();
    symlink("selfish.json", at("selfish.json")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo.json")).status().unwrap().success());
    let socket = std::os::unix::net::UnixListener::bind(at("socket.json")).unwrap();
    (folder, socket)
}

#[test]
fn links_pipes_sockets_and_devices_in_a_folder_are_named_and_passed_over_by_every_command() {
    let (folder, _socket) = odd_things();
    let lake = tempfile::tempdir().unwrap();
    let lake = lake.path().join("lake");
    let whole = path(folder.path()).to_owned();
    for place in [whole.clone(), format!("{whole}/**"), format!("{whole}/*/*"), format!("{whole}/sub/*.json")] {
        for command in [
            &[&["scan", "--format", "json"], ONE_RULE].concat()[..],
            &["identities", "--format", "json"],
            &["sql", "-c", "SELECT COUNT(*) AS n FROM events", "--format", "json"],
        ] {
            let output = airside(&[command, &[&place]].concat());

            assert_eq!(code(&output), 4, "{command:?} {place}: {}", stderr(&output));
            assert_eq!(coverage(&output)["records"]["events"], 1, "{command:?} {place}");
            let said = stderr(&output);
            for (name, word) in [
                ("broken.json", "is a symbolic link that leads nowhere"),
                ("zero.json", "is a pipe, a socket or a device, and was passed over"),
                ("fifo.json", "is a pipe, a socket or a device, and was passed over"),
                ("socket.json", "is a pipe, a socket or a device, and was passed over"),
            ] {
                assert!(said.contains(&format!("{name}: {word}")), "{command:?} {place}: {said}");
            }
            assert!(said.contains("selfish.json: "), "{said}");
        }
    }
    let output = airside(&["ingest", &whole, "--lake", path(&lake)]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let output = airside(&["scan", &whole, "--dry-run=json"]);
    assert!(stdout(&output).contains("fifo.json"), "{}{}", stdout(&output), stderr(&output));
}

/// A pipe that the user names is waited for, as `cat` would: but not by a run that was interrupted.
#[test]
fn a_named_pipe_without_a_writer_does_not_hold_up_an_interrupted_run() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = program(&["scan", path(&pipe)]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));

    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());

    assert_eq!(ended(&mut child), Some(130));
}

/// The exit code of a child that must end within a minute.
fn ended(child: &mut std::process::Child) -> Option<i32> {
    for _ in 0..1200 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    panic!("still running after a minute");
}

#[test]
fn a_named_pipe_with_a_writer_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, format!("{}\n{}\n", record(1, ""), record(2, ""))).unwrap()
    });

    let output = airside(&[&["scan", path(&pipe), "--format", "json"], ONE_RULE].concat());

    writer.join().unwrap();
    assert_eq!((code(&output), &coverage(&output)["records"]["events"]), (0, &2.into()), "{}", stderr(&output));
}

/// Raised for reading, a limit is raised for reading again as well.
#[test]
fn a_record_that_a_raised_limit_lets_in_can_be_shown() {
    let wide: Vec<String> = (0..2_100).map(|n| format!("c{n}")).collect();
    let header = "Correlation id,Operation name,Status,Event category,Level,Time,Subscription,Event initiated by,Resource type,Resource group,Resource";
    let row = "99999999-8888-4777-8666-000000000001,Write tags,Succeeded,Administrative,Informational,2026-05-04T10:15:30Z,11111111-2222-4333-8444-555555555555,ana@example.com,Microsoft.Resources/tags,rg,/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/rg";
    let cells = vec!["x"; wide.len()].join(",");
    let folder = folder(&[("portal.csv", format!("{header},{}\n{row},{cells}\n", wide.join(",")))]);
    let place = path(folder.path());
    let query = ["sql", place, "-c", "SELECT event_uid FROM events", "--format", "csv", "--max-csv-columns", "3000"];
    let uid = stdout(&airside(&query)).lines().nth(1).map(str::to_owned);
    let uid = uid.unwrap_or_else(|| panic!("no event: {}", stderr(&airside(&query))));

    let shown = airside(&["show", &uid, place, "--raw", "--max-csv-columns", "3000"]);

    assert_eq!(code(&shown), 0, "{}", stderr(&shown));
    assert_eq!(stdout(&shown), format!("{row},{cells}"));
}
