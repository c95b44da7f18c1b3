//! Operations of Azure Resource Manager, as the Activity Log has them.

use super::{DOCUMENTED, KNOWN, Operation, OperationRow, RECORDS, RULES, activity_of_verb, find};
use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

/// A row of these tables.
const fn row(operation: &'static str, op_class: OpClass, activity: Activity, from: &'static str) -> OperationRow {
    OperationRow {
        source: LogSource::Activity,
        operation,
        is: Operation { op_class, plane: Plane::Management, activity },
        from,
    }
}

/// What an operation is.
///
/// One on a resource nested under another provider's (`…/providers/microsoft.insights/…`) is the
/// inner provider's. A name that the portal shows instead of the operation tells only the kind of
/// act, unless the table has it.
pub(super) fn classify(folded: &str) -> Operation {
    let inner = match folded.rsplit_once("/providers/") {
        Some((_, inner)) if inner.split('/').next().is_some_and(|namespace| namespace.contains('.')) => inner,
        _ => folded,
    };
    let activity = if folded.contains(' ') { activity_of_verb(folded) } else { Activity::Use };
    find(rows(), inner).unwrap_or(Operation { op_class: OpClass::Other, plane: Plane::Management, activity })
}

/// Every row, the more specific pattern before the less.
pub(super) fn rows() -> impl Iterator<Item = &'static OperationRow> + Clone {
    SPECIFIC.iter().chain(PROVIDERS.iter().flatten()).chain(ENDINGS)
}

