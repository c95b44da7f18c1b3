//! `airside completions` and `airside man`: what shells and manuals want of the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::args::{Cli, ManArgs};
use crate::cli::output::to_stdout;
use crate::error::{ExitCode, RunError};
use crate::report::ReportError;
use crate::rule::did_you_mean;

/// Prints the completion script of a shell.
///
/// # Errors
///
/// [`RunError::Internal`] where standard output takes nothing.
pub fn completions(shell: Shell) -> Result<ExitCode, RunError> {
    // Writing to standard output itself would end in a panic once its reader has gone.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "airside", &mut script);
    print(&script)
}

/// Prints a manual page: of the program, or of one of its commands.
///
/// # Errors
///
/// [`RunError::Usage`] for a command that is not there.
pub fn man(args: &ManArgs) -> Result<ExitCode, RunError> {
    let mut command = Cli::command();
    command.build();
    let mut page_of = &command;
    for name in &args.command {
        page_of = page_of.find_subcommand(name).ok_or_else(|| {
            let hint = did_you_mean(name, page_of.get_subcommands().map(clap::Command::get_name));
            RunError::usage(format!("{} has no command '{name}'{hint}", page_of.get_name()))
        })?;
    }
    let mut page = Vec::new();
    Man::new(page_of.clone())
        .render(&mut page)
        .map_err(|error| RunError::internal("cannot write the manual page", error))?;
    print(&page)
}

fn print(bytes: &[u8]) -> Result<ExitCode, RunError> {
    to_stdout(|out| out.write_all(bytes).map_err(|source| ReportError::Write { source }))?;
    Ok(ExitCode::Ran)
}
