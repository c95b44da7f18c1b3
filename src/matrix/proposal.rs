//! Least privilege: for each role held, what to do about it, and the evidence for that.
//!
//! A role is judged by the log that shows its use, over the time from which it was held and the
//! log was read. Where that log was not read, nothing is proposed but to read it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::logs::{Logs, SourceRead};
use super::powers::{self, Power};
use super::query::Use;
use super::roles::{Held, KnownFrom, RoleAt};
use super::tally::Tally;
use crate::arm;
use crate::event::vocabulary::{IdentityKind, LogSource, OpClass, RoleClass, ScopeLevel, Stream};
use crate::time::UtcMicros;

#[cfg(test)]
mod tests;

/// Most scopes that one is split into; beyond that the wider one is easier to keep right.
const MAX_SCOPES: usize = 5;

/// What to do about a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take it away.
    Remove,
    /// Give less in its place.
    Narrow,
    /// Leave it.
    Keep,
    /// What was read does not tell.
    NotKnown,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The role is for the other identity's work.
    OthersJob,
    /// It was not used while the log that shows its use was read.
    NeverUsed,
    /// Less would have done for all that was seen.
    LessWouldDo,
    /// It was used, and nothing narrower is known.
    Used,
    /// The log that shows its use was not read for its scope.
    LogNotRead,
    /// It was given after the last event that was read of that log.
    GivenLater,
    /// No log that is read here shows its use, or what it allows is not known.
    NotJudged,
}

/// A proposal about one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// What to do.
    pub action: Action,
    /// Why.
    pub because: Because,
    /// What would do in its place.
    pub instead: Vec<RoleAt>,
    /// What it was used for.
    pub used: Tally,
    /// The same by class of operation.
    pub used_for: BTreeMap<OpClass, u64>,
    /// The log that shows its use, as far as it was read for its scope.
    pub judged_by: Option<SourceRead>,
    /// From when on it was judged: the log was read and the role was held.
    pub judged_from: Option<UtcMicros>,
    /// Until when.
    pub judged_until: Option<UtcMicros>,
}

/// Who holds a role.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    pub(super) stream: Stream,
    pub(super) kind: IdentityKind,
    /// The connector has file events, or is not known to have none.
    pub(super) may_have_file_events: bool,
    /// There are storage accounts that Unity Catalog lets it reach and of which no log was read.
    pub(super) has_unread_accounts: bool,
}

/// Whether a scope covers what was done. Where the log does not say on what, it may have.
pub(super) fn covers(scope: &str, done: &Use) -> bool {
    let is_group = scope.contains("/providers/microsoft.management/managementgroups/");
    match (done.target_id.as_deref(), done.target_group.as_deref()) {
        _ if is_group => true,
        (Some(target), _) => match (scope.split_once("/containers/"), &done.container) {
            (Some((service, scoped)), Some(container)) => {
                arm::is_at_or_under(service, target) && arm::is_at_or_under(container, scoped)
            }
            // An operation on the account as a whole needs more than a container.
            (Some(_), None) => false,
            (None, _) => arm::is_at_or_under(target, scope),
        },
        (None, Some(group)) => arm::is_at_or_under(group, scope) || arm::is_at_or_under(scope, group),
        (None, None) => true,
    }
}

/// What to do about a role, given everything that its holder did.
pub(super) fn propose(held: &Held, holder: Holder, uses: &[&Use], logs: &Logs) -> Proposal {
    let power = held.at.role_id.as_deref().and_then(powers::of);
    let by_role = power.map_or_else(Vec::new, |power| used(held, power, uses));
    let mut proposal = Proposal {
        action: Action::NotKnown,
        because: Because::NotJudged,
        instead: Vec::new(),
        used: total(&by_role),
        used_for: by_class(&by_role),
        judged_by: power.map(|power| logs.at_scope(power.source, held.at.scope.as_deref(), power.needed())),
        judged_from: None,
        judged_until: None,
    };
    if let Some(read) = &proposal.judged_by {
        // An inventory says that a role is there, not since when.
        let granted = held.granted.as_ref().filter(|_| held.known_from.contains(&KnownFrom::Grant));
        let granted = granted.map(|seen| seen.time);
        proposal.judged_from = read.first_seen.map(|first| granted.map_or(first, |granted| granted.max(first)));
        proposal.judged_until = read.last_seen;
    }
    (proposal.action, proposal.because, proposal.instead) = decide(held, holder, &by_role, &proposal);
    proposal
}

