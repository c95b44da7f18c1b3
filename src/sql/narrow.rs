//! The tables of one query, with those columns of events alone that its text can mean.
//!
//! The planner looks at every column at every step, and most steps are `SELECT *` over the many
//! columns of events: a scan of few logs is mostly planning rules.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider as _, CatalogProviderList as _, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider as _, Session, TableProvider,
};
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::{Keyword, RESERVED_FOR_TABLE_ALIAS};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::sql::session::{CATALOG, SCHEMA};
use crate::sql::tables;

/// A session for one query that gives out its columns `wanted`, whatever it says itself. The query
/// means the same there as in `ctx`; `None` where it might not, or where the planner has to say what
/// is wrong with it.
///
/// # Errors
///
/// A [`DataFusionError`] where a table of `ctx` cannot be opened.
pub async fn session(
    ctx: &SessionContext,
    query: &str,
    wanted: impl Iterator<Item = &str>,
) -> Result<Option<SessionContext>, DataFusionError> {
    let Some(tokens) = tokens(query) else { return Ok(None) };
    if means_columns_by_number(&tokens) {
        return Ok(None);
    }
    let mut named: HashSet<String> = names(&tokens).collect();
    let views: Vec<(&str, &str)> = tables::VIEWS.into_iter().filter(|(view, _)| named.contains(*view)).collect();
    named.extend(wanted.map(str::to_owned));
    for (_, query) in &views {
        let Some(tokens) = self::tokens(query) else { return Ok(None) };
        named.extend(names(&tokens));
    }
    let tables = MemorySchemaProvider::new();
    for name in tables::STREAM_TABLES.into_iter().chain([tables::ALL_STREAMS]) {
        register(&tables, name, narrowed(ctx.table_provider(name).await?, &named))?;
    }
    for name in tables::side_table_names().filter(|name| named.contains(*name)) {
        register(&tables, name, ctx.table_provider(name).await?)?;
    }
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::new(tables))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let mut state = ctx.state();
    state.register_catalog_list(Arc::new(catalogs));
    let narrow = SessionContext::new_with_state(state);
    for (view, query) in views {
        narrow.register_table(view, narrow.sql(query).await?.into_view())?;
    }
    Ok(Some(narrow))
}

fn register(tables: &MemorySchemaProvider, name: &str, table: Arc<dyn TableProvider>) -> Result<(), DataFusionError> {
    tables.register_table(name.to_owned(), table).map(|_| ())
}

/// The table with its columns of these names; a view is left as it is.
fn narrowed(table: Arc<dyn TableProvider>, named: &HashSet<String>) -> Arc<dyn TableProvider> {
    if table.get_logical_plan().is_some() {
        return table;
    }
    let whole = table.schema();
    let (columns, fields) = whole
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| named.contains(field.name()))
        .map(|(at, field)| (at, Arc::clone(field)))
        .unzip::<_, _, Vec<_>, Vec<_>>();
    Arc::new(Narrowed { schema: Arc::new(Schema::new(fields)), columns, table })
}

/// The tokens of a query without the white space between them; `None` where it is none.
fn tokens(query: &str) -> Option<Vec<Token>> {
    let tokens = Tokenizer::new(&GenericDialect {}, query).tokenize().ok()?;
    Some(tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect())
}

/// Whatever may be a name, in lower case.
fn names(tokens: &[Token]) -> impl Iterator<Item = String> {
    tokens.iter().filter_map(word).map(|word| word.value.to_lowercase())
}

fn word(token: &Token) -> Option<&Word> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

/// Some columns of a table.
#[derive(Debug)]
struct Narrowed {
    table: Arc<dyn TableProvider>,
    /// Where they are among the table's.
    columns: Vec<usize>,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for Narrowed {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        self.table.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let columns = match projection {
            None => self.columns.clone(),
            Some(projection) => projection.iter().filter_map(|at| self.columns.get(*at).copied()).collect(),
        };
        self.table.scan(state, Some(&columns), filters, limit).await
    }
}

