//! `ocsf`: events as OCSF 1.8.0, an event a line, in the class that `class_uid` says.
//!
//! What OCSF has no attribute for stands under `unmapped`, with our own names: the stream, who that
//! is and how sure, and where the record was read. Attributes that a class demands and the record
//! has not say so in words.

use std::io::Write;
use std::net::IpAddr;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value, json};

use crate::report::document::{two_places, without_empty};
use crate::report::events::columns_error;
use crate::report::{ReportError, json, ocsf};
use crate::time::UtcMicros;

/// Stands for what a class demands and the record has not.
const NOT_SAID: &str = "not in the record";

/// Authentication.
const AUTHENTICATION: i64 = 3002;
/// Entity Management.
const ENTITY_MANAGEMENT: i64 = 3004;
/// User Access Management.
const USER_ACCESS: i64 = 3005;
/// Datastore Activity.
const DATASTORE: i64 = 6005;
/// In every class, an activity that it has no number for.
const OTHER_ACTIVITY: i64 = 99;

/// Columns that keep their own names under `unmapped`.
const UNMAPPED: [&str; 21] = [
    "stream",
    "identity_kind",
    "classified_by",
    "plane",
    "op_class",
    "operation_raw",
    "phase",
    "auth_type",
    "token_kind",
    "principal_via",
    "requester_id",
    "mirid",
    "az_rid",
    "workspace_rid",
    "container",
    "object_path",
    "role_id",
    "role_class",
    "assignee_id",
    "scope",
    "object",
];

pub(super) fn write(batch: &RecordBatch, out: &mut dyn Write) -> Result<(), ReportError> {
    let columns = Columns::of(batch).map_err(columns_error)?;
    for row in 0..batch.num_rows() {
        let value = event(&Row { columns: &columns, row });
        writeln!(out, "{}", json::text(&without_empty(value))?).map_err(ReportError::write)?;
    }
    Ok(())
}

/// The columns of a batch in the types that are read here.
struct Columns(Vec<(String, ArrayRef)>);

impl Columns {
    fn of(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
            let plain = match field.data_type() {
                DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                DataType::Dictionary(..) | DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
                other => other.clone(),
            };
            Ok((field.name().clone(), cast(column, &plain)?))
        });
        Ok(Self(columns.collect::<Result<_, ArrowError>>()?))
    }
}

/// One event.
struct Row<'a> {
    columns: &'a Columns,
    row: usize,
}

impl<'a> Row<'a> {
    fn column(&self, name: &str) -> Option<&'a ArrayRef> {
        let (_, column) = self.columns.0.iter().find(|(known, _)| known == name)?;
        (!column.is_null(self.row)).then_some(column)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        Some(self.column(name)?.as_string_opt::<i32>()?.value(self.row))
    }

    fn int(&self, name: &str) -> Option<i64> {
        let column = self.column(name)?;
        let small = || column.as_primitive_opt::<Int32Type>().map(|column| i64::from(column.value(self.row)));
        column.as_primitive_opt::<Int64Type>().map(|column| column.value(self.row)).or_else(small)
    }

    fn time(&self) -> UtcMicros {
        let column = self.column("time").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        UtcMicros(column.map_or(0, |column| column.value(self.row)))
    }

    /// Whole milliseconds; a fraction of one is less than services measure.
    fn duration(&self) -> Option<i64> {
        let millis = self.column("duration_ms")?.as_primitive_opt::<Float64Type>()?.value(self.row);
        format!("{millis:.0}").parse().ok()
    }

    fn confidence(&self) -> Option<f64> {
        Some(two_places(self.column("confidence")?.as_primitive_opt::<Float32Type>()?.value(self.row)))
    }
}

