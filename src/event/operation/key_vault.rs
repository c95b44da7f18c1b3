//! Operations of the Key Vault audit log.

use super::{DOCUMENTED, KNOWN, NAMING, Operation, OperationRow, find};
use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

/// A row of [`TABLE`]. Only what is done to the vault itself is management.
const fn row(operation: &'static str, op_class: OpClass, activity: Activity, from: &'static str) -> OperationRow {
    let plane = if matches!(op_class, OpClass::VaultAdmin) { Plane::Management } else { Plane::Data };
    OperationRow { source: LogSource::KeyVault, operation, is: Operation { op_class, plane, activity }, from }
}

/// What an operation is.
pub(super) fn classify(folded: &str) -> Operation {
    let other = Operation { op_class: OpClass::Other, plane: Plane::Data, activity: Activity::Use };
    find(TABLE.iter(), folded).unwrap_or(other)
}

/// The names are those of <https://learn.microsoft.com/azure/key-vault/general/logging>, read 2026-11.
/// A backup gives the value away, encrypted for vaults of the same subscription: it reads.
#[rustfmt::skip]
pub(super) const TABLE: &[OperationRow] = &[
    row("authentication", OpClass::Other, Activity::Use, DOCUMENTED),
    row("*eventgridnotification", OpClass::Other, Activity::Use, DOCUMENTED),
    row("secretget", OpClass::SecretRead, Activity::Read, DOCUMENTED),
    row("secretgetdeleted", OpClass::SecretRead, Activity::Read, DOCUMENTED),
    row("secretbackup", OpClass::SecretRead, Activity::Read, DOCUMENTED),
    row("secretlist", OpClass::SecretRead, Activity::List, DOCUMENTED),
    row("secretlistversions", OpClass::SecretRead, Activity::List, DOCUMENTED),
    row("secretlistdeleted", OpClass::SecretRead, Activity::List, DOCUMENTED),
    row("secretset", OpClass::SecretWrite, Activity::Write, DOCUMENTED),
    row("secretrecover", OpClass::SecretWrite, Activity::Write, DOCUMENTED),
    row("secretrestore", OpClass::SecretWrite, Activity::Write, DOCUMENTED),
    row("secretupdate", OpClass::SecretWrite, Activity::Update, DOCUMENTED),
    row("secretdelete", OpClass::SecretWrite, Activity::Delete, DOCUMENTED),
    row("secretpurge", OpClass::SecretWrite, Activity::Delete, DOCUMENTED),
    row("keysign", OpClass::KeyUse, Activity::Use, DOCUMENTED),
    row("keyverify", OpClass::KeyUse, Activity::Use, DOCUMENTED),
    row("keywrap", OpClass::KeyUse, Activity::Use, DOCUMENTED),
    row("keyunwrap", OpClass::KeyUse, Activity::Use, DOCUMENTED),
    row("keyencrypt", OpClass::KeyUse, Activity::Use, DOCUMENTED),
    row("keydecrypt", OpClass::KeyUse, Activity::Use, DOCUMENTED),
    row("keyrelease", OpClass::KeyUse, Activity::Use, KNOWN),
    row("keyget", OpClass::KeyRead, Activity::Read, DOCUMENTED),
    row("keygetdeleted", OpClass::KeyRead, Activity::Read, DOCUMENTED),
    row("keybackup", OpClass::KeyRead, Activity::Read, DOCUMENTED),
    row("keylist", OpClass::KeyRead, Activity::List, DOCUMENTED),
    row("keylistversions", OpClass::KeyRead, Activity::List, DOCUMENTED),
    row("keylistdeleted", OpClass::KeyRead, Activity::List, DOCUMENTED),
    row("keyrotationpolicyget", OpClass::KeyRead, Activity::Read, KNOWN),
    row("keycreate", OpClass::KeyWrite, Activity::Create, DOCUMENTED),
    row("keyimport", OpClass::KeyWrite, Activity::Create, DOCUMENTED),
    row("keyupdate", OpClass::KeyWrite, Activity::Update, DOCUMENTED),
    row("keydelete", OpClass::KeyWrite, Activity::Delete, DOCUMENTED),
    row("keypurge", OpClass::KeyWrite, Activity::Delete, DOCUMENTED),
    row("keyrestore", OpClass::KeyWrite, Activity::Write, DOCUMENTED),
    row("keyrecover", OpClass::KeyWrite, Activity::Write, DOCUMENTED),
    row("keyrotate", OpClass::KeyWrite, Activity::Create, KNOWN),
    row("keyrotationpolicyset", OpClass::KeyWrite, Activity::Update, KNOWN),
    row("certificateget", OpClass::CertRead, Activity::Read, DOCUMENTED),
    row("certificategetdeleted", OpClass::CertRead, Activity::Read, DOCUMENTED),
    row("certificatebackup", OpClass::CertRead, Activity::Read, DOCUMENTED),
    row("certificatepolicyget", OpClass::CertRead, Activity::Read, DOCUMENTED),
    row("certificateissuerget", OpClass::CertRead, Activity::Read, DOCUMENTED),
    row("certificatecontactsget", OpClass::CertRead, Activity::Read, DOCUMENTED),
    row("certificatependingget", OpClass::CertRead, Activity::Read, DOCUMENTED),
    row("certificatelist", OpClass::CertRead, Activity::List, DOCUMENTED),
    row("certificatelistversions", OpClass::CertRead, Activity::List, DOCUMENTED),
    row("certificatelistdeleted", OpClass::CertRead, Activity::List, DOCUMENTED),
    row("certificateissuerslist", OpClass::CertRead, Activity::List, DOCUMENTED),
    row("certificatecreate", OpClass::CertWrite, Activity::Create, DOCUMENTED),
    row("certificateimport", OpClass::CertWrite, Activity::Create, DOCUMENTED),
    row("certificateupdate", OpClass::CertWrite, Activity::Update, DOCUMENTED),
    row("certificatepolicyupdate", OpClass::CertWrite, Activity::Update, DOCUMENTED),
    row("certificatependingupdate", OpClass::CertWrite, Activity::Update, DOCUMENTED),
    row("certificatependingmerge", OpClass::CertWrite, Activity::Update, DOCUMENTED),
    row("certificaterestore", OpClass::CertWrite, Activity::Write, DOCUMENTED),
    row("certificaterecover", OpClass::CertWrite, Activity::Write, DOCUMENTED),
    row("certificatepolicyset", OpClass::CertWrite, Activity::Write, DOCUMENTED),
    row("certificateissuerset", OpClass::CertWrite, Activity::Write, DOCUMENTED),
    row("certificatecontactsset", OpClass::CertWrite, Activity::Write, DOCUMENTED),
    row("certificatedelete", OpClass::CertWrite, Activity::Delete, DOCUMENTED),
    row("certificatepurge", OpClass::CertWrite, Activity::Delete, DOCUMENTED),
    row("certificateissuerdelete", OpClass::CertWrite, Activity::Delete, DOCUMENTED),
    row("certificatecontactsdelete", OpClass::CertWrite, Activity::Delete, DOCUMENTED),
    row("certificatependingdelete", OpClass::CertWrite, Activity::Delete, DOCUMENTED),
    row("certificateissuerupdate", OpClass::CertWrite, Activity::Update, DOCUMENTED),
    row("vaultget", OpClass::VaultAdmin, Activity::Read, DOCUMENTED),
    row("vaultgetdeleted", OpClass::VaultAdmin, Activity::Read, DOCUMENTED),
    row("vaultlist", OpClass::VaultAdmin, Activity::List, DOCUMENTED),
    row("vaultlistdeleted", OpClass::VaultAdmin, Activity::List, DOCUMENTED),
    row("vaultput", OpClass::VaultAdmin, Activity::Write, DOCUMENTED),
    row("vaultrecover", OpClass::VaultAdmin, Activity::Write, DOCUMENTED),
    row("vaultpatch", OpClass::VaultAdmin, Activity::Update, DOCUMENTED),
    row("vaultdelete", OpClass::VaultAdmin, Activity::Delete, DOCUMENTED),
    row("vaultpurge", OpClass::VaultAdmin, Activity::Delete, DOCUMENTED),
    // Names that the documentation does not have.
    row("secret*get*", OpClass::SecretRead, Activity::Read, NAMING),
    row("secret*list*", OpClass::SecretRead, Activity::List, NAMING),
    row("secret*delete*", OpClass::SecretWrite, Activity::Delete, NAMING),
    row("secret*purge*", OpClass::SecretWrite, Activity::Delete, NAMING),
    row("secret*set*", OpClass::SecretWrite, Activity::Write, NAMING),
    row("secret*update*", OpClass::SecretWrite, Activity::Update, NAMING),
    row("key*get*", OpClass::KeyRead, Activity::Read, NAMING),
    row("key*list*", OpClass::KeyRead, Activity::List, NAMING),
    row("key*delete*", OpClass::KeyWrite, Activity::Delete, NAMING),
    row("key*purge*", OpClass::KeyWrite, Activity::Delete, NAMING),
    row("key*set*", OpClass::KeyWrite, Activity::Write, NAMING),
    row("key*update*", OpClass::KeyWrite, Activity::Update, NAMING),
    row("certificate*get*", OpClass::CertRead, Activity::Read, NAMING),
    row("certificate*list*", OpClass::CertRead, Activity::List, NAMING),
    row("certificate*delete*", OpClass::CertWrite, Activity::Delete, NAMING),
    row("certificate*purge*", OpClass::CertWrite, Activity::Delete, NAMING),
    row("certificate*set*", OpClass::CertWrite, Activity::Write, NAMING),
    row("certificate*update*", OpClass::CertWrite, Activity::Update, NAMING),
    row("certificate*", OpClass::CertWrite, Activity::Write, NAMING),
    row("vault*", OpClass::VaultAdmin, Activity::Use, NAMING),
];
