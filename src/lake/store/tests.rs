use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::event::vocabulary::Form;
use crate::event::{Address, EventBuilder, Row, TextColumn};
use crate::lake::columns::numbers;
use crate::lake::text_column;
use crate::time::UtcMicros;

/// So many operations with two records each, and as many requests that were delivered twice.
fn records(count: i64) -> RecordBatch {
    records_of("a.json", count)
}

/// The same in this object: first copies at its begin, second copies behind them.
fn records_of(object: &str, count: i64) -> RecordBatch {
    let mut builder = EventBuilder::default();
    for number in 0..count {
        let correlation_id = format!("99999999-8888-4777-8666-{number:012}");
        for copy in 0..2 {
            for source in [LogSource::Activity, LogSource::Storage] {
                let mut row = Row::new(source, Form::Archive);
                // The records of an operation are seconds apart, the copies of a request are not.
                let later = if source == LogSource::Activity { copy } else { 0 };
                row.time = Some(UtcMicros(number * 60_000_000 + later * 1_000_000));
                row.set(TextColumn::CorrelationId, Some(&correlation_id));
                row.set(TextColumn::Operation, Some("a/b/write"));
                let address = Address { object, offset: copy.unsigned_abs(), length: 1, in_block: None };
                builder.append(&row, &address, |_| {});
            }
        }
    }
    builder.finish().unwrap()
}

/// In which files there are records of this operation or event.
fn files_of(paths: &[PathBuf]) -> BTreeMap<String, BTreeSet<usize>> {
    let mut files: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (at, path) in paths.iter().enumerate() {
        for batch in read_partition(path).unwrap() {
            let text = |name: &str, row: usize| text_column(&batch, name).unwrap().get(row).unwrap().to_owned();
            for row in 0..batch.num_rows() {
                let key = if text("source", row) == "activity" { "correlation_id" } else { "event_uid" };
                files.entry(text(key, row)).or_default().insert(at);
            }
        }
    }
    files
}

#[test]
fn a_partition_that_is_too_large_is_divided_and_what_belongs_together_stays_together() {
    let mut store = Store::new(0, 2, 2);
    store.push((0, 0, 0), records(500)).unwrap();
    let Partitions::Files(files) = store.finish().unwrap() else { panic!("there was no room in memory") };
    let files = PartitionFiles { pieces: 3, ..files };
    let whole = files_of(files.paths());

    assert!(files.are_too_large());
    let pieces: Vec<PathBuf> = files.paths().iter().flat_map(|path| files.divide(path).unwrap()).collect();

    let divided = files_of(&pieces);
    assert_eq!(pieces.len(), 6);
    assert_eq!(divided.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    assert_eq!(divided.len(), 1000);
    assert!(divided.values().all(|files| files.len() == 1));
    assert_eq!(divided.values().flatten().collect::<BTreeSet<_>>().len(), 6, "a piece has nothing");
    assert!(files.paths().iter().all(|path| !path.exists()));
}

#[test]
fn a_partition_is_read_in_order_of_its_places_whoever_wrote_first() {
    let read = |order: [&str; 2]| {
        let mut store = Store::new(0, 1, 2);
        for object in order {
            store.push((0, 0, 0), records_of(object, 4)).unwrap();
        }
        let Partitions::Files(files) = store.finish().unwrap() else { panic!("there was no room in memory") };
        let batches = read_partition(&files.paths()[0]).unwrap();
        let [batch] = batches.as_slice() else { panic!("there are {} batches", batches.len()) };
        batch.clone()
    };
    let batch = read(["b.json", "a.json"]);

    let objects = text_column(&batch, "object").unwrap();
    let offsets = numbers(&batch, "offset").unwrap();
    let places: Vec<(&str, i64)> =
        (0..batch.num_rows()).map(|row| (objects.get(row).unwrap(), offsets.value(row))).collect();
    let expected: Vec<(&str, i64)> =
        ["a.json", "b.json"].iter().flat_map(|object| (0..16).map(|row| (*object, row / 8))).collect();
    assert_eq!(places, expected);
    assert_eq!(read(["a.json", "b.json"]), batch);
}
