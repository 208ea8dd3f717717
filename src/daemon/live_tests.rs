//! What of a run is worth telling, and when: noise, questions, turns that go on.

use super::*;
use crate::daemon::told::PACE_ENDS_MAX;
use crate::model::attempt::AgentState;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn kind(screen: &str) -> AgentKind {
    kind_that_is("idle", screen)
}

/// A kind that takes its first prompt when it is `ready`.
fn kind_that_is(ready: &str, screen: &str) -> AgentKind {
    let text = format!(
        "name = \"x\"\ntitle = \"X\"\nprogram = \"x\"\n{screen}\n[prompt]\nready = \"{ready}\"\n\
         [turn]\nidle = \"interrupted\"\nexit = \"unfinished\"\n"
    );
    AgentKind::parse("x.toml", &text).unwrap()
}

fn run_of(kind: &AgentKind) -> LiveRun {
    let run = LiveRun::new(RunId(1), TaskId(1), "token".into(), kind, Size::UNATTENDED, at(0));
    run.prompt_begins(1, at(0), || Ok::<(), ()>(())).unwrap();
    run
}

fn says(run: &LiveRun, ms: i64, state: &str) {
    run.output(at(ms), format!("\x1b]7501;state={state}\x1b\\").as_bytes());
}

/// Everything reported at `ms`, as short words.
fn told(run: &LiveRun, ms: i64) -> Vec<String> {
    let word = |report| match report {
        Report::Status { status, .. } => format!("{:?}", status.state).to_lowercase(),
        Report::Turned { prompt, .. } => format!("turned {prompt}"),
        Report::WentOn { .. } => "went on".into(),
        Report::Session { session, .. } => session,
        other => format!("{other:?}"),
    };
    run.news(at(ms)).into_iter().map(word).collect()
}

#[test]
fn a_turn_is_not_over_while_its_agent_is_seen_at_work_again() {
    let run = run_of(&kind(""));
    says(&run, 0, "working");
    assert_eq!(told(&run, 0), ["working"]);
    // Both arrive together, as when a background task goes on after the answer.
    says(&run, 1, "done");
    says(&run, 1, "working");
    assert!(told(&run, 1).is_empty(), "work in progress would be judged");
    says(&run, 2, "done");
    assert_eq!(told(&run, 2), ["done", "turned 1"]);
    says(&run, 3, "working");
    assert_eq!(told(&run, 3), ["working", "went on"]);
    says(&run, 4, "done");
    assert_eq!(told(&run, 4), ["done", "turned 1"]);
    // It worked on unseen: what was judged is not what is there.
    says(&run, 5, "working");
    says(&run, 5, "done");
    assert_eq!(told(&run, 5), ["went on", "turned 1"]);
}

#[test]
fn a_question_is_told_at_once_however_noisy_its_agent_was() {
    let run = run_of(&kind(""));
    for ms in 0..100 {
        says(&run, ms, if ms % 2 == 0 { "working" } else { "idle" });
        told(&run, ms);
    }
    assert!(told(&run, 100).is_empty(), "the rate is bounded");
    says(&run, 101, "blocked:kind=permission");
    assert_eq!(told(&run, 101), ["blockedpermission"]);
}

#[test]
fn a_forger_of_conversations_does_not_fill_the_log() {
    let run = run_of(&kind(""));
    let report = |n: u32| HookReport { session: Some(format!("s{n}")), ..HookReport::default() };
    let count = |ms: i64| {
        run.hook(at(ms), report(u32::try_from(ms).unwrap()));
        told(&run, ms).len()
    };
    let all: usize = (0..1000).map(count).sum();
    assert!(all <= PACE_MAX, "{all} reports in a second");
    assert_eq!(told(&run, 20_000).first().map(String::as_str), Some("s999"), "the last is told");
}

#[test]
fn turns_that_end_and_go_on_all_the_time_do_not_fill_the_log() {
    let run = run_of(&kind(""));
    let mut all = 0;
    for ms in 0..1000 {
        says(&run, ms, if ms % 2 == 0 { "working" } else { "done" });
        all += told(&run, ms).len();
    }
    assert!(all <= PACE_MAX + 2 * PACE_ENDS_MAX, "{all} reports in a second");
    let next = || run.next_look(Duration::from_secs(1), Duration::from_secs(2), Duration::MAX);
    run.settled(at(1000));
    assert_eq!(next(), Duration::from_secs(2), "what could not be told is looked for");
    assert_eq!(told(&run, 20_000).last().map(String::as_str), Some("turned 1"));
    assert_eq!(next(), Duration::MAX, "nothing ticks when all is told");
}

#[test]
fn a_question_on_a_screen_that_is_never_quiet_is_seen() {
    let rule = "[[status.screen]]\npattern = 'Delete it\\?'\nstate = \"blocked:permission\"";
    let run = run_of(&kind(rule));
    run.output(at(0), b"Delete it? ");
    for ms in (50..=1000).step_by(50) {
        run.output(at(ms), b"\x1b7.\x1b8");
    }
    assert_eq!(told(&run, 1000), ["blockedpermission"]);
}

