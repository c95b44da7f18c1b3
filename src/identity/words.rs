//! Dictionary columns: computed once per value that occurs, written back as codes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;

use crate::event::builder::{dictionary, word_array};
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

    /// The values of a closed vocabulary.
    pub(super) fn vocabulary<T>(
        &self,
        name: &str,
        from_word: fn(&str) -> Option<T>,
    ) -> Result<PerValue<'a, T>, ArrowError> {
        let words = self.words(name)?;
        let PerValue { keys, results } = words.per_value(from_word);
        if !words.is_full() || results.iter().any(|result| matches!(result, Some(None))) {
            return Err(ArrowError::SchemaError(format!("column '{name}' has a value outside its vocabulary")));
        }
        Ok(PerValue { keys, results: results.into_iter().map(Option::flatten).collect() })
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
    /// Computes something once for every value. Parts of a large batch share its dictionary: of one with
    /// more values than rows, only for those that occur.
    pub(super) fn per_value<T>(self, mut compute: impl FnMut(&'a str) -> T) -> PerValue<'a, T> {
        let occurs = (self.texts.len() > self.keys.len()).then(|| self.occurs());
        let is_wanted = |at: usize| occurs.as_ref().is_none_or(|occurs| occurs.get(at) == Some(&true));
        let texts = self.texts.iter().enumerate().map(|(at, text)| text.filter(|_| is_wanted(at)));
        PerValue { keys: self.keys, results: texts.map(|text| text.map(&mut compute)).collect() }
    }

    /// Of every value, whether a row has it.
    fn occurs(self) -> Vec<bool> {
        let mut occurs = vec![false; self.texts.len()];
        for code in self.keys.iter().flatten() {
            if let Some(occurs) = usize::try_from(code).ok().and_then(|at| occurs.get_mut(at)) {
                *occurs = true;
            }
        }
        occurs
    }

    /// Whether no row has a null.
    fn is_full(self) -> bool {
        self.keys.null_count() == 0 && self.texts.null_count() == 0
    }
}

/// Appends and returns the place; a batch has fewer than 2³² rows.
pub(super) fn push<T>(list: &mut Vec<T>, value: T) -> u32 {
    list.push(value);
    u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
}

/// Something computed per value of a dictionary column.
pub(super) struct PerValue<'a, T> {
    keys: &'a Int32Array,
    /// By code; `None` for a null, and for what it was not computed for.
    pub(super) results: Vec<Option<T>>,
}

impl<T> PerValue<'_, T> {
    /// What was computed for a row's value; `None` where it has none.
    pub(super) fn get(&self, row: usize) -> Option<&T> {
        self.results.get(usize::try_from(self.code(row)).ok()?)?.as_ref()
    }

    /// The code of a row's value, [`ABSENT`] where it has none.
    pub(super) fn place(&self, row: usize) -> i32 {
        if self.get(row).is_some() { self.code(row) } else { ABSENT }
    }

    fn code(&self, row: usize) -> i32 {
        if self.keys.is_null(row) { ABSENT } else { self.keys.values().get(row).copied().unwrap_or(ABSENT) }
    }

    /// A code for every row, from one for every value.
    fn codes(&self, mut code: impl FnMut(&T) -> i32) -> Vec<i32> {
        let codes: Vec<i32> = self.results.iter().map(|result| result.as_ref().map_or(ABSENT, &mut code)).collect();
        let code = |key: i32| usize::try_from(key).ok().and_then(|at| codes.get(at)).copied().unwrap_or(ABSENT);
        match self.keys.nulls() {
            None => self.keys.values().iter().map(|key| code(*key)).collect(),
            Some(_) => self.keys.iter().map(|key| key.map_or(ABSENT, code)).collect(),
        }
    }

    /// A column of a closed vocabulary; null where there is no value or no word for it.
    pub(super) fn column<W: Word>(&self, word: impl Fn(&T) -> Option<W>) -> Result<ArrayRef, ArrowError> {
        word_array::<W>(self.codes(|value| word(value).map_or(ABSENT, Word::code)))
    }

    /// A text column; null where there is no value or no text for it.
    pub(super) fn texts(&self, text: impl Fn(&T) -> Option<&str>) -> Result<ArrayRef, ArrowError> {
        let mut dictionary = Dictionary::default();
        let codes = self.codes(|value| text(value).map_or(ABSENT, |text| dictionary.code(text)));
        dictionary.finish(codes)
    }
}

/// Texts on their way into a dictionary column.
#[derive(Default)]
pub(super) struct Dictionary {
    codes: HashMap<String, i32>,
    texts: Vec<String>,
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

    /// The column with these codes, [`ABSENT`] for null.
    pub(super) fn finish(self, codes: Vec<i32>) -> Result<ArrayRef, ArrowError> {
        dictionary(codes, Arc::new(StringArray::from_iter_values(self.texts)))
    }
}

/// A flag for each of so many rows.
pub(super) fn flags(rows: usize, flag: impl FnMut(usize) -> bool) -> ArrayRef {
    Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(rows, flag), None))
}

/// Fills the nulls of a text column. Without anything to fill in it stays as it is.
pub(super) fn filled<'a>(
    column: &ArrayRef,
    words: Words<'_>,
    fill: impl Fn(usize) -> Option<&'a str>,
) -> Result<ArrayRef, ArrowError> {
    if words.is_full() {
        return Ok(Arc::clone(column));
    }
    let mut additions = Dictionary::default();
    let offset = i32::try_from(words.texts.len()).unwrap_or(i32::MAX);
    let own = words.per_value(|_| ());
    let codes = (0..words.keys.len())
        .map(|row| match own.place(row) {
            ABSENT => fill(row).map_or(ABSENT, |text| additions.code(text).saturating_add(offset)),
            code => code,
        })
        .collect();
    if additions.texts.is_empty() {
        return Ok(Arc::clone(column));
    }
    let added = additions.texts.iter().map(|text| Some(text.as_str()));
    dictionary(codes, Arc::new(words.texts.iter().chain(added).collect::<StringArray>()))
}

#[cfg(test)]
mod tests {
    use arrow::array::DictionaryArray;

    use super::*;

    #[test]
    fn of_a_dictionary_with_more_values_than_rows_only_those_that_occur_are_looked_at() {
        let texts = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
        let rows = Int32Array::from(vec![Some(2), None, Some(2)]);
        let column: ArrayRef = Arc::new(DictionaryArray::new(rows, texts));
        let batch = RecordBatch::try_from_iter([("word", column)]).unwrap();
        let mut looked_at = Vec::new();

        let lengths = Input(&batch).words("word").unwrap().per_value(|text| {
            looked_at.push(text.to_owned());
            text.len()
        });

        assert_eq!([0, 1, 2].map(|row| lengths.get(row).copied()), [Some(1), None, Some(1)]);
        assert_eq!(looked_at, ["c"]);
    }
}
