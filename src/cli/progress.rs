//! Progress on standard error: a bar for people, lines of JSON for jobs.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;

use crate::cli::args::ProgressChoice;
use crate::error::RunError;
use crate::pipeline::Watch;
use crate::report::layout::{counted, number};

/// Time between two lines of JSON.
const JSON_INTERVAL: Duration = Duration::from_secs(1);

/// The first stage.
const READING: &str = "read";

/// How often the bar is drawn, per second.
const BAR_HERTZ: u8 = 8;

/// Counts how far a run is, from any thread, and shows it. Counting is a few atomic additions.
#[derive(Debug)]
pub struct Progress {
    counts: Arc<Counts>,
    total_bytes: u64,
    started: Instant,
    stage: Mutex<String>,
    shown: Shown,
}

/// What has been counted so far.
#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    records: AtomicU64,
    rejected: AtomicU64,
}

#[derive(Debug)]
enum Shown {
    Never,
    Bar(ProgressBar),
    Json(JsonLines),
}

/// Where lines of JSON go, and when the last one went.
struct JsonLines {
    started: Instant,
    /// Microseconds from `started` to the last line.
    last: AtomicU64,
    out: Mutex<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLines").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Progress {
    /// Begins. `total_bytes` is what the objects take in storage; 0 when that is not known.
    pub fn new(mode: ProgressChoice, total_bytes: u64) -> Self {
        let counts = Arc::new(Counts::default());
        let shown = match mode {
            ProgressChoice::Json => Shown::Json(JsonLines::to(Box::new(io::stderr()))),
            ProgressChoice::Auto if io::stderr().is_terminal() => Shown::Bar(bar(&counts, total_bytes)),
            ProgressChoice::Auto | ProgressChoice::Never => Shown::Never,
        };
        Self::shown_as(shown, counts, total_bytes)
    }

    fn shown_as(shown: Shown, counts: Arc<Counts>, total_bytes: u64) -> Self {
        Self { counts, total_bytes, started: Instant::now(), stage: Mutex::new(READING.to_owned()), shown }
    }

    /// Counts bytes taken from storage, before decompression.
    pub fn add(&self, stored_bytes: u64) {
        let bytes = self.counts.bytes.fetch_add(stored_bytes, Ordering::Relaxed).saturating_add(stored_bytes);
        match &self.shown {
            Shown::Never => {}
            Shown::Bar(bar) => bar.set_position(bytes),
            Shown::Json(lines) => {
                if lines.is_due() {
                    lines.write(&self.line(State::Running));
                }
            }
        }
    }

    /// Counts records read, and of these those rejected. Which of the others are events, and which of
    /// these the same, is known only at the end.
    pub fn note(&self, records: u64, rejected: u64) {
        self.counts.records.fetch_add(records, Ordering::Relaxed);
        self.counts.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// Says that reading is over and this is under way.
    pub fn stage_is(&self, name: &str) {
        name.clone_into(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner));
        match &self.shown {
            Shown::Never => {}
            Shown::Bar(bar) => bar.set_message(name.to_owned()),
            Shown::Json(lines) => {
                if lines.is_due() {
                    lines.write(&self.line(State::Running));
                }
            }
        }
    }

    /// Ends as the work did: takes the bar away, writes the last line.
    pub fn finish<T>(&self, work: &Result<T, RunError>) {
        let state = match work {
            Ok(_) => State::Done,
            Err(RunError::Interrupted { .. }) => State::Interrupted,
            Err(_) => State::Failed,
        };
        match &self.shown {
            Shown::Never => {}
            Shown::Bar(bar) => bar.finish_and_clear(),
            Shown::Json(lines) => lines.write(&self.line(state)),
        }
    }

    /// The counts as a line of JSON.
    fn line(&self, state: State) -> String {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let bytes = load(&self.counts.bytes);
        let pace = Pace::new(bytes, self.total_bytes, self.started.elapsed());
        let line = Line {
            progress: state.word(),
            stage: &self.stage.lock().unwrap_or_else(PoisonError::into_inner),
            bytes,
            total_bytes: self.total_bytes,
            records: load(&self.counts.records),
            rejected: load(&self.counts.rejected),
            bytes_per_second: pace.bytes_per_second,
            eta_seconds: match state {
                State::Running => pace.eta_seconds,
                State::Done => Some(0),
                State::Interrupted | State::Failed => None,
            },
        };
        // A line that cannot be made is no reason to stop.
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    }
}

impl Watch for Progress {
    fn read(&self, stored_bytes: u64) {
        self.add(stored_bytes);
    }

    fn decoded(&self, records: u64, rejected: u64) {
        self.note(records, rejected);
    }

    fn stage(&self, name: &str) {
        self.stage_is(name);
    }
}

/// A line of JSON. Field order is what other programs see.
#[derive(Serialize)]
struct Line<'a> {
    progress: &'static str,
    /// What is under way: `read`, `classify`, then the rules by id.
    stage: &'a str,
    bytes: u64,
    total_bytes: u64,
    records: u64,
    rejected: u64,
    /// Stored bytes a second since the start; null before the first second's worth is known.
    bytes_per_second: Option<u64>,
    /// Seconds until everything is read, at that pace; null where the total is not known.
    eta_seconds: Option<u64>,
}

/// How fast reading goes.
#[derive(Debug, PartialEq, Eq)]
struct Pace {
    bytes_per_second: Option<u64>,
    eta_seconds: Option<u64>,
}

