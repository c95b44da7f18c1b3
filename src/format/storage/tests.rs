use super::*;
use crate::event::vocabulary::{AuthType, PrincipalVia, TokenKind};
use crate::format::pick::testing::{Decoded, with_cells, with_record};

const ACCESS_CONNECTOR: &str = "9d1b6c3e-52a4-4f0e-8c1f-3f0a5b7d2e10";
const TENANT: &str = "3b6f0c52-6a0d-4c31-9a52-0f4f7f7d9a01";

/// Both forms of one read by an access connector, as its columns must come out.
const ARCHIVE_OAUTH: &str = r#"{"time":"2026-05-04T10:00:00.1234567Z",
    "resourceId":"/subscriptions/0F1E2D3C-0000-4000-8000-000000000001/resourceGroups/rg-lake/providers/Microsoft.Storage/storageAccounts/lake01/blobServices/default",
    "category":"StorageRead","operationName":"GetBlob","operationVersion":"2023-11-03","schemaVersion":"1.0",
    "statusCode":200,"statusText":"Success","durationMs":12,"callerIpAddress":"10.1.2.3:50412",
    "correlationId":"5c1a2b3c-001e-0042-7d11-9e8f7a000000",
    "identity":{"type":"OAuth","tokenHash":"AAECAw==",
      "authorization":[{"action":"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
        "denyAssignmentId":"","principals":[{"id":"9d1b6c3e52a44f0e8c1f3f0a5b7d2e10","type":"ServicePrincipal"}],
        "reason":"Policy","result":"Granted","roleAssignmentId":"aaaaaaaa-0000-4000-8000-000000000001",
        "roleDefinitionId":"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1","type":"RBAC"}],
      "requester":{"appId":"11111111-0000-4000-8000-00000000000a","audience":"https://storage.azure.com/",
        "objectId":"9d1b6c3e-52a4-4f0e-8c1f-3f0a5b7d2e10","tenantId":"3b6f0c52-6a0d-4c31-9a52-0f4f7f7d9a01"}},
    "location":"westeurope",
    "properties":{"accountName":"lake01","serviceType":"blob","objectKey":"/lake01/bronze/sales/part-0.parquet",
      "userAgentHeader":"Azure-Storage/12","operationCount":0,"requestBodySize":0,"responseBodySize":4096},
    "uri":"https://lake01.blob.core.windows.net:443/bronze/sales/part-0.parquet","protocol":"HTTPS"}"#;

const TABLE_OAUTH: &str = r#"{"TenantId":"99999999-0000-4000-8000-000000000009",
    "TimeGenerated":"2026-05-04T10:00:00.1234567Z","AccountName":"lake01","Location":"westeurope",
    "OperationName":"GetBlob","Category":"StorageRead","AuthenticationType":"OAuth","AuthenticationHash":"AAECAw==",
    "StatusCode":"200","StatusText":"Success","DurationMs":12.0,"ServiceType":"blob","OperationCount":0,
    "ObjectKey":"/lake01/bronze/sales/part-0.parquet","CallerIpAddress":"10.1.2.3:50412",
    "RequesterObjectId":"9d1b6c3e-52a4-4f0e-8c1f-3f0a5b7d2e10","RequesterAppId":"11111111-0000-4000-8000-00000000000a",
    "RequesterTenantId":"3b6f0c52-6a0d-4c31-9a52-0f4f7f7d9a01","RequesterUpn":"","RequesterAudience":"https://storage.azure.com/",
    "AuthorizationDetails":"[{\"denyAssignmentId\":\"\",\"principals\":[{\"id\":\"9d1b6c3e-52a4-4f0e-8c1f-3f0a5b7d2e10\",\"type\":\"ServicePrincipal\"}],\"result\":\"Granted\",\"roleAssignmentId\":\"aaaaaaaa-0000-4000-8000-000000000001\",\"roleDefinitionId\":\"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1\"}]",
    "CorrelationId":"5c1a2b3c-001e-0042-7d11-9e8f7a000000","RequestBodySize":0,"ResponseBodySize":4096,
    "UserAgentHeader":"Azure-Storage/12","Uri":"https://lake01.blob.core.windows.net:443/bronze/sales/part-0.parquet",
    "Type":"StorageBlobLogs",
    "_ResourceId":"/subscriptions/0f1e2d3c-0000-4000-8000-000000000001/resourcegroups/rg-lake/providers/microsoft.storage/storageaccounts/lake01"}"#;

