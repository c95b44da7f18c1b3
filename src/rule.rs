//! Rules: SQL files with a TOML head and prose, checked before any data is read.

pub mod case;
pub mod check;
pub mod explain;
pub mod front_matter;
pub mod load;
pub mod matrix;
pub mod params;
pub mod run;
pub mod technique;

use std::collections::BTreeMap;
use std::path::PathBuf;

use datafusion::common::utils::datafusion_strsim::levenshtein;
use serde::{Deserialize, Serialize};

use crate::error::RunError;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// All of them, the mildest first.
    pub const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word that stands in rules and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity with this word, if there is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }

    /// One step milder; `informational` stays.
    #[must_use]
    pub fn lowered(self) -> Self {
        match self {
            Self::Informational | Self::Low => Self::Informational,
            Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }

    /// One step worse; `critical` stays.
    #[must_use]
    pub fn raised(self) -> Self {
        match self {
            Self::Informational => Self::Low,
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The infrastructure identity touches data.
    InfraDoingData,
    /// The data identity touches infrastructure.
    DataDoingInfra,
    /// Grants, scopes, ways around the model.
    Governance,
    /// The identity object, its origin, its behaviour.
    IdentityMisuse,
}

/// How far along a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Runs; never decides the exit code.
    Experimental,
    /// Has a case that fires, near misses and an all-null case.
    Stable,
    /// Names its successor.
    Deprecated,
}

/// When a rule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Always.
    Core,
    /// When asked for.
    Hunting,
    /// When asked for.
    Posture,
}

/// Whom a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Subject {
    /// The one that acted.
    #[default]
    #[serde(rename = "principal_id")]
    Principal,
    /// The one that was given something.
    #[serde(rename = "assignee_id")]
    Assignee,
}

/// A typed threshold of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Its value unless configured otherwise: a whole number, float, string or boolean.
    pub default: toml::Value,
    /// Why this value.
    pub why: String,
}

/// The `--!` head of a rule file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its id, the file's name without `.sql`.
    pub id: String,
    /// Other names it can be called by: catalogue numbers, ids of folded branches.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// One line.
    pub title: String,
    /// Severity unless the `severity` column says otherwise.
    pub severity: Severity,
    /// What it is about.
    pub direction: Direction,
    /// How far along it is.
    pub status: Status,
    /// When it runs.
    pub profile: Profile,
    /// Sources that it cannot do without.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Sources of which it needs one at least.
    #[serde(default)]
    pub any_sources: Vec<String>,
    /// Side tables that must not be empty.
    #[serde(default)]
    pub needs: Vec<String>,
    /// ATT&CK techniques.
    #[serde(default)]
    pub attack: Vec<String>,
    /// Columns by which evidence is folded.
    pub group_by: Vec<String>,
    /// Columns shown with a finding.
    #[serde(default)]
    pub details: Vec<String>,
    /// Whom a finding is about.
    #[serde(default)]
    pub subject: Subject,
    /// Typed thresholds, bound as `$name`.
    #[serde(default)]
    pub params: BTreeMap<String, Param>,
    /// Day it was written.
    pub created: toml::value::Datetime,
    /// Day it was last changed.
    pub updated: toml::value::Datetime,
    /// Where to read on.
    #[serde(default)]
    pub references: Vec<String>,
}

/// A loaded rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its head.
    pub head: Head,
    /// Prose sections, heading and text, in order.
    pub prose: Vec<(String, String)>,
    /// The whole file: head and prose are comments to SQL, so places in the query are places in
    /// the file.
    pub sql: String,
    /// The file it came from, for messages.
    pub file: String,
    /// The `.cases.toml` beside it, where there is one.
    pub cases: Option<String>,
    /// What the configuration says about it. Values of parameters stand in the head already.
    pub settings: Settings,
}

/// What a configuration may say about a rule, besides its parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether it runs, whatever its profile.
    pub enabled: Option<bool>,
    /// Its severity, instead of the head's.
    pub severity: Option<Severity>,
}

impl Rule {
    /// Whether the rule goes by this name: its id or an alias, in any case.
    pub fn answers_to(&self, name: &str) -> bool {
        self.names().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Its id, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.head.id.as_str()).chain(self.head.aliases.iter().map(String::as_str))
    }

    /// The severity of evidence whose own column says `own`.
    ///
    /// A configured severity replaces the head's. Evidence that the rule itself rates milder or
    /// worse than its head moves by as many steps, so that an attempt stays milder than a success.
    pub fn severity(&self, own: Option<Severity>) -> Severity {
        let from = self.head.severity;
        let (own, to) = (own.unwrap_or(from), self.settings.severity.unwrap_or(from));
        let steps = (from as usize).abs_diff(to as usize);
        let step = if to < from { Severity::lowered } else { Severity::raised };
        (0..steps).fold(own, |severity, _| step(severity))
    }
}

/// Something wrong in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Line there, from 1, where it is known.
    pub line: Option<usize>,
    /// Column in that line, in characters from 1, where it is known.
    pub column: Option<usize>,
    /// The rule's id, once it is known.
    pub rule: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.file)?;
        for place in [self.line, self.column].into_iter().flatten() {
            write!(f, "{place}:")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, " {rule}:")?;
        }
        write!(f, " {}", self.message)
    }
}

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// A file or folder of rules that cannot be read.
    #[error("cannot read rules from {}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Everything that is wrong in all files, by file and place.
    #[error("{}", problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong {
        /// What is wrong; not empty.
        problems: Vec<Problem>,
    },
}

impl From<RuleError> for RunError {
    fn from(error: RuleError) -> Self {
        match error {
            RuleError::Unreadable { path, source } => {
                Self::usage(format!("cannot read rules from {}: {source}", path.display()))
            }
            RuleError::Wrong { .. } => Self::Rule { message: error.to_string() },
        }
    }
}

/// `; did you mean '…'?` with the nearest of the candidates, or nothing when none is near.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    // A third of the letters wrong is still a slip of the fingers; more is another word.
    let reach = (word.chars().count() / 3).max(2);
    let folded = word.to_ascii_lowercase();
    let nearest = candidates
        .into_iter()
        .map(|candidate| (levenshtein(&folded, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min();
    nearest.map_or_else(String::new, |(_, candidate)| format!("; did you mean '{candidate}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_stop_at_both_ends() {
        assert_eq!(Severity::Critical.raised(), Severity::Critical);
        assert_eq!(Severity::Informational.lowered(), Severity::Informational);
        assert_eq!(Severity::High.lowered(), Severity::Medium);
        assert_eq!(Severity::from_word("medium"), Some(Severity::Medium));
        assert_eq!(Severity::from_word("Medium"), None);
    }

    #[test]
    fn a_configured_severity_moves_the_rows_own_severity_along() {
        let mut rule = front_matter::tests::rule();
        rule.head.severity = Severity::High;
        rule.settings.severity = Some(Severity::Low);

        assert_eq!(rule.severity(None), Severity::Low);
        assert_eq!(rule.severity(Some(Severity::Critical)), Severity::Medium);
        assert_eq!(rule.severity(Some(Severity::Medium)), Severity::Informational);
    }

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(did_you_mean("storag", ["storage", "sql"]), "; did you mean 'storage'?");
        assert_eq!(did_you_mean("weather", ["storage", "sql"]), "");
    }
}
