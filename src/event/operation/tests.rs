use std::collections::BTreeSet;

use super::*;

/// Checks `(operation, class, activity)` of a source, in the given and in upper case.
fn check(source: LogSource, plane: Plane, table: &[(&str, OpClass, Activity)]) {
    for (operation, op_class, activity) in table {
        let expected = Operation { op_class: *op_class, plane, activity: *activity };

        assert_eq!(classify(source, operation, None), expected, "{operation}");
        assert_eq!(classify(source, &operation.to_ascii_uppercase(), None), expected, "{operation}");
    }
}

#[test]
fn resource_manager_operations_that_open_data_or_roles_have_their_own_classes() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::Activity,
        Plane::Management,
        &[
            ("Microsoft.Storage/storageAccounts/listKeys/action", KeyListing, Use),
            ("Microsoft.Storage/storageAccounts/regenerateKey/action", KeyListing, Use),
            ("Microsoft.Storage/storageAccounts/localUsers/regeneratePassword/action", KeyListing, Use),
            ("Microsoft.Storage/storageAccounts/localUsers/listKeys/action", KeyListing, Use),
            ("Microsoft.Storage/storageAccounts/rotateKey/action", KeyListing, Use),
            ("Microsoft.Storage/storageAccounts/listAccountSas/action", SasListing, Use),
            ("Microsoft.Storage/storageAccounts/listServiceSas/action", SasListing, Use),
            ("Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action", Delegation, Delegate),
            ("Microsoft.Compute/snapshots/beginGetAccess/action", SasListing, Use),
            ("Microsoft.DocumentDB/databaseAccounts/readonlykeys/action", KeyListing, Use),
            ("Microsoft.DocumentDB/databaseAccounts/listConnectionStrings/action", KeyListing, Use),
            ("Microsoft.EventHub/namespaces/eventhubs/authorizationRules/listKeys/action", KeyListing, Use),
            ("Microsoft.ServiceBus/namespaces/authorizationRules/regenerateKeys/action", KeyListing, Use),
            ("Microsoft.CognitiveServices/accounts/listKeys/action", KeyListing, Use),
            ("Microsoft.ContainerRegistry/registries/listCredentials/action", KeyListing, Use),
            ("Microsoft.OperationalInsights/workspaces/sharedKeys/action", KeyListing, Use),
            ("Microsoft.DataFactory/factories/integrationRuntimes/listAuthKeys/action", KeyListing, Use),
            ("Microsoft.Web/sites/slots/config/list/action", KeyListing, Use),
            ("Microsoft.KeyVault/vaults/secrets/write", SecretWrite, Write),
            ("Microsoft.KeyVault/vaults/secrets/read", SecretRead, Read),
            ("Microsoft.Authorization/roleAssignments/write", RoleAssign, Assign),
            ("Microsoft.Authorization/roleAssignments/delete", RoleRevoke, Revoke),
            ("Microsoft.Authorization/elevateAccess/action", RoleAssign, Assign),
            ("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write", RoleAssign, Assign),
            ("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/delete", RoleRevoke, Revoke),
            ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", IdentityManage, Assign),
            ("Microsoft.Compute/virtualMachines/runCommand/action", CommandRun, Use),
            ("Microsoft.Compute/virtualMachineScaleSets/virtualMachines/runCommands/write", CommandRun, Write),
            ("Microsoft.Compute/virtualMachines/extensions/write", CommandRun, Write),
            ("microsoft.insights/diagnosticSettings/write", DiagWrite, Write),
            ("microsoft.aadiam/diagnosticSettings/delete", DiagDelete, Delete),
        ],
    );
}

