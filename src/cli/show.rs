//! Looks at tasks, the inbox, verdicts, screens and the event log.

use super::Here;
use super::args::Command;
use super::client::LOG_CURE;
use super::exit::{Failure, complain};
use super::gates;
use super::layout::{cut, hang, width};
use super::print::{Last, age, json, json_line, lead_columns, short, table, text};
use super::task::DIGEST_PREFIX_MIN;
use crate::base::foreign::Foreign;
use crate::config::person;
use crate::wire::people::{Answer, Ask, ShowAsk, TaskAsk};
use serde_json::Value;
use std::io::Write;

pub(super) fn run(here: &Here, command: Command, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Command::Ls { all, json: as_json } => {
            let value = ask(here, ShowAsk::List { all })?;
            if as_json { json(out, &value["tasks"]) } else { list(&value, all, out) }?;
            say_what_stops(here);
            Ok(())
        }
        Command::Show { id, json: as_json } => {
            let value = ask(here, ShowAsk::Task(id.0))?;
            if as_json { json(out, &value) } else { super::plan::task(&value, out) }
        }
        Command::Inbox { all, json: as_json } => {
            let mut client = here.client()?;
            let value = client.ask(Ask::Show(ShowAsk::Inbox { all }))?;
            if as_json {
                return json(out, &value);
            }
            let list = client.ask(Ask::Show(ShowAsk::List { all }))?;
            inbox(&value, &list, all, out)
        }
        Command::Diff { id } => {
            let value = ask(here, ShowAsk::Diff(id.0))?;
            patch(value["patch"].as_str().unwrap_or_default(), out)
        }
        Command::Gates { id, rerun: true, .. } => {
            here.client()?.ask(Ask::Task(id.0, TaskAsk::Judge))?;
            Ok(writeln!(out, "task {} is being judged", id.0)?)
        }
        Command::Gates { id, json: as_json, sarif, .. } => {
            let value = ask(here, ShowAsk::Gates(id.0))?;
            match sarif {
                Some(file) => gates::sarif(&value, &here.at.join(file), out),
                None if as_json => json(out, &value),
                None => gates::print(&value, out),
            }
        }
        Command::Screen { id, ansi } => {
            let value = ask(here, ShowAsk::Screen { task: id.0, ansi })?;
            writeln!(out, "{}", value["screen"].as_str().unwrap_or_default())?;
            let side = |name: &str| value[name].as_u64().unwrap_or(0);
            say_wider(side("columns"), side("rows"), out)
        }
        Command::Events { from, follow } => events(here, from, follow, out),
        _ => Ok(()),
    }
}

/// Says beside a listing what keeps all of it from starting: a daemon that runs goes on with the
/// configuration it read.
fn say_what_stops(here: &Here) {
    if let Err(wrong) = person::load(&here.places.config_file) {
        complain(&format!("monban: {wrong}; mend the file: until then no task starts"));
    }
}

/// A patch as it is: a tab stays a tab and a carriage return is seen, because what is approved may
/// differ in nothing else.
fn patch(text: &str, out: &mut dyn Write) -> Result<(), Failure> {
    for line in text.trim_end_matches('\n').split('\n') {
        let (line, end) = line.strip_suffix('\r').map_or((line, ""), |line| (line, "\\r"));
        let fields: Vec<String> =
            line.split('\t').map(|field| Foreign::new(field).shown()).collect();
        writeln!(out, "{}{end}", fields.join("\t"))?;
    }
    Ok(())
}

/// Says how large the agent's terminal is when the person's is narrower: its rows wrap here.
pub(super) fn say_wider(columns: u64, rows: u64, out: &mut dyn Write) -> Result<(), Failure> {
    if width().is_some_and(|width| (width as u64) < columns) {
        out.flush()?;
        complain(&format!("the agent's terminal is wider than yours: {columns}x{rows}"));
    }
    Ok(())
}

fn ask(here: &Here, ask: ShowAsk) -> Result<Value, Failure> {
    here.client()?.ask(Ask::Show(ask))
}

pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Where the failure of a task begins, below its row.
const BELOW: &str = "      ";
/// Below so many columns for the title, the kind of work makes room for it,
const TITLE_BEFORE_KIND: usize = 24;
/// and below so many also how an agent's status is known.
const TITLE_BEFORE_SOURCE: usize = 12;

