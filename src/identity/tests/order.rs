//! Neither the order of records nor how they are spread over parts, nor reading one twice, may
//! change anything.

use super::*;
use crate::format::InventoryKind as Inv;

/// A small generator of permutations: the same ones in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

fn records() -> Vec<(Inv, String)> {
    let shared = user_assigned("/subscriptions/s1/resourceGroups/rg", "shared");
    vec![
        (Inv::Workspace, workspace()),
        (Inv::Workspace, workspace().replace("databricks-rg-ws", "databricks-rg-other")),
        (Inv::AccessConnector, connector(CONNECTOR, 1)),
        (Inv::AccessConnector, connector(CONNECTOR, 2)),
        (Inv::AccessConnector, with_user_assigned(&CONNECTOR.replace("/ac", "/ac3"), &shared, 3, 0xc3)),
        (
            Inv::OtherResource,
            with_user_assigned("/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Web/sites/w", &shared, 3, 0xc3),
        ),
        (Inv::UserAssignedIdentity, identity(&user_assigned(MANAGED, "dbmanagedidentity"), 4, 0xc4)),
        (Inv::ServicePrincipal, service_principal(CONNECTOR, 1, 0xc1)),
        (
            Inv::StorageCredential,
            format!(r#"{{"name":"cred","azure_managed_identity":{{"access_connector_id":"{CONNECTOR}"}}}}"#),
        ),
        (
            Inv::ExternalLocation,
            r#"{"url":"abfss://c@acc.dfs.core.windows.net/p","credential_name":"cred","enable_file_events":false}"#
                .to_owned(),
        ),
        (
            Inv::RoleAssignment,
            format!(r#"{{"principalId":"{}","roleDefinitionId":"/x/{}","scope":"/subscriptions/s1"}}"#, id(1), id(0xa)),
        ),
    ]
}

#[test]
fn shuffled_repeated_and_merged_input_gives_equal_tables_and_verdicts() {
    let ids: Vec<String> = (1..9).map(id).collect();
    let clients: Vec<String> = (0xc1..0xc9).map(id).collect();
    let mirid = lower(&user_assigned("/subscriptions/s2/resourceGroups/x", "dbmanagedidentity"));
    let mut observations = Vec::new();
    for (principal, client) in ids.iter().zip(&clients) {
        observations.push(Observation { app_id: Some(client), ..signed_in(principal, "dbmanagedidentity") });
        observations.push(seen_in_storage(principal));
        observations.push(Observation { mirid: Some(&mirid), ..seen(principal) });
        observations.push(Observation { source: LogSource::Sql, principal_id: None, app_id: Some(client), ..seen("") });
    }
    let names: Vec<String> = (0..20).map(|number| format!("name {number}")).collect();
    observations.extend(names.iter().map(|name| signed_in(&ids[7], name)));
    let mut records = records();
    let outcome = |inventory: Inventory, evidence: &Evidence| {
        let classifier = Classifier::build(inventory, evidence);
        let identities: Vec<String> = classifier.identities().map(|identity| format!("{identity:?}")).collect();
        (identities, classifier.side_tables().unwrap())
    };
    let text: Vec<_> = records.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
    let expected = outcome(inventory(&text), &evidence(&observations));
    let mut dice = Dice(7);

    for _ in 0..50 {
        dice.shuffle(&mut records);
        dice.shuffle(&mut observations);
        let (mut left, mut right) = (Inventory::default(), Inventory::default());
        for (kind, text) in &records {
            add(&mut left, *kind, text);
            if dice.below(2) == 0 {
                add(&mut right, *kind, text);
            }
        }
        let cut = dice.below(observations.len());
        let (mut first, second) = (evidence(&observations[cut..]), evidence(&observations[..=cut]));
        right.merge(left);
        first.merge(second);

        assert_eq!(outcome(right, &first), expected);
    }
}
