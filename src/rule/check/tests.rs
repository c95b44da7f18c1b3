use super::*;
use crate::rule::front_matter::parse;
use crate::rule::front_matter::tests::{FILE, NAME, changed, rule};

/// The query of the sample rule; it begins at line 31 of the file.
const QUERY: &str = "SELECT * FROM dbmi\nWHERE source = 'storage' AND bytes_out >= $min_events -- a comment\n";

async fn problems(rule: &Rule) -> Vec<String> {
    let ctx = tables::empty_session().await.unwrap();
    check(&ctx, rule).await.iter().map(ToString::to_string).collect()
}

/// The problems of the sample rule with another query. `params` says whether it keeps its parameter.
async fn problems_of(query: &str) -> Vec<String> {
    problems(&changed(QUERY, query).unwrap()).await
}

fn without_param(query: &str) -> Rule {
    let text = FILE
        .replace("--! [params.min_events]\n--! default = 2\n--! why = \"one may be chance\"\n", "")
        .replace(QUERY, query);
    parse(NAME, &text, None).unwrap()
}

#[tokio::test]
async fn a_right_rule_has_no_problems() {
    assert_eq!(problems(&rule()).await, [] as [&str; 0]);
}

#[tokio::test]
async fn an_unknown_column_is_reported_with_its_place_and_the_nearest_one() {
    let found = problems_of("SELECT * FROM dbmi\nWHERE principalid = 'x' AND bytes_out > $min_events\n").await;

    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("queries/sample-rule.sql:32:7: sample-rule: "), "{found:?}");
    assert!(found[0].contains("No field named principalid. Did you mean 'dbmi.principal_id'"), "{found:?}");
}

#[tokio::test]
async fn a_syntax_error_is_reported_with_its_place() {
    let found = problems_of("SELECT * FROM dbmi\nWHERE AND $min_events\n").await;

    assert!(
        found[0].starts_with("queries/sample-rule.sql:32:11: sample-rule: Expected: end of statement"),
        "{found:?}"
    );
}

#[tokio::test]
async fn an_unknown_table_is_reported_with_the_nearest_one() {
    let found = problems_of("SELECT * FROM dmbi\nWHERE bytes_out > $min_events\n").await;

    assert_eq!(found, ["queries/sample-rule.sql:31:15: sample-rule: there is no table 'dmbi'; did you mean 'dbmi'?"]);
}

#[tokio::test]
async fn what_does_more_than_query_our_tables_is_refused() {
    for (query, expected) in [
        ("COPY (SELECT * FROM dbmi) TO '/tmp/x.csv'\n", "the statement is no query"),
        ("CREATE TABLE t AS SELECT * FROM dbmi\n", "the statement is no query"),
        ("SET datafusion.execution.batch_size = 1\n", "the statement is no query"),
        ("EXPLAIN SELECT * FROM dbmi\n", "the statement is no query"),
        ("SELECT * FROM dbmi; SELECT * FROM adac\n", "more than one statement"),
        ("SELECT * FROM '/etc/passwd'\n", "there is no table"),
        ("SELECT * FROM information_schema.tables\n", "is no table that a rule may read"),
        ("SELECT d.* FROM dbmi d, generate_series(1, 2)\n", "is no table that a rule may read"),
    ] {
        let found = problems(&without_param(query)).await;
        assert!(found.iter().any(|problem| problem.contains(expected)), "{query}: {found:?}");
    }
}

#[tokio::test]
async fn functions_that_change_their_value_are_refused_wherever_they_stand() {
    for (query, expected) in [
        ("SELECT * FROM dbmi\nWHERE time > now() - INTERVAL '1' DAY\n", ":29:14: sample-rule: now() does not"),
        (
            "SELECT * FROM dbmi WHERE event_uid IN (SELECT event_uid FROM adac\nWHERE random() > 0.5)\n",
            ":29:7: sample-rule: random()",
        ),
        ("SELECT * FROM dbmi\nORDER BY uuid()\n", ":29:10: sample-rule: uuid()"),
    ] {
        let found = problems(&without_param(query)).await;
        assert!(found.iter().any(|problem| problem.contains(expected)), "{query}: {found:?}");
    }
}

#[tokio::test]
async fn parameters_are_declared_used_and_of_the_right_type() {
    let undeclared = problems_of("SELECT * FROM dbmi WHERE bytes_out > $min_event AND bytes_in > $min_events\n").await;
    let unused = problems_of("SELECT * FROM dbmi\n").await;
    let mistyped = problems_of("SELECT * FROM dbmi WHERE src_ip = $min_events\n").await;

    assert_eq!(
        undeclared,
        [
            "queries/sample-rule.sql:31:38: sample-rule: the parameter 'min_event' is not declared in the head; did you mean 'min_events'?"
        ]
    );
    assert_eq!(unused, ["queries/sample-rule.sql: sample-rule: the parameter 'min_events' is declared and not used"]);
    assert!(mistyped[0].contains("the parameter 'min_events' is of type integer, the query wants"), "{mistyped:?}");
}

