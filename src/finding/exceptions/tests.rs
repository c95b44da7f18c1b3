use std::collections::BTreeMap;

use arrow::array::{Array as _, AsArray as _};
use serde_json::json;

use super::*;
use crate::finding::fold::{Folder, Identities};
use crate::rule::front_matter::tests::{FILE, rule};
use crate::sql::fixture;

const PRINCIPAL: &str = "11111111-2222-3333-4444-555555555555";

fn library() -> Library {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sample-rule.sql"), FILE).unwrap();
    Library::read(&[dir.path().to_owned()]).unwrap()
}

fn exceptions(text: &str) -> Exceptions {
    Exceptions::new(Config::parse("airside.toml", text).unwrap().expected, &library()).unwrap()
}

fn candidate<'e>(target: &'e str, time: &str) -> Candidate<'e> {
    let time = crate::time::parse_bound(time, UtcMicros(0)).unwrap();
    Candidate { principal_id: Some(PRINCIPAL), target_id: Some(target), op_class: "blob_read", time }
}

fn error(text: &str) -> String {
    Config::parse("airside.toml", text).unwrap_err().to_string()
}

#[test]
fn the_whole_configuration_is_read() {
    let text = r#"
profile = "hunting"
[rules.sample-rule]
severity = "low"
params.min_events = 5
[[expected]]
rule = "R99"
principal = "11111111222233334444555555555555"
target = "/subscriptions/S/resourceGroups/RG/"
op_class = "blob_read"
until = 2027-01-01
reason = "migration"
"#;

    let config = Config::parse("airside.toml", text).unwrap();

    assert_eq!(config.profile, Some(crate::rule::Profile::Hunting));
    assert_eq!(config.rules.keys().collect::<Vec<_>>(), ["sample-rule"]);
    let expected = Expected {
        rule: "R99".to_owned(),
        principal: Some(PRINCIPAL.to_owned()),
        target: Some("/subscriptions/s/resourcegroups/rg".to_owned()),
        op_class: Some("blob_read".to_owned()),
        until: Some(Until { text: "2027-01-01".to_owned(), time: UtcMicros(1_798_761_600_000_000) }),
        reason: "migration".to_owned(),
        place: "airside.toml:7:8".to_owned(),
    };
    assert_eq!(config.expected, [expected]);
}

