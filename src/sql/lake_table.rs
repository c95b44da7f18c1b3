//! The events of a lake as tables: files that cannot have what a query asks for are not opened.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::{SessionContext, col, lit};
use object_store::ObjectMeta;
use object_store::path::Path;
use serde_json::Value;

use crate::event::schema;
use crate::event::vocabulary::LogSource;
use crate::lake::LakeFiles;
use crate::lake::table::{DataFile, Place, STREAM};
use crate::time::UtcMicros;

/// A table over files of a lake, between the times that they are to be read for.
///
/// # Errors
///
/// A [`DataFusionError`] where the lake's place is none that files can be read from.
pub(super) fn of(ctx: &SessionContext, lake: &LakeFiles) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let (store, folder) = match lake.location.place() {
        Place::Local(folder) => (ObjectStoreUrl::local_filesystem(), format!("{}/", folder.display())),
        #[cfg(feature = "azure")]
        Place::Azure(folder) => {
            let store = ObjectStoreUrl::parse(format!("az://{}", folder.container))?;
            ctx.register_object_store(store.as_ref(), Arc::clone(&folder.store));
            (store, if folder.path.is_empty() { String::new() } else { format!("{}/", folder.path) })
        }
    };
    let files = lake.files.clone();
    let table: Arc<dyn TableProvider> = Arc::new(LakeTable { store, folder, files });
    let bound = |time: UtcMicros| lit(ScalarValue::TimestampMicrosecond(Some(time.0), Some("UTC".into())));
    let since = lake.since.map(|since| col("time").gt_eq(bound(since)));
    let until = lake.until.map(|until| col("time").lt(bound(until)));
    // What an inventory states holds now, however long ago it was made so.
    let is_stated = col("source").eq(lit(LogSource::Inventory.as_str()));
    match conjunction(since.into_iter().chain(until)) {
        Some(bounds) => Ok(ctx.read_table(table)?.filter(bounds.or(is_stated))?.into_view()),
        None => Ok(table),
    }
}

/// The events of some files of a lake.
#[derive(Debug)]
struct LakeTable {
    /// Where its objects are.
    store: ObjectStoreUrl,
    /// The lake's folder in that store.
    folder: String,
    files: Vec<DataFile>,
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        schema::events()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let table = table_schema();
        let all = Arc::clone(table.table_schema());
        let predicate = match conjunction(filters.iter().cloned()) {
            Some(filter) => {
                let schema = DFSchema::try_from(Arc::clone(&all))?;
                Some(state.create_physical_expr(filter, &schema)?)
            }
            None => None,
        };
        let files = prune(&self.files, predicate.as_ref(), &all)?;
        let events = schema::events();
        let wanted: Vec<usize> = match projection {
            Some(columns) => columns.clone(),
            None => (0..events.fields().len()).collect(),
        };
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::new(events.project(&wanted)?))));
        }
        let in_table = wanted.iter().map(|at| all.index_of(events.field(*at).name())).collect::<Result<_, _>>()?;
        let mut source = ParquetSource::new(table).with_table_parquet_options(state.table_options().parquet.clone());
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(self.groups(&files, state.config().target_partitions())?)
            .with_projection_indices(Some(in_table))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

impl LakeTable {
    /// The files, spread over as many groups as are read at a time.
    fn groups(&self, files: &[&DataFile], count: usize) -> Result<Vec<FileGroup>, DataFusionError> {
        let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new(); count.clamp(1, files.len().max(1))];
        let count = groups.len();
        for (at, file) in files.iter().enumerate() {
            let path = self.path_of(file)?;
            let stream = ScalarValue::Utf8(Some(file.stream.to_string()));
            let stream = ScalarValue::Dictionary(Box::new(DataType::Int32), Box::new(stream));
            let about = ObjectMeta {
                location: path,
                last_modified: DateTime::UNIX_EPOCH,
                size: file.bytes,
                e_tag: None,
                version: None,
            };
            let file = PartitionedFile::from(about).with_partition_values(vec![stream]);
            if let Some(group) = groups.get_mut(at % count) {
                group.push(file);
            }
        }
        Ok(groups.into_iter().map(FileGroup::new).collect())
    }

    /// Where a file is in the store. Names of folders on a disk may have characters that paths of a
    /// store do not.
    fn path_of(&self, file: &DataFile) -> Result<Path, DataFusionError> {
        let path = format!("{}{}", self.folder, file.path);
        if self.store == ObjectStoreUrl::local_filesystem() {
            return Path::from_absolute_path(path).map_err(|error| DataFusionError::External(Box::new(error)));
        }
        Ok(Path::from(path))
    }
}

