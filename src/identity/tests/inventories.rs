//! What inventories and write records are made of.

use super::*;
use crate::event::vocabulary::BodyFrom;
use crate::event::vocabulary::IdentityKind as Kind;
use crate::format::InventoryKind as Inv;

#[test]
fn an_applications_alternative_names_are_not_believed() {
    let record = service_principal(CONNECTOR, 1, 2).replace("ManagedIdentity\",", "Application\",");

    let verdict = verdict(&[(Inv::ServicePrincipal, &record)], &[seen(&id(1))], &id(1));

    assert_verdict(&verdict, Stream::Other, Kind::ServicePrincipal, 0.9, "P17");
}

#[test]
fn workspaces_are_read_in_the_azure_clis_flat_form_and_with_null_parameters() {
    let record = format!(
        r#"{{"id":"{WORKSPACE}","managedResourceGroupId":"{MANAGED}","parameters":null,
        "storageAccountIdentity":{{"principalId":"{}"}}}}"#,
        id(0x51).replace('-', "")
    );

    let verdict = verdict(&[(Inv::Workspace, &record)], &[], &id(0x51));

    assert_verdict(&verdict, Stream::Dbmi, Kind::StorageCmk, 1.0, "P4");
}

#[test]
fn a_recreated_connector_keeps_its_old_object_id_as_well() {
    let records =
        [(Inv::AccessConnector, &*connector(CONNECTOR, 1)), (Inv::AccessConnector, &*connector(CONNECTOR, 2))];

    for principal in [id(1), id(2)] {
        assert_verdict(&verdict(&records, &[], &principal), Stream::Adac, Kind::AdacSystem, 1.0, "P1");
    }
}

#[test]
fn a_connector_belongs_to_a_workspace_only_when_exactly_one_uses_it() {
    let refers = |names: &[&str]| {
        let ids: Vec<String> = names.iter().map(|name| format!("\"{WORKSPACE}{name}\"")).collect();
        connector(CONNECTOR, 1).replace("\"referedBy\":[]", &format!("\"referedBy\":[{}]", ids.join(",")))
    };
    let linked = workspace()
        .replace("\"isUcEnabled\"", &format!("\"accessConnector\":{{\"id\":\"{CONNECTOR}\"}},\"isUcEnabled\""));
    let of = |records: &Records<'_>| verdict(records, &[], &id(1)).workspace_rid;

    assert_eq!(of(&[(Inv::AccessConnector, &refers(&[""]))]), Some(lower(WORKSPACE)));
    assert_eq!(of(&[(Inv::AccessConnector, &refers(&["", "2"]))]), None);
    assert_eq!(of(&[(Inv::AccessConnector, &refers(&[])), (Inv::Workspace, &linked)]), Some(lower(WORKSPACE)));
    assert_eq!(of(&[(Inv::AccessConnector, &refers(&["2"])), (Inv::Workspace, &linked)]), None);
}

