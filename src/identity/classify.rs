//! The decision table: of all that is known of a principal, the best row decides.

use std::collections::BTreeSet;

use super::Verdict;
use super::decision::{BY_CLIENT_ID, BY_KIND, CERTAIN, Decision, NEARLY_CERTAIN, Subject, stream_of};
use super::evidence::{AUTOMATIC_CONNECTOR_NAME, Flag, WORKSPACE_IDENTITY_NAME};
use super::inventory::ServicePrincipal;
use super::known::{Known, only};
use super::place::{self, Named};
use crate::event::vocabulary::{IdentityKind, Stream};

/// Databricks' own applications, sorted: `AzureDatabricks` (<https://github.com/merill/microsoft-info>,
/// read 2026-11) and `Databricks Resource Provider` (not in that list; seen in two tenants).
const FIRST_PARTY_APPS: [&str; 2] = ["2ff814a6-3304-4ab8-85cb-cd0e6f879c1d", "d9327919-6775-4843-9037-3fb0fb0473cb"];

/// The principal that every public-cloud workspace lists in `authorizations`, in the publisher's
/// tenant. Seen in ten of ten workspace exports; not verified that a log ever names it as caller.
const PUBLISHER_OBJECT_ID: &str = "9a74af6f-d153-4348-988a-e2672920bee9";

/// The default prefix of a managed resource group's name. Configurable, so only a hint.
const DEFAULT_GROUP_PREFIX: &str = "databricks-rg-";

/// Confidence in Databricks' own applications.
const FIRST_PARTY: f32 = 0.99;
/// Confidence in a token's word on the resource that it belongs to.
const BY_RESOURCE: f32 = 0.95;
/// Confidence where that resource lies in a known managed resource group.
const BY_MANAGED_RESOURCE: f32 = 0.97;
/// Confidence in the sign-in name of the workspace identity.
const BY_IDENTITY_NAME: f32 = 0.8;
/// Confidence in the sign-in name of a connector, and in the machine that asked for the token.
const BY_HINT: f32 = 0.75;
/// Confidence in an identity that others use as well.
const SHARED: f32 = 0.6;

/// The rows of the decision table that compete, best first. Users (row 18) are told apart before,
/// row 12 takes over another row's verdict, and row 19 has no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    P1,
    P2,
    P3,
    P4,
    P5,
    P6,
    P15,
    P7,
    P8,
    P9,
    P10,
    P11,
    P13,
    P14,
    P16,
    P17,
}

/// What one row makes of one piece of evidence.
#[derive(Debug, Clone)]
struct Candidate {
    row: Row,
    stream: Stream,
    kind: IdentityKind,
    confidence: f32,
    /// The row and its evidence in words, of a closed set.
    because: &'static str,
    arm_id: Option<String>,
    workspaces: BTreeSet<String>,
    /// The managed resource group that it shows to be the principal's own.
    group: Option<String>,
}

impl Candidate {
    fn new(row: Row, kind: IdentityKind, confidence: f32, because: &'static str) -> Self {
        let (arm_id, group) = (None, None);
        Self { row, stream: stream_of(kind), kind, confidence, because, arm_id, workspaces: BTreeSet::new(), group }
    }

    fn of(mut self, arm_id: &str) -> Self {
        self.arm_id = Some(arm_id.to_owned());
        self
    }

    fn serving(mut self, workspaces: Option<&BTreeSet<String>>) -> Self {
        self.workspaces.extend(workspaces.into_iter().flatten().cloned());
        self
    }

    fn inside(mut self, group: Option<&str>) -> Self {
        self.group = group.map(str::to_owned);
        self
    }
}

impl Known {
    /// Decides one principal.
    pub(super) fn decide(&self, subject: &Subject<'_>) -> Decision {
        let stated = subject.object.map(|object| self.stated(object)).unwrap_or_default();
        let is_user = subject.has(Flag::User);
        let mut decision = match stated.iter().min_by_key(|candidate| (candidate.row, candidate.because)) {
            Some(candidate) if is_user => contradicted_by_user(candidate),
            None if is_user => Decision::user(),
            _ => {
                let mut candidates = stated;
                self.add_application_rows(subject, &mut candidates);
                self.add_resource_rows(subject, &mut candidates);
                self.add_machine_rows(subject, &mut candidates);
                self.add_name_rows(subject, &mut candidates);
                self.add_kind_rows(subject, &mut candidates);
                self.best(&candidates)
            }
        };
        let principal = self.listed(subject);
        decision.holds_secret = subject.has(Flag::Secret) || principal.is_some_and(|principal| principal.holds_secret);
        let named = self.has_name(subject, Flag::NamedWorkspaceIdentity, WORKSPACE_IDENTITY_NAME)
            || self.has_name(subject, Flag::NamedConnector, AUTOMATIC_CONNECTOR_NAME);
        let verdict = &mut decision.verdict;
        verdict.name_spoof = named && is_of_others(verdict) || is_spoof_by_resource(verdict);
        decision
    }

