//! Request and response bodies of Azure Resource Manager operations: kept where a rule may need
//! them, and read for the role that an assignment gives.

use crate::event::vocabulary::{BodyFrom, OpClass};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::pick::{last_segment, position};
use crate::json::{Kind, Tape, Value};

/// Every role assignment of Azure Resource Manager lies under this provider.
const AUTHORIZATION: &str = "/providers/microsoft.authorization/";

/// Cosmos DB has role assignments of its own, below the account.
const COSMOS_ASSIGNMENTS: &str = "/sqlroleassignments/";

/// The member of a resource's identity that names user-assigned ones.
const USER_ASSIGNED: &str = "userAssignedIdentities";

/// How many `properties` objects deep the fields of a role assignment can lie.
const MAX_PROPERTIES_DEPTH: usize = 3;

/// The bodies of one operation, as its record has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bodies<'r> {
    request: Option<Value<'r>>,
    response: Option<Value<'r>>,
}

impl<'r> Bodies<'r> {
    /// Finds the bodies in `properties`. The keys occur as `requestbody` and `requestBody`, the
    /// values as objects and as strings of JSON; the strings are expected to be expanded.
    pub(super) fn of(properties: Value<'r>) -> Self {
        let body = |key| {
            properties
                .get_ignore_case(key)
                .filter(|body| !body.is_null() && body.scalar().is_none_or(|text| !text.is_empty()))
        };
        Self { request: body("requestbody"), response: body("responsebody") }
    }

    /// Reads the bodies of a record that was read without a tape, each as it stands there, where
    /// this row needs them.
    ///
    /// `row` must have its `operation` and `op_class`.
    pub(super) fn of_json(
        row: &Row<'_>,
        request: Option<&'r str>,
        response: Option<&'r str>,
        tapes: &'r mut BodyTapes,
    ) -> Self {
        let is_needed = is_role_change(row) || has_needed_class(row) || request.is_some_and(may_attach_identity);
        let BodyTapes { request: request_tape, response: response_tape, .. } = tapes;
        let read = |json: Option<&'r str>, tape: &'r mut Tape| {
            let json = json.filter(|_| is_needed)?;
            parse_value(json, tape)?;
            tape.root(json).filter(|body| body.scalar().is_none_or(|text| !text.is_empty()))
        };
        Self { request: read(request, request_tape), response: read(response, response_tape) }
    }

    /// Fills the body columns and, for role assignments, role, assignee, scope and assignment.
    ///
    /// `row` must have its `operation`, `op_class` and `target_id`; `authorized_scope` is the
    /// scope for which Azure Resource Manager checked the caller's permission.
    pub(super) fn apply(self, row: &mut Row<'r>, authorized_scope: Option<&'r str>, scratch: &'r Scratch) {
        let mut from_request = false;
        let mut from_response = false;
        if is_role_change(row) {
            // Azure Resource Manager goes by the id: a request can name another scope.
            set_place_of_assignment(row, authorized_scope);
            from_request = self.request.is_some_and(|body| set_assignment(row, body));
            from_response = self.response.is_some_and(|body| set_assignment(row, body));
            row.set_if_none(TextColumn::Scope, authorized_scope);
        }
        if self.is_needed(row) {
            row.set(TextColumn::RequestBody, self.request.map(|body| compact(body, scratch)));
            row.set(TextColumn::ResponseBody, self.response.map(|body| compact(body, scratch)));
            from_request |= self.request.is_some();
            from_response |= self.response.is_some();
        }
        row.body_from = match (from_request, from_response) {
            (true, _) => Some(BodyFrom::Request),
            (false, true) => Some(BodyFrom::Response),
            (false, false) => None,
        };
    }

    /// Whether a rule may look into the bodies of this operation.
    fn is_needed(self, row: &Row<'_>) -> bool {
        has_needed_class(row)
            || is_role_change(row)
            // Whatever is written with a user-assigned identity: it can be a Databricks one.
            || self.request.is_some_and(attaches_identity)
    }
}

/// Room for the JSON in the strings of one record that was read without a tape.
#[derive(Debug, Default)]
pub struct BodyTapes {
    pub(super) identity: Tape,
    pub(super) request: Tape,
    pub(super) response: Tape,
}

impl BodyTapes {
    /// For JSON nested as deeply as a record may be.
    pub fn with_max_depth(max_depth: usize) -> Self {
        let tape = || Tape::with_max_depth(max_depth);
        Self { identity: tape(), request: tape(), response: tape() }
    }
}

/// Puts a value on a tape as it stands in the record, and what it holds if it is a string of JSON.
/// `None` for what is no JSON.
pub(super) fn parse_value(json: &str, tape: &mut Tape) -> Option<()> {
    // A number ends where something else follows.
    let is_number = json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let parsed = if is_number { tape.parse(format!("{json} ").as_bytes()) } else { tape.parse(json.as_bytes()) };
    parsed.ok()?;
    tape.expand(json, &[]);
    Some(())
}

