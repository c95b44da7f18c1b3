//! The members that the forms of storage archives are decoded from.
//!
//! Archives are most of what is ever read, so their records are read by
//! [`MemberReader`](crate::json::members::MemberReader) where they can be: Activity Log, sign-ins,
//! storage, Key Vault and Databricks as diagnostic settings write them. Each of these formats has a
//! `decode_members` beside the decoding of the tape, which is the reference: both give the same rows.

use crate::json::Kind;
use crate::json::members::{Members, Step, Take, Want};
use crate::time::UtcMicros;

const fn key(name: &'static str) -> Step {
    Step::Key(name)
}

macro_rules! members {
    ($($name:ident = [$($step:expr),+] $take:ident;)+) => {
        /// A member that an archive's record is decoded from.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Member { $($name,)+ }

        /// The same members for the reader, in the order of their codes.
        pub(super) const WANTS: &[Want] = &[$(Want { path: &[$($step),+], take: Take::$take },)+];
    };
}

members! {
    // The envelope of diagnostic settings.
    Time = [key("time")] Scalar;
    EventTimestamp = [key("eventTimestamp")] Value;
    Category = [key("category")] Scalar;
    OperationName = [key("operationName")] Scalar;
    ResourceId = [key("resourceId")] Scalar;
    ResourceIdPascal = [key("ResourceId")] Scalar;
    ResultType = [key("resultType")] Scalar;
    ResultSignature = [key("resultSignature")] Scalar;
    CorrelationId = [key("correlationId")] Scalar;
    CallerIpAddress = [key("callerIpAddress")] Scalar;
    TenantId = [key("tenantId")] Scalar;
    DurationMs = [key("durationMs")] Scalar;
    Identity = [key("identity")] Scalar;
    Properties = [key("properties")] Object;

    // Storage.
    StatusCode = [key("statusCode")] Scalar;
    StatusText = [key("statusText")] Scalar;
    Uri = [key("uri")] Scalar;
    AccountName = [key("properties"), key("accountName")] Scalar;
    ServiceType = [key("properties"), key("serviceType")] Scalar;
    ObjectKey = [key("properties"), key("objectKey")] Scalar;
    UserAgentHeader = [key("properties"), key("userAgentHeader")] Scalar;
    OperationCount = [key("properties"), key("operationCount")] Scalar;
    MetricResponseType = [key("properties"), key("metricResponseType")] Scalar;
    ResponseBodySize = [key("properties"), key("responseBodySize")] Scalar;
    RequestBodySize = [key("properties"), key("requestBodySize")] Scalar;
    IdentityType = [key("identity"), key("type")] Scalar;
    TokenHash = [key("identity"), key("tokenHash")] Scalar;
    RequesterObjectId = [key("identity"), key("requester"), key("objectId")] Scalar;
    RequesterAppId = [key("identity"), key("requester"), key("appId")] Scalar;
    RequesterTenantId = [key("identity"), key("requester"), key("tenantId")] Scalar;
    RequesterAudience = [key("identity"), key("requester"), key("audience")] Scalar;
    RequesterUpn = [key("identity"), key("requester"), key("upn")] Scalar;
    Authorization = [key("identity"), key("authorization")] Items;
    GrantResult = [key("identity"), key("authorization"), Step::Only, key("result")] Scalar;
    GrantDeny = [key("identity"), key("authorization"), Step::Only, key("denyAssignmentId")] Scalar;
    GrantRole = [key("identity"), key("authorization"), Step::Only, key("roleDefinitionId")] Scalar;
    GrantAssignment = [key("identity"), key("authorization"), Step::Only, key("roleAssignmentId")] Scalar;
    GrantPrincipals = [key("identity"), key("authorization"), Step::Only, key("principals")] Items;
    GrantPrincipalId = [key("identity"), key("authorization"), Step::Only, key("principals"), Step::Only, key("id")] Scalar;
    GrantPrincipalType = [key("identity"), key("authorization"), Step::Only, key("principals"), Step::Only, key("type")] Scalar;

    // Key Vault.
    HttpStatusCode = [key("properties"), key("httpStatusCode")] Scalar;
    Id = [key("properties"), key("id")] Scalar;
    RequestUri = [key("properties"), key("requestUri")] Scalar;
    ClientInfo = [key("properties"), key("clientInfo")] Scalar;
    AppliedAssignmentId = [key("properties"), key("appliedAssignmentId")] Scalar;
    ClaimOid = [key("identity"), key("claim"), key("oid")] Scalar;
    ClaimOidUri = [key("identity"), key("claim"), key("http://schemas.microsoft.com/identity/claims/objectidentifier")] Scalar;
    ClaimAppid = [key("identity"), key("claim"), key("appid")] Scalar;
    ClaimAppidacr = [key("identity"), key("claim"), key("appidacr")] Scalar;
    ClaimIdtyp = [key("identity"), key("claim"), key("idtyp")] Scalar;
    ClaimUpn = [key("identity"), key("claim"), key("upn")] Scalar;
    ClaimUpnUri = [key("identity"), key("claim"), key("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn")] Scalar;
    ClaimUniqueName = [key("identity"), key("claim"), key("unique_name")] Scalar;
    ClaimNameUri = [key("identity"), key("claim"), key("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")] Scalar;
    ClaimScp = [key("identity"), key("claim"), key("scp")] Scalar;
    ClaimScopeUri = [key("identity"), key("claim"), key("http://schemas.microsoft.com/identity/claims/scope")] Scalar;
    ClaimMirid = [key("identity"), key("claim"), key("xms_mirid")] Scalar;
    ClaimAzRid = [key("identity"), key("claim"), key("xms_az_rid")] Scalar;
    ClaimTid = [key("identity"), key("claim"), key("tid")] Scalar;
    ClaimTidUri = [key("identity"), key("claim"), key("http://schemas.microsoft.com/identity/claims/tenantid")] Scalar;
    ClaimIss = [key("identity"), key("claim"), key("iss")] Scalar;
    ClaimUti = [key("identity"), key("claim"), key("uti")] Scalar;
    ClaimName = [key("identity"), key("claim"), key("name")] Scalar;

    // Activity Log.
    Claims = [key("identity"), key("claims")] Object;
    ClaimsOid = [key("identity"), key("claims"), key("oid")] Scalar;
    ClaimsOidUri = [key("identity"), key("claims"), key("http://schemas.microsoft.com/identity/claims/objectidentifier")] Scalar;
    ClaimsAppid = [key("identity"), key("claims"), key("appid")] Scalar;
    ClaimsAzp = [key("identity"), key("claims"), key("azp")] Scalar;
    ClaimsAppidacr = [key("identity"), key("claims"), key("appidacr")] Scalar;
    ClaimsAzpacr = [key("identity"), key("claims"), key("azpacr")] Scalar;
    ClaimsIdtyp = [key("identity"), key("claims"), key("idtyp")] Scalar;
    ClaimsUpn = [key("identity"), key("claims"), key("upn")] Scalar;
    ClaimsUserPrincipalName = [key("identity"), key("claims"), key("userPrincipalName")] Scalar;
    ClaimsUpnUri = [key("identity"), key("claims"), key("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn")] Scalar;
    ClaimsEmail = [key("identity"), key("claims"), key("email")] Scalar;
    ClaimsEmailUri = [key("identity"), key("claims"), key("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress")] Scalar;
    ClaimsUniqueName = [key("identity"), key("claims"), key("unique_name")] Scalar;
    ClaimsNameUri = [key("identity"), key("claims"), key("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")] Scalar;
    ClaimsName = [key("identity"), key("claims"), key("name")] Scalar;
    ClaimsScp = [key("identity"), key("claims"), key("scp")] Scalar;
    ClaimsScopeUri = [key("identity"), key("claims"), key("http://schemas.microsoft.com/identity/claims/scope")] Scalar;
    ClaimsTid = [key("identity"), key("claims"), key("tid")] Scalar;
    ClaimsTidUri = [key("identity"), key("claims"), key("http://schemas.microsoft.com/identity/claims/tenantid")] Scalar;
    ClaimsIss = [key("identity"), key("claims"), key("iss")] Scalar;
    ClaimsAud = [key("identity"), key("claims"), key("aud")] Scalar;
    ClaimsUti = [key("identity"), key("claims"), key("uti")] Scalar;
    ClaimsIpaddr = [key("identity"), key("claims"), key("ipaddr")] Scalar;
    ClaimsMirid = [key("identity"), key("claims"), key("xms_mirid")] Scalar;
    ClaimsAzRid = [key("identity"), key("claims"), key("xms_az_rid")] Scalar;
    AuthorizedScope = [key("identity"), key("authorization"), key("scope")] Scalar;
    Evidence = [key("identity"), key("authorization"), key("evidence")] Object;
    EvidencePrincipalType = [key("identity"), key("authorization"), key("evidence"), key("principalType")] Scalar;
    EvidencePrincipalId = [key("identity"), key("authorization"), key("evidence"), key("principalId")] Scalar;
    EventCategory = [key("properties"), key("eventCategory")] Scalar;
    Hierarchy = [key("properties"), key("hierarchy")] Scalar;
    RequestbodyLower = [key("properties"), key("requestbody")] Value;
    RequestBody = [key("properties"), key("requestBody")] Value;
    RequestBodyOdd = [key("properties"), Step::AnyCase("requestbody")] Value;
    ResponsebodyLower = [key("properties"), key("responsebody")] Value;
    ResponseBody = [key("properties"), key("responseBody")] Value;
    ResponseBodyOdd = [key("properties"), Step::AnyCase("responsebody")] Value;

    // Sign-ins.
    CreatedDateTime = [key("properties"), key("createdDateTime")] Scalar;
    ErrorCode = [key("properties"), key("status"), key("errorCode")] Scalar;
    UserId = [key("properties"), key("userId")] Scalar;
    UserPrincipalName = [key("properties"), key("userPrincipalName")] Scalar;
    UserDisplayName = [key("properties"), key("userDisplayName")] Scalar;
    ServicePrincipalId = [key("properties"), key("servicePrincipalId")] Scalar;
    ServicePrincipalName = [key("properties"), key("servicePrincipalName")] Scalar;
    AppDisplayName = [key("properties"), key("appDisplayName")] Scalar;
    ClientCredentialType = [key("properties"), key("clientCredentialType")] Scalar;
    CredentialKeyId = [key("properties"), key("servicePrincipalCredentialKeyId")] Scalar;
    CredentialThumbprint = [key("properties"), key("servicePrincipalCredentialThumbprint")] Scalar;
    FederatedCredentialId = [key("properties"), key("federatedCredentialId")] Scalar;
    AppId = [key("properties"), key("appId")] Scalar;
    AssociatedResourceId = [key("properties"), key("managedServiceIdentity"), key("associatedResourceId")] Scalar;
    ResourceTenantId = [key("properties"), key("resourceTenantId")] Scalar;
    IpAddress = [key("properties"), key("ipAddress")] Scalar;
    UserAgent = [key("properties"), key("userAgent")] Scalar;
    ResourceDisplayName = [key("properties"), key("resourceDisplayName")] Scalar;
    AudienceId = [key("properties"), key("resourceId")] Scalar;
    SigninCorrelationId = [key("properties"), key("correlationId")] Scalar;
    UniqueTokenIdentifier = [key("properties"), key("uniqueTokenIdentifier")] Scalar;

    // Databricks.
    IdentityEmail = [key("identity"), key("email")] Scalar;
    ServiceName = [key("properties"), key("serviceName")] Scalar;
    ActionName = [key("properties"), key("actionName")] Scalar;
    RequestId = [key("properties"), key("requestId")] Scalar;
    LogId = [key("properties"), key("logId")] Scalar;
    SourceIpAddress = [key("properties"), key("sourceIPAddress")] Scalar;
    Response = [key("properties"), key("response")] Scalar;
    ResponseStatusCode = [key("properties"), key("response"), key("statusCode")] Scalar;
    ResponseStatusCodeSnake = [key("properties"), key("response"), key("status_code")] Scalar;
    RequestParams = [key("properties"), key("requestParams")] Value;
}

