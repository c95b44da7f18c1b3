//! Tells an envelope by its first members, before the rest of it is there.

/// Keys whose array holds records, where only scalars stand before it.
///
/// `records`: <https://learn.microsoft.com/azure/azure-monitor/platform/stream-monitoring-data-event-hubs>
/// and blobs from before 2018-11; `value`: Azure Resource Manager and Microsoft Graph; `data`:
/// Resource Graph; the others: Databricks' REST API, as its command line prints it.
const ENVELOPE_KEYS: &[&[u8]] =
    &[b"credentials", b"data", b"external_locations", b"records", b"storage_credentials", b"value"];

/// What the beginning of an object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// An envelope whose array begins before this position.
    Envelope(usize),
    /// No envelope, or no JSON.
    Plain,
    /// The bytes end too early to tell.
    Unknown,
}

/// Whether `key`, as written, names the array of an envelope.
pub(super) fn is_envelope_key(key: &[u8]) -> bool {
    ENVELOPE_KEYS.contains(&key)
}

/// Looks whether the object at the start of `view` is an envelope. The verdict on a longer view of
/// the same bytes is the same, unless it is [`Head::Unknown`].
pub(super) fn envelope_head(view: &[u8]) -> Head {
    let mut at = skip_space(view, 1);
    loop {
        let Some((key, after)) = string(view, at) else { return cut_or_plain(view, at) };
        let colon = skip_space(view, after);
        match view.get(colon) {
            None => return Head::Unknown,
            Some(b':') => {}
            Some(_) => return Head::Plain,
        }
        let value = skip_space(view, colon + 1);
        let end = match view.get(value) {
            None => return Head::Unknown,
            Some(b'[') if is_envelope_key(key) => return Head::Envelope(value + 1),
            Some(b'"') => match string(view, value) {
                Some((_, after)) => after,
                None => return cut_or_plain(view, value),
            },
            Some(_) => bare_word(view, value),
        };
        let comma = skip_space(view, end);
        match view.get(comma) {
            None => return Head::Unknown,
            Some(b',') if end > value => at = skip_space(view, comma + 1),
            Some(_) => return Head::Plain,
        }
    }
}

/// The first key of the object at the start of `view`, as written.
pub(super) fn first_key(view: &[u8]) -> Option<&[u8]> {
    string(view, skip_space(view, 1)).map(|(key, _)| key)
}

/// The position of the first byte at or after `at` that is no JSON white space.
pub(super) fn skip_space(view: &[u8], at: usize) -> usize {
    skip_space_up_to(view, at, usize::MAX)
}

/// The same, but at most `limit` bytes on.
pub(super) fn skip_space_up_to(view: &[u8], at: usize, limit: usize) -> usize {
    let rest = view.get(at..).unwrap_or_default();
    at + rest.iter().take(limit).take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

/// The string at `at`, as written, and the position after it; `None` if none ends here.
fn string(view: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let content = view.get(at..)?.strip_prefix(b"\"")?;
    let length = string_length(content).ok()?;
    Some((content.get(..length)?, at + length + 2))
}

/// Why there is no string at `at`.
fn cut_or_plain(view: &[u8], at: usize) -> Head {
    match view.get(at..) {
        None | Some([]) => Head::Unknown,
        Some([b'"', content @ ..]) if string_length(content) == Err(StringEnd::Missing) => Head::Unknown,
        Some(_) => Head::Plain,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum StringEnd {
    /// The bytes end first.
    Missing,
    /// A control character stands where no string can have one.
    Control,
}

fn string_length(content: &[u8]) -> Result<usize, StringEnd> {
    let mut is_escaped = false;
    for (at, &byte) in content.iter().enumerate() {
        match byte {
            0..0x20 => return Err(StringEnd::Control),
            _ if is_escaped => is_escaped = false,
            b'"' => return Ok(at),
            b'\\' => is_escaped = true,
            _ => {}
        }
    }
    Err(StringEnd::Missing)
}

/// The end of a number, `true`, `false` or `null` at `at`; `at` itself for anything else.
fn bare_word(view: &[u8], at: usize) -> usize {
    let rest = view.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')).count()
}
