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
pub fn list(paths: &[String]) -> Result<Listing, SourceError> {
    let mut l = Listing::default();
    for p in paths {
        if p == "-" {
            l.objects.push(Object { name: p.clone(), path: None, size: 0 });
            continue;
        }
        if !std::path::Path::new(p).exists() {
            return Err(SourceError::NotFound { path: p.clone() });
        }
        for e in walkdir::WalkDir::new(p).into_iter().flatten().filter(|e| e.file_type().is_file()) {
            l.objects.push(Object {
                name: e.path().display().to_string(),
                path: Some(e.path().to_owned()),
                size: e.metadata().map(|m| m.len()).unwrap_or(0),
            });
        }
    }
    l.objects.sort();
    l.objects.dedup();
    Ok(l)
}
/// x
pub struct Reader {
    inner: Box<dyn std::io::Read>,
    n: u64,
}
impl Reader {
    /// x
    pub fn open(object: &Object) -> Result<Self, SourceError> {
        use std::io::Read;
        let err = |e: std::io::Error| SourceError::Unreadable {
            object: object.name.clone(),
            detail: e.to_string(),
            source: None,
        };
        let mut f: Box<dyn Read> = match &object.path {
            Some(p) => Box::new(std::fs::File::open(p).map_err(err)?),
            None => Box::new(std::io::stdin()),
        };
        let mut head = [0u8; 4];
        let mut n = 0;
        while n < 4 {
            let k = f.read(&mut head[n..]).map_err(err)?;
            if k == 0 {
                break;
            }
            n += k;
        }
        let f: Box<dyn Read> = Box::new(std::io::Cursor::new(head[..n].to_vec()).chain(f));
        let inner: Box<dyn Read> = if head[..2] == [0x1f, 0x8b] {
            Box::new(flate2::read::MultiGzDecoder::new(f))
        } else if head == [0x28, 0xb5, 0x2f, 0xfd] {
            Box::new(zstd::Decoder::new(f).map_err(err)?)
        } else {
            f
        };
        Ok(Self { inner, n: 0 })
    }
    /// x
    pub fn read(&mut self, chunk: &mut [u8]) -> Result<usize, SourceError> {
        let n = self.inner.read(chunk).map_err(|e| SourceError::Unreadable {
            object: String::new(),
            detail: e.to_string(),
            source: None,
        })?;
        self.n += n as u64;
        Ok(n)
    }
    /// x
    pub fn stored_bytes_read(&self) -> u64 {
        self.n
    }
}
