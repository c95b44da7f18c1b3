use rsigma_convert::convert_collection;

use super::*;

const RULE: &str = "
title: T
id: 7d1f0f7e-3c55-4f0e-9b0e-0d5c6a9b1a11
name: t
logsource: {product: Azure, service: SigninLogs}
detection:
  s: {ResultType: [50126, '50053'], userAgent|contains: Bot}
  f: {userPrincipalName|endswith: '@example.com'}
  condition: s and not f
---
title: C
correlation: {type: event_count, rules: [t], group-by: [userId], timespan: 1h, condition: {gt: 4, lte: 9}}
";

fn outcomes(yaml: &str) -> Vec<Outcome> {
    let files = [SigmaFile { name: "dir/file.yml".to_owned(), text: yaml.to_owned() }];
    let imported = import(&files, &Mapping::built_in().unwrap(), "2026-05-04", BTreeMap::new()).unwrap();
    imported.into_iter().map(|one| one.outcome).collect()
}

#[test]
fn the_converter_itself_drives_the_back_end() {
    let collection = parse_sigma_yaml(RULE).unwrap();
    let mapping = Mapping::built_in().unwrap();
    let index = Index::of(&collection.rules, &collection.correlations);
    let backend = DataFusion { mapping: &mapping, index: &index };

    let output = convert_collection(&backend, &collection, &[], "default").unwrap();

    assert!(output.errors.is_empty(), "{:?}", output.errors);
    let expected = "SELECT *\nFROM events\nWHERE source = 'signin'\n  AND (\n    (\n      result_code IN \
                    ('50126', '50053')\n      AND lower(user_agent) LIKE '%bot%'\n    )\n    AND (lower(CASE WHEN \
                    token_kind = 'user' THEN principal_name END) LIKE '%@example.com') IS NOT TRUE\n  )";
    let expected = expected.replace("result_code IN", "lower(result_code) IN");
    assert_eq!(output.queries[0].queries, [expected]);
    let correlation = &output.queries[1].queries[0];
    assert!(correlation.contains("INTERVAL '3600' SECOND PRECEDING AND CURRENT ROW) > 4"), "{correlation}");
    assert!(correlation.contains("PARTITION BY group_userid ORDER BY time"), "{correlation}");
}

#[test]
fn rules_that_correlations_read_are_rules_of_their_own_only_where_these_say_so() {
    let [part, correlation] = outcomes(RULE).try_into().unwrap();
    assert_eq!(part, Outcome::Part);
    assert!(matches!(correlation, Outcome::Rule(file) if file.id == "sigma-c"));

    let [rule, _] = outcomes(&RULE.replace("title: C", "title: C\ngenerate: true")).try_into().unwrap();
    let Outcome::Rule(file) = rule else { panic!("{rule:?}") };
    assert!(file.sql.contains("\n--! created = 2026-05-04\n--! updated = 2026-05-04\n"), "{}", file.sql);
    assert!(file.sql.contains("in file.yml, which names\n-- no author."), "{}", file.sql);
}

#[test]
fn a_wrong_level_is_a_remark_and_costs_the_rule_nothing() {
    let [remark, rule] = outcomes(RULE.replace("title: T", "title: T\nlevel: dreadful").split("---").next().unwrap())
        .try_into()
        .unwrap();

    assert_eq!(remark, Outcome::Remark("invalid level: 'dreadful'".to_owned()));
    assert!(matches!(rule, Outcome::Rule(file) if file.sql.contains("--! severity = \"medium\"")));
}

#[test]
fn correlations_that_no_event_can_show_are_refused() {
    let of = |from: &str, to: &str| match outcomes(&RULE.replace(from, to)).pop() {
        Some(Outcome::Refused(reason)) => reason,
        other => panic!("{from} -> {to}: {other:?}"),
    };

    for (from, to, reason) in [
        ("{gt: 4, lte: 9}", "{lt: 4}", "holds where nothing happened"),
        ("timespan: 1h", "timespan: 3y", "not between a second and 366 days"),
        ("timespan: 1h", "timespan: 1h, window: tumbling", "its window is 'tumbling'"),
        ("[userId]", "[location]", "the field 'location' has no column"),
        ("type: event_count", "type: value_count", "whose values are counted"),
        ("type: event_count", "type: temporal", "a condition of a 'temporal' correlation"),
        ("type: event_count", "type: value_sum", "the correlation type 'value_sum'"),
        ("condition: s and not f", "condition: s and g", "its rule 't': no detection is called 'g'"),
    ] {
        assert!(of(from, to).contains(reason), "{from} -> {to}: {}", of(from, to));
    }
}
