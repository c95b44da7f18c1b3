//! A workspace with all that belongs to it.

use super::{Nature, Principal, Random, Resource, Stream};

/// What teams name their workspaces after.
const WORDS: [&str; 16] = [
    "analytics",
    "ml",
    "finance",
    "claims",
    "supply",
    "pricing",
    "risk",
    "genomics",
    "marketing",
    "fleet",
    "energy",
    "retail",
    "fraud",
    "ops",
    "research",
    "reports",
];

/// Application id of the Azure command line.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// An access connector.
#[derive(Debug)]
pub(in crate::generate) struct Connector {
    /// The connector.
    pub(in crate::generate) resource: Resource,
    /// The identity that it acts with.
    pub(in crate::generate) identity: Principal,
    /// A further connector that the same user-assigned identity serves.
    pub(in crate::generate) twin: Option<Resource>,
    /// Id of its storage credential.
    pub(in crate::generate) credential: String,
    /// The container that it governs.
    pub(in crate::generate) container: &'static str,
    /// Whether its external location has file events.
    pub(in crate::generate) file_events: FileEvents,
}

/// Whether Unity Catalog listens to changes of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::generate) enum FileEvents {
    /// It sets up Event Grid and a queue, with the connector's identity.
    On,
    /// It does not.
    Off,
}

/// One workspace.
#[derive(Debug)]
pub(in crate::generate) struct Workspace {
    /// The workspace.
    pub(in crate::generate) resource: Resource,
    /// Number that Databricks gave it.
    pub(in crate::generate) number: String,
    /// Its subscription.
    pub(in crate::generate) subscription: String,
    /// ARM id of its managed resource group.
    pub(in crate::generate) managed_group: String,
    /// The account of its DBFS root.
    pub(in crate::generate) dbfs: Resource,
    /// The network that it was put into, where it has not its own.
    pub(in crate::generate) network: Option<Resource>,
    /// `dbmanagedidentity`.
    pub(in crate::generate) uami: Principal,
    /// Encryption identities of storage and disks, with the vault of their key.
    pub(in crate::generate) encryption: Option<Encryption>,
    /// The connector that a person made for it.
    pub(in crate::generate) connector: Connector,
    /// Further connectors: with a user-assigned identity, or made by Unity Catalog itself.
    pub(in crate::generate) more_connectors: Vec<Connector>,
    /// Connectors that take part in nothing but incidents: of the first workspace only.
    pub(in crate::generate) reserve: Option<Reserve>,
    /// The account of the team's governed data.
    pub(in crate::generate) lake: Resource,
    /// The vault behind its secret scope.
    pub(in crate::generate) vault: Resource,
    /// A database that the team loads.
    pub(in crate::generate) database: Resource,
    /// A member of the team.
    pub(in crate::generate) member: Principal,
}

/// Connectors without everyday work.
#[derive(Debug)]
pub(in crate::generate) struct Reserve {
    /// Introduces itself, then does nothing by itself.
    pub(in crate::generate) quiet: Connector,
    /// The same; for an incident whose point is that it did nothing.
    pub(in crate::generate) idle: Connector,
}

/// Customer-managed keys of a workspace.
#[derive(Debug)]
pub(in crate::generate) struct Encryption {
    /// `storageAccountIdentity`.
    pub(in crate::generate) storage: Principal,
    /// The disk encryption set's.
    pub(in crate::generate) disk: Principal,
    /// The vault of the key.
    pub(in crate::generate) vault: Resource,
}

impl Workspace {
    /// Casts workspace `number` of the tenant. The first has everything that one can have.
    pub(super) fn cast(random: &mut Random, subscription: &str, number: usize) -> Self {
        let word = WORDS.iter().cycle().nth(number % WORDS.len()).copied().unwrap_or("data");
        let label = format!("{word}-{number:03}");
        let name = format!("ws-{label}");
        let root = format!("/subscriptions/{subscription}/resourceGroups");
        let group = format!("{root}/rg-{label}");
        let managed_group = format!("{root}/{}", managed_group_name(random, &label));
        let resource = Resource::new(&group, "Microsoft.Databricks/workspaces", &name);
        let (accounts, network) = ("Microsoft.Storage/storageAccounts", "Microsoft.Network/virtualNetworks");
        let encryption = number.is_multiple_of(3).then(|| Encryption::cast(random, &resource, &managed_group, &root));
        let member = format!("member.{word}{number}@contoso.example");
        Self {
            number: format!("{}", 1_000_000_000_000_000 + random.below(8_000_000_000_000_000)),
            subscription: subscription.to_owned(),
            dbfs: Resource::new(&managed_group, accounts, &format!("dbstorage{}", random.suffix(13))),
            network: (number % 3 != 1)
                .then(|| Resource::new(&format!("{root}/rg-network"), network, &format!("vnet-{label}"))),
            uami: Principal::new(random, "dbmanagedidentity", (Stream::Dbmi, "uami"), Nature::Assigned).of(format!(
                "{managed_group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dbmanagedidentity"
            )),
            encryption,
            connector: Connector::system(random, &root, &label),
            more_connectors: more_connectors(random, (&root, &managed_group), &label, number),
            reserve: (number == 0).then(|| Reserve {
                quiet: Connector::system(random, &root, "quiet"),
                idle: Connector::system(random, &root, "idle"),
            }),
            lake: Resource::new(&format!("{root}/rg-lake-{label}"), accounts, &format!("stlake{word}{number:03}")),
            vault: Resource::new(&group, "Microsoft.KeyVault/vaults", &format!("kv-{label}")),
            database: Resource::new(&group, "Microsoft.Sql/servers", &format!("sql-{label}/databases/dw")),
            member: Principal::new(random, &member, (Stream::Other, "user"), Nature::User).through(AZURE_CLI),
            resource,
            managed_group,
        }
    }

