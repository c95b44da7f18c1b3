//! The DataFusion back end of the Sigma converter, behind the converter's own trait.

use std::collections::HashMap;

use rsigma_convert::{Backend, ConversionState, ConvertResult, Result};
use rsigma_eval::pipeline::state::PipelineState;
use rsigma_parser::{
    ConditionExpr, CorrelationRule, Detection, DetectionItem, Modifier, SigmaRule, SigmaString, SigmaValue,
};

use crate::sigma::convert::{DataFusion, arrays, keyword, linked, refused};
use crate::sigma::literal::indented;
use crate::sigma::modifiers::Link;
use crate::sigma::predicate::Condition;
use crate::sigma::{correlation, literal};

impl Backend for DataFusion<'_> {
    fn name(&self) -> &'static str {
        "datafusion"
    }

    fn formats(&self) -> &[(&str, &str)] {
        &[("default", "a query over the view events")]
    }

    fn convert_rule(&self, rule: &SigmaRule, format: &str, _pipeline: &PipelineState) -> Result<Vec<String>> {
        let predicate = self.predicate(rule)?;
        let state = ConversionState::default();
        let query = self.finish_query(rule, predicate.sql, &state)?;
        Ok(vec![self.finalize_query(rule, query, 0, &state, format)?])
    }

    fn convert_condition(
        &self,
        expr: &ConditionExpr,
        detections: &HashMap<String, Detection>,
        state: &mut ConversionState,
    ) -> Result<String> {
        let all = |list: &[ConditionExpr], state: &mut ConversionState| {
            list.iter().map(|one| self.convert_condition(one, detections, state)).collect::<Result<Vec<_>>>()
        };
        match expr {
            ConditionExpr::And(list) => self.convert_condition_and(&all(list, state)?),
            ConditionExpr::Or(list) => self.convert_condition_or(&all(list, state)?),
            ConditionExpr::Not(inner) => self.convert_condition_not(&self.convert_condition(inner, detections, state)?),
            ConditionExpr::Identifier(name) => {
                let detection = detections.get(name);
                let missing = || refused(format!("no detection is called '{name}'"));
                self.convert_detection(detection.ok_or_else(missing)?, state)
            }
            ConditionExpr::Selector { quantifier, pattern } => self.selector(quantifier, pattern, detections, state),
        }
    }

    fn convert_condition_and(&self, exprs: &[String]) -> Result<String> {
        linked(exprs, Link::All)
    }

    fn convert_condition_or(&self, exprs: &[String]) -> Result<String> {
        linked(exprs, Link::Any)
    }

    /// What is null was not matched, so its negation is.
    fn convert_condition_not(&self, expr: &str) -> Result<String> {
        Ok(format!("({expr}) IS NOT TRUE"))
    }

    fn convert_detection(&self, det: &Detection, state: &mut ConversionState) -> Result<String> {
        match det {
            Detection::AllOf(items) => {
                let parts = items.iter().map(|item| self.convert_detection_item(item, state));
                self.convert_condition_and(&parts.collect::<Result<Vec<_>>>()?)
            }
            Detection::AnyOf(list) => self.detections(list, Link::Any, state),
            Detection::And(list) => self.detections(list, Link::All, state),
            Detection::Keywords(_) => Err(keyword()),
            Detection::ArrayMatch { .. } | Detection::Conditional { .. } => Err(arrays()),
        }
    }

    fn convert_detection_item(&self, item: &DetectionItem, state: &mut ConversionState) -> Result<String> {
        self.item(item, state)
    }

    fn escape_and_quote_field(&self, field: &str) -> String {
        format!("\"{}\"", field.replace('"', "\"\""))
    }

    fn convert_value_str(&self, value: &SigmaString, _state: &ConversionState) -> String {
        literal::quoted(&value.original).unwrap_or_else(|_| "NULL".to_owned())
    }

    fn convert_value_re(&self, regex: &str, _state: &ConversionState) -> String {
        literal::quoted(regex).unwrap_or_else(|_| "NULL".to_owned())
    }

    fn convert_field_eq_str(
        &self,
        field: &str,
        value: &SigmaString,
        modifiers: &[Modifier],
        state: &mut ConversionState,
    ) -> Result<ConvertResult> {
        self.compare(field, modifiers, &SigmaValue::String(value.clone()), state).map(|condition| query(&condition))
    }

    fn convert_field_eq_str_case_sensitive(
        &self,
        field: &str,
        value: &SigmaString,
        modifiers: &[Modifier],
        state: &mut ConversionState,
    ) -> Result<ConvertResult> {
        let modifiers = [modifiers, &[Modifier::Cased]].concat();
        self.convert_field_eq_str(field, value, &modifiers, state)
    }

    fn convert_field_eq_num(&self, field: &str, value: f64, state: &mut ConversionState) -> Result<String> {
        self.compare(field, &[], &SigmaValue::Float(value), state).map(|condition| condition.sql())
    }

    fn convert_field_eq_bool(&self, field: &str, value: bool, state: &mut ConversionState) -> Result<String> {
        self.compare(field, &[], &SigmaValue::Bool(value), state).map(|condition| condition.sql())
    }

    fn convert_field_eq_null(&self, field: &str, state: &mut ConversionState) -> Result<String> {
        self.compare(field, &[], &SigmaValue::Null, state).map(|condition| condition.sql())
    }

    fn convert_field_eq_re(
        &self,
        field: &str,
        pattern: &str,
        flags: &[Modifier],
        state: &mut ConversionState,
    ) -> Result<ConvertResult> {
        let modifiers = [&[Modifier::Re], flags].concat();
        self.compare(field, &modifiers, &SigmaValue::from_raw_string(pattern), state).map(|condition| query(&condition))
    }

    fn convert_field_eq_cidr(&self, field: &str, cidr: &str, state: &mut ConversionState) -> Result<ConvertResult> {
        self.compare(field, &[Modifier::Cidr], &SigmaValue::from_raw_string(cidr), state)
            .map(|condition| query(&condition))
    }

    fn convert_field_compare(
        &self,
        field: &str,
        op: &Modifier,
        value: f64,
        state: &mut ConversionState,
    ) -> Result<String> {
        self.compare(field, &[*op], &SigmaValue::Float(value), state).map(|condition| condition.sql())
    }

    fn convert_field_exists(&self, field: &str, exists: bool, state: &mut ConversionState) -> Result<String> {
        self.compare(field, &[Modifier::Exists], &SigmaValue::Bool(exists), state).map(|condition| condition.sql())
    }

    fn convert_field_eq_query_expr(
        &self,
        field: &str,
        _expr: &str,
        _id: &str,
        _state: &mut ConversionState,
    ) -> Result<String> {
        Err(refused(format!("a query in place of a value of '{field}' has no counterpart here")))
    }

    fn convert_field_ref(&self, field1: &str, field2: &str, state: &mut ConversionState) -> Result<ConvertResult> {
        self.compare(field1, &[Modifier::FieldRef], &SigmaValue::from_raw_string(field2), state)
            .map(|condition| query(&condition))
    }

    fn convert_keyword(&self, _value: &SigmaValue, _state: &mut ConversionState) -> Result<String> {
        Err(keyword())
    }

    fn finish_query(&self, _rule: &SigmaRule, query: String, _state: &ConversionState) -> Result<String> {
        Ok(format!("SELECT *\nFROM events\nWHERE {}", indented(&query)))
    }

    fn finalize_query(
        &self,
        _rule: &SigmaRule,
        query: String,
        _index: usize,
        _state: &ConversionState,
        _output_format: &str,
    ) -> Result<String> {
        Ok(query)
    }

    fn finalize_output(&self, queries: Vec<String>, _output_format: &str) -> Result<String> {
        Ok(queries.join("\n"))
    }

    fn supports_correlation(&self) -> bool {
        true
    }

    fn convert_correlation_rule_with_warnings(
        &self,
        rule: &CorrelationRule,
        _output_format: &str,
        _pipeline_state: &PipelineState,
        _warnings: &mut Vec<String>,
    ) -> Result<Vec<String>> {
        Ok(vec![correlation::query(self, rule)?.sql])
    }
}

fn query(condition: &Condition) -> ConvertResult {
    ConvertResult::Query(condition.sql())
}
