//! Honest work: what everybody does day by day, each within their own job.

use super::event::{Access, Audience, Event};
use super::identities::{Connector, FileEvents, Workspace};
use super::stage::{RUNTIME, Stage};
use super::text::{MINUTE, SECOND};

/// A piece of work, and how often it is done among a hundred.
type Work = (u64, for<'t> fn(&mut Stage<'t>, i64, &'t Workspace));

/// All kinds of work. The shares add up to 100.
const WORK: &[Work] = &[
    (44, read_governed_data),
    (14, read_dbfs_root),
    (8, provision_nodes),
    (5, read_secret_scope),
    (6, unwrap_keys),
    (4, take_monitor_tokens),
    (3, query_database),
    (3, work_as_people),
    (6, work_of_bystanders),
    (2, deploy),
    (2, connector_takes_tokens),
    (1, keep_file_events),
    (1, grant_through_pim),
    (1, write_diagnostics),
];

/// Plays one piece of work of one workspace.
pub(super) fn work<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let mut drawn = stage.random.below(WORK.iter().map(|(share, _)| share).sum());
    for (share, play) in WORK {
        if drawn < *share {
            return play(stage, at, workspace);
        }
        drawn -= share;
    }
}

/// Lets every identity of a workspace do once what it does every day.
pub(super) fn morning<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    take_monitor_tokens(stage, at, workspace);
    provision_nodes(stage, at + SECOND, workspace);
    unwrap_keys(stage, at + 2 * SECOND, workspace);
    for connector in workspace.connectors() {
        read_with(stage, at + 3 * SECOND, workspace, connector);
    }
    read_secret_scope(stage, at + 9 * SECOND, workspace);
    work_as_people(stage, at + 10 * SECOND, workspace);
}

/// Lets everybody who belongs to no workspace do once what they do every day.
pub(super) fn morning_of_bystanders(stage: &mut Stage<'_>, at: i64) {
    let others = &stage.tenant.others;
    stage.sign_in(at, &others.admin, Audience::Arm);
    stage.sign_in(at, &others.tester, Audience::Databricks);
    stage.storage(at + SECOND, &others.tester, "GetBlob", (&others.app_account, "uploads/tested.csv"));
    stage.sign_in(at, &others.terraform, Audience::Arm);
    stage.sign_in(at, &others.legacy, Audience::Storage);
    stage.storage(at + SECOND, &others.legacy, "GetBlob", (&others.app_account, "exports/orders.csv"));
    for lookalike in &others.lookalikes {
        stage.sign_in(at + SECOND, lookalike, Audience::Storage);
        stage.storage(at + 2 * SECOND, lookalike, "PutBlob", (&others.app_account, "backup/state.tar"));
        stage.vault(at + 3 * SECOND, lookalike, "SecretGet", (&others.app_vault, "secrets/connection"));
    }
}

/// Lets the connectors in reserve be seen once.
pub(super) fn morning_of_the_reserve(stage: &mut Stage<'_>, at: i64) {
    for workspace in &stage.tenant.workspaces {
        for connector in workspace.reserve.iter().flat_map(|reserve| [&reserve.quiet, &reserve.idle]) {
            read_with(stage, at, workspace, connector);
        }
    }
}

/// Unity Catalog vends, takes a delegation key, and clusters read with the SAS.
fn read_governed_data<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let count = workspace.more_connectors.len() as u64 + 1;
    let drawn = stage.random.below(count);
    let connector = workspace.connectors().nth(usize::try_from(drawn).unwrap_or(0)).unwrap_or(&workspace.connector);
    read_with(stage, at, workspace, connector);
}

fn read_with<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace, connector: &'t Connector) {
    let table = stage.random.word(&["orders", "customers", "events", "telemetry", "invoices"]);
    stage.action(
        at,
        workspace,
        ("unityCatalog", "generateTemporaryTableCredential"),
        vend(workspace, connector, (table, &stage.tenant.metastore)),
    );
    let who = &connector.identity;
    stage.storage(at + SECOND, who, "GetUserDelegationKey", (&workspace.lake, ""));
    let sas = stage.random.suffix(24);
    let address = stage.cluster_address();
    for part in 0..stage.random.between(2, 7) {
        let path = format!("{}/{table}/part-{:05}.parquet", connector.container, stage.random.below(40_000));
        let operation = stage.random.word(&["GetBlob", "ReadFile", "GetBlobProperties", "ReadFile", "PutBlob"]);
        let access = Access::DelegationSas(who, sas.clone());
        let mut request =
            stage.a_request(at + (2 + part) * SECOND / 2 + SECOND, access, operation, (&workspace.lake, &path));
        request.address.clone_from(&address);
        stage.play(&Event::Request(request));
    }
    if stage.random.below(8) == 0 {
        let path = format!("{}/{table}/_delta_log/{:020}.json", connector.container, stage.random.below(9_000));
        let operation = stage.random.word(&["GetBlob", "DeleteBlob", "ListBlobs"]);
        stage.storage(at + 5 * SECOND, who, operation, (&workspace.lake, &path));
    }
}

