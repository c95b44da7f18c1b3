//! Whole files.

use std::path::Path;

use airside::finding::exceptions::Config;
use airside::format::{self, Recognised};
use airside::frame::{Framed, Framer, MAX_RECORD_BYTES};
use airside::identity::Inventory;
use airside::json::Tape;
use airside::lake::Streams;
use airside::pipeline::{self, Baseline, Cancel, Loaded, Quarantine, ReadOptions, Unwatched};
use airside::rule::{Problem, front_matter};
use airside::source;

/// Inventory says the same in any order, and said twice.
pub(super) fn inventory(bytes: &[u8]) {
    let mut framer = Framer::new(MAX_RECORD_BYTES);
    framer.push(bytes);
    framer.finish();
    let mut records = Vec::new();
    while let Some(framed) = framer.next_frame() {
        if let Framed::Record(frame) = framed {
            records.push(frame.text.to_owned());
        }
    }
    let mut tape = Tape::new();
    let mut all_of = |records: &mut dyn Iterator<Item = &String>| {
        let mut inventory = Inventory::default();
        for text in records {
            if tape.parse(text.as_bytes()).is_err() {
                continue;
            }
            let Some(root) = tape.root(text) else { continue };
            if let Recognised::Inventory(kind) = format::recognise(root) {
                inventory.add(kind, root, "inventory.json");
            }
        }
        inventory
    };
    let forwards = all_of(&mut records.iter());
    assert_eq!(forwards, all_of(&mut records.iter().rev()));
    assert_eq!(forwards, all_of(&mut records.iter().chain(&records)));
    let halves = records.split_at(records.len() / 2);
    let mut merged = all_of(&mut halves.1.iter());
    merged.merge(all_of(&mut halves.0.iter()));
    assert_eq!(forwards, merged);
}

fn with_dos_line_ends(text: &str) -> String {
    text.replace('\r', "").replace('\n', "\r\n")
}

/// A rule file says the same with Windows' line ends, and what is wrong with it lies in it.
pub(super) fn rule_head(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let text = text.replace('\r', "");
    let parsed = front_matter::parse("rule.sql", &text, None);
    if let Err(problems) = &parsed {
        let lines = text.lines().count().max(1);
        assert!(!problems.is_empty());
        assert!(
            problems.iter().all(|problem: &Problem| problem.line.is_none_or(|line| line <= lines + 1)),
            "{problems:?}"
        );
    }
    let dos = front_matter::parse("rule.sql", &with_dos_line_ends(&text), None);
    match (parsed, dos) {
        (Ok(unix), Ok(dos)) => assert_eq!(format!("{:?}", unix.head), format!("{:?}", dos.head)),
        (Err(unix), Err(dos)) => assert_eq!(unix, dos),
        (unix, dos) => panic!("{unix:?} is {dos:?} with other line ends"),
    }
}

/// A configuration is read, or the message says where and what; line ends change neither.
pub(super) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let text = text.replace('\r', "");
    match Config::parse("airside.toml", &text) {
        Ok(_) => {}
        Err(error) => assert!(error.to_string().starts_with("airside.toml"), "{error}"),
    }
    let unix = Config::parse("airside.toml", &text).is_ok();
    assert_eq!(unix, Config::parse("airside.toml", &with_dos_line_ends(&text)).is_ok());
}

/// A baseline is written as it was read.
pub(super) fn baseline(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = Baseline::parse("baseline", text) else { return };
    let written = read.to_text().expect("a baseline can be written");
    assert_eq!(Baseline::parse("baseline", &written).expect("what we wrote"), read);
}

/// Reads the file with these options.
fn read(file: &Path, options: &ReadOptions) -> (Loaded, Vec<u8>) {
    let name = file.to_str().expect("a name in UTF-8").to_owned();
    let listing = source::list(&[name], &source::ListOptions::default()).expect("the file is there");
    let mut written = Vec::new();
    let mut quarantine = Quarantine::new(Some(&mut written));
    let loaded = pipeline::read(listing, options, &mut quarantine, &Unwatched, &Cancel::default());
    (loaded.expect("bad input is normal input"), written)
}

/// Any file is read to the same counts by every reader, and they add up. Compressed ones as well.
pub(super) fn objects(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("object");
    std::fs::write(&file, bytes).expect("a file");
    let general = ReadOptions { by_members: false, threads: 1, ..ReadOptions::default() };
    let (expected, quarantine) = read(&file, &general);
    let records = expected.coverage.records;
    assert_eq!(records.read, records.events + records.duplicates + records.skipped + records.rejected);
    let Streams::Memory(streams) = &expected.streams else { panic!("events went to disk") };
    let rows: usize = streams.iter().flatten().map(arrow::record_batch::RecordBatch::num_rows).sum();
    assert_eq!(rows as u64, records.events);
    assert_eq!(expected.coverage.objects.read + expected.coverage.objects.failed, 1);

    let blocks = ReadOptions { threads: 2, block_bytes: 64, chunk_bytes: 37, ..ReadOptions::default() };
    let (got, quarantine_of_blocks) = read(&file, &blocks);
    assert_eq!(expected.coverage, got.coverage);
    assert_eq!(quarantine, quarantine_of_blocks);
}