/// The members of one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Archived<'r>(pub(super) Members<'r>);

impl<'r> Archived<'r> {
    /// Whether the member is there, be it `null` or not.
    pub(super) fn has(self, member: Member) -> bool {
        self.0.has(member as usize)
    }

    /// Whether the member is a string, number or boolean.
    pub(super) fn is_scalar(self, member: Member) -> bool {
        self.0.scalar(member as usize).is_some()
    }

    /// The text of a string, number or boolean; `None` for an empty one.
    pub(super) fn text(self, member: Member) -> Option<&'r str> {
        self.0.scalar(member as usize).filter(|text| !text.is_empty())
    }

    /// The content of a string; `None` for an empty one.
    pub(super) fn string(self, member: Member) -> Option<&'r str> {
        self.0.string(member as usize).filter(|text| !text.is_empty())
    }

    /// The first text among these members.
    pub(super) fn first(self, members: &[Member]) -> Option<&'r str> {
        members.iter().find_map(|member| self.text(*member))
    }

    /// The text of the one of these members that has one. `Err` where several have: which of them
    /// counts depends on their order, which only the tape knows.
    pub(super) fn only(self, members: &[Member]) -> Result<Option<&'r str>, Undecided> {
        let mut texts = members.iter().filter_map(|member| self.text(*member));
        match (texts.next(), texts.next()) {
            (text, None) => Ok(text),
            (_, Some(_)) => Err(Undecided),
        }
    }

    /// A whole number, be it written as a number or as a string.
    pub(super) fn whole_number(self, member: Member) -> Option<i64> {
        self.0.scalar(member as usize)?.parse().ok()
    }

    /// A number, be it written as a number or as a string.
    pub(super) fn decimal(self, member: Member) -> Option<f64> {
        self.0.scalar(member as usize)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The first readable time among these members.
    pub(super) fn time(self, members: &[Member]) -> Option<UtcMicros> {
        members.iter().find_map(|member| UtcMicros::parse(self.0.scalar(*member as usize)?))
    }

    /// Whether the member is an object that has a member.
    pub(super) fn is_filled_object(self, member: Member) -> bool {
        self.0.nesting(member as usize) == Some(Kind::Object)
    }

    /// Whether the member is an array of one element.
    pub(super) fn is_single(self, member: Member) -> bool {
        self.0.is_single(member as usize)
    }

    /// The member as JSON; `None` for `null`.
    pub(super) fn json(self, member: Member) -> Option<&'r str> {
        self.0.json(member as usize)
    }
}

/// The members alone do not decide what the row is: the tape has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecided;
