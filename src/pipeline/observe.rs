//! Hands what a batch says about principals to the evidence, each distinct saying once.

use arrow::array::{Array, AsArray, BooleanArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashSet;

use crate::event::vocabulary::{AuthType, LogSource, TokenKind};
use crate::identity::{Evidence, Observation};

/// The columns that say who acted.
const COLUMNS: [&str; 10] = [
    "source",
    "token_kind",
    "auth_type",
    "category",
    "principal_id",
    "app_id",
    "principal_name",
    "mirid",
    "az_rid",
    "tenant_id",
];

/// Adds what a batch of the decoded schema says to the evidence.
///
/// # Errors
///
/// An [`ArrowError`] when the batch is not of that schema: a defect of ours.
pub(super) fn observe(batch: &RecordBatch, evidence: &mut Evidence) -> Result<(), ArrowError> {
    let columns = COLUMNS.iter().map(|name| Column::of(batch, name)).collect::<Result<Vec<_>, _>>()?;
    let secrets: Option<&BooleanArray> =
        batch.column_by_name("secret_bearing").and_then(|column| column.as_any().downcast_ref());
    let mut seen: HashSet<([i32; COLUMNS.len()], bool)> = HashSet::new();
    for row in 0..batch.num_rows() {
        let secret_bearing = secrets.is_some_and(|secrets| secrets.value(row));
        let mut codes = [-1; COLUMNS.len()];
        for (code, column) in codes.iter_mut().zip(&columns) {
            *code = column.code(row);
        }
        if !seen.insert((codes, secret_bearing)) {
            continue;
        }
        let mut texts = columns.iter().map(|column| column.text(row));
        let mut next = || texts.next().flatten();
        let observation = Observation {
            source: next().and_then(LogSource::from_word).unwrap_or(LogSource::Activity),
            token_kind: next().and_then(TokenKind::from_word).unwrap_or(TokenKind::Unknown),
            auth_type: next().and_then(AuthType::from_word).unwrap_or(AuthType::Unknown),
            category: next(),
            principal_id: next(),
            app_id: next(),
            principal_name: next(),
            mirid: next(),
            az_rid: next(),
            tenant_id: next(),
            secret_bearing,
        };
        evidence.observe(&observation);
    }
    Ok(())
}

struct Column<'a> {
    dictionary: &'a DictionaryArray<Int32Type>,
    values: &'a StringArray,
}

impl<'a> Column<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let missing = || ArrowError::SchemaError(format!("events have no usable column {name}"));
        let dictionary = batch.column_by_name(name).and_then(|column| column.as_dictionary_opt::<Int32Type>());
        let dictionary = dictionary.ok_or_else(missing)?;
        let values = dictionary.values().as_string_opt::<i32>().ok_or_else(missing)?;
        Ok(Self { dictionary, values })
    }

    fn code(&self, row: usize) -> i32 {
        self.dictionary.key(row).and_then(|code| i32::try_from(code).ok()).unwrap_or(-1)
    }

    fn text(&self, row: usize) -> Option<&'a str> {
        self.dictionary.key(row).map(|code| self.values.value(code))
    }
}
