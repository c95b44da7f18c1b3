//! Runs several rules at a time, and gives their evidence in the rules' order.

use std::collections::VecDeque;

use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use crate::error::RunError;
use crate::rule::{Rule, params, run};

/// Batches of evidence that may wait to be folded, for each rule under way: more would only cost
/// memory.
const WAITING_BATCHES: usize = 4;

/// The evidence of one rule, batch by batch.
pub(super) type Evidence = Receiver<Result<RecordBatch, RunError>>;

/// The rules to run. Most are small: each is run by one thread, and several at once.
pub(super) struct Ahead<'r> {
    ctx: SessionContext,
    at_once: usize,
    waiting: VecDeque<&'r Rule>,
    running: VecDeque<(&'r Rule, Evidence)>,
    /// Ends them when it is dropped.
    tasks: JoinSet<()>,
}

impl<'r> Ahead<'r> {
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
        while self.running.len() <= self.at_once
            && let Some(rule) = self.waiting.pop_front()
        {
            let (sender, receiver) = channel(WAITING_BATCHES);
            self.tasks.spawn(send_evidence(self.ctx.clone(), rule.clone(), sender));
            self.running.push_back((rule, receiver));
        }
        self.running.pop_front()
    }
}

async fn send_evidence(ctx: SessionContext, rule: Rule, sender: Sender<Result<RecordBatch, RunError>>) {
    let mut evidence = match run::stream(&ctx, &rule, &params::values(&rule)).await {
        Ok(evidence) => evidence,
        Err(error) => {
            // If nobody listens, the run is over.
            sender.send(Err(error)).await.ok();
            return;
        }
    };
    while let Some(batch) = evidence.next().await {
        let batch = batch.map_err(|error| run::failed(&rule, error));
        let is_last = batch.is_err();
        if sender.send(batch).await.is_err() || is_last {
            return;
        }
    }
}
