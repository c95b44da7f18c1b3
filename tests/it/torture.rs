//! Damaged copies of every sample and real export: nothing panics or hangs, every record is accounted
//! for, and what the damage did not touch is found.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use airside::pipeline::{Loaded, ReadOptions};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::support::{batches, files_below, is_full, peak_kib, read_with, real_logs, root, say};

/// Damaged files of a full run; a tenth of them otherwise.
const FILES: u64 = 100_000;

/// Bytes that end a line: a record has been touched where its end has.
const LINE_END_BYTES: usize = 2;

/// Longest time for one file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pseudo-random numbers, the same in every run (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// A file with the events that are in it.
struct Original {
    path: PathBuf,
    bytes: Vec<u8>,
    container: Container,
    /// Offset and length of each event's record, and its uid, in the order of the file.
    events: Vec<(Range<usize>, String)>,
    /// Regions of all records, events or not.
    records: Vec<Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Json,
    Csv,
    /// Of which no byte can be missing: UTF-16, Avro.
    Rigid,
    /// Whose records have no place among the stored bytes.
    Compressed,
}

/// Where events lie: object offsets and uids.
fn located(loaded: &Loaded) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    for batch in batches(loaded) {
        let column = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>();
        let uids = batch.column_by_name("event_uid").unwrap().as_string::<i32>();
        for row in 0..batch.num_rows() {
            let offset = usize::try_from(column("offset").value(row)).unwrap();
            let length = usize::try_from(column("length").value(row)).unwrap();
            found.push((offset..offset + length, uids.value(row).to_owned()));
        }
    }
    found.sort_by_key(|(range, uid)| (range.start, uid.clone()));
    found
}

fn options() -> ReadOptions {
    ReadOptions { threads: 1, ..ReadOptions::default() }
}

fn regions(bytes: &[u8]) -> Vec<Range<usize>> {
    use airside::frame::{Framed, Framer, MAX_RECORD_BYTES};
    let mut framer = Framer::new(MAX_RECORD_BYTES);
    framer.push(bytes);
    framer.finish();
    let mut regions = Vec::new();
    while let Some(framed) = framer.next_frame() {
        let place = match framed {
            Framed::Record(frame) => frame.place,
            Framed::Rejected(place, _) => place,
        };
        let start = usize::try_from(place.offset).unwrap();
        regions.push(start..start + usize::try_from(place.length).unwrap());
    }
    regions
}

fn container(bytes: &[u8]) -> Container {
    let begins = |magics: &[&[u8]]| magics.iter().any(|magic| bytes.starts_with(magic));
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if begins(&[b"\x1f\x8b", b"\x28\xb5\x2f\xfd"]) {
        Container::Compressed
    } else if begins(&[b"\xff\xfe", b"\xfe\xff", b"Obj\x01"]) {
        Container::Rigid
    } else if text.starts_with(b"{") || text.starts_with(b"[") {
        Container::Json
    } else {
        Container::Csv
    }
}

fn originals() -> Vec<Original> {
    let mut files = files_below(&root().join("sample-logs"));
    files.extend(real_logs().map(|folder| files_below(&folder)).unwrap_or_default());
    files.retain(|file| file.file_name().is_some_and(|name| name != "README.md" && name != "labels.toml"));
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        let events = located(&read_with(&path, &options()));
        Original { container: container(&bytes), records: regions(&bytes), path, bytes, events }
    };
    files.into_iter().map(read).collect()
}

/// A damaged copy, and which bytes of the original are not in it as they were.
struct Damaged {
    what: &'static str,
    bytes: Vec<u8>,
    touched: Vec<Range<usize>>,
}

