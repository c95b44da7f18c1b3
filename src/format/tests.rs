//! Helpers for the formats' tests, and what holds of all formats together.

use super::*;
use crate::event::TextColumn;
use crate::event::vocabulary::{Form, Outcome, Status};
use crate::time::UtcMicros;

/// Decodes a JSON record and lets `check` look at the row. Exactly `expected` must claim it.
pub(super) fn decoded<T>(
    expected: LogFormat,
    record: &str,
    check: impl FnOnce(Result<Row<'_>, RejectReason>) -> T,
) -> T {
    let mut tape = Tape::new();
    let length = tape.parse(record.as_bytes()).unwrap();
    assert_eq!(record.len(), length);
    decoded_tape(expected, record, &mut tape, check)
}

/// The same for the row of a CSV: its headers and cells.
pub(super) fn decoded_csv<T>(
    expected: LogFormat,
    cells: &[(&str, &str)],
    check: impl FnOnce(Result<Row<'_>, RejectReason>) -> T,
) -> T {
    let mut tape = Tape::new();
    tape.set_flat_object(cells.iter().map(|(header, cell)| (*header, Some(*cell).filter(|cell| !cell.is_empty()))));
    decoded_tape(expected, "", &mut tape, check)
}

fn decoded_tape<T>(
    expected: LogFormat,
    text: &str,
    tape: &mut Tape,
    check: impl FnOnce(Result<Row<'_>, RejectReason>) -> T,
) -> T {
    let root = tape.root(text).unwrap();
    let claiming: Vec<_> = LogFormat::ALL.iter().filter(|format| format.claims(root)).collect();
    assert_eq!(claiming, [&expected]);
    assert_eq!(recognise(root), Recognised::Log(expected));
    expected.expand(text, tape);
    let scratch = Scratch::default();
    check(expected.decode(tape.root(text).unwrap(), &scratch))
}

/// Whether a format claims a record.
pub(super) fn is_claimed(format: LogFormat, record: &str) -> bool {
    let mut tape = Tape::new();
    tape.parse(record.as_bytes()).unwrap();
    format.claims(tape.root(record).unwrap())
}

/// What becomes of a record that is no log of ours.
pub(super) fn stranger(record: &str) -> String {
    let mut tape = Tape::new();
    tape.parse(record.as_bytes()).unwrap();
    match recognise(tape.root(record).unwrap()) {
        Recognised::NotOurs(kind) => kind.to_owned(),
        other => panic!("{other:?} claims {record}"),
    }
}

/// What the uid of an Activity event is made from, in a spelling that all forms share.
#[derive(Debug, PartialEq)]
struct Identity {
    milliseconds: i64,
    correlation: String,
    operation: String,
    status: Status,
    target: String,
    code: Option<String>,
    outcome: Outcome,
    principal: Option<String>,
    tenant: Option<String>,
}

fn identity(format: LogFormat, form: Form, record: &str) -> Identity {
    decoded(format, record, |row| {
        let row = row.unwrap();
        let text = |column| row.get(column).map(|text| text.to_ascii_lowercase().replace('-', ""));
        assert_eq!(row.form, form);
        Identity {
            milliseconds: row.time.unwrap().0 / 1000,
            correlation: text(TextColumn::CorrelationId).unwrap(),
            operation: text(TextColumn::Operation).unwrap(),
            status: row.status,
            target: text(TextColumn::TargetId).unwrap(),
            code: text(TextColumn::ResultCode),
            outcome: row.outcome,
            principal: text(TextColumn::PrincipalId),
            tenant: text(TextColumn::TenantId),
        }
    })
}

#[test]
fn one_activity_event_is_the_same_in_every_form() {
    const TIME: i64 = 1_777_888_800_123; // 2026-05-04T10:00:00.123Z
    let archive = r#"{"time":"2026-05-04T10:00:00.1234567Z","resourceId":"/SUBSCRIPTIONS/5A000000-0000-4000-8000-000000000001/RESOURCEGROUPS/LAKE-RG/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/LAKE","operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","category":"Administrative","resultType":"Failure","resultSignature":"Failed.NotFound","durationMs":"20","correlationId":"c0000000-0000-4000-8000-000000000001","identity":{"claims":{"appid":"a0000000-0000-4000-8000-000000000001","appidacr":"1","idtyp":"app","http://schemas.microsoft.com/identity/claims/objectidentifier":"b0000000-0000-4000-8000-000000000001","http://schemas.microsoft.com/identity/claims/tenantid":"70000000-0000-4000-8000-000000000001"}}}"#;
    let rest = r#"{"eventTimestamp":"2026-05-04T10:00:00.1234567Z","resourceId":"/subscriptions/5a000000-0000-4000-8000-000000000001/resourceGroups/lake-rg/providers/Microsoft.Storage/storageAccounts/lake","operationName":{"value":"Microsoft.Storage/storageAccounts/listKeys/action","localizedValue":"List keys"},"category":{"value":"Administrative"},"status":{"value":"Failed","localizedValue":"Fehlgeschlagen"},"subStatus":{"value":"NotFound"},"correlationId":"c0000000-0000-4000-8000-000000000001","operationId":"d0000000-0000-4000-8000-000000000001","caller":"b0000000-0000-4000-8000-000000000001","claims":{"iss":"https://sts.windows.net/70000000-0000-4000-8000-000000000001/","idtyp":"app"}}"#;
    let sdk = r#"{"event_timestamp":"2026-05-04T10:00:00.123456Z","resource_id":"/subscriptions/5a000000-0000-4000-8000-000000000001/resourceGroups/lake-rg/providers/Microsoft.Storage/storageAccounts/lake","operation_name":{"value":"Microsoft.Storage/storageAccounts/listKeys/action"},"category":{"value":"Administrative"},"status":{"value":"Failed"},"sub_status":{"value":"NotFound"},"correlation_id":"c0000000-0000-4000-8000-000000000001","caller":"b0000000-0000-4000-8000-000000000001","tenant_id":"70000000-0000-4000-8000-000000000001"}"#;
    let table = r#"{"TimeGenerated":"2026-05-04T10:00:00.123Z","_ResourceId":"/subscriptions/5a000000-0000-4000-8000-000000000001/resourcegroups/lake-rg/providers/microsoft.storage/storageaccounts/lake","OperationNameValue":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","OperationName":"","ActivityStatusValue":"Failure","ActivitySubstatusValue":"NotFound","CorrelationId":"c0000000-0000-4000-8000-000000000001","Caller":"b0000000-0000-4000-8000-000000000001","Hierarchy":"70000000-0000-4000-8000-000000000001/mg/5a000000-0000-4000-8000-000000000001","TenantId":"99999999-0000-4000-8000-000000000001","Type":"AzureActivity"}"#;

    let expected = identity(LogFormat::ActivityArchive, Form::Archive, archive);

    assert_eq!(expected.milliseconds, TIME);
    assert_eq!(expected.status, Status::Failure);
    assert_eq!(expected.code.as_deref(), Some("notfound"));
    assert_eq!(identity(LogFormat::ActivityRest, Form::Rest, rest), expected);
    assert_eq!(identity(LogFormat::ActivityRest, Form::Sdk, sdk), expected);
    assert_eq!(identity(LogFormat::ActivityTable, Form::LogAnalytics, table), expected);
}

/// What two forms of one sign-in must agree in.
fn signin(row: Result<Row<'_>, RejectReason>) -> (Option<UtcMicros>, Vec<Option<String>>, Outcome) {
    const COMPARED: &[TextColumn] = &[
        TextColumn::Category,
        TextColumn::Operation,
        TextColumn::ResultCode,
        TextColumn::PrincipalId,
        TextColumn::AppId,
        TextColumn::PrincipalName,
        TextColumn::SrcIp,
        TextColumn::TargetName,
        TextColumn::AudienceAppId,
        TextColumn::CorrelationId,
        TextColumn::TokenUti,
    ];
    let row = row.unwrap();
    let mut texts: Vec<_> = COMPARED.iter().map(|column| row.get(*column).map(str::to_owned)).collect();
    texts.push(row.uid_parts[0].map(str::to_owned));
    (row.time, texts, row.outcome)
}

#[test]
fn one_managed_identity_sign_in_is_the_same_in_every_form() {
    let archive = r#"{"time":"2026-05-04T10:02:00.5Z","resourceId":"/tenants/70000000-0000-4000-8000-000000000001/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"ManagedIdentitySignInLogs","tenantId":"70000000-0000-4000-8000-000000000001","resultType":"0","resultSignature":"SUCCESS","durationMs":0,"correlationId":"c0000000-0000-4000-8000-000000000002","Level":4,"properties":{"id":"e0000000-0000-4000-8000-000000000001","createdDateTime":"2026-05-04T10:00:38.4932+00:00","userId":null,"appId":"a0000000-0000-4000-8000-000000000002","ipAddress":"","status":{"errorCode":0},"clientCredentialType":"none","resourceDisplayName":"Azure Storage","resourceId":"e406a681-f3d4-42a8-90b6-c2b029497af1","servicePrincipalName":"lake-connector","servicePrincipalId":"b0000000-0000-4000-8000-000000000002","federatedCredentialId":"","uniqueTokenIdentifier":"AAAAAAAAAAAAAAAAAAAAAA"}}"#;
    let graph = r#"{"id":"e0000000-0000-4000-8000-000000000001","createdDateTime":"2026-05-04T10:00:38.4932Z","userId":null,"appId":"a0000000-0000-4000-8000-000000000002","ipAddress":null,"status":{"errorCode":0,"failureReason":"Other."},"signInEventTypes":["managedIdentity"],"resourceDisplayName":"Azure Storage","resourceId":"e406a681-f3d4-42a8-90b6-c2b029497af1","servicePrincipalName":"lake-connector","servicePrincipalId":"b0000000-0000-4000-8000-000000000002","correlationId":"c0000000-0000-4000-8000-000000000002","uniqueTokenIdentifier":"AAAAAAAAAAAAAAAAAAAAAA","managedServiceIdentity":{"msiType":"systemAssigned","associatedResourceId":"/subscriptions/5a/resourcegroups/rg/providers/Microsoft.Databricks/accessConnectors/lake-connector"}}"#;
    let table = r#"{"TimeGenerated":"2026-05-04T10:00:38.4932Z","Type":"AADManagedIdentitySignInLogs","Category":"ManagedIdentitySignInLogs","OperationName":"Sign-in activity","TenantId":"99999999-0000-4000-8000-000000000001","Id":"e0000000-0000-4000-8000-000000000001","AppId":"a0000000-0000-4000-8000-000000000002","IPAddress":"","ResultType":"0","ResourceDisplayName":"Azure Storage","ResourceIdentity":"e406a681-f3d4-42a8-90b6-c2b029497af1","ServicePrincipalName":"lake-connector","ServicePrincipalId":"b0000000-0000-4000-8000-000000000002","CorrelationId":"c0000000-0000-4000-8000-000000000002","UniqueTokenIdentifier":"AAAAAAAAAAAAAAAAAAAAAA"}"#;

    let expected = decoded(LogFormat::SigninArchive, archive, signin);

    assert_eq!(expected.0, Some(UtcMicros(1_777_888_838_493_200)));
    assert_eq!(expected.1[0].as_deref(), Some("ManagedIdentitySignInLogs"));
    assert_eq!(decoded(LogFormat::SigninGraph, graph, signin), expected);
    assert_eq!(decoded(LogFormat::SigninTable, table, signin), expected);
}

#[test]
fn every_format_is_asked_once() {
    assert_eq!(ASKED.len(), LogFormat::ALL.len());
    assert!(LogFormat::ALL.iter().all(|format| ASKED.contains(format)));
}

#[test]
fn a_stranger_is_named_by_what_it_says_of_itself() {
    let records = [
        (
            r#"{"count":1,"total":2,"metricName":"Transactions","timeGrain":"PT1M","time":"2026-05-04T10:00:00Z"}"#,
            "metrics",
        ),
        (
            r#"{"time":"2025-03-21T21:00:30.8571557Z","category":"NetworkSecurityGroupFlowEvent","resourceId":"/SUBSCRIPTIONS/X","operationName":"NetworkSecurityGroupFlowEvents","properties":{"Version":2}}"#,
            "NetworkSecurityGroupFlowEvent",
        ),
        (
            r#"{"time":"4/14/2025 11:35:37 AM","resourceId":"/tenants/x/providers/microsoft.aadiam","operationName":"Risky user","category":"RiskyUsers","properties":{"id":"x"}}"#,
            "RiskyUsers",
        ),
        (
            r#"{"time":"2025-03-21T21:00:30Z","category":"MicrosoftGraphActivityLogs","resourceId":"/TENANTS/X/PROVIDERS/MICROSOFT.AADIAM","operationName":"Microsoft Graph Activity","properties":{"ipAddress":"x"}}"#,
            "MicrosoftGraphActivityLogs",
        ),
        (
            r#"{"ActivityName":"ConsumerRuntime","AuthType":"AAD","eventTimestamp":"1/1/2021 8:40:06 PM +00:00","category":"RuntimeAuditLogs","ResourceId":"/SUBSCRIPTIONS/X"}"#,
            "RuntimeAuditLogs",
        ),
        (r#"{"TimeGenerated":"2026-05-04T10:00:00Z","Type":"Heartbeat","Category":"Direct Agent"}"#, "Heartbeat"),
        (r#"{"hello":"world"}"#, "unrecognised"),
        ("{}", "unrecognised"),
        (r#"{"category":null,"Category":""}"#, "unrecognised"),
    ];
    for (record, kind) in records {
        assert_eq!(stranger(record), kind);
    }
}

#[test]
fn a_stranger_does_not_choose_how_long_its_name_is() {
    let record = format!(r#"{{"category":"{}"}}"#, "x".repeat(MAX_KIND_BYTES + 1));

    assert_eq!(stranger(&record), "unrecognised");
}