#[test]
fn a_question_painted_a_moment_ago_holds_a_prompt_back() {
    let rule = "[[status.screen]]\npattern = 'Trust it\\?'\nstate = \"blocked:question\"";
    let kind = kind(rule);
    let run = LiveRun::new(RunId(1), TaskId(1), "token".into(), &kind, Size::UNATTENDED, at(0));
    says(&run, 0, "idle");
    run.output(at(1), b"Trust it?");
    let looks = std::cell::Cell::new(0);
    let gave_up = || looks.replace(looks.get() + 1) > 1;
    assert!(!run.wait_ready(|| at(2), Duration::from_millis(1), gave_up));
    run.output(at(3), b"\x1b[2J");
    assert!(run.wait_ready(|| at(4), Duration::from_millis(1), || false));
}

/// Words that no person wrote could answer what it asks.
#[test]
fn a_program_that_reports_nothing_is_waited_for_until_it_reports_or_is_given_up() {
    let run = run_of(&kind_that_is("quiet", ""));
    let looks = std::cell::Cell::new(0);
    run.wait_while_mute(|| looks.replace(looks.get() + 1) == 0);
    assert_eq!(looks.get(), 1, "given up at once");
    says(&run, 0, "idle");
    run.wait_while_mute(|| panic!("it has said what it does"));
}

#[test]
fn a_program_that_reports_nothing_does_not_prove_that_it_got_a_prompt() {
    let run = run_of(&kind(""));
    let taken = |run: &LiveRun| run.wait_taken(|| at(0), Duration::ZERO, Duration::ZERO, || false);
    assert_eq!(taken(&run), Taken::Silent);
    says(&run, 1, "idle");
    assert_eq!(taken(&run), Taken::No);
    says(&run, 2, "working");
    assert_eq!(taken(&run), Taken::Shown);
}

#[test]
fn what_settled_is_noted_at_once_and_in_order_whoever_takes_it() {
    let at = Timestamp::from_millis(1000);
    let kinds = AgentKind::builtin().unwrap();
    let live = LiveRun::new(RunId(1), TaskId(1), String::new(), &kinds[0], Size::UNATTENDED, at);
    for state in ["working", "idle", "working"] {
        live.output(at, format!("\x1b]7501;state={state}:app=x\x1b\\").as_bytes());
        live.tell(at);
    }
    live.tell_no_more();
    live.tell(at);
    let states = live.reports().into_iter().filter_map(|report| match report {
        Report::Status { status, .. } => Some(status.state),
        _ => None,
    });
    let working = AgentState::Working;
    assert_eq!(states.collect::<Vec<_>>(), [working, AgentState::Idle, working]);
    assert_eq!(live.reports().iter().count(), 0, "nothing a second time");
}

/// The run as a daemon that begins now finds it.
fn as_found_later(run: &LiveRun, kind: &AgentKind, ms: i64) -> LiveRun {
    let frame = serde_json::to_string(&run.frame()).unwrap();
    let frame = serde_json::from_str(&frame).unwrap();
    LiveRun::restored(RunId(1), TaskId(1), "token".into(), kind, frame, at(ms)).unwrap()
}

#[test]
fn a_turn_that_was_finished_while_no_daemon_looked_is_told_from_the_one_before() {
    let kind = kind("");
    let run = run_of(&kind);
    says(&run, 0, "working");
    says(&run, 1, "done");
    told(&run, 1);
    run.turn_end_recorded();
    let later = as_found_later(&run, &kind, 2);
    assert_eq!(told(&later, 2), ["done"], "the same end is not told twice");
    says(&later, 3, "working");
    says(&later, 3, "done");
    assert_eq!(told(&later, 3), ["went on", "turned 1"]);
}

#[test]
fn an_end_of_a_turn_that_never_came_into_the_log_is_told_again() {
    let kind = kind("");
    let run = run_of(&kind);
    says(&run, 0, "working");
    says(&run, 1, "done");
    assert_eq!(told(&run, 1), ["working", "done", "turned 1"][1..]);
    let later = as_found_later(&run, &kind, 2);
    assert_eq!(told(&later, 2), ["done", "turned 1"]);
}

/// A turn's end is kept by one thread while another begins the next prompt.
#[test]
fn older_notes_never_take_the_place_of_newer_ones() {
    let run = run_of(&kind(""));
    let kept = Mutex::new(Vec::new());
    let (written, is_written) = mpsc::channel();
    let write = |frame: &Frame| {
        kept.lock().unwrap().push(frame.prompt);
        Ok::<(), ()>(())
    };
    std::thread::scope(|threads| {
        let slow = |frame: &Frame| {
            threads.spawn(|| {
                run.prompt_begins(2, at(0), || run.keep(write)).unwrap();
                written.send(()).unwrap();
            });
            // Time enough for the other to be first, if it may.
            let _ = is_written.recv_timeout(Duration::from_millis(100));
            write(frame)
        };
        run.keep(slow).unwrap();
    });
    assert_eq!(*kept.lock().unwrap(), [Some(1), Some(2)]);
}
