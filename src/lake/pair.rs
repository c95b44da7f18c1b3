//! Pairs the records of one operation: what only its Start record's request body says (role,
//! assignee, scope) is what its terminal record needs.
//!
//! Azure writes several records an operation (Start, Accept, Success) that share correlation id,
//! operation and target; most write the request body into the first only. They may lie in any
//! order, in different files and in different export forms.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::{DefaultHashBuilder, HashMap};

use super::columns::TextView;
use super::merge::interleaved;
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

/// Which records of a key a terminal one takes from: from any where it has no operation id, else
/// from those of its own, else from those without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group<'a> {
    Any,
    WithoutId,
    OfId(&'a str),
}

/// A record that has something to give, with its time, as one of a group.
type Donor<'a> = (Group<'a>, i64, Place);

/// All records that have something to give.
#[derive(Default)]
struct Donors<'a> {
    /// Index of each key's list.
    of_key: HashMap<Key<'a>, usize, DefaultHashBuilder>,
    /// In order, each record in both its groups; of those of one group and time the first only.
    lists: Vec<Vec<Donor<'a>>>,
}

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
    if donors.lists.is_empty() {
        return Ok(batches.to_vec());
    }
    let paired = parallel::map(threads, batches.iter().zip(&views).collect(), |(batch, own)| {
        let gifts: Vec<(usize, Place)> = (0..batch.num_rows())
            .filter(|row| own.is_activity(*row) && own.is_terminal(*row))
            .filter(|row| own.body_from.get(*row) != Some(BodyFrom::Request.as_str()))
            .filter_map(|row| Some((row, choose(&donors, own, row)?)))
            .collect();
        if gifts.is_empty() { Ok(batch.clone()) } else { give(batches, batch, own, &gifts) }
    });
    paired.into_iter().collect()
}

fn donors<'a>(views: &[Views<'a>]) -> Donors<'a> {
    let mut donors = Donors::default();
    for (batch, views) in views.iter().enumerate() {
        for row in 0..views.time.len() {
            if views.is_activity(row)
                && !views.is_terminal(row)
                && views.says_something(row)
                && let Some(key) = views.key(row)
            {
                let next = donors.lists.len();
                let at = *donors.of_key.entry(key).or_insert(next);
                if at == next {
                    donors.lists.push(Vec::new());
                }
                if let Some(list) = donors.lists.get_mut(at) {
                    let group = views.operation_id.get(row).map_or(Group::WithoutId, Group::OfId);
                    list.extend([Group::Any, group].map(|group| (group, views.time.value(row), (batch, row))));
                }
            }
        }
    }
    for list in &mut donors.lists {
        list.sort_unstable();
        list.dedup_by_key(|(group, time, _)| (*group, *time));
    }
    donors
}

/// The record that a terminal one belongs to: of the same operation id where both have one, the
/// latest that is not after it, else the earliest.
fn choose<'a>(donors: &Donors<'a>, own: &Views<'a>, row: usize) -> Option<Place> {
    let at = *donors.of_key.get(&own.key(row)?)?;
    let list = donors.lists.get(at)?;
    let nearest_of = |group: Group<'a>| nearest(list, group, own.time.value(row));
    match own.operation_id.get(row) {
        Some(id) => nearest_of(Group::OfId(id)).or_else(|| nearest_of(Group::WithoutId)),
        None => nearest_of(Group::Any),
    }
}

