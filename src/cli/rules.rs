//! `airside rules`: list, show, check, test and import rules.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::cli::args::{ImportArgs, RulesCommand, RulesFormat, TestArgs, must_exist};
use crate::cli::engine::runtime;
use crate::cli::output::{OutputFile, Overwrite, Terminal, to_stdout};
use crate::error::{ExitCode, RunError};
use crate::report::escape::Escaped;
use crate::report::layout::counted;
use crate::report::{ReportError, Style};
use crate::rule::{self, Rule, did_you_mean};
use crate::time::UtcMicros;

mod cases;
mod docs;
mod explain;
#[cfg(feature = "sigma")]
mod import;
mod list;
mod new;
mod show;

/// What checking found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    /// How many rules there are, where nothing is wrong with any.
    pub rules: usize,
    /// What is wrong, each with file, line and column.
    pub problems: Vec<String>,
}

/// Does what a subcommand of `rules` asks for.
///
/// # Errors
///
/// Whatever ended it.
pub fn run(command: &RulesCommand, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    match command {
        RulesCommand::List(args) => {
            let preset = if terminal.is_stdout { RulesFormat::Table } else { RulesFormat::Ndjson };
            let library = load(&args.rules)?;
            let rules = list::filtered(&library, &args.filter)?;
            to_stdout(|out| list::list(&rules, args.format.unwrap_or(preset), out, style)).map(|()| ExitCode::Ran)
        }
        RulesCommand::Show { id, rules } => {
            let library = load(rules)?;
            let rule = find(&library, id)?;
            to_stdout(|out| show::show(rule, out, style).map_err(ReportError::write)).map(|()| ExitCode::Ran)
        }
        RulesCommand::Check { paths } => {
            let outcome = check(paths)?;
            to_stdout(|out| write_check(&outcome, out).map_err(ReportError::write))?;
            Ok(if outcome.problems.is_empty() { ExitCode::Ran } else { ExitCode::Rule })
        }
        RulesCommand::Test(args) => test(args, style),
        RulesCommand::Explain(args) => explain::run(args, terminal, style),
        RulesCommand::Import(args) => import(args, now),
        RulesCommand::Docs(args) => docs::run(&load(&[])?, args),
        RulesCommand::New { id, dir } => {
            let files = new::write(id, dir, now)?;
            to_stdout(|out| new::say(&files, out).map_err(ReportError::write)).map(|()| ExitCode::Ran)
        }
    }
}

/// Loads the shipped rules and those of the folders.
fn load(folders: &[PathBuf]) -> Result<Vec<Rule>, RunError> {
    folders.iter().try_for_each(|folder| must_exist(folder))?;
    load_library(folders)
}

/// Checks the rules of files and folders; the shipped ones where none is named.
fn check(paths: &[PathBuf]) -> Result<CheckOutcome, RunError> {
    paths.iter().try_for_each(|path| must_exist(path))?;
    check_rules(paths)
}

/// Runs the cases beside the rules of files and folders; of the shipped ones where none is named.
fn test(args: &TestArgs, style: Style) -> Result<ExitCode, RunError> {
    args.paths.iter().try_for_each(|path| must_exist(path))?;
    let mut junit = args.junit.as_ref().map(|path| OutputFile::create(path, overwrite(args.force))).transpose()?;
    let outcomes = cases::run(&args.paths)?;
    if let Some(file) = &mut junit {
        file.write_with(|out| cases::write_junit(&outcomes, out))?;
    }
    junit.map_or(Ok(()), OutputFile::finish)?;
    to_stdout(|out| cases::write(&outcomes, out, style).map_err(ReportError::write))?;
    let passed = outcomes.iter().all(|outcome| outcome.differences.is_empty());
    Ok(if passed { ExitCode::Ran } else { ExitCode::Rule })
}

/// What `--force` says.
fn overwrite(force: bool) -> Overwrite {
    if force { Overwrite::Allow } else { Overwrite::Refuse }
}

/// The rules compiled in and those of the folders, checked.
fn load_library(folders: &[PathBuf]) -> Result<Vec<Rule>, RunError> {
    let library = runtime(1)?.block_on(rule::check::load(folders))?;
    Ok(library.rules().to_vec())
}

/// Checks the named rules, or the shipped ones; what is wrong is the outcome, not an error.
fn check_rules(paths: &[PathBuf]) -> Result<CheckOutcome, RunError> {
    let runtime = runtime(1)?;
    let loaded = runtime.block_on(async {
        if paths.is_empty() { rule::check::shipped().await } else { rule::check::read(paths).await }
    });
    match loaded {
        Ok(library) => Ok(CheckOutcome { rules: library.rules().len(), problems: Vec::new() }),
        Err(RunError::Rule { message }) => {
            let problems: Vec<String> = message.lines().map(str::to_owned).collect();
            Ok(CheckOutcome { rules: 0, problems })
        }
        Err(other) => Err(other),
    }
}

/// Turns Sigma rules into rules.
#[cfg(feature = "sigma")]
fn import(args: &ImportArgs, now: UtcMicros) -> Result<ExitCode, RunError> {
    import::run(args, now)
}

/// Says how to get a build that turns Sigma rules into rules.
#[cfg(not(feature = "sigma"))]
fn import(_args: &ImportArgs, _now: UtcMicros) -> Result<ExitCode, RunError> {
    Err(RunError::Usage {
        message: "this build does not read Sigma rules".to_owned(),
        hint: Some(format!("{} makes one that does", crate::error::FULL_BUILD)),
    })
}

/// The rule of this id or other name.
fn find<'a>(library: &'a [Rule], id: &str) -> Result<&'a Rule, RunError> {
    let is_named = |name: &String| name.eq_ignore_ascii_case(id);
    library.iter().find(|rule| is_named(&rule.head.id) || rule.head.aliases.iter().any(is_named)).ok_or_else(|| {
        let near = did_you_mean(id, library.iter().flat_map(Rule::names));
        let hint = Some("airside rules list names them all".to_owned());
        RunError::Usage { message: format!("no rule {id}{near}"), hint }
    })
}

fn write_check(outcome: &CheckOutcome, out: &mut dyn Write) -> io::Result<()> {
    for problem in &outcome.problems {
        lines(problem, "", out)?;
    }
    match outcome.problems.len() {
        0 => writeln!(out, "{} rules checked, nothing wrong", outcome.rules),
        wrong => writeln!(out, "{} found", counted(wrong as u64, "mistake")),
    }
}

/// A message of several lines, each escaped.
fn lines(text: &str, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    text.lines().try_for_each(|line| writeln!(out, "{indent}{}", Escaped(line)))
}

#[cfg(test)]
mod tests;
