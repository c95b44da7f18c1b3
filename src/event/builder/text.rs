//! The text columns under way: each distinct text of a batch is folded once.

use std::sync::Arc;

use arrow::array::builder::NullBufferBuilder;
use arrow::array::{ArrayRef, DictionaryArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::numbers::NumberColumn;
use super::{BATCH_ROWS, room_for, taken};
use crate::event::absent;
use crate::event::fold::{fold, fold_trimmed, is_folded, trimmed};
use crate::event::schema::{self, ColumnType, Fold, TextColumn};
use crate::redact::{self, Redaction};

/// A text column under way.
#[derive(Debug)]
pub(super) struct TextStore {
    store: Store,
    holds: Holds,
}

#[derive(Debug)]
enum Store {
    Dictionary(DictionaryColumn),
    Plain(PlainColumn),
}

/// What the texts of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Json,
    Text,
}

impl TextStore {
    pub(super) fn new(column: TextColumn) -> Self {
        let spec = schema::COLUMNS.iter().find(|spec| spec.name == column.name());
        let store = match spec.map(|spec| spec.column_type) {
            Some(ColumnType::Text) => Store::Plain(PlainColumn::new(column.fold())),
            _ => Store::Dictionary(DictionaryColumn::new(column.fold())),
        };
        let holds = match column {
            TextColumn::RequestBody | TextColumn::ResponseBody => Holds::Json,
            _ => Holds::Text,
        };
        Self { store, holds }
    }

    /// Gives a row its text. Rows come in order; those that get none are null.
    pub(super) fn put(&mut self, row: usize, raw: &str) {
        match &mut self.store {
            Store::Dictionary(column) => column.put(row, raw),
            Store::Plain(column) => column.put(row, raw),
        }
    }

    /// The folded text of a row after which none was given one.
    pub(super) fn last(&self, row: usize) -> Option<&str> {
        match &self.store {
            Store::Dictionary(column) => column.last(row),
            Store::Plain(column) => column.last(row),
        }
    }

    pub(super) fn plain_bytes(&self) -> usize {
        match &self.store {
            Store::Dictionary(column) => column.values.text.len(),
            Store::Plain(column) => column.texts.text.len(),
        }
    }

    /// The column of so many rows, without the secrets in its texts where these are to be taken out.
    pub(super) fn finish(&mut self, rows: usize, redaction: Redaction) -> Result<ArrayRef, ArrowError> {
        if redaction == Redaction::On {
            let texts = match &mut self.store {
                Store::Dictionary(column) => &mut column.values,
                Store::Plain(column) => &mut column.texts,
            };
            texts.redact(self.holds);
        }
        match &mut self.store {
            Store::Dictionary(column) => column.finish(rows),
            Store::Plain(column) => column.finish(rows),
        }
    }
}

/// Texts end to end, as an Arrow string array holds them.
#[derive(Debug)]
struct Texts {
    text: String,
    offsets: Vec<i32>,
}

impl Texts {
    fn new() -> Self {
        Self { text: String::new(), offsets: vec![0] }
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn get(&self, at: usize) -> Option<&str> {
        let (start, end) = (*self.offsets.get(at)?, *self.offsets.get(at + 1)?);
        self.text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// Ends the text that was appended to `self.text`.
    fn close(&mut self) {
        self.offsets.push(i32::try_from(self.text.len()).unwrap_or(i32::MAX));
    }

    /// Takes the secrets out. All texts are looked at at once, and one by one only where there may
    /// be something.
    fn redact(&mut self, holds: Holds) {
        let may_hold = match holds {
            Holds::Json => redact::json_may_hold(&self.text),
            Holds::Text => redact::text_may_hold(&self.text),
        };
        if !may_hold {
            return;
        }
        let redact = |text| match holds {
            Holds::Json => redact::json(text),
            Holds::Text => redact::text(text),
        };
        let mut redacted = Self::new();
        for at in 0..self.len() {
            redacted.text.push_str(&redact(self.get(at).unwrap_or_default()));
            redacted.close();
        }
        *self = redacted;
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let offsets = taken(&mut self.offsets);
        self.offsets.push(0);
        let room = String::with_capacity(room_for(self.text.len()));
        let text = std::mem::replace(&mut self.text, room).into_bytes();
        StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(text), nulls)
    }
}

#[derive(Debug)]
pub(super) struct PlainColumn {
    fold: Fold,
    texts: Texts,
    nulls: NullBufferBuilder,
}

impl PlainColumn {
    pub(super) fn new(fold: Fold) -> Self {
        Self { fold, texts: Texts::new(), nulls: NullBufferBuilder::new(BATCH_ROWS) }
    }

    fn put(&mut self, row: usize, raw: &str) {
        self.pad(row);
        let valid = fold(self.fold, raw, &mut self.texts.text);
        self.nulls.append(valid);
        self.texts.close();
    }

    pub(super) fn put_with(&mut self, row: usize, write: impl FnOnce(&mut String)) {
        self.pad(row);
        write(&mut self.texts.text);
        self.nulls.append_non_null();
        self.texts.close();
    }

    /// Makes the rows before this one null that have no text yet.
    fn pad(&mut self, row: usize) {
        let missing = row.saturating_sub(self.texts.len());
        if missing > 0 {
            let end = self.texts.offsets.last().copied().unwrap_or(0);
            self.texts.offsets.resize(row + 1, end);
            self.nulls.append_n_nulls(missing);
        }
    }

    fn last(&self, row: usize) -> Option<&str> {
        if row + 1 == self.nulls.len() && self.nulls.is_valid(row) { self.texts.get(row) } else { None }
    }

