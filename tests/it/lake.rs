//! A lake holds what reading everything at once would have given, however it came there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use airside::lake::table::{Change, DataFile, Lake, LakeLocation, News, Pending};
use airside::time::UtcMicros;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::outputs::python;
use crate::support::{is_full, root, runtime, say};

/// Runs that are killed: all of them with `AIRSIDE_FULL=1`, a share in CI.
const KILLED_RUNS: usize = 50;
const KILLED_RUNS_IN_CI: usize = 8;

/// Kills of the full count that must land between the first data file and the last commit.
const KILLS_BETWEEN: usize = 30;

fn open(lake: &Path) -> Lake {
    let location = LakeLocation::parse(path(lake)).unwrap();
    runtime().block_on(Lake::open(&location)).unwrap().unwrap()
}

fn rows(lake: &Lake, file: &DataFile) -> Vec<RecordBatch> {
    runtime().block_on(file.open(lake.store())).unwrap().events(None).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Every event with all its columns, by uid; the addresses relative to `base`.
fn events(lake: &Path, base: &Path) -> BTreeMap<String, Vec<String>> {
    let lake = open(lake);
    let mut events = BTreeMap::new();
    for file in lake.files().unwrap() {
        for batch in rows(&lake, &file) {
            let options = FormatOptions::default();
            let columns: Vec<_> =
                batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
            let names = batch.schema();
            for row in 0..batch.num_rows() {
                let text = |column: &ArrayFormatter<'_>| column.value(row).to_string().replace(path(base), "BASE");
                let row: Vec<String> = columns.iter().map(text).collect();
                let uid = row[names.index_of("event_uid").unwrap()].clone();
                assert_eq!(events.insert(uid, row), None, "an event is there twice");
            }
        }
    }
    events
}

#[track_caller]
fn assert_same(found: &BTreeMap<String, Vec<String>>, expected: &BTreeMap<String, Vec<String>>, lake: &Path) {
    let missing: Vec<_> = expected.keys().filter(|uid| !found.contains_key(*uid)).collect();
    let added: Vec<_> = found.keys().filter(|uid| !expected.contains_key(*uid)).collect();
    assert!(missing.is_empty() && added.is_empty(), "missing {missing:?}, too many {added:?}");
    let lake = open(lake);
    let files = lake.files().unwrap();
    let batches = rows(&lake, &files[0]);
    let schema = batches[0].schema();
    for (uid, row) in expected {
        for (at, value) in row.iter().enumerate() {
            assert_eq!(&found[uid][at], value, "column {} of event {uid}", schema.field(at).name());
        }
    }
}

fn ingest(lake: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["ingest", "--lake", path(lake), "--progress", "never"];
    all.extend(arguments);
    let output = airside(&all);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn assert_verified(lake: &Path) {
    let output = airside(&["lake", "verify", path(lake)]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

fn tenant() -> PathBuf {
    root().join("sample-logs/tenant")
}

/// A lake of the whole tenant, read at once.
fn whole() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("whole");
    ingest(&lake, &[path(&tenant())]);
    (folder, lake)
}

/// With one thread the rules run on a runtime of one.
#[test]
fn a_lake_gives_one_thread_the_findings_that_it_gives_several() {
    let (_folder, lake) = whole();

    let [one, several] =
        ["1", "4"].map(|threads| airside(&["scan", path(&lake), "--format", "ndjson", "--threads", threads]));

    assert_eq!(code(&one), 0, "{}", stderr(&one));
    // As many as the README's command finds in the logs.
    assert_eq!(stdout(&one).lines().count(), 31);
    assert_eq!(stdout(&one), stdout(&several));
}

#[test]
fn a_rule_is_explained_over_a_lake_as_over_the_logs() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    ingest(&lake, &["sample-logs/tenant"]);
    let findings = airside(&["scan", "sample-logs/tenant", "--only", "R01", "--format", "ndjson"]);
    let finding: Value = serde_json::from_str(stdout(&findings).lines().next().unwrap()).unwrap();
    let uid = finding["evidence"][0]["event_uid"].as_str().unwrap();

    let explained = ["sample-logs/tenant", path(&lake)].map(|read| airside(&["rules", "explain", "R01", uid, read]));

    for output in &explained {
        assert_eq!(code(output), 0, "{}", stderr(output));
    }
    let [logs, lake] = explained.map(|output| serde_json::from_str::<Value>(&stdout(&output)).unwrap());
    assert_eq!(logs["is_found"], true);
    for part in ["is_found", "event_uid", "not_evaluable", "steps"] {
        assert_eq!(lake[part], logs[part], "{part}");
    }
}

#[test]
fn rules_identities_and_matrix_say_of_a_lake_what_they_say_of_the_exports() {
    let (_folder, lake) = whole();
    for (command, lines) in [
        (&["scan", "--format", "ndjson"][..], 31),
        (&["identities", "--format", "ndjson"], 16),
        (&["matrix", "--format", "markdown"], 30),
    ] {
        let of_exports = airside(&[command, &[path(&tenant())]].concat());
        let of_lake = airside(&[command, &[path(&lake)]].concat());

        assert_eq!(stdout(&of_lake), stdout(&of_exports), "{command:?}");
        assert!(stdout(&of_lake).lines().count() >= lines, "{}", stdout(&of_lake));
    }
}

#[test]
fn what_is_unchanged_is_not_read_again() {
    let (_folder, lake) = whole();

    let again = ingest(&lake, &[path(&tenant())]);

    assert_eq!((&again["objects"]["read"], &again["objects"]["unchanged"]), (&0.into(), &177.into()));
    assert_eq!((&again["commits"], &again["records"]["read"]), (&0.into(), &0.into()));
}

/// The folders of the tenant, one after the other, the inventory last: what is Databricks' own is
/// learned after its events were written.
#[test]
fn logs_that_arrive_one_by_one_before_their_inventory_end_as_if_read_at_once() {
    let (folder, expected) = whole();
    let lake = folder.path().join("by-and-by");
    let mut parts: Vec<PathBuf> = fs::read_dir(tenant()).unwrap().map(|entry| entry.unwrap().path()).collect();
    parts.sort_by_key(|part| (part.ends_with("inventory"), std::cmp::Reverse(part.clone())));
    let mut reclassified = 0;
    for part in &parts {
        reclassified += ingest(&lake, &[path(part)])["reclassified"].as_u64().unwrap();
    }

    assert!(reclassified > 50, "{reclassified}");
    assert_same(&events(&lake, root()), &events(&expected, root()), &lake);
    assert_verified(&lake);
}

#[test]
fn many_small_commits_give_what_one_gives() {
    let (folder, expected) = whole();
    let lake = folder.path().join("many");

    let said = ingest(&lake, &[path(&tenant()), "--commit-bytes", "20KB"]);

    assert!(said["commits"].as_u64().unwrap() > 20, "{said}");
    assert_same(&events(&lake, root()), &events(&expected, root()), &lake);
}

#[test]
fn shards_share_the_work_and_leave_nothing_out() {
    let (folder, expected) = whole();
    let lake = folder.path().join("sharded");
    let read = |shard| ingest(&lake, &[path(&tenant()), "--shard", shard])["objects"]["read"].as_u64().unwrap();

    let each = ["1/3", "2/3", "3/3"].map(read);

    assert_eq!(each.iter().sum::<u64>(), 177);
    assert!(each.iter().all(|read| *read > 20), "{each:?}");
    assert_same(&events(&lake, root()), &events(&expected, root()), &lake);
}

/// Records of a real shape that differ in time and correlation id.
fn lines(numbers: std::ops::Range<u32>) -> String {
    let line = |number: u32| {
        format!(
            r#"{{ "time": "2026-05-04T10:{:02}:{:02}.1234567Z", "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG", "operationName": "MICROSOFT.RESOURCES/TAGS/WRITE", "category": "Administrative", "resultType": "Success", "correlationId": "99999999-8888-4777-8666-{number:012}", "level": "Information", "properties": {{}} }}"#,
            number / 60 % 60,
            number % 60,
        )
    };
    numbers.map(line).map(|line| line + "\r\n").collect()
}

#[test]
fn a_file_that_grew_is_read_on_from_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lake) = (folder.path().join("PT1H.json"), folder.path().join("lake"));
    fs::write(&file, lines(0..300)).unwrap();
    ingest(&lake, &[path(&file)]);

    fs::File::options().append(true).open(&file).unwrap().write_all(lines(300..310).as_bytes()).unwrap();
    let second = ingest(&lake, &[path(&file)]);

    assert_eq!(second["objects"]["grown"], 1);
    assert_eq!(second["records"]["read"], 10, "{second}");
    assert_eq!(second["bytes"].as_u64().unwrap(), lines(300..310).len() as u64);
    assert_eq!(events(&lake, folder.path()).len(), 310);
    let whole = folder.path().join("whole");
    ingest(&whole, &[path(&file)]);
    assert_same(&events(&lake, folder.path()), &events(&whole, folder.path()), &lake);
    assert_verified(&lake);
}

