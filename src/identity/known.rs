//! What the inventory amounts to: who owns an object id, which resource groups are managed, which
//! workspace a resource belongs to.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};

use super::evidence::AUTOMATIC_CONNECTOR_NAME;
use super::inventory::{Inventory, Workspace};
use super::place::{self, Named};
use crate::event::vocabulary::IdentityKind;

/// An inventory with its lookups.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) inventory: Inventory,
    /// Workspaces by the path of their managed resource group.
    managed_groups: HashMap<String, BTreeSet<String>>,
    /// Resources that list a user-assigned identity, by the identity.
    attached_to: HashMap<String, BTreeSet<String>>,
    /// Resources whose own identity an object id is.
    owners: HashMap<String, BTreeSet<String>>,
    /// Workspaces that an object id serves as storage account or disk identity.
    workspace_identities: HashMap<String, BTreeSet<(IdentityKind, String)>>,
    /// Object ids by client id.
    objects: HashMap<String, BTreeSet<String>>,
    /// Workspaces by the disk encryption set that they use.
    disk_encryption_sets: HashMap<String, BTreeSet<String>>,
    /// What refers to an access connector.
    referrers: BTreeMap<String, BTreeSet<String>>,
    dbfs_accounts: HashSet<String>,
    /// Workspaces by the number in their URL.
    workspace_ids: HashMap<String, BTreeSet<String>>,
    /// Whether the object id of an identity in every managed resource group is known.
    knows_workspace_identities: bool,
    /// Whether the object id of a connector is known.
    knows_connectors: bool,
}

impl Known {
    pub(super) fn new(inventory: Inventory) -> Self {
        let mut known = Self {
            managed_groups: HashMap::new(),
            attached_to: HashMap::new(),
            owners: HashMap::new(),
            workspace_identities: HashMap::new(),
            objects: HashMap::new(),
            disk_encryption_sets: HashMap::new(),
            referrers: inventory.connectors.clone(),
            dbfs_accounts: HashSet::new(),
            workspace_ids: HashMap::new(),
            knows_workspace_identities: knows_workspace_identities(&inventory),
            knows_connectors: knows_connectors(&inventory),
            inventory: Inventory::default(),
        };
        for (id, resource) in &inventory.resources {
            for principal in &resource.principals {
                link(&mut known.owners, principal, id);
            }
            for user_assigned in &resource.attached {
                link(&mut known.attached_to, user_assigned, id);
            }
        }
        for (object, clients) in &inventory.clients {
            for client in clients {
                link(&mut known.objects, client, object);
            }
        }
        for (id, workspace) in &inventory.workspaces {
            known.add_workspace(id, workspace);
        }
        for connector in inventory.credentials.iter().filter_map(|credential| credential.connector.as_ref()) {
            known.referrers.entry(connector.clone()).or_default();
        }
        known.inventory = inventory;
        known
    }

    fn add_workspace(&mut self, id: &str, workspace: &Workspace) {
        for group in &workspace.managed_groups {
            link(&mut self.managed_groups, group, id);
        }
        for set in &workspace.disk_encryption_sets {
            link(&mut self.disk_encryption_sets, set, id);
        }
        for number in &workspace.numbers {
            link(&mut self.workspace_ids, number, id);
        }
        for connector in &workspace.connectors {
            self.referrers.entry(connector.clone()).or_default().insert(id.to_owned());
        }
        self.dbfs_accounts.extend(workspace.dbfs_accounts.iter().cloned());
        let storage = workspace.storage_identities.iter().map(|object| (IdentityKind::StorageCmk, object));
        let disk = workspace.disk_identities.iter().map(|object| (IdentityKind::DiskCmk, object));
        for (kind, object) in storage.chain(disk) {
            self.workspace_identities.entry_ref(object.as_str()).or_default().insert((kind, id.to_owned()));
        }
    }

    /// The workspaces whose managed resource group this is; `None` where it is no known one.
    pub(super) fn workspaces_of_group(&self, group: &str) -> Option<&BTreeSet<String>> {
        self.managed_groups.get(group)
    }

    /// The workspaces in whose managed resource group a resource lies; `None` outside all known.
    pub(super) fn managing_workspaces(&self, id: &str) -> Option<&BTreeSet<String>> {
        self.managed_groups.get(place::resource_group(id)?)
    }

    /// The resources whose own identity this object id is, in order.
    pub(super) fn owners(&self, object: &str) -> impl Iterator<Item = &str> {
        self.owners.get(object).into_iter().flatten().map(String::as_str)
    }

    /// The workspaces that this object id serves as storage account or disk identity, in order.
    pub(super) fn workspace_identities(&self, object: &str) -> impl Iterator<Item = &(IdentityKind, String)> {
        self.workspace_identities.get(object).into_iter().flatten()
    }

    /// The object ids of a client id, in order.
    pub(super) fn objects_of_client(&self, client: &str) -> impl Iterator<Item = &str> {
        self.objects.get(client).into_iter().flatten().map(String::as_str)
    }

    /// The object id of a client id, when there is exactly one.
    pub(super) fn object_of_client(&self, client: &str) -> Option<&str> {
        only(self.objects.get(client)?)
    }

