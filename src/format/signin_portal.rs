//! Sign-ins as the portal's CSV downloads have them.

use crate::event::vocabulary::Form;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::paths::{self, Path, Places};
use crate::format::signin::{self, Category, Layout};
use crate::json::Value;

pub(super) const JSON_IN_STRINGS: &[Path] = &[];

/// What only a sign-in with a credential of its own has: managed identities have no address, as
/// in every record of theirs in real exports of 2022 and 2025.
const OWN_CREDENTIAL: Places = &[&["Credential key ID"], &["Credential thumbprint"], &["IP address"]];

const LAYOUT: Layout = Layout {
    form: Form::PortalCsv,
    time: &[&["Date (UTC)"]],
    id: &[&["Request ID"]],
    error_code: &[&["Sign-in error code"]],
    status: &[&["Status"]],
    user_id: &[&["User ID"]],
    user_name: &[&["Username"], &["User"]],
    application_principal_id: &[&["Service principal ID"]],
    application_principal_name: &[&["Service principal name"], &["Application"]],
    credential_type: &[&["Client credential type"]],
    credential_key: &[&["Credential key ID"], &["Credential thumbprint"]],
    federated_credential: &[&["Federated Token Id"]],
    duration: &[],
    columns: &[
        (TextColumn::AppId, &[&["Application ID"]]),
        (TextColumn::Mirid, &[&["Associated Resource Id"]]),
        (TextColumn::TenantId, &[&["Resource tenant ID"], &["Home tenant ID"]]),
        (TextColumn::SrcIp, &[&["IP address"]]),
        (TextColumn::UserAgent, &[&["User agent"]]),
        (TextColumn::TargetName, &[&["Resource"]]),
        (TextColumn::AudienceAppId, &[&["Resource ID"]]),
        (TextColumn::CorrelationId, &[&["Correlation ID"]]),
        (TextColumn::TokenUti, &[&["Unique token identifier"]]),
    ],
};

/// The headers of time and id, which every row has, are only in these files together.
pub(super) fn probe(root: Value<'_>) -> bool {
    ["Date (UTC)", "Request ID"].iter().all(|key| paths::has(root, key))
}

/// The files do not name the category. Interactive and other sign-ins of people have the same
/// header, so a person's stays without one; so does an application's without any sign.
fn category(root: Value<'_>) -> Option<Category> {
    let has = |places| paths::text(root, places).is_some();
    let managed = paths::text(root, &[&["Managed Identity type"]]);
    if has(LAYOUT.user_id) {
        None
    } else if managed.is_some_and(|kind| !kind.eq_ignore_ascii_case("none")) || has(&[&["Associated Resource Id"]]) {
        Some(Category::ManagedIdentity)
    } else if has(LAYOUT.application_principal_id) && has(OWN_CREDENTIAL) {
        Some(Category::ServicePrincipal)
    } else {
        None
    }
}

pub(super) fn decode<'r>(root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    signin::decode(root, category(root), &LAYOUT)
}

#[cfg(test)]
mod tests;
