//! The keys that records were seen with, which of them are wanted, and which follows which.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use wide::u8x16;

use super::{Step, Take, Want, skip_space};
use crate::json::text::plain_run;

/// Stands for no key, and for no shape.
pub(super) const NONE: u32 = u32::MAX;

/// Shape of the record itself.
pub(super) const TOP: u32 = 0;

/// Most keys that are remembered. A tenant's logs have a few hundred; logs that make keys up cost
/// time from here on, not memory.
const MAX_KEYS: usize = 16_384;

/// Longest key that is remembered, in bytes. The longest claim seen has some 90.
const MAX_KEY_BYTES: usize = 256;

/// Most bytes before a value that are remembered with a key: a key, and the white space of records
/// that people have indented.
const MAX_LEAD_BYTES: usize = MAX_KEY_BYTES + 64;

/// Most bytes before a value that are compared at once. Few keys of logs are longer.
const SHORT_LEAD_BYTES: usize = 32;

/// The kinds of values that are wanted of a member, as bits. Nobody wants a member without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const SCALAR: Self = Self(1);
    pub(super) const OBJECT: Self = Self(2);
    pub(super) const ARRAY: Self = Self(4);
    pub(super) const ANY: Self = Self(8);

    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(super) fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }

    fn add(&mut self, kind: Self) {
        self.0 |= kind.0;
    }
}

/// What is wanted of a value, and what is known of values at its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) kinds: Kinds,
    /// Where to keep what is found; counts only where something is wanted.
    pub(super) slot: usize,
    /// The shape of objects here.
    object: u32,
    /// The first element of arrays here, and all the others, as keys without a name.
    elements: [u32; 2],
}

impl Plan {
    const UNKNOWN: Self = Self { kinds: Kinds(0), slot: 0, object: NONE, elements: [NONE; 2] };
}

/// A member of objects of one shape, or an element of an array.
#[derive(Debug)]
struct Key {
    /// As it stands in a record, in its quotes.
    quoted: Box<[u8]>,
    /// What stood before its value when it was last looked at.
    lead: Lead,
    shape: u32,
    plan: Plan,
    /// What came after it, the usual one first.
    next: [u32; 2],
}

/// All that stands before a value: its key and the colon, with the white space around them. Empty
/// where none was seen yet.
#[derive(Debug, Default)]
struct Lead {
    bytes: Vec<u8>,
    /// The same in a form that is compared at once, where it is short enough.
    start: [u8x16; 2],
    /// One bit for each byte of `start` that may be anything.
    free: u32,
}

impl Lead {
    fn set(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        let mut start = [0; SHORT_LEAD_BYTES];
        for (byte, held) in start.iter_mut().zip(bytes) {
            *byte = *held;
        }
        self.start = halves(&start);
        self.free = u32::MAX.checked_shl(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).unwrap_or(0);
    }

    /// Its length, where the input begins with it.
    #[inline]
    fn length_in(&self, input: &[u8]) -> Option<usize> {
        let length = self.bytes.len();
        let begins = match input.first_chunk::<SHORT_LEAD_BYTES>() {
            Some(start) if length <= SHORT_LEAD_BYTES => {
                let [low, high] = halves(start);
                let equal = low.simd_eq(self.start[0]).to_bitmask() | high.simd_eq(self.start[1]).to_bitmask() << 16;
                equal | self.free == u32::MAX
            }
            _ => input.starts_with(&self.bytes),
        };
        (begins && length > 0).then_some(length)
    }
}

fn halves(bytes: &[u8; SHORT_LEAD_BYTES]) -> [u8x16; 2] {
    let mut halves = [[0; SHORT_LEAD_BYTES / 2]; 2];
    for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
        *half = *bytes;
    }
    halves.map(u8x16::from)
}

/// The objects at one place.
#[derive(Debug)]
struct Shape {
    /// What came first in them.
    first: [u32; 2],
    /// Members that are wanted in any case, as keys to be copied.
    any_case: Vec<(&'static str, u32)>,
}

/// Where a key is expected: at the start of an object, or after another key of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    shape: u32,
    /// [`NONE`] at the start.
    after: u32,
    expected: [u32; 2],
}

impl Spot {
    /// The spot after a member of the same object.
    pub(super) fn after(self, member: &Member) -> Self {
        Self { shape: self.shape, after: member.key, expected: member.next }
    }
}

/// A key that stands in a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// [`NONE`] where it is not remembered.
    pub(super) key: u32,
    pub(super) plan: Plan,
    /// What may come after it.
    next: [u32; 2],
    /// Where its value begins.
    pub(super) value: usize,
}

#[derive(Debug)]
pub(super) struct KeyTree {
    keys: Vec<Key>,
    shapes: Vec<Shape>,
    by_name: HashTable<u32>,
    hasher: DefaultHashBuilder,
    slots: usize,
    surprises: u64,
}

