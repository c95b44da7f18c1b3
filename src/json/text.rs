//! Strings of JSON: where they end, and what they say once their escapes are undone.

use wide::u8x16;

use super::ParseError;

/// The position of the first quote, backslash or control character at or after `at`; the end of
/// the input where there is none.
#[inline]
pub(super) fn plain_run(input: &[u8], mut at: usize) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    let (chunks, rest) = rest.as_chunks::<CHUNK_BYTES>();
    for chunk in chunks {
        let stop = first_special(*chunk);
        if stop < CHUNK_BYTES {
            return at + stop;
        }
        at += CHUNK_BYTES;
    }
    at + rest.iter().take_while(|byte| **byte != b'"' && **byte != b'\\' && **byte >= 0x20).count()
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

/// Bytes that are looked at together.
const CHUNK_BYTES: usize = 16;

/// The position of the first quote, backslash or byte below 0x20; at least [`CHUNK_BYTES`] where
/// there is none.
#[inline]
fn first_special(chunk: [u8; CHUNK_BYTES]) -> usize {
    let bytes = u8x16::new(chunk);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let is_control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (is(b'"') | is(b'\\') | is_control).to_bitmask().trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_first_special_character_wherever_it_stands() {
        for length in 0..50 {
            for special in [b'"', b'\\', 0, 0x1f] {
                for at in 0..length {
                    // 0x80 and above look negative to instructions that compare signed bytes.
                    let mut input: Vec<u8> = [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff].repeat(7);
                    input.truncate(length);
                    assert_eq!(plain_run(&input, at), length, "{length}");
                    input[at] = special;
                    for from in 0..=at {
                        assert_eq!(plain_run(&input, from), at, "{special:#x} at {at} of {length}, from {from}");
                    }
                }
            }
        }
        assert_eq!(plain_run(b"abc", 7), 7);
    }
}
