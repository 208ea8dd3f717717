//! The whole job with the real `claude` and `codex`, from `task add` to landing: the real program,
//! a real daemon, and a model on this machine. `tests/agents_install` fetches the agents; without
//! them each test here counts as not run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use monban::base::clock::Clock;
use serde_json::Value;
use std::fs;
use std::path::Path;
use support::job::{CLAUDE_KEY, CODEX_KEY, Job, job, job_without_login};
use support::not_run::not_run;
use support::tmux::{self, Tmux, Window};

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
    assert!(attempt["usage"]["output_tokens"].as_u64() > Some(0), "{attempt:#}");
    let shown = job.monban.monban(&["show", &task["id"].to_string()]).expect(0).out;
    for expected in [
        " tokens in, ",
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
    let task = job
        .until(&id, "the rollback", |task| task["attempts"][0]["rollbacks"][0]["can_undo"] == true);
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
    let before = job
        .until(&id, "the rollback", |task| task["attempts"][0]["rollbacks"][0]["can_undo"] == true);
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

/// Starts a task again in the dashboard: by `key`, and then by the one that confirms. It is its
/// attempt of that number, from 0.
fn start_again(job: &Job, id: &str, window: &Window<'_>, key: &str, attempt: usize) {
    window.press(&["s"]);
    window.until("an armed start", |screen| screen.contains("START") && screen.contains(" armed "));
    window.shows("can go on in");
    window.press_until(key, "now y does it", " armed ");
    window.press(&["y"]);
    job.until(id, "another attempt", |task| task["attempts"][attempt].is_object());
}

#[test]
fn in_the_dashboard_claude_goes_on_with_its_conversation_or_starts_over() {
    let test = "in_the_dashboard_claude_goes_on_with_its_conversation_or_starts_over";
    if let Some(reason) = tmux::is_missing() {
        return not_run(test, &reason);
    }
    let Some(job) = job(test, "claude") else { return };
    let first = format!("[[say Remember me.]] {} [[say Done.]]", job.write("x.txt", "hello"));
    let id = job.add("Lost", &first);
    job.monban.run(&id).expect(4);
    let tmux = Tmux::start(&job.monban, &[]);
    let window = tmux.window("again", 100, 30);
    window.line("monban");
    window.until("the fleet", |screen| screen.contains(" NAV ") && screen.contains("Lost"));
    job.monban.kill(job.holder());
    let lost = job
        .until(&id, "the rollback", |task| task["attempts"][0]["rollbacks"][0]["can_undo"] == true);
    let session = lost["attempts"][0]["session"].clone();
    job.monban.monban(&["resume"]).expect(0);
    start_again(&job, &id, &window, "R", 1);
    let task = job.until_waits_for(&id, "nothing-changed");
    assert_eq!(task["attempts"][1]["session"], session, "the same conversation");
    job.monban.monban(&["abort", &id]).expect(0);
    job.until(&id, "its end", |task| task["state"] == "stopped");
    start_again(&job, &id, &window, "F", 2);
    job.until_waits_for(&id, "permission");
    job.allow(&id);
    let task = job.until_waits_for(&id, "approval");
    assert_ne!(task["attempts"][2]["session"], session, "another conversation");
    assert_eq!(job.model.heard().last(), Some(&first), "from its first prompt on");
    job.land(&id);
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

/// Without a login nothing starts and nothing changes; the refusal says what to do.
fn needs_a_login(job: &Job, cure: &str) {
    let id = job.add("Logged out", "[[say hello]]");
    let refused = job.monban.run(&id).expect(3);
    assert!(refused.err.contains("not logged in") && refused.err.contains(cure), "{}", refused.err);
    let task = job.monban.task(&id);
    assert_eq!((&task["state"], &task["attempts"]), (&"draft".into(), &Value::Array(vec![])));
    let rows = job.monban.monban(&["auth", "--json"]).expect(0).json();
    let of_agent = rows.as_array().unwrap().iter().filter(|row| row["agent"] == job.agent);
    assert!(of_agent.clone().count() >= 2, "{rows:#}");
    assert!(of_agent.clone().all(|row| row["state"] == "missing"), "{rows:#}");
    assert!(of_agent.clone().any(|row| row["cure"].as_str().unwrap_or("").contains(cure)));
    let table = job.monban.monban(&["auth"]).expect(0).out;
    assert!(table.contains("missing") && table.contains(cure), "{table}");
    // The program is missing too: that is said instead.
    job.monban.configure(&format!("[agents.{}]\nprogram = \"/nowhere/agent\"\n", job.agent));
    let refused = job.monban.run(&id).expect(3);
    assert!(refused.err.contains("/nowhere/agent") && refused.err.contains("install it"));
    assert_eq!(job.monban.task(&id)["state"], "draft");
}

#[test]
fn claude_does_not_start_logged_out() {
    let test = "claude_does_not_start_logged_out";
    let Some(job) = job_without_login(test, "claude") else { return };
    needs_a_login(&job, "claude setup-token");
}

#[test]
fn codex_does_not_start_logged_out() {
    let test = "codex_does_not_start_logged_out";
    let Some(job) = job_without_login(test, "codex") else { return };
    needs_a_login(&job, "codex login");
}

#[test]
fn an_agent_that_ends_at_once_fails_with_the_reason() {
    let Some(job) = job("an_agent_that_ends_at_once_fails_with_the_reason", "codex") else {
        return;
    };
    let config = fs::read_to_string(job.monban.home.join("config.toml")).unwrap();
    let config = config.replace("args_extra = [", "args_extra = [\"--no-such-option\", ");
    job.monban.configure(&config);
    let id = job.add("Dies", "[[say hello]]");
    let ran = job.monban.run(&id).expect(1);
    assert!(ran.err.contains("exit status 2"), "{}", ran.err);
    assert!(job.screen(&id).contains("--no-such-option"), "its last words can be read");
    assert_eq!(job.monban.events().iter().filter(|kind| *kind == "repo.halted").count(), 1);
}

/// A login file with something to refresh. Codex uses the key in it and looks nothing up: a login
/// by ChatGPT alone would ask a service of its maker first.
fn made_up_login(refresh: &str, at: &str) -> String {
    serde_json::json!({
        "auth_mode": "apikey", "OPENAI_API_KEY": CODEX_KEY, "last_refresh": at,
        "tokens": {
            "id_token": JWT, "access_token": JWT, "refresh_token": refresh, "account_id": "me",
        },
    })
    .to_string()
}

/// A token of nobody: `{"alg":"none"}.{"exp":4102444800,"email":"a@b.invalid"}.x`
const JWT: &str = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDAsImVtYWlsIjoiYUBiLmludmFsaWQifQ.eA";

#[test]
fn a_login_file_of_codex_serves_one_run_at_a_time_and_comes_back_refreshed() {
    let test = "a_login_file_of_codex_serves_one_run_at_a_time_and_comes_back_refreshed";
    let Some(job) = job_without_login(test, "codex") else { return };
    let of_person = job.person().join(".codex/auth.json");
    fs::create_dir(of_person.parent().unwrap()).unwrap();
    let now = Clock::System.now().to_string();
    fs::write(&of_person, made_up_login("r1", &now)).unwrap();
    let rows = job.monban.monban(&["auth", "--json"]).expect(0).json();
    let used = rows.as_array().unwrap().iter().find(|row| row["is_used"] == true).unwrap();
    assert_eq!(used["way"], of_person.display().to_string());
    assert!(text(&used["reaches"]).contains("one run at a time"), "{used}");

    let first = job.add("First", &job.write("one.txt", "one"));
    let second = job.add("Second", &job.write("two.txt", "two"));
    let gate = job.monban.gate();
    job.monban.monban(&["run", &first, "--trust", &gate]).expect(0);
    let task = job.until_waits_for(&first, "permission");
    job.monban.monban(&["run", &second]).expect(0);
    let waiting = job.until(&second, "the wait", |task| task["status"]["source"] == "start");
    assert!(text(&waiting["status"]["detail"]).contains("run1"), "{:#}", waiting["status"]);
    // One that waits can be aborted, and tried again.
    job.monban.monban(&["abort", &second]).expect(0);
    let ended = job.until(&second, "the abort", |task| task["state"] == "stopped");
    assert_eq!(ended["attempts"][0]["ended"]["tree_empty"], true, "{ended:#}");
    job.monban.monban(&["task", "retry", &second, "--fresh"]).expect(0);
    let home = |task: &Value, attempt: usize| text(&task["attempts"][attempt]["place"]["home"]);
    let copy = Path::new(&home(&task, 0)).join(".codex/auth.json");
    assert!(fs::read_to_string(&copy).unwrap().contains("\"r1\""));
    // The agent refreshes: what the person has is void now.
    let later = Clock::System.now().plus(std::time::Duration::from_secs(60)).to_string();
    let refreshed = made_up_login("r2", &later);
    fs::write(&copy, &refreshed).unwrap();
    job.allow(&first);
    job.land(&first);
    job.until_waits_for(&second, "permission");
    assert_eq!(
        fs::read_to_string(&of_person).unwrap(),
        refreshed,
        "carried back before the next run"
    );
    let copy = Path::new(&home(&job.monban.task(&second), 1)).join(".codex/auth.json");
    assert!(fs::read_to_string(&copy).unwrap().contains("\"r2\""));
    let requests = job.model.requests();
    let sent = requests.iter().filter_map(|request| request.headers.get("authorization"));
    assert!(
        sent.clone().count() > 0 && sent.clone().all(|sent| *sent == format!("Bearer {CODEX_KEY}"))
    );
    assert_eq!(job.files_with("\"r1\""), Vec::<std::path::PathBuf>::new());
    job.monban.monban(&["abort", &second]).expect(0);
    job.until_nothing_runs();
}

#[test]
fn a_login_file_of_claude_is_carried_in_and_comes_back_refreshed() {
    let test = "a_login_file_of_claude_is_carried_in_and_comes_back_refreshed";
    let Some(job) = job_without_login(test, "claude") else { return };
    let of_person = job.person().join(".claude/.credentials.json");
    fs::create_dir(of_person.parent().unwrap()).unwrap();
    let login = |refresh: &str, expires: u64| {
        serde_json::json!({"claudeAiOauth": {
            "accessToken": "sk-ant-oat01-made-up", "refreshToken": refresh, "expiresAt": expires,
            "scopes": ["user:inference"], "subscriptionType": "max",
        }})
        .to_string()
    };
    fs::write(&of_person, login("r1", 4_102_444_800_000)).unwrap();
    let id = job.add("Subscribed", &job.write("x.txt", "hello"));
    job.monban.run(&id).expect(4);
    job.until_waits_for(&id, "permission");
    let requests = job.model.requests();
    let sent = requests.iter().filter_map(|request| request.headers.get("authorization"));
    assert!(sent.clone().count() > 0 && sent.clone().all(|s| s == "Bearer sk-ant-oat01-made-up"));
    let home = text(&job.monban.task(&id)["attempts"][0]["place"]["home"]);
    let refreshed = login("r2", 4_102_444_900_000);
    fs::write(Path::new(&home).join(".claude/.credentials.json"), &refreshed).unwrap();
    job.allow(&id);
    job.land(&id);
    job.until(&id, "the end", |task| task["attempts"][0]["ended"].is_object());
    assert_eq!(fs::read_to_string(&of_person).unwrap(), refreshed);
}