#[test]
fn a_file_that_was_replaced_is_reported_and_its_earlier_events_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lake) = (folder.path().join("PT1H.json"), folder.path().join("lake"));
    fs::write(&file, lines(0..100)).unwrap();
    ingest(&lake, &[path(&file)]);

    // One is shorter, the other longer than what was read.
    for (numbers, expected) in [(500..520, 120), (600..900, 420)] {
        fs::write(&file, lines(numbers)).unwrap();
        let said = ingest(&lake, &[path(&file)]);

        assert_eq!(said["objects"]["replaced"].as_array().unwrap().len(), 1, "{said}");
        assert_eq!(events(&lake, folder.path()).len(), expected);
        assert_verified(&lake);
    }
}

#[test]
fn events_of_a_file_that_broke_off_are_no_damage_before_and_after_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lake) = (folder.path().join("PT1H.json.gz"), folder.path().join("lake"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(lines(0..100).as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();

    let broken = airside(&["ingest", path(&file), "--lake", path(&lake)]);
    let read = events(&lake, folder.path()).len();
    assert!(code(&broken) != 0 && (1..100).contains(&read), "{read} {}", stderr(&broken));
    assert_verified(&lake);

    fs::write(&file, whole).unwrap();
    ingest(&lake, &[path(&file)]);
    assert_eq!(events(&lake, folder.path()).len(), 100);
    assert_verified(&lake);
}

#[test]
fn a_compressed_file_that_grew_is_read_again_and_adds_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lake) = (folder.path().join("PT1H.json.gz"), folder.path().join("lake"));
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    fs::write(&file, gzip(&lines(0..100))).unwrap();
    ingest(&lake, &[path(&file)]);
    fs::write(&file, [gzip(&lines(0..100)), gzip(&lines(100..130))].concat()).unwrap();

    let said = ingest(&lake, &[path(&file)]);

    assert_eq!((&said["records"]["events"], &said["records"]["duplicates"]), (&30.into(), &100.into()));
    assert_eq!(events(&lake, folder.path()).len(), 130);
}

