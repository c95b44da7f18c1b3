//! Checks rules against empty tables, before any data is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;

use crate::error::RunError;
use crate::rule::load::{Library, Parsed, is_shipped};
use crate::rule::params::{fits, is_text, scalar, values};
use crate::rule::run::{SEVERITY, evidence, own_columns};
use crate::rule::{Problem, Rule, did_you_mean};
use crate::sql::{limits, session, tables};

pub(crate) mod words;

/// Loads the rules compiled in and those in the given files and folders, and checks the latter.
/// The former do not change after they were tested, and planning all of them takes a second.
///
/// # Errors
///
/// [`RunError::Rule`] with everything that is wrong in all files, [`RunError::Usage`] for a path
/// that cannot be read.
pub async fn load(extra_dirs: &[PathBuf]) -> Result<Library, RunError> {
    checked(Library::parse_all(extra_dirs)?, |rule| !is_shipped(rule)).await
}

/// Loads and checks the rules compiled in.
///
/// # Errors
///
/// As [`load`].
pub async fn shipped() -> Result<Library, RunError> {
    checked(Library::parse_all(&[])?, |_| true).await
}

/// Loads and checks the rules in the given files and folders and no others.
///
/// # Errors
///
/// As [`load`].
pub async fn read(paths: &[PathBuf]) -> Result<Library, RunError> {
    checked(Library::parse_paths(paths)?, |_| true).await
}

async fn checked(mut parsed: Parsed, is_checked: impl Fn(&Rule) -> bool) -> Result<Library, RunError> {
    let rules: Vec<&Rule> = parsed.library.rules().iter().filter(|rule| is_checked(rule)).collect();
    if !rules.is_empty() {
        let ctx = tables::empty_session().await?;
        for rule in rules {
            parsed.problems.extend(check(&ctx, rule).await);
            // Planning never waits: whoever gives up on it is heard here.
            tokio::task::yield_now().await;
        }
    }
    parsed.into_library().map_err(RunError::from)
}

/// Everything that is wrong with a rule's query; `ctx` has every table. Nothing is run.
pub async fn check(ctx: &SessionContext, rule: &Rule) -> Vec<Problem> {
    let mut problems = Problems { rule, found: Vec::new() };
    if let Some(plan) = plan(ctx, rule, &mut problems).await {
        check_tables(&plan, &mut problems);
        check_volatility(&plan, &mut problems);
        check_params(&plan, &mut problems);
        check_columns(&plan, &mut problems);
        check_words(&plan, &mut problems);
    }
    // What is left is types that do not go together, found by planning to the end.
    if problems.found.is_empty() {
        let planned = match evidence(ctx, rule, &values(rule)).await {
            Ok(frame) => frame.create_physical_plan().await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = planned {
            problems.planner(&error);
        }
    }
    problems.found
}

/// What was found wrong with one rule.
struct Problems<'r> {
    rule: &'r Rule,
    found: Vec<Problem>,
}

impl Problems<'_> {
    fn at(&mut self, place: Option<(usize, usize)>, message: impl Into<String>) {
        self.found.push(Problem {
            file: self.rule.file.clone(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            rule: Some(self.rule.head.id.clone()),
            message: message.into(),
        });
    }

    /// A problem with a word of the query.
    fn word(&mut self, word: &str, message: impl Into<String>) {
        self.at(place_of_word(&self.rule.sql, word), message);
    }

    /// What the planner said, as it is.
    fn planner(&mut self, error: &DataFusionError) {
        for error in error.iter() {
            let message = match error.find_root() {
                DataFusionError::SQL(cause, _) => parser_message(&cause.to_string()),
                _ => error.strip_backtrace(),
            };
            self.at(place_of_error(error), message);
        }
    }
}

