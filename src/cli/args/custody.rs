//! Flags of `verify-custody`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ProgressChoice, values};

/// Flags of `verify-custody`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The manifest that --custody wrote
    #[arg(value_name = "FILE")]
    pub manifest: PathBuf,

    /// Where the objects are: as they were named when they were read, or the folder that they were moved to
    ///
    /// Outputs are looked for where they were written, beside the manifest, and here.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,

    /// Format of standard output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = VerifyFormat::Table)]
    pub format: VerifyFormat,

    /// Threads to work with; all cores unless given
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,

    /// Progress on standard error. `auto`: a bar, if that is a terminal
    #[arg(long, value_name = "HOW", value_enum, default_value_t = ProgressChoice::Auto)]
    pub progress: ProgressChoice,
}

/// Formats of what was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// For people.
    Table,
    /// One document.
    Json,
}
