//! What holding a role lets its holder do that a log shows, and which narrower roles there are.
//!
//! Roles are in the order of [`FAMILIES`] from narrow to wide. A role that is not in [`POWERS`] is
//! not judged: Reader, because the Azure Activity Log has no reads, and roles of services whose
//! logs are not read here.

use crate::event::vocabulary::LogSource::{self, Activity, KeyVault, Storage};
use crate::event::vocabulary::OpClass::{
    self, AclChange, BlobDelete, BlobList, BlobRead, BlobWrite, CertRead, CertWrite, CommandRun, ComputeManage,
    ConnectorManage, ContainerAdmin, Delegation, DeploymentManage, DiagDelete, DiagWrite, EventgridManage,
    IdentityManage, KeyListing, KeyRead, KeyUse, KeyWrite, NetworkManage, Other, PolicyManage, QueueRead, QueueWrite,
    RoleAssign, RoleRevoke, SasListing, SecretRead, SecretWrite, StorageManage, TableRead, TableWrite, VaultManage,
    WorkspaceManage,
};

use super::query::Use;

/// What a role allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Power {
    /// Role definition id.
    pub(super) role_id: &'static str,
    /// The log that shows its use.
    pub(super) source: LogSource,
    /// Classes of operations that it allows.
    classes: &'static [OpClass],
    /// Operations that it allows besides, by how they begin.
    operations: &'static [&'static str],
    /// Operations that it does not allow, by how they begin.
    except: &'static [&'static str],
}

impl Power {
    /// Whether the role allows what was done; the place is not looked at.
    pub(super) fn allows(&self, done: &Use) -> bool {
        let begins = |heads: &[&str]| heads.iter().any(|head| done.operation.starts_with(head));
        done.source == Some(self.source)
            && !begins(self.except)
            && (done.op_class.is_some_and(|class| self.classes.contains(&class)) || begins(self.operations))
    }

    /// What of the log must have been read for the absence of use to mean anything: the reads of the
    /// service, where the role lets its holder read.
    pub(super) fn needed(&self) -> Option<OpClass> {
        [BlobRead, QueueRead, TableRead]
            .into_iter()
            .find(|class| self.source == Storage && self.classes.contains(class))
    }
}

/// The power of a role; `None` where its use cannot be judged.
pub(super) fn of(role_id: &str) -> Option<&'static Power> {
    POWERS.iter().find(|power| power.role_id == role_id)
}

/// The narrowest role of a family that `role_id` is part of and that allows all of this.
pub(super) fn narrower(role_id: &str, used: &[&Use]) -> Option<&'static Power> {
    FAMILIES.iter().find_map(|family| {
        let place = family.iter().position(|member| *member == role_id)?;
        let before = family.iter().take(place).filter_map(|member| of(member));
        before.into_iter().find(|power| used.iter().all(|done| power.allows(done)))
    })
}

/// Blob Delegator: its only right is the user delegation key of an account.
pub(super) const BLOB_DELEGATOR: &str = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a";
const BLOB_READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
const BLOB_CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const BLOB_OWNER: &str = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b";
const TABLE_READER: &str = "76199698-9eea-4c19-bc75-cec21354c6b6";
const TABLE_CONTRIBUTOR: &str = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3";
const QUEUE_CONTRIBUTOR: &str = "974c5e8b-45b9-4653-ba55-5f855dd0fb88";
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";
const SECRETS_OFFICER: &str = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";
const CERTIFICATES_OFFICER: &str = "a4417e6f-fecd-4de8-b567-7b0420556985";
const ENCRYPTION_USER: &str = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
const CRYPTO_USER: &str = "12338af0-0e69-4776-bea7-57ae8d297424";
const CRYPTO_OFFICER: &str = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603";
const VAULT_ADMINISTRATOR: &str = "00482a5a-887f-4fb3-b363-3b7fe8e74483";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const ACCESS_ADMINISTRATOR: &str = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9";
const RBAC_ADMINISTRATOR: &str = "f58310d9-a9f6-439a-9e8d-f62e7b41a168";
const NETWORK_CONTRIBUTOR: &str = "4d97b98b-1d4f-4787-a291-c67834d212e7";
const MACHINE_CONTRIBUTOR: &str = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c";
const MONITORING_CONTRIBUTOR: &str = "749f88d5-cbae-40b8-bcfc-e573ddc772fa";
const STORAGE_CONTRIBUTOR: &str = "17d1049b-9a84-46fb-8f53-869881c3d3ab";
const KEY_OPERATOR: &str = "81a9662b-bebf-436f-a333-f67b29880f12";
const EVENTGRID_CONTRIBUTOR: &str = "1e241071-0855-49ea-94dc-649edcd759de";
const EVENTGRID_SUBSCRIPTIONS: &str = "428e0ff0-5e57-4d9c-a221-2c70d0e0a443";
const VAULT_CONTRIBUTOR: &str = "f25e0fa2-a7c8-4377-a976-54943a77a395";
const IDENTITY_CONTRIBUTOR: &str = "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59";

