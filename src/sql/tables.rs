//! The tables and views that queries see: four streams of events, their union, and side tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::coverage::SourceCoverage;
use crate::error::RunError;
use crate::event::schema::ColumnType;
use crate::event::{operation, role, schema};
#[cfg(feature = "lake")]
use crate::lake::LakeFiles;
use crate::sql::events::{Batches, EventsInMemory};
#[cfg(feature = "lake")]
use crate::sql::lake_table;
use crate::sql::session::{SessionOptions, build};

/// Names of the four base tables.
pub const STREAM_TABLES: [&str; 4] = ["dbmi", "adac", "other", "unattributed"];

/// Names of the views over all of them, with their queries.
pub(super) const VIEWS: [(&str, &str); 1] =
    [("grants", "SELECT * FROM events WHERE op_class = 'role_assign' AND outcome = 'success'")];

/// Name of the table of all streams. Not a view over them: planning it four times for every rule
/// would take longer than running most.
pub(super) const ALL_STREAMS: &str = "events";

/// Where the events of a stream are.
#[derive(Debug, Clone)]
pub enum EventTable {
    /// In memory, in the schema [`schema::events`].
    Memory(Vec<RecordBatch>),
    /// In local Parquet files of that schema; text may be plain or dictionary-encoded there.
    Parquet(Vec<PathBuf>),
    /// In files of a lake.
    #[cfg(feature = "lake")]
    Lake(LakeFiles),
}

impl Default for EventTable {
    fn default() -> Self {
        Self::Memory(Vec::new())
    }
}

/// The events of every stream.
#[derive(Debug, Clone, Default)]
pub struct StreamTables {
    /// Databricks Managed Identity family.
    pub dbmi: EventTable,
    /// Access connector identities.
    pub adac: EventTable,
    /// Other principals.
    pub other: EventTable,
    /// Events without a principal.
    pub unattributed: EventTable,
}

/// Columns of a side table. All are nullable.
type Columns = &'static [(&'static str, ColumnType)];

/// The side tables. They exist in every session, empty where nothing is known; sorted by name.
const SIDE_TABLES: &[(&str, Columns)] = &[
    ("allowed_ip", &[("cidr_lo", ColumnType::Text), ("cidr_hi", ColumnType::Text), ("label", ColumnType::Text)]),
    (
        "baseline",
        &[
            ("principal_id", ColumnType::Text),
            ("dim", ColumnType::Text),
            ("value", ColumnType::Text),
            ("first_seen", ColumnType::Time),
            ("last_seen", ColumnType::Time),
            ("n", ColumnType::Int),
        ],
    ),
    (
        "connectors",
        &[
            ("rid", ColumnType::Text),
            ("name", ColumnType::Text),
            ("principal_id", ColumnType::Text),
            ("client_id", ColumnType::Text),
            ("refered_by_count", ColumnType::Int),
            ("in_managed_rg", ColumnType::Bool),
            ("file_events", ColumnType::Bool),
        ],
    ),
    (
        "coverage",
        &[
            ("source", ColumnType::Text),
            ("events", ColumnType::Int),
            ("first_seen", ColumnType::Time),
            ("last_seen", ColumnType::Time),
        ],
    ),
    (
        "expected",
        &[
            ("rule_id", ColumnType::Text),
            ("principal_id", ColumnType::Text),
            ("target_prefix", ColumnType::Text),
            ("op_class", ColumnType::Text),
            ("until", ColumnType::Time),
            ("reason", ColumnType::Text),
        ],
    ),
    (
        "governed",
        &[
            ("account", ColumnType::Text),
            ("container", ColumnType::Text),
            ("connector_rid", ColumnType::Text),
            ("principal_id", ColumnType::Text),
        ],
    ),
    (
        "identities",
        &[
            ("principal_id", ColumnType::Text),
            ("app_id", ColumnType::Text),
            ("name", ColumnType::Text),
            ("stream", ColumnType::Text),
            ("identity_kind", ColumnType::Text),
            ("confidence", ColumnType::Float32),
            ("classified_by", ColumnType::Text),
            ("arm_id", ColumnType::Text),
            ("workspace_rid", ColumnType::Text),
            ("attached_to", ColumnType::Text),
        ],
    ),
    (
        "op_map",
        &[
            ("source", ColumnType::Text),
            ("operation", ColumnType::Text),
            ("op_class", ColumnType::Text),
            ("plane", ColumnType::Text),
            ("activity", ColumnType::Text),
            ("known_from", ColumnType::Text),
        ],
    ),
    (
        "role_map",
        &[
            ("role_id", ColumnType::Text),
            ("name", ColumnType::Text),
            ("role_class", ColumnType::Text),
            ("known_from", ColumnType::Text),
        ],
    ),
    (
        "workspaces",
        &[
            ("rid", ColumnType::Text),
            ("name", ColumnType::Text),
            ("managed_rg", ColumnType::Text),
            ("created", ColumnType::Time),
            ("dbfs_account", ColumnType::Text),
            ("vnet_id", ColumnType::Text),
            ("uc_enabled", ColumnType::Bool),
            ("workspace_id", ColumnType::Text),
        ],
    ),
];

