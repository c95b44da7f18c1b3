//! What holds for every container, and the helpers of the containers' own tests.

use proptest::prelude::*;

use super::*;

/// One frame, for comparison: the record as compact JSON, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) place: Place,
    pub(super) found: Result<String, FrameReject>,
}

fn take_all(framer: &mut Framer, seen: &mut Vec<Seen>) {
    while let Some(framed) = framer.next_frame() {
        seen.push(match framed {
            Framed::Record(frame) => {
                let mut compact = String::new();
                frame.tape.root(frame.text).unwrap().write_compact(&mut compact);
                Seen { place: frame.place, found: Ok(compact) }
            }
            Framed::Rejected(place, reason) => Seen { place, found: Err(reason) },
        });
    }
}

fn seen_in_chunks<'a>(chunks: impl Iterator<Item = &'a [u8]>, max_record_bytes: usize) -> Vec<Seen> {
    let mut framer = Framer::new(max_record_bytes);
    let mut seen = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        take_all(&mut framer, &mut seen);
    }
    framer.finish();
    take_all(&mut framer, &mut seen);
    assert!(framer.next_frame().is_none());
    seen
}

/// Frames `input` whole and in pieces, and holds that this makes no difference and that places are
/// in order, apart, and within the object.
pub(super) fn seen_with_limit(input: &[u8], max_record_bytes: usize) -> Vec<Seen> {
    let whole = seen_in_chunks(std::iter::once(input), max_record_bytes);
    for size in [1, 2, 3, 7, 64] {
        let pieces = seen_in_chunks(input.chunks(size), max_record_bytes);
        assert_eq!(pieces, whole, "in pieces of {size} bytes");
    }
    let mut end = 0;
    for (number, seen) in whole.iter().enumerate() {
        assert_eq!(seen.place.record, number as u64);
        if seen.place.in_block.is_none() {
            assert!(seen.place.offset >= end, "{seen:?} begins before {end}");
            end = seen.place.offset + seen.place.length;
            assert!(end <= input.len() as u64, "{seen:?} passes {}", input.len());
        }
    }
    whole
}

pub(super) fn seen(input: &[u8]) -> Vec<Seen> {
    seen_with_limit(input, MAX_RECORD_BYTES)
}

/// One line a frame: offset, length, and the record or why there is none.
pub(super) fn lines_of(seen: &[Seen]) -> Vec<String> {
    let line = |seen: &Seen| {
        let Place { offset, length, in_block, .. } = seen.place;
        let inside = in_block.map(|(message, at)| format!(" {message}/{at}")).unwrap_or_default();
        match &seen.found {
            Ok(record) => format!("{offset}+{length}{inside} {record}"),
            Err(reason) => format!("{offset}+{length}{inside} !{reason}"),
        }
    };
    seen.iter().map(line).collect()
}

pub(super) fn lines(input: impl AsRef<[u8]>) -> Vec<String> {
    lines_of(&seen(input.as_ref()))
}

/// Only the records, as compact JSON.
pub(super) fn records(input: impl AsRef<[u8]>) -> Vec<String> {
    seen(input.as_ref()).into_iter().filter_map(|seen| seen.found.ok()).collect()
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(order).collect()
}

#[test]
fn an_empty_object_gives_nothing() {
    assert!(lines("").is_empty());
    assert!(lines(" \r\n\t\n").is_empty());
    assert!(lines("\u{feff}").is_empty());
    assert!(lines(b"\xff\xfe").is_empty());
}

#[test]
fn what_is_no_container_is_one_rejected_region() {
    assert_eq!(lines("just some text\nand more\n"), ["0+24 !not JSON, CSV or Avro"]);
    assert_eq!(lines(b"PK\x03\x04\x14\x00, and so on"), ["0+17 !not JSON, CSV or Avro"]);
    assert_eq!(lines("Obj"), ["0+3 !not JSON, CSV or Avro"]);
    assert_eq!(lines("a\tb, c\n1\t2\n"), ["0+11 !not JSON, CSV or Avro"]);
}

