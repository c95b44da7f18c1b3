//! What all forms of the Activity Log have in common. The forms are tables of places.

use crate::arm;
use crate::event::operation::classify;
use crate::event::vocabulary::{Form, LogSource, Outcome, Phase, Status};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::actor::Actor;
use crate::format::body::{self, Bodies};
use crate::format::paths::{self, Columns, Places};
use crate::json::Value;
use crate::time::UtcMicros;

/// Where a form keeps what every form has.
#[derive(Debug)]
pub(super) struct Layout {
    pub form: Form,
    pub time: Places,
    pub operation: Places,
    pub status: Places,
    pub sub_status: Places,
    /// `BeginRequest` or `EndRequest`.
    pub event_name: Places,
    pub claims: Places,
    pub authorization: Places,
    pub caller: Places,
    /// The Entra tenant, where the form has one beside the claims.
    pub tenant: Places,
    /// `TENANT/MANAGEMENT-GROUP/…/SUBSCRIPTION`
    pub hierarchy: Places,
    pub properties: Places,
    pub duration: Places,
    /// What is copied as it is.
    pub columns: Columns,
}

/// Decodes a record of a form that has claims.
pub(super) fn decode<'r>(root: Value<'r>, layout: &Layout, scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let text = |places| paths::text(root, places);
    let properties = paths::object(root, layout.properties);
    let authorization = paths::object(root, layout.authorization);
    let mut actor = paths::object(root, layout.claims).map(Actor::from_claims).unwrap_or_default();
    if let Some(evidence) = authorization.and_then(|checked| checked.at(&["evidence"])) {
        let said = |key| evidence.at(&[key]).and_then(Value::as_str);
        actor.add_evidence(said("principalType"), said("principalId"));
    }
    let fields = Fields {
        time: paths::time(root, layout.time),
        operation: text(layout.operation),
        status: text(layout.status),
        sub_status: text(layout.sub_status),
        event_name: text(layout.event_name),
        actor,
        caller: text(layout.caller),
        tenant: text(layout.tenant),
        hierarchy: text(layout.hierarchy),
        duration_ms: paths::number(root, layout.duration),
        authorized_scope: authorization.and_then(|checked| paths::text(checked, &[&["scope"]])),
        properties,
    };
    let bodies = |_: &Row<'r>| properties.map(Bodies::of);
    row_of(layout.form, &fields, |row| paths::fill(row, root, layout.columns), bodies, scratch)
}

/// What all forms say, wherever they keep it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields<'r> {
    pub time: Option<UtcMicros>,
    pub operation: Option<&'r str>,
    pub status: Option<&'r str>,
    pub sub_status: Option<&'r str>,
    pub event_name: Option<&'r str>,
    pub actor: Actor<'r>,
    pub caller: Option<&'r str>,
    pub tenant: Option<&'r str>,
    pub hierarchy: Option<&'r str>,
    pub duration_ms: Option<f64>,
    pub authorized_scope: Option<&'r str>,
    /// Looked at only where the operation failed.
    pub properties: Option<Value<'r>>,
}

/// Makes the row; `fill` copies the columns that are taken as they are, `bodies` finds the bodies
/// of an operation, where it may have any.
pub(super) fn row_of<'r>(
    form: Form,
    fields: &Fields<'r>,
    fill: impl FnOnce(&mut Row<'r>),
    bodies: impl FnOnce(&Row<'r>) -> Option<Bodies<'r>>,
    scratch: &'r Scratch,
) -> Result<Row<'r>, RejectReason> {
    let mut row = Row::new(LogSource::Activity, form);
    row.time = Some(fields.time.ok_or(RejectReason::NoTime)?);
    set_operation(&mut row, fields.operation.ok_or(RejectReason::NoOperation)?);
    fill(&mut row);
    row.duration_ms = fields.duration_ms;
    set_result(&mut row, fields);
    set_actor(&mut row, fields);
    if let Some(bodies) = bodies(&row) {
        bodies.apply(&mut row, fields.authorized_scope, scratch);
    }
    Ok(row)
}

