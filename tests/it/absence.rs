//! What the coverage says of what is not there: gaps, tokens without use, wrong clocks, silent
//! categories. Raw records go in, and beside each thing that is told stand those that must not be.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use airside::coverage::{Coverage, GapKind};
use airside::pipeline::ReadOptions;
use airside::rule::load::Selection;
use airside::time::UtcMicros;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, scan_for};

const SUBSCRIPTION: &str = "11111111-2222-4333-8444-555555555555";

/// The identity of an access connector, and the inventory that says so.
const CONNECTOR: &str = "0c000000-0000-4000-8000-000000000001";
const INVENTORY: &str = r#"[{"id":"/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg/providers/Microsoft.Databricks/accessConnectors/ac","type":"Microsoft.Databricks/accessConnectors","name":"ac","identity":{"type":"SystemAssigned","principalId":"0c000000-0000-4000-8000-000000000001"}}]"#;

/// The instant that is so many hours after midnight of Friday, 1 May 2026, with `minutes` and `seconds`.
fn at(hour: i64, rest: &str) -> String {
    let day = 1 + hour / 24;
    format!("2026-05-{day:02}T{:02}:{rest}Z", hour % 24)
}

/// A read of a blob.
fn storage(time: &str, number: i64, principal: &str, account: &str) -> String {
    format!(
        r#"{{"time":"{time}","resourceId":"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/{account}/blobServices/default","category":"StorageRead","operationName":"GetBlob","statusCode":200,"statusText":"Success","correlationId":"99999999-8888-4777-8666-{number:012}","identity":{{"type":"OAuth","requester":{{"objectId":"{principal}"}}}},"properties":{{"accountName":"{account}","objectKey":"/{account}/b/x"}}}}"#
    )
}

fn key_vault(time: &str, number: i64, vault: &str) -> String {
    format!(
        r#"{{"time":"{time}","category":"AuditEvent","operationName":"SecretGet","resultType":"Success","correlationId":"99999999-8888-4777-8667-{number:012}","identity":{{"claim":{{"oid":"{CONNECTOR}"}}}},"properties":{{"id":"https://{vault}.vault.azure.net/secrets/a","httpStatusCode":200,"requestUri":"https://{vault}.vault.azure.net/secrets/a?api-version=7.4"}},"resourceId":"/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{vault}","resultSignature":"OK"}}"#
    )
}

/// The connector is given a token for storage.
fn token(time: &str, number: i64) -> String {
    format!(
        r#"{{"time":"{time}","resourceId":"/tenants/11111111-1111-4111-8111-111111111111/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"ManagedIdentitySignInLogs","tenantId":"11111111-1111-4111-8111-111111111111","resultType":"0","properties":{{"id":"51600000-0000-4000-8000-{number:012}","createdDateTime":"{time}","appId":"0c000000-0000-4000-8000-000000009001","status":{{"errorCode":0}},"resourceDisplayName":"Azure Storage","resourceId":"e406a681-f3d4-42a8-90b6-c2b029497af1","servicePrincipalName":"ac","servicePrincipalId":"{CONNECTOR}"}}}}"#
    )
}

/// Somebody writes, or deletes, the diagnostic setting of a resource.
fn setting(time: &str, number: i64, (resource, verb): (&str, &str), logs: &Value) -> String {
    let body = Value::String(json!({"properties": {"logs": logs}}).to_string());
    format!(
        r#"{{"time":"{time}","resourceId":"/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/RG/PROVIDERS/{resource}/PROVIDERS/MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/ARCHIVE","operationName":"MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/{verb}","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.OK","correlationId":"99999999-8888-4777-8668-{number:012}","identity":{{"claims":{{"http://schemas.microsoft.com/identity/claims/objectidentifier":"f3000000-0000-4000-8000-000000000001"}}}},"level":"Information","properties":{{"requestbody":{body}}}}}"#
    )
}

