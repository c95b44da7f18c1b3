//! What ends a run, and with which exit code.

/// The command that makes a build with everything, for messages of those that lack something.
pub const FULL_BUILD: &str = "cargo install --locked --path . --all-features";

/// The exit codes that other programs rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Ran, whatever it found.
    Ran = 0,
    /// Findings at or above `--fail-on`.
    Findings = 1,
    /// A rule is wrong, or was stopped.
    Rule = 2,
    /// Usage or configuration, or something named that is not there; nothing was written.
    Usage = 3,
    /// Ran, but an object could not be read.
    Unreadable = 4,
    /// Internal error, disk full.
    Internal = 5,
    /// Interrupted by SIGINT.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

/// An error that ends the run, with its class. The message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Usage or configuration.
    #[error("{message}")]
    Usage {
        /// What was attempted, on what, and what would be right.
        message: String,
        /// An optional line on what to do.
        hint: Option<String>,
    },
    /// A rule that does not load, check or run.
    #[error("{message}")]
    Rule {
        /// Rule file, line and column, and what is wrong there.
        message: String,
    },
    /// An error of ours, or of the machine.
    #[error("{message}")]
    Internal {
        /// What was attempted.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Interrupted by a signal.
    #[error("interrupted")]
    Interrupted {
        /// The exit code of the signal.
        code: ExitCode,
    },
}

impl RunError {
    /// A usage error without a hint.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    /// An internal error with its cause.
    pub fn internal(message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { message: message.into(), source: Some(source.into()) }
    }

    /// The exit code of this class.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage { .. } => ExitCode::Usage,
            Self::Rule { .. } => ExitCode::Rule,
            Self::Internal { .. } => ExitCode::Internal,
            Self::Interrupted { code } => *code,
        }
    }
}
