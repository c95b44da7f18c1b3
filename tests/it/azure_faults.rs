//! What networks, busy services and writers do while blobs are read: the result is the same, or the
//! object is named.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use airside::cancel::Cancel;
use airside::source::{self, ListOptions, Object, OpenOptions, Reader};
use airside::time::UtcMicros;

use crate::azure::{events, json, lines, read, read_within, record, scan};
use crate::azurite::{Container, azurite};
use crate::cli::{code, stderr, stdout};
use crate::fault_proxy::{Fault, FaultProxy};
use crate::support::{is_full, root};

/// Faults of a run when it is run in full.
const FAULTS: usize = 200;

/// Share of them otherwise.
const SHARE: usize = 5;

/// What goes wrong, one after the other.
const KINDS: [Fault; 9] = [
    Fault::Status(429, Some(("Retry-After", "1"))),
    Fault::Status(429, None),
    Fault::Status(500, Some(("Retry-After", "1"))),
    Fault::Status(500, None),
    Fault::Status(503, Some(("x-ms-retry-after-ms", "300"))),
    Fault::Status(503, None),
    Fault::Broken,
    Fault::Short,
    Fault::Broken,
];

/// Bytes of a range, as the source asks for them.
const RANGE: usize = 4 << 20;

/// More lines than fit into two ranges.
fn long() -> String {
    let count = 2 * RANGE / record(0).len() + 2_000;
    lines(0..count)
}

#[test]
fn a_run_with_many_faults_gives_what_one_without_gives() {
    let faults = if is_full() { FAULTS } else { FAULTS / SHARE };
    let container = azurite().container();
    let small = (0..faults).map(|number| (format!("small/{number:04}.json"), lines(number..number + 1).into_bytes()));
    container.put_all(small.collect());
    container.put_folder(&root().join("sample-logs/tenant"));
    container.put("large.json", long());
    let undisturbed = scan(&[&container.url("")]);
    let spoilt = Mutex::new(HashSet::new());
    let proxy = FaultProxy::start(azurite().port, move |asked| {
        let mut spoilt = spoilt.lock().unwrap();
        // What is asked for again is answered.
        if spoilt.len() == faults || !spoilt.insert(asked.line.to_owned()) {
            return None;
        }
        let kind = KINDS[spoilt.len() % KINDS.len()];
        // A listing that ends early is no XML, and no service sends one.
        Some(if asked.is_listing() && kind == Fault::Short { Fault::Broken } else { kind })
    });

    let disturbed = scan(&[&container.url_at(proxy.port, "")]);

    assert_eq!(code(&disturbed), 0, "{}", stderr(&disturbed));
    assert_eq!(stdout(&disturbed), stdout(&undisturbed));
    assert_eq!(proxy.faults(), faults);
    assert!(!json(&disturbed)["findings"].as_array().unwrap().is_empty());
}

#[test]
fn silence_is_cut_and_the_blob_resumed_where_it_stopped() {
    let container = azurite().container();
    container.put("a.json", lines(0..2_000));
    let fault = AtomicUsize::new(0);
    let proxy = FaultProxy::start(azurite().port, move |asked| {
        let is_first = asked.is_get_of("a.json") && fault.fetch_add(1, Ordering::Relaxed) == 0;
        is_first.then_some(Fault::Silent)
    });
    let begun = Instant::now();

    let coverage = read(&[&container.url_at(proxy.port, "")]).coverage;

    assert_eq!((coverage.records.events, coverage.failed.len()), (2_000, 0));
    assert_eq!(proxy.faults(), 1);
    let took = begun.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(30)).contains(&took), "{took:?}");
}

#[test]
fn a_service_that_stays_busy_costs_the_object_and_not_the_run() {
    let container = azurite().container();
    container.put("a.json", lines(0..3));
    container.put("b.json", lines(3..5));
    let refused = Fault::Status(503, Some(("Retry-After", "3600")));
    let proxy = FaultProxy::start(azurite().port, move |asked| asked.is_get_of("a.json").then_some(refused));

    let output = scan(&[&container.url_at(proxy.port, "")]);

    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let expected =
        format!("cannot read {}: storage account devstoreaccount1 did not answer", container.object("a.json"));
    assert!(stderr(&output).contains(&expected) && !stderr(&output).contains("sig="), "{}", stderr(&output));
    assert_eq!(events(&output), 2);
    assert_eq!(proxy.faults(), 1, "an hour is too long to wait for");
}

/// Changes a blob once, after its first range was read and before one of the others is. They are asked
/// for at once, in any order.
fn changed_after_first_range(container: Container, change: fn(&Container)) -> FaultProxy {
    let port = azurite().port;
    let is_changed = AtomicBool::new(false);
    FaultProxy::start(port, move |asked| {
        if asked.is_get_of("a.json") && !asked.is_for_start() && !is_changed.swap(true, Ordering::Relaxed) {
            asked.wait_for_start();
            change(&container);
        }
        None
    })
}

