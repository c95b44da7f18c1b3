use crate::event::TextColumn;
use crate::event::vocabulary::{AuthType, Form, Outcome, Phase, PrincipalVia, Status, TokenKind};
use crate::format::LogFormat;
use crate::format::tests::decoded;
use crate::time::UtcMicros;

const FORMAT: LogFormat = LogFormat::ActivityRest;

#[test]
fn a_usual_record_of_a_person() {
    let record = r#"{"authorization":{"action":"Microsoft.Storage/storageAccounts/write","scope":"/subscriptions/5a/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake"},"caller":"jo@example.com","category":{"value":"Administrative","localizedValue":"Administrative"},"claims":{"aud":"https://management.core.windows.net/","appid":"a","ipaddr":"198.51.100.7","http://schemas.microsoft.com/identity/claims/objectidentifier":"o","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"jo@example.com"},"correlationId":"c","description":"","eventDataId":"e","eventName":{"value":"EndRequest"},"httpRequest":{"clientRequestId":"r","clientIpAddress":"192.0.2.35","method":"PUT"},"id":"/subscriptions/5a/events/e/ticks/1","level":"Informational","operationId":"d","operationName":{"value":"Microsoft.Storage/storageAccounts/write","localizedValue":"Speicherkonto anlegen"},"properties":{"requestbody":"{\"properties\":{\"allowSharedKeyAccess\":true}}","hierarchy":"70ebe3a3-5b30-435d-9d67-7716d74ca190/5a"},"resourceId":"/subscriptions/5a/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake","status":{"value":"Accepted"},"subStatus":{"value":"Accepted","localizedValue":"Accepted (HTTP Status Code: 202)"},"eventTimestamp":"2026-05-04T10:00:00.5Z","submissionTimestamp":"2026-05-04T10:01:59Z"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.time, Some(UtcMicros(1_777_888_800_500_000)));
        assert_eq!(row.form, Form::Rest);
        assert_eq!((row.status, row.phase, row.outcome), (Status::Accept, Phase::Accept, Outcome::Unknown));
        assert_eq!(row.token_kind, TokenKind::User);
        assert_eq!(row.get(TextColumn::Category), Some("Administrative"));
        assert_eq!(row.get(TextColumn::ResultCode), Some("Accepted"));
        assert_eq!(row.get(TextColumn::OperationId), Some("d"));
        assert_eq!(row.get(TextColumn::PrincipalName), Some("jo@example.com"));
        assert_eq!(row.get(TextColumn::SrcIp), Some("192.0.2.35"));
        assert_eq!(row.get(TextColumn::TenantId), Some("70ebe3a3-5b30-435d-9d67-7716d74ca190"));
    });
}

/// A managed identity has neither `httpRequest` nor `ipaddr` in this form.
#[test]
fn a_managed_identity_has_no_address() {
    let record = r#"{"caller":"b0000000-0000-4000-8000-000000000001","claims":{"appid":"a","appidacr":"2","idtyp":"app","xms_mirid":"/subscriptions/5a/resourcegroups/rg/providers/Microsoft.ContainerService/managedClusters/k"},"correlationId":"c","eventName":{"value":"BeginRequest"},"operationName":{"value":"Microsoft.Network/routeTables/routes/write"},"properties":null,"resourceId":"/subscriptions/5a","status":{"value":null},"subStatus":{"value":null},"eventTimestamp":"2026-05-04T10:00:00Z"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.get(TextColumn::SrcIp), None);
        assert_eq!(row.get(TextColumn::PrincipalId), Some("b0000000-0000-4000-8000-000000000001"));
        assert_eq!(row.get(TextColumn::PrincipalName), None);
        assert_eq!(row.principal_via, PrincipalVia::Caller);
        assert_eq!(row.auth_type, AuthType::Msi);
        assert_eq!((row.status, row.phase), (Status::Other, Phase::Start));
        assert_eq!(row.get(TextColumn::ResultCode), None);
    });
}

/// The SDK writes its own keys in snake case and leaves those of claims and properties.
#[test]
fn an_odd_record_in_snake_case() {
    let record = r#"{"authorization":{"action":"x","scope":"/subscriptions/5a"},"caller":"12345678-9abc-defg-hijk-lmnopqrstuvw","claims":{"appid":"a","appidacr":"1","idtyp":"app","http://schemas.microsoft.com/identity/claims/objectidentifier":"12345678-9abc-defg-hijk-lmnopqrstuvw"},"category":{"value":"Administrative"},"correlation_id":"c","event_name":{"value":"BeginRequest"},"http_request":{"client_request_id":"r","client_ip_address":"192.0.2.4","method":"DELETE"},"operation_id":"d","operation_name":{"value":"Microsoft.Authorization/roleAssignments/write","localized_value":"x"},"properties":{"requestbody":"{\"principalId\":\"p\",\"roleDefinitionId\":\"/r/q\"}"},"resource_id":"/subscriptions/5a/providers/Microsoft.Authorization/roleAssignments/r","status":{"value":"Started"},"sub_status":{"value":""},"event_timestamp":"2022-02-09T03:04:54.297853Z","tenant_id":"t"}"#;
    decoded(FORMAT, record, |row| {
        let row = row.unwrap();
        assert_eq!(row.form, Form::Sdk);
        assert_eq!((row.status, row.phase), (Status::Start, Phase::Start));
        assert_eq!(row.auth_type, AuthType::Secret);
        assert!(row.secret_bearing);
        assert_eq!(row.get(TextColumn::PrincipalName), None);
        assert_eq!(row.get(TextColumn::SrcIp), Some("192.0.2.4"));
        assert_eq!(row.get(TextColumn::TenantId), Some("t"));
        assert_eq!(row.get(TextColumn::OperationId), Some("d"));
        assert_eq!(row.get(TextColumn::AssigneeId), Some("p"));
        assert_eq!(row.get(TextColumn::RoleId), Some("q"));
    });
}
