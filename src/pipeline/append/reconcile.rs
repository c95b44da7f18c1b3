//! Classifies again what was written before its principals were known.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::BooleanArray;
use arrow::compute::{filter_record_batch, not};
use arrow::record_batch::RecordBatch;
use serde_json::json;

use super::neighbours::Earlier;
use super::{Appended, Context, broken, write};
use crate::error::RunError;
use crate::event::vocabulary::Stream;
use crate::identity::Classifier;
use crate::lake::table::{Change, Lake, LakeError, Ledger, News, OpenFile, Pending};
use crate::lake::{self, StoreError, StreamsBuilder, undo};

/// The columns that name who is classified.
const NAMES: &[&str] = &["principal_id", "app_id", "principal_name", "assignee_id", "requester_id"];

/// Moves events to the streams of their principals, in one commit, until that commit counts.
pub(super) fn reconcile(context: &Context<'_>, lake: &mut Lake, appended: &mut Appended) -> Result<(), RunError> {
    loop {
        let ledger = context.runtime.block_on(lake.ledger())?;
        if ledger.pending.is_empty() {
            return Ok(());
        }
        context.watch.stage("reconcile");
        let (change, moved) = changes(context, lake, &ledger)?;
        context.cancel.check()?;
        if context.runtime.block_on(lake.commit(change))? {
            appended.reclassified += moved;
            return Ok(());
        }
    }
}

fn changes(context: &Context<'_>, lake: &Lake, ledger: &Ledger) -> Result<(Change, u64), RunError> {
    let stored = |error: StoreError| RunError::internal("cannot keep the events", error);
    let classifier = Classifier::build(ledger.inventory.clone(), &ledger.evidence);
    let mut builder = StreamsBuilder::in_files().map_err(stored)?;
    let (mut adds, mut removes, mut moved) = (Vec::new(), Vec::new(), 0);
    for file in lake.files()? {
        context.cancel.check()?;
        let open = context.runtime.block_on(file.open(lake.store()))?;
        if !concerns(&open, &ledger.pending)? {
            continue;
        }
        let split = open.events(None)?.map(|batch| reclassify(&batch?, &classifier));
        let split: Vec<_> = split.collect::<Result<_, RunError>>()?;
        let changed: usize = split.iter().map(|(_, changed)| changed.num_rows()).sum();
        if changed == 0 {
            continue;
        }
        moved += changed as u64;
        let mut writer = lake.writer(file.stream, &file.date, false)?;
        for (stays, changed) in split {
            context.runtime.block_on(writer.write(lake.store(), &stays))?;
            for stream in Stream::ALL {
                let is_of = lake::text_column(&changed, "stream").map_err(broken)?.rows_of(stream.as_str());
                let part = filter_record_batch(&changed, &is_of.into()).map_err(broken)?;
                if part.num_rows() > 0 {
                    builder.push(*stream, part).map_err(stored)?;
                }
            }
        }
        adds.extend(context.runtime.block_on(writer.finish(lake.store()))?);
        removes.push(lake.remove(&file, false));
    }
    let streams = builder.finish(1).map_err(stored)?;
    let read = &context.options.read;
    let resources = (context.runtime, read.memory_limit_bytes, read.threads);
    adds.extend(write::streams(lake, &streams, &Earlier::default(), resources)?.adds);
    let news = News {
        inventory: ledger.inventory.clone(),
        pending: Pending::default(),
        totals: ledger.totals,
        ..News::default()
    };
    let summary = BTreeMap::from([("airsideReclassified".to_owned(), json!(moved))]);
    Ok((Change { adds, removes, page: Some(ledger.page(news)), summary, only_moves: false }, moved))
}

/// Whether a file has events of those who are known better by now.
fn concerns(file: &OpenFile<'_>, pending: &Pending) -> Result<bool, LakeError> {
    if pending.all {
        return Ok(true);
    }
    let keys: BTreeSet<&str> = pending.keys.iter().map(String::as_str).collect();
    for batch in file.columns(NAMES)? {
        for name in NAMES {
            let names = lake::text_column(&batch, name)?;
            if (0..batch.num_rows()).any(|row| names.get(row).is_some_and(|name| keys.contains(name))) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The rows of a batch that stay as they are, and those that are other ones now.
fn reclassify(batch: &RecordBatch, classifier: &Classifier) -> Result<(RecordBatch, RecordBatch), RunError> {
    let before = undo::unclassified(batch).map_err(broken)?;
    let after = classifier.classify(&before).map_err(broken)?;
    let after = undo::with_classified(&before, &after).map_err(broken)?;
    let differs = BooleanArray::from(undo::differs(&after, batch).map_err(broken)?);
    let stays = filter_record_batch(batch, &not(&differs).map_err(broken)?).map_err(broken)?;
    let changed = filter_record_batch(&after, &differs).map_err(broken)?;
    Ok((stays, changed))
}
