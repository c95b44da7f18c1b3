//! Cuts JSON into records: lines, concatenated objects, a top-level array, Azure's envelopes.

use crate::json::members::MemberReader;
use crate::json::{Kind, ParseError, Tape};

use super::encoding::{UTF8_MARK, Window};
use super::{FrameReject, Step};

mod head;
mod recover;

use head::{Head, envelope_head, first_key, skip_space};
use recover::Lost;

/// Most arrays of records inside each other: an array of envelopes of envelopes, and one to spare.
///
/// Deeper ones are plain records.
const MAX_LEVELS: usize = 4;

/// Longest first key that is remembered to find elements by, in bytes.
const MAX_FIRST_KEY: usize = 128;

/// Longest scalar at the start of an object by which it is told as JSON, with the blanks after it.
const MAX_FIRST_SCALAR: usize = 64 << 10;

/// What the records under way lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// A top-level array.
    Array,
    /// The array of an envelope.
    Envelope,
    /// An envelope after its array: members that are checked and skipped.
    Tail,
}

/// Cuts records and parses each of them once.
///
/// Elements of arrays and envelopes come as soon as they are complete; the envelope itself is
/// never held. What is not JSON is rejected up to the next line or element.
#[derive(Debug)]
pub(super) struct JsonFramer {
    max_record_bytes: usize,
    /// The open arrays and envelopes, outermost first; empty at top level.
    levels: Vec<Level>,
    /// First key of the innermost array's first good element, as written; empty if there is none.
    first_key: Vec<u8>,
    /// The same of its first bad one: by it elements are found as long as there is no good one.
    torn_key: Vec<u8>,
    lost: Option<Lost>,
    /// Length of the window below which looking again is pointless.
    wanted: usize,
    /// Bytes stepped over so far, and bytes that searches for an element's end looked at in vain.
    consumed: u64,
    spent: u64,
}

impl JsonFramer {
    /// Makes a framer whose input begins at top level.
    pub(super) fn new(max_record_bytes: usize) -> Self {
        Self {
            max_record_bytes,
            levels: Vec::with_capacity(MAX_LEVELS),
            first_key: Vec::new(),
            torn_key: Vec::new(),
            lost: None,
            wanted: 0,
            consumed: 0,
            spent: 0,
        }
    }

    /// Makes a framer whose input begins with a line that is no JSON.
    pub(super) fn after_bad_line(max_record_bytes: usize) -> Self {
        let detail = "the first line is no JSON".to_owned();
        Self { lost: Some(Lost::new(FrameReject::Malformed { detail })), ..Self::new(max_record_bytes) }
    }

    /// Forgets the input so far, to begin another one.
    pub(super) fn reset(&mut self) {
        self.levels.clear();
        self.first_key.clear();
        self.torn_key.clear();
        self.lost = None;
        self.wanted = 0;
        self.consumed = 0;
        self.spent = 0;
    }

    /// Whether the next record begins at top level: nothing is open, and nothing is being looked for.
    pub(super) fn is_between_records(&self) -> bool {
        self.levels.is_empty() && self.lost.is_none()
    }

    /// Looks at the start of the window; a record's parsed form is then on `tape`, or, as
    /// [`Step::Members`], with `reader`.
    pub(super) fn step(&mut self, window: Window<'_>, tape: &mut Tape, reader: Option<&mut MemberReader>) -> Step {
        if !window.is_finished && window.bytes.len() < self.wanted {
            return Step::Wait;
        }
        let step = match self.lost.take() {
            Some(lost) => self.recover(window, lost),
            None if self.levels.last() == Some(&Level::Tail) => self.tail(window, tape),
            None => self.element(window, tape, reader),
        };
        self.wanted = 0;
        match step {
            // A record is parsed again only once what is there has doubled, so that the work stays
            // linear; one byte over the limit is enough to see that a record is over it.
            Step::Wait => self.wanted = window.bytes.len().saturating_mul(2).clamp(1, self.window_limit()),
            Step::Skip(count)
            | Step::Lose(count)
            | Step::Record(count)
            | Step::Members(count)
            | Step::Reject(count, _) => {
                self.consumed = self.consumed.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            }
            Step::Inner(_) | Step::Refuse(_) => {}
        }
        step
    }

    /// How many bytes decide everything about a record that begins with the first of them.
    fn window_limit(&self) -> usize {
        self.max_record_bytes.saturating_add(1)
    }

    /// Whether the window is longer than a record may be.
    fn is_over(&self, window: Window<'_>) -> bool {
        window.bytes.len() > self.max_record_bytes
    }

