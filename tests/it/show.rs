//! `airside show`: for every event of every sample, the bytes at its place, found here without the
//! program's own readers.

use std::fs;
use std::io::Read as _;

use serde_json::{Map, Value, json};

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, root};

/// The events of a folder of logs: uid and place.
fn events(logs: &str) -> Vec<Value> {
    let sql = "SELECT event_uid, object, \"offset\", length, block_record, body_offset FROM events ORDER BY event_uid";
    let output = airside(&["sql", logs, "-c", sql, "--format", "ndjson"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn uids(events: &[Value]) -> String {
    events.iter().map(|event| event["event_uid"].as_str().unwrap()).collect::<Vec<_>>().join(",")
}

/// What `--format json` shows of these events.
fn shown(uids: &str, logs: &str) -> Vec<Value> {
    let output = airside(&["show", uids, logs, "--format", "json", "--raw"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_str::<Value>(&stdout(&output)).unwrap()["events"].as_array().unwrap().clone()
}

/// The decompressed bytes of an object.
fn content(object: &str) -> Vec<u8> {
    let stored = fs::read(root().join(object)).unwrap();
    let mut bytes = Vec::new();
    match stored.as_slice() {
        [0x1f, 0x8b, ..] => {
            flate2::bufread::MultiGzDecoder::new(stored.as_slice()).read_to_end(&mut bytes).unwrap();
            bytes
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::stream::decode_all(stored.as_slice()).unwrap(),
        _ => stored,
    }
}

/// The bytes at an event's place; those of a message body wherever in its block they are, once that
/// is decompressed.
fn bytes_at(event: &Value, content: &[u8], raw: &[u8]) -> Vec<u8> {
    let number = |name: &str| usize::try_from(event[name].as_u64().unwrap()).unwrap();
    let (offset, length) = (number("offset"), number("length"));
    if event["block_record"].is_null() {
        return content[offset..offset + length].to_vec();
    }
    let block = block(content, offset);
    let at = block.windows(length).position(|window| window == raw);
    at.map(|at| block[at..at + length].to_vec()).unwrap_or_default()
}

/// The data of the Avro block at this position: two numbers, then so many bytes.
fn block(content: &[u8], offset: usize) -> Vec<u8> {
    let mut at = offset;
    let mut number = || {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = content[at];
            at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return usize::try_from(value >> 1).unwrap();
            }
        }
    };
    let (_messages, size) = (number(), number());
    let stored = &content[at..at + size];
    let codec = content.windows(10).position(|window| window == b"avro.codec").map(|at| &content[at + 11..]);
    let mut data = Vec::new();
    match codec {
        Some(codec) if codec.starts_with(b"deflate") => {
            flate2::bufread::DeflateDecoder::new(stored).read_to_end(&mut data).unwrap();
        }
        Some(codec) if codec.starts_with(b"snappy") => {
            data = snap::raw::Decoder::new().decompress_vec(&stored[..size - 4]).unwrap();
        }
        Some(codec) if codec.starts_with(b"zstandard") => data = zstd::stream::decode_all(stored).unwrap(),
        _ => data.extend_from_slice(stored),
    }
    data
}

fn text(bytes: &[u8], encoding: &str) -> String {
    let units =
        |unit: fn([u8; 2]) -> u16| -> Vec<u16> { bytes.chunks(2).map(|pair| unit([pair[0], pair[1]])).collect() };
    match encoding {
        "utf-16le" => String::from_utf16(&units(u16::from_le_bytes)).unwrap(),
        "utf-16be" => String::from_utf16(&units(u16::from_be_bytes)).unwrap(),
        _ => String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// The cells of a CSV row that are not empty, by the header of its file.
fn cells(object: &str, row: &str, encoding: &str) -> Value {
    let content = text(&content(object), encoding);
    let header = content.trim_start_matches('\u{feff}').lines().find(|line| !line.starts_with("#TYPE")).unwrap();
    let table = format!("{header}\n{row}\n");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let names = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let mut object = Map::new();
    for (name, cell) in names.iter().zip(row.iter()) {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if !cell.is_empty() && !name.is_empty() && !object.contains_key(&name) {
            object.insert(name, json!(cell));
        }
    }
    Value::Object(object)
}

/// Holds for one folder what the module says; returns how many events there were.
fn hold(logs: &str) -> usize {
    let events = events(logs);
    if events.is_empty() {
        return 0;
    }
    let uids = uids(&events);
    let shown = shown(&uids, logs);
    let raw = airside(&["show", &uids, logs, "--raw"]).stdout;
    let mut expected = Vec::new();
    assert_eq!(shown.len(), events.len(), "{logs}");
    for (event, shown) in events.iter().zip(&shown) {
        let object = event["object"].as_str().unwrap();
        let raw = shown["raw"].as_str().unwrap();
        let bytes = bytes_at(event, &content(object), raw.as_bytes());
        let place = format!("{object} at {}", event["offset"]);

        let encoding = shown["encoding"].as_str().unwrap();
        assert_eq!(text(&bytes, encoding), raw, "{place}");
        let parsed =
            if raw.starts_with('{') { serde_json::from_str(raw).unwrap() } else { cells(object, raw, encoding) };
        assert_eq!(shown["record"], parsed, "{place}");
        assert_eq!(shown["event_uid"], event["event_uid"]);
        for name in ["object", "offset", "length", "block_record", "body_offset"] {
            assert_eq!(shown["places"][0][name], event[name], "{place}");
            assert_eq!(shown["event"][name], event[name], "{place}");
        }
        expected.extend_from_slice(&bytes);
        if events.len() > 1 {
            expected.push(b'\n');
        }
    }
    assert!(raw == expected, "{logs}: --raw gives other bytes than those at the places");
    events.len()
}

#[test]
fn every_event_of_every_sample_leads_back_to_its_bytes() {
    let mut folders: Vec<String> = fs::read_dir(root().join("sample-logs"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("sample-logs/{}", entry.file_name().to_str().unwrap()))
        .collect();
    folders.sort();

    let counts: Vec<(String, usize)> = folders.into_iter().map(|logs| (logs.clone(), hold(&logs))).collect();

    let without: Vec<&str> = counts.iter().filter(|(_, count)| *count == 0).map(|(logs, _)| logs.as_str()).collect();
    assert_eq!(without, ["sample-logs/not_ours"], "samples without events");
}

#[test]
fn a_unique_beginning_of_a_uid_is_enough_and_case_does_not_matter() {
    let logs = "sample-logs/tenant";
    let uid = events(logs)[0]["event_uid"].as_str().unwrap().to_owned();

    let whole = airside(&["show", &uid, logs, "--raw"]);
    let start = airside(&["show", &uid[..12].to_uppercase(), logs, "--raw"]);

    assert_eq!(code(&start), 0, "{}", stderr(&start));
    assert!(!start.stdout.is_empty());
    assert_eq!(start.stdout, whole.stdout);
}

#[test]
fn an_event_is_found_by_the_place_that_findings_show() {
    let logs = "sample-logs/tenant";
    let event = &events(logs)[7];
    let (uid, object) = (event["event_uid"].as_str().unwrap(), event["object"].as_str().unwrap());

    let by_place = airside(&["show", &format!("{object}:{}", event["offset"]), logs, "--raw"]);
    let elsewhere = airside(&["show", &format!("{object}:1"), logs]);

    assert_eq!(code(&by_place), 0, "{}", stderr(&by_place));
    assert!(!by_place.stdout.is_empty());
    assert_eq!(by_place.stdout, airside(&["show", uid, logs, "--raw"]).stdout);
    assert_eq!(code(&elsewhere), 3);
    assert!(stderr(&elsewhere).contains(&format!("no event was read at {object}:1")), "{}", stderr(&elsewhere));
}

#[test]
fn an_event_is_found_by_each_of_its_places_and_by_one_that_a_table_broke() {
    let event = &events("sample-logs/tenant")[7];
    let record = airside(&["show", event["event_uid"].as_str().unwrap(), "sample-logs/tenant", "--raw"]).stdout;
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().to_str().unwrap();
    for name in ["a.json", "b.json"] {
        fs::write(folder.path().join(name), &record).unwrap();
    }
    let (start, end) = logs.split_at(logs.len() / 2);

    for place in [format!("{logs}/a.json:0"), format!("{logs}/b.json:0"), format!("{start}\n      {end}/a.json:0")] {
        let shown = airside(&["show", &place, logs, "--raw"]);
        assert_eq!(code(&shown), 0, "{place}: {}", stderr(&shown));
        assert_eq!(shown.stdout, record, "{place}");
    }
}

/// Two events whose uids begin alike, found by trying.
#[test]
fn a_beginning_that_fits_several_events_lists_them() {
    let all = events("sample-logs");
    let starts: Vec<&str> = all.iter().map(|event| &event["event_uid"].as_str().unwrap()[..4]).collect();
    let Some(at) = starts.windows(2).position(|pair| pair[0] == pair[1]) else {
        panic!("no two of {} uids begin with the same four characters", all.len());
    };

    let output = airside(&["show", starts[at], "sample-logs"]);

    assert_eq!(code(&output), 3);
    for event in &all[at..at + 2] {
        assert!(stderr(&output).contains(event["event_uid"].as_str().unwrap()), "{}", stderr(&output));
    }
}

#[test]
fn what_is_no_event_is_said_in_words() {
    let logs = "sample-logs/tenant";
    for (uid, message) in [
        ("00000000000000000000000000000000", "no event has the uid 00000000000000000000000000000000"),
        ("xyz1", "'xyz1' is no event_uid, which is 32 hexadecimal digits"),
        ("ab", "'ab' is too short: 4 characters of a uid at least"),
    ] {
        let output = airside(&["show", uid, logs]);

        assert_eq!(code(&output), 3);
        assert!(stdout(&output).is_empty());
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    let piped = airside(&["show", "abcd", "-"]);
    assert!(stderr(&piped).contains("standard input can be read only once"), "{}", stderr(&piped));
}

#[test]
fn a_record_that_was_read_twice_names_both_places() {
    let record = fs::read_to_string(root().join("sample-logs/activity_archive/usual.json")).unwrap();
    let line = record.lines().next().unwrap();
    let folder = folder(&[("a.json", format!("{line}\n")), ("b.json", format!("{line}\n"))]);
    let logs = path(folder.path());
    let uid = uids(&events(logs));

    let shown = shown(&uid, logs);
    let table = stdout(&airside(&["show", &uid, logs]));

    let places: Vec<&str> =
        shown[0]["places"].as_array().unwrap().iter().map(|place| place["object"].as_str().unwrap()).collect();
    assert_eq!(places, [format!("{logs}/a.json"), format!("{logs}/b.json")]);
    assert!(table.contains("also in"), "{table}");
}

#[test]
fn people_see_the_record_its_place_and_its_columns_and_no_control_characters() {
    let record = serde_json::json!({
        "time": "2026-05-04T10:15:30.1234567Z", "category": "Administrative", "resultType": "Success",
        "resourceId": "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG",
        "operationName": "MICROSOFT.RESOURCES/TAGS/WRITE", "correlationId": "99999999-8888-4777-8666-555555555555",
        "identity": { "claims": { "name": "\u{9b}31mred\u{202e}" } }, "properties": { "note": "\u{1b}[2J" },
    });
    let folder = folder(&[("logs.json", record.to_string())]);
    let logs = path(folder.path());

    let output = stdout(&airside(&["show", &uids(&events(logs)), logs]));

    assert!(!output.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{output:?}");
    let place = format!("{logs}/logs.json, {} bytes at byte 0", record.to_string().len());
    assert!(output.replace("\n              ", "").contains(&place), "{output}");
    assert!(output.contains("\n  \"operationName\": \"MICROSOFT.RESOURCES/TAGS/WRITE\""), "{output}");
    assert!(output.contains("microsoft.resources/tags/write"), "{output}");
}
