//! `stix`: a STIX 2.1 bundle, for threat intelligence platforms.
//!
//! A finding is a sighting of its techniques: observed data with the account that acted, and what
//! was seen of it. Techniques are attack patterns with the external id that ATT&CK gives them. Ids
//! are made from what the objects say and dates from the events, so that the same findings give the
//! same bytes, and a platform knows an object again.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use crate::event::vocabulary::IdentityKind;
use crate::finding::Finding;
use crate::report::document::{PRODUCT, prose, rule_of, sentence, techniques, without_empty};
use crate::report::{Report, ReportError, direction_word, json, severity_word};
use crate::rule::technique;
use crate::time::UtcMicros;

/// When objects that are not about an event are said to have been made: their text is the same in
/// every run.
const MADE: &str = "2026-11-24T00:00:00.000Z";

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let author = id("identity", &[PRODUCT]);
    let mut objects = BTreeMap::new();
    let mut add = |value: Value| {
        let key = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        objects.insert(key, without_empty(value));
    };
    add(json!({
        "type": "identity", "spec_version": "2.1", "id": author, "created": MADE, "modified": MADE,
        "name": PRODUCT, "identity_class": "system", "description": env!("CARGO_PKG_DESCRIPTION"),
    }));
    for finding in report.findings {
        techniques(&finding.attack).for_each(|technique| add(pattern(technique, &author)));
        account(finding).into_iter().for_each(&mut add);
        sighted(report, finding, &author).into_iter().for_each(&mut add);
    }
    let bundle = id("bundle", &objects.keys().map(String::as_str).collect::<Vec<_>>());
    write!(out, "{{\"type\":\"bundle\",\"id\":\"{bundle}\",\"objects\":[").map_err(ReportError::write)?;
    for (index, object) in objects.values().enumerate() {
        let separator = if index == 0 { "\n" } else { ",\n" };
        write!(out, "{separator}{}", json::text(object)?).map_err(ReportError::write)?;
    }
    writeln!(out, "\n]}}").map_err(ReportError::write)
}

/// An ATT&CK technique.
fn pattern(technique: &str, author: &str) -> Value {
    let page = technique::is_id(technique)
        .then(|| format!("https://attack.mitre.org/techniques/{}/", technique.replace('.', "/")));
    json!({
        "type": "attack-pattern", "spec_version": "2.1", "id": id("attack-pattern", &[technique]),
        "created": MADE, "modified": MADE, "created_by_ref": author, "name": technique,
        "external_references": [{"source_name": "mitre-attack", "external_id": technique, "url": page}],
    })
}

/// The account that a finding is about, where its record names one.
fn account(finding: &Finding) -> Option<Value> {
    let user = finding.principal_id.as_ref().or(finding.principal_name.as_ref())?;
    // Of whom nothing is known it is not said.
    let kind = finding.identity_kind;
    let is_service_account = (kind != IdentityKind::Unknown).then_some(kind != IdentityKind::User);
    Some(json!({
        "type": "user-account", "spec_version": "2.1", "id": id("user-account", &[user]),
        "user_id": user, "display_name": finding.principal_name, "is_service_account": is_service_account,
    }))
}

/// What was observed, a note that says it, and a sighting of each technique.
fn sighted(report: &Report<'_>, finding: &Finding, author: &str) -> Vec<Value> {
    let fingerprint = finding.fingerprint.as_str();
    let (first, last) = (time(finding.first_seen), time(finding.last_seen));
    let observed = id("observed-data", &[fingerprint]);
    let mut objects = Vec::new();
    let about = match finding.principal_id.as_ref().or(finding.principal_name.as_ref()) {
        Some(user) => {
            objects.push(json!({
                "type": "observed-data", "spec_version": "2.1", "id": observed, "created": first, "modified": last,
                "created_by_ref": author, "first_observed": first, "last_observed": last,
                "number_observed": finding.events.clamp(1, MOST_OBSERVED),
                "object_refs": [id("user-account", &[user])],
            }));
            Some(observed)
        }
        None => None,
    };
    let seen: Vec<String> = techniques(&finding.attack).map(|technique| id("attack-pattern", &[technique])).collect();
    let todo = rule_of(report.rules, finding).and_then(|rule| prose(rule, "What to do"));
    let content = [Some(sentence(finding)), todo].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    let subjects: Vec<&String> = about.iter().chain(&seen).collect();
    if !subjects.is_empty() {
        objects.push(json!({
            "type": "note", "spec_version": "2.1", "id": id("note", &[fingerprint]), "created": first, "modified": last,
            "created_by_ref": author, "abstract": finding.title, "content": content, "object_refs": subjects,
            "labels": [severity_word(finding.severity), direction_word(finding.direction), finding.stream.as_str()],
            "external_references": [{"source_name": "airside", "external_id": fingerprint, "description": finding.rule_id}],
        }));
    }
    for pattern in &seen {
        objects.push(json!({
            "type": "sighting", "spec_version": "2.1", "id": id("sighting", &[fingerprint, pattern]),
            "created": first, "modified": last, "created_by_ref": author, "first_seen": first, "last_seen": last,
            "count": finding.events.min(MOST_OBSERVED), "sighting_of_ref": pattern,
            "observed_data_refs": about.iter().collect::<Vec<_>>(), "where_sighted_refs": [author],
        }));
    }
    objects
}

/// The most that STIX lets be observed at once.
const MOST_OBSERVED: u64 = 999_999_999;

/// An id that depends on what the object is about alone, in the form of a random UUID.
fn id(kind: &str, about: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(&kind).chain(about) {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hex = hasher.finalize().to_hex();
    let hex = hex.as_str();
    let part = |from: usize, until: usize| hex.get(from..until).unwrap_or_default();
    format!("{kind}--{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// A time with milliseconds, the most that STIX takes for created and modified.
fn time(time: UtcMicros) -> String {
    let millis = UtcMicros(time.millis().saturating_mul(1000)).to_string();
    if millis.contains('.') { millis } else { millis.replace('Z', ".000Z") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_that_depend_on_what_they_are_about() {
        let one = id("note", &["a", "b"]);

        assert_eq!(one, id("note", &["a", "b"]));
        assert_ne!(one, id("note", &["ab", ""]));
        assert_ne!(one.replace("note--", ""), id("sighting", &["a", "b"]).replace("sighting--", ""));
        let uuid = regex::Regex::new("^note--[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$").unwrap();
        assert!(uuid.is_match(&one), "{one}");
    }

    #[test]
    fn times_have_three_places() {
        assert_eq!(time(UtcMicros(1_999)), "1970-01-01T00:00:00.001Z");
        assert_eq!(time(UtcMicros(0)), "1970-01-01T00:00:00.000Z");
    }
}
