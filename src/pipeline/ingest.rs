//! Reads objects on several threads: bytes to decoded batches, evidence, inventory and counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::chunks::{Chunks, NoChunk};
use super::quarantine::{Quarantine, Quarantined};
use super::{Cancel, ReadOptions, Watch, observe};
use crate::coverage::{Coverage, FailedObject};
use crate::error::RunError;
use crate::event::vocabulary::LogSource;
use crate::event::{Address, EventBuilder, Scratch};
use crate::format::{self, Recognised};
use crate::frame::{Frame, FrameReject, Framed, Framer, Place};
use crate::identity::{Evidence, Inventory};
use crate::json::Value;
use crate::lake::{self, Store, Tag};
use crate::source::Object;

/// Stored bytes that make a unit of work; small objects are put together up to this.
const UNIT_BYTES: u64 = 4 << 20;

/// Most objects of a unit.
const UNIT_OBJECTS: usize = 256;

/// Batches that may wait for the store, for each thread: more would only cost memory.
const WAITING_BATCHES: usize = 2;

/// Share of the memory limit for decoded events; the rest is for queries and what reading needs.
const STORE_SHARE: usize = 2;

/// What reading gave.
pub(super) struct Ingested {
    pub(super) store: Store,
    pub(super) inventory: Inventory,
    pub(super) evidence: Evidence,
    pub(super) coverage: Coverage,
}

/// What a thread tells.
enum Message {
    Batch(Tag, RecordBatch),
    /// A unit is done: its number and its rejected records.
    Unit(u64, Vec<Quarantined>),
    Failed(RunError),
}

/// Reads all objects.
pub(super) fn ingest(
    options: &ReadOptions,
    objects: &[Object],
    quarantine: &mut Quarantine<'_>,
    watch: &dyn Watch,
    cancel: &Cancel,
) -> Result<Ingested, RunError> {
    let units = units(objects);
    let next = AtomicUsize::new(0);
    let threads = options.threads.clamp(1, units.len().max(1));
    let (sender, receiver) = sync_channel(threads * WAITING_BATCHES);
    let store = Store::new(options.memory_limit_bytes / STORE_SHARE);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (sender, units, next) = (sender.clone(), &units, &next);
                scope.spawn(move || Worker::new(options, watch, cancel, sender).run(units, next))
            })
            .collect();
        drop(sender);
        let collected = collect(store, &receiver, quarantine, cancel);
        // A failed collector must not leave the threads waiting for room in the channel.
        drop(receiver);
        let mut ingested = Ingested {
            store: collected?,
            inventory: Inventory::default(),
            evidence: Evidence::default(),
            coverage: Coverage::default(),
        };
        for worker in workers {
            let worker = worker.join();
            let worker = worker.map_err(|_panic| RunError::Internal {
                message: "a reading thread panicked; please report this".to_owned(),
                source: None,
            })?;
            ingested.inventory.merge(worker.inventory);
            ingested.evidence.merge(worker.evidence);
            ingested.coverage.add(&worker.coverage);
        }
        cancel.check()?;
        Ok(ingested)
    })
}

/// Cuts the list of objects into units of work. It does not depend on the number of threads, so
/// neither does the order of what comes out.
fn units(objects: &[Object]) -> Vec<&[Object]> {
    let mut units = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (at, object) in objects.iter().enumerate() {
        bytes += object.size;
        if bytes >= UNIT_BYTES || at + 1 - start >= UNIT_OBJECTS {
            units.extend(objects.get(start..=at));
            start = at + 1;
            bytes = 0;
        }
    }
    units.extend(objects.get(start..).filter(|rest| !rest.is_empty()));
    units
}

/// Takes batches into the store, and rejected records into the quarantine in the units' order.
fn collect(
    mut store: Store,
    receiver: &Receiver<Message>,
    quarantine: &mut Quarantine<'_>,
    cancel: &Cancel,
) -> Result<Store, RunError> {
    let mut waiting: BTreeMap<u64, Vec<Quarantined>> = BTreeMap::new();
    let mut next = 0;
    while let Ok(message) = receiver.recv() {
        cancel.check()?;
        match message {
            Message::Batch(tag, batch) => {
                store.push(tag, batch).map_err(|error| RunError::internal("cannot keep the events", error))?;
            }
            Message::Unit(unit, rejected) => {
                waiting.insert(unit, rejected);
                while let Some(rejected) = waiting.remove(&next) {
                    for record in rejected {
                        quarantine
                            .push(record)
                            .map_err(|error| RunError::internal("cannot write the quarantine file", error))?;
                    }
                    next += 1;
                }
            }
            Message::Failed(error) => return Err(error),
        }
    }
    Ok(store)
}

