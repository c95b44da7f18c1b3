//! Values of flags: sizes, severities, formats, output targets.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::args::MatrixFormat;
use crate::event::vocabulary::{LogSource, Word as _};
use crate::report::rows::RowFormat;
use crate::report::{DIRECTIONS, OutputFormat, SEVERITIES, direction_word, profile_word, severity_word};
use crate::rule::{Direction, Profile, Severity};

/// Least memory that a run can be held to, in bytes (256 MB).
pub const MIN_MEMORY_LIMIT: u64 = 256_000_000;

/// Units of sizes, in lower case. A bare letter counts by 1024, as in most tools.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("g", 1 << 30),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("k", 1 << 10),
    ("kb", 1000),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("t", 1 << 40),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];

const PROFILES: [Profile; 3] = [Profile::Core, Profile::Hunting, Profile::Posture];

/// A format and the file to write it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTarget<F = OutputFormat> {
    /// The format.
    pub format: F,
    /// The file.
    pub path: PathBuf,
}

/// A format of the matrix and the file to write it to.
pub type MatrixTarget = OutputTarget<MatrixFormat>;

/// A format of rows and the file to write it to.
pub type RowTarget = OutputTarget<RowFormat>;

/// Reads a size in bytes: a whole number and a unit, `512MiB`, `2G`, `800 MB`.
///
/// # Errors
///
/// A message that says what would be right.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    match (factor, count.parse::<u64>()) {
        (Some(factor), Ok(count)) => count.checked_mul(factor).ok_or_else(|| "too large".to_owned()),
        (Some(_), Err(_)) if !count.is_empty() => Err("too large".to_owned()),
        _ => Err("not a whole number with a unit such as MB, MiB, M, GB, GiB, G".to_owned()),
    }
}

/// Reads `--memory-limit`.
///
/// # Errors
///
/// As [`size`], and for less than [`MIN_MEMORY_LIMIT`].
pub fn memory_limit(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if bytes < MIN_MEMORY_LIMIT {
        return Err("less than 256MB, which is the least that works".to_owned());
    }
    Ok(bytes)
}

/// Most threads: beyond that each has too little memory of its own.
const MAX_THREADS: usize = 256;

/// Reads a number of threads.
///
/// # Errors
///
/// What is no whole number, or beyond what each thread has memory for.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= MAX_THREADS);
    number.ok_or_else(|| format!("not a whole number from 1 to {MAX_THREADS}"))
}

/// Units of durations, and their milliseconds.
const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// Reads a duration that is not zero: a whole number and a unit, `500ms`, `30s`, `5m`, `2h`.
///
/// # Errors
///
/// A message that says what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let factor = DURATION_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    match (factor, count.parse::<u64>()) {
        (Some(_), Ok(0)) => Err("no time at all".to_owned()),
        (Some(factor), Ok(count)) => {
            count.checked_mul(factor).map(Duration::from_millis).ok_or_else(|| "too long".to_owned())
        }
        (Some(_), Err(_)) if !count.is_empty() => Err("too long".to_owned()),
        _ => Err("not a whole number with a unit: 500ms, 30s, 5m, 2h".to_owned()),
    }
}

/// Reads `I/N`: part `I` of `N`.
///
/// # Errors
///
/// A message that says what would be right.
#[cfg(feature = "lake")]
pub fn shard(text: &str) -> Result<crate::pipeline::Shard, String> {
    let parts = text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
    match parts {
        Some((number, count)) if (1..=count).contains(&number) => Ok(crate::pipeline::Shard { number, count }),
        _ => Err("not I/N with I from 1 to N, such as 1/4".to_owned()),
    }
}

/// Reads `FORMAT=FILE`.
///
/// # Errors
///
/// A message that says what would be right, with the formats.
pub fn output_target(text: &str) -> Result<OutputTarget, String> {
    let words: Vec<&str> = OutputFormat::ALL.iter().map(|format| format.as_str()).collect();
    target(text, &words, OutputFormat::from_word)
}

/// Reads `FORMAT=FILE` of the matrix.
///
/// # Errors
///
/// As [`output_target`].
pub fn matrix_target(text: &str) -> Result<MatrixTarget, String> {
    target(text, &MatrixFormat::WORDS, |word| MatrixFormat::from_str(word, false).ok())
}

/// Reads `FORMAT=FILE` of the rows of a query.
///
/// # Errors
///
/// As [`output_target`].
pub fn row_target(text: &str) -> Result<RowTarget, String> {
    let words: Vec<&str> = RowFormat::ALL.iter().map(|format| format.as_str()).collect();
    target(text, &words, RowFormat::from_word)
}

pub(super) fn target<F>(
    text: &str,
    words: &[&str],
    from_word: fn(&str) -> Option<F>,
) -> Result<OutputTarget<F>, String> {
    let Some((word, file)) = text.split_once('=') else {
        return Err(format!("not FORMAT=FILE, with one of the formats {}", words.join(", ")));
    };
    let Some(format) = from_word(word) else {
        return Err(format!("no such format; there are {}", words.join(", ")));
    };
    match file {
        "" => Err(format!("no file after {word}=")),
        "-" => Err(format!("standard output is chosen with --format {word}")),
        file => Ok(OutputTarget { format, path: PathBuf::from(file) }),
    }
}

