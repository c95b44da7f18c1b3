//! Reads the wanted members of records whose shape repeats, without a tape.
//!
//! Records of one producer have the same keys in the same order. A [`MemberReader`] remembers which
//! key followed which, compares the next one with the one that it expects, and only looks a key up
//! where it expected another. Values that nobody wants are checked and stepped over; of the others
//! it keeps where they lie.
//!
//! It accepts nothing that a [`Tape`](super::Tape) would not, and gives up on whatever is unusual
//! (an escape in a key, a wanted key that is there twice, a value of another kind than expected):
//! the tape is then the one to read the record.

mod tree;

use tree::{KeyTree, Kinds, Plan, TOP};

use std::ops::Range;

use super::Kind;
use super::text::{plain_run, skip_escaped, unescape};

/// Deepest nesting that is read this way. The deepest record seen in real exports has 9 levels.
const MAX_DEPTH: usize = 32;

/// A step on the way from the top of a record to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The member of this name.
    Key(&'static str),
    /// A member of this name in any mixture of ASCII case that no other path names exactly. Only as
    /// the last step.
    AnyCase(&'static str),
    /// The only element of an array.
    Only,
}

/// What is kept of a wanted member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The text of a string, number or boolean.
    Scalar,
    /// That it is an object. Its members are wanted, too.
    Object,
    /// The text of an array, and whether it has one element or another number of them.
    Items,
    /// The text of a value of any kind, as it stands in the record.
    Value,
}

/// A member that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Where it is.
    pub path: &'static [Step],
    /// What to keep of it.
    pub take: Take,
}

/// What was found of a wanted member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Null,
    /// A number or boolean.
    Word,
    /// A string as it stands in the record.
    String,
    /// A string whose escapes were undone, in the reader's own buffer.
    Unescaped,
    Object,
    EmptyObject,
    /// An array of one element.
    Single,
    /// An array of none or several.
    Several,
    Value,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Number of the record that it is about.
    record: u64,
    found: Found,
    start: u32,
    end: u32,
}

/// Reads records one after the other, and remembers their keys.
#[derive(Debug)]
pub struct MemberReader {
    keys: KeyTree,
    slots: Vec<Slot>,
    unescaped: String,
    scratch: Vec<u8>,
    /// Number of the record under way, from 1.
    record: u64,
    /// Whether the last record had the keys that were expected.
    is_as_expected: bool,
    max_depth: usize,
}

impl MemberReader {
    /// Makes a reader for these members. A member's place in `wants` is its number.
    pub fn new(wants: &[Want]) -> Self {
        let keys = KeyTree::new(wants);
        let slot = Slot { record: 0, found: Found::Null, start: 0, end: 0 };
        let slots = vec![slot; keys.slots()];
        let (unescaped, scratch) = (String::new(), Vec::new());
        Self { keys, slots, unescaped, scratch, record: 0, is_as_expected: false, max_depth: MAX_DEPTH }
    }

    /// Accepts no nesting that a tape of this depth refuses.
    #[must_use]
    pub fn with_max_depth(mut self, max_depth: usize) -> Self {
        // The tape counts what lies in the innermost array or object, too.
        self.max_depth = MAX_DEPTH.min(max_depth.saturating_sub(1));
        self
    }

    /// Reads the object at the start of `input` and returns its length in bytes; `None` where the
    /// tape has to read it, which may need more bytes.
    pub fn read(&mut self, input: &[u8]) -> Option<usize> {
        self.record += 1;
        self.unescaped.clear();
        (*input.first()? == b'{').then_some(())?;
        let surprises = self.keys.surprises();
        let end = self.object(input, 0, TOP, 0)?;
        self.is_as_expected = self.keys.surprises() == surprises;
        u32::try_from(end).ok().map(|_| end)
    }

    /// What was found in the last record; `text` is the input that it was read from.
    pub fn members<'r>(&'r self, text: &'r str) -> Members<'r> {
        Members { reader: self, text }
    }

