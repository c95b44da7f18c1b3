//! Finds the blobs that an argument names, without listing what a time range leaves out.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::Blob;
use super::client::{Container, Depth, Found, Version};
use super::problem::Problem;
use crate::source::window::{Fit, Window};
use crate::source::{Location, Object};

/// Folders that are listed at once.
const FOLDERS_AT_ONCE: usize = 16;

/// Most folders of one level that are listed one by one: where there are more, and none is dated,
/// pages of everything are fewer.
const MAX_FOLDERS: usize = 10_000;

/// What an argument names: a blob, or everything below a folder. `None` where there is neither.
pub(super) async fn named(
    container: &Arc<Container>,
    path: &str,
    window: Option<Window>,
) -> Result<Option<Vec<Object>>, Problem> {
    let mut folder = path.to_owned();
    if !folder.is_empty() && !folder.ends_with('/') {
        match container.properties(path).await {
            Ok(version) if !version.is_folder => return Ok(Some(vec![object(container, path.to_owned(), version)])),
            // A right to list is not always one to read: the listing tells.
            Err(problem) if !problem.is_status(404) && !problem.is_status(403) => return Err(problem),
            Ok(_) | Err(_) => folder.push('/'),
        }
    }
    let found = match window {
        None => Below { blobs: container.list(&folder, Depth::Everything).await?.blobs, has_other_times: false },
        Some(window) => below(container, &folder, window).await?,
    };
    let is_there = folder.is_empty() || found.has_other_times || !found.blobs.is_empty();
    let blobs = found.blobs.into_iter().filter(|(_, version)| !version.is_folder);
    Ok(is_there.then(|| blobs.map(|(path, version)| object(container, path, version)).collect()))
}

/// The blobs below a folder.
struct Below {
    blobs: Vec<(String, Version)>,
    /// Whether there is something that was left out.
    has_other_times: bool,
}

/// Goes down level by level, and lists whole what is undated no more.
async fn below(container: &Arc<Container>, root: &str, window: Window) -> Result<Below, Problem> {
    let mut result = Below { blobs: Vec::new(), has_other_times: window.fit(root) == Fit::Outside };
    let mut level = match window.fit(root) {
        Fit::Outside => Vec::new(),
        Fit::Inside => vec![(root.to_owned(), Depth::Everything)],
        Fit::Partly | Fit::Undated => vec![(root.to_owned(), Depth::OneFolder)],
    };
    while !level.is_empty() {
        if level.len() > MAX_FOLDERS {
            level = vec![(root.to_owned(), Depth::Everything)];
            result.blobs.clear();
        }
        let listings = level.into_iter().map(|(folder, depth)| async move { container.list(&folder, depth).await });
        let found: Vec<Found> = stream::iter(listings).buffer_unordered(FOLDERS_AT_ONCE).try_collect().await?;
        level = Vec::new();
        for Found { blobs, folders } in found {
            let before = result.blobs.len() + blobs.len();
            result.blobs.extend(blobs.into_iter().filter(|(path, _)| window.admits(path)));
            result.has_other_times |= result.blobs.len() < before;
            for folder in folders {
                match window.fit(&folder) {
                    Fit::Outside => result.has_other_times = true,
                    Fit::Inside => level.push((folder, Depth::Everything)),
                    Fit::Partly | Fit::Undated => level.push((folder, Depth::OneFolder)),
                }
            }
        }
    }
    Ok(result)
}

fn object(container: &Arc<Container>, path: String, version: Version) -> Object {
    let (size, etag) = (version.length, version.etag.clone());
    let name = container.name(&path);
    let blob = Blob { container: Arc::clone(container), path, version };
    Object { name, location: Location::Blob(Box::new(blob)), size, start: 0, etag: Some(etag) }
}
