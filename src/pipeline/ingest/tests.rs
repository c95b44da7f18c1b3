use std::fs;

use tempfile::TempDir;

use super::*;
use crate::pipeline::Unwatched;
use crate::pipeline::quarantine::SHOWN;
use crate::pipeline::rejections::{HELD_BYTES, TOGETHER};
use crate::source::{ListOptions, list};

/// Rejected records of a file.
const OF_A_FILE: usize = 7_000;

const FILES: [&str; 3] = ["a.json", "b.json", "c.json"];

/// Files that are read in several blocks, in which every third record is rejected.
fn files() -> (TempDir, Vec<Object>) {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::write(folder.path().join(name), "{}\n1\n{}\n".repeat(OF_A_FILE)).unwrap();
    }
    let listing = list(&[folder.path().to_str().unwrap().to_owned()], &ListOptions::default()).unwrap();
    (folder, listing.objects)
}

fn options(threads: usize) -> ReadOptions {
    ReadOptions { threads, block_bytes: 9_000, chunk_bytes: 1_000, ..ReadOptions::default() }
}

fn parsed(written: &[u8]) -> Vec<Quarantined> {
    std::str::from_utf8(written).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_rejected_record_is_written_in_the_order_of_the_input_for_any_number_of_threads() {
    let (_folder, objects) = files();
    let mut expected: Option<Vec<u8>> = None;
    for threads in [1, 2, 5] {
        let mut written = Vec::new();
        let mut quarantine = Quarantine::new(Some(&mut written));
        let ingested = ingest(&options(threads), &objects, &mut quarantine, &Unwatched, &Cancel::default()).unwrap();

        assert_eq!(ingested.coverage.records.rejected, (FILES.len() * OF_A_FILE) as u64, "{threads} threads");
        let records = parsed(&written);
        assert_eq!(records.len(), FILES.len() * OF_A_FILE, "{threads} threads");
        for (number, record) in records.iter().enumerate() {
            let (file, number) = (number / OF_A_FILE, (number % OF_A_FILE) as u64);
            assert!(record.object.ends_with(FILES[file]), "{threads} threads: {record:?}");
            assert_eq!((record.offset, record.record), (8 * number + 3, Some(3 * number + 1)), "{threads} threads");
        }
        assert!(expected.get_or_insert_with(|| written.clone()) == &written, "{threads} threads");
    }
}

#[test]
fn without_a_quarantine_file_no_more_is_held_than_is_shown() {
    let (_folder, objects) = files();
    let (cancel, options) = (Cancel::default(), options(1));
    let units = units(&objects, &options);
    let (sender, receiver) = sync_channel(1_000);
    let rejections = Rejections::new(Quarantine::new(None).wanted());
    Worker::new(&options, &Unwatched, &cancel, sender, rejections).run(&units, &AtomicUsize::new(0));

    let (mut sent, mut rejected) = (BTreeMap::<Part, usize>::new(), 0);
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Rejected(part, records) => *sent.entry(part).or_default() += records.len(),
            Message::Done { tally, .. } => rejected += tally.coverage.records.rejected,
            Message::Batch(..) => {}
            Message::Failed(error) => panic!("{error}"),
        }
    }
    assert!(sent.len() > 2 * FILES.len(), "{sent:?}");
    assert!(sent.values().all(|sent| *sent == SHOWN), "{sent:?}");
    assert_eq!(rejected, (FILES.len() * OF_A_FILE) as u64);
}

#[test]
fn what_is_shown_and_counted_does_not_depend_on_a_quarantine_file() {
    let (_folder, objects) = files();
    let mut written = Vec::new();
    let mut with_file = Quarantine::new(Some(&mut written));
    let expected = ingest(&options(3), &objects, &mut with_file, &Unwatched, &Cancel::default()).unwrap();
    for threads in [1, 3] {
        let mut quarantine = Quarantine::new(None);
        let got = ingest(&options(threads), &objects, &mut quarantine, &Unwatched, &Cancel::default()).unwrap();

        assert_eq!(quarantine.shown(), with_file.shown(), "{threads} threads");
        assert_eq!(quarantine.shown().len(), SHOWN);
        assert_eq!(got.coverage, expected.coverage, "{threads} threads");
    }
}

/// Rejected records of a block.
const OF_A_BLOCK: u64 = 24 * TOGETHER as u64;

/// Says that a block rejected all of its records, whose names and offsets are the block's.
fn reject_all(collector: &mut Collector<'_, '_>, part: Part, is_last: bool) {
    let record = |number| Quarantined {
        object: format!("unit {}", part.unit),
        offset: part.block,
        length: 1,
        record: Some(number),
        reason: "not a JSON object".to_owned(),
        detail: None,
    };
    let mut tally = Tally::default();
    for first in (0..OF_A_BLOCK).step_by(TOGETHER) {
        let records: Vec<Quarantined> = (first..first + TOGETHER as u64).map(record).collect();
        for record in &records {
            tally.coverage.reject(&record.reason);
        }
        collector.rejected(part, records).unwrap();
    }
    collector.done(part, is_last, Box::new(tally)).unwrap();
}

/// The unit, block and number of each record.
fn places(written: &[u8]) -> Vec<(u64, u64, u64)> {
    let unit = |record: &Quarantined| record.object.strip_prefix("unit ").unwrap().parse().unwrap();
    parsed(written).iter().map(|record| (unit(record), record.offset, record.record.unwrap())).collect()
}

#[test]
fn what_was_rejected_before_its_turn_waits_beyond_what_memory_holds() {
    let mut written = Vec::new();
    let mut quarantine = Quarantine::new(Some(&mut written));
    let mut collector = Collector::new(&ReadOptions::default(), &mut quarantine);
    for unit in (0..3).rev() {
        for block in [1, 2, 0] {
            reject_all(&mut collector, Part { unit, block }, block == 2);
        }
    }
    assert!(collector.units.is_empty());

    assert!(written.len() > 2 * HELD_BYTES, "{}", written.len());
    let numbers = 0..3 * OF_A_BLOCK;
    let of_unit = |unit: u64| numbers.clone().map(move |number| (unit, number / OF_A_BLOCK, number));
    assert!(places(&written) == (0..3).flat_map(of_unit).collect::<Vec<_>>());
}

#[test]
fn blocks_after_a_wrong_cut_leave_nothing_in_the_quarantine() {
    let mut written = Vec::new();
    let mut quarantine = Quarantine::new(Some(&mut written));
    let mut collector = Collector::new(&ReadOptions::default(), &mut quarantine);
    // The unit after waits for all of this one.
    reject_all(&mut collector, Part { unit: 1, block: 0 }, true);
    reject_all(&mut collector, Part { unit: 0, block: 2 }, false);
    reject_all(&mut collector, Part { unit: 0, block: 1 }, true);
    reject_all(&mut collector, Part { unit: 0, block: 0 }, false);
    reject_all(&mut collector, Part { unit: 0, block: 3 }, true);
    let coverage = collector.ingested.coverage.clone();

    assert_eq!(coverage.records.rejected, 3 * OF_A_BLOCK);
    let of_first = (0..2 * OF_A_BLOCK).map(|number| (0_u64, number / OF_A_BLOCK, number));
    let of_second = (0..OF_A_BLOCK).map(|number| (1_u64, 0_u64, number));
    assert!(places(&written) == of_first.chain(of_second).collect::<Vec<_>>());
}
