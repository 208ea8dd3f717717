//! What counts as an import, language by language, and what cannot be judged.

use super::super::change::tests::file;
use super::super::change::{Change, ChangedFile, MODE_LINK};
use super::*;
use crate::config::repository::Scan as Asked;
use crate::model::task::Kind;

pub(super) fn seen(files: Vec<ChangedFile>, allowed: Option<&[&str]>) -> Seen {
    let allowed = allowed.map(|list| list.iter().map(|one| (*one).to_owned()).collect());
    let scan = Asked { allowed_imports: allowed, ..Asked::default() };
    let settings = Settings { scan: &scan, kind: Kind::Fix, cancel: &|| false };
    look(&Change::of(files, Vec::new()), &settings)
}

/// What is found in one file, as `rule: what is named`, with nothing allowed but paths.
pub(super) fn found(path: &str, before: Option<&str>, after: &str) -> Vec<String> {
    let allowed: &[&str] = &["./", "../", "src/", "node:fs"];
    let seen = seen(vec![file(path, before, Some(after))], Some(allowed));
    assert_eq!(seen.unjudged, None);
    let findings = seen.findings.iter();
    findings
        .map(|finding| {
            let rule = finding.rule.strip_prefix("imports/").unwrap();
            let why = finding.why.raw();
            let name = why.split_once(": ").map_or(why, |(_, name)| name);
            let name = name.split(" is not allowed").next().unwrap();
            format!("{rule} {name}")
        })
        .collect()
}

pub(super) fn new(path: &str, text: &str) -> Vec<String> {
    found(path, None, text)
}

/// Each text as a new file of each name, and what is to be found in it.
pub(super) fn all(paths: &[&str], cases: &[(&str, &[&str])]) {
    let every = cases.iter().flat_map(|case| paths.iter().map(move |path| (path, case)));
    let wrong: Vec<_> = every
        .map(|(path, (text, expected))| (path, text, new(path, text), expected))
        .filter(|(.., found, expected)| found != *expected)
        .collect();
    assert!(wrong.is_empty(), "path, text, found, expected: {wrong:#?}");
}

#[test]
fn scripts_import_in_all_their_forms() {
    let cases: &[(&str, &[&str])] = &[
        ("import x from \"left-pad\";", &["new left-pad"]),
        ("import 'left-pad'", &["new left-pad"]),
        ("import a, { b as c } from './here'; import fs from 'node:fs/promises'", &[]),
        ("import fs from 'node:fsevil'", &["new node:fsevil"]),
        (
            "export { a } from 'b'; export * from 'c'; export * as d from 'd'",
            &["new b", "new c", "new d"],
        ),
        ("const x = await import('left-pad')", &["new left-pad"]),
        ("const x = await import(`left-pad`)", &["new left-pad"]),
        ("import(/* a comment */ 'left-pad')", &["new left-pad"]),
        ("import(name)", &["computed name"]),
        ("import(`./${name}`)", &["computed `./${name}`"]),
        ("import('left' + '-pad')", &["computed 'left' + '-pad'"]),
        ("require('left-pad')", &["new left-pad"]),
        ("require/**/(\n'left-pad'\n)", &["new left-pad"]),
        ("require.resolve('left-pad'); module.require('x')", &["new left-pad", "new x"]),
        ("r\\u0065quire('left-pad')", &["new left-pad"]),
        ("require('child\\x5fprocess')", &["computed 'child\\x5fprocess'"]),
        ("const r = require; r('left-pad')", &["new left-pad"]),
        ("const r = require.resolve; r('left-pad')", &["new left-pad"]),
        (
            "import { createRequire as c } from 'node:module'; const q = c(import.meta.url); q('x')",
            &["new node:module", "new x"],
        ),
        (
            "const { createRequire } = require('module'); createRequire(__filename)('x')",
            &["new module", "new x"],
        ),
        ("load(require)", &["handed-on require"]),
        ("(0, require)('x')", &["new x"]),
        ("[require][0]('x')", &["handed-on require"]),
        ("typeof require; require.main === module; require.cache", &[]),
        ("define(function (require, exports) { require('x') })", &["new x"]),
        ("const text = \"require('x')\"; // import 'x'\n/* import 'y' */", &[]),
        ("new Worker(new URL('./w.js', import.meta.url)); new Worker(code)", &["computed code"]),
        ("/** @jsxImportSource evil */\nx", &["new evil"]),
    ];
    all(&["a.js", "a.mjs", "a.cjs", "a.jsx", "a.ts", "a.mts", "a.cts", "a.tsx"], cases);
}

