//! Fetches ranges of a blob as it was when it was listed, whatever breaks or is appended meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use azure_core::http::response::AsyncResponseBody;
use futures::StreamExt as _;

use super::client::{Container, Version};
use super::problem::{Problem, innermost};
use super::transport::wait;

/// Times that a range is resumed without a byte of progress before it is given up.
const RESUMES: u32 = 8;

/// Times that a blob may be appended to before a range of it is had: a busy one changes every few
/// seconds, a range takes less.
const APPENDS: u32 = 50;

/// A blob of which ranges are read: all of them as it was at one time.
#[derive(Debug)]
pub(super) struct Pinned {
    container: Arc<Container>,
    path: String,
    /// What was listed. Its length holds whatever is appended.
    version: Version,
    /// The ETag under which those bytes can be had.
    etag: Mutex<String>,
    /// What the service calls the version that the bytes came from, where it keeps versions.
    version_id: Mutex<Option<String>>,
}

impl Pinned {
    pub(super) fn new(container: Arc<Container>, path: String, version: Version) -> Self {
        let etag = Mutex::new(version.etag.clone());
        Self { container, path, version, etag, version_id: Mutex::default() }
    }

    pub(super) fn container(&self) -> &Container {
        &self.container
    }

    pub(super) fn version(&self) -> &Version {
        &self.version
    }

    /// The same blob as it is at present, whatever it was.
    pub(super) async fn again(&self) -> Result<Self, Problem> {
        let version = self.container.properties(&self.path).await?;
        Ok(Self::new(Arc::clone(&self.container), self.path.clone(), version))
    }

    /// Fetches a range, which lies within the pinned length.
    pub(super) async fn range(&self, offset: u64, length: u64) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let (mut resumes, mut appends) = (0, 0);
        while (bytes.len() as u64) < length {
            let had = bytes.len();
            let etag = self.etag();
            let rest = (offset + had as u64, length - had as u64);
            let problem = match self.container.range(&self.path, &etag, rest).await {
                Ok((body, version_id)) => match take(body, length, &mut bytes).await {
                    Ok(()) => {
                        *self.version_id.lock().unwrap_or_else(PoisonError::into_inner) = version_id;
                        break;
                    }
                    Err(problem) => problem,
                },
                Err(problem) if problem.is_status(412) && appends < APPENDS => {
                    appends += 1;
                    self.follow_append(&etag).await?;
                    continue;
                }
                Err(problem) => return Err(problem),
            };
            resumes = if bytes.len() > had { 0 } else { resumes + 1 };
            if resumes > RESUMES {
                return Err(problem);
            }
            tokio::time::sleep(wait(resumes)).await;
        }
        Ok(bytes)
    }

    /// The ETag under which the bytes can be had.
    pub(super) fn etag(&self) -> String {
        self.etag.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The version that the last range came from, where the account keeps versions.
    pub(super) fn version_id(&self) -> Option<String> {
        self.version_id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the ETag of a blob that was only appended to. `refused` is the one that no longer holds.
    async fn follow_append(&self, refused: &str) -> Result<(), Problem> {
        if self.etag() != refused {
            // Another range found out first.
            return Ok(());
        }
        let found = match self.container.properties(&self.path).await {
            Ok(found) => found,
            Err(problem) if problem.is_status(404) => return Err(Problem::Replaced),
            Err(problem) => return Err(problem),
        };
        let pinned = &self.version;
        let is_same =
            pinned.is_append && found.is_append && pinned.created.is_some() && pinned.created == found.created;
        if !is_same || found.length < pinned.length {
            return Err(Problem::Replaced);
        }
        *self.etag.lock().unwrap_or_else(PoisonError::into_inner) = found.etag;
        Ok(())
    }
}

/// Adds what comes, until there are `length` bytes.
async fn take(mut body: AsyncResponseBody, length: u64, bytes: &mut Vec<u8>) -> Result<(), Problem> {
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Problem::Network(innermost(&error)))?;
        let left = usize::try_from(length - bytes.len() as u64).unwrap_or(usize::MAX);
        bytes.extend_from_slice(chunk.get(..left).unwrap_or(&chunk));
    }
    if (bytes.len() as u64) < length {
        return Err(Problem::Network("an answer ended early".to_owned()));
    }
    Ok(())
}
