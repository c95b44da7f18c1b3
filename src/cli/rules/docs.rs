//! `airside rules docs`: the catalogue of the shipped rules as a page, and as a layer for the
//! ATT&CK Navigator.

use std::path::{Path, PathBuf};

use crate::cli::args::DocsArgs;
use crate::cli::output::{OutputFile, Overwrite};
use crate::error::{ExitCode, RunError};
use crate::report::{ReportError, json};
use crate::rule::{Rule, matrix};

mod navigator;
mod page;

/// Where the page stands in the project.
const PAGE: &str = "queries/README.md";

/// Writes what is asked for: the page, the layer, both; or compares the page.
///
/// # Errors
///
/// [`RunError::Rule`] where the page is not what would be written, [`RunError::Usage`] for files
/// that exist or cannot be written.
pub(super) fn run(library: &[Rule], args: &DocsArgs) -> Result<ExitCode, RunError> {
    let page_path = args.output.clone().or_else(|| args.navigator.is_none().then(|| PathBuf::from(PAGE)));
    if let Some(path) = page_path {
        let page = page::page(library, &matrix::rows()?);
        if args.check {
            return check(&path, &page).map(|()| ExitCode::Ran);
        }
        let overwrite = if args.force || is_ours(&path) { Overwrite::Allow } else { Overwrite::Refuse };
        let mut file = OutputFile::create(&path, overwrite)?;
        file.write_with(|out| out.write_all(page.as_bytes()).map_err(ReportError::write))?;
        file.finish()?;
    }
    if let Some(path) = &args.navigator {
        let mut file = OutputFile::create(path, super::overwrite(args.force))?;
        file.write_with(|out| json::write_pretty(out, &navigator::layer(library)))?;
        file.finish()?;
    }
    Ok(ExitCode::Ran)
}

/// Whether an earlier page of this program stands there, which a new one may replace.
fn is_ours(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(page::FIRST_LINE.as_bytes()))
}

fn check(path: &Path, page: &str) -> Result<(), RunError> {
    let shown = path.display();
    let there = std::fs::read(path).map_err(|error| RunError::usage(format!("cannot read {shown}: {error}")))?;
    if there == page.as_bytes() {
        return Ok(());
    }
    let message = format!("{shown} is not what the rules say; renew it: cargo run -- rules docs --output {shown}");
    Err(RunError::Rule { message })
}
