//! Rules imported from Sigma mean what they mean in Sigma.

use std::collections::BTreeMap;

use serde_json::Value;
use tempfile::TempDir;

use crate::rules_import::{Activity, DELETION, findings, found, imported, logs, sign_in};
use crate::support::{folder, root};

#[test]
fn correlations_return_the_events_of_their_windows() {
    let deletion = |number, minute, resource, caller| Activity { minute, resource, caller, ..DELETION }.record(number);
    let refused = |number, minute, name| sign_in(number, minute, name, "50126", "x");
    let logs = logs(&[
        // Three within ten minutes, both ends included, and one on its own.
        ("ana00", deletion(1, 0, "ST1", "ana@example.com")),
        ("ana04", deletion(2, 4, "ST2", "ana@example.com")),
        ("ana10", deletion(3, 10, "ST3", "ana@example.com")),
        ("ana30", deletion(4, 30, "ST4", "ana@example.com")),
        // Never three within ten minutes.
        ("bob00", deletion(5, 0, "ST1", "bob@example.com")),
        ("bob06", deletion(6, 6, "ST2", "bob@example.com")),
        ("bob11", deletion(7, 11, "ST3", "bob@example.com")),
        // Three, but of two resources.
        ("cem00", deletion(8, 0, "ST1", "cem@example.com")),
        ("cem01", deletion(9, 1, "ST1", "cem@example.com")),
        ("cem02", deletion(10, 2, "ST2", "cem@example.com")),
        // Refused, then deleted.
        ("dora05_refused", refused(1, 5, "dora@example.com")),
        ("dora07", deletion(11, 7, "ST1", "dora@example.com")),
        // Deleted, then refused.
        ("fred05", deletion(12, 5, "ST1", "fred@example.com")),
        ("fred07_refused", refused(2, 7, "fred@example.com")),
        // Refused, and deleted an hour later; and somebody else was refused.
        ("gina00_refused", refused(3, 0, "gina@example.com")),
        ("gina59", deletion(13, 59, "ST1", "gina@example.com")),
        ("hugo59_refused", refused(4, 59, "hugo@example.com")),
    ]);

    let (rules, said) = imported(&root().join("tests/sigma/deletions.yml"), 2);

    assert!(said.contains("Resource Deleted: only read by correlations"), "{said}");
    assert!(said.contains("Average Of Something: the correlation type 'value_avg' has no counterpart here"), "{said}");
    assert!(
        said.contains("4 rules written to") && said.contains("2 only parts of correlations, 1 not converted"),
        "{said}"
    );
    let expected = [
        ("sigma-many-deletions-by-one-caller", "ana00 ana04 ana10 cem00 cem01 cem02"),
        ("sigma-many-resources-deleted-by-one-caller", "ana00 ana04 ana10"),
        ("sigma-refused-sign-in-and-deletion", "dora05_refused dora07 fred05 fred07_refused"),
        ("sigma-refused-sign-in-before-deletion", "dora05_refused dora07"),
    ];
    let expected: BTreeMap<String, String> = expected.map(|(id, files)| (id.to_owned(), files.to_owned())).into();
    assert_eq!(found(logs.path(), rules.path()), expected);
    let folded = findings(logs.path(), rules.path());
    let many: Vec<&Value> =
        folded.iter().filter(|finding| finding["rule_id"] == "sigma-many-deletions-by-one-caller").collect();
    assert_eq!(many.len(), 2, "one finding a caller");
    assert!(many.iter().all(|finding| finding["events"] == 3 && finding["severity"] == "high"), "{many:?}");
}

