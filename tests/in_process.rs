//! A daemon in this process: presence, ages and hours by a clock moved by hand, and many clients at
//! once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code)]
#[path = "support/desk.rs"]
mod desk;
#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;
#[allow(dead_code)]
#[path = "support/people.rs"]
mod people;

use desk::{Desk, run, until_state, until_waits};
use monban::base::id::TaskId;
use monban::model::rejection::Class;
use monban::wire::people::{Answer, Ask, DaemonAsk, PlanAsk, ShowAsk, TaskAsk};
use people::{InProcess, Person, add};
use serde_json::Value;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn vouch(person: &mut Person, minutes: u64) {
    person.ask(Ask::Plan(PlanAsk::Vouch { for_ms: minutes * 60_000 })).unwrap();
}

/// The kinds of all events so far.
fn events(person: &mut Person) -> Vec<String> {
    person.send(Ask::Show(ShowAsk::Events { from: 1, follow: false }));
    let mut kinds = Vec::new();
    loop {
        match person.next() {
            Answer::Row(record) => kinds.push(record["type"].as_str().unwrap().to_string()),
            Answer::Done(_) => return kinds,
            other => panic!("{other:?}"),
        }
    }
}

fn vouched(person: &mut Person) -> Value {
    person.show(ShowAsk::List { all: false })["repository"]["vouched"].clone()
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_persons_word_ends_exactly_when_its_time_is_over_and_a_hold_follows() {
    let night = Desk::with("max_agents = 1");
    let mut ann = night.person("ann");
    let first = add(&mut ann, "First", "permission 'go on'");
    let second = add(&mut ann, "Second", "echo b > b.txt");
    vouch(&mut ann, 30);
    run(&mut ann, &[first]);
    run(&mut ann, &[second]);
    until_waits(&mut ann, first, "permission");
    night.daemon.clock.advance(30 * MINUTE - Duration::from_millis(1));
    assert_eq!(vouched(&mut ann)["by"], "ann");
    assert!(!events(&mut ann).contains(&"daemon.vouch-ended".to_string()));
    night.daemon.clock.advance(Duration::from_millis(1));
    ann.until(&ShowAsk::List { all: false }, |list| {
        list["repository"]["vouched"].is_null().then_some(())
    });
    assert!(events(&mut ann).contains(&"daemon.vouch-ended".to_string()));
    // There is room for the second now, and nobody there: the repository is held.
    ann.ask(Ask::Task(first, TaskAsk::Abort)).unwrap();
    let held = ann.until(&ShowAsk::Task(second), |task| {
        task["repository"]["held"].as_str().map(ToString::to_string)
    });
    assert!(held.contains("task 2 would start"), "{held}");
    assert_eq!(ann.show(ShowAsk::Task(second))["state"], "queued");
    // Coming back is not enough; the person says that it goes on.
    vouch(&mut ann, 30);
    assert_eq!(ann.show(ShowAsk::Task(second))["state"], "queued");
    ann.ask(Ask::Plan(PlanAsk::Resume)).unwrap();
    until_waits(&mut ann, second, "approval");
}

#[test]
fn a_later_word_of_the_person_counts_and_an_endless_one_is_refused() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    add(&mut ann, "T", "x");
    vouch(&mut ann, 10);
    night.daemon.clock.advance(9 * MINUTE);
    vouch(&mut ann, 10);
    night.daemon.clock.advance(9 * MINUTE);
    assert_eq!(vouched(&mut ann)["by"], "ann");
    assert!(!events(&mut ann).contains(&"daemon.vouch-ended".to_string()));
    night.daemon.clock.advance(MINUTE);
    let over = |list: &Value| list["repository"]["vouched"].is_null().then_some(());
    ann.until(&ShowAsk::List { all: false }, over);
    for for_ms in [0, 12 * 3_600_000 + 1, u64::MAX] {
        let refused = ann.ask(Ask::Plan(PlanAsk::Vouch { for_ms })).unwrap_err();
        assert_eq!((refused.class, refused.rule.as_deref()), (Class::Input, Some("A-007")));
    }
}

