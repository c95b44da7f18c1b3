//! Expected offsets and lengths are counted by hand in the input beside them.

use crate::frame::tests::{lines, lines_of, records, seen, seen_with_limit};
use crate::frame::{FrameReject, Framed, Framer, MAX_RECORD_BYTES};

#[test]
fn lines_end_in_any_way_and_the_last_one_need_not() {
    let expected = ["{\"a\":1}", "{\"a\":2}"];

    for input in [
        "{\"a\":1}\n{\"a\":2}\n",
        "{\"a\":1}\r\n{\"a\":2}\r\n",
        "{\"a\":1}\n\r{\"a\":2}\n\r",
        "\n\n{\"a\":1}\n\n \n{\"a\":2}",
        "{\"a\":1}{\"a\":2}",
        "{\"a\":1},\n{\"a\":2},\n",
        "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n",
        "[{\"a\":1},{\"a\":2}]",
        "[\n  {\"a\":1},\n  {\"a\":2}\n]\n",
        "[{\"a\":1}]\n[]\n[{\"a\":2}]",
        "{\"a\":1}\n[{\"a\":2}]",
        "{\"a\":1}\u{feff}{\"a\":2}",
    ] {
        assert_eq!(lines(input).len(), 2, "{input}");
        assert_eq!(records(input), expected, "{input}");
    }
}

#[test]
fn places_cover_records_without_what_stands_between() {
    assert_eq!(lines(" [ {\"a\":1} ,\n{\"a\" : 22}]"), ["3+7 {\"a\":1}", "13+10 {\"a\":22}"]);
}

#[test]
fn records_of_envelopes_are_the_elements_of_their_arrays() {
    for (input, expected) in [
        ("{\"records\":[{\"a\":1},{\"a\":2}]}", 2),
        ("{ \"records\" : [ {\"a\":1},\n{\"a\":2} ] }\r\n{\"records\":[{\"a\":1}]}", 3),
        (
            "{\"@odata.context\":\"https://x/$metadata#y[1]\",\"@odata.count\":-1.5e3,\"value\":[{\"a\":1}],\"z\":[{}]}",
            1,
        ),
        ("{\"a\":true,\"b\":null,\"data\":[{\"a\":1}],\"skip_token\":null,\"c\":{\"records\":[{}]}}{\"x\":1}", 2),
        ("{\"storage_credentials\":[{\"a\":1}]}", 1),
        ("{\"external_locations\":[{\"a\":1}]}", 1),
        ("{\"next\":\"q\\\"\",\"credentials\":[{\"a\":1}],}", 1),
        ("{\"x\":1}\n{\"value\":[{\"a\":1}]}\n{\"x\":2}\n", 3),
        ("[{\"records\":[{\"a\":1}]},{\"x\":1},{\"records\":[{\"a\":1},{\"b\":1}]}]", 4),
        ("{\"value\":[]}", 0),
        ("{\"records\":[{\"value\":[1,2]}]}", 1),
    ] {
        let seen = seen(input.as_bytes());
        assert!(seen.iter().all(|seen| seen.found.is_ok()), "{input}: {seen:?}");
        assert_eq!(seen.len(), expected, "{input}");
    }
}

#[test]
fn an_object_without_a_leading_array_of_records_is_a_record() {
    for input in [
        "{\"value\":{\"a\":[1]}}",
        "{\"properties\":{\"a\":1},\"value\":[{\"b\":1}]}",
        "{\"other\":[1],\"value\":[{\"b\":1}]}",
        "{\"Records\":[{\"b\":1}]}",
        "{}",
    ] {
        assert_eq!(records(input), [input]);
    }
}

#[test]
fn elements_of_an_envelope_come_before_its_end_is_there() {
    let mut framer = Framer::new(MAX_RECORD_BYTES);

    framer.push(b"{\"@odata.context\":\"x\",\"value\":[{\"a\":1},{\"a\"");

    assert!(matches!(framer.next_frame(), Some(Framed::Record(frame)) if frame.text == "{\"a\":1}"));
    assert!(framer.next_frame().is_none());
    framer.push(b":2}");
    // What waits is looked at again once it has doubled.
    framer.push(b", {\"a\":3}]}");
    assert!(matches!(framer.next_frame(), Some(Framed::Record(frame)) if frame.text == "{\"a\":2}"));
}

