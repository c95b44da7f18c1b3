use super::*;
use crate::format::pick::testing::{Decoded, with_cells, with_record};

const OID: &str = "4e0f7a3b-1111-4a2b-9c3d-000000000001";
const APP: &str = "4e0f7a3b-2222-4a2b-9c3d-000000000002";
const TENANT: &str = "3b6f0c52-6a0d-4c31-9a52-0f4f7f7d9a01";
const MIRID: &str = "/subscriptions/s/resourcegroups/databricks-rg-ws/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dbmanagedidentity";
const AZ_RID: &str =
    "/subscriptions/s/resourcegroups/databricks-rg-ws/providers/Microsoft.Compute/virtualMachines/worker-1";
const URI: &str = "https://kv-prod.vault.azure.net/secrets/db-password/?api-version=7.4";
const ID: &str = "https://kv-prod.vault.azure.net/secrets/db-password/6e6212e131ea47c88a52f387cd07d6e9";
const RID: &str = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-PROD";

/// One read of a secret by a cluster's identity in all three forms. Synthetic.
fn archive() -> String {
    format!(
        r#"{{ "time": "2026-05-04T10:00:00.5000000Z", "category": "AuditEvent", "operationName": "SecretGet",
        "resultType": "Success", "correlationId": "c0ffee00-0000-4000-8000-000000000001", "callerIpAddress": "20.1.2.3",
        "identity": {{"claim":{{"oid":"{OID}","appid":"{APP}","appidacr":"2","idtyp":"app","iss":"https://sts.windows.net/{TENANT}/",
          "xms_mirid":"{MIRID}","xms_az_rid":"{AZ_RID}","xms_az_nwperimid":[],"uti":"UTI-1"}}}},
        "properties": {{"id":"{ID}","clientInfo":"python-requests/2.31","httpStatusCode":200,"requestUri":"{URI}",
          "isRbacAuthorized":true,"appliedAssignmentId":"aaaaaaaa-0000-4000-8000-000000000001"}},
        "resourceId": "{RID}", "operationVersion": "7.4", "resultSignature": "OK", "durationMs": "41" }}"#
    )
}

fn diagnostics() -> String {
    format!(
        r#"{{"TenantId":"99999999-0000-4000-8000-000000000009","TimeGenerated":"2026-05-04T10:00:00.5Z","Category":"AuditEvent",
        "ResourceProvider":"MICROSOFT.KEYVAULT","ResourceId":"{RID}","OperationName":"SecretGet","ResultType":"Success",
        "ResultSignature":"OK","DurationMs":41,"CallerIPAddress":"20.1.2.3","CorrelationId":"c0ffee00-0000-4000-8000-000000000001",
        "identity_claim_oid_g":"{OID}","identity_claim_appid_g":"{APP}","identity_claim_appidacr_s":"2",
        "identity_claim_iss_s":"https://sts.windows.net/{TENANT}/","identity_claim_uti_s":"UTI-1","identity_claim_xms_mirid_s":"{MIRID}",
        "AdditionalFields":"{{\"identity_claim_xms_az_rid_s\":\"{AZ_RID}\",\"identity_claim_idtyp_s\":\"app\"}}",
        "id_s":"{ID}","requestUri_s":"{URI}","clientInfo_s":"python-requests/2.31","httpStatusCode_d":200.0,
        "appliedAssignmentId_g":"aaaaaaaa-0000-4000-8000-000000000001","Type":"AzureDiagnostics"}}"#
    )
}

fn table() -> String {
    format!(
        r#"{{"TenantId":"99999999-0000-4000-8000-000000000009","TimeGenerated":"2026-05-04T10:00:00.5Z","OperationName":"SecretGet",
        "Category":"AuditEvent","ResultType":"Success","ResultSignature":"OK","DurationMs":41,"CallerIpAddress":"20.1.2.3",
        "CorrelationId":"c0ffee00-0000-4000-8000-000000000001","HttpStatusCode":200,"RequestUri":"{URI}","Id":"{ID}",
        "ClientInfo":"python-requests/2.31","AppliedAssignmentId":"aaaaaaaa-0000-4000-8000-000000000001",
        "Identity":"{{\"claim\":{{\"oid\":\"{OID}\",\"appid\":\"{APP}\",\"appidacr\":\"2\",\"idtyp\":\"app\",\"iss\":\"https://sts.windows.net/{TENANT}/\",\"uti\":\"UTI-1\",\"xms_mirid\":\"{MIRID}\",\"xms_az_rid\":\"{AZ_RID}\"}}}}",
        "Type":"AZKVAuditLogs","_ResourceId":"{RID}"}}"#
    )
}

fn decoded<T>(text: &str, check: impl FnOnce(Decoded<'_>) -> T) -> T {
    with_record(text, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root), "not recognised: {text}");
        check(decode(root, scratch))
    })
}

fn record(claims: &str, more: &str) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:00:00Z","category":"AuditEvent","operationName":"SecretGet","resourceId":"{RID}","identity":{{"claim":{claims}}}{more}}}"#
    )
}

