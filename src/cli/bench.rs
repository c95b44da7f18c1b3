//! Opens what the user names as a session to ask: what `sql` and `show` begin with.

use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use tokio::runtime::{Handle, Runtime};
use tokio::task::AbortHandle;

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
use crate::sql::{self, tables};
use crate::time::UtcMicros;

/// Everything but the data: what can be wrong before any is read.
pub(super) struct Desk {
    runtime: Handle,
    threads: Option<Runtime>,
    pub(super) cancel: Arc<Cancel>,
    pub(super) library: Library,
    config: Config,
    config_file: Option<InputFile>,
    machine: Machine,
    #[cfg_attr(
        not(any(feature = "prompt", feature = "postgres")),
        expect(dead_code, reason = "only the prompt and the endpoint listen by themselves")
    )]
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
    /// How long a query may run.
    pub(super) timeout: Option<Duration>,
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
        let library = engine::shipped_rules(&runtime, &config, &cancel)?;
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
    #[cfg(any(feature = "prompt", feature = "postgres"))]
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
    #[cfg(any(feature = "prompt", feature = "postgres"))]
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
        progress.finish(&loaded);
        let mut loaded = loaded?;
        engine::show_rejected(&loaded.rejected, &loaded.coverage, engine::Kept::by(&outputs));
        let lists = vec![("allowed_ip", self.config.allowed_ip_table()?)];
        let exceptions = Exceptions::without_rules(self.config.expected.clone(), &self.library);
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
        Ok(Bench { desk: self, opened, coverage, custody, digests, timeout: None, _streams: streams })
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
    /// Writes the manifest of a run that began at `started` and asked this query of its user's, where
    /// one is asked for.
    ///
    /// # Errors
    ///
    /// Those of [`Custody::finish`].
    pub(super) fn finish(mut self, started: UtcMicros, query: Option<&str>) -> Result<(), RunError> {
        let Some(custody) = self.custody.take() else { return Ok(()) };
        let files: Vec<InputFile> = self.desk.config_file.iter().cloned().collect();
        let Self { digests, coverage, .. } = &self;
        custody.finish(started, &Facts { digests, files: &files, rules: &[], query, coverage })
    }

    /// Runs a query on other threads and hands over its batches as they come; ends early where the
    /// rest is not wanted or the run is interrupted.
    ///
    /// # Errors
    ///
    /// Those of `take`, those of the query as `failed` makes them, [`RunError::Interrupted`], and
    /// [`RunError::Internal`] for a query that runs longer than it may.
    pub(super) fn each_batch(
        &self,
        query: DataFrame,
        failed: impl Fn(DataFusionError) -> RunError,
        mut take: impl FnMut(&RecordBatch) -> Result<Rest, RunError>,
    ) -> Result<(), RunError> {
        let work = async {
            let mut batches = sql::run::batches(query, &self.desk.runtime);
            while let Some(batch) = batches.next().await {
                if take(&batch.map_err(&failed)?)? == Rest::Unwanted {
                    break;
                }
                // Where there is always a next batch, this is where interruptions are heard.
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        self.desk.wait(async {
            let Some(longest) = self.timeout else { return work.await };
            tokio::time::timeout(longest, work).await.unwrap_or_else(|_elapsed| {
                Err(RunError::Internal {
                    message: format!("the query was stopped: it ran longer than {longest:?}, which --timeout says"),
                    source: None,
                })
            })
        })
    }
}
