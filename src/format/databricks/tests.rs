mod by_members;

use super::*;
use crate::format::pick::testing::{Decoded, with_cells, with_record};

const APP: &str = "4e0f7a3b-2222-4a2b-9c3d-000000000002";
const RID: &str = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.DATABRICKS/WORKSPACES/WS-PROD";
const CONNECTOR: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Databricks/accessConnectors/ac1";

/// The read of a secret in all forms. Synthetic, after a real record of another action.
fn archive() -> String {
    format!(
        r#"{{ "resourceId": "{RID}", "operationVersion": "1.0.0", "identity": "{{\"email\":\"{APP}\",\"subjectName\":null}}",
        "operationName": "Microsoft.Databricks/secrets/getSecret", "time": "2026-05-04T10:00:00Z", "category": "secrets",
        "properties": {{"sourceIPAddress":"18.193.11.166:0","logId":"11110000-0000-4000-8000-000000000001","serviceName":"secrets",
          "userAgent":"Databricks-Python/1","response":"{{\"statusCode\":200}}","sessionId":null,"actionName":"getSecret",
          "requestId":"22220000-0000-4000-8000-000000000002","requestParams":"{{\"scope\":\"kv\",\"key\":\"db-password\"}}"}},
        "Host": "0515-010532-v1hfphej-10-139-124-2" }}"#
    )
}

fn table() -> String {
    format!(
        r#"{{"TenantId":"99999999-0000-4000-8000-000000000009","TimeGenerated":"2026-05-04T10:00:00Z","Category":"secrets",
        "OperationName":"Microsoft.Databricks/secrets/getSecret","ServiceName":"secrets","ActionName":"getSecret",
        "Identity":"{{\"email\":\"{APP}\"}}","RequestId":"22220000-0000-4000-8000-000000000002","LogId":"11110000-0000-4000-8000-000000000001",
        "SourceIPAddress":"18.193.11.166:0","UserAgent":"Databricks-Python/1","Response":"{{\"statusCode\":200}}",
        "RequestParams":"{{\"scope\":\"kv\",\"key\":\"db-password\"}}","Type":"DatabricksSecrets","_ResourceId":"{RID}"}}"#
    )
}

fn delivery() -> String {
    format!(
        r#"{{"version":"2.0","auditLevel":"WORKSPACE_LEVEL","timestamp":1777888800000,"accountId":"a","workspaceId":"7887781966444145",
        "sourceIPAddress":"18.193.11.166:0","userAgent":"Databricks-Python/1","userIdentity":{{"email":"{APP}"}},"serviceName":"secrets",
        "actionName":"getSecret","requestId":"22220000-0000-4000-8000-000000000002","requestParams":{{"scope":"kv","key":"db-password"}},
        "response":{{"statusCode":200,"errorMessage":null}}}}"#
    )
}

fn system_table() -> String {
    format!(
        r#"{{"event_time":"2026-05-04T10:00:00.000+0000","workspace_id":"7887781966444145","source_ip_address":"18.193.11.166:0",
        "user_agent":"Databricks-Python/1","user_identity":{{"email":"{APP}"}},"service_name":"secrets","action_name":"getSecret",
        "request_id":"22220000-0000-4000-8000-000000000002","request_params":{{"scope":"kv","key":"db-password"}},
        "response":{{"status_code":200}}}}"#
    )
}

fn decoded<T>(text: &str, check: impl FnOnce(Decoded<'_>) -> T) -> T {
    with_record(text, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root), "not recognised: {text}");
        let row = decode(root, scratch);
        check(row)
    })
}

fn record(service: &str, action: &str, properties: &str) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:00:00Z","resourceId":"{RID}","operationName":"Microsoft.Databricks/{service}/{action}",
        "properties":{{"serviceName":"{service}","actionName":"{action}"{properties}}}}}"#
    )
}

