//! Names that are given to what imports: before and after use, more than once, and too many.

use super::super::change::tests::file;
use super::super::change::{Change, MODE_LINK};
use super::super::parse::SOURCE_BYTES_MAX;
use super::super::parse::tests::facts;
use super::super::syntax::Language;
use super::tests::{all, found, new, seen};
use super::{look, words};
use crate::config::repository::Scan;
use crate::scan::tests::settings;
use std::collections::BTreeMap;

#[test]
fn a_name_is_followed_wherever_it_gets_its_meaning() {
    let script = "function go() { return r('left-pad') }\nvar r = require";
    assert_eq!(new("a.js", script), ["new left-pad"]);
    assert_eq!(new("a.js", "function go() { b('x') }\nvar b = a\nvar a = require"), ["new x"]);
    assert_eq!(new("a.py", "def go(): m('socket')\nm = __import__\n"), ["new socket"]);
    // More names in a row than are followed.
    let row: String = (0..9).map(|at| format!("var a{at} = a{}\n", at + 1)).collect();
    let text = format!("{row}var a9 = require\na0('x')");
    assert!(new("a.js", &text).iter().any(|found| found.starts_with("unclear")));
}

#[test]
fn what_imports_is_followed_through_what_holds_it() {
    let scripts: &[(&str, &[&str])] = &[
        ("require.main.require('x'); module.parent.require('y')", &["new x", "new y"]),
        ("module['req' + 'uire']('x')", &["new x"]),
        ("const {...m} = module; m.require('x')", &["new x"]),
        ("const {['require']: r} = module; r('x')", &["new x"]),
        ("if (!require) { f() }", &[]),
        ("const {...a} = b; a.require('x'); c[d + 'e']('y')", &[]),
    ];
    all(&["a.js", "a.ts"], scripts);
    assert_eq!(new("a.ts", "import r = module.require; r('x')"), ["new x"]);
    let worker = "import { Worker as W } from 'w'; new W('./a.js'); new W(code)";
    assert_eq!(new("a.js", worker), ["new w", "computed code"]);
}

#[test]
fn what_is_built_in_never_loses_its_meaning() {
    let scripts: &[(&str, &[&str])] = &[
        ("function a(){ var {z: require} = require('./x') } require('y')", &["new y"]),
        ("import require from './x'; require('y')", &["new y"]),
        ("process.getBuiltinModule('net'); module.constructor._load('x')", &["new net", "new x"]),
    ];
    all(&["a.js", "a.ts"], scripts);
    let text = "def a():\n  from .x import __import__\ndef b(): __import__('socket')\n";
    assert_eq!(new("a.py", text), ["new socket"]);
    for (language, text, name) in [
        (Language::JavaScript, "function a(){ var {z: eval} = require('./x') }", "eval"),
        (Language::Python, "def a():\n  from .x import eval\n", "eval"),
    ] {
        assert_eq!(facts(language, text).meanings[name][0], name);
    }
}

#[test]
fn of_several_meanings_the_worst_counts() {
    let cases = [
        (Language::Python, "import os, json\ndef a():\n  os = json\n", "os", "os"),
        (Language::Python, "import os, json\ndef a():\n  import json as os\n", "os", "os"),
        (
            Language::JavaScript,
            "let cp = require('child_process'); function a() { const cp = require('./x') }",
            "cp",
            "child_process",
        ),
    ];
    for (language, text, name, expected) in cases {
        assert_eq!(facts(language, text).meanings[name][0], expected, "{text}");
    }
    assert_eq!(new("a.js", "let r = require; r = require('./x'); r('y')"), ["new y"]);
    // A list that is walked along gains no meaning that matters, and is no fault.
    let walked = "let w = window; while (w != w.parent) w = w.parent; w = w.left; w = w.right";
    assert_eq!(new("a.js", walked), [""; 0]);
}

#[test]
fn only_what_is_declared_in_the_same_module_hides_a_crate() {
    let cases: &[(&str, &[&str])] = &[
        ("mod a { mod evil {} } use evil::run;", &["new evil"]),
        ("fn f() { mod evil {} } use evil::run;", &["new evil"]),
        ("mod evil {} mod a { use evil::run; }", &["new evil"]),
        ("mod a { use crate::evil; } fn f() { evil::run() }", &["new evil"]),
        ("mod a { struct std; } fn f() { std::process::exit(1) }", &["new std::process"]),
        ("mod std {} fn f() { std::process::exit(1) }", &["new std::process"]),
        ("use evil::evil;", &["new evil"]),
        ("use evil::a as b; use b::c as evil;", &["new evil"]),
        ("use crate::good; use good::b;", &[]),
        ("fn f() { good::run() } use crate::good;", &[]),
        ("mod good {} fn f() { { good::run() } }", &[]),
        ("fn f() { use crate::good; good::run() }", &[]),
        ("mod a { mod good {} fn f() { good::run() } }", &[]),
        ("extern crate evil as good; mod a { fn f() { good::g() } }", &["new evil"]),
    ];
    all(&["src/a.rs"], cases);
}