#[test]
fn a_word_that_ran_out_while_no_daemon_was_there_ends_at_its_start() {
    let mut night = Desk::new();
    let mut ann = night.person("ann");
    add(&mut ann, "T", "x");
    vouch(&mut ann, 10);
    night.daemon.stop();
    night.daemon.clock.advance(10 * MINUTE);
    night.begin_again();
    let mut ann = night.person("ann");
    let over = |list: &Value| list["repository"]["vouched"].is_null().then_some(());
    ann.until(&ShowAsk::List { all: false }, over);
}

#[test]
fn statuses_and_the_daemon_have_ages_by_the_clock() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    let id = add(&mut ann, "T", "permission 'go on'");
    run(&mut ann, &[id]);
    until_waits(&mut ann, id, "permission");
    assert_eq!(ann.show(ShowAsk::Task(id))["status"]["age_s"], 0);
    night.daemon.clock.advance(Duration::from_millis(90_500));
    assert_eq!(ann.show(ShowAsk::Task(id))["status"]["age_s"], 90);
    assert_eq!(ann.ask(Ask::Daemon(DaemonAsk::Status)).unwrap()["uptime_s"], 90);
    // What the agent says anew is new.
    ann.ask(Ask::Task(id, TaskAsk::Keys { keys: vec!["n".into(), "enter".into()] })).unwrap();
    let age = ann.until(&ShowAsk::Task(id), |task| {
        (task["status"]["state"] == "done").then(|| task["status"]["age_s"].clone())
    });
    assert_eq!(age, 0);
    // The end of the turn follows the status, at the same moment of the clock.
    ann.until(&ShowAsk::Task(id), |task| {
        (task["since"] == "2027-01-15T08:01:30.500Z").then_some(())
    });
}

#[test]
fn whoever_waits_is_there_until_the_connection_ends() {
    let night = Desk::with("max_agents = 1");
    let (mut ann, mut bob) = (night.person("ann"), night.person("bob"));
    let id = add(&mut ann, "T", "sleep 1000");
    run(&mut ann, &[id]);
    let there = |person: &mut Person, wanted: &[&str]| {
        person.until(&ShowAsk::List { all: false }, |list| {
            (list["repository"]["attended_by"] == Value::from(wanted.to_vec())).then_some(())
        });
    };
    there(&mut ann, &[]);
    bob.send(Ask::Show(ShowAsk::Wait { tasks: vec![id] }));
    there(&mut ann, &["bob"]);
    let mut twice = night.person("bob");
    twice.send(Ask::Show(ShowAsk::Wait { tasks: vec![id] }));
    let mut carol = night.person("carol");
    carol.send(Ask::Show(ShowAsk::Wait { tasks: vec![id] }));
    there(&mut ann, &["bob", "carol"]);
    drop(bob);
    drop(carol);
    there(&mut ann, &["bob"]);
    drop(twice);
    there(&mut ann, &[]);
    ann.ask(Ask::Task(id, TaskAsk::Abort)).unwrap();
    until_state(&mut ann, id, "stopped");
}

#[test]
fn followers_of_the_log_are_told_everything_once_and_in_order() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    let mut followers: Vec<Person> = (0..3).map(|n| night.person(&format!("f{n}"))).collect();
    for follower in &mut followers {
        follower.send(Ask::Show(ShowAsk::Events { from: 1, follow: true }));
    }
    let ids: Vec<TaskId> = (0..20).map(|n| add(&mut ann, &format!("T{n}"), "x")).collect();
    for id in &ids {
        ann.ask(Ask::Task(*id, TaskAsk::Remove)).unwrap();
    }
    for follower in &mut followers {
        let (mut seq, mut removed) = (0, 0);
        while removed < ids.len() {
            let Answer::Row(record) = follower.next() else { panic!("no record") };
            assert_eq!(record["seq"], seq + 1, "{record}");
            seq += 1;
            removed += usize::from(record["type"] == "task.removed");
        }
    }
}

