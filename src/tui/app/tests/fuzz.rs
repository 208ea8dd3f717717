//! Type-ahead: whatever was typed around the moment a dialog opened approves nothing.

use super::super::*;
use super::play::*;
use crate::wire::people::InboxAsk;

const SEEDS: u64 = 10_000;
const TYPED: &str = "yyyy\r\r  AAyy";
const KEYS: [&str; 16] = [
    "y", "A", "a", "enter", "space", "Y", "esc", "r", "d", "tab", "ctrl-s", "f7", "up", "ｙ", "Ａ",
    "f10",
];

struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % below
    }
}

/// A world that was set up once: setting up costs more than the keys.
fn play(seed: u64) -> Vec<Do> {
    let mut random = Random(seed);
    let mut play = Play::begin(USUAL);
    let opens_at = random.below(40);
    let paints_after = random.below(30);
    let (mut opened, mut painted) = (false, false);
    let mut typed = TYPED.chars().cycle().skip(usize::try_from(random.below(12)).unwrap());
    let mut silent = 0;
    for step in 0..60 {
        if step == opens_at {
            play.take(Input::Key("a".into()));
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
fn ten_thousand_seeds_of_type_ahead_approve_nothing() {
    for seed in 0..SEEDS {
        let approved = play(seed)
            .iter()
            .any(|what| matches!(what, Do::Ask { ask: Ask::Inbox(InboxAsk::Approve { .. }), .. }));
        assert!(!approved, "seed {seed} approved");
    }
}
