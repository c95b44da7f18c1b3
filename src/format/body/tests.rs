use super::*;
use crate::event::vocabulary::{Form, LogSource};
use crate::json::Tape;

const ROLE: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const ASSIGNEE: &str = "770797c4-e05a-43f9-bda2-1f1f379987ae";
const LAKE: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake";

/// Applies the bodies of `properties` (JSON) to a row of this operation and target.
fn applied(operation: &str, target: &str, properties: &str, check: impl FnOnce(&Row<'_>)) {
    classified(OpClass::Other, operation, target, properties, check);
}

fn classified(op_class: OpClass, operation: &str, target: &str, properties: &str, check: impl FnOnce(&Row<'_>)) {
    let mut tape = Tape::new();
    tape.parse(properties.as_bytes()).unwrap();
    for key in ["requestbody", "requestBody", "responseBody"] {
        tape.expand(properties, &[key]);
    }
    let scratch = Scratch::default();
    let mut row = Row::new(LogSource::Activity, Form::Archive);
    row.op_class = op_class;
    row.set(TextColumn::Operation, Some(operation));
    row.set(TextColumn::TargetId, Some(target));
    Bodies::of(tape.root(properties).unwrap()).apply(&mut row, None, &scratch);
    check(&row);
}

fn assert_assignment(row: &Row<'_>, scope: &str) {
    assert_eq!(row.get(TextColumn::RoleId), Some(ROLE));
    assert_eq!(row.get(TextColumn::AssigneeId), Some(ASSIGNEE));
    assert_eq!(row.get(TextColumn::Scope), Some(scope));
}

#[test]
fn a_role_assignment_is_read_in_every_spelling_of_its_keys() {
    let definition = format!("/providers/Microsoft.Authorization/roleDefinitions/{ROLE}");
    let bodies = [
        format!(
            r#"{{"Id":"x","Properties":{{"PrincipalId":"{ASSIGNEE}","RoleDefinitionId":"{definition}","Scope":"{LAKE}"}}}}"#
        ),
        format!(
            r#"{{"properties":{{"principalId":"{ASSIGNEE}","roleDefinitionId":"{definition}","scope":"{LAKE}"}}}}"#
        ),
        format!(r#"{{"principalId":"{ASSIGNEE}","roleDefinitionId":"{ROLE}","scope":"{LAKE}"}}"#),
        format!(
            r#"{{"properties":{{"properties":{{"principalId":"{ASSIGNEE}","roleDefinitionId":"{definition}/","scope":"{LAKE}"}}}}}}"#
        ),
    ];
    let target =
        format!("{LAKE}/providers/Microsoft.Authorization/roleAssignments/a1b2c3d4-e5f6-7890-abcd-ef1234567890");
    for body in bodies {
        let text = body.replace('"', "\\\"");
        for properties in [format!(r#"{{"requestbody":{body}}}"#), format!(r#"{{"requestBody":"{text}"}}"#)] {
            applied("MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE", &target, &properties, |row| {
                assert_assignment(row, LAKE);
                assert_eq!(row.get(TextColumn::RoleAssignmentId), Some("a1b2c3d4-e5f6-7890-abcd-ef1234567890"));
                assert_eq!(row.get(TextColumn::RequestBody), Some(body.as_str()));
                assert_eq!(row.body_from, Some(BodyFrom::Request));
            });
        }
    }
}

#[test]
fn the_response_tells_what_the_request_does_not() {
    let properties = format!(
        r#"{{"requestbody":"","responseBody":{{"properties":{{"principalId":"{ASSIGNEE}","roleDefinitionId":"/x/{ROLE}","scope":"/subscriptions/s"}}}}}}"#
    );
    let operation = "Microsoft.Authorization/roleAssignments/delete";
    applied(operation, "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r", &properties, |row| {
        assert_assignment(row, "/subscriptions/s");
        assert_eq!(row.body_from, Some(BodyFrom::Response));
        assert_eq!(row.get(TextColumn::RequestBody), None);
        assert!(row.get(TextColumn::ResponseBody).is_some());
    });
}

#[test]
fn a_body_that_names_another_scope_than_the_target_is_not_believed() {
    for key in ["requestbody", "responseBody"] {
        let properties = format!(
            r#"{{"{key}":{{"properties":{{"principalId":"{ASSIGNEE}","roleDefinitionId":"/x/{ROLE}","scope":"{LAKE}"}}}}}}"#
        );
        let target = "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r";
        applied("Microsoft.Authorization/roleAssignments/write", target, &properties, |row| {
            assert_assignment(row, "/subscriptions/s");
        });
    }
}

#[test]
fn without_an_id_of_the_assignment_the_body_gives_the_scope() {
    let properties = format!(
        r#"{{"requestbody":{{"properties":{{"principalId":"{ASSIGNEE}","roleDefinitionId":"/x/{ROLE}","scope":"{LAKE}"}}}}}}"#
    );
    applied("Microsoft.Authorization/roleAssignments/write", "/subscriptions/s", &properties, |row| {
        assert_assignment(row, LAKE);
    });
}

#[test]
fn without_a_scope_in_the_body_the_target_gives_it() {
    let cases = [
        (
            "/subscriptions/s/resourceGroups/rg/PROVIDERS/MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/r",
            "/subscriptions/s/resourceGroups/rg",
        ),
        ("/providers/Microsoft.Authorization/roleAssignments/r", "/"),
    ];
    for (target, scope) in cases {
        applied("microsoft.authorization/roleassignments/write", target, "{}", |row| {
            assert_eq!(row.get(TextColumn::Scope), Some(scope));
            assert_eq!(row.get(TextColumn::RoleAssignmentId), Some("r"));
            assert_eq!(row.get(TextColumn::RoleId), None);
            assert_eq!(row.body_from, None);
        });
    }
}

#[test]
fn a_cosmos_role_assignment_is_one() {
    let account = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/db";
    let properties = format!(
        r#"{{"requestbody":{{"properties":{{"roleDefinitionId":"{account}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002","principalId":"{ASSIGNEE}"}}}}}}"#
    );
    let operation = "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write";
    applied(operation, &format!("{account}/sqlRoleAssignments/r"), &properties, |row| {
        assert_eq!(row.get(TextColumn::RoleId), Some("00000000-0000-0000-0000-000000000002"));
        assert_eq!(row.get(TextColumn::AssigneeId), Some(ASSIGNEE));
        assert_eq!(row.get(TextColumn::Scope), Some(account));
        assert_eq!(row.get(TextColumn::RoleAssignmentId), Some("r"));
    });
}

#[test]
fn bodies_are_kept_only_where_a_rule_may_look_into_them() {
    let properties = r#"{"requestbody":{ "keyName" : "key1" }}"#;
    classified(OpClass::KeyListing, "x/action", LAKE, properties, |row| {
        assert_eq!(row.get(TextColumn::RequestBody), Some(r#"{"keyName":"key1"}"#));
        assert_eq!(row.body_from, Some(BodyFrom::Request));
    });
    classified(OpClass::ComputeManage, "x/write", LAKE, properties, |row| {
        assert_eq!(row.get(TextColumn::RequestBody), None);
        assert_eq!(row.body_from, None);
    });
}

#[test]
fn whatever_is_written_with_a_user_assigned_identity_keeps_its_body() {
    let with =
        r#"{"requestbody":{"identity":{"type":"UserAssigned","userAssignedIdentities":{"/subscriptions/s/x":{}}}}}"#;
    let without = r#"{"requestbody":{"identity":{"type":"SystemAssigned","userAssignedIdentities":{}}}}"#;
    classified(OpClass::ComputeManage, "x/write", LAKE, with, |row| {
        assert!(row.get(TextColumn::RequestBody).unwrap().contains("/subscriptions/s/x"));
    });
    classified(OpClass::ComputeManage, "x/write", LAKE, without, |row| {
        assert_eq!(row.get(TextColumn::RequestBody), None);
    });
}

#[test]
fn a_body_that_is_no_json_is_kept_as_a_string() {
    let properties = r#"{"requestbody":"{\"properties\":{\"cut"}"#;
    classified(OpClass::StorageManage, "x/write", LAKE, properties, |row| {
        assert_eq!(row.get(TextColumn::RequestBody), Some(r#""{\"properties\":{\"cut""#));
    });
}

#[test]
fn an_end_is_found_in_any_case_and_never_inside_a_character() {
    assert!(ends_with_ignore_case("A/ROLEASSIGNMENTS/WRITE", "/roleassignments/write"));
    assert!(!ends_with_ignore_case("write", "/write"));
    assert!(!ends_with_ignore_case("é", "x"));
}

/// A body that is a number was lost where the record was read by its members: a number at the end of
/// a text may go on.
#[test]
fn a_body_is_the_same_however_its_record_was_read() {
    for body in ["7", "-1.5", "true", "\"\"", "\"x\"", r#""{\"a\":1}""#, "[]", r#"{"a":1}"#] {
        let properties = format!(r#"{{"requestBody":{body}}}"#);
        classified(OpClass::StorageManage, "microsoft.storage/x/write", LAKE, &properties, |expected| {
            let (scratch, mut tapes) = (Scratch::default(), BodyTapes::default());
            let mut row = Row::new(LogSource::Activity, Form::Archive);
            row.op_class = OpClass::StorageManage;
            Bodies::of_json(&row, Some(body), None, &mut tapes).apply(&mut row, None, &scratch);

            assert_eq!(row.get(TextColumn::RequestBody), expected.get(TextColumn::RequestBody), "{body}");
        });
    }
}
