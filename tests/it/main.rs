//! The integration tests: one binary, a file a subject. Raw records go in, events and findings
//! come out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on fails by a panic"
)]

#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "azure")]
mod azure_faults;
#[cfg(feature = "azure")]
mod azure_token;
#[cfg(feature = "azure")]
mod azurite;
mod cli;
mod comfort;
#[cfg(feature = "postgres")]
mod endpoint;
mod fast_path;
#[cfg(feature = "azure")]
mod fault_proxy;
mod formats;
mod forms;
mod generated;
#[cfg(feature = "lake")]
mod lake;
#[cfg(all(feature = "azure", feature = "lake"))]
mod lake_azure;
mod layers;
mod matrix;
mod outputs;
mod questions;
mod real_logs;
mod render;
mod report_html;
mod rule_library;
mod rules_cli;
#[cfg(feature = "sigma")]
mod rules_import;
#[cfg(feature = "postgres")]
mod serve;
#[cfg(feature = "postgres")]
mod serve_driver;
mod show;
#[cfg(feature = "sigma")]
mod sigma_meaning;
mod sql;
mod sql_prompt;
mod sql_safety;
mod support;
mod tenant;
mod uid;
