//! Holds the bytes that are not cut yet: byte order marks taken off, UTF-16 turned into UTF-8.

/// What a byte order mark says about the bytes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// UTF-8, or bytes that are no text.
    Bytes,
    Utf16(ByteOrder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrder {
    Little,
    Big,
}

/// The longest byte order mark, in bytes.
const LONGEST_MARK: usize = 3;

/// The UTF-8 byte order mark.
pub(super) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The part of an object that was pushed and not yet consumed, as UTF-8 (or as it is, where it is
/// not text), with its position in the bytes that came in.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
    /// Position of `start` in the object, in the object's own encoding.
    offset: u64,
    received: u64,
    encoding: Option<Encoding>,
    units: Utf16,
    is_finished: bool,
    is_draining: bool,
}

/// What [`Input`] shows to a framer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'w> {
    /// The bytes from the first unconsumed one on.
    pub(super) bytes: &'w [u8],
    /// Whether nothing follows them.
    pub(super) is_finished: bool,
}

impl Input {
    /// Takes the next bytes. What was handed out before must not be asked for again.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.received += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if self.is_draining {
            return;
        }
        self.compact();
        match self.encoding {
            None => {
                self.bytes.extend_from_slice(chunk);
                self.decide();
            }
            Some(Encoding::Bytes) => self.bytes.extend_from_slice(chunk),
            Some(Encoding::Utf16(order)) => self.units.decode(chunk, order, &mut self.bytes),
        }
    }

    /// Takes the next bytes without copying them where nothing is left of those before; `chunk` is
    /// then an old buffer to be used again.
    pub(super) fn push_whole(&mut self, chunk: &mut Vec<u8>) {
        let can_take = matches!(self.encoding, None | Some(Encoding::Bytes)) && !self.is_draining;
        if !can_take || self.start < self.bytes.len() {
            self.push(chunk);
            return;
        }
        self.received += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        std::mem::swap(&mut self.bytes, chunk);
        self.start = 0;
        self.decide();
    }

    /// An input whose first byte, which is no byte order mark, lies at this position of an object.
    pub(super) fn at(offset: u64) -> Self {
        Self { offset, received: offset, encoding: Some(Encoding::Bytes), ..Self::default() }
    }

    /// Whether what is read is what was pushed, in no other encoding.
    pub(super) fn is_as_it_is(&self) -> bool {
        matches!(self.encoding, None | Some(Encoding::Bytes))
    }

    /// Forgets everything but the buffer.
    pub(super) fn restart(&mut self, offset: Option<u64>) {
        let bytes = std::mem::take(&mut self.bytes);
        let start = bytes.len();
        let fresh = offset.map_or_else(Self::default, Self::at);
        *self = Self { bytes, start, ..fresh };
    }

    /// Says that nothing follows.
    pub(super) fn finish(&mut self) {
        if self.is_finished {
            return;
        }
        self.is_finished = true;
        self.decide();
        self.units.finish(&mut self.bytes);
    }

    /// The unconsumed bytes; nothing as long as a byte order mark may be under way.
    pub(super) fn window(&self) -> Window<'_> {
        let bytes = if self.encoding.is_some() { self.bytes.get(self.start..) } else { None };
        Window { bytes: bytes.unwrap_or_default(), is_finished: self.is_finished }
    }

    /// Steps over the first `count` bytes of the window; they stay readable until the next push.
    ///
    /// Returns where they lie in the buffer, for [`Input::slice`].
    pub(super) fn consume(&mut self, count: usize) -> std::ops::Range<usize> {
        let end = self.start.saturating_add(count).min(self.bytes.len());
        let range = self.start..end;
        let length = match self.encoding {
            Some(Encoding::Utf16(_)) => utf16_length(self.bytes.get(range.clone()).unwrap_or_default()),
            Some(Encoding::Bytes) | None => u64::try_from(range.len()).unwrap_or(u64::MAX),
        };
        // Half a unit at the end of UTF-16 counts as a whole one, which would pass the end.
        self.offset = self.offset.saturating_add(length).min(self.received);
        self.start = end;
        range
    }

    /// Bytes that were consumed since the last push.
    pub(super) fn slice(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Whether nothing follows.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Position of the window in the object.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes were pushed.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Keeps no byte from here on; they are only counted.
    pub(super) fn drain(&mut self) {
        self.is_draining = true;
        self.bytes = Vec::new();
        self.start = 0;
    }

    /// Moves the rest to the front once it is the smaller part, so that a byte moves once or twice.
    fn compact(&mut self) {
        if self.start >= self.bytes.len() - self.start {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Looks for a byte order mark once enough bytes are there to tell.
    fn decide(&mut self) {
        if self.encoding.is_some() || self.is_draining {
            return;
        }
        // Before the start lie the bytes of another object.
        let pending = self.bytes.get(self.start..).unwrap_or_default();
        let may_be_mark = matches!(pending.first(), None | Some(0xef | 0xfe | 0xff));
        if may_be_mark && pending.len() < LONGEST_MARK && !self.is_finished {
            return;
        }
        let order = match pending.get(..2) {
            Some(b"\xff\xfe") => Some(ByteOrder::Little),
            Some(b"\xfe\xff") => Some(ByteOrder::Big),
            _ => None,
        };
        if let Some(order) = order {
            let raw = std::mem::take(&mut self.bytes);
            let raw = raw.get(self.start + 2..).unwrap_or_default();
            self.encoding = Some(Encoding::Utf16(order));
            self.offset = 2;
            self.start = 0;
            self.units.decode(raw, order, &mut self.bytes);
        } else {
            self.encoding = Some(Encoding::Bytes);
            if pending.starts_with(UTF8_MARK) {
                self.start += UTF8_MARK.len();
                self.offset = 3;
            }
        }
    }
}

/// Decodes UTF-16 whose chunks may end inside a unit or a surrogate pair.
#[derive(Debug, Default)]
struct Utf16 {
    half: Option<u8>,
    high: Option<u16>,
}

impl Utf16 {
    fn decode(&mut self, chunk: &[u8], order: ByteOrder, out: &mut Vec<u8>) {
        out.reserve(chunk.len() / 2);
        for &byte in chunk {
            let Some(first) = self.half.take() else {
                self.half = Some(byte);
                continue;
            };
            let unit = match order {
                ByteOrder::Little => u16::from_le_bytes([first, byte]),
                ByteOrder::Big => u16::from_be_bytes([first, byte]),
            };
            self.unit(unit, out);
        }
    }

    fn unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(character)) = char::decode_utf16([high, unit]).next() {
                push_char(character, out);
                return;
            }
            push_char(char::REPLACEMENT_CHARACTER, out);
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
        } else {
            let character = char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
            push_char(character, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.high.take().is_some() {
            push_char(char::REPLACEMENT_CHARACTER, out);
        }
        if self.half.take().is_some() {
            push_char(char::REPLACEMENT_CHARACTER, out);
        }
    }
}

fn push_char(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// How many bytes this UTF-8 had as UTF-16. Counts leading bytes, so that pieces of a text add up.
fn utf16_length(utf8: &[u8]) -> u64 {
    utf8.iter().fold(0, |length, byte| {
        length
            + match byte {
                0x80..=0xbf => 0,
                0xf0..=0xff => 4,
                _ => 2,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(chunks: &[&[u8]]) -> (String, u64) {
        let mut input = Input::default();
        for chunk in chunks {
            input.push(chunk);
        }
        input.finish();
        let text = String::from_utf8(input.window().bytes.to_vec()).unwrap();
        (text, input.offset())
    }

    #[test]
    fn a_utf8_mark_is_taken_off_even_when_it_comes_byte_by_byte() {
        assert_eq!(text_of(&[b"\xef", b"\xbb", b"\xbf", b"{}"]), ("{}".to_owned(), 3));
    }

    #[test]
    fn bytes_that_only_begin_like_a_mark_stay() {
        let mut input = Input::default();
        input.push(b"\xef\xbb");
        input.finish();

        assert_eq!(input.window().bytes, b"\xef\xbb");
        assert_eq!(input.offset(), 0);
    }

    #[test]
    fn nothing_is_shown_before_a_mark_can_be_told() {
        let mut input = Input::default();
        input.push(b"\xff");

        assert!(input.window().bytes.is_empty());
    }

    #[test]
    fn utf16_of_both_orders_is_decoded_across_chunks() {
        // "é😀" is e9 00, 3d d8 00 de in little-endian order.
        let little: &[&[u8]] = &[b"\xff\xfe\xe9", b"\x00\x3d", b"\xd8\x00", b"\xde"];
        let big: &[&[u8]] = &[b"\xfe", b"\xff\x00", b"\xe9\xd8\x3d\xde", b"\x00"];

        assert_eq!(text_of(little), ("é😀".to_owned(), 2));
        assert_eq!(text_of(big), ("é😀".to_owned(), 2));
    }

    #[test]
    fn lone_surrogates_and_half_a_unit_become_replacement_characters() {
        // High surrogate before "a", low surrogate alone, high surrogate and half a unit at the end.
        let raw: &[u8] = b"\xff\xfe\x3d\xd8a\x00\x00\xde\x3d\xd8x";

        assert_eq!(text_of(&[raw]).0, "\u{fffd}a\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn offsets_count_the_bytes_of_utf16_and_never_pass_the_end() {
        let mut input = Input::default();
        input.push(b"\xff\xfea\x00\x3d\xd8\x00\xdeb");
        input.finish();

        input.consume(1);
        assert_eq!(input.offset(), 4);
        input.consume(4);
        assert_eq!(input.offset(), 8);
        input.consume(3);
        assert_eq!(input.offset(), 9);
        assert!(input.window().bytes.is_empty());
    }

    #[test]
    fn consumed_bytes_stay_readable_until_the_next_push() {
        let mut input = Input::default();
        input.push(b"abcdef");

        let range = input.consume(4);

        assert_eq!(input.slice(range), b"abcd");
        input.push(b"gh");
        assert_eq!(input.window().bytes, b"efgh");
        assert_eq!(input.offset(), 4);
    }

    #[test]
    fn a_drained_input_counts_and_keeps_nothing() {
        let mut input = Input::default();
        input.push(b"abc");
        input.drain();
        input.push(b"defg");

        assert!(input.window().bytes.is_empty());
        assert_eq!(input.received(), 7);
    }
}
