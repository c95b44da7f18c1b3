//! One reading thread: bytes to decoded batches, evidence, inventory and counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::chunks::{Chunks, NoChunk};
use super::decoder::Decoder;
use super::digests::ObjectDigest;
use super::observe::{self, Said};
use super::quarantine::Quarantined;
use super::rejections::Rejections;
use super::work::{Block, End, Large, Unit};
use super::{Cancel, Reached, ReadOptions, Watch, skew};
use crate::coverage::{Coverage, FailedObject, OUT_OF_RANGE};
use crate::digest::Hashing;
use crate::error::RunError;
use crate::event::EventBuilder;
use crate::format;
use crate::frame::Framer;
use crate::identity::{Evidence, Inventory};
use crate::source::{Ahead, Object, OpenOptions, Reader, Seal};

/// A part of the input: a unit, and the number of a block in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) unit: u64,
    pub(super) block: u64,
}

/// What a part had, beside its events.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) inventory: Inventory,
    pub(super) evidence: Evidence,
    pub(super) coverage: Coverage,
    pub(super) reached: Reached,
    /// The objects that were read to their end, where asked for.
    pub(super) places: Vec<ReadObject>,
    /// What was read of the objects, where asked for.
    pub(super) digests: Vec<ObjectDigest>,
}

/// An object that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadObject {
    /// Its name.
    pub(super) name: String,
    /// Where it ended, if it can be read on from there: its bytes are stored as they are, and it
    /// ended between two records.
    pub(super) end: Option<u64>,
    /// The last bytes before that, [`TAIL_BYTES`] at most.
    pub(super) tail: Vec<u8>,
}

/// Bytes before the end of an object that are kept, to know it again once it has grown (64 KiB).
pub(super) const TAIL_BYTES: usize = 64 << 10;

/// What a thread tells.
pub(super) enum Message {
    /// Events of a part, and how many batches of it came before.
    Batch(Part, u64, RecordBatch),
    /// The next rejected records of a part, numbered from 0 in the part.
    Rejected(Part, Vec<Quarantined>),
    /// All of a part's events and rejected records were sent.
    Done {
        part: Part,
        /// No block of the unit after this one counts.
        is_last: bool,
        tally: Box<Tally>,
    },
    Failed(RunError),
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

pub(super) struct Worker<'w> {
    options: &'w ReadOptions,
    watch: &'w dyn Watch,
    cancel: &'w Cancel,
    sender: SyncSender<Message>,
    framer: Framer,
    decoder: Decoder,
    part: Part,
    batches: u64,
    chunk: Vec<u8>,
    block: Vec<u8>,
    passed: Passed,
    said: Said,
}

/// How far the object at hand was read.
#[derive(Default)]
struct Passed {
    position: u64,
    is_plain: bool,
    tail: Vec<u8>,
    /// What was read of it as it is stored, where that is hashed.
    seal: Option<Seal>,
}

impl Passed {
    fn add(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        if bytes.len() >= TAIL_BYTES {
            self.tail.clear();
        }
        self.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default());
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES));
    }
}

impl<'w> Worker<'w> {
    pub(super) fn new(
        options: &'w ReadOptions,
        watch: &'w dyn Watch,
        cancel: &'w Cancel,
        sender: SyncSender<Message>,
        rejections: Rejections,
    ) -> Self {
        let framer = Framer::within(&options.limits);
        let builder = EventBuilder::new(options.columns, options.limits.distinct, options.redaction);
        Self {
            options,
            watch,
            cancel,
            sender,
            framer: if options.by_members { framer.with_members(format::archive_reader()) } else { framer },
            decoder: Decoder::new(builder, rejections, options.limits.depth),
            part: Part { unit: 0, block: 0 },
            batches: 0,
            chunk: vec![0; options.chunk_bytes.max(1)],
            block: Vec::new(),
            passed: Passed::default(),
            said: Said::default(),
        }
    }

