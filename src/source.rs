//! Lists objects and opens them as decompressed byte streams.
//!
//! Nothing here knows what a record is: a truncated or hostile stream gives what it held up to
//! there, and then an error that names the object.

mod decompress;
mod local;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use decompress::Decompress;

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
}

/// One object to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its name in every output: the path as reached from what the user named, or `-`. A path that
    /// is not UTF-8 is shown with replacement characters.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// Its size as stored, in bytes; 0 where it is not known.
    pub size: u64,
}

impl Object {
    /// Whether this is a file, which can be opened as often as one likes; what is read from a pipe
    /// is gone.
    pub fn is_file(&self) -> bool {
        match &self.location {
            Location::Stdin => false,
            Location::Local(path) => path.is_file(),
        }
    }
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
/// (`*`, `?`, `[…]`, `{a,b}`, and `**` for any folders), `-` for standard input.
///
/// A path that exists is taken as it is written, even where it looks like a glob.
///
/// # Errors
///
/// [`SourceError::NotFound`] and [`SourceError::BadPattern`]: the user named what is not there.
pub fn list(arguments: &[String]) -> Result<Listing, SourceError> {
    let mut lister = local::Lister::default();
    let mut reads_stdin = false;
    for argument in arguments {
        if argument == "-" {
            reads_stdin = true;
        } else {
            lister.add(argument)?;
        }
    }
    let mut listing = lister.finish();
    if reads_stdin {
        let stdin = Object { name: "-".to_owned(), location: Location::Stdin, size: 0 };
        let at = listing.objects.partition_point(|object| *object < stdin);
        listing.objects.insert(at, stdin);
    }
    Ok(listing)
}

/// The decompressed bytes of one object, from its start.
#[derive(Debug)]
pub struct Reader {
    object: String,
    stream: Decompress<Input>,
    position: u64,
}

impl Reader {
    /// Opens an object. What compresses it is told by its first bytes, never by its name.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`].
    pub fn open(object: &Object) -> Result<Self, SourceError> {
        let opened = Input::open(&object.location).and_then(Decompress::new);
        match opened {
            Ok(stream) => Ok(Self { object: object.name.clone(), stream, position: 0 }),
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
    let text = error.to_string();
    let words = text.split(" (os error ").next().unwrap_or_default();
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// The stored bytes.
#[derive(Debug)]
enum Input {
    Stdin(io::Stdin),
    File(File),
}

impl Input {
    fn open(location: &Location) -> io::Result<Self> {
        match location {
            Location::Stdin => Ok(Self::Stdin(io::stdin())),
            Location::Local(path) => File::open(path).map(Self::File),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stdin(stdin) => stdin.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Stdin(_) => Err(io::ErrorKind::NotSeekable.into()),
            Self::File(file) => file.seek(to),
        }
    }
}

#[cfg(test)]
mod tests;
