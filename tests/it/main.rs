//! The integration tests: one binary, a file a subject. Raw records go in, events and findings
//! come out.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on fails by a panic"
)]

mod absence;
#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "azure")]
mod azure_faults;
#[cfg(feature = "azure")]
mod azure_token;
#[cfg(feature = "azure")]
mod azurite;
#[cfg(any(feature = "azure", feature = "postgres"))]
mod certificate;
mod cli;
mod comfort;
mod custody;
#[cfg(feature = "postgres")]
mod endpoint;
mod fast_path;
#[cfg(feature = "azure")]
mod fault_proxy;
#[cfg(target_os = "linux")]
mod faults;
mod formats;
mod forms;
mod fuzz;
#[path = "../fuzz/targets.rs"]
mod fuzz_targets;
mod generated;
#[cfg(feature = "lake")]
mod lake;
#[cfg(all(feature = "azure", feature = "lake"))]
mod lake_azure;
mod layers;
#[cfg(target_os = "linux")]
mod limits;
mod matrix;
mod outputs;
mod questions;
mod real_logs;
mod render;
mod report_html;
mod reproducible;
mod rule_library;
mod rules_cli;
#[cfg(feature = "sigma")]
mod rules_import;
mod secrets;
#[cfg(feature = "postgres")]
mod serve;
#[cfg(feature = "postgres")]
mod serve_driver;
mod show;
#[cfg(feature = "sigma")]
mod sigma_meaning;
mod spooled;
mod sql;
mod sql_prompt;
mod sql_safety;
mod support;
mod tenant;
mod torture;
mod uid;
