//! Flags of `report`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{ReadArgs, RuleArgs, values};
use crate::rule::Severity;

/// Flags of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Which rules to run.
    #[command(flatten)]
    pub choice: RuleArgs,

    /// The HTML file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Heading of the report
    #[arg(long, value_name = "TEXT", default_value = "Databricks identities in Azure")]
    pub title: String,

    /// Leave out findings below this severity
    #[arg(long, value_name = "SEVERITY", value_parser = values::severity_parser())]
    pub min_severity: Option<Severity>,
}
