//! Slices of folded ARM ids: the resource group, and the resource that stands right under it.

/// The resource at the root of an id's provider path: the account of a container, the vault of a
/// secret, the resource that an extension (a role assignment, a diagnostic setting) hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Root<'a> {
    /// Provider namespace, `microsoft.storage`.
    pub(super) namespace: &'a str,
    /// Resource type without the namespace, `storageaccounts`.
    pub(super) kind: &'a str,
    /// The resource's name.
    pub(super) name: &'a str,
    /// The id up to and with the name.
    pub(super) path: &'a str,
    /// Whether the id ends here.
    pub(super) is_whole: bool,
}

/// Takes the root resource out of a folded id; `None` for an id without one.
pub(super) fn root(id: &str) -> Option<Root<'_>> {
    let (_, rest) = id.split_once("/providers/")?;
    let mut segments = rest.splitn(4, '/');
    let (namespace, kind, name) = (segments.next()?, segments.next()?, segments.next()?);
    if name.is_empty() {
        return None;
    }
    let tail = segments.next();
    let path = id.get(..id.len() - tail.map_or(0, |tail| tail.len() + 1))?;
    Some(Root { namespace, kind, name, path, is_whole: tail.is_none() })
}

/// The path of the resource group that a folded id lies in, `/subscriptions/s/resourcegroups/rg`.
pub(super) fn resource_group(id: &str) -> Option<&str> {
    let (_, rest) = id.strip_prefix("/subscriptions/")?.split_once('/')?;
    let rest = rest.strip_prefix("resourcegroups/")?;
    let name = rest.split('/').next().filter(|name| !name.is_empty())?;
    id.get(..id.len() - rest.len() + name.len())
}

/// The subscription of a folded id.
pub(super) fn subscription(id: &str) -> Option<&str> {
    id.strip_prefix("/subscriptions/")?.split('/').next().filter(|name| !name.is_empty())
}

/// The storage account that a folded id is, or is part of.
pub(super) fn storage_account(id: &str) -> Option<&str> {
    root(id)
        .filter(|root| root.namespace == "microsoft.storage" && root.kind == "storageaccounts")
        .map(|root| root.name)
}

/// The workspace that a folded id is, or is part of.
pub(super) fn workspace(id: &str) -> Option<&str> {
    root(id).filter(|root| root.namespace == "microsoft.databricks" && root.kind == "workspaces").map(|root| root.path)
}

/// What a whole id names, as far as identities go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// An access connector.
    Connector,
    /// A user-assigned identity.
    UserAssigned,
    /// A Databricks workspace.
    Workspace,
    /// A storage account.
    StorageAccount,
    /// A disk encryption set.
    DiskEncryptionSet,
    /// Anything else.
    Other,
}

/// What a folded id names.
pub(super) fn named(id: &str) -> Named {
    let Some(root) = root(id).filter(|root| root.is_whole) else { return Named::Other };
    match (root.namespace, root.kind) {
        ("microsoft.databricks", "accessconnectors") => Named::Connector,
        ("microsoft.databricks", "workspaces") => Named::Workspace,
        ("microsoft.managedidentity", "userassignedidentities") => Named::UserAssigned,
        ("microsoft.storage", "storageaccounts") => Named::StorageAccount,
        ("microsoft.compute", "diskencryptionsets") => Named::DiskEncryptionSet,
        _ => Named::Other,
    }
}

/// Whether a folded id is a virtual machine, a scale set, or one of its machines.
pub(super) fn is_machine(id: &str) -> bool {
    root(id).is_some_and(|root| {
        root.namespace == "microsoft.compute" && matches!(root.kind, "virtualmachines" | "virtualmachinescalesets")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINER: &str = "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/acc/\
                             blobservices/default/containers/c";

    #[test]
    fn the_root_resource_of_a_nested_id_is_the_one_under_the_resource_group() {
        let root = root(CONTAINER).unwrap();

        assert_eq!((root.namespace, root.kind, root.name), ("microsoft.storage", "storageaccounts", "acc"));
        assert_eq!(root.path, "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/acc");
        assert!(!root.is_whole);
        assert_eq!(storage_account(CONTAINER), Some("acc"));
    }

    #[test]
    fn a_resource_group_is_found_at_a_segment_boundary_only() {
        assert_eq!(resource_group(CONTAINER), Some("/subscriptions/s/resourcegroups/rg"));
        assert_eq!(resource_group("/subscriptions/s/resourcegroups/rg"), Some("/subscriptions/s/resourcegroups/rg"));
        for id in ["", "/", "/subscriptions/s", "/subscriptions/s/resourcegroups/", "/tenants/t/providers/x", "acc"] {
            assert_eq!(resource_group(id), None, "{id}");
        }
    }

    #[test]
    fn only_a_whole_id_names_a_connector() {
        let connector = "/subscriptions/s/resourcegroups/rg/providers/microsoft.databricks/accessconnectors/ac";

        assert_eq!(named(connector), Named::Connector);
        assert_eq!(named(&format!("{connector}/providers/microsoft.authorization/roleassignments/x")), Named::Other);
        assert_eq!(named("/subscriptions/s/providers/microsoft.databricks/accessconnectors"), Named::Other);
        assert_eq!(named("nonsense"), Named::Other);
    }

    #[test]
    fn machines_are_virtual_machines_scale_sets_and_their_instances() {
        let under = |tail: &str| format!("/subscriptions/s/resourcegroups/rg/providers/microsoft.compute/{tail}");

        assert!(is_machine(&under("virtualmachines/vm")));
        assert!(is_machine(&under("virtualmachinescalesets/set/virtualmachines/0")));
        assert!(!is_machine(&under("disks/d")));
    }
}
