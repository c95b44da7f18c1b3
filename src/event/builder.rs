//! Arrow builders for decoded events. A value is folded once per distinct text of a batch.

mod numbers;
mod text;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, DictionaryArray, Int32Array, StringArray, TimestampMicrosecondArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use numbers::NumberColumn;
use text::{DictionaryColumn, PlainColumn, TextStore};

use crate::event::absent;
use crate::event::row::Row;
use crate::event::schema::{self, ColumnType, Fold, ReadColumns, TextColumn};
use crate::event::uid::{Folded, uid, write_hex};
use crate::event::vocabulary::{
    Activity, AudienceKind, AuthType, BodyFrom, Form, LogSource, OpClass, Outcome, Phase, Plane, PrincipalVia,
    TokenKind, Word,
};
use crate::redact::Redaction;

/// Rows of a full batch.
pub const BATCH_ROWS: usize = 8192;

/// Bytes of plain text at which a batch is full whatever its rows (64 MiB): bodies are long, and
/// Arrow's 32-bit offsets end at 2 GiB.
const BATCH_TEXT_BYTES: usize = 64 << 20;

/// Bytes of records from which on the length of their text is looked at, row by row (16 MiB): a record
/// may give several columns the same text, but not four times as much in all as it has.
const LOOKED_AT_FROM_BYTES: u64 = 16 << 20;

/// Stands for any text that nobody reads.
const UNREAD: &str = "?";

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
    max_rows: usize,
    /// Length of the records that the rows are made of.
    record_bytes: u64,
    text: Vec<TextStore>,
    unread: [bool; TextColumn::COUNT],
    object: DictionaryColumn,
    time: Vec<i64>,
    uid: PlainColumn,
    words: Words,
    flags: [Vec<bool>; 3],
    numbers: [NumberColumn<Int64Type>; 6],
    duration_ms: NumberColumn<Float64Type>,
    redaction: Redaction,
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
        Self::new(ReadColumns::ALL, BATCH_ROWS, Redaction::On)
    }
}

impl EventBuilder {
    /// Makes an empty builder for events of which only these columns are read: the others say
    /// `?` where they have a value. Batches have so many rows, [`BATCH_ROWS`] and 1 at most
    /// and least: no column has more distinct values than that. Secrets are taken out of texts, or
    /// not, when a batch is finished: uids are made of what the records say.
    pub fn new(columns: ReadColumns, max_rows: usize, redaction: Redaction) -> Self {
        let text = TextColumn::ALL.iter().map(|column| TextStore::new(*column)).collect();
        Self {
            rows: 0,
            max_rows: max_rows.clamp(1, BATCH_ROWS),
            record_bytes: 0,
            text,
            unread: columns.unread(),
            object: DictionaryColumn::new(Fold::Verbatim),
            time: Vec::new(),
            uid: PlainColumn::new(Fold::Verbatim),
            words: Words::default(),
            flags: Default::default(),
            numbers: std::array::from_fn(|_| NumberColumn::new()),
            duration_ms: NumberColumn::new(),
            redaction,
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
        self.rows >= self.max_rows
            || self.record_bytes >= LOOKED_AT_FROM_BYTES
                && self.text.iter().map(TextStore::plain_bytes).sum::<usize>() >= BATCH_TEXT_BYTES
    }

    /// Adds one event. `raw` feeds the record's bytes to the hash of a record without identity.
    pub fn append(&mut self, row: &Row<'_>, address: &Address<'_>, raw: impl FnOnce(&mut blake3::Hasher)) {
        let at = self.rows;
        self.rows += 1;
        self.record_bytes += address.length;
        // What is written to a workspace or connector tells of identities, and what is written to a
        // diagnostic setting of logs, whoever else reads it.
        let tells = matches!(row.op_class, OpClass::WorkspaceManage | OpClass::ConnectorManage | OpClass::DiagWrite);
        for ((store, text), unread) in self.text.iter_mut().zip(row.texts()).zip(self.unread) {
            let Some(text) = text else { continue };
            store.put(at, if unread && !tells && !text.is_empty() { UNREAD } else { text });
        }
        let folded = Folded {
            correlation_id: self.folded(at, TextColumn::CorrelationId),
            operation: self.folded(at, TextColumn::Operation),
            target_id: self.folded(at, TextColumn::TargetId),
        };
        let uid = uid(row, folded, raw);
        self.uid.put_with(at, |out| write_hex(uid, out));
        self.time.push(row.time.map_or(0, |time| time.0));
        self.object.put(at, address.object);
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
            column.put(at, value);
        }
        self.duration_ms.put(at, row.duration_ms);
    }