/// The cells of a list, in more or less detail.
struct Detail {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Detail {
    fn of(tasks: &[&Value], repository: bool, kind: bool, source: bool) -> Self {
        let columns: [(&str, bool, Cell); 7] = [
            ("  ID", true, |row, _, _| {
                let needs = if row["needs_you"] == true { "! " } else { "  " };
                format!("{needs}{}", row["id"])
            }),
            ("REPOSITORY", repository, |row, _, _| folder(row)),
            ("STATE", true, |row, _, _| text(&row["state"])),
            ("AGENT", true, |row, _, _| text(&row["agent"])),
            ("STATUS", true, status),
            ("KIND", kind, |row, _, _| text(&row["kind"])),
            ("TITLE", true, |row, _, _| text(&row["title"])),
        ];
        let shown = || columns.iter().filter(|(_, is_shown, _)| *is_shown);
        let cells = |row: &&Value| shown().map(|(.., cell)| cell(row, tasks, source)).collect();
        let heads = shown().map(|(head, ..)| *head).collect();
        Self { heads, rows: tasks.iter().map(cells).collect() }
    }

    fn title_columns(&self) -> usize {
        let width = width().unwrap_or(usize::MAX);
        width.saturating_sub(lead_columns(&self.heads, &self.rows))
    }
}

/// A cell of a task's row, among these tasks, with or without its agent's source.
type Cell = fn(&Value, &[&Value], bool) -> String;

fn list(value: &Value, all: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let level = text(&value["title"]);
    let tasks: Vec<&Value> = rows(&value["tasks"]).collect();
    for repository in rows(&value["repositories"]) {
        let is_known = !all || tasks.iter().any(|task| is_of(task, repository));
        let standing: Vec<String> = standing(repository, all).into_iter().flatten().collect();
        if is_known || !standing.is_empty() {
            let (path, base) = (text(&repository["path"]), text(&repository["base"]));
            let head = format!("{level} · {path} · base {base} · {}", attended(repository));
            writeln!(out, "{}", hang("", &head, width()))?;
        }
        for line in standing {
            writeln!(out, "{}", hang("", &line, width()))?;
        }
    }
    let mut detail = Detail::of(&tasks, all, true, true);
    if detail.title_columns() < TITLE_BEFORE_KIND {
        detail = Detail::of(&tasks, all, false, true);
    }
    if detail.title_columns() < TITLE_BEFORE_SOURCE {
        detail = Detail::of(&tasks, all, false, false);
    }
    let mut lines = table(&detail.heads, &detail.rows, Last::Cut, width()).into_iter();
    writeln!(out, "{}", lines.next().unwrap_or_default())?;
    for (line, row) in lines.zip(&tasks) {
        writeln!(out, "{line}")?;
        if !row["failure"].is_null() {
            writeln!(out, "{}", hang(BELOW, &text(&row["failure"]), width()))?;
        }
    }
    Ok(())
}

fn is_of(task: &Value, repository: &Value) -> bool {
    task["repository"]["path"] == repository["path"]
}

/// The name of the folder that a task's repository is in.
fn folder(row: &Value) -> String {
    let path = text(&row["repository"]["path"]);
    path.rsplit('/').next().unwrap_or(&path).to_string()
}

/// Who is there, or vouches for being there.
fn attended(repository: &Value) -> String {
    let (people, vouched) = (text(&repository["attended_by"]), &repository["vouched"]);
    let vouched = vouched
        .is_object()
        .then(|| format!("{} vouches until {}", text(&vouched["by"]), text(&vouched["until"])));
    match (people.is_empty(), vouched) {
        (true, None) => "nobody there".into(),
        (true, Some(vouched)) => vouched,
        (false, None) => format!("ATTENDED by {people}"),
        (false, Some(vouched)) => format!("ATTENDED by {people}, {vouched}"),
    }
}

/// Why nothing starts in a repository, and how it goes on: a halt, and a hold.
fn standing(repository: &Value, all: bool) -> [Option<String>; 2] {
    let (of, there) = match all {
        true => (format!(" {}", text(&repository["path"])), " there"),
        false => (String::new(), ""),
    };
    let resume = format!("`monban resume`{there} goes on");
    let halt = repository["halted"].is_object().then(|| {
        let task = &repository["halted"]["task"];
        format!("HALTED{of} since task {task} failed; `monban show {task}` says why, {resume}")
    });
    let hold = (!repository["held"].is_null()).then(|| {
        let held = text(&repository["held"]);
        format!("HELD{of}: {held} and nobody was there; {resume}")
    });
    [halt, hold]
}

/// What a task's agent does; of a task that waits its turn, what it comes after.
fn status(row: &Value, tasks: &[&Value], source: bool) -> String {
    let status = &row["status"];
    if let Some(state) = status["state"].as_str() {
        let kind = status["kind"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
        let paused = if status["paused"] == true { " (paused)" } else { "" };
        let since = age(status["age_s"].as_u64().unwrap_or(0));
        let source = match source {
            true => format!(" · {}", text(&status["source"])),
            false => String::new(),
        };
        return format!("{state}{kind}{paused}{source} · {since}");
    }
    let is_done = |id: &&Value| tasks.iter().any(|t| t["id"] == **id && t["state"] == "done");
    let before: Vec<String> =
        rows(&row["after"]).filter(|id| !is_done(id)).map(ToString::to_string).collect();
    match (row["state"].as_str(), row["queued_behind"].as_str()) {
        (Some("draft" | "queued"), _) if !before.is_empty() => {
            format!("after {}", before.join(" "))
        }
        (_, Some(behind)) => format!("waits for {behind}"),
        _ => "-".into(),
    }
}

fn inbox(value: &Value, list: &Value, all: bool, out: &mut dyn Write) -> Result<(), Failure> {
    // A halt is a row of its own.
    let held = rows(&list["repositories"]).filter_map(|repository| {
        let [_, hold] = standing(repository, all);
        hold
    });
    for line in held {
        writeln!(out, "{}", hang("", &line, width()))?;
    }
    if rows(value).next().is_none() {
        return Ok(writeln!(out, "nothing waits for you")?);
    }
    for item in rows(value) {
        if item["kind"] == "log-damage" {
            let head = format!("{}  {}", text(&item["kind"]), text(&item["note"]));
            writeln!(out, "{}", hang("", &head, width()))?;
            writeln!(out, "{}", hang("    ", LOG_CURE, width()))?;
            continue;
        }
        let (id, task) = (text(&item["id"]), &item["task"]);
        let row = rows(&list["tasks"]).find(|row| row["id"] == *task);
        let title = row.map(|row| text(&row["title"])).unwrap_or_default();
        let (kind, failed) = match item["kind"].as_str() {
            Some("halt") => ("HALTED".into(), " failed"),
            _ => (text(&item["kind"]), ""),
        };
        let head = format!("{id}  {kind}  task {task}{failed}  {title}");
        writeln!(out, "{}", width().map_or_else(|| head.clone(), |width| cut(&head, width)))?;
        let mut below = vec![text(&item["note"])];
        below.extend(details(item));
        below.extend(gates::told(item));
        below.extend(row.and_then(|row| way_on(item, row)));
        let binds = &item["binds"];
        if binds.is_object() {
            let digest = text(&item["digest"]);
            below.push(format!(
                "{} at {}  head {}  tree {}  {}",
                text(&binds["branch"]),
                short(&binds["base"]),
                short(&binds["head"]),
                short(&binds["tree"]),
                judged_by(&binds["gate_runs"])
            ));
            if !item["base_moved_to"].is_null() {
                below.push(moved(item));
            }
            below.push(format!("digest {digest}"));
            below.push(format!("monban diff {task}"));
            let typed: String = digest.chars().take(DIGEST_PREFIX_MIN).collect();
            let asked: Vec<String> = rows(&item["attests"]).map(text).collect();
            let numbered =
                (1..).zip(&asked).map(|(n, statement)| format!("attest {n}: {statement}"));
            below.extend(numbered);
            if !asked.is_empty() {
                below.push("each that is so is named with the approval: --attest N".into());
            }
            let attests = (1..=asked.len()).map(|n| format!(" --attest {n}")).collect::<String>();
            below.push(format!("monban approve {id} --bind {typed}{attests}"));
        }
        for line in below.iter().filter(|line| !line.is_empty()) {
            writeln!(out, "{}", hang("    ", line, width()))?;
        }
    }
    Ok(())
}

/// What a person can do about an agent that made nothing, by whether it is there: then its task
/// runs, however the agent says that it fares.
fn way_on(item: &Value, row: &Value) -> Option<String> {
    let task = &item["task"];
    let way = match row["state"] == "waiting" {
        true => format!("monban task retry {task}"),
        false => format!("monban send {task} TEXT --submit"),
    };
    (item["kind"] == "nothing-changed").then_some(way)
}

/// What an approval does of a result whose base moved since it was judged.
pub(super) fn moved(item: &Value) -> String {
    let base = short(&item["base_moved_to"]);
    format!("the base moved to {base}: approving judges it again on the merged tree first")
}

/// The gate runs that an approval signs, by their names.
fn judged_by(runs: &Value) -> String {
    let runs: Vec<String> = rows(runs).map(|run| format!("run{run}")).collect();
    format!("judged by the gate in {}", runs.join(", "))
}

/// What an item names one by one; an alarm with how to say that it was seen.
pub(super) fn details(item: &Value) -> Vec<String> {
    let mut lines: Vec<String> = rows(&item["details"]).map(text).collect();
    if item["kind"] == "alarm" {
        lines.push(format!("seen it: monban approve {}", text(&item["id"])));
    }
    lines
}

fn events(here: &Here, from: u64, follow: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let ask = Ask::Show(ShowAsk::Events { from, follow });
    let mut row = |answer: Answer| match answer {
        Answer::Row(record) => {
            json_line(out, &record)?;
            out.flush()
        }
        _ => Ok(()),
    };
    match here.client()?.ask_with(ask, &mut row) {
        Ok(_) => Ok(()),
        Err(failure) => Err(failure),
    }
}
