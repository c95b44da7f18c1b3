//! `airside rules import`: Sigma rules for Azure become rules of ours, and what cannot is named.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use datafusion::prelude::SessionContext;
use walkdir::WalkDir;

use super::overwrite;
use crate::cli::args::{ImportArgs, must_exist};
use crate::cli::engine::runtime;
use crate::cli::output::{OutputFile, to_stdout};
use crate::error::{ExitCode, RunError};
use crate::report::ReportError;
use crate::report::escape::{Escaped, escaped};
use crate::rule::load::Library;
use crate::rule::{Problem, Rule, check, front_matter};
use crate::sigma::fields::Mapping;
use crate::sigma::{Imported, Outcome, RuleFile, SigmaFile, import};
use crate::sql::tables;
use crate::time::UtcMicros;

/// Largest file of Sigma rules, in bytes (1 MiB). Files of one rule have about 2 KB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Imports, writes what checks, says what became of every rule.
///
/// # Errors
///
/// [`RunError::Usage`] for paths, mappings and folders that cannot be used and for files that
/// exist; then nothing is written.
pub(super) fn run(args: &ImportArgs, now: UtcMicros) -> Result<ExitCode, RunError> {
    args.paths.iter().chain(&args.fields).try_for_each(|path| must_exist(path))?;
    let mapping = mapping(args.fields.as_deref())?;
    let paths = sigma_paths(&args.paths)?;
    let (files, unreadable) = read(&paths);
    let mut imported = unreadable;
    let today = now.date().to_string();
    imported.extend(import(&files, &mapping, &today, shipped()?)?);
    refuse_twins(&mut imported, &args.dir);
    check_all(&mut imported)?;
    imported.sort_by(|one, other| one.file.cmp(&other.file));
    write(&imported, args)?;
    to_stdout(|out| say(&imported, &args.dir, out).map_err(ReportError::write))?;
    let is_refused = |imported: &Imported| matches!(imported.outcome, Outcome::Refused(_));
    Ok(if imported.iter().any(is_refused) { ExitCode::Rule } else { ExitCode::Ran })
}

fn mapping(fields: Option<&Path>) -> Result<Mapping, RunError> {
    let built_in = Mapping::built_in().map_err(RunError::usage)?;
    let Some(path) = fields else { return Ok(built_in) };
    let shown = escaped(&path.display().to_string());
    let text = std::fs::read_to_string(path)
        .map_err(|error| RunError::usage(format!("cannot read the fields of {shown}: {error}")))?;
    built_in.with(&text).map_err(|wrong| RunError::usage(format!("cannot use the fields of {shown}: {wrong}")))
}

/// The files named, and those of YAML in the folders named, in the order of their names.
fn sigma_paths(named: &[PathBuf]) -> Result<Vec<PathBuf>, RunError> {
    let mut paths = Vec::new();
    for path in named {
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let unreadable = |error| RunError::usage(format!("cannot read {}: {error}", path.display()));
            let entry = entry.map_err(unreadable)?;
            let is_yaml = entry.path().extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
            if entry.file_type().is_file() && (is_yaml || entry.depth() == 0) {
                paths.push(entry.into_path());
            }
        }
    }
    if paths.is_empty() {
        return Err(RunError::usage("there is no file of Sigma rules, whose names end in .yml or .yaml"));
    }
    paths.dedup();
    Ok(paths)
}

/// The files that can be read, and why others cannot.
fn read(paths: &[PathBuf]) -> (Vec<SigmaFile>, Vec<Imported>) {
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        match text(path) {
            Ok(text) => files.push(SigmaFile { name, text }),
            Err(reason) => {
                unreadable.push(Imported { file: name, title: String::new(), outcome: Outcome::Refused(reason) });
            }
        }
    }
    (files, unreadable)
}

