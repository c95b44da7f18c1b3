//! Secrets in text that is no JSON: queries of URLs, connection strings, tokens.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::{memchr2_iter, memmem};
use regex::{Captures, Regex};

use super::names::IN_TEXT;

/// What a secret in text is replaced by.
pub const MASK: &str = "***";

/// How a JSON Web Token begins: `{"` in base64.
const WEB_TOKEN: &str = "eyJ";

/// How a Databricks personal access token begins:
/// <https://docs.databricks.com/aws/en/dev-tools/auth/pat>, read 2026-11.
const DATABRICKS_TOKEN: &str = "dapi";

/// A name with `=`, also escaped, where a parameter can begin, and its value. Names end in `sig`
/// (`design=`), and so do segments of partitioned paths (`/sig=1/`): neither is a signature.
fn named() -> Option<&'static Regex> {
    static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let names = IN_TEXT.join("|");
        let begin = format!(r"(?:^|%3f|%26|[^a-z_\-./])(?:{names}) ?(?:=|%3d) ?");
        // In quotes, which text in JSON escapes, and in braces a value may have any character.
        let quoted = r#"\\*"[^"\\]*\\*"?|\\*'[^'\\]*\\*'?|\{[^}]*\}?"#;
        let pattern = format!(r#"(?i)({begin})({quoted}|[^&"'\\ ,;\n\r\t]+)"#);
        Regex::new(&pattern).ok()
    });
    NAMED.as_ref()
}

/// Tokens that are known by their form.
fn formed() -> Option<&'static Regex> {
    static FORMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let web = format!(r"{WEB_TOKEN}[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]*)?");
        Regex::new(&format!(r"{web}|\b{DATABRICKS_TOKEN}[0-9a-f]{{32}}(?:-[0-9]+)?\b")).ok()
    });
    FORMED.as_ref()
}

/// Whether there may be a secret in text, or in many texts end to end: whether there is is another
/// question. Fast enough for everything that is read.
pub fn may_hold(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends_with_name = |at: usize| {
        let before = bytes.get(..at).unwrap_or_default();
        IN_TEXT.iter().any(|name| {
            let tail = before.len().checked_sub(name.len()).and_then(|start| before.get(start..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    let is_last_of_name = |at: usize| {
        let last = at.checked_sub(1).and_then(|at| bytes.get(at)).map_or(b'.', u8::to_ascii_lowercase);
        matches!(last, b'd' | b'g' | b'n' | b't' | b'y')
    };
    // There may be a blank between the two.
    let end_of_name = |at: usize| if at > 0 && bytes.get(at - 1) == Some(&b' ') { at - 1 } else { at };
    memchr2_iter(b'=', b'%', bytes).map(end_of_name).any(|at| is_last_of_name(at) && ends_with_name(at))
        || memmem::find(bytes, WEB_TOKEN.as_bytes()).is_some()
        || memmem::find(bytes, DATABRICKS_TOKEN.as_bytes()).is_some()
}

/// A text with [`MASK`] in place of every secret.
pub fn text(text: &str) -> Cow<'_, str> {
    if !may_hold(text) {
        return Cow::Borrowed(text);
    }
    let (Some(named), Some(formed)) = (named(), formed()) else { return Cow::Borrowed(MASK) };
    let masked = named
        .replace_all(text, |found: &Captures<'_>| format!("{}{MASK}", found.get(1).map_or("", |name| name.as_str())));
    match formed.replace_all(&masked, MASK) {
        Cow::Borrowed(_) => masked,
        Cow::Owned(masked) => Cow::Owned(masked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let token = format!("{DATABRICKS_TOKEN}{}", "0123456789abcdef".repeat(2));
        for (given, expected) in [
            (
                "see https://h/p?sv=1&SIG=abc%3D&sp=r and \"?sig=def\"",
                "see https://h/p?sv=1&SIG=***&sp=r and \"?sig=***\"",
            ),
            ("a%3Fsv%3D1%26sig%3Dabc", "a%3Fsv%3D1%26sig%3D***"),
            ("a%3fsig%3dabc", "a%3fsig%3d***"),
            ("sig=abc", "sig=***"),
            (
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc+/==;EndpointSuffix=x",
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=***;EndpointSuffix=x",
            ),
            ("Server=s;Password=p w;", "Server=s;Password=*** w;"),
            ("Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjMifQ.c2ln", "Authorization: Bearer ***"),
            (format!("token {token} used").as_str(), "token *** used"),
            // Quotes and braces are legal around values of connection strings.
            (r#"Server=s;Password="hunter2";User ID=u"#, "Server=s;Password=***;User ID=u"),
            ("Pwd='p;w q';x=1", "Pwd=***;x=1"),
            ("Password={a b};x=1", "Password=***;x=1"),
            ("Password = hunter2;x=1", "Password = ***;x=1"),
            (r#"spark.set(client_secret="a b")"#, "spark.set(client_secret=***)"),
            // As it stands in JSON that was cut off.
            (r#"{"c":"AccountKey=\"abc\";x=1"#, r#"{"c":"AccountKey=***;x=1"#),
            (r#"password="never closed"#, "password=***"),
        ] {
            assert_eq!(text(given), expected);
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for plain in
            ["sign=1", "design=1", "t/sig=1/part-0", "my_sig=1", "y=2026/m=05", "eyJ", "dapi", "100%", "sig", "", "="]
        {
            assert!(matches!(text(plain), Cow::Borrowed(same) if same == plain), "{plain}");
        }
    }
}
