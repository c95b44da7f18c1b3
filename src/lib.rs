//! Airside reads exported Azure logs, decides for every event which identity acted, and finds
//! Azure Databricks' two kinds of identity doing each other's job.
//!
//! # Layout
//!
//! In the order of the data, which is the order in which modules may import each other:
//!
//! * [`error`], [`limits`], [`cancel`], [`digest`], [`parallel`], [`time`], [`arm`], [`ip`], [`json`], [`redact`],
//!   [`coverage`]: what everything rests on
//! * [`event`]: the normalised event, its vocabularies, builders and uid
//! * [`frame`]: cuts bytes into records and knows no field name
//! * [`format`](mod@format): turns a record into the columns of an event
//! * [`source`]: lists objects, opens them, decompresses them
//! * [`identity`]: inventory and evidence, and from them the stream of every principal
//! * [`lake`]: holds events in memory or on disk; merges duplicates, pairs records of an operation
//! * [`sql`]: the one DataFusion session with its views and side tables
//! * [`rule`]: loads, checks and runs the files under `queries/`
//! * [`finding`]: folds evidence into findings, applies exceptions
//! * [`report`]: one output format a file
//! * [`matrix`]: what the two identities should do, did, and may do
//! * [`pipeline`]: joins all of it, and counts
//! * [`generate`](mod@generate): writes made-up tenants, and uses nothing of the above
//! * `sigma`: turns Sigma rules into rules of ours; only with the feature of that name
//! * [`cli`]: one subcommand a file

pub mod arm;
pub mod cancel;
pub mod cli;
pub mod coverage;
pub mod digest;
pub mod error;
pub mod event;
pub mod finding;
pub mod format;
pub mod frame;
pub mod generate;
pub mod identity;
pub mod ip;
pub mod json;
pub mod lake;
pub mod limits;
pub mod matrix;
pub mod parallel;
pub mod pipeline;
pub mod redact;
pub mod report;
pub mod rule;
#[cfg(feature = "sigma")]
pub mod sigma;
pub mod source;
pub mod sql;
pub mod time;
