use crate::event::TextColumn;
use crate::event::vocabulary::{AuthType, BodyFrom, Form, Outcome, Phase, Status, TokenKind};
use crate::format::tests::{decoded, is_claimed, stranger};
use crate::format::{LogFormat, RejectReason};
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::ActivityArchive;

#[test]
fn a_usual_record_of_a_managed_identity() {
    let record = r#"{"time":"2021-02-09T11:38:31.6315770Z","resourceId":"/SUBSCRIPTIONS/5A/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/LAKE","operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.OK","durationMs":"20","callerIpAddress":"40.112.242.0","correlationId":"3661e441-e836-4795-9148-c843525399bd","identity":{"authorization":{"scope":"/subscriptions/5a/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake","action":"Microsoft.Storage/storageAccounts/listKeys/action","evidence":{"role":"Owner","roleAssignmentId":"ab1ae998ac0c422bb1d484519bb503b7","roleDefinitionId":"8e3af657a8ff443ca75c2fe8c4bcb635","principalId":"e7018f6488e246afa1977b9084d8346a","principalType":"ServicePrincipal"}},"claims":{"aud":"https://management.core.windows.net/","iss":"https://sts.windows.net/70ebe3a3-5b30-435d-9d67-7716d74ca190/","iat":"1612870000","appid":"04b07795-8ddb-461a-bbee-02f9e1bf7b46","appidacr":"2","idtyp":"app","http://schemas.microsoft.com/identity/claims/objectidentifier":"e7018f64-88e2-46af-a197-7b9084d8346a","uti":"s4OAwbVGQ0CX8sNFq4tAAA","xms_mirid":"/subscriptions/5a/resourcegroups/rg/providers/Microsoft.Databricks/accessConnectors/ac"}},"level":"Information","properties":{"statusCode":"OK","serviceRequestId":null,"eventCategory":"Administrative","hierarchy":"70ebe3a3-5b30-435d-9d67-7716d74ca190/mg/5a"}}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_612_870_711_631_577)));
        assert_eq!(row.form, Form::Archive);
        assert_eq!(row.status, Status::Success);
        assert_eq!(row.outcome, Outcome::Success);
        assert_eq!(row.phase, Phase::Terminal);
        assert_eq!(row.duration_ms, Some(20.0));
        assert_eq!(row.auth_type, AuthType::Msi);
        assert!(!row.secret_bearing);
        assert_eq!(row.get(TextColumn::ResultCode), Some("OK"));
        assert_eq!(row.get(TextColumn::PrincipalId), Some("e7018f64-88e2-46af-a197-7b9084d8346a"));
        assert_eq!(row.get(TextColumn::TenantId), Some("70ebe3a3-5b30-435d-9d67-7716d74ca190"));
        assert_eq!(row.get(TextColumn::SrcIp), Some("40.112.242.0"));
        assert_eq!(row.get(TextColumn::TokenUti), Some("s4OAwbVGQ0CX8sNFq4tAAA"));
        assert_eq!(row.get(TextColumn::OperationId), None);
        // The role that let the caller in is not the role that an assignment gives.
        assert_eq!(row.get(TextColumn::RoleId), None);
        assert_eq!(row.get(TextColumn::RoleAssignmentId), None);
        assert_eq!(row.get(TextColumn::TargetName), None);
    });
}

/// Records of before 2020 have no `properties`, a number as duration and another category.
#[test]
fn a_sparse_start_record_of_a_person() {
    let record = r#"{"time":"2018-03-07T14:23:51.991Z","resourceId":"/SUBSCRIPTIONS/5A/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.WEB/SITES/APP","operationName":"MICROSOFT.WEB/SITES/CONFIG/WRITE","category":"Write","resultType":"Start","resultSignature":"Started.","durationMs":0,"correlationId":"cdab1f54-adff-4d32-91ce-829db00381ae","identity":{"claims":{"appid":"f64071b9-a79b-4655-9dad-3b3535e00b84","appidacr":"2","ipaddr":"198.51.100.7","http://schemas.microsoft.com/identity/claims/scope":"user_impersonation"}},"location":"westus"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_520_432_631_991_000)));
        assert_eq!(row.status, Status::Start);
        assert_eq!(row.phase, Phase::Start);
        assert_eq!(row.outcome, Outcome::Unknown);
        assert_eq!(row.duration_ms, Some(0.0));
        assert_eq!(row.get(TextColumn::ResultCode), None);
        assert_eq!(row.get(TextColumn::SrcIp), Some("198.51.100.7"));
        assert_eq!(row.token_kind, TokenKind::User);
        assert!(!row.secret_bearing);
    });
}

#[test]
fn an_odd_record_with_json_in_strings_and_the_operation_as_an_object() {
    let record = r#"{"time":"2026-05-04T10:00:00Z","resourceId":"/subscriptions/5a/providers/Microsoft.Authorization/roleAssignments/r1","operationName":{"value":"Microsoft.Authorization/roleAssignments/write","localizedValue":"x"},"category":"ADMINISTRATIVE","resultType":"Succeeded","resultSignature":"201","correlationId":"c","identity":"{\"claims\":{\"appid\":\"01fc33a7-78ba-4d2f-a4b7-768e336e890e\",\"idtyp\":\"app\"}}","properties":"{\"requestbody\":\"{\\\"Properties\\\":{\\\"PrincipalId\\\":\\\"p1\\\",\\\"RoleDefinitionId\\\":\\\"/x/b24988ac618042a0ab8820f7382dd24c\\\"}}\",\"hierarchy\":\"\"}"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::Operation), Some("Microsoft.Authorization/roleAssignments/write"));
        assert_eq!(row.get(TextColumn::ResultCode), Some("201"));
        assert_eq!(row.get(TextColumn::RoleId), Some("b24988ac618042a0ab8820f7382dd24c"));
        assert_eq!(row.get(TextColumn::AssigneeId), Some("p1"));
        assert_eq!(row.get(TextColumn::Scope), Some("/subscriptions/5a"));
        assert_eq!(row.get(TextColumn::RoleAssignmentId), Some("r1"));
        assert_eq!(row.get(TextColumn::TenantId), None);
        assert_eq!(row.body_from, Some(BodyFrom::Request));
        assert!(row.via_pim);
    });
}

