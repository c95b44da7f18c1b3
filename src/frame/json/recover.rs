//! Finds the end of a region that is no JSON, so that one bad record never costs its neighbours.

use memchr::{memchr, memchr2, memchr3, memrchr};

use super::head::{first_key, skip_space, skip_space_up_to};
use super::{JsonFramer, MAX_FIRST_KEY};
use crate::frame::encoding::Window;
use crate::frame::{FrameReject, Step};

/// Most white space before the first byte of a line, or between a brace and its first key, within
/// which an element's start is recognised. Indented exports have some ten columns.
const MAX_INDENT: usize = 256;

/// How far searches for an element's end may look in vain, in bytes: so much from the start, and so
/// much for each byte consumed. It keeps a hostile array of torn elements from costing the square
/// of its length; past it, the next line or key counts, whichever comes first.
const FREE_SEARCH: u64 = 64 << 20;
const SEARCH_FACTOR: u64 = 8;

/// A rejected region whose end is being looked for.
#[derive(Debug)]
pub(super) struct Lost {
    reason: FrameReject,
    /// The key by which the next element is recognised; empty if there is none.
    key: Vec<u8>,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The window begins with the region.
    Start,
    /// A part of a value over the size limit is consumed: its closing bracket counts.
    Following(Brackets),
    /// A part of the region is consumed: the next start of an element or line counts.
    Streaming,
}

/// How the start of the next record is recognised.
#[derive(Debug, Clone, Copy)]
struct Marks<'k> {
    /// An object that begins with this key; empty: none does.
    key: &'k [u8],
    line: LineMark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineMark {
    /// A line whose first byte is a brace or bracket.
    FirstByte,
    /// A line whose first byte other than white space is a brace.
    Indented,
    /// No line.
    Off,
}

/// What a search for a mark finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The next record may begin here.
    At(usize),
    /// From here on it cannot be told before more bytes are there.
    Undecided(usize),
    Nowhere,
}

/// Where a place lies in a value that is too long to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Brackets {
    open: usize,
    inside: Inside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Plain,
    /// After a line end.
    LineStart,
    String,
    Escape,
}

/// The shape of a malformed element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Its brackets match up to here.
    Closed(usize),
    /// The bytes end before they match.
    Open,
    /// They do not: here it shows.
    Broken(usize),
}

impl Lost {
    pub(super) fn new(reason: FrameReject) -> Self {
        Self { reason, key: Vec::new(), progress: Progress::Start }
    }
}

impl JsonFramer {
    /// Looks for the end of a rejected region that begins with, or before, the window.
    pub(super) fn recover(&mut self, window: Window<'_>, mut lost: Lost) -> Step {
        // What was valid up to the end of the input: what looks like an element in it is a part of
        // the cut record. Only a line that begins like a record shows that an earlier one is torn.
        let by_line = self.levels.is_empty() || lost.reason == FrameReject::Truncated;
        let line = if by_line { LineMark::FirstByte } else { LineMark::Indented };
        if lost.progress == Progress::Start && lost.reason == FrameReject::Oversized {
            let view = window.bytes.get(..self.window_limit()).unwrap_or(window.bytes);
            self.choose_key(view, &mut lost);
            lost.progress = Progress::Following(Brackets { open: 0, inside: Inside::Plain });
        }
        if let Progress::Following(brackets) = lost.progress {
            return self.follow(window, lost, brackets, line);
        }
        if lost.progress == Progress::Start && !by_line {
            match self.end_of_element(window, &mut lost) {
                Some(Found::At(end)) => return Step::Reject(end, lost.reason),
                Some(Found::Undecided(_)) => {
                    self.lost = Some(lost);
                    return Step::Wait;
                }
                Some(Found::Nowhere) | None => {}
            }
        }
        self.stream(window, lost, line)
    }

    /// Consumes a value over the size limit, of which all was valid up to the limit, by its
    /// brackets: an object in it is no record. What shows that it was torn ends it.
    fn follow(&mut self, window: Window<'_>, mut lost: Lost, mut brackets: Brackets, line: LineMark) -> Step {
        let bytes = window.bytes;
        match brackets.follow(bytes) {
            Shape::Closed(end) => Step::Reject(end, lost.reason),
            Shape::Broken(at) => {
                lost.progress = Progress::Streaming;
                if at == 0 {
                    return self.stream(window, lost, line);
                }
                self.lost = Some(lost);
                Step::Lose(at)
            }
            Shape::Open if window.is_finished => self.lose_all(window, lost),
            Shape::Open => {
                lost.progress = Progress::Following(brackets);
                self.lost = Some(lost);
                if bytes.is_empty() { Step::Wait } else { Step::Lose(bytes.len()) }
            }
        }
    }

    /// Ends a region with the input: the ends of all open arrays lie in it.
    fn lose_all(&mut self, window: Window<'_>, lost: Lost) -> Step {
        self.levels.clear();
        Step::Reject(window.bytes.len(), lost.reason)
    }

