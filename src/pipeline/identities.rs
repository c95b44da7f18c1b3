//! Every principal: what the classifier says of it, and what it did.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
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
  count(*) AS events, min(time) AS first_seen, max(time) AS last_seen \
FROM events \
GROUP BY principal_id, CASE WHEN token_kind = 'user' THEN NULL ELSE app_id END, principal_name, stream, \
  identity_kind, classified_by, workspace_rid, mirid, op_class";

/// A principal is its object id, else its application, else its name, else what it came with.
type Key = (Option<String>, Option<String>, Option<String>, Stream, IdentityKind);

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
        let key = (known.principal_id.map(str::to_owned), None, None, known.verdict.stream, known.verdict.kind);
        let row = rows.entry(key).or_insert_with(|| IdentityRow {
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
    let column = |name: &str, data_type: &DataType| {
        let index = batch.schema().index_of(name)?;
        cast(batch.column(index), data_type)
    };
    let texts = ["principal_id", "app_id", "principal_name", "classified_by", "workspace_rid", "mirid"]
        .map(|name| column(name, &DataType::Utf8));
    let [principal, app, name, because, workspace, mirid] = texts;
    let (principal, app, name) = (principal?, app?, name?);
    let (because, workspace, mirid) = (because?, workspace?, mirid?);
    let words = ["stream", "identity_kind", "op_class"].map(|name| column(name, &DataType::Utf8));
    let [stream, kind, class] = words;
    let (stream, kind, class) = (stream?, kind?, class?);
    let times = batch.schema().field_with_name("first_seen")?.data_type().clone();
    let (first, last) = (column("first_seen", &times)?, column("last_seen", &times)?);
    let (first, last) =
        (first.as_primitive::<TimestampMicrosecondType>(), last.as_primitive::<TimestampMicrosecondType>());
    let (events, confidence) = (column("events", &DataType::Int64)?, column("confidence", &DataType::Float32)?);
    let (events, confidence) = (events.as_primitive::<Int64Type>(), confidence.as_primitive::<Float32Type>());
    let text = |array: &arrow::array::ArrayRef, row: usize| {
        let array = array.as_string::<i32>();
        (!array.is_null(row)).then(|| array.value(row).to_owned())
    };
    for row in 0..batch.num_rows() {
        let stream = text(&stream, row).and_then(|word| Stream::from_word(&word)).unwrap_or(Stream::Other);
        let kind = text(&kind, row).and_then(|word| IdentityKind::from_word(&word)).unwrap_or(IdentityKind::Unknown);
        let class = text(&class, row).and_then(|word| OpClass::from_word(&word)).unwrap_or(OpClass::Other);
        let ids = (text(&principal, row), text(&app, row), text(&name, row));
        let key = match &ids {
            (Some(_), _, _) => (ids.0.clone(), None, None, stream, kind),
            (None, Some(_), _) => (None, ids.1.clone(), None, stream, kind),
            (None, None, _) => (None, None, ids.2.clone(), stream, kind),
        };
        let entry = rows.entry(key).or_insert_with(|| IdentityRow {
            principal_id: ids.0.clone(),
            app_id: None,
            name: None,
            stream,
            identity_kind: kind,
            confidence: 0.0,
            classified_by: text(&because, row).unwrap_or_default(),
            arm_id: None,
            workspace_rid: None,
            first_seen: None,
            last_seen: None,
            events: 0,
            op_classes: BTreeMap::new(),
        });
        // The smallest of several values: the same whatever the order of the groups.
        let least = |kept: &mut Option<String>, new: Option<String>| {
            *kept = match (kept.take(), new) {
                (Some(kept), Some(new)) => Some(kept.min(new)),
                (kept, new) => kept.or(new),
            };
        };
        least(&mut entry.app_id, ids.1);
        least(&mut entry.name, ids.2);
        least(&mut entry.arm_id, text(&mirid, row));
        least(&mut entry.workspace_rid, text(&workspace, row));
        entry.confidence = entry.confidence.max(confidence.value(row));
        let (seen_first, seen_last) = (UtcMicros(first.value(row)), UtcMicros(last.value(row)));
        entry.first_seen = Some(entry.first_seen.map_or(seen_first, |known| known.min(seen_first)));
        entry.last_seen = Some(entry.last_seen.map_or(seen_last, |known| known.max(seen_last)));
        let count = u64::try_from(events.value(row)).unwrap_or(0);
        entry.events += count;
        *entry.op_classes.entry(class).or_default() += count;
    }
    Ok(())
}