#[test]
fn an_identity_of_another_kind_is_nobody() {
    for identity in [r#""Jo Doe""#, "{}", "null", "[]", "3"] {
        let record = format!(
            r#"{{"time":"2026-05-04T10:00:00Z","resourceId":"/subscriptions/5a","operationName":"Microsoft.Resourcehealth/healthevent/Updated/action","category":"ResourceHealth","resultType":"Updated","tenantId":"t","identity":{identity}}}"#
        );
        decoded(FORMAT, &record, |row| {
            let row = row.unwrap();
            assert_eq!(row.get(TextColumn::PrincipalId), None);
            assert_eq!(row.get(TextColumn::TenantId), Some("t"));
            assert_eq!(row.auth_type, AuthType::Unknown);
            assert_eq!((row.status, row.phase, row.outcome), (Status::Other, Phase::Terminal, Outcome::Unknown));
        });
    }
}

#[test]
fn a_refusal_is_denied_wherever_it_is_said() {
    let cases = [
        (r#""resultSignature":"Failed.Forbidden""#, Outcome::Denied, false),
        (r#""resultSignature":"403""#, Outcome::Denied, false),
        (r#""resultSignature":"Failed.NotFound""#, Outcome::Failure, false),
        (r#""properties":{"statusMessage":"{\"error\":{\"code\":\"AuthorizationFailed\"}}"}"#, Outcome::Denied, false),
        (
            r#""properties":{"statusMessage":{"error":{"code":"DenyAssignmentAuthorizationFailed","message":"The client"}}}"#,
            Outcome::Denied,
            true,
        ),
        (
            r#""properties":{"responseBody":"{\"error\":{\"code\":\"DenyAssignmentAuthorizationFailed\"}}"}"#,
            Outcome::Denied,
            true,
        ),
        (r#""properties":{"statusMessage":"some plain text status message"}"#, Outcome::Failure, false),
    ];
    for (said, outcome, deny_assignment) in cases {
        let record = format!(
            r#"{{"time":"2026-05-04T10:00:00Z","resourceId":"/subscriptions/5a","operationName":"A.B/c/action","category":"Administrative","resultType":"Failure",{said}}}"#
        );
        decoded(FORMAT, &record, |row| {
            let row = row.unwrap();
            assert_eq!((row.outcome, row.deny_assignment), (outcome, deny_assignment), "{said}");
            assert_eq!(row.status, Status::Failure);
        });
    }
}

#[test]
fn without_a_category_an_operation_with_a_result_is_claimed_and_a_data_operation_is_not() {
    let record = r#"{"time":"2026-05-04T10:00:00Z","resourceId":"/subscriptions/5a","operationName":"microsoft.insights/actiongroups/delete","resultType":"Succeeded"}"#;
    decoded(FORMAT, record, |row| assert_eq!(row.unwrap().outcome, Outcome::Success));

    for (operation, result) in
        [("deleteblob", ""), ("deleteblob", r#","resultType":"x""#), ("Microsoft.Databricks/jobs/delete", "")]
    {
        let record = format!(
            r#"{{"time":"2026-05-04T10:00:00Z","resourceId":"/subscriptions/5a","operationName":"{operation}"{result}}}"#
        );
        assert!(!is_claimed(FORMAT, &record), "{record}");
    }
}

#[test]
fn a_resource_log_in_the_same_envelope_is_not_claimed() {
    let record = r#"{"time":"2026-05-04T10:00:00Z","resourceId":"/SUBSCRIPTIONS/5A","operationName":"Microsoft.Logic/workflows/workflowRunCompleted","category":"WorkflowRuntime","resultType":"Success"}"#;

    assert_eq!(stranger(record), "WorkflowRuntime");
}

#[test]
fn a_record_without_a_readable_time_or_an_operation_is_rejected() {
    let record = |time: &str, operation: &str| {
        format!(r#"{{"time":{time},"resourceId":"/x","operationName":{operation},"category":"Policy"}}"#)
    };

    decoded(FORMAT, &record("null", "\"A.B/write\""), |row| assert_eq!(row.err(), Some(RejectReason::NoTime)));
    decoded(FORMAT, &record("\"soon\"", "\"A.B/write\""), |row| assert_eq!(row.err(), Some(RejectReason::NoTime)));
    decoded(FORMAT, &record("\"2026-05-04T10:00:00Z\"", "\"\""), |row| {
        assert_eq!(row.err(), Some(RejectReason::NoOperation));
    });
}

/// A record without the key was counted as one of another log.
#[test]
fn a_record_without_a_time_is_rejected_unless_the_rest_api_has_it_elsewhere() {
    let record =
        r#"{"resourceId":"/x","operationName":"A.B/write","category":"Administrative","resultType":"Success"}"#;
    decoded(FORMAT, record, |row| assert_eq!(row.err(), Some(RejectReason::NoTime)));

    let rest = r#"{"eventTimestamp":"2026-05-04T10:00:00Z","resourceId":"/x","operationName":"A.B/write","category":"Administrative"}"#;
    decoded(LogFormat::ActivityRest, rest, |row| assert!(row.is_ok()));
}