#[test]
fn other_resource_manager_operations_belong_to_their_provider() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::Activity,
        Plane::Management,
        &[
            ("Microsoft.Compute/virtualMachines/write", ComputeManage, Write),
            ("Microsoft.Compute/virtualMachines/deallocate/action", ComputeManage, Use),
            ("Microsoft.Compute/virtualMachines/extensions/delete", ComputeManage, Delete),
            ("Microsoft.Network/virtualNetworks/subnets/join/action", NetworkManage, Use),
            ("Microsoft.Storage/storageAccounts/write", StorageManage, Write),
            ("Microsoft.Storage/storageAccounts/queueServices/queues/write", StorageManage, Write),
            ("Microsoft.Storage/storageAccounts/revokeUserDelegationKeys/action", StorageManage, Use),
            (
                "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
                IdentityManage,
                Write,
            ),
            ("Microsoft.Databricks/workspaces/write", WorkspaceManage, Write),
            ("Microsoft.Databricks/workspaces/refreshPermissions/action", WorkspaceManage, Use),
            ("Microsoft.Databricks/accessConnectors/write", ConnectorManage, Write),
            ("Microsoft.Databricks/accessConnectors/delete", ConnectorManage, Delete),
            ("Microsoft.Authorization/policyAssignments/write", PolicyManage, Write),
            ("Microsoft.Authorization/roleDefinitions/delete", PolicyManage, Delete),
            ("Microsoft.Authorization/locks/write", PolicyManage, Write),
            ("Microsoft.Authorization/policies/auditIfNotExists/action", Other, Use),
            ("Microsoft.EventGrid/systemTopics/eventSubscriptions/write", EventgridManage, Write),
            ("Microsoft.Resources/deployments/write", DeploymentManage, Write),
            ("Microsoft.Resources/tags/write", DeploymentManage, Write),
            ("Microsoft.KeyVault/vaults/accessPolicies/write", VaultManage, Write),
            ("Microsoft.Sql/servers/firewallRules/write", Other, Write),
            ("Microsoft.Sql/servers/delete", Other, Delete),
            ("Microsoft.Compute/virtualMachines/read", Other, Read),
            ("Microsoft.Resourcehealth/healthevent/Updated/action", Other, Use),
            ("Microsoft.Web/sites/functions/log", Other, Use),
            ("", Other, Use),
        ],
    );
}

#[test]
fn an_operation_on_a_nested_resource_is_the_inner_providers() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::Activity,
        Plane::Management,
        &[
            (
                "Microsoft.Network/networkSecurityGroups/providers/microsoft.insights/diagnosticSettings/write",
                DiagWrite,
                Write,
            ),
            (
                "Microsoft.Storage/storageAccounts/providers/Microsoft.Authorization/roleAssignments/write",
                RoleAssign,
                Assign,
            ),
            (
                "Microsoft.Storage/storageAccounts/providers/Microsoft.EventGrid/eventSubscriptions/delete",
                EventgridManage,
                Delete,
            ),
            ("Microsoft.Compute/providers/write", ComputeManage, Write),
        ],
    );
}

#[test]
fn names_that_the_portal_shows_tell_the_act_and_sometimes_the_class() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::Activity,
        Plane::Management,
        &[
            ("List Storage Account Keys", KeyListing, Use),
            ("Delete Storage Account", StorageManage, Delete),
            ("Create or Update Virtual Machine", Other, Create),
            ("Delete Virtual Machine", Other, Delete),
            ("Validate Deployment", Other, Use),
        ],
    );
}

#[test]
fn an_inventory_speaks_the_language_of_resource_manager() {
    assert_eq!(
        classify(LogSource::Inventory, "microsoft.authorization/roleassignments/write", None).op_class,
        OpClass::RoleAssign
    );
}

#[test]
fn storage_operations_of_the_table_need_no_category() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::Storage,
        Plane::Data,
        &[
            ("GetBlob", BlobRead, Read),
            ("CopyBlobSource", BlobRead, Read),
            ("ListBlobs", BlobList, List),
            ("GetContainerProperties", BlobList, Read),
            ("PutBlob", BlobWrite, Write),
            ("SetBlobMetadata", BlobWrite, Update),
            ("RenamePathFile", BlobWrite, Update),
            ("DeleteBlob", BlobDelete, Delete),
            ("DeleteContainer", BlobDelete, Delete),
            ("CreateContainer", ContainerAdmin, Create),
            ("GetContainerACL", ContainerAdmin, Read),
            ("SetContainerACL", AclChange, Update),
            ("SetBlobServiceProperties", AclChange, Update),
            ("GetUserDelegationKey", Delegation, Delegate),
            ("GetBlobServiceProperties", StorageProbe, Read),
            ("BlobPreflightRequest", StorageProbe, Read),
            ("PeekMessages", QueueRead, Read),
            ("DeleteMessage", QueueWrite, Delete),
            ("QueryEntities", TableRead, Read),
            ("MergeEntity", TableWrite, Update),
        ],
    );
}

