//! What the binaries of the comparison share: which log a file belongs to, and how folders are walked.

pub mod files;
pub mod layouts;
pub mod random;
pub mod records;
pub mod templates;
pub mod text;