    /// Every object id that the inventory names as an identity, in order within each kind of
    /// record; some more than once.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        let inventory = &self.inventory;
        let owned = inventory.resources.values().flat_map(|resource| &resource.principals);
        let workspaces = inventory.workspaces.values();
        let serving = workspaces.flat_map(|workspace| workspace.storage_identities.union(&workspace.disk_identities));
        owned.chain(serving).chain(inventory.service_principals.keys()).map(String::as_str)
    }

    /// The client ids of an object id, in order.
    pub(super) fn clients_of_object(&self, object: &str) -> impl Iterator<Item = &str> {
        self.inventory.clients.get(object).into_iter().flatten().map(String::as_str)
    }

    /// The workspaces that use a disk encryption set.
    pub(super) fn workspaces_of_disks(&self, set: &str) -> Option<&BTreeSet<String>> {
        self.disk_encryption_sets.get(set)
    }

    /// The resources that list a user-assigned identity, in order.
    pub(super) fn attached_to(&self, user_assigned: &str) -> impl Iterator<Item = &str> {
        self.attached_to.get(user_assigned).into_iter().flatten().map(String::as_str)
    }

    /// Every access connector that something tells of, with what refers to it.
    pub(super) fn referrers(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.referrers
    }

    /// The workspaces that use an access connector: those that refer to it or name it, and the one
    /// in whose managed resource group it lies.
    pub(super) fn workspaces_of_connector(&self, connector: &str) -> BTreeSet<String> {
        let referrers = self.referrers.get(connector).into_iter().flatten();
        let mut workspaces: BTreeSet<String> =
            referrers.filter(|id| place::named(id) == Named::Workspace).cloned().collect();
        workspaces.extend(self.managing_workspaces(connector).into_iter().flatten().cloned());
        workspaces
    }

    /// Whether a connector is the one that Databricks makes in a managed resource group.
    pub(super) fn is_automatic(&self, connector: &str) -> bool {
        place::root(connector).is_some_and(|root| root.name == AUTOMATIC_CONNECTOR_NAME)
            && self.managing_workspaces(connector).is_some()
    }

    /// Whether an account is a DBFS root.
    ///
    /// A workspace names its account in `parameters.storageAccountName`, but `parameters` may be
    /// null. In a managed resource group an account that starts with `dbstorage` cannot be anyone
    /// else's, for the deny assignment keeps everyone but Databricks from making one there.
    pub(super) fn is_dbfs_root(&self, account: &str, id: Option<&str>) -> bool {
        self.dbfs_accounts.contains(account)
            || account.starts_with("dbstorage") && id.is_some_and(|id| self.managing_workspaces(id).is_some())
    }

    /// The workspace with this number, when there is exactly one.
    pub(super) fn workspace_by_number(&self, number: &str) -> Option<&str> {
        only(self.workspace_ids.get(number)?)
    }

    /// Whether an export lists the workspaces of this subscription.
    pub(super) fn covers_subscription_of(&self, id: &str) -> bool {
        place::subscription(id).is_some_and(|id| self.inventory.covered_subscriptions.contains(id))
    }

    /// Whether the workspace identity of one of these tenants would be known by its object id: an export
    /// lists the workspaces, and others the identities in their managed resource groups. An export of
    /// workspaces alone names no identity.
    pub(super) fn knows_workspace_identities(&self, tenants: &BTreeSet<&str>) -> bool {
        self.knows_workspace_identities && self.covers_tenant(tenants)
    }

    /// Whether a connector of one of these tenants would be known by its object id.
    pub(super) fn knows_connectors(&self, tenants: &BTreeSet<&str>) -> bool {
        self.knows_connectors && self.covers_tenant(tenants)
    }

    /// Whether an export lists the workspaces of one of these tenants. Where no tenants can be
    /// compared any exported workspace counts: most exports do not say their tenant.
    fn covers_tenant(&self, tenants: &BTreeSet<&str>) -> bool {
        if self.inventory.covered_subscriptions.is_empty() {
            return false;
        }
        let covered = &self.inventory.covered_tenants;
        covered.is_empty() || tenants.is_empty() || tenants.iter().any(|tenant| covered.contains(*tenant))
    }
}

/// Whether the object id of an identity in every managed resource group is known.
fn knows_workspace_identities(inventory: &Inventory) -> bool {
    let numbered = inventory.resources.iter().filter(|(_, resource)| !resource.principals.is_empty());
    let identities = numbered.filter(|(id, _)| place::named(id) == Named::UserAssigned);
    let groups: HashSet<&str> = identities.filter_map(|(id, _)| place::resource_group(id)).collect();
    let mut managed = inventory.workspaces.values().flat_map(|workspace| &workspace.managed_groups);
    managed.all(|group| groups.contains(group.as_str()))
}

/// Whether the object id of a connector is known.
fn knows_connectors(inventory: &Inventory) -> bool {
    let mut resources = inventory.resources.iter();
    resources.any(|(id, resource)| !resource.principals.is_empty() && place::named(id) == Named::Connector)
}

fn link(map: &mut HashMap<String, BTreeSet<String>>, key: &str, value: &str) {
    map.entry_ref(key).or_default().insert(value.to_owned());
}

/// The element of a set that has exactly one.
pub(super) fn only(set: &BTreeSet<String>) -> Option<&str> {
    let mut elements = set.iter();
    let first = elements.next()?;
    if elements.next().is_none() { Some(first) } else { None }
}
