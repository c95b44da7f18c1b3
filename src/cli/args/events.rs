//! Flags of `events`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::args::ReadArgs;
use crate::cli::args::values::{OutputTarget, target};
use crate::event::vocabulary::{Stream, Word as _};
use crate::report::events::EventFormat;

/// Flags of `events`.
#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Events of these streams only; comma or repeat
    #[arg(long, value_name = "STREAM", value_delimiter = ',', value_parser = stream_parser())]
    pub stream: Vec<Stream>,

    /// Format of standard output; `ocsf` unless given, nothing where only files are asked for
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub format: Option<EventFormat>,

    /// Write to a file, such as arrow=events.arrow; repeatable
    #[arg(long, value_name = "FORMAT=FILE", value_parser = event_target)]
    pub output: Vec<OutputTarget<EventFormat>>,
}

fn stream_parser() -> impl TypedValueParser<Value = Stream> {
    PossibleValuesParser::new(Stream::WORDS).try_map(|word| Stream::from_word(&word).ok_or("no such stream"))
}

fn format_parser() -> impl TypedValueParser<Value = EventFormat> {
    let words = EventFormat::ALL.iter().map(|format| format.as_str());
    PossibleValuesParser::new(words).try_map(|word| EventFormat::from_word(&word).ok_or("no such format"))
}

/// Reads `FORMAT=FILE` of events.
fn event_target(text: &str) -> Result<OutputTarget<EventFormat>, String> {
    let words: Vec<&str> = EventFormat::ALL.iter().map(|format| format.as_str()).collect();
    target(text, &words, EventFormat::from_word)
}