/// The latest of a group that is not after `time`, else the earliest.
fn nearest(list: &[Donor<'_>], group: Group<'_>, time: i64) -> Option<Place> {
    let start = list.partition_point(|donor| donor.0 < group);
    let end = list.partition_point(|donor| donor.0 <= group);
    let of_group = list.get(start..end)?;
    let not_after = of_group.partition_point(|donor| donor.1 <= time);
    of_group.get(not_after.saturating_sub(1)).map(|donor| donor.2)
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
    interleaved(&arrays.iter().collect::<Vec<_>>(), &chosen)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use arrow::array::StringArray;

    use super::*;

    /// An Activity record as pairing sees it.
    #[derive(Debug, Clone, Copy)]
    struct Record<'a> {
        phase: Phase,
        target_id: Option<&'a str>,
        operation_id: Option<&'a str>,
        time: i64,
        role_id: Option<&'a str>,
    }

    fn texts<'a>(records: &[Record<'a>], text: impl Fn(&Record<'a>) -> Option<&'a str>) -> ArrayRef {
        Arc::new(records.iter().map(text).collect::<StringArray>())
    }

    fn batch(records: &[Record<'_>]) -> RecordBatch {
        let body_from = |record: &Record<'_>| record.role_id.map_or(-1, |_| BodyFrom::Request.code());
        let time: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from_iter_values(records.iter().map(|record| record.time)));
        let columns: [(&str, ArrayRef); 13] = [
            ("time", time),
            ("source", texts(records, |_| Some(LogSource::Activity.as_str()))),
            ("phase", texts(records, |record| Some(record.phase.as_str()))),
            ("correlation_id", texts(records, |_| Some("c"))),
            ("operation", texts(records, |_| Some("a/b/write"))),
            ("target_id", texts(records, |record| record.target_id)),
            ("operation_id", texts(records, |record| record.operation_id)),
            ("body_from", word_array::<BodyFrom>(records.iter().map(body_from).collect()).unwrap()),
            ("role_id", texts(records, |record| record.role_id)),
            ("assignee_id", texts(records, |_| None)),
            ("scope", texts(records, |_| None)),
            ("role_assignment_id", texts(records, |_| None)),
            ("request_body", texts(records, |_| None)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
    }

    /// Looking through all Start records for each terminal one takes minutes.
    #[test]
    fn any_number_of_operations_on_one_target_is_paired_in_a_moment() {
        const PAIRS: usize = 30_000;
        let names: Vec<String> = (0..PAIRS).map(|number| format!("{number:05}")).collect();
        let numbered = || names.iter().map(String::as_str).zip(0_i64..);
        let target_id = Some("/t");
        let starts: Vec<Record<'_>> = numbered()
            .map(|(name, number)| Record {
                phase: Phase::Start,
                target_id,
                operation_id: Some(name),
                time: 2 * number,
                role_id: Some(name),
            })
            .collect();
        // Every other one is known by its id, at a time that says nothing.
        let ends: Vec<Record<'_>> = numbered()
            .map(|(name, number)| {
                let (operation_id, time) =
                    if number % 2 == 0 { (Some(name), i64::MAX) } else { (None, 2 * number + 1) };
                Record { phase: Phase::Terminal, target_id, operation_id, time, role_id: None }
            })
            .collect();
        let batches = [batch(&starts), batch(&ends)];
        let begun = Instant::now();

        let paired = pair(&batches, 1).unwrap();

        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        let roles = TextView::of(&paired[1], "role_id").unwrap();
        assert_eq!((0..PAIRS).find(|row| roles.get(*row) != Some(names[*row].as_str())), None);
        assert_eq!(paired[0], batches[0]);
    }

    /// As [`choose`] should, by ranking all records that have something to give.
    fn best_of_all(views: &[Views<'_>], own: &Views<'_>, row: usize) -> Option<Place> {
        let own_id = own.operation_id.get(row);
        let own_time = own.time.value(row);
        let rank = |place: Place| {
            let donor = &views[place.0];
            let gives = !donor.is_terminal(place.1) && donor.says_something(place.1);
            let donor_id = donor.operation_id.get(place.1);
            let is_other = own_id.is_some() && donor_id.is_some() && own_id != donor_id;
            if !gives || is_other || donor.key(place.1) != own.key(row) {
                return None;
            }
            let time = donor.time.value(place.1);
            let before = time <= own_time;
            let nearness = if before { time } else { time.saturating_neg() };
            Some((own_id.is_some() && own_id == donor_id, before, nearness))
        };
        let places = views.iter().enumerate();
        places
            .flat_map(|(batch, views)| (0..views.time.len()).map(move |row| (batch, row)))
            .filter_map(|place| rank(place).map(|rank| (rank, place)))
            .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))
            .map(|(_, place)| place)
    }

    /// A small generator: the same numbers in every run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % limit
        }

        fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
            things[self.below(things.len())]
        }

        fn record(&mut self) -> Record<'static> {
            Record {
                phase: self.one_of(Phase::ALL),
                target_id: self.one_of(&[None, Some("/t")]),
                operation_id: self.one_of(&[None, None, Some("a"), Some("b"), Some("c")]),
                time: self.one_of(&[i64::MIN, i64::MIN + 1, -1, 0, 1, 2, 3, i64::MAX]),
                role_id: self.one_of(&[None, Some("r"), Some("s")]),
            }
        }

        fn batch(&mut self) -> RecordBatch {
            let records: Vec<Record<'_>> = (0..self.below(14)).map(|_| self.record()).collect();
            batch(&records)
        }
    }

    #[test]
    fn every_terminal_record_takes_from_the_one_that_ranks_first_among_all() {
        let mut dice = Dice(7);
        let mut taken = 0;
        for case in 0..400 {
            let batches = [dice.batch(), dice.batch(), dice.batch()];
            let views: Vec<Views<'_>> = batches.iter().map(|batch| Views::of(batch).unwrap()).collect();
            let donors = donors(&views);
            for (batch, own) in views.iter().enumerate() {
                for row in (0..own.time.len()).filter(|row| own.is_terminal(*row)) {
                    let expected = best_of_all(&views, own, row);
                    taken += usize::from(expected.is_some());

                    assert_eq!(choose(&donors, own, row), expected, "case {case}, batch {batch}, row {row}");
                }
            }
        }
        assert!(taken > 1_000, "{taken}");
    }
}
