//! `parquet`: the columns of [`FINDING_COLUMNS`](crate::report::FINDING_COLUMNS), typed.
//!
//! Times are microseconds in UTC, `evidence` is a list of structs, `details` a map from column to
//! its values, `details_left_out` one to how many more there are; text has offsets of 64 bits, so that
//! no batch of it is too large. Nothing in the file depends on when or where it was written.

use std::io::Write;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use arrow::array::{
    ArrayRef, Float32Array, Int64Array, LargeStringArray, ListArray, MapArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::finding::{EvidenceRow, Finding};
use crate::report::{Report, ReportError, direction_word, severity_word};
use crate::time::UtcMicros;

/// Findings in one batch. A finding is some kilobytes at most, so a batch is some megabytes.
const BATCH_FINDINGS: usize = 4096;

/// Who wrote the file, in its footer.
const CREATED_BY: &str = concat!("airside ", env!("CARGO_PKG_VERSION"));

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let schema = batch(&[]).map_err(columns_error)?.schema();
    // The writer asks for `Send`, which `out` is not; what is buffered is compressed.
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties())).map_err(parquet_error)?;
    for findings in report.findings.chunks(BATCH_FINDINGS) {
        writer.write(&batch(findings).map_err(columns_error)?).map_err(parquet_error)?;
    }
    let bytes = writer.into_inner().map_err(parquet_error)?;
    out.write_all(&bytes).map_err(ReportError::write)
}

/// How every file of ours is written.
pub(super) fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build()
}

pub(super) fn columns_error(source: ArrowError) -> ReportError {
    ReportError::Columns { source }
}

pub(super) fn parquet_error(source: ParquetError) -> ReportError {
    ReportError::Parquet { source }
}

/// One Arrow batch of findings; its schema does not depend on them.
fn batch(findings: &[Finding]) -> Result<RecordBatch, ArrowError> {
    let text = |value: fn(&Finding) -> &str| -> ArrayRef {
        Arc::new(LargeStringArray::from_iter_values(findings.iter().map(value)))
    };
    let optional = |value: fn(&Finding) -> Option<&str>| -> ArrayRef {
        Arc::new(findings.iter().map(value).collect::<LargeStringArray>())
    };
    let set = false;
    let nullable = true;
    RecordBatch::try_from_iter_with_nullable([
        ("rule_id", text(|finding| &finding.rule_id), set),
        ("title", text(|finding| &finding.title), set),
        ("severity", text(|finding| severity_word(finding.severity)), set),
        ("direction", text(|finding| direction_word(finding.direction)), set),
        ("stream", text(|finding| finding.stream.as_str()), set),
        ("identity_kind", text(|finding| finding.identity_kind.as_str()), set),
        ("confidence", confidences(findings), set),
        ("principal_id", optional(|finding| finding.principal_id.as_deref()), nullable),
        ("principal_name", optional(|finding| finding.principal_name.as_deref()), nullable),
        ("actor_id", optional(|finding| finding.actor_id.as_deref()), nullable),
        ("workspace_rid", optional(|finding| finding.workspace_rid.as_deref()), nullable),
        ("target_id", optional(|finding| finding.target_id.as_deref()), nullable),
        ("target_name", optional(|finding| finding.target_name.as_deref()), nullable),
        ("first_seen", times(findings.iter().map(|finding| finding.first_seen)), set),
        ("last_seen", times(findings.iter().map(|finding| finding.last_seen)), set),
        ("events", event_counts(findings), set),
        ("evidence", evidence(findings)?, set),
        ("details", details(findings)?, set),
        ("details_left_out", details_left_out(findings)?, set),
        ("attack", text_lists(findings.iter().map(|finding| finding.attack.as_slice()))?, set),
        ("fingerprint", text(|finding| &finding.fingerprint), set),
    ])
}

fn confidences(findings: &[Finding]) -> ArrayRef {
    Arc::new(Float32Array::from_iter_values(findings.iter().map(|finding| finding.confidence)))
}

