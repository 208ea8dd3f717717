//! The dashboard from another machine, both ways: run there in a terminal of ssh, and run here over
//! a line to the daemon there. On good lines, bad ones and cut ones.

use crate::far;
use crate::support::instance::Instance;
use crate::support::not_run::not_run;
use crate::support::relay::{Line, Relay};
use crate::support::sshd::Sshd;
use crate::support::tmux::{self, Tmux, Window};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

/// 256 kbit/s, 100 ms each way, and now and then a piece comes late, as after a loss.
const BAD: Line = Line {
    delay: Duration::from_millis(100),
    rate: 32_000,
    stall_every: 20,
    stall: Duration::from_millis(400),
    seed: 7,
};
/// Nothing is wrong with it.
const GOOD: Line =
    Line { delay: Duration::ZERO, rate: u32::MAX, stall_every: 0, stall: Duration::ZERO, seed: 1 };

/// A machine to reach, terminals to reach it from, and what lies between.
struct Journey {
    // Dropped in this order: programs before what they speak to.
    tmux: Tmux,
    relay: Relay,
    _server: Sshd,
    instance: Instance,
}

impl Journey {
    /// Over a line; says why not where something for it is missing.
    fn over(line: Line, test: &str) -> Option<Self> {
        if let Some(reason) = tmux::is_missing() {
            not_run(test, &reason);
            return None;
        }
        let instance = Instance::new();
        let server = far(&instance, test)?;
        let relay = Relay::start(server.port, line);
        server.write_client(relay.port);
        let tmux = Tmux::start(&instance, &[server.bin()]);
        Some(Self { tmux, relay, _server: server, instance })
    }

    /// The dashboard there, in a terminal of ssh.
    #[track_caller]
    fn there(&self) -> Window<'_> {
        let at = self.instance.repository.display();
        self.open("there", &format!("ssh -t far monban -C {at} attach"))
    }

    /// The dashboard here, on the daemon there; nothing of the other side's files is used.
    #[track_caller]
    fn here(&self) -> Window<'_> {
        self.open("here", &self.command_here())
    }

    fn command_here(&self) -> String {
        let (at, near) = (self.instance.repository.display(), self.instance.home.join("near"));
        format!("env MONBAN_HOME={} monban -C {at} attach --host far", near.display())
    }

    /// As [`Self::here`], with the process of the dashboard. The shell in the terminal does not
    /// know it, so that nothing happens to the terminal when that is stopped.
    #[track_caller]
    fn here_with_process(&self) -> (Window<'_>, Pid) {
        let (file, command) = (self.instance.home.join("pid"), self.command_here());
        let inner = format!("(sh -c 'echo $$ > {}; exec {command}'; true)", file.display());
        let window = self.open("here", &inner);
        let pid = std::fs::read_to_string(file).unwrap();
        (window, Pid::from_raw(pid.trim().parse().unwrap()).unwrap())
    }

    #[track_caller]
    fn open(&self, name: &str, command: &str) -> Window<'_> {
        let window = self.tmux.window(name, 100, 30);
        window.line(command);
        window.shows(" NAV ");
        window
    }

    #[track_caller]
    fn waiting(&self, title: &str, script: &str) -> String {
        let id = self.instance.add(title, script);
        self.instance.run(&id).expect(4);
        id
    }
}

/// Types to the agent that is selected, and leaves it again.
#[track_caller]
fn type_to_agent(window: &Window<'_>, text: &str, answer: &str) {
    window.press(&["i"]);
    window.shows(" PANE ");
    window.text(text);
    window.press(&["Enter"]);
    window.shows(answer);
    window.press(&["C-]"]);
    window.shows(" NAV ");
}

/// Approves what waits for the selected task.
#[track_caller]
fn approve(journey: &Journey, window: &Window<'_>, id: &str) {
    let is_waiting = |task: &serde_json::Value| task["waits_for"][0] == "approval";
    journey.instance.until(id, "the approval", is_waiting);
    // The item is there before a slow line has told of it.
    window.press_until("a", "APPROVE", " NAV ");
    window.press_until("A", "y approves", "] armed ");
    window.press(&["y"]);
    journey.instance.until(id, "the landing", |task| task["state"] == "done");
    window.until("the end", |screen| !screen.contains("APPROVE"));
}

/// The whole job with a question in it; `open` opens the dashboard.
fn sees_types_and_approves<'a>(journey: &'a Journey, open: fn(&'a Journey) -> Window<'a>) {
    let id = journey.waiting("Ask", "ask 'which port?'; echo $answer > port; echo took $answer");
    let window = open(journey);
    window.shows("which port?");
    type_to_agent(&window, "8080", "took 8080");
    approve(journey, &window, &id);
    assert_eq!(journey.instance.git(&["show", "main:port"]), "8080");
    window.press(&["Q"]);
    window.shows("shell$");
    assert!(!window.is_taken());
}

#[test]
fn in_a_terminal_of_ssh_a_person_sees_types_and_approves() {
    let test = "in_a_terminal_of_ssh_a_person_sees_types_and_approves";
    let Some(journey) = Journey::over(GOOD, test) else { return };
    sees_types_and_approves(&journey, Journey::there);
}

#[test]
fn over_a_line_to_the_daemon_there_a_person_sees_types_and_approves() {
    let test = "over_a_line_to_the_daemon_there_a_person_sees_types_and_approves";
    let Some(journey) = Journey::over(GOOD, test) else { return };
    sees_types_and_approves(&journey, Journey::here);
    let near = journey.instance.home.join("near");
    assert!(!near.join("run").exists(), "no daemon was started here");
}