#[test]
fn typescript_has_forms_of_its_own() {
    for path in ["a.ts", "a.tsx", "a.d.ts"] {
        assert_eq!(new(path, "import type { A } from 'types'"), ["new types"]);
        assert_eq!(new(path, "import x = require('y'); x.z()"), ["new y"]);
        assert_eq!(new(path, "let a: import('t').T;"), ["new t"]);
        assert_eq!(new(path, "/// <reference types=\"node\" />\nlet a = 1"), ["new node"]);
        assert_eq!(new(path, "declare function require(name: string): any;"), [""; 0]);
        assert_eq!(new(path, "(require as any)('x')"), ["new x"]);
    }
    assert_eq!(new("a.ts", "(<any>require)('x')"), ["handed-on require"]);
}

#[test]
fn python_imports_in_all_its_forms() {
    let cases: &[(&str, &[&str])] = &[
        ("import os, json as j", &["new os", "new json"]),
        ("import os.path", &["new os.path"]),
        ("from os import system as s, path", &["new os.system", "new os.path"]),
        ("from os import *", &["new os"]),
        ("from . import a\nfrom .b import c\nfrom ..d import e", &[]),
        ("from __future__ import annotations", &[]),
        ("from os \\\n  import (\n system, # a comment\n)", &["new os.system"]),
        ("__import__('os')", &["new os"]),
        ("__import__('o' + 's')", &["computed 'o' + 's'"]),
        ("__import__('o' 's')", &["computed 'o' 's'"]),
        ("__import__(f'{a}')", &["computed f'{a}'"]),
        ("__import__('\\x6fs')", &["computed '\\x6fs'"]),
        ("f = __import__\nf('os')", &["new os"]),
        ("map(__import__, names)", &["handed-on __import__"]),
        ("import importlib as i\ni.import_module('os')", &["new importlib", "new os"]),
        (
            "from importlib import import_module as m\nm(name)",
            &["new importlib.import_module", "computed name"],
        ),
        ("getattr(__builtins__, '__import__')('os')", &["new os"]),
        ("x = 'import os' # import os", &[]),
        ("if 1:\n  def f():\n    import os", &["new os"]),
    ];
    all(&["a.py", "a.pyi", "tools/SConstruct"], cases);
    assert_eq!(found("a.py", Some("import os\n"), "import os\nfrom os import system\n"), [""; 0]);
}

