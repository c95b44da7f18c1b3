//! Runs queries so that they can be given up at any time.

use std::sync::Arc;
use std::task::Poll;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc::channel;
use tokio::task::{JoinError, JoinSet};

use crate::sql::windows;

/// Items that may wait to be taken: more would only cost memory.
const WAITING: usize = 4;

/// Starts a query that can be given up at any time, and whose windows are held to the memory of the
/// session.
///
/// The engine itself lets go now and then where it reads tables, and where a join makes billions
/// of rows of small ones, that is never: so joins do too.
///
/// # Errors
///
/// The planner's own error.
pub async fn start(query: DataFrame) -> Result<SendableRecordBatchStream, DataFusionError> {
    let (context, plan) = (Arc::new(query.task_ctx()), query.create_physical_plan().await?);
    let bounded = |node: Arc<dyn ExecutionPlan>| {
        let makes_many = node.name().ends_with("JoinExec") || node.name() == "UnnestExec";
        if makes_many {
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as _));
        }
        Ok(windows::held(&node).map_or_else(|| Transformed::no(node), Transformed::yes))
    };
    execute_stream(plan.transform_up(bounded)?.data, context)
}

/// The batches of a query that other threads plan and run. Ends the query when it is dropped.
pub fn batches(query: DataFrame, threads: &Handle) -> BoxStream<'static, Result<RecordBatch, DataFusionError>> {
    let batches = stream::once(start(query)).try_flatten().boxed();
    elsewhere(batches, threads, |panicked| DataFusionError::External(Box::new(panicked)))
}

/// The same items, made by another thread, some ahead of who takes them. Work ends with the first
/// error, and when the stream is dropped.
pub fn elsewhere<T, E>(
    mut items: BoxStream<'static, Result<T, E>>,
    threads: &Handle,
    panicked: fn(JoinError) -> E,
) -> BoxStream<'static, Result<T, E>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let (sender, mut receiver) = channel(WAITING);
    let mut work = JoinSet::new();
    work.spawn_on(
        async move {
            while let Some(item) = items.next().await {
                let is_last = item.is_err();
                // If nobody listens, the work was given up.
                if sender.send(item).await.is_err() || is_last {
                    return;
                }
            }
        },
        threads,
    );
    let taken = move |context: &mut std::task::Context<'_>| match receiver.poll_recv(context) {
        // Work that panicked is no work that is done.
        Poll::Ready(None) => work.poll_join_next(context).map(|done| done?.err().map(|error| Err(panicked(error)))),
        ready => ready,
    };
    stream::poll_fn(taken).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule whose thread panicked counted as one that ran and found nothing.
    #[tokio::test]
    async fn work_that_panics_ends_in_an_error() {
        let items = stream::iter([Ok(1), Ok(2)]).chain(stream::poll_fn(|_| panic!("no more"))).boxed();

        let taken: Vec<Result<i32, String>> =
            elsewhere(items, &Handle::current(), |error| error.to_string()).collect().await;

        assert_eq!(taken.iter().flatten().collect::<Vec<_>>(), [&1, &2]);
        assert!(matches!(taken.last(), Some(Err(message)) if message.contains("panicked")), "{taken:?}");
    }
}
