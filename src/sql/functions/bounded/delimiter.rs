//! Bounds the delimiter of `string_agg`: of a batch, every text is gathered with it before anything is
//! accounted for.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::sql::functions::bounded::too_much;
use crate::sql::session::BATCH_ROWS;

/// Refuses a plan with a delimiter that is too long for a batch. It changes no plan; the last of
/// the optimizer's rules, it sees what is made of constants.
#[derive(Debug)]
pub(super) struct Delimiters {
    pub(super) max_bytes: usize,
}

impl OptimizerRule for Delimiters {
    fn name(&self) -> &'static str {
        "delimiters"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.apply_expressions(|expr| expr.apply(|expr| self.check(expr)))?;
        Ok(Transformed::no(plan))
    }
}

impl Delimiters {
    fn check(&self, expr: &Expr) -> Result<TreeNodeRecursion> {
        let arguments = match expr {
            Expr::AggregateFunction(call) if call.func.name() == "string_agg" => &call.params.args,
            Expr::WindowFunction(call) if call.fun.name() == "string_agg" => &call.params.args,
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        if let Some(Expr::Literal(delimiter, _)) = arguments.get(1) {
            let bytes = delimiter.try_as_str().flatten().map_or(0, str::len);
            if bytes > self.max_bytes / BATCH_ROWS {
                return Err(too_much(bytes.saturating_mul(BATCH_ROWS) as u64, "string_agg"));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}
