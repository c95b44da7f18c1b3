//! Flags that choose rules, and the selection that they make.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::must_exist;
use super::values::{self, profile_parser};
use crate::error::RunError;
use crate::rule::Profile;

/// Flags that choose rules.
#[derive(Debug, Clone, Args)]
pub struct RuleArgs {
    /// Folder of rules to add to the shipped ones; repeatable
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,

    /// Run these rules only, whatever their profile; comma or repeat
    #[arg(long, value_name = "ID", value_delimiter = ',', conflicts_with_all = ["enable", "profile"])]
    pub only: Vec<String>,

    /// Run these rules too, whatever their profile; comma or repeat
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub enable: Vec<String>,

    /// Do not run these rules; comma or repeat
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub disable: Vec<String>,

    /// Run the rules of these profiles besides those of `core`; comma or repeat
    #[arg(long, value_name = "PROFILE", value_delimiter = ',', value_parser = profile_parser())]
    pub profile: Vec<Profile>,

    /// File that remembers what each Databricks identity did in earlier runs; made or brought up to date by this one
    ///
    /// Rules on what was never seen before need it; the first run only fills it.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    /// Stop a rule that runs longer, such as 30s or 5m; the others go on, and the exit code is 2
    ///
    /// It is reported as not evaluable: what it would have found is not known.
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub timeout: Option<Duration>,
}

/// Which rules to run, by id and profile, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSelection {
    /// Folders of rules added to the shipped ones; each was there.
    pub folders: Vec<PathBuf>,
    /// Run these only; empty for all.
    pub only: Vec<String>,
    /// Run these too.
    pub enable: Vec<String>,
    /// Do not run these.
    pub disable: Vec<String>,
    /// Profiles to run; never empty.
    pub profiles: Vec<Profile>,
    /// How long a rule may run.
    pub timeout: Option<Duration>,
}

impl RuleArgs {
    /// Which rules to run.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for a folder that is not there.
    pub fn selection(&self) -> Result<RuleSelection, RunError> {
        for folder in &self.rules {
            must_exist(folder)?;
        }
        let profiles = if self.profile.is_empty() { vec![Profile::Core] } else { self.profile.clone() };
        Ok(RuleSelection {
            folders: self.rules.clone(),
            only: self.only.clone(),
            enable: self.enable.clone(),
            disable: self.disable.clone(),
            profiles,
            timeout: self.timeout,
        })
    }
}
