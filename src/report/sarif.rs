//! `sarif`: SARIF 2.1.0, one result a line.
//!
//! A result's location is its first piece of evidence, the others are its related locations:
//! SARIF's list of locations is for places that must all be changed. `partialFingerprints` carries
//! the finding's own fingerprint, so that viewers know a finding again. Rules carry their prose as
//! help, their techniques as a taxonomy, and `security-severity`, by which code scanning sorts.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::{Value, json};

use crate::coverage::Coverage;
use crate::finding::{EvidenceRow, Finding};
use crate::report::document::{PRODUCT, prose, sentence, techniques, two_places, unwrapped, without_empty};
use crate::report::{Report, ReportError, absence, direction_word, json, severity_word};
use crate::rule::{Rule, Severity, technique};

/// Where the format is defined.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Name of the taxonomy of techniques.
const ATTACK: &str = "MITRE ATT&CK";

/// Name of the fingerprint, with the version of how it is made.
const FINGERPRINT: &str = "airsideFinding/v1";

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let rules: Vec<Value> = report.rules.iter().map(descriptor).collect();
    let driver = json!({
        "name": PRODUCT,
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "shortDescription": {"text": env!("CARGO_PKG_DESCRIPTION")},
        "supportedTaxonomies": [{"name": ATTACK}],
        "rules": rules,
    });
    let head = json!({"driver": driver});
    write!(out, "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\n\"tool\":{}", text(head)?)
        .map_err(ReportError::write)?;
    write!(out, ",\n\"taxonomies\":[{}]", text(taxonomy(report))?).map_err(ReportError::write)?;
    write!(out, ",\n\"invocations\":[{}],\n\"results\":[", text(invocation(report.coverage))?)
        .map_err(ReportError::write)?;
    for (index, finding) in report.findings.iter().enumerate() {
        let separator = if index == 0 { "\n" } else { ",\n" };
        write!(out, "{separator}{}", text(result(report.rules, finding))?).map_err(ReportError::write)?;
    }
    writeln!(out, "\n]}}]}}").map_err(ReportError::write)
}

fn text(value: Value) -> Result<String, ReportError> {
    json::text(&without_empty(value))
}

/// A rule as SARIF's reporting descriptor.
fn descriptor(rule: &Rule) -> Value {
    let head = &rule.head;
    let severity = rule.severity(None);
    let finds = prose(rule, "What it finds").unwrap_or_else(|| head.title.clone());
    let help: Vec<String> =
        rule.prose.iter().map(|(heading, text)| format!("{heading}: {}", unwrapped(text))).collect();
    let markdown: Vec<String> =
        rule.prose.iter().map(|(heading, text)| format!("## {heading}\n\n{}", unwrapped(text))).collect();
    let attack: Vec<Value> = techniques(&head.attack)
        .map(|id| json!({"target": {"id": id, "toolComponent": {"name": ATTACK}}, "kinds": ["relevant"]}))
        .collect();
    let tags = ["security", direction_word(head.direction)].into_iter().chain(techniques(&head.attack));
    json!({
        "id": head.id,
        "shortDescription": {"text": message(&head.title)},
        "fullDescription": {"text": message(&finds)},
        "help": {"text": message(&help.join("\n\n")), "markdown": markdown.join("\n\n")},
        "helpUri": head.references.first(),
        "defaultConfiguration": {"level": level(severity)},
        "relationships": attack,
        "properties": {"tags": tags.collect::<Vec<_>>(), "security-severity": score(severity)},
    })
}

/// Every technique that a rule or a finding names.
fn taxonomy(report: &Report<'_>) -> Value {
    let of_rules = report.rules.iter().flat_map(|rule| techniques(&rule.head.attack));
    let of_findings = report.findings.iter().flat_map(|finding| techniques(&finding.attack));
    let ids: BTreeSet<&str> = of_rules.chain(of_findings).collect();
    let taxon = |id: &&str| {
        let page =
            technique::is_id(id).then(|| format!("https://attack.mitre.org/techniques/{}/", id.replace('.', "/")));
        json!({"id": id, "helpUri": page})
    };
    json!({
        "name": ATTACK,
        "organization": "MITRE",
        "informationUri": "https://attack.mitre.org/",
        "isComprehensive": false,
        "taxa": ids.iter().map(taxon).collect::<Vec<_>>(),
    })
}

/// What could not be read, and which rules could not be evaluated.
fn invocation(coverage: &Coverage) -> Value {
    let failed = coverage.failed.iter().map(|failed| {
        let place = json!([{"physicalLocation": {"artifactLocation": {"uri": uri(&failed.object)}}}]);
        json!({"level": "error", "message": {"text": message(&failed.reason)}, "locations": place})
    });
    let capped = coverage.rules.capped.iter().map(|capped| {
        let text = absence::left_out(capped);
        json!({"level": "error", "message": {"text": message(&text)}, "associatedRule": {"id": capped.rule}})
    });
    let lacking = coverage.rules.not_evaluable.iter().map(|rule| (rule, "error", "not evaluable"));
    let partial = coverage.rules.partial.iter().map(|rule| (rule, "warning", "in part only"));
    let rules = lacking.chain(partial).map(|(rule, level, says)| {
        let text = format!("{}: {says}, {}", rule.rule, rule.reason);
        json!({"level": level, "message": {"text": message(&text)}, "associatedRule": {"id": rule.rule}})
    });
    json!({
        "executionSuccessful": coverage.objects.failed == 0,
        "toolExecutionNotifications": failed.collect::<Vec<_>>(),
        "toolConfigurationNotifications": rules.chain(capped).collect::<Vec<_>>(),
        "properties": {"records": coverage.records, "objects": coverage.objects, "bytes": coverage.bytes},
    })
}

