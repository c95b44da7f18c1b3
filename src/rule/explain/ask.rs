//! Asks the parts of a query of one event.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::display::array_value_to_string;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::query::{Branch, Condition, Step, Table};
use super::{ColumnValues, ExplainedBranch, ExplainedCondition, ExplainedStep, Verdict};
use crate::rule::params::{Params, bound};
use crate::sql::session;

/// Name under which the event's uid is bound, so that no text of a log or a user becomes SQL.
const EVENT: &str = "airside_event_uid";

/// Most distinct values of a column that are shown.
const VALUES_SHOWN: usize = 5;

/// Most rows of an event that are looked through for values.
const ROWS_READ: usize = 1000;

/// Asks about one event.
pub(super) struct Asker<'c> {
    ctx: &'c SessionContext,
    params: Params,
}

/// The place where conditions of a `SELECT` are asked.
struct Place<'b> {
    prefix: &'b str,
    branch: &'b Branch,
    /// Index of the table that the event comes from.
    event_table: usize,
    /// `alias.event_uid = $…`.
    is_event: String,
}

impl Place<'_> {
    /// The tables with none that an event could be lost by, as far as that can be.
    fn relaxed(&self) -> String {
        self.branch.tables.iter().enumerate().map(|(n, table)| self.relaxed_table(n, table)).collect()
    }

    /// Tables up to the event's stay as they are: without them the event would not be there.
    fn relaxed_table<'t>(&self, n: usize, table: &'t Table) -> &'t str {
        if n <= self.event_table { &table.as_it_is } else { &table.relaxed }
    }

    /// The tables up to this one, which must match.
    fn strict_to(&self, last: usize) -> String {
        let tables = self.branch.tables.iter().enumerate().take(last + 1);
        let text = |(n, table): (usize, &Table)| {
            if n == last { table.strict.clone() } else { self.relaxed_table(n, table).to_owned() }
        };
        tables.map(text).collect()
    }

    fn count(&self, from: &str, condition: &str) -> String {
        let and = if condition.is_empty() { "" } else { " AND " };
        format!("{}SELECT count(*) AS n FROM {from} WHERE {}{and}{condition}", self.prefix, self.is_event)
    }
}

impl<'c> Asker<'c> {
    /// Asks with the rule's parameters.
    pub(super) fn new(ctx: &'c SessionContext, params: &Params, event_uid: &str) -> Self {
        let mut params = params.clone();
        params.insert(EVENT.to_owned(), ScalarValue::from(event_uid));
        Self { ctx, params }
    }

    /// The uid of the event of this uid, or of this object and offset.
    pub(super) async fn find_event(&self, event: &str) -> Result<Option<String>, DataFusionError> {
        let (object, offset) = event.rsplit_once(':').unwrap_or_default();
        let mut params = self.params.clone();
        params.insert("airside_object".to_owned(), ScalarValue::from(object));
        params.insert("airside_offset".to_owned(), ScalarValue::Int64(offset.parse().ok()));
        let sql = format!(
            "SELECT event_uid FROM events WHERE event_uid = ${EVENT} \
             OR (object = $airside_object AND \"offset\" = $airside_offset) ORDER BY event_uid LIMIT 1"
        );
        let frame = session::plan_read_only(self.ctx, &sql).await?.with_param_values(bound(&params))?;
        let found = column_values("event_uid", 0, &frame.collect().await?)?;
        Ok(found.values.into_iter().flatten().next())
    }

    /// Whether the event gets through a step, and what its conditions say of it.
    pub(super) async fn step(&self, step: &Step) -> Result<ExplainedStep, DataFusionError> {
        let sql =
            format!("{}SELECT count(*) AS n FROM ({}) AS step WHERE event_uid = ${EVENT}", step.prefix, step.query);
        let is_there = match self.plan(&sql).await {
            Ok(frame) => Some(count(frame).await? > 0),
            Err(_) => None,
        };
        let mut branches = Vec::new();
        for branch in &step.branches {
            branches.push(self.branch(&step.prefix, branch).await?);
        }
        Ok(ExplainedStep { name: step.name.clone(), is_there, branches, notes: step.notes.clone() })
    }

    async fn branch(&self, prefix: &str, branch: &Branch) -> Result<ExplainedBranch, DataFusionError> {
        let mut explained = ExplainedBranch { notes: branch.notes.clone(), ..ExplainedBranch::default() };
        let Some(place) = self.place(prefix, branch).await else {
            explained.notes.push("reads no events, so that nothing can be asked of this one".to_owned());
            return Ok(explained);
        };
        if place.event_table > 0 {
            explained.notes.push("the tables before the event's own are left as they are".to_owned());
        }
        let relaxed = place.relaxed();
        explained.rows = count(self.plan(&place.count(&relaxed, "")).await?).await?;
        for (n, table) in branch.tables.iter().enumerate() {
            if let Some(condition) = &table.join {
                explained.conditions.push(self.join(&place, n, condition).await?);
            }
        }
        if explained.rows > 0 {
            for condition in &branch.conditions {
                explained.conditions.push(self.condition(&place, &relaxed, condition).await?);
            }
        } else {
            explained.notes.push("the event is not among what it reads".to_owned());
        }
        Ok(explained)
    }