    /// Consumes the region up to the next mark, as far as the window goes.
    fn stream(&mut self, window: Window<'_>, mut lost: Lost, line: LineMark) -> Step {
        let from = match lost.progress {
            Progress::Start => usize::from(window.bytes.first() == Some(&b'{')),
            Progress::Following(_) | Progress::Streaming => 0,
        };
        let keep = match find(window, from, Marks { key: &lost.key, line }) {
            Found::At(end) => return Step::Reject(end, lost.reason),
            Found::Undecided(at) => at,
            Found::Nowhere if window.is_finished => return self.lose_all(window, lost),
            Found::Nowhere => window.bytes.len(),
        };
        if keep > 0 {
            lost.progress = Progress::Streaming;
        }
        self.lost = Some(lost);
        if keep > 0 { Step::Lose(keep) } else { Step::Wait }
    }

    /// Looks for the end of a bad element of an array, within the size limit: where its brackets
    /// match, else the next object with the usual first key, else the next line with an object.
    ///
    /// `None` when too much was looked at in vain before.
    fn end_of_element(&mut self, window: Window<'_>, lost: &mut Lost) -> Option<Found> {
        let view = window.bytes.get(..self.window_limit()).unwrap_or(window.bytes);
        let is_all = window.is_finished && view.len() < self.window_limit();
        let is_whole = is_all || view.len() == self.window_limit();
        if lost.key.is_empty() {
            self.choose_key(view, lost);
        }
        if self.spent > FREE_SEARCH.saturating_add(self.consumed.saturating_mul(SEARCH_FACTOR)) {
            return None;
        }
        let looked_at = match shape(view) {
            Shape::Closed(end) => match view.get(skip_space(view, end)) {
                Some(b',' | b']' | b'{') => return Some(Found::At(end)),
                None if !is_whole => return Some(Found::Undecided(0)),
                None if is_all => return Some(Found::At(end)),
                Some(_) | None => end,
            },
            Shape::Open if !is_whole => return Some(Found::Undecided(0)),
            Shape::Open => view.len(),
            Shape::Broken(at) => at,
        };
        let found = match next_element(Window { bytes: view, is_finished: is_whole }, &lost.key) {
            Found::Undecided(_) => return Some(Found::Undecided(0)),
            found => found,
        };
        let looked_at = if found == Found::Nowhere { looked_at + view.len() } else { looked_at };
        self.spent = self.spent.saturating_add(u64::try_from(looked_at).unwrap_or(u64::MAX));
        Some(found)
    }

    /// Takes the first key of the first good element, else that of the first bad one: what follows in
    /// its place may be no element but a piece of one.
    fn choose_key(&mut self, view: &[u8], lost: &mut Lost) {
        let own = if view.first() == Some(&b'{') { first_key(view) } else { None };
        let own = own.filter(|key| key.len() <= MAX_FIRST_KEY).unwrap_or_default();
        if self.levels.is_empty() {
            lost.key.extend_from_slice(own);
            return;
        }
        if self.torn_key.is_empty() {
            self.torn_key.extend_from_slice(own);
        }
        lost.key.extend_from_slice(if self.first_key.is_empty() { &self.torn_key } else { &self.first_key });
    }
}

/// The next object that begins with `key`, else the next line that begins with an object.
fn next_element(window: Window<'_>, key: &[u8]) -> Found {
    if !key.is_empty() {
        let found = find(window, 1, Marks { key, line: LineMark::Off });
        if found != Found::Nowhere {
            return found;
        }
    }
    if window.is_finished { find(window, 0, Marks { key: &[], line: LineMark::Indented }) } else { Found::Undecided(0) }
}

/// Searches for the first mark at or after `from`.
///
/// A run of zero bytes counts as a line end: what a crash leaves in a file that grew beforehand.
fn find(window: Window<'_>, from: usize, marks: Marks<'_>) -> Found {
    let bytes = window.bytes;
    let mut at = from;
    while let Some(anchor) = next_anchor(bytes, at, marks) {
        let found = match bytes.get(anchor) {
            Some(b'{') => starts_with_key(bytes, anchor, marks.key),
            _ => starts_line(bytes, anchor, marks.line),
        };
        match found {
            Found::Nowhere if bytes.get(anchor) != Some(&b'{') && marks.line == LineMark::Indented => {
                at = after_indent(bytes, anchor);
            }
            Found::Nowhere => at = anchor + 1,
            Found::Undecided(_) if window.is_finished => at = anchor + 1,
            found => return found,
        }
    }
    Found::Nowhere
}

fn next_anchor(bytes: &[u8], at: usize, marks: Marks<'_>) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let found = match (marks.key.is_empty(), marks.line) {
        (true, _) => memchr2(b'\n', 0, rest),
        (false, LineMark::Off) => memchr(b'{', rest),
        (false, _) => memchr3(b'\n', 0, b'{', rest),
    };
    found.map(|length| at + length)
}