impl Pace {
    fn new(bytes: u64, total_bytes: u64, elapsed: Duration) -> Self {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let bytes_per_second = bytes.saturating_mul(1000).checked_div(millis);
        let left = total_bytes.checked_sub(bytes).filter(|_| total_bytes > 0);
        let eta_seconds = left.zip(bytes_per_second).and_then(|(left, pace)| match (left, pace) {
            (0, _) => Some(0),
            (_, 0) => None,
            (left, pace) => Some(left.div_ceil(pace)),
        });
        Self { bytes_per_second, eta_seconds }
    }
}

#[derive(Clone, Copy)]
enum State {
    Running,
    Done,
    Interrupted,
    Failed,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }
}

impl JsonLines {
    fn to(out: Box<dyn Write + Send>) -> Self {
        Self { started: Instant::now(), last: AtomicU64::new(0), out: Mutex::new(out) }
    }

    /// Whether it is time for a line; of several threads that ask, one is told so.
    fn is_due(&self) -> bool {
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let interval = u64::try_from(JSON_INTERVAL.as_micros()).unwrap_or(u64::MAX);
        let last = self.last.load(Ordering::Relaxed);
        now.saturating_sub(last) >= interval
            && self.last.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn write(&self, line: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listens to progress any more: the run goes on.
        if out.write_all(line.as_bytes()).is_err() {
            *out = Box::new(io::sink());
        }
    }
}

/// A bar over bytes; a spinner where the total is not known.
fn bar(counts: &Arc<Counts>, total_bytes: u64) -> ProgressBar {
    let template = if total_bytes == 0 {
        "{spinner} {bytes} {bytes_per_sec} {counts}"
    } else {
        "{bar:30} {percent:>3}% {bytes}/{total_bytes} {bytes_per_sec} eta {eta} {counts}"
    };
    let shown = Arc::clone(counts);
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.with_key("counts", move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        // A bar that cannot be drawn is no reason to stop.
        out.write_str(&summary(&shown)).unwrap_or_default();
    });
    let bar = if total_bytes == 0 { ProgressBar::no_length() } else { ProgressBar::new(total_bytes) };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(BAR_HERTZ));
    bar.with_style(style)
}

/// Counts as the bar shows them.
fn summary(counts: &Counts) -> String {
    let mut text = counted(counts.records.load(Ordering::Relaxed), "record");
    let rejected = counts.rejected.load(Ordering::Relaxed);
    // Writing to a String cannot fail.
    if rejected > 0 && write!(text, ", {} rejected", number(rejected)).is_err() {
        text.clear();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitCode;

    /// Keeps what is written for the test to read.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn json_to(out: Box<dyn Write + Send>) -> Progress {
        Progress::shown_as(Shown::Json(JsonLines::to(out)), Arc::default(), 100)
    }

    #[test]
    fn counts_of_many_threads_add_up_in_the_last_line() {
        let kept = Kept::default();
        let progress = json_to(Box::new(kept.clone()));

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    progress.add(10);
                    progress.note(5, 1);
                });
            }
        });
        progress.stage_is("classify");
        progress.finish(&Ok(()));

        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let mut last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        last.as_object_mut().unwrap().remove("bytes_per_second").unwrap();
        assert_eq!(
            last,
            serde_json::json!({
                "progress": "done", "stage": "classify", "bytes": 40, "total_bytes": 100,
                "records": 20, "rejected": 4, "eta_seconds": 0,
            })
        );
    }

    #[test]
    fn the_pace_so_far_says_how_long_it_takes() {
        let pace = |bytes, total, millis| {
            let Pace { bytes_per_second, eta_seconds } = Pace::new(bytes, total, Duration::from_millis(millis));
            (bytes_per_second, eta_seconds)
        };

        assert_eq!(pace(1000, 4000, 500), (Some(2000), Some(2)));
        assert_eq!(pace(1000, 3999, 2000), (Some(500), Some(6)));
        assert_eq!(pace(0, 4000, 500), (Some(0), None));
        assert_eq!(pace(0, 4000, 0), (None, None));
        assert_eq!(pace(1000, 0, 500), (Some(2000), None));
        assert_eq!(pace(4000, 4000, 500), (Some(8000), Some(0)));
        assert_eq!(pace(4001, 4000, 500).1, None);
    }

    #[test]
    fn a_closed_standard_error_does_not_stop_the_run() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let progress = json_to(Box::new(Closed));

        progress.finish(&Ok(()));
        progress.finish(&Ok(()));
    }

    #[test]
    fn the_last_line_says_how_it_ended() {
        for (work, expected) in [
            (Ok(()), "done"),
            (Err(RunError::Interrupted { code: ExitCode::Interrupted }), "interrupted"),
            (Err(RunError::usage("no such file".to_owned())), "failed"),
        ] {
            let kept = Kept::default();
            let progress = json_to(Box::new(kept.clone()));

            progress.finish(&work);

            let line: serde_json::Value = serde_json::from_slice(&kept.0.lock().unwrap()).unwrap();
            assert_eq!(line["progress"], expected);
            assert_eq!(line["eta_seconds"].is_null(), work.is_err());
        }
    }

    #[test]
    fn the_bar_shows_rejects_only_where_there_are_some() {
        let counts = Counts::default();
        counts.records.store(1500, Ordering::Relaxed);
        assert_eq!(summary(&counts), "1,500 records");

        counts.rejected.store(2, Ordering::Relaxed);
        assert_eq!(summary(&counts), "1,500 records, 2 rejected");
    }
}
