//! What let a caller of storage in, or kept it out: the entries of `authorization`.

use crate::format::members::{Archived, Member};
use crate::format::pick::{last_segment, pick, text};
use crate::json::Value;

/// The entries, however many there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Authorization<'r> {
    /// None, or nothing that can be read as entries.
    #[default]
    None,
    /// Exactly one, with at most one principal: so nearly all records have it.
    One(Entry<'r>),
    /// The array.
    Array(Value<'r>),
}

/// One entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry<'r> {
    result: Option<&'r str>,
    deny_assignment: Option<&'r str>,
    role: Option<&'r str>,
    assignment: Option<&'r str>,
    principals: Principals<'r>,
}

/// The principals of an entry: id and type.
#[derive(Debug, Clone, Copy, Default)]
enum Principals<'r> {
    #[default]
    None,
    One(Option<&'r str>, Option<&'r str>),
    Array(Value<'r>),
}

impl<'r> Authorization<'r> {
    /// The entries of an array; every other value has none.
    pub(super) fn of_value(value: Option<Value<'r>>) -> Self {
        value.map_or(Self::None, Self::Array)
    }

    /// The entry of an archive's record; `None` where it has several entries or principals.
    pub(super) fn of_members(members: Archived<'r>) -> Option<Self> {
        if members.json(Member::Authorization).is_none() {
            // An object, as the Activity Log has it, has no entries.
            return Some(Self::None);
        }
        let principals = if members.is_single(Member::GrantPrincipals) {
            Principals::One(members.text(Member::GrantPrincipalId), members.text(Member::GrantPrincipalType))
        } else if members.has(Member::GrantPrincipals) {
            return None;
        } else {
            Principals::None
        };
        let entry = Entry {
            result: members.text(Member::GrantResult),
            deny_assignment: members.text(Member::GrantDeny),
            role: members.text(Member::GrantRole),
            assignment: members.text(Member::GrantAssignment),
            principals,
        };
        members.is_single(Member::Authorization).then_some(Self::One(entry))
    }

    fn entries(self) -> impl Iterator<Item = Entry<'r>> {
        let (one, array) = match self {
            Self::None => (None, None),
            Self::One(entry) => (Some(entry), None),
            Self::Array(array) => (None, Some(array)),
        };
        one.into_iter().chain(array.into_iter().flat_map(Value::items).map(Entry::of_value))
    }

    /// The principals of all entries: id and type.
    pub(super) fn principals(self) -> impl Iterator<Item = (Option<&'r str>, Option<&'r str>)> {
        self.entries().flat_map(|entry| {
            let (one, array) = match entry.principals {
                Principals::None => (None, None),
                Principals::One(id, kind) => (Some((id, kind)), None),
                Principals::Array(array) => (None, Some(array)),
            };
            one.into_iter().chain(array.into_iter().flat_map(Value::items).map(|principal| {
                let [id, kind] = pick(Some(principal), &["id", "type"]);
                (text(id), text(kind))
            }))
        })
    }
}

impl<'r> Entry<'r> {
    fn of_value(entry: Value<'r>) -> Self {
        let [result, deny, role, assignment] =
            pick(Some(entry), &["result", "denyAssignmentId", "roleDefinitionId", "roleAssignmentId"]);
        Self {
            result: text(result),
            deny_assignment: text(deny),
            role: text(role),
            assignment: text(assignment),
            principals: entry.at(&["principals"]).map_or(Principals::None, Principals::Array),
        }
    }
}

/// What the entries say together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdict<'r> {
    pub(super) denied: bool,
    pub(super) deny_assignment: bool,
    pub(super) role_id: Option<&'r str>,
    pub(super) role_assignment_id: Option<&'r str>,
}

impl<'r> Verdict<'r> {
    /// The first entry that is not a refusal is the grant that let the caller in. `result` and
    /// `denyAssignmentId` exist since 2026-03: entries without them are grants.
    pub(super) fn of(authorization: Authorization<'r>) -> Self {
        let mut verdict = Self::default();
        for entry in authorization.entries() {
            verdict.deny_assignment |= entry.deny_assignment.is_some_and(names_something);
            if entry.result.is_some_and(|result| result.eq_ignore_ascii_case("Denied")) {
                verdict.denied = true;
            } else if verdict.role_id.is_none() && verdict.role_assignment_id.is_none() {
                verdict.role_id = entry.role.and_then(last_segment);
                verdict.role_assignment_id = entry.assignment.and_then(last_segment);
            }
        }
        verdict
    }
}

/// Whether an id is more than zeros.
fn names_something(id: &str) -> bool {
    id.bytes().any(|byte| byte != b'0' && byte != b'-')
}
