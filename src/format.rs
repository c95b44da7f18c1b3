//! Turns one record into the columns of an event. A format is recognised by its keys.

use crate::event::{Row, Scratch};
use crate::json::{Tape, Value};

mod databricks;
pub mod inventory;
mod key_vault;
mod pick;
mod sas;
mod sql_audit;
mod storage;

pub use inventory::InventoryKind;

/// Why a record of a known format cannot become an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// No time, or none that can be read.
    #[error("no readable time")]
    NoTime,
    /// No operation name.
    #[error("no operation name")]
    NoOperation,
}

/// The log formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// Activity Log, diagnostic setting form.
    ActivityArchive,
    /// Activity Log, REST, CLI, portal JSON and SDK form.
    ActivityRest,
    /// Activity Log, Log Analytics table.
    ActivityTable,
    /// Activity Log, portal CSV.
    ActivityPortalCsv,
    /// Sign-ins, diagnostic setting form.
    SigninArchive,
    /// Sign-ins, Microsoft Graph and portal JSON.
    SigninGraph,
    /// Sign-ins, Log Analytics tables.
    SigninTable,
    /// Sign-ins, portal CSV.
    SigninPortalCsv,
    /// Entra audit, all forms.
    EntraAudit,
    /// Storage logs, both forms.
    Storage,
    /// Key Vault, all forms.
    KeyVault,
    /// Azure SQL audit, all forms.
    SqlAudit,
    /// Databricks, all forms.
    Databricks,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised<'r> {
    /// A log record.
    Log(LogFormat),
    /// An inventory record.
    Inventory(InventoryKind),
    /// Something else, by the best name that the record gives it (its category, or our word).
    NotOurs(&'r str),
}

impl LogFormat {
    /// All formats.
    pub const ALL: &'static [Self] = &[
        Self::ActivityArchive,
        Self::ActivityRest,
        Self::ActivityTable,
        Self::ActivityPortalCsv,
        Self::SigninArchive,
        Self::SigninGraph,
        Self::SigninTable,
        Self::SigninPortalCsv,
        Self::EntraAudit,
        Self::Storage,
        Self::KeyVault,
        Self::SqlAudit,
        Self::Databricks,
    ];

    /// Parses JSON in the strings where this format has it. To be called before `decode`.
    pub fn expand(self, _text: &str, _tape: &mut Tape) {}

    /// Decodes a record of this format.
    ///
    /// # Errors
    ///
    /// A [`RejectReason`] when the record lacks what every event must have.
    pub fn decode<'r>(self, _root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
        Err(RejectReason::NoTime)
    }
}

/// Says what a record is, by its keys.
pub fn recognise(_root: Value<'_>) -> Recognised<'_> {
    Recognised::NotOurs("unrecognised")
}
