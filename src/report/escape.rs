//! Makes text from logs harmless for terminals, spreadsheet cells and JSON.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Characters that are not controls but cannot be seen, or turn the text around them: Unicode's
/// default-ignorable code points, bidirectional controls, line and paragraph separators, the
/// blank Braille pattern, interlinear annotations and tags. Inclusive ranges, sorted.
const INVISIBLE: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    // Not characters, and not allowed in XML.
    ('\u{fffe}', '\u{ffff}'),
    ('\u{13430}', '\u{13440}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Characters at which a spreadsheet takes a cell for a formula, and their full-width twins, which
/// some spreadsheets read alike.
const FORMULA_STARTS: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Whether a character must not reach a terminal as it is: a control (line breaks included), or
/// one that is invisible or changes how its neighbours are shown.
pub fn is_unsafe(character: char) -> bool {
    if (' '..='~').contains(&character) {
        return false;
    }
    character.is_control() || INVISIBLE.iter().any(|&(first, last)| (first..=last).contains(&character))
}

/// Text for a terminal: every unsafe character is shown as `\u{..}`, everything else as it is.
///
/// A backslash that stands before `u{` in the text itself is shown as `\u{5c}`, so that an escape
/// in the output always stands for a character of the text.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = next_escape(rest) {
            let (plain, after) = rest.split_at(at);
            f.write_str(plain)?;
            let mut characters = after.chars();
            if let Some(character) = characters.next() {
                write!(f, "\\u{{{:x}}}", u32::from(character))?;
            }
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

/// Byte index of the first character that [`Escaped`] does not show as it is.
fn next_escape(text: &str) -> Option<usize> {
    text.char_indices().find_map(|(at, character)| {
        let reads_as_escape = || text.get(at..).is_some_and(|rest| rest.starts_with("\\u{"));
        (is_unsafe(character) || (character == '\\' && reads_as_escape())).then_some(at)
    })
}

/// [`Escaped`] as an owned text.
pub fn escaped(text: &str) -> String {
    Escaped(text).to_string()
}

/// A text cell of a CSV file: escaped as for a terminal, and with a leading apostrophe where a
/// spreadsheet would otherwise run it as a formula (also behind leading spaces, which some trim).
pub fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(FORMULA_STARTS) || text.trim_start().starts_with(FORMULA_STARTS);
    if is_formula { format!("'{}", Escaped(text)) } else { escaped(text) }
}

/// Text in a code span of Markdown: fenced by more backticks than it has in a row, without line breaks or
/// invisible characters.
pub fn markdown_code(text: &str) -> String {
    let text = escaped(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A span that begins or ends with a backtick, or is empty, needs the spaces; Markdown takes
    // one away on each side of a span that has them on both.
    let needs_space = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if needs_space { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// JSON text with the unsafe characters that JSON allows in a string (DEL, the C1 controls,
/// everything invisible) written as `\uXXXX`. The values stay the same.
///
/// `json` must be valid JSON: outside of strings it has none of these characters.
pub fn json_safe(json: &str) -> Cow<'_, str> {
    let needs_escape = |character: char| is_unsafe(character) && (character > '\u{1f}');
    if !json.contains(needs_escape) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if needs_escape(character) {
            push_utf16(character, &mut safe);
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

fn push_utf16(character: char, out: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        if write!(out, "\\u{unit:04x}").is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_line_breaks_and_invisible_characters_are_shown_as_escapes() {
        for (text, shown) in [
            ("plain text, größe, 名前", "plain text, größe, 名前"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("exe.\u{202e}txt\u{2066}", "exe.\\u{202e}txt\\u{2066}"),
            ("ad\u{200b}min\u{200e}\u{200f}", "ad\\u{200b}min\\u{200e}\\u{200f}"),
            ("\u{feff}x\u{ad}\u{e0041}", "\\u{feff}x\\u{ad}\\u{e0041}"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("", ""),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn text_that_looks_like_an_escape_is_told_apart_from_one() {
        assert_eq!(escaped("\\u{1b}"), "\\u{5c}u{1b}");
        assert_eq!(escaped("\\\u{1b}"), "\\\\u{1b}");
        assert_eq!(escaped("CONTOSO\\user"), "CONTOSO\\user");
    }

    #[test]
    fn a_cell_that_would_run_as_a_formula_gets_an_apostrophe() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'\\u{9}=1"),
            ("\r=1", "'\\u{d}=1"),
            ("  =1", "'  =1"),
            ("\u{feff}=1", "\\u{feff}=1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
    }

    #[test]
    fn json_keeps_its_values_and_loses_its_unsafe_characters() {
        let text = "\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}ß";
        let json = serde_json::to_string_pretty(&[text]).unwrap();

        let safe = json_safe(&json);

        assert_eq!(safe, "[\n  \"\\u001b\\u007f\\u009b\\u202e\\udb40\\udc41ß\"\n]");
        assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), vec![text]);
    }

    #[test]
    fn invisible_ranges_are_sorted_and_do_not_touch() {
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(INVISIBLE.iter().all(|(first, last)| first <= last));
    }
}
