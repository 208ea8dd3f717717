//! Which names of Rust are crates: by what a file declares and uses, in macros too, and by the
//! manifests around it.

use super::super::change::tests::file;
use super::super::change::{Change, ChangedFile, MODE_LINK};
use super::look;
use super::tests::{all, new};
use crate::config::repository::Scan;
use crate::scan::tests::settings;
use std::collections::BTreeMap;

/// What is found in files beside these manifests, by folder.
fn told(manifests: &[(&str, &str)], allowed: &[&str], files: Vec<ChangedFile>) -> Vec<String> {
    let allowed = allowed.iter().map(|one| (*one).to_owned()).collect();
    let scan = Scan { allowed_imports: Some(allowed), ..Scan::default() };
    let mut change = Change::of(files, Vec::new());
    let manifests = manifests.iter().map(|(folder, text)| ((*folder).into(), (*text).into()));
    change.manifests = manifests.collect::<BTreeMap<_, _>>();
    let findings = look(&change, &settings(&scan)).findings.into_iter();
    findings
        .map(|found| {
            let rule = found.rule.strip_prefix("imports/").unwrap().to_owned();
            let why = found.why.raw();
            let name = why.split_once(": ").map_or(why, |(_, name)| name);
            let name = name.rsplit_once(": ").map_or(name, |(_, name)| name);
            format!("{rule} {}", name.split(" is not allowed").next().unwrap())
        })
        .collect()
}

fn one(manifest: &str, text: &str) -> Vec<String> {
    told(&[("a", manifest)], &["std", "./"], vec![file("a/src/b.rs", None, Some(text))])
}

const EVIL: &str = "[dependencies]\nevil = \"1\"\nmd-5 = \"1\"\n";

#[test]
fn a_module_in_a_file_of_its_own_may_not_be_compiled() {
    let text = "mod evil;\nfn f() { evil::run() }\n";
    assert_eq!(one(EVIL, text), ["new evil"], "its file may begin with `#![cfg(any())]`");
    assert_eq!(one("", text), [""; 0]);
    assert_eq!(one(EVIL, "mod evil { pub fn run() {} }\nfn f() { evil::run() }\n"), [""; 0]);
    let first = "use inner::Thing;\nmod inner;\n";
    assert_eq!(one(EVIL, first), [""; 0], "also where it is used in the first line");
}

#[test]
fn what_a_star_may_bring_in_is_a_crate_where_a_manifest_names_one_like_it() {
    let text = |name: &str| format!("use super::*;\nfn f() {{ {name}::run() }}\n");
    assert_eq!(one(EVIL, &text("other")), [""; 0]);
    assert_eq!(one(EVIL, &text("evil")), ["new evil"]);
    assert_eq!(one(EVIL, &text("md5")), ["new md5"], "its package is called md-5");
    assert_eq!(one("[dependencies]\nrust-crypto = \"1\"\n", &text("crypto")), ["new crypto"]);
    assert_eq!(one(EVIL, &text("proc_macro")), ["new proc_macro"], "comes with the compiler");
    assert_eq!(one(EVIL, "use super::*;\nfn f() { ::other::run() }\n"), ["new other"]);
    assert_eq!(one(EVIL, "mod a { use super::*; }\nfn f() { other::run() }\n"), ["new other"]);
    assert_eq!(told(&[], &[], vec![file("b.rs", None, Some(&text("other")))]), ["new other"]);
}

#[test]
fn ordinary_macros_and_attributes_import_nothing() {
    let quiet = [
        "fn f() { assert_eq!(a.collect::<Vec<_>>(), size_of::<u8>()) }",
        "fn f() { quote! { #name::#ident; #a::b() } }",
        "cfg_rt! { mod inner; pub(crate) use inner::run; struct A; }",
        "g! { use crate::a::{b, c as d}; fn f() { b::run(); d::run() } }",
        "g! { use super::e; fn f() { e::run() } }",
        "macro_rules! check { () => {} } pub(super) use check;",
        "mod a {} use a as b;",
        "#![allow(clippy::all)] #[rustfmt::skip] fn f() {} g! { #[allow(clippy::x)] fn h() {} }",
        "#[diagnostic::on_unimplemented(note = \"a\")] trait T {}",
    ];
    for text in quiet {
        assert_eq!(one(EVIL, text), [""; 0], "{text}");
    }
    let loud: &[(&str, &[&str])] = &[
        ("g! { use std::{pin::Pin, evil::x}; evil::run() }", &["new evil"]),
        ("g! { use crate::{a}; use evil::{b}; }", &["new evil"]),
        ("g! { use {evil::b, crate::c}; }", &["new evil"]),
        ("g! { mod evil; evil::run() }", &["new evil"]),
        ("g! { a: &dyn ::evil::Trait }", &["new evil"]),
        ("g! { use crate::evil; evil::run() }", &["new evil"]),
        ("macro_rules! evil { () => {} } use evil;", &["new evil"]),
        ("#[evil::skip] fn f() {} g! { #[evil::Macro] struct A; }", &["new evil"]),
        ("fn f() { clippy::run() }", &["new clippy"]),
        ("fn f() { g!(#evil::run) }", &["new evil"]),
        ("fn f() { g! { crate::x::{ evil::run() } } }", &["new evil"]),
    ];
    for (text, expected) in loud {
        assert_eq!(one(EVIL, text), *expected, "{text}");
    }
    let tool = "[dependencies]\nclippy = \"1\"\n";
    assert_eq!(one(tool, "#[clippy::run] fn f() {}"), ["new clippy"]);
}

