//! The decision table, row by row, and its traps.

use super::*;
use crate::event::vocabulary::IdentityKind as Kind;
use crate::format::InventoryKind as Inv;

#[test]
fn row_1_the_system_assigned_identity_of_a_listed_connector_is_certain() {
    let principal = id(1);

    let verdict = verdict(&[(Inv::AccessConnector, &connector(CONNECTOR, 1))], &[seen(&principal)], &principal);

    assert_verdict(&verdict, Stream::Adac, Kind::AdacSystem, 1.0, "P1");
    assert_eq!(verdict.arm_id, Some(lower(CONNECTOR)));
}

#[test]
fn row_1_a_service_principal_list_alone_resolves_a_connector() {
    let principal = id(1);

    let records = [(Inv::ServicePrincipal, &*service_principal(CONNECTOR, 1, 2))];

    assert_verdict(&verdict(&records, &[], &principal), Stream::Adac, Kind::AdacSystem, 1.0, "P1");
}

#[test]
fn the_connector_that_a_workspace_makes_is_an_adac_although_it_lies_in_the_managed_group() {
    let automatic = format!("{MANAGED}/providers/Microsoft.Databricks/accessConnectors/unity-catalog-access-connector");
    let records = [(Inv::Workspace, &*workspace()), (Inv::AccessConnector, &*connector(&automatic, 1))];

    let verdict = verdict(&records, &[], &id(1));

    assert_verdict(&verdict, Stream::Adac, Kind::AdacAuto, 1.0, "P1");
    assert_eq!(verdict.workspace_rid, Some(lower(WORKSPACE)));
}

#[test]
fn row_2_a_user_assigned_identity_of_a_connector_is_an_adac_even_in_the_managed_group() {
    let uami = user_assigned(MANAGED, "u1");
    let records = [
        (Inv::Workspace, &*workspace()),
        (Inv::AccessConnector, &*with_user_assigned(CONNECTOR, &uami, 1, 2)),
        (Inv::UserAssignedIdentity, &*identity(&uami, 1, 2)),
    ];

    let verdict = verdict(&records, &[seen(&id(1))], &id(1));

    assert_verdict(&verdict, Stream::Adac, Kind::AdacUami, 0.98, "P2");
    assert_eq!(verdict.arm_id, Some(lower(&uami)));
}

#[test]
fn row_3_an_identity_that_a_machine_shares_is_less_certain_one_of_two_connectors_is_not() {
    let uami = user_assigned("/subscriptions/s1/resourceGroups/rg", "u1");
    let of = |kind, resource: &str| (kind, with_user_assigned(resource, &uami, 1, 2));
    let connector = of(Inv::AccessConnector, CONNECTOR);
    let other_connector = of(Inv::AccessConnector, &CONNECTOR.replace("Connectors/ac", "Connectors/ac2"));
    let machine =
        of(Inv::OtherResource, "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm");
    let verdict_of = |resources: &[&(Inv, String)]| {
        let records: Vec<(Inv, &str)> = resources.iter().map(|(kind, record)| (*kind, record.as_str())).collect();
        verdict(&records, &[], &id(1))
    };

    assert_verdict(&verdict_of(&[&connector, &other_connector]), Stream::Adac, Kind::AdacUami, 0.98, "P2");
    for resources in [&[&connector, &machine][..], &[&connector, &other_connector, &machine]] {
        assert_verdict(&verdict_of(resources), Stream::Adac, Kind::AdacShared, 0.6, "P3");
    }
}

#[test]
fn row_4_an_identity_in_a_managed_group_is_the_workspaces_whatever_its_name() {
    for name in ["dbmanagedidentity", "other"] {
        let uami = user_assigned(MANAGED, name);
        let records = [(Inv::Workspace, &*workspace()), (Inv::UserAssignedIdentity, &*identity(&uami, 1, 2))];

        let verdict = verdict(&records, &[seen_in_storage(&id(1))], &id(1));

        assert_verdict(&verdict, Stream::Dbmi, Kind::Uami, 1.0, "P4");
        assert_eq!(verdict.workspace_rid, Some(lower(WORKSPACE)));
    }
}

