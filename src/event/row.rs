//! One decoded record on its way into the builders: slices of the record, not copies.

use bumpalo::Bump;

use crate::event::schema::TextColumn;
use crate::event::vocabulary::{
    Activity, AudienceKind, AuthType, BodyFrom, Form, LogSource, OpClass, Outcome, Phase, Plane, PrincipalVia, Status,
    TokenKind,
};
use crate::time::UtcMicros;

/// Memory for the few values that are not a slice of the record (joined names, compact bodies).
/// Cleared between records without giving anything back to the system.
#[derive(Debug, Default)]
pub struct Scratch(Bump);

impl Scratch {
    /// Keeps a copy of `text` until the scratch is cleared.
    pub fn keep(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    /// Joins the parts, without copying them twice.
    pub fn join(&self, parts: &[&str]) -> &str {
        let mut joined = bumpalo::collections::String::new_in(&self.0);
        for part in parts {
            joined.push_str(part);
        }
        joined.into_bump_str()
    }

    /// Forgets everything kept.
    pub fn clear(&mut self) {
        self.0.reset();
    }
}

/// The decoded columns of one event, as a format fills them. Values are raw: the builders fold
/// case, dashes, ports and empty ids, so a format copies what the record says.
#[derive(Debug, Clone)]
pub struct Row<'r> {
    /// When it happened. A record without a readable time is rejected by its format.
    pub time: Option<UtcMicros>,
    /// Which log.
    pub source: LogSource,
    /// Which export form.
    pub form: Form,
    /// Class of the operation.
    pub op_class: OpClass,
    /// Kind of act.
    pub activity: Activity,
    /// Part of the system.
    pub plane: Plane,
    /// How it ended.
    pub outcome: Outcome,
    /// Which record of its operation.
    pub phase: Phase,
    /// Folded status, for the uid of Activity records.
    pub status: Status,
    /// Where `principal_id` came from.
    pub principal_via: PrincipalVia,
    /// How the caller proved itself.
    pub auth_type: AuthType,
    /// Whom the token was issued to.
    pub token_kind: TokenKind,
    /// The service used or asked for.
    pub audience_kind: AudienceKind,
    /// Where role, assignee, scope and bodies came from; `None` where there are none.
    pub body_from: Option<BodyFrom>,
    /// Refused by a deny assignment.
    pub deny_assignment: bool,
    /// The principal holds a secret or certificate.
    pub secret_bearing: bool,
    /// Written by the Privileged Identity Management application.
    pub via_pim: bool,
    /// Bytes sent to the caller.
    pub bytes_out: Option<i64>,
    /// Bytes received from the caller.
    pub bytes_in: Option<i64>,
    /// Duration in milliseconds.
    pub duration_ms: Option<f64>,
    /// Parts of the uid that are no columns; what each is, [`uid`](crate::event::uid) says.
    pub uid_parts: [Option<&'r str>; 3],
    text: [Option<&'r str>; TextColumn::COUNT],
}

impl<'r> Row<'r> {
    /// A row of this source and form in which nothing else is known.
    pub fn new(source: LogSource, form: Form) -> Self {
        Self {
            time: None,
            source,
            form,
            op_class: OpClass::Other,
            activity: Activity::Use,
            plane: Plane::Management,
            outcome: Outcome::Unknown,
            phase: Phase::Terminal,
            status: Status::Other,
            principal_via: PrincipalVia::None,
            auth_type: AuthType::Unknown,
            token_kind: TokenKind::Unknown,
            audience_kind: AudienceKind::None,
            body_from: None,
            deny_assignment: false,
            secret_bearing: false,
            via_pim: false,
            bytes_out: None,
            bytes_in: None,
            duration_ms: None,
            uid_parts: [None; 3],
            text: [None; TextColumn::COUNT],
        }
    }

    /// Sets a text column; `None` leaves it as it is.
    pub fn set(&mut self, column: TextColumn, value: Option<&'r str>) {
        if let (Some(slot), Some(_)) = (self.text.get_mut(column as usize), value) {
            *slot = value;
        }
    }

    /// Sets a text column that has no value yet.
    pub fn set_if_none(&mut self, column: TextColumn, value: Option<&'r str>) {
        if self.get(column).is_none() {
            self.set(column, value);
        }
    }

    /// Empties a text column.
    pub fn clear(&mut self, column: TextColumn) {
        if let Some(slot) = self.text.get_mut(column as usize) {
            *slot = None;
        }
    }

    /// The raw values of all text columns, in the order of their codes.
    pub fn texts(&self) -> impl Iterator<Item = Option<&'r str>> {
        // The one text column that is never null.
        let operation = self.get(TextColumn::Operation).unwrap_or("");
        let is_operation = |at: usize| at == TextColumn::Operation as usize;
        self.text.iter().enumerate().map(move |(at, text)| if is_operation(at) { Some(operation) } else { *text })
    }

    /// The raw value of a text column.
    pub fn get(&self, column: TextColumn) -> Option<&'r str> {
        self.text.get(column as usize).copied().flatten()
    }
}
