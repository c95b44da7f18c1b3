//! Records of the diagnostic setting form that are read by their members are what the tape makes of
//! them.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::format::{self, Recognised};
use crate::json::Tape;

/// What the members of a record give, and what its tape does; `None` where the members do not
/// decide.
fn both(record: &str) -> (Option<String>, String) {
    let mut reader = format::archive_reader();
    let (scratch, mut tapes) = (Scratch::default(), BodyTapes::default());
    let by_members = reader.read(record.as_bytes()).and_then(|length| {
        assert_eq!(length, record.len());
        format::decode_members(reader.members(record), &scratch, &mut tapes).map(|row| format!("{row:?}"))
    });
    let mut tape = Tape::new();
    tape.parse(record.as_bytes()).unwrap();
    let by_tape = match format::recognise(tape.root(record).unwrap()) {
        Recognised::Log(format) => {
            format.expand(record, &mut tape);
            format!("{:?}", format.decode(tape.root(record).unwrap(), &Scratch::default()))
        }
        other => format!("{other:?}"),
    };
    (by_members, by_tape)
}

#[test]
fn what_diagnostic_settings_write_is_read_without_a_tape() {
    for record in [
        archive(),
        archive().replace(r#""{\"statusCode\":200}""#, r#"{"statusCode":200}"#),
        archive().replace(r#""requestParams":"#, r#""requestParams":null,"other":"#),
        archive().replace("secrets", "jobs").replace("getSecret", "runSucceeded"),
    ] {
        let (by_members, by_tape) = both(&record);

        assert_eq!(by_members.as_deref(), Some(by_tape.as_str()), "{record}");
        assert!(by_tape.contains("source: Databricks"), "{by_tape}");
    }
}

#[test]
fn what_other_formats_claim_is_left_to_them() {
    for category in ["storageread", "auditevent", "Administrative", "SignInLogs"] {
        let record = archive().replace(r#""category": "secrets""#, &format!(r#""category": "{category}""#));
        let record = record.replace(r#""resourceId": "/"#, r#""resourceId": "/providers/microsoft.keyvault/vaults/v/"#);
        let (by_members, by_tape) = both(&record);

        assert!(by_members.is_none_or(|row| row == by_tape), "{category}");
        assert!(!by_tape.contains("source: Databricks"), "{category}: {by_tape}");
    }
}

/// Values that no member has as a rule.
const ODD: &[&str] = &[
    "null",
    "\"\"",
    "0",
    "true",
    "[]",
    "[{}]",
    "{}",
    r#""{}""#,
    r#""[1] x""#,
    r#"" {\"email\":\"a@b\"} ""#,
    r#""{\"statusCode\":403,\"statusCode\":\"\",\"status_code\":401.0}""#,
    r#"{"statusCode":{},"email":1}"#,
    r#"{"email":"a@b","statusCode":"500"}"#,
    r#""{""#,
    r#""\u007b\"scope\":\"\ud83d\ude00\"}""#,
];

/// A member with one of its usual values, most often.
fn member_of(name: &'static str, usual: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![8 => select(usual), 3 => select(ODD)].prop_map(move |value| format!("\"{name}\":{value}"))
}

const PARAMETERS: &[&str] = &[
    r#""{\"scope\":\"kv\",\"string_value\":\"x\"}""#,
    r#"{"scope":"kv","azure_managed_identity":"{\"access_connector_id\":\"/c\"}"}"#,
    r#""{\"azure_service_principal\":\"{\\\"client_secret\\\":\\\"x\\\",\\\"access_connector_id\\\":\\\"/c\\\"}\"}""#,
    r#""not json""#,
];

fn properties() -> impl Strategy<Value = String> {
    let members = (
        member_of("serviceName", &["\"secrets\"", "\"unityCatalog\"", "\"jobs\"", "\"clusters\""]),
        member_of("actionName", &["\"getSecret\"", "\"createStorageCredential\"", "\"runFailed\"", "\"create\""]),
        member_of("response", &[r#""{\"statusCode\":200}""#, r#"{"statusCode":200}"#]),
        member_of("requestParams", PARAMETERS),
        member_of("requestId", &["\"r\""]),
        member_of("logId", &["\"l\""]),
        member_of("sourceIPAddress", &["\"10.0.0.1:0\""]),
    );
    members.prop_map(|(a, b, c, d, e, f, g)| format!("{{{a},{b},{c},{d},{e},{f},{g}}}"))
}

fn any_record() -> impl Strategy<Value = String> {
    let members = (
        member_of("time", &["\"2026-05-04T10:00:00Z\"", "1777888800000", "\"1777888800000\""]),
        member_of("category", &["\"secrets\"", "\"unityCatalog\""]),
        member_of("operationName", &["\"Microsoft.Databricks/secrets/get\"", "\"MICROSOFT.DATABRICKS/jobs/run\""]),
        member_of("identity", &[r#""{\"email\":\"ann@example.com\"}""#, r#"{"email":"System-User"}"#]),
        member_of("resourceId", &["\"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.DATABRICKS/WORKSPACES/WS\""]),
        properties(),
    );
    members.prop_map(|(a, b, c, d, e, properties)| format!("{{{a},{b},{c},{d},{e},\"properties\":{properties}}}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_members_of_a_record_give_what_its_tape_gives(record in any_record()) {
        let (by_members, by_tape) = both(&record);

        prop_assert!(by_members.as_ref().is_none_or(|row| *row == by_tape), "{record}\n{by_members:?}\n{by_tape}");
    }
}
