//! What holds of every shipped rule.

use airside::rule::{Status, case};

use crate::support::{library, runtime};

#[test]
fn every_case_of_every_rule_comes_out_as_it_says() {
    let runtime = runtime();
    let mut failures = Vec::new();
    for rule in library().rules() {
        for outcome in runtime.block_on(case::run(rule)).unwrap() {
            for difference in outcome.differences {
                failures.push(format!("{}: {}: {difference}", outcome.rule, outcome.case));
            }
        }
    }

    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_stable_rule_has_cases_that_fire_near_misses_and_an_all_null_record() {
    let runtime = runtime();
    for rule in library().rules().iter().filter(|rule| rule.head.status == Status::Stable) {
        let outcomes = runtime.block_on(case::run(rule)).unwrap();
        let firing = outcomes.iter().filter(|outcome| outcome.expects_findings).count();
        let id = &rule.head.id;

        assert!(firing >= 1, "{id} has no case that fires");
        assert!(outcomes.len() - firing >= 3, "{id} has too few near misses");
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
