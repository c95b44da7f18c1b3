//! Recognises inventory records by their shape.
//!
//! The exports come from `az`, Azure Resource Manager, Resource Graph, Microsoft Graph and the
//! Databricks CLI. `az` flattens `properties` into the record, the others keep it; Resource Graph
//! writes `type` in lower case. A record that has a log's time or operation is never claimed.

mod assignment;
#[cfg(test)]
mod tests;

use crate::event::Row;
use crate::format::pick::{after_prefix, position};
use crate::json::{Kind, Value};

/// The kinds of inventory record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InventoryKind {
    /// `Microsoft.Databricks/accessConnectors`
    AccessConnector,
    /// `Microsoft.Databricks/workspaces`
    Workspace,
    /// `Microsoft.ManagedIdentity/userAssignedIdentities`
    UserAssignedIdentity,
    /// Entra service principal (`az ad sp list`, Graph)
    ServicePrincipal,
    /// Role assignment
    RoleAssignment,
    /// Databricks storage credential
    StorageCredential,
    /// Databricks external location
    ExternalLocation,
    /// Azure's address ranges by service, as Microsoft publishes them
    ServiceTags,
    /// Any other ARM resource of an inventory export: read past.
    OtherResource,
}

impl InventoryKind {
    /// The event that a record states, where it states one: a role assignment is what its write
    /// once did. Such events have the source `inventory`.
    pub fn event(self, root: Value<'_>) -> Option<Row<'_>> {
        match self {
            Self::RoleAssignment => assignment::event(root),
            _ => None,
        }
    }
}

/// Resource types that are more than read past.
const TYPES: [(&str, InventoryKind); 4] = [
    ("Microsoft.Authorization/roleAssignments", InventoryKind::RoleAssignment),
    ("Microsoft.Databricks/accessConnectors", InventoryKind::AccessConnector),
    ("Microsoft.Databricks/workspaces", InventoryKind::Workspace),
    ("Microsoft.ManagedIdentity/userAssignedIdentities", InventoryKind::UserAssignedIdentity),
];

/// Members that only log records and metrics have, in any case. `createdDateTime` is not among
/// them: service principals and sign-ins both have it.
const LOG_KEYS: [&str; 18] = [
    "actionName",
    "activityDateTime",
    "activityDisplayName",
    "action_name",
    "callerIpAddress",
    "correlationId",
    "eventTime",
    "eventTimestamp",
    "event_time",
    "event_timestamp",
    "metricName",
    "operationName",
    "operationNameValue",
    "operation_name",
    "resultType",
    "signInEventTypes",
    "time",
    "timeGenerated",
];

/// The kind of inventory record that this is, if it is one.
pub fn recognise(root: Value<'_>) -> Option<InventoryKind> {
    let shape = Shape::of(root)?;
    if shape.is_service_tags() {
        return Some(InventoryKind::ServiceTags);
    }
    shape.by_type().or_else(|| shape.by_keys()).or_else(|| shape.is_resource().then_some(InventoryKind::OtherResource))
}

/// The members that decide.
#[derive(Debug, Clone, Copy, Default)]
struct Shape<'r> {
    id: Option<Value<'r>>,
    kind: Option<Value<'r>>,
    has_place: bool,
    name: Option<Value<'r>>,
    properties: Option<Value<'r>>,
    app_id: Option<Value<'r>>,
    service_principal_type: Option<Value<'r>>,
    alternative_names: Option<Value<'r>>,
    assignment: Assignment,
    has_azure_credential: bool,
    has_change_number: bool,
    values: Option<Value<'r>>,
    url: Option<Value<'r>>,
    credential_name: Option<Value<'r>>,
}

/// The members that make a role assignment.
#[derive(Debug, Clone, Copy, Default)]
struct Assignment {
    role: bool,
    principal: bool,
    scope: bool,
}

impl Assignment {
    fn see(&mut self, key: &str, value: Value<'_>) {
        let text = is_text(Some(value));
        match key {
            "roleDefinitionId" => self.role |= text,
            "principalId" => self.principal |= text,
            "scope" => self.scope |= text,
            _ => {}
        }
    }

