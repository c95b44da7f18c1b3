use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::json::{Tape, Value};

const WANTS: &[Want] = &[
    Want { path: &[Step::Key("a")], take: Take::Scalar },
    Want { path: &[Step::Key("b"), Step::Key("a")], take: Take::Scalar },
    Want { path: &[Step::Key("b")], take: Take::Object },
    Want { path: &[Step::Key("c")], take: Take::Items },
    Want { path: &[Step::Key("c"), Step::Only, Step::Key("a")], take: Take::Scalar },
    Want { path: &[Step::Key("d")], take: Take::Value },
    Want { path: &[Step::Key("b"), Step::AnyCase("d")], take: Take::Value },
];

const A: usize = 0;
const B_A: usize = 1;
const B: usize = 2;
const C: usize = 3;
const C_A: usize = 4;
const D: usize = 5;
const B_D: usize = 6;

/// Reads the records one after the other with one reader, and hands the members of the last one on.
fn last<T>(records: &[&str], check: impl FnOnce(Option<Members<'_>>) -> T) -> T {
    let mut reader = MemberReader::new(WANTS);
    let mut read = None;
    for record in records {
        read = reader.read(record.as_bytes());
    }
    let text = records.last().unwrap();
    assert!(read.is_none_or(|length| length == text.len()));
    check(read.map(|_| reader.members(text)))
}

fn is_read(record: &str) -> bool {
    last(&[record], |members| members.is_some())
}

#[test]
fn wanted_members_are_found_whatever_lies_between_them() {
    let record =
        r#"{"x":[1,{"a":2}],"a":"one" , "b" : {"y":{},"a":-1.5e3,"D":[1,2]},"c":[{"z":null,"a":true}],"d":{"a":9}}"#;
    // The first nesting member of a record is no array: that may be an envelope.
    let record = &record.replace(r#""x":[1,{"a":2}],"#, r#""x":{"a":[2]},"#);

    last(&[record], |members| {
        let members = members.unwrap();

        assert_eq!(members.scalar(A), Some("one"));
        assert_eq!(members.scalar(B_A), Some("-1.5e3"));
        assert_eq!((members.string(A), members.string(B_A)), (Some("one"), None));
        assert_eq!(members.nesting(B), Some(Kind::Object));
        assert_eq!((members.is_single(C), members.scalar(C_A)), (true, Some("true")));
        assert_eq!(members.json(D), Some(r#"{"a":9}"#));
        assert_eq!(members.json(B_D), Some("[1,2]"));
    });
}

#[test]
fn keys_are_found_in_any_order_and_after_records_of_other_shapes() {
    let records = [
        r#"{"b":{"a":1},"a":2,"d":3}"#,
        r#"{"a":4,"d":5,"b":{"a":6,"q":0}}"#,
        r#"{"d":7,"q":{"a":0},"b":{"q":1,"a":8},"a":9}"#,
        r#"{"a":10,"b":{"a":11},"d":12}"#,
    ];
    for count in 1..=records.len() {
        last(&records[..count], |members| {
            let members = members.unwrap();
            let found = (members.scalar(A), members.scalar(B_A), members.json(D));

            let expected = [("2", "1", "3"), ("4", "6", "5"), ("9", "8", "7"), ("10", "11", "12")];
            let (a, b_a, d) = expected[count - 1];
            assert_eq!(found, (Some(a), Some(b_a), Some(d)), "{count}");
        });
    }
}

#[test]
fn white_space_may_change_from_record_to_record() {
    let spellings = [
        r#"{"a":1,"b":{"a":2},"c":[{"a":3}]}"#,
        r#"{ "a": 1, "b": { "a": 2 }, "c": [ { "a": 3 } ] }"#,
        "{\n  \"a\" :\t1,\r\n  \"b\":  {\n\n\"a\":\n2},\"c\" : [{\n    \"a\":   3}]\n}",
    ];
    for records in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for count in 1..=3 {
            let records: Vec<&str> = records[..count].iter().map(|record| spellings[*record]).collect();
            last(&records, |members| {
                let members = members.unwrap();
                let found = (members.scalar(A), members.scalar(B_A), members.scalar(C_A));

                assert_eq!(found, (Some("1"), Some("2"), Some("3")), "{records:?}");
                assert_eq!(members.has_known_layout(), count > 1, "{records:?}");
            });
        }
    }
}

#[test]
fn a_layout_is_known_once_it_was_read() {
    let (first, second) = (r#"{"a":1,"b":{"q":[{"r":2}]},"d":3}"#, r#"{"d":1,"a":2}"#);
    let known = |records: &[&str]| last(records, |members| members.unwrap().has_known_layout());

    assert!(!known(&[first]));
    assert!(known(&[first, r#"{"a":"x","b":{"q":[{"r":null}]},"d":[]}"#]));
    assert!(!known(&[first, second]));
    assert!(known(&[first, second, first]));
    assert!(!known(&[first, r#"{"a":1,"b":{"q":[{"s":2}]},"d":3}"#]));
}

#[test]
fn what_a_record_lacks_is_not_taken_from_the_one_before() {
    last(&[r#"{"a":1,"b":{"a":2},"d":3}"#, r#"{"b":null,"d":null,"q":{},"c":[]}"#], |members| {
        let members = members.unwrap();

        assert_eq!((members.has(A), members.scalar(A)), (false, None));
        assert_eq!((members.has(B), members.nesting(B)), (true, Some(Kind::Null)));
        assert_eq!((members.has(B_A), members.json(D)), (false, None));
        assert_eq!((members.is_single(C), members.json(C)), (false, Some("[]")));
    });
}

#[test]
fn escapes_are_undone_in_what_is_wanted_and_checked_in_what_is_not() {
    last(&[r#"{"a":"x\n\u00e9\ud83d\ude00","q":"\"\\\/\b\f\u0041","b":{"a":"\ud800"}}"#], |members| {
        let members = members.unwrap();

        assert_eq!(members.scalar(A), Some("x\né😀"));
        assert_eq!(members.scalar(B_A), Some("\u{fffd}"));
    });
    assert!(!is_read(r#"{"q":"\x"}"#));
    assert!(!is_read(r#"{"q":"\u00g0"}"#));
}

#[test]
fn the_members_of_several_elements_are_not_one() {
    last(&[r#"{"b":{},"c":[{"a":1},{"a":2},3]}"#], |members| {
        let members = members.unwrap();

        assert!(!members.is_single(C));
        assert_eq!(members.json(C), Some(r#"[{"a":1},{"a":2},3]"#));
        assert_eq!(members.nesting(B), None);
    });
}

#[test]
fn what_only_the_tape_can_tell_is_left_to_it() {
    for record in [
        r#"{"a":1,"a":2}"#,
        r#"{"b":{"a":1},"b":{}}"#,
        r#"{"b":{"d":1,"D":2}}"#,
        r#"{"a":{}}"#,
        r#"{"a":[]}"#,
        r#"{"b":"{}"}"#,
        r#"{"b":1}"#,
        r#"{"b":{},"c":{}}"#,
        r#"{"\u0061":1}"#,
        r#"{"records":[{"a":1}]}"#,
        "[]",
        "",
    ] {
        assert!(!is_read(record), "{record}");
    }
    let deep = format!("{{\"q\":{}{}}}", "{\"q\":".repeat(40), "1".to_owned() + &"}".repeat(40));
    assert!(!is_read(&deep));
}

#[test]
fn a_record_that_is_cut_anywhere_is_not_read() {
    let record = r#"{"a":"x\n","b":{"a":-1.5e3,"q":[true,null,{}]},"c":[{"a":1}],"d":"\u00e9"}"#;
    let mut reader = MemberReader::new(WANTS);
    assert_eq!(reader.read(record.as_bytes()), Some(record.len()));
    for end in 0..record.len() {
        assert_eq!(reader.read(&record.as_bytes()[..end]), None, "{end}");
    }
    assert_eq!(reader.read(format!("{record}\n{{").as_bytes()), Some(record.len()));
}

#[test]
fn more_keys_than_are_remembered_are_still_read() {
    let mut reader = MemberReader::new(WANTS);
    for number in 0..20_000 {
        let record = format!("{{\"k{number}\":{{\"l{number}\":[{number}]}},\"a\":{number}}}");

        assert_eq!(reader.read(record.as_bytes()), Some(record.len()));
        assert_eq!(reader.members(&record).scalar(A), Some(number.to_string().as_str()));
    }
}

/// JSON of any shape over few keys, so that wanted ones come often, twice, and at odd places.
fn value() -> BoxedStrategy<String> {
    let text = select(vec!["\"\"", "\"x\"", r#""\"\\\n""#, r#""\u00e9\ud800""#, "\"é😀\"", "\"a long enough text\""]);
    let word = select(vec!["null", "true", "false", "0", "-1", "12.50", "1e-7", "01", "-", "tru"]);
    let leaf = prop_oneof![8 => text.prop_map(str::to_owned), 8 => word.prop_map(str::to_owned)];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            3 => object_of(inner.clone()),
            1 => (vec(inner, 0..3), space()).prop_map(|(items, space)| format!("[{}]", items.join(&format!("{space},")))),
        ]
    })
    .boxed()
}

fn space() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " ", "\n", " \t"])
}

fn object_of(member: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    let key = select(vec!["a", "b", "c", "d", "D", "q", "r", "a\\u0062", ""]);
    vec((key, member, space()), 0..5).prop_map(|members| {
        let members: Vec<String> =
            members.into_iter().map(|(key, value, space)| format!("{space}\"{key}\":{space}{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// A record, with a byte changed in some.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let change = proptest::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (object_of(value()), change).prop_map(|(text, change)| {
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = change {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// Holds what was read against the tape.
fn compare(members: Members<'_>, root: Value<'_>) {
    let scalar = |path: &[&str]| root.at(path).and_then(Value::scalar);
    assert_eq!(members.scalar(A), scalar(&["a"]));
    assert_eq!(members.scalar(B_A), scalar(&["b", "a"]));
    assert_eq!(members.string(B_A), root.at(&["b", "a"]).and_then(Value::as_str));
    assert_eq!(members.has(A), root.get("a").is_some());
    let b = root.get("b");
    assert_eq!(members.has(B), b.is_some());
    assert_eq!(
        members.nesting(B) == Some(Kind::Object),
        b.is_some_and(|b| b.kind() == Kind::Object && b.members().next().is_some())
    );
    let items: Vec<Value<'_>> = root.get("c").map(|c| c.items().collect()).unwrap_or_default();
    assert_eq!(members.is_single(C), items.len() == 1);
    if let [only] = items.as_slice() {
        assert_eq!(members.scalar(C_A), only.at(&["a"]).and_then(Value::scalar));
    }
    for (want, value) in [(D, root.get("d")), (B_D, b.and_then(|b| b.get_ignore_case("d")))] {
        let json = members.json(want);
        assert_eq!(json.is_some(), value.is_some_and(|value| !value.is_null()));
        if let (Some(json), Some(value)) = (json, value) {
            let mut tape = Tape::new();
            tape.parse(json.as_bytes()).or_else(|_| tape.parse(format!("{json} ").as_bytes())).unwrap();
            let (mut here, mut there) = (String::new(), String::new());
            tape.root(json).unwrap().write_compact(&mut here);
            value.write_compact(&mut there);
            assert_eq!(here, there);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// What is read is what the tape accepts, of the same length and with the same members, whatever
    /// was read before.
    #[test]
    fn what_is_read_is_what_the_tape_says(records in vec(record(), 1..6)) {
        let mut reader = MemberReader::new(WANTS);
        let mut tape = Tape::new();
        for record in records {
            let read = reader.read(&record);
            let parsed = tape.parse(&record);
            if let Some(length) = read {
                prop_assert_eq!(parsed, Ok(length), "{}", String::from_utf8_lossy(&record));
                if let Ok(text) = std::str::from_utf8(&record[..length]) {
                    compare(reader.members(text), tape.root(text).unwrap());
                }
            }
        }
    }
}

#[test]
fn a_key_wanted_in_any_case_is_found_however_many_keys_there_were_before() {
    let mut reader = MemberReader::new(WANTS);
    for n in 0..20_000 {
        assert!(reader.read(format!(r#"{{"key{n}":0}}"#).as_bytes()).is_some());
    }
    for record in [r#"{"b":{"q":0,"D":[1,2]}}"#, r#"{"b":{"D":[1,2]}}"#] {
        assert_eq!(reader.read(record.as_bytes()), Some(record.len()));
        assert_eq!(reader.members(record).json(B_D), Some("[1,2]"));
    }
}
