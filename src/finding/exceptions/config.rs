//! Reads `airside.toml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::arm::{fold_arm_id, fold_guid};
use crate::error::RunError;
use crate::event::vocabulary::{OpClass, Word as _};
use crate::ip::Range;
use crate::rule::params::{ParamConfig, RuleConfig};
use crate::rule::{Profile, Severity, did_you_mean};
use crate::sql::tables::side_table;
use crate::time::{UtcMicros, parse_bound};

/// What a configuration file says. Names of rules are not looked up yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// Evidence that is expected.
    pub expected: Vec<Expected>,
    /// Settings of rules, by id or alias.
    pub rules: BTreeMap<String, RuleConfig>,
    /// Rules of this profile run besides `core`.
    pub profile: Option<Profile>,
    /// Where identities may be used from, each range with its text.
    pub allowed_ip: Vec<(Range, String)>,
}

/// An exception: what of a rule's evidence is expected. What is not said covers everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Id or alias of the rule.
    pub rule: String,
    /// Object id of the identity that findings would be about, folded.
    pub principal: Option<String>,
    /// ARM id of what is touched, or of something above it, folded.
    pub target: Option<String>,
    /// Class of the operation.
    pub op_class: Option<String>,
    /// Events from this time on are not expected any more.
    pub until: Option<Until>,
    /// Why it is expected.
    pub reason: String,
    /// File, line and column of its rule, for messages.
    pub place: String,
}

/// The end of an exception. A day means its midnight in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    /// As it was written.
    pub text: String,
    /// The first instant that is no longer covered.
    pub time: UtcMicros,
}

/// The file as TOML has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    expected: Vec<Row>,
    #[serde(default)]
    rules: BTreeMap<Spanned<String>, Settings>,
    profile: Option<Profile>,
    #[serde(default)]
    network: Network,
}

/// The `[network]` table as TOML has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    #[serde(default)]
    allowed_ip: Vec<Spanned<String>>,
}

/// A `[rules.<id>]` table as TOML has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    enabled: Option<bool>,
    severity: Option<Severity>,
    #[serde(default)]
    params: BTreeMap<Spanned<String>, toml::Value>,
}

/// An `[[expected]]` table as TOML has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    rule: Spanned<String>,
    principal: Option<Spanned<String>>,
    target: Option<Spanned<String>>,
    op_class: Option<Spanned<String>>,
    until: Option<Spanned<toml::Value>>,
    reason: Spanned<String>,
}

/// Where the values of a file stand.
#[derive(Clone, Copy)]
struct Source<'f> {
    file: &'f str,
    text: &'f str,
}

impl Source<'_> {
    /// File, line and column of what stands there.
    fn place<T>(self, value: &Spanned<T>) -> String {
        self.place_of_byte(value.span().start)
    }

    fn place_of_byte(self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.file)
    }

    /// Reads a value, or says where it stands and what is wrong with it.
    fn read<T, U>(self, value: Spanned<T>, read: impl FnOnce(T) -> Result<U, String>) -> Result<U, String> {
        let place = self.place(&value);
        read(value.into_inner()).map_err(|wrong| format!("{place}: {wrong}"))
    }
}

impl Config {
    /// The `allowed_ip` side table.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`]: a defect of ours.
    pub fn allowed_ip_table(&self) -> Result<RecordBatch, RunError> {
        let column = |text: fn(&(Range, String)) -> &str| -> ArrayRef {
            Arc::new(self.allowed_ip.iter().map(|row| Some(text(row))).collect::<StringArray>())
        };
        side_table("allowed_ip", vec![column(|row| &row.0.first), column(|row| &row.0.last), column(|row| &row.1)])
    }