#[test]
fn what_is_no_object_is_rejected_alone() {
    assert_eq!(
        lines("[1,{\"a\":1},\"x\",[2,{}],null ]\n7\n{\"a\":2}\n-1.5"),
        [
            "1+1 !not a JSON object",
            "3+7 {\"a\":1}",
            "11+3 !not a JSON object",
            "15+6 !not a JSON object",
            "22+4 !not a JSON object",
            "29+1 !not a JSON object",
            "31+7 {\"a\":2}",
            "39+4 !not a JSON object",
        ]
    );
}

#[test]
fn a_torn_line_costs_only_itself() {
    assert_eq!(
        lines("{\"a\":1}\n{\"a\":2,\"b\":\"tor\n{\"a\":3}\n{\"a\":4,\"b\":\n{\"a\":5}\n{\"a\":6}"),
        [
            "0+7 {\"a\":1}",
            "8+15 !malformed JSON",
            "24+7 {\"a\":3}",
            "32+11 !malformed JSON",
            "44+7 {\"a\":5}",
            "52+7 {\"a\":6}",
        ]
    );
}

#[test]
fn a_torn_line_that_stays_open_to_the_end_costs_only_itself() {
    assert_eq!(lines("{\"a\":[\n{\"a\":2}\n"), ["0+6 !truncated record", "7+7 {\"a\":2}"]);
}

#[test]
fn a_line_of_garbage_costs_only_itself() {
    assert_eq!(
        lines("{\"a\":1}\n--- rotated ---\n{\"a\":2}\n}]\n{\"a\":3}\n"),
        ["0+7 {\"a\":1}", "8+15 !malformed JSON", "24+7 {\"a\":2}", "32+2 !malformed JSON", "35+7 {\"a\":3}"]
    );
}

#[test]
fn single_quoted_values_cost_their_line() {
    // Seen in real exports of FunctionAppLogs, 2024.
    let bad = "{\"a\":1,\"properties\":{'appName':'x','message':'it is {\"b\" [ now'}}";
    let input = format!("{bad}\n{{\"a\":2}}\n{bad}\n");

    let length = bad.len();
    assert_eq!(
        lines(&input),
        [
            format!("0+{length} !malformed JSON"),
            format!("{}+7 {{\"a\":2}}", length + 1),
            format!("{}+{length} !malformed JSON", length + 9),
        ]
    );
}

#[test]
fn every_single_quoted_line_is_a_region_of_its_own() {
    assert_eq!(
        lines("{'a':1}\n{'a':2}\r\n\r\n{'a':3}  \n{\"a\":4}"),
        ["0+7 !malformed JSON", "8+7 !malformed JSON", "19+7 !malformed JSON", "29+7 {\"a\":4}"]
    );
}

/// Fed byte by byte, the whole line was rejected: the bad value came before the array was there.
#[test]
fn a_bad_value_in_the_head_of_an_envelope_costs_no_element() {
    assert_eq!(lines("{\"a\":x,\"value\":[{\"b\":1}]}"), ["16+7 {\"b\":1}"]);
}

#[test]
fn single_quoted_values_in_an_envelope_cost_their_element() {
    assert_eq!(
        lines("{\"records\":[{\"a\":1,\"p\":{'x':'y'}},{\"a\":2},{\"a\":{'z':'\\n'}}]}\n{\"a\":3}"),
        ["12+21 !malformed JSON", "34+7 {\"a\":2}", "42+16 !malformed JSON", "61+7 {\"a\":3}"]
    );
}

#[test]
fn zero_bytes_between_and_in_lines_cost_no_other_record() {
    assert_eq!(
        lines(b"{\"a\":1}\n\0\0\0{\"a\":2}\n{\"a\":\"x\0\0{\"a\":3}\n{\"b\0\":4}\n{\"a\":5}\0"),
        [
            "0+7 {\"a\":1}",
            "8+3 !malformed JSON",
            "11+7 {\"a\":2}",
            "19+9 !malformed JSON",
            "28+7 {\"a\":3}",
            "36+8 !malformed JSON",
            "45+7 {\"a\":5}",
            "52+1 !malformed JSON",
        ]
    );
}

