//! Values of Sigma rules as SQL. A rule is written by others: nothing in it may end a literal.

use rsigma_parser::{SigmaString, SpecialChar, StringPart};

use crate::report::escape;

/// Whether a character has no place in a rule file: a control, a line break, or one that cannot
/// be seen.
pub(super) fn is_unsafe(character: char) -> bool {
    escape::is_unsafe(character)
}

/// A text as an SQL literal.
///
/// # Errors
///
/// The reason, where the text has characters that cannot be seen: no column has them, and in a
/// file they could make one thing look like another.
pub(super) fn quoted(text: &str) -> Result<String, String> {
    if text.contains(is_unsafe) {
        return Err(format!("the value '{text}' has characters that cannot be seen"));
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// Where a value stands in the text that it is looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the whole text.
    Whole,
    /// Anywhere.
    Inside,
    /// At the start.
    Start,
    /// At the end.
    End,
}

/// A value as a pattern of `LIKE`, not quoted yet: Sigma's `*` and `?` become `%` and `_`, and
/// these stand for themselves.
pub(super) fn pattern(value: &SigmaString, place: Place) -> String {
    let mut pattern = String::new();
    if matches!(place, Place::Inside | Place::End) {
        pattern.push('%');
    }
    for part in &value.parts {
        match part {
            StringPart::Plain(text) => push_escaped(text, &mut pattern),
            StringPart::Special(SpecialChar::WildcardMulti) => pattern.push('%'),
            StringPart::Special(SpecialChar::WildcardSingle) => pattern.push('_'),
        }
    }
    if matches!(place, Place::Inside | Place::Start) {
        pattern.push('%');
    }
    pattern
}

fn push_escaped(text: &str, pattern: &mut String) {
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
}

/// Longest chain of conditions. Planning goes one call deeper with every link, so longer ones are
/// chains of chains.
const MAX_CHAIN: usize = 16;

/// Conditions joined by `AND` or `OR`, one a line, in parentheses where there are several.
pub(super) fn joined(parts: &[String], word: &str) -> String {
    if let [only] = parts {
        return only.clone();
    }
    if parts.len() > MAX_CHAIN {
        let chains: Vec<String> = parts.chunks(MAX_CHAIN).map(|chain| joined(chain, word)).collect();
        return joined(&chains, word);
    }
    let lines: Vec<String> = parts.iter().map(|part| indented(part)).collect();
    format!("(\n  {}\n)", lines.join(&format!("\n  {word} ")))
}

/// A text of several lines, those after the first moved right. Literals have no line breaks.
pub(super) fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_doubled_and_what_cannot_be_seen_is_refused() {
        assert_eq!(quoted("it's; -- '").unwrap(), "'it''s; -- '''");
        for hostile in ["a\n--! id = 1", "a\r", "a\u{2028}b", "\u{202e}", "\0"] {
            assert!(quoted(hostile).unwrap_err().contains("cannot be seen"), "{hostile:?}");
        }
    }

    #[test]
    fn wildcards_are_those_of_like_and_its_own_stand_for_themselves() {
        for (value, place, expected) in [
            ("a*b?c", Place::Whole, r"a%b_c"),
            (r"50%_\*", Place::Whole, r"50\%\_*"),
            (r"a\b", Place::Inside, r"%a\\b%"),
            ("x", Place::Start, "x%"),
            ("x", Place::End, "%x"),
        ] {
            assert_eq!(pattern(&SigmaString::new(value), place), expected, "{value}");
        }
    }
}
