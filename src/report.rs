//! Findings and coverage in the forms that people and programs read: one output format a file.
//!
//! All text that came from a log goes through [`escape`] on its way out. The same report gives
//! the same bytes in every format.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use crate::coverage::Coverage;
use crate::event::vocabulary::{IdentityKind, OpClass, Stream};
use crate::finding::Finding;
use crate::rule::{Direction, Profile, Rule, Severity};
use crate::time::UtcMicros;

/// An enum of formats, each with its word on the command line.
macro_rules! formats {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// All formats.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its word on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The format with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|format| format.as_str() == word)
            }
        }
    };
}

pub(crate) mod absence;
pub mod activity;
pub(crate) mod csv;
mod document;
pub mod escape;
pub mod events;
pub mod html;
pub mod json;
mod junit;
pub(crate) mod layout;
mod markdown;
mod ndjson;
mod ocsf;
mod parquet;
pub(crate) mod pretty;
pub mod rows;
mod sarif;
mod stix;
pub(crate) mod table;
mod timesketch;

/// Version of the shape of `json` output. Counts up when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// The columns of CSV and Parquet, in order: the fields of a [`Finding`].
pub const FINDING_COLUMNS: [&str; 21] = [
    "rule_id",
    "title",
    "severity",
    "direction",
    "stream",
    "identity_kind",
    "confidence",
    "principal_id",
    "principal_name",
    "actor_id",
    "workspace_rid",
    "target_id",
    "target_name",
    "first_seen",
    "last_seen",
    "events",
    "evidence",
    "details",
    "details_left_out",
    "attack",
    "fingerprint",
];

/// Columns shown where the output is no terminal, and so has no width of its own.
pub const DEFAULT_WIDTH: usize = 100;

formats! {
    /// The formats a report is written in.
    pub enum OutputFormat {
        /// For people.
        Table = "table",
        /// One document: version, findings, coverage.
        Json = "json",
        /// One finding a line.
        Ndjson = "ndjson",
        /// For spreadsheets.
        Csv = "csv",
        /// Typed columns.
        Parquet = "parquet",
        /// For wikis and tickets.
        Markdown = "markdown",
        /// SARIF 2.1.0, for code scanning and its viewers.
        Sarif = "sarif",
        /// OCSF Detection Finding, one a line, for a SIEM.
        Ocsf = "ocsf",
        /// One piece of evidence a line, for Timesketch.
        Timesketch = "timesketch",
        /// A STIX 2.1 bundle, for threat intelligence platforms.
        Stix = "stix",
        /// JUnit XML, for build servers.
        Junit = "junit",
    }
}

impl OutputFormat {
    /// Whether it is bytes that no terminal can show.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Parquet)
    }
}

/// Whether colours are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Off,
    /// ANSI colours.
    On,
}

/// How the table is laid out; the other formats have no style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether colours are written.
    pub colour: Colour,
}

impl Default for Style {
    /// What a file gets: [`DEFAULT_WIDTH`], no colours.
    fn default() -> Self {
        Self { width: DEFAULT_WIDTH, colour: Colour::Off }
    }
}

/// What is reported.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// What was found, in the order of [`Finding`]s: severity, rule, first seen, fingerprint.
    pub findings: &'a [Finding],
    /// What was read.
    pub coverage: &'a Coverage,
    /// The rules that were asked for, in the order of the library.
    pub rules: &'a [Rule],
    /// How many findings are left out because they are below the severity asked for.
    pub hidden_by_severity: usize,
}

/// One principal, as `airside identities` shows it. Field order is the JSON's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentityRow {
    /// Object id.
    pub principal_id: Option<String>,
    /// Application (client) id.
    pub app_id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Its stream.
    pub stream: Stream,
    /// Its kind.
    pub identity_kind: IdentityKind,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// The row of the decision table and its evidence.
    pub classified_by: String,
    /// ARM id of the identity or connector.
    pub arm_id: Option<String>,
    /// Workspace that it belongs to.
    pub workspace_rid: Option<String>,
    /// Time of its first event; `None` where only an inventory knows it.
    pub first_seen: Option<UtcMicros>,
    /// Time of its last event.
    pub last_seen: Option<UtcMicros>,
    /// How many events.
    pub events: u64,
    /// What it did by class of operation: events that say how something ended.
    #[serde(rename = "did")]
    pub op_classes: BTreeMap<OpClass, u64>,
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The output took no more bytes.
    #[error("cannot write the output")]
    Write {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A value that JSON cannot hold: a defect of ours.
    #[error("cannot write the report as JSON")]
    Json {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Arrays that do not fit each other: a defect of ours.
    #[error("cannot arrange the report in columns")]
    Columns {
        /// Why.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// The Parquet writer failed: a defect of ours.
    #[error("cannot write the report as Parquet")]
    Parquet {
        /// Why.
        #[source]
        source: ::parquet::errors::ParquetError,
    },
}

impl ReportError {
    /// For `map_err` where the output itself fails.
    pub(crate) fn write(source: std::io::Error) -> Self {
        Self::Write { source }
    }
}

/// Writes a report.
///
/// # Errors
///
/// [`ReportError::Write`] when `out` fails; the others are defects of ours.
pub fn write(format: OutputFormat, report: &Report<'_>, out: &mut dyn Write, style: Style) -> Result<(), ReportError> {
    match format {
        OutputFormat::Table => table::write(report, out, style).map_err(ReportError::write),
        OutputFormat::Json => json::write(report, out),
        OutputFormat::Ndjson => ndjson::write(report, out),
        OutputFormat::Csv => csv::write(report, out),
        OutputFormat::Parquet => parquet::write(report, out),
        OutputFormat::Markdown => markdown::write(report, out).map_err(ReportError::write),
        OutputFormat::Sarif => sarif::write(report, out),
        OutputFormat::Ocsf => ocsf::write(report, out),
        OutputFormat::Timesketch => timesketch::write(report, out),
        OutputFormat::Stix => stix::write(report, out),
        OutputFormat::Junit => junit::write(report, out),
    }
}

/// Severities, worst first.
pub(crate) const SEVERITIES: [Severity; 5] =
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Informational];

/// Directions, in the order in which they are shown.
pub(crate) const DIRECTIONS: [Direction; 4] =
    [Direction::InfraDoingData, Direction::DataDoingInfra, Direction::Governance, Direction::IdentityMisuse];

/// The word of a severity.
pub(crate) const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "informational",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// The word of a direction.
pub(crate) const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::InfraDoingData => "infra-doing-data",
        Direction::DataDoingInfra => "data-doing-infra",
        Direction::Governance => "governance",
        Direction::IdentityMisuse => "identity-misuse",
    }
}

/// The word of a profile.
pub(crate) const fn profile_word(profile: Profile) -> &'static str {
    match profile {
        Profile::Core => "core",
        Profile::Hunting => "hunting",
        Profile::Posture => "posture",
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