#[test]
fn an_optimized_and_vacuumed_lake_has_the_same_events_in_fewer_files() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    ingest(&lake, &[path(&tenant()), "--commit-bytes", "100KB"]);
    let before = (events(&lake, root()), open(&lake).files().unwrap().len());

    let optimized = airside(&["lake", "optimize", path(&lake)]);
    let vacuumed = airside(&["lake", "vacuum", path(&lake), "--keep-days", "0"]);

    assert_eq!((code(&optimized), code(&vacuumed)), (0, 0), "{}{}", stderr(&optimized), stderr(&vacuumed));
    let files = open(&lake).files().unwrap().len();
    assert!(files == 8 && before.1 > 16, "{} files, then {files}", before.1);
    let on_disk = data_files(&lake).len();
    assert_eq!(on_disk, files, "vacuum deletes what no version of the last 0 days has");
    assert_same(&events(&lake, root()), &before.0, &lake);
    assert_verified(&lake);
    assert_eq!(ingest(&lake, &[path(&tenant())])["objects"]["unchanged"], 177);
}

#[test]
fn a_lake_and_the_logs_that_are_read_into_it_do_not_lie_in_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::write(logs.join("a.json"), lines(0..3)).unwrap();

    for lake in [logs.join("lake"), logs.clone(), folder.path().to_owned()] {
        let output = airside(&["ingest", path(&logs), "--lake", path(&lake)]);

        assert_eq!(code(&output), 3, "{}", lake.display());
        assert!(stderr(&output).contains("lie in each other"), "{}", stderr(&output));
        assert!(!lake.join("_delta_log").exists());
    }
    let beside = folder.path().join("lake");
    assert_eq!(ingest(&beside, &[path(&logs)])["records"]["events"], 3);
}

