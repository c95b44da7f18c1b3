//! Undoes gzip and zstd, told by magic bytes, and stops where a stream is out of all proportion, or is
//! an archive, or compressed in another way.

mod at_once;
mod begun;
mod form;
mod steps;

use std::error::Error;
use std::fmt;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use begun::Begun;
use form::{Form, HEAD_BYTES};
use steps::Steps;

use crate::digest::{Digest, Hasher, Hashing};
use crate::limits::Limits;

/// Stored bytes that are read at once (256 KiB).
const BUFFER_BYTES: usize = 256 << 10;

/// The share of the room that what is stored takes, 1 by this: logs compress some ten times.
const STORED_SHARE: usize = 4;

/// Bytes that every object may hold whatever its ratio (64 MiB): so little is not worth refusing, and
/// small files of few different records can be denser than any large one.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// Why stored bytes could not be had, in words that say all: nothing that the stream itself did.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfetched(pub(super) String);

/// A stream that counts the bytes taken from it, and hashes them where that is asked for.
#[derive(Debug)]
struct Counted<R> {
    inner: Begun<R>,
    bytes: u64,
    hasher: Option<Hasher>,
}

impl<R: Read> Counted<R> {
    fn of(inner: Begun<R>, hashing: Hashing) -> Self {
        Self { inner, bytes: 0, hasher: Hasher::new(hashing) }
    }

    /// Takes, and counts, what was read of the stream already.
    fn take_head(&mut self) {
        let head = self.inner.take_head();
        self.count(&head);
    }

    fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// The stored bytes for a decoder, which asks for few at a time.
type Stored<R> = BufReader<Counted<R>>;

enum Codec<R> {
    Plain(Counted<R>),
    /// All that a gzip stream holds.
    Gunzipped(Counted<R>, Cursor<Vec<u8>>),
    Gzip(Box<Begun<Steps<flate2::bufread::MultiGzDecoder<Stored<R>>>>>),
    Zstd(Begun<zstd::stream::read::Decoder<'static, Stored<R>>>),
}

impl<R: Read> Codec<R> {
    /// The first decompressed bytes, [`HEAD_BYTES`] of them or more, or all that there are; none where
    /// nothing is decompressed. They are given all the same.
    fn head(&mut self) -> &[u8] {
        match self {
            Self::Plain(_) => &[],
            Self::Gunzipped(_, bytes) => bytes.get_ref().as_slice(),
            Self::Gzip(begun) => {
                begun.read_on(HEAD_BYTES);
                begun.head()
            }
            Self::Zstd(begun) => {
                begun.read_on(HEAD_BYTES);
                begun.head()
            }
        }
    }
}

/// The decompressed bytes of a stream: all gzip members, all zstd frames, or the bytes themselves.
pub(super) struct Decompress<R> {
    codec: Codec<R>,
    /// Why nothing of it is given, where its first bytes say that.
    problem: Option<String>,
    /// Whether anything was asked for: decoders take their first bytes before.
    has_begun: bool,
    bytes: u64,
    bounds: Bounds,
}

/// How a stream is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) bounds: Bounds,
    pub(super) hashing: Hashing,
    /// Decompressed bytes for which there is room at once: what holds no more is decompressed whole.
    pub(super) room_bytes: usize,
}

/// What a compressed stream may give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: u64,
    pub(super) ratio: u64,
    pub(super) ratio_free_bytes: u64,
}

impl Bounds {
    /// Those that a user can set, and the one that nobody needs to.
    pub(super) fn of(limits: &Limits) -> Self {
        Self { bytes: limits.object_bytes, ratio: limits.ratio, ratio_free_bytes: RATIO_FREE_BYTES }
    }

    /// Decompressed bytes that so many stored ones may give.
    fn bytes_of(self, stored_bytes: u64) -> u64 {
        self.bytes.min(stored_bytes.saturating_mul(self.ratio).max(self.ratio_free_bytes))
    }
}

