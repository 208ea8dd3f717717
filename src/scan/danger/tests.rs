//! Every rule in its example and not in its counterexample, and what people do to hide from rules.

use super::super::change::tests::file;
use super::*;
use crate::config::repository::Scan as Asked;
use crate::model::task::Kind;
use crate::model::verdict::Finding;
use crate::scan::built_in;
use crate::scan::parse::tests::code;
use serde::Deserialize;

fn seen(files: Vec<ChangedFile>) -> Seen {
    let scan = Asked::default();
    let settings = Settings { scan: &scan, kind: Kind::Fix, cancel: &|| false };
    look(&Change::of(files, Vec::new()), &settings)
}

#[test]
fn what_the_repository_allows_is_told_and_stops_nothing_there_alone() {
    let allowed = |rule: &str, path: &str| {
        let paths = vec![path.to_owned()];
        let why = "it is a runner".to_owned();
        vec![AllowedDanger { rule: format!("danger/{rule}"), paths, why }]
    };
    let code = "fn f() { std::process::Command::new(\"ls\"); unsafe { g() } }\n";
    let weights = |allowed_danger: Vec<AllowedDanger>| {
        let scan = Asked { allowed_danger, ..Asked::default() };
        let settings = Settings { scan: &scan, kind: Kind::Fix, cancel: &|| false };
        let files = ["src/runner/a.rs", "src/b.rs"].map(|path| file(path, None, Some(code)));
        let seen = look(&Change::of(files.into(), Vec::new()), &settings);
        let told = seen.findings.iter().map(|it| {
            (format!("{} {}", it.path, it.rule), it.weight, it.why.raw().contains("a runner"))
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        (told, seen.unjudged)
    };
    let (told, _) = weights(allowed("process", "src/runner/**"));
    let expected = [
        ("src/b.rs danger/process", Weight::Violation, false),
        ("src/b.rs danger/unsafe", Weight::Violation, false),
        ("src/runner/a.rs danger/process", Weight::Notice, true),
        ("src/runner/a.rs danger/unsafe", Weight::Violation, false),
    ];
    let expected = expected.map(|(what, weight, why)| (what.to_owned(), weight, why));
    assert_eq!(told, expected);
    let (_, unjudged) = weights(allowed("process", "a["));
    assert!(unjudged.unwrap().starts_with("allowed_danger, number 1: error parsing glob"));
}

fn findings(path: &str, before: Option<&str>, after: &str) -> Vec<Finding> {
    seen(vec![file(path, before, Some(after))]).findings
}

/// What is found, as `rule:line`.
fn found(path: &str, before: Option<&str>, after: &str) -> Vec<String> {
    let findings = findings(path, before, after).into_iter();
    findings
        .map(|finding| {
            let rule = finding.rule.strip_prefix("danger/").unwrap();
            finding.line.map_or(rule.to_owned(), |line| format!("{rule}:{line}"))
        })
        .collect()
}

fn new(path: &str, text: &str) -> Vec<String> {
    found(path, None, text)
}

/// Texts, and what has to be found in each.
fn all(cases: &[(&str, &str, &str)]) {
    let found = cases.iter().map(|(path, text, expected)| (text, expected, new(path, text)));
    let wrong = found.filter(|(_, expected, found)| !found.contains(&String::from(**expected)));
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "text, expected, found: {wrong:#?}");
}

#[derive(Deserialize)]
struct Shown {
    rule: Vec<ShownRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownRule {
    name: String,
    group: Group,
    #[serde(default, rename = "in")]
    _place: Option<Place>,
    #[serde(rename = "pattern")]
    _pattern: String,
    #[serde(rename = "weight")]
    _weight: Weight,
    why: String,
    example: String,
    counterexample: String,
}

#[test]
fn every_rule_is_found_in_its_example_and_not_in_its_counterexample() {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for rule in rules::FILES.iter().flat_map(|text| built_in::<Shown>(text).rule) {
        assert!(!rule.why.is_empty() && names.insert((rule.group, rule.name.clone())));
        let paths: &[&str] = match rule.group {
            Group::Script => &["a.js", "a.ts", "a.tsx"],
            Group::Python => &["a.py"],
            Group::Rust => &["a.rs"],
            Group::Go => &["a.go"],
            Group::Shell => &["a.sh", "Makefile"],
            Group::Unread => &["a.java"],
        };
        for path in paths {
            let is_found = |text: &str| {
                if let Written::In(language) = written(path.as_bytes(), b"") {
                    let parsed = code(language, text);
                    assert!(parsed.is_ok(), "{path} does not parse: {text}");
                }
                let name = format!("danger/{}", rule.name);
                findings(path, None, text).iter().any(|finding| finding.rule == name)
            };
            if !is_found(&rule.example) {
                wrong.push(format!("{path}: {} is not found in {}", rule.name, rule.example));
            }
            if is_found(&rule.counterexample) {
                wrong.push(format!("{path}: {} is found in {}", rule.name, rule.counterexample));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn another_name_hides_nothing_and_both_binding_and_use_are_told() {
    let both = "const x = require('child_process')\nfoo()\nx.exec('ls')\n";
    assert_eq!(new("a.js", both), ["child-process:1", "child-process:3"]);
    let old = "const x = require('child_process')\n";
    assert_eq!(found("a.js", Some(old), both), ["child-process:3"]);
    let cases = [
        ("a.mjs", "import cp from 'node:child_process'\ncp?.exec('ls')", "child-process:2"),
        ("a.cjs", "const { exec: e } = require('child_process');\ne('ls')", "child-process:2"),
        (
            "a.jsx",
            "const x = await import('child_process');\nx['ex' + 'ec']('ls')",
            "child-process:2",
        ),
        ("a.mts", "import cp = require('child_process');\ncp!.exec('ls')", "child-process:2"),
        ("a.ts", "const a = eval;\nconst b = a;\nb(text)", "eval:3"),
        ("a.py", "import os as o\ns = o.system\ns('ls')", "process:3"),
        ("a.py", "from os import system as s\n\ns('ls')", "process:3"),
        ("a.pyi", "import subprocess\n\nsubprocess.run(a)", "process:3"),
        ("a.py", "x = __import__('os')\n\nx.system('ls')", "process:3"),
        ("a.rs", "use std::process::{self, Command as C};\nfn f() {\nC::new(a); }", "process:3"),
        ("a.rs", "use std as s;\nfn f() {\ns::process::Command::new(a); }", "process:3"),
        ("a.go", "package a\nimport run \"os/exec\"\nvar a = run.Command(b)", "process:3"),
        ("a.go", "package a\nimport . \"os/exec\"\n", "process:2"),
    ];
    all(&cases);
}

#[test]
fn how_it_is_written_makes_no_difference() {
    let cases = [
        ("a.js", "eval/**/(x)"),
        ("a.js", "eval // a comment\n  (x)"),
        ("a.js", "\\u0065val(x)"),
        ("a.js", "\\u{65}val(x)"),
        ("a.js", "`${eval(x)}`"),
        ("a.js", "\u{feff}eval(x)\r\n"),
        ("bin/a", "#!/usr/bin/env node\neval(x)"),
        ("a.tsx", "let a = <p>{eval(x)}</p>"),
        ("a.py", "ev\\\nal(x)\neval \\\n (x)"),
        ("a.py", "f'{eval(x)}'"),
        ("bin/a", "#!/usr/bin/python3\neval(x)"),
    ];
    let found = cases.iter().map(|(path, text)| (text, new(path, text)));
    let is_missed = |found: &Vec<String>| !found.iter().any(|one| one.starts_with("eval:"));
    let missed: Vec<_> = found.filter(|(_, found)| is_missed(found)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let quiet = [
        ("a.js", "'eval(x)'; `eval(x)`; /eval(x)/; /* eval(x) */ // eval(x)"),
        ("a.tsx", "let a = <p>eval(x)</p>"),
        ("a.py", "'''eval(x)''' # eval(x)"),
        ("a.rs", "// unsafe\n/* unsafe */ const A: &str = r#\"unsafe \" unsafe\"#;"),
        ("a.go", "package a\nvar a = `os.RemoveAll(b)`"),
    ];
    let loud = quiet.iter().map(|(path, text)| (text, new(path, text)));
    let loud: Vec<_> = loud.filter(|(_, found)| !found.is_empty()).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn only_what_the_change_brings_is_told() {
    let old = "eval(a)\n/*\neval(b)\n*/\nlet c\n";
    assert_eq!(found("a.js", Some(old), "eval(a)\n/*\neval(b)\n*/\nlet d\n"), [""; 0]);
    // Two lines taken away, none added: what was a comment is code now.
    let mut uncommented = file("a.js", Some(old), Some("eval(a)\neval(b)\nlet c\n"));
    (uncommented.added, uncommented.removed) = (vec![], vec![2, 4]);
    let only = &seen(vec![uncommented]).findings;
    assert_eq!((only.len(), only[0].line), (1, Some(2)));
    // One line above moves everything down.
    assert_eq!(found("a.js", Some(old), &format!("let x\n{old}")), [""; 0]);
    // A call that a new line completes.
    let completed = "import os\nos.\\\nsystem(a)\n";
    assert_eq!(found("a.py", Some("import os\nos.\\\nx\n"), completed), ["process:3"]);
}

#[test]
fn a_file_without_a_tree_is_judged_by_its_words() {
    let broken = "let = = (\n// eval(x)\nlet a = child_process . exec(b)\n";
    assert_eq!(new("a.js", broken), ["eval:2", "child-process:3"]);
    let all = seen(vec![file("a.js", None, Some(broken))]);
    assert!(all.findings[0].why.raw().ends_with("the file does not parse, so words count"));
    assert_eq!(new("a.vue", "<script>eval(x)</script>"), ["eval:1"]);
    assert_eq!(new("a.rb", "x = 1\nsystem \"ls\"\n"), ["runs-something:2"]);
    assert_eq!(new("a.py", "# coding: utf-7\nx = 1\n"), ["unreadable"]);
    assert_eq!(new("a.js", &"x".repeat(10 << 20)), ["unreadable"]);
    let mut binary = file("a.js", None, Some("eval(x)\0"));
    (binary.added, binary.is_binary) = (vec![], true);
    assert_eq!(seen(vec![binary]).findings[0].rule, "danger/unreadable");
    assert_eq!(new("notes.txt", "eval(x)"), [""; 0]);
}

#[test]
fn a_text_made_to_be_slow_is_given_up() {
    let typescript = crate::scan::syntax::Language::TypeScript;
    let parse = |text: &str| code(typescript, text).err();
    let slow = "(a,".repeat(60_000);
    assert_eq!(parse(&slow), Some(Unparsed::TooMuchWork));
    assert_eq!(new("a.ts", &format!("eval(x)\n{slow}")), ["unreadable", "eval:1"]);
}

#[test]
fn tests_that_assert_less_or_are_gone_are_told() {
    let python = "def test_a():\n    assert a\n    assert b\ndef test_b():\n    assert c\n";
    let less = "def test_a():\n    assert a\ndef test_b():\n    assert c\n";
    assert_eq!(found("test_x.py", Some(python), less), ["weakened-test:1"]);
    let notice = findings("test_x.py", Some(python), less).remove(0);
    assert_eq!(notice.weight, Weight::Notice);
    let none = "def test_a():\n    a\n    b\ndef test_b():\n    assert c\n";
    assert_eq!(findings("test_x.py", Some(python), none)[0].weight, Weight::Violation);
    let commented = "def test_a():\n    assert a\n    assert b\n#def test_b():\n#    assert c\n";
    let gone = findings("test_x.py", Some(python), commented).remove(0);
    assert_eq!((gone.rule.as_str(), gone.weight), ("danger/deleted-test", Weight::Violation));
    let renamed = python.replace("test_b", "test_c");
    let moved = findings("test_x.py", Some(python), &renamed).remove(0);
    assert_eq!((moved.rule.as_str(), moved.weight), ("danger/deleted-test", Weight::Notice));
    let files = vec![file("test_x.py", Some(python), None), file("test_y.py", None, Some(python))];
    assert_eq!(seen(files).findings, []);
    let deleted = seen(vec![file("test_x.py", Some(python), None)]).findings;
    assert_eq!((deleted.len(), deleted[0].weight), (2, Weight::Violation));
    assert_eq!(found("test_x.py", Some(python), "def ("), ["unread-tests"]);
}

#[test]
fn tests_are_known_in_every_language() {
    let cases = [
        (
            "a.test.ts",
            "describe('x', () => { it('works', () => { expect(a).toBe(1) }) })",
            "expect(a).toBe(1)",
        ),
        ("a.js", "test.each([1])('works', (a) => { assert.equal(a, 1) })", "assert.equal(a, 1)"),
        (
            "a.rs",
            "#[cfg(test)]\nmod t {\n#[tokio::test]\n// why\nfn works() { assert_eq!(a, 1); }\n}",
            "assert_eq!(a, 1);",
        ),
        ("a_test.go", "package a\nfunc TestA(t *testing.T) { t.Fatal(1) }", "t.Fatal(1)"),
        (
            "a.py",
            "class T:\n    def test_a(self):\n        self.assertEqual(a, 1)",
            "self.assertEqual(a, 1)",
        ),
    ];
    for (path, text, assertion) in cases {
        let calm = match path {
            "a.py" => "pass",
            _ => "",
        };
        let found = found(path, Some(text), &text.replace(assertion, calm));
        assert!(found.iter().any(|one| one.starts_with("weakened-test:")), "{path}: {found:?}");
    }
    assert_eq!(
        found("a.rs", Some("#[cfg(test)]\nfn works() { assert!(a) }"), "fn x() {}"),
        [""; 0]
    );
}

#[test]
fn thresholds_that_became_easier_are_told() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("setup.cfg", "fail_under = 90\n", "fail_under = 80\n", &["lowered-coverage:1"]),
        ("setup.cfg", "fail_under = 80\n", "fail_under = 90.5\n", &[]),
        ("ci.yml", "x --cov-fail-under=90\n", "x\n", &["lowered-coverage"]),
        (
            "jest.config.js",
            "f({ branches: 90,\n lines: 90 })\n",
            "f({ branches: 90,\n lines: 9 })\n",
            &["lowered-coverage-of-jest:2"],
        ),
        (
            "package.json",
            "{\"lint\": \"eslint --max-warnings 0\"}",
            "{\"lint\": \"eslint --max-warnings 9\"}",
            &["lowered-limit-of-lints:1"],
        ),
        (
            "clippy.toml",
            "too-many-lines-threshold = 70\n",
            "too-many-lines-threshold = 700\n",
            &["lowered-limit-of-lints:1"],
        ),
    ];
    for (path, before, after, expected) in cases {
        assert_eq!(found(path, Some(before), after), *expected, "{path}");
    }
}

#[test]
fn deep_nesting_and_many_findings_stay_within_bounds() {
    let deep = format!("{}eval(x){}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(new("a.js", &deep), ["eval:1"]);
    let member = format!("a{}; eval(x)", "['b']".repeat(5_000));
    assert_eq!(new("a.js", &member), ["eval:1"]);
    let many = seen(vec![file("a.js", None, Some(&"eval(x)\n".repeat(3_000)))]);
    assert_eq!((many.findings.len(), many.count()), (2_000, 3_000));
    assert!(many.findings.iter().all(|finding| finding.snippet.raw().len() < 1_000));
}

#[test]
fn a_text_that_grows_when_its_names_are_followed_is_given_up() {
    let names: Vec<String> = (0..2_000).map(|number| format!("a{number}")).collect();
    let names = names.join(",");
    for length in [150, 9_000] {
        let text = format!("import {{{names}}} from './{}'\neval(x)\n", "m".repeat(length));
        assert_eq!(new("a.js", &text), ["unreadable", "eval:2"]);
        let language = crate::scan::syntax::Language::JavaScript;
        let code = code(language, &text).unwrap();
        let names = Names::of(&code);
        let bytes = names.map(|names| View::of(&code, &names, 0).text.len());
        assert!(bytes.unwrap_or_default() <= 4 * text.len() + (64 << 10), "{bytes:?}");
    }
    let many: String = (0..3_000).map(|number| format!("a = require('./{number}')\n")).collect();
    let many = format!("{many}a = require('child_process')\na.execSync(x)\n");
    assert!(new("a.js", &many).contains(&"child-process:3002".to_string()), "the worst is kept");
    let ordinary =
        format!("import {{ readFile }} from 'node:fs/promises'\n{}", "f(readFile)\n".repeat(5_000));
    assert_eq!(new("a.js", &ordinary), [""; 0]);
}

#[test]
fn a_name_that_stands_for_several_things_is_judged_by_each() {
    let cases = [
        ("a.py", "import os, json\nos.system('id')\ndef f():\n    os = json\n", "process:2"),
        ("a.py", "import os\nos.system('id')\ndef f():\n    import json as os\n", "process:2"),
        ("a.py", "def f():\n    from .x import eval\n\ndef g():\n    eval(c)\n", "eval:5"),
        ("a.js", "function f() { var {z: eval} = require('./x') }\neval(c)", "eval:2"),
        (
            "a.js",
            "const cp = require('child_process')\ncp.execSync(a)\n\
             function f() { const cp = require('./x') }",
            "child-process:2",
        ),
        ("a.test.ts", "import { it } from 'vitest'\nit.skip('a', f)", "skipped-test:2"),
        ("a.rs", "use a as std;\nfn f() { std::process::Command::new(b); }", "process:2"),
        // Two names, one of which does harm in one meaning with the other in another.
        (
            "a.py",
            "import os, json\ng = open\nb = json\ndef f():\n    g = getattr\n    b = os\n\
             g(b, name)(text)\n",
            "hidden-builtin:7",
        ),
    ];
    all(&cases);
}

#[test]
fn what_has_no_lines_to_compare_is_judged_by_its_words_too() {
    let nul = |path: &str, before: Option<&str>, after: &str| {
        let mut changed = file(path, before, Some(after));
        (changed.added, changed.removed, changed.is_binary) = (vec![], vec![], true);
        changed
    };
    let rules = |changed: ChangedFile| {
        let findings = seen(vec![changed]).findings.into_iter();
        findings.map(|finding| (finding.rule, finding.line)).collect::<Vec<_>>()
    };
    let unreadable = || ("danger/unreadable".to_owned(), None);
    let is_run = |line| [unreadable(), ("danger/download-and-run".to_owned(), Some(line))];
    for path in ["a.sh", "Makefile", "ci.yml"] {
        let old = "curl a | sh\n";
        assert_eq!(rules(nul(path, Some(old), "\0\ncurl a | sh\ncurl b | s\0h\n")), is_run(3));
    }
    let padded = format!("curl b | sh\n{}", "# padding, and more\n".repeat(60_000));
    assert_eq!(rules(nul("a.sh", None, &padded)), is_run(1));
    let php = rules(nul("a.php", None, "\0\n<?php shell_exec($a);"));
    assert_eq!(php, [unreadable(), ("danger/runs-something".into(), Some(2))]);
    let empty = nul("a.sh", None, &"x\n".repeat((1 << 20) + 1));
    assert_eq!(seen(vec![empty]).findings[0].weight, Weight::Violation, "more than is read");
    let lowered = nul(".coveragerc", Some("fail_under = 90\n"), "\0\nfail_under = 10\n");
    assert_eq!(rules(lowered), [("danger/lowered-coverage".into(), Some(2))]);
}

#[test]
fn a_program_without_a_known_language_is_a_script() {
    let script = |mode| {
        let mut script = file("bin/run", None, Some("curl a | sh\n"));
        script.new.as_mut().unwrap().mode = mode;
        script
    };
    assert_eq!(seen(vec![script(0o100_644)]).findings, []);
    assert_eq!(seen(vec![script(0o100_755)]).findings[0].rule, "danger/download-and-run");
    let mut made = script(0o100_755);
    made.old = script(0o100_644).new;
    made.added.clear();
    assert_eq!(seen(vec![made]).findings[0].rule, "danger/download-and-run");
}

#[test]
fn a_test_that_is_emptied_is_told_whatever_it_is_called_now() {
    let old = "def test_a():\n    assert a\n";
    let emptied = findings("test_x.py", Some(old), "def test_b():\n    pass\n").remove(0);
    assert_eq!((emptied.rule.as_str(), emptied.weight), ("danger/deleted-test", Weight::Violation));
    let cases = [
        ("test_x.py", old, "    assert", "    return\n    assert"),
        ("a.js", "it('a', () => {\nexpect(a).toBe(1)\n})", "expect", "return\nexpect"),
        ("a.js", "test('a', function () {\nassert(a)\n})", "assert", "return;\nassert"),
        ("a.rs", "#[test]\nfn a() {\nassert!(a);\n}", "assert", "return;\nassert"),
        (
            "a_test.go",
            "package a\nfunc TestA(t *testing.T) {\nt.Fatal(a)\n}",
            "t.Fatal",
            "return\nt.Fatal",
        ),
    ];
    for (path, old, from, to) in cases {
        let told = findings(path, Some(old), &old.replace(from, to));
        let told: Vec<_> = told.iter().map(|one| (one.rule.as_str(), one.weight)).collect();
        assert_eq!(told, [("danger/weakened-test", Weight::Violation)], "{path}");
    }
    let returned = "it('a', () => { return expect(a).toBe(1) })";
    let old = returned.replace("return ", "");
    assert_eq!(found("a.js", Some(&old), returned), [""; 0]);
}

#[test]
fn another_door_to_the_same_is_told() {
    let cases = [
        ("a.js", "process.getBuiltinModule('child_process').execSync(a)", "runtime-command:1"),
        ("a.js", "module.constructor._load('child_process')", "runtime-command:1"),
        ("a.js", "require('module')._load('child_process')", "runtime-command:1"),
        ("a.js", "import M from 'node:module'\nM._load('a')", "runtime-command:2"),
        ("a.js", "(() => {}).constructor(code)", "function-from-text:1"),
        ("a.js", "new (function () {}).constructor(code)", "function-from-text:1"),
        ("a.js", "f.constructor(code)", "constructor-called:1"),
        ("a.js", "(eval)(code)", "eval:1"),
        ("a.js", "((globalThis)).eval(code)", "eval-of-global:1"),
        ("a.py", "import os\n__import__('os').system(a)", "process:2"),
        ("a.py", "import os\n(os).system(a)", "process:2"),
        ("a.py", "x = (\n  (os)\n).system(a)", "process:2"),
        ("a.py", "__import__('o' 's').system(a)", "process:1"),
        ("a.py", "__import__(name='os').system(a)", "process:1"),
        ("a.py", "__import__('os', None).system(a)", "hidden-builtin:1"),
        ("a.py", "import importlib as i\ni.import_module('os').system(a)", "process:2"),
        ("a.py", "from importlib import import_module as m\nm('pickle').loads(a)", "unpickle:2"),
        ("a.py", "os.__dict__['system'](a)", "hidden-builtin:1"),
        ("a.py", "vars(os)['system'](a)", "hidden-builtin:1"),
        ("a.py", "import os as o\ngetattr(o, a)(b)", "hidden-builtin:2"),
        ("a.py", "__loader__.load_module('os')", "hidden-builtin:1"),
        ("a.py", "import sys\nsys.modules['os'].system(a)", "hidden-builtin:2"),
        ("a.py", "import posix\nposix.system(a)", "process:2"),
    ];
    all(&cases);
    let quiet = [
        ("a.py", "x = vars(a)\ny = getattr(a, 'b')\nprint((a).b, f('os').c)\n"),
        ("a.py", "import importlib\nimportlib.import_module('json').loads(a)\n"),
        ("a.js", "class A { constructor() { this.a = (b).c } }\nmodule.exports = A\n"),
    ];
    for (path, text) in quiet {
        assert_eq!(new(path, text), [""; 0], "{text}");
    }
}

#[test]
fn rules_that_cannot_be_read_are_not_taken_for_none() {
    let rule = "[[rule]]\nname = 'a'\ngroup = 'go'\nweight = 'notice'\nwhy = 'b'\npattern = ";
    let read = |pattern: &str| rules::Rules::read(&[&format!("{rule}'{pattern}'")]).is_ok();
    assert!(read("a") && !read("(") && !read("(a{1000}){1000}"));
    let tests = "threshold = []\n[[tests]]\ngroup = 'go'\nassertion = 'a'\ncase = ";
    let read = |pattern: &str| measures::read(&format!("{tests}'{pattern}'")).is_ok();
    assert!(read("a") && !read("("));
}
