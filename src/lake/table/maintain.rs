//! Looking after a lake: what was read when, what nobody needs any more, and whether all of it agrees.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use chrono::Duration;
use deltalake_core::operations::vacuum::VacuumMode;
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use serde_json::Value;

use super::{DataFile, Lake, LakeError, Ledger, delta, ledger};
use crate::event::uid;
use crate::lake::columns::TextView;
use crate::time::UtcMicros;

/// Most problems that are named; the rest are counted.
const MAX_PROBLEMS: usize = 100;

/// One commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The version that it made.
    pub version: u64,
    /// When.
    pub time: Option<UtcMicros>,
    /// `WRITE`, `OPTIMIZE`, `VACUUM END` and their like.
    pub operation: String,
    /// What Airside says of it: objects, bytes and events read, events amended or reclassified.
    pub summary: BTreeMap<String, u64>,
}

/// What [`Lake::verify`] looked at, and what does not agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Data files.
    pub files: u64,
    /// Rows in them.
    pub events: u64,
    /// Objects in the ledger.
    pub objects: u64,
    /// The first problems.
    pub problems: Vec<String>,
    /// All problems.
    pub problem_count: u64,
}

impl Verified {
    fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(text);
        }
    }
}

/// The columns that are compared with the ledger.
const VERIFIED: &[&str] = &["time", "event_uid", "object", "offset", "length"];

