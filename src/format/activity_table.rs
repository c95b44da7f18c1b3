//! The Activity Log as Log Analytics keeps it: query results as JSON or CSV, and data export.

use crate::event::vocabulary::Form;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::activity::{self, Layout};
use crate::format::paths::{self, Path};
use crate::json::Value;

/// Columns of type `string` and every column of a CSV hold JSON as text; a data export has the
/// `dynamic` ones as JSON.
pub(super) const JSON_IN_STRINGS: &[Path] = &[
    &["Claims_d"],
    &["Claims"],
    &["Authorization_d"],
    &["Authorization"],
    &["HTTPRequest"],
    &["Properties_d"],
    &["Properties_d", "requestbody"],
    &["Properties_d", "requestBody"],
    &["Properties_d", "responseBody"],
    &["Properties_d", "responsebody"],
    &["Properties"],
    &["Properties", "requestbody"],
    &["Properties", "requestBody"],
    &["Properties", "responseBody"],
    &["Properties", "responsebody"],
];

/// The columns without `Value` have been empty since 2021: seen in a real export of that year.
const LAYOUT: Layout = Layout {
    form: Form::LogAnalytics,
    time: &[&["TimeGenerated"], &["TimeGenerated [UTC]"]],
    operation: &[&["OperationNameValue"], &["OperationName"]],
    status: &[&["ActivityStatusValue"], &["ActivityStatus"]],
    sub_status: &[&["ActivitySubstatusValue"], &["ActivitySubstatus"]],
    event_name: &[],
    claims: &[&["Claims_d"], &["Claims"]],
    authorization: &[&["Authorization_d"], &["Authorization"]],
    caller: &[&["Caller"]],
    // `TenantId` is the workspace's id in every table of Log Analytics.
    tenant: &[],
    hierarchy: &[&["Hierarchy"], &["Properties_d", "hierarchy"], &["Properties", "hierarchy"]],
    properties: &[&["Properties_d"], &["Properties"]],
    duration: &[],
    columns: &[
        (TextColumn::Category, &[&["CategoryValue"], &["Category"]]),
        (TextColumn::CorrelationId, &[&["CorrelationId"]]),
        (TextColumn::OperationId, &[&["OperationId"]]),
        (
            TextColumn::TargetId,
            &[&["_ResourceId"], &["ResourceId"], &["Properties_d", "entity"], &["Properties", "entity"]],
        ),
        (TextColumn::SrcIp, &[&["CallerIpAddress"], &["HTTPRequest", "clientIpAddress"]]),
    ],
};

/// The row says which table it is from; where a query dropped that column, the columns that only
/// this table has say it.
pub(super) fn probe(root: Value<'_>) -> bool {
    match paths::table_name(root) {
        Some(table) => table.eq_ignore_ascii_case("AzureActivity"),
        None => {
            paths::has_time_generated(root)
                && ["OperationNameValue", "ActivityStatusValue"].iter().any(|key| paths::has(root, key))
        }
    }
}

pub(super) fn decode<'r>(root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    activity::decode(root, &LAYOUT, scratch)
}

#[cfg(test)]
mod tests;
