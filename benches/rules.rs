//! What each rule takes, and all of them together, over a generated tenant.
//!
//! `cargo bench --bench rules` generates ten million records into a temporary folder (16 GB), reads
//! them, and prints a table: every rule of every profile by itself, on one thread as in a scan, and
//! the whole rule book as a scan runs it. `cargo bench --bench rules -- FOLDER` takes the logs of a
//! folder instead, `-- --events N` another number of records.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing better to do than to panic")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use airside::finding::exceptions::{Config, Exceptions};
use airside::generate::{Compress, Form, Incidents, Inventory, Options, generate};
use airside::pipeline::{self, Baseline, Cancel, Loaded, Quarantine, Questions, ReadOptions, Unwatched};
use airside::rule::load::{Library, Selection};
use airside::rule::{self, Profile, Rule, params, run};
use airside::source;
use futures::StreamExt as _;
use tokio::runtime::Runtime;

/// Records of the generated tenant.
const RECORDS: u64 = 10_000_000;

/// Days that they are spread over: the longest of the incidents fits in.
const DAYS: u32 = 10;

/// Workspaces of the generated tenant.
const WORKSPACES: usize = 12;

/// Enough for ten million events in memory: what is measured are the rules, not temporary files.
const MEMORY_LIMIT_BYTES: usize = 20 << 30;

/// A rule that takes more than this share of the sum is marked.
const NOTED_SHARE: f64 = 0.1;

/// A list of allowed addresses, so that no rule lacks one.
const CONFIG: &str = "[network]\nallowed_ip = [\"203.0.113.0/24\"]\n";

fn main() {
    let (folder, _temporary) = folder();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let library = runtime.block_on(rule::check::shipped()).unwrap();
    let rules = library.select(&everything()).unwrap();

    let began = Instant::now();
    let loaded = read(&folder);
    let (seconds, records, bytes) =
        (began.elapsed().as_secs_f64(), loaded.coverage.records.read, loaded.coverage.bytes);
    let [by_members, known] =
        [loaded.reached.by_members, loaded.reached.known_layouts].map(|reached| reached as f64 / records as f64 * 1e2);
    let rate = bytes as f64 / seconds / 1e6;
    println!(
        "read {records} records in {seconds:.1} s, {rate:.0} MB/s, {by_members:.1} % of them by their members, \
         {known:.1} % by a layout that was known"
    );

    let baseline = each_alone(&runtime, &loaded, &rules);
    all_together(&runtime, loaded, &library, rules, baseline);
}

/// The folder to read, and what removes it afterwards.
fn folder() -> (PathBuf, Option<tempfile::TempDir>) {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let records = match arguments.next() {
        None => RECORDS,
        Some(flag) if flag == "--events" => arguments.next().unwrap().parse().unwrap(),
        Some(folder) => return (folder.into(), None),
    };
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        seed: 1,
        workspaces: WORKSPACES,
        days: DAYS,
        events_per_day: records / u64::from(DAYS),
        incidents: Incidents::all(),
        forms: vec![Form::Archive],
        compress: Compress::Not,
        inventory: Inventory::Export,
    };
    generate(folder.path(), &options, &mut |_, _| {}).unwrap();
    (folder.path().to_owned(), Some(folder))
}

fn everything() -> Selection {
    Selection { profiles: vec![Profile::Core, Profile::Hunting, Profile::Posture], ..Selection::default() }
}

fn read(folder: &Path) -> Loaded {
    let listing = source::list(&[folder.to_str().unwrap().to_owned()], &source::ListOptions::default()).unwrap();
    let options = ReadOptions { memory_limit_bytes: MEMORY_LIMIT_BYTES, ..ReadOptions::default() };
    pipeline::read(listing, &options, &mut Quarantine::new(None), &Unwatched, &Cancel::default()).unwrap()
}

/// Runs each rule by itself and prints what it took; returns a baseline that knows these events.
fn each_alone(runtime: &Runtime, loaded: &Loaded, rules: &[&Rule]) -> Baseline {
    let exceptions = Exceptions::default();
    let open = |lists| runtime.block_on(pipeline::open(loaded, &exceptions, lists, MEMORY_LIMIT_BYTES, 1)).unwrap();
    let without_lists = open(Vec::new());
    let baseline = runtime.block_on(Baseline::default().with_events(&without_lists.ctx)).unwrap();
    let opened = open(vec![("allowed_ip", allowed_ip()), ("baseline", baseline.table().unwrap())]);
    let events = loaded.coverage.records.events;
    let mut took: Vec<(&str, Duration, usize)> = rules
        .iter()
        .map(|rule| {
            let began = Instant::now();
            let rows = runtime.block_on(async {
                let mut evidence = run::stream(&opened.ctx, rule, &params::values(rule)).await.unwrap();
                let mut rows = 0;
                while let Some(batch) = evidence.next().await {
                    rows += batch.unwrap().num_rows();
                }
                rows
            });
            (rule.head.id.as_str(), began.elapsed(), rows)
        })
        .collect();
    took.sort_by_key(|(_, elapsed, _)| std::cmp::Reverse(*elapsed));
    let sum: f64 = took.iter().map(|(_, elapsed, _)| elapsed.as_secs_f64()).sum();
    println!("\n| rule | ms | share | M events/s | evidence rows |\n|---|---|---|---|---|");
    for (id, elapsed, rows) in took {
        let seconds = elapsed.as_secs_f64();
        let share = seconds / sum;
        let mark = if share > NOTED_SHARE { " !" } else { "" };
        let rate = events as f64 / seconds / 1e6;
        println!("| `{id}` | {:.0} | {:.1} %{mark} | {rate:.1} | {rows} |", seconds * 1e3, share * 1e2);
    }
    println!("\nsum of all rules, one after the other on one thread: {sum:.1} s");
    baseline
}

fn all_together(runtime: &Runtime, loaded: Loaded, library: &Library, rules: Vec<&Rule>, baseline: Baseline) {
    let events = loaded.coverage.records.events;
    let questions = Questions {
        lists: vec![("allowed_ip", allowed_ip())],
        baseline: Some(baseline),
        rules,
        exceptions: Exceptions::new(Vec::new(), library).unwrap(),
        identities: false,
        matrix: false,
        activity: false,
        memory_limit_bytes: MEMORY_LIMIT_BYTES,
        threads: 2,
        limits: airside::limits::Limits::default(),
        rule_timeout: None,
    };
    let began = Instant::now();
    let analysis = runtime.block_on(pipeline::analyse(loaded, questions, &Unwatched, &Cancel::default())).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let (findings, rate) = (analysis.findings.len(), events as f64 / seconds / 1e6);
    println!(
        "all rules as a scan runs them, on two threads: {seconds:.1} s, {rate:.2} M events/s, {findings} findings"
    );
    println!("not evaluable: {:?}", analysis.coverage.rules.not_evaluable);
    if let Some(peak) = peak_memory() {
        println!("peak memory of the whole process: {peak}");
    }
}

fn allowed_ip() -> arrow::record_batch::RecordBatch {
    Config::parse("airside.toml", CONFIG).unwrap().allowed_ip_table().unwrap()
}

/// The most memory that this process has held, as the kernel says it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|peak| peak.trim().to_owned())
}
