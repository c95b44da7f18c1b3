//! Arrow builders for decoded events. A value is folded once per distinct text of a batch.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::event::fold::fold;
use crate::event::row::Row;
use crate::event::schema::{self, ColumnType, Fold, TextColumn};
use crate::event::uid::{Folded, uid, write_hex};
use crate::event::vocabulary::{
    Activity, AudienceKind, AuthType, BodyFrom, Form, LogSource, OpClass, Outcome, Phase, Plane, PrincipalVia,
    TokenKind, Word,
};

/// Rows of a full batch.
pub const BATCH_ROWS: usize = 8192;

/// Bytes of plain text at which a batch is full whatever its rows (64 MiB): bodies are long, and
/// Arrow's 32-bit offsets end at 2 GiB.
const BATCH_TEXT_BYTES: usize = 64 << 20;

/// Where a record was read.
#[derive(Debug, Clone, Copy)]
pub struct Address<'a> {
    /// Name of the object.
    pub object: &'a str,
    /// Byte offset; see the column.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// Avro: ordinal in the block and offset in the body.
    pub in_block: Option<(u64, u64)>,
}

/// Builds batches of the decoded schema, row by row.
#[derive(Debug)]
pub struct EventBuilder {
    rows: usize,
    text: Vec<TextStore>,
    object: DictionaryColumn,
    time: Vec<i64>,
    uid: PlainColumn,
    words: Words,
    flags: [Vec<bool>; 3],
    numbers: [Vec<Option<i64>>; 6],
    duration_ms: Vec<Option<f64>>,
}

/// Codes of the vocabulary columns.
#[derive(Debug, Default)]
struct Words {
    source: Vec<i32>,
    form: Vec<i32>,
    activity: Vec<i32>,
    plane: Vec<i32>,
    op_class: Vec<i32>,
    outcome: Vec<i32>,
    phase: Vec<i32>,
    principal_via: Vec<i32>,
    token_kind: Vec<i32>,
    auth_type: Vec<i32>,
    audience_kind: Vec<i32>,
    /// -1 where there is none.
    body_from: Vec<i32>,
}

impl Default for EventBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl EventBuilder {
    /// Makes an empty builder.
    pub fn new() -> Self {
        let text = TextColumn::ALL.iter().map(|column| TextStore::new(*column)).collect();
        Self {
            rows: 0,
            text,
            object: DictionaryColumn::new(Fold::Verbatim),
            time: Vec::new(),
            uid: PlainColumn::new(Fold::Verbatim),
            words: Words::default(),
            flags: Default::default(),
            numbers: Default::default(),
            duration_ms: Vec::new(),
        }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether it is time to call [`EventBuilder::finish`].
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.text.iter().map(TextStore::plain_bytes).sum::<usize>() >= BATCH_TEXT_BYTES
    }

    /// Adds one event. `raw` feeds the record's bytes to the hash of a record without identity.
    pub fn append(&mut self, row: &Row<'_>, address: &Address<'_>, raw: impl FnOnce(&mut blake3::Hasher)) {
        self.rows += 1;
        for (store, column) in self.text.iter_mut().zip(TextColumn::ALL) {
            // The one text column that is never null.
            let absent = (*column == TextColumn::Operation).then_some("");
            store.push(row.get(*column).or(absent));
        }
        let folded = Folded {
            correlation_id: self.current(TextColumn::CorrelationId),
            operation: self.current(TextColumn::Operation),
            target_id: self.current(TextColumn::TargetId),
        };
        let uid = uid(row, folded, raw);
        self.uid.push_with(|out| write_hex(uid, out));
        self.time.push(row.time.map_or(0, |time| time.0));
        self.object.push(Some(address.object));
        self.words.push(row);
        let flags = [row.deny_assignment, row.secret_bearing, row.via_pim];
        for (column, value) in self.flags.iter_mut().zip(flags) {
            column.push(value);
        }
        let signed = |number: u64| Some(i64::try_from(number).unwrap_or(i64::MAX));
        let numbers = [
            row.bytes_out,
            row.bytes_in,
            signed(address.offset),
            signed(address.length),
            address.in_block.and_then(|(record, _)| signed(record)),
            address.in_block.and_then(|(_, offset)| signed(offset)),
        ];
        for (column, value) in self.numbers.iter_mut().zip(numbers) {
            column.push(value);
        }
        self.duration_ms.push(row.duration_ms);
    }

