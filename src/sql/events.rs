//! Events in memory as a table that gives out as little as a query can do with.
//!
//! Batches mostly hold events of one source, and most rules look for a few operations: what of the
//! vocabulary columns occurs in a batch decides whether it is looked at. Of those that are, only the
//! rows that satisfy the query's conditions go on.

mod condition;
mod scan;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Column;
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;

use condition::Condition;
use scan::{Scan, Wanted};

/// The columns whose words are remembered for every batch.
const REMEMBERED: [&str; 6] = ["source", "plane", "op_class", "outcome", "phase", "identity_kind"];

/// The words of [`REMEMBERED`] that occur in one batch, column by column; `None` for a column that
/// has none to remember.
type Words = [Option<BTreeSet<String>>; REMEMBERED.len()];

/// Batches of one schema, with what occurs in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batches(Vec<(RecordBatch, Arc<Words>)>);

impl Batches {
    /// Looks at every batch once.
    pub(crate) fn new(batches: Vec<RecordBatch>) -> Self {
        let with_words = |batch: RecordBatch| {
            let words = REMEMBERED.map(|column| words_of(&batch, column));
            (batch, Arc::new(words))
        };
        Self(batches.into_iter().map(with_words).collect())
    }

    /// These batches, and then the others'.
    pub(crate) fn and(mut self, others: &Self) -> Self {
        self.0.extend_from_slice(&others.0);
        self
    }
}

fn words_of(batch: &RecordBatch, column: &str) -> Option<BTreeSet<String>> {
    let column = batch.column_by_name(column)?.as_dictionary_opt::<Int32Type>()?;
    let texts = column.values().as_string_opt::<i32>()?;
    let mut occurs = vec![false; texts.len()];
    for key in column.keys_iter().flatten() {
        if let Some(occurs) = occurs.get_mut(key) {
            *occurs = true;
        }
    }
    let occurring = occurs.iter().enumerate().filter(|(_, occurs)| **occurs);
    Some(occurring.map(|(at, _)| texts.value(at).to_owned()).collect())
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct EventsInMemory {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Batches,
}

#[async_trait]
impl TableProvider for EventsInMemory {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        // What is not by column is good enough to leave out batches.
        let (exact, inexact) = (TableProviderFilterPushDown::Exact, TableProviderFilterPushDown::Inexact);
        let pushed =
            |condition: &&Expr| if condition::is_by_column(condition) { exact.clone() } else { inexact.clone() };
        Ok(filters.iter().map(pushed).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let wanted = self.batches.0.iter().filter(|(_, words)| filters.iter().all(|filter| may_match(filter, words)));
        let wanted: Vec<&RecordBatch> = wanted.map(|(batch, _)| batch).collect();
        let partitions = state.config().target_partitions().clamp(1, wanted.len().max(1));
        let mut parts = vec![Vec::new(); partitions];
        for (n, batch) in wanted.into_iter().enumerate() {
            if let Some(part) = parts.get_mut(n % partitions) {
                part.push(batch.clone());
            }
        }
        let by_column = conjunction(filters.iter().filter(|filter| condition::is_by_column(filter)).cloned());
        let condition = by_column.map(|all| Condition::new(&all, &self.schema, state)).transpose()?;
        let schema = match projection {
            None => self.schema(),
            Some(columns) => Arc::new(self.schema.project(columns)?),
        };
        let wanted = Arc::new(Wanted { condition, projection: projection.cloned(), schema });
        Ok(DataSourceExec::from_data_source(Scan { partitions: parts, wanted }))
    }
}

/// Whether a row of a batch with these words can satisfy the condition. Whatever is not understood
/// can be satisfied.
fn may_match(condition: &Expr, words: &Words) -> bool {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => may_match(left, words) && may_match(right, words),
            Operator::Or => may_match(left, words) || may_match(right, words),
            Operator::Eq => match (column(left), word(right), column(right), word(left)) {
                (Some(column), Some(word), ..) | (_, _, Some(column), Some(word)) => may_be(column, word, words),
                _ => true,
            },
            _ => true,
        },
        Expr::InList(InList { expr, list, negated: false }) => match column(expr) {
            Some(column) => list.iter().any(|item| word(item).is_none_or(|word| may_be(column, word, words))),
            None => true,
        },
        _ => true,
    }
}

