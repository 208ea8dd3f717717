//! What a file says about names from elsewhere: what it imports, and by which names it calls that.
//! One file per language reads them from its tree.

use super::{go, javascript, python, rust};
use crate::scan::syntax::{Language, Source};
use std::collections::BTreeMap;
use std::ops::Range;

/// A name, or what it stands for, that is longer than this is not followed.
pub(super) const NAME_BYTES_MAX: usize = 200;
/// How many meanings are followed in one file.
const NAMES_MAX: usize = 10_000;
/// How many meanings of one name are kept: the worst.
const MEANINGS_MAX: usize = 8;
/// How often a file is read, until no name gains a meaning: one may be used before it has its own.
const READINGS_MAX: usize = 4;
/// What is built in but does nothing alone, and is often the name of something else: that hides it.
const HIDDEN: &[&str] = &["compile", "open"];
/// Modules that can do harm: of several meanings of a name these count before others.
const HARMFUL: &[&str] = &[
    "Bun",
    "Deno",
    "_ctypes",
    "_pickle",
    "_posixsubprocess",
    "_winapi",
    "async_process",
    "async_std",
    "asyncio",
    "bun",
    "cPickle",
    "cProfile",
    "cffi",
    "child_process",
    "cloudpickle",
    "cmd_lib",
    "code",
    "core",
    "ctypes",
    "dill",
    "duct",
    "fs",
    "fs-extra",
    "golang",
    "http",
    "joblib",
    "jsonpickle",
    "libc",
    "libloading",
    "marshal",
    "net",
    "nix",
    "nt",
    "os",
    "pdb",
    "pexpect",
    "pickle",
    "plugin",
    "plumbum",
    "portable_pty",
    "posix",
    "process",
    "profile",
    "pty",
    "runpy",
    "shelve",
    "shutil",
    "smol",
    "socket",
    "socketserver",
    "std",
    "subprocess",
    "sys",
    "syscall",
    "timeit",
    "tokio",
    "types",
    "unsafe",
    "vm",
    "worker_threads",
    "xshell",
    "yaml",
];

/// Something imported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// What is imported, as the person would allow it: a module, a crate, a package.
    pub name: String,
    /// How.
    pub way: Way,
    /// Where, in bytes.
    pub at: usize,
}

/// How something is imported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// By its name.
    Named,
    /// By a name that is put together while the program runs.
    Computed,
    /// What imports is handed on as a value; what it will import is not said here.
    HandedOn,
    /// Source of another crate, or of none, by its path from the root of the repository.
    Outside,
}

/// Why a name may be no crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Something of that name is declared, which may be no module, or not compiled.
    Declared,
    /// `use a::*` may bring in something of that name.
    Star,
}

/// What a file says.
#[derive(Default)]
pub struct Facts {
    /// What it imports.
    pub imports: Vec<Import>,
    /// Crates of Rust that it may name, where a manifest says whether it does.
    pub doubted: Vec<(Doubt, Import)>,
    /// The first place where names are too long or too many to be followed, if there is one: then
    /// the rest is not all of what the file says.
    pub lost_at: Option<usize>,
    /// Names it gave to what is imported or built in, and what each may stand for, the worst first:
    /// `cp` and `child_process`, `s` and `os.system`. Scopes are not told apart, and what is built
    /// in never loses its own meaning.
    pub(in crate::scan) meanings: BTreeMap<String, Vec<String>>,
    /// What imports or runs text in this language, and what leads to that.
    worst: &'static [&'static str],
    /// How many meanings were kept, and how many of them are among the worst.
    kept: (usize, usize),
    /// Where the last computed import ends.
    computed_until: usize,
}

impl Facts {
    /// Reads a file.
    pub fn of(source: &Source<'_>) -> Facts {
        let mut facts = Facts::default();
        match source.language {
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                facts.worst = javascript::WORST;
                facts.settle(|facts| javascript::read(source, facts));
            }
            Language::Python => {
                facts.worst = python::WORST;
                facts.settle(|facts| python::read(source, facts));
            }
            Language::Rust => {
                facts.worst = rust::WORST;
                rust::read(source, &mut facts);
            }
            Language::Go => go::read(source, &mut facts),
        }
        facts
    }

    fn settle(&mut self, read: impl Fn(&mut Facts)) {
        let mut before = self.kept;
        for _ in 0..READINGS_MAX {
            before = self.kept;
            self.imports.clear();
            self.computed_until = 0;
            read(self);
            if self.kept == before {
                return;
            }
        }
        // The last reading still found a new name for what imports: there may be more.
        if self.kept.1 > before.1 {
            self.lose(0);
        }
    }

    /// Notes that from here on not everything is known.
    pub(super) fn lose(&mut self, at: usize) {
        self.lost_at.get_or_insert(at);
    }

    pub(super) fn import(&mut self, name: impl Into<String>, way: Way, at: usize) {
        let name = name.into();
        match way {
            Way::Named if name.len() > NAME_BYTES_MAX => self.lose(at),
            _ => self.imports.push(Import { name, way, at }),
        }
    }

    /// An import of what this text will be. Those inside the text of another are told with it: so
    /// all texts together are no longer than the file.
    pub(super) fn computed(&mut self, text: &str, at: usize, within: &Range<usize>) {
        if within.start >= self.computed_until {
            self.computed_until = within.end;
            self.import(text, Way::Computed, at);
        }
    }

    pub(super) fn alias(&mut self, name: &str, stands_for: &str, at: usize) {
        if name.len().max(stands_for.len()) > NAME_BYTES_MAX || self.kept.0 >= NAMES_MAX {
            return self.lose(at);
        }
        let is_hidden = HIDDEN.contains(&name) && !self.meanings.contains_key(name);
        let mut meanings = if is_hidden { Vec::new() } else { self.meanings_of(name) };
        if meanings.iter().any(|known| known == stands_for) {
            return;
        }
        meanings.push(stands_for.to_owned());
        let key = |meaning: &String| (self.rank(meaning), meaning != name, meaning.len());
        meanings.sort_by_key(key);
        let left_out = if meanings.len() > MEANINGS_MAX { meanings.pop() } else { None };
        if left_out.as_ref().is_some_and(|meaning| self.rank(meaning) == 0) {
            self.lose(at);
        }
        if left_out.is_none_or(|meaning| meaning != stands_for) {
            self.kept.0 += 1;
            self.kept.1 += usize::from(self.rank(stands_for) == 0);
        }
        self.meanings.insert(name.to_owned(), meanings);
    }

    /// Whether a meaning is one that can do harm. Of a name's meanings these come first.
    pub(in crate::scan) fn can_harm(&self, meaning: &str) -> bool {
        self.rank(meaning) <= 1
    }

    /// How bad it is to be called this, from 0 for the worst.
    fn rank(&self, meaning: &str) -> u8 {
        let root = meaning.split(['.', '/', ':']).next().unwrap_or_default();
        match meaning {
            _ if self.worst.contains(&meaning) => 0,
            _ if HARMFUL.contains(&root) => 1,
            _ if !meaning.starts_with('.') => 2,
            _ => 3,
        }
    }

    /// What a name may stand for, where it is from elsewhere or built in; the worst first.
    pub(super) fn meanings_of(&self, name: &str) -> Vec<String> {
        let built_in = || match self.worst.contains(&name) {
            true => vec![name.to_owned()],
            false => Vec::new(),
        };
        self.meanings.get(name).cloned().unwrap_or_else(built_in)
    }
}
