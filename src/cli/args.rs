//! The command line: subcommands, flags, and what they mean once checked.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::digest::Hashing;
use crate::error::RunError;
use crate::limits::Limits;
use crate::redact::Redaction;
use crate::report::OutputFormat;
use crate::report::escape::Escaped;
use crate::rule::{Profile, Severity};
use crate::time::{UtcMicros, parse_bound};

pub mod bench;
pub mod custody;
pub mod events;
pub mod generate;
#[cfg(feature = "lake")]
pub mod lake;
pub mod limits;
pub mod report;
pub mod rules;
#[cfg(feature = "postgres")]
pub mod serve;
pub mod values;

pub use bench::{ConfigCommand, ConfigShowArgs, DryRunFormat, ManArgs, ShowArgs, ShowFormat, SqlArgs};
pub use rules::{
    DocsArgs, ExplainArgs, ExplainFormat, ImportArgs, ListArgs, ListFilter, RulesCommand, RulesFormat, TestArgs,
};
use values::{MatrixTarget, OutputTarget, format_parser, profile_parser, severity_parser};

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
  1        findings at or above --fail-on; of verify-custody: something differs
  2        a rule is wrong, or asked for more time or memory than it may have
  3        usage or configuration, or a named path that does not exist; nothing was done
  4        ran, but an object could not be read; findings are still written
  5        internal error, disk full
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
    /// Answer questions in SQL from programs that speak to Postgres, such as psql and Grafana
    #[cfg(feature = "postgres")]
    #[command(after_long_help = SERVE_EXAMPLES)]
    Serve(Box<serve::ServeArgs>),
    /// Make a tenant: honest work, planted incidents, and the truth about both
    #[command(after_long_help = GENERATE_EXAMPLES)]
    Generate(Box<generate::GenerateArgs>),
    /// Append what is new in logs to a lake, a Delta table, exactly once
    #[cfg(feature = "lake")]
    #[command(after_long_help = INGEST_EXAMPLES)]
    Ingest(Box<lake::IngestArgs>),
    /// Look after a lake: put small files together, delete old ones, list what was read, verify
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
      Several, with address, bytes, record and columns";

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
      A small tenant with one incident a rule; tenant/truth.json says what must be found
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

/// Flags of all subcommands that read logs.
#[derive(Debug, Clone, Args)]
pub struct ReadArgs {
    /// Files, folders or globs to read, `-` for standard input, `az://ACCOUNT/CONTAINER/PATH` or the URL of a blob or container; or one lake
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,

    /// Export that says who is who (access connectors, workspaces, identities, role assignments); repeatable
    ///
    /// Which export it is shows in its shape. Inventory files under PATH are recognised too.
    #[arg(long, value_name = "FILE")]
    pub inventory: Vec<PathBuf>,

    /// Configuration: expected events, allowed networks, thresholds
    ///
    /// Only the file named here is read, never one of the working directory.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Only events at or after this time: RFC 3339, a date, or an age such as 30d, 12h, 45m
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only events before this time; same spellings
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Memory to stay within, at least 256MB: 512MiB, 2G (1024 based), 800MB (1000 based)
    #[arg(long, value_name = "SIZE", value_parser = values::memory_limit)]
    pub memory_limit: Option<u64>,

    /// Threads to work with; all cores unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,

    /// Keep records that could not be understood in this file, with their place and the reason
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,

    /// Write what was read and what was not to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub coverage: Option<PathBuf>,

    /// Write what was read and written to this file, as JSON: SHA-256 of every object, rule and output
    ///
    /// `airside verify-custody` compares objects and outputs with it.
    #[arg(long, value_name = "FILE")]
    pub custody: Option<PathBuf>,

    /// Leave passwords, keys and tokens as they are, which are taken out of events and records otherwise
    ///
    /// `airside show --raw` writes the bytes of the records, and nothing else.
    #[arg(long)]
    pub raw: bool,

    /// Progress on standard error. `auto`: a bar, if that is a terminal
    #[arg(long, value_name = "HOW", value_enum, default_value_t = ProgressChoice::Auto)]
    pub progress: ProgressChoice,

    /// Write over output files that exist
    #[arg(long)]
    pub force: bool,

    /// Limits.
    #[command(flatten)]
    pub limits: limits::LimitArgs,
}

/// Flags that choose rules.
#[derive(Debug, Clone, Args)]
pub struct RuleArgs {
    /// Folder of rules to add to the shipped ones; repeatable
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,

