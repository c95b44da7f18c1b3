//! Which operation belongs to which class: one table a source, and rules for what is in none.
//!
//! An operation is looked up in lower case: first as it is, then by the patterns of its source in
//! the order of the table, then by the words in its name. What remains is [`OpClass::Other`].

use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

mod arm;
mod databricks;
mod directory;
mod key_vault;
mod memo;
mod sql;
mod storage;

#[cfg(test)]
mod tests;

/// Seen in real records.
const RECORDS: &str = "seen in real records";
/// Named in the rules that others ship for these logs.
const RULES: &str = "rules of SigmaHQ, Elastic and Panther, 2026";
/// Named in Microsoft's documentation.
const DOCUMENTED: &str = "Microsoft's documentation, 2026";
/// Common knowledge.
const KNOWN: &str = "practitioners' knowledge, not seen in a record";
/// Drawn from how the other names are made.
const NAMING: &str = "by the pattern of the names, not verified";

/// What the tables say about an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Its class.
    pub op_class: OpClass,
    /// The part of the system that it belongs to.
    pub plane: Plane,
    /// The kind of act.
    pub activity: Activity,
}

/// Classifies an operation of a source. `operation` may be in any case. `category` is the storage
/// category (`StorageRead`, …), which decides where the operation is not in the table.
///
/// Formats ask for every record, so each thread remembers what it was told.
pub fn classify(source: LogSource, operation: &str, category: Option<&str>) -> Operation {
    let category = storage::Category::of(source, category);
    memo::recall_or(source, category, operation, || decide(source, operation, category))
}

/// Decides what [`classify`] remembers.
fn decide(source: LogSource, operation: &str, category: storage::Category) -> Operation {
    let folded = operation.trim().to_ascii_lowercase();
    match source {
        // An inventory states what an operation of Azure Resource Manager once did.
        LogSource::Activity | LogSource::Inventory => arm::classify(&folded),
        LogSource::Signin => SIGN_IN.is,
        LogSource::Storage => storage::classify(&folded, category),
        LogSource::KeyVault => key_vault::classify(&folded),
        LogSource::Sql => sql::classify(&folded),
        LogSource::Databricks => databricks::classify(&folded),
        LogSource::EntraAudit => directory::classify(&folded),
    }
}

/// A row of the `op_map` side table.
#[derive(Debug, Clone, Copy)]
pub struct OperationRow {
    /// Source whose operation it is.
    pub source: LogSource,
    /// Operation in lower case, or a pattern with `*`.
    pub operation: &'static str,
    /// What it is.
    pub is: Operation,
    /// Where this is known from.
    pub from: &'static str,
}

/// Every record of a sign-in log is one.
const SIGN_IN: OperationRow = OperationRow {
    source: LogSource::Signin,
    operation: "*",
    is: Operation { op_class: OpClass::TokenIssue, plane: Plane::Auth, activity: Activity::Logon },
    from: RECORDS,
};

/// Every row of the tables, sorted by source and operation.
pub fn rows() -> Vec<OperationRow> {
    let mut rows: Vec<OperationRow> = arm::rows().copied().collect();
    rows.push(SIGN_IN);
    for table in [storage::TABLE, key_vault::TABLE, sql::TABLE, databricks::TABLE, directory::TABLE] {
        rows.extend_from_slice(table);
    }
    rows.sort_by_key(|row| (row.source, row.operation));
    rows
}

/// What the table says about an operation: its own row, else that of the first pattern it matches.
fn find<'t>(table: impl Iterator<Item = &'t OperationRow> + Clone, folded: &str) -> Option<Operation> {
    table
        .clone()
        .find(|row| row.operation == folded)
        .or_else(|| table.into_iter().find(|row| matches(row.operation, folded)))
        .map(|row| row.is)
}

/// Whether `text` is as `pattern` says, in which each `*` stands for any text, also for none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, mut tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    while let Some((part, next)) = tail.split_once('*') {
        let Some((_, after)) = rest.split_once(part) else { return false };
        (rest, tail) = (after, next);
    }
    rest.ends_with(tail)
}

/// The kind of act that the first word of a name tells, as in `ListBlobs` or `Delete group`.
fn activity_of_verb(folded: &str) -> Activity {
    const VERBS: &[(&str, Activity)] = &[
        ("add", Activity::Create),
        ("change", Activity::Update),
        ("create", Activity::Create),
        ("delete", Activity::Delete),
        ("edit", Activity::Update),
        ("find", Activity::List),
        ("get", Activity::Read),
        ("hard delete", Activity::Delete),
        ("list", Activity::List),
        ("peek", Activity::Read),
        ("put", Activity::Write),
        ("query", Activity::Read),
        ("read", Activity::Read),
        ("remove", Activity::Delete),
        ("set", Activity::Update),
        ("update", Activity::Update),
        ("write", Activity::Write),
    ];
    VERBS.iter().find(|(verb, _)| folded.starts_with(verb)).map_or(Activity::Use, |(_, activity)| *activity)
}
