//! The records that an event was made of, kept beside it in a lake.
//!
//! A lake takes events in whatever order they arrive: a record in another export form, the Start
//! record of an operation, the news that a principal is a connector may come years later. So that
//! the lake then holds what reading everything at once would have given, each event that differs
//! from its only record carries what it takes to get its records back, as JSON in the column
//! [`COLUMN`]: `{"records": [{column: value, …}, …], "classified": {column: value, …}}`, where each
//! object names the columns in which a record (or the event before it was classified) has another
//! value than the event.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{cast, interleave, take};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit, UInt32Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value, json};

use super::columns::TextView;
use super::merge::interleaved;
use crate::event::schema;

/// Name of the column.
pub const COLUMN: &str = "undo";

/// The columns of a decoded event that classifying it can change.
const CLASSIFIED: &[&str] = &["principal_id", "target_name", "secret_bearing"];

/// The columns that pairing can change.
const PAIRED: &[&str] = &["role_id", "assignee_id", "scope", "role_assignment_id", "request_body", "body_from"];

type Patch = Map<String, Value>;

/// Adds the column to a batch of events: the records that they were made of.
///
/// `inputs` are the batches that were resolved; the events stand before and after pairing; `members`
/// are as in [`Resolved`](super::Resolved).
pub(super) fn with_records(
    inputs: &[RecordBatch],
    (unpaired, events): (&RecordBatch, &RecordBatch),
    members: &[Vec<(usize, usize)>],
) -> Result<RecordBatch, ArrowError> {
    let mut undo: Vec<Option<Patch>> = vec![None; events.num_rows()];
    if members.is_empty() {
        for (slot, patch) in undo.iter_mut().zip(patches(unpaired, events, PAIRED)?) {
            *slot = (!patch.is_empty()).then(|| record_list(vec![patch]));
        }
        return with_column(events, &undo);
    }
    let of_row = |(row, members): (u32, &Vec<(usize, usize)>)| members.iter().map(move |place| (row, *place)).collect();
    let (rows, places): (Vec<u32>, Vec<(usize, usize)>) = (0_u32..).zip(members).flat_map::<Vec<_>, _>(of_row).unzip();
    let records = records_at(inputs, &places)?;
    let decoded = schema::decoded();
    let names: Vec<&str> = decoded.fields().iter().map(|field| field.name().as_str()).collect();
    let patches = patches(&records, &take_rows(events, &rows)?, &names)?;
    let mut lists: Vec<Vec<Patch>> = vec![Vec::new(); events.num_rows()];
    for (row, patch) in rows.into_iter().zip(patches) {
        if let Some(list) = lists.get_mut(row as usize) {
            list.push(patch);
        }
    }
    let is_itself = |list: &Vec<Patch>| matches!(list.as_slice(), [patch] if patch.is_empty());
    let undo: Vec<_> = lists.into_iter().map(|list| (!is_itself(&list)).then(|| record_list(list))).collect();
    with_column(events, &undo)
}

/// The rows at these places, each a batch and a row of it.
fn records_at(inputs: &[RecordBatch], places: &[(usize, usize)]) -> Result<RecordBatch, ArrowError> {
    // Only the batches concerned: interleaving looks at all that it is given.
    let mut used: Vec<usize> = places.iter().map(|(batch, _)| *batch).collect();
    used.sort_unstable();
    used.dedup();
    let in_used = |(batch, row): &(usize, usize)| (used.binary_search(batch).unwrap_or(0), *row);
    let places: Vec<(usize, usize)> = places.iter().map(in_used).collect();
    let inputs: Vec<&RecordBatch> = used.iter().filter_map(|at| inputs.get(*at)).collect();
    let decoded = schema::decoded();
    let columns = decoded.fields().iter().map(|field| {
        let arrays: Option<Vec<&ArrayRef>> = inputs.iter().map(|batch| batch.column_by_name(field.name())).collect();
        let missing = || ArrowError::SchemaError(format!("events have no column {}", field.name()));
        interleaved(&arrays.ok_or_else(missing)?, &places)
    });
    let columns = columns.collect::<Result<_, ArrowError>>()?;
    RecordBatch::try_new(decoded, columns)
}

/// Adds what classifying changed to the column of the batch before it, and that to the classified
/// batch.
///
/// # Errors
///
/// An [`ArrowError`] when a batch is not of its schema: a defect of ours.
pub fn with_classified(before: &RecordBatch, classified: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut undo = parsed(before)?;
    for (slot, patch) in undo.iter_mut().zip(patches(before, classified, CLASSIFIED)?) {
        if !patch.is_empty() {
            slot.get_or_insert_default().insert("classified".to_owned(), Value::Object(patch));
        }
    }
    with_column(classified, &undo)
}