/// Every class of management.
const MANAGEMENT: &[OpClass] = &[
    KeyListing,
    SasListing,
    RoleAssign,
    RoleRevoke,
    DiagWrite,
    DiagDelete,
    ComputeManage,
    NetworkManage,
    StorageManage,
    IdentityManage,
    WorkspaceManage,
    ConnectorManage,
    PolicyManage,
    CommandRun,
    EventgridManage,
    DeploymentManage,
    VaultManage,
    SecretWrite,
    Delegation,
    Other,
];
/// Those of a Contributor, who changes no rights.
const CONTRIBUTED: &[OpClass] = &[
    KeyListing,
    SasListing,
    DiagWrite,
    DiagDelete,
    ComputeManage,
    NetworkManage,
    StorageManage,
    IdentityManage,
    WorkspaceManage,
    ConnectorManage,
    CommandRun,
    EventgridManage,
    DeploymentManage,
    VaultManage,
    SecretWrite,
    Delegation,
    Other,
];
/// What Key Vault Secrets User does not cover: its data actions are to get a secret and to read
/// its properties.
const BEYOND_SECRETS_USER: &[&str] = &["secretbackup", "secretgetdeleted", "secretlistdeleted"];

const fn classes(role_id: &'static str, source: LogSource, classes: &'static [OpClass]) -> Power {
    Power { role_id, source, classes, operations: &[], except: &[] }
}

/// Data actions on blobs, but not on their index tags, which have actions of their own:
/// <https://learn.microsoft.com/azure/storage/blobs/storage-manage-find-blobs>, read 2026-11.
const fn without_tags(role_id: &'static str, classes: &'static [OpClass]) -> Power {
    let except = &["getblobtags", "setblobtags", "findblobsbytags"];
    Power { role_id, source: Storage, classes, operations: &[], except }
}

