//! The report in a real browser: Chromium, driven by `report_html.mjs`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::cli::{airside, code, path, stderr};
use crate::support::root;

/// A record of a storage log in which a workspace's identity reads a blob; `{…}` are filled in.
const RECORD: &str = r#"{"time":"2026-05-04T10:{minute}:{second}.1000000Z","resourceId":"/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-data/providers/Microsoft.Storage/storageAccounts/{account}/blobServices/default","category":"StorageRead","operationName":"GetBlob","operationVersion":"2021-08-06","schemaVersion":"1.0","statusCode":200,"statusText":"Success","durationMs":11,"callerIpAddress":"10.139.64.4:44001","correlationId":"{correlation}","identity":{"type":"OAuth","requester":{"appId":"44444444-4444-4444-8444-444444444444","objectId":"{principal}","tenantId":"33333333-3333-4333-8333-333333333333","tokenIssuer":"https://sts.windows.net/33333333-3333-4333-8333-333333333333/"}},"location":"westeurope","properties":{"accountName":"{account}","userAgentHeader":"{agent}","serviceType":"blob","objectKey":"/{account}/data/{path}"},"uri":"https://{account}.blob.core.windows.net/data/{path}","protocol":"HTTPS","resourceType":"Microsoft.Storage/storageAccounts/blobServices"}"#;

/// Text that would run, break out of its element, or turn what is around it, if it could.
const HOSTILE: &str = r#"</script><script>globalThis.hacked=true</script>\"><img src=x onerror=globalThis.hacked=true> \u202egpj.exe\u2066"#;

/// The browser: `AIRSIDE_CHROMIUM`, or one of the usual names in the path.
fn chromium() -> PathBuf {
    let given = std::env::var_os("AIRSIDE_CHROMIUM").map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = || {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        std::env::split_paths(&folders)
            .flat_map(|folder| names.map(|name| folder.join(name)))
            .find(|file| file.is_file())
    };
    given
        .or_else(found)
        .unwrap_or_else(|| panic!("no Chromium: `apt-get install chromium`, or name one in AIRSIDE_CHROMIUM"))
}

/// The package that drives it: `AIRSIDE_PLAYWRIGHT`, or where `.ci/run` puts it.
fn playwright() -> PathBuf {
    let given = std::env::var_os("AIRSIDE_PLAYWRIGHT").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let folder = given.unwrap_or_else(|| home.join(".cache/airside/browser/node_modules/playwright-core"));
    assert!(
        folder.is_dir(),
        "no playwright-core: `npm install --prefix ~/.cache/airside/browser playwright-core@1.65.1` (with Node 18 or \
         later), or name its folder in AIRSIDE_PLAYWRIGHT"
    );
    folder
}

