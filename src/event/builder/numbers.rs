//! A column of numbers under way.

use std::sync::Arc;

use arrow::array::builder::NullBufferBuilder;
use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::buffer::ScalarBuffer;
use arrow::error::ArrowError;

use super::{BATCH_ROWS, taken};
use crate::event::absent;

/// Numbers of the rows up to the last that has one.
#[derive(Debug)]
pub(super) struct NumberColumn<T: ArrowPrimitiveType> {
    numbers: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowPrimitiveType> NumberColumn<T> {
    pub(super) fn new() -> Self {
        Self { numbers: Vec::new(), nulls: NullBufferBuilder::new(BATCH_ROWS) }
    }

    /// Gives a row its number. Rows come in order; those that get none are null.
    pub(super) fn put(&mut self, row: usize, number: Option<T::Native>) {
        let Some(number) = number else { return };
        self.pad(row);
        self.numbers.push(number);
        self.nulls.append_non_null();
    }

    /// Makes the rows before this one null that have no number yet.
    fn pad(&mut self, row: usize) {
        let missing = row.saturating_sub(self.numbers.len());
        if missing > 0 {
            self.numbers.resize(row, T::default_value());
            self.nulls.append_n_nulls(missing);
        }
    }

    /// The number of a row after which none was given one.
    pub(super) fn last(&self, row: usize) -> Option<T::Native> {
        if row + 1 == self.numbers.len() { self.numbers.last().copied() } else { None }
    }

    /// The numbers of so many rows, `None` where no row has one; the next column begins with as much
    /// room as this one took.
    pub(super) fn array(&mut self, rows: usize) -> Result<Option<PrimitiveArray<T>>, ArrowError> {
        if self.numbers.is_empty() {
            return Ok(None);
        }
        self.pad(rows);
        let numbers = ScalarBuffer::from(taken(&mut self.numbers));
        PrimitiveArray::try_new(numbers, self.nulls.finish()).map(Some)
    }

    /// [`array`](Self::array) as a column.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let numbers = self.array(rows)?;
        Ok(numbers.map_or_else(|| absent::column(&T::DATA_TYPE, rows), |numbers| Arc::new(numbers)))
    }
}