#[test]
fn a_task_that_is_not_there_is_refused_before_the_screen_opens_also_from_afar() {
    let test = "a_task_that_is_not_there_is_refused_before_the_screen_opens_also_from_afar";
    let Some(journey) = Journey::over(GOOD, test) else { return };
    let said = journey.instance.monban(&["show", "99"]).expect(2).err;
    let window = journey.tmux.window("none", 100, 30);
    window.line(&format!("{} 99; echo status=$?", journey.command_here()));
    let screen = window.shows("status=2");
    assert!(screen.contains(said.lines().next().unwrap()) && !screen.contains(" NAV "), "{screen}");
}

#[test]
fn a_cut_line_leaves_the_fleet_readable_and_types_only_when_it_is_back() {
    let test = "a_cut_line_leaves_the_fleet_readable_and_types_only_when_it_is_back";
    let Some(journey) = Journey::over(GOOD, test) else { return };
    journey.waiting("Ask", "ask 'which port?'; echo took $answer; ask 'and then?'");
    let window = journey.here();
    window.shows("which port?");
    journey.relay.cut();
    let stale = window.shows("STALE");
    assert!(stale.contains("which port?") && stale.contains("blocked question"), "{stale}");
    window.press(&["i"]);
    window.shows(" PANE ");
    window.text("lost");
    window.shows("not typed");
    journey.relay.mend();
    window.hides("STALE");
    window.text("kept");
    window.press(&["Enter"]);
    window.shows("took kept");
    // What happened during the next cut is seen after it.
    journey.relay.cut();
    window.shows("STALE");
    journey.instance.monban(&["abort", "1"]).expect(0);
    journey.relay.mend();
    window.press(&["C-]", "q"]);
    window.until("the end of it", |screen| screen.contains("stopped") && !screen.contains("STALE"));
}

/// As when the sshd there was stopped: nothing breaks, and nothing comes.
#[test]
fn who_types_on_a_line_that_fell_silent_is_told_and_what_they_typed_is_not_lost() {
    let test = "who_types_on_a_line_that_fell_silent_is_told_and_what_they_typed_is_not_lost";
    let Some(journey) = Journey::over(GOOD, test) else { return };
    journey.waiting("Ask", "ask 'which port?'; echo took $answer");
    let window = journey.here();
    window.shows("which port?");
    window.press(&["i"]);
    window.shows(" PANE ");
    journey.relay.fall_silent();
    assert!(!window.settled().contains("no answer"));
    window.text("8080");
    window.press(&["Enter"]);
    let told = window.waits_for_an_answer();
    assert!(!told.contains("took 8080") && !told.contains("STALE"), "{told}");
    journey.relay.mend();
    window.hides("no answer");
    window.shows("took 8080");
}

#[test]
fn on_a_bad_line_typing_is_echoed_in_order_nothing_is_lost_and_approving_works() {
    let test = "on_a_bad_line_typing_is_echoed_in_order_nothing_is_lost_and_approving_works";
    let Some(journey) = Journey::over(BAD, test) else { return };
    let script = |file: &str| {
        format!("stty echo; ask 'your words?'; echo \"$answer\" > {file}; echo all taken")
    };
    let words: String = (100..160).map(|number| format!("{number}-")).collect();
    for (open, file) in [(Journey::here as fn(&Journey) -> Window<'_>, "a"), (Journey::there, "b")]
    {
        let id = journey.waiting(file, &script(file));
        let window = open(&journey);
        window.shows("need you");
        window.press(&["!"]);
        window.shows("your words?");
        window.press(&["i"]);
        window.shows(" PANE ");
        // Piece by piece, as fast as somebody hammers; what is seen is always a beginning.
        for piece in words.as_bytes().chunks(7) {
            window.text(std::str::from_utf8(piece).unwrap());
            let seen: String = window.screen().split_whitespace().collect();
            // The first key gives the pane another size: for a moment it is being drawn anew.
            let Some((_, echo)) = seen.split_once("yourwords?") else { continue };
            let echo = echo.split_once("every").map_or(echo, |(echo, _)| echo);
            assert!(words.starts_with(echo), "{echo}");
        }
        window.press(&["Enter"]);
        window.shows("all taken");
        window.press(&["C-]"]);
        window.shows(" NAV ");
        approve(&journey, &window, &id);
        assert_eq!(journey.instance.git(&["show", &format!("main:{file}")]), words);
        window.press(&["Q"]);
        window.shows("shell$");
    }
}

#[test]
fn a_client_that_stands_still_holds_up_neither_the_agent_nor_another_client() {
    let test = "a_client_that_stands_still_holds_up_neither_the_agent_nor_another_client";
    let Some(journey) = Journey::over(GOOD, test) else { return };
    let script = "ask 'go?'; seq 1 100000; ask 'more?'; echo took $answer > took; echo well done";
    let id = journey.waiting("Flood", script);
    let (still, client) = journey.here_with_process();
    let other = journey.there();
    for window in [&still, &other] {
        window.shows("go?");
        window.press(&["2"]);
        window.shows("focus");
    }
    kill_process(client, Signal::STOP).unwrap();
    type_to_agent(&other, "yes", "more?");
    type_to_agent(&other, "no", "well done");
    assert!(still.screen().contains("go?"), "it stands still");
    approve(&journey, &other, &id);
    // It comes back to what is there now.
    kill_process(client, Signal::CONT).unwrap();
    still.until("the end", |screen| screen.contains("well done") && screen.contains("done"));
    still.press(&["q"]);
    still.hides("need you");
}
