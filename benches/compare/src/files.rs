//! Log files of a storage archive.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The log that a file belongs to: the first folder of an archive names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Activity Log.
    Activity,
    /// Entra audit log.
    Audit,
    /// Databricks diagnostic logs.
    Databricks,
    /// Key Vault audit events.
    KeyVault,
    /// Entra sign-ins, all kinds.
    Signin,
    /// Azure SQL audit.
    Sql,
    /// Storage logs.
    Storage,
}

impl Kind {
    /// The kind of a container; every other service than those named here is Databricks'.
    pub fn of_container(container: &str) -> Self {
        match container {
            "insights-activity-logs" => Self::Activity,
            "insights-logs-auditlogs" => Self::Audit,
            "insights-logs-auditevent" => Self::KeyVault,
            "insights-logs-sqlsecurityauditevents" => Self::Sql,
            _ if container.ends_with("signinlogs") => Self::Signin,
            _ if container.starts_with("insights-logs-storage") => Self::Storage,
            _ => Self::Databricks,
        }
    }
}

/// A file below the folder of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    /// Path below the folder, with `/` between its parts.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size, in bytes, as it lies there.
    pub bytes: u64,
}

impl LogFile {
    /// The container that it lies in.
    pub fn container(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// All log files of an archive, by name: those in folders whose names begin with `insights-`.
///
/// # Errors
///
/// A folder that cannot be listed.
pub fn logs_of(root: &Path) -> Result<Vec<LogFile>> {
    let mut found = Vec::new();
    walk(root, "", &mut found)?;
    found.retain(|file| file.name.starts_with("insights-"));
    found.sort();
    Ok(found)
}

/// Adds every file below a folder; `name` is the folder's own name below the root, empty for the root.
fn walk(folder: &Path, name: &str, found: &mut Vec<LogFile>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let name = if name.is_empty() { own } else { format!("{name}/{own}") };
        let about = entry.metadata().with_context(|| format!("cannot look at {}", entry.path().display()))?;
        if about.is_dir() {
            walk(&entry.path(), &name, found)?;
        } else {
            found.push(LogFile { name, path: entry.path(), bytes: about.len() });
        }
    }
    Ok(())
}
