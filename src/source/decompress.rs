//! Undoes gzip and zstd, told by magic bytes, and stops where a stream is out of all proportion.

mod steps;

use std::error::Error;
use std::fmt;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use steps::Steps;

use crate::digest::{Digest, Hasher, Hashing};
use crate::limits::Limits;

/// Stored bytes that are read at once (256 KiB).
const BUFFER_BYTES: usize = 256 << 10;

/// Bytes that every object may hold whatever its ratio (64 MiB): so little is not worth refusing, and
/// small files of few different records can be denser than any large one.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// First bytes of a gzip member (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// First bytes of a zstd frame (RFC 8878).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes 1 to 3 of a zstd skippable frame, whose byte 0 is 0x50 to 0x5f (RFC 8878).
const ZSTD_SKIPPABLE_MAGIC: [u8; 3] = [0x2a, 0x4d, 0x18];

/// Longest magic.
const MAGIC_BYTES: usize = 4;

/// Why stored bytes could not be had, in words that say all: nothing that the stream itself did.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfetched(pub(super) String);

/// A stream that counts the bytes taken from it, and hashes them where that is asked for.
#[derive(Debug)]
struct Counted<R> {
    inner: io::Chain<Cursor<Vec<u8>>, R>,
    bytes: u64,
    hasher: Option<Hasher>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes += length as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..length).unwrap_or_default());
        }
        Ok(length)
    }
}

enum Codec<R> {
    Plain(Counted<R>),
    Gzip(Box<Steps<flate2::bufread::MultiGzDecoder<BufReader<Counted<R>>>>>),
    Zstd(zstd::stream::read::Decoder<'static, BufReader<Counted<R>>>),
}

/// The decompressed bytes of a stream: all gzip members, all zstd frames, or the bytes themselves.
pub(super) struct Decompress<R> {
    codec: Codec<R>,
    bytes: u64,
    bounds: Bounds,
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

    /// Looks at the first bytes and chooses.
    pub(super) fn new(mut input: R, (bounds, hashing): (Bounds, Hashing)) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(MAGIC_BYTES);
        // `read_to_end` asks again after a short read and after an interruption.
        input.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
        let is_gzip = magic.starts_with(&GZIP_MAGIC);
        let is_zstd = magic == ZSTD_MAGIC
            || matches!(magic.split_first(), Some((0x50..=0x5f, rest)) if rest == ZSTD_SKIPPABLE_MAGIC);
        let counted = Counted { inner: Cursor::new(magic).chain(input), bytes: 0, hasher: Hasher::new(hashing) };
        let codec = if is_gzip {
            let buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
            Codec::Gzip(Box::new(Steps::of(flate2::bufread::MultiGzDecoder::new(buffered))))
        } else if is_zstd {
            let buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
            Codec::Zstd(zstd::stream::read::Decoder::with_buffer(buffered)?)
        } else {
            Codec::Plain(counted)
        };
        Ok(Self { codec, bytes: 0, bounds })
    }

    /// Takes the bytes as they are.
    pub(super) fn plain(input: R, (bounds, hashing): (Bounds, Hashing)) -> Self {
        let counted = Counted { inner: Cursor::new(Vec::new()).chain(input), bytes: 0, hasher: Hasher::new(hashing) };
        Self { codec: Codec::Plain(counted), bytes: 0, bounds }
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
        let Bounds { bytes, ratio, ratio_free_bytes } = self.bounds;
        let by_ratio = self.stored_bytes_read().saturating_mul(ratio).max(ratio_free_bytes);
        if matches!(self.codec, Codec::Plain(_)) || self.bytes <= bytes.min(by_ratio) {
            return Ok(());
        }
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
            Codec::Gzip(_) => "gzip",
            Codec::Zstd(_) => "zstd",
        }
    }

    /// Bytes taken from the stored stream so far.
    pub(super) fn stored_bytes_read(&self) -> u64 {
        self.counted().bytes
    }

    fn counted(&self) -> &Counted<R> {
        match &self.codec {
            Codec::Plain(counted) => counted,
            Codec::Gzip(steps) => steps.decoder().get_ref().get_ref(),
            Codec::Zstd(decoder) => decoder.get_ref().get_ref(),
        }
    }

    fn counted_mut(&mut self) -> &mut Counted<R> {
        match &mut self.codec {
            Codec::Plain(counted) => counted,
            Codec::Gzip(steps) => steps.decoder_mut().get_mut().get_mut(),
            Codec::Zstd(decoder) => decoder.get_mut().get_mut(),
        }
    }

    /// Where the stored bytes come from.
    #[cfg(feature = "azure")]
    pub(super) fn input(&self) -> &R {
        self.counted().inner.get_ref().1
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
        let (magic, input) = counted.inner.get_mut();
        match input.seek(SeekFrom::Start(position)) {
            // A pipe can only be read up to there.
            Err(error) if error.kind() == io::ErrorKind::NotSeekable => Ok(false),
            Err(error) => Err(error),
            Ok(_) => {
                magic.seek(SeekFrom::End(0))?;
                // What is not read in its order has no hash.
                counted.hasher = None;
                Ok(true)
            }
        }
    }
}

impl<R: Read> Read for Decompress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // What was decompressed is given before the stream is refused.
        self.check()?;
        let read = match &mut self.codec {
            Codec::Plain(counted) => counted.read(buffer),
            Codec::Gzip(steps) => steps.read(buffer),
            Codec::Zstd(decoder) => decoder.read(buffer),
        };
        let length = read.map_err(|error| self.explain(error))?;
        self.bytes += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
