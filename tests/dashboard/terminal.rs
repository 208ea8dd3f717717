//! Coming and going: the person's terminal, the daemon, and the dashboard itself.

use crate::support::instance::write_program;
use crate::support::terminal::Terminal;
use crate::support::tmux::Tmux;
use crate::support::wait_for;
use crate::{Desk, desk};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::time::Duration;

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn leaving_and_coming_back_shows_the_same_screen() {
    let Some(desk) = desk("leaving_and_coming_back_shows_the_same_screen") else { return };
    desk.waiting("Add hello", "echo hello > hello.txt; printf 'wide \\343\\201\\202 row\\n'");
    desk.waiting("Ask", "ask 'which port?'");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("!2 need you");
    window.shows("wide あ row");
    // What is said the first time goes with the first key.
    window.press(&["1"]);
    window.hides("leaves an agent you type to");
    let before = window.settled();
    window.press(&["q"]);
    desk.no_client_is_left();
    window.line("monban");
    window.until("the same screen", |screen| screen == before);
}

#[test]
fn however_it_ends_the_terminal_is_in_order_and_nothing_is_left() {
    let Some(desk) = desk("however_it_ends_the_terminal_is_in_order_and_nothing_is_left") else {
        return;
    };
    let id = desk.waiting("Ask", "ask 'which port?'");
    let window = desk.tmux.window("order", 100, 30);
    let (stty, modes) = (window.stty(), window.modes());
    let open = || {
        window.line("clear; monban");
        window.shows("which port?");
        assert!(window.is_taken());
        // Colours, a hidden cursor and the agent's own modes are on the screen.
        window.press(&["i"]);
        window.shows(" PANE ");
    };
    let in_order = |how: &str| {
        desk.no_client_is_left();
        window.line("");
        window.until("the shell", |screen| screen.contains("shell$") && !screen.contains("PANE"));
        assert_eq!(window.stty(), stty, "{how}");
        assert_eq!(window.modes(), modes, "{how}");
    };
    open();
    window.press(&["C-]", "Q"]);
    in_order("left");
    for end in [Signal::TERM, Signal::HUP] {
        open();
        signal(window.program(), end);
        in_order(&format!("{end:?}"));
    }
    open();
    window.close();
    desk.no_client_is_left();
    assert_eq!(desk.instance.task(&id)["status"]["state"], "blocked", "the agent waits as before");
}

#[test]
fn stopped_by_its_key_it_leaves_the_shell_in_order_and_comes_back() {
    let Some(desk) = desk("stopped_by_its_key_it_leaves_the_shell_in_order_and_comes_back") else {
        return;
    };
    let id = desk.waiting("Ask", "ask 'which port?'; ask \"took $answer, and then?\"");
    let window = desk.tmux.window("stop", 100, 30);
    let (stty, modes) = (window.stty(), window.modes());
    window.line("clear; monban");
    window.shows("which port?");
    window.press(&["C-z"]);
    window.until("the shell", |screen| screen.contains("shell$") && !screen.contains("NAV"));
    assert_eq!((window.stty(), window.modes()), (stty.clone(), modes.clone()));
    // What happens meanwhile is seen after.
    desk.instance.monban(&["send", &id, "--keys", "7", "enter"]).expect(0);
    window.line("fg");
    window.shows("took 7, and then?");
    assert!(window.is_taken());
    // Stopped from outside it can do nothing before; it does after.
    signal(window.program(), Signal::STOP);
    window.shows("Stopped");
    window.text("fg");
    // The terminal is still raw: a shell that does not mend that knows no Enter.
    window.press(&["C-j"]);
    window.until("the dashboard", |screen| {
        screen.contains("took 7, and then?") && !screen.contains("Stopped")
    });
    window.press(&["q"]);
    desk.no_client_is_left();
    window.shows("shell$");
    assert_eq!((window.stty(), window.modes()), (stty, modes));
}

#[test]
fn where_there_is_no_repository_it_says_so_and_leaves() {
    let Some(desk) = desk("where_there_is_no_repository_it_says_so_and_leaves") else { return };
    let window = desk.tmux.window("nowhere", 100, 30);
    window.line(&format!("monban -C {}; echo status $?", desk.instance.home.display()));
    let screen = window.shows("status 2");
    assert!(screen.contains("is not in a git repository"), "{screen}");
    assert!(!window.is_taken());
}

#[test]
fn it_outlives_the_daemon_and_goes_on_with_the_next() {
    let Some(desk) = desk("it_outlives_the_daemon_and_goes_on_with_the_next") else { return };
    desk.waiting("Ask", "ask 'which port?'; echo took $answer");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("which port?");
    let daemon = desk.instance.daemon();
    desk.instance.monban(&["daemon", "stop"]).expect(0);
    let stale = window.shows("STALE");
    assert!(stale.contains("Ask") && stale.contains("which port?"), "still readable: {stale}");
    window.press(&["i"]);
    window.shows(" PANE ");
    window.press(&["9"]);
    window.shows("not typed");
    window.press(&["C-]"]);
    window.shows(" NAV ");
    desk.instance.monban(&["daemon", "start"]).expect(0);
    window.hides("STALE");
    assert_ne!(desk.instance.daemon(), daemon);
    window.press(&["i"]);
    window.shows(" PANE ");
    window.text("80");
    window.press(&["Enter"]);
    window.shows("took 80");
}

