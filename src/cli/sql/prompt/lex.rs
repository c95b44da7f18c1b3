//! Cuts what is typed into pieces: enough to colour it, and to see where a query ends.

use std::ops::Range;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Space,
    Word,
    Number,
    /// In single quotes.
    Text,
    /// In double quotes.
    Name,
    Comment,
    Semicolon,
    Symbol,
    /// A text, name or comment whose end is missing.
    Open,
}

/// The pieces of a query, in order and without gaps.
pub(super) fn pieces(text: &str) -> Vec<(Kind, Range<usize>)> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = piece(rest);
        pieces.push((kind, at..at + length));
        at += length;
    }
    pieces
}

fn piece(rest: &str) -> (Kind, usize) {
    let run = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    if rest.starts_with("--") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if let Some(body) = rest.strip_prefix("/*") {
        return body.find("*/").map_or((Kind::Open, rest.len()), |end| (Kind::Comment, end + 4));
    }
    match rest.chars().next() {
        Some('\'') => quoted(rest, '\'', Kind::Text),
        Some('"') => quoted(rest, '"', Kind::Name),
        Some(';') => (Kind::Semicolon, 1),
        Some(first) if first.is_whitespace() => (Kind::Space, run(char::is_whitespace)),
        Some(first) if first.is_ascii_digit() => (Kind::Number, run(|c| c.is_ascii_alphanumeric() || c == '.')),
        Some(first) if is_word(first) => (Kind::Word, run(is_word)),
        Some(first) => (Kind::Symbol, first.len_utf8()),
        None => (Kind::Symbol, 0),
    }
}

/// Whether a character is part of a name without quotes.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

/// A doubled quote inside is a second piece at once, which changes nothing for anybody.
fn quoted(rest: &str, quote: char, kind: Kind) -> (Kind, usize) {
    let end = rest.char_indices().skip(1).find(|(_, character)| *character == quote);
    end.map_or((Kind::Open, rest.len()), |(at, _)| (kind, at + 1))
}

/// Whether this is a command.
pub(super) fn is_command(text: &str) -> bool {
    text.trim_start().starts_with('\\')
}

/// Whether what is typed can be taken as it is: a command, a query with its semicolon, or nothing.
pub(super) fn is_complete(text: &str) -> bool {
    if is_command(text) {
        return true;
    }
    let pieces = pieces(text);
    let last = pieces.iter().rfind(|(kind, _)| !matches!(kind, Kind::Space | Kind::Comment));
    last.is_none_or(|(kind, _)| *kind == Kind::Semicolon)
}

/// The queries of a text, without their semicolons.
pub(super) fn queries(text: &str) -> Vec<&str> {
    let mut queries = Vec::new();
    let mut start = 0;
    for (kind, range) in pieces(text) {
        if kind == Kind::Semicolon {
            queries.extend(text.get(start..range.start));
            start = range.end;
        }
    }
    queries.extend(text.get(start..));
    let is_empty = |query: &&str| pieces(query).iter().all(|(kind, _)| matches!(kind, Kind::Space | Kind::Comment));
    queries.retain(|query| !is_empty(query));
    queries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_complete_with_its_semicolon_and_not_with_one_in_a_text_or_comment() {
        for (text, expected) in [
            ("", true),
            ("  \n", true),
            ("\\d events", true),
            ("SELECT 1", false),
            ("SELECT 1;", true),
            ("SELECT 1; -- done", true),
            ("SELECT 1 -- done;", false),
            ("SELECT ';'", false),
            ("SELECT 'it''s;", false),
            ("SELECT 'it''s';", true),
            ("SELECT \"a;", false),
            ("SELECT /* ; */ 1", false),
            ("SELECT /* ;", false),
            ("SELECT 'größe';", true),
        ] {
            assert_eq!(is_complete(text), expected, "{text}");
        }
    }

    #[test]
    fn queries_are_cut_at_semicolons_that_end_them() {
        assert_eq!(queries("SELECT ';'; SELECT 2 ;\n-- the end\n"), ["SELECT ';'", " SELECT 2 "]);
        assert_eq!(queries(" ;; "), Vec::<&str>::new());
    }

    #[test]
    fn pieces_cover_the_whole_text() {
        let text = "SELECT \"a\", 'b''c', 1.5e3 -- größe\nFROM (events) WHERE x<>$y; /* open";

        let pieces = pieces(text);

        let joined: String = pieces.iter().map(|(_, range)| text.get(range.clone()).unwrap()).collect();
        assert_eq!(joined, text);
        assert_eq!(pieces.last().unwrap().0, Kind::Open);
    }
}