/// Events of a lake as they were before they were classified: the decoded columns, `locations` and
/// the column itself.
///
/// # Errors
///
/// An [`ArrowError`] when the batch is not of the lake's schema, or a value of the column is none of
/// ours.
pub fn unclassified(events: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut undo = parsed(events)?;
    let mut changed: Vec<(usize, Patch)> = Vec::new();
    for (row, slot) in undo.iter_mut().enumerate() {
        if let Some(patch) = slot.as_mut().and_then(|undo| undo.remove("classified")) {
            changed.push((row, object(patch)?));
        }
        *slot = slot.take().filter(|undo| !undo.is_empty());
    }
    let mut schema = schema::decoded().fields().iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>();
    schema.push(Field::new("locations", DataType::Utf8, true));
    let decoded = project(events, &Arc::new(Schema::new(schema)))?;
    let rows: Vec<(u32, Option<&Patch>)> = {
        let mut patches = changed.iter().peekable();
        (0..events.num_rows())
            .map(|row| {
                let patch = patches.next_if(|(at, _)| *at == row).map(|(_, patch)| patch);
                (u32::try_from(row).unwrap_or(u32::MAX), patch)
            })
            .collect()
    };
    with_column(&overlaid(&decoded, &rows)?, &undo)
}

/// The records that events of a lake were made of, in the decoded schema.
///
/// # Errors
///
/// As [`unclassified`].
pub fn records(events: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let events = unclassified(events)?;
    let undo = parsed(&events)?;
    let mut lists: Vec<(u32, Vec<Patch>)> = Vec::with_capacity(undo.len());
    for (row, undo) in (0_u32..).zip(undo) {
        let list = match undo.and_then(|mut undo| undo.remove("records")) {
            Some(Value::Array(list)) => list.into_iter().map(object).collect::<Result<_, _>>()?,
            Some(_) => return Err(not_ours()),
            None => vec![Patch::new()],
        };
        lists.push((row, list));
    }
    let rows: Vec<(u32, Option<&Patch>)> = lists
        .iter()
        .flat_map(|(row, list)| list.iter().map(|patch| (*row, (!patch.is_empty()).then_some(patch))))
        .collect();
    overlaid(&project(&events, &schema::decoded())?, &rows)
}

fn record_list(list: Vec<Patch>) -> Patch {
    Patch::from_iter([("records".to_owned(), Value::Array(list.into_iter().map(Value::Object).collect()))])
}

fn object(value: Value) -> Result<Patch, ArrowError> {
    match value {
        Value::Object(patch) => Ok(patch),
        _ => Err(not_ours()),
    }
}

fn not_ours() -> ArrowError {
    ArrowError::ParseError(format!("the lake's column {COLUMN} holds what Airside did not write"))
}

/// The column's values; none where the batch has no such column.
fn parsed(batch: &RecordBatch) -> Result<Vec<Option<Patch>>, ArrowError> {
    let Some(column) = batch.column_by_name(COLUMN) else { return Ok(vec![None; batch.num_rows()]) };
    let text = cast(column, &DataType::Utf8)?;
    let parse = |text: Option<&str>| text.map(|text| serde_json::from_str(text).map_err(|_other| not_ours()));
    text.as_string::<i32>().iter().map(|text| parse(text).transpose()).collect()
}