#[test]
fn a_lake_can_lie_in_a_folder_of_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("case #42 [x] 100% {a} ~ö").join("lake");
    ingest(&lake, &[path(&tenant())]);

    let output = airside(&["scan", path(&lake), "--format", "ndjson"]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 31);
    assert_verified(&lake);
}

/// Only the lake's own files are the lake's to delete.
#[test]
fn vacuum_leaves_everything_that_the_lake_did_not_write() {
    let (_folder, lake) = whole();
    let orphan = "stream=dbmi/event_date=2026-05-04/part-11111111-2222-4333-8444-555555555555.parquet";
    let others = [
        "exports/insights-logs-storageread/y=2026/m=05/d=04/h=08/m=00/PT1H.json",
        "airside.toml",
        "stream=dbmi/event_date=2026-05-04/findings.parquet",
        "stream=dbmi/notes.txt",
    ];
    for file in others.iter().chain([&orphan]) {
        fs::create_dir_all(lake.join(file).parent().unwrap()).unwrap();
        fs::write(lake.join(file), "x").unwrap();
    }
    // What is from this very second is kept.
    std::thread::sleep(Duration::from_secs(2));

    let vacuumed = airside(&["lake", "vacuum", path(&lake), "--keep-days", "0"]);

    assert_eq!(code(&vacuumed), 0, "{}", stderr(&vacuumed));
    assert!(!lake.join(orphan).exists(), "{}", stdout(&vacuumed));
    for file in others {
        assert!(lake.join(file).exists(), "{file} is gone");
    }
    assert_verified(&lake);
}

/// The answer to a commit can be lost after it counts, and others can have gone on from there since.
#[test]
fn files_of_a_commit_that_counts_stay_whatever_its_writer_heard() {
    let (_folder, lake) = whole();
    let (mut first, mut second) = (open(&lake), open(&lake));
    let file = first.files().unwrap().remove(0);
    let adds = runtime().block_on(async {
        let mut writer = first.writer(file.stream, &file.date, true).unwrap();
        for batch in file.open(first.store()).await.unwrap().events(None).unwrap() {
            writer.write(first.store(), &batch.unwrap()).await.unwrap();
        }
        writer.finish(first.store()).await.unwrap()
    });
    let written = lake.join(&adds[0].path);
    let change = || Change {
        adds: adds.clone(),
        removes: vec![first.remove(&file, true)],
        only_moves: true,
        ..Change::default()
    };
    let (of_first, of_second) = (change(), change());

    assert!(runtime().block_on(first.commit(of_first)).unwrap());
    assert!(runtime().block_on(second.commit(of_second)).unwrap(), "it counts already");

    assert!(written.exists());
    assert_verified(&lake);
}

