//! Commands of the command line in what the daemon says, as the keys that do the same here.

use crate::tui::action::Action;
use crate::tui::keymap::Keymap;

/// What begins a command in a text, and what ends it.
const BEGINS: &str = "`monban ";
const ENDS: char = '`';

/// Commands by their first words, the longer before the shorter.
const COMMANDS: [(&str, Action); 20] = [
    ("task retry", Action::Start),
    ("task add", Action::NewTask),
    ("run", Action::Start),
    ("resume ", Action::Pause),
    ("resume", Action::Resume),
    ("pause", Action::Pause),
    ("abort", Action::Abort),
    ("rollback --undo", Action::Undo),
    ("rollback", Action::RollBack),
    ("approve", Action::Approve),
    ("reject", Action::Reject),
    ("gates --rerun", Action::Judge),
    ("gates", Action::GotoGates),
    ("diff", Action::GotoDiff),
    ("inbox", Action::GotoInbox),
    ("screen", Action::GotoFocus),
    ("send", Action::StepIn),
    ("show", Action::GotoFleet),
    ("ls", Action::GotoFleet),
    ("attach", Action::GotoFleet),
];

/// The text with the keys of the dashboard in place of commands for a shell. A command that no key
/// does stays.
pub fn as_keys(text: &str, keymap: &Keymap) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(BEGINS) {
        let Some((command, behind)) = after.split_once(ENDS) else { break };
        out += before;
        match key(command, keymap) {
            Some(key) => out += &key,
            None => out += &format!("{BEGINS}{command}{ENDS}"),
        }
        rest = behind;
    }
    out + rest
}

/// The key that does what a command does, and its name.
fn key(command: &str, keymap: &Keymap) -> Option<String> {
    let is_rerun = command.starts_with("gates") && command.ends_with("--rerun");
    let command = if is_rerun { "gates --rerun" } else { command };
    let (_, action) = COMMANDS.iter().find(|(words, _)| {
        let rest = command.strip_prefix(words);
        rest.is_some_and(|rest| words.ends_with(' ') || rest.is_empty() || rest.starts_with(' '))
    })?;
    let key = keymap.key_of(*action);
    (!key.is_empty()).then(|| format!("{key} ({})", action.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        as_keys(text, &Keymap::named("default").unwrap())
    }

    #[test]
    fn a_command_becomes_the_key_that_does_it() {
        let text = "wait until `monban show 3` says failed, then `monban task retry 3`";
        assert_eq!(said(text), "wait until 1 (goto fleet) says failed, then s (start)");
        assert_eq!(said("`monban resume`: go on"), "R (resume): go on");
        assert_eq!(said("`monban resume 7`"), "p (pause)");
        assert_eq!(said("`monban rollback --undo op2`"), "U (undo)");
        assert_eq!(said("`monban gates 3 --rerun`"), "J (judge)");
    }

    #[test]
    fn what_no_key_does_stays_as_it_is() {
        for text in ["`monban doctor` says more", "`monban runs`", "`monban show", "`ls`", ""] {
            assert_eq!(said(text), text);
        }
    }
}
