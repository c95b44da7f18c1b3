//! The integration tests: one binary, a file a subject. Raw records go in, events and findings
//! come out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on fails by a panic"
)]

mod cli;
mod comfort;
mod fast_path;
mod formats;
mod forms;
mod generated;
mod layers;
mod matrix;
mod questions;
mod real_logs;
mod render;
mod rule_library;
mod rules_cli;
#[cfg(feature = "sigma")]
mod rules_import;
mod show;
#[cfg(feature = "sigma")]
mod sigma_meaning;
mod sql;
mod sql_prompt;
mod support;
mod tenant;
mod uid;
