use super::list::{filtered, list};
use super::show::show;
use super::*;
use crate::cli::args::ListFilter;
use crate::event::vocabulary::LogSource;
use crate::report::samples;
use crate::rule::{Direction, Profile, Settings, Severity};

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

/// All rules, by id.
fn all(library: &[Rule]) -> Vec<&Rule> {
    filtered(library, &ListFilter::default()).unwrap()
}

fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_list_is_sorted_by_id_and_aligned() {
    let library = [rule("b-rule", "Second"), rule("a", "First")];

    let text = text_of(|out| list(&all(&library), RulesFormat::Table, out, Style::default()).unwrap());

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
fn every_flag_of_the_filter_must_apply_and_one_of_its_values_is_enough() {
    let mut hunting = rule("b-rule", "Second");
    hunting.head.profile = Profile::Hunting;
    hunting.head.severity = Severity::Low;
    hunting.head.any_sources = vec!["storage".to_owned()];
    hunting.head.attack = vec!["T1562.008|T1685.002".to_owned()];
    let library = [rule("a", "First"), hunting];
    let ids = |filter: &ListFilter| -> Vec<&str> {
        filtered(&library, filter).unwrap().iter().map(|rule| rule.head.id.as_str()).collect()
    };
    let all = ListFilter::default();
    let techniques = |id: &str| ListFilter { technique: vec![id.to_owned()], ..all.clone() };
    let sources = |sources: &[LogSource]| ListFilter { source: sources.to_vec(), ..all.clone() };

    assert_eq!(ids(&ListFilter { severity: Some(Severity::Medium), ..all.clone() }), ["a"]);
    assert_eq!(ids(&ListFilter { severity: Some(Severity::Low), ..all.clone() }), ["a", "b-rule"]);
    assert_eq!(ids(&ListFilter { profile: vec![Profile::Hunting], ..all.clone() }), ["b-rule"]);
    assert_eq!(ids(&ListFilter { direction: vec![Direction::Governance], ..all.clone() }), [] as [&str; 0]);
    assert_eq!(ids(&sources(&[LogSource::Storage])), ["b-rule"]);
    assert_eq!(ids(&sources(&[LogSource::KeyVault, LogSource::Sql])), ["a", "b-rule"]);
    assert_eq!(ids(&techniques("t1685")), ["b-rule"]);
    assert_eq!(ids(&ListFilter { profile: vec![Profile::Core], ..techniques("T1685.002") }), [] as [&str; 0]);
}

#[test]
fn a_technique_of_no_rule_is_answered_with_those_there_are() {
    let mut known = rule("a", "First");
    known.head.attack = vec!["T1530".to_owned(), "T1562.008|T1685.002".to_owned()];
    let filter = ListFilter { technique: vec!["T1531".to_owned()], ..ListFilter::default() };

    let refused = filtered(&[known], &filter).unwrap_err();

    assert_eq!(
        refused.to_string(),
        "no rule is for the technique 'T1531'; there are rules for T1530, T1562.008, T1685.002; did you mean 'T1530'?"
    );
}

#[test]
fn the_list_as_json_is_a_document_and_dates_are_text() {
    let text = text_of(|out| list(&[&rule("a", "First")], RulesFormat::Json, out, Style::default()).unwrap());

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

    samples::assert_harmless(&text_of(|out| list(&all(&library), RulesFormat::Table, out, Style::default()).unwrap()));
    samples::assert_harmless(&text_of(|out| list(&all(&library), RulesFormat::Ndjson, out, Style::default()).unwrap()));
    samples::assert_harmless(&text_of(|out| show(&library[0], out, Style::default()).unwrap()));
}

#[test]
fn problems_are_printed_before_their_number() {
    let good = CheckOutcome { rules: 57, problems: vec![] };
    let bad = CheckOutcome { rules: 0, problems: vec!["x.sql:2:5: unknown key".to_owned()] };

    assert_eq!(text_of(|out| write_check(&good, out).unwrap()), "57 rules checked, nothing wrong\n");
    assert_eq!(text_of(|out| write_check(&bad, out).unwrap()), "x.sql:2:5: unknown key\n1 mistake found\n");
}
