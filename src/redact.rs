//! Takes secrets out of JSON and text, by the names that they go under.
//!
//! [`names`] is the one list. In JSON, which is walked by its structure, JSON inside strings too, the
//! value is replaced by what it was and how long; in other text by [`MASK`]. What is no secret by its
//! name or form cannot be known and stays.

mod json;
pub mod names;
mod text;

pub use json::{json, may_hold as json_may_hold};
pub use text::{MASK, may_hold as text_may_hold, text};

/// Whether secrets are taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redaction {
    /// They are.
    #[default]
    On,
    /// Everything stays as it is: `--raw`.
    Off,
}
