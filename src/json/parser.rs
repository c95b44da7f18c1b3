//! Parses the bytes of one value onto a tape.

use std::ops::Range;

use super::text::{plain_run, unescape};
use super::{Node, ParseError, Place, Tag, Tape, index};

/// A recursive descent over the bytes of one value.
pub(super) struct Parser<'i, 't> {
    pub(super) input: &'i [u8],
    pub(super) tape: &'t mut Tape,
    /// What to add to a position in `input` to get one in the text of `place`.
    pub(super) base: u32,
    /// Where that text lies.
    pub(super) place: Place,
}

impl Parser<'_, '_> {
    fn byte(&self, at: usize) -> Result<u8, ParseError> {
        self.input.get(at).copied().ok_or(ParseError::Incomplete)
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.input.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            at += 1;
        }
        at
    }

    /// Adds a node for the bytes `range` of the input and returns its index.
    fn push(&mut self, tag: Tag, range: Range<usize>) -> Result<usize, ParseError> {
        let too_long = ParseError::Malformed { at: range.start, what: "more than 4 GiB" };
        let node = self.tape.nodes.len();
        let start = u32::try_from(range.start).ok().and_then(|at| at.checked_add(self.base)).ok_or(too_long)?;
        let end = u32::try_from(range.end).ok().and_then(|at| at.checked_add(self.base)).ok_or(too_long)?;
        let next = u32::try_from(node + 1).ok().ok_or(too_long)?;
        self.tape.nodes.push(Node { tag, place: self.place, start, end, next });
        Ok(node)
    }

    fn close(&mut self, node: usize) {
        let next = index(self.tape.nodes.len());
        if let Some(node) = self.tape.nodes.get_mut(node) {
            node.next = next;
        }
    }

    /// Parses the value whose first byte is at `at`; returns the position after it.
    pub(super) fn value(&mut self, at: usize, depth: usize) -> Result<usize, ParseError> {
        if depth > self.tape.max_depth {
            return Err(ParseError::TooDeep { at });
        }
        match self.byte(at)? {
            b'{' => self.object(at, depth),
            b'[' => self.array(at, depth),
            b'"' => self.string(at),
            b't' => self.literal(at, b"true", Tag::True),
            b'f' => self.literal(at, b"false", Tag::False),
            b'n' => self.literal(at, b"null", Tag::Null),
            b'-' | b'0'..=b'9' => self.number(at),
            _ => Err(ParseError::Malformed { at, what: "expected a value" }),
        }
    }

    fn object(&mut self, start: usize, depth: usize) -> Result<usize, ParseError> {
        let node = self.push(Tag::Object, start..start)?;
        let mut at = self.skip_space(start + 1);
        if self.byte(at)? == b'}' {
            return Ok(at + 1);
        }
        loop {
            if self.byte(at)? != b'"' {
                return Err(ParseError::Malformed { at, what: "expected a key in double quotes" });
            }
            at = self.string(at)?;
            at = self.skip_space(at);
            if self.byte(at)? != b':' {
                return Err(ParseError::Malformed { at, what: "expected ':'" });
            }
            at = self.skip_space(at + 1);
            at = self.value(at, depth + 1)?;
            at = self.skip_space(at);
            match self.byte(at)? {
                b',' => at = self.skip_space(at + 1),
                b'}' => {
                    self.close(node);
                    return Ok(at + 1);
                }
                _ => return Err(ParseError::Malformed { at, what: "expected ',' or '}'" }),
            }
        }
    }

    fn array(&mut self, start: usize, depth: usize) -> Result<usize, ParseError> {
        let node = self.push(Tag::Array, start..start)?;
        let mut at = self.skip_space(start + 1);
        if self.byte(at)? == b']' {
            return Ok(at + 1);
        }
        loop {
            at = self.value(at, depth + 1)?;
            at = self.skip_space(at);
            match self.byte(at)? {
                b',' => at = self.skip_space(at + 1),
                b']' => {
                    self.close(node);
                    return Ok(at + 1);
                }
                _ => return Err(ParseError::Malformed { at, what: "expected ',' or ']'" }),
            }
        }
    }

    fn literal(&mut self, at: usize, word: &'static [u8], tag: Tag) -> Result<usize, ParseError> {
        for (step, &expected) in word.iter().enumerate() {
            if self.byte(at + step)? != expected {
                return Err(ParseError::Malformed { at: at + step, what: "expected true, false or null" });
            }
        }
        self.push(tag, at..at + word.len())?;
        Ok(at + word.len())
    }

    /// A number ends at the first byte that cannot belong to it; at the end of the input it is
    /// cut off, for a digit may follow.
    fn number(&mut self, start: usize) -> Result<usize, ParseError> {
        let mut at = start;
        if self.byte(at)? == b'-' {
            at += 1;
        }
        let first = self.byte(at)?;
        at = self.digits(at)?;
        if first == b'0' && at > start + 1 + usize::from(self.input.get(start) == Some(&b'-')) {
            return Err(ParseError::Malformed { at: start, what: "a number with a leading zero" });
        }
        if self.byte(at)? == b'.' {
            at = self.digits(at + 1)?;
        }
        if matches!(self.byte(at)?, b'e' | b'E') {
            at += 1;
            if matches!(self.byte(at)?, b'+' | b'-') {
                at += 1;
            }
            at = self.digits(at)?;
        }
        self.push(Tag::Number, start..at)?;
        Ok(at)
    }

    fn digits(&self, start: usize) -> Result<usize, ParseError> {
        let mut at = start;
        while self.byte(at)?.is_ascii_digit() {
            at += 1;
        }
        if at == start { Err(ParseError::Malformed { at, what: "expected a digit" }) } else { Ok(at) }
    }

    fn string(&mut self, quote: usize) -> Result<usize, ParseError> {
        let start = quote + 1;
        let end = plain_run(self.input, start);
        match self.byte(end)? {
            b'"' => {
                self.push(Tag::String, start..end)?;
                Ok(end + 1)
            }
            b'\\' => self.escaped_string(start, end),
            _ => Err(ParseError::Malformed { at: end, what: "a control character in a string" }),
        }
    }

    fn escaped_string(&mut self, start: usize, first_escape: usize) -> Result<usize, ParseError> {
        let mut scratch = std::mem::take(&mut self.tape.scratch);
        scratch.clear();
        let ended = unescape(self.input, start, first_escape, &mut scratch);
        let result = ended.and_then(|end| {
            // Invalid UTF-8 is refused with the whole record; here it only must not panic.
            let from = self.tape.unescaped.len();
            self.tape.unescaped.push_str(&String::from_utf8_lossy(&scratch));
            let to = self.tape.unescaped.len();
            let too_long = ParseError::Malformed { at: start, what: "more than 4 GiB" };
            let next = index(self.tape.nodes.len() + 1);
            let node = Node {
                tag: Tag::String,
                place: Place::Unescaped,
                start: u32::try_from(from).ok().ok_or(too_long)?,
                end: u32::try_from(to).ok().ok_or(too_long)?,
                next,
            };
            self.tape.nodes.push(node);
            Ok(end)
        });
        self.tape.scratch = scratch;
        result
    }
}