#[test]
fn prose_is_no_container_whatever_its_first_word() {
    assert_eq!(lines("2024-05-04 it began\n{ not json }\n"), ["0+33 !not JSON, CSV or Avro"]);
    assert_eq!(lines("tru"), ["0+3 !not JSON, CSV or Avro"]);
    assert_eq!(lines("\"x"), ["0+2 !not JSON, CSV or Avro"]);
    assert_eq!(lines("\"x\" is what they said\n"), ["0+22 !not JSON, CSV or Avro"]);
    assert_eq!(lines(b"\0\0\0\x18ftyp{\n"), ["0+10 !not JSON, CSV or Avro"]);
}

/// What a framer with a member reader and one without say of two lines, the second of which is deeper
/// than the first by one.
fn verdicts(depth: usize, first: &str, second: &str) -> Vec<Vec<Option<FrameReject>>> {
    let limits = Limits { depth, ..Limits::default() };
    let plain = Framer::within(&limits);
    let by_members = Framer::within(&limits).with_members(crate::format::archive_reader());
    let read = |mut framer: Framer| {
        framer.push(format!("{first}\n{second}\n{{}}\n").as_bytes());
        framer.finish();
        let mut verdicts = Vec::new();
        while let Some(framed) = framer.next_frame() {
            verdicts.push(match framed {
                Framed::Record(_) => None,
                Framed::Rejected(_, reason) => Some(reason),
            });
        }
        verdicts
    };
    vec![read(plain), read(by_members)]
}

#[test]
fn a_record_one_level_too_deep_is_rejected_and_its_neighbours_are_read_by_tape_and_by_members() {
    let nested = |levels: usize| format!("{}1{}", "{\"properties\":".repeat(levels), "}".repeat(levels));
    for depth in [1, 2, 9, 31, 32, 33, 34, 128, 500] {
        for verdicts in verdicts(depth, &nested(depth), &nested(depth + 1)) {
            assert_eq!(verdicts, [None, Some(FrameReject::TooDeep), None], "{depth}");
        }
    }
    // What is empty is a level, too.
    for verdicts in verdicts(2, r#"{"a":{"b":[]}}"#, r#"{"a":{"b":[1]}}"#) {
        assert_eq!(verdicts, [None, Some(FrameReject::TooDeep), None]);
    }
}

/// An object whose first record is a scalar was refused whole.
#[test]
fn a_scalar_in_the_first_line_does_not_hide_the_objects_after_it() {
    assert_eq!(lines("17\n{\"a\":1}\n"), ["0+2 !not a JSON object", "3+7 {\"a\":1}"]);
    assert_eq!(lines("\"x\"\r\n{\"a\":1}"), ["0+3 !not a JSON object", "5+7 {\"a\":1}"]);
    assert_eq!(
        lines("\n\nnull\ntrue\n-1.5e3 \n{\"a\":1}"),
        ["2+4 !not a JSON object", "7+4 !not a JSON object", "12+6 !not a JSON object", "20+7 {\"a\":1}"]
    );
    assert_eq!(lines("17"), ["0+2 !not a JSON object"]);
}

#[test]
fn a_first_line_that_is_no_json_does_not_hide_the_records_after_it() {
    assert_eq!(
        lines("--- rotated, at 10 ---\n{\"a\":1}\n{\"a\":2}"),
        ["0+22 !malformed JSON", "23+7 {\"a\":1}", "31+7 {\"a\":2}"]
    );
    assert_eq!(lines("rotated\r\n\r\n{ \"a\":1}\n"), ["0+7 !malformed JSON", "11+8 {\"a\":1}"]);
    assert_eq!(lines(b"\0\0{\"a\":1}\n"), ["0+2 !malformed JSON", "2+7 {\"a\":1}"]);
    assert_eq!(lines(b"\xff\x01\n{\"a\":1}\n"), ["0+2 !malformed JSON", "3+7 {\"a\":1}"]);
}

#[test]
fn a_large_object_that_is_no_container_is_not_buffered() {
    let mut framer = Framer::new(MAX_RECORD_BYTES);
    let chunk = vec![b'x'; 64 << 10];
    for _ in 0..64 {
        framer.push(&chunk);
        assert!(framer.next_frame().is_none());
        assert!(framer.input.window().bytes.len() <= 512 << 10);
    }
    framer.finish();

    let Some(Framed::Rejected(place, FrameReject::UnknownContainer)) = framer.next_frame() else { panic!() };
    assert_eq!((place.offset, place.length), (0, 4 << 20));
}

