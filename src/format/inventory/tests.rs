use super::*;
use crate::event::TextColumn;
use crate::event::vocabulary::{OpClass, Outcome};
use crate::format::pick::testing::{with_cells, with_record};

const SUB: &str = "/subscriptions/s/resourceGroups/rg/providers";

fn kind_of(text: &str) -> Option<InventoryKind> {
    with_record(text, &[], |root, _| recognise(root))
}

#[test]
fn every_export_of_an_identity_is_recognised() {
    let table = [
        (
            format!(r#"{{"id":"{SUB}/Microsoft.Databricks/accessConnectors/ac1","name":"ac1","type":"Microsoft.Databricks/accessConnectors","location":"West US","identity":{{"type":"SystemAssigned","principalId":"p"}},"properties":{{"referedBy":[]}}}}"#),
            InventoryKind::AccessConnector,
        ),
        (
            format!(r#"{{"id":"{SUB}/microsoft.databricks/accessconnectors/ac1","type":"microsoft.databricks/accessconnectors","tenantId":"t","resourceGroup":"rg"}}"#),
            InventoryKind::AccessConnector,
        ),
        (
            format!(r#"{{"id":"{SUB}/Microsoft.Databricks/workspaces/ws","type":"Microsoft.Databricks/workspaces","managedResourceGroupId":"/subscriptions/s/resourceGroups/m","createdDateTime":"2020-02-20T00:10:29Z"}}"#),
            InventoryKind::Workspace,
        ),
        (
            format!(r#"{{"id":"{SUB}/Microsoft.Databricks/workspaces/ws","properties":{{"managedResourceGroupId":"/subscriptions/s/resourceGroups/m"}}}}"#),
            InventoryKind::Workspace,
        ),
        (
            r#"{"id":"/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u","clientId":"c","principalId":"p","tenantId":"t","type":"Microsoft.ManagedIdentity/userAssignedIdentities","resourceGroup":"rg"}"#.to_owned(),
            InventoryKind::UserAssignedIdentity,
        ),
        (
            r#"{"id":"o","appId":"a","displayName":"ac1","servicePrincipalType":"ManagedIdentity","alternativeNames":["isExplicit=False","/subscriptions/s/x"],"createdDateTime":"2026-01-01T00:00:00Z"}"#.to_owned(),
            InventoryKind::ServicePrincipal,
        ),
        (
            r#"{"objectId":"o","appId":"a","alternativeNames":["isExplicit=True"]}"#.to_owned(),
            InventoryKind::ServicePrincipal,
        ),
        (
            format!(r#"{{"id":"{SUB}/Microsoft.Storage/storageAccounts/l/providers/Microsoft.Authorization/roleAssignments/r","type":"Microsoft.Authorization/roleAssignments","principalId":"p","roleDefinitionId":"d","scope":"/subscriptions/s","createdOn":"2026-01-01T00:00:00Z"}}"#),
            InventoryKind::RoleAssignment,
        ),
        (
            r#"{"id":"r","properties":{"principalId":"p","roleDefinitionId":"d","scope":"/subscriptions/s"}}"#.to_owned(),
            InventoryKind::RoleAssignment,
        ),
    ];
    for (text, expected) in &table {
        assert_eq!(kind_of(text), Some(*expected), "{text}");
    }
}

#[test]
fn every_export_of_a_resource_or_a_credential_is_recognised() {
    let table = [
        (
            r#"{"name":"c","id":"i","azure_managed_identity":{"access_connector_id":"/x","credential_id":"y"},"owner":"o"}"#.to_owned(),
            InventoryKind::StorageCredential,
        ),
        (
            r#"{"name":"c","azure_service_principal":{"directory_id":"d","application_id":"a"}}"#.to_owned(),
            InventoryKind::StorageCredential,
        ),
        (
            r#"{"name":"l","url":"abfss://bronze@lake.dfs.core.windows.net/","credential_name":"c"}"#.to_owned(),
            InventoryKind::ExternalLocation,
        ),
        (
            format!(r#"{{"id":"{SUB}/Microsoft.Storage/storageAccounts/l","type":"microsoft.storage/storageaccounts","location":"westeurope","properties":{{"allowSharedKeyAccess":true}}}}"#),
            InventoryKind::OtherResource,
        ),
        (
            format!(r#"{{"id":"{SUB}/Microsoft.Network/publicIPAddresses/ip","type":"Microsoft.Network/publicIPAddresses","resourceGroup":"rg","ipAddress":"20.1.2.3"}}"#),
            InventoryKind::OtherResource,
        ),
    ];
    for (text, expected) in &table {
        assert_eq!(kind_of(text), Some(*expected), "{text}");
    }
}

#[test]
fn a_record_with_the_time_or_operation_of_a_log_is_never_claimed() {
    let resource = format!(
        r#""id":"{SUB}/Microsoft.Databricks/workspaces/ws","type":"Microsoft.Databricks/workspaces","location":"x","appId":"a","servicePrincipalType":"Application""#
    );
    assert_eq!(kind_of(&format!("{{{resource}}}")), Some(InventoryKind::Workspace));
    for key in [
        "time",
        "TimeGenerated",
        "TimeGenerated [UTC]",
        "eventTimestamp",
        "event_timestamp",
        "operationName",
        "OPERATIONNAME",
        "Correlationid",
        "metricName",
        "actionName",
        "event_time",
    ] {
        assert_eq!(kind_of(&format!(r#"{{{resource},"{key}":"2026-05-04T10:00:00Z"}}"#)), None, "{key}");
    }
    let sign_in = r#"{"id":"i","createdDateTime":"2026-05-04T10:00:00Z","appId":"a","servicePrincipalId":"s","servicePrincipalName":"dbmanagedidentity","correlationId":"c","ipAddress":""}"#;
    assert_eq!(kind_of(sign_in), None);
}

#[test]
fn other_shapes_are_no_inventory() {
    for text in [
        "{}",
        "[]",
        r#"{"type":"Microsoft.Databricks/workspaces","apiVersion":"2024-05-01","name":"[parameters('ws')]"}"#,
        r#"{"id":"x","type":"Microsoft.Databricks/workspaces"}"#,
        r#"{"appId":"a","displayName":"app"}"#,
        r#"{"principalId":"p","roleDefinitionId":"d"}"#,
        r#"{"url":"https://x","name":"n"}"#,
        r#"{"name":"c","azure_managed_identity":"text"}"#,
        r#"{"id":"/providers/Microsoft.Authorization/roleDefinitions/d","type":"Microsoft.Authorization/roleDefinitions"}"#,
    ] {
        assert_eq!(kind_of(text), None, "{text}");
    }
    let child = format!(r#"{{"id":"{SUB}/Microsoft.Databricks/workspaces/ws/privateEndpointConnections/c"}}"#);
    assert_eq!(kind_of(&child), None);
    with_cells(&[("Correlation id", "c"), ("Operation name", "o")], &[], |root, _| assert_eq!(recognise(root), None));
}

#[test]
fn service_tags_are_recognised_as_published_and_as_the_cli_prints_them() {
    let published = r#"{"changeNumber":354,"cloud":"Public","values":[{"name":"AzureDatabricks","id":"AzureDatabricks","properties":{"addressPrefixes":[]}}]}"#;
    let printed = r#"{"changeNumber":"354","cloud":"Public","id":"/subscriptions/s/providers/Microsoft.Network/serviceTags/public","name":"Public","type":"Microsoft.Network/serviceTags","values":[]}"#;
    for text in [published, printed] {
        assert_eq!(kind_of(text), Some(InventoryKind::ServiceTags), "{text}");
    }
}

#[test]
fn a_role_assignment_is_the_event_of_its_writing_in_every_export() {
    let fields = r#""principalId":"P1","roleDefinitionId":"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/r1","scope":"/subscriptions/s","createdOn":"2026-01-01T00:00:00Z","updatedOn":"2026-02-01T00:00:00Z","createdBy":"u""#;
    let id = r#""id":"/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/a1""#;
    for text in [format!("{{{id},{fields}}}"), format!(r#"{{{id},"properties":{{{fields}}}}}"#)] {
        with_record(&text, &[], |root, _| {
            let row = InventoryKind::RoleAssignment.event(root).unwrap();
            assert_eq!(row.time.unwrap().to_string(), "2026-02-01T00:00:00Z");
            assert_eq!(row.op_class, OpClass::RoleAssign);
            assert_eq!(row.outcome, Outcome::Success);
            assert_eq!(row.get(TextColumn::AssigneeId), Some("P1"));
            assert_eq!(row.get(TextColumn::RoleId), Some("r1"));
            assert_eq!(row.get(TextColumn::Scope), Some("/subscriptions/s"));
            assert_eq!(row.get(TextColumn::RoleAssignmentId), Some("a1"));
            assert_eq!(row.get(TextColumn::PrincipalId), None, "an export names the last editor, not who did it");
        });
    }
}

#[test]
fn an_assignment_without_a_date_or_a_holder_is_no_event() {
    for text in [
        r#"{"id":"/a","principalId":"p","roleDefinitionId":"r","scope":"/"}"#,
        r#"{"id":"/a","createdOn":"2026-01-01T00:00:00Z","roleDefinitionId":"r","scope":"/"}"#,
    ] {
        with_record(text, &[], |root, _| assert!(InventoryKind::RoleAssignment.event(root).is_none()));
    }
}