fn write(folder: &TempDir, name: &str, lines: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    let file = folder.path().join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// The coverage of what lies in a folder, which is the same for one thread and for four, and for events
/// that went to disk.
fn coverage(folder: &Path) -> Coverage {
    let now = UtcMicros::parse("2026-07-01T00:00:00Z");
    let options = |threads, memory_limit_bytes| {
        let options = ReadOptions { threads, memory_limit_bytes, now, ..ReadOptions::default() };
        scan_for(
            folder,
            &options,
            &Selection { only: vec!["dbmi-storage-data-access".to_owned()], ..Selection::default() },
        )
        .coverage
    };
    let coverage = options(1, 1 << 30);
    assert_eq!(options(4, 1 << 30), coverage);
    assert_eq!(options(2, 64 << 10), coverage);
    coverage
}

/// Ten days of a log with an event every hour but for some hours.
fn steady(without: std::ops::Range<i64>) -> Vec<i64> {
    (0..240).filter(|hour| !without.contains(hour)).collect()
}

fn storage_hours(hours: &[i64], account: &str) -> Vec<String> {
    hours
        .iter()
        .map(|hour| storage(&at(*hour, "10:00.1000000"), *hour, "f3000000-0000-4000-8000-000000000001", account))
        .collect()
}

#[test]
fn a_hole_in_a_log_that_has_events_every_hour_is_a_gap_with_its_hours() {
    let folder = folder(&[("empty.json", "")]);
    write(&folder, "a.json", storage_hours(&steady(50..57), "lake"));

    let gaps = coverage(folder.path()).gaps.unwrap();

    let [gap] = gaps.found.as_slice() else { panic!("{gaps:?}") };
    assert_eq!(
        (gap.kind, gap.source.as_str(), gap.subscription.as_deref()),
        (GapKind::Silence, "storage", Some(SUBSCRIPTION))
    );
    // The 50th hour is 2:00 of the third day.
    assert_eq!(Some(gap.from), UtcMicros::parse("2026-05-03T02:00:00Z"));
    assert_eq!(Some(gap.until), UtcMicros::parse("2026-05-03T09:00:00Z"));
    assert_eq!((gap.hours, gap.busy_hours), (7, Some(7)));
}

/// The hole is in one of two accounts only: the log of the subscription goes on.
#[test]
fn a_quiet_resource_beside_a_busy_one_and_a_short_hole_are_no_gaps() {
    let folder = folder(&[("empty.json", "")]);
    write(&folder, "a.json", storage_hours(&steady(50..90), "lake"));
    write(&folder, "b.json", storage_hours(&steady(100..105), "other"));

    assert_eq!(coverage(folder.path()).gaps.unwrap().found, []);
}

#[test]
fn a_log_that_ends_before_the_others_do_is_told_and_one_that_ends_with_them_is_not() {
    let folder = folder(&[("empty.json", "")]);
    write(&folder, "a.json", storage_hours(&(0..200).collect::<Vec<_>>(), "lake"));
    write(&folder, "b.json", (0..240).map(|hour| key_vault(&at(hour, "20:00.1000000"), hour, "KV")));

    let gaps = coverage(folder.path()).gaps.unwrap();

    let [gap] = gaps.found.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.kind, gap.source.as_str(), gap.hours), (GapKind::Stopped, "storage", 40));
    assert_eq!(Some(gap.from), UtcMicros::parse("2026-05-09T08:00:00Z"));
    assert_eq!(Some(gap.until), UtcMicros::parse("2026-05-11T00:00:00Z"));
}

/// Tokens on the 4th, 5th and 7th; storage on the 6th, which the token of the 5th was for.
#[test]
fn days_with_tokens_and_no_record_of_their_use_are_told() {
    let folder = folder(&[("inventory.json", INVENTORY)]);
    let day = |day: i64| (day - 1) * 24;
    write(
        &folder,
        "tokens.json",
        [
            token(&at(day(4), "00:01.1000000"), 1),
            token(&at(day(4) + 23, "59:59.1000000"), 2),
            token(&at(day(5), "00:01.1000000"), 3),
            token(&at(day(7), "00:01.1000000"), 4),
        ],
    );
    write(&folder, "used.json", [storage(&at(day(6), "00:01.1000000"), 5, CONNECTOR, "lake")]);

    let gaps = coverage(folder.path()).gaps.unwrap();

    let days: Vec<(String, String, Option<u64>)> =
        gaps.found.iter().map(|gap| (gap.from.to_string(), gap.until.to_string(), gap.tokens)).collect();
    let midnight = |day: i64| format!("2026-05-{day:02}T00:00:00Z");
    assert_eq!(days, [(midnight(4), midnight(5), Some(2)), (midnight(7), midnight(8), Some(1))]);
    assert!(gaps.found.iter().all(|gap| gap.kind == GapKind::TokensWithoutUse && gap.source == "storage"));
    assert!(gaps.found.iter().all(|gap| gap.principal_id.as_deref() == Some(CONNECTOR)));
}

#[test]
fn days_that_follow_each_other_are_one_gap_and_tokens_of_others_are_none() {
    let others = folder(&[("empty.json", "")]);
    write(&others, "tokens.json", (1..9).map(|day| token(&at(day * 24, "00:01.1000000"), day)));
    let connectors = folder(&[("inventory.json", INVENTORY)]);
    write(&connectors, "tokens.json", (1..9).map(|day| token(&at(day * 24, "00:01.1000000"), day)));

    assert_eq!(coverage(others.path()).gaps.unwrap().found, []);
    let gaps = coverage(connectors.path()).gaps.unwrap();
    let [gap] = gaps.found.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.hours, gap.tokens), (8 * 24, Some(8)));
}

