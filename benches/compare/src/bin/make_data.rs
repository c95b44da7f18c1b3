//! Makes the data of the comparison: a tenant of `airside generate`, diluted and roughened until it
//! flatters nobody.
//!
//! The tenant's own records stay, with what was planted in them. Around them, records of bystanders
//! are told again until the wanted size is reached: no two with the same ids. Records of both kinds
//! vary in the members that they have and in their order as those of real exports do; a share has
//! its keys permuted, another one escapes and letters beyond ASCII in its values.
//!
//! The same tenant, seed and flags give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use airside_compare::files::{Kind, LogFile, logs_of};
use airside_compare::layouts::{Layouts, layout};
use airside_compare::random::Random;
use airside_compare::records::{VARIANTS, escape, permute, vary};
use airside_compare::templates::{Names, Series, Truth, series_of};
use airside_compare::text::{HOUR, SECOND, Spelling, put_record, time_at};
use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Map, Value};

/// Records with permuted keys, of a thousand.
const PERMUTED_PER_MILLE: u64 = 50;

/// Records with escapes and letters beyond ASCII, of a thousand.
const ESCAPED_PER_MILLE: u64 = 20;

/// Size from which a small file is closed, in bytes: with the record that passes it, it has 4 KB.
const SMALL_BYTES: u64 = 3_300;

/// Level of gzip, that of the command without flags.
const GZIP_LEVEL: u32 = 6;

/// What to make of the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// JSON Lines.
    Plain,
    /// The same, compressed.
    Gzip,
    /// The keys of every record in any order.
    Shuffled,
    /// The same as plain in files of about 4 KB.
    Small,
}

/// Dilutes and roughens a tenant of `airside generate`, and prints as JSON what it made.
#[derive(Debug, Parser)]
struct Args {
    /// Folder that `airside generate` wrote, in the form of archives
    tenant: PathBuf,
    /// Folder to write to: empty, or not there yet
    target: PathBuf,
    /// What to make
    #[arg(long, value_enum, default_value_t = Mode::Plain)]
    mode: Mode,
    /// Size to reach, in bytes before compression
    #[arg(long, value_name = "BYTES")]
    size: u64,
    /// What chance begins with
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads to work with; they change nothing in what is made
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
}

/// What was made.
#[derive(Debug, Default, Serialize)]
struct Made {
    /// Log files.
    files: u64,
    /// Bytes of records, before compression.
    bytes: u64,
    /// Bytes of the files as they lie there.
    bytes_on_disk: u64,
    records: u64,
    /// By container.
    records_by_container: BTreeMap<String, u64>,
    /// Records of the tenant itself.
    records_of_tenant: u64,
    /// Records that name a Databricks identity: no fewer than DBMI and ADAC have.
    records_naming_databricks: u64,
    records_permuted: u64,
    records_escaped: u64,
    /// Different key layouts of the records whose keys were not permuted.
    layouts: usize,
    /// Of them, those that 90 % and 99 % of these records have.
    layouts_of_90_percent: usize,
    layouts_of_99_percent: usize,
    /// Share of these records that have the commonest layout.
    commonest_layout_share: f64,
    #[serde(skip)]
    seen: Layouts,
}

impl Made {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.bytes_on_disk += other.bytes_on_disk;
        self.records += other.records;
        for (container, records) in &other.records_by_container {
            *self.records_by_container.entry(container.clone()).or_default() += records;
        }
        self.records_of_tenant += other.records_of_tenant;
        self.records_naming_databricks += other.records_naming_databricks;
        self.records_permuted += other.records_permuted;
        self.records_escaped += other.records_escaped;
        self.seen.add(&other.seen);
    }
}

/// One hour of one resource.
struct Task<'s> {
    /// Folder of the hours, up to `/y=`.
    folder: String,
    /// `y=2026/m=05/d=04/h=08`.
    hour: String,
    /// The tenant's own file of that hour.
    own: Option<PathBuf>,
    /// What is told again, and how many bytes of it.
    series: Option<(&'s Series, u64)>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if fs::read_dir(&args.target).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty", args.target.display());
    }
    let truth = Truth::read(&args.tenant)?;
    let logs = logs_of(&args.tenant)?;
    let series = series_of(&truth, &logs)?;
    let tasks = plan(&args, &logs, &series);
    copy_inventory(&args)?;

    let databricks = Names::of(&truth, |who| who.stream != "other");
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Made::default());
    thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut own = Made::default();
            while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                write_hour(&args, task, &databricks, &mut own)?;
            }
            made.lock().map_err(|_| anyhow::anyhow!("another thread failed"))?.add(&own);
            Ok(())
        };
        let threads: Vec<_> = (0..args.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;

    let mut made = made.into_inner().map_err(|_| anyhow::anyhow!("a thread failed"))?;
    made.layouts = made.seen.distinct();
    made.layouts_of_90_percent = made.seen.needed_for(0.90);
    made.layouts_of_99_percent = made.seen.needed_for(0.99);
    made.commonest_layout_share = made.seen.commonest_share();
    println!("{}", serde_json::to_string_pretty(&made)?);
    Ok(())
}

