//! Sign-ins as Microsoft Graph and the portal's JSON download have them.

use crate::event::vocabulary::Form;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::paths::{self, Path, Places};
use crate::format::signin::{self, Category, Layout};
use crate::json::{Kind, Value};

pub(super) const JSON_IN_STRINGS: &[Path] = &[];

/// <https://learn.microsoft.com/graph/api/resources/managedidentity>
const MANAGED_IDENTITY_TYPE: Places = &[&["managedServiceIdentity", "msiType"]];

const LAYOUT: Layout = Layout {
    form: Form::Graph,
    time: &[&["createdDateTime"]],
    id: &[&["id"]],
    error_code: &[&["status", "errorCode"]],
    status: &[],
    user_id: &[&["userId"]],
    user_name: &[&["userPrincipalName"], &["userDisplayName"]],
    application_principal_id: &[&["servicePrincipalId"]],
    application_principal_name: &[&["servicePrincipalName"], &["appDisplayName"]],
    credential_type: &[&["clientCredentialType"]],
    credential_key: &[&["servicePrincipalCredentialKeyId"], &["servicePrincipalCredentialThumbprint"]],
    federated_credential: &[&["federatedCredentialId"]],
    duration: &[],
    columns: &[
        (TextColumn::AppId, &[&["appId"]]),
        (TextColumn::Mirid, &[&["managedServiceIdentity", "associatedResourceId"]]),
        (TextColumn::TenantId, &[&["resourceTenantId"], &["homeTenantId"]]),
        (TextColumn::SrcIp, &[&["ipAddress"]]),
        (TextColumn::UserAgent, &[&["userAgent"]]),
        (TextColumn::TargetName, &[&["resourceDisplayName"]]),
        (TextColumn::AudienceAppId, &[&["resourceId"]]),
        (TextColumn::CorrelationId, &[&["correlationId"]]),
        (TextColumn::TokenUti, &[&["uniqueTokenIdentifier"]]),
    ],
};

/// There is no envelope. A service principal of an inventory has `id`, `appId` and
/// `createdDateTime` too, but no status. What was selected may lack the correlation id; a status
/// with an error code is a sign-in's as well.
pub(super) fn probe(root: Value<'_>) -> bool {
    let Some(status) = root.get("status").filter(|status| status.kind() == Kind::Object) else { return false };
    ["id", "createdDateTime"].iter().all(|key| paths::has(root, key))
        && (paths::has(root, "correlationId") || paths::has(status, "errorCode"))
        && !paths::has(root, "time")
}

/// `signInEventTypes` says it; version 1.0 of the API lacks it and has `isInteractive`.
fn category(root: Value<'_>) -> Option<Category> {
    let types = root.get("signInEventTypes").map(|types| types.items().filter_map(Value::as_str));
    let named = types.and_then(|mut types| types.find_map(from_event_type));
    named.or_else(|| {
        let has = |places| paths::text(root, places).is_some();
        let is_managed =
            paths::text(root, MANAGED_IDENTITY_TYPE).is_some_and(|kind| !kind.eq_ignore_ascii_case("none"));
        if has(LAYOUT.user_id) || has(LAYOUT.user_name) {
            let interactive = root.at(&["isInteractive"]).and_then(Value::as_bool)?;
            Some(if interactive { Category::InteractiveUser } else { Category::NonInteractiveUser })
        } else if is_managed {
            Some(Category::ManagedIdentity)
        } else {
            None
        }
    })
}

fn from_event_type(word: &str) -> Option<Category> {
    match word {
        "interactiveUser" => Some(Category::InteractiveUser),
        "nonInteractiveUser" => Some(Category::NonInteractiveUser),
        "servicePrincipal" => Some(Category::ServicePrincipal),
        "managedIdentity" => Some(Category::ManagedIdentity),
        _ => None,
    }
}

pub(super) fn decode<'r>(root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    signin::decode(root, category(root), &LAYOUT)
}

#[cfg(test)]
mod tests;