#[test]
fn records_too_far_from_the_hour_of_their_folder_or_after_the_run_are_counted_with_their_place() {
    let folder = folder(&[("empty.json", "")]);
    let line = |time: &str, number| storage(time, number, CONNECTOR, "lake");
    let fine = [
        line("2026-05-04T10:15:00.0000000Z", 1),
        // A clock that is nearly an hour fast, and an event that is two days late.
        line("2026-05-04T11:59:59.9999999Z", 2),
        line("2026-05-02T10:00:00.0000000Z", 3),
    ];
    let wrong = [
        line("2026-05-04T12:00:00.0000000Z", 4),
        line("2026-05-02T09:59:59.9999999Z", 5),
        line("2026-07-01T00:05:00.0000001Z", 6),
        line("2026-07-01T00:05:00.0000010Z", 7),
    ];
    write(&folder, "resourceId=/S/y=2026/m=05/d=04/h=10/m=00/PT1H.json", fine.iter().chain(&wrong).cloned());
    // Where no folder tells the hour, only the run does.
    write(&folder, "export.json", [line("2026-07-01T00:05:00.0000000Z", 8), line("1999-07-01T00:05:00Z", 9)]);

    let skew = coverage(folder.path()).clock_skew;

    // Times are kept to the microsecond: the sixth is the last that is within five minutes of the run.
    assert_eq!((skew.after_run, skew.after_hour, skew.before_hour), (1, 2, 1));
    let offset = |before: usize| {
        fine.iter().chain(&wrong).take(before).map(|line| i64::try_from(line.len()).unwrap() + 1).sum::<i64>()
    };
    let offsets: Vec<i64> = skew.examples.iter().map(|example| example.offset).collect();
    assert_eq!(offsets, [3, 4, 5, 6].map(offset));
    assert!(skew.examples.iter().all(|example| example.object.ends_with("h=10/m=00/PT1H.json")));
}

/// Settings of six vaults, and the log of two of them.
#[test]
fn categories_that_a_setting_names_and_that_no_log_has_are_told() {
    let folder = folder(&[("empty.json", "")]);
    let on = |category: &str| json!([{"category": category, "enabled": true, "retentionPolicy": {"days": 0, "enabled": false}}]);
    let vault = |name: &str| format!("MICROSOFT.KEYVAULT/VAULTS/{name}");
    let off = json!([{"category": "AuditEvent", "enabled": false}]);
    let written = |hour: i64, number: i64, name: &str, logs: &Value| {
        setting(&at(hour, "00:00.1000000"), number, (&vault(name), "WRITE"), logs)
    };
    let group = json!([{"categoryGroup": "allLogs", "enabled": true}]);
    write(
        &folder,
        "activity.json",
        [
            written(0, 1, "SILENT", &on("AuditEvent")),
            written(0, 2, "SEEN", &on("AuditEvent")),
            written(0, 3, "OFF", &off),
            written(0, 4, "DELETED", &on("AuditEvent")),
            setting(&at(1, "00:00.1000000"), 5, (&vault("DELETED"), "DELETE"), &json!([])),
            // Written an hour less than a day before the last event of its log.
            written(25, 6, "NEW", &on("AuditEvent")),
            written(0, 7, "GROUP", &group),
            written(0, 8, "SEENGROUP", &group),
            written(0, 9, "UNKNOWN", &on("AzurePolicyEvaluationDetails")),
            // Nothing of Databricks was read: that is said elsewhere.
            setting(&at(0, "00:00.1000000"), 10, ("MICROSOFT.DATABRICKS/WORKSPACES/WS", "WRITE"), &on("jobs")),
            // The account's reads were seen, its writes were not.
            setting(
                &at(0, "00:00.1000000"),
                11,
                ("MICROSOFT.STORAGE/STORAGEACCOUNTS/LAKE/BLOBSERVICES/DEFAULT", "WRITE"),
                &json!([{"category": "StorageRead", "enabled": true}, {"category": "StorageWrite", "enabled": true}]),
            ),
        ],
    );
    write(
        &folder,
        "vaults.json",
        [key_vault(&at(3, "00:00.1000000"), 1, "SEEN"), key_vault(&at(48, "00:00.1000000"), 2, "SEENGROUP")],
    );
    write(&folder, "storage.json", [storage(&at(48, "00:00.1000000"), 1, CONNECTOR, "lake")]);

    let silent = coverage(folder.path()).silent_categories.unwrap();

    let told: Vec<(&str, &str)> = silent
        .found
        .iter()
        .map(|silent| (silent.resource.rsplit('/').next().unwrap(), silent.category.as_str()))
        .collect();
    assert_eq!(told, [("group", "alllogs"), ("silent", "auditevent"), ("lake", "storagewrite")]);
    assert_eq!(silent.found[1].since, UtcMicros::parse("2026-05-01T00:00:00.1Z").unwrap());
    assert!(
        silent.found[1].setting.ends_with("/vaults/silent/providers/microsoft.insights/diagnosticsettings/archive")
    );
}

