//! One value of a column, whatever its type, as JSON and as text.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use crate::report::{ReportError, json};
use crate::time::UtcMicros;

/// The value of a row in a column.
///
/// JSON has numbers, booleans, text, lists and structs as such, a time as RFC 3339 text, and a
/// number that JSON lacks (infinity, not a number) as text; what is left is text as Arrow shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub(crate) array: &'a dyn Array,
    pub(crate) row: usize,
}

impl Cell<'_> {
    /// The value as text; `None` where it is null. Lists and structs are JSON.
    pub(crate) fn text(self) -> Result<Option<String>, ReportError> {
        if self.is_null() {
            return Ok(None);
        }
        if let Some(text) = self.as_str() {
            return Ok(Some(text.to_owned()));
        }
        let json = json::text(&self)?;
        let unquoted = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
        Ok(Some(unquoted.unwrap_or(&json).to_owned()))
    }

    fn is_null(&self) -> bool {
        // A dictionary's value and a column of type Null are null where no null bit says so.
        match self.array.data_type() {
            DataType::Null => true,
            DataType::Dictionary(..) => {
                self.array.is_null(self.row) || self.value_of_dictionary().is_some_and(|value| value.is_null())
            }
            _ => self.array.is_null(self.row),
        }
    }

    fn as_str(&self) -> Option<&str> {
        match self.array.data_type() {
            DataType::Utf8 => self.array.as_string_opt::<i32>().map(|texts| texts.value(self.row)),
            DataType::LargeUtf8 => self.array.as_string_opt::<i64>().map(|texts| texts.value(self.row)),
            DataType::Utf8View => self.array.as_string_view_opt().map(|texts| texts.value(self.row)),
            DataType::Dictionary(..) => {
                let dictionary = self.array.as_dictionary_opt::<Int32Type>()?;
                let texts = dictionary.values().as_string_opt::<i32>()?;
                Some(texts.value(dictionary.key(self.row)?))
            }
            _ => None,
        }
    }

    /// The value that a key of a dictionary stands for; `None` for keys that are not ours.
    fn value_of_dictionary(&self) -> Option<Cell<'_>> {
        let dictionary = self.array.as_dictionary_opt::<Int32Type>()?;
        Some(Cell { array: dictionary.values(), row: dictionary.key(self.row)? })
    }

    /// A time that has a zone, as UTC; `None` for others, and where microseconds do not hold it.
    fn time(self) -> Option<UtcMicros> {
        let DataType::Timestamp(unit, Some(_)) = self.array.data_type() else { return None };
        let micros = match unit {
            TimeUnit::Second => self.array.as_primitive::<TimestampSecondType>().value(self.row).checked_mul(1_000_000),
            TimeUnit::Millisecond => {
                self.array.as_primitive::<TimestampMillisecondType>().value(self.row).checked_mul(1000)
            }
            TimeUnit::Microsecond => Some(self.array.as_primitive::<TimestampMicrosecondType>().value(self.row)),
            TimeUnit::Nanosecond => {
                let nanos = self.array.as_primitive::<TimestampNanosecondType>().value(self.row);
                (nanos % 1000 == 0).then_some(nanos / 1000)
            }
        };
        micros.map(UtcMicros)
    }

    /// As Arrow shows it.
    fn formatted(self) -> Result<String, arrow::error::ArrowError> {
        let formatter = ArrayFormatter::try_new(self.array, &FormatOptions::default())?;
        formatter.value(self.row).try_to_string()
    }

    fn list<S: Serializer>(items: &dyn Array, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(items.len()))?;
        for row in 0..items.len() {
            list.serialize_element(&Cell { array: items, row })?;
        }
        list.end()
    }

    fn structure<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.array.as_struct();
        let mut map = serializer.serialize_map(Some(fields.num_columns()))?;
        for (name, column) in fields.column_names().into_iter().zip(fields.columns()) {
            map.serialize_entry(name, &Cell { array: column, row: self.row })?;
        }
        map.end()
    }

    fn map<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.array.as_map().value(self.row);
        let (keys, values) = (entries.column(0), entries.column(1));
        let mut map = serializer.serialize_map(Some(entries.len()))?;
        for row in 0..entries.len() {
            let key = Cell { array: keys, row }.text().map_err(serde::ser::Error::custom)?;
            map.serialize_entry(&key, &Cell { array: values, row })?;
        }
        map.end()
    }
}

/// A number that JSON lacks is text.
fn float<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() { serializer.serialize_f64(number) } else { serializer.serialize_str(&number.to_string()) }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_null() {
            return serializer.serialize_none();
        }
        if let Some(text) = self.as_str() {
            return serializer.serialize_str(text);
        }
        let (array, row) = (self.array, self.row);
        match array.data_type() {
            DataType::Boolean => serializer.serialize_bool(array.as_boolean().value(row)),
            DataType::Int8 => serializer.serialize_i8(array.as_primitive::<Int8Type>().value(row)),
            DataType::Int16 => serializer.serialize_i16(array.as_primitive::<Int16Type>().value(row)),
            DataType::Int32 => serializer.serialize_i32(array.as_primitive::<Int32Type>().value(row)),
            DataType::Int64 => serializer.serialize_i64(array.as_primitive::<Int64Type>().value(row)),
            DataType::UInt8 => serializer.serialize_u8(array.as_primitive::<UInt8Type>().value(row)),
            DataType::UInt16 => serializer.serialize_u16(array.as_primitive::<UInt16Type>().value(row)),
            DataType::UInt32 => serializer.serialize_u32(array.as_primitive::<UInt32Type>().value(row)),
            DataType::UInt64 => serializer.serialize_u64(array.as_primitive::<UInt64Type>().value(row)),
            DataType::Float32 => match array.as_primitive::<Float32Type>().value(row) {
                number if number.is_finite() => serializer.serialize_f32(number),
                number => float(f64::from(number), serializer),
            },
            DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row), serializer),
            DataType::List(_) => Self::list(&array.as_list::<i32>().value(row), serializer),
            DataType::LargeList(_) => Self::list(&array.as_list::<i64>().value(row), serializer),
            DataType::FixedSizeList(..) => Self::list(&array.as_fixed_size_list().value(row), serializer),
            DataType::Struct(_) => self.structure(serializer),
            DataType::Map(..) => self.map(serializer),
            DataType::Dictionary(..) if self.value_of_dictionary().is_some() => {
                self.value_of_dictionary().serialize(serializer)
            }
            _ => match self.time() {
                Some(time) => time.serialize(serializer),
                None => serializer.serialize_str(&self.formatted().map_err(serde::ser::Error::custom)?),
            },
        }
    }
}
