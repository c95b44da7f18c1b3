//! How large what a function returns is, told from its arguments before it is called.

use regex::Regex;

use crate::sql::functions::bounded::values::{Call, ELEMENT_BYTES, Numbers, Values};

/// Bytes of a character at most.
const CHARACTER_BYTES: u64 = 4;

/// Bytes of a number as text at most.
const NUMBER_BYTES: u64 = 32;

/// Bytes that a byte of a time's format becomes at most: of `%+`, 35.
const FORMATTED_BYTES: u64 = 20;

const NANOS_IN_MICRO: u128 = 1000;

/// How large what a function returns is, by its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// As large as all arguments together.
    Joined,
    /// At most twice as large as that: where a part may be there twice, or a byte be two digits.
    Doubled,
    /// The arguments with the first between any two of the others.
    Separated,
    /// Lists side by side, each as long as the longest.
    Zipped,
    /// So many times the first argument as the second says.
    Repeated,
    /// So many characters as the second argument says.
    Padded,
    /// So many elements, each as large as the first argument, as the second argument says.
    Elements,
    /// So many elements, each as large as the third argument, as the second argument says.
    Resized,
    /// The numbers or times from the first argument to the second, in steps of the third.
    Series,
    /// The elements of the first argument as text, with the second between them.
    Listed,
    /// The first argument as a list of the parts between the second.
    Split,
    /// The first argument as the second says, which is a time's format.
    Formatted,
    /// The first argument, with the third in place of the second wherever that is.
    Replaced,
    /// The elements of the first argument, with the third in place of those that are the second.
    ReplacedElements,
    /// The first argument, with the third in place of what the expression in the second finds.
    Matched,
    /// The groups of the expression in the second argument, as it finds them in the first.
    Captured,
}

/// How it is told how often something is found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// As often as it would fit.
    Guess,
    /// By searching it, as the function will do once more.
    Search,
}

impl Growth {
    /// Whether what is made of constants is a list, which is copied for every row of a batch whatever is
    /// done with it.
    pub(super) fn makes_lists(self) -> bool {
        matches!(self, Self::Elements | Self::Resized | Self::Series)
    }

    /// At most how many bytes a call returns; 0 where it will be refused for its arguments.
    pub(super) fn bytes(self, call: &Call, care: Care) -> u64 {
        let Some(first) = call.argument(0) else { return 0 };
        match self {
            Self::Joined => call.total(|row| call.joined(row)),
            Self::Doubled => call.total(|row| call.joined(row).saturating_mul(2)),
            Self::Separated => {
                let separators = call.arguments.len().saturating_sub(2) as u64;
                call.total(|row| call.joined(row).saturating_add(first.size(row).saturating_mul(separators)))
            }
            Self::Zipped => call.total(|row| zipped(call, row)),
            Self::Repeated => counted(call, |row| first.size(row)),
            Self::Padded => counted(call, |_| CHARACTER_BYTES),
            Self::Elements => counted(call, |row| first.size_as_element(row)),
            Self::Resized => {
                counted(call, |row| call.argument(2).map_or(ELEMENT_BYTES, |with| with.size_as_element(row)))
            }
            Self::Series => match call.argument(1) {
                Some(end) => series(call, Some(first), end, call.argument(2)),
                None => series(call, None, first, None),
            },
            Self::Listed => call.total(|row| {
                let each = call.size(1, row).saturating_add(call.size(2, row).max(NUMBER_BYTES));
                first.size(row).saturating_add(first.leaves(row).saturating_mul(each))
            }),
            Self::Formatted => call.total(|row| call.size(1, row).saturating_mul(FORMATTED_BYTES)),
            Self::ReplacedElements => call.total(|row| {
                let replaced = call.argument(2).map_or(0, |with| with.size_as_element(row));
                first.size(row).saturating_add(first.elements(row).saturating_mul(replaced))
            }),
            Self::Split | Self::Replaced | Self::Matched | Self::Captured => {
                let found = self.found(call, care);
                // Only what is searched for in all rows alike is not copied for each of them.
                let is_copied = call.arguments.iter().skip(1).any(|values| !values.is_constant());
                if is_copied { found.max(call.copied_constants(0)) } else { found }
            }
        }
    }

