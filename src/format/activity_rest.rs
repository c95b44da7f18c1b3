//! The Activity Log as Azure's REST API gives it: command line, portal JSON, and, in snake case,
//! the Python SDK.

use crate::event::vocabulary::Form;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::activity::{self, Layout};
use crate::format::paths::{self, Path};
use crate::json::Value;

/// The SDK leaves the keys inside `properties` and `claims` as the API has them.
pub(super) const JSON_IN_STRINGS: &[Path] = &[
    &["properties", "requestbody"],
    &["properties", "requestBody"],
    &["properties", "responseBody"],
    &["properties", "responsebody"],
];

const REST: Layout = Layout {
    form: Form::Rest,
    time: &[&["eventTimestamp"]],
    operation: &[&["operationName", "value"], &["operationName"]],
    status: &[&["status", "value"], &["status"]],
    sub_status: &[&["subStatus", "value"], &["subStatus"]],
    event_name: &[&["eventName", "value"], &["eventName"]],
    claims: &[&["claims"]],
    authorization: &[&["authorization"]],
    caller: &[&["caller"]],
    tenant: &[&["tenantId"]],
    hierarchy: &[&["properties", "hierarchy"]],
    properties: &[&["properties"]],
    duration: &[],
    columns: &[
        (TextColumn::Category, &[&["category", "value"], &["category"], &["properties", "eventCategory"]]),
        (TextColumn::CorrelationId, &[&["correlationId"]]),
        (TextColumn::OperationId, &[&["operationId"]]),
        (TextColumn::TargetId, &[&["resourceId"], &["resourceUri"]]),
        (TextColumn::SrcIp, &[&["httpRequest", "clientIpAddress"]]),
    ],
};

const SDK: Layout = Layout {
    form: Form::Sdk,
    time: &[&["event_timestamp"]],
    operation: &[&["operation_name", "value"], &["operation_name"]],
    status: &[&["status", "value"], &["status"]],
    sub_status: &[&["sub_status", "value"], &["sub_status"]],
    event_name: &[&["event_name", "value"], &["event_name"]],
    claims: &[&["claims"]],
    authorization: &[&["authorization"]],
    caller: &[&["caller"]],
    tenant: &[&["tenant_id"]],
    hierarchy: &[&["properties", "hierarchy"]],
    properties: &[&["properties"]],
    duration: &[],
    columns: &[
        (TextColumn::Category, &[&["category", "value"], &["category"], &["properties", "eventCategory"]]),
        (TextColumn::CorrelationId, &[&["correlation_id"]]),
        (TextColumn::OperationId, &[&["operation_id"]]),
        (TextColumn::TargetId, &[&["resource_id"], &["resource_uri"]]),
        (TextColumn::SrcIp, &[&["http_request", "client_ip_address"]]),
    ],
};

/// Event Hubs' own audit has `eventTimestamp` too, but no `operationName`.
pub(super) fn probe(root: Value<'_>) -> bool {
    is_sdk(root) || (paths::has(root, "eventTimestamp") && paths::has(root, "operationName"))
}

fn is_sdk(root: Value<'_>) -> bool {
    paths::has(root, "event_timestamp") && paths::has(root, "operation_name")
}

pub(super) fn decode<'r>(root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    activity::decode(root, if is_sdk(root) { &SDK } else { &REST }, scratch)
}

#[cfg(test)]
mod tests;