#[test]
fn row_4_storage_and_disk_identities_of_a_workspace_are_told_apart() {
    let des = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/DES";
    let records = [(Inv::Workspace, &*workspace()), (Inv::ServicePrincipal, &*service_principal(des, 0x53, 2))];

    for (principal, kind) in [(0x51, Kind::StorageCmk), (0x52, Kind::DiskCmk), (0x53, Kind::DiskCmk)] {
        let verdict = verdict(&records, &[], &id(principal));

        assert_verdict(&verdict, Stream::Dbmi, kind, 1.0, "P4");
        assert_eq!(verdict.workspace_rid, Some(lower(WORKSPACE)));
    }
}

#[test]
fn row_5_an_app_only_token_with_a_known_client_id_is_taken_for_its_owner() {
    let uami = user_assigned(MANAGED, "dbmanagedidentity");
    let records = [(Inv::Workspace, &*workspace()), (Inv::UserAssignedIdentity, &*identity(&uami, 1, 2))];
    let (unknown, client) = (id(9), id(2));
    let app_only = Observation { app_id: Some(&client), ..seen(&unknown) };
    let unclear = Observation { app_id: Some(&client), ..seen_in_storage(&unknown) };

    assert_verdict(&verdict(&records, &[app_only], &unknown), Stream::Dbmi, Kind::Uami, 0.98, "P5");
    assert_verdict(&verdict(&records, &[unclear], &unknown), Stream::Other, Kind::Unknown, 0.0, "P20");
}

#[test]
fn row_6_databricks_applications_are_first_party_only_in_app_only_tokens() {
    let principal = id(1);
    let app_only = Observation { app_id: Some(FIRST_PARTY_APP), ..seen(&principal) };
    let by_category = Observation {
        category: Some("MicrosoftServicePrincipalSignInLogs"),
        source: LogSource::Signin,
        token_kind: TokenKind::Unknown,
        ..app_only
    };
    let a_users = Observation { token_kind: TokenKind::User, ..app_only };
    let unclear = Observation { token_kind: TokenKind::Unknown, ..app_only };

    for observation in [app_only, by_category] {
        let verdict = verdict(&[], &[observation], &principal);
        assert_verdict(&verdict, Stream::Dbmi, Kind::FirstParty, 0.99, "P6");
        assert_eq!(verdict.workspace_rid, None);
    }
    assert_verdict(&verdict(&[], &[a_users], &principal), Stream::Other, Kind::User, 0.9, "P18");
    assert_verdict(&verdict(&[], &[unclear], &principal), Stream::Other, Kind::Unknown, 0.0, "P20");
}

