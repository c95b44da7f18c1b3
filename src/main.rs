//! Parses the command line, runs it, and maps the outcome to an exit code.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use airside::cli::args::Cli;
use airside::error::{ExitCode as Code, RunError};
use airside::redact;
use airside::report::escape::Escaped;
use airside::time::UtcMicros;
use clap::Parser;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let code = match Cli::try_parse() {
        Ok(cli) => now().and_then(|now| airside::cli::run(&cli, now)).unwrap_or_else(|error| {
            for line in airside::cli::error_lines(&error) {
                to_stderr(&line);
            }
            error.exit_code()
        }),
        Err(answer) => print_answer(&answer),
    };
    ExitCode::from(code as u8)
}

/// The one place where the clock is read.
#[expect(clippy::disallowed_methods, reason = "everything else is told the time")]
fn now() -> Result<UtcMicros, RunError> {
    if let Some(time) = airside::cli::source_date()? {
        return Ok(time);
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(UtcMicros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)))
}

/// Prints help and version, or what is wrong with the command line.
fn print_answer(answer: &clap::Error) -> Code {
    if !answer.use_stderr() {
        // A reader that has gone, as in `airside --help | head -1`, has seen enough.
        return answer.print().map_or(Code::Ran, |()| Code::Ran);
    }
    for line in answer.to_string().lines() {
        to_stderr(&Escaped(&redact::text(line)).to_string());
    }
    Code::Usage
}

/// Where standard error is closed there is nobody left to tell.
fn to_stderr(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap_or_default();
}