/// Opens a report and gives back what the browser said.
fn browse(report: &Path) -> Value {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("node");
    command
        .arg(root().join("tests/it/report_html.mjs"))
        .arg(chromium())
        .arg(playwright())
        .arg(report)
        .arg(profile.path());
    if let Some(folder) = std::env::var_os("AIRSIDE_SCREENSHOTS") {
        command.arg(folder);
    }
    let output =
        command.output().unwrap_or_else(|error| panic!("cannot start node, which drives the browser: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&said).unwrap()
}

fn write_report(input: &str, file: &Path, more: &[&str]) {
    let output = airside(&[&["report", input, "-o", path(file)], more].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

/// What holds of every report: it opens, in silence, and asks nobody for anything.
fn assert_calm(said: &Value) {
    assert_eq!(
        said["console"],
        serde_json::json!([]),
        "where a hash is named, a program of the page was changed: put it in src/report/html/program.sha256"
    );
    assert_eq!(said["ready"], true);
    assert_eq!(said["requests"], serde_json::json!([]));
    assert_eq!(said["after"]["hacked"], false);
    assert_eq!(said["after"]["scripts"], 3);
    assert_eq!(said["after"]["images"], 0);
    assert_eq!(said["wide"], 0, "the page scrolls sideways");
    assert_eq!(said["landmarks"], serde_json::json!([]), "missing");
    assert_eq!(said["unlabelled"], serde_json::json!([]));
}

static TENANT: LazyLock<Value> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    write_report("sample-logs/tenant", &file, &[]);
    browse(&file)
});

#[test]
fn the_tenants_report_opens_in_silence_and_shows_all_its_parts() {
    let said = &*TENANT;

    assert_calm(said);
    assert_eq!(said["status"], "31 findings");
    assert_eq!(said["rows"], 31);
    assert_eq!(said["headings"].as_array().unwrap().len(), 6);
    // Ten cells of `airside matrix` are marked, in three workspaces.
    assert_eq!(said["elements"]["wrong"], 10);
    assert!(said["elements"]["bars"].as_u64().unwrap() > 50);
    assert!(said["elements"]["circles"].as_u64().unwrap() > 5);
    assert!(said["elements"]["links"].as_u64().unwrap() > 20);
    let text = said["text"].as_str().unwrap();
    for part in [
        "432 records = 391 events + 6 duplicates + 34 skipped + 1 rejected",
        "nothing in the list 'allowed_ip': identity-unexpected-ip",
        "Take the identity's role or access policy on the vault away.",
        "less would have done for all that was seen",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn findings_are_searched_filtered_and_opened_by_keyboard() {
    let said = &*TENANT;

    assert_eq!(said["focus_after_slash"], "search");
    assert_eq!(said["search"]["status"], format!("{} of 31 findings", said["search"]["matching"]));
    assert_ne!(said["search"]["matching"], 31);
    assert_eq!(said["after_escape"], "31 findings");
    assert_eq!(said["focus_after_tab"], "severities-critical");
    assert_eq!(said["one_severity"]["status"], "3 of 31 findings");
    assert_eq!(said["one_severity"]["chips"], serde_json::json!(["critical"]));
    assert_eq!(said["after_reset"], "31 findings");
    let headings = said["opened"]["headings"].as_array().unwrap();
    for heading in ["What it finds", "Why it matters", "False positives", "What to do"] {
        assert!(headings.iter().any(|found| found == heading), "{heading}");
    }
    assert_eq!(said["opened"]["evidence"], 1);
    assert_eq!(said["dark"], serde_json::json!(["dark", "rgb(21, 24, 28)"]));
}

#[test]
fn the_timeline_is_walked_and_asked_by_keyboard() {
    let dots = &TENANT["dots"];

    assert_eq!(dots["stops"], 2, "one stop of the Tab key a stream");
    assert_eq!(dots["moved"], true);
    let label = dots["label"].as_str().unwrap();
    let title = label.lines().nth(1).unwrap();
    assert!(label.lines().next().unwrap().contains(" finding"), "{label}");
    let titles = dots["titles"].as_array().unwrap();
    assert!(titles.iter().any(|one| one == title), "{title} in {titles:?}");
    assert!(titles.len() < 31);
}

#[test]
fn on_paper_every_finding_is_open_and_the_prose_of_a_rule_stands_once() {
    let said = &*TENANT;

    assert_eq!(said["printed_filters"], false);
    // 31 findings by 16 rules.
    assert_eq!(said["printed"], serde_json::json!({"open": 31, "prose": 16, "closed_workspaces": 0}));
}

#[test]
fn text_of_a_hostile_record_stays_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    write_tenant(folder.path(), 3, HOSTILE);
    let title = "</title><script>globalThis.hacked=true</script>";

    write_report(path(&folder.path().join("logs")), &file, &["--title", title]);
    let said = browse(&file);

    assert_calm(&said);
    assert_eq!(said["status"], "3 findings");
    let text = said["text"].as_str().unwrap();
    let shown = r#"</script><script>globalThis.hacked=true</script>"><img src=x onerror=globalThis.hacked=true> \u{202e}gpj.exe\u{2066}"#;
    assert!(text.contains(shown), "{text}");
    assert!(text.contains(title), "{text}");
    assert!(!text.contains('\u{202e}') && !text.contains('\u{2066}'));
}

#[test]
fn ten_thousand_findings_open_in_three_seconds_and_are_a_small_file() {
    const FINDINGS: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    write_tenant(folder.path(), FINDINGS, "azsdk-python-storage-blob/12");

    write_report(path(&folder.path().join("logs")), &file, &[]);
    let said = browse(&file);

    assert_calm(&said);
    // One for each account, and that it was many.
    assert_eq!(said["status"], "10,001 findings");
    assert!(said["rows"].as_u64().unwrap() < 500, "rows are made as they are needed");
    assert!(said["opened_ms"].as_u64().unwrap() < 3_000, "{} ms", said["opened_ms"]);
    assert!(fs::metadata(&file).unwrap().len() < 15_000_000);
    assert_eq!(said["search"]["word"], "bulk");
    assert_eq!(said["search"]["status"], "1 of 10,001 findings");
    assert_eq!(said["after_reset"], "10,001 findings");
}

/// Logs in which one workspace identity reads blobs of so many accounts of others, and the export
/// that tells who it is.
fn write_tenant(folder: &Path, accounts: usize, agent: &str) {
    let logs = folder.join("logs");
    fs::create_dir(&logs).unwrap();
    let principal = "d1000000-0000-4000-8000-0000000000aa";
    let mut lines = String::new();
    for number in 0..accounts {
        for blob in 0..3 {
            let record = RECORD
                .replace("{minute}", &format!("{:02}", number % 60))
                .replace("{second}", &format!("{:02}", number / 60 % 60))
                .replace("{account}", &format!("stdata{number:06}"))
                .replace("{correlation}", &format!("99999999-8888-4777-866{blob}-{number:012}"))
                .replace("{principal}", principal)
                .replace("{agent}", agent)
                .replace("{path}", &format!("folder/part-{number:05}-{blob}.parquet"));
            writeln!(lines, "{record}").unwrap();
        }
    }
    fs::write(logs.join("PT1H.json"), lines).unwrap();
    let inventory = format!(
        r#"[{{"appId":"44444444-4444-4444-8444-444444444444","displayName":"dbmanagedidentity","id":"{principal}","servicePrincipalType":"ManagedIdentity","alternativeNames":["isExplicit=True","/subscriptions/11111111-2222-4333-8444-555555555555/resourcegroups/databricks-rg-ws-x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dbmanagedidentity"]}}]"#
    );
    fs::write(logs.join("service-principals.json"), inventory).unwrap();
}
