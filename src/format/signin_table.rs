//! Sign-ins as Log Analytics keeps them: `SigninLogs`, `AADManagedIdentitySignInLogs` and their
//! like, from queries as JSON or CSV, and from data export.

use crate::event::vocabulary::Form;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::paths::{self, Path, Places};
use crate::format::signin::{self, Category, Layout};
use crate::json::Value;

/// Nested columns are `dynamic` in `SigninLogs` and `string` in the other tables.
/// <https://learn.microsoft.com/azure/azure-monitor/reference/tables/aadmanagedidentitysigninlogs>
pub(super) const JSON_IN_STRINGS: &[Path] = &[&["Status"], &["ManagedServiceIdentity"]];

const CATEGORY: Places = &[&["Type"], &["$table"], &["Category"]];

const LAYOUT: Layout = Layout {
    form: Form::LogAnalytics,
    time: &[&["CreatedDateTime"], &["CreatedDateTime [UTC]"], &["TimeGenerated"], &["TimeGenerated [UTC]"]],
    id: &[&["Id"]],
    error_code: &[&["Status", "errorCode"], &["ResultType"]],
    status: &[&["ResultSignature"]],
    user_id: &[&["UserId"]],
    user_name: &[&["UserPrincipalName"], &["UserDisplayName"], &["Identity"]],
    application_principal_id: &[&["ServicePrincipalId"]],
    application_principal_name: &[&["ServicePrincipalName"], &["AppDisplayName"]],
    credential_type: &[&["ClientCredentialType"]],
    credential_key: &[&["ServicePrincipalCredentialKeyId"], &["ServicePrincipalCredentialThumbprint"]],
    federated_credential: &[&["FederatedCredentialId"]],
    duration: &[&["DurationMs"]],
    columns: &[
        (TextColumn::OperationRaw, &[&["OperationName"]]),
        (TextColumn::AppId, &[&["AppId"]]),
        (TextColumn::Mirid, &[&["ManagedServiceIdentity", "associatedResourceId"]]),
        // `TenantId` is the workspace's id in every table of Log Analytics.
        (TextColumn::TenantId, &[&["AADTenantId"], &["ResourceTenantId"], &["HomeTenantId"]]),
        (TextColumn::SrcIp, &[&["IPAddress"]]),
        (TextColumn::UserAgent, &[&["UserAgent"]]),
        (TextColumn::TargetName, &[&["ResourceDisplayName"]]),
        (TextColumn::AudienceAppId, &[&["ResourceIdentity"]]),
        (TextColumn::CorrelationId, &[&["CorrelationId"]]),
        (TextColumn::TokenUti, &[&["UniqueTokenIdentifier"]]),
    ],
};

/// The row says which table it is from; where a query dropped that column, its category does, or
/// the operation that only these tables have.
pub(super) fn probe(root: Value<'_>) -> bool {
    if let Some(table) = paths::table_name(root) {
        return Category::from_word(table).is_some();
    }
    paths::has_time_generated(root)
        && (category(root).is_some()
            || paths::top(root, "OperationName").is_some_and(|name| name.eq_ignore_ascii_case("Sign-in activity")))
}

fn category(root: Value<'_>) -> Option<Category> {
    CATEGORY.iter().find_map(|path| Category::from_word(root.at(path)?.as_str()?))
}

pub(super) fn decode<'r>(root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    signin::decode(root, category(root), &LAYOUT)
}

#[cfg(test)]
mod tests;
