//! Lists objects and opens them as decompressed byte streams.
//!
//! Nothing here knows what a record is: a truncated or hostile stream gives what it held up to
//! there, and then an error that names the object.

mod ahead;
#[cfg(feature = "azure")]
mod azure_blob;
mod decompress;
pub mod hours;
mod local;
#[cfg(any(feature = "azure", feature = "lake"))]
mod window;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use crate::cancel::Cancel;
use crate::digest::{Digest, Hasher, Hashing};
use crate::error::FULL_BUILD;
use crate::limits::Limits;
use crate::time::UtcMicros;
pub use ahead::Ahead;
#[cfg(feature = "azure")]
pub use azure_blob::{Blob, BlobFolder, azure_credential, blob_folder};
use decompress::{Bounds, Decompress, How};
#[cfg(feature = "lake")]
pub use {hours::hour_of, window::Window};

/// How arguments begin that name blobs, in lower case.
const BLOB_SCHEMES: [&str; 5] = ["az://", "abfs://", "abfss://", "https://", "http://"];

/// Bytes that are stepped over at once (256 KiB).
const SKIPPED_BYTES: usize = 256 << 10;

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
    /// A glob that is none, or that matches nothing.
    #[error("{pattern}: {detail}")]
    BadPattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A blob is named, and this program was built without what reads it.
    #[error(
        "{path}: this build has no Azure source; {FULL_BUILD} makes one that has, or copy the blobs to a folder first"
    )]
    NoAzure {
        /// The argument without its query.
        path: String,
    },
    /// An object that cannot be opened or read on.
    #[error("{object}: {detail}")]
    Unreadable {
        /// The object's name.
        object: String,
        /// What went wrong, in words.
        detail: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Where the bytes of an object are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// Standard input.
    Stdin,
    /// A file, or what can be read like one (a pipe that the user named).
    Local(PathBuf),
    /// A blob of a storage account.
    #[cfg(feature = "azure")]
    Blob(Box<Blob>),
}

/// One object to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its name in every output: the path as reached from what the user named, or `-`; of a blob
    /// `az://ACCOUNT/CONTAINER/PATH`, however it was named. A path that is not UTF-8 is shown with
    /// replacement characters.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// Its size as stored, in bytes; 0 where it is not known.
    pub size: u64,
    /// Where to begin: what is before that was read earlier. Never beyond 0 in what is compressed.
    pub start: u64,
    /// What changes whenever the object does; `None` for what is no blob.
    pub etag: Option<String>,
}

impl Object {
    /// Whether this is a file or a blob, which can be opened as often as one likes; what is read
    /// from a pipe is gone.
    pub fn is_file(&self) -> bool {
        match &self.location {
            Location::Stdin => false,
            Location::Local(path) => path.is_file(),
            #[cfg(feature = "azure")]
            Location::Blob(_) => true,
        }
    }
}

/// What of an archive may be left out when it is listed.
///
/// Only folders whose names say their hour are left out, with room for events that came late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Events before this are not asked for.
    pub since: Option<UtcMicros>,
    /// Events at or after this are not asked for.
    pub until: Option<UtcMicros>,
}

/// What listing found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The objects, sorted by name, each once, however many arguments lead to it.
    pub objects: Vec<Object>,
    /// What could not be listed or is no file (a folder without permission, a broken symbolic
    /// link, a socket): its name, and what is wrong with it, the name included.
    pub failed: Vec<(String, String)>,
}

impl Listing {
    /// What all objects take in storage, in bytes; those whose size is not known count nothing.
    pub fn stored_bytes(&self) -> u64 {
        self.objects.iter().fold(0, |total: u64, object| total.saturating_add(object.size))
    }
}

/// Lists the objects that the arguments name: files, folders (with everything below them), globs
/// (`*`, `?`, `[…]`, `{a,b}`, and `**` for any folders), `-` for standard input, blobs and folders of
/// blobs (`az://ACCOUNT/CONTAINER/PATH`, `abfss://…`, the URL of a blob).
///
/// A path that exists is taken as it is written, even where it looks like a glob.
///
/// # Errors
///
/// [`SourceError::NotFound`] and [`SourceError::BadPattern`]: the user named what is not there.
/// [`SourceError::NoAzure`] for blobs, in a build without them.
pub fn list(arguments: &[String], options: &ListOptions) -> Result<Listing, SourceError> {
    let mut lister = local::Lister::default();
    let mut reads_stdin = false;
    let mut blobs = Vec::new();
    for argument in arguments {
        if argument == "-" {
            reads_stdin = true;
        } else if names_blob(argument) {
            blobs.push(argument);
        } else {
            lister.add(argument)?;
        }
    }
    let mut listing = lister.finish();
    for argument in &blobs {
        add_blobs(argument, options, &mut listing)?;
    }
    if !blobs.is_empty() {
        listing.objects.sort();
        listing.objects.dedup_by(|a, b| a.name == b.name);
        listing.failed.sort();
        listing.failed.dedup();
    }
    if reads_stdin {
        let stdin = Object { name: "-".to_owned(), location: Location::Stdin, size: 0, start: 0, etag: None };
        let at = listing.objects.partition_point(|object| *object < stdin);
        listing.objects.insert(at, stdin);
    }
    Ok(listing)
}

