//! What the names of a file stand for, each of their meanings in one of the file's views.

use crate::scan::parse::Code;
use crate::scan::syntax::Language;
use std::collections::BTreeMap;

/// How long the path that a name stands for may be.
const MEANING_BYTES_MAX: usize = 256;
/// How much source all views of a file read together.
const VIEWS_BYTES_MAX: usize = 8 << 20;
/// As many as the meanings of a name ask for.
const PRIMES: [usize; 6] = [1, 2, 3, 5, 7, 11];

/// What the names of a file stand for.
pub(super) struct Names {
    meanings: BTreeMap<String, Meanings>,
    /// The least prime that no name has more harmful meanings than.
    prime: usize,
    views: Vec<View>,
}

/// What one name stands for.
struct Meanings {
    /// Those that can do harm come first.
    all: Vec<String>,
    harmful: usize,
    /// Which it is of the names with several harmful meanings.
    number: usize,
}

/// Which meaning names have in a view.
#[derive(Clone, Copy)]
enum View {
    /// A harmful one. Written with the prime as base, the numbers of two names differ in a digit;
    /// of the views for that digit, which are lines over a finite field, one goes through any two
    /// meanings of theirs.
    Harmful { digit: usize, slope: usize, from: usize },
    /// The one of this number.
    Each(usize),
}

impl Names {
    /// The names of a file; `None` if following them takes more than any source should. What is
    /// built in keeps its own meaning whatever else it is a name of: elsewhere in the file it may
    /// be no such name.
    pub(super) fn of(code: &Code<'_>) -> Option<Names> {
        let facts = code.facts();
        if facts.lost_at.is_some() {
            return None;
        }
        let mut meanings = BTreeMap::new();
        for (name, all) in &facts.meanings {
            if all.iter().any(|meaning| meaning.len() > MEANING_BYTES_MAX) {
                return None;
            }
            let is_own = built_in(code.language).contains(&name.as_str()) && !all.contains(name);
            let own = is_own.then(|| name.clone());
            let harmful = all.iter().take_while(|meaning| facts.can_harm(meaning)).count();
            let harmful = harmful + usize::from(is_own);
            let all = own.into_iter().chain(all.iter().cloned()).collect();
            meanings.insert(name.clone(), Meanings { all, harmful, number: 0 });
        }
        let names = Names::with(meanings);
        let bytes = names.views().saturating_mul(code.text.len());
        (names.views() == 1 || bytes <= VIEWS_BYTES_MAX).then_some(names)
    }

    fn with(mut meanings: BTreeMap<String, Meanings>) -> Names {
        let several = meanings.values_mut().filter(|one| one.harmful > 1);
        let count = several.zip(0..).map(|(one, number)| one.number = number).count();
        let most = meanings.values().map(|one| one.harmful).max().unwrap_or_default();
        let prime = PRIMES.iter().copied().find(|prime| *prime >= most).unwrap_or(most);
        let (mut views, mut reached) = (Vec::new(), 1);
        for digit in 0.. {
            // Where no name has a slope, one meaning of each is enough.
            let least = usize::from(digit > 0);
            let slopes = least..if count > 1 { prime } else { 1 };
            let lines = slopes.flat_map(|slope| (0..prime).map(move |from| (slope, from)));
            views.extend(lines.map(|(slope, from)| View::Harmful { digit, slope, from }));
            reached *= prime;
            if reached >= count {
                break;
            }
        }
        let longest = meanings.values().map(|one| one.all.len()).max().unwrap_or_default();
        let is_left =
            |at: &usize| meanings.values().any(|one| (one.harmful..one.all.len()).contains(at));
        views.extend((1..longest).filter(is_left).map(View::Each));
        Names { meanings, prime, views }
    }

    /// How many views it takes until each name was written with each of its meanings, and any two
    /// with any two that can do harm.
    pub(super) fn views(&self) -> usize {
        self.views.len()
    }

    /// What a name stands for in a view.
    pub(super) fn in_view(&self, name: &str, view: usize) -> Option<&str> {
        let Meanings { all, harmful, number } = self.meanings.get(name)?;
        let (at, end) = match *self.views.get(view)? {
            View::Each(at) => (at, all.len()),
            View::Harmful { digit, slope, from } => {
                let digit = (0..digit).fold(*number, |rest, _| rest / self.prime) % self.prime;
                ((slope * digit + from) % self.prime, *harmful)
            }
        };
        all.get(if at < end { at } else { 0 }).map(String::as_str)
    }
}

/// Names that mean something dangerous, or a test, without being imported.
fn built_in(language: Language) -> &'static [&'static str] {
    match language {
        Language::Python => &[
            "eval",
            "exec",
            "compile",
            "getattr",
            "globals",
            "locals",
            "vars",
            "__import__",
            "__builtins__",
            "__loader__",
        ],
        Language::Rust => &["std", "core", "alloc"],
        Language::Go => &[],
        Language::JavaScript | Language::TypeScript | Language::Tsx => &[
            "eval",
            "Function",
            "require",
            "module",
            "process",
            "globalThis",
            "window",
            "self",
            "global",
            "top",
            "parent",
            "frames",
            "Deno",
            "Bun",
            "Reflect",
            "Object",
            "JSON",
            "console",
            "document",
            "setTimeout",
            "setInterval",
            "setImmediate",
            "describe",
            "it",
            "test",
            "suite",
            "context",
            "specify",
            "xit",
            "xtest",
            "xdescribe",
            "xcontext",
            "xspecify",
            "fit",
            "fdescribe",
            "expect",
            "assert",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(harmful: &[usize], others: usize) -> Names {
        let one = |(at, harmful): (usize, &usize)| {
            let all = (0..harmful + others).map(|meaning| format!("{at}.{meaning}")).collect();
            (format!("n{at:02}"), Meanings { all, harmful: *harmful, number: 0 })
        };
        Names::with(harmful.iter().enumerate().map(one).collect())
    }

    #[test]
    fn any_two_names_meet_in_any_two_harmful_meanings() {
        for counts in
            [vec![2, 2], vec![1, 3], vec![9; 3], vec![2; 20], vec![4, 1, 2, 9, 3], vec![5; 30]]
        {
            let names = names(&counts, 1);
            for (one, of_one) in counts.iter().enumerate() {
                for (other, of_other) in counts.iter().enumerate().skip(one + 1) {
                    let meaning =
                        |at: usize, view| names.in_view(&format!("n{at:02}"), view).unwrap();
                    let met: BTreeSet<_> = (0..names.views())
                        .map(|view| (meaning(one, view), meaning(other, view)))
                        .collect();
                    for (a, b) in (0..*of_one).flat_map(|a| (0..*of_other).map(move |b| (a, b))) {
                        let pair = (format!("{one}.{a}"), format!("{other}.{b}"));
                        assert!(met.contains(&(&*pair.0, &*pair.1)), "{pair:?} of {counts:?}");
                    }
                    assert!(met.iter().any(|(a, _)| *a == format!("{one}.{of_one}")));
                }
            }
        }
    }

    #[test]
    fn there_are_no_more_views_than_meanings_ask_for() {
        let views = |harmful: &[usize], others| names(harmful, others).views();
        assert_eq!((views(&[], 0), views(&[1, 1, 0], 0), views(&[0, 1], 1)), (1, 1, 2));
        assert_eq!((views(&[3], 0), views(&[2, 2], 0), views(&[2; 16], 0)), (3, 4, 10));
    }
}
