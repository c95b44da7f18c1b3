//! Folds the evidence of a rule into findings.

mod columns;
mod details;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use arrow::record_batch::RecordBatch;

use crate::error::RunError;
use crate::event::vocabulary::{IdentityKind, Stream};
use crate::finding::exceptions::{Candidate, Exceptions};
use crate::finding::fingerprint;
use crate::finding::{EvidenceRow, Finding};
use crate::limits::Limits;
use crate::rule::{Rule, Severity, Subject};
use crate::time::UtcMicros;

use columns::{Columns, Evidence};
use details::Details;

pub use details::{MAX_DETAILS, MOST_LEFT_OUT};

/// Findings beyond the limit that are told apart to be counted.
const MOST_COUNTED: usize = 1 << 20;

/// Evidence whose identity is decided with less than this counts one step milder.
pub const SURE: f32 = 0.7;

/// What is known of an identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Its stream.
    pub stream: Stream,
    /// Its kind.
    pub kind: IdentityKind,
    /// 0 to 1.
    pub confidence: f32,
    /// Its name.
    pub name: Option<String>,
    /// Workspace that it belongs to.
    pub workspace_rid: Option<String>,
}

/// Identities by object id.
#[derive(Debug, Clone, Default)]
pub struct Identities(HashMap<String, Identity>);

impl Identities {
    /// Reads batches of the side table `identities`. Rows without an object id cannot be looked up
    /// and are passed over.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`] for a table that is not of the contract.
    pub fn read(table: &[RecordBatch]) -> Result<Self, RunError> {
        let mut identities = HashMap::new();
        for batch in table {
            let text = |name: &str| Ok::<_, RunError>(column(batch, name, &DataType::Utf8)?.as_string::<i32>().clone());
            let (ids, streams, kinds) = (text("principal_id")?, text("stream")?, text("identity_kind")?);
            let (names, workspaces) = (text("name")?, text("workspace_rid")?);
            let confidences = column(batch, "confidence", &DataType::Float32)?;
            let confidences = confidences.as_primitive::<Float32Type>();
            for (n, id) in ids.iter().enumerate().filter_map(|(n, id)| Some((n, id?))) {
                let identity = Identity {
                    stream: columns::text(&streams, n).and_then(Stream::from_word).unwrap_or(Stream::Other),
                    kind: columns::text(&kinds, n).and_then(IdentityKind::from_word).unwrap_or(IdentityKind::Unknown),
                    confidence: if confidences.is_valid(n) { confidences.value(n) } else { 0.0 },
                    name: columns::text(&names, n).map(str::to_owned),
                    workspace_rid: columns::text(&workspaces, n).map(str::to_owned),
                };
                identities.insert(id.to_owned(), identity);
            }
        }
        Ok(Self(identities))
    }

    /// What is known of an object id, folded.
    pub fn get(&self, object_id: &str) -> Option<&Identity> {
        self.0.get(object_id)
    }
}

fn column(batch: &RecordBatch, name: &str, data_type: &DataType) -> Result<arrow::array::ArrayRef, RunError> {
    let Some(column) = batch.column_by_name(name) else {
        return Err(RunError::Internal { message: format!("evidence lacks its column {name}"), source: None });
    };
    cast(column, data_type).map_err(|error| RunError::internal(format!("cannot read the column {name}"), error))
}

/// Folds the evidence of one rule. Batches and rows may come in any order: the findings are the
/// same. Beyond [`Limits::findings`] those stay whose `group_by` values are the first in the order of
/// their encoding: which these are does not depend on the order either, and they are whole.
#[derive(Debug)]
pub struct Folder<'r> {
    rule: &'r Rule,
    identities: &'r Identities,
    exceptions: &'r mut Exceptions,
    /// By the encoded values of the `group_by` columns.
    groups: BTreeMap<Vec<u8>, Group>,
    hidden_events: HashSet<u128>,
    hidden_groups: BTreeSet<Vec<u8>>,
    limits: Limits,
    left_out: Option<LeftOut>,
}

