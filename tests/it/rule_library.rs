//! What holds of every shipped rule.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use airside::rule::case::Outcome;
use airside::rule::front_matter::SECTIONS;
use airside::rule::params::values;
use airside::rule::run::{REQUIRED, evidence};
use airside::rule::{Rule, case, matrix, technique};
use airside::sql::{session, tables};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use walkdir::WalkDir;

use crate::support::{library, root, runtime};

/// Paths of all files of one ending below `queries/`, without the ending, sorted.
fn files(ending: &str) -> BTreeSet<String> {
    let queries = root().join("queries");
    let entries = WalkDir::new(&queries).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let names = entries.map(|entry| entry.path().strip_prefix(&queries).unwrap().to_str().unwrap().to_owned());
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

/// Holds that nothing is wrong with any rule; what is wrong stands in the message.
fn assert_all(what: &str, wrong: impl Fn(&Rule) -> Vec<String>) {
    let of = |rule: &Rule| wrong(rule).into_iter().map(|wrong| format!("{}: {wrong}", rule.head.id)).collect();
    let wrong: Vec<String> = library().rules().iter().flat_map(|rule| -> Vec<String> { of(rule) }).collect();

    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_below_queries_is_shipped_and_has_its_cases() {
    let there = files(".sql");
    let shipped: BTreeSet<String> = library()
        .rules()
        .iter()
        .map(|rule| rule.file.strip_prefix("queries/").unwrap().strip_suffix(".sql").unwrap().to_owned())
        .collect();
    let missing: Vec<String> = there.difference(&shipped).map(|path| format!("    \"{path}\",")).collect();
    let cases = files(".cases.toml");

    assert!(missing.is_empty(), "add to SHIPPED in src/rule/load.rs, sorted:\n{}", missing.join("\n"));
    assert_eq!(there, cases, "every rule has one file of cases, and every file of cases its rule");
}

#[test]
fn ids_are_unique_and_are_the_names_of_their_files_in_the_folder_of_their_direction() {
    let ids: BTreeSet<&str> = library().rules().iter().map(|rule| rule.head.id.as_str()).collect();

    assert_eq!(ids.len(), library().rules().len());
    assert_all("a rule stands at queries/<direction>/<id>.sql", |rule| {
        let direction = serde_json::to_value(rule.head.direction).unwrap();
        let folder = direction.as_str().unwrap().replace('-', "_");
        let right = format!("queries/{folder}/{}.sql", rule.head.id);
        if rule.file == right { vec![] } else { vec![format!("{} should be {right}", rule.file)] }
    });
}

#[test]
fn prose_is_complete() {
    assert_all("prose", |rule| {
        let headings: Vec<&str> = rule.prose.iter().map(|(heading, _)| heading.as_str()).collect();
        let mut wrong = Vec::new();
        if headings != SECTIONS {
            wrong.push(format!("sections {headings:?}"));
        }
        for (heading, text) in &rule.prose {
            if !text.ends_with(['.', '?', '!', ')']) {
                wrong.push(format!("'{heading}' ends in the middle of a sentence: {text}"));
            }
        }
        wrong
    });
}

#[test]
fn references_are_links_that_cannot_be_tampered_with_on_the_way() {
    assert_all("references", |rule| {
        let plain = rule.head.references.iter().filter(|reference| !reference.starts_with("https://"));
        let mut wrong: Vec<String> = plain.cloned().collect();
        if rule.head.references.is_empty() {
            wrong.push("has none".to_owned());
        }
        wrong
    });
}

#[test]
fn techniques_are_named_and_well_formed() {
    assert_all("ATT&CK", |rule| {
        let odd = rule.head.attack.iter().filter(|entry| !technique::is_entry(entry));
        let mut wrong: Vec<String> = odd.cloned().collect();
        if rule.head.attack.is_empty() {
            wrong.push("names no technique".to_owned());
        }
        wrong
    });
}

#[test]
fn every_query_returns_the_required_columns_itself() {
    let runtime = runtime();
    let ctx = runtime.block_on(tables::empty_session()).unwrap();
    assert_all("columns", |rule| {
        let frame = runtime.block_on(session::plan_read_only(&ctx, &rule.sql)).unwrap();
        let has = |column: &str| frame.schema().fields().iter().any(|field| field.name() == column);
        REQUIRED.iter().filter(|column| !has(column)).map(|column| format!("lacks {column}")).collect()
    });
}

#[test]
fn the_matrix_names_numbers_of_the_catalogue_and_all_that_are_shipped() {
    let rows = matrix::rows().unwrap();
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| &row.rules).map(String::as_str).collect();

    for row in &rows {
        assert!(!row.rules.is_empty(), "queries/coverage.toml: '{}' has no rule", row.statement);
        for number in &row.rules {
            assert!(matrix::is_number(number), "queries/coverage.toml: '{number}' is none of R01 to R62");
        }
    }
    assert_all("add the number to the statement that it watches over, in queries/coverage.toml", |rule| {
        matrix::numbers(rule).filter(|number| !named.contains(number)).map(str::to_owned).collect()
    });
}

/// The outcomes of every rule's cases, run once for all tests.
fn outcomes() -> &'static Vec<(&'static Rule, Vec<Outcome>)> {
    static OUTCOMES: OnceLock<Vec<(&'static Rule, Vec<Outcome>)>> = OnceLock::new();
    OUTCOMES.get_or_init(|| {
        let run = |rule: &'static Rule| (rule, runtime().block_on(case::run(rule)).unwrap());
        let rules: Vec<&'static Rule> = library().rules().iter().collect();
        let half = rules.len() / 2;
        std::thread::scope(|scope| {
            let first = scope.spawn(|| rules[..half].iter().map(|rule| run(rule)).collect::<Vec<_>>());
            let second: Vec<_> = rules[half..].iter().map(|rule| run(rule)).collect();
            first.join().unwrap().into_iter().chain(second).collect()
        })
    })
}

#[test]
fn every_case_of_every_rule_comes_out_as_it_says() {
    let mut failures = Vec::new();
    for outcome in outcomes().iter().flat_map(|(_, outcomes)| outcomes) {
        for difference in &outcome.differences {
            failures.push(format!("{}: {}: {difference}", outcome.rule, outcome.case));
        }
    }

    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_cases_that_fire_near_misses_and_an_all_null_record() {
    for (rule, outcomes) in outcomes() {
        let firing = outcomes.iter().filter(|outcome| outcome.expects_findings).count();
        let id = &rule.head.id;

        assert!(firing >= 1, "{id} has no case that fires");
        assert!(outcomes.len() - firing >= 2, "{id} has too few near misses");
        assert!(outcomes.iter().any(|outcome| outcome.case.contains("null")), "{id} has no all-null case");
    }
}

#[test]
fn the_catalogues_numbers_lead_to_their_rules() {
    let numbers = [
        ("R01", "dbmi-storage-data-access"),
        ("R03", "dbmi-keyvault-secret-read"),
        ("R05", "dbmi-cmk-identity-misuse"),
        ("R07", "dbmi-data-audience-token"),
        ("R09", "dbmi-account-keys-or-sas-listed"),
        ("R11", "dbmi-account-keys-or-sas-listed"),
        ("R15", "adac-management-operation"),
        ("R16", "adac-management-operation"),
        ("R18", "adac-keys-or-sas-listed"),
        ("R19", "adac-role-assignment-write"),
        ("R20", "adac-management-operation"),
        ("R21", "adac-management-operation"),
        ("R25", "dbmi-granted-data-role"),
        ("R27", "adac-granted-management-role"),
        ("R45", "identity-dual-use"),
        ("R59", "diagnostic-settings-removed"),
    ];
    for (number, id) in numbers {
        assert_eq!(library().find(number).unwrap().head.id, id);
    }
}

/// The exceptions of the catalogue: its number of each, the rule that it is to keep silent, and the
/// case that holds that rule to it. They stand in the rules, where they can ask for the workspace,
/// the hour and the locations of an event; what stands in the user's `expected` is the user's alone.
const DEFAULT_EXCEPTIONS: [(u8, &str, &str); 20] = [
    (1, "R02", "within a day of its making all is set up, a second later no more"),
    (1, "R02", "an update opens two hours, from its Start record on"),
    (2, "R13", "the work of its own workspace: managed resource group, network, workspace"),
    (2, "R13", "the private zones of Databricks and storage are its job, other zones are not"),
    (3, "R07", "a token for Azure Monitor is the workspace identity's job"),
    (3, "R07", "tokens for the rest of Azure Monitor, Azure Policy and Azure Resource Manager are its job"),
    (4, "R05", "a key read, wrapped with, unwrapped with and recovered is its job"),
    (5, "R09", "Databricks' own application lists the keys of the DBFS roots that it made"),
    (5, "R09", "where no workspace of the subscription is known, a DBFS root is known by its name alone"),
    (6, "R15", "file events are a connector's own work"),
    (6, "R23", "a connector that is known to have file events"),
    (
        6,
        "R27",
        "the recipe for file events: on an account of one of its locations, and Event Grid on the resource group",
    ),
    (7, "R25", "encryption identities may use their keys"),
    (8, "R26", "its own managed group, workspace and network, and Network Contributor beside the network"),
    (
        8,
        "R26",
        "Databricks' application sets up a workspace; on a subscription or a management group even its grant is found",
    ),
    (9, "R37", "Databricks makes the connector of a workspace, known and not known"),
    (10, "R59", "writes that switch nothing off, whoever writes"),
    (11, "R41", "the range of a service tag is allowed too"),
    (12, "R54", "containers of Azure Monitor and Functions are silent, unless an external location names them"),
    (12, "R54", "an account without external locations and a workspace's own DBFS root are silent"),
];

#[test]
fn the_default_exceptions_are_held_by_cases() {
    for (number, rule, name) in DEFAULT_EXCEPTIONS {
        let rule = &library().find(rule).unwrap().head.id;
        let (_, outcomes) = outcomes().iter().find(|(other, _)| other.head.id == *rule).unwrap();
        let case = outcomes.iter().find(|outcome| outcome.case == name);

        assert!(case.is_some_and(|case| case.differences.is_empty()), "exception {number}: {rule} has no '{name}'");
    }
    let numbers: BTreeSet<u8> = DEFAULT_EXCEPTIONS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=12).collect(), "the catalogue has twelve");
}