#[test]
fn row_6_the_publishers_object_id_and_a_listed_application_id_count_as_well() {
    let publisher = "9a74af6f-d153-4348-988a-e2672920bee9";
    let listed =
        format!(r#"{{"objectId":"{}","appId":"{FIRST_PARTY_APP}","servicePrincipalType":"Application"}}"#, id(1));

    let by_object = verdict(&[], &[seen_in_storage(publisher)], publisher);
    let by_list = verdict(&[(Inv::ServicePrincipal, &listed)], &[seen_in_storage(&id(1))], &id(1));

    assert_verdict(&by_object, Stream::Dbmi, Kind::FirstParty, 0.99, "P6");
    assert_verdict(&by_list, Stream::Dbmi, Kind::FirstParty, 0.99, "P6");
}

#[test]
fn row_15_identities_of_other_resources_beat_what_tokens_say() {
    let site = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Web/sites/app";
    let listed = user_assigned("/subscriptions/s1/resourceGroups/rg", "u1");
    let records = [
        (Inv::Workspace, &*workspace()),
        (Inv::ServicePrincipal, &*service_principal(site, 1, 2)),
        (Inv::UserAssignedIdentity, &*identity(&listed, 3, 4)),
    ];
    let mirid = lower(CONNECTOR);
    for principal in [id(1), id(3)] {
        let says_connector = Observation { mirid: Some(&mirid), ..seen(&principal) };

        let verdict = verdict(&records, &[says_connector], &principal);

        assert_verdict(&verdict, Stream::Other, Kind::OtherMi, 1.0, "P15");
    }
}

#[test]
fn row_7_a_token_that_names_a_connector_needs_no_inventory() {
    let (principal, mirid) = (id(1), lower(CONNECTOR));

    let verdict = verdict(&[], &[Observation { mirid: Some(&mirid), ..seen(&principal) }], &principal);

    assert_verdict(&verdict, Stream::Adac, Kind::AdacSystem, 0.95, "P7");
    assert_eq!(verdict.arm_id, Some(mirid));
}

#[test]
fn row_7_a_token_may_name_a_connectors_user_assigned_identity() {
    let uami = user_assigned(MANAGED, "dbmanagedidentity");
    let record = format!(r#"{{"id":"{CONNECTOR}","identity":{{"userAssignedIdentities":{{"{uami}":{{}}}}}}}}"#);
    let (principal, mirid) = (id(1), lower(&uami));
    let observation = Observation { mirid: Some(&mirid), ..seen(&principal) };

    let records = [(Inv::Workspace, &*workspace()), (Inv::AccessConnector, &*record)];

    assert_verdict(&verdict(&records, &[observation], &principal), Stream::Adac, Kind::AdacUami, 0.95, "P7");
}

#[test]
fn rows_8_and_9_the_workspace_identity_is_known_by_its_group_or_by_its_name_alone() {
    let (principal, mirid) = (id(1), lower(&user_assigned(MANAGED, "dbmanagedidentity")));
    let observation = [Observation { mirid: Some(&mirid), ..seen(&principal) }];

    let with_workspace = verdict(&[(Inv::Workspace, &workspace())], &observation, &principal);
    let without = verdict(&[], &observation, &principal);

    assert_verdict(&with_workspace, Stream::Dbmi, Kind::Uami, 0.97, "P8");
    assert_eq!(with_workspace.workspace_rid, Some(lower(WORKSPACE)));
    assert_verdict(&without, Stream::Dbmi, Kind::Uami, 0.9, "P9");
    assert_eq!(without.workspace_rid, None);
}

#[test]
fn row_9_the_name_counts_only_in_subscriptions_whose_workspaces_are_not_known() {
    let principal = id(1);
    let here = lower(&user_assigned("/subscriptions/s1/resourceGroups/evil", "dbmanagedidentity"));
    let elsewhere = lower(&user_assigned("/subscriptions/s2/resourceGroups/x", "dbmanagedidentity"));
    let judged = |mirid: &str| {
        let observation = Observation { mirid: Some(mirid), ..seen(&principal) };
        verdict(&[(Inv::Workspace, &workspace())], &[observation], &principal)
    };

    let (spoofed, believed) = (judged(&here), judged(&elsewhere));

    assert_verdict(&spoofed, Stream::Other, Kind::OtherMi, 0.9, "P9");
    assert!(spoofed.name_spoof);
    assert_verdict(&believed, Stream::Dbmi, Kind::Uami, 0.9, "P9");
    assert!(!believed.name_spoof);
}

#[test]
fn row_9_holds_for_a_listed_identity_too() {
    let listed = |group: &str| identity(&user_assigned(group, "dbmanagedidentity"), 1, 2);
    let unknown_group = listed("/subscriptions/s2/resourceGroups/x");
    let known_subscription = listed("/subscriptions/s1/resourceGroups/evil");

    let believed = verdict(&[(Inv::UserAssignedIdentity, &unknown_group)], &[], &id(1));
    let records = [(Inv::Workspace, &*workspace()), (Inv::UserAssignedIdentity, &*known_subscription)];
    let spoofed = verdict(&records, &[], &id(1));

    assert_verdict(&believed, Stream::Dbmi, Kind::Uami, 0.9, "P9");
    assert_verdict(&spoofed, Stream::Other, Kind::OtherMi, 1.0, "P15");
    assert!(spoofed.name_spoof);
}

#[test]
fn row_10_a_token_that_names_a_workspace_is_the_workspaces() {
    let (principal, mirid) = (id(1), lower(WORKSPACE));

    let verdict = verdict(&[], &[Observation { mirid: Some(&mirid), ..seen(&principal) }], &principal);

    assert_verdict(&verdict, Stream::Dbmi, Kind::StorageCmk, 0.9, "P10");
    assert_eq!(verdict.workspace_rid, Some(mirid));
}

#[test]
fn row_11_the_machine_that_asked_for_the_token_is_a_hint() {
    let principal = id(1);
    let judged = |records: &Records<'_>, group: &str| {
        let machine = lower(&format!("{group}/providers/Microsoft.Compute/virtualMachines/vm"));
        verdict(records, &[Observation { az_rid: Some(&machine), ..seen(&principal) }], &principal)
    };
    let records: [(Inv, &str); 1] = [(Inv::Workspace, &workspace().replace("databricks-rg-ws", "configured"))];

    let known = judged(&records, "/subscriptions/s1/resourceGroups/configured");
    let by_prefix = judged(&[], MANAGED);
    let prefix_in_a_known_subscription = judged(&records, "/subscriptions/s1/resourceGroups/databricks-rg-x");

    assert_verdict(&known, Stream::Dbmi, Kind::Uami, 0.75, "P11");
    assert_eq!(known.workspace_rid, Some(lower(WORKSPACE)));
    assert_verdict(&by_prefix, Stream::Dbmi, Kind::Uami, 0.75, "P11");
    assert_verdict(&prefix_in_a_known_subscription, Stream::Other, Kind::ServicePrincipal, 0.9, "P17");
}

/// The one Databricks sign-in found in a real export (2025) has this name, this category, and
/// neither an ARM id nor an address.
#[test]
fn row_13_a_sign_in_as_dbmanagedidentity_is_believed_where_no_workspace_is_known() {
    let principal = "2ebd1d48-0000-0000-0000-000000000000";

    let verdict = verdict(&[], &[signed_in(principal, "dbmanagedidentity")], principal);

    assert_verdict(&verdict, Stream::Dbmi, Kind::Uami, 0.8, "P13");
    assert_eq!(verdict.workspace_rid, None);
    assert!(!verdict.name_spoof);
}

#[test]
fn row_14_a_sign_in_as_the_automatic_connector_is_believed_where_no_workspace_is_known() {
    let verdict = verdict(&[], &[signed_in(&id(1), "unity-catalog-access-connector")], &id(1));

    assert_verdict(&verdict, Stream::Adac, Kind::AdacAuto, 0.75, "P14");
}

#[test]
fn rows_13_and_14_turn_into_a_spoof_where_the_tenants_workspaces_are_known() {
    let other_tenant = workspace().replace(TENANT, "00000000-0000-0000-0000-0000000000ff");
    let no_tenant = format!(r#"{{"id":"{WORKSPACE}","managedResourceGroupId":"{MANAGED}"}}"#);
    let uami = identity(&user_assigned(MANAGED, "dbmanagedidentity"), 0x61, 0x62);
    let connector = connector(CONNECTOR, 0x63);
    let others = [(Inv::UserAssignedIdentity, uami.as_str()), (Inv::AccessConnector, connector.as_str())];
    for (name, row, kind) in
        [("dbmanagedidentity", "P13", Kind::Uami), ("unity-catalog-access-connector", "P14", Kind::AdacAuto)]
    {
        for record in [workspace(), no_tenant.clone()] {
            let only_workspaces = verdict(&[(Inv::Workspace, &record)], &[signed_in(&id(1), name)], &id(1));
            let spoofed = verdict(
                &[&[(Inv::Workspace, record.as_str())], others.as_slice()].concat(),
                &[signed_in(&id(1), name)],
                &id(1),
            );

            // Of workspaces alone no object id is known that it could be.
            assert_eq!((only_workspaces.kind, only_workspaces.name_spoof), (kind, false));
            assert_verdict(&spoofed, Stream::Other, Kind::OtherMi, 0.9, row);
            assert!(spoofed.name_spoof);
        }
        let elsewhere = verdict(
            &[&[(Inv::Workspace, other_tenant.as_str())], others.as_slice()].concat(),
            &[signed_in(&id(1), name)],
            &id(1),
        );
        assert_eq!((elsewhere.kind, elsewhere.name_spoof), (kind, false));
    }
}

#[test]
fn an_application_with_a_secret_is_no_managed_identity_whatever_its_name() {
    let principal = id(1);
    let observation = Observation {
        category: Some("ServicePrincipalSignInLogs"),
        auth_type: AuthType::Secret,
        secret_bearing: true,
        ..signed_in(&principal, "dbmanagedidentity")
    };

    let verdict = verdict(&[], &[observation], &principal);

    assert_verdict(&verdict, Stream::Other, Kind::ServicePrincipal, 0.9, "P17");
    assert!(verdict.name_spoof);
}

#[test]
fn a_name_outside_sign_ins_says_nothing() {
    let principal = id(1);
    let observation = Observation {
        source: LogSource::Sql,
        principal_name: Some("dbmanagedidentity"),
        ..seen_in_storage(&principal)
    };

    assert_verdict(&verdict(&[], &[observation], &principal), Stream::Other, Kind::Unknown, 0.0, "P20");
}

#[test]
fn rows_16_and_17_other_managed_identities_and_applications_are_told_apart() {
    let principal = id(1);
    let mirid = "/subscriptions/s/resourcegroups/rg/providers/microsoft.containerservice/managedclusters/aks";
    let by_resource = Observation { mirid: Some(mirid), ..seen(&principal) };

    let by_signin = verdict(&[], &[signed_in(&principal, "aks")], &principal);
    let by_resource = verdict(&[], &[by_resource], &principal);
    let application = verdict(&[], &[seen(&principal)], &principal);

    assert_verdict(&by_signin, Stream::Other, Kind::OtherMi, 0.9, "P16");
    assert_verdict(&by_resource, Stream::Other, Kind::OtherMi, 0.9, "P16");
    assert_verdict(&application, Stream::Other, Kind::ServicePrincipal, 0.9, "P17");
}

#[test]
fn row_18_a_user_is_a_user_through_whatever_application_and_by_name_alone() {
    let principal = id(1);
    let by_token = Observation { token_kind: TokenKind::User, app_id: Some(FIRST_PARTY_APP), ..seen(&principal) };
    let by_name = Observation { principal_name: Some("alice@contoso.com"), ..seen_in_storage(&principal) };
    let sql_login = format!("{}@{TENANT}", id(7));
    let not_by_client_id = Observation { principal_name: Some(&sql_login), ..seen_in_storage(&principal) };

    assert_verdict(&verdict(&[], &[by_token], &principal), Stream::Other, Kind::User, 0.9, "P18");
    assert_verdict(&verdict(&[], &[by_name], &principal), Stream::Other, Kind::User, 0.9, "P18");
    assert_verdict(&verdict(&[], &[not_by_client_id], &principal), Stream::Other, Kind::Unknown, 0.0, "P20");
}

#[test]
fn a_users_token_with_a_connectors_object_id_decides_nothing() {
    let principal = id(1);
    let observation = Observation { token_kind: TokenKind::User, ..seen(&principal) };

    let verdict = verdict(&[(Inv::AccessConnector, &connector(CONNECTOR, 1))], &[observation], &principal);

    assert_verdict(&verdict, Stream::Other, Kind::Unknown, 0.0, "P18");
    assert!(verdict.classified_by.contains("contradicts P1"), "{verdict:?}");
}

#[test]
fn whoever_presents_a_delegation_sas_is_not_evidence_against_its_owner() {
    let principal = id(1);
    let presented = Observation {
        auth_type: AuthType::DelegationSas,
        principal_name: Some("alice@contoso.com"),
        app_id: Some(FIRST_PARTY_APP),
        ..seen_in_storage(&principal)
    };

    assert_verdict(&verdict(&[], &[presented], &principal), Stream::Other, Kind::Unknown, 0.0, "P20");
}

#[test]
fn equal_rows_that_disagree_decide_nothing_and_say_so() {
    let second = workspace()
        .replace("workspaces/ws", "workspaces/ws2")
        .replace(&id(0x52), &id(0x51))
        .replace("storageAccountIdentity", "x");

    let verdict = verdict(&[(Inv::Workspace, &workspace()), (Inv::Workspace, &second)], &[], &id(0x51));

    assert_verdict(&verdict, Stream::Other, Kind::Unknown, 0.0, "P4");
    assert_eq!(verdict.classified_by, "P4: disagrees with itself: storage_cmk, disk_cmk");
}

#[test]
fn the_best_row_wins_over_all_evidence_of_a_principal() {
    let (principal, mirid) = (id(1), lower(CONNECTOR));
    let weak = signed_in(&principal, "dbmanagedidentity");
    let strong = Observation { mirid: Some(&mirid), ..seen(&principal) };

    assert_verdict(&verdict(&[], &[weak, strong], &principal), Stream::Adac, Kind::AdacSystem, 0.95, "P7");
}
