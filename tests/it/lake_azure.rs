//! Lakes in a container, and archives that are followed while they grow.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::azure::lines;
use crate::azurite::{Container, azurite, sas};
use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, root};

fn ingest(source: &str, lake: &str) -> Value {
    let output = airside(&["ingest", source, "--lake", lake]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn a_lake_in_a_container_holds_what_a_container_of_exports_holds() {
    let tenant = root().join("sample-logs/tenant");
    let (archive, lakes) = (azurite().container(), azurite().container());
    archive.put_folder(&tenant);
    let lake = lakes.url("security/lake");

    let said = ingest(&archive.url(""), &lake);
    let again = ingest(&archive.url(""), &lake);
    let found = airside(&["scan", "--format", "ndjson", &lake]);
    let verified = airside(&["lake", "verify", &lake]);
    let optimized = airside(&["lake", "optimize", &lake]);
    let history = airside(&["lake", "history", &lake]);

    assert_eq!(said["records"]["events"], 391);
    assert_eq!((&again["objects"]["read"], &again["objects"]["unchanged"]), (&0.into(), &177.into()));
    let expected = stdout(&airside(&["scan", "--format", "ndjson", path(&tenant)]));
    let expected = expected.replace(&format!("{}/", path(&tenant)), &archive.object(""));
    assert_eq!(stdout(&found), expected, "{}", stderr(&found));
    assert_eq!(code(&verified), 0, "{}{}", stdout(&verified), stderr(&verified));
    for output in [&found, &verified, &optimized, &history] {
        assert_eq!(code(output), 0, "{}", stderr(output));
        assert!(!stdout(output).contains("sig=") && !stderr(output).contains("sig="));
    }
    assert!(said["lake"].as_str().unwrap().ends_with("/security/lake"), "{said}");
}

#[test]
fn an_append_blob_that_grew_is_read_on_from_where_it_was_left() {
    let (archive, local) = (azurite().container(), tempfile::tempdir().unwrap());
    let (blob, lake) = ("resourceId=/X/y=2026/m=05/d=04/h=10/m=00/PT1H.json", local.path().join("lake"));
    archive.create_append(blob);
    archive.append(blob, lines(0..400));
    ingest(&archive.url(""), path(&lake));
    archive.append(blob, lines(400..410));

    let grown = ingest(&archive.url(""), path(&lake));

    assert_eq!((&grown["objects"]["grown"], &grown["records"]["read"]), (&1.into(), &10.into()), "{grown}");
    assert_eq!(grown["bytes"].as_u64().unwrap(), lines(400..410).len() as u64);
    assert_eq!(code(&airside(&["lake", "verify", path(&lake)])), 0);
}

#[test]
fn a_lake_that_cannot_be_written_to_is_named_without_its_secret() {
    let logs = folder(&[("a.json", lines(0..3))]);
    let container = azurite().container();
    let wrong = sas("2099-01-01T00:00:00Z").replace("sig=", "sig=AAAA");
    let lake = container.url_with(azurite().port, "lake", &wrong);

    let output = airside(&["ingest", path(logs.path()), "--lake", &lake]);

    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(stderr(&output).contains(&container.object("lake")), "{}", stderr(&output));
    assert!(!stderr(&output).contains("sig=") && !stderr(&output).contains("AAAA"), "{}", stderr(&output));
}

/// Lines of standard output as they come.
fn lines_of(source: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines() {
            if line.is_err() || sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What a workspace's own identity does to a blob; with whom it is, `name` tells in the sign-in.
fn tenant_part(container: &Container, part: &str) {
    let folder = root().join("sample-logs/tenant").join(part);
    for entry in walkdir::WalkDir::new(&folder).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file()) {
        let name = entry.path().strip_prefix(folder.parent().unwrap()).unwrap();
        container.put(path(name), std::fs::read(entry.path()).unwrap());
    }
}

#[test]
fn following_prints_each_finding_as_it_appears_and_once() {
    let container = azurite().container();
    tenant_part(&container, "inventory");
    tenant_part(&container, "insights-logs-storageread");
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["scan", &container.url(""), "--follow", "--every", "1", "--format", "ndjson"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let found = lines_of(child.stdout.take().unwrap());
    let first: Value = serde_json::from_str(&found.recv_timeout(Duration::from_mins(1)).unwrap()).unwrap();
    assert!(first["rule_id"].is_string(), "{first}");

    // Time for the rest of the first look, and for some that find nothing new.
    let mut fingerprints = vec![first["fingerprint"].clone()];
    while let Ok(line) = found.recv_timeout(Duration::from_secs(6)) {
        fingerprints.push(serde_json::from_str::<Value>(&line).unwrap()["fingerprint"].clone());
    }
    let before = fingerprints.len();
    tenant_part(&container, "insights-logs-auditevent");
    let next: Value = serde_json::from_str(&found.recv_timeout(Duration::from_mins(1)).unwrap()).unwrap();
    fingerprints.push(next["fingerprint"].clone());
    while let Ok(line) = found.recv_timeout(Duration::from_secs(6)) {
        fingerprints.push(serde_json::from_str::<Value>(&line).unwrap()["fingerprint"].clone());
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();

    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(fingerprints.len() > before, "{fingerprints:?}");
    let all = fingerprints.len();
    fingerprints.sort_by_key(ToString::to_string);
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), all, "a finding was printed twice");
}
