use super::*;

/// What an access connector does in storage, to be changed by each case.
fn act() -> Act<'static> {
    Act {
        source: LogSource::Storage,
        op_class: OpClass::BlobRead,
        activity: Activity::Read,
        operation: "getblob",
        audience: AudienceKind::Storage,
        target_type: "microsoft.storage/storageaccounts",
        kind: IdentityKind::AdacSystem,
        in_own_root: false,
        in_dbfs_root: false,
        in_own_scope: false,
        in_managed_group: false,
        may_have_file_events: true,
    }
}

/// A management operation of this class.
fn managed(op_class: OpClass, operation: &'static str, kind: IdentityKind) -> Act<'static> {
    let (source, activity, audience) = (LogSource::Activity, Activity::Write, AudienceKind::Arm);
    Act { source, op_class, activity, operation, audience, kind, target_type: "", ..act() }
}

fn token(audience: AudienceKind, kind: IdentityKind) -> Act<'static> {
    let (source, op_class, activity) = (LogSource::Signin, OpClass::TokenIssue, Activity::Logon);
    Act { source, op_class, activity, operation: "sign-in activity", audience, kind, target_type: "", ..act() }
}

#[test]
fn every_duty_has_one_row_with_a_word_of_its_own() {
    let mut words: Vec<&str> = DUTIES.iter().map(|row| row.word).collect();
    words.sort_unstable();
    words.dedup();

    assert_eq!(words.len(), DUTIES.len());
    assert!(DUTIES.is_sorted_by(|one, next| one.duty < next.duty));
    assert!(DUTIES.iter().all(|row| !row.says.is_empty() && !row.from.is_empty()));
}

#[test]
fn data_is_the_connectors_job_and_infrastructure_the_workspaces() {
    use IdentityKind::{AdacSystem, FirstParty, StorageCmk, Uami};
    for (duty, stream, kind, is_own) in [
        (Duty::Compute, Stream::Dbmi, Uami, true),
        (Duty::Compute, Stream::Adac, AdacSystem, false),
        (Duty::Storage, Stream::Dbmi, Uami, false),
        (Duty::Storage, Stream::Adac, AdacSystem, true),
        (Duty::WorkspaceSecrets, Stream::Dbmi, FirstParty, true),
        (Duty::Encryption, Stream::Dbmi, StorageCmk, true),
        (Duty::Encryption, Stream::Dbmi, Uami, false),
        (Duty::Compute, Stream::Dbmi, StorageCmk, false),
        (Duty::Keys, Stream::Dbmi, Uami, false),
        (Duty::Keys, Stream::Adac, AdacSystem, false),
        (Duty::Unassigned, Stream::Adac, AdacSystem, true),
    ] {
        assert_eq!(duty.is_of(stream, kind), is_own, "{duty:?} {stream} {kind}");
    }
}

#[test]
fn management_operations_belong_to_the_duty_of_their_class() {
    use IdentityKind::{AdacSystem, FirstParty, Uami};
    use OpClass::{CommandRun, ComputeManage, DeploymentManage, DiagWrite, NetworkManage, Other, WorkspaceManage};
    for (op_class, operation, kind, duty) in [
        (ComputeManage, "microsoft.compute/virtualmachines/write", Uami, Duty::Compute),
        (CommandRun, "microsoft.compute/virtualmachines/runcommand/action", AdacSystem, Duty::Compute),
        (NetworkManage, "microsoft.network/networkinterfaces/write", Uami, Duty::Networking),
        (DiagWrite, "microsoft.insights/diagnosticsettings/write", AdacSystem, Duty::Monitoring),
        (Other, "microsoft.insights/datacollectionruleassociations/write", Uami, Duty::Monitoring),
        (WorkspaceManage, "microsoft.databricks/workspaces/write", FirstParty, Duty::Workspace),
        (DeploymentManage, "microsoft.resources/deployments/write", AdacSystem, Duty::Workspace),
        (OpClass::KeyListing, "microsoft.storage/storageaccounts/listkeys/action", Uami, Duty::Keys),
        (OpClass::RoleAssign, "microsoft.authorization/roleassignments/write", AdacSystem, Duty::AccessRights),
        (Other, "microsoft.authorization/policies/audit/action", AdacSystem, Duty::Unassigned),
    ] {
        assert_eq!(duty_of(&managed(op_class, operation, kind)), duty, "{operation}");
    }
}

#[test]
fn a_read_of_a_resource_says_nothing() {
    let read = Act { activity: Activity::Read, ..managed(OpClass::Other, "microsoft.x/y/read", IdentityKind::Uami) };

    assert_eq!(duty_of(&read), Duty::Unassigned);
}

#[test]
fn keys_of_a_workspaces_own_account_are_for_databricks_own_applications() {
    let listed = |kind| Act {
        in_dbfs_root: true,
        in_managed_group: true,
        ..managed(OpClass::KeyListing, "microsoft.storage/storageaccounts/listkeys/action", kind)
    };

    assert_eq!(duty_of(&listed(IdentityKind::FirstParty)), Duty::WorkspaceStorage);
    assert_eq!(duty_of(&listed(IdentityKind::Uami)), Duty::Keys);
    assert_eq!(duty_of(&listed(IdentityKind::AdacUami)), Duty::Keys);
}