/// Where to search on after the white space at `anchor`, before which no object's line begins. Long
/// runs of line ends are looked at once and not once for each of them.
fn after_indent(bytes: &[u8], anchor: usize) -> usize {
    let first = anchor + 1;
    let start = skip_space_up_to(bytes, first, MAX_INDENT);
    match memrchr(b'\n', bytes.get(first..start).unwrap_or_default()) {
        Some(line_end) if start - anchor > MAX_INDENT => first + line_end,
        _ => start,
    }
}

/// Whether the object at `brace` begins with `key`.
fn starts_with_key(bytes: &[u8], brace: usize, key: &[u8]) -> Found {
    let quote = skip_space_up_to(bytes, brace + 1, MAX_INDENT);
    if quote - brace > MAX_INDENT {
        return Found::Nowhere;
    }
    let Some(rest) = bytes.get(quote..) else { return Found::Undecided(brace) };
    let expected = [b"\"", key, b"\""].into_iter().flatten();
    for (step, expected) in expected.enumerate() {
        match rest.get(step) {
            None => return Found::Undecided(brace),
            Some(byte) if byte == expected => {}
            Some(_) => return Found::Nowhere,
        }
    }
    Found::At(brace)
}

/// Whether the line after the line end at `anchor` begins like a record.
fn starts_line(bytes: &[u8], anchor: usize, line: LineMark) -> Found {
    let (start, has_bracket) = match line {
        LineMark::Off => return Found::Nowhere,
        LineMark::Indented => (skip_space_up_to(bytes, anchor + 1, MAX_INDENT), false),
        // Some writers end lines with `\n\r`.
        LineMark::FirstByte if bytes.get(anchor..anchor + 2) == Some(b"\n\r") => (anchor + 2, true),
        LineMark::FirstByte => (anchor + 1, true),
    };
    if start - anchor > MAX_INDENT {
        return Found::Nowhere;
    }
    match bytes.get(start) {
        None => Found::Undecided(anchor),
        Some(b'{') => Found::At(start),
        Some(b'[') if has_bracket => Found::At(start),
        Some(_) => Found::Nowhere,
    }
}

/// Where the malformed element at the start of `view` ends, by its brackets alone.
fn shape(view: &[u8]) -> Shape {
    match view.first() {
        Some(b'{' | b'[') => bracketed(view),
        Some(b'"') => match string_end(view, 0) {
            Some(end) => Shape::Closed(end),
            None => Shape::Open,
        },
        // A word that is no JSON; its first byte may be anything, also a stray comma.
        _ => {
            let rest = view.get(1..).unwrap_or_default();
            match rest.iter().position(|byte| matches!(byte, b',' | b']' | b'\n' | b'{' | b'[' | b'"')) {
                None => Shape::Open,
                Some(end) if matches!(rest.get(end), Some(b',' | b']')) => Shape::Closed(end + 1),
                Some(at) => Shape::Broken(at + 1),
            }
        }
    }
}

fn bracketed(view: &[u8]) -> Shape {
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(&byte) = view.get(at) {
        match byte {
            b'"' => match string_end(view, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return Shape::Open,
            },
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                if open.pop() != Some(byte) {
                    return Shape::Broken(at);
                }
                if open.is_empty() {
                    return Shape::Closed(at + 1);
                }
            }
            // An escape in a single-quoted string.
            b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
    Shape::Open
}

impl Brackets {
    /// Follows the value through `bytes`; the last state is kept where it stays open.
    ///
    /// A line that begins with an object belongs to another record: inside one, lines are indented.
    fn follow(&mut self, bytes: &[u8]) -> Shape {
        for (at, &byte) in bytes.iter().enumerate() {
            let was = self.inside;
            self.inside = match (was, byte) {
                (Inside::String, b'\\') => Inside::Escape,
                (Inside::String, b'"') => Inside::Plain,
                (Inside::String, 0..0x20) => return Shape::Broken(at),
                (Inside::String | Inside::Escape, _) | (_, b'"') => Inside::String,
                (Inside::LineStart, b'{') => return Shape::Closed(at),
                (_, b'\n') => Inside::LineStart,
                _ => Inside::Plain,
            };
            match byte {
                _ if self.inside == Inside::String || was == Inside::String => {}
                b'{' | b'[' => self.open += 1,
                b'}' | b']' => self.open = self.open.saturating_sub(1),
                _ if self.open == 0 => return Shape::Broken(at),
                _ => continue,
            }
            if self.open == 0 && !matches!(self.inside, Inside::String | Inside::Escape) {
                return Shape::Closed(at + 1);
            }
        }
        Shape::Open
    }
}

/// The position after the string at `quote`. A line end closes it too: no JSON string has one, so
/// a string that was cut off costs no more than its line.
fn string_end(view: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        match view.get(at)? {
            b'"' | b'\n' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