    /// Reads a configuration. `file` names it in messages.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] with file, line, column and what would be right: the TOML's own fault
    /// first, else everything that is wrong with the values.
    pub fn parse(file: &str, text: &str) -> Result<Self, RunError> {
        let source = Source { file, text };
        let read: File = toml::from_str(text).map_err(|error| RunError::usage(toml_message(source, &error)))?;
        let (mut expected, mut allowed_ip, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for row in read.expected {
            match Expected::from_row(row, source) {
                Ok(row) => expected.push(row),
                Err(message) => wrong.push(message),
            }
        }
        for range in read.network.allowed_ip {
            let parse = |range: String| match Range::parse(&range) {
                Some(parsed) => Ok((parsed, range)),
                None => Err(format!("'{range}' is no address and no range such as 203.0.113.0/24")),
            };
            match source.read(range, parse) {
                Ok(range) => allowed_ip.push(range),
                Err(message) => wrong.push(message),
            }
        }
        let rules = read.rules.into_iter().map(|(name, settings)| settings.of_rule(name, source)).collect();
        if wrong.is_empty() {
            Ok(Self { expected, rules, profile: read.profile, allowed_ip })
        } else {
            Err(RunError::usage(wrong.join("\n")))
        }
    }
}

impl Settings {
    fn of_rule(self, name: Spanned<String>, source: Source<'_>) -> (String, RuleConfig) {
        let params = self.params.into_iter().map(|(name, value)| {
            let place = source.place(&name);
            (name.into_inner(), ParamConfig { place, value })
        });
        let (place, params) = (source.place(&name), params.collect());
        (name.into_inner(), RuleConfig { place, enabled: self.enabled, severity: self.severity, params })
    }
}

fn toml_message(source: Source<'_>, error: &toml::de::Error) -> String {
    let mut message = error.message().replace('\n', "; ");
    let mut names = error.message().split('`').skip(1).step_by(2);
    if let Some(wrong) = names.next().filter(|_| message.starts_with("unknown")) {
        message.push_str(&did_you_mean(wrong, names));
    }
    let place = error.span().map_or_else(|| source.file.to_owned(), |span| source.place_of_byte(span.start));
    format!("{place}: {message}")
}

impl Expected {
    fn from_row(row: Row, source: Source<'_>) -> Result<Self, String> {
        let reason = |reason: String| match reason.trim() {
            "" => Err("an exception gives its reason".to_owned()),
            _ => Ok(reason),
        };
        let principal = |principal: String| {
            let mut folded = String::new();
            let is_guid = fold_guid(&principal, &mut folded);
            is_guid.then_some(folded).ok_or_else(|| format!("the principal '{principal}' is no object id"))
        };
        let target = |target: String| {
            let mut folded = String::new();
            fold_arm_id(&target, &mut folded);
            // An empty prefix would cover every target.
            (!folded.is_empty()).then_some(folded).ok_or_else(|| "the target is empty".to_owned())
        };
        let op_class = |class: String| {
            let hint = || did_you_mean(&class, OpClass::WORDS.iter().copied());
            let is_known = OpClass::from_word(&class).is_some();
            if is_known { Ok(class) } else { Err(format!("there is no operation class '{class}'{}", hint())) }
        };
        Ok(Self {
            place: source.place(&row.rule),
            rule: row.rule.into_inner(),
            principal: row.principal.map(|value| source.read(value, principal)).transpose()?,
            target: row.target.map(|value| source.read(value, target)).transpose()?,
            op_class: row.op_class.map(|value| source.read(value, op_class)).transpose()?,
            until: row.until.map(|value| source.read(value, |value| Until::parse(&value))).transpose()?,
            reason: source.read(row.reason, reason)?,
        })
    }
}

impl Until {
    fn parse(value: &toml::Value) -> Result<Self, String> {
        let wrong =
            || format!("until is a day or a time with its offset, 2027-01-01 or 2027-01-01T00:00:00Z, not {value}");
        let at = match value {
            toml::Value::Datetime(at) => *at,
            toml::Value::String(text) => match text.parse::<Datetime>() {
                Ok(at) => at,
                // The parser's own words speak of TOML, which the text between quotes is not.
                Err(_) => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        if at.date.is_none() || at.time.is_some() != at.offset.is_some() {
            return Err(wrong());
        }
        let text = at.to_string();
        // No age can get here, so the present does not matter.
        let time = parse_bound(&text, UtcMicros(0))?;
        Ok(Self { text, time })
    }
}