impl Lake {
    /// The newest commits, the newest first.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn history(&self, limit: usize) -> Result<Vec<Commit>, LakeError> {
        let commits: Result<Vec<_>, _> = self.table.history(Some(limit)).try_collect().await;
        let commits = commits.map_err(|error| delta(&self.location, "read the history of", error))?;
        let own = |info: &std::collections::HashMap<String, Value>| {
            let own = info.iter().filter_map(|(key, value)| Some((key.strip_prefix("airside")?, value.as_u64()?)));
            own.map(|(key, value)| (key.to_ascii_lowercase(), value)).collect()
        };
        let versions = (0..=self.version()).rev();
        Ok(versions
            .zip(commits)
            .map(|(version, commit)| Commit {
                version,
                time: commit.timestamp.map(|millis| UtcMicros(millis.saturating_mul(1000))),
                operation: commit.operation.clone().unwrap_or_default(),
                summary: own(&commit.info),
            })
            .collect())
    }

    /// Deletes the data files that no version of the last days has, and the pages of the ledger that
    /// none needs; their paths. What else lies in the lake's folder stays.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn vacuum(&mut self, keep_days: u32, dry_run: bool) -> Result<Vec<String>, LakeError> {
        let keep = Duration::days(i64::from(keep_days));
        // Only asked: it would delete whatever else somebody keeps in that folder, logs among it.
        let vacuum = self.table.clone().vacuum().with_mode(VacuumMode::Full).with_retention_period(keep);
        let asked = vacuum.with_enforce_retention_duration(false).with_dry_run(true).await;
        let (_table, unneeded) = asked.map_err(|error| delta(&self.location, "vacuum", error))?;
        let mut deleted = unneeded.files_deleted;
        deleted.retain(|path| DataFile::is_name(path));
        let needed: HashSet<i64> = self.ledger().await?.pages.into_iter().collect();
        let before = self.now.0 / 1_000_000 - keep.num_seconds();
        let list = self.store.list(Some(&ledger::folder()));
        let pages: Vec<_> = list.try_collect().await.map_err(|source| LakeError::Object {
            path: ledger::folder().to_string(),
            what: "list",
            source,
        })?;
        for page in pages {
            let is_needed = ledger::number_of(&page.location).is_none_or(|number| needed.contains(&number));
            if is_needed || page.last_modified.timestamp() >= before {
                continue;
            }
            deleted.push(page.location.to_string());
        }
        if !dry_run {
            for path in &deleted {
                match self.store.delete(&object_store::path::Path::from(path.as_str())).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(source) => return Err(LakeError::Object { path: path.clone(), what: "delete", source }),
                }
            }
        }
        self.refresh().await?;
        deleted.sort();
        Ok(deleted)
    }

    /// Compares log, ledger and files: every file is there and has the rows that the log says, every
    /// event is of its day, is there once, and was read from an object of the ledger, and there are as
    /// many as the ledger counts.
    ///
    /// # Errors
    ///
    /// A [`LakeError`] where something cannot be read; what does not agree is no error.
    pub async fn verify(&self) -> Result<Verified, LakeError> {
        let ledger = self.ledger().await?;
        let mut files = self.files()?;
        files.sort_by(|a, b| (&a.date, &a.path).cmp(&(&b.date, &b.path)));
        let mut verified = Verified { objects: ledger.objects.len() as u64, ..Verified::default() };
        // An event of one uid has one time, so it is enough to compare the files of a day.
        for day in files.chunk_by(|a, b| a.date == b.date) {
            let mut uids: HashSet<u128> = HashSet::new();
            for file in day {
                self.verify_file(file, &ledger, &mut uids, &mut verified).await?;
            }
        }
        if verified.events != ledger.totals.events {
            let (there, counted) = (verified.events, ledger.totals.events);
            verified.problem(format!("the files have {there} events, the ledger counts {counted}"));
        }
        if !ledger.pending.is_empty() {
            verified.problem("events are still to be classified again: run airside ingest".to_owned());
        }
        Ok(verified)
    }

    async fn verify_file(
        &self,
        file: &DataFile,
        ledger: &Ledger,
        uids: &mut HashSet<u128>,
        verified: &mut Verified,
    ) -> Result<(), LakeError> {
        verified.files += 1;
        let path = object_store::path::Path::from(file.path.as_str());
        match self.store.head(&path).await {
            Ok(found) if found.size == file.bytes => {}
            Ok(found) => {
                verified.problem(format!("{} has {} bytes, the log says {}", file.path, found.size, file.bytes));
            }
            Err(object_store::Error::NotFound { .. }) => {
                verified.problem(format!("{} is not there", file.path));
                return Ok(());
            }
            Err(source) => return Err(LakeError::Object { path: file.path.clone(), what: "look at", source }),
        }
        let mut rows = 0;
        for batch in file.open(&self.store).await?.columns(VERIFIED)? {
            rows += batch.num_rows() as u64;
            let ids = TextView::of(&batch, "event_uid")?;
            let objects = TextView::of(&batch, "object")?;
            let times =
                batch.column_by_name("time").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
            let number =
                |name: &str| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
            let (offsets, lengths) = (number("offset"), number("length"));
            for row in 0..batch.num_rows() {
                let id = ids.get(row).unwrap_or_default();
                match uid::number(id) {
                    Some(id) if uids.insert(id) => {}
                    _ => verified.problem(format!("{}: the event {id} is there twice, or has no uid", file.path)),
                }
                let time = times.filter(|times| times.is_valid(row)).map(|times| UtcMicros(times.value(row)));
                if time.is_none_or(|time| time.date().to_string() != file.date) {
                    verified.problem(format!("{}: the event {id} is not of that day", file.path));
                }
                let object = objects.get(row).unwrap_or_default();
                let end = offsets.zip(lengths).map(|(offsets, lengths)| offsets.value(row) + lengths.value(row));
                let end = end.and_then(|end| u64::try_from(end).ok());
                match ledger.objects.get(object) {
                    // How far it was read is not known.
                    _ if ledger.unfinished.contains(object) => {}
                    None => verified.problem(format!("{}: {object} of event {id} is not in the ledger", file.path)),
                    Some(entry) if end.is_some_and(|end| !entry.reaches(end)) => {
                        verified.problem(format!("{}: event {id} lies beyond what was read of {object}", file.path));
                    }
                    Some(_) => {}
                }
            }
        }
        verified.events += rows;
        if file.rows.is_some_and(|counted| counted != rows) {
            verified.problem(format!("{} has {rows} rows, the log says {}", file.path, file.rows.unwrap_or(0)));
        }
        Ok(())
    }
}
