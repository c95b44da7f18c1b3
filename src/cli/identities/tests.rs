use super::*;
use crate::event::vocabulary::{IdentityKind, OpClass};
use crate::report::samples;

fn row() -> IdentityRow {
    IdentityRow {
        principal_id: Some("11111111-1111-1111-1111-111111111111".to_owned()),
        app_id: None,
        name: Some("dbmanagedidentity".to_owned()),
        stream: Stream::Dbmi,
        identity_kind: IdentityKind::Uami,
        confidence: 0.9,
        classified_by: "P2: name and managed resource group".to_owned(),
        arm_id: None,
        workspace_rid: Some("/subscriptions/s/workspaces/w".to_owned()),
        first_seen: Some(UtcMicros(1)),
        last_seen: Some(UtcMicros(2)),
        events: 1500,
        op_classes: BTreeMap::from([(OpClass::BlobRead, 3), (OpClass::SecretRead, 1497)]),
    }
}

fn written(format: ListFormat, rows: &[IdentityRow]) -> String {
    let mut out = Vec::new();
    write(format, (rows, &Coverage::default()), &mut out, Style::default()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn ndjson_has_the_fields_in_their_order() {
    let expected = format!(
        concat!(
            r#"{{"principal_id":"11111111-1111-1111-1111-111111111111","app_id":null,"name":"dbmanagedidentity","#,
            r#""stream":"dbmi","identity_kind":"uami","confidence":0.9,"#,
            r#""classified_by":"P2: name and managed resource group","arm_id":null,"#,
            r#""workspace_rid":"/subscriptions/s/workspaces/w","first_seen":"{}","last_seen":"{}","events":1500,"#,
            r#""did":{{"blob_read":3,"secret_read":1497}}}}"#,
            "\n"
        ),
        UtcMicros(1),
        UtcMicros(2)
    );

    assert_eq!(written(ListFormat::Ndjson, &[row()]), expected);
}

#[test]
fn csv_columns_are_the_fields_of_ndjson() {
    let text = written(ListFormat::Csv, &[row()]);

    assert_eq!(
        text.lines().next().unwrap(),
        "principal_id,app_id,name,stream,identity_kind,confidence,classified_by,arm_id,workspace_rid,first_seen,\
         last_seen,events,did"
    );
    let json: serde_json::Value = serde_json::from_str(&written(ListFormat::Ndjson, &[row()])).unwrap();
    assert!(IDENTITY_COLUMNS.iter().all(|column| json.get(column).is_some()));
    assert_eq!(json.as_object().unwrap().len(), IDENTITY_COLUMNS.len());
}

#[test]
fn the_table_says_what_an_identity_did_most_first() {
    let text = written(ListFormat::Table, &[row()]);

    let expected = format!(
        "\
1 identity: 1 dbmi

dbmi  uami  dbmanagedidentity
  principal   11111111-1111-1111-1111-111111111111
  because     P2: name and managed resource group, confidence 0.90
  workspace   /subscriptions/s/workspaces/w
  seen        {} to {}, 1,500 events
  did         secret_read x1,497, blob_read x3

coverage
",
        UtcMicros(1),
        UtcMicros(2)
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn nothing_read_gives_an_empty_list() {
    assert_eq!(written(ListFormat::Ndjson, &[]), "");
    assert!(written(ListFormat::Json, &[]).starts_with("{\"schema_version\":1,\"identities\":[],\"coverage\":{"));
    assert!(written(ListFormat::Table, &[]).starts_with("no identities\n"));
    assert_eq!(written(ListFormat::Csv, &[]).lines().count(), 1);
}

#[test]
fn hostile_names_do_nothing() {
    let hostile = IdentityRow { name: Some(samples::HOSTILE.to_owned()), ..row() };
    for format in [ListFormat::Table, ListFormat::Json, ListFormat::Ndjson, ListFormat::Csv] {
        samples::assert_harmless(&written(format, std::slice::from_ref(&hostile)));
    }
}

#[test]
fn the_order_does_not_depend_on_the_order_of_input() {
    let other = IdentityRow { stream: Stream::Other, name: None, ..row() };
    let unnamed = IdentityRow { principal_id: None, ..row() };
    let mut rows = vec![other.clone(), row(), unnamed.clone()];

    sort(&mut rows);

    assert_eq!(rows, [unnamed, row(), other]);
}
