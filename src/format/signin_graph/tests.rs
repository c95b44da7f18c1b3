use crate::event::TextColumn;
use crate::event::vocabulary::{AuthType, Form, Outcome, PrincipalVia, TokenKind};
use crate::format::LogFormat;
use crate::format::tests::{decoded, stranger};
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::SigninGraph;

#[test]
fn a_usual_record_of_a_managed_identity_names_its_resource() {
    let record = r#"{"id":"x","createdDateTime":"2026-05-04T10:00:00Z","userId":null,"userPrincipalName":null,"appId":"a","ipAddress":null,"correlationId":"c","status":{"errorCode":7000232,"failureReason":"x"},"signInEventTypes":["managedIdentity"],"servicePrincipalId":"b","servicePrincipalName":"ac","resourceDisplayName":"Azure Storage","resourceId":"e406a681-f3d4-42a8-90b6-c2b029497af1","managedServiceIdentity":{"msiType":"systemAssigned","associatedResourceId":"/subscriptions/5a/resourcegroups/rg/providers/Microsoft.Databricks/accessConnectors/ac"}}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_777_888_800_000_000)));
        assert_eq!(row.form, Form::Graph);
        assert_eq!(row.outcome, Outcome::Failure);
        assert_eq!(row.get(TextColumn::ResultCode), Some("7000232"));
        assert_eq!(row.get(TextColumn::Category), Some("ManagedIdentitySignInLogs"));
        assert_eq!(row.auth_type, AuthType::Msi);
        assert!(row.get(TextColumn::Mirid).unwrap().ends_with("/accessConnectors/ac"));
    });
}

#[test]
fn each_event_type_has_its_category() {
    let cases = [
        (r#"["interactiveUser"]"#, Some("SignInLogs")),
        (r#"["nonInteractiveUser"]"#, Some("NonInteractiveUserSignInLogs")),
        (r#"["servicePrincipal"]"#, Some("ServicePrincipalSignInLogs")),
        (r#"["somethingNew"]"#, None),
        ("null", None),
    ];
    for (types, category) in cases {
        let record = format!(
            r#"{{"id":"x","createdDateTime":"2026-05-04T10:00:00Z","correlationId":"c","status":{{}},"signInEventTypes":{types}}}"#
        );
        decoded(FORMAT, &record, |row| assert_eq!(row.unwrap().get(TextColumn::Category), category, "{types}"));
    }
}

/// Version 1.0 of the API has no `signInEventTypes`.
#[test]
fn a_sparse_record_of_a_person() {
    for (interactive, category) in [("true", "SignInLogs"), ("false", "NonInteractiveUserSignInLogs")] {
        let record = format!(
            r#"{{"id":"x","createdDateTime":"2026-05-04T10:00:00Z","userId":"u","userDisplayName":"Jo","isInteractive":{interactive},"correlationId":"c","status":{{"errorCode":0}}}}"#
        );
        decoded(FORMAT, &record, |row| {
            let row = row.unwrap();
            assert_eq!(row.get(TextColumn::Category), Some(category));
            assert_eq!(row.get(TextColumn::PrincipalName), Some("Jo"));
            assert_eq!(row.token_kind, TokenKind::User);
        });
    }
}

#[test]
fn a_service_principal_of_an_inventory_is_no_sign_in() {
    let record = r#"{"id":"x","appId":"a","createdDateTime":"2026-05-04T10:00:00Z","displayName":"ac","servicePrincipalNames":[]}"#;

    assert_eq!(stranger(record), "unrecognised");
}

/// A query can select few properties; such a record was skipped as unrecognised.
#[test]
fn a_record_of_selected_properties_is_a_sign_in_of_the_person_it_names() {
    let record = r#"{"id":"x","createdDateTime":"2026-05-04T10:00:00Z","userPrincipalName":"jo@example.com","appId":"a","status":{"errorCode":0},"isInteractive":true}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::Category), Some("SignInLogs"));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
        assert_eq!((row.token_kind, row.principal_via), (TokenKind::User, PrincipalVia::None));
        assert_eq!(row.auth_type, AuthType::Oauth);
    });
    let other = r#"{"id":"x","createdDateTime":"2026-05-04T10:00:00Z","status":{"state":"done"}}"#;
    assert_eq!(stranger(other), "unrecognised");
}
