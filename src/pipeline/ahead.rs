//! Runs several rules at a time, and gives their evidence in the rules' order.

use std::collections::VecDeque;

use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::runtime::Handle;

use crate::error::RunError;
use crate::rule::{Rule, params, run};
use crate::sql;

/// A piece of the evidence of a rule.
pub(super) enum Piece {
    /// Some of it.
    Batch(RecordBatch),
    /// There would be more, and the rule asked for more than it may have. The last piece, with what
    /// it asked for.
    Stopped(String),
}

/// The evidence of one rule, piece by piece.
pub(super) type Evidence = BoxStream<'static, Result<Piece, RunError>>;

/// The rules to run, some at once.
pub(super) struct Ahead<'r> {
    ctx: SessionContext,
    at_once: usize,
    waiting: VecDeque<&'r Rule>,
    running: VecDeque<(&'r Rule, Evidence)>,
}

impl<'r> Ahead<'r> {
    /// `at_once`: how many rules run at a time, the one whose evidence is being taken among them.
    /// A single one runs on the thread that takes its evidence.
    pub(super) fn new(ctx: &SessionContext, rules: Vec<&'r Rule>, at_once: usize) -> Self {
        Self { ctx: ctx.clone(), at_once: at_once.max(1), waiting: rules.into(), running: VecDeque::new() }
    }

    /// The next rule with its evidence; the rules after it are begun. Must be called in a runtime.
    pub(super) fn next(&mut self) -> Option<(&'r Rule, Evidence)> {
        while self.running.len() < self.at_once
            && let Some(rule) = self.waiting.pop_front()
        {
            let here = evidence(self.ctx.clone(), rule.clone());
            let evidence = if self.at_once == 1 { here } else { elsewhere(here) };
            self.running.push_back((rule, evidence));
        }
        self.running.pop_front()
    }
}

/// Has another thread make the evidence.
fn elsewhere(evidence: Evidence) -> Evidence {
    let panicked = |error| RunError::internal("cannot run a rule", error);
    sql::run::elsewhere(evidence, &Handle::current(), panicked)
}

fn evidence(ctx: SessionContext, rule: Rule) -> Evidence {
    let pieces = async move {
        let batches = run::stream(&ctx, &rule, &params::values(&rule)).await?;
        let pieces = batches.map(move |batch| match batch {
            Ok(batch) => Ok(Piece::Batch(batch)),
            Err(error) if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) => {
                Ok(Piece::Stopped("it needs more memory than --memory-limit leaves it".to_owned()))
            }
            // What values make of a rule must not take the findings of all others.
            Err(error) => match run::of_evaluation(&error) {
                Some(what) => Ok(Piece::Stopped(format!(
                    "it failed: {what}; mend it, or leave it out with --disable {}",
                    rule.head.id
                ))),
                None => Err(run::failed(&rule, error)),
            },
        });
        Ok::<_, RunError>(pieces)
    };
    stream::once(pieces).try_flatten().boxed()
}
