//! Decisions other than approving: what they take, and what they ask for.

use super::super::*;
use super::play::*;
use crate::base::id::OpId;
use crate::model::rejection::Rejection;
use crate::model::task::{Kind, Origin, TaskSpec};
use crate::wire::people::{Ask, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_rejection_takes_a_reason_with_line_breaks_and_ctrl_s() {
    let mut play = Play::begin(USUAL);
    play.keys("r");
    assert_eq!(play.app.mode(), Mode::Text);
    play.keys("ctrl-s");
    assert_eq!(play.asked(), []);
    assert!(play.screen().contains("a rejection needs a reason"));
    play.keys("ペ a enter b ctrl-s");
    let reason = "ペa\nb".to_string();
    assert_eq!(play.asked(), [Ask::Inbox(InboxAsk::Reject { item: "item4".into(), reason })]);
    assert!(play.app.dialog.is_none());
}

#[test]
fn a_reason_that_was_not_sent_or_was_refused_is_kept() {
    let mut play = Play::begin(USUAL);
    play.keys("r w h y esc");
    assert!(play.app.dialog.is_none());
    play.keys("r").take(Input::Paste(" not\nso".into())).keys("ctrl-s");
    let reason = "why not\nso".to_string();
    assert_eq!(play.asked(), [Ask::Inbox(InboxAsk::Reject { item: "item4".into(), reason })]);
    let refused = Answer::Refused(Rejection::refused("it landed", "look at it"));
    play.take(Input::Answer { id: 1, answer: refused }).keys("r");
    assert!(play.screen().contains("why not"), "{}", play.screen());
}

#[test]
fn the_editor_writes_the_reason() {
    let mut play = Play::begin(USUAL);
    play.keys("r a ctrl-g");
    assert!(play.did.contains(&Do::Edit("a".into())));
    play.take(Input::Edited(Some("from\nvi\n".into()))).keys("ctrl-s");
    let reason = "from\nvi".to_string();
    assert_eq!(play.asked(), [Ask::Inbox(InboxAsk::Reject { item: "item4".into(), reason })]);
}

#[test]
fn abort_wants_the_short_hash_and_enter() {
    let mut play = Play::begin(USUAL);
    play.keys("x");
    play.keys("9 f 3 c enter");
    assert_eq!(play.asked(), [], "it has not armed");
    play.wait(1000).keys("9 f 3 enter");
    assert_eq!(play.asked(), [], "too short");
    play.take(Input::Paste("c".into())).keys("enter");
    assert_eq!(play.asked(), [], "pasted");
    play.wait(1000).keys("backspace 3 c enter");
    assert_eq!(play.asked(), [Ask::Task(TaskId(7), TaskAsk::Abort)]);
}

#[test]
fn what_landed_is_reverted_by_its_id_and_nothing_else_is() {
    let mut play = Play::begin(USUAL);
    play.keys("X");
    assert!(play.app.dialog.is_none() && play.screen().contains("has not landed"));
    play.keys("down down down X").wait(1000).keys("1 0 enter");
    assert_eq!(play.asked(), [Ask::Task(TaskId(10), TaskAsk::Revert { trust: None })]);
}

#[test]
fn rolling_back_goes_to_a_checkpoint_that_was_picked() {
    let mut play = Play::begin(USUAL);
    play.keys("u");
    assert_eq!(play.asked(), [Ask::Show(ShowAsk::Task(TaskId(7)))]);
    play.answer(whole_task()).keys("down enter").wait(1000);
    play.did.clear();
    play.keys("1 1 1 1 enter");
    let back = TaskAsk::RollBack { checkpoint: Some(1), commit: Some("1111aaaa0000".into()) };
    assert_eq!(play.asked(), [Ask::Task(TaskId(7), back)]);
}

/// Whoever takes a worktree back while its result waits is told what becomes of that.
#[test]
fn rolling_back_a_result_that_waits_says_that_it_is_withdrawn() {
    for (size, task, is_said) in [(USUAL, "home", true), (SMALL, "home", true), (USUAL, "j", false)]
    {
        let mut play = Play::begin(size);
        play.keys(task).keys("u").answer(whole_task()).keys("enter").wait(1000);
        let screen = play.screen().replace(['│', '\n'], " ");
        let words: Vec<&str> = screen.split_whitespace().collect();
        let says = "Its result, which waits for you as item4, is withdrawn.";
        assert_eq!(words.join(" ").contains(says), is_said, "{}", play.screen());
        assert_eq!(play.asked().len(), 1, "it wants its word typed");
    }
}

#[test]
fn undo_takes_the_last_rollback_that_can_be_undone() {
    let mut play = Play::begin(USUAL);
    play.keys("U o p 3 enter").answer(whole_task()).wait(1000);
    play.did.clear();
    play.keys("o p 3 enter");
    assert_eq!(play.asked(), [Ask::Inbox(InboxAsk::Undo { op: OpId(3) })]);
    play.keys("U").answer(json!({}));
    assert!(play.screen().contains("no rollback that can be undone"));
}

#[test]
fn an_answer_that_comes_late_fills_and_closes_no_dialog_but_its_own() {
    let refused = || Answer::Refused(Rejection::refused("the store is damaged", "mend it"));
    let mut play = Play::begin(USUAL);
    play.keys("U esc down U");
    play.take(Input::Answer { id: 1, answer: Answer::Done(whole_task()) }).wait(1000);
    play.did.clear();
    play.keys("o p 3 enter");
    assert_eq!(play.asked(), [], "the rollback of task 7 under the name of task 8");
    play.keys("esc u esc n p");
    for id in [2, 3, 4] {
        play.take(Input::Answer { id, answer: refused() });
    }
    assert_eq!(play.app.mode(), Mode::Text, "what is typed now must not act");
    play.keys("p");
    let looked = |ask: &Ask| matches!(ask, Ask::Show(_));
    assert!(play.asked().iter().all(looked), "nothing was decided: {:?}", play.asked());
    assert!(play.screen().contains("pp"), "{}", play.screen());
}

#[test]
fn pausing_starting_and_judging_ask_at_once() {
    let mut play = Play::begin(USUAL);
    play.keys("p J down down p G s");
    let run = PlanAsk::Run { tasks: vec![TaskId(12)], trust: None, attend_ms: None };
    let expected = [
        Ask::Task(TaskId(7), TaskAsk::Pause),
        Ask::Task(TaskId(7), TaskAsk::Judge),
        Ask::Task(TaskId(9), TaskAsk::GoOn),
        Ask::Plan(run),
    ];
    assert_eq!(play.asked(), expected);
}

#[test]
fn a_halt_is_lifted_by_a_typed_word() {
    let mut play = Play::begin(USUAL);
    play.keys("R");
    assert!(play.app.dialog.is_none(), "there is nothing to lift");
    let mut halted = head();
    halted["repository"]["halted"] = json!({ "task": 11, "cause": "test failed" });
    play.take(Input::Frame(vec![table(1, &halted, &tasks())])).keys("R").wait(1000);
    assert!(play.screen().contains("HALTED by task 11: test failed"), "{}", play.screen());
    play.keys("r e s u m e enter");
    assert_eq!(play.asked(), [Ask::Plan(PlanAsk::Resume)]);
}

/// The halt that task 11 brought about.
fn halt() -> Value {
    json!({
        "id": "halt1",
        "kind": "halt",
        "task": 11,
        "title": "flaky test",
        "note": "test failed: 2 of 214",
        "details": ["nothing of /home/me/app starts until somebody lifts it: `monban resume`"],
        "digest": "",
        "binds": null,
        "since": "2026-11-21T05:02:30Z",
    })
}

/// What keeps everything from going on is found where everything is that waits for a person.
#[test]
fn a_halt_waits_in_the_inbox_and_says_what_to_do() {
    for size in [USUAL, SMALL] {
        let mut play = Play::begin(size);
        play.inbox(&[halt()]).keys("!");
        let item = (play.app.screen(), play.app.task, play.app.selected_item().unwrap().is_halt);
        assert_eq!(item, (Screen::Inbox, Some(TaskId(11)), true));
        let screen = play.screen();
        assert!(screen.contains("! halt") && screen.contains("R resume"), "{screen}");
        play.keys("a");
        assert!(play.app.dialog.is_none(), "there is nothing to approve");
        play.keys("A y enter");
        assert_eq!((play.app.screen(), play.app.task), (Screen::Focus, Some(TaskId(11))));
        assert_eq!(play.asked(), []);
    }
    let mut play = Play::begin(USUAL);
    play.inbox(&[halt()]).keys("!");
    let screen = play.screen();
    for says in ["test failed: 2 of 214", "until somebody lifts it: R (resume)"] {
        assert!(screen.contains(says), "{says}: {screen}");
    }
    // It is lifted as elsewhere, by a typed word.
    let mut halted = head();
    halted["repository"]["halted"] = json!({ "task": 11, "cause": "test failed" });
    play.take(Input::Frame(vec![table(1, &halted, &tasks())])).keys("R").wait(1000);
    play.keys("r e s u m e enter");
    assert_eq!(play.asked(), [Ask::Plan(PlanAsk::Resume)]);
}

#[test]
fn a_task_is_written_down_in_the_form() {
    let mut play = Play::begin(USUAL);
    play.keys("n ctrl-s");
    assert!(play.screen().contains("a task needs a title"));
    play.did.clear();
    play.keys("新 tab right tab ctrl-c c x enter d enter o tab 7 tab * ctrl-s");
    let spec = TaskSpec {
        title: crate::base::foreign::Foreign::new("新"),
        kind: Kind::Add,
        agent: "cx".into(),
        prompt: "d\no".into(),
        after: vec![TaskId(7)],
        files: vec!["*".into()],
    };
    assert_eq!(play.asked(), [Ask::Plan(PlanAsk::Add { spec, origin: Origin::Real })]);
    play.take(Input::Answer { id: 2, answer: Answer::Done(json!({ "id": 13 })) });
    assert!(play.screen().contains("task 13 is written down"));
}

#[test]
fn the_agent_of_a_new_task_is_chosen_among_those_that_are_there_or_typed() {
    let mut play = Play::begin(USUAL);
    play.keys("n");
    assert_eq!(play.asked(), [Ask::Show(ShowAsk::Agents)]);
    let agent = |play: &Play| match &play.app.dialog {
        Some(super::super::dialog::Dialog::Form(form)) => form.shown(2),
        _ => panic!("the form is closed"),
    };
    play.keys("tab tab right");
    assert_eq!(agent(&play), "claude", "nobody knows yet what there is");
    play.answer(json!(["codex", "claude", "codex"]));
    play.keys("right");
    assert_eq!(agent(&play), "codex");
    play.keys("right left left");
    assert_eq!(agent(&play), "claude");
    play.keys("x y backspace");
    assert_eq!(agent(&play), "x", "what is typed takes the place of what was chosen");
    play.keys("2 right");
    assert_eq!(agent(&play), "claude", "what was typed is no agent: the first of those that are");
    assert!(play.screen().contains("left, right:  claude  codex"), "{}", play.screen());
}

#[test]
fn the_theme_key_names_the_theme_and_how_to_keep_it() {
    let mut play = Play::begin(USUAL);
    play.keys("t");
    assert!(play.screen().contains("theme light; theme = \"light\" in config.toml keeps it"));
}

#[test]
fn what_a_refusal_says_to_do_is_a_key_here() {
    let mut play = Play::begin(USUAL);
    play.keys("p");
    let why = "the repository is halted";
    let refused = Answer::Refused(Rejection::refused(why, "`monban resume` lifts it"));
    play.take(Input::Answer { id: 1, answer: refused });
    assert!(play.screen().contains("halted; R (resume) lifts it"), "{}", play.screen());
}

#[test]
fn a_task_that_was_refused_can_be_mended() {
    let mut play = Play::begin(USUAL);
    play.keys("n 新 tab tab tab d ctrl-s");
    let refused = Answer::Refused(Rejection::refused("no such agent", "see doctor"));
    play.take(Input::Answer { id: 2, answer: refused });
    assert!(play.screen().contains("no such agent; see doctor; n goes on with it"));
    play.keys("n");
    assert!(play.screen().contains('新'), "{}", play.screen());
    assert!(play.screen().contains("no such agent"), "{}", play.screen());
}

#[test]
fn a_line_that_is_cut_says_what_is_not_known() {
    let mut play = Play::begin(USUAL);
    play.keys("p").take(Input::Lost("timed out".into(), Duration::ZERO));
    assert!(play.screen().contains("not known whether it was done: task 7 stands still"));
    play.keys("p");
    assert_eq!(play.asked().len(), 1);
    assert!(play.screen().contains("not connected"));
}

#[test]
fn a_reason_that_was_not_sent_is_kept_when_its_item_is_replaced() {
    let mut play = Play::begin(USUAL);
    play.keys("r w h y esc");
    let mut again = approval("bbbb");
    again["id"] = json!("item9");
    play.inbox(&[again]).keys("r");
    assert!(play.screen().contains("why"), "{}", play.screen());
    play.keys("ctrl-s");
    let reject = InboxAsk::Reject { item: "item9".into(), reason: "why".into() };
    assert_eq!(play.asked(), [Ask::Inbox(reject)]);
    play.answer(json!({})).keys("r");
    assert!(!play.screen().contains("why  "), "it was sent: {}", play.screen());
}

#[test]
fn what_is_told_as_under_way_is_told_when_it_is_over() {
    let mut play = Play::begin(USUAL);
    play.keys("J").answer(json!({}));
    assert!(play.screen().contains("task 7 is being judged"), "{}", play.screen());
    for (state, at, says) in [
        ("checking", "2026-11-21T05:03:00Z", "task 7 is being judged"),
        ("failed", "2026-11-21T05:04:00Z", "task 7 is failed"),
    ] {
        let mut rows = tasks();
        (rows[0]["state"], rows[0]["since"]) = (json!(state), json!(at));
        play.take(Input::Frame(vec![table(1, &head(), &rows)]));
        assert!(play.screen().contains(says), "{}", play.screen());
    }
}

#[test]
fn an_agent_that_left_without_a_change_is_started_again_and_one_that_is_there_is_not() {
    for (status, starts) in [("exited", true), ("error", true), ("idle", false)] {
        let mut play = Play::begin(USUAL);
        let mut rows = tasks();
        (rows[1]["state"], rows[1]["status"]["state"]) = (json!("waiting"), json!(status));
        let mut item = approval(HEAD);
        (item["id"], item["kind"], item["task"]) =
            (json!("item5"), json!("nothing-changed"), json!(8));
        (item["binds"], item["digest"]) = (Value::Null, json!(""));
        play.take(Input::Frame(vec![table(1, &head(), &rows)])).inbox(&[item]);
        play.keys("5");
        let shown = play.screen().contains("s start");
        play.keys("s");
        assert_eq!((shown, play.app.dialog.is_some()), (starts, starts), "{}", play.screen());
    }
}

/// A task that ended stays as it is meanwhile: what tells is the rollback itself.
#[test]
fn a_rollback_and_its_undo_say_what_came_of_them() {
    fn told(play: &mut Play, rollbacks: &Value) -> String {
        let mut rows = tasks();
        rows[0]["rollbacks"] = rollbacks.clone();
        play.take(Input::Frame(vec![table(1, &head(), &rows)]));
        play.screen().lines().last().unwrap().to_string()
    }
    let rollback = |progress: Value| json!([{ "op": "op5", "progress": progress }]);
    let ended = |play: &mut Play| {
        play.keys("u").answer(whole_task()).keys("enter").wait(1000).keys("2 2 2 2 enter");
        play.answer(json!({}));
    };
    let mut play = Play::begin(USUAL);
    ended(&mut play);
    assert!(told(&mut play, &rollback(json!("wanted"))).contains("is being rolled back to cp2"));
    let done = rollback(json!({ "done": { "aside": "/aside" } }));
    assert!(told(&mut play, &done).contains("task 7 is rolled back; U undoes that (op5)"));
    let mut play = Play::begin(USUAL);
    ended(&mut play);
    let failed = rollback(json!({ "failed": { "why": "the disk is full" } }));
    assert!(told(&mut play, &failed).contains("the rollback op5 failed: the disk is full"));

    let undone = |progress: Value, says: &str| {
        let mut play = Play::begin(USUAL);
        let mut task = whole_task();
        task["attempts"][0]["rollbacks"] = json!([{ "op": "op5", "can_undo": true }]);
        told(&mut play, &done);
        play.keys("U").answer(task).wait(1000).keys("o p 5 enter").answer(json!({}));
        let wanted = rollback(json!({ "undo-wanted": { "aside": "/aside" } }));
        assert!(told(&mut play, &wanted).contains("asked to undo op5"));
        let last = told(&mut play, &rollback(progress));
        assert!(last.contains(says), "{last}");
    };
    undone(json!("undone"), "op5 is undone: task 7 is as it was before");
    undone(json!({ "done": { "aside": "/aside" } }), "op5 could not be undone");
}
