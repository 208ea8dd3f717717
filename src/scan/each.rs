//! Looking at the files of a change side by side, with the same result as one after the other.

use super::Settings;
use super::change::ChangedFile;
use super::found::Found;
use super::parse::Budget;
use crate::base::parallel;

/// How many files are looked at before what was found in them is put together: what they found is
/// in memory until then.
const FILES_AT_ONCE: usize = 64;
/// Or as many as this source can be of, where no more can be found than in those: where a portion
/// ends, cores wait for each other.
const SMALL_BYTES_AT_ONCE: usize = 1 << 20;
const SMALL_FILES_AT_ONCE: usize = 1024;

/// Looks at each file and takes what came of it, in their order. False if the work was given up:
/// then what was taken is not all.
pub(super) fn each<'a, R: Send>(
    files: &'a [ChangedFile],
    settings: &Settings<'_>,
    found: &mut Found,
    look: impl Fn(&'a ChangedFile, &Budget, &mut Found) -> R + Sync,
    mut take: impl FnMut(R),
) -> bool {
    let mut budget = Budget::default();
    let mut rest = files;
    while !rest.is_empty() {
        let (some, others) = rest.split_at(portion(rest));
        rest = others;
        let before = budget.clone();
        let one = |file: &'a ChangedFile, budget: &Budget| {
            let mut found = found.beside();
            (!(settings.cancel)()).then(|| (look(file, budget, &mut found), found))
        };
        let mut all = Vec::new();
        if !before.has_run_out() {
            all = parallel::map(some, |file| one(file, &budget));
        }
        // What the budget was not enough for depends on which file came first.
        if budget.has_run_out() {
            budget = before;
            all = some.iter().map(|file| one(file, &budget)).collect();
        }
        for one in all {
            let Some((made, of_file)) = one else { return false };
            take(made);
            found.join(of_file);
        }
    }
    true
}

/// How many of the files are looked at together.
fn portion(files: &[ChangedFile]) -> usize {
    let mut bytes = 0_usize;
    let is_within = |file: &&ChangedFile| {
        bytes = bytes.saturating_add(file.new.as_ref().map_or(0, |side| side.bytes.len()));
        bytes <= SMALL_BYTES_AT_ONCE
    };
    let small = files.iter().take(SMALL_FILES_AT_ONCE).take_while(is_within).count();
    small.max(FILES_AT_ONCE).min(files.len())
}

#[cfg(test)]
mod tests {
    use super::super::change::Side;
    use super::super::change::tests::file;
    use super::super::found::Spot;
    use super::super::parse::Unparsed;
    use super::super::syntax::Language;
    use super::super::tests::settings;
    use super::super::{FINDINGS_MAX, Settings};
    use super::*;
    use crate::config::repository::Scan;
    use crate::model::verdict::Weight;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn files(count: usize, text: &str) -> Vec<ChangedFile> {
        (0..count).map(|at| file(&format!("{at}.js"), None, Some(text))).collect()
    }

    #[test]
    fn side_by_side_is_as_one_after_the_other() {
        let scan = Scan::default();
        let files = files(300, "a\n");
        let mut found = Found::new("a");
        let mut taken = Vec::new();
        let look = |file: &ChangedFile, _: &Budget, found: &mut Found| {
            for _ in 0..20 {
                found.add(file, "b", Weight::Notice, Spot::default(), "why");
            }
            found.add(file, "c", Weight::Violation, Spot::default(), "why");
            file.path.clone()
        };
        assert!(each(&files, &settings(&scan), &mut found, look, |path| taken.push(path)));
        assert_eq!(taken, files.iter().map(|file| file.path.clone()).collect::<Vec<_>>());
        let seen = found.done(String::new(), None);
        let mut alone = Found::new("a");
        for file in &files {
            look(file, &Budget::default(), &mut alone);
        }
        assert_eq!(seen.findings, alone.done(String::new(), None).findings);
        assert_eq!((seen.count(), seen.findings.len() < FINDINGS_MAX), (300 * 21, true));
    }

    #[test]
    fn a_portion_is_of_some_files_or_of_as_much_source_as_they_may_be() {
        assert_eq!(portion(&files(300, "a\n")), 300);
        assert_eq!(portion(&files(3_000, "")), SMALL_FILES_AT_ONCE);
        assert_eq!(portion(&files(300, &"a\n".repeat(4 << 10))), 128);
        assert_eq!(portion(&files(300, &"a\n".repeat(16 << 10))), FILES_AT_ONCE);
        assert_eq!(portion(&files(3, "a\n")), 3);
    }

    #[test]
    fn the_first_files_get_what_may_be_read_of_a_change() {
        let scan = Scan::default();
        // 32 MiB are read of a change; a short file may still be within them when others are not.
        let mut files = files(70, "");
        for file in &mut files {
            file.new = Some(Side::of(0o100_644, vec![0xff; 900_000]));
        }
        files.push(file("short.js", None, Some("f(a)")));
        let mut read = Vec::new();
        let look = |file: &ChangedFile, budget: &Budget, _: &mut Found| {
            budget.parse(Language::JavaScript, file.new.as_ref().unwrap()).err()
        };
        each(&files, &settings(&scan), &mut Found::new("a"), look, |why| read.push(why));
        let expected = |at| match at {
            0..37 => Some(Unparsed::NotText),
            37..70 => Some(Unparsed::Exhausted),
            _ => None,
        };
        assert_eq!(read, (0..71).map(expected).collect::<Vec<_>>());
    }

    #[test]
    fn what_nobody_waits_for_is_given_up_at_the_next_file() {
        let scan = Scan::default();
        let looked = AtomicUsize::new(0);
        let cancel = || looked.load(Ordering::Relaxed) > 0;
        let settings = Settings { cancel: &cancel, ..settings(&scan) };
        let look = |_: &ChangedFile, _: &Budget, _: &mut Found| {
            looked.fetch_add(1, Ordering::Relaxed);
        };
        assert!(!each(&files(500, "a"), &settings, &mut Found::new("a"), look, |()| ()));
        assert!(looked.into_inner() <= 8, "at most one for each core");
    }
}
