//! What is done to identities of Databricks, or in their name.

use super::{Needs, Plan, Plot, Scene};
use crate::generate::event::{Action, Audience, Event, Outcome, SignIn};
use crate::generate::story::vend;
use crate::generate::text::{MINUTE, SECOND};

/// The plans of this theme.
pub(super) const PLANS: &[Plan] = &[
    Plan { rule: "adac-identity-attached-elsewhere", number: "R33", needs: Needs::Inventory, play: attached_elsewhere },
    Plan { rule: "dbmi-identity-attached-by-non-databricks", number: "R34", needs: Needs::Inventory, play: attached },
    Plan {
        rule: "federated-credential-on-databricks-identity",
        number: "R35",
        needs: Needs::Inventory,
        play: federated_credential,
    },
    Plan { rule: "access-connector-identity-changed", number: "R36", needs: Needs::Inventory, play: identity_changed },
    Plan {
        rule: "access-connector-created-outside-expected",
        number: "R37",
        needs: Needs::Identity,
        play: connector_created,
    },
    Plan { rule: "adac-shared-by-workspaces", number: "R38", needs: Needs::Inventory, play: shared },
    Plan { rule: "dbmi-name-impersonation", number: "R39", needs: Needs::Inventory, play: impersonation },
    Plan { rule: "unknown-databricks-identity", number: "R40", needs: Needs::Inventory, play: unknown_identity },
];

const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// A connector's identity is given to a machine.
fn attached_elsewhere<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let (workspace, connector) = scene.assigned_connector()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let identity = &connector.identity;
    scene.call(0, intruder, ASSIGN, &identity.arm_id);
    let machine = format!(
        "/subscriptions/{}/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/vm-app-02",
        workspace.subscription
    );
    let body = format!(
        "{{\"identity\":{{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{{\"{}\":{{}}}}}}}}",
        identity.arm_id
    );
    scene.call_with(4 * SECOND, intruder, ("Microsoft.Compute/virtualMachines/write", &machine), &body);
    Some(Plot::with(intruder, &identity.arm_id, identity))
}

fn attached<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    scene.call(0, intruder, ASSIGN, &workspace.uami.arm_id);
    Some(Plot::with(intruder, &workspace.uami.arm_id, &workspace.uami))
}

/// An issuer elsewhere may speak for a connector.
fn federated_credential<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let (_, connector) = scene.assigned_connector()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let target = format!("{}/federatedIdentityCredentials/build", connector.identity.arm_id);
    let body = "{\"properties\":{\"issuer\":\"https://issuer.example/\",\"subject\":\"repo\",\
                \"audiences\":[\"api://AzureADTokenExchange\"]}}";
    let operation = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write";
    scene.call_with(0, intruder, (operation, &target), body);
    scene.play(&Event::SignIn(SignIn {
        at: scene.at + 5 * MINUTE,
        who: &connector.identity,
        audience: Audience::Storage,
        address: String::new(),
        federated_credential: "fed00000-0000-4000-8000-000000000001".to_owned(),
    }));
    Some(Plot::with(intruder, &target, &connector.identity))
}

fn identity_changed<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let connector = &workspace.connector;
    let body = "{\"location\":\"westeurope\",\"identity\":{\"type\":\"None\"}}";
    let what = ("Microsoft.Databricks/accessConnectors/write", connector.resource.id.as_str());
    scene.call_with(0, intruder, what, body);
    Some(Plot::with(intruder, &connector.resource.id, &connector.identity))
}

fn connector_created<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let target = format!(
        "/subscriptions/{}/resourceGroups/rg-sandbox/providers/Microsoft.Databricks/accessConnectors/ac-sandbox",
        workspace.subscription
    );
    let body = "{\"location\":\"westeurope\",\"identity\":{\"type\":\"SystemAssigned\"}}";
    let what = ("Microsoft.Databricks/accessConnectors/write", target.as_str());
    let mut call = scene.stage.a_call(scene.at, intruder, what, body);
    call.outcome = Outcome::Created;
    scene.play(&Event::Call(call));
    Some(Plot::of(intruder, &target))
}

/// Another workspace reads with this one's connector.
fn shared<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let tenant = scene.stage.tenant;
    let other = tenant.workspaces.iter().find(|other| other.number != workspace.number).unwrap_or(workspace);
    for (after, place) in [(0, workspace), (MINUTE, other)] {
        let parameters = vend(place, &workspace.connector, ("orders", &tenant.metastore));
        scene.play(&Event::Action(Action {
            at: scene.at + after,
            workspace: place,
            who: &place.member.name,
            service: "unityCatalog",
            name: "generateTemporaryTableCredential",
            parameters,
        }));
    }
    Some(Plot::of(&workspace.connector.identity, &workspace.connector.resource.id))
}

/// Somebody names an identity as workspaces name theirs.
#[expect(clippy::unnecessary_wraps, reason = "a plan may lack its cast; this one never does")]
fn impersonation<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let others = &scene.stage.tenant.others;
    let operation = "Microsoft.ManagedIdentity/userAssignedIdentities/write";
    scene.call(0, &others.intruder, operation, &others.impostor.arm_id);
    let (address, federated_credential) = (String::new(), String::new());
    let (at, audience) = (scene.at + 5 * MINUTE, Audience::Storage);
    scene.play(&Event::SignIn(SignIn { at, who: &others.impostor, audience, address, federated_credential }));
    Some(Plot::with(&others.intruder, &others.impostor.arm_id, &others.impostor))
}

/// A connector that no export of connectors lists.
#[expect(clippy::unnecessary_wraps, reason = "a plan may lack its cast; this one never does")]
fn unknown_identity<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let others = &scene.stage.tenant.others;
    let request =
        scene.stage.a_vault_request(scene.at, &others.shadow, "SecretGet", (&others.app_vault, "secrets/partner"));
    scene.play(&Event::Vault(request));
    Some(Plot::of(&others.shadow, &others.app_vault.id))
}
