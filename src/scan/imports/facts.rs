//! What a file says about names from elsewhere: what it imports, and by which names it calls that.
//! One file per language reads them from its tree.

use super::{go, javascript, python, rust};
use crate::scan::syntax::{Language, Source};
use std::collections::{BTreeMap, BTreeSet};

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
}

/// What a file says.
#[derive(Default)]
pub struct Facts {
    /// What it imports.
    pub imports: Vec<Import>,
    /// Names it gave to what is imported or built in, and what they stand for: `cp` and
    /// `child_process`, `s` and `os.system`. Scopes are not told apart.
    pub aliases: BTreeMap<String, String>,
    /// Everything that a name of those was given to.
    pub meanings: BTreeMap<String, BTreeSet<String>>,
}

impl Facts {
    /// Reads a file.
    pub fn of(source: &Source<'_>) -> Facts {
        let mut facts = Facts::default();
        match source.language {
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                javascript::read(source, &mut facts);
            }
            Language::Python => python::read(source, &mut facts),
            Language::Rust => rust::read(source, &mut facts),
            Language::Go => go::read(source, &mut facts),
        }
        facts
    }

    pub(super) fn import(&mut self, name: impl Into<String>, way: Way, at: usize) {
        self.imports.push(Import { name: name.into(), way, at });
    }

    pub(super) fn alias(&mut self, name: impl Into<String>, stands_for: impl Into<String>) {
        let (name, stands_for) = (name.into(), stands_for.into());
        self.meanings.entry(name.clone()).or_default().insert(stands_for.clone());
        self.aliases.insert(name, stands_for);
    }

    /// What a name stands for.
    pub(super) fn resolved(&self, name: &str) -> String {
        self.aliases.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}