    /// Takes units until there are none, then helps with those that others have begun.
    pub(super) fn run(mut self, units: &[Unit<'_>], next: &AtomicUsize) {
        let ended = self.units(units, next);
        if let Err(Stop::Failed(error)) = ended {
            // If nobody listens, the run has failed already.
            self.sender.send(Message::Failed(error)).ok();
        }
    }

    fn units(&mut self, units: &[Unit<'_>], next: &AtomicUsize) -> Result<(), Stop> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            match units.get(at) {
                None => break,
                Some(Unit::Small(objects)) => self.small(at as u64, objects)?,
                Some(Unit::Large(large)) => self.large(at as u64, large)?,
            }
        }
        for (at, unit) in units.iter().enumerate() {
            if let Unit::Large(large) = unit {
                self.large(at as u64, large)?;
            }
        }
        Ok(())
    }

    fn small(&mut self, unit: u64, objects: &[Object]) -> Result<(), Stop> {
        self.begin(Part { unit, block: 0 });
        let open = self.options.open_options();
        let mut ahead = Ahead::new(objects, open, self.cancel);
        for object in objects {
            self.restart(object.start);
            self.passed = Passed { position: object.start, ..Passed::default() };
            let failure = match Chunks::open(object, &mut ahead, (open, self.chunk.len())) {
                Ok(chunks) => self.chunks(object, chunks)?,
                Err(error) => Some(error.to_string()),
            };
            self.end_object(object, failure)?;
        }
        self.end(true)
    }

    fn large(&mut self, unit: u64, large: &Large<'_>) -> Result<(), Stop> {
        loop {
            let mut bytes = std::mem::take(&mut self.block);
            let block = large.next(&mut bytes, self.cancel).map_err(|_interrupted| Stop::Gone)?;
            let Some(block) = block else {
                self.block = bytes;
                return Ok(());
            };
            self.begin(Part { unit, block: block.number });
            self.restart(block.offset);
            self.passed = Passed { position: block.offset, is_plain: block.is_plain, ..Passed::default() };
            if self.options.keeps_places {
                self.passed.add(&bytes);
            }
            let end = block.offset + bytes.len() as u64;
            self.decoder.tally.coverage.bytes += bytes.len() as u64;
            self.framer.push_whole(&mut bytes);
            self.block = bytes;
            self.watch.read(block.stored_bytes);
            self.frames(large.object)?;
            let is_last = self.follow(large, block, end)?;
            self.end(is_last)?;
        }
    }

    /// Begins an object, or a part of one that begins between two records.
    fn restart(&mut self, offset: u64) {
        if offset == 0 {
            self.framer.restart();
        } else {
            self.framer.restart_at(offset);
        }
    }

    /// Does what follows the records of a block; returns whether it was the object's last.
    fn follow(&mut self, large: &Large<'_>, block: Block, end: u64) -> Result<bool, Stop> {
        let object = large.object;
        let failure = match block.end {
            End::Cut if self.framer.is_between_records() => return Ok(false),
            End::Cut => {
                large.stop();
                match reopen_at(object, end, &mut self.chunk, (self.options.open_options(), self.cancel)) {
                    Ok(reader) => self.chunks(object, Chunks::Here(Box::new(reader)))?,
                    Err(error) => Some(error),
                }
            }
            End::Rest(reader) => self.chunks(object, Chunks::Here(reader))?,
            End::Last(failure, seal) => {
                self.passed.seal = seal;
                failure
            }
        };
        self.end_object(object, failure)?;
        Ok(true)
    }

    /// Reads an object on to its end; returns why that was not possible, if so.
    fn chunks(&mut self, object: &Object, mut chunks: Chunks) -> Result<Option<String>, Stop> {
        let mut buffer = std::mem::take(&mut self.chunk);
        self.passed.is_plain = chunks.is_plain();
        let mut stored = chunks.stored_bytes_read();
        let ended = loop {
            let chunk = match chunks.next(&mut buffer, self.cancel) {
                Ok([]) => break Ok(None),
                Ok(chunk) => chunk,
                Err(NoChunk::Unreadable(error)) => break Ok(Some(error.to_string())),
                Err(NoChunk::Stopped) => break Err(Stop::Gone),
            };
            self.decoder.tally.coverage.bytes += chunk.len() as u64;
            if self.options.keeps_places {
                self.passed.add(chunk);
            }
            self.framer.push(chunk);
            self.watch.read(chunks.stored_bytes_read() - stored);
            stored = chunks.stored_bytes_read();
            if let Err(stop) = self.frames(object) {
                break Err(stop);
            }
        };
        self.chunk = buffer;
        if ended.is_ok() {
            self.passed.seal = chunks.seal();
        }
        ended
    }

