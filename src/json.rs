//! JSON as a flat tape: parsed once, read by path, nothing allocated per field.
//!
//! A [`Tape`] is reused from record to record. Parsing checks the whole grammar of RFC 8259, so
//! what is accepted does not depend on which fields are read later. Strings without escapes stay
//! in the input; the others are unescaped into the tape's own buffer.
//!
//! Azure puts JSON into strings (`properties`, `identity`, `requestbody`, `Claims`):
//! [`Tape::expand`] parses such a string in place, and paths then go straight through it.

use std::ops::Range;

/// Deepest nesting of arrays and objects that is accepted.
///
/// The deepest record seen in real exports has 9 levels; beyond this a file is hostile.
pub const MAX_DEPTH: usize = 128;

/// Why bytes are not, or not yet, a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The input ends inside the value; more bytes may complete it.
    #[error("the JSON value is cut off")]
    Incomplete,
    /// The input can never become a JSON value, whatever follows.
    #[error("not JSON: {what} at byte {at} of the record")]
    Malformed {
        /// Byte offset of the first wrong byte, from the start of the input.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
}

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as its text.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Null,
    True,
    False,
    Number,
    String,
    Array,
    Object,
    /// A string that [`Tape::expand`] has parsed; `start` is the node of the value inside.
    Link,
}

/// Where the text of a node lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Input,
    Unescaped,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    tag: Tag,
    place: Place,
    start: u32,
    end: u32,
    /// Index of the node after this one and all that lies in it.
    next: u32,
}

/// The parsed form of one record. Reused: [`Tape::parse`] forgets what was there before.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    unescaped: String,
    nested: String,
    scratch: Vec<u8>,
}

impl Tape {
    /// Makes an empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the one JSON value at the start of `input` and returns its length in bytes.
    ///
    /// `input` must start with the value's first byte; what follows the value is not looked at.
    /// The verdict is stable: more bytes after `input` change an `Incomplete` only.
    ///
    /// # Errors
    ///
    /// [`ParseError::Incomplete`] when `input` ends before the value does, and
    /// [`ParseError::Malformed`] when it cannot be JSON, is nested deeper than [`MAX_DEPTH`], or
    /// is longer than 4 GiB.
    pub fn parse(&mut self, input: &[u8]) -> Result<usize, ParseError> {
        self.nodes.clear();
        self.unescaped.clear();
        Parser { input, tape: self, base: 0, place: Place::Input }.value(0, 0)
    }

    /// Builds the tape of a flat object of strings, as a CSV row is one.
    ///
    /// Members whose value is `None` are left out. Returns the text that the tape's values borrow
    /// from: nothing of it lies in an input.
    pub fn set_flat_object<'a>(&mut self, members: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
        self.nodes.clear();
        self.unescaped.clear();
        self.nodes.push(Node { tag: Tag::Object, place: Place::Unescaped, start: 0, end: 0, next: 0 });
        for (key, value) in members {
            let Some(value) = value else { continue };
            self.push_text(key);
            self.push_text(value);
        }
        let end = index(self.nodes.len());
        if let Some(root) = self.nodes.first_mut() {
            root.next = end;
        }
    }

    fn push_text(&mut self, text: &str) {
        let start = index(self.unescaped.len());
        self.unescaped.push_str(text);
        let end = index(self.unescaped.len());
        let next = index(self.nodes.len() + 1);
        self.nodes.push(Node { tag: Tag::String, place: Place::Unescaped, start, end, next });
    }

    /// Parses the JSON inside the string at `path`, so that later paths lead through it.
    ///
    /// `text` is the input that the tape was parsed from. Strings that do not hold an array or
    /// object stay strings, as does everything else; returns whether something was expanded.
    pub fn expand(&mut self, text: &str, path: &[&str]) -> bool {
        let Some(root) = self.root(text) else { return false };
        let Some(value) = root.at(path) else { return false };
        let node = value.node;
        let Some(content) = value.as_str() else { return false };
        let trimmed = content.trim_start();
        if !trimmed.starts_with(['{', '[']) {
            return false;
        }
        let Some(&Node { place, start, .. }) = self.nodes.get(node) else { return false };
        let skipped = content.len() - trimmed.len();
        let mut nested = std::mem::take(&mut self.nested);
        nested.clear();
        // The copy frees the tape for writing: the string may lie in its own buffer.
        let (nodes_before, text_before) = (self.nodes.len(), self.unescaped.len());
        let expanded = match self.string_at(text, node) {
            Some(content) => {
                nested.push_str(content.get(skipped..).unwrap_or(""));
                let base = start + index(skipped);
                let parsed = Parser { input: nested.as_bytes(), tape: self, base, place }.value(0, 0);
                parsed.is_ok_and(|length| nested.get(length..).is_some_and(|rest| rest.trim().is_empty()))
            }
            None => false,
        };
        if expanded {
            if let Some(slot) = self.nodes.get_mut(node) {
                slot.tag = Tag::Link;
                slot.start = index(nodes_before);
            }
        } else {
            self.nodes.truncate(nodes_before);
            self.unescaped.truncate(text_before);
        }
        self.nested = nested;
        expanded
    }

    /// The value that was parsed; `text` is the input it was parsed from (empty for a CSV row).
    ///
    /// `None` for a tape on which nothing was parsed yet.
    pub fn root<'r>(&'r self, text: &'r str) -> Option<Value<'r>> {
        if self.nodes.is_empty() { None } else { Some(Value { tape: self, text, node: 0 }) }
    }

    fn string_at<'r>(&'r self, text: &'r str, node: usize) -> Option<&'r str> {
        let node = self.nodes.get(node)?;
        let range = node.start as usize..node.end as usize;
        match node.place {
            Place::Input => text.get(range),
            Place::Unescaped => self.unescaped.get(range),
        }
    }
}

