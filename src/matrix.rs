//! The scenario table of the two identities as a live one: for every workspace what each should
//! do, what it did, where the two disagree, which roles it holds and which of them it needs.
//!
//! The absence of an event means something only where the log that would show it was read; where
//! it was not, the answer is "not known", never "no".

use serde::Serialize;

use crate::event::vocabulary::{IdentityKind, LogSource, Stream};
use crate::time::UtcMicros;

mod build;
pub mod duty;
mod logs;
pub(crate) mod markdown;
mod powers;
pub mod proposal;
mod query;
mod reach;
pub mod roles;
pub(crate) mod table;
pub mod tally;
mod words;

#[cfg(test)]
mod tests;

pub use build::build;
pub use logs::SourceRead;

use duty::Duty;
use proposal::Proposal;
use roles::Held;
use tally::Tally;

/// What no reader of a proposal may forget.
pub const CAVEAT: &str = "Judged by the logs that were read, over the time that they cover. A log that was not read \
    proves nothing, and work that is done once a year does not show in a month. Check before taking a role away.";

/// The whole table. Field order is the JSON's.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Matrix {
    /// Every log, read or not.
    pub sources: Vec<SourceRead>,
    /// Workspaces by id; last, where there are any, the identities that belong to no known one.
    pub workspaces: Vec<WorkspaceMatrix>,
}

/// One workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkspaceMatrix {
    /// Its ARM id; `None` for identities of which no workspace, or more than one, is known.
    pub workspace_rid: Option<String>,
    /// The workspace's own identities.
    pub dbmi: Side,
    /// The identities of its access connectors.
    pub adac: Side,
}

/// One of the two kinds of identity in a workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Every duty, in the order of [`duty::DUTIES`], over all identities of this side.
    pub duties: Vec<Cell>,
    /// The identities, by kind and id.
    pub identities: Vec<Holder>,
    /// Where what they did is not what they are for.
    pub disagreements: Vec<Disagreement>,
}

/// What was done of one duty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The duty.
    pub duty: Duty,
    /// Whether it is this side's job.
    pub is_own_job: bool,
    /// In one word.
    pub state: State,
    /// Successful operations.
    pub done: Tally,
    /// Failed and refused ones, and failed requests for tokens.
    pub failed: Tally,
    /// Operations of which the log does not say how they ended.
    pub unclear: Tally,
    /// Tokens that were issued for it: the will, not the deed.
    pub tokens: Tally,
    /// Logs that would show it and were not read, or not of all that is known to be reached.
    pub not_read: Vec<LogSource>,
}

/// What is known of a duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was done.
    Done,
    /// It was tried, without success.
    Attempted,
    /// Something was done of which the log does not say how it ended.
    Unclear,
    /// Only a token for it was issued.
    TokenOnly,
    /// Nothing of it was done, and the logs that would show it were read, of all that its identities
    /// are known to reach.
    Nothing,
    /// Nothing of it was seen, and not all logs that would show it were read.
    NotKnown,
}

/// An identity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holder {
    /// Object id.
    pub principal_id: Option<String>,
    /// Application id.
    pub app_id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Kind.
    pub identity_kind: IdentityKind,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// ARM id of the identity or connector.
    pub arm_id: Option<String>,
    /// The duties of which it did, or tried, something here.
    pub duties: Vec<Cell>,
    /// The roles it holds, each with a proposal.
    pub roles: Vec<RoleRow>,
}

/// A role held and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoleRow {
    /// The role.
    #[serde(flatten)]
    pub held: Held,
    /// What to do about it.
    pub proposal: Proposal,
}

/// What an identity did that it is not there for, or did not do that it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disagreement {
    /// What is wrong.
    pub kind: DisagreementKind,
    /// Object id.
    pub principal_id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Kind.
    pub identity_kind: IdentityKind,
    /// The duty; `None` where it is all of them.
    pub duty: Option<Duty>,
    /// Successful operations.
    pub done: Tally,
    /// Failed ones.
    pub failed: Tally,
    /// Operations of which the log does not say how they ended.
    pub unclear: Tally,
    /// Tokens issued.
    pub tokens: Tally,
    /// For an identity that did nothing of its job: the logs read that would show it.
    pub read: Vec<LogSource>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DisagreementKind {
    /// It did what is the other identity's job.
    OthersJob,
    /// It did what is neither identity's job.
    NobodysJob,
    /// It did nothing of its own job while a log that shows it was read.
    Idle,
}

impl WorkspaceMatrix {
    /// The side of a stream; `None` for streams that are neither.
    pub fn side(&self, stream: Stream) -> Option<&Side> {
        match stream {
            Stream::Dbmi => Some(&self.dbmi),
            Stream::Adac => Some(&self.adac),
            Stream::Other | Stream::Unattributed => None,
        }
    }
}

impl Tally {
    /// Times of the first and the last event.
    pub fn span(&self) -> Option<(UtcMicros, UtcMicros)> {
        Some((self.first.as_ref()?.time, self.last.as_ref()?.time))
    }
}