    /// Bytes of what is made of texts in which something is searched for.
    fn found(self, call: &Call, care: Care) -> u64 {
        let mut expressions = Expressions::default();
        call.total(|row| {
            let (Some(text), parameter) = (call.text(0, row), call.text(1, row)) else { return 0 };
            match (self, parameter) {
                (Self::Split, None) => split(text, text.chars().count()),
                (Self::Split, Some(between)) => split(text, occurrences(text, between, care)),
                (_, None) => 0,
                (Self::Replaced, Some(from)) => {
                    let replaced = call.size(2, row).saturating_mul(occurrences(text, from, care) as u64);
                    replaced.saturating_add(text.len() as u64)
                }
                (Self::Matched, Some(pattern)) => {
                    let (Some(with), flags) = (call.text(2, row), call.text(3, row)) else { return 0 };
                    let times = match care {
                        _ if !flags.unwrap_or_default().contains('g') => 1,
                        Care::Guess => text.len().saturating_add(1),
                        Care::Search => {
                            expressions.of(pattern, flags).map_or(0, |expression| expression.find_iter(text).count())
                        }
                    };
                    // A reference is to a part of what was found, and no two of these have a byte in common.
                    let references = with.bytes().filter(|byte| matches!(byte, b'$' | b'\\')).count() as u64;
                    let copies = (text.len() as u64).saturating_mul(references.saturating_add(1));
                    copies.saturating_add((with.len() as u64).saturating_mul(times as u64))
                }
                (_, Some(pattern)) => {
                    let groups = pattern.bytes().filter(|byte| *byte == b'(').count().saturating_add(1) as u64;
                    let captured = match care {
                        Care::Guess => groups.saturating_mul(text.len() as u64),
                        Care::Search => expressions
                            .of(pattern, call.text(2, row))
                            .map_or(0, |expression| captured(expression, text)),
                    };
                    captured.saturating_add(groups.saturating_mul(ELEMENT_BYTES))
                }
            }
        })
    }
}

/// The sum over all rows of the number in the second argument times the bytes of each.
fn counted(call: &Call, bytes_of_each: impl Fn(usize) -> u64) -> u64 {
    let Some(counts) = call.argument(1).and_then(Values::numbers) else { return 0 };
    call.total(|row| {
        let count = u64::try_from(counts.of(row).unwrap_or(0)).unwrap_or(0);
        count.saturating_mul(bytes_of_each(row))
    })
}

fn zipped(call: &Call, row: usize) -> u64 {
    let longest = call.arguments.iter().map(|list| list.elements(row)).max().unwrap_or(0);
    let padded = longest.saturating_mul(ELEMENT_BYTES).saturating_mul(call.arguments.len() as u64);
    padded.saturating_add(call.joined(row))
}

/// Bytes of the parts of a text with so many places between them.
fn split(text: &str, places: usize) -> u64 {
    let parts = (places as u64).saturating_add(1);
    parts.saturating_mul(ELEMENT_BYTES).saturating_add(text.len() as u64)
}

/// How often one text is in another. The empty text is nowhere.
fn occurrences(text: &str, of: &str, care: Care) -> usize {
    match care {
        _ if of.is_empty() => 0,
        Care::Guess => text.len() / of.len(),
        Care::Search => text.matches(of).count(),
    }
}

fn captured(expression: &Regex, text: &str) -> u64 {
    let Some(captures) = expression.captures(text) else { return 0 };
    captures.iter().flatten().fold(0, |sum: u64, group| sum.saturating_add(group.len() as u64))
}

/// The expression that was read last: it is the same in all rows almost always.
#[derive(Default)]
struct Expressions {
    last: Option<(String, Option<Regex>)>,
}

impl Expressions {
    /// The expression as `DataFusion` reads it; `None` for what is none, which it will say.
    fn of(&mut self, pattern: &str, flags: Option<&str>) -> Option<&Regex> {
        let flags = flags.unwrap_or_default().replace('g', "");
        let text = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
        if self.last.as_ref().is_none_or(|(last, _)| *last != text) {
            let expression = Regex::new(&text).ok();
            self.last = Some((text, expression));
        }
        self.last.as_ref()?.1.as_ref()
    }
}

/// The bytes of all elements from start to end.
fn series(call: &Call, start: Option<&Values>, end: &Values, step: Option<&Values>) -> u64 {
    let (numbers, unit) = if end.is_integer() {
        (Values::numbers as fn(&Values) -> Option<Numbers>, 1)
    } else {
        (Values::micros as fn(&Values) -> Option<Numbers>, NANOS_IN_MICRO)
    };
    let (starts, Some(ends)) = (start.and_then(numbers), numbers(end)) else { return 0 };
    let steps = step.and_then(Values::steps);
    call.total(|row| {
        let start = if start.is_none() { Some(0) } else { starts.as_ref().and_then(|starts| starts.of(row)) };
        let (Some(start), Some(end)) = (start, ends.of(row)) else { return 0 };
        let step = steps.as_ref().and_then(|steps| steps.of(row)).map_or(1, i64::unsigned_abs).max(1);
        let elements = u128::from(start.abs_diff(end)) * unit / u128::from(step);
        let elements = u64::try_from(elements).unwrap_or(u64::MAX);
        elements.saturating_add(1).saturating_mul(size_of::<i64>() as u64)
    })
}
