//! The demo for a person: agents that work, ask and wait, on the dashboard.

use super::super::attach::{self, Desk};
use super::super::client::Client;
use super::super::exit::Failure;
use super::super::play::{Ground, Player};
use super::super::{Here, attach::near};
use crate::model::task::{Kind, Origin};

/// What there is to do: the agent, the title, the kind, the prompt, and whether it is started.
const TASKS: [(&str, &str, Kind, &str, bool); 5] = [
    ("good", "Greet people by name", Kind::Add, "Let greet.sh take a name.", true),
    ("asks", "Configure the port", Kind::Add, "Write port.conf.", true),
    ("ready", "Explain the greeting", Kind::Refactor, "Say in the README how to greet.", true),
    ("works", "Translate the greeting", Kind::Add, "Collect greetings.", true),
    ("harm", "Tidy up", Kind::Refactor, "Tidy the repository.", false),
];
/// What the dashboard says first.
const SAYS: &str = "A demo: i types to an agent, a looks at a result, s starts the draft, which does \
    harm. ? shows all keys; q ends it all.";

/// Sets the tasks going.
pub(super) fn set_going(ground: &Ground, client: Client) -> Result<Client, Failure> {
    let mut player = Player { client, ground, origin: Origin::Demo };
    player.trust()?;
    let mut tasks = Vec::new();
    for (agent, title, kind, prompt, starts) in TASKS {
        let task = player.add(agent, title, kind, prompt)?;
        tasks.extend(starts.then_some(task));
    }
    player.run(tasks)?;
    Ok(player.client)
}

/// Opens the dashboard until the person leaves it.
pub(super) fn open(here: &Here, ground: &Ground, client: Client) -> Result<(), Failure> {
    let there = Here { places: ground.places.clone(), at: ground.repository.clone() };
    let desk = Desk {
        first: client.into_stream(),
        connect: near(&there),
        at: there.at.clone(),
        watch: false,
        all: false,
        task: None,
        says: Some(SAYS.into()),
        signs: None,
    };
    attach::open(&here.places.config_file, &there.places.state, desk)
}
