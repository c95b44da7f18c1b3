//! Spreads work over threads, and puts its results in the order of the work.

use std::sync::{Mutex, PoisonError};

/// Does `work` for every item, on up to so many threads; the results come in the items' order.
///
/// A panic of the work is a panic of this call.
pub fn map<T: Send, R: Send>(threads: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = threads.clamp(1, items.len().max(1));
    if threads == 1 {
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items.into_iter().enumerate());
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let mut results = std::thread::scope(|scope| {
        let run = || {
            let mut results = Vec::new();
            while let Some((at, item)) = take() {
                results.push((at, work(item)));
            }
            results
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_for_any_number_of_threads() {
        for threads in [0, 1, 2, 8] {
            for count in [0, 1, 1_000] {
                let doubled = map(threads, (0..count).collect(), |number: usize| number * 2);

                assert_eq!(doubled, (0..count).map(|number| number * 2).collect::<Vec<_>>(), "{threads} {count}");
            }
        }
    }
}