    /// What stands between records, or a record.
    fn element(&mut self, window: Window<'_>, tape: &mut Tape, reader: Option<&mut MemberReader>) -> Step {
        let bytes = window.bytes;
        let gap = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',')).count();
        if gap > 0 {
            return Step::Skip(gap);
        }
        let is_top = self.levels.is_empty();
        match bytes.first() {
            None if window.is_finished => self.end(),
            None => Step::Wait,
            Some(b'[') if is_top => {
                self.open(Level::Array);
                Step::Skip(1)
            }
            Some(b']') if !is_top => {
                if self.levels.pop() == Some(Level::Envelope) {
                    self.levels.push(Level::Tail);
                }
                Step::Skip(1)
            }
            // Files that were joined byte by byte have their marks in the middle.
            Some(0xef) if is_top && bytes.starts_with(UTF8_MARK) => Step::Skip(UTF8_MARK.len()),
            Some(0xef) if is_top && UTF8_MARK.starts_with(bytes) && !window.is_finished => Step::Wait,
            Some(b'{') => self.object(window, tape, reader),
            Some(_) => self.other_value(window, tape),
        }
    }

    /// The end of the input, between records: an array that is still open was cut off.
    fn end(&mut self) -> Step {
        if self.levels.is_empty() {
            return Step::Wait;
        }
        self.levels.clear();
        Step::Reject(0, FrameReject::Truncated)
    }

    fn open(&mut self, level: Level) {
        self.levels.push(level);
        self.first_key.clear();
        self.torn_key.clear();
    }

    /// A record, or the head of an envelope.
    fn object(&mut self, window: Window<'_>, tape: &mut Tape, reader: Option<&mut MemberReader>) -> Step {
        let view = window.bytes.get(..self.max_record_bytes).unwrap_or(window.bytes);
        if let Some(length) = reader.and_then(|reader| reader.read(view)) {
            self.remember_first_key(view);
            return Step::Members(length);
        }
        let key = first_key(view);
        if key.is_some_and(head::is_envelope_key)
            && let Head::Envelope(length) = self.head(view)
        {
            return self.enter(length);
        }
        match tape.parse(view) {
            Ok(length) => {
                if first_nesting_is_array(tape)
                    && let Head::Envelope(length) = self.head(view)
                {
                    return self.enter(length);
                }
                self.remember_first_key(view);
                Step::Record(length)
            }
            Err(error) => match self.head(view) {
                Head::Envelope(length) => self.enter(length),
                // What is no JSON may stand before the array of an envelope.
                Head::Unknown if !window.is_finished && !self.is_over(window) => Step::Wait,
                Head::Unknown | Head::Plain => self.bad_value(window, error),
            },
        }
    }

    /// Remembers the first key of an array's first good element.
    fn remember_first_key(&mut self, view: &[u8]) {
        if self.first_key.is_empty() && !self.levels.is_empty() {
            let key = first_key(view).filter(|key| key.len() <= MAX_FIRST_KEY);
            self.first_key.extend_from_slice(key.unwrap_or_default());
        }
    }

    /// Whether the object at the start of `view` is an envelope that can be opened here.
    fn head(&self, view: &[u8]) -> Head {
        let may_be = match self.levels.last() {
            None | Some(Level::Array) => true,
            // A record in an envelope may have a `value` or `data` of its own; only the envelope
            // that follows a torn one on the next line is looked for.
            Some(Level::Envelope) => first_key(view) == Some(b"records"),
            Some(Level::Tail) => false,
        };
        if may_be && self.levels.len() < MAX_LEVELS { envelope_head(view) } else { Head::Plain }
    }

    /// Opens the envelope whose head is so long.
    fn enter(&mut self, length: usize) -> Step {
        self.open(Level::Envelope);
        Step::Skip(length)
    }

    /// A scalar, or an array where a record should be.
    fn other_value(&mut self, window: Window<'_>, tape: &mut Tape) -> Step {
        let view = window.bytes.get(..self.max_record_bytes).unwrap_or(window.bytes);
        match tape.parse(view) {
            Ok(length) => Step::Reject(length, FrameReject::NotAnObject),
            Err(ParseError::Incomplete) if window.is_finished && is_number(window.bytes) && !self.is_over(window) => {
                Step::Reject(window.bytes.len(), FrameReject::NotAnObject)
            }
            Err(error) => self.bad_value(window, error),
        }
    }

    /// A value that is no JSON as far as the window goes.
    fn bad_value(&mut self, window: Window<'_>, error: ParseError) -> Step {
        let reason = match error {
            ParseError::Malformed { at, what } => {
                FrameReject::Malformed { detail: format!("{what} at byte {at} of the record") }
            }
            ParseError::TooDeep { .. } => FrameReject::TooDeep,
            ParseError::Incomplete if self.is_over(window) => FrameReject::Oversized,
            ParseError::Incomplete if window.is_finished => FrameReject::Truncated,
            ParseError::Incomplete => return Step::Wait,
        };
        self.recover(window, Lost::new(reason))
    }

    /// What follows the array of an envelope.
    fn tail(&mut self, window: Window<'_>, tape: &mut Tape) -> Step {
        let bytes = window.bytes;
        let spaces = skip_space(bytes, 0);
        if spaces > 0 {
            return Step::Skip(spaces);
        }
        match bytes.first() {
            None if window.is_finished => self.end(),
            None => Step::Wait,
            Some(b'}') => {
                self.levels.pop();
                Step::Skip(1)
            }
            Some(b',') => self.tail_member(window, tape),
            // The envelope was never closed; nothing of it is lost.
            Some(b'{' | b'[' | b']') => {
                self.levels.pop();
                self.element(window, tape, None)
            }
            Some(_) => {
                self.levels.pop();
                self.bad_value(window, ParseError::Malformed { at: 0, what: "expected ',' or '}'" })
            }
        }
    }

    /// Steps over a comma and the member after it.
    fn tail_member(&mut self, window: Window<'_>, tape: &mut Tape) -> Step {
        let view = window.bytes.get(..self.max_record_bytes).unwrap_or(window.bytes);
        let key = skip_space(view, 1);
        let length = match view.get(key) {
            None => Err(ParseError::Incomplete),
            Some(b'}') => Ok(key),
            // What follows is an element after all, or the next envelope.
            Some(b'{' | b'[') => {
                self.levels.pop();
                Ok(key)
            }
            Some(b'"') => member_end(view, key, tape),
            Some(_) => Err(ParseError::Malformed { at: key, what: "expected a key in double quotes" }),
        };
        match length {
            Ok(length) => Step::Skip(length),
            Err(error) => {
                self.levels.pop();
                let step = self.bad_value(window, error);
                if matches!(step, Step::Wait) && self.lost.is_none() {
                    self.levels.push(Level::Tail);
                }
                step
            }
        }
    }
}