#[test]
fn the_read_of_a_secret_is_decoded_alike_from_all_forms() {
    let forms = [
        (archive(), Form::Archive, Some(RID), "WS-PROD"),
        (table(), Form::LogAnalytics, Some(RID), "WS-PROD"),
        (delivery(), Form::AuditDelivery, None, "7887781966444145"),
        (system_table(), Form::AuditDelivery, None, "7887781966444145"),
    ];
    for (text, form, target, name) in &forms {
        decoded(text, |row| {
            let row = row.unwrap();

            assert_eq!((row.source, row.form), (LogSource::Databricks, *form));
            assert_eq!(row.time, Some(UtcMicros(1_777_888_800_000_000)), "{form}");
            assert_eq!((row.outcome, row.audience_kind), (Outcome::Success, AudienceKind::Databricks));
            assert_eq!((row.principal_via, row.token_kind), (PrincipalVia::ClientId, TokenKind::App));
            assert_eq!(row.uid_parts, [Some("22220000-0000-4000-8000-000000000002"), Some("200"), None]);
            assert_eq!((row.get(TextColumn::TargetId), row.get(TextColumn::TargetName)), (*target, Some(*name)));
            let expected = [
                (TextColumn::Category, "secrets"),
                (TextColumn::Operation, "secrets/getSecret"),
                (TextColumn::ResultCode, "200"),
                (TextColumn::AppId, APP),
                (TextColumn::PrincipalName, APP),
                (TextColumn::SrcIp, "18.193.11.166:0"),
                (TextColumn::UserAgent, "Databricks-Python/1"),
                (TextColumn::CorrelationId, "22220000-0000-4000-8000-000000000002"),
                (TextColumn::RequestBody, r#"{"scope":"kv","key":"db-password"}"#),
            ];
            for (column, value) in expected {
                assert_eq!(row.get(column), Some(value), "{} of {form}", column.name());
            }
            assert_eq!(row.body_from, Some(BodyFrom::Request));
            assert_eq!((row.get(TextColumn::PrincipalId), row.get(TextColumn::TenantId)), (None, None));
        });
    }
}

#[test]
fn the_identity_is_a_person_an_application_or_a_word() {
    let table = [
        ("ann@example.com", TokenKind::User, PrincipalVia::None, None),
        (APP, TokenKind::App, PrincipalVia::ClientId, Some(APP)),
        ("System-User", TokenKind::Unknown, PrincipalVia::None, None),
        ("unknown", TokenKind::Unknown, PrincipalVia::None, None),
    ];
    for (email, token_kind, via, app_id) in table {
        let text = format!(
            r#"{{"time":"2026-05-04T10:00:00Z","operationName":"Microsoft.Databricks/jobs/runSucceeded","identity":"{{\"email\":\"{email}\"}}",
            "properties":{{"serviceName":"jobs","actionName":"runSucceeded"}}}}"#
        );
        decoded(&text, |row| {
            let row = row.unwrap();
            assert_eq!(
                (row.token_kind, row.principal_via, row.get(TextColumn::AppId)),
                (token_kind, via, app_id),
                "{email}"
            );
            assert_eq!(row.get(TextColumn::PrincipalName), Some(email));
            assert_eq!(row.get(TextColumn::RequestBody), None);
        });
    }
}