/// Findings of a rule that are more than its limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Hashes of their `group_by` values, [`MOST_COUNTED`] at most.
    groups: HashSet<u64>,
    /// The highest of their evidence.
    severity: Option<Severity>,
}

impl LeftOut {
    /// How many there are, or, if the flag is set, at least are.
    pub fn count(&self) -> (u64, bool) {
        (u64::try_from(self.groups.len()).unwrap_or(u64::MAX), self.groups.len() >= MOST_COUNTED)
    }

    /// The highest severity of their evidence.
    pub fn severity(&self) -> Severity {
        self.severity.unwrap_or(Severity::Informational)
    }

    fn add(&mut self, key: &[u8], severity: Severity) {
        if self.groups.len() < MOST_COUNTED {
            self.groups.insert(hash(key));
        }
        self.severity = self.severity.max(Some(severity));
    }
}

/// What is known of one finding so far.
#[derive(Debug)]
struct Group {
    first: First,
    last_seen: UtcMicros,
    severity: Severity,
    confidence: f32,
    /// Distinct events, by uid.
    events: HashSet<u128>,
    evidence: BTreeMap<(UtcMicros, String), EvidenceRow>,
    /// By the rule's `details` columns.
    details: Vec<Details>,
}

/// What a finding takes from its earliest evidence. The order is that by which the earliest is
/// chosen; after time and uid it only serves to choose the same row every time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct First {
    time: UtcMicros,
    uid: String,
    principal_id: Option<String>,
    principal_name: Option<String>,
    actor_id: Option<String>,
    workspace_rid: Option<String>,
    target_id: Option<String>,
    target_name: Option<String>,
    stream: Stream,
    identity_kind: IdentityKind,
}

/// Whom a row is about.
struct About<'e> {
    id: Option<&'e str>,
    name: Option<&'e str>,
    workspace_rid: Option<&'e str>,
    stream: Stream,
    kind: IdentityKind,
    confidence: f32,
}

impl<'r> Folder<'r> {
    /// A folder for one rule's evidence. `identities` tells who an assignee is.
    pub fn new(rule: &'r Rule, identities: &'r Identities, exceptions: &'r mut Exceptions) -> Self {
        exceptions.begin(&rule.head.id);
        let (groups, hidden_events, hidden_groups) = Default::default();
        let limits = Limits::default();
        Self { rule, identities, exceptions, groups, hidden_events, hidden_groups, limits, left_out: None }
    }

    /// The same folder with other limits for findings and their evidence.
    #[must_use]
    pub fn within(self, limits: &Limits) -> Self {
        Self { limits: *limits, ..self }
    }

    /// What is left out so far; `None` where nothing is.
    pub fn left_out(&self) -> Option<&LeftOut> {
        self.left_out.as_ref()
    }

