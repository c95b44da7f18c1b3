//! Reads objects on several threads, and puts what they say in the order of the input.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow::record_batch::RecordBatch;

use super::digests::ObjectDigest;
use super::quarantine::{Quarantine, Quarantined};
use super::rejections::{Rejections, Spool, Spooled};
use super::work::units;
use super::worker::{Message, Part, ReadObject, Tally, Worker};
use super::{Cancel, Reached, ReadOptions, Watch};
use crate::coverage::Coverage;
use crate::error::RunError;
use crate::identity::{Evidence, Inventory};
use crate::lake::Store;
use crate::source::Object;

/// Batches that may wait for the store, for each thread: more would only cost memory.
const WAITING_BATCHES: usize = 2;

/// Share of the memory limit for decoded events; the rest is for queries and what reading needs.
const STORE_SHARE: usize = 2;

/// Memory that reading takes whatever the limit (128 MiB): blocks of the input on every thread, and
/// batches on their way.
const READING_BYTES: usize = 128 << 20;

/// What reading gave.
pub(super) struct Ingested {
    pub(super) store: Store,
    pub(super) inventory: Inventory,
    pub(super) evidence: Evidence,
    pub(super) coverage: Coverage,
    pub(super) reached: Reached,
    /// The objects that were read to their end, where asked for.
    pub(super) places: Vec<ReadObject>,
    /// What was read of the objects, where asked for; in no order.
    pub(super) digests: Vec<ObjectDigest>,
    /// What of a lake the records may belong to, where asked for.
    #[cfg(feature = "lake")]
    pub(super) keys: Option<super::keys::Keys>,
}

/// Reads all objects.
pub(super) fn ingest(
    options: &ReadOptions,
    objects: &[Object],
    quarantine: &mut Quarantine<'_>,
    watch: &dyn Watch,
    cancel: &Cancel,
) -> Result<Ingested, RunError> {
    let units = units(objects, options);
    let next = AtomicUsize::new(0);
    let threads = options.threads_with_files();
    let wanted = quarantine.wanted();
    let (sender, receiver) = sync_channel(threads * WAITING_BATCHES);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (sender, units, next) = (sender.clone(), &units, &next);
                let rejections = Rejections::new(wanted);
                scope.spawn(move || Worker::new(options, watch, cancel, sender, rejections).run(units, next))
            })
            .collect();
        drop(sender);
        let collected = Collector::new(options, quarantine).collect(&receiver, cancel);
        // A failed collector must not leave the threads waiting for room in the channel.
        drop(receiver);
        let ingested = collected?;
        for worker in workers {
            worker.join().map_err(|_panic| RunError::Internal {
                message: "a reading thread panicked; please report this".to_owned(),
                source: None,
            })?;
        }
        cancel.check()?;
        Ok(ingested)
    })
}

/// Takes the parts of each unit in their order, and forgets those that do not count: once a thread
/// reads an object on alone, what others made of the blocks after its own is void.
struct Collector<'c, 'o> {
    quarantine: &'c mut Quarantine<'o>,
    /// The rejected records whose turn has not come.
    spool: Spool,
    units: BTreeMap<u64, Collected>,
    /// The unit whose rejected records go to the quarantine; those of the units before are there.
    next: u64,
    ingested: Ingested,
}

/// What is known of a unit.
#[derive(Default)]
struct Collected {
    /// The block that counts in any case; those after it wait for it.
    next: u64,
    is_over: bool,
    waiting: BTreeMap<u64, Waiting>,
    /// Records of the blocks before.
    records: u64,
    /// The rejected records that count and wait for the units before, each with the number of the
    /// first record of its block.
    rejected: Vec<(u64, Spooled)>,
}

#[derive(Default)]
struct Waiting {
    batches: Vec<(u64, RecordBatch)>,
    rejected: Vec<Spooled>,
    done: Option<(bool, Box<Tally>)>,
}

impl<'c, 'o> Collector<'c, 'o> {
    fn new(options: &ReadOptions, quarantine: &'c mut Quarantine<'o>) -> Self {
        let ingested = Ingested {
            store: Store::new(
                options.memory_limit_bytes.saturating_sub(READING_BYTES) / STORE_SHARE,
                options.limits.open_spools(),
                options.threads.max(1),
            ),
            inventory: Inventory::default(),
            evidence: Evidence::default(),
            coverage: Coverage::default(),
            reached: Reached::default(),
            places: Vec::new(),
            digests: Vec::new(),
            #[cfg(feature = "lake")]
            keys: options.keeps_places.then(super::keys::Keys::default),
        };
        Self { quarantine, spool: Spool::default(), units: BTreeMap::new(), next: 0, ingested }
    }

    fn collect(mut self, receiver: &Receiver<Message>, cancel: &Cancel) -> Result<Ingested, RunError> {
        while let Ok(message) = receiver.recv() {
            cancel.check()?;
            match message {
                Message::Batch(part, number, batch) => self.batch(part, number, batch)?,
                Message::Rejected(part, records) => self.rejected(part, records)?,
                Message::Done { part, is_last, tally } => self.done(part, is_last, tally)?,
                Message::Failed(error) => return Err(error),
            }
        }
        Ok(self.ingested)
    }

