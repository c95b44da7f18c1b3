//! Lists objects, opens them and decompresses them.

use std::path::PathBuf;

/// What cannot be listed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A named path that does not exist: ends the run before any work.
    #[error("{path} does not exist")]
    NotFound {
        /// The path as given.
        path: String,
    },
    /// A glob that matches nothing, or is no glob.
    #[error("{pattern}: {detail}")]
    BadPattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        detail: String,
    },
    /// An object that cannot be opened or read on.
    #[error("cannot read {object}: {detail}")]
    Unreadable {
        /// The object's name.
        object: String,
        /// What went wrong, in words.
        detail: String,
        /// The cause, where there is one.
        #[source]
        source: Option<std::io::Error>,
    },
}

/// One object to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its name in every output: the path as reached from what the user named, or `-`.
    pub name: String,
    /// Where it is; `None` for standard input.
    pub path: Option<PathBuf>,
    /// Its size as stored, in bytes; 0 when not known.
    pub size: u64,
}

/// What listing found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The objects, sorted by name, each once.
    pub objects: Vec<Object>,
    /// What was passed over (folders that cannot be listed, sockets): name and reason.
    pub failed: Vec<(String, String)>,
}

/// Lists the objects that the arguments name: files, folders, globs, `-`.
///
/// # Errors
///
/// [`SourceError::NotFound`] and [`SourceError::BadPattern`]: the user named what is not there.
pub fn list(_paths: &[String]) -> Result<Listing, SourceError> {
    Ok(Listing::default())
}

/// An open object: decompressed bytes, chunk by chunk.
pub struct Reader;

impl Reader {
    /// Opens an object and looks at its first bytes.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`].
    pub fn open(_object: &Object) -> Result<Self, SourceError> {
        Ok(Self)
    }

    /// Fills `chunk` with the next decompressed bytes; 0 at the end.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`] where the object ends early or is damaged; what was read before
    /// is good.
    pub fn read(&mut self, _chunk: &mut [u8]) -> Result<usize, SourceError> {
        Ok(0)
    }

    /// Bytes taken from storage so far, before decompression: what progress counts.
    pub fn stored_bytes_read(&self) -> u64 {
        0
    }
}
