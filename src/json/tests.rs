use super::*;

fn parsed(text: &str) -> Result<(Tape, usize), ParseError> {
    let mut tape = Tape::new();
    let length = tape.parse(text.as_bytes())?;
    Ok((tape, length))
}

#[test]
fn a_path_leads_through_objects_and_keeps_dots_and_slashes_in_names() {
    let text = r#"{"identity":{"claims":{"http://a.b/c":"x","n":7}},"z":null} tail"#;
    let (tape, length) = parsed(text).unwrap();

    let root = tape.root(text).unwrap();

    assert_eq!(length, text.len() - 5);
    assert_eq!(root.at(&["identity", "claims", "http://a.b/c"]).unwrap().as_str(), Some("x"));
    assert_eq!(root.at(&["identity", "claims", "n"]).unwrap().as_i64(), Some(7));
    assert!(root.at(&["z"]).is_none());
    assert!(root.get("z").unwrap().is_null());
    assert!(root.at(&["identity", "nothing"]).is_none());
}

#[test]
fn the_last_of_doubled_keys_counts() {
    let text = r#"{"a":1,"a":2}"#;
    let (tape, _) = parsed(text).unwrap();

    assert_eq!(tape.root(text).unwrap().get("a").unwrap().as_i64(), Some(2));
}

#[test]
fn escapes_are_decoded_and_lone_surrogates_replaced() {
    let text = r#"["a\"\\\/\b\f\n\r\t","\u00e9\ud83d\ude00","\ud83dx","\udc00"]"#;
    let (tape, _) = parsed(text).unwrap();

    let items: Vec<_> = tape.root(text).unwrap().items().map(|item| item.as_str().unwrap().to_owned()).collect();

    assert_eq!(items, ["a\"\\/\u{8}\u{c}\n\r\t", "é😀", "\u{fffd}x", "\u{fffd}"]);
}

#[test]
fn json_in_a_string_is_expanded_again_and_again() {
    let text = r#"{"p":"{\"q\":\"{\\\"r\\\":[1,\\\"é\\\"]}\",\"s\":\"plain\"}"}"#;
    let (mut tape, _) = parsed(text).unwrap();

    assert!(tape.expand(text, &["p"]));
    assert!(tape.expand(text, &["p", "q"]));

    let root = tape.root(text).unwrap();
    assert_eq!(root.at(&["p", "s"]).unwrap().as_str(), Some("plain"));
    let items: Vec<_> = root.at(&["p", "q", "r"]).unwrap().items().filter_map(Value::scalar).collect();
    assert_eq!(items, ["1", "é"]);
    let mut compact = String::new();
    root.write_compact(&mut compact);
    assert_eq!(compact, r#"{"p":{"q":{"r":[1,"é"]},"s":"plain"}}"#);
}

#[test]
fn a_string_that_only_looks_like_json_stays_a_string() {
    for text in [r#"{"p":"{not json"}"#, r#"{"p":"{} and more"}"#, r#"{"p":"text"}"#, r#"{"p":3}"#] {
        let (mut tape, _) = parsed(text).unwrap();

        assert!(!tape.expand(text, &["p"]), "{text}");
        assert!(tape.root(text).unwrap().at(&["p"]).unwrap().scalar().is_some());
    }
}

#[test]
fn every_cut_of_a_value_is_incomplete_and_every_whole_one_complete() {
    let text = r#"{"a":[1.5e+3,-0,true,null,"x\u00e9\\ long enough for eight"],"b":{"c":{}},"d":[]}"#;

    for cut in 0..text.len() {
        assert_eq!(parsed(text.get(..cut).unwrap()).unwrap_err(), ParseError::Incomplete, "cut at {cut}");
    }
    assert_eq!(parsed(text).unwrap().1, text.len());
}

#[test]
fn what_json_forbids_is_malformed() {
    let bad = [
        "{'a':1}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\" 1}",
        "[01]",
        "[1.]",
        "[+1]",
        "[.5]",
        "[1e]",
        "[-]",
        "[tru ]",
        "{\"a\":\"\n\"}",
        "[\"\\x\"]",
        "[\"\\u12g4\"]",
        "}",
        "[1 2]",
        "{1:2}",
        "[NaN]",
    ];
    for text in bad {
        assert!(matches!(parsed(text), Err(ParseError::Malformed { .. })), "{text}");
    }
}

#[test]
fn nesting_is_accepted_up_to_the_cap_and_refused_one_past_it() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));

    let parsed = |most: usize, levels: usize| Tape::with_max_depth(most).parse(nested(levels).as_bytes());
    for most in [1, 9, limits::DEPTH, limits::MAX_DEPTH] {
        assert!(parsed(most, most).is_ok(), "{most}");
        assert_eq!(parsed(most, most + 1), Err(ParseError::TooDeep { at: most + 1 }), "{most}");
    }
    assert!(parsed(usize::MAX, limits::MAX_DEPTH + 1).is_err());
}

#[test]
fn a_flat_object_leaves_out_what_is_missing() {
    let mut tape = Tape::new();
    tape.set_flat_object([("a", Some("1")), ("b", None), ("c", Some("{\"d\":2}"))].into_iter());

    assert!(tape.expand("", &["c"]));

    let root = tape.root("").unwrap();
    assert_eq!(root.at(&["a"]).unwrap().as_str(), Some("1"));
    assert!(root.get("b").is_none());
    assert_eq!(root.at(&["c", "d"]).unwrap().as_i64(), Some(2));
}
