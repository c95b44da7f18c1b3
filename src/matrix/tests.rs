use arrow::record_batch::RecordBatch;
use serde_json::{Value, json};

use super::*;
use crate::report::{IdentityRow, Style};
use crate::sql::fixture;

const WORKSPACE: &str = "/subscriptions/s/resourcegroups/rg/providers/microsoft.databricks/workspaces/ws";
const ACCOUNT: &str = "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/lake";
const BLOB_READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";

fn identity(id: &str, stream: Stream, kind: IdentityKind) -> IdentityRow {
    IdentityRow {
        principal_id: Some(id.to_owned()),
        app_id: None,
        name: Some(format!("name of {id}")),
        stream,
        identity_kind: kind,
        confidence: 1.0,
        classified_by: String::new(),
        arm_id: None,
        workspace_rid: Some(WORKSPACE.to_owned()),
        first_seen: None,
        last_seen: None,
        events: 0,
        op_classes: std::collections::BTreeMap::new(),
    }
}

/// A workspace identity `d` and a connector's `a`, with these events.
async fn matrix(events: &[Value]) -> Matrix {
    let identities =
        [identity("d", Stream::Dbmi, IdentityKind::Uami), identity("a", Stream::Adac, IdentityKind::AdacSystem)];
    let ctx = fixture::session(events, Vec::new()).await;
    build(&ctx, &identities).await.unwrap()
}

/// A read of a blob by the connector.
fn blob_read(time: &str) -> Value {
    json!({
        "time": time, "event_uid": time, "source": "storage", "stream": "adac", "identity_kind": "adac_system",
        "principal_id": "a", "op_class": "blob_read", "operation": "getblob", "plane": "data",
        "audience_kind": "storage", "target_id": ACCOUNT, "container": "raw", "subscription_id": "s",
        "resource_group": "rg", "activity": "read",
    })
}

/// A role given to the connector, as the log or the inventory says it.
fn grant(source: &str, time: &str) -> Value {
    json!({
        "time": time, "event_uid": format!("{source} {time}"), "source": source, "op_class": "role_assign",
        "assignee_id": "a", "assignee_stream": "adac", "role_id": BLOB_READER, "role_class": "data_read",
        "scope": ACCOUNT, "role_assignment_id": "x", "subscription_id": "s",
    })
}

fn state(side: &Side, duty: Duty) -> State {
    side.duties.iter().find(|cell| cell.duty == duty).unwrap().state
}

#[tokio::test]
async fn an_identity_that_did_nothing_of_its_job_is_idle_where_a_log_was_read() {
    let read = matrix(&[blob_read("2026-05-04T10:00:00Z")]).await;
    let mut activity = grant("activity", "2026-05-04T10:00:00Z");
    activity["assignee_stream"] = json!("other");
    let idle = matrix(&[blob_read("2026-05-04T10:00:00Z"), activity]).await;

    // No log of the workspace's duties was read, then the Activity Log was.
    assert!(read.workspaces[0].dbmi.disagreements.is_empty());
    assert_eq!(state(&read.workspaces[0].dbmi, Duty::Compute), State::NotKnown);
    let wrong = &idle.workspaces[0].dbmi.disagreements;
    assert_eq!(wrong.len(), 1);
    assert_eq!((wrong[0].kind, wrong[0].read.as_slice()), (DisagreementKind::Idle, &[LogSource::Activity][..]));
    assert_eq!(state(&idle.workspaces[0].dbmi, Duty::Compute), State::Nothing);
    assert!(idle.workspaces[0].adac.disagreements.is_empty());
}

#[tokio::test]
async fn the_activity_log_of_another_subscription_says_nothing() {
    let mut activity = grant("activity", "2026-05-04T10:00:00Z");
    activity["subscription_id"] = json!("t");

    let matrix = matrix(&[activity]).await;

    assert_eq!(state(&matrix.workspaces[0].dbmi, Duty::Compute), State::NotKnown);
    assert!(matrix.workspaces[0].dbmi.disagreements.is_empty());
}

