//! Writing tasks down, and deciding about them.

use super::Here;
use super::args::{
    AddArgs, Command, EditArgs, IdArg, KindArg, RollbackArgs, SendArgs, TaskCommand,
};
use super::client::Client;
use super::exit::Failure;
use super::print::{is_confirmed, text};
use crate::agent::prompt::PROMPT_BYTES_MAX;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::command::TaskChange;
use crate::model::rejection::{Class, Rejection};
use crate::model::task::{Kind, Origin, TaskSpec};
use crate::wire::people::{Ask, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use serde::Deserialize;
use serde_json::Value;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

/// How long a digest is.
const DIGEST_LENGTH: usize = 64;
/// How much of one is enough beside an inbox id.
pub(super) const DIGEST_PREFIX_MIN: usize = 12;

pub(super) fn run(here: &Here, command: TaskCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        TaskCommand::Add(args) => add(here, args, out),
        TaskCommand::Edit(args) => edit(here, args, out),
        TaskCommand::Rm { id } => {
            here.client()?.ask(Ask::Task(id.0, TaskAsk::Remove))?;
            Ok(writeln!(out, "task {} removed", id.0)?)
        }
        TaskCommand::Retry { id, resume, fresh, trust } => {
            let said = match (resume, fresh) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                (false, false) => None,
            };
            let ask = |resume| Ask::Task(id.0, TaskAsk::Retry { resume, trust: trust.clone() });
            here.client()?.ask(ask(said))?;
            Ok(writeln!(out, "task {} is asked to run again", id.0)?)
        }
    }
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Fix => Kind::Fix,
            KindArg::Add => Kind::Add,
            KindArg::Test => Kind::Test,
            KindArg::Deps => Kind::Deps,
            KindArg::Refactor => Kind::Refactor,
        }
    }
}

fn ids(ids: Vec<IdArg>) -> Vec<TaskId> {
    ids.into_iter().map(|id| id.0).collect()
}

fn add(here: &Here, args: AddArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let prompt = match (args.prompt, &args.prompt_file, &args.stdin) {
        (Some(prompt), _, None) => prompt,
        (None, Some(file), None) => read_prompt_file(file)?,
        (None, None, Some(_)) => read_prompt_stdin()?,
        _ => {
            return Err(Failure::input(
                "a task needs exactly one prompt",
                "give one of `--prompt TEXT`, `--prompt-file FILE` or `-`",
            ));
        }
    };
    let spec = TaskSpec {
        title: Foreign::new(args.title),
        kind: args.kind.into(),
        agent: args.agent,
        prompt,
        after: ids(args.after),
        files: args.files,
    };
    let ask = Ask::Plan(PlanAsk::Add { spec, origin: Origin::Real });
    let added = here.client()?.ask(ask)?;
    let id = added["id"].as_u64().ok_or_else(|| super::client::not_understood("id"))?;
    Ok(writeln!(out, "{id}")?)
}

fn edit(here: &Here, args: EditArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let prompt = match (args.prompt, &args.prompt_file) {
        (Some(prompt), _) => Some(prompt),
        (None, Some(file)) => Some(read_prompt_file(file)?),
        (None, None) => None,
    };
    let change = TaskChange {
        title: args.title.map(Foreign::new),
        prompt,
        kind: args.kind.map(Into::into),
        agent: args.agent,
        after: args.after.map(ids),
        files: args.files,
    };
    if change == TaskChange::default() {
        return Err(Failure::input("nothing is to change", "see `monban task edit --help`"));
    }
    here.client()?.ask(Ask::Task(args.id.0, TaskAsk::Edit(change)))?;
    Ok(writeln!(out, "task {} changed", args.id.0)?)
}

fn read_prompt_file(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::input(format!("cannot read {}: {error}", path.display()), "give a readable file")
    };
    read_prompt(&mut std::fs::File::open(path).map_err(failed)?, &path.display().to_string())
}

fn read_prompt_stdin() -> Result<String, Failure> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        let cure = "pipe the prompt in, or use `--prompt`";
        return Err(Failure::input("standard input is a terminal", cure));
    }
    read_prompt(&mut stdin, "standard input")
}

