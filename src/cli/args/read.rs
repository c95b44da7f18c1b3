//! Flags of all commands that read logs, and what they mean once checked.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::{ProgressChoice, limits, must_exist, values};
use crate::digest::Hashing;
use crate::error::RunError;
use crate::limits::Limits;
use crate::redact::Redaction;
use crate::report::escape::Escaped;
use crate::time::{UtcMicros, parse_bound};

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

    /// Only events at or after this time: RFC 3339, a date, or an age such as 30d, 12h, 45m; of ingest: objects of these hours, whole
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only events before this time; same spellings
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Memory to stay within, at least 256MB: 512MiB, 2G (1024 based), 800MB (1000 based)
    ///
    /// Half of the machine's memory unless given.
    #[arg(long, value_name = "SIZE", value_parser = values::memory_limit)]
    pub memory_limit: Option<u64>,

    /// Threads to work with; all cores unless given
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,

    /// Name the records that could not be understood in this file, by their place, with the reason
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

fn bound(flag: &str, text: Option<&str>, now: UtcMicros) -> Result<Option<UtcMicros>, RunError> {
    text.map(|text| {
        parse_bound(text, now).map_err(|reason| RunError::usage(format!("{flag} {}: {reason}", Escaped(text))))
    })
    .transpose()
}
