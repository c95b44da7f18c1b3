//! Conditions of Sigma rules as SQL over the view `events`.

use std::collections::HashMap;

use rsigma_convert::{Backend as _, ConversionState, ConvertError, Result};
use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Modifier, Quantifier, SelectorPattern, SigmaRule, SigmaString, SigmaValue,
};
use serde_json::Value;

use crate::sigma::fields::{Field, Mapping, Service};
use crate::sigma::index::Index;
use crate::sigma::literal::{Place, indented, joined};
use crate::sigma::modifiers::{Comparison, Link, Test};
use crate::sigma::predicate::{self, Condition};

/// Keys of the state that is carried through a conversion: the service, and what was met.
const SERVICE: &str = "service";
const COLUMNS: &str = "columns";
const NOTES: &str = "notes";

/// Most comparisons of one rule. Planning a query goes one call deeper with every link of a chain of
/// conditions. The most that a rule of `SigmaHQ` for Azure makes is 11.
const MAX_COMPARISONS: u64 = 250;

/// Deepest nesting of a condition. Those of `SigmaHQ`'s rules for Azure nest three deep.
const MAX_DEPTH: usize = 32;

/// Key of the state under which comparisons are counted.
const COMPARISONS: &str = "comparisons";

/// Writes SQL for DataFusion.
#[derive(Debug)]
pub(super) struct DataFusion<'c> {
    /// What fields are.
    pub(super) mapping: &'c Mapping,
    /// The rules that correlations speak of.
    pub(super) index: &'c Index<'c>,
}

/// The condition of one rule, and what it rests on.
#[derive(Debug, Clone)]
pub(super) struct Predicate<'c> {
    /// The log.
    pub(super) service: &'c Service,
    /// The condition, the log's own included.
    pub(super) sql: String,
    /// The columns that it reads.
    pub(super) columns: Vec<String>,
    /// What a reader must know.
    pub(super) notes: Vec<String>,
}

/// An error that says only why.
pub(super) fn refused(reason: impl Into<String>) -> ConvertError {
    ConvertError::RuleConversion(reason.into())
}

/// Why something was not converted, in one line.
pub(super) fn reason(error: &ConvertError) -> String {
    match error {
        ConvertError::RuleConversion(reason) => reason.clone(),
        other => other.to_string(),
    }
}