    /// The folded value of a text column in the last row.
    fn current(&self, column: TextColumn) -> Option<&str> {
        self.text.get(column as usize).and_then(TextStore::current)
    }

    /// Makes a batch of the rows so far and starts anew.
    ///
    /// # Errors
    ///
    /// An [`ArrowError`] where the columns do not fit the schema: a defect of ours.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut built = std::mem::take(self);
        let columns = schema::COLUMNS
            .iter()
            .filter(|column| column.stage == schema::Stage::Decoded)
            .map(|column| built.column(column.name, column.column_type))
            .collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema::decoded(), columns)
    }

    fn column(&mut self, name: &str, column_type: ColumnType) -> Result<ArrayRef, ArrowError> {
        if let Some(at) = TextColumn::ALL.iter().position(|column| column.name() == name) {
            return self.text.get_mut(at).map_or_else(|| Err(unknown(name)), |store| store.finish(column_type));
        }
        let words = &mut self.words;
        match name {
            "time" => {
                let times = TimestampMicrosecondArray::from(std::mem::take(&mut self.time));
                Ok(Arc::new(times.with_timezone("UTC")))
            }
            "event_uid" => self.uid.finish(),
            "object" => self.object.finish(),
            "source" => word_column::<LogSource>(&mut words.source),
            "form" => word_column::<Form>(&mut words.form),
            "activity" => word_column::<Activity>(&mut words.activity),
            "plane" => word_column::<Plane>(&mut words.plane),
            "op_class" => word_column::<OpClass>(&mut words.op_class),
            "outcome" => word_column::<Outcome>(&mut words.outcome),
            "phase" => word_column::<Phase>(&mut words.phase),
            "principal_via" => word_column::<PrincipalVia>(&mut words.principal_via),
            "token_kind" => word_column::<TokenKind>(&mut words.token_kind),
            "auth_type" => word_column::<AuthType>(&mut words.auth_type),
            "audience_kind" => word_column::<AudienceKind>(&mut words.audience_kind),
            "body_from" => word_column::<BodyFrom>(&mut words.body_from),
            "duration_ms" => Ok(Arc::new(Float64Array::from(std::mem::take(&mut self.duration_ms)))),
            _ => self.flag_or_number(name),
        }
    }

    fn flag_or_number(&mut self, name: &str) -> Result<ArrayRef, ArrowError> {
        let flags = ["deny_assignment", "secret_bearing", "via_pim"];
        let numbers = ["bytes_out", "bytes_in", "offset", "length", "block_record", "body_offset"];
        let flag = flags.iter().position(|flag| *flag == name).and_then(|at| self.flags.get_mut(at));
        if let Some(values) = flag {
            return Ok(Arc::new(BooleanArray::from(std::mem::take(values))));
        }
        let number = numbers.iter().position(|number| *number == name).and_then(|at| self.numbers.get_mut(at));
        match number {
            Some(values) => Ok(Arc::new(Int64Array::from(std::mem::take(values)))),
            None => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("no builder for column {name}"))
}

impl Words {
    fn push(&mut self, row: &Row<'_>) {
        self.source.push(row.source.code());
        self.form.push(row.form.code());
        self.activity.push(row.activity.code());
        self.plane.push(row.plane.code());
        self.op_class.push(row.op_class.code());
        self.outcome.push(row.outcome.code());
        self.phase.push(row.phase.code());
        self.principal_via.push(row.principal_via.code());
        self.token_kind.push(row.token_kind.code());
        self.auth_type.push(row.auth_type.code());
        self.audience_kind.push(row.audience_kind.code());
        self.body_from.push(row.body_from.map_or(-1, Word::code));
    }
}

fn word_column<W: Word>(codes: &mut Vec<i32>) -> Result<ArrayRef, ArrowError> {
    word_array::<W>(std::mem::take(codes))
}