/// A read of a blob of an account by somebody who is neither.
fn read_by_others(account: &str) -> Value {
    let mut read = blob_read("2026-05-04T10:00:00Z");
    for (column, value) in
        [("stream", "other"), ("identity_kind", "user"), ("principal_id", "u"), ("target_id", account)]
    {
        read[column] = json!(value);
    }
    read
}

/// The same two hours later.
fn later(event: Value) -> Value {
    let mut later = event;
    (later["time"], later["event_uid"]) = (json!("2026-05-04T12:00:00Z"), json!("later"));
    later
}

#[tokio::test]
async fn the_log_of_an_account_that_an_identity_does_not_reach_says_nothing_of_it() {
    const OTHER: &str = "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/lake2";
    let held = grant("inventory", "2026-05-04T13:00:00Z");

    let missed = matrix(&[held.clone(), read_by_others(OTHER)]).await;
    let read = matrix(&[held, read_by_others(OTHER), read_by_others(&format!("{ACCOUNT}/blobservices/default"))]).await;

    let adac = |matrix: &Matrix| matrix.workspaces[0].adac.clone();
    assert_eq!(state(&adac(&missed), Duty::Storage), State::NotKnown);
    assert!(adac(&missed).disagreements.is_empty());
    assert_eq!(state(&adac(&read), Duty::Storage), State::Nothing);
    assert_eq!(adac(&read).disagreements[0].kind, DisagreementKind::Idle);
}

/// What the connector's workspace says of a duty where the log of `lake` was read and this is known.
async fn state_with(duty: Duty, side_table: (&str, RecordBatch)) -> State {
    let ctx = fixture::session(&[read_by_others(ACCOUNT)], vec![side_table]).await;
    let matrix = build(&ctx, &[identity("a", Stream::Adac, IdentityKind::AdacSystem)]).await.unwrap();
    state(&matrix.workspaces[0].adac, duty)
}

#[tokio::test]
async fn what_unity_catalog_lets_an_identity_reach_has_to_be_read_too() {
    for (account, expected) in [("lake", State::Nothing), ("lake2", State::NotKnown), ("lak", State::NotKnown)] {
        let governed = fixture::side_table("governed", &[("account", account), ("principal_id", "a")]);
        assert_eq!(state_with(Duty::Storage, governed).await, expected, "{account}");
    }
}

#[tokio::test]
async fn only_the_log_of_a_workspaces_own_account_says_that_a_connector_left_it_alone() {
    for (account, expected) in [("lake", State::Nothing), ("dbstorage", State::NotKnown)] {
        let workspaces = fixture::side_table("workspaces", &[("rid", WORKSPACE), ("dbfs_account", account)]);
        assert_eq!(state_with(Duty::WorkspaceStorage, workspaces).await, expected, "{account}");
    }
}

#[tokio::test]
async fn writes_alone_do_not_say_that_nothing_was_read() {
    let mut written = read_by_others(ACCOUNT);
    (written["op_class"], written["activity"]) = (json!("blob_write"), json!("write"));

    let held = grant("inventory", "2026-05-04T13:00:00Z");
    let writes = matrix(&[written.clone(), held.clone()]).await;
    let both = matrix(&[written, read_by_others(ACCOUNT), later(read_by_others(ACCOUNT)), held]).await;

    let because = |matrix: &Matrix| matrix.workspaces[0].adac.identities[0].roles[0].proposal.because;
    assert_eq!(state(&writes.workspaces[0].adac, Duty::Storage), State::NotKnown);
    assert_eq!(because(&writes), proposal::Because::LogNotRead);
    assert_eq!(state(&both.workspaces[0].adac, Duty::Storage), State::Nothing);
    assert_eq!(because(&both), proposal::Because::NeverUsed);
}

#[tokio::test]
async fn news_of_the_health_of_resources_is_no_log_of_management() {
    for (category, expected) in [("ResourceHealth", State::NotKnown), ("Administrative", State::Nothing)] {
        let mut activity = grant("activity", "2026-05-04T10:00:00Z");
        (activity["assignee_stream"], activity["category"]) = (json!("other"), json!(category));

        let matrix = matrix(&[activity]).await;

        assert_eq!(state(&matrix.workspaces[0].dbmi, Duty::Compute), expected, "{category}");
    }
}

