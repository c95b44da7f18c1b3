//! The two tables: whose work a duty is, and which events belong to it.

use super::{Assignment, Duty, DutyRow, Owner, Place};
use crate::event::vocabulary::AudienceKind as To;
use crate::event::vocabulary::IdentityKind::{
    self, AdacAuto, AdacShared, AdacSystem, AdacUami, DiskCmk, FirstParty, StorageCmk, Uami,
};
use crate::event::vocabulary::LogSource::{self, Activity, Databricks, EntraAudit, KeyVault, Signin, Sql, Storage};
use crate::event::vocabulary::OpClass::{
    self, AclChange, BlobDelete, BlobList, BlobRead, BlobWrite, CertRead, CertWrite, CommandRun, ComputeManage,
    ContainerAdmin, Delegation, DiagDelete, DiagWrite, KeyListing, KeyRead, KeyUse, KeyWrite, NetworkManage,
    PolicyManage, QueueRead, QueueWrite, RoleAssign, RoleRevoke, SasListing, SecretRead, SecretWrite, SqlLogin,
    SqlQuery, TableRead, TableWrite, UcVend, VaultAdmin,
};

/// The scenario statements of the model, read 2026-11.
const MODEL: &str = "the model of the two identities: scenario table";
/// Databricks documents that secret scopes backed by a vault are read by the `AzureDatabricks` application.
const SECRET_SCOPES: &str = "https://learn.microsoft.com/azure/databricks/security/secrets/, read 2026-11";
/// Databricks documents that the DBFS root is reached with account keys.
const DBFS_ROOT: &str = "https://learn.microsoft.com/azure/databricks/dbfs/dbfs-root, read 2026-11";
/// Customer-managed keys of a workspace.
const CMK: &str = "https://learn.microsoft.com/azure/databricks/security/keys/customer-managed-keys, read 2026-11";
/// Unity Catalog's storage credentials and file events.
const UNITY: &str = "https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/, read 2026-11";
/// A managed identity's own sign-ins in captured records.
const RECORDS: &str = "seen in captured sign-in records";
/// What the resource provider does in the managed resource group.
const PROVIDER: &str = "Microsoft.Databricks resource provider operations, Microsoft's documentation, 2026";
/// The token's audience says the service.
const AUDIENCE: &str = "the service that the token is for";
/// The class of the operation says it.
const CLASS: &str = "the class of the operation";

/// What a duty is where [`DUTIES`] has no row; it has one for each.
pub(super) const UNASSIGNED: DutyRow =
    duty(Duty::Unassigned, "unassigned", Owner::Anyone, &[], ("nothing in particular", CLASS));

const fn duty(
    duty: Duty,
    word: &'static str,
    owner: Owner,
    sources: &'static [LogSource],
    (says, from): (&'static str, &'static str),
) -> DutyRow {
    DutyRow { duty, word, owner, says, sources, from }
}

