//! Type-ahead: whatever was typed around the moment a dialog opened approves nothing.

use super::super::*;
use super::play::*;
use crate::wire::people::{Ask, InboxAsk, PlanAsk, TaskAsk};
use serde_json::json;
use std::time::Duration;

const SEEDS: u64 = 10_000;
const TYPED: &str = "yyyy\r\r  AAyy";
const KEYS: [&str; 16] = [
    "y", "A", "a", "enter", "space", "R", "esc", "r", "d", "F", "ctrl-s", "f7", "up", "ｙ", "Ａ",
    "f10",
];
/// Keys that go everywhere.
const ANY: [&str; 40] = [
    "a", "A", "y", "r", "x", "u", "U", "n", "p", "s", "J", "R", "i", "ctrl-]", "?", ":", "/", "w",
    "t", "F", "1", "2", "3", "4", "5", "g", "G", "up", "down", "left", "right", "pagedown", "home",
    "enter", "esc", "q", "tab", "ctrl-s", "写", "]",
];

struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % below
    }
}

/// What is opened, and by which key: an approval, an alarm, a start. What the last two ask comes
/// at once.
fn open(play: &mut Play, dialog: u64) {
    match dialog {
        0 => drop(play.take(Input::Key("a".into()))),
        1 => drop(play.inbox(&[alarm(2)]).take(Input::Key("a".into()))),
        _ => {
            play.take(Input::Key("s".into()));
            let asked = |what: &Do| match what {
                Do::Say(Said::Ask { id, ask: Ask::Plan(PlanAsk::Check), .. }) => {
                    Some((*id, gate(false)))
                }
                Do::Say(Said::Ask { id, ask: Ask::Show(_), .. }) => Some((*id, ended_task())),
                _ => None,
            };
            for (id, value) in play.did.iter().filter_map(asked).collect::<Vec<_>>() {
                play.take(Input::Answer { id, answer: Answer::Done(value) });
            }
        }
    }
}

fn play(seed: u64) -> Vec<Do> {
    let mut random = Random(seed);
    let mut play = Play::begin(USUAL);
    let dialog = random.below(3);
    if dialog == 2 {
        play.keys("G up");
    }
    play.did.clear();
    let opens_at = random.below(40);
    let paints_after = random.below(30);
    let (mut opened, mut painted) = (false, false);
    let mut typed = TYPED.chars().cycle().skip(usize::try_from(random.below(12)).unwrap());
    let mut silent = 0;
    for step in 0..60 {
        if step == opens_at {
            open(&mut play, dialog);
            opened = true;
        }
        if opened && !painted && step >= opens_at + paints_after {
            play.paint();
            painted = true;
        }
        let c = typed.next().unwrap_or('y');
        match random.below(12) {
            0 => drop(play.take(Input::Paste(TYPED.into()))),
            1 => {
                // Somebody who types as they think; a silence that is long enough would arm it.
                let pause = random.below(100).min(390_u64.saturating_sub(silent));
                silent += pause;
                play.wait(pause).paint();
                continue;
            }
            2 | 3 => {
                let key = KEYS[usize::try_from(random.below(16)).unwrap()];
                play.take(Input::Key(key.into()));
            }
            _ => drop(play.type_ahead(&c.to_string())),
        }
        silent = random.below(3);
        play.wait(silent);
    }
    play.did
}

#[test]
fn ten_thousand_seeds_of_type_ahead_confirm_nothing() {
    for seed in 0..SEEDS {
        let did = play(seed);
        let decided = did.iter().find(|what| match what {
            Do::Say(Said::Ask { ask, .. }) => matches!(
                ask,
                Ask::Inbox(InboxAsk::Approve { .. })
                    | Ask::Plan(PlanAsk::Run { trust: Some(_), .. })
                    | Ask::Task(_, TaskAsk::Retry { .. })
            ),
            _ => false,
        });
        assert_eq!(decided, None, "seed {seed}");
    }
}

/// One thing that may happen, whatever it is.
fn anything(random: &mut Random) -> Input {
    let mut pick = |below: u64| usize::try_from(random.below(below)).unwrap();
    match pick(14) {
        0 => Input::Paste("a\nb\u{1b}写".into()),
        1 => {
            let (x, y) = (pick(90), pick(30));
            Input::Mouse(pointer(POINTED[pick(4)], x.try_into().unwrap(), y.try_into().unwrap()))
        }
        2 => {
            let cells = |count: usize| u16::try_from(count).unwrap();
            let tiny = Size { cols: cells(pick(14)), rows: cells(pick(9)) };
            Input::Resize([SMALL, USUAL, tiny, tiny][pick(4)])
        }
        3 => Input::Lost("cut".into(), Duration::ZERO),
        4 | 5 => Input::Connected,
        6 => Input::Frame(vec![table(1, &head(), &tasks()[pick(6)..])]),
        7 => {
            let rows = [items(), vec![alarm(pick(30)), approval(HEAD)]][pick(2)].clone();
            let deciding = json!([{ "item": "item4", "client": pick(3), "person": "x" }]);
            let head = json!({ "deciding": deciding, "you": 1 });
            Input::Frame(vec![table(2, &head, &rows[pick(3)..])])
        }
        8 => {
            let answers = [diff(), gates(), ended_task(), gate(false)];
            let id = u32::try_from(pick(12)).unwrap();
            Input::Answer { id, answer: Answer::Done(answers[pick(4)].clone()) }
        }
        9 => Input::Edited(Some("x".into())),
        _ => Input::Key(ANY[pick(40)].into()),
    }
}

#[test]
fn whatever_happens_there_is_a_screen_and_nothing_is_asked_of_a_cut_line() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let mut play = Play::begin(USUAL);
        for _ in 0..60 {
            play.did.clear();
            play.take(anything(&mut random));
            let is_asked = play
                .did
                .iter()
                .any(|what| matches!(what, Do::Say(Said::Ask { .. } | Said::Press { .. })));
            assert!(play.app.is_connected || !is_asked, "seed {seed}: {:?}", play.did);
            play.show_pane();
            if play.app.setup.size == SMALL {
                play.screen();
            } else {
                play.buffer();
            }
            play.wait(random.below(200));
        }
    }
}