fn may_be(column: &Column, word: &str, words: &Words) -> bool {
    let at = REMEMBERED.iter().position(|remembered| *remembered == column.name);
    let occurring = at.and_then(|at| words.get(at)).and_then(Option::as_ref);
    occurring.is_none_or(|occurring| occurring.contains(word))
}

fn column(expression: &Expr) -> Option<&Column> {
    match expression {
        Expr::Column(column) => Some(column),
        Expr::Cast(cast) => column(&cast.expr),
        _ => None,
    }
}

fn word(expression: &Expr) -> Option<&str> {
    let Expr::Literal(literal, _) = expression else { return None };
    let literal = match literal {
        ScalarValue::Dictionary(_, value) => value.as_ref(),
        literal => literal,
    };
    literal.try_as_str().flatten()
}

#[cfg(test)]
mod tests {
    use datafusion::common::tree_node::TreeNodeRecursion;
    use datafusion::logical_expr::{col, lit};
    use datafusion::prelude::SessionContext;
    use serde_json::json;

    use super::*;
    use crate::sql::fixture;

    fn words(rows: &[serde_json::Value]) -> Arc<Words> {
        Arc::clone(&Batches::new(vec![fixture::events(rows)]).0[0].1)
    }

    #[test]
    fn a_batch_is_left_out_only_where_no_row_can_match() {
        let words = words(&[
            json!({"source": "storage", "op_class": "blob_read", "outcome": "success"}),
            json!({"source": "storage", "op_class": "blob_write", "outcome": "denied"}),
        ]);
        let table = [
            (col("source").eq(lit("storage")), true),
            (lit("storage").eq(col("source")), true),
            (col("source").eq(lit("activity")), false),
            (col("source").not_eq(lit("storage")), true),
            (col("op_class").in_list(vec![lit("role_assign"), lit("blob_read")], false), true),
            (col("op_class").in_list(vec![lit("role_assign"), lit("key_listing")], false), false),
            (col("op_class").in_list(vec![lit("blob_read")], true), true),
            (col("op_class").eq(lit("role_assign")).or(col("outcome").eq(lit("denied"))), true),
            (col("op_class").eq(lit("role_assign")).or(col("outcome").eq(lit("failure"))), false),
            (col("op_class").eq(lit("blob_read")).and(col("source").eq(lit("signin"))), false),
            (col("operation").eq(lit("getblob")), true),
            (col("source").eq(col("outcome")), true),
            (lit(true), true),
        ];
        for (condition, expected) in table {
            assert_eq!(may_match(&condition, &words), expected, "{condition}");
        }
    }

    async fn scanned_batches(ctx: &SessionContext, query: &str) -> (usize, usize) {
        let plan = ctx.sql(query).await.unwrap().create_physical_plan().await.unwrap();
        let mut sources = Vec::new();
        datafusion::common::tree_node::TreeNode::apply(&plan, |node| {
            if node.children().is_empty() {
                sources.push(Arc::clone(node));
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        let scanned = datafusion::physical_plan::collect(Arc::clone(&sources[0]), ctx.task_ctx()).await.unwrap();
        let found = datafusion::physical_plan::collect(plan, ctx.task_ctx()).await.unwrap();
        (scanned.iter().map(RecordBatch::num_rows).sum(), found.iter().map(RecordBatch::num_rows).sum())
    }

    #[tokio::test]
    async fn conditions_of_a_query_reach_the_table() {
        let rows = [
            json!({"stream": "other", "source": "storage", "op_class": "blob_read"}),
            json!({"stream": "dbmi", "source": "activity", "op_class": "role_assign"}),
            json!({"stream": "dbmi", "source": "activity", "op_class": "compute_manage"}),
        ];
        let ctx = fixture::session(&rows, Vec::new()).await;

        assert_eq!(scanned_batches(&ctx, "SELECT * FROM events WHERE op_class = 'role_assign'").await, (1, 1));
        assert_eq!(scanned_batches(&ctx, "SELECT * FROM events WHERE source IN ('storage', 'sql')").await, (1, 1));
        assert_eq!(scanned_batches(&ctx, "SELECT * FROM other WHERE source = 'activity'").await, (0, 0));
        assert_eq!(scanned_batches(&ctx, "SELECT * FROM events").await, (3, 3));
    }
}
