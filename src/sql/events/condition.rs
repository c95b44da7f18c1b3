//! Conditions on events, asked of the texts that occur in a batch instead of of every row.
//!
//! Most columns of events hold few texts many times. A condition on such a column has one answer
//! for each text, and each row looks up the answer of its own.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{and_kleene, not, or_kleene};
use arrow::datatypes::{Int32Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_plan::PhysicalExpr;

/// A condition that is made of conditions on one column each.
#[derive(Debug)]
pub(super) enum Condition {
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    Not(Box<Self>),
    OnColumn(OnColumn),
}

/// A condition on one column.
#[derive(Debug)]
pub(super) struct OnColumn {
    /// Its place in the table.
    column: usize,
    /// A schema that has this column alone, which the expression reads.
    schema: SchemaRef,
    expression: Arc<dyn PhysicalExpr>,
}

/// In which rows a condition holds; null where that is not known.
#[derive(Debug)]
pub(super) enum Held {
    Everywhere,
    Nowhere,
    InRows(BooleanArray),
}

/// Whether a condition is made of conditions on one column each.
pub(super) fn is_by_column(condition: &Expr) -> bool {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_by_column(left) && is_by_column(right)
        }
        Expr::Not(inner) => is_by_column(inner),
        other => other.column_refs().len() == 1 && !other.is_volatile() && is_closed(other),
    }
}

/// Whether an expression can be evaluated by itself.
fn is_closed(expression: &Expr) -> bool {
    let is_open = |part: &Expr| {
        matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
                | Expr::ScalarVariable(..)
        )
    };
    expression.exists(|part| Ok(is_open(part))).is_ok_and(|has_open| !has_open)
}

impl Condition {
    /// Prepares a condition that [`is_by_column`] on a table of this schema.
    pub(super) fn new(condition: &Expr, schema: &Schema, state: &dyn Session) -> Result<Self, DataFusionError> {
        let new = |inner: &Expr| Self::new(inner, schema, state).map(Box::new);
        Ok(match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => Self::Both(new(left)?, new(right)?),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => Self::Either(new(left)?, new(right)?),
            Expr::Not(inner) => Self::Not(new(inner)?),
            other => Self::OnColumn(OnColumn::new(other, schema, state)?),
        })
    }

    /// In which rows of a batch the condition holds.
    pub(super) fn held(&self, batch: &RecordBatch) -> Result<Held, DataFusionError> {
        match self {
            Self::Both(left, right) => match left.held(batch)? {
                Held::Everywhere => right.held(batch),
                Held::Nowhere => Ok(Held::Nowhere),
                Held::InRows(left) => Ok(match right.held(batch)? {
                    Held::Everywhere => Held::InRows(left),
                    Held::Nowhere => Held::Nowhere,
                    Held::InRows(right) => Held::in_rows(and_kleene(&left, &right)?),
                }),
            },
            Self::Either(left, right) => match left.held(batch)? {
                Held::Everywhere => Ok(Held::Everywhere),
                Held::Nowhere => right.held(batch),
                Held::InRows(left) => Ok(match right.held(batch)? {
                    Held::Everywhere => Held::Everywhere,
                    Held::Nowhere => Held::InRows(left),
                    Held::InRows(right) => Held::in_rows(or_kleene(&left, &right)?),
                }),
            },
            Self::Not(inner) => Ok(match inner.held(batch)? {
                Held::Everywhere => Held::Nowhere,
                Held::Nowhere => Held::Everywhere,
                Held::InRows(rows) => Held::InRows(not(&rows)?),
            }),
            Self::OnColumn(on_column) => on_column.held(batch),
        }
    }
}

impl Held {
    fn in_rows(rows: BooleanArray) -> Self {
        if rows.null_count() > 0 {
            return Self::InRows(rows);
        }
        match rows.true_count() {
            0 => Self::Nowhere,
            all if all == rows.len() => Self::Everywhere,
            _ => Self::InRows(rows),
        }
    }
}

impl OnColumn {
    fn new(condition: &Expr, schema: &Schema, state: &dyn Session) -> Result<Self, DataFusionError> {
        let columns = condition.column_refs();
        let name = columns.iter().next().map(|column| column.name.as_str()).unwrap_or_default();
        let column = schema.index_of(name)?;
        // Null is asked for even where it does not occur.
        let schema = Arc::new(Schema::new(vec![schema.field(column).clone().with_nullable(true)]));
        let alone = DFSchema::try_from(Arc::clone(&schema))?;
        let expression = state.create_physical_expr(condition.clone(), &alone)?;
        Ok(Self { column, schema, expression })
    }

    fn held(&self, batch: &RecordBatch) -> Result<Held, DataFusionError> {
        let column = batch.column(self.column);
        match column.as_dictionary_opt::<Int32Type>() {
            Some(texts) if texts.values().len() < texts.len() => self.by_text(texts),
            _ => Ok(Held::in_rows(self.answers(Arc::clone(column))?)),
        }
    }

