use super::*;
use crate::format::pick::testing::{Decoded, with_cells, with_record};

const CLIENT: &str = "4e0f7a3b-2222-4a2b-9c3d-000000000002";
const TENANT: &str = "3b6f0c52-6a0d-4c31-9a52-0f4f7f7d9a01";
const RID: &str = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.SQL/SERVERS/SQL-PROD/DATABASES/SALES";

/// One query by a managed identity in all three forms. Synthetic.
fn event_hub() -> String {
    format!(
        r#"{{"originalEventTimestamp":"2026-05-04T10:00:00.5Z","LogicalServerName":"sql-prod","time":"2026-05-04T10:00:03Z",
        "resourceId":"{RID}","category":"SQLSecurityAuditEvents","operationName":"AuditEvent",
        "properties":{{"audit_schema_version":1,"event_time":"2026-05-04T10:00:00.5Z","action_id":"BCM ","action_name":"BATCH COMPLETED",
          "succeeded":"true","server_principal_name":"{CLIENT}@{TENANT}","database_principal_name":"adac-prod","client_ip":"10.1.2.3",
          "application_name":"Databricks","duration_milliseconds":12,"database_name":"sales","object_name":"orders",
          "statement":"SELECT 'TOPSECRET'","event_id":"7A3B0000-0000-4000-8000-000000000001","additional_information":"<batch_information/>"}}}}"#
    )
}

fn diagnostics() -> String {
    format!(
        r#"{{"TenantId":"99999999-0000-4000-8000-000000000009","TimeGenerated":"2026-05-04T10:00:03Z","Category":"SQLSecurityAuditEvents",
        "ResourceProvider":"MICROSOFT.SQL","ResourceId":"{RID}","OperationName":"AuditEvent","LogicalServerName_s":"sql-prod",
        "event_time_t":"2026-05-04T10:00:00.5Z","action_id_s":"BCM ","action_name_s":"BATCH COMPLETED","succeeded_s":"true",
        "server_principal_name_s":"{CLIENT}@{TENANT}","client_ip_s":"10.1.2.3","application_name_s":"Databricks",
        "duration_milliseconds_d":12.0,"database_name_s":"sales","object_name_s":"orders","statement_s":"SELECT 'TOPSECRET'",
        "AdditionalFields":"{{\"event_id_g\":\"7A3B0000-0000-4000-8000-000000000001\"}}","Type":"AzureDiagnostics"}}"#
    )
}

fn table() -> String {
    format!(
        r#"{{"TenantId":"99999999-0000-4000-8000-000000000009","TimeGenerated":"2026-05-04T10:00:03Z","EventTime":"2026-05-04T10:00:00.5Z",
        "Actionid":"BCM","ActionName":"BATCH COMPLETED","Succeeded":true,"ServerPrincipalName":"{CLIENT}@{TENANT}","ClientIp":"10.1.2.3",
        "ApplicationName":"Databricks","DurationMs":12,"DatabaseName":"sales","ObjectName":"orders","LogicalServerName":"sql-prod",
        "EventId":"7A3B0000-0000-4000-8000-000000000001","Statement":"SELECT 'TOPSECRET'","Type":"SQLSecurityAuditEvents","_ResourceId":"{RID}"}}"#
    )
}

fn decoded<T>(text: &str, check: impl FnOnce(Decoded<'_>) -> T) -> T {
    with_record(text, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root), "not recognised: {text}");
        let row = decode(root, scratch);
        if let Ok(row) = &row {
            assert!(TextColumn::ALL.iter().all(|column| !row.get(*column).unwrap_or("").contains("TOPSECRET")));
        }
        check(row)
    })
}

fn record(properties: &str) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:00:03Z","category":"SQLSecurityAuditEvents","resourceId":"{RID}","properties":{{"action_id":"BCM"{properties}}}}}"#
    )
}

#[test]
fn a_query_of_a_managed_identity_is_decoded_alike_from_all_forms() {
    let forms = [(event_hub(), Form::Archive), (diagnostics(), Form::LogAnalytics), (table(), Form::LogAnalytics)];
    for (text, form) in &forms {
        decoded(text, |row| {
            let row = row.unwrap();

            assert_eq!((row.source, row.form), (LogSource::Sql, *form));
            assert_eq!(row.time, UtcMicros::parse("2026-05-04T10:00:00.5Z"));
            assert_eq!((row.outcome, row.audience_kind), (Outcome::Success, AudienceKind::Sql));
            assert_eq!((row.principal_via, row.token_kind), (PrincipalVia::ClientId, TokenKind::App));
            assert_eq!(row.duration_ms, Some(12.0));
            assert_eq!(row.uid_parts[0], Some("7A3B0000-0000-4000-8000-000000000001"));
            let expected = [
                (TextColumn::Category, "SQLSecurityAuditEvents"),
                (TextColumn::Operation, "BATCH COMPLETED"),
                (TextColumn::AppId, CLIENT),
                (TextColumn::TenantId, TENANT),
                (TextColumn::SrcIp, "10.1.2.3"),
                (TextColumn::UserAgent, "Databricks"),
                (TextColumn::TargetId, RID),
                (TextColumn::TargetName, "sql-prod"),
                (TextColumn::Container, "sales"),
                (TextColumn::ObjectPath, "orders"),
                (TextColumn::AudienceAppId, "022907d3-0f1b-48f7-badc-1ba6abab6d66"),
            ];
            for (column, value) in expected {
                assert_eq!(row.get(column), Some(value), "{}", column.name());
            }
            assert_eq!((row.get(TextColumn::PrincipalId), row.get(TextColumn::RequestBody)), (None, None));
        });
    }
}