/// Decodes one record; it must be recognised, and no column may hold a signature.
fn decoded<T>(text: &str, check: impl FnOnce(Decoded<'_>) -> T) -> T {
    with_record(text, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root), "not recognised: {text}");
        let row = decode(root, scratch);
        if let Ok(row) = &row {
            for column in TextColumn::ALL {
                let value = row.get(*column).unwrap_or("");
                assert!(!value.contains("TOPSECRET"), "{}: {value}", column.name());
            }
        }
        check(row)
    })
}

fn record(identity: &str, more: &str) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:00:00Z","category":"StorageRead","operationName":"GetBlob","identity":{identity}{more}}}"#
    )
}

#[test]
fn a_read_with_a_token_is_decoded_alike_from_both_forms() {
    for (text, form) in [(ARCHIVE_OAUTH, Form::Archive), (TABLE_OAUTH, Form::LogAnalytics)] {
        decoded(text, |row| {
            let row = row.unwrap();

            assert_eq!((row.source, row.form), (LogSource::Storage, form));
            assert_eq!(row.time, UtcMicros::parse("2026-05-04T10:00:00.123456Z"));
            assert_eq!((row.outcome, row.deny_assignment, row.secret_bearing), (Outcome::Success, false, false));
            assert_eq!((row.auth_type, row.principal_via), (AuthType::Oauth, PrincipalVia::Oauth));
            assert_eq!((row.token_kind, row.audience_kind), (TokenKind::App, AudienceKind::Storage));
            assert_eq!((row.bytes_out, row.bytes_in, row.duration_ms), (Some(4096), Some(0), Some(12.0)));
            assert_eq!(row.uid_parts[0], Some("0"));
            let expected = [
                (TextColumn::Category, "StorageRead"),
                (TextColumn::Operation, "GetBlob"),
                (TextColumn::ResultCode, "Success"),
                (TextColumn::PrincipalId, ACCESS_CONNECTOR),
                (TextColumn::AppId, "11111111-0000-4000-8000-00000000000a"),
                (TextColumn::TenantId, TENANT),
                (TextColumn::SrcIp, "10.1.2.3:50412"),
                (TextColumn::UserAgent, "Azure-Storage/12"),
                (TextColumn::TargetName, "lake01"),
                (TextColumn::Container, "bronze"),
                (TextColumn::ObjectPath, "sales/part-0.parquet"),
                (TextColumn::RoleId, "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
                (TextColumn::RoleAssignmentId, "aaaaaaaa-0000-4000-8000-000000000001"),
                (TextColumn::CorrelationId, "5c1a2b3c-001e-0042-7d11-9e8f7a000000"),
                (TextColumn::TokenHash, "AAECAw=="),
            ];
            for (column, value) in expected {
                assert_eq!(row.get(column), Some(value), "{} of {form}", column.name());
            }
            let target = row.get(TextColumn::TargetId).unwrap().to_ascii_lowercase();
            assert_eq!(
                target,
                "/subscriptions/0f1e2d3c-0000-4000-8000-000000000001/resourcegroups/rg-lake/providers/microsoft.storage/storageaccounts/lake01"
            );
            assert_eq!(row.get(TextColumn::RequesterId), None);
            assert_eq!(row.get(TextColumn::PrincipalName), None);
        });
    }
}

#[test]
fn a_csv_row_of_log_analytics_is_decoded() {
    let cells = [
        ("TimeGenerated [UTC]", "2026-05-04T10:00:00Z"),
        ("OperationName", "ListBlobs"),
        ("Category", "StorageRead"),
        ("StatusCode", "403"),
        ("AuthenticationType", "AccountKey"),
        ("DurationMs", "3.5"),
        ("Uri", "https://lake01.blob.core.windows.net:443/bronze?restype=container&comp=list&sig=TOPSECRET"),
    ];
    with_cells(&cells, JSON_IN_STRINGS, |root, scratch| {
        assert!(probe(root));
        let row = decode(root, scratch).unwrap();

        assert_eq!((row.outcome, row.auth_type), (Outcome::Denied, AuthType::AccountKey));
        assert_eq!(row.get(TextColumn::TargetName), Some("lake01"));
        assert_eq!((row.get(TextColumn::Container), row.get(TextColumn::ObjectPath)), (Some("bronze"), None));
        assert_eq!(row.duration_ms, Some(3.5));
        assert_eq!(row.principal_via, PrincipalVia::None);
    });
}

#[test]
fn the_principal_behind_a_delegation_sas_is_the_effective_one() {
    let uri = format!(
        "https://lake01.dfs.core.windows.net:443/bronze/a%20b.csv?sv=2023-11-03&skoid={ACCESS_CONNECTOR}&sktid={TENANT}&sig=TOPSECRET"
    );
    for kind in ["SAS", "DelegationSAS", "Delegation SAS", "UserDelegationSas"] {
        let identity = format!(
            r#"{{"type":"{kind}","requester":{{"objectId":"77777777-0000-4000-8000-000000000007","appId":"88888888-0000-4000-8000-000000000008","upn":"a@b.c"}},
                "authorization":[{{"principals":[{{"id":"77777777-0000-4000-8000-000000000007","type":"User"}}]}}]}}"#
        );
        decoded(&record(&identity, &format!(r#","uri":"{uri}""#)), |row| {
            let row = row.unwrap();

            assert_eq!(row.get(TextColumn::PrincipalId), Some(ACCESS_CONNECTOR), "{kind}");
            assert_eq!(row.get(TextColumn::RequesterId), Some("77777777-0000-4000-8000-000000000007"));
            assert_eq!(row.get(TextColumn::TenantId), Some(TENANT));
            assert_eq!((row.get(TextColumn::AppId), row.get(TextColumn::PrincipalName)), (None, None));
            assert_eq!((row.auth_type, row.principal_via), (AuthType::DelegationSas, PrincipalVia::SasSkoid));
            assert_eq!(row.token_kind, TokenKind::Unknown);
            assert_eq!(
                (row.get(TextColumn::Container), row.get(TextColumn::ObjectPath)),
                (Some("bronze"), Some("a b.csv"))
            );
        });
    }
}