/// A grant that an inventory states is older than any range.
/// What `--custody` recorded of a lake years ago has to be there to be compared.
#[test]
fn entries_of_the_log_stay_however_old_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("lake");
    let location = LakeLocation::parse(path(&place)).unwrap();
    let mut lake = runtime().block_on(Lake::open_or_create(&location, UtcMicros(0))).unwrap();
    // Delta's own writer makes a checkpoint after 100, and then deletes what is older than 30 days.
    for _ in 0..101 {
        assert!(runtime().block_on(lake.commit(Change::default())).unwrap());
    }
    let log = place.join("_delta_log");
    let entries = || fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect::<BTreeSet<_>>();
    let before = entries();
    assert!(before.iter().any(|entry| entry.to_string_lossy().contains(".checkpoint.")), "{before:?}");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(50 * 365 * 24);
    for entry in &before {
        fs::File::options().append(true).open(entry).unwrap().set_modified(long_ago).unwrap();
    }

    assert!(runtime().block_on(lake.commit(Change::default())).unwrap());

    assert!(entries().is_superset(&before));
}

#[test]
fn what_an_inventory_states_is_there_whatever_times_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    fs::create_dir(&logs).unwrap();
    let grant = r#"[{"id":"/subscriptions/11111111-2222-4333-8444-555555555555/providers/Microsoft.Authorization/roleAssignments/22222222-2222-4333-8444-555555555555","type":"Microsoft.Authorization/roleAssignments","principalId":"d1d1d1d1-0000-4000-8000-000000000001","principalType":"ServicePrincipal","roleDefinitionId":"/subscriptions/11111111-2222-4333-8444-555555555555/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635","scope":"/subscriptions/11111111-2222-4333-8444-555555555555","createdOn":"2024-03-01T10:00:00Z","updatedOn":"2024-03-01T10:00:00Z"}]"#;
    fs::write(logs.join("role-assignments.json"), grant).unwrap();
    fs::write(logs.join("a.json"), lines(0..30)).unwrap();
    ingest(&lake, &[path(&logs)]);

    let asked = [&logs, &lake].map(|read| {
        let sql = "SELECT source, count(*) AS n FROM events GROUP BY source ORDER BY source";
        stdout(&airside(&["sql", path(read), "--since", "2026-05-01", "-c", sql, "--format", "csv"]))
    });

    assert!(asked[0].contains("inventory,1"), "{}", asked[0]);
    assert_eq!(asked[1], asked[0]);
    assert_eq!(code(&airside(&["lake", "optimize", path(&lake)])), 0);
    assert_verified(&lake);
}

#[test]
fn a_lake_whose_events_are_still_to_be_classified_again_says_so() {
    let (_folder, lake) = whole();
    let mut opened = open(&lake);
    runtime().block_on(async {
        let ledger = opened.ledger().await.unwrap();
        let pending = Pending { all: true, ..Pending::default() };
        let news = News { inventory: ledger.inventory.clone(), totals: ledger.totals, pending, ..News::default() };
        let page = Some(ledger.page(news));
        assert!(opened.commit(Change { page, ..Change::default() }).await.unwrap());
    });

    let output = airside(&["scan", path(&lake), "--format", "ndjson"]);

    assert_eq!(code(&output), 4);
    assert_eq!(stdout(&output).lines().count(), 31);
    assert!(stderr(&output).contains("run airside ingest into it"), "{}", stderr(&output));
}

/// PowerShell appends in UTF-16, whose mark stands at the start of the file only.
#[test]
fn a_utf_16_file_that_grew_is_read_again_and_adds_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lake) = (folder.path().join("a.json"), folder.path().join("lake"));
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    fs::write(&file, [b"\xff\xfe".as_slice(), &utf_16(&lines(0..30))].concat()).unwrap();
    ingest(&lake, &[path(&file)]);
    fs::File::options().append(true).open(&file).unwrap().write_all(&utf_16(&lines(30..40))).unwrap();

    let said = ingest(&lake, &[path(&file)]);

    assert_eq!((&said["records"]["events"], &said["records"]["rejected"]), (&10.into(), &0.into()), "{said}");
    assert_eq!(events(&lake, folder.path()).len(), 40);
}

