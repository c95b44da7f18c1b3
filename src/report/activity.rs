//! What the two streams did over time, and who touched what: what charts are drawn from.

use serde::Serialize;

use crate::event::vocabulary::{IdentityKind, Stream};
use crate::time::UtcMicros;

/// Counts over time and over resources. Field order is the JSON's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Length of a span of time, in seconds.
    pub span_seconds: i64,
    /// Events by stream and span, in this order; spans without events are left out.
    pub spans: Vec<Span>,
    /// Who touched what, most events first.
    pub touches: Vec<Touch>,
    /// How many further pairs of identity and resource there are.
    pub touches_left_out: u64,
}

/// Events of one stream in one span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The stream.
    pub stream: Stream,
    /// When the span begins.
    pub time: UtcMicros,
    /// How many events.
    pub events: u64,
}

/// An identity and a resource that it touched, with success or without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Touch {
    /// Object id of the identity.
    pub principal_id: Option<String>,
    /// Its stream.
    pub stream: Stream,
    /// Its kind.
    pub identity_kind: IdentityKind,
    /// ARM id of the resource, else its name.
    pub target: String,
    /// How many events.
    pub events: u64,
}
