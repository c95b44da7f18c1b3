//! Where from, how often, in which order, and since when.

use super::{Needs, Plan, Plot, Scene};
use crate::generate::BEGINS;
use crate::generate::event::{Access, Event, Outcome};
use crate::generate::identities::{Principal, Reserve, Resource};
use crate::generate::text::{HOUR, MINUTE, SECOND};

/// The plans of this theme.
pub(super) const PLANS: &[Plan] = &[
    Plan { rule: "identity-unexpected-ip", number: "R41", needs: Needs::Identity, play: unexpected_address },
    Plan { rule: "adac-used-outside-databricks", number: "R42", needs: Needs::Identity, play: outside_databricks },
    Plan { rule: "dbmi-used-outside-cluster", number: "R43", needs: Needs::Inventory, play: outside_cluster },
    Plan {
        rule: "adac-access-without-unity-catalog-event",
        number: "R44",
        needs: Needs::Inventory,
        play: without_unity_catalog,
    },
    Plan { rule: "identity-dual-use", number: "R45", needs: Needs::Identity, play: dual_use },
    Plan { rule: "identity-first-seen-target", number: "R46", needs: Needs::Days(9), play: first_seen_target },
    Plan { rule: "identity-first-seen-operation-class", number: "R47", needs: Needs::Days(9), play: first_seen_class },
    Plan { rule: "identity-dormant-reactivated", number: "R48", needs: Needs::Days(31), play: reactivated },
    Plan { rule: "identity-denied-burst", number: "R49", needs: Needs::Identity, play: denied_burst },
    Plan { rule: "managed-group-deny-assignment-hit", number: "R50", needs: Needs::Inventory, play: deny_assignment },
    Plan { rule: "adac-bulk-delete-or-rewrite", number: "R51", needs: Needs::Identity, play: bulk_delete },
];

/// Deletes of a bulk delete, within ten minutes.
const BULK_DELETES: i64 = 540;
/// An address of the internet.
const PUBLIC: &str = "203.0.113.7";

fn reserve<'t>(scene: &Scene<'_, 't>) -> Option<&'t Reserve> {
    scene.stage.tenant.workspaces.first()?.reserve.as_ref()
}

/// The next ten minutes that begin with the clock's.
fn window(scene: &Scene<'_, '_>) -> i64 {
    scene.at - scene.at.rem_euclid(10 * MINUTE) + SECOND
}

fn read<'t>(scene: &mut Scene<'_, 't>, at: i64, who: &'t Principal, account: &'t Resource) {
    let path = "bronze/orders/part-00001.parquet";
    let request = scene.stage.a_request(at, Access::Token(who), "GetBlob", (account, path));
    scene.play(&Event::Request(request));
}

fn unexpected_address<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let who = &workspace.connector.identity;
    let path = "bronze/orders/part-00001.parquet";
    let mut request = scene.stage.a_request(scene.at, Access::Token(who), "GetBlob", (&workspace.lake, path));
    PUBLIC.clone_into(&mut request.address);
    scene.play(&Event::Request(request));
    Some(Plot::of(who, &workspace.lake.id))
}

/// A SAS of Unity Catalog in a tool that copies.
fn outside_databricks<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let who = &workspace.connector.identity;
    for part in 0..3 {
        let access = Access::DelegationSas(who, "bcstolensastoken23456789".to_owned());
        let path = format!("bronze/customers/part-{part:05}.parquet");
        let mut request = scene.stage.a_request(scene.at + part * SECOND, access, "GetBlob", (&workspace.lake, &path));
        request.agent = "AzCopy/10.27.1 azsdk-go-azblob/v1.4.0 (go1.23; linux)";
        scene.play(&Event::Request(request));
    }
    Some(Plot::of(who, &workspace.lake.id))
}

