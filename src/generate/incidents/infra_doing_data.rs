//! Infrastructure identities of Databricks working with data.

use super::{Needs, Plan, Plot, Scene};
use crate::generate::event::{Access, Audience, Event, SignIn, Statement};
use crate::generate::identities::Principal;
use crate::generate::text::{MINUTE, SECOND};

/// The plans of this theme.
pub(super) const PLANS: &[Plan] = &[
    Plan { rule: "dbmi-storage-data-access", number: "R01", needs: Needs::Identity, play: storage_data_access },
    Plan { rule: "dbmi-storage-outside-creation-window", number: "R02", needs: Needs::Inventory, play: late_container },
    Plan { rule: "dbmi-keyvault-secret-read", number: "R03", needs: Needs::Identity, play: secret_read },
    Plan { rule: "dbmi-firstparty-unlisted-vault", number: "R04", needs: Needs::Inventory, play: unlisted_vault },
    Plan { rule: "dbmi-cmk-identity-misuse", number: "R05", needs: Needs::Identity, play: cmk_misuse },
    Plan { rule: "dbmi-sql-access", number: "R06", needs: Needs::Identity, play: sql_access },
    Plan { rule: "dbmi-data-audience-token", number: "R07", needs: Needs::Identity, play: data_token },
    Plan { rule: "dbmi-graph-token", number: "R08", needs: Needs::Identity, play: graph_token },
    Plan { rule: "dbmi-account-keys-or-sas-listed", number: "R09", needs: Needs::Identity, play: account_keys },
    Plan { rule: "dbmi-user-delegation-key", number: "R10", needs: Needs::Identity, play: delegation_key },
    Plan { rule: "dbmi-service-keys-listed", number: "R11", needs: Needs::Identity, play: service_keys },
    Plan { rule: "dbmi-bulk-read", number: "R12", needs: Needs::Identity, play: bulk_read },
    Plan {
        rule: "dbmi-management-outside-own-scope",
        number: "R13",
        needs: Needs::Inventory,
        play: management_outside_own_scope,
    },
    Plan { rule: "dbmi-command-or-extension-on-vm", number: "R14", needs: Needs::Identity, play: command_on_machine },
];

/// Requests of a bulk read: above the least number that counts as bulk.
const BULK: i64 = 130;

/// A notebook reads the lake with the identity of its machine.
fn storage_data_access<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    for part in 0..5 {
        let path = format!("bronze/orders/part-{part}.parquet");
        let request = scene.stage.a_request(
            scene.at + part * SECOND,
            Access::Token(&workspace.uami),
            "GetBlob",
            (&workspace.lake, &path),
        );
        scene.play(&Event::Request(request));
    }
    Some(Plot::of(&workspace.uami, &workspace.lake.id))
}

/// A container is made in the DBFS root, long after the workspace.
fn late_container<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let request = scene.stage.a_request(
        scene.at,
        Access::Token(&workspace.uami),
        "CreateContainer",
        (&workspace.dbfs, "staging"),
    );
    scene.play(&Event::Request(request));
    Some(Plot::of(&workspace.uami, &workspace.dbfs.id))
}

/// A cluster reads a vault that is none of its business.
fn secret_read<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let vault = &scene.stage.tenant.others.hr_vault;
    for (after, secret) in [(0, "secrets/payroll-db"), (SECOND, "secrets/sftp-key")] {
        let at = scene.at + after;
        let mut request = scene.stage.a_vault_request(at, &workspace.uami, "SecretGet", (vault, secret));
        request.machine = format!("{}/providers/Microsoft.Compute/virtualMachines/driver", workspace.managed_group);
        scene.play(&Event::Vault(request));
    }
    Some(Plot::of(&workspace.uami, &vault.id))
}

/// Databricks' application reads a vault behind no scope.
#[expect(clippy::unnecessary_wraps, reason = "a plan may lack its cast; this one never does")]
fn unlisted_vault<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let others = &scene.stage.tenant.others;
    let request =
        scene.stage.a_vault_request(scene.at, &others.azure_databricks, "SecretSet", (&others.hr_vault, "secrets/new"));
    scene.play(&Event::Vault(request));
    Some(Plot::of(&others.azure_databricks, &others.hr_vault.id))
}

