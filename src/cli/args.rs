//! The command line: its subcommands, and the help of each. Their flags are in a file each.

use std::path::Path;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::error::RunError;

pub mod bench;
pub mod custody;
pub mod events;
pub mod generate;
pub mod identities;
#[cfg(not(all(feature = "lake", feature = "postgres")))]
pub mod lacking;
#[cfg(feature = "lake")]
pub mod lake;
pub mod limits;
pub mod matrix;
pub mod read;
pub mod report;
pub mod rules;
pub mod scan;
pub mod selection;
#[cfg(feature = "postgres")]
pub mod serve;
pub mod values;

pub use bench::{ConfigCommand, ConfigShowArgs, ManArgs, ShowArgs, ShowFormat, SqlArgs};
pub use identities::{IdentitiesArgs, ListFormat};
pub use matrix::{MatrixArgs, MatrixFormat};
pub use read::{ReadArgs, ReadOptions};
pub use rules::{
    DocsArgs, ExplainArgs, ExplainFormat, ImportArgs, ListArgs, ListFilter, RulesCommand, RulesFormat, TestArgs,
};
pub use scan::{DryRunFormat, ScanArgs};
pub use selection::{RuleArgs, RuleSelection};

/// Finds Azure Databricks identities doing each other's job, from exported Azure logs.
#[derive(Debug, Parser)]
#[command(name = "airside", version, max_term_width = 100, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Colour the output. `auto`: on a terminal, unless `NO_COLOR` is set or TERM is `dumb`
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto, display_order = 900)]
    pub color: ColorChoice,
}

const EXIT_CODES: &str = "\
Exit codes:
  0        ran, whatever was found
  1        findings at or above --fail-on; of verify-custody: something differs or cannot be read
  2        a rule is wrong, or asked for more time or memory than it may have; a case of rules test failed
  3        usage or configuration, or something named that is not there; nothing was written
  4        ran, but an object could not be read; findings are still written
  5        internal error, disk full; a query of sql was stopped; lake verify found something wrong
  130, 143 interrupted
Where several hold: 130 or 143, then 3, 2, 5, 4, 1, 0.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read logs, decide who acted, run the rules, print what was found
    #[command(after_long_help = SCAN_EXAMPLES)]
    Scan(Box<ScanArgs>),
    /// List every principal: its stream, its kind, why, and what it did
    #[command(after_long_help = IDENTITIES_EXAMPLES)]
    Identities(Box<IdentitiesArgs>),
    /// Show what the two identities of each workspace should do, did, and may do
    #[command(after_long_help = MATRIX_EXAMPLES)]
    Matrix(Box<MatrixArgs>),
    /// Write the events, normalised and classified, as other tools take them
    #[command(after_long_help = EVENTS_EXAMPLES)]
    Events(Box<events::EventsArgs>),
    /// Write what was found, who did what and what was read as one HTML file to hand over
    #[command(after_long_help = REPORT_EXAMPLES)]
    Report(Box<report::ReportArgs>),
    /// Show the raw record behind an event, byte for byte, and what it became
    #[command(after_long_help = SHOW_EXAMPLES)]
    Show(Box<ShowArgs>),
    /// Ask questions in SQL: one query, or a prompt
    #[command(after_long_help = SQL_EXAMPLES)]
    Sql(Box<SqlArgs>),
    #[cfg(not(feature = "postgres"))]
    #[command(hide = true, disable_help_flag = true)]
    #[expect(missing_docs, reason = "its documentation would be its help")]
    Serve(lacking::Words),
    /// Answer questions in SQL from programs that speak to Postgres, such as psql and Grafana
    #[cfg(feature = "postgres")]
    #[command(after_long_help = SERVE_EXAMPLES)]
    Serve(Box<serve::ServeArgs>),
    /// Make a tenant: honest work, planted incidents, and the truth about both
    #[command(after_long_help = GENERATE_EXAMPLES)]
    Generate(Box<generate::GenerateArgs>),
    #[cfg(not(feature = "lake"))]
    #[command(hide = true, disable_help_flag = true)]
    #[expect(missing_docs, reason = "its documentation would be its help")]
    Ingest(lacking::Words),
    #[cfg(not(feature = "lake"))]
    #[command(hide = true, disable_help_flag = true)]
    #[expect(missing_docs, reason = "its documentation would be its help")]
    Lake(lacking::Words),
    /// Append what is new in logs to a lake, a Delta table, exactly once
    #[cfg(feature = "lake")]
    #[command(after_long_help = INGEST_EXAMPLES)]
    Ingest(Box<lake::IngestArgs>),
    /// Look after a lake: put small files together, delete old ones, list its commits, verify
    #[cfg(feature = "lake")]
    #[command(subcommand)]
    Lake(lake::LakeCommand),
    /// List, show, check, test and explain rules, write new ones and their catalogue
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Compare objects and outputs with what --custody recorded of them
    #[command(after_long_help = VERIFY_EXAMPLES)]
    VerifyCustody(custody::VerifyArgs),
    /// Show the configuration in effect
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script of a shell
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// Shell to complete in
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print a manual page
    #[command(after_long_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

