//! Roles given to identities of Databricks, or about them.

use super::{Needs, Plan, Plot, Scene};

/// The plans of this theme.
pub(super) const PLANS: &[Plan] = &[
    Plan { rule: "dbmi-granted-data-role", number: "R25", needs: Needs::Identity, play: data_role },
    Plan { rule: "dbmi-overprivileged", number: "R26", needs: Needs::Identity, play: overprivileged },
    Plan { rule: "adac-granted-management-role", number: "R27", needs: Needs::Identity, play: management_role },
    Plan { rule: "adac-scope-too-broad", number: "R28", needs: Needs::Identity, play: broad_scope },
    Plan { rule: "adac-excess-data-role", number: "R29", needs: Needs::Identity, play: excess_role },
    Plan { rule: "role-assigned-outside-pim", number: "R30", needs: Needs::Identity, play: outside_pim },
    Plan {
        rule: "role-assignment-inside-managed-rg",
        number: "R31",
        needs: Needs::Inventory,
        play: inside_managed_group,
    },
    Plan {
        rule: "keyvault-access-policy-grants-databricks",
        number: "R32",
        needs: Needs::Identity,
        play: access_policy,
    },
];

/// Built-in role Storage Blob Data Reader.
const BLOB_READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
/// Built-in role Storage Blob Data Contributor.
const BLOB_CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
/// Built-in role Storage Blob Data Owner.
const BLOB_OWNER: &str = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b";
/// Built-in role Contributor.
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";

fn data_role<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let target = scene.grant(intruder, (&workspace.uami, BLOB_READER, &workspace.lake.id));
    Some(Plot::with(&workspace.uami, &target, intruder))
}

fn overprivileged<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let scope = format!("/subscriptions/{}", workspace.subscription);
    let target = scene.grant(intruder, (&workspace.uami, CONTRIBUTOR, &scope));
    Some(Plot::with(&workspace.uami, &target, intruder))
}

fn management_role<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let scope = format!("/subscriptions/{}/resourceGroups/rg-hub", workspace.subscription);
    to_connector(scene, CONTRIBUTOR, &scope)
}

/// The whole group where a container would do.
fn broad_scope<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let (group, _) = workspace.lake.id.split_once("/providers/")?;
    to_connector(scene, BLOB_CONTRIBUTOR, group)
}

fn excess_role<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let scope = container(scene)?;
    to_connector(scene, BLOB_OWNER, &scope)
}

/// The right role, given past Privileged Identity Management.
fn outside_pim<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let scope = container(scene)?;
    to_connector(scene, BLOB_CONTRIBUTOR, &scope)
}

fn container(scene: &Scene<'_, '_>) -> Option<String> {
    let workspace = scene.workspace()?;
    Some(format!("{}/blobServices/default/containers/bronze", workspace.lake.id))
}

fn to_connector<'t>(scene: &mut Scene<'_, 't>, role: &str, scope: &str) -> Option<Plot<'t>> {
    let connector = &scene.workspace()?.connector.identity;
    let intruder = &scene.stage.tenant.others.intruder;
    let target = scene.grant(intruder, (connector, role, scope));
    Some(Plot::with(connector, &target, intruder))
}

fn inside_managed_group<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let others = &scene.stage.tenant.others;
    let target = scene.grant(&others.intruder, (&others.legacy, BLOB_READER, &workspace.dbfs.id));
    Some(Plot::with(&others.intruder, &target, &others.legacy))
}

fn access_policy<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let others = &scene.stage.tenant.others;
    let connector = &workspace.connector.identity;
    let body = format!(
        "{{\"properties\":{{\"accessPolicies\":[{{\"tenantId\":\"{}\",\"objectId\":\"{}\",\
         \"permissions\":{{\"secrets\":[\"get\",\"list\",\"set\",\"delete\"]}}}}]}}}}",
        scene.stage.tenant.id, connector.id
    );
    let target = format!("{}/accessPolicies/add", others.hr_vault.id);
    scene.call_with(0, &others.intruder, ("Microsoft.KeyVault/vaults/accessPolicies/write", &target), &body);
    Some(Plot::with(&others.intruder, &target, connector))
}
