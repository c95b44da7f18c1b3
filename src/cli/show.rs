//! `airside show`: the raw records behind events, byte for byte.

use std::collections::BTreeMap;

use crate::cancel::Cancel;
use crate::cli::args::{ShowArgs, ShowFormat};
use crate::cli::bench::Desk;
use crate::cli::custody::Custody;
use crate::cli::engine::list;
use crate::cli::output::{Outputs, to_recorded_stdout};
use crate::cli::readability;
use crate::error::{ExitCode, RunError};
use crate::event::schema::ReadColumns;
use crate::frame::Place;
use crate::limits::Limits;
use crate::pipeline::record::{self, RawRecord, RecordError};
use crate::report::{ReportError, Style};
use crate::source::{self, ListOptions, Location, Object};
use crate::time::UtcMicros;

mod find;
mod print;

use find::{Found, Wanted};

/// An event with its record.
struct Shown {
    found: Found,
    record: RawRecord,
}

/// Finds events, reads their records again, shows both, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run; an event that is not there is a usage error.
pub fn run(args: &ShowArgs, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    let read = args.read.options(now)?;
    let wanted = Wanted::parse(&args.event)?;
    let desk = Desk::new(&read)?;
    let (cancel, limits) = (desk.cancel().clone(), read.limits);
    let listing = list(&read)?;
    refuse_pipes(&listing.objects)?;
    let objects: BTreeMap<String, Object> =
        listing.objects.iter().map(|object| (object.name.clone(), object.clone())).collect();
    let outputs = Outputs::open(&args.read)?;
    let bench = desk.open((&read, ReadColumns::ALL), listing, args.read.progress, outputs)?;
    let found = find::find(&bench, &wanted)?;
    let shown = records(found, &objects, (&limits, &cancel))?;
    let log = bench.custody.as_ref().map(Custody::log);
    match args.format {
        None if args.read.raw => {
            to_recorded_stdout(log, |out| raw(&shown, out).map_err(|source| ReportError::Write { source }))?;
        }
        None | Some(ShowFormat::Table) => {
            to_recorded_stdout(log, |out| print::table(&shown, read.redaction, out, style))?;
        }
        Some(ShowFormat::Json) => to_recorded_stdout(log, |out| print::json(&shown, read.redaction, out))?,
    }
    let code = readability(&bench.coverage);
    bench.finish(now, None)?;
    Ok(code)
}

/// What is read from a pipe is gone when its record is to be shown.
fn refuse_pipes(objects: &[Object]) -> Result<(), RunError> {
    let pipe = objects.iter().find(|object| !object.is_file());
    pipe.map_or(Ok(()), |pipe| {
        let name = if pipe.location == Location::Stdin { "standard input" } else { &pipe.name };
        Err(RunError::Usage {
            message: format!("{name} can be read only once, and a record is read a second time to be shown"),
            hint: Some("keep it in a file and name that".to_owned()),
        })
    })
}

/// Reads the records, each object once.
fn records(
    found: Vec<Found>,
    objects: &BTreeMap<String, Object>,
    how: (&Limits, &Cancel),
) -> Result<Vec<Shown>, RunError> {
    let mut by_object: BTreeMap<&str, Vec<(usize, Place)>> = BTreeMap::new();
    for (at, event) in found.iter().enumerate() {
        by_object.entry(&event.primary.object).or_default().push((at, event.primary.place));
    }
    let mut records: Vec<Option<RawRecord>> = vec![None; found.len()];
    for (name, wanted) in by_object {
        let object = match objects.get(name) {
            Some(object) => object.clone(),
            None => named(name)?,
        };
        let places: Vec<Place> = wanted.iter().map(|(_, place)| *place).collect();
        let read = record::read(&object, &places, how).map_err(|error| unreadable(&error))?;
        for ((at, _), record) in wanted.into_iter().zip(read) {
            if let Some(slot) = records.get_mut(at) {
                *slot = Some(record);
            }
        }
    }
    Ok(found.into_iter().zip(records).filter_map(|(found, record)| Some(Shown { found, record: record? })).collect())
}

/// An object that the events of a lake name: it was not listed, and may be gone.
fn named(name: &str) -> Result<Object, RunError> {
    let listing = source::list(&[name.to_owned()], &ListOptions::default());
    let listing = listing.map_err(|error| RunError::usage(format!("cannot show the record: {error}")))?;
    if let Some((_, reason)) = listing.failed.first() {
        return Err(RunError::Internal { message: format!("cannot show the record: {reason}"), source: None });
    }
    let found = listing.objects.into_iter().find(|object| object.name == name);
    found.ok_or_else(|| RunError::usage(format!("cannot show the record: {name} is no object any more")))
}

fn unreadable(error: &RecordError) -> RunError {
    RunError::Internal { message: error.to_string(), source: None }
}

/// One record as it is; several with a line end after each.
fn raw(shown: &[Shown], out: &mut dyn std::io::Write) -> std::io::Result<()> {
    for event in shown {
        out.write_all(&event.record.bytes)?;
        if shown.len() > 1 {
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}