    /// Adds a batch of what [`rule::run`](crate::rule::run) returns.
    ///
    /// # Errors
    ///
    /// [`RunError::Rule`] when the rule's query returned what is no evidence: no time, no uid, a
    /// uid that is not an event's, a severity that is none. [`RunError::Internal`] when a column is
    /// missing.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), RunError> {
        let columns = Columns::of(batch, self.rule)?;
        let mut key = Vec::new();
        for row in 0..batch.num_rows() {
            let evidence = columns.row(row).map_err(|message| self.wrong(&message))?;
            key.clear();
            fingerprint::encode(columns.group_by(row), &mut key);
            let about = About::of(&evidence, self.rule.head.subject, self.identities);
            let candidate = Candidate {
                principal_id: about.id,
                target_id: evidence.target_id,
                op_class: evidence.op_class,
                time: evidence.time,
            };
            if self.exceptions.hides(&self.rule.head.id, &candidate) {
                self.hidden_events.insert(uid_number(evidence.uid));
                if !self.hidden_groups.contains(&key) {
                    self.hidden_groups.insert(key.clone());
                }
                continue;
            }
            let severity = self.rule.severity(evidence.severity);
            let severity = if about.confidence < SURE { severity.lowered() } else { severity };
            if self.is_beyond(&key) {
                self.left_out.get_or_insert_default().add(&key, severity);
                continue;
            }
            if let Some(group) = self.groups.get_mut(&key) {
                group.add(&evidence, &about, severity, self.limits.evidence);
            } else {
                let group = Group::new(&evidence, &about, severity, (&self.rule.head.details, self.limits.evidence));
                self.groups.insert(key.clone(), group);
            }
            if let Some(group) = self.groups.get_mut(&key) {
                group.add_details(columns.details(row));
            }
            self.leave_out();
        }
        Ok(())
    }

    /// Whether a finding cannot be among those that stay: there are enough before it.
    fn is_beyond(&self, key: &[u8]) -> bool {
        self.groups.len() >= self.limits.findings
            && self.groups.last_key_value().is_some_and(|(last, _)| last.as_slice() < key)
    }

    /// Leaves out the last finding where there are too many.
    fn leave_out(&mut self) {
        if self.groups.len() > self.limits.findings
            && let Some((key, group)) = self.groups.pop_last()
        {
            self.left_out.get_or_insert_default().add(&key, group.severity);
        }
    }

    /// The findings, in the order of reports.
    pub fn finish(self) -> Vec<Finding> {
        let Self { rule, groups, exceptions, hidden_events, hidden_groups, left_out, .. } = self;
        let is_left_out = |key: &[u8]| left_out.as_ref().is_some_and(|left_out| left_out.groups.contains(&hash(key)));
        let is_gone = |key: &&Vec<u8>| !groups.contains_key(*key) && !is_left_out(key);
        let nothing_left = hidden_groups.iter().filter(is_gone).count();
        let as_count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        exceptions.count(as_count(hidden_events.len()), as_count(nothing_left));
        let mut findings: Vec<Finding> =
            groups.into_iter().map(|(key, group)| group.finding(rule, fingerprint::of(&rule.head.id, &key))).collect();
        sort(&mut findings);
        findings
    }

    fn wrong(&self, message: &str) -> RunError {
        RunError::Rule { message: format!("{}: {}: {message}", self.rule.file, self.rule.head.id) }
    }
}

impl<'e> About<'e> {
    /// The identity that evidence is about, as far as it is known.
    fn of(evidence: &Evidence<'e>, subject: Subject, identities: &'e Identities) -> Self {
        let id = match subject {
            Subject::Principal => evidence.principal_id,
            Subject::Assignee => evidence.assignee_id,
        };
        let known = id.and_then(|id| identities.get(id));
        let known_name = known.and_then(|known| known.name.as_deref());
        match subject {
            Subject::Principal => Self {
                id,
                name: evidence.principal_name.or(known_name),
                workspace_rid: evidence.workspace_rid,
                stream: evidence.stream,
                kind: evidence.identity_kind,
                confidence: evidence.confidence,
            },
            // The event's own columns tell of the one that acted, so what is not known is not said.
            Subject::Assignee => Self {
                id,
                name: known_name,
                workspace_rid: known.and_then(|known| known.workspace_rid.as_deref()),
                stream: known.map_or(Stream::Other, |known| known.stream),
                kind: known.map_or(IdentityKind::Unknown, |known| known.kind),
                confidence: known.map_or(0.0, |known| known.confidence),
            },
        }
    }
}

impl Group {
    fn new(
        evidence: &Evidence<'_>,
        about: &About<'_>,
        severity: Severity,
        (details, max_evidence): (&[String], usize),
    ) -> Self {
        let mut group = Self {
            first: First::new(evidence, about),
            last_seen: evidence.time,
            severity,
            confidence: about.confidence,
            events: HashSet::new(),
            evidence: BTreeMap::new(),
            details: vec![Details::default(); details.len()],
        };
        group.add(evidence, about, severity, max_evidence);
        group
    }

    fn add(&mut self, evidence: &Evidence<'_>, about: &About<'_>, severity: Severity, max_evidence: usize) {
        if (evidence.time, evidence.uid) <= (self.first.time, self.first.uid.as_str()) {
            let first = First::new(evidence, about);
            if first < self.first {
                self.first = first;
            }
        }
        self.last_seen = self.last_seen.max(evidence.time);
        self.severity = self.severity.max(severity);
        self.confidence = self.confidence.min(about.confidence);
        self.events.insert(uid_number(evidence.uid));
        self.add_evidence(evidence, max_evidence);
    }

