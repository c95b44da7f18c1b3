//! Every principal: what the classifier says of it, and what it did.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, Float32Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;

use crate::error::RunError;
use crate::event::vocabulary::{IdentityKind, OpClass, Stream};
use crate::identity::Classifier;
use crate::report::IdentityRow;
use crate::sql::session::plan_read_only;
use crate::time::UtcMicros;

/// What each principal did. One row a principal, name and class of operation: few, whatever the
/// number of events.
const DEEDS: &str = "\
SELECT principal_id, CASE WHEN token_kind = 'user' THEN NULL ELSE app_id END AS app_id, principal_name, stream, \
  identity_kind, classified_by, workspace_rid, mirid, op_class, min(confidence) AS confidence, \
  count(*) AS events, sum(CASE WHEN phase = 'terminal' THEN 1 ELSE 0 END) AS deeds, min(time) AS first_seen, max(time) AS last_seen \
FROM events \
GROUP BY principal_id, CASE WHEN token_kind = 'user' THEN NULL ELSE app_id END, principal_name, stream, \
  identity_kind, classified_by, workspace_rid, mirid, op_class";

/// What a principal is told by, with its stream and kind.
type Key = (By, Stream, IdentityKind);

/// A principal is its object id, else its application, else its name, else its resource, else nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Nothing,
    Resource(String),
    Name(String),
    Application(String),
    Object(String),
}

impl By {
    fn of(object: Option<&str>, application: Option<&str>, name: Option<&str>, resource: Option<&str>) -> Self {
        let by = |told: Option<&str>, by: fn(String) -> Self| told.map(|told| by(told.to_owned()));
        by(object, Self::Object)
            .or_else(|| by(application, Self::Application))
            .or_else(|| by(name, Self::Name))
            .or_else(|| by(resource, Self::Resource))
            .unwrap_or(Self::Nothing)
    }
}

/// Lists every principal of the events and of the inventory, sorted by stream, kind and ids.
///
/// # Errors
///
/// [`RunError::Internal`] where the query fails.
pub(super) async fn rows(ctx: &SessionContext, classifier: &Classifier) -> Result<Vec<IdentityRow>, RunError> {
    let failed = |error| RunError::internal("cannot list the identities", error);
    let deeds = plan_read_only(ctx, DEEDS).await.map_err(failed)?.collect().await.map_err(failed)?;
    let mut rows: BTreeMap<Key, IdentityRow> = BTreeMap::new();
    for batch in &deeds {
        add(batch, &mut rows).map_err(|error| RunError::internal("cannot list the identities", error))?;
    }
    for known in classifier.identities() {
        let by = By::of(known.principal_id, known.app_id, known.name, known.verdict.arm_id.as_deref());
        let row = rows.entry((by, known.verdict.stream, known.verdict.kind)).or_insert_with(|| IdentityRow {
            principal_id: known.principal_id.map(str::to_owned),
            app_id: None,
            name: None,
            stream: known.verdict.stream,
            identity_kind: known.verdict.kind,
            confidence: known.verdict.confidence,
            classified_by: known.verdict.classified_by.clone(),
            arm_id: None,
            workspace_rid: known.verdict.workspace_rid.clone(),
            first_seen: None,
            last_seen: None,
            events: 0,
            op_classes: BTreeMap::new(),
        });
        row.app_id = row.app_id.take().or_else(|| known.app_id.map(str::to_owned));
        row.name = known.name.map(str::to_owned).or_else(|| row.name.take());
        row.arm_id = known.verdict.arm_id.clone().or_else(|| row.arm_id.take());
        // A key in a SAS lowers the confidence of an event, not of the principal.
        row.confidence = known.verdict.confidence;
        row.classified_by.clone_from(&known.verdict.classified_by);
    }
    Ok(rows.into_values().collect())
}

