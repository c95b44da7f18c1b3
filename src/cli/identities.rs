//! `airside identities`: every principal, its stream, why, and what it did.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::cli::args::{IdentitiesArgs, ListFormat};
use crate::cli::custody::Custody;
use crate::cli::engine::{Engine, execute, list};
use crate::cli::output::{Outputs, Terminal, to_recorded_stdout};
use crate::cli::{Request, readability};
use crate::coverage::Coverage;
use crate::error::{ExitCode, RunError};
use crate::event::vocabulary::Stream;
use crate::report::csv::csv_error;
use crate::report::escape::{csv_cell, escaped};
use crate::report::layout::{Paint, by_count, counted, field, number, painted};
use crate::report::table::{confidence, name_and_id, optional, span, write_coverage};
use crate::report::{IdentityRow, ReportError, Style, json};
use crate::time::UtcMicros;

/// The columns of CSV, in order: the fields of an [`IdentityRow`] that JSON has.
const IDENTITY_COLUMNS: [&str; 13] = [
    "principal_id",
    "app_id",
    "name",
    "stream",
    "identity_kind",
    "confidence",
    "classified_by",
    "arm_id",
    "workspace_rid",
    "first_seen",
    "last_seen",
    "events",
    "did",
];

/// Lists identities, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run.
pub fn run(args: &IdentitiesArgs, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    let request =
        Request { read: args.read.options(now)?, rules: None, matrix: false, activity: false, baseline: None };
    let format = args.format.unwrap_or(if terminal.is_stdout { ListFormat::Table } else { ListFormat::Ndjson });
    let listing = list(&request.read)?;
    let engine = Engine::start(&request.read)?;
    let mut outputs = Outputs::open(&args.read)?;
    let mut scan = execute(&engine, &request, listing, (args.read.progress, &mut outputs))?;
    sort(&mut scan.identities);
    if let Some(file) = &mut outputs.coverage {
        file.write_with(|out| json::write_pretty(out, &scan.coverage))?;
    }
    let custody = outputs.custody.take();
    outputs.finish()?;
    let log = custody.as_ref().map(Custody::log);
    to_recorded_stdout(log, |out| write(format, (&scan.identities, &scan.coverage), out, style))?;
    custody.map_or(Ok(()), |custody| custody.finish(now, &scan.facts()))?;
    Ok(readability(&scan.coverage))
}

/// Databricks' own first, then connectors, then the rest; within a stream by ids and name.
fn sort(rows: &mut [IdentityRow]) {
    rows.sort_by(|row, other| {
        let key = |row: &IdentityRow| (row.stream, row.identity_kind);
        let ids = |row: &IdentityRow| (row.principal_id.clone(), row.app_id.clone(), row.name.clone());
        key(row).cmp(&key(other)).then_with(|| ids(row).cmp(&ids(other)))
    });
}

fn write(
    format: ListFormat,
    (rows, coverage): (&[IdentityRow], &Coverage),
    out: &mut dyn Write,
    style: Style,
) -> Result<(), ReportError> {
    match format {
        ListFormat::Table => table(rows, coverage, out, style).map_err(ReportError::write),
        ListFormat::Json => json::document(out, "identities", rows, Some(coverage)),
        ListFormat::Ndjson => rows.iter().try_for_each(|row| {
            let line = json::text(row)?;
            writeln!(out, "{line}").map_err(ReportError::write)
        }),
        ListFormat::Csv => csv(rows, out),
    }
}

fn csv(rows: &[IdentityRow], out: &mut dyn Write) -> Result<(), ReportError> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(IDENTITY_COLUMNS).map_err(csv_error)?;
    for row in rows {
        writer.write_record(cells(row)?).map_err(csv_error)?;
    }
    writer.flush().map_err(ReportError::write)
}

/// The cells of an identity, in the order of [`IDENTITY_COLUMNS`].
fn cells(row: &IdentityRow) -> Result<[String; IDENTITY_COLUMNS.len()], ReportError> {
    let optional = |text: &Option<String>| text.as_deref().map(csv_cell).unwrap_or_default();
    let time = |time: Option<UtcMicros>| time.map(|time| time.to_string()).unwrap_or_default();
    Ok([
        optional(&row.principal_id),
        optional(&row.app_id),
        optional(&row.name),
        row.stream.to_string(),
        row.identity_kind.to_string(),
        row.confidence.to_string(),
        csv_cell(&row.classified_by),
        optional(&row.arm_id),
        optional(&row.workspace_rid),
        time(row.first_seen),
        time(row.last_seen),
        row.events.to_string(),
        json::text(&row.op_classes)?,
    ])
}

fn table(rows: &[IdentityRow], coverage: &Coverage, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut streams = BTreeMap::<Stream, u64>::new();
    for row in rows {
        *streams.entry(row.stream).or_default() += 1;
    }
    let streams: Vec<String> = streams.iter().map(|(stream, count)| format!("{} {stream}", number(*count))).collect();
    if rows.is_empty() {
        writeln!(out, "{}", painted(style, Paint::Strong, "no identities"))?;
    } else {
        let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let noun = if total == 1 { "identity" } else { "identities" };
        let total = painted(style, Paint::Strong, format!("{} {noun}", number(total)));
        writeln!(out, "{total}: {}", streams.join(", "))?;
    }
    for row in rows {
        writeln!(out)?;
        block(row, out, style)?;
    }
    writeln!(out)?;
    write_coverage(coverage, out, style)
}

fn block(row: &IdentityRow, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let who = row.name.as_deref().or(row.principal_id.as_deref()).or(row.app_id.as_deref());
    let who = painted(style, Paint::Strong, name_and_id(who, None));
    writeln!(out, "{}  {}  {who}", row.stream, row.identity_kind)?;
    optional(out, style, "principal", row.principal_id.as_deref())?;
    optional(out, style, "application", row.app_id.as_deref())?;
    field(out, style, "because", &format!("{}{}", escaped(&row.classified_by), confidence(row.confidence)))?;
    optional(out, style, "resource", row.arm_id.as_deref())?;
    optional(out, style, "workspace", row.workspace_rid.as_deref())?;
    let events = counted(row.events, "event");
    let seen = match (row.first_seen, row.last_seen) {
        (Some(first), Some(last)) => format!("{}, {events}", span(first, last)),
        _ => events,
    };
    field(out, style, "seen", &seen)?;
    let done: Vec<String> =
        by_count(&row.op_classes).into_iter().map(|(class, count)| format!("{class} x{}", number(count))).collect();
    if done.is_empty() { Ok(()) } else { field(out, style, "did", &done.join(", ")) }
}

#[cfg(test)]
mod tests;
