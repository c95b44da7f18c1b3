//! Records to rows, inventory and counts: by their members where these are enough, else by the tape.

use super::quarantine::Quarantined;
use super::rejections::Rejections;
use super::worker::Tally;
use crate::event::{Address, EventBuilder, Scratch};
use crate::format::{self, BodyTapes, Recognised, RejectReason};
use crate::frame::{Frame, FrameReject, Framed, Place};
use crate::json::Value;
use crate::json::members::Members;
use crate::redact;
use crate::source::Object;

/// Turns records into rows, and counts.
#[derive(Default)]
pub(super) struct Decoder {
    pub(super) builder: EventBuilder,
    scratch: Scratch,
    tapes: BodyTapes,
    pub(super) tally: Tally,
    pub(super) rejections: Rejections,
}

impl Decoder {
    /// A decoder whose rows go to this builder, and what it rejects to these rejections. JSON in strings
    /// is nested no deeper than a record may be.
    pub(super) fn new(builder: EventBuilder, rejections: Rejections, max_depth: usize) -> Self {
        Self { builder, rejections, tapes: BodyTapes::with_max_depth(max_depth), ..Self::default() }
    }

    /// Turns what was framed into a row, or into what is counted of it.
    pub(super) fn take(&mut self, object: &Object, framed: Framed<'_>) {
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
    }

    fn record(&mut self, object: &Object, mut frame: Frame<'_>) {
        let has_known_layout = frame.members.is_some_and(Members::has_known_layout);
        self.tally.reached.known_layouts += u64::from(has_known_layout);
        if self.by_members(object, &frame) {
            self.tally.reached.by_members += 1;
        } else {
            self.by_tape(object, &mut frame);
        }
    }

    /// Decodes a record from its members; whether that was enough.
    fn by_members(&mut self, object: &Object, frame: &Frame<'_>) -> bool {
        let Some(members) = frame.members else { return false };
        self.scratch.clear();
        let (text, place) = (frame.text, frame.place);
        match format::decode_members(members, &self.scratch, &mut self.tapes) {
            None => return false,
            Some(Ok(row)) => {
                self.builder.append(&row, &address(object, place), |hasher| {
                    hasher.update(text.as_bytes());
                });
                self.tally.coverage.event();
            }
            Some(Err(reason)) => self.refuse(object, place, reason),
        }
        true
    }

    fn by_tape(&mut self, object: &Object, frame: &mut Frame<'_>) {
        let (text, place) = (frame.text, frame.place);
        let Some(root) = frame.parse() else { return };
        let format = match format::recognise(root) {
            Recognised::Log(format) => format,
            Recognised::Inventory(kind) => {
                self.tally.inventory.add(kind, root, &object.name);
                match kind.event(root) {
                    Some(row) => {
                        let hash = |hasher: &mut _| hash_record(text, root, hasher);
                        self.builder.append(&row, &address(object, place), hash);
                        self.tally.coverage.event();
                    }
                    None => self.tally.coverage.skip("inventory"),
                }
                return;
            }
            Recognised::NotOurs(kind) => {
                self.tally.coverage.skip(&redact::text(kind));
                return;
            }
        };
        format.expand(text, frame.tape);
        let Some(root) = frame.tape.root(text) else { return };
        self.scratch.clear();
        match format.decode(root, &self.scratch) {
            Ok(row) => {
                self.builder.append(&row, &address(object, place), |hasher| hash_record(text, root, hasher));
                self.tally.coverage.event();
            }
            Err(reason) => self.refuse(object, place, reason),
        }
    }

    fn refuse(&mut self, object: &Object, place: Place, reason: RejectReason) {
        self.reject(object, place, reason.to_string(), None);
    }

    fn reject(&mut self, object: &Object, place: Place, reason: String, detail: Option<String>) {
        self.tally.coverage.reject(&reason);
        if self.rejections.has_room() {
            self.rejections.push(Quarantined {
                object: object.name.clone(),
                offset: place.offset,
                length: place.length,
                record: Some(place.record),
                reason,
                detail,
            });
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::pipeline::quarantine::SHOWN;
    use crate::source::Location;

    #[test]
    fn however_many_records_are_rejected_all_are_counted_and_those_wanted_are_held() {
        let object = Object { name: "-".to_owned(), location: Location::Stdin, size: 0, start: 0, etag: None };
        for (wanted, held) in [(SHOWN, SHOWN), (usize::MAX, 20_000)] {
            let mut decoder = Decoder::new(EventBuilder::default(), Rejections::new(wanted), limits::DEPTH);
            for record in 0..20_000 {
                let place = Place { record, ..Place::default() };
                decoder.take(&object, Framed::Rejected(place, FrameReject::NotAnObject));
            }

            assert_eq!(decoder.tally.coverage.records.rejected, 20_000);
            let numbers: Vec<_> = decoder.rejections.take().into_iter().filter_map(|record| record.record).collect();
            assert_eq!(numbers, (0..held as u64).collect::<Vec<_>>());
        }
    }
}