    /// The first table that has events.
    async fn place<'b>(&self, prefix: &'b str, branch: &'b Branch) -> Option<Place<'b>> {
        for name in &branch.events {
            let event_table = branch.tables.iter().position(|table| table.name.as_ref() == Some(name));
            let Some(event_table) = event_table else { continue };
            let is_event = format!("{name}.event_uid = ${EVENT}");
            let place = Place { prefix, branch, event_table, is_event };
            if self.plan(&place.count(&place.relaxed(), "")).await.is_ok() {
                return Some(place);
            }
        }
        None
    }

    async fn join(
        &self,
        place: &Place<'_>,
        at: usize,
        condition: &Condition,
    ) -> Result<ExplainedCondition, DataFusionError> {
        // A table before the event's own is joined to it later: only then is the event there.
        let from = place.strict_to(at.max(place.event_table));
        let rows = match self.plan(&place.count(&from, "")).await {
            Ok(frame) => Some(count(frame).await?),
            Err(_) => None,
        };
        let verdict = match rows {
            None => Verdict::NotAsked,
            Some(0) => Verdict::DidNotHold,
            Some(_) => Verdict::Held,
        };
        self.explained(place, condition, (verdict, rows.unwrap_or(0))).await
    }

    async fn condition(
        &self,
        place: &Place<'_>,
        from: &str,
        condition: &Condition,
    ) -> Result<ExplainedCondition, DataFusionError> {
        let asked = match self.plan(&place.count(from, &format!("({})", condition.text))).await {
            Ok(frame) => {
                let rows = count(frame).await?;
                let verdict = if rows > 0 {
                    Verdict::Held
                } else if self.is_null(place, from, condition).await {
                    Verdict::Null
                } else {
                    Verdict::DidNotHold
                };
                (verdict, rows)
            }
            Err(_) => (Verdict::NotAsked, 0),
        };
        self.explained(place, condition, asked).await
    }

    /// Whether the condition is null; a condition with a query in it is never said to be.
    async fn is_null(&self, place: &Place<'_>, from: &str, condition: &Condition) -> bool {
        let sql = place.count(from, &format!("({}) IS NULL", condition.text));
        match self.plan(&sql).await {
            Ok(frame) => count(frame).await.is_ok_and(|rows| rows > 0),
            Err(_) => false,
        }
    }

    async fn explained(
        &self,
        place: &Place<'_>,
        condition: &Condition,
        (verdict, rows): (Verdict, u64),
    ) -> Result<ExplainedCondition, DataFusionError> {
        let columns: Vec<String> = condition.columns.iter().cloned().collect();
        let relation = format!("{} WHERE {}", place.relaxed(), place.is_event);
        let mut values = self.values_of(place.prefix, &relation, &columns).await?;
        for name in &condition.params {
            let value = self.params.get(name).map(ToString::to_string);
            values.push(ColumnValues { name: format!("${name}"), values: vec![value] });
        }
        Ok(ExplainedCondition { condition: condition.text.clone(), kind: condition.kind, verdict, rows, values })
    }

    /// The event's values of columns of a table that has its uid.
    pub(super) async fn values(
        &self,
        prefix: &str,
        table: &str,
        columns: &[String],
    ) -> Result<Vec<ColumnValues>, DataFusionError> {
        self.values_of(prefix, &format!("{table} WHERE event_uid = ${EVENT}"), columns).await
    }

    /// Values of columns; those that are not there, such as the fields of an inner query, are left
    /// out.
    async fn values_of(
        &self,
        prefix: &str,
        relation: &str,
        columns: &[String],
    ) -> Result<Vec<ColumnValues>, DataFusionError> {
        let select = |columns: &[&String]| {
            let list: Vec<String> = columns.iter().enumerate().map(|(n, column)| format!("{column} AS c{n}")).collect();
            format!("{prefix}SELECT {} FROM {relation} LIMIT {ROWS_READ}", list.join(", "))
        };
        let mut there = Vec::new();
        for column in columns {
            if self.plan(&select(&[column])).await.is_ok() {
                there.push(column);
            }
        }
        if there.is_empty() {
            return Ok(Vec::new());
        }
        let batches = self.plan(&select(&there)).await?.collect().await?;
        there.iter().enumerate().map(|(n, column)| column_values(column, n, &batches)).collect()
    }

    async fn plan(&self, sql: &str) -> Result<DataFrame, DataFusionError> {
        session::plan_read_only(self.ctx, sql).await?.with_param_values(bound(&self.params))
    }
}

/// The number that a query of one row and one column returns.
async fn count(frame: DataFrame) -> Result<u64, DataFusionError> {
    let batches = frame.collect().await?;
    let counts = batches.iter().filter_map(|batch| batch.columns().first()?.as_primitive_opt::<Int64Type>());
    Ok(counts.flat_map(|counts| counts.iter().flatten()).sum::<i64>().try_into().unwrap_or(0))
}

/// The first distinct values of the column at `at`, in the order of the rows.
fn column_values(name: &str, at: usize, batches: &[RecordBatch]) -> Result<ColumnValues, DataFusionError> {
    let mut values: Vec<Option<String>> = Vec::new();
    for column in batches.iter().filter_map(|batch| batch.columns().get(at)) {
        for row in 0..column.len() {
            let value = if column.is_null(row) { None } else { Some(array_value_to_string(column, row)?) };
            if values.len() < VALUES_SHOWN && !values.contains(&value) {
                values.push(value);
            }
        }
    }
    Ok(ColumnValues { name: name.to_owned(), values })
}