#[tokio::test]
async fn nothing_is_denied_of_identities_that_are_not_known() {
    let mut activity = grant("activity", "2026-05-04T10:00:00Z");
    activity["assignee_stream"] = json!("other");
    let mut query = read_by_others("/subscriptions/s/resourcegroups/rg/providers/microsoft.sql/servers/x");
    (query["source"], query["op_class"]) = (json!("sql"), json!("sql_query"));
    let events = [activity, query];
    let states = async |dbmi: IdentityKind, app_id: Option<&str>| {
        let connector = identity("a", Stream::Adac, IdentityKind::AdacSystem);
        let connector = IdentityRow { app_id: app_id.map(str::to_owned), ..connector };
        let ctx = fixture::session(&events, Vec::new()).await;
        let matrix = build(&ctx, &[identity("d", Stream::Dbmi, dbmi), connector]).await.unwrap();
        [state(&matrix.workspaces[0].dbmi, Duty::Compute), state(&matrix.workspaces[0].adac, Duty::Sql)]
    };

    assert_eq!(states(IdentityKind::Uami, Some("app")).await, [State::Nothing; 2]);
    // The identity of its storage does not provision machines, and SQL names clients.
    assert_eq!(states(IdentityKind::StorageCmk, None).await, [State::NotKnown; 2]);
}

#[tokio::test]
async fn a_wide_role_is_not_judged_where_an_account_that_it_is_for_was_not_read() {
    let mut wide = grant("inventory", "2026-05-04T13:00:00Z");
    wide["scope"] = json!("/subscriptions/s/resourcegroups/rg");
    for (account, expected) in [("lake", proposal::Because::NeverUsed), ("lake2", proposal::Because::LogNotRead)] {
        let governed = fixture::side_table("governed", &[("account", account), ("principal_id", "a")]);
        let events = [wide.clone(), read_by_others(ACCOUNT), later(read_by_others(ACCOUNT))];
        let ctx = fixture::session(&events, vec![governed]).await;
        let matrix = build(&ctx, &[identity("a", Stream::Adac, IdentityKind::AdacSystem)]).await.unwrap();
        let because = matrix.workspaces[0].adac.identities[0].roles[0].proposal.because;
        assert_eq!(because, expected, "{account}");
    }
}

#[tokio::test]
async fn what_an_inventory_states_nobody_did() {
    let stated = json!({
        "source": "inventory", "stream": "adac", "identity_kind": "adac_system", "principal_id": "a",
        "op_class": "role_assign", "subscription_id": "s",
    });

    let matrix = matrix(&[stated]).await;

    assert!(matrix.sources.iter().all(|source| !source.is_read));
    assert!(matrix.workspaces[0].adac.identities[0].duties.is_empty());
    assert!(matrix.workspaces[0].adac.identities[0].roles.is_empty());
}

#[tokio::test]
async fn a_role_of_the_inventory_is_held_and_judged_over_the_whole_log() {
    let matrix = matrix(&[
        blob_read("2026-05-04T10:00:00Z"),
        blob_read("2026-05-04T12:00:00Z"),
        grant("inventory", "2026-05-04T13:00:00Z"),
    ])
    .await;

    let roles = &matrix.workspaces[0].adac.identities[0].roles;
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].held.known_from.iter().collect::<Vec<_>>(), [&roles::KnownFrom::Inventory]);
    assert_eq!(roles[0].proposal.used.events, 2);
    assert_eq!(roles[0].proposal.judged_from.unwrap().to_string(), "2026-05-04T10:00:00Z");
    // All reads were of one container.
    assert_eq!(roles[0].proposal.action, proposal::Action::Narrow);
    let scope = roles[0].proposal.instead[0].scope.as_deref().unwrap();
    assert!(scope.ends_with("/blobservices/default/containers/raw"), "{scope}");
}

