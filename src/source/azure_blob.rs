//! Azure Blob Storage: lists containers and reads blobs.
//!
//! Those who read are threads; requests run on one small runtime that the whole run shares, as it
//! shares the pool of connections and the credential.

mod address;
mod client;
mod credential;
mod fetch;
mod input;
mod list;
mod problem;
mod store;
mod transport;

use std::cmp::Ordering;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use azure_core::http::Transport;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::decompress::Unfetched;
use super::window::Window;
use super::{ListOptions, Listing, SourceError, without_query};
use crate::cancel::Cancel;
use address::Address;
use client::{Container, Version};
use fetch::Pinned;
use input::Task;

pub use credential::azure_credential;
pub(super) use input::BlobInput;
pub use store::{BlobFolder, blob_folder};

/// Threads that make requests: they wait more than they work.
const NETWORK_THREADS: usize = 2;

/// Ranges that may be in memory before their turn, of all blobs together (48 MiB).
const RANGES_AHEAD: usize = 12;

/// Blobs that one thread has on their way before their turn: each of them costs a round trip, which
/// is some 10 to 50 ms, and a small one is read in far less than one.
pub(super) const BLOBS_AHEAD: usize = 32;

/// What all requests of a run share.
struct Network {
    runtime: Runtime,
    transport: Transport,
    room: Arc<Semaphore>,
}

/// The network of this process, made for the first who needs it.
fn network() -> Result<&'static Network, String> {
    static NETWORK: OnceLock<Result<Network, String>> = OnceLock::new();
    let network = NETWORK.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name("network")
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start threads: {error}"))?;
        let transport = {
            let _context = runtime.enter();
            transport::transport()
        };
        Ok(Network { runtime, transport, room: Arc::new(Semaphore::new(RANGES_AHEAD)) })
    });
    network.as_ref().map_err(Clone::clone)
}

/// A blob as it was listed.
#[derive(Clone)]
pub struct Blob {
    container: Arc<Container>,
    path: String,
    version: Version,
}

impl Blob {
    /// In seconds since 1970; `None` where the service did not say it.
    pub fn created(&self) -> Option<i64> {
        self.version.created
    }

    /// Whether it can only grow.
    pub fn is_append(&self) -> bool {
        self.version.is_append
    }

    fn pinned(&self) -> Pinned {
        Pinned::new(Arc::clone(&self.container), self.path.clone(), self.version.clone())
    }

    /// What it is compared by: its place, and what is there.
    fn key(&self) -> (&str, &str, &str, &str) {
        let Address { account, container, .. } = &self.container.address;
        (account, container, &self.path, &self.version.etag)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blob").field(&self.container.name(&self.path)).field(&self.version).finish()
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Blob {}

impl PartialOrd for Blob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Blob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Adds what an argument names to a listing, or why it cannot be listed.
///
/// # Errors
///
/// [`SourceError::BadPattern`] where it is not understood, [`SourceError::NotFound`] where its
/// container has neither a blob of that name nor a folder.
pub(super) fn add(argument: &str, options: &ListOptions, listing: &mut Listing) -> Result<(), SourceError> {
    let shown = without_query(argument);
    let address =
        Address::parse(argument).map_err(|detail| SourceError::BadPattern { pattern: shown.to_owned(), detail })?;
    let (name, path) = (address.name(&address.path), address.path.clone());
    let container = match network().and_then(|network| Container::new(address, network)) {
        Ok(container) => Arc::new(container),
        Err(detail) => {
            fail(listing, name, &detail);
            return Ok(());
        }
    };
    let window = Window::new(options.since, options.until);
    let listed = {
        let container = Arc::clone(&container);
        let network = container.network;
        Task::begin(network, async move { list::named(&container, &path, window).await })
    };
    match listed.wait(&Cancel::default()).and_then(|listed| listed) {
        Ok(Some(objects)) => listing.objects.extend(objects),
        Ok(None) => return Err(SourceError::NotFound { path: shown.to_owned() }),
        Err(problem) => fail(listing, name, &problem.explain(&container.address, container.proof)),
    }
    Ok(())
}

fn fail(listing: &mut Listing, name: String, detail: &str) {
    let reason = format!("{name}: {detail}");
    listing.failed.push((name, reason));
}

/// Reads a range of a blob, less where it ends before.
pub(super) fn read_range(blob: &Blob, offset: u64, length: u64, cancel: &Cancel) -> io::Result<Vec<u8>> {
    let length = length.min(blob.version.length.saturating_sub(offset));
    let pinned = blob.pinned();
    let task = Task::begin(blob.container.network, async move { pinned.range(offset, length).await });
    task.wait(cancel)
        .and_then(|range| range)
        .map_err(|problem| io::Error::other(Unfetched(problem.explain(&blob.container.address, blob.container.proof))))
}