/// The query is the caller's own text: beside a token or key it proves nothing.
#[test]
fn a_delegation_that_no_signature_vouches_for_is_ignored() {
    let uri = format!(r#","uri":"https://lake01.blob.core.windows.net/b/x?skoid={ACCESS_CONNECTOR}""#);
    let user = r#"{"type":"OAuth","requester":{"objectId":"77777777-0000-4000-8000-000000000007","upn":"mallory@example.com"}}"#;

    decoded(&record(user, &uri), |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::PrincipalId), Some("77777777-0000-4000-8000-000000000007"));
        assert_eq!((row.principal_via, row.token_kind), (PrincipalVia::Oauth, TokenKind::User));
    });
    for (kind, expected) in [("Account Key", AuthType::AccountKey), ("Anonymous", AuthType::Anonymous)] {
        decoded(&record(&format!(r#"{{"type":"{kind}"}}"#), &uri), |row| {
            let row = row.unwrap();
            assert_eq!((row.auth_type, row.principal_via), (expected, PrincipalVia::None));
            assert_eq!(row.get(TextColumn::PrincipalId), None);
        });
    }
}

/// Anybody can send a SAS with anybody's id and a wrong signature; the refusal is logged all the
/// same, and must not speak against the principal it names.
#[test]
fn a_delegation_whose_signature_was_refused_names_nobody() {
    let uri = format!(
        r#","statusCode":403,"statusText":"AuthenticationFailed","uri":"https://lake01.blob.core.windows.net/bronze/x?skoid={ACCESS_CONNECTOR}&sktid={TENANT}&sig=TOPSECRET"#
    );
    decoded(&record(r#"{"type":"DelegationSas"}"#, &format!("{uri}\"")), |row| {
        let row = row.unwrap();

        assert_eq!(row.get(TextColumn::PrincipalId), None);
        assert_eq!(row.auth_type, AuthType::DelegationSas);
        assert_eq!(row.principal_via, PrincipalVia::None);
    });
}

