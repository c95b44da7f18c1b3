//! The normalised event: its columns, its closed vocabularies, and the builders of its batches.
//!
//! A format fills a [`Row`] with slices of the record; [`EventBuilder`] folds each value once per
//! distinct text, assigns the [`uid`], and makes Arrow batches of the *decoded* columns. What
//! depends on the whole input (streams, scopes) is added later, by `identity`.

pub mod absent;
pub mod audience;
pub mod builder;
pub mod fold;
pub mod operation;
pub mod role;
pub mod row;
pub mod schema;
pub mod uid;
pub mod vocabulary;

pub use builder::{Address, EventBuilder};
pub use row::{Row, Scratch};
pub use schema::TextColumn;
