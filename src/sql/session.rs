//! Makes the session, and plans statements that can only read.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryLimit, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};

use crate::error::RunError;
use crate::sql::functions::{self, bounded};

/// Rows in a batch between operators. `DataFusion`'s own default, named so that nothing of ours
/// depends on it silently.
pub(super) const BATCH_ROWS: usize = 8192;

/// How many of the largest consumers an out-of-memory error names.
const CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// Bytes given to the session of [`SessionOptions::default`] (256 MiB): enough to plan and to run
/// over tables that fit a test.
const DEFAULT_MEMORY_BYTES: usize = 256 << 20;

/// Name of the catalogue that all tables are in: to a Postgres client, the database.
pub const CATALOG: &str = "airside";

/// Name of the schema that all tables are in.
pub(super) const SCHEMA: &str = "public";

/// What a session may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Bytes that all operators together may hold before they spill.
    pub memory_bytes: usize,
    /// How many partitions a query is spread over; 0 counts as 1.
    pub threads: usize,
    /// Where operators spill; the system's place for temporary files when there is none.
    pub temp_dir: Option<PathBuf>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { memory_bytes: DEFAULT_MEMORY_BYTES, threads: 1, temp_dir: None }
    }
}

/// Makes a session without tables. This is the only place where one is made.
///
/// Names without quotes are folded to lower case. URL tables are off, so that no text in a query
/// opens a file; what changes anything is refused by [`plan_read_only`], not here.
///
/// # Errors
///
/// [`RunError::Internal`] when the place for spilled data cannot be used.
pub fn build(options: &SessionOptions) -> Result<SessionContext, RunError> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(options.memory_bytes), CONSUMERS_NAMED);
    let mut runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool));
    if let Some(dir) = &options.temp_dir {
        runtime = runtime.with_temp_file_path(dir);
    }
    let runtime =
        runtime.build_arc().map_err(|error| RunError::internal("cannot set up the query engine's memory", error))?;
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions(options.threads, options.memory_bytes))
        .with_batch_size(batch_rows(options))
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(true);
    let settings = config.options_mut();
    settings.execution.time_zone = Some("UTC".to_owned());
    settings.sql_parser.enable_ident_normalization = true;
    // Of events in files, only the columns of a condition are read where it does not hold.
    settings.execution.parquet.pushdown_filters = true;
    settings.execution.parquet.reorder_filters = true;
    // Every sort lays so much aside for its end, and there may be many.
    let reservation = &mut settings.execution.sort_spill_reservation_bytes;
    *reservation = (*reservation).min(options.memory_bytes / SORTS_AT_ONCE);
    // Lets a planner error say where in the text it is.
    settings.sql_parser.collect_spans = true;
    let mut ctx = SessionContext::new_with_config_rt(config, runtime);
    ctx.register_udf(functions::ip_key());
    bounded::bind(&mut ctx, options.memory_bytes)
        .map_err(|error| RunError::internal("cannot bound the query engine's functions", error))?;
    Ok(ctx)
}

/// Over how many partitions a query is spread: each holds some memory of its own, so no more than
/// that suffices for.
fn partitions(threads: usize, memory_bytes: usize) -> usize {
    threads.min(memory_bytes / BYTES_FOR_A_PARTITION).max(1)
}

/// Memory of a query for each of its partitions at least (4 MiB).
const BYTES_FOR_A_PARTITION: usize = 4 << 20;

/// Rows of a batch between the operators of a query: fewer where many of them would be much of the
/// memory, as those of a sort of all columns are.
fn batch_rows(options: &SessionOptions) -> usize {
    let of_a_thread = options.memory_bytes / options.threads.max(1);
    (of_a_thread / BYTES_FOR_A_ROW).clamp(LEAST_BATCH_ROWS, BATCH_ROWS)
}

/// Memory of a thread's operators for each row of a batch (64 KiB): a sort lays twice a batch aside, of
/// 5 KiB a row where no value repeats, and must hold several.
const BYTES_FOR_A_ROW: usize = 64 << 10;

/// Rows of a batch at least.
const LEAST_BATCH_ROWS: usize = 1024;

/// Sorts whose ends fit in the memory together.
const SORTS_AT_ONCE: usize = 128;

/// The same session, with queries spread over this many partitions, or as many as its memory suffices
/// for.
pub fn with_threads(ctx: &SessionContext, threads: usize) -> SessionContext {
    let mut state = ctx.state();
    let memory_bytes = match state.runtime_env().memory_pool.memory_limit() {
        MemoryLimit::Finite(bytes) => bytes,
        MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
    };
    state.config_mut().options_mut().execution.target_partitions = partitions(threads, memory_bytes);
    SessionContext::new_with_state(state)
}

/// Plans one statement that changes nothing: a query, `EXPLAIN`, `SHOW` or `DESCRIBE`.
///
/// # Errors
///
/// The planner's own error; `CREATE`, `INSERT`, `COPY`, `SET` and more than one statement are
/// planning errors too.
pub async fn plan_read_only(ctx: &SessionContext, sql: &str) -> Result<DataFrame, DataFusionError> {
    ctx.sql_with_options(sql, read_only()).await
}

/// The options that let only reading statements through.
pub fn read_only() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_spread_over_no_more_partitions_than_its_memory_suffices_for() {
        for (memory_bytes, threads, expected) in [(8 << 20, 96, 2), (1 << 20, 4, 1), (1 << 30, 96, 96), (1 << 30, 0, 1)]
        {
            let ctx = build(&SessionOptions { memory_bytes, threads, temp_dir: None }).unwrap();

            assert_eq!(ctx.state().config().target_partitions(), expected);
            assert_eq!(with_threads(&ctx, threads).state().config().target_partitions(), expected);
        }
    }

    #[tokio::test]
    async fn what_is_not_a_query_is_refused() {
        let ctx = build(&SessionOptions::default()).unwrap();

        for sql in [
            "CREATE TABLE t AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "COPY (SELECT 1) TO '/tmp/airside-copy.csv'",
            "SET datafusion.execution.batch_size = 1",
            "DROP TABLE t",
            "SELECT 1; SELECT 2",
            "SELECT * FROM '/etc/passwd'",
            "SELECT * FROM read_parquet('/etc/passwd')",
        ] {
            assert!(plan_read_only(&ctx, sql).await.is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn a_query_runs_with_names_in_any_case() {
        let ctx = build(&SessionOptions { threads: 0, ..SessionOptions::default() }).unwrap();

        let batches = plan_read_only(&ctx, "SELECT N + 1 AS m FROM (SELECT 1 AS n)").await.unwrap().collect().await;

        assert_eq!(batches.unwrap().iter().map(arrow::record_batch::RecordBatch::num_rows).sum::<usize>(), 1);
    }
}