/// An archive of everything above.
fn archive() -> TempDir {
    let folder = folder(&[("inventory.json", INVENTORY)]);
    write(&folder, "storage.json", storage_hours(&steady(50..57), "lake"));
    write(&folder, "tokens.json", [token(&at(3 * 24, "00:01.1000000"), 1)]);
    write(&folder, "y=2026/m=05/d=20/h=00/m=00/PT1H.json", storage_hours(&[0], "lake"));
    let resource = "MICROSOFT.STORAGE/STORAGEACCOUNTS/LAKE/BLOBSERVICES/DEFAULT";
    let logs = json!([{"category": "StorageDelete", "enabled": true}]);
    write(&folder, "activity.json", [setting(&at(0, "00:00.1000000"), 1, (resource, "WRITE"), &logs)]);
    folder
}

#[test]
fn every_form_of_the_coverage_tells_what_is_missing() {
    let archive = archive();
    let place = path(archive.path());
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str| out.path().join(name);
    let scanned = airside(&["scan", place, "--format", "json", "--coverage", path(&file("scan.json"))]);
    assert_eq!(code(&scanned), 0, "{}", stderr(&scanned));
    let read = |file: PathBuf| serde_json::from_str::<Value>(&fs::read_to_string(file).unwrap()).unwrap();
    let whole = read(file("scan.json"));
    let document: Value = serde_json::from_str(&stdout(&scanned)).unwrap();

    assert_eq!(document["coverage"], whole);
    let kinds: Vec<&str> =
        whole["gaps"]["found"].as_array().unwrap().iter().map(|gap| gap["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["silence", "tokens_without_use"]);
    assert_eq!(whole["gaps"]["found"][0]["until"], "2026-05-03T09:00:00Z");
    assert_eq!(whole["clock_skew"]["before_hour"], 1);
    assert_eq!(whole["silent_categories"]["found"][0]["category"], "storagedelete");

    for format in ["table", "markdown"] {
        let text =
            stdout(&airside(&["scan", place, "--format", format])).split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "has nothing from 2026-05-03T02:00:00Z to 2026-05-03T09:00:00Z, 7 hours",
            "was given 1 token for storage",
            "1 record dated more than two days before",
            "storagedelete of /subscriptions/",
        ] {
            assert!(text.contains(part), "{format}: {part}: {text}");
        }
    }
    for (name, command) in [
        ("sql", &["sql", "-c", "SELECT 1"][..]),
        ("identities", &["identities"]),
        ("events", &["events", "--stream", "dbmi"]),
    ] {
        let output = airside(&[command, &[place, "--coverage", path(&file(name))]].concat());

        assert_eq!(code(&output), 0, "{}", stderr(&output));
        for part in ["gaps", "clock_skew", "silent_categories"] {
            assert_eq!(read(file(name))[part], whole[part], "{name}");
        }
    }
    // A question by itself looks at nothing else, and does not say that nothing is missing.
    let asked: Value =
        serde_json::from_str(&stdout(&airside(&["sql", place, "-c", "SELECT 1", "--format", "json"]))).unwrap();
    assert_eq!((&asked["coverage"]["gaps"], &asked["coverage"]["silent_categories"]), (&Value::Null, &Value::Null));
}

#[cfg(feature = "lake")]
#[test]
fn a_lake_tells_of_the_same_gaps_and_silent_categories() {
    let archive = archive();
    let out = tempfile::tempdir().unwrap();
    let lake = out.path().join("lake");
    let ingested = airside(&["ingest", path(archive.path()), "--lake", path(&lake)]);
    assert_eq!(code(&ingested), 0, "{}", stderr(&ingested));
    let coverage = |place: &Path| -> Value {
        let output = airside(&["scan", path(place), "--format", "json"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_str::<Value>(&stdout(&output)).unwrap()["coverage"].clone()
    };

    let (of_lake, of_archive) = (coverage(&lake), coverage(archive.path()));

    assert_eq!(of_lake["gaps"], of_archive["gaps"]);
    assert_eq!(of_lake["silent_categories"], of_archive["silent_categories"]);
    assert_eq!(of_lake["gaps"]["found"].as_array().unwrap().len(), 2);
}
