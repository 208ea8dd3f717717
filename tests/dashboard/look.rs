//! What a person sees, and typing to an agent.

use crate::{desk, has_row};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// Asks again and again; each answer shows how large its terminal is.
const SIZES: &str = "while ask 'how large?'; do stty size; done";

#[test]
fn the_fleet_shows_every_agent_and_the_screen_of_the_selected_one() {
    let Some(desk) = desk("the_fleet_shows_every_agent_and_the_screen_of_the_selected_one") else {
        return;
    };
    desk.waiting("Add hello", "echo hello > hello.txt; echo wrote the greeting");
    let ticks = "n=0; while ask \"tick $n?\"; do n=$((n + 1)); done";
    let asks = desk.waiting("Keep ticking", ticks);
    let window = desk.dashboard("monban", 100, 30);
    window.until("both", |screen| {
        screen.contains("!2 need you")
            && has_row(screen, "Add hello", "! waiting")
            && has_row(screen, "Keep ticking", "blocked question")
    });
    window.shows("ATTENDED by dj");
    window.shows("wrote the greeting");
    window.press(&["j"]);
    window.shows("tick 0?");
    desk.instance.monban(&["send", &asks, "--keys", "enter"]).expect(0);
    window.shows("tick 1?");
    desk.instance.monban(&["abort", &asks]).expect(0);
    window.until("the end", |screen| {
        has_row(screen, "Keep ticking", "stopped") && screen.contains("!1 need you")
    });
}

#[test]
fn a_task_that_is_not_there_is_refused_before_the_screen_opens() {
    let Some(desk) = desk("a_task_that_is_not_there_is_refused_before_the_screen_opens") else {
        return;
    };
    desk.instance.add("Later", "true");
    let said = desk.instance.monban(&["show", "99"]).expect(2).err;
    let window = desk.tmux.window("none", 100, 30);
    window.line("monban attach 99; echo status=$?");
    let screen = window.shows("status=2");
    assert!(screen.contains(said.lines().next().unwrap()) && !screen.contains(" NAV "), "{screen}");
    let window = desk.dashboard("monban attach 1", 100, 30);
    window.shows("Later");
}

/// The daemon stands still, as a line does whose other end was stopped: who types is told, who only
/// looks costs nothing.
#[test]
fn a_daemon_that_does_not_answer_is_told_of_once_a_person_types() {
    let Some(desk) = desk("a_daemon_that_does_not_answer_is_told_of_once_a_person_types") else {
        return;
    };
    desk.waiting("Ask", "ask 'which port?'; echo took $answer");
    let window = desk.dashboard("monban", 100, 30);
    // The first time, the words of this installation are explained, and the key that leaves.
    let first = window.shows("marks monban's own dialogs; ctrl-] leaves an agent you type to");
    let mark = first.split_once('[').unwrap().1.split_once(']').unwrap().0.to_string();
    window.shows("which port?");
    let daemon = Pid::from_raw(desk.instance.daemon()).unwrap();
    kill_process(daemon, Signal::STOP).unwrap();
    assert!(!window.settled().contains("no answer"));
    window.press(&["j"]);
    window.waits_for_an_answer();
    kill_process(daemon, Signal::CONT).unwrap();
    window.hides("no answer");
    window.press(&["?"]);
    window.until("the mark in the help", |screen| screen.contains("on every dialog of monban"));
    window.press(&["?", "Q"]);
    let again = desk.dashboard("monban", 100, 31);
    again.shows("which port?");
    let screen = again.settled();
    assert!(screen.contains(&mark) && !screen.contains("monban's own dialogs"), "{screen}");
}

#[test]
fn keys_and_colours_follow_the_persons_files_while_it_is_open() {
    let Some(desk) = desk("keys_and_colours_follow_the_persons_files_while_it_is_open") else {
        return;
    };
    desk.instance.add("Later", "true");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("Later");
    let keys = |text: &str| fs::write(desk.instance.home.join("keymap.toml"), text).unwrap();
    keys("[nav]\nf9 = { run = \"halp\" }\n");
    window.shows("stay as they were");
    keys("[nav]\nf9 = { run = \"help\" }\n");
    window.shows("as the files have them now");
    // A file that is being written may be seen empty first.
    window.press_until("F9", "on every dialog of monban", " NAV ");
}

