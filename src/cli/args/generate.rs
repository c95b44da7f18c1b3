//! Flags of `generate`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::args::ProgressChoice;
use crate::error::RunError;
use crate::generate::{Compress, Form, Incidents, Inventory, Options};
use crate::rule::did_you_mean;

/// Most workspaces and days that make sense: beyond them numbers in names lose their width.
const MOST: i64 = 100_000;

/// Flags of `generate`.
#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    /// Folder to write to: empty, or not there yet
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// What chance begins with: the same seed and flags give the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Workspaces of the tenant
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=MOST))]
    pub workspaces: u32,

    /// Days to tell of, from 2026-05-04 on
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=MOST))]
    pub days: u32,

    /// Log records a day, of the whole tenant, incidents not counted
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub events_per_day: u64,

    /// Incidents to plant: `all`, `none`, or ids of rules; comma or repeat
    #[arg(long, value_name = "all|none|RULE", value_delimiter = ',', default_value = "all")]
    pub incidents: Vec<String>,

    /// Forms of the logs; where there are several, each event has one of them; comma or repeat
    #[arg(long, value_name = "FORM", value_delimiter = ',', value_parser = form_parser(), default_value = "archive")]
    pub forms: Vec<Form>,

    /// Compress the logs
    #[arg(long)]
    pub gzip: bool,

    /// Do not write the exports that say who is who
    #[arg(long)]
    pub no_inventory: bool,

    /// Progress on standard error. `auto`: a bar, if that is a terminal
    #[arg(long, value_name = "HOW", value_enum, default_value_t = ProgressChoice::Auto)]
    pub progress: ProgressChoice,
}

impl GenerateArgs {
    /// Checks everything that can be checked before any work.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for a rule without an incident.
    pub fn options(&self) -> Result<Options, RunError> {
        let mut forms = self.forms.clone();
        forms.sort_unstable();
        forms.dedup();
        let incidents = incidents(&self.incidents)?;
        if let Some((rule, days)) = incidents.too_long_for(self.days).filter(|_| self.incidents != ["all"]) {
            return Err(RunError::usage(format!("--incidents {rule}: such an incident takes at least {days} --days")));
        }
        Ok(Options {
            seed: self.seed,
            workspaces: usize::try_from(self.workspaces).unwrap_or(usize::MAX),
            days: self.days,
            events_per_day: self.events_per_day,
            incidents,
            forms,
            compress: if self.gzip { Compress::Gzip } else { Compress::Not },
            inventory: if self.no_inventory { Inventory::Omit } else { Inventory::Export },
        })
    }
}

fn incidents(words: &[String]) -> Result<Incidents, RunError> {
    match words {
        [word] if word == "all" => return Ok(Incidents::all()),
        [word] if word == "none" => return Ok(Incidents::none()),
        _ => {}
    }
    let mut incidents = Incidents::none();
    for word in words {
        incidents.add(word).ok_or_else(|| RunError::Usage {
            message: format!(
                "--incidents {word}: there is no incident of such a rule{}",
                did_you_mean(word, Incidents::names())
            ),
            hint: Some(format!("all, none, or any of {}", Incidents::names().collect::<Vec<_>>().join(", "))),
        })?;
    }
    Ok(incidents)
}

/// Parser of forms, which names them all in its errors.
fn form_parser() -> impl TypedValueParser<Value = Form> {
    PossibleValuesParser::new(Form::ALL.map(Form::word)).try_map(|word| Form::from_word(&word).ok_or("no such form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Incidents, RunError> {
        incidents(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn incidents_are_all_none_or_named_by_rule() {
        assert!(parsed(&["all"]).is_ok());
        assert!(parsed(&["none"]).is_ok());
        assert!(parsed(&["dbmi-storage-data-access", "R03"]).is_ok());
    }

    #[test]
    fn an_unknown_rule_is_refused_with_the_valid_ones() {
        let error = parsed(&["dbmi-storage-data-acces"]).unwrap_err();

        assert_eq!(error.exit_code(), crate::error::ExitCode::Usage);
        let RunError::Usage { hint: Some(hint), .. } = error else { panic!("no hint") };
        assert!(hint.contains("dbmi-storage-data-access"), "{hint}");
    }
}
