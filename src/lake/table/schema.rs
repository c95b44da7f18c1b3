//! The columns of the lake: those of the events, the date that they are partitioned by, and what
//! it takes to merge and classify again.

use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use deltalake_core::kernel::{DataType, MetadataValue, PrimitiveType, StructField};

use crate::event::schema::{self, COLUMNS, ColumnType};
use crate::lake::undo;

/// The partition column of the stream.
pub const STREAM: &str = "stream";

/// The partition column of the day of `time` in UTC.
pub const EVENT_DATE: &str = "event_date";

/// What [`undo::COLUMN`] is for, as the table's comment says it.
const UNDO_COMMENT: &str =
    "For Airside alone, JSON: the records that the event was made of, for when another one of it arrives.";

/// The columns as Delta has them. Delta knows neither dictionaries nor unsigned integers. All may be
/// null: what another program makes of `NOT NULL` differs.
pub(super) fn delta_columns() -> Vec<StructField> {
    let of = |name: &str, primitive: PrimitiveType, comment: &str| {
        let comment = [("comment", MetadataValue::String(comment.to_owned()))];
        StructField::nullable(name, DataType::Primitive(primitive)).with_metadata(comment)
    };
    let mut columns: Vec<StructField> =
        COLUMNS.iter().map(|column| of(column.name, primitive(column.column_type), column.doc)).collect();
    columns.push(of(undo::COLUMN, PrimitiveType::String, UNDO_COMMENT));
    columns.push(of(EVENT_DATE, PrimitiveType::Date, "Day of time, in UTC."));
    columns
}

fn primitive(column: ColumnType) -> PrimitiveType {
    match column {
        ColumnType::Time => PrimitiveType::Timestamp,
        ColumnType::Dictionary | ColumnType::Text => PrimitiveType::String,
        ColumnType::Int => PrimitiveType::Long,
        ColumnType::Int32 => PrimitiveType::Integer,
        ColumnType::Float => PrimitiveType::Double,
        ColumnType::Float32 => PrimitiveType::Float,
        ColumnType::Bool => PrimitiveType::Boolean,
    }
}

/// The schema of batches on their way into a lake and out of it: all columns of the events, and
/// [`undo::COLUMN`].
pub fn events_with_undo() -> SchemaRef {
    let events = schema::events();
    let mut fields: Vec<Field> = events.fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new(undo::COLUMN, ArrowType::Utf8, true));
    Arc::new(Schema::new(fields))
}

/// What lies in a data file: without the partition columns.
pub(super) fn in_file() -> SchemaRef {
    let all = events_with_undo();
    let fields: Vec<Field> = all
        .fields()
        .iter()
        .filter(|field| field.name() != STREAM)
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    Arc::new(Schema::new(fields))
}
