//! Typed views of the columns that merging and pairing compare.

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int64Array, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

/// A column of text, dictionary-encoded or plain.
#[derive(Debug, Clone, Copy)]
pub enum TextView<'a> {
    /// Codes, and the texts that they stand for.
    Dictionary(&'a DictionaryArray<Int32Type>, &'a StringArray),
    /// Texts.
    Plain(&'a StringArray),
}

impl<'a> TextView<'a> {
    /// The column `name` of `batch`.
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, ArrowError> {
        batch.column_by_name(name).and_then(Self::of_array).ok_or_else(|| missing(name))
    }

    /// A view of `column`; `None` where it holds no text.
    pub(super) fn of_array(column: &'a ArrayRef) -> Option<Self> {
        if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
            let values = dictionary.values().as_string_opt::<i32>()?;
            return Some(Self::Dictionary(dictionary, values));
        }
        column.as_string_opt::<i32>().map(Self::Plain)
    }

    /// The rows whose text is `word`, as flags.
    pub fn rows_of(self, word: &str) -> Vec<bool> {
        match self {
            Self::Dictionary(dictionary, values) => {
                let is_word: Vec<bool> = values.iter().map(|value| value == Some(word)).collect();
                dictionary.keys_iter().map(|key| key.is_some_and(|key| is_word.get(key) == Some(&true))).collect()
            }
            Self::Plain(values) => values.iter().map(|value| value == Some(word)).collect(),
        }
    }

    /// The text in `row`; `None` where it is null.
    pub fn get(self, row: usize) -> Option<&'a str> {
        match self {
            Self::Dictionary(dictionary, values) => {
                let code = dictionary.key(row)?;
                Some(values.value(code))
            }
            Self::Plain(values) => (!values.is_null(row)).then(|| values.value(row)),
        }
    }
}

/// The text column `name` of `batch`.
///
/// # Errors
///
/// An [`ArrowError`] where there is none.
pub fn text_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<TextView<'a>, ArrowError> {
    TextView::of(batch, name)
}

/// The column `name` of whole numbers.
pub(super) fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array, ArrowError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("events have no usable column {name}"))
}
