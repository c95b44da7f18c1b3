//! What holds of every shipped rule.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use airside::rule::case::Outcome;
use airside::rule::front_matter::SECTIONS;
use airside::rule::run::REQUIRED;
use airside::rule::{Rule, case, matrix, technique};
use airside::sql::{session, tables};
use walkdir::WalkDir;

use crate::support::{library, root, runtime};

/// Paths of all files of one ending below `queries/`, without the ending, sorted.
fn files(ending: &str) -> BTreeSet<String> {
    let queries = root().join("queries");
    let entries = WalkDir::new(&queries).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let names = entries.map(|entry| entry.path().strip_prefix(&queries).unwrap().to_str().unwrap().to_owned());
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

/// Holds that nothing is wrong with any rule; what is wrong stands in the message.
fn assert_all(what: &str, wrong: impl Fn(&Rule) -> Vec<String>) {
    let of = |rule: &Rule| wrong(rule).into_iter().map(|wrong| format!("{}: {wrong}", rule.head.id)).collect();
    let wrong: Vec<String> = library().rules().iter().flat_map(|rule| -> Vec<String> { of(rule) }).collect();

    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_below_queries_is_shipped_and_has_its_cases() {
    let there = files(".sql");
    let shipped: BTreeSet<String> = library()
        .rules()
        .iter()
        .map(|rule| rule.file.strip_prefix("queries/").unwrap().strip_suffix(".sql").unwrap().to_owned())
        .collect();
    let missing: Vec<String> = there.difference(&shipped).map(|path| format!("    \"{path}\",")).collect();
    let cases = files(".cases.toml");

    assert!(missing.is_empty(), "add to SHIPPED in src/rule/load.rs, sorted:\n{}", missing.join("\n"));
    assert_eq!(there, cases, "every rule has one file of cases, and every file of cases its rule");
}

#[test]
fn ids_are_unique_and_are_the_names_of_their_files_in_the_folder_of_their_direction() {
    let ids: BTreeSet<&str> = library().rules().iter().map(|rule| rule.head.id.as_str()).collect();

    assert_eq!(ids.len(), library().rules().len());
    assert_all("a rule stands at queries/<direction>/<id>.sql", |rule| {
        let direction = serde_json::to_value(rule.head.direction).unwrap();
        let folder = direction.as_str().unwrap().replace('-', "_");
        let right = format!("queries/{folder}/{}.sql", rule.head.id);
        if rule.file == right { vec![] } else { vec![format!("{} should be {right}", rule.file)] }
    });
}

#[test]
fn prose_is_complete() {
    assert_all("prose", |rule| {
        let headings: Vec<&str> = rule.prose.iter().map(|(heading, _)| heading.as_str()).collect();
        let mut wrong = Vec::new();
        if headings != SECTIONS {
            wrong.push(format!("sections {headings:?}"));
        }
        for (heading, text) in &rule.prose {
            if !text.ends_with(['.', '?', '!', ')']) {
                wrong.push(format!("'{heading}' ends in the middle of a sentence: {text}"));
            }
        }
        wrong
    });
}

#[test]
fn references_are_links_that_cannot_be_tampered_with_on_the_way() {
    assert_all("references", |rule| {
        let plain = rule.head.references.iter().filter(|reference| !reference.starts_with("https://"));
        let mut wrong: Vec<String> = plain.cloned().collect();
        if rule.head.references.is_empty() {
            wrong.push("has none".to_owned());
        }
        wrong
    });
}

#[test]
fn techniques_are_named_and_well_formed() {
    assert_all("ATT&CK", |rule| {
        let odd = rule.head.attack.iter().filter(|entry| !technique::is_entry(entry));
        let mut wrong: Vec<String> = odd.cloned().collect();
        if rule.head.attack.is_empty() {
            wrong.push("names no technique".to_owned());
        }
        wrong
    });
}

#[test]
fn every_query_returns_the_required_columns_itself() {
    let runtime = runtime();
    let ctx = runtime.block_on(tables::empty_session()).unwrap();
    assert_all("columns", |rule| {
        let frame = runtime.block_on(session::plan_read_only(&ctx, &rule.sql)).unwrap();
        let has = |column: &str| frame.schema().fields().iter().any(|field| field.name() == column);
        REQUIRED.iter().filter(|column| !has(column)).map(|column| format!("lacks {column}")).collect()
    });
}

#[test]
fn the_matrix_names_numbers_of_the_catalogue_and_all_that_are_shipped() {
    let rows = matrix::rows().unwrap();
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| &row.rules).map(String::as_str).collect();

    for row in &rows {
        assert!(!row.rules.is_empty(), "queries/coverage.toml: '{}' has no rule", row.statement);
        for number in &row.rules {
            assert!(matrix::is_number(number), "queries/coverage.toml: '{number}' is none of R01 to R62");
        }
    }
    assert_all("add the number to the statement that it watches over, in queries/coverage.toml", |rule| {
        matrix::numbers(rule).filter(|number| !named.contains(number)).map(str::to_owned).collect()
    });
}

/// The outcomes of every rule's cases, run once for all tests.
fn outcomes() -> &'static Vec<(&'static Rule, Vec<Outcome>)> {
    static OUTCOMES: OnceLock<Vec<(&'static Rule, Vec<Outcome>)>> = OnceLock::new();
    OUTCOMES.get_or_init(|| {
        let run = |rule: &'static Rule| (rule, runtime().block_on(case::run(rule)).unwrap());
        let rules: Vec<&'static Rule> = library().rules().iter().collect();
        let half = rules.len() / 2;
        std::thread::scope(|scope| {
            let first = scope.spawn(|| rules[..half].iter().map(|rule| run(rule)).collect::<Vec<_>>());
            let second: Vec<_> = rules[half..].iter().map(|rule| run(rule)).collect();
            first.join().unwrap().into_iter().chain(second).collect()
        })
    })
}

#[test]
fn every_case_of_every_rule_comes_out_as_it_says() {
    let mut failures = Vec::new();
    for outcome in outcomes().iter().flat_map(|(_, outcomes)| outcomes) {
        for difference in &outcome.differences {
            failures.push(format!("{}: {}: {difference}", outcome.rule, outcome.case));
        }
    }

    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_cases_that_fire_near_misses_and_an_all_null_record() {
    for (rule, outcomes) in outcomes() {
        let firing = outcomes.iter().filter(|outcome| outcome.expects_findings).count();
        let id = &rule.head.id;

        assert!(firing >= 1, "{id} has no case that fires");
        assert!(outcomes.len() - firing >= 2, "{id} has too few near misses");
        assert!(outcomes.iter().any(|outcome| outcome.case.contains("null")), "{id} has no all-null case");
    }
}

#[test]
fn the_catalogues_numbers_lead_to_their_rules() {
    let numbers = [
        ("R01", "dbmi-storage-data-access"),
        ("R03", "dbmi-keyvault-secret-read"),
        ("R05", "dbmi-cmk-identity-misuse"),
        ("R07", "dbmi-data-audience-token"),
        ("R09", "dbmi-account-keys-or-sas-listed"),
        ("R11", "dbmi-account-keys-or-sas-listed"),
        ("R15", "adac-management-operation"),
        ("R16", "adac-management-operation"),
        ("R18", "adac-keys-or-sas-listed"),
        ("R19", "adac-role-assignment-write"),
        ("R20", "adac-management-operation"),
        ("R21", "adac-management-operation"),
        ("R25", "dbmi-granted-data-role"),
        ("R27", "adac-granted-management-role"),
        ("R45", "identity-dual-use"),
        ("R59", "diagnostic-settings-removed"),
    ];
    for (number, id) in numbers {
        assert_eq!(library().find(number).unwrap().head.id, id);
    }
}