const SCAN_EXAMPLES: &str = "\
Examples:
  airside scan exports/
      Every log under a folder, findings as a table
  airside scan logs.json.gz --inventory connectors.json --inventory workspaces.json
      Say which identities are Databricks' own and which belong to access connectors
  airside scan exports/ --since 30d --min-severity high
      High and critical findings of the last 30 days
  airside scan exports/ --fail-on high --output json=findings.json --output csv=findings.csv
      For a pipeline: files for others, exit code 1 on a high or critical finding
  airside scan az://ACCOUNT/insights-logs-storageread --follow
      Print findings as they appear in a live archive, until interrupted
  zcat logs.gz | airside scan - --format ndjson | jq .rule_id
      From standard input to another program";

const IDENTITIES_EXAMPLES: &str = "\
Examples:
  airside identities exports/
  airside identities exports/ --inventory connectors.json --format csv > identities.csv";

const MATRIX_EXAMPLES: &str = "\
Examples:
  airside matrix exports/
      What each identity should do and did, and which of its roles it did not need
  airside matrix exports/ --inventory role-assignments.json --since 90d --output markdown=matrix.md
      For a review of access rights: roles that the logs do not tell of, over three months";

const EVENTS_EXAMPLES: &str = "\
Examples:
  airside events exports/ --stream dbmi,adac > events.ocsf.ndjson
      What the two kinds of identity did, as OCSF
  airside events exports/ --since 7d --output arrow=events.arrow
      All events of a week with all columns, for pandas, Polars or DuckDB";

const REPORT_EXAMPLES: &str = "\
Examples:
  airside report exports/ -o report.html
  airside report exports/ --since 30d --min-severity medium --title \"Contoso, May 2026\" -o may.html";

const SHOW_EXAMPLES: &str = "\
Examples:
  airside show 3f2a9bc1 exports/
      The first characters of an event_uid are enough, where they fit one event only
  airside show 3f2a9bc1 exports/ --raw | jq .
      The bytes as they lie in the file, for other programs
  airside show 3f2a9bc1,77d0e5aa exports/ --format json
      Several, with address, bytes, record and columns
  airside show exports/activity.json:4711 exports/
      The one at a place, as findings show it";

const SQL_EXAMPLES: &str = "\
Examples:
  airside sql exports/
      A prompt, on a terminal: \\? says what it knows
  airside sql exports/ -c \"SELECT stream, count(*) FROM events GROUP BY stream\"
      One question
  airside sql exports/ -f question.sql --format csv > answer.csv
      For a spreadsheet
  airside sql exports/ -c \"SELECT * FROM adac\" --output parquet=adac.parquet
      For other programs";

const VERIFY_EXAMPLES: &str = "\
Examples:
  airside scan exports/ --output json=findings.json --custody custody.json
  airside verify-custody custody.json exports/
      A year later: whether the logs and the findings are what they were
  airside verify-custody custody.json /mnt/evidence/exports
      The same, of a copy somewhere else";

#[cfg(feature = "postgres")]
const SERVE_EXAMPLES: &str = "\
Examples:
  airside serve lake/
      On this machine alone, port 5432; the password is made up and printed
  AIRSIDE_PASSWORD=... airside serve exports/ --listen 127.0.0.1:0 --timeout 1m
      A free port, a password of yours, and no query longer than a minute
  airside serve lake/ --listen 0.0.0.0:5432 --tls-cert chain.pem --tls-key key.pem --password-file password
      For other machines: encrypted
  psql \"host=127.0.0.1 user=airside\" -c \"SELECT stream, count(*) FROM events GROUP BY stream\"
      Ask it";

const GENERATE_EXAMPLES: &str = "\
Examples:
  airside generate tenant/
      A small tenant with an incident for all rules but one; tenant/truth.json says what must be found
  airside generate load/ --seed 7 --workspaces 200 --days 30 --events-per-day 1000000 --gzip
      Something to measure with
  airside generate one/ --incidents dbmi-storage-data-access --forms log-analytics,rest --no-inventory
      One incident, other exports, nobody told who is who";

#[cfg(feature = "lake")]
const INGEST_EXAMPLES: &str = "\
Examples:
  airside ingest archive/ --lake lake/
      Append every event that is not there yet; again an hour later: only what is new
  airside scan lake/ --since 30d
      Run the rules over the lake
  airside ingest archive/ --lake lake/ --shard 1/4
      One of four jobs that share the work";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(airside completions bash)
      For this session
  airside completions zsh > ~/.zfunc/_airside
      For all sessions, where ~/.zfunc is in fpath";

const MAN_EXAMPLES: &str = "\
Examples:
  airside man scan > airside-scan.1 && man ./airside-scan.1";

/// When colours are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How progress is shown, on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// A bar on a terminal.
    Auto,
    /// Not at all.
    Never,
    /// One JSON object a line, about once a second.
    Json,
}

/// A named path that is not there ends the run before any work.
pub(crate) fn must_exist(path: &Path) -> Result<(), RunError> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(RunError::usage(format!("{} does not exist", path.display()))),
        Err(error) => Err(RunError::usage(format!("cannot look at {}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests;