impl<'c> DataFusion<'c> {
    /// The condition of a rule.
    ///
    /// # Errors
    ///
    /// Why it cannot be said over events.
    pub(super) fn predicate(&self, rule: &SigmaRule) -> Result<Predicate<'c>> {
        let (name, service) = self.service(rule)?;
        if rule.sigma_version.is_some_and(|version| rsigma_parser::is_unsupported(Some(version))) {
            return Err(refused("it is written for a later version of Sigma"));
        }
        if rule.detection.timeframe.is_some() {
            return Err(refused("the detection has a timeframe, which only correlations have here"));
        }
        let mut state = ConversionState::default();
        state.processing_state.insert(SERVICE.to_owned(), Value::from(name));
        let conditions = rule.detection.conditions.iter();
        conditions.clone().try_for_each(measured)?;
        let parts = conditions
            .map(|condition| self.convert_condition(condition, &rule.detection.named, &mut state))
            .collect::<Result<Vec<_>>>()?;
        let sql = format!("{}\nAND {}", service.condition(), self.convert_condition_or(&parts)?);
        Ok(Predicate { service, sql, columns: texts(&state, COLUMNS), notes: texts(&state, NOTES) })
    }

    /// The service of a rule's log source, with its name.
    fn service(&self, rule: &SigmaRule) -> Result<(&'c str, &'c Service)> {
        let source = &rule.logsource;
        let folded = |word: &Option<String>| word.as_ref().map(|word| word.to_lowercase());
        let (product, service) = (folded(&source.product), folded(&source.service));
        let names: Vec<&str> = self.mapping.names().collect();
        let known = match (product.as_deref(), source.category.as_deref(), service.as_deref()) {
            (Some("azure"), None, Some(service)) => names.iter().find(|name| **name == service),
            _ => None,
        };
        if let Some((name, service)) = known.and_then(|name| Some((*name, self.mapping.service(name)?))) {
            return Ok((name, service));
        }
        let parts = [("product", &source.product), ("category", &source.category), ("service", &source.service)];
        let said: Vec<String> =
            parts.iter().filter_map(|(key, word)| Some(format!("{key} {}", word.as_ref()?))).collect();
        let said = if said.is_empty() { "none".to_owned() } else { said.join(", ") };
        Err(refused(format!("its log source ({said}) is not product azure with service {}", names.join(", "))))
    }

    fn service_of(&self, state: &ConversionState) -> Result<&'c Service> {
        let name = state.get_state_str(SERVICE).unwrap_or_default();
        self.mapping.service(name).ok_or_else(|| refused(format!("the service '{name}' is not known")))
    }

    /// The field of this name; what the rule rests on is noted.
    fn field(&self, name: &str, state: &mut ConversionState) -> Result<&'c Field> {
        let service = self.service_of(state)?;
        let Some(field) = service.field(name) else {
            return Err(refused(format!("the field '{name}' has no column")));
        };
        note(state, COLUMNS, field.column.as_deref());
        note(state, NOTES, field.note.as_deref());
        Ok(field)
    }

    /// A field compared with one value.
    pub(super) fn compare(
        &self,
        name: &str,
        modifiers: &[Modifier],
        value: &SigmaValue,
        state: &mut ConversionState,
    ) -> Result<Condition> {
        count(state)?;
        let test = Comparison::of(modifiers).map_err(refused)?.test;
        let field = self.field(name, state)?;
        let condition = match (test, value) {
            (Test::Text(place, case), SigmaValue::String(value)) => predicate::text(field, value, place, case),
            (Test::Text(Place::Whole, _), value) => predicate::scalar(field, value),
            (Test::Text(place, case), SigmaValue::Integer(_) | SigmaValue::Float(_)) => {
                predicate::text(field, &SigmaString::from_raw(&value.to_string()), place, case)
            }
            (Test::Regex, SigmaValue::String(value)) => {
                predicate::regex(field, &value.original, modifiers).map(|(condition, is_wider)| {
                    let column = &field.expression;
                    let wider = format!("'{column}' is in lower case, so its regular expression ignores case.");
                    note(state, NOTES, is_wider.then_some(wider.as_str()));
                    condition
                })
            }
            (Test::Cidr, SigmaValue::String(value)) => predicate::network(field, &value.original),
            #[expect(clippy::cast_precision_loss, reason = "thresholds beyond 2^53 are not met in logs")]
            (Test::Number(operator), SigmaValue::Integer(value)) => predicate::number(field, operator, *value as f64),
            (Test::Number(operator), SigmaValue::Float(value)) => predicate::number(field, operator, *value),
            (Test::Exists, SigmaValue::Bool(is_there)) => Ok(predicate::exists(field, *is_there)),
            (Test::Field, SigmaValue::String(other)) => predicate::same(field, self.field(&other.original, state)?),
            (_, other) => Err(format!("the value '{other}' does not fit the modifier of '{name}'")),
        };
        condition.map_err(refused)
    }

    /// All values of a field.
    pub(super) fn item(&self, item: &DetectionItem, state: &mut ConversionState) -> Result<String> {
        let Comparison { test, link, is_negated } = Comparison::of(&item.field.modifiers).map_err(refused)?;
        let name = item.field.name.as_deref().ok_or_else(keyword)?;
        if (is_negated || matches!(test, Test::Number(_) | Test::Exists | Test::Field)) && item.values.len() > 1 {
            return Err(refused(format!("the modifier of '{name}' is for one value, not for a list")));
        }
        let mut conditions: Vec<Condition> = Vec::new();
        for value in &item.values {
            let condition = self.compare(name, &item.field.modifiers, value, state)?;
            // Values of one expression, any of which is enough, are one list.
            let literals = match &condition {
                Condition::In(expression, literals) if link == Link::Any => Some((expression, literals)),
                _ => None,
            };
            let same = literals.and_then(|(expression, literals)| {
                conditions.iter_mut().find_map(|earlier| match earlier {
                    Condition::In(known, list) if known == expression => Some((list, literals)),
                    _ => None,
                })
            });
            match same {
                Some((list, literals)) => {
                    for literal in literals {
                        if !list.contains(literal) {
                            list.push(literal.clone());
                        }
                    }
                }
                None => conditions.push(condition),
            }
        }
        let parts: Vec<String> = conditions.iter().map(Condition::sql).collect();
        let sql = linked(&parts, link)?;
        if !is_negated {
            return Ok(sql);
        }
        let is_there = predicate::exists(self.field(name, state)?, true).sql();
        Ok(joined(&[is_there, self.convert_condition_not(&sql)?], Link::All.word()))
    }

    pub(super) fn detections(&self, list: &[Detection], link: Link, state: &mut ConversionState) -> Result<String> {
        let parts = list.iter().map(|one| self.convert_detection(one, state)).collect::<Result<Vec<_>>>()?;
        linked(&parts, link)
    }

    /// `1 of`, `all of` or `N of` the detections whose names match, in the order of their names.
    pub(super) fn selector(
        &self,
        quantifier: &Quantifier,
        pattern: &SelectorPattern,
        detections: &HashMap<String, Detection>,
        state: &mut ConversionState,
    ) -> Result<String> {
        let mut chosen: Vec<(&String, &Detection)> =
            detections.iter().filter(|(name, _)| pattern.matches_detection_name(name)).collect();
        chosen.sort_by_key(|(name, _)| *name);
        if chosen.is_empty() {
            return Err(refused(format!("no detection is called '{pattern}'")));
        }
        let parts = chosen.iter().map(|(_, one)| self.convert_detection(one, state)).collect::<Result<Vec<_>>>()?;
        match quantifier {
            Quantifier::Any | Quantifier::Count(1) => self.convert_condition_or(&parts),
            Quantifier::All => self.convert_condition_and(&parts),
            Quantifier::Count(least) => {
                let counted = parts.iter().map(|part| format!("CASE WHEN {} THEN 1 ELSE 0 END", indented(part)));
                Ok(format!("({}) >= {least}", counted.collect::<Vec<_>>().join("\n  + ")))
            }
        }
    }
}