/// Adds a batch of deeds to the rows.
fn add(batch: &RecordBatch, rows: &mut BTreeMap<Key, IdentityRow>) -> Result<(), ArrowError> {
    let deeds = Deeds::of(batch)?;
    let (times, counts) = (&deeds.times, &deeds.counts);
    for row in 0..batch.num_rows() {
        let [principal_id, app_id, name, because, workspace_rid, mirid, stream, kind, class] =
            deeds.texts.each_ref().map(|column| (!column.is_null(row)).then(|| column.value(row)));
        let stream = stream.and_then(Stream::from_word).unwrap_or(Stream::Other);
        let identity_kind = kind.and_then(IdentityKind::from_word).unwrap_or(IdentityKind::Unknown);
        let class = class.and_then(OpClass::from_word).unwrap_or(OpClass::Other);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let by = By::of(principal_id, app_id, name, mirid);
        let entry = rows.entry((by, stream, identity_kind)).or_insert_with(|| IdentityRow {
            principal_id: owned(principal_id),
            app_id: None,
            name: None,
            stream,
            identity_kind,
            confidence: 0.0,
            classified_by: owned(because).unwrap_or_default(),
            arm_id: None,
            workspace_rid: None,
            first_seen: None,
            last_seen: None,
            events: 0,
            op_classes: BTreeMap::new(),
        });
        keep_least(&mut entry.app_id, app_id);
        keep_least(&mut entry.name, name);
        keep_least(&mut entry.arm_id, mirid);
        keep_least(&mut entry.workspace_rid, workspace_rid);
        entry.confidence = entry.confidence.max(deeds.confidence.value(row));
        let [first, last] = times.each_ref().map(|column| UtcMicros(column.value(row)));
        entry.first_seen = Some(entry.first_seen.map_or(first, |known| known.min(first)));
        entry.last_seen = Some(entry.last_seen.map_or(last, |known| known.max(last)));
        let [events, deeds] = counts.each_ref().map(|column| u64::try_from(column.value(row)).unwrap_or(0));
        entry.events += events;
        // That something has begun is told of again at its end.
        if deeds > 0 {
            *entry.op_classes.entry(class).or_default() += deeds;
        }
    }
    Ok(())
}

/// Keeps the smallest of several values: the same whatever the order of the groups.
fn keep_least(kept: &mut Option<String>, new: Option<&str>) {
    if let Some(new) = new
        && kept.as_deref().is_none_or(|kept| new < kept)
    {
        *kept = Some(new.to_owned());
    }
}

/// The columns of a batch of deeds.
struct Deeds {
    /// In the order of [`Deeds::TEXTS`].
    texts: [StringArray; 9],
    /// First and last seen.
    times: [TimestampMicrosecondArray; 2],
    /// Events, and those of them that say how something ended.
    counts: [Int64Array; 2],
    confidence: Float32Array,
}

impl Deeds {
    const TEXTS: [&str; 9] = [
        "principal_id",
        "app_id",
        "principal_name",
        "classified_by",
        "workspace_rid",
        "mirid",
        "stream",
        "identity_kind",
        "op_class",
    ];

    fn of(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let column = |name: &str, data_type: &DataType| {
            let index = batch.schema().index_of(name)?;
            cast(batch.column(index), data_type)
        };
        let text = |name: &str| Ok(column(name, &DataType::Utf8)?.as_string::<i32>().clone());
        let time_type = batch.schema().field_with_name("first_seen")?.data_type().clone();
        let time = |name: &str| Ok(column(name, &time_type)?.as_primitive::<TimestampMicrosecondType>().clone());
        let number = |name: &str| Ok(column(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone());
        Ok(Self {
            texts: all(Self::TEXTS.map(text))?,
            times: all(["first_seen", "last_seen"].map(time))?,
            counts: all(["events", "deeds"].map(number))?,
            confidence: column("confidence", &DataType::Float32)?.as_primitive::<Float32Type>().clone(),
        })
    }
}

/// All of the results, or the first error.
fn all<T, const N: usize>(results: [Result<T, ArrowError>; N]) -> Result<[T; N], ArrowError> {
    let values = results.into_iter().collect::<Result<Vec<T>, ArrowError>>()?;
    values.try_into().map_err(|_other_length| ArrowError::ComputeError("an array changed its length".to_owned()))
}
