//! An agent's screen: seen, scrolled, typed into, resized, and still there after the daemon.

use crate::{Attached, Desk, Instance, QUIET};
use monban::base::id::RunId;
use monban::base::paths::Places;
use monban::base::size::Size;
use monban::term::{Pointer, PointerAct, PointerButton};
use monban::wire::people::{Ask, ShowAsk, TaskAsk};
use monban::wire::view::{Said, Surface, Told};

#[test]
fn an_agents_output_is_seen_and_a_line_of_it_costs_a_line() {
    let room = Desk::new();
    let script = "i=0; while IFS= read -r x; do i=$((i+1)); echo \"line number $i of many\"; done";
    let (_, run) =
        room.agent(&format!("stty raw -echo icrnl opost onlcr -icanon; stty icanon; {script}"));
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    bob.shows(1, "working");
    for _ in 0..60 {
        bob.press(run, &["enter"]);
    }
    bob.shows(1, "line number 60 of many");
    bob.drain(QUIET);
    let before = bob.bytes;
    bob.press(run, &["enter"]);
    bob.shows(1, "line number 61 of many");
    assert!(bob.bytes - before < 1000, "a scrolled screen cost {} bytes", bob.bytes - before);
}

#[test]
fn history_is_looked_at_without_moving_while_more_comes() {
    let room = Desk::new();
    let (_, run) = room.agent("seq 1 100; while IFS= read -r x; do seq 101 200; done");
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    bob.shows(1, "100");
    bob.look(1, Surface::Pane { run, back: 30 });
    bob.wait("the history", |bob| (bob.head(1)["back"] == 30).then_some(()));
    let before = bob.screen(1);
    assert_eq!(before.len(), 40);
    bob.press(run, &["enter"]);
    bob.wait("more below", |bob| (bob.head(1)["back"] == 130).then_some(()));
    assert_eq!(bob.screen(1), before);
    bob.look_at_pane(1, run);
    bob.shows(1, "200");
}

#[test]
fn a_thousand_keys_arrive_in_order() {
    let room = Desk::new();
    let (_, run) = room.agent("printf '\\033[?2004l'; stty raw -echo; echo up; head -c 1000 > typed; stty sane; echo got them");
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    bob.shows(1, "up");
    let letter = |n: usize| char::from(b'a' + u8::try_from(n * 7 % 26).unwrap()).to_string();
    let all: Vec<String> = (0..1000).map(letter).collect();
    for (n, key) in all.iter().enumerate() {
        if n % 3 == 0 {
            bob.say(&Said::Paste { run, text: key.clone() });
        } else {
            bob.press(run, &[key]);
        }
    }
    bob.shows(1, "got them");
    let worktree = room.person("ann").show(ShowAsk::List { all: false });
    let worktree = worktree["tasks"][0]["worktree"].as_str().unwrap().to_string();
    let typed = std::fs::read_to_string(std::path::Path::new(&worktree).join("typed")).unwrap();
    assert_eq!(typed, all.concat());
}

#[test]
fn typing_takes_the_size_and_looking_does_not() {
    let room = Desk::new();
    let script = "while IFS= read -r x; do stty size; done";
    let (task, run) = room.agent(script);
    let (mut bob, mut carol) = (room.attach("bob"), room.attach("carol"));
    bob.look_at_pane(1, run);
    carol.look_at_pane(1, run);
    let (small, large) = (Size { cols: 80, rows: 24 }, Size { cols: 150, rows: 50 });
    bob.say(&Said::Room { run, size: small });
    carol.say(&Said::Room { run, size: large });
    carol.shows(1, "working");
    carol.drain(QUIET);
    assert_eq!(carol.head(1)["size"]["cols"], 120, "looking resizes nothing");
    bob.press_until(1, run, &["enter"], "24 80");
    carol.shows(1, "24 80");
    assert_eq!((&carol.head(1)["driver"], &carol.head(1)["yours"]), (&"bob".into(), &false.into()));
    assert_eq!(bob.head(1)["yours"], true);
    assert_eq!(carol.content(1).rows.len(), 24);
    carol.press_until(1, run, &["enter"], "50 150");
    bob.shows(1, "50 150");
    assert_eq!(bob.head(1)["driver"], "carol");
    // The driver's terminal grows: so does the pane. Others' does not count.
    carol.say(&Said::Room { run, size: Size { cols: 151, rows: 50 } });
    bob.say(&Said::Room { run, size: Size { cols: 81, rows: 24 } });
    bob.wait("the new size", |bob| (bob.head(1)["size"]["cols"] == 151).then_some(()));
    drop(carol);
    bob.wait("nobody drives", |bob| bob.head(1)["driver"].is_null().then_some(()));
    assert_eq!(bob.head(1)["size"]["cols"], 151, "the size stays");
    let live = room.person("ann").show(ShowAsk::Screen { task, ansi: true });
    let folder = room.daemon.places.state.join("runs").join(run.to_string());
    let replayed = monban::daemon::replayed(&folder, |terminal| {
        (terminal.size(), terminal.text_rows().join("\n"))
    });
    let (size, replayed) = replayed.unwrap();
    assert_eq!(size, Size { cols: 151, rows: 50 });
    let plain = room.person("ann").show(ShowAsk::Screen { task, ansi: false });
    // What is printed ends at the last row that shows anything.
    assert_eq!(plain["screen"], replayed.trim_end_matches('\n'), "a replay gives the same: {live}");
}

