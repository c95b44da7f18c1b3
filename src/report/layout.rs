//! Text for people: labelled lines that wrap to the terminal's width, numbers, colours.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::{Colour, Style};
use crate::rule::Severity;

/// Columns that a label takes, with the space before and after it.
const LABEL_COLUMNS: usize = 14;

/// Fewest columns that text is wrapped to; a narrower terminal wraps by itself.
const MIN_TEXT_COLUMNS: usize = 20;

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// A heading.
    Strong,
    /// A label or note.
    Faint,
    /// A severity.
    Severity(Severity),
}

impl Paint {
    /// Parameters of the ANSI sequence that switches the colour on.
    const fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint | Self::Severity(Severity::Informational) => "2",
            Self::Severity(Severity::Critical) => "1;97;41",
            Self::Severity(Severity::High) => "1;31",
            Self::Severity(Severity::Medium) => "33",
            Self::Severity(Severity::Low) => "36",
        }
    }
}

/// `text` in the colour of `paint`, where colours are on.
pub(crate) fn painted(style: Style, paint: Paint, text: impl Display) -> String {
    match style.colour {
        Colour::Off => text.to_string(),
        Colour::On => format!("\u{1b}[{}m{text}\u{1b}[0m", paint.code()),
    }
}

/// Writes a label and its text, wrapped with a hanging indent. `text` must be escaped already.
/// An empty label continues the one before.
pub(crate) fn field(out: &mut dyn Write, style: Style, label: &str, text: &str) -> io::Result<()> {
    let columns = style.width.saturating_sub(LABEL_COLUMNS).max(MIN_TEXT_COLUMNS);
    let mut label = label;
    for line in wrap(text, columns) {
        let gap = LABEL_COLUMNS.saturating_sub(2 + label.width()).max(1);
        let shown = if label.is_empty() { String::new() } else { painted(style, Paint::Faint, label) };
        writeln!(out, "  {shown}{:gap$}{line}", "")?;
        label = "";
    }
    Ok(())
}

/// Cuts text into lines of at most `columns` columns: between words, else before a `/` inside a
/// long id, else anywhere. Empty text gives one empty line.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 && line.width() + 1 + word.width() <= columns {
            line.push(' ');
        } else if index > 0 {
            lines.push(std::mem::take(&mut line));
        }
        let mut rest = word;
        while line.width() + rest.width() > columns {
            let (head, tail) = rest.split_at(break_at(rest, columns));
            if tail.is_empty() {
                break;
            }
            lines.push(head.to_owned());
            rest = tail;
        }
        line.push_str(rest);
    }
    lines.push(line);
    lines
}

/// Byte index at which a word wider than `columns` is cut; never 0.
fn break_at(word: &str, columns: usize) -> usize {
    let mut width = 0;
    let mut slash = None;
    for (at, character) in word.char_indices() {
        width += character.width().unwrap_or(0);
        if width > columns && at > 0 {
            return slash.unwrap_or(at);
        }
        if character == '/' && at > 0 {
            slash = Some(at);
        }
    }
    word.len()
}

/// Columns that `text` takes on a terminal.
pub(crate) fn width_of(text: &str) -> usize {
    text.width()
}

/// `text` filled with spaces up to `columns` columns.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let fill = columns.saturating_sub(text.width());
    format!("{text}{:fill$}", "")
}

/// Text in at most `columns` columns: a longer one ends with `…`. `text` must be escaped already.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut width = 1;
    for character in text.chars() {
        width += character.width().unwrap_or(0);
        if width > columns {
            break;
        }
        shown.push(character);
    }
    shown.push('…');
    shown
}

/// A count with a comma every three digits.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its noun: `1 event`, `2 events`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(count))
}

/// A size in decimal units with one place: `268.4 MB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    for (unit, name) in UNITS {
        if count >= unit {
            let tenths = count / (unit / 10);
            return format!("{}.{} {name}", number(tenths / 10), tenths % 10);
        }
    }
    counted(count, "byte")
}

/// The entries of a table of counts, largest first, equal ones by key.
pub(crate) fn by_count<K: Ord>(counts: &BTreeMap<K, u64>) -> Vec<(&K, u64)> {
    let mut sorted: Vec<_> = counts.iter().map(|(key, count)| (key, *count)).collect();
    sorted.sort_by(|(key, count), (other_key, other_count)| other_count.cmp(count).then_with(|| key.cmp(other_key)));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_then_before_slashes_then_anywhere() {
        for (text, columns, lines) in [
            ("", 10, vec![""]),
            ("one two three", 8, vec!["one two", "three"]),
            ("one two", 7, vec!["one two"]),
            ("/subscriptions/abc/resourcegroups/rg", 20, vec!["/subscriptions/abc", "/resourcegroups/rg"]),
            ("id /abcdef/ghijkl", 8, vec!["id", "/abcdef", "/ghijkl"]),
            ("abcdefghij", 4, vec!["abcd", "efgh", "ij"]),
            // Each of these characters is two columns wide.
            ("名前名前", 5, vec!["名前", "名前"]),
            ("名", 1, vec!["名"]),
            ("a  b", 10, vec!["a  b"]),
        ] {
            assert_eq!(wrap(text, columns), lines, "{text:?} at {columns}");
        }
    }

    #[test]
    fn text_that_is_too_long_ends_with_dots() {
        for (text, columns, shown) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("名前名前", 5, "名前…"), ("名前", 3, "名…"), ("", 0, "")]
        {
            assert_eq!(cut(text, columns), shown, "{text:?} at {columns}");
        }
    }

    #[test]
    fn a_field_hangs_under_its_text() {
        let style = Style { width: 34, colour: Colour::Off };
        let mut out = Vec::new();

        field(&mut out, style, "target", "kv-prod in a resource group").unwrap();

        assert_eq!(String::from_utf8(out).unwrap(), "  target      kv-prod in a\n              resource group\n");
    }

    #[test]
    fn numbers_and_sizes_read_well() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(counted(1, "event"), "1 event");
        assert_eq!(counted(2000, "event"), "2,000 events");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(268_435_456), "268.4 MB");
        assert_eq!(bytes(u64::MAX), "18,446,744.0 TB");
    }

    #[test]
    fn colours_are_written_only_when_they_are_on() {
        let off = Style::default();
        let on = Style { colour: Colour::On, ..off };

        assert_eq!(painted(off, Paint::Severity(Severity::High), "HIGH"), "HIGH");
        assert_eq!(painted(on, Paint::Severity(Severity::High), "HIGH"), "\u{1b}[1;31mHIGH\u{1b}[0m");
    }
}
