//! Finds events by the first characters of their uids, or by their place.

use std::collections::BTreeMap;

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::{DataFrame, left, strpos};
use serde::Deserialize;

use crate::cli::bench::{Bench, Rest};
use crate::error::RunError;
use crate::frame::Place;
use crate::json::write_json_string;
use crate::report::escape::Escaped;
use crate::report::layout::counted;
use crate::report::rows::Cell;

/// Characters of a whole uid.
const UID_LENGTH: usize = 32;

/// Fewest characters that are looked for: fewer fit many events of any tenant.
const MIN_PREFIX: usize = 4;

/// Events that are named where several fit.
const CANDIDATES_SHOWN: usize = 10;

/// Where a record is.
#[derive(Debug, Clone)]
pub(super) struct At {
    pub(super) object: String,
    pub(super) place: Place,
}

/// An event that was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) uid: String,
    /// A batch of one row.
    pub(super) row: RecordBatch,
    /// Where the record lies that the event is made of.
    pub(super) primary: At,
    /// The other places where it was read.
    pub(super) others: Vec<At>,
}

impl Found {
    fn new(uid: String, row: RecordBatch) -> Result<Self, RunError> {
        let (primary, others) = (primary(&row)?, others(&row)?);
        Ok(Self { uid, row, primary, others })
    }

    /// All places, the primary one first.
    pub(super) fn places(&self) -> impl Iterator<Item = &At> {
        std::iter::once(&self.primary).chain(&self.others)
    }
}

/// The events asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// By the first characters of their uids, in lower case.
    Uids(Vec<String>),
    /// The one at this place.
    Place {
        /// The object's name.
        object: String,
        /// Where its record begins.
        offset: i64,
    },
}

impl Wanted {
    /// Reads uids with commas between them, or a place as findings show it: `OBJECT:OFFSET`.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for what cannot begin a uid, or is too short to name an event.
    pub(super) fn parse(text: &str) -> Result<Self, RunError> {
        // A table breaks long places over lines, each of which is indented.
        let text: String =
            text.lines().enumerate().map(|(n, line)| if n > 0 { line.trim_start() } else { line }).collect();
        let text = text.as_str();
        let place = text.rsplit_once(':').and_then(|(object, offset)| Some((object, offset.parse().ok()?)));
        match place.filter(|(object, _)| !object.is_empty()) {
            Some((object, offset)) => Ok(Self::Place { object: object.to_owned(), offset }),
            None => prefixes(text).map(Self::Uids),
        }
    }
}

fn prefixes(uids: &str) -> Result<Vec<String>, RunError> {
    let checked = uids.split(',').map(|uid| {
        let uid = uid.trim().to_ascii_lowercase();
        let is_hex = uid.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || uid.len() > UID_LENGTH {
            return Err(RunError::Usage {
                message: format!("'{}' is no event_uid, which is {UID_LENGTH} hexadecimal digits", Escaped(&uid)),
                hint: Some("an event is named by its event_uid, or by OBJECT:OFFSET as findings show it".to_owned()),
            });
        }
        if uid.len() < MIN_PREFIX {
            return Err(RunError::usage(format!("'{uid}' is too short: {MIN_PREFIX} characters of a uid at least")));
        }
        Ok(uid)
    });
    checked.collect()
}

/// Finds the events, in the order asked for.
///
/// # Errors
///
/// [`RunError::Usage`] where a uid or a place fits no event or several.
pub(super) fn find(bench: &Bench, wanted: &Wanted) -> Result<Vec<Found>, RunError> {
    match wanted {
        Wanted::Uids(prefixes) => by_uids(bench, prefixes),
        Wanted::Place { object, offset } => by_place(bench, object, *offset),
    }
}

fn by_place(bench: &Bench, object: &str, offset: i64) -> Result<Vec<Found>, RunError> {
    let mut found = matching(bench, col("object").eq(lit(object)).and(col("offset").eq(lit(offset))))?;
    if found.is_empty() {
        // It may be one of several records of an event, and not the one that the event goes by.
        let mut named = String::new();
        write_json_string(object, &mut named);
        found = matching(bench, strpos(col("locations"), lit(named)).gt(lit(0)))?;
        let is_there = |at: &At| at.object == object && i64::try_from(at.place.offset) == Ok(offset);
        found.retain(|event| others(&event.row).is_ok_and(|others| others.iter().any(is_there)));
    }
    let place = format!("{}:{offset}", Escaped(object));
    match found.as_slice() {
        [] => Err(RunError::Usage {
            message: format!("no event was read at {place}"),
            hint: Some("the object is named as findings name it, which is how PATH leads to it".to_owned()),
        }),
        [_event] => Ok(found),
        // The messages of an Avro block have their place in common.
        several => Err(RunError::usage(ambiguous(&place, &several.iter().collect::<Vec<_>>())?)),
    }
}