    /// The object whose brace stands at `open`; returns the position after it.
    fn object(&mut self, input: &[u8], open: usize, shape: u32, depth: usize) -> Option<usize> {
        let mut at = open + 1;
        let first = skip_space(input, at);
        if *input.get(first)? == b'}' {
            return Some(first + 1);
        }
        if depth > self.max_depth {
            return None;
        }
        let mut spot = self.keys.start(shape);
        let mut has_nested = depth > 0;
        loop {
            let member = self.keys.at(input, at, spot)?;
            if *input.get(member.value)? == b'"' {
                at = self.string(input, member.value, member.plan)?;
            } else {
                // There may be more white space than where the key was seen before.
                let value = skip_space(input, member.value);
                match *input.get(value)? {
                    b'{' => has_nested = true,
                    // It may be an envelope of records.
                    b'[' if !has_nested => return None,
                    _ => {}
                }
                at = self.value(input, value, (member.key, member.plan), depth + 1)?;
            }
            if *input.get(at)? != b',' {
                at = skip_space(input, at);
                match *input.get(at)? {
                    b',' => {}
                    b'}' => return Some(at + 1),
                    _ => return None,
                }
            }
            at += 1;
            spot = spot.after(&member);
        }
    }

    /// The value at `at` of a key; returns the position after it.
    fn value(&mut self, input: &[u8], at: usize, (key, plan): (u32, Plan), depth: usize) -> Option<usize> {
        let (kind, found, end) = match *input.get(at)? {
            b'"' => return self.string(input, at, plan),
            b'{' => {
                let shape = self.keys.object(key);
                let end = self.object(input, at, shape, depth)?;
                let is_empty = *input.get(skip_space(input, at + 1))? == b'}';
                (Kinds::OBJECT, if is_empty { Found::EmptyObject } else { Found::Object }, end)
            }
            b'[' => {
                let (end, is_single) = self.array(input, at, key, depth)?;
                (Kinds::ARRAY, if is_single { Found::Single } else { Found::Several }, end)
            }
            b'n' => {
                let end = literal(input, at, b"null")?;
                return if plan.kinds.is_none() { Some(end) } else { self.keep(plan, Found::Null, at..end, end) };
            }
            b't' => (Kinds::SCALAR, Found::Word, literal(input, at, b"true")?),
            b'f' => (Kinds::SCALAR, Found::Word, literal(input, at, b"false")?),
            _ => (Kinds::SCALAR, Found::Word, number(input, at)?),
        };
        if plan.kinds.is_none() {
            Some(end)
        } else if plan.kinds.has(kind) {
            self.keep(plan, found, at..end, end)
        } else if plan.kinds.has(Kinds::ANY) {
            self.keep(plan, Found::Value, at..end, end)
        } else {
            None
        }
    }

    #[inline]
    fn string(&mut self, input: &[u8], quote: usize, plan: Plan) -> Option<usize> {
        let start = quote + 1;
        let end = plain_run(input, start);
        if *input.get(end)? != b'"' {
            return self.escaped(input, quote, end, plan);
        }
        if plan.kinds.is_none() {
            Some(end + 1)
        } else if plan.kinds.has(Kinds::SCALAR) {
            self.keep(plan, Found::String, start..end, end + 1)
        } else if plan.kinds.has(Kinds::ANY) {
            self.keep(plan, Found::Value, quote..end + 1, end + 1)
        } else {
            None
        }
    }

    /// A string whose first special character stands at `special`.
    #[cold]
    fn escaped(&mut self, input: &[u8], quote: usize, special: usize, plan: Plan) -> Option<usize> {
        if *input.get(special)? != b'\\' {
            return None;
        }
        if plan.kinds.has(Kinds::SCALAR) {
            self.scratch.clear();
            let after = unescape(input, quote + 1, special, &mut self.scratch).ok()?;
            let from = self.unescaped.len();
            // Invalid UTF-8 is refused with the whole record; here it only must not panic.
            self.unescaped.push_str(&String::from_utf8_lossy(&self.scratch));
            return self.keep(plan, Found::Unescaped, from..self.unescaped.len(), after);
        }
        let after = skip_escaped(input, special)?;
        if plan.kinds.is_none() {
            Some(after)
        } else if plan.kinds.has(Kinds::ANY) {
            self.keep(plan, Found::Value, quote..after, after)
        } else {
            None
        }
    }

