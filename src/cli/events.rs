//! `airside events`: the normalised, classified events in the forms of other tools.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use futures::StreamExt as _;

use crate::cli::args::events::EventsArgs;
use crate::cli::custody::{Custody, Facts, InputFile};
use crate::cli::engine::{Kept, Machine, config_and_file, list, load, runtime, show_rejected, watch_signals};
use crate::cli::output::recorded::Stdout;
use crate::cli::output::{OutputFile, Outputs, QuietPipe, Terminal};
use crate::cli::progress::Progress;
use crate::cli::readability;
use crate::error::{ExitCode, RunError};
use crate::event::schema::ReadColumns;
use crate::event::vocabulary::Stream;
use crate::finding::exceptions::Exceptions;
use crate::pipeline::{self, Cancel, Loaded, Opened};
use crate::report::events::{EventFormat, EventWriter};
use crate::report::json;
use crate::sql::session::plan_read_only;
use crate::time::UtcMicros;

/// Writes the events, and says with which code to exit.
///
/// # Errors
///
/// Whatever ended the run.
pub fn run(args: &EventsArgs, terminal: Terminal, now: UtcMicros) -> Result<ExitCode, RunError> {
    let read = args.read.options(now)?;
    let format = format(args, terminal)?;
    let machine = Machine::of(&read);
    let runtime = runtime(machine.threads)?;
    let cancel = Arc::new(Cancel::default());
    watch_signals(&runtime, &cancel)?;
    let (config, config_file) = config_and_file(read.config.as_deref())?;
    let lists = vec![("allowed_ip", config.allowed_ip_table()?)];
    let listing = list(&read)?;
    let (mut outputs, mut files) = Outputs::open_with(&args.read, &args.output, None)?;
    let progress = Progress::new(args.read.progress, listing.stored_bytes());
    let loaded = load((&read, ReadColumns::ALL), listing, &mut outputs, (&machine, &progress, &cancel));
    progress.finish(&loaded);
    let mut loaded = loaded?;
    show_rejected(&loaded.rejected, &loaded.coverage, Kept::by(&outputs));
    let log = outputs.custody.as_ref().map(Custody::log).filter(|_| format.is_some());
    let mut stdout = BufWriter::new(QuietPipe::new(Stdout::lock(log)));
    let mut sinks: Vec<(EventFormat, &mut dyn Write)> =
        files.iter_mut().map(|(format, file)| (*format, file as &mut dyn Write)).collect();
    sinks.extend(format.map(|format| (format, &mut stdout as &mut dyn Write)));
    let query = query(&args.stream);
    runtime.block_on(async {
        let exceptions = Exceptions::default();
        let opened = pipeline::open(&loaded, &exceptions, lists, machine.memory_bytes, machine.threads).await?;
        write(&opened, &query, sinks, &cancel).await?;
        if outputs.coverage.is_some() {
            cancel.interruptible(pipeline::judge(&opened.ctx, &mut loaded.coverage)).await?;
        }
        Ok::<_, RunError>(())
    })?;
    drop(stdout);
    let config_file: Vec<InputFile> = config_file.into_iter().collect();
    finish(&loaded, outputs, files, (now, &config_file))
}

/// The format of standard output, if anything goes there.
fn format(args: &EventsArgs, terminal: Terminal) -> Result<Option<EventFormat>, RunError> {
    let format = args.format.or_else(|| args.output.is_empty().then_some(EventFormat::Ocsf));
    if let Some(format) = format {
        terminal.takes(format.as_str(), format.is_binary())?;
    }
    Ok(format)
}

/// All columns, in an order that depends on the events alone.
fn query(streams: &[Stream]) -> String {
    let words: Vec<String> = streams.iter().map(|stream| format!("'{stream}'")).collect();
    let condition = if words.is_empty() { String::new() } else { format!(" WHERE stream IN ({})", words.join(", ")) };
    format!("SELECT * FROM events{condition} ORDER BY time, event_uid")
}

/// Runs the query and gives every batch to every writer.
async fn write(
    opened: &Opened,
    query: &str,
    sinks: Vec<(EventFormat, &mut dyn Write)>,
    cancel: &Cancel,
) -> Result<(), RunError> {
    let failed = |error| RunError::internal("cannot read the events back", error);
    let not_written = |error| RunError::internal("cannot write the events", error);
    let plan = plan_read_only(&opened.ctx, query).await.map_err(failed)?;
    let mut batches = plan.execute_stream().await.map_err(failed)?;
    let schema = batches.schema();
    let writers = sinks.into_iter().map(|(format, out)| EventWriter::new(format, &schema, out));
    let mut writers = writers.collect::<Result<Vec<_>, _>>().map_err(not_written)?;
    while let Some(batch) = cancel.interruptible(async { Ok(batches.next().await) }).await? {
        let batch = batch.map_err(failed)?;
        writers.iter_mut().try_for_each(|writer| writer.write(&batch)).map_err(not_written)?;
    }
    writers.into_iter().try_for_each(EventWriter::finish).map_err(not_written)
}

/// Gives the files their names.
fn finish(
    loaded: &Loaded,
    mut outputs: Outputs,
    files: Vec<(EventFormat, OutputFile)>,
    (now, inputs): (UtcMicros, &[InputFile]),
) -> Result<ExitCode, RunError> {
    if let Some(file) = &mut outputs.coverage {
        file.write_with(|out| json::write_pretty(out, &loaded.coverage))?;
    }
    files.into_iter().map(|(_, file)| file).try_for_each(OutputFile::finish)?;
    let custody = outputs.custody.take();
    outputs.finish()?;
    if let Some(custody) = custody {
        let (digests, coverage) = (&loaded.digests, &loaded.coverage);
        custody.finish(now, &Facts { digests, files: inputs, rules: &[], query: None, coverage })?;
    }
    Ok(readability(&loaded.coverage))
}
