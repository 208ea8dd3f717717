//! How signs of an agent become its status and the end of its turn.

use super::*;
use crate::agent::hook::{self, HookFormat};

fn kind(name: &str) -> AgentKind {
    AgentKind::builtin().unwrap().into_iter().find(|kind| kind.name == name).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn state(text: &str) -> State {
    State::try_from(text.to_string()).unwrap()
}

/// An agent and a clock that moves a second with every observation.
struct Agent {
    tracker: StatusTracker,
    now: i64,
}

fn agent(name: &str) -> Agent {
    Agent { tracker: StatusTracker::new(&kind(name), at(0)), now: 0 }
}

impl Agent {
    fn sees(&mut self, observation: Observation) -> &mut Self {
        self.now += 1;
        self.tracker.observe(at(self.now), observation);
        self
    }

    /// In-band reports in order; `clear` takes the last one back.
    fn reports(&mut self, states: &str) -> &mut Self {
        for word in states.split(' ') {
            let state = (word != "clear").then(|| state(word));
            self.sees(Observation::InBand { state, message: None });
        }
        self
    }

    fn hook(&mut self, event: &str, about: &str) -> &mut Self {
        let about = Some(about.to_string()).filter(|about| !about.is_empty());
        let event = event.to_string();
        self.sees(Observation::Hook(HookReport { event, about, ..HookReport::default() }))
    }

    fn screen(&mut self, text: &str) -> &mut Self {
        self.sees(Observation::Screen(text.lines().map(String::from).collect()))
    }

    fn title(&mut self, title: &str) -> &mut Self {
        self.sees(Observation::Title(Foreign::new(title)))
    }

    fn prompted(&mut self) -> &mut Self {
        self.tracker.prompt_delivered(at(self.now));
        self
    }

    /// How the turn ended, once nothing more is said for a while.
    fn turn_end(&self) -> Option<TurnEnd> {
        self.tracker.turn_end(at(self.now + 60))
    }

    fn ready(&self, quiet: Duration) -> bool {
        self.tracker.ready_for_prompt(at(self.now + 60), quiet)
    }

    fn status(&self) -> Status {
        self.tracker.status(at(self.now))
    }

    fn shown(&self) -> (String, Source) {
        let status = self.status();
        (status.state.to_string(), status.source)
    }
}

#[track_caller]
fn assert_shown(agent: &Agent, state: &str, source: Source) {
    assert_eq!(agent.shown(), (state.to_string(), source));
}

#[test]
fn silence_is_starting_then_unknown_and_never_idle() {
    let agent = agent("claude");
    assert_eq!(agent.tracker.status(at(1)).state, State::Starting);
    let later = agent.tracker.status(at(60));
    assert_eq!((later.state, later.since), (State::Unknown, at(15)));
    assert!(!agent.ready(Duration::from_secs(60)));
}

#[test]
fn a_program_that_says_nothing_is_not_starting_any_more_once_it_was_given_its_prompt() {
    let mut agent = agent("command");
    agent.prompted();
    assert_eq!(agent.tracker.status(at(2)).state, State::Starting);
    let status = agent.tracker.status(at(4));
    assert_eq!((status.state, status.since), (State::Unknown, at(3)));
}

#[test]
fn a_question_on_the_screen_of_any_program_is_for_a_person() {
    for asked in ["Overwrite a.rs? [y/N]", "Go on (yes/no): ", "ok\nReally? (Y/n)\n\n"] {
        let mut agent = agent("command");
        agent.prompted().screen(asked);
        assert_shown(&agent, "blocked:question", Source::Screen);
        assert!(!agent.ready(Duration::from_secs(60)), "{asked}");
        agent.screen(&format!("{} y\nwriting", asked.trim()));
        assert_shown(&agent, "unknown", Source::Nothing);
    }
    let mut agent = agent("command");
    agent.prompted().screen("usage: x [y/n] FILE");
    assert_eq!(agent.tracker.status(at(10)).state, State::Unknown);
}

/// Nothing but its end would end a turn of it: what a person sends would wait for ever.
#[test]
fn an_agent_that_never_said_what_it_does_is_typed_to_whenever_it_is_quiet() {
    let claude = agent("claude");
    assert!(!claude.tracker.is_mute(), "it says when it takes a prompt");
    let mut agent = agent("command");
    agent.prompted();
    assert!(agent.tracker.is_mute() && !agent.ready(Duration::from_millis(900)));
    assert!(agent.ready(Duration::from_secs(1)));
    agent.screen("Overwrite? [y/n]").screen("Overwrite? [y/n] y");
    assert!(agent.tracker.is_mute() && agent.ready(Duration::from_secs(1)), "it asked, no more");
    agent.reports("working clear");
    assert!(!agent.tracker.is_mute() && !agent.ready(Duration::from_secs(60)));
}

/// Then a prompt would be typed in the middle of its turn.
#[test]
fn an_agent_that_an_earlier_version_noted_is_not_taken_for_one_that_says_nothing() {
    let mut agent = agent("command");
    agent.reports("idle").prompted();
    let mut notes = serde_json::to_value(agent.tracker.memory()).unwrap();
    assert!(notes.as_object_mut().unwrap().remove("reports").is_some());
    let memory = serde_json::from_value(notes).unwrap();
    agent.tracker = StatusTracker::with_memory(&kind("command"), memory);
    assert!(!agent.tracker.is_mute() && !agent.ready(Duration::from_secs(60)));
}

#[test]
fn the_recorded_sequences_end_their_turns_as_the_agents_meant() {
    let cases = [
        ("claude", "working blocked:permission working done", Some(TurnEnd::Done)),
        ("claude", "working blocked:question working done", Some(TurnEnd::Done)),
        ("claude", "working blocked:question", None),
        ("claude", "working blocked:permission idle", Some(TurnEnd::Interrupted)),
        ("claude", "working idle", Some(TurnEnd::Interrupted)),
        ("codex", "working blocked:permission working done idle", Some(TurnEnd::Done)),
        ("codex", "idle working blocked:permission", None),
        ("codex", "idle", None),
        ("codex", "working idle", Some(TurnEnd::Interrupted)),
        ("command", "working idle", Some(TurnEnd::Done)),
        ("command", "idle", None),
        ("command", "done", Some(TurnEnd::Done)),
    ];
    for (name, after_prompt, end) in cases {
        let mut agent = agent(name);
        agent.reports("idle").prompted().reports(after_prompt);
        assert_eq!(agent.turn_end(), end, "{name}: {after_prompt}");
    }
}

#[test]
fn an_error_ends_the_turn_with_its_message() {
    let mut agent = agent("claude");
    agent.reports("idle").prompted().reports("working");
    let message = Foreign::new("API Error: 400 stub says 400");
    let said = Some(message.clone());
    agent.sees(Observation::InBand { state: Some(State::Error), message: said });
    assert_eq!(agent.turn_end(), Some(TurnEnd::Error(message)));
    assert!(agent.ready(Duration::ZERO), "it takes a new prompt");
}

#[test]
fn what_was_said_before_a_prompt_does_not_end_its_turn() {
    let mut agent = agent("claude");
    agent.reports("idle").prompted().reports("working done").prompted();
    assert_eq!(agent.turn_end(), None);
    agent.reports("done");
    assert_eq!(agent.turn_end(), None, "the same report again is not news");
    agent.reports("working done");
    assert_eq!(agent.turn_end(), Some(TurnEnd::Done));
    agent.reports("idle");
    assert_eq!(agent.turn_end(), Some(TurnEnd::Done), "the first end stays");
}

#[test]
fn idle_for_a_moment_between_working_and_working_ends_nothing() {
    let mut agent = agent("codex");
    agent.reports("idle").prompted().reports("working idle");
    let idle_at = at(agent.now);
    assert_eq!(agent.tracker.turn_end(idle_at), None);
    assert!(!agent.tracker.ready_for_prompt(idle_at, Duration::from_secs(60)));
    agent.reports("working");
    assert_eq!(agent.turn_end(), None);
    agent.reports("idle");
    assert_eq!(agent.tracker.turn_end(at(agent.now + 1)), None);
    assert_eq!(agent.tracker.turn_end(at(agent.now + 2)), Some(TurnEnd::Interrupted));
}

#[test]
fn in_band_beats_hooks_title_and_screen() {
    let mut agent = agent("claude");
    agent.screen("esc to interrupt").reports("blocked:permission").title("◐ Claude Code");
    agent.hook("PostToolUse", "Bash");
    assert_shown(&agent, "blocked:permission", Source::InBand);
}

#[test]
fn the_end_of_the_process_beats_the_last_report_a_crash_left_behind() {
    let mut agent = agent("claude");
    agent.prompted().reports("working").sees(Observation::Exit(Ended::Signal(9)));
    assert_shown(&agent, "exited", Source::Exit);
    assert_eq!(agent.status().detail.unwrap().raw(), "killed by signal 9");
    agent.reports("working");
    assert_shown(&agent, "exited", Source::Exit);
    assert!(matches!(agent.turn_end(), Some(TurnEnd::Error(why))
        if why.raw().contains("mid-turn (killed by signal 9)")));
}

#[test]
fn exit_status_zero_is_believed_of_a_command_and_not_of_claude() {
    let end = |name: &str, ended: Ended| {
        let mut agent = agent(name);
        agent.prompted().sees(Observation::Exit(ended));
        (agent.status().state, agent.turn_end())
    };
    assert_eq!(end("command", Ended::Status(0)), (State::Exited, Some(TurnEnd::Done)));
    let failed = Some(TurnEnd::Error(Foreign::new("exit status 3")));
    assert_eq!(end("command", Ended::Status(3)), (State::Error, failed));
    let unknown = Some(TurnEnd::Error(Foreign::new("exit status unknown")));
    assert_eq!(end("command", Ended::Unknown), (State::Error, unknown));
    assert!(matches!(end("claude", Ended::Status(0)), (State::Exited, Some(TurnEnd::Error(_)))));
}

#[test]
fn a_cleared_report_leaves_nothing_weaker_standing() {
    let mut agent = agent("claude");
    agent.hook("Stop", "").screen("? for shortcuts").reports("working clear");
    assert_shown(&agent, "unknown", Source::Nothing);
    assert_eq!(agent.status().since, at(4));
}

#[test]
fn recorded_hooks_alone_tell_a_whole_turn() {
    let samples = include_str!("../../tests/samples/claude_hooks_interactive.jsonl");
    let mut agent = agent("claude");
    let mut seen = Vec::new();
    for line in samples.lines() {
        let report = hook::parse(HookFormat::Claude, line.as_bytes(), "t", "r").unwrap();
        if report.event == "UserPromptSubmit" {
            agent.prompted();
        }
        agent.sees(Observation::Hook(report));
        let (state, _) = agent.shown();
        if seen.last() != Some(&state) {
            seen.push(state);
        }
    }
    let permission = "blocked:permission";
    let expected = ["starting", "working", permission, "working", permission, "working", "done"];
    assert_eq!(seen, expected);
    assert_eq!(agent.turn_end(), Some(TurnEnd::Done));
    assert_eq!(agent.tracker.session(), Some("69e74370-8948-446c-b3aa-62e454e771eb"));
}

#[test]
fn codex_naming_its_thread_is_not_the_end_of_the_turn() {
    let samples = include_str!("../../tests/samples/codex_notify.jsonl");
    let mut agent = agent("codex");
    agent.prompted();
    let ends = samples.lines().map(|line| {
        let report = hook::parse(HookFormat::Codex, line.as_bytes(), "t", "r").unwrap();
        agent.sees(Observation::Hook(report));
        agent.turn_end()
    });
    assert_eq!(ends.collect::<Vec<_>>(), [None, Some(TurnEnd::Done)]);
    assert_eq!(agent.tracker.session(), Some("01a1fcb1-afcd-72a3-ba9b-8b227b050aa2"));
}

#[test]
fn a_question_by_hook_is_a_question_and_a_compacted_session_is_not_idle() {
    let mut agent = agent("claude");
    agent.hook("PermissionRequest", "AskUserQuestion");
    assert_shown(&agent, "blocked:question", Source::Hook);
    agent.hook("PostToolUse", "AskUserQuestion").hook("SessionStart", "compact");
    assert_shown(&agent, "working", Source::Hook);
}

#[test]
fn a_screen_that_changed_well_after_the_last_hook_replaces_it() {
    let mut agent = agent("claude");
    agent.prompted().hook("PermissionRequest", "Bash").screen("Do you want to proceed?\n❯ 1. Yes");
    assert_shown(&agent, "blocked:permission", Source::Hook);
    agent.now += 10;
    agent.screen("⎿  Interrupted · What should Claude do instead?");
    assert_shown(&agent, "idle", Source::Screen);
    assert_eq!(agent.turn_end(), Some(TurnEnd::Interrupted));
}

#[test]
fn the_screen_rules_read_what_was_recorded() {
    let cases = [
        ("claude", "Do you want to create x.txt?\n❯ 1. Yes\n  2. No", "blocked:permission"),
        ("claude", "Red\nEnter to select · ↑/↓ to navigate · Esc to cancel", "blocked:question"),
        ("claude", "✻ Undulating… (3s · ↓ 7 tokens)\nesc to interrupt", "working"),
        ("claude", "❯\n⏸ manual mode on · ? for shortcuts", "idle"),
        ("claude", "hello", "unknown"),
        (
            "codex",
            "Would you like to run the following command?\n› 1. Yes, proceed (y)",
            "blocked:permission",
        ),
        ("codex", "› Ask Codex to do anything\n? for shortcuts", "unknown"),
    ];
    for (name, screen, expected) in cases {
        let mut agent = agent(name);
        agent.now = 60;
        agent.screen(screen);
        assert_eq!(agent.shown().0, expected, "{name}: {screen}");
    }
}

#[test]
fn titles_say_working_and_asking_but_never_idle() {
    let cases = [
        ("claude", "◐ Claude Code", "working"),
        ("claude", "✳ Claude Code", "unknown"),
        ("codex", "⠋ project", "working"),
        ("codex", "[ ! ] Action Required | project", "blocked:permission"),
        ("codex", "project", "unknown"),
    ];
    for (name, title, expected) in cases {
        let mut agent = agent(name);
        agent.now = 60;
        agent.title(title);
        assert_eq!(agent.shown().0, expected, "{name}: {title}");
    }
}

#[test]
fn nothing_is_typed_into_an_agent_that_works_asks_or_is_gone() {
    let ready = |states: &str| {
        let mut agent = agent("claude");
        agent.reports(states);
        agent.ready(Duration::from_secs(60))
    };
    assert!(ready("idle") && ready("working done") && ready("working error"));
    assert!(!ready("working") && !ready("blocked:permission") && !ready("idle clear"));
    let mut agent = agent("claude");
    agent.reports("idle").screen("Do you want to proceed?\n❯ 1. Yes");
    assert!(!agent.ready(Duration::ZERO), "the screen shows a question");
    agent.screen("? for shortcuts");
    assert!(agent.ready(Duration::ZERO));
    agent.sees(Observation::Exit(Ended::Status(0)));
    assert!(!agent.ready(Duration::ZERO));
}

#[test]
fn a_screen_that_looks_idle_must_also_be_quiet() {
    let mut agent = agent("claude");
    agent.screen("? for shortcuts");
    assert!(!agent.ready(Duration::ZERO));
    assert!(agent.ready(QUIET_BEFORE_PROMPT));
}

#[test]
fn a_command_takes_a_prompt_once_it_is_quiet_and_in_a_turn_that_it_tells_of_no_other() {
    let mut agent = agent("command");
    assert!(!agent.ready(Duration::from_millis(100)));
    assert!(agent.ready(QUIET_BEFORE_PROMPT));
    agent.prompted().reports("working");
    assert!(!agent.ready(QUIET_BEFORE_PROMPT));
}

#[test]
fn a_restart_in_mid_turn_forgets_nothing() {
    let mut agent = agent("claude");
    agent.reports("idle").prompted().reports("working");
    let stored = serde_json::to_string(agent.tracker.memory()).unwrap();
    let memory = serde_json::from_str(&stored).unwrap();
    agent.tracker = StatusTracker::with_memory(&kind("claude"), memory);
    assert_shown(&agent, "working", Source::InBand);
    agent.reports("idle");
    assert_eq!(agent.turn_end(), Some(TurnEnd::Interrupted));
}

#[test]
fn a_state_repeated_keeps_its_age_and_a_long_message_is_cut() {
    let mut agent = agent("claude");
    agent.reports("idle working working");
    assert_eq!(agent.status().since, at(2));
    let message = Some(Foreign::new("x".repeat(1_000_000)));
    agent.sees(Observation::InBand { state: Some(State::Error), message });
    assert_eq!(agent.status().detail.unwrap().raw().len(), DETAIL_CHARS_MAX);
}

#[test]
fn a_session_that_looks_like_an_option_is_not_kept() {
    let mut agent = agent("claude");
    let session = Some("--dangerously-skip-permissions".to_string());
    let event = "Stop".to_string();
    agent.sees(Observation::Hook(HookReport { event, session, ..HookReport::default() }));
    assert_eq!(agent.tracker.session(), None);
}