/// Sets the operation and what the tables say about it.
pub(super) fn set_operation<'r>(row: &mut Row<'r>, operation: &'r str) {
    row.set(TextColumn::Operation, Some(operation));
    row.set(TextColumn::OperationRaw, Some(operation));
    let is = classify(LogSource::Activity, operation, None);
    row.op_class = is.op_class;
    row.plane = is.plane;
    row.activity = is.activity;
}

/// Folds the words for a status over the forms: `Start` and `Started`, `Success` and `Succeeded`.
pub(super) fn fold_status(word: &str) -> Status {
    const WORDS: &[(&str, Status)] = &[
        ("Accept", Status::Accept),
        ("Accepted", Status::Accept),
        ("Failed", Status::Failure),
        ("Failure", Status::Failure),
        ("Start", Status::Start),
        ("Started", Status::Start),
        ("Succeeded", Status::Success),
        ("Success", Status::Success),
    ];
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map_or(Status::Other, |(_, status)| *status)
}

/// The record's place in its operation.
pub(super) fn phase_of(status: Status, event_name: Option<&str>) -> Phase {
    match status {
        Status::Start => Phase::Start,
        Status::Accept => Phase::Accept,
        Status::Other if event_name.is_some_and(|name| name.eq_ignore_ascii_case("BeginRequest")) => Phase::Start,
        Status::Success | Status::Failure | Status::Other => Phase::Terminal,
    }
}

/// The outcome that a status alone tells.
pub(super) fn outcome_of(status: Status) -> Outcome {
    match status {
        Status::Success => Outcome::Success,
        Status::Failure => Outcome::Failure,
        Status::Start | Status::Accept | Status::Other => Outcome::Unknown,
    }
}

fn set_result<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    row.status = fields.status.map_or(Status::Other, fold_status);
    row.phase = phase_of(row.status, fields.event_name);
    row.outcome = outcome_of(row.status);
    let code = fields.sub_status.and_then(without_status);
    row.set(TextColumn::ResultCode, code);
    if row.outcome != Outcome::Failure {
        return;
    }

    let said = |words: &str| {
        let keys = ["statusMessage", "responseBody"];
        let texts = keys.iter().filter_map(|key| fields.properties?.get_ignore_case(key));
        texts.into_iter().any(|text| body::mentions(text, words))
    };
    // https://learn.microsoft.com/azure/role-based-access-control/troubleshooting: the codes end
    // alike, `AuthorizationFailed`, `LinkedAuthorizationFailed` and `DenyAssignment…`.
    let is_denied = |code: &str| code == "403" || code == "Forbidden" || code.contains("AuthorizationFailed");
    row.deny_assignment = said("DenyAssignmentAuthorizationFailed")
        || code.is_some_and(|code| code.contains("DenyAssignmentAuthorizationFailed"));
    if code.is_some_and(is_denied) || said("AuthorizationFailed") || said("Forbidden") {
        row.outcome = Outcome::Denied;
    }
}

/// The sub-status alone: diagnostic settings write `Failed.NotFound` and `Started.` where the
/// other forms write `NotFound` and nothing.
fn without_status(signature: &str) -> Option<&str> {
    let code = match signature.split_once('.') {
        Some((status, code)) if is_status_word(status) => code,
        _ => signature,
    };
    Some(code).filter(|code| !code.is_empty())
}

fn is_status_word(word: &str) -> bool {
    const OTHERS: &[&str] = &["Activated", "Active", "InProgress", "Resolved", "Updated"];
    fold_status(word) != Status::Other || OTHERS.iter().any(|other| other.eq_ignore_ascii_case(word))
}

fn set_actor<'r>(row: &mut Row<'r>, fields: &Fields<'r>) {
    let mut actor = fields.actor;
    if let Some(caller) = fields.caller {
        actor.add_caller(caller);
    }
    actor.apply(row);
    // Some forms have no address but the one that the token was issued to.
    row.set_if_none(TextColumn::SrcIp, actor.address());
    row.set_if_none(TextColumn::TenantId, fields.tenant);
    let hierarchy = fields.hierarchy.and_then(|path| path.split('/').next());
    row.set_if_none(TextColumn::TenantId, hierarchy.filter(|tenant| arm::is_guid(tenant)));
}