/// The agent writes at the corner of its terminal all the time: what is left at an old corner says
/// at which byte the new size began.
#[test]
fn a_size_taken_in_the_middle_of_output_begins_at_the_same_byte_in_a_replay() {
    let room = Desk::new();
    let stop = room.instance.home.join("stop");
    let script = format!(
        "while IFS= read -r x; do i=0; until ls {} 2>&-; do i=$((i+1)); \
         printf '\\033[999;999H\\033[6D%s\\033[H' $i; done; printf '\\033[2;1Hdone'; done",
        stop.display()
    );
    let (task, run) = room.agent(&script);
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    bob.shows(1, "working");
    bob.say(&Said::Room { run, size: Size { cols: 60, rows: 20 } });
    bob.press(run, &["enter"]);
    for n in 1..=4 {
        let size = Size { cols: 60 + n * 9, rows: 20 + n * 5 };
        bob.say(&Said::Room { run, size });
        bob.wait("the size", |bob| (bob.head(1)["size"]["cols"] == size.cols).then_some(()));
        let frame = bob.frame;
        bob.wait("more output", |bob| (bob.frame > frame + 1).then_some(()));
    }
    std::fs::write(stop, "").unwrap();
    bob.shows(1, "done");
    let folder = room.daemon.places.state.join("runs").join(run.to_string());
    let replayed = monban::daemon::replayed(&folder, |terminal| terminal.text_rows().join("\n"));
    let live = room.person("ann").show(ShowAsk::Screen { task, ansi: false });
    assert_eq!(live["screen"], replayed.unwrap());
    assert_eq!(bob.screen(1).join("\n"), live["screen"].as_str().unwrap());
}

#[test]
fn a_later_daemon_knows_the_size_an_earlier_one_gave_and_where_it_began() {
    let instance = Instance::new();
    let script = "seq 1 60; while IFS= read -r x; do stty size; seq 1 30; echo end $x; done";
    let id = instance.add("T", script);
    instance.monban(&["run", &id, "--trust", &instance.gate()]).expect(0);
    let (places, run) = (Places::under(&instance.home), RunId(1));
    let attach = || Attached::attach(&places, "bob", instance.repository.clone(), false);
    let sizes = [Size { cols: 40, rows: 12 }, Size { cols: 90, rows: 35 }];
    for (size, (key, ends_by_kill)) in sizes.into_iter().zip([("a", true), ("b", false)]) {
        let mut bob = attach();
        bob.look_at_pane(1, run);
        bob.shows(1, "30");
        bob.say(&Said::Room { run, size });
        bob.press(run, &[key, "enter"]);
        bob.wait("the size", |bob| (bob.screen(1).len() == usize::from(size.rows)).then_some(()));
        bob.shows(1, &format!("end {key}"));
        let before = bob.screen(1);
        drop(bob);
        if ends_by_kill {
            instance.kill(instance.daemon());
        } else {
            instance.monban(&["daemon", "stop"]).expect(0);
        }
        assert_eq!(instance.task(&id)["state"], "running");
        let mut again = attach();
        again.look_at_pane(1, run);
        again.wait("the screen", |again| (again.screen(1) == before).then_some(()));
        assert_eq!(again.head(1)["size"]["cols"], size.cols);
    }
}