#[test]
fn writes_in_the_log_tell_of_managed_groups_but_not_that_there_are_no_others() {
    let body = format!(r#"{{"Properties":{{"ManagedResourceGroupId":"{MANAGED}"}}}}"#);
    let mut tape = Tape::new();
    tape.parse(body.as_bytes()).unwrap();
    let mut inventory = Inventory::default();
    inventory.add_from_log(&lower(WORKSPACE), tape.root(&body).unwrap(), BodyFrom::Request);
    let (first, second) = (id(1), id(2));
    let inside = lower(&user_assigned(MANAGED, "dbmanagedidentity"));
    let outside = lower(&user_assigned("/subscriptions/s1/resourceGroups/x", "dbmanagedidentity"));
    let seen =
        [Observation { mirid: Some(&inside), ..seen(&first) }, Observation { mirid: Some(&outside), ..seen(&second) }];

    let classifier = Classifier::build(inventory, &evidence(&seen));

    assert_verdict(classifier.by_object_id(&first).unwrap(), Stream::Dbmi, Kind::Uami, 0.97, "P8");
    assert_verdict(classifier.by_object_id(&second).unwrap(), Stream::Dbmi, Kind::Uami, 0.9, "P9");
}

#[test]
fn a_connectors_write_in_the_log_gives_its_identity() {
    let body = connector(CONNECTOR, 1);
    let mut tape = Tape::new();
    tape.parse(body.as_bytes()).unwrap();
    let mut inventory = Inventory::default();
    inventory.add_from_log(&lower(CONNECTOR), tape.root(&body).unwrap(), BodyFrom::Response);
    let site = "/subscriptions/s1/resourcegroups/rg/providers/microsoft.web/sites/x";
    inventory.add_from_log(site, tape.root(&body).unwrap(), BodyFrom::Response);

    let classifier = Classifier::build(inventory, &Evidence::default());

    assert_verdict(classifier.by_object_id(&id(1)).unwrap(), Stream::Adac, Kind::AdacSystem, 1.0, "P1");
}

/// Whoever may write a connector could else make the workspace's identity look like one.
#[test]
fn a_request_does_not_say_which_object_ids_identities_have() {
    let uami = user_assigned("/subscriptions/s1/resourceGroups/rg", "u1");
    let requests = [
        (CONNECTOR, connector(CONNECTOR, 1)),
        (CONNECTOR, with_user_assigned(CONNECTOR, &uami, 1, 2)),
        (WORKSPACE, format!(r#"{{"storageAccountIdentity":{{"principalId":"{}"}}}}"#, id(1))),
        (WORKSPACE, format!(r#"{{"managedDiskIdentity":{{"principalId":"{}"}}}}"#, id(1))),
    ];
    for (resource, body) in requests {
        let mut tape = Tape::new();
        tape.parse(body.as_bytes()).unwrap();
        let object = id(1);
        let stream_of = |from| {
            let mut inventory = Inventory::default();
            inventory.add_from_log(&lower(resource), tape.root(&body).unwrap(), from);
            let secret = Observation { secret_bearing: true, ..seen(&object) };
            Classifier::build(inventory, &evidence(&[secret])).by_object_id(&object).unwrap().stream
        };

        assert_eq!(stream_of(BodyFrom::Request), Stream::Other, "{body}");
        assert!(matches!(stream_of(BodyFrom::Response), Stream::Adac | Stream::Dbmi), "{body}");
    }
}

#[test]
fn a_workspace_that_an_export_lists_goes_before_one_that_only_the_log_knew() {
    let uami = user_assigned(MANAGED, "dbmanagedidentity");
    let records = [(Inv::Workspace, &*workspace()), (Inv::UserAssignedIdentity, &*identity(&uami, 1, 2))];
    let mut inventory = inventory(&records);
    let body = format!(r#"{{"properties":{{"managedResourceGroupId":"{MANAGED}"}}}}"#);
    let mut tape = Tape::new();
    tape.parse(body.as_bytes()).unwrap();
    inventory.add_from_log(&lower(&format!("{WORKSPACE}-old")), tape.root(&body).unwrap(), BodyFrom::Request);

    let classifier = Classifier::build(inventory, &Evidence::default());

    assert_eq!(classifier.by_object_id(&id(1)).unwrap().workspace_rid, Some(lower(WORKSPACE)));
}

#[test]
fn an_assignee_may_be_given_by_its_client_id() {
    let classifier = Classifier::build(
        inventory(&[(Inv::ServicePrincipal, &service_principal(CONNECTOR, 1, 2))]),
        &Evidence::default(),
    );

    assert_eq!(classifier.by_object_id(&id(2)), classifier.by_object_id(&id(1)));
    assert_eq!(classifier.by_object_id(&id(3)), None);
}

#[test]
fn the_list_of_identities_is_sorted_and_names_everyone_once() {
    let (second, client) = (id(2), id(0xc));
    let observations = [
        Observation { app_id: Some(&client), ..signed_in(&second, "app") },
        Observation { token_kind: TokenKind::User, principal_id: None, principal_name: Some("bob@x.y"), ..seen("") },
        // The same principal, by its client id only.
        Observation { source: LogSource::Sql, principal_id: None, app_id: Some(&client), ..seen("") },
    ];
    let classifier =
        Classifier::build(inventory(&[(Inv::AccessConnector, &connector(CONNECTOR, 1))]), &evidence(&observations));

    let listed: Vec<_> = classifier
        .identities()
        .map(|identity| (identity.principal_id, identity.app_id, identity.name, identity.verdict.kind))
        .collect();

    assert_eq!(
        listed,
        [
            (None, None, Some("bob@x.y"), Kind::User),
            (Some(&*id(1)), None, Some("ac"), Kind::AdacSystem),
            (Some(&*second), Some(&*client), Some("app"), Kind::OtherMi),
        ]
    );
}

#[test]
fn identities_of_storage_in_a_managed_group_are_the_workspaces_and_others_elsewhere() {
    let account = |group: &str| format!("{group}/providers/Microsoft.Storage/storageAccounts/a");
    let inside = service_principal(&account(MANAGED), 1, 2);
    let outside = service_principal(&account("/subscriptions/s1/resourceGroups/rg"), 3, 4);
    let records =
        [(Inv::Workspace, &*workspace()), (Inv::ServicePrincipal, &*inside), (Inv::ServicePrincipal, &*outside)];

    assert_verdict(&verdict(&records, &[], &id(1)), Stream::Dbmi, Kind::StorageCmk, 1.0, "P4");
    assert_verdict(&verdict(&records, &[], &id(3)), Stream::Other, Kind::OtherMi, 1.0, "P15");
}
