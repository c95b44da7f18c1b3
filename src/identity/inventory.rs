//! What inventory exports and `…/write` bodies state, kept as sets: nothing depends on the order
//! in which records arrive, and where two disagree both stay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::place;
use crate::arm;
use crate::event::vocabulary::BodyFrom;
use crate::format::InventoryKind;
use crate::ip::Range;
use crate::json::Value;
use crate::time::UtcMicros;

/// What inventory exports and `…/write` bodies say. Adding is commutative and idempotent: the
/// order of files and records does not matter, nor how often one is read.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inventory {
    /// Every resource that has an identity of its own or lists user-assigned ones, by folded id.
    pub(super) resources: BTreeMap<String, Resource>,
    /// Workspaces by folded id.
    pub(super) workspaces: BTreeMap<String, Workspace>,
    /// Access connectors by folded id, with the ids that refer to them.
    pub(super) connectors: BTreeMap<String, BTreeSet<String>>,
    /// Service principals by object id.
    pub(super) service_principals: BTreeMap<String, ServicePrincipal>,
    /// Client ids by object id.
    pub(super) clients: BTreeMap<String, BTreeSet<String>>,
    /// Unity Catalog's storage credentials.
    pub(super) credentials: BTreeSet<Credential>,
    /// Unity Catalog's external locations.
    pub(super) locations: BTreeSet<Location>,
    /// Role assignments.
    pub(super) role_assignments: BTreeSet<RoleAssignment>,
    /// Address ranges that Databricks' own services come from, each with its service tag.
    pub(super) service_ranges: BTreeSet<(Range, String)>,
    /// Subscriptions whose workspaces an export lists. A workspace that only a log tells of does
    /// not count: others may stand beside it.
    pub(super) covered_subscriptions: BTreeSet<String>,
    /// Tenants of exported workspaces, as far as these say.
    pub(super) covered_tenants: BTreeSet<String>,
}

/// A resource with identities.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Resource {
    /// Object ids of its own identity: several where it was deleted and made again.
    pub(super) principals: BTreeSet<String>,
    /// Folded ids of the user-assigned identities attached to it.
    pub(super) attached: BTreeSet<String>,
}

/// What is said of a workspace.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Workspace {
    pub(super) managed_groups: BTreeSet<String>,
    pub(super) dbfs_accounts: BTreeSet<String>,
    pub(super) networks: BTreeSet<String>,
    /// Object ids of the storage account identity.
    pub(super) storage_identities: BTreeSet<String>,
    /// Object ids of the managed disk identity.
    pub(super) disk_identities: BTreeSet<String>,
    pub(super) disk_encryption_sets: BTreeSet<String>,
    pub(super) connectors: BTreeSet<String>,
    pub(super) created: BTreeSet<UtcMicros>,
    pub(super) uc_enabled: BTreeSet<bool>,
    /// `workspaceId`, the number in the workspace's URL.
    pub(super) numbers: BTreeSet<String>,
    /// An export lists it: it is there, and not only the log of what was.
    pub(super) is_exported: bool,
}

/// What is said of a service principal.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ServicePrincipal {
    pub(super) names: BTreeSet<String>,
    /// Listed as `ManagedIdentity`.
    pub(super) is_managed: bool,
    /// Listed as another type.
    pub(super) is_application: bool,
    /// Holds a password or certificate.
    pub(super) holds_secret: bool,
}

/// A storage credential of Unity Catalog that stands for a managed identity.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Credential {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    /// Folded id of the access connector.
    pub(super) connector: Option<String>,
    /// Folded id of the user-assigned identity; absent: the connector's own.
    pub(super) identity: Option<String>,
}

/// An external location of Unity Catalog.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Location {
    pub(super) account: String,
    pub(super) container: String,
    pub(super) credential_id: Option<String>,
    pub(super) credential_name: Option<String>,
    /// `None` where the export does not say: older ones have no such field.
    pub(super) file_events: Option<bool>,
}

/// A role assignment of an inventory export.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Object id that holds the role.
    pub principal_id: String,
    /// Role definition id, lower case with dashes.
    pub role_id: String,
    /// Folded scope.
    pub scope: String,
}

