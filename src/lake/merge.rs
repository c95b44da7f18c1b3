//! Makes one event of all records with its uid, column by column.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, DictionaryArray, StringArray};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::columns::{TextView, numbers};
use super::{Conflict, Resolved};
use crate::event::builder::BATCH_ROWS;
use crate::event::vocabulary::Form;
use crate::event::{absent, schema, uid};
use crate::json::write_json_string;
use crate::parallel;

/// Columns in which duplicates must agree: those that all forms fold to the same value. Addresses
/// are left out (some forms only have the token's), and so are names and codes that forms spell
/// in their own ways.
const SHARED: &[&str] = &[
    "operation",
    "outcome",
    "principal_id",
    "app_id",
    "target_id",
    "mirid",
    "az_rid",
    "audience_app_id",
    "container",
    "object_path",
    "role_id",
    "assignee_id",
    "scope",
];

/// Columns that always come from the primary record.
const OF_PRIMARY: &[&str] = &["time", "event_uid", "form", "object", "offset", "length", "block_record", "body_offset"];

/// Words that say nothing: another form's word is taken before them.
const SAYS_NOTHING: &[&str] = &["unknown", "none"];

/// One record, by its uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    uid: u128,
    batch: u32,
    row: u32,
}

impl Entry {
    fn place(self) -> (usize, usize) {
        (self.batch as usize, self.row as usize)
    }
}

/// Merges records with equal uids and adds the column `locations`.
///
/// # Errors
///
/// An [`ArrowError`] when a batch is not of the decoded schema.
pub(super) fn merge(batches: &[RecordBatch], threads: usize) -> Result<Resolved, ArrowError> {
    let groups = groups(batches, threads)?;
    let mut resolved = Resolved::default();
    if groups.is_empty() {
        for batch in batches {
            resolved.batches.push(with_locations(batch, None)?);
        }
        resolved.members.resize(batches.len(), Vec::new());
        return Ok(resolved);
    }
    let views = batches.iter().map(Views::of).collect::<Result<Vec<_>, _>>()?;
    let mut single: Vec<Vec<bool>> = batches.iter().map(|batch| vec![true; batch.num_rows()]).collect();
    let mut merged = Vec::with_capacity(groups.len());
    for group in groups {
        let mut members: Vec<(usize, usize)> = group.iter().map(|entry| entry.place()).collect();
        for (batch, row) in &members {
            if let Some(flag) = single.get_mut(*batch).and_then(|flags| flags.get_mut(*row)) {
                *flag = false;
            }
        }
        resolved.duplicates += members.len() as u64 - 1;
        members.sort_by(|a, b| compare(&views, *a, *b));
        // What was read twice from one place is one record.
        members.dedup_by(|a, b| compare(&views, *a, *b) == Ordering::Equal);
        conflicts(&views, &members, &mut resolved.conflicts);
        merged.push(members);
    }
    // The input's order, not the uids': what was read together stays together. Each group is looked
    // through once: there may be many, and long ones.
    merged.sort_by_cached_key(|members| members.iter().min().copied());
    for (batch, keep) in batches.iter().zip(single) {
        if keep.contains(&true) {
            let kept = absent::filter(batch, &BooleanArray::from(keep))?;
            resolved.batches.push(with_locations(&kept, None)?);
        }
    }
    resolved.members.resize(resolved.batches.len(), Vec::new());
    for chunk in merged.chunks(BATCH_ROWS) {
        resolved.batches.push(gather(batches, &views, chunk)?);
        resolved.members.push(chunk.to_vec());
    }
    resolved.conflicts.sort_by(|a, b| (&a.object, a.offset, a.column).cmp(&(&b.object, b.offset, b.column)));
    Ok(resolved)
}

/// How many bits of a uid choose its bucket: a bucket of a million records fits a core's cache.
const BUCKET_BITS: u32 = 7;

/// The records that share their uid with others, together. Records are spread over buckets by uid,
/// and each bucket is sorted on its own.
fn groups(batches: &[RecordBatch], threads: usize) -> Result<Vec<Vec<Entry>>, ArrowError> {
    let spread = parallel::map(threads, batches.iter().enumerate().collect(), |(at, batch)| spread(at, batch));
    let spread = spread.into_iter().collect::<Result<Vec<_>, _>>()?;
    let buckets = (0..1_usize << BUCKET_BITS).collect();
    let groups = parallel::map(threads, buckets, |bucket: usize| {
        let parts = || spread.iter().filter_map(|buckets| buckets.get(bucket));
        let mut entries = Vec::with_capacity(parts().map(Vec::len).sum());
        parts().for_each(|part| entries.extend_from_slice(part));
        entries.sort_unstable();
        let shared = entries.chunk_by(|a, b| a.uid == b.uid).filter(|group| group.len() > 1);
        shared.map(<[Entry]>::to_vec).collect::<Vec<_>>()
    });
    Ok(groups.into_iter().flatten().collect())
}

