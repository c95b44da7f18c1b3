//! The command line of `airside rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::values::{direction_parser, profile_parser, severity_parser, source_parser};
use crate::event::vocabulary::LogSource;
use crate::rule::{Direction, Profile, Severity};

/// Subcommands of `rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List the rules
    List(ListArgs),
    /// Show one rule: what it finds, why it matters, its SQL
    Show {
        /// Its id or one of its other names
        #[arg(value_name = "ID")]
        id: String,
        /// Folder of rules to add to the shipped ones; repeatable
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
    },
    /// Check rules without reading data
    Check {
        /// Rule files or folders of rules; the shipped rules unless given
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Run the cases beside the rules
    Test(TestArgs),
    /// Say which conditions of a rule held for an event, and which did not
    Explain(ExplainArgs),
    /// Write a rule and its cases to begin with
    New {
        /// Its id: lower-case words joined by '-'; `adac-…` begins with access connectors, others with
        /// workspace identities
        #[arg(value_name = "ID")]
        id: String,
        /// Folder to write both files to, made if it is missing
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Turn Sigma rules for Azure into rules, and name what cannot be turned, with the reason
    #[command(after_long_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Write the catalogue of the shipped rules: a page, or a layer for the ATT&CK Navigator
    Docs(DocsArgs),
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  airside rules import sigma/rules/cloud/azure --dir my-rules
      Every rule below a folder; each becomes sigma-….sql and sigma-….cases.toml
  airside rules import impossible_travel.yml --dir my-rules --force
      One rule again, over what was written before; its cases stay
  airside rules import rules/ --dir my-rules --fields our-fields.toml
      With columns for fields that are not known: the form of src/sigma/fields.toml
Exit code 2 where a rule could not be converted; the others are written.
This command is in builds with the feature sigma: cargo install --locked --path . --all-features";

/// Formats of the list of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesFormat {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One rule a line.
    Ndjson,
}

/// Flags of `rules list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Folder of rules to add to the shipped ones; repeatable
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,

    /// Which rules are listed.
    #[command(flatten)]
    pub filter: ListFilter,

    /// Format; `table` on a terminal, `ndjson` otherwise, unless given
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<RulesFormat>,
}

/// Which rules are listed: those to which every flag given applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ListFilter {
    /// Only rules about one of these; comma or repeat
    #[arg(long, value_name = "DIRECTION", value_delimiter = ',', value_parser = direction_parser())]
    pub direction: Vec<Direction>,

    /// Only rules of this severity or a worse one
    #[arg(long, value_name = "SEVERITY", value_parser = severity_parser())]
    pub severity: Option<Severity>,

    /// Only rules that read one of these logs; comma or repeat
    #[arg(long, value_name = "SOURCE", value_delimiter = ',', value_parser = source_parser())]
    pub source: Vec<LogSource>,

    /// Only rules for one of these ATT&CK techniques, such as T1552 with all below it, or T1552.005;
    /// comma or repeat
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub technique: Vec<String>,

    /// Only rules of one of these profiles; comma or repeat
    #[arg(long, value_name = "PROFILE", value_delimiter = ',', value_parser = profile_parser())]
    pub profile: Vec<Profile>,
}

/// Flags of `rules test`.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Rule files or folders of rules; the shipped rules unless given
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Write what became of each case to this file too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Write over the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// Flags of `rules docs`.
#[derive(Debug, Clone, Args)]
pub struct DocsArgs {
    /// File to write the page to; queries/README.md unless another output is asked for
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write nothing: exit with 2 if the page is not what would be written
    #[arg(long, conflicts_with_all = ["navigator", "force"])]
    pub check: bool,

    /// Write a layer for the ATT&CK Navigator to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub navigator: Option<PathBuf>,

    /// Write over files that exist; an earlier page is written over without
    #[arg(long)]
    pub force: bool,
}

/// Flags of `rules import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// Files of Sigma rules, or folders of them (.yml and .yaml, with everything below)
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Folder to write the rules and their cases to, made if it is missing
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,

    /// What fields of Sigma are among the columns of events, besides what is known
    #[arg(long, value_name = "FILE")]
    pub fields: Option<PathBuf>,

    /// Write over rules that exist; their cases stay
    #[arg(long)]
    pub force: bool,
}

/// Flags of `rules explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The rule's id or one of its other names
    #[arg(value_name = "RULE")]
    pub rule: String,

    /// The event: its `event_uid`, or OBJECT:OFFSET as findings show it
    #[arg(value_name = "EVENT")]
    pub event: String,

    /// Files, folders or globs to read, `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,

    /// Export that says who is who; repeatable
    #[arg(long, value_name = "FILE")]
    pub inventory: Vec<PathBuf>,

    /// Configuration: expected events, allowed networks, thresholds
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder of rules to add to the shipped ones; repeatable
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,

    /// Memory to stay within, at least 256MB: 512MiB, 2G (1024 based), 800MB (1000 based)
    #[arg(long, value_name = "SIZE", value_parser = super::values::memory_limit)]
    pub memory_limit: Option<u64>,

    /// Format; `table` on a terminal, `json` otherwise, unless given
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<ExplainFormat>,
}

/// Formats of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For people.
    Table,
    /// One document.
    Json,
}
