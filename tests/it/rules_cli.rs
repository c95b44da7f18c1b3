//! `airside rules` as people and programs see it.

use std::fs;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, root};

#[test]
fn the_list_is_narrowed_by_flags_and_unknown_values_are_answered_with_the_valid_ones() {
    let ids = |args: &[&str]| -> Vec<String> {
        let output = airside(&[&["rules", "list", "--format", "ndjson"], args].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let lines = stdout(&output);
        let id =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
        lines.lines().map(id).collect()
    };
    let all = ids(&[]).len();

    let governance = ids(&["--direction", "governance", "--severity", "high"]);
    assert!(governance.contains(&"dbmi-granted-data-role".to_owned()) && governance.len() < all, "{governance:?}");
    let secrets = ids(&["--technique", "T1555", "--source", "keyvault"]);
    assert!(secrets.contains(&"dbmi-keyvault-secret-read".to_owned()) && secrets.len() < all, "{secrets:?}");
    for (flag, value, valid) in [
        ("--direction", "sideways", "infra-doing-data"),
        ("--severity", "terrible", "critical"),
        ("--source", "syslog", "entra_audit"),
        ("--technique", "T9999", "T1530"),
        ("--profile", "all", "hunting"),
    ] {
        let output = airside(&["rules", "list", flag, value]);
        assert_eq!(code(&output), 3, "{flag}");
        assert!(stderr(&output).contains(valid), "{}", stderr(&output));
    }
}

#[test]
fn a_rule_that_is_not_there_is_answered_with_the_nearest_one() {
    let output = airside(&["rules", "show", "dbmi-bulk-raed"]);

    assert_eq!(code(&output), 3);
    let said = stderr(&output);
    assert!(said.contains("no rule dbmi-bulk-raed; did you mean 'dbmi-bulk-read'?"), "{said}");
    assert!(said.contains("airside rules list"), "{said}");
}

#[test]
fn a_failed_case_says_what_was_expected_and_found_and_junit_is_never_written_over() {
    let file = root().join("queries/infra_doing_data/dbmi-keyvault-secret-read");
    let read = |ending: &str| fs::read_to_string(file.with_extension(ending)).unwrap();
    let cases = read("cases.toml").replacen("events = 1", "events = 7", 1);
    let folder =
        folder(&[("dbmi-keyvault-secret-read.sql", read("sql")), ("dbmi-keyvault-secret-read.cases.toml", cases)]);
    let junit = folder.path().join("junit.xml");
    let test =
        |more: &[&str]| airside(&[&["rules", "test", path(folder.path()), "--junit", path(&junit)], more].concat());

    let output = test(&[]);

    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stdout(&output).contains(": events\n    expected  7\n    found     1\n"), "{}", stdout(&output));
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(xml.contains(r#"failures="1""#) && xml.contains("events: expected 7, found 1"), "{xml}");

    let again = test(&[]);
    assert_eq!(code(&again), 3);
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
    assert_eq!(code(&test(&["--force"])), 2);
}

/// The page is part of the project: whoever changes a rule sees in the change what the catalogue
/// says of it.
#[test]
fn the_committed_catalogue_is_what_the_program_writes() {
    let output = airside(&["rules", "docs", "--check"]);

    assert_eq!(code(&output), 0, "{}\nrenew it with: cargo run -- rules docs", stderr(&output));
}

#[test]
fn a_page_of_the_program_is_renewed_and_a_page_of_others_is_left_alone() {
    let folder = folder(&[("own.md", "# My page\n")]);
    let (own, page) = (folder.path().join("own.md"), folder.path().join("rules.md"));
    let docs = |args: &[&str]| airside(&[&["rules", "docs"], args].concat());

    assert_eq!(code(&docs(&["--output", path(&own)])), 3);
    assert_eq!(fs::read_to_string(&own).unwrap(), "# My page\n");
    assert_eq!(code(&docs(&["--output", path(&page)])), 0);
    let first = fs::read_to_string(&page).unwrap();
    fs::write(&page, format!("{first}changed")).unwrap();
    let check = docs(&["--check", "--output", path(&page)]);
    assert_eq!(code(&check), 2);
    assert!(stderr(&check).contains("cargo run -- rules docs"), "{}", stderr(&check));
    assert_eq!(code(&docs(&["--output", path(&page)])), 0);
    assert_eq!(fs::read_to_string(&page).unwrap(), first);
}

#[test]
fn the_navigator_layer_is_json_and_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let layer = folder.path().join("layer.json");
    let docs = || airside(&["rules", "docs", "--navigator", path(&layer)]);

    assert_eq!(code(&docs()), 0);

    let text = fs::read_to_string(&layer).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(!document["techniques"].as_array().unwrap().is_empty());
    assert_eq!(code(&docs()), 3);
}

#[test]
fn a_new_rule_checks_and_passes_and_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let new = || airside(&["rules", "new", "dbmi-my-rule", "--dir", path(folder.path())]);

    assert_eq!(code(&new()), 0);

    for command in ["check", "test"] {
        let output = airside(&["rules", command, path(folder.path())]);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    }
    assert_eq!(code(&new()), 3);
}

