use crate::event::TextColumn;
use crate::event::vocabulary::{AudienceKind, AuthType, Form, OpClass, Outcome, Plane, PrincipalVia, TokenKind};
use crate::format::tests::{decoded, stranger};
use crate::format::{LogFormat, RejectReason};
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::SigninArchive;

/// A record with this category and these members of `properties`.
fn record(category: &str, properties: &str) -> String {
    format!(
        r#"{{"time":"2025-04-22T20:02:34.8180683Z","resourceId":"/tenants/4d3bac44-0230-4732-9e70-cc00736f0a97/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"{category}","tenantId":"4d3bac44-0230-4732-9e70-cc00736f0a97","resultType":"0","resultSignature":"SUCCESS","durationMs":0,"correlationId":"c","Level":4,"properties":{{{properties}}}}}"#
    )
}

/// The shape of a workspace identity's sign-in in a real export of 2025: no address, no ARM id,
/// and the service, not the tenant, as the resource.
#[test]
fn a_usual_record_of_a_managed_identity() {
    let properties = r#""id":"7032d324-3884-4381-9c02-9d4f73421900","createdDateTime":"2025-04-22T20:00:38.49329+00:00","userId":null,"appId":"a","ipAddress":"","status":{"errorCode":0},"correlationId":"c","clientCredentialType":"none","resourceDisplayName":"Azure Monitor Control Service","resourceId":"e933bd07-d2ee-4f1d-933c-3752b819567b","servicePrincipalName":"dbmanagedidentity","servicePrincipalId":"b","federatedCredentialId":"","uniqueTokenIdentifier":"JNMycIQ4gUOcAp1Pc0IZAA","appServicePrincipalId":null"#;
    decoded(FORMAT, &record("ManagedIdentitySignInLogs", properties), |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_745_352_038_493_290)));
        assert_eq!(row.form, Form::Archive);
        assert_eq!(row.uid_parts[0], Some("7032d324-3884-4381-9c02-9d4f73421900"));
        assert_eq!((row.op_class, row.plane), (OpClass::TokenIssue, Plane::Auth));
        assert_eq!(row.outcome, Outcome::Success);
        assert_eq!(row.token_kind, TokenKind::App);
        assert_eq!(row.auth_type, AuthType::Msi);
        assert!(!row.secret_bearing);
        assert_eq!(row.principal_via, PrincipalVia::Signin);
        assert_eq!(row.audience_kind, AudienceKind::Monitor);
        assert_eq!(row.get(TextColumn::Category), Some("ManagedIdentitySignInLogs"));
        assert_eq!(row.get(TextColumn::Operation), Some("sign-in activity"));
        assert_eq!(row.get(TextColumn::OperationRaw), Some("Sign-in activity"));
        assert_eq!(row.get(TextColumn::ResultCode), Some("0"));
        assert_eq!(row.get(TextColumn::PrincipalId), Some("b"));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("dbmanagedidentity"));
        assert_eq!(row.get(TextColumn::SrcIp), None);
        assert_eq!(row.get(TextColumn::Mirid), None);
        assert_eq!(row.get(TextColumn::TargetId), None);
        assert_eq!(row.get(TextColumn::TargetName), Some("Azure Monitor Control Service"));
        assert_eq!(row.get(TextColumn::AudienceAppId), Some("e933bd07-d2ee-4f1d-933c-3752b819567b"));
        assert_eq!(row.get(TextColumn::TokenUti), Some("JNMycIQ4gUOcAp1Pc0IZAA"));
        assert_eq!(row.get(TextColumn::TenantId), Some("4d3bac44-0230-4732-9e70-cc00736f0a97"));
    });
}

#[test]
fn a_sparse_record_takes_time_and_result_from_the_envelope() {
    let sparse = record("noninteractiveusersigninlogs", r#""id":"x""#)
        .replace("\"resultType\":\"0\"", "\"resultType\":\"50074\"");
    decoded(FORMAT, &sparse, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_745_352_154_818_068)));
        assert_eq!(row.outcome, Outcome::Failure);
        assert_eq!(row.get(TextColumn::ResultCode), Some("50074"));
        assert_eq!(row.get(TextColumn::Category), Some("NonInteractiveUserSignInLogs"));
        assert_eq!(row.token_kind, TokenKind::User);
        assert_eq!(row.principal_via, PrincipalVia::None);
    });
}