/// Parameters of a vending action.
pub(super) fn vend(workspace: &Workspace, connector: &Connector, (table, metastore): (&str, &str)) -> String {
    format!(
        "{{\"credential_id\":\"{}\",\"operation\":\"READ\",\"table_full_name\":\"main.{}.{table}\",\
         \"workspace_id\":\"{}\",\"metastore_id\":\"{metastore}\",\"access_connector_id\":\"{}\"}}",
        connector.credential, connector.container, workspace.number, connector.resource.id
    )
}

/// The DBFS root is reached with the account's key: nobody's name.
fn read_dbfs_root<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    for part in 0..stage.random.between(1, 4) {
        let path = format!("root/FileStore/{}", stage.random.suffix(8));
        let operation = stage.random.word(&["GetBlob", "PutBlob", "GetBlobProperties"]);
        let request = stage.a_request(at + part * SECOND, Access::AccountKey, operation, (&workspace.dbfs, &path));
        stage.play(&Event::Request(request));
    }
}

/// A cluster starts: the resource provider makes machines, the workspace's identity their network.
fn provision_nodes<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let node = stage.random.suffix(8);
    let (group, provider) = (&workspace.managed_group, &stage.tenant.others.resource_provider);
    let parameters = format!("{{\"cluster_id\":\"0504-{node}\"}}");
    stage.action(at, workspace, ("clusters", "start"), parameters);
    let machine = format!("{group}/providers/Microsoft.Compute/virtualMachines/{node}");
    let interface = format!("{group}/providers/Microsoft.Network/networkInterfaces/{node}-nic");
    let body = "{\"location\":\"westeurope\",\"properties\":{\"ipConfigurations\":[{\"name\":\"private\"}]}}";
    stage.call_with(at + SECOND, &workspace.uami, ("Microsoft.Network/networkInterfaces/write", &interface), body);
    if let Some(network) = workspace.network.as_ref().filter(|_| stage.random.below(4) == 0) {
        let subnet = format!("{}/subnets/private", network.id);
        let operation = "Microsoft.Network/virtualNetworks/subnets/join/action";
        stage.call(at + SECOND, &workspace.uami, operation, &subnet);
    }
    let body = "{\"location\":\"westeurope\",\"properties\":{\"hardwareProfile\":{\"vmSize\":\"Standard_D4s_v5\"}}}";
    stage.call_with(at + 2 * SECOND, provider, ("Microsoft.Compute/virtualMachines/write", &machine), body);
    if stage.random.below(3) == 0 {
        stage.call(at + MINUTE, provider, "Microsoft.Compute/virtualMachines/delete", &machine);
        stage.call(at + MINUTE, &workspace.uami, "Microsoft.Network/networkInterfaces/delete", &interface);
    }
    if stage.random.below(12) == 0 {
        let operation = "Microsoft.Storage/storageAccounts/listKeys/action";
        stage.call(at + 3 * SECOND, provider, operation, &workspace.dbfs.id);
    }
}

/// Databricks' application reads the secret that a notebook asks for.
fn read_secret_scope<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let key = stage.random.word(&["jdbc-password", "api-key", "sftp-user"]);
    let parameters = format!("{{\"scope\":\"kv-backed\",\"key\":\"{key}\"}}");
    stage.action(at, workspace, ("secrets", "getSecret"), parameters);
    let application = &stage.tenant.others.azure_databricks;
    stage.vault(at + SECOND, application, "SecretGet", (&workspace.vault, &format!("secrets/{key}")));
}

/// Encryption identities use their key; without one, machines ask for tokens.
fn unwrap_keys<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let Some(keys) = &workspace.encryption else { return take_monitor_tokens(stage, at, workspace) };
    if stage.random.below(6) == 0 {
        stage.sign_in(at, &keys.storage, Audience::KeyVault);
    }
    let key = "keys/dbfs-cmk/0123456789abcdef0123456789abcdef";
    stage.vault(at + SECOND, &keys.storage, "KeyUnwrap", (&keys.vault, key));
    let operation = stage.random.word(&["KeyUnwrap", "KeyWrap", "KeyGet"]);
    stage.vault(at + 2 * SECOND, &keys.disk, operation, (&keys.vault, key));
}

/// The agent on cluster machines asks for tokens of Azure Monitor.
fn take_monitor_tokens<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    stage.sign_in(at, &workspace.uami, Audience::Monitor);
}

