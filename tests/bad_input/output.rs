//! What the program prints: nothing that others chose reaches a terminal as it came, and whoever
//! reads the output may go away at any time.

use crate::instance::Instance;
use crate::support::{add_for, agent, program, refused};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

/// Moves, colours, reorders or hides: none of these may be printed as they are.
const HOSTILE: &str = "evil\u{1b}[2J\u{202e}x\u{9b}31m\u{200b}\u{7f}";

#[track_caller]
fn harmless(what: &str, printed: &str) {
    let harmful = |c: &char| matches!(*c, '\u{202e}' | '\u{200b}') || c.is_control();
    let found: Vec<char> = printed.chars().filter(harmful).filter(|c| *c != '\n').collect();
    assert_eq!(found, [], "{what}: {printed}");
}

#[test]
fn no_command_prints_what_others_chose_as_it_came() {
    let monban = Instance::new();
    let id =
        monban.add(HOSTILE, "printf 'a\\342\\200\\256b\\302\\233 31m\\n'; permission 'x\u{202e}y'");
    let reason = monban.run(&id).expect(4).err;
    harmless("run --wait", &reason);
    let looks: [&[&str]; 14] = [
        &["ls"],
        &["ls", "--json"],
        &["ls", "--all", "--json"],
        &["show", &id],
        &["show", &id, "--json"],
        &["inbox"],
        &["inbox", "--json"],
        &["screen", &id],
        &["replay", &id],
        &["events"],
        &["gates", &id, "--json"],
        &["auth", "--json"],
        &["daemon", "status", "--json"],
        &["verify", "--json"],
    ];
    for look in looks {
        let printed = monban.monban(look).expect(0).out;
        harmless(&format!("{look:?}"), &printed);
        if look.contains(&"--json") {
            let _: serde_json::Value = serde_json::from_str(&printed).unwrap();
        }
    }
    // The escapes say the same to a program.
    assert_eq!(monban.task(&id)["title"], HOSTILE);
    let listed = monban.monban(&["ls", "--json"]).expect(0).json();
    assert_eq!(listed[0]["title"], HOSTILE);
}

#[test]
fn complaints_show_what_they_name_escaped() {
    let monban = Instance::new();
    let nowhere = format!("/nonexistent/{HOSTILE}");
    for args in [
        &["-C", &nowhere, "ls"][..],
        &[
            "task",
            "add",
            "--title",
            "T",
            "--kind",
            "fix",
            "--agent",
            "script",
            "--prompt-file",
            &nowhere,
        ],
        &[HOSTILE],
        &["show", HOSTILE],
        &["man", "/proc/\u{202e}"],
    ] {
        let said = monban.monban(args);
        assert_ne!(said.status, 0);
        harmless(&format!("{args:?}"), &said.err);
    }
}

#[test]
fn a_diff_shows_tabs_and_line_ends_as_they_are() {
    let monban = Instance::new();
    let id = monban.add("T", "printf 'a\\tb\\r\\nc\\n' > x");
    monban.run(&id).expect(4);
    let diff = monban.monban(&["diff", &id]).expect(0).out;
    assert!(diff.ends_with("\n+a\tb\\r\n+c\n"), "{diff:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let monban = Instance::new();
    monban.add("T", "x");
    for args in [&["completions", "bash"][..], &["--help"], &["ls"], &["events"]] {
        let mut child = monban.command(args);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref()), (Some(0), ""), "{args:?}");
    }
    // A full disk is a failure, in words.
    for args in [&["completions", "zsh"][..], &["ls"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = monban.command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.starts_with("monban: cannot write the output"), "{said}");
    }
}

#[test]
fn man_pages_and_completions_are_written() {
    let monban = Instance::new();
    let folder = monban.home.join("man");
    monban.monban(&["man", &folder.display().to_string()]).expect(0);
    let page = fs::read_to_string(folder.join("monban-task-add.1")).unwrap();
    assert!(page.contains("prompt\\-file"), "{page}");
    refused(monban.monban(&["man", "/proc/nowhere"]), 3, &["/proc/nowhere", "man pages"]);
    let script = monban.monban(&["completions", "bash"]).expect(0).out;
    assert!(script.contains("rollback"), "{script}");
}

#[test]
fn a_home_whose_name_is_no_text_is_refused_by_every_command() {
    let monban = Instance::new();
    let home = monban.home.join(OsStr::from_bytes(b"x\xff"));
    for args in [&["ls"][..], &["daemon", "start", "--foreground"], &["doctor"]] {
        let ran = Instance::ran(monban.command(args).env("MONBAN_HOME", &home).output().unwrap());
        refused(ran, 3, &["x\\xff", "is not UTF-8", "set MONBAN_HOME"]);
    }
    assert!(!home.exists());
}

#[test]
fn a_wait_that_ends_in_failure_names_what_shows_why_and_what_lifts_the_halt() {
    let monban = Instance::new();
    let failed = |id: &str, words: &str| {
        let said = monban.run(id).expect(1).err;
        assert!(said.contains(words) && said.contains("`monban resume` lifts the halt"), "{said}");
    };
    let judged = monban.add("T", "echo no > ok");
    failed(&judged, &format!("`monban gates {judged}` shows the evidence"));
    monban.monban(&["resume"]).expect(0);
    // One that was never judged has its screen as evidence.
    let path = program(&monban, "dies", "#!/bin/sh\necho no licence\nexit 3\n", 0o755);
    agent(&monban, "dies", &format!("kind = \"command\"\nprogram = \"{path}\""));
    let dies = add_for(&monban, "dies", "x");
    failed(&dies, &format!("`monban screen {dies}` shows the evidence"));
    assert!(monban.monban(&["screen", &dies]).expect(0).out.contains("no licence"));
}

#[test]
fn judging_again_has_nothing_to_list() {
    let monban = Instance::new();
    let id = monban.add("T", "x");
    monban.monban(&["gates", &id, "--rerun", "--json"]).expect(2);
}
