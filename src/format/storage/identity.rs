//! Who made a storage request.

use super::Fields;
use super::authorization::Authorization;
use crate::event::vocabulary::{AuthType, PrincipalVia, TokenKind};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::actor;
use crate::format::pick::same_guid;
use crate::format::sas::Uri;

/// Sets the columns of the effective principal.
///
/// A user-delegation SAS acts with the rights of the principal in its `skoid`, whoever holds it;
/// that one is the effective principal, and what the record says of the requester is not its.
pub(super) fn set<'r>(row: &mut Row<'r>, fields: &Fields<'r>, uri: Uri<'r>, scratch: &'r Scratch) {
    let declared = fields.auth_type.map_or(AuthType::Unknown, auth_type);
    // Only a signature makes `skoid` more than text that the caller wrote into the query.
    let by_signature = matches!(declared, AuthType::Sas | AuthType::DelegationSas | AuthType::Unknown);
    let named = if by_signature { uri.delegation(scratch) } else { None };
    // A signature that did not hold proves nothing: anybody can write anybody's id into a query.
    let delegation = named.filter(|_| !signature_refused(fields));
    row.auth_type = match declared {
        _ if named.is_some() => AuthType::DelegationSas,
        AuthType::Unknown if uri.is_signed() => AuthType::Sas,
        declared => declared,
    };
    if let Some(delegation) = delegation {
        row.set(TextColumn::PrincipalId, Some(delegation.object_id));
        row.principal_via = PrincipalVia::SasSkoid;
        row.set(TextColumn::RequesterId, fields.object_id.filter(|id| !same_guid(id, delegation.object_id)));
        row.set(TextColumn::TenantId, delegation.tenant_id.or(fields.tenant_id));
        row.token_kind = kind_of(fields.authorization, delegation.object_id).unwrap_or(TokenKind::Unknown);
        return;
    }
    row.set(TextColumn::TenantId, fields.tenant_id);
    if matches!(row.auth_type, AuthType::AccountKey | AuthType::Anonymous) {
        return;
    }
    let delegator = if row.auth_type == AuthType::DelegationSas { first_principal(fields.authorization) } else { None };
    let principal = fields.object_id.or(delegator);
    row.set(TextColumn::AppId, fields.app_id);
    row.set(TextColumn::PrincipalName, fields.upn);
    row.token_kind = if fields.upn.is_some() {
        TokenKind::User
    } else {
        let own = principal.and_then(|principal| kind_of(fields.authorization, principal));
        own.or_else(|| any_kind(fields.authorization)).unwrap_or(TokenKind::Unknown)
    };
    actor::set_principal(row, principal.map(|id| (id, PrincipalVia::Oauth)));
}

/// Whether storage refused the signature itself (`AuthenticationFailed`), not the access asked for
/// (`AuthorizationPermissionMismatch`).
/// <https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>, read 2026-11.
fn signature_refused(fields: &Fields<'_>) -> bool {
    [fields.status_text, fields.response_type].into_iter().flatten().any(|text| {
        text.eq_ignore_ascii_case("AuthenticationFailed") || text.eq_ignore_ascii_case("AuthenticationError")
    })
}

/// Folds `identity.type`. Documentation writes `Account Key` and `SAS Key`, real records
/// `AccountKey`, `SAS` and `DelegationSAS`. `TrustedAccess` is a token of a managed identity that
/// a resource instance rule lets in (practitioners' knowledge, not seen in a record).
fn auth_type(declared: &str) -> AuthType {
    let starts_with = |word: &str| {
        let mut letters = declared.bytes().filter(|byte| *byte != b' ').map(|byte| byte.to_ascii_lowercase());
        word.bytes().all(|expected| letters.next() == Some(expected))
    };
    let words = [
        ("oauth", AuthType::Oauth),
        ("trustedaccess", AuthType::Oauth),
        ("delegationsas", AuthType::DelegationSas),
        ("userdelegationsas", AuthType::DelegationSas),
        ("sas", AuthType::Sas),
        ("accountkey", AuthType::AccountKey),
        ("anonymous", AuthType::Anonymous),
        ("kerberos", AuthType::Kerberos),
    ];
    words.iter().find(|(word, _)| starts_with(word)).map_or(AuthType::Unknown, |(_, kind)| *kind)
}

fn first_principal(authorization: Authorization<'_>) -> Option<&str> {
    authorization.principals().find_map(|(id, _)| id)
}

fn token_kind(word: &str) -> Option<TokenKind> {
    if word.eq_ignore_ascii_case("User") {
        Some(TokenKind::User)
    } else if word.eq_ignore_ascii_case("ServicePrincipal") {
        Some(TokenKind::App)
    } else {
        None
    }
}

/// The kind of the principal with this id.
fn kind_of(authorization: Authorization<'_>, id: &str) -> Option<TokenKind> {
    let own = authorization.principals().filter(|(other, _)| other.is_some_and(|other| same_guid(other, id)));
    own.filter_map(|(_, kind)| kind).find_map(token_kind)
}

/// The kind of whichever principals there are, users first.
fn any_kind(authorization: Authorization<'_>) -> Option<TokenKind> {
    let kinds = || authorization.principals().filter_map(|(_, kind)| kind).filter_map(token_kind);
    kinds().find(|kind| *kind == TokenKind::User).or_else(|| kinds().next())
}
