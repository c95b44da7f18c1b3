//! The labelled tenant of `sample-logs/`: one scan tells the whole story. The labels were worked
//! out by a script of its own, apart from this crate.

use std::collections::BTreeMap;
use std::fs;

use airside::finding::Finding;
use airside::pipeline::{Analysis, ReadOptions};
use airside::time::UtcMicros;
use serde_json::{Value, json};

use crate::support::{read, root, rows, scan};

fn labels() -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("sample-logs/tenant-labels.json")).unwrap()).unwrap()
}

fn tenant() -> Analysis {
    scan(&root().join("sample-logs/tenant"), &ReadOptions::default())
}

/// What the labels say of a finding, in the labels' own spelling.
fn labelled(finding: &Finding, has_target: bool) -> Value {
    let time = |time: UtcMicros| {
        let text = time.to_string();
        let (seconds, fraction) =
            text.trim_end_matches('Z').split_once('.').unwrap_or((text.trim_end_matches('Z'), ""));
        format!("{seconds}.{fraction:0<6}Z")
    };
    json!({
        "rule_id": finding.rule_id,
        "principal_id": finding.principal_id,
        "target_id": finding.target_id.as_deref().filter(|_| has_target),
        "events": finding.events,
        "severity": finding.severity,
        "stream": finding.stream,
        "identity_kind": finding.identity_kind,
        "actor_id": finding.actor_id,
        "first_seen": time(finding.first_seen),
        "last_seen": time(finding.last_seen),
    })
}

#[test]
fn every_labelled_incident_is_found_and_nothing_else() {
    let labels = labels();
    let labels = labels["findings"].as_array().unwrap();
    let fields = labelled(&tenant().findings[0], true);
    let mut expected: Vec<String> = labels
        .iter()
        .map(|label| {
            let said = fields.as_object().unwrap().keys().map(|key| (key.clone(), label[key].clone()));
            Value::Object(said.collect()).to_string()
        })
        .collect();
    expected.sort();

    // A target is compared where the rule folds by it.
    let folds_by_target =
        |rule: &str| labels.iter().any(|label| label["rule_id"] == rule && label["target_id"].is_string());
    let findings = tenant().findings;
    let mut found: Vec<String> =
        findings.iter().map(|finding| labelled(finding, folds_by_target(&finding.rule_id)).to_string()).collect();
    found.sort();

    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}

#[test]
fn the_tenants_records_add_up_to_what_the_script_counted() {
    let totals = &labels()["totals"];
    let coverage = tenant().coverage;

    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(coverage.objects.read, number(&totals["objects"]));
    assert_eq!(coverage.objects.failed, 0);
    assert_eq!(coverage.bytes, number(&totals["bytes"]));
    let records = serde_json::to_value(coverage.records).unwrap();
    assert_eq!(records, totals["records"]);
    assert_eq!(coverage.conflicting_duplicates, number(&totals["conflicting_duplicates"]));
    let sources: BTreeMap<String, u64> =
        coverage.sources.iter().map(|(name, source)| (name.clone(), source.events)).collect();
    assert_eq!(serde_json::to_value(sources).unwrap(), totals["sources"]);
    // Every source is there; what cannot run lacks a list that only the user can give.
    let lists: Vec<&str> = coverage.rules.not_evaluable.iter().map(|rule| rule.reason.as_str()).collect();
    assert!(lists.iter().all(|reason| *reason == "nothing in the list 'allowed_ip'"), "{lists:?}");
}

#[test]
fn the_tenants_events_lie_in_the_streams_that_the_script_counted() {
    let loaded = read(&root().join("sample-logs/tenant"));
    let mut streams: BTreeMap<String, u64> = BTreeMap::new();
    for [stream] in rows(&loaded, ["stream"]) {
        *streams.entry(stream.unwrap()).or_default() += 1;
    }

    assert_eq!(serde_json::to_value(streams).unwrap(), labels()["totals"]["events_by_stream"]);
}

#[test]
fn the_malformed_line_is_rejected_with_its_place() {
    let rejected = tenant().rejected;
    let place = &labels()["totals"]["rejected_at"][0];

    assert_eq!(rejected.len(), 1);
    assert!(rejected[0].object.ends_with(place["object"].as_str().unwrap()), "{rejected:?}");
    assert_eq!(
        (rejected[0].offset, rejected[0].length),
        (place["offset"].as_u64().unwrap(), place["length"].as_u64().unwrap())
    );
}
