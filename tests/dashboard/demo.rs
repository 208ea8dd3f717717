//! The demo as a person has it: its own instance on the screen, and nothing of it afterwards.

use crate::support::instance::Instance;
use crate::{desk, has_row};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

#[test]
fn the_demo_opens_on_agents_at_work_and_nothing_of_it_stays() {
    let Some(desk) = desk("the_demo_opens_on_agents_at_work_and_nothing_of_it_stays") else {
        return;
    };
    let place = desk.instance.home.join("t");
    fs::create_dir(&place).unwrap();
    let demo = format!("TMPDIR={} monban demo", place.display());
    let window = desk.dashboard(&demo, 100, 30);
    window.until("agents at work", |screen| {
        has_row(screen, "Greet people by name", "blocked permission")
            && has_row(screen, "Configure the port", "blocked question")
            && has_row(screen, "Explain the greeting", "! waiting")
            && has_row(screen, "Translate the greeting", "working")
            && has_row(screen, "Tidy up", "draft")
    });
    // The first agent is given its permission.
    window.press(&["i"]);
    window.shows(" PANE ");
    window.text("y");
    window.press(&["C-]", "q"]);
    window.until("its result", |screen| has_row(screen, "Greet people by name", "! waiting"));
    // It lands.
    window.press(&["a"]);
    window.until("an armed dialog", |screen| has_row(screen, "APPROVE", "] armed "));
    window.press_until("A", "y approves", "] armed ");
    window.press(&["y"]);
    window.until("the landing", |screen| has_row(screen, "Greet people by name", "done"));
    // The last does harm, and is stopped by a check that a newcomer's own repository has as well.
    window.press(&["G", "s"]);
    window.until("the halt", |screen| {
        has_row(screen, "Tidy up", "failed") && screen.contains("HALTED")
    });
    window.press(&["4"]);
    window.until("what stopped it", |screen| {
        has_row(screen, "fail", "danger") && screen.contains("tidy.js")
    });
    window.press(&["1"]);
    window.press(&["q"]);
    window.shows("nothing is left running");
    desk.no_client_is_left();
    let kept: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(kept.is_empty(), "{kept:?}");
    let is_monban =
        |command: &str| ["daemon start", "hold", "demo"].iter().any(|word| command.contains(word));
    let left = desk.instance.processes();
    assert!(!left.iter().any(|(_, command)| is_monban(command)), "{left:?}");
}

#[test]
fn the_demo_that_is_killed_leaves_nothing_either() {
    let Some(desk) = desk("the_demo_that_is_killed_leaves_nothing_either") else { return };
    let place = desk.instance.home.join("t");
    fs::create_dir(&place).unwrap();
    let demo = format!("TMPDIR={} monban demo", place.display());
    let window = desk.dashboard(&demo, 100, 30);
    window.until("agents at work", |screen| has_row(screen, "Translate the greeting", "working"));
    assert!(fs::read_dir(&place).unwrap().count() > 0);
    // The shell goes on; whatever the demo started has to notice by itself.
    desk.instance.kill(window.program());
    let is_clear = || (fs::read_dir(&place).unwrap().count() == 0).then_some(());
    let cleared = crate::support::wait_for(std::time::Duration::from_secs(180), is_clear);
    assert!(cleared.is_some(), "{:?}", desk.instance.processes());
    let is_monban = |command: &str| {
        ["daemon start", "hold", "demo", "play-guard"].iter().any(|word| command.contains(word))
    };
    let gone = crate::support::wait_for(std::time::Duration::from_secs(180), || {
        let left = desk.instance.processes();
        (!left.iter().any(|(_, command)| is_monban(command))).then_some(())
    });
    assert!(gone.is_some(), "{:?}", desk.instance.processes());
}

#[test]
fn the_demo_interrupted_on_its_way_leaves_nothing_behind() {
    let instance = Instance::new();
    let place = instance.home.join("t");
    fs::create_dir(&place).unwrap();
    let mut demo = instance.command(&["demo", "--headless"]);
    demo.env("TMPDIR", &place).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = demo.spawn().unwrap();
    let stdout = running.stdout.take().unwrap();
    let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
    lines.find(|line| line.contains("you write down task 3")).unwrap();
    let pid = Pid::from_child(&running);
    kill_process(pid, Signal::INT).unwrap();
    let ended = Instance::ran(running.wait_with_output().unwrap()).expect(130);
    assert!(ended.err.contains("nothing is left running"), "{}", ended.err);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
    instance.gone();
}
