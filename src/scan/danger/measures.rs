//! Fewer tests, fewer assertions in a test, and thresholds that became easier to keep.

use super::rules::{Group, pattern};
use super::view::View;
use crate::scan::change::ChangedFile;
use crate::scan::lines::{self, Line};
use crate::scan::parse::Code;
use crate::scan::syntax::{
    Language, PerKind, Source, Written, is_comment_kind, line_of, parts, walk,
};
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};
use tree_sitter::Node;

/// How much of the expression in front of a test's name is looked at.
const CALLEE_BYTES_MAX: usize = 64;

#[derive(Deserialize)]
struct Data {
    tests: Vec<TestsOf>,
    threshold: Vec<ThresholdData>,
}

#[derive(Deserialize)]
struct TestsOf {
    group: Group,
    case: String,
    assertion: String,
}

#[derive(Deserialize)]
struct ThresholdData {
    name: String,
    files: Option<String>,
    key: String,
    worse: Worse,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Worse {
    Lower,
    Higher,
}

/// What tells tests and thresholds.
pub(super) struct Measures {
    tests: Vec<Tests>,
    thresholds: Vec<Threshold>,
}

struct Tests {
    group: Group,
    case: Regex,
    assertion: Regex,
}

struct Threshold {
    name: String,
    files: Option<Regex>,
    key: Regex,
    worse: Worse,
}

/// What measures, or why it cannot be read: then nothing can be judged.
pub(super) fn data() -> Result<&'static Measures, &'static str> {
    static DATA: OnceLock<Result<Measures, String>> = OnceLock::new();
    let text = include_str!("../../../assets/scan/danger/measures.toml");
    DATA.get_or_init(|| read(text)).as_ref().map_err(String::as_str)
}

pub(super) fn read(text: &str) -> Result<Measures, String> {
    let data: Data = toml::from_str(text).map_err(|error| error.to_string())?;
    let pattern = |text: &str| pattern(text).map_err(|error| error.to_string());
    let tests = data.tests.into_iter().map(|tests| {
        let (case, assertion) = (pattern(&tests.case)?, pattern(&tests.assertion)?);
        Ok(Tests { group: tests.group, case, assertion })
    });
    let thresholds = data.threshold.into_iter().map(|threshold| {
        let files = threshold.files.as_deref().map(pattern).transpose()?;
        let key = pattern(&threshold.key)?;
        Ok(Threshold { name: threshold.name, files, key, worse: threshold.worse })
    });
    let tests = tests.collect::<Result<_, String>>()?;
    Ok(Measures { tests, thresholds: thresholds.collect::<Result<_, String>>()? })
}

/// A test of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) line: u32,
    pub(super) assertions: usize,
    /// Whether nobody runs it where it stands.
    pub(super) is_idle: bool,
    /// Whether it passes by failing.
    pub(super) has_to_panic: bool,
    /// Whether it is compiled under a condition.
    pub(super) is_conditional: bool,
}

/// The tests of a file by their names; what two of the same name assert is added, and what keeps
/// one of them from running is told of both.
pub(super) type Cases = BTreeMap<String, Case>;

/// Whether a file may have tests: each has one of the words that tell them. Then both sides are
/// counted.
pub(super) fn has_tests(bytes: &[u8]) -> bool {
    static WORDS: LazyLock<Option<regex::bytes::Regex>> = LazyLock::new(|| {
        let words = r"(?-u)test|Test|\bit\b|specify|bench|quickcheck|Fuzz|Example";
        regex::bytes::Regex::new(words).ok()
    });
    WORDS.as_ref().is_none_or(|words| words.is_match(bytes))
}

/// A test as the tree of its file tells it.
pub struct Test {
    name: String,
    line: u32,
    /// What of it runs, in bytes.
    range: Range<usize>,
    is_idle: bool,
    has_to_panic: bool,
    is_conditional: bool,
}