    fn is_whole(self) -> bool {
        self.role && self.principal && self.scope
    }
}

impl<'r> Shape<'r> {
    /// `None` for what is no object, and for log records.
    fn of(root: Value<'r>) -> Option<Self> {
        if root.kind() != Kind::Object {
            return None;
        }
        let mut shape = Self::default();
        for (key, value) in root.members() {
            if is_log_key(key) {
                return None;
            }
            if value.is_null() {
                continue;
            }
            shape.assignment.see(key, value);
            match key {
                "id" => shape.id = Some(value),
                "type" => shape.kind = Some(value),
                "location" | "resourceGroup" => shape.has_place = true,
                "name" => shape.name = Some(value),
                "properties" => shape.properties = Some(value),
                "appId" => shape.app_id = Some(value),
                "servicePrincipalType" => shape.service_principal_type = Some(value),
                "alternativeNames" => shape.alternative_names = Some(value),
                "azure_managed_identity" | "azure_service_principal" => {
                    shape.has_azure_credential |= value.kind() == Kind::Object;
                }
                "changeNumber" => shape.has_change_number = true,
                "values" => shape.values = Some(value),
                "url" => shape.url = Some(value),
                "credential_name" => shape.credential_name = Some(value),
                _ => {}
            }
        }
        for (key, value) in shape.properties.into_iter().flat_map(Value::members) {
            shape.assignment.see(key, value);
        }
        Some(shape)
    }

    /// By the type of an ARM resource, which is also in its id.
    fn by_type(&self) -> Option<InventoryKind> {
        let id = self.arm_id()?;
        let named = self.kind.and_then(Value::as_str);
        let is = |word: &str| named.map_or_else(|| is_of_type(id, word), |named| word.eq_ignore_ascii_case(named));
        TYPES.iter().find(|(word, _)| is(word)).map(|(_, kind)| *kind)
    }

    fn by_keys(&self) -> Option<InventoryKind> {
        let is_principal = is_text(self.service_principal_type)
            || self.alternative_names.is_some_and(|names| names.kind() == Kind::Array);
        if is_text(self.app_id) && is_principal && self.kind.is_none() {
            Some(InventoryKind::ServicePrincipal)
        } else if self.assignment.is_whole() && self.kind.is_none() {
            Some(InventoryKind::RoleAssignment)
        } else if self.has_azure_credential && is_text(self.name) {
            Some(InventoryKind::StorageCredential)
        } else if is_text(self.url) && is_text(self.credential_name) {
            Some(InventoryKind::ExternalLocation)
        } else {
            None
        }
    }

    /// The published file and `az network list-service-tags` have the same members.
    fn is_service_tags(&self) -> bool {
        self.has_change_number && self.values.is_some_and(|values| values.kind() == Kind::Array)
    }

    fn is_resource(&self) -> bool {
        self.arm_id().is_some_and(|id| after_prefix(id, "/subscriptions/").is_some())
            && is_text(self.kind)
            && self.has_place
    }

    fn arm_id(&self) -> Option<&'r str> {
        self.id?.as_str().filter(|id| id.starts_with('/'))
    }
}

fn is_text(value: Option<Value<'_>>) -> bool {
    value.and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

/// Whether a key is one of [`LOG_KEYS`], also as CSV exports write it (`TimeGenerated [UTC]`).
fn is_log_key(key: &str) -> bool {
    let name = key.strip_suffix(" [UTC]").unwrap_or(key);
    LOG_KEYS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether an id is that of a resource of this type: the last provider, the type, one name.
fn is_of_type(id: &str, wanted: &str) -> bool {
    const PROVIDERS: &str = "/providers/";
    let mut rest = id;
    while let Some(after) = position(rest, PROVIDERS).and_then(|at| rest.get(at + PROVIDERS.len()..)) {
        rest = after;
    }
    let name = after_prefix(rest, wanted).and_then(|name| name.strip_prefix('/'));
    name.is_some_and(|name| !name.trim_end_matches('/').contains('/') && !name.is_empty())
}