/// Adds a text to a list of the state, once.
fn note(state: &mut ConversionState, key: &str, text: Option<&str>) {
    let Some(text) = text.map(Value::from) else { return };
    let list = state.processing_state.entry(key.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list
        && !list.contains(&text)
    {
        list.push(text);
    }
}

/// Counts a comparison.
fn count(state: &mut ConversionState) -> Result<()> {
    let so_far = state.processing_state.get(COMPARISONS).and_then(Value::as_u64).unwrap_or(0);
    if so_far >= MAX_COMPARISONS {
        return Err(refused(format!("it makes more than {MAX_COMPARISONS} comparisons")));
    }
    state.processing_state.insert(COMPARISONS.to_owned(), Value::from(so_far + 1));
    Ok(())
}

/// Refuses a condition that nests too deep.
pub(super) fn measured(condition: &ConditionExpr) -> Result<()> {
    fn depth(condition: &ConditionExpr) -> usize {
        1 + match condition {
            ConditionExpr::And(list) | ConditionExpr::Or(list) => list.iter().map(depth).max().unwrap_or(0),
            ConditionExpr::Not(inner) => depth(inner),
            ConditionExpr::Identifier(_) | ConditionExpr::Selector { .. } => 0,
        }
    }
    let depth = depth(condition);
    if depth > MAX_DEPTH {
        return Err(refused(format!("its condition nests {depth} deep, and at most {MAX_DEPTH} are taken")));
    }
    Ok(())
}

fn texts(state: &ConversionState, key: &str) -> Vec<String> {
    let list = state.processing_state.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

pub(super) fn linked(parts: &[String], link: Link) -> Result<String> {
    if parts.is_empty() {
        return Err(refused("a detection says nothing: every event would match"));
    }
    Ok(joined(parts, link.word()))
}

pub(super) fn keyword() -> ConvertError {
    refused("it looks for keywords anywhere in a record, of which events keep columns only")
}

pub(super) fn arrays() -> ConvertError {
    refused("it compares members of lists, which columns do not have")
}
