//! Which roles the identities hold, as far as logs and inventory say.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::query::{Answers, Grant};
use super::tally::Seen;
use crate::event::role;
use crate::event::vocabulary::{LogSource, RoleClass, ScopeLevel};

/// How a role is known to be held. The order is that of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownFrom {
    /// An inventory export lists it.
    Inventory,
    /// A log tells that it was given.
    Grant,
    /// A log tells that it let its holder in.
    Use,
}

/// A role at a scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RoleAt {
    /// Role definition id.
    pub role_id: Option<String>,
    /// Its name, where the table of roles has it.
    pub role: Option<&'static str>,
    /// Scope; `None` where only its use is known.
    pub scope: Option<String>,
}

/// A role that an identity holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The role.
    #[serde(flatten)]
    pub at: RoleAt,
    /// What it lets its holder do.
    pub role_class: RoleClass,
    /// How wide the scope is.
    pub scope_level: Option<ScopeLevel>,
    /// How it is known.
    pub known_from: BTreeSet<KnownFrom>,
    /// When the logs say that it was given, else when the inventory listed it, and the event that
    /// says so; `None` where only its use is known.
    pub granted: Option<Seen>,
}

impl RoleAt {
    /// A role of the table.
    pub(super) fn new(role_id: Option<&str>, scope: Option<&str>) -> Self {
        let role = role_id.and_then(role::lookup).map(|role| role.name);
        Self { role_id: role_id.map(str::to_owned), role, scope: scope.map(str::to_owned) }
    }
}

/// The roles of every holder, by object id, each in the order of role and scope. A role that was
/// taken away is not held; one that came back is.
pub(super) fn held(answers: &Answers) -> BTreeMap<String, Vec<Held>> {
    let mut roles: BTreeMap<(String, RoleAt), Held> = BTreeMap::new();
    let assigned: BTreeSet<&str> = answers.grants.iter().filter_map(|grant| grant.assignment_id.as_deref()).collect();
    for grant in answers.grants.iter().filter(|grant| !is_revoked(grant, answers)) {
        let at = RoleAt::new(grant.role_id.as_deref(), grant.scope.as_deref());
        let from = if grant.source == LogSource::Inventory { KnownFrom::Inventory } else { KnownFrom::Grant };
        let class = grant.role_class.as_deref().and_then(RoleClass::from_word);
        add(&mut roles, &grant.assignee_id, at, class, (from, Some(grant.seen.clone())));
    }
    for used in &answers.let_in {
        let Some(role_id) = used.role_id.as_deref() else { continue };
        // The grant of this assignment tells more; one that was taken away since is not held.
        let known = used.assignment_id.as_deref().is_some_and(|id| assigned.contains(id) || was_revoked(id, answers));
        let at_some_scope = answers.grants.iter().any(|grant| {
            grant.assignee_id == used.principal_id
                && grant.role_id.as_deref() == Some(role_id)
                && grant.scope.as_deref().is_none_or(|scope| super::proposal::covers(scope, used))
        });
        if !known && !at_some_scope {
            let class = role::lookup(role_id).map(|role| role.class);
            add(&mut roles, &used.principal_id, RoleAt::new(Some(role_id), None), class, (KnownFrom::Use, None));
        }
    }
    let mut by_holder: BTreeMap<String, Vec<Held>> = BTreeMap::new();
    for ((holder, _), held) in roles {
        by_holder.entry(holder).or_default().push(held);
    }
    by_holder
}

fn add(
    roles: &mut BTreeMap<(String, RoleAt), Held>,
    holder: &str,
    at: RoleAt,
    class: Option<RoleClass>,
    (from, granted): (KnownFrom, Option<Seen>),
) {
    let held = roles.entry((holder.to_owned(), at.clone())).or_insert_with(|| Held {
        scope_level: at.scope.as_deref().and_then(role::scope_level),
        at,
        role_class: class.unwrap_or(RoleClass::Unknown),
        known_from: BTreeSet::new(),
        granted: None,
    });
    // A grant in the logs says since when; an inventory only that it was there.
    let is_better = from == KnownFrom::Grant && !held.known_from.contains(&KnownFrom::Grant);
    let is_worse = from == KnownFrom::Inventory && held.known_from.contains(&KnownFrom::Grant);
    if is_better {
        held.granted = granted;
    } else if !is_worse {
        held.granted = held.granted.take().into_iter().chain(granted).min();
    }
    held.known_from.insert(from);
}

fn is_revoked(grant: &Grant, answers: &Answers) -> bool {
    answers
        .revoked
        .iter()
        .any(|gone| Some(&gone.assignment_id) == grant.assignment_id.as_ref() && gone.time >= grant.seen.time)
}

fn was_revoked(assignment_id: &str, answers: &Answers) -> bool {
    answers.revoked.iter().any(|gone| gone.assignment_id == assignment_id)
}
