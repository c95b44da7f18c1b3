//! A stream of which the first bytes were read already.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// Bytes that the head is read by (256 KiB): most files are smaller.
const STEP_BYTES: usize = 256 << 10;

/// Gives what was read already, then the error that reading on ended with, if any, then the rest.
#[derive(Debug)]
pub(super) struct Begun<R> {
    head: Cursor<Vec<u8>>,
    /// Whether the head is all that there is: a terminal that said so would have to say it again.
    has_ended: bool,
    failure: Option<io::Error>,
    rest: R,
}

impl<R: Read> Begun<R> {
    pub(super) fn of(rest: R) -> Self {
        Self { head: Cursor::default(), has_ended: false, failure: None, rest }
    }

    /// Reads on until the head has so many bytes; whether it is all that there is. An error is given
    /// after the head, and nothing is read behind it.
    pub(super) fn read_on(&mut self, bytes: usize) -> bool {
        let head = self.head.get_mut();
        let missing = bytes.saturating_sub(head.len());
        if missing == 0 || self.has_ended || self.failure.is_some() {
            return self.has_ended;
        }
        head.reserve(missing.min(STEP_BYTES));
        // Asks again after a short read and after an interruption.
        match self.rest.by_ref().take(missing as u64).read_to_end(head) {
            Ok(read) => self.has_ended = read < missing,
            Err(failure) => self.failure = Some(failure),
        }
        self.has_ended
    }

    /// The error that reading ended with, where not even a first byte was had.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take_if(|_| self.head.get_ref().is_empty())
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
    pub(super) fn rest(&self) -> &R {
        &self.rest
    }

    /// The same, to be read past the head.
    pub(super) fn rest_mut(&mut self) -> &mut R {
        &mut self.rest
    }
}

impl<R: Read> Read for Begun<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.head.read(buffer)?;
        let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty() && !self.has_ended) else {
            return Ok(length);
        };
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
        (self.head, self.has_ended, self.failure) = (Cursor::default(), false, None);
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
        assert!(!begun.read_on(4));
        assert!(!begun.read_on(100));
        assert!(begun.take_failure().is_none());

        let mut all = Vec::new();
        let error = begun.read_to_end(&mut all).unwrap_err();

        assert_eq!((all.as_slice(), error.to_string().as_str()), (&b"a record"[..], "gone"));
    }

    #[test]
    fn an_error_before_the_first_byte_can_be_had_at_once() {
        let mut begun = Begun::of(Broken(b""));

        assert!(!begun.read_on(4));

        assert_eq!(begun.take_failure().unwrap().to_string(), "gone");
    }

    /// Gives its lines, of which an empty one is an end, as it is on a terminal.
    struct Terminal<'l>(&'l [&'l [u8]]);

    impl Read for Terminal<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((line, rest)) = self.0.split_first() else { return Ok(0) };
            self.0 = rest;
            buffer[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }

    #[test]
    fn a_stream_that_ended_is_not_asked_again() {
        let lines: [&[u8]; 4] = [b"one", b"two", b"", b"three"];
        let mut begun = Begun::of(Terminal(&lines));
        assert!(begun.read_on(100));
        assert!(begun.read_on(200));

        let mut all = Vec::new();
        begun.read_to_end(&mut all).unwrap();

        assert_eq!(all, b"onetwo");
    }
}