fn event(row: &Row<'_>) -> Value {
    let class = row.int("class_uid").unwrap_or(0);
    let (activity, activity_name) = activity(class, row.text("activity").unwrap_or("unknown"));
    let (status_id, status) = match row.text("outcome") {
        Some("success") => (1, "Success"),
        Some("failure" | "denied") => (2, "Failure"),
        _ => (0, "Unknown"),
    };
    let mut value = json!({
        "class_uid": class,
        "class_name": class_name(class),
        "category_uid": class / 1000,
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": class * 100 + activity,
        "time": row.time().millis(),
        "severity_id": 1,
        "severity": "Informational",
        "status_id": status_id,
        "status": status,
        "status_code": row.text("result_code"),
        "status_detail": (row.text("outcome") == Some("denied")).then_some("denied"),
        "message": row.text("operation_raw").or(row.text("operation")),
        "duration": row.duration(),
        "metadata": metadata(row),
        "cloud": {"provider": "Azure", "account": row.text("subscription_id").map(|id| json!({"uid": id}))},
        "actor": actor(row),
        "src_endpoint": source(row),
        "api": {
            "operation": row.text("operation").unwrap_or(NOT_SAID),
            "request": row.text("correlation_id").map(|id| json!({"uid": id})),
            "service": {"name": row.text("source")},
        },
        "http_request": row.text("user_agent").map(|agent| json!({"user_agent": agent})),
        "unmapped": unmapped(row),
    });
    if let Value::Object(members) = &mut value {
        members.extend(of_class(class, row));
    }
    value
}

fn metadata(row: &Row<'_>) -> Value {
    let mut metadata = ocsf::metadata(row.text("event_uid").unwrap_or_default(), &["cloud"]);
    let product = match row.text("source") {
        Some("activity") => "Azure Activity Log",
        Some("signin" | "entra_audit") => "Microsoft Entra ID",
        Some("storage") => "Azure Storage",
        Some("keyvault") => "Azure Key Vault",
        Some("sql") => "Azure SQL",
        Some("databricks") => "Azure Databricks",
        _ => "Azure",
    };
    if let Value::Object(members) = &mut metadata {
        members.insert("product".to_owned(), json!({"name": product, "vendor_name": "Microsoft"}));
        members.insert("log_name".to_owned(), json!(row.text("category")));
        members.insert("log_provider".to_owned(), json!(row.text("source")));
        members.insert("original_time".to_owned(), json!(row.time()));
        members.insert("correlation_uid".to_owned(), json!(row.text("correlation_id")));
        members.insert("tenant_uid".to_owned(), json!(row.text("tenant_id")));
    }
    metadata
}

/// Who acted, as the record names them. A record without a principal says what acted in its place:
/// a key, a signature, nobody.
fn actor(row: &Row<'_>) -> Value {
    let has_user = row.text("principal_id").is_some() || row.text("principal_name").is_some();
    let user = has_user.then(|| user(row));
    let app = row.text("app_id");
    let instead = (!has_user && app.is_none()).then(|| row.text("identity_kind").unwrap_or(NOT_SAID));
    json!({"user": user, "app_uid": app, "app_name": instead})
}

fn user(row: &Row<'_>) -> Value {
    let (type_id, type_word) = match row.text("token_kind") {
        Some("user") => (1, "User"),
        Some("app") => (4, "Service"),
        _ => (0, "Unknown"),
    };
    json!({
        "uid": row.text("principal_id"),
        "name": row.text("principal_name"),
        "type_id": type_id,
        "type": type_word,
    })
}

fn source(row: &Row<'_>) -> Value {
    match row.text("src_ip") {
        Some(address) if address.parse::<IpAddr>().is_ok() => json!({"ip": address}),
        other => json!({"name": other.unwrap_or(NOT_SAID)}),
    }
}

fn unmapped(row: &Row<'_>) -> Value {
    let texts = UNMAPPED.iter().map(|name| ((*name).to_owned(), json!(row.text(name))));
    let numbers = ["offset", "length", "bytes_in", "bytes_out"].map(|name| (name.to_owned(), json!(row.int(name))));
    let mut members: Map<String, Value> = texts.chain(numbers).collect();
    members.insert("confidence".to_owned(), json!(row.confidence()));
    Value::Object(members)
}

