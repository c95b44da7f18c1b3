//! `--custody`: what a run read and what it wrote, with hashes, for whoever has to prove it later.

use std::borrow::Cow;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::output::recorded::Log;
use super::output::{OutputFile, Overwrite};
use super::source_date;
use crate::coverage::Coverage;
use crate::digest::Digest;
use crate::error::RunError;
use crate::pipeline::{Digests, ObjectDigest};
use crate::redact;
use crate::report::escape::Escaped;
use crate::report::json;
use crate::rule::Rule;
use crate::time::UtcMicros;

pub mod place;
pub mod verify;

/// Version of the manifest's form.
pub const MANIFEST_VERSION: u32 = 1;

/// A manifest under way.
#[derive(Debug)]
pub struct Custody {
    path: PathBuf,
    file: OutputFile,
    log: Log,
    opened: Instant,
}

/// A file that was read besides the logs.
#[derive(Debug, Clone, Serialize)]
pub struct InputFile {
    /// What it is for.
    pub role: Role,
    /// Its path as given.
    pub name: String,
    /// What it held.
    #[serde(flatten)]
    pub digest: Digest,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Exceptions, networks, thresholds.
    Configuration,
    /// What earlier runs saw.
    Baseline,
}

/// What a run has to say for itself.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What was read of each object.
    pub digests: &'a Digests,
    /// What else was read.
    pub files: &'a [InputFile],
    /// The rules that were asked for.
    pub rules: &'a [Rule],
    /// The SQL that was asked, wherever it was given.
    pub query: Option<&'a str>,
    /// What came of the records.
    pub coverage: &'a Coverage,
}

/// The manifest. Field order is the JSON's.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    schema_version: u32,
    program: Program,
    command: Vec<String>,
    started: String,
    ended: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lake: Option<Lake<'a>>,
    objects: Vec<ManifestObject<'a>>,
    files: &'a [InputFile],
    rules: Vec<ManifestRule<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<ManifestQuery<'a>>,
    coverage: &'a Coverage,
    outputs: Vec<Output>,
}

#[derive(Debug, Serialize)]
struct Program {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Lake<'a> {
    name: &'a str,
    version: u64,
}

#[derive(Debug, Serialize)]
struct ManifestObject<'a> {
    name: &'a str,
    /// Where reading began; left out at 0.
    #[serde(skip_serializing_if = "is_zero")]
    start: u64,
    /// Stored bytes that were read.
    bytes: u64,
    /// Of these; null where not even the first could be had.
    sha256: Option<String>,
    /// Whether they were all that there were.
    whole: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    /// Why its records are not all there, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Serialize)]
struct ManifestRule<'a> {
    id: &'a str,
    #[serde(flatten)]
    digest: Digest,
}

#[derive(Debug, Serialize)]
struct ManifestQuery<'a> {
    /// As it was asked, but for secrets: a query from standard input is nowhere else.
    text: Cow<'a, str>,
    /// Of all of it, secrets too.
    #[serde(flatten)]
    digest: Digest,
}

#[derive(Debug, Serialize)]
struct Output {
    /// Its path as given; `-` is standard output.
    name: String,
    #[serde(flatten)]
    digest: Digest,
}

impl Custody {
    /// Opens the manifest's file.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::create`].
    pub fn open(path: &Path, overwrite: Overwrite) -> Result<Self, RunError> {
        let file = OutputFile::create(path, overwrite)?;
        Ok(Self { path: path.to_owned(), file, log: Log::default(), opened: Instant::now() })
    }

    /// Where outputs are to be told of.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Writes the manifest of a run that began at `started`, once all its outputs are written, and
    /// says its own hash on standard error: whoever notes that down can prove the manifest itself.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::finish`].
    pub fn finish(mut self, started: UtcMicros, facts: &Facts<'_>) -> Result<(), RunError> {
        let ended = match source_date() {
            Ok(None) => {
                let elapsed = i64::try_from(self.opened.elapsed().as_micros()).unwrap_or(i64::MAX);
                UtcMicros(started.0.saturating_add(elapsed))
            }
            Ok(Some(_)) | Err(_) => started,
        };
        let outputs = self.log.outputs().into_iter().map(|(name, digest)| Output { name, digest });
        let manifest = Manifest {
            schema_version: MANIFEST_VERSION,
            program: Program { name: "airside", version: env!("CARGO_PKG_VERSION") },
            command: std::env::args_os().map(|argument| shown(&argument.to_string_lossy())).collect(),
            started: started.to_string(),
            ended: ended.to_string(),
            lake: facts.digests.lake.as_ref().map(|(name, version)| Lake { name, version: *version }),
            objects: facts.digests.objects.iter().map(object).collect(),
            files: facts.files,
            rules: facts.rules.iter().map(rule).collect(),
            query: facts.query.map(query),
            coverage: facts.coverage,
            outputs: outputs.collect(),
        };
        let own = Log::default();
        self.file.record_in(&own);
        self.file.write_with(|out| json::write_pretty(out, &manifest))?;
        self.file.finish()?;
        for (_, digest) in own.outputs() {
            let (path, sum) = (self.path.display().to_string(), digest.sha256);
            writeln!(std::io::stderr(), "{}: SHA-256 {sum}", Escaped(&path)).unwrap_or_default();
        }
        Ok(())
    }
}

fn object(read: &ObjectDigest) -> ManifestObject<'_> {
    let seal = read.seal.as_ref();
    ManifestObject {
        name: &read.name,
        start: read.start,
        bytes: seal.map_or(0, |seal| seal.digest.bytes),
        sha256: seal.map(|seal| seal.digest.sha256.to_string()),
        whole: seal.is_some_and(|seal| seal.is_whole),
        etag: seal.and_then(|seal| seal.etag.as_deref()),
        version: seal.and_then(|seal| seal.version.as_deref()),
        problem: read.problem.as_deref(),
    }
}

fn rule(rule: &Rule) -> ManifestRule<'_> {
    ManifestRule { id: &rule.head.id, digest: Digest::of(rule.sql.as_bytes()) }
}

fn query(sql: &str) -> ManifestQuery<'_> {
    ManifestQuery { text: redact::text(sql), digest: Digest::of(sql.as_bytes()) }
}

/// An argument of the command line without secrets: of the address of a blob nothing of its query.
pub(super) fn shown(argument: &str) -> String {
    match argument.split_once('?') {
        Some((address, _)) if address.contains("://") => format!("{address}?{}", redact::MASK),
        _ => redact::text(argument).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_shown_without_their_secrets() {
        for (argument, expected) in [
            ("https://a.blob.core.windows.net/c?sv=1&sig=SECRET", "https://a.blob.core.windows.net/c?***"),
            ("json=https://x/?a", "json=https://x/?***"),
            ("archive/2026-0?/*.json", "archive/2026-0?/*.json"),
            ("PT1H.json?sv=1&sig=SECRET", "PT1H.json?sv=1&sig=***"),
            ("SELECT 1 WHERE a = 'AccountKey=SECRET'", "SELECT 1 WHERE a = 'AccountKey=***'"),
        ] {
            assert_eq!(shown(argument), expected);
        }
    }
}
