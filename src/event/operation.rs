//! Sections B.3 to B.7: which operation belongs to which class.

use crate::event::vocabulary::{Activity, LogSource, OpClass, Plane};

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
pub fn classify(_source: LogSource, _operation: &str, _category: Option<&str>) -> Operation {
    Operation { op_class: OpClass::Other, plane: Plane::Management, activity: Activity::Use }
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

/// Every row of the tables, sorted by source and operation.
pub fn rows() -> Vec<OperationRow> {
    Vec::new()
}