    /// Its connectors, the one that a person made first.
    pub(in crate::generate) fn connectors(&self) -> impl Iterator<Item = &Connector> {
        std::iter::once(&self.connector).chain(&self.more_connectors)
    }

    /// The same, and those in reserve.
    pub(in crate::generate) fn all_connectors(&self) -> impl Iterator<Item = &Connector> {
        self.connectors().chain(self.reserve.iter().flat_map(|reserve| [&reserve.quiet, &reserve.idle]))
    }

    /// The connector whose identity is a resource of its own.
    pub(in crate::generate) fn assigned_connector(&self) -> Option<&Connector> {
        self.more_connectors.iter().find(|connector| connector.identity.kind == "adac_uami")
    }

    /// Its principals.
    pub(super) fn principals(&self) -> impl Iterator<Item = &Principal> {
        let encryption = self.encryption.iter().flat_map(|keys| [&keys.storage, &keys.disk]);
        std::iter::once(&self.uami)
            .chain(encryption)
            .chain(self.all_connectors().map(|connector| &connector.identity))
            .chain(std::iter::once(&self.member))
    }
}

/// Half of the teams keep the name that the portal proposes.
fn managed_group_name(random: &mut Random, label: &str) -> String {
    match random.below(4) {
        0 => format!("{label}-databricks-managed"),
        1 => format!("rg-dbx-{label}-infra"),
        _ => format!("databricks-rg-ws-{label}-{}", random.suffix(13)),
    }
}

fn more_connectors(
    random: &mut Random,
    (root, managed_group): (&str, &str),
    label: &str,
    number: usize,
) -> Vec<Connector> {
    let mut connectors = Vec::new();
    if number.is_multiple_of(2) {
        connectors.push(Connector::assigned(random, root, label));
    }
    if number % 4 < 2 {
        connectors.push(Connector::automatic(random, managed_group));
    }
    connectors
}

impl Encryption {
    fn cast(random: &mut Random, workspace: &Resource, managed_group: &str, root: &str) -> Self {
        let set = format!("dbx-des-{}", workspace.name);
        let disk = format!("{managed_group}/providers/Microsoft.Compute/diskEncryptionSets/{set}");
        let vault = format!("kv-cmk-{}", workspace.name.trim_start_matches("ws-"));
        Self {
            storage: Principal::new(random, &workspace.name, (Stream::Dbmi, "storage_cmk"), Nature::System)
                .of(workspace.id.clone()),
            disk: Principal::new(random, &set, (Stream::Dbmi, "disk_cmk"), Nature::System).of(disk),
            vault: Resource::new(&format!("{root}/rg-security"), "Microsoft.KeyVault/vaults", &vault),
        }
    }
}

/// ARM type of access connectors.
const CONNECTORS: &str = "Microsoft.Databricks/accessConnectors";

impl Connector {
    fn system(random: &mut Random, root: &str, label: &str) -> Self {
        let name = format!("ac-{label}");
        let resource = Resource::new(&format!("{root}/rg-connectors"), CONNECTORS, &name);
        let identity =
            Principal::new(random, &name, (Stream::Adac, "adac_system"), Nature::System).of(resource.id.clone());
        let file_events = if random.below(3) == 0 { FileEvents::On } else { FileEvents::Off };
        Self { resource, identity, twin: None, credential: random.guid(), container: "bronze", file_events }
    }

    fn assigned(random: &mut Random, root: &str, label: &str) -> Self {
        let group = format!("{root}/rg-connectors");
        let name = format!("id-{label}");
        let arm_id = Resource::new(&group, "Microsoft.ManagedIdentity/userAssignedIdentities", &name).id;
        Self {
            resource: Resource::new(&group, CONNECTORS, &format!("ac-{label}-assigned")),
            identity: Principal::new(random, &name, (Stream::Adac, "adac_uami"), Nature::Assigned).of(arm_id),
            twin: (random.below(2) == 0).then(|| Resource::new(&group, CONNECTORS, &format!("ac-{label}-twin"))),
            credential: random.guid(),
            container: "gold",
            file_events: FileEvents::Off,
        }
    }

    fn automatic(random: &mut Random, managed_group: &str) -> Self {
        let name = "unity-catalog-access-connector";
        let resource = Resource::new(managed_group, CONNECTORS, name);
        let identity =
            Principal::new(random, name, (Stream::Adac, "adac_auto"), Nature::System).of(resource.id.clone());
        let (container, file_events) = ("managed", FileEvents::Off);
        Self { resource, identity, twin: None, credential: random.guid(), container, file_events }
    }
}
