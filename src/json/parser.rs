//! Parses the bytes of one value onto a tape.

use std::ops::Range;

use super::{MAX_DEPTH, Node, ParseError, Place, Tag, Tape, index};

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
        if depth > MAX_DEPTH {
            return Err(ParseError::Malformed { at, what: "nested too deeply" });
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
        let end = self.plain_run(start);
        match self.byte(end)? {
            b'"' => {
                self.push(Tag::String, start..end)?;
                Ok(end + 1)
            }
            b'\\' => self.escaped_string(start, end),
            _ => Err(ParseError::Malformed { at: end, what: "a control character in a string" }),
        }
    }

    /// The position of the first quote, backslash or control character at or after `at`.
    fn plain_run(&self, mut at: usize) -> usize {
        let rest = self.input.get(at..).unwrap_or_default();
        for chunk in rest.chunks_exact(8) {
            let word = chunk.try_into().map_or(0, u64::from_le_bytes);
            let stops = special_bytes(word);
            if stops != 0 {
                return at + stops.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        while let Some(&byte) = self.input.get(at) {
            if byte == b'"' || byte == b'\\' || byte < 0x20 {
                break;
            }
            at += 1;
        }
        at
    }

    fn escaped_string(&mut self, start: usize, first_escape: usize) -> Result<usize, ParseError> {
        let mut scratch = std::mem::take(&mut self.tape.scratch);
        scratch.clear();
        let ended = self.unescape(start, first_escape, &mut scratch);
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

    /// Unescapes into `out` from `start` on; returns the position after the closing quote.
    fn unescape(&self, start: usize, first_escape: usize, out: &mut Vec<u8>) -> Result<usize, ParseError> {
        out.extend_from_slice(self.input.get(start..first_escape).unwrap_or_default());
        let mut at = first_escape;
        loop {
            match self.byte(at)? {
                b'"' => return Ok(at + 1),
                b'\\' => {
                    let plain = match self.byte(at + 1)? {
                        byte @ (b'"' | b'\\' | b'/') => byte,
                        b'b' => 0x08,
                        b'f' => 0x0c,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'u' => {
                            at = self.unicode_escape(at, out)?;
                            continue;
                        }
                        _ => return Err(ParseError::Malformed { at, what: "an unknown escape in a string" }),
                    };
                    out.push(plain);
                    at += 2;
                }
                byte if byte < 0x20 => {
                    return Err(ParseError::Malformed { at, what: "a control character in a string" });
                }
                _ => {
                    let end = self.plain_run(at);
                    out.extend_from_slice(self.input.get(at..end).unwrap_or_default());
                    at = end;
                }
            }
        }
    }

    /// Decodes `\uXXXX` at `at`, with its second half if it is a surrogate pair. A lone surrogate
    /// is valid JSON but no character: it becomes U+FFFD.
    fn unicode_escape(&self, at: usize, out: &mut Vec<u8>) -> Result<usize, ParseError> {
        let first = self.hex4(at + 2)?;
        let mut end = at + 6;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) {
            code = 0xfffd;
            // The next escape must be seen before it can be said that this one stands alone.
            if self.byte(end)? == b'\\' && self.byte(end + 1)? == b'u' {
                let second = self.hex4(end + 2)?;
                if (0xdc00..0xe000).contains(&second) {
                    code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    end += 6;
                }
            }
        }
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(end)
    }

    fn hex4(&self, at: usize) -> Result<u32, ParseError> {
        let mut code = 0;
        for step in 0..4 {
            let byte = self.byte(at + step)?;
            let digit = char::from(byte).to_digit(16);
            let digit = digit.ok_or(ParseError::Malformed { at: at + step, what: "expected a hex digit" })?;
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

/// Sets the high bit of every byte of `word` that is a quote, a backslash or below 0x20.
///
/// Exact for the lowest set bit, which is all that is used: a borrow can only spill upward.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let below = |lanes: u64, limit: u64| lanes.wrapping_sub(ONES * limit) & !lanes;
    (below(quote, 1) | below(backslash, 1) | below(word, 0x20)) & HIGH
}
