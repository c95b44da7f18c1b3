//! Reads batches of events, and of each only the rows that satisfy the condition.

use std::fmt;
use std::sync::Arc;

use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_datafusion_err};
use datafusion::datasource::source::DataSource;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr};
use futures::stream;

use super::condition::{Condition, Held};

/// One row in so many is taken to satisfy a condition that nothing is known of: what the query
/// engine takes for its own filters.
const SELECTIVITY: usize = 5;

/// Batches in partitions, with what is wanted of them.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) partitions: Vec<Vec<RecordBatch>>,
    pub(super) wanted: Arc<Wanted>,
}

/// What is wanted of a batch.
#[derive(Debug)]
pub(super) struct Wanted {
    /// What must hold of a row, if anything; it reads the columns of the table.
    pub(super) condition: Option<Condition>,
    /// Columns of the table; `None` for all.
    pub(super) projection: Option<Vec<usize>>,
    /// Schema of those columns.
    pub(super) schema: SchemaRef,
}

impl Wanted {
    /// The wanted part of a batch; `None` where no row is wanted.
    fn of(&self, batch: &RecordBatch) -> Result<Option<RecordBatch>, DataFusionError> {
        let held = self.condition.as_ref().map_or(Ok(Held::Everywhere), |condition| condition.held(batch))?;
        let projected = || match &self.projection {
            None => Ok(batch.clone()),
            Some(columns) => batch.project(columns),
        };
        Ok(match held {
            Held::Everywhere => Some(projected()?),
            Held::InRows(rows) if rows.true_count() > 0 => Some(filter_record_batch(&projected()?, &rows)?),
            Held::InRows(_) | Held::Nowhere => None,
        })
    }
}

impl DataSource for Scan {
    fn open(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream, DataFusionError> {
        let batches = self.partitions.get(partition).cloned();
        let batches = batches.ok_or_else(|| internal_datafusion_err!("there is no partition {partition} of events"))?;
        let (wanted, schema) = (Arc::clone(&self.wanted), Arc::clone(&self.wanted.schema));
        let batches = batches.into_iter().filter_map(move |batch| wanted.of(&batch).transpose());
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(schema, stream::iter(batches)))))
    }

    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batches: usize = self.partitions.iter().map(Vec::len).sum();
        write!(f, "events in memory, batches={batches}, condition={}", self.wanted.condition.is_some())
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.partitions.len())
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(Arc::clone(&self.wanted.schema))
    }

    fn scheduling_type(&self) -> SchedulingType {
        SchedulingType::Cooperative
    }

    /// Numbers of rows only: to count the nulls of every column takes as long as many a query.
    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>, DataFusionError> {
        let partitions = match partition {
            None => self.partitions.as_slice(),
            Some(at) => self.partitions.get(at..=at).unwrap_or_default(),
        };
        let rows = partitions.iter().flatten().map(RecordBatch::num_rows).sum();
        let mut statistics = Statistics::new_unknown(&self.wanted.schema);
        let is_all = self.wanted.condition.is_none();
        statistics.num_rows = if is_all { Precision::Exact(rows) } else { Precision::Inexact(rows / SELECTIVITY) };
        Ok(Arc::new(statistics))
    }

    fn with_fetch(&self, _limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        None
    }

    fn fetch(&self) -> Option<usize> {
        None
    }

    fn try_swapping_with_projection(
        &self,
        _projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>, DataFusionError> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }
}
