//! Section B.2: what roles let their holders do, and how wide a scope is.

use crate::event::vocabulary::{RoleClass, ScopeLevel};

/// A role definition.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Role definition id, lower case with dashes.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it lets its holder do.
    pub class: RoleClass,
    /// Where this is known from.
    pub source: &'static str,
}

/// The role with this id (folded), if the table has it.
pub fn lookup(_id: &str) -> Option<&'static Role> {
    None
}

/// Every role of the table, sorted by id.
pub fn rows() -> &'static [Role] {
    &[]
}

/// How wide a folded scope is; `None` for an empty one.
pub fn scope_level(_scope: &str) -> Option<ScopeLevel> {
    None
}
