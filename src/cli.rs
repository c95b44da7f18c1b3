//! The command line: what each subcommand does with what the library gives.

use std::collections::BTreeSet;

use crate::coverage::Coverage;
use crate::error::{ExitCode, RunError};
use crate::finding::Finding;
use crate::report::IdentityRow;
use crate::source::{self, Listing};
use crate::time::UtcMicros;

pub mod args;
pub mod identities;
pub mod output;
pub mod progress;
pub mod rules;
pub mod scan;

use args::{Cli, Command, ProgressChoice, ReadOptions, RuleSelection};
use output::{OutputFile, Outputs, Terminal};
use progress::Progress;

/// Exit codes, the one that wins over all others first.
const PRECEDENCE: [ExitCode; 8] = [
    ExitCode::Interrupted,
    ExitCode::Terminated,
    ExitCode::Usage,
    ExitCode::Rule,
    ExitCode::Internal,
    ExitCode::Unreadable,
    ExitCode::Findings,
    ExitCode::Ran,
];

/// What to read, and which rules to run over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to read.
    pub read: ReadOptions,
    /// The rules; `None` where identities are all that is asked for.
    pub rules: Option<RuleSelection>,
}

/// What a run gives.
#[derive(Debug, Default)]
pub struct Scan {
    /// What was found, in order; empty without rules.
    pub findings: Vec<Finding>,
    /// What was read.
    pub coverage: Coverage,
    /// Every principal.
    pub identities: Vec<IdentityRow>,
    /// Ids of the rules that are experimental: their findings do not count for `--fail-on`.
    pub experimental: BTreeSet<String>,
}

/// Does what the command line asks for. `now` is what ages such as `30d` count back from.
///
/// # Errors
///
/// Whatever ended the run, with its class.
pub fn run(cli: &Cli, now: UtcMicros) -> Result<ExitCode, RunError> {
    let terminal = Terminal::detect();
    let style = terminal.style(cli.color);
    match &cli.command {
        Command::Scan(args) => scan::run(args, terminal, style, now),
        Command::Identities(args) => identities::run(args, terminal, style, now),
        Command::Rules(command) => rules::run(command, terminal, style),
    }
}

/// The exit code where several hold; [`ExitCode::Ran`] where none does.
pub fn strongest(codes: &[ExitCode]) -> ExitCode {
    PRECEDENCE.into_iter().find(|code| codes.contains(code)).unwrap_or(ExitCode::Ran)
}

/// Lists what is to be read. Comes before output files are opened, so that none of them is listed.
fn list(read: &ReadOptions) -> Result<Listing, RunError> {
    source::list(&read.paths).map_err(|error| RunError::usage(error.to_string()))
}

/// Reads and runs, showing progress.
fn execute(
    request: &Request,
    listing: Listing,
    progress: ProgressChoice,
    outputs: &mut Outputs,
) -> Result<Scan, RunError> {
    let total_bytes = listing.objects.iter().fold(0, |total: u64, object| total.saturating_add(object.size));
    let progress = Progress::new(progress, total_bytes);
    let scan = read_and_run(request, listing, &progress, outputs.quarantine.as_mut());
    progress.finish();
    scan
}

/// The one call into the pipeline.
fn read_and_run(
    _request: &Request,
    _listing: Listing,
    _progress: &Progress,
    _quarantine: Option<&mut OutputFile>,
) -> Result<Scan, RunError> {
    Err(not_wired("reading logs"))
}

/// What stands in for a part that is not joined on.
fn not_wired(what: &str) -> RunError {
    RunError::Internal { message: format!("{what} is not wired"), source: None }
}

/// Whether an object could not be read, as an exit code.
fn readability(coverage: &Coverage) -> ExitCode {
    if coverage.objects.failed == 0 { ExitCode::Ran } else { ExitCode::Unreadable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_exit_code_wins() {
        use ExitCode::{Findings, Internal, Interrupted, Ran, Rule, Terminated, Unreadable, Usage};
        for (codes, expected) in [
            (vec![], Ran),
            (vec![Ran, Findings], Findings),
            (vec![Findings, Unreadable], Unreadable),
            (vec![Unreadable, Internal], Internal),
            (vec![Internal, Rule], Rule),
            (vec![Rule, Usage], Usage),
            (vec![Usage, Interrupted, Findings], Interrupted),
            (vec![Terminated, Usage, Ran], Terminated),
        ] {
            assert_eq!(strongest(&codes), expected, "{codes:?}");
        }
    }

    #[test]
    fn every_exit_code_has_its_place() {
        let numbers = PRECEDENCE.map(|code| code as i32);

        assert_eq!(numbers, [130, 143, 3, 2, 5, 4, 1, 0]);
    }
}