impl Inventory {
    /// Adds one inventory record. `origin` names where it was read. A record without the id that
    /// its kind goes by adds nothing.
    pub fn add(&mut self, kind: InventoryKind, root: Value<'_>, _origin: &str) {
        let id = at(root, &["id"]).and_then(arm_id);
        match kind {
            InventoryKind::AccessConnector => self.add_connector(id, root),
            InventoryKind::Workspace => self.add_exported_workspace(id, root),
            InventoryKind::UserAssignedIdentity => self.add_user_assigned(id, root),
            InventoryKind::OtherResource => self.add_identities(id.as_deref(), root),
            InventoryKind::ServicePrincipal => self.add_service_principal(root),
            InventoryKind::RoleAssignment => self.add_role_assignment(root),
            InventoryKind::StorageCredential => self.add_credential(root),
            InventoryKind::ExternalLocation => self.locations.extend(location(root)),
            InventoryKind::ServiceTags => self.add_service_tags(root),
        }
    }

    /// Adds the resource that a successful `accessConnectors/write` or `workspaces/write` tells of:
    /// its folded id and its request or response body. Other targets add nothing.
    ///
    /// Which object ids identities have is Azure's to say: in a request, where these members are
    /// read-only and what they say is ignored, the caller can write anybody's.
    pub fn add_from_log(&mut self, target_id: &str, body: Value<'_>, from: BodyFrom) {
        let mut said = Self::default();
        match place::named(target_id) {
            place::Named::Connector => said.add_connector(Some(target_id.to_owned()), body),
            place::Named::Workspace => said.add_workspace(target_id.to_owned(), body),
            _ => {}
        }
        if from == BodyFrom::Request {
            said.forget_object_ids();
        }
        self.merge(said);
    }

    /// Leaves of what one body said only what its writer decides.
    fn forget_object_ids(&mut self) {
        self.clients.clear();
        self.resources.values_mut().for_each(|resource| resource.principals.clear());
        for workspace in self.workspaces.values_mut() {
            workspace.storage_identities.clear();
            workspace.disk_identities.clear();
            workspace.created.clear();
            workspace.numbers.clear();
        }
    }

    /// Adds what another part of the run collected.
    pub fn merge(&mut self, other: Self) {
        for (id, resource) in other.resources {
            let mine = self.resources.entry(id).or_default();
            mine.principals.extend(resource.principals);
            mine.attached.extend(resource.attached);
        }
        for (id, workspace) in other.workspaces {
            self.workspaces.entry(id).or_default().merge(workspace);
        }
        for (id, referrers) in other.connectors {
            self.connectors.entry(id).or_default().extend(referrers);
        }
        for (id, principal) in other.service_principals {
            self.service_principals.entry(id).or_default().merge(principal);
        }
        for (id, clients) in other.clients {
            self.clients.entry(id).or_default().extend(clients);
        }
        self.credentials.extend(other.credentials);
        self.locations.extend(other.locations);
        self.role_assignments.extend(other.role_assignments);
        self.service_ranges.extend(other.service_ranges);
        self.covered_subscriptions.extend(other.covered_subscriptions);
        self.covered_tenants.extend(other.covered_tenants);
    }

    fn add_connector(&mut self, id: Option<String>, root: Value<'_>) {
        let Some(id) = id else { return };
        self.add_identities(Some(&id), root);
        let referrers = self.connectors.entry(id).or_default();
        // One `r`: the service spells it so. https://github.com/Azure/azure-rest-api-specs, the
        // access connector examples of 2026-01-01, read 2026-11.
        if let Some(list) = property(root, &["referedBy"]) {
            referrers.extend(list.items().filter_map(arm_id));
        }
    }

    /// Adds the `identity` block of a resource: its own identity and those attached to it.
    fn add_identities(&mut self, id: Option<&str>, root: Value<'_>) {
        let (Some(id), Some(identity)) = (id, at(root, &["identity"])) else { return };
        let own = at(identity, &["principalId"]).and_then(guid);
        if own.is_some() {
            self.resources.entry(id.to_owned()).or_default().principals.extend(own);
        }
        let Some(attached) = at(identity, &["userAssignedIdentities"]) else { return };
        for (key, value) in attached.members() {
            let Some(user_assigned) = folded_arm_id(key) else { continue };
            self.resources.entry(id.to_owned()).or_default().attached.insert(user_assigned.clone());
            self.add_user_assigned(Some(user_assigned), value);
        }
    }

    /// Adds a user-assigned identity. Its clientId and principalId stand at the root (Azure CLI,
    /// `userAssignedIdentities` members) or under `properties` (Azure Resource Manager).
    fn add_user_assigned(&mut self, id: Option<String>, root: Value<'_>) {
        let Some(id) = id else { return };
        let principal = property(root, &["principalId"]).and_then(guid);
        self.add_client(principal.as_deref(), property(root, &["clientId"]).and_then(guid));
        self.resources.entry(id).or_default().principals.extend(principal);
    }

