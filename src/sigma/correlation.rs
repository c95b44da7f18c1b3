//! Correlations of Sigma as SQL: several events of one group within a span of time.
//!
//! Every event asks, by window functions over its group in the order of time, whether it ends a
//! window that holds what the correlation wants, and if so since when. Evidence is every event in
//! such a window: none is looked up by joining all events with all others.

use std::collections::BTreeSet;

use rsigma_convert::Result;
use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, WindowMode,
};

use crate::sigma::Query;
use crate::sigma::convert::{DataFusion, Predicate, measured, refused};
use crate::sigma::fields::Field;
use crate::sigma::literal::{indented, joined};

/// Longest span of a window, in seconds (366 days). Sigma's are minutes to days.
const MAX_SPAN_SECONDS: u64 = 366 * 24 * 60 * 60;

/// Most rules of one correlation; each is a condition asked of every event.
const MAX_RULES: usize = 32;

/// The column by which evidence is folded where a correlation has no groups: every window is one.
const NO_GROUP: &str = "source";

/// What a correlation is made of, once understood.
struct Parts<'c> {
    predicates: Vec<Predicate<'c>>,
    /// Name and expression of every column of the group.
    groups: Vec<(String, String)>,
    seconds: u64,
}

/// The query of a correlation.
///
/// # Errors
///
/// Why it cannot be said in SQL.
pub(super) fn query(backend: &DataFusion<'_>, rule: &CorrelationRule) -> Result<Query> {
    let parts = parts(backend, rule)?;
    let steps = match rule.correlation_type {
        CorrelationType::EventCount => window(&parts, &counted("count(*)", &parts, rule)?),
        CorrelationType::ValueCount => {
            let value = value(rule, &parts)?;
            window(&parts, &counted(&format!("count(DISTINCT {value})"), &parts, rule)?)
        }
        CorrelationType::Temporal => window(&parts, &together(&parts, rule)?),
        CorrelationType::TemporalOrdered => ordered(&parts, rule)?,
        other => return Err(refused(format!("the correlation type '{}' has no counterpart here", other.as_str()))),
    };
    let sql = format!(
        "WITH marked AS (\n  {}\n),\nmatched AS (\n  {}\n),\n{steps},\nevidence AS (\n  {}\n)\n\
         SELECT *\nFROM evidence\nWHERE window_begin <= time",
        indented(&marked(&parts)),
        indented(&matched(&parts)),
        indented(&format!(
            "SELECT *,\n  MIN(window_start) OVER ({}RANGE BETWEEN CURRENT ROW AND {} FOLLOWING) AS window_begin\nFROM windows",
            order(&parts),
            span(&parts)
        )),
    );
    Ok(described(parts, sql, rule))
}

fn parts<'c>(backend: &DataFusion<'c>, rule: &CorrelationRule) -> Result<Parts<'c>> {
    if rule.window != WindowMode::Sliding {
        return Err(refused(format!("its window is '{}', and only sliding ones are known", rule.window.as_str())));
    }
    let seconds = rule.timespan.seconds;
    if seconds == 0 || seconds > MAX_SPAN_SECONDS {
        return Err(refused(format!(
            "its timespan '{}' is not between a second and 366 days",
            &rule.timespan.original
        )));
    }
    if rule.rules.is_empty() || rule.rules.len() > MAX_RULES {
        return Err(refused(format!("it names {} rules, and not 1 to {MAX_RULES}", rule.rules.len())));
    }
    let mut predicates = Vec::with_capacity(rule.rules.len());
    for name in &rule.rules {
        let found = backend.index.rule(name).map_err(refused)?;
        let why = |error| refused(format!("its rule '{}': {}", name, super::convert::reason(&error)));
        predicates.push(backend.predicate(found).map_err(why)?);
    }
    let mut groups = Vec::with_capacity(rule.group_by.len());
    for name in &rule.group_by {
        let group = group(rule, name, &predicates)?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(Parts { predicates, groups, seconds })
}

/// Name and expression of a field that is asked of the events of all rules.
fn group(rule: &CorrelationRule, name: &str, predicates: &[Predicate<'_>]) -> Result<(String, String)> {
    let fields = fields(rule, name, predicates)?;
    let columns: BTreeSet<Option<&str>> = fields.iter().map(|field| field.column.as_deref()).collect();
    if let (1, Some(Some(column))) = (columns.len(), columns.first()) {
        return Ok(((*column).to_owned(), (*column).to_owned()));
    }
    let words = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' };
    let alias: String = name.chars().map(words).collect();
    Ok((format!("group_{alias}"), expression(&fields)))
}

/// What a field is in the events of each rule.
fn fields<'c>(rule: &CorrelationRule, name: &str, predicates: &[Predicate<'c>]) -> Result<Vec<&'c Field>> {
    let alias = rule.aliases.iter().find(|alias| alias.alias == name);
    let mut fields = Vec::with_capacity(predicates.len());
    for (reference, predicate) in rule.rules.iter().zip(predicates) {
        let name = match alias {
            Some(alias) => alias
                .mapping
                .get(reference)
                .ok_or_else(|| refused(format!("the alias '{name}' says nothing of the rule '{reference}'")))?,
            None => name,
        };
        let missing = || refused(format!("the field '{name}' has no column"));
        fields.push(predicate.service.field(name).ok_or_else(missing)?);
    }
    Ok(fields)
}

