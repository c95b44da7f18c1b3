//! Files are put together here by the specification, with the schema that Capture writes.

use std::io::Write;

use super::*;
use crate::frame::tests::{lines, records};

const SYNC: &[u8; 16] = b"0123456789abcdef";

/// <https://learn.microsoft.com/azure/event-hubs/explore-captured-avro-files>, read 2026-11.
const CAPTURE: &str = r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[
{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"},
{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},
{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},
{"name":"Body","type":["null","bytes"]}]}"#;

fn number(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let mut out = Vec::new();
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap();
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn length(content: &[u8]) -> Vec<u8> {
    number(i64::try_from(content.len()).unwrap())
}

fn bytes(content: &[u8]) -> Vec<u8> {
    [length(content), content.to_vec()].concat()
}

fn header(schema: &str, codec: &str) -> Vec<u8> {
    let entries = [bytes(b"avro.schema"), bytes(schema.as_bytes()), bytes(b"avro.codec"), bytes(codec.as_bytes())];
    [MAGIC.to_vec(), number(2), entries.concat(), number(0), SYNC.to_vec()].concat()
}

fn block(messages: i64, stored: &[u8]) -> Vec<u8> {
    [number(messages), bytes(stored), SYNC.to_vec()].concat()
}

/// A message of Capture's schema, with a property of every type.
fn message(body: Option<&[u8]>) -> Vec<u8> {
    let property = |name: &[u8], branch: i64, value: &[u8]| [bytes(name), number(branch), value.to_vec()].concat();
    // One map comes as two blocks, the second with its size.
    let sized = property(b"d", 1, &1.5_f64.to_le_bytes());
    let system = [number(1), property(b"n", 0, &number(-70_000)), number(-1), length(&sized), sized, number(0)];
    let properties = [number(2), property(b"s", 2, &bytes(b"x")), property(b"z", 4, b""), number(0)];
    let body = body.map_or_else(|| number(0), |body| [number(1), bytes(body)].concat());
    [number(5), bytes(b"128"), bytes(b"11/24/2026 1:55:30 AM"), system.concat(), properties.concat(), body].concat()
}

/// A file of two blocks, for tests of all containers.
pub(in crate::frame) fn small_file() -> Vec<u8> {
    let first =
        [message(Some(b"{\"records\":[{\"a\":1},{\"a\":2}]}")), message(Some(b"{\"a\":3}\n{\"a\":4}"))].concat();
    [header(CAPTURE, "null"), block(2, &first), block(1, &message(Some(b"[{\"a\":5}]")))].concat()
}

#[test]
fn records_of_every_body_have_the_place_of_their_block() {
    let first_block = header(CAPTURE, "null").len();
    let second_block = small_file().len() - block(1, &message(Some(b"[{\"a\":5}]"))).len();

    assert_eq!(
        lines(small_file()),
        [
            format!("{first_block}+7 0/12 {{\"a\":1}}"),
            format!("{first_block}+7 0/20 {{\"a\":2}}"),
            format!("{first_block}+7 1/0 {{\"a\":3}}"),
            format!("{first_block}+7 1/8 {{\"a\":4}}"),
            format!("{second_block}+7 0/1 {{\"a\":5}}"),
        ]
    );
}

#[test]
fn null_and_empty_bodies_hold_nothing() {
    let messages = [message(None), message(Some(b"")), message(Some(b" \n")), message(Some(b"{\"a\":1}"))].concat();
    let file = [header(CAPTURE, ""), block(0, b""), block(4, &messages)].concat();

    assert_eq!(lines(file), [format!("{}+7 3/0 {{\"a\":1}}", header(CAPTURE, "").len() + 18)]);
    assert!(lines(header(CAPTURE, "null")).is_empty());
}

#[test]
fn bad_bodies_are_rejected_one_by_one() {
    let bodies: [&[u8]; 4] = [b"hello", b"{\"a\":1}\n{\"a\":", b"{\"a\":\"\xff\"}", b"[{'a':1},{\"a\":2}]"];
    let messages = bodies.map(|body| message(Some(body))).concat();
    let start = header(CAPTURE, "null").len();

    assert_eq!(
        lines([header(CAPTURE, "null"), block(4, &messages)].concat()),
        [
            format!("{start}+5 0/0 !malformed JSON"),
            format!("{start}+7 1/0 {{\"a\":1}}"),
            format!("{start}+5 1/8 !truncated record"),
            format!("{start}+9 2/0 !not UTF-8"),
            format!("{start}+7 3/1 !malformed JSON"),
            format!("{start}+7 3/9 {{\"a\":2}}"),
        ]
    );
}

#[test]
fn a_bad_line_in_a_body_ends_before_its_line_end() {
    let start = header(CAPTURE, "null").len();

    assert_eq!(
        lines([header(CAPTURE, "null"), block(1, &message(Some(b"17\r\n{'a':1}\r\n{\"a\":2}\n{'a'\n")))].concat()),
        [
            format!("{start}+2 0/0 !not a JSON object"),
            format!("{start}+7 0/4 !malformed JSON"),
            format!("{start}+7 0/13 {{\"a\":2}}"),
            format!("{start}+4 0/21 !malformed JSON"),
        ]
    );
}

#[test]
fn every_codec_is_read() {
    let data = [message(Some(b"{\"a\":1}")), message(Some(b"{\"a\":2}"))].concat();
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(&data).unwrap();
    let mut snappy = snap::raw::Encoder::new().compress_vec(&data).unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(&data);
    snappy.extend_from_slice(&crc.sum().to_be_bytes());
    let zstandard = zstd::stream::encode_all(data.as_slice(), 3).unwrap();

    for (codec, stored) in [("deflate", deflate.finish().unwrap()), ("snappy", snappy), ("zstandard", zstandard)] {
        let file = [header(CAPTURE, codec), block(2, &stored)].concat();
        assert_eq!(records(&file), ["{\"a\":1}", "{\"a\":2}"], "{codec}");

        let mut damaged = stored.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        damaged.truncate(if codec == "snappy" { last + 1 } else { last - 4 });
        let good = block(2, &stored);
        let bad = block(2, &damaged);
        let start = header(CAPTURE, codec).len();
        let lines = lines([header(CAPTURE, codec), bad.clone(), good].concat());
        assert_eq!(lines[0], format!("{start}+{} !malformed Avro", bad.len()), "{codec}");
        assert_eq!(lines.len(), 3, "{codec}");
    }
}

#[test]
fn a_body_may_be_text_and_types_may_have_names() {
    let schema = r#"{"type":"record","name":"M","fields":[
        {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
        {"name":"f","type":{"type":"fixed","name":"F","namespace":"x","size":3}},
        {"name":"again","type":["null","x.F","E"]},
        {"name":"list","type":["null",{"type":"record","name":"Node","fields":[
            {"name":"next","type":["null","Node"]},{"name":"flag","type":"boolean"}]}]},
        {"name":"floats","type":{"type":"array","items":"float"}},
        {"name":"when","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"Body","type":"string"},
        {"name":"after","type":"null"}]}"#;
    let data = [
        number(1),
        b"abc".to_vec(),
        [number(1), b"def".to_vec()].concat(),
        [number(1), number(1), number(0), vec![1], vec![0]].concat(),
        [number(2), vec![0; 8], number(0)].concat(),
        number(1_700_000_000_000),
        bytes(b"{\"a\":1}"),
    ]
    .concat();

    assert_eq!(records([header(schema, "null"), block(2, &data.repeat(2))].concat()), ["{\"a\":1}", "{\"a\":1}"]);
}

#[test]
fn a_file_that_cannot_be_understood_is_rejected_whole() {
    for (schema, codec) in [
        ("{\"type\":\"record\",\"name\":\"M\",\"fields\":[{\"name\":\"x\",\"type\":\"long\"}]}", "null"),
        ("{\"type\":\"record\",\"name\":\"M\",\"fields\":[{\"name\":\"Body\",\"type\":\"long\"}]}", "null"),
        ("{\"type\":\"record\",\"name\":\"M\",\"fields\":[{\"name\":\"Body\",\"type\":\"Other\"}]}", "null"),
        ("\"bytes\"", "null"),
        ("{", "null"),
        (CAPTURE, "bzip2"),
    ] {
        let file = [header(schema, codec), block(1, b"x")].concat();
        assert_eq!(lines(&file), [format!("0+{} !malformed Avro", file.len())], "{schema} {codec}");
    }
    assert_eq!(lines(&header(CAPTURE, "null")[..100]), ["0+100 !truncated record"]);
}

#[test]
fn a_bad_block_ends_at_the_next_sync_marker() {
    let start = header(CAPTURE, "null").len();
    let good = block(1, &message(Some(b"{\"a\":1}")));
    let mut no_marker = good.clone();
    let length = no_marker.len();
    no_marker[length - 1] = b'X';
    let negative = [number(-5), bytes(b"zzzz"), SYNC.to_vec()].concat();
    let huge = [number(1), number(1 << 40), SYNC.to_vec()].concat();
    let too_long = [number(1), number(5_000), vec![0; 50], SYNC.to_vec()].concat();

    for (bad, follows) in [(no_marker, 0), (negative, 1), (huge, 1), (too_long, 1)] {
        let file = [header(CAPTURE, "null"), bad.clone(), good.clone()].concat();
        let lines = lines(&file);
        // Without its marker, the next one is that of the block after it.
        let region = if follows == 1 { bad.len() } else { bad.len() + good.len() };
        assert_eq!(lines[0], format!("{start}+{region} !malformed Avro"));
        assert_eq!(lines.len(), 1 + follows);
    }
}

#[test]
fn a_block_that_ends_inside_a_message_gives_what_stands_before() {
    let messages = [message(Some(b"{\"a\":1}")), message(Some(b"{\"a\":2}"))[..20].to_vec()].concat();
    let file = [header(CAPTURE, "null"), block(2, &messages), block(1, &message(Some(b"{\"a\":3}")))].concat();
    let start = header(CAPTURE, "null").len();
    let second = start + block(2, &messages).len();

    assert_eq!(
        lines(file),
        [
            format!("{start}+7 0/0 {{\"a\":1}}"),
            format!("{start}+20 1/0 !malformed Avro"),
            format!("{second}+7 0/0 {{\"a\":3}}"),
        ]
    );
}

#[test]
fn bytes_left_in_a_block_are_not_passed_over() {
    let messages = [message(Some(b"{\"a\":1}")), b"left".to_vec()].concat();
    let start = header(CAPTURE, "null").len();

    assert_eq!(
        lines([header(CAPTURE, "null"), block(1, &messages)].concat()),
        [format!("{start}+7 0/0 {{\"a\":1}}"), format!("{start}+4 1/0 !malformed Avro")]
    );
}

#[test]
fn a_cut_last_block_is_truncated() {
    let file = small_file();
    let second = file.len() - block(1, &message(Some(b"[{\"a\":5}]"))).len();

    for cut in [1, 20, file.len() - second - 1] {
        let lines = lines(&file[..file.len() - cut]);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[4], format!("{second}+{} !truncated record", file.len() - second - cut));
    }
}

#[test]
fn values_of_no_bytes_cannot_keep_it_busy() {
    let schema = r#"{"type":"record","name":"M","fields":[
        {"name":"nulls","type":{"type":"array","items":"null"}},{"name":"Body","type":"bytes"}]}"#;
    let data = [number(i64::MAX), number(0), bytes(b"{}")].concat();

    let lines = lines([header(schema, "null"), block(1, &data)].concat());

    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("!malformed Avro"));
}