#[cfg(feature = "azure")]
fn add_blobs(argument: &str, options: &ListOptions, listing: &mut Listing) -> Result<(), SourceError> {
    azure_blob::add(argument, options, listing)
}

#[cfg(not(feature = "azure"))]
fn add_blobs(argument: &str, _options: &ListOptions, _listing: &mut Listing) -> Result<(), SourceError> {
    Err(SourceError::NoAzure { path: without_query(argument).to_owned() })
}

/// Whether an argument names blobs, by how it begins.
fn names_blob(argument: &str) -> bool {
    let begins = |scheme: &str| argument.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    BLOB_SCHEMES.iter().any(|scheme| begins(scheme))
}

/// An argument as it may be shown: what follows a question mark may be a secret.
pub fn without_query(argument: &str) -> &str {
    argument.split('?').next().unwrap_or_default()
}

/// Hashes the stored bytes of an object, the first `length` of them or all, and says how far it is.
///
/// # Errors
///
/// [`SourceError::Unreadable`].
pub fn digest(
    object: &Object,
    length: Option<u64>,
    passed: &mut dyn FnMut(u64),
    cancel: &Cancel,
) -> Result<Digest, SourceError> {
    let failed = |error| unreadable(&object.name, error);
    let mut input = Input::open(object, cancel).map_err(failed)?.take(length.unwrap_or(u64::MAX));
    let (mut hasher, mut chunk) = (Hasher::default(), vec![0; SKIPPED_BYTES]);
    loop {
        cancel.check().map_err(|_interrupted| failed(io::Error::other("interrupted")))?;
        match input.read(&mut chunk) {
            Ok(0) => return Ok(hasher.digest()),
            Ok(length) => {
                hasher.update(chunk.get(..length).unwrap_or_default());
                passed(length as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Reads stored bytes of an object, `length` of them or those up to its end.
///
/// # Errors
///
/// [`SourceError::Unreadable`], also for what is no file and no blob.
pub fn read_range(object: &Object, offset: u64, length: u64, cancel: &Cancel) -> Result<Vec<u8>, SourceError> {
    let read = match &object.location {
        #[cfg(feature = "azure")]
        Location::Blob(blob) => azure_blob::read_range(blob, offset, length, cancel),
        _ => Input::open_at(&object.location, offset, cancel).and_then(|input| {
            let mut bytes = Vec::new();
            input.take(length).read_to_end(&mut bytes).map(|_length| bytes)
        }),
    };
    read.map_err(|error| unreadable(&object.name, error))
}

/// What the stored bytes of an object were, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// From where reading began.
    pub digest: Digest,
    /// Whether they were read to their end.
    pub is_whole: bool,
    /// The ETag under which they were had; `None` for what is no blob.
    pub etag: Option<String>,
    /// The version of the blob, where its account keeps versions.
    pub version: Option<String>,
}

/// How objects are opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// What their content may ask for.
    pub limits: Limits,
    /// Whether their stored bytes are hashed as they are read.
    pub hashing: Hashing,
    /// Decompressed bytes for which there is room at once, beside what is asked for: objects that hold
    /// no more are decompressed whole. What is read does not depend on it.
    pub room_bytes: usize,
}

impl From<&Limits> for OpenOptions {
    fn from(limits: &Limits) -> Self {
        Self { limits: *limits, ..Self::default() }
    }
}

/// The decompressed bytes of one object.
#[derive(Debug)]
pub struct Reader {
    object: String,
    stream: Decompress<Input>,
    position: u64,
}

impl Reader {
    /// Opens an object. What compresses it is told by its first bytes, never by its name. A blob
    /// whose place another one has taken since it was listed is read as it is at present. An archive, and
    /// what is compressed twice or in a way that is not undone here, is opened and cannot be read.
    ///
    /// Waiting for a blob ends with an error when the run is interrupted. Of [`Limits`] those of
    /// objects count.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`].
    pub fn open(object: &Object, options: OpenOptions, cancel: &Cancel) -> Result<Self, SourceError> {
        Self::of(object, options, Input::open(object, cancel))
    }

    /// Opens an object again of which bytes were read before.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`], also where another blob has taken its place.
    pub fn open_again(object: &Object, options: OpenOptions, cancel: &Cancel) -> Result<Self, SourceError> {
        Self::of(object, options, Input::open_at(&object.location, object.start, cancel))
    }

    fn of(object: &Object, options: OpenOptions, input: io::Result<Input>) -> Result<Self, SourceError> {
        let OpenOptions { limits, hashing, room_bytes } = options;
        let how = How { bounds: Bounds::of(&limits), hashing, room_bytes };
        // What begins in its middle is not looked at for compression.
        let is_whole = object.start == 0;
        let begin = |input| if is_whole { Decompress::new(input, how) } else { Ok(Decompress::plain(input, how)) };
        match input.and_then(begin) {
            Ok(stream) => Ok(Self { object: object.name.clone(), stream, position: object.start }),
            Err(error) => Err(unreadable(&object.name, error)),
        }
    }

    /// Fills the start of the chunk; 0 at the end of the object.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`], after everything that could be read before it has been given.
    pub fn read(&mut self, chunk: &mut [u8]) -> Result<usize, SourceError> {
        loop {
            match self.stream.read(chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let length = read.map_err(|error| unreadable(&self.object, error))?;
                    self.position += length as u64;
                    return Ok(length);
                }
            }
        }
    }

    /// Whether what is given are the object's own bytes, not decompressed ones.
    pub fn is_plain(&self) -> bool {
        self.stream.is_plain()
    }

    /// How many decompressed bytes lie before the next one.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The bytes at a place that is not before [`Reader::position`]; `None` where the object ends
    /// before they do. A file that is not compressed is not read up to there.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`].
    pub fn read_at(&mut self, offset: u64, length: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let mut left = offset.saturating_sub(self.position);
        if left > 0 && self.stream.seek(offset).map_err(|error| unreadable(&self.object, error))? {
            self.position = offset;
            left = 0;
        }
        let mut chunk = vec![0; SKIPPED_BYTES];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            match self.read(chunk.get_mut(..most).unwrap_or_default())? {
                0 => return Ok(None),
                length => left -= length as u64,
            }
        }
        let mut bytes = Vec::new();
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            let length = self.read(chunk.get_mut(..most).unwrap_or_default())?;
            if length == 0 {
                return Ok(None);
            }
            bytes.extend_from_slice(chunk.get(..length).unwrap_or_default());
            left -= length as u64;
        }
        Ok(Some(bytes))
    }

    /// What was read of the stored bytes, once reading is over, be it for a damaged place: what is
    /// behind that is read, too. `None` where they are not hashed.
    pub fn seal(&mut self) -> Option<Seal> {
        let (digest, is_whole) = self.stream.seal()?;
        #[cfg(feature = "azure")]
        let (etag, version) = self.stream.input().version().unzip();
        #[cfg(not(feature = "azure"))]
        let (etag, version) = (None, None::<Option<String>>);
        Some(Seal { digest, is_whole, etag, version: version.flatten() })
    }

    /// Bytes of the object as stored that were read so far: what progress is measured in.
    pub fn stored_bytes_read(&self) -> u64 {
        self.stream.stored_bytes_read()
    }
}