#[tokio::test]
async fn the_output_has_the_columns_of_the_contract_once_and_in_their_types() {
    for (query, expected) in [
        (
            "SELECT event_uid, time, principal_id, object_path, operation, 'x' AS target FROM dbmi\n",
            "the output lacks the column 'target_id'",
        ),
        ("SELECT * EXCLUDE (object_path) FROM dbmi\n", "the output lacks the column 'object_path'"),
        (
            "SELECT d.*, i.* FROM dbmi d JOIN identities i ON d.principal_id = i.principal_id\n",
            "'principal_id' more than once",
        ),
        ("SELECT *, 3 AS severity FROM dbmi\n", "the column 'severity' is text, not Int64"),
        ("SELECT * EXCLUDE (time), 1 AS time FROM dbmi\n", "the column 'time' is a timestamp, not Int64"),
    ] {
        let found = problems(&without_param(query)).await;
        assert!(found.iter().any(|problem| problem.contains(expected)), "{query}: {found:?}");
    }
}

#[tokio::test]
async fn types_that_do_not_go_together_are_found_before_any_data() {
    let found = problems(&without_param("SELECT * FROM dbmi WHERE time = TRUE\n")).await;

    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
async fn a_word_that_its_column_never_holds_is_reported_with_its_place_and_the_nearest_one() {
    let query = "WITH reads AS (\n\
        SELECT d.* FROM dbmi AS d JOIN identities i ON d.principal_id = i.principal_id AND 'usr' = i.identity_kind\n\
        WHERE d.op_class IN ('blob_read', 'blob_raed') AND d.outcome <> 'failed')\n\
        SELECT *, CASE phase WHEN 'end' THEN 'low' END AS severity FROM reads\n\
        WHERE EXISTS (SELECT 1 FROM coverage WHERE source = 'Storage') AND operation = 'getblob'\n";

    let found = problems(&without_param(query)).await;

    assert_eq!(
        found,
        [
            "queries/sample-rule.sql:29:85: sample-rule: identity_kind is never 'usr'; did you mean 'user'?",
            "queries/sample-rule.sql:30:36: sample-rule: op_class is never 'blob_raed'; did you mean 'blob_read'?",
            "queries/sample-rule.sql:30:66: sample-rule: outcome is never 'failed'; it holds success, failure, denied, unknown",
            "queries/sample-rule.sql:31:28: sample-rule: phase is never 'end'; it holds start, accept, terminal",
            "queries/sample-rule.sql:32:54: sample-rule: source is never 'Storage'; did you mean 'storage'?",
        ]
    );
}

#[tokio::test]
async fn what_a_query_makes_itself_may_hold_any_word() {
    for query in [
        "SELECT * FROM (SELECT *, CASE WHEN bytes_out > 9 THEN 'much' ELSE 'little' END AS amount FROM dbmi)\n\
        WHERE amount = 'much' AND lower(op_class) = 'blobs'\n",
        "SELECT * FROM (SELECT * EXCLUDE (outcome), coalesce(result_code, 'none') AS outcome FROM dbmi)\n\
        WHERE outcome = 'none'\n",
        "SELECT d.* FROM dbmi d JOIN (VALUES ('eve')) AS t(stream) ON d.principal_name = t.stream\n\
        WHERE t.stream = 'eve'\n",
    ] {
        assert_eq!(problems(&without_param(query)).await, [] as [&str; 0], "{query}");
    }
}

#[tokio::test]
async fn a_rule_with_few_columns_windows_and_lists_is_right() {
    let query = "WITH busy AS (\n\
        SELECT event_uid, time, principal_id, target_id, operation, object_path,\n\
        count(*) OVER (PARTITION BY principal_id ORDER BY time RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW) AS n\n\
        FROM events WHERE stream IN ('dbmi', 'adac'))\n\
        SELECT b.*, CASE WHEN n > 9 THEN 'high' ELSE 'low' END AS severity FROM busy b\n\
        LEFT JOIN connectors c ON b.principal_id = c.principal_id\n\
        WHERE n >= $min_events AND NOT coalesce(c.file_events, FALSE)\n";

    assert_eq!(problems_of(query).await, [] as [&str; 0]);
}

#[tokio::test]
async fn problems_of_heads_and_queries_are_reported_together() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("broken.sql"), "--! id = 1\n").unwrap();
    std::fs::write(dir.path().join("sample-rule.sql"), FILE.replace("FROM dbmi", "FROM dmbi")).unwrap();

    let error = read(&[dir.path().to_owned()]).await.unwrap_err();

    let message = error.to_string();
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 2, "{message}");
    assert!(lines[0].contains("broken.sql:1:10: invalid type"), "{message}");
    assert!(lines[1].contains("there is no table 'dmbi'"), "{message}");
    assert_eq!(error.exit_code(), crate::error::ExitCode::Rule);
}

#[tokio::test]
async fn every_shipped_rule_is_right() {
    if let Err(error) = load(&[]).await {
        panic!("{error}");
    }
}