/// One expression for what may be another one in the events of every rule.
fn expression(fields: &[&Field]) -> String {
    let expressions: BTreeSet<&str> = fields.iter().map(|field| field.expression.as_str()).collect();
    if let (1, Some(only)) = (expressions.len(), expressions.first()) {
        return (*only).to_owned();
    }
    let cases = fields.iter().enumerate().map(|(at, field)| format!("WHEN {} THEN {}", mark(at), field.expression));
    format!("CASE {} END", cases.collect::<Vec<_>>().join(" "))
}

fn mark(at: usize) -> String {
    format!("rule_{}", at + 1)
}

/// Every event with a mark for every rule that it matches.
fn marked(parts: &Parts<'_>) -> String {
    let marks = parts.predicates.iter().enumerate().map(|(at, predicate)| {
        format!("coalesce(\n    {},\n    FALSE\n  ) AS {}", indented(&indented(&predicate.sql)), mark(at))
    });
    format!("SELECT *,\n  {}\nFROM events", marks.collect::<Vec<_>>().join(",\n  "))
}

/// The events that match a rule and belong to a group.
fn matched(parts: &Parts<'_>) -> String {
    let named: Vec<String> = parts
        .groups
        .iter()
        .filter(|(name, expression)| name != expression)
        .map(|(name, expression)| format!(",\n  {expression} AS {name}"))
        .collect();
    let marks: Vec<String> = (0..parts.predicates.len()).map(mark).collect();
    let there = parts.groups.iter().map(|(_, expression)| format!("\n  AND ({expression}) IS NOT NULL"));
    format!("SELECT *{}\nFROM marked\nWHERE {}{}", named.concat(), joined(&marks, "OR"), there.collect::<String>())
}

/// The step that gives every event the start of the window that it ends, if it ends one.
fn window(parts: &Parts<'_>, condition: &str) -> String {
    format!(
        "windows AS (\n  SELECT *,\n    CASE\n      WHEN {}\n      THEN time - {}\n    END AS window_start\n  FROM matched\n)",
        condition.replace('\n', "\n        "),
        span(parts)
    )
}

/// `PARTITION BY … ORDER BY time `.
fn order(parts: &Parts<'_>) -> String {
    let names: Vec<&str> = parts.groups.iter().map(|(name, _)| name.as_str()).collect();
    let partition = if names.is_empty() { String::new() } else { format!("PARTITION BY {} ", names.join(", ")) };
    format!("{partition}ORDER BY time ")
}

fn span(parts: &Parts<'_>) -> String {
    format!("INTERVAL '{}' SECOND", parts.seconds)
}

/// The window that ends with an event.
fn back(parts: &Parts<'_>) -> String {
    format!("OVER ({}RANGE BETWEEN {} PRECEDING AND CURRENT ROW)", order(parts), span(parts))
}

/// A count over the window within the bounds of the rule's condition.
fn counted(count: &str, parts: &Parts<'_>, rule: &CorrelationRule) -> Result<String> {
    let CorrelationCondition::Threshold { predicates, .. } = &rule.condition else {
        return Err(refused("its condition is not a number"));
    };
    let has_floor = predicates.iter().any(|(operator, least)| match operator {
        ConditionOperator::Gt => true,
        ConditionOperator::Gte | ConditionOperator::Eq => *least > 0,
        ConditionOperator::Lt | ConditionOperator::Lte | ConditionOperator::Neq => false,
    });
    if !has_floor {
        return Err(refused("its condition holds where nothing happened, and rules here select what happened"));
    }
    let bounds = predicates.iter().map(|(operator, bound)| {
        let operator = match operator {
            ConditionOperator::Lt => "<",
            ConditionOperator::Lte => "<=",
            ConditionOperator::Gt => ">",
            ConditionOperator::Gte => ">=",
            ConditionOperator::Eq => "=",
            ConditionOperator::Neq => "<>",
        };
        format!("{count} {} {operator} {bound}", back(parts))
    });
    Ok(joined(&bounds.collect::<Vec<_>>(), "AND"))
}

/// The expression whose different values are counted.
fn value(rule: &CorrelationRule, parts: &Parts<'_>) -> Result<String> {
    let CorrelationCondition::Threshold { field: Some(names), .. } = &rule.condition else {
        return Err(refused("its condition does not say whose values are counted"));
    };
    let [name] = names.as_slice() else {
        return Err(refused("it counts the values of several fields together"));
    };
    Ok(expression(&fields(rule, name, &parts.predicates)?))
}

