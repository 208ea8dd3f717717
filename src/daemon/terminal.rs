//! Looking at and typing into the terminals of agents, for people.

use super::requests::Asked;
use super::runs::Attached;
use super::show;
use crate::base::id::{RunId, TaskId};
use crate::model::attempt::{AgentState, Delivery};
use crate::model::command::Request;
use crate::model::core::Core;
use crate::model::rejection::{Class, Rejection};
use crate::term::{Key, Terminal, encode_key, encode_paste};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How many keys one request may press.
const KEYS_MAX: usize = 1000;
/// How often a run that is being adopted is looked for, and how many times: for 5 s.
const ADOPTION_LOOK_EVERY: Duration = Duration::from_millis(20);
const ADOPTION_LOOKS: u32 = 250;
/// How long the end of all agents is waited for before the daemon stops all the same.
const END_ALL_MAX: Duration = Duration::from_secs(20);

pub(super) async fn paste(asked: &Asked, id: TaskId, text: &str) -> Result<Value, Rejection> {
    let run = attached(asked, id).await?;
    let bytes = encode_paste(text, &run.live.modes());
    type_in(&run, bytes)
}

pub(super) async fn keys(asked: &Asked, id: TaskId, keys: &[String]) -> Result<Value, Rejection> {
    if keys.len() > KEYS_MAX {
        let why = format!("{} keys at once are more than {KEYS_MAX}", keys.len());
        return Err(Rejection::input(why, "press fewer keys at a time"));
    }
    let run = attached(asked, id).await?;
    let modes = run.live.modes();
    let mut bytes = Vec::new();
    for name in keys {
        let key = Key::parse(name).map_err(|error| {
            Rejection::input(error.to_string(), "keys are such as `y`, `enter`, `ctrl-c`, `up`")
        })?;
        bytes.extend(encode_key(&key, &modes));
    }
    type_in(&run, bytes)
}

/// What a prompt in the middle of a turn waits for.
const TURN_ENDS: &str = "the agent's turn ends";
/// The same of an agent that reports no turns: only its output shows that it is at work.
const IS_QUIET: &str = "its terminal is quiet for a second: it reports no turns";
/// How long that is waited for.
const QUIET_MAX: Duration = Duration::from_secs(10);

/// Gives the agent a prompt; says for what it waits when it is not typed at once. Of an agent that
/// reports no turns nothing would ever be said later: what was typed is known when this returns.
pub(super) async fn say(asked: &Asked, id: TaskId, text: String) -> Result<Value, Rejection> {
    let typed_when = asked.world.engine.look(move |core: &Core| typed_when(core, id)).await?;
    let said = asked.command(Request::Say { task: id, text }).await?;
    let prompt = said.pointer("/events").and_then(Value::as_array).and_then(|events| {
        events.iter().find_map(|event| event.pointer("/payload/prompt").cloned())
    });
    let run = last_run(asked, id).await?;
    let is_mute = asked.world.runs.get(run).is_some_and(|run| run.live.is_mute());
    let number = prompt.as_ref().and_then(Value::as_u64);
    let typed_when = match (typed_when, number) {
        (None | Some(TURN_ENDS), Some(number)) if is_mute => {
            match tokio::time::timeout(QUIET_MAX, typed(asked, id, number)).await {
                Ok(typed) => match typed? {
                    true => None,
                    false => return Err(missed(id)),
                },
                Err(_) => Some(IS_QUIET),
            }
        }
        (when, _) => when,
    };
    Ok(json!({ "prompt": prompt, "typed_when": typed_when, "reports_turns": !is_mute }))
}

/// Waits until nothing more is to be typed of a prompt; says whether it was typed.
async fn typed(asked: &Asked, id: TaskId, number: u64) -> Result<bool, Rejection> {
    let mut durable = asked.world.engine.durable();
    loop {
        let look = move |core: &Core| {
            let attempt = core.state.task(id)?.attempt()?;
            let prompt = attempt.prompts.iter().find(|of| u64::from(of.number) == number)?;
            let is_open = attempt.next_prompt().is_some_and(|open| open.number <= prompt.number);
            (!is_open).then_some(prompt.delivery != Delivery::Missed)
        };
        if let Some(typed) = asked.world.engine.look(look).await? {
            return Ok(typed);
        }
        durable.changed().await.map_err(|_| show::stopping())?;
    }
}

fn missed(id: TaskId) -> Rejection {
    Rejection::refused(
        format!("the agent of task {id} ended before it took the prompt: nothing was typed"),
        format!("`monban show {id}` says where it stands"),
    )
}

/// What a prompt waits for that is asked for now, if it is not typed at once.
fn typed_when(core: &Core, id: TaskId) -> Option<&'static str> {
    let task = core.state.task(id)?;
    let run = task.attempt()?.run.as_ref()?;
    let takes_one = matches!(run.status.state, AgentState::Idle | AgentState::Done);
    if core.state.is_halted(task) {
        return Some("the halt is lifted (`monban resume`)");
    }
    if run.pause_wanted {
        return Some("the task goes on (`monban resume ID`)");
    }
    (core.state.is_in_turn(task) && !takes_one).then_some(TURN_ENDS)
}

