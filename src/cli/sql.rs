//! `airside sql`: one query, or a prompt, over what was read.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;

use datafusion::dataframe::DataFrame;

use crate::cli::args::SqlArgs;
use crate::cli::bench::{Bench, Desk, Rest};
use crate::cli::custody::Custody;
use crate::cli::engine::list;
use crate::cli::output::recorded::Stdout;
use crate::cli::output::{Gone, OutputFile, Outputs, QuietPipe, Terminal};
use crate::cli::readability;
use crate::error::{ExitCode, RunError};
use crate::report::escape::Escaped;
use crate::report::rows::{Fit, Layout, RowFormat, RowsWriter};
use crate::report::{ReportError, Style};
use crate::time::UtcMicros;

#[cfg(feature = "prompt")]
mod prompt;
pub(super) mod query;

/// Files that rows go to, each in its format.
type Files = Vec<(RowFormat, OutputFile)>;

/// Reads, asks, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run: a query that is wrong is a usage error, found before anything is read.
pub fn run(args: &SqlArgs, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    let read = args.read.options(now)?;
    let Some(sql) = question(args)? else { return prompt(args, terminal, style, now) };
    let format = format(args.format, terminal)?;
    let desk = Desk::new(&read)?;
    let empty = desk.empty_session()?;
    let planned = desk.block_on(query::plan(&empty, &sql))?;
    for remark in query::remarks(&planned) {
        // Where standard error is closed nobody wants to know.
        writeln!(io::stderr(), "{}", Escaped(&remark)).unwrap_or_default();
    }
    let columns = query::columns(planned)?;
    let listing = list(&read)?;
    let (outputs, files) = Outputs::open_with(&args.read, &args.output, None)?;
    let mut bench = desk.open((&read, columns), listing, args.read.progress, outputs)?;
    bench.timeout = args.timeout;
    let planned = bench.desk.block_on(query::plan(&bench.opened.ctx, &sql))?;
    let max_rows = args.max_rows;
    let fit = if terminal.is_stdout { Fit::Terminal { max_rows } } else { Fit::Whole };
    answer(&bench, planned, (format, Layout { style, fit }), files)?;
    let code = readability(&bench.coverage);
    bench.finish(now, Some(&sql))?;
    Ok(code)
}

/// The query to ask; `None` where a person is to be asked for it.
fn question(args: &SqlArgs) -> Result<Option<String>, RunError> {
    let sql = match (&args.command, &args.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) => read_file(file)?,
        (None, None) if args.read.paths.iter().any(|path| path == "-") => {
            return Err(RunError::Usage {
                message: "standard input holds the logs, so there is no query".to_owned(),
                hint: Some("-c SQL or -f FILE says what to ask".to_owned()),
            });
        }
        (None, None) if io::stdin().is_terminal() => return Ok(None),
        (None, None) => io::read_to_string(io::stdin())
            .map_err(|error| RunError::usage(format!("cannot read a query from standard input: {error}")))?,
    };
    Ok(Some(sql))
}

fn read_file(file: &Path) -> Result<String, RunError> {
    std::fs::read_to_string(file)
        .map_err(|error| RunError::usage(format!("cannot read a query from {}: {error}", file.display())))
}

#[cfg(feature = "prompt")]
fn prompt(args: &SqlArgs, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    prompt::run(args, terminal, style, now)
}

#[cfg(not(feature = "prompt"))]
fn prompt(_: &SqlArgs, _: Terminal, _: Style, _: UtcMicros) -> Result<ExitCode, RunError> {
    Err(RunError::Usage {
        message: "this build has no prompt".to_owned(),
        hint: Some(format!("-c SQL asks one query; {} makes a build with a prompt", crate::error::FULL_BUILD)),
    })
}

/// The format of standard output.
fn format(asked: Option<RowFormat>, terminal: Terminal) -> Result<RowFormat, RunError> {
    let format = asked.unwrap_or(if terminal.is_stdout { RowFormat::Table } else { RowFormat::Ndjson });
    terminal.takes(format.as_str(), format.is_binary())?;
    Ok(format)
}

/// Standard output for rows.
type Shown = BufWriter<QuietPipe<Stdout>>;

/// Runs a query and writes its rows to standard output and to the files, batch by batch.
fn answer(
    bench: &Bench,
    query: DataFrame,
    (format, layout): (RowFormat, Layout),
    files: Files,
) -> Result<(), RunError> {
    let schema = query.schema().inner().clone();
    let pipe = QuietPipe::new(Stdout::lock(bench.custody.as_ref().map(Custody::log)));
    let gone = pipe.gone();
    let mut shown: RowsWriter<Shown> =
        RowsWriter::new(format, &schema, BufWriter::new(pipe), layout).map_err(unwritten)?;
    let whole = Layout { style: Style::default(), fit: Fit::Whole };
    let files = files.into_iter().map(|(format, file)| RowsWriter::new(format, &schema, file, whole));
    let mut files = files.collect::<Result<Vec<_>, _>>().map_err(unwritten)?;
    let failed = |error| query::failed(&error, bench.desk.memory_bytes());
    bench.each_batch(query, failed, |batch| {
        shown.write(batch).map_err(unwritten)?;
        files.iter_mut().try_for_each(|file| file.write(batch)).map_err(unwritten)?;
        Ok(wanted(&gone, &files))
    })?;
    // Files first: what is in a file stays, whatever becomes of standard output.
    for file in files {
        file.finish(Some(&bench.coverage)).map_err(unwritten)?.finish()?;
    }
    shown.finish(Some(&bench.coverage)).map_err(unwritten)?;
    Ok(())
}

/// Rows that nobody reads any more are not asked for.
fn wanted<T>(gone: &Gone, files: &[T]) -> Rest {
    if gone.is_true() && files.is_empty() { Rest::Unwanted } else { Rest::Wanted }
}

fn unwritten(error: ReportError) -> RunError {
    match error {
        ReportError::Parquet { source } => RunError::usage(format!(
            "Parquet cannot hold the answer: {source}; CAST the column to another type, or use another format"
        )),
        error => RunError::internal("cannot write the answer", error),
    }
}