/// Divides what is missing to the wanted size among the hours and series.
fn plan<'s>(args: &Args, logs: &[LogFile], series: &'s [Series]) -> Vec<Task<'s>> {
    let mut tasks: BTreeMap<(String, String), Task<'s>> = BTreeMap::new();
    let mut hours = BTreeSet::new();
    for file in logs {
        let Some((folder, time)) = file.name.split_once("/y=") else { continue };
        let hour = format!("y={}", time.split("/m=00/").next().unwrap_or_default());
        if file.container() == "insights-activity-logs" {
            hours.insert(hour.clone());
        }
        let task = Task { folder: folder.to_owned(), hour: hour.clone(), own: Some(file.path.clone()), series: None };
        tasks.insert((folder.to_owned(), hour), task);
    }
    let busy = |hour: &str| if ("h=07".."h=19").contains(&&hour[hour.len().saturating_sub(4)..]) { 3.0 } else { 1.0 };
    let all_hours: f64 = hours.iter().map(|hour| busy(hour)).sum();
    let all_series: f64 = series.iter().map(|series| series.weight).sum();
    let own: u64 = logs.iter().map(|file| file.bytes).sum();
    #[expect(clippy::cast_precision_loss, reason = "the size is reached about, not exactly")]
    let missing = args.size.saturating_sub(own) as f64;
    for one in series {
        for hour in &hours {
            let task = tasks.entry((one.folder.clone(), hour.clone())).or_insert_with(|| Task {
                folder: one.folder.clone(),
                hour: hour.clone(),
                own: None,
                series: None,
            });
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shares of a size are sizes")]
            let bytes = (missing * one.weight / all_series * busy(hour) / all_hours) as u64;
            task.series = Some((one, bytes));
        }
    }
    tasks.into_values().collect()
}

fn copy_inventory(args: &Args) -> Result<()> {
    let (from, to) = (args.tenant.join("inventory"), args.target.join("inventory"));
    fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Writes the records of one hour of one resource: the tenant's own among those told again.
fn write_hour(args: &Args, task: &Task<'_>, databricks: &Names, made: &mut Made) -> Result<()> {
    let container = task.folder.split('/').next().unwrap_or_default();
    let kind = Kind::of_container(container);
    let mut random = Random::named(args.seed, &format!("{}/{}", task.folder, task.hour));
    let own = match &task.own {
        Some(path) => fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => String::new(),
    };
    let mut own = own.lines();
    let mut own_left = own.clone().count() as u64;
    let wanted = task.series.map_or(0, |(_, bytes)| bytes);
    let begins = begins(&task.hour);
    let mut files = Files::new(args, task);
    let mut told_bytes = 0;
    loop {
        // Mixed evenly: an own record comes as often as its share of what is left.
        let left = wanted.saturating_sub(told_bytes);
        let (records, is_own) = if own_left > 0 && random.below(left / 2_000 + own_left) < own_left {
            own_left -= 1;
            let Some(line) = own.next() else { continue };
            made.records_of_tenant += 1;
            made.records_naming_databricks += u64::from(databricks.any_in(line.as_bytes()));
            let record: Map<String, Value> =
                serde_json::from_str(line).context("a record of the tenant is not JSON")?;
            (vec![record], true)
        } else if let Some((series, _)) = task.series.filter(|_| left > 0) {
            let share = i128::from(told_bytes) * i128::from(HOUR - 5 * SECOND) / i128::from(wanted.max(1));
            let jitter = i64::try_from(random.below(2_000_000)).unwrap_or(0);
            let at = begins + i64::try_from(share).unwrap_or(0) + jitter;
            (series.tell(at, &mut random)?, false)
        } else if own_left > 0 {
            continue;
        } else {
            break;
        };
        for mut record in records {
            let spelling = roughen(args.mode, kind, &mut record, &mut random, made);
            let length = files.put(&record, spelling)?;
            made.records += 1;
            *made.records_by_container.entry(container.to_owned()).or_default() += 1;
            made.bytes += length;
            told_bytes += if is_own { 0 } else { length };
        }
    }
    files.close()?;
    made.files += files.closed;
    made.bytes_on_disk += files.bytes_on_disk;
    Ok(())
}

/// Varies a record as all are varied; permutes and escapes its share.
fn roughen(mode: Mode, kind: Kind, record: &mut Map<String, Value>, random: &mut Random, sum: &mut Made) -> Spelling {
    vary(kind, record, random.skewed_index(VARIANTS), random);
    let mut spelling = Spelling::default();
    if random.per_mille(ESCAPED_PER_MILLE) {
        spelling = escape(kind, record, random);
        sum.records_escaped += 1;
    }
    // Drawn in every mode, so that all modes have the same records.
    let (is_permuted, mut order) = (random.per_mille(PERMUTED_PER_MILLE), Random::new(random.number()));
    if is_permuted || mode == Mode::Shuffled {
        permute(record, &mut order);
        sum.records_permuted += 1;
    } else {
        sum.seen.count(layout(record));
    }
    spelling
}

/// Beginning of an hour, from its folders.
fn begins(hour: &str) -> i64 {
    let part = |key: &str| hour.split('/').find_map(|part| part.strip_prefix(key)).unwrap_or_default();
    let text = format!("{}-{}-{}T{}:00:00", part("y="), part("m="), part("d="), part("h="));
    time_at(&text).map_or(0, |(at, ..)| at)
}

/// The file or, where they are small, the files of an hour.
struct Files<'a> {
    args: &'a Args,
    task: &'a Task<'a>,
    open: Option<(PathBuf, Output)>,
    open_bytes: u64,
    closed: u64,
    bytes_on_disk: u64,
    line: Vec<u8>,
}

