//! What the modifiers of a Sigma field ask for, each of them understood or refused by name.

use rsigma_parser::Modifier;

use crate::sigma::literal::Place;

/// How the values of a field are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    /// The comparison itself.
    pub(super) test: Test,
    /// How several values go together.
    pub(super) link: Link,
    /// `neq`: it must not hold, and the field must be there.
    pub(super) is_negated: bool,
}

/// A comparison of a field with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    /// The value is text at this place.
    Text(Place, Case),
    /// The value is a regular expression.
    Regex,
    /// The value is a network.
    Cidr,
    /// The value is a number to be greater or less than.
    Number(Modifier),
    /// The value says whether the field is there.
    Exists,
    /// The value is the name of another field.
    Field,
}

/// Whether letters in upper and lower case are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// They are not, as usual in Sigma.
    Ignored,
    /// They are: `cased`.
    Respected,
}

/// How several values go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// One of them is enough.
    Any,
    /// `all`: every one must hold.
    All,
}

impl Link {
    /// The operator between the conditions.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Any => "OR",
            Self::All => "AND",
        }
    }
}

impl Comparison {
    /// Reads the modifiers of a field.
    ///
    /// # Errors
    ///
    /// The reason, with the modifier's name, where SQL over events cannot say it.
    pub(super) fn of(modifiers: &[Modifier]) -> Result<Self, String> {
        let mut link = Link::Any;
        let mut case = Case::Ignored;
        let mut is_negated = false;
        let mut tests = Vec::new();
        let mut flags = Vec::new();
        for modifier in modifiers {
            match modifier {
                Modifier::All => link = Link::All,
                Modifier::Cased => case = Case::Respected,
                Modifier::Neq => is_negated = true,
                Modifier::Contains => tests.push(Test::Text(Place::Inside, case)),
                Modifier::StartsWith => tests.push(Test::Text(Place::Start, case)),
                Modifier::EndsWith => tests.push(Test::Text(Place::End, case)),
                Modifier::Re => tests.push(Test::Regex),
                Modifier::Cidr => tests.push(Test::Cidr),
                Modifier::Gt | Modifier::Gte | Modifier::Lt | Modifier::Lte => tests.push(Test::Number(*modifier)),
                Modifier::Exists => tests.push(Test::Exists),
                Modifier::FieldRef => tests.push(Test::Field),
                Modifier::IgnoreCase | Modifier::Multiline | Modifier::DotAll => flags.push(*modifier),
                other => return Err(format!("the modifier '{}' {}", name(*other), reason(*other))),
            }
        }
        let test = match tests.as_slice() {
            [] => Test::Text(Place::Whole, case),
            [Test::Text(place, _)] => Test::Text(*place, case),
            [test] => *test,
            [_, _, ..] => return Err(format!("the modifiers {} contradict each other", names(modifiers))),
        };
        if case == Case::Respected && !matches!(test, Test::Text(..)) {
            return Err(format!("the modifiers {} do not go together", names(modifiers)));
        }
        if let (Some(flag), true) = (flags.first(), test != Test::Regex) {
            return Err(format!("the modifier '{}' is for regular expressions", name(*flag)));
        }
        Ok(Self { test, link, is_negated })
    }
}

/// The flags of a regular expression as it has them itself: `(?im)`, or nothing.
pub(super) fn regex_flags(modifiers: &[Modifier], is_folded: bool) -> String {
    let is_given = |flag| modifiers.contains(&flag);
    let flags = [
        ('i', is_folded || is_given(Modifier::IgnoreCase)),
        ('m', is_given(Modifier::Multiline)),
        ('s', is_given(Modifier::DotAll)),
    ];
    let flags: String = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).collect();
    if flags.is_empty() { flags } else { format!("(?{flags})") }
}

fn names(modifiers: &[Modifier]) -> String {
    let names: Vec<String> = modifiers.iter().map(|modifier| format!("'{}'", name(*modifier))).collect();
    names.join(" and ")
}

fn name(modifier: Modifier) -> &'static str {
    match modifier {
        Modifier::Contains => "contains",
        Modifier::StartsWith => "startswith",
        Modifier::EndsWith => "endswith",
        Modifier::All => "all",
        Modifier::Base64 => "base64",
        Modifier::Base64Offset => "base64offset",
        Modifier::Wide => "wide",
        Modifier::Utf16be => "utf16be",
        Modifier::Utf16 => "utf16",
        Modifier::WindAsh => "windash",
        Modifier::Re => "re",
        Modifier::Cidr => "cidr",
        Modifier::Cased => "cased",
        Modifier::Exists => "exists",
        Modifier::Expand => "expand",
        Modifier::FieldRef => "fieldref",
        Modifier::Gt => "gt",
        Modifier::Gte => "gte",
        Modifier::Lt => "lt",
        Modifier::Lte => "lte",
        Modifier::Neq => "neq",
        Modifier::IgnoreCase => "i",
        Modifier::Multiline => "m",
        Modifier::DotAll => "s",
        Modifier::Minute => "minute",
        Modifier::Hour => "hour",
        Modifier::Day => "day",
        Modifier::Week => "week",
        Modifier::Month => "month",
        Modifier::Year => "year",
    }
}

/// Why a modifier is refused.
fn reason(modifier: Modifier) -> &'static str {
    match modifier {
        Modifier::Expand => "wants a list of yours in place of a placeholder, which rules here do not have",
        Modifier::WindAsh => "is for command lines of Windows",
        Modifier::Minute | Modifier::Hour | Modifier::Day | Modifier::Week | Modifier::Month | Modifier::Year => {
            "takes a part of a time, and no field of Sigma is the time of an event here"
        }
        _ => "looks for encoded text, which no column has",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsigma_parser::parse_field_spec;

    fn of(field: &str) -> Result<Comparison, String> {
        Comparison::of(&parse_field_spec(field).unwrap().modifiers)
    }

    #[test]
    fn modifiers_may_come_in_any_order() {
        let expected =
            Comparison { test: Test::Text(Place::Inside, Case::Respected), link: Link::All, is_negated: false };

        assert_eq!(of("f|contains|all|cased").unwrap(), expected);
        assert_eq!(of("f|cased|all|contains").unwrap(), expected);
        assert!(of("f|neq").unwrap().is_negated);
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_name() {
        for (field, reason) in [
            ("f|base64offset|contains", "'base64offset' looks for encoded text"),
            ("f|expand", "'expand' wants a list"),
            ("f|windash", "'windash' is for command lines"),
            ("f|hour", "'hour' takes a part of a time"),
            ("f|startswith|endswith", "'startswith' and 'endswith' contradict"),
            ("f|contains|i", "'i' is for regular expressions"),
            ("f|re|cased", "do not go together"),
        ] {
            assert!(of(field).unwrap_err().contains(reason), "{field}");
        }
    }

    #[test]
    fn flags_stand_in_the_expression() {
        assert_eq!(regex_flags(&[Modifier::Re, Modifier::DotAll], true), "(?is)");
        assert_eq!(regex_flags(&[Modifier::Re], false), "");
    }
}