/// One reading thread.
struct Worker<'w> {
    options: &'w ReadOptions,
    watch: &'w dyn Watch,
    cancel: &'w Cancel,
    sender: SyncSender<Message>,
    builder: EventBuilder,
    scratch: Scratch,
    inventory: Inventory,
    evidence: Evidence,
    coverage: Coverage,
    rejected: Vec<Quarantined>,
    tag: Tag,
    buffer: Vec<u8>,
}

/// Why a thread stops before its work is done.
enum Stop {
    /// Nobody takes its messages any more, or the run was interrupted.
    Gone,
    Failed(RunError),
}

impl From<ArrowError> for Stop {
    fn from(error: ArrowError) -> Self {
        Self::Failed(RunError::internal("events do not fit their schema; please report this", error))
    }
}

/// What a thread leaves behind.
struct Done {
    inventory: Inventory,
    evidence: Evidence,
    coverage: Coverage,
}

impl<'w> Worker<'w> {
    fn new(options: &'w ReadOptions, watch: &'w dyn Watch, cancel: &'w Cancel, sender: SyncSender<Message>) -> Self {
        Self {
            options,
            watch,
            cancel,
            sender,
            builder: EventBuilder::new(),
            scratch: Scratch::default(),
            inventory: Inventory::default(),
            evidence: Evidence::default(),
            coverage: Coverage::default(),
            rejected: Vec::new(),
            tag: (0, 0),
            buffer: vec![0; options.chunk_bytes.max(1)],
        }
    }