/// The encryption identity reads a secret beside its key.
fn cmk_misuse<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let keys = scene.encrypted_workspace()?.encryption.as_ref()?;
    let request =
        scene.stage.a_vault_request(scene.at, &keys.storage, "SecretGet", (&keys.vault, "secrets/break-glass"));
    scene.play(&Event::Vault(request));
    Some(Plot::of(&keys.storage, &keys.vault.id))
}

/// A cluster logs in to a database with its machine's identity.
fn sql_access<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    for (after, text) in [(0, ""), (2 * SECOND, "SELECT TOP 10 * FROM dbo.customers")] {
        let statement = Statement {
            at: scene.at + after,
            who: &workspace.uami,
            database: &workspace.database,
            text,
            address: scene.stage.cluster_address(),
        };
        scene.play(&Event::Statement(statement));
    }
    Some(Plot::of(&workspace.uami, &workspace.database.id))
}

fn data_token<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    Some(token(scene, &workspace.uami, Audience::Storage))
}

fn graph_token<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    Some(token(scene, &workspace.uami, Audience::Graph))
}

/// A managed identity obtains a token.
pub(super) fn token<'t>(scene: &mut Scene<'_, 't>, who: &'t Principal, audience: Audience) -> Plot<'t> {
    let (address, federated_credential) = (String::new(), String::new());
    scene.play(&Event::SignIn(SignIn { at: scene.at, who, audience, address, federated_credential }));
    Plot::alone(who)
}

fn account_keys<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    scene.call(0, &workspace.uami, "Microsoft.Storage/storageAccounts/listKeys/action", &workspace.lake.id);
    Some(Plot::of(&workspace.uami, &workspace.lake.id))
}

fn delegation_key<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let who = &workspace.uami;
    let request = scene.stage.a_request(scene.at, Access::Token(who), "GetUserDelegationKey", (&workspace.lake, ""));
    scene.play(&Event::Request(request));
    let access = Access::DelegationSas(who, "bcmisusedelegation234567".to_owned());
    let path = "bronze/customers/part-1.parquet";
    let request = scene.stage.a_request(scene.at + MINUTE, access, "GetBlob", (&workspace.lake, path));
    scene.play(&Event::Request(request));
    Some(Plot::of(who, &workspace.lake.id))
}

fn service_keys<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-shop/providers/Microsoft.DocumentDB/databaseAccounts/cosmos-orders",
        workspace.subscription
    );
    scene.call(0, &workspace.uami, "Microsoft.DocumentDB/databaseAccounts/listKeys/action", &target);
    Some(Plot::of(&workspace.uami, &target))
}

/// Ten minutes are enough to copy a table.
fn bulk_read<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let account = &scene.stage.tenant.others.finance;
    // Within one window of ten minutes, wherever these begin.
    let begin = scene.at - scene.at.rem_euclid(10 * MINUTE) + SECOND;
    for part in 0..BULK {
        let path = format!("ledger/2026/part-{part:05}.parquet");
        let access = Access::Token(&workspace.uami);
        let mut request = scene.stage.a_request(begin + part * 3 * SECOND, access, "GetBlob", (account, &path));
        request.bytes = 16 << 20;
        scene.play(&Event::Request(request));
    }
    Some(Plot::of(&workspace.uami, &account.id))
}

fn management_outside_own_scope<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-hub/providers/Microsoft.Network/networkSecurityGroups/nsg-hub",
        workspace.subscription
    );
    let body = "{\"properties\":{\"securityRules\":[]}}";
    scene.call_with(0, &workspace.uami, ("Microsoft.Network/networkSecurityGroups/write", &target), body);
    Some(Plot::of(&workspace.uami, &target))
}

fn command_on_machine<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/vm-app-01",
        workspace.subscription
    );
    scene.call(0, &workspace.uami, "Microsoft.Compute/virtualMachines/runCommand/action", &target);
    Some(Plot::of(&workspace.uami, &target))
}
