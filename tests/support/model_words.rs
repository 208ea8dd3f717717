//! The words of the model tests: requests, tasks, places, snapshots, verdicts.

use super::GATE;
use monban::base::foreign::Foreign;
use monban::base::id::{ItemId, RepoId, TaskId};
use monban::model::attempt::{End, Place, Snapshot};
use monban::model::command::Request;
use monban::model::item::Item;
use monban::model::task::{GatePin, GateSource, Kind, Origin, TaskSpec};
use monban::model::verdict::{Finding, Outcome, Verdict, Weight};
use std::path::PathBuf;

pub fn open(common: &str) -> Request {
    let (path, common) = (PathBuf::from(common), PathBuf::from(common).join(".git"));
    Request::Open { path, common, base: "refs/heads/main".into() }
}

pub fn spec(title: &str) -> TaskSpec {
    TaskSpec {
        title: Foreign::new(title),
        kind: Kind::Fix,
        agent: "claude".into(),
        prompt: "Fix the parser.".into(),
        after: Vec::new(),
        files: Vec::new(),
    }
}

pub fn after(title: &str, tasks: &[TaskId]) -> TaskSpec {
    TaskSpec { after: tasks.to_vec(), ..spec(title) }
}

pub fn add(repo: RepoId, spec: TaskSpec) -> Request {
    Request::Add { repo, spec, origin: Origin::Real }
}

pub fn pin() -> GatePin {
    GatePin { hash: GATE.into(), source: GateSource::Base }
}

pub fn run(task: TaskId) -> Request {
    Request::Run { tasks: vec![(task, pin())], attend: None }
}

pub fn retry_fresh(task: TaskId) -> Request {
    Request::Retry { task, gate: pin(), resume: false }
}

pub fn retry_resume(task: TaskId) -> Request {
    Request::Retry { task, gate: pin(), resume: true }
}

pub fn approve(item: &Item) -> Request {
    Request::Approve { item: item.id, digest: item.digest(), attested: Vec::new() }
}

pub fn reject(item: ItemId, reason: &str) -> Request {
    Request::Reject { item, reason: reason.into() }
}

pub fn say(task: TaskId, text: &str) -> Request {
    Request::Say { task, text: text.into() }
}

pub fn place(task: TaskId, attempt: u32) -> Place {
    Place {
        base: "base-1".into(),
        branch: format!("refs/heads/monban/{task}-{attempt}"),
        worktree: format!("/w/{task}-{attempt}").into(),
        home: format!("/w/{task}-{attempt}/.monban/home").into(),
        agent_version: Some(Foreign::new("2.1.329")),
        instructions: Vec::new(),
        environment: Default::default(),
    }
}

pub fn snapshot(number: u32, base: &str, tree: &str) -> Snapshot {
    Snapshot {
        number,
        base: base.into(),
        commit: format!("commit-of-{tree}"),
        tree: tree.into(),
        diff_sha256: format!("diff-{base}-{tree}"),
        files: 2,
        added: 30,
        deleted: 4,
        leftovers: Vec::new(),
        created: 1,
        pictures: 0,
        used: None,
        taken: Default::default(),
    }
}

pub fn exit(code: i32) -> End {
    let how = Foreign::new(format!("exit {code}"));
    End { code: Some(code), signal: None, how, tree_empty: true, known_by: Foreign::default() }
}

pub fn pass(check: &str) -> Verdict {
    verdict(check, Outcome::Pass, "12 tests")
}

pub fn fail(check: &str) -> Verdict {
    verdict(check, Outcome::Fail, "1 of 12 tests failed")
}

/// The verdict on an attempt that used more than it may.
pub fn over(limit: &str) -> Verdict {
    let finding = Finding {
        rule: format!("limits/{limit}"),
        weight: Weight::Violation,
        path: Foreign::default(),
        line: None,
        snippet: Foreign::new("901 s of 900 s"),
        why: Foreign::new("over the limit that the level sets"),
    };
    let reason = "limits/seconds 901 s of 900 s: over the limit that the level sets";
    let verdict = verdict("limits", Outcome::Fail, reason);
    Verdict { command: None, findings: vec![finding], finding_count: 1, ..verdict }
}

pub fn not_run(check: &str) -> Verdict {
    verdict(check, Outcome::NotRun, "command not found")
}

fn verdict(check: &str, outcome: Outcome, reason: &str) -> Verdict {
    Verdict {
        reason: Foreign::new(reason),
        command: Some("cargo test".into()),
        duration_ms: 1200,
        ..Verdict::bare(check, outcome)
    }
}
