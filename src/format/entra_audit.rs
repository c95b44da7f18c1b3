//! Entra audit logs in all forms: who changed roles and credentials of service principals.

use crate::event::operation::classify;
use crate::event::vocabulary::{BodyFrom, Form, LogSource, OpClass, Outcome, PrincipalVia, TokenKind};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::actor::{self, is_pim};
use crate::format::paths::{self, Columns, Path, Places};
use crate::json::Value;

/// The category of the diagnostic setting. What the other forms call category is a finer word
/// (`UserManagement`) that the diagnostic setting has too, inside `properties`.
const CATEGORY: &str = "AuditLogs";

/// Nested columns of Log Analytics are JSON in strings: seen in a real export.
pub(super) const JSON_IN_STRINGS: &[Path] = &[&["properties"], &["InitiatedBy"], &["TargetResources"]];

/// Where a form keeps what every form has.
#[derive(Debug)]
struct Layout {
    form: Form,
    time: Places,
    operation: Places,
    id: Places,
    result: Places,
    reason: Places,
    service: Places,
    initiator: Places,
    targets: Places,
    duration: Places,
    columns: Columns,
}

const ARCHIVE: Layout = Layout {
    form: Form::Archive,
    time: &[&["properties", "activityDateTime"], &["time"]],
    operation: &[&["properties", "activityDisplayName"], &["operationName"]],
    id: &[&["properties", "id"]],
    result: &[&["properties", "result"], &["resultType"]],
    reason: &[&["properties", "resultReason"]],
    service: &[&["properties", "loggedByService"]],
    initiator: &[&["properties", "initiatedBy"]],
    targets: &[&["properties", "targetResources"]],
    duration: &[&["durationMs"]],
    columns: &[
        (TextColumn::TenantId, &[&["tenantId"], &["properties", "tenantId"]]),
        (TextColumn::SrcIp, &[&["callerIpAddress"], &["properties", "initiatedBy", "user", "ipAddress"]]),
        (TextColumn::UserAgent, &[&["properties", "userAgent"]]),
        (TextColumn::CorrelationId, &[&["properties", "correlationId"], &["correlationId"]]),
    ],
};

const GRAPH: Layout = Layout {
    form: Form::Graph,
    time: &[&["activityDateTime"]],
    operation: &[&["activityDisplayName"]],
    id: &[&["id"]],
    result: &[&["result"]],
    reason: &[&["resultReason"]],
    service: &[&["loggedByService"]],
    initiator: &[&["initiatedBy"]],
    targets: &[&["targetResources"]],
    duration: &[],
    columns: &[
        (TextColumn::SrcIp, &[&["initiatedBy", "user", "ipAddress"]]),
        (TextColumn::UserAgent, &[&["userAgent"]]),
        (TextColumn::CorrelationId, &[&["correlationId"]]),
    ],
};

const TABLE: Layout = Layout {
    form: Form::LogAnalytics,
    time: &[&["ActivityDateTime"], &["ActivityDateTime [UTC]"], &["TimeGenerated"], &["TimeGenerated [UTC]"]],
    operation: &[&["ActivityDisplayName"], &["OperationName"]],
    id: &[&["Id"]],
    result: &[&["Result"]],
    reason: &[&["ResultReason"]],
    service: &[&["LoggedByService"]],
    initiator: &[&["InitiatedBy"]],
    targets: &[&["TargetResources"]],
    duration: &[&["DurationMs"]],
    columns: &[
        // `TenantId` is the workspace's id in every table of Log Analytics.
        (TextColumn::TenantId, &[&["AADTenantId"]]),
        (TextColumn::SrcIp, &[&["InitiatedBy", "user", "ipAddress"]]),
        (TextColumn::CorrelationId, &[&["CorrelationId"]]),
    ],
};

/// The layout of a record of this log; `None` for every other record.
fn layout(root: Value<'_>) -> Option<&'static Layout> {
    let all = |keys: &[&str]| keys.iter().all(|key| paths::has(root, key));
    let is_archive = paths::top(root, "category").is_some_and(|category| category.eq_ignore_ascii_case(CATEGORY));
    if is_archive && all(&["time", "properties"]) {
        return Some(&ARCHIVE);
    }
    let is_table = match paths::table_name(root) {
        Some(table) => table.eq_ignore_ascii_case(CATEGORY),
        None => paths::has_time_generated(root) && all(&["ActivityDisplayName", "TargetResources"]),
    };
    if is_table {
        return Some(&TABLE);
    }
    all(&["activityDateTime", "activityDisplayName", "id"]).then_some(&GRAPH)
}

pub(super) fn probe(root: Value<'_>) -> bool {
    layout(root).is_some()
}

pub(super) fn decode<'r>(root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let layout = layout(root).unwrap_or(&ARCHIVE);
    let mut row = Row::new(LogSource::EntraAudit, layout.form);
    row.time = Some(paths::time(root, layout.time).ok_or(RejectReason::NoTime)?);
    let operation = paths::text(root, layout.operation).ok_or(RejectReason::NoOperation)?;
    row.set(TextColumn::Operation, Some(operation));
    row.set(TextColumn::OperationRaw, Some(operation));
    let is = classify(LogSource::EntraAudit, operation, None);
    row.op_class = is.op_class;
    row.plane = is.plane;
    row.activity = is.activity;
    row.set(TextColumn::Category, Some(CATEGORY));
    row.uid_parts = [paths::text(root, layout.id), None, None];
    paths::fill(&mut row, root, layout.columns);
    row.duration_ms = paths::number(root, layout.duration);
    set_result(&mut row, root, layout);
    set_initiator(&mut row, root, layout);
    if let Some(targets) = paths::array(root, layout.targets) {
        set_target(&mut row, targets, scratch);
    }
    Ok(row)
}

