//! Renders archive records in the other export forms, with each form's documented losses. It
//! shares no code with the formats: it works on JSON values and knows nothing of events.

use serde_json::{Map, Value, json};

/// An export form that the tenant's Activity and sign-in records are rendered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON Lines of a storage archive.
    Archive,
    /// `{"records":[…]}` messages, one a line.
    EventHub,
    /// Azure Resource Manager's and Microsoft Graph's `{"value":[…]}`.
    Rest,
    /// Log Analytics rows as JSON Lines.
    LogAnalytics,
    /// An Event Hubs Capture container.
    Capture,
}

impl Form {
    pub(crate) const ALL: [Self; 5] = [Self::Archive, Self::EventHub, Self::Rest, Self::LogAnalytics, Self::Capture];
}

/// Renders records of one source as one file; returns its ending and its bytes.
pub(crate) fn render(form: Form, records: &[Value]) -> (&'static str, Vec<u8>) {
    match form {
        Form::Archive => ("json", lines(records.iter().map(Value::to_string))),
        Form::EventHub => ("json", lines(messages(records).iter().map(Value::to_string))),
        Form::Rest => ("json", rest_document(records)),
        Form::LogAnalytics => ("json", lines(records.iter().map(|record| table_row(record).to_string()))),
        Form::Capture => ("avro", capture(&messages(records))),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

/// Event Hub messages of one to three records.
fn messages(records: &[Value]) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at((messages.len() % 3 + 1).min(rest.len()));
        messages.push(json!({ "records": head }));
        rest = tail;
    }
    messages
}

fn is_signin(record: &Value) -> bool {
    text(record, "category").is_some_and(|category| category.ends_with("SignInLogs"))
}

fn text<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    record.get(key).and_then(Value::as_str)
}

/// Pretty-printed, as tools write answers of an API.
fn rest_document(records: &[Value]) -> Vec<u8> {
    let rows: Vec<Value> =
        records.iter().map(|record| if is_signin(record) { graph(record) } else { rest(record) }).collect();
    serde_json::to_vec_pretty(&json!({ "nextLink": "https://example.invalid/next", "value": rows })).unwrap()
}

/// Azure Resource Manager's form: no evidence, no address, another spelling of everything.
fn rest(record: &Value) -> Value {
    let operation = text(record, "operationName").unwrap_or("");
    let action = record.pointer("/identity/authorization/action").and_then(Value::as_str).unwrap_or(operation);
    let status = match text(record, "resultType").unwrap_or("") {
        "Start" => "Started",
        "Accept" => "Accepted",
        "Success" => "Succeeded",
        "Failure" => "Failed",
        other => other,
    };
    let sub_status = text(record, "resultSignature").and_then(|s| s.split_once('.')).map_or("", |(_, sub)| sub);
    let claims = record.pointer("/identity/claims").cloned().unwrap_or_else(|| json!({}));
    let mut properties = record.get("properties").cloned().unwrap_or_else(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        // Values of an answer's properties are strings; nested values are JSON in strings.
        for value in properties.values_mut() {
            if !value.is_string() && !value.is_null() {
                *value = Value::String(value.to_string());
            }
        }
    }
    let scope = record.pointer("/identity/authorization/scope").and_then(Value::as_str);
    json!({
        "authorization": { "action": action, "scope": scope },
        "caller": caller(&claims),
        "channels": "Operation",
        "claims": claims,
        "correlationId": record["correlationId"],
        "description": "",
        "eventDataId": derived_guid(&record.to_string()),
        "eventName": { "value": if status == "Started" { "BeginRequest" } else { "EndRequest" } },
        "category": { "value": record["category"] },
        "eventTimestamp": record["time"],
        "id": format!("{}/events/x/ticks/1", text(record, "resourceId").unwrap_or("")),
        "level": "Informational",
        "operationId": operation_id(record),
        "operationName": { "value": action, "localizedValue": "Etwas tun" },
        "resourceId": scope.filter(|scope| same_id(scope, record)).unwrap_or(text(record, "resourceId").unwrap_or("")),
        "status": { "value": status, "localizedValue": "Erledigt" },
        "subStatus": { "value": sub_status },
        "submissionTimestamp": "2026-05-06T00:00:00Z",
        "properties": properties,
    })
}

