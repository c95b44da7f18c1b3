//! Rules: SQL files with a TOML head and prose, checked before any data is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// The SQL, line for line as in the file (head and prose are comments).
    pub sql: String,
    /// The file it came from, for messages.
    pub file: String,
    /// The `.cases.toml` beside it, where there is one.
    pub cases: Option<String>,
}
