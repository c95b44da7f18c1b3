//! Commands that this build lacks: what is said after them does not matter.

use clap::Args;

/// The rest of the command line.
#[derive(Debug, Clone, Args)]
pub struct Words {
    /// Anything.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub words: Vec<String>,
}