fn event_counts(findings: &[Finding]) -> ArrayRef {
    let counts = findings.iter().map(|finding| i64::try_from(finding.events).unwrap_or(i64::MAX));
    Arc::new(Int64Array::from_iter_values(counts))
}

fn times(times: impl Iterator<Item = UtcMicros>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(times.map(|time| time.0)).with_timezone("UTC"))
}

/// A list of texts for each row.
fn text_lists<'a>(rows: impl Iterator<Item = &'a [String]> + Clone) -> Result<ArrayRef, ArrowError> {
    let offsets = OffsetBuffer::from_lengths(rows.clone().map(<[String]>::len));
    let texts: Vec<&String> = rows.flatten().collect();
    let values = LargeStringArray::from_iter_values(texts);
    let item = Arc::new(Field::new("item", DataType::LargeUtf8, false));
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(values), None)?))
}

/// A list of structs for each finding.
fn evidence(findings: &[Finding]) -> Result<ArrayRef, ArrowError> {
    let rows: Vec<&EvidenceRow> = findings.iter().flat_map(|finding| &finding.evidence).collect();
    let text = |value: fn(&EvidenceRow) -> &str| -> ArrayRef {
        Arc::new(LargeStringArray::from_iter_values(rows.iter().map(|row| value(row))))
    };
    let number = |value: fn(&EvidenceRow) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| value(row))))
    };
    let fields = Fields::from(vec![
        Field::new("event_uid", DataType::LargeUtf8, false),
        Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("operation", DataType::LargeUtf8, false),
        Field::new("object", DataType::LargeUtf8, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("length", DataType::Int64, false),
    ]);
    let columns = vec![
        text(|row| &row.event_uid),
        times(rows.iter().map(|row| row.time)),
        text(|row| &row.operation),
        text(|row| &row.object),
        number(|row| row.offset),
        number(|row| row.length),
    ];
    let structs = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(findings.iter().map(|finding| finding.evidence.len()));
    let item = Arc::new(Field::new("item", DataType::Struct(fields), false));
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(structs), None)?))
}

/// A map from column name to its values for each finding, keys in order.
fn details(findings: &[Finding]) -> Result<ArrayRef, ArrowError> {
    let entries: Vec<_> = findings.iter().flat_map(|finding| &finding.details).collect();
    let values = text_lists(entries.iter().map(|(_, values)| values.as_slice()))?;
    let lengths = findings.iter().map(|finding| finding.details.len());
    maps(entries.iter().map(|(column, _)| *column), values, lengths)
}

/// A map from column name to how many of its values are left out for each finding, keys in order.
fn details_left_out(findings: &[Finding]) -> Result<ArrayRef, ArrowError> {
    let entries: Vec<_> = findings.iter().flat_map(|finding| &finding.details_left_out).collect();
    let counts = entries.iter().map(|(_, count)| i64::try_from(**count).unwrap_or(i64::MAX));
    let counts = Arc::new(Int64Array::from_iter_values(counts));
    let lengths = findings.iter().map(|finding| finding.details_left_out.len());
    maps(entries.iter().map(|(column, _)| *column), counts, lengths)
}

/// Maps, one after the other: the keys and values of all of them, and how many each has.
fn maps<'k>(
    keys: impl Iterator<Item = &'k String>,
    values: ArrayRef,
    lengths: impl Iterator<Item = usize>,
) -> Result<ArrayRef, ArrowError> {
    let keys: ArrayRef = Arc::new(LargeStringArray::from_iter_values(keys));
    let fields = Fields::from(vec![
        Field::new("key", DataType::LargeUtf8, false),
        Field::new("value", values.data_type().clone(), false),
    ]);
    let structs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let entry = Arc::new(Field::new("key_value", DataType::Struct(fields), false));
    Ok(Arc::new(MapArray::try_new(entry, offsets, structs, None, false)?))
}
