//! Pairs the records of one operation: what only its Start record's request body says (role,
//! assignee, scope) is what its terminal record needs.
//!
//! Azure writes several records an operation (Start, Accept, Success) that share correlation id,
//! operation and target; most write the request body into the first only. They may lie in any
//! order, in different files and in different export forms.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow::compute::interleave;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::{DefaultHashBuilder, HashMap};

use super::columns::TextView;
use crate::event::builder::word_array;
use crate::event::vocabulary::{BodyFrom, LogSource, Phase, Word};
use crate::parallel;

/// The columns that a terminal record takes from its operation's Start record.
const TAKEN: &[&str] = &["role_id", "assignee_id", "scope", "role_assignment_id", "request_body"];

/// What tells operations apart, and records of one operation.
struct Views<'a> {
    activity: Vec<bool>,
    terminal: Vec<bool>,
    correlation_id: TextView<'a>,
    operation: TextView<'a>,
    target_id: TextView<'a>,
    operation_id: TextView<'a>,
    body_from: TextView<'a>,
    time: &'a TimestampMicrosecondArray,
    taken: Vec<TextView<'a>>,
}

/// The records of one operation share this. Operation ids are compared apart: not all forms have
/// them.
type Key<'a> = (&'a str, &'a str, &'a str);

/// Index of a batch, and of a row in it.
type Place = (usize, usize);

impl<'a> Views<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let time = batch.column_by_name("time").and_then(|column| column.as_any().downcast_ref());
        Ok(Self {
            activity: TextView::of(batch, "source")?.rows_of(LogSource::Activity.as_str()),
            terminal: TextView::of(batch, "phase")?.rows_of(Phase::Terminal.as_str()),
            correlation_id: TextView::of(batch, "correlation_id")?,
            operation: TextView::of(batch, "operation")?,
            target_id: TextView::of(batch, "target_id")?,
            operation_id: TextView::of(batch, "operation_id")?,
            body_from: TextView::of(batch, "body_from")?,
            time: time.ok_or_else(|| ArrowError::SchemaError("events have no usable column time".to_owned()))?,
            taken: TAKEN.iter().map(|name| TextView::of(batch, name)).collect::<Result<_, _>>()?,
        })
    }

    fn is_activity(&self, row: usize) -> bool {
        self.activity.get(row) == Some(&true)
    }

    fn is_terminal(&self, row: usize) -> bool {
        self.terminal.get(row) == Some(&true)
    }

    /// Whether a record has a body to give. Scope and assignment alone come from its target, which
    /// its terminal record has as well.
    fn says_something(&self, row: usize) -> bool {
        self.body_from.get(row).is_some() && self.taken.iter().any(|column| column.get(row).is_some())
    }

    fn key(&self, row: usize) -> Option<Key<'a>> {
        Some((self.correlation_id.get(row)?, self.operation.get(row)?, self.target_id.get(row).unwrap_or("")))
    }
}

/// Gives terminal records what their operation's earlier records say.
///
/// # Errors
///
/// An [`ArrowError`] when a batch is not of the resolved schema.
pub(super) fn pair(batches: &[RecordBatch], threads: usize) -> Result<Vec<RecordBatch>, ArrowError> {
    let views = parallel::map(threads, batches.iter().collect(), Views::of);
    let views = views.into_iter().collect::<Result<Vec<_>, _>>()?;
    let donors = donors(&views);
    if donors.is_empty() {
        return Ok(batches.to_vec());
    }
    let paired = parallel::map(threads, batches.iter().zip(&views).collect(), |(batch, own)| {
        let gifts: Vec<(usize, Place)> = (0..batch.num_rows())
            .filter(|row| own.is_activity(*row) && own.is_terminal(*row))
            .filter(|row| own.body_from.get(*row) != Some(BodyFrom::Request.as_str()))
            .filter_map(|row| {
                let candidates = donors.get(&own.key(row)?)?;
                Some((row, choose(&views, own, row, candidates)?))
            })
            .collect();
        if gifts.is_empty() { Ok(batch.clone()) } else { give(batches, batch, own, &gifts) }
    });
    paired.into_iter().collect()
}