/// Whether a query may mean a column otherwise than by its name: by its number in an order, a
/// grouping or a list of names for the columns of a table, by what tables have in common, or as one
/// of those by which events differ when their uid is left out. What only looks like that counts, too.
fn means_columns_by_number(tokens: &[Token]) -> bool {
    let is_paren = |at: usize| tokens.get(at) == Some(&Token::LParen);
    tokens.iter().enumerate().any(|(at, token)| {
        let Some(word) = word(token) else { return false };
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        match word.keyword {
            Keyword::NATURAL => true,
            Keyword::EXCEPT | Keyword::EXCLUDE => leaves_out_uid(tokens.get(at + 1..).unwrap_or_default()),
            Keyword::BY => begins_with_number(tokens.get(at + 1..).unwrap_or_default()),
            // The columns of a named part have names of their own: x (a, b) AS (…).
            Keyword::AS => before == Some(&Token::RParen) && (is_paren(at + 1) || is_materialized(tokens.get(at + 1))),
            _ if word.value.eq_ignore_ascii_case("information_schema") => true,
            // So do those of a table: events AS e (a, b).
            _ => is_paren(at + 1) && before.is_some_and(ends_table) && may_be_alias(word),
        }
    })
}

/// Whether the uid is among the columns that are left out here, `(a, b)` or a single one.
fn leaves_out_uid(tokens: &[Token]) -> bool {
    let list = tokens.split(|token| *token == Token::RParen).next().unwrap_or_default();
    let names = if list.first() == Some(&Token::LParen) { list } else { list.get(..1).unwrap_or_default() };
    names.iter().filter_map(word).any(|word| word.value.eq_ignore_ascii_case("event_uid"))
}

/// Whether an item of a list, which begins here, is a number.
fn begins_with_number(tokens: &[Token]) -> bool {
    let mut depth = 0_usize;
    let mut is_first = true;
    for token in tokens {
        match token {
            Token::Number(..) if is_first => return true,
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return false,
            Token::RParen => depth -= 1,
            _ => {}
        }
        is_first = depth == 0 && *token == Token::Comma;
    }
    false
}

fn is_materialized(token: Option<&Token>) -> bool {
    let keyword = token.and_then(word).map(|word| word.keyword);
    matches!(keyword, Some(Keyword::MATERIALIZED | Keyword::NOT))
}

/// Whether a name after this token may be another name of a table.
fn ends_table(token: &Token) -> bool {
    match token {
        Token::RParen => true,
        Token::Word(word) => matches!(word.keyword, Keyword::AS | Keyword::NoKeyword),
        _ => false,
    }
}

