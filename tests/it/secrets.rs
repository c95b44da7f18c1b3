//! Secrets that the outside brings reach no output: markers are planted wherever one can come in, and
//! every byte that is written is searched for them. With `--raw` those of events do appear.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use arrow::util::pretty::pretty_format_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use tempfile::TempDir;

use crate::cli::{code, gzip, path, stderr, stdout};
use crate::support::root;

/// Start of every marker; no other text has it.
const MARKER: &str = "x9Qz7Wk2";

/// Markers whose place becomes a column: `--raw` shows them.
const IN_COLUMNS: [&str; 11] = [
    "x9Qz7Wk2StorageKey",
    "x9Qz7Wk2SecondKey",
    "x9Qz7Wk2AdminPassword",
    "x9Qz7Wk2CustomData",
    "x9Qz7Wk2Deployment",
    "x9Qz7Wk2InsideString",
    "x9Qz7Wk2EscapedSas",
    "x9Qz7Wk2ScopeSecret",
    "x9Qz7Wk2CutOff",
    "x9Qz7Wk2UserAgent",
    "x9Qz7Wk2SignIn",
];

/// Markers in members that no column takes: `show --raw` shows them.
const IN_RECORDS: [&str; 4] = ["x9Qz7Wk2Uri", "x9Qz7Wk2VaultUri", "x9Qz7Wk2TokenValue", "x9Qz7Wk2Header"];

const IDENTITY: &str = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id";

fn activity(number: usize, operation: &str, request: &serde_json::Value, response: &serde_json::Value) -> String {
    json!({
        "time": format!("2026-05-04T10:15:{number:02}.1234567Z"),
        "resourceId": "/SUBSCRIPTIONS/22222222-2222-4222-8222-222222222222/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/ST",
        "operationName": operation,
        "category": "Administrative",
        "resultType": "Success",
        "resultSignature": "Succeeded.OK",
        "callerIpAddress": "203.0.113.9",
        "correlationId": format!("99999999-8888-4777-8666-{number:012}"),
        "identity": {"claims": {"appid": "a1000000-0000-4000-8000-000000009001"}},
        "level": "Information",
        "properties": {
            "requestbody": request.to_string(),
            "responseBody": response.to_string(),
            "httpHeaders": {"authorization": format!("SharedKey AccountKey={MARKER}Header")},
        },
    })
    .to_string()
}

fn databricks(number: usize, service: &str, action: &str, parameters: &str) -> String {
    json!({
        "resourceId": "/SUBSCRIPTIONS/22222222-2222-4222-8222-222222222222/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.DATABRICKS/WORKSPACES/WS",
        "operationVersion": "1.0.0",
        "identity": r#"{"email":"maya@contoso.example"}"#,
        "operationName": format!("Microsoft.Databricks/{service}/{action}"),
        "time": format!("2026-05-04T11:00:{number:02}Z"),
        "category": service,
        "properties": {
            "sourceIPAddress": "10.139.64.4:0", "serviceName": service, "actionName": action,
            "requestId": format!("6b000000-0000-4000-8000-{number:012}"), "response": r#"{"statusCode":200}"#,
            "requestParams": parameters,
        },
    })
    .to_string()
}

/// A record of a sample, with a part of it replaced.
fn sample(file: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(root().join("sample-logs").join(file)).unwrap();
    let line = text.lines().next().unwrap();
    assert!(line.contains(from), "{file} has no {from}");
    line.replacen(from, to, 1)
}

/// Bodies of the Activity Log.
fn bodies() -> Vec<String> {
    let keys = json!({"keys": [{"keyName": "key1", "value": format!("{MARKER}StorageKey"), "permissions": "FULL"}]});
    let machine = json!({
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
        "properties": {"osProfile": {
            "adminUsername": "azureuser", "adminPassword": format!("{MARKER}AdminPassword"), "customData": format!("{MARKER}CustomData"),
        }},
    });
    let deployment = json!({
        "identity": {"userAssignedIdentities": {IDENTITY: {}}},
        "properties": {"parameters": {"dbSecret": {"type": "secureString", "value": format!("{MARKER}Deployment")}}},
    });
    let inside = json!({"primaryKey": format!("{MARKER}InsideString")}).to_string();
    let nested = json!({"properties": {"template": inside}});
    let nothing = json!({});
    vec![
        activity(1, "MICROSOFT.STORAGE/STORAGEACCOUNTS/REGENERATEKEY/ACTION", &json!({"keyName": "key1"}), &keys),
        activity(
            2,
            "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
            &json!({"Primary_Key": format!("{MARKER}SecondKey")}),
            &nothing,
        ),
        activity(3, "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE", &machine, &nothing),
        activity(4, "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE", &deployment, &nothing),
        activity(5, "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE", &nested, &nothing),
    ]
}

