//! The exports that say who is who.

use serde_json::{Value, json};

use super::identities::{Connector, FileEvents, Nature, Principal, Tenant, Workspace};

/// Files below `inventory/`, with their content.
pub(super) fn files(tenant: &Tenant) -> Vec<(&'static str, Value)> {
    let over =
        |rows: &dyn Fn(&Workspace) -> Vec<Value>| Value::Array(tenant.workspaces.iter().flat_map(rows).collect());
    vec![
        ("service-principals.json", service_principals(tenant)),
        ("workspaces.json", over(&|workspace| vec![the_workspace(tenant, workspace)])),
        ("access-connectors.json", over(&|workspace| connectors(tenant, workspace))),
        ("identities.json", identities(tenant)),
        ("storage-credentials.json", over(&|workspace| credentials(tenant, workspace))),
        ("external-locations.json", over(&|workspace| locations(tenant, workspace))),
        ("role-assignments.json", over(&role_assignments)),
    ]
}

fn group_of(arm_id: &str) -> &str {
    arm_id.split('/').nth(4).unwrap_or_default()
}

fn service_principals(tenant: &Tenant) -> Value {
    tenant.principals().filter(|who| who.nature != Nature::User && !who.is_shadow()).map(service_principal).collect()
}

fn service_principal(who: &Principal) -> Value {
    let explicit = if who.nature == Nature::Assigned { "isExplicit=True" } else { "isExplicit=False" };
    let names = if who.is_managed() { json!([explicit, who.arm_id]) } else { json!([]) };
    let kind = if who.is_managed() { "ManagedIdentity" } else { "Application" };
    let passwords = match who.nature {
        Nature::Secret => json!([{"displayName": "etl", "keyId": "5ec00000-0000-4000-8000-000000000001"}]),
        _ => json!([]),
    };
    json!({
        "accountEnabled": true, "alternativeNames": names, "appId": who.app_id, "displayName": who.name,
        "id": who.id, "keyCredentials": [], "passwordCredentials": passwords,
        "servicePrincipalNames": [who.app_id], "servicePrincipalType": kind, "tags": [],
    })
}

