//! What the binaries of the comparison are made of: logs of an archive, and records that differ.

pub mod files;
pub mod layouts;
pub mod random;
pub mod records;
pub mod templates;
pub mod text;
