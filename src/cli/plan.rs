//! The plan: the gate configuration, starting tasks, one task in full.

use super::Here;
use super::args::{PlanCommand, RunArgs};
use super::client::Client;
use super::exit::{Failure, complain};
use super::layout::{hang, width};
use super::print::{age, can_ask, is_confirmed, json, short, text};
use super::show::rows;
use super::wait::wait;
use crate::base::count::count;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::config;
use crate::git::Repository;
use crate::model::rejection::{Class, Rejection};
use crate::wire::people::{Ask, PlanAsk, ShowAsk};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;

pub(super) fn check(here: &Here, command: PlanCommand, out: &mut dyn Write) -> Result<(), Failure> {
    let PlanCommand::Check { json: as_json } = command;
    let value = here.client()?.ask(Ask::Plan(PlanAsk::Check))?;
    if as_json { json(out, &value) } else { gate(&value, out) }
}

fn gate(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let trusted = if value["trusted"] == true { "trusted" } else { "NOT trusted yet" };
    writeln!(out, "gate {} from {}, {trusted}", short(&value["hash"]), text(&value["source"]))?;
    if value["edited_since"] == true {
        let path = format!("{}/monban.toml", text(&value["path"]));
        let said = format!("{path}; it judges only once it is committed to the base");
        writeln!(out, "{}", hang("  NOT by ", &said, width()))?;
    }
    let names: Vec<String> = value["checks"].as_array().into_iter().flatten().map(text).collect();
    writeln!(out, "  in this order: {}", names.join(", "))?;
    for step in value["runs"].as_array().into_iter().flatten() {
        writeln!(out, "  {:6} {}", text(&step["check"]), text(&step["command"]))?;
    }
    let is_limited = names.iter().any(|name| name == "limits");
    for limit in rows(&value["limits"]).filter(|limit| is_limited || limit["name"] == "seconds") {
        writeln!(out, "{}", hang("  limit  ", &limited(limit), width()))?;
    }
    for allowed in value["allowed_danger"].as_array().into_iter().flatten() {
        let (rule, why) = (text(&allowed["rule"]), text(&allowed["why"]));
        let said = format!("{rule} in {}: {why}", text(&allowed["paths"]));
        writeln!(out, "{}", hang("  allows ", &said, width()))?;
    }
    for statement in value["attests"].as_array().into_iter().flatten() {
        writeln!(out, "{}", hang("  human  ", &text(statement), width()))?;
    }
    if value["trusted"] != true {
        writeln!(out, "accept it: monban run --trust {}", text(&value["hash"]))?;
    }
    Ok(())
}

/// A limit, and who set it.
fn limited(limit: &Value) -> String {
    let set_by = match limit["set_by"].as_str() {
        Some("level") => "the level",
        Some("person") => "config.toml",
        _ => "monban.toml",
    };
    let said = format!("{} {}, set by {set_by}", text(&limit["name"]), limit["value"]);
    match limit["looser_and_ignored"].as_u64() {
        Some(looser) => format!("{said}; monban.toml says {looser}, which is looser and ignored"),
        None => said,
    }
}

pub(super) fn run(here: &Here, args: RunArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let mut client = here.client()?;
    let ids: Vec<TaskId> = args.ids.into_iter().map(|id| id.0).collect();
    // Before anything changes: an id nobody knows is refused here.
    let is_under_way = under_way(&mut client, &ids)?;
    let attend_ms = args.attend.as_deref().map(milliseconds).transpose()?;
    if args.wait && is_under_way {
        if let Some(for_ms) = attend_ms {
            client.ask(Ask::Plan(PlanAsk::Vouch { for_ms }))?;
        }
        return wait(&mut client, ids, out);
    }
    let trust = match args.trust {
        Some(hash) => Some(hash),
        None => ask_for_trust(&mut client)?,
    };
    let tasks = ids;
    let started = client.ask(Ask::Plan(PlanAsk::Run { tasks, trust, attend_ms }))?;
    let tasks: Vec<TaskId> = serde_json::from_value(started["tasks"].clone())
        .map_err(|_| super::client::not_understood("tasks"))?;
    for (at, task) in tasks.iter().enumerate() {
        let behind =
            started["queued_behind"][at].as_str().map(|what| format!("; waits for {what}"));
        let state = text(&started["states"][at]);
        writeln!(out, "task {task} is {state}{}", behind.unwrap_or_default())?;
    }
    out.flush()?;
    if args.wait { wait(&mut client, tasks, out) } else { Ok(()) }
}