    /// The decisions on user-assigned identities whose object id nothing says, in the order of
    /// their ARM ids.
    pub(super) fn unnumbered_identities(&self) -> Vec<Decision> {
        let resources = self.inventory.resources.iter();
        let unnumbered = resources.filter(|(_, resource)| resource.principals.is_empty()).map(|(id, _)| id);
        let identities = unnumbered.filter(|id| place::named(id) == Named::UserAssigned);
        identities
            .map(|id| {
                let mut decision = self.best(&[self.stated_by(id)]);
                decision.verdict.name_spoof = is_spoof_by_resource(&decision.verdict);
                decision
            })
            .collect()
    }

    /// Rows 1 to 4 and 15, and what the inventory says of rows 9 and 10: whose identity an object
    /// id is.
    fn stated(&self, object: &str) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = self.owners(object).map(|owner| self.stated_by(owner)).collect();
        for (kind, workspace) in self.workspace_identities(object) {
            let because = match kind {
                IdentityKind::StorageCmk => "P4: storage account identity of a workspace",
                _ => "P4: managed disk identity of a workspace",
            };
            let workspaces = BTreeSet::from([workspace.clone()]);
            candidates.push(Candidate::new(Row::P4, *kind, CERTAIN, because).serving(Some(&workspaces)));
        }
        candidates
    }

    /// What it means to be the own identity of this resource.
    fn stated_by(&self, owner: &str) -> Candidate {
        let managing = self.managing_workspaces(owner);
        let candidate = match place::named(owner) {
            Named::Connector => {
                let workspaces = self.workspaces_of_connector(owner);
                let because = "P1: object id of an access connector's own identity";
                Candidate::new(Row::P1, self.own_kind(owner), CERTAIN, because).serving(Some(&workspaces))
            }
            Named::UserAssigned => return self.stated_by_user_assigned(owner),
            Named::Workspace => {
                let because = "P10: identity of a workspace resource";
                let workspaces = BTreeSet::from([owner.to_owned()]);
                Candidate::new(Row::P10, IdentityKind::StorageCmk, BY_KIND, because).serving(Some(&workspaces))
            }
            Named::DiskEncryptionSet if managing.is_some() || self.workspaces_of_disks(owner).is_some() => {
                let because = "P4: identity of a workspace's disk encryption set";
                let candidate = Candidate::new(Row::P4, IdentityKind::DiskCmk, CERTAIN, because);
                candidate.serving(managing).serving(self.workspaces_of_disks(owner))
            }
            Named::StorageAccount if managing.is_some() => {
                let because = "P4: identity of a storage account in a managed resource group";
                Candidate::new(Row::P4, IdentityKind::StorageCmk, CERTAIN, because).serving(managing)
            }
            _ => Candidate::new(Row::P15, IdentityKind::OtherMi, CERTAIN, "P15: managed identity of another resource"),
        };
        candidate.of(owner)
    }

    fn stated_by_user_assigned(&self, id: &str) -> Candidate {
        let candidate = if let Some((kind, workspaces)) = self.connectors_identity(id) {
            let candidate = if kind == IdentityKind::AdacShared {
                let because = "P3: user-assigned identity of an access connector, attached elsewhere too";
                Candidate::new(Row::P3, kind, SHARED, because)
            } else {
                let because = "P2: user-assigned identity of an access connector";
                Candidate::new(Row::P2, kind, NEARLY_CERTAIN, because)
            };
            candidate.serving(Some(&workspaces))
        } else if let Some(managing) = self.managing_workspaces(id) {
            let because = "P4: user-assigned identity in a managed resource group";
            let candidate = Candidate::new(Row::P4, IdentityKind::Uami, CERTAIN, because);
            candidate.serving(Some(managing)).inside(place::resource_group(id))
        } else if is_named_like_workspace_identity(id) && !self.covers_subscription_of(id) {
            // Without the workspaces, "outside every known managed resource group" says nothing.
            let because = "P9: identity resource named dbmanagedidentity, workspaces of its subscription not known";
            Candidate::new(Row::P9, IdentityKind::Uami, BY_KIND, because).inside(place::resource_group(id))
        } else {
            let because = "P15: user-assigned identity outside every known managed resource group";
            Candidate::new(Row::P15, IdentityKind::OtherMi, CERTAIN, because)
        };
        candidate.of(id)
    }

    /// What a user-assigned identity is to the access connectors that list it, and their
    /// workspaces; `None` where none does.
    fn connectors_identity(&self, id: &str) -> Option<(IdentityKind, BTreeSet<String>)> {
        let is_connector = |resource: &&str| place::named(resource) == Named::Connector;
        let connectors: Vec<&str> = self.attached_to(id).filter(is_connector).collect();
        let workspaces = connectors.iter().flat_map(|connector| self.workspaces_of_connector(connector)).collect();
        // Several connectors may share an identity: it still does nothing but their work.
        let is_of_databricks = |resource| matches!(place::named(resource), Named::Connector | Named::Workspace);
        let kind = if connectors.is_empty() {
            return None;
        } else if !self.attached_to(id).all(is_of_databricks) {
            IdentityKind::AdacShared
        } else if connectors.iter().all(|connector| self.is_automatic(connector)) {
            IdentityKind::AdacAuto
        } else {
            IdentityKind::AdacUami
        };
        Some((kind, workspaces))
    }

    /// The kind of a connector's own identity.
    fn own_kind(&self, connector: &str) -> IdentityKind {
        if self.is_automatic(connector) { IdentityKind::AdacAuto } else { IdentityKind::AdacSystem }
    }

    /// Rows 5 and 6: application ids of app-only tokens.
    fn add_application_rows(&self, subject: &Subject<'_>, candidates: &mut Vec<Candidate>) {
        let mut apps = subject.each(|facts| &facts.app_ids);
        apps.extend(subject.application);
        for object in apps.iter().flat_map(|app| self.objects_of_client(app)) {
            for candidate in self.stated(object).into_iter().filter(|candidate| candidate.row <= Row::P4) {
                let confidence = candidate.confidence.min(NEARLY_CERTAIN);
                candidates.push(Candidate { row: Row::P5, confidence, because: BY_CLIENT_ID, ..candidate });
            }
        }
        apps.extend(subject.object.into_iter().flat_map(|object| self.clients_of_object(object)));
        if apps.iter().any(|app| FIRST_PARTY_APPS.contains(app)) {
            let because = "P6: application id of Databricks itself";
            candidates.push(Candidate::new(Row::P6, IdentityKind::FirstParty, FIRST_PARTY, because));
        }
        if subject.object == Some(PUBLISHER_OBJECT_ID) {
            let because = "P6: object id of the principal that workspaces authorise";
            candidates.push(Candidate::new(Row::P6, IdentityKind::FirstParty, FIRST_PARTY, because));
        }
    }

    /// Rows 7 to 10: the resource that a token names.
    fn add_resource_rows(&self, subject: &Subject<'_>, candidates: &mut Vec<Candidate>) {
        for id in subject.each(|facts| &facts.mirids) {
            let candidate = match place::named(id) {
                Named::Connector => {
                    let workspaces = self.workspaces_of_connector(id);
                    let because = "P7: xms_mirid names an access connector";
                    let candidate = Candidate::new(Row::P7, self.own_kind(id), BY_RESOURCE, because);
                    Some(candidate.serving(Some(&workspaces)))
                }
                Named::UserAssigned => self.token_of_user_assigned(id),
                Named::Workspace => {
                    let because = "P10: xms_mirid names a workspace";
                    let workspaces = BTreeSet::from([id.to_owned()]);
                    let candidate = Candidate::new(Row::P10, IdentityKind::StorageCmk, BY_KIND, because);
                    Some(candidate.serving(Some(&workspaces)))
                }
                Named::StorageAccount | Named::DiskEncryptionSet | Named::Other => None,
            };
            candidates.extend(candidate.map(|candidate| candidate.of(id)));
        }
    }

    fn token_of_user_assigned(&self, id: &str) -> Option<Candidate> {
        if let Some((kind, workspaces)) = self.connectors_identity(id) {
            let confidence = if kind == IdentityKind::AdacShared { SHARED } else { BY_RESOURCE };
            let because = "P7: xms_mirid names a user-assigned identity of an access connector";
            return Some(Candidate::new(Row::P7, kind, confidence, because).serving(Some(&workspaces)));
        }
        if !is_named_like_workspace_identity(id) {
            return None;
        }
        let group = place::resource_group(id);
        if let Some(managing) = self.managing_workspaces(id) {
            let because = "P8: xms_mirid names dbmanagedidentity in a managed resource group";
            let candidate = Candidate::new(Row::P8, IdentityKind::Uami, BY_MANAGED_RESOURCE, because);
            return Some(candidate.serving(Some(managing)).inside(group));
        }
        if self.covers_subscription_of(id) {
            let because = "P9: xms_mirid names dbmanagedidentity, but outside every managed resource group";
            return Some(Candidate::new(Row::P9, IdentityKind::OtherMi, BY_KIND, because));
        }
        let because = "P9: xms_mirid names dbmanagedidentity, workspaces of its subscription not known";
        Some(Candidate::new(Row::P9, IdentityKind::Uami, BY_KIND, because).inside(group))
    }

    /// Row 11: the machine that asked for the token.
    fn add_machine_rows(&self, subject: &Subject<'_>, candidates: &mut Vec<Candidate>) {
        for group in subject.each(|facts| &facts.machine_groups) {
            let (managing, because) = if let Some(managing) = self.workspaces_of_group(group) {
                (Some(managing), "P11: xms_az_rid is a machine in a managed resource group")
            } else if has_default_name(group) && !self.covers_subscription_of(group) {
                (None, "P11: xms_az_rid is a machine in a resource group named databricks-rg-")
            } else {
                continue;
            };
            let candidate = Candidate::new(Row::P11, IdentityKind::Uami, BY_HINT, because);
            candidates.push(candidate.serving(managing).inside(Some(group)));
        }
    }

    /// Rows 13 and 14: names that anyone can give. Where the tenant's workspaces and their identities are
    /// known, or the principal did what no managed identity does, such a name speaks against it.
    fn add_name_rows(&self, subject: &Subject<'_>, candidates: &mut Vec<Candidate>) {
        let principal = self.listed(subject);
        if subject.has(Flag::NotManaged) || principal.is_some_and(|principal| principal.is_application) {
            return;
        }
        let tenants = subject.each(|facts| &facts.tenants);
        let rows = [
            (
                self.has_name(subject, Flag::NamedWorkspaceIdentity, WORKSPACE_IDENTITY_NAME),
                Candidate::new(Row::P13, IdentityKind::Uami, BY_IDENTITY_NAME, "P13: named dbmanagedidentity"),
                "P13: named dbmanagedidentity, but of no known workspace",
                self.knows_workspace_identities(&tenants),
            ),
            (
                self.has_name(subject, Flag::NamedConnector, AUTOMATIC_CONNECTOR_NAME),
                Candidate::new(Row::P14, IdentityKind::AdacAuto, BY_HINT, "P14: named unity-catalog-access-connector"),
                "P14: named unity-catalog-access-connector, but no known connector",
                self.knows_connectors(&tenants),
            ),
        ];
        for (_, believed, disproved, would_be_known) in rows.into_iter().filter(|(applies, ..)| *applies) {
            let spoofed = Candidate::new(believed.row, IdentityKind::OtherMi, BY_KIND, disproved);
            candidates.push(if would_be_known { spoofed } else { believed });
        }
    }

    /// The service principal that Entra lists under the subject's object id.
    fn listed(&self, subject: &Subject<'_>) -> Option<&ServicePrincipal> {
        self.inventory.service_principals.get(subject.object?)
    }

    /// Whether a principal signed in under a name or is listed under it.
    fn has_name(&self, subject: &Subject<'_>, flag: Flag, name: &str) -> bool {
        let principal = self.listed(subject);
        let listed = principal.into_iter().flat_map(|principal| &principal.names);
        subject.has(flag) || listed.into_iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }

    /// Rows 16 and 17: the kind of token or record.
    fn add_kind_rows(&self, subject: &Subject<'_>, candidates: &mut Vec<Candidate>) {
        let principal = self.listed(subject);
        if subject.has(Flag::Managed) {
            candidates.push(Candidate::new(
                Row::P16,
                IdentityKind::OtherMi,
                BY_KIND,
                "P16: a managed identity's token",
            ));
        }
        if principal.is_some_and(|principal| principal.is_managed) {
            let because = "P16: listed as a managed identity";
            candidates.push(Candidate::new(Row::P16, IdentityKind::OtherMi, BY_KIND, because));
        }
        if subject.has(Flag::App) || subject.has(Flag::Secret) {
            let because = "P17: an application's token";
            candidates.push(Candidate::new(Row::P17, IdentityKind::ServicePrincipal, BY_KIND, because));
        }
        if principal.is_some_and(|principal| principal.is_application) {
            let because = "P17: listed as an application";
            candidates.push(Candidate::new(Row::P17, IdentityKind::ServicePrincipal, BY_KIND, because));
        }
    }

    /// The decision of the best row: of all its candidates together.
    fn best(&self, candidates: &[Candidate]) -> Decision {
        let Some(row) = candidates.iter().map(|candidate| candidate.row).min() else { return Decision::unknown() };
        let best: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.row == row).collect();
        let answers: BTreeSet<(Stream, IdentityKind)> =
            best.iter().map(|candidate| (candidate.stream, candidate.kind)).collect();
        let mut answers = answers.into_iter();
        let (Some((_, kind)), None) = (answers.next(), answers.next()) else { return disagreement(row, &best) };
        let confidence = best.iter().map(|candidate| candidate.confidence).fold(CERTAIN, f32::min);
        let because = best.iter().map(|candidate| candidate.because).min().unwrap_or_default();
        let mut decision = Decision::plain(kind, confidence, because);
        decision.verdict.arm_id = best.iter().filter_map(|candidate| candidate.arm_id.clone()).min();
        let mut workspaces: BTreeSet<String> = best.iter().flat_map(|candidate| candidate.workspaces.clone()).collect();
        if decision.verdict.stream == Stream::Dbmi {
            workspaces = self.present(workspaces);
        }
        decision.verdict.workspace_rid = only(&workspaces).map(str::to_owned);
        if decision.verdict.stream == Stream::Dbmi {
            decision.scope = self.scope(only(&workspaces));
            decision.scope.extend(best.iter().filter_map(|candidate| candidate.group.clone()));
        }
        if kind == IdentityKind::FirstParty {
            // One principal serves every workspace of the tenant.
            decision.scope.extend(self.inventory.workspaces.keys().flat_map(|workspace| self.scope(Some(workspace))));
        }
        decision
    }

    /// Of workspaces whose own an identity is, those that are there: a workspace that was deleted and
    /// made again under another name has had the same managed resource group.
    fn present(&self, workspaces: BTreeSet<String>) -> BTreeSet<String> {
        let is_exported = |id: &&String| self.inventory.workspaces.get(*id).is_some_and(|known| known.is_exported);
        let exported: BTreeSet<String> = workspaces.iter().filter(is_exported).cloned().collect();
        if exported.is_empty() { workspaces } else { exported }
    }

    /// The workspace, its managed resource group and its network.
    fn scope(&self, workspace: Option<&str>) -> BTreeSet<String> {
        let Some(id) = workspace else { return BTreeSet::new() };
        let mut scope = BTreeSet::from([id.to_owned()]);
        if let Some(workspace) = self.inventory.workspaces.get(id) {
            scope.extend(workspace.managed_groups.iter().chain(&workspace.networks).cloned());
        }
        scope
    }
}

