//! Turns one record into the columns of an event. A format is recognised by its keys.
//!
//! Every format has three items: `probe`, whether a record is one of its own; `JSON_IN_STRINGS`,
//! where its strings hold JSON; `decode`. This module joins them.

use crate::event::{Row, Scratch};
use crate::json::members::{MemberReader, Members};
use crate::json::{Tape, Value};

use members::{Archived, Member};

mod activity;
mod activity_archive;
mod activity_portal_csv;
mod activity_rest;
mod activity_table;
mod actor;
mod body;
mod databricks;
mod entra_audit;
pub mod inventory;
mod key_vault;
mod members;
mod paths;
mod pick;
mod sas;
mod signin;
mod signin_archive;
mod signin_graph;
mod signin_portal;
mod signin_table;
mod sql_audit;
mod storage;

pub use body::BodyTapes;
pub use inventory::InventoryKind;

/// Longest kind, in bytes, that a record that is not ours is counted under. Azure's longest
/// category has some 40; the record must not choose how much of it is kept.
const MAX_KIND_BYTES: usize = 80;

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

/// The order in which formats are asked. No two of them claim the same record; what comes often
/// comes first, and what reads the fewest keys before it says no.
const ASKED: &[LogFormat] = &[
    // Diagnostic settings: the category decides, so these are cheap to refuse.
    LogFormat::ActivityArchive,
    LogFormat::SigninArchive,
    LogFormat::Storage,
    LogFormat::KeyVault,
    LogFormat::Databricks,
    LogFormat::SqlAudit,
    LogFormat::EntraAudit,
    // REST APIs: a time under a name of its own.
    LogFormat::ActivityRest,
    LogFormat::SigninGraph,
    // Log Analytics: the table's name, else its columns.
    LogFormat::ActivityTable,
    LogFormat::SigninTable,
    // The portal's CSV files: the header.
    LogFormat::SigninPortalCsv,
    LogFormat::ActivityPortalCsv,
];

/// The items of one format.
struct Codec {
    probe: fn(Value<'_>) -> bool,
    json_in_strings: &'static [&'static [&'static str]],
    decode: for<'r> fn(Value<'r>, &'r Scratch) -> Result<Row<'r>, RejectReason>,
}

macro_rules! codec {
    ($format:ident) => {
        Codec { probe: $format::probe, json_in_strings: $format::JSON_IN_STRINGS, decode: $format::decode }
    };
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

    const fn codec(self) -> Codec {
        match self {
            Self::ActivityArchive => codec!(activity_archive),
            Self::ActivityRest => codec!(activity_rest),
            Self::ActivityTable => codec!(activity_table),
            Self::ActivityPortalCsv => codec!(activity_portal_csv),
            Self::SigninArchive => codec!(signin_archive),
            Self::SigninGraph => codec!(signin_graph),
            Self::SigninTable => codec!(signin_table),
            Self::SigninPortalCsv => codec!(signin_portal),
            Self::EntraAudit => codec!(entra_audit),
            Self::Storage => codec!(storage),
            Self::KeyVault => codec!(key_vault),
            Self::SqlAudit => codec!(sql_audit),
            Self::Databricks => codec!(databricks),
        }
    }

    /// Whether a record, as it was parsed, is one of this format.
    pub fn claims(self, root: Value<'_>) -> bool {
        (self.codec().probe)(root)
    }

    /// Parses JSON in the strings where this format has it. To be called before `decode`.
    pub fn expand(self, text: &str, tape: &mut Tape) {
        for path in self.codec().json_in_strings {
            tape.expand(text, path);
        }
    }

    /// Decodes a record of this format.
    ///
    /// # Errors
    ///
    /// A [`RejectReason`] when the record lacks what every event must have.
    pub fn decode<'r>(self, root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
        (self.codec().decode)(root, scratch)
    }
}

/// A reader for the members that the forms of archives are decoded from.
pub fn archive_reader() -> MemberReader {
    MemberReader::new(members::WANTS)
}

/// Decodes a record of an archive's form from its members, as [`recognise`] and
/// [`LogFormat::decode`] would from its tape. `None` where these have to be asked: the record is of
/// another form, or its members alone do not decide.
pub fn decode_members<'r>(
    members: Members<'r>,
    scratch: &'r Scratch,
    tapes: &'r mut BodyTapes,
) -> Option<Result<Row<'r>, RejectReason>> {
    let members = Archived(members);
    let category = members.string(Member::Category)?;
    let is_resource_log = members.has(Member::OperationName);
    match category {
        "StorageRead" | "StorageWrite" | "StorageDelete" if is_resource_log => {
            storage::decode_members(members, scratch)
        }
        key_vault::CATEGORY if is_resource_log => {
            members.text(Member::ResourceId).is_some_and(key_vault::is_of_vault).then_some(())?;
            key_vault::decode_members(members, scratch)
        }
        _ if members.has(Member::EventTimestamp) => None,
        _ if activity_archive::is_category(category) => {
            (is_resource_log && members.has(Member::ResourceId)).then_some(())?;
            activity_archive::decode_members(members, scratch, tapes)
        }
        // These words in another case are claimed before Databricks is asked.
        _ if storage::is_category(category) || key_vault::CATEGORY.eq_ignore_ascii_case(category) => None,
        _ => match signin::Category::from_word(category) {
            Some(category) => {
                members.has(Member::Properties).then(|| signin_archive::decode_members(category, members))
            }
            None => databricks::decode_members(members, scratch, tapes),
        },
    }
}

/// Says what a record is, by its keys.
pub fn recognise(root: Value<'_>) -> Recognised<'_> {
    if let Some(format) = ASKED.iter().find(|format| format.claims(root)) {
        return Recognised::Log(*format);
    }
    // Logs before inventories: an inventory's shape is looser.
    match inventory::recognise(root) {
        Some(kind) => Recognised::Inventory(kind),
        None => Recognised::NotOurs(kind_of_stranger(root)),
    }
}

/// The best name for a record that nobody claims.
fn kind_of_stranger(root: Value<'_>) -> &str {
    // Metrics have no category, and lie in files of the same name as logs.
    if paths::has(root, "metricName") {
        return "metrics";
    }
    let named = paths::text(root, &[&["category"], &["category", "value"], &["Type"], &["$table"], &["Category"]]);
    named.filter(|name| name.len() <= MAX_KIND_BYTES).unwrap_or("unrecognised")
}

#[cfg(test)]
mod tests;