#[test]
fn an_odd_record_with_its_properties_in_a_string() {
    let odd = r#"{"time":"2025-04-22T20:02:34Z","category":"SignInLogs","resultType":"0","identity":"Jo","properties":"{\"id\":\"x\",\"createdDateTime\":\"2025-04-22T20:00:38+00:00\",\"userId\":\"u\",\"servicePrincipalId\":\"\",\"userPrincipalName\":\"jo@example.com\",\"clientCredentialType\":\"clientSecret\",\"userAgent\":\"Mozilla\",\"conditionalAccessAudiences\":[\"a\"]}"}"#;
    decoded(FORMAT, odd, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_745_352_038_000_000)));
        assert_eq!(row.get(TextColumn::PrincipalId), Some("u"));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
        assert_eq!(row.get(TextColumn::UserAgent), Some("Mozilla"));
        // The secret is the application's, not the person's.
        assert_eq!(row.auth_type, AuthType::Oauth);
        assert!(!row.secret_bearing);
    });
}

#[test]
fn the_credential_tells_how_a_service_principal_proved_itself() {
    let cases = [
        (r#""clientCredentialType":"clientSecret""#, AuthType::Secret, true),
        (r#""clientCredentialType":"certificate""#, AuthType::Certificate, true),
        (r#""clientCredentialType":"clientAssertion""#, AuthType::Certificate, true),
        (r#""clientCredentialType":"federatedIdentityCredential""#, AuthType::Federated, false),
        (r#""clientCredentialType":"managedIdentity""#, AuthType::Msi, false),
        (r#""clientCredentialType":"none""#, AuthType::Oauth, false),
        (r#""clientCredentialType":"none","servicePrincipalCredentialKeyId":"k""#, AuthType::Oauth, true),
        (r#""clientCredentialType":"none","servicePrincipalCredentialKeyId":"""#, AuthType::Oauth, false),
    ];
    for (properties, auth_type, secret_bearing) in cases {
        decoded(FORMAT, &record("ServicePrincipalSignInLogs", properties), |row| {
            let row = row.unwrap();
            assert_eq!((row.auth_type, row.secret_bearing), (auth_type, secret_bearing), "{properties}");
        });
    }
}

#[test]
fn a_federated_credential_shows_even_on_a_managed_identity() {
    let properties = r#""clientCredentialType":"none","federatedCredentialId":"f""#;

    decoded(FORMAT, &record("ManagedIdentitySignInLogs", properties), |row| {
        assert_eq!(row.unwrap().auth_type, AuthType::Federated);
    });
}

/// An application that has no service principal in the tenant signs in with an id of zeros.
#[test]
fn an_id_of_zeros_is_none() {
    let properties = r#""appId":"a","servicePrincipalId":"00000000-0000-0000-0000-000000000000""#;

    decoded(FORMAT, &record("MicrosoftServicePrincipalSignInLogs", properties), |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::PrincipalId), None);
        assert_eq!(row.get(TextColumn::AppId), Some("a"));
        assert_eq!(row.token_kind, TokenKind::App);
    });
}

#[test]
fn other_categories_of_the_same_envelope_are_not_claimed() {
    assert_eq!(stranger(&record("ADFSSignInLogs", "")), "ADFSSignInLogs");
    assert_eq!(stranger(&record("UserRiskEvents", "")), "UserRiskEvents");
}

/// The identity stage finds its object id by its application id, and the column said `none`.
#[test]
fn an_application_without_an_object_id_goes_by_its_application_id() {
    let cases = [
        ("ServicePrincipalSignInLogs", r#""appId":"a""#, PrincipalVia::ClientId),
        ("ServicePrincipalSignInLogs", r#""appId":"a","servicePrincipalId":"b""#, PrincipalVia::Signin),
        ("ServicePrincipalSignInLogs", r#""servicePrincipalName":"etl""#, PrincipalVia::None),
        // A person uses an application, and is not it.
        ("SignInLogs", r#""appId":"a""#, PrincipalVia::None),
    ];
    for (category, properties, via) in cases {
        decoded(FORMAT, &record(category, properties), |row| {
            assert_eq!(row.unwrap().principal_via, via, "{category} {properties}");
        });
    }
}

/// Both records were counted as ones of another log.
#[test]
fn the_time_of_the_envelope_is_not_needed_and_no_time_at_all_is_rejected() {
    let timed = r#"{"category":"SignInLogs","properties":{"id":"x","createdDateTime":"2026-05-04T10:00:00Z"}}"#;
    decoded(FORMAT, timed, |row| assert_eq!(row.unwrap().time, Some(UtcMicros(1_777_888_800_000_000))));

    let timeless = r#"{"category":"SignInLogs","properties":{"id":"x"}}"#;
    decoded(FORMAT, timeless, |row| assert_eq!(row.err(), Some(RejectReason::NoTime)));
}