/// The workspace's identity on a machine that is no cluster's.
fn outside_cluster<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let vault = &scene.stage.tenant.others.hr_vault;
    let mut request =
        scene.stage.a_vault_request(scene.at, &workspace.uami, "SecretGet", (vault, "secrets/payroll-db"));
    request.machine = format!(
        "/subscriptions/{}/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/vm-app-01",
        workspace.subscription
    );
    scene.play(&Event::Vault(request));
    Some(Plot::of(&workspace.uami, &vault.id))
}

/// A delegation key for which Unity Catalog vended nothing: on the eve of the story, for among the
/// work of a busy tenant there is always somebody for whom it vends.
fn without_unity_catalog<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let who = &reserve(scene)?.quiet.identity;
    let workspace = scene.stage.tenant.workspaces.first()?;
    let account = &workspace.lake;
    // The log is on, or its silence would say nothing.
    let parameters = "{\"notebookId\":\"1\"}".to_owned();
    scene.stage.action(BEGINS - 9 * HOUR, workspace, ("notebook", "attachNotebook"), parameters);
    let at = BEGINS - 5 * HOUR + scene.at.rem_euclid(HOUR);
    let request = scene.stage.a_request(at, Access::Token(who), "GetUserDelegationKey", (account, ""));
    scene.play(&Event::Request(request));
    Some(Plot::of(who, &account.id))
}

/// A connector reads its data and, twenty minutes later, makes a virtual machine.
fn dual_use<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let who = &workspace.connector.identity;
    read(scene, scene.at, who, &workspace.lake);
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-hub/providers/Microsoft.Compute/virtualMachines/jump",
        workspace.subscription
    );
    scene.call(20 * MINUTE, who, "Microsoft.Compute/virtualMachines/write", &target);
    Some(Plot::alone(who))
}

fn first_seen_target<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let finance = &scene.stage.tenant.others.finance;
    read(scene, scene.at, &workspace.connector.identity, finance);
    Some(Plot::of(&workspace.connector.identity, &finance.id))
}

fn first_seen_class<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let who = &reserve(scene)?.quiet.identity;
    let account = &scene.stage.tenant.workspaces.first()?.lake;
    let path = "bronze/orders/part-00001.parquet";
    let request = scene.stage.a_request(scene.at, Access::Token(who), "DeleteBlob", (account, path));
    scene.play(&Event::Request(request));
    Some(Plot::of(who, &account.id))
}

fn reactivated<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let who = &reserve(scene)?.idle.identity;
    let account = &scene.stage.tenant.workspaces.first()?.lake;
    read(scene, scene.at, who, account);
    Some(Plot::of(who, &account.id))
}

/// Somebody tries which accounts a connector may read.
fn denied_burst<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let who = &workspace.connector.identity;
    let others = &scene.stage.tenant.others;
    let begin = window(scene);
    for attempt in 0..14 {
        let account = if attempt % 2 == 0 { &others.finance } else { &others.app_account };
        let path = format!("private/part-{attempt}");
        let at = begin + attempt * 10 * SECOND;
        let mut request = scene.stage.a_request(at, Access::Token(who), "GetBlob", (account, &path));
        request.outcome = Outcome::Forbidden;
        scene.play(&Event::Request(request));
    }
    Some(Plot::alone(who))
}

fn deny_assignment<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let what = ("Microsoft.Storage/storageAccounts/listKeys/action", workspace.dbfs.id.as_str());
    let mut call = scene.stage.a_call(scene.at, intruder, what, "");
    call.outcome = Outcome::DenyAssignment;
    scene.play(&Event::Call(call));
    Some(Plot::of(intruder, &workspace.dbfs.id))
}

fn bulk_delete<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let who = &workspace.connector.identity;
    let begin = window(scene);
    for part in 0..BULK_DELETES {
        let path = format!("bronze/customers/part-{part:05}.parquet");
        let request =
            scene.stage.a_request(begin + part * SECOND, Access::Token(who), "DeleteBlob", (&workspace.lake, &path));
        scene.play(&Event::Request(request));
    }
    Some(Plot::of(who, &workspace.lake.id))
}