fn decide(held: &Held, holder: Holder, used: &[&Use], so_far: &Proposal) -> (Action, Because, Vec<RoleAt>) {
    if is_others(held, holder) && !is_own_storage(holder, used) {
        return (Action::Remove, Because::OthersJob, Vec::new());
    }
    let nothing = |action, because| (action, because, Vec::new());
    let Some(read) = &so_far.judged_by else { return nothing(Action::NotKnown, Because::NotJudged) };
    if !used.is_empty() {
        let instead = less(held, used);
        return if instead.is_empty() {
            nothing(Action::Keep, Because::Used)
        } else {
            (Action::Narrow, Because::LessWouldDo, instead)
        };
    }
    match (so_far.judged_from, so_far.judged_until) {
        _ if !read.is_read => nothing(Action::NotKnown, Because::LogNotRead),
        // A wide role may have been used on those of which nothing is known.
        _ if holder.has_unread_accounts && read.source == LogSource::Storage && !is_of_account(held) => {
            nothing(Action::NotKnown, Because::LogNotRead)
        }
        (Some(from), Some(until)) if from >= until => nothing(Action::NotKnown, Because::GivenLater),
        _ => nothing(Action::Remove, Because::NeverUsed),
    }
}

/// Whether a role is for one storage account, or a part of it.
fn is_of_account(held: &Held) -> bool {
    matches!(held.scope_level, Some(ScopeLevel::Account | ScopeLevel::Container))
}

/// Roles that file events ask for:
/// <https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/manage-external-locations>,
/// read 2026-11.
const FOR_FILE_EVENTS: [&str; 4] = [
    "17d1049b-9a84-46fb-8f53-869881c3d3ab",
    "1d8c3fe3-8864-474b-8749-01e3783e8157",
    "1e241071-0855-49ea-94dc-649edcd759de",
    "428e0ff0-5e57-4d9c-a221-2c70d0e0a443",
];

/// Whether a role is for the work of the other identity, as the rules on grants have it.
fn is_others(held: &Held, holder: Holder) -> bool {
    let role_id = held.at.role_id.as_deref().unwrap_or_default();
    let is_secrets_user = role_id == "4633458b-17de-408a-b874-0445c86b69e6";
    match (holder.stream, held.role_class) {
        (Stream::Adac, RoleClass::Management | RoleClass::KeyYielding) => {
            !(holder.may_have_file_events && FOR_FILE_EVENTS.contains(&role_id))
        }
        (Stream::Dbmi, RoleClass::Crypto) => !matches!(holder.kind, IdentityKind::StorageCmk | IdentityKind::DiskCmk),
        // Secret scopes that a vault backs are read by Databricks' own application.
        (Stream::Dbmi, RoleClass::DataRead) => !(holder.kind == IdentityKind::FirstParty && is_secrets_user),
        (Stream::Dbmi, RoleClass::DataWrite | RoleClass::Delegator | RoleClass::KeyYielding)
        | (Stream::Adac, RoleClass::OwnerLike | RoleClass::Monitoring) => true,
        _ => false,
    }
}

/// Whether a workspace's own identity used the role for nothing but its own storage account.
fn is_own_storage(holder: Holder, used: &[&Use]) -> bool {
    holder.stream == Stream::Dbmi && !used.is_empty() && used.iter().all(|done| done.own_root)
}

/// What of everything done was done by this role.
fn used<'u>(held: &Held, power: &Power, uses: &[&'u Use]) -> Vec<&'u Use> {
    let grant = held.granted.as_ref().map(|seen| &seen.event_uid);
    let is_of = |done: &Use| {
        // Storage and Key Vault say which role let the caller in.
        done.grant_uid.as_ref() == grant
            && done.role_id.as_ref().is_none_or(|role| Some(role) == held.at.role_id.as_ref())
            && power.allows(done)
            && held.at.scope.as_deref().is_none_or(|scope| covers(scope, done))
    };
    uses.iter().copied().filter(|done| is_of(done)).collect()
}

