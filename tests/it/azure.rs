//! Storage accounts as a source, against Azurite.

use std::io::Write as _;
use std::path::Path;
use std::process::Output;
use std::time::Instant;

use airside::cancel::Cancel;
use airside::pipeline::{self, Loaded, Quarantine, ReadOptions, Unwatched};
use airside::source::{self, Ahead, ListOptions, OpenOptions};

use serde_json::Value;

use crate::azurite::{Azurite, Container, azurite, sas};
use crate::cli::{airside, code, gzip, path, stderr, stdout};
use crate::fault_proxy::{Fault, FaultProxy};
use crate::support::{assert_adds_up, folder, is_full, root};

/// A record that no rule minds, with a correlation id of its own.
pub(crate) fn record(number: usize) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:15:30.1234567Z","resourceId":"/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG","operationName":"MICROSOFT.RESOURCES/TAGS/WRITE","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.OK","durationMs":"20","callerIpAddress":"203.0.113.9","correlationId":"99999999-8888-4777-8666-{number:012}","identity":{{"claims":{{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"ana@example.com"}}}},"level":"Information","properties":{{}}}}"#
    )
}

/// So many lines with different records.
pub(crate) fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| record(number) + "\n").collect()
}

/// Reads what URLs name, in this process; counts must add up.
pub(crate) fn read(arguments: &[&str]) -> Loaded {
    read_within(arguments, &ListOptions::default())
}

pub(crate) fn read_within(arguments: &[&str], options: &ListOptions) -> Loaded {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let listing = source::list(&arguments, options).unwrap();
    let mut quarantine = Quarantine::new(None);
    let loaded =
        pipeline::read(listing, &ReadOptions::default(), &mut quarantine, &Unwatched, &Cancel::default()).unwrap();
    assert_adds_up(&loaded.coverage);
    loaded
}

/// How many events URLs hold that can be read without a failure.
fn events_of(arguments: &[&str]) -> u64 {
    let coverage = read(arguments).coverage;
    assert_eq!(coverage.failed, []);
    coverage.records.events
}

pub(crate) fn scan(arguments: &[&str]) -> Output {
    airside(&[&["scan", "--format", "json"], arguments].concat())
}

pub(crate) fn json(output: &Output) -> Value {
    assert!([0, 4].contains(&code(output)), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).unwrap()
}

pub(crate) fn events(output: &Output) -> u64 {
    json(output)["coverage"]["records"]["events"].as_u64().unwrap()
}

/// Holds that a run named what it could not read, and showed no secret.
fn assert_failed(output: &Output, expected: &str) {
    assert_eq!(code(output), 4, "{}", stderr(output));
    assert!(stderr(output).contains(expected), "{}", stderr(output));
    for text in [stderr(output), stdout(output)] {
        assert!(!text.contains("sig=") && !text.contains("sv="), "{text}");
    }
}

#[test]
fn a_container_gives_what_the_same_files_give() {
    let tenant = root().join("sample-logs/tenant");
    let container = azurite().container();
    container.put_folder(&tenant);

    let blobs = scan(&[&container.url("")]);
    let files = scan(&[path(&tenant)]);

    assert_eq!(code(&blobs), code(&files), "{}", stderr(&blobs));
    let expected = stdout(&files).replace(&format!("{}/", path(&tenant)), &container.object(""));
    assert!(expected.contains(&container.object("insights-activity-logs/")));
    assert_eq!(stdout(&blobs), expected);
}

