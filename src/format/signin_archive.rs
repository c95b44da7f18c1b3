//! Sign-ins as a diagnostic setting writes them: storage archive, Event Hub, Capture.

use crate::event::vocabulary::Form;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::members::{Archived, Member};
use crate::format::paths::{self, Path};
use crate::format::signin::{self, Category, Fields, Layout};
use crate::json::Value;

/// `properties` is an object as a rule; some senders make a string of it.
pub(super) const JSON_IN_STRINGS: &[Path] = &[&["properties"]];

/// `time` is half a minute to three minutes later than the sign-in, and another one in each
/// duplicate of a record; the envelope's `resourceId` is the tenant. Seen in real exports, 2025.
const LAYOUT: Layout = Layout {
    form: Form::Archive,
    time: &[&["properties", "createdDateTime"], &["time"]],
    id: &[&["properties", "id"]],
    error_code: &[&["properties", "status", "errorCode"], &["resultType"]],
    status: &[&["resultSignature"]],
    user_id: &[&["properties", "userId"]],
    user_name: &[&["properties", "userPrincipalName"], &["properties", "userDisplayName"], &["identity"]],
    application_principal_id: &[&["properties", "servicePrincipalId"]],
    application_principal_name: &[&["properties", "servicePrincipalName"], &["properties", "appDisplayName"]],
    credential_type: &[&["properties", "clientCredentialType"]],
    credential_key: &[
        &["properties", "servicePrincipalCredentialKeyId"],
        &["properties", "servicePrincipalCredentialThumbprint"],
    ],
    federated_credential: &[&["properties", "federatedCredentialId"]],
    duration: &[&["durationMs"]],
    columns: &[
        (TextColumn::OperationRaw, &[&["operationName"]]),
        (TextColumn::AppId, &[&["properties", "appId"]]),
        (TextColumn::Mirid, &[&["properties", "managedServiceIdentity", "associatedResourceId"]]),
        (TextColumn::TenantId, &[&["tenantId"], &["properties", "resourceTenantId"]]),
        (TextColumn::SrcIp, &[&["properties", "ipAddress"], &["callerIpAddress"]]),
        (TextColumn::UserAgent, &[&["properties", "userAgent"]]),
        (TextColumn::TargetName, &[&["properties", "resourceDisplayName"]]),
        (TextColumn::AudienceAppId, &[&["properties", "resourceId"]]),
        (TextColumn::CorrelationId, &[&["properties", "correlationId"], &["correlationId"]]),
        (TextColumn::TokenUti, &[&["properties", "uniqueTokenIdentifier"]]),
    ],
};

/// The categories are distinct words of their own. The time is in `properties` as well, and a
/// record without any is to be rejected, not to be lost among strangers.
pub(super) fn probe(root: Value<'_>) -> bool {
    category(root).is_some() && paths::has(root, "properties")
}

fn category(root: Value<'_>) -> Option<Category> {
    Category::from_word(paths::top(root, "category")?)
}

pub(super) fn decode<'r>(root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    signin::decode(root, category(root), &LAYOUT)
}

/// Decodes a record of this category from its members.
pub(super) fn decode_members(category: Category, members: Archived<'_>) -> Result<Row<'_>, RejectReason> {
    let text = |member| members.text(member);
    let fields = Fields {
        time: members.time(&[Member::CreatedDateTime, Member::Time]),
        id: text(Member::Id),
        error_code: members.first(&[Member::ErrorCode, Member::ResultType]),
        status: text(Member::ResultSignature),
        user_id: text(Member::UserId),
        user_name: members.first(&[Member::UserPrincipalName, Member::UserDisplayName, Member::Identity]),
        application_principal_id: text(Member::ServicePrincipalId),
        application_principal_name: members.first(&[Member::ServicePrincipalName, Member::AppDisplayName]),
        credential_type: text(Member::ClientCredentialType),
        credential_key: members.first(&[Member::CredentialKeyId, Member::CredentialThumbprint]),
        federated_credential: text(Member::FederatedCredentialId),
        duration_ms: members.decimal(Member::DurationMs),
    };
    signin::row_of(Form::Archive, Some(category), &fields, |row| {
        row.set(TextColumn::OperationRaw, text(Member::OperationName));
        row.set(TextColumn::AppId, text(Member::AppId));
        row.set(TextColumn::Mirid, text(Member::AssociatedResourceId));
        row.set(TextColumn::TenantId, members.first(&[Member::TenantId, Member::ResourceTenantId]));
        row.set(TextColumn::SrcIp, members.first(&[Member::IpAddress, Member::CallerIpAddress]));
        row.set(TextColumn::UserAgent, text(Member::UserAgent));
        row.set(TextColumn::TargetName, text(Member::ResourceDisplayName));
        row.set(TextColumn::AudienceAppId, text(Member::AudienceId));
        let correlation_id = members.first(&[Member::SigninCorrelationId, Member::CorrelationId]);
        row.set(TextColumn::CorrelationId, correlation_id);
        row.set(TextColumn::TokenUti, text(Member::UniqueTokenIdentifier));
    })
}

#[cfg(test)]
mod tests;