/// The tests of a file.
pub(in crate::scan) fn tests_of(source: &Source<'_>) -> Vec<Test> {
    let mut found = Vec::new();
    let Some(tests) = told_by(source.language) else { return found };
    if !has_tests(source.text.as_bytes()) {
        return found;
    }
    static KINDS: PerKind<Kind> = PerKind::new(Kind::of);
    let kinds = KINDS.of(source.language);
    let mut is_marked = false;
    let (mut has_to_panic, mut is_conditional) = (false, false);
    let mut dead_until = 0;
    let mut around = Vec::<Around>::new();
    walk(&source.tree, |node| {
        let kind = PerKind::get(kinds, node);
        while around.last().is_some_and(|it| it.end <= node.start_byte()) {
            around.pop();
        }
        if kind == Kind::End {
            dead_until = dead_until.max(unreached_until(source, node, around.last()));
        }
        if kind == Kind::Case
            && let Some(name) = test_name(source, tests, node, is_marked)
        {
            let end = end_of_run(node).unwrap_or(node.end_byte());
            let is_hidden = around.last().is_some_and(|it| it.hides_tests);
            let is_idle = node.start_byte() < dead_until || is_hidden;
            found.push(Test {
                name,
                line: line_of(node.start_position().row),
                range: node.start_byte()..end,
                is_idle,
                has_to_panic,
                is_conditional,
            });
        }
        match kind {
            Kind::Attribute => {
                let name = attribute_name(source, node);
                is_marked |= tests.case.is_match(&name);
                has_to_panic |= name == "should_panic";
                is_conditional |= name == "cfg";
            }
            Kind::Comment => {}
            Kind::Case | Kind::End | Kind::Other => {
                (is_marked, has_to_panic, is_conditional) = (false, false, false);
            }
        }
        around.push(Around::of(source, node, around.last()));
        !matches!(kind, Kind::Attribute | Kind::Comment)
    });
    found
}

/// A node that others may stand in. A tree is asked for what is around a node from its root on, so
/// it is noted on the way there.
struct Around {
    end: usize,
    is_block: bool,
    hides_tests: bool,
}

impl Around {
    /// Tests are looked for in Python in no function and no class but one that is called so or
    /// inherits, in Rust in no function.
    fn of(source: &Source<'_>, node: Node<'_>, outer: Option<&Around>) -> Self {
        let kind = node.kind();
        let is_hiding = match kind {
            "function_definition" | "function_item" => true,
            "class_definition" => {
                let name = node.child_by_field_name("name").map(|name| source.text_of(name));
                name.is_none_or(|name| !name.starts_with("Test"))
                    && node.child_by_field_name("superclasses").is_none()
            }
            _ => false,
        };
        let hides_tests = is_hiding || outer.is_some_and(|outer| outer.hides_tests);
        // A file of JavaScript may end early too.
        let is_block = kind.ends_with("block") || kind == "program";
        Self { end: node.end_byte(), is_block, hides_tests }
    }
}

/// What tells the tests of a language.
fn told_by(language: Language) -> Option<&'static Tests> {
    let group = Group::of(Written::In(language)).first()?;
    data().ok()?.tests.iter().find(|tests| tests.group == *group)
}

/// The tests of a file, and what they assert.
pub(super) fn cases(code: &Code<'_>, view: &View) -> Cases {
    let mut cases = Cases::new();
    if let Some(tests) = told_by(code.language).filter(|_| !code.tests().is_empty()) {
        let assertions = view.places(&tests.assertion);
        let before = |end: usize| assertions.partition_point(|at| *at < end);
        for test in code.tests() {
            let case = cases.entry(test.name.clone()).or_default();
            case.line = test.line;
            case.is_idle |= test.is_idle;
            case.has_to_panic |= test.has_to_panic;
            case.is_conditional |= test.is_conditional;
            let count = before(test.range.end).saturating_sub(before(test.range.start));
            case.assertions += count;
        }
    }
    cases
}

/// What a node is to who looks for tests.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    Attribute,
    Comment,
    /// It may be a test.
    Case,
    /// What stands behind it, or in it, may never run.
    End,
    #[default]
    Other,
}

impl Kind {
    fn of(kind: &str) -> Self {
        match kind {
            "attribute_item" => Kind::Attribute,
            "call_expression" | "function_item" => Kind::Case,
            "function_definition" | "function_declaration" => Kind::Case,
            "return_statement" | "throw_statement" | "if_statement" => Kind::End,
            _ if is_comment_kind(kind) => Kind::Comment,
            _ => Kind::Other,
        }
    }
}

/// Up to where nothing runs: behind a statement that ends a block, or below one that never holds.
fn unreached_until(source: &Source<'_>, node: Node<'_>, around: Option<&Around>) -> usize {
    if node.kind() != "if_statement" {
        return around.filter(|it| it.is_block).map_or(0, |it| it.end);
    }
    let condition = node.child_by_field_name("condition").map(|it| source.text_of(it));
    let is_never = condition
        .is_some_and(|it| ["false", "False", "0"].contains(&it.trim_matches(['(', ')', ' '])));
    let below = node.child_by_field_name("consequence").filter(|_| is_never);
    below.map_or(0, |below| below.end_byte())
}

