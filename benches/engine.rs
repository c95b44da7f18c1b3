//! Throughput of every stage, in bytes or events a second.
//!
//! `cargo bench` runs all of it; `cargo bench -- frame` a part. The tenant is synthetic and the same
//! in every run (see `engine/synthetic.rs`); the decoders run over the records in `sample-logs/`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a benchmark that cannot go on has nothing better to do than to panic"
)]

#[path = "engine/synthetic.rs"]
mod synthetic;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use airside::event::{Address, EventBuilder, Scratch};
use airside::finding::exceptions::Exceptions;
use airside::format::{self, Recognised};
use airside::frame::{Framed, Framer, MAX_RECORD_BYTES};
use airside::json::Tape;
use airside::lake;
use airside::pipeline::{self, Analysis, Cancel, Loaded, Quarantine, Questions, ReadOptions, Unwatched};
use airside::rule::load::{Library, Selection};
use airside::{rule, source};
use arrow::record_batch::RecordBatch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use synthetic::{Numbers, Writer};

/// Bytes of input for the stages that work on one buffer.
const BUFFER_BYTES: usize = 8 << 20;

/// Events of the tenant that the rules run over.
const RULE_EVENTS: u64 = 1_000_000;

/// Events of the tenant that is scanned from end to end.
const SCAN_EVENTS: u64 = 200_000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Lines of one synthetic source, [`BUFFER_BYTES`] of them.
fn lines(write: Writer) -> String {
    let mut numbers = Numbers::new(1);
    let mut text = String::new();
    for index in 0.. {
        write(index, &mut numbers, &mut text);
        if text.len() >= BUFFER_BYTES {
            break;
        }
    }
    text
}

/// Cuts a buffer into records and hands each one on; returns how many there were.
fn each_record(bytes: &[u8], mut record: impl FnMut(&str, &mut Tape)) -> u64 {
    let mut framer = Framer::new(MAX_RECORD_BYTES);
    let mut records = 0;
    let mut drain = |framer: &mut Framer| {
        while let Some(framed) = framer.next_frame() {
            if let Framed::Record(frame) = framed {
                records += 1;
                record(frame.text, frame.tape);
            }
        }
    };
    for chunk in bytes.chunks(pipeline::CHUNK_BYTES) {
        framer.push(chunk);
        drain(&mut framer);
    }
    framer.finish();
    drain(&mut framer);
    records
}

/// Frames, recognises, decodes and builds batches, as a reading thread does.
fn decode(bytes: &[u8]) -> Vec<RecordBatch> {
    let mut builder = EventBuilder::default();
    let mut scratch = Scratch::default();
    let mut batches = Vec::new();
    each_record(bytes, |text, tape| {
        let Some(Recognised::Log(format)) = tape.root(text).map(format::recognise) else { return };
        format.expand(text, tape);
        scratch.clear();
        if let Some(Ok(row)) = tape.root(text).map(|root| format.decode(root, &scratch)) {
            let address = Address { object: "bench", offset: 0, length: text.len() as u64, in_block: None };
            builder.append(&row, &address, |hasher| {
                hasher.update(text.as_bytes());
            });
        }
        if builder.is_full() {
            batches.push(builder.finish().unwrap());
        }
    });
    batches.push(builder.finish().unwrap());
    batches
}

fn frame(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    let activity = lines(synthetic::activity);
    let array = format!("[{}]", activity.trim_end().replace('\n', ","));
    for (name, text) in [("json lines", &activity), ("json array", &array)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| each_record(text.as_bytes(), |_, _| {})));
    }
    group.finish();
}

fn decode_synthetic(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let sources: [(&str, Writer); 4] = [
        ("activity archive", synthetic::activity),
        ("sign-in archive", synthetic::signin),
        ("storage archive", synthetic::storage),
        ("key vault archive", synthetic::key_vault),
    ];
    for (name, write) in sources {
        let text = lines(write);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(decode(text.as_bytes()))));
    }
    group.finish();
}

/// Every folder of `sample-logs/` whose files are plain text, its first file repeated.
fn decode_samples(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode sample");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let mut folders: Vec<PathBuf> = fs::read_dir(samples).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        if ["tenant", "inventory", "not_ours", "malformed", "compressed", "utf16"].contains(&name) {
            continue;
        }
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let Some(text) = files.iter().find_map(|file| fs::read_to_string(file).ok()) else { continue };
        // JSON documents may follow each other; of a CSV only the rows are repeated.
        let (head, body) = if text.trim_start_matches('\u{feff}').starts_with(['{', '[']) {
            ("", text.as_str())
        } else {
            text.split_at(text.find('\n').map_or(0, |at| at + 1))
        };
        let repeats = (1 << 20) / body.len().max(1) + 1;
        let mut text = head.to_owned();
        for _ in 0..repeats {
            text.push_str(body.trim_start_matches('\u{feff}'));
            text.push('\n');
        }
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(decode(text.as_bytes()))));
    }
    group.finish();
}

/// A tenant on disk, read and classified.
fn load(folder: &Path) -> Loaded {
    let listing = source::list(&[folder.to_str().unwrap().to_owned()], &source::ListOptions::default()).unwrap();
    let options = ReadOptions { memory_limit_bytes: 12 << 30, ..ReadOptions::default() };
    pipeline::read(listing, &options, &mut Quarantine::new(None), &Unwatched, &Cancel::default()).unwrap()
}

fn classify(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    synthetic::write_tenant(folder.path(), 50_000);
    let loaded = load(folder.path());
    let decoded = decode(lines(synthetic::storage).as_bytes());
    let resolved = lake::resolve(decoded, 1).unwrap().batches;
    let events: usize = resolved.iter().map(RecordBatch::num_rows).sum();
    let mut group = criterion.benchmark_group("classify");
    group.throughput(Throughput::Elements(events as u64));
    group.bench_function("storage", |bencher| {
        bencher.iter(|| resolved.iter().map(|batch| loaded.classifier.classify(batch).unwrap()).collect::<Vec<_>>());
    });
    group.finish();
}

fn analyse(loaded: Loaded, library: &Library, runtime: &tokio::runtime::Runtime) -> Analysis {
    let questions = Questions {
        lists: Vec::new(),
        baseline: None,
        rules: library.select(&Selection::default()).unwrap(),
        exceptions: Exceptions::new(Vec::new(), library).unwrap(),
        identities: false,
        matrix: false,
        activity: false,
        memory_limit_bytes: 12 << 30,
        threads: 2,
        limits: airside::limits::Limits::default(),
        rule_timeout: None,
    };
    runtime.block_on(pipeline::analyse(loaded, questions, &Unwatched, &Cancel::default())).unwrap()
}

fn rules(criterion: &mut Criterion) {
    let runtime = runtime();
    let library = runtime.block_on(rule::check::load(&[])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    synthetic::write_tenant(folder.path(), RULE_EVENTS);
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(RULE_EVENTS));
    group.sample_size(10);
    // Loading is not measured: a batch is loaded before each run.
    group.bench_function("all over a million events", |bencher| {
        bencher.iter_batched(
            || load(folder.path()),
            |loaded| analyse(loaded, &library, &runtime),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn end_to_end(criterion: &mut Criterion) {
    let runtime = runtime();
    let library = runtime.block_on(rule::check::load(&[])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bytes = synthetic::write_tenant(folder.path(), SCAN_EVENTS);
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("200,000 events from files to findings", |bencher| {
        bencher.iter(|| analyse(load(folder.path()), &library, &runtime));
    });
    group.finish();
}

criterion_group!(benches, frame, decode_synthetic, decode_samples, classify, rules, end_to_end);
criterion_main!(benches);
