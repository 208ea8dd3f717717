//! The check `imports`: what the changed files import after the change and did not before has to be
//! allowed. A file that cannot be read as source is a violation, never a pass (U-03).

mod facts;
mod go;
mod javascript;
mod manifest;
mod python;
mod rust;

#[cfg(test)]
mod name_tests;
#[cfg(test)]
mod tests;

pub(super) use facts::Facts;

use super::change::{Change, ChangedFile, MODE_LINK, MODE_SUBMODULE, Side};
use super::each::each;
use super::found::{Found, Spot, listed};
use super::parse::{Budget, Code, SOURCE_BYTES_MAX, Unparsed};
use super::syntax::{Language, Written, written};
use super::{Seen, Settings};
use crate::base::count::count;
use crate::model::verdict::Weight;
use facts::{Import, Way};
use manifest::{Manifest, crates};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// How much of a name goes into a message.
const NAME_CHARS_MAX: usize = 80;

/// Looks at every file of a change.
pub fn look(change: &Change, settings: &Settings<'_>) -> Seen {
    let Some(allowed) = &settings.scan.allowed_imports else {
        let looked_at = "nothing: [scan] allowed_imports is not set, any import may be added";
        return Seen { looked_at: looked_at.into(), ..Seen::default() };
    };
    let mut found = Found::new("imports");
    let (mut files, mut unread) = (0, Vec::new());
    let crates = change.manifests.iter().map(|(folder, manifest)| (&**folder, crates(manifest)));
    let crates: BTreeMap<&[u8], BTreeSet<String>> = crates.collect();
    let look = |file, budget: &Budget, found: &mut Found| {
        let crates = &crates;
        let mut scan = Scan { allowed, crates, budget, found, unread: None, is_looked_into: false };
        scan.file(file);
        (scan.unread, scan.is_looked_into)
    };
    let take = |(language, is_looked_into): (Option<String>, bool)| {
        unread.extend(language);
        files += usize::from(is_looked_into);
    };
    if !each(&change.files, settings, &mut found, look, take) {
        return Seen::given_up();
    }
    let unjudged =
        (!unread.is_empty()).then(|| format!("cannot read the language of {}", listed(&unread)));
    let files = count(files as u64, "changed file");
    found.done(format!("the imports of {files} of source or packages"), unjudged)
}

/// A look at one file.
struct Scan<'a> {
    allowed: &'a [String],
    /// What crates may be called in the folders around the file.
    crates: &'a BTreeMap<&'a [u8], BTreeSet<String>>,
    budget: &'a Budget,
    found: &'a mut Found,
    /// The file, if it is source without a grammar.
    unread: Option<String>,
    /// Whether the file may import something.
    is_looked_into: bool,
}

/// The way of an import and its name: two of them are the same if these are.
type Key = (Way, String);

fn key(import: &Import) -> Key {
    (import.way, import.name.clone())
}

