//! Where output goes: standard output, and files that appear whole or not at all.

pub mod recorded;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use recorded::{Log, Recorded, Stdout};
use tempfile::NamedTempFile;

use crate::cli::args::values::OutputTarget;
use crate::cli::args::{ColorChoice, ReadArgs};
use crate::cli::custody::Custody;
use crate::error::RunError;
use crate::pipeline::Baseline;
use crate::redact;
use crate::report::{Colour, DEFAULT_WIDTH, OutputFormat, ReportError, Style};

/// Fewest columns that a table is laid out for.
const MIN_WIDTH: usize = 40;

/// Start and end of the names of files under way; a leading dot keeps them out of globs.
const TEMPORARY: (&str, &str) = (".airside-", ".part");

/// What is known about the terminal, once, at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether standard output is one.
    pub is_stdout: bool,
    /// Columns of it.
    pub width: usize,
    /// Whether the environment asks for no colours: `NO_COLOR` set, or `TERM=dumb`.
    pub is_colourless: bool,
}

impl Terminal {
    /// Holds that standard output can take a format.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for a binary format on a terminal.
    pub fn takes(self, format: &str, is_binary: bool) -> Result<(), RunError> {
        if is_binary && self.is_stdout {
            return Err(RunError::Usage {
                message: format!("{format} is binary and standard output is a terminal"),
                hint: Some(format!("--output {format}=FILE writes it to a file")),
            });
        }
        Ok(())
    }

    /// Looks at standard output and the environment.
    pub fn detect() -> Self {
        let is_stdout = io::stdout().is_terminal();
        let size = if is_stdout { terminal_size::terminal_size_of(io::stdout()) } else { None };
        let width = size.map_or(DEFAULT_WIDTH, |(terminal_size::Width(columns), _)| usize::from(columns));
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { is_stdout, width: width.max(MIN_WIDTH), is_colourless: no_color || is_dumb }
    }

    /// How a table on standard output is laid out.
    pub fn style(self, choice: ColorChoice) -> Style {
        let is_coloured = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => self.is_stdout && !self.is_colourless,
        };
        Style { width: self.width, colour: if is_coloured { Colour::On } else { Colour::Off } }
    }
}

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
struct Place {
    /// The folder, without links.
    folder: PathBuf,
    /// The file, without links: what is renamed over must not be the link.
    target: PathBuf,
    kind: PlaceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceKind {
    Free,
    File,
    Device,
}

impl Place {
    fn of(path: &Path) -> Result<Self, RunError> {
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

/// All files of a run.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Reports, each in its format.
    pub reports: Vec<(OutputFormat, OutputFile)>,
    /// `--coverage`.
    pub coverage: Option<OutputFile>,
    /// `--quarantine`.
    pub quarantine: Option<OutputFile>,
    /// `--baseline`.
    pub baseline: Option<OutputFile>,
    /// `--custody`: is told of all the others, and written after them.
    pub custody: Option<Custody>,
}

impl Outputs {
    /// Opens all files, before any work.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] as [`OutputFile::create`], and where two of them, or one of them and an
    /// input, are the same file.
    pub fn open(read: &ReadArgs, reports: &[OutputTarget]) -> Result<Self, RunError> {
        let (outputs, reports) = Self::open_with(read, reports)?;
        Ok(Self { reports, ..outputs })
    }

    /// Opens all files, before any work, those of reports in formats of a command's own.
    ///
    /// # Errors
    ///
    /// As [`Outputs::open`].
    pub fn open_with<F: Copy>(
        read: &ReadArgs,
        reports: &[OutputTarget<F>],
    ) -> Result<(Self, Vec<(F, OutputFile)>), RunError> {
        let paths = reports.iter().map(|report| &report.path);
        refuse_shared(paths.chain(&read.coverage).chain(&read.quarantine).chain(&read.custody), read)?;
        let overwrite = if read.force { Overwrite::Allow } else { Overwrite::Refuse };
        let custody = read.custody.as_ref().map(|path| Custody::open(path, overwrite)).transpose()?;
        let open = |path: &PathBuf| {
            let mut file = OutputFile::create(path, overwrite)?;
            if let Some(custody) = &custody {
                file.record_in(custody.log());
            }
            Ok::<_, RunError>(file)
        };
        let reports = reports.iter().map(|report| Ok((report.format, open(&report.path)?)));
        let reports = reports.collect::<Result<_, RunError>>()?;
        let coverage = read.coverage.as_ref().map(open).transpose()?;
        let quarantine = read.quarantine.as_ref().map(open).transpose()?;
        Ok((Self { reports: Vec::new(), coverage, quarantine, baseline: None, custody }, reports))
    }

