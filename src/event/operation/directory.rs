//! Activities of the Entra audit log, by display name.

use super::{DOCUMENTED, KNOWN, Operation, OperationRow, RECORDS, RULES, activity_of_verb, find};
use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

/// A row of [`TABLE`].
const fn row(operation: &'static str, op_class: OpClass, activity: Activity, from: &'static str) -> OperationRow {
    OperationRow {
        source: LogSource::EntraAudit,
        operation,
        is: Operation { op_class, plane: Plane::Directory, activity },
        from,
    }
}

/// What an activity is.
pub(super) fn classify(folded: &str) -> Operation {
    find(TABLE.iter(), folded).unwrap_or_else(|| Operation {
        op_class: OpClass::Other,
        plane: Plane::Directory,
        activity: activity_of_verb(folded),
    })
}

/// By what is changed. The names are those of
/// <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>, read
/// 2026-11. Being asked for, refused or made eligible for a role is not holding it; the assignment
/// that follows has a record of its own.
#[rustfmt::skip]
pub(super) const TABLE: &[OperationRow] = &[
    row("add member to role*request*", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("remove member from role*request*", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("add member to role*", OpClass::RoleAssign, Activity::Assign, DOCUMENTED),
    row("remove member from role*", OpClass::RoleRevoke, Activity::Revoke, DOCUMENTED),
    row("add eligible member*", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("remove eligible member*", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("add scoped member to role", OpClass::RoleAssign, Activity::Assign, DOCUMENTED),
    row("remove scoped member from role", OpClass::RoleRevoke, Activity::Revoke, DOCUMENTED),

    row("add app role assignment to service principal", OpClass::RoleAssign, Activity::Assign, RECORDS),
    row("remove app role assignment from service principal", OpClass::RoleRevoke, Activity::Revoke, DOCUMENTED),
    row("add app role assignment grant to user", OpClass::RoleAssign, Activity::Assign, DOCUMENTED),
    row("add app role assignment to group", OpClass::RoleAssign, Activity::Assign, DOCUMENTED),
    row("remove app role assignment from user", OpClass::RoleRevoke, Activity::Revoke, DOCUMENTED),
    row("remove app role assignment from group", OpClass::RoleRevoke, Activity::Revoke, DOCUMENTED),
    row("add delegated permission grant", OpClass::RoleAssign, Activity::Assign, DOCUMENTED),
    row("remove delegated permission grant", OpClass::RoleRevoke, Activity::Revoke, DOCUMENTED),
    row("consent to application", OpClass::RoleAssign, Activity::Assign, RULES),

    row("add service principal credentials", OpClass::IdentityManage, Activity::Create, RULES),
    row("remove service principal credentials", OpClass::IdentityManage, Activity::Delete, DOCUMENTED),
    // The dash is an en dash in Microsoft's records; others replace it.
    row("update application*certificates and secrets management", OpClass::IdentityManage, Activity::Update, RULES),
    row("add federated identity credential", OpClass::IdentityManage, Activity::Create, KNOWN),
    row("add service principal", OpClass::IdentityManage, Activity::Create, DOCUMENTED),
    row("update service principal", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("remove service principal", OpClass::IdentityManage, Activity::Delete, DOCUMENTED),
    row("hard delete service principal", OpClass::IdentityManage, Activity::Delete, DOCUMENTED),
    row("restore service principal", OpClass::IdentityManage, Activity::Write, DOCUMENTED),
    row("add owner to service principal", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("remove owner from service principal", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("add application", OpClass::IdentityManage, Activity::Create, DOCUMENTED),
    row("update application", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("delete application", OpClass::IdentityManage, Activity::Delete, DOCUMENTED),
    row("add owner to application", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("remove owner from application", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    // Groups hold roles too.
    row("add member to group", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
    row("remove member from group", OpClass::IdentityManage, Activity::Update, DOCUMENTED),
];