#[test]
fn the_category_decides_on_storage_operations_that_are_not_in_the_table() {
    use {Activity::*, OpClass::*};
    let table = [
        ("GetWidget", Some("StorageRead"), BlobRead, Read),
        ("GetWidget", Some("storageWRITE"), BlobWrite, Write),
        ("GetWidget", Some("StorageDelete"), BlobDelete, Delete),
        ("GetWidget", Some("Transaction"), BlobRead, Read),
        ("GetWidget", None, BlobRead, Read),
        ("ListWidgets", Some("StorageRead"), BlobList, List),
        ("FindWidgets", None, BlobList, List),
        ("SetWidget", Some("StorageWrite"), BlobWrite, Update),
        ("SetWidget", Some("StorageRead"), BlobRead, Read),
        ("DeleteWidget", None, BlobDelete, Delete),
        ("Frobnicate", None, BlobWrite, Write),
        ("GetQueueWidget", None, QueueRead, Read),
        ("Frobnicate Message", Some("StorageWrite"), QueueWrite, Write),
        ("QueryTableWidget", None, TableRead, Read),
        ("PurgeEntities", Some("StorageDelete"), TableWrite, Delete),
        // The table is sure of these, whatever the category.
        ("GetBlob", Some("StorageWrite"), BlobRead, Read),
    ];

    for (operation, category, op_class, activity) in table {
        let expected = Operation { op_class, plane: Plane::Data, activity };

        assert_eq!(classify(LogSource::Storage, operation, category), expected, "{operation} {category:?}");
        assert_eq!(classify(LogSource::Storage, operation, category), expected, "{operation} {category:?}, again");
    }
}

#[test]
fn key_vault_operations_are_data_except_what_is_done_to_the_vault() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::KeyVault,
        Plane::Data,
        &[
            ("SecretGet", SecretRead, Read),
            ("SecretListVersions", SecretRead, List),
            ("SecretBackup", SecretRead, Read),
            ("SecretSet", SecretWrite, Write),
            ("SecretPurge", SecretWrite, Delete),
            ("KeyUnwrap", KeyUse, Use),
            ("KeyGet", KeyRead, Read),
            ("KeyRecover", KeyWrite, Write),
            ("KeyCreate", KeyWrite, Create),
            ("CertificateGet", CertRead, Read),
            ("CertificateIssuersList", CertRead, List),
            ("CertificateCreate", CertWrite, Create),
            ("CertificatePolicySet", CertWrite, Write),
            ("CertificateContactsDelete", CertWrite, Delete),
            ("CertificatePendingRenew", CertWrite, Write),
            ("SecretGetSomething", SecretRead, Read),
            ("Authentication", Other, Use),
            ("SecretNearExpiryEventGridNotification", Other, Use),
            ("VaultAccessPolicyChangedEventGridNotification", Other, Use),
            ("SecretFrobnicate", Other, Use),
        ],
    );
    check(
        LogSource::KeyVault,
        Plane::Management,
        &[
            ("VaultGet", VaultAdmin, Read),
            ("VaultList", VaultAdmin, List),
            ("VaultPut", VaultAdmin, Write),
            ("VaultPatch", VaultAdmin, Update),
            ("VaultPurge", VaultAdmin, Delete),
        ],
    );
}

#[test]
fn sql_actions_are_known_by_name_and_by_padded_id() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::Sql,
        Plane::Data,
        &[
            ("DATABASE AUTHENTICATION SUCCEEDED", SqlLogin, Connect),
            ("DBAS", SqlLogin, Connect),
            ("DBAF", SqlLogin, Connect),
            ("BATCH COMPLETED", SqlQuery, Query),
            ("BCM ", SqlQuery, Query),
            ("RCM", SqlQuery, Query),
            ("SL  ", SqlQuery, Query),
            ("DL", SqlQuery, Delete),
            ("AUDIT SESSION CHANGED", Other, Use),
            ("TRANSACTION BEGIN COMPLETED", Other, Use),
        ],
    );
}

