//! The side tables.

use super::*;
use crate::format::InventoryKind as Inv;

fn tables(records: &Records<'_>, observations: &[Observation<'_>]) -> BTreeMap<&'static str, RecordBatch> {
    let classifier = Classifier::build(inventory(records), &evidence(observations));
    classifier.side_tables().unwrap().into_iter().collect()
}

fn all(table: &RecordBatch, columns: &[&str]) -> Vec<Vec<String>> {
    (0..table.num_rows()).map(|row| cells(table, row, columns)).collect()
}

fn location(container: &str, credential: &str, flag: &str) -> String {
    format!(
        r#"{{"name":"l","url":"abfss://{container}@Lake.dfs.core.windows.net/p","credential_name":"{credential}"{flag}}}"#
    )
}

fn credential(name: &str, identity: &str) -> String {
    format!(r#"{{"name":"{name}","azure_managed_identity":{{"access_connector_id":"{CONNECTOR}"{identity}}}}}"#)
}

#[test]
fn without_anything_known_all_tables_are_empty_and_there() {
    let tables = tables(&[], &[]);

    let names: Vec<_> = tables.iter().map(|(name, table)| (*name, table.num_rows())).collect();
    assert_eq!(names, [("allowed_ip", 0), ("connectors", 0), ("governed", 0), ("identities", 0), ("workspaces", 0)]);
}

#[test]
fn a_workspace_is_one_row() {
    let tables = tables(&[(Inv::Workspace, &workspace())], &[]);

    let columns = ["rid", "name", "managed_rg", "dbfs_account", "vnet_id", "uc_enabled", "workspace_id"];
    let network = "/subscriptions/s1/resourcegroups/net/providers/microsoft.network/virtualnetworks/v";
    assert_eq!(
        all(&tables["workspaces"], &columns),
        [[&*lower(WORKSPACE), "ws", &lower(MANAGED), "dbstorageabc", network, "true", "5555555555555555"]]
    );
}

/// 2020-02-20T00:10:29.285843Z: 18,312 days and 629.285843 seconds after 1970.
#[test]
fn a_workspaces_creation_is_in_utc_microseconds() {
    let tables = tables(&[(Inv::Workspace, &workspace())], &[]);

    assert_eq!(all(&tables["workspaces"], &["created"]), [["1582157429285843"]]);
}

#[test]
fn identities_carry_what_rules_join_on() {
    let uami = user_assigned("/subscriptions/s1/resourceGroups/rg", "u1");
    let site = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Web/sites/w";
    let records = [
        (Inv::AccessConnector, &*with_user_assigned(CONNECTOR, &uami, 1, 2)),
        (Inv::OtherResource, &*with_user_assigned(site, &uami, 1, 2)),
    ];

    let tables = tables(&records, &[signed_in(&id(1), "u1")]);

    let columns = ["principal_id", "app_id", "name", "stream", "identity_kind", "confidence", "arm_id", "attached_to"];
    let attached = format!("{}, {}", lower(CONNECTOR), lower(site));
    assert_eq!(
        all(&tables["identities"], &columns),
        [[&*id(1), &id(2), "u1", "adac", "adac_shared", "0.6", &lower(&uami), &attached]]
    );
}

#[test]
fn an_identity_that_nobody_names_has_its_resources_name() {
    let records = [(Inv::AccessConnector, &*with_user_assigned(CONNECTOR, &user_assigned(MANAGED, "U1"), 1, 2))];

    assert_eq!(all(&tables(&records, &[])["identities"], &["principal_id", "name"]), [[&*id(1), "u1"]]);
}

#[test]
fn an_attached_identity_without_an_object_id_is_listed_by_its_arm_id() {
    let uami = user_assigned("/subscriptions/s1/resourceGroups/rg", "u1");
    let record = format!(r#"{{"id":"{CONNECTOR}","identity":{{"userAssignedIdentities":{{"{uami}":{{}}}}}}}}"#);

    let tables = tables(&[(Inv::AccessConnector, &record)], &[]);

    let columns = ["principal_id", "stream", "identity_kind", "arm_id"];
    assert_eq!(all(&tables["identities"], &columns), [["null", "adac", "adac_uami", &*lower(&uami)]]);
}

#[test]
fn a_connector_has_a_row_for_every_identity_and_counts_what_refers_to_it() {
    let record = with_user_assigned(CONNECTOR, &user_assigned("/subscriptions/s1/resourceGroups/rg", "u1"), 1, 0xc1)
        .replace("\"type\":\"UserAssigned\"", &format!("\"principalId\":\"{}\"", id(2)))
        .replacen('{', &format!("{{\"properties\":{{\"referedBy\":[\"{WORKSPACE}\",\"{WORKSPACE}2\"]}},"), 1);

    let tables = tables(&[(Inv::AccessConnector, &record)], &[]);

    let columns = ["rid", "name", "principal_id", "client_id", "refered_by_count", "in_managed_rg", "file_events"];
    let rid = lower(CONNECTOR);
    assert_eq!(
        all(&tables["connectors"], &columns),
        [
            [&*rid, "ac", &*id(1), &*id(0xc1), "2", "false", "null"],
            [&*rid, "ac", &*id(2), "null", "2", "false", "null"],
        ]
    );
}

#[test]
fn file_events_are_known_false_only_when_every_location_says_so() {
    let of = |flags: &[&str]| {
        let (connector, credential) = (connector(CONNECTOR, 1), credential("Cred", ""));
        let mut records = vec![(Inv::AccessConnector, &*connector), (Inv::StorageCredential, &*credential)];
        let locations: Vec<_> =
            flags.iter().enumerate().map(|(number, flag)| location(&format!("c{number}"), "cred", flag)).collect();
        records.extend(locations.iter().map(|location| (Inv::ExternalLocation, &**location)));
        cell(&tables(&records, &[])["connectors"], "file_events", 0)
    };
    let (on, off) = (r#","enable_file_events":true"#, r#","enable_file_events":false"#);

    assert_eq!(of(&[]), "null");
    assert_eq!(of(&[off]), "false");
    assert_eq!(of(&[off, on]), "true");
    assert_eq!(of(&[off, ""]), "null");
    assert_eq!(of(&[r#","enable_file_events":false,"effective_enable_file_events":true"#]), "true");
}

#[test]
fn file_events_of_one_identity_of_a_connector_say_nothing_of_the_other() {
    let uami = user_assigned("/subscriptions/s1/resourceGroups/rg", "u1");
    let named = format!(r#","managed_identity_id":"{uami}""#);
    let record = with_user_assigned(CONNECTOR, &uami, 1, 0xc1)
        .replace("\"type\":\"UserAssigned\"", &format!("\"principalId\":\"{}\"", id(2)));
    let records = [
        (Inv::AccessConnector, &*record),
        (Inv::StorageCredential, &*credential("cred", &named)),
        (Inv::ExternalLocation, &*location("c", "cred", r#","enable_file_events":true"#)),
    ];

    let tables = tables(&records, &[]);

    let rows = all(&tables["connectors"], &["principal_id", "file_events"]);
    assert_eq!(rows, [[&*id(1), "true"], [&*id(2), "null"]]);
    let governed = all(&tables["governed"], &["account", "container", "connector_rid", "principal_id"]);
    assert_eq!(governed, [["lake", "c", &*lower(CONNECTOR), &*id(1)]]);
}

#[test]
fn a_location_is_governed_whatever_is_known_of_its_credential() {
    let tables = tables(&[(Inv::ExternalLocation, &location("c", "nobody", ""))], &[]);

    let governed = all(&tables["governed"], &["account", "container", "connector_rid", "principal_id"]);
    assert_eq!(governed, [["lake", "c", "null", "null"]]);
}

#[test]
fn a_connector_that_only_a_credential_names_gets_its_identity_from_tokens() {
    let (principal, mirid) = (id(1), lower(CONNECTOR));
    let records = [
        (Inv::StorageCredential, &*credential("cred", "")),
        (Inv::ExternalLocation, &*location("c", "cred", r#","enable_file_events":false"#)),
    ];

    let tables = tables(&records, &[Observation { mirid: Some(&mirid), ..seen(&principal) }]);

    let rows = all(&tables["connectors"], &["rid", "principal_id", "file_events"]);
    assert_eq!(rows, [[&*mirid, &*principal, "false"]]);
}

#[test]
fn the_ranges_of_databricks_service_tags_are_allowed_and_no_others() {
    let tags = r#"{"changeNumber":7,"cloud":"Public","values":[
        {"name":"AzureDatabricks.WestEurope","properties":{"addressPrefixes":["20.1.2.0/24","2603:1020::/48","no range"]}},
        {"name":"azuredatabricksserverless","properties":{"addressPrefixes":["20.9.9.9"]}},
        {"name":"AzureCloud","properties":{"addressPrefixes":["20.0.0.0/8"]}},
        {"name":"Azure","properties":{}}]}"#;

    let tables = tables(&[(Inv::ServiceTags, tags)], &[]);

    assert_eq!(
        all(&tables["allowed_ip"], &["cidr_lo", "cidr_hi", "label"]),
        [
            ["00000000000000000000ffff14010200", "00000000000000000000ffff140102ff", "AzureDatabricks.WestEurope"],
            ["00000000000000000000ffff14090909", "00000000000000000000ffff14090909", "azuredatabricksserverless"],
            ["26031020000000000000000000000000", "260310200000ffffffffffffffffffff", "AzureDatabricks.WestEurope"],
        ]
    );
}

#[test]
fn role_assignments_are_kept_with_folded_ids_down_to_the_root_scope() {
    let role = id(0xa).to_uppercase();
    let flat = format!(r#"{{"principalId":"{}","roleDefinitionId":"/x/{role}","scope":"/"}}"#, id(1));
    let nested = format!(
        r#"{{"properties":{{"principalId":"{}","roleDefinitionId":"/x/{role}","scope":"/subscriptions/S1/"}}}}"#,
        id(1)
    );

    let records = [(Inv::RoleAssignment, &*nested), (Inv::RoleAssignment, &*flat), (Inv::RoleAssignment, &*flat)];
    let classifier = Classifier::build(inventory(&records), &Evidence::default());

    let kept: Vec<_> = classifier.role_assignments().map(|kept| (&*kept.role_id, &*kept.scope)).collect();
    assert_eq!(kept, [(&*id(0xa), "/"), (&*id(0xa), "/subscriptions/s1")]);
}
