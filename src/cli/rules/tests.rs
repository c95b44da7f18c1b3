use super::*;
use crate::report::samples;
use crate::rule::Settings;

/// A rule that says little.
fn rule(id: &str, title: &str) -> Rule {
    let head = format!(
        r#"
        id = '{id}'
        aliases = ["R09"]
        title = '''{title}'''
        severity = "high"
        direction = "infra-doing-data"
        status = "stable"
        profile = "core"
        sources = ["keyvault"]
        group_by = ["principal_id"]
        created = 2026-11-24
        updated = 2026-11-25
        [params.min_events]
        default = 5
        why = "fewer are a probe"
        "#
    );
    Rule {
        head: toml::from_str(&head).unwrap(),
        prose: vec![("What it finds".to_owned(), "A secret\nread.".to_owned())],
        sql: "--! id = \"x\"\n\n-- ## What it finds\n-- A secret\nSELECT *\nFROM dbmi\n-- the end\n".to_owned(),
        file: "queries/x.sql".to_owned(),
        cases: None,
        settings: Settings::default(),
    }
}

fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_list_is_sorted_by_id_and_aligned() {
    let library = [rule("b-rule", "Second"), rule("a", "First")];

    let text = text_of(|out| list(&library, RulesFormat::Table, out, Style::default()).unwrap());

    assert_eq!(
        text,
        "\
id      severity       direction         profile  title
a       high           infra-doing-data  core     First
b-rule  high           infra-doing-data  core     Second
"
    );
}

#[test]
fn the_list_as_json_is_a_document_and_dates_are_text() {
    let text = text_of(|out| list(&[rule("a", "First")], RulesFormat::Json, out, Style::default()).unwrap());

    assert_eq!(
        text,
        concat!(
            "{\"schema_version\":1,\"rules\":[\n",
            r#"{"id":"a","aliases":["R09"],"title":"First","severity":"high","direction":"infra-doing-data","#,
            r#""status":"stable","profile":"core","sources":["keyvault"],"any_sources":[],"needs":[],"attack":[],"#,
            r#""created":"2026-11-24","updated":"2026-11-25"}"#,
            "\n]}\n"
        )
    );
}

#[test]
fn a_rule_is_shown_with_its_prose_and_the_sql_below_its_head() {
    let text = text_of(|out| show(&rule("a", "First"), out, Style::default()).unwrap());

    assert_eq!(
        text,
        "\
a
First

  severity    high
  direction   infra-doing-data
  profile     core
  status      stable
  also called R09
  needs all   keyvault
  folded by   principal_id
  parameter   $min_events = 5: fewer are a probe
  created     2026-11-24, updated 2026-11-25
  file        queries/x.sql

What it finds
A secret
read.

SQL
SELECT *
FROM dbmi
-- the end
"
    );
}

#[test]
fn a_rule_is_found_by_each_of_its_names() {
    let library = [rule("a", "First")];

    assert!(find(&library, "A").is_ok());
    assert!(find(&library, "r09").is_ok());
    assert_eq!(find(&library, "r10").unwrap_err().exit_code(), ExitCode::Usage);
}

#[test]
fn a_rule_of_others_cannot_write_to_the_terminal() {
    let mut hostile = rule("a", "");
    hostile.head.title = samples::HOSTILE.to_owned();
    hostile.prose = vec![(samples::HOSTILE.to_owned(), samples::HOSTILE.replace("\r\n", " "))];
    hostile.sql = samples::HOSTILE.replace("\r\n", "\r");
    let library = [hostile];

    samples::assert_harmless(&text_of(|out| list(&library, RulesFormat::Table, out, Style::default()).unwrap()));
    samples::assert_harmless(&text_of(|out| list(&library, RulesFormat::Ndjson, out, Style::default()).unwrap()));
    samples::assert_harmless(&text_of(|out| show(&library[0], out, Style::default()).unwrap()));
}

#[test]
fn failed_cases_are_named_and_counted() {
    let passed = CaseOutcome { rule: "a".to_owned(), case: "fires".to_owned(), failure: None };
    let failed = CaseOutcome {
        rule: "a".to_owned(),
        case: "near miss".to_owned(),
        failure: Some("expected nothing\nfound \u{1b}[31m".to_owned()),
    };

    let text = text_of(|out| write_cases(&[passed, failed], out, Style::default()).unwrap());

    assert_eq!(
        text,
        "failed  a: near miss\n  expected nothing\n  found \\u{1b}[31m\n2 cases of 1 rules: 1 passed, 1 failed\n"
    );
}

#[test]
fn problems_are_printed_before_their_number() {
    let good = CheckOutcome { rules: 57, problems: vec![] };
    let bad = CheckOutcome { rules: 57, problems: vec!["x.sql:2:5: unknown key".to_owned()] };

    assert_eq!(text_of(|out| write_check(&good, out).unwrap()), "57 rules checked, nothing wrong\n");
    assert_eq!(text_of(|out| write_check(&bad, out).unwrap()), "x.sql:2:5: unknown key\n57 rules checked, 1 wrong\n");
}
