use arrow::array::AsArray as _;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use serde_json::json;

use super::*;
use crate::rule::front_matter::tests::rule;
use crate::rule::params::values;
use crate::sql::fixture;

fn with_query(query: &str) -> Rule {
    Rule { sql: query.to_owned(), ..rule() }
}

fn texts(batches: &[RecordBatch], column: &str) -> Vec<Option<String>> {
    let batch = concat_batches(&batches[0].schema(), batches).unwrap();
    let column = cast(batch.column_by_name(column).unwrap(), &DataType::Utf8).unwrap();
    let mut texts: Vec<_> = column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn parameters_are_bound_as_values() {
    let rows = [
        json!({"stream": "dbmi", "event_uid": "small", "source": "storage", "bytes_out": 1}),
        json!({"stream": "dbmi", "event_uid": "large", "source": "storage", "bytes_out": 9}),
    ];
    let ctx = fixture::session(&rows, Vec::new()).await;
    let rule = rule();

    let by_default = run(&ctx, &rule, &values(&rule)).await.unwrap();
    let raised = Params::from([("min_events".to_owned(), ScalarValue::Int64(Some(10)))]);
    let configured = run(&ctx, &rule, &raised).await.unwrap();

    assert_eq!(texts(&by_default, "event_uid"), [Some("large".to_owned())]);
    assert_eq!(configured.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
}

#[tokio::test]
async fn text_parameters_compare_with_dictionary_columns() {
    let rows = [json!({"event_uid": "a", "src_ip": "10.0.0.1"}), json!({"event_uid": "b", "src_ip": "10.0.0.2"})];
    let ctx = fixture::session(&rows, Vec::new()).await;
    let rule = with_query("SELECT * FROM events WHERE src_ip = $source OR src_ip IN ($source)");
    let params = Params::from([("source".to_owned(), ScalarValue::from("10.0.0.2"))]);

    let batches = run(&ctx, &rule, &params).await.unwrap();

    assert_eq!(texts(&batches, "event_uid"), [Some("b".to_owned())]);
}

#[tokio::test]
async fn only_the_needed_columns_are_returned() {
    let ctx = fixture::session(&[json!({"stream": "dbmi", "source": "storage", "bytes_out": 9})], Vec::new()).await;
    let rule = rule();

    let batches = run(&ctx, &rule, &values(&rule)).await.unwrap();

    let schema = batches[0].schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut expected: Vec<&str> = REQUIRED.to_vec();
    expected.push("object_path");
    expected.extend(FROM_EVENT);
    assert_eq!(names, expected);
}

#[tokio::test]
async fn what_the_query_leaves_out_is_taken_from_the_event() {
    let rows = [json!({
        "stream": "adac", "event_uid": "a", "object": "x.json", "offset": 7, "length": 3, "confidence": 0.5,
        "principal_name": "connector",
    })];
    let ctx = fixture::session(&rows, Vec::new()).await;
    let rule = with_query(
        "SELECT event_uid, time, principal_id, target_id, operation, 'shown' AS object_path FROM adac a \
         WHERE bytes_out IS NULL OR bytes_out > $min_events",
    );

    let batches = run(&ctx, &rule, &values(&rule)).await.unwrap();

    for (column, expected) in [
        ("object", "x.json"),
        ("offset", "7"),
        ("confidence", "0.5"),
        ("principal_name", "connector"),
        ("stream", "adac"),
        ("object_path", "shown"),
    ] {
        assert_eq!(texts(&batches, column), [Some(expected.to_owned())], "{column}");
    }
}

#[tokio::test]
async fn a_query_that_does_not_plan_is_the_rules_fault_and_one_that_fails_is_not() {
    let ctx = fixture::session(&[json!({"stream": "dbmi", "operation_raw": "x"})], Vec::new()).await;
    let unplanned = with_query("SELECT nothing FROM dbmi");
    let failing =
        with_query("SELECT * EXCLUDE (object_path), CAST(operation_raw AS INT) + $min_events AS object_path FROM dbmi");

    let unplanned = run(&ctx, &unplanned, &values(&unplanned)).await.unwrap_err();
    let failing = run(&ctx, &failing, &values(&failing)).await.unwrap_err();

    assert!(matches!(&unplanned, RunError::Rule { message } if message.contains("sample-rule.sql: sample-rule: ")));
    assert_eq!(failing.to_string(), "cannot run the rule 'sample-rule'");
    assert!(matches!(failing, RunError::Internal { source: Some(_), .. }));
}

#[test]
fn a_rule_without_its_source_or_list_is_not_evaluable() {
    let mut rule = rule();
    rule.head.any_sources = vec!["activity".to_owned(), "signin".to_owned()];
    rule.head.needs = vec!["allowed_ip".to_owned()];
    let read = |names: &[&str]| -> BTreeMap<String, SourceCoverage> {
        let one = SourceCoverage { events: 1, ..SourceCoverage::default() };
        let none = ("sql".to_owned(), SourceCoverage::default());
        names.iter().map(|name| ((*name).to_owned(), one)).chain([none]).collect()
    };
    let filled = BTreeSet::from(["allowed_ip".to_owned()]);
    let because = |reason: &str| NotEvaluable { rule: "sample-rule".to_owned(), reason: reason.to_owned() };

    assert_eq!(evaluability(&rule, &read(&["storage", "activity", "signin"]), &filled), Evaluability::Full);
    assert_eq!(
        evaluability(&rule, &read(&["storage", "activity"]), &filled),
        Evaluability::Partial(because("no events of the source 'signin'"))
    );
    assert_eq!(
        evaluability(&rule, &read(&["activity", "signin"]), &BTreeSet::new()),
        Evaluability::Not(because("no events of the source 'storage'; nothing in the list 'allowed_ip'"))
    );
    assert_eq!(
        evaluability(&rule, &read(&["storage"]), &filled),
        Evaluability::Not(because("no events of any of the sources 'activity', 'signin'"))
    );
}
