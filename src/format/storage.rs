//! To come.

use crate::event::{Row, Scratch};
use crate::format::RejectReason;
use crate::json::Value;

pub(super) const JSON_IN_STRINGS: &[&[&str]] = &[];

pub(super) fn probe(_root: Value<'_>) -> bool {
    false
}

pub(super) fn decode<'r>(_root: Value<'r>, _scratch: &'r Scratch) -> Result<Row<'r>, RejectReason> {
    Err(RejectReason::NoTime)
}
