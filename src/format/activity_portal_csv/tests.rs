use crate::event::TextColumn;
use crate::event::vocabulary::{AudienceKind, AuthType, Form, Outcome, Phase, PrincipalVia, Status, TokenKind};
use crate::format::tests::{decoded, decoded_csv};
use crate::format::{LogFormat, RejectReason};
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::ActivityPortalCsv;

fn cells<'a>(initiator: &'a str, status: &'a str, resource: &'a str) -> [(&'a str, &'a str); 8] {
    [
        ("Correlation id", "c5cf5ce4-d26f-4910-bc9d-715a40620256"),
        ("Operation name", "Delete Storage Account"),
        ("Status", status),
        ("Event category", "Administrative"),
        ("Time", "2024-05-30T15:08:15.922Z"),
        ("Event initiated by", initiator),
        ("Resource type", "Microsoft.Storage/storageAccounts"),
        ("Resource", resource),
    ]
}

#[test]
fn a_usual_row_of_a_person() {
    let resource = "/subscriptions/5a/resourcegroups/rg/providers/Microsoft.Storage/storageAccounts/lake";
    decoded_csv(FORMAT, &cells("jo@example.com", "Succeeded", resource), |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_717_081_695_922_000)));
        assert_eq!(row.form, Form::PortalCsv);
        assert_eq!((row.status, row.phase, row.outcome), (Status::Success, Phase::Terminal, Outcome::Success));
        assert_eq!(row.get(TextColumn::Operation), Some("Delete Storage Account"));
        assert_eq!(row.get(TextColumn::TargetId), Some(resource));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
        assert_eq!(row.token_kind, TokenKind::User);
        assert_eq!(row.uid_parts, [Some("jo@example.com"), Some("Administrative"), None]);
        // What this form does not say stays unsaid.
        assert_eq!(row.get(TextColumn::SrcIp), None);
        assert_eq!(row.auth_type, AuthType::Unknown);
        assert_eq!(row.audience_kind, AudienceKind::None);
    });
}

#[test]
fn a_sparse_row_has_neither_initiator_nor_status() {
    decoded_csv(FORMAT, &cells("", "", "lake"), |row| {
        let row = row.unwrap();
        assert_eq!((row.status, row.outcome), (Status::Other, Outcome::Unknown));
        assert_eq!(row.get(TextColumn::PrincipalName), None);
        assert_eq!(row.get(TextColumn::TargetId), None);
        assert_eq!(row.get(TextColumn::TargetName), Some("lake"));
        assert_eq!(row.uid_parts, [None, Some("Administrative"), None]);
    });
}

#[test]
fn an_initiator_can_be_an_object_id_or_a_display_name() {
    let id = "b0000000-0000-4000-8000-000000000001";
    decoded_csv(FORMAT, &cells(id, "Started", "/x"), |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::PrincipalId), Some(id));
        assert_eq!(row.principal_via, PrincipalVia::Caller);
        assert_eq!(row.phase, Phase::Start);
    });
    decoded_csv(FORMAT, &cells("AzureContainerService", "Failed", "/x"), |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::PrincipalName), Some("AzureContainerService"));
        assert_eq!(row.token_kind, TokenKind::Unknown);
        assert_eq!(row.principal_via, PrincipalVia::None);
    });
}

/// A course's file has headers without spaces, also made into JSON.
#[test]
fn an_odd_file_without_spaces_in_its_headers() {
    let record = r#"{"Correlationid":"c","Operationname":"List Storage Account Keys","Status":"Accepted","Eventcategory":"Administrative","Level":"Informational","Time":"2024-05-30T15:08:15.922Z","Eventinitiatedby":"jo@example.com","Resourcegroup":"rg","Resource":"/x"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.phase, Phase::Accept);
        assert_eq!(row.get(TextColumn::CorrelationId), Some("c"));
        assert_eq!(row.get(TextColumn::TargetId), Some("/x"));
    });
}

#[test]
fn a_row_without_a_readable_time_is_rejected() {
    let mut cells = cells("x", "Started", "/x");
    cells[4].1 = "yesterday";

    decoded_csv(FORMAT, &cells, |row| assert_eq!(row.err(), Some(RejectReason::NoTime)));
}

/// Such a row was skipped as if it were of another file.
#[test]
fn a_row_of_a_health_event_has_no_correlation_id() {
    let mut cells = cells("", "Updated", "/x");
    cells[0].1 = "";
    cells[1].1 = "Health Event Updated";
    cells[3].1 = "Resource Health";

    decoded_csv(FORMAT, &cells, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::CorrelationId), None);
        assert_eq!(row.get(TextColumn::Category), Some("Resource Health"));
        assert_eq!((row.status, row.outcome), (Status::Other, Outcome::Unknown));
        assert_eq!(row.uid_parts, [None, Some("Resource Health"), None]);
    });
}

#[test]
fn a_row_without_an_operation_is_rejected() {
    let mut cells = cells("x", "Started", "/x");
    cells[1].1 = "";

    decoded_csv(FORMAT, &cells, |row| assert_eq!(row.err(), Some(RejectReason::NoOperation)));
}