#[test]
fn the_name_tells_applications_people_and_sql_logins_apart() {
    let app = format!("{CLIENT}@{TENANT}");
    let half = format!("{CLIENT}@example.com");
    let table = [
        (app.as_str(), Some(CLIENT), TokenKind::App, PrincipalVia::ClientId),
        ("ann@example.com", None, TokenKind::User, PrincipalVia::None),
        (half.as_str(), None, TokenKind::User, PrincipalVia::None),
        ("sqladmin", None, TokenKind::Unknown, PrincipalVia::None),
        ("adac-prod", None, TokenKind::Unknown, PrincipalVia::None),
    ];
    for (name, app_id, token_kind, via) in table {
        decoded(&record(&format!(r#","server_principal_name":"{name}""#)), |row| {
            let row = row.unwrap();
            assert_eq!(row.get(TextColumn::PrincipalName), Some(name));
            assert_eq!(
                (row.get(TextColumn::AppId), row.token_kind, row.principal_via),
                (app_id, token_kind, via),
                "{name}"
            );
        });
    }
}

#[test]
fn a_failure_is_a_refusal_where_the_error_says_so() {
    let login = r#","succeeded":"false","additional_information":"<login_information><error_code>18456</error_code></login_information>""#;
    let batch = r#","succeeded":false,"additional_information":"<batch_information><failure_reason>Err 208, Level 16</failure_reason></batch_information>""#;
    let table = [
        (login, Outcome::Denied, Some("18456")),
        (batch, Outcome::Failure, Some("208")),
        (r#","succeeded":"0","action_id":"DBAF""#, Outcome::Denied, None),
        (r#","succeeded":"1""#, Outcome::Success, None),
        (r#","succeeded":"perhaps""#, Outcome::Unknown, None),
        ("", Outcome::Unknown, None),
    ];
    for (more, outcome, code) in table {
        decoded(&record(more), |row| {
            let row = row.unwrap();
            assert_eq!((row.outcome, row.get(TextColumn::ResultCode)), (outcome, code), "{more}");
        });
    }
}

#[test]
fn a_sparse_record_takes_time_action_and_server_from_where_they_are() {
    decoded(&record(r#","server_principal_name":"","database_principal_name":"dbo""#), |row| {
        let row = row.unwrap();
        assert_eq!(row.time, UtcMicros::parse("2026-05-04T10:00:03Z"));
        assert_eq!(row.get(TextColumn::Operation), Some("BCM"));
        assert_eq!(row.get(TextColumn::TargetName), Some("SQL-PROD"));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("dbo"));
    });
    let cells = [
        ("TimeGenerated [UTC]", "2026-05-04T10:00:03Z"),
        ("ActionName", "DATABASE AUTHENTICATION SUCCEEDED"),
        ("ServerPrincipalName", "ann@example.com"),
        ("Succeeded", "True"),
    ];
    with_cells(&cells, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root));
        assert_eq!(decode(root, scratch).unwrap().outcome, Outcome::Success);
    });
}

#[test]
fn a_record_without_time_or_action_is_rejected_and_others_are_not_claimed() {
    decoded(r#"{"category":"SQLSecurityAuditEvents","properties":{"action_id":"BCM"}}"#, |row| {
        assert_eq!(row.unwrap_err(), RejectReason::NoTime);
    });
    decoded(
        r#"{"time":"2026-05-04T10:00:03Z","category":"SQLSecurityAuditEvents","properties":{"action_id":"  "}}"#,
        |row| {
            assert_eq!(row.unwrap_err(), RejectReason::NoOperation);
        },
    );
    for text in [
        r#"{"time":"t","category":"SQLInsights","properties":{}}"#,
        r#"{"TimeGenerated":"t","ActionName":"create","ServiceName":"clusters"}"#,
        r#"{"TimeGenerated":"t","Category":"AuditEvent","ResourceProvider":"MICROSOFT.KEYVAULT","OperationName":"SecretGet"}"#,
        "{}",
    ] {
        with_record(text, &[], |root, _| assert!(!probe(root), "{text}"));
    }
}

/// Azure's own sessions have a word where others have an address, and it stood in `src_ip`.
#[test]
fn a_client_that_is_no_address_is_none() {
    let table = [
        ("10.1.2.3", true),
        ("10.1.2.3:1433", true),
        ("2001:db8::7", true),
        ("[2001:db8::7]:1433", true),
        ("Internal", false),
        ("local machine", false),
        ("<named pipe>", false),
    ];
    for (client, is_address) in table {
        decoded(&record(&format!(r#","client_ip":"{client}""#)), |row| {
            assert_eq!(row.unwrap().get(TextColumn::SrcIp), is_address.then_some(client));
        });
    }
}

/// The duration of such a row was lost.
#[test]
fn rows_of_the_table_have_their_duration_under_two_names() {
    for name in ["DurationMs", "DurationMilliseconds"] {
        let row = format!(
            r#"{{"TimeGenerated":"2026-05-04T10:00:00Z","Category":"SQLSecurityAuditEvents","ActionId":"BCM","{name}":17}}"#
        );
        decoded(&row, |row| assert_eq!(row.unwrap().duration_ms, Some(17.0), "{name}"));
    }
}