enum Output {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl<'a> Files<'a> {
    fn new(args: &'a Args, task: &'a Task<'a>) -> Self {
        Self { args, task, open: None, open_bytes: 0, closed: 0, bytes_on_disk: 0, line: Vec::new() }
    }

    /// Writes a record, and returns its length with its line end.
    fn put(&mut self, record: &Map<String, Value>, spelling: Spelling) -> Result<u64> {
        self.line.clear();
        put_record(&mut self.line, record, spelling);
        self.line.push(b'\n');
        if self.open.is_none() {
            self.open = Some(self.create()?);
        }
        if let Some((path, output)) = &mut self.open {
            let written = match output {
                Output::Plain(file) => file.write_all(&self.line),
                Output::Gzip(file) => file.write_all(&self.line),
            };
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        let length = self.line.len() as u64;
        self.open_bytes += length;
        if self.args.mode == Mode::Small && self.open_bytes >= SMALL_BYTES {
            self.close()?;
        }
        Ok(length)
    }

    fn create(&self) -> Result<(PathBuf, Output)> {
        let path = self.args.target.join(self.name());
        let create = || -> Result<Output> {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
            let file = BufWriter::with_capacity(1 << 18, File::create_new(&path)?);
            Ok(match self.args.mode {
                Mode::Gzip => Output::Gzip(Box::new(GzEncoder::new(file, Compression::new(GZIP_LEVEL)))),
                Mode::Plain | Mode::Shuffled | Mode::Small => Output::Plain(file),
            })
        };
        let output = create().with_context(|| format!("cannot write {}", path.display()))?;
        Ok((path, output))
    }

    /// Small files lie one in a folder as all archives' do: minute after minute of resource after resource.
    fn name(&self) -> String {
        let Task { folder, hour, .. } = self.task;
        let end = if self.args.mode == Mode::Gzip { ".gz" } else { "" };
        let (resource, minute) = (self.closed / 60, self.closed % 60);
        let resource = if resource == 0 { String::new() } else { format!("-{resource:04}") };
        format!("{folder}{resource}/{hour}/m={minute:02}/PT1H.json{end}")
    }

    fn close(&mut self) -> Result<()> {
        if let Some((path, output)) = self.open.take() {
            let finish = || -> Result<u64> {
                let file = match output {
                    Output::Plain(file) => file,
                    Output::Gzip(encoder) => encoder.finish()?,
                };
                let file = file.into_inner()?;
                Ok(file.metadata()?.len())
            };
            self.bytes_on_disk += finish().with_context(|| format!("cannot write {}", path.display()))?;
            self.closed += 1;
            self.open_bytes = 0;
        }
        Ok(())
    }
}
