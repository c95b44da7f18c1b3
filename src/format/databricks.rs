//! Databricks audit: diagnostic setting, Log Analytics tables, audit log delivery.
//!
//! Fields: <https://learn.microsoft.com/azure/databricks/admin/account-settings/audit-log-delivery>,
//! <https://learn.microsoft.com/azure/azure-monitor/reference/tables/databricksunitycatalog> and,
//! for delivery in snake case, <https://learn.microsoft.com/azure/databricks/admin/system-tables/audit-logs>,
//! read 2026-11.

mod body;

#[cfg(test)]
mod tests;

use crate::arm;
use crate::event::operation;
use crate::event::vocabulary::{AudienceKind, BodyFrom, Form, LogSource, OpClass, Outcome, PrincipalVia, TokenKind};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::body::{BodyTapes, parse_value};
use crate::format::members::{Archived, Member};
use crate::format::pick::{after_prefix, last_segment, member, pick, text, whole};
use crate::json::{Kind, Tape, Value};
use crate::time::UtcMicros;

/// Paths whose strings hold JSON. Parameters are strings that may hold JSON once more; those that
/// name a credential's identity are read.
pub(super) const JSON_IN_STRINGS: &[&[&str]] = &[
    &["identity"],
    &["properties", "response"],
    &["properties", "requestParams"],
    &["properties", "requestParams", "azure_managed_identity"],
    &["properties", "requestParams", "azure_service_principal"],
    &["Identity"],
    &["Response"],
    &["RequestParams"],
    &["RequestParams", "azure_managed_identity"],
    &["RequestParams", "azure_service_principal"],
    &["userIdentity"],
    &["response"],
    &["requestParams"],
    &["requestParams", "azure_managed_identity"],
    &["requestParams", "azure_service_principal"],
    &["user_identity"],
    &["request_params"],
    &["request_params", "azure_managed_identity"],
    &["request_params", "azure_service_principal"],
];

/// What stands before service and action in `operationName`.
const OPERATION_PREFIX: &str = "Microsoft.Databricks/";

/// The number of the workspace in events of the account:
/// <https://learn.microsoft.com/azure/databricks/admin/system-tables/audit-logs>, read 2026-11.
const NO_WORKSPACE: &str = "0";

/// Services of which every action's parameters are kept.
const SERVICES_WITH_BODY: [&str; 3] = ["clusters", "globalInitScripts", "secrets"];

/// The shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Archive,
    Table,
    Delivery,
    SystemTable,
}

/// Whether this is a Databricks audit record.
pub(super) fn probe(root: Value<'_>) -> bool {
    shape_of(root).is_some()
}

/// The Activity Log has operations of `Microsoft.Databricks` too, but no action name.
fn shape_of(root: Value<'_>) -> Option<Shape> {
    let both = |first: &str, second: &str| member(root, first).is_some() && member(root, second).is_some();
    if let Some(operation) = member(root, "operationName") {
        let is_ours = after_prefix(operation, OPERATION_PREFIX).is_some();
        return (is_ours && root.at(&["properties", "actionName"]).is_some()).then_some(Shape::Archive);
    }
    if both("ServiceName", "ActionName") {
        return Some(Shape::Table);
    }
    if both("serviceName", "actionName") {
        return Some(Shape::Delivery);
    }
    (both("service_name", "action_name") && root.get("event_time").is_some()).then_some(Shape::SystemTable)
}

/// Decodes an audit record of any form.
///
/// # Errors
///
/// A [`RejectReason`] when the record has no time or no action.
pub(super) fn decode<'r>(root: Value<'r>, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let (form, fields) = match shape_of(root) {
        Some(Shape::Table) => (Form::LogAnalytics, Fields::of_table(root)),
        Some(Shape::Delivery) => (Form::AuditDelivery, Fields::of_delivery(root)),
        Some(Shape::SystemTable) => (Form::AuditDelivery, Fields::of_system_table(root)),
        Some(Shape::Archive) | None => (Form::Archive, Fields::of_archive(root)),
    };
    row_of(form, &fields, || fields.parameters, scratch)
}