#[test]
fn a_byte_order_mark_counts_in_offsets() {
    assert_eq!(lines("\u{feff}{\"a\":1}\n{\"a\":2}"), ["3+7 {\"a\":1}", "11+7 {\"a\":2}"]);
}

#[test]
fn utf16_places_count_bytes_of_the_original() {
    // Each character is two bytes, the emoji four; two bytes of mark.
    let text = "{\"a\":\"é\"}\r\n{\"a\":\"😀\"}\r\n{\"b\":2";
    let expected = ["2+18 {\"a\":\"é\"}", "24+20 {\"a\":\"😀\"}", "48+12 !truncated record"];

    assert_eq!(lines(utf16(text, u16::to_le_bytes)), expected);
    assert_eq!(lines(utf16(text, u16::to_be_bytes)), expected);
}

#[test]
fn a_bad_line_of_utf16_ends_before_its_line_end() {
    // 2 bytes of mark; "17" is 4, each line end 4, the second line 14.
    let text = "17\r\n{'a':1}\r\n{\"a\":\"😀\"}\r\n";

    assert_eq!(
        lines(utf16(text, u16::to_be_bytes)),
        ["2+4 !not a JSON object", "10+14 !malformed JSON", "28+20 {\"a\":\"😀\"}"]
    );
}

#[test]
fn utf16_that_ends_inside_a_unit_stays_within_the_object() {
    let mut raw = utf16("{\"a\":1}\n", u16::to_le_bytes);
    raw.push(b'{');

    assert_eq!(lines(&raw), ["2+14 {\"a\":1}", "18+1 !malformed JSON"]);
}

#[test]
fn utf16_csv_is_read() {
    let raw = utf16("Käse,b\r\n1,\"é, ü\"\r\n", u16::to_le_bytes);

    assert_eq!(lines(raw), ["18+16 {\"Käse\":\"1\",\"b\":\"é, ü\"}"]);
}

#[test]
fn an_object_that_begins_inside_a_record_loses_only_its_first_line() {
    assert_eq!(
        lines("\"x\":{\"b\":1}},\n{\"a\":2}\n{\"a\":3}\n"),
        ["0+13 !malformed JSON", "14+7 {\"a\":2}", "22+7 {\"a\":3}"]
    );
}

#[test]
fn everything_at_once() {
    let mut input = Vec::new();
    input.extend_from_slice(b"\xef\xbb\xbf\r\n");
    input.extend_from_slice(b"{\"time\":\"1\"}\r\n\r\n{\"time\":\"2\",\"torn\":\n");
    input.extend_from_slice(b"{\"count\":2,\"value\":[{\"id\":1}, {'id':2},\n  {\"id\":3} ],\"nextLink\":null}\n\r");
    input.extend_from_slice(
        b"[{\"records\":[{\"time\":\"3\"},7]},{\"time\":\"4\"}]{\"time\":\"5\"},\xef\xbb\xbf{\n \"time\": \"6\"\n}\n",
    );
    input.extend_from_slice(b"{\"time\":\"\xff\"}\n\0\0\0{\"time\":\"7\"}\n5\n{\"time\":\"8\"");

    let seen = seen(&input);

    let found: Vec<_> = seen.iter().map(|seen| seen.found.clone().map_err(|reason| reason.to_string())).collect();
    let record = |text: &str| Ok(text.to_owned());
    let reject = |text: &str| Err(text.to_owned());
    assert_eq!(
        found,
        [
            record("{\"time\":\"1\"}"),
            reject("malformed JSON"),
            record("{\"id\":1}"),
            reject("malformed JSON"),
            record("{\"id\":3}"),
            record("{\"time\":\"3\"}"),
            reject("not a JSON object"),
            record("{\"time\":\"4\"}"),
            record("{\"time\":\"5\"}"),
            record("{\"time\":\"6\"}"),
            reject("not UTF-8"),
            reject("malformed JSON"),
            record("{\"time\":\"7\"}"),
            reject("not a JSON object"),
            reject("truncated record"),
        ]
    );
}