#[test]
fn an_empty_configuration_says_nothing() {
    assert_eq!(Config::parse("airside.toml", "").unwrap(), Config::default());
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_would_be_right() {
    for (text, expected) in [
        ("[[expected]]\nrul = \"x\"", "airside.toml:2:1: unknown field `rul`"),
        ("[[expected]]\nrul = \"x\"", "did you mean 'rule'?"),
        ("\n[[expected]]\nrule = \"x\"\n", "missing field `reason`"),
        ("\n[[expected]]\nrule = \"x\"\nreason = \" \"", "airside.toml:4:10: an exception gives its reason"),
        (
            "[[expected]]\nrule = \"x\"\nreason = \"r\"\nop_class = \"blob_reed\"",
            "airside.toml:4:12: there is no operation class",
        ),
        ("[[expected]]\nrule = \"x\"\nreason = \"r\"\nop_class = \"blob_reed\"", "did you mean 'blob_read'?"),
        ("[[expected]]\nrule = \"x\"\nreason = \"r\"\nprincipal = \"dbmanagedidentity\"", "is no object id"),
        ("[[expected]]\nrule = \"x\"\nreason = \"r\"\ntarget = \"\"", "the target is empty"),
        ("[[expected]]\nrule = \"x\"\nreason = \"r\"\nuntil = \"30d\"", "until is a day or a time with its offset"),
        ("[[expected]]\nrule = \"x\"\nreason = \"r\"\nuntil = 2027-01-01T00:00:00", "until is a day or a time"),
        ("[[expected]]\nrule = \"x\"\nreason = \"r\"\nuntil = 7", "until is a day or a time"),
        ("[rules.x]\nenable = true", "airside.toml:2:1: unknown field `enable`"),
        ("profile = \"huntin\"", "did you mean 'hunting'?"),
        ("a = ", "airside.toml:1:"),
    ] {
        let message = error(text);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn an_exception_for_an_unknown_rule_is_an_error() {
    let config = Config::parse("a.toml", "[[expected]]\nrule = \"sample-rul\"\nreason = \"r\"").unwrap();

    let error = Exceptions::new(config.expected, &library()).unwrap_err();

    assert_eq!(error.to_string(), "a.toml:2:8: there is no rule 'sample-rul'; did you mean 'sample-rule'?");
}

#[test]
fn a_target_covers_what_lies_under_it_and_not_what_begins_alike() {
    let mut exceptions = exceptions("[[expected]]\nrule = \"R99\"\nreason = \"r\"\ntarget = \"/Subscriptions/S/lake\"");
    let mut hides = |target: &str| exceptions.hides("sample-rule", &candidate(target, "2026-05-04"));

    assert!(hides("/subscriptions/s/lake"));
    assert!(hides("/subscriptions/s/lake/blob"));
    assert!(!hides("/subscriptions/s/lakehouse"));
    assert!(!hides("/subscriptions/s"));
}

#[test]
fn every_thing_that_an_exception_names_must_match() {
    let text = format!(
        "[[expected]]\nrule = \"R99\"\nreason = \"r\"\nprincipal = \"{PRINCIPAL}\"\nop_class = \"blob_read\"\n"
    );
    let mut exceptions = exceptions(&text);
    let matching = candidate("/t", "2026-05-04");

    assert!(exceptions.hides("sample-rule", &matching));
    assert!(!exceptions.hides("another-rule", &matching));
    assert!(!exceptions.hides("sample-rule", &Candidate { op_class: "blob_write", ..matching }));
    assert!(!exceptions.hides("sample-rule", &Candidate { principal_id: None, ..matching }));
}

#[test]
fn an_exception_ends_at_its_date_in_the_events_time() {
    let mut day = exceptions("[[expected]]\nrule = \"R99\"\nreason = \"r\"\nuntil = 2026-05-04");
    let mut time = exceptions("[[expected]]\nrule = \"R99\"\nreason = \"r\"\nuntil = \"2026-05-04T12:00:00+02:00\"");

    assert!(day.hides("sample-rule", &candidate("/t", "2026-05-03T23:59:59Z")));
    assert!(!day.hides("sample-rule", &candidate("/t", "2026-05-04T00:00:00Z")));
    assert!(time.hides("sample-rule", &candidate("/t", "2026-05-04T09:59:59Z")));
    assert!(!time.hides("sample-rule", &candidate("/t", "2026-05-04T10:00:00Z")));
}

#[test]
fn what_exceptions_hide_is_counted_and_the_idle_ones_are_named() {
    let mut exceptions = exceptions(
        "[[expected]]\nrule = \"R99\"\nreason = \"r\"\ntarget = \"/whole\"\n\
         [[expected]]\nrule = \"R99\"\nreason = \"r\"\nop_class = \"blob_read\"\n\
         [[expected]]\nrule = \"sample-rule\"\nreason = \"r\"\ntarget = \"/gone\"\nuntil = 2026-01-01\n\
         [[expected]]\nrule = \"R99\"\nreason = \"r\"\ntarget = \"/never\"\n",
    );
    let rows = [
        json!({"event_uid": "a", "target_id": "/whole"}),
        json!({"event_uid": "b", "target_id": "/whole/x"}),
        json!({"event_uid": "c", "target_id": "/part"}),
        json!({"event_uid": "d", "target_id": "/part", "op_class": "blob_read"}),
        json!({"event_uid": "e", "target_id": "/gone"}),
    ];
    let (rule, identities) = (rule(), Identities::default());

    let mut folder = Folder::new(&rule, &identities, &mut exceptions);
    folder.push(&fixture::events(&rows)).unwrap();
    folder.push(&fixture::events(&rows[..1])).unwrap();
    let findings = folder.finish();

    let shown: BTreeMap<_, _> = findings.iter().map(|f| (f.target_id.as_deref().unwrap(), f.events)).collect();
    assert_eq!(shown, BTreeMap::from([("/part", 1), ("/gone", 1)]));
    let coverage = exceptions.coverage();
    assert_eq!((coverage.hidden_events, coverage.hidden_findings), (3, 2));
    assert_eq!(
        coverage.unused,
        [
            "airside.toml:10:8: the exception for 'sample-rule' ended on 2026-01-01, before everything that it matches",
            "airside.toml:15:8: the exception for 'R99' matched nothing",
        ]
    );
}

#[test]
fn an_exception_for_a_rule_that_did_not_run_says_so() {
    let exceptions = exceptions("[[expected]]\nrule = \"R99\"\nreason = \"r\"");

    assert_eq!(
        exceptions.coverage().unused,
        ["airside.toml:2:8: the exception for 'R99' matched nothing, for the rule did not run"]
    );
}

#[test]
fn the_side_table_has_the_exceptions_under_their_rules_ids() {
    let table = exceptions("[[expected]]\nrule = \"R99\"\nreason = \"r\"\nuntil = 1970-01-02").table().unwrap();

    assert_eq!(table.column(0).as_string::<i32>().value(0), "sample-rule");
    assert!(table.column(1).is_null(0));
    assert_eq!(table.column(4).as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0), 86_400_000_000);
}

#[test]
fn allowed_addresses_are_ranges_and_a_wrong_one_is_named_with_its_line() {
    let config =
        Config::parse("airside.toml", "[network]\nallowed_ip = [\"203.0.113.0/24\", \"2001:db8::1\"]").unwrap();
    let table = config.allowed_ip_table().unwrap();
    assert_eq!(table.column(0).as_string::<i32>().value(0), "00000000000000000000ffffcb007100");
    assert_eq!(table.column(1).as_string::<i32>().value(0), "00000000000000000000ffffcb0071ff");
    assert_eq!(table.column(2).as_string::<i32>().value(1), "2001:db8::1");

    let error = Config::parse("airside.toml", "[network]\nallowed_ip = [\n\"203.0.113.0/40\"]").unwrap_err();
    assert!(error.to_string().starts_with("airside.toml:3:1: '203.0.113.0/40'"), "{error}");
}
