//! Key Vault audit events: diagnostic setting, `AzureDiagnostics` and `AZKVAuditLogs`.
//!
//! Fields: <https://learn.microsoft.com/azure/key-vault/general/logging> and
//! <https://learn.microsoft.com/azure/azure-monitor/reference/tables/azkvauditlogs>, read 2026-11.
//! The column names of `AzureDiagnostics` are those that published queries use.

mod claims;
mod object;

#[cfg(test)]
mod tests;

use crate::event::operation;
use crate::event::vocabulary::{AudienceKind, AuthType, Form, LogSource, Outcome, PrincipalVia, TokenKind};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::actor;
use crate::format::members::{Archived, Member};
use crate::format::pick::{contains, decimal, last_segment, member, member_is, pick, segment_after, text, whole};
use crate::json::Value;
use crate::time::UtcMicros;
use claims::Claims;

/// Paths whose strings hold JSON: dynamic columns are strings in query results and CSV.
pub(super) const JSON_IN_STRINGS: &[&[&str]] = &[&["Identity"], &["AdditionalFields"]];

/// The category of these records; other services use the word too.
pub(super) const CATEGORY: &str = "AuditEvent";

/// The provider in resource ids.
const PROVIDER: &str = "/providers/microsoft.keyvault/";

/// Application ids of Key Vault and its managed HSM:
/// <https://github.com/merill/microsoft-info>, read 2026-11.
const VAULT_APP_ID: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
const HSM_APP_ID: &str = "589d5083-6f11-4d30-a62a-a4b316a14abf";

/// Whether this is a Key Vault audit event.
pub(super) fn probe(root: Value<'_>) -> bool {
    form_of(root).is_some()
}

/// The three shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Archive,
    Diagnostics,
    Table,
}

fn form_of(root: Value<'_>) -> Option<Shape> {
    let of_vault = |keys: [&str; 2]| keys.into_iter().filter_map(|key| member(root, key)).any(is_of_vault);
    if root.get("operationName").is_some() {
        let by_identity = || root.at(&["identity", "claim"]).is_some();
        let is_vault = of_vault(["resourceId", "ResourceId"]) || by_identity();
        return (member_is(root, "category", CATEGORY) && is_vault).then_some(Shape::Archive);
    }
    root.get("OperationName")?;
    if member_is(root, "Type", "AZKVAuditLogs") {
        return Some(Shape::Table);
    }
    if member_is(root, "Category", CATEGORY) {
        let is_vault =
            member_is(root, "ResourceProvider", "MICROSOFT.KEYVAULT") || of_vault(["ResourceId", "_ResourceId"]);
        return is_vault.then_some(Shape::Diagnostics);
    }
    // A query result may leave `Type` out. No other table has both of these columns.
    let is_table = root.get("RequestUri").is_some() && root.get("HttpStatusCode").is_some();
    (is_table && of_vault(["_ResourceId", "ResourceId"])).then_some(Shape::Table)
}

/// Decodes an audit event of any form.
///
/// # Errors
///
/// A [`RejectReason`] when the record has no time or no operation.
pub(super) fn decode<'r>(root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let (form, fields, claims) = match form_of(root) {
        Some(Shape::Diagnostics) => (Form::LogAnalytics, Fields::of_diagnostics(root), Claims::of_diagnostics(root)),
        Some(Shape::Table) => (Form::LogAnalytics, Fields::of_table(root), Claims::of(root.get("Identity"))),
        Some(Shape::Archive) | None => (Form::Archive, Fields::of_archive(root), Claims::of(root.get("identity"))),
    };
    row_of(form, &fields, &claims, scratch)
}

/// Decodes an audit event of the diagnostic setting form from its members; `None` where the tape
/// has to be asked.
pub(super) fn decode_members<'r>(members: Archived<'r>, scratch: &'r Scratch) -> Option<Result<Row<'r>, RejectReason>> {
    Some(row_of(Form::Archive, &Fields::of_members(members), &Claims::of_members(members)?, scratch))
}

/// Whether a record of this resource is a vault's.
pub(super) fn is_of_vault(resource_id: &str) -> bool {
    contains(resource_id, PROVIDER)
}

