//! Functions that make much of little, held to the memory of the session.
//!
//! The query engine accounts for what its operators keep, not for what a function returns:
//! `repeat('x', 2000000000)` would be two gigabytes that no limit knows of.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, TimeUnit};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

use crate::sql::session::BATCH_ROWS;

/// Names of the functions, and how large what they return is.
const FUNCTIONS: [(&str, Growth); 10] = [
    ("array_repeat", Growth::Elements),
    ("array_resize", Growth::Elements),
    ("concat", Growth::Joined),
    ("concat_ws", Growth::Joined),
    ("generate_series", Growth::Series),
    ("lpad", Growth::Padded),
    ("range", Growth::Series),
    ("repeat", Growth::Repeated),
    ("replace", Growth::Replaced),
    ("rpad", Growth::Padded),
];

/// Bytes of an element of a list of numbers.
const ELEMENT_BYTES: u64 = 8;

/// Bytes of a character at most.
const CHARACTER_BYTES: u64 = 4;

const DAY_NANOS: i64 = 86_400_000_000_000;

const NANOS_IN_MICRO: u128 = 1000;

/// How large what a function returns is, by its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// So many times the first argument as the second says.
    Repeated,
    /// So many characters as the second argument says.
    Padded,
    /// So many elements, each as large as the first argument, as the second argument says.
    Elements,
    /// As large as all arguments together.
    Joined,
    /// The first argument, with the third in place of the second wherever that is.
    Replaced,
    /// The numbers or times from the first argument to the second, in steps of the third.
    Series,
}

/// The functions of the session that have to be bounded, bounded.
pub(in crate::sql) fn of(ctx: &SessionContext, max_bytes: usize) -> Vec<ScalarUDF> {
    let state = ctx.state();
    let functions = FUNCTIONS.iter().filter_map(|(name, growth)| {
        let inner = Arc::clone(state.scalar_functions().get(*name)?);
        Some(ScalarUDF::new_from_impl(Bounded { inner, growth: *growth, max_bytes }))
    });
    functions.collect()
}

/// A function that refuses to make more than so many bytes of one batch.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    max_bytes: usize,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bytes = self.growth.bytes(&arguments)?.saturating_mul(self.growth.copies(&arguments));
        if bytes > self.max_bytes as u64 {
            let name = self.name();
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{bytes} bytes at once are more than the memory for {name} with this limit"
            )));
        }
        self.inner.invoke_with_args(arguments)
    }
}

impl Growth {
    /// How often what is returned is there at once: a list of constants is copied for every row of a
    /// batch, a text is not.
    fn copies(self, arguments: &ScalarFunctionArgs) -> u64 {
        let makes_lists = matches!(self, Self::Elements | Self::Series);
        if makes_lists && are_constant(arguments) { BATCH_ROWS as u64 } else { 1 }
    }

    /// About how many bytes a call returns; 0 where that cannot be told from numbers.
    fn bytes(self, arguments: &ScalarFunctionArgs) -> Result<u64> {
        // Where all arguments are constants, one row is made and not one for each of the batch.
        let rows = if are_constant(arguments) { 1 } else { arguments.number_rows };
        let column = |at: usize| match arguments.args.get(at) {
            Some(value) => value.clone().into_array(rows).map(Some),
            None => Ok(None),
        };
        let (Some(first), second) = (column(0)?, column(1)?) else { return Ok(0) };
        if self == Self::Joined {
            let columns = (0..arguments.args.len()).map_while(|at| column(at).transpose());
            return columns.map(|column| Ok(lengths(&column?))).sum();
        }
        Ok(match (self, second) {
            (Self::Replaced, Some(from)) => column(2)?.map_or(0, |to| replaced(&first, &from, &to)),
            (Self::Series, Some(second)) => series(&first, &second, column(2)?.as_ref()),
            (Self::Series, None) => series(&zeros(rows), &first, None),
            (_, None) | (Self::Joined, _) => 0,
            (Self::Padded, Some(counts)) => total(&counts, |_| CHARACTER_BYTES),
            (Self::Repeated, Some(counts)) => total(&counts, |row| length(&first, row)),
            (Self::Elements, Some(counts)) => {
                let of_a_row = (first.get_array_memory_size() / rows.max(1)) as u64;
                total(&counts, |_| of_a_row.max(ELEMENT_BYTES))
            }
        })
    }
}

fn are_constant(arguments: &ScalarFunctionArgs) -> bool {
    arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)))
}

fn zeros(rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from(vec![0; rows]))
}

/// The numbers of a column; `None` where it has none.
fn numbers(column: &ArrayRef) -> Option<Int64Array> {
    let numbers = cast(column, &DataType::Int64).ok()?;
    Some(numbers.as_primitive::<Int64Type>().clone())
}

/// The sum over all rows of the count times the bytes of each.
fn total(counts: &ArrayRef, bytes_of_each: impl Fn(usize) -> u64) -> u64 {
    let Some(counts) = numbers(counts) else { return 0 };
    let rows = counts.iter().enumerate();
    rows.fold(0_u64, |sum, (row, count)| {
        let count = u64::try_from(count.unwrap_or(0)).unwrap_or(0);
        sum.saturating_add(count.saturating_mul(bytes_of_each(row)))
    })
}

/// Bytes of all texts of a column.
fn lengths(column: &ArrayRef) -> u64 {
    (0..column.len()).map(|row| length(column, row)).sum()
}

/// Bytes of all texts where every byte were the beginning of what is replaced.
fn replaced(texts: &ArrayRef, from: &ArrayRef, to: &ArrayRef) -> u64 {
    (0..texts.len()).fold(0, |sum: u64, row| {
        let times = length(to, row) / length(from, row).max(1);
        sum.saturating_add(length(texts, row).saturating_mul(times.saturating_add(1)))
    })
}