#[test]
fn rust_names_crates_in_all_its_forms() {
    let cases: &[(&str, &[&str])] = &[
        ("use serde::Deserialize;", &["new serde"]),
        ("use std::{fs, process::Command as C};", &["new std::process", "new std::fs"]),
        ("use ::evil::{self as e, a::{b, c}};", &["new evil"]),
        ("pub use r#evil as good;", &["new evil"]),
        ("use crate::a; use self::b; use super::c::*; use {crate::d};", &[]),
        ("mod inner; use inner::Thing; fn f() { inner::g() }", &[]),
        ("enum Shape { A } use Shape::*;", &[]),
        ("extern crate evil as good; fn f() { good::g() }", &["new evil"]),
        ("extern crate evil; fn f() { evil::g() }", &["new evil"]),
        ("mod a { pub extern crate evil; }", &["new evil"]),
        ("extern crate self as good; fn f() { good::g() }", &[]),
        ("fn f() { evil::g() }", &["new evil"]),
        ("fn f() { std::process::Command::new(\"x\"); }", &["new std::process"]),
        ("fn f(a: evil::Type) -> <T as other::Trait>::Out {}", &["new evil", "new other"]),
        ("fn f() { println!(\"{}\", evil::g()) }", &["new evil"]),
        ("fn f() { evil /* a comment */ :: g() }", &["new evil"]),
        ("fn f() { Vec::<u8>::new(); u8::MAX; Self::g(); T::h() }", &[]),
        ("#[derive(evil::Macro)] struct A;", &["new evil"]),
        ("#[tokio::main] async fn main() {}", &["new tokio"]),
        ("#[path = \"/etc/x.rs\"] mod x;", &["new /etc/x.rs"]),
        ("#[cfg_attr(unix, path = \"/etc/x.rs\")] mod x;", &["new /etc/x.rs"]),
        ("include!(\"/etc/x.rs\"); include!(\"near.rs\");", &["new /etc/x.rs"]),
        (
            "include!(concat!(env!(\"OUT_DIR\"), \"/x.rs\"));",
            &["computed include!(concat!(env!(\"OUT_DIR\"), \"/x.rs\"))"],
        ),
        ("// use evil::a;\nconst A: &str = \"use evil::a;\";", &[]),
        ("use std as s; fn f() { s::process::exit(1) }", &["new std"]),
    ];
    all(&["src/a.rs"], cases);
    assert_eq!(new("build.rs", "fn main() {}"), ["build-script build.rs"]);
}

#[test]
fn go_imports_in_all_its_forms() {
    let text = "package a\nimport \"fmt\"\nimport (\n\t_ \"os\"\n\t. \"net\"\n\tx \"os/exec\"\n)\n";
    assert_eq!(new("a.go", text), ["new fmt", "new os", "new net", "new os/exec"]);
    assert_eq!(
        new("a.go", "package a\n// int f();\nimport \"C\"\nimport `raw`\n"),
        ["new C", "new raw"]
    );
    let before = "package a\nimport \"fmt\"\n";
    let after = "package a\nimport (\n\t\"fmt\"\n\t\"./b\"\n)\n";
    assert_eq!(found("a.go", Some(before), after), [""; 0]);
}

#[test]
fn only_what_was_not_there_before_is_told_with_its_line() {
    let before = "import a from 'a'\nimport(b)\n";
    let after = "import a from 'a'\r\nimport(b)\r\nimport c from 'c'\r\nimport c2 from 'c'\r\n";
    let scanned = seen(vec![file("a.js", Some(before), Some(after))], Some(&[]));
    let [only] = scanned.findings.as_slice() else { panic!("{:?}", scanned.findings) };
    assert_eq!((only.line, only.snippet.raw()), (Some(3), "import c from 'c'"));
    assert_eq!(only.weight, Weight::Violation);
    assert!(scanned.is_violated());
}

#[test]
fn a_name_is_allowed_by_its_parts_not_by_its_letters() {
    let one = |path: &str, text: &str, allowed: &str| {
        seen(vec![file(path, None, Some(text))], Some(&[allowed])).findings.len()
    };
    assert_eq!(one("a.rs", "use serde_json::x;", "serde"), 1);
    assert_eq!(one("a.rs", "use std::fmt;", "std"), 0);
    assert_eq!(one("a.py", "import os.path", "os"), 0);
    assert_eq!(one("a.py", "import osmium", "os"), 1);
    assert_eq!(one("a.ts", "import 'react/jsx'", "react"), 0);
    assert_eq!(one("a.ts", "import 'react-evil'", "react"), 1);
    assert_eq!(one("a.ts", "import 'lodash.template'", "lodash"), 1);
    assert_eq!(one("a.ts", "import '@me/a'", "@me/"), 0);
    assert_eq!(one("package.json", "{\"dependencies\": {\"react.evil\": \"1\"}}", "react"), 1);
}

