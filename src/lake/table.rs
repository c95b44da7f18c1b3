//! The lake: a Delta table of classified events, with a ledger of what was read into it.
//!
//! A commit counts only if it is the next version of the table that it was made from: whoever is
//! second takes a new snapshot and begins again. Events and the page of the ledger that says where
//! they were read become valid in the same commit, so nothing is lost or doubled whenever a writer
//! is killed: what it had written without a commit is no part of the table.

mod data_file;
mod ledger;
mod location;
mod log;
mod maintain;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Add, Remove, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError};
use object_store::{DynObjectStore, ObjectStoreExt as _};

use crate::error::RunError;
use crate::event::vocabulary::Stream;
use crate::time::UtcMicros;

pub use data_file::{DataFile, FILE_ROWS, FileWriter, OpenFile};
pub use ledger::{Entry, Ledger, News, Page, Pending, Totals};
pub use location::{LakeLocation, Place, is_lake_in_container, is_local_lake};
pub use log::log_version;
pub use maintain::{Commit, Verified};
pub use schema::{EVENT_DATE, STREAM, events_with_undo};

/// What goes wrong with a lake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// The place is none that a lake can be in.
    #[error("{detail}")]
    Location {
        /// The place, what is wrong with it, and what would be right.
        detail: String,
    },
    /// There is a Delta table that is not ours, or something else than a table.
    #[error("{location} is no lake of Airside: {detail}")]
    NotOurs {
        /// The lake.
        location: String,
        /// What tells.
        detail: String,
    },
    /// The Delta log cannot be read or written.
    #[error("cannot {what} the lake {location}")]
    Delta {
        /// The lake.
        location: String,
        /// What was tried.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// An object of the lake cannot be read or written.
    #[error("cannot {what} {path}")]
    Object {
        /// The object.
        path: String,
        /// What was tried.
        what: &'static str,
        /// The cause.
        #[source]
        source: object_store::Error,
    },
    /// A data file that is not what it should be.
    #[error("cannot {what} the data file {path}")]
    Parquet {
        /// The file.
        path: String,
        /// What was tried.
        what: &'static str,
        /// The cause.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A page of the ledger that cannot be understood.
    #[error("the ledger page {path} is damaged: {detail}")]
    Page {
        /// The page.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Events that do not fit their schema.
    #[error("events do not fit the lake's schema")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl From<LakeError> for RunError {
    /// What is wrong with a place is for the user to mend.
    fn from(error: LakeError) -> Self {
        match &error {
            LakeError::Location { .. } | LakeError::NotOurs { .. } => Self::usage(error.to_string()),
            _ => {
                let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
                let causes: Vec<String> = causes.map(ToString::to_string).collect();
                Self::internal(error.to_string(), causes.join(": "))
            }
        }
    }
}

/// Name of the application whose transactions number the pages of the ledger.
const LEDGER_APPLICATION: &str = "airside-ledger";

/// What a commit changes.
#[derive(Debug, Default)]
pub struct Change {
    /// Files to add.
    pub adds: Vec<Add>,
    /// Files that their rows have left.
    pub removes: Vec<Remove>,
    /// The page that becomes valid; `None` where only files are put together.
    pub page: Option<Page>,
    /// What `lake history` shows.
    pub summary: BTreeMap<String, serde_json::Value>,
    /// Whether the rows of the table stay the same.
    pub only_moves: bool,
}

/// An open lake, as it was at one version.
#[derive(Debug)]
pub struct Lake {
    location: LakeLocation,
    table: DeltaTable,
    store: Arc<DynObjectStore>,
    now: UtcMicros,
}

impl Lake {
    /// Opens the lake at a place; `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn open(location: &LakeLocation) -> Result<Option<Self>, LakeError> {
        let log = location.log_store()?;
        let store = log.object_store(None);
        let mut table = DeltaTable::new(log);
        let exists = table.verify_deltatable_existence().await.map_err(|error| delta(location, "look for", error))?;
        if !exists {
            return Ok(None);
        }
        table.load().await.map_err(|error| delta(location, "open", error))?;
        let lake = Self { location: location.clone(), table, store, now: UtcMicros(0) };
        lake.check_schema()?;
        Ok(Some(lake))
    }

    /// The same, with the time that what is written gets.
    #[must_use]
    pub fn at(self, now: UtcMicros) -> Self {
        Self { now, ..self }
    }

    /// Opens the lake, or makes an empty one.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn open_or_create(location: &LakeLocation, now: UtcMicros) -> Result<Self, LakeError> {
        if let Some(lake) = Self::open(location).await? {
            return Ok(lake.at(now));
        }
        location.make_folder()?;
        let created = CreateBuilder::new()
            .with_log_store(location.log_store()?)
            .with_table_name("airside_events")
            .with_comment("Normalised, classified events of Azure logs, written by airside ingest")
            .with_columns(schema::delta_columns())
            .with_partition_columns([STREAM, EVENT_DATE])
            // For other writers; our own commits say it themselves.
            .with_configuration([("delta.enableExpiredLogCleanup", Some("false"))])
            .with_save_mode(SaveMode::ErrorIfExists)
            .await;
        // Whoever else was first has made the same table.
        match (Self::open(location).await?, created) {
            (Some(lake), _) => Ok(lake.at(now)),
            (None, Err(error)) => Err(delta(location, "make", error)),
            (None, Ok(_)) => {
                let detail = "it vanished while it was being made".to_owned();
                Err(LakeError::NotOurs { location: location.to_string(), detail })
            }
        }
    }

    /// Takes the newest version.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn refresh(&mut self) -> Result<(), LakeError> {
        self.table.update_state().await.map_err(|error| delta(&self.location, "open", error))
    }

    /// Where it is.
    pub fn location(&self) -> &LakeLocation {
        &self.location
    }

    /// The version of the Delta table.
    pub fn version(&self) -> u64 {
        self.table.version().unwrap_or(0)
    }

    /// Begins the rows of a stream and a day, `2026-11-29`.
    ///
    /// # Errors
    ///
    /// [`LakeError::Parquet`].
    pub fn writer(&self, stream: Stream, date: &str, only_moves: bool) -> Result<FileWriter, LakeError> {
        FileWriter::new((stream, date, only_moves), self.now)
    }

    /// The action that takes a file out of the lake.
    pub fn remove(&self, file: &DataFile, only_moves: bool) -> Remove {
        file.remove(only_moves, self.now)
    }

    /// Where its objects are, by their path in the lake.
    pub fn store(&self) -> &Arc<DynObjectStore> {
        &self.store
    }

    /// The Delta table.
    pub fn table(&self) -> &DeltaTable {
        &self.table
    }

    fn log(&self) -> LogStoreRef {
        self.table.log_store()
    }

    /// The data files, sorted by stream, date and path.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub fn files(&self) -> Result<Vec<DataFile>, LakeError> {
        let snapshot = self.table.snapshot().map_err(|error| delta(&self.location, "read", error))?;
        let mut files: Vec<DataFile> = snapshot.log_data().iter().map(|view| DataFile::of(&view)).collect();
        files.sort_by(|a, b| (&a.stream, &a.date, &a.path).cmp(&(&b.stream, &b.date, &b.path)));
        Ok(files)
    }

    /// What was read into the lake.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn ledger(&self) -> Result<Ledger, LakeError> {
        match self.page_number().await? {
            None => Ok(Ledger::default()),
            Some(number) => Ledger::load(&self.store, number).await,
        }
    }

    async fn page_number(&self) -> Result<Option<i64>, LakeError> {
        let snapshot = self.table.snapshot().map_err(|error| delta(&self.location, "read", error))?;
        let log = self.log();
        let number = snapshot.transaction_version(log.as_ref(), LEDGER_APPLICATION).await;
        number.map_err(|error| delta(&self.location, "read", error))
    }

    /// Makes a change the next version of the lake; whether it was, or somebody else was first.
    /// What the change has written is deleted where it is not to count.
    ///
    /// # Errors
    ///
    /// A [`LakeError`]. Whether the change counts is then unknown until the lake is opened again.
    pub async fn commit(&mut self, change: Change) -> Result<bool, LakeError> {
        let Change { adds, removes, page, summary, only_moves } = change;
        let number = page.as_ref().map(|page| page.number);
        if let Some(page) = &page {
            page.write(&self.store).await?;
        }
        let written: Vec<String> = adds.iter().map(|add| add.path.clone()).collect();
        let actions = adds.into_iter().map(Action::Add).chain(removes.into_iter().map(Action::Remove)).collect();
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![STREAM.to_owned(), EVENT_DATE.to_owned()]),
            predicate: None,
        };
        let operation =
            if only_moves { DeltaOperation::Optimize { predicate: None, target_size: 0 } } else { operation };
        // A chain of custody names the entries of the log: they stay.
        let properties = CommitProperties::default().with_cleanup_expired_logs(Some(false));
        let mut properties = properties.with_max_retries(0).with_metadata(summary);
        if let Some(number) = number {
            properties = properties.with_application_transaction(Transaction::new(LEDGER_APPLICATION, number));
        }
        let before = self.version();
        let snapshot = self.table.snapshot().map_err(|error| delta(&self.location, "read", error))?.clone();
        let builder = CommitBuilder::from(properties).with_actions(actions);
        let committed = builder.build(Some(&snapshot), self.log(), operation).await;
        match committed {
            Ok(_) => {
                self.refresh().await?;
                Ok(true)
            }
            Err(error) => {
                // An answer can be lost on its way: the log alone says what counts.
                self.refresh().await?;
                if number.is_some() && self.page_number().await? == number {
                    return Ok(true);
                }
                // Others may have gone on from there since.
                if self.has_committed(&written, before).await? {
                    return Ok(true);
                }
                let is_lost = matches!(
                    error,
                    DeltaTableError::VersionAlreadyExists(_)
                        | DeltaTableError::Transaction {
                            source: TransactionError::VersionAlreadyExists(_)
                                | TransactionError::MaxCommitAttempts(_)
                                | TransactionError::CommitConflict(_),
                        }
                );
                if !is_lost {
                    return Err(delta(&self.location, "commit to", error));
                }
                self.delete(&written).await;
                Ok(false)
            }
        }
    }

    /// Whether a version after this one has one of these files.
    async fn has_committed(&self, written: &[String], before: u64) -> Result<bool, LakeError> {
        let log = self.log();
        for version in before + 1..=self.version() {
            let entry = log.read_commit_entry(version).await;
            let entry = entry.map_err(|error| delta(&self.location, "read", error))?.unwrap_or_default();
            // A name is one of a kind; how the folders before it are written does not matter.
            let names = written.iter().filter_map(|path| path.rsplit('/').next());
            if names.into_iter().any(|name| memchr::memmem::find(&entry, name.as_bytes()).is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes what was written for a change that does not count. What stays is deleted by
    /// `lake vacuum`.
    async fn delete(&self, written: &[String]) {
        for path in written {
            self.store.delete(&object_store::path::Path::from(path.as_str())).await.ok();
        }
    }

    fn check_schema(&self) -> Result<(), LakeError> {
        let snapshot = self.table.snapshot().map_err(|error| delta(&self.location, "read", error))?;
        let not_ours = |detail: String| LakeError::NotOurs { location: self.location.to_string(), detail };
        if *snapshot.metadata().partition_columns() != [STREAM.to_owned(), EVENT_DATE.to_owned()] {
            return Err(not_ours("it is not partitioned by stream and event_date".to_owned()));
        }
        let schema = snapshot.schema();
        for column in schema::delta_columns() {
            let found = schema.field(column.name()).map(|field| field.data_type() == column.data_type());
            if found != Some(true) {
                return Err(not_ours(format!("its column {} is missing or of another type", column.name())));
            }
        }
        Ok(())
    }
}

fn delta(location: &LakeLocation, what: &'static str, source: DeltaTableError) -> LakeError {
    LakeError::Delta { location: location.to_string(), what, source: Box::new(source) }
}
