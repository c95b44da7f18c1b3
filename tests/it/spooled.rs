//! Events are the same in memory and on disk, and the same whichever of their columns are read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use airside::event::schema::ReadColumns;
use airside::finding::exceptions::Exceptions;
use airside::generate::{self, Compress, Form, Incidents, Inventory};
use airside::lake::store::read_table;
use airside::lake::{Streams, text_column};
use airside::pipeline::{self, Cancel, Quarantine, ReadOptions, Unwatched};
use airside::rule::load::Selection;
use airside::rule::run;
use airside::source;
use airside::sql::tables;
use arrow::array::{Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::physical_plan::collect;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};

use crate::fast_path::joined;
use crate::support::{assert_adds_up, files_below, library, root, runtime, scan, scan_for};

/// The columns whose texts are not needed where no query reads them.
const ON_DEMAND: [&str; 7] =
    ["operation_raw", "result_code", "user_agent", "request_body", "response_body", "token_uti", "token_hash"];

/// What reading gives, in an order that does not depend on where the events are.
struct Settled {
    is_on_disk: bool,
    /// By stream, sorted by uid.
    streams: Vec<Option<RecordBatch>>,
    coverage: airside::coverage::Coverage,
    identities: Vec<(&'static str, RecordBatch)>,
    quarantine: Vec<String>,
    /// The quarantine's bytes, and the uids of each stream, in the order in which they came.
    as_it_came: (Vec<u8>, Vec<Vec<String>>),
}

fn settle(path: &Path, options: &ReadOptions) -> Settled {
    let listing = source::list(&[path.to_str().unwrap().to_owned()], &source::ListOptions::default()).unwrap();
    let mut written = Vec::new();
    let mut quarantine = Quarantine::new(Some(&mut written));
    let loaded = pipeline::read(listing, options, &mut quarantine, &Unwatched, &Cancel::default()).unwrap();
    assert_adds_up(&loaded.coverage);
    let batches: Vec<Vec<RecordBatch>> = match &loaded.streams {
        Streams::Memory(streams) => streams.clone(),
        Streams::Files { files, .. } => {
            files.iter().map(|file| file.iter().flat_map(|file| rows(file)).collect()).collect()
        }
        #[cfg(feature = "lake")]
        Streams::Lake(_) => unreachable!("nothing was read from a lake"),
    };
    let mut quarantine: Vec<String> = String::from_utf8(written.clone()).unwrap().lines().map(str::to_owned).collect();
    quarantine.sort();
    Settled {
        is_on_disk: matches!(loaded.streams, Streams::Files { .. }),
        streams: batches.iter().map(|batches| joined(batches).map(|batch| by_uid(&batch))).collect(),
        coverage: loaded.coverage.clone(),
        identities: loaded.classifier.side_tables().unwrap(),
        quarantine,
        as_it_came: (written, batches.iter().map(|batches| batches.iter().flat_map(uids).collect()).collect()),
    }
}

fn uids(batch: &RecordBatch) -> Vec<String> {
    let uids = text_column(batch, "event_uid").unwrap();
    (0..batch.num_rows()).map(|row| uids.get(row).unwrap().to_owned()).collect()
}

fn rows(file: &Path) -> Vec<RecordBatch> {
    read_table(file).unwrap().map(Result::unwrap).collect()
}

fn by_uid(batch: &RecordBatch) -> RecordBatch {
    let uids = text_column(batch, "event_uid").unwrap();
    let mut order: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap()).collect();
    order.sort_by_key(|row| uids.get(*row as usize).unwrap());
    take_record_batch(batch, &UInt32Array::from(order)).unwrap()
}

/// Names the first column in which two results differ. Of columns in `unread` only where there is a
/// value counts.
fn assert_same(expected: &Settled, got: &Settled, unread: &[&str], what: &str) {
    for (expected, got) in expected.streams.iter().zip(&got.streams) {
        let (Some(expected), Some(got)) = (expected, got) else {
            assert_eq!(expected.is_some(), got.is_some(), "{what}");
            continue;
        };
        for (at, field) in expected.schema().fields().iter().enumerate() {
            let (expected, got) = (expected.column(at), got.column(at));
            if unread.contains(&field.name().as_str()) {
                assert_eq!(expected.logical_nulls(), got.logical_nulls(), "{what}: nulls of {}", field.name());
            } else {
                assert_eq!(expected, got, "{what}: {}", field.name());
            }
        }
    }
    assert_eq!(expected.coverage, got.coverage, "{what}");
    assert_eq!(expected.identities, got.identities, "{what}");
    assert_eq!(expected.quarantine, got.quarantine, "{what}");
}

/// With no memory for events, all of them go to disk.
fn on_disk(columns: ReadColumns) -> ReadOptions {
    ReadOptions { memory_limit_bytes: 0, columns, ..ReadOptions::default() }
}

fn hold(path: &Path) {
    let nothing = ReadColumns::of(&BTreeSet::new());
    let expected = settle(path, &ReadOptions::default());
    let name = path.display();

    let got = settle(path, &on_disk(ReadColumns::ALL));
    assert!(got.is_on_disk && !expected.is_on_disk);
    assert_same(&expected, &got, &[], &format!("{name} on disk"));
    let got = settle(path, &ReadOptions { columns: nothing, ..ReadOptions::default() });
    assert_same(&expected, &got, &ON_DEMAND, &format!("{name}, no columns"));
    let got = settle(path, &on_disk(nothing));
    assert_same(&expected, &got, &ON_DEMAND, &format!("{name} on disk, no columns"));
}

