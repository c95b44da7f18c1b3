use arrow::array::{Array, AsArray};
use arrow::util::pretty::pretty_format_batches;

use super::*;
use crate::time::UtcMicros;

const ADDRESS: Address<'static> = Address { object: "a.json", offset: 7, length: 9, in_block: None };

#[test]
fn equal_things_in_different_spelling_share_one_code() {
    let mut builder = EventBuilder::default();
    for id in ["8E3AF657A8FF443CA75C2FE8C4BCB635", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", ""] {
        let mut row = Row::new(LogSource::Activity, Form::Archive);
        row.time = Some(UtcMicros(1));
        row.set(TextColumn::PrincipalId, Some(id));
        builder.append(&row, &ADDRESS, |_| {});
    }

    let batch = builder.finish().unwrap();

    let ids = batch.column_by_name("principal_id").unwrap().as_dictionary::<Int32Type>();
    assert_eq!(ids.values().len(), 1);
    assert_eq!(ids.key(0), Some(0));
    assert_eq!(ids.key(1), Some(0));
    assert_eq!(ids.key(2), None);
    assert!(builder.is_empty());
}

#[test]
fn a_batch_has_the_decoded_schema_and_the_address_of_each_row() {
    let mut builder = EventBuilder::default();
    let row = Row::new(LogSource::Storage, Form::Archive);
    builder.append(&row, &Address { in_block: Some((2, 3)), ..ADDRESS }, |_| {});
    builder.append(&row, &ADDRESS, |_| {});

    let batch = builder.finish().unwrap();

    assert_eq!(batch.schema(), schema::decoded());
    let column = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>();
    assert_eq!((column("offset").value(0), column("length").value(0)), (7, 9));
    assert_eq!((column("block_record").value(0), column("body_offset").value(0)), (2, 3));
    assert!(column("block_record").is_null(1));
}

/// Secrets go when a batch is finished: uids are made of what the records say.
#[test]
fn secrets_are_taken_out_of_every_text_and_uids_stay() {
    let mut row = Row::new(LogSource::Activity, Form::Archive);
    row.set(TextColumn::Operation, Some("a/b/write"));
    row.set(TextColumn::TargetId, Some("/x?sig=TOPSECRET"));
    row.set(TextColumn::ObjectPath, Some("x?sv=1&sig=TOPSECRET"));
    row.set(TextColumn::RequestBody, Some(r#"{"adminPassword":"TOPSECRET","keyName":"key1"}"#));
    let build = |redaction| {
        let mut builder = EventBuilder::new(ReadColumns::ALL, BATCH_ROWS, redaction);
        builder.append(&row, &Address { object: "o", offset: 0, length: 1, in_block: None }, |_| {});
        let batch = builder.finish().unwrap();
        pretty_format_batches(&[batch]).unwrap().to_string()
    };
    let uid = |table: &str| table.lines().nth(3).unwrap().split('|').nth(2).unwrap().to_owned();

    let (redacted, raw) = (build(Redaction::On), build(Redaction::Off));

    assert_eq!(raw.matches("TOPSECRET").count() + raw.matches("topsecret").count(), 3);
    assert!(!redacted.to_ascii_lowercase().contains("topsecret"), "{redacted}");
    assert!(redacted.contains(r#"{"adminPassword":"(redacted, 9 characters)","keyName":"key1"}"#), "{redacted}");
    assert!(redacted.contains("x?sv=1&sig=***"), "{redacted}");
    assert_eq!(uid(&redacted), uid(&raw));
}

/// Thirty bodies of 60 MB would be more than an Arrow column can hold.
#[test]
fn a_batch_is_full_at_so_much_text_however_few_rows_it_has() {
    let body = format!("\"{}\"", "x".repeat(20 << 20));
    let mut row = Row::new(LogSource::Activity, Form::Archive);
    row.set(TextColumn::RequestBody, Some(&body));
    let mut builder = EventBuilder::default();
    let rows_until_full = (1..=10).find(|_| {
        builder.append(&row, &Address { length: body.len() as u64, ..ADDRESS }, |_| {});
        builder.is_full()
    });

    assert_eq!(rows_until_full, Some(4));
    assert_eq!(builder.finish().unwrap().num_rows(), 4);
    assert!(!builder.is_full());
}