/// Bytes of the text in a row.
fn length(column: &ArrayRef, row: usize) -> u64 {
    let text = match column.data_type() {
        DataType::Utf8View if column.is_valid(row) => column.as_string_view().value(row),
        DataType::Utf8 if column.is_valid(row) => column.as_string::<i32>().value(row),
        DataType::LargeUtf8 if column.is_valid(row) => column.as_string::<i64>().value(row),
        _ => "",
    };
    text.len() as u64
}

/// The bytes of all elements from start to end.
fn series(start: &ArrayRef, end: &ArrayRef, step: Option<&ArrayRef>) -> u64 {
    // Nanoseconds of a far year do not fit: microseconds of every year do.
    let (start, end, unit) = if start.data_type().is_integer() {
        (numbers(start), numbers(end), 1)
    } else {
        (micros(start), micros(end), NANOS_IN_MICRO)
    };
    let (Some(start), Some(end)) = (start, end) else { return 0 };
    let rows = start.iter().zip(end.iter()).enumerate();
    rows.fold(0_u64, |sum, (row, ends)| {
        let (Some(start), Some(end)) = ends else { return sum };
        let elements = u128::from(start.abs_diff(end)) * unit / u128::from(step_of(step, row).max(1));
        let elements = u64::try_from(elements).unwrap_or(u64::MAX);
        sum.saturating_add(elements.saturating_add(1).saturating_mul(ELEMENT_BYTES))
    })
}

/// Times in microseconds; `None` for what is no time.
fn micros(column: &ArrayRef) -> Option<Int64Array> {
    let times = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).ok()?;
    numbers(&times)
}

/// The step of a row as a number, or in nanoseconds, without its sign; 1 without a step.
fn step_of(step: Option<&ArrayRef>, row: usize) -> u64 {
    let Some(step) = step.filter(|step| step.is_valid(row)) else { return 1 };
    if let Some(intervals) = step.as_primitive_opt::<IntervalMonthDayNanoType>() {
        let interval = intervals.value(row);
        let days = i64::from(interval.months).saturating_mul(30).saturating_add(i64::from(interval.days));
        return days.saturating_mul(DAY_NANOS).saturating_add(interval.nanoseconds).unsigned_abs();
    }
    numbers(step).map_or(1, |steps| steps.value(row).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use crate::sql::session::{SessionOptions, build, plan_read_only};

    /// Runs a query in a session of so much memory, and gives the first value as text.
    async fn ask(sql: &str, memory_bytes: usize) -> Result<String, String> {
        let ctx = build(&SessionOptions { memory_bytes, ..SessionOptions::default() }).unwrap();
        let frame = plan_read_only(&ctx, sql).await.map_err(|error| error.to_string())?;
        let batches = frame.collect().await.map_err(|error| error.to_string())?;
        let column = batches[0].column(0);
        Ok(arrow::util::display::array_value_to_string(column, 0).unwrap())
    }

    #[tokio::test]
    async fn what_makes_more_than_the_session_may_have_is_refused_by_name() {
        for (sql, name) in [
            ("SELECT length(repeat('ab', 600000))", "repeat"),
            ("SELECT length(lpad('a', 600000))", "lpad"),
            ("SELECT length(rpad('a', 600000, 'xy'))", "rpad"),
            ("SELECT length(concat(a, a, a)) FROM (SELECT repeat('a', 400000) AS a)", "concat"),
            ("SELECT length(concat_ws(',', a, a, a)) FROM (SELECT repeat('a', 400000) AS a)", "concat_ws"),
            ("SELECT length(replace(repeat('a', 400000), 'a', 'aaa'))", "replace"),
            ("SELECT cardinality(array_repeat('a', 600000))", "array_repeat"),
            ("SELECT cardinality(array_resize([1], 600000, 0))", "array_resize"),
            ("SELECT cardinality(generate_series(1, 1000000000000000))", "generate_series"),
            ("SELECT cardinality(range(600000))", "range"),
            ("SELECT unnest(range(1000)) FROM (VALUES (1), (2)) t", "range"),
            ("SELECT cardinality(range(-1, -600000, -1))", "range"),
            ("SELECT cardinality(range(DATE '1970-01-01', DATE '2999-01-01', INTERVAL '1' MINUTE))", "range"),
        ] {
            let refused = ask(sql, 1_000_000).await.unwrap_err();

            assert!(refused.contains(&format!("more than the memory for {name} with")), "{sql}: {refused}");
        }
    }

    #[tokio::test]
    async fn what_fits_is_what_it_was() {
        for (sql, expected) in [
            ("SELECT repeat('ab', 3)", "ababab"),
            ("SELECT lpad('a', 3, 'x')", "xxa"),
            ("SELECT concat('a', NULL, 1)", "a1"),
            ("SELECT concat_ws(', ', 'a', NULL, 'b')", "a, b"),
            ("SELECT replace('banana', 'an', 'x')", "bxxa"),
            ("SELECT rpad('a', 3)", "a  "),
            ("SELECT array_repeat('a', 2)", "[a, a]"),
            ("SELECT array_resize([1], 2, 0)", "[1, 0]"),
            ("SELECT generate_series(1, 9, 4)", "[1, 5, 9]"),
            ("SELECT range(3)", "[0, 1, 2]"),
            ("SELECT repeat(CAST(NULL AS VARCHAR), 1000000000)", ""),
            ("SELECT cardinality(range(DATE '2026-01-01', DATE '2026-01-11', INTERVAL '1' DAY))", "10"),
        ] {
            assert_eq!(ask(sql, 16_000_000).await.as_deref(), Ok(expected), "{sql}");
        }
    }
}
