//! Typed thresholds: from the head or the configuration to values that are bound, never pasted.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::{ParamValues, ScalarValue};

use crate::rule::{Rule, Severity, did_you_mean};

/// Values for a rule's parameters, by name without `$`.
pub type Params = BTreeMap<String, ScalarValue>;

/// What the configuration says about a rule: the table `[rules.<id>]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleConfig {
    /// File, line and column of its name, for messages.
    pub place: String,
    /// Whether it runs, whatever its profile.
    pub enabled: Option<bool>,
    /// Its severity, instead of the head's.
    pub severity: Option<Severity>,
    /// Values instead of the defaults of its parameters.
    pub params: BTreeMap<String, ParamConfig>,
}

/// What the configuration says of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamConfig {
    /// File, line and column of its name, for messages.
    pub place: String,
    /// Its value.
    pub value: toml::Value,
}

/// The SQL value of a TOML value; `None` for dates, arrays and tables.
pub fn scalar(value: &toml::Value) -> Option<ScalarValue> {
    match value {
        toml::Value::Integer(number) => Some(ScalarValue::Int64(Some(*number))),
        toml::Value::Float(number) => Some(ScalarValue::Float64(Some(*number))),
        toml::Value::String(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
        toml::Value::Boolean(value) => Some(ScalarValue::Boolean(Some(*value))),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

/// The values that the rule's head, and its configuration if one was applied, give.
pub fn values(rule: &Rule) -> Params {
    rule.head.params.iter().filter_map(|(name, param)| Some((name.clone(), scalar(&param.default)?))).collect()
}

/// The values as the query engine takes them.
pub fn bound(params: &Params) -> ParamValues {
    let pairs: Vec<(String, ScalarValue)> = params.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    ParamValues::from(pairs)
}

/// Whether a value of this type may stand where the query wants `wanted`.
pub fn fits(value: &ScalarValue, wanted: &DataType) -> bool {
    match value {
        ScalarValue::Int64(_) => wanted.is_numeric(),
        ScalarValue::Float64(_) => wanted.is_floating(),
        ScalarValue::Utf8(_) => is_text(wanted),
        ScalarValue::Boolean(_) => *wanted == DataType::Boolean,
        _ => false,
    }
}

/// Whether a column of this type holds text.
pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Puts what the configuration says into the rule.
///
/// # Errors
///
/// A message with its place for each parameter that the rule does not have, or that has another type
/// there.
pub fn configure(rule: &mut Rule, config: &RuleConfig) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    rule.settings.enabled = config.enabled.or(rule.settings.enabled);
    rule.settings.severity = config.severity.or(rule.settings.severity);
    let id = rule.head.id.clone();
    for (name, ParamConfig { place, value }) in &config.params {
        let hint = did_you_mean(name, rule.head.params.keys().map(String::as_str));
        let Some(param) = rule.head.params.get_mut(name) else {
            wrong.push(format!("{place}: the rule '{id}' has no parameter '{name}'{hint}"));
            continue;
        };
        match same_type(&param.default, value) {
            Some(value) if is_negative(&value) && !is_negative(&param.default) => {
                wrong.push(format!("{place}: the parameter '{name}' of the rule '{id}' cannot be negative"));
            }
            Some(value) => param.default = value,
            None => wrong.push(format!(
                "{place}: the parameter '{name}' of the rule '{id}' is of type {}, not {}",
                param.default.type_str(),
                value.type_str()
            )),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn is_negative(value: &toml::Value) -> bool {
    value.as_integer().is_some_and(|number| number < 0) || value.as_float().is_some_and(|number| number < 0.0)
}

/// `value` in the type of `default`. A whole number is a float where a float is wanted.
fn same_type(default: &toml::Value, value: &toml::Value) -> Option<toml::Value> {
    match (default, value) {
        (toml::Value::Float(_), toml::Value::Integer(number)) => {
            // Thresholds are small; a number beyond 2^31 is refused rather than rounded.
            i32::try_from(*number).ok().map(|number| toml::Value::Float(f64::from(number)))
        }
        _ if default.same_type(value) => Some(value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::exceptions::Config;
    use crate::rule::front_matter::tests::rule;

    fn config(text: &str) -> RuleConfig {
        let config = Config::parse("a.toml", &format!("[rules.sample-rule]\n{text}")).unwrap();
        config.rules.into_values().next().unwrap()
    }

    #[test]
    fn configured_values_replace_the_defaults() {
        let mut rule = rule();

        configure(&mut rule, &config("enabled = false\nseverity = \"low\"\nparams.min_events = 7")).unwrap();

        assert_eq!(values(&rule), Params::from([("min_events".to_owned(), ScalarValue::Int64(Some(7)))]));
        assert_eq!(rule.settings.enabled, Some(false));
        assert_eq!(rule.severity(None), Severity::Low);
    }

    #[test]
    fn a_parameter_of_another_name_or_type_is_refused() {
        let mut rule = rule();

        let wrong = configure(&mut rule, &config("params.min_event = 7\nparams.min_events = \"7\"")).unwrap_err();

        assert_eq!(
            wrong,
            [
                "a.toml:2:8: the rule 'sample-rule' has no parameter 'min_event'; did you mean 'min_events'?",
                "a.toml:3:8: the parameter 'min_events' of the rule 'sample-rule' is of type integer, not string",
            ]
        );
        assert_eq!(values(&rule)["min_events"], ScalarValue::Int64(Some(2)));
    }

    #[test]
    fn what_cannot_be_less_than_nothing_is_refused() {
        let wrong = configure(&mut rule(), &config("params.min_events = -7")).unwrap_err();

        assert_eq!(wrong, ["a.toml:2:8: the parameter 'min_events' of the rule 'sample-rule' cannot be negative"]);
    }

    #[test]
    fn whole_numbers_are_floats_where_floats_are_wanted() {
        let float = toml::Value::Float(0.5);

        assert_eq!(same_type(&float, &toml::Value::Integer(2)), Some(toml::Value::Float(2.0)));
        assert_eq!(same_type(&toml::Value::Integer(2), &float), None);
        assert_eq!(same_type(&float, &toml::Value::Integer(i64::MAX)), None);
    }

    #[test]
    fn types_fit_where_the_query_can_use_them() {
        let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));

        assert!(fits(&ScalarValue::Int64(Some(1)), &DataType::Float64));
        assert!(fits(&ScalarValue::from("a"), &text));
        assert!(!fits(&ScalarValue::from("1"), &DataType::Int64));
        assert!(!fits(&ScalarValue::Float64(Some(1.5)), &DataType::Int64));
        assert!(!fits(&ScalarValue::Boolean(Some(true)), &DataType::Utf8));
    }
}
