//! The demo for a person: agents that work, ask and wait, on the dashboard.

use super::super::attach::{self, Desk};
use super::super::client::Client;
use super::super::exit::Failure;
use super::super::{Here, attach::near};
use super::ground::Ground;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::task::{Kind, Origin, TaskSpec};
use crate::wire::people::{Ask, PlanAsk};

/// What there is to do: the agent, the title, the kind, the prompt, and whether it is started.
const TASKS: [(&str, &str, Kind, &str, bool); 5] = [
    ("good", "Greet people by name", Kind::Add, "Let greet.sh take a name.", true),
    ("asks", "Configure the port", Kind::Add, "Write port.conf.", true),
    ("ready", "Explain the greeting", Kind::Refactor, "Say in the README how to greet.", true),
    ("works", "Translate the greeting", Kind::Add, "Collect greetings.", true),
    ("harm", "Tidy up", Kind::Refactor, "Tidy the repository.", false),
];
/// What the dashboard says first.
const SAYS: &str = "A demo: i types to an agent (y lets the first go on), a looks at a result, s \
    starts the draft, which does harm. ? shows all keys; q ends and removes it all.";

/// Sets the tasks going.
pub(super) fn set_going(mut client: Client) -> Result<Client, Failure> {
    trust(&mut client)?;
    let mut tasks = Vec::new();
    for (agent, title, kind, prompt, starts) in TASKS {
        let task = add(&mut client, agent, title, kind, prompt)?;
        tasks.extend(starts.then_some(task));
    }
    client.ask(Ask::Plan(PlanAsk::Run { tasks, trust: None, attend_ms: None }))?;
    Ok(client)
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

/// Trusts the gate configuration; gives its hash and its commands.
pub(super) fn trust(client: &mut Client) -> Result<(String, String), Failure> {
    let gate = client.ask(Ask::Plan(PlanAsk::Check))?;
    let hash = gate["hash"].as_str().unwrap_or_default().to_string();
    client.ask(Ask::Plan(PlanAsk::Trust { hash: hash.clone() }))?;
    Ok((hash, gate["runs"].to_string()))
}

/// Writes a task down.
pub(super) fn add(
    client: &mut Client,
    agent: &str,
    title: &str,
    kind: Kind,
    prompt: &str,
) -> Result<TaskId, Failure> {
    let spec = TaskSpec {
        title: Foreign::new(title),
        kind,
        agent: agent.into(),
        prompt: prompt.into(),
        after: Vec::new(),
        files: Vec::new(),
    };
    let added = client.ask(Ask::Plan(PlanAsk::Add { spec, origin: Origin::Demo }))?;
    Ok(TaskId(added["id"].as_u64().unwrap_or(0)))
}
