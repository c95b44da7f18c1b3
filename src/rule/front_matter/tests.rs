use super::*;
use crate::rule::{Direction, Profile, Severity, Status, Subject};

/// A rule file in which nothing is wrong.
pub(crate) const FILE: &str = r#"--! id = "sample-rule"
--! aliases = ["R99"]
--! title = "A sample"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! sources = ["storage"]
--! attack = ["T1530", "T1555.006"]
--! group_by = ["principal_id", "target_id"]
--! details = ["object_path"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://example.org/"]
--! [params.min_events]
--! default = 2
--! why = "one may be chance"

-- ## What it finds
-- Things.
--
-- More things.
-- ## Why it matters
-- It does.
-- ## What it cannot see
-- The rest.
-- ## False positives
-- None known.
-- ## What to do
-- Look.
SELECT * FROM dbmi
WHERE source = 'storage' AND bytes_out >= $min_events -- a comment
"#;

/// The name of the file that holds [`FILE`].
pub(crate) const NAME: &str = "queries/sample-rule.sql";

/// [`FILE`], read.
pub(crate) fn rule() -> Rule {
    parse(NAME, FILE, None).unwrap()
}

/// [`FILE`] with one text in place of another, read.
pub(crate) fn changed(from: &str, to: &str) -> Result<Rule, Vec<Problem>> {
    assert!(FILE.contains(from), "{from}");
    parse(NAME, &FILE.replacen(from, to, 1), None)
}

fn messages(from: &str, to: &str) -> Vec<String> {
    changed(from, to).unwrap_err().iter().map(Problem::to_string).collect()
}

#[test]
fn head_prose_and_query_are_read() {
    let rule = rule();

    assert_eq!(rule.head.id, "sample-rule");
    assert_eq!(rule.head.severity, Severity::High);
    assert_eq!(rule.head.direction, Direction::InfraDoingData);
    assert_eq!(rule.head.status, Status::Stable);
    assert_eq!(rule.head.profile, Profile::Core);
    assert_eq!(rule.head.subject, Subject::Principal);
    assert_eq!(rule.head.params["min_events"].default, toml::Value::Integer(2));
    assert_eq!(rule.prose.len(), 5);
    assert_eq!(rule.prose[0], ("What it finds".to_owned(), "Things.\n\nMore things.".to_owned()));
    assert_eq!(rule.sql, FILE);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let text = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));

    let read = parse(NAME, &text, None).unwrap();

    assert_eq!(read.head, rule().head);
    assert_eq!(read.prose, rule().prose);
}

#[test]
fn a_misspelt_key_is_reported_at_its_line_and_column() {
    let problems = changed("severity =", "sevrity =").unwrap_err();

    assert_eq!((problems[0].line, problems[0].column), (Some(4), Some(5)));
    assert!(problems[0].message.starts_with("unknown field `sevrity`"), "{}", problems[0].message);
    assert!(problems[0].message.ends_with("; did you mean 'severity'?"), "{}", problems[0].message);
}

#[test]
fn a_wrong_word_is_reported_at_the_value() {
    let problems = changed("\"high\"", "\"hihg\"").unwrap_err();

    assert_eq!((problems[0].line, problems[0].column), (Some(4), Some(16)));
    assert!(problems[0].message.contains("did you mean 'high'"), "{}", problems[0].message);
}

#[test]
fn broken_toml_is_reported_at_its_place() {
    let problems = changed("title = \"A sample\"", "title = A sample").unwrap_err();

    assert_eq!((problems[0].line, problems[0].column), (Some(3), Some(13)));
}

#[test]
fn a_missing_key_is_named() {
    assert_eq!(messages("--! title = \"A sample\"\n", ""), ["queries/sample-rule.sql:1: missing field `title`"]);
}

