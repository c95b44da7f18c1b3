//! Lists files, folders and globs.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use super::{Listing, Location, Object, SourceError, in_words};
use crate::parallel;
use crate::redact;

/// Characters that make an argument a glob, unless it exists as it is written.
const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

/// Folders that are enough for all threads to be busy listing them.
const FOLDERS_TO_SHARE: usize = 64;

/// A file with its device and inode: one file has one of these, whatever path leads to it.
type Found = (Object, (u64, u64));

/// Collects what the arguments name.
#[derive(Debug, Default)]
pub(super) struct Lister {
    found: Vec<Found>,
    failed: Vec<(String, String)>,
}

impl Lister {
    /// Adds what one argument names.
    pub(super) fn add(&mut self, argument: &str) -> Result<(), SourceError> {
        let path = Path::new(argument);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => match plain_tree(path) {
                Some(found) => self.found.extend(found),
                None => self.walk(path, |_| true, usize::MAX),
            },
            // Whatever the user names is opened: a pipe made by the shell can be read as well.
            Ok(metadata) => self.push(path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound && argument.contains(GLOB_CHARACTERS) => {
                return self.glob(argument);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SourceError::NotFound { path: redact::text(argument).into_owned() });
            }
            Err(error) => self.fail(path, &in_words(&error)),
        }
        Ok(())
    }

    /// All objects by name, each once: of two names for one file the first stays.
    pub(super) fn finish(self) -> Listing {
        let Self { mut found, mut failed } = self;
        found.sort();
        failed.sort();
        failed.dedup();
        let mut seen = HashSet::with_capacity(found.len());
        found.retain(|(_, file)| seen.insert(*file));
        Listing { objects: found.into_iter().map(|(object, _)| object).collect(), failed }
    }

    /// Adds the files that a pattern matches, and everything below the folders that it matches.
    fn glob(&mut self, pattern: &str) -> Result<(), SourceError> {
        let bad = |detail: String| SourceError::BadPattern { pattern: redact::text(pattern).into_owned(), detail };
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let matcher = glob.map_err(|error| bad(format!("is no valid glob: {}", error.kind())))?.compile_matcher();
        let base = literal_base(pattern);
        let depth = if pattern.contains("**") {
            usize::MAX
        } else {
            Path::new(pattern).components().count() - base.components().count()
        };
        let before = (self.found.len(), self.failed.len());
        // A relative pattern is walked from `.`, whose paths do not start with it.
        let root = if base.as_os_str().is_empty() { Path::new(".") } else { &base };
        if root.is_dir() {
            self.walk(root, |path| is_inside_match(&matcher, path.strip_prefix(".").unwrap_or(path)), depth);
        }
        if before == (self.found.len(), self.failed.len()) {
            return Err(bad("matches nothing".to_owned()));
        }
        Ok(())
    }

    /// Adds the wanted files below a folder. A folder deeper than `depth` is only entered when it
    /// is itself wanted.
    fn walk(&mut self, root: &Path, is_wanted: impl Fn(&Path) -> bool, depth: usize) {
        let enters = |entry: &DirEntry| entry.depth() < depth || !entry.file_type().is_dir() || is_wanted(entry.path());
        for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(enters) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() || !is_wanted(entry.path()) => {}
                Ok(entry) => self.entry(&entry),
                Err(error) => self.walk_error(root, &error),
            }
        }
    }

    fn entry(&mut self, entry: &DirEntry) {
        let path = entry.path().strip_prefix("./").unwrap_or(entry.path());
        if !entry.file_type().is_file() {
            self.fail(path, "is a pipe, a socket or a device, and was passed over");
            return;
        }
        match entry.metadata() {
            Ok(metadata) => self.push(path, &metadata),
            Err(error) => self.walk_error(path, &error),
        }
    }

    fn push(&mut self, path: &Path, metadata: &Metadata) {
        self.found.push(found(path, metadata));
    }

    fn walk_error(&mut self, root: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(root);
        if error.loop_ancestor().is_some() {
            // What it leads back to is read where it lies: nothing is missing.
            return;
        }
        let is_broken_link = path.is_symlink() && !path.exists();
        let detail = match error.io_error() {
            _ if is_broken_link => "is a symbolic link that leads nowhere".to_owned(),
            Some(error) => in_words(error),
            None => "cannot be listed".to_owned(),
        };
        self.fail(path, &detail);
    }

    fn fail(&mut self, path: &Path, detail: &str) {
        let name = redact::text(&path.display().to_string()).into_owned();
        let reason = format!("{name}: {detail}");
        self.failed.push((name, reason));
    }
}

fn found(path: &Path, metadata: &Metadata) -> Found {
    let location = Location::Local(path.to_owned());
    // What was downloaded may have the whole address as its name, signature and all.
    let name = redact::text(&path.display().to_string()).into_owned();
    let object = Object { name, location, size: metadata.len(), start: 0, etag: None };
    (object, (metadata.dev(), metadata.ino()))
}

/// Everything below a folder, listed by all threads; `None` where there is a symbolic link, something
/// that is neither file nor folder, or an error: one thread then goes carefully through all of it.
fn plain_tree(root: &Path) -> Option<Vec<Found>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while (1..FOLDERS_TO_SHARE).contains(&folders.len()) {
        for folder in std::mem::take(&mut folders) {
            plain_folder(&folder, &mut folders, &mut files)?;
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = parallel::map(threads, folders, |folder| {
        let (mut files, mut folders) = (Vec::new(), vec![folder]);
        while let Some(folder) = folders.pop() {
            plain_folder(&folder, &mut folders, &mut files)?;
        }
        Some(files)
    });
    for part in parts {
        files.extend(part?);
    }
    Some(files)
}

/// Adds what lies in a folder.
fn plain_folder(folder: &Path, folders: &mut Vec<PathBuf>, files: &mut Vec<Found>) -> Option<()> {
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        let (kind, path) = (entry.file_type().ok()?, entry.path());
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_file() {
            files.push(found(path.strip_prefix("./").unwrap_or(&path), &entry.metadata().ok()?));
        } else {
            return None;
        }
    }
    Some(())
}

/// The folders of a pattern before its first component with a wildcard.
fn literal_base(pattern: &str) -> PathBuf {
    let is_literal = |component: &std::path::Component<'_>| {
        component.as_os_str().to_str().is_some_and(|text| !text.contains(GLOB_CHARACTERS))
    };
    Path::new(pattern).components().take_while(is_literal).collect()
}

/// Whether the pattern matches the path or a folder that it lies in.
fn is_inside_match(matcher: &GlobMatcher, path: &Path) -> bool {
    path.ancestors().any(|path| matcher.is_match(path))
}
