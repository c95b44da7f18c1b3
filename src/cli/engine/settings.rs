//! What a run goes by besides logs: the configuration, the baseline, and the rules.

use std::io;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use crate::cli::args::RuleSelection;
use crate::cli::custody::{InputFile, Role};
use crate::digest::Digest;
use crate::error::RunError;
use crate::finding::exceptions::Config;
use crate::pipeline::{Baseline, Cancel};
use crate::rule::load::{Library, Selection};
use crate::rule::{self, Profile};

/// A file that does not exist yet is an empty baseline: this run begins it.
pub(in crate::cli) fn baseline(path: &Path) -> Result<Baseline, RunError> {
    baseline_and_file(path).map(|(baseline, _)| baseline)
}

pub(super) fn baseline_and_file(path: &Path) -> Result<(Baseline, Option<InputFile>), RunError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let baseline = Baseline::parse(&name, &text)?;
            Ok((baseline, Some(InputFile { role: Role::Baseline, name, digest: Digest::of(text.as_bytes()) })))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((Baseline::default(), None)),
        Err(error) => Err(RunError::usage(format!("cannot read {name}: {error}"))),
    }
}

/// The configuration of the file that is named, or an empty one.
pub(in crate::cli) fn config(path: Option<&Path>) -> Result<Config, RunError> {
    config_and_file(path).map(|(config, _)| config)
}

/// The same, and what the file held.
pub(in crate::cli) fn config_and_file(path: Option<&Path>) -> Result<(Config, Option<InputFile>), RunError> {
    let Some(path) = path else { return Ok((Config::default(), None)) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| RunError::usage(format!("cannot read {name}: {error}")))?;
    let config = Config::parse(&name, &text)?;
    Ok((config, Some(InputFile { role: Role::Configuration, name, digest: Digest::of(text.as_bytes()) })))
}

/// The rules, all of them checked, with what the configuration says of them.
pub(in crate::cli) fn library(
    runtime: &Runtime,
    folders: &[PathBuf],
    config: &Config,
    cancel: &Cancel,
) -> Result<Library, RunError> {
    let mut library = runtime.block_on(cancel.interruptible(rule::check::load(folders)))?;
    library.configure(&config.rules)?;
    Ok(library)
}

/// The shipped rules, for commands that run none. What the configuration says of others stays unread:
/// they are known only where `--rules` names their folder.
pub(in crate::cli) fn shipped_rules(runtime: &Runtime, config: &Config, cancel: &Cancel) -> Result<Library, RunError> {
    let mut library = runtime.block_on(cancel.interruptible(rule::check::load(&[])))?;
    let of_shipped = config.rules.iter().filter(|(name, _)| library.find(name).is_ok());
    let of_shipped = of_shipped.map(|(name, settings)| (name.clone(), settings.clone())).collect();
    library.configure(&of_shipped)?;
    Ok(library)
}

pub(in crate::cli) fn selection(wanted: &RuleSelection, configured: Option<Profile>) -> Selection {
    Selection {
        profiles: wanted.profiles.iter().copied().chain(configured).collect(),
        only: wanted.only.clone(),
        enable: wanted.enable.clone(),
        disable: wanted.disable.clone(),
    }
}