#[test]
fn clients_that_do_not_read_hold_up_nobody() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    let prompt = "x".repeat(200_000);
    for n in 0..20 {
        add(&mut ann, &format!("T{n}"), &prompt);
    }
    // 4 MB of events that nobody reads, from several connections.
    let mut stopped: Vec<Person> = (0..8).map(|n| night.person(&format!("s{n}"))).collect();
    for client in &mut stopped {
        client.send(Ask::Show(ShowAsk::Events { from: 1, follow: true }));
    }
    let mut half = night.person("half");
    half.stream.write_all(&[0, 0]).unwrap();
    for n in 0..20 {
        add(&mut ann, &format!("U{n}"), "x");
    }
    assert_eq!(ann.show(ShowAsk::List { all: true })["tasks"].as_array().unwrap().len(), 40);
    // One that reads after all has missed nothing.
    let mut added = 0;
    while added < 40 {
        let Answer::Row(record) = stopped[0].next() else { panic!("no record") };
        added += usize::from(record["type"] == "task.added");
    }
}

#[test]
fn connections_that_report_nothing_hold_up_no_report() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    let report = "echo '{\"hook_event_name\": \"Stop\", \"session_id\": \"talk-1\"}'";
    let id =
        add(&mut ann, "T", &format!("permission go; {report} | \"$MONBAN_PROGRAM\" hook claude"));
    run(&mut ann, &[id]);
    until_waits(&mut ann, id, "permission");
    let connect = |_| UnixStream::connect(night.daemon.places.report_socket()).unwrap();
    let mut silent: Vec<UnixStream> = (0..200).map(connect).collect();
    // Later ones push earlier ones out, long before those run out of time.
    silent[0].set_read_timeout(Some(Duration::from_secs(4))).unwrap();
    // A wait with a limit is also ended by the end of a child of another test of this process.
    let ended = loop {
        match silent[0].read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            ended => break ended.unwrap(),
        }
    };
    assert_eq!(ended, 0);
    ann.ask(Ask::Task(id, TaskAsk::Keys { keys: vec!["y".into(), "enter".into()] })).unwrap();
    ann.until(&ShowAsk::Task(id), |task| {
        (task["attempts"][0]["session"] == "talk-1").then_some(())
    });
}

#[test]
fn several_people_at_once_get_their_own_answers() {
    let night = Desk::new();
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let mut person = night.person(&format!("p{n}"));
            std::thread::spawn(move || {
                let mut all = Vec::new();
                for m in 0..10 {
                    let title = format!("task {n} {m}");
                    let id = add(&mut person, &title, "x");
                    assert_eq!(person.show(ShowAsk::Task(id))["title"], title.as_str());
                    all.push(id);
                }
                all
            })
        })
        .collect();
    let mut all: Vec<TaskId> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=80).map(TaskId).collect::<Vec<_>>(), "each id once");
    let verified = night.person("ann").ask(Ask::Daemon(DaemonAsk::Verify)).unwrap();
    assert_eq!(verified["equal"], true);
}

#[test]
fn a_stopped_daemon_leaves_the_agent_alone_and_the_next_one_goes_on() {
    let mut night = Desk::new();
    let mut ann = night.person("ann");
    let id = add(&mut ann, "T", "permission 'go on' && echo x > x");
    run(&mut ann, &[id]);
    until_waits(&mut ann, id, "permission");
    // The daemon's own git comes and goes.
    let of_run = |night: &Desk| {
        let mut all = night.instance.processes();
        all.retain(|(_, command)| command.contains(" hold ") || command.contains("agent.sh"));
        all
    };
    let before = of_run(&night);
    assert_eq!(before.len(), 2, "{before:?}");
    night.daemon.stop();
    assert_eq!(of_run(&night), before, "the agent and its holder live");
    night.daemon.clock.advance(60 * MINUTE);
    night.begin_again();
    let mut ann = night.person("ann");
    ann.ask(Ask::Task(id, TaskAsk::Keys { keys: vec!["y".into(), "enter".into()] })).unwrap();
    until_waits(&mut ann, id, "approval");
}

