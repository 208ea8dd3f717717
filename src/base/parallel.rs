//! The same work on many things, shared by the cores of the machine. What is made of a thing
//! depends on that thing alone, so the result is the same however many cores there are.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
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

/// Works items off that may bring others with them, until there are none. Each thread has a tool of
/// its own, made when it first works. What was made comes in no order; the first error ends
/// it all.
///
/// # Errors
/// What a tool or the work failed with.
pub fn work_off<T: Send, R: Send, S, E: Send>(
    items: Vec<T>,
    tool: impl Fn() -> Result<S, E> + Sync,
    work: impl Fn(&S, T, &mut Vec<T>) -> Result<Option<R>, E> + Sync,
) -> Result<Vec<R>, E> {
    let queue =
        Queue { state: Mutex::new(State { items, at_work: 0, end: false }), told: Condvar::new() };
    let share = || {
        let (mut made, mut more, mut own) = (Vec::new(), Vec::new(), None);
        while let Some(item) = queue.take() {
            let mut at_work = AtWork { queue: &queue, more: Vec::new(), end: true };
            let own = match &own {
                Some(own) => own,
                None => own.insert(tool()?),
            };
            made.extend(work(own, item, &mut more)?);
            at_work.more.append(&mut more);
            at_work.end = false;
        }
        Ok(made)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut made = share();
        for other in others {
            let more = other.join().unwrap_or_else(|panic| resume_unwind(panic));
            made = made.and_then(|mut made| {
                made.extend(more?);
                Ok(made)
            });
        }
        made
    })
}

/// Items that wait for somebody to work on them.
struct Queue<T> {
    state: Mutex<State<T>>,
    told: Condvar,
}

struct State<T> {
    items: Vec<T>,
    /// How many are being worked on: each may bring more.
    at_work: usize,
    /// Whether nobody is to take another.
    end: bool,
}

impl<T> Queue<T> {
    /// The next item, waited for as long as there may be one.
    fn take(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let item = if state.end { None } else { state.items.pop() };
            if item.is_some() {
                state.at_work += 1;
            } else if !state.end && state.at_work > 0 {
                state = self.told.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            return item;
        }
    }
}

/// Somebody who works on an item. When that is over the others hear of it, however it ended.
struct AtWork<'a, T> {
    queue: &'a Queue<T>,
    more: Vec<T>,
    end: bool,
}

impl<T> Drop for AtWork<'_, T> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.at_work -= 1;
        state.end |= self.end;
        state.items.append(&mut self.more);
        drop(state);
        self.queue.told.notify_all();
    }
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

    #[test]
    fn what_items_bring_with_them_is_worked_off_too() {
        // Each number brings its two parts, down to 1: a tree of 1000 leaves.
        let halve = |(): &(), number: usize, more: &mut Vec<usize>| {
            if number > 1 {
                more.extend([number / 2, number - number / 2]);
            }
            Ok::<_, ()>((number == 1).then_some(number))
        };
        let tool = || Ok(());
        assert_eq!(work_off(vec![1000], tool, halve).map(|made| made.len()), Ok(1000));
        assert_eq!(work_off(Vec::new(), tool, halve), Ok(Vec::new()));
        let fails = |(): &(), number: usize, more: &mut Vec<usize>| match number {
            3 => Err("three"),
            _ => halve(&(), number, more).map_err(|()| ""),
        };
        assert_eq!(work_off(vec![1000], || Ok(()), fails), Err("three"));
        assert_eq!(work_off(vec![1000], || Err("no tool"), fails), Err("no tool"));
    }

    #[test]
    fn nobody_waits_for_one_who_broke_down() {
        let work = |(): &(), item: usize, _: &mut Vec<usize>| -> Result<Option<()>, ()> {
            assert!(item != 70, "item {item}");
            Ok(None)
        };
        let caught = std::panic::catch_unwind(|| work_off((0..100).collect(), || Ok(()), work));
        assert!(caught.is_err());
    }
}