    /// The array whose bracket stands at `open`: the position after it, and whether it has one
    /// element.
    fn array(&mut self, input: &[u8], open: usize, key: u32, depth: usize) -> Option<(usize, bool)> {
        let mut at = skip_space(input, open + 1);
        if *input.get(at)? == b']' {
            return Some((at + 1, false));
        }
        if depth > self.max_depth {
            return None;
        }
        let [first, other] = self.keys.elements(key);
        let mut element = first;
        loop {
            at = self.value(input, at, (element, self.keys.plan(element)), depth + 1)?;
            at = skip_space(input, at);
            match *input.get(at)? {
                b',' => at = skip_space(input, at + 1),
                b']' => return Some((at + 1, element == first)),
                _ => return None,
            }
            element = other;
        }
    }

    /// Remembers what was found and returns `after`; gives up where the member was there before.
    fn keep(&mut self, plan: Plan, found: Found, range: Range<usize>, after: usize) -> Option<usize> {
        let (start, end) = (u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?);
        let slot = self.slots.get_mut(plan.slot)?;
        if slot.record == self.record {
            return None;
        }
        *slot = Slot { record: self.record, found, start, end };
        Some(after)
    }
}

/// The wanted members of one record. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Members<'r> {
    reader: &'r MemberReader,
    text: &'r str,
}

impl<'r> Members<'r> {
    fn slot(self, want: usize) -> Option<&'r Slot> {
        self.reader.slots.get(want).filter(|slot| slot.record == self.reader.record)
    }

    /// Whether every key of the record was one of those that were expected where it stood: its
    /// layout was known, and no key was looked up.
    pub fn has_known_layout(self) -> bool {
        self.reader.is_as_expected
    }

    /// Whether the member is there, be it `null` or not.
    pub fn has(self, want: usize) -> bool {
        self.slot(want).is_some()
    }

    /// The text of a string, number or boolean, as [`Value::scalar`](super::Value::scalar) gives it.
    pub fn scalar(self, want: usize) -> Option<&'r str> {
        let slot = self.slot(want)?;
        let range = slot.start as usize..slot.end as usize;
        match slot.found {
            Found::String | Found::Word => self.text.get(range),
            Found::Unescaped => self.reader.unescaped.get(range),
            _ => None,
        }
    }

    /// The content of a string; `None` for every other kind.
    pub fn string(self, want: usize) -> Option<&'r str> {
        self.scalar(want).filter(|_| self.slot(want).is_some_and(|slot| slot.found != Found::Word))
    }

    /// The kind of a member that is an object with members, an array, or `null`; `None` for every
    /// other.
    pub fn nesting(self, want: usize) -> Option<Kind> {
        match self.slot(want)?.found {
            Found::Object => Some(Kind::Object),
            Found::Single | Found::Several => Some(Kind::Array),
            Found::Null => Some(Kind::Null),
            _ => None,
        }
    }

    /// Whether the member is an array of one element.
    pub fn is_single(self, want: usize) -> bool {
        self.slot(want).is_some_and(|slot| slot.found == Found::Single)
    }

    /// A member of any kind, or an array, as it stands in the record; `None` for `null`.
    pub fn json(self, want: usize) -> Option<&'r str> {
        let slot = self.slot(want)?;
        match slot.found {
            Found::Value | Found::Single | Found::Several => self.text.get(slot.start as usize..slot.end as usize),
            _ => None,
        }
    }
}

/// The position of the first byte at or after `at` that is no white space. Most often there is one
/// or none.
fn skip_space(input: &[u8], mut at: usize) -> usize {
    while matches!(input.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

fn literal(input: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    input.get(at..)?.starts_with(word).then_some(at + word.len())
}

/// The position after the number at `start`.
fn number(input: &[u8], start: usize) -> Option<usize> {
    let digits = |start: usize| {
        let rest = input.get(start..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // At the end of the input another digit may follow.
        (count > 0 && count < rest.len()).then_some(start + count)
    };
    let first = start + usize::from(*input.get(start)? == b'-');
    let mut at = digits(first)?;
    if *input.get(first)? == b'0' && at > first + 1 {
        return None;
    }
    if *input.get(at)? == b'.' {
        at = digits(at + 1)?;
    }
    if matches!(input.get(at)?, b'e' | b'E') {
        at += 1;
        if matches!(input.get(at)?, b'+' | b'-') {
            at += 1;
        }
        at = digits(at)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests;
