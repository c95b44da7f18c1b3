//! `--custody` and `verify-custody`. Expected hashes come from `sha256sum`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::cli::{airside, code, gzip, path, stderr, stdout};
use crate::support::{folder, root};

/// A record that no rule minds, with a correlation id of its own.
fn record(number: usize) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:15:30.1234567Z","resourceId":"/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG","operationName":"MICROSOFT.RESOURCES/TAGS/WRITE","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.OK","callerIpAddress":"203.0.113.9","correlationId":"99999999-8888-4777-8666-{number:012}","level":"Information","properties":{{}}}}"#
    )
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| record(number) + "\n").collect()
}

/// What `sha256sum` of GNU coreutils says of a file.
fn sha256sum(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim_start_matches('\\').split(' ').next().unwrap().to_owned()
}

pub(crate) fn sha256sum_of(bytes: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    sha256sum(file.path())
}

fn manifest(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn entry<'m>(manifest: &'m Value, list: &str, name: &str) -> &'m Value {
    let entries = manifest[list].as_array().unwrap();
    let key = if list == "rules" { "id" } else { "name" };
    entries.iter().find(|entry| entry[key] == name).unwrap_or_else(|| panic!("{name} is none of {entries:?}"))
}

#[track_caller]
fn assert_is_file(entry: &Value, file: &Path) {
    assert_eq!(entry["sha256"], Value::from(sha256sum(file)), "{}", file.display());
    assert_eq!(entry["bytes"], fs::metadata(file).unwrap().len(), "{}", file.display());
}

fn verify(manifest: &Path, paths: &[&Path]) -> Output {
    let mut arguments = vec!["verify-custody", path(manifest)];
    arguments.extend(paths.iter().map(|it| path(it)));
    airside(&arguments)
}

