//! Storage resource logs of blobs, files, queues and tables: diagnostic setting and Log Analytics.
//!
//! Fields: <https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference> and
//! <https://learn.microsoft.com/azure/azure-monitor/reference/tables/storagebloblogs>, read 2026-11.

mod authorization;
mod identity;
mod object;

#[cfg(test)]
mod tests;

use crate::event::operation;
use crate::event::vocabulary::{AudienceKind, Form, LogSource, Outcome};
use crate::event::{Row, Scratch, TextColumn, audience};
use crate::format::RejectReason;
use crate::format::members::{Archived, Member};
use crate::format::pick::{contains, decimal, member, number, pick, text, whole_number};
use crate::format::sas::Uri;
use crate::json::Value;
use crate::time::UtcMicros;
use authorization::{Authorization, Verdict};

/// Paths whose strings hold JSON: a dynamic column is a string in query results and CSV.
pub(super) const JSON_IN_STRINGS: &[&[&str]] = &[&["AuthorizationDetails"]];

/// The categories of storage records, which no other service uses.
const CATEGORIES: [&str; 3] = ["StorageRead", "StorageWrite", "StorageDelete"];

/// The Log Analytics tables.
const TABLES: [&str; 4] = ["StorageBlobLogs", "StorageFileLogs", "StorageQueueLogs", "StorageTableLogs"];

/// Whether this is a storage record.
pub(super) fn probe(root: Value<'_>) -> bool {
    let is_one_of = |key: &str, words: &[&str]| {
        member(root, key).is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
    };
    if root.get("operationName").is_some() {
        // Forwarders drop the category; these two properties only storage logs have.
        let is_storage =
            ["accountName", "metricResponseType"].iter().all(|key| root.at(&["properties", key]).is_some());
        return member(root, "category").is_some_and(is_category) || (root.get("category").is_none() && is_storage);
    }
    root.get("OperationName").is_some() && (is_one_of("Type", &TABLES) || is_one_of("Category", &CATEGORIES))
}

/// Whether this is one of the categories of storage records, in any case.
pub(super) fn is_category(category: &str) -> bool {
    CATEGORIES.iter().any(|known| known.eq_ignore_ascii_case(category))
}

/// Decodes a storage record of either form.
///
/// # Errors
///
/// A [`RejectReason`] when the record has no time or no operation.
pub(super) fn decode<'r>(root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let (form, fields) = if root.get("operationName").is_some() {
        (Form::Archive, Fields::of_archive(root))
    } else {
        (Form::LogAnalytics, Fields::of_table(root))
    };
    row_of(form, &fields, scratch)
}

/// Decodes a record of the diagnostic setting form from its members; `None` where the tape has to
/// be asked.
pub(super) fn decode_members<'r>(members: Archived<'r>, scratch: &'r Scratch) -> Option<Result<Row<'r>, RejectReason>> {
    Some(row_of(Form::Archive, &Fields::of_members(members)?, scratch))
}

fn row_of<'r>(form: Form, fields: &Fields<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let mut row = Row::new(LogSource::Storage, form);
    row.time = Some(fields.time.and_then(UtcMicros::parse).ok_or(RejectReason::NoTime)?);
    let operation = fields.operation.ok_or(RejectReason::NoOperation)?;
    let is = operation::classify(LogSource::Storage, operation, fields.category);
    (row.op_class, row.activity, row.plane) = (is.op_class, is.activity, is.plane);
    row.set(TextColumn::Operation, Some(operation));
    row.set(TextColumn::OperationRaw, Some(operation));
    row.set(TextColumn::Category, fields.category);

    let uri = fields.uri.map(Uri::parse).unwrap_or_default();
    let verdict = Verdict::of(fields.authorization);
    set_result(&mut row, fields, &verdict);
    set_request(&mut row, fields);
    object::set(&mut row, fields, uri, scratch);
    identity::set(&mut row, fields, uri, scratch);
    Ok(row)
}

