use super::*;
use crate::event::vocabulary::{AudienceKind, Form, LogSource};
use crate::json::Tape;

fn row_of(claims: &str, evidence: Option<&str>, caller: Option<&str>, check: impl FnOnce(&Row<'_>)) {
    let (mut tape, mut other) = (Tape::new(), Tape::new());
    tape.parse(claims.as_bytes()).unwrap();
    let mut actor = Actor::from_claims(tape.root(claims).unwrap());
    if let Some(evidence) = evidence {
        other.parse(evidence.as_bytes()).unwrap();
        let said = |key| other.root(evidence).unwrap().get(key).and_then(Value::as_str);
        actor.add_evidence(said("principalType"), said("principalId"));
    }
    if let Some(caller) = caller {
        actor.add_caller(caller);
    }
    let mut row = Row::new(LogSource::Activity, Form::Archive);
    actor.apply(&mut row);
    check(&row);
}

#[test]
fn short_and_long_claim_names_tell_the_same() {
    let short = r#"{"oid":"O","appid":"A","upn":"jo@example.com","tid":"T","scp":"user_impersonation","uti":"U"}"#;
    let long = r#"{"http://schemas.microsoft.com/identity/claims/objectidentifier":"O","appid":"A","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"jo@example.com","http://schemas.microsoft.com/identity/claims/tenantid":"T","http://schemas.microsoft.com/identity/claims/scope":"user_impersonation","uti":"U"}"#;
    for claims in [short, long] {
        row_of(claims, None, None, |row| {
            assert_eq!(row.get(TextColumn::PrincipalId), Some("O"));
            assert_eq!(row.get(TextColumn::AppId), Some("A"));
            assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
            assert_eq!(row.get(TextColumn::TenantId), Some("T"));
            assert_eq!(row.get(TextColumn::TokenUti), Some("U"));
            assert_eq!(row.principal_via, PrincipalVia::Oauth);
            assert_eq!(row.token_kind, TokenKind::User);
        });
    }
}

#[test]
fn a_managed_identity_holds_no_secret_although_its_appidacr_is_2() {
    let claims = r#"{"appidacr":"2","idtyp":"app","oid":"O","xms_mirid":"/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dbmanagedidentity","xms_az_rid":"/subscriptions/s/resourcegroups/rg/providers/Microsoft.Compute/virtualMachines/vm"}"#;
    row_of(claims, None, None, |row| {
        assert_eq!(row.token_kind, TokenKind::App);
        assert_eq!(row.auth_type, AuthType::Msi);
        assert!(!row.secret_bearing);
        assert!(row.get(TextColumn::Mirid).unwrap().ends_with("/dbmanagedidentity"));
        assert!(row.get(TextColumn::AzRid).unwrap().ends_with("/vm"));
    });
}

#[test]
fn an_application_holds_what_it_proved_itself_with() {
    let cases = [("0", AuthType::Oauth, false), ("1", AuthType::Secret, true), ("2", AuthType::Certificate, true)];
    for (credential, auth_type, secret_bearing) in cases {
        let claims = format!(r#"{{"appid":"A","appidacr":"{credential}","idtyp":"app"}}"#);
        row_of(&claims, None, None, |row| {
            assert_eq!(row.auth_type, auth_type, "appidacr {credential}");
            assert_eq!(row.secret_bearing, secret_bearing, "appidacr {credential}");
        });
    }
}

/// A person's token got through a confidential application carries that application's `appidacr`:
/// the person would be taken for an application with a certificate.
#[test]
fn a_person_is_a_person_whatever_the_application_proved() {
    let claims = r#"{"appid":"A","appidacr":"2","scp":"user_impersonation","oid":"O"}"#;
    row_of(claims, None, None, |row| {
        assert_eq!(row.token_kind, TokenKind::User);
        assert_eq!(row.auth_type, AuthType::Oauth);
        assert!(!row.secret_bearing);
    });
}

#[test]
fn without_idtyp_a_name_with_an_at_sign_is_a_person_and_one_without_says_nothing() {
    row_of(r#"{"name":"jo@example.com"}"#, None, None, |row| assert_eq!(row.token_kind, TokenKind::User));
    row_of("{}", None, Some("jo@example.com"), |row| assert_eq!(row.token_kind, TokenKind::User));
    row_of(r#"{"email":"Microsoft.Advisor"}"#, None, None, |row| {
        assert_eq!(row.token_kind, TokenKind::Unknown);
        assert_eq!(row.auth_type, AuthType::Unknown);
        assert_eq!(row.get(TextColumn::PrincipalName), Some("Microsoft.Advisor"));
    });
}

#[test]
fn a_role_assignment_names_the_caller_unless_it_is_a_groups() {
    let evidence =
        |kind: &str| format!(r#"{{"principalId":"f7202482ee084d1c86651b25942e1c59","principalType":"{kind}"}}"#);

    row_of("{}", Some(&evidence("ServicePrincipal")), None, |row| {
        assert_eq!(row.get(TextColumn::PrincipalId), Some("f7202482ee084d1c86651b25942e1c59"));
        assert_eq!(row.token_kind, TokenKind::App);
    });
    row_of("{}", Some(&evidence("Group")), None, |row| {
        assert_eq!(row.get(TextColumn::PrincipalId), None);
        assert_eq!(row.principal_via, PrincipalVia::None);
    });
    row_of(r#"{"oid":"O"}"#, Some(&evidence("User")), None, |row| {
        assert_eq!(row.get(TextColumn::PrincipalId), Some("O"));
        assert_eq!(row.token_kind, TokenKind::User);
    });
}

#[test]
fn a_caller_that_is_a_guid_is_an_id_and_never_a_name() {
    let id = "b0000000-0000-4000-8000-000000000001";
    row_of("{}", None, Some(id), |row| {
        assert_eq!(row.get(TextColumn::PrincipalId), Some(id));
        assert_eq!(row.get(TextColumn::PrincipalName), None);
        assert_eq!(row.principal_via, PrincipalVia::Caller);
    });
    row_of(r#"{"oid":"O"}"#, None, Some(id), |row| {
        assert_eq!(row.get(TextColumn::PrincipalId), Some("O"));
        assert_eq!(row.principal_via, PrincipalVia::Oauth);
    });
    // Redacted exports have ids that are no GUIDs.
    row_of(r#"{"oid":"xxxx-o"}"#, None, Some("XXXX-O"), |row| assert_eq!(row.get(TextColumn::PrincipalName), None));
}

#[test]
fn the_issuer_tells_the_tenant_where_no_claim_does() {
    for issuer in [
        "https://sts.windows.net/70ebe3a3-5b30-435d-9d67-7716d74ca190/",
        "https://login.microsoftonline.com/70ebe3a3-5b30-435d-9d67-7716d74ca190/v2.0",
    ] {
        row_of(&format!(r#"{{"iss":"{issuer}"}}"#), None, None, |row| {
            assert_eq!(row.get(TextColumn::TenantId), Some("70ebe3a3-5b30-435d-9d67-7716d74ca190"));
        });
    }
    row_of(r#"{"iss":"https://issuer.example/oidc"}"#, None, None, |row| {
        assert_eq!(row.get(TextColumn::TenantId), None);
    });
}

#[test]
fn an_audience_url_becomes_the_services_application_id() {
    row_of(r#"{"aud":"https://management.azure.com/"}"#, None, None, |row| {
        assert_eq!(row.get(TextColumn::AudienceAppId), Some("797f4846-ba00-4fd7-ba43-dac1f8f63013"));
        assert_eq!(row.audience_kind, AudienceKind::Arm);
    });
    row_of(r#"{"aud":"https://unknown.example/"}"#, None, None, |row| {
        assert_eq!(row.get(TextColumn::AudienceAppId), None);
        assert_eq!(row.audience_kind, AudienceKind::Other);
    });
}