/// Decodes a record of the diagnostic setting form from its members; `None` where the tape has to
/// be asked. Of the JSON in its strings only what is needed is read.
pub(super) fn decode_members<'r>(
    members: Archived<'r>,
    scratch: &'r Scratch,
    tapes: &'r mut BodyTapes,
) -> Option<Result<Row<'r>, RejectReason>> {
    after_prefix(members.text(Member::OperationName)?, OPERATION_PREFIX)?;
    members.is_scalar(Member::ActionName).then_some(())?;
    let BodyTapes { identity, request, response } = tapes;
    let fields = Fields::of_members(members, identity, response);
    let parameters = members.json(Member::RequestParams);
    Some(row_of(Form::Archive, &fields, || read_parameters(parameters?, request), scratch))
}

/// Reads the parameters of a record that was read without a tape, as they stand there.
fn read_parameters<'r>(json: &'r str, tape: &'r mut Tape) -> Option<Value<'r>> {
    parse_value(json, tape)?;
    for credential in ["azure_managed_identity", "azure_service_principal"] {
        tape.expand(json, &[credential]);
    }
    tape.root(json)
}

/// Makes the row; `parameters` are asked for only where they are kept.
fn row_of<'r>(
    form: Form,
    fields: &Fields<'r>,
    parameters: impl FnOnce() -> Option<Value<'r>>,
    scratch: &'r Scratch,
) -> Result<Row<'r>, RejectReason> {
    let mut row = Row::new(LogSource::Databricks, form);
    row.time = Some(fields.time.ok_or(RejectReason::NoTime)?);
    let operation = match (fields.service, fields.action) {
        (Some(service), Some(action)) => scratch.join(&[service, "/", action]),
        _ => fields.operation.and_then(|text| after_prefix(text, OPERATION_PREFIX)).ok_or(RejectReason::NoOperation)?,
    };
    let is = operation::classify(LogSource::Databricks, operation, None);
    (row.op_class, row.activity, row.plane) = (is.op_class, is.activity, is.plane);
    row.set(TextColumn::Operation, Some(operation));
    row.set(TextColumn::OperationRaw, Some(fields.operation.unwrap_or(operation)));
    row.set(TextColumn::Category, fields.category);
    set_request(&mut row, fields);
    set_identity(&mut row, fields);
    if keeps_parameters(&row, fields)
        && let Some(parameters) = parameters()
    {
        set_body(&mut row, parameters, scratch);
    }
    Ok(row)
}

/// What all forms say, under whatever names.
#[derive(Debug, Clone, Copy, Default)]
struct Fields<'r> {
    time: Option<UtcMicros>,
    category: Option<&'r str>,
    operation: Option<&'r str>,
    service: Option<&'r str>,
    action: Option<&'r str>,
    workspace: Option<&'r str>,
    workspace_number: Option<&'r str>,
    request_id: Option<&'r str>,
    log_id: Option<&'r str>,
    source_ip: Option<&'r str>,
    user_agent: Option<&'r str>,
    /// What the identity is called by.
    email: Option<&'r str>,
    /// The status in the response.
    status: Option<&'r str>,
    /// Where they are on a tape.
    parameters: Option<Value<'r>>,
}

impl<'r> Fields<'r> {
    /// Reads the diagnostic setting form: storage archive, Event Hub.
    fn of_archive(root: Value<'r>) -> Self {
        let [time, category, operation, workspace, identity, properties] =
            pick(Some(root), &["time", "category", "operationName", "resourceId", "identity", "properties"]);
        let [service, action, request_id, log_id, source_ip, user_agent, response, parameters] = pick(
            properties,
            &[
                "serviceName",
                "actionName",
                "requestId",
                "logId",
                "sourceIPAddress",
                "userAgent",
                "response",
                "requestParams",
            ],
        );
        Self {
            time: time.and_then(time_of),
            category: text(category),
            operation: text(operation),
            service: text(service),
            action: text(action),
            workspace: text(workspace),
            workspace_number: None,
            request_id: text(request_id),
            log_id: text(log_id),
            source_ip: text(source_ip),
            user_agent: text(user_agent),
            ..Self::default()
        }
        .with(identity, response, parameters)
    }

