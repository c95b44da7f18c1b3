//! Identities of access connectors managing resources.

use super::infra_doing_data::token;
use super::{Needs, Plan, Plot, Scene};
use crate::generate::event::{Audience, Event};
use crate::generate::identities::FileEvents;

/// The plans of this theme.
pub(super) const PLANS: &[Plan] = &[
    Plan { rule: "adac-management-operation", number: "R15", needs: Needs::Identity, play: management },
    Plan { rule: "adac-compute-or-network-change", number: "R16", needs: Needs::Identity, play: network_change },
    Plan { rule: "adac-storage-account-config-change", number: "R17", needs: Needs::Identity, play: account_change },
    Plan { rule: "adac-keys-or-sas-listed", number: "R18", needs: Needs::Identity, play: keys },
    Plan { rule: "adac-role-assignment-write", number: "R19", needs: Needs::Identity, play: role_assignment },
    Plan { rule: "adac-diagnostic-settings-change", number: "R20", needs: Needs::Identity, play: diagnostics },
    Plan { rule: "adac-workspace-or-connector-change", number: "R21", needs: Needs::Identity, play: workspace_change },
    Plan { rule: "adac-keyvault-management", number: "R22", needs: Needs::Identity, play: vault_management },
    Plan { rule: "adac-arm-token", number: "R23", needs: Needs::Inventory, play: arm_token },
    Plan { rule: "adac-unexpected-audience", number: "R24", needs: Needs::Identity, play: graph_token },
];

/// Built-in role Reader.
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

fn management<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-hub/providers/Microsoft.Resources/deployments/jump-host",
        workspace.subscription
    );
    let body = "{\"properties\":{\"mode\":\"Incremental\"}}";
    scene.call_with(0, &workspace.connector.identity, ("Microsoft.Resources/deployments/write", &target), body);
    Some(Plot::of(&workspace.connector.identity, &target))
}

fn network_change<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-hub/providers/Microsoft.Network/networkSecurityGroups/nsg-hub/\
         securityRules/allow-ssh",
        workspace.subscription
    );
    let operation = "Microsoft.Network/networkSecurityGroups/securityRules/write";
    scene.call_with(0, &workspace.connector.identity, (operation, &target), "{\"properties\":{\"access\":\"Allow\"}}");
    Some(Plot::of(&workspace.connector.identity, &target))
}

fn account_change<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let body = "{\"properties\":{\"networkAcls\":{\"defaultAction\":\"Allow\"}}}";
    let what = ("Microsoft.Storage/storageAccounts/write", workspace.lake.id.as_str());
    scene.call_with(0, &workspace.connector.identity, what, body);
    Some(Plot::of(&workspace.connector.identity, &workspace.lake.id))
}

fn keys<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let (workspace, connector) = scene.assigned_connector()?;
    scene.call(0, &connector.identity, "Microsoft.Storage/storageAccounts/listKeys/action", &workspace.lake.id);
    Some(Plot::of(&connector.identity, &workspace.lake.id))
}

fn role_assignment<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let legacy = &scene.stage.tenant.others.legacy;
    let target = scene.grant(&workspace.connector.identity, (legacy, READER, &workspace.lake.id));
    Some(Plot::with(&workspace.connector.identity, &target, legacy))
}

fn diagnostics<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let target = format!("{}/providers/microsoft.insights/diagnosticSettings/archive", workspace.vault.id);
    let body = "{\"properties\":{\"logs\":[{\"category\":\"AuditEvent\",\"enabled\":true}]}}";
    let what = ("Microsoft.Insights/diagnosticSettings/write", target.as_str());
    scene.call_with(0, &workspace.connector.identity, what, body);
    Some(Plot::of(&workspace.connector.identity, &target))
}

fn workspace_change<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let (workspace, connector) = scene.assigned_connector()?;
    scene.call(0, &connector.identity, "Microsoft.Databricks/workspaces/write", &workspace.resource.id);
    Some(Plot::of(&connector.identity, &workspace.resource.id))
}

fn vault_management<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let request =
        scene.stage.a_vault_request(scene.at, &workspace.connector.identity, "VaultPut", (&workspace.vault, ""));
    scene.play(&Event::Vault(request));
    Some(Plot::of(&workspace.connector.identity, &workspace.vault.id))
}

/// Without file events a connector has nothing to manage.
fn arm_token<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let (_, connector) = scene.assigned_connector()?;
    if connector.file_events == FileEvents::On {
        return None;
    }
    Some(token(scene, &connector.identity, Audience::Arm))
}

fn graph_token<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    Some(token(scene, &workspace.connector.identity, Audience::Graph))
}
