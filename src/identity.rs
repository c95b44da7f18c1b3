//! Who is who: inventory, evidence from the logs, the decision table, and the columns it gives.
//!
//! Everything is collected first and decided once, in [`Classifier::build`]: no answer depends on
//! the order of the input.

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;

use crate::event::vocabulary::{IdentityKind, Stream};

mod classify;
mod columns;
mod decision;
mod evidence;
mod inventory;
mod known;
mod place;
mod tables;
#[cfg(test)]
mod tests;
mod words;

use decision::{Decision, Subject};
use evidence::{Facts, Flag, Key};
use known::Known;

pub use evidence::{Evidence, Observation};
pub use inventory::{Inventory, RoleAssignment};

/// The decision on one principal.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Its stream.
    pub stream: Stream,
    /// Its kind.
    pub kind: IdentityKind,
    /// 0 to 1.
    pub confidence: f32,
    /// The row of the decision table and its evidence in words, `P7: xms_mirid names an access connector`.
    pub classified_by: String,
    /// Workspace that it belongs to, folded ARM id.
    pub workspace_rid: Option<String>,
    /// ARM id of the identity or connector, folded.
    pub arm_id: Option<String>,
    /// Carries a Databricks identity's name without being one.
    pub name_spoof: bool,
}

/// A principal with its verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Identity<'a> {
    /// Object id.
    pub principal_id: Option<&'a str>,
    /// Application id; the first where it has several.
    pub app_id: Option<&'a str>,
    /// Name, as Entra lists it, else as the logs have it (the first where it has several), else that of
    /// its resource.
    pub name: Option<&'a str>,
    /// What it is.
    pub verdict: &'a Verdict,
}

/// Inventory and evidence, decided.
#[derive(Debug)]
pub struct Classifier {
    known: Known,
    decisions: Vec<Decision>,
    /// Decisions by object id.
    objects: HashMap<String, usize>,
    applications: HashMap<String, Client>,
    /// Decisions by the name of a person or login.
    names: HashMap<String, usize>,
    /// Every principal, sorted.
    listed: Vec<Listed>,
}

/// What an application id stands for, where a record has nothing else.
#[derive(Debug)]
struct Client {
    decision: usize,
    /// Its object id, when there is exactly one.
    object: Option<String>,
}

/// One line of the list of principals.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    principal_id: Option<String>,
    app_id: Option<String>,
    name: Option<String>,
    decision: usize,
}

/// Places in [`Classifier::decisions`] of what needs no principal's name.
const UNKNOWN: usize = 0;
const USER: usize = 1;
const NOBODY: usize = 2;
const KEY: usize = 3;
const SAS: usize = 4;
const ANONYMOUS: usize = 5;

impl Classifier {
    /// Decides every principal once over all that is known.
    pub fn build(inventory: Inventory, evidence: &Evidence) -> Self {
        let mut classifier = Self {
            known: Known::new(inventory),
            decisions: vec![
                Decision::unknown(),
                Decision::user(),
                Decision::nobody(),
                Decision::access(IdentityKind::Key),
                Decision::access(IdentityKind::Sas),
                Decision::access(IdentityKind::Anonymous),
            ],
            objects: HashMap::new(),
            applications: HashMap::new(),
            names: HashMap::new(),
            listed: Vec::new(),
        };
        let clients = Clients::resolve(&classifier.known, evidence);
        classifier.decide_objects(evidence, &clients);
        classifier.decide_applications(evidence, &clients);
        classifier.decide_names(evidence);
        classifier.list_unnumbered_identities();
        classifier.listed.sort_unstable();
        classifier
    }

    /// The verdict on an object id (folded), as assignee or SAS key owner. A client id that stands
    /// in its place is understood where the inventory has it: the Azure CLI prints one for the
    /// other.
    pub fn by_object_id(&self, object_id: &str) -> Option<&Verdict> {
        let decision = match self.objects.get(object_id) {
            Some(&decision) => decision,
            None => *self.objects.get(self.known.object_of_client(object_id)?)?,
        };
        Some(&self.decisions.get(decision)?.verdict)
    }

