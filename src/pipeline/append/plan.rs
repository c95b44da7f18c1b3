//! Which objects to read, from where, and in which order.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::time::UNIX_EPOCH;

use super::super::worker::ReadObject;
use super::{AppendOptions, Appended};
use crate::cancel::Cancel;
use crate::lake::table::{Entry, Ledger};
use crate::redact;
use crate::source::{self, Location, Object};

/// Most objects of a round: a page of the ledger names all of them.
const ROUND_OBJECTS: usize = 20_000;

/// A part of the objects, chosen by a hash of their names: jobs with the same count and different
/// numbers share the work without speaking to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Number of the part, from 1.
    pub number: u64,
    /// How many there are.
    pub count: u64,
}

impl Default for Shard {
    /// Everything.
    fn default() -> Self {
        Self { number: 1, count: 1 }
    }
}

impl Shard {
    /// Whether an object of this name belongs to it.
    fn has(self, name: &str) -> bool {
        let hash = blake3::hash(name.as_bytes());
        let mut first = [0; 8];
        first.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(first) % self.count.max(1) == self.number - 1
    }
}

/// What is to be read.
pub(super) struct Plan {
    remaining: VecDeque<Object>,
    /// What the round under way reads, as it was listed.
    current: Vec<Object>,
    round_bytes: u64,
    pub(super) unchanged: u64,
}

/// What is to be done with an object.
enum Task {
    Nothing,
    Read,
    /// From there.
    ReadOn(u64),
    /// From its start, as it is not what it was.
    ReadAgain,
}

impl Plan {
    /// Plans for the objects of a listing. They are named so that they can be found again from
    /// anywhere.
    pub(super) fn new(objects: Vec<Object>, ledger: &Ledger, options: &AppendOptions) -> Self {
        let mut remaining: Vec<Object> = objects
            .into_iter()
            .map(|object| Object { name: full_name(&object), ..object })
            .filter(|object| options.shard.has(&object.name))
            .filter(|object| options.hours.is_none_or(|hours| hours.admits(&object.name)))
            .collect();
        let before = remaining.len();
        remaining.retain(|object| !ledger.objects.get(&object.name).is_some_and(|entry| is_as_it_was(object, entry)));
        let unchanged = (before - remaining.len()) as u64;
        // Objects without an hour, inventories among them, come first.
        remaining.sort_by_cached_key(|object| (source::hour_of(&object.name), object.name.clone()));
        let current = Vec::new();
        Self { remaining: remaining.into(), current, round_bytes: options.round_bytes, unchanged }
    }

    /// The objects of the next round, with the places to read them from; `None` where all is read.
    /// What was not [`advance`](Self::advance)d over is planned again.
    pub(super) fn round(&mut self, ledger: &Ledger, appended: &mut Appended, cancel: &Cancel) -> Option<Vec<Object>> {
        for object in std::mem::take(&mut self.current).into_iter().rev() {
            self.remaining.push_front(object);
        }
        let (mut round, mut bytes) = (Vec::new(), 0_u64);
        while let Some(object) = self.remaining.pop_front() {
            let start = match task(&object, ledger.objects.get(&object.name), cancel) {
                Task::Nothing => {
                    self.unchanged += 1;
                    continue;
                }
                Task::Read => 0,
                Task::ReadOn(start) => start,
                Task::ReadAgain => {
                    if !appended.replaced.contains(&object.name) {
                        appended.replaced.push(object.name.clone());
                    }
                    0
                }
            };
            bytes += object.size.saturating_sub(start);
            round.push(Object { start, ..object.clone() });
            self.current.push(object);
            if bytes >= self.round_bytes || round.len() >= ROUND_OBJECTS {
                break;
            }
        }
        (!round.is_empty()).then_some(round)
    }

    /// Says that a round was committed. What of it could not be read is left for the next run.
    pub(super) fn advance(&mut self) {
        self.current.clear();
    }
}

fn task(object: &Object, entry: Option<&Entry>, cancel: &Cancel) -> Task {
    let Some(entry) = entry else { return Task::Read };
    if is_as_it_was(object, entry) {
        return Task::Nothing;
    }
    let Some(tail) = &entry.tail else {
        // What cannot be read on is read again when it grows. That it begins as before is not known.
        return if object.size < entry.size { Task::ReadAgain } else { Task::Read };
    };
    if object.size < entry.read_to || tail_of(object, entry, cancel).as_ref() != Some(tail) {
        return Task::ReadAgain;
    }
    if object.size == entry.read_to { Task::Nothing } else { Task::ReadOn(entry.read_to) }
}

fn is_as_it_was(object: &Object, entry: &Entry) -> bool {
    object.size == entry.size && tag(object) == entry.tag
}

/// Hash of the bytes that an object now has where its tail was.
fn tail_of(object: &Object, entry: &Entry, cancel: &Cancel) -> Option<String> {
    let start = entry.read_to.checked_sub(entry.tail_bytes)?;
    let bytes = source::read_range(object, start, entry.tail_bytes, cancel).ok()?;
    Some(blake3::hash(&bytes).to_string())
}

/// What the ledger keeps of the objects of a round.
pub(super) fn entries(objects: &[Object], places: Vec<ReadObject>, ledger: &Ledger) -> BTreeMap<String, Entry> {
    let by_name: BTreeMap<&str, &Object> = objects.iter().map(|object| (object.name.as_str(), object)).collect();
    let entry = |place: ReadObject| {
        let object = by_name.get(place.name.as_str())?;
        let has_place = place.end.is_some();
        let before = ledger.objects.get(&place.name);
        let replaced_read_to =
            before.and_then(|before| if object.start == 0 { Some(before.replaced()) } else { before.replaced_read_to });
        let entry = Entry {
            size: place.end.unwrap_or(object.size),
            tag: tag(object),
            read_to: place.end.unwrap_or(0),
            tail_bytes: if has_place { place.tail.len() as u64 } else { 0 },
            tail: has_place.then(|| blake3::hash(&place.tail).to_string()),
            replaced_read_to,
        };
        Some((place.name, entry))
    };
    places.into_iter().filter_map(entry).collect()
}

/// What changes whenever an object does.
fn tag(object: &Object) -> String {
    match &object.location {
        Location::Stdin => String::new(),
        #[cfg(feature = "azure")]
        Location::Blob(_) => object.etag.clone().unwrap_or_default(),
        Location::Local(path) => {
            let changed = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
            let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
            since.map_or_else(String::new, |since| since.as_nanos().to_string())
        }
    }
}

fn full_name(object: &Object) -> String {
    match &object.location {
        Location::Stdin => object.name.clone(),
        #[cfg(feature = "azure")]
        Location::Blob(_) => object.name.clone(),
        Location::Local(path) => std::path::absolute(path)
            .map_or_else(|_error| object.name.clone(), |path| redact::text(&path.display().to_string()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_belongs_to_exactly_one_shard() {
        for name in ["a", "b", "az://account/insights-logs-storageread/y=2026/m=11/d=29/h=08/m=00/PT1H.json"] {
            let owners = (1..=5).filter(|number| Shard { number: *number, count: 5 }.has(name)).count();

            assert_eq!(owners, 1, "{name}");
        }
    }
}
