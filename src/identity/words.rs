//! Dictionary columns: computed once per value that occurs, written back as codes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;

use crate::event::vocabulary::Word;

/// A batch whose columns are asked for by name.
pub(super) struct Input<'a>(pub(super) &'a RecordBatch);

impl<'a> Input<'a> {
    pub(super) fn column(&self, name: &str) -> Result<&'a ArrayRef, ArrowError> {
        self.0.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("no column '{name}'")))
    }

    pub(super) fn words(&self, name: &str) -> Result<Words<'a>, ArrowError> {
        let column = self.column(name)?;
        let words = column.as_dictionary_opt::<Int32Type>();
        let words = words.and_then(|words| Some(Words { keys: words.keys(), texts: words.values().as_string_opt()? }));
        words.ok_or_else(|| ArrowError::SchemaError(format!("column '{name}' is {}", column.data_type())))
    }

    /// The values of a closed vocabulary, row by row.
    pub(super) fn vocabulary<T>(
        &self,
        name: &str,
        from_word: fn(&str) -> Option<T>,
    ) -> Result<PerValue<T>, ArrowError> {
        let PerValue { of_row, results } = self.words(name)?.per_value(from_word);
        let results: Option<Vec<T>> = results.into_iter().collect();
        match results {
            Some(results) if !of_row.contains(&None) => Ok(PerValue { of_row, results }),
            _ => Err(ArrowError::SchemaError(format!("column '{name}' has a value outside its vocabulary"))),
        }
    }

    pub(super) fn rows(&self) -> std::ops::Range<usize> {
        0..self.0.num_rows()
    }
}

/// A dictionary column.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    keys: &'a Int32Array,
    texts: &'a StringArray,
}

/// The code of a missing value.
pub(super) const ABSENT: i32 = -1;

impl<'a> Words<'a> {
    /// The code of a row's value, [`ABSENT`] for null.
    pub(super) fn code(self, row: usize) -> i32 {
        if self.keys.is_null(row) { ABSENT } else { self.keys.value(row) }
    }

    /// The text of a code.
    pub(super) fn text(self, code: i32) -> Option<&'a str> {
        let at = usize::try_from(code).ok().filter(|&at| at < self.texts.len())?;
        if self.texts.is_null(at) { None } else { Some(self.texts.value(at)) }
    }

    /// Computes something once for every value that occurs.
    pub(super) fn per_value<T>(self, mut compute: impl FnMut(&'a str) -> T) -> PerValue<T> {
        let mut known: Vec<Option<u32>> = vec![None; self.texts.len()];
        let mut results = Vec::new();
        let mut of_row = Vec::with_capacity(self.keys.len());
        for row in 0..self.keys.len() {
            let code = self.code(row);
            let text = self.text(code);
            let slot = usize::try_from(code).ok().and_then(|at| known.get_mut(at));
            of_row.push(match (text, slot) {
                (Some(text), Some(slot)) => Some(*slot.get_or_insert_with(|| push(&mut results, compute(text)))),
                _ => None,
            });
        }
        PerValue { of_row, results }
    }
}

/// Appends and returns the place; a batch has fewer than 2³² rows.
pub(super) fn push<T>(list: &mut Vec<T>, value: T) -> u32 {
    list.push(value);
    u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
}

/// Something computed per value of a dictionary column.
pub(super) struct PerValue<T> {
    pub(super) of_row: Vec<Option<u32>>,
    pub(super) results: Vec<T>,
}

impl<T> PerValue<T> {
    /// What was computed for a row's value; `None` where it has none.
    pub(super) fn get(&self, row: usize) -> Option<&T> {
        self.results.get((*self.of_row.get(row)?)? as usize)
    }

    /// The place of a row's value among the results, [`ABSENT`] where it has none.
    pub(super) fn place(&self, row: usize) -> i32 {
        let place = self.of_row.get(row).copied().flatten();
        place.and_then(|place| i32::try_from(place).ok()).unwrap_or(ABSENT)
    }
}

/// Texts on their way into a dictionary column.
#[derive(Default)]
pub(super) struct Dictionary {
    codes: HashMap<String, i32>,
    texts: Vec<String>,
    pub(super) keys: Vec<Option<i32>>,
}

impl Dictionary {
    pub(super) fn code(&mut self, text: &str) -> i32 {
        if let Some(&code) = self.codes.get(text) {
            return code;
        }
        let code = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
        self.texts.push(text.to_owned());
        self.codes.insert(text.to_owned(), code);
        code
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        dictionary(self.keys, StringArray::from_iter_values(self.texts))
    }
}

fn dictionary(keys: Vec<Option<i32>>, texts: StringArray) -> Result<ArrayRef, ArrowError> {
    let array = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), Arc::new(texts))?;
    Ok(Arc::new(array))
}

/// A column of a closed vocabulary.
pub(super) fn vocabulary<W: Word>(values: impl Iterator<Item = Option<W>>) -> Result<ArrayRef, ArrowError> {
    dictionary(values.map(|value| value.map(Word::code)).collect(), StringArray::from_iter_values(W::WORDS))
}

/// A text column of what is known per value.
pub(super) fn texts_of<T>(values: &PerValue<T>, text: impl Fn(&T) -> Option<String>) -> Result<ArrayRef, ArrowError> {
    let mut dictionary = Dictionary::default();
    let codes: Vec<Option<i32>> =
        values.results.iter().map(|value| text(value).map(|text| dictionary.code(&text))).collect();
    let code = |of: &Option<u32>| codes.get((*of)? as usize).copied().flatten();
    dictionary.keys = values.of_row.iter().map(code).collect();
    dictionary.finish()
}

/// Fills the nulls of a text column. Without anything to fill in it stays as it is.
pub(super) fn filled<'a>(
    column: &ArrayRef,
    words: Words<'_>,
    fill: impl Fn(usize) -> Option<&'a str>,
) -> Result<ArrayRef, ArrowError> {
    let mut additions = Dictionary::default();
    let offset = i32::try_from(words.texts.len()).unwrap_or(i32::MAX);
    let keys: Vec<Option<i32>> = (0..words.keys.len())
        .map(|row| {
            let code = words.code(row);
            match words.text(code) {
                Some(_) => Some(code),
                None => fill(row).map(|text| additions.code(text).saturating_add(offset)),
            }
        })
        .collect();
    if additions.texts.is_empty() {
        return Ok(Arc::clone(column));
    }
    let added = additions.texts.iter().map(|text| Some(text.as_str()));
    dictionary(keys, words.texts.iter().chain(added).collect())
}
