use crate::event::TextColumn;
use crate::event::vocabulary::{AuthType, Form, Outcome, TokenKind};
use crate::format::LogFormat;
use crate::format::tests::decoded_csv;
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::SigninPortalCsv;

#[test]
fn a_usual_row_of_an_application() {
    let cells = [
        ("Date (UTC)", "2025-12-04T08:19:41Z"),
        ("Request ID", "x"),
        ("Correlation ID", "c"),
        ("Service principal ID", "b"),
        ("Service principal name", "etl"),
        ("Credential key ID", "k"),
        ("Application", "etl"),
        ("Application ID", "a"),
        ("Resource", "Azure Storage"),
        ("Resource ID", "e406a681-f3d4-42a8-90b6-c2b029497af1"),
        ("Resource tenant ID", "t"),
        ("IP address", "192.0.2.9"),
        ("Status", "Success"),
        ("Sign-in error code", "None"),
    ];
    decoded_csv(FORMAT, &cells, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_764_836_381_000_000)));
        assert_eq!(row.form, Form::PortalCsv);
        assert_eq!(row.uid_parts[0], Some("x"));
        assert_eq!(row.outcome, Outcome::Success);
        assert_eq!(row.token_kind, TokenKind::App);
        assert!(row.secret_bearing);
        assert_eq!(row.get(TextColumn::Category), Some("ServicePrincipalSignInLogs"));
        assert_eq!(row.get(TextColumn::ResultCode), None);
        assert_eq!(row.get(TextColumn::AppId), Some("a"));
        assert_eq!(row.get(TextColumn::AudienceAppId), Some("e406a681-f3d4-42a8-90b6-c2b029497af1"));
        assert_eq!(row.get(TextColumn::TenantId), Some("t"));
    });
}

#[test]
fn a_managed_identity_is_known_by_its_own_columns_and_by_nothing_else() {
    let row = [("Date (UTC)", "2025-12-04T08:19:41Z"), ("Request ID", "x"), ("Service principal ID", "b")];
    let with = |extra| [row.as_slice(), &[extra]].concat();
    let category = |cells: &[(&str, &str)]| {
        decoded_csv(FORMAT, cells, |row| row.unwrap().get(TextColumn::Category).map(str::to_owned))
    };

    assert_eq!(category(&with(("Managed Identity type", "User assigned"))).unwrap(), "ManagedIdentitySignInLogs");
    assert_eq!(category(&with(("Associated Resource Id", "/x"))).unwrap(), "ManagedIdentitySignInLogs");
    assert_eq!(category(&with(("Managed Identity type", "None"))), None);
    assert_eq!(category(&row), None);
}

#[test]
fn a_persons_row_has_no_category_for_two_files_share_its_header() {
    let cells = [
        ("Date (UTC)", "2025-12-04T08:19:41Z"),
        ("Request ID", "x"),
        ("User ID", "u"),
        ("Username", "jo@example.com"),
        ("Client credential type", "Client secret"),
        ("Status", "Interrupted"),
        ("Sign-in error code", "50140"),
    ];
    decoded_csv(FORMAT, &cells, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::Category), None);
        assert_eq!(row.token_kind, TokenKind::User);
        assert_eq!(row.auth_type, AuthType::Oauth);
        assert_eq!(row.outcome, Outcome::Failure);
        assert_eq!(row.get(TextColumn::ResultCode), Some("50140"));
    });
}

/// A row of a person without an id was nobody's, and lost its name.
#[test]
fn a_person_is_known_by_the_name_alone() {
    let cells =
        [("Date (UTC)", "2025-12-04T08:19:41Z"), ("Request ID", "x"), ("Username", "jo@example.com"), ("User", "Jo")];
    decoded_csv(FORMAT, &cells, |row| {
        let row = row.unwrap();
        assert_eq!(row.token_kind, TokenKind::User);
        assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
    });
}