#[test]
fn a_function_that_use_brings_in_hides_no_crate_that_a_manifest_names() {
    let told = |manifest: &str, text: &str| -> Vec<String> {
        let scan = Scan { allowed_imports: Some(vec!["std".into()]), ..Scan::default() };
        let mut change = Change::of(vec![file("a/src/b.rs", None, Some(text))], Vec::new());
        change.manifests = BTreeMap::from([(b"a".to_vec(), manifest.into())]);
        let seen = look(&change, &settings(&scan));
        seen.findings.iter().map(|found| found.why.raw().to_owned()).collect()
    };
    let manifest = "[dependencies]\nevil-crate = \"1\"\n[target.x.dependencies]\nother = \"1\"\n";
    let text = "use crate::a::evil_crate;\nfn f() { evil_crate::run() }\n";
    assert_eq!(told(manifest, text), ["a new import: evil_crate is not allowed"]);
    let other = "use self::g::other as o;\nuse self::g::other;\nuse other::b;\n";
    assert_eq!(told(manifest, other), ["a new import: other is not allowed"]);
    let module = "use crate::config;\nfn f() { config::read() }\n";
    assert_eq!(told(manifest, module), [""; 0]);
    let declared = "mod other {}\nfn f() { other::run() }\n";
    assert_eq!(told(manifest, declared), [""; 0]);
    for declared in [
        "#[cfg(any())]\nmod other {}\nfn f() { other::run() }\n",
        "#[cfg(any())] // here\n#[allow(unused)]\nenum other {}\nfn f() { other::run() }\n",
        "mod other { #![cfg(any())] }\nfn f() { other::run() }\n",
    ] {
        assert_eq!(told(manifest, declared), ["a new import: other is not allowed"], "{declared}");
        assert_eq!(told("", declared), [""; 0], "{declared}");
    }
}

#[test]
fn a_name_that_was_no_crate_before_excuses_none_that_is_one() {
    let (before, after) = ("use crate::a::evil;\nfn f() { evil::g() }\n", "use evil::g;\n");
    assert_eq!(found("a.rs", Some(before), after), ["new evil"]);
}

#[test]
fn what_a_macro_is_given_names_crates_as_the_rest_does() {
    let cases: &[(&str, &[&str])] = &[
        ("fn f() { g!(::evil::run()) }", &["new evil"]),
        (
            "mod evil {} fn f() { g!(1 > ::evil::run(), return ::worse::g) }",
            &["new evil", "new worse"],
        ),
        ("fn f() { g!(crate::a::b::c(), <T as U>::d::<V>(), $crate::e::f) }", &[]),
        ("g! { use evil as src; extern crate worse; }", &["new evil", "new worse"]),
        ("mod worse {} g! { extern crate worse; }", &["new worse"]),
        ("g! { use {evil as src}; } fn f(x: u8) { g!(x as U, (x as U)) }", &["new evil"]),
        ("g! { evil /* a */ :: run() }", &["new evil"]),
    ];
    all(&["a.rs"], cases);
}

#[test]
fn names_of_a_short_file_take_little_room() {
    let names: String = (0..4_000).map(|at| format!("a{at},")).collect();
    let long = "m".repeat(20_000);
    let dots = "a.".repeat(10_000);
    let cases = [
        (Language::JavaScript, "a.js", format!("import {{{names}}} from './{long}'")),
        (Language::JavaScript, "a.js", format!("const {{{names}}} = require('./{long}')")),
        (Language::Python, "a.py", format!("from {dots}b import {names}z\n").replace(",z", "")),
        (Language::Rust, "a.rs", format!("use {long}::{{{names}}};")),
        (Language::Rust, "a.rs", format!("use {}b::{{{names}}};", "a::".repeat(10_000))),
    ];
    for (language, path, text) in cases {
        let facts = facts(language, &text);
        let size = |all: &Vec<String>| all.iter().map(String::len).sum::<usize>();
        let names = facts.meanings.iter().map(|(name, all)| name.len() + size(all));
        let imports = facts.imports.iter().map(|import| import.name.len());
        let size: usize = names.chain(imports).sum();
        assert!(size < 4 * text.len(), "{size} bytes of {} in {path}", text.len());
        assert!(facts.lost_at.is_some(), "{path}");
        assert!(new(path, &text).iter().any(|found| found.starts_with("unclear")), "{path}");
    }
    let many: String = (0..20_000).map(|at| format!("a{at},")).collect();
    let text = format!("import {{{many}}} from './m'");
    let facts = facts(Language::JavaScript, &text);
    assert!(facts.meanings.len() <= 10_000 && facts.lost_at.is_some());
}