/// Pieces of bad lines. An array that is opened and not closed is no bad line: what follows may
/// belong to it.
fn bad_lines() -> impl Strategy<Value = String> {
    let pieces = [
        "{\"a\":1}",
        "{\"a\":",
        "{'a':1}",
        "]",
        "}",
        "{",
        ",",
        ":",
        "\"",
        "'",
        "\\",
        "\"x\"",
        "17",
        "null",
        "tru",
        " ",
        "\0",
        "\u{feff}",
        "é",
        "1,2",
        "\"\"",
        ",\"b\"",
        "{\"records\":[",
        "],\"b\":",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..8).prop_map(|pieces| pieces.concat())
}

/// Asserts that the lines of `good` are records of `input` where they stand.
fn assert_kept(input: &str, good: &[&str]) {
    let seen = seen_in_chunks(std::iter::once(input.as_bytes()), MAX_RECORD_BYTES);
    for line in good {
        let offset = input.find(&format!("\n{line}\n")).unwrap() as u64 + 1;
        let is_kept = |seen: &Seen| seen.place.offset == offset && seen.place.length == line.len() as u64;
        assert!(seen.iter().any(|seen| is_kept(seen) && seen.found.is_ok()), "{line} of {input:?}: {seen:?}");
    }
}

fn valid_documents() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        b"{\"a\":1,\"b\":{\"c\":[1,2,{\"a\":3}]}}\n{\"a\":\"x\\\"y\"}\r\n{\"a\":null}\n".to_vec(),
        b"[{\"a\":1},{\"a\":\"},{\"},\n {\"a\":{\"b\":[]}}]".to_vec(),
        b"{\"n\":1,\"records\":[{\"t\":1},{\"t\":2,\"p\":{\"t\":5}}],\"x\":{}}\n{\"records\":[{\"t\":3}]}".to_vec(),
        b"[{\"value\":[{\"id\":1}]},{\"value\":[{\"id\":2}]}]{\n  \"id\": 3\n}\n{\n  \"id\": 4\n}".to_vec(),
        "a,b,c\r\n1,\"x\ny\",3\r\n\r\n4,\"5 \"\"6\"\"\",é\r\n7,8,9".as_bytes().to_vec(),
        utf16("{\"a\":\"é😀\"}\n{\"records\":[{\"b\":1}]}", u16::to_le_bytes),
        utf16("a,b\n1,\"2\"\n", u16::to_be_bytes),
        b"17\n\"x\"\n{\"a\":1,\"records\":[{\"b\":\"longer than a limit\"}],\"c\":\n{\"a\":2}}\n{'a':1}\n\n".to_vec(),
        avro::tests::small_file(),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_bad_line_costs_none_of_its_neighbours(bad in bad_lines()) {
        assert_kept(&format!("\n{{\"n\":1}}\n{bad}\n{{\"n\":2}}\n{{\"n\":3}}\n"), &["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
        assert_kept(&format!("{bad}\n{{\"n\":2}}\n{{\"n\":3}}\n"), &["{\"n\":2}", "{\"n\":3}"]);
        assert_kept(&format!("a,b,c\n4,5,6\n{bad}\n7,8,9\n1,\"2\",3\n"), &["4,5,6", "7,8,9", "1,\"2\",3"]);
    }

    #[test]
    fn no_damage_makes_it_panic_or_depend_on_chunks(
        mut document in valid_documents(),
        again in valid_documents(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(&b"{}[]\",:\n\r\0\\ a1\xff'"[..]), 0..3),
            0..6,
        ),
        limit in prop::sample::select(vec![12_usize, 40, 1 << 20]),
    ) {
        document.extend_from_slice(&again);
        for (place, byte, edit) in edits {
            let at = place.index(document.len());
            match edit {
                0 => document[at] = byte,
                1 => document.insert(at, byte),
                _ => { document.remove(at); }
            }
        }
        seen_with_limit(&document, limit);
    }
}
