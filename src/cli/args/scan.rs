//! Flags of `scan`.

use clap::{Args, ValueEnum};

#[cfg(feature = "lake")]
use super::lake;
use super::values::{self, OutputTarget, format_parser, severity_parser};
use super::{ReadArgs, RuleArgs};
use crate::report::OutputFormat;
use crate::rule::Severity;

/// Flags of `scan`.
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Which rules to run.
    #[command(flatten)]
    pub choice: RuleArgs,

    /// Read nothing: say what would be read, and which rules could say something about it and why others not
    ///
    /// Of each kind of object the first record of one is looked at. `--dry-run=json` is for programs.
    #[arg(long, value_name = "FORMAT", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "table", conflicts_with = "custody")]
    pub dry_run: Option<DryRunFormat>,

    /// Leave out findings below this severity
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser())]
    pub min_severity: Option<Severity>,

    /// Exit with 1 if there is a finding of this severity or a worse one
    ///
    /// Findings of experimental rules do not count; those hidden by --min-severity do.
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser())]
    pub fail_on: Option<Severity>,

    /// Format of standard output; `table` on a terminal, `ndjson` otherwise, unless given
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub format: Option<OutputFormat>,

    /// Write to a file as well, such as json=findings.json; repeatable
    #[arg(long, value_name = "FORMAT=FILE", value_parser = values::output_target)]
    pub output: Vec<OutputTarget>,

    #[cfg(not(feature = "lake"))]
    #[arg(long, hide = true)]
    #[expect(missing_docs, reason = "its documentation would be its help")]
    pub follow: bool,

    /// Whether to go on.
    #[cfg(feature = "lake")]
    #[command(flatten)]
    pub follow: lake::FollowArgs,
}

/// Formats of what a run would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRunFormat {
    /// For people.
    Table,
    /// One document.
    Json,
}
