//! Strings of JSON: where they end, and what they say once their escapes are undone.

use super::ParseError;

/// The position of the first quote, backslash or control character at or after `at`; the end of
/// the input where there is none.
pub(super) fn plain_run(input: &[u8], mut at: usize) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    for chunk in rest.chunks_exact(8) {
        let word = chunk.try_into().map_or(0, u64::from_le_bytes);
        let stops = special_bytes(word);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&byte) = input.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        at += 1;
    }
    at
}

/// Unescapes the string whose content begins at `start` into `out`; returns the position after its
/// closing quote. `first_escape` is where its first backslash stands.
///
/// Bytes that are no UTF-8 are copied as they are.
pub(super) fn unescape(
    input: &[u8],
    start: usize,
    first_escape: usize,
    out: &mut Vec<u8>,
) -> Result<usize, ParseError> {
    out.extend_from_slice(input.get(start..first_escape).unwrap_or_default());
    let mut at = first_escape;
    loop {
        match byte(input, at)? {
            b'"' => return Ok(at + 1),
            b'\\' => {
                let plain = match byte(input, at + 1)? {
                    byte @ (b'"' | b'\\' | b'/') => byte,
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        at = unicode_escape(input, at, out)?;
                        continue;
                    }
                    _ => return Err(ParseError::Malformed { at, what: "an unknown escape in a string" }),
                };
                out.push(plain);
                at += 2;
            }
            control if control < 0x20 => {
                return Err(ParseError::Malformed { at, what: "a control character in a string" });
            }
            _ => {
                let end = plain_run(input, at);
                out.extend_from_slice(input.get(at..end).unwrap_or_default());
                at = end;
            }
        }
    }
}

/// The position after the closing quote of a string whose first backslash stands at `at`. Accepts
/// what [`unescape`] accepts.
pub(super) fn skip_escaped(input: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *input.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {
                at = match *input.get(at + 1)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at + 2,
                    b'u' => {
                        let digits = input.get(at + 2..at + 6)?;
                        digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)?
                    }
                    _ => return None,
                };
            }
            control if control < 0x20 => return None,
            _ => at = plain_run(input, at),
        }
    }
}

fn byte(input: &[u8], at: usize) -> Result<u8, ParseError> {
    input.get(at).copied().ok_or(ParseError::Incomplete)
}

/// Decodes `\uXXXX` at `at`, with its second half if it is a surrogate pair. A lone surrogate is
/// valid JSON but no character: it becomes U+FFFD.
fn unicode_escape(input: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, ParseError> {
    let first = hex4(input, at + 2)?;
    let mut end = at + 6;
    let mut code = first;
    if (0xd800..0xdc00).contains(&first) {
        code = 0xfffd;
        // The next escape must be seen before it can be said that this one stands alone.
        if byte(input, end)? == b'\\' && byte(input, end + 1)? == b'u' {
            let second = hex4(input, end + 2)?;
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

fn hex4(input: &[u8], at: usize) -> Result<u32, ParseError> {
    let mut code = 0;
    for step in 0..4 {
        let byte = byte(input, at + step)?;
        let digit = char::from(byte).to_digit(16);
        let digit = digit.ok_or(ParseError::Malformed { at: at + step, what: "expected a hex digit" })?;
        code = code * 16 + digit;
    }
    Ok(code)
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
