//! Who acts beside the workspaces: Microsoft's applications, people, automation, and identities
//! whose names mislead.

use super::{Nature, Principal, Random, Resource, Stream};

/// Application id of `AzureDatabricks`, the same in every tenant.
const AZURE_DATABRICKS: &str = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";
/// Application id of `Databricks Resource Provider`.
const RESOURCE_PROVIDER: &str = "d9327919-6775-4843-9037-3fb0fb0473cb";
/// Application id of `MS-PIM`.
const PIM: &str = "01fc33a7-78ba-4d2f-a4b7-768e336e890e";
/// Application id of the Azure command line.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// The connector that nobody registered.
pub(super) const SHADOW: &str = "ac-shadow";

/// Everybody who is no identity of one workspace.
#[derive(Debug)]
pub(in crate::generate) struct Bystanders {
    /// Subscription of what all share.
    pub(in crate::generate) subscription: String,
    /// The application that reads secret scopes.
    pub(in crate::generate) azure_databricks: Principal,
    /// The application that provisions.
    pub(in crate::generate) resource_provider: Principal,
    /// Privileged Identity Management.
    pub(in crate::generate) pim: Principal,
    /// Administrators of the platform.
    pub(in crate::generate) admin: Principal,
    /// A user whose address begins as the workspace identities are called.
    pub(in crate::generate) tester: Principal,
    /// Somebody who does in incidents what people should not.
    pub(in crate::generate) intruder: Principal,
    /// Deploys by federation.
    pub(in crate::generate) terraform: Principal,
    /// An old application with a secret.
    pub(in crate::generate) legacy: Principal,
    /// Identities of nothing to do with Databricks, some named as if they had.
    pub(in crate::generate) lookalikes: Vec<Principal>,
    /// Serves incidents about a name: called `dbmanagedidentity`, in no managed group.
    pub(in crate::generate) impostor: Principal,
    /// A connector in a subscription that nobody exported.
    pub(in crate::generate) shadow: Principal,
    /// Account of applications: nobody's governed data.
    pub(in crate::generate) app_account: Resource,
    /// Vault of applications.
    pub(in crate::generate) app_vault: Resource,
    /// A vault that no workspace has any business with.
    pub(in crate::generate) hr_vault: Resource,
    /// Ledger data, no workspace's.
    pub(in crate::generate) finance: Resource,
}

impl Bystanders {
    /// Casts them.
    pub(super) fn cast(random: &mut Random, subscription: &str) -> Self {
        let root = format!("/subscriptions/{subscription}/resourceGroups");
        let dbmi = (Stream::Dbmi, "first_party");
        let application = (Stream::Other, "service_principal");
        let resource = |group: &str, kind: &str, name: &str| Resource::new(&format!("{root}/{group}"), kind, name);
        let (accounts, vaults) = ("Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults");
        Self {
            subscription: subscription.to_owned(),
            azure_databricks: Principal::new(random, "AzureDatabricks", dbmi, Nature::FirstParty)
                .through(AZURE_DATABRICKS),
            resource_provider: Principal::new(random, "Databricks Resource Provider", dbmi, Nature::FirstParty)
                .through(RESOURCE_PROVIDER),
            pim: Principal::new(random, "MS-PIM", application, Nature::FirstParty).through(PIM),
            admin: person(random, "maya.lindqvist@contoso.example"),
            tester: person(random, "dbmanagedidentity.tester@contoso.example"),
            intruder: person(random, "robin.hale@contoso.example"),
            terraform: Principal::new(random, "sp-terraform", application, Nature::Federated),
            legacy: Principal::new(random, "sp-legacy-etl", application, Nature::Secret),
            lookalikes: lookalikes(random, &root),
            impostor: assigned(random, &format!("{root}/rg-legacy-app"), "dbmanagedidentity"),
            shadow: shadow(random),
            app_account: resource("rg-app", accounts, "stappcontoso"),
            app_vault: resource("rg-app", vaults, "kv-app-contoso"),
            hr_vault: resource("rg-hr", vaults, "kv-hr-contoso"),
            finance: resource("rg-finance", accounts, "stfinancecontoso"),
        }
    }

    /// All of them.
    pub(super) fn principals(&self) -> impl Iterator<Item = &Principal> {
        [
            &self.azure_databricks,
            &self.resource_provider,
            &self.pim,
            &self.admin,
            &self.tester,
            &self.intruder,
            &self.terraform,
            &self.legacy,
            &self.impostor,
            &self.shadow,
        ]
        .into_iter()
        .chain(&self.lookalikes)
    }
}

fn person(random: &mut Random, mail: &str) -> Principal {
    Principal::new(random, mail, (Stream::Other, "user"), Nature::User).through(AZURE_CLI)
}

fn assigned(random: &mut Random, group: &str, name: &str) -> Principal {
    let arm_id = Resource::new(group, "Microsoft.ManagedIdentity/userAssignedIdentities", name).id;
    Principal::new(random, name, (Stream::Other, "other_mi"), Nature::Assigned).of(arm_id)
}

fn shadow(random: &mut Random) -> Principal {
    let group = format!("/subscriptions/{}/resourceGroups/rg-shadow", random.guid());
    let resource = Resource::new(&group, "Microsoft.Databricks/accessConnectors", SHADOW);
    Principal::new(random, SHADOW, (Stream::Adac, "adac_system"), Nature::System).of(resource.id)
}

/// Managed identities that are not what they sound like.
fn lookalikes(random: &mut Random, root: &str) -> Vec<Principal> {
    let mut all: Vec<Principal> = [
        ("rg-backup", "dbmanagedidentity-backup"),
        ("databricks-rg-archive", "dbmanagedidentity2"),
        ("rg-tools", "unity-catalog-access-connector-sync"),
        ("rg-app", "id-accessconnectors-inventory"),
    ]
    .iter()
    .map(|(group, name)| assigned(random, &format!("{root}/{group}"), name))
    .collect();
    for (kind, name) in [
        ("Microsoft.Compute/virtualMachines", "databricks-gateway-vm"),
        ("Microsoft.Web/sites", "func-access-connector"),
        ("Microsoft.DataFactory/factories", "adf-contoso"),
    ] {
        let resource = Resource::new(&format!("{root}/rg-app"), kind, name);
        all.push(Principal::new(random, name, (Stream::Other, "other_mi"), Nature::System).of(resource.id));
    }
    all
}
