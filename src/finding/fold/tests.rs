use serde_json::{Value, json};

use super::*;
use crate::rule::front_matter::tests::rule;
use crate::rule::params::Params;
use crate::rule::run::run;
use crate::sql::fixture;

/// A rule that groups by principal and target and shows `object_path`.
fn fold(rule: &Rule, batches: &[RecordBatch]) -> Vec<Finding> {
    let (identities, mut exceptions) = (Identities::default(), Exceptions::default());
    let mut folder = Folder::new(rule, &identities, &mut exceptions);
    for batch in batches {
        folder.push(batch).unwrap();
    }
    folder.finish()
}

fn fold_rows(rows: &[Value]) -> Vec<Finding> {
    fold(&rule(), &[fixture::events(rows)])
}

/// The sample rule with another query and no parameters, run over these events.
async fn fold_query(query: &str, rows: &[Value]) -> Result<Vec<Finding>, RunError> {
    let rule = Rule { sql: query.to_owned(), ..rule() };
    let ctx = fixture::session(rows, Vec::new()).await;
    let (identities, mut exceptions) = (Identities::default(), Exceptions::default());
    let mut folder = Folder::new(&rule, &identities, &mut exceptions);
    for batch in run(&ctx, &rule, &Params::new()).await? {
        folder.push(&batch)?;
    }
    Ok(folder.finish())
}

#[test]
fn events_of_one_principal_and_target_are_one_finding() {
    let findings = fold_rows(&[
        json!({"event_uid": "b", "principal_id": "p", "target_id": "/t", "time": "2026-05-04T10:00:02Z", "object_path": "two"}),
        json!({"event_uid": "a", "principal_id": "p", "target_id": "/t", "time": "2026-05-04T10:00:01Z", "object_path": "one",
               "stream": "dbmi", "identity_kind": "uami", "principal_name": "n", "workspace_rid": "/w", "target_name": "t",
               "object": "x.json", "offset": 5, "length": 6, "operation": "getblob"}),
        json!({"event_uid": "c", "principal_id": "p", "target_id": "/other"}),
    ]);

    assert_eq!(findings.len(), 2);
    let finding = findings.iter().find(|finding| finding.target_id.as_deref() == Some("/t")).unwrap();
    assert_eq!((finding.rule_id.as_str(), finding.title.as_str()), ("sample-rule", "A sample"));
    assert_eq!((finding.events, finding.severity, finding.confidence), (2, Severity::High, 1.0));
    assert_eq!((finding.stream, finding.identity_kind), (Stream::Dbmi, IdentityKind::Uami));
    assert_eq!(finding.principal_id.as_deref(), Some("p"));
    assert_eq!(finding.actor_id.as_deref(), Some("p"));
    assert_eq!(finding.principal_name.as_deref(), Some("n"));
    assert_eq!(finding.workspace_rid.as_deref(), Some("/w"));
    assert_eq!(finding.target_name.as_deref(), Some("t"));
    assert_eq!(finding.last_seen.0 - finding.first_seen.0, 1_000_000);
    assert_eq!(finding.details, BTreeMap::from([("object_path".to_owned(), vec!["one".to_owned(), "two".to_owned()])]));
    assert_eq!(finding.attack, ["T1530", "T1555.006"]);
    let first = &finding.evidence[0];
    assert_eq!((first.event_uid.as_str(), first.object.as_str(), first.operation.as_str()), ("a", "x.json", "getblob"));
    assert_eq!((first.offset, first.length), (5, 6));
    assert_eq!(finding.evidence[1].event_uid, "b");
}

#[test]
fn null_is_a_group_of_its_own_and_equal_to_itself() {
    let findings = fold_rows(&[
        json!({"event_uid": "a", "principal_id": "p"}),
        json!({"event_uid": "b", "principal_id": "p"}),
        json!({"event_uid": "c", "principal_id": "p", "target_id": ""}),
    ]);

    let mut events: Vec<_> = findings.iter().map(|finding| (finding.target_id.as_deref(), finding.events)).collect();
    events.sort_unstable();
    assert_eq!(events, [(None, 2), (Some(""), 1)]);
    assert_ne!(findings[0].fingerprint, findings[1].fingerprint);
}

