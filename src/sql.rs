//! The one `DataFusion` session: how it is made, and which tables and views stand in it.

pub mod columns;
mod events;
mod functions;
#[cfg(feature = "lake")]
pub mod lake_table;
pub mod limits;
pub mod narrow;
pub(crate) mod row;
pub mod run;
pub mod session;
pub mod tables;
mod windows;

#[cfg(test)]
pub(crate) mod fixture;
