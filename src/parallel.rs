//! Spreads work over threads, and puts its results in the order of the work.

use std::sync::mpsc::{Receiver, sync_channel};
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

/// Does `work` for every item, and `take` with each result, in the items' order and on this thread.
/// So many threads work `ahead` of who takes, each on one item at a time; with none, this thread does
/// both by turns. Ends with the first error of `take`.
///
/// A panic of the work is a panic of this call.
///
/// # Errors
///
/// That of `take`.
pub fn in_order<T: Send, R: Send, E>(
    ahead: usize,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let ahead = ahead.min(items.len());
    if ahead == 0 {
        return items.into_iter().map(work).try_for_each(take);
    }
    let count = items.len();
    let mut shares: Vec<Vec<T>> = (0..ahead).map(|_| Vec::new()).collect();
    for (at, item) in items.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(at % ahead) {
            share.push(item);
        }
    }
    std::thread::scope(|scope| {
        let work = &work;
        // A result is handed over, not laid down: whoever is ahead waits until it is taken.
        let (receivers, threads): (Vec<Receiver<R>>, Vec<_>) = shares
            .into_iter()
            .map(|share| {
                let (sender, receiver) = sync_channel(0);
                let run = move || {
                    // Nobody takes any more after an error.
                    share.into_iter().map(work).try_for_each(|result| sender.send(result)).ok();
                };
                (receiver, scope.spawn(run))
            })
            .unzip();
        let mut results = (0..count).map_while(|at| receivers.get(at % ahead)?.recv().ok());
        let taken = results.try_for_each(&mut take);
        drop(receivers);
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        taken
    })
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

    #[test]
    fn results_are_taken_in_the_order_of_the_items_until_one_is_refused() {
        for ahead in [0, 1, 2, 8] {
            for count in [0, 1, 3, 1_000] {
                let mut taken = Vec::new();
                let double = |number: usize| number * 2;
                let ended = in_order(ahead, (0..count).collect(), double, |double| {
                    taken.push(double);
                    if double == 500 { Err("no more") } else { Ok(()) }
                });

                let expected: Vec<usize> = (0..count).map(|number| number * 2).take(251).collect();
                assert_eq!(taken, expected, "{ahead} {count}");
                assert_eq!(ended.is_err(), count > 250, "{ahead} {count}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "broken")]
    fn work_that_panics_ahead_is_heard() {
        in_order(2, vec![1, 2, 3], |number| assert_ne!(number, 2, "broken"), |()| Ok::<(), ()>(())).unwrap();
    }
}
