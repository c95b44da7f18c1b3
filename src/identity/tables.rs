//! The side tables that rules join: `identities`, `workspaces`, `connectors`, `governed`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::inventory::{Credential, Location};
use super::known::Known;
use super::place::{self, Named};
use super::{Classifier, Identity};
use crate::event::vocabulary::Stream;

/// See [`Classifier::side_tables`].
pub(super) fn all(classifier: &Classifier) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
    let governed = governed(classifier);
    Ok(vec![
        ("identities", identities(classifier)?),
        ("workspaces", workspaces(&classifier.known)?),
        ("connectors", connectors(classifier, &governed)?),
        ("governed", governed_batch(&governed)?),
        ("allowed_ip", service_ranges(&classifier.known)?),
    ])
}

/// Whether a column of a side table can be null.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Allowed,
    Never,
}

/// Columns on their way into a batch.
#[derive(Default)]
struct Table {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Table {
    fn column(mut self, name: &str, nulls: Nulls, column: ArrayRef) -> Self {
        self.fields.push(Field::new(name, column.data_type().clone(), nulls == Nulls::Allowed));
        self.columns.push(column);
        self
    }

    /// Adds a text column that can be null.
    fn text<T: AsRef<str>>(self, name: &str, values: impl Iterator<Item = Option<T>>) -> Self {
        self.column(name, Nulls::Allowed, Arc::new(values.collect::<StringArray>()))
    }

    /// Adds a text column without nulls.
    fn required<T: AsRef<str>>(self, name: &str, values: impl Iterator<Item = T>) -> Self {
        self.column(name, Nulls::Never, Arc::new(values.map(Some).collect::<StringArray>()))
    }

    fn finish(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.columns)
    }
}

fn identities(classifier: &Classifier) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<Identity<'_>> = classifier.identities().collect();
    let verdicts = || rows.iter().map(|row| row.verdict);
    let confidence: Float32Array = verdicts().map(|verdict| Some(verdict.confidence)).collect();
    let attached = verdicts().map(|verdict| {
        let resources: Vec<&str> = classifier.known.attached_to(verdict.arm_id.as_deref()?).collect();
        if resources.is_empty() { None } else { Some(resources.join(", ")) }
    });
    Table::default()
        .text("principal_id", rows.iter().map(|row| row.principal_id))
        .text("app_id", rows.iter().map(|row| row.app_id))
        .text("name", rows.iter().map(|row| row.name))
        .required("stream", verdicts().map(|verdict| verdict.stream.as_str()))
        .required("identity_kind", verdicts().map(|verdict| verdict.kind.as_str()))
        .column("confidence", Nulls::Never, Arc::new(confidence))
        .required("classified_by", verdicts().map(|verdict| &verdict.classified_by))
        .text("arm_id", verdicts().map(|verdict| verdict.arm_id.as_ref()))
        .text("workspace_rid", verdicts().map(|verdict| verdict.workspace_rid.as_ref()))
        .text("attached_to", attached)
        .finish()
}

/// One row a workspace. Where records disagree: the earliest creation, the first of texts in their
/// order, and null for a flag that is both.
fn workspaces(known: &Known) -> Result<RecordBatch, ArrowError> {
    let rows = &known.inventory.workspaces;
    let created: TimestampMicrosecondArray =
        rows.values().map(|workspace| workspace.created.first().map(|time| time.0)).collect();
    let flag = |values: &BTreeSet<bool>| values.first().copied().filter(|_| values.len() == 1);
    let uc_enabled: BooleanArray = rows.values().map(|workspace| flag(&workspace.uc_enabled)).collect();
    Table::default()
        .required("rid", rows.keys())
        .text("name", rows.keys().map(|id| name_of(id)))
        .text("managed_rg", rows.values().map(|workspace| workspace.managed_groups.first()))
        .column("created", Nulls::Allowed, Arc::new(created.with_timezone("UTC")))
        .text("dbfs_account", rows.values().map(|workspace| workspace.dbfs_accounts.first()))
        .text("vnet_id", rows.values().map(|workspace| workspace.networks.first()))
        .column("uc_enabled", Nulls::Allowed, Arc::new(uc_enabled))
        .text("workspace_id", rows.values().map(|workspace| workspace.numbers.first()))
        .finish()
}

fn service_ranges(known: &Known) -> Result<RecordBatch, ArrowError> {
    let rows = &known.inventory.service_ranges;
    Table::default()
        .required("cidr_lo", rows.iter().map(|(range, _)| &range.first))
        .required("cidr_hi", rows.iter().map(|(range, _)| &range.last))
        .required("label", rows.iter().map(|(_, label)| label))
        .finish()
}

fn name_of(id: &str) -> Option<&str> {
    place::root(id).map(|root| root.name)
}

/// A container under Unity Catalog, and one identity that reaches it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Governed {
    account: String,
    container: String,
    connector: Option<String>,
    principal: Option<String>,
    file_events: Option<bool>,
}

/// Object ids by connector: of its own identity and of those attached to it, as the inventory has
/// them or as tokens showed.
fn principals_of_connectors(classifier: &Classifier) -> BTreeMap<&str, BTreeSet<&str>> {
    let resources = &classifier.known.inventory.resources;
    let connectors = classifier.known.referrers().keys();
    let mut principals: BTreeMap<&str, BTreeSet<&str>> = connectors.map(|id| (id.as_str(), BTreeSet::new())).collect();
    for (connector, principals) in &mut principals {
        let Some(resource) = resources.get(*connector) else { continue };
        principals.extend(resource.principals.iter().map(String::as_str));
        let attached = resource.attached.iter().filter_map(|id| resources.get(id));
        principals.extend(attached.flat_map(|identity| &identity.principals).map(String::as_str));
    }
    for identity in classifier.identities().filter(|identity| identity.verdict.stream == Stream::Adac) {
        let connector = identity.verdict.arm_id.as_deref().filter(|id| place::named(id) == Named::Connector);
        if let (Some(connector), Some(principal)) = (connector, identity.principal_id) {
            principals.entry(connector).or_default().insert(principal);
        }
    }
    principals
}

