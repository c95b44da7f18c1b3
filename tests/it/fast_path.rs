//! What makes reading fast does not show: records read by their members give the rows that the tape
//! gives, and neither blocks nor threads nor files change anything.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use airside::generate::{self, Compress, Incidents, Inventory};
use airside::lake::Streams;
use airside::limits::Limits;
use airside::pipeline::{self, Cancel, Quarantine, Quarantined, ReadOptions, Unwatched};
use airside::source;
use arrow::array::{Array, ArrayRef};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;

use crate::support::{assert_adds_up, files_below, folder, real_logs, root, scan};

/// Everything that reading gives: the events of every stream, row by row, what was counted, and
/// the quarantine as it was written.
#[derive(Debug, PartialEq)]
struct Everything {
    streams: Vec<Option<RecordBatch>>,
    coverage: airside::coverage::Coverage,
    identities: Vec<(&'static str, RecordBatch)>,
    rejected: Vec<Quarantined>,
    quarantine: String,
}

fn read(path: &Path, options: &ReadOptions) -> Everything {
    let listing = source::list(&[path.to_str().unwrap().to_owned()], &source::ListOptions::default()).unwrap();
    let mut written = Vec::new();
    let mut quarantine = Quarantine::new(Some(&mut written));
    let loaded = pipeline::read(listing, options, &mut quarantine, &Unwatched, &Cancel::default()).unwrap();
    assert_adds_up(&loaded.coverage);
    let Streams::Memory(streams) = &loaded.streams else { panic!("events went to disk") };
    Everything {
        streams: streams.iter().map(|batches| joined(batches)).collect(),
        coverage: loaded.coverage.clone(),
        identities: loaded.classifier.side_tables().unwrap(),
        rejected: loaded.rejected.clone(),
        quarantine: String::from_utf8(written).unwrap(),
    }
}

/// All batches as one, without dictionaries: these depend on what else a batch holds.
pub(crate) fn joined(batches: &[RecordBatch]) -> Option<RecordBatch> {
    let plain: Vec<RecordBatch> = batches.iter().map(without_dictionaries).collect();
    plain.first().map(|first| concat_batches(&first.schema(), &plain).unwrap())
}

fn without_dictionaries(batch: &RecordBatch) -> RecordBatch {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Dictionary(_, value) => cast(column, value).unwrap(),
            _ => Arc::clone(column),
        })
        .collect();
    let fields: Vec<Field> = batch
        .schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn by_tape() -> ReadOptions {
    ReadOptions { by_members: false, threads: 1, ..ReadOptions::default() }
}

/// Names the column and the first row in which two results differ.
fn assert_same(expected: &Everything, got: &Everything, what: &str) {
    for (stream, (expected, got)) in expected.streams.iter().zip(&got.streams).enumerate() {
        let (Some(expected), Some(got)) = (expected, got) else {
            assert_eq!(expected.is_some(), got.is_some(), "{what}: stream {stream}");
            continue;
        };
        assert_eq!(expected.num_rows(), got.num_rows(), "{what}: rows of stream {stream}");
        for (at, field) in expected.schema().fields().iter().enumerate() {
            let (expected, got) = (expected.column(at), got.column(at));
            for row in 0..expected.len() {
                let (expected, got) = (expected.slice(row, 1), got.slice(row, 1));
                assert_eq!(&expected, &got, "{what}: {} of row {row} of stream {stream}", field.name());
            }
        }
    }
    assert_eq!(expected.coverage, got.coverage, "{what}");
    assert_eq!(expected.rejected, got.rejected, "{what}");
    assert_eq!(expected.quarantine, got.quarantine, "{what}");
    assert_eq!(expected.identities, got.identities, "{what}");
}

fn folders(below: &Path) -> Vec<std::path::PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// Reads by the tape on one thread, and then in every other way.
fn hold(path: &Path) {
    let expected = read(path, &by_tape());
    for (threads, block_bytes) in [(1, 8 << 20), (2, 64), (3, 700), (8, 5_000)] {
        let options = ReadOptions { threads, block_bytes, ..ReadOptions::default() };
        let got = read(path, &options);
        assert_same(&expected, &got, &format!("{}, {threads} threads, blocks of {block_bytes}", path.display()));
    }
}

#[test]
fn every_sample_gives_the_same_by_members_in_blocks_and_with_any_number_of_threads() {
    for folder in folders(&root().join("sample-logs")) {
        hold(&folder);
    }
}

#[test]
fn every_real_export_gives_the_same_by_members_and_in_blocks() {
    if let Some(folder) = real_logs() {
        hold(&folder);
    }
}

#[test]
fn generated_tenants_give_the_same_by_members_and_in_blocks() {
    for (seed, compress) in [(1, Compress::Not), (2, Compress::Gzip)] {
        let folder = tempfile::tempdir().unwrap();
        let options = generate::Options {
            seed,
            workspaces: 2,
            days: 3,
            events_per_day: 700,
            incidents: Incidents::all(),
            forms: Vec::new(),
            compress,
            inventory: Inventory::Export,
        };
        generate::generate(folder.path(), &options, &mut |_, _| {}).unwrap();
        hold(folder.path());
    }
}