impl<R: Read> fmt::Debug for Decompress<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codec = self.name();
        f.debug_struct("Decompress").field("codec", &codec).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<R: Read> Decompress<R> {
    /// Whether the bytes are given as they are.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.codec, Codec::Plain(_))
    }

    /// Looks at the first bytes and chooses; then at the first ones that are decompressed, if any. An
    /// archive, and what is compressed in a way that is not undone here, fails when it is read.
    ///
    /// An error is that of the input, before its first byte.
    pub(super) fn new(input: R, how: How) -> io::Result<Self> {
        let mut begun = Begun::of(input);
        begun.read_on(HEAD_BYTES);
        if let Some(failure) = begun.take_failure() {
            return Err(failure);
        }
        let form = Form::of(begun.head());
        let mut codec = match form {
            Some(Form::Gzip) => Self::gzip(begun, how),
            Some(Form::Zstd) => Self::zstd(begun, how)?,
            _ => Codec::Plain(Counted::of(begun, how.hashing)),
        };
        let problem = match form {
            Some(Form::Gzip | Form::Zstd) => Form::of(codec.head()).map(|held| held.problem(form)),
            _ => form.map(|form| form.problem(None)),
        };
        Ok(Self { codec, problem, has_begun: false, bytes: 0, bounds: how.bounds })
    }

    fn gzip(mut begun: Begun<R>, How { bounds, hashing, room_bytes }: How) -> Codec<R> {
        let is_all = begun.read_on(room_bytes / STORED_SHARE);
        let stored = begun.head();
        let room = bounds.bytes_of(stored.len() as u64).min(room_bytes as u64);
        let bytes = if is_all { at_once::gunzip(stored, room) } else { None };
        let mut counted = Counted::of(begun, hashing);
        if let Some(bytes) = bytes {
            counted.take_head();
            return Codec::Gunzipped(counted, Cursor::new(bytes));
        }
        let buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
        Codec::Gzip(Box::new(Begun::of(Steps::of(flate2::bufread::MultiGzDecoder::new(buffered)))))
    }

    fn zstd(begun: Begun<R>, how: How) -> io::Result<Codec<R>> {
        let buffered = BufReader::with_capacity(BUFFER_BYTES, Counted::of(begun, how.hashing));
        Ok(Codec::Zstd(Begun::of(zstd::stream::read::Decoder::with_buffer(buffered)?)))
    }

    /// Takes the bytes as they are.
    pub(super) fn plain(input: R, how: How) -> Self {
        let counted = Counted::of(Begun::of(input), how.hashing);
        Self { codec: Codec::Plain(counted), problem: None, has_begun: false, bytes: 0, bounds: how.bounds }
    }

    /// An error of the decompressor with the stream's kind and the place where it broke off.
    fn explain(&self, error: io::Error) -> io::Error {
        let (name, stored) = (self.name(), self.stored_bytes_read());
        let is_of_input = error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Unfetched>);
        let own = error.raw_os_error().is_none() && error.kind() != io::ErrorKind::Interrupted && !is_of_input;
        match &self.codec {
            Codec::Plain(_) => error,
            _ if !own => error,
            _ if error.kind() == io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), format!("{name} stream ends early after {stored} bytes"))
            }
            _ => io::Error::new(
                error.kind(),
                format!("{name} stream is damaged within its first {stored} bytes: {error}"),
            ),
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.is_plain() || self.bytes <= self.bounds.bytes_of(self.stored_bytes_read()) {
            return Ok(());
        }
        let Bounds { bytes, ratio, .. } = self.bounds;
        let name = self.name();
        let problem = if self.bytes > bytes {
            format!("{name} stream holds more than {bytes} bytes; export it in parts, or raise --max-object-size")
        } else {
            format!("{name} stream holds more than {ratio} times its stored size and was not read on (--max-ratio)")
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, problem))
    }

    fn name(&self) -> &'static str {
        match self.codec {
            Codec::Plain(_) => "plain",
            Codec::Gunzipped(..) | Codec::Gzip(_) => "gzip",
            Codec::Zstd(_) => "zstd",
        }
    }

    /// Bytes taken from the stored stream so far; none before the first read.
    pub(super) fn stored_bytes_read(&self) -> u64 {
        if self.has_begun { self.counted().bytes } else { 0 }
    }

    fn counted(&self) -> &Counted<R> {
        match &self.codec {
            Codec::Plain(counted) | Codec::Gunzipped(counted, _) => counted,
            Codec::Gzip(begun) => begun.rest().decoder().get_ref().get_ref(),
            Codec::Zstd(begun) => begun.rest().get_ref().get_ref(),
        }
    }

    fn counted_mut(&mut self) -> &mut Counted<R> {
        match &mut self.codec {
            Codec::Plain(counted) | Codec::Gunzipped(counted, _) => counted,
            Codec::Gzip(begun) => begun.rest_mut().decoder_mut().get_mut().get_mut(),
            Codec::Zstd(begun) => begun.rest_mut().get_mut().get_mut(),
        }
    }

    /// Where the stored bytes come from.
    #[cfg(feature = "azure")]
    pub(super) fn input(&self) -> &R {
        self.counted().inner.rest()
    }

    /// The hash of the stored bytes that were taken, and whether these are all; `None` where they are
    /// not hashed. What nobody took yet, as after a damaged place, is taken first.
    pub(super) fn seal(&mut self) -> Option<(Digest, bool)> {
        let counted = self.counted_mut();
        counted.hasher.as_ref()?;
        let mut rest = vec![0; BUFFER_BYTES];
        let is_whole = loop {
            match counted.read(&mut rest) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        counted.hasher.as_ref().map(|hasher| (hasher.digest(), is_whole))
    }
}

impl<R: Read + Seek> Decompress<R> {
    /// Goes on at this position of a stream that is not compressed; whether it is one.
    pub(super) fn seek(&mut self, position: u64) -> io::Result<bool> {
        let Codec::Plain(counted) = &mut self.codec else { return Ok(false) };
        match counted.inner.seek(SeekFrom::Start(position)) {
            // A pipe can only be read up to there.
            Err(error) if error.kind() == io::ErrorKind::NotSeekable => Ok(false),
            Err(error) => Err(error),
            Ok(_) => {
                // What is not read in its order has no hash.
                counted.hasher = None;
                Ok(true)
            }
        }
    }
}

impl<R: Read> Read for Decompress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.has_begun = true;
        if let Some(problem) = &self.problem {
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem.as_str()));
        }
        // What was decompressed is given before the stream is refused.
        self.check()?;
        let read = match &mut self.codec {
            Codec::Plain(counted) => counted.read(buffer),
            Codec::Gunzipped(_, bytes) => bytes.read(buffer),
            Codec::Gzip(begun) => begun.read(buffer),
            Codec::Zstd(begun) => begun.read(buffer),
        };
        let length = read.map_err(|error| self.explain(error))?;
        self.bytes += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