    fn add_client(&mut self, principal: Option<&str>, client: Option<String>) {
        if let (Some(principal), Some(client)) = (principal, client) {
            self.clients.entry(principal.to_owned()).or_default().insert(client);
        }
    }

    fn add_exported_workspace(&mut self, id: Option<String>, root: Value<'_>) {
        let Some(id) = id else { return };
        self.covered_subscriptions.extend(place::subscription(&id).map(str::to_owned));
        let tenants = [
            at(root, &["tenantId"]),
            property(root, &["storageAccountIdentity", "tenantId"]),
            property(root, &["managedDiskIdentity", "tenantId"]),
        ];
        self.covered_tenants.extend(tenants.into_iter().flatten().filter_map(guid));
        self.workspaces.entry(id.clone()).or_default().is_exported = true;
        self.add_workspace(id, root);
    }

    fn add_workspace(&mut self, id: String, root: Value<'_>) {
        let workspace = self.workspaces.entry(id).or_default();
        let get = |path: &[&str]| property(root, path);
        let parameter = |name: &str| get(&["parameters", name, "value"]);
        workspace.managed_groups.extend(get(&["managedResourceGroupId"]).and_then(arm_id));
        workspace.dbfs_accounts.extend(parameter("storageAccountName").and_then(lower));
        workspace.networks.extend(parameter("customVirtualNetworkId").and_then(arm_id));
        workspace.storage_identities.extend(get(&["storageAccountIdentity", "principalId"]).and_then(guid));
        workspace.disk_identities.extend(get(&["managedDiskIdentity", "principalId"]).and_then(guid));
        workspace.disk_encryption_sets.extend(get(&["diskEncryptionSetId"]).and_then(arm_id));
        workspace.connectors.extend(get(&["accessConnector", "id"]).and_then(arm_id));
        workspace.created.extend(get(&["createdDateTime"]).and_then(Value::as_str).and_then(UtcMicros::parse));
        workspace.uc_enabled.extend(get(&["isUcEnabled"]).and_then(Value::as_bool));
        workspace.numbers.extend(get(&["workspaceId"]).and_then(lower));
    }

    fn add_service_principal(&mut self, root: Value<'_>) {
        // Older versions of the Azure CLI print `objectId`, later ones Microsoft Graph's `id`.
        let Some(object) = at(root, &["id"]).or_else(|| at(root, &["objectId"])).and_then(guid) else { return };
        self.add_client(Some(&object), at(root, &["appId"]).and_then(guid));
        let principal = self.service_principals.entry(object.clone()).or_default();
        principal.names.extend(at(root, &["displayName"]).and_then(Value::as_str).map(str::to_owned));
        let held = ["keyCredentials", "passwordCredentials"].map(|key| at(root, &[key]));
        principal.holds_secret |= held.into_iter().flatten().any(|list| list.items().next().is_some());
        match at(root, &["servicePrincipalType"]).and_then(Value::as_str) {
            Some(kind) if kind.eq_ignore_ascii_case("ManagedIdentity") => principal.is_managed = true,
            Some(_) => {
                // Its owner can write an application's alternative names: no evidence of anything.
                principal.is_application = true;
                return;
            }
            None => {}
        }
        // The path is the resource itself for a system-assigned identity (`isExplicit=False` or no
        // such entry) and the userAssignedIdentities resource otherwise (`isExplicit=True`): the
        // path's type says which, so the flag adds nothing.
        let Some(names) = at(root, &["alternativeNames"]) else { return };
        for path in names.items().filter_map(arm_id) {
            self.resources.entry(path).or_default().principals.insert(object.clone());
        }
    }

    fn add_role_assignment(&mut self, root: Value<'_>) {
        let role = property(root, &["roleDefinitionId"]).and_then(Value::as_str);
        let role = role.and_then(|id| id.rsplit('/').next()).and_then(folded_guid);
        let principal = property(root, &["principalId"]).and_then(guid);
        let scope = property(root, &["scope"]).and_then(Value::as_str).and_then(folded_path);
        if let (Some(principal_id), Some(role_id), Some(scope)) = (principal, role, scope) {
            self.role_assignments.insert(RoleAssignment { principal_id, role_id, scope });
        }
    }

