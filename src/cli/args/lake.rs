//! The flags of `airside ingest` and `airside lake`.

use clap::{Args, Subcommand};

use super::ReadArgs;
use super::values::{shard, size};
use crate::pipeline::Shard;

/// Flags of `airside ingest`.
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// What to read, and how.
    #[command(flatten)]
    pub read: ReadArgs,

    /// The lake to append to, a local folder or `az://ACCOUNT/CONTAINER/PATH`; made where there is none
    #[arg(long, value_name = "LAKE")]
    pub lake: String,

    /// Read only part I of N of the objects: N jobs with I from 1 to N share the work
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub shard: Option<Shard>,

    /// Stored bytes that one commit reads, about: what a kill can cost
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "512MiB")]
    pub commit_bytes: u64,
}

/// The subcommands of `airside lake`.
#[derive(Debug, Subcommand)]
pub enum LakeCommand {
    /// Put small files together
    Optimize(LakeArgs),
    /// Delete files that no version of the last days needs
    Vacuum(VacuumArgs),
    /// List the commits, the newest first
    History(HistoryArgs),
    /// Prove from the log, the ledger and the files that they agree
    Verify(LakeArgs),
}

/// Which lake.
#[derive(Debug, Args)]
pub struct LakeArgs {
    /// The lake: a local folder, or `az://ACCOUNT/CONTAINER/PATH`
    #[arg(value_name = "LAKE")]
    pub lake: String,
}

/// Flags of `airside lake vacuum`.
#[derive(Debug, Args)]
pub struct VacuumArgs {
    /// The lake: a local folder, or `az://ACCOUNT/CONTAINER/PATH`
    #[arg(value_name = "LAKE")]
    pub lake: String,

    /// Keep what was part of the lake within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub keep_days: u32,

    /// Only say what would be deleted
    #[arg(long)]
    pub dry_run: bool,
}

/// Flags of `airside lake history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The lake: a local folder, or `az://ACCOUNT/CONTAINER/PATH`
    #[arg(value_name = "LAKE")]
    pub lake: String,

    /// Most commits to list
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
}

/// Flags of a scan that goes on.
#[derive(Debug, Clone, Args)]
pub struct FollowArgs {
    /// Look again and again for what is new, and print findings as they appear, until interrupted
    #[arg(long, conflicts_with_all = ["output", "fail_on", "coverage", "quarantine", "baseline", "custody", "dry_run"])]
    pub follow: bool,

    /// With --follow: seconds between looks
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "follow")]
    pub every: u64,

    /// With --follow: the lake to keep the events in, instead of a temporary one
    #[arg(long, value_name = "LAKE", requires = "follow")]
    pub lake: Option<String>,
}
