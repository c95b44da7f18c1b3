//! `airside rules import`: Sigma rules in, rules out, and what these find in raw records.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, root};

/// An Activity Log record of the storage archive, at a minute past ten.
pub(crate) struct Activity {
    pub(crate) minute: u32,
    pub(crate) operation: &'static str,
    pub(crate) resource: &'static str,
    /// A person's name; nobody where it is empty.
    pub(crate) caller: &'static str,
    pub(crate) address: &'static str,
    pub(crate) status: &'static str,
}

/// Somebody deletes a storage account.
pub(crate) const DELETION: Activity = Activity {
    minute: 0,
    operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/DELETE",
    resource: "ST1",
    caller: "ana@example.com",
    address: "203.0.113.9",
    status: "Success",
};

impl Activity {
    pub(crate) fn record(&self, number: usize) -> String {
        let claims = if self.caller.is_empty() {
            json!({})
        } else {
            json!({"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": self.caller})
        };
        json!({
            "time": format!("2026-05-04T10:{:02}:00Z", self.minute),
            "resourceId": format!("/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/\
                                   MICROSOFT.STORAGE/STORAGEACCOUNTS/{}", self.resource),
            "operationName": self.operation,
            "category": "Administrative",
            "resultType": self.status,
            "callerIpAddress": self.address,
            "correlationId": format!("99999999-8888-4777-8666-{number:012}"),
            "identity": {"claims": claims},
            "properties": {},
        })
        .to_string()
    }
}

/// A person's sign-in of the storage archive, at a minute past ten.
pub(crate) fn sign_in(number: usize, minute: u32, name: &str, error: &str, user_agent: &str) -> String {
    json!({
        "time": format!("2026-05-04T10:{minute:02}:30Z"),
        "resourceId": "/tenants/11111111-1111-4111-8111-111111111111/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "category": "SignInLogs",
        "resultType": error,
        "properties": {
            "id": format!("51600000-0000-4000-8000-{number:012}"),
            "createdDateTime": format!("2026-05-04T10:{minute:02}:00Z"),
            "userId": "f1000000-0000-4000-8000-000000000001",
            "userPrincipalName": name,
            "status": {"errorCode": error.parse::<u32>().unwrap()},
            "ipAddress": "198.51.100.21",
            "userAgent": user_agent,
        },
    })
    .to_string()
}

/// A change of the directory.
fn change(number: usize, activity: &str, result: &str) -> String {
    json!({
        "time": "2026-05-04T10:00:00Z",
        "operationName": activity,
        "category": "AuditLogs",
        "properties": {
            "id": format!("Directory_{number}"),
            "activityDateTime": "2026-05-04T10:00:00Z",
            "activityDisplayName": activity,
            "category": "ApplicationManagement",
            "result": result,
            "initiatedBy": {"user": {"id": "f1000000-0000-4000-8000-000000000001", "userPrincipalName": "maya@example.com"}},
            "targetResources": [{"id": "a1000000-0000-4000-8000-000000000001", "displayName": "app", "type": "ServicePrincipal"}],
        },
    })
    .to_string()
}

/// A file for every record, so that evidence names them.
pub(crate) fn logs(records: &[(&str, String)]) -> TempDir {
    folder(records)
}

/// A folder with rules imported from Sigma, and what was said of them.
pub(crate) fn imported(sigma: &Path, exit: i32) -> (TempDir, String) {
    let rules = tempfile::tempdir().unwrap();
    let output = airside(&["rules", "import", path(sigma), "--dir", path(rules.path())]);
    assert_eq!(code(&output), exit, "{}{}", stdout(&output), stderr(&output));
    (rules, stdout(&output))
}

fn ids(rules: &Path) -> Vec<String> {
    let names = fs::read_dir(rules).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut ids: Vec<String> = names.filter_map(|name| name.strip_suffix(".sql").map(str::to_owned)).collect();
    ids.sort();
    ids
}