/// Rules that compare every event of theirs with every row of a side table, because what they look
/// for lies somewhere within a text or a range: the table, and what keeps the pairs few.
const COMPARES_ALL: [(&str, &str, &str); 3] = [
    ("adac-identity-attached-elsewhere", "identities", "only bodies that name some identity"),
    ("dbmi-identity-attached-by-non-databricks", "identities", "only bodies that name some identity"),
    ("identity-unexpected-ip", "allowed_ip", "each address once"),
];

#[test]
fn no_rule_compares_all_events_with_all_others() {
    let runtime = runtime();
    let ctx = runtime.block_on(tables::empty_session()).unwrap();
    assert_all("joins without a key, of these tables", |rule| {
        let plan =
            runtime.block_on(async { evidence(&ctx, rule, &values(rule)).await?.into_optimized_plan() }).unwrap();
        let all_pairs = joins_without_key(&plan);
        let known =
            |tables: &String| COMPARES_ALL.iter().any(|(id, side, _)| *id == rule.head.id && tables.contains(side));
        all_pairs.into_iter().filter(|tables| !known(tables)).collect()
    });
}

/// The tables on either side of each join that has no equality to go by.
fn joins_without_key(plan: &LogicalPlan) -> Vec<String> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node
            && join.on.is_empty()
            && !is_handful(&join.left)
            && !is_handful(&join.right)
        {
            found.push(format!("{:?} x {:?}", scanned(&join.left), scanned(&join.right)));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    found
}

/// Whether a plan has a handful of rows whatever was read: what counts or measures a whole table,
/// rows that stand in the query, the table `coverage` with its row a log, and such beside one another.
fn is_handful(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        LogicalPlan::Values(_) => true,
        LogicalPlan::TableScan(scan) => scan.table_name.table() == "coverage",
        LogicalPlan::Join(join) if join.on.is_empty() => is_handful(&join.left) && is_handful(&join.right),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) => {
            plan.inputs().into_iter().all(is_handful)
        }
        _ => false,
    }
}

fn scanned(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.insert(scan.table_name.to_string());
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    tables
}