#[test]
fn databricks_hands_out_data_and_does_the_rest_in_the_workspace() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::Databricks,
        Plane::Data,
        &[
            ("unityCatalog/generateTemporaryTableCredential", UcVend, Delegate),
            ("Microsoft.Databricks/unityCatalog/generateTemporaryPathCredential", UcVend, Delegate),
            ("unityCatalog/generateTemporaryModelVersionCredential", UcVend, Delegate),
            ("secrets/getSecret", DbxSecretRead, Read),
        ],
    );
    check(
        LogSource::Databricks,
        Plane::Workspace,
        &[
            ("unityCatalog/createStorageCredential", UcCredentialManage, Create),
            ("unityCatalog/updatePermissions", UcCredentialManage, Update),
            ("unityCatalog/getTable", Other, Read),
            ("secrets/listSecrets", Other, List),
            ("secrets/putAcl", Other, Write),
            ("clusters/edit", Other, Update),
            ("accounts/aadTokenLogin", Other, Logon),
            ("jobs/runSucceeded", Other, Use),
            ("notebook/deleteNotebook", Other, Delete),
        ],
    );
}

#[test]
fn every_sign_in_issues_a_token() {
    let expected = Operation { op_class: OpClass::TokenIssue, plane: Plane::Auth, activity: Activity::Logon };

    assert_eq!(classify(LogSource::Signin, "Sign-in activity", None), expected);
    assert_eq!(classify(LogSource::Signin, "", None), expected);
}

#[test]
fn directory_activities_are_known_by_their_display_names() {
    use {Activity::*, OpClass::*};
    check(
        LogSource::EntraAudit,
        Plane::Directory,
        &[
            ("Add app role assignment to service principal", RoleAssign, Assign),
            ("Remove app role assignment from service principal", RoleRevoke, Revoke),
            ("Add member to role", RoleAssign, Assign),
            ("Add member to role in PIM completed (timebound)", RoleAssign, Assign),
            ("Add member to role outside of PIM (permanent)", RoleAssign, Assign),
            ("Add member to role in PIM requested (permanent)", IdentityManage, Update),
            ("Add member to role request denied (PIM activation)", IdentityManage, Update),
            ("Add eligible member to role in PIM completed (permanent)", IdentityManage, Update),
            ("Remove member from role", RoleRevoke, Revoke),
            ("Add service principal credentials", IdentityManage, Create),
            ("Update application – Certificates and secrets management ", IdentityManage, Update),
            ("Update application - Certificates and secrets management", IdentityManage, Update),
            ("Hard Delete service principal", IdentityManage, Delete),
            ("Add member to group", IdentityManage, Update),
            ("Update user", Other, Update),
            ("Hard Delete user", Other, Delete),
            ("User registered security info", Other, Use),
        ],
    );
}

#[test]
fn no_row_is_hidden_by_another() {
    for row in rows() {
        for text in ["", "x"] {
            let example = row.operation.replace('*', text);
            let example = if text.is_empty() && example.contains("//") { continue } else { example };

            assert_eq!(classify(row.source, &example, None), row.is, "{} as {example}", row.operation);
        }
    }
}

#[test]
fn rows_are_sorted_unique_folded_and_say_where_they_are_from() {
    let rows = rows();
    let keys: Vec<_> = rows.iter().map(|row| (row.source, row.operation)).collect();

    assert!(keys.is_sorted());
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    for row in rows {
        assert_eq!(row.operation, row.operation.to_lowercase());
        assert!(!row.from.is_empty());
    }
}

#[test]
fn patterns_match_whole_texts_with_any_text_for_a_star() {
    let table = [
        ("a", "a", true),
        ("a", "ab", false),
        ("*", "", true),
        ("a*", "a", true),
        ("a*c", "abbc", true),
        ("a*c", "abcd", false),
        ("*b*", "abc", true),
        ("*b*b", "ab", false),
        ("a*bc*c", "aabcbc", true),
        ("a/*/b", "a/b", false),
    ];

    for (pattern, text, expected) in table {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn made_up_operations_are_decided_without_being_remembered_forever() {
    for number in 0..10_000 {
        let operation = format!("microsoft.compute/made{number}up/write");

        assert_eq!(classify(LogSource::Activity, &operation, None).op_class, OpClass::ComputeManage);
    }
}
