//! Flags of the commands that analysts ask questions with.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::ReadArgs;
use super::values::{self, RowTarget};
use crate::report::rows::RowFormat;

/// Rows of a table that a terminal shows unless told otherwise.
const MAX_ROWS: usize = 100;

/// Flags of `sql`.
#[derive(Debug, Clone, Args)]
pub struct SqlArgs {
    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Ask this query; without it and --file, one is read from standard input, or a terminal gets a prompt
    #[arg(short = 'c', long, value_name = "SQL", allow_hyphen_values = true)]
    pub command: Option<String>,

    /// Ask the query in this file
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with = "command")]
    pub file: Option<PathBuf>,

    /// Format of standard output; `table` on a terminal, `ndjson` otherwise, unless given
    #[arg(long, value_name = "FORMAT", value_parser = values::row_format_parser())]
    pub format: Option<RowFormat>,

    /// Write to a file as well, such as csv=rows.csv; repeatable
    #[arg(long, value_name = "FORMAT=FILE", value_parser = values::row_target)]
    pub output: Vec<RowTarget>,

    /// Most rows of a table that a terminal shows; 0 for all
    #[arg(long, value_name = "N", default_value_t = MAX_ROWS)]
    pub max_rows: usize,

    /// Stop a query that runs longer, such as 30s or 5m; without, only Ctrl-C does
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub timeout: Option<Duration>,
}

/// Flags of `show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// Uids of events, or their first characters, with commas between them; or one OBJECT:OFFSET as findings show it
    #[arg(value_name = "EVENT")]
    pub event: String,

    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Format of standard output; `table` unless given, and with --raw nothing but the records' bytes
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<ShowFormat>,
}

/// Formats of an event with its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// For people.
    Table,
    /// One document.
    Json,
}

/// Flags of `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Command to print the page of, such as `scan` or `rules test`; the program's own without
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// What `config` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration in effect, and where each value comes from
    Show(ConfigShowArgs),
}

/// Flags of `config show`.
#[derive(Debug, Clone, Args)]
pub struct ConfigShowArgs {
    /// Folder of rules to add to the shipped ones; repeatable
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,

    /// Configuration: expected events, allowed networks, thresholds
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
