//! Arrow builders for decoded events. A value is folded once per distinct text of a batch.

mod text;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use text::{DictionaryColumn, PlainColumn, TextStore};

use crate::event::row::Row;
use crate::event::schema::{self, Fold, ReadColumns, TextColumn};
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

/// Rows after which the length of their text is looked at: of the longest records allowed, fewer
/// than this do not reach 2 GiB.
const ROWS_BETWEEN_LOOKS: usize = 32;

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
    text: Vec<TextStore>,
    unread: [bool; TextColumn::COUNT],
    object: DictionaryColumn,
    time: Vec<i64>,
    uid: PlainColumn,
    words: Words,
    flags: [Vec<bool>; 3],
    numbers: [Vec<Option<i64>>; 6],
    duration_ms: Vec<Option<f64>>,
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
            text,
            unread: columns.unread(),
            object: DictionaryColumn::new(Fold::Verbatim),
            time: Vec::new(),
            uid: PlainColumn::new(Fold::Verbatim),
            words: Words::default(),
            flags: Default::default(),
            numbers: Default::default(),
            duration_ms: Vec::new(),
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
            || self.rows.is_multiple_of(ROWS_BETWEEN_LOOKS)
                && self.text.iter().map(TextStore::plain_bytes).sum::<usize>() >= BATCH_TEXT_BYTES
    }

    /// Adds one event. `raw` feeds the record's bytes to the hash of a record without identity.
    pub fn append(&mut self, row: &Row<'_>, address: &Address<'_>, raw: impl FnOnce(&mut blake3::Hasher)) {
        self.rows += 1;
        // What is written to a workspace or connector tells of identities, and what is written to a
        // diagnostic setting of logs, whoever else reads it.
        let tells = matches!(row.op_class, OpClass::WorkspaceManage | OpClass::ConnectorManage | OpClass::DiagWrite);
        for ((store, text), unread) in self.text.iter_mut().zip(row.texts()).zip(self.unread) {
            let text = if unread && !tells { text.map(|text| if text.is_empty() { "" } else { UNREAD }) } else { text };
            store.push(text);
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
        self.rows = 0;
        let columns = schema::COLUMNS
            .iter()
            .filter(|column| column.stage == schema::Stage::Decoded)
            .map(|column| self.column(column.name))
            .collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema::decoded(), columns)
    }

    fn column(&mut self, name: &str) -> Result<ArrayRef, ArrowError> {
        if let Some(at) = TextColumn::ALL.iter().position(|column| column.name() == name) {
            return self.text.get_mut(at).map_or_else(|| Err(unknown(name)), |store| store.finish(self.redaction));
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

#[cfg(test)]
mod tests;