impl Scan<'_> {
    fn file(&mut self, file: &ChangedFile) {
        let Some(new) = file.new.as_ref().filter(|side| side.mode != MODE_SUBMODULE) else {
            return;
        };
        let written = written(&file.path, &new.bytes);
        if new.mode == MODE_LINK {
            let is_manifest = Manifest::of(&file.path).is_some();
            if is_manifest || matches!(written, Written::In(_)) {
                let what = if is_manifest { "a manifest" } else { "source" };
                let why = &format!("a link with the name of {what}: what it leads to is not read");
                let spot = Spot { text: &new.bytes, ..Spot::default() };
                self.found.add(file, "link", Weight::Violation, spot, why);
            }
            return;
        }
        if let Some(manifest) = Manifest::of(&file.path) {
            self.is_looked_into = true;
            self.packages(file, manifest, new);
        }
        if file.path.split(|byte| *byte == b'/').next_back() == Some(b"build.rs")
            && file.old.is_none()
            && !is_allowed(self.allowed, "build.rs", &[])
        {
            let why = "runs whenever the crate is built: build.rs";
            self.found.add(file, "build-script", Weight::Violation, Spot::default(), why);
        }
        match written {
            Written::In(language) => {
                self.is_looked_into = true;
                self.source(file, language, new);
            }
            Written::Unread => self.unread = Some(file.shown().shown()),
            Written::Shell | Written::Data => {}
        }
    }

    fn source(&mut self, file: &ChangedFile, language: Language, new: &Side) {
        let code = match self.budget.parse(language, new) {
            Ok(code) => code,
            Err(unparsed) => return self.unparsed(file, language, unparsed),
        };
        let after = code.facts();
        if let Some(at) = after.lost_at {
            let why = "names that are too long or too many to follow: what it imports is not known";
            self.found.add(file, "unclear", Weight::Violation, Spot::at(&new.bytes, at), why);
        }
        let is_refused = |import: &&Import| {
            import.way != Way::Named
                || !is_allowed(self.allowed, &import.name, separators(language))
        };
        let is_meant = |import: &&Import| self.is_crate(file, &import.name);
        let hidden = after.hidden.iter().filter(is_meant);
        let refused: Vec<&Import> = after.imports.iter().chain(hidden).filter(is_refused).collect();
        if refused.is_empty() {
            return;
        }
        let before = self.before(file, language);
        let mut told = BTreeSet::new();
        for import in refused {
            let whole = import.name.rsplit_once('.').map(|(whole, _)| whole.to_owned());
            // `from a import b` brings nothing new where `import a` was.
            let is_part = language == Language::Python
                && whole.is_some_and(|whole| before.contains(&(Way::Named, whole)));
            if is_part || before.contains(&key(import)) || !told.insert(key(import)) {
                continue;
            }
            let (rule, why) = why(import);
            let spot = Spot::at(&new.bytes, import.at);
            self.found.add(file, rule, Weight::Violation, spot, &why);
        }
    }

    fn before(&mut self, file: &ChangedFile, language: Language) -> BTreeSet<Key> {
        let old = file.old.as_ref().filter(|old| old.mode != MODE_LINK);
        let parsed = old.and_then(|old| self.budget.parse(language, old).ok());
        let facts = parsed.as_ref().map(Code::facts);
        let is_meant = |import: &&Import| self.is_crate(file, &import.name);
        let all = |facts| -> Vec<&Import> {
            let Facts { imports, hidden, .. }: &Facts = facts;
            imports.iter().chain(hidden.iter().filter(is_meant)).collect()
        };
        facts.iter().flat_map(|facts| all(facts)).map(key).collect()
    }

    /// Whether a manifest around a file names a crate that paths may begin with so.
    fn is_crate(&self, file: &ChangedFile, name: &str) -> bool {
        let ends = (0..file.path.len()).filter(|at| file.path[*at] == b'/');
        let mut folders = ends.map(|end| &file.path[..end]).chain([&b""[..]]);
        folders.any(|folder| self.crates.get(folder).is_some_and(|crates| crates.contains(name)))
    }

    fn unparsed(&mut self, file: &ChangedFile, language: Language, unparsed: Unparsed) {
        let old = file.old.as_ref();
        let was = old.map(|old| self.budget.parse(language, old).is_ok());
        let before = match was {
            None => "",
            Some(true) => "; before the change it was",
            Some(false) => "; nor was it before the change",
        };
        let why = format!("{}: what it imports is not known{before}", unparsed.words());
        let bytes = file.new.as_ref().map_or(&[][..], |new| &new.bytes);
        let spot = Spot::line_of(bytes, unparsed.line());
        self.found.add(file, "unparsed", Weight::Violation, spot, &why);
    }

    fn packages(&mut self, file: &ChangedFile, manifest: Manifest, new: &Side) {
        let read = |side: &Side| match side.bytes.len() > SOURCE_BYTES_MAX {
            true => Err("is larger than a scan reads"),
            false => manifest.packages(&side.bytes).ok_or("does not parse"),
        };
        let after = match read(new) {
            Ok(after) => after,
            Err(why) => {
                let why = format!("{why}: which packages it names is not known");
                return self.found.add(file, "unparsed", Weight::Violation, Spot::default(), &why);
            }
        };
        let before = file.old.as_ref().and_then(|old| read(old).ok()).unwrap_or_default();
        let lines = OnceCell::new();
        for name in after.difference(&before) {
            if is_allowed(self.allowed, name, &[]) {
                continue;
            }
            let spot =
                Spot::line_of(&new.bytes, line_naming(lines.get_or_init(|| words(file)), name));
            let why = format!("a new package: {} is not allowed", short(name));
            self.found.add(file, "package", Weight::Violation, spot, &why);
        }
    }
}

/// The rule an import breaks, and why.
fn why(import: &Import) -> (&'static str, String) {
    let name = short(&import.name);
    match import.way {
        Way::Named => ("new", format!("a new import: {name} is not allowed")),
        Way::Computed => {
            ("computed", format!("a new import that cannot be known before it runs: {name}"))
        }
        Way::HandedOn => {
            ("handed-on", format!("what imports is handed on, to import what nobody knows: {name}"))
        }
    }
}

fn short(name: &str) -> String {
    let mut short: String = name.chars().take(NAME_CHARS_MAX).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}

/// Whether an import begins with something allowed, and does not merely share letters with it:
/// `serde` allows `serde::de` and not `serde_json`. A package's name has no parts.
fn is_allowed(allowed: &[String], name: &str, parts: &[char]) -> bool {
    allowed.iter().any(|prefix| {
        name.strip_prefix(prefix.as_str()).is_some_and(|rest| {
            rest.is_empty() || prefix.ends_with(['/', '.', ':', '@']) || rest.starts_with(parts)
        })
    })
}

/// What separates the parts of an import's name.
fn separators(language: Language) -> &'static [char] {
    match language {
        Language::Python => &['.', '/'],
        Language::Rust => &[':', '/'],
        _ => &['/'],
    }
}

/// The words of the added lines as a name of a package may stand there, and the first line of each.
fn words(file: &ChangedFile) -> BTreeMap<String, u32> {
    let mut words = BTreeMap::new();
    for (number, line) in file.added_lines() {
        let line = String::from_utf8_lossy(line).to_lowercase();
        let is_end = |c: char| !(c.is_alphanumeric() || "-_./@#:".contains(c));
        for word in line.split(is_end).flat_map(|word| [word, own_name(word)]) {
            words.entry(word.trim_end_matches(':').to_owned()).or_insert(number);
        }
    }
    words
}

/// `a` of `a@https://elsewhere`.
fn own_name(name: &str) -> &str {
    name.rsplit_once('@').map(|(own, _)| own).filter(|own| !own.is_empty()).unwrap_or(name)
}

/// The first added line that names a package.
fn line_naming(words: &BTreeMap<String, u32>, name: &str) -> Option<u32> {
    let own = own_name(name);
    let name = own.strip_prefix("scripts.").or(own.strip_prefix("bin.")).unwrap_or(own);
    words.get(&name.split(' ').next()?.to_lowercase()).copied()
}
