//! What people do to hide from rules, in code that looks ordinary, and ordinary code that looks
//! like it.

use super::super::change::ChangedFile;
use super::super::change::tests::file;
use super::tests::{all, new, seen};
use crate::model::verdict::Weight;

#[test]
fn what_is_built_in_is_seen_through_other_doors() {
    let cases = [
        ("a.js", "Function?.('return 1')()", "function-from-text:1"),
        ("a.js", "globalThis?.['eval'](x)", "eval-of-global:1"),
        ("a.js", "Reflect.get(globalThis, 'eval')(x)", "eval-of-global:1"),
        ("a.js", "const {['ev' + 'al']: e} = globalThis\ne(x)", "eval-of-global:2"),
        ("a.js", "const {...g} = globalThis\ng.eval(x)", "eval-of-global:2"),
        (
            "a.js",
            "const A = Object.getPrototypeOf(async function () {}).constructor\nnew A(x)()",
            "function-from-text:2",
        ),
        ("a.js", "const G = (async () => {}).constructor\nG(x)()", "function-from-text:2"),
        ("a.js", "require('process').binding('spawn_sync')", "runtime-command:1"),
        ("a.js", "globalThis.process.binding('spawn_sync')", "runtime-command:1"),
        ("a.js", "import { $ as run } from 'bun'\nrun`ls`", "runtime-command:2"),
        ("a.ts", "import { execa } from 'execa'", "child-process:1"),
        ("a.ts", "import e = globalThis.eval\ne(x)", "eval-of-global:2"),
        ("a.js", "import('data:text/javascript,' + x)", "code-in-address:1"),
        ("a.py", "from random import _os\n_os.system(a)", "process:2"),
        ("a.py", "import tempfile\ntempfile._os.popen(a)", "process:2"),
        ("a.py", "globals().get('__builtins__')['eval'](a)", "hidden-builtin:1"),
        ("a.py", "f.__globals__['os'].system(a)", "hidden-builtin:1"),
        ("a.py", "import os\nobject.__getattribute__(os, 'sys' + 'tem')(a)", "hidden-builtin:2"),
        (
            "a.py",
            "import types\ntypes.FunctionType(compile(a, '', 'exec'), {})()",
            "made-of-code:2",
        ),
        ("a.py", "import code\ncode.InteractiveInterpreter().runsource(a)", "made-of-code:2"),
        ("a.py", "import yaml\nyaml.load(a, Loader=yaml.Loader)", "unpickle:2"),
        ("a.py", "import pandas as pd\npd.read_pickle(a)", "unpickle:2"),
        ("a.py", "loop.subprocess_exec(f, 'ls')", "process:1"),
        ("a.rs", "use std::*;\nfn f() { process::Command::new(a); }", "process:2"),
        ("a.rs", "fn f() { async_process::Command::new(a); }", "process:1"),
        ("a.rs", "use nix::unistd as u;\nfn f() { u::execvp(a, b); }", "process:2"),
        ("a.rs", "#[link_section = \".init_array\"]\nstatic A: fn() = f;", "native:1"),
        ("a.go", "package a\nimport . \"os\"\n", "process:2"),
        (
            "a.go",
            "package a\nimport e \"golang.org/x/sys/execabs\"\nvar a = e.Command(b)",
            "process:3",
        ),
        (
            "a.go",
            "package a\nimport u \"golang.org/x/sys/unix\"\nvar a = u.Exec(b, c, d)",
            "process:3",
        ),
    ];
    all(&cases);
}

