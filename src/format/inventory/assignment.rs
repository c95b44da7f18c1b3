//! A role assignment of an inventory export as an event: what it states is what the operation
//! that made it once did.

use crate::event::operation::classify;
use crate::event::vocabulary::{BodyFrom, Form, LogSource, Outcome};
use crate::event::{Row, TextColumn};
use crate::format::paths::{self, Columns, Places};
use crate::format::pick::last_segment;
use crate::json::Value;

/// The operation that makes an assignment.
const OPERATION: &str = "Microsoft.Authorization/roleAssignments/write";

/// When it was last written. Azure Resource Manager and Resource Graph keep the fields under
/// `properties`, the Azure CLI lifts them to the root.
const TIMES: Places = &[&["properties", "updatedOn"], &["updatedOn"], &["properties", "createdOn"], &["createdOn"]];

const COLUMNS: Columns = &[
    (TextColumn::TargetId, &[&["id"]]),
    (TextColumn::AssigneeId, &[&["properties", "principalId"], &["principalId"]]),
    (TextColumn::Scope, &[&["properties", "scope"], &["scope"]]),
];

const ROLE: Places = &[&["properties", "roleDefinitionId"], &["roleDefinitionId"]];

/// The event of a role assignment, dated by its last change; `None` for one that says neither who
/// holds it nor when it was made. Who made it is left open: an export names the last editor only.
pub(super) fn event(root: Value<'_>) -> Option<Row<'_>> {
    let mut row = Row::new(LogSource::Inventory, Form::Inventory);
    row.time = Some(paths::time(root, TIMES)?);
    paths::fill(&mut row, root, COLUMNS);
    row.get(TextColumn::AssigneeId)?;
    row.set(TextColumn::RoleId, paths::text(root, ROLE).and_then(last_segment));
    row.set(TextColumn::RoleAssignmentId, row.get(TextColumn::TargetId).and_then(last_segment));
    row.set(TextColumn::Operation, Some(OPERATION));
    row.set(TextColumn::OperationRaw, Some(OPERATION));
    let is = classify(LogSource::Inventory, OPERATION, None);
    (row.op_class, row.plane, row.activity) = (is.op_class, is.plane, is.activity);
    row.outcome = Outcome::Success;
    row.body_from = Some(BodyFrom::Inventory);
    Some(row)
}