#[test]
fn code_of_another_file_is_seen_however_it_is_named() {
    let cases: &[(&str, &[&str])] = &[
        ("g! { include!(\"/etc/x.rs\"); }", &["new /etc/x.rs"]),
        ("macro_rules! m { () => { include!(env!(\"A\")) } }", &["computed include!(env!(\"A\"))"]),
        ("g! { #[path = \"/etc/x.rs\"] mod x; }", &["new /etc/x.rs"]),
        ("#[path = r\"/etc/x.rs\"] mod x;", &["new /etc/x.rs"]),
        ("#[r#path = r#\"/etc/x.rs\"#] mod x;", &["new /etc/x.rs"]),
        ("#[path = \"\\u{2f}etc\\x2fx.rs\"] mod x;", &["new /etc/x.rs"]),
        (
            "#[cfg_attr(feature = r#\"path=\"./x.rs\"\"#, path = \"/etc/x.rs\")] mod x;",
            &["new /etc/x.rs"],
        ),
        (
            "use std::include as near; near!(\"/etc/x.rs\");",
            &["new std::include", "handed-on std::include"],
        ),
        ("#[path = \"..\"] mod a { mod b; }", &["computed path=\"..\""]),
        ("#[path = \"near.rs\"] mod x; g! { path = \"/x\" }", &[]),
    ];
    let sorted = |mut found: Vec<String>| {
        found.sort();
        found
    };
    for (text, expected) in cases {
        let expected = sorted(expected.iter().map(|one| (*one).to_owned()).collect());
        assert_eq!(sorted(new("a.rs", text)), expected, "{text}");
    }
    all(&["a.rs"], &[("vec![path]; #[doc = \"path=\"] fn f() {}", &[])]);
}

#[test]
fn source_from_outside_of_its_crate_is_told_by_where_it_is() {
    let manifests = [("", "[workspace]"), ("app", EVIL)];
    let text = "#[path = \"../../shared/x.rs\"]\nmod x;\ninclude!(\"../y.rs\");\n";
    let found = |allowed: &[&str]| {
        told(&manifests, allowed, vec![file("app/src/main.rs", None, Some(text))])
    };
    assert_eq!(found(&["./", "../"]), ["outside shared/x.rs"]);
    assert_eq!(found(&["./", "../", "shared/"]), [""; 0]);
    let lost = "#[path = \"../../../x.rs\"]\nmod x;\n";
    let lost = vec![file("app/src/main.rs", None, Some(lost))];
    assert_eq!(told(&manifests, &["./", "../", ""], lost.clone()), [""; 0], "all is allowed");
    assert_eq!(told(&manifests, &["./", "../"], lost), ["outside /../x.rs"]);
    let before = vec![file("app/src/main.rs", Some(text), Some(text))];
    assert_eq!(told(&manifests, &["./", "../"], before), [""; 0]);

    let link = |path: &str, target: &str| {
        let mut link = file(path, None, Some(target));
        link.new.as_mut().unwrap().mode = MODE_LINK;
        told(&manifests, &["./", "../"], vec![link])
    };
    assert_eq!(link("app/src/shared", "../../shared"), ["linked-folder shared"]);
    assert_eq!(link("app/src/near", "../near"), [""; 0]);
    assert_eq!(link("docs/latest", "v2"), [""; 0], "the workspace is around both");
    assert_eq!(link("app/README.md", "../README.md"), [""; 0], "no folder has such a name");
}