#[test]
fn keys_that_come_by_the_thousand_all_reach_the_agent() {
    let Some(desk) = desk("keys_that_come_by_the_thousand_all_reach_the_agent") else { return };
    desk.waiting("Ask", "ask 'which port?'; echo took ${#answer} characters");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("which port?");
    window.press(&["i"]);
    window.shows(" PANE ");
    // As a paste comes where the terminal does not mark it.
    window.text(&"0123456789".repeat(350));
    window.press(&["Enter"]);
    window.shows("took 3500 characters");
}

#[test]
fn in_the_editor_a_person_stops_and_interrupts_as_in_any_job() {
    let Some(desk) = desk("in_the_editor_a_person_stops_and_interrupts_as_in_any_job") else {
        return;
    };
    desk.waiting("Add hello", "echo hello > hello.txt");
    let editor = desk.instance.home.join("editor");
    // As vi does at Ctrl-Z, and as the terminal does at Ctrl-C.
    let script = "trap : INT\nkill -INT 0\nkill -TSTP 0\necho not so > \"$1\"\n";
    std::fs::write(&editor, script).unwrap();
    let command = format!("EDITOR='sh {}' monban", editor.display());
    let window = desk.dashboard(&command, 100, 30);
    window.shows("!1 need you");
    window.press(&["r"]);
    window.shows("REJECT");
    window.press(&["C-g"]);
    window.shows("Stopped");
    window.line("fg");
    let screen = window.shows("not so");
    assert!(screen.contains("REJECT"), "{screen}");
}

/// An ssh that runs the far command here and passes on what others write to its standard error.
#[test]
fn what_the_other_machine_writes_beside_the_line_never_reaches_the_terminal() {
    let name = "what_the_other_machine_writes_beside_the_line_never_reaches_the_terminal";
    let Some(mut desk) = desk(name) else { return };
    let folder = desk.instance.home.join("front");
    let (ssh, beside) = (folder.join("ssh"), folder.join("beside"));
    std::fs::create_dir(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf 'of the \\033[31mbanner\\n' >&2\nmkfifo {0}\ncat {0} >&2 &\n\
         while [ \"$1\" != monban ]; do shift; done\nexec \"$@\"\n",
        beside.display()
    );
    write_program(&ssh, &script);
    desk.tmux = Tmux::start(&desk.instance, &[folder]);
    desk.waiting("Ask", "ask 'which port?'");
    let window = desk.dashboard("monban attach --host far", 100, 30);
    window.shows("which port?");
    // More than a pipe holds: nobody is held up either.
    let drawn = format!("\x1b[2J\x1b[HFORGED{}", "x".repeat(200 << 10));
    std::fs::write(&beside, drawn).unwrap();
    window.press(&["?"]);
    window.shows("any other key closes");
    window.press(&["Escape"]);
    let screen = window.shows("which port?");
    assert!(!screen.contains("FORGED"), "{screen}");
    window.press(&["q"]);
    window.shows("of the \\u{1b}[31mbanner");
}

#[test]
fn a_daemon_that_died_is_started_again_by_the_dashboard_that_looks_at_it() {
    let Some(desk) = desk("a_daemon_that_died_is_started_again_by_the_dashboard_that_looks_at_it")
    else {
        return;
    };
    desk.waiting("Ask", "ask 'which port?'; echo took $answer");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("which port?");
    let daemon = desk.instance.daemon();
    desk.instance.kill(daemon);
    window.until("another daemon", |screen| {
        let is_there = desk.instance.monban(&["daemon", "status"]).status == 0;
        is_there && !screen.contains("STALE")
    });
    window.press(&["i"]);
    window.shows(" PANE ");
    window.text("80");
    window.press(&["Enter"]);
    window.shows("took 80");
    assert_ne!(desk.instance.daemon(), daemon);
}

/// The dashboard in a terminal whose size changes at once.
fn alone(desk: &Desk) -> Terminal {
    let home = desk.instance.home.display().to_string();
    let environment = [
        ("HOME", home.as_str()),
        ("MONBAN_HOME", &home),
        ("USER", "dj"),
        ("TERM", "xterm-256color"),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", &std::env::var("PATH").unwrap()),
    ];
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
    let program = Path::new(env!("CARGO_BIN_EXE_monban"));
    Terminal::start(program, &[], &environment.into(), &desk.instance.repository)
}

#[test]
fn a_key_that_was_typed_after_a_resize_finds_the_new_size() {
    let test = "a_key_that_was_typed_after_a_resize_finds_the_new_size";
    let Some(desk) = desk(test) else { return };
    desk.waiting("Sizes", "while ask 'how large?'; do stty size; done");
    let terminal = alone(&desk);
    let shows = |text: &str| {
        let is_there = || terminal.rows().iter().any(|row| row.contains(text)).then_some(());
        let found = wait_for(Duration::from_secs(180), is_there);
        assert!(found.is_some(), "{text}: {:#?}", terminal.rows());
    };
    shows("how large?");
    terminal.write(b"i");
    shows(" PANE ");
    let mut late = 0;
    for cols in 60..80 {
        terminal.resize(cols, 20);
        terminal.write(b"\r");
        let size = format!("17 {cols}");
        let is_there = || terminal.rows().iter().any(|row| row.contains(&size)).then_some(());
        if wait_for(Duration::from_secs(5), is_there).is_none() {
            // A key waits for the size, but not for long: on a busy machine it may come before it.
            late += 1;
            terminal.write(b"\r");
            shows(&size);
        }
    }
    assert!(late < 10, "{late} of 20 keys came before the size");
}
