//! Runs a rule over registered tables and returns its evidence.

use std::collections::{BTreeMap, BTreeSet};

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, ident};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;

use crate::coverage::{NotEvaluable, SourceCoverage};
use crate::error::RunError;
use crate::rule::params::{Params, bound, values};
use crate::rule::{Rule, Subject};
use crate::sql::{self, columns, narrow, session};

/// Columns that the rule's query itself must return.
pub const REQUIRED: [&str; 5] = ["event_uid", "time", "principal_id", "target_id", "operation"];

/// Columns that folding needs besides: taken from the event where the query does not return them.
pub const FROM_EVENT: [&str; 11] = [
    "object",
    "offset",
    "length",
    "stream",
    "identity_kind",
    "confidence",
    "principal_name",
    "workspace_rid",
    "target_name",
    "assignee_id",
    "op_class",
];

/// The optional column by which a rule rates its evidence itself.
pub const SEVERITY: &str = "severity";

/// Name of the event's uid on the other side of the join.
const UID_OF_EVENT: &str = "uid_of_event";

/// Whether a rule can say anything about the data at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evaluability {
    /// All that it can use is there.
    Full,
    /// It runs, but some of `any_sources` are absent.
    Partial(NotEvaluable),
    /// What it cannot do without is absent: its silence would mean nothing.
    Not(NotEvaluable),
}

/// Decides whether a rule can be evaluated, from the sources that were read and the names of the
/// side tables that have rows. Names in reasons are in the head's order.
pub fn evaluability(
    rule: &Rule,
    sources: &BTreeMap<String, SourceCoverage>,
    filled: &BTreeSet<String>,
) -> Evaluability {
    let head = &rule.head;
    let is_absent = |source: &&String| sources.get(*source).is_none_or(|coverage| coverage.events == 0);
    let absent: Vec<&String> = head.sources.iter().filter(is_absent).collect();
    let absent_any: Vec<&String> = head.any_sources.iter().filter(is_absent).collect();
    let empty: Vec<&String> = head.needs.iter().filter(|table| !filled.contains(*table)).collect();
    let mut reasons = Vec::new();
    if !absent.is_empty() {
        reasons.push(no_events_of(&absent));
    }
    if !absent_any.is_empty() && absent_any.len() == head.any_sources.len() {
        reasons.push(format!("no events of any of the sources {}", quoted(&absent_any)));
    }
    if !empty.is_empty() {
        reasons.push(format!("nothing in the list {}", quoted(&empty)));
    }
    let because = |reason: String| NotEvaluable { rule: head.id.clone(), reason };
    if !reasons.is_empty() {
        Evaluability::Not(because(reasons.join("; ")))
    } else if !absent_any.is_empty() {
        Evaluability::Partial(because(no_events_of(&absent_any)))
    } else {
        Evaluability::Full
    }
}

fn no_events_of(sources: &[&String]) -> String {
    let noun = if sources.len() == 1 { "source" } else { "sources" };
    format!("no events of the {noun} {}", quoted(sources))
}