fn row_of<'r>(
    form: Form,
    fields: &Fields<'r>,
    claims: &Claims<'r>,
    scratch: &'r Scratch,
) -> Result<Row<'r>, RejectReason> {
    let mut row = Row::new(LogSource::KeyVault, form);
    row.time = Some(fields.time.and_then(UtcMicros::parse).ok_or(RejectReason::NoTime)?);
    let operation = fields.operation.ok_or(RejectReason::NoOperation)?;
    let is = operation::classify(LogSource::KeyVault, operation, None);
    (row.op_class, row.activity, row.plane) = (is.op_class, is.activity, is.plane);
    row.set(TextColumn::Operation, Some(operation));
    row.set(TextColumn::OperationRaw, Some(operation));
    set_request(&mut row, fields);
    object::set(&mut row, fields, scratch);
    set_identity(&mut row, claims);
    row.set_if_none(TextColumn::TenantId, fields.tenant_id);
    Ok(row)
}

/// What all forms say, under whatever names.
#[derive(Debug, Clone, Copy, Default)]
struct Fields<'r> {
    time: Option<&'r str>,
    category: Option<&'r str>,
    operation: Option<&'r str>,
    signature: Option<&'r str>,
    status_code: Option<&'r str>,
    resource_id: Option<&'r str>,
    correlation_id: Option<&'r str>,
    caller_ip: Option<&'r str>,
    tenant_id: Option<&'r str>,
    duration_ms: Option<f64>,
    id: Option<&'r str>,
    request_uri: Option<&'r str>,
    client: Option<&'r str>,
    assignment: Option<&'r str>,
}

impl<'r> Fields<'r> {
    /// Reads the diagnostic setting form: storage archive, Event Hub.
    fn of_archive(root: Value<'r>) -> Self {
        let [time, category, operation, signature, resource_id, correlation_id, caller_ip] = pick(
            Some(root),
            &["time", "category", "operationName", "resultSignature", "resourceId", "correlationId", "callerIpAddress"],
        );
        let [resource_id_pascal, tenant_id, duration, properties] =
            pick(Some(root), &["ResourceId", "tenantId", "durationMs", "properties"]);
        let [status_code, id, request_uri, client, assignment] =
            pick(properties, &["httpStatusCode", "id", "requestUri", "clientInfo", "appliedAssignmentId"]);
        Self {
            time: text(time),
            category: text(category),
            operation: text(operation),
            signature: text(signature),
            status_code: text(status_code),
            resource_id: text(resource_id).or(text(resource_id_pascal)),
            correlation_id: text(correlation_id),
            caller_ip: text(caller_ip),
            tenant_id: text(tenant_id),
            duration_ms: decimal(duration),
            id: text(id),
            request_uri: text(request_uri),
            client: text(client),
            assignment: text(assignment),
        }
    }

    /// Reads the diagnostic setting form from its members.
    fn of_members(members: Archived<'r>) -> Self {
        let text = |member| members.text(member);
        Self {
            time: text(Member::Time),
            category: text(Member::Category),
            operation: text(Member::OperationName),
            signature: text(Member::ResultSignature),
            status_code: text(Member::HttpStatusCode),
            resource_id: text(Member::ResourceId).or(text(Member::ResourceIdPascal)),
            correlation_id: text(Member::CorrelationId),
            caller_ip: text(Member::CallerIpAddress),
            tenant_id: text(Member::TenantId),
            duration_ms: members.decimal(Member::DurationMs),
            id: text(Member::Id),
            request_uri: text(Member::RequestUri),
            client: text(Member::ClientInfo),
            assignment: text(Member::AppliedAssignmentId),
        }
    }

    /// Reads a row of `AzureDiagnostics`, whose columns carry their type as a suffix.
    fn of_diagnostics(root: Value<'r>) -> Self {
        let mut fields = Self::of_common_columns(root);
        let [caller_ip, category, status_code, id, request_uri, client] = pick(
            Some(root),
            &["CallerIPAddress", "Category", "httpStatusCode_d", "id_s", "requestUri_s", "clientInfo_s"],
        );
        let [assignment, assignment_text] = pick(Some(root), &["appliedAssignmentId_g", "appliedAssignmentId_s"]);
        fields.caller_ip = text(caller_ip);
        fields.category = text(category);
        fields.status_code = text(status_code);
        fields.id = text(id);
        fields.request_uri = text(request_uri);
        fields.client = text(client);
        fields.assignment = text(assignment).or(text(assignment_text));
        fields
    }

