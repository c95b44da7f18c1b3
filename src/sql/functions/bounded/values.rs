//! The values that a function is called with, and how large they are.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

/// Bytes of an element of a list besides its text: of its view, or of its offset.
pub(super) const ELEMENT_BYTES: u64 = 16;

const DAY_NANOS: i64 = 86_400_000_000_000;

/// What a function is called with for the rows of a batch. A constant is there once, not for each row.
pub(super) struct Call {
    pub(super) arguments: Vec<Values>,
    /// 1 where all arguments are constants: one row is made then.
    rows: usize,
    pub(super) is_constant: bool,
}

impl Call {
    pub(super) fn of(arguments: &ScalarFunctionArgs) -> Result<Self> {
        let values: Vec<Values> = arguments.args.iter().map(Values::of).collect::<Result<_>>()?;
        let is_constant = values.iter().all(|values| values.is_constant);
        let rows = if is_constant { 1 } else { arguments.number_rows };
        Ok(Self { arguments: values, rows, is_constant })
    }

    pub(super) fn argument(&self, at: usize) -> Option<&Values> {
        self.arguments.get(at)
    }

    /// Bytes of an argument in a row; 0 without the argument.
    pub(super) fn size(&self, at: usize, row: usize) -> u64 {
        self.argument(at).map_or(0, |values| values.size(row))
    }

    /// The text of an argument in a row.
    pub(super) fn text(&self, at: usize, row: usize) -> Option<&str> {
        self.argument(at)?.text(row)
    }

    /// Bytes of all arguments in a row.
    pub(super) fn joined(&self, row: usize) -> u64 {
        self.arguments.iter().fold(0, |sum, values| sum.saturating_add(values.size(row)))
    }

    /// The sum over all rows.
    pub(super) fn total(&self, mut bytes: impl FnMut(usize) -> u64) -> u64 {
        (0..self.rows).fold(0, |sum, row| sum.saturating_add(bytes(row)))
    }

    /// What constants take where they are copied for each row.
    pub(super) fn copied_constants(&self, from: usize) -> u64 {
        let constants = self.arguments.iter().skip(from).filter(|values| values.is_constant);
        let bytes = constants.fold(0_u64, |sum, values| sum.saturating_add(values.size(0)));
        bytes.saturating_mul(self.rows as u64)
    }
}

/// The values of one argument.
pub(super) struct Values {
    array: ArrayRef,
    /// Whether the array has one value, which is that of every row.
    is_constant: bool,
}

impl Values {
    fn of(value: &ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Array(array) => Self { array: Arc::clone(array), is_constant: false },
            ColumnarValue::Scalar(scalar) => Self { array: scalar.to_array()?, is_constant: true },
        })
    }

    pub(super) fn is_constant(&self) -> bool {
        self.is_constant
    }

    fn at(&self, row: usize) -> usize {
        if self.is_constant { 0 } else { row }
    }

    /// Bytes in a row.
    pub(super) fn size(&self, row: usize) -> u64 {
        size(&self.array, self.at(row))
    }

    /// Bytes of what is in a row as an element of a list.
    pub(super) fn size_as_element(&self, row: usize) -> u64 {
        match self.array.data_type().primitive_width() {
            Some(width) => width as u64,
            None => self.size(row).saturating_add(ELEMENT_BYTES),
        }
    }

    /// The text in a row; `None` where there is none.
    pub(super) fn text(&self, row: usize) -> Option<&str> {
        let row = self.at(row);
        if !self.array.is_valid(row) {
            return None;
        }
        match self.array.data_type() {
            DataType::Utf8View => Some(self.array.as_string_view().value(row)),
            DataType::Utf8 => Some(self.array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => Some(self.array.as_string::<i64>().value(row)),
            _ => None,
        }
    }

    /// Elements of the list in a row.
    pub(super) fn elements(&self, row: usize) -> u64 {
        elements(&self.array, self.at(row)).map_or(0, |values| values.len() as u64)
    }

    /// Elements of the list in a row that are no lists.
    pub(super) fn leaves(&self, row: usize) -> u64 {
        leaves(&self.array, self.at(row))
    }

    pub(super) fn is_integer(&self) -> bool {
        self.array.data_type().is_integer()
    }

    /// The same as numbers; `None` where they are none.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        Some(Numbers { numbers: numbers(&self.array)?, is_constant: self.is_constant })
    }

    /// Times in microseconds; `None` for what is no time. Nanoseconds of a far year do not fit:
    /// microseconds of every year do.
    pub(super) fn micros(&self) -> Option<Numbers> {
        let times = cast(&self.array, &DataType::Timestamp(TimeUnit::Microsecond, None)).ok()?;
        Some(Numbers { numbers: numbers(&times)?, is_constant: self.is_constant })
    }

    /// Steps as numbers, or in nanoseconds.
    pub(super) fn steps(&self) -> Option<Numbers> {
        let Some(intervals) = self.array.as_primitive_opt::<IntervalMonthDayNanoType>() else { return self.numbers() };
        let nanos = intervals.iter().map(|interval| {
            interval.map(|interval| {
                let days = i64::from(interval.months).saturating_mul(30).saturating_add(i64::from(interval.days));
                days.saturating_mul(DAY_NANOS).saturating_add(interval.nanoseconds)
            })
        });
        Some(Numbers { numbers: nanos.collect(), is_constant: self.is_constant })
    }
}