    /// Every principal that inventory or logs name, sorted by object id, application id and name.
    pub fn identities(&self) -> impl Iterator<Item = Identity<'_>> {
        self.listed.iter().map(|listed| Identity {
            principal_id: listed.principal_id.as_deref(),
            app_id: listed.app_id.as_deref(),
            name: listed.name.as_deref(),
            verdict: &self.decision(listed.decision).verdict,
        })
    }

    /// The role assignments of the inventory, sorted.
    pub fn role_assignments(&self) -> impl Iterator<Item = &RoleAssignment> {
        self.known.inventory.role_assignments.iter()
    }

    /// Adds the columns of [`Stage::Classified`](crate::event::schema::Stage) to a batch of the
    /// decoded schema and returns it in the order of the events schema. `locations` must be a
    /// column of the input already (added by `lake`), as a `Utf8` column named so.
    ///
    /// Three decoded columns gain values: `principal_id` where only a client id was known,
    /// `target_name` where `target_id` has it, and `secret_bearing` where the record does not say
    /// how the principal proved itself and another one, or the inventory, does.
    ///
    /// # Errors
    ///
    /// An [`ArrowError`] when the batch is not of that schema: a defect of ours.
    pub fn classify(&self, decoded: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        columns::classify(self, decoded)
    }

    /// The side tables `identities`, `workspaces`, `connectors`, `governed`, each as one batch.
    ///
    /// # Errors
    ///
    /// An [`ArrowError`]: a defect of ours.
    pub fn side_tables(&self) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
        tables::all(self)
    }

    /// What of this makes events look otherwise than under an `earlier` classifier: `None` where they
    /// may all do so, else the object ids, application ids and names of whom that is true.
    pub fn changes_since(&self, earlier: &Self) -> Option<BTreeSet<String>> {
        if self.known.inventory != earlier.known.inventory {
            return None;
        }
        let of_objects = changed(&self.objects, &earlier.objects, |own, other| {
            own.map(|own| self.decision(*own)) == other.map(|other| earlier.decision(*other))
        });
        let of_applications = changed(&self.applications, &earlier.applications, |own, other| {
            own.map(|own| (self.decision(own.decision), &own.object))
                == other.map(|other| (earlier.decision(other.decision), &other.object))
        });
        let of_names = changed(&self.names, &earlier.names, |own, other| {
            own.map(|own| self.decision(*own)) == other.map(|other| earlier.decision(*other))
        });
        Some(of_objects.into_iter().chain(of_applications).chain(of_names).collect())
    }

    /// The decision at a place of [`Self::decisions`], and the object id where only a client id
    /// was given.
    fn find(&self, key: Key<'_>) -> (usize, Option<&str>) {
        let place = match key {
            Key::Object(id) => self.objects.get(id).copied(),
            Key::Application(id) => {
                let client = self.applications.get(id);
                return client.map_or((UNKNOWN, None), |client| (client.decision, client.object.as_deref()));
            }
            Key::Name(name) => self.names.get(name).copied(),
            Key::SomeUser => Some(USER),
            Key::Somebody => Some(UNKNOWN),
            Key::Access(IdentityKind::Key) => Some(KEY),
            Key::Access(IdentityKind::Sas) => Some(SAS),
            Key::Access(_) => Some(ANONYMOUS),
            Key::Nobody => Some(NOBODY),
        };
        (place.unwrap_or(UNKNOWN), None)
    }

    fn decision(&self, place: usize) -> &Decision {
        static UNDECIDED: std::sync::LazyLock<Decision> = std::sync::LazyLock::new(Decision::unknown);
        self.decisions.get(place).unwrap_or(&UNDECIDED)
    }

    /// Keeps a decision; people and undecided principals share one each.
    fn keep(&mut self, decision: Decision) -> usize {
        for shared in [UNKNOWN, USER] {
            if self.decisions.get(shared) == Some(&decision) {
                return shared;
            }
        }
        self.decisions.push(decision);
        self.decisions.len() - 1
    }

    fn decide_objects(&mut self, evidence: &Evidence, clients: &Clients<'_>) {
        let stated: Vec<String> = self.known.objects().map(str::to_owned).collect();
        let observed = evidence.objects.keys().map(String::as_str);
        let all: BTreeSet<&str> = stated.iter().map(String::as_str).chain(observed).collect();
        for object in all {
            let mut facts: Vec<&Facts> = evidence.objects.get(object).into_iter().collect();
            facts.extend(clients.facts.get(object).into_iter().flatten());
            let subject = Subject { object: Some(object), application: None, facts };
            let decision = self.known.decide(&subject);
            let listed_names = self.known.inventory.service_principals.get(object).map(|principal| &principal.names);
            let name = listed_names.into_iter().flatten().map(String::as_str).next();
            let resource = || place::root(decision.verdict.arm_id.as_deref()?).map(|root| root.name);
            let name = name.or_else(|| subject.names().next()).or_else(resource).map(str::to_owned);
            let app_id = self.known.clients_of_object(object).next().or_else(|| subject.app_ids().next());
            let app_id = app_id.map(str::to_owned);
            let decision = self.keep(decision);
            self.objects.insert(object.to_owned(), decision);
            self.listed.push(Listed { principal_id: Some(object.to_owned()), app_id, name, decision });
        }
    }

    fn decide_applications(&mut self, evidence: &Evidence, clients: &Clients<'_>) {
        let applications: BTreeSet<&String> = evidence.applications.keys().collect();
        for app in applications {
            let resolved = clients.objects.get(app.as_str()).map(String::as_str);
            let known = resolved.and_then(|object| Some((object, *self.objects.get(object)?)));
            let decision = if let Some((object, place)) = known {
                let stated = self.known.object_of_client(app) == Some(object);
                if stated { self.keep(self.decision(place).clone().by_client_id()) } else { place }
            } else {
                let facts = evidence.applications.get(app).into_iter().collect();
                let subject = Subject { object: None, application: Some(app), facts };
                let name = subject.names().next().map(str::to_owned);
                let decision = self.known.decide(&subject);
                let decision = self.keep(decision);
                self.listed.push(Listed { principal_id: None, app_id: Some(app.clone()), name, decision });
                decision
            };
            let object = known.map(|(object, _)| object.to_owned());
            self.applications.insert(app.clone(), Client { decision, object });
        }
    }

    fn decide_names(&mut self, evidence: &Evidence) {
        let names: BTreeSet<&String> = evidence.names.keys().collect();
        for name in names {
            let is_user = evidence.names.get(name).is_some_and(|facts| facts.has(Flag::User));
            let decision = if is_user { USER } else { UNKNOWN };
            self.names.insert(name.clone(), decision);
            self.listed.push(Listed { principal_id: None, app_id: None, name: Some(name.clone()), decision });
        }
    }

    /// Lists the user-assigned identities whose object id nothing says: rules also look for their
    /// ARM ids.
    fn list_unnumbered_identities(&mut self) {
        for decision in self.known.unnumbered_identities() {
            let decision = self.keep(decision);
            self.listed.push(Listed { principal_id: None, app_id: None, name: None, decision });
        }
    }
}

