//! Runs several rules at a time, and gives their evidence in the rules' order.

use std::collections::VecDeque;

use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc::channel;
use tokio::task::JoinSet;

use crate::error::RunError;
use crate::rule::{Rule, params, run};

/// Batches of evidence that may wait to be folded, for each rule under way: more would only cost
/// memory.
const WAITING_BATCHES: usize = 4;

/// The evidence of one rule, batch by batch.
pub(super) type Evidence = BoxStream<'static, Result<RecordBatch, RunError>>;

/// The rules to run, some at once.
pub(super) struct Ahead<'r> {
    ctx: SessionContext,
    at_once: usize,
    waiting: VecDeque<&'r Rule>,
    running: VecDeque<(&'r Rule, Evidence)>,
    /// Ends them when it is dropped.
    tasks: JoinSet<()>,
}

impl<'r> Ahead<'r> {
    /// `at_once`: how many rules run at a time, the one whose evidence is being taken among them.
    /// A single one runs on the thread that takes its evidence.
    pub(super) fn new(ctx: &SessionContext, rules: Vec<&'r Rule>, at_once: usize) -> Self {
        Self {
            ctx: ctx.clone(),
            at_once: at_once.max(1),
            waiting: rules.into(),
            running: VecDeque::new(),
            tasks: JoinSet::new(),
        }
    }

    /// The next rule with its evidence; the rules after it are begun. Must be called in a runtime.
    pub(super) fn next(&mut self) -> Option<(&'r Rule, Evidence)> {
        while self.running.len() < self.at_once
            && let Some(rule) = self.waiting.pop_front()
        {
            let here = evidence(self.ctx.clone(), rule.clone());
            let evidence = if self.at_once == 1 { here } else { self.elsewhere(here) };
            self.running.push_back((rule, evidence));
        }
        self.running.pop_front()
    }

    /// Has another thread make the evidence.
    fn elsewhere(&mut self, mut evidence: Evidence) -> Evidence {
        let (sender, mut receiver) = channel(WAITING_BATCHES);
        self.tasks.spawn(async move {
            while let Some(batch) = evidence.next().await {
                let is_last = batch.is_err();
                // If nobody listens, the run is over.
                if sender.send(batch).await.is_err() || is_last {
                    return;
                }
            }
        });
        stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
    }
}

fn evidence(ctx: SessionContext, rule: Rule) -> Evidence {
    let batches = async move {
        let batches = run::stream(&ctx, &rule, &params::values(&rule)).await?;
        Ok::<_, RunError>(batches.map_err(move |error| run::failed(&rule, error)))
    };
    stream::once(batches).try_flatten().boxed()
}
