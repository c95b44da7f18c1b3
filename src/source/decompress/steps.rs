//! Reads a decoder in steps of one size, whatever is asked for.

use std::io::{self, Read};

/// Bytes of a step (4 KiB). A decoder that finds damage says nothing of what it decoded since it was
/// last asked: this much is lost before the damage, and no more.
const STEP_BYTES: usize = 4 << 10;

/// A decoder, and what of its last step was not yet asked for.
#[derive(Debug)]
pub(super) struct Steps<D> {
    decoder: D,
    step: Box<[u8]>,
    given: usize,
    held: usize,
    /// How the decoder ended, to be said once all that it gave was given.
    failure: Option<io::Error>,
}

impl<D: Read> Steps<D> {
    pub(super) fn of(decoder: D) -> Self {
        Self { decoder, step: vec![0; STEP_BYTES].into_boxed_slice(), given: 0, held: 0, failure: None }
    }

    pub(super) fn decoder(&self) -> &D {
        &self.decoder
    }

    pub(super) fn decoder_mut(&mut self) -> &mut D {
        &mut self.decoder
    }

    /// Takes the next step, whole unless the decoder ends.
    fn step(&mut self) {
        (self.given, self.held) = (0, 0);
        while let Some(rest) = self.step.get_mut(self.held..).filter(|rest| !rest.is_empty()) {
            match self.decoder.read(rest) {
                Ok(0) => break,
                Ok(length) => self.held += length,
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
    }
}

impl<D: Read> Read for Steps<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
            if self.given == self.held {
                if self.failure.is_some() {
                    break;
                }
                self.step();
            }
            let held = self.step.get(self.given..self.held).unwrap_or_default();
            let taken = held.len().min(rest.len());
            if taken == 0 {
                break;
            }
            if let (Some(to), Some(from)) = (rest.get_mut(..taken), held.get(..taken)) {
                to.copy_from_slice(from);
            }
            self.given += taken;
            length += taken;
        }
        match self.failure.take_if(|_| length == 0) {
            Some(error) => Err(error),
            None => Ok(length),
        }
    }
}