#[test]
fn what_cannot_be_typed_is_said() {
    let room = Desk::new();
    let (task, run) = room.agent("permission 'go on'");
    let mut bob = room.attach("bob");
    let why = |bob: &mut Attached| {
        bob.wait("why not", |bob| {
            let at = bob.told.iter().position(|told| matches!(told, Told::NotTyped { .. }))?;
            let Told::NotTyped { why, .. } = bob.told.remove(at) else { return None };
            Some(why)
        })
    };
    bob.press(run, &["no-such-key"]);
    assert!(why(&mut bob).contains("no-such-key"));
    room.person("ann").ask(Ask::Task(task, TaskAsk::Abort)).unwrap();
    bob.look_at_pane(1, run);
    bob.wait("its end", |bob| (bob.head(1)["live"] == false).then_some(()));
    let began = std::time::Instant::now();
    bob.press(run, &["y"]);
    assert!(why(&mut bob).contains("not running"));
    // Frames come behind the key; it would be held for five seconds if the run might come yet.
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn an_ended_run_is_shown_as_it_left_its_screen_by_a_later_daemon_too() {
    let mut room = Desk::new();
    let (task, run) = room.agent("echo the last words");
    let mut ann = room.person("ann");
    ann.until(&ShowAsk::Task(task), |task| {
        (task["waits_for"][0] == "nothing-changed").then_some(())
    });
    ann.ask(Ask::Task(task, TaskAsk::Abort)).unwrap();
    ann.until(&ShowAsk::Task(task), |task| (task["state"] == "stopped").then_some(()));
    room.daemon.stop();
    room.begin_again();
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    bob.shows(1, "the last words");
    assert_eq!(bob.head(1)["live"], false);
    bob.look_at_pane(2, RunId(99));
    bob.wait("nothing", |bob| bob.head(2).is_object().then_some(()));
    assert_eq!(bob.content(2).rows.len(), 0);
}

#[test]
fn a_frame_drawn_in_pieces_is_shown_whole_or_after_a_moment() {
    let room = Desk::new();
    let begin = "printf '\\033[?2026h\\033[2J\\033[Hfirst half\\r\\n'";
    let script = format!(
        "while IFS= read -r x; do {begin}; IFS= read -r y; printf 'second half\\033[?2026l\\r\\n'; done"
    );
    let (_, run) = room.agent(&script);
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    bob.shows(1, "working");
    bob.press(run, &["enter"]);
    // An agent that never ends its frame is shown all the same.
    bob.shows(1, "first half");
    bob.press(run, &["enter"]);
    bob.shows(1, "second half");
}

#[test]
fn the_mouse_reaches_an_agent_in_the_form_it_asked_for_and_no_other() {
    let room = Desk::new();
    // It asks for clicks and shows two of them, then asks for nothing and shows a key.
    let reads = "stty raw -echo; printf '\\033[?1000h\\033[?1006hready\\r\\n'; \
        dd bs=1 count=20 2>/dev/null | cat -v; printf '\\033[?1000l\\r\\nthen '; \
        dd bs=1 count=1 2>/dev/null | cat -v; printf ' alone\\r\\n'";
    let (_, run) = room.agent(reads);
    let mut bob = room.attach("bob");
    bob.look_at_pane(1, run);
    bob.shows(1, "ready");
    bob.wait("the mode", |client| (client.head(1)["mouse"] == true).then_some(()));
    let point = |act| {
        let pointer = Pointer { act, x: 11, y: 3, shift: false, alt: false, ctrl: false };
        Said::Point { run, pointer }
    };
    bob.say(&point(PointerAct::Drag(PointerButton::Left)));
    bob.say(&point(PointerAct::Down(PointerButton::Left)));
    bob.say(&point(PointerAct::Up(PointerButton::Left)));
    bob.shows(1, "^[[<0;12;4M^[[<0;12;4m");
    bob.wait("the mode", |client| (client.head(1)["mouse"] == false).then_some(()));
    bob.say(&point(PointerAct::Down(PointerButton::Left)));
    bob.press(run, &["q"]);
    bob.shows(1, "then q alone");
}

/// It may wait for hours; the frames of everything else come behind the keys.
#[test]
fn keys_for_a_run_that_waits_for_its_login_hold_nothing_up() {
    let instance = Instance::new();
    let login = instance.home.join("login.json");
    std::fs::write(&login, r#"{"refresh": "r"}"#).unwrap();
    std::fs::create_dir(instance.home.join("agents")).unwrap();
    let kind = format!(
        "name = \"kept\"\ntitle = \"Kept\"\nprogram = \"/bin/sh\"\nargs = [\"{}\"]\n\
         [[logins]]\nkind = \"file\"\nfrom_variable = \"KEPT_HOME\"\nfrom = \"{}\"\n\
         name = \"login.json\"\nto = \".kept/login.json\"\nrefreshes = \"/refresh\"\n\
         newer = \"/at\"\nsame = []\n\
         [prompt]\nready = \"idle\"\n[turn]\nidle = \"done\"\nexit = \"unfinished\"\n",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/agent.sh"),
        instance.home.display()
    );
    std::fs::write(instance.home.join("agents/kept.toml"), kind).unwrap();
    let first = instance.add_for("kept", "First", "permission go");
    let second = instance.add_for("kept", "Second", "permission go");
    instance.run(&first).expect(4);
    instance.monban(&["run", &second]).expect(0);
    let detail = |task: &serde_json::Value| task["status"]["detail"].as_str().map(String::from);
    let waits = |task: &serde_json::Value| detail(task).is_some_and(|it| it.contains("one run"));
    let run = RunId(instance.until(&second, "the wait", waits)["run"].as_u64().unwrap());
    let places = Places::under(&instance.home);
    let mut bob = Attached::attach(&places, "bob", instance.repository.clone(), false);
    let began = std::time::Instant::now();
    for _ in 0..10 {
        bob.press(run, &["y"]);
    }
    bob.look(2, Surface::Tasks { all: false });
    bob.wait("the tasks", |bob| (bob.table(2).len() == 2).then_some(()));
    let is_no = |told: &&Told| matches!(told, Told::NotTyped { .. });
    assert_eq!(bob.told.iter().filter(is_no).count(), 10);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}