/// What roles allow, as the built-in roles list of 2026-04-09 has them:
/// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>, read 2026-11.
#[rustfmt::skip]
const POWERS: &[Power] = &[
    classes(BLOB_DELEGATOR, Storage, &[Delegation]),
    without_tags(BLOB_READER, &[Delegation, BlobRead, BlobList]),
    without_tags(BLOB_CONTRIBUTOR, &[Delegation, BlobRead, BlobList, BlobWrite, BlobDelete, ContainerAdmin]),
    classes(BLOB_OWNER, Storage, &[Delegation, BlobRead, BlobList, BlobWrite, BlobDelete, ContainerAdmin, AclChange]),
    classes(TABLE_READER, Storage, &[TableRead]),
    classes(TABLE_CONTRIBUTOR, Storage, &[TableRead, TableWrite]),
    classes(QUEUE_CONTRIBUTOR, Storage, &[QueueRead, QueueWrite]),
    Power { role_id: SECRETS_USER, source: KeyVault, classes: &[SecretRead], operations: &[], except: BEYOND_SECRETS_USER },
    classes(SECRETS_OFFICER, KeyVault, &[SecretRead, SecretWrite]),
    classes(CERTIFICATES_OFFICER, KeyVault, &[CertRead, CertWrite]),
    Power { role_id: ENCRYPTION_USER, source: KeyVault, classes: &[], operations: &["keyget", "keywrap", "keyunwrap"], except: &["keygetdeleted"] },
    Power { role_id: CRYPTO_USER, source: KeyVault, classes: &[KeyUse, KeyRead], operations: &["keyupdate"], except: &["keyrelease"] },
    classes(CRYPTO_OFFICER, KeyVault, &[KeyUse, KeyRead, KeyWrite]),
    classes(VAULT_ADMINISTRATOR, KeyVault, &[SecretRead, SecretWrite, KeyUse, KeyRead, KeyWrite, CertRead, CertWrite]),
    classes(OWNER, Activity, MANAGEMENT),
    Power { role_id: CONTRIBUTOR, source: Activity, classes: CONTRIBUTED, operations: &[], except: &["microsoft.authorization/"] },
    Power { role_id: ACCESS_ADMINISTRATOR, source: Activity, classes: &[RoleAssign, RoleRevoke], operations: &["microsoft.authorization/"], except: &[] },
    Power { role_id: RBAC_ADMINISTRATOR, source: Activity, classes: &[RoleAssign, RoleRevoke], operations: &["microsoft.authorization/roleassignments/"], except: &[] },
    Power { role_id: NETWORK_CONTRIBUTOR, source: Activity, classes: &[NetworkManage], operations: &["microsoft.network/"], except: &[] },
    Power {
        role_id: MACHINE_CONTRIBUTOR, source: Activity, classes: &[], except: &["microsoft.compute/disks/begingetaccess"],
        operations: &[
            "microsoft.compute/virtualmachines/", "microsoft.compute/virtualmachinescalesets/", "microsoft.compute/disks/",
            "microsoft.compute/availabilitysets/", "microsoft.network/networkinterfaces/", "microsoft.storage/storageaccounts/listkeys/",
        ],
    },
    Power { role_id: MONITORING_CONTRIBUTOR, source: Activity, classes: &[DiagWrite, DiagDelete], operations: &["microsoft.insights/", "microsoft.operationalinsights/"], except: &[] },
    Power { role_id: STORAGE_CONTRIBUTOR, source: Activity, classes: &[StorageManage], operations: &["microsoft.storage/storageaccounts/"], except: &[] },
    Power { role_id: KEY_OPERATOR, source: Activity, classes: &[], operations: &["microsoft.storage/storageaccounts/listkeys/", "microsoft.storage/storageaccounts/regeneratekey/"], except: &[] },
    classes(EVENTGRID_CONTRIBUTOR, Activity, &[EventgridManage]),
    Power { role_id: EVENTGRID_SUBSCRIPTIONS, source: Activity, classes: &[], operations: &["microsoft.eventgrid/eventsubscriptions/"], except: &[] },
    classes(VAULT_CONTRIBUTOR, Activity, &[VaultManage]),
    Power { role_id: IDENTITY_CONTRIBUTOR, source: Activity, classes: &[], operations: &["microsoft.managedidentity/userassignedidentities/"], except: &["microsoft.managedidentity/userassignedidentities/assign/"] },
];

