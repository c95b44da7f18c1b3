//! Signals that ask a run to end.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::AbortHandle;

use crate::error::{ExitCode, RunError};
use crate::pipeline::Cancel;

/// Asks the run to end when a signal says so. A second signal ends it at once.
///
/// Nobody watches any more once the tasks are aborted.
pub(in crate::cli) fn watch_signals(runtime: &Runtime, cancel: &Arc<Cancel>) -> Result<Vec<AbortHandle>, RunError> {
    let _context = runtime.enter();
    let mut watching = Vec::new();
    for (kind, code) in
        [(SignalKind::interrupt(), ExitCode::Interrupted), (SignalKind::terminate(), ExitCode::Terminated)]
    {
        let mut signals = signal(kind).map_err(|error| RunError::internal("cannot listen for signals", error))?;
        let cancel = Arc::clone(cancel);
        let task = runtime.spawn(async move {
            let mut asked = false;
            while signals.recv().await.is_some() {
                if asked {
                    exit_now(code);
                }
                asked = true;
                cancel.cancel(code);
            }
        });
        watching.push(task.abort_handle());
    }
    Ok(watching)
}

#[expect(clippy::exit, reason = "asked twice to end: what is under way is given up, temporary files stay")]
fn exit_now(code: ExitCode) {
    std::process::exit(code as i32);
}