/// U-03: an error of the parser was taken for "no imports".
#[test]
fn a_file_that_cannot_be_read_is_never_a_pass() {
    let unparsed = |file| {
        let seen = seen(vec![file], Some(&["./"]));
        let [only] = seen.findings.as_slice() else { panic!("{:?}", seen.findings) };
        assert_eq!((only.rule.as_str(), only.weight), ("imports/unparsed", Weight::Violation));
        (only.line, only.why.raw().to_owned())
    };
    let broken = "let a = 1\n\nlet = = (\n";
    let (line, why) = unparsed(file("a.js", Some("let a = 1\n"), Some(broken)));
    assert_eq!(line, Some(3));
    assert!(why.ends_with("before the change it was"), "{why}");
    let (_, why) = unparsed(file("a.js", Some("("), Some(broken)));
    assert!(why.ends_with("nor was it before the change"), "{why}");
    unparsed(file("a.js", None, Some(broken)));
    unparsed(file("a.py", None, Some("# -*- coding: utf-7 -*-\nx = 1\n")));
    unparsed(file("a.py", None, Some("#!/usr/bin/python\n# vim: set fileencoding=rot13 :\n")));
    unparsed(file("package.json", None, Some("{,}")));
    let mut not_text = file("a.rs", None, Some(""));
    not_text.new.as_mut().unwrap().bytes = b"fn a() {} // \xff\n".to_vec();
    unparsed(not_text);
    let mut utf16 = file("a.js", None, Some(""));
    utf16.new.as_mut().unwrap().bytes = b"\xff\xfei\0m\0".to_vec();
    unparsed(utf16);
    let long = format!("let a = '{}'", "x".repeat(10 << 20));
    unparsed(file("a.js", None, Some(&long)));
}

#[test]
fn a_language_without_a_grammar_is_not_judged_and_data_does_not_matter() {
    let files = || {
        let names = ["a.java", "b.vue", "c.svelte", "README.md", "d.json", "e.csv", "f.sh"];
        names.map(|name| file(name, None, Some("x\n"))).to_vec()
    };
    let scanned = seen(files(), Some(&["./"]));
    assert_eq!(scanned.findings, []);
    let reason = "cannot read the language of a.java, b.vue, c.svelte";
    assert_eq!(scanned.unjudged.as_deref(), Some(reason));
    let ruby = file("run", None, Some("#!/usr/bin/env ruby\nrequire 'x'\n"));
    assert!(seen(vec![ruby], Some(&["./"])).unjudged.is_some());
    let deleted = file("a.java", Some("x"), None);
    assert_eq!(seen(vec![deleted], Some(&["./"])).unjudged, None);

    let asked_nothing = seen(files(), None);
    assert_eq!((asked_nothing.findings, asked_nothing.unjudged), (Vec::new(), None));
    assert!(asked_nothing.looked_at.contains("is not set"));
}

#[test]
fn a_hashbang_a_byte_order_mark_and_capitals_hide_no_source() {
    for first in ["#!/usr/bin/env node", "#!/usr/bin/env -S node --flag", "#!/opt/x/nodejs"] {
        assert_eq!(new("bin/run", &format!("{first}\nrequire('x')\n")), ["new x"], "{first}");
    }
    assert_eq!(new("bin/run", "#!/usr/bin/python3.12\nimport x\n"), ["new x"]);
    assert_eq!(new("a.txt", "#!/usr/bin/env node\nrequire('x')\n"), ["new x"]);
    assert_eq!(new("A.JS", "require('x')"), ["new x"]);
    assert_eq!(new("a.js", "\u{feff}require('x')"), ["new x"]);
    assert_eq!(new("a.py", "\u{feff}import x\r\nimport y\r\n"), ["new x", "new y"]);
    assert_eq!(new("notes", "require('x')"), [""; 0]);
    let mut link = file("a.js", None, Some("data.txt"));
    link.new.as_mut().unwrap().mode = MODE_LINK;
    assert_eq!(seen(vec![link], Some(&["./"])).findings[0].rule, "imports/link");
}

