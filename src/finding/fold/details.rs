//! The distinct values of a column that a finding shows, and how many there are beside them.

use std::collections::{BTreeSet, HashSet};
use std::hash::BuildHasher as _;

/// How many distinct values of a `details` column a finding shows.
pub const MAX_DETAILS: usize = 10;

/// Distinct values of a `details` column that are told apart to be counted, beyond those that a
/// finding shows. Each takes up to 21 bytes, so a column of a finding some 150 KB at most.
pub const MOST_LEFT_OUT: u64 = 10_000;

/// The distinct values of a `details` column. Neither which are kept nor how many are left out
/// depends on their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Details {
    /// The first in order, [`MAX_DETAILS`] at most.
    pub(super) kept: BTreeSet<String>,
    /// Hashes of the others, [`MOST_LEFT_OUT`] at most. Their key is another in every run, so that
    /// nobody can write a log whose values count as one.
    left_out: HashSet<u64>,
}

impl Details {
    /// Takes a value in.
    pub(super) fn add(&mut self, value: &str) {
        if self.kept.contains(value) {
            return;
        }
        let is_full = self.kept.len() >= MAX_DETAILS;
        if is_full && self.kept.last().is_some_and(|last| last.as_str() < value) {
            self.leave_out(value);
            return;
        }
        self.kept.insert(value.to_owned());
        // What gives way does not come back: the last that is kept can only become an earlier one.
        if is_full && let Some(last) = self.kept.pop_last() {
            self.leave_out(&last);
        }
    }

    fn leave_out(&mut self, value: &str) {
        if self.count_left_out() < MOST_LEFT_OUT {
            let hash = self.left_out.hasher().hash_one(value);
            self.left_out.insert(hash);
        }
    }

    /// How many values are left out; [`MOST_LEFT_OUT`] means at least so many.
    pub(super) fn count_left_out(&self) -> u64 {
        u64::try_from(self.left_out.len()).unwrap_or(u64::MAX)
    }
}