#[test]
fn a_manifest_has_the_etag_of_a_blob_and_nothing_of_its_signature() {
    let container = azurite().container();
    let packed = gzip(&lines(0..3));
    container.put("logs/a.json.gz", &packed);
    let (folder, url) = (tempfile::tempdir().unwrap(), container.url("logs/"));
    let custody = folder.path().join("custody.json");

    let output = airside(&["identities", &url, "--custody", path(&custody)]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = std::fs::read_to_string(&custody).unwrap();
    assert!(!text.contains("sig=") && !text.contains("sv="), "{text}");
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let object = &manifest["objects"][0];
    assert_eq!(object["name"], container.object("logs/a.json.gz"));
    assert!(object["etag"].as_str().unwrap().starts_with("\"0x"), "{object}");
    assert_eq!(object["sha256"], crate::custody::sha256sum_of(&packed));
    assert_eq!(code(&airside(&["verify-custody", path(&custody), &url])), 0);
    container.put("logs/a.json.gz", gzip(&lines(0..4)));
    assert_eq!(code(&airside(&["verify-custody", path(&custody), &url])), 1);
}

#[test]
fn names_with_spaces_equals_and_percent_signs_are_read_and_shown_as_they_are() {
    let container = azurite().container();
    let names = ["a b/c=1/100% d.json", "a b/c%20d.json", "a b/ü+?#&.json", "a b/.hidden/x..json"];
    for (at, name) in names.iter().enumerate() {
        container.put(name, format!("{}\nno json\n", record(at)));
    }
    container.put("a bc/other.json", record(9));

    let output = scan(&[&container.url("a b/")]);

    assert_eq!(events(&output), 4);
    for name in names {
        assert!(
            stderr(&output).contains(&format!("rejected: {} at byte", container.object(name))),
            "{name}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn compressed_blobs_are_known_by_their_bytes() {
    let container = azurite().container();
    container.put("a.json", gzip(&lines(0..3)));
    container.put("b.json.gz", lines(3..5));

    assert_eq!(events_of(&[&container.url("")]), 5);
}

#[test]
fn a_url_may_name_a_blob_a_folder_or_a_container() {
    let container = azurite().container();
    container.put("a/b.json", lines(0..1));
    container.put("a/b.json.more/c.json", lines(1..3));
    container.put("a/d.json", lines(3..7));
    for (named, expected) in [("a/b.json", 1), ("a/b.json.more", 2), ("a", 7), ("a/", 7), ("", 7)] {
        assert_eq!(events_of(&[&container.url(named)]), expected, "{named}");
    }

    let twice = read(&[&container.url("a/d.json"), &container.url("a")]);

    assert_eq!(twice.coverage.objects.read, 3);
    let local = folder(&[("e.json", record(8))]);
    assert_eq!(events_of(&[&container.url("a/d.json"), path(local.path())]), 5);
}

#[test]
fn a_blob_or_folder_that_is_not_there_ends_the_run_before_any_work() {
    let container = azurite().container();
    container.put("a/b.json", record(1));
    for missing in ["a/c.json", "b", "a/b"] {
        let error = source::list(&[container.url(missing)], &ListOptions::default()).unwrap_err();

        assert!(error.to_string().ends_with(&format!("{missing} does not exist")), "{missing}: {error}");
    }
    let output = scan(&[&container.url("b")]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(!stderr(&output).contains("sig="), "{}", stderr(&output));
}

#[test]
fn an_empty_container_is_no_error() {
    let output = scan(&[&azurite().container().url("")]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(json(&output)["coverage"]["objects"]["read"], 0);
}

#[test]
fn a_missing_container_is_named_and_the_others_are_read() {
    let container = azurite().container();
    container.put("a.json", lines(0..3));
    let missing = Container { name: "no-such".to_owned(), ..azurite().container() };

    let output = scan(&[&container.url(""), &missing.url("a.json")]);

    assert_failed(
        &output,
        "az://devstoreaccount1/no-such/a.json: storage account devstoreaccount1 has no container no-such",
    );
    assert_eq!(events(&output), 3);
    assert_eq!(json(&output)["coverage"]["objects"]["failed"], 1);
}

#[test]
fn a_wrong_and_an_expired_sas_are_told_apart_and_not_shown() {
    let container = azurite().container();
    container.put("a.json", record(1));
    let expired = container.url_with(azurite().port, "", &sas("2024-01-01T00:00:00Z"));
    let wrong = container.url("").replace("sig=", "sig=AAAA");

    assert_failed(&scan(&[&expired]), "the SAS expired at 2024-01-01T00:00:00");
    assert_failed(&scan(&[&wrong]), "the SAS is not accepted");
}

#[test]
fn without_a_sas_a_token_is_never_sent_over_http() {
    let url = format!("http://127.0.0.1:{}/devstoreaccount1/logs", azurite().port);

    let failed = read(&[&url]).coverage.failed;

    assert!(failed[0].reason.contains("over https and to the storage service only; put a SAS into"), "{failed:?}");
}

#[test]
fn an_account_that_does_not_answer_is_named_with_its_host() {
    let failed = read(&["http://127.0.0.1:9/devstoreaccount1/logs?sv=1&sig=c2VjcmV0"]).coverage.failed;

    assert!(failed[0].reason.contains("cannot be reached at 127.0.0.1: connection refused"), "{failed:?}");
    assert!(!failed[0].reason.contains("sig"), "{failed:?}");
}

#[test]
fn a_blob_that_grows_between_runs_is_read_to_its_new_end() {
    let container = azurite().container();
    container.create_append("y=2026/PT1H.json");
    for (numbers, expected) in [(0..2, 2), (2..5, 5)] {
        container.append("y=2026/PT1H.json", lines(numbers));

        assert_eq!(events_of(&[&container.url("")]), expected);
    }
}

/// Small blobs of a test that is run in full.
const SMALL_BLOBS: usize = 10_000;

/// Share of them otherwise: every request costs Azurite a walk over all the blobs it has.
const SHARE: usize = 8;

/// Blobs on a page.
const PAGE: usize = 500;

#[test]
fn many_small_blobs_on_several_pages_are_all_read() {
    // One of its own, so that others do not wait for those walks.
    let azurite: &'static Azurite = Box::leak(Box::new(Azurite::start(&[])));
    let container = azurite.container();
    let count = if is_full() { SMALL_BLOBS } else { SMALL_BLOBS / SHARE };
    let blobs =
        (0..count).map(|number| (format!("h={:02}/{number:05}.json", number % 24), record(number).into_bytes()));
    container.put_all(blobs.collect());
    let proxy = FaultProxy::start(azurite.port, |asked| asked.is_listing().then_some(Fault::Page(PAGE)));
    let url = container.url_at(proxy.port, "");

    let listing = source::list(&[url], &ListOptions::default()).unwrap();

    assert_eq!(listing.objects.len(), count);
    assert!(listing.objects.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(proxy.faults(), count.div_ceil(PAGE), "one request a page");
    let coverage = read(&[&container.url("")]).coverage;
    let count = u64::try_from(count).unwrap();
    assert_eq!((coverage.objects.read, coverage.records.events), (count, count));
}

/// What a run of `read` over so many bytes and objects took, in words.
fn figure(name: &str, (objects, bytes): (usize, usize), read: impl Fn()) -> String {
    let begun = Instant::now();
    read();
    let seconds = begun.elapsed().as_secs_f64();
    let rate = |count: usize| f64::from(u32::try_from(count).unwrap()) / seconds;
    format!("{name}: {seconds:.2} s, {:.0} objects/s, {:.1} MB/s", rate(objects), rate(bytes / 1_000) / 1_000.0)
}

/// Reads all bytes of all objects, and looks at none.
fn drain(argument: &str) {
    let listing = source::list(&[argument.to_owned()], &ListOptions::default()).unwrap();
    let (cancel, mut chunk) = (Cancel::default(), vec![0; 1 << 20]);
    let mut ahead = Ahead::new(&listing.objects, OpenOptions::default(), &cancel);
    for object in &listing.objects {
        let mut reader = ahead.open(object).unwrap();
        while reader.read(&mut chunk).unwrap() > 0 {}
    }
}

#[test]
#[ignore = "measures: run it alone, with --nocapture"]
fn figures_of_blobs_against_files() {
    let azurite: &'static Azurite = Box::leak(Box::new(Azurite::start(&[])));
    let (small, large) = (azurite.container(), azurite.container());
    let content: Vec<String> = (0..SMALL_BLOBS).map(|number| lines(number..number + 1)).collect();
    let blobs = content.iter().enumerate().map(|(at, content)| (format!("{at:05}.json"), content.clone().into_bytes()));
    large.create_append("large.json");
    let big = lines(0..200_000_000 / record(0).len());
    for block in big.as_bytes().chunks(4 << 20) {
        large.append("large.json", block);
    }
    let files =
        folder(&content.iter().enumerate().map(|(at, text)| (format!("{at:05}.json"), text)).collect::<Vec<_>>());
    let file = folder(&[("large.json", &big)]);
    let count = |argument: &str| assert_eq!(read(&[argument]).coverage.failed, []);
    let mut figures = Vec::new();
    let mut both = |name: &str, size, url: &str, folder: &Path| {
        figures.push(figure(&format!("{name}, blobs, read"), size, || drain(url)));
        figures.push(figure(&format!("{name}, blobs, decoded"), size, || count(url)));
        figures.push(figure(&format!("{name}, files, read"), size, || drain(path(folder))));
        figures.push(figure(&format!("{name}, files, decoded"), size, || count(path(folder))));
    };
    both("one of 200 MB", (1, big.len()), &large.url(""), file.path());
    small.put_all(blobs.collect());
    both("10,000 small", (SMALL_BLOBS, content.iter().map(String::len).sum()), &small.url(""), files.path());

    std::io::stderr().write_all(format!("{}\n", figures.join("\n")).as_bytes()).unwrap();
}
