use crate::event::TextColumn;
use crate::event::vocabulary::{AuthType, Form, Outcome, TokenKind};
use crate::format::LogFormat;
use crate::format::tests::{decoded, decoded_csv};
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::SigninTable;

#[test]
fn a_usual_row_with_nested_columns_in_strings() {
    let record = r#"{"TimeGenerated":"2026-05-04T10:00:00.123Z","Type":"AADServicePrincipalSignInLogs","Category":"ServicePrincipalSignInLogs","OperationName":"Sign-in activity","TenantId":"99999999-0000-4000-8000-000000000001","Id":"x","AppId":"a","ClientCredentialType":"clientSecret","IPAddress":"fde4:8dba::1","Status":"{\"errorCode\":7000215}","ResultType":"7000215","ResourceDisplayName":"Azure Key Vault","ResourceIdentity":"cfa8b339-82a2-471a-a3c9-0fc0be7a4093","ServicePrincipalName":"etl","ServicePrincipalId":"b","CorrelationId":"c","DurationMs":0,"ManagedServiceIdentity":"{\"msiType\":\"none\"}"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_777_888_800_123_000)));
        assert_eq!(row.form, Form::LogAnalytics);
        assert_eq!(row.uid_parts[0], Some("x"));
        assert_eq!(row.outcome, Outcome::Failure);
        assert_eq!(row.auth_type, AuthType::Secret);
        assert!(row.secret_bearing);
        assert_eq!(row.get(TextColumn::ResultCode), Some("7000215"));
        assert_eq!(row.get(TextColumn::Category), Some("ServicePrincipalSignInLogs"));
        assert_eq!(row.get(TextColumn::SrcIp), Some("fde4:8dba::1"));
        assert_eq!(row.get(TextColumn::TenantId), None);
        assert_eq!(row.get(TextColumn::Mirid), None);
    });
}

#[test]
fn a_sparse_row_goes_by_its_category_and_one_without_by_its_operation() {
    let categorised = r#"{"TimeGenerated":"2026-05-04T10:00:00Z","Category":"ManagedIdentitySignInLogs"}"#;
    decoded(FORMAT, categorised, |row| {
        let row = row.unwrap();
        assert_eq!(row.auth_type, AuthType::Msi);
        assert_eq!(row.outcome, Outcome::Unknown);
    });
    let bare = r#"{"TimeGenerated":"2026-05-04T10:00:00Z","OperationName":"Sign-in activity","UserId":"u"}"#;
    decoded(FORMAT, bare, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::Category), None);
        assert_eq!(row.token_kind, TokenKind::User);
    });
}

#[test]
fn an_odd_row_of_a_csv_with_two_times() {
    let cells = [
        ("$table", "SigninLogs"),
        ("TimeGenerated [UTC]", "4/28/2021, 2:40:00.000 PM"),
        ("CreatedDateTime [UTC]", "4/28/2021, 2:32:14.029 PM"),
        ("AADTenantId", "t"),
        ("UserId", "u"),
        ("UserPrincipalName", "jo@example.com"),
        ("Status", "{\"errorCode\": 0}"),
    ];
    decoded_csv(FORMAT, &cells, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_619_620_334_029_000)));
        assert_eq!(row.get(TextColumn::Category), Some("SignInLogs"));
        assert_eq!(row.get(TextColumn::TenantId), Some("t"));
        assert_eq!(row.outcome, Outcome::Success);
    });
}
