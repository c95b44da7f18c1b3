//! Azure SQL audit: Event Hub, `AzureDiagnostics`, and the table `SQLSecurityAuditEvents`.
//!
//! Fields: <https://learn.microsoft.com/azure/azure-sql/database/audit-log-format> and
//! <https://learn.microsoft.com/azure/azure-monitor/reference/tables/sqlsecurityauditevents>, read
//! 2026-11. No real record was seen. The statement is left in the record: it may hold anything.

mod error_number;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use crate::arm;
use crate::event::operation;
use crate::event::vocabulary::{AudienceKind, AuthType, Form, LogSource, Outcome, PrincipalVia, TokenKind};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::pick::{decimal, member, member_is, pick, segment_after, text};
use crate::json::Value;
use crate::time::UtcMicros;

/// Paths whose strings hold JSON.
pub(super) const JSON_IN_STRINGS: &[&[&str]] = &[&["properties"], &["AdditionalFields"]];

/// The category, and the name of the table.
const CATEGORY: &str = "SQLSecurityAuditEvents";

/// Application id of Azure SQL Database: <https://github.com/merill/microsoft-info>, read 2026-11.
const APP_ID: &str = "022907d3-0f1b-48f7-badc-1ba6abab6d66";

/// How many fields are read.
const COUNT: usize = 15;

/// The fields as the Event Hub form names them, under `properties`.
const PROPERTIES: [&str; COUNT] = [
    "event_time",
    "event_id",
    "action_name",
    "action_id",
    "succeeded",
    "server_principal_name",
    "session_server_principal_name",
    "database_principal_name",
    "database_name",
    "object_name",
    "client_ip",
    "application_name",
    "duration_milliseconds",
    "server_instance_name",
    "additional_information",
];

/// The same as columns of `AzureDiagnostics`, whose names carry their type as a suffix.
const DIAGNOSTICS: [&str; COUNT] = [
    "event_time_t",
    "event_id_g",
    "action_name_s",
    "action_id_s",
    "succeeded_s",
    "server_principal_name_s",
    "session_server_principal_name_s",
    "database_principal_name_s",
    "database_name_s",
    "object_name_s",
    "client_ip_s",
    "application_name_s",
    "duration_milliseconds_d",
    "server_instance_name_s",
    "additional_information_s",
];

/// The same as columns of the table. Its documentation spells some of them in two ways
/// (`ActionId`, `Actionid`), so they are compared in any case.
const TABLE: [&str; COUNT] = [
    "EventTime",
    "EventId",
    "ActionName",
    "ActionId",
    "Succeeded",
    "ServerPrincipalName",
    "SessionServerPrincipalName",
    "DatabasePrincipalName",
    "DatabaseName",
    "ObjectName",
    "ClientIp",
    "ApplicationName",
    "DurationMs",
    "ServerInstanceName",
    "AdditionalInformation",
];

/// The three shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    EventHub,
    Diagnostics,
    Table,
}

/// Whether this is a SQL audit event.
pub(super) fn probe(root: Value<'_>) -> bool {
    shape_of(root).is_some()
}

fn shape_of(root: Value<'_>) -> Option<Shape> {
    if member_is(root, "category", CATEGORY) {
        return root.get("properties").is_some().then_some(Shape::EventHub);
    }
    let has_columns = |first: &str, second: &str| root.get(first).is_some() || root.get(second).is_some();
    if member_is(root, "Category", CATEGORY) && has_columns("action_id_s", "action_name_s") {
        return Some(Shape::Diagnostics);
    }
    let named = member_is(root, "Type", CATEGORY) || member_is(root, "Category", CATEGORY);
    let is_table = root.get_ignore_case("ActionId").is_some() || root.get("ActionName").is_some();
    (is_table && (named || root.get("ServerPrincipalName").is_some())).then_some(Shape::Table)
}

/// Decodes an audit event of any form.
///
/// # Errors
///
/// A [`RejectReason`] when the record has no time or no action.
pub(super) fn decode<'r>(root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let shape = shape_of(root).unwrap_or(Shape::EventHub);
    let form = if shape == Shape::EventHub { Form::Archive } else { Form::LogAnalytics };
    let fields = Fields::read(root, shape);
    let mut row = Row::new(LogSource::Sql, form);
    row.time = Some(fields.time.and_then(UtcMicros::parse).ok_or(RejectReason::NoTime)?);
    let action = fields.action_name.or(fields.action_id).ok_or(RejectReason::NoOperation)?;
    let is = operation::classify(LogSource::Sql, action, None);
    (row.op_class, row.activity, row.plane) = (is.op_class, is.activity, is.plane);
    row.set(TextColumn::Operation, Some(action));
    row.set(TextColumn::OperationRaw, Some(action));
    row.set(TextColumn::Category, Some(CATEGORY));
    set_request(&mut row, &fields);
    set_identity(&mut row, &fields);
    Ok(row)
}

/// What all forms say, under whatever names.
#[derive(Debug, Clone, Copy, Default)]
struct Fields<'r> {
    time: Option<&'r str>,
    event_id: Option<&'r str>,
    action_name: Option<&'r str>,
    action_id: Option<&'r str>,
    succeeded: Option<&'r str>,
    principal: Option<&'r str>,
    database: Option<&'r str>,
    object: Option<&'r str>,
    client_ip: Option<&'r str>,
    application: Option<&'r str>,
    duration_ms: Option<f64>,
    instance: Option<&'r str>,
    additional: Option<&'r str>,
    resource_id: Option<&'r str>,
    server: Option<&'r str>,
}