    /// The folded value of a text column in the last row.
    fn folded(&self, last: usize, column: TextColumn) -> Option<&str> {
        self.text.get(column as usize).and_then(|store| store.last(last))
    }

    /// Makes a batch of the rows so far and starts anew.
    ///
    /// # Errors
    ///
    /// An [`ArrowError`] where the columns do not fit the schema: a defect of ours.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        self.record_bytes = 0;
        let columns = schema::COLUMNS
            .iter()
            .filter(|column| column.stage == schema::Stage::Decoded)
            .map(|column| self.column(column.name, rows))
            .collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema::decoded(), columns)
    }

    fn column(&mut self, name: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
        if let Some(at) = TextColumn::ALL.iter().position(|column| column.name() == name) {
            let store = self.text.get_mut(at);
            return store.map_or_else(|| Err(unknown(name)), |store| store.finish(rows, self.redaction));
        }
        let words = &mut self.words;
        match name {
            "time" => {
                let times = TimestampMicrosecondArray::from(taken(&mut self.time));
                Ok(Arc::new(times.with_timezone("UTC")))
            }
            "event_uid" => self.uid.finish(rows),
            "object" => self.object.finish(rows),
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
            "duration_ms" => self.duration_ms.finish(rows),
            _ => self.flag_or_number(name, rows),
        }
    }

    fn flag_or_number(&mut self, name: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
        let flags = ["deny_assignment", "secret_bearing", "via_pim"];
        let numbers = ["bytes_out", "bytes_in", "offset", "length", "block_record", "body_offset"];
        let flag = flags.iter().position(|flag| *flag == name).and_then(|at| self.flags.get_mut(at));
        if let Some(values) = flag {
            return Ok(Arc::new(BooleanArray::from(taken(values))));
        }
        let number = numbers.iter().position(|number| *number == name).and_then(|at| self.numbers.get_mut(at));
        match number {
            Some(values) => values.finish(rows),
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
    word_array::<W>(taken(codes))
}

/// What was gathered; the next begins with as much room, and a little more: batches are much alike,
/// and room that falls short by a little is doubled.
fn taken<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(room_for(values.len()));
    std::mem::replace(values, room)
}

fn room_for(length: usize) -> usize {
    length + length / 16
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

/// A dictionary array of `codes`, negative ones being null; where all are, one that is shared.
///
/// # Errors
///
/// An [`ArrowError`] where a code is beyond `values`.
pub fn dictionary(codes: Vec<i32>, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let nulls = has_negative(&codes).then(|| {
        let valid = |row: usize| codes.get(row).is_some_and(|code| *code >= 0);
        NullBuffer::from(BooleanBuffer::collect_bool(codes.len(), valid))
    });
    if nulls.as_ref().is_some_and(|nulls| nulls.null_count() == nulls.len()) {
        return Ok(absent::column(&ColumnType::Dictionary.data_type(), codes.len()));
    }
    let keys = codes.into_iter().map(|code| code.max(0)).collect::<Vec<i32>>();
    let keys = Int32Array::try_new(ScalarBuffer::from(keys), nulls)?;
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
}

/// Looks at all codes, not only up to the first: that way it is several at once.
fn has_negative(codes: &[i32]) -> bool {
    codes.iter().fold(0, |all, code| all | code) < 0
}

#[cfg(test)]
mod tests;