fn unreadable(object: &str, error: io::Error) -> SourceError {
    SourceError::Unreadable { object: object.to_owned(), detail: in_words(&error), source: error }
}

/// What an error of the machine says, without its number.
fn in_words(error: &io::Error) -> String {
    without_number(&error.to_string())
}

fn without_number(text: &str) -> String {
    let words = text.split(" (os error ").next().unwrap_or_default();
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// The stored bytes.
#[derive(Debug)]
enum Input {
    Stdin(io::Stdin),
    File(File),
    #[cfg(feature = "azure")]
    Blob(Box<azure_blob::BlobInput>),
}

impl Input {
    fn open(object: &Object, cancel: &Cancel) -> io::Result<Self> {
        match &object.location {
            #[cfg(feature = "azure")]
            Location::Blob(blob) => Ok(Self::Blob(Box::new(azure_blob::BlobInput::begin(blob, object.start, cancel)))),
            location => Self::open_at(location, object.start, cancel),
        }
    }

    #[cfg_attr(not(feature = "azure"), expect(unused_variables, reason = "files are not waited for"))]
    fn open_at(location: &Location, offset: u64, cancel: &Cancel) -> io::Result<Self> {
        match location {
            Location::Stdin if offset == 0 => Ok(Self::Stdin(io::stdin())),
            Location::Stdin => Err(io::Error::other("is no file: it can only be read from its start")),
            Location::Local(path) => {
                let mut file = File::open(path)?;
                if offset > 0 {
                    file.seek(SeekFrom::Start(offset))?;
                }
                Ok(Self::File(file))
            }
            #[cfg(feature = "azure")]
            Location::Blob(blob) => Ok(Self::Blob(Box::new(azure_blob::BlobInput::begin_at(blob, offset, cancel)))),
        }
    }
}

#[cfg(feature = "azure")]
impl Input {
    /// The ETag under which a blob's bytes are had, and its version.
    fn version(&self) -> Option<(String, Option<String>)> {
        match self {
            Self::Stdin(_) | Self::File(_) => None,
            Self::Blob(blob) => Some(blob.version()),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stdin(stdin) => stdin.read(buffer),
            Self::File(file) => file.read(buffer),
            #[cfg(feature = "azure")]
            Self::Blob(blob) => blob.read(buffer),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Stdin(_) => Err(io::ErrorKind::NotSeekable.into()),
            Self::File(file) => file.seek(to),
            #[cfg(feature = "azure")]
            Self::Blob(blob) => match to {
                SeekFrom::Start(offset) => {
                    blob.go_to(offset);
                    Ok(offset)
                }
                _ => Err(io::ErrorKind::NotSeekable.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