    /// The unit of a part that may count.
    fn unit(&mut self, part: Part) -> Option<&mut Collected> {
        if part.unit < self.next {
            return None;
        }
        Some(self.units.entry(part.unit).or_default()).filter(|unit| !unit.is_over)
    }

    fn batch(&mut self, part: Part, number: u64, batch: RecordBatch) -> Result<(), RunError> {
        let Some(unit) = self.unit(part) else { return Ok(()) };
        if part.block > unit.next {
            unit.waiting.entry(part.block).or_default().batches.push((number, batch));
            return Ok(());
        }
        self.keep(part, number, batch)
    }

    fn keep(&mut self, part: Part, number: u64, batch: RecordBatch) -> Result<(), RunError> {
        #[cfg(feature = "lake")]
        if let Some(keys) = &mut self.ingested.keys {
            let added = keys.add(&batch);
            added.map_err(|error| RunError::internal("events do not fit their schema; please report this", error))?;
        }
        let kept = self.ingested.store.push((part.unit, part.block, number), batch);
        kept.map_err(|error| RunError::internal("cannot keep the events", error))
    }

    /// Puts rejected records into the quarantine where it is their turn, else where they can wait.
    fn rejected(&mut self, part: Part, records: Vec<Quarantined>) -> Result<(), RunError> {
        let wanted = self.quarantine.wanted();
        let Some(unit) = self.unit(part) else { return Ok(()) };
        let (is_sure, before) = (part.block <= unit.next, unit.records);
        // Each of those that wait is one record at least.
        if unit.rejected.len() >= wanted {
            return Ok(());
        }
        if is_sure && part.unit == self.next {
            return self.write(records, before);
        }
        let spooled = self.spool.keep(&records).map_err(unkept)?;
        if let Some(unit) = self.units.get_mut(&part.unit) {
            if is_sure {
                unit.rejected.push((before, spooled));
            } else {
                unit.waiting.entry(part.block).or_default().rejected.push(spooled);
            }
        }
        Ok(())
    }

    fn done(&mut self, part: Part, is_last: bool, tally: Box<Tally>) -> Result<(), RunError> {
        let Some(unit) = self.unit(part) else { return Ok(()) };
        unit.waiting.entry(part.block).or_default().done = Some((is_last, tally));
        while let Some(waiting) = self.next_of(part.unit) {
            let part = Part { unit: part.unit, block: waiting.0 };
            for (number, batch) in waiting.1.batches {
                self.keep(part, number, batch)?;
            }
            if let Some((is_last, tally)) = waiting.1.done {
                self.accept(part, is_last, *tally)?;
            }
        }
        self.write_rejected()
    }

    /// What waits of the next block of a unit: all of it, or what came so far. Its rejected records
    /// count from now on.
    fn next_of(&mut self, unit: u64) -> Option<(u64, Waiting)> {
        let unit = self.units.get_mut(&unit).filter(|unit| !unit.is_over)?;
        let (block, before) = (unit.next, unit.records);
        let mut waiting = unit.waiting.remove(&block)?;
        unit.rejected.extend(waiting.rejected.drain(..).map(|spooled| (before, spooled)));
        Some((block, waiting))
    }

    fn accept(&mut self, part: Part, is_last: bool, tally: Tally) -> Result<(), RunError> {
        let Some(unit) = self.units.get_mut(&part.unit) else { return Ok(()) };
        unit.records += tally.coverage.records.read;
        unit.next += 1;
        unit.is_over = is_last;
        if is_last {
            let void = std::mem::take(&mut unit.waiting);
            self.spool.forget(void.values().map(|waiting| waiting.rejected.len()).sum()).map_err(unkept)?;
        }
        self.ingested.inventory.merge(tally.inventory);
        self.ingested.evidence.merge(tally.evidence);
        self.ingested.coverage.add(&tally.coverage);
        self.ingested.reached.add(tally.reached);
        self.ingested.places.extend(tally.places);
        self.ingested.digests.extend(tally.digests);
        Ok(())
    }

    /// Writes the rejected records that waited for their turn: those of the first unit that is not
    /// over, and of the units before it.
    fn write_rejected(&mut self) -> Result<(), RunError> {
        while let Some(unit) = self.units.get_mut(&self.next) {
            let is_over = unit.is_over;
            for (before, spooled) in std::mem::take(&mut unit.rejected) {
                let records = self.spool.take(spooled).map_err(unkept)?;
                self.write(records, before)?;
            }
            if !is_over {
                break;
            }
            self.units.remove(&self.next);
            self.next += 1;
        }
        Ok(())
    }

    /// Writes rejected records of a block before which its unit has so many records.
    fn write(&mut self, records: Vec<Quarantined>, before: u64) -> Result<(), RunError> {
        for mut record in records {
            record.record = record.record.map(|record| record + before);
            let written = self.quarantine.push(record);
            written.map_err(|error| RunError::internal("cannot write the quarantine file", error))?;
        }
        Ok(())
    }
}

fn unkept(error: io::Error) -> RunError {
    RunError::internal("cannot keep rejected records in a temporary file", error)
}

#[cfg(test)]
mod tests;
