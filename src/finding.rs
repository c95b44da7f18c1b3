//! Findings: evidence of one rule, folded.

pub mod exceptions;
pub mod fingerprint;
pub mod fold;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::vocabulary::{IdentityKind, Stream};
use crate::rule::{Direction, Severity};
use crate::time::UtcMicros;

/// One piece of evidence: an event, and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceRow {
    /// The event.
    pub event_uid: String,
    /// When it happened.
    pub time: UtcMicros,
    /// What was done.
    pub operation: String,
    /// The object it was read from.
    pub object: String,
    /// Byte offset of the record there.
    pub offset: i64,
    /// Its length in bytes.
    pub length: i64,
}

/// Evidence of one rule folded by its `group_by` columns. Field order is the JSON's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule_id: String,
    /// Its title.
    pub title: String,
    /// The highest of the evidence.
    pub severity: Severity,
    /// What the rule is about.
    pub direction: Direction,
    /// Stream of the principal.
    pub stream: Stream,
    /// Kind of the principal.
    pub identity_kind: IdentityKind,
    /// The lowest of the evidence.
    pub confidence: f32,
    /// Object id of the identity that the finding is about.
    pub principal_id: Option<String>,
    /// Its name.
    pub principal_name: Option<String>,
    /// Object id of the one that acted.
    pub actor_id: Option<String>,
    /// Workspace of the principal.
    pub workspace_rid: Option<String>,
    /// What was touched.
    pub target_id: Option<String>,
    /// Its name.
    pub target_name: Option<String>,
    /// Time of the first event.
    pub first_seen: UtcMicros,
    /// Time of the last.
    pub last_seen: UtcMicros,
    /// How many events.
    pub events: u64,
    /// The earliest of them, by time and uid.
    pub evidence: Vec<EvidenceRow>,
    /// Values of the rule's `details` columns: the first distinct ones in order, at most ten each.
    pub details: BTreeMap<String, Vec<String>>,
    /// How many distinct values of a `details` column there are beyond those, by column: only where
    /// there are any. [`MOST_LEFT_OUT`](fold::MOST_LEFT_OUT) means at least so many.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details_left_out: BTreeMap<String, u64>,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Hash of rule id and `group_by` values.
    pub fingerprint: String,
}
