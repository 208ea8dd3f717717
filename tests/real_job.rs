//! The whole job with the real `claude` and `codex`, from `task add` to landing: the real program, a real
//! daemon, and a model on this machine. `tests/agents_install` fetches the agents; without them each
//! test here counts as not run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use std::fs;
use support::job::{CLAUDE_KEY, CODEX_KEY, Job, job};

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_string()
}

/// From a prompt to the base, asked for leave on the way.
fn lands(job: &Job, key: &str) {
    let prompt = format!("[[say I write.]] {} [[say All done.]]", job.write("x.txt", "hello"));
    job.monban.write("AGENTS.md", "Be good.\n");
    job.monban.commit("instructions");
    let before = job.monban.base();
    let id = job.add("Add x", &prompt);
    // 4: a person is needed; nothing is answered for them.
    let ran = job.monban.run(&id).expect(4);
    assert!(ran.err.contains("permission"), "{}", ran.err);
    let task = job.monban.task(&id);
    assert_eq!((&task["status"]["state"], &task["status"]["kind"]), (&"blocked".into(), &"permission".into()));
    let note = text(&job.monban.item(&id, "permission")["note"]);
    assert!(note.contains(if job.agent == "claude" { "x.txt" } else { "screen" }), "{note}");
    assert_eq!(job.model.heard(), [prompt.as_str()]);
    job.allow(&id);
    let task = job.until_waits_for(&id, "approval");
    assert_eq!(job.model.heard(), [prompt.as_str()], "the prompt is told once");

    let attempt = &task["attempts"][0];
    let snapshot = &attempt["checkpoints"][0]["snapshot"];
    assert_eq!(attempt["gates"][0]["tree"], snapshot["tree"], "judged is what is approved");
    assert_eq!(snapshot["files"], 1, "{snapshot:#}");
    assert_shown(job, &task);
    let item = job.monban.item(&id, "approval");
    assert_eq!(item["binds"]["head"], snapshot["commit"]);

    let task = job.land(&id);
    assert_eq!(task["landed"], job.monban.base().as_str());
    assert_eq!(job.monban.git(&["show", "main:x.txt"]), "hello");
    assert_eq!(job.monban.git(&["diff", "--stat", &before, "main", "--name-only"]), "x.txt");
    job.until_nothing_runs();
    let task = job.until(&id, "the end", |task| task["attempts"][0]["ended"].is_object());
    assert_eq!(task["attempts"][0]["ended"]["tree_empty"], true, "{task:#}");

    let home = job.monban.home.join("worktrees");
    let with_key: Vec<_> = job.files_with(key);
    let beside: Vec<_> = with_key.iter().filter(|path| !path.starts_with(&home)).collect();
    assert!(beside.is_empty(), "the key is in {beside:?}");
    let shown = job.monban.monban(&["show", &id]).expect(0).out;
    for out in [shown, task.to_string(), job.monban.monban(&["events"]).expect(0).out] {
        assert!(!out.contains(key), "the key is shown: {out}");
    }
}

/// What a person sees of how the agent runs.
fn assert_shown(job: &Job, task: &Value) {
    let attempt = &task["attempts"][0];
    let place = &attempt["place"];
    let worktree = text(&task["worktree"]);
    let home = text(&place["home"]);
    assert!(home.starts_with(&format!("{worktree}/")), "{home}");
    assert!(text(&place["agent_version"]).contains('.'), "{place:#}");
    assert!(place["instructions"].as_array().unwrap().contains(&"AGENTS.md".into()), "{place:#}");
    assert!(text(&attempt["session"]).len() > 30, "{attempt:#}");
    let shown = job.monban.monban(&["show", &task["id"].to_string()]).expect(0).out;
    for expected in [
        "proxy: none",
        &format!("HOME={home}"),
        "reads      AGENTS.md",
        &format!("session    {}", text(&attempt["session"])),
        &format!("version    {}", text(&place["agent_version"])),
    ] {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }
}

#[test]
fn claude_does_the_whole_job() {
    let Some(job) = job("claude_does_the_whole_job", "claude") else { return };
    lands(&job, CLAUDE_KEY);
}

#[test]
fn codex_does_the_whole_job() {
    let Some(job) = job("codex_does_the_whole_job", "codex") else { return };
    lands(&job, CODEX_KEY);
}
