//! The data of the page, made small: what repeats in findings is written once and referred to.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::Page;
use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::report::activity::Activity;
use crate::report::document::{two_places, unwrapped};
use crate::report::table::and_more;
use crate::report::{IdentityRow, direction_word, severity_word};
use crate::rule::Rule;

/// Place of a text among the strings.
type Text = usize;

/// Everything that the page shows. Field order is the JSON's.
#[derive(Debug, Serialize)]
pub(super) struct Data<'a, M> {
    version: &'static str,
    title: &'a str,
    inputs: &'a [String],
    hidden_by_severity: usize,
    coverage: &'a Coverage,
    identities: &'a [IdentityRow],
    activity: &'a Activity,
    matrix: &'a M,
    rules: Vec<RuleData<'a>>,
    findings: Vec<FindingData>,
    strings: Vec<String>,
}

/// What a reader of a finding wants of its rule.
#[derive(Debug, Serialize)]
struct RuleData<'a> {
    id: &'a str,
    title: &'a str,
    references: &'a [String],
    prose: Vec<(&'a str, String)>,
}

/// A finding. Members are short and texts are places: there may be ten thousand.
#[derive(Debug, Serialize)]
struct FindingData {
    rule: Text,
    title: Text,
    severity: &'static str,
    direction: &'static str,
    stream: &'static str,
    kind: &'static str,
    confidence: f64,
    id: Option<Text>,
    name: Option<Text>,
    actor: Option<Text>,
    workspace: Option<Text>,
    target: Option<Text>,
    target_name: Option<Text>,
    /// Microseconds.
    first: i64,
    last: i64,
    events: u64,
    /// Uid, microseconds, operation, object, offset, length.
    evidence: Vec<(Text, i64, Text, Text, i64, i64)>,
    details: Vec<(Text, Vec<Text>)>,
    /// Column, and how the list of its values ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<(Text, Text)>,
    attack: Vec<Text>,
    fingerprint: Text,
}

/// Texts, each once.
#[derive(Debug, Default)]
struct Strings {
    places: HashMap<String, Text>,
    texts: Vec<String>,
}

impl Strings {
    fn place(&mut self, text: &str) -> Text {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.texts.len();
        self.places.insert(text.to_owned(), place);
        self.texts.push(text.to_owned());
        place
    }

    fn optional(&mut self, text: Option<&String>) -> Option<Text> {
        text.map(|text| self.place(text))
    }

    fn finding(&mut self, finding: &Finding) -> FindingData {
        let evidence = finding.evidence.iter().map(|row| {
            let operation = self.place(&row.operation);
            (self.place(&row.event_uid), row.time.0, operation, self.place(&row.object), row.offset, row.length)
        });
        let evidence = evidence.collect();
        let details = finding
            .details
            .iter()
            .map(|(column, values)| (self.place(column), values.iter().map(|value| self.place(value)).collect()));
        let details = details.collect();
        let left_out =
            finding.details_left_out.keys().map(|column| (self.place(column), self.place(&and_more(finding, column))));
        let left_out = left_out.collect();
        FindingData {
            rule: self.place(&finding.rule_id),
            title: self.place(&finding.title),
            severity: severity_word(finding.severity),
            direction: direction_word(finding.direction),
            stream: finding.stream.as_str(),
            kind: finding.identity_kind.as_str(),
            confidence: two_places(finding.confidence),
            id: self.optional(finding.principal_id.as_ref()),
            name: self.optional(finding.principal_name.as_ref()),
            actor: self.optional(finding.actor_id.as_ref()),
            workspace: self.optional(finding.workspace_rid.as_ref()),
            target: self.optional(finding.target_id.as_ref()),
            target_name: self.optional(finding.target_name.as_ref()),
            first: finding.first_seen.0,
            last: finding.last_seen.0,
            events: finding.events,
            evidence,
            details,
            left_out,
            attack: finding.attack.iter().map(|id| self.place(id)).collect(),
            fingerprint: self.place(&finding.fingerprint),
        }
    }
}

/// The data of a page.
pub(super) fn of<'a, M>(page: &Page<'a, M>) -> Data<'a, M> {
    let report = page.report;
    let mut strings = Strings::default();
    let findings = report.findings.iter().map(|finding| strings.finding(finding)).collect();
    let mut found = BTreeMap::new();
    for finding in report.findings {
        *found.entry(finding.rule_id.as_str()).or_insert(0_u64) += 1;
    }
    let rules = report.rules.iter().filter(|rule| found.contains_key(rule.head.id.as_str()));
    Data {
        version: env!("CARGO_PKG_VERSION"),
        title: page.title,
        inputs: page.inputs,
        hidden_by_severity: report.hidden_by_severity,
        coverage: report.coverage,
        identities: page.identities,
        activity: page.activity,
        matrix: page.matrix,
        rules: rules.map(rule).collect(),
        findings,
        strings: strings.texts,
    }
}

fn rule(rule: &Rule) -> RuleData<'_> {
    RuleData {
        id: &rule.head.id,
        title: &rule.head.title,
        references: &rule.head.references,
        prose: rule.prose.iter().map(|(heading, text)| (heading.as_str(), unwrapped(text))).collect(),
    }
}