#[test]
fn what_is_reached_behind_a_name_is_still_found() {
    let cases = [
        ("a.js", "function f() { this.process.binding('spawn_sync') }", "runtime-command:1"),
        ("a.js", "require.cache[__filename].require(name)", "computed-global:1"),
        ("a.js", "window.frames[name](text)", "computed-global:1"),
        ("a.py", "import os, subprocess\nsubprocess._fork_exec(a)", "process:2"),
        ("a.py", "from operator import attrgetter\nattrgetter('execvp')(o)(a)", "hidden-builtin:2"),
        (
            "a.py",
            "import operator\noperator.attrgetter('__init__.__globals__')(a)",
            "hidden-builtin:2",
        ),
        ("a.py", "import operator\noperator.attrgetter('f.__globals__')(a)", "hidden-builtin:2"),
        ("a.py", "import os as o\nglobals()['o'].system(a)", "computed-global:2"),
        ("a.py", "import os as o\np = globals()['o']", "computed-global:2"),
        ("a.py", "import sys\nsys.modules['runpy'].run_path(a)", "computed-global:2"),
        ("a.py", "import types as t\nimport a as t\nt.FunctionType(b, {})()", "made-of-code:3"),
        ("a.py", "import timeit as t\nimport a as t\nt.timeit(b)", "timed-text:3"),
    ];
    all(&cases);
    let quiet = [
        ("a.py", "import sys\nsys.modules['a'] = b\nglobals()['name'] = 1\n"),
        ("a.py", "sorted(a, key=attrgetter('__module__', '__name__', 'executor', 'a.run'))\n"),
        ("a.js", "this.process.kill(); process.env[name]; module.exports[name]"),
    ];
    let loud = quiet.iter().map(|(path, text)| (text, new(path, text)));
    let loud: Vec<_> = loud.filter(|(_, found)| !found.is_empty()).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn ordinary_code_that_looks_like_it_is_let_alone() {
    let quiet = [
        ("a.js", "const {...rest} = options; f(...[a], ...(b)); a?.[0]; b?.(c)"),
        ("a.js", "if (f.constructor === (async () => {}).constructor) g()"),
        ("a.js", "process.env[name]; this.process?.kill(); self.state[name] = 1; context.skip = f"),
        ("a.js", "require.main === module; process.argv[2]"),
        ("a.py", "import os\nos.path.join(a)\nself_os.system_name\nx.runner(code)\n"),
        ("a.py", "globals()['name'] = 1\nsorted(a, key=attrgetter('__module__', 'running'))\n"),
        ("a.py", "class A(unittest.TestCase):\n  def f(self):\n    self.assertTrue(a)\n"),
        ("a.py", "import yaml\nyaml.load(a, Loader=yaml.SafeLoader)\nyaml.safe_load(a)\n"),
        ("a.rs", "use crate::process::Command; use self::process::run; fn f() { a::exit(1) }"),
        (
            "a.go",
            "package a\nimport \"net/http\"\nvar s = http.Server{}\nvar f = http.ServeFile(a)\n",
        ),
    ];
    let loud = quiet.iter().map(|(path, text)| (text, new(path, text)));
    let loud: Vec<_> = loud.filter(|(_, found)| !found.is_empty()).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn a_test_that_cannot_fail_or_does_not_run_is_told() {
    let cases = [
        ("a.test.js", "test('a', { skip: true }, () => {})", "skipped-test:1"),
        ("a.test.js", "it.fails('a', () => {})", "skipped-test:1"),
        ("a.test.js", "test.runIf(false)('a', () => {})", "skipped-test:1"),
        ("a.test.js", "xit.each([1])('a', () => {})", "skipped-test:1"),
        ("a.test.js", "it('a', function () { this.skip() })", "skipped-while-running:1"),
        ("a.test.js", "expect(2).toBe(2)", "hollow-assertion:1"),
        ("a.test.js", "assert.strictEqual('a', 'a')", "hollow-assertion:1"),
        ("a.test.js", "try { expect(a).toBe(1) } catch {}", "hollow-assertion:1"),
        (
            "test_a.py",
            "import unittest\ndef test_a():\n  raise unittest.SkipTest('slow')",
            "skipped-test:3",
        ),
        ("conftest.py", "collect_ignore = ['test_a.py']", "skipped-test:1"),
        ("test_a.py", "def test_a():\n  assert 1 == 1\n", "hollow-assertion:2"),
        ("test_a.py", "def test_a():\n  assert (f(a) == 1, 'why')\n", "hollow-assertion:2"),
        (
            "test_a.py",
            "def test_a():\n  try:\n    assert a\n  except Exception:\n    pass\n",
            "swallowed-assertion:3",
        ),
        (
            "test_a.py",
            "from contextlib import suppress\nwith suppress(AssertionError):\n  f()",
            "suppressed-assertion:2",
        ),
        ("a.rs", "#[cfg(any())]\nmod tests {}", "compiled-out:1"),
        ("a.rs", "#![cfg(any())]\n#[test]\nfn a() {}", "compiled-out:1"),
        ("a.rs", "#[cfg(all(test, feature = \"x\"))]\nmod tests {}", "conditional-test:1"),
        ("a.rs", "fn f() { assert_eq!(2, 2); }", "hollow-assertion:1"),
        ("a_test.go", "//go:build never\n\npackage a\n", "build-condition:1"),
        ("a_test.go", "package a\nfunc TestA(tt *testing.T) { tt.SkipNow() }", "skipped-test:2"),
        ("a_test.go", "package a\nfunc TestA(tt *testing.T) { tt.Skip() }", "skipped-test:2"),
        (
            "a_test.go",
            "package a\nfunc TestA(t *testing.T) { assert.Equal(t, 1, 1) }",
            "hollow-assertion:2",
        ),
    ];
    all(&cases);
    let quiet = [
        ("a.test.js", "try { expect(a).toBe(1) } finally { close() }\nexpect('a').toMatch(b)"),
        ("test_a.py", "def test_a():\n  assert (a, b) == (1, 2), 'why'\n  assert f(1) == 1\n"),
        ("test_a.py", "def test_a():\n  try:\n    f()\n  except ValueError:\n    assert b\n"),
        ("a.rs", "#[cfg(test)]\nmod tests {\n#[test]\nfn a() { assert_eq!(1, f(1)); }\n}"),
        ("a_test.go", "package a\nfunc TestA(t *testing.T) { require.Equal(t, 1, f(1)) }"),
    ];
    let loud = quiet.iter().map(|(path, text)| (text, new(path, text)));
    let loud: Vec<_> = loud.filter(|(_, found)| !found.is_empty()).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

/// The rules that files break, and how they weigh.
fn rules(files: Vec<ChangedFile>) -> Vec<(String, Weight)> {
    let findings = seen(files).findings.into_iter();
    findings.map(|found| (found.rule, found.weight)).collect()
}

fn violation(rule: &str) -> Vec<(String, Weight)> {
    vec![(format!("danger/{rule}"), Weight::Violation)]
}

#[test]
fn a_test_that_is_still_there_and_does_not_run_is_told() {
    let cases = [
        ("test_a.py", "class TestA:\n def test_b(self):\n  assert a\n", "TestA", "CheckA"),
        ("test_a.py", "def test_b():\n  assert a\n", "def test_b():", "def f():\n def test_b():"),
        ("test_a.py", "if a:\n def test_b():\n  assert a\n", "if a", "if False"),
        (
            "a.test.ts",
            "describe('a', () => {\nit('b', () => { expect(c) })\n})",
            "it(",
            "return\nit(",
        ),
        ("a.test.js", "it('b', () => { expect(c) })", "it(", "if (false) it("),
        ("a.rs", "#[test]\nfn a() { assert!(b); }", "#[test]", "#[test]\n#[should_panic]"),
        ("a.test.js", "it('b', () => { expect(c) })", "it(", "return\nit("),
        ("a.rs", "#[test]\nfn a() { assert!(b); }\n", "#[test]", "fn f() {\n#[test]"),
    ];
    for (path, old, from, to) in cases {
        let mut new = old.replacen(from, to, 1);
        if to.starts_with("fn f() {") {
            new.push('}');
        }
        let new = new.replace(" def test_b():\n  assert a", " def test_b():\n   assert a");
        let told = rules(vec![file(path, Some(old), Some(&new))]);
        assert_eq!(told, violation("weakened-test"), "{new}");
        assert_eq!(rules(vec![file(path, Some(&new), Some(old))]), [], "the other way: {new}");
    }
}

#[test]
fn one_of_two_tests_of_a_name_that_does_not_run_any_more_is_told() {
    let module = |name: &str| format!("mod {name} {{\n#[test]\nfn works() {{ assert!(c); }}\n}}\n");
    let old = module("a") + &module("b");
    let new = format!("fn f() {{\n{}}}\n{}", module("a"), module("b"));
    assert_eq!(rules(vec![file("a.rs", Some(&old), Some(&new))]), violation("weakened-test"));
    let deep = |head: &str| {
        let nested = (1..20).map(|depth| format!("{}if a:\n", " ".repeat(depth)));
        let test = " ".repeat(20) + "def test_b():\n" + &" ".repeat(21) + "assert c\n";
        head.to_owned() + &nested.collect::<String>() + &test
    };
    let (old, new) = (deep("if a:\n"), deep("def f():\n"));
    assert_eq!(rules(vec![file("test_a.py", Some(&old), Some(&new))]), violation("weakened-test"));
}

#[test]
fn an_error_that_is_made_and_not_told_asserts_nothing() {
    let old = "package a\nfunc TestA(t *testing.T) { if b { t.Errorf(\"c\") } }\n";
    let new = old.replace("t.Errorf", "_ = fmt.Errorf");
    let told = rules(vec![file("a_test.go", Some(old), Some(&new))]);
    assert!(told.iter().any(|(rule, _)| rule == "danger/weakened-test"), "{told:?}");
    let other = old.replace("(t *", "(tt *").replace("t.Errorf", "tt.Errorf");
    assert_eq!(rules(vec![file("a_test.go", Some(old), Some(&other))]), []);
}

#[test]
fn a_test_that_now_runs_under_a_condition_is_told() {
    let old = "#[test]\nfn a() { assert!(b); }\n";
    for new in ["#[cfg(feature = \"x\")]\n#[test]", "#[test]\n#[cfg(x)]\n#[allow(y)]"] {
        let new = old.replace("#[test]", new);
        let told = rules(vec![file("a.rs", Some(old), Some(&new))]);
        assert!(told.contains(&("danger/weakened-test".to_owned(), Weight::Notice)), "{told:?}");
        assert!(
            !rules(vec![file("a.rs", None, Some(&new))]).iter().any(|it| it.0.contains("test"))
        );
    }
}

#[test]
fn a_test_that_moves_to_where_none_is_looked_for_is_gone() {
    let python = "def test_a():\n    assert a\n";
    let go = "package a\nfunc TestA(t *testing.T) { t.Fatal(1) }\n";
    let script = "it('a', () => { expect(b).toBe(1) })\n";
    let moved = |text: &str, from: &str, to: &str| {
        rules(vec![file(from, Some(text), None), file(to, None, Some(text))])
    };
    for (text, from, to) in [
        (python, "tests/test_a.py", "tests/checks_a.py"),
        (go, "a/a_test.go", "a/a_testing.go"),
        (script, "src/a.test.ts", "src/a.old.ts"),
    ] {
        assert_eq!(moved(text, from, to), violation("deleted-test"), "{to}");
        assert_eq!(moved(text, to, from), [], "{to}");
    }
    assert_eq!(moved(python, "tests/test_a.py", "more/test_b.py"), []);
    assert_eq!(moved(script, "src/a.test.ts", "test/a.ts"), []);
}

#[test]
fn a_module_that_nothing_declares_any_more_is_told() {
    let old = "mod parse;\n#[cfg(test)]\nmod parse_tests;\n";
    let told = rules(vec![file("src/lib.rs", Some(old), Some("mod parse;\n"))]);
    assert_eq!(told, violation("dropped-module"));
    let words = "mod parse;\nconst A: &str = \"mod parse_tests;\";\n";
    assert_eq!(
        rules(vec![file("src/lib.rs", Some(old), Some(words))]),
        violation("dropped-module")
    );
    let told = rules(vec![file("src/lib.rs", Some(old), Some("#[cfg(test)]\nmod parse_tests;\n"))]);
    assert_eq!(told, [("danger/dropped-module".to_owned(), Weight::Notice)]);
    let with_its_file = |path: &str| {
        rules(vec![
            file("src/lib.rs", Some(old), Some("#[cfg(test)]\nmod parse_tests;\n")),
            file(path, Some("fn f() {}\n"), None),
        ])
    };
    assert_eq!(with_its_file("src/parse.rs"), []);
    assert_eq!(with_its_file("src/parse/mod.rs"), []);
    let moved = vec![
        file("src/a.rs", Some("mod parse;\n"), Some("fn f() {}\n")),
        file("src/b.rs", Some("fn g() {}\n"), Some("mod parse;\n")),
    ];
    assert_eq!(rules(moved), []);
}

/// Rules name two things at most that a file may have given other meanings: where three stand in
/// a row, two of them are found.
#[test]
fn three_names_with_several_meanings_are_judged_by_the_worst() {
    let text = "import os, json\n\nx = json\ny = os\n\
                def f():\n    x = str\n    y = json\n    json = y\n\
                print(x.dumps(dict(y.environ)))\n";
    assert!(new("a.py", text).contains(&"environment:9".to_owned()), "{:?}", new("a.py", text));
}

#[test]
fn a_string_hides_no_code_behind_it() {
    let cases = [
        ("a.js", "const a = 'new Worker('\nnew Worker(text, { eval: true })", "code-as-worker:2"),
        (
            "test_a.py",
            "a = 'suppress('\nwith suppress(AssertionError):\n  f()\n",
            "suppressed-assertion:2",
        ),
        ("a.js", "const a = 'é '; eval(x)", "eval:1"),
    ];
    all(&cases);
    let many = format!("a = [{}AssertionError]\n", "'suppress(',\n".repeat(40_000));
    assert!(new("a.py", &many).contains(&"unreadable".to_owned()));
}

/// Work that grows with the square of a file shows as minutes here.
#[test]
fn tests_in_tests_and_rules_in_rules_take_no_minutes() {
    let began = crate::base::ticks::now();
    let nested = format!("{}{}", "it('a',()=>{".repeat(2_000), "})".repeat(2_000));
    assert_eq!(new("a.test.js", &nested), [""; 0]);
    new("a.py", &"assert suppress(AssertionError)\n".repeat(4_000));
    let took = crate::base::ticks::now().saturating_duration_since(began);
    assert!(took.as_secs() < 30, "{took:?}");
}
