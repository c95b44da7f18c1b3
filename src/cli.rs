//! The command line: what each subcommand does with what the library gives.

use std::error::Error as _;

use crate::coverage::{Coverage, NotEvaluable};
use crate::error::{ExitCode, RunError};
use crate::redact;
use crate::report::escape::Escaped;
use crate::time::UtcMicros;

pub mod args;
mod bench;
pub mod config;
pub mod custody;
pub mod dry_run;
mod engine;
pub mod events;
#[cfg(feature = "lake")]
mod follow;
pub mod generate;
pub mod identities;
#[cfg(feature = "lake")]
pub mod ingest;
mod inventory;
#[cfg(feature = "lake")]
pub mod lake;
pub mod matrix;
pub mod output;
pub mod progress;
pub mod report;
pub mod rules;
pub mod scan;
#[cfg(feature = "postgres")]
pub mod serve;
pub mod shell;
pub mod show;
pub mod sql;

use args::{Cli, Command, ConfigCommand};
use engine::{Request, Scan};
use output::Terminal;

/// The environment variable that stands for the clock.
const SOURCE_DATE: &str = "SOURCE_DATE_EPOCH";

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
        Command::Matrix(args) => matrix::run(args, terminal, style, now),
        Command::Events(args) => events::run(args, terminal, now),
        Command::Report(args) => report::run(args, now),
        Command::Show(args) => show::run(args, style, now),
        Command::Sql(args) => sql::run(args, terminal, style, now),
        #[cfg(feature = "postgres")]
        Command::Serve(args) => serve::run(args, now),
        #[cfg(not(feature = "postgres"))]
        Command::Serve(_) => Err(lacks("endpoint for Postgres clients")),
        Command::Generate(args) => generate::run(args),
        #[cfg(feature = "lake")]
        Command::Ingest(args) => ingest::run(args, terminal, now),
        #[cfg(feature = "lake")]
        Command::Lake(command) => lake::run(command, now),
        #[cfg(not(feature = "lake"))]
        Command::Ingest(_) | Command::Lake(_) => Err(lacks("lakes")),
        Command::VerifyCustody(args) => custody::verify::run(args),
        Command::Config(ConfigCommand::Show(args)) => config::show(args),
        Command::Completions { shell } => shell::completions(*shell),
        Command::Man(args) => shell::man(args),
        Command::Rules(command) => rules::run(command, terminal, style, now),
    }
}

/// The error of a build without something.
#[cfg(not(all(feature = "lake", feature = "postgres")))]
fn lacks(what: &str) -> RunError {
    RunError::Usage {
        message: format!("this build has no {what}"),
        hint: Some(format!("{} makes one that has", crate::error::FULL_BUILD)),
    }
}

/// The time that `SOURCE_DATE_EPOCH` names, in seconds since 1970, which then stands for the clock's, so
/// that two runs write the same bytes: <https://reproducible-builds.org/specs/source-date-epoch/>.
///
/// # Errors
///
/// [`RunError::Usage`] where it is set and is no such number.
pub fn source_date() -> Result<Option<UtcMicros>, RunError> {
    let Some(value) = std::env::var_os(SOURCE_DATE) else { return Ok(None) };
    let seconds = value.to_str().and_then(|text| text.parse::<u32>().ok());
    let wrong = || RunError::usage(format!("{SOURCE_DATE} is no number of seconds since 1970"));
    Ok(Some(UtcMicros(i64::from(seconds.ok_or_else(wrong)?) * 1_000_000)))
}

/// The exit code where several hold; [`ExitCode::Ran`] where none does.
pub fn strongest(codes: &[ExitCode]) -> ExitCode {
    PRECEDENCE.into_iter().find(|code| codes.contains(code)).unwrap_or(ExitCode::Ran)
}

/// An error as people read it: with its causes, and what to do. Nothing in it is left for a terminal
/// to act on.
pub fn error_lines(error: &RunError) -> Vec<String> {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    let message = redact::text(&message).into_owned();
    let mut lines = message.lines();
    let mut shown = vec![format!("error: {}", Escaped(lines.next().unwrap_or_default()))];
    shown.extend(lines.map(|line| format!("  {}", Escaped(line))));
    if let RunError::Usage { hint: Some(hint), .. } = error {
        shown.push(format!("hint: {}", Escaped(&redact::text(hint))));
    }
    shown
}

/// Whether an object could not be read, as an exit code.
fn readability(coverage: &Coverage) -> ExitCode {
    if coverage.objects.failed == 0 { ExitCode::Ran } else { ExitCode::Unreadable }
}

/// Whether a rule was stopped before it could say anything, as an exit code.
fn completeness(stopped: &[NotEvaluable]) -> ExitCode {
    if stopped.is_empty() { ExitCode::Ran } else { ExitCode::Rule }
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