/// A person's token carries the object id of a resource: nothing can be said.
fn contradicted_by_user(stated: &Candidate) -> Decision {
    let reason = format!("P18: a user's token, which contradicts {}", stated.because);
    Decision::plain(IdentityKind::Unknown, 0.0, &reason)
}

/// Candidates of one row differ: nothing can be said.
fn disagreement(row: Row, candidates: &[&Candidate]) -> Decision {
    let kinds: BTreeSet<IdentityKind> = candidates.iter().map(|candidate| candidate.kind).collect();
    let kinds: Vec<&str> = kinds.into_iter().map(IdentityKind::as_str).collect();
    Decision::plain(IdentityKind::Unknown, 0.0, &format!("{row:?}: disagrees with itself: {}", kinds.join(", ")))
}

/// Whether a verdict is on a managed identity or application that is none of Databricks'.
fn is_of_others(verdict: &Verdict) -> bool {
    matches!(verdict.kind, IdentityKind::OtherMi | IdentityKind::ServicePrincipal)
}

/// Whether such a principal is an identity resource that is named like a workspace's.
fn is_spoof_by_resource(verdict: &Verdict) -> bool {
    is_of_others(verdict) && verdict.arm_id.as_deref().is_some_and(is_named_like_workspace_identity)
}

/// Whether a whole id is a user-assigned identity named like a workspace's.
fn is_named_like_workspace_identity(id: &str) -> bool {
    place::named(id) == Named::UserAssigned && place::root(id).is_some_and(|root| root.name == WORKSPACE_IDENTITY_NAME)
}

fn has_default_name(group: &str) -> bool {
    group.rsplit('/').next().is_some_and(|name| name.starts_with(DEFAULT_GROUP_PREFIX))
}
