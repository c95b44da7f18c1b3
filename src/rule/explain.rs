//! Says which conditions of a rule's query hold for one event, and which do not.
//!
//! The query is taken apart where it is written as conditions joined by `AND`; each of them is
//! asked of the event alone, with the others left out. What is written otherwise is asked as a
//! whole, or is said not to have been asked.

mod ask;
mod query;

use arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionContext, col, lit};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use serde::Serialize;

use crate::error::RunError;
use crate::rule::Rule;
use crate::rule::params::{Params, values};
use crate::rule::run::{evidence, failed};
use ask::Asker;

/// What a rule makes of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The rule.
    pub rule_id: String,
    /// The event.
    pub event_uid: String,
    /// What is known of it: the columns by which people know an event.
    pub event: Vec<ColumnValues>,
    /// Whether it is evidence of the rule.
    pub is_found: bool,
    /// The named queries of the rule in their order, then the last.
    pub steps: Vec<ExplainedStep>,
}

/// What one query of the rule makes of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedStep {
    /// Name of the query; `None` for the last.
    pub name: Option<String>,
    /// Whether the event is in its result; `None` where its rows are not events.
    pub is_there: Option<bool>,
    /// Its parts: more than one where it is a union.
    pub branches: Vec<ExplainedBranch>,
    /// What was not taken apart, and why.
    pub notes: Vec<String>,
}

/// What one `SELECT` makes of the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExplainedBranch {
    /// Rows that the event has before any condition; none where it does not get that far.
    pub rows: u64,
    /// Its joins and the conditions of its `WHERE`.
    pub conditions: Vec<ExplainedCondition>,
    /// What was not taken apart, and why.
    pub notes: Vec<String>,
}

/// What became of one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedCondition {
    /// The condition as SQL.
    pub condition: String,
    /// What it decides.
    pub kind: Kind,
    /// What became of it.
    pub verdict: Verdict,
    /// Of the event's rows, those for which it held.
    pub rows: u64,
    /// The columns and parameters that it reads.
    pub values: Vec<ColumnValues>,
}

/// What a condition decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whether the event stays.
    Where,
    /// Whether the event stays, by what another table has.
    Join,
    /// What another table adds; the event stays without.
    OuterJoin,
}

/// What became of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It held, for one of the event's rows at least.
    Held,
    /// It did not.
    DidNotHold,
    /// It is neither true nor false: something that it reads is not known. The rule takes this as
    /// not holding.
    Null,
    /// It could not be asked by itself.
    NotAsked,
}

/// The values of a column over the event's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnValues {
    /// Name of the column, or of the parameter with its `$`.
    pub name: String,
    /// Distinct values, the first of them; `None` for null.
    pub values: Vec<Option<String>>,
}

/// The columns by which people know an event.
const EVENT_COLUMNS: [&str; 9] =
    ["time", "source", "stream", "operation", "outcome", "principal_id", "principal_name", "target_id", "object"];

/// Explains what a rule makes of an event, which is named by its uid or by `OBJECT:OFFSET`.
///
/// # Errors
///
/// [`RunError::Usage`] where there is no such event, [`RunError::Rule`] for a query that does not
/// plan, [`RunError::Internal`].
pub async fn explain(ctx: &SessionContext, rule: &Rule, event: &str) -> Result<Explanation, RunError> {
    let unexplained = |error: DataFusionError| {
        RunError::internal(format!("cannot explain the rule '{}'", rule.head.id), error.strip_backtrace())
    };
    let params = values(rule);
    let asker = Asker::new(ctx, &params, event);
    let event_uid = asker.find_event(event).await.map_err(unexplained)?.ok_or_else(|| no_event(event))?;
    let asker = Asker::new(ctx, &params, &event_uid);
    let query = parsed(ctx, rule)?;
    let mut steps = Vec::new();
    for step in query::steps(&query) {
        steps.push(asker.step(&step).await.map_err(unexplained)?);
    }
    let columns = EVENT_COLUMNS.map(str::to_owned);
    let found = async { rows_of(ctx, rule, &params, &event_uid).await?.count().await };
    Ok(Explanation {
        rule_id: rule.head.id.clone(),
        event: asker.values("", "events", &columns).await.map_err(unexplained)?,
        is_found: found.await.map_err(unexplained)? > 0,
        event_uid,
        steps,
    })
}

/// What a rule finds of one event, in the columns that folding takes; nothing where it does not find
/// it.
///
/// # Errors
///
/// [`RunError::Internal`].
pub async fn evidence_of(ctx: &SessionContext, rule: &Rule, event_uid: &str) -> Result<Vec<RecordBatch>, RunError> {
    let found = async { rows_of(ctx, rule, &values(rule), event_uid).await?.collect().await };
    found.await.map_err(|error| failed(rule, error))
}

fn no_event(event: &str) -> RunError {
    RunError::Usage {
        message: format!("no event {event} in what was read"),
        hint: Some("an event is named by its event_uid, or by OBJECT:OFFSET as findings show it".to_owned()),
    }
}

fn parsed(ctx: &SessionContext, rule: &Rule) -> Result<ast::Query, RunError> {
    let state = ctx.state();
    let dialect = state.config_options().sql_parser.dialect;
    let wrong = |reason: String| RunError::Rule { message: format!("{}: {}: {reason}", rule.file, rule.head.id) };
    let statement = state.sql_to_statement(&rule.sql, &dialect).map_err(|error| wrong(error.strip_backtrace()))?;
    match statement {
        Statement::Statement(statement) => match *statement {
            ast::Statement::Query(query) => Ok(*query),
            _ => Err(wrong("the statement is no query".to_owned())),
        },
        _ => Err(wrong("the statement is no query".to_owned())),
    }
}

async fn rows_of(
    ctx: &SessionContext,
    rule: &Rule,
    params: &Params,
    event_uid: &str,
) -> Result<DataFrame, DataFusionError> {
    evidence(ctx, rule, params).await?.filter(col("event_uid").eq(lit(event_uid)))
}

#[cfg(test)]
mod tests;