/// The lines of the sample tenant's archives.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for path in files_below(&root().join("sample-logs/tenant")) {
        if let Ok(text) = fs::read_to_string(path) {
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Lines are torn, joined and damaged at random; blocks end anywhere in them.
    #[test]
    fn damaged_files_give_the_same_however_they_are_cut(
        picks in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..14, any::<prop::sample::Index>()), 1..24),
        block_bytes in 40_usize..6_000,
        threads in 1_usize..4,
    ) {
        let lines = lines();
        let mut text = Vec::new();
        for (line, damage, at) in picks {
            let mut line = line.get(&lines).clone().into_bytes();
            let place = at.index(line.len().max(1));
            let mut end: &[u8] = b"\n";
            match damage {
                0 => line.truncate(place),
                1 => line.insert(place.min(line.len()), b'{'),
                2 => line.insert(place.min(line.len()), b'}'),
                3 => line.insert(place.min(line.len()), b'\n'),
                4 => end = b"",
                5 => end = b"\r\n",
                6 => line = [b"[", line.as_slice(), b",\n"].concat(),
                7 => line = [b"{\"records\":[", line.as_slice(), b"]}"].concat(),
                8 => line.insert(place.min(line.len()), 0xff),
                _ => {}
            }
            text.extend_from_slice(&line);
            text.extend_from_slice(end);
        }
        let folder = folder(&[("log.json", text)]);

        let expected = read(folder.path(), &by_tape());
        let got = read(folder.path(), &ReadOptions { threads, block_bytes, ..ReadOptions::default() });

        assert_same(&expected, &got, "damaged");
    }
}

/// Bodies are strings of JSON, which may be nested as deeply as records.
#[test]
fn json_in_strings_that_is_nested_too_deeply_is_left_alone_with_and_without_a_tape() {
    let assignment = r#"{\"properties\":{\"roleDefinitionId\":\"b7e6dc6d-f1e8-4753-8033-0f276bb0955b\",\"principalId\":\"d1d1d1d1-0000-4000-8000-000000000001\",\"x\":NESTED}}"#;
    let record = r#"{ "time": "2026-05-04T10:00:00Z", "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/PROVIDERS/MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/22222222-2222-4333-8444-555555555555", "operationName": "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE", "category": "Administrative", "resultType": "Start", "correlationId": "99999999-8888-4777-8666-555555555551", "identity": {}, "level": "Information", "properties": {"requestbody":"BODY"} }"#;
    let nested = format!("{}{}", "[".repeat(25), "]".repeat(25));
    let record = record.replace("BODY", &assignment.replace("NESTED", &nested));
    let folder = folder(&[("a.json", record)]);

    for (depth, is_read) in [(20, false), (40, true)] {
        let limits = Limits { depth, ..Limits::default() };
        let by_tape = read(folder.path(), &ReadOptions { limits, ..by_tape() });
        let by_members = read(folder.path(), &ReadOptions { limits, ..ReadOptions::default() });

        assert_same(&by_tape, &by_members, &format!("depth {depth}"));
        let events = by_members.streams.iter().flatten().next().unwrap();
        let has_role = events.column_by_name("role_id").unwrap().is_valid(0);
        assert_eq!(has_role, is_read, "depth {depth}");
    }
}

#[test]
fn findings_are_the_same_for_any_number_of_threads_and_any_block() {
    let tenant = root().join("sample-logs/tenant");
    let expected = serde_json::to_string(&scan(&tenant, &by_tape()).findings).unwrap();
    for threads in [1, 2, 8] {
        let options = ReadOptions { threads, block_bytes: 900 * threads, ..ReadOptions::default() };
        assert_eq!(serde_json::to_string(&scan(&tenant, &options).findings).unwrap(), expected, "{threads} threads");
    }
}

#[test]
fn records_of_archives_are_read_without_a_tape() {
    let folder = tempfile::tempdir().unwrap();
    let options = generate::Options {
        seed: 3,
        workspaces: 2,
        days: 2,
        events_per_day: 2_000,
        incidents: Incidents::all(),
        forms: vec![generate::Form::Archive],
        compress: Compress::Not,
        inventory: Inventory::Omit,
    };
    generate::generate(folder.path(), &options, &mut |_, _| {}).unwrap();
    let listing = source::list(&[folder.path().to_str().unwrap().to_owned()], &source::ListOptions::default()).unwrap();

    let options = ReadOptions::default();
    let loaded = pipeline::read(listing, &options, &mut Quarantine::new(None), &Unwatched, &Cancel::default()).unwrap();

    let of_archives = ["activity", "signin", "storage", "keyvault", "databricks"]
        .iter()
        .filter_map(|s| loaded.coverage.sources.get(*s));
    let of_archives: u64 = of_archives.map(|source| source.events).sum();
    assert!(of_archives > 1_000, "{of_archives}");
    // A duplicate is a record too; a key that is seen for the first time is no reason for a tape.
    let reached = loaded.reached;
    assert!(reached.by_members * 100 >= of_archives * 99, "{reached:?} of {of_archives}");
    // Every kind of record was seen before, but for the first ones of each thread.
    assert!(reached.known_layouts * 10 >= of_archives * 9, "{reached:?} of {of_archives}");
}