/// What both forms say, under whatever names.
#[derive(Debug, Clone, Copy, Default)]
struct Fields<'r> {
    time: Option<&'r str>,
    category: Option<&'r str>,
    operation: Option<&'r str>,
    operation_count: Option<&'r str>,
    status_code: Option<&'r str>,
    status_text: Option<&'r str>,
    response_type: Option<&'r str>,
    resource_id: Option<&'r str>,
    account: Option<&'r str>,
    service: Option<&'r str>,
    object_key: Option<&'r str>,
    uri: Option<&'r str>,
    caller_ip: Option<&'r str>,
    user_agent: Option<&'r str>,
    correlation_id: Option<&'r str>,
    duration_ms: Option<f64>,
    bytes_out: Option<i64>,
    bytes_in: Option<i64>,
    auth_type: Option<&'r str>,
    token_hash: Option<&'r str>,
    object_id: Option<&'r str>,
    app_id: Option<&'r str>,
    tenant_id: Option<&'r str>,
    audience: Option<&'r str>,
    upn: Option<&'r str>,
    authorization: Authorization<'r>,
}

impl<'r> Fields<'r> {
    /// Reads the diagnostic setting form: storage archive, Event Hub.
    fn of_archive(root: Value<'r>) -> Self {
        let [time, category, operation, status_code, status_text, resource_id] =
            pick(Some(root), &["time", "category", "operationName", "statusCode", "statusText", "resourceId"]);
        let [uri, caller_ip, correlation_id, duration, tenant, identity, properties] = pick(
            Some(root),
            &["uri", "callerIpAddress", "correlationId", "durationMs", "tenantId", "identity", "properties"],
        );
        let [account, service, object_key, user_agent, count, response_type, bytes_out, bytes_in] = pick(
            properties,
            &[
                "accountName",
                "serviceType",
                "objectKey",
                "userAgentHeader",
                "operationCount",
                "metricResponseType",
                "responseBodySize",
                "requestBodySize",
            ],
        );
        let [auth_type, token_hash, requester, authorization] =
            pick(identity, &["type", "tokenHash", "requester", "authorization"]);
        let [object_id, app_id, requester_tenant, audience, upn] =
            pick(requester, &["objectId", "appId", "tenantId", "audience", "upn"]);
        Self {
            time: text(time),
            category: text(category),
            operation: text(operation),
            operation_count: text(count),
            status_code: text(status_code),
            status_text: text(status_text),
            response_type: text(response_type),
            resource_id: text(resource_id),
            account: text(account),
            service: text(service),
            object_key: text(object_key),
            uri: text(uri),
            caller_ip: text(caller_ip),
            user_agent: text(user_agent),
            correlation_id: text(correlation_id),
            duration_ms: decimal(duration),
            bytes_out: number(bytes_out),
            bytes_in: number(bytes_in),
            auth_type: text(auth_type),
            token_hash: text(token_hash),
            object_id: text(object_id),
            app_id: text(app_id),
            tenant_id: text(requester_tenant).or(text(tenant)),
            audience: text(audience),
            upn: text(upn),
            authorization: Authorization::of_value(authorization),
        }
    }

    /// Reads the diagnostic setting form from its members.
    fn of_members(members: Archived<'r>) -> Option<Self> {
        let text = |member| members.text(member);
        let number = |member| members.text(member).and_then(whole_number);
        Some(Self {
            time: text(Member::Time),
            category: text(Member::Category),
            operation: text(Member::OperationName),
            operation_count: text(Member::OperationCount),
            status_code: text(Member::StatusCode),
            status_text: text(Member::StatusText),
            response_type: text(Member::MetricResponseType),
            resource_id: text(Member::ResourceId),
            account: text(Member::AccountName),
            service: text(Member::ServiceType),
            object_key: text(Member::ObjectKey),
            uri: text(Member::Uri),
            caller_ip: text(Member::CallerIpAddress),
            user_agent: text(Member::UserAgentHeader),
            correlation_id: text(Member::CorrelationId),
            duration_ms: members.decimal(Member::DurationMs),
            bytes_out: number(Member::ResponseBodySize),
            bytes_in: number(Member::RequestBodySize),
            auth_type: text(Member::IdentityType),
            token_hash: text(Member::TokenHash),
            object_id: text(Member::RequesterObjectId),
            app_id: text(Member::RequesterAppId),
            tenant_id: text(Member::RequesterTenantId).or(text(Member::TenantId)),
            audience: text(Member::RequesterAudience),
            upn: text(Member::RequesterUpn),
            authorization: Authorization::of_members(members)?,
        })
    }