#[tokio::test]
async fn an_event_counts_once_however_often_a_role_was_given() {
    let matrix = matrix(&[
        grant("activity", "2026-05-04T09:00:00Z"),
        grant("inventory", "2026-05-04T13:00:00Z"),
        blob_read("2026-05-04T08:00:00Z"),
        blob_read("2026-05-04T10:00:00Z"),
    ])
    .await;

    let roles = &matrix.workspaces[0].adac.identities[0].roles;
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].proposal.used.events, 1);
    assert_eq!(roles[0].held.granted.as_ref().unwrap().event_uid, "activity 2026-05-04T09:00:00Z");
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_not_held_unless_it_came_back() {
    let mut revoked = grant("activity", "2026-05-04T11:00:00Z");
    revoked["op_class"] = json!("role_revoke");
    let given = grant("activity", "2026-05-04T09:00:00Z");

    let gone = matrix(&[given.clone(), revoked.clone()]).await;
    let back = matrix(&[given, revoked, grant("activity", "2026-05-04T12:00:00Z")]).await;

    assert!(gone.workspaces[0].adac.identities[0].roles.is_empty());
    let roles = &back.workspaces[0].adac.identities[0].roles;
    assert_eq!(roles[0].held.granted.as_ref().unwrap().event_uid, "activity 2026-05-04T12:00:00Z");
}

#[tokio::test]
async fn a_role_that_let_its_holder_in_is_held() {
    let mut read = blob_read("2026-05-04T10:00:00Z");
    read["role_id"] = json!(BLOB_READER);
    read["role_assignment_id"] = json!("y");

    let matrix = matrix(&[read]).await;

    let roles = &matrix.workspaces[0].adac.identities[0].roles;
    assert_eq!(roles.len(), 1);
    assert_eq!((roles[0].held.at.scope.as_deref(), roles[0].proposal.used.events), (None, 1));
    assert_eq!(roles[0].proposal.because, proposal::Because::Used);
}

#[tokio::test]
async fn without_events_and_identities_there_is_nothing_to_tell() {
    let ctx = fixture::session(&[], Vec::new()).await;

    let matrix = build(&ctx, &[]).await.unwrap();

    assert!(matrix.workspaces.is_empty());
    let mut out = Vec::new();
    table::write(&matrix, &mut out, Style::default()).unwrap();
    assert!(out.starts_with(b"no workspace and no identity of one is known\n"));
}

#[test]
fn a_code_span_holds_whatever_it_is_given() {
    for (text, span) in [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`x``", "``` `x`` ```"),
        ("", "`  `"),
        ("[x](javascript:y) <img> | *", "`[x](javascript:y) <img> | *`"),
        ("a\nb\u{1b}[2J\u{202e}", "`a\\u{a}b\\u{1b}[2J\\u{202e}`"),
    ] {
        assert_eq!(crate::report::escape::markdown_code(text), span);
    }
}

/// Names, ids and scopes are text that whoever is investigated can choose.
#[tokio::test]
async fn hostile_text_reaches_neither_terminal_nor_markdown() {
    let hostile = "\u{1b}[2J`</td>\n# x <script> | [a](http://b)\u{202e}";
    let mut holder = identity("a", Stream::Adac, IdentityKind::AdacSystem);
    holder.name = Some(hostile.to_owned());
    holder.workspace_rid = Some(format!("/subscriptions/s/{hostile}"));
    let mut given = grant("activity", "2026-05-04T09:00:00Z");
    (given["scope"], given["role_id"]) = (json!(hostile), json!(hostile));
    let mut done = blob_read("2026-05-04T10:00:00Z");
    (done["op_class"], done["source"], done["operation"]) = (json!("key_listing"), json!("activity"), json!(hostile));
    let ctx = fixture::session(&[given, done], Vec::new()).await;
    let matrix = build(&ctx, &[holder]).await.unwrap();

    let (mut terminal, mut document) = (Vec::new(), Vec::new());
    table::write(&matrix, &mut terminal, Style { width: 5000, ..Style::default() }).unwrap();
    markdown::write(&matrix, &mut document).unwrap();

    for text in [String::from_utf8(terminal).unwrap(), String::from_utf8(document.clone()).unwrap()] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
        assert!(!text.contains("\n# x"));
        assert!(text.contains("\\u{1b}[2J"));
    }
    // Outside of code spans nothing of it is left; a fence of two holds its backtick.
    let document = String::from_utf8(document).unwrap();
    let outside: String = document.split("``").step_by(2).collect();
    assert!(!outside.contains("script") && !outside.contains("http") && !outside.contains("</td>"), "{outside}");
}