/// The records of a batch by bucket.
fn spread(batch_index: usize, batch: &RecordBatch) -> Result<Vec<Vec<Entry>>, ArrowError> {
    let uids = TextView::of(batch, "event_uid")?;
    let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    // Uids are hashes: they fill all buckets alike.
    let share = batch.num_rows() >> BUCKET_BITS;
    let mut buckets: Vec<_> = (0..1 << BUCKET_BITS).map(|_| Vec::with_capacity(share + share / 4)).collect();
    for row in 0..batch.num_rows() {
        let uid = uids.get(row).and_then(uid::number);
        let uid = uid.ok_or_else(|| ArrowError::ComputeError("an event without uid".to_owned()))?;
        let bucket = usize::try_from(uid >> (u128::BITS - BUCKET_BITS)).unwrap_or(0);
        if let Some(bucket) = buckets.get_mut(bucket) {
            bucket.push(Entry { uid, batch: index(batch_index), row: index(row) });
        }
    }
    Ok(buckets)
}

/// The columns that decide between duplicates.
struct Views<'a> {
    form: TextView<'a>,
    object: TextView<'a>,
    offset: &'a arrow::array::Int64Array,
    length: &'a arrow::array::Int64Array,
    block_record: &'a arrow::array::Int64Array,
    body_offset: &'a arrow::array::Int64Array,
    shared: Vec<TextView<'a>>,
}

impl<'a> Views<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        Ok(Self {
            form: TextView::of(batch, "form")?,
            object: TextView::of(batch, "object")?,
            offset: numbers(batch, "offset")?,
            length: numbers(batch, "length")?,
            block_record: numbers(batch, "block_record")?,
            body_offset: numbers(batch, "body_offset")?,
            shared: SHARED.iter().map(|name| TextView::of(batch, name)).collect::<Result<_, _>>()?,
        })
    }

    /// Rank of the form, object and place in it: what makes a record the primary one.
    fn rank(&self, row: usize) -> (Option<Form>, &'a str, i64, i64, i64) {
        let number = |column: &arrow::array::Int64Array| if column.is_null(row) { 0 } else { column.value(row) };
        (
            self.form.get(row).and_then(Form::from_word),
            self.object.get(row).unwrap_or(""),
            number(self.offset),
            number(self.block_record),
            number(self.body_offset),
        )
    }
}

