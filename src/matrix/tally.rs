//! How often something happened, when first and last, and by which events that can be looked up.

use serde::Serialize;

use crate::time::UtcMicros;

/// One event, as evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Seen {
    /// When.
    pub time: UtcMicros,
    /// Which event.
    pub event_uid: String,
}

/// A count of events with the first and the last of them. The default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub events: u64,
    /// The earliest, the smallest uid where several are.
    pub first: Option<Seen>,
    /// The latest, the largest uid where several are.
    pub last: Option<Seen>,
}

impl Tally {
    /// Adds the events of another tally. The order of additions does not matter.
    pub fn add(&mut self, other: &Self) {
        self.events = self.events.saturating_add(other.events);
        let earliest = self.first.iter().chain(&other.first).min().cloned();
        let latest = self.last.iter().chain(&other.last).max().cloned();
        (self.first, self.last) = (earliest, latest);
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(events: u64, first: (i64, &str), last: (i64, &str)) -> Tally {
        let seen = |(time, uid): (i64, &str)| Some(Seen { time: UtcMicros(time), event_uid: uid.to_owned() });
        Tally { events, first: seen(first), last: seen(last) }
    }

    #[test]
    fn tallies_add_up_in_any_order() {
        let (one, other) = (tally(2, (5, "b"), (9, "c")), tally(1, (5, "a"), (5, "a")));
        let mut sum = Tally::default();
        sum.add(&one);
        sum.add(&other);
        let mut turned = other;
        turned.add(&one);

        assert_eq!(sum, turned);
        assert_eq!(sum, tally(3, (5, "a"), (9, "c")));
        assert!(Tally::default().is_empty());
    }
}