/// Logs with a compressed and a damaged one, scanned with an output: the folder, which has `logs`,
/// `findings.json` and `custody.json`.
fn scanned() -> tempfile::TempDir {
    let whole = gzip(&lines(0..500));
    let folder = folder(&[
        ("logs/h=10/PT1H.json", lines(0..3).into_bytes()),
        ("logs/h=11/PT1H.json", lines(3..6).into_bytes()),
        ("logs/packed.json.gz", gzip(&lines(6..9))),
        ("logs/cut.json.gz", whole[..whole.len() / 2].to_vec()),
    ]);
    let target = format!("json={}", path(&folder.path().join("findings.json")));
    let output = airside(&[
        "scan",
        path(&folder.path().join("logs")),
        "--custody",
        path(&folder.path().join("custody.json")),
        "--output",
        &target,
        "--format",
        "ndjson",
    ]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    folder
}

/// Rules, version, command line and times.
fn assert_says_what_ran(written: &Value) {
    let rules = written["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 44, "the rules of the profile core");
    let rule = root().join("queries/infra_doing_data/dbmi-storage-data-access.sql");
    assert_is_file(entry(written, "rules", "dbmi-storage-data-access"), &rule);
    assert_eq!(written["program"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(written["command"].as_array().unwrap().iter().any(|word| word == "--baseline"));
    assert!(written["started"].as_str() <= written["ended"].as_str());
}

#[test]
fn a_manifest_has_every_object_rule_and_output_with_the_hash_that_sha256sum_gives() {
    let folder = folder(&[
        ("logs/plain.json", lines(0..3).into_bytes()),
        ("logs/packed.json.gz", gzip(&lines(3..6))),
        ("logs/packed.json.zst", zstd::encode_all(lines(6..9).as_bytes(), 1).unwrap()),
        ("logs/empty.json", Vec::new()),
        ("inventory.json", fs::read(root().join("sample-logs/inventory/access-connectors.json")).unwrap_or_default()),
        ("airside.toml", b"[network]\nallowed_ip = [\"203.0.113.0/24\"]\n".to_vec()),
    ]);
    let at = |name: &str| folder.path().join(name);
    let target = format!("csv={}", path(&at("findings.csv")));
    let (logs, custody, config) = (at("logs"), at("custody.json"), at("airside.toml"));
    let (coverage, baseline) = (at("coverage.json"), at("baseline"));
    let run = || {
        airside(&[
            "scan",
            path(&logs),
            // The same file once more, under another name.
            path(&logs.join("../logs/plain.json")),
            "--config",
            path(&config),
            "--baseline",
            path(&baseline),
            "--custody",
            path(&custody),
            "--coverage",
            path(&coverage),
            "--output",
            &target,
            "--format",
            "json",
            "--force",
        ])
    };
    let first = run();
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let before = sha256sum(&baseline);

    let output = run();

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let written = manifest(&custody);
    let objects = written["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 4, "{objects:?}");
    for name in ["empty.json", "packed.json.gz", "packed.json.zst"] {
        let file = logs.join(name);
        assert_is_file(entry(&written, "objects", path(&file)), &file);
    }
    let names: Vec<&str> = objects.iter().map(|object| object["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert!(objects.iter().all(|object| object["whole"] == true && object["problem"].is_null()), "{objects:?}");
    assert_is_file(entry(&written, "files", path(&config)), &config);
    assert_eq!(entry(&written, "files", path(&baseline))["sha256"], Value::from(before));
    for file in [&at("findings.csv"), &coverage, &baseline] {
        assert_is_file(entry(&written, "outputs", path(file)), file);
    }
    let shown = entry(&written, "outputs", "-");
    assert_eq!(shown["sha256"], Value::from(sha256sum_of(&output.stdout)));
    assert_eq!(shown["bytes"], output.stdout.len());
    assert_says_what_ran(&written);
    assert_eq!(written["coverage"], manifest(&coverage));
    let own = format!("{}: SHA-256 {}", path(&custody), sha256sum(&custody));
    assert!(stderr(&output).contains(&own), "{}", stderr(&output));
    assert_eq!(code(&verify(&custody, &[&logs])), 0);
}

/// Large files are read in blocks by several threads; where a block does not end between records,
/// one thread reads on alone; what cannot be cut is read by one thread from there.
#[test]
fn large_files_are_hashed_in_the_order_of_their_bytes_whoever_reads_them() {
    let plain = lines(0..12_000);
    let array = format!("[{}]", (0..8_000).map(record).collect::<Vec<_>>().join(",\n"));
    let misleading = format!("{}{{\"open\":[\n{}", lines(0..4_000), lines(4_000..12_000));
    let folder = folder(&[
        ("plain.json", plain.clone().into_bytes()),
        ("array.json", array.into_bytes()),
        ("misleading.json", misleading.into_bytes()),
        ("packed.json.gz", gzip(&plain)),
    ]);
    let outside = tempfile::tempdir().unwrap();
    for threads in ["1", "2", "5"] {
        let custody = outside.path().join(format!("{threads}.json"));
        let arguments = ["--threads", threads, "--memory-limit", "256MB", "--format", "ndjson"];
        let output = airside(
            &[&["identities", path(folder.path()), "--custody", path(&custody)], arguments.as_slice()].concat(),
        );

        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let written = manifest(&custody);
        for name in ["plain.json", "array.json", "misleading.json", "packed.json.gz"] {
            let file = folder.path().join(name);
            assert_is_file(entry(&written, "objects", path(&file)), &file);
        }
    }
}

#[test]
fn an_object_that_is_damaged_is_there_with_what_was_read_and_the_reason() {
    let folder = scanned();

    let written = manifest(&folder.path().join("custody.json"));

    let file = folder.path().join("logs/cut.json.gz");
    let cut = entry(&written, "objects", path(&file));
    assert_is_file(cut, &file);
    assert!(cut["problem"].as_str().unwrap().contains("gzip stream ends early"), "{cut}");
}

#[test]
fn an_object_that_cannot_be_opened_is_there_without_a_hash() {
    let folder = folder(&[("logs/a.json", lines(0..1))]);
    let link = folder.path().join("logs/broken.json");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let custody = folder.path().join("custody.json");

    let output = airside(&["identities", path(&folder.path().join("logs")), "--custody", path(&custody)]);

    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let written = manifest(&custody);
    let broken = entry(&written, "objects", path(&link));
    assert_eq!((&broken["sha256"], &broken["whole"], &broken["bytes"]), (&Value::Null, &false.into(), &0.into()));
    assert!(broken["problem"].as_str().unwrap().contains("leads nowhere"), "{broken}");
}

#[test]
fn standard_input_is_hashed_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let custody = folder.path().join("custody.json");
    let packed = gzip(&lines(0..3000));
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["identities", "-", "--custody", path(&custody)])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&packed).unwrap();
    assert!(child.wait().unwrap().success());

    let written = manifest(&custody);
    let stdin = entry(&written, "objects", "-");
    assert_eq!(stdin["sha256"], Value::from(sha256sum_of(&packed)));
    assert_eq!(stdin["bytes"], packed.len());
    // Whoever kept it in a file names that.
    let kept = folder.path().join("kept.gz");
    fs::write(&kept, &packed).unwrap();
    let mut verified = Command::new(env!("CARGO_BIN_EXE_airside"));
    verified.args(["verify-custody", path(&custody), "-"]).stdin(fs::File::open(&kept).unwrap());
    assert_eq!(code(&verified.output().unwrap()), 0);
}

#[cfg(feature = "postgres")]
#[test]
fn an_endpoint_takes_no_manifest_for_it_has_no_end() {
    let folder = folder(&[("logs/a.json", lines(0..3))]);
    let custody = folder.path().join("custody.json");

    let output = airside(&["serve", path(&folder.path().join("logs")), "--custody", path(&custody)]);

    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("airside sql PATH -c SQL --custody FILE"), "{}", stderr(&output));
    assert!(!custody.exists());
}

#[test]
fn every_command_that_reads_can_write_a_manifest() {
    let folder = folder(&[("logs/a.json", lines(0..3))]);
    let logs = folder.path().join("logs");
    let custody = folder.path().join("custody.json");
    let target = folder.path().join("out");
    let of = |format: &str| format!("{format}={}", path(&target));
    let (arrow, csv, markdown) = (of("arrow"), of("csv"), of("markdown"));
    for command in [
        &["identities"][..],
        &["matrix", "--output", &markdown],
        &["events", "--output", &arrow],
        &["report", "-o", path(&target)],
        &["sql", "-c", "SELECT count(*) FROM events", "--output", &csv],
    ] {
        let mut arguments = command.to_vec();
        arguments.extend([path(&logs), "--custody", path(&custody), "--force"]);
        let output = airside(&arguments);

        assert_eq!(code(&output), 0, "{command:?}: {}", stderr(&output));
        let written = manifest(&custody);
        assert_is_file(entry(&written, "objects", path(&logs.join("a.json"))), &logs.join("a.json"));
        if command.len() > 1 {
            assert_is_file(entry(&written, "outputs", path(&target)), &target);
        }
        if !output.stdout.is_empty() {
            let shown = entry(&written, "outputs", "-");
            assert_eq!(shown["sha256"], Value::from(sha256sum_of(&output.stdout)), "{command:?}");
        }
        let verified = verify(&custody, &[&logs]);
        assert_eq!(code(&verified), 0, "{command:?}: {}{}", stdout(&verified), stderr(&verified));
    }
}

#[test]
fn the_query_is_in_the_manifest_wherever_it_was_given_and_without_its_secrets() {
    let sql = "-- AccountKey=SECRET\nSELECT count(*) FROM events\n";
    let shown = "-- AccountKey=***\nSELECT count(*) FROM events\n";
    let folder = folder(&[("logs/a.json", lines(0..3)), ("question.sql", sql.to_owned())]);
    let (logs, custody) = (folder.path().join("logs"), folder.path().join("custody.json"));
    let question = folder.path().join("question.sql");
    for given in [&["-c", sql][..], &["-f", path(&question)], &[]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
            .arg("sql")
            .args(given)
            .args([path(&logs), "--custody", path(&custody), "--force"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(if given.is_empty() { sql.as_bytes() } else { b"" }).unwrap();
        assert!(child.wait().unwrap().success(), "{given:?}");

        let query = &manifest(&custody)["query"];
        assert_eq!(query["text"], shown, "{given:?}");
        assert_is_file(query, &question);
        assert!(!fs::read_to_string(&custody).unwrap().contains("SECRET"), "{given:?}");
    }
    let output = airside(&["events", path(&logs), "--custody", path(&custody), "--force"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(manifest(&custody).get("query"), None);
}

#[test]
fn what_was_moved_or_copied_elsewhere_is_verified_there() {
    let folder = scanned();
    let custody = folder.path().join("custody.json");
    assert_eq!(code(&verify(&custody, &[&folder.path().join("logs")])), 0);

    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("evidence");
    fs::rename(folder.path().join("logs"), &moved).unwrap();
    fs::copy(folder.path().join("findings.json"), elsewhere.path().join("findings.json")).unwrap();
    fs::copy(&custody, elsewhere.path().join("custody.json")).unwrap();
    drop(folder);

    let verified = verify(&elsewhere.path().join("custody.json"), &[&moved]);

    assert_eq!(code(&verified), 0, "{}", stdout(&verified));
    assert!(stdout(&verified).contains("4 objects and 1 output as recorded"), "{}", stdout(&verified));
    assert!(stdout(&verified).contains("not checked  standard output"), "{}", stdout(&verified));
}

#[test]
fn what_is_changed_missing_new_and_truncated_is_named() {
    type Deed = fn(&Path);
    let deeds: [(&str, Deed); 6] = [
        ("changed     LOGS/h=10/PT1H.json: SHA-256", |logs| {
            let mut bytes = fs::read(logs.join("h=10/PT1H.json")).unwrap();
            bytes[700] ^= 1;
            fs::write(logs.join("h=10/PT1H.json"), bytes).unwrap();
        }),
        ("missing     LOGS/h=11/PT1H.json: ", |logs| fs::remove_file(logs.join("h=11/PT1H.json")).unwrap()),
        ("new         LOGS/h=12/PT1H.json: 4 bytes", |logs| {
            fs::create_dir(logs.join("h=12")).unwrap();
            fs::write(logs.join("h=12/PT1H.json"), "{}\n\n").unwrap();
        }),
        ("changed     LOGS/packed.json.gz: 100 bytes, and ", |logs| {
            let file = fs::File::options().write(true).open(logs.join("packed.json.gz")).unwrap();
            file.set_len(100).unwrap();
        }),
        ("changed     LOGS/h=11/PT1H.json: 1 bytes were added; those before are as recorded", |logs| {
            fs::File::options().append(true).open(logs.join("h=11/PT1H.json")).unwrap().write_all(b"\n").unwrap();
        }),
        ("changed     FOLDER/findings.json: ", |logs| {
            let findings = logs.parent().unwrap().join("findings.json");
            let text = fs::read_to_string(&findings).unwrap().replacen("schema", "SCHEMA", 1);
            fs::write(findings, text).unwrap();
        }),
    ];
    for (expected, deed) in deeds {
        let folder = scanned();
        let logs = folder.path().join("logs");
        deed(&logs);

        let verified = verify(&folder.path().join("custody.json"), &[&logs]);

        let expected = expected.replace("LOGS", path(&logs)).replace("FOLDER", path(folder.path()));
        assert_eq!(code(&verified), 1, "{expected}: {}", stdout(&verified));
        let said = stdout(&verified);
        assert!(said.lines().any(|line| line.starts_with(&expected)), "{expected}: {said}");
        assert!(said.trim_end().ends_with("1 difference"), "{said}");
    }
}

#[test]
fn differences_are_there_for_programs_too() {
    let folder = scanned();
    let (logs, custody) = (folder.path().join("logs"), folder.path().join("custody.json"));
    fs::remove_file(logs.join("packed.json.gz")).unwrap();

    let output = airside(&["verify-custody", path(&custody), path(&logs), "--format", "json"]);

    let verdict: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(verdict["as_recorded"]["objects"], 3);
    assert_eq!(verdict["differences"][0]["kind"], "missing");
    assert_eq!(verdict["differences"][0]["name"], path(&logs.join("packed.json.gz")));
}

#[test]
fn standard_output_that_was_kept_in_a_file_is_verified_where_that_is_named() {
    let folder = folder(&[("logs/a.json", lines(0..3))]);
    let (logs, custody) = (folder.path().join("logs"), folder.path().join("custody.json"));
    let output = airside(&["identities", path(&logs), "--custody", path(&custody)]);
    let kept = folder.path().join("kept.ndjson");
    fs::write(&kept, &output.stdout).unwrap();

    let verified = verify(&custody, &[&logs, &kept]);
    assert_eq!((code(&verified), stdout(&verified).contains("1 output as recorded")), (0, true), "{verified:?}");

    fs::write(&kept, [&output.stdout[..], b" "].concat()).unwrap();
    assert_eq!(code(&verify(&custody, &[&logs, &kept])), 1);
}

#[test]
fn what_is_no_manifest_or_not_there_is_a_mistake_of_usage() {
    let folder =
        folder(&[("no.json", "{}"), ("later.json", r#"{"schema_version":9,"objects":[],"files":[],"outputs":[]}"#)]);
    let at = |name: &str| folder.path().join(name);

    for (manifest, logs, expected) in [
        ("no.json", ".", "is no manifest of --custody"),
        ("later.json", ".", "is of version 9"),
        ("none.json", ".", "cannot read"),
        ("later.json", "nowhere", "version 9"),
    ] {
        let output = verify(&at(manifest), &[Path::new(logs)]);
        assert_eq!(code(&output), 3, "{manifest}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{manifest}: {}", stderr(&output));
    }
    let output = airside(&["scan", "sample-logs/tenant", "--custody", path(&at("no.json"))]);
    assert_eq!(code(&output), 3, "a manifest is not written over without --force");
}

/// A lake's log says which files a version has: that is what is hashed.
#[cfg(feature = "lake")]
#[test]
fn of_a_lake_the_version_and_its_log_are_recorded() {
    let folder = folder(&[("logs/a.json", lines(0..3))]);
    let at = |name: &str| folder.path().join(name);
    let (lake, custody) = (at("lake"), at("custody.json"));
    let ingest = |arguments: &[&str]| {
        let logs = at("logs");
        let all = [&["ingest", path(&logs), "--lake", path(&lake)], arguments].concat();
        let output = airside(&all);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    };
    let ingested = at("ingested.json");
    ingest(&["--custody", path(&ingested)]);
    assert_is_file(entry(&manifest(&ingested), "objects", path(&at("logs/a.json"))), &at("logs/a.json"));
    assert_eq!(code(&verify(&ingested, &[&at("logs")])), 0);

    let output = airside(&["identities", path(&lake), "--custody", path(&custody)]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let written = manifest(&custody);
    let version = written["lake"]["version"].as_u64().unwrap();
    let log = lake.join("_delta_log");
    for number in 0..=version {
        let file = log.join(format!("{number:020}.json"));
        assert_is_file(entry(&written, "objects", path(&file)), &file);
    }
    assert_eq!(code(&verify(&custody, &[&lake])), 0);

    // The lake goes on, and what was read of it is still what was read.
    fs::write(at("logs/b.json"), lines(3..6)).unwrap();
    ingest(&[]);
    let verified = verify(&custody, &[&lake]);
    assert_eq!(code(&verified), 0, "{}", stdout(&verified));

    let first = log.join("00000000000000000000.json");
    let text = fs::read_to_string(&first).unwrap();
    fs::write(&first, text.replacen("airside_events", "airside_event5", 1)).unwrap();
    assert_eq!(code(&verify(&custody, &[&lake])), 1);
}
