//! How a run is asked to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::error::{ExitCode, RunError};

/// How often work that waits looks whether the run was interrupted.
pub const CANCEL_POLL: Duration = Duration::from_millis(100);

/// Set by a signal, looked at by every thread between chunks and by all that waits. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

impl Cancel {
    /// Asks the run to end with this code.
    pub fn cancel(&self, code: ExitCode) {
        self.0.store(code as u8, Ordering::Relaxed);
    }

    /// Takes back what was asked: what comes next is to go on.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// The error to end with, once somebody asked.
    ///
    /// # Errors
    ///
    /// [`RunError::Interrupted`].
    pub fn check(&self) -> Result<(), RunError> {
        let code = match self.0.load(Ordering::Relaxed) {
            0 => return Ok(()),
            code if code == ExitCode::Terminated as u8 => ExitCode::Terminated,
            _ => ExitCode::Interrupted,
        };
        Err(RunError::Interrupted { code })
    }

    /// Waits for work, unless the run is interrupted first. Work that never waits itself has to
    /// yield now and then to be given up on.
    ///
    /// # Errors
    ///
    /// Those of the work, and [`RunError::Interrupted`].
    pub async fn interruptible<T>(&self, work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(CANCEL_POLL) => self.check()?,
            }
        }
    }
}