/// A dictionary array of a closed vocabulary; its dictionary is the whole vocabulary. A negative
/// code is null.
///
/// # Errors
///
/// An [`ArrowError`] where a code is none of the vocabulary's.
pub fn word_array<W: Word>(codes: Vec<i32>) -> Result<ArrayRef, ArrowError> {
    let values = StringArray::from_iter_values(W::WORDS.iter().copied());
    dictionary(codes, Arc::new(values))
}

/// A dictionary array of `codes`, negative ones being null.
///
/// # Errors
///
/// An [`ArrowError`] where a code is beyond `values`.
pub fn dictionary(codes: Vec<i32>, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let nulls = codes.iter().any(|code| *code < 0).then(|| codes.iter().map(|code| *code >= 0).collect::<NullBuffer>());
    let keys = codes.into_iter().map(|code| code.max(0)).collect::<Vec<i32>>();
    let keys = Int32Array::try_new(ScalarBuffer::from(keys), nulls)?;
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
}

#[derive(Debug)]
enum TextStore {
    Dictionary(DictionaryColumn),
    Plain(PlainColumn),
}

impl TextStore {
    fn new(column: TextColumn) -> Self {
        let spec = schema::COLUMNS.iter().find(|spec| spec.name == column.name());
        match spec.map(|spec| spec.column_type) {
            Some(ColumnType::Text) => Self::Plain(PlainColumn::new(column.fold())),
            _ => Self::Dictionary(DictionaryColumn::new(column.fold())),
        }
    }

    fn push(&mut self, raw: Option<&str>) {
        match self {
            Self::Dictionary(column) => column.push(raw),
            Self::Plain(column) => column.push(raw),
        }
    }

    fn current(&self) -> Option<&str> {
        match self {
            Self::Dictionary(column) => column.current(),
            Self::Plain(column) => column.current(),
        }
    }

    fn plain_bytes(&self) -> usize {
        match self {
            Self::Dictionary(column) => column.values.text.len(),
            Self::Plain(column) => column.texts.text.len(),
        }
    }

    fn finish(&mut self, _column_type: ColumnType) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Dictionary(column) => column.finish(),
            Self::Plain(column) => column.finish(),
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

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let text = std::mem::take(&mut self.text).into_bytes();
        StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(text), nulls)
    }
}

#[derive(Debug)]
struct PlainColumn {
    fold: Fold,
    texts: Texts,
    valid: Vec<bool>,
}

impl PlainColumn {
    fn new(fold: Fold) -> Self {
        Self { fold, texts: Texts::new(), valid: Vec::new() }
    }

    fn push(&mut self, raw: Option<&str>) {
        let valid = raw.is_some_and(|raw| fold(self.fold, raw, &mut self.texts.text));
        self.valid.push(valid);
        self.texts.close();
    }

    fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.texts.text);
        self.valid.push(true);
        self.texts.close();
    }

    fn current(&self) -> Option<&str> {
        if self.valid.last() == Some(&true) { self.texts.get(self.texts.len() - 1) } else { None }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let valid = std::mem::take(&mut self.valid);
        let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
        Ok(Arc::new(self.texts.finish(nulls)?))
    }
}

/// A raw text seen in this batch, and the code of its folded form.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start: u32,
    end: u32,
    /// -1 where it folds to null.
    code: i32,
}

#[derive(Debug)]
struct DictionaryColumn {
    fold: Fold,
    hasher: DefaultHashBuilder,
    codes: Vec<i32>,
    raw: String,
    seen: HashTable<Seen>,
    last: Option<Seen>,
    values: Texts,
    folded: HashTable<i32>,
}

impl DictionaryColumn {
    fn new(fold: Fold) -> Self {
        Self {
            fold,
            hasher: DefaultHashBuilder::default(),
            codes: Vec::new(),
            raw: String::new(),
            seen: HashTable::new(),
            last: None,
            values: Texts::new(),
            folded: HashTable::new(),
        }
    }

    fn push(&mut self, raw: Option<&str>) {
        let code = match raw {
            None => -1,
            Some(raw) => self.code(raw),
        };
        self.codes.push(code);
    }

