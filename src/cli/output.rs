//! Where output goes: standard output, and the files of a run.

pub mod file;
pub mod recorded;
pub mod stdout;
pub mod terminal;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::args::ReadArgs;
use crate::cli::args::values::OutputTarget;
use crate::cli::custody::Custody;
use crate::error::RunError;
use crate::pipeline::Baseline;
use crate::report::{OutputFormat, ReportError};

use file::Place;
pub use file::{OutputFile, Overwrite};
pub use stdout::{Gone, QuietPipe, to_recorded_stdout, to_stdout};
pub use terminal::Terminal;

/// All files of a run.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Reports, each in its format.
    pub reports: Vec<(OutputFormat, OutputFile)>,
    /// `--coverage`.
    pub coverage: Option<OutputFile>,
    /// `--quarantine`.
    pub quarantine: Option<OutputFile>,
    /// `--baseline`.
    pub baseline: Option<OutputFile>,
    /// `--custody`: is told of all the others, and written after them.
    pub custody: Option<Custody>,
}

impl Outputs {
    /// Opens the files of a command that has no reports and no baseline, before any work.
    ///
    /// # Errors
    ///
    /// As [`Outputs::open_with`].
    pub fn open(read: &ReadArgs) -> Result<Self, RunError> {
        Self::open_with::<()>(read, &[], None).map(|(outputs, _none)| outputs)
    }

    /// Opens all files, before any work. A baseline is there to be brought up to date: what it says was
    /// read before, and it is replaced whole.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] as [`OutputFile::create`], and where two of them, or one of them and an
    /// input, are the same file.
    pub fn open_with<F: Copy>(
        read: &ReadArgs,
        reports: &[OutputTarget<F>],
        baseline: Option<&PathBuf>,
    ) -> Result<(Self, Vec<(F, OutputFile)>), RunError> {
        let paths = reports.iter().map(|report| &report.path);
        refuse_shared(paths.chain(&read.coverage).chain(&read.quarantine).chain(&read.custody).chain(baseline), read)?;
        let overwrite = if read.force { Overwrite::Allow } else { Overwrite::Refuse };
        let custody = read.custody.as_ref().map(|path| Custody::open(path, overwrite)).transpose()?;
        let open = |path: &PathBuf, overwrite: Overwrite| {
            let mut file = OutputFile::create(path, overwrite)?;
            if let Some(custody) = &custody {
                file.record_in(custody.log());
            }
            Ok::<_, RunError>(file)
        };
        let reports = reports.iter().map(|report| Ok((report.format, open(&report.path, overwrite)?)));
        let reports = reports.collect::<Result<_, RunError>>()?;
        let coverage = read.coverage.as_ref().map(|path| open(path, overwrite)).transpose()?;
        let quarantine = read.quarantine.as_ref().map(|path| open(path, overwrite)).transpose()?;
        let baseline = baseline.map(|path| open(path, Overwrite::Allow)).transpose()?;
        Ok((Self { reports: Vec::new(), coverage, quarantine, baseline, custody }, reports))
    }

    /// Writes the baseline, where one is kept.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`].
    pub fn write_baseline(&mut self, baseline: Option<&Baseline>) -> Result<(), RunError> {
        let (Some(file), Some(baseline)) = (&mut self.baseline, baseline) else { return Ok(()) };
        let text = baseline.to_text()?;
        file.write_with(|out| out.write_all(text.as_bytes()).map_err(ReportError::write))
    }

    /// Gives every file its name.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::finish`]; the files after the one that failed get no name. A manifest is not
    /// among them: it comes after standard output.
    pub fn finish(self) -> Result<(), RunError> {
        let reports = self.reports.into_iter().map(|(_, file)| file);
        reports.chain(self.coverage).chain(self.quarantine).chain(self.baseline).try_for_each(OutputFile::finish)
    }
}

fn refuse_shared<'a>(paths: impl Iterator<Item = &'a PathBuf>, read: &ReadArgs) -> Result<(), RunError> {
    let inputs =
        read.paths.iter().map(Path::new).chain(read.inventory.iter().chain(&read.config).map(PathBuf::as_path));
    let inputs: BTreeSet<PathBuf> = inputs.filter_map(|input| fs::canonicalize(input).ok()).collect();
    let mut seen = BTreeSet::new();
    for path in paths {
        let target = Place::of(path)?.target;
        if inputs.contains(&target) {
            return Err(RunError::usage(format!("{} is an input and cannot be an output as well", path.display())));
        }
        if !seen.insert(target) {
            return Err(RunError::usage(format!("two outputs to one file: {}", path.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