fn type_in(run: &Attached, bytes: Vec<u8>) -> Result<Value, Rejection> {
    let count = bytes.len();
    run.input(bytes).map_err(|why| {
        Rejection::refused(
            format!("the agent's terminal takes no input: {why}"),
            "look at it with `monban screen`",
        )
    })?;
    Ok(json!({ "bytes": count }))
}

/// The run of a task that can be typed to now. A daemon that has just started may still be adopting
/// it: that is waited for.
async fn attached(asked: &Asked, id: TaskId) -> Result<Arc<Attached>, Rejection> {
    let run = last_run(asked, id).await?;
    for _ in 0..ADOPTION_LOOKS {
        if let Some(run) = asked.world.runs.get(run).filter(|run| run.is_up()) {
            return Ok(run);
        }
        let live = asked
            .world
            .engine
            .look(move |core: &Core| core.state.run(run).is_some_and(|(_, _, run)| run.is_live()));
        if !live.await? {
            break;
        }
        tokio::time::sleep(ADOPTION_LOOK_EVERY).await;
    }
    Err(Rejection::refused(
        format!("the agent of task {id} is not running"),
        format!("`monban show {id}` says where it stands"),
    ))
}

async fn last_run(asked: &Asked, id: TaskId) -> Result<RunId, Rejection> {
    let look = move |core: &Core| {
        let task = core.state.task(id)?;
        Some(task.attempt().and_then(|attempt| attempt.run.as_ref()).map(|run| run.id))
    };
    let run = asked.world.engine.look(look).await?.ok_or_else(|| show::no_task(id))?;
    run.ok_or_else(|| {
        let why = format!("task {id} has no agent");
        Rejection::refused(why, format!("`monban show {id}` says where it stands"))
    })
}

/// The screen of a task's agent, as text or with colours; of an ended one, as it left it.
pub(super) async fn screen(asked: &Asked, id: TaskId, ansi: bool) -> Result<Value, Rejection> {
    let run = last_run(asked, id).await?;
    let draw = move |terminal: &Terminal| (terminal.size(), draw(terminal, ansi));
    let (size, screen) = match asked.world.runs.get(run) {
        Some(run) => run.live.look(draw),
        None => {
            let world = Arc::clone(&asked.world);
            let replayed = tokio::task::spawn_blocking(move || world.replayed(run, draw));
            let replayed = replayed.await.ok().flatten();
            replayed.ok_or_else(|| {
                let why = format!("the transcript of {run} is gone");
                Rejection::new(Class::Environment, why, "it may have been cleaned up")
            })?
        }
    };
    let (columns, rows) = (size.cols, size.rows);
    Ok(json!({ "task": id, "run": run, "screen": screen, "columns": columns, "rows": rows }))
}

/// The rows down to the last that shows anything: more would push them out of sight.
fn draw(terminal: &Terminal, ansi: bool) -> String {
    let texts = terminal.text_rows();
    let shown = texts.iter().rposition(|row| !row.trim().is_empty()).map_or(0, |last| last + 1);
    if !ansi {
        return texts[..shown].join("\n");
    }
    let rows = (0..terminal.size().rows).take(shown).filter_map(|y| terminal.row(y));
    let coloured = rows.map(|row| {
        let mut line = String::new();
        let mut last = None;
        for (text, cell) in row.iter() {
            if last != Some(cell.style) {
                line.push_str(&cell.style.sgr());
                last = Some(cell.style);
            }
            line.push_str(text);
        }
        line.push_str("\x1b[0m");
        line
    });
    coloured.collect::<Vec<_>>().join("\n")
}

/// Ends every agent, as a person's word before the daemon stops.
pub(super) async fn end_all(asked: &Asked) -> Result<(), Rejection> {
    let tasks = asked.world.engine.look(|core: &Core| {
        let active = core.state.tasks.values().filter(|task| task.is_active());
        active.map(|task| task.id).collect::<Vec<_>>()
    });
    for task in tasks.await? {
        let _ = asked.command(Request::Abort { task }).await;
    }
    let mut durable = asked.world.engine.durable();
    let all_gone = async {
        loop {
            let live = asked.world.engine.look(|core: &Core| {
                let runs = core.state.tasks.values().flat_map(|task| &task.attempts);
                runs.filter(|a| a.run.as_ref().is_some_and(|run| run.is_live())).count()
            });
            if live.await? == 0 {
                return Ok(());
            }
            if durable.changed().await.is_err() {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(END_ALL_MAX, all_gone).await.unwrap_or_else(|_| {
        Err(Rejection::new(
            Class::Environment,
            "not every agent ended in time; the daemon goes on",
            "`monban ls --all` shows which; then stop again",
        ))
    })
}