    /// Opens the file of the baseline. It is there to be brought up to date: what it says was read
    /// before, and it is replaced whole.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::create`].
    pub fn open_baseline(&mut self, path: Option<&Path>) -> Result<(), RunError> {
        let mut file = path.map(|path| OutputFile::create(path, Overwrite::Allow)).transpose()?;
        if let (Some(file), Some(custody)) = (&mut file, &self.custody) {
            file.record_in(custody.log());
        }
        self.baseline = file;
        Ok(())
    }

    /// Writes the baseline, where one is kept.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`].
    pub fn write_baseline(&mut self, baseline: Option<&Baseline>) -> Result<(), RunError> {
        let (Some(file), Some(baseline)) = (&mut self.baseline, baseline) else { return Ok(()) };
        let text = baseline.to_text()?;
        file.write_with(|out| out.write_all(text.as_bytes()).map_err(ReportError::write))
    }

    /// Gives every file its name.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::finish`]; the files after the one that failed get no name. A manifest is not
    /// among them: it comes after standard output.
    pub fn finish(self) -> Result<(), RunError> {
        let reports = self.reports.into_iter().map(|(_, file)| file);
        reports.chain(self.coverage).chain(self.quarantine).chain(self.baseline).try_for_each(OutputFile::finish)
    }
}

fn refuse_shared<'a>(paths: impl Iterator<Item = &'a PathBuf>, read: &ReadArgs) -> Result<(), RunError> {
    let inputs =
        read.paths.iter().map(Path::new).chain(read.inventory.iter().chain(&read.config).map(PathBuf::as_path));
    let inputs: BTreeSet<PathBuf> = inputs.filter_map(|input| fs::canonicalize(input).ok()).collect();
    let mut seen = BTreeSet::new();
    for path in paths {
        let target = Place::of(path)?.target;
        if inputs.contains(&target) {
            return Err(RunError::usage(format!("{} is an input and cannot be an output as well", path.display())));
        }
        if !seen.insert(target) {
            return Err(RunError::usage(format!("two outputs to one file: {}", path.display())));
        }
    }
    Ok(())
}

/// Standard output, buffered. Once its reader has gone, what is written goes nowhere, quietly:
/// `airside … | head` is no error.
#[derive(Debug)]
pub struct QuietPipe<W> {
    out: W,
    gone: Gone,
}

/// Whether the reader of a [`QuietPipe`] has gone: what would be written only for it need not be made.
#[derive(Debug, Clone, Default)]
pub struct Gone(Rc<Cell<bool>>);

impl Gone {
    /// Whether it has.
    pub fn is_true(&self) -> bool {
        self.0.get()
    }
}

impl<W: Write> QuietPipe<W> {
    /// Wraps a writer.
    pub fn new(out: W) -> Self {
        Self { out, gone: Gone::default() }
    }

    /// What tells, later too, whether the reader has gone.
    pub fn gone(&self) -> Gone {
        self.gone.clone()
    }

    /// The writer that was wrapped.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn quieten<T>(&mut self, result: io::Result<T>, otherwise: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone.0.set(true);
                Ok(otherwise)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for QuietPipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone.is_true() {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.quieten(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone.is_true() {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.quieten(flushed, ())
    }
}

/// Writes to standard output with a writer of reports.
///
/// # Errors
///
/// [`RunError::Internal`] where it cannot be written; a closed pipe is no error.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> Result<(), ReportError>) -> Result<(), RunError> {
    to_recorded_stdout(None, write)
}

/// The same, and what was written is told to a log, if there is one.
///
/// # Errors
///
/// As [`to_stdout`].
pub fn to_recorded_stdout(
    log: Option<&Log>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), ReportError>,
) -> Result<(), RunError> {
    let mut out = BufWriter::new(QuietPipe::new(Stdout::lock(log)));
    write(&mut out)
        .and_then(|()| out.flush().map_err(ReportError::write))
        .map_err(|error| RunError::internal("cannot write to standard output", error))
}

#[cfg(test)]
mod tests;
