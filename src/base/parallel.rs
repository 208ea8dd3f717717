//! The same work on many things, shared by the cores of the machine. What is made of a thing
//! depends on that thing alone, so the result is the same however many cores there are.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this gain little.
const THREADS_MAX: usize = 8;

/// What `work` makes of each item, in their order.
pub fn map<'a, T: Sync, R: Send>(items: &'a [T], work: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let share = || {
        let mut made = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return made };
            made.push((at, work(item)));
        }
    };
    let threads = match items.len() {
        0 | 1 => 1,
        count => thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(count),
    };
    let mut made = thread::scope(|scope| {
        // One that cannot be started leaves its share to the others.
        let start = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut made = share();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_and_keeps_its_place() {
        for count in [0, 1, 2, 1000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(
                map(&items, |item| item * 2),
                items.iter().map(|i| i * 2).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn what_breaks_down_breaks_down_for_whoever_asked() {
        let items: Vec<usize> = (0..100).collect();
        let work = |item: &usize| assert!(*item != 70, "item {item}");
        let caught = std::panic::catch_unwind(|| map(&items, work));
        assert!(caught.is_err());
    }
}
