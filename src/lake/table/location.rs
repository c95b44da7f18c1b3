//! Where a lake is.

use std::fmt;
use std::path::{Path, PathBuf};

use deltalake_core::DeltaTableBuilder;
use deltalake_core::logstore::LogStoreRef;
use url::Url;

use super::{LakeError, delta};

/// Where a lake is: a local folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeLocation {
    /// As the user named it.
    name: String,
    folder: PathBuf,
}

impl fmt::Display for LakeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether an argument names a lake: a folder with a Delta log.
pub fn is_lake(argument: &str) -> bool {
    Path::new(argument).join("_delta_log").is_dir()
}

impl LakeLocation {
    /// Reads what the user gives: a local folder.
    ///
    /// # Errors
    ///
    /// [`LakeError::Location`].
    pub fn parse(argument: &str) -> Result<Self, LakeError> {
        let wrong = |detail: String| LakeError::Location { location: argument.to_owned(), detail };
        if argument.contains("://") {
            return Err(wrong("a lake is a local folder".to_owned()));
        }
        let folder = std::path::absolute(argument).map_err(|error| wrong(error.to_string()))?;
        if folder.exists() && !folder.is_dir() {
            return Err(wrong("is no folder".to_owned()));
        }
        Ok(Self { name: argument.to_owned(), folder })
    }

    /// The local folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn make_folder(&self) -> Result<(), LakeError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| LakeError::Location { location: self.name.clone(), detail: error.to_string() })
    }

    pub(super) fn log_store(&self) -> Result<LogStoreRef, LakeError> {
        let url = Url::from_directory_path(&self.folder).map_err(|()| LakeError::Location {
            location: self.name.clone(),
            detail: "is no usable path".to_owned(),
        })?;
        let builder = DeltaTableBuilder::from_url(url).map_err(|error| delta(self, "open", error))?;
        builder.build_storage().map_err(|error| delta(self, "open", error))
    }
}