#[test]
fn privileged_identity_management_is_known_by_its_application_id() {
    row_of(r#"{"appid":"01FC33A7-78BA-4D2F-A4B7-768E336E890E"}"#, None, None, |row| assert!(row.via_pim));
    row_of(r#"{"name":"MS-PIM"}"#, None, None, |row| assert!(!row.via_pim));
}

#[test]
fn claims_of_the_wrong_type_are_absent() {
    row_of(r#"{"oid":["O"],"appid":null,"idtyp":{},"upn":"","xms_az_nwperimid":[]}"#, None, None, |row| {
        assert_eq!(row.get(TextColumn::PrincipalId), None);
        assert_eq!(row.token_kind, TokenKind::Unknown);
    });
}

/// Such a record said that its principal came from the token, or from nowhere, although the
/// application id in it is what it is found by.
#[test]
fn an_application_without_an_object_id_goes_by_its_application_id() {
    row_of(r#"{"appid":"A","idtyp":"app"}"#, None, None, |row| {
        assert_eq!(row.get(TextColumn::PrincipalId), None);
        assert_eq!(row.principal_via, PrincipalVia::ClientId);
    });
    // A person's token carries the application it came through; without `idtyp` it may be one.
    for claims in [r#"{"appid":"A","idtyp":"user"}"#, r#"{"appid":"A"}"#, r#"{"idtyp":"app"}"#] {
        row_of(claims, None, None, |row| assert_eq!(row.principal_via, PrincipalVia::None, "{claims}"));
    }
}
