//! Roles given to identities of Databricks, and the watch taken off.

use super::{Needs, Plan, Plot, Scene};
use crate::generate::event::{Access, Event};
use crate::generate::text::{MINUTE, SECOND};

/// The plans of this theme.
pub(super) const PLANS: &[Plan] = &[
    Plan { rule: "dbmi-granted-data-role", number: "R25", needs: Needs::Identity, play: data_role },
    Plan { rule: "adac-granted-management-role", number: "R27", needs: Needs::Identity, play: management_role },
    Plan { rule: "identity-dual-use", number: "R45", needs: Needs::Identity, play: dual_use },
    Plan { rule: "diagnostic-settings-removed", number: "R59", needs: Needs::Identity, play: diagnostics_removed },
];

/// Built-in role Storage Blob Data Reader.
const BLOB_READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
/// Built-in role Contributor.
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";

fn data_role<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let target = scene.grant(intruder, (&workspace.uami, BLOB_READER, &workspace.lake.id));
    Plot::with(&workspace.uami, &target, intruder)
}

fn management_role<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let scope = format!("/subscriptions/{}/resourceGroups/rg-hub", workspace.subscription);
    let target = scene.grant(intruder, (&workspace.connector.identity, CONTRIBUTOR, &scope));
    Plot::with(&workspace.connector.identity, &target, intruder)
}

/// A connector reads its data and, twenty minutes later, makes a virtual machine.
fn dual_use<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let who = &workspace.connector.identity;
    let path = "bronze/orders/part-00001.parquet";
    let request = scene.stage.a_request(scene.at, Access::Token(who), "GetBlob", (&workspace.lake, path));
    scene.play(&Event::Request(request));
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-hub/providers/Microsoft.Compute/virtualMachines/jump",
        workspace.subscription
    );
    scene.call(20 * MINUTE, who, "Microsoft.Compute/virtualMachines/write", &target);
    Plot::alone(who)
}

fn diagnostics_removed<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let target = format!("{}/providers/microsoft.insights/diagnosticSettings/archive", workspace.lake.id);
    scene.call(SECOND, intruder, "Microsoft.Insights/diagnosticSettings/delete", &target);
    Plot::of(intruder, &target)
}
