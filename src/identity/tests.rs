//! Principals, inventories and batches made by hand. No record here was seen in a tenant, except
//! where a test says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;

use super::{Classifier, Evidence, Inventory, Observation, Verdict};
use crate::event::schema::{COLUMNS, ColumnType, Stage};
use crate::event::vocabulary::{AuthType, IdentityKind, LogSource, Stream, TokenKind};
use crate::format::InventoryKind;
use crate::json::Tape;

mod batch;
mod decisions;
mod inventories;
mod order;
mod side_tables;

const TENANT: &str = "00000000-0000-0000-0000-00000000007e";
const MANAGED: &str = "/subscriptions/s1/resourceGroups/databricks-rg-ws";
const WORKSPACE: &str = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Databricks/workspaces/ws";
const CONNECTOR: &str = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Databricks/accessConnectors/ac";
const FIRST_PARTY_APP: &str = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";

/// An object or application id with this number.
fn id(number: u32) -> String {
    format!("{number:08x}-0000-0000-0000-000000000000")
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// The id of a user-assigned identity in a resource group.
fn user_assigned(group: &str, name: &str) -> String {
    format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}")
}

type Records<'a> = [(InventoryKind, &'a str)];

fn add(inventory: &mut Inventory, kind: InventoryKind, text: &str) {
    let mut tape = Tape::new();
    tape.parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    inventory.add(kind, tape.root(text).unwrap(), "inventory.json");
}

fn inventory(records: &Records<'_>) -> Inventory {
    let mut inventory = Inventory::default();
    for (kind, text) in records {
        add(&mut inventory, *kind, text);
    }
    inventory
}

/// A workspace as Azure Resource Manager gives it.
fn workspace() -> String {
    format!(
        r#"{{"id":"{WORKSPACE}","name":"ws","type":"Microsoft.Databricks/workspaces","properties":{{
        "managedResourceGroupId":"{MANAGED}","workspaceId":"5555555555555555",
        "createdDateTime":"2020-02-20T00:10:29.2858439Z","isUcEnabled":true,
        "parameters":{{"storageAccountName":{{"type":"String","value":"dbstorageABC"}},
        "customVirtualNetworkId":{{"value":"/subscriptions/s1/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v"}}}},
        "storageAccountIdentity":{{"type":"SystemAssigned","principalId":"{}","tenantId":"{TENANT}"}},
        "managedDiskIdentity":{{"type":"SystemAssigned","principalId":"{}","tenantId":"{TENANT}"}},
        "diskEncryptionSetId":"/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/des"}}}}"#,
        id(0x51),
        id(0x52),
    )
}

/// A system-assigned connector.
fn connector(connector: &str, principal: u32) -> String {
    let principal = id(principal);
    format!(
        r#"{{"id":"{connector}","identity":{{"type":"SystemAssigned","principalId":"{principal}"}},"properties":{{"referedBy":[]}}}}"#
    )
}

/// A resource to which a user-assigned identity is attached.
fn with_user_assigned(resource: &str, identity: &str, principal: u32, client: u32) -> String {
    let (principal, client) = (id(principal), id(client));
    format!(
        r#"{{"id":"{resource}","identity":{{"type":"UserAssigned","userAssignedIdentities":
        {{"{identity}":{{"clientId":"{client}","principalId":"{principal}"}}}}}}}}"#
    )
}

/// A user-assigned identity as the Azure CLI lists it.
fn identity(resource: &str, principal: u32, client: u32) -> String {
    format!(
        r#"{{"id":"{resource}","principalId":"{}","clientId":"{}","tenantId":"{TENANT}"}}"#,
        id(principal),
        id(client)
    )
}

/// A managed identity's service principal.
fn service_principal(path: &str, principal: u32, client: u32) -> String {
    let name = path.rsplit('/').next().unwrap();
    format!(
        r#"{{"id":"{}","appId":"{}","displayName":"{name}","servicePrincipalType":"ManagedIdentity",
        "alternativeNames":["isExplicit=False","{path}"]}}"#,
        id(principal),
        id(client),
    )
}

/// A record of an app-only token that says nothing but the object id.
fn seen(principal: &str) -> Observation<'_> {
    Observation {
        source: LogSource::Activity,
        token_kind: TokenKind::App,
        auth_type: AuthType::Oauth,
        category: None,
        principal_id: Some(principal),
        app_id: None,
        principal_name: None,
        mirid: None,
        az_rid: None,
        tenant_id: None,
        secret_bearing: false,
    }
}

