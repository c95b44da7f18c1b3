//! Completes what is typed: tables, columns, functions, keywords, rule ids, commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use reedline::{Completer, CompletionResult, Span, Suggestion};

use super::commands::COMMANDS;
use super::lex::{self, Kind, is_word};
use crate::cli::bench::Bench;
use crate::event::schema;
use crate::sql::tables;

/// Keywords worth completing, sorted.
const KEYWORDS: [&str; 50] = [
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "RIGHT",
    "SELECT",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Whether a word is a keyword, in any case.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

/// Everything that can be completed. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Words(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// Columns of each table.
    tables: BTreeMap<String, Vec<String>>,
    /// Columns of all tables, sorted, each once.
    columns: Vec<String>,
    functions: Vec<String>,
    rules: Vec<String>,
}

impl Words {
    /// What the session and the library know.
    pub(super) fn of(bench: &Bench) -> Self {
        let mut tables = BTreeMap::new();
        for table in tables::names() {
            let columns = match tables::side_table_schema(table) {
                Some(schema) => schema.fields().iter().map(|field| field.name().clone()).collect(),
                None => schema::COLUMNS.iter().map(|column| column.name.to_owned()).collect(),
            };
            tables.insert(table.to_owned(), columns);
        }
        let state = bench.opened.ctx.state();
        let functions = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
        let functions = functions.chain(state.window_functions().keys()).cloned().collect();
        let rules = bench.desk.library.rules().iter().map(|rule| rule.head.id.clone()).collect();
        Self::new(tables, functions, rules)
    }

    fn new(tables: BTreeMap<String, Vec<String>>, mut functions: Vec<String>, rules: Vec<String>) -> Self {
        let mut columns: Vec<String> = tables.values().flatten().cloned().collect();
        for words in [&mut columns, &mut functions] {
            words.sort();
            words.dedup();
        }
        Self(Arc::new(Known { tables, columns, functions, rules }))
    }

    pub(super) fn is_table(&self, word: &str) -> bool {
        self.0.tables.contains_key(&word.to_ascii_lowercase())
    }

    pub(super) fn is_function(&self, word: &str) -> bool {
        self.0.functions.binary_search(&word.to_ascii_lowercase()).is_ok()
    }

    /// Where the word under way begins, and what it can become, the likeliest kind first.
    fn candidates(&self, before: &str) -> (usize, Vec<String>) {
        let known = &*self.0;
        let tables = || known.tables.keys();
        if let Some((command, argument)) = before.strip_prefix('\\').and_then(|rest| rest.split_once(' ')) {
            let words = match command {
                "run" | "rules" => matching(argument, &known.rules),
                "d" => matching(argument, tables()),
                "format" => matching(argument, ["csv", "json", "ndjson", "table"]),
                "timing" => matching(argument, ["off", "on"]),
                _ => Vec::new(),
            };
            return (before.len() - argument.len(), words);
        }
        if before.starts_with('\\') {
            return (0, matching(before, COMMANDS.iter().map(|command| command.name)));
        }
        if let Some((start, words)) = values(before) {
            return (start, words);
        }
        let start = before.char_indices().rev().find(|(_, c)| !is_word(*c)).map_or(0, |(at, c)| at + c.len_utf8());
        let word = before.get(start..).unwrap_or_default();
        if let Some(path) = before.get(..start).and_then(|path| path.strip_suffix('.')) {
            let table = path.rsplit(|c| !is_word(c)).next().unwrap_or_default().to_ascii_lowercase();
            return (start, known.tables.get(&table).map(|columns| matching(word, columns)).unwrap_or_default());
        }
        if word.is_empty() {
            return (start, tables().cloned().collect());
        }
        let mut words = matching(word, &known.columns);
        words.extend(matching(word, tables()));
        words.extend(matching(word, KEYWORDS));
        words.extend(matching(word, &known.functions));
        (start, words)
    }
}

/// Where the text under way begins, and what it can become: words of the column before it. `None`
/// outside of a text.
fn values(before: &str) -> Option<(usize, Vec<String>)> {
    let pieces = lex::pieces(before);
    let (Kind::Open, text) = pieces.last()? else { return None };
    let typed = before.get(text.clone())?.strip_prefix('\'')?;
    let words = pieces.iter().rev().filter(|(kind, _)| *kind == Kind::Word);
    let words = words.filter_map(|(_, range)| before.get(range.clone()));
    let column = words.into_iter().find(|word| !is_keyword(word)).unwrap_or_default();
    let known = schema::words(&column.to_ascii_lowercase());
    Some((before.len() - typed.len(), known.map(|words| matching(typed, words)).unwrap_or_default()))
}

/// The words that begin with this, in any case.
fn matching<T: AsRef<str>>(start: &str, words: impl IntoIterator<Item = T>) -> Vec<String> {
    let start = start.to_ascii_lowercase();
    let words = words.into_iter().map(|word| word.as_ref().to_owned());
    words.filter(|word| word.to_ascii_lowercase().starts_with(&start)).collect()
}

impl Completer for Words {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let before = line.get(..pos).unwrap_or(line);
        let (start, words) = self.candidates(before);
        let suggestion = |value: String| Suggestion {
            value,
            span: Span { start, end: before.len() },
            append_whitespace: false,
            ..Suggestion::default()
        };
        CompletionResult::fresh(words.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let tables = BTreeMap::from([
            ("events".to_owned(), columns(&["event_uid", "time", "stream"])),
            ("identities".to_owned(), columns(&["principal_id", "stream"])),
        ]);
        Words::new(tables, vec!["string_agg".to_owned()], vec!["dbmi-bulk-read".to_owned()])
    }

    #[test]
    fn words_are_completed_by_what_stands_before_them() {
        for (before, start, expected) in [
            ("SELECT str", 7, &["stream", "string_agg"][..]),
            ("select STREA", 7, &["stream"]),
            ("SELECT * FROM ev", 14, &["event_uid", "events"]),
            ("sel", 0, &["SELECT"]),
            ("SELECT identities.", 18, &["principal_id", "stream"]),
            ("SELECT (Identities.p", 19, &["principal_id"]),
            ("SELECT nothing.p", 15, &[]),
            ("SELECT * FROM ", 14, &["events", "identities"]),
            ("\\run DBMI-", 5, &["dbmi-bulk-read"]),
            ("\\d ev", 3, &["events"]),
            ("\\ti", 0, &["\\timing"]),
            ("SELECT größe_t", 7, &[]),
            ("WHERE op_class = 'secret_r", 18, &["secret_read"]),
            ("WHERE e.OUTCOME NOT IN ('success', 'den", 36, &["denied"]),
            ("WHERE principal_name LIKE 'secret_r", 27, &[]),
        ] {
            assert_eq!(
                words().candidates(before),
                (start, expected.iter().map(|w| (*w).to_owned()).collect()),
                "{before}"
            );
        }
    }

    #[test]
    fn keywords_are_sorted_so_that_they_are_found() {
        assert!(KEYWORDS.is_sorted());
        assert!(is_keyword("select") && !is_keyword("stream"));
    }
}