/// Records of the other logs, and such as are rejected.
fn others() -> Vec<String> {
    vec![
        sample(
            "storage_archive/usual.json",
            r#""uri": "https://stlakecontoso.blob.core.windows.net:443/bronze/orders/part-0.parquet""#,
            &format!(r#""uri": "https://stlakecontoso.blob.core.windows.net:443/bronze/o.csv?sv=1&sig={MARKER}Uri""#),
        ),
        sample(
            "storage_archive/usual.json",
            "/stlakecontoso/bronze/orders/part-0.parquet",
            &format!("/stlakecontoso/bronze/o.csv?sv=1&sig={MARKER}EscapedSas"),
        )
        .replace("c0000000-0000-4000-8000-500015", "c0000000-0000-4000-8000-000000511115")
        .replace("T09:00:00", "T09:30:00"),
        sample("key_vault_archive/usual.json", "?api-version=7.4", &format!("?api-version=7.4&sig={MARKER}VaultUri"))
            .replace("AzureSDK-example/1.0", &format!("agent AccountKey={MARKER}UserAgent")),
        sample(
            "signin_archive/usual.json",
            r#""servicePrincipalName":"dbmanagedidentity""#,
            &format!(r#""servicePrincipalName":"client_secret={MARKER}SignIn""#),
        ),
        databricks(
            1,
            "secrets",
            "putSecret",
            &json!({"scope": "s", "key": "k", "string_value": format!("{MARKER}ScopeSecret")}).to_string(),
        ),
        databricks(
            2,
            "accounts",
            "generateDbToken",
            &json!({"token_value": format!("{MARKER}TokenValue")}).to_string(),
        ),
        databricks(
            3,
            "secrets",
            "putSecret",
            &format!(r#"{{"scope":"s","string_value":"{MARKER}CutOff", ... truncated"#),
        ),
        // Records that are rejected, and one that is nobody's.
        format!(
            r#"{{"time":"never","operationName":"X","category":"Administrative","resourceId":"/S","properties":{{"password":"{MARKER}Rejected"}}}}"#
        ),
        format!(r#"{{"password":"{MARKER}Malformed","#),
        format!(r#"{{"category":"Odd?sig={MARKER}Category","time":"2026-05-04T10:15:30Z"}}"#),
        format!(r#"{{"password":"{MARKER}Malformed" "sig={MARKER}Malformed2"}}"#),
    ]
}

/// Everything that can be planted in a log.
fn logs() -> Vec<String> {
    [bodies(), others()].concat()
}

/// A folder in which the program works: everything that it leaves there is searched.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["logs", "tmp", "out", "states"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let logs = logs().join("\n");
        fs::write(folder.path().join("logs/all.json"), &logs).unwrap();
        fs::write(folder.path().join("logs/all.json.gz"), gzip(&logs)).unwrap();
        // As `wget` names what it fetches.
        fs::write(folder.path().join(format!("logs/PT1H.json?sv=1&sig={MARKER}FileName")), &logs).unwrap();
        Self { folder }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_airside"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TMPDIR", self.folder.path().join("tmp"))
            .env("XDG_STATE_HOME", self.folder.path().join("states"))
            .env("AZURE_STORAGE_SAS_TOKEN", format!("sv=1&sig={MARKER}Environment"))
            .env("AZURE_TENANT_ID", "11111111-1111-4111-8111-111111111111")
            .env("AZURE_CLIENT_ID", "22222222-1111-4111-8111-111111111111")
            .env("AZURE_CLIENT_SECRET", format!("{MARKER}ClientSecret"))
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Everything in files that were left behind, and their names, but not the logs.
    fn left(&self) -> Vec<u8> {
        let mut left = Vec::new();
        for entry in walkdir::WalkDir::new(self.folder.path()) {
            let entry = entry.unwrap();
            if entry.path().starts_with(self.folder.path().join("logs")) {
                continue;
            }
            left.extend_from_slice(entry.path().to_str().unwrap().as_bytes());
            if entry.file_type().is_file() {
                let bytes = fs::read(entry.path()).unwrap();
                left.extend_from_slice(rows(entry.path(), &bytes).as_bytes());
                left.extend(bytes);
            }
        }
        left
    }
}

/// The rows of a Parquet file, whose pages are compressed, as text.
fn rows(file: &Path, bytes: &[u8]) -> String {
    if !bytes.starts_with(b"PAR1") {
        return String::new();
    }
    let file = fs::File::open(file).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    pretty_format_batches(&batches).unwrap().to_string()
}

/// The markers in what was written.
fn markers(bytes: &[u8]) -> BTreeSet<String> {
    let starts = memchr::memmem::find_iter(bytes, MARKER.as_bytes());
    let whole = |start: usize| {
        let rest = &bytes[start..];
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        String::from_utf8_lossy(&rest[..end]).into_owned()
    };
    starts.map(whole).collect()
}

/// In files where texts lie end to end a marker ends where the next text begins.
#[track_caller]
fn assert_has_all(bytes: &[u8], expected: &BTreeSet<String>) {
    let missing: Vec<_> =
        expected.iter().filter(|marker| memchr::memmem::find(bytes, marker.as_bytes()).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[track_caller]
fn assert_clean(arguments: &[&str], output: &Output, left: &[u8]) {
    for (what, bytes) in [("stdout", &output.stdout[..]), ("stderr", &output.stderr), ("files", left)] {
        assert_eq!(markers(bytes), BTreeSet::new(), "in {what} of {arguments:?}");
    }
}

const ALL: &str = "SELECT * FROM events ORDER BY time, event_uid";

/// Every command that reads, in every format.
fn reading(uids: &[String]) -> Vec<Vec<String>> {
    let shown = uids.join(",");
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut add = |words: &[&str]| commands.push(words.iter().map(|word| (*word).to_owned()).collect());
    // One run, all formats: the last of the words is the one on standard output.
    let mut scan: Vec<String> =
        "scan logs --coverage out/coverage --quarantine out/quarantine --custody out/scan.custody \
        --profile core,hunting,posture --format table"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
    for format in
        ["table", "json", "ndjson", "csv", "parquet", "sarif", "ocsf", "timesketch", "stix", "junit", "markdown"]
    {
        scan.extend(["--output".to_owned(), format!("{format}=out/findings.{format}")]);
    }
    add(&scan.iter().map(String::as_str).collect::<Vec<_>>());
    add(&["identities", "logs", "--format", "csv"]);
    for format in ["table", "json", "ndjson", "csv"] {
        add(&["sql", "logs", "-c", ALL, "--format", format, "--custody", "out/sql", "--force"]);
    }
    add(&["sql", "logs", "-c", ALL, "--output", "parquet=out/rows", "--memory-limit", "256MB"]);
    add(&[
        "matrix",
        "logs",
        "--format",
        "table",
        "--output",
        "json=out/matrix.json",
        "--output",
        "markdown=out/matrix.md",
    ]);
    add(&["events", "logs", "--output", "arrow=out/events.arrow", "--format", "ocsf"]);
    add(&["report", "logs", "-o", "out/report.html"]);
    add(&["show", &shown, "logs"]);
    add(&["show", &shown, "logs", "--format", "json"]);
    add(&["scan", "logs", "--dry-run"]);
    add(&["scan", "logs", "--dry-run=json"]);
    add(&["rules", "explain", "dbmi-storage-data-access", &uids[0], "logs"]);
    add(&["rules", "explain", "dbmi-account-keys-or-sas-listed", &uids[0], "logs", "--format", "json"]);
    add(&["config", "show"]);
    #[cfg(feature = "lake")]
    {
        add(&["ingest", "logs", "--lake", "out/lake", "--custody", "out/ingest", "--quarantine", "out/iq"]);
        add(&["sql", "out/lake", "-c", ALL, "--format", "ndjson"]);
        add(&["scan", "out/lake", "--custody", "out/lake.custody"]);
        add(&["lake", "history", "out/lake"]);
        add(&["lake", "verify", "out/lake"]);
    }
    commands
}

/// Commands with secrets in their arguments.
fn naming_secrets() -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut add = |words: &[&str]| commands.push(words.iter().map(|word| (*word).to_owned()).collect());
    // Secrets in arguments: of what is not there, is no account, cannot be reached, is no flag.
    let sas = format!("sv=1&sig={MARKER}Argument");
    for argument in [
        format!("nowhere?{sas}"),
        format!("no*where?{sas}"),
        format!("az://?{sas}"),
        format!("http://127.0.0.1:1/account/container?{sas}"),
        format!("https://account.blob.core.windows.net.invalid/container?{sas}"),
        format!("--odd=https://a/b?{sas}"),
    ] {
        add(&["scan", &argument, "--progress", "json"]);
        add(&["report", &argument, "-o", "out/none.html", "--custody", "out/arguments", "--force"]);
        if argument.contains("://") {
            add(&["ingest", "logs", "--lake", &argument]);
        }
    }
    add(&["sql", "logs", "-c", &format!("SELECT 'AccountKey={MARKER}Query' FROM nowhere")]);
    add(&["sql", "logs", "-c", &format!("SELECT 1 AS \"sig={MARKER}Query\", missing FROM events")]);
    commands
}

#[test]
fn no_planted_secret_is_in_any_output_of_any_command() {
    let place = Place::new();
    let uids = place.run(&["sql", "logs", "-c", "SELECT event_uid FROM events ORDER BY 1", "--format", "csv"]);
    let uids: Vec<String> = stdout(&uids).lines().skip(1).map(str::to_owned).collect();
    assert_eq!(uids.len(), 12, "all but those that are rejected or nobody's: {uids:?}");
    for command in &[reading(&uids), naming_secrets()].concat() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();

        let output = place.run(&arguments);

        assert!(output.status.code().is_some_and(|code| code != 101), "{arguments:?}: {}", stderr(&output));
        assert_clean(&arguments, &output, b"");
    }
    assert_clean(&["everything that was left"], &place.run(&["--version"]), &place.left());
    assert!(
        place.folder.path().join("out/report.html").exists() && place.folder.path().join("out/quarantine").exists()
    );
}

/// The test above could not fail otherwise.
#[test]
fn with_raw_the_planted_secrets_are_there() {
    let place = Place::new();
    let expected: BTreeSet<String> = IN_COLUMNS.iter().map(|marker| (*marker).to_owned()).collect();

    let raw = place.run(&["sql", "logs", "-c", ALL, "--format", "ndjson", "--raw"]);
    assert_eq!(markers(&raw.stdout), expected, "{}", stderr(&raw));

    let arrow = place.run(&["events", "logs", "--output", "arrow=out/raw.arrow", "--raw"]);
    assert_eq!(code(&arrow), 0);
    assert_has_all(&place.left(), &expected);
    fs::remove_file(place.folder.path().join("out/raw.arrow")).unwrap();

    let uids = place.run(&["sql", "logs", "-c", "SELECT event_uid FROM events", "--format", "csv"]);
    let uids: Vec<String> = stdout(&uids).lines().skip(1).map(str::to_owned).collect();
    let shown = place.run(&["show", &uids.join(","), "logs", "--raw"]);
    let all: BTreeSet<String> = IN_COLUMNS.iter().chain(&IN_RECORDS).map(|marker| (*marker).to_owned()).collect();
    assert_eq!(markers(&shown.stdout), all);

    #[cfg(feature = "lake")]
    {
        let ingested = place.run(&["ingest", "logs", "--lake", "out/lake", "--raw"]);
        assert_eq!(code(&ingested), 0, "{}", stderr(&ingested));
        assert_has_all(&place.left(), &expected);
    }
}

/// What is not the value of a secret is the same, and so are uids and findings.
#[test]
fn redaction_changes_no_uid_and_no_finding() {
    let place = Place::new();
    let uids = "SELECT event_uid, op_class, outcome, principal_id, target_id FROM events ORDER BY event_uid";
    let of = |more: &[&str]| {
        let output = place.run(&[&["sql", "logs", "-c", uids, "--format", "csv"], more].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    assert_eq!(of(&[]), of(&["--raw"]));

    let tenant = root().join("sample-logs/tenant");
    let findings = |more: &[&str]| {
        let profiles = ["scan", path(&tenant), "--format", "ndjson", "--profile", "core,hunting,posture"];
        stdout(&place.run(&[&profiles, more].concat()))
    };
    assert!(findings(&[]).lines().count() > 20);
    assert_eq!(findings(&[]), findings(&["--raw"]));
}

#[test]
fn what_a_secret_was_is_said_by_its_kind_and_length() {
    let place = Place::new();
    let bodies =
        "SELECT request_body, response_body FROM events WHERE request_body IS NOT NULL ORDER BY time, event_uid";

    let output = place.run(&["sql", "logs", "-c", bodies, "--format", "ndjson"]);

    let said = stdout(&output);
    for expected in [
        r#"{\"keys\":\"(redacted, list of 1 item)\"}"#,
        r#"\"adminPassword\":\"(redacted, 21 characters)\""#,
        r#"\"adminUsername\":\"azureuser\""#,
        r#"{\"keyName\":\"key1\"}"#,
        r#"{\"key\":\"k\",\"scope\":\"s\",\"string_value\":\"(redacted, 19 characters)\"}"#,
        "characters: string_value)",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
