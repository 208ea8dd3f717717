//! `monban run --wait`: what is told meanwhile, and how it ends.

use super::client::Client;
use super::exit::{Failure, complain};
use super::print::text;
use crate::base::id::TaskId;
use crate::base::ticks;
use crate::model::rejection::{Class, Rejection};
use crate::wire::people::{Answer, Ask, ShowAsk};
use serde_json::Value;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Work is told once it has taken this long, and how far it is at most this often.
const LONG: Duration = Duration::from_secs(1);

/// Waits until each task needs a person or ended.
pub(super) fn wait(
    client: &mut Client,
    tasks: Vec<TaskId>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (teller, told) = channel();
    let ended = std::thread::scope(|scope| {
        scope.spawn(move || tell(&told));
        // Dropped at the end of the wait, which ends the telling.
        let teller = teller;
        client.ask_with(Ask::Show(ShowAsk::Wait { tasks }), &mut |answer| {
            pass_on(answer, &teller);
            Ok(())
        })
    })?;
    let rows: Vec<&Value> = ended.as_array().into_iter().flatten().collect();
    for row in &rows {
        writeln!(out, "task {} is {}", row["id"], text(&row["state"]))?;
        alarms(row, out)?;
    }
    out.flush()?;
    outcome(&rows)
}

/// The alarms of a task, which are told wherever it is looked at.
pub(super) fn alarms(row: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let items = row["inbox"].as_array().into_iter().flatten();
    for item in items.filter(|item| item["kind"] == "alarm") {
        writeln!(out, "  ALARM      {} {}", text(&item["id"]), text(&item["note"]))?;
        for line in super::show::details(item) {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// What is told to somebody who waits.
enum Word {
    /// A task is in another state.
    State(String),
    /// Work goes on: what, and how far.
    Work(String, String),
}

fn pass_on(answer: Answer, teller: &Sender<Word>) {
    let words: Vec<Word> = match answer {
        Answer::Progress { what, done, total } => {
            let far = match (done, total) {
                (_, Some(total)) => format!(": {done} of {total}"),
                (0, None) => String::new(),
                (done, None) => format!(": {done}"),
            };
            vec![Word::Work(what, far)]
        }
        Answer::Row(states) => vec![Word::State(line(&states))],
        _ => Vec::new(),
    };
    // Nobody listens only once the wait is over.
    words.into_iter().for_each(|word| drop(teller.send(word)));
}

fn line(states: &Value) -> String {
    let each = states.as_array().into_iter().flatten().map(|row| {
        let status = match row["status"].is_null() {
            true => String::new(),
            false => format!(" ({})", text(&row["status"])),
        };
        format!("task {} {}{status}", row["id"], text(&row["state"]))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Tells changes at once, and work only once it takes long.
fn tell(words: &Receiver<Word>) {
    let mut told = String::new();
    let mut work: Option<(String, String, Instant)> = None;
    loop {
        let word = match &work {
            None => words.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some((.., due)) => words.recv_timeout(due.saturating_duration_since(ticks::now())),
        };
        match word {
            Ok(Word::State(line)) if line != told => {
                complain(&line);
                (told, work) = (line, None);
            }
            Ok(Word::State(_)) => {}
            Ok(Word::Work(what, far)) => {
                let due =
                    work.as_ref().filter(|(before, ..)| *before == what).map(|(.., due)| *due);
                work = Some((what, far, due.unwrap_or_else(|| ticks::now() + LONG)));
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some((what, far, _)) = work.take() {
                    complain(&format!("  {what}{far}"));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How a wait ends: 1 when a task failed, 4 when a person is needed.
fn outcome(rows: &[&Value]) -> Result<(), Failure> {
    let failed = rows.iter().find(|row| row["state"] == "failed");
    if let Some(row) = failed {
        let why = format!("task {} failed: {}", row["id"], text(&row["failure"]));
        let is_judged = row["verdicts"].as_array().is_some_and(|verdicts| !verdicts.is_empty());
        let evidence = match (is_judged, row["status"].is_object()) {
            (true, _) => "gates",
            (false, true) => "screen",
            // No agent ever ran.
            (false, false) => "show",
        };
        let mut cure = format!("`monban {evidence} {}` shows the evidence", row["id"]);
        if row["repository"]["halted"].is_object() {
            cure.push_str(", `monban resume` lifts the halt");
        }
        return Err(Failure::Refused(Rejection::refused(why, cure)));
    }
    let waiting = rows.iter().find(|row| row["needs_you"] == true);
    if let Some(row) = waiting {
        let why = format!("task {} needs you: {}", row["id"], text(&row["waits_for"]));
        return Err(Failure::Refused(Rejection::new(
            Class::NeedsPerson,
            why,
            "`monban inbox` shows what waits",
        )));
    }
    Ok(())
}
