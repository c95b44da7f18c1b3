//! What the formats of other tools have in common: documents without empty members, and a finding
//! in one sentence.

use serde_json::Value;

use crate::finding::Finding;
use crate::report::layout::counted;
use crate::report::table::{operations, principal, short_id, span};
use crate::rule::Rule;

/// The name of this program as other tools show it.
pub(super) const PRODUCT: &str = "Airside";

/// `value` without members that are null or empty, which the schemas of other tools forbid or
/// read as a statement.
pub(super) fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| (name, without_empty(member)));
            Value::Object(members.filter(|(_, member)| !is_empty(member)).collect())
        }
        Value::Array(items) => {
            let items = items.into_iter().map(without_empty).filter(|item| !is_empty(item));
            Value::Array(items.collect())
        }
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A confidence with two places: the nearest double of a float has more than were meant.
pub(super) fn two_places(confidence: f32) -> f64 {
    (f64::from(confidence) * 100.0).round() / 100.0
}

/// A section of a rule's prose, without the breaks of its lines.
pub(super) fn prose(rule: &Rule, heading: &str) -> Option<String> {
    let (_, text) = rule.prose.iter().find(|(name, _)| name == heading)?;
    Some(unwrapped(text))
}

/// Paragraphs as one line each, between them an empty one.
pub(super) fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The rule of a finding, where it is among `rules`.
pub(super) fn rule_of<'r>(rules: &'r [Rule], finding: &Finding) -> Option<&'r Rule> {
    rules.iter().find(|rule| rule.head.id == finding.rule_id)
}

/// Who did what on what and when, in one line, escaped as for a terminal.
pub(super) fn sentence(finding: &Finding) -> String {
    let target = match (&finding.target_id, &finding.target_name) {
        (Some(id), _) => format!(" on {}", short_id(id)),
        (None, Some(name)) => format!(" on {}", short_id(name)),
        (None, None) => String::new(),
    };
    format!(
        "{}: {}: {}{target}; {}, {}",
        finding.title,
        principal(finding),
        operations(finding),
        span(finding.first_seen, finding.last_seen),
        counted(finding.events, "event")
    )
}

/// Techniques of an `attack` entry that ATT&CK has under one of several ids.
pub(super) fn techniques(attack: &[String]) -> impl Iterator<Item = &str> {
    attack.iter().flat_map(|entry| crate::rule::technique::alternatives(entry))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_members_go_and_false_zero_and_empty_text_stay() {
        let value = json!({"a": null, "b": [], "c": {"d": null}, "e": [null, 1], "f": false, "g": 0, "h": ""});

        assert_eq!(without_empty(value), json!({"e": [1], "f": false, "g": 0, "h": ""}));
    }

    #[test]
    fn a_confidence_keeps_the_places_that_were_meant() {
        assert_eq!(json!(two_places(0.9)).to_string(), "0.9");
        assert_eq!(json!(two_places(1.0)).to_string(), "1.0");
    }

    #[test]
    fn prose_loses_the_breaks_of_lines_and_keeps_those_of_paragraphs() {
        assert_eq!(unwrapped("one\ntwo\n\nthree\n"), "one two\n\nthree");
    }
}
