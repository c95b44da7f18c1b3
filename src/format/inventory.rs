//! Recognises inventory records by their shape.

use crate::json::Value;

/// The kinds of inventory record (section A.5).
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
    /// Any other ARM resource of an inventory export: read past.
    OtherResource,
}

/// The kind of inventory record that this is, if it is one.
pub fn recognise(_root: Value<'_>) -> Option<InventoryKind> {
    None
}