#[test]
fn what_the_head_says_is_checked() {
    for (from, to, expected) in [
        ("id = \"sample-rule\"", "id = \"Sample_Rule\"", "1: Sample_Rule: the id 'Sample_Rule' is not in kebab case"),
        ("id = \"sample-rule\"", "id = \"other\"", "1: other: the id 'other' is not the file's name"),
        ("[\"R99\"]", "[\"R 99\"]", "2: sample-rule: the alias 'R 99'"),
        ("\"A sample\"", "\" \"", "3: sample-rule: the title is one line"),
        ("[\"storage\"]", "[\"storag\"]", "8: sample-rule: 'storag' is no source"),
        ("[\"storage\"]", "[]", "1: sample-rule: the head says in none of"),
        ("\"T1530\"", "\"1530\"", "9: sample-rule: '1530' is no ATT&CK technique"),
        ("\"T1530\"", "\"T1555.006\"", "9: sample-rule: 'T1555.006' stands twice in attack"),
        ("[\"principal_id\", \"target_id\"]", "[]", "10: sample-rule: group_by names at least one column"),
        ("created = 2026-11-24", "created = 2026-11-24T10:00:00Z", "12: sample-rule: created is a day"),
        ("created = 2026-11-24", "created = 2026-11-25", "13: sample-rule: updated (2026-11-24) is before created"),
        ("https://example.org/", "example.org", "14: sample-rule: the reference 'example.org' is no URL"),
        ("default = 2", "default = [2]", "15: sample-rule: the default of 'min_events' is a whole number"),
        ("one may be chance", " ", "15: sample-rule: the parameter 'min_events' does not say why"),
        ("[params.min_events]", "[params.\"Min\"]", "sample-rule: the parameter name 'Min' is not in snake case"),
        ("--! attack", "--! needs = [\"allowed\"]\n--! attack", "9: sample-rule: 'allowed' is no side table"),
    ] {
        let messages = messages(from, to);
        assert!(messages.iter().any(|message| message.contains(expected)), "{expected}: {messages:?}");
    }
}

#[test]
fn prose_must_be_whole_in_order_and_not_empty() {
    for (from, to, expected) in [
        (
            "-- ## False positives\n-- None known.\n",
            "",
            ":17: sample-rule: the section '-- ## False positives' is missing",
        ),
        ("## False positives", "## False positive", ":27: sample-rule: there is no section 'False positive'; did you"),
        ("-- None known.\n", "--\n", ":27: sample-rule: the section 'False positives' is empty"),
        ("## False positives", "## What it finds", ":27: sample-rule: the section 'What it finds' stands twice"),
        ("-- ## What it finds", "-- text\n-- ## What it finds", ":19: sample-rule: text before the first section"),
        (
            "-- ## What to do\n-- Look.\nSELECT * FROM dbmi\n",
            "SELECT * FROM dbmi\n-- ## What to do\n-- Look.\n",
            "after the query",
        ),
        ("-- ## What it finds", "SELECT 1\n--! x = 1", ":20: sample-rule: a line of the head after the head's end"),
    ] {
        let messages = messages(from, to);
        assert!(messages.iter().any(|message| message.contains(expected)), "{expected}: {messages:?}");
    }
    let swapped = FILE
        .replace("## What it finds", "## X")
        .replace("## Why it matters", "## What it finds")
        .replace("## X", "## Why it matters");
    let problems = parse(NAME, &swapped, None).unwrap_err();
    assert!(problems[0].message.starts_with("the section 'What it finds' is out of order"), "{problems:?}");
}

#[test]
fn a_file_without_head_or_query_is_refused() {
    let (head_and_prose, _) = FILE.split_once("SELECT").unwrap();

    let without_head = parse(NAME, "SELECT 1", None).unwrap_err();
    let without_query = parse(NAME, head_and_prose, None).unwrap_err();

    assert_eq!(without_head[0].line, Some(1));
    assert!(without_query[0].message.starts_with("there is no query"), "{without_query:?}");
}
