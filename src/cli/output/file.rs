//! A file of output, which appears under its name whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::recorded::{Log, Recorded};
use crate::error::RunError;
use crate::redact;
use crate::report::ReportError;

/// Start and end of the names of files under way; a leading dot keeps them out of globs.
const TEMPORARY: (&str, &str) = (".airside-", ".part");

/// Whether files may be written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// They are left as they are.
    Refuse,
    /// They are replaced.
    Allow,
}

/// A file under way. It gets its name when it is [finished](Self::finish); dropped before that,
/// nothing of it is left.
#[derive(Debug)]
pub struct OutputFile {
    /// As the user named it, for messages.
    path: PathBuf,
    sink: Sink,
    /// Who is told what was written.
    log: Option<Log>,
}

#[derive(Debug)]
enum Sink {
    /// A temporary file beside `target`, renamed at the end.
    Renamed { file: BufWriter<Recorded<NamedTempFile>>, target: PathBuf, overwrite: Overwrite },
    /// A device or named pipe, which no file may take the place of.
    Direct(BufWriter<Recorded<File>>),
}

impl OutputFile {
    /// Opens a file for writing, in the folder where it will be.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] where the folder is missing, the file exists and may not be written
    /// over, or either cannot be opened.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Self, RunError> {
        let place = Place::of(path)?;
        let sink = match place.kind {
            PlaceKind::Device => {
                let device = File::options().write(true).open(&place.target);
                Sink::Direct(BufWriter::new(Recorded::unhashed(device.map_err(|error| cannot_write(path, &error))?)))
            }
            PlaceKind::File if overwrite == Overwrite::Refuse => {
                return Err(RunError::Usage {
                    message: format!("{} exists already", path.display()),
                    hint: Some("--force writes over it".to_owned()),
                });
            }
            PlaceKind::File | PlaceKind::Free => {
                let file = temporary(&place.folder).map_err(|error| cannot_write(path, &error))?;
                Sink::Renamed { file: BufWriter::new(Recorded::unhashed(file)), target: place.target, overwrite }
            }
        };
        Ok(Self { path: path.to_owned(), sink, log: None })
    }

    /// Tells a log what is written from here on, once the file has its name.
    pub fn record_in(&mut self, log: &Log) {
        self.log = Some(log.clone());
        match &mut self.sink {
            Sink::Renamed { file, .. } => file.get_mut().begin(),
            Sink::Direct(device) => device.get_mut().begin(),
        }
    }

    /// Writes what is buffered and gives the file its name.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`] on a full disk or the like; [`RunError::Usage`] where a file of that
    /// name came up meanwhile.
    pub fn finish(self) -> Result<(), RunError> {
        let (path, log) = (self.path, self.log);
        let told = |digest| {
            if let (Some(log), Some(digest)) = (&log, digest) {
                log.add(redact::text(&path.display().to_string()).into_owned(), digest);
            }
        };
        let failed = |error: io::Error| RunError::internal(format!("cannot write {}", path.display()), error);
        let (file, target, overwrite) = match self.sink {
            Sink::Direct(mut device) => {
                device.flush().map_err(failed)?;
                told(device.get_ref().digest());
                return Ok(());
            }
            Sink::Renamed { file, target, overwrite } => (file, target, overwrite),
        };
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        let digest = file.digest();
        let file = file.into_inner();
        file.as_file().sync_all().map_err(failed)?;
        let renamed = match overwrite {
            Overwrite::Allow => file.persist(&target),
            Overwrite::Refuse => file.persist_noclobber(&target),
        };
        match renamed {
            Ok(_) => {
                told(digest);
                Ok(())
            }
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(RunError::usage(format!("{} came into being during the run and is left as it is", path.display())))
            }
            Err(error) => Err(failed(error.error)),
        }
    }

    /// Writes with a writer of reports.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`].
    pub fn write_with(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), ReportError>,
    ) -> Result<(), RunError> {
        let name = self.path.display().to_string();
        write(self).map_err(|error| RunError::internal(format!("cannot write {name}"), error))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Renamed { file, .. } => file.write(bytes),
            Sink::Direct(device) => device.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Renamed { file, .. } => file.flush(),
            Sink::Direct(device) => device.flush(),
        }
    }
}

/// Where a path leads.
pub(super) struct Place {
    /// The folder, without links.
    folder: PathBuf,
    /// The file, without links: what is renamed over must not be the link.
    pub(super) target: PathBuf,
    kind: PlaceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceKind {
    Free,
    File,
    Device,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Self, RunError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::free(path),
            Err(error) => return Err(cannot_write(path, &error)),
        };
        if metadata.is_dir() {
            return Err(RunError::usage(format!("cannot write {}: it is a folder", path.display())));
        }
        if !metadata.is_file() {
            // `/dev/stdout` can lead to a pipe that has no path of its own.
            return Ok(Self { folder: PathBuf::new(), target: path.to_owned(), kind: PlaceKind::Device });
        }
        let target = fs::canonicalize(path).map_err(|error| cannot_write(path, &error))?;
        let folder = target.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        Ok(Self { folder, target, kind: PlaceKind::File })
    }

    fn free(path: &Path) -> Result<Self, RunError> {
        let shown = path.display();
        let Some(name) = path.file_name() else {
            return Err(RunError::usage(format!("cannot write {shown}: it names no file")));
        };
        if path.is_symlink() {
            return Err(RunError::usage(format!("cannot write {shown}: it is a link to a file that does not exist")));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let canonical = fs::canonicalize(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                RunError::usage(format!("cannot write {shown}: folder {} does not exist", folder.display()))
            }
            _ => cannot_write(path, &error),
        })?;
        if !canonical.is_dir() {
            return Err(RunError::usage(format!("cannot write {shown}: {} is not a folder", folder.display())));
        }
        Ok(Self { target: canonical.join(name), folder: canonical, kind: PlaceKind::Free })
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> RunError {
    RunError::usage(format!("cannot write {}: {error}", path.display()))
}

/// A temporary file with the permissions that a file of this name would get.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any new file; the process's umask takes its bits away.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
