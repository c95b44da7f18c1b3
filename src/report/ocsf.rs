//! `ocsf`: Detection Findings (class 2004) of OCSF 1.8.0, one a line.
//!
//! The class and its attributes: <https://schema.ocsf.io/1.8.0/classes/detection_finding>. The time
//! of a finding is that of its last event, so that the same input gives the same bytes. What OCSF
//! has no attribute for stands under `unmapped`.

use std::io::Write;

use serde_json::{Value, json};

use crate::finding::{EvidenceRow, Finding};
use crate::report::document::{PRODUCT, prose, rule_of, sentence, techniques, without_empty};
use crate::report::{Report, ReportError, direction_word, json, severity_word};
use crate::rule::{Rule, Severity, Status, technique};

/// The version whose schema the output follows.
pub(super) const VERSION: &str = "1.8.0";

/// `Detection Finding: Create`: class 2004, activity 1.
const TYPE_UID: u32 = 200_401;

/// Above this, confidence is high; above [`LOW_CONFIDENCE`], medium. The engine lowers severity
/// below the first.
const MEDIUM_CONFIDENCE: f32 = 0.7;

/// At or below this, confidence is low.
const LOW_CONFIDENCE: f32 = 0.4;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    for finding in report.findings {
        let value = detection(finding, rule_of(report.rules, finding));
        writeln!(out, "{}", json::text(&without_empty(value))?).map_err(ReportError::write)?;
    }
    Ok(())
}

/// Where the record comes from: this program.
pub(super) fn metadata(uid: &str, profiles: &[&str]) -> Value {
    json!({
        "version": VERSION,
        "uid": uid,
        "profiles": profiles,
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": env!("CARGO_PKG_VERSION")},
    })
}

fn detection(finding: &Finding, rule: Option<&Rule>) -> Value {
    let (confidence_id, confidence) = confidence(finding.confidence);
    json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": TYPE_UID,
        "type_name": "Detection Finding: Create",
        "time": finding.last_seen.millis(),
        "start_time": finding.first_seen.millis(),
        "end_time": finding.last_seen.millis(),
        "count": finding.events,
        "severity_id": severity_id(finding.severity),
        "severity": severity_caption(finding.severity),
        "status_id": 1,
        "status": "New",
        "confidence_id": confidence_id,
        "confidence": confidence,
        "confidence_score": percent(finding.confidence),
        "is_alert": true,
        "message": sentence(finding),
        "metadata": metadata(&finding.fingerprint, &["cloud"]),
        "cloud": {"provider": "Azure"},
        "finding_info": finding_info(finding, rule),
        "evidences": evidences(finding),
        "resources": resources(finding),
        "remediation": rule.and_then(|rule| prose(rule, "What to do")).map(|desc| json!({"desc": desc})),
        "observables": observables(finding),
        "unmapped": unmapped(finding),
    })
}

/// What OCSF has no attribute for.
fn unmapped(finding: &Finding) -> Value {
    json!({
        "stream": finding.stream,
        "identity_kind": finding.identity_kind,
        "direction": direction_word(finding.direction),
        "principal_id": finding.principal_id,
        "principal_name": finding.principal_name,
        "actor_id": finding.actor_id,
        "workspace_rid": finding.workspace_rid,
        "details": finding.details,
        "details_left_out": finding.details_left_out,
    })
}

fn finding_info(finding: &Finding, rule: Option<&Rule>) -> Value {
    let state = rule.map(|rule| match rule.head.status {
        Status::Experimental => (3, "Experimental"),
        Status::Stable | Status::Deprecated => (1, "Active"),
    });
    let related: Vec<Value> = finding.evidence.iter().map(|row| json!({"uid": row.event_uid})).collect();
    json!({
        "uid": finding.fingerprint,
        "title": finding.title,
        "desc": rule.and_then(|rule| prose(rule, "What it finds")),
        "types": [direction_word(finding.direction)],
        "first_seen_time": finding.first_seen.millis(),
        "last_seen_time": finding.last_seen.millis(),
        "created_time": finding.last_seen.millis(),
        "related_events": related,
        "related_events_count": finding.events,
        "data_sources": rule.map(|rule| [rule.head.sources.as_slice(), &rule.head.any_sources].concat()),
        "src_url": rule.and_then(|rule| rule.head.references.first()),
        "attacks": techniques(&finding.attack).map(attack).collect::<Vec<_>>(),
        "analytic": {
            "uid": finding.rule_id,
            "name": finding.title,
            "type_id": 1,
            "type": "Rule",
            "state_id": state.map(|(id, _)| id),
            "state": state.map(|(_, word)| word),
        },
    })
}

/// A technique and, where the id is that of one, the sub-technique.
fn attack(id: &str) -> Value {
    let page = |id: &str| {
        technique::is_id(id).then(|| format!("https://attack.mitre.org/techniques/{}/", id.replace('.', "/")))
    };
    let parent = technique::parent(id);
    let sub = (parent != id).then(|| json!({"uid": id, "src_url": page(id)}));
    json!({"technique": {"uid": parent, "src_url": page(parent)}, "sub_technique": sub})
}

