//! The Activity Log as the portal's CSV download has it: display names, no claims, no address.

use crate::arm;
use crate::event::vocabulary::{Form, LogSource, PrincipalVia, Status, TokenKind};
use crate::event::{Row, Scratch, TextColumn};
use crate::format::RejectReason;
use crate::format::activity;
use crate::format::paths::Path;
use crate::json::Value;
use crate::time::UtcMicros;

pub(super) const JSON_IN_STRINGS: &[Path] = &[];

/// The cells that are read. Headers come as `Correlation id` and, in files that went through
/// other tools, as `Correlationid`: spaces and case do not count.
#[derive(Debug, Default)]
struct Cells<'r> {
    correlation: Option<&'r str>,
    operation: Option<&'r str>,
    status: Option<&'r str>,
    category: Option<&'r str>,
    time: Option<&'r str>,
    initiator: Option<&'r str>,
    resource: Option<&'r str>,
}

impl<'r> Cells<'r> {
    fn of(root: Value<'r>) -> Self {
        let mut cells = Self::default();
        for (header, value) in root.members() {
            let Some(cell) = cells.cell(header) else { continue };
            *cell = value.as_str().filter(|text| !text.is_empty());
        }
        cells
    }

    fn cell(&mut self, header: &str) -> Option<&mut Option<&'r str>> {
        let is = |name: &str| same_header(header, name);
        if is("correlationid") {
            Some(&mut self.correlation)
        } else if is("operationname") {
            Some(&mut self.operation)
        } else if is("status") {
            Some(&mut self.status)
        } else if is("eventcategory") {
            Some(&mut self.category)
        } else if is("time") {
            Some(&mut self.time)
        } else if is("eventinitiatedby") {
            Some(&mut self.initiator)
        } else if is("resource") {
            Some(&mut self.resource)
        } else {
            None
        }
    }
}

/// Whether a header is `name` (lower case, no spaces) when spaces and case are left out.
fn same_header(header: &str, name: &str) -> bool {
    header.bytes().filter(|byte| *byte != b' ').map(|byte| byte.to_ascii_lowercase()).eq(name.bytes())
}

/// Only this form has a column for the event's category. Any other cell can be empty, which is as
/// if its column were not there: health events have no correlation id.
pub(super) fn probe(root: Value<'_>) -> bool {
    let has = |name| root.members().any(|(header, _)| same_header(header, name));
    has("eventcategory") && (has("operationname") || has("time"))
}

/// The operation is a display name (`List Storage Account Keys`), in English in every file seen.
pub(super) fn decode<'r>(root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    let cells = Cells::of(root);
    let mut row = Row::new(LogSource::Activity, Form::PortalCsv);
    row.time = Some(cells.time.and_then(UtcMicros::parse).ok_or(RejectReason::NoTime)?);
    activity::set_operation(&mut row, cells.operation.ok_or(RejectReason::NoOperation)?);
    row.status = cells.status.map_or(Status::Other, activity::fold_status);
    row.phase = activity::phase_of(row.status, None);
    row.outcome = activity::outcome_of(row.status);
    row.set(TextColumn::Category, cells.category);
    row.set(TextColumn::CorrelationId, cells.correlation);
    if let Some(resource) = cells.resource {
        let column = if resource.starts_with('/') { TextColumn::TargetId } else { TextColumn::TargetName };
        row.set(column, Some(resource));
    }
    if let Some(initiator) = cells.initiator {
        set_initiator(&mut row, initiator);
    }
    row.uid_parts = [cells.initiator, cells.category, None];
    Ok(row)
}

/// A person by name, an application or managed identity by object id, or one of Azure's own
/// services by display name. Seen in a real export of 2024.
fn set_initiator<'r>(row: &mut Row<'r>, initiator: &'r str) {
    if arm::is_guid(initiator) {
        row.set(TextColumn::PrincipalId, Some(initiator));
        row.principal_via = PrincipalVia::Caller;
        return;
    }
    row.set(TextColumn::PrincipalName, Some(initiator));
    if initiator.contains('@') {
        row.token_kind = TokenKind::User;
    }
}

#[cfg(test)]
mod tests;