/// Plans the query as it stands, if it is exactly one query that only reads.
async fn plan(ctx: &SessionContext, rule: &Rule, problems: &mut Problems<'_>) -> Option<LogicalPlan> {
    if let Err(message) = limits::check_text(&rule.sql) {
        problems.at(None, message);
        return None;
    }
    let state = ctx.state();
    let dialect = state.config_options().sql_parser.dialect;
    let statement = match state.sql_to_statement(&rule.sql, &dialect) {
        Ok(statement) => statement,
        Err(DataFusionError::NotImplemented(_)) => {
            problems.at(None, "there is more than one statement; a rule is one query");
            return None;
        }
        Err(error) => {
            problems.planner(&error);
            return None;
        }
    };
    if !is_query(&statement) {
        problems.at(None, "the statement is no query; a rule is one SELECT");
        return None;
    }
    if let Err(message) = limits::check_tables(&statement) {
        problems.at(None, message);
        return None;
    }
    let unknown = unknown_tables(&state, &statement);
    match state.statement_to_plan(statement).await {
        Ok(plan) => {
            if let Err(error) = session::read_only().verify_plan(&plan) {
                problems.planner(&error);
                return None;
            }
            Some(plan)
        }
        Err(error) if unknown.is_empty() => {
            problems.planner(&error);
            None
        }
        Err(_) => {
            for table in &unknown {
                let hint = did_you_mean(table, tables::names());
                problems.word(table, format!("there is no table '{table}'{hint}"));
            }
            None
        }
    }
}

fn is_query(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(statement) if matches!(statement.as_ref(), ast::Statement::Query(_)))
}

/// Names of tables in the statement that no session has.
pub(crate) fn unknown_tables(state: &datafusion::execution::SessionState, statement: &Statement) -> Vec<String> {
    let known = tables::names();
    let named = state.resolve_table_references(statement).unwrap_or_default();
    named.iter().map(ToString::to_string).filter(|table| !known.contains(&table.as_str())).collect()
}

