use serde_json::json;

use super::*;
use crate::rule::front_matter::tests::rule;
use crate::sql::fixture;

const UID: &str = "0000000000000000000000000000000a";

/// Explains one storage event by a rule with this query.
async fn explained(sql: &str) -> Explanation {
    let event = json!({
        "event_uid": UID, "stream": "dbmi", "source": "storage", "operation": "getblob", "op_class": "blob_read",
        "outcome": "success", "principal_id": "p", "object": "a.json", "offset": 12,
    });
    let other =
        json!({ "stream": "adac", "source": "activity", "principal_id": "q", "object": "a.json", "offset": 90 });
    let ctx = fixture::session(&[event, other], vec![]).await;
    let mut rule = rule();
    rule.sql = sql.to_owned();
    rule.head.details.clear();
    rule.head.group_by = vec!["principal_id".to_owned()];
    explain(&ctx, &rule, UID).await.unwrap()
}

fn verdicts(branch: &ExplainedBranch) -> Vec<(&str, Verdict)> {
    branch.conditions.iter().map(|condition| (condition.condition.as_str(), condition.verdict)).collect()
}

#[tokio::test]
async fn each_condition_is_asked_by_itself() {
    let sql = "SELECT * FROM dbmi WHERE source = 'storage' AND op_class = 'blob_write' AND target_id = 'x' \
               AND bytes_out >= $min_events";

    let explained = explained(sql).await;

    assert!(!explained.is_found);
    let step = &explained.steps[0];
    assert_eq!((step.name.as_deref(), step.is_there), (None, Some(false)));
    assert_eq!(
        verdicts(&step.branches[0]),
        [
            ("source = 'storage'", Verdict::Held),
            ("op_class = 'blob_write'", Verdict::DidNotHold),
            ("target_id = 'x'", Verdict::Null),
            ("bytes_out >= $min_events", Verdict::Null),
        ]
    );
    let values = &step.branches[0].conditions[1].values;
    assert_eq!(
        (values[0].name.as_str(), values[0].values.as_slice()),
        ("op_class", &[Some("blob_read".to_owned())][..])
    );
    let values = &step.branches[0].conditions[3].values;
    assert_eq!((values[1].name.as_str(), values[1].values.as_slice()), ("$min_events", &[Some("2".to_owned())][..]));
}

#[tokio::test]
async fn the_step_where_an_event_is_lost_shows() {
    let sql = "WITH roots AS (SELECT rid FROM workspaces WHERE name = 'x'), \
               reads AS (SELECT * FROM dbmi WHERE op_class = 'blob_read'), \
               late AS (SELECT r.* FROM reads AS r JOIN workspaces AS w ON r.workspace_rid = w.rid \
               WHERE r.outcome = 'success' AND w.name = 'ws') \
               SELECT * FROM late WHERE principal_id IS NOT NULL";

    let explained = explained(sql).await;

    let there: Vec<_> = explained.steps.iter().map(|step| (step.name.as_deref(), step.is_there)).collect();
    assert_eq!(
        there,
        [(Some("roots"), None), (Some("reads"), Some(true)), (Some("late"), Some(false)), (None, Some(false))]
    );
    assert_eq!(
        verdicts(&explained.steps[2].branches[0]),
        [
            ("JOIN workspaces AS w ON r.workspace_rid = w.rid", Verdict::DidNotHold),
            ("r.outcome = 'success'", Verdict::Held),
            ("w.name = 'ws'", Verdict::Null),
        ]
    );
    assert_eq!(explained.steps[3].branches[0].rows, 0);
    assert!(explained.steps[0].branches[0].notes[0].contains("reads no events"));
}

#[tokio::test]
async fn groups_keep_their_conditions_and_say_what_is_about_the_group() {
    let sql = "SELECT min(e.event_uid) AS event_uid, min(e.time) AS time, e.principal_id, \
               min(e.target_id) AS target_id, min(e.operation) AS operation FROM dbmi AS e \
               WHERE e.op_class IN ('blob_read') AND EXISTS (SELECT 1 FROM adac AS a WHERE a.principal_id = 'q') \
               GROUP BY e.principal_id HAVING count(*) >= 2";

    let explained = explained(sql).await;

    assert!(!explained.is_found);
    let branch = &explained.steps[0].branches[0];
    assert_eq!(branch.conditions.iter().map(|condition| condition.verdict).collect::<Vec<_>>(), [Verdict::Held; 2]);
    assert!(branch.notes[0].starts_with("HAVING"), "{:?}", branch.notes);
}

#[tokio::test]
async fn an_event_is_found_by_its_place_and_an_unknown_one_is_refused() {
    let event = json!({ "event_uid": UID, "stream": "dbmi", "object": "a:b.json", "offset": 12 });
    let ctx = fixture::session(&[event], vec![]).await;
    let mut rule = rule();
    rule.sql = "SELECT * FROM dbmi".to_owned();

    let by_place = explain(&ctx, &rule, "a:b.json:12").await.unwrap();
    let unknown = explain(&ctx, &rule, "a:b.json:13").await.unwrap_err();

    assert_eq!((by_place.event_uid.as_str(), by_place.is_found), (UID, true));
    assert!(matches!(unknown, RunError::Usage { .. }), "{unknown}");
}
