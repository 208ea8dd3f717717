//! Daemons and clients of different versions, and a daemon replaced under a running agent.

use crate::{Attached, Instance};
use monban::base::id::RunId;
use monban::base::paths::Places;
use monban::wire::frame;
use monban::wire::people::{Answer, Ask, DaemonAsk, Hello, MAGIC, Request, Welcome};
use std::os::unix::net::UnixStream;

#[test]
fn a_client_of_the_protocol_before_is_served() {
    let instance = Instance::new();
    instance.monban(&["daemon", "start"]).expect(0);
    let mut stream = UnixStream::connect(Places::under(&instance.home).socket()).unwrap();
    let (magic, version) = (MAGIC.to_string(), "0.0.1".to_string());
    let hello = Hello { magic, protocol: 1, version, person: "dj".into() };
    frame::write(&mut stream, &hello).unwrap();
    let welcome: Welcome = frame::read(&mut stream).unwrap().unwrap();
    assert_eq!((welcome.protocol, welcome.refused), (1, None));
    let ask = Ask::Daemon(DaemonAsk::Status);
    frame::write(&mut stream, &Request { at: instance.repository.clone(), ask }).unwrap();
    let answer: Answer = frame::read(&mut stream).unwrap().unwrap();
    assert!(matches!(answer, Answer::Done(_)), "{answer:?}");
}

/// The numbers in lines such as `n17`.
fn numbers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<u32> {
    lines.filter_map(|line| line.trim().strip_prefix('n')?.parse().ok()).collect()
}

#[test]
fn an_upgrade_under_a_running_agent_loses_and_doubles_nothing() {
    let instance = Instance::new();
    let script = "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo n$i; sleep 0.002; done; \
                  IFS= read -r x; echo $x > x";
    let id = instance.add("T", script);
    instance.monban(&["run", &id, "--trust", &instance.gate()]).expect(0);
    let places = Places::under(&instance.home);
    let attach = || Attached::attach(&places, "bob", instance.repository.clone(), true);
    let mut before = attach();
    before.look_at_pane(1, RunId(1));
    let shown = |client: &Attached| numbers(client.screen(1).iter().map(String::as_str));
    // No number in particular: between two frames more than a screen may pass.
    let is_past =
        |client: &mut Attached, least| (shown(client).last() >= Some(&least)).then_some(());
    before.wait("100 lines", |client| is_past(client, 100));
    let old = instance.daemon();
    let said = instance.monban(&["daemon", "upgrade"]).expect(0).out;
    let version = env!("CARGO_PKG_VERSION");
    assert!(said.contains(&format!("was monban {version} and is monban {version}")), "{said}");
    assert!(said.contains("1 running process"), "{said}");
    assert_ne!(instance.daemon(), old);
    assert_eq!(instance.task(&id)["state"], "running");
    let mut after = attach();
    after.look_at_pane(1, RunId(1));
    after.wait("1000 lines", |client| is_past(client, 1000));
    let shown = shown(&after);
    let next = |pair: &[u32]| pair[0] + 1 == pair[1];
    assert!(shown.len() > 30 && shown.windows(2).all(next), "{shown:?}");
    after.shows(1, "n4000");
    let transcript = instance.monban(&["replay", &id]).expect(0).out;
    assert_eq!(numbers(transcript.lines()), (1..=4000).collect::<Vec<_>>());
    // It is the same agent, and it can be typed to.
    instance.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    instance.until(&id, "the approval", |task| task["waits_for"][0] == "approval");
}

#[test]
fn an_upgrade_without_a_daemon_starts_one_and_a_broken_file_leaves_the_old_one() {
    let instance = Instance::new();
    let said = instance.monban(&["daemon", "upgrade"]).expect(0).out;
    assert!(said.contains("no daemon ran"), "{said}");
    let pid = instance.daemon();
    let config = std::fs::read_to_string(instance.home.join("config.toml")).unwrap();
    instance.configure("level = 7");
    instance.monban(&["daemon", "upgrade"]).expect(2);
    instance.configure(&config);
    assert_eq!(instance.daemon(), pid);
}