    fn end_object(&mut self, object: &Object, failure: Option<String>) -> Result<(), Stop> {
        let Passed { position, is_plain, tail, seal } = std::mem::take(&mut self.passed);
        if self.options.hashing == Hashing::On {
            self.decoder.tally.digests.push(ObjectDigest::new(object, seal, failure.clone()));
        }
        if self.options.keeps_places && failure.is_none() {
            let end = (is_plain && self.framer.is_between_records()).then_some(position);
            self.decoder.tally.places.push(ReadObject { name: object.name.clone(), end, tail });
        }
        self.framer.finish();
        self.frames(object)?;
        let coverage = &mut self.decoder.tally.coverage;
        match failure {
            None => coverage.objects.read += 1,
            Some(reason) => {
                coverage.objects.failed += 1;
                coverage.failed.push(FailedObject { object: object.name.clone(), reason });
            }
        }
        Ok(())
    }

    fn begin(&mut self, part: Part) {
        self.part = part;
        self.batches = 0;
        self.decoder.tally = Tally::default();
        self.decoder.rejections.restart();
    }

    fn end(&mut self, is_last: bool) -> Result<(), Stop> {
        self.flush()?;
        self.send_rejected()?;
        let tally = Box::new(std::mem::take(&mut self.decoder.tally));
        self.watch.decoded(tally.coverage.records.read, tally.coverage.records.rejected);
        self.sender.send(Message::Done { part: self.part, is_last, tally }).map_err(|_closed| Stop::Gone)
    }

    fn frames(&mut self, object: &Object) -> Result<(), Stop> {
        while let Some(framed) = self.framer.next_frame() {
            self.decoder.take(object, framed);
            if self.decoder.builder.is_full() {
                self.flush()?;
            }
            if self.decoder.rejections.is_full() {
                self.send_rejected()?;
            }
        }
        Ok(())
    }

    /// Sends the records that were rejected since the last time.
    fn send_rejected(&mut self) -> Result<(), Stop> {
        let records = self.decoder.rejections.take();
        if records.is_empty() {
            return Ok(());
        }
        self.sender.send(Message::Rejected(self.part, records)).map_err(|_closed| Stop::Gone)
    }

    /// Sends the rows so far, of those out of the asked time range only what tells something of others:
    /// the rest is evidence.
    fn flush(&mut self) -> Result<(), Stop> {
        if self.decoder.builder.is_empty() {
            return Ok(());
        }
        let batch = self.decoder.builder.finish()?;
        let tally = &mut self.decoder.tally;
        // Of a unit's blocks, those after a wrong cut do not count; the first always does.
        let is_sure = self.part.block == 0;
        observe::observe(&batch, &mut tally.evidence, (&mut self.said, is_sure))?;
        skew::note(&batch, self.options.now, &mut tally.coverage.clock_skew)?;
        let kept = self.options.range().with_what_tells(&batch)?;
        tally.coverage.skip_events(OUT_OF_RANGE, (batch.num_rows() - kept.num_rows()) as u64);
        if kept.num_rows() > 0 {
            let message = Message::Batch(self.part, self.batches, kept);
            self.sender.send(message).map_err(|_closed| Stop::Gone)?;
            self.batches += 1;
        }
        Ok(())
    }
}

/// Opens an object again and steps over its first `offset` bytes, or says why that is not possible.
fn reopen_at(
    object: &Object,
    offset: u64,
    chunk: &mut [u8],
    (options, cancel): (OpenOptions, &Cancel),
) -> Result<Reader, String> {
    let mut reader = Reader::open_again(object, options, cancel).map_err(|error| error.to_string())?;
    let mut left = offset - object.start.min(offset);
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        let length = reader.read(chunk.get_mut(..most).unwrap_or_default()).map_err(|error| error.to_string())?;
        if length == 0 {
            return Err(format!("{}: became shorter while it was read", object.name));
        }
        left -= length as u64;
    }
    Ok(reader)
}
