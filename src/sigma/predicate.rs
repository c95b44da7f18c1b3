//! One field compared with one value, as SQL.
//!
//! A condition may be null where a column is: null counts as not matched, and `NOT` is written
//! `IS NOT TRUE`, so that a field which is not there is not matched and its negation is.

use regex::Regex;
use rsigma_parser::{Modifier, SigmaString, SigmaValue, StringPart};

use crate::event::fold::fold;
use crate::event::schema::Fold;
use crate::ip::Range;
use crate::sigma::fields::{Field, Kind};
use crate::sigma::literal::{Place, pattern, quoted};
use crate::sigma::modifiers::{Case, regex_flags};

/// `expression = literal`, kept apart so that several can become one `IN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// This expression is one of these literals.
    In(String, Vec<String>),
    /// Anything else.
    Sql(String),
}

impl Condition {
    /// The condition as SQL.
    pub(super) fn sql(&self) -> String {
        /// Longer lists have a line for every value.
        const MAX_LINE_CHARS: usize = 80;
        match self {
            Self::In(expression, literals) => match literals.as_slice() {
                [only] => format!("{expression} = {only}"),
                several => {
                    let list = several.join(", ");
                    if list.chars().count() <= MAX_LINE_CHARS {
                        format!("{expression} IN ({list})")
                    } else {
                        format!("{expression} IN (\n  {}\n)", several.join(",\n  "))
                    }
                }
            },
            Self::Sql(sql) => sql.clone(),
        }
    }
}

/// The field's value is this text, at this place in it.
pub(super) fn text(field: &Field, value: &SigmaString, place: Place, case: Case) -> Result<Condition, String> {
    if !field.values.is_empty() {
        return word(field, value, place);
    }
    refuse_impossible(field, value)?;
    let expression = &field.expression;
    match field.kind {
        Kind::Folded(_) if case == Case::Respected => {
            return Err(format!("'cased' asks for upper and lower case, and '{expression}' is all in lower case"));
        }
        Kind::Number | Kind::Bool => {
            return Err(format!("the value '{}' is text, and '{expression}' is not", shown(value)));
        }
        Kind::Folded(_) | Kind::Text => {}
    }
    if let Some(plain) = value.as_plain().filter(|_| place == Place::Whole) {
        return whole(field, &plain, case);
    }
    let (expression, pattern) = comparable(field, &pattern(value, place), case);
    Ok(Condition::Sql(format!("{expression} LIKE {}", quoted(&pattern)?)))
}

/// The field's value is this text and nothing more.
fn whole(field: &Field, plain: &str, case: Case) -> Result<Condition, String> {
    let expression = &field.expression;
    let Kind::Folded(kind) = field.kind else {
        if plain.is_empty() {
            // Text that is empty was read as null.
            return Ok(Condition::Sql(format!("coalesce({expression}, '') = ''")));
        }
        let (expression, literal) = comparable(field, plain, case);
        return Ok(Condition::In(expression, vec![quoted(&literal)?]));
    };
    let mut literal = String::new();
    if !fold(kind, plain, &mut literal) {
        return Ok(Condition::Sql(format!("{expression} IS NULL")));
    }
    let (expression, literal) = comparable(field, &literal, case);
    Ok(Condition::In(expression, vec![quoted(&literal)?]))
}

/// Expression and text, both in lower case where case is ignored. Columns were folded for ASCII
/// only, so other letters are folded here.
fn comparable(field: &Field, text: &str, case: Case) -> (String, String) {
    let expression = &field.expression;
    let is_folded = matches!(field.kind, Kind::Folded(_)) && text.is_ascii();
    if case == Case::Respected {
        (expression.clone(), text.to_owned())
    } else if is_folded {
        (expression.clone(), text.to_ascii_lowercase())
    } else {
        (format!("lower({expression})"), text.to_lowercase())
    }
}

/// The field is this word, which the column has in words of its own.
fn word(field: &Field, value: &SigmaString, place: Place) -> Result<Condition, String> {
    let known = || field.values.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let plain = value.as_plain().filter(|_| place == Place::Whole);
    let Some(plain) = plain else {
        return Err(format!(
            "'{}' stands for parts of words, and '{}' knows whole ones: {}",
            shown(value),
            field.expression,
            known()
        ));
    };
    let Some(words) = field.values.get(&plain.to_lowercase()) else {
        return Err(format!("the value '{}' is not one that '{}' tells: {}", shown(value), field.expression, known()));
    };
    let literals = words.iter().map(|word| quoted(word)).collect::<Result<_, _>>()?;
    Ok(Condition::In(field.expression.clone(), literals))
}

