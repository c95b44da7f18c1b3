//! Windows, held to the memory of the session.
//!
//! The query engine's own operators for windows keep rows that no limit knows of: all of their input
//! where a row waits for the last one of its partition, else what lies in the frames.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray as _};
use arrow::record_batch::RecordBatch;
use datafusion::common::internal_datafusion_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt as _;

use crate::sql::session::BATCH_ROWS;

/// Rows that a window may keep for nothing: they come and go by the batch.
const FREE_ROWS: usize = 4 * BATCH_ROWS;

/// How often a row that is kept is there: as it came, and put together with others.
const COPIES: usize = 2;

/// The same node, held to the memory of the session; `None` for a node that is no window.
pub(super) fn held(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let is_window = node.is::<WindowAggExec>() || node.is::<BoundedWindowAggExec>();
    is_window.then(|| Arc::new(HeldWindow { window: Arc::clone(node) }) as _)
}

/// A window whose rows are accounted for.
#[derive(Debug)]
struct HeldWindow {
    window: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for HeldWindow {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.window.fmt_as(format, f)
    }
}

impl ExecutionPlan for HeldWindow {
    fn name(&self) -> &str {
        self.window.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.window.children()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        self.window.apply_expressions(visit)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let window = Arc::clone(&self.window).replace_children(children, options)?;
        Ok(Arc::new(Self { window }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let children = self.window.children();
        let input = children.first().ok_or_else(|| internal_datafusion_err!("a window has an input"))?;
        let reservation = MemoryConsumer::new(self.name()).register(context.memory_pool());
        let kept = Arc::new(Mutex::new(Kept { reservation, rows: 0, bytes: 0, dictionaries: Vec::new() }));
        let enters = Arc::clone(&kept);
        let rows = input.execute(partition, Arc::clone(&context))?.map(move |batch| {
            let batch = batch?;
            enters.lock().unwrap_or_else(PoisonError::into_inner).take(&batch)?;
            Ok(batch)
        });
        let rows = Box::pin(RecordBatchStreamAdapter::new(input.schema(), rows));
        let given = Arc::new(Given { of: Arc::clone(input), rows: Mutex::new(Some(rows)) });
        let keep = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
        let window = Arc::clone(&self.window).replace_children(vec![given], keep)?;
        // A batch that is given out is in the hands of the next node until that asks for another.
        let mut given_out = 0;
        let rows = window.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let gone = std::mem::replace(&mut given_out, batch.num_rows());
            kept.lock().unwrap_or_else(PoisonError::into_inner).give(gone);
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// What went into a window and has not come out.
struct Kept {
    reservation: MemoryReservation,
    rows: usize,
    bytes: usize,
    /// Where the dictionaries of the last batch lie, column by column: batches share them.
    dictionaries: Vec<usize>,
}

impl Kept {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        self.dictionaries.resize(batch.num_columns(), 0);
        for (column, last) in batch.columns().iter().zip(&mut self.dictionaries) {
            self.bytes += match column.as_any_dictionary_opt() {
                Some(column) => {
                    let values = column.values();
                    let place = Arc::as_ptr(values).cast::<()>() as usize;
                    let is_known = std::mem::replace(last, place) == place;
                    bytes(column.keys())? + if is_known { 0 } else { bytes(values)? }
                }
                None => bytes(column)?,
            };
        }
        self.rows += batch.num_rows();
        self.reservation.try_resize(self.counted())
    }

    fn give(&mut self, rows: usize) {
        let left = self.rows.saturating_sub(rows);
        self.bytes = self.bytes / self.rows.max(1) * left;
        self.rows = left;
        self.reservation.resize(self.counted());
    }

    const fn counted(&self) -> usize {
        if self.rows > FREE_ROWS { self.bytes * COPIES } else { 0 }
    }
}

/// The bytes of an array, without what its buffers hold besides.
fn bytes(array: &dyn Array) -> Result<usize, DataFusionError> {
    Ok(array.to_data().get_slice_memory_size()?)
}

/// The rows of one partition, in the place of the node that makes them.
struct Given {
    of: Arc<dyn ExecutionPlan>,
    rows: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.fmt(f)
    }
}

impl DisplayAs for Given {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.fmt_as(format, f)
    }
}

impl ExecutionPlan for Given {
    fn name(&self) -> &str {
        self.of.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.of.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        rows.ok_or_else(|| internal_datafusion_err!("the rows of a partition are given once"))
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::display::array_value_to_string;
    use futures::TryStreamExt as _;

    use super::*;
    use crate::sql::run::start;
    use crate::sql::session::{SessionOptions, build, plan_read_only};

    /// Asks for one value of the numbers below 100,000 in a session of so much memory.
    async fn ask(query: &str, memory_bytes: usize) -> Result<String, String> {
        let ctx = build(&SessionOptions { memory_bytes, ..SessionOptions::default() }).unwrap();
        let digits = "SELECT column1 AS n FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v";
        let numbers = "SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS n \
                       FROM digits a, digits b, digits c, digits d, digits e";
        let sql = format!("WITH digits AS ({digits}), numbers AS ({numbers}) {query}");
        let rows = start(plan_read_only(&ctx, &sql).await.unwrap()).await.unwrap();
        let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(|error| error.to_string())?;
        Ok(array_value_to_string(batches[0].column(0), 0).unwrap())
    }

    #[tokio::test]
    async fn rows_that_wait_in_a_window_are_held_to_the_memory() {
        let query = "SELECT sum(m) FROM (SELECT max(n) OVER () AS m FROM numbers) AS w";

        assert_eq!(ask(query, 16 << 20).await.as_deref(), Ok("9999900000"));
        let refused = ask(query, 1 << 20).await.unwrap_err();
        assert!(refused.contains("for WindowAggExec"), "{refused}");
    }

    #[tokio::test]
    async fn rows_that_pass_through_a_window_cost_nothing() {
        let frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
        let query = format!("SELECT count(m) FROM (SELECT max(n) OVER ({frame}) AS m FROM numbers) AS w");

        assert_eq!(ask(&query, 1 << 20).await.as_deref(), Ok("100000"));
    }
}
