//! Where a lake is.

use std::fmt;
use std::path::{Path, PathBuf};

use deltalake_core::DeltaTableBuilder;
use deltalake_core::logstore::LogStoreRef;
use url::Url;

use super::{LakeError, delta};
use crate::redact;
#[cfg(feature = "azure")]
use crate::source::BlobFolder;

/// Where a lake is. What is printed of it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeLocation {
    /// As messages name it.
    name: String,
    place: Place,
}

/// A place for a lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A local folder.
    Local(PathBuf),
    /// A folder of a container.
    #[cfg(feature = "azure")]
    Azure(BlobFolder),
}

impl fmt::Display for LakeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether an argument names a local lake: a folder with a Delta log.
pub fn is_local_lake(argument: &str) -> bool {
    Path::new(argument).join("_delta_log").is_dir()
}

/// Whether an argument names a lake in a container. What cannot be looked at is none; reading it as
/// logs says why.
pub async fn is_lake_in_container(argument: &str) -> bool {
    if !argument.contains("://") {
        return false;
    }
    let Ok(log) = LakeLocation::parse(argument).and_then(|location| location.log_store()) else { return false };
    deltalake_core::DeltaTable::new(log).verify_deltatable_existence().await.unwrap_or(false)
}

impl LakeLocation {
    /// Reads what the user gives: a local folder, or `az://ACCOUNT/CONTAINER/PATH` and what else names
    /// a folder of a container.
    ///
    /// # Errors
    ///
    /// [`LakeError::Location`].
    pub fn parse(argument: &str) -> Result<Self, LakeError> {
        if argument.contains("://") {
            return Self::in_container(argument);
        }
        let wrong = |detail: String| LakeError::Location { detail: format!("{argument}: {detail}") };
        let folder = std::path::absolute(argument).map_err(|error| wrong(error.to_string()))?;
        if folder.exists() && !folder.is_dir() {
            return Err(wrong("is no folder".to_owned()));
        }
        Ok(Self { name: redact::text(argument).into_owned(), place: Place::Local(folder) })
    }

    #[cfg(feature = "azure")]
    fn in_container(argument: &str) -> Result<Self, LakeError> {
        let folder = crate::source::blob_folder(argument).map_err(|detail| LakeError::Location { detail })?;
        Ok(Self { name: folder.name.clone(), place: Place::Azure(folder) })
    }

    #[cfg(not(feature = "azure"))]
    fn in_container(argument: &str) -> Result<Self, LakeError> {
        let name = crate::source::without_query(argument);
        let detail =
            format!("{name}: this build has no Azure storage; {} makes one that has", crate::error::FULL_BUILD);
        Err(LakeError::Location { detail })
    }

    /// The place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn make_folder(&self) -> Result<(), LakeError> {
        match &self.place {
            Place::Local(folder) => std::fs::create_dir_all(folder)
                .map_err(|error| LakeError::Location { detail: format!("{}: {error}", self.name) }),
            #[cfg(feature = "azure")]
            Place::Azure(_) => Ok(()),
        }
    }

    pub(super) fn log_store(&self) -> Result<LogStoreRef, LakeError> {
        match &self.place {
            Place::Local(folder) => {
                let url = Url::from_directory_path(folder)
                    .map_err(|()| LakeError::Location { detail: format!("{}: is no usable path", self.name) })?;
                let builder = DeltaTableBuilder::from_url(url).map_err(|error| delta(self, "open", error))?;
                builder.build_storage().map_err(|error| delta(self, "open", error))
            }
            #[cfg(feature = "azure")]
            Place::Azure(folder) => {
                let url = Url::parse(&format!("az://{}/{}/", folder.container, folder.path))
                    .map_err(|error| LakeError::Location { detail: format!("{}: {error}", self.name) })?;
                let store = std::sync::Arc::clone(&folder.store);
                let path = object_store::path::Path::from(folder.path.as_str());
                let prefixed = object_store::prefix::PrefixStore::new(std::sync::Arc::clone(&store), path);
                let config = deltalake_core::logstore::StorageConfig::default();
                Ok(deltalake_core::logstore::default_logstore(std::sync::Arc::new(prefixed), store, &url, &config))
            }
        }
    }
}