/// The batch with the column as its last.
fn with_column(batch: &RecordBatch, undo: &[Option<Patch>]) -> Result<RecordBatch, ArrowError> {
    let texts: StringArray =
        undo.iter().map(|undo| undo.as_ref().map(|undo| Value::Object(undo.clone()).to_string())).collect();
    let schema = batch.schema();
    let mut fields: Vec<Field> = Vec::with_capacity(batch.num_columns() + 1);
    let mut columns = Vec::with_capacity(batch.num_columns() + 1);
    for (field, column) in schema.fields().iter().zip(batch.columns()).filter(|(field, _)| field.name() != COLUMN) {
        fields.push(field.as_ref().clone());
        columns.push(Arc::clone(column));
    }
    fields.push(Field::new(COLUMN, DataType::Utf8, true));
    columns.push(Arc::new(texts));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn project(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let column = |field: &Arc<Field>| {
        let column = batch.column_by_name(field.name());
        let column =
            column.ok_or_else(|| ArrowError::SchemaError(format!("the lake has no column {}", field.name())))?;
        cast(column, field.data_type())
    };
    RecordBatch::try_new(Arc::clone(schema), schema.fields().iter().map(column).collect::<Result<_, _>>()?)
}

fn take_rows(batch: &RecordBatch, rows: &[u32]) -> Result<RecordBatch, ArrowError> {
    let rows = arrow::array::PrimitiveArray::<UInt32Type>::from_iter_values(rows.iter().copied());
    let columns = batch.columns().iter().map(|column| take(column, &rows, None)).collect::<Result<_, _>>()?;
    RecordBatch::try_new(batch.schema(), columns)
}

/// For each row, the values of `wanted` in the columns where `other` has another one.
fn patches(wanted: &RecordBatch, other: &RecordBatch, names: &[&str]) -> Result<Vec<Patch>, ArrowError> {
    let mut patches = vec![Patch::new(); wanted.num_rows()];
    for name in names {
        let (Some(own), Some(others)) = (wanted.column_by_name(name), other.column_by_name(name)) else {
            return Err(ArrowError::SchemaError(format!("events have no column {name}")));
        };
        if own.to_data().ptr_eq(&others.to_data()) {
            continue;
        }
        let differs = distinct(own, others)?;
        if differs.true_count() == 0 {
            continue;
        }
        for (row, patch) in patches.iter_mut().enumerate().filter(|(row, _)| differs.value(*row)) {
            patch.insert((*name).to_owned(), value_at(own, row)?);
        }
    }
    Ok(patches)
}

/// For each row, whether any column differs.
///
/// # Errors
///
/// An [`ArrowError`] when the batches have other columns or another number of rows.
pub fn differs(a: &RecordBatch, b: &RecordBatch) -> Result<Vec<bool>, ArrowError> {
    let mut rows = vec![false; a.num_rows()];
    for (field, column) in a.schema().fields().iter().zip(a.columns()) {
        let other = b.column_by_name(field.name());
        let other = other.ok_or_else(|| ArrowError::SchemaError(format!("no column {}", field.name())))?;
        let other = cast(other, column.data_type())?;
        let differs = distinct(column, &other)?;
        for (row, flag) in rows.iter_mut().enumerate() {
            *flag |= differs.value(row);
        }
    }
    Ok(rows)
}

/// A value as JSON: floats as text, so that none is rounded; times as microseconds.
fn value_at(column: &ArrayRef, row: usize) -> Result<Value, ArrowError> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    if let Some(text) = TextView::of_array(column) {
        return Ok(text.get(row).into());
    }
    Ok(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row).to_string()),
        _ => cast(&column.slice(row, 1), &DataType::Int64)?.as_primitive::<Int64Type>().value(0).into(),
    })
}

/// Rows of the batch, in the columns that a patch names with the patch's values.
fn overlaid(batch: &RecordBatch, rows: &[(u32, Option<&Patch>)]) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let mut values: Vec<&Value> = Vec::new();
        let places: Vec<(usize, usize)> = rows
            .iter()
            .map(|(row, patch)| match patch.and_then(|patch| patch.get(field.name())) {
                None => (0, *row as usize),
                Some(value) => {
                    values.push(value);
                    (1, values.len() - 1)
                }
            })
            .collect();
        let patched = array_of(&values, field)?;
        columns.push(interleave(&[column.as_ref(), patched.as_ref()], &places)?);
    }
    RecordBatch::try_new(schema, columns)
}

fn array_of(values: &[&Value], field: &Field) -> Result<ArrayRef, ArrowError> {
    let times = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let plain: ArrayRef = match field.data_type() {
        DataType::Boolean => Arc::new(values.iter().map(|value| value.as_bool()).collect::<BooleanArray>()),
        DataType::Float64 => Arc::new(
            values.iter().map(|value| value.as_str().and_then(|text| text.parse().ok())).collect::<Float64Array>(),
        ),
        DataType::Int64 | DataType::Int32 => {
            Arc::new(values.iter().map(|value| value.as_i64()).collect::<Int64Array>())
        }
        other if *other == times => {
            let times: TimestampMicrosecondArray = values.iter().map(|value| value.as_i64()).collect();
            Arc::new(times.with_timezone("UTC"))
        }
        _ => Arc::new(values.iter().map(|value| value.as_str()).collect::<StringArray>()),
    };
    cast(&plain, field.data_type())
}