fn same_id(scope: &str, record: &Value) -> bool {
    text(record, "resourceId").is_some_and(|id| id.eq_ignore_ascii_case(scope))
}

fn caller(claims: &Value) -> Value {
    let keys = [
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
        "http://schemas.microsoft.com/identity/claims/objectidentifier",
    ];
    keys.iter().find_map(|key| claims.get(key)).cloned().unwrap_or(Value::Null)
}

/// Records of one operation share it: made of what they share.
fn operation_id(record: &Value) -> String {
    let shared = ["correlationId", "operationName", "resourceId"].map(|key| text(record, key).unwrap_or(""));
    derived_guid(&shared.join(" ").to_lowercase())
}

/// A GUID made of a text: a plain hash (FNV-1a) is enough to be stable.
fn derived_guid(text: &str) -> String {
    let hash =
        |seed: u64| text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let (high, low) = (hash(0xcbf2_9ce4_8422_2325), hash(0x9e37_79b9_7f4a_7c15));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// Microsoft Graph's form of a sign-in: no envelope, the kind as an array.
fn graph(record: &Value) -> Value {
    let mut signin = record["properties"].as_object().cloned().unwrap_or_default();
    let kind = match text(record, "category").unwrap_or("") {
        "ManagedIdentitySignInLogs" => "managedIdentity",
        "ServicePrincipalSignInLogs" => "servicePrincipal",
        "NonInteractiveUserSignInLogs" => "nonInteractiveUser",
        _ => "interactiveUser",
    };
    signin.insert("signInEventTypes".to_owned(), json!([kind]));
    if let Some(created) = signin.get("createdDateTime").and_then(Value::as_str) {
        signin.insert("createdDateTime".to_owned(), json!(created.replace("+00:00", "Z")));
    }
    Value::Object(signin)
}

/// A Log Analytics row: milliseconds, lower-case resource ids, JSON in strings, the workspace's
/// own id as tenant.
fn table_row(record: &Value) -> Value {
    if is_signin(record) { signin_row(record) } else { activity_row(record) }
}

/// Log Analytics keeps milliseconds.
fn milliseconds(time: &str) -> String {
    let seconds = &time[..19];
    let fraction = time[19..].trim_start_matches('.').split(['Z', '+']).next().unwrap_or("");
    format!("{seconds}.{fraction:0<3.3}Z")
}

fn activity_row(record: &Value) -> Value {
    let resource = text(record, "resourceId").unwrap_or("").to_lowercase();
    let claims = record.pointer("/identity/claims").cloned().unwrap_or_else(|| json!({}));
    let authorization = record.pointer("/identity/authorization").cloned().unwrap_or_else(|| json!({}));
    let properties = record.get("properties").cloned().unwrap_or_else(|| json!({}));
    let sub_status = text(record, "resultSignature").and_then(|s| s.split_once('.')).map_or("", |(_, sub)| sub);
    let address = record.get("callerIpAddress").cloned().unwrap_or_else(|| json!(""));
    json!({
        "TenantId": "0e0e0e0e-0000-4000-8000-00000000000e",
        "SourceSystem": "Azure",
        "TimeGenerated": milliseconds(text(record, "time").unwrap()),
        "Level": "Informational",
        "OperationNameValue": text(record, "operationName").unwrap_or("").to_uppercase(),
        "OperationName": "",
        "ActivityStatusValue": record["resultType"],
        "ActivityStatus": "",
        "ActivitySubstatusValue": sub_status,
        "CategoryValue": record["category"],
        "Category": "",
        "Caller": caller(&claims),
        "CallerIpAddress": address,
        "Claims": serde_json::to_string_pretty(&claims).unwrap().replace('\n', "\r\n"),
        "Claims_d": claims,
        "Authorization": serde_json::to_string_pretty(&authorization).unwrap(),
        "Authorization_d": authorization,
        "Properties": properties.to_string(),
        "HTTPRequest": json!({ "clientIpAddress": address }).to_string(),
        "CorrelationId": text(record, "correlationId").unwrap_or("").to_uppercase(),
        "OperationId": "",
        "EventDataId": derived_guid(&record.to_string()),
        "ResourceId": "",
        "_ResourceId": resource,
        "Type": "AzureActivity",
    })
}

fn signin_row(record: &Value) -> Value {
    let properties = record["properties"].as_object().cloned().unwrap_or_else(Map::new);
    let get = |key: &str| properties.get(key).cloned().unwrap_or(Value::Null);
    let category = text(record, "category").unwrap_or("");
    let table = if category == "SignInLogs" { "SigninLogs".to_owned() } else { format!("AAD{category}") };
    let created = properties.get("createdDateTime").and_then(Value::as_str).unwrap();
    json!({
        "TenantId": "0e0e0e0e-0000-4000-8000-00000000000e",
        "TimeGenerated": milliseconds(created),
        "OperationName": "Sign-in activity",
        "Category": category,
        "ResultType": record["resultType"],
        "ResultSignature": record["resultSignature"],
        "CorrelationId": record["correlationId"],
        "Id": get("id"),
        "AppId": get("appId"),
        "AppDisplayName": get("appDisplayName"),
        "IPAddress": get("ipAddress"),
        "Identity": record.get("identity").cloned().unwrap_or(Value::Null),
        "UserId": get("userId"),
        "UserPrincipalName": get("userPrincipalName"),
        "UserDisplayName": get("userDisplayName"),
        "ServicePrincipalId": get("servicePrincipalId"),
        "ServicePrincipalName": get("servicePrincipalName"),
        "ServicePrincipalCredentialKeyId": get("servicePrincipalCredentialKeyId"),
        "ResourceDisplayName": get("resourceDisplayName"),
        "ResourceIdentity": get("resourceId"),
        "ClientCredentialType": get("clientCredentialType"),
        "LocationDetails": get("location").to_string(),
        "Status": get("status").to_string(),
        "UniqueTokenIdentifier": get("uniqueTokenIdentifier"),
        "Type": table,
    })
}

/// An Event Hubs Capture container without compression, two messages a block.
fn capture(messages: &[Value]) -> Vec<u8> {
    const SCHEMA: &str = r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"},{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes"]}},{"name":"Body","type":["null","bytes"]}]}"#;
    const SYNC: &[u8; 16] = b"capture-sync-mrk";
    let mut file = b"Obj\x01".to_vec();
    long(2, &mut file);
    bytes(b"avro.schema", &mut file);
    bytes(SCHEMA.as_bytes(), &mut file);
    bytes(b"avro.codec", &mut file);
    bytes(b"null", &mut file);
    long(0, &mut file);
    file.extend_from_slice(SYNC);
    for block in messages.chunks(2) {
        let mut data = Vec::new();
        for message in block {
            long(7, &mut data);
            bytes(b"4294967296", &mut data);
            bytes(b"5/4/2026 10:15:30 AM", &mut data);
            // One system property (a string, the third branch), no properties.
            long(1, &mut data);
            bytes(b"x-opt-enqueued-time", &mut data);
            long(2, &mut data);
            bytes(b"now", &mut data);
            long(0, &mut data);
            long(0, &mut data);
            long(1, &mut data);
            bytes(message.to_string().as_bytes(), &mut data);
        }
        long(i64::try_from(block.len()).unwrap(), &mut file);
        bytes(&data, &mut file);
        file.extend_from_slice(SYNC);
    }
    file
}

/// Avro's zigzag varint.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap());
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    long(i64::try_from(value.len()).unwrap(), out);
    out.extend_from_slice(value);
}