/// Refuses whatever is scanned and is not one of our tables: `information_schema`, table
/// functions.
fn check_tables(plan: &LogicalPlan, problems: &mut Problems<'_>) {
    let known = tables::names();
    let mut foreign = BTreeSet::new();
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let name = scan.table_name.to_string();
            if !known.contains(&name.as_str()) {
                foreign.insert(name);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if let Err(error) = walked {
        problems.planner(&error);
    }
    for table in foreign {
        problems.word(&table, format!("'{table}' is no table that a rule may read"));
    }
}

/// Refuses functions whose value is not settled by their arguments: the same logs must give the
/// same findings.
fn check_volatility(plan: &LogicalPlan, problems: &mut Problems<'_>) {
    let mut volatile = BTreeSet::new();
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|expression| {
                if let Some((name, volatility)) = function(expression)
                    && volatility != Volatility::Immutable
                {
                    volatile.insert(name.to_owned());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    if let Err(error) = walked {
        problems.planner(&error);
    }
    for name in volatile {
        let message = format!("{name}() does not give the same value every time; use the events' own times");
        problems.word(&name, message);
    }
}

fn function(expression: &Expr) -> Option<(&str, Volatility)> {
    match expression {
        Expr::ScalarFunction(call) => Some((call.func.name(), call.func.signature().volatility)),
        Expr::AggregateFunction(call) => Some((call.func.name(), call.func.signature().volatility)),
        Expr::WindowFunction(call) => Some((call.fun.name(), call.fun.signature().volatility)),
        _ => None,
    }
}

fn check_params(plan: &LogicalPlan, problems: &mut Problems<'_>) {
    let used = match plan.get_parameter_types() {
        Ok(used) => used,
        Err(error) => return problems.planner(&error),
    };
    let used: BTreeMap<&str, Option<&DataType>> =
        used.iter().map(|(name, wanted)| (name.trim_start_matches('$'), wanted.as_ref())).collect();
    let declared = &problems.rule.head.params;
    for (name, wanted) in &used {
        let place = format!("${name}");
        let Some(param) = declared.get(*name) else {
            let hint = did_you_mean(name, declared.keys().map(String::as_str));
            problems.word(&place, format!("the parameter '{name}' is not declared in the head{hint}"));
            continue;
        };
        let (Some(wanted), Some(value)) = (wanted, scalar(&param.default)) else { continue };
        if !fits(&value, wanted) {
            let kind = param.default.type_str();
            problems.word(&place, format!("the parameter '{name}' is of type {kind}, the query wants {wanted}"));
        }
    }
    for name in declared.keys().filter(|name| !used.contains_key(name.as_str())) {
        problems.at(None, format!("the parameter '{name}' is declared and not used"));
    }
}

fn check_columns(plan: &LogicalPlan, problems: &mut Problems<'_>) {
    let schema = plan.schema();
    let names: BTreeSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    for column in own_columns(problems.rule) {
        let types: Vec<&DataType> =
            schema.fields().iter().filter(|field| field.name() == column).map(|field| field.data_type()).collect();
        match types.as_slice() {
            [] => {
                let hint = did_you_mean(column, names.iter().copied());
                problems.at(None, format!("the output lacks the column '{column}'{hint}"));
            }
            [data_type] => check_type(column, data_type, problems),
            _ => problems.at(None, format!("the output has the column '{column}' more than once; name one with AS")),
        }
    }
    if let Some(field) = schema.fields().iter().find(|field| field.name() == SEVERITY) {
        check_type(SEVERITY, field.data_type(), problems);
    }
}

/// Refuses words that a column never holds: the rule would be silent, and nobody would know why.
fn check_words(plan: &LogicalPlan, problems: &mut Problems<'_>) {
    match words::unheld(plan) {
        Ok(unheld) => unheld.iter().for_each(|unheld| problems.word(&unheld.word, &*unheld.message)),
        Err(error) => problems.planner(&error),
    }
}

/// Checks the types of the columns that the engine reads itself.
fn check_type(column: &str, data_type: &DataType, problems: &mut Problems<'_>) {
    let (is_right, wanted) = match column {
        "time" => (matches!(data_type, DataType::Timestamp(..)), "a timestamp"),
        "event_uid" | "operation" => (is_text(data_type), "text"),
        "principal_id" | "target_id" | "assignee_id" | SEVERITY => {
            (is_text(data_type) || *data_type == DataType::Null, "text")
        }
        _ => return,
    };
    if !is_right {
        problems.at(None, format!("the column '{column}' is {wanted}, not {data_type}"));
    }
}

/// The place that an error names: the planner's, or the parser's in its message.
pub(crate) fn place_of_error(error: &DataFusionError) -> Option<(usize, usize)> {
    if let Some(start) = error.diagnostic().and_then(|diagnostic| diagnostic.span).map(|span| span.start) {
        return Some((usize::try_from(start.line).ok()?, usize::try_from(start.column).ok()?));
    }
    let text = error.strip_backtrace();
    let (_, place) = text.rsplit_once("at Line: ")?;
    let (line, rest) = place.split_once(", Column: ")?;
    let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// What the parser said, without its own name and without the place, which stands in front.
pub(crate) fn parser_message(message: &str) -> String {
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    message.rsplit_once(" at Line: ").map_or(message, |(message, _)| message).to_owned()
}

/// The first place of a word in the query, outside of comments that fill a line.
fn place_of_word(sql: &str, word: &str) -> Option<(usize, usize)> {
    let word = word.to_ascii_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    sql.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("--")).find_map(|(n, line)| {
        let line = line.to_ascii_lowercase();
        let (start, _) = line.match_indices(&word).find(|(start, found)| {
            let before = line.get(..*start).and_then(|before| before.chars().next_back());
            let after = line.get(start + found.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })?;
        Some((n + 1, line.get(..start)?.chars().count() + 1))
    })
}

#[cfg(test)]
mod tests;
