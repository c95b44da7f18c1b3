//! Flags of `matrix`.

use clap::{Args, ValueEnum};

use super::ReadArgs;
use super::values::{self, MatrixTarget};

/// Flags of `matrix`.
#[derive(Debug, Clone, Args)]
pub struct MatrixArgs {
    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Format of standard output; `table` on a terminal, `json` otherwise, unless given
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<MatrixFormat>,

    /// Write to a file as well, such as markdown=matrix.md; repeatable
    #[arg(long, value_name = "FORMAT=FILE", value_parser = values::matrix_target)]
    pub output: Vec<MatrixTarget>,
}

/// Formats of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MatrixFormat {
    /// For people.
    Table,
    /// One document.
    Json,
    /// For wikis and reviews.
    Markdown,
}

impl MatrixFormat {
    /// The words of the formats.
    pub const WORDS: [&'static str; 3] = ["table", "json", "markdown"];
}
