//! What was read into a lake: pages beside the table, each of which counts once its number stands in
//! the Delta log.
//!
//! A page says what one commit read. It names the page before it; now and then one says everything,
//! so that no more than [`PAGES_IN_CHAIN`] are ever read. A page that no commit made valid is
//! looked at by nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use object_store::path::Path;
use object_store::{DynObjectStore, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LakeError;
use crate::identity::{Evidence, Inventory};

/// Folder of the pages. What begins with an underscore is nobody's table.
const FOLDER: &str = "_airside/ledger";

/// Most pages that are read to know everything.
const PAGES_IN_CHAIN: u32 = 16;

/// Largest page, uncompressed: what is larger was not written by Airside (4 GiB).
const MAX_PAGE_BYTES: u64 = 4 << 30;

/// What is known of an object that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its size as stored, in bytes, when it was read.
    pub size: u64,
    /// What changes whenever the object does: the ETag of a blob, the time of a file's last change.
    pub tag: String,
    /// Up to where it was read, if it can be read on from there once it has grown; else 0, and it is
    /// read again from its start.
    pub read_to: u64,
    /// How many bytes before that were hashed.
    pub tail_bytes: u64,
    /// Their hash: whether what is there still is what was read. `None` where it cannot be read on.
    pub tail: Option<String>,
    /// Up to where objects of this name were read that it replaced, whose events are still there; 0
    /// where that is not known, `None` where it replaced none.
    #[serde(default)]
    pub replaced_read_to: Option<u64>,
}

impl Entry {
    /// Whether events that end there can have come from the object, or from one that it replaced.
    pub(super) fn reaches(&self, end: u64) -> bool {
        let has_end = self.read_to > 0 && self.replaced_read_to != Some(0);
        !has_end || end <= self.read_to.max(self.replaced_read_to.unwrap_or(0))
    }

    /// What an object that is read from its start in the place of this one replaces.
    pub fn replaced(&self) -> u64 {
        match self.replaced_read_to {
            Some(0) => 0,
            _ if self.read_to == 0 => 0,
            before => self.read_to.max(before.unwrap_or(0)),
        }
    }
}

/// Counts of everything that was read into a lake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Decompressed bytes.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Rows of the table.
    pub events: u64,
    /// Records that were another record of an event that is there.
    pub duplicates: u64,
    /// Records that are not ours, inventory, or out of range.
    pub skipped: u64,
    /// Records that were not understood.
    pub rejected: u64,
}

/// What was learned after events were written that these may have to be classified again for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pending {
    /// All events.
    pub all: bool,
    /// Those of these principals.
    pub keys: BTreeSet<String>,
}

impl Pending {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        !self.all && self.keys.is_empty()
    }

    /// Adds what else was learned.
    pub fn merge(&mut self, other: Self) {
        self.all |= other.all;
        self.keys.extend(other.keys);
    }
}

/// Everything that the ledger says.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    /// Number of its last page; 0 where there is none.
    pub number: i64,
    /// Pages since the last that said everything.
    depth: u32,
    /// The objects by name.
    pub objects: BTreeMap<String, Entry>,
    /// Objects that were not read to their end, of which there may be events nevertheless.
    pub unfinished: BTreeSet<String>,
    /// What inventories and logs stated.
    pub inventory: Inventory,
    /// What the logs say of principals.
    pub evidence: Evidence,
    /// What is still to be classified again.
    pub pending: Pending,
    /// Counts.
    pub totals: Totals,
    /// Numbers of the pages that are needed.
    pub pages: Vec<i64>,
}

/// One page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// Form of the page: 1.
    form: u32,
    /// Its number: larger than that of the page before.
    pub number: i64,
    /// Number of the page before; `None` where this one says everything.
    previous: Option<i64>,
    depth: u32,
    objects: BTreeMap<String, Entry>,
    #[serde(default)]
    unfinished: BTreeSet<String>,
    inventory: Inventory,
    evidence: Evidence,
    pending: Pending,
    totals: Totals,
}

/// What one commit read.
#[derive(Debug, Default)]
pub struct News {
    /// The objects that were read, or read on.
    pub objects: BTreeMap<String, Entry>,
    /// The objects that were not read to their end.
    pub unfinished: BTreeSet<String>,
    /// What they say of principals.
    pub evidence: Evidence,
    /// All that is stated now.
    pub inventory: Inventory,
    /// All that is to be classified again now.
    pub pending: Pending,
    /// All counts now.
    pub totals: Totals,
}