#[test]
fn a_computed_import_in_another_is_told_with_it() {
    for (path, open, close) in [("a.py", "__import__(-", ")"), ("a.js", "import(-", ")")] {
        let deep = format!("{}x{}", open.repeat(2_000), close.repeat(2_000));
        let language = if path == "a.py" { Language::Python } else { Language::JavaScript };
        let imports = facts(language, &deep).imports;
        assert!(imports.iter().map(|import| import.name.len()).sum::<usize>() <= deep.len());
        assert_eq!(new(path, &deep).len(), 1, "{path}");
        let inner = format!("{open}{open}require('x'){close}{close}");
        if path == "a.js" {
            assert_eq!(new(path, &inner).len(), 2, "a named one inside is told as well");
        }
    }
}

#[test]
fn python_reads_other_lines_and_letters_than_its_grammar() {
    for text in [
        "x = 1 # hi\rimport os\ros.system('id')\n",
        "x = 1\r",
        "# which encoding? coding: unicode_escape\n# \\u000aimport os\n",
        "# coding coding=utf-8 coding:utf7\n",
    ] {
        let seen = seen(vec![file("a.py", None, Some(text))], Some(&["./"]));
        let [only] = seen.findings.as_slice() else { panic!("{text}: {:?}", seen.findings) };
        assert_eq!(only.rule, "imports/unparsed", "{text}");
    }
    for text in ["# which encoding? any\r\nx = 1\r\n", "# coding: utf-8, encoding: latin-1\n"] {
        assert_eq!(new("a.py", text), [""; 0]);
    }
}

#[test]
fn a_manifest_is_one_in_capitals_and_names_more_than_dependencies() {
    let dependencies = r#"{"dependencies": {"a": "1"}}"#;
    assert_eq!(new("Package.json", dependencies), ["package a"]);
    assert_eq!(new("CARGO.toml", "[dependencies]\na = \"1\"\n"), ["package a"]);
    assert_eq!(new("Requirements.TXT", "a\n"), ["package a"]);
    let old = "[dev_dependencies]\na = \"1\"\n[target.x.build_dependencies]\nb = \"1\"\n\
               [project]\nbuild = \"c.rs\"\n";
    assert_eq!(new("Cargo.toml", old), ["package a", "package b", "package c.rs"]);
    let more = r##"{"workspaces": {"packages": ["b/*"]}, "bundleDependencies": ["c"], "name": "n",
        "pnpm": {"overrides": {"d": "npm:e"}}, "imports": {"#f": {"node": "g"}, "#h": "./h.js"},
        "bin": {"jest": "./x.js"}}"##;
    let expected = [
        "package #f@g",
        "package bin.jest",
        "package bundleDependencies@c",
        "package d@\"npm:e\"",
        "package workspaces@b/*",
    ];
    assert_eq!(found("package.json", Some("{}"), more), expected);
    assert_eq!(found("package.json", Some(more), more), [""; 0]);
}

#[test]
fn a_manifest_that_is_a_link_is_a_violation() {
    for path in ["Cargo.toml", "a/package.json", "requirements.txt"] {
        let mut link = file(path, None, Some("a.txt"));
        link.new.as_mut().unwrap().mode = MODE_LINK;
        let seen = seen(vec![link], Some(&["./"]));
        let rules: Vec<_> = seen.findings.iter().map(|found| found.rule.as_str()).collect();
        assert_eq!(rules, ["imports/link"], "{path}");
    }
}

#[test]
fn a_large_manifest_is_a_violation_and_its_lines_are_read_once() {
    let large = format!("{{{}}}", " ".repeat(SOURCE_BYTES_MAX));
    let seen = seen(vec![file("package.json", None, Some(&large))], Some(&["./"]));
    assert_eq!(seen.findings[0].rule, "imports/unparsed");
    let changed = file("requirements.txt", None, Some("A.b>=1\nc @ https://evil/c\nc\n"));
    let words = words(&changed);
    let line = |name| super::line_naming(&words, name);
    assert_eq!((line("a.b"), line("c @ https://evil/c"), line("z")), (Some(1), Some(2), None));
}
