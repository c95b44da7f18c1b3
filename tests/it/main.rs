//! The integration tests: one binary, a file a subject. Raw records go in, events and findings
//! come out.

mod forms;
mod real_logs;
mod render;
mod support;
mod uid;