fn donors<'a>(views: &[Views<'a>]) -> HashMap<Key<'a>, Vec<Place>, DefaultHashBuilder> {
    let mut donors: HashMap<Key<'a>, Vec<Place>, DefaultHashBuilder> = HashMap::default();
    for (batch, views) in views.iter().enumerate() {
        for row in 0..views.time.len() {
            if views.is_activity(row)
                && !views.is_terminal(row)
                && views.says_something(row)
                && let Some(key) = views.key(row)
            {
                donors.entry(key).or_default().push((batch, row));
            }
        }
    }
    donors
}

/// The record that a terminal one belongs to: of the same operation id where both have one, the
/// latest that is not after it, else the earliest.
fn choose(views: &[Views<'_>], own: &Views<'_>, row: usize, candidates: &[Place]) -> Option<Place> {
    let own_id = own.operation_id.get(row);
    let own_time = own.time.value(row);
    let rank = |place: &Place| {
        let donor = views.get(place.0)?;
        let donor_id = donor.operation_id.get(place.1);
        if own_id.is_some() && donor_id.is_some() && own_id != donor_id {
            return None;
        }
        let time = donor.time.value(place.1);
        let before = time <= own_time;
        let nearness = if before { time } else { time.saturating_neg() };
        Some((own_id.is_some() && own_id == donor_id, before, nearness))
    };
    candidates
        .iter()
        .filter_map(|place| rank(place).map(|rank| (rank, *place)))
        .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, place)| place)
}

/// Rebuilds a batch with what its rows are given.
fn give(
    batches: &[RecordBatch],
    batch: &RecordBatch,
    own: &Views<'_>,
    gifts: &[(usize, Place)],
) -> Result<RecordBatch, ArrowError> {
    let mut columns = batch.columns().to_vec();
    let schema = batch.schema();
    for name in TAKEN {
        let index = schema.index_of(name)?;
        let column = merged_column(batches, batch, index, gifts)?;
        if let Some(slot) = columns.get_mut(index) {
            *slot = column;
        }
    }
    let mut codes: Vec<i32> = (0..batch.num_rows())
        .map(|row| own.body_from.get(row).and_then(BodyFrom::from_word).map_or(-1, Word::code))
        .collect();
    for (row, _) in gifts {
        if let Some(code) = codes.get_mut(*row) {
            *code = BodyFrom::StartRequest.code();
        }
    }
    let index = schema.index_of("body_from")?;
    if let Some(slot) = columns.get_mut(index) {
        *slot = word_array::<BodyFrom>(codes)?;
    }
    RecordBatch::try_new(schema, columns)
}

/// Column `index` of `batch`, with the giver's value wherever it has one.
fn merged_column(
    batches: &[RecordBatch],
    batch: &RecordBatch,
    index: usize,
    gifts: &[(usize, Place)],
) -> Result<ArrayRef, ArrowError> {
    let mut used: Vec<usize> = gifts.iter().map(|(_, (at, _))| *at).collect();
    used.sort_unstable();
    used.dedup();
    let own = Arc::clone(batch.column(index));
    let mut arrays: Vec<ArrayRef> = vec![own];
    arrays.extend(used.iter().filter_map(|at| batches.get(*at)).map(|batch| Arc::clone(batch.column(index))));
    let mut chosen: Vec<(usize, usize)> = (0..batch.num_rows()).map(|row| (0, row)).collect();
    for (row, (at, donor_row)) in gifts {
        let position = used.binary_search(at).map_or(0, |position| position + 1);
        let given = arrays.get(position).is_some_and(|array| !array.is_null(*donor_row));
        if let (true, Some(slot)) = (given, chosen.get_mut(*row)) {
            *slot = (position, *donor_row);
        }
    }
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    interleave(&arrays, &chosen)
}