    /// Reads the Log Analytics form. Its `TenantId` is the workspace of the table, not the Entra
    /// tenant, and is left alone.
    fn of_table(root: Value<'r>) -> Self {
        let [time, time_utc, category, operation, count, status_code, status_text, response_type] = pick(
            Some(root),
            &[
                "TimeGenerated",
                "TimeGenerated [UTC]",
                "Category",
                "OperationName",
                "OperationCount",
                "StatusCode",
                "StatusText",
                "MetricResponseType",
            ],
        );
        let [resource_id, resource_id_plain, account, service, object_key, uri, caller_ip, user_agent] = pick(
            Some(root),
            &[
                "_ResourceId",
                "ResourceId",
                "AccountName",
                "ServiceType",
                "ObjectKey",
                "Uri",
                "CallerIpAddress",
                "UserAgentHeader",
            ],
        );
        let [correlation_id, duration, bytes_out, bytes_in] =
            pick(Some(root), &["CorrelationId", "DurationMs", "ResponseBodySize", "RequestBodySize"]);
        Self {
            time: text(time).or(text(time_utc)),
            category: text(category),
            operation: text(operation),
            operation_count: text(count),
            status_code: text(status_code),
            status_text: text(status_text),
            response_type: text(response_type),
            resource_id: text(resource_id).or(text(resource_id_plain)),
            account: text(account),
            service: text(service),
            object_key: text(object_key),
            uri: text(uri),
            caller_ip: text(caller_ip),
            user_agent: text(user_agent),
            correlation_id: text(correlation_id),
            duration_ms: decimal(duration),
            bytes_out: number(bytes_out),
            bytes_in: number(bytes_in),
            ..Self::of_identity_columns(root)
        }
    }

    fn of_identity_columns(root: Value<'r>) -> Self {
        let [auth_type, token_hash, authorization, object_id, app_id, tenant_id, audience, upn] = pick(
            Some(root),
            &[
                "AuthenticationType",
                "AuthenticationHash",
                "AuthorizationDetails",
                "RequesterObjectId",
                "RequesterAppId",
                "RequesterTenantId",
                "RequesterAudience",
                "RequesterUpn",
            ],
        );
        Self {
            auth_type: text(auth_type),
            token_hash: text(token_hash),
            object_id: text(object_id),
            app_id: text(app_id),
            tenant_id: text(tenant_id),
            audience: text(audience),
            upn: text(upn),
            authorization: Authorization::of_value(authorization),
            ..Self::default()
        }
    }
}

fn set_result<'r>(row: &mut Row<'r>, fields: &Fields<'r>, verdict: &Verdict<'r>) {
    row.outcome = outcome(fields, verdict);
    row.set(TextColumn::ResultCode, fields.status_text.or(fields.status_code));
    row.deny_assignment = verdict.deny_assignment;
    row.set(TextColumn::RoleId, verdict.role_id);
    row.set(TextColumn::RoleAssignmentId, verdict.role_assignment_id);
}

/// The HTTP status decides; where it is missing, the response type of the metrics does.
fn outcome(fields: &Fields<'_>, verdict: &Verdict<'_>) -> Outcome {
    let status = fields.status_code.and_then(whole_number);
    let refused = |text: &str| {
        // Public access that the account forbids answers 409:
        // https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes, read 2026-11.
        ["Authorization", "Authentication", "PublicAccessNotPermitted"].iter().any(|word| contains(text, word))
    };
    match status {
        Some(code) if (1..400).contains(&code) => Outcome::Success,
        Some(401 | 403) => Outcome::Denied,
        _ if verdict.denied || fields.status_text.is_some_and(refused) => Outcome::Denied,
        Some(code) if code >= 400 => Outcome::Failure,
        _ => match fields.response_type {
            Some(kind) if kind.eq_ignore_ascii_case("Success") => Outcome::Success,
            Some(kind) if refused(kind) => Outcome::Denied,
            Some(_) => Outcome::Failure,
            None => Outcome::Unknown,
        },
    }
}

fn set_request<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    row.set(TextColumn::SrcIp, fields.caller_ip);
    row.set(TextColumn::UserAgent, fields.user_agent);
    row.set(TextColumn::CorrelationId, fields.correlation_id);
    row.set(TextColumn::TokenHash, fields.token_hash);
    row.audience_kind = AudienceKind::Storage;
    let audience = fields.audience.and_then(audience::lookup);
    row.set(TextColumn::AudienceAppId, audience.map(|audience| audience.app_id));
    (row.duration_ms, row.bytes_out, row.bytes_in) = (fields.duration_ms, fields.bytes_out, fields.bytes_in);
    // The count starts at 0 for each request, and archive records without it are seen in real
    // exports, 2025: the first operation. Log Analytics always has the column.
    row.uid_parts[0] = Some(fields.operation_count.unwrap_or("0"));
}