/// A warehouse loads a database with the connector's identity.
fn query_database<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let who = &workspace.connector.identity;
    stage.action(
        at,
        workspace,
        ("unityCatalog", "generateTemporaryServiceCredential"),
        vend(workspace, &workspace.connector, ("orders", &stage.tenant.metastore)),
    );
    stage.sign_in(at + SECOND, who, Audience::Sql);
    stage.statement(at + 2 * SECOND, who, &workspace.database, "");
    stage.statement(at + 3 * SECOND, who, &workspace.database, "SELECT order_id FROM dbo.orders");
}

/// People sign in, run notebooks, tag their resources.
fn work_as_people<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let member = &workspace.member;
    stage.sign_in(at, member, Audience::Databricks);
    let parameters = format!("{{\"notebookId\":\"{}\"}}", stage.random.below(1_000_000));
    stage.action(at + SECOND, workspace, ("notebook", "attachNotebook"), parameters);
    if stage.random.below(3) == 0 {
        stage.call(at + 2 * SECOND, member, "Microsoft.Resources/tags/write", &workspace.resource.id);
    }
}

/// Others go about their own business, beside everything above.
fn work_of_bystanders<'t>(stage: &mut Stage<'t>, at: i64, _: &'t Workspace) {
    let others = &stage.tenant.others;
    let Some(lookalike) = stage.random.one_of(&others.lookalikes) else { return };
    match stage.random.below(4) {
        0 => stage.sign_in(at, lookalike, Audience::Storage),
        1 => stage.vault(at, lookalike, "SecretGet", (&others.app_vault, "secrets/connection")),
        2 => stage.storage(at, &others.legacy, "GetBlob", (&others.app_account, "exports/orders.csv")),
        _ => {
            stage.storage(at, lookalike, "GetBlob", (&others.app_account, "backup/state.tar"));
            stage.storage(at + SECOND, lookalike, "PutBlob", (&others.app_account, "backup/state.tar"));
        }
    }
}

/// The pipeline deploys what is not Databricks'.
fn deploy<'t>(stage: &mut Stage<'t>, at: i64, _: &'t Workspace) {
    let others = &stage.tenant.others;
    let group = format!("/subscriptions/{}/resourceGroups/rg-app/providers", others.subscription);
    let deployment = format!("{group}/Microsoft.Resources/deployments/app-{}", stage.random.suffix(6));
    let body = "{\"properties\":{\"mode\":\"Incremental\"}}";
    stage.call_with(at, &others.terraform, ("Microsoft.Resources/deployments/write", &deployment), body);
    let (site, restart) = (format!("{group}/Microsoft.Web/sites/web-app"), "Microsoft.Web/sites/restart/action");
    stage.call(at + 2 * SECOND, &others.admin, restart, &site);
}

/// Connectors ask for the tokens that they use.
fn connector_takes_tokens<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    for connector in workspace.connectors() {
        stage.sign_in(at, &connector.identity, Audience::Storage);
    }
}

/// Unity Catalog keeps its subscription to changes alive, with the connector's identity.
fn keep_file_events<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let connector = &workspace.connector;
    if connector.file_events == FileEvents::Off {
        return read_governed_data(stage, at, workspace);
    }
    let subscription =
        format!("{}/providers/Microsoft.EventGrid/eventSubscriptions/dbx-{}", workspace.lake.id, connector.container);
    let body = "{\"properties\":{\"destination\":{\"endpointType\":\"StorageQueue\"}}}";
    let what = ("Microsoft.EventGrid/eventSubscriptions/write", subscription.as_str());
    stage.call_with(at, &connector.identity, what, body);
    let queue = "dbx-events/messages";
    let access = Access::Token(&connector.identity);
    let mut request = stage.a_request(at + 10 * SECOND, access, "GetMessages", (&workspace.lake, queue));
    request.agent = RUNTIME;
    stage.play(&Event::Request(request));
}

/// Role assignment of a container, through Privileged Identity Management.
fn grant_through_pim<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let connector = &workspace.connector;
    let scope = format!("{}/blobServices/default/containers/{}", workspace.lake.id, connector.container);
    let role = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
    let pim = &stage.tenant.others.pim;
    stage.grant(at, pim, (&connector.identity, role, &scope));
    if let Some(keys) = &workspace.encryption {
        let role = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
        stage.grant(at + SECOND, pim, (&keys.storage, role, &keys.vault.id));
    }
}

/// Diagnostics of the workspace, all categories on: its own identity's job.
fn write_diagnostics<'t>(stage: &mut Stage<'t>, at: i64, workspace: &'t Workspace) {
    let setting = format!("{}/providers/microsoft.insights/diagnosticSettings/logs", workspace.resource.id);
    let body = "{\"properties\":{\"logs\":[{\"category\":\"unityCatalog\",\"enabled\":true},\
                {\"category\":\"secrets\",\"enabled\":true}]}}";
    stage.call_with(at, &workspace.uami, ("Microsoft.Insights/diagnosticSettings/write", &setting), body);
}