/// Whether this may be another name of a table that a list of columns follows, and is no operator.
fn may_be_alias(word: &Word) -> bool {
    let is_operator = [
        Keyword::AND,
        Keyword::OR,
        Keyword::NOT,
        Keyword::IN,
        Keyword::IS,
        Keyword::LIKE,
        Keyword::BETWEEN,
        Keyword::THEN,
        Keyword::WHEN,
        Keyword::ELSE,
        Keyword::OVER,
        Keyword::FILTER,
    ];
    !is_operator.contains(&word.keyword) && !RESERVED_FOR_TABLE_ALIAS.contains(&word.keyword)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rule::check;
    use crate::sql::fixture;

    async fn columns(query: &str, wanted: &[&str], table: &str) -> Option<Vec<String>> {
        let ctx = tables::empty_session().await.unwrap();
        let narrow = session(&ctx, query, wanted.iter().copied()).await.unwrap()?;
        let table = narrow.table(table).await.unwrap();
        Some(table.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    #[tokio::test]
    async fn events_have_the_columns_that_are_named_or_wanted_and_side_tables_all() {
        let query = "SELECT * FROM dbmi AS d JOIN identities AS i USING (\"principal_id\") WHERE d.OUTCOME = 'x'";

        let dbmi = columns(query, &["event_uid"], "dbmi").await.unwrap();
        let all = columns(query, &["event_uid"], "events").await.unwrap();
        let identities = columns(query, &["event_uid"], "identities").await.unwrap();

        assert_eq!(dbmi, ["event_uid", "outcome", "principal_id"]);
        assert_eq!(all, dbmi);
        assert_eq!(identities.len(), 10);
    }

    #[tokio::test]
    async fn a_view_has_the_columns_that_it_is_made_of_as_well() {
        let grants = columns("SELECT * FROM grants", &["event_uid", "role_id"], "grants").await.unwrap();

        assert_eq!(grants, ["event_uid", "op_class", "outcome", "role_id"]);
    }

    #[tokio::test]
    async fn a_query_that_means_columns_by_number_or_by_what_is_common_is_left_alone() {
        for query in [
            "SELECT * FROM dbmi ORDER BY 1",
            "SELECT * FROM dbmi ORDER BY lower(operation, 'a'), 2 DESC LIMIT 1",
            "SELECT count(*) FROM dbmi GROUP BY 3",
            "SELECT * FROM dbmi NATURAL JOIN adac",
            "SELECT DISTINCT * EXCLUDE (source, event_uid) FROM dbmi",
            "SELECT DISTINCT * EXCEPT EVENT_UID FROM dbmi",
            "SELECT a FROM dbmi AS d (a)",
            "SELECT a FROM dbmi d(a, b)",
            "SELECT a FROM (SELECT * FROM dbmi) first (a)",
            "WITH x (a, b) AS (SELECT * FROM dbmi) SELECT a FROM x",
            "WITH x (a, b) AS MATERIALIZED (SELECT * FROM dbmi) SELECT a FROM x",
            "SELECT column_name FROM information_schema.columns",
            "SELECT 'no end",
        ] {
            assert_eq!(columns(query, &[], "dbmi").await, None, "{query}");
        }
        for query in [
            "SELECT * FROM dbmi WHERE (outcome = 'x') AND (operation IN ('a', 'b') OR coalesce(outcome, '') = '')",
            "SELECT count(*) FILTER (WHERE true) AS n FROM dbmi GROUP BY outcome, floor(1) ORDER BY n LIMIT 10",
            "SELECT * EXCEPT (outcome), event_uid FROM dbmi EXCEPT (SELECT * EXCLUDE (outcome), event_uid FROM adac)",
            "WITH x AS (SELECT * FROM dbmi) SELECT CASE WHEN (true) THEN (1) ELSE (2) END FROM x",
        ] {
            assert!(columns(query, &[], "dbmi").await.is_some(), "{query}");
        }
    }

    #[tokio::test]
    async fn conditions_and_columns_are_those_of_the_whole_table() {
        let rows = [
            json!({"stream": "dbmi", "event_uid": "a", "outcome": "success", "operation": "x"}),
            json!({"stream": "dbmi", "event_uid": "b", "outcome": "denied", "operation": "y"}),
        ];
        let ctx = fixture::session(&rows, Vec::new()).await;
        let query = "SELECT * FROM dbmi WHERE outcome = 'denied'";
        let narrow = session(&ctx, query, ["event_uid", "operation"].into_iter()).await.unwrap().unwrap();

        let batches = narrow.sql(query).await.unwrap().collect().await.unwrap();

        let table = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        let row = table.lines().nth(3).unwrap_or_default();
        assert_eq!(row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).count(), 3, "{table}");
        assert!(row.contains("| b ") && row.contains("| denied ") && row.contains("| y "), "{table}");
    }

    /// All but a few: planning them with all columns takes a second.
    #[tokio::test]
    async fn shipped_rules_are_planned_with_few_columns() {
        let ctx = tables::empty_session().await.unwrap();
        let library = check::shipped().await.unwrap();
        for rule in library.rules() {
            let narrow = session(&ctx, &rule.sql, ["event_uid"].into_iter()).await.unwrap();
            let Some(narrow) = narrow else { panic!("{} is planned with all columns", rule.head.id) };
            let columns = narrow.table("events").await.unwrap().schema().fields().len();
            assert!(columns <= 30, "{} names {columns} columns", rule.head.id);
        }
    }
}