/// Every duty, in the order in which it is shown.
#[rustfmt::skip]
pub const DUTIES: &[DutyRow] = &[
    duty(Duty::Compute, "compute", Owner::Dbmi, &[Activity], ("provision compute", MODEL)),
    duty(Duty::Networking, "networking", Owner::Dbmi, &[Activity], ("manage networking", MODEL)),
    duty(Duty::Monitoring, "monitoring", Owner::Dbmi, &[Activity, Signin], ("configure monitoring", MODEL)),
    duty(Duty::WorkspaceSecrets, "workspace_secrets", Owner::Dbmi, &[KeyVault], ("read workspace secrets", SECRET_SCOPES)),
    duty(Duty::Workspace, "workspace", Owner::Dbmi, &[Activity], ("deploy the workspace", MODEL)),
    duty(Duty::WorkspaceStorage, "workspace_storage", Owner::Dbmi, &[Storage], ("use workspace storage", DBFS_ROOT)),
    duty(Duty::Encryption, "encryption", Owner::Dbmi, &[KeyVault], ("use encryption keys", CMK)),
    duty(Duty::Storage, "storage", Owner::Adac, &[Storage], ("access ADLS and storage", MODEL)),
    duty(Duty::KeyVault, "key_vault", Owner::Adac, &[KeyVault], ("access Key Vault", MODEL)),
    duty(Duty::Sql, "sql", Owner::Adac, &[Sql], ("access Azure SQL", MODEL)),
    duty(Duty::Synapse, "synapse", Owner::Adac, &[Sql], ("access Synapse", MODEL)),
    duty(Duty::UnityCatalog, "unity_catalog", Owner::Adac, &[Databricks, Storage], ("serve Unity Catalog", UNITY)),
    duty(Duty::OtherData, "other_data", Owner::Adac, &[], ("access other data", MODEL)),
    duty(Duty::Keys, "keys", Owner::Neither, &[Activity], ("obtain account keys, SAS", MODEL)),
    duty(Duty::AccessRights, "access_rights", Owner::Neither, &[Activity, EntraAudit], ("change access rights", MODEL)),
    UNASSIGNED,
];

/// The identities of the workspace itself.
const DBMI: &[IdentityKind] = &[Uami, StorageCmk, DiskCmk, FirstParty];
/// The identities of access connectors.
const ADAC: &[IdentityKind] = &[AdacSystem, AdacUami, AdacAuto, AdacShared];
/// Encryption identities.
const ENCRYPTION: &[IdentityKind] = &[StorageCmk, DiskCmk];
/// Databricks' own applications.
const OWN_APPS: &[IdentityKind] = &[FirstParty];
/// What an encryption identity does with its key.
const KEY_CALLS: &[&str] = &["keyget", "keywrap", "keyunwrap", "keyrecover"];
/// Secrets and certificates.
const SECRETS: &[OpClass] = &[SecretRead, SecretWrite, CertRead, CertWrite];
/// Data in storage.
const STORED: &[OpClass] = &[
    BlobRead,
    BlobList,
    BlobWrite,
    BlobDelete,
    ContainerAdmin,
    AclChange,
    QueueRead,
    QueueWrite,
    TableRead,
    TableWrite,
];

/// A row of [`ASSIGNMENTS`] for any operation.
const fn at(
    source: LogSource,
    classes: &'static [OpClass],
    kinds: &'static [IdentityKind],
    place: Place,
    (duty, from): (Duty, &'static str),
) -> Assignment {
    Assignment { source, classes, audiences: &[], operations: &[], kinds, place, duty, from }
}

/// A row for a class of operations, whoever acts.
const fn class(source: LogSource, classes: &'static [OpClass], duty: Duty) -> Assignment {
    at(source, classes, &[], Place::Anywhere, (duty, CLASS))
}

/// A row for tokens.
const fn token(audiences: &'static [To], kinds: &'static [IdentityKind], duty: Duty, from: &'static str) -> Assignment {
    Assignment { source: Signin, classes: &[], audiences, operations: &[], kinds, place: Place::Anywhere, duty, from }
}

/// A row for operations of these names.
const fn named(
    source: LogSource,
    operations: &'static [&'static str],
    kinds: &'static [IdentityKind],
    duty: Duty,
    from: &'static str,
) -> Assignment {
    Assignment { source, classes: &[], audiences: &[], operations, kinds, place: Place::Anywhere, duty, from }
}

