//! A query for one principal over a lake of 50 million events, with and without leaving out the files
//! and row groups that cannot have it.
//!
//! `cargo bench --all-features --bench lake -- [FOLDER] [EVENTS]`. The events are those of the sample
//! tenant over and over, each with a time and a uid of its own, done by one of 5,000 principals; they
//! are written as batches, not read from logs. FOLDER keeps the lake; without one it is temporary.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has nothing better to do than to panic"
)]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use airside::cancel::Cancel;
use airside::event::vocabulary::Stream;
use airside::lake::table::{Change, FILE_ROWS, Lake, LakeLocation, events_with_undo};
use airside::lake::{LakeFiles, Streams};
use airside::pipeline::{self, Quarantine, ReadOptions, Unwatched};
use airside::source::{self, ListOptions};
use airside::sql::session::{self, SessionOptions};
use airside::sql::tables::{EventTable, StreamTables, register_events};
use airside::time::UtcMicros;
use arrow::array::{Array, ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;

const EVENTS: usize = 50_000_000;
const PRINCIPALS: usize = 5_000;
const DAY: i64 = 86_400 * 1_000_000;
/// 2026-01-01T00:00:00Z.
const FIRST: i64 = 1_767_225_600 * 1_000_000;
const RUNS: usize = 5;

fn principal(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{:012x}", number * 7919)
}

/// Rows of one file, sorted as files are: every principal's together.
fn rows(template: &RecordBatch, day: i64, first: usize, count: usize) -> RecordBatch {
    let modulus = template.num_rows();
    let from = UInt32Array::from_iter_values((0..count).map(|row| u32::try_from(row % modulus).unwrap()));
    let mut batch = take_record_batch(template, &from).unwrap();
    let of = |row: usize| row * PRINCIPALS / count;
    let mut set = |name: &str, values: ArrayRef| {
        let at = batch.schema().index_of(name).unwrap();
        let mut columns = batch.columns().to_vec();
        columns[at] = cast(&values, batch.schema().field(at).data_type()).unwrap();
        batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    };
    let number = |row: usize| (first + row) as u128 * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    set("event_uid", Arc::new(StringArray::from_iter_values((0..count).map(|row| format!("{:032x}", number(row))))));
    set("principal_id", Arc::new(StringArray::from_iter_values((0..count).map(|row| principal(of(row))))));
    let step = DAY / i64::try_from(count).unwrap();
    let time = |row: usize| FIRST + day * DAY + i64::try_from(row).unwrap() * step;
    let times: TimestampMicrosecondArray = (0..count).map(|row| Some(time(row))).collect();
    set("time", Arc::new(times.with_timezone("UTC")));
    batch
}

/// The events of a stream of the sample tenant.
fn template(stream: Stream) -> RecordBatch {
    let tenant = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs/tenant").to_owned();
    let listing = source::list(&[tenant], &ListOptions::default()).unwrap();
    let mut quarantine = Quarantine::new(None);
    let options = ReadOptions::default();
    let loaded = pipeline::read(listing, &options, &mut quarantine, &Unwatched, &Cancel::default()).unwrap();
    let Streams::Memory(streams) = loaded.streams else { return RecordBatch::new_empty(events_with_undo()) };
    let batches = &streams[stream as usize];
    let events = concat_batches(&batches[0].schema(), batches).unwrap();
    let mut columns = events.columns().to_vec();
    columns.push(Arc::new(StringArray::new_null(events.num_rows())));
    RecordBatch::try_new(events_with_undo(), columns).unwrap()
}

async fn fill(lake: &mut Lake, events: usize) {
    let (mut written, mut day) = (0, 0);
    let templates = [Stream::Other, Stream::Dbmi, Stream::Adac].map(|stream| (stream, template(stream)));
    while written < events {
        let mut change = Change::default();
        // As in a tenant: most of what happens is done by others.
        for (stream, template) in templates.iter().cycle().take(4) {
            let count = FILE_ROWS.min(events - written);
            if count == 0 {
                break;
            }
            let date = UtcMicros(FIRST + day * DAY).date().to_string();
            let mut writer = lake.writer(*stream, &date, false).unwrap();
            writer.write(lake.store(), &rows(template, day, written, count)).await.unwrap();
            change.adds.extend(writer.finish(lake.store()).await.unwrap());
            written += count;
        }
        assert!(lake.commit(change).await.unwrap());
        day += 1;
    }
}

async fn count(lake: &Lake, condition: &str) -> i64 {
    let ctx = session::build(&SessionOptions { threads: 2, ..SessionOptions::default() }).unwrap();
    let of = |stream: Stream| {
        let files = lake.files().unwrap().into_iter().filter(|file| file.stream == stream).collect();
        EventTable::Lake(LakeFiles { location: lake.location().clone(), files, since: None, until: None })
    };
    let tables = StreamTables {
        dbmi: of(Stream::Dbmi),
        adac: of(Stream::Adac),
        other: of(Stream::Other),
        unattributed: of(Stream::Unattributed),
    };
    register_events(&ctx, tables).await.unwrap();
    let query = format!("SELECT COUNT(*), COUNT(DISTINCT op_class), MAX(time) FROM events WHERE {condition}");
    let found = session::plan_read_only(&ctx, &query).await.unwrap().collect().await.unwrap();
    found[0].column(0).as_any().downcast_ref::<Int64Array>().unwrap().value(0)
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let temporary = tempfile::tempdir().unwrap();
    let folder = arguments.next().map_or_else(|| temporary.path().join("lake"), PathBuf::from);
    let events = arguments.next().map_or(EVENTS, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let location = LakeLocation::parse(folder.to_str().unwrap()).unwrap();
    let mut lake = runtime.block_on(Lake::open_or_create(&location, UtcMicros(FIRST))).unwrap();
    if lake.files().unwrap().is_empty() {
        let start = Instant::now();
        runtime.block_on(fill(&mut lake, events));
        println!("{events} events written in {:.1} s", start.elapsed().as_secs_f64());
    }
    let files = lake.files().unwrap();
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    println!("{} files, {:.2} GB", files.len(), bytes as f64 / 1e9);
    let wanted = principal(PRINCIPALS / 2);
    for (name, condition) in [
        ("pruned", format!("principal_id = '{wanted}'")),
        // What is computed has no statistics.
        ("not pruned", format!("principal_id || '' = '{wanted}'")),
    ] {
        let mut seconds = Vec::new();
        let mut found = 0;
        for _ in 0..RUNS {
            let start = Instant::now();
            found = runtime.block_on(count(&lake, &condition));
            seconds.push(start.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        println!("{name}: {found} events in {:.3} s (median of {RUNS})", seconds[RUNS / 2]);
    }
}