/// The keys of `own` whose values are not alike in `earlier`. Nothing vanishes: evidence only grows.
fn changed<V>(
    own: &HashMap<String, V>,
    earlier: &HashMap<String, V>,
    is_alike: impl Fn(Option<&V>, Option<&V>) -> bool,
) -> BTreeSet<String> {
    let changed = own.iter().filter(|(key, value)| !is_alike(Some(value), earlier.get(*key)));
    changed.map(|(key, _)| key.clone()).collect()
}

/// Which object ids the application ids of app-only tokens stand for.
#[derive(Debug, Default)]
struct Clients<'a> {
    /// Object ids by application id, where exactly one is known.
    objects: HashMap<&'a str, String>,
    /// What was seen under the application ids of an object id.
    facts: HashMap<String, Vec<&'a Facts>>,
}

impl<'a> Clients<'a> {
    /// The inventory decides; where it does not know an application id, the tokens that carried
    /// both ids do.
    fn resolve(known: &Known, evidence: &'a Evidence) -> Self {
        let mut seen: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        let objects: BTreeSet<&String> = evidence.objects.keys().collect();
        for object in objects {
            for app in evidence.objects.get(object).into_iter().flat_map(|facts| &facts.app_ids) {
                if evidence.applications.contains_key(app) {
                    seen.entry(app).or_default().insert(object);
                }
            }
        }
        let mut clients = Self::default();
        let applications: BTreeSet<&'a String> = evidence.applications.keys().collect();
        for app in applications {
            let stated: BTreeSet<&str> = known.objects_of_client(app).collect();
            let candidates = if stated.is_empty() { seen.remove(app.as_str()).unwrap_or_default() } else { stated };
            let mut candidates = candidates.into_iter();
            if let (Some(object), None) = (candidates.next(), candidates.next()) {
                clients.objects.insert(app, object.to_owned());
                clients.facts.entry_ref(object).or_default().extend(evidence.applications.get(app));
            }
        }
        clients
    }
}
