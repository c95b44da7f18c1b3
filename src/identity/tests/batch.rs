//! The classified columns.

use super::*;
use crate::event::schema;
use crate::format::InventoryKind as Inv;

const COLUMNS_OF_IDENTITY: [&str; 4] = ["stream", "identity_kind", "confidence", "principal_id"];

#[test]
fn the_batch_has_the_schema_of_events() {
    let batch = classified(&[], &[], &[event(&[("locations", "[]")])]);

    assert_eq!(batch.schema(), schema::events());
    assert_eq!(cell(&batch, "locations", 0), "[]");
}

#[test]
fn an_empty_batch_stays_empty() {
    assert_eq!(classified(&[], &[], &[]).num_rows(), 0);
}

#[test]
fn a_batch_without_a_column_is_refused() {
    let batch = decoded(&[event(&[])]).project(&[0, 1]).unwrap();

    let refused = Classifier::build(Inventory::default(), &Evidence::default()).classify(&batch);

    assert!(refused.unwrap_err().to_string().contains("no column"));
}

#[test]
fn access_without_a_principal_is_unattributed_and_says_by_what() {
    let events = [
        event(&[("source", "storage"), ("auth_type", "accountkey")]),
        event(&[("source", "storage"), ("auth_type", "sas")]),
        event(&[("source", "storage"), ("auth_type", "anonymous")]),
        event(&[("source", "activity")]),
        event(&[("source", "signin")]),
    ];

    let batch = classified(&[], &[], &events);

    let rows: Vec<_> = (0..5).map(|row| cells(&batch, row, &COLUMNS_OF_IDENTITY)).collect();
    assert_eq!(
        rows,
        [
            ["unattributed", "key", "1", "null"],
            ["unattributed", "sas", "1", "null"],
            ["unattributed", "anonymous", "1", "null"],
            ["unattributed", "unknown", "0", "null"],
            ["unattributed", "unknown", "0", "null"],
        ]
    );
}

#[test]
fn row_12_a_delegation_sas_is_its_owners_at_a_discount_for_that_event_only() {
    let principal = id(1);
    let events = [
        event(&[("principal_id", &principal), ("principal_via", "oauth")]),
        event(&[("principal_id", &principal), ("principal_via", "sas_skoid"), ("auth_type", "delegation_sas")]),
        event(&[("principal_id", "ffffffff-0000-0000-0000-000000000000"), ("principal_via", "sas_skoid")]),
    ];

    let batch = classified(&[(Inv::AccessConnector, &connector(CONNECTOR, 1))], &[], &events);

    assert_eq!(cells(&batch, 0, &["stream", "identity_kind", "confidence"]), ["adac", "adac_system", "1"]);
    assert_eq!(cells(&batch, 1, &["stream", "identity_kind", "confidence"]), ["adac", "adac_system", "0.95"]);
    assert!(cell(&batch, "classified_by", 1).starts_with("P12: user-delegation SAS, its key from P1: "));
    assert_eq!(cells(&batch, 2, &["stream", "identity_kind", "confidence"]), ["other", "unknown", "0"]);
}

#[test]
fn a_client_id_alone_is_looked_up_in_the_inventory() {
    let uami = user_assigned(MANAGED, "dbmanagedidentity");
    let records = [(Inv::Workspace, &*workspace()), (Inv::UserAssignedIdentity, &*identity(&uami, 1, 2))];
    let (client, unknown) = (id(2), id(3));
    let login = |app| Observation { source: LogSource::Sql, principal_id: None, app_id: Some(app), ..seen("") };
    let columns = [("source", "sql"), ("token_kind", "app"), ("principal_via", "client_id")];
    let events = [&client, &unknown].map(|app| {
        let mut event = event(&columns);
        event.insert("app_id", app);
        event
    });

    let batch = classified(&records, &[login(&client), login(&unknown)], &events);

    assert_eq!(cells(&batch, 0, &COLUMNS_OF_IDENTITY), ["dbmi", "uami", "0.98", &id(1)]);
    assert!(cell(&batch, "classified_by", 0).starts_with("P5: "));
    assert_eq!(cell(&batch, "principal_via", 0), "client_id");
    assert_eq!(cells(&batch, 1, &COLUMNS_OF_IDENTITY), ["other", "service_principal", "0.9", "null"]);
}