#[test]
fn a_missing_comma_costs_nothing() {
    assert_eq!(records("[{\"a\":1} {\"a\":2}\n{\"a\":3}]"), ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
}

#[test]
fn a_missing_brace_in_an_array_costs_its_element() {
    assert_eq!(lines("[{\"a\":1,{\"a\":2},{\"a\":3}]"), ["1+7 !malformed JSON", "8+7 {\"a\":2}", "16+7 {\"a\":3}"]);
}

#[test]
fn a_brace_too_many_in_an_array_costs_no_element() {
    assert_eq!(lines("[{\"a\":1}},{\"a\":2}]"), ["1+7 {\"a\":1}", "8+1 !malformed JSON", "10+7 {\"a\":2}"]);
}

#[test]
fn an_unterminated_string_in_an_array_costs_its_element() {
    assert_eq!(
        lines("[{\"a\":1},{\"a\":\"un},{\"a\":\"x\"},{ \"a\":\"y\"}]{\"b\":1}"),
        ["1+7 {\"a\":1}", "9+10 !malformed JSON", "19+9 {\"a\":\"x\"}", "29+10 {\"a\":\"y\"}", "40+7 {\"b\":1}"]
    );
    // The bad element's own key serves where none was good before.
    assert_eq!(
        lines("[{\"a\":\"un},{\"a\":\"x\"},{\"a\":\"y\"}]"),
        ["1+10 !malformed JSON", "11+9 {\"a\":\"x\"}", "21+9 {\"a\":\"y\"}"]
    );
}

/// What is left of an element whose brackets match too early is no object: it has no key of its own.
#[test]
fn pieces_of_a_first_element_that_is_torn_cost_no_other() {
    assert_eq!(
        lines("[{\"a\":1 \"b\":{}},\"c\":\"x\"},{\"a\":3},{\"a\":4}]"),
        ["1+14 !malformed JSON", "16+3 !not a JSON object", "19+6 !malformed JSON", "25+7 {\"a\":3}", "33+7 {\"a\":4}",]
    );
}

#[test]
fn an_unterminated_string_in_a_pretty_array_costs_its_element() {
    let input = "[\n  {\n    \"a\": \"un,\n    \"b\": {\n      \"a\": 0\n    }\n  },\n  {\n    \"a\": 2\n  }\n]";

    assert_eq!(lines(input), ["4+49 !malformed JSON", "57+16 {\"a\":2}"]);
}

#[test]
fn words_that_are_no_json_in_an_array_cost_themselves() {
    assert_eq!(
        lines("[NaN, {\"a\":1}, None,'x', {\"a\":2}, undefined]"),
        [
            "1+3 !malformed JSON",
            "6+7 {\"a\":1}",
            "15+4 !malformed JSON",
            "20+3 !malformed JSON",
            "25+7 {\"a\":2}",
            "34+9 !malformed JSON",
        ]
    );
}

#[test]
fn garbage_between_elements_ends_at_the_next_one() {
    assert_eq!(
        lines("[{\"a\":1} garbage \"here {\"a\":2}, more: {\"b\":1}\n{\"c\":3}]"),
        ["1+7 {\"a\":1}", "9+13 !malformed JSON", "23+7 {\"a\":2}", "32+13 !malformed JSON", "46+7 {\"c\":3}"]
    );
}

#[test]
fn a_torn_envelope_does_not_hide_the_next_one() {
    assert_eq!(
        lines("{\"records\":[{\"a\":1},{\"a\":\n{\"records\":[{\"a\":2}]}\n{\"b\":3}\n"),
        ["12+7 {\"a\":1}", "20+18 !malformed JSON", "38+7 {\"a\":2}", "48+7 {\"b\":3}"]
    );
    assert_eq!(
        lines("{\"records\":[{\"a\":1}\n{\"records\":[{\"a\":2}]}\n"),
        ["12+7 {\"a\":1}", "32+7 {\"a\":2}", "42+0 !truncated record"]
    );
    assert_eq!(lines("{\"records\":[{\"a\":1}]\n{\"records\":[{\"a\":2}]}\n"), ["12+7 {\"a\":1}", "33+7 {\"a\":2}"]);
}

#[test]
fn a_bad_member_after_an_envelopes_array_is_rejected_alone() {
    assert_eq!(
        lines("{\"value\":[{\"a\":1}],\"n\":x}\n{\"a\":2}\n{\"value\":[{\"a\":3}] oops }\n{\"a\":4}"),
        [
            "10+7 {\"a\":1}",
            "18+7 !malformed JSON",
            "26+7 {\"a\":2}",
            "44+7 {\"a\":3}",
            "53+6 !malformed JSON",
            "60+7 {\"a\":4}"
        ]
    );
}

/// The line was taken for the member's value, and skipped with it.
#[test]
fn a_torn_member_after_an_envelopes_array_costs_only_itself() {
    assert_eq!(
        lines("{\"records\":[{\"n\":1}],\"b\":\n{\"n\":2}\n{\"n\":3}"),
        ["12+7 {\"n\":1}", "20+5 !malformed JSON", "26+7 {\"n\":2}", "34+7 {\"n\":3}"]
    );
}

#[test]
fn a_bracket_too_many_costs_no_element() {
    assert_eq!(lines("[{\"n\":1},],\n  {\"n\":2}]"), ["1+7 {\"n\":1}", "14+7 {\"n\":2}", "21+1 !malformed JSON"]);
    assert_eq!(
        lines("{\"value\":[{\"n\":1}],\n  {\"n\":2}]}"),
        ["10+7 {\"n\":1}", "22+7 {\"n\":2}", "29+2 !malformed JSON"]
    );
}

#[test]
fn nesting_too_deep_costs_only_its_record() {
    let deep = "{\"a\":".repeat(200) + "1" + &"}".repeat(200);

    assert_eq!(lines(format!("{deep}\n{{\"b\":1}}")), ["0+1201 !record over the depth limit", "1202+7 {\"b\":1}"]);
    assert_eq!(lines(format!("[{deep},{{\"b\":1}}]")), ["1+1201 !record over the depth limit", "1203+7 {\"b\":1}"]);
}

#[test]
fn half_a_record_at_the_end_is_truncated() {
    for (input, expected) in [
        ("{\"a\":1}\n{", "8+1 !truncated record"),
        ("{\"a\":1}\n{\"a\":\"x", "8+7 !truncated record"),
        ("{\"a\":1}\n\"x", "8+2 !truncated record"),
        ("{\"a\":1}\ntru", "8+3 !truncated record"),
        ("[{\"a\":1},{\"a\":{\"a\":2}", "9+12 !truncated record"),
        ("[{\"a\":1}", "8+0 !truncated record"),
        ("[{\"a\":1},", "9+0 !truncated record"),
    ] {
        let lines = lines(input);
        assert_eq!(lines.len(), 2, "{input}: {lines:?}");
        assert_eq!(lines[1], expected, "{input}");
    }
    assert_eq!(lines("{\"records\":[{\"a\":1}],\"x\""), ["12+7 {\"a\":1}", "20+4 !truncated record"]);
    assert_eq!(lines("{\"records\":[{\"a\":1}]"), ["12+7 {\"a\":1}", "20+0 !truncated record"]);
    assert_eq!(lines("{\"records\":["), ["12+0 !truncated record"]);
}

#[test]
fn a_record_that_is_no_utf8_is_rejected_alone() {
    assert_eq!(
        lines(b"{\"a\":\"\xe9\"}\n{\"a\":\"\xc3\xa9\"}\n[{\"\xff\":1},{\"a\":2}]"),
        ["0+9 !not UTF-8", "10+10 {\"a\":\"é\"}", "22+7 !not UTF-8", "30+7 {\"a\":2}"]
    );
}

#[test]
fn a_record_is_accepted_up_to_the_limit_and_rejected_one_byte_past_it() {
    let lines = lines_of(&seen_with_limit(b"{\"a\":\"123\"}\n{\"a\":\"1234\"}\n{\"a\":1}\n", 11));

    assert_eq!(lines, ["0+11 {\"a\":\"123\"}", "12+12 !record over the size limit", "25+7 {\"a\":1}"]);
}

#[test]
fn an_element_over_the_limit_costs_only_itself() {
    let input = "[{\"a\":1},{\"a\":\"twenty bytes or more\"},{\"a\":2}]";

    assert_eq!(
        lines_of(&seen_with_limit(input.as_bytes(), 12)),
        ["1+7 {\"a\":1}", "9+28 !record over the size limit", "38+7 {\"a\":2}"]
    );
}

/// Objects in it were taken for elements.
#[test]
fn what_is_inside_an_element_over_the_limit_is_no_record() {
    let input = "{\"value\":[{\"id\":1},{\"id\":2,\"l\":[{\"id\":5},{\"id\":6}],\"m\":{\"id\":7}},{\"id\":3}]}";

    assert_eq!(
        lines_of(&seen_with_limit(input.as_bytes(), 16)),
        ["10+8 {\"id\":1}", "19+45 !record over the size limit", "65+8 {\"id\":3}"]
    );
}

#[test]
fn an_object_over_the_limit_may_share_its_line() {
    assert_eq!(
        lines_of(&seen_with_limit(b"{\"a\":\"01\\\"}456\"}{\"a\":2}", 12)),
        ["0+16 !record over the size limit", "16+7 {\"a\":2}"]
    );
}

#[test]
fn a_torn_record_over_the_limit_ends_with_its_line() {
    assert_eq!(
        lines_of(&seen_with_limit(b"[{\"a\":1},\n{\"a\":\"0123456789\n{\"a\":2},\n{\"a\":3}]", 12)),
        ["1+7 {\"a\":1}", "10+16 !record over the size limit", "27+7 {\"a\":2}", "36+7 {\"a\":3}"]
    );
    assert_eq!(
        lines_of(&seen_with_limit(b"{\"a\":[1,22,333,4444\n{\"a\":2}\n", 12)),
        ["0+19 !record over the size limit", "20+7 {\"a\":2}"]
    );
}

#[test]
fn what_is_over_the_limit_is_not_kept() {
    let mut framer = Framer::new(1 << 10);
    framer.push(b"{\"a\":\"");
    for _ in 0..100 {
        framer.push(&[b'x'; 1 << 10]);
        assert!(framer.next_frame().is_none());
        assert!(framer.input.window().bytes.len() <= 4 << 10);
    }
    framer.push(b"\"}\n{\"b\":1}");

    let Some(Framed::Rejected(place, FrameReject::Oversized)) = framer.next_frame() else { panic!() };
    assert_eq!((place.offset, place.length), (0, 6 + 102_400 + 2));
    assert!(matches!(framer.next_frame(), Some(Framed::Record(frame)) if frame.text == "{\"b\":1}"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let seen = seen(b"{\"a\":1 \"b\":2}\n");

    let detail = "expected ',' or '}' at byte 7 of the record".to_owned();
    assert_eq!(seen[0].found, Err(FrameReject::Malformed { detail }));
}

/// The search for an element's end looked at the rest of the input again for every torn element.
#[test]
fn many_torn_elements_cost_no_more_than_their_length() {
    let mut input = b"[{\"k\":1}".to_vec();
    for _ in 0..20_000 {
        input.extend_from_slice(b",{\"x\":{'\"");
    }
    let mut framer = Framer::new(MAX_RECORD_BYTES);
    framer.push(&input);
    framer.finish();

    let mut count = 0;
    while framer.next_frame().is_some() {
        count += 1;
    }
    assert!(count >= 2);
}

/// Parsed from its start for each of 65,536 chunks, this record would take minutes.
#[test]
fn a_long_record_in_short_chunks_is_parsed_a_few_times_only() {
    let record = format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 20));
    let mut framer = Framer::new(MAX_RECORD_BYTES);
    for chunk in record.as_bytes().chunks(64) {
        framer.push(chunk);
        if let Some(framed) = framer.next_frame() {
            assert!(matches!(framed, Framed::Record(frame) if frame.text == record));
            return;
        }
    }
    framer.finish();

    assert!(matches!(framer.next_frame(), Some(Framed::Record(frame)) if frame.text == record));
}
