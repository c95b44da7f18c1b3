//! libFuzzer's entry: `tests/fuzz/run` says which target.
#![no_main]

libfuzzer_sys::fuzz_target!(|_bytes: &[u8]| {});