/// A copy of the sample tenant in which some records are there twice, some of them with another
/// principal.
#[test]
fn duplicates_and_conflicts_are_the_same_on_disk_and_without_columns() {
    let folder = tempfile::tempdir().unwrap();
    let texts =
        files_below(&root().join("sample-logs/tenant")).into_iter().filter_map(|path| fs::read_to_string(path).ok());
    for (number, text) in texts.enumerate() {
        fs::write(folder.path().join(format!("{number:03}.json")), &text).unwrap();
        if number % 3 == 0 {
            let changed = text.replace("a1000000-0000-4000-8000", "a1000000-0000-4000-8001");
            fs::write(folder.path().join(format!("again-{number:03}.json")), changed).unwrap();
        }
    }
    let coverage = settle(folder.path(), &ReadOptions::default()).coverage;
    assert!(coverage.records.duplicates > 50 && coverage.conflicting_duplicates > 5, "{coverage:?}");

    hold(folder.path());
    let first = settle(folder.path(), &on_disk(ReadColumns::ALL));
    let again = settle(folder.path(), &ReadOptions { threads: 4, ..on_disk(ReadColumns::ALL) });
    assert!(first.as_it_came == again.as_it_came, "events or quarantine come in another order");
}

#[test]
fn tenants_are_the_same_on_disk_and_without_columns() {
    hold(&root().join("sample-logs"));
    let folder = tempfile::tempdir().unwrap();
    let options = generate::Options {
        seed: 5,
        workspaces: 2,
        days: 3,
        events_per_day: 700,
        incidents: Incidents::all(),
        forms: Form::ALL.to_vec(),
        compress: Compress::Not,
        inventory: Inventory::Omit,
    };
    generate::generate(folder.path(), &options, &mut |_, _| {}).unwrap();
    hold(folder.path());
}

#[test]
fn a_few_rules_find_in_the_columns_that_they_read_what_all_rules_find() {
    let tenant = root().join("sample-logs/tenant");
    let all = library().select(&Selection::default()).unwrap();
    let expected = scan(&tenant, &ReadOptions::default()).findings;
    let empty = runtime().block_on(tables::empty_session()).unwrap();
    let mut left_out = 0;
    for rules in all.chunks(6) {
        let mut names = BTreeSet::new();
        for rule in rules {
            names.extend(runtime().block_on(run::columns_read(&empty, rule)).unwrap());
        }
        left_out += ON_DEMAND.iter().filter(|column| !names.contains(**column)).count();
        let options = ReadOptions { columns: ReadColumns::of(&names), ..ReadOptions::default() };
        let only: Vec<String> = rules.iter().map(|rule| rule.head.id.clone()).collect();
        let got = scan_for(&tenant, &options, &Selection { only: only.clone(), ..Selection::default() }).findings;

        let expected: Vec<_> = expected.iter().filter(|finding| only.contains(&finding.rule_id)).collect();
        assert_eq!(serde_json::to_string(&got).unwrap(), serde_json::to_string(&expected).unwrap(), "{only:?}");
    }
    assert!(left_out > 0, "every rule reads everything");
}

/// What the row groups' bloom filters did for a query over the events on disk: row groups that were
/// left out, and rows that were found.
fn asked(loaded: &pipeline::Loaded, query: &str) -> (usize, usize) {
    let exceptions = Exceptions::new(Vec::new(), library()).unwrap();
    runtime().block_on(async {
        let opened = pipeline::open(loaded, &exceptions, Vec::new(), 256 << 20, 1).await.unwrap();
        let plan = opened.ctx.sql(query).await.unwrap().create_physical_plan().await.unwrap();
        let found = collect(Arc::clone(&plan), opened.ctx.task_ctx()).await.unwrap();
        let mut left_out = 0;
        plan.apply(|node| {
            for metric in node.metrics().iter().flat_map(MetricsSet::iter) {
                if let MetricValue::PruningMetrics { name, pruning_metrics } = metric.value()
                    && name == "row_groups_pruned_bloom_filter"
                {
                    left_out += pruning_metrics.pruned();
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        (left_out, found.iter().map(RecordBatch::num_rows).sum())
    })
}

#[test]
fn row_groups_on_disk_that_lack_what_a_query_looks_for_are_left_out() {
    let path = root().join("sample-logs/tenant");
    let listing = source::list(&[path.to_str().unwrap().to_owned()], &source::ListOptions::default()).unwrap();
    let options = on_disk(ReadColumns::ALL);
    let loaded = pipeline::read(listing, &options, &mut Quarantine::new(None), &Unwatched, &Cancel::default()).unwrap();

    for (column, present, absent) in [
        ("correlation_id", "c0000000-0000-4000-8000-000000000135", "c0000000-0000-4000-8000-0000000001ff"),
        ("principal_id", "a1000000-0000-4000-8000-000000000001", "a1000000-0000-4000-8000-0000000000ff"),
        ("src_ip", "203.0.113.10", "203.0.113.1"),
    ] {
        let query = |value: &str| format!("SELECT event_uid FROM events WHERE {column} = '{value}'");
        let (left_out, found) = asked(&loaded, &query(absent));
        assert_eq!(found, 0, "{column}");
        assert!(left_out > 0, "{column}: no row group was left out");
        let (_, found) = asked(&loaded, &query(present));
        assert!(found > 0, "{column}: what is there was left out");
    }
}
