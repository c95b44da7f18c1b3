//! Events for tests: rows as JSON objects in which only what matters is set.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;
use serde_json::Value;

use crate::event::schema::{self, COLUMNS, Column, ColumnType};
use crate::sql::session::{SessionOptions, build};
use crate::sql::tables::{EventTable, StreamTables, register_events, register_side_tables, side_table_schema};

/// A batch of the events schema. Columns that a row leaves out are null, or, where they cannot
/// be, a harmless word. The uid of row `n` is `n` as 32 hex digits unless set.
pub(crate) fn events(rows: &[Value]) -> RecordBatch {
    let columns = COLUMNS.iter().map(|column| array(column, rows)).collect();
    RecordBatch::try_new(schema::events(), columns).unwrap()
}

/// A session over these events, each in the table of its `stream`, and these side tables.
pub(crate) async fn session(rows: &[Value], side_tables: Vec<(&str, RecordBatch)>) -> SessionContext {
    let of = |stream: &str| {
        let rows: Vec<Value> = rows.iter().filter(|row| word(row, "stream", "other") == stream).cloned().collect();
        EventTable::Memory(vec![events(&rows)])
    };
    let streams =
        StreamTables { dbmi: of("dbmi"), adac: of("adac"), other: of("other"), unattributed: of("unattributed") };
    let ctx = build(&SessionOptions::default()).unwrap();
    register_events(&ctx, streams).await.unwrap();
    register_side_tables(&ctx, side_tables).unwrap();
    ctx
}

/// A side table of one row, in which columns that are left out are null.
pub(crate) fn side_table<'t>(table: &'t str, texts: &[(&str, &str)]) -> (&'t str, RecordBatch) {
    let schema = side_table_schema(table).unwrap();
    let column = |field: &Arc<Field>| -> ArrayRef {
        let text = texts.iter().find(|(name, _)| name == field.name()).map(|(_, text)| *text);
        cast(&StringArray::from(vec![text]), field.data_type()).unwrap()
    };
    let columns = schema.fields().iter().map(column).collect();
    (table, RecordBatch::try_new(Arc::clone(&schema), columns).unwrap())
}

fn word<'v>(row: &'v Value, column: &str, otherwise: &'v str) -> &'v str {
    row.get(column).and_then(Value::as_str).unwrap_or(otherwise)
}

fn array(column: &Column, rows: &[Value]) -> ArrayRef {
    let values = || rows.iter().map(|row| row.get(column.name).filter(|value| !value.is_null()));
    match column.column_type {
        ColumnType::Time => {
            let micros = values().map(|value| {
                let text = value.and_then(Value::as_str).unwrap_or("2026-05-04T10:00:00Z");
                Some(string_to_timestamp_nanos(text).unwrap() / 1000)
            });
            Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        ColumnType::Dictionary | ColumnType::Text => {
            let texts = values().enumerate().map(|(n, value)| match value.and_then(Value::as_str) {
                Some(text) => Some(text.to_owned()),
                None if column.nullable => None,
                None => Some(default_text(column.name, n)),
            });
            let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
            cast(&texts, &column.column_type.data_type()).unwrap()
        }
        ColumnType::Int => Arc::new(
            values()
                .map(|value| value.and_then(Value::as_i64).or((!column.nullable).then_some(0)))
                .collect::<Int64Array>(),
        ),
        ColumnType::Int32 => Arc::new(values().map(|_| Some(6003)).collect::<Int32Array>()),
        ColumnType::Float => Arc::new(values().map(|value| value.and_then(Value::as_f64)).collect::<Float64Array>()),
        ColumnType::Float32 => Arc::new(
            values()
                .map(|value| value.map_or(Some(1.0), |value| value.to_string().parse::<f32>().ok()))
                .collect::<Float32Array>(),
        ),
        ColumnType::Bool => Arc::new(
            values().map(|value| Some(value.and_then(Value::as_bool).unwrap_or(false))).collect::<BooleanArray>(),
        ),
    }
}

fn default_text(column: &str, n: usize) -> String {
    match column {
        "event_uid" => format!("{n:032x}"),
        "source" => "activity".to_owned(),
        "stream" | "op_class" => "other".to_owned(),
        "outcome" => "success".to_owned(),
        "phase" => "terminal".to_owned(),
        "plane" => "management".to_owned(),
        "operation" => "some/operation".to_owned(),
        "object" => "log.json".to_owned(),
        _ => "unknown".to_owned(),
    }
}
