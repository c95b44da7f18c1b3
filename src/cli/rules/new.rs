//! `airside rules new`: a rule and its cases to begin with, which check and pass as they are.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::output::{OutputFile, Overwrite};
use crate::error::RunError;
use crate::report::ReportError;
use crate::report::escape::escaped;
use crate::rule::front_matter::is_kebab_case;
use crate::rule::load::Library;
use crate::time::UtcMicros;

/// A rule file and its cases, with `@id@` and `@today@` in them.
type Skeleton = (&'static str, &'static str);

/// For rules about workspace identities.
const DBMI: Skeleton = (include_str!("skeleton/dbmi.sql"), include_str!("skeleton/dbmi.cases.toml"));

/// For rules about access connectors.
const ADAC: Skeleton = (include_str!("skeleton/adac.sql"), include_str!("skeleton/adac.cases.toml"));

/// Writes both files, in a folder that is made where it is missing, and returns their names: the
/// rule's, then its cases'.
///
/// # Errors
///
/// [`RunError::Usage`] for an id that is not in kebab case or that a shipped rule answers to, a
/// folder that cannot be made, and files that exist. Then neither file is written.
pub(super) fn write(id: &str, dir: &Path, now: UtcMicros) -> Result<[PathBuf; 2], RunError> {
    check_id(id)?;
    let (rule, cases) = if id.starts_with("adac-") { ADAC } else { DBMI };
    let unmade = |error: io::Error| RunError::usage(format!("cannot make the folder {}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(unmade)?;
    let paths = [dir.join(format!("{id}.sql")), dir.join(format!("{id}.cases.toml"))];
    let mut files = Vec::with_capacity(paths.len());
    for (path, text) in paths.iter().zip([rule, cases]) {
        let mut file = OutputFile::create(path, Overwrite::Refuse).map_err(without_force)?;
        let text = text.replace("@id@", id).replace("@today@", &now.date().to_string());
        file.write_with(|out| out.write_all(text.as_bytes()).map_err(ReportError::write))?;
        files.push(file);
    }
    files.into_iter().try_for_each(OutputFile::finish)?;
    Ok(paths)
}

fn check_id(id: &str) -> Result<(), RunError> {
    if !is_kebab_case(id) {
        let message = format!("the id '{}' is not in kebab case: lower-case words joined by '-'", escaped(id));
        return Err(RunError::usage(message));
    }
    let library = Library::load(&[])?;
    match library.rules().iter().find(|rule| rule.answers_to(id)) {
        Some(taken) => Err(RunError::usage(format!("the id '{id}' is taken by the shipped rule {}", taken.head.id))),
        None => Ok(()),
    }
}

/// There is no `--force` here: what somebody wrote is not replaced by a skeleton.
fn without_force(error: RunError) -> RunError {
    match error {
        RunError::Usage { message, .. } => RunError::usage(message),
        other => other,
    }
}

/// Says what was written, and what comes next.
pub(super) fn say([rule, cases]: &[PathBuf; 2], out: &mut dyn Write) -> io::Result<()> {
    let shown = |path: &Path| escaped(&path.display().to_string());
    writeln!(out, "wrote {} and {}", shown(rule), shown(cases))?;
    writeln!(out, "next: airside rules check {0} && airside rules test {0}", shown(rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::case;

    const NOW: UtcMicros = UtcMicros(1_777_888_999_000_000);

    #[tokio::test]
    async fn what_is_written_checks_and_passes() {
        for id in ["adac-writes-secrets", "my-rule-2"] {
            let dir = tempfile::tempdir().unwrap();

            let paths = write(id, &dir.path().join("my-rules"), NOW).unwrap();

            let library = crate::rule::check::read(&paths[..1]).await.unwrap();
            let rule = &library.rules()[0];
            assert_eq!((rule.head.id.as_str(), rule.head.created.to_string().as_str()), (id, "2026-05-04"));
            let outcomes = case::run(rule).await.unwrap();
            assert_eq!(outcomes.len(), 4);
            for outcome in outcomes {
                assert_eq!(outcome.differences, [], "{id}: {}", outcome.case);
            }
        }
    }

    #[test]
    fn ids_of_another_form_and_those_taken_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (id, reason) in
            [("My-Rule", "kebab case"), ("../up", "kebab case"), ("", "kebab case"), ("identity-dual-use", "taken")]
        {
            let refused = write(id, dir.path(), NOW).unwrap_err();

            assert!(refused.to_string().contains(reason), "{id}: {refused}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn neither_file_is_written_where_one_of_them_exists() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("my-rule.cases.toml"), "mine").unwrap();

        let refused = write("my-rule", dir.path(), NOW).unwrap_err();

        assert!(refused.to_string().contains("my-rule.cases.toml exists already"), "{refused}");
        assert!(matches!(refused, RunError::Usage { hint: None, .. }));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
