//! Reads the `uri` of a storage record: where it points, and who stands behind its signature.
//!
//! A user-delegation SAS is signed with a key that a principal obtained, and says which one in
//! `skoid` and `sktid`: <https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas>,
//! read 2026-11. That Azure logs both as they were sent: seen in real exports, 2025. The signature
//! itself (`sig`) is never taken out of the query, so it cannot reach a column.

use memchr::memchr;

use crate::arm;
use crate::event::Scratch;

/// The parts of a `uri`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Uri<'r> {
    /// Host, with its port; empty where there is none.
    pub(super) host: &'r str,
    /// Path without its leading slash, as it was sent.
    pub(super) path: &'r str,
    /// Query without its question mark. It may hold a signature: for [`Uri::parameters`] only.
    query: &'r str,
}

/// The principal whose key signed a user-delegation SAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delegation<'r> {
    /// Its object id (`skoid`).
    pub(super) object_id: &'r str,
    /// Its tenant (`sktid`).
    pub(super) tenant_id: Option<&'r str>,
}

impl<'r> Uri<'r> {
    /// Takes a `uri` apart. Every text gives one; what it lacks is empty.
    pub(super) fn parse(text: &'r str) -> Self {
        let (address, query) = split_at(text, b'?').unwrap_or((text, ""));
        let address = match split_at(address, b':') {
            Some((_, rest)) if rest.starts_with("//") => rest.get(2..).unwrap_or_default(),
            _ => address.split_once("://").map_or(address, |(_, rest)| rest),
        };
        let (host, path) = split_at(address, b'/').unwrap_or((address, ""));
        Self { host, path, query }
    }

    /// The label of the host that is `at` dots from its left, from 0.
    pub(super) fn host_label(self, at: usize) -> Option<&'r str> {
        self.host.split(['.', ':']).nth(at).filter(|label| !label.is_empty())
    }

    fn parameters(self) -> impl Iterator<Item = (&'r str, &'r str)> {
        self.query.split('&').filter_map(|pair| pair.split_once('='))
    }

    /// Whether the query carries a signature, redacted or not.
    pub(super) fn is_signed(self) -> bool {
        self.parameters().any(|(key, _)| key.eq_ignore_ascii_case("sig"))
    }

    /// Who stands behind the signature; `None` for every SAS that was signed with an account key.
    pub(super) fn delegation(self, scratch: &'r Scratch) -> Option<Delegation<'r>> {
        let object_id = self.guid("skoid", scratch)?;
        Some(Delegation { object_id, tenant_id: self.guid("sktid", scratch) })
    }

    /// The GUID in the parameter named `name`, in any case. `None` where it is no GUID, and where
    /// two parameters of this name disagree: which one the service looked at is not known.
    fn guid(self, name: &str, scratch: &'r Scratch) -> Option<&'r str> {
        let mut found: Option<&'r str> = None;
        for (key, value) in self.parameters() {
            if !key.eq_ignore_ascii_case(name) {
                continue;
            }
            let value = decode_percent(value, scratch);
            if !arm::is_guid(value) || found.is_some_and(|before| before != value) {
                return None;
            }
            found = Some(value);
        }
        found
    }
}

/// Splits a text at the first of these ASCII characters, as [`str::split_once`] does; URIs are long,
/// and every storage record has one.
fn split_at(text: &str, character: u8) -> Option<(&str, &str)> {
    let at = memchr(character, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Decodes `%XX` in a path or parameter. What is no escape, or would not be UTF-8, stays as it is.
pub(super) fn decode_percent<'r>(text: &'r str, scratch: &'r Scratch) -> &'r str {
    if memchr(b'%', text.as_bytes()).is_none() {
        return text;
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = if byte == b'%' { escape(after) } else { None };
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    match std::str::from_utf8(&decoded) {
        Ok(decoded) => scratch.keep(decoded),
        Err(_) => text,
    }
}

/// The byte that the two hex digits at the start of `after` stand for.
fn escape(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKOID: &str = "7c0f4f9e-6f0e-4d7a-9f57-0d2d6e6f0a11";
    const SKTID: &str = "72f988bf86f141af91ab2d7cd011db47";

    fn delegation_of(query: &str) -> Option<(String, Option<String>)> {
        let scratch = Scratch::default();
        let text = format!("https://lake.dfs.core.windows.net:443/bronze/a.csv?{query}");
        let found = Uri::parse(&text).delegation(&scratch)?;
        Some((found.object_id.to_owned(), found.tenant_id.map(str::to_owned)))
    }

    #[test]
    fn a_uri_is_taken_apart() {
        let uri = Uri::parse("https://lake.dfs.core.windows.net:443/bronze/a/b.csv?sv=1&sig=XXXXX");

        assert_eq!((uri.host, uri.path), ("lake.dfs.core.windows.net:443", "bronze/a/b.csv"));
        assert_eq!((uri.host_label(0), uri.host_label(1), uri.host_label(9)), (Some("lake"), Some("dfs"), None));
        assert!(uri.is_signed());
    }

    #[test]
    fn a_uri_that_lacks_parts_is_taken_apart_too() {
        assert_eq!(Uri::parse(""), Uri::default());
        assert_eq!(Uri::parse("/bronze/a"), Uri { host: "", path: "bronze/a", query: "" });
        assert_eq!(Uri::parse("https://lake.blob.core.windows.net").path, "");
        assert!(!Uri::parse("https://h/p?design=1&x").is_signed());
    }

    #[test]
    fn the_delegating_principal_is_found_in_any_spelling() {
        let dashless = SKOID.replace('-', "");
        let encoded = SKOID.replace('-', "%2D");
        let whole = Some((SKOID.to_owned(), Some(SKTID.to_owned())));

        assert_eq!(delegation_of(&format!("sv=1&skoid={SKOID}&sktid={SKTID}&sig=XXXXX")), whole);
        assert_eq!(delegation_of(&format!("SKOID={encoded}&SkTid={SKTID}")), whole);
        assert_eq!(delegation_of(&format!("skoid={dashless}")), Some((dashless, None)));
    }

    #[test]
    fn what_is_no_delegation_names_nobody() {
        assert_eq!(delegation_of("sv=1&sp=r&sig=XXXXX"), None);
        assert_eq!(delegation_of("skoid="), None);
        assert_eq!(delegation_of("skoid=REDACTED"), None);
        assert_eq!(delegation_of(&format!("myskoid={SKOID}")), None);
        assert_eq!(delegation_of(&format!("skoid={SKOID}&skoid={SKTID}")), None);
    }

    #[test]
    fn escapes_are_decoded_and_broken_ones_kept() {
        let scratch = Scratch::default();

        assert_eq!(decode_percent("a%20b%C3%A9/%24web", &scratch), "a bé/$web");
        assert_eq!(decode_percent("100%", &scratch), "100%");
        assert_eq!(decode_percent("%zz%4", &scratch), "%zz%4");
        assert_eq!(decode_percent("%ff", &scratch), "%ff");
    }
}