/// Node indexes and text offsets are 32 bits: the parser refuses longer input.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// One value on a [`Tape`]. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Value<'r> {
    tape: &'r Tape,
    text: &'r str,
    node: usize,
}

impl<'r> Value<'r> {
    fn node(self) -> Option<&'r Node> {
        let node = self.tape.nodes.get(self.node)?;
        if node.tag == Tag::Link { self.tape.nodes.get(node.start as usize) } else { Some(node) }
    }

    /// The node to look at, links followed.
    fn resolved(self) -> usize {
        match self.tape.nodes.get(self.node) {
            Some(node) if node.tag == Tag::Link => node.start as usize,
            _ => self.node,
        }
    }

    /// What kind of value this is. An expanded string has the kind of what is inside.
    pub fn kind(self) -> Kind {
        match self.node().map(|node| node.tag) {
            Some(Tag::True | Tag::False) => Kind::Bool,
            Some(Tag::Number) => Kind::Number,
            Some(Tag::String) => Kind::String,
            Some(Tag::Array) => Kind::Array,
            Some(Tag::Object) => Kind::Object,
            Some(Tag::Null | Tag::Link) | None => Kind::Null,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The member named `key`, `null` included; the last one where a key is doubled.
    pub fn get(self, key: &str) -> Option<Value<'r>> {
        self.members().filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    /// The member named `key` in any mixture of ASCII case; the last one where several fit.
    pub fn get_ignore_case(self, key: &str) -> Option<Value<'r>> {
        self.members().filter(|(name, _)| name.eq_ignore_ascii_case(key)).last().map(|(_, value)| value)
    }

    /// Follows member names down from here. `None` where a step is absent or `null`.
    pub fn at(self, path: &[&str]) -> Option<Value<'r>> {
        let mut value = self;
        for key in path {
            value = value.get(key)?;
        }
        if value.is_null() { None } else { Some(value) }
    }

    /// The content of a string; `None` for every other kind.
    pub fn as_str(self) -> Option<&'r str> {
        if self.kind() != Kind::String {
            return None;
        }
        self.tape.string_at(self.text, self.resolved())
    }

    /// The text of a string, number or boolean; `None` for `null`, arrays and objects.
    pub fn scalar(self) -> Option<&'r str> {
        match self.node()?.tag {
            Tag::String | Tag::Number => self.tape.string_at(self.text, self.resolved()),
            Tag::True => Some("true"),
            Tag::False => Some("false"),
            Tag::Null | Tag::Array | Tag::Object | Tag::Link => None,
        }
    }

    /// A whole number, written as a JSON number or as a string of digits.
    pub fn as_i64(self) -> Option<i64> {
        self.scalar()?.parse().ok()
    }

    /// A number, written as a JSON number or as a string.
    pub fn as_f64(self) -> Option<f64> {
        self.scalar()?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A boolean, written as a JSON literal or as a string in any case.
    pub fn as_bool(self) -> Option<bool> {
        let text = self.scalar()?;
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }

    /// The elements of an array, in order; nothing for every other kind.
    pub fn items(self) -> impl Iterator<Item = Value<'r>> {
        Children::of(self, Kind::Array)
    }

    /// The members of an object, in order, doubled keys included; nothing for every other kind.
    pub fn members(self) -> impl Iterator<Item = (&'r str, Value<'r>)> {
        let mut children = Children::of(self, Kind::Object);
        std::iter::from_fn(move || {
            let key = children.next()?;
            let value = children.next()?;
            Some((key.as_str().unwrap_or(""), value))
        })
    }

    /// Appends this value as JSON without white space; expanded strings come as what is inside.
    pub fn write_compact(self, out: &mut String) {
        match self.kind() {
            Kind::Null => out.push_str("null"),
            Kind::Bool | Kind::Number => out.push_str(self.scalar().unwrap_or("null")),
            Kind::String => write_json_string(self.as_str().unwrap_or(""), out),
            Kind::Array => {
                out.push('[');
                for (position, item) in self.items().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.write_compact(out);
                }
                out.push(']');
            }
            Kind::Object => {
                out.push('{');
                for (position, (key, value)) in self.members().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    write_json_string(key, out);
                    out.push(':');
                    value.write_compact(out);
                }
                out.push('}');
            }
        }
    }
}

