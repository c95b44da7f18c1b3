//! Actions of the Azure SQL audit, by name and by id.

use super::{DOCUMENTED, KNOWN, Operation, OperationRow, find};
use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

/// A row of [`TABLE`].
const fn row(operation: &'static str, op_class: OpClass, activity: Activity, from: &'static str) -> OperationRow {
    OperationRow { source: LogSource::Sql, operation, is: Operation { op_class, plane: Plane::Data, activity }, from }
}

/// What an action is.
pub(super) fn classify(folded: &str) -> Operation {
    let other = Operation { op_class: OpClass::Other, plane: Plane::Data, activity: Activity::Use };
    find(TABLE.iter(), folded).unwrap_or(other)
}

/// A batch or remote call is logged when it is completed and, where so configured, when it begins.
/// Statements that define or grant come as batches too, unless their own action groups are on:
/// <https://techcommunity.microsoft.com/blog/azuredbsupport/understanding-action-id-discrepancies-in-azure-sql-database-audit-logs-bcm-vs-al/4509932>,
/// read 2026-11.
#[rustfmt::skip]
pub(super) const TABLE: &[OperationRow] = &[
    row("database authentication succeeded", OpClass::SqlLogin, Activity::Connect, DOCUMENTED),
    row("dbas", OpClass::SqlLogin, Activity::Connect, DOCUMENTED),
    row("database authentication failed", OpClass::SqlLogin, Activity::Connect, DOCUMENTED),
    row("dbaf", OpClass::SqlLogin, Activity::Connect, DOCUMENTED),
    row("login succeeded", OpClass::SqlLogin, Activity::Connect, KNOWN),
    row("lgis", OpClass::SqlLogin, Activity::Connect, KNOWN),
    row("login failed", OpClass::SqlLogin, Activity::Connect, KNOWN),
    row("lgif", OpClass::SqlLogin, Activity::Connect, KNOWN),

    row("batch completed", OpClass::SqlQuery, Activity::Query, DOCUMENTED),
    row("bcm", OpClass::SqlQuery, Activity::Query, DOCUMENTED),
    row("batch started", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("bst", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("rpc completed", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("rcm", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("rpc started", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("rst", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("select", OpClass::SqlQuery, Activity::Query, DOCUMENTED),
    row("sl", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("execute", OpClass::SqlQuery, Activity::Query, DOCUMENTED),
    row("ex", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("receive", OpClass::SqlQuery, Activity::Query, DOCUMENTED),
    row("rc", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("references", OpClass::SqlQuery, Activity::Query, DOCUMENTED),
    row("rf", OpClass::SqlQuery, Activity::Query, KNOWN),
    row("insert", OpClass::SqlQuery, Activity::Write, DOCUMENTED),
    row("in", OpClass::SqlQuery, Activity::Write, KNOWN),
    row("update", OpClass::SqlQuery, Activity::Update, DOCUMENTED),
    row("up", OpClass::SqlQuery, Activity::Update, KNOWN),
    row("delete", OpClass::SqlQuery, Activity::Delete, DOCUMENTED),
    row("dl", OpClass::SqlQuery, Activity::Delete, KNOWN),
    row("create", OpClass::SqlQuery, Activity::Create, KNOWN),
    row("cr", OpClass::SqlQuery, Activity::Create, DOCUMENTED),
    row("alter", OpClass::SqlQuery, Activity::Update, KNOWN),
    row("al", OpClass::SqlQuery, Activity::Update, DOCUMENTED),
    row("drop", OpClass::SqlQuery, Activity::Delete, KNOWN),
    row("dr", OpClass::SqlQuery, Activity::Delete, DOCUMENTED),
    row("grant", OpClass::SqlQuery, Activity::Update, KNOWN),
    row("g", OpClass::SqlQuery, Activity::Update, KNOWN),
    row("deny", OpClass::SqlQuery, Activity::Update, KNOWN),
    row("d", OpClass::SqlQuery, Activity::Update, KNOWN),
    row("revoke", OpClass::SqlQuery, Activity::Update, KNOWN),
    row("r", OpClass::SqlQuery, Activity::Update, KNOWN),
];