/// Rules with one selection each, in the words of Sigma, and the records that they must find.
const MATCHES: &[(&str, &str)] = &[
    ("operationName|contains: listKEYS", "a"),
    ("resourceId|endswith: /st_a", "a"),
    ("resourceId: '*/st?a'", "a b"),
    ("caller: ANA@example.com", "a"),
    ("caller|cased: Ana@Example.com", "a"),
    ("caller|cased: ana@example.com", ""),
    ("caller|re: '^Ana@'", "a"),
    ("caller|re: '^ana@'", ""),
    ("caller|re|i: '^ana@'", "a"),
    ("operationName|re: 'LISTKEYS/action$'", "a"),
    ("callerIpAddress|cidr: 203.0.113.0/24", "a c"),
    ("callerIpAddress|cidr: ['2001:db8::/32', 198.51.100.0/25]", "b d"),
    ("caller|exists: false", "b"),
    ("caller|exists: true", "a c d"),
    ("caller: null", "b"),
    ("caller: ''", "b"),
    ("caller: [null, ana@example.com]", "a b"),
    ("caller|neq: ana@example.com", "c d"),
    ("status: Failed", "c"),
    ("operationName|contains|all: [storage, write]", "b d"),
    ("caller: \"o'brien\\\\x_1@example.com\"", "d"),
    ("caller|contains: \"'brien\\\\x_1\"", "d"),
    ("caller|contains: \"'brien\\\\xy1\"", ""),
    ("caller|startswith: [ana, BOB]", "a c"),
    ("caller|fieldref: callerIpAddress", ""),
    ("caller: '*'", "a c d"),
];

/// The same with more than one selection.
const CONDITIONS: &[(&str, &str)] = &[
    ("one and not two", "b c d"),
    ("not (one and two)", "b c d"),
    ("not two", "b c d"),
    ("1 of t*", "a c"),
    ("all of t*", ""),
    ("2 of them", "a c"),
    ("one and (two or three)", "a c"),
];

/// Records `a` to `d`.
fn four_records() -> TempDir {
    logs(&[
        (
            "a",
            Activity {
                operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
                resource: "st_A",
                caller: "Ana@Example.com",
                ..DELETION
            }
            .record(1),
        ),
        (
            "b",
            Activity {
                operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE",
                resource: "stxA",
                caller: "",
                address: "2001:db8::7",
                ..DELETION
            }
            .record(2),
        ),
        ("c", Activity { resource: "st100", caller: "bob@example.com", status: "Failure", ..DELETION }.record(3)),
        (
            "d",
            Activity {
                operation: "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE",
                resource: "st200",
                caller: "O'Brien\\x_1@example.com",
                address: "198.51.100.7",
                ..DELETION
            }
            .record(4),
        ),
    ])
}

#[test]
fn every_comparison_means_what_it_means_in_sigma() {
    let logs = four_records();
    let source = "logsource: {product: azure, service: activitylogs}\ndetection:\n";
    let mut files = Vec::new();
    let mut expected = BTreeMap::new();
    for (number, (selection, records)) in MATCHES.iter().enumerate() {
        files.push((
            format!("m{number:02}.yml"),
            format!("title: m{number:02}\n{source}  s: {{{selection}}}\n  condition: s\n"),
        ));
        expected.insert(format!("sigma-m{number:02}"), (*records).to_owned());
    }
    let three =
        "  one: {operationName|contains: storage}\n  two: {caller: ana@example.com}\n  three: {status: Failed}\n";
    for (number, (condition, records)) in CONDITIONS.iter().enumerate() {
        files.push((
            format!("c{number:02}.yml"),
            format!("title: c{number:02}\n{source}{three}  condition: {condition}\n"),
        ));
        expected.insert(format!("sigma-c{number:02}"), (*records).to_owned());
    }
    let sigma = folder(&files);

    let (rules, _) = imported(sigma.path(), 0);

    let found = found(logs.path(), rules.path());
    for (id, records) in &expected {
        let number = id[id.len() - 2..].parse::<usize>().unwrap();
        let said = if id.contains("-m") { MATCHES[number].0 } else { CONDITIONS[number].0 };
        assert_eq!(found.get(id), Some(records), "{said}");
    }
}
