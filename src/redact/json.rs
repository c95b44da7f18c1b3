//! Secrets in JSON: members by their names, at whatever depth, in JSON inside strings too.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::names::{self, OF_RIGHTS, OF_SECURE_TYPES, SECURE_TYPES, is_secret, plain};
use super::text::{self, text as without_secrets};
use crate::json::{Kind, Tape, Value, write_json_string};

/// JSON in strings in JSON is opened so often; each level doubles the escapes of the one below.
const MAX_OPENED: usize = 6;

/// Names that are told of a text that is JSON no more.
const MAX_NAMES: usize = 5;

/// How much longer than it was JSON may become, besides [`SHORT_BYTES`]: what is full of short
/// secrets is taken out whole.
const MAX_GROWTH: usize = 2;

/// Length up to which growth is no matter.
const SHORT_BYTES: usize = 1024;

/// Whether JSON, or many such texts end to end, may hold a secret.
pub fn may_hold(json: &str) -> bool {
    static MAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        // Each name of the list has one of these in it, whatever separates its parts; an escape
        // may stand for any letter.
        Regex::new(
            r"(?ix) pass | pwd | secret | key | token | sas | secure | credential | connection | \bpat\b | \bsig\b
                | (custom|user)[_.\ -]?data | protected[_.\ -]?settings | (bytes|string)[_.\ -]?value | \\u",
        )
        .ok()
    });
    MAY.as_ref().is_none_or(|may| may.is_match(json)) || text::may_hold(json)
}

/// JSON without its secrets; as it was where there are none. A text that is no JSON is taken for
/// the content of a string.
pub fn json(json: &str) -> Cow<'_, str> {
    if !may_hold(json) {
        return Cow::Borrowed(json);
    }
    let mut tape = Tape::new();
    let is_whole = tape.parse(json.as_bytes()).is_ok_and(|length| json.get(length..).is_some_and(is_blank));
    let mut walk = Walk { out: String::with_capacity(json.len()), has_found: false };
    match tape.root(json).filter(|_| is_whole) {
        Some(root) => walk.value(root, Within::Other, 0),
        None => match string(json, 0) {
            Some(redacted) => return Cow::Owned(redacted),
            None => return Cow::Borrowed(json),
        },
    }
    if !walk.has_found {
        return Cow::Borrowed(json);
    }
    if walk.out.len() > MAX_GROWTH * json.len().max(SHORT_BYTES) {
        return Cow::Owned(format!("\"{}\"", of_characters(json)));
    }
    Cow::Owned(walk.out)
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What a value lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// A member that names rights.
    Rights,
    Other,
}

/// Writes JSON as it goes through it.
struct Walk {
    out: String,
    has_found: bool,
}

impl Walk {
    fn value(&mut self, value: Value<'_>, within: Within, opened: usize) {
        match value.kind() {
            Kind::Object => self.object(value, within, opened),
            Kind::Array => {
                self.out.push('[');
                for (position, item) in value.items().enumerate() {
                    if position > 0 {
                        self.out.push(',');
                    }
                    self.value(item, within, opened);
                }
                self.out.push(']');
            }
            Kind::String => {
                let text = value.as_str().unwrap_or("");
                let redacted = string(text, opened);
                self.has_found |= redacted.is_some();
                write_json_string(redacted.as_deref().unwrap_or(text), &mut self.out);
            }
            Kind::Null | Kind::Bool | Kind::Number => value.write_compact(&mut self.out),
        }
    }

    fn object(&mut self, object: Value<'_>, within: Within, opened: usize) {
        let about = About::of(object);
        self.out.push('{');
        for (position, (name, member)) in object.members().enumerate() {
            if position > 0 {
                self.out.push(',');
            }
            write_json_string(name, &mut self.out);
            self.out.push(':');
            if within == Within::Other && can_be_secret(member) && about.hides(name) {
                write_json_string(&what_it_was(member), &mut self.out);
                self.has_found = true;
            } else {
                let is_rights = OF_RIGHTS.contains(&plain(name).as_str());
                self.value(member, if is_rights { Within::Rights } else { Within::Other }, opened);
            }
        }
        self.out.push('}');
    }
}

/// A string without its secrets; `None` where it has none. It may hold JSON, also such that was
/// cut off, or a URL.
fn string(content: &str, opened: usize) -> Option<String> {
    if !content.trim_start().starts_with(['{', '[', '"']) {
        return masked(content);
    }
    let mut tape = Tape::new();
    let is_whole = tape.parse(content.trim_start().as_bytes());
    let start = content.trim_start();
    let is_whole = is_whole.is_ok_and(|length| start.get(length..).is_some_and(is_blank));
    if is_whole && opened < MAX_OPENED {
        let root = tape.root(start)?;
        let mut inner = Walk { out: String::with_capacity(content.len()), has_found: false };
        inner.value(root, Within::Other, opened + 1);
        return inner.has_found.then_some(inner.out);
    }
    let found = secret_names(content);
    if found.is_empty() || is_harmless_start(start) {
        return masked(content);
    }
    Some(format!("(redacted, {}: {})", characters(content), found.join(", ")))
}