#[test]
fn an_append_while_a_blob_is_read_is_seen_next_time_and_never_torn() {
    let container = azurite().container();
    container.create_append("a.json");
    let text = long();
    for block in text.as_bytes().chunks(RANGE) {
        container.append("a.json", block);
    }
    let before = u64::try_from(text.lines().count()).unwrap();
    let same = Container { port: container.port, name: container.name.clone() };
    let proxy = changed_after_first_range(same, |container| container.append("a.json", lines(900_000..900_001)));

    let during = read(&[&container.url_at(proxy.port, "")]).coverage;
    let after = read(&[&container.url("")]).coverage;

    assert!(proxy.seen().iter().any(|(line, _)| line.starts_with("HEAD ")), "what was refused is looked at");
    assert_eq!(during.failed, []);
    assert_eq!((during.records.read, during.records.events), (before, before));
    assert_eq!((after.records.read, after.records.events), (before + 1, before + 1));
}

#[test]
fn a_blob_that_is_replaced_while_it_is_read_is_named() {
    let container = azurite().container();
    container.put("a.json", long());
    container.put("b.json", lines(900_000..900_003));
    let same = Container { port: container.port, name: container.name.clone() };
    let proxy = changed_after_first_range(same, |container| container.put("a.json", record(1)));

    let coverage = read(&[&container.url_at(proxy.port, "")]).coverage;

    let expected = format!("{}: was replaced while it was read; read it again", container.object("a.json"));
    assert_eq!(coverage.failed.iter().map(|failed| failed.reason.as_str()).collect::<Vec<_>>(), [expected]);
    assert_eq!((coverage.objects.read, coverage.objects.failed), (1, 1));
}

#[test]
fn a_blob_that_is_replaced_before_any_of_it_was_read_is_read_as_it_is() {
    let container = azurite().container();
    container.put("a.json", lines(0..3));
    let listing = source::list(&[container.url("")], &ListOptions::default()).unwrap();
    container.put("a.json", "{}");

    let (mut reader, mut chunk) =
        (Reader::open(&listing.objects[0], OpenOptions::default(), &Cancel::default()).unwrap(), [0; 100]);
    let again = Reader::open_again(&listing.objects[0], OpenOptions::default(), &Cancel::default());

    assert_eq!(reader.read(&mut chunk).unwrap(), 2);
    assert_eq!(reader.read(&mut chunk).unwrap(), 0);
    assert!(again.unwrap_err().to_string().ends_with("was replaced while it was read; read it again"));
}

#[test]
fn a_range_of_a_blob_and_the_rest_of_it_can_be_read_alone() {
    let container = azurite().container();
    container.create_append("a.json");
    container.append("a.json", "0123456789");
    let listing = source::list(&[container.url("")], &ListOptions::default()).unwrap();
    container.append("a.json", "later");
    let (object, cancel) = (&listing.objects[0], Cancel::default());

    assert_eq!(source::read_range(object, 2, 3, &cancel).unwrap(), b"234");
    assert_eq!(source::read_range(object, 8, 99, &cancel).unwrap(), b"89", "nothing beyond what was listed");
    assert_eq!(source::read_range(object, 10, 1, &cancel).unwrap(), b"");
    let (mut reader, mut chunk) =
        (Reader::open(&Object { start: 7, ..object.clone() }, OpenOptions::default(), &cancel).unwrap(), [0; 100]);
    assert_eq!(reader.read(&mut chunk).unwrap(), 3);
    assert_eq!(&chunk[..3], b"789");
}

#[test]
fn an_interrupted_run_does_not_wait_for_the_network() {
    let container = azurite().container();
    container.put("a.json", lines(0..3));
    let proxy = FaultProxy::start(azurite().port, |asked| asked.is_get_of("a.json").then_some(Fault::Mute));
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["scan", &container.url_at(proxy.port, "")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while proxy.faults() == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted = Instant::now();

    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();

    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(interrupted.elapsed() < Duration::from_secs(3), "{:?}", interrupted.elapsed());
}

/// Folders that were listed, and blobs that were read.
fn asked_for(proxy: &FaultProxy) -> Vec<String> {
    proxy.seen().into_iter().map(|(line, _)| line).collect()
}

#[test]
fn years_that_were_not_asked_for_are_not_listed() {
    let container = azurite().container();
    let folder = |day: &str, hour: u8| format!("resourceId=/SUBSCRIPTIONS/X/{day}/h={hour:02}/m=00/PT1H.json");
    let days = ["y=2019/m=05/d=04", "y=2026/m=04/d=30", "y=2026/m=05/d=04", "y=2026/m=05/d=05", "y=2026/m=05/d=20"];
    for (at, day) in days.into_iter().enumerate() {
        container.put(&folder(day, 10), record(at));
        container.put(&folder(day, 23), record(100 + at));
    }
    container.put("inventory/connectors.json", "[]");
    let proxy = FaultProxy::start(azurite().port, |_| None);

    let output = scan(&[
        &container.url_at(proxy.port, ""),
        "--since",
        "2026-05-04T10:00:00Z",
        "--until",
        "2026-05-04T11:00:00Z",
    ]);

    let asked = asked_for(&proxy);
    for absent in ["2019", "m%3D04", "d%3D20"] {
        assert!(!asked.iter().any(|line| line.contains(absent)), "{absent}: {asked:#?}");
    }
    // The day, the day after it with what came late, and what is undated.
    assert_eq!(json(&output)["coverage"]["objects"]["read"], 5, "{asked:#?}");
    let later = ListOptions { since: UtcMicros::parse("2030-01-01T00:00:00Z"), until: None };
    assert_eq!(read_within(&[&container.url("resourceId=")], &later).coverage.objects.read, 0);
}
