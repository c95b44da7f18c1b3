//! Flags of `identities`.

use clap::{Args, ValueEnum};

use super::ReadArgs;

/// Flags of `identities`.
#[derive(Debug, Clone, Args)]
pub struct IdentitiesArgs {
    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Format of standard output; `table` on a terminal, `ndjson` otherwise, unless given
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<ListFormat>,
}

/// Formats of the list of identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One identity a line.
    Ndjson,
    /// For spreadsheets.
    Csv,
}
