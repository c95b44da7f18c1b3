//! What was read of each object, as it is stored: what a custody manifest says of the input.

#[cfg(feature = "lake")]
use crate::digest::Digest;
use crate::source::{Object, Seal};

/// What was read of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDigest {
    /// Its name.
    pub name: String,
    /// Where reading began, in stored bytes: beyond 0 in what was read on from where it was left.
    pub start: u64,
    /// What was read from there; `None` where not even its first byte could be had.
    pub seal: Option<Seal>,
    /// Why its records are not all there, if so.
    pub problem: Option<String>,
}

impl ObjectDigest {
    pub(super) fn new(object: &Object, seal: Option<Seal>, problem: Option<String>) -> Self {
        Self { name: object.name.clone(), start: object.start, seal, problem }
    }
}

/// Everything that was read, and the version of the lake where that is what was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests {
    /// In the order of their names; empty where hashing was not asked for.
    pub objects: Vec<ObjectDigest>,
    /// The lake's name and version. Its objects are then the entries of its log up to that version.
    pub lake: Option<(String, u64)>,
}

impl Digests {
    /// Adds what could not be listed, with the reasons, and brings all in order.
    pub(super) fn finish(mut self, failed: &[(String, String)]) -> Self {
        self.objects.extend(failed.iter().map(|(name, reason)| ObjectDigest {
            name: name.clone(),
            start: 0,
            seal: None,
            problem: Some(reason.clone()),
        }));
        self.objects.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// Of log entries of a lake, each with its content.
    #[cfg(feature = "lake")]
    pub(super) fn of_lake(name: &str, version: u64, entries: Vec<(String, Digest)>) -> Self {
        let seal = |digest| Seal { digest, is_whole: true, etag: None, version: None };
        let objects = entries.into_iter().map(|(path, digest)| ObjectDigest {
            name: format!("{}/{path}", name.trim_end_matches('/')),
            start: 0,
            seal: Some(seal(digest)),
            problem: None,
        });
        Self { objects: objects.collect(), lake: Some((name.to_owned(), version)) }.finish(&[])
    }
}