/// Operations that are more than the management of their provider's resources.
#[rustfmt::skip]
const SPECIFIC: &[OperationRow] = &[
    // The Activity Log has no reads of Azure's own; those of a provider change nothing.
    row("microsoft.keyvault/vaults/secrets/read", OpClass::SecretRead, Activity::Read, KNOWN),
    row("microsoft.keyvault/vaults/secrets/getsecret/action", OpClass::SecretRead, Activity::Read, RULES),
    row("*/read", OpClass::Other, Activity::Read, DOCUMENTED),

    // Keys and signatures that open data.
    row("microsoft.storage/storageaccounts/listkeys/action", OpClass::KeyListing, Activity::Use, RULES),
    row("microsoft.storage/storageaccounts/regeneratekey/action", OpClass::KeyListing, Activity::Use, RULES),
    row("microsoft.storage/storageaccounts/rotatekey/action", OpClass::KeyListing, Activity::Use, DOCUMENTED),
    row("microsoft.storage/storageaccounts/listaccountsas/action", OpClass::SasListing, Activity::Use, RECORDS),
    row("microsoft.storage/storageaccounts/listservicesas/action", OpClass::SasListing, Activity::Use, DOCUMENTED),
    row("microsoft.storage/storageaccounts/*/generateuserdelegationkey/action", OpClass::Delegation, Activity::Delegate, DOCUMENTED),
    row("microsoft.compute/disks/begingetaccess/action", OpClass::SasListing, Activity::Use, RULES),
    // Of snapshots and restore points, too.
    row("microsoft.compute/*/begingetaccess/action", OpClass::SasListing, Activity::Use, DOCUMENTED),
    row("microsoft.documentdb/databaseaccounts/listkeys/action", OpClass::KeyListing, Activity::Use, RULES),
    row("microsoft.documentdb/databaseaccounts/readonlykeys/action", OpClass::KeyListing, Activity::Use, DOCUMENTED),
    row("microsoft.documentdb/databaseaccounts/listconnectionstrings/action", OpClass::KeyListing, Activity::Use, DOCUMENTED),
    row("microsoft.documentdb/databaseaccounts/regeneratekey/action", OpClass::KeyListing, Activity::Use, DOCUMENTED),
    row("microsoft.eventhub/*/authorizationrules/listkeys/action", OpClass::KeyListing, Activity::Use, DOCUMENTED),
    row("microsoft.servicebus/*/authorizationrules/listkeys/action", OpClass::KeyListing, Activity::Use, DOCUMENTED),
    row("*/listkeys/action", OpClass::KeyListing, Activity::Use, RULES),
    row("*/readonlykeys/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("*/listconnectionstrings/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("*/listcredentials/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("*/sharedkeys/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("*/listauthkeys/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("*/regenerate*/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("*/rotatekey/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("microsoft.web/sites/*config/list/action", OpClass::KeyListing, Activity::Use, KNOWN),
    row("microsoft.keyvault/vaults/secrets/write", OpClass::SecretWrite, Activity::Write, KNOWN),

    // Roles.
    row("microsoft.authorization/roleassignments/write", OpClass::RoleAssign, Activity::Assign, RULES),
    row("microsoft.authorization/roleassignments/delete", OpClass::RoleRevoke, Activity::Revoke, RULES),
    row("microsoft.authorization/elevateaccess/action", OpClass::RoleAssign, Activity::Assign, RULES),
    row("microsoft.documentdb/databaseaccounts/sqlroleassignments/write", OpClass::RoleAssign, Activity::Assign, DOCUMENTED),
    row("microsoft.documentdb/databaseaccounts/sqlroleassignments/delete", OpClass::RoleRevoke, Activity::Revoke, DOCUMENTED),
    row("microsoft.managedidentity/userassignedidentities/assign/action", OpClass::IdentityManage, Activity::Assign, DOCUMENTED),
    // A policy that looked at somebody's request: the caller did not manage it.
    row("microsoft.authorization/policies/*/action", OpClass::Other, Activity::Use, RULES),

    // Diagnostic settings, of resources and of Entra.
    row("microsoft.insights/diagnosticsettings/write", OpClass::DiagWrite, Activity::Write, RECORDS),
    row("microsoft.insights/diagnosticsettings/delete", OpClass::DiagDelete, Activity::Delete, RULES),
    row("microsoft.aadiam/diagnosticsettings/write", OpClass::DiagWrite, Activity::Write, DOCUMENTED),
    row("microsoft.aadiam/diagnosticsettings/delete", OpClass::DiagDelete, Activity::Delete, DOCUMENTED),

    // Commands on machines.
    row("*/runcommand/action", OpClass::CommandRun, Activity::Use, RULES),
    row("*/runcommands/write", OpClass::CommandRun, Activity::Write, RULES),
    row("microsoft.compute/*/extensions/write", OpClass::CommandRun, Activity::Write, RULES),
    row("microsoft.hybridcompute/*/extensions/write", OpClass::CommandRun, Activity::Write, KNOWN),

    // Names that the portal shows and its CSV download has.
    row("list storage account keys", OpClass::KeyListing, Activity::Use, RECORDS),
    row("regenerate storage account keys", OpClass::KeyListing, Activity::Use, KNOWN),
    row("delete storage account", OpClass::StorageManage, Activity::Delete, RECORDS),
    row("create/update storage account", OpClass::StorageManage, Activity::Write, KNOWN),
    row("create role assignment", OpClass::RoleAssign, Activity::Assign, KNOWN),
    row("delete role assignment", OpClass::RoleRevoke, Activity::Revoke, KNOWN),
    row("assigns the caller to user access administrator role", OpClass::RoleAssign, Activity::Assign, RULES),
    row("create or update resource diagnostic setting", OpClass::DiagWrite, Activity::Write, KNOWN),
    row("delete resource diagnostic setting", OpClass::DiagDelete, Activity::Delete, KNOWN),
];

/// What is done to the resources that a pattern names, by how the operation ends.
macro_rules! resources {
    ($pattern:literal, $class:ident) => {
        [
            row(concat!($pattern, "/write"), OpClass::$class, Activity::Write, DOCUMENTED),
            row(concat!($pattern, "/delete"), OpClass::$class, Activity::Delete, DOCUMENTED),
            row(concat!($pattern, "/action"), OpClass::$class, Activity::Use, DOCUMENTED),
        ]
    };
}

/// The provider decides; access connectors are Databricks resources with a class of their own.
const PROVIDERS: &[[OperationRow; 3]] = &[
    resources!("microsoft.databricks/accessconnectors*", ConnectorManage),
    resources!("microsoft.databricks/*", WorkspaceManage),
    resources!("microsoft.compute/*", ComputeManage),
    resources!("microsoft.network/*", NetworkManage),
    resources!("microsoft.storage/*", StorageManage),
    resources!("microsoft.managedidentity/*", IdentityManage),
    resources!("microsoft.keyvault/*", VaultManage),
    resources!("microsoft.eventgrid/*", EventgridManage),
    resources!("microsoft.resources/*", DeploymentManage),
    resources!("microsoft.authorization/*", PolicyManage),
    resources!("microsoft.policyinsights/*", PolicyManage),
];

/// What is known of any operation.
const ENDINGS: &[OperationRow] = &[
    row("*/write", OpClass::Other, Activity::Write, DOCUMENTED),
    row("*/delete", OpClass::Other, Activity::Delete, DOCUMENTED),
    row("*/action", OpClass::Other, Activity::Use, DOCUMENTED),
];