#[test]
fn the_read_of_a_secret_is_decoded_alike_from_all_forms() {
    let forms = [(archive(), Form::Archive), (diagnostics(), Form::LogAnalytics), (table(), Form::LogAnalytics)];
    for (text, form) in &forms {
        decoded(text, |row| {
            let row = row.unwrap();

            assert_eq!((row.source, row.form), (LogSource::KeyVault, *form));
            assert_eq!(row.time, UtcMicros::parse("2026-05-04T10:00:00.5Z"));
            assert_eq!((row.outcome, row.audience_kind), (Outcome::Success, AudienceKind::KeyVault));
            assert_eq!((row.auth_type, row.principal_via), (AuthType::Msi, PrincipalVia::Oauth));
            assert_eq!((row.token_kind, row.secret_bearing), (TokenKind::App, false));
            assert_eq!(row.duration_ms, Some(41.0));
            assert_eq!(row.uid_parts, [Some(URI), Some("200"), None]);
            let expected = [
                (TextColumn::Category, "AuditEvent"),
                (TextColumn::Operation, "SecretGet"),
                (TextColumn::ResultCode, "200"),
                (TextColumn::PrincipalId, OID),
                (TextColumn::AppId, APP),
                (TextColumn::TenantId, TENANT),
                (TextColumn::Mirid, MIRID),
                (TextColumn::AzRid, AZ_RID),
                (TextColumn::TokenUti, "UTI-1"),
                (TextColumn::SrcIp, "20.1.2.3"),
                (TextColumn::UserAgent, "python-requests/2.31"),
                (TextColumn::TargetId, RID),
                (TextColumn::TargetName, "kv-prod"),
                (TextColumn::Container, "secrets"),
                (TextColumn::ObjectPath, "db-password"),
                (TextColumn::AudienceAppId, "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"),
                (TextColumn::RoleAssignmentId, "aaaaaaaa-0000-4000-8000-000000000001"),
                (TextColumn::CorrelationId, "c0ffee00-0000-4000-8000-000000000001"),
            ];
            for (column, value) in expected {
                assert_eq!(row.get(column), Some(value), "{}", column.name());
            }
            assert_eq!(row.get(TextColumn::PrincipalName), None);
        });
    }
}

/// Refusals say `Success` in `resultType`: seen in real exports, 2025.
#[test]
fn the_outcome_follows_the_http_status_and_not_the_result_type() {
    let table = [
        (
            r#","resultType":"Success","resultSignature":"Forbidden","properties":{"httpStatusCode":403}"#,
            Outcome::Denied,
        ),
        (r#","resultType":"Success","properties":{"httpStatusCode":"401"}"#, Outcome::Denied),
        (r#","resultType":"Success","properties":{"httpStatusCode":404}"#, Outcome::Failure),
        (r#","resultType":"Success","resultSignature":"Forbidden""#, Outcome::Denied),
        (r#","resultSignature":"Unauthorized""#, Outcome::Denied),
        (r#","resultSignature":"Not Found""#, Outcome::Failure),
        (r#","resultSignature":"Accepted""#, Outcome::Success),
        (r#","resultType":"Success""#, Outcome::Unknown),
    ];
    for (more, expected) in table {
        decoded(&record("{}", more), |row| assert_eq!(row.unwrap().outcome, expected, "{more}"));
    }
}

#[test]
fn a_challenge_without_a_token_has_no_principal() {
    let text = format!(
        r#"{{"time":"2026-05-04T10:00:00Z","category":"AuditEvent","operationName":"SecretGet","resourceId":"{RID}","correlationId":"",
        "resultSignature":"Unauthorized","identity":{{}},"properties":{{"httpStatusCode":401,"requestUri":"{URI}"}}}}"#
    );
    decoded(&text, |row| {
        let row = row.unwrap();

        assert_eq!((row.outcome, row.auth_type), (Outcome::Denied, AuthType::Unknown));
        assert_eq!((row.principal_via, row.token_kind), (PrincipalVia::None, TokenKind::Unknown));
        assert_eq!((row.get(TextColumn::PrincipalId), row.get(TextColumn::CorrelationId)), (None, None));
        assert_eq!(row.get(TextColumn::ObjectPath), Some("db-password"));
    });
}

#[test]
fn long_claim_names_are_read_and_tell_a_person() {
    let claims = format!(
        r#"{{"http://schemas.microsoft.com/identity/claims/objectidentifier":"{OID}","appid":"{APP}","appidacr":"1",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"ann@example.com",
        "http://schemas.microsoft.com/identity/claims/scope":"user_impersonation",
        "http://schemas.microsoft.com/identity/claims/tenantid":"{TENANT}"}}"#
    );
    let more = r#","properties":{"id":"https://kv-prod.vault.azure.net/","requestUri":"https://management.azure.com/subscriptions/s/vaults/kv-prod"}"#;
    decoded(&record(&claims, more), |row| {
        let row = row.unwrap();

        assert_eq!(row.get(TextColumn::PrincipalId), Some(OID));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("ann@example.com"));
        assert_eq!(row.get(TextColumn::TenantId), Some(TENANT));
        assert_eq!((row.token_kind, row.auth_type, row.secret_bearing), (TokenKind::User, AuthType::Oauth, false));
        assert_eq!((row.get(TextColumn::TargetName), row.get(TextColumn::Container)), (Some("kv-prod"), None));
    });
    let columns = format!(
        r#"{{"TimeGenerated":"2026-05-04T10:00:00Z","Category":"AuditEvent","ResourceProvider":"MICROSOFT.KEYVAULT","OperationName":"VaultGet",
        "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g":"{OID}",
        "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s":"ann@example.com"}}"#
    );
    decoded(&columns, |row| {
        let row = row.unwrap();
        assert_eq!((row.get(TextColumn::PrincipalId), row.token_kind), (Some(OID), TokenKind::User));
    });
}