    /// Adds the ranges of Databricks' tags; a region's tag is `AzureDatabricks.WestEurope`.
    fn add_service_tags(&mut self, root: Value<'_>) {
        const FAMILY: &str = "azuredatabricks";
        for tag in at(root, &["values"]).into_iter().flat_map(Value::items) {
            let Some(name) = at(tag, &["name"]).and_then(Value::as_str) else { continue };
            if !name.get(..FAMILY.len()).is_some_and(|start| start.eq_ignore_ascii_case(FAMILY)) {
                continue;
            }
            let prefixes = at(tag, &["properties", "addressPrefixes"]).into_iter().flat_map(Value::items);
            let ranges = prefixes.filter_map(|prefix| Range::parse(prefix.as_str()?));
            self.service_ranges.extend(ranges.map(|range| (range, name.to_owned())));
        }
    }

    fn add_credential(&mut self, root: Value<'_>) {
        let identity = |key: &str| at(root, &["azure_managed_identity", key]).and_then(arm_id);
        let (connector, user_assigned) = (identity("access_connector_id"), identity("managed_identity_id"));
        if connector.is_none() && user_assigned.is_none() {
            return;
        }
        self.credentials.insert(Credential {
            id: at(root, &["id"]).and_then(guid),
            name: at(root, &["name"]).and_then(lower),
            connector,
            identity: user_assigned,
        });
    }
}

impl Workspace {
    fn merge(&mut self, other: Self) {
        self.managed_groups.extend(other.managed_groups);
        self.dbfs_accounts.extend(other.dbfs_accounts);
        self.networks.extend(other.networks);
        self.storage_identities.extend(other.storage_identities);
        self.disk_identities.extend(other.disk_identities);
        self.disk_encryption_sets.extend(other.disk_encryption_sets);
        self.connectors.extend(other.connectors);
        self.created.extend(other.created);
        self.uc_enabled.extend(other.uc_enabled);
        self.numbers.extend(other.numbers);
        self.is_exported |= other.is_exported;
    }
}

impl ServicePrincipal {
    fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
        self.is_managed |= other.is_managed;
        self.is_application |= other.is_application;
        self.holds_secret |= other.holds_secret;
    }
}

/// Reads an external location: `abfss://container@account.dfs.core.windows.net/path`.
fn location(root: Value<'_>) -> Option<Location> {
    let url = at(root, &["url"])?.as_str()?.trim();
    let (scheme, rest) = url.split_once("://")?;
    if !["abfss", "abfs", "wasbs", "wasb"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let (container, host) = rest.split('/').next()?.split_once('@')?;
    let account = host.split('.').next().filter(|account| !account.is_empty())?;
    let file_events =
        ["effective_enable_file_events", "enable_file_events"].iter().find_map(|key| at(root, &[key])?.as_bool());
    Some(Location {
        account: account.to_ascii_lowercase(),
        container: container.to_ascii_lowercase(),
        credential_id: at(root, &["credential_id"]).and_then(guid),
        credential_name: at(root, &["credential_name"]).and_then(lower),
        file_events,
    })
}

/// Follows keys in any case: request bodies are written by clients, who spell as they like.
fn at<'r>(value: Value<'r>, path: &[&str]) -> Option<Value<'r>> {
    let mut value = value;
    for key in path {
        value = value.get_ignore_case(key)?;
    }
    if value.is_null() { None } else { Some(value) }
}

/// Follows keys under `properties`, where Azure Resource Manager has them, else at the root, to
/// which the Azure CLI lifts them.
fn property<'r>(root: Value<'r>, path: &[&str]) -> Option<Value<'r>> {
    let nested = root.get_ignore_case("properties").and_then(|properties| at(properties, path));
    nested.or_else(|| at(root, path))
}

fn guid(value: Value<'_>) -> Option<String> {
    folded_guid(value.as_str()?)
}

fn folded_guid(text: &str) -> Option<String> {
    let mut folded = String::with_capacity(36);
    if !arm::fold_guid(text.trim(), &mut folded) {
        folded.push_str(text.trim());
        folded.make_ascii_lowercase();
    }
    if folded.is_empty() { None } else { Some(folded) }
}

fn arm_id(value: Value<'_>) -> Option<String> {
    folded_arm_id(value.as_str()?)
}

fn folded_arm_id(text: &str) -> Option<String> {
    folded_path(text).filter(|path| path != "/")
}

/// A folded id, or `/` for the whole tenant.
fn folded_path(text: &str) -> Option<String> {
    let mut folded = String::with_capacity(text.len());
    arm::fold_arm_id(text, &mut folded);
    if folded.starts_with('/') { Some(folded) } else { None }
}

fn lower(value: Value<'_>) -> Option<String> {
    let text = value.scalar()?.trim();
    if text.is_empty() { None } else { Some(text.to_ascii_lowercase()) }
}