/// What lies in the files, and after it the stream, which their partition says.
fn table_schema() -> TableSchema {
    let events = schema::events();
    let in_file: Vec<Field> =
        events.fields().iter().filter(|field| field.name() != STREAM).map(|field| field.as_ref().clone()).collect();
    let stream = events.field_with_name(STREAM).cloned();
    let stream = stream.unwrap_or_else(|_none| Field::new_dictionary(STREAM, DataType::Int32, DataType::Utf8, false));
    TableSchema::builder(Arc::new(Schema::new(in_file))).with_table_partition_cols(vec![Arc::new(stream)]).build()
}

/// The files that may have rows that the predicate holds for.
fn prune<'f>(
    files: &'f [DataFile],
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    schema: &SchemaRef,
) -> Result<Vec<&'f DataFile>, DataFusionError> {
    let Some(predicate) = predicate else { return Ok(files.iter().collect()) };
    let pruning =
        PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).try_build(Arc::clone(predicate))?;
    if pruning.always_true() {
        return Ok(files.iter().collect());
    }
    let kept = pruning.prune(&Statistics { files, schema })?;
    Ok(files.iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| file).collect())
}

/// The statistics that the Delta log has of files.
struct Statistics<'f> {
    files: &'f [DataFile],
    schema: &'f SchemaRef,
}

impl Statistics<'_> {
    fn values(&self, column: &Column, which: &str) -> Option<ArrayRef> {
        let field = self.schema.field_with_name(&column.name).ok()?;
        let value = |file: &DataFile| {
            let value = match column.name.as_str() {
                STREAM => Some(Value::from(file.stream.as_str())),
                name => file.statistics.as_ref().and_then(|all| all.get(which)?.get(name).cloned()),
            };
            scalar(value.as_ref(), field.data_type(), which == "maxValues")
        };
        let values: Vec<ScalarValue> = self.files.iter().map(value).collect::<Option<_>>()?;
        ScalarValue::iter_to_array(values).ok()
    }
}

/// A value of the log as the column has it; `None` for columns without statistics.
fn scalar(value: Option<&Value>, data_type: &DataType, is_largest: bool) -> Option<ScalarValue> {
    let text = value.and_then(Value::as_str);
    Some(match data_type {
        // Times are cut to milliseconds.
        DataType::Timestamp(_, zone) => {
            let micros = text.and_then(UtcMicros::parse).map(|time| time.0 + if is_largest { 999 } else { 0 });
            ScalarValue::TimestampMicrosecond(micros, zone.clone())
        }
        DataType::Dictionary(key, _) => {
            ScalarValue::Dictionary(key.clone(), Box::new(ScalarValue::Utf8(text.map(str::to_owned))))
        }
        DataType::Utf8 => ScalarValue::Utf8(text.map(str::to_owned)),
        _ => return None,
    })
}

impl PruningStatistics for Statistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, "minValues")
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, "maxValues")
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let count = |file: &DataFile| {
            let nulls = file.statistics.as_ref()?.get("nullCount")?.get(&column.name)?;
            nulls.as_u64()
        };
        Some(Arc::new(self.files.iter().map(count).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.files.iter().map(|file| file.rows).collect::<UInt64Array>()))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