fn the_workspace(tenant: &Tenant, workspace: &Workspace) -> Value {
    let mut row = json!({
        "accessConnector": {"id": workspace.connector.resource.id, "identityType": "SystemAssigned"},
        "authorizations": [{
            "principalId": "9a74af6f-d153-4348-988a-e2672920bee9",
            "roleDefinitionId": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        }],
        "createdDateTime": "2026-01-12T08:00:10.2858439Z",
        "id": workspace.resource.id, "isUcEnabled": true, "location": "westeurope",
        "managedResourceGroupId": workspace.managed_group, "name": workspace.resource.name,
        "parameters": {
            "enableNoPublicIp": {"type": "Bool", "value": true},
            "storageAccountName": {"type": "String", "value": workspace.dbfs.name},
        },
        "provisioningState": "Succeeded", "publicNetworkAccess": "Disabled",
        "resourceGroup": group_of(&workspace.resource.id), "sku": {"name": "premium"}, "tags": {},
        "type": "Microsoft.Databricks/workspaces", "workspaceId": workspace.number,
        "workspaceUrl": format!("adb-{}.1.azuredatabricks.net", workspace.number),
    });
    let identity = |who: &Principal| json!({"principalId": who.id, "tenantId": tenant.id, "type": "SystemAssigned"});
    let mut more = Vec::new();
    if let Some(keys) = &workspace.encryption {
        more.push(("storageAccountIdentity", identity(&keys.storage)));
        more.push(("managedDiskIdentity", identity(&keys.disk)));
        more.push(("diskEncryptionSetId", json!(keys.disk.arm_id)));
    }
    if let Some(row) = row.as_object_mut() {
        row.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    let parameters = row.get_mut("parameters").and_then(Value::as_object_mut);
    if let (Some(parameters), Some(network)) = (parameters, &workspace.network) {
        parameters.insert("customVirtualNetworkId".to_owned(), json!({"type": "String", "value": network.id}));
        parameters.insert("customPrivateSubnetName".to_owned(), json!({"type": "String", "value": "private"}));
    }
    row
}

fn connectors(tenant: &Tenant, workspace: &Workspace) -> Vec<Value> {
    let row = |connector: &Connector, id: &str, name: &str| {
        let who = &connector.identity;
        let identity = if who.nature == Nature::System {
            json!({"principalId": who.id, "tenantId": tenant.id, "type": "SystemAssigned"})
        } else {
            let ids = json!({"clientId": who.app_id, "principalId": who.id});
            json!({"type": "UserAssigned", "userAssignedIdentities": {who.mirid(): ids}})
        };
        json!({
            "id": id, "identity": identity, "location": "westeurope", "name": name,
            "properties": {"provisioningState": "Succeeded", "referedBy": [workspace.resource.id]},
            "resourceGroup": group_of(id), "tags": {}, "type": "Microsoft.Databricks/accessConnectors",
        })
    };
    let mut rows = Vec::new();
    for connector in workspace.all_connectors() {
        rows.push(row(connector, &connector.resource.id, &connector.resource.name));
        if let Some(twin) = &connector.twin {
            rows.push(row(connector, &twin.id, &twin.name));
        }
    }
    rows
}

fn identities(tenant: &Tenant) -> Value {
    let rows = tenant.principals().filter(|who| who.nature == Nature::Assigned);
    rows.map(|who| {
        json!({
            "clientId": who.app_id, "id": who.arm_id, "location": "westeurope", "name": who.name,
            "principalId": who.id, "resourceGroup": group_of(&who.arm_id), "tags": {}, "tenantId": tenant.id,
            "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        })
    })
    .collect()
}

fn credentials(tenant: &Tenant, workspace: &Workspace) -> Vec<Value> {
    let rows = workspace.all_connectors().map(|connector| {
        let mut identity = json!({"access_connector_id": connector.resource.id, "credential_id": connector.credential});
        if connector.identity.nature == Nature::Assigned
            && let Some(identity) = identity.as_object_mut()
        {
            identity.insert("managed_identity_id".to_owned(), json!(connector.identity.arm_id));
        }
        json!({
            "azure_managed_identity": identity, "full_name": credential_name(workspace, connector),
            "id": connector.credential, "isolation_mode": "ISOLATION_MODE_OPEN", "metastore_id": tenant.metastore,
            "name": credential_name(workspace, connector), "owner": "data-platform", "read_only": false,
            "used_for_managed_storage": false,
        })
    });
    rows.collect()
}

fn credential_name(workspace: &Workspace, connector: &Connector) -> String {
    format!("{}-{}", workspace.resource.name, connector.container)
}

fn locations(tenant: &Tenant, workspace: &Workspace) -> Vec<Value> {
    let rows = workspace.all_connectors().map(|connector| {
        let file_events = connector.file_events == FileEvents::On;
        json!({
            "credential_id": connector.credential, "credential_name": credential_name(workspace, connector),
            "effective_enable_file_events": file_events, "enable_file_events": file_events,
            "metastore_id": tenant.metastore, "name": credential_name(workspace, connector),
            "owner": "data-platform", "read_only": false,
            "url": format!("abfss://{}@{}.dfs.core.windows.net/", connector.container, workspace.lake.name),
        })
    });
    rows.collect()
}

/// Each connector's role on its container: what data access needs, and no more.
fn role_assignments(workspace: &Workspace) -> Vec<Value> {
    let rows = workspace.all_connectors().map(|connector| {
        let scope = format!("{}/blobServices/default/containers/{}", workspace.lake.id, connector.container);
        // A role assignment has an id of its own; one of its credential's shape does.
        let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", connector.credential);
        json!({
            "id": id, "name": connector.credential, "principalId": connector.identity.id,
            "principalType": "ServicePrincipal", "resourceGroup": group_of(&scope),
            "roleDefinitionId": format!(
                "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/\
                 ba92f5b4-2d11-453d-a403-e96b0029c9fe",
                workspace.subscription
            ),
            "roleDefinitionName": "Storage Blob Data Contributor", "scope": scope,
            "createdOn": "2026-03-01T10:00:00.0000000Z", "type": "Microsoft.Authorization/roleAssignments",
        })
    });
    rows.collect()
}
