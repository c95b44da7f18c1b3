//! What an identity is known to reach: the absence of an event means something only where the log
//! of that very account or vault was read.

use super::logs::Logs;
use super::powers;
use super::roles::Held;
use crate::event::vocabulary::{LogSource, OpClass, ScopeLevel};

/// A storage account that Unity Catalog lets a principal reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Governed {
    pub(super) principal_id: String,
    /// The account's name.
    pub(super) account: String,
}

/// Whether this log, with the reads of storage that are needed, was read of every resource that one of
/// `principals` is known to reach: by its roles, and by the locations of Unity Catalog. A scope above
/// a resource names none, and is no resource that one could miss.
pub(super) fn is_read_everywhere<'a>(
    logs: &Logs,
    (source, needed): (LogSource, Option<OpClass>),
    mut principals: impl Iterator<Item = (&'a str, &'a [Held])>,
    governed: &[Governed],
) -> bool {
    principals.all(|(principal, roles)| {
        let mut scopes = roles.iter().filter(|held| tells_of(held, source)).filter_map(|held| held.at.scope.as_deref());
        scopes.all(|scope| logs.at_scope(source, Some(scope), needed).is_read)
            && (source != LogSource::Storage || are_accounts_read(logs, principal, governed, needed))
    })
}

/// Whether the log of every account that Unity Catalog lets a principal reach was read, with the reads
/// that are needed.
pub(super) fn are_accounts_read(logs: &Logs, principal: &str, governed: &[Governed], needed: Option<OpClass>) -> bool {
    let mut own = governed.iter().filter(|one| one.principal_id == principal);
    own.all(|one| logs.is_read_of_account(&one.account, needed))
}

/// Whether a role names a resource, and its use would be in this log.
fn tells_of(held: &Held, source: LogSource) -> bool {
    matches!(held.scope_level, Some(ScopeLevel::Account | ScopeLevel::Container | ScopeLevel::Resource))
        && held.at.role_id.as_deref().and_then(powers::of).is_some_and(|power| power.source == source)
}
