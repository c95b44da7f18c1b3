//! The entries of a lake's log, hashed: they say which files a version consists of.

use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{Lake, LakeError};
use crate::digest::Digest;

/// Folder of the log in a Delta table.
const LOG: &str = "_delta_log";

impl Lake {
    /// The entries of the log up to the open version that are still there, checkpoints among them,
    /// each with its path in the lake and the hash of its content, sorted by path.
    ///
    /// They name the data files, which have random names and are written once, with sizes and
    /// statistics: their hashes prove which files the version consisted of, and not what was in these.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn log_digests(&self) -> Result<Vec<(String, Digest)>, LakeError> {
        let folder = Path::from(LOG);
        let failed = |what, path: &Path| {
            let path = path.to_string();
            move |source| LakeError::Object { path, what, source }
        };
        let listed: Vec<_> = self.store().list(Some(&folder)).try_collect().await.map_err(failed("list", &folder))?;
        let mut entries = Vec::new();
        for path in listed.into_iter().map(|entry| entry.location) {
            if log_version(path.filename().unwrap_or_default()).is_none_or(|version| version > self.version()) {
                continue;
            }
            let got = self.store().get(&path).await.map_err(failed("read", &path))?;
            let bytes = got.bytes().await.map_err(failed("read", &path))?;
            entries.push((path.to_string(), Digest::of(&bytes)));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(entries)
    }
}

/// The version that a file of the log belongs to: its name begins with its twenty digits.
pub fn log_version(name: &str) -> Option<u64> {
    let (digits, _) = name.split_once('.')?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_log_begin_with_their_version() {
        for (name, expected) in [
            ("00000000000000000007.json", Some(7)),
            ("00000000000000000010.checkpoint.parquet", Some(10)),
            ("_last_checkpoint", None),
            ("00000000000000000007", None),
            ("7.json", None),
        ] {
            assert_eq!(log_version(name), expected, "{name}");
        }
    }
}
