//! The cast: the workspaces of a tenant, their identities, and those who merely stand by.

use std::cell::Cell;

use super::random::Random;

mod bystanders;
mod workspace;

pub(super) use bystanders::Bystanders;
pub(super) use workspace::{Connector, FileEvents, Reserve, Workspace};

/// The stream that a principal truly belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Infrastructure identities of Databricks.
    Dbmi,
    /// Identities of access connectors.
    Adac,
    /// Everybody else.
    Other,
}

impl Stream {
    /// Its word in the truth.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Dbmi => "dbmi",
            Self::Adac => "adac",
            Self::Other => "other",
        }
    }
}

/// How a principal proves who it is, which decides the claims of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// A person.
    User,
    /// A managed identity, part of its resource.
    System,
    /// A managed identity, a resource of its own.
    Assigned,
    /// An application with a secret.
    Secret,
    /// An application that another issuer vouches for.
    Federated,
    /// An application of Microsoft.
    FirstParty,
}

/// One principal.
#[derive(Debug)]
pub(super) struct Principal {
    /// Object id.
    pub(super) id: String,
    /// Client id; of a user the application that they work through.
    pub(super) app_id: String,
    /// Display name; of a user their mail address.
    pub(super) name: String,
    /// Where it truly belongs.
    pub(super) stream: Stream,
    /// What it truly is, in the words of the identity kinds.
    pub(super) kind: &'static str,
    /// How it signs in.
    pub(super) nature: Nature,
    /// The resource that the identity is, or is part of; empty for none.
    pub(super) arm_id: String,
    /// Whether a record names it.
    pub(super) seen: Cell<bool>,
    /// Whether a record says what it is.
    pub(super) told: Cell<bool>,
}

impl Principal {
    /// A principal with new ids.
    pub(super) fn new(random: &mut Random, name: &str, role: (Stream, &'static str), nature: Nature) -> Self {
        Self {
            id: random.guid(),
            app_id: random.guid(),
            name: name.to_owned(),
            stream: role.0,
            kind: role.1,
            nature,
            arm_id: String::new(),
            seen: Cell::new(false),
            told: Cell::new(false),
        }
    }

    /// The same, of this resource.
    pub(super) fn of(mut self, arm_id: String) -> Self {
        self.arm_id = arm_id;
        self
    }

    /// The same, with an application id that everybody knows.
    pub(super) fn through(mut self, app_id: &str) -> Self {
        app_id.clone_into(&mut self.app_id);
        self
    }

    /// The resource as tokens name it: its group's segment in lower case.
    pub(super) fn mirid(&self) -> String {
        self.arm_id.replacen("/resourceGroups/", "/resourcegroups/", 1)
    }

    /// Whether inventories do not know it.
    pub(super) fn is_shadow(&self) -> bool {
        self.name == bystanders::SHADOW
    }

    /// Whether it is a managed identity.
    pub(super) fn is_managed(&self) -> bool {
        matches!(self.nature, Nature::System | Nature::Assigned)
    }

    /// Whether its name is not one that a service gives to its own.
    fn has_a_name_of_its_own(&self) -> bool {
        self.name != "dbmanagedidentity" && self.name != "unity-catalog-access-connector"
    }

    /// Notes that a record with claims names it: these tell what a resource's own path tells.
    pub(super) fn appears_with_claims(&self) {
        self.seen.set(true);
        let tells = match self.stream {
            Stream::Other => self.has_a_name_of_its_own(),
            Stream::Dbmi => {
                self.nature == Nature::FirstParty
                    || self.name == "dbmanagedidentity"
                    || self.arm_id.contains("/Microsoft.Databricks/")
            }
            Stream::Adac => self.arm_id.contains("/Microsoft.Databricks/"),
        };
        if tells {
            self.told.set(true);
        }
    }

    /// Notes that a sign-in names it: names tell what only one service gives.
    pub(super) fn appears_in_sign_in(&self) {
        self.seen.set(true);
        let tells = match self.stream {
            Stream::Other => self.has_a_name_of_its_own(),
            Stream::Dbmi => self.nature == Nature::FirstParty || self.name == "dbmanagedidentity",
            Stream::Adac => self.name == "unity-catalog-access-connector",
        };
        if tells {
            self.told.set(true);
        }
    }

    /// Notes that a record with nothing but ids names it.
    pub(super) fn appears(&self) {
        self.seen.set(true);
        if (self.stream == Stream::Other && self.has_a_name_of_its_own()) || self.nature == Nature::FirstParty {
            self.told.set(true);
        }
    }
}

/// Something with an ARM id and a name: an account, a vault, a database.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// ARM id in the spelling of the portal.
    pub(super) id: String,
    /// Its last segment.
    pub(super) name: String,
}

impl Resource {
    /// A resource of a group; `kind` is `Microsoft.Storage/storageAccounts` and the like.
    pub(super) fn new(group: &str, kind: &str, name: &str) -> Self {
        Self { id: format!("{group}/providers/{kind}/{name}"), name: name.to_owned() }
    }
}

/// The whole tenant. It does not change while the story is told.
#[derive(Debug)]
pub(super) struct Tenant {
    /// Entra tenant id.
    pub(super) id: String,
    /// Id of the Log Analytics workspace.
    pub(super) log_workspace: String,
    /// The metastore of Unity Catalog.
    pub(super) metastore: String,
    /// Never empty.
    pub(super) workspaces: Vec<Workspace>,
    /// Everybody who is no identity of one workspace.
    pub(super) others: Bystanders,
}

/// Workspaces that share a subscription.
const WORKSPACES_PER_SUBSCRIPTION: usize = 25;

impl Tenant {
    /// Casts a tenant of so many workspaces, at least one.
    pub(super) fn cast(seed: u64, workspaces: usize) -> Self {
        let mut random = Random::branch(seed, 1);
        let id = random.guid();
        let subscriptions: Vec<String> =
            (0..workspaces.div_ceil(WORKSPACES_PER_SUBSCRIPTION).max(1)).map(|_| random.guid()).collect();
        let landing = subscriptions.first().cloned().unwrap_or_default();
        let others = Bystanders::cast(&mut random, &landing);
        let workspaces = (0..workspaces.max(1))
            .map(|number| {
                let subscription = subscriptions.get(number / WORKSPACES_PER_SUBSCRIPTION).unwrap_or(&landing);
                Workspace::cast(&mut random, subscription, number)
            })
            .collect();
        Self { id, log_workspace: random.guid(), metastore: random.guid(), workspaces, others }
    }

    /// The first workspace from `start` on, around the end, that can play a part.
    pub(super) fn workspace_from(&self, start: usize, fits: fn(&Workspace) -> bool) -> Option<&Workspace> {
        let begin = start.checked_rem(self.workspaces.len()).unwrap_or(0);
        let (before, from) = self.workspaces.split_at_checked(begin)?;
        from.iter().chain(before).find(|workspace| fits(workspace))
    }

    /// Every principal, in the order of the cast.
    pub(super) fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.others.principals().chain(self.workspaces.iter().flat_map(Workspace::principals))
    }
}
