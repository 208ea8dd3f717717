//! What two keys confirm besides a result: alarms that were seen, starts that need a word. And that
//! of two who decide the same, one may.

use super::super::*;
use super::play::*;
use crate::model::rejection::{Class, Rejection};
use crate::wire::people::{Ask, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use serde_json::json;

fn run(id: u64, trust: Option<&str>) -> Ask {
    let trust = trust.map(String::from);
    Ask::Plan(PlanAsk::Run { tasks: vec![TaskId(id)], trust, attend_ms: None })
}

fn retry(resume: bool, trust: Option<&str>) -> Ask {
    let trust = trust.map(String::from);
    Ask::Task(TaskId(11), TaskAsk::Retry { resume: Some(resume), trust })
}

#[test]
fn an_alarm_is_acknowledged_by_two_keys_once_all_of_it_was_shown() {
    let mut play = Play::begin(USUAL);
    play.inbox(&[approval(HEAD), alarm(40)]).keys("a").wait(1000);
    let screen = play.screen();
    assert!(screen.contains("ALARM") && screen.contains("shows the rest"), "{screen}");
    play.keys("A y");
    assert_eq!(play.asked(), [], "not all of it was seen");
    play.keys("pagedown pagedown pagedown").wait(1000);
    assert!(play.screen().contains("change 39"), "{}", play.screen());
    play.keys("enter space y").wait(1000);
    assert_eq!(play.asked(), []);
    play.keys("A y");
    let seen =
        InboxAsk::Approve { item: "item6".into(), digest: String::new(), attested: Vec::new() };
    assert_eq!(play.asked(), [Ask::Inbox(seen)]);
    play.answer(json!({}));
    assert!(play.screen().contains("item6 acknowledged"));
}

#[test]
fn an_alarm_that_says_something_else_is_read_again() {
    let mut play = Play::begin(USUAL);
    play.inbox(&[alarm(2)]).keys("a").wait(1000).keys("A");
    play.inbox(&[alarm(3)]).paint().keys("y");
    assert_eq!(play.asked(), []);
    play.inbox(&[]).paint().wait(1000).keys("A y");
    assert_eq!(play.asked(), []);
    assert!(play.screen().contains("not as it was"), "{}", play.screen());
}

#[test]
fn a_gate_that_nobody_trusts_is_shown_before_it_is_trusted() {
    let mut play = Play::begin(USUAL);
    play.keys("G s");
    let refused = Answer::Refused(Rejection::new(Class::NeedsPerson, "nobody trusts it", "read"));
    play.take(Input::Answer { id: 1, answer: refused }).paint();
    assert!(play.app.dialog.is_none(), "nothing opens by itself");
    assert!(play.screen().contains("nobody trusts it; s again"), "{}", play.screen());
    play.did.clear();
    play.keys("s");
    assert_eq!(play.asked(), [Ask::Plan(PlanAsk::Check)]);
    play.answer(gate(false)).wait(1000);
    let screen = play.screen();
    let says = [
        "START task 12",
        "test: bun test",
        "A person attests with each approval:",
        "  スマートフォンで実際に動かした",
        "  danger/process in src/run/**: it starts \\u{202e}programs",
        "hash cafe",
        "A then y trust and run",
    ];
    for word in says {
        assert!(screen.contains(word), "{word}: {screen}");
    }
    play.did.clear();
    play.keys("enter y").wait(1000).keys("A y");
    assert_eq!(play.asked(), [run(12, Some("cafe"))]);
}

#[test]
fn a_gate_is_not_trusted_where_there_is_no_room_to_show_it() {
    for size in [Size { cols: 80, rows: 4 }, Size { cols: 80, rows: 5 }, Size { cols: 5, rows: 24 }]
    {
        let mut play = Play::begin(size);
        play.keys("G up s").take(Input::Answer { id: 1, answer: Answer::Done(gate(false)) });
        play.answer(json!({ "attempts": [] })).wait(1000);
        play.did.clear();
        play.keys("G").wait(1000).keys("A y").wait(1000).keys("A y");
        assert_eq!(play.asked(), [], "{size:?}: {}", play.screen());
        play.take(Input::Resize(USUAL)).paint().wait(1000).keys("A y");
        assert_eq!(play.asked(), [retry(false, Some("cafe"))], "{}", play.screen());
    }
}

#[test]
fn a_task_that_ended_goes_on_with_its_conversation_or_starts_over() {
    for (keys, resume) in [("R y", true), ("F y", false)] {
        let mut play = Play::begin(USUAL);
        play.keys("G up s");
        assert_eq!(play.asked(), [Ask::Plan(PlanAsk::Check), Ask::Show(ShowAsk::Task(TaskId(11)))]);
        play.take(Input::Answer { id: 1, answer: Answer::Done(gate(true)) });
        play.answer(ended_task()).wait(1000);
        let screen = play.screen();
        assert!(screen.contains("R then y resume  F then y fresh"), "{screen}");
        assert!(screen.contains("conversation c0ffee can go on in /w/11"), "{screen}");
        play.did.clear();
        play.keys("A y").wait(1000).keys(keys);
        assert_eq!(play.asked(), [retry(resume, None)]);
    }
    // Without a conversation there is one way; an untrusted gate is trusted with it.
    let mut play = Play::begin(USUAL);
    play.keys("G up s").take(Input::Answer { id: 1, answer: Answer::Done(gate(false)) });
    play.answer(json!({ "attempts": [] })).wait(1000);
    play.did.clear();
    play.keys("A y");
    assert_eq!(play.asked(), [retry(false, Some("cafe"))]);
}

#[test]
fn a_task_that_is_in_another_state_by_then_is_not_started() {
    let mut play = Play::begin(USUAL);
    play.keys("G up s").take(Input::Answer { id: 1, answer: Answer::Done(gate(true)) });
    play.answer(ended_task()).wait(1000).keys("R");
    let mut rows = tasks();
    rows[4]["state"] = json!("queued");
    play.take(Input::Frame(vec![table(1, &head(), &rows)])).paint();
    play.did.clear();
    play.keys("y").wait(1000).keys("R y");
    assert_eq!(play.asked(), []);
}

fn held_by(client: u64, items: &[serde_json::Value]) -> Update {
    let deciding = json!([{ "item": "item4", "client": client, "person": "みどり" }]);
    table(2, &json!({ "deciding": deciding, "you": 1 }), items)
}

fn decides(play: &Play) -> Vec<(Option<String>, bool)> {
    let said = |what: &Do| match what {
        Do::Say(Said::Decide { item, first }) => Some((item.clone(), *first)),
        _ => None,
    };
    play.did.iter().filter_map(said).collect()
}

#[test]
fn what_somebody_else_decides_is_not_decided_here_until_it_is_taken_over() {
    let mut play = Play::begin(USUAL);
    play.keys("a").answer(diff()).wait(1000).keys("A");
    assert_eq!(decides(&play), [(Some("item4".into()), false)]);
    play.take(Input::Frame(vec![held_by(2, &items())])).paint();
    play.did.clear();
    play.keys("y").wait(1000).keys("A y");
    assert_eq!(play.asked(), []);
    let screen = play.screen();
    assert!(screen.contains("みどり decides it; a takes over"), "{screen}");
    play.wait(1000).keys("a");
    assert_eq!(decides(&play), [(Some("item4".into()), true)]);
    play.take(Input::Frame(vec![held_by(1, &items())])).paint().keys("A y");
    assert_eq!(play.asked(), [], "it arms anew");
    play.wait(1000).keys("A y");
    assert_eq!(play.asked().len(), 1);
    assert_eq!(decides(&play).last(), Some(&(None, false)), "it is let go");
}

#[test]
fn a_reason_is_not_sent_for_what_somebody_else_decides() {
    let mut play = Play::begin(USUAL);
    play.keys("r n o").take(Input::Frame(vec![held_by(2, &items())]));
    play.did.clear();
    play.keys("ctrl-s");
    assert_eq!((play.asked(), decides(&play)), (vec![], vec![(Some("item4".into()), true)]));
    assert!(play.screen().contains("みどり was deciding it; send again"), "{}", play.screen());
    play.take(Input::Frame(vec![held_by(1, &items())])).keys("ctrl-s");
    assert_eq!(play.asked().len(), 1);
}