/// Values that are put before another one, as a member of their own.
fn hostile_value(random: &mut Random) -> (&'static str, Vec<u8>) {
    let deep = *random.of(&[100, 130, 5_000, 40_000]);
    match random.below(6) {
        0 => ("deep nesting", [b"[".repeat(deep), b"]".repeat(deep)].concat()),
        1 => ("deep nesting without an end", b"{\"a\":".repeat(deep)),
        2 => ("a giant number", b"1e999999999".to_vec()),
        3 => ("a giant number", [b"9".repeat(deep), b".5".to_vec()].concat()),
        4 => ("a lone surrogate", br#""\ud800""#.to_vec()),
        _ => ("a lone surrogate", br#""\udc00\ud800x""#.to_vec()),
    }
}

impl Damaged {
    fn at(what: &'static str, bytes: Vec<u8>, touched: Range<usize>) -> Self {
        Self { what, bytes, touched: Vec::from([touched]) }
    }
}

fn damage(original: &Original, random: &mut Random) -> Damaged {
    let bytes = &original.bytes;
    if bytes.is_empty() {
        return Damaged::at("an empty file", Vec::new(), 0..0);
    }
    let at = random.below(bytes.len());
    let mut copy = bytes.clone();
    match random.below(10) {
        0 => {
            copy.truncate(at);
            Damaged::at("truncated", copy, at..bytes.len())
        }
        1 | 2 => {
            let near = at..(at + 1 + random.below(40)).min(bytes.len());
            for _ in 0..=random.below(8) {
                copy[near.start + random.below(near.len())] ^= 1 << random.below(8);
            }
            Damaged::at("flipped bits", copy, near)
        }
        3 => swapped_blocks(copy, random),
        4..=6 => with_another_member(copy, random),
        7 => {
            copy[at] = *random.of(&[0xff, 0xc0, 0x80, 0xed]);
            Damaged::at("invalid UTF-8", copy, at..at + 1)
        }
        8 => {
            copy.splice(at..at, std::iter::repeat_n(0, 1 + random.below(9)));
            Damaged::at("NULs", copy, at..at)
        }
        _ => mixed_line_ends(original, random),
    }
}

fn swapped_blocks(mut bytes: Vec<u8>, random: &mut Random) -> Damaged {
    let longest = 1 + random.below((bytes.len() / 2).clamp(1, 700));
    let (one, other) = (random.below(bytes.len()), random.below(bytes.len()));
    let (first, second) = (one.min(other), one.max(other));
    let length = longest.min(second - first).min(bytes.len() - second);
    for step in 0..length {
        bytes.swap(first + step, second + step);
    }
    Damaged { what: "swapped blocks", bytes, touched: vec![first..first + length, second..second + length] }
}

/// Puts something before a value somewhere: members of a name that is there already, or a hostile value.
fn with_another_member(mut bytes: Vec<u8>, random: &mut Random) -> Damaged {
    let colons: Vec<usize> = memchr::memchr_iter(b':', &bytes).collect();
    if colons.is_empty() {
        return Damaged { what: "nothing", bytes, touched: Vec::new() };
    }
    let at = *random.of(&colons) + 1;
    let (what, member) = if random.below(3) == 0 {
        let key = random.of(&["time", "category", "properties", "identity", "operationName", "records", "value"]);
        ("doubled keys", format!("0,\"{key}\":\"x\",\"{key}\":").into_bytes())
    } else {
        let (what, mut value) = hostile_value(random);
        value.extend_from_slice(b",\"k\":");
        (what, value)
    };
    bytes.splice(at..at, member);
    Damaged::at(what, bytes, at..at)
}

fn mixed_line_ends(original: &Original, random: &mut Random) -> Damaged {
    let mut bytes = Vec::with_capacity(original.bytes.len());
    for byte in &original.bytes {
        match (byte, random.below(3)) {
            (b'\n', 0) => bytes.extend_from_slice(b"\r\n"),
            (b'\n', 1) => bytes.extend_from_slice(b"\n\n"),
            _ => bytes.push(*byte),
        }
    }
    let what = "mixed line ends";
    match original.container {
        Container::Json | Container::Csv => Damaged { what, bytes, touched: Vec::new() },
        Container::Rigid | Container::Compressed => Damaged::at(what, bytes, 0..original.bytes.len()),
    }
}

/// How many brackets more are opened than closed in a part of a file.
fn brackets(original: &Original, part: &Range<usize>) -> isize {
    let bytes = original.bytes.get(part.clone()).unwrap_or_default();
    let steps = bytes.iter().map(|byte| match byte {
        b'{' | b'[' => 1,
        b'}' | b']' => -1,
        _ => 0,
    });
    steps.sum()
}

/// The uids that must still be there: of records that neither they nor their neighbours were touched.
fn untouched<'o>(original: &'o Original, damaged: &Damaged) -> BTreeSet<&'o str> {
    let records = &original.records;
    let first_hurt = damaged.touched.iter().map(|touched| touched.start).min().unwrap_or(usize::MAX);
    // The head of an envelope and the header of a CSV file give what follows its meaning.
    if records.first().is_none_or(|first| first_hurt < first.start) {
        return BTreeSet::new();
    }
    // Blocks that changed places leave as many brackets as there were: an element that lacks some in
    // one place ends where they are too many in the other.
    let is_array = original.bytes.get(..records[0].start).is_some_and(|head| head.contains(&b'['));
    let damage = match damaged.touched.as_slice() {
        [first, second] if is_array && brackets(original, first) != brackets(original, second) => {
            let to_the_other = first.start..second.end;
            vec![to_the_other]
        }
        ranges => ranges.to_vec(),
    };
    let touches = |range: &Range<usize>| {
        let end = range.end + LINE_END_BYTES;
        damage.iter().any(|damage| damage.start <= end && range.start <= damage.end)
    };
    let mut hurt: Vec<bool> = records.iter().map(touches).collect();
    // So does the head of an envelope between two records, up to the next such head.
    let mut is_headless = false;
    for (at, range) in records.iter().enumerate().skip(1) {
        let gap = records[at - 1].end..range.start;
        let has_head = original.bytes.get(gap.clone()).is_some_and(|between| between.contains(&b'['));
        if has_head {
            is_headless = damage.iter().any(|damage| damage.start <= gap.end && gap.start <= damage.end);
        }
        hurt[at] |= is_headless;
    }
    let quotes = |bytes: &[u8]| memchr::memchr_iter(b'"', bytes).count();
    let only_before = match original.container {
        Container::Json => false,
        // A quote more or less may begin a cell that goes on over the lines that follow.
        Container::Csv => quotes(&original.bytes) != quotes(&damaged.bytes),
        Container::Compressed => return BTreeSet::new(),
        Container::Rigid => true,
    };
    let is_whole = |range: &Range<usize>| {
        let at = records.partition_point(|record| record.start < range.start);
        let near = at.saturating_sub(1)..(at + 2).min(records.len());
        let is_near_hurt = hurt[near].iter().any(|hurt| *hurt);
        // The records of an Avro block all lie where it begins.
        let next = records.iter().map(|record| record.start).find(|start| *start > range.start);
        !is_near_hurt && (!only_before || next.is_some_and(|next| next < first_hurt))
    };
    original.events.iter().filter(|(range, _)| is_whole(range)).map(|(_, uid)| uid.as_str()).collect()
}