/// Appends `text` as a JSON string, quotes included.
pub fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                const HEX: [char; 16] =
                    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
                let code = control as usize;
                out.push_str("\\u00");
                out.push(HEX.get(code >> 4).copied().unwrap_or('0'));
                out.push(HEX.get(code & 15).copied().unwrap_or('0'));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// The nodes directly inside an array or object.
struct Children<'r> {
    parent: Value<'r>,
    at: usize,
    end: usize,
}

impl<'r> Children<'r> {
    fn of(parent: Value<'r>, kind: Kind) -> Self {
        let node = parent.resolved();
        let end = if parent.kind() == kind { parent.tape.nodes.get(node).map_or(0, |n| n.next as usize) } else { 0 };
        Self { parent, at: node + 1, end }
    }
}

impl<'r> Iterator for Children<'r> {
    type Item = Value<'r>;

    fn next(&mut self) -> Option<Value<'r>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { node: self.at, ..self.parent };
        self.at = self.parent.tape.nodes.get(self.at)?.next as usize;
        Some(value)
    }
}

/// A recursive descent over the bytes of one value.
struct Parser<'i, 't> {
    input: &'i [u8],
    tape: &'t mut Tape,
    /// What to add to a position in `input` to get one in the text of `place`.
    base: u32,
    place: Place,
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
    fn value(&mut self, at: usize, depth: usize) -> Result<usize, ParseError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Tape, usize), ParseError> {
        let mut tape = Tape::new();
        let length = tape.parse(text.as_bytes())?;
        Ok((tape, length))
    }

    #[test]
    fn a_path_leads_through_objects_and_keeps_dots_and_slashes_in_names() {
        let text = r#"{"identity":{"claims":{"http://a.b/c":"x","n":7}},"z":null} tail"#;
        let (tape, length) = parsed(text).unwrap();

        let root = tape.root(text).unwrap();

        assert_eq!(length, text.len() - 5);
        assert_eq!(root.at(&["identity", "claims", "http://a.b/c"]).unwrap().as_str(), Some("x"));
        assert_eq!(root.at(&["identity", "claims", "n"]).unwrap().as_i64(), Some(7));
        assert!(root.at(&["z"]).is_none());
        assert!(root.get("z").unwrap().is_null());
        assert!(root.at(&["identity", "nothing"]).is_none());
    }

    #[test]
    fn the_last_of_doubled_keys_counts() {
        let text = r#"{"a":1,"a":2}"#;
        let (tape, _) = parsed(text).unwrap();

        assert_eq!(tape.root(text).unwrap().get("a").unwrap().as_i64(), Some(2));
    }

    #[test]
    fn escapes_are_decoded_and_lone_surrogates_replaced() {
        let text = r#"["a\"\\\/\b\f\n\r\t","\u00e9\ud83d\ude00","\ud83dx","\udc00"]"#;
        let (tape, _) = parsed(text).unwrap();

        let items: Vec<_> = tape.root(text).unwrap().items().map(|item| item.as_str().unwrap().to_owned()).collect();

        assert_eq!(items, ["a\"\\/\u{8}\u{c}\n\r\t", "é😀", "\u{fffd}x", "\u{fffd}"]);
    }

    #[test]
    fn json_in_a_string_is_expanded_again_and_again() {
        let text = r#"{"p":"{\"q\":\"{\\\"r\\\":[1,\\\"é\\\"]}\",\"s\":\"plain\"}"}"#;
        let (mut tape, _) = parsed(text).unwrap();

        assert!(tape.expand(text, &["p"]));
        assert!(tape.expand(text, &["p", "q"]));

        let root = tape.root(text).unwrap();
        assert_eq!(root.at(&["p", "s"]).unwrap().as_str(), Some("plain"));
        let items: Vec<_> = root.at(&["p", "q", "r"]).unwrap().items().filter_map(Value::scalar).collect();
        assert_eq!(items, ["1", "é"]);
        let mut compact = String::new();
        root.write_compact(&mut compact);
        assert_eq!(compact, r#"{"p":{"q":{"r":[1,"é"]},"s":"plain"}}"#);
    }

    #[test]
    fn a_string_that_only_looks_like_json_stays_a_string() {
        for text in [r#"{"p":"{not json"}"#, r#"{"p":"{} and more"}"#, r#"{"p":"text"}"#, r#"{"p":3}"#] {
            let (mut tape, _) = parsed(text).unwrap();

            assert!(!tape.expand(text, &["p"]), "{text}");
            assert!(tape.root(text).unwrap().at(&["p"]).unwrap().scalar().is_some());
        }
    }

    #[test]
    fn every_cut_of_a_value_is_incomplete_and_every_whole_one_complete() {
        let text = r#"{"a":[1.5e+3,-0,true,null,"x\u00e9\\ long enough for eight"],"b":{"c":{}},"d":[]}"#;

        for cut in 0..text.len() {
            assert_eq!(parsed(&text[..cut]).unwrap_err(), ParseError::Incomplete, "cut at {cut}");
        }
        assert_eq!(parsed(text).unwrap().1, text.len());
    }

    #[test]
    fn what_json_forbids_is_malformed() {
        let bad = [
            "{'a':1}",
            "{\"a\":1,}",
            "[1,]",
            "{\"a\" 1}",
            "[01]",
            "[1.]",
            "[+1]",
            "[.5]",
            "[1e]",
            "[-]",
            "[tru ]",
            "{\"a\":\"\n\"}",
            "[\"\\x\"]",
            "[\"\\u12g4\"]",
            "}",
            "[1 2]",
            "{1:2}",
            "[NaN]",
        ];
        for text in bad {
            assert!(matches!(parsed(text), Err(ParseError::Malformed { .. })), "{text}");
        }
    }

    #[test]
    fn nesting_is_accepted_up_to_the_cap_and_refused_one_past_it() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));

        assert!(parsed(&nested(MAX_DEPTH)).is_ok());
        assert!(matches!(parsed(&nested(MAX_DEPTH + 1)), Err(ParseError::Malformed { .. })));
    }

    #[test]
    fn a_flat_object_leaves_out_what_is_missing() {
        let mut tape = Tape::new();
        tape.set_flat_object([("a", Some("1")), ("b", None), ("c", Some("{\"d\":2}"))].into_iter());

        assert!(tape.expand("", &["c"]));

        let root = tape.root("").unwrap();
        assert_eq!(root.at(&["a"]).unwrap().as_str(), Some("1"));
        assert!(root.get("b").is_none());
        assert_eq!(root.at(&["c", "d"]).unwrap().as_i64(), Some(2));
    }
}