#[test]
fn a_gate_runs_on_while_the_daemon_is_stopped() {
    let mut night = Desk::new();
    let go = night.instance.home.join("go");
    let config = format!("until test -e {}; do sleep 0.1; done; grep -q yes ok", go.display());
    night.instance.write("monban.toml", &instance::CONFIG.replace("grep -q yes ok", &config));
    night.instance.commit("a gate that waits");
    let mut ann = night.person("ann");
    let id = add(&mut ann, "T", "echo x > x");
    run(&mut ann, &[id]);
    let judging =
        |night: &Desk| night.instance.processes().iter().any(|(_, c)| c.contains("until"));
    ann.until(&ShowAsk::Task(id), |_| judging(&night).then_some(()));
    night.daemon.stop();
    assert!(judging(&night), "stopping the daemon ends no command");
    night.begin_again();
    fs::write(&go, "").unwrap();
    let mut ann = night.person("ann");
    until_waits(&mut ann, id, "approval");
    assert_eq!(ann.show(ShowAsk::Gates(id)).as_array().unwrap().len(), 1, "judged once");
}

/// A connection that ends at the very moment at which its wait begins leaves nobody behind.
#[test]
fn whoever_hangs_up_at_once_is_not_taken_to_be_there_for_ever() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    let id = add(&mut ann, "T", "sleep 1000");
    run(&mut ann, &[id]);
    for _ in 0..100 {
        let mut bob = night.person("bob");
        bob.send(Ask::Show(ShowAsk::Wait { tasks: vec![id] }));
    }
    // Some of them may still be coming.
    let is_over = |ann: &mut Person| {
        let kinds = events(ann);
        let count = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
        let list = ann.show(ShowAsk::List { all: false });
        let nobody = list["repository"]["attended_by"] == Value::from(Vec::<Value>::new());
        (nobody && count("daemon.arrived") == count("daemon.left")).then_some(())
    };
    people::wait_for(|| is_over(&mut ann)).expect("somebody is there for ever");
    ann.ask(Ask::Task(id, TaskAsk::Abort)).unwrap();
    until_state(&mut ann, id, "stopped");
}

#[test]
fn a_daemon_with_another_state_does_not_take_the_sockets_over() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    let mut places = night.daemon.places.clone();
    places.state = night.instance.home.join("other-state");
    let why = InProcess::refused(places);
    assert!(why.contains("another state folder") && why.contains("MONBAN_HOME"), "{why}");
    ann.ask(Ask::Daemon(DaemonAsk::Status)).unwrap();
    night.person("bob").ask(Ask::Daemon(DaemonAsk::Status)).unwrap();
}

#[test]
fn an_agent_is_followed_although_the_person_took_it_out_of_the_configuration() {
    let mut night = Desk::new();
    let mut ann = night.person("ann");
    let id = add(&mut ann, "T", "permission 'go on' && echo x > x");
    run(&mut ann, &[id]);
    until_waits(&mut ann, id, "permission");
    night.daemon.stop();
    night.instance.configure("");
    night.begin_again();
    let mut ann = night.person("ann");
    assert_eq!(ann.show(ShowAsk::Task(id))["state"], "running", "it was never lost");
    ann.ask(Ask::Task(id, TaskAsk::Keys { keys: vec!["y".into(), "enter".into()] })).unwrap();
    let task = until_waits(&mut ann, id, "approval");
    assert_eq!(task["attempts"][0]["ended"], Value::Null, "{task:#}");
    ann.ask(Ask::Task(id, TaskAsk::Abort)).unwrap();
    until_state(&mut ann, id, "stopped");
}

#[test]
fn a_task_is_not_judged_by_the_gate_of_the_folder_somebody_happens_to_stand_in() {
    let night = Desk::new();
    let mut ann = night.person("ann");
    let id = add(&mut ann, "T", "echo x > x");
    let other = night.instance.home.join("elsewhere");
    let mut copy = std::process::Command::new("cp");
    let copied = copy.arg("-a").arg(&night.instance.repository).arg(&other).status();
    assert!(copied.unwrap().success());
    let mut away = Person::connect(&night.daemon.places, "ann", other);
    let gate = away.ask(Ask::Plan(PlanAsk::Check)).unwrap();
    let trust = gate["hash"].as_str().map(ToString::to_string);
    let refused =
        away.ask(Ask::Plan(PlanAsk::Run { tasks: vec![id], trust, attend_ms: None })).unwrap_err();
    assert!(refused.why.contains("belongs to"), "{refused}");
    assert_eq!(ann.show(ShowAsk::Task(id))["state"], "draft");
}