    /// Reads the members of the diagnostic setting form; identity and response are strings of JSON
    /// as a rule.
    fn of_members(members: Archived<'r>, identity: &'r mut Tape, response: &'r mut Tape) -> Self {
        let text = |member| members.text(member);
        let inner = |member, tape: &'r mut Tape| tape.parse_text(members.string(member)?);
        let email = match text(Member::IdentityEmail) {
            None => inner(Member::Identity, identity).and_then(email_of),
            email => email,
        };
        let status = match members.first(&[Member::ResponseStatusCode, Member::ResponseStatusCodeSnake]) {
            None => inner(Member::Response, response).and_then(status_of),
            status => status,
        };
        Self {
            time: match members.whole_number(Member::Time) {
                Some(milliseconds) => UtcMicros::from_millis(milliseconds),
                None => members.string(Member::Time).and_then(UtcMicros::parse),
            },
            category: text(Member::Category),
            operation: text(Member::OperationName),
            service: text(Member::ServiceName),
            action: text(Member::ActionName),
            workspace: text(Member::ResourceId),
            request_id: text(Member::RequestId),
            log_id: text(Member::LogId),
            source_ip: text(Member::SourceIpAddress),
            user_agent: text(Member::UserAgent),
            email,
            status,
            ..Self::default()
        }
    }

    /// Reads a row of a `Databricks…` table.
    fn of_table(root: Value<'r>) -> Self {
        let [time, time_utc, category, operation, service, action, workspace, workspace_plain] = pick(
            Some(root),
            &[
                "TimeGenerated",
                "TimeGenerated [UTC]",
                "Category",
                "OperationName",
                "ServiceName",
                "ActionName",
                "_ResourceId",
                "ResourceId",
            ],
        );
        let [request_id, log_id, source_ip, user_agent, identity, response, parameters] = pick(
            Some(root),
            &["RequestId", "LogId", "SourceIPAddress", "UserAgent", "Identity", "Response", "RequestParams"],
        );
        Self {
            time: time.or(time_utc).and_then(time_of),
            category: text(category),
            operation: text(operation),
            service: text(service),
            action: text(action),
            workspace: text(workspace).or(text(workspace_plain)),
            workspace_number: None,
            request_id: text(request_id),
            log_id: text(log_id),
            source_ip: text(source_ip),
            user_agent: text(user_agent),
            ..Self::default()
        }
        .with(identity, response, parameters)
    }

    /// Reads a delivered audit log, which names its workspace by number only, under either key.
    fn of_delivery(root: Value<'r>) -> Self {
        let [time, service, action, workspace, organisation, request_id, source_ip, user_agent] = pick(
            Some(root),
            &[
                "timestamp",
                "serviceName",
                "actionName",
                "workspaceId",
                "orgId",
                "requestId",
                "sourceIPAddress",
                "userAgent",
            ],
        );
        let workspace = workspace.or(organisation);
        let [log_id, identity, response, parameters] =
            pick(Some(root), &["auditId", "userIdentity", "response", "requestParams"]);
        Self::of_account([time, service, action, workspace, request_id, log_id], [source_ip, user_agent])
            .with(identity, response, parameters)
    }

    /// Reads a row of `system.access.audit`, which is delivery in snake case.
    fn of_system_table(root: Value<'r>) -> Self {
        let [time, service, action, workspace, request_id, source_ip, user_agent] = pick(
            Some(root),
            &[
                "event_time",
                "service_name",
                "action_name",
                "workspace_id",
                "request_id",
                "source_ip_address",
                "user_agent",
            ],
        );
        let [log_id, identity, response, parameters] =
            pick(Some(root), &["event_id", "user_identity", "response", "request_params"]);
        Self::of_account([time, service, action, workspace, request_id, log_id], [source_ip, user_agent])
            .with(identity, response, parameters)
    }

