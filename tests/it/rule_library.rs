//! What holds of every shipped rule.

use std::sync::OnceLock;

use airside::rule::Rule;
use airside::rule::case::{self, Outcome};

use crate::support::{library, runtime};

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
        if let Some(failure) = &outcome.failure {
            failures.push(format!("{}: {}: {failure}", outcome.rule, outcome.case));
        }
    }

    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
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
