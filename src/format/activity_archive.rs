//! The Activity Log as a diagnostic setting writes it: storage archive, Event Hub, Capture.

use crate::event::vocabulary::{Form, Status};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::activity::{self, Fields, Layout, fold_status};
use crate::format::actor::Actor;
use crate::format::body::{Bodies, BodyTapes, ends_with_ignore_case};
use crate::format::members::{Archived, Member};
use crate::format::paths::{self, Path};
use crate::json::Value;

/// The categories of the Activity Log. `Write`, `Delete` and `Action` are those of before 2020.
/// <https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema>
const CATEGORIES: &[&str] = &[
    "Action",
    "Administrative",
    "Alert",
    "Autoscale",
    "Delete",
    "Policy",
    "Recommendation",
    "ResourceHealth",
    "Security",
    "ServiceHealth",
    "Write",
];

/// `identity` and `properties` are objects as a rule; some senders make strings of them.
pub(super) const JSON_IN_STRINGS: &[Path] = &[
    &["identity"],
    &["properties"],
    &["properties", "requestbody"],
    &["properties", "requestBody"],
    &["properties", "responseBody"],
    &["properties", "responsebody"],
];

const LAYOUT: Layout = Layout {
    form: Form::Archive,
    time: &[&["time"]],
    operation: &[&["operationName"], &["operationName", "value"]],
    status: &[&["resultType"]],
    sub_status: &[&["resultSignature"]],
    event_name: &[],
    claims: &[&["identity", "claims"]],
    authorization: &[&["identity", "authorization"]],
    caller: &[],
    tenant: &[&["tenantId"]],
    hierarchy: &[&["properties", "hierarchy"]],
    properties: &[&["properties"]],
    duration: &[&["durationMs"]],
    columns: &[
        (TextColumn::Category, &[&["category"], &["properties", "eventCategory"]]),
        (TextColumn::CorrelationId, &[&["correlationId"]]),
        (TextColumn::TargetId, &[&["resourceId"]]),
        (TextColumn::SrcIp, &[&["callerIpAddress"]]),
    ],
};

/// Every resource log has this envelope too, so the category decides; without one, an operation
/// of Azure Resource Manager that has a result. A record of one of the categories is ours without
/// a time too, to be rejected and not to be lost among strangers; the REST API has it elsewhere.
pub(super) fn probe(root: Value<'_>) -> bool {
    if !["operationName", "resourceId"].iter().all(|key| paths::has(root, key)) {
        return false;
    }
    let has_time = paths::has(root, "time");
    match paths::top(root, "category").filter(|category| !category.is_empty()) {
        Some(category) => is_category(category) && (has_time || !paths::has(root, "eventTimestamp")),
        None => {
            has_time
                && paths::has(root, "resultType")
                && paths::text(root, LAYOUT.operation).is_some_and(is_resource_manager_operation)
        }
    }
}

/// Whether this is one of the Activity Log's categories.
pub(super) fn is_category(category: &str) -> bool {
    CATEGORIES.iter().any(|known| known.eq_ignore_ascii_case(category))
}

/// Whether this reads as `Namespace.Provider/types/write`, `/delete` or `/action`.
fn is_resource_manager_operation(operation: &str) -> bool {
    let ends = ["/write", "/delete", "/action"];
    ends.iter().any(|end| ends_with_ignore_case(operation, end))
        && operation.split_once('/').is_some_and(|(provider, _)| provider.contains('.'))
}

pub(super) fn decode<'r>(root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    activity::decode(root, &LAYOUT, scratch)
}

/// Decodes a record from its members; `None` where the tape has to be asked: it knows of members
/// that are there under several names, and of words in the messages of what failed.
pub(super) fn decode_members<'r>(
    members: Archived<'r>,
    scratch: &'r Scratch,
    tapes: &'r mut BodyTapes,
) -> Option<Result<Row<'r>, RejectReason>> {
    let text = |member| members.text(member);
    let status = text(Member::ResultType);
    let is_odd = members.has(Member::RequestBodyOdd) || members.has(Member::ResponseBodyOdd);
    if is_odd || text(Member::Identity).is_some() || status.is_some_and(|word| fold_status(word) == Status::Failure) {
        return None;
    }
    let mut actor = Actor::from_members(members).ok()?;
    if members.is_filled_object(Member::Evidence) {
        let said = |member| members.string(member);
        actor.add_evidence(said(Member::EvidencePrincipalType), said(Member::EvidencePrincipalId));
    }
    let fields = Fields {
        time: members.time(&[Member::Time]),
        operation: text(Member::OperationName),
        status,
        sub_status: text(Member::ResultSignature),
        event_name: None,
        actor,
        caller: None,
        tenant: text(Member::TenantId),
        hierarchy: text(Member::Hierarchy),
        duration_ms: members.decimal(Member::DurationMs),
        authorized_scope: text(Member::AuthorizedScope),
        properties: None,
    };
    let body = |exact: Member, lower: Member| match (members.has(exact), members.has(lower)) {
        (true, true) => None,
        (true, false) => Some(members.json(exact)),
        (false, _) => Some(members.json(lower)),
    };
    let request = body(Member::RequestBody, Member::RequestbodyLower)?;
    let response = body(Member::ResponseBody, Member::ResponsebodyLower)?;
    let fill = |row: &mut Row<'r>| {
        row.set(TextColumn::Category, members.first(&[Member::Category, Member::EventCategory]));
        row.set(TextColumn::CorrelationId, text(Member::CorrelationId));
        row.set(TextColumn::TargetId, text(Member::ResourceId));
        row.set(TextColumn::SrcIp, text(Member::CallerIpAddress));
    };
    let tapes = Some(tapes).filter(|_| members.is_filled_object(Member::Properties));
    let bodies = |row: &Row<'r>| tapes.map(|tapes| Bodies::of_json(row, request, response, tapes));
    Some(activity::row_of(Form::Archive, &fields, fill, bodies, scratch))
}

#[cfg(test)]
mod tests;
