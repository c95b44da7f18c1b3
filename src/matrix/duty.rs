//! The duties of the two identities, and which event belongs to which.
//!
//! [`DUTIES`] is the scenario table of the model; [`ASSIGNMENTS`] is the one place that says by
//! class of operation, service asked for and place which duty an event belongs to.

use crate::event::vocabulary::{Activity, AudienceKind, IdentityKind, LogSource, OpClass, Stream};

mod table;
#[cfg(test)]
mod tests;

pub use table::{ASSIGNMENTS, DUTIES};

/// A piece of work that one of the two identities is there for, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Machines, disks, scale sets.
    Compute,
    /// Network interfaces, security groups, private endpoints.
    Networking,
    /// Diagnostic settings, data collection, monitoring services.
    Monitoring,
    /// Secrets of the workspace itself: vault-backed secret scopes.
    WorkspaceSecrets,
    /// The workspace, its storage account and everything else that Azure Resource Manager makes.
    Workspace,
    /// Data in the workspace's own storage account.
    WorkspaceStorage,
    /// Keys that encrypt the workspace's disks and storage.
    Encryption,
    /// Data in storage accounts.
    Storage,
    /// Secrets, keys and certificates of a Key Vault.
    KeyVault,
    /// Azure SQL.
    Sql,
    /// Synapse.
    Synapse,
    /// Credentials that Unity Catalog issues, and its file events.
    UnityCatalog,
    /// Data of other services.
    OtherData,
    /// Account keys and shared access signatures: a way around both identities.
    Keys,
    /// Access rights, directory objects.
    AccessRights,
    /// Nobody's in particular: reads of resources, probes, handshakes.
    Unassigned,
}

/// Whose work a duty is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The workspace's own identities.
    Dbmi,
    /// The access connector's identity.
    Adac,
    /// Neither's: an administrator's, or nobody's.
    Neither,
    /// Anyone's; says nothing.
    Anyone,
}

/// What is said of a duty.
#[derive(Debug, Clone, Copy)]
pub struct DutyRow {
    /// The duty.
    pub duty: Duty,
    /// Its word in outputs.
    pub word: &'static str,
    /// Whose work it is.
    pub owner: Owner,
    /// What it is, for people.
    pub says: &'static str,
    /// The logs that show it. All of them must be read before its absence means anything; none
    /// where no log that is read here shows it.
    pub sources: &'static [LogSource],
    /// Where it is known from that this is its owner's work.
    pub from: &'static str,
}

impl Duty {
    /// Its row of [`DUTIES`].
    pub fn row(self) -> &'static DutyRow {
        DUTIES.iter().find(|row| row.duty == self).unwrap_or(&table::UNASSIGNED)
    }

    /// Its word in outputs.
    pub fn as_str(self) -> &'static str {
        self.row().word
    }

    /// Whether it is the work of an identity of this stream and kind. An encryption identity is
    /// there for its key alone.
    pub fn is_of(self, stream: Stream, kind: IdentityKind) -> bool {
        match (self.row().owner, stream) {
            (Owner::Dbmi, Stream::Dbmi) => is_encryption(kind) == (self == Self::Encryption),
            (Owner::Adac, Stream::Adac) | (Owner::Anyone, _) => true,
            _ => false,
        }
    }
}

impl serde::Serialize for Duty {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

fn is_encryption(kind: IdentityKind) -> bool {
    matches!(kind, IdentityKind::StorageCmk | IdentityKind::DiskCmk)
}

/// What of an event decides its duty.
#[expect(clippy::struct_excessive_bools, reason = "they are columns of the event, each with a meaning of its own")]
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// The log.
    pub source: LogSource,
    /// Class of the operation.
    pub op_class: OpClass,
    /// Kind of act.
    pub activity: Activity,
    /// The operation, folded.
    pub operation: &'a str,
    /// The service used or asked for.
    pub audience: AudienceKind,
    /// Type of the resource, folded.
    pub target_type: &'a str,
    /// Who acted.
    pub kind: IdentityKind,
    /// The storage account is the acting workspace's own, or not known to be another's.
    pub in_own_root: bool,
    /// The storage account is some workspace's own.
    pub in_dbfs_root: bool,
    /// The target is the actor's own managed resource group, workspace or network.
    pub in_own_scope: bool,
    /// The target lies in some managed resource group.
    pub in_managed_group: bool,
    /// The connector has file events, or is not known to have none.
    pub may_have_file_events: bool,
}

/// Where an assignment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everywhere.
    Anywhere,
    /// In the actor's own workspace storage account.
    OwnRoot,
    /// In any workspace's storage account.
    DbfsRoot,
    /// In the actor's own scope; for Databricks' applications, which serve all workspaces, in any
    /// managed resource group.
    OwnScope,
    /// In any managed resource group.
    ManagedGroup,
    /// On event subscriptions and queues, where the connector may have file events.
    FileEvents,
    /// On a resource of Synapse.
    Synapse,
}

/// A row of [`ASSIGNMENTS`]. Empty lists stand for any value; an operation is a prefix.
#[derive(Debug, Clone, Copy)]
pub struct Assignment {
    /// The log.
    pub source: LogSource,
    /// Classes of operations.
    pub classes: &'static [OpClass],
    /// Services asked for.
    pub audiences: &'static [AudienceKind],
    /// How the operation begins.
    pub operations: &'static [&'static str],
    /// Who acted.
    pub kinds: &'static [IdentityKind],
    /// Where.
    pub place: Place,
    /// The duty.
    pub duty: Duty,
    /// Where this is known from.
    pub from: &'static str,
}

impl Assignment {
    fn holds(&self, act: &Act<'_>) -> bool {
        self.source == act.source
            && any(self.classes, &act.op_class)
            && any(self.audiences, &act.audience)
            && any(self.kinds, &act.kind)
            && (self.operations.is_empty() || self.operations.iter().any(|head| act.operation.starts_with(head)))
            && self.place.holds(act)
    }
}

impl Place {
    fn holds(self, act: &Act<'_>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::OwnRoot => act.in_own_root,
            Self::DbfsRoot => act.in_dbfs_root,
            Self::OwnScope => act.in_own_scope || act.kind == IdentityKind::FirstParty && act.in_managed_group,
            Self::ManagedGroup => act.in_managed_group,
            Self::FileEvents => act.may_have_file_events && is_file_events(act),
            Self::Synapse => act.target_type.starts_with("microsoft.synapse/"),
        }
    }
}

fn any<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

/// Where the operation is a name for people, the resource tells.
fn is_file_events(act: &Act<'_>) -> bool {
    const OPERATIONS: [&str; 2] = ["microsoft.eventgrid/", "microsoft.storage/storageaccounts/queueservices/"];
    const TYPES: [&str; 2] = ["microsoft.eventgrid/", "microsoft.storage/storageaccounts/queueservices"];
    OPERATIONS.iter().any(|head| act.operation.starts_with(head))
        || TYPES.iter().any(|head| act.target_type.starts_with(head))
}

/// The duty that an event belongs to: that of the first assignment that holds.
pub fn duty_of(act: &Act<'_>) -> Duty {
    // Azure Resource Manager logs few reads, and those change nothing.
    let is_arm_read = act.source == LogSource::Activity
        && matches!(act.activity, Activity::Read | Activity::List)
        && act.op_class == OpClass::Other;
    if is_arm_read {
        return Duty::Unassigned;
    }
    ASSIGNMENTS.iter().find(|row| row.holds(act)).map_or(Duty::Unassigned, |row| row.duty)
}