fn total(used: &[&Use]) -> Tally {
    let mut tally = Tally::default();
    for done in used {
        tally.add(&done.tally);
    }
    tally
}

fn by_class(used: &[&Use]) -> BTreeMap<OpClass, u64> {
    let mut counts = BTreeMap::new();
    for done in used {
        *counts.entry(done.op_class.unwrap_or(OpClass::Other)).or_default() += done.tally.events;
    }
    counts
}

/// The roles and scopes that would have done; empty where the role held is the least.
fn less(held: &Held, used: &[&Use]) -> Vec<RoleAt> {
    let Some(role_id) = held.at.role_id.as_deref() else { return Vec::new() };
    let Some(scope) = held.at.scope.as_deref() else {
        let narrower = powers::narrower(role_id, used);
        return narrower.map(|power| RoleAt::new(Some(power.role_id), None)).into_iter().collect();
    };
    let (delegations, data): (Vec<&Use>, Vec<&Use>) =
        used.iter().copied().partition(|done| done.op_class == Some(OpClass::Delegation));
    let scopes = scopes(held, if data.is_empty() { used } else { &data });
    let narrower_of = |used: &[&Use]| powers::narrower(role_id, used).map_or(role_id, |power| power.role_id);
    let mut instead: Vec<RoleAt> = Vec::new();
    if !data.is_empty() && scopes.iter().any(|one| one.contains("/containers/")) {
        // A delegation key is the account's: a role on a container does not give it.
        let accounts: BTreeSet<&str> = delegations.iter().filter_map(|done| done.target_id.as_deref()).collect();
        instead.extend(accounts.into_iter().map(|account| RoleAt::new(Some(powers::BLOB_DELEGATOR), Some(account))));
        instead.extend(scopes.iter().map(|one| RoleAt::new(Some(narrower_of(&data)), Some(one))));
    } else {
        instead.extend(scopes.iter().map(|one| RoleAt::new(Some(narrower_of(used)), Some(one))));
    }
    let is_same = |one: &RoleAt| one.role_id.as_deref() == Some(role_id) && one.scope.as_deref() == Some(scope);
    if instead.iter().any(is_same) { Vec::new() } else { instead }
}

/// The narrowest scopes that cover all uses; the one held where the log does not say or there
/// are too many.
fn scopes(held: &Held, used: &[&Use]) -> Vec<String> {
    let whole = held.at.scope.clone().unwrap_or_default();
    let candidates: &[fn(&Use) -> Option<String>] = match held.scope_level {
        Some(ScopeLevel::Account) => &[container],
        Some(ScopeLevel::Root | ScopeLevel::Mg | ScopeLevel::Subscription | ScopeLevel::ResourceGroup) => {
            &[container, resource, group]
        }
        _ => &[],
    };
    let narrow = candidates.iter().find_map(|candidate| {
        let scopes: Option<BTreeSet<String>> = used.iter().map(|done| candidate(done)).collect();
        scopes.filter(|scopes| !scopes.is_empty() && scopes.len() <= MAX_SCOPES)
    });
    narrow.map_or_else(|| vec![whole], |scopes| scopes.into_iter().collect())
}

/// The container that was used, where the operation was on blobs of one.
fn container(done: &Use) -> Option<String> {
    let is_blob = matches!(
        done.op_class,
        Some(OpClass::BlobRead | OpClass::BlobList | OpClass::BlobWrite | OpClass::BlobDelete | OpClass::AclChange)
    );
    let (account, container) = (done.target_id.as_deref()?, done.container.as_deref()?);
    is_blob.then(|| format!("{account}/blobservices/default/containers/{container}"))
}

/// The account or vault that was used. Azure Resource Manager works on what may not stay.
fn resource(done: &Use) -> Option<String> {
    done.target_id.clone().filter(|_| done.source != Some(LogSource::Activity))
}

/// The resource group.
fn group(done: &Use) -> Option<String> {
    done.target_group.clone().filter(|group| group.contains("/resourcegroups/"))
}