/// Whether JSON that was cut off holds no secret, as far as it goes.
fn is_harmless_start(start: &str) -> bool {
    let (mut closing, mut in_string, mut is_escaped) = (Vec::new(), false, false);
    for byte in start.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => closing.push('}'),
            b'[' if !in_string => closing.push(']'),
            b'}' | b']' if !in_string => {
                closing.pop();
            }
            _ => {}
        }
    }
    let mut open = start.strip_suffix('\\').filter(|_| is_escaped).unwrap_or(start).to_owned();
    if in_string {
        open.push('"');
    }
    let open = open.trim_end().trim_end_matches(',');
    let closing: String = closing.iter().rev().collect();
    // It may end in a member's name, or behind the colon.
    ["", ":null", "null"].iter().any(|missing| {
        let closed = format!("{open}{missing}{closing}");
        let mut tape = Tape::new();
        let is_json = tape.parse(closed.as_bytes()).is_ok_and(|length| length == closed.len());
        let mut walk = Walk { out: String::with_capacity(closed.len()), has_found: false };
        is_json
            && tape.root(&closed).is_some_and(|root| {
                walk.value(root, Within::Other, 0);
                !walk.has_found
            })
    })
}

fn masked(content: &str) -> Option<String> {
    match without_secrets(content) {
        Cow::Borrowed(_) => None,
        Cow::Owned(masked) => Some(masked),
    }
}

/// What the members of an object say of each other.
#[derive(Debug, Clone, Copy, Default)]
struct About {
    /// Its `value` has the name of a secret, or is of a secure type.
    hides_value: bool,
    /// Its `key` is a name: of a pair, or of a secret in a scope.
    has_names_in_key: bool,
}

impl About {
    fn of(object: Value<'_>) -> Self {
        let text = |name| object.get_ignore_case(name).and_then(Value::as_str);
        let has = |name| object.get_ignore_case(name).is_some();
        let is_secure = text("type").is_some_and(|kind| SECURE_TYPES.contains(&plain(kind).as_str()));
        let named = ["name", "key", "keyName"].iter().any(|name| text(name).is_some_and(is_secret));
        Self { hides_value: is_secure || named, has_names_in_key: has("value") || has("scope") }
    }

    /// Whether the value of a member of the object is a secret.
    fn hides(self, name: &str) -> bool {
        if self.has_names_in_key && name.eq_ignore_ascii_case("key") {
            return false;
        }
        is_secret(name) || self.hides_value && OF_SECURE_TYPES.contains(&plain(name).as_str())
    }
}

/// Nothing, yes and no are no secrets, in quotes or not.
fn can_be_secret(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Null | Kind::Bool => false,
        Kind::Number => true,
        Kind::String => {
            let text = value.as_str().unwrap_or("");
            !(text.is_empty() || ["true", "false", "null"].iter().any(|word| text.eq_ignore_ascii_case(word)))
        }
        Kind::Array => value.items().next().is_some(),
        Kind::Object => value.members().next().is_some(),
    }
}

/// What stands in the place of a secret: its kind and length.
fn what_it_was(value: Value<'_>) -> String {
    let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    match value.kind() {
        Kind::Array => format!("(redacted, list of {})", counted(value.items().count(), "item")),
        Kind::Object => format!("(redacted, object of {})", counted(value.members().count(), "member")),
        Kind::Number => format!("(redacted, number of {})", counted(value.scalar().map_or(0, str::len), "digit")),
        Kind::Null | Kind::Bool | Kind::String => of_characters(value.as_str().unwrap_or("")),
    }
}

fn of_characters(text: &str) -> String {
    format!("(redacted, {})", characters(text))
}

fn characters(text: &str) -> String {
    let count = text.chars().count();
    format!("{count} character{}", if count == 1 { "" } else { "s" })
}

/// The names of secrets that stand in JSON that was cut off.
fn secret_names(text: &str) -> Vec<String> {
    static MEMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"([A-Za-z0-9_.\- ]{2,80})\\*"\s*:"#).ok());
    let Some(member) = MEMBER.as_ref() else { return vec![names::WHOLE.join(", ")] };
    let mut found: Vec<String> = Vec::new();
    for captured in member.captures_iter(text) {
        let Some(name) = captured.get(1).map(|name| name.as_str()).filter(|name| is_secret(name)) else { continue };
        if found.len() < MAX_NAMES && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests;