#[test]
fn a_delegation_sas_without_its_principal_falls_back_to_requester_and_authorization() {
    let uri = r#","uri":"https://lake01.blob.core.windows.net/b/x?sv=1&skoid=REDACTED&sig=TOPSECRET""#;
    let principals =
        r#""authorization":[{"principals":[{"id":"66666666-0000-4000-8000-000000000006","type":"ServicePrincipal"}]}]"#;
    let requester = r#""requester":{"objectId":"77777777-0000-4000-8000-000000000007"},"#;
    for (requester, expected) in
        [(requester, "77777777-0000-4000-8000-000000000007"), ("", "66666666-0000-4000-8000-000000000006")]
    {
        let identity = format!(r#"{{"type":"DelegationSAS",{requester}{principals}}}"#);
        decoded(&record(&identity, uri), |row| {
            let row = row.unwrap();
            assert_eq!(row.get(TextColumn::PrincipalId), Some(expected));
            assert_eq!((row.auth_type, row.principal_via), (AuthType::DelegationSas, PrincipalVia::Oauth));
            assert_eq!(row.token_kind, TokenKind::App);
        });
    }
}

#[test]
fn a_plain_sas_has_no_principal() {
    let signed = r#","uri":"https://lake01.blob.core.windows.net/b/x?sv=1&sp=r&sig=TOPSECRET""#;
    for identity in [r#"{"type":"SAS","tokenHash":"key1(0),SasSignature(0)"}"#, r#"{"type":"SAS Key"}"#, "null"] {
        decoded(&record(identity, signed), |row| {
            let row = row.unwrap();
            assert_eq!((row.auth_type, row.principal_via), (AuthType::Sas, PrincipalVia::None), "{identity}");
            assert_eq!((row.get(TextColumn::PrincipalId), row.token_kind), (None, TokenKind::Unknown));
        });
    }
}

#[test]
fn every_kind_of_authentication_is_folded() {
    let table = [
        ("OAuth", AuthType::Oauth),
        ("TrustedAccess", AuthType::Oauth),
        ("SasToken", AuthType::Sas),
        ("AccountKey", AuthType::AccountKey),
        ("account key", AuthType::AccountKey),
        ("anonymous", AuthType::Anonymous),
        ("Kerberos", AuthType::Kerberos),
        ("Something", AuthType::Unknown),
    ];
    for (kind, expected) in table {
        decoded(&record(&format!(r#"{{"type":"{kind}"}}"#), ""), |row| {
            assert_eq!(row.unwrap().auth_type, expected, "{kind}");
        });
    }
}

#[test]
fn the_outcome_follows_the_status() {
    let denied = r#"{"type":"OAuth","authorization":[{"result":"Denied","roleDefinitionId":"aa"}]}"#;
    let table = [
        ("{}", r#","statusCode":206"#, Outcome::Success),
        ("{}", r#","statusCode":"304","statusText":"ConditionNotMet""#, Outcome::Success),
        ("{}", r#","statusCode":404,"statusText":"BlobNotFound""#, Outcome::Failure),
        ("{}", r#","statusCode":403,"statusText":"KeyBasedAuthenticationNotPermitted""#, Outcome::Denied),
        ("{}", r#","statusCode":"401""#, Outcome::Denied),
        ("{}", r#","statusCode":409,"statusText":"PublicAccessNotPermitted""#, Outcome::Denied),
        ("{}", r#","statusText":"AuthorizationPermissionDenied""#, Outcome::Denied),
        (denied, r#","statusCode":500,"statusText":"Error""#, Outcome::Denied),
        ("{}", r#","properties":{"metricResponseType":"Success"}"#, Outcome::Success),
        ("{}", r#","properties":{"metricResponseType":"AuthorizationError"}"#, Outcome::Denied),
        ("{}", r#","properties":{"metricResponseType":"ServerBusyError"}"#, Outcome::Failure),
        ("{}", "", Outcome::Unknown),
    ];
    for (identity, more, expected) in table {
        decoded(&record(identity, more), |row| assert_eq!(row.unwrap().outcome, expected, "{more}"));
    }
}

#[test]
fn a_deny_assignment_is_told_from_an_empty_one_and_its_entry_is_no_grant() {
    let with = |deny: &str| {
        format!(
            r#"{{"type":"OAuth","authorization":[
                {{"denyAssignmentId":"{deny}","result":"Denied","roleDefinitionId":"bad","roleAssignmentId":"bad"}},
                {{"result":"Granted","roleDefinitionId":"/x/roleDefinitions/good","roleAssignmentId":"assignment"}}]}}"#
        )
    };
    for (deny, expected) in
        [("12345678-0000-4000-8000-000000000001", true), ("", false), ("00000000-0000-0000-0000-000000000000", false)]
    {
        decoded(&record(&with(deny), r#","statusCode":403"#), |row| {
            let row = row.unwrap();
            assert_eq!(row.deny_assignment, expected, "{deny}");
            assert_eq!(row.get(TextColumn::RoleId), Some("good"));
            assert_eq!(row.get(TextColumn::RoleAssignmentId), Some("assignment"));
        });
    }
}

#[test]
fn a_sparse_record_becomes_an_event_and_one_without_time_or_operation_does_not() {
    decoded(r#"{"time":"2026-05-04T10:00:00Z","category":"storagedelete","operationName":"DeleteBlob"}"#, |row| {
        let row = row.unwrap();
        assert_eq!((row.outcome, row.auth_type), (Outcome::Unknown, AuthType::Unknown));
        assert_eq!((row.get(TextColumn::TargetId), row.get(TextColumn::Container)), (None, None));
    });
    decoded(r#"{"category":"StorageRead","operationName":"GetBlob"}"#, |row| {
        assert_eq!(row.unwrap_err(), RejectReason::NoTime);
    });
    decoded(r#"{"time":"2026-05-04T10:00:00Z","category":"StorageRead","operationName":null}"#, |row| {
        assert_eq!(row.unwrap_err(), RejectReason::NoOperation);
    });
}

#[test]
fn other_records_are_not_claimed() {
    for text in [
        r#"{"time":"2026-05-04T10:00:00Z","category":"AuditEvent","operationName":"SecretGet"}"#,
        r#"{"time":"2026-05-04T10:00:00Z","category":"Administrative","operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE"}"#,
        r#"{"TimeGenerated":"2026-05-04T10:00:00Z","OperationName":"Sign-in activity","Category":"SignInLogs"}"#,
        r#"{"category":"StorageRead"}"#,
        "{}",
        "[]",
    ] {
        with_record(text, &[], |root, _| assert!(!probe(root), "{text}"));
    }
}

/// A requester without an object id was said to come from the token.
#[test]
fn without_an_object_id_the_application_id_counts_only_for_applications() {
    const APP: &str = "11111111-0000-4000-8000-00000000000a";
    let principals = r#""authorization":[{"principals":[{"type":"ServicePrincipal"}]}],"#;
    let table = [
        (principals, format!(r#"{{"appId":"{APP}"}}"#), PrincipalVia::ClientId),
        ("", format!(r#"{{"appId":"{APP}"}}"#), PrincipalVia::None),
        ("", format!(r#"{{"appId":"{APP}","upn":"ann@example.com"}}"#), PrincipalVia::None),
    ];
    for (authorization, requester, via) in &table {
        let identity = format!(r#"{{"type":"OAuth",{authorization}"requester":{requester}}}"#);
        decoded(&record(&identity, ""), |row| {
            let row = row.unwrap();
            assert_eq!((row.principal_via, row.get(TextColumn::AppId)), (*via, Some(APP)), "{identity}");
            assert_eq!(row.get(TextColumn::PrincipalId), None);
        });
    }
}

/// Most records name the delegating principal twice, which made it look like two.
#[test]
fn a_requester_that_is_the_delegating_principal_is_not_named_again() {
    let uri = format!(
        r#","uri":"https://lake01.dfs.core.windows.net/bronze/x?skoid={ACCESS_CONNECTOR}&sktid={TENANT}&sig=TOPSECRET""#
    );
    for requester in [ACCESS_CONNECTOR.to_owned(), ACCESS_CONNECTOR.replace('-', "").to_uppercase()] {
        let identity = format!(r#"{{"type":"DelegationSAS","requester":{{"objectId":"{requester}"}}}}"#);
        decoded(&record(&identity, &uri), |row| {
            let row = row.unwrap();
            assert_eq!(row.get(TextColumn::PrincipalId), Some(ACCESS_CONNECTOR));
            assert_eq!(row.get(TextColumn::RequesterId), None, "{requester}");
        });
    }
}
