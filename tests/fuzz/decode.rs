//! Records to rows: reading by members gives what the tape gives, and the spelling of JSON says
//! nothing.

use airside::event::{Address, EventBuilder, Scratch};
use airside::format::{self, BodyTapes, LogFormat, Recognised};
use airside::frame::{Framed, Framer, MAX_RECORD_BYTES};
use airside::json::{Tape, Value};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

const ADDRESS: Address<'_> = Address { object: "log", offset: 0, length: 0, in_block: None };

/// What a record became: its row, or the reason why there is none.
type Decoded = Result<RecordBatch, String>;

fn row(row: &airside::event::Row<'_>, text: &str) -> RecordBatch {
    let mut builder = EventBuilder::default();
    builder.append(row, &ADDRESS, |hasher| {
        hasher.update(text.as_bytes());
    });
    builder.finish().expect("a row fits the schema")
}

/// Decodes a record that was parsed, as this format has it.
fn decode(format: LogFormat, text: &str, tape: &mut Tape) -> Decoded {
    format.expand(text, tape);
    let scratch = Scratch::default();
    let root = tape.root(text).expect("the tape holds a record");
    let decoded = format.decode(root, &scratch);
    decoded.map(|decoded| row(&decoded, text)).map_err(|reason| reason.to_string())
}

/// Every record that members alone decide is the same by the tape.
pub(super) fn by_members(bytes: &[u8]) {
    let mut framer = Framer::new(MAX_RECORD_BYTES).with_members(format::archive_reader());
    // The second time the keys are known.
    for _ in 0..2 {
        framer.restart();
        framer.push(bytes);
        framer.finish();
        while let Some(framed) = framer.next_frame() {
            let Framed::Record(mut frame) = framed else { continue };
            let Some(members) = frame.members else { continue };
            let (text, scratch, mut tapes) = (frame.text, Scratch::default(), BodyTapes::default());
            let Some(fast) = format::decode_members(members, &scratch, &mut tapes) else { continue };
            let fast: Decoded = fast.map(|decoded| row(&decoded, text)).map_err(|reason| reason.to_string());

            let root = frame.parse().expect("a record is parsed");
            let Recognised::Log(format) = format::recognise(root) else { panic!("not ours by the tape: {text}") };
            let general = decode(format, text, frame.tape);

            assert_same(&general, &fast, &[]);
        }
    }
}

/// Whatever a record is, every format decodes it or says why not, and does the same however the
/// JSON is spelled.
pub(super) fn every_format(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut tape = Tape::new();
    if !text.starts_with('{') || tape.parse(bytes) != Ok(bytes.len()) {
        return;
    }
    let compact = written(tape.root(text).expect("parsed"));
    let recognised = format::recognise(tape.root(text).expect("parsed"));
    let formats = match recognised {
        Recognised::Log(format) => vec![format],
        _ => LogFormat::ALL.to_vec(),
    };
    for format in formats {
        tape.parse(bytes).expect("parsed before");
        let first = decode(format, text, &mut tape);
        tape.parse(compact.as_bytes()).expect("what we write is JSON");
        let second = decode(format, &compact, &mut tape);
        // The uid of a record without identity is a hash of its bytes.
        assert_same(&first, &second, &["event_uid"]);
    }
}

fn written(root: Value<'_>) -> String {
    let mut text = String::new();
    root.write_compact(&mut text);
    text
}

/// Both rows say the same in all columns but these.
fn assert_same(expected: &Decoded, got: &Decoded, but: &[&str]) {
    let (expected, got) = match (expected, got) {
        (Ok(expected), Ok(got)) => (expected, got),
        (expected, got) => return assert_eq!(expected.as_ref().err(), got.as_ref().err()),
    };
    for (field, (expected, got)) in expected.schema().fields().iter().zip(expected.columns().iter().zip(got.columns()))
    {
        if !but.contains(&field.name().as_str()) {
            assert_eq!(&plain(expected), &plain(got), "{}", field.name());
        }
    }
}

/// A column without its dictionary, in which one may hold more than the other.
fn plain(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Dictionary(_, value) => arrow::compute::cast(column, value).expect("a dictionary of text"),
        _ => ArrayRef::clone(column),
    }
}

/// The texts in all columns of the record's row; none where it has no row.
pub(super) fn texts(text: &str) -> Vec<String> {
    let mut tape = Tape::new();
    tape.parse(text.as_bytes()).expect("the record is JSON");
    let Recognised::Log(format) = format::recognise(tape.root(text).expect("parsed")) else { return Vec::new() };
    let Ok(batch) = decode(format, text, &mut tape) else { return Vec::new() };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(plain).collect();
    let texts = columns.iter().filter_map(|column| column.as_string_opt::<i32>());
    texts.flat_map(|column| column.iter().flatten().map(str::to_owned).collect::<Vec<_>>()).collect()
}