    fn code(&mut self, raw: &str) -> i32 {
        // Records of one producer repeat their neighbours' values.
        if let Some(last) = self.last
            && self.raw.get(last.start as usize..last.end as usize) == Some(raw)
        {
            return last.code;
        }
        let hash = hash(&self.hasher, raw);
        let texts = &self.raw;
        let found =
            self.seen.find(hash, |seen| texts.get(seen.start as usize..seen.end as usize) == Some(raw)).copied();
        let seen = found.unwrap_or_else(|| self.see(raw, hash));
        self.last = Some(seen);
        seen.code
    }

    fn see(&mut self, raw: &str, raw_hash: u64) -> Seen {
        let code = self.intern_folded(raw);
        let start = u32::try_from(self.raw.len()).unwrap_or(u32::MAX);
        self.raw.push_str(raw);
        let end = u32::try_from(self.raw.len()).unwrap_or(u32::MAX);
        let seen = Seen { start, end, code };
        let (texts, hasher) = (&self.raw, &self.hasher);
        self.seen.insert_unique(raw_hash, seen, |seen| {
            hash(hasher, texts.get(seen.start as usize..seen.end as usize).unwrap_or(""))
        });
        seen
    }

    /// The code of the folded form, added where it is new.
    fn intern_folded(&mut self, raw: &str) -> i32 {
        let start = self.values.text.len();
        if !fold(self.fold, raw, &mut self.values.text) {
            return -1;
        }
        let new = self.values.text.get(start..).unwrap_or("");
        let folded_hash = hash(&self.hasher, new);
        let values = &self.values;
        let text_of = |code: i32| usize::try_from(code).ok().and_then(|at| values.get(at));
        if let Some(code) = self.folded.find(folded_hash, |code| text_of(*code) == Some(new)).copied() {
            self.values.text.truncate(start);
            return code;
        }
        let code = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
        self.values.close();
        let (values, hasher) = (&self.values, &self.hasher);
        self.folded.insert_unique(folded_hash, code, |code| {
            hash(hasher, usize::try_from(*code).ok().and_then(|at| values.get(at)).unwrap_or(""))
        });
        code
    }

    fn current(&self) -> Option<&str> {
        self.values.get(usize::try_from(*self.codes.last()?).ok()?)
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        dictionary(std::mem::take(&mut self.codes), Arc::new(self.values.finish(None)?))
    }
}

fn hash(hasher: &DefaultHashBuilder, text: &str) -> u64 {
    std::hash::BuildHasher::hash_one(hasher, text)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;
    use crate::time::UtcMicros;

    const ADDRESS: Address<'static> = Address { object: "a.json", offset: 7, length: 9, in_block: None };

    #[test]
    fn equal_things_in_different_spelling_share_one_code() {
        let mut builder = EventBuilder::new();
        for id in ["8E3AF657A8FF443CA75C2FE8C4BCB635", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", ""] {
            let mut row = Row::new(LogSource::Activity, Form::Archive);
            row.time = Some(UtcMicros(1));
            row.set(TextColumn::PrincipalId, Some(id));
            builder.append(&row, &ADDRESS, |_| {});
        }

        let batch = builder.finish().unwrap();

        let ids = batch.column_by_name("principal_id").unwrap().as_dictionary::<Int32Type>();
        assert_eq!(ids.values().len(), 1);
        assert_eq!(ids.key(0), Some(0));
        assert_eq!(ids.key(1), Some(0));
        assert_eq!(ids.key(2), None);
        assert!(builder.is_empty());
    }

    #[test]
    fn a_batch_has_the_decoded_schema_and_the_address_of_each_row() {
        let mut builder = EventBuilder::new();
        let row = Row::new(LogSource::Storage, Form::Archive);
        builder.append(&row, &Address { in_block: Some((2, 3)), ..ADDRESS }, |_| {});
        builder.append(&row, &ADDRESS, |_| {});

        let batch = builder.finish().unwrap();

        assert_eq!(batch.schema(), schema::decoded());
        let column = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!((column("offset").value(0), column("length").value(0)), (7, 9));
        assert_eq!((column("block_record").value(0), column("body_offset").value(0)), (2, 3));
        assert!(column("block_record").is_null(1));
    }
}