/// Numbers of one argument.
pub(super) struct Numbers {
    numbers: Int64Array,
    is_constant: bool,
}

impl Numbers {
    /// The number of a row.
    pub(super) fn of(&self, row: usize) -> Option<i64> {
        let row = if self.is_constant { 0 } else { row };
        self.numbers.is_valid(row).then(|| self.numbers.value(row))
    }
}

fn numbers(array: &ArrayRef) -> Option<Int64Array> {
    let numbers = cast(array, &DataType::Int64).ok()?;
    numbers.as_primitive_opt::<Int64Type>().cloned()
}

/// Bytes of the value in a row.
fn size(array: &dyn Array, row: usize) -> u64 {
    if !array.is_valid(row) {
        return 0;
    }
    let bytes = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).len(),
        DataType::Utf8View => array.as_string_view().value(row).len(),
        DataType::Binary => array.as_binary::<i32>().value(row).len(),
        DataType::LargeBinary => array.as_binary::<i64>().value(row).len(),
        DataType::BinaryView => array.as_binary_view().value(row).len(),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).unwrap_or(0),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            return columns.fold(0, |sum, column| sum.saturating_add(size(column, row)));
        }
        DataType::Dictionary(..) => {
            let array = array.slice(row, 1);
            let Some(dictionary) = array.as_any_dictionary_opt() else { return 0 };
            let key = dictionary.normalized_keys().first().copied();
            return key.map_or(0, |key| size(dictionary.values(), key));
        }
        _ => match elements(array, row) {
            Some(values) => return size_of_all(&values),
            None => array.data_type().primitive_width().unwrap_or(1),
        },
    };
    bytes as u64
}

/// Bytes of all elements of a list.
fn size_of_all(values: &dyn Array) -> u64 {
    if let Some(width) = values.data_type().primitive_width() {
        return (values.len() as u64).saturating_mul(width as u64);
    }
    let sizes = (0..values.len()).map(|row| size(values, row).saturating_add(ELEMENT_BYTES));
    sizes.fold(0, u64::saturating_add)
}

/// The elements of the list in a row; `None` for what is no list.
fn elements(array: &dyn Array, row: usize) -> Option<ArrayRef> {
    let is_there = array.is_valid(row);
    match array.data_type() {
        DataType::List(_) if is_there => Some(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) if is_there => Some(array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) if is_there => Some(array.as_fixed_size_list().value(row)),
        DataType::Map(..) if is_there => Some(Arc::new(array.as_map().value(row))),
        _ => None,
    }
}

fn leaves(array: &dyn Array, row: usize) -> u64 {
    let Some(values) = elements(array, row) else { return 1 };
    (0..values.len()).map(|row| leaves(&values, row)).fold(0, u64::saturating_add)
}