/// Reads one damaged copy; what is wrong with that, if something is.
fn torture(original: &Original, damaged: &Damaged, file: &Path) -> Result<(), String> {
    fs::write(file, &damaged.bytes).unwrap();
    let began = Instant::now();
    let loaded = read_with(file, &options());
    let took = began.elapsed();
    if took > PATIENCE {
        return Err(format!("took {took:?}"));
    }
    let found: BTreeSet<String> = located(&loaded).into_iter().map(|(_, uid)| uid).collect();
    let missing: Vec<_> = untouched(original, damaged).into_iter().filter(|uid| !found.contains(*uid)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{} untouched events are missing", missing.len())) }
}

#[test]
fn damaged_copies_are_accounted_for_and_untouched_records_are_found() {
    let originals = originals();
    assert!(originals.iter().map(|original| original.events.len()).sum::<usize>() > 400);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let count = if is_full() { FILES } else { FILES / 10 };
    let folder = tempfile::tempdir().unwrap();
    let run = |thread: u64| {
        let (mut failures, mut checked) = (Vec::new(), 0);
        for number in (thread..count).step_by(usize::try_from(threads).unwrap()) {
            let mut random = Random(number);
            let original = &originals[usize::try_from(number).unwrap() % originals.len()];
            let damaged = damage(original, &mut random);
            checked += untouched(original, &damaged).len();
            let file = folder.path().join(format!("damaged-{thread}"));
            if let Err(problem) = torture(original, &damaged, &file) {
                let touched = &damaged.touched;
                failures.push(format!("{number}: {} {} {touched:?}: {problem}", original.path.display(), damaged.what));
            }
        }
        (failures, checked)
    };
    let done: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
    });
    let checked: usize = done.iter().map(|(_, checked)| checked).sum();
    let failures: Vec<_> = done.into_iter().flat_map(|(failures, _)| failures).collect();
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures[..failures.len().min(40)].join("\n"));
    // The samples alone have two for three files, with the real exports there are more.
    assert!(checked as u64 > count / 2, "{checked} untouched events in {count} files");
    say(&format!("{count} damaged files read, {checked} untouched events found in them"));
}

#[test]
fn a_folder_of_damaged_copies_is_scanned_within_the_memory_limit() {
    let originals = originals();
    let folder = tempfile::tempdir().unwrap();
    let count = if is_full() { FILES / 10 } else { FILES / 100 };
    for number in 0..count {
        let original = &originals[usize::try_from(number).unwrap() % originals.len()];
        let damaged = damage(original, &mut Random(FILES + number));
        fs::write(folder.path().join(format!("{number}")), damaged.bytes).unwrap();
    }
    let outputs = tempfile::tempdir().unwrap();
    let coverage = outputs.path().join("coverage.json");

    let mut scan = Command::new(env!("CARGO_BIN_EXE_airside"))
        .arg("scan")
        .arg(folder.path())
        .args(["--memory-limit", "256MiB", "--threads", "2", "--format", "json", "--coverage"])
        .arg(&coverage)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_kib(scan.id()).unwrap_or(0));
        if let Some(status) = scan.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };

    // Damaged archives cannot be read to their end: code 4.
    assert_eq!(status.code(), Some(4));
    let coverage: serde_json::Value = serde_json::from_slice(&fs::read(coverage).unwrap()).unwrap();
    let number = |pointer: &str| coverage.pointer(pointer).unwrap().as_u64().unwrap();
    assert_eq!(number("/objects/read") + number("/objects/failed"), count);
    let outcomes = ["events", "duplicates", "skipped", "rejected"];
    let sum: u64 = outcomes.iter().map(|outcome| number(&format!("/records/{outcome}"))).sum();
    assert_eq!(number("/records/read"), sum);
    say(&format!("{count} damaged files scanned, peak memory {} MiB", peak >> 10));
    assert!(peak << 10 < (256 << 20) * 115 / 100, "{} MiB", peak >> 10);
}
