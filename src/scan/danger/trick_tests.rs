//! What people do to hide from rules, in code that looks ordinary, and ordinary code that looks
//! like it.

use super::tests::{all, new};

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
        ("a.js", "import('data:text/javascript,' + x)", "code-as-worker:1"),
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
            "hollow-assertion:3",
        ),
        (
            "test_a.py",
            "from contextlib import suppress\nwith suppress(AssertionError):\n  f()",
            "hollow-assertion:2",
        ),
        ("a.rs", "#[cfg(any())]\nmod tests {}", "compiled-out:1"),
        ("a.rs", "#![cfg(any())]\n#[test]\nfn a() {}", "compiled-out:1"),
        ("a.rs", "#[test]\n#[cfg(feature = \"x\")]\nfn a() {}", "conditional-test:1"),
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