#[test]
fn a_client_id_alone_is_looked_up_in_tokens_that_carry_both_ids_unless_they_disagree() {
    let (client, mirid, first, second) = (id(2), lower(CONNECTOR), id(1), id(9));
    let both = Observation { app_id: Some(&client), mirid: Some(&mirid), ..seen(&first) };
    let again = Observation { app_id: Some(&client), ..seen(&second) };
    let login = Observation {
        source: LogSource::Databricks,
        principal_id: None,
        token_kind: TokenKind::Unknown,
        app_id: Some(&client),
        ..seen("")
    };
    let events = [event(&[("source", "databricks"), ("app_id", &client)])];

    let unique = classified(&[], &[both, login], &events);
    let ambiguous = classified(&[], &[both, again, login], &events);

    assert_eq!(cells(&unique, 0, &COLUMNS_OF_IDENTITY), ["adac", "adac_system", "0.95", &first]);
    assert_eq!(cells(&ambiguous, 0, &COLUMNS_OF_IDENTITY), ["other", "service_principal", "0.9", "null"]);
}

#[test]
fn people_and_logins_without_an_object_id_go_by_name() {
    let user = Observation {
        token_kind: TokenKind::User,
        principal_id: None,
        app_id: Some(FIRST_PARTY_APP),
        principal_name: Some("bob"),
        ..seen("")
    };
    let login = Observation {
        source: LogSource::Sql,
        token_kind: TokenKind::Unknown,
        principal_id: None,
        principal_name: Some("sa"),
        ..seen("")
    };
    let events = [
        event(&[("token_kind", "user"), ("app_id", FIRST_PARTY_APP), ("principal_name", "bob")]),
        event(&[("token_kind", "user"), ("app_id", FIRST_PARTY_APP)]),
        event(&[("source", "sql"), ("principal_name", "sa")]),
        event(&[("app_id", FIRST_PARTY_APP)]),
    ];

    let batch = classified(&[], &[user, login], &events);

    let rows: Vec<_> = (0..4).map(|row| cells(&batch, row, &["stream", "identity_kind"])).collect();
    assert_eq!(rows, [["other", "user"], ["other", "user"], ["other", "unknown"], ["other", "unknown"]]);
}

#[test]
fn a_target_is_taken_apart() {
    let container = "/subscriptions/s1/resourcegroups/databricks-rg-ws/providers/microsoft.storage/storageaccounts/acc/\
                     blobservices/default/containers/c";
    let grant = "/subscriptions/s1/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv/providers/\
                 microsoft.authorization/roleassignments/x";
    let events = [
        event(&[("target_id", container)]),
        event(&[("target_id", grant), ("target_name", "said")]),
        event(&[("target_id", grant)]),
        event(&[]),
    ];
    let columns = ["subscription_id", "resource_group", "target_type", "target_name", "in_managed_rg"];

    let batch = classified(&[(Inv::Workspace, &workspace())], &[], &events);

    let storage = "microsoft.storage/storageaccounts/blobservices/containers";
    assert_eq!(cells(&batch, 0, &columns), ["s1", "databricks-rg-ws", storage, "acc", "true"]);
    assert_eq!(cells(&batch, 1, &columns), ["s1", "rg", "microsoft.authorization/roleassignments", "said", "false"]);
    assert_eq!(cells(&batch, 2, &columns), ["s1", "rg", "microsoft.authorization/roleassignments", "kv", "false"]);
    assert_eq!(cells(&batch, 3, &columns), ["null", "null", "null", "null", "false"]);
}

#[test]
fn trap_b_the_targets_resource_group_says_nothing_about_the_caller() {
    let principal = id(7);
    let target = lower(&format!("{MANAGED}/providers/Microsoft.Compute/virtualMachines/vm"));
    let events = [event(&[("principal_id", &principal), ("target_id", &target)])];

    let batch = classified(&[(Inv::Workspace, &workspace())], &[seen(&principal)], &events);

    assert_eq!(cells(&batch, 0, &["stream", "in_managed_rg", "own_scope"]), ["other", "true", "false"]);
}

