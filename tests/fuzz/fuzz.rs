//! libFuzzer's entry. `AIRSIDE_FUZZ_TARGET` names the target; `run` beside this file sets it.
#![no_main]

#[path = "targets.rs"]
mod targets;

use std::sync::OnceLock;

use targets::{TARGETS, Target};

/// The target of this process.
fn target() -> &'static Target {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("AIRSIDE_FUZZ_TARGET").unwrap_or_default();
        TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            panic!("AIRSIDE_FUZZ_TARGET is {name:?}; targets are {}", names.join(", "))
        })
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (target().hold)(bytes));