/// Names of the side tables, sorted.
pub fn side_table_names() -> impl Iterator<Item = &'static str> {
    SIDE_TABLES.iter().map(|(name, _)| *name)
}

/// Names of all tables and views, sorted.
pub fn names() -> Vec<&'static str> {
    let views = VIEWS.iter().map(|(name, _)| *name);
    let mut names: Vec<_> = side_table_names().chain(views).chain(STREAM_TABLES).chain([ALL_STREAMS]).collect();
    names.sort_unstable();
    names
}

/// The schema of a side table; `None` when there is none of this name.
pub fn side_table_schema(table: &str) -> Option<SchemaRef> {
    let (_, columns) = SIDE_TABLES.iter().find(|(name, _)| *name == table)?;
    let fields: Vec<Field> =
        columns.iter().map(|(name, column_type)| Field::new(*name, column_type.data_type(), true)).collect();
    Some(Arc::new(Schema::new(fields)))
}

/// A session with every table, all of them empty but those that are part of the program
/// (`op_map`, `role_map`): what rules are checked against before any data is read.
///
/// # Errors
///
/// [`RunError::Internal`]: a defect of ours.
pub async fn empty_session() -> Result<SessionContext, RunError> {
    let ctx = build(&SessionOptions::default())?;
    register_events(&ctx, StreamTables::default()).await?;
    register_side_tables(&ctx, Vec::new())?;
    Ok(ctx)
}

/// Registers the four streams, and the views `events` (all four) and `grants` (successful role
/// assignments among them).
///
/// # Errors
///
/// [`RunError::Internal`] when batches are not of the schema, or files cannot be opened.
pub async fn register_events(ctx: &SessionContext, streams: StreamTables) -> Result<(), RunError> {
    let register = |name: &str, table: Result<Arc<dyn TableProvider>, DataFusionError>| {
        table
            .and_then(|table| ctx.register_table(name, table))
            .map_err(|error| RunError::internal(format!("cannot open the table {name}"), error))
    };
    let mut all = Batches::default();
    let mut all_files = Vec::new();
    #[cfg(feature = "lake")]
    let mut all_lake: Option<LakeFiles> = None;
    for (name, table) in
        STREAM_TABLES.into_iter().zip([streams.dbmi, streams.adac, streams.other, streams.unattributed])
    {
        match table {
            EventTable::Memory(batches) => {
                let batches = Batches::new(batches);
                all = all.and(&batches);
                register(name, Ok(in_memory(batches)))?;
            }
            EventTable::Parquet(files) => {
                register(name, parquet_table(&files))?;
                all_files.extend(files);
            }
            #[cfg(feature = "lake")]
            EventTable::Lake(files) => {
                register(name, lake_table::of(ctx, &files))?;
                all_lake
                    .get_or_insert_with(|| LakeFiles { files: Vec::new(), ..files.clone() })
                    .files
                    .extend(files.files);
            }
        }
    }
    let table = if all_files.is_empty() { Ok(in_memory(all)) } else { parquet_table(&all_files) };
    #[cfg(feature = "lake")]
    let table = all_lake.map_or(table, |files| lake_table::of(ctx, &files));
    register(ALL_STREAMS, table)?;
    for (name, query) in VIEWS {
        let failed = |error| RunError::internal(format!("cannot make the view {name}"), error);
        let view = ctx.sql(query).await.map_err(failed)?.into_view();
        ctx.register_table(name, view).map_err(failed)?;
    }
    Ok(())
}

