//! Finding rows that moved. A line of output in a full screen moves every row; telling that as one
//! move costs a line, not a screen.

use super::Shift;

/// Fewer rows than this are not worth a shift.
const SAVED_MIN: usize = 2;
/// How far rows are looked for, at most: a table may have thousands, a screen has fewer.
const DISTANCE_MAX: usize = 130;

/// The shift from `old` to `new`, of equal length, that leaves the fewest rows to send; `None` when
/// none saves more than it costs. `is_worth` says of a row whether sending it costs anything much:
/// a blank one does not.
pub fn find<T: PartialEq>(old: &[T], new: &[T], is_worth: impl Fn(&T) -> bool) -> Option<Shift> {
    let len = old.len().min(new.len());
    let (first, last) = changed_span(&old[..len], &new[..len])?;
    if last - first < SAVED_MIN {
        return None;
    }
    let mut best = (SAVED_MIN - 1, None);
    for distance in 1..=(last - first).min(DISTANCE_MAX) {
        for up in [true, false] {
            let candidate = longest_run(old, new, (first, last), distance, up, &is_worth);
            if let Some((saved, shift)) = candidate
                && saved > best.0
            {
                best = (saved, Some(shift));
            }
        }
    }
    best.1
}

/// What the rows of a shift's region become: `row(i)` gives the old row that row `i` shows, or
/// `None` when it came from outside.
pub fn source(shift: &Shift, row: u32) -> Option<u32> {
    let from = i64::from(row) + i64::from(shift.by);
    let region = i64::from(shift.top)..i64::from(shift.bottom);
    region.contains(&from).then(|| u32::try_from(from).ok()).flatten()
}

/// The first and the last row that differ.
fn changed_span<T: PartialEq>(old: &[T], new: &[T]) -> Option<(usize, usize)> {
    let differs = |i: &usize| old[*i] != new[*i];
    let first = (0..old.len()).find(differs)?;
    let last = (0..old.len()).rev().find(differs)?;
    Some((first, last))
}

/// Of all runs of rows that are `distance` away from where they were, the one that saves most, with
/// how many rows it saves.
fn longest_run<T: PartialEq>(
    old: &[T],
    new: &[T],
    (first, last): (usize, usize),
    distance: usize,
    up: bool,
    is_worth: &impl Fn(&T) -> bool,
) -> Option<(usize, Shift)> {
    // Row `start + i` of the upper end pairs with the row `distance` below it.
    let rows = last + 1 - first - distance;
    let (new_at, old_at) = if up { (first, first + distance) } else { (first + distance, first) };
    let mut best: Option<(usize, usize, usize)> = None;
    let mut start = 0;
    while start < rows {
        let matches = |i: &usize| old[old_at + i] == new[new_at + i];
        let end = (start..rows).find(|i| !matches(i)).unwrap_or(rows);
        if end > start {
            let saved = (new_at + start..new_at + end)
                .filter(|i| old[*i] != new[*i] && is_worth(&new[*i]))
                .count();
            if saved < SAVED_MIN {
                start = end + 1;
                continue;
            }
            // The rows of the region that the run does not fill come up empty.
            let (low, high) = (first + start, first + end + distance);
            let lost = (low..high)
                .filter(|i| !(new_at + start..new_at + end).contains(i))
                .filter(|i| old[*i] == new[*i])
                .count();
            let gain = saved.saturating_sub(lost);
            if best.is_none_or(|(most, _, _)| gain > most) {
                best = Some((gain, low, high));
            }
        }
        start = end + 1;
    }
    let (saved, top, bottom) = best?;
    let distance = i32::try_from(distance).ok()?;
    let shift = Shift {
        top: u32::try_from(top).ok()?,
        bottom: u32::try_from(bottom).ok()?,
        by: if up { distance } else { -distance },
    };
    Some((saved, shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &str, new: &str) -> Option<(u32, u32, i32)> {
        let rows = |text: &str| text.chars().collect::<Vec<_>>();
        let found = find(&rows(old), &rows(new), |row| *row != ' ');
        found.map(|shift| (shift.top, shift.bottom, shift.by))
    }

    #[test]
    fn a_screen_that_scrolled_is_one_shift() {
        assert_eq!(of("abcdef", "bcdefg"), Some((0, 6, 1)));
        assert_eq!(of("abcdef", "defghi"), Some((0, 6, 3)));
        assert_eq!(of("abcdef", "xabcde"), Some((0, 6, -1)));
    }

    #[test]
    fn only_the_region_that_moved_is_shifted() {
        assert_eq!(of("Tabcdef__F", "Tbcdefg__F"), Some((1, 7, 1)));
        assert_eq!(of("Tabcdef__F", "Txyabcd__F"), Some((1, 7, -2)));
    }

    #[test]
    fn nothing_moved_is_no_shift() {
        assert_eq!(of("abcdef", "abcdef"), None);
        assert_eq!(of("abcdef", "abXdef"), None);
        assert_eq!(of("abcdef", "uvwxyz"), None);
        assert_eq!(of("", ""), None);
    }

    #[test]
    fn blank_rows_are_not_worth_moving() {
        assert_eq!(of("a     ", "  a   "), None);
    }

    #[test]
    fn rows_that_a_shift_would_wipe_count_against_it() {
        // Moving the two up would cost the four that stand still below them.
        assert_eq!(of("PabcdQ", "PbaaaQ"), None);
    }

    #[test]
    fn a_table_of_thousands_costs_a_bounded_number_of_looks_for_each_row() {
        use std::cell::Cell;
        thread_local! { static LOOKS: Cell<u64> = const { Cell::new(0) } }
        struct Row(u32);
        impl PartialEq for Row {
            fn eq(&self, other: &Self) -> bool {
                LOOKS.set(LOOKS.get() + 1);
                self.0 == other.0
            }
        }
        let rows = |from: u32| (from..from + 5000).map(Row).collect::<Vec<_>>();
        assert!(find(&rows(0), &rows(9000), |_| true).is_none());
        assert!(LOOKS.get() < 5000 * 4 * DISTANCE_MAX as u64, "{}", LOOKS.get());
        assert_eq!(find(&rows(0), &rows(1), |_| true).map(|shift| shift.by), Some(1));
    }

    #[test]
    fn the_source_of_a_row_lies_in_the_region_or_outside_it() {
        let shift = Shift { top: 2, bottom: 5, by: 1 };
        assert_eq!([2, 3, 4].map(|row| source(&shift, row)), [Some(3), Some(4), None]);
    }
}