/// A storage record: it does not say what kind of token it was.
fn seen_in_storage(principal: &str) -> Observation<'_> {
    Observation { source: LogSource::Storage, token_kind: TokenKind::Unknown, ..seen(principal) }
}

/// A managed identity's sign-in, as diagnostic settings export it.
fn signed_in<'a>(principal: &'a str, name: &'a str) -> Observation<'a> {
    Observation {
        source: LogSource::Signin,
        category: Some("ManagedIdentitySignInLogs"),
        principal_name: Some(name),
        tenant_id: Some(TENANT),
        ..seen(principal)
    }
}

fn evidence(observations: &[Observation<'_>]) -> Evidence {
    let mut evidence = Evidence::default();
    for observation in observations {
        evidence.observe(observation);
    }
    evidence
}

/// The verdict on object id `principal`.
fn verdict(records: &Records<'_>, observations: &[Observation<'_>], principal: &str) -> Verdict {
    let classifier = Classifier::build(inventory(records), &evidence(observations));
    classifier.by_object_id(principal).unwrap().clone()
}

#[track_caller]
fn assert_verdict(verdict: &Verdict, stream: Stream, kind: IdentityKind, confidence: f32, row: &str) {
    assert_eq!((verdict.stream, verdict.kind), (stream, kind), "{verdict:?}");
    assert!((verdict.confidence - confidence).abs() < 1e-6, "{verdict:?}");
    assert!(verdict.classified_by.starts_with(&format!("{row}: ")), "{verdict:?}");
}

/// The columns of one event that a test cares about.
type Event<'a> = BTreeMap<&'a str, &'a str>;

fn event<'a>(columns: &[(&'a str, &'a str)]) -> Event<'a> {
    columns.iter().copied().collect()
}

/// What stands in a decoded column that may not be null and of which a test says nothing.
fn default_of(column: &str) -> &'static str {
    match column {
        "source" => "activity",
        "form" => "archive",
        "activity" => "use",
        "plane" => "management",
        "op_class" => "other",
        "outcome" => "success",
        "phase" => "terminal",
        "principal_via" | "audience_kind" => "none",
        "token_kind" | "auth_type" => "unknown",
        _ => "x",
    }
}

/// A batch of the decoded schema with `locations`.
fn decoded(events: &[Event<'_>]) -> RecordBatch {
    let wanted = COLUMNS.iter().filter(|column| column.stage == Stage::Decoded || column.name == "locations");
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = wanted
        .map(|column| {
            let texts: Vec<Option<&str>> = events
                .iter()
                .map(|event| event.get(column.name).copied().or((!column.nullable).then(|| default_of(column.name))))
                .collect();
            let rows = events.len();
            let array: ArrayRef = match column.column_type {
                ColumnType::Time => Arc::new(TimestampMicrosecondArray::from(vec![0; rows]).with_timezone("UTC")),
                ColumnType::Dictionary => Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()),
                ColumnType::Text => Arc::new(StringArray::from(texts)),
                ColumnType::Int => Arc::new(Int64Array::from(vec![0; rows])),
                ColumnType::Int32 => Arc::new(Int32Array::from(vec![0; rows])),
                ColumnType::Float => Arc::new(Float64Array::from(vec![0.0; rows])),
                ColumnType::Bool => {
                    Arc::new(texts.into_iter().map(|text| Some(text == Some("true"))).collect::<BooleanArray>())
                }
                ColumnType::Float32 => unreachable!("no decoded column is a Float32"),
            };
            (Field::new(column.name, column.column_type.data_type(), column.nullable), array)
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// A cell of a batch as text; `null` for null.
fn cell(batch: &RecordBatch, column: &str, row: usize) -> String {
    let array = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    if let Some(words) = array.as_dictionary_opt::<Int32Type>() {
        let texts = words.values().as_string::<i32>();
        return words.key(row).map_or("null".to_owned(), |key| texts.value(key).to_owned());
    }
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<arrow::datatypes::Int64Type>().value(row).to_string(),
        DataType::Float32 => array.as_primitive::<arrow::datatypes::Float32Type>().value(row).to_string(),
        DataType::Timestamp(..) => {
            array.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(row).to_string()
        }
        other => panic!("{column} is {other}"),
    }
}

fn cells(batch: &RecordBatch, row: usize, columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| cell(batch, column, row)).collect()
}

/// Observes and classifies the same events.
fn classified(records: &Records<'_>, observations: &[Observation<'_>], events: &[Event<'_>]) -> RecordBatch {
    let classifier = Classifier::build(inventory(records), &evidence(observations));
    classifier.classify(&decoded(events)).unwrap()
}