impl KeyTree {
    pub(super) fn new(wants: &[Want]) -> Self {
        let top = Shape { first: [NONE; 2], any_case: Vec::new() };
        let mut keys = Self {
            keys: Vec::new(),
            shapes: vec![top],
            by_name: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            slots: wants.len(),
            surprises: 0,
        };
        for (number, want) in wants.iter().enumerate() {
            keys.want(number, want);
        }
        keys
    }

    /// How many slots there are: those of the wanted members come first, in their order.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// How many keys were none of those that were expected.
    pub(super) fn surprises(&self) -> u64 {
        self.surprises
    }

    fn want(&mut self, number: usize, want: &Want) {
        let mut shape = TOP;
        let mut here = NONE;
        for step in want.path {
            let step_kind = if here == NONE { None } else { Some(kind_before(*step)) };
            if let Some(kind) = step_kind {
                self.expect(here, kind);
                shape = self.object(here);
            }
            here = match step {
                Step::Key(name) => self.named(shape, name),
                Step::AnyCase(name) => {
                    let template = self.add(Box::default(), NONE);
                    if let Some(shape) = self.shape_mut(shape) {
                        shape.any_case.push((name, template));
                    }
                    template
                }
                Step::Only => self.elements(here).first().copied().unwrap_or(NONE),
            };
        }
        self.expect(
            here,
            match want.take {
                Take::Scalar => Kinds::SCALAR,
                Take::Object => Kinds::OBJECT,
                Take::Items => Kinds::ARRAY,
                Take::Value => Kinds::ANY,
            },
        );
        if let Some(key) = self.key_mut(here) {
            key.plan.slot = number;
        }
    }

    /// Wants a kind of value of a member; whatever is wanted has a slot, for it must not be there
    /// twice.
    fn expect(&mut self, key: u32, kind: Kinds) {
        let slot = self.slots;
        if let Some(key) = self.key_mut(key)
            && key.plan.kinds.is_none()
        {
            key.plan.slot = slot;
            self.slots += 1;
        }
        if let Some(key) = self.key_mut(key) {
            key.plan.kinds.add(kind);
        }
    }

    fn named(&mut self, shape: u32, name: &str) -> u32 {
        let quoted = format!("\"{name}\"");
        match self.find(shape, quoted.as_bytes()) {
            NONE => self.add(quoted.into_bytes().into_boxed_slice(), shape),
            known => known,
        }
    }

    /// What is known of the value of a key.
    pub(super) fn plan(&self, key: u32) -> Plan {
        self.key(key).map_or(Plan::UNKNOWN, |key| key.plan)
    }

    /// The key before the value that follows at `at`, the position after a brace or comma, and where
    /// the value begins. [`NONE`] for a key that is not remembered; `None` where there is no key, or
    /// one with an escape.
    #[inline]
    pub(super) fn at(&mut self, input: &[u8], at: usize, spot: Spot) -> Option<Member> {
        let rest = input.get(at..)?;
        for expected in spot.expected {
            if let Some(key) = self.key(expected)
                && let Some(length) = key.lead.length_in(rest)
            {
                return Some(Member { key: expected, plan: key.plan, next: key.next, value: at + length });
            }
        }
        self.read(input, at, spot)
    }

    /// The same where the bytes are none of those that are expected.
    #[cold]
    fn read(&mut self, input: &[u8], at: usize, spot: Spot) -> Option<Member> {
        let quote = skip_space(input, at);
        (*input.get(quote)? == b'"').then_some(())?;
        let end = plain_run(input, quote + 1);
        (*input.get(end)? == b'"').then_some(())?;
        let quoted = input.get(quote..=end)?;
        let colon = skip_space(input, end + 1);
        (*input.get(colon)? == b':').then_some(())?;
        let value = skip_space(input, colon + 1);
        // A value begins within the input, or its white space is not all there yet.
        input.get(value)?;
        let is_it = |id: u32| self.key(id).is_some_and(|key| *key.quoted == *quoted);
        let key = match spot.expected.into_iter().find(|id| is_it(*id)) {
            Some(expected) => expected,
            None => self.look_up(spot, quoted),
        };
        let lead = input.get(at..value)?;
        let Some(known) = self.key_mut(key) else {
            return Some(Member { key, plan: Plan::UNKNOWN, next: [NONE; 2], value });
        };
        // Most often only the order of keys was another one.
        if lead.len() <= MAX_LEAD_BYTES && known.lead.bytes != lead {
            known.lead.set(lead);
        }
        Some(Member { key, plan: known.plan, next: known.next, value })
    }

    /// The start of an object.
    #[inline]
    pub(super) fn start(&self, shape: u32) -> Spot {
        let first = self.shapes.get(index(shape)).map_or([NONE; 2], |shape| shape.first);
        Spot { shape, after: NONE, expected: first }
    }