fn result(rules: &[Rule], finding: &Finding) -> Value {
    let mut evidence = finding.evidence.iter();
    let first = evidence.next();
    let locations: Vec<Value> = first.iter().map(|row| location(row, Some(finding))).collect();
    let related: Vec<Value> = evidence.map(|row| location(row, None)).collect();
    json!({
        "ruleId": finding.rule_id,
        "ruleIndex": rules.iter().position(|rule| rule.head.id == finding.rule_id),
        "kind": "fail",
        "level": level(finding.severity),
        "message": {"text": message(&sentence(finding))},
        "locations": locations,
        "relatedLocations": related,
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "occurrenceCount": finding.events,
        "properties": {
            "severity": severity_word(finding.severity),
            "security-severity": score(finding.severity),
            "direction": direction_word(finding.direction),
            "stream": finding.stream,
            "identity_kind": finding.identity_kind,
            "confidence": two_places(finding.confidence),
            "principal_id": finding.principal_id,
            "principal_name": finding.principal_name,
            "actor_id": finding.actor_id,
            "workspace_rid": finding.workspace_rid,
            "target_id": finding.target_id,
            "target_name": finding.target_name,
            "first_seen": finding.first_seen,
            "last_seen": finding.last_seen,
            "details": finding.details,
            "details_left_out": finding.details_left_out,
            "attack": finding.attack,
        },
    })
}

/// Where a piece of evidence lies, and with `about` what it touched.
fn location(row: &EvidenceRow, about: Option<&Finding>) -> Value {
    let target = about.filter(|finding| finding.target_id.is_some() || finding.target_name.is_some());
    let touched = target.map(|finding| {
        json!([{
            "kind": "resource",
            "name": finding.target_name.as_ref().or(finding.target_id.as_ref()),
            "fullyQualifiedName": finding.target_id,
        }])
    });
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&row.object)},
            "region": {"byteOffset": row.offset, "byteLength": row.length},
        },
        "logicalLocations": touched,
        "message": {"text": message(&format!("{} {}, event {}", row.time, row.operation, row.event_uid))},
        "properties": {"event_uid": row.event_uid, "time": row.time, "operation": row.operation, "object": row.object},
    })
}

/// SARIF knows three levels.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational => "note",
    }
}

/// The middle of the band that code scanning gives a severity: above 9.0 is critical, from 7.0
/// high, from 4.0 medium, from 0.1 low:
/// <https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning>.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Informational => "0.1",
    }
}

/// Text of a message: braces would be read as placeholders and brackets as links (2.1.0, 3.11.5
/// and 3.11.6), and who is under investigation has written parts of it.
fn message(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '{' => safe.push_str("{{"),
            '}' => safe.push_str("}}"),
            '[' => safe.push_str("\\["),
            ']' => safe.push_str("\\]"),
            other => safe.push(other),
        }
    }
    safe
}

/// An object's name as a URI reference. Names that are URLs stay what they are, but for characters
/// that no URL has.
fn uri(object: &str) -> String {
    let is_url = object.contains("://");
    let mut uri = String::with_capacity(object.len());
    if object.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in object.bytes() {
        let character = char::from(byte);
        let is_plain = character.is_ascii_alphanumeric() || "-._~/".contains(character);
        if is_plain || (is_url && ":?#@!$&'()*+,;=%".contains(character)) {
            uri.push(character);
        } else {
            const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
            let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
            uri.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_result_leads_to_its_evidence_and_is_known_again_by_its_fingerprint() {
        let value = without_empty(result(&[], &samples::finding()));

        assert_eq!(value["ruleId"], "dbmi-keyvault-secret-read");
        assert_eq!(value["level"], "error");
        assert_eq!(value["partialFingerprints"], json!({"airsideFinding/v1": "f00d"}));
        assert_eq!(value["locations"].as_array().unwrap().len(), 1);
        let place = &value["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "logs/a.json");
        assert_eq!(place["region"], json!({"byteOffset": 100, "byteLength": 99}));
        assert_eq!(value["locations"][0]["logicalLocations"][0]["name"], "kv-prod");
        assert_eq!(value["relatedLocations"].as_array().unwrap().len(), 2);
        assert_eq!(value["relatedLocations"][1]["physicalLocation"]["region"]["byteOffset"], 300);
        assert_eq!(value["properties"]["confidence"], 0.9);
        assert_eq!(value["occurrenceCount"], 3);
    }

    #[test]
    fn text_of_a_log_becomes_neither_a_placeholder_nor_a_link() {
        assert_eq!(message("{0} [click](https://evil.example)"), "{{0}} \\[click\\](https://evil.example)");
    }

    #[test]
    fn names_of_objects_become_references_that_lead_back() {
        for (object, reference) in [
            ("logs/a.json", "logs/a.json"),
            ("resourceId=/a b/PT1H.json", "resourceId%3D/a%20b/PT1H.json"),
            ("/var/log/größe", "file:///var/log/gr%C3%B6%C3%9Fe"),
            ("c:50%.json", "c%3A50%25.json"),
            ("az://account/logs/y=2026/a b%20c", "az://account/logs/y=2026/a%20b%20c"),
        ] {
            assert_eq!(uri(object), reference);
        }
    }
}
