//! Key layouts: which keys a record has, in which order, at every depth.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// A number that stands for the layout of a record. Values count only as far as they are objects
/// or arrays.
pub fn layout(record: &Map<String, Value>) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325;
    add_object(&mut state, record);
    state
}

fn add_object(state: &mut u64, members: &Map<String, Value>) {
    add(state, b"{");
    for (key, value) in members {
        add(state, key.as_bytes());
        add(state, b":");
        add_value(state, value);
    }
    add(state, b"}");
}

fn add_value(state: &mut u64, value: &Value) {
    match value {
        Value::Object(members) => add_object(state, members),
        Value::Array(elements) => {
            add(state, b"[");
            for element in elements {
                add_value(state, element);
            }
            add(state, b"]");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn add(state: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        *state = (*state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

/// How often each layout was seen.
#[derive(Debug, Clone, Default)]
pub struct Layouts(HashMap<u64, u64>);

impl Layouts {
    /// Counts one record of this layout.
    pub fn count(&mut self, layout: u64) {
        *self.0.entry(layout).or_default() += 1;
    }

    /// Adds what somebody else counted.
    pub fn add(&mut self, others: &Self) {
        for (layout, records) in &others.0 {
            *self.0.entry(*layout).or_default() += records;
        }
    }

    /// Different layouts.
    pub fn distinct(&self) -> usize {
        self.0.len()
    }

    /// Layouts that together are the layouts of this share of the records, the commonest first.
    pub fn needed_for(&self, share: f64) -> usize {
        let mut counts: Vec<u64> = self.0.values().copied().collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let wanted = counts.iter().sum::<u64>() as f64 * share;
        let mut sum = 0;
        counts
            .iter()
            .take_while(|count| {
                #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
                let goes_on = (sum as f64) < wanted;
                sum += **count;
                goes_on
            })
            .count()
    }

    /// Share of the records that have the commonest layout; 0 where there are none.
    pub fn commonest_share(&self) -> f64 {
        let (most, all) = (self.0.values().max().copied().unwrap_or(0), self.0.values().sum::<u64>());
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let share = if all == 0 { 0.0 } else { most as f64 / all as f64 };
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> u64 {
        layout(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_order_of_keys_counts_and_their_values_do_not() {
        assert_eq!(of("{\"a\":1,\"b\":{\"c\":\"x\"}}"), of("{\"a\":\"y\",\"b\":{\"c\":null}}"));
        assert_ne!(of("{\"a\":1,\"b\":2}"), of("{\"b\":1,\"a\":2}"));
        assert_ne!(of("{\"a\":{\"b\":1}}"), of("{\"a\":1,\"b\":1}"));
    }

    #[test]
    fn a_share_needs_the_commonest_layouts() {
        let mut layouts = Layouts::default();
        for (layout, records) in [(1, 90), (2, 5), (3, 5)] {
            (0..records).for_each(|_| layouts.count(layout));
        }

        assert_eq!((layouts.distinct(), layouts.needed_for(0.9), layouts.needed_for(0.95)), (3, 1, 2));
    }
}