#[test]
fn roles_in_its_own_group_are_the_workspaces_job_and_elsewhere_nobodys() {
    let assigned = |kind| managed(OpClass::RoleAssign, "microsoft.authorization/roleassignments/write", kind);

    assert_eq!(duty_of(&Act { in_own_scope: true, ..assigned(IdentityKind::Uami) }), Duty::Workspace);
    assert_eq!(duty_of(&Act { in_managed_group: true, ..assigned(IdentityKind::FirstParty) }), Duty::Workspace);
    assert_eq!(duty_of(&Act { in_managed_group: true, ..assigned(IdentityKind::Uami) }), Duty::AccessRights);
    assert_eq!(duty_of(&Act { in_own_scope: true, ..assigned(IdentityKind::AdacAuto) }), Duty::AccessRights);
}

#[test]
fn file_events_are_unity_catalogs_unless_the_connector_is_known_to_have_none() {
    let write =
        managed(OpClass::EventgridManage, "microsoft.eventgrid/eventsubscriptions/write", IdentityKind::AdacSystem);
    let by_type = Act {
        op_class: OpClass::StorageManage,
        operation: "create queue",
        target_type: "microsoft.storage/storageaccounts/queueservices/queues",
        ..write
    };

    assert_eq!(duty_of(&write), Duty::UnityCatalog);
    assert_eq!(duty_of(&by_type), Duty::UnityCatalog);
    assert_eq!(duty_of(&Act { may_have_file_events: false, ..write }), Duty::Workspace);
    assert_eq!(duty_of(&Act { kind: IdentityKind::Uami, ..write }), Duty::Workspace);
}

#[test]
fn data_in_its_own_account_is_the_workspaces_and_all_other_the_connectors() {
    let read = act();

    assert_eq!(duty_of(&read), Duty::Storage);
    assert_eq!(duty_of(&Act { kind: IdentityKind::Uami, ..read }), Duty::Storage);
    assert_eq!(duty_of(&Act { kind: IdentityKind::Uami, in_own_root: true, ..read }), Duty::WorkspaceStorage);
    assert_eq!(duty_of(&Act { in_own_root: true, ..read }), Duty::Storage);
    assert_eq!(duty_of(&Act { op_class: OpClass::Delegation, ..read }), Duty::UnityCatalog);
    assert_eq!(duty_of(&Act { op_class: OpClass::StorageProbe, ..read }), Duty::Unassigned);
}

#[test]
fn a_vault_serves_each_identity_for_another_purpose() {
    use IdentityKind::{AdacSystem, DiskCmk, FirstParty, StorageCmk, Uami};
    for (op_class, operation, kind, duty) in [
        (OpClass::SecretRead, "secretget", AdacSystem, Duty::KeyVault),
        (OpClass::SecretRead, "secretget", Uami, Duty::KeyVault),
        (OpClass::SecretRead, "secretget", FirstParty, Duty::WorkspaceSecrets),
        (OpClass::SecretRead, "secretget", StorageCmk, Duty::KeyVault),
        (OpClass::KeyUse, "keyunwrap", DiskCmk, Duty::Encryption),
        (OpClass::KeyRead, "keyget", StorageCmk, Duty::Encryption),
        (OpClass::KeyUse, "keysign", StorageCmk, Duty::KeyVault),
        (OpClass::KeyUse, "keyunwrap", AdacSystem, Duty::KeyVault),
        (OpClass::Other, "authentication", Uami, Duty::Unassigned),
        (OpClass::VaultAdmin, "vaultput", AdacSystem, Duty::Workspace),
    ] {
        let act = Act { source: LogSource::KeyVault, op_class, operation, kind, ..act() };

        assert_eq!(duty_of(&act), duty, "{operation} {kind}");
    }
}

#[test]
fn synapse_is_told_from_sql_by_its_resource() {
    let login = Act { source: LogSource::Sql, op_class: OpClass::SqlLogin, operation: "database_login", ..act() };

    assert_eq!(duty_of(&Act { target_type: "microsoft.sql/servers/databases", ..login }), Duty::Sql);
    assert_eq!(duty_of(&Act { target_type: "microsoft.synapse/workspaces", ..login }), Duty::Synapse);
}

#[test]
fn tokens_belong_to_the_duty_of_their_service() {
    use AudienceKind::{Arm, Cosmos, Databricks, Graph, KeyVault, Monitor, None, Other, Sql, Storage, Synapse};
    use IdentityKind::{AdacSystem, FirstParty, StorageCmk, Uami};
    for (audience, kind, duty) in [
        (Monitor, Uami, Duty::Monitoring),
        (Storage, Uami, Duty::Storage),
        (Storage, AdacSystem, Duty::Storage),
        (KeyVault, Uami, Duty::KeyVault),
        (KeyVault, StorageCmk, Duty::Encryption),
        (KeyVault, FirstParty, Duty::WorkspaceSecrets),
        (Sql, AdacSystem, Duty::Sql),
        (Synapse, AdacSystem, Duty::Synapse),
        (Arm, AdacSystem, Duty::Workspace),
        (Graph, Uami, Duty::AccessRights),
        (Cosmos, AdacSystem, Duty::OtherData),
        (Other, Uami, Duty::OtherData),
        (Databricks, FirstParty, Duty::Unassigned),
        (None, Uami, Duty::Unassigned),
    ] {
        assert_eq!(duty_of(&token(audience, kind)), duty, "{audience} {kind}");
    }
}
