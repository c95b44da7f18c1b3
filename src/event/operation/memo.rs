//! Remembers decisions: a log has millions of records and a few hundred spellings of operations.

use std::cell::RefCell;

use hashbrown::{Equivalent, HashMap};

use super::Operation;
use super::storage::Category;
use crate::event::vocabulary::LogSource;

/// Most spellings that a thread remembers. Real logs have far fewer; a log that makes them up costs
/// time from here on, not memory.
const MAX_REMEMBERED: usize = 4_096;
/// Longest spelling that is remembered, in bytes. The longest operation seen has about 100.
const MAX_REMEMBERED_BYTES: usize = 256;

/// What a decision depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key<Text> {
    source: LogSource,
    category: Category,
    operation: Text,
}

impl Equivalent<Key<Box<str>>> for Key<&str> {
    fn equivalent(&self, known: &Key<Box<str>>) -> bool {
        (self.source, self.category, self.operation) == (known.source, known.category, &*known.operation)
    }
}

thread_local! {
    static REMEMBERED: RefCell<HashMap<Key<Box<str>>, Operation>> = RefCell::new(HashMap::new());
}

/// What was decided on this spelling before, else what `decide` says.
pub(super) fn recall_or(
    source: LogSource,
    category: Category,
    operation: &str,
    decide: impl FnOnce() -> Operation,
) -> Operation {
    let key = Key { source, category, operation };
    REMEMBERED.with_borrow_mut(|remembered| {
        if let Some(known) = remembered.get(&key) {
            return *known;
        }
        let decided = decide();
        if remembered.len() < MAX_REMEMBERED && operation.len() <= MAX_REMEMBERED_BYTES {
            remembered.insert(Key { source, category, operation: operation.into() }, decided);
        }
        decided
    })
}
