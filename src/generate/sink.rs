//! Files that grow: what is written is held a while, so that thousands of files need not be open.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::forms::Record;

/// Text held before it goes to the files, in bytes: the bound of the generator's memory.
const HELD_BYTES: usize = 64 << 20;

/// Whether files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compress {
    /// gzip; a file may have several members.
    Gzip,
    /// As they are.
    Not,
}

/// The folder of a tenant under way.
#[derive(Debug)]
pub(super) struct Sink {
    root: PathBuf,
    compress: Compress,
    /// By path, so that the order of writing repeats itself.
    held: BTreeMap<String, String>,
    held_bytes: usize,
    /// Bytes of records so far, before compression.
    pub(super) bytes: u64,
    /// Records so far.
    pub(super) records: u64,
}

impl Sink {
    /// Begins in an empty folder.
    pub(super) fn new(root: &Path, compress: Compress) -> Self {
        Self { root: root.to_owned(), compress, held: BTreeMap::new(), held_bytes: 0, bytes: 0, records: 0 }
    }

    /// Takes records; writes where enough is held.
    pub(super) fn take(&mut self, records: &mut Vec<Record>) -> io::Result<()> {
        for record in records.drain(..) {
            let length = record.text.len() + 1;
            self.records += 1;
            self.bytes += length as u64;
            self.held_bytes += length;
            let text = self.held.entry(record.path).or_default();
            text.push_str(&record.text);
            text.push('\n');
        }
        if self.held_bytes >= HELD_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes all that is held.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.held_bytes = 0;
        for (name, text) in std::mem::take(&mut self.held) {
            self.append(&name, text.as_bytes())?;
        }
        Ok(())
    }

    /// Writes a file that is whole.
    pub(super) fn whole(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.root.join(name);
        named(&path, create_parent(&path).and_then(|()| fs::write(&path, text)))
    }

    fn append(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let path = match self.compress {
            Compress::Gzip => self.root.join(format!("{name}.gz")),
            Compress::Not => self.root.join(name),
        };
        named(&path, create_parent(&path).and_then(|()| self.append_to(&path, text)))
    }

    fn append_to(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        match self.compress {
            Compress::Not => file.write_all(text),
            Compress::Gzip => {
                let mut encoder = GzEncoder::new(file, Compression::fast());
                encoder.write_all(text)?;
                encoder.finish().map(drop)
            }
        }
    }
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Adds the file's name to an error.
fn named(path: &Path, result: io::Result<()>) -> io::Result<()> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