fn set_result<'r>(row: &mut Row<'r>, root: Value<'r>, layout: &Layout) {
    row.outcome = match paths::text(root, layout.result) {
        Some(result) if result.eq_ignore_ascii_case("success") => Outcome::Success,
        Some(result) if ["failure", "timeout"].iter().any(|bad| bad.eq_ignore_ascii_case(result)) => Outcome::Failure,
        _ => Outcome::Unknown,
    };
    // On success the reason is a remark, such as `User registered Email`.
    if row.outcome == Outcome::Failure {
        row.set(TextColumn::ResultCode, paths::text(root, layout.reason));
    }
}

/// Sets who did it: a person or an application. An application can lack its application id.
fn set_initiator<'r>(row: &mut Row<'r>, root: Value<'r>, layout: &Layout) {
    let Some(initiator) = paths::object(root, layout.initiator) else { return };
    let is_by_pim = paths::text(root, layout.service) == Some("PIM");
    let user = paths::object(initiator, &[&["user"]]);
    let (id, name) = if let Some(user) = user {
        row.token_kind = TokenKind::User;
        (paths::text(user, &[&["id"]]), paths::text(user, &[&["userPrincipalName"], &["displayName"]]))
    } else if let Some(app) = paths::object(initiator, &[&["app"]]) {
        row.token_kind = TokenKind::App;
        row.set(TextColumn::AppId, paths::text(app, &[&["appId"]]));
        (paths::text(app, &[&["servicePrincipalId"]]), paths::text(app, &[&["displayName"], &["servicePrincipalName"]]))
    } else {
        (None, None)
    };
    actor::set_principal(row, id.map(|id| (id, PrincipalVia::Caller)));
    row.set(TextColumn::PrincipalName, name);
    // The service that logs is Microsoft's own word, unlike an application's display name.
    row.via_pim = is_by_pim || row.get(TextColumn::AppId).is_some_and(is_pim);
}

/// Sets what was changed: the first service principal, else who got the role, and the changes.
fn set_target<'r>(row: &mut Row<'r>, targets: Value<'r>, scratch: &'r Scratch) {
    let of_type = |wanted: &[&str]| {
        targets.items().find(|target| {
            let kind = paths::text(*target, &[&["type"]]).unwrap_or("");
            paths::text(*target, &[&["id"]]).is_some() && wanted.iter().any(|word| word.eq_ignore_ascii_case(kind))
        })
    };
    let is_role_change = matches!(row.op_class, OpClass::RoleAssign | OpClass::RoleRevoke);
    let member = || is_role_change.then(|| of_type(&["User", "Group"])).flatten();
    let changed = of_type(&["ServicePrincipal"]).or_else(member);
    row.set(TextColumn::AssigneeId, changed.and_then(|target| paths::text(target, &[&["id"]])));
    let named = changed.or_else(|| targets.items().next());
    let name: Places = &[&["displayName"], &["userPrincipalName"]];
    row.set(TextColumn::TargetName, named.and_then(|target| paths::text(target, name)));

    if is_role_change || row.op_class == OpClass::IdentityManage {
        let properties = modified_properties(targets);
        if !properties.is_empty() {
            row.set(TextColumn::RequestBody, Some(scratch.keep(&properties)));
            row.body_from = Some(BodyFrom::Request);
        }
    }
}

/// The modified properties of all targets as one compact JSON array; empty where there are none.
fn modified_properties(targets: Value<'_>) -> String {
    let mut changes = String::new();
    for property in targets.items().filter_map(|target| target.get("modifiedProperties")).flat_map(Value::items) {
        changes.push(if changes.is_empty() { '[' } else { ',' });
        property.write_compact(&mut changes);
    }
    if !changes.is_empty() {
        changes.push(']');
    }
    changes
}

#[cfg(test)]
mod tests;
