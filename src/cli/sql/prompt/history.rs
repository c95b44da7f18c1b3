//! The history of the prompt, in the user's folder of states.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use reedline::{
    FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, Result as HistoryResult, SearchQuery,
};

use crate::redact;

/// Queries that are remembered.
const ENTRIES: usize = 5000;

/// Only the user reads what the user asked.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// The history of earlier sessions; `None` where there is no place for one: the prompt then
/// remembers what is asked as long as it is open.
pub(super) fn open() -> Option<Box<dyn History>> {
    let file = path()?;
    make(&file).ok()?;
    let history = FileBackedHistory::with_file(ENTRIES, file).ok()?;
    Some(Box::new(WithoutSecrets(history)))
}

/// A history that no secret gets into: not the signature of an address that was pasted, not a key.
#[derive(Debug)]
struct WithoutSecrets(FileBackedHistory);

impl History for WithoutSecrets {
    fn save(&mut self, mut item: HistoryItem) -> HistoryResult<HistoryItem> {
        item.command_line = redact::text(&item.command_line).into_owned();
        self.0.save(item)
    }

    fn load(&self, id: HistoryItemId) -> HistoryResult<HistoryItem> {
        self.0.load(id)
    }

    fn count(&self, query: SearchQuery) -> HistoryResult<i64> {
        self.0.count(query)
    }

    fn search(&self, query: SearchQuery) -> HistoryResult<Vec<HistoryItem>> {
        self.0.search(query)
    }

    fn update(&mut self, id: HistoryItemId, updater: &dyn Fn(HistoryItem) -> HistoryItem) -> HistoryResult<()> {
        self.0.update(id, updater)
    }

    fn clear(&mut self) -> HistoryResult<()> {
        self.0.clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> HistoryResult<()> {
        self.0.delete(id)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }

    fn session(&self) -> Option<HistorySessionId> {
        self.0.session()
    }
}

/// `$XDG_STATE_HOME/airside/history`, by default below `~/.local/state`:
/// <https://specifications.freedesktop.org/basedir-spec/latest/>. A relative path there is no path.
fn path() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let states = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")))?;
    Some(states.join("airside").join("history"))
}

/// Makes the file, or takes others' rights to it away.
fn make(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    }
    File::options().append(true).create(true).mode(FILE_MODE).open(file)?;
    fs::set_permissions(file, Permissions::from_mode(FILE_MODE))
}