/// Each piece of evidence with who did it; `data` says where its record lies.
fn evidences(finding: &Finding) -> Vec<Value> {
    // The evidence of a finding about somebody who was given something is not what that one did.
    let is_actor = finding.actor_id == finding.principal_id;
    let name = if is_actor { finding.principal_name.as_ref() } else { None };
    let uid = finding.actor_id.as_ref();
    let has_actor = uid.is_some() || name.is_some();
    let actor = has_actor.then(|| json!({"user": {"uid": uid, "name": name}}));
    let evidence = |row: &EvidenceRow| {
        json!({
            "uid": row.event_uid,
            "actor": actor,
            "api": {"operation": row.operation},
            "data": {"time": row.time, "object": row.object, "offset": row.offset, "length": row.length},
        })
    };
    finding.evidence.iter().map(evidence).collect()
}

fn resources(finding: &Finding) -> Vec<Value> {
    if finding.target_id.is_none() && finding.target_name.is_none() {
        return Vec::new();
    }
    vec![json!({"uid": finding.target_id, "name": finding.target_name, "role_id": 3, "role": "Affected"})]
}

/// What a SIEM makes searchable: the identities, the resource and the addresses.
fn observables(finding: &Finding) -> Vec<Value> {
    let of = |name: &str, type_id: u32, type_word: &str, value: Option<&String>| {
        value.map(|value| json!({"name": name, "type_id": type_id, "type": type_word, "value": value}))
    };
    let who = of("unmapped.principal_id", 31, "User Object: uid", finding.principal_id.as_ref());
    let named = of("unmapped.principal_name", 4, "User Name", finding.principal_name.as_ref());
    let on = of("resources[].uid", 10, "Resource UID", finding.target_id.as_ref());
    let from = finding.details.get("src_ip").into_iter().flatten();
    let from = from.filter_map(|address| of("unmapped.details.src_ip", 2, "IP Address", Some(address)));
    who.into_iter().chain(named).chain(on).chain(from).collect()
}

/// OCSF counts from 1, the mildest, to 5, critical; its 6, fatal, is for what ends a system.
pub(super) const fn severity_id(severity: Severity) -> u32 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// The word of a severity as OCSF has it: `High`.
fn severity_caption(severity: Severity) -> String {
    let word = severity_word(severity);
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A whole number of percent, as it would be printed.
fn percent(confidence: f32) -> Option<u8> {
    format!("{:.0}", confidence * 100.0).parse().ok()
}

fn confidence(confidence: f32) -> (u32, &'static str) {
    if confidence >= MEDIUM_CONFIDENCE {
        (3, "High")
    } else if confidence > LOW_CONFIDENCE {
        (2, "Medium")
    } else {
        (1, "Low")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::time::UtcMicros;

    #[test]
    fn a_finding_has_the_numbers_that_ocsf_gives_its_words() {
        let finding = Finding {
            first_seen: UtcMicros(1_777_888_999_000_000),
            last_seen: UtcMicros(1_777_889_000_500_000),
            ..samples::finding()
        };

        let value = without_empty(detection(&finding, None));

        assert_eq!((value["class_uid"].clone(), value["type_uid"].clone()), (json!(2004), json!(200_401)));
        assert_eq!((value["severity_id"].clone(), value["severity"].clone()), (json!(4), json!("High")));
        assert_eq!(
            (value["time"].clone(), value["start_time"].clone()),
            (json!(1_777_889_000_500_i64), json!(1_777_888_999_000_i64))
        );
        assert_eq!(value["confidence_score"], json!(90));
        assert_eq!(value["finding_info"]["uid"], "f00d");
        let attack = &value["finding_info"]["attacks"][0];
        assert_eq!(attack["technique"]["uid"], "T1555");
        assert_eq!(attack["sub_technique"]["uid"], "T1555.006");
        assert_eq!(value["evidences"][1]["api"]["operation"], "secretlist");
        assert_eq!(value["evidences"][1]["data"]["offset"], 200);
        assert_eq!(value["evidences"][1]["actor"]["user"]["name"], "dbmanagedidentity");
        assert_eq!(value["resources"][0]["name"], "kv-prod");
    }

    #[test]
    fn the_one_who_was_given_something_is_not_the_one_who_did_it() {
        let finding = Finding { actor_id: Some("someone".to_owned()), ..samples::finding() };

        let value = without_empty(detection(&finding, None));

        assert_eq!(value["evidences"][0]["actor"]["user"], json!({"uid": "someone"}));
    }

    #[test]
    fn severities_are_numbered_from_informational_to_critical() {
        assert_eq!(Severity::ALL.map(severity_id), [1, 2, 3, 4, 5]);
        assert_eq!(severity_caption(Severity::Informational), "Informational");
    }
}