impl<'r> Fields<'r> {
    fn read(root: Value<'r>, shape: Shape) -> Self {
        let found = match shape {
            Shape::EventHub => pick(root.get("properties"), &PROPERTIES),
            Shape::Diagnostics => pick_diagnostics(root),
            Shape::Table => TABLE.map(|name| root.get_ignore_case(name)),
        };
        let duration = found.get(12).copied().flatten();
        // Rows of the table have it under either name.
        let duration = duration.or_else(|| root.get_ignore_case("DurationMilliseconds"));
        let [time, event_id, action_name, action_id, succeeded, server_name, rest @ ..] = found.map(text);
        let [session_name, database_name, database, object, client_ip, application, _, instance, additional] = rest;
        let envelope = |names: &[&str]| names.iter().find_map(|name| member(root, name));
        let trimmed = |text: Option<&'r str>| text.map(str::trim).filter(|text| !text.is_empty());
        Self {
            time: time.or_else(|| {
                envelope(&["event_time_t [UTC]", "EventTime [UTC]", "time", "TimeGenerated", "TimeGenerated [UTC]"])
            }),
            event_id,
            // Action ids are padded to four letters: `BCM `.
            action_name: trimmed(action_name),
            action_id: trimmed(action_id),
            succeeded,
            principal: trimmed(server_name).or(trimmed(session_name)).or(trimmed(database_name)),
            database,
            object,
            client_ip: client_ip.filter(|client| is_address(client)),
            application,
            duration_ms: decimal(duration),
            instance,
            additional,
            resource_id: envelope(&["resourceId", "_ResourceId", "ResourceId"]),
            server: envelope(&["LogicalServerName", "LogicalServerName_s"]),
        }
    }
}

/// Whether a client is an address: it can be a word too, such as `Internal` or `local machine`.
fn is_address(client: &str) -> bool {
    client.parse::<IpAddr>().is_ok() || client.parse::<SocketAddr>().is_ok()
}

/// Past 500 columns the table `AzureDiagnostics` moves the rest into `AdditionalFields`:
/// <https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics>, read 2026-11.
fn pick_diagnostics(root: Value<'_>) -> [Option<Value<'_>>; COUNT] {
    let mut found = pick(Some(root), &DIAGNOSTICS);
    if let Some(additional) = root.at(&["AdditionalFields"]) {
        for (slot, value) in found.iter_mut().zip(pick(Some(additional), &DIAGNOSTICS)) {
            *slot = slot.or(value);
        }
    }
    found
}

fn set_request<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    let error = fields.additional.and_then(error_number::find);
    row.outcome = outcome(fields, error);
    row.set(TextColumn::ResultCode, error);
    row.set(TextColumn::TargetId, fields.resource_id);
    let of_id = |marker| fields.resource_id.and_then(|id| segment_after(id, marker));
    let server = fields.server.or(fields.instance);
    row.set(TextColumn::TargetName, server.or_else(|| of_id("/servers/")).or_else(|| of_id("/workspaces/")));
    row.set(TextColumn::Container, fields.database);
    row.set(TextColumn::ObjectPath, fields.object);
    row.set(TextColumn::UserAgent, fields.application);
    row.set(TextColumn::SrcIp, fields.client_ip);
    row.duration_ms = fields.duration_ms;
    row.uid_parts[0] = fields.event_id;
    row.audience_kind = AudienceKind::Sql;
    row.set(TextColumn::AudienceAppId, Some(APP_ID));
}

fn outcome(fields: &Fields<'_>, error: Option<&str>) -> Outcome {
    let Some(succeeded) = fields.succeeded else { return Outcome::Unknown };
    if succeeded == "1" || succeeded.eq_ignore_ascii_case("true") {
        return Outcome::Success;
    }
    if succeeded != "0" && !succeeded.eq_ignore_ascii_case("false") {
        return Outcome::Unknown;
    }
    // `DBAF` database authentication failed, `LGIF` login failed:
    // https://learn.microsoft.com/sql/relational-databases/security/auditing/sql-server-audit-action-groups-and-actions,
    // read 2026-11.
    let refused_login = |id: &str| id.eq_ignore_ascii_case("DBAF") || id.eq_ignore_ascii_case("LGIF");
    if fields.action_id.is_some_and(refused_login) || error.is_some_and(error_number::is_refusal) {
        Outcome::Denied
    } else {
        Outcome::Failure
    }
}

/// Sets the columns of the principal.
///
/// An application or managed identity logs in as `CLIENT_ID@TENANT_ID`; that the audit has the
/// same name is not verified. Its object id is known only to who knows the client id.
fn set_identity<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    let Some(name) = fields.principal else { return };
    row.set(TextColumn::PrincipalName, Some(name));
    let Some((client, tenant)) = name.rsplit_once('@') else { return };
    row.auth_type = AuthType::Oauth;
    if arm::is_guid(client) && arm::is_guid(tenant) {
        row.set(TextColumn::AppId, Some(client));
        row.set(TextColumn::TenantId, Some(tenant));
        row.principal_via = PrincipalVia::ClientId;
        row.token_kind = TokenKind::App;
    } else {
        row.token_kind = TokenKind::User;
    }
}