fn quoted(names: &[&String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

/// The columns that are taken from the query's own output, each once.
pub fn own_columns(rule: &Rule) -> Vec<&str> {
    let head = &rule.head;
    let assignee = (head.subject == Subject::Assignee).then_some("assignee_id");
    let named = head.group_by.iter().chain(&head.details).map(String::as_str);
    let mut columns: Vec<&str> = Vec::new();
    for column in REQUIRED.into_iter().chain(assignee).chain(named) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

/// Plans a rule's query so that it returns what folding needs and nothing else: the rule's own
/// columns, `severity` if it has one, and [`FROM_EVENT`], joined by `event_uid` where they are not
/// in its output.
///
/// # Errors
///
/// The planner's own error.
pub async fn evidence(ctx: &SessionContext, rule: &Rule, params: &Params) -> Result<DataFrame, DataFusionError> {
    let query = session::plan_read_only(ctx, &rule.sql).await?.with_param_values(bound(params))?;
    let mut wanted = own_columns(rule);
    let mut missing = Vec::new();
    let optional = [SEVERITY].into_iter().filter(|name| has(query.schema(), name));
    for column in optional.chain(FROM_EVENT) {
        if wanted.contains(&column) {
            continue;
        }
        if has(query.schema(), column) {
            wanted.push(column);
        } else {
            missing.push(column);
        }
    }
    let columns = wanted.iter().map(|name| own(query.schema(), name)).collect::<Result<Vec<_>, _>>()?;
    let own = query.select(columns)?;
    if missing.is_empty() {
        return Ok(own);
    }
    let uid = ident("event_uid").alias(UID_OF_EVENT);
    let events = ctx.table("events").await?.select(missing.into_iter().map(ident).chain([uid]))?;
    own.join(events, JoinType::Left, &["event_uid"], &[UID_OF_EVENT], None)
}

fn has(schema: &DFSchema, name: &str) -> bool {
    schema.fields().iter().any(|field| field.name() == name)
}

/// The output column of this name, without its table's name.
fn own(schema: &DFSchema, name: &str) -> Result<Expr, DataFusionError> {
    let mut found = schema.iter().filter(|(_, field)| field.name() == name);
    match (found.next(), found.next()) {
        (Some(field), None) => Ok(Expr::Column(Column::from(field)).alias(name)),
        (Some(_), Some(_)) => Err(DataFusionError::Plan(format!("the output has the column '{name}' twice"))),
        (None, _) => Err(DataFusionError::Plan(format!("the output lacks the column '{name}'"))),
    }
}

/// Runs a rule and returns its evidence batch by batch, in no particular order. An event may come
/// more than once.
///
/// # Errors
///
/// [`RunError::Rule`] when the query does not plan. Errors of the stream are the data's or ours,
/// to be named by [`failed`].
pub async fn stream(ctx: &SessionContext, rule: &Rule, params: &Params) -> Result<SendableRecordBatchStream, RunError> {
    let planned = narrow_evidence(ctx, rule, params).await.map_err(|error| unplanned(rule, &error))?;
    sql::run::start(planned).await.map_err(|error| failed(rule, error))
}

/// The same as [`evidence`], sooner where the rule's text allows it.
async fn narrow_evidence(ctx: &SessionContext, rule: &Rule, params: &Params) -> Result<DataFrame, DataFusionError> {
    let wanted = own_columns(rule).into_iter().chain(FROM_EVENT);
    if let Some(narrow) = narrow::session(ctx, &rule.sql, wanted).await?
        && let Ok(planned) = evidence(&narrow, rule, params).await
    {
        return Ok(planned);
    }
    evidence(ctx, rule, params).await
}

/// The names of the columns that a rule and the folding of its evidence read; `ctx` has every table.
///
/// # Errors
///
/// [`RunError::Rule`] when the query does not plan.
pub async fn columns_read(ctx: &SessionContext, rule: &Rule) -> Result<BTreeSet<String>, RunError> {
    let planned = evidence(ctx, rule, &values(rule)).await;
    planned.and_then(columns::read_by).map_err(|error| unplanned(rule, &error))
}

fn unplanned(rule: &Rule, error: &DataFusionError) -> RunError {
    RunError::Rule { message: format!("{}: {}: {}", rule.file, rule.head.id, error.strip_backtrace()) }
}

/// Runs a rule and collects its evidence. What does not fit in memory does not fit here either:
/// [`stream`] is for the main job.
///
/// # Errors
///
/// [`RunError::Rule`] when the query does not plan, [`RunError::Internal`] when it fails later.
pub async fn run(ctx: &SessionContext, rule: &Rule, params: &Params) -> Result<Vec<RecordBatch>, RunError> {
    stream(ctx, rule, params).await?.try_collect().await.map_err(|error| failed(rule, error))
}

/// What went wrong where a rule met a value that it cannot work with: a text that is no number, a
/// division by zero. `None` for what is the machine's fault, or ours.
pub fn of_evaluation(error: &DataFusionError) -> Option<String> {
    match error.find_root() {
        DataFusionError::Execution(what) => Some(what.clone()),
        DataFusionError::ArrowError(error, _) => match **error {
            ArrowError::CastError(_)
            | ArrowError::ParseError(_)
            | ArrowError::ComputeError(_)
            | ArrowError::DivideByZero
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::InvalidArgumentError(_) => Some(error.to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The error of a rule that planned but did not run to its end.
pub fn failed(rule: &Rule, error: DataFusionError) -> RunError {
    RunError::internal(format!("cannot run the rule '{}'", rule.head.id), error)
}

#[cfg(test)]
mod tests;