/// Which duty an event belongs to; the first row that holds decides.
#[rustfmt::skip]
pub const ASSIGNMENTS: &[Assignment] = &[
    // Tokens: which service, not which resource. A token for Azure Resource Manager lets its
    // holder do any management.
    token(&[To::Monitor, To::Policy], &[], Duty::Monitoring, RECORDS),
    token(&[To::KeyVault], ENCRYPTION, Duty::Encryption, CMK),
    token(&[To::KeyVault], OWN_APPS, Duty::WorkspaceSecrets, SECRET_SCOPES),
    token(&[To::KeyVault], &[], Duty::KeyVault, AUDIENCE),
    token(&[To::Storage], &[], Duty::Storage, AUDIENCE),
    token(&[To::Sql], &[], Duty::Sql, AUDIENCE),
    token(&[To::Synapse], &[], Duty::Synapse, AUDIENCE),
    token(&[To::Arm], &[], Duty::Workspace, AUDIENCE),
    token(&[To::Graph], &[], Duty::AccessRights, AUDIENCE),
    // What is asked for by Databricks' own applications is not known well enough to hold it against them.
    token(&[To::None, To::Other, To::Databricks], OWN_APPS, Duty::Unassigned, AUDIENCE),
    token(&[To::None], &[], Duty::Unassigned, AUDIENCE),
    token(&[], &[], Duty::OtherData, AUDIENCE),

    // Storage. Unity Catalog signs its temporary credentials with a user delegation key.
    at(Storage, STORED, DBMI, Place::OwnRoot, (Duty::WorkspaceStorage, DBFS_ROOT)),
    at(Storage, &[Delegation], &[], Place::Anywhere, (Duty::UnityCatalog, UNITY)),
    class(Storage, STORED, Duty::Storage),

    // Key Vault.
    named(KeyVault, KEY_CALLS, ENCRYPTION, Duty::Encryption, CMK),
    at(KeyVault, SECRETS, OWN_APPS, Place::Anywhere, (Duty::WorkspaceSecrets, SECRET_SCOPES)),
    class(KeyVault, &[SecretRead, SecretWrite, CertRead, CertWrite, KeyUse, KeyRead, KeyWrite], Duty::KeyVault),
    class(KeyVault, &[VaultAdmin], Duty::Workspace),

    // SQL.
    at(Sql, &[SqlLogin, SqlQuery], &[], Place::Synapse, (Duty::Synapse, CLASS)),
    class(Sql, &[SqlLogin, SqlQuery], Duty::Sql),

    // Databricks: what Unity Catalog does in the connector's name.
    class(Databricks, &[UcVend], Duty::UnityCatalog),

    // Azure Resource Manager.
    at(Activity, &[KeyListing, SasListing], OWN_APPS, Place::DbfsRoot, (Duty::WorkspaceStorage, DBFS_ROOT)),
    at(Activity, &[SasListing], OWN_APPS, Place::ManagedGroup, (Duty::Compute, PROVIDER)),
    class(Activity, &[KeyListing, SasListing], Duty::Keys),
    at(Activity, &[Delegation], &[], Place::Anywhere, (Duty::UnityCatalog, UNITY)),
    at(Activity, &[], ADAC, Place::FileEvents, (Duty::UnityCatalog, UNITY)),
    at(Activity, &[RoleAssign, RoleRevoke, PolicyManage], DBMI, Place::OwnScope, (Duty::Workspace, PROVIDER)),
    class(Activity, &[RoleAssign, RoleRevoke, PolicyManage], Duty::AccessRights),
    // Azure Policy records its evaluations under the name of whoever made the request.
    named(Activity, &["microsoft.authorization/policies/"], &[], Duty::Unassigned, CLASS),
    named(Activity, &["microsoft.authorization/"], &[], Duty::AccessRights, CLASS),
    class(Activity, &[DiagWrite, DiagDelete], Duty::Monitoring),
    named(Activity, &["microsoft.insights/", "microsoft.operationalinsights/"], &[], Duty::Monitoring, PROVIDER),
    at(Activity, SECRETS, OWN_APPS, Place::Anywhere, (Duty::WorkspaceSecrets, SECRET_SCOPES)),
    class(Activity, SECRETS, Duty::KeyVault),
    class(Activity, &[ComputeManage, CommandRun], Duty::Compute),
    class(Activity, &[NetworkManage], Duty::Networking),
    class(Activity, &[], Duty::Workspace),

    // Entra.
    class(EntraAudit, &[], Duty::AccessRights),
];