fn compare(views: &[Views<'_>], a: (usize, usize), b: (usize, usize)) -> Ordering {
    let rank = |(batch, row): (usize, usize)| views.get(batch).map(|views| views.rank(row));
    rank(a).cmp(&rank(b))
}

/// Tells of the members that say something else than the first of those before them that says
/// anything in a column, each with the first such column.
fn conflicts(views: &[Views<'_>], members: &[(usize, usize)], found: &mut Vec<Conflict>) {
    let mut firsts: [Option<&str>; SHARED.len()] = [None; SHARED.len()];
    for (batch, row) in members {
        let Some(views) = views.get(*batch) else { continue };
        let mut differing = None;
        for ((column, view), first) in SHARED.iter().zip(&views.shared).zip(&mut firsts) {
            let Some(text) = view.get(*row).filter(|text| !SAYS_NOTHING.contains(text)) else { continue };
            if *first.get_or_insert(text) != text {
                differing = differing.or(Some(*column));
            }
        }
        let Some(column) = differing else { continue };
        found.push(Conflict {
            object: views.object.get(*row).unwrap_or("").to_owned(),
            offset: views.offset.value(*row),
            length: views.length.value(*row),
            column,
        });
    }
}

/// Makes one row of each group: every column from the first member that has it.
fn gather(
    batches: &[RecordBatch],
    views: &[Views<'_>],
    groups: &[Vec<(usize, usize)>],
) -> Result<RecordBatch, ArrowError> {
    // Only the batches concerned: interleaving dictionaries looks at all of them.
    let mut used: Vec<usize> = groups.iter().flatten().map(|(batch, _)| *batch).collect();
    used.sort_unstable();
    used.dedup();
    let position = |batch: usize| used.binary_search(&batch).unwrap_or(0);
    let in_used = |members: &Vec<(usize, usize)>| members.iter().map(|(at, row)| (position(*at), *row)).collect();
    let members: Vec<Vec<(usize, usize)>> = groups.iter().map(in_used).collect();
    let decoded = schema::decoded();
    let mut columns = Vec::with_capacity(decoded.fields().len());
    for (index, field) in decoded.fields().iter().enumerate() {
        let arrays: Vec<&ArrayRef> = used.iter().filter_map(|at| batches.get(*at).map(|b| b.column(index))).collect();
        let chooser = Chooser::of(field, &arrays);
        // Where the principal's id comes from must be said by the record that gave it.
        let via = field.name() == "principal_via";
        let chosen: Vec<(usize, usize)> = members
            .iter()
            .map(|members| {
                let giver = if via { giver_of_principal(batches, &used, members) } else { None };
                giver.or_else(|| chooser.first(members)).or_else(|| members.first().copied()).unwrap_or((0, 0))
            })
            .collect();
        columns.push(interleaved(&arrays, &chosen)?);
    }
    let batch = RecordBatch::try_new(decoded, columns)?;
    let locations: StringArray =
        groups.iter().map(|members| (members.len() > 1).then(|| other_places(views, members))).collect();
    with_locations(&batch, Some(Arc::new(locations)))
}

/// Above so many arrays, dictionaries are put together by their texts: Arrow goes through all places
/// once for each array.
const MANY_ARRAYS: usize = 64;

/// The values at these places, each an array and a row of it.
pub(super) fn interleaved(arrays: &[&ArrayRef], places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
    let is_dictionary = arrays.first().is_some_and(|first| matches!(first.data_type(), DataType::Dictionary(..)));
    if is_dictionary && arrays.len() > MANY_ARRAYS {
        let views: Option<Vec<TextView<'_>>> = arrays.iter().map(|array| TextView::of_array(array)).collect();
        if let Some(views) = views {
            let texts = places.iter().map(|(at, row)| views.get(*at)?.get(*row));
            return Ok(Arc::new(texts.collect::<DictionaryArray<Int32Type>>()));
        }
    }
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    interleave(&arrays, places)
}

fn giver_of_principal(batches: &[RecordBatch], used: &[usize], members: &[(usize, usize)]) -> Option<(usize, usize)> {
    members.iter().copied().find(|(at, row)| {
        let batch = used.get(*at).and_then(|at| batches.get(*at));
        batch.and_then(|batch| batch.column_by_name("principal_id")).is_some_and(|ids| !ids.is_null(*row))
    })
}

/// Which member of a group gives a column its value.
enum Chooser<'a> {
    Primary,
    /// The first that is not null and says something.
    Text(Vec<Option<TextView<'a>>>),
    /// The first that is true.
    Flag(Vec<Option<&'a BooleanArray>>),
    /// The first that is not null.
    Value(Vec<&'a ArrayRef>),
}

impl<'a> Chooser<'a> {
    fn of(field: &Field, arrays: &[&'a ArrayRef]) -> Self {
        if OF_PRIMARY.contains(&field.name().as_str()) {
            return Self::Primary;
        }
        match field.data_type() {
            DataType::Dictionary(..) | DataType::Utf8 => {
                Self::Text(arrays.iter().map(|array| TextView::of_array(array)).collect())
            }
            DataType::Boolean => Self::Flag(arrays.iter().copied().map(as_flags).collect()),
            _ => Self::Value(arrays.to_vec()),
        }
    }

    fn first(&self, members: &[(usize, usize)]) -> Option<(usize, usize)> {
        let mut members = members.iter().copied();
        match self {
            Self::Primary => members.next(),
            Self::Text(views) => members.find(|(at, row)| {
                let text = views.get(*at).copied().flatten().and_then(|view| view.get(*row));
                text.is_some_and(|text| !SAYS_NOTHING.contains(&text))
            }),
            Self::Flag(flags) => {
                members.find(|(at, row)| flags.get(*at).copied().flatten().is_some_and(|flags| flags.value(*row)))
            }
            Self::Value(arrays) => members.find(|(at, row)| arrays.get(*at).is_some_and(|array| !array.is_null(*row))),
        }
    }
}

fn as_flags(array: &ArrayRef) -> Option<&BooleanArray> {
    array.as_any().downcast_ref()
}

/// The places of all members but the primary one, as a JSON array.
fn other_places(views: &[Views<'_>], members: &[(usize, usize)]) -> String {
    let mut json = String::from("[");
    for (batch, row) in members.iter().skip(1) {
        let Some(views) = views.get(*batch) else { continue };
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str("{\"object\":");
        write_json_string(views.object.get(*row).unwrap_or(""), &mut json);
        let numbers = [
            ("offset", views.offset),
            ("length", views.length),
            ("block_record", views.block_record),
            ("body_offset", views.body_offset),
        ];
        for (name, column) in numbers {
            if !column.is_null(*row) {
                json.extend([",\"", name, "\":", &column.value(*row).to_string()]);
            }
        }
        json.push('}');
    }
    json.push(']');
    json
}

/// The decoded schema with `locations` at its end.
pub(super) fn resolved_schema() -> SchemaRef {
    let mut fields: Vec<Field> = schema::decoded().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new("locations", DataType::Utf8, true));
    Arc::new(Schema::new(fields))
}

fn with_locations(batch: &RecordBatch, locations: Option<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    let mut columns = batch.columns().to_vec();
    columns.push(locations.unwrap_or_else(|| absent::column(&DataType::Utf8, batch.num_rows())));
    RecordBatch::try_new(resolved_schema(), columns)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use arrow::array::{Int64Array, UInt32Array};
    use arrow::compute::take_record_batch;

    use super::*;
    use crate::event::builder::{Address, EventBuilder};
    use crate::event::row::Row;
    use crate::event::vocabulary::LogSource;

    /// So many records of one event, one after the other in one object.
    fn copies(count: usize) -> RecordBatch {
        let mut row = Row::new(LogSource::Signin, Form::Archive);
        row.uid_parts = [Some("one"), None, None];
        let mut builder = EventBuilder::default();
        builder.append(&row, &Address { object: "a.json", offset: 0, length: 9, in_block: None }, |_| {});
        let first = builder.finish().unwrap();
        let all = take_record_batch(&first, &UInt32Array::from(vec![0; count])).unwrap();
        let offsets = Int64Array::from_iter_values(0..i64::try_from(count).unwrap());
        with(&all, "offset", Arc::new(offsets))
    }

    fn with(batch: &RecordBatch, name: &str, values: ArrayRef) -> RecordBatch {
        let at = batch.schema().index_of(name).unwrap();
        let mut columns = batch.columns().to_vec();
        columns[at] = values;
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    }

    fn with_texts<'a>(
        batch: &RecordBatch,
        name: &str,
        texts: impl IntoIterator<Item = Option<&'a str>>,
    ) -> RecordBatch {
        with(batch, name, Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()))
    }

    /// Comparing each with all before it takes minutes.
    #[test]
    fn any_number_of_copies_of_one_event_is_merged_in_a_moment() {
        const COPIES: usize = 50_000;
        let scopes = (0..COPIES).map(|row| match COPIES - row {
            1 => Some("/t"),
            2 => Some("/s"),
            _ => None,
        });
        let batch = with_texts(&copies(COPIES), "scope", scopes);
        let begun = Instant::now();

        let resolved = merge(&[batch], 1).unwrap();

        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!(resolved.duplicates, COPIES as u64 - 1);
        let offset = i64::try_from(COPIES).unwrap() - 1;
        assert_eq!(resolved.conflicts, [Conflict { object: "a.json".to_owned(), offset, length: 9, column: "scope" }]);
        assert_eq!(resolved.batches.len(), 1);
        assert_eq!(resolved.batches[0].num_rows(), 1);
        assert_eq!(TextView::of(&resolved.batches[0], "scope").unwrap().get(0), Some("/s"));
    }

    #[test]
    fn a_record_is_compared_with_the_first_value_of_each_column_before_it() {
        let apps = [None, Some("a"), Some("b"), Some("a"), Some("unknown"), Some("b")];
        let scopes = [Some("/s"), None, Some("/t"), Some("/t"), Some("/s"), Some("none")];
        let batch = with_texts(&with_texts(&copies(6), "app_id", apps), "scope", scopes);

        let resolved = merge(&[batch], 1).unwrap();

        let found: Vec<_> = resolved.conflicts.iter().map(|conflict| (conflict.offset, conflict.column)).collect();
        assert_eq!(found, [(2, "app_id"), (3, "scope"), (5, "app_id")]);
    }

    #[test]
    fn records_spread_over_many_batches_merge_as_those_of_one() {
        const EVENTS: usize = 2 * MANY_ARRAYS;
        let rows = 0..2 * EVENTS;
        let names: Vec<String> = rows.clone().map(|row| format!("app-{}", row % 7)).collect();
        let uids = rows.clone().map(|row| format!("{:032x}", row % EVENTS));
        let whole = with(&copies(2 * EVENTS), "event_uid", Arc::new(StringArray::from_iter_values(uids)));
        let apps = names.iter().enumerate().map(|(row, name)| (!row.is_multiple_of(3)).then_some(name.as_str()));
        let whole = with_texts(&whole, "app_id", apps);
        let spread: Vec<RecordBatch> = rows.map(|row| whole.slice(row, 1)).collect();

        let (together, apart) = (merge(&[whole], 1).unwrap(), merge(&spread, 1).unwrap());

        assert_eq!(together.duplicates, EVENTS as u64);
        assert_eq!(apart.duplicates, together.duplicates);
        assert_eq!(apart.conflicts, together.conflicts);
        assert_eq!(apart.batches, together.batches);
    }
}
