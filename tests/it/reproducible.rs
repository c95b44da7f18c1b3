//! With `SOURCE_DATE_EPOCH` two runs write the same bytes, whatever the number of threads and the
//! order in which the files of a copy were made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::root;

/// 2026-06-01T00:00:00Z.
const EPOCH: &str = "1780272000";

/// Formats of the findings.
const FINDINGS: [&str; 11] =
    ["table", "json", "ndjson", "csv", "parquet", "sarif", "ocsf", "timesketch", "stix", "junit", "markdown"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let mut files: Vec<PathBuf> =
        entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect();
    files.sort();
    files
}

/// Copies the sample tenant to `tenant` below a folder, file by file in this order.
fn copy(to: &Path, order: impl Fn(&mut Vec<PathBuf>)) {
    let from = root().join("sample-logs/tenant");
    let mut all = files(&from);
    order(&mut all);
    for file in all {
        let target = to.join("tenant").join(file.strip_prefix(&from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// Runs in a folder; standard output becomes the file `stdout-NUMBER`.
fn run(folder: &Path, number: usize, threads: &str, arguments: &[String]) {
    let output = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(arguments)
        .args(["--threads", threads, "--progress", "never"])
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(folder.join(format!("out/stdout-{number}")), output.stdout).unwrap();
}

/// Every command that writes, with every format; the number of threads is the only difference.
fn write_all(folder: &Path, threads: &str) {
    fs::create_dir(folder.join("out")).unwrap();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let mut scan = words(
        "scan tenant --format table --profile core,hunting,posture --since 400d --baseline out/baseline \
         --coverage out/coverage.json --quarantine out/quarantine.ndjson",
    );
    scan.extend(FINDINGS.iter().flat_map(|format| ["--output".to_owned(), format!("{format}=out/findings.{format}")]));
    let mut commands = vec![scan];
    for line in [
        "report tenant -o out/report.html --custody out/report.custody",
        "events tenant --format ocsf --output arrow=out/events.arrow --custody out/events.custody",
        "matrix tenant --format table --output json=out/matrix.json --output markdown=out/matrix.md",
        "identities tenant --format json --custody out/identities.custody",
        "identities tenant --format csv",
        "identities tenant --format ndjson",
    ] {
        commands.push(words(line));
    }
    let mut sql = words("sql tenant --output parquet=out/rows.parquet --output csv=out/rows.csv --format json -c");
    sql.push("SELECT * FROM events ORDER BY event_uid".to_owned());
    commands.push(sql);
    for (number, arguments) in commands.iter().enumerate() {
        run(folder, number, threads, arguments);
    }
}

#[test]
fn two_runs_write_the_same_bytes_in_every_format() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy(one.path(), |_| {});
    copy(other.path(), |files| {
        files.reverse();
        files.rotate_left(7);
    });

    write_all(one.path(), "1");
    write_all(other.path(), "4");

    let written = files(&one.path().join("out"));
    assert_eq!(written.len(), FINDINGS.len() + 3 + 3 + 3 + 2 + 2 + 7, "{written:?}");
    for file in written {
        let name = file.strip_prefix(one.path()).unwrap();
        let (bytes, again) = (fs::read(&file).unwrap(), fs::read(other.path().join(name)).unwrap());
        // What was asked for differs by itself in one word, and so does the manifest of it.
        let (bytes, again) = if name.extension().is_some_and(|ending| ending == "custody") {
            let without = |bytes: Vec<u8>| {
                String::from_utf8(bytes)
                    .unwrap()
                    .lines()
                    .filter(|line| !matches!(line.trim(), "\"1\"," | "\"4\","))
                    .collect::<Vec<_>>()
                    .join("\n")
                    .into_bytes()
            };
            (without(bytes), without(again))
        } else {
            (bytes, again)
        };
        // A report says on standard error what it wrote.
        assert!(!bytes.is_empty() || name.ends_with("stdout-1"), "{} is empty", name.display());
        let first = bytes.iter().zip(&again).position(|(a, b)| a != b);
        assert!(bytes == again, "{} differs at byte {first:?} of {}", name.display(), bytes.len());
    }
}

#[test]
fn a_date_that_is_none_is_a_mistake_of_usage() {
    let output = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["identities", "sample-logs/tenant"])
        .current_dir(root())
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SOURCE_DATE_EPOCH is no number of seconds"));
}