    /// Reads a row of `AZKVAuditLogs`.
    fn of_table(root: Value<'r>) -> Self {
        let mut fields = Self::of_common_columns(root);
        let [caller_ip, category, status_code, id, request_uri, client, assignment] = pick(
            Some(root),
            &["CallerIpAddress", "Category", "HttpStatusCode", "Id", "RequestUri", "ClientInfo", "AppliedAssignmentId"],
        );
        fields.caller_ip = text(caller_ip);
        fields.category = text(category);
        fields.status_code = text(status_code);
        fields.id = text(id);
        fields.request_uri = text(request_uri);
        fields.client = text(client);
        fields.assignment = text(assignment);
        fields
    }

    /// The columns that both tables have. Their `TenantId` is the workspace of the table, not the
    /// Entra tenant, and is left alone.
    fn of_common_columns(root: Value<'r>) -> Self {
        let [time, time_utc, operation, signature, correlation_id, duration, resource_id, resource_id_plain] = pick(
            Some(root),
            &[
                "TimeGenerated",
                "TimeGenerated [UTC]",
                "OperationName",
                "ResultSignature",
                "CorrelationId",
                "DurationMs",
                "_ResourceId",
                "ResourceId",
            ],
        );
        Self {
            time: text(time).or(text(time_utc)),
            operation: text(operation),
            signature: text(signature),
            correlation_id: text(correlation_id),
            duration_ms: decimal(duration),
            resource_id: text(resource_id).or(text(resource_id_plain)),
            ..Self::default()
        }
    }
}

fn set_request<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    let status = fields.status_code.map(whole);
    row.outcome = outcome(status, fields.signature);
    row.set(TextColumn::ResultCode, status.or(fields.signature));
    row.set(TextColumn::Category, fields.category);
    row.set(TextColumn::CorrelationId, fields.correlation_id);
    row.set(TextColumn::SrcIp, fields.caller_ip);
    row.set(TextColumn::UserAgent, fields.client);
    row.set(TextColumn::RoleAssignmentId, fields.assignment.and_then(last_segment));
    row.audience_kind = AudienceKind::KeyVault;
    let is_hsm = fields.resource_id.is_some_and(|id| segment_after(id, "/managedHSMs/").is_some());
    row.set(TextColumn::AudienceAppId, Some(if is_hsm { HSM_APP_ID } else { VAULT_APP_ID }));
    row.duration_ms = fields.duration_ms;
    row.uid_parts[0] = fields.request_uri;
    row.uid_parts[1] = status;
}

/// The HTTP status decides, else its name. `resultType` says `Success` for refusals too: seen in
/// real exports, 2025, in every record with status 403.
fn outcome(status: Option<&str>, signature: Option<&str>) -> Outcome {
    let code = status.or(signature).and_then(|text| text.parse::<u16>().ok());
    match code {
        Some(401 | 403) => Outcome::Denied,
        Some(200..=399) => Outcome::Success,
        Some(400..) => Outcome::Failure,
        Some(_) => Outcome::Unknown,
        None => outcome_by_name(signature),
    }
}

fn outcome_by_name(signature: Option<&str>) -> Outcome {
    let Some(name) = signature else { return Outcome::Unknown };
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    if is(&["OK", "Created", "Accepted", "NoContent", "No Content"]) {
        Outcome::Success
    } else if is(&["Unauthorized", "Forbidden"]) {
        Outcome::Denied
    } else {
        Outcome::Failure
    }
}

/// Sets the columns of the principal. A client's first request comes without a token and is
/// answered with 401: such a record has no principal, and nothing is made up for it.
fn set_identity<'r>(row: &mut Row<'r>, claims: &Claims<'r>) {
    row.set(TextColumn::AppId, claims.app_id);
    row.set(TextColumn::PrincipalName, claims.upn.or(claims.name));
    row.set(TextColumn::Mirid, claims.mirid);
    row.set(TextColumn::AzRid, claims.az_rid);
    row.set(TextColumn::TenantId, claims.tenant_id);
    row.set(TextColumn::TokenUti, claims.uti);
    row.token_kind = claims.token_kind();
    actor::set_principal(row, claims.object_id.map(|id| (id, PrincipalVia::Oauth)));
    if !claims.name_a_principal() {
        return;
    }
    // 0 public client, 1 secret, 2 certificate or assertion, which managed identities use too:
    // https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference, read 2026-11.
    // In a person's token it is about the application that the person came through.
    (row.auth_type, row.secret_bearing) = match claims.app_id_acr {
        _ if row.token_kind == TokenKind::User => (AuthType::Oauth, false),
        _ if claims.mirid.is_some() => (AuthType::Msi, false),
        Some("1") => (AuthType::Secret, true),
        Some("2") => (AuthType::Certificate, true),
        _ => (AuthType::Oauth, false),
    };
}
