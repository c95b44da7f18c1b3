//! Expected offsets and lengths are counted by hand in the input beside them.

use crate::frame::tests::{lines, lines_of, records, seen_with_limit};
use crate::frame::{FrameReject, Framed, Framer};
use crate::limits::Limits;

#[test]
fn a_row_is_a_flat_object_under_the_headers_names() {
    assert_eq!(
        lines("\u{feff}Correlation id,Status,Time\r\nc1,Succeeded,2024\r\nc2,,\r\n"),
        [
            "31+17 {\"Correlation id\":\"c1\",\"Status\":\"Succeeded\",\"Time\":\"2024\"}",
            "50+4 {\"Correlation id\":\"c2\"}"
        ]
    );
}

#[test]
fn quoted_cells_hold_commas_quotes_and_line_ends() {
    assert_eq!(
        lines("a,b,c\n\"x,y\",\"{\r\n  \"\"k\"\": \"\"v\"\"\r\n}\",\"\"\n\"\"\"\",\" z \",w\"w\"\n"),
        [
            "6+31 {\"a\":\"x,y\",\"b\":\"{\\r\\n  \\\"k\\\": \\\"v\\\"\\r\\n}\"}",
            "38+15 {\"a\":\"\\\"\",\"b\":\" z \",\"c\":\"w\\\"w\\\"\"}"
        ]
    );
}

#[test]
fn names_are_trimmed_and_the_first_value_of_doubled_ones_counts() {
    let header = "Application ID ,Autonomous system  number,Incoming token type,\"x \"\"y\"\"\",Incoming token type,\n";

    assert_eq!(
        records(format!("{header}1,2,3,4,5,6\n1,,,,5,\n")),
        [
            "{\"Application ID\":\"1\",\"Autonomous system number\":\"2\",\"Incoming token type\":\"3\",\"x \\\"y\\\"\":\"4\"}",
            "{\"Application ID\":\"1\",\"Incoming token type\":\"5\"}",
        ]
    );
}

#[test]
fn blank_lines_are_skipped_and_the_last_line_end_may_be_missing() {
    assert_eq!(records("\r\na,b\n\n1,2\r\n\r\n  \n3,4"), ["{\"a\":\"1\",\"b\":\"2\"}", "{\"a\":\"3\",\"b\":\"4\"}"]);
    assert_eq!(records("a,b\n1,\"2\""), ["{\"a\":\"1\",\"b\":\"2\"}"]);
    assert_eq!(records("a,b\n1,"), ["{\"a\":\"1\"}"]);
}

#[test]
fn a_header_alone_has_no_rows() {
    assert!(lines("a,b").is_empty());
    assert!(lines("a,b\r\n").is_empty());
}

#[test]
fn the_type_line_of_powershell_is_passed_over() {
    assert_eq!(records("#TYPE System.Object\r\n\"a\",\"b\"\r\n\"1\",\"2\"\r\n"), ["{\"a\":\"1\",\"b\":\"2\"}"]);
}

#[test]
fn a_row_with_another_number_of_cells_is_rejected_alone() {
    assert_eq!(
        lines("a,b\n1\n1,2\n1,2,3\n3,4\n"),
        [
            "4+1 !CSV row does not fit its header",
            "6+3 {\"a\":\"1\",\"b\":\"2\"}",
            "10+5 !CSV row does not fit its header",
            "16+3 {\"a\":\"3\",\"b\":\"4\"}"
        ]
    );
    assert_eq!(
        lines("a,b\n1,\"x\ny\",3\n3,4\n"),
        ["4+9 !CSV row does not fit its header", "14+3 {\"a\":\"3\",\"b\":\"4\"}"]
    );
}

#[test]
fn a_stray_quote_does_not_swallow_the_rows_after_it() {
    assert_eq!(
        lines("a,b,c\n1,\"2,3\n4,5,6\n7,\"8\",9\n"),
        [
            "6+6 !CSV row does not fit its header",
            "13+5 {\"a\":\"4\",\"b\":\"5\",\"c\":\"6\"}",
            "19+7 {\"a\":\"7\",\"b\":\"8\",\"c\":\"9\"}"
        ]
    );
    assert_eq!(
        lines("a,b,c\n1,\"2\" x,3\n4,5,6\n"),
        ["6+9 !CSV row does not fit its header", "16+5 {\"a\":\"4\",\"b\":\"5\",\"c\":\"6\"}"]
    );
}

