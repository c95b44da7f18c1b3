//! Looks into the files of `--inventory` before the run: one that says nothing of who is who is a
//! mistake that hours of reading would hide.

use super::args::ReadOptions;
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::format::{self, Recognised};
use crate::frame::{Framed, Framer};
use crate::limits::Limits;
use crate::source::{self, ListOptions, Object, Reader};

/// What an inventory file may hold, with the command that writes it.
const EXPECTED: &str = "expected JSON as written by `az databricks access-connector list`, \
    `az databricks workspace list`, `az identity list`, `az ad sp list --all`, `az role assignment list --all`, \
    `databricks storage-credentials list -o json` or `databricks external-locations list -o json`, the same from a \
    REST API or Azure Resource Graph, or Microsoft's file of service tags";

/// Decompressed bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Holds that every path of `--inventory` has a record that is understood, or none at all: a list
/// of connectors where there are none is empty. Pipes are not looked into, they can be read only
/// once; neither is what cannot be read, which the run itself reports.
///
/// # Errors
///
/// [`RunError::Usage`], with what is there and what was expected.
pub(super) fn check(read: &ReadOptions) -> Result<(), RunError> {
    for path in &read.inventory {
        let path = path.display().to_string();
        let listing = source::list(std::slice::from_ref(&path), &ListOptions::default())
            .map_err(|error| RunError::usage(error.to_string()))?;
        let mut contents = Contents::default();
        for object in listing.objects.iter().filter(|object| object.is_file()) {
            contents.look(object, &read.limits);
            if contents.is_inventory {
                break;
            }
        }
        if let Some(complaint) = contents.complaint() {
            let message = format!("--inventory {path}: {complaint}");
            return Err(RunError::Usage { message, hint: Some(EXPECTED.to_owned()) });
        }
    }
    Ok(())
}

/// What was seen of a path.
#[derive(Default)]
struct Contents {
    is_inventory: bool,
    records: u64,
    is_log: bool,
}

impl Contents {
    /// Reads until there is a record of an inventory.
    fn look(&mut self, object: &Object, limits: &Limits) {
        let Ok(mut reader) = Reader::open(object, limits.into(), &Cancel::default()) else { return };
        let mut framer = Framer::within(limits);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = reader.read(&mut chunk).unwrap_or_default();
            framer.push(chunk.get(..length).unwrap_or_default());
            if length == 0 {
                framer.finish();
            }
            while let Some(framed) = framer.next_frame() {
                self.records += 1;
                let Framed::Record(mut frame) = framed else { continue };
                match frame.parse().map(format::recognise) {
                    Some(Recognised::Inventory(_)) => self.is_inventory = true,
                    Some(Recognised::Log(_)) => self.is_log = true,
                    Some(Recognised::NotOurs(_)) | None => {}
                }
            }
            if self.is_inventory || length == 0 {
                return;
            }
        }
    }

    /// What is wrong, if anything.
    fn complaint(&self) -> Option<&'static str> {
        match self {
            Self { is_inventory: true, .. } | Self { records: 0, .. } => None,
            Self { is_log: true, .. } => Some("holds log records and no inventory; name it as a path to read instead"),
            _ => Some("holds nothing that says who is who"),
        }
    }
}