#[test]
fn new_packages_of_manifests_count() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        (
            "web/package.json",
            r#"{"dependencies": {"a": "1"}}"#,
            r#"{"dependencies": {"a": "2"}, "devDependencies": {"@b/c": "1", "a": "1"},
                "scripts": {"test": "x", "postinstall": "node x"}}"#,
            &["package @b/c", "package scripts.postinstall"],
        ),
        (
            "package.json",
            r#"{"dependencies": {"a": "1"}}"#,
            r#"{"dependencies": {"a": "git+ssh://evil/a"}, "overrides": {"a": "npm:b"}}"#,
            &["package a@\"npm:b\"", "package a@git+ssh://evil/a"],
        ),
        (
            "Cargo.toml",
            "[dependencies]\na = \"1\"\n",
            "[dependencies]\na = { version = \"2\", git = \"https://evil\" }\n\
             x = { package = \"y\", version = \"1\" }\n[target.'cfg(unix)'.dev-dependencies]\nz = \"1\"\n\
             [patch.crates-io]\na = { path = \"/tmp\" }\n[package]\nbuild = \"b.rs\"\n",
            &["package a@/tmp", "package a@https://evil", "package b.rs", "package y", "package z"],
        ),
        (
            "pyproject.toml",
            "[project]\ndependencies = [\"a>=1\"]\n",
            "[project]\ndependencies = [\"a>=2\", \"B_c[x]>1\"]\n[project.optional-dependencies]\n\
             d = [\"e\"]\n[tool.poetry.group.dev.dependencies]\nf = \"1\"\n",
            &["package b-c", "package e", "package f"],
        ),
        (
            "requirements-dev.txt",
            "# nothing\na==1\n",
            "a==2\nb ~= 1 # why\n--extra-index-url https://evil\nc @ https://evil/c.whl\n",
            &[
                "package --extra-index-url https://evil",
                "package b",
                "package c @ https://evil/c.whl",
            ],
        ),
        (
            "go.mod",
            "module m\nrequire a.b/c v1.0.0\n",
            "module m\nrequire (\n\ta.b/c v1.1.0\n\td.e/f v1.0.0 // indirect\n)\nreplace a.b/c => ../c\n",
            &["package a.b/c@../c", "package d.e/f"],
        ),
    ];
    for (path, before, after, expected) in cases {
        assert_eq!(found(path, Some(before), after), *expected, "{path}");
    }
    let seen = seen(
        vec![file("package.json", None, Some("{\"dependencies\":\n{\"b\": \"1\"}}"))],
        Some(&[]),
    );
    assert_eq!(seen.findings[0].line, Some(2));
}

#[test]
fn nesting_as_deep_as_anybody_likes_is_read_without_recursion() {
    let deep = |open: &str, close: &str, inner: &str| {
        format!("{}{inner}{}", open.repeat(5_000), close.repeat(5_000))
    };
    assert_eq!(new("a.js", &deep("(", ")", "require('x')")), ["new x"]);
    assert_eq!(new("a.js", &deep("f(", ")", "require('x')")), ["new x"]);
    assert_eq!(new("a.ts", &deep("[", "]", "require('x')")), ["new x"]);
    assert_eq!(new("a.py", &format!("x = {}", deep("(", ")", "__import__('x')"))), ["new x"]);
    assert_eq!(new("a.rs", &format!("fn f() {{ {} }}", deep("{", "}", "x::y()"))), ["new x"]);
    assert_eq!(new("a.rs", &format!("use x::{};", deep("{", "}", "y"))), ["new x"]);
    assert_eq!(new("a.rs", &format!("fn f() {{ m!({}) }}", deep("(", ")", "x::y()"))), ["new x"]);
    let go = format!("package a\nimport \"x\"\nvar a = {}\n", deep("(", ")", "1"));
    assert_eq!(new("a.go", &go), ["new x"]);
}
