//! The integration tests: one binary, a file a subject. Raw records go in, events and findings
//! come out.

mod cli;
mod formats;
mod forms;
mod layers;
mod real_logs;
mod render;
mod rule_library;
mod support;
mod tenant;
mod uid;