#[test]
fn the_twenty_earliest_events_and_the_ten_first_details_are_shown() {
    let row = |n: usize| json!({"event_uid": format!("{n:02}"), "time": format!("2026-05-04T10:00:{:02}Z", 59 - n), "object_path": format!("{n:02}")});
    let rows: Vec<Value> = (0..30).map(row).collect();

    let findings = fold_rows(&rows);

    let uids: Vec<&str> = findings[0].evidence.iter().map(|row| row.event_uid.as_str()).collect();
    let expected: Vec<String> = (10..30).rev().map(|n| format!("{n:02}")).collect();
    assert_eq!(findings[0].events, 30);
    assert_eq!(uids, expected);
    assert_eq!(findings[0].details["object_path"], ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09"]);
}

/// The finding of events that show these values, in batches of so many rows.
fn shown(values: &[usize], rows_per_batch: usize) -> Finding {
    let row =
        |(n, value): (usize, &usize)| json!({"event_uid": format!("{n:032x}"), "object_path": format!("{value:02}")});
    let rows: Vec<Value> = values.iter().enumerate().map(row).collect();
    let batches: Vec<RecordBatch> = rows.chunks(rows_per_batch).map(fixture::events).collect();
    fold(&rule(), &batches).remove(0)
}

#[test]
fn values_beyond_the_ten_that_are_shown_are_counted_once_each_in_any_order_and_pieces() {
    let ascending: Vec<usize> = (0..25).collect();
    let descending: Vec<usize> = (0..25).rev().collect();
    // Each value twice, far apart.
    let mixed: Vec<usize> = (0..50).map(|n| n * 7 % 25).collect();
    for values in [ascending, descending, mixed] {
        for rows_per_batch in [1, 4, values.len()] {
            let finding = shown(&values, rows_per_batch);

            assert_eq!(
                finding.details["object_path"],
                ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09"],
                "{values:?}"
            );
            assert_eq!(finding.details_left_out, BTreeMap::from([("object_path".to_owned(), 15)]), "{values:?}");
        }
    }
}

#[test]
fn ten_values_leave_none_out_and_the_finding_says_nothing_of_it() {
    let ten: Vec<usize> = (0..10).rev().chain(0..10).collect();

    let finding = shown(&ten, 3);

    assert_eq!(finding.details["object_path"].len(), 10);
    assert_eq!(serde_json::to_value(&finding).unwrap().get("details_left_out"), None);
}

#[test]
fn values_left_out_are_counted_up_to_a_bound_in_any_order() {
    for (values, left_out) in [(10_009_u32, 9_999), (10_010, 10_000), (10_500, 10_000)] {
        let (mut ascending, mut descending) = (Details::default(), Details::default());
        for n in 0..values {
            ascending.add(&format!("{n:05}"));
            descending.add(&format!("{:05}", values - 1 - n));
        }

        assert_eq!([ascending.count_left_out(), descending.count_left_out()], [left_out; 2], "{values}");
        assert_eq!(ascending.kept, descending.kept);
    }
}

#[test]
fn the_order_of_rows_and_batches_changes_nothing() {
    let rows: Vec<Value> = (0..40)
        .map(|n| {
            json!({"event_uid": format!("{n:032x}"), "principal_id": format!("p{}", n % 3), "confidence": 0.5 + f64::from(n % 5) / 10.0,
                   "time": format!("2026-05-04T10:00:{:02}Z", n * 7 % 11), "object_path": format!("{}", n * 13 % 17)})
        })
        .collect();
    let reversed: Vec<Value> = rows.iter().rev().cloned().collect();

    let whole = fold_rows(&rows);
    let parts = fold(&rule(), &reversed.chunks(7).map(fixture::events).collect::<Vec<_>>());

    assert_eq!(whole, parts);
}

#[test]
fn an_unsure_identity_makes_its_evidence_one_step_milder() {
    let unsure = json!({"event_uid": "a", "confidence": 0.69});
    let sure = json!({"event_uid": "b", "confidence": 0.7});

    let alone = fold_rows(std::slice::from_ref(&unsure));
    let together = fold_rows(&[unsure, sure]);

    assert_eq!(alone[0].severity, Severity::Medium);
    assert_eq!(together[0].severity, Severity::High);
    assert!((together[0].confidence - 0.69).abs() < 1e-6);
}

#[tokio::test]
async fn the_worst_severity_that_the_query_gives_stands() {
    let query = "SELECT *, CASE WHEN outcome = 'success' THEN NULL WHEN outcome = 'denied' THEN 'critical' ELSE 'low' END \
                 AS severity FROM events";
    let rows = |outcomes: &[&str]| -> Vec<Value> {
        outcomes
            .iter()
            .enumerate()
            .map(|(n, outcome)| json!({"event_uid": n.to_string(), "outcome": outcome}))
            .collect()
    };

    let low = fold_query(query, &rows(&["failure"])).await.unwrap();
    let high = fold_query(query, &rows(&["failure", "success"])).await.unwrap();
    let critical = fold_query(query, &rows(&["failure", "success", "denied"])).await.unwrap();

    assert_eq!(
        [low[0].severity, high[0].severity, critical[0].severity],
        [Severity::Low, Severity::High, Severity::Critical]
    );
}

#[tokio::test]
async fn an_event_that_the_query_returns_twice_counts_once() {
    let query =
        "SELECT e.* EXCLUDE (object_path), x.n AS object_path FROM events e CROSS JOIN (VALUES ('a'), ('b')) AS x(n)";

    let findings = fold_query(query, &[json!({})]).await.unwrap();

    assert_eq!((findings[0].events, findings[0].evidence.len()), (1, 1));
    assert_eq!(findings[0].details["object_path"], ["a", "b"]);
}

#[tokio::test]
async fn a_query_that_returns_no_evidence_is_the_rules_fault() {
    for (query, expected) in [
        ("SELECT * EXCLUDE (event_uid), CAST(NULL AS VARCHAR) AS event_uid FROM events", "a row without event_uid"),
        (
            "SELECT 'made-up' AS event_uid, time, principal_id, target_id, operation, object_path FROM events",
            "'made-up' as event_uid, which is no event's",
        ),
        ("SELECT *, 'severe' AS severity FROM events", "the severity 'severe', which is none of informational, low"),
        ("SELECT * EXCLUDE (time), CAST(NULL AS TIMESTAMP) AS time FROM events", "without time"),
    ] {
        let error = fold_query(query, &[json!({})]).await.unwrap_err();

        assert!(matches!(error, RunError::Rule { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn numbers_lists_and_booleans_are_shown_as_text() {
    let query = "SELECT * EXCLUDE (object_path), make_array(1, 2) AS object_path FROM events";

    let findings = fold_query(query, &[json!({})]).await.unwrap();

    assert_eq!(findings[0].details["object_path"], ["[1, 2]"]);
}

#[test]
fn a_finding_about_the_assignee_is_told_from_the_identities_table() {
    let mut rule = rule();
    rule.head.subject = Subject::Assignee;
    rule.head.group_by = vec!["assignee_id".to_owned()];
    let identity = Identity {
        stream: Stream::Adac,
        kind: IdentityKind::AdacSystem,
        confidence: 0.9,
        name: Some("connector".to_owned()),
        workspace_rid: Some("/w".to_owned()),
    };
    let identities = Identities(HashMap::from([("assignee".to_owned(), identity)]));
    let mut exceptions = Exceptions::default();
    let rows = [
        json!({"event_uid": "a", "principal_id": "admin", "assignee_id": "assignee", "stream": "other", "confidence": 0.1}),
        json!({"event_uid": "b", "principal_id": "admin", "assignee_id": "stranger"}),
    ];

    let mut folder = Folder::new(&rule, &identities, &mut exceptions);
    folder.push(&fixture::events(&rows)).unwrap();
    let findings = folder.finish();

    let [known, stranger] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(known.principal_id.as_deref(), Some("assignee"));
    assert_eq!(known.actor_id.as_deref(), Some("admin"));
    assert_eq!((known.stream, known.identity_kind, known.confidence), (Stream::Adac, IdentityKind::AdacSystem, 0.9));
    assert_eq!((known.principal_name.as_deref(), known.workspace_rid.as_deref()), (Some("connector"), Some("/w")));
    assert_eq!(known.severity, Severity::High);
    assert_eq!((stranger.stream, stranger.severity), (Stream::Other, Severity::Medium));
}

#[test]
fn identities_are_read_from_their_side_table() {
    let text =
        |value: &str| -> arrow::array::ArrayRef { std::sync::Arc::new(arrow::array::StringArray::from(vec![value])) };
    let columns = vec![
        text("p"),
        text("app"),
        text("name"),
        text("dbmi"),
        text("uami"),
        std::sync::Arc::new(arrow::array::Float32Array::from(vec![0.97])),
        text("P8"),
        text("/arm"),
        text("/w"),
        text("x"),
    ];
    let table = crate::sql::tables::side_table("identities", columns).unwrap();

    let identities = Identities::read(&[table]).unwrap();

    let expected = Identity {
        stream: Stream::Dbmi,
        kind: IdentityKind::Uami,
        confidence: 0.97,
        name: Some("name".to_owned()),
        workspace_rid: Some("/w".to_owned()),
    };
    assert_eq!(identities.get("p"), Some(&expected));
    assert_eq!(identities.get("q"), None);
}

#[test]
fn the_worst_findings_come_first() {
    let row = |uid: &str, target: &str, second: u8, confidence: f64| json!({"event_uid": uid, "target_id": target, "confidence": confidence, "time": format!("2026-05-04T10:00:0{second}Z")});

    let findings = fold_rows(&[row("a", "/mild", 1, 0.1), row("b", "/late", 3, 1.0), row("c", "/early", 2, 1.0)]);

    let targets: Vec<_> = findings.iter().map(|finding| finding.target_id.as_deref().unwrap()).collect();
    assert_eq!(targets, ["/early", "/late", "/mild"]);
}

/// One event for each of these targets, in this order.
fn events_on(targets: &[u32]) -> Vec<Value> {
    let row = |target: &u32| json!({"event_uid": format!("e{target}"), "principal_id": "p", "target_id": format!("/t{target:03}")});
    targets.iter().map(row).collect()
}

/// The targets of the findings within a limit, and what is left out.
fn fold_within(findings: usize, rows: &[Value]) -> (Vec<String>, Option<(u64, bool, Severity)>) {
    let rule = rule();
    let (identities, mut exceptions) = (Identities::default(), Exceptions::default());
    let limits = Limits { findings, ..Limits::default() };
    let mut folder = Folder::new(&rule, &identities, &mut exceptions).within(&limits);
    // One row a batch: where a batch ends must not matter.
    for row in rows {
        folder.push(&fixture::events(std::slice::from_ref(row))).unwrap();
    }
    let left_out = folder.left_out().map(|left_out| (left_out.count().0, left_out.count().1, left_out.severity()));
    let mut targets: Vec<String> = folder.finish().into_iter().filter_map(|finding| finding.target_id).collect();
    targets.sort();
    (targets, left_out)
}

#[test]
fn findings_beyond_the_limit_are_counted_once_each_and_the_same_ones_stay_in_any_order() {
    let five = [3, 1, 4, 2, 5];

    assert_eq!(fold_within(5, &events_on(&five)).1, None);
    let (kept, left_out) = fold_within(4, &events_on(&five));
    assert_eq!((kept.len(), left_out), (4, Some((1, false, Severity::High))));
    // Twice each, and the other way round.
    let many = [5, 2, 4, 1, 3, 3, 1, 4, 2, 5];
    assert_eq!(fold_within(4, &events_on(&many)), (kept, left_out));
    assert_eq!(fold_within(1, &events_on(&many)).1, Some((4, false, Severity::High)));
}

#[test]
fn a_finding_within_the_limit_has_all_its_events_whenever_they_come() {
    let rule = rule();
    let (identities, mut exceptions) = (Identities::default(), Exceptions::default());
    let limits = Limits { findings: 2, ..Limits::default() };
    let mut folder = Folder::new(&rule, &identities, &mut exceptions).within(&limits);
    let row = |n: u32| json!({"event_uid": format!("u{n}"), "principal_id": "p", "target_id": format!("/t{}", n % 3)});
    let rows: Vec<Value> = (0..30).map(row).collect();
    folder.push(&fixture::events(&rows)).unwrap();

    let findings = folder.finish();

    assert_eq!(findings.iter().map(|finding| finding.events).collect::<Vec<_>>(), [10, 10]);
}

#[test]
fn the_worst_of_what_is_left_out_is_known() {
    let mut rows = events_on(&[1]);
    // The rule rates it as high; of an identity that is not sure, it counts as medium.
    rows.push(json!({"event_uid": "x", "principal_id": "p", "target_id": "/t900", "confidence": 0.5}));
    rows.push(json!({"event_uid": "y", "principal_id": "p", "target_id": "/t901", "confidence": 0.5}));

    assert_eq!(fold_within(1, &rows).1.map(|(count, _, severity)| (count, severity)), Some((2, Severity::Medium)));
}

#[test]
fn evidence_is_cut_at_its_limit_and_events_count_all() {
    let rule = rule();
    let row = |n: u32| json!({"event_uid": format!("u{n}"), "principal_id": "p", "target_id": "/t", "time": format!("2026-05-04T10:00:0{n}Z")});
    for (limit, shown) in [(3, 3), (4, 4), (5, 4)] {
        let (identities, mut exceptions) = (Identities::default(), Exceptions::default());
        let limits = Limits { evidence: limit, ..Limits::default() };
        let mut folder = Folder::new(&rule, &identities, &mut exceptions).within(&limits);
        folder.push(&fixture::events(&[row(4), row(2), row(1), row(3)])).unwrap();

        let finding = folder.finish().remove(0);

        let uids: Vec<&str> = finding.evidence.iter().map(|row| row.event_uid.as_str()).collect();
        assert_eq!((finding.events, uids.as_slice()), (4, &["u1", "u2", "u3", "u4"][..shown]), "{limit}");
    }
}
