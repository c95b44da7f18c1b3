use crate::event::TextColumn;
use crate::event::vocabulary::{AuthType, Form, Outcome, Phase, PrincipalVia, Status};
use crate::format::tests::{decoded, decoded_csv, stranger};
use crate::format::{LogFormat, RejectReason};
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::ActivityTable;

/// The portal's CSV has every column of the table, dates in words, and JSON with line breaks.
#[test]
fn a_usual_row_of_a_csv() {
    let cells = [
        ("$table", "AzureActivity"),
        ("TenantId", "99999999-0000-4000-8000-000000000001"),
        ("TimeGenerated [UTC]", "4/28/2021, 2:32:14.029 PM"),
        ("OperationName", ""),
        ("OperationNameValue", "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE"),
        ("ActivityStatusValue", "Success"),
        ("ActivitySubstatusValue", "Created"),
        ("CategoryValue", "Administrative"),
        ("CorrelationId", "c"),
        ("Caller", "jo@example.com"),
        ("CallerIpAddress", ""),
        ("HTTPRequest", "{\r\n  \"clientIpAddress\": \"192.0.2.162\"\r\n}"),
        ("Authorization", "{\r\n  \"scope\": \"/subscriptions/5a\",\r\n  \"evidence\": {}\r\n}"),
        (
            "Authorization_d",
            r#"{"scope":"/subscriptions/5a","evidence":{"principalId":"f7202482ee084d1c86651b25942e1c59","principalType":"User"}}"#,
        ),
        ("Claims", "{\r\n  \"appid\": \"a\",\r\n  \"appidacr\": \"0\"\r\n}"),
        (
            "Properties",
            "{\r\n  \"responseBody\": \"{\\\"properties\\\":{\\\"principalId\\\":\\\"p\\\"}}\",\r\n  \"hierarchy\": \"70ebe3a3-5b30-435d-9d67-7716d74ca190/5a\"\r\n}",
        ),
        ("_ResourceId", "/subscriptions/5a/providers/microsoft.authorization/roleassignments/r"),
        ("Hierarchy", ""),
    ];
    decoded_csv(FORMAT, &cells, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_619_620_334_029_000)));
        assert_eq!(row.form, Form::LogAnalytics);
        assert_eq!((row.status, row.phase, row.outcome), (Status::Success, Phase::Terminal, Outcome::Success));
        assert_eq!(row.get(TextColumn::ResultCode), Some("Created"));
        assert_eq!(row.get(TextColumn::PrincipalId), Some("f7202482ee084d1c86651b25942e1c59"));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
        assert_eq!(row.principal_via, PrincipalVia::Oauth);
        assert_eq!(row.auth_type, AuthType::Oauth);
        assert_eq!(row.get(TextColumn::AppId), Some("a"));
        assert_eq!(row.get(TextColumn::SrcIp), Some("192.0.2.162"));
        assert_eq!(row.get(TextColumn::TenantId), Some("70ebe3a3-5b30-435d-9d67-7716d74ca190"));
        assert_eq!(row.get(TextColumn::AssigneeId), Some("p"));
        assert_eq!(row.get(TextColumn::Scope), Some("/subscriptions/5a"));
    });
}

#[test]
fn a_sparse_row_never_takes_the_workspace_for_a_tenant() {
    let record = r#"{"TimeGenerated":"2026-05-04T10:00:00.123Z","OperationNameValue":"MICROSOFT.RESOURCES/TAGS/WRITE","ActivityStatusValue":"Start","TenantId":"99999999-0000-4000-8000-000000000001","Claims_d":"","Claims":"{}"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::TenantId), None);
        assert_eq!(row.get(TextColumn::TargetId), None);
        assert_eq!(row.phase, Phase::Start);
    });
}

/// A data export has `dynamic` columns as JSON; this row also lacks its resource id.
#[test]
fn an_odd_row_of_a_data_export() {
    let record = r#"{"TimeGenerated":"2026-05-04T10:00:00Z","Type":"AzureActivity","OperationNameValue":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","ActivityStatusValue":"Failure","ActivitySubstatusValue":"","Claims_d":{"idtyp":"app","xms_mirid":"/m"},"Claims":"{\"idtyp\":\"user\"}","_ResourceId":"","Properties_d":{"entity":"/subscriptions/5a/x","statusMessage":"{\"error\":{\"code\":\"DenyAssignmentAuthorizationFailed\"}}"}}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::TargetId), Some("/subscriptions/5a/x"));
        assert_eq!(row.outcome, Outcome::Denied);
        assert!(row.deny_assignment);
        assert_eq!(row.auth_type, AuthType::Msi);
    });
}

/// A local time does not say which zone it is in: better no event than one at the wrong hour.
#[test]
fn a_row_in_local_time_is_rejected() {
    let cells = [
        ("$table", "AzureActivity"),
        ("TimeGenerated [Local Time]", "4/28/2021, 2:32:14.029 PM"),
        ("OperationNameValue", "A.B/write"),
    ];

    decoded_csv(FORMAT, &cells, |row| assert_eq!(row.err(), Some(RejectReason::NoTime)));
}

#[test]
fn a_row_of_another_table_is_not_claimed() {
    let record = r#"{"TimeGenerated":"2026-05-04T10:00:00Z","Type":"AzureMetrics","OperationNameValue":"x"}"#;

    assert_eq!(stranger(record), "AzureMetrics");
}