/// What only one class has.
fn of_class(class: i64, row: &Row<'_>) -> Map<String, Value> {
    let resource =
        json!({"uid": row.text("target_id"), "name": row.text("target_name"), "type": row.text("target_type")});
    let has_target = row.text("target_id").is_some() || row.text("target_name").is_some();
    let resources = has_target.then(|| json!([resource]));
    let value = match class {
        AUTHENTICATION => json!({
            "user": if row.text("principal_id").or(row.text("principal_name")).is_some() { user(row) } else { json!({"name": NOT_SAID}) },
            "service": {"name": row.text("target_name").or(row.text("audience_kind")), "uid": row.text("audience_app_id")},
            "auth_protocol_id": 6,
            "auth_protocol": "OAUTH 2.0",
        }),
        USER_ACCESS => json!({
            "user": {"uid": row.text("assignee_id"), "name": row.text("assignee_id").is_none().then_some(NOT_SAID)},
            "privileges": [row.text("role_id").unwrap_or(NOT_SAID)],
            "resources": row.text("scope").map(|scope| json!([{"uid": scope}])).or(resources),
        }),
        ENTITY_MANAGEMENT => json!({
            "entity": {
                "uid": row.text("target_id"),
                "name": row.text("target_name").or_else(|| (!has_target).then_some(NOT_SAID)),
                "type": row.text("target_type"),
            },
        }),
        DATASTORE => datastore(row),
        _ => json!({"resources": resources}),
    };
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn datastore(row: &Row<'_>) -> Value {
    let name = row.text("container").or(row.text("target_name")).unwrap_or(NOT_SAID);
    let uid = row.text("target_id");
    match row.text("source") {
        Some("sql") => {
            json!({"type_id": 1, "type": "Database", "database": {"uid": uid, "name": name, "type_id": 1, "type": "Relational"}})
        }
        Some("storage") => {
            json!({"type_id": 2, "type": "Databucket", "databucket": {"uid": uid, "name": name, "type_id": 2, "type": "Azure Blob"}})
        }
        other => {
            json!({"type_id": 2, "type": "Databucket", "databucket": {"uid": uid, "name": name, "type_id": OTHER_ACTIVITY, "type": other}})
        }
    }
}

fn class_name(class: i64) -> &'static str {
    match class {
        AUTHENTICATION => "Authentication",
        ENTITY_MANAGEMENT => "Entity Management",
        USER_ACCESS => "User Access Management",
        DATASTORE => "Datastore Activity",
        _ => "API Activity",
    }
}

/// The number that a class gives an activity, and its caption; 99 and our own word where it has none.
fn activity(class: i64, word: &str) -> (i64, &str) {
    match (class, word) {
        (AUTHENTICATION, "logon") => (1, "Logon"),
        (USER_ACCESS, "assign") => (1, "Assign Privileges"),
        (USER_ACCESS, "revoke") => (2, "Revoke Privileges"),
        (DATASTORE, "read") => (1, "Read"),
        (DATASTORE, "update") => (2, "Update"),
        (DATASTORE, "connect" | "logon") => (3, "Connect"),
        (DATASTORE, "query") => (4, "Query"),
        (DATASTORE, "write") => (5, "Write"),
        (DATASTORE, "create") => (6, "Create"),
        (DATASTORE, "delete") => (7, "Delete"),
        (DATASTORE, "list") => (8, "List"),
        (AUTHENTICATION | USER_ACCESS | DATASTORE, _) => (OTHER_ACTIVITY, word),
        (_, "create") => (1, "Create"),
        (_, "read" | "list") => (2, "Read"),
        (_, "write" | "update") => (3, "Update"),
        (_, "delete") => (4, "Delete"),
        _ => (OTHER_ACTIVITY, word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activities_have_the_numbers_of_their_class() {
        for (class, word, id) in [
            (3002, "logon", 1),
            (3005, "revoke", 2),
            (3005, "write", 99),
            (3004, "delete", 4),
            (6003, "list", 2),
            (6003, "write", 3),
            (6003, "use", 99),
            (6005, "list", 8),
            (6005, "write", 5),
            (6005, "use", 99),
        ] {
            assert_eq!(activity(class, word).0, id, "{class} {word}");
        }
    }
}
