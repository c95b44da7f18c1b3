//! Real exports, where they lie beside the project: every record of every file is accounted for.

use std::path::Path;

use airside::pipeline::{Loaded, ReadOptions};

use crate::support::{read, real_logs, rows, scan};

/// File name (its end), then records read, events, duplicates, skipped, rejected. Counted with
/// Python over the files: lines or array elements, distinct sign-in ids, distinct Activity records
/// by time, correlation id, operation, status and resource.
const FILES: &[(&str, [u64; 5])] = &[
    ("activedirectory__audit_logs.json", [22, 22, 0, 0, 0]),
    ("managed_identity_sign_in_logs.json", [24, 23, 1, 0, 0]),
    ("non_interactive_user_sign_in_logs.json", [14, 14, 0, 0, 0]),
    ("risky_users_logs.json", [1, 0, 0, 1, 0]),
    ("service_principal_sign_in_logs.json", [25, 25, 0, 0, 0]),
    ("activedirectory__sign_in_logs.json", [5, 5, 0, 0, 0]),
    ("function_app_logs.json", [20, 0, 0, 0, 20]),
    ("networksecuritygroupflowevent_logs.json", [2, 0, 0, 2, 0]),
    ("activity_log_fixtures.json", [1, 1, 0, 0, 0]),
    ("azure_activity_log.jsonl", [4, 4, 0, 0, 0]),
    ("administrative-log.json", [2, 2, 0, 0, 0]),
    ("storage-read-log.json", [1, 1, 0, 0, 0]),
    ("rules__azure_activity_rules__Tests.ndjson", [214, 205, 9, 0, 0]),
];

fn counts(loaded: &Loaded) -> [u64; 5] {
    let records = loaded.coverage.records;
    [records.read, records.events, records.duplicates, records.skipped, records.rejected]
}

fn file_ending(folder: &Path, ending: &str) -> std::path::PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_str().unwrap().ends_with(ending));
    assert_eq!(files.len(), 1, "{ending}");
    files.remove(0)
}

#[test]
fn every_record_of_every_real_file_is_accounted_for() {
    let Some(folder) = real_logs() else { return };
    for (ending, expected) in FILES {
        let loaded = read(&file_ending(&folder, ending));
        assert_eq!(counts(&loaded), *expected, "{ending}: {:?} {:?}", loaded.coverage, loaded.rejected);
    }
    let whole = read(&folder);
    let sums = FILES.iter().fold([0; 5], |sums, (_, counts)| std::array::from_fn(|at| sums[at] + counts[at]));
    // The folder's index is neither JSON nor CSV nor Avro: one rejected region.
    assert_eq!(counts(&whole), [sums[0] + 1, sums[1], sums[2], sums[3], sums[4] + 1]);
}

#[test]
fn single_quoted_records_are_rejected_with_place_and_reason() {
    let Some(folder) = real_logs() else { return };
    let file = file_ending(&folder, "function_app_logs.json");

    let loaded = read(&file);

    let text = std::fs::read_to_string(&file).unwrap();
    let mut offset = 0;
    let starts: Vec<u64> = text
        .split_inclusive('\n')
        .map(|line| {
            let start = offset;
            offset += line.len() as u64;
            start
        })
        .collect();
    assert_eq!(loaded.rejected.len(), 20);
    for (record, rejected) in loaded.rejected.iter().enumerate() {
        assert_eq!(rejected.offset, starts[record]);
        assert_eq!(rejected.record, Some(record as u64));
        assert_eq!(rejected.reason, "malformed JSON");
        assert!(rejected.detail.as_ref().unwrap().contains("double quotes"), "{rejected:?}");
    }
}

#[test]
fn the_real_workspace_identity_is_in_its_stream_and_innocent() {
    let Some(folder) = real_logs() else { return };
    let file = file_ending(&folder, "managed_identity_sign_in_logs.json");

    let loaded = read(&file);
    let findings = scan(&file, &ReadOptions::default()).findings;

    let streams = rows(&loaded, ["principal_name", "stream", "identity_kind", "audience_kind"]);
    let dbmi: Vec<_> = streams.iter().filter(|row| row[0].as_deref() == Some("dbmanagedidentity")).collect();
    assert_eq!(dbmi.len(), 1);
    assert_eq!(dbmi[0][1].as_deref(), Some("dbmi"));
    assert_eq!(dbmi[0][2].as_deref(), Some("uami"));
    assert_eq!(dbmi[0][3].as_deref(), Some("monitor"));
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn a_user_delegation_sas_names_the_effective_principal() {
    let Some(folder) = real_logs() else { return };
    let loaded = read(&file_ending(&folder, "storage-read-log.json"));

    let row = &rows(&loaded, ["principal_via", "auth_type", "principal_id", "requester_id", "outcome"])[0];

    assert_eq!(row[0].as_deref(), Some("sas_skoid"));
    assert_eq!(row[1].as_deref(), Some("delegation_sas"));
    assert_eq!(row[3].as_deref(), Some("abcdef12-3456-7890-abcd-ef1234567890"));
}