#[test]
fn own_scope_is_the_workspace_its_managed_group_and_its_network() {
    let other_workspace = workspace()
        .replace("workspaces/ws", "workspaces/other")
        .replace("databricks-rg-ws", "databricks-rg-other")
        .replace(&id(0x51), &id(0x61))
        .replace(&id(0x52), &id(0x62))
        .replace("virtualNetworks/v", "virtualNetworks/w")
        .replace("diskEncryptionSets/des", "diskEncryptionSets/other");
    let records = [
        (Inv::Workspace, &*workspace()),
        (Inv::Workspace, &*other_workspace),
        (Inv::AccessConnector, &*connector(CONNECTOR, 1)),
    ];
    let (dbmi, first_party, adac) = (id(0x51), id(8), id(1));
    let by_app = Observation { app_id: Some(FIRST_PARTY_APP), ..seen(&first_party) };
    let network = "/subscriptions/s1/resourcegroups/net/providers/microsoft.network/virtualnetworks/v";
    let targets = [
        lower(WORKSPACE),
        lower(MANAGED),
        lower(&format!("{MANAGED}/providers/Microsoft.Compute/disks/d")),
        network.to_owned(),
        format!("{network}/subnets/public"),
        format!("{network}2"),
        lower(MANAGED).replace("-ws", "-other"),
        "/subscriptions/s1/resourcegroups/rg".to_owned(),
    ];
    let own = |principal: &str| {
        let events: Vec<_> =
            targets.iter().map(|target| event(&[("principal_id", principal), ("target_id", target)])).collect();
        let batch = classified(&records, &[by_app], &events);
        (0..targets.len()).map(|row| cell(&batch, "own_scope", row) == "true").collect::<Vec<bool>>()
    };

    assert_eq!(own(&dbmi), [true, true, true, true, true, false, false, false]);
    assert_eq!(own(&first_party), [true, true, true, true, true, false, true, false]);
    assert_eq!(own(&adac), [false; 8]);
}

#[test]
fn a_dbfs_root_is_known_by_name_or_by_where_it_lies() {
    let account =
        |group: &str, name: &str| lower(&format!("{group}/providers/Microsoft.Storage/storageAccounts/{name}"));
    let elsewhere = "/subscriptions/s1/resourceGroups/rg";
    let (named, unnamed) = (account(elsewhere, "dbstorageabc"), account(MANAGED, "dbstoragezzz"));
    let (other, outside) = (account(MANAGED, "logs"), account(elsewhere, "dbstoragezzz"));
    let events = [
        event(&[("target_id", &named)]),
        event(&[("target_id", &unnamed)]),
        event(&[("target_id", &other)]),
        event(&[("target_id", &outside)]),
        event(&[("source", "storage"), ("target_name", "dbstorageabc")]),
        event(&[("source", "keyvault"), ("target_name", "dbstorageabc")]),
    ];

    let batch = classified(&[(Inv::Workspace, &workspace())], &[], &events);

    let roots: Vec<_> = (0..6).map(|row| cell(&batch, "is_dbfs_root", row)).collect();
    assert_eq!(roots, ["true", "true", "false", "false", "true", "false"]);
}

#[test]
fn databricks_records_belong_to_the_workspace_that_logged() {
    let (principal, logged) = (id(0x51), lower(WORKSPACE).replace("/ws", "/logged"));
    let events = [
        event(&[("source", "databricks"), ("target_id", &logged), ("principal_id", &principal)]),
        event(&[("source", "databricks"), ("target_id", "5555555555555555")]),
        event(&[("source", "storage"), ("principal_id", &principal)]),
    ];

    let batch = classified(&[(Inv::Workspace, &workspace())], &[], &events);

    let workspaces: Vec<_> = (0..3).map(|row| cell(&batch, "workspace_rid", row)).collect();
    assert_eq!(workspaces, [logged, lower(WORKSPACE), lower(WORKSPACE)]);
}