fn by_uids(bench: &Bench, prefixes: &[String]) -> Result<Vec<Found>, RunError> {
    let Some(condition) = begins_with(prefixes) else { return Ok(Vec::new()) };
    let all = matching(bench, condition)?;
    let mut found = Vec::with_capacity(prefixes.len());
    let mut wrong = Vec::new();
    for prefix in prefixes {
        let fitting: Vec<&Found> = all.iter().filter(|event| event.uid.starts_with(prefix.as_str())).collect();
        match fitting.as_slice() {
            [] => {
                let more = if prefix.len() < UID_LENGTH { "…" } else { "" };
                wrong.push(format!("no event has the uid {prefix}{more}"));
            }
            [event] => found.push((*event).clone()),
            several => wrong.push(ambiguous(prefix, several)?),
        }
    }
    if wrong.is_empty() {
        return Ok(found);
    }
    let hint = "the uid of a finding's evidence is found where the same files are read, without --since and --until";
    Err(RunError::Usage { message: wrong.join("\n"), hint: Some(hint.to_owned()) })
}

fn ambiguous(name: &str, several: &[&Found]) -> Result<String, RunError> {
    let mut lines = vec![format!("{name} fits {}:", counted(several.len() as u64, "event"))];
    for event in several.iter().take(CANDIDATES_SHOWN) {
        let text = |name: &str| text(&event.row, name);
        lines.push([event.uid.clone(), text("time")?, text("source")?, text("operation")?].join("  "));
    }
    if several.len() > CANDIDATES_SHOWN {
        lines.push(format!("and {} more", several.len() - CANDIDATES_SHOWN));
    }
    Ok(lines.join("\n"))
}

/// A value of a batch of one row, as text; empty where it is null.
fn text(row: &RecordBatch, name: &str) -> Result<String, RunError> {
    let Some(column) = row.column_by_name(name) else { return Ok(String::new()) };
    let text = Cell { array: column, row: 0 }.text();
    Ok(text.map_err(|error| RunError::internal("cannot read the events", error))?.unwrap_or_default())
}

/// That a uid begins with one of these; `None` where there are none.
fn begins_with(prefixes: &[String]) -> Option<Expr> {
    // One list for each length: a chain of hundreds of conditions would be too deep to plan.
    let mut by_length: BTreeMap<usize, Vec<Expr>> = BTreeMap::new();
    for prefix in prefixes {
        by_length.entry(prefix.len()).or_default().push(lit(prefix.as_str()));
    }
    let fits = by_length.into_iter().map(|(length, prefixes)| match i64::try_from(length) {
        Ok(start) if length < UID_LENGTH => left(col("event_uid"), lit(start)).in_list(prefixes, false),
        _ => col("event_uid").in_list(prefixes, false),
    });
    fits.reduce(Expr::or)
}

/// All events for which this holds, by uid.
fn matching(bench: &Bench, condition: Expr) -> Result<Vec<Found>, RunError> {
    let failed = |error| RunError::internal("cannot look for the events", error);
    let planned = async {
        let by_uid = vec![col("event_uid").sort(true, false)];
        bench.opened.ctx.table("events").await?.filter(condition)?.sort(by_uid)
    };
    let query: DataFrame = bench.desk.block_on(planned).map_err(failed)?;
    let mut found = Vec::new();
    bench.each_batch(query, failed, |batch| {
        for row in 0..batch.num_rows() {
            let row = batch.slice(row, 1);
            found.push(Found::new(text(&row, "event_uid")?, row)?);
        }
        Ok(Rest::Wanted)
    })?;
    Ok(found)
}

/// A place as the column `locations` has it.
#[derive(Deserialize)]
struct Other {
    object: String,
    offset: u64,
    length: u64,
    block_record: Option<u64>,
    body_offset: Option<u64>,
}

impl From<Other> for At {
    fn from(other: Other) -> Self {
        let Other { object, offset, length, block_record, body_offset } = other;
        let place = Place { offset, length, record: 0, in_block: block_record.zip(body_offset) };
        Self { object, place }
    }
}

fn primary(row: &RecordBatch) -> Result<At, RunError> {
    let number = |name: &str| {
        let column = row.column_by_name(name).and_then(|column| cast(column, &DataType::Int64).ok())?;
        let value = column.is_valid(0).then(|| column.as_primitive::<Int64Type>().value(0))?;
        u64::try_from(value).ok()
    };
    let place = Other {
        object: text(row, "object")?,
        offset: number("offset").unwrap_or_default(),
        length: number("length").unwrap_or_default(),
        block_record: number("block_record"),
        body_offset: number("body_offset"),
    };
    Ok(place.into())
}

fn others(row: &RecordBatch) -> Result<Vec<At>, RunError> {
    let json = text(row, "locations")?;
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let others: Vec<Other> =
        serde_json::from_str(&json).map_err(|error| RunError::internal("cannot read where the event lies", error))?;
    Ok(others.into_iter().map(At::from).collect())
}