/// Roles that contain each other, from narrow to wide. A role that yields account keys is narrower
/// than none, so none is proposed.
const FAMILIES: &[&[&str]] = &[
    &[BLOB_DELEGATOR, BLOB_READER, BLOB_CONTRIBUTOR, BLOB_OWNER],
    &[TABLE_READER, TABLE_CONTRIBUTOR],
    &[SECRETS_USER, SECRETS_OFFICER, VAULT_ADMINISTRATOR],
    &[ENCRYPTION_USER, CRYPTO_USER, CRYPTO_OFFICER, VAULT_ADMINISTRATOR],
    &[CERTIFICATES_OFFICER, VAULT_ADMINISTRATOR],
    &[EVENTGRID_SUBSCRIPTIONS, EVENTGRID_CONTRIBUTOR, CONTRIBUTOR, OWNER],
    &[MONITORING_CONTRIBUTOR, CONTRIBUTOR, OWNER],
    &[NETWORK_CONTRIBUTOR, CONTRIBUTOR, OWNER],
    &[MACHINE_CONTRIBUTOR, CONTRIBUTOR, OWNER],
    &[RBAC_ADMINISTRATOR, ACCESS_ADMINISTRATOR, OWNER],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::role;

    fn done(source: LogSource, op_class: OpClass, operation: &str) -> Use {
        Use { source: Some(source), op_class: Some(op_class), operation: operation.to_owned(), ..Use::default() }
    }

    fn name(power: Option<&Power>) -> Option<&'static str> {
        role::lookup(power?.role_id).map(|role| role.name)
    }

    #[test]
    fn every_role_here_is_in_the_table_of_roles_and_every_member_of_a_family_here() {
        for power in POWERS {
            assert!(role::lookup(power.role_id).is_some(), "{}", power.role_id);
        }
        for member in FAMILIES.iter().copied().flatten() {
            assert!(of(member).is_some(), "{member}");
        }
    }

    /// Each family is a chain in fact: what a member allows the next allows as well.
    #[test]
    fn a_family_goes_from_narrow_to_wide() {
        for family in FAMILIES {
            for pair in family.windows(2) {
                let (narrow, wide) = (of(pair[0]).unwrap(), of(pair[1]).unwrap());
                for class in narrow.classes {
                    let done = done(narrow.source, *class, "");
                    assert!(wide.allows(&done), "{} {class}", pair[1]);
                }
            }
        }
    }

    #[test]
    fn the_narrowest_role_that_allows_all_that_was_done_is_found() {
        let read = done(Storage, BlobRead, "getblob");
        let write = done(Storage, BlobWrite, "putblob");
        let tags = done(Storage, BlobRead, "getblobtags");
        let delegation = done(Storage, Delegation, "getuserdelegationkey");
        let secret = done(KeyVault, SecretRead, "secretget");
        let backup = done(KeyVault, SecretRead, "secretbackup");
        let unwrap = done(KeyVault, KeyUse, "keyunwrap");
        let machine = done(Activity, ComputeManage, "microsoft.compute/virtualmachines/write");
        let keys = done(Activity, KeyListing, "microsoft.storage/storageaccounts/listkeys/action");
        let snapshot = done(Activity, ComputeManage, "microsoft.compute/snapshots/write");
        let assign = done(Activity, RoleAssign, "microsoft.authorization/roleassignments/write");
        for (role_id, used, narrower_role) in [
            (BLOB_CONTRIBUTOR, vec![&read], Some("Storage Blob Data Reader")),
            (BLOB_CONTRIBUTOR, vec![&read, &write], None),
            (BLOB_OWNER, vec![&read, &write], Some("Storage Blob Data Contributor")),
            (BLOB_OWNER, vec![&read, &tags], None),
            (BLOB_CONTRIBUTOR, vec![&delegation], Some("Storage Blob Delegator")),
            (BLOB_READER, vec![&read, &delegation], None),
            (SECRETS_OFFICER, vec![&secret], Some("Key Vault Secrets User")),
            (SECRETS_OFFICER, vec![&secret, &backup], None),
            (VAULT_ADMINISTRATOR, vec![&unwrap], Some("Key Vault Crypto Service Encryption User")),
            (VAULT_ADMINISTRATOR, vec![&unwrap, &secret], None),
            (CONTRIBUTOR, vec![&machine], Some("Virtual Machine Contributor")),
            (CONTRIBUTOR, vec![&machine, &keys], Some("Virtual Machine Contributor")),
            (CONTRIBUTOR, vec![&machine, &snapshot], None),
            (OWNER, vec![&machine, &snapshot], Some("Contributor")),
            (OWNER, vec![&assign], Some("Role Based Access Control Administrator")),
            (OWNER, vec![&assign, &machine], None),
        ] {
            assert_eq!(name(narrower(role_id, &used)), narrower_role, "{role_id} {used:?}");
        }
    }

    #[test]
    fn a_use_that_another_log_shows_is_none_of_the_roles() {
        let read = done(Storage, BlobRead, "getblob");

        assert!(of(BLOB_READER).unwrap().allows(&read));
        assert!(!of(OWNER).unwrap().allows(&read));
        assert!(of("acdd72a7-3385-48ef-bd42-f606fba81ae7").is_none());
    }
}