    /// Run these rules only, whatever their profile; comma or repeat
    #[arg(long, value_name = "ID", value_delimiter = ',', conflicts_with_all = ["enable", "profile"])]
    pub only: Vec<String>,

    /// Run these rules too, whatever their profile; comma or repeat
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub enable: Vec<String>,

    /// Do not run these rules; comma or repeat
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub disable: Vec<String>,

    /// Run the rules of these profiles; `core` unless given; comma or repeat
    #[arg(long, value_name = "PROFILE", value_delimiter = ',', value_parser = profile_parser())]
    pub profile: Vec<Profile>,

    /// File that remembers what each Databricks identity did in earlier runs; made or brought up to date by this one
    ///
    /// Rules on what was never seen before need it; the first run only fills it.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    /// Stop a rule that runs longer, such as 30s or 5m; the others go on, and the exit code is 2
    ///
    /// It is reported as not evaluable: what it would have found is not known.
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub timeout: Option<Duration>,
}

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

    /// Whether to go on.
    #[cfg(feature = "lake")]
    #[command(flatten)]
    pub follow: lake::FollowArgs,
}

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

/// What to read and within which bounds, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Files, folders, globs, `-`.
    pub paths: Vec<String>,
    /// Inventory exports; each was there.
    pub inventory: Vec<PathBuf>,
    /// Configuration file; was there.
    pub config: Option<PathBuf>,
    /// Only events at or after this time.
    pub since: Option<UtcMicros>,
    /// Only events before this time.
    pub until: Option<UtcMicros>,
    /// Memory to stay within, in bytes.
    pub memory_limit: Option<u64>,
    /// Threads to work with.
    pub threads: Option<NonZeroUsize>,
    /// What a log may ask for.
    pub limits: Limits,
    /// When the run began, by which events are told that have not happened yet.
    pub now: Option<UtcMicros>,
    /// Whether what is read is hashed.
    pub hashing: Hashing,
    /// Whether secrets are taken out of events.
    pub redaction: Redaction,
}

/// Which rules to run, by id and profile, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSelection {
    /// Folders of rules added to the shipped ones; each was there.
    pub folders: Vec<PathBuf>,
    /// Run these only; empty for all.
    pub only: Vec<String>,
    /// Run these too.
    pub enable: Vec<String>,
    /// Do not run these.
    pub disable: Vec<String>,
    /// Profiles to run; never empty.
    pub profiles: Vec<Profile>,
    /// How long a rule may run.
    pub timeout: Option<Duration>,
}

impl ReadArgs {
    /// Checks everything that can be checked before any work.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for a time that is none, an empty range, or a file that is not there.
    pub fn options(&self, now: UtcMicros) -> Result<ReadOptions, RunError> {
        let since = bound("--since", self.since.as_deref(), now)?;
        let until = bound("--until", self.until.as_deref(), now)?;
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(RunError::usage(format!("--since {since} is not before --until {until}: no event can match")));
        }
        for file in self.inventory.iter().chain(&self.config) {
            must_exist(file)?;
        }
        Ok(ReadOptions {
            paths: self.paths.clone(),
            inventory: self.inventory.clone(),
            config: self.config.clone(),
            since,
            until,
            memory_limit: self.memory_limit,
            threads: self.threads,
            limits: self.limits.limits(),
            now: Some(now),
            hashing: if self.custody.is_some() { Hashing::On } else { Hashing::Off },
            redaction: if self.raw { Redaction::Off } else { Redaction::On },
        })
    }
}

impl RuleArgs {
    /// Which rules to run.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for a folder that is not there.
    pub fn selection(&self) -> Result<RuleSelection, RunError> {
        for folder in &self.rules {
            must_exist(folder)?;
        }
        let profiles = if self.profile.is_empty() { vec![Profile::Core] } else { self.profile.clone() };
        Ok(RuleSelection {
            folders: self.rules.clone(),
            only: self.only.clone(),
            enable: self.enable.clone(),
            disable: self.disable.clone(),
            profiles,
            timeout: self.timeout,
        })
    }
}

fn bound(flag: &str, text: Option<&str>, now: UtcMicros) -> Result<Option<UtcMicros>, RunError> {
    text.map(|text| {
        parse_bound(text, now).map_err(|reason| RunError::usage(format!("{flag} {}: {reason}", Escaped(text))))
    })
    .transpose()
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
