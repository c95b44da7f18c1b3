//! Plans what the user asks, and says in plain words why it cannot be answered.

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;

use crate::error::RunError;
use crate::event::schema::ReadColumns;
use crate::report::layout;
use crate::rule::check::{parser_message, place_of_error, unknown_tables, words};
use crate::rule::did_you_mean;
use crate::sql::{columns, limits, session, tables};

/// Prefix of the tables that say which tables there are.
const INFORMATION_SCHEMA: &str = "information_schema.";

/// Plans one query that only reads.
///
/// # Errors
///
/// [`RunError::Usage`] with what is wrong in it.
pub(super) async fn plan(ctx: &SessionContext, sql: &str) -> Result<DataFrame, RunError> {
    limits::check_text(sql).map_err(RunError::usage)?;
    let state = ctx.state();
    let dialect = state.config_options().sql_parser.dialect;
    let statement = match state.sql_to_statement(sql, &dialect) {
        Ok(statement) => statement,
        Err(DataFusionError::NotImplemented(_)) => {
            return Err(RunError::usage("there is more than one query; ask one at a time"));
        }
        Err(_) if is_blank(sql) => return Err(RunError::usage("there is no query")),
        Err(error) => return Err(wrong(&error)),
    };
    if !is_reading(&statement) {
        return Err(RunError::Usage {
            message: "this statement would change something, and only questions are answered here".to_owned(),
            hint: Some("SELECT, WITH, VALUES, EXPLAIN, DESCRIBE and SHOW can be asked".to_owned()),
        });
    }
    limits::check_tables(&statement).map_err(RunError::usage)?;
    let unknown = unknown_tables(&state, &statement);
    let unknown: Vec<&String> = unknown.iter().filter(|table| !table.starts_with(INFORMATION_SCHEMA)).collect();
    match session::plan_read_only(ctx, sql).await {
        Ok(frame) => {
            unbound(&frame)?;
            Ok(frame)
        }
        Err(error) if unknown.is_empty() => Err(wrong(&error)),
        Err(_) => Err(RunError::usage(unknown.iter().map(|table| no_table(table)).collect::<Vec<_>>().join("\n"))),
    }
}

/// The columns of events that a planned query reads.
///
/// # Errors
///
/// [`RunError::Usage`] where it cannot be optimized, which says what is wrong in it.
pub(super) fn columns(planned: DataFrame) -> Result<ReadColumns, RunError> {
    let names = columns::read_by(planned).map_err(|error| wrong(&error))?;
    Ok(ReadColumns::of(&names))
}

/// What its asker should know of a planned query before its answer: comparisons of which nothing can
/// come.
pub(super) fn remarks(planned: &DataFrame) -> Vec<String> {
    // What the plan does not tell is no reason to keep the answer back.
    let unheld = words::unheld(planned.logical_plan()).unwrap_or_default();
    unheld.into_iter().map(|unheld| format!("warning: {}", unheld.message)).collect()
}

/// Whether there is nothing but comments and white space.
fn is_blank(sql: &str) -> bool {
    sql.lines().map(str::trim).all(|line| line.is_empty() || line == ";" || line.starts_with("--"))
}

/// What is not among these is refused by name; what hides in them is refused by the planner.
fn is_reading(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            ast::Statement::Query(_)
                | ast::Statement::Explain { .. }
                | ast::Statement::ExplainTable { .. }
                | ast::Statement::ShowTables { .. }
                | ast::Statement::ShowColumns { .. }
                | ast::Statement::ShowFunctions { .. }
                | ast::Statement::ShowVariable { .. }
        ),
        Statement::Explain(_) => true,
        _ => false,
    }
}

fn no_table(table: &str) -> String {
    if table.contains(['/', '.', '*']) {
        return format!("there is no table '{table}'; files are named before the query, as PATH");
    }
    format!("there is no table '{table}'{}", did_you_mean(table, tables::names()))
}

/// Refuses a query with parameters: nobody gives them values here.
fn unbound(frame: &DataFrame) -> Result<(), RunError> {
    let names = frame.logical_plan().get_parameter_names().map_err(|error| wrong(&error))?;
    let mut names: Vec<&String> = names.iter().collect();
    names.sort();
    match names.first() {
        None => Ok(()),
        Some(name) => Err(RunError::Usage {
            message: format!("the parameter '{name}' has no value"),
            hint: Some("\\run RULE at the prompt runs a rule with the values of its head".to_owned()),
        }),
    }
}

/// What the planner found wrong, each with its place in the query.
pub(in crate::cli) fn wrong(error: &DataFusionError) -> RunError {
    let messages: Vec<String> = error
        .iter()
        .map(|error| {
            let place = place_of_error(error).map_or_else(String::new, |(line, column)| format!("{line}:{column}: "));
            format!("{place}{}", plain(error))
        })
        .collect();
    RunError::usage(messages.join("\n"))
}

/// The message without the names of the engine's own errors.
pub(in crate::cli) fn plain(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::SQL(cause, _) => parser_message(&cause.to_string()),
        root => {
            let message = root.message();
            message.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default().to_owned()
        }
    }
}

/// A query that planned but did not run to its end.
pub(super) fn failed(error: &DataFusionError, memory_bytes: usize) -> RunError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(message) => RunError::Internal {
            message: format!(
                "the query needs more memory than the {} of --memory-limit leave it, in {}; ask for less, or raise \
                 the limit",
                layout::bytes(memory_bytes as u64),
                operator(message)
            ),
            source: None,
        },
        DataFusionError::IoError(_)
        | DataFusionError::External(_)
        | DataFusionError::ParquetError(_)
        | DataFusionError::Internal(_) => {
            RunError::Internal { message: format!("cannot run the query: {}", plain(error)), source: None }
        }
        _ => RunError::usage(format!("the query failed: {}", plain(error))),
    }
}

/// The operator that asked for memory in vain, as the engine names it: `HashJoinInput[0]`.
fn operator(message: &str) -> &str {
    let after = message.split_once(" for ").map_or(message, |(_, after)| after);
    after.split_once(" with ").map_or(after, |(name, _)| name).split([' ', '\n']).next().unwrap_or(after)
}
