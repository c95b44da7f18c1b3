//! Opens what the user names as a session to ask: what `sql` and `show` begin with.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::channel;
use tokio::task::{AbortHandle, JoinSet};

use super::args::{ProgressChoice, ReadOptions};
use super::custody::{Custody, Facts, InputFile};
use super::engine::{self, Machine};
use super::output::Outputs;
use super::progress::Progress;
use crate::coverage::Coverage;
use crate::error::RunError;
use crate::event::schema::ReadColumns;
use crate::finding::exceptions::{Config, Exceptions};
use crate::lake::Streams;
use crate::pipeline::{self, Cancel, Digests, Loaded, Opened};
use crate::report::json;
use crate::rule::load::Library;
use crate::source::Listing;
use crate::sql::tables;
use crate::time::UtcMicros;

/// Batches of an answer that may wait to be written.
const WAITING_BATCHES: usize = 4;

/// Everything but the data: what can be wrong before any is read.
pub(super) struct Desk {
    runtime: Handle,
    threads: Option<Runtime>,
    pub(super) cancel: Arc<Cancel>,
    pub(super) library: Library,
    config: Config,
    config_file: Option<InputFile>,
    machine: Machine,
    #[cfg_attr(not(feature = "prompt"), expect(dead_code, reason = "only the prompt listens by itself"))]
    signals: Vec<AbortHandle>,
}

/// A session with every table over what was read.
pub(super) struct Bench {
    pub(super) desk: Desk,
    pub(super) opened: Opened,
    pub(super) coverage: Coverage,
    /// The manifest to write at the end, where asked for.
    pub(super) custody: Option<Custody>,
    digests: Digests,
    /// Events that lie in files are read from there.
    _streams: Streams,
}

/// Whether the rest of an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Wanted,
    Unwanted,
}

impl Desk {
    /// Reads the configuration and the rules, and begins to listen for signals.
    pub(super) fn new(read: &ReadOptions) -> Result<Self, RunError> {
        let machine = Machine::of(read);
        let runtime = engine::runtime(machine.threads)?;
        let cancel = Arc::new(Cancel::default());
        let signals = engine::watch_signals(&runtime, &cancel)?;
        let (config, config_file) = engine::config_and_file(read.config.as_deref())?;
        let library = engine::library(&runtime, &[], &config, &cancel)?;
        Ok(Self {
            runtime: runtime.handle().clone(),
            threads: Some(runtime),
            cancel,
            library,
            config,
            config_file,
            machine,
            signals,
        })
    }

    /// How the run is asked to end.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Waits for work that is async.
    pub(super) fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Waits for work that Ctrl-C gives up.
    ///
    /// # Errors
    ///
    /// Those of the work, and [`RunError::Interrupted`].
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        self.runtime.block_on(self.cancel.interruptible(work))
    }

    /// Where tasks are spawned.
    #[cfg(feature = "prompt")]
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// A session with the same tables, all of them empty: what a query can be planned against
    /// before hours of reading.
    pub(super) fn empty_session(&self) -> Result<SessionContext, RunError> {
        self.block_on(tables::empty_session())
    }

    /// Bytes that the whole run may use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.machine.memory_bytes
    }

    /// Stops listening for signals as a run does, so that somebody else can.
    #[cfg(feature = "prompt")]
    pub(super) fn ignore_signals(&mut self) {
        self.signals.drain(..).for_each(|task| task.abort());
    }

    /// Reads what was listed and opens it for queries of these columns. Coverage and quarantine are
    /// written here.
    pub(super) fn open(
        self,
        (read, columns): (&ReadOptions, ReadColumns),
        listing: Listing,
        progress: ProgressChoice,
        mut outputs: Outputs,
    ) -> Result<Bench, RunError> {
        let progress = Progress::new(progress, listing.stored_bytes());
        let loaded = engine::load((read, columns), listing, &mut outputs, (&self.machine, &progress, &self.cancel));
        progress.finish();
        let mut loaded = loaded?;
        engine::show_rejected(&loaded.rejected, &loaded.coverage, outputs.quarantine.is_some());
        let lists = vec![("allowed_ip", self.config.allowed_ip_table()?)];
        let exceptions = Exceptions::new(self.config.expected.clone(), &self.library)?;
        let Machine { threads, memory_bytes, .. } = self.machine;
        let opened = pipeline::open(&loaded, &exceptions, lists, memory_bytes, threads);
        let opened = self.wait(opened)?;
        // To look for what is missing takes a look at everything: only where somebody wants to know.
        if let Some(file) = &mut outputs.coverage {
            self.wait(pipeline::judge(&opened.ctx, &mut loaded.coverage))?;
            file.write_with(|out| json::write_pretty(out, &loaded.coverage))?;
        }
        let custody = outputs.custody.take();
        outputs.finish()?;
        let Loaded { coverage, digests, streams, .. } = loaded;
        Ok(Bench { desk: self, opened, coverage, custody, digests, _streams: streams })
    }
}

impl Drop for Desk {
    /// A query that was given up may be busy for long before it notices: nobody waits for it.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Bench {
    /// Writes the manifest of a run that began at `started`, where one is asked for.
    ///
    /// # Errors
    ///
    /// Those of [`Custody::finish`].
    pub(super) fn finish(mut self, started: UtcMicros) -> Result<(), RunError> {
        let Some(custody) = self.custody.take() else { return Ok(()) };
        let files: Vec<InputFile> = self.desk.config_file.iter().cloned().collect();
        let Self { digests, coverage, .. } = &self;
        custody.finish(started, &Facts { digests, files: &files, rules: &[], coverage })
    }

    /// Runs a query on other threads and hands over its batches as they come; ends early where the
    /// rest is not wanted or the run is interrupted.
    ///
    /// # Errors
    ///
    /// Those of `take`, those of the query as `failed` makes them, and [`RunError::Interrupted`].
    pub(super) fn each_batch(
        &self,
        query: DataFrame,
        failed: impl Fn(DataFusionError) -> RunError,
        mut take: impl FnMut(&RecordBatch) -> Result<Rest, RunError>,
    ) -> Result<(), RunError> {
        let work = async {
            let (sender, mut receiver) = channel(WAITING_BATCHES);
            // Ends the query when it is dropped.
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                let mut batches = match start(query).await {
                    Ok(batches) => batches,
                    // If nobody listens, the query was given up.
                    Err(error) => return sender.send(Err(error)).await.unwrap_or_default(),
                };
                while let Some(batch) = batches.next().await {
                    let is_last = batch.is_err();
                    if sender.send(batch).await.is_err() || is_last {
                        return;
                    }
                }
            });
            while let Some(batch) = receiver.recv().await {
                if take(&batch.map_err(&failed)?)? == Rest::Unwanted {
                    break;
                }
            }
            Ok(())
        };
        self.desk.wait(work)
    }
}

/// Starts a query that can be given up at any time.
///
/// The engine itself lets go now and then where it reads tables, and where a join makes billions
/// of rows of small ones, that is never: so joins do too.
async fn start(query: DataFrame) -> Result<SendableRecordBatchStream, DataFusionError> {
    let (context, plan) = (Arc::new(query.task_ctx()), query.create_physical_plan().await?);
    let lets_go = |node: Arc<dyn ExecutionPlan>| {
        let makes_many = node.name().ends_with("JoinExec") || node.name() == "UnnestExec";
        Ok(if makes_many { Transformed::yes(Arc::new(CooperativeExec::new(node)) as _) } else { Transformed::no(node) })
    };
    execute_stream(plan.transform_up(lets_go)?.data, context)
}