fn data_files(lake: &Path) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(lake).into_iter().filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    files.filter(|file| file.extension().is_some_and(|extension| extension == "parquet")).collect()
}

#[test]
fn verify_names_what_does_not_agree() {
    let (_folder, lake) = whole();
    fs::remove_file(&data_files(&lake)[0]).unwrap();

    let output = airside(&["lake", "verify", path(&lake)]);

    assert_eq!(code(&output), 5);
    assert!(stdout(&output).contains("is not there"), "{}", stdout(&output));
    assert!(stdout(&output).contains("the ledger counts 391"), "{}", stdout(&output));
}

#[test]
fn a_lake_is_read_alone_and_a_folder_that_is_none_is_named() {
    let (folder, lake) = whole();
    let both = airside(&["scan", path(&lake), path(&tenant())]);
    let none = airside(&["lake", "history", path(folder.path())]);
    let into_another = airside(&["ingest", path(&lake), "--lake", path(&folder.path().join("another"))]);
    let followed = airside(&["scan", path(&lake), "--follow"]);

    assert_eq!([&both, &none, &into_another, &followed].map(code), [3; 4]);
    assert!(stderr(&into_another).contains("is a lake itself"), "{}", stderr(&into_another));
    assert!(stderr(&both).contains("is a lake, which is read alone"), "{}", stderr(&both));
    assert!(stderr(&none).contains("is no lake"), "{}", stderr(&none));
}

#[test]
fn only_events_of_the_asked_times_are_looked_at() {
    let (_folder, lake) = whole();
    for range in [&["--since", "2026-05-05"][..], &["--until", "2026-05-04T12:00:00Z"]] {
        let of_lake = airside(&[&["scan", path(&lake), "--format", "ndjson"], range].concat());
        let of_exports = airside(&[&["scan", path(&tenant()), "--format", "ndjson"], range].concat());

        assert_eq!(stdout(&of_lake), stdout(&of_exports), "{range:?}");
        assert!(stdout(&of_lake).lines().count() > 1, "{range:?}");
    }
}