    fn answers(&self, column: ArrayRef) -> Result<BooleanArray, DataFusionError> {
        let rows = column.len();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![column])?;
        Ok(self.expression.evaluate(&batch)?.into_array(rows)?.as_boolean().clone())
    }

    fn by_text(&self, texts: &DictionaryArray<Int32Type>) -> Result<Held, DataFusionError> {
        let count = texts.values().len();
        // Each text once, and after them null.
        let each = (0..=count).map(|at| i32::try_from(at).ok().filter(|_| at < count)).collect::<Int32Array>();
        let each = DictionaryArray::try_new(each, Arc::clone(texts.values()))?;
        let answers = match Held::in_rows(self.answers(Arc::new(each))?) {
            Held::InRows(answers) => answers,
            same => return Ok(same),
        };
        let keys = texts.keys();
        let text_of = |row: usize| usize::try_from(*keys.values().get(row)?).ok().filter(|_| keys.is_valid(row));
        let answer_of = |row: usize| text_of(row).unwrap_or(count);
        let lookup = |answers: &BooleanBuffer| {
            let answers: Vec<bool> = answers.iter().collect();
            BooleanBuffer::collect_bool(keys.len(), |row| answers.get(answer_of(row)).copied().unwrap_or_default())
        };
        let known = answers.nulls().map(|nulls| NullBuffer::new(lookup(nulls.inner())));
        Ok(Held::in_rows(BooleanArray::new(lookup(answers.values()), known)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::tree_node::TreeNodeRecursion;
    use datafusion::logical_expr::{col, lit};
    use serde_json::json;

    use super::*;
    use crate::event::schema;
    use crate::sql::session::SessionOptions;
    use crate::sql::{fixture, session};

    /// The rows that a condition selects, by this module and by the query engine.
    async fn selected(condition: Expr, batch: &RecordBatch) -> (Vec<bool>, Vec<bool>) {
        let options = SessionOptions { memory_bytes: 1 << 28, threads: 1, temp_dir: None };
        let ctx = session::build(&options).unwrap();
        let columns: Vec<usize> = (0..batch.num_columns()).collect();
        let frame = ctx.read_batch(batch.project(&columns).unwrap()).unwrap();
        // The engine's own coercion gives the condition as a table gets it.
        let plan = frame.clone().filter(condition.clone()).unwrap().into_optimized_plan().unwrap();
        let mut coerced = Vec::new();
        plan.apply(|node| {
            if let datafusion::logical_expr::LogicalPlan::Filter(filter) = node {
                coerced.push(filter.predicate.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        let coerced = datafusion::logical_expr::utils::conjunction(coerced).unwrap();
        let coerced = datafusion::logical_expr::expr_rewriter::unnormalize_col(coerced);
        assert!(is_by_column(&coerced), "{coerced}");
        let ours = Condition::new(&coerced, &schema::events(), &ctx.state()).unwrap().held(batch).unwrap();
        let ours = match ours {
            Held::Everywhere => vec![true; batch.num_rows()],
            Held::Nowhere => vec![false; batch.num_rows()],
            Held::InRows(rows) => rows.iter().map(|held| held == Some(true)).collect(),
        };
        let engine = frame.select(vec![condition.alias("held")]).unwrap().collect().await.unwrap();
        let engine = engine
            .iter()
            .flat_map(|batch| batch.column(0).as_boolean().iter().map(|held| held == Some(true)).collect::<Vec<_>>());
        (ours, engine.collect())
    }

    #[tokio::test]
    async fn a_row_is_selected_where_the_query_engine_would_select_it() {
        let batch = fixture::events(&[
            json!({"operation": "getblob", "op_class": "blob_read", "container": "raw", "is_dbfs_root": true}),
            json!({"operation": "getblob", "op_class": "blob_read", "is_dbfs_root": false}),
            json!({"operation": "putblob", "op_class": "blob_write", "container": "raw"}),
            json!({"operation": "putblob", "op_class": "blob_write", "container": "logs"}),
            json!({"operation": "getblob", "op_class": "blob_read", "container": "raw"}),
        ]);
        let raw = || col("container").eq(lit("raw"));
        let conditions = [
            raw(),
            !raw(),
            col("container").not_eq(lit("raw")),
            col("container").is_null(),
            col("container").is_not_null().and(col("operation").like(lit("get%"))),
            raw().or(col("operation").eq(lit("putblob"))),
            !(raw().or(col("op_class").eq(lit("blob_write")))),
            !(raw().and(col("op_class").eq(lit("blob_write")))),
            col("container").in_list(vec![lit("logs"), lit("tmp")], true),
            col("is_dbfs_root"),
            !col("is_dbfs_root"),
            col("op_class").eq(lit("nothing")),
            col("op_class").eq(lit("nothing")).or(col("is_dbfs_root")),
        ];
        for condition in conditions {
            let said = condition.to_string();
            let (ours, engine) = selected(condition, &batch).await;
            assert_eq!(ours, engine, "{said}");
        }
    }

    #[test]
    fn a_condition_that_compares_columns_is_left_to_the_query_engine() {
        assert!(!is_by_column(&col("operation").eq(col("op_class"))));
        assert!(!is_by_column(&col("operation").eq(lit("x")).or(col("operation").eq(col("op_class")))));
        assert!(!is_by_column(&lit(true)));
        assert!(is_by_column(&col("operation").eq(lit("x"))));
    }
}