/// The position after the member whose key begins at `key`.
fn member_end(view: &[u8], key: usize, tape: &mut Tape) -> Result<usize, ParseError> {
    let shifted = |error, by| match error {
        ParseError::Malformed { at, what } => ParseError::Malformed { at: at + by, what },
        ParseError::TooDeep { at } => ParseError::TooDeep { at: at + by },
        ParseError::Incomplete => ParseError::Incomplete,
    };
    let key_length = tape.parse(view.get(key..).unwrap_or_default()).map_err(|error| shifted(error, key))?;
    let colon = skip_space(view, key + key_length);
    match view.get(colon) {
        None => return Err(ParseError::Incomplete),
        Some(b':') => {}
        Some(_) => return Err(ParseError::Malformed { at: colon, what: "expected ':'" }),
    }
    let value = skip_space(view, colon + 1);
    if view.get(value - 1..=value) == Some(b"\n{") {
        // No writer breaks a line here, and what is skipped could not be missed: the envelope is torn.
        return Err(ParseError::Malformed { at: value, what: "expected a value" });
    }
    let length = tape.parse(view.get(value..).unwrap_or_default()).map_err(|error| shifted(error, value))?;
    Ok(value + length)
}

/// Whether the first member of the object on `tape` that is no scalar is an array: only then can
/// the object be an envelope. Kinds can be read without the text.
fn first_nesting_is_array(tape: &Tape) -> bool {
    let Some(root) = tape.root("") else { return false };
    let nesting = root.members().map(|(_, value)| value.kind()).find(|kind| matches!(kind, Kind::Array | Kind::Object));
    nesting == Some(Kind::Array)
}

/// Whether an object's first bytes, which are no white space, begin JSON: an array, an object, or a
/// scalar that fills its line, for a bad first record must not hide the records after it. `None`
/// if more bytes are needed to tell. `tape` is only scratch.
pub(super) fn begins_json(window: Window<'_>, tape: &mut Tape) -> Option<bool> {
    let view = window.bytes.get(..MAX_FIRST_SCALAR).unwrap_or(window.bytes);
    let is_whole = window.is_finished || window.bytes.len() > MAX_FIRST_SCALAR;
    match view.first()? {
        b'{' | b'[' => return Some(true),
        b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {}
        // What a crash leaves in a file that grew beforehand.
        0 => {
            let zeros = view.iter().take_while(|&&byte| byte == 0).count();
            let key = skip_space(view, zeros + 1);
            return match (view.get(zeros), view.get(key)) {
                (Some(b'{'), Some(&byte)) => Some(byte == b'"'),
                (Some(b'{') | None, None) if !is_whole => None,
                _ => Some(false),
            };
        }
        _ => return Some(false),
    }
    match tape.parse(view) {
        Ok(length) => {
            let blanks = view.iter().skip(length).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
            match view.get(length + blanks) {
                Some(byte) => Some(matches!(byte, b'\n' | b'{' | b'[')),
                None if is_whole => Some(window.is_finished),
                None => None,
            }
        }
        Err(ParseError::Incomplete) if is_whole => Some(window.is_finished && is_number(view)),
        Err(ParseError::Incomplete) => None,
        Err(ParseError::Malformed { .. } | ParseError::TooDeep { .. }) => Some(false),
    }
}

/// Whether these bytes, the last of the input, are a number: only its end could complete it.
fn is_number(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<serde_json::Number>().is_ok())
}

#[cfg(test)]
mod tests;