#[test]
fn addresses_are_none_private_or_public() {
    let expected = [
        ("10.139.0.5", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.1", "public"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("100.127.255.255", "private"),
        ("100.128.0.1", "public"),
        ("127.0.0.1", "private"),
        ("169.254.169.254", "private"),
        ("203.0.113.7", "public"),
        ("fc00::1", "private"),
        ("fe80::1", "private"),
        ("::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("2603:1030::1", "public"),
        ("0.0.0.0", "none"),
        ("hidden", "none"),
    ];
    let mut events: Vec<_> = expected.iter().map(|(address, _)| event(&[("src_ip", address)])).collect();
    events.push(event(&[]));

    let batch = classified(&[], &[], &events);

    for (row, (address, class)) in expected.iter().enumerate() {
        assert_eq!(cell(&batch, "src_ip_class", row), *class, "{address}");
    }
    assert_eq!(cell(&batch, "src_ip_class", expected.len()), "none");
}

#[test]
fn events_get_their_ocsf_class() {
    let expected = [
        ("activity", "role_assign", "management", "3005"),
        ("activity", "key_listing", "data", "6003"),
        ("signin", "token_issue", "auth", "3002"),
        ("storage", "blob_read", "data", "6005"),
        ("sql", "sql_login", "data", "6005"),
        ("keyvault", "secret_read", "data", "6005"),
        ("keyvault", "vault_admin", "management", "6003"),
        ("databricks", "uc_vend", "data", "6005"),
        ("databricks", "other", "workspace", "6003"),
        ("entra_audit", "identity_manage", "directory", "3004"),
        ("inventory", "role_assign", "management", "3005"),
    ];
    let events: Vec<_> = expected
        .iter()
        .map(|(source, op_class, plane, _)| event(&[("source", source), ("op_class", op_class), ("plane", plane)]))
        .collect();

    let batch = classified(&[], &[], &events);

    for (row, case) in expected.iter().enumerate() {
        assert_eq!(cell(&batch, "class_uid", row), case.3, "{case:?}");
    }
}

#[test]
fn grants_say_what_they_know_of_role_and_receiver() {
    let custom = "cccccccc-0000-0000-0000-000000000000";
    let (connector_id, stranger) = (id(1), id(0x77));
    let events = [
        event(&[("role_id", custom), ("assignee_id", &connector_id)]),
        event(&[("assignee_id", &stranger)]),
        event(&[]),
    ];
    let columns = ["role_class", "assignee_stream", "assignee_kind"];

    let batch = classified(&[(Inv::AccessConnector, &connector(CONNECTOR, 1))], &[], &events);

    assert_eq!(cells(&batch, 0, &columns), ["unknown", "adac", "adac_system"]);
    assert_eq!(cells(&batch, 1, &columns), ["null", "other", "unknown"]);
    assert_eq!(cells(&batch, 2, &columns), ["null", "null", "null"]);
}

#[test]
fn a_secret_known_from_elsewhere_counts_where_the_record_is_silent() {
    let listed =
        format!(r#"{{"id":"{}","servicePrincipalType":"Application","passwordCredentials":[{{"keyId":"k"}}]}}"#, id(1));
    let managed = service_principal(CONNECTOR, 2, 3).replace("\"appId\"", "\"keyCredentials\":[{}],\"appId\"");
    let (application, connector) = (id(1), id(2));
    let events = [
        event(&[("source", "storage"), ("auth_type", "oauth"), ("principal_id", &application)]),
        event(&[("source", "signin"), ("auth_type", "federated"), ("principal_id", &application)]),
        event(&[("source", "storage"), ("auth_type", "oauth"), ("principal_id", &connector)]),
        event(&[("source", "signin"), ("secret_bearing", "true")]),
    ];

    let batch = classified(&[(Inv::ServicePrincipal, &listed), (Inv::ServicePrincipal, &managed)], &[], &events);

    let secrets: Vec<_> = (0..4).map(|row| cell(&batch, "secret_bearing", row)).collect();
    assert_eq!(secrets, ["true", "false", "false", "true"]);
}

#[test]
fn a_spoofed_name_is_marked_on_every_event_of_its_principal() {
    let principal = id(1);
    let events = [event(&[("source", "storage"), ("principal_id", &principal)])];

    let uami = identity(&user_assigned(MANAGED, "dbmanagedidentity"), 0x61, 0x62);
    let exports = [(Inv::Workspace, &*workspace()), (Inv::UserAssignedIdentity, &*uami)];
    let batch = classified(&exports, &[signed_in(&principal, "dbmanagedidentity")], &events);

    assert_eq!(cells(&batch, 0, &["stream", "identity_kind", "name_spoof"]), ["other", "other_mi", "true"]);
}