/// Python's `deltalake` counts with an implementation of its own what the log says of rows, and with
/// another Parquet reader what is in them. Its threads are not waited for: they now and then abort.
#[test]
fn another_implementation_reads_the_same_counts_by_stream_and_day() {
    let (_folder, lake) = whole();
    let script = "import sys, os, json, collections, deltalake\n\
        table = deltalake.DeltaTable(sys.argv[1]).to_pyarrow_table(columns=['stream', 'event_date'])\n\
        rows = zip(table['stream'].to_pylist(), table['event_date'].to_pylist())\n\
        print(json.dumps({f'{s} {d}': n for (s, d), n in collections.Counter(rows).items()}), flush=True)\n\
        os._exit(0)\n";
    let Some(python) = python() else { return };
    let output = Command::new(python).args(["-c", script, path(&lake)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: BTreeMap<String, u64> = serde_json::from_slice(&output.stdout).unwrap();

    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for file in open(&lake).files().unwrap() {
        let rows: usize = rows(&open(&lake), &file).iter().map(RecordBatch::num_rows).sum();
        *expected.entry(format!("{} {}", file.stream, file.date)).or_default() += rows as u64;
    }
    assert_eq!(found, expected);
}

fn start(lake: &Path, bytes: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["ingest", path(&tenant()), "--lake", path(lake), "--commit-bytes", bytes, "--progress", "never"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A generator of numbers that look random: the instants of kills differ, and can be had again.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn writers_that_are_killed_at_any_instant_and_resumed_lose_nothing_and_double_nothing() {
    let (folder, whole) = whole();
    let expected = events(&whole, root());
    let runs = if is_full() { KILLED_RUNS } else { KILLED_RUNS_IN_CI };
    let undisturbed = std::time::Instant::now();
    assert!(start(&folder.path().join("timed"), "40KB").wait().unwrap().success());
    let longest = u64::try_from(undisturbed.elapsed().as_millis()).unwrap();
    let (mut state, mut between) = (7, 0);
    for run in 0..runs {
        let lake = folder.path().join(format!("lake-{run}"));
        let writers = 1 + run % 2;
        let mut children: Vec<Child> = (0..writers).map(|_| start(&lake, "40KB")).collect();
        // Not before there is anything to lose, nor when all is done: a writer alone is quicker than two.
        std::thread::sleep(Duration::from_millis(longest / 10 + next(&mut state) % (longest * 6 / 10)));
        for child in &mut children {
            child.kill().ok();
            child.wait().unwrap();
        }
        let has_files = !data_files(&lake).is_empty();
        let location = LakeLocation::parse(path(&lake)).unwrap();
        let objects = runtime().block_on(async {
            match Lake::open(&location).await {
                Ok(Some(lake)) => lake.ledger().await.unwrap().objects.len(),
                _ => 0,
            }
        });
        let is_between = has_files && objects < 177;
        between += usize::from(is_between);
        say(&format!("run {run}: {writers} writers, {objects} of 177 objects committed, between: {is_between}"));

        let mut children: Vec<Child> = (0..writers).map(|_| start(&lake, "40KB")).collect();
        for child in &mut children {
            assert!(child.wait().unwrap().success(), "run {run}");
        }
        ingest(&lake, &[path(&tenant())]);
        assert_same(&events(&lake, root()), &expected, &lake);
        assert_verified(&lake);
        fs::remove_dir_all(&lake).unwrap();
    }
    let wanted = KILLS_BETWEEN * runs / KILLED_RUNS;
    say(&format!("{between} of {runs} kills landed between the first data file and the last commit"));
    assert!(between >= wanted, "{between} of {runs}, at least {wanted}");
}

#[test]
fn queries_and_raw_records_are_had_from_a_lake() {
    let (_folder, lake) = whole();
    let query = "SELECT event_uid, object, \"offset\", length FROM adac WHERE source = 'storage' ORDER BY time, event_uid LIMIT 3";

    let asked = airside(&["sql", path(&lake), "-c", query, "--format", "ndjson"]);

    assert_eq!(code(&asked), 0, "{}", stderr(&asked));
    let rows: Vec<Value> = stdout(&asked).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let shown = airside(&["show", row["event_uid"].as_str().unwrap(), path(&lake), "--raw"]);
        let bytes = fs::read(row["object"].as_str().unwrap()).unwrap();
        let start = usize::try_from(row["offset"].as_u64().unwrap()).unwrap();
        let length = usize::try_from(row["length"].as_u64().unwrap()).unwrap();

        assert_eq!(code(&shown), 0, "{}", stderr(&shown));
        assert_eq!(shown.stdout, bytes[start..start + length]);
    }
}

#[test]
fn an_ingest_of_some_hours_reads_their_objects_whole_and_leaves_the_others_for_later() {
    let (folder, expected) = whole();
    let lake = folder.path().join("by-hours");

    // The tenant's two days, with room for what came late: nothing of the second day is before this.
    let first = ingest(&lake, &[path(&tenant()), "--until", "2026-05-02T09:00:00Z"]);
    let rest = ingest(&lake, &[path(&tenant())]);

    let read = |said: &Value| said["objects"]["read"].as_u64().unwrap();
    assert!(read(&first) > 0 && read(&rest) > 0, "{first} {rest}");
    assert_eq!(read(&first) + read(&rest), 177);
    assert_same(&events(&lake, root()), &events(&expected, root()), &lake);
}
