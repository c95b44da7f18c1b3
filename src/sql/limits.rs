//! Bounds of a query's text, so that reading it costs little time and no more of the stack than
//! there is.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit as _, Visitor};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Longest query that is read, in bytes (256 KiB). The longest shipped rule has under 10 KiB; this is
/// room for a list of 6000 ids.
pub(super) const MAX_QUERY_BYTES: usize = 256 << 10;

/// Most operators in a query. A chain of them is a tree as deep as it is long, which is walked by
/// recursion, over and over; the parser bounds only the depth of parentheses. An imported Sigma rule
/// with the most comparisons that it may have has 502. A build without
/// optimisation plans a chain of 1000 on 8 MiB of stack, in 5 s, and overflows with 2000.
const MAX_OPERATORS: usize = 600;

/// Most tables that a query reads. The planner's time grows with more than their number.
const MAX_TABLES: usize = 200;

/// Refuses a text that is too long, or has too many operators, to be read safely.
///
/// # Errors
///
/// What there is too much of, and how much may be, in words.
pub fn check_text(sql: &str) -> Result<(), String> {
    if sql.len() > MAX_QUERY_BYTES {
        return Err(format!("the query is {} bytes long, and at most {MAX_QUERY_BYTES} are read", sql.len()));
    }
    let dialects: [&dyn Dialect; 2] = [&GenericDialect {}, &PostgreSqlDialect {}];
    for dialect in dialects {
        // A text that is no row of tokens to the parser's dialect is refused by it, which says where.
        let Ok(tokens) = Tokenizer::new(dialect, sql).tokenize() else { continue };
        let operators = tokens.iter().filter(|token| is_operator(token)).count();
        if operators > MAX_OPERATORS {
            return Err(format!("the query has {operators} operators, and at most {MAX_OPERATORS} are read"));
        }
    }
    Ok(())
}

/// Refuses a statement that reads too many tables, counting those of a named part of it wherever
/// the part is used: a plan has a copy of it at each place.
///
/// # Errors
///
/// As [`check_text`].
pub fn check_tables(statement: &Statement) -> Result<(), String> {
    let statement = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(explain) => return check_tables(&explain.statement),
        _ => return Ok(()),
    };
    if statement.visit(&mut Tables::default()).is_break() {
        return Err(format!("the query reads more than {MAX_TABLES} tables, each as often as it is used"));
    }
    Ok(())
}

/// Counts the tables that a plan reads.
#[derive(Default)]
struct Tables {
    /// Tables of the queries that are being visited, the innermost last.
    open: Vec<usize>,
    /// Where the queries of named parts are, with their names.
    names: HashMap<*const Query, String>,
    /// Tables of the named parts. Where two have one name, those of the larger.
    parts: HashMap<String, usize>,
}

impl Visitor for Tables {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let parts = query.with.iter().flat_map(|with| &with.cte_tables);
        self.names.extend(parts.map(|part| (&raw const *part.query, part.alias.name.value.to_ascii_lowercase())));
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        // One that reads nothing is planned as well, wherever it is used.
        let tables = self.open.pop().unwrap_or(0).max(1);
        match (self.names.remove(&(&raw const *query)), self.open.last_mut()) {
            (Some(name), _) => {
                let known = self.parts.entry(name).or_default();
                *known = tables.max(*known);
            }
            (None, Some(outer)) => *outer += tables,
            (None, None) => {}
        }
        if self.open.last().is_some_and(|open| *open > MAX_TABLES) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_ascii_lowercase());
        let tables = name.and_then(|name| self.parts.get(&name).copied()).unwrap_or(1);
        let Some(open) = self.open.last_mut() else { return ControlFlow::Continue(()) };
        *open += tables;
        if *open > MAX_TABLES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Whether a token can make the tree of the query one level deeper without a parenthesis.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
        ),
        Token::Comma
        | Token::Whitespace(_)
        | Token::SemiColon
        | Token::EOF
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::RBracket
        | Token::LBrace
        | Token::RBrace
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::Placeholder(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn a_long_list_is_read_and_a_long_chain_is_not() {
        let list = |count: usize| vec!["'a1000000-0000-4000-8000-000000000001'"; count].join(", ");
        let chain = |word: &str, count: usize| vec!["1"; count + 1].join(word);

        assert_eq!(check_text(&format!("SELECT 1 WHERE x IN ({})", list(6000))), Ok(()));
        assert_eq!(check_text(&format!("SELECT {}", chain(" + ", 600))), Ok(()));
        for word in [" + ", "||", " OR ", " and ", "::int::", " UNION SELECT ", " is not null = "] {
            let refused = check_text(&format!("SELECT {}", chain(word, 601))).unwrap_err();
            assert!(refused.ends_with("operators, and at most 600 are read"), "{word}: {refused}");
        }
    }

    #[test]
    fn a_text_of_more_than_a_quarter_of_a_mebibyte_is_not_read() {
        let refused = check_text(&"-".repeat(262_145));

        assert_eq!(refused, Err("the query is 262145 bytes long, and at most 262144 are read".to_owned()));
    }

    fn tables(sql: &str) -> Result<(), String> {
        let dialect = GenericDialect {};
        let statement =
            datafusion::sql::parser::DFParser::parse_sql_with_dialect(sql, &dialect).unwrap().remove(0).unwrap();
        check_tables(&statement)
    }

    /// Each part is two of the one before: thirty of them would be a plan of a billion tables.
    #[test]
    fn parts_that_double_are_counted_as_often_as_they_are_used() {
        let doubled = |parts: usize, inner: &str| {
            let mut sql = format!("WITH p0 AS (SELECT * FROM {inner})");
            for part in 1..=parts {
                write!(sql, ", p{part} AS (SELECT * FROM p{0} a, \"p{0}\" b)", part - 1).unwrap();
            }
            format!("{sql} SELECT * FROM p{parts}")
        };

        assert_eq!(tables(&doubled(7, "events")), Ok(()));
        // Parts that read no table count as well.
        let derived = ["(SELECT 1) a"; 201].join(", ");
        for sql in [
            doubled(30, "(SELECT 1) s"),
            format!("SELECT 1 FROM {derived}"),
            doubled(8, "events"),
            format!("EXPLAIN {}", doubled(30, "events")),
            format!("SELECT * FROM ({}) s", doubled(30, "events")),
            doubled(8, "(WITH p7 AS (SELECT 1) SELECT * FROM p7, events) s"),
            format!("SELECT 1 FROM events{}", ", events".repeat(200)),
        ] {
            assert!(tables(&sql).is_err(), "{sql}");
        }
    }
}