fn has_needed_class(row: &Row<'_>) -> bool {
    matches!(
        row.op_class,
        OpClass::RoleAssign
            | OpClass::RoleRevoke
            | OpClass::StorageManage
            | OpClass::DiagWrite
            | OpClass::DiagDelete
            | OpClass::IdentityManage
            | OpClass::WorkspaceManage
            | OpClass::ConnectorManage
            | OpClass::VaultManage
            | OpClass::PolicyManage
            | OpClass::NetworkManage
            | OpClass::EventgridManage
            | OpClass::KeyListing
    )
}

/// Whether a request body, as it stands in the record, may give a resource a user-assigned
/// identity. An escaped letter may stand for any.
fn may_attach_identity(json: &str) -> bool {
    position(json, "\\u").is_some() || position(json, USER_ASSIGNED).is_some()
}

/// Whether the operation makes or removes a role assignment, Cosmos DB's own ones included.
fn is_role_change(row: &Row<'_>) -> bool {
    let operation = row.get(TextColumn::Operation).unwrap_or("");
    matches!(row.op_class, OpClass::RoleAssign | OpClass::RoleRevoke)
        || [
            "/roleassignments/write",
            "/roleassignments/delete",
            "/sqlroleassignments/write",
            "/sqlroleassignments/delete",
        ]
        .iter()
        .any(|end| ends_with_ignore_case(operation, end))
}

/// Whether a resource's body gives it a user-assigned identity.
fn attaches_identity(body: Value<'_>) -> bool {
    body.get_ignore_case("identity")
        .and_then(|identity| identity.get_ignore_case(USER_ASSIGNED))
        .is_some_and(|identities| identities.members().next().is_some())
}

/// Takes role, assignee and scope from a body where the row lacks them; returns whether one was.
///
/// The keys come in every case (`Properties.PrincipalId`, `properties.principalId`), with the
/// fields in `properties` or beside it.
fn set_assignment<'r>(row: &mut Row<'r>, body: Value<'r>) -> bool {
    let Some(fields) = assignment_in(body) else { return false };
    let text = |key| fields.get_ignore_case(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut taken = false;
    for (column, value) in [
        (TextColumn::RoleId, text("roleDefinitionId").and_then(last_segment)),
        (TextColumn::AssigneeId, text("principalId")),
        (TextColumn::Scope, text("scope")),
    ] {
        taken |= value.is_some() && row.get(column).is_none();
        row.set_if_none(column, value);
    }
    taken
}

/// The object in a body that holds the fields of a role assignment.
fn assignment_in(body: Value<'_>) -> Option<Value<'_>> {
    let mut object = body;
    for _ in 0..MAX_PROPERTIES_DEPTH {
        if object.get_ignore_case("principalId").is_some() || object.get_ignore_case("roleDefinitionId").is_some() {
            return Some(object);
        }
        object = object.get_ignore_case("properties")?;
    }
    None
}

/// Takes assignment and scope from the id of what was written, or of what was authorised.
fn set_place_of_assignment<'r>(row: &mut Row<'r>, authorized_scope: Option<&'r str>) {
    for id in [row.get(TextColumn::TargetId), authorized_scope].into_iter().flatten() {
        if find_ignore_case(id, "roleassignments/").is_some() {
            row.set_if_none(TextColumn::RoleAssignmentId, last_segment(id));
        }
        let end = find_ignore_case(id, AUTHORIZATION).or_else(|| find_ignore_case(id, COSMOS_ASSIGNMENTS));
        let scope = end.and_then(|end| id.get(..end));
        // The scope of an assignment for the whole tenant is the empty path.
        row.set_if_none(TextColumn::Scope, scope.map(|scope| if scope.is_empty() { "/" } else { scope }));
    }
}

/// Writes a body as compact JSON. A body that is no JSON, such as a truncated one, becomes a
/// string.
fn compact<'r>(body: Value<'r>, scratch: &'r Scratch) -> &'r str {
    let mut text = String::new();
    body.write_compact(&mut text);
    scratch.keep(&text)
}

/// Whether a text that lies anywhere in `value` contains `words`.
pub(super) fn mentions(value: Value<'_>, words: &str) -> bool {
    match value.kind() {
        Kind::String => value.as_str().is_some_and(|text| text.contains(words)),
        Kind::Array => value.items().any(|item| mentions(item, words)),
        Kind::Object => value.members().any(|(_, member)| mentions(member, words)),
        Kind::Null | Kind::Bool | Kind::Number => false,
    }
}

/// Whether `text` ends with `end`, which is in lower case.
pub(super) fn ends_with_ignore_case(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|start| text.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// The position of the last `part` in `text`, in any case.
fn find_ignore_case(text: &str, part: &str) -> Option<usize> {
    text.as_bytes().windows(part.len()).rposition(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests;