    fn run(mut self, units: &[&[Object]], next: &AtomicUsize) -> Done {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(unit) = units.get(at) else { break };
            match self.unit(at as u64, unit) {
                Ok(()) => {}
                Err(Stop::Gone) => break,
                Err(Stop::Failed(error)) => {
                    // If nobody listens, the run has failed already.
                    self.sender.send(Message::Failed(error)).ok();
                    break;
                }
            }
        }
        Done { inventory: self.inventory, evidence: self.evidence, coverage: self.coverage }
    }

    fn unit(&mut self, number: u64, objects: &[Object]) -> Result<(), Stop> {
        self.tag = (number, 0);
        for object in objects {
            let (records, rejected) = (self.coverage.records.read, self.coverage.records.rejected);
            self.object(object)?;
            let (read, bad) = (self.coverage.records.read - records, self.coverage.records.rejected - rejected);
            self.watch.decoded(read, bad);
        }
        self.flush()?;
        let rejected = std::mem::take(&mut self.rejected);
        self.sender.send(Message::Unit(number, rejected)).map_err(|_closed| Stop::Gone)
    }

    /// Reads one object to its end, or to where it cannot be read on.
    fn object(&mut self, object: &Object) -> Result<(), Stop> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut framer = Framer::new(self.options.max_record_bytes);
        let ended = self.chunks(object, &mut framer, &mut buffer);
        self.buffer = buffer;
        let failure = ended?;
        framer.finish();
        self.frames(object, &mut framer)?;
        match failure {
            None => self.coverage.objects.read += 1,
            Some(reason) => {
                self.coverage.objects.failed += 1;
                self.coverage.failed.push(FailedObject { object: object.name.clone(), reason });
            }
        }
        Ok(())
    }

    /// Feeds the framer; returns why the object could not be read to its end, if so.
    fn chunks(&mut self, object: &Object, framer: &mut Framer, buffer: &mut [u8]) -> Result<Option<String>, Stop> {
        let mut chunks = match Chunks::open(object, buffer.len()) {
            Ok(chunks) => chunks,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let mut stored = 0;
        loop {
            let chunk = match chunks.next(buffer, self.cancel) {
                Ok([]) => return Ok(None),
                Ok(chunk) => chunk,
                Err(NoChunk::Unreadable(error)) => return Ok(Some(error.to_string())),
                Err(NoChunk::Stopped) => return Err(Stop::Gone),
            };
            self.coverage.bytes += chunk.len() as u64;
            framer.push(chunk);
            self.watch.read(chunks.stored_bytes_read() - stored);
            stored = chunks.stored_bytes_read();
            self.frames(object, framer)?;
        }
    }

    fn frames(&mut self, object: &Object, framer: &mut Framer) -> Result<(), Stop> {
        while let Some(framed) = framer.next_frame() {
            match framed {
                Framed::Record(frame) => self.record(object, frame),
                Framed::Rejected(place, reason) => {
                    let detail = match &reason {
                        FrameReject::Malformed { detail } | FrameReject::Avro { detail } => Some(detail.clone()),
                        _ => None,
                    };
                    self.reject(object, place, reason.to_string(), detail);
                }
            }
            if self.builder.is_full() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn record(&mut self, object: &Object, frame: Frame<'_>) {
        let Frame { text, tape, place } = frame;
        let Some(root) = tape.root(text) else { return };
        let format = match format::recognise(root) {
            Recognised::Log(format) => format,
            Recognised::Inventory(kind) => {
                self.inventory.add(kind, root, &object.name);
                match kind.event(root) {
                    Some(row) => {
                        let hash = |hasher: &mut _| hash_record(text, root, hasher);
                        self.builder.append(&row, &address(object, place), hash);
                        self.coverage.event();
                    }
                    None => self.coverage.skip("inventory"),
                }
                return;
            }
            Recognised::NotOurs(kind) => {
                self.coverage.skip(kind);
                return;
            }
        };
        format.expand(text, tape);
        let Some(root) = tape.root(text) else { return };
        self.scratch.clear();
        match format.decode(root, &self.scratch) {
            Ok(row) => {
                self.builder.append(&row, &address(object, place), |hasher| hash_record(text, root, hasher));
                self.coverage.event();
            }
            Err(reason) => self.reject(object, place, reason.to_string(), None),
        }
    }

    fn reject(&mut self, object: &Object, place: Place, reason: String, detail: Option<String>) {
        self.coverage.reject(&reason);
        self.rejected.push(Quarantined {
            object: object.name.clone(),
            offset: place.offset,
            length: place.length,
            record: Some(place.record),
            reason,
            detail,
        });
    }

    /// Sends the rows so far, without those out of the asked time range: these are evidence only.
    fn flush(&mut self) -> Result<(), Stop> {
        if self.builder.is_empty() {
            return Ok(());
        }
        let batch = self.builder.finish()?;
        observe::observe(&batch, &mut self.evidence)?;
        let kept = self.in_range(&batch)?;
        for _ in kept.num_rows()..batch.num_rows() {
            self.coverage.records.read -= 1;
            self.coverage.records.events -= 1;
            self.coverage.skip("out of range");
        }
        if kept.num_rows() > 0 {
            self.sender.send(Message::Batch(self.tag, kept)).map_err(|_closed| Stop::Gone)?;
            self.tag.1 += 1;
        }
        Ok(())
    }

    fn in_range(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let (since, until) = (self.options.since, self.options.until);
        let times = batch.column_by_name("time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let (true, Some(times)) = (since.is_some() || until.is_some(), times) else { return Ok(batch.clone()) };
        let sources = lake::text_column(batch, "source")?;
        let keep: BooleanArray = (0..times.len())
            .map(|row| {
                let time = times.value(row);
                // What an inventory states holds now, however long ago it was made so.
                let is_stated = sources.get(row) == Some(LogSource::Inventory.as_str());
                Some(is_stated || since.is_none_or(|since| time >= since.0) && until.is_none_or(|until| time < until.0))
            })
            .collect();
        filter_record_batch(batch, &keep)
    }
}

fn address(object: &Object, place: Place) -> Address<'_> {
    let Place { offset, length, in_block, record: _ } = place;
    Address { object: &object.name, offset, length, in_block }
}

/// Feeds the bytes of a record to the uid of a record without identity. A CSV row is known by its
/// cells: its quoting says nothing.
fn hash_record(text: &str, root: Value<'_>, hasher: &mut blake3::Hasher) {
    if text.is_empty() {
        let mut compact = String::new();
        root.write_compact(&mut compact);
        hasher.update(compact.as_bytes());
    } else {
        hasher.update(text.as_bytes());
    }
}