fn text(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MAX_FILE_BYTES {
        return Err(format!("it has {length} bytes, and at most {MAX_FILE_BYTES} are read"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"))
}

/// The names of the shipped rules, with whose they are.
fn shipped() -> Result<BTreeMap<String, String>, RunError> {
    let library = Library::load(&[])?;
    let names = library.rules().iter().flat_map(|rule| rule.names().map(|name| (name, rule.file.clone())));
    Ok(names.map(|(name, file)| (name.to_ascii_lowercase(), file)).collect())
}

/// Refuses rules of whose names another file in the folder has one, such as the same rule under an
/// earlier title: together they would not load. A folder with mistakes is for `rules check` to say.
fn refuse_twins(imported: &mut [Imported], dir: &Path) {
    if !dir.is_dir() {
        return;
    }
    let Ok(library) = Library::read(&[dir.to_owned()]) else { return };
    for one in imported {
        let Outcome::Rule(file) = &one.outcome else { continue };
        let own = dir.join(format!("{}.sql", file.id)).display().to_string();
        let has_name = |rule: &&Rule| {
            let mut names = std::iter::once(&file.id).chain(&file.aliases);
            rule.file != own && names.any(|name| rule.answers_to(name))
        };
        if let Some(twin) = library.rules().iter().find(has_name) {
            one.outcome = Outcome::Refused(format!("{} has its name or its id in Sigma", twin.file));
        }
    }
}

/// Checks every rule as `rules check` does, before anything is written.
fn check_all(imported: &mut [Imported]) -> Result<(), RunError> {
    runtime(1)?.block_on(async {
        let ctx = tables::empty_session().await?;
        for one in imported {
            let Outcome::Rule(file) = &one.outcome else { continue };
            if let Some(problem) = problems(&ctx, file).await.first() {
                let message = problem.message.lines().next().unwrap_or_default();
                one.outcome = Outcome::Refused(format!("the rule made of it does not check: {message}"));
            }
        }
        Ok(())
    })
}

async fn problems(ctx: &SessionContext, file: &RuleFile) -> Vec<Problem> {
    match front_matter::parse(&format!("{}.sql", file.id), &file.sql, Some(file.cases.clone())) {
        Ok(rule) => check::check(ctx, &rule).await,
        Err(problems) => problems,
    }
}

/// Writes all rules with their cases, or none where one of the files exists. What `--force` writes
/// over are rules: cases that exist are somebody's work.
fn write(imported: &[Imported], args: &ImportArgs) -> Result<(), RunError> {
    let unmade = |error: io::Error| RunError::usage(format!("cannot make the folder {}: {error}", args.dir.display()));
    std::fs::create_dir_all(&args.dir).map_err(unmade)?;
    let mut files = Vec::new();
    for one in imported {
        let Outcome::Rule(rule) = &one.outcome else { continue };
        for (ending, text) in [("sql", &rule.sql), ("cases.toml", &rule.cases)] {
            let path = args.dir.join(format!("{}.{ending}", rule.id));
            if args.force && ending != "sql" && path.exists() {
                continue;
            }
            let mut file = OutputFile::create(&path, overwrite(args.force))?;
            file.write_with(|out| out.write_all(text.as_bytes()).map_err(ReportError::write))?;
            files.push(file);
        }
    }
    files.into_iter().try_for_each(OutputFile::finish)
}

/// Says what became of every rule, and what comes next.
fn say(imported: &[Imported], dir: &Path, out: &mut dyn Write) -> io::Result<()> {
    let (mut rules, mut parts, mut refused) = (0_usize, 0_usize, 0_usize);
    for one in imported {
        let title = if one.title.is_empty() { String::new() } else { format!(": {}", escaped(&one.title)) };
        let from = format!("{}{title}", Escaped(&one.file));
        match &one.outcome {
            Outcome::Rule(rule) => {
                rules += 1;
                writeln!(out, "rule           {}  from {from}", Escaped(&rule.id))?;
            }
            Outcome::Part => {
                parts += 1;
                writeln!(out, "part           {from}: only read by correlations")?;
            }
            Outcome::Refused(reason) => {
                refused += 1;
                writeln!(out, "not converted  {from}: {}", Escaped(reason))?;
            }
            Outcome::Remark(remark) => writeln!(out, "remark         {from}: {}", Escaped(remark))?,
        }
    }
    let parts = if parts == 0 { String::new() } else { format!(", {parts} only parts of correlations") };
    writeln!(out, "{rules} rules written to {}{parts}, {refused} not converted", Escaped(&dir.display().to_string()))?;
    if rules > 0 {
        writeln!(
            out,
            "next: put raw records into their cases; airside scan PATH --rules {}",
            Escaped(&dir.display().to_string())
        )?;
    }
    Ok(())
}
