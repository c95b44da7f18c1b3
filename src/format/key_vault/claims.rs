//! The token's claims, in both dialects and all forms.

use crate::arm;
use crate::event::vocabulary::TokenKind;
use crate::format::members::{Archived, Member};
use crate::format::pick::{pick, text};
use crate::json::Value;

/// How many claims are read, each dialect counted.
const COUNT: usize = 18;

/// The claims as tokens name them. Data plane calls have the short names, calls by Azure Resource
/// Manager the long ones. Seen in real exports, 2025.
const NAMES: [&str; COUNT] = [
    "oid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "appid",
    "appidacr",
    "idtyp",
    "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "unique_name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    "scp",
    "http://schemas.microsoft.com/identity/claims/scope",
    "xms_mirid",
    "xms_az_rid",
    "tid",
    "http://schemas.microsoft.com/identity/claims/tenantid",
    "iss",
    "uti",
    "name",
];

/// The same claims as columns of `AzureDiagnostics`, in the same order.
const COLUMNS: [&str; COUNT] = [
    "identity_claim_oid_g",
    "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g",
    "identity_claim_appid_g",
    "identity_claim_appidacr_s",
    "identity_claim_idtyp_s",
    "identity_claim_upn_s",
    "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s",
    "identity_claim_unique_name_s",
    "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_name_s",
    "identity_claim_scp_s",
    "identity_claim_http_schemas_microsoft_com_identity_claims_scope_s",
    "identity_claim_xms_mirid_s",
    "identity_claim_xms_az_rid_s",
    "identity_claim_tid_g",
    "identity_claim_http_schemas_microsoft_com_identity_claims_tenantid_g",
    "identity_claim_iss_s",
    "identity_claim_uti_s",
    "identity_claim_name_s",
];

/// The same claims as members of an archive's record, in the same order.
const MEMBERS: [Member; COUNT] = [
    Member::ClaimOid,
    Member::ClaimOidUri,
    Member::ClaimAppid,
    Member::ClaimAppidacr,
    Member::ClaimIdtyp,
    Member::ClaimUpn,
    Member::ClaimUpnUri,
    Member::ClaimUniqueName,
    Member::ClaimNameUri,
    Member::ClaimScp,
    Member::ClaimScopeUri,
    Member::ClaimMirid,
    Member::ClaimAzRid,
    Member::ClaimTid,
    Member::ClaimTidUri,
    Member::ClaimIss,
    Member::ClaimUti,
    Member::ClaimName,
];

/// What is read of a token's claims.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claims<'r> {
    /// Object id.
    pub(super) object_id: Option<&'r str>,
    /// Application id.
    pub(super) app_id: Option<&'r str>,
    /// How the application proved itself.
    pub(super) app_id_acr: Option<&'r str>,
    /// User principal name, or the unique name in its place.
    pub(super) upn: Option<&'r str>,
    /// Display name.
    pub(super) name: Option<&'r str>,
    /// ARM id of the managed identity.
    pub(super) mirid: Option<&'r str>,
    /// ARM id of the compute that asked for the token.
    pub(super) az_rid: Option<&'r str>,
    /// Entra tenant.
    pub(super) tenant_id: Option<&'r str>,
    /// Unique token identifier.
    pub(super) uti: Option<&'r str>,
    idtyp: Option<&'r str>,
    scope: Option<&'r str>,
}

impl<'r> Claims<'r> {
    /// Reads the claims under `identity`. They stand in `claim`, one word for all of them.
    pub(super) fn of(identity: Option<Value<'r>>) -> Self {
        let [claim, claims] = pick(identity, &["claim", "claims"]);
        Self::from_texts(&pick(claim.or(claims), &NAMES).map(text))
    }

    /// Reads the claims of an archive's record; `None` where they do not stand in `claim`.
    pub(super) fn of_members(members: Archived<'r>) -> Option<Self> {
        if members.has(Member::Claims) {
            return None;
        }
        Some(Self::from_texts(&MEMBERS.map(|member| members.text(member))))
    }

    /// Reads the claims of a row of `AzureDiagnostics`. Past 500 columns its table moves the rest
    /// into `AdditionalFields`:
    /// <https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics>, read 2026-11.
    pub(super) fn of_diagnostics(root: Value<'r>) -> Self {
        let mut found = pick(Some(root), &COLUMNS);
        if let Some(additional) = root.at(&["AdditionalFields"]) {
            for (slot, value) in found.iter_mut().zip(pick(Some(additional), &COLUMNS)) {
                *slot = slot.or(value);
            }
        }
        Self::from_texts(&found.map(text))
    }

    fn from_texts(found: &[Option<&'r str>; COUNT]) -> Self {
        let [oid, oid_uri, appid, appidacr, idtyp, upn, upn_uri, unique_name, name_uri, rest @ ..] = *found;
        let [scp, scope_uri, mirid, az_rid, tid, tid_uri, iss, uti, name] = rest;
        Self {
            object_id: oid.or(oid_uri),
            app_id: appid,
            app_id_acr: appidacr,
            upn: upn.or(upn_uri).or(unique_name).or(name_uri.filter(|name| name.contains('@'))),
            name: name_uri.or(name),
            mirid,
            az_rid,
            tenant_id: tid.or(tid_uri).or_else(|| iss.and_then(tenant_of_issuer)),
            uti,
            idtyp,
            scope: scp.or(scope_uri),
        }
    }

    /// Whether the claims say who it was at all.
    pub(super) fn name_a_principal(&self) -> bool {
        self.object_id.or(self.app_id).or(self.upn).or(self.mirid).is_some()
    }

    /// Whom the token was issued to. What only a person's token has comes first.
    pub(super) fn token_kind(&self) -> TokenKind {
        let is = |word: &str| self.idtyp.is_some_and(|idtyp| idtyp.eq_ignore_ascii_case(word));
        if self.upn.is_some() || self.scope.is_some() || is("user") {
            TokenKind::User
        } else if is("app") || self.mirid.is_some() {
            TokenKind::App
        } else {
            TokenKind::Unknown
        }
    }
}

/// The tenant in `https://sts.windows.net/TENANT/` or `https://login.microsoftonline.com/TENANT/v2.0`.
fn tenant_of_issuer(issuer: &str) -> Option<&str> {
    issuer.split('/').find(|segment| arm::is_guid(segment))
}