/// Registers every side table, those that are not given as empty ones, and returns the names of
/// those that have rows. Given batches of one name are put together. A given table must have the
/// contract's columns; their order does not matter, types are cast, other columns are dropped.
///
/// # Errors
///
/// [`RunError::Internal`] for a table that is not of the contract.
pub fn register_side_tables(
    ctx: &SessionContext,
    given: Vec<(&str, RecordBatch)>,
) -> Result<BTreeSet<String>, RunError> {
    let mut batches: BTreeMap<&str, Vec<RecordBatch>> = BTreeMap::new();
    for (table, batch) in [("op_map", op_map()?), ("role_map", role_map()?)].into_iter().chain(given) {
        batches.entry(table).or_default().push(conform(table, &batch)?);
    }
    let mut filled = BTreeSet::new();
    for name in side_table_names() {
        let batches = batches.remove(name).unwrap_or_default();
        if batches.iter().any(|batch| batch.num_rows() > 0) {
            filled.insert(name.to_owned());
        }
        let schema = side_table_schema(name).unwrap_or_else(|| Arc::new(Schema::empty()));
        MemTable::try_new(schema, vec![batches])
            .and_then(|table| ctx.register_table(name, Arc::new(table)))
            .map_err(|error| RunError::internal(format!("cannot open the table {name}"), error))?;
    }
    Ok(filled)
}

/// The `coverage` side table: one row for each source, in the order of their names.
///
/// # Errors
///
/// [`RunError::Internal`]: a defect of ours.
pub fn coverage_table(sources: &BTreeMap<String, SourceCoverage>) -> Result<RecordBatch, RunError> {
    let events = sources.values().map(|source| i64::try_from(source.events).ok());
    let first = sources.values().map(|source| source.first.map(|time| time.0));
    let last = sources.values().map(|source| source.last.map(|time| time.0));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(sources.keys().map(Some).collect::<StringArray>()),
        Arc::new(events.collect::<Int64Array>()),
        Arc::new(first.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(last.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
    ];
    side_table("coverage", columns)
}

/// A batch of a side table from its columns in the contract's order.
///
/// # Errors
///
/// [`RunError::Internal`] when they are not of the contract.
pub fn side_table(table: &str, columns: Vec<ArrayRef>) -> Result<RecordBatch, RunError> {
    let schema = side_table_schema(table).unwrap_or_else(|| Arc::new(Schema::empty()));
    RecordBatch::try_new(schema, columns)
        .map_err(|error| RunError::internal(format!("cannot fill the table {table}"), error))
}

fn op_map() -> Result<RecordBatch, RunError> {
    let rows = operation::rows();
    let column = |word: fn(&operation::OperationRow) -> &'static str| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(word(row))).collect::<StringArray>())
    };
    let columns = vec![
        column(|row| row.source.as_str()),
        column(|row| row.operation),
        column(|row| row.is.op_class.as_str()),
        column(|row| row.is.plane.as_str()),
        column(|row| row.is.activity.as_str()),
        column(|row| row.from),
    ];
    side_table("op_map", columns)
}

fn role_map() -> Result<RecordBatch, RunError> {
    let rows = role::rows();
    let column = |word: fn(&role::Role) -> &'static str| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(word(row))).collect::<StringArray>())
    };
    let columns =
        vec![column(|row| row.id), column(|row| row.name), column(|row| row.class.as_str()), column(|row| row.source)];
    side_table("role_map", columns)
}

/// The columns of a side table as the contract has them.
fn conform(table: &str, batch: &RecordBatch) -> Result<RecordBatch, RunError> {
    let Some(schema) = side_table_schema(table) else {
        return Err(defect(format!("there is no side table {table}")));
    };
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let Some(column) = batch.column_by_name(field.name()) else {
            return Err(defect(format!("the side table {table} lacks its column {}", field.name())));
        };
        columns.push(cast(column, field.data_type()).map_err(|error| {
            RunError::internal(format!("cannot read the column {} of the side table {table}", field.name()), error)
        })?);
    }
    side_table(table, columns)
}

fn defect(message: String) -> RunError {
    RunError::Internal { message, source: None }
}

fn in_memory(batches: Batches) -> Arc<dyn TableProvider> {
    Arc::new(EventsInMemory { schema: schema::events(), batches })
}

/// A table over Parquet files. No files are an empty table.
fn parquet_table(files: &[PathBuf]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    if files.is_empty() {
        return Ok(in_memory(Batches::default()));
    }
    let urls = files.iter().map(|file| file_url(file)).collect::<Result<Vec<_>, _>>()?;
    // Every file is named, so no ending may rule one out.
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config =
        ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(schema::events());
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// The URL of a local file. A path given as text would be read as a pattern where it has `*`,
/// `?` or `[` in it.
fn file_url(path: &Path) -> Result<ListingTableUrl, DataFusionError> {
    let absolute = std::path::absolute(path)?;
    let mut url = String::from("file://");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            byte => write!(url, "%{byte:02X}").map_err(|error| DataFusionError::External(Box::new(error)))?,
        }
    }
    ListingTableUrl::parse(url)
}

#[cfg(test)]
mod tests;