#[test]
fn an_event_is_explained_by_its_uid_and_by_its_place() {
    let findings = airside(&["scan", "sample-logs/tenant", "--only", "R01", "--format", "ndjson"]);
    let finding: serde_json::Value = serde_json::from_str(stdout(&findings).lines().next().unwrap()).unwrap();
    let evidence = &finding["evidence"][0];
    let uid = evidence["event_uid"].as_str().unwrap();
    let place = format!("{}:{}", evidence["object"].as_str().unwrap(), evidence["offset"]);
    let explained = |rule: &str, event: &str| -> serde_json::Value {
        let output = airside(&["rules", "explain", rule, event, "sample-logs/tenant"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };

    let found = explained("R01", uid);
    let other = explained("R03", &place);

    assert_eq!((&found["is_found"], &other["is_found"]), (&true.into(), &false.into()));
    assert_eq!(other["event_uid"], uid);
    let verdict = |document: &serde_json::Value, text: &str| {
        let conditions = document["steps"][0]["branches"][0]["conditions"].as_array().unwrap().clone();
        conditions.into_iter().find(|condition| condition["condition"] == text).unwrap()["verdict"].clone()
    };
    assert_eq!(verdict(&found, "source = 'storage'"), "held");
    let of_vaults = "(source = 'keyvault' OR (source = 'activity' AND op_class = 'secret_read'))";
    assert_eq!(verdict(&other, of_vaults), "did_not_hold");
    let unknown = airside(&["rules", "explain", "R01", "no-such-event", "sample-logs/tenant"]);
    assert_eq!(code(&unknown), 3);
    assert!(stderr(&unknown).contains("OBJECT:OFFSET"), "{}", stderr(&unknown));
}

#[test]
fn what_an_exception_hides_is_found_and_said_to_be_hidden_with_place_and_reason() {
    let findings = airside(&["scan", "sample-logs/tenant", "--only", "R01", "--format", "ndjson"]);
    let finding: serde_json::Value = serde_json::from_str(stdout(&findings).lines().next().unwrap()).unwrap();
    let uid = finding["evidence"][0]["event_uid"].as_str().unwrap();
    let folder = folder(&[
        ("hides.toml", "[[expected]]\nrule = \"R01\"\nreason = \"migration of May\"\n"),
        ("ended.toml", "[[expected]]\nrule = \"R01\"\nreason = \"migration\"\nuntil = 2020-01-01\n"),
        ("other.toml", "[[expected]]\nrule = \"R03\"\nreason = \"another rule\"\n"),
    ]);
    let explained = |config: &str, format: &str| {
        let config = folder.path().join(config);
        let arguments =
            ["rules", "explain", "R01", uid, "sample-logs/tenant", "--config", path(&config), "--format", format];
        let output = airside(&arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };

    for (config, hidden_by) in [("hides.toml", "migration of May"), ("ended.toml", ""), ("other.toml", "")] {
        let document: serde_json::Value = serde_json::from_str(&explained(config, "json")).unwrap();
        assert_eq!(document["is_found"], true, "{config}");
        let exceptions = document["hidden_by"].as_array().unwrap();
        assert_eq!(exceptions.len(), usize::from(!hidden_by.is_empty()), "{config}: {exceptions:?}");
        assert!(exceptions.iter().all(|text| text.as_str().unwrap().ends_with(hidden_by)), "{exceptions:?}");
    }
    let table = explained("hides.toml", "table");
    assert!(table.contains("yes, and hidden by an exception"), "{table}");
    assert!(table.contains("hides.toml:2:8: migration of May"), "{table}");
}

/// The rules are the test of the explaining: each of their queries is taken apart, and where all
/// was asked, the event of a finding passes all of the last query's conditions.
#[test]
fn every_finding_of_the_tenant_is_explained_by_its_rule() {
    let library = crate::support::library();
    let analysis = crate::support::scan(&root().join("sample-logs/tenant"), &airside::pipeline::ReadOptions::default());
    let loaded = crate::support::read(&root().join("sample-logs/tenant"));
    let exceptions = airside::finding::exceptions::Exceptions::new(Vec::new(), library).unwrap();
    crate::support::runtime().block_on(async {
        let opened = airside::pipeline::open(&loaded, &exceptions, Vec::new(), 1 << 30, 1).await.unwrap();
        for finding in analysis.findings {
            let rule = library.find(&finding.rule_id).unwrap();
            let uid = &finding.evidence[0].event_uid;
            let explained = airside::rule::explain::explain(&opened.ctx, rule, uid).await.unwrap();

            let last = explained.steps.last().unwrap();
            assert!(explained.is_found && last.is_there == Some(true), "{}: {explained:?}", rule.head.id);
            let passes = |branch: &airside::rule::explain::ExplainedBranch| {
                branch.conditions.iter().all(|condition| {
                    use airside::rule::explain::{Kind, Verdict};
                    condition.kind == Kind::OuterJoin || [Verdict::Held, Verdict::NotAsked].contains(&condition.verdict)
                })
            };
            assert!(last.branches.is_empty() || last.branches.iter().any(passes), "{}: {last:?}", rule.head.id);
        }
    });
}
