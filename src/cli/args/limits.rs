//! The flags of limits, in a group of their own.

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::values::size;
use crate::limits::{self, Limits};

/// Fewest files that can be asked for: two inputs and two temporary files.
const LEAST_OPEN_FILES: u64 = 4;

/// Most columns of a CSV file that can be asked for: what spreadsheets have at most.
const MOST_CSV_COLUMNS: u64 = 16_384;

/// Smallest record size that can be asked for, in bytes: below it nothing is a log (1 KiB).
const LEAST_RECORD_BYTES: u64 = 1 << 10;

/// Largest record size that can be asked for, in bytes (256 MiB): a batch of them stays below what a
/// column can hold.
const MOST_RECORD_BYTES: u64 = 256 << 20;

/// Under which these flags stand in the help; the flags of a command that follow them do not.
const HEADING: &str = "Limits";

/// What a log may ask of the machine, and one rule of a report.
#[derive(Debug, Clone, Copy, Args)]
pub struct LimitArgs {
    /// Most that a compressed object may hold; one that holds more fails
    #[arg(long, help_heading = HEADING, value_name = "SIZE", value_parser = size, default_value = "64GiB")]
    pub max_object_size: u64,

    /// Most that a compressed object may hold for each of its stored bytes, beyond its first 64 MiB
    #[arg(long, help_heading = HEADING, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..), default_value_t = limits::RATIO)]
    pub max_ratio: u64,

    /// Largest record; a larger one is rejected
    #[arg(long, help_heading = HEADING, value_name = "SIZE", value_parser = record_size, default_value = "16MiB")]
    pub max_record_size: usize,

    /// Deepest nesting in a record; one that is nested more deeply is rejected
    #[arg(long, help_heading = HEADING, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=limits::MAX_DEPTH as u64), default_value_t = limits::DEPTH)]
    pub max_depth: usize,

    /// Most columns of a CSV file; one that has more is rejected whole
    #[arg(long, help_heading = HEADING, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(2..=MOST_CSV_COLUMNS), default_value_t = limits::CSV_COLUMNS)]
    pub max_csv_columns: usize,

    /// Most distinct values of a column that are held while events are built; then another batch begins
    #[arg(long, help_heading = HEADING, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=limits::DISTINCT as u64), default_value_t = limits::DISTINCT)]
    pub max_distinct: usize,

    /// Most findings of a rule; those left out are counted, and count for --fail-on
    #[arg(long, help_heading = HEADING, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..), default_value_t = limits::FINDINGS)]
    pub max_findings: usize,

    /// Most events that a finding shows, the earliest; its `events` counts all
    #[arg(long, help_heading = HEADING, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..), default_value_t = limits::EVIDENCE)]
    pub max_evidence: usize,

    /// Most files open at a time; what the system allows, and 512, unless given
    #[arg(long, help_heading = HEADING, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(LEAST_OPEN_FILES..))]
    pub max_open_files: Option<usize>,
}

impl LimitArgs {
    /// The limits that are asked for. No more files are open than the system allows, whatever is asked.
    pub fn limits(&self) -> Limits {
        let allowed = allowed_files().map_or(usize::MAX, |allowed| allowed.saturating_sub(limits::OTHER_FILES));
        Limits {
            object_bytes: self.max_object_size,
            ratio: self.max_ratio,
            record_bytes: self.max_record_size,
            depth: self.max_depth,
            csv_columns: self.max_csv_columns,
            distinct: self.max_distinct,
            findings: self.max_findings,
            evidence: self.max_evidence,
            open_files: self.max_open_files.unwrap_or(limits::OPEN_FILES).min(allowed),
        }
    }
}

/// Reads `--max-record-size`.
fn record_size(text: &str) -> Result<usize, String> {
    let bytes = size(text)?;
    if !(LEAST_RECORD_BYTES..=MOST_RECORD_BYTES).contains(&bytes) {
        return Err("not between 1KiB and 256MiB".to_owned());
    }
    usize::try_from(bytes).map_err(|_too_large| "too large".to_owned())
}

/// How many files this process may have open, as Linux says it; `None` elsewhere, or where there is
/// no limit.
fn allowed_files() -> Option<usize> {
    let text = String::from_utf8(std::fs::read("/proc/self/limits").ok()?).ok()?;
    soft_limit_of_files(&text)
}

fn soft_limit_of_files(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn parsed(args: &[&str]) -> Result<Limits, clap::Error> {
        Only::try_parse_from(["test"].iter().chain(args)).map(|only| only.limits.limits())
    }

    #[test]
    fn without_flags_the_limits_are_the_usual_ones() {
        let limits = parsed(&["--max-open-files", "4"]).unwrap();

        assert_eq!(limits, Limits { open_files: 4, ..Limits::default() });
    }

    #[test]
    fn every_flag_sets_its_own_limit() {
        let limits = parsed(&[
            "--max-object-size=1GiB",
            "--max-ratio=20",
            "--max-record-size=2KiB",
            "--max-depth=9",
            "--max-csv-columns=30",
            "--max-distinct=7",
            "--max-findings=5",
            "--max-evidence=3",
            "--max-open-files=6",
        ]);

        let expected = Limits {
            object_bytes: 1 << 30,
            ratio: 20,
            record_bytes: 2048,
            depth: 9,
            csv_columns: 30,
            distinct: 7,
            findings: 5,
            evidence: 3,
            open_files: 6,
        };
        assert_eq!(limits.unwrap(), expected);
    }

    #[test]
    fn what_would_not_work_is_refused() {
        for flag in [
            "--max-ratio=0",
            "--max-record-size=1023",
            "--max-record-size=257MiB",
            "--max-depth=0",
            "--max-depth=501",
            "--max-csv-columns=1",
            "--max-csv-columns=16385",
            "--max-distinct=0",
            "--max-distinct=8193",
            "--max-findings=0",
            "--max-evidence=0",
            "--max-open-files=3",
        ] {
            assert!(parsed(&[flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn the_limit_of_open_files_is_the_one_in_force() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max cpu time              unlimited            unlimited            seconds   \n\
            Max open files            64                   524288               files     \n";

        assert_eq!(soft_limit_of_files(text), Some(64));
        assert_eq!(soft_limit_of_files("Max open files            unlimited            unlimited"), None);
        assert_eq!(soft_limit_of_files(""), None);
    }
}
