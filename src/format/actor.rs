//! Who acted, from the claims of a token. Short and long claim names are both read.
//!
//! Key Vault writes the short names for calls to its data and the long ones for calls to Azure
//! Resource Manager; the Activity Log writes the long ones. Seen in real exports, 2025.

use crate::arm;
use crate::event::audience;
use crate::event::vocabulary::{AuthType, PrincipalVia, TokenKind};
use crate::event::{Row, TextColumn};
use crate::format::members::{Archived, Member, Undecided};
use crate::json::Value;

/// Application id of Privileged Identity Management, which writes the role assignments that it
/// grants in its own name. Listed as `MS-PIM` in Microsoft's published list of applications.
const PIM_APP_ID: &str = "01fc33a7-78ba-4d2f-a4b7-768e336e890e";

/// The caller as a token's claims describe it; every part can be absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Actor<'r> {
    /// Object id, and where it was found.
    object_id: Option<(&'r str, PrincipalVia)>,
    app_id: Option<&'r str>,
    /// `appidacr`: `0` nothing, `1` secret, `2` certificate, assertion or managed identity.
    credential: Option<&'r str>,
    /// `idtyp`: `app` or `user`.
    token_type: Option<&'r str>,
    upn: Option<&'r str>,
    email: Option<&'r str>,
    account: Option<&'r str>,
    display_name: Option<&'r str>,
    /// The name that the log itself gives the caller.
    caller_name: Option<&'r str>,
    scope: Option<&'r str>,
    tenant: Option<&'r str>,
    issuer: Option<&'r str>,
    audience: Option<&'r str>,
    token_id: Option<&'r str>,
    address: Option<&'r str>,
    mirid: Option<&'r str>,
    az_rid: Option<&'r str>,
    /// Whose role assignment let the caller in; nothing is known where it was a group's.
    role_holder: Option<TokenKind>,
}

impl<'r> Actor<'r> {
    /// Reads an object of claims. Claims that are empty, or no text, count as absent.
    pub(super) fn from_claims(claims: Value<'r>) -> Self {
        let mut actor = Self::default();
        for (claim, value) in claims.members() {
            if let Some(text) = value.scalar().filter(|text| !text.is_empty()) {
                actor.take(claim, text);
            }
        }
        actor
    }

    /// Reads the claims of an archive's Activity record. `Err` where two claims that say the same
    /// are both there: the later one counts.
    pub(super) fn from_members(members: Archived<'r>) -> Result<Self, Undecided> {
        use Member as M;
        let object_id = members.only(&[M::ClaimsOid, M::ClaimsOidUri])?;
        Ok(Self {
            object_id: object_id.map(|id| (id, PrincipalVia::Oauth)),
            app_id: members.only(&[M::ClaimsAppid, M::ClaimsAzp])?,
            credential: members.only(&[M::ClaimsAppidacr, M::ClaimsAzpacr])?,
            token_type: members.text(M::ClaimsIdtyp),
            upn: members.only(&[M::ClaimsUpn, M::ClaimsUserPrincipalName, M::ClaimsUpnUri])?,
            email: members.only(&[M::ClaimsEmail, M::ClaimsEmailUri])?,
            account: members.only(&[M::ClaimsUniqueName, M::ClaimsNameUri])?,
            display_name: members.text(M::ClaimsName),
            caller_name: None,
            scope: members.only(&[M::ClaimsScp, M::ClaimsScopeUri])?,
            tenant: members.only(&[M::ClaimsTid, M::ClaimsTidUri])?,
            issuer: members.text(M::ClaimsIss),
            audience: members.text(M::ClaimsAud),
            token_id: members.text(M::ClaimsUti),
            address: members.text(M::ClaimsIpaddr),
            mirid: members.text(M::ClaimsMirid),
            az_rid: members.text(M::ClaimsAzRid),
            role_holder: None,
        })
    }

    fn take(&mut self, claim: &str, text: &'r str) {
        match claim {
            "oid" | "http://schemas.microsoft.com/identity/claims/objectidentifier" => {
                self.object_id = Some((text, PrincipalVia::Oauth));
            }
            "appid" | "azp" => self.app_id = Some(text),
            "appidacr" | "azpacr" => self.credential = Some(text),
            "idtyp" => self.token_type = Some(text),
            "upn" | "userPrincipalName" | "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" => {
                self.upn = Some(text);
            }
            "email" | "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" => self.email = Some(text),
            "unique_name" | "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name" => self.account = Some(text),
            "name" => self.display_name = Some(text),
            "scp" | "http://schemas.microsoft.com/identity/claims/scope" => self.scope = Some(text),
            "tid" | "http://schemas.microsoft.com/identity/claims/tenantid" => self.tenant = Some(text),
            "iss" => self.issuer = Some(text),
            "aud" => self.audience = Some(text),
            "uti" => self.token_id = Some(text),
            "ipaddr" => self.address = Some(text),
            "xms_mirid" => self.mirid = Some(text),
            "xms_az_rid" => self.az_rid = Some(text),
            _ => {}
        }
    }