/// Parser of severities, which names them all in its errors.
pub(super) fn severity_parser() -> impl TypedValueParser<Value = Severity> {
    let words = SEVERITIES.map(severity_word);
    PossibleValuesParser::new(words).try_map(|word| {
        SEVERITIES.into_iter().find(|severity| severity_word(*severity) == word).ok_or("no such severity")
    })
}

/// Parser of profiles, which names them all in its errors.
pub(super) fn profile_parser() -> impl TypedValueParser<Value = Profile> {
    let words = PROFILES.map(profile_word);
    PossibleValuesParser::new(words)
        .try_map(|word| PROFILES.into_iter().find(|profile| profile_word(*profile) == word).ok_or("no such profile"))
}

/// Parser of directions, which names them all in its errors.
pub(super) fn direction_parser() -> impl TypedValueParser<Value = Direction> {
    PossibleValuesParser::new(DIRECTIONS.map(direction_word)).try_map(|word| {
        DIRECTIONS.into_iter().find(|direction| direction_word(*direction) == word).ok_or("no such direction")
    })
}

/// Parser of sources, which names them all in its errors.
pub(super) fn source_parser() -> impl TypedValueParser<Value = LogSource> {
    PossibleValuesParser::new(LogSource::WORDS).try_map(|word| LogSource::from_word(&word).ok_or("no such source"))
}

/// Parser of output formats, which names them all in its errors.
pub(super) fn format_parser() -> impl TypedValueParser<Value = OutputFormat> {
    let words = OutputFormat::ALL.iter().map(|format| format.as_str());
    PossibleValuesParser::new(words).try_map(|word| OutputFormat::from_word(&word).ok_or("no such format"))
}

/// Parser of formats of rows, which names them all in its errors.
pub(super) fn row_format_parser() -> impl TypedValueParser<Value = RowFormat> {
    let words = RowFormat::ALL.iter().map(|format| format.as_str());
    PossibleValuesParser::new(words).try_map(|word| RowFormat::from_word(&word).ok_or("no such format"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_units() {
        for (text, bytes) in [
            ("268435456", 268_435_456),
            ("512MiB", 536_870_912),
            ("512mib", 536_870_912),
            ("2G", 2_147_483_648),
            ("2GB", 2_000_000_000),
            ("1 TiB", 1_099_511_627_776),
            ("3k", 3072),
            ("7B", 7),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "G", "50%", "1.5G", "-1G", "1e9", "2 G B", "２G", "1GiBs"] {
            assert_eq!(
                size(text),
                Err("not a whole number with a unit such as MB, MiB, M, GB, GiB, G".to_owned()),
                "{text}"
            );
        }
        assert_eq!(size("18446744073709551616"), Err("too large".to_owned()));
        assert_eq!(size("16777216T"), Err("too large".to_owned()));
    }

    #[test]
    fn a_memory_limit_has_a_least_value() {
        assert_eq!(memory_limit("256MB"), Ok(256_000_000));
        assert_eq!(memory_limit("256MiB"), Ok(268_435_456));
        assert!(memory_limit("255MB").is_err());
        assert!(memory_limit("0").is_err());
    }

    #[test]
    fn threads_are_at_least_one_and_no_more_than_have_memory() {
        for (text, expected) in [("1", Some(1)), ("256", Some(256)), ("257", None), ("0", None), ("two", None)] {
            assert_eq!(threads(text).ok().map(NonZeroUsize::get), expected, "{text}");
        }
        assert_eq!(threads("9999"), Err("not a whole number from 1 to 256".to_owned()));
    }

    #[test]
    fn durations_are_whole_numbers_with_units() {
        for (text, milliseconds) in [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1.5s", "5 m", "5min", "1e3s"] {
            let message = "not a whole number with a unit: 500ms, 30s, 5m, 2h".to_owned();
            assert_eq!(duration(text), Err(message), "{text}");
        }
        assert_eq!(duration("0s"), Err("no time at all".to_owned()));
        assert_eq!(duration("18446744073709551615h"), Err("too long".to_owned()));
    }

    #[test]
    fn an_output_is_a_format_and_a_file() {
        assert_eq!(
            output_target("json=a=b.json"),
            Ok(OutputTarget { format: OutputFormat::Json, path: PathBuf::from("a=b.json") })
        );
        assert_eq!(
            output_target("xml=a"),
            Err(
                "no such format; there are table, json, ndjson, csv, parquet, markdown, sarif, ocsf, timesketch, stix, junit"
                    .to_owned()
            )
        );
        assert!(output_target("json").is_err());
        assert!(output_target("json=").is_err());
        assert!(output_target("json=-").is_err());
        assert_eq!(
            matrix_target("markdown=m.md"),
            Ok(MatrixTarget { format: MatrixFormat::Markdown, path: PathBuf::from("m.md") })
        );
        assert_eq!(matrix_target("csv=a"), Err("no such format; there are table, json, markdown".to_owned()));
    }
}
