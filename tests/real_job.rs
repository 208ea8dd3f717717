//! The whole job with the real `claude` and `codex`, from `task add` to landing: the real program, a real
//! daemon, and a model on this machine. `tests/agents_install` fetches the agents; without them each
//! test here counts as not run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use support::job::{CLAUDE_KEY, CODEX_KEY, Job, job};

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_string()
}

#[track_caller]
fn assert_blocked(task: &Value, kind: &str) {
    assert_eq!(task["status"]["state"], "blocked", "{task:#}");
    assert_eq!(task["status"]["kind"], kind, "{task:#}");
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
    assert_blocked(&job.monban.task(&id), "permission");
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

    let home = Path::new(&text(&task["worktree"])).join(".monban/home");
    let mut beside = job.files_with(key);
    beside.retain(|path| !path.starts_with(&home));
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

/// A change that breaks the tests comes to nothing.
fn halts(job: &Job) {
    let gate = "[verify]\ntest = \"test ! -e bad\"\n[gates]\nchecks = [\"test\"]\n";
    job.monban.write("monban.toml", gate);
    let before = job.monban.commit("gate");
    let id = job.add("Break it", &format!("{} [[say Done.]]", job.write("bad", "junk")));
    job.monban.run(&id).expect(4);
    job.allow(&id);
    let task = job.until(&id, "the rollback", |task| {
        task["attempts"][0]["rollbacks"][0]["can_undo"] == true
    });
    assert_eq!(task["state"], "failed");
    assert!(text(&task["failure"]).contains("test failed"), "{}", task["failure"]);
    assert!(!Path::new(&text(&task["worktree"])).join("bad").exists(), "{task:#}");
    let aside = text(&task["attempts"][0]["rollbacks"][0]["progress"]["done"]["aside"]);
    assert_eq!(fs::read_to_string(Path::new(&aside).join("bad")).unwrap(), "junk\n");
    assert_eq!(job.monban.base(), before);
    job.until_nothing_runs();
    let other = job.add("Another", "[[say Hm.]]");
    let refused = job.monban.run(&other).expect(1);
    assert!(refused.err.contains("halted") && refused.err.contains("A-017"), "{}", refused.err);
}

#[test]
fn a_failing_test_of_claude_halts() {
    let Some(job) = job("a_failing_test_of_claude_halts", "claude") else { return };
    halts(&job);
}

#[test]
fn a_failing_test_of_codex_halts() {
    let Some(job) = job("a_failing_test_of_codex_halts", "codex") else { return };
    halts(&job);
}

/// The reason of a rejection is the next prompt of the same conversation.
fn hears_a_rejection(job: &Job) {
    let first = format!("{} [[say One.]]", job.write("one.txt", "one"));
    let id = job.add("Two turns", &first);
    job.monban.run(&id).expect(4);
    job.allow(&id);
    job.until_waits_for(&id, "approval");
    let reason = format!("Also the other file: {} [[say Two.]]", job.write("two.txt", "two"));
    job.monban.monban(&["reject", &id, "--reason", &reason]).expect(0);
    job.until_waits_for(&id, "permission");
    job.allow(&id);
    let task = job.until_waits_for(&id, "approval");
    assert_eq!(task["attempts"][0]["checkpoints"].as_array().unwrap().len(), 2);
    assert_eq!(job.model.heard(), [first, reason]);
    job.land(&id);
    assert_eq!(job.monban.git(&["show", "main:one.txt", "main:two.txt"]), "one\ntwo");
}

#[test]
fn claude_hears_why_it_was_rejected() {
    let Some(job) = job("claude_hears_why_it_was_rejected", "claude") else { return };
    hears_a_rejection(&job);
}

#[test]
fn codex_hears_why_it_was_rejected() {
    let Some(job) = job("codex_hears_why_it_was_rejected", "codex") else { return };
    hears_a_rejection(&job);
}

#[test]
fn a_question_of_claude_waits_for_the_person() {
    let Some(job) = job("a_question_of_claude_waits_for_the_person", "claude") else { return };
    let id = job.add("Ask", "[[ask Red or blue?]] [[say Thanks.]]");
    job.monban.run(&id).expect(4);
    assert_blocked(&job.monban.task(&id), "question");
    let note = text(&job.monban.item(&id, "question")["note"]);
    assert!(note.contains("Red or blue?"), "{note}");
    job.answer(&id, "Enter to select", "2");
    job.until(&id, "the end of the turn", |task| task["status"]["state"] == "done");
    let requests = job.model.requests();
    assert!(requests.last().unwrap().body.to_string().contains("Blue"), "the answer is told");
}

/// The daemon is killed while the agent asks, and again while it works: it costs the agent nothing.
fn outlives_the_daemon(job: &Job) {
    let step = job.write("x.txt", "hello");
    let prompt = format!("[[say a]] {step} [[say Working on.]] [[wait]] [[say All done.]]");
    let id = job.add("Long", &prompt);
    job.monban.run(&id).expect(4);
    let holder = job.holder();
    job.until_asks(&id);
    job.monban.kill(job.monban.daemon());
    job.until_asks(&id);
    assert_eq!(job.monban.task(&id)["waits_for"][0], "permission");
    job.allow(&id);
    job.until(&id, "work", |task| {
        task["status"]["state"] == "working" && job.screen(&id).contains("Working on.")
    });
    job.monban.kill(job.monban.daemon());
    let task = job.until(&id, "the adoption", |task| task["status"]["state"] == "working");
    assert_eq!(task["attempts"][0]["ended"], Value::Null);
    assert_eq!(job.holder(), holder);
    job.model.release();
    job.land(&id);
    assert_eq!(job.monban.git(&["show", "main:x.txt"]), "hello");
    assert_eq!(job.model.heard(), [prompt], "nothing was typed twice");
    job.monban.monban(&["verify"]).expect(0);
}

#[test]
fn claude_outlives_the_daemon() {
    let Some(job) = job("claude_outlives_the_daemon", "claude") else { return };
    outlives_the_daemon(&job);
}

#[test]
fn codex_outlives_the_daemon() {
    let Some(job) = job("codex_outlives_the_daemon", "codex") else { return };
    outlives_the_daemon(&job);
}

/// The holder is killed: an honest end, after which the agent's own conversation goes on.
fn resumes(job: &Job) {
    let first = format!("[[say Remember me.]] {} [[say Done.]]", job.write("x.txt", "hello"));
    let id = job.add("Lost", &first);
    job.monban.run(&id).expect(4);
    job.monban.kill(job.holder());
    let before = job.until(&id, "the rollback", |task| {
        task["attempts"][0]["rollbacks"][0]["can_undo"] == true
    });
    let task = &before;
    let how = text(&task["attempts"][0]["ended"]["how"]);
    assert!(how.contains("exit status unknown"), "{how}");
    job.until_nothing_runs();
    job.monban.monban(&["resume"]).expect(0);
    let asked = job.monban.monban(&["task", "retry", &id]).expect(4);
    assert!(asked.err.contains("--resume") && asked.err.contains("--fresh"), "{}", asked.err);
    job.monban.monban(&["task", "retry", &id, "--resume"]).expect(0);
    job.until_waits_for(&id, "nothing-changed");
    let again = format!("{} [[say Done.]]", job.write("x.txt", "hello"));
    job.monban.monban(&["send", &id, &again, "--submit"]).expect(0);
    job.until_waits_for(&id, "permission");
    job.allow(&id);
    let task = job.until_waits_for(&id, "approval");
    assert_eq!(task["worktree"], before["worktree"]);
    assert_eq!(task["attempts"][1]["session"], before["attempts"][0]["session"]);
    let heard = job.model.heard();
    assert!(heard.len() >= 3 && heard[0] == first && heard.ends_with(&[again]), "{heard:?}");
    job.land(&id);
    assert_eq!(job.monban.git(&["show", "main:x.txt"]), "hello");
}

#[test]
fn claude_resumes_after_its_holder_was_killed() {
    let Some(job) = job("claude_resumes_after_its_holder_was_killed", "claude") else { return };
    resumes(&job);
}

#[test]
fn codex_resumes_after_its_holder_was_killed() {
    let Some(job) = job("codex_resumes_after_its_holder_was_killed", "codex") else { return };
    resumes(&job);
}

/// A prompt of 100 KB in many lines, not all of them ASCII, arrives whole.
fn takes_a_large_prompt(job: &Job) {
    let line =
        |n: usize| format!("{n}: 日本語の指示です。\ttabs, \"quotes\", emoji 🦀 and so on\n");
    let long: String = (0..1500).map(line).collect();
    assert!(long.len() > 100_000);
    let prompt = format!("{long}[[say read]]");
    let file = job.monban.home.join("prompt.txt");
    fs::write(&file, &prompt).unwrap();
    let (agent, file) = (job.agent, file.display().to_string());
    let args = ["task", "add", "--title", "Large", "--kind", "fix", "--agent", agent];
    let added = job.monban.monban(&[&args[..], &["--prompt-file", &file]].concat()).expect(0);
    let id = added.out.trim();
    job.monban.run(id);
    job.until(id, "the end of the turn", |task| task["status"]["state"] == "done");
    let heard = job.model.heard();
    // Claude pastes a tab as four spaces.
    let told = if job.agent == "claude" { prompt.replace('\t', "    ") } else { prompt };
    assert!(heard.len() == 1 && heard[0].contains(&told), "{} bytes", heard[0].len());
}

#[test]
fn claude_takes_a_large_prompt_whole() {
    let Some(job) = job("claude_takes_a_large_prompt_whole", "claude") else { return };
    takes_a_large_prompt(&job);
}

#[test]
fn codex_takes_a_large_prompt_whole() {
    let Some(job) = job("codex_takes_a_large_prompt_whole", "codex") else { return };
    takes_a_large_prompt(&job);
}
