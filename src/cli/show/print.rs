//! Prints events with their records, for people and for programs.

use std::borrow::Cow;
use std::io::Write;

use serde::Serialize;

use super::Shown;
use super::find::At;
use crate::pipeline::record::Encoding;
use crate::redact::{self, Redaction};
use crate::report::escape::{Escaped, escaped, json_safe};
use crate::report::layout::{Paint, counted, field, number, painted};
use crate::report::pretty::pretty;
use crate::report::rows::{Cell, json_row};
use crate::report::{ReportError, SCHEMA_VERSION, Style, json};

/// Columns that say where the record lies, which stands above.
const PLACE: [&str; 7] = ["event_uid", "object", "offset", "length", "block_record", "body_offset", "locations"];

/// Stands for bytes that hold a secret.
const HIDDEN: &str = "(not shown: a secret is in it; --raw writes it as it is)";

/// For people: where the record lies, its bytes, the same laid out, and the columns it became.
pub(super) fn table(
    shown: &[Shown],
    redaction: Redaction,
    out: &mut dyn Write,
    style: Style,
) -> Result<(), ReportError> {
    for (at, event) in shown.iter().enumerate() {
        if at > 0 {
            writeln!(out).map_err(ReportError::write)?;
        }
        place(event, out, style).map_err(ReportError::write)?;
        let heading = |out: &mut dyn Write, text: &str| writeln!(out, "\n{}", painted(style, Paint::Strong, text));
        heading(out, "raw").map_err(ReportError::write)?;
        let (raw, record) = redacted(event, redaction);
        for line in raw.as_deref().unwrap_or(HIDDEN).lines() {
            writeln!(out, "{}", Escaped(line)).map_err(ReportError::write)?;
        }
        heading(out, "record").map_err(ReportError::write)?;
        let laid_out = pretty(&record);
        writeln!(out, "{}", json_safe(&laid_out)).map_err(ReportError::write)?;
        heading(out, "event").map_err(ReportError::write)?;
        columns(event, out, style)?;
    }
    Ok(())
}

/// The bytes of a record as text, and the record as JSON without its secrets; where it has such, the
/// bytes are not for showing.
fn redacted(event: &Shown, redaction: Redaction) -> (Option<Cow<'_, str>>, Cow<'_, str>) {
    if redaction == Redaction::Off {
        return (Some(Cow::Borrowed(&event.record.text)), Cow::Borrowed(&event.record.json));
    }
    let record = redact::json(&event.record.json);
    let raw = match &record {
        Cow::Borrowed(_) => Some(redact::text(&event.record.text)),
        Cow::Owned(_) => None,
    };
    (raw, record)
}

fn place(event: &Shown, out: &mut dyn Write, style: Style) -> std::io::Result<()> {
    writeln!(out, "{}", painted(style, Paint::Strong, &event.found.uid))?;
    for (at, place) in event.found.places().enumerate() {
        let label = if at == 0 { "record" } else { "also in" };
        field(out, style, label, &address(place))?;
    }
    if event.record.encoding != Encoding::Utf8 {
        field(out, style, "encoding", event.record.encoding.as_str())?;
    }
    Ok(())
}

fn address(at: &At) -> String {
    let (object, place) = (Escaped(&at.object), at.place);
    let length = counted(place.length, "byte");
    match place.in_block {
        None => format!("{object}, {length} at byte {}", number(place.offset)),
        Some((message, byte)) => format!(
            "{object}, {length} at byte {} of the body of message {} in the block at byte {}",
            number(byte),
            number(message),
            number(place.offset)
        ),
    }
}

/// The columns that are not null, one a line.
fn columns(event: &Shown, out: &mut dyn Write, style: Style) -> Result<(), ReportError> {
    let schema = event.found.row.schema();
    let columns = || schema.fields().iter().zip(event.found.row.columns());
    let width = schema.fields().iter().map(|field| field.name().len()).max().unwrap_or_default();
    for (field, column) in columns().filter(|(field, _)| !PLACE.contains(&field.name().as_str())) {
        if let Some(text) = (Cell { array: column, row: 0 }).text()? {
            let name = painted(style, Paint::Faint, format_args!("{:width$}", field.name()));
            writeln!(out, "  {name}  {}", escaped(&text)).map_err(ReportError::write)?;
        }
    }
    Ok(())
}

/// A place as JSON has it.
#[derive(Serialize)]
struct JsonPlace<'a> {
    object: &'a str,
    offset: u64,
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_record: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_offset: Option<u64>,
}

/// For programs: `{"schema_version":…,"events":[…]}`, each with `event_uid`, `places` (the first is
/// the record's), `encoding`, `raw` (the bytes as text; null where a secret is in them), `record` (the same as JSON) and `event`.
pub(super) fn json(shown: &[Shown], redaction: Redaction, out: &mut dyn Write) -> Result<(), ReportError> {
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION},\"events\":[").map_err(ReportError::write)?;
    for (at, event) in shown.iter().enumerate() {
        let places: Vec<JsonPlace<'_>> = event.found.places().map(json_place).collect();
        let schema = event.found.row.schema();
        let (raw, record) = redacted(event, redaction);
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        write!(
            out,
            "{}\n{{\"event_uid\":{},\"places\":{},\"encoding\":{},\"raw\":{},\"record\":{},\"event\":{}}}",
            if at == 0 { "" } else { "," },
            json::text(&event.found.uid)?,
            json::text(&places)?,
            json::text(event.record.encoding.as_str())?,
            json::text(&raw)?,
            json_safe(&record.replace(['\n', '\r'], " ")),
            json::text(&json_row(&event.found.row, &names, 0))?,
        )
        .map_err(ReportError::write)?;
    }
    writeln!(out, "\n]}}").map_err(ReportError::write)
}

fn json_place(at: &At) -> JsonPlace<'_> {
    let (block_record, body_offset) = at.place.in_block.unzip();
    JsonPlace { object: &at.object, offset: at.place.offset, length: at.place.length, block_record, body_offset }
}
