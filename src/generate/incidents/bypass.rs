//! Ways past both kinds of identity: secrets, keys, people, open networks, the watch taken off.
//!
//! A gap in the logs (R60) has no plan: it would take away what other incidents are found by.

use super::{Needs, Plan, Plot, Scene};
use crate::generate::event::{Access, Action, Audience, Event, SignIn};
use crate::generate::text::{MINUTE, SECOND};

/// The plans of this theme.
pub(super) const PLANS: &[Plan] = &[
    Plan { rule: "sp-secret-data-access", number: "R52", needs: Needs::Inventory, play: secret_data_access },
    Plan {
        rule: "databricks-storage-credential-uses-sp",
        number: "R53",
        needs: Needs::Identity,
        play: credential_of_application,
    },
    Plan {
        rule: "shared-key-or-account-sas-on-governed-storage",
        number: "R54",
        needs: Needs::Inventory,
        play: shared_key,
    },
    Plan { rule: "anonymous-access-to-governed-storage", number: "R55", needs: Needs::Inventory, play: anonymous },
    Plan { rule: "user-direct-data-access", number: "R56", needs: Needs::Inventory, play: user_reads },
    Plan {
        rule: "storage-or-vault-public-network-opened",
        number: "R57",
        needs: Needs::Inventory,
        play: network_opened,
    },
    Plan { rule: "shared-key-access-reenabled", number: "R58", needs: Needs::Inventory, play: keys_enabled },
    Plan { rule: "diagnostic-settings-removed", number: "R59", needs: Needs::Identity, play: diagnostics_removed },
    Plan { rule: "notebook-imds-identity-use", number: "R61", needs: Needs::Inventory, play: token_after_start },
    Plan {
        rule: "global-init-script-or-secret-scope-change",
        number: "R62",
        needs: Needs::Identity,
        play: init_script,
    },
];

const DATA: &str = "bronze/customers/part-00001.parquet";

fn secret_data_access<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let legacy = &scene.stage.tenant.others.legacy;
    governed_read(scene, Access::Token(legacy))?;
    Some(Plot::of(legacy, &scene.workspace()?.lake.id))
}

fn shared_key<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    governed_read(scene, Access::AccountKey)?;
    Some(Plot::nobody(&scene.workspace()?.lake.id))
}

fn anonymous<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    governed_read(scene, Access::Anonymous)?;
    Some(Plot::nobody(&scene.workspace()?.lake.id))
}

fn user_reads<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let intruder = &scene.stage.tenant.others.intruder;
    governed_read(scene, Access::Token(intruder))?;
    Some(Plot::of(intruder, &scene.workspace()?.lake.id))
}

fn governed_read<'t>(scene: &mut Scene<'_, 't>, access: Access<'t>) -> Option<()> {
    let workspace = scene.workspace()?;
    let mut request = scene.stage.a_request(scene.at, access, "GetBlob", (&workspace.lake, DATA));
    request.agent = "azsdk-python-storage-blob/12.19.0";
    scene.play(&Event::Request(request));
    Some(())
}

fn credential_of_application<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let parameters = "{\"name\":\"old-way\",\"azure_service_principal\":\"{\\\"directory_id\\\":\\\"t\\\",\
                      \\\"application_id\\\":\\\"a\\\",\\\"client_secret\\\":\\\"REDACTED\\\"}\"}";
    member_acts(scene, ("unityCatalog", "createStorageCredential"), parameters)
}

fn init_script<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let parameters = "{\"name\":\"setup\",\"position\":\"0\",\"enabled\":\"true\"}";
    member_acts(scene, ("globalInitScripts", "create"), parameters)
}

fn member_acts<'t>(
    scene: &mut Scene<'_, 't>,
    (service, action): (&'static str, &'static str),
    parameters: &str,
) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let (at, who, parameters) = (scene.at, workspace.member.name.as_str(), parameters.to_owned());
    scene.play(&Event::Action(Action { at, workspace, who, service, name: action, parameters }));
    Some(Plot::of(&workspace.member, &workspace.resource.id))
}

fn network_opened<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    account_written(
        scene,
        "{\"properties\":{\"publicNetworkAccess\":\"Enabled\",\"networkAcls\":{\"defaultAction\":\"Allow\"}}}",
    )
}

fn keys_enabled<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    account_written(scene, "{\"properties\":{\"allowSharedKeyAccess\":true}}")
}

fn account_written<'t>(scene: &mut Scene<'_, 't>, body: &str) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let what = ("Microsoft.Storage/storageAccounts/write", workspace.lake.id.as_str());
    scene.call_with(0, intruder, what, body);
    Some(Plot::of(intruder, &workspace.lake.id))
}

fn diagnostics_removed<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let intruder = &scene.stage.tenant.others.intruder;
    let target = format!("{}/providers/microsoft.insights/diagnosticSettings/archive", workspace.lake.id);
    scene.call(SECOND, intruder, "Microsoft.Insights/diagnosticSettings/delete", &target);
    Some(Plot::of(intruder, &target))
}

/// A cluster starts, and its machine's identity asks for what clusters do not need.
fn token_after_start<'t>(scene: &mut Scene<'_, 't>) -> Option<Plot<'t>> {
    let workspace = scene.workspace()?;
    let parameters = "{\"cluster_id\":\"0504-borrowed\"}".to_owned();
    scene.play(&Event::Action(Action {
        at: scene.at,
        workspace,
        who: &workspace.member.name,
        service: "clusters",
        name: "start",
        parameters,
    }));
    let (address, federated_credential) = (String::new(), String::new());
    let (at, who, audience) = (scene.at + 10 * MINUTE, &workspace.uami, Audience::Storage);
    scene.play(&Event::SignIn(SignIn { at, who, audience, address, federated_credential }));
    Some(Plot::with(who, &workspace.resource.id, &workspace.member))
}