impl Ledger {
    /// Reads the pages up to a number.
    ///
    /// # Errors
    ///
    /// A [`LakeError`].
    pub async fn load(store: &DynObjectStore, number: i64) -> Result<Self, LakeError> {
        let mut pages: Vec<Page> = Vec::new();
        let mut next = Some(number);
        while let Some(number) = next {
            let page = Page::read(store, number).await?;
            next = page.previous.filter(|previous| *previous < number);
            pages.push(page);
        }
        let mut ledger = Self { number, depth: pages.first().map_or(0, |page| page.depth), ..Self::default() };
        for page in pages.into_iter().rev() {
            ledger.pages.push(page.number);
            ledger.unfinished.retain(|name| !page.objects.contains_key(name));
            ledger.unfinished.extend(page.unfinished);
            ledger.objects.extend(page.objects);
            ledger.evidence.merge(page.evidence);
            (ledger.inventory, ledger.pending, ledger.totals) = (page.inventory, page.pending, page.totals);
        }
        Ok(ledger)
    }

    /// The page that adds what is new.
    pub fn page(&self, news: News) -> Page {
        let News { mut objects, mut unfinished, mut evidence, inventory, pending, totals } = news;
        // Numbers are drawn, not counted: two writers that follow the same page must not write over
        // each other's, and a page left by one that was killed must not count for another.
        let step = i64::try_from(Uuid::new_v4().as_u128() % (1 << 31)).unwrap_or(0) + 1;
        let is_whole = self.number == 0 || self.depth + 1 >= PAGES_IN_CHAIN;
        if is_whole {
            let before = self.unfinished.iter().filter(|name| !objects.contains_key(*name));
            unfinished.extend(before.cloned());
            let mut all = self.objects.clone();
            all.extend(objects);
            objects = all;
            evidence.merge(self.evidence.clone());
        }
        Page {
            form: 1,
            number: self.number + step,
            previous: (!is_whole).then_some(self.number),
            depth: if is_whole { 0 } else { self.depth + 1 },
            objects,
            unfinished,
            inventory,
            evidence,
            pending,
            totals,
        }
    }
}

fn path_of(number: i64) -> Path {
    Path::from(format!("{FOLDER}/{number:020}.json.zst"))
}

/// The number of the page that an object is, if it is one.
pub(super) fn number_of(path: &Path) -> Option<i64> {
    path.as_ref().strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".json.zst")?.parse().ok()
}

/// The folder of the pages.
pub(super) fn folder() -> Path {
    Path::from(FOLDER)
}

impl Page {
    pub(super) async fn write(&self, store: &DynObjectStore) -> Result<(), LakeError> {
        let path = path_of(self.number);
        let damaged = |detail: String| LakeError::Page { path: path.to_string(), detail };
        let text = serde_json::to_vec(self).map_err(|error| damaged(error.to_string()))?;
        let bytes = zstd::bulk::compress(&text, 3).map_err(|error| damaged(error.to_string()))?;
        let put = store.put(&path, bytes.into()).await;
        put.map_err(|source| LakeError::Object { path: path.to_string(), what: "write", source })?;
        Ok(())
    }

    async fn read(store: &DynObjectStore, number: i64) -> Result<Self, LakeError> {
        let path = path_of(number);
        let damaged = |detail: String| LakeError::Page { path: path.to_string(), detail };
        let got = store.get(&path).await;
        let got = got.map_err(|source| LakeError::Object { path: path.to_string(), what: "read", source })?;
        let bytes = got.bytes().await;
        let bytes = bytes.map_err(|source| LakeError::Object { path: path.to_string(), what: "read", source })?;
        let decoder = zstd::Decoder::new(bytes.as_ref()).map_err(|error| damaged(error.to_string()))?;
        let mut text = Vec::new();
        decoder.take(MAX_PAGE_BYTES).read_to_end(&mut text).map_err(|error| damaged(error.to_string()))?;
        let page: Self = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if page.form != 1 {
            return Err(damaged(format!("is of form {}; a newer Airside wrote it", page.form)));
        }
        if page.number != number {
            return Err(damaged(format!("says that it is number {}", page.number)));
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(read_to: u64, replaced_read_to: Option<u64>) -> Entry {
        Entry { size: 9, tag: String::new(), read_to, tail_bytes: 0, tail: None, replaced_read_to }
    }

    #[test]
    fn events_lie_within_what_was_read_of_an_object_or_of_those_that_it_replaced() {
        for (read_to, replaced, end, expected) in [
            (100, None, 100, true),
            (100, None, 101, false),
            (100, Some(500), 500, true),
            (100, Some(500), 501, false),
            (100, Some(0), 9000, true),
            (0, None, 9000, true),
        ] {
            assert_eq!(entry(read_to, replaced).reaches(end), expected, "{read_to} {replaced:?} {end}");
        }
    }

    #[test]
    fn an_object_that_is_replaced_again_and_again_reaches_as_far_as_the_longest() {
        for (read_to, replaced, expected) in
            [(100, None, 100), (100, Some(500), 500), (700, Some(500), 700), (100, Some(0), 0), (0, None, 0)]
        {
            assert_eq!(entry(read_to, replaced).replaced(), expected, "{read_to} {replaced:?}");
        }
    }
}