#[test]
fn a_quoted_cell_after_a_stray_quote_ends_with_its_line() {
    assert_eq!(
        lines("a,b,c\nx\"y,\"2,3\n4,5,6\n7,\"8\",9\n"),
        [
            "6+8 !CSV row does not fit its header",
            "15+5 {\"a\":\"4\",\"b\":\"5\",\"c\":\"6\"}",
            "21+7 {\"a\":\"7\",\"b\":\"8\",\"c\":\"9\"}"
        ]
    );
}

#[test]
fn every_bad_row_is_a_region_of_its_own() {
    assert_eq!(
        lines("a,b\r\n1\r\n2,\"3\"4\r\n\r\n5,6\r\n"),
        [
            "5+1 !CSV row does not fit its header",
            "8+6 !CSV row does not fit its header",
            "18+3 {\"a\":\"5\",\"b\":\"6\"}"
        ]
    );
}

#[test]
fn an_unterminated_quote_at_the_end_is_truncated() {
    assert_eq!(lines("a,b\n1,2\n3,\"4"), ["4+3 {\"a\":\"1\",\"b\":\"2\"}", "8+4 !truncated record"]);
    assert_eq!(lines("a,b\n3,\"4\nx\n5,6\n"), ["4+6 !truncated record", "11+3 {\"a\":\"5\",\"b\":\"6\"}"]);
}

#[test]
fn a_row_over_the_limit_costs_only_itself() {
    assert_eq!(
        lines_of(&seen_with_limit(b"a,b\n1,2345678\n1,23456789\n1,\"2\n3\n4\n5\n6\"\n7,8\r\n", 9)),
        [
            "4+9 {\"a\":\"1\",\"b\":\"2345678\"}",
            "14+10 !record over the size limit",
            "25+13 !record over the size limit",
            "39+3 {\"a\":\"7\",\"b\":\"8\"}",
        ]
    );
}

#[test]
fn a_row_that_is_no_utf8_is_rejected_alone() {
    assert_eq!(lines(b"a,b\n\xff,2\n3,4\n"), ["4+3 !not UTF-8", "8+3 {\"a\":\"3\",\"b\":\"4\"}"]);
}

#[test]
fn a_file_with_too_many_columns_is_rejected_whole_and_says_so() {
    let header = |columns: usize| vec!["c"; columns].join(",") + "\n";

    assert!(lines(header(2_000)).is_empty());
    assert_eq!(lines(header(2_001)), ["0+4002 !CSV header over the column limit"]);
}

#[test]
fn the_number_of_columns_can_be_set() {
    let read = |text: &str| {
        let mut framer = Framer::within(&Limits { csv_columns: 3, ..Limits::default() });
        framer.push(text.as_bytes());
        framer.finish();
        match framer.next_frame() {
            Some(Framed::Record(_)) => None,
            Some(Framed::Rejected(_, reason)) => Some(reason),
            None => panic!("nothing is told of {text}"),
        }
    };

    assert_eq!(read("a,b,c\n1,2,3\n"), None);
    assert_eq!(read("a,b,c,d\n1,2,3,4\n"), Some(FrameReject::TooManyColumns));
}

#[test]
fn rows_over_the_limit_are_not_kept() {
    for start in ["1,\"", "1,"] {
        let mut framer = Framer::new(1 << 10);
        framer.push(b"a,b\n");
        framer.push(start.as_bytes());
        for _ in 0..100 {
            framer.push(&[b'x'; 1 << 10]);
            assert!(framer.next_frame().is_none());
            assert!(framer.input.window().bytes.len() <= 4 << 10);
        }
        framer.push(b"\r\n3,4\r\n");
        framer.finish();

        let Some(Framed::Rejected(place, FrameReject::Oversized)) = framer.next_frame() else { panic!("{start}") };
        assert_eq!((place.offset, place.length), (4, start.len() as u64 + 102_400));
        assert!(matches!(framer.next_frame(), Some(Framed::Record(frame)) if frame.place.length == 3));
        assert!(framer.next_frame().is_none());
    }
}