    /// Keeps an event if it is among the earliest.
    fn add_evidence(&mut self, evidence: &Evidence<'_>, max_evidence: usize) {
        let is_later =
            |((time, uid), _): (&(UtcMicros, String), _)| (*time, uid.as_str()) < (evidence.time, evidence.uid);
        if self.evidence.len() >= max_evidence && self.evidence.last_key_value().is_some_and(is_later) {
            return;
        }
        let row = EvidenceRow {
            event_uid: evidence.uid.to_owned(),
            time: evidence.time,
            operation: evidence.operation.to_owned(),
            object: evidence.object.to_owned(),
            offset: evidence.offset,
            length: evidence.length,
        };
        let kept = self.evidence.entry((evidence.time, evidence.uid.to_owned())).or_insert_with(|| row.clone());
        // A query may name the operation of one event differently in two rows.
        if row.operation < kept.operation {
            *kept = row;
        }
        if self.evidence.len() > max_evidence {
            self.evidence.pop_last();
        }
    }

    fn add_details<'v>(&mut self, values: impl Iterator<Item = Option<&'v str>>) {
        for (details, value) in self.details.iter_mut().zip(values) {
            let Some(value) = value else { continue };
            details.add(value);
        }
    }

    fn finding(self, rule: &Rule, fingerprint: String) -> Finding {
        let head = &rule.head;
        let (mut details, mut details_left_out) = (BTreeMap::new(), BTreeMap::new());
        for (column, values) in head.details.iter().zip(self.details) {
            let left_out = values.count_left_out();
            if left_out > 0 {
                details_left_out.insert(column.clone(), left_out);
            }
            details.insert(column.clone(), values.kept.into_iter().collect());
        }
        Finding {
            rule_id: head.id.clone(),
            title: head.title.clone(),
            severity: self.severity,
            direction: head.direction,
            stream: self.first.stream,
            identity_kind: self.first.identity_kind,
            confidence: self.confidence,
            principal_id: self.first.principal_id,
            principal_name: self.first.principal_name,
            actor_id: self.first.actor_id,
            workspace_rid: self.first.workspace_rid,
            target_id: self.first.target_id,
            target_name: self.first.target_name,
            first_seen: self.first.time,
            last_seen: self.last_seen,
            events: u64::try_from(self.events.len()).unwrap_or(u64::MAX),
            evidence: self.evidence.into_values().collect(),
            details,
            details_left_out,
            attack: head.attack.clone(),
            fingerprint,
        }
    }
}

impl First {
    fn new(evidence: &Evidence<'_>, about: &About<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            time: evidence.time,
            uid: evidence.uid.to_owned(),
            principal_id: owned(about.id),
            principal_name: owned(about.name),
            actor_id: owned(evidence.principal_id),
            workspace_rid: owned(about.workspace_rid),
            target_id: owned(evidence.target_id),
            target_name: owned(evidence.target_name),
            stream: about.stream,
            identity_kind: about.kind,
        }
    }
}

/// Puts findings in the order of reports: the worst first, then by rule, first time, fingerprint.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.rule_id.cmp(&b.rule_id))
            .then_with(|| a.first_seen.cmp(&b.first_seen))
            .then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
}

/// The `group_by` values of a finding in 8 bytes, to tell them apart.
fn hash(key: &[u8]) -> u64 {
    let hash = blake3::hash(key);
    hash.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// An event's uid in 16 bytes. What is not 32 hex digits is hashed.
fn uid_number(uid: &str) -> u128 {
    if uid.len() == 32
        && let Ok(number) = u128::from_str_radix(uid, 16)
    {
        return number;
    }
    let hash = blake3::hash(uid.as_bytes());
    hash.as_bytes().first_chunk().copied().map_or(0, u128::from_be_bytes)
}

#[cfg(test)]
mod tests;
