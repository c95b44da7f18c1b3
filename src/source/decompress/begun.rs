//! A stream of which the first bytes were read already.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// Bytes that the head is read by (256 KiB): most files are smaller.
const STEP_BYTES: usize = 256 << 10;

/// Gives what was read already, then the error that reading on ended with, if any, then the rest.
#[derive(Debug)]
pub(super) struct Begun<R> {
    head: Cursor<Vec<u8>>,
    failure: Option<io::Error>,
    rest: R,
}

impl<R: Read> Begun<R> {
    pub(super) fn of(rest: R) -> Self {
        Self { head: Cursor::default(), failure: None, rest }
    }

    /// Reads on until the head has so many bytes; whether the stream ended before.
    pub(super) fn read_on(&mut self, bytes: usize) -> io::Result<bool> {
        let head = self.head.get_mut();
        let missing = bytes.saturating_sub(head.len());
        head.reserve(missing.min(STEP_BYTES));
        // Asks again after a short read and after an interruption.
        let read = self.rest.by_ref().take(missing as u64).read_to_end(head)?;
        Ok(read < missing)
    }

    /// Gives this error after the head.
    pub(super) fn fail_with(&mut self, failure: Option<io::Error>) {
        self.failure = failure;
    }

    /// The bytes that were read already.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get_ref()
    }

    /// The same, which are then given to nobody else.
    pub(super) fn take_head(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.head).into_inner()
    }

    /// Where the other bytes come from.
    #[cfg(feature = "azure")]
    pub(super) fn rest(&self) -> &R {
        &self.rest
    }
}

impl<R: Read> Read for Begun<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.head.read(buffer)?;
        let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) else { return Ok(length) };
        let read = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.rest.read(room),
        };
        match read {
            Ok(more) => Ok(length + more),
            // What was read already is given first.
            Err(failure) if length > 0 => {
                self.failure = Some(failure);
                Ok(length)
            }
            Err(failure) => Err(failure),
        }
    }
}

impl<R: Seek> Seek for Begun<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.rest.seek(to)?;
        self.head = Cursor::default();
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes, and then an error.
    struct Broken(&'static [u8]);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("gone")),
                length => Ok(length),
            }
        }
    }

    #[test]
    fn what_was_read_before_an_error_is_given_before_it() {
        let mut begun = Begun::of(Broken(b"a record"));
        assert!(!begun.read_on(4).unwrap());
        let failure = begun.read_on(100).unwrap_err();
        begun.fail_with(Some(failure));

        let mut all = Vec::new();
        let error = begun.read_to_end(&mut all).unwrap_err();

        assert_eq!((all.as_slice(), error.to_string().as_str()), (&b"a record"[..], "gone"));
    }
}
