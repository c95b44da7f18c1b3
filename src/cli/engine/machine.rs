//! How much of the machine a run uses: threads, memory, and the runtimes for what is async.

use std::num::NonZeroUsize;

use tokio::runtime::Runtime;

use crate::cli::args::ReadOptions;
use crate::error::RunError;
use crate::limits::Limits;
use crate::pipeline;
use crate::time::UtcMicros;

/// Stack of a thread, as the first one has (8 MiB): plans are walked by recursion.
const STACK_BYTES: usize = 8 << 20;

/// Memory that is used where the machine does not say how much it has (4 GiB).
const FALLBACK_MEMORY_BYTES: u64 = 4 << 30;

/// Blocks of the input that would fill the memory: with little of it, blocks are small.
const BLOCKS_IN_MEMORY: usize = 128;

/// How much of the machine to use.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Machine {
    pub(in crate::cli) threads: usize,
    pub(in crate::cli) memory_bytes: usize,
    pub(super) limits: Limits,
    now: Option<UtcMicros>,
}

impl Machine {
    /// What was asked for, else all threads and half of the memory.
    pub(in crate::cli) fn of(read: &ReadOptions) -> Self {
        let threads = read.threads.map_or_else(available_threads, NonZeroUsize::get);
        Self { threads, memory_bytes: memory_limit(read), limits: read.limits, now: read.now }
    }

    /// How to read everything with so much of the machine.
    pub(in crate::cli) fn read_options(&self, read: &ReadOptions) -> pipeline::ReadOptions {
        pipeline::ReadOptions {
            hashing: read.hashing,
            redaction: read.redaction,
            memory_limit_bytes: self.memory_bytes,
            threads: self.threads,
            limits: self.limits,
            now: self.now,
            block_bytes: pipeline::BLOCK_BYTES.min(self.memory_bytes / BLOCKS_IN_MEMORY),
            ..pipeline::ReadOptions::default()
        }
    }
}

/// A runtime for what is async.
///
/// # Errors
///
/// [`RunError::Internal`] where the machine gives no threads.
pub(in crate::cli) fn runtime(threads: usize) -> Result<Runtime, RunError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| RunError::internal("cannot start threads", error))
}

/// A runtime for rules that go one by one, and for what is short: every thread more would keep memory of
/// its own, and not use what this one is done with.
pub(super) fn runtime_of_one_thread() -> Result<Runtime, RunError> {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .map_err(|error| RunError::internal("cannot start threads", error))
}

/// Threads that the machine has.
pub(in crate::cli) fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// What was asked for, else half of the machine's memory.
fn memory_limit(read: &ReadOptions) -> usize {
    let bytes = read.memory_limit.unwrap_or_else(half_of_memory);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Half of the machine's memory, in bytes.
pub(in crate::cli) fn half_of_memory() -> u64 {
    machine_memory().unwrap_or(FALLBACK_MEMORY_BYTES) / 2
}

/// The machine's memory in bytes, as Linux says it.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read("/proc/meminfo").ok()?;
    let text = String::from_utf8(text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