    /// The column of so many rows; the next one begins with as much room as this one took.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        if self.texts.len() == 0 {
            return Ok(absent::column(&ColumnType::Text.data_type(), rows));
        }
        self.pad(rows);
        Ok(Arc::new(self.texts.finish(self.nulls.finish())?))
    }
}

/// A text as it was written in this batch, and the code of its folded form.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start: u32,
    end: u32,
    /// Whether it lies among the values, being its own folded form.
    is_value: bool,
    /// -1 where it folds to null.
    code: i32,
}

/// Codes and the distinct texts that they stand for. What is folded is remembered as it was
/// written, too: records repeat their spellings, and a spelling is folded once.
#[derive(Debug)]
pub(super) struct DictionaryColumn {
    fold: Fold,
    hasher: DefaultHashBuilder,
    codes: NumberColumn<Int32Type>,
    /// Texts as they were written, end to end, but for those that are their own folded form.
    raw: String,
    seen: HashTable<Seen>,
    previous: Option<Seen>,
    values: Texts,
    folded: HashTable<i32>,
}

impl DictionaryColumn {
    pub(super) fn new(fold: Fold) -> Self {
        Self {
            fold,
            hasher: DefaultHashBuilder::default(),
            codes: NumberColumn::new(),
            raw: String::new(),
            seen: HashTable::new(),
            previous: None,
            values: Texts::new(),
            folded: HashTable::new(),
        }
    }

    /// Gives a row its text. Rows come in order; those that get none are null.
    pub(super) fn put(&mut self, row: usize, raw: &str) {
        let Some(raw) = trimmed(self.fold, raw) else { return };
        let code = self.code(raw);
        self.codes.put(row, (code >= 0).then_some(code));
    }

    fn code(&mut self, raw: &str) -> i32 {
        // Records of one producer repeat their neighbours' values.
        if let Some(previous) = self.previous {
            let texts = if previous.is_value { &self.values.text } else { &self.raw };
            if texts.get(previous.start as usize..previous.end as usize) == Some(raw) {
                return previous.code;
            }
        }
        let seen = if is_folded(self.fold, raw) { self.intern(raw) } else { self.find_or_fold(raw) };
        self.previous = Some(seen);
        seen.code
    }

    fn find_or_fold(&mut self, raw: &str) -> Seen {
        let hash = hash(&self.hasher, raw);
        let texts = &self.raw;
        let found =
            self.seen.find(hash, |seen| texts.get(seen.start as usize..seen.end as usize) == Some(raw)).copied();
        found.unwrap_or_else(|| self.see(raw, hash))
    }

    fn see(&mut self, raw: &str, raw_hash: u64) -> Seen {
        let start = self.values.text.len();
        let code = if fold_trimmed(self.fold, raw, &mut self.values.text) { self.intern_last(start) } else { -1 };
        let start = u32::try_from(self.raw.len()).unwrap_or(u32::MAX);
        self.raw.push_str(raw);
        let end = u32::try_from(self.raw.len()).unwrap_or(u32::MAX);
        let seen = Seen { start, end, is_value: false, code };
        let (texts, hasher) = (&self.raw, &self.hasher);
        self.seen.insert_unique(raw_hash, seen, |seen| {
            hash(hasher, texts.get(seen.start as usize..seen.end as usize).unwrap_or(""))
        });
        seen
    }

    /// The code of a text that is its own folded form, and where it lies among the values.
    fn intern(&mut self, text: &str) -> Seen {
        let found = self.find_value(hash(&self.hasher, text), text);
        let code = found.unwrap_or_else(|| {
            let start = self.values.text.len();
            self.values.text.push_str(text);
            self.add_last(start)
        });
        let place = |at: usize| self.values.offsets.get(at).and_then(|at| u32::try_from(*at).ok()).unwrap_or(u32::MAX);
        let at = usize::try_from(code).unwrap_or(usize::MAX - 1);
        Seen { start: place(at), end: place(at + 1), is_value: true, code }
    }

    /// The code of the text that was appended to the values from `start` on, which is taken off
    /// again where it is known.
    fn intern_last(&mut self, start: usize) -> i32 {
        let new = self.values.text.get(start..).unwrap_or("");
        match self.find_value(hash(&self.hasher, new), new) {
            Some(code) => {
                self.values.text.truncate(start);
                code
            }
            None => self.add_last(start),
        }
    }

    fn find_value(&self, hash: u64, text: &str) -> Option<i32> {
        let text_of = |code: i32| usize::try_from(code).ok().and_then(|at| self.values.get(at));
        self.folded.find(hash, |code| text_of(*code) == Some(text)).copied()
    }

    /// Gives the text that was appended to the values from `start` on a code.
    fn add_last(&mut self, start: usize) -> i32 {
        let text_hash = hash(&self.hasher, self.values.text.get(start..).unwrap_or(""));
        let code = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
        self.values.close();
        let (values, hasher) = (&self.values, &self.hasher);
        self.folded.insert_unique(text_hash, code, |code| {
            hash(hasher, usize::try_from(*code).ok().and_then(|at| values.get(at)).unwrap_or(""))
        });
        code
    }

    fn last(&self, row: usize) -> Option<&str> {
        self.values.get(usize::try_from(self.codes.last(row)?).ok()?)
    }

    /// The column of so many rows; the next one begins with as much room as this one took.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.raw.clear();
        self.seen.clear();
        self.folded.clear();
        self.previous = None;
        let Some(keys) = self.codes.array(rows)? else {
            return Ok(absent::column(&ColumnType::Dictionary.data_type(), rows));
        };
        let values = Arc::new(self.values.finish(None)?);
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
    }
}

fn hash(hasher: &DefaultHashBuilder, text: &str) -> u64 {
    std::hash::BuildHasher::hash_one(hasher, text)
}
