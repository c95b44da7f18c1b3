use arrow::array::{Array, AsArray, Float32Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::prelude::SessionContext;
use serde_json::json;

use super::*;
use crate::sql::fixture;
use crate::time::UtcMicros;

async fn count(ctx: &SessionContext, query: &str) -> i64 {
    let batches = ctx.sql(query).await.unwrap().collect().await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn every_table_exists_before_any_data() {
    let ctx = empty_session().await.unwrap();

    for name in names() {
        let query = format!("SELECT count(*) FROM {name}");
        let rows = count(&ctx, &query).await;
        assert!(rows == 0 || ["op_map", "role_map"].contains(&name), "{name} has {rows} rows");
    }
}

#[tokio::test]
async fn the_union_keeps_every_column_its_name_and_its_type() {
    let ctx = empty_session().await.unwrap();

    let union = ctx.table("events").await.unwrap();
    let (fields, expected) = (union.schema().fields().clone(), schema::events());

    let names_and_types = |fields: &arrow::datatypes::Fields| {
        fields.iter().map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
    };
    assert_eq!(names_and_types(&fields), names_and_types(expected.fields()));
}

#[tokio::test]
async fn events_is_all_streams_and_grants_the_successful_assignments() {
    let rows = [
        json!({"event_uid": "a", "stream": "dbmi"}),
        json!({"event_uid": "b", "stream": "adac", "op_class": "role_assign"}),
        json!({"event_uid": "c", "stream": "other", "op_class": "role_assign", "outcome": "denied"}),
        json!({"event_uid": "d", "stream": "unattributed"}),
    ];
    let ctx = fixture::session(&rows, Vec::new()).await;

    assert_eq!(count(&ctx, "SELECT count(*) FROM events").await, 4);
    assert_eq!(count(&ctx, "SELECT count(*) FROM dbmi").await, 1);
    assert_eq!(count(&ctx, "SELECT count(*) FROM grants").await, 1);
    assert_eq!(count(&ctx, "SELECT count(*) FROM events WHERE source = 'activity' AND NOT via_pim").await, 4);
}

#[tokio::test]
async fn streams_are_read_from_parquet_whatever_the_file_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part [1]*?.tmp");
    let batch = fixture::events(&[json!({"target_id": "/x"}), json!({"target_id": "/y"})]);
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let ctx = build(&SessionOptions::default()).unwrap();
    let streams = StreamTables { other: EventTable::Parquet(vec![path]), ..StreamTables::default() };

    register_events(&ctx, streams).await.unwrap();

    assert_eq!(count(&ctx, "SELECT count(*) FROM events WHERE target_id = '/y'").await, 1);
    assert_eq!(count(&ctx, "SELECT count(*) FROM events").await, 2);
}

#[tokio::test]
async fn a_given_side_table_is_cast_reordered_and_called_filled() {
    let schema = Schema::new(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("cidr_hi", DataType::Utf8, true),
        Field::new("cidr_lo", DataType::LargeUtf8, true),
    ]);
    let lo = cast(&StringArray::from(vec!["10.0.0.0"]), &DataType::LargeUtf8).unwrap();
    let columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(vec!["office"])), Arc::new(StringArray::from(vec!["10.0.0.255"])), lo];
    let given = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let ctx = build(&SessionOptions::default()).unwrap();

    let filled = register_side_tables(&ctx, vec![("allowed_ip", given)]).unwrap();

    assert!(filled.contains("allowed_ip") && !filled.contains("governed"));
    assert_eq!(count(&ctx, "SELECT count(*) FROM allowed_ip WHERE cidr_lo = '10.0.0.0'").await, 1);
}

#[test]
fn a_side_table_without_a_column_of_the_contract_is_refused() {
    let schema = Schema::new(vec![Field::new("confidence", DataType::Float32, true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Float32Array::from(vec![1.0]))]).unwrap();

    let error = conform("identities", &batch).unwrap_err();

    assert_eq!(error.to_string(), "the side table identities lacks its column principal_id");
}

#[test]
fn coverage_has_a_row_for_each_source() {
    let activity = SourceCoverage { events: 3, first: Some(UtcMicros(1)), last: Some(UtcMicros(2)) };
    let sources = BTreeMap::from([("activity".to_owned(), activity), ("sql".to_owned(), SourceCoverage::default())]);

    let table = coverage_table(&sources).unwrap();

    assert_eq!(table.num_rows(), 2);
    assert_eq!(table.column(1).as_primitive::<Int64Type>().values(), &[3, 0]);
    assert!(table.column(2).is_null(1));
}