    /// Adds what the role assignment that let the caller in says of the caller: type and id of its
    /// principal.
    ///
    /// Its principal is the caller, unless the role was given to a group; a managed identity is a
    /// `ServicePrincipal` there. The id has no dashes. Seen in real exports, 2018 to 2025.
    pub(super) fn add_evidence(&mut self, kind: Option<&str>, id: Option<&'r str>) {
        let kind = kind.unwrap_or("");
        self.role_holder = if kind.eq_ignore_ascii_case("ServicePrincipal") {
            Some(TokenKind::App)
        } else if kind.eq_ignore_ascii_case("User") {
            Some(TokenKind::User)
        } else {
            None
        };
        let id = id.filter(|id| !id.is_empty());
        if let (None, Some(id), Some(_)) = (self.object_id, id, self.role_holder) {
            self.object_id = Some((id, PrincipalVia::Oauth));
        }
    }

    /// Adds the log's own `caller`: a person's name, the object id of an application or managed
    /// identity, or the display name of one of Azure's own services.
    pub(super) fn add_caller(&mut self, caller: &'r str) {
        if arm::is_guid(caller) {
            self.object_id.get_or_insert((caller, PrincipalVia::Caller));
        } else if self.object_id.is_none_or(|(id, _)| !id.eq_ignore_ascii_case(caller)) {
            self.caller_name = Some(caller);
        }
    }

    /// The name for the caller that agrees best with the `caller` which other forms of the same
    /// log have; without names in the claims, that `caller`.
    fn name(&self) -> Option<&'r str> {
        self.upn.or(self.email).or(self.account).or(self.caller_name).or(self.display_name)
    }

    /// Whom the token was issued to. Signs of a person come first: a person's token also carries
    /// the application it came through.
    fn token_kind(&self) -> TokenKind {
        let is_type = |kind: &str| self.token_type.is_some_and(|word| word.eq_ignore_ascii_case(kind));
        if is_type("user") || self.scope.is_some() || self.upn.is_some() {
            TokenKind::User
        } else if is_type("app") || self.mirid.is_some() {
            TokenKind::App
        } else if self.name().is_some_and(|name| name.contains('@')) {
            TokenKind::User
        } else {
            self.role_holder.unwrap_or(TokenKind::Unknown)
        }
    }

    /// How the principal itself proved who it is. In a person's token `appidacr` is about the
    /// application only, so nothing is known of the person.
    fn auth_type(&self) -> AuthType {
        match (self.token_kind(), self.credential) {
            (TokenKind::User, _) => AuthType::Oauth,
            _ if self.mirid.is_some() => AuthType::Msi,
            (_, Some("1")) => AuthType::Secret,
            (_, Some("2")) => AuthType::Certificate,
            _ if self.app_id.is_some() || self.object_id.is_some() => AuthType::Oauth,
            _ => AuthType::Unknown,
        }
    }

    /// The tenant that issued the token.
    fn tenant(&self) -> Option<&'r str> {
        // https://sts.windows.net/TENANT/ or https://login.microsoftonline.com/TENANT/v2.0
        let issuer = || self.issuer?.split('/').nth(3).filter(|segment| arm::is_guid(segment));
        self.tenant.or_else(issuer)
    }

    /// The address that the token was issued to; not always the one that it was used from.
    pub(super) fn address(&self) -> Option<&'r str> {
        self.address
    }

    /// Fills the columns that say who acted. Leaves `src_ip` alone.
    pub(super) fn apply(&self, row: &mut Row<'r>) {
        row.set(TextColumn::AppId, self.app_id);
        row.set(TextColumn::PrincipalName, self.name());
        row.set(TextColumn::Mirid, self.mirid);
        row.set(TextColumn::AzRid, self.az_rid);
        row.set(TextColumn::TenantId, self.tenant());
        row.set(TextColumn::TokenUti, self.token_id);
        row.token_kind = self.token_kind();
        set_principal(row, self.object_id);
        row.auth_type = self.auth_type();
        // A federated credential cannot be told from a certificate here: both are an assertion.
        row.secret_bearing =
            row.token_kind == TokenKind::App && matches!(row.auth_type, AuthType::Secret | AuthType::Certificate);
        row.via_pim = self.app_id.is_some_and(is_pim);
        if let Some(audience) = self.audience {
            set_audience(row, audience);
        }
    }
}

/// Sets the principal's object id and where it came from. An application without one goes by its
/// application id, which is looked up once everything is known; who has neither came from nowhere.
///
/// `row` must have its `app_id` and `token_kind`.
pub(super) fn set_principal<'r>(row: &mut Row<'r>, id: Option<(&'r str, PrincipalVia)>) {
    let is_application = row.token_kind == TokenKind::App && row.get(TextColumn::AppId).is_some();
    row.principal_via = match id {
        Some((_, via)) => via,
        None if is_application => PrincipalVia::ClientId,
        None => PrincipalVia::None,
    };
    row.set(TextColumn::PrincipalId, id.map(|(id, _)| id));
}

/// Whether this is the application id of Privileged Identity Management.
pub(super) fn is_pim(app_id: &str) -> bool {
    app_id.eq_ignore_ascii_case(PIM_APP_ID)
}

/// Sets the service that a token is for, from its `aud`: an application id or a URL.
fn set_audience<'r>(row: &mut Row<'r>, audience: &'r str) {
    let known = audience::of_token(audience);
    let listed = known.and_then(|(listed, _)| Some(listed?.app_id));
    row.set(TextColumn::AudienceAppId, listed.or_else(|| arm::is_guid(audience).then_some(audience)));
    row.audience_kind = known.map_or_else(|| audience::kind_of(Some(audience), None), |(_, kind)| kind);
}

#[cfg(test)]
mod tests;