/// The findings of the imported rules alone.
pub(crate) fn findings(logs: &Path, rules: &Path) -> Vec<Value> {
    let only = ids(rules).join(",");
    let output = airside(&["scan", path(logs), "--rules", path(rules), "--only", &only, "--format", "ndjson"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records that each rule found, by the names of their files.
pub(crate) fn found(logs: &Path, rules: &Path) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, BTreeSet<String>> =
        ids(rules).into_iter().map(|id| (id, BTreeSet::new())).collect();
    for finding in findings(logs, rules) {
        let records = found.get_mut(finding["rule_id"].as_str().unwrap()).unwrap();
        for evidence in finding["evidence"].as_array().unwrap() {
            let object = Path::new(evidence["object"].as_str().unwrap());
            records.insert(object.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.into_iter().map(|(id, records)| (id, records.into_iter().collect::<Vec<_>>().join(" "))).collect()
}

#[test]
fn rules_for_each_of_the_three_logs_find_what_they_should_and_nothing_else() {
    let sigma = root().join("tests/sigma");
    let logs = logs(&[
        ("keys", Activity { operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", ..DELETION }.record(1)),
        (
            "keys_failed",
            Activity { operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", status: "Failure", ..DELETION }
                .record(2),
        ),
        (
            "keys_start",
            Activity { operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", status: "Start", ..DELETION }
                .record(3),
        ),
        (
            "keys_backup",
            Activity {
                operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
                caller: "Robot@Backup.Example.com",
                ..DELETION
            }
            .record(4),
        ),
        (
            "keys_nobody",
            Activity { operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/REGENERATEKEY/ACTION", caller: "", ..DELETION }
                .record(5),
        ),
        ("script", sign_in(1, 0, "ana@example.com", "0", "Python-Requests/2.31")),
        ("script_refused", sign_in(2, 0, "ana@example.com", "50126", "python-requests/2.31")),
        ("browser", sign_in(3, 0, "ana@example.com", "0", "Mozilla/5.0 python-requests")),
        ("owner", change(1, "Add owner to service principal", "success")),
        ("owner_of_app", change(2, "Add owner to application", "success")),
        ("owner_failed", change(3, "Add owner to application", "failure")),
        ("member", change(4, "Add member to group", "success")),
    ]);
    let folder = tempfile::tempdir().unwrap();
    for name in ["keys_listed.yml", "scripted_sign_in.yml", "owner_added.yml"] {
        fs::copy(sigma.join(name), folder.path().join(name)).unwrap();
    }

    let (rules, said) = imported(folder.path(), 0);

    assert!(said.contains("3 rules written to"), "{said}");
    let expected = [
        ("sigma-owner-added-to-application-or-service-principal", "owner owner_of_app"),
        ("sigma-sign-in-by-a-script", "script"),
        ("sigma-storage-keys-listed-or-regenerated", "keys keys_nobody"),
    ];
    let expected: BTreeMap<String, String> = expected.map(|(id, files)| (id.to_owned(), files.to_owned())).into();
    assert_eq!(found(logs.path(), rules.path()), expected);
    let test = airside(&["rules", "test", path(rules.path())]);
    assert_eq!((code(&test), stdout(&test).as_str()), (0, "0 cases of 0 rules: 0 passed, 0 failed\n"));
}

#[test]
fn the_rule_file_says_whose_it_is_and_answers_to_its_id_in_sigma() {
    let (rules, _) = imported(&root().join("tests/sigma/keys_listed.yml"), 0);

    let sql = fs::read_to_string(rules.path().join("sigma-storage-keys-listed-or-regenerated.sql")).unwrap();

    let head: Vec<&str> = sql.lines().map_while(|line| line.strip_prefix("--! ")).collect();
    assert_eq!(
        head,
        [
            r#"id = "sigma-storage-keys-listed-or-regenerated""#,
            r#"aliases = ["7d1f0f7e-3c55-4f0e-9b0e-0d5c6a9b1a01"]"#,
            r#"title = "Storage Keys Listed Or Regenerated""#,
            r#"severity = "high""#,
            r#"direction = "governance""#,
            r#"status = "experimental""#,
            r#"profile = "core""#,
            r#"sources = ["activity"]"#,
            r#"attack = ["T1552.005"]"#,
            r#"group_by = ["principal_id", "target_id"]"#,
            r#"details = ["operation", "outcome", "src_ip"]"#,
            "created = 2026-05-01",
            "updated = 2026-05-20",
            r#"references = ["https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage"]"#,
        ]
    );
    for said in [
        "(7d1f0f7e-3c55-4f0e-9b0e-0d5c6a9b1a01) in keys_listed.yml, by Airside.",
        "Licence: Apache-2.0.",
        "-- Scripts that rotate keys",
        "the team's notebook",
        "attack.credential-access",
    ] {
        assert!(sql.contains(said), "{said}: {sql}");
    }
    let show = airside(&["rules", "show", "7D1F0F7E-3C55-4F0E-9B0E-0D5C6A9B1A01", "--rules", path(rules.path())]);
    assert_eq!(code(&show), 0, "{}", stderr(&show));
}

#[test]
fn what_cannot_be_converted_is_named_with_the_reason_and_costs_the_others_nothing() {
    let rule = |title: &str, service: &str, detection: &str| {
        format!("title: {title}\nlogsource: {{product: azure, service: {service}}}\ndetection:\n{detection}")
    };
    let refused = [
        ("risk.yml", rule("Risk", "riskdetection", "  s: {riskEventType: x}\n  condition: s\n"), "service riskdetection) is not product azure with service activitylogs, auditlogs, signinlogs"),
        ("keywords.yml", rule("Keywords", "activitylogs", "  k: [delete]\n  condition: k\n"), "keywords anywhere in a record"),
        ("count.yml", rule("Count", "activitylogs", "  s: {caller: x}\n  condition: s | count() by caller > 3\n"), "aggregates in the way that Sigma gave up"),
        ("timeframe.yml", rule("Timeframe", "activitylogs", "  s: {caller: x}\n  timeframe: 5m\n  condition: s\n"), "has a timeframe"),
        ("expand.yml", rule("Expand", "activitylogs", "  s: {caller|expand: '%admins%'}\n  condition: s\n"), "the modifier 'expand' wants a list of yours"),
        ("base64.yml", rule("Base64", "activitylogs", "  s: {caller|base64offset|contains: x}\n  condition: s\n"), "the modifier 'base64offset'"),
        ("status.yml", rule("Status", "activitylogs", "  s: {status: Started}\n  condition: s\n"), "the value 'Started' is not one that 'outcome' tells"),
        ("message.yml", rule("Message", "auditlogs", "  s: {properties.message|contains: '\"displayName\"'}\n  condition: s\n"), "never stands in 'operation'"),
        ("regex.yml", rule("Regex", "activitylogs", "  s: {caller|re: '(?=x)'}\n  condition: s\n"), "not one that the engine knows"),
        ("cidr.yml", rule("Cidr", "activitylogs", "  s: {callerIpAddress|cidr: 300.1.1.0/24}\n  condition: s\n"), "'300.1.1.0/24' is no network"),
        ("empty.yml", rule("Empty", "activitylogs", "  s: {}\n  condition: s\n"), "every event would match"),
        ("unknown.yml", rule("Unknown", "activitylogs", "  s: {caller: x}\n  condition: s and t\n"), "no detection is called 't'"),
        ("filter.yml", "title: Filter\nfilter: {rules: any, s: {caller: x}, condition: not s}\n".to_owned(), "changes other rules"),
        ("correlation.yml", "title: Correlation\ncorrelation: {type: event_count, rules: [nowhere], timespan: 5m, condition: {gte: 2}}\n".to_owned(), "'nowhere' that it correlates is not among the files"),
        ("yaml.yml", "title: [".to_owned(), "YAML parse error"),
        ("twice.yml", rule("Good", "activitylogs", "  s: {caller: y}\n  condition: s\n"), "its name 'sigma-good' is taken by"),
    ];
    let mut files: Vec<(&str, String)> = refused.iter().map(|(name, yaml, _)| (*name, yaml.clone())).collect();
    files.push(("good.yml", rule("Good", "activitylogs", "  s: {caller: x}\n  condition: s\n")));
    files.push(("device.yml", fs::read_to_string(root().join("tests/sigma/risky_device.yml")).unwrap()));
    let sigma = folder(&files);

    let (rules, said) = imported(sigma.path(), 2);

    assert_eq!(ids(rules.path()), ["sigma-good"]);
    for (name, _, reason) in &refused {
        let line = said.lines().find(|line| line.starts_with("not converted") && line.contains(&format!("/{name}")));
        assert!(line.is_some_and(|line| line.contains(reason)), "{name}: {said}");
    }
    assert!(said.contains("Nobody Knows: the field 'DeviceDetail.trustType' has no column\n"), "{said}");
    assert!(
        said.contains(&format!("1 rules written to {}, {} not converted\n", path(rules.path()), refused.len() + 1)),
        "{said}"
    );
}

#[test]
fn a_hostile_rule_says_nothing_but_what_it_may_say() {
    let (rules, said) = imported(&root().join("tests/sigma/hostile.yml"), 2);

    let id = "sigma-quiet-severity-critical-profile-hunting";
    assert_eq!(ids(rules.path()), [id], "{said}");
    assert!(said.contains("Value With A Line Break: the value 'x\\u{a}--! id = 'y'' has characters"), "{said}");
    assert!(said.contains("the field 'caller) IS NULL OR (caller' has no column"), "{said}");
    let sql = fs::read_to_string(rules.path().join(format!("{id}.sql"))).unwrap();
    let starting = |start: &str| sql.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (starting("--! severity"), starting("--! profile"), starting("-- ## "), starting("SELECT")),
        (1, 1, 5, 1),
        "{sql}"
    );
    assert!(sql.contains("--! severity = \"low\"\n"), "{sql}");
    assert!(sql.contains("= 'x'' or 1 = 1 or '''' = '''"), "{sql}");
    assert!(sql.contains(r"target_id LIKE '%\%'' or true --%'"), "{sql}");
    assert!(!sql.contains(['\u{202e}', '\u{2028}', '\r']), "{sql}");
    let check = airside(&["rules", "check", path(rules.path())]);
    assert_eq!(code(&check), 0, "{}", stdout(&check));
    let logs = logs(&[("any", DELETION.record(1))]);
    assert_eq!(found(logs.path(), rules.path())[id], "");
}

/// The stack ran out on each of these.
#[test]
fn rules_of_any_length_and_depth_are_read_or_refused() {
    let rule = |detection: &str| {
        format!(
            "title: t\nlogsource: {{product: azure, service: signinlogs}}\ndetection:\n  s: {{userAgent: x}}\n{detection}"
        )
    };
    let values: Vec<String> = (0..3000).map(|number| format!("x{number}")).collect();
    let sigma = folder(&[
        ("nots.yml", rule(&format!("  condition: {}s\n", "not ".repeat(10_000)))),
        ("ands.yml", rule(&format!("  condition: {}\n", vec!["s"; 3000].join(" and ")))),
        ("brackets.yml", rule(&format!("  condition: {}s{}\n", "(".repeat(5000), ")".repeat(5000)))),
        ("values.yml", rule(&format!("  v: {{userAgent|contains: [{}]}}\n  condition: v\n", values.join(", ")))),
        ("lists.yml", rule(&format!("  v: {}{}\n  condition: v\n", "[".repeat(5000), "]".repeat(5000)))),
    ]);

    let (_, said) = imported(sigma.path(), 2);

    assert!(said.contains("0 rules written") && said.contains(" 5 not converted"), "{said}");
    assert!(said.lines().all(|line| line.len() < 1000), "{said}");

    let most = (0..250).map(|number| format!("x{number}")).collect::<Vec<_>>().join(", ");
    let sigma = folder(&[("most.yml", rule(&format!("  v: {{userAgent|contains: [{most}]}}\n  condition: v\n")))]);
    let (rules, _) = imported(sigma.path(), 0);
    let logs = logs(&[
        ("agent", sign_in(1, 0, "ana@example.com", "0", "an X249 agent")),
        ("other", sign_in(2, 0, "ana@example.com", "0", "y")),
    ]);
    assert_eq!(found(logs.path(), rules.path())["sigma-t"], "agent");
}

#[test]
fn files_that_exist_are_left_alone_and_cases_stay_even_with_force() {
    let sigma = root().join("tests/sigma/scripted_sign_in.yml");
    let (rules, _) = imported(&sigma, 0);
    let (rule, cases) =
        (rules.path().join("sigma-sign-in-by-a-script.sql"), rules.path().join("sigma-sign-in-by-a-script.cases.toml"));
    let first = fs::read_to_string(&rule).unwrap();
    fs::write(&rule, "mine").unwrap();
    fs::write(&cases, "# mine\n").unwrap();
    let again =
        |flags: &[&str]| airside(&[&["rules", "import", path(&sigma), "--dir", path(rules.path())], flags].concat());

    let refused = again(&[]);
    assert_eq!(code(&refused), 3);
    assert!(stderr(&refused).contains("exists already"), "{}", stderr(&refused));
    assert_eq!(fs::read_to_string(&rule).unwrap(), "mine");

    assert_eq!(code(&again(&["--force"])), 0);
    assert_eq!(fs::read_to_string(&rule).unwrap(), first);
    assert_eq!(fs::read_to_string(&cases).unwrap(), "# mine\n");
}

/// Two rules of one name would not load together.
#[test]
fn a_rule_that_is_there_under_an_earlier_title_is_not_written_beside_it() {
    let sigma = root().join("tests/sigma/scripted_sign_in.yml");
    let (rules, _) = imported(&sigma, 0);
    let renamed = folder(&[("new.yml", fs::read_to_string(&sigma).unwrap().replace("By A Script", "By Python"))]);

    let again = airside(&["rules", "import", path(renamed.path()), "--dir", path(rules.path()), "--force"]);

    assert_eq!(code(&again), 2);
    assert!(
        stdout(&again).contains("sigma-sign-in-by-a-script.sql has its name or its id in Sigma"),
        "{}",
        stdout(&again)
    );
    assert_eq!(ids(rules.path()), ["sigma-sign-in-by-a-script"]);
}

#[test]
fn a_file_of_fields_adds_columns_and_its_mistakes_are_usage_errors() {
    let sigma = root().join("tests/sigma/risky_device.yml");
    let files = folder(&[
        ("right.toml", "[signinlogs.fields]\n\"DeviceDetail.trustType\" = \"user_agent\"\n"),
        ("wrong.toml", "[signinlogs.fields]\n\"DeviceDetail.trustType\" = \"usr_agent\"\n"),
    ]);
    let rules = tempfile::tempdir().unwrap();
    let import = |fields: &str| {
        let fields = files.path().join(fields);
        airside(&["rules", "import", path(&sigma), "--dir", path(rules.path()), "--fields", path(&fields)])
    };

    let wrong = import("wrong.toml");
    assert_eq!(code(&wrong), 3);
    assert!(
        stderr(&wrong).contains("'usr_agent' is no column of events; did you mean 'user_agent'?"),
        "{}",
        stderr(&wrong)
    );
    assert_eq!(code(&import("missing.toml")), 3);
    assert_eq!(code(&import("right.toml")), 0);
    let sql = fs::read_to_string(rules.path().join("sigma-sign-in-from-a-device-nobody-knows.sql")).unwrap();
    assert!(sql.contains("coalesce(user_agent, '') = ''"), "{sql}");
}