/// All rules matched in the window, or as the condition says.
fn together(parts: &Parts<'_>, rule: &CorrelationRule) -> Result<String> {
    match &rule.condition {
        CorrelationCondition::Extended(condition) => {
            measured(condition)?;
            extended(condition, parts, rule)
        }
        CorrelationCondition::Threshold { .. } => {
            all_rules(rule)?;
            let seen: Vec<String> = (0..parts.predicates.len()).map(|at| seen(at, parts)).collect();
            Ok(joined(&seen, "AND"))
        }
    }
}

/// Refuses a number in a temporal correlation. The parser gives `gte: 1` where there is none.
fn all_rules(rule: &CorrelationRule) -> Result<()> {
    match &rule.condition {
        CorrelationCondition::Threshold { predicates, field: None, .. }
            if predicates.as_slice() == [(ConditionOperator::Gte, 1)] =>
        {
            Ok(())
        }
        CorrelationCondition::Threshold { .. } | CorrelationCondition::Extended(_) => {
            Err(refused(format!("a condition of a '{}' correlation is not known here", rule.correlation_type.as_str())))
        }
    }
}

fn seen(at: usize, parts: &Parts<'_>) -> String {
    // `bool_or` cannot slide: it does not forget the events that leave the window.
    format!("count(CASE WHEN {} THEN 1 END) {} > 0", mark(at), back(parts))
}

fn extended(condition: &ConditionExpr, parts: &Parts<'_>, rule: &CorrelationRule) -> Result<String> {
    let all = |list: &[ConditionExpr]| list.iter().map(|one| extended(one, parts, rule)).collect::<Result<Vec<_>>>();
    match condition {
        ConditionExpr::And(list) | ConditionExpr::Or(list) if list.len() > MAX_RULES => {
            Err(refused(format!("its condition names more than {MAX_RULES} rules")))
        }
        ConditionExpr::And(list) => Ok(joined(&all(list)?, "AND")),
        ConditionExpr::Or(list) => Ok(joined(&all(list)?, "OR")),
        ConditionExpr::Identifier(name) => {
            let at = rule.rules.iter().position(|known| known == name);
            let missing = || refused(format!("its condition names '{name}', which is none of its rules"));
            Ok(seen(at.ok_or_else(missing)?, parts))
        }
        ConditionExpr::Not(_) => Err(refused("its condition wants that a rule did not match, which no event shows")),
        ConditionExpr::Selector { .. } => Err(refused("its condition chooses rules by a pattern")),
    }
}

/// One after the other: every event of a rule asks for the latest start of a chain that came up
/// to the rule before it, strictly earlier and within the span.
fn ordered(parts: &Parts<'_>, rule: &CorrelationRule) -> Result<String> {
    all_rules(rule)?;
    let mut steps =
        vec![format!("chain_1 AS (\n  SELECT *, CASE WHEN {} THEN time END AS start_1\n  FROM matched\n)", mark(0))];
    for at in 1..parts.predicates.len() {
        let (last, this) = (at, at + 1);
        steps.push(format!(
            "chain_{this} AS (\n  SELECT *,\n    CASE WHEN {} THEN MAX(start_{last}) OVER (\n      \
             {}RANGE BETWEEN {} PRECEDING AND INTERVAL '1 microsecond' PRECEDING\n    ) END AS start_{this}\n  FROM chain_{last}\n)",
            mark(at),
            order(parts),
            span(parts)
        ));
    }
    let last = parts.predicates.len();
    steps.push(format!(
        "windows AS (\n  SELECT *,\n    CASE WHEN start_{last} >= time - {} THEN start_{last} END AS window_start\n  FROM chain_{last}\n)",
        span(parts)
    ));
    Ok(steps.join(",\n"))
}

/// The query with what its head says.
fn described(parts: Parts<'_>, sql: String, rule: &CorrelationRule) -> Query {
    let mut sources: Vec<String> = Vec::new();
    let mut query = Query { sql, ..Query::default() };
    for predicate in parts.predicates {
        let service = predicate.service;
        query.direction.get_or_insert(service.direction);
        add(&mut sources, std::slice::from_ref(&service.source));
        add(&mut query.limits, std::slice::from_ref(&service.limits));
        add(&mut query.details, &service.details);
        add(&mut query.details, &predicate.columns);
        add(&mut query.notes, &predicate.notes);
    }
    let needs_all = matches!(rule.correlation_type, CorrelationType::Temporal | CorrelationType::TemporalOrdered)
        && matches!(rule.condition, CorrelationCondition::Threshold { .. });
    if needs_all || sources.len() == 1 {
        query.sources = sources;
    } else {
        query.any_sources = sources;
    }
    query.group_by = parts.groups.into_iter().map(|(name, _)| name).collect();
    if query.group_by.is_empty() {
        query.group_by.push(NO_GROUP.to_owned());
    }
    query.details.retain(|column| !query.group_by.contains(column));
    query
}

/// Adds what a list lacks.
pub(super) fn add(list: &mut Vec<String>, more: &[String]) {
    for text in more {
        if !list.contains(text) {
            list.push(text.clone());
        }
    }
}