    /// Finds a key that was not expected, and expects it from now on.
    fn look_up(&mut self, spot: Spot, quoted: &[u8]) -> u32 {
        self.surprises += 1;
        if spot.shape == NONE {
            return NONE;
        }
        let key = match self.find(spot.shape, quoted) {
            NONE => self.learn(spot.shape, quoted),
            known => known,
        };
        let expected = match self.key_mut(spot.after) {
            Some(before) => Some(&mut before.next),
            None => self.shape_mut(spot.shape).map(|shape| &mut shape.first),
        };
        // The usual one stays where it is: an odd record must not make all others look keys up.
        if let Some([usual, other]) = expected {
            *(if *usual == NONE { usual } else { other }) = key;
        }
        key
    }

    fn learn(&mut self, shape: u32, quoted: &[u8]) -> u32 {
        let name = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let wanted = self.shapes.get(index(shape)).and_then(|shape| {
            shape.any_case.iter().find(|(any, _)| any.as_bytes().eq_ignore_ascii_case(name)).map(|(_, key)| *key)
        });
        if self.keys.len() >= MAX_KEYS || quoted.len() > MAX_KEY_BYTES {
            // What is wanted of it is known all the same.
            return wanted.unwrap_or(NONE);
        }
        let plan = wanted.map_or(Plan::UNKNOWN, |template| self.plan(template));
        let key = self.add(quoted.into(), shape);
        if let Some(added) = self.key_mut(key) {
            added.plan = plan;
        }
        key
    }

    fn find(&self, shape: u32, quoted: &[u8]) -> u32 {
        let hash = self.hasher.hash_one((shape, quoted));
        let is_it = |key: &u32| self.key(*key).is_some_and(|key| key.shape == shape && *key.quoted == *quoted);
        self.by_name.find(hash, is_it).copied().unwrap_or(NONE)
    }

    fn add(&mut self, quoted: Box<[u8]>, shape: u32) -> u32 {
        let id = u32::try_from(self.keys.len()).unwrap_or(NONE);
        let is_named = !quoted.is_empty();
        let hash = self.hasher.hash_one((shape, &*quoted));
        self.keys.push(Key { quoted, lead: Lead::default(), shape, plan: Plan::UNKNOWN, next: [NONE; 2] });
        if is_named {
            let (keys, hasher) = (&self.keys, &self.hasher);
            self.by_name.insert_unique(hash, id, |other| {
                keys.get(index(*other)).map_or(0, |key| hasher.hash_one((key.shape, &*key.quoted)))
            });
        }
        id
    }

    /// The shape of objects that a key has as value.
    pub(super) fn object(&mut self, key: u32) -> u32 {
        match self.key(key) {
            None => NONE,
            Some(known) if known.plan.object != NONE => known.plan.object,
            Some(_) => {
                let shape = u32::try_from(self.shapes.len()).unwrap_or(NONE);
                self.shapes.push(Shape { first: [NONE; 2], any_case: Vec::new() });
                if let Some(key) = self.key_mut(key) {
                    key.plan.object = shape;
                }
                shape
            }
        }
    }

    /// The first element of arrays that a key has as value, and the others, as keys.
    pub(super) fn elements(&mut self, key: u32) -> [u32; 2] {
        match self.key(key) {
            None => [NONE; 2],
            Some(known) if known.plan.elements != [NONE; 2] => known.plan.elements,
            Some(_) if self.keys.len() >= MAX_KEYS => [NONE; 2],
            Some(_) => {
                let elements = [self.add(Box::default(), NONE), self.add(Box::default(), NONE)];
                if let Some(key) = self.key_mut(key) {
                    key.plan.elements = elements;
                }
                elements
            }
        }
    }

    fn key(&self, key: u32) -> Option<&Key> {
        self.keys.get(index(key))
    }

    fn key_mut(&mut self, key: u32) -> Option<&mut Key> {
        self.keys.get_mut(index(key))
    }

    fn shape_mut(&mut self, shape: u32) -> Option<&mut Shape> {
        self.shapes.get_mut(index(shape))
    }
}

/// What a value must be for this step to lead on from it.
fn kind_before(step: Step) -> Kinds {
    match step {
        Step::Key(_) | Step::AnyCase(_) => Kinds::OBJECT,
        Step::Only => Kinds::ARRAY,
    }
}

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Up to 32 bytes are compared in one way, longer ones and those at the end of the input in another.
    #[test]
    fn an_input_begins_with_a_lead_of_any_length_or_differs_in_one_byte() {
        for length in [1, 2, 15, 16, 17, 31, 32, 33, 60] {
            let bytes: Vec<u8> = (b'!'..).take(length).collect();
            let mut lead = Lead::default();
            lead.set(b"what was there before, and longer than any of the leads that follow it");
            lead.set(&bytes);
            for rest in ["", "x", &"x".repeat(40)] {
                let input = [&bytes, rest.as_bytes()].concat();
                assert_eq!(lead.length_in(&input), Some(length), "{length} {rest}");
                for at in 0..length {
                    let mut other = input.clone();
                    other[at] ^= 1;
                    assert_eq!(lead.length_in(&other), None, "{length} {at} {rest}");
                }
                assert_eq!(lead.length_in(&bytes[1..]), None, "{length}");
            }
        }
        assert_eq!(Lead::default().length_in(&[0; 64]), None);
    }
}
