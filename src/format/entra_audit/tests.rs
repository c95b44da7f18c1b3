use crate::event::TextColumn;
use crate::event::vocabulary::{BodyFrom, Form, Outcome, PrincipalVia, TokenKind};
use crate::format::LogFormat;
use crate::format::tests::{decoded, stranger};
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::EntraAudit;

const CREDENTIAL: &str = r#""id":"Directory_x","category":"ApplicationManagement","correlationId":"c","result":"success","resultReason":"","activityDisplayName":"Add service principal credentials","activityDateTime":"2026-05-04T10:00:00.5+00:00","loggedByService":"Core Directory","operationType":"Update","userAgent":null,"initiatedBy":{"user":{"id":"u","displayName":null,"userPrincipalName":"jo@example.com","ipAddress":"192.0.2.4","roles":[]}},"targetResources":[{"id":"x1","displayName":"p","type":"Other"},{"id":"b","displayName":"dbmanagedidentity","type":"ServicePrincipal","modifiedProperties":[{"displayName":"KeyDescription","oldValue":"[]","newValue":"[\"k\"]"}]}]"#;

#[test]
fn a_credential_added_to_a_service_principal_is_the_same_in_every_form() {
    let archive = format!(
        r#"{{"time":"2026-05-04T10:00:30Z","resourceId":"/tenants/t/providers/Microsoft.aadiam","operationName":"Add service principal credentials","category":"AuditLogs","tenantId":"t","resultSignature":"None","durationMs":7,"callerIpAddress":"192.0.2.4","correlationId":"c","identity":"Jo","properties":{{{CREDENTIAL}}}}}"#
    );
    let graph = format!("{{{CREDENTIAL}}}");
    let table = r#"{"TimeGenerated":"2026-05-04T10:00:30Z","Type":"AuditLogs","ActivityDateTime":"2026-05-04T10:00:00.5Z","Category":"ApplicationManagement","TenantId":"99999999-0000-4000-8000-000000000001","AADTenantId":"t","Id":"Directory_x","DurationMs":"7","CorrelationId":"c","Result":"success","ActivityDisplayName":"Add service principal credentials","LoggedByService":"Core Directory","InitiatedBy":"{\"user\":{\"id\":\"u\",\"userPrincipalName\":\"jo@example.com\",\"ipAddress\":\"192.0.2.4\"}}","TargetResources":"[{\"id\":\"b\",\"displayName\":\"dbmanagedidentity\",\"type\":\"ServicePrincipal\",\"modifiedProperties\":[]}]"}"#;
    for (record, form) in
        [(archive.as_str(), Form::Archive), (graph.as_str(), Form::Graph), (table, Form::LogAnalytics)]
    {
        decoded(FORMAT, record, |row| {
            let row = row.unwrap();
            assert_eq!(row.form, form);
            assert_eq!(row.time, Some(UtcMicros(1_777_888_800_500_000)));
            assert_eq!(row.uid_parts[0], Some("Directory_x"));
            assert_eq!(row.outcome, Outcome::Success);
            assert_eq!(row.token_kind, TokenKind::User);
            assert_eq!(row.principal_via, PrincipalVia::Caller);
            assert_eq!(row.get(TextColumn::Category), Some("AuditLogs"));
            assert_eq!(row.get(TextColumn::Operation), Some("Add service principal credentials"));
            assert_eq!(row.get(TextColumn::PrincipalId), Some("u"));
            assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
            assert_eq!(row.get(TextColumn::SrcIp), Some("192.0.2.4"));
            assert_eq!(row.get(TextColumn::AssigneeId), Some("b"));
            assert_eq!(row.get(TextColumn::TargetName), Some("dbmanagedidentity"));
            assert_eq!(row.get(TextColumn::TenantId), (form != Form::Graph).then_some("t"));
            // Graph does not say it.
            assert_eq!(row.duration_ms, (form != Form::Graph).then_some(7.0));
            assert!(!row.via_pim);
        });
    }
}

#[test]
fn the_changes_are_kept_for_credentials_of_service_principals() {
    decoded(FORMAT, &format!("{{{CREDENTIAL}}}"), |row| {
        let row = row.unwrap();
        let changes = r#"[{"displayName":"KeyDescription","oldValue":"[]","newValue":"[\"k\"]"}]"#;
        assert_eq!(row.get(TextColumn::RequestBody), Some(changes));
        assert_eq!(row.body_from, Some(BodyFrom::Request));
    });
}

/// An application can lack its application id, and a target its id and type.
#[test]
fn a_sparse_record_of_an_application() {
    let record = r#"{"id":"x","activityDateTime":"2026-05-04T10:00:00Z","activityDisplayName":"Update user","result":"failure","resultReason":"Microsoft.Online.Workflows.ValidationException","initiatedBy":{"app":{"appId":null,"displayName":"Azure Credential Configuration Endpoint Service","servicePrincipalId":"b","servicePrincipalName":null},"user":null},"targetResources":[{"id":null,"displayName":null,"modifiedProperties":[]},{"id":"u","type":"User","displayName":"Jo"}]}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.token_kind, TokenKind::App);
        assert_eq!(row.outcome, Outcome::Failure);
        assert_eq!(row.get(TextColumn::ResultCode), Some("Microsoft.Online.Workflows.ValidationException"));
        assert_eq!(row.get(TextColumn::PrincipalId), Some("b"));
        assert_eq!(row.get(TextColumn::AppId), None);
        assert_eq!(row.get(TextColumn::AssigneeId), None);
        assert_eq!(row.get(TextColumn::TargetName), None);
        assert_eq!(row.get(TextColumn::RequestBody), None);
    });
}

#[test]
fn an_odd_record_written_by_pim_and_one_that_only_calls_itself_so() {
    let record = |service: &str, name: &str| {
        format!(
            r#"{{"id":"x","activityDateTime":"2026-05-04T10:00:00Z","activityDisplayName":"Add member to role","loggedByService":"{service}","initiatedBy":{{"app":{{"displayName":"{name}","servicePrincipalId":"b"}}}},"targetResources":[{{"id":"r","type":"Role"}},{{"id":"u","type":"User","userPrincipalName":"jo@example.com"}}]}}"#
        )
    };

    decoded(FORMAT, &record("PIM", "MS-PIM"), |row| {
        let row = row.unwrap();
        assert!(row.via_pim);
        assert_eq!(row.get(TextColumn::AssigneeId), Some("u"));
        assert_eq!(row.get(TextColumn::TargetName), Some("jo@example.com"));
    });
    decoded(FORMAT, &record("Core Directory", "MS-PIM"), |row| assert!(!row.unwrap().via_pim));
}

#[test]
fn other_records_with_the_same_words_are_not_claimed() {
    assert_eq!(
        stranger(r#"{"TimeGenerated":"2026-05-04T10:00:00Z","Type":"OtherTable","ActivityDisplayName":"x"}"#),
        "OtherTable"
    );
    assert_eq!(stranger(r#"{"category":"AuditLogs","properties":{}}"#), "AuditLogs");
}

#[test]
fn an_application_without_an_object_id_goes_by_its_application_id() {
    let record = r#"{"id":"x","activityDateTime":"2026-05-04T10:00:00Z","activityDisplayName":"Update user","initiatedBy":{"app":{"appId":"a","displayName":"etl","servicePrincipalId":null}}}"#;

    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::PrincipalId), None);
        assert_eq!(row.principal_via, PrincipalVia::ClientId);
    });
}
