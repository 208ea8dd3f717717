//! The dashboard as a person has it: the real program in a real terminal, with scripted agents.
//! Keys go in, the screen is read, and what happened is checked in the repository.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

#[path = "dashboard/decide.rs"]
mod decide;
#[path = "dashboard/demo.rs"]
mod demo;
#[path = "dashboard/look.rs"]
mod look;
#[path = "dashboard/picture.rs"]
mod picture;
#[path = "dashboard/terminal.rs"]
mod terminal;

use std::time::Duration;
use support::instance::Instance;
use support::tmux::{self, Tmux, Window};

/// An instance, and terminals to look at it.
struct Desk {
    // Dropped first: its programs belong to the instance.
    tmux: Tmux,
    instance: Instance,
}

/// A desk; says why not where there is no tmux.
fn desk(test: &str) -> Option<Desk> {
    if let Some(reason) = tmux::is_missing() {
        support::not_run::not_run(test, &reason);
        return None;
    }
    let instance = Instance::new();
    let tmux = Tmux::start(&instance, &[]);
    Some(Desk { tmux, instance })
}

impl Desk {
    /// A window with the dashboard in it, connected.
    #[track_caller]
    fn dashboard(&self, command: &str, cols: u16, rows: u16) -> Window<'_> {
        let window = self.tmux.window(&format!("{cols}x{rows}"), cols, rows);
        window.line(command);
        window.until("the dashboard", |screen| {
            screen.contains(" NAV ") && !screen.contains("connecting")
        });
        window
    }

    /// A task whose agent runs `script`, run until a person is needed.
    #[track_caller]
    fn waiting(&self, title: &str, script: &str) -> String {
        let id = self.instance.add(title, script);
        self.instance.run(&id).expect(4);
        id
    }

    /// The clients of the instance that run.
    fn clients(&self) -> Vec<(i32, String)> {
        let mut all = self.instance.processes();
        all.retain(|(_, command)| {
            let mut words = command.split_whitespace();
            let is_monban = words.next().is_some_and(|program| program.ends_with("monban"));
            is_monban && !words.next().is_some_and(|word| ["daemon", "hold"].contains(&word))
        });
        all
    }

    /// Waits until no client of the instance runs.
    #[track_caller]
    fn no_client_is_left(&self) {
        let limit = Duration::from_secs(180);
        let gone = support::wait_for(limit, || self.clients().is_empty().then_some(()));
        assert!(gone.is_some(), "left: {:?}", self.clients());
    }
}

/// The row of a screen that has both texts.
fn has_row(screen: &str, one: &str, other: &str) -> bool {
    screen.lines().any(|row| row.contains(one) && row.contains(other))
}

/// Types the word that a dialog wants, and Enter.
#[track_caller]
fn give_word(window: &Window<'_>, dialog: &str) {
    const ASKS: &str = "type ";
    let screen = window.until(dialog, |screen| screen.contains(dialog) && screen.contains(ASKS));
    let after = screen.split_once(ASKS).unwrap().1;
    let word = after.split_whitespace().next().unwrap().to_string();
    let typed = format!("{ASKS}{word} and Enter: {word}");
    window.type_until(&word, &typed, " armed ");
    window.press(&["Enter"]);
    window.hides(dialog);
}
