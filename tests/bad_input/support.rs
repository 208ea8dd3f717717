//! What these tests share: refusals, and the proof that nothing changed.

use crate::instance::{Instance, Ran, write_program};
use std::fs;
use std::path::PathBuf;

/// Checks a refusal: its exit status, the program's name before it, and words it must have.
#[track_caller]
pub fn refused(ran: Ran, status: i32, words: &[&str]) -> String {
    let ran = ran.expect(status);
    assert!(ran.err.starts_with("monban: "), "{}", ran.err);
    for word in words {
        assert!(ran.err.contains(word), "no `{word}` in: {}", ran.err);
    }
    ran.err
}

/// What a refused command must leave as it was.
#[derive(PartialEq, Eq, Debug)]
pub struct Everything {
    events: Vec<String>,
    refs: String,
    worktrees: String,
    status: String,
    attempts: Vec<PathBuf>,
}

/// Facts about tasks, branches, worktrees and folders. Comings and goings of daemons are no change,
/// nor is that a repository became known, nor what an agent says of itself meanwhile.
pub fn everything(monban: &Instance) -> Everything {
    let others = ["daemon.", "repo.opened", "run.status"];
    let ours = |kind: &String| !others.iter().any(|other| kind.starts_with(other));
    let folders =
        ["worktrees", "attempts", "runs"].map(|name| monban.home.join("state").join(name));
    let attempts = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    Everything {
        events: monban.events().into_iter().filter(ours).collect(),
        refs: monban.git(&["for-each-ref"]),
        worktrees: monban.git(&["worktree", "list"]),
        status: monban.git(&["status", "--porcelain"]),
        attempts: attempts.flatten().map(|entry| entry.path()).collect(),
    }
}

/// Runs a command that must be refused, and checks that it changed nothing.
#[track_caller]
pub fn refused_whole(monban: &Instance, args: &[&str], status: i32, words: &[&str]) -> String {
    let before = everything(monban);
    let said = refused(monban.monban(args), status, words);
    assert_eq!(everything(monban), before, "{args:?} changed something");
    said
}

/// Writes a program of the person into the instance's folder and gives its path.
pub fn program(monban: &Instance, name: &str, text: &str, mode: u32) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = monban.home.join(name);
    write_program(&path, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

/// Adds an agent to the person's configuration.
pub fn agent(monban: &Instance, name: &str, lines: &str) {
    let file = monban.home.join("config.toml");
    let text = fs::read_to_string(&file).unwrap();
    monban.configure(&format!("{text}\n[agents.{name}]\n{lines}\n"));
}

/// Writes a task down for `agent`.
#[track_caller]
pub fn add_for(monban: &Instance, agent: &str, prompt: &str) -> String {
    let args = ["task", "add", "--title", "T", "--kind", "fix", "--agent", agent, "--prompt"];
    let added = monban.monban(&[&args[..], &[prompt]].concat()).expect(0);
    added.out.trim().to_string()
}