/// Where a test ends before its end: behind a `return` among the statements of its body.
fn end_of_run(test: Node<'_>) -> Option<usize> {
    let run = match test.child_by_field_name("arguments") {
        Some(arguments) => parts(arguments).into_iter().next_back()?,
        None => test,
    };
    let mut statements = parts(run.child_by_field_name("body")?);
    if let [list] = statements.as_slice()
        && list.kind() == "statement_list"
    {
        statements = parts(*list);
    }
    let is_return = |node: &Node<'_>| match node.kind() {
        "return_statement" | "return_expression" => true,
        "expression_statement" => {
            parts(*node).first().is_some_and(|inner| inner.kind() == "return_expression")
        }
        _ => false,
    };
    statements.iter().find(|node| is_return(node)).map(Node::end_byte)
}

/// The path of an attribute, not what it is given: `#[cfg(test)]` marks no test.
fn attribute_name(source: &Source<'_>, node: Node<'_>) -> String {
    let attribute = parts(node).into_iter().next();
    let path = attribute.and_then(|attribute| parts(attribute).into_iter().next());
    path.map(|path| source.text_of(path).to_owned()).unwrap_or_default()
}

fn test_name(
    source: &Source<'_>,
    tests: &Tests,
    node: Node<'_>,
    is_marked: bool,
) -> Option<String> {
    match node.kind() {
        "call_expression" if tests.group == Group::Script => {
            let callee = source.text_of(node.child_by_field_name("function")?);
            let end = callee.floor_char_boundary(CALLEE_BYTES_MAX);
            if !tests.case.is_match(&callee[..end]) {
                return None;
            }
            let name = parts(node.child_by_field_name("arguments")?).into_iter().next()?;
            source.literal(name).map(str::to_owned)
        }
        "function_item" if is_marked => {
            Some(source.text_of(node.child_by_field_name("name")?).to_owned())
        }
        "function_definition" | "function_declaration" if tests.group != Group::Script => {
            let name = source.text_of(node.child_by_field_name("name")?);
            tests.case.is_match(name).then(|| name.to_owned())
        }
        _ => None,
    }
}

/// The modules of Rust that a file declares and that have files of their own.
pub(super) fn modules(view: &View) -> BTreeSet<String> {
    static MODULE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?:^|[^\w])mod (\w+);").ok());
    let found = MODULE.iter().flat_map(|module| module.captures_iter(&view.text));
    let is_code = |at: usize| view.lines(at..at).is_some();
    let found = found.filter_map(|found| found.get(1)).filter(|name| is_code(name.start()));
    found.map(|name| name.as_str().to_owned()).collect()
}

/// A threshold that a file made easier to keep.
pub(super) struct Eased {
    pub(super) name: &'static str,
    pub(super) line: Option<u32>,
    pub(super) why: String,
}

/// What became easier: the same words with a number that is worse, or gone.
pub(super) fn eased(file: &ChangedFile) -> Vec<Eased> {
    let path = String::from_utf8_lossy(&file.path).into_owned();
    let mut found = Vec::new();
    let mut taken = lines::taken(file).peekable();
    if taken.peek().is_none() {
        return found;
    }
    drop(taken);
    for threshold in data().map(|data| &data.thresholds).into_iter().flatten() {
        if threshold.files.as_ref().is_some_and(|files| !files.is_match(&path)) {
            continue;
        }
        let mut after = BTreeMap::<String, VecDeque<(u32, f64)>>::new();
        for (key, at, number) in numbers(lines::brought(file), &threshold.key) {
            after.entry(key).or_default().push_back((at, number));
        }
        for (key, _, before) in numbers(lines::taken(file), &threshold.key) {
            let now = after.get_mut(&key).and_then(VecDeque::pop_front);
            let why = match now {
                Some((_, now)) if threshold.worse == Worse::Lower && now >= before => continue,
                Some((_, now)) if threshold.worse == Worse::Higher && now <= before => continue,
                Some((_, now)) => format!("{key}: {now}, before the change {before}"),
                None => format!("{key}: no longer here, before the change {before}"),
            };
            let line = now.map(|(line, _)| line);
            found.push(Eased { name: &threshold.name, line, why });
        }
    }
    found
}

/// The numbers that stand behind a key.
fn numbers<'a>(lines: impl Iterator<Item = Line<'a>>, key: &Regex) -> Vec<(String, u32, f64)> {
    let mut numbers = Vec::new();
    for Line { number: line, text, .. } in lines {
        let text = String::from_utf8_lossy(&text);
        for found in key.captures_iter(&text) {
            if let Ok(number) = found[2].parse() {
                numbers.push((found[1].to_owned(), line, number));
            }
        }
    }
    numbers
}
