//! Lists objects and opens them as decompressed byte streams.
//!
//! Nothing here knows what a record is: a truncated or hostile stream gives what it held up to
//! there, and then an error that names the object.

mod decompress;
mod local;

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::PathBuf;

use decompress::Decompress;

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
    /// Where to begin: what is before that was read earlier. Never beyond 0 in what is compressed.
    pub start: u64,
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
        let stdin = Object { name: "-".to_owned(), location: Location::Stdin, size: 0, start: 0 };
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
}

impl Reader {
    /// Opens an object. What compresses it is told by its first bytes, never by its name.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unreadable`].
    pub fn open(object: &Object) -> Result<Self, SourceError> {
        let opened = Input::open(&object.location).and_then(|mut input| {
            if object.start == 0 {
                return Decompress::new(input);
            }
            input.skip(object.start)?;
            Ok(Decompress::plain(input))
        });
        match opened {
            Ok(stream) => Ok(Self { object: object.name.clone(), stream }),
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
                read => return read.map_err(|error| unreadable(&self.object, error)),
            }
        }
    }

    /// Whether what is given are the object's own bytes, not decompressed ones.
    pub fn is_plain(&self) -> bool {
        self.stream.is_plain()
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

impl Input {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        match self {
            Self::Stdin(_) => Err(io::Error::other("standard input cannot be read on from its middle")),
            Self::File(file) => file.seek(SeekFrom::Start(bytes)).map(|_position| ()),
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

#[cfg(test)]
mod tests;
