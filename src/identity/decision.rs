//! The outcome for one principal, and what it is decided on.

use std::collections::BTreeSet;

use super::Verdict;
use super::evidence::{Facts, Flag};
use crate::event::vocabulary::{IdentityKind, Stream};

/// Confidence of what a resource's own record states.
pub(super) const CERTAIN: f32 = 1.0;
/// Confidence where a principal is one step away from such a record.
pub(super) const NEARLY_CERTAIN: f32 = 0.98;
/// Confidence in a kind that the kind of token or record shows.
pub(super) const BY_KIND: f32 = 0.9;
/// What the detour over a user-delegation SAS costs: row 12.
pub(super) const SAS_DISCOUNT: f32 = 0.05;

/// Why row 5 decides.
pub(super) const BY_CLIENT_ID: &str = "P5: client id of an identity in the inventory";

/// The stream that a kind of identity belongs to.
pub(super) fn stream_of(kind: IdentityKind) -> Stream {
    use IdentityKind as Kind;
    match kind {
        Kind::Uami | Kind::StorageCmk | Kind::DiskCmk | Kind::FirstParty => Stream::Dbmi,
        Kind::AdacSystem | Kind::AdacUami | Kind::AdacAuto | Kind::AdacShared => Stream::Adac,
        Kind::OtherMi | Kind::ServicePrincipal | Kind::User | Kind::Unknown => Stream::Other,
        Kind::Key | Kind::Sas | Kind::Anonymous => Stream::Unattributed,
    }
}

/// A verdict, and what the columns need besides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// Folded ids that the identity's own scope consists of.
    pub(super) scope: BTreeSet<String>,
    /// Holds a secret or certificate.
    pub(super) holds_secret: bool,
}

impl Decision {
    /// A decision on a principal of which nothing but its kind is known.
    pub(super) fn plain(kind: IdentityKind, confidence: f32, because: &str) -> Self {
        let (workspace_rid, arm_id, classified_by) = (None, None, because.to_owned());
        let (stream, name_spoof) = (stream_of(kind), false);
        let verdict = Verdict { stream, kind, confidence, classified_by, workspace_rid, arm_id, name_spoof };
        Self { verdict, scope: BTreeSet::new(), holds_secret: false }
    }

    /// A principal that no row decides.
    pub(super) fn unknown() -> Self {
        Self::plain(IdentityKind::Unknown, 0.0, "P20: no row applies")
    }

    /// A person.
    pub(super) fn user() -> Self {
        Self::plain(IdentityKind::User, BY_KIND, "P18: a user's token or name")
    }

    /// No principal, but the kind of access.
    pub(super) fn access(kind: IdentityKind) -> Self {
        let because = match kind {
            IdentityKind::Key => "P19: account key",
            IdentityKind::Sas => "P19: shared access signature without a principal",
            _ => "P19: anonymous",
        };
        Self::plain(kind, CERTAIN, because)
    }

    /// No principal.
    pub(super) fn nobody() -> Self {
        let mut decision = Self::plain(IdentityKind::Unknown, 0.0, "P20: no principal in the record");
        decision.verdict.stream = Stream::Unattributed;
        decision
    }

    /// The decision on a principal that is known by its client id only.
    pub(super) fn by_client_id(mut self) -> Self {
        let verdict = &mut self.verdict;
        if matches!(verdict.stream, Stream::Dbmi | Stream::Adac)
            && ["P1:", "P2:", "P3:", "P4:"].iter().any(|row| verdict.classified_by.starts_with(row))
        {
            verdict.confidence = verdict.confidence.min(NEARLY_CERTAIN);
            BY_CLIENT_ID.clone_into(&mut verdict.classified_by);
        }
        self
    }
}

/// One principal and all that is known of it.
#[derive(Debug, Default)]
pub(super) struct Subject<'a> {
    /// Its object id.
    pub(super) object: Option<&'a str>,
    /// Its application id, where it goes by that.
    pub(super) application: Option<&'a str>,
    /// What the logs say, under all its keys.
    pub(super) facts: Vec<&'a Facts>,
}

impl<'a> Subject<'a> {
    pub(super) fn has(&self, flag: Flag) -> bool {
        self.facts.iter().any(|facts| facts.has(flag))
    }

    /// Its names in the logs, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.each(|facts| &facts.names).into_iter()
    }

    /// The application ids of its app-only tokens, in order.
    pub(super) fn app_ids(&self) -> impl Iterator<Item = &'a str> {
        self.each(|facts| &facts.app_ids).into_iter()
    }

    pub(super) fn each(&self, of: impl Fn(&'a Facts) -> &'a BTreeSet<String>) -> BTreeSet<&'a str> {
        self.facts.iter().flat_map(|facts| of(facts)).map(String::as_str).collect()
    }
}