/// Refuses a text that the column cannot have: the rule would be silent forever.
fn refuse_impossible(field: &Field, value: &SigmaString) -> Result<(), String> {
    let is_impossible = |part: &StringPart| match part {
        StringPart::Plain(text) => text.contains(|character| field.never.contains(character)),
        StringPart::Special(_) => false,
    };
    if value.parts.iter().any(is_impossible) {
        return Err(format!("the value '{}' never stands in '{}'", shown(value), field.expression));
    }
    Ok(())
}

/// A value that is no text. Columns of text have numbers and truth in words.
pub(super) fn scalar(field: &Field, value: &SigmaValue) -> Result<Condition, String> {
    let is_text = matches!(field.kind, Kind::Folded(_) | Kind::Text);
    let expression = &field.expression;
    match value {
        SigmaValue::Null => Ok(Condition::Sql(format!("{expression} IS NULL"))),
        SigmaValue::Bool(is_true) if field.kind == Kind::Bool => {
            Ok(Condition::In(expression.clone(), vec![if *is_true { "TRUE" } else { "FALSE" }.to_owned()]))
        }
        SigmaValue::Integer(_) | SigmaValue::Float(_) if field.kind == Kind::Number => {
            Ok(Condition::In(expression.clone(), vec![value.to_string()]))
        }
        SigmaValue::Integer(_) | SigmaValue::Float(_) | SigmaValue::Bool(_) if is_text => {
            text(field, &SigmaString::from_raw(&value.to_string()), Place::Whole, Case::Ignored)
        }
        other => Err(format!("the value '{other}' is not of the kind of '{expression}'")),
    }
}

/// The field's value matches a regular expression. Columns in lower case cannot tell case apart:
/// the second part says so where it matters.
pub(super) fn regex(field: &Field, expression: &str, modifiers: &[Modifier]) -> Result<(Condition, bool), String> {
    if !field.values.is_empty() || matches!(field.kind, Kind::Number | Kind::Bool) {
        return Err(format!("a regular expression cannot be compared with '{}'", field.expression));
    }
    let is_folded = matches!(field.kind, Kind::Folded(_));
    let expression = format!("{}{expression}", regex_flags(modifiers, is_folded));
    Regex::new(&expression).map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("the regular expression '{}' is not one that the engine knows: {why}", &expression)
    })?;
    let sql = format!("regexp_like({}, {})", field.expression, quoted(&expression)?);
    Ok((Condition::Sql(sql), is_folded && !modifiers.contains(&Modifier::IgnoreCase)))
}

/// The field's value is an address in this network.
pub(super) fn network(field: &Field, network: &str) -> Result<Condition, String> {
    if field.kind != Kind::Folded(Fold::Ip) {
        return Err(format!("'{}' is no address to compare with a network", field.expression));
    }
    let range = Range::parse(network).ok_or_else(|| format!("'{network}' is no network"))?;
    Ok(Condition::Sql(format!("ip_key({}) BETWEEN '{}' AND '{}'", field.expression, range.first, range.last)))
}

/// The field's value is greater or less than this number.
pub(super) fn number(field: &Field, operator: Modifier, value: f64) -> Result<Condition, String> {
    if field.kind != Kind::Number {
        return Err(format!("'{}' is text, which is neither greater nor less than a number", field.expression));
    }
    let operator = match operator {
        Modifier::Gt => ">",
        Modifier::Gte => ">=",
        Modifier::Lt => "<",
        _ => "<=",
    };
    Ok(Condition::Sql(format!("{} {operator} {value}", field.expression)))
}

/// The field is there, or is not.
pub(super) fn exists(field: &Field, is_there: bool) -> Condition {
    let not = if is_there { "NOT " } else { "" };
    Condition::Sql(format!("{} IS {not}NULL", field.expression))
}

/// Two fields have the same value, in whatever case.
pub(super) fn same(one: &Field, other: &Field) -> Result<Condition, String> {
    for field in [one, other] {
        if matches!(field.kind, Kind::Number | Kind::Bool) || !field.values.is_empty() {
            return Err(format!("'{}' is not compared with other fields", field.expression));
        }
    }
    Ok(Condition::Sql(format!("lower({}) = lower({})", one.expression, other.expression)))
}

fn shown(value: &SigmaString) -> &str {
    &value.original
}
