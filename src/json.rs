//! JSON as a flat tape: parsed once, read by path, nothing allocated per field.
//!
//! A [`Tape`] is reused from record to record. Parsing checks the whole grammar of RFC 8259, so
//! what is accepted does not depend on which fields are read later. Strings without escapes stay
//! in the input; the others are unescaped into the tape's own buffer.
//!
//! Azure puts JSON into strings (`properties`, `identity`, `requestbody`, `Claims`):
//! [`Tape::expand`] parses such a string in place, and paths then go straight through it.

pub mod members;
mod parser;
mod text;

use parser::Parser;

use crate::limits;

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
    /// A value is nested deeper than the tape allows.
    #[error("nested too deeply at byte {at} of the record")]
    TooDeep {
        /// Byte offset of the value, from the start of the input.
        at: usize,
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
#[derive(Debug)]
pub struct Tape {
    nodes: Vec<Node>,
    unescaped: String,
    nested: String,
    scratch: Vec<u8>,
    max_depth: usize,
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

impl Tape {
    /// Makes an empty tape for values nested up to [`limits::DEPTH`].
    pub fn new() -> Self {
        Self::with_max_depth(limits::DEPTH)
    }

    /// Makes an empty tape for values nested so deeply, or [`limits::MAX_DEPTH`] if that is less.
    pub fn with_max_depth(max_depth: usize) -> Self {
        let (nodes, unescaped, nested, scratch) = Default::default();
        Self { nodes, unescaped, nested, scratch, max_depth: max_depth.min(limits::MAX_DEPTH) }
    }

    /// Parses the one JSON value at the start of `input` and returns its length in bytes.
    ///
    /// `input` must start with the value's first byte; what follows the value is not looked at.
    /// The verdict is stable: more bytes after `input` change an `Incomplete` only.
    ///
    /// # Errors
    ///
    /// [`ParseError::Incomplete`] when `input` ends before the value does, and
    /// [`ParseError::Malformed`] when it cannot be JSON or is longer than 4 GiB;
    /// [`ParseError::TooDeep`] when it is nested deeper than the tape allows.
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

    /// Parses the array or object that a string holds, as [`Tape::expand`] does in place.
    ///
    /// `None` where it holds something else, or more than that.
    pub fn parse_text<'r>(&'r mut self, content: &'r str) -> Option<Value<'r>> {
        let content = content.trim_start();
        let length = if content.starts_with(['{', '[']) { self.parse(content.as_bytes()).ok()? } else { return None };
        content.get(length..)?.trim().is_empty().then_some(())?;
        self.root(content)
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

#[cfg(test)]
mod tests;