#[test]
fn the_outcome_follows_the_status_in_the_response() {
    let table = [
        (r#","response":"{\"statusCode\":200}""#, Outcome::Success, Some("200")),
        (r#","response":"{\"statusCode\":403,\"errorMessage\":\"no\"}""#, Outcome::Denied, Some("403")),
        (r#","response":"{\"statusCode\":401}""#, Outcome::Denied, Some("401")),
        (r#","response":"{\"statusCode\":500}""#, Outcome::Failure, Some("500")),
        (r#","response":"{}""#, Outcome::Unknown, None),
        (r#","response":null"#, Outcome::Unknown, None),
        (r#","response":"not json""#, Outcome::Unknown, None),
    ];
    for (more, outcome, code) in table {
        decoded(&record("jobs", "runFailed", more), |row| {
            let row = row.unwrap();
            assert_eq!((row.outcome, row.get(TextColumn::ResultCode)), (outcome, code), "{more}");
        });
    }
}

#[test]
fn the_connector_behind_a_credential_is_found_where_parameters_name_it() {
    let parameters = format!(
        r#","requestParams":"{{\"name\":\"c1\",\"azure_managed_identity\":\"{{\\\"access_connector_id\\\":\\\"{CONNECTOR}\\\"}}\"}}""#
    );
    decoded(&record("unityCatalog", "createStorageCredential", &parameters), |row| {
        let row = row.unwrap();

        assert_eq!(row.get(TextColumn::PrincipalRef), Some(CONNECTOR));
        let body = format!(r#"{{"name":"c1","azure_managed_identity":{{"access_connector_id":"{CONNECTOR}"}}}}"#);
        assert_eq!(row.get(TextColumn::RequestBody), Some(body.as_str()));
    });
}

#[test]
fn a_sparse_csv_row_is_decoded_and_one_without_time_is_rejected() {
    let cells = [
        ("TimeGenerated [UTC]", "2026-05-04T10:00:00Z"),
        ("ServiceName", "clusters"),
        ("ActionName", "create"),
        ("LogId", "11110000-0000-4000-8000-000000000001"),
        ("RequestParams", r#"{"cluster_name":"c"}"#),
    ];
    with_cells(&cells, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root));
        let row = decode(root, scratch).unwrap();

        assert_eq!(row.uid_parts, [Some("11110000-0000-4000-8000-000000000001"), None, None]);
        assert_eq!(row.get(TextColumn::RequestBody), Some(r#"{"cluster_name":"c"}"#));
        assert_eq!(row.get(TextColumn::PrincipalName), None);
    });
    // Microseconds, as some programs write again what was delivered in milliseconds: the year 58309.
    for time in ["\"soon\"", "1777888800000000", "-9000000000000"] {
        decoded(&format!(r#"{{"serviceName":"jobs","actionName":"create","timestamp":{time}}}"#), |row| {
            assert_eq!(row.unwrap_err(), RejectReason::NoTime, "{time}");
        });
    }
}

/// Azure Resource Manager has operations of the same provider, in the same key.
#[test]
fn the_activity_log_of_workspaces_is_not_claimed() {
    for text in [
        r#"{"time":"t","operationName":"MICROSOFT.DATABRICKS/WORKSPACES/WRITE","category":"Administrative","properties":{"eventCategory":"Administrative"}}"#,
        r#"{"eventTimestamp":"t","operationName":{"value":"Microsoft.Databricks/workspaces/write"}}"#,
        r#"{"TimeGenerated":"t","OperationNameValue":"MICROSOFT.DATABRICKS/ACCESSCONNECTORS/WRITE"}"#,
        r#"{"service_name":"a","action_name":"b"}"#,
        "{}",
    ] {
        with_record(text, &[], |root, _| assert!(!probe(root), "{text}"));
    }
}

/// The number under `orgId` was not read, so the events had no workspace.
#[test]
fn a_delivered_event_names_its_workspace_under_either_key_and_an_accounts_none() {
    let table = [
        (r#""workspaceId":"7887781966444145""#, Some("7887781966444145")),
        (r#""orgId":"7887781966444145""#, Some("7887781966444145")),
        (r#""workspaceId":7887781966444145,"orgId":"1""#, Some("7887781966444145")),
        (r#""orgId":"0""#, None),
        (r#""workspaceId":0"#, None),
    ];
    for (workspace, name) in table {
        let text =
            format!(r#"{{"timestamp":1777888800000,"serviceName":"accounts","actionName":"tokenLogin",{workspace}}}"#);
        decoded(&text, |row| assert_eq!(row.unwrap().get(TextColumn::TargetName), name, "{workspace}"));
    }
}
