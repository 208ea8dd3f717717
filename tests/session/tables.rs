//! The task list, the inbox, who is here, and requests beside them.

use crate::{Attached, Desk, QUIET, add};
use monban::base::size::Size;
use monban::model::rejection::Class;
use monban::wire::frame::FRAME_BYTES_MAX;
use monban::wire::people::{Answer, Ask, DaemonAsk, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use monban::wire::view::{Said, Surface, Told};
use serde_json::Value;
use std::time::Duration;

const TASKS: Surface = Surface::Tasks { all: false };
const INBOX: Surface = Surface::Inbox { all: false };

#[test]
fn a_change_of_a_task_costs_its_row() {
    let room = Desk::new();
    let mut ann = room.person("ann");
    for n in 0..30 {
        add(&mut ann, &format!("Task {n}"), "x");
    }
    let mut client = room.attach("bob");
    client.look(1, TASKS);
    client.wait("all tasks", |client| (client.table(1).len() == 30).then_some(()));
    client.drain(QUIET);
    let before = client.bytes;
    let id = add(&mut ann, "One more", "x");
    client.wait("the new one", |client| (client.table(1).len() == 31).then_some(()));
    assert_eq!(client.table(1)[30]["title"], "One more");
    assert!(client.bytes - before < 3000, "{} bytes", client.bytes - before);
    ann.ask(Ask::Task(id, TaskAsk::Remove)).unwrap();
    client.wait("its end", |client| (client.table(1).len() == 30).then_some(()));
}

#[test]
fn nothing_ticks_when_nothing_changes() {
    let room = Desk::new();
    let (_, run) = room.agent("permission 'go on'");
    let mut client = room.attach("bob");
    client.look(1, TASKS);
    client.look(2, INBOX);
    client.look_at_pane(3, run);
    client.wait("the item", |client| (client.head(2)["waiting"] == 1).then_some(()));
    client.wait("the count", |client| (client.head(1)["needs_you"] == 1).then_some(()));
    client.shows(3, "May I go on?");
    client.drain(Duration::from_secs(3));
    let before = (client.bytes, client.frame);
    room.daemon.clock.advance(Duration::from_secs(3600));
    client.drain(Duration::from_secs(3));
    assert_eq!((client.bytes, client.frame), before);
}

#[test]
fn the_inbox_says_what_waits_of_which_task() {
    let room = Desk::new();
    room.agent("permission 'go on'");
    let mut client = room.attach("bob");
    client.look(1, TASKS);
    client.look(2, INBOX);
    let item = client.wait("the item", |client| client.table(2).first().cloned());
    assert_eq!((&item["title"], &item["kind"]), (&"T".into(), &"permission".into()), "{item:#}");
    assert!(item["since"].is_string() && item["note"].is_string(), "{item:#}");
    assert_eq!(client.head(2)["by_kind"]["permission"], 1);
    let head = client
        .wait("the count", |client| Some(client.head(1)).filter(|head| head["needs_you"] == 1));
    assert_eq!((&head["level"], &head["needs_you_anywhere"]), (&"L1".into(), &1.into()), "{head}");
    let row = &client.table(1)[0];
    assert!(row["status"]["since"].is_string() && row["status"]["age_s"].is_null(), "{row:#}");
}

#[test]
fn who_is_here_is_shown_to_all_with_size_and_mode() {
    let room = Desk::new();
    let mut bob = room.attach("bob");
    bob.look(1, TASKS);
    let mut eve = room.watch("eve");
    eve.say(&Said::Window { size: Size { cols: 40, rows: 10 } });
    let clients = bob.wait("both", |client| {
        let clients = client.head(1)["clients"].as_array()?.clone();
        (clients.len() == 2 && clients[1]["size"]["cols"] == 40).then_some(clients)
    });
    assert_eq!((&clients[0]["person"], &clients[0]["watch"]), (&"bob".into(), &false.into()));
    assert_eq!((&clients[1]["person"], &clients[1]["watch"]), (&"eve".into(), &true.into()));
    assert_eq!(clients[0]["id"], bob.id);
    let status = room.person("ann").ask(Ask::Daemon(DaemonAsk::Status)).unwrap();
    assert_eq!(status["clients"], Value::from(clients));
    drop(eve);
    bob.wait("one", |client| (client.head(1)["clients"].as_array()?.len() == 1).then_some(()));
}

#[test]
fn an_open_dashboard_is_a_person_who_is_there_until_the_last_one_closes() {
    let room = Desk::new();
    let mut ann = room.person("ann");
    let there = |ann: &mut crate::Person, wanted: &[&str]| {
        ann.until(&ShowAsk::List { all: false }, |list| {
            (list["repository"]["attended_by"] == Value::from(wanted.to_vec())).then_some(())
        });
    };
    // Some word of the repository: who only watches makes nothing known.
    ann.show(ShowAsk::List { all: false });
    let eve = room.watch("eve");
    let first = room.attach("bob");
    let second = room.attach("bob");
    there(&mut ann, &["bob"]);
    drop(first);
    // The second is counted whatever order coming and going are noted in.
    let carol = room.attach("carol");
    there(&mut ann, &["bob", "carol"]);
    drop(carol);
    there(&mut ann, &["bob"]);
    drop(second);
    there(&mut ann, &[]);
    drop(eve);
}

/// As at the other end of a line that died in silence: the connection stands, and nobody is there.
#[test]
fn who_promised_signs_of_life_and_gives_none_is_gone() {
    let room = Desk::new();
    let mut ann = room.person("ann");
    let mut there = |wanted: &[&str]| {
        ann.until(&ShowAsk::List { all: false }, |list| {
            (list["repository"]["attended_by"] == Value::from(wanted.to_vec())).then_some(())
        });
    };
    let mut bob = room.attach("bob");
    let carol = room.attach("carol");
    there(&["bob", "carol"]);
    bob.say(&Said::Here { within_ms: 300 });
    there(&["carol"]);
    // The line died in the middle of a message.
    let mut carol = carol;
    carol.say(&Said::Here { within_ms: 300 });
    carol.begin_to_say(&Said::Ping { at: 1 });
    there(&[]);
}

#[test]
fn who_leaves_before_their_coming_is_noted_is_gone_all_the_same() {
    let room = Desk::new();
    let (task, _) = room.agent("permission 'go on'");
    for n in 0..40 {
        let mut hasty = room.person("hasty");
        let ask = if n % 2 == 0 {
            Ask::Attach { watch: false, all: false, size: None }
        } else {
            Ask::Show(ShowAsk::Wait { tasks: vec![task] })
        };
        hasty.send(ask);
        drop(hasty);
    }
    let mut ann = room.person("ann");
    ann.until(&ShowAsk::List { all: false }, |list| {
        (list["repository"]["attended_by"] == Value::from(Vec::<Value>::new())).then_some(())
    });
}

#[test]
fn who_watches_a_repository_that_is_not_known_does_not_make_it_known() {
    let room = Desk::new();
    let mut eve = room.person("eve");
    let refused = eve.ask(Ask::Attach { watch: true, all: false, size: None }).unwrap_err();
    assert!(refused.to_string().contains("does not know this repository"), "{refused}");
    let mut client = room.watch_all("eve");
    let Answer::Refused(_) = client.ask(1, Ask::Show(ShowAsk::List { all: false })) else {
        panic!("it was made known");
    };
    let Answer::Refused(_) = client.ask(2, Ask::Plan(PlanAsk::Check)) else {
        panic!("it was made known");
    };
    let listed = eve.show(ShowAsk::List { all: true });
    assert_eq!(listed["repositories"], Value::Array(Vec::new()));
}

#[test]
fn who_only_watches_changes_nothing() {
    let room = Desk::new();
    let (task, run) = room.agent("permission 'go on'");
    let mut eve = room.watch("eve");
    eve.look_at_pane(1, run);
    eve.shows(1, "May I go on?");
    let size = eve.head(1)["size"].clone();
    eve.say(&Said::Room { run, size: Size { cols: 60, rows: 20 } });
    eve.press(run, &["y", "enter"]);
    let why = eve.wait("a no", |client| {
        client.told.iter().find_map(|told| match told {
            Told::NotTyped { run: of, why } if *of == run => Some(why.clone()),
            _ => None,
        })
    });
    assert!(why.contains("only watches"), "{why}");
    let changing = [
        Ask::Task(task, TaskAsk::Abort),
        Ask::Task(task, TaskAsk::Keys { keys: vec!["y".into()] }),
        Ask::Plan(PlanAsk::Vouch { for_ms: 60_000 }),
        Ask::Show(ShowAsk::Wait { tasks: vec![task] }),
        Ask::Daemon(DaemonAsk::Stop { kill_agents: false }),
    ];
    for (id, ask) in (0..).zip(changing) {
        let Answer::Refused(refused) = eve.ask(id, ask.clone()) else { panic!("{ask:?}") };
        assert_eq!(refused.class, Class::Refused, "{ask:?}");
    }
    let Answer::Done(list) = eve.ask(9, Ask::Show(ShowAsk::List { all: false })) else {
        panic!("looking is allowed")
    };
    assert_eq!(list["repository"]["attended_by"], Value::from(Vec::<Value>::new()));
    eve.drain(QUIET);
    assert_eq!(eve.head(1)["size"], size);
    assert!(eve.screen(1).iter().any(|row| row.ends_with("May I go on?")), "{:?}", eve.screen(1));
}

#[test]
fn requests_are_answered_under_their_numbers_beside_frames() {
    let room = Desk::new();
    let (task, run) = room.agent("permission 'go on'");
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    let at = room.instance.repository.clone();
    let wait = Ask::Show(ShowAsk::Events { from: 1, follow: true });
    bob.say(&Said::Ask { id: 1, at: at.clone(), ask: wait });
    let Answer::Done(shown) = bob.ask(2, Ask::Show(ShowAsk::Task(task))) else { panic!("shown") };
    assert_eq!(shown["id"], task.0);
    let Answer::Refused(_) = bob.ask(3, Ask::Attach { watch: false, all: false, size: None })
    else {
        panic!("one connection is one dashboard")
    };
    let rows = |told: &Told| matches!(told, Told::Answer { id: 1, answer: Answer::Row(_) });
    bob.wait("the log", |client| client.told.iter().any(rows).then_some(()));
    for id in 10..25 {
        let follow = Ask::Show(ShowAsk::Events { from: 1, follow: true });
        bob.say(&Said::Ask { id, at: at.clone(), ask: follow });
    }
    let Answer::Refused(refused) = bob.ask(30, Ask::Show(ShowAsk::Task(task))) else {
        panic!("too many at once")
    };
    assert!(refused.to_string().contains("under way"), "{refused}");
    bob.shows(1, "May I go on?");
}

#[test]
fn of_two_who_decide_an_item_one_may() {
    let room = Desk::new();
    room.agent("echo hello > hello.txt");
    let (mut bob, mut eve) = (room.attach("bob"), room.attach("eve"));
    let decider = |client: &mut Attached, wanted: &str| {
        client.wait(wanted, |client| {
            let head = client.head(2);
            let who = head["deciding"][0]["person"].as_str().unwrap_or("nobody");
            (who == wanted).then_some(())
        });
    };
    for client in [&mut bob, &mut eve] {
        client.look(2, INBOX);
        client.wait("the result", |client| (client.table(2).len() == 1).then_some(()));
    }
    let item = bob.table(2)[0]["id"].as_str().unwrap().to_string();
    let decide = |first| Said::Decide { item: Some(item.clone()), first };
    let approve = |digest: &str| {
        Ask::Inbox(InboxAsk::Approve {
            item: item.clone(),
            digest: digest.into(),
            attested: Vec::new(),
        })
    };
    let digest = bob.table(2)[0]["digest"].as_str().unwrap().to_string();
    bob.say(&decide(false));
    decider(&mut eve, "bob");
    eve.say(&decide(false));
    let refused = refusal(eve.ask(1, approve(&digest)));
    assert!(refused.contains("bob decides"), "{refused}");
    // Taken over it is hers, and his again once she lets it go.
    eve.say(&decide(true));
    decider(&mut bob, "eve");
    let refused = refusal(bob.ask(1, approve(&digest)));
    assert!(refused.contains("eve decides"), "{refused}");
    eve.say(&Said::Decide { item: None, first: false });
    decider(&mut bob, "bob");
    // Who leaves decides nothing any more.
    drop(bob);
    decider(&mut eve, "nobody");
    assert!(matches!(eve.ask(2, approve(&digest)), Answer::Done(_)));
}

/// What one client says it decides stands in the tables of all.
#[test]
fn a_name_of_an_item_that_fills_a_message_harms_no_other_client() {
    let room = Desk::new();
    room.agent("permission 'go on'");
    let (mut bob, mut eve) = (room.attach("bob"), room.attach("eve"));
    bob.look(2, INBOX);
    bob.wait("the item", |client| (client.table(2).len() == 1).then_some(()));
    let item = Some("x".repeat(FRAME_BYTES_MAX - 100));
    eve.say(&Said::Decide { item, first: false });
    assert!(matches!(eve.ask(1, Ask::Daemon(DaemonAsk::Status)), Answer::Done(_)));
    bob.drain(QUIET);
    assert_eq!(bob.head(2)["deciding"], Value::Array(Vec::new()));
    assert!(matches!(bob.ask(1, Ask::Daemon(DaemonAsk::Status)), Answer::Done(_)));
}

fn refusal(answer: Answer) -> String {
    let Answer::Refused(refused) = answer else { panic!("{answer:?}") };
    refused.to_string()
}
