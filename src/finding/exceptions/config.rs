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
use crate::rule::params::RuleConfig;
use crate::rule::{Profile, did_you_mean};
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
    /// File and line, for messages.
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
    expected: Vec<Spanned<Row>>,
    #[serde(default)]
    rules: BTreeMap<String, RuleConfig>,
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

/// An `[[expected]]` table as TOML has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    rule: String,
    principal: Option<String>,
    target: Option<String>,
    op_class: Option<String>,
    until: Option<toml::Value>,
    reason: String,
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
    /// [`RunError::Usage`] with file, line and what would be right: the TOML's own fault first,
    /// else everything that is wrong in the exceptions.
    pub fn parse(file: &str, text: &str) -> Result<Self, RunError> {
        let read: File = toml::from_str(text).map_err(|error| RunError::usage(toml_message(file, text, &error)))?;
        let (mut expected, mut wrong) = (Vec::new(), Vec::new());
        for row in read.expected {
            let place = place(file, text, row.span().start);
            match Expected::from_row(row.into_inner(), &place) {
                Ok(row) => expected.push(row),
                Err(message) => wrong.push(format!("{place}: {message}")),
            }
        }
        let mut allowed_ip = Vec::new();
        for range in read.network.allowed_ip {
            let place = place(file, text, range.span().start);
            let range = range.into_inner();
            match Range::parse(&range) {
                Some(parsed) => allowed_ip.push((parsed, range)),
                None => wrong.push(format!("{place}: '{range}' is no address and no range such as 203.0.113.0/24")),
            }
        }
        if wrong.is_empty() {
            Ok(Self { expected, rules: read.rules, profile: read.profile, allowed_ip })
        } else {
            Err(RunError::usage(wrong.join("\n")))
        }
    }
}

/// File and line of a byte of the text.
fn place(file: &str, text: &str, at: usize) -> String {
    format!("{file}:{}", text.get(..at).unwrap_or(text).matches('\n').count() + 1)
}

fn toml_message(file: &str, text: &str, error: &toml::de::Error) -> String {
    let mut message = error.message().replace('\n', "; ");
    let mut names = error.message().split('`').skip(1).step_by(2);
    if let Some(wrong) = names.next().filter(|_| message.starts_with("unknown")) {
        message.push_str(&did_you_mean(wrong, names));
    }
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => {
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("{file}:{}:{column}: {message}", before.matches('\n').count() + 1)
        }
        None => format!("{file}: {message}"),
    }
}

impl Expected {
    fn from_row(row: Row, place: &str) -> Result<Self, String> {
        if row.reason.trim().is_empty() {
            return Err("an exception gives its reason".to_owned());
        }
        let principal = row.principal.map(|principal| {
            let mut folded = String::new();
            let is_guid = fold_guid(&principal, &mut folded);
            is_guid.then_some(folded).ok_or_else(|| format!("the principal '{principal}' is no object id"))
        });
        let target = row.target.map(|target| {
            let mut folded = String::new();
            fold_arm_id(&target, &mut folded);
            // An empty prefix would cover every target.
            (!folded.is_empty()).then_some(folded).ok_or_else(|| "the target is empty".to_owned())
        });
        if let Some(class) = row.op_class.as_deref().filter(|class| OpClass::from_word(class).is_none()) {
            let hint = did_you_mean(class, OpClass::WORDS.iter().copied());
            return Err(format!("there is no operation class '{class}'{hint}"));
        }
        Ok(Self {
            rule: row.rule,
            principal: principal.transpose()?,
            target: target.transpose()?,
            op_class: row.op_class,
            until: row.until.map(|until| Until::parse(&until)).transpose()?,
            reason: row.reason,
            place: place.to_owned(),
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
