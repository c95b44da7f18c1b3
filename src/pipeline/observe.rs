//! Hands what a batch says about principals to the evidence, each distinct saying once.

use std::hash::BuildHasher as _;

use arrow::array::{Array, AsArray, BooleanArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::{DefaultHashBuilder, HashSet};

use crate::event::vocabulary::{AuthType, LogSource, TokenKind};
use crate::identity::{Evidence, Observation};

/// The columns that say who acted.
const COLUMNS: [&str; 10] = [
    "source",
    "token_kind",
    "auth_type",
    "category",
    "principal_id",
    "app_id",
    "principal_name",
    "mirid",
    "az_rid",
    "tenant_id",
];

/// Most sayings that are remembered from batch to batch (2 MiB).
const MOST_REMEMBERED: usize = 1 << 17;

/// What a thread has said already, in parts of the input that are sure to count: it need not be said
/// again, and merging it into what others said takes longer than looking it up.
#[derive(Debug, Default)]
pub(super) struct Said {
    sayings: HashSet<[u64; 2]>,
    /// Two, of keys of their own: no two sayings that are ever made have both hashes in common.
    hashers: [DefaultHashBuilder; 2],
    /// The rows of the batch at hand, by codes of their values and `secret_bearing`; here for its room.
    in_batch: HashSet<([i32; COLUMNS.len()], bool)>,
}

impl Said {
    fn hashes(&self, saying: &Saying<'_>) -> [u64; 2] {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(saying))
    }

    fn remember(&mut self, hashes: [u64; 2]) {
        if self.sayings.len() < MOST_REMEMBERED {
            self.sayings.insert(hashes);
        }
    }
}

/// The values of [`COLUMNS`] and of `secret_bearing`.
type Saying<'a> = ([Option<&'a str>; COLUMNS.len()], bool);

/// Adds what a batch of the decoded schema says to the evidence, but for what was said before; what
/// it says is remembered where the batch is sure to count.
///
/// # Errors
///
/// An [`ArrowError`] when the batch is not of that schema: a defect of ours.
pub(super) fn observe(
    batch: &RecordBatch,
    evidence: &mut Evidence,
    (said, is_sure): (&mut Said, bool),
) -> Result<(), ArrowError> {
    let columns = COLUMNS.iter().map(|name| Column::of(batch, name)).collect::<Result<Vec<_>, _>>()?;
    let secrets: Option<&BooleanArray> =
        batch.column_by_name("secret_bearing").and_then(|column| column.as_any().downcast_ref());
    said.in_batch.clear();
    for row in 0..batch.num_rows() {
        let secret_bearing = secrets.is_some_and(|secrets| secrets.value(row));
        let mut codes = [-1; COLUMNS.len()];
        for (code, column) in codes.iter_mut().zip(&columns) {
            *code = column.code(row);
        }
        if !said.in_batch.insert((codes, secret_bearing)) {
            continue;
        }
        let mut texts = [None; COLUMNS.len()];
        for (text, column) in texts.iter_mut().zip(&columns) {
            *text = column.text(row);
        }
        let saying = (texts, secret_bearing);
        let hashes = said.hashes(&saying);
        if said.sayings.contains(&hashes) {
            continue;
        }
        evidence.observe(&observation(&saying));
        if is_sure {
            said.remember(hashes);
        }
    }
    Ok(())
}

fn observation<'a>((texts, secret_bearing): &Saying<'a>) -> Observation<'a> {
    let [source, token_kind, auth_type, category, principal_id, app_id, principal_name, mirid, az_rid, tenant_id] =
        *texts;
    Observation {
        source: source.and_then(LogSource::from_word).unwrap_or(LogSource::Activity),
        token_kind: token_kind.and_then(TokenKind::from_word).unwrap_or(TokenKind::Unknown),
        auth_type: auth_type.and_then(AuthType::from_word).unwrap_or(AuthType::Unknown),
        category,
        principal_id,
        app_id,
        principal_name,
        mirid,
        az_rid,
        tenant_id,
        secret_bearing: *secret_bearing,
    }
}

struct Column<'a> {
    dictionary: &'a DictionaryArray<Int32Type>,
    values: &'a StringArray,
}

impl<'a> Column<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let missing = || ArrowError::SchemaError(format!("events have no usable column {name}"));
        let dictionary = batch.column_by_name(name).and_then(|column| column.as_dictionary_opt::<Int32Type>());
        let dictionary = dictionary.ok_or_else(missing)?;
        let values = dictionary.values().as_string_opt::<i32>().ok_or_else(missing)?;
        Ok(Self { dictionary, values })
    }

    fn code(&self, row: usize) -> i32 {
        self.dictionary.key(row).and_then(|code| i32::try_from(code).ok()).unwrap_or(-1)
    }

    fn text(&self, row: usize) -> Option<&'a str> {
        self.dictionary.key(row).map(|code| self.values.value(code))
    }
}
