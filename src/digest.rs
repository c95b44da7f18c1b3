//! SHA-256 of bytes on their way to somebody else.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Whether bytes are hashed where they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hashing {
    /// They are not: it costs nothing.
    #[default]
    Off,
    /// They are.
    On,
}

/// How many bytes there were, and their SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// How many.
    pub bytes: u64,
    /// In JSON and [`Display`](fmt::Display): 64 hexadecimal digits in lower case.
    pub sha256: Sha256Sum,
}

impl Digest {
    /// Of bytes that are all there.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.digest()
    }
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256Sum([u8; 32]);

impl fmt::Display for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sha256Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Hashes bytes in the order in which they are given.
#[derive(Debug, Clone, Default)]
pub struct Hasher {
    sha256: Sha256,
    bytes: u64,
}

impl Hasher {
    /// One that begins, where hashing is on.
    pub fn new(hashing: Hashing) -> Option<Self> {
        (hashing == Hashing::On).then(Self::default)
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Of all bytes so far.
    pub fn digest(&self) -> Digest {
        Digest { bytes: self.bytes, sha256: Sha256Sum(self.sha256.clone().finalize().into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of FIPS 180-2, appendix B.
    #[test]
    fn bytes_are_hashed_in_their_order_however_they_are_cut() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut hasher = Hasher::default();
        hasher.update(b"a");
        hasher.update(b"");
        hasher.update(b"bc");

        assert_eq!((hasher.digest().bytes, hasher.digest().sha256.to_string()), (3, abc.to_owned()));
        assert_eq!(Digest::of(b"abc"), hasher.digest());
        assert_ne!(Digest::of(b"acb"), hasher.digest());
        assert!(Hasher::new(Hashing::Off).is_none());
    }
}