/// Every external location with the identities of its credential.
fn governed(classifier: &Classifier) -> BTreeSet<Governed> {
    let inventory = &classifier.known.inventory;
    let connectors = principals_of_connectors(classifier);
    let mut governed = BTreeSet::new();
    for location in &inventory.locations {
        let row = |connector: Option<&String>, principal: Option<&str>| Governed {
            account: location.account.clone(),
            container: location.container.clone(),
            connector: connector.cloned(),
            principal: principal.map(str::to_owned),
            file_events: location.file_events,
        };
        let mut credentials = inventory.credentials.iter().filter(|credential| is_of(credential, location)).peekable();
        if credentials.peek().is_none() {
            governed.insert(row(None, None));
        }
        for credential in credentials {
            let principals = principals_of(credential, classifier, &connectors);
            if principals.is_empty() {
                governed.insert(row(credential.connector.as_ref(), None));
            }
            let connector = credential.connector.as_ref();
            governed.extend(principals.into_iter().map(|principal| row(connector, Some(principal))));
        }
    }
    governed
}

/// Whether a location uses a credential: by id where both say one, else by name.
fn is_of(credential: &Credential, location: &Location) -> bool {
    match (&credential.id, &location.credential_id) {
        (Some(id), Some(wanted)) => id == wanted,
        _ => credential.name.is_some() && credential.name == location.credential_name,
    }
}

/// The object ids that a credential stands for: of the identity that it names, else of the
/// connector's own, else of all that the connector has.
fn principals_of<'a>(
    credential: &Credential,
    classifier: &'a Classifier,
    connectors: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> BTreeSet<&'a str> {
    let resources = &classifier.known.inventory.resources;
    let own = |id: &String| resources.get(id).map(|resource| &resource.principals);
    if let Some(identity) = &credential.identity {
        return own(identity).into_iter().flatten().map(String::as_str).collect();
    }
    let Some(connector) = &credential.connector else { return BTreeSet::new() };
    match own(connector).filter(|own| !own.is_empty()) {
        Some(own) => own.iter().map(String::as_str).collect(),
        None => connectors.get(connector.as_str()).cloned().unwrap_or_default(),
    }
}

/// Whether an identity of a connector handles file events: yes when one of its locations has them;
/// no when its locations all say that they have none; else not known.
fn file_events(governed: &BTreeSet<Governed>, connector: &str, principal: Option<&str>) -> Option<bool> {
    let of_connector = governed.iter().filter(|row| row.connector.as_deref() == Some(connector));
    // A location whose identity is not known may be any of the connector's.
    let own = of_connector.filter(|row| row.principal.is_none() || row.principal.as_deref() == principal);
    let said: BTreeSet<Option<bool>> = own.map(|row| row.file_events).collect();
    match (said.contains(&Some(true)), said.contains(&None), said.is_empty()) {
        (true, ..) => Some(true),
        (false, false, false) => Some(false),
        _ => None,
    }
}

/// One row an identity of a connector; one without ids for a connector that has none.
fn connectors(classifier: &Classifier, governed: &BTreeSet<Governed>) -> Result<RecordBatch, ArrowError> {
    let known = &classifier.known;
    let mut rows: Vec<(&str, Option<&str>)> = Vec::new();
    for (id, principals) in principals_of_connectors(classifier) {
        if principals.is_empty() {
            rows.push((id, None));
        }
        rows.extend(principals.into_iter().map(|principal| (id, Some(principal))));
    }
    let app_ids: BTreeMap<&str, &str> =
        classifier.identities().filter_map(|identity| Some((identity.principal_id?, identity.app_id?))).collect();
    let count = |id: &str| known.referrers().get(id).map_or(0, BTreeSet::len);
    let counts: Int64Array = rows.iter().map(|(id, _)| i64::try_from(count(id)).ok()).collect();
    let managed: BooleanArray = rows.iter().map(|(id, _)| Some(known.managing_workspaces(id).is_some())).collect();
    let events: BooleanArray = rows.iter().map(|(id, principal)| file_events(governed, id, *principal)).collect();
    Table::default()
        .required("rid", rows.iter().map(|(id, _)| id))
        .text("name", rows.iter().map(|(id, _)| name_of(id)))
        .text("principal_id", rows.iter().map(|(_, principal)| *principal))
        .text("client_id", rows.iter().map(|(_, principal)| app_ids.get((*principal)?)))
        .column("refered_by_count", Nulls::Never, Arc::new(counts))
        .column("in_managed_rg", Nulls::Never, Arc::new(managed))
        .column("file_events", Nulls::Allowed, Arc::new(events))
        .finish()
}

fn governed_batch(rows: &BTreeSet<Governed>) -> Result<RecordBatch, ArrowError> {
    // Rows that differ in their file events only are one here.
    let rows: BTreeSet<_> =
        rows.iter().map(|row| (&row.account, &row.container, row.connector.as_ref(), row.principal.as_ref())).collect();
    Table::default()
        .required("account", rows.iter().map(|row| row.0))
        .required("container", rows.iter().map(|row| row.1))
        .text("connector_rid", rows.iter().map(|row| row.2))
        .text("principal_id", rows.iter().map(|row| row.3))
        .finish()
}