#[test]
fn who_is_needed_is_one_key_away_and_keys_go_to_the_agent_until_the_leader() {
    let Some(desk) =
        desk("who_is_needed_is_one_key_away_and_keys_go_to_the_agent_until_the_leader")
    else {
        return;
    };
    desk.instance.add("Later", "true");
    let id = desk.waiting("Ask", "ask 'which port?'; echo $answer > port; echo took $answer");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("!1 need you");
    window.press(&["!"]);
    window.shows("focus");
    window.shows("which port?");
    window.press(&["i"]);
    window.shows(" PANE ");
    // Each of these would do something as a key of the dashboard.
    window.text("q!ax:8080");
    window.press(&["Enter"]);
    window.shows("took q!ax:8080");
    window.press(&["C-]"]);
    window.shows(" NAV ");
    window.press(&["q"]);
    window.shows("fleet");
    desk.instance.until(&id, "the approval", |task| task["waits_for"][0] == "approval");
    let worktree = desk.instance.task(&id)["worktree"].as_str().unwrap().to_string();
    let port = fs::read_to_string(std::path::Path::new(&worktree).join("port")).unwrap();
    assert_eq!(port, "q!ax:8080\n");
}

#[test]
fn who_only_watches_sees_everything_and_types_and_decides_nothing() {
    let Some(desk) = desk("who_only_watches_sees_everything_and_types_and_decides_nothing") else {
        return;
    };
    let id = desk.waiting("Ask", "ask 'which port?'; echo took $answer");
    let window = desk.dashboard("monban attach --watch", 100, 30);
    window.shows("which port?");
    for key in ["i", "x", "u", "n"] {
        window.press(&[key]);
        window.shows("only watches");
        window.press(&["Escape"]);
        window.hides("only watches");
    }
    window.text("80");
    window.press(&["Enter"]);
    // It goes on seeing; what it typed never came.
    window.shows("focus");
    desk.instance.monban(&["send", &id, "--keys", "7", "enter"]).expect(0);
    window.shows("took 7");
}

#[test]
fn who_types_last_gives_a_pane_its_size_and_the_others_see_all_they_can() {
    let Some(desk) = desk("who_types_last_gives_a_pane_its_size_and_the_others_see_all_they_can")
    else {
        return;
    };
    desk.waiting("Sizes", SIZES);
    let large = desk.dashboard("monban", 120, 40);
    let small = desk.dashboard("USER=eve monban", 70, 20);
    for window in [&large, &small] {
        window.shows("how large?");
        window.press(&["i"]);
        window.shows(" PANE ");
    }
    // On a busy machine a key may come before the size that it brings.
    let all = |words: [&'static str; 3]| {
        move |screen: &str| words.iter().all(|word| screen.contains(word))
    };
    large.press_until("Enter", "37 120", " PANE ");
    small.until("another's size", all(["37 120", "driver dj", "120x37"]));
    small.press_until("Enter", "17 70", " PANE ");
    large.until("another's size", all(["17 70", "driver eve", "70x17"]));
    // Both are here, and say so.
    large.press(&["C-]", "w"]);
    large.until("who is here", |screen| screen.contains("dj") && screen.contains("eve"));
}

#[test]
fn a_window_of_another_size_is_drawn_anew_and_the_agent_gets_it() {
    let Some(desk) = desk("a_window_of_another_size_is_drawn_anew_and_the_agent_gets_it") else {
        return;
    };
    desk.waiting("Sizes", SIZES);
    let window = desk.dashboard("monban", 100, 30);
    window.shows("how large?");
    window.press(&["i"]);
    window.shows(" PANE ");
    window.press_until("Enter", "27 100", " PANE ");
    for (cols, rows) in [(60, 15), (140, 45), (40, 10)] {
        window.resize(cols, rows);
        // Keys may overtake the news of a size.
        window.press_until("Enter", &format!("{} {cols}", rows - 3), " PANE ");
        let screen = window.settled();
        let last = screen.lines().rfind(|row| !row.is_empty()).unwrap();
        assert!(last.contains("agent"), "the last line says where keys go: {screen}");
        assert_eq!(screen.matches(" PANE ").count(), 1, "nothing old is left: {screen}");
    }
}

#[test]
fn no_colour_is_used_where_none_is_wanted() {
    let Some(desk) = desk("no_colour_is_used_where_none_is_wanted") else { return };
    desk.waiting("Add hello", "echo hello > hello.txt");
    let plain = desk.dashboard("NO_COLOR=1 monban", 100, 30);
    let coloured = desk.dashboard("monban", 100, 31);
    let colours = |screen: &str| {
        let codes = screen.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m'));
        let codes = codes.flat_map(|(codes, _)| codes.split(';')).map(String::from);
        let is_colour = |code: &String| {
            // These two take colours away.
            code.parse::<u8>().is_ok_and(|code| code >= 30 && ![39, 49].contains(&code))
        };
        codes.filter(is_colour).collect::<Vec<_>>()
    };
    for window in [&plain, &coloured] {
        window.shows("! waiting");
        window.press(&["a"]);
        window.shows("APPROVE");
    }
    assert!(!colours(&coloured.colours()).is_empty(), "this test sees colours");
    let seen = plain.colours();
    assert!(colours(&seen).is_empty(), "{seen}");
}
