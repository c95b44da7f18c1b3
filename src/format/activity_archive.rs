//! The Activity Log as a diagnostic setting writes it: storage archive, Event Hub, Capture.

use crate::event::vocabulary::Form;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::activity::{self, Layout};
use crate::format::body::ends_with_ignore_case;
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
        Some(category) => {
            CATEGORIES.iter().any(|known| known.eq_ignore_ascii_case(category))
                && (has_time || !paths::has(root, "eventTimestamp"))
        }
        None => {
            has_time
                && paths::has(root, "resultType")
                && paths::text(root, LAYOUT.operation).is_some_and(is_resource_manager_operation)
        }
    }
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

#[cfg(test)]
mod tests;