#[test]
fn the_credential_is_told_from_the_claims() {
    let table = [
        (r#""appidacr":"1","idtyp":"app""#, AuthType::Secret, true, TokenKind::App),
        (r#""appidacr":"2","idtyp":"app""#, AuthType::Certificate, true, TokenKind::App),
        (r#""appidacr":"0","scp":"user_impersonation""#, AuthType::Oauth, false, TokenKind::User),
        (r#""appidacr":"2","scp":"user_impersonation""#, AuthType::Oauth, false, TokenKind::User),
        (r#""appidacr":"2","xms_mirid":"/subscriptions/s/x""#, AuthType::Msi, false, TokenKind::App),
        (r#""idtyp":"user""#, AuthType::Oauth, false, TokenKind::User),
        (r#""ver":"1.0""#, AuthType::Oauth, false, TokenKind::Unknown),
    ];
    for (claims, auth_type, secret_bearing, token_kind) in table {
        decoded(&record(&format!(r#"{{"oid":"{OID}",{claims}}}"#), ""), |row| {
            let row = row.unwrap();
            assert_eq!(
                (row.auth_type, row.secret_bearing, row.token_kind),
                (auth_type, secret_bearing, token_kind),
                "{claims}"
            );
        });
    }
}

#[test]
fn a_csv_row_is_decoded() {
    let cells = [
        ("TimeGenerated [UTC]", "2026-05-04T10:00:00Z"),
        ("OperationName", "KeyUnwrap"),
        ("HttpStatusCode", "200"),
        ("RequestUri", "https://kv-prod.vault.azure.net/keys/cmk/1f/unwrapkey?api-version=7.4"),
        ("Identity", r#"{"claim":{"oid":"4e0f7a3b-1111-4a2b-9c3d-000000000001"}}"#),
        ("_ResourceId", RID),
    ];
    with_cells(&cells, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root));
        let row = decode(root, scratch).unwrap();

        assert_eq!(row.get(TextColumn::PrincipalId), Some(OID));
        assert_eq!((row.get(TextColumn::Container), row.get(TextColumn::ObjectPath)), (Some("keys"), Some("cmk")));
    });
}

#[test]
fn a_record_without_time_or_operation_is_rejected_and_other_services_are_not_claimed() {
    decoded(&format!(r#"{{"category":"AuditEvent","operationName":"SecretGet","resourceId":"{RID}"}}"#), |row| {
        assert_eq!(row.unwrap_err(), RejectReason::NoTime);
    });
    let empty =
        format!(r#"{{"time":"2026-05-04T10:00:00Z","category":"AuditEvent","operationName":"","resourceId":"{RID}"}}"#);
    decoded(&empty, |row| assert_eq!(row.unwrap_err(), RejectReason::NoOperation));
    for text in [
        r#"{"time":"t","category":"AuditEvent","operationName":"x","resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.BATCH/BATCHACCOUNTS/B"}"#,
        r#"{"time":"t","category":"AzurePolicyEvaluationDetails","operationName":"x","resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V"}"#,
        r#"{"time":"t","category":"Administrative","operationName":"MICROSOFT.KEYVAULT/VAULTS/WRITE","resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V"}"#,
        r#"{"TimeGenerated":"t","Category":"SQLSecurityAuditEvents","OperationName":"AuditEvent","ResourceProvider":"MICROSOFT.SQL"}"#,
        "{}",
    ] {
        with_record(text, &[], |root, _| assert!(!probe(root), "{text}"));
    }
}

/// A record with nothing but an application id said `oauth`, with a null object id beside it.
#[test]
fn without_an_object_id_the_application_id_counts_only_for_applications() {
    let table = [
        (format!(r#""oid":"{OID}","appid":"{APP}","idtyp":"app""#), PrincipalVia::Oauth),
        (format!(r#""appid":"{APP}","idtyp":"app""#), PrincipalVia::ClientId),
        (format!(r#""appid":"{APP}""#), PrincipalVia::None),
        (format!(r#""appid":"{APP}","upn":"ann@example.com""#), PrincipalVia::None),
    ];
    for (claims, via) in &table {
        decoded(&record(&format!("{{{claims}}}"), ""), |row| {
            let row = row.unwrap();
            assert_eq!((row.principal_via, row.get(TextColumn::AppId)), (*via, Some(APP)), "{claims}");
            assert_eq!(row.get(TextColumn::PrincipalId).is_some(), *via == PrincipalVia::Oauth);
        });
    }
}
