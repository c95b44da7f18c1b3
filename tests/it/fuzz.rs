//! What fuzzing found, and the samples, through the targets that libFuzzer has.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fuzz_targets::TARGETS;
use crate::support::{files_below, real_logs, root};

/// Largest file that is replayed whole: cut into single bytes, more takes long.
const MAX_BYTES: u64 = 24 << 10;

fn corpus(target: &str) -> Vec<PathBuf> {
    files_below(&root().join("tests/fuzz/corpus").join(target))
}

/// Names the file by which a property does not hold.
fn replay(files: &[PathBuf], hold: fn(&[u8])) {
    for file in files {
        let bytes = fs::read(file).unwrap();
        let outcome = std::panic::catch_unwind(|| hold(&bytes));
        assert!(outcome.is_ok(), "does not hold for {}", file.display());
    }
}

#[test]
fn every_property_holds_for_what_fuzzing_kept() {
    for target in TARGETS {
        let files = corpus(target.name);
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        replay(&files, target.hold);
    }
    for entry in fs::read_dir(root().join("tests/fuzz/corpus")).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(TARGETS.iter().any(|target| name == target.name), "{name:?} is no target");
    }
}

fn small_files(below: &Path) -> Vec<PathBuf> {
    let mut files = files_below(below);
    files.retain(|file| fs::metadata(file).unwrap().len() <= MAX_BYTES);
    files
}

#[test]
fn every_property_holds_for_every_sample_and_real_export() {
    let mut files = small_files(&root().join("sample-logs"));
    files.extend(real_logs().map(|folder| small_files(&folder)).unwrap_or_default());
    assert!(files.len() > 100, "{}", files.len());
    for target in TARGETS {
        replay(&files, target.hold);
    }
}