    fn of_account(event: [Option<Value<'r>>; 6], client: [Option<Value<'r>>; 2]) -> Self {
        let [time, service, action, workspace, request_id, log_id] = event;
        let [source_ip, user_agent] = client;
        Self {
            time: time.and_then(time_of),
            category: text(service),
            service: text(service),
            action: text(action),
            workspace_number: text(workspace).filter(|number| *number != NO_WORKSPACE),
            request_id: text(request_id),
            log_id: text(log_id),
            source_ip: text(source_ip),
            user_agent: text(user_agent),
            ..Self::default()
        }
    }

    fn with(self, identity: Option<Value<'r>>, response: Option<Value<'r>>, parameters: Option<Value<'r>>) -> Self {
        Self { email: identity.and_then(email_of), status: response.and_then(status_of), parameters, ..self }
    }
}

/// A timestamp, or milliseconds since 1970 as delivered logs have it.
fn time_of(value: Value<'_>) -> Option<UtcMicros> {
    match value.as_i64() {
        Some(milliseconds) => UtcMicros::from_millis(milliseconds),
        None => UtcMicros::parse(value.as_str()?),
    }
}

fn email_of(identity: Value<'_>) -> Option<&str> {
    member(identity, "email")
}

fn status_of(response: Value<'_>) -> Option<&str> {
    let [camel, snake] = pick(Some(response), &["statusCode", "status_code"]);
    text(camel).or(text(snake))
}

fn set_request<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    let status = fields.status.map(whole);
    row.outcome = match status.and_then(|status| status.parse::<u16>().ok()) {
        Some(401 | 403) => Outcome::Denied,
        Some(200..=399) => Outcome::Success,
        Some(400..) => Outcome::Failure,
        Some(_) | None => Outcome::Unknown,
    };
    row.set(TextColumn::ResultCode, status);
    row.set(TextColumn::TargetId, fields.workspace);
    row.set(TextColumn::TargetName, fields.workspace.and_then(last_segment).or(fields.workspace_number));
    row.set(TextColumn::SrcIp, fields.source_ip);
    row.set(TextColumn::UserAgent, fields.user_agent);
    row.set(TextColumn::CorrelationId, fields.request_id);
    row.audience_kind = AudienceKind::Databricks;
    row.uid_parts[0] = fields.request_id.or(fields.log_id);
    row.uid_parts[1] = status;
}

/// Sets the columns of the principal. A person stands as an address, an application or managed
/// identity as its application id (practitioners' knowledge), Databricks itself as a word
/// (`System-User`: seen in real exports, 2025), which names nobody.
fn set_identity<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    let Some(name) = fields.email else { return };
    row.set(TextColumn::PrincipalName, Some(name));
    if arm::is_guid(name) {
        row.set(TextColumn::AppId, Some(name));
        row.principal_via = PrincipalVia::ClientId;
        row.token_kind = TokenKind::App;
    } else if name.contains('@') {
        row.token_kind = TokenKind::User;
    }
}

/// Whether an action's parameters are kept.
fn keeps_parameters(row: &Row<'_>, fields: &Fields<'_>) -> bool {
    let is_kept = |service: &str| SERVICES_WITH_BODY.iter().any(|kept| kept.eq_ignore_ascii_case(service));
    manages_credentials(row) || row.op_class == OpClass::DbxSecretRead || fields.service.is_some_and(is_kept)
}

fn manages_credentials(row: &Row<'_>) -> bool {
    matches!(row.op_class, OpClass::UcVend | OpClass::UcCredentialManage)
}

fn set_body<'r>(row: &mut Row<'r>, parameters: Value<'r>, scratch: &'r Scratch) {
    let mut compact = String::new();
    parameters.write_compact(&mut compact);
    row.set(TextColumn::RequestBody, Some(scratch.keep(&compact)));
    row.body_from = Some(BodyFrom::Request);
    if manages_credentials(row) && parameters.kind() == Kind::Object {
        row.set(TextColumn::PrincipalRef, body::access_connector(parameters));
    }
}
