//! The columns of a batch of evidence, in the types that folding reads.

use arrow::array::{Array, ArrayRef, AsArray as _, Float32Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::column;
use crate::error::RunError;
use crate::event::vocabulary::{IdentityKind, Stream};
use crate::rule::params::is_text;
use crate::rule::run::SEVERITY;
use crate::rule::{Rule, Severity};
use crate::time::UtcMicros;

/// A row of evidence; borrowed from [`Columns`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'c> {
    pub(super) uid: &'c str,
    pub(super) time: UtcMicros,
    pub(super) operation: &'c str,
    pub(super) op_class: &'c str,
    pub(super) principal_id: Option<&'c str>,
    pub(super) principal_name: Option<&'c str>,
    pub(super) workspace_rid: Option<&'c str>,
    pub(super) assignee_id: Option<&'c str>,
    pub(super) target_id: Option<&'c str>,
    pub(super) target_name: Option<&'c str>,
    pub(super) stream: Stream,
    pub(super) identity_kind: IdentityKind,
    pub(super) confidence: f32,
    pub(super) severity: Option<Severity>,
    pub(super) object: &'c str,
    pub(super) offset: i64,
    pub(super) length: i64,
}

/// The columns of one batch.
#[derive(Debug)]
pub(super) struct Columns {
    uid: StringArray,
    time: TimestampMicrosecondArray,
    operation: StringArray,
    op_class: StringArray,
    principal_id: StringArray,
    principal_name: StringArray,
    workspace_rid: StringArray,
    assignee_id: StringArray,
    target_id: StringArray,
    target_name: StringArray,
    stream: StringArray,
    identity_kind: StringArray,
    confidence: Float32Array,
    severity: Option<StringArray>,
    object: StringArray,
    offset: Int64Array,
    length: Int64Array,
    group_by: Vec<StringArray>,
    details: Vec<StringArray>,
}

impl Columns {
    /// Takes the columns out of a batch.
    pub(super) fn of(batch: &RecordBatch, rule: &Rule) -> Result<Self, RunError> {
        let text = |name: &str| Ok::<_, RunError>(column(batch, name, &DataType::Utf8)?.as_string::<i32>().clone());
        let number =
            |name: &str| Ok::<_, RunError>(column(batch, name, &DataType::Int64)?.as_primitive::<Int64Type>().clone());
        let shown = |names: &[String]| names.iter().map(|name| shown(batch, name)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            uid: text("event_uid")?,
            time: column(batch, "time", &utc_micros())?.as_primitive::<TimestampMicrosecondType>().clone(),
            operation: text("operation")?,
            op_class: text("op_class")?,
            principal_id: text("principal_id")?,
            principal_name: text("principal_name")?,
            workspace_rid: text("workspace_rid")?,
            assignee_id: text("assignee_id")?,
            target_id: text("target_id")?,
            target_name: text("target_name")?,
            stream: text("stream")?,
            identity_kind: text("identity_kind")?,
            confidence: column(batch, "confidence", &DataType::Float32)?.as_primitive::<Float32Type>().clone(),
            severity: batch.column_by_name(SEVERITY).map(|_| text(SEVERITY)).transpose()?,
            object: text("object")?,
            offset: number("offset")?,
            length: number("length")?,
            group_by: shown(&rule.head.group_by)?,
            details: shown(&rule.head.details)?,
        })
    }

    /// A row; the message says what the rule's query returned that is no evidence.
    pub(super) fn row(&self, row: usize) -> Result<Evidence<'_>, String> {
        let Some(uid) = text(&self.uid, row) else {
            return Err("the query returned a row without event_uid".to_owned());
        };
        let lacks = |column: &str| format!("the query returned the event {uid} without {column}");
        // Where the event was read is null after the join when there is no such event.
        let unknown = || format!("the query returned '{uid}' as event_uid, which is no event's");
        let word = text(&self.stream, row).and_then(Stream::from_word);
        let kind = text(&self.identity_kind, row).and_then(IdentityKind::from_word);
        let number = |array: &Int64Array| array.is_valid(row).then(|| array.value(row)).ok_or_else(unknown);
        Ok(Evidence {
            uid,
            time: self.time.is_valid(row).then(|| UtcMicros(self.time.value(row))).ok_or_else(|| lacks("time"))?,
            operation: text(&self.operation, row).ok_or_else(|| lacks("operation"))?,
            op_class: text(&self.op_class, row).ok_or_else(unknown)?,
            principal_id: text(&self.principal_id, row),
            principal_name: text(&self.principal_name, row),
            workspace_rid: text(&self.workspace_rid, row),
            assignee_id: text(&self.assignee_id, row),
            target_id: text(&self.target_id, row),
            target_name: text(&self.target_name, row),
            stream: word.ok_or_else(unknown)?,
            identity_kind: kind.ok_or_else(unknown)?,
            confidence: self.confidence.is_valid(row).then(|| self.confidence.value(row)).ok_or_else(unknown)?,
            severity: self.severity(row)?,
            object: text(&self.object, row).ok_or_else(unknown)?,
            offset: number(&self.offset)?,
            length: number(&self.length)?,
        })
    }

    /// The severity that the query gives the row.
    fn severity(&self, row: usize) -> Result<Option<Severity>, String> {
        let Some(word) = self.severity.as_ref().and_then(|column| text(column, row)) else { return Ok(None) };
        let words = Severity::ALL.map(Severity::as_str).join(", ");
        let unknown = || format!("the query returned the severity '{word}', which is none of {words}");
        Severity::from_word(word).map(Some).ok_or_else(unknown)
    }

    /// The values of the `group_by` columns.
    pub(super) fn group_by(&self, row: usize) -> impl Iterator<Item = Option<&str>> {
        self.group_by.iter().map(move |column| text(column, row))
    }

    /// The values of the `details` columns.
    pub(super) fn details(&self, row: usize) -> impl Iterator<Item = Option<&str>> {
        self.details.iter().map(move |column| text(column, row))
    }
}

/// The text of a row, `None` for null.
pub(super) fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A column of any type as text; times as RFC 3339.
fn shown(batch: &RecordBatch, name: &str) -> Result<StringArray, RunError> {
    let failed = |error| RunError::internal(format!("cannot show the column {name}"), error);
    let Some(column) = batch.column_by_name(name) else {
        return Err(RunError::Internal { message: format!("evidence lacks its column {name}"), source: None });
    };
    match column.data_type() {
        data_type if is_text(data_type) || *data_type == DataType::Null => {
            Ok(cast(column, &DataType::Utf8).map_err(failed)?.as_string::<i32>().clone())
        }
        DataType::Timestamp(..) => {
            let times = cast(column, &utc_micros()).map_err(failed)?;
            let times = times.as_primitive::<TimestampMicrosecondType>();
            Ok(times.iter().map(|time| time.map(|time| UtcMicros(time).to_string())).collect())
        }
        _ => formatted(column).map_err(failed),
    }
}

fn formatted(column: &ArrayRef) -> Result<StringArray, arrow::error::ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    Ok((0..column.len()).map(|row| column.is_valid(row).then(|| formatter.value(row).to_string())).collect())
}