pub(super) fn milliseconds(duration: &str) -> Result<u64, Failure> {
    let cure = "give one such as 30m or 2h";
    let span = config::values::duration(duration).map_err(|why| Failure::input(why, cure))?;
    Ok(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Whether all of these tasks are under way: there is nothing to start, and whoever waits for them
/// again, after answering a question say, is there for them.
fn under_way(client: &mut Client, ids: &[TaskId]) -> Result<bool, Failure> {
    const STATES: [&str; 5] = ["queued", "running", "checking", "waiting", "landing"];
    let mut all = !ids.is_empty();
    for id in ids {
        let task = client.ask(Ask::Show(ShowAsk::Task(*id)))?;
        all &= task["state"].as_str().is_some_and(|state| STATES.contains(&state));
    }
    Ok(all)
}

/// On a terminal the person is shown the gate configuration and asked once; elsewhere the daemon's
/// refusal names the flag.
fn ask_for_trust(client: &mut Client) -> Result<Option<String>, Failure> {
    if !can_ask() {
        return Ok(None);
    }
    let value = client.ask(Ask::Plan(PlanAsk::Check))?;
    if value["trusted"] == true {
        return Ok(None);
    }
    let mut shown = Vec::new();
    gate(&value, &mut shown)?;
    complain(&String::from_utf8_lossy(&shown));
    if is_confirmed("These commands would run on this machine. Trust this content? Type yes:")? {
        return Ok(value["hash"].as_str().map(ToString::to_string));
    }
    let why = "the gate configuration is not trusted";
    Err(Failure::Refused(Rejection::new(Class::NeedsPerson, why, "read it and run again")))
}

pub(super) fn init(here: &Here, out: &mut dyn Write) -> Result<(), Failure> {
    let repository = Repository::open(&here.at)
        .map_err(|error| Failure::input(error.to_string(), "nothing was changed"))?;
    let top = repository.toplevel();
    let mut detected = config::detect(&|name| beginning(&top.join(name)));
    let base = repository.default_base().map_err(|error| {
        Failure::input(error.to_string(), "switch to the branch that work is to land on")
    })?;
    detected.base = base.strip_prefix("refs/heads/").map(ToString::to_string);
    let text = config::render_initial(&detected);
    let path = top.join(config::repository::FILE_NAME);
    // Before anything is written: a command that may not ask changes nothing either.
    let mut client = here.client()?;
    write_new(&path, &text)?;
    writeln!(out, "wrote {}", Foreign::new(path.display().to_string()))?;
    writeln!(out, "{}", Foreign::new(&text).shown_lines().trim_end())?;
    if detected.test.is_none() {
        writeln!(out, "\nNo test command was recognised: set [verify] test before the first run.")?;
        return Ok(());
    }
    writeln!(out, "\nRead it, then: git add monban.toml && git commit -m \"monban\"")?;
    let value = client.ask(Ask::Plan(PlanAsk::Check))?;
    if value["text"] != text.as_str() {
        // The person has not read that one here.
        let said = "Until then the monban.toml of the base commit judges: `monban plan check`";
        return Ok(writeln!(out, "{said}")?);
    }
    if let Some(hash) = value["hash"].as_str() {
        client.ask(Ask::Plan(PlanAsk::Trust { hash: hash.into() }))?;
        writeln!(out, "its commands are trusted as they stand ({})", short(&value["hash"]))?;
    }
    Ok(())
}

/// The beginning of a plain file, as text: that a lock file is there says enough, and some are
/// large or no text at all.
fn beginning(path: &Path) -> Option<String> {
    let file = durable::open_plain(path).ok()?;
    let mut bytes = Vec::new();
    file.take(config::FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a file that must not be there yet; one that cannot be written whole is not left behind.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::File::create_new(path).and_then(|mut file| {
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.inspect_err(|_| drop(std::fs::remove_file(path)))
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let why = format!("{} is there already and is never overwritten", path.display());
            Failure::input(why, "edit it, or move it away first")
        }
        _ => {
            Failure::environment(format!("cannot write {}: {error}", path.display()), "free space?")
        }
    })
}

/// One task in full.
pub(super) fn task(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let lead = format!("task {}  ", value["id"]);
    writeln!(out, "{}", hang(&lead, &text(&value["title"]), width()))?;
    writeln!(out, "  state      {}", text(&value["state"]))?;
    if !value["failure"].is_null() {
        writeln!(out, "{}", hang("  failure    ", &text(&value["failure"]), width()))?;
    }
    let status = &value["status"];
    if status.is_object() {
        let since = age(status["age_s"].as_u64().unwrap_or(0));
        writeln!(
            out,
            "  agent      {} · {} {} · from {} · {since}",
            text(&value["agent"]),
            text(&status["state"]),
            text(&status["detail"]),
            text(&status["source"])
        )?;
    } else {
        writeln!(out, "  agent      {}", text(&value["agent"]))?;
    }
    writeln!(out, "  kind       {}", text(&value["kind"]))?;
    super::wait::alarms(value, out)?;
    writeln!(out, "  isolation  {} · proxy: {}", text(&value["isolation"]), text(&value["proxy"]))?;
    for name in ["worktree", "branch", "base", "head", "landed"] {
        if !value[name].is_null() {
            writeln!(out, "  {name:10} {}", text(&value[name]))?;
        }
    }
    for item in rows(&value["inbox"]).filter(|item| !item["base_moved_to"].is_null()) {
        writeln!(out, "{}", hang("  moved      ", &super::show::moved(item), width()))?;
    }
    if !value["already_in_base"].is_null() {
        let base = text(&value["already_in_base"]);
        writeln!(out, "  landed     nothing: {base} of the base held all of it already")?;
    }
    if !value["queued_behind"].is_null() {
        writeln!(out, "  waits for  {}", text(&value["queued_behind"]))?;
    }
    let attempts: Vec<&Value> = value["attempts"].as_array().into_iter().flatten().collect();
    if let Some(last) = attempts.last() {
        attempt(last, out)?;
    }
    let prompt = Foreign::new(value["prompt"].as_str().unwrap_or_default()).shown_lines();
    writeln!(out, "  prompt")?;
    for line in prompt.lines() {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

/// What the agent says that it used.
fn used(usage: &Value) -> String {
    let (input, output) = (&usage["input_tokens"], &usage["output_tokens"]);
    let tokens =
        format!("{input} tokens in, {} from the cache, {output} out", usage["cached_tokens"]);
    match usage["cost_micro_usd"].as_u64() {
        Some(cost) => format!("{tokens}, ${}.{:02}", cost / 1_000_000, cost % 1_000_000 / 10_000),
        // Some agents say it only at their end, some never: that is not nothing.
        None => format!("{tokens}, cost not reported"),
    }
}

/// What a checkpoint is there for.
fn words(before: &Value) -> String {
    rows(before).map(text).collect::<Vec<_>>().join(", ")
}

fn attempt(attempt: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "  attempt    {} (run {})", attempt["number"], text(&attempt["run"]))?;
    let ended = &attempt["ended"];
    if ended.is_object() {
        let left = if ended["tree_empty"] == true { "none is left" } else { "unknown" };
        let said = format!("{left}: {}", text(&ended["known_by"]));
        writeln!(out, "{}", hang("  processes  ", &said, width()))?;
    }
    if !attempt["session"].is_null() {
        writeln!(out, "  session    {}", text(&attempt["session"]))?;
    }
    if attempt["usage"].is_object() {
        writeln!(out, "  used       {}", used(&attempt["usage"]))?;
    }
    for prompt in attempt["prompts"].as_array().into_iter().flatten() {
        let said = match prompt["delivery"].as_str() {
            Some("wanted") => "waits to be typed",
            Some("missed") => "never reached the agent, which had ended",
            _ => continue,
        };
        let (number, bytes) = (&prompt["number"], &prompt["bytes"]);
        writeln!(out, "  prompt {number} {said} ({bytes} bytes)")?;
    }
    let before = words(&attempt["base_before"]);
    if !before.is_empty() {
        writeln!(out, "  {:10} {}  {before}", "base", short(&attempt["place"]["base"]))?;
    }
    for checkpoint in attempt["checkpoints"].as_array().into_iter().flatten() {
        let snapshot = &checkpoint["snapshot"];
        writeln!(
            out,
            "  {:10} {}  {} +{} -{}  {}",
            text(&checkpoint["name"]),
            short(&snapshot["commit"]),
            count(snapshot["files"].as_u64().unwrap_or(0), "file"),
            snapshot["added"],
            snapshot["deleted"],
            words(&checkpoint["before"])
        )?;
        for leftover in snapshot["leftovers"].as_array().into_iter().flatten() {
            writeln!(out, "             not in it: {}", text(leftover))?;
        }
    }
    let gate = attempt["gates"].as_array().and_then(|gates| gates.last());
    let verdicts = gate.and_then(|gate| gate["verdicts"].as_array());
    for verdict in verdicts.into_iter().flatten().filter(|it| it["attestation"].is_object()) {
        let said = format!("{}: {}", text(&verdict["check"]), text(&verdict["reason"]));
        writeln!(out, "{}", hang("  gate       ", &said, width()))?;
        super::gates::statements(&verdict["attestation"], out)?;
    }
    for rollback in attempt["rollbacks"].as_array().into_iter().flatten() {
        let undo = if rollback["can_undo"] == true { " (can be undone)" } else { "" };
        writeln!(out, "  rollback   {}{undo}", text(&rollback["op"]))?;
    }
    let place = &attempt["place"];
    if !place["agent_version"].is_null() {
        writeln!(out, "  version    {}", text(&place["agent_version"]))?;
    }
    for file in place["instructions"].as_array().into_iter().flatten() {
        writeln!(out, "  reads      {}", text(file))?;
    }
    let environment = &place["environment"];
    if environment.is_object() {
        let (kept, dropped) = (&environment["kept"], &environment["dropped"]);
        writeln!(out, "  environment: {kept} variables kept, {dropped} dropped")?;
        for entry in environment["entries"].as_array().into_iter().flatten() {
            let (name, shown) = (text(&entry["name"]), text(&entry["shown"]));
            writeln!(out, "    {name}={shown}  ({})", text(&entry["why"]))?;
        }
    }
    Ok(())
}