fn read_prompt(source: &mut dyn Read, name: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = source.take(PROMPT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| Failure::input(format!("cannot read {name}: {e}"), "give a readable file"))?;
    if bytes.len() > PROMPT_BYTES_MAX {
        return Err(Failure::input(
            format!("the prompt in {name} has more than {PROMPT_BYTES_MAX} bytes"),
            "put the long part into a file of the repository and name it in the prompt",
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::input(format!("{name} is not UTF-8 text"), "save it as UTF-8"))
}

/// What people decide about tasks.
pub(super) fn decide(here: &Here, command: Command, out: &mut dyn Write) -> Result<(), Failure> {
    let (ask, said) = match command {
        Command::Approve { item, bind, attest } => {
            return approve(here, item, (bind, attest), out);
        }
        Command::Reject { item, reason } => {
            let said = format!("{item} rejected; the reason goes to the agent");
            (Ask::Inbox(InboxAsk::Reject { item, reason }), said)
        }
        Command::Send(args) => return send(here, args, out),
        Command::Revert { id, trust } => return revert(here, id, trust, out),
        Command::Abort { id: Some(id), .. } => {
            (Ask::Task(id.0, TaskAsk::Abort), format!("task {} is being stopped", id.0))
        }
        Command::Abort { yes, .. } => {
            if !yes {
                may_drop_results(&mut here.client()?)?;
            }
            (Ask::Plan(PlanAsk::AbortAll), "all tasks of this repository are being stopped".into())
        }
        Command::Pause { id } => {
            (Ask::Task(id.0, TaskAsk::Pause), format!("task {} is paused", id.0))
        }
        Command::Resume { id: Some(id) } => {
            (Ask::Task(id.0, TaskAsk::GoOn), format!("task {} goes on", id.0))
        }
        Command::Resume { id: None } => {
            (Ask::Plan(PlanAsk::Resume), "the halt or hold is lifted".into())
        }
        Command::Rollback(args) => return rollback(here, args, out),
        _ => return Ok(()),
    };
    here.client()?.ask(ask)?;
    Ok(writeln!(out, "{said}")?)
}

/// The digest an approval signs, where the person typed its beginning. An inbox id stands for one
/// digest for ever, so a beginning says enough. A task's id stands for whatever waits just now:
/// there it is the digest that says what was looked at, and an agent could make two results whose
/// digests begin alike.
fn whole_digest(client: &mut Client, item: &str, typed: String) -> Result<String, Failure> {
    if typed.len() >= DIGEST_LENGTH {
        return Ok(typed);
    }
    let waiting = client.ask(Ask::Show(ShowAsk::Inbox { all: true }))?;
    let mut waiting = waiting.as_array().into_iter().flatten();
    let task = item.parse::<u64>().ok();
    let is_meant = |waits: &&Value| {
        waits["binds"].is_object() && (waits["id"] == item || task == waits["task"].as_u64())
    };
    // The daemon has the words for what does not wait.
    let Some(shown) = waiting.find(is_meant) else { return Ok(typed) };
    if shown["id"] != item {
        let why = format!(
            "task {item} may offer another result by now: a part of a digest says too little"
        );
        let cure = "give the whole digest, or the inbox id; `monban inbox` shows both";
        return Err(Failure::input(why, cure));
    }
    let digest = shown["digest"].as_str().unwrap_or_default();
    if typed.len() < DIGEST_PREFIX_MIN {
        let why = format!("`{typed}` is too short for a digest");
        let cure = format!("give at least its first {DIGEST_PREFIX_MIN} characters");
        return Err(Failure::input(why, cure));
    }
    Ok(if digest.starts_with(&typed) { digest.to_string() } else { typed })
}

/// The statements that a person attests by their numbers: those of exactly what is approved. What
/// is no number is one in full.
fn attested(
    client: &mut Client,
    digest: &str,
    attest: Vec<String>,
) -> Result<Vec<Foreign>, Failure> {
    if attest.is_empty() {
        return Ok(Vec::new());
    }
    let waiting = client.ask(Ask::Show(ShowAsk::Inbox { all: true }))?;
    let mut waiting = waiting.as_array().into_iter().flatten();
    let meant = waiting.find(|waits| waits["digest"] == digest);
    let asked = meant.and_then(|it| Vec::<Foreign>::deserialize(&it["attests"]).ok());
    let asked = asked.unwrap_or_default();
    let one = |given: String| match given.parse::<usize>() {
        // The daemon has the words for what does not wait.
        Err(_) => Ok(Foreign::new(given)),
        Ok(_) if meant.is_none() => Ok(Foreign::new(given)),
        Ok(number) => {
            number.checked_sub(1).and_then(|it| asked.get(it)).cloned().ok_or_else(|| {
                let why = format!("it has no statement {number}: there are {}", asked.len());
                Failure::input(why, "`monban inbox` lists them with their numbers")
            })
        }
    };
    attest.into_iter().map(one).collect()
}

/// Ending every task also drops results that only wait for a word of the person.
fn may_drop_results(client: &mut Client) -> Result<(), Failure> {
    let list = client.ask(Ask::Show(ShowAsk::List { all: false }))?;
    let tasks = list["tasks"].as_array().into_iter().flatten();
    let waiting: Vec<String> = tasks
        .filter(|task| task["state"] == "waiting")
        .map(|task| format!("task {} ({})", task["id"], text(&task["title"])))
        .collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let what = format!("what {} made waits for your approval", waiting.join(", "));
    if is_confirmed(&format!("{what}; it would not land. End all tasks? Type yes:"))? {
        return Ok(());
    }
    let cure = "`monban inbox` shows it; `--yes` ends all tasks without asking";
    Err(Failure::Refused(Rejection::new(Class::NeedsPerson, what, cure)))
}

/// Approves a result and says what came of it; without a digest, says that an alarm was seen.
fn approve(
    here: &Here,
    item: String,
    (typed, attest): (String, Vec<String>),
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut client = here.client()?;
    if typed.is_empty() && !attest.is_empty() {
        let why = "what is attested is attested of a result, by its digest";
        return Err(Failure::input(why, "`monban inbox` shows it: add `--bind DIGEST`"));
    }
    if typed.is_empty() {
        let (digest, attested) = (typed, Vec::new());
        client.ask(Ask::Inbox(InboxAsk::Approve { item: item.clone(), digest, attested }))?;
        return Ok(writeln!(out, "{item} acknowledged")?);
    }
    let digest = whole_digest(&mut client, &item, typed)?;
    let attested = attested(&mut client, &digest, attest)?;
    let done = client.ask(Ask::Inbox(InboxAsk::Approve { item, digest, attested }))?;
    let task = &done["task"];
    match done["landed"].as_str() {
        Some(commit) => writeln!(out, "task {task} landed as {commit}")?,
        None => {
            let base = text(&done["already_in_base"]);
            writeln!(out, "task {task} is done: {base} of the base held all of it already")?;
        }
    }
    Ok(())
}

fn send(here: &Here, args: SendArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let ask = match (args.text, args.submit) {
        (Some(text), true) => TaskAsk::Say { text },
        (Some(text), false) => TaskAsk::Paste { text },
        (None, _) => TaskAsk::Keys { keys: args.keys },
    };
    let said = here.client()?.ask(Ask::Task(args.id.0, ask))?;
    if !said["typed_when"].is_null() {
        writeln!(out, "queued: it is typed when {}", text(&said["typed_when"]))?;
    } else if said["reports_turns"] == false {
        let look = format!("`monban screen {}` shows what comes of it", args.id.0);
        writeln!(out, "typed; the agent reports no turns: {look}")?;
    }
    Ok(())
}

/// Prints the id of the task that takes it back, alone, as `task add` does.
fn revert(
    here: &Here,
    id: IdArg,
    trust: Option<String>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let made = here.client()?.ask(Ask::Task(id.0, TaskAsk::Revert { trust }))?;
    let task = made["id"].as_u64().ok_or_else(|| super::client::not_understood("id"))?;
    Ok(writeln!(out, "{task}")?)
}

fn rollback(here: &Here, args: RollbackArgs, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(op) = args.undo {
        here.client()?.ask(Ask::Inbox(InboxAsk::Undo { op: op.0 }))?;
        return Ok(writeln!(out, "{} is being undone", op.0)?);
    }
    let Some(id) = args.id else {
        return Err(Failure::input("which task?", "give a task id, or `--undo OP`"));
    };
    let number = args.to.map(|name| {
        name.strip_prefix("cp").unwrap_or(&name).parse::<u32>().map_err(|_| {
            Failure::input(format!("`{name}` is not a checkpoint such as cp1"), "see `monban show`")
        })
    });
    let checkpoint = number.transpose()?;
    let ask = Ask::Task(id.0, TaskAsk::RollBack { checkpoint, commit: None });
    let done = here.client()?.ask(ask)?;
    let to = checkpoint.map_or("its base".into(), |number| format!("cp{number}"));
    writeln!(out, "task {} is being rolled back to {to}; what was there is kept aside", id.0)?;
    for event in done["events"].as_array().into_iter().flatten() {
        let about = &event["payload"];
        match event["type"].as_str() {
            // An approval of it would sign what is not there any more.
            Some("task.answered") => {
                writeln!(out, "item{} waited for you about it and is withdrawn", about["item"])?;
            }
            Some("rollback.wanted") => {
                writeln!(out, "to undo it: monban rollback --undo op{}", about["op"])?;
            }
            _ => {}
        }
    }
    Ok(())
}
