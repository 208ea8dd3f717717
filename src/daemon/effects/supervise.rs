//! Following a run: starting or finding its holder, reading its output, answering its terminal's
//! queries, reporting what settled, and its end.

use super::facts::Facts;
use super::flood::{Flood, PAUSE};
use super::login;
use super::output::Reader;
use super::secret;
use super::watch;
use crate::agent::prepare::{self, Prepared};
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::base::ticks::now;
use crate::daemon::agents::{self, Agent};
use crate::daemon::driver::Cancel;
use crate::daemon::live::{Frame, LiveRun};
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::model::attempt::{End, Place};
use crate::model::command::Report;
use crate::model::rejection::Rejection;
use crate::runner::{self, Connection, Found, Notice, RunSpec};
use crate::term::Terminal;
use crate::wire::hold::{ExitRecord, How, Status, Tree};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// After this long without output the screen is read.
const SETTLE: Duration = Duration::from_millis(150);
/// While the status comes from nothing but silence, it is looked at again this often.
const LOOK: Duration = Duration::from_secs(1);
/// With nothing going on, how long one wait for a notice lasts.
const WAIT: Duration = Duration::from_secs(600);
/// How much output of a run is kept: the beginning and the end.
const TRANSCRIPT_BYTES: u64 = 64 << 20;
/// The largest notes of an earlier daemon that are read.
const NOTES_BYTES_MAX: u64 = 64 << 20;
/// How many rows of its screen a run that ended by itself is remembered by.
const LAST_WORDS_ROWS: usize = 3;
/// The stack of the thread that hands a run's reports to the engine.
const TELLER_STACK_BYTES: usize = 256 << 10;
/// Between asking processes to end and killing them.
const STOP_GRACE_MS: u64 = 5_000;

pub(super) fn run(world: &World, id: TaskId, run: RunId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let folder = world.run_folder(run);
    let end = match attach(world, &facts, run, &folder, cancel) {
        Ok(Attachment::Connected(connection, agent)) => {
            follow(world, &facts, run, *connection, &agent, cancel)
        }
        Ok(Attachment::Ended(record, agent)) => {
            ended_alone(world, &facts, run, &record, &agent, cancel);
            Some(end_of(&record))
        }
        Ok(Attachment::Lost(how)) => Some(how),
        // The driver has it tried again.
        Ok(Attachment::GaveUp) => None,
        Err(why) => Some(End {
            code: None,
            signal: None,
            how: Foreign::new(format!("it could not be started: {why}")),
            tree_empty: true,
            known_by: Foreign::new("nothing was started"),
        }),
    };
    if let Some(mut end) = end {
        if let Some(left) = login::take_back(&facts, &folder) {
            end.how = Foreign::new(format!("{}; {left}", end.how.raw()));
        }
        super::used::report(world, id, cancel);
        watch::compare(world, &facts, run, cancel);
        world.report(Report::Ended { run, end }, &|| cancel.is_set());
    }
}

enum Attachment {
    Connected(Box<Connection>, Box<Agent>),
    Ended(ExitRecord, Box<Agent>),
    Lost(End),
    GaveUp,
}

fn attach(
    world: &World,
    facts: &Facts,
    run: RunId,
    folder: &Path,
    cancel: &Cancel,
) -> Result<Attachment, String> {
    let text = |rejection: Rejection| rejection.to_string();
    // What is there is never said to be over because it could not be looked at just now.
    let Ok(found) = runner::find(folder, kept_offset(folder)) else {
        return Ok(Attachment::GaveUp);
    };
    let followed = || agents::of_run(world, &facts.spec.agent).map(Box::new).map_err(text);
    match found {
        Found::Ended(record) => Ok(Attachment::Ended(record, followed()?)),
        Found::Alive(connection) => Ok(Attachment::Connected(Box::new(connection), followed()?)),
        Found::Lost { .. } => Ok(Attachment::Lost(end_lost(world, run, folder))),
        Found::NeverStarted => {
            let agent = agents::named(world, &facts.spec.agent).map_err(text)?;
            let (wanted, _) = planned(world, facts, run, &agent)?;
            if !login::wait(world, run, &wanted, cancel)? {
                return Ok(Attachment::GaveUp);
            }
            // The run before may have refreshed the login: what goes in is what is there now.
            let (prepared, place) = planned(world, facts, run, &agent)?;
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            login::note(&prepared, folder)?;
            prepare::write_files(&prepared, &place.worktree)
                .and_then(|()| prepare::write_login(&prepared, &place.worktree))
                .map_err(|error| error.to_string())?;
            let spec = spec(world, run, prepared, &place);
            watch::before(world, facts, run);
            let connection =
                runner::start(folder, &spec, &world.program).map_err(|e| e.to_string())?;
            Ok(Attachment::Connected(Box::new(connection), Box::new(agent)))
        }
    }
}

/// The plan of this run's start.
fn planned(
    world: &World,
    facts: &Facts,
    run: RunId,
    agent: &Agent,
) -> Result<(Prepared, Place), String> {
    let place = facts.place()?.clone();
    let session = facts.attempt.run.as_ref().and_then(|run| run.session.clone());
    let attempt = agents::attempt(
        world,
        run,
        &place.worktree,
        &facts.path,
        secret::token(world, run)?,
        session,
    );
    let attempt = attempt.map_err(|rejection| rejection.to_string())?;
    let prepared =
        agents::plan(agent, &attempt, &world.host).map_err(|rejection| rejection.to_string())?;
    Ok((prepared, place))
}

fn spec(world: &World, run: RunId, prepared: Prepared, place: &Place) -> RunSpec {
    RunSpec {
        program: prepared.program.display().to_string(),
        args: prepared.args,
        env: prepared.env,
        cwd: place.worktree.clone(),
        size: Size::UNATTENDED,
        transcript_limit: TRANSCRIPT_BYTES,
        marker: world.marker(run),
        socket: world.places.run.join(format!("h{}.sock", run.0)),
        stop_grace_ms: STOP_GRACE_MS,
        time_limit_ms: None,
    }
}

/// Follows the run to its end; `None` when the daemon stops first.
fn follow(
    world: &World,
    facts: &Facts,
    id: RunId,
    connection: Connection,
    agent: &Agent,
    cancel: &Cancel,
) -> Option<End> {
    let folder = world.run_folder(id);
    let (live, offset) = restored(world, facts, id, agent, &folder);
    let run = Arc::new(Attached::new(live, connection.handle().clone()));
    let mut reader = Reader::new(&folder, offset);
    let offset = reader.catch_up(world, &run.live, offset, &|bytes| {
        let _ = run.input(bytes);
    });
    world.runs.add(Arc::clone(&run));
    world.report(Report::Started { run: id }, &|| cancel.is_set());
    let handle = connection.handle().clone();
    cancel.on_set(move |_| handle.hang_up());
    let reports = run.live.reports();
    let pass_on = || {
        for report in reports {
            let is_turn_end = matches!(report, Report::Turned { .. } | Report::Interrupted { .. });
            world.report(report, &|| cancel.is_set());
            if is_turn_end && !cancel.is_set() {
                // What the agent does from here on is another turn, also to a later daemon.
                run.live.turn_end_recorded();
                let _ = keep_frame(world, &run.live);
            }
        }
    };
    std::thread::scope(|threads| {
        let teller = std::thread::Builder::new().stack_size(TELLER_STACK_BYTES);
        let told = teller.spawn_scoped(threads, pass_on);
        let end = told.ok().and_then(|_| to_end(world, &run, connection, (reader, offset), cancel));
        run.live.tell_no_more();
        end
    })
}

/// Follows the run's output and its end.
fn to_end(
    world: &World,
    run: &Arc<Attached>,
    mut connection: Connection,
    (mut reader, mut offset): (Reader<'_>, u64),
    cancel: &Cancel,
) -> Option<End> {
    let mut flood = Flood::default();
    let handle = connection.handle().clone();
    let reply = |bytes| {
        let _ = run.input(bytes);
    };
    let end = loop {
        if cancel.is_set() {
            // Without it a later daemon reads more of the transcript again: slower, not wrong.
            let _ = keep_frame(world, &run.live);
            return None;
        }
        let wait = if flood.is_on() { PAUSE } else { run.live.next_look(SETTLE, LOOK, WAIT) };
        match connection.next_notice(wait) {
            Some(Notice::Output { offset: there, stored })
                if there == stored
                    && !run.live.is_looked_at()
                    && flood.takes(stored, stored.saturating_sub(offset), now()) => {}
            Some(Notice::Output { offset: there, stored }) => {
                flood = Flood::default();
                offset = reader.take(world, &run.live, offset, stored, &reply);
                // While the disk is full the rest is only in the holder's memory.
                let _ = if there > stored { handle.live(offset) } else { handle.ack(offset) };
            }
            Some(Notice::Live { offset: from, bytes }) => {
                offset = reader.live(run, world, offset, from, &bytes);
                let _ = handle.ack(offset);
            }
            Some(Notice::Resized { offset: at, size }) => {
                offset = reader.take(world, &run.live, offset, at, &reply);
                run.live.resized(size);
            }
            Some(Notice::Exited(record)) => {
                reader.take(world, &run.live, offset, record.output_bytes, &reply);
                let (code, signal) = status(&record.status);
                run.live.ended(world.clock.now(), code, signal);
                let _ = handle.seen();
                break with_last_words(end_of(&record), &record, run);
            }
            None => match flood.paused() {
                Some(stored) => {
                    offset = reader.take(world, &run.live, offset, stored, &reply);
                    let _ = handle.ack(offset);
                }
                None => run.live.settled(world.clock.now()),
            },
            Some(Notice::Gone) if cancel.is_set() => continue,
            Some(Notice::Gone) => match hung_up(world, run) {
                Some(end) => break end,
                // Only the connection was lost: the driver has the run adopted again.
                None => {
                    let _ = keep_frame(world, &run.live);
                    run.is_gone();
                    return None;
                }
            },
        }
        run.live.tell(world.clock.now());
    };
    run.live.tell(world.clock.now());
    run.is_gone();
    Some(end)
}

/// The run ended while no daemon followed it: what it said before counts, such as that its turn is
/// over.
fn ended_alone(
    world: &World,
    facts: &Facts,
    id: RunId,
    record: &ExitRecord,
    agent: &Agent,
    cancel: &Cancel,
) {
    let folder = world.run_folder(id);
    let (live, offset) = restored(world, facts, id, agent, &folder);
    let mut reader = Reader::new(&folder, offset);
    reader.take(world, &live, offset, record.output_bytes, &|_| {});
    let (code, signal) = status(&record.status);
    live.ended(world.clock.now(), code, signal);
    live.tell(world.clock.now());
    live.tell_no_more();
    for report in live.reports() {
        world.report(report, &|| cancel.is_set());
    }
}

/// The holder hung up: how the run ended, or that its holder was killed. `None` while the holder
/// lives.
fn hung_up(world: &World, run: &Attached) -> Option<End> {
    let folder = world.run_folder(run.live.id);
    let end = match runner::find(&folder, 0) {
        Ok(Found::Ended(record)) => end_of(&record),
        Ok(Found::Alive(_)) => return None,
        _ => end_lost(world, run.live.id, &folder),
    };
    run.live.ended(world.clock.now(), end.code, end.signal);
    Some(end)
}

/// The run as an earlier daemon left it, or a new one, with the offset from which to read on.
fn restored(
    world: &World,
    facts: &Facts,
    id: RunId,
    agent: &Agent,
    folder: &Path,
) -> (LiveRun, u64) {
    let now = world.clock.now();
    let token = secret::token(world, id).unwrap_or_default();
    if let Some(frame) = kept_frame(folder) {
        let offset = frame.offset;
        let token = token.clone();
        let kept = LiveRun::restored(id, facts.id, token, &agent.kind, frame, now);
        if let Some(live) = kept {
            return (live, offset);
        }
    }
    (LiveRun::new(id, facts.id, token, &agent.kind, Size::UNATTENDED, now), 0)
}

/// Keeps what a later daemon needs to go on from here.
pub(super) fn keep_frame(world: &World, live: &LiveRun) -> std::io::Result<()> {
    let path = world.run_folder(live.id).join("frame.json");
    // A power cut that takes it has ended the run as well.
    live.keep(|frame| durable::write_json_for_now(&path, frame))
}

fn status(status: &Status) -> (Option<i32>, Option<i32>) {
    match status {
        Status::Code(code) => (Some(*code), None),
        Status::Signal(signal) => (None, Some(*signal)),
        Status::NotStarted(_) => (None, None),
    }
}

fn end_of(record: &ExitRecord) -> End {
    let (code, signal) = status(&record.status);
    let how = match &record.status {
        Status::Code(code) => format!("exit status {code}"),
        Status::Signal(signal) => format!("ended by signal {signal}"),
        Status::NotStarted(why) => format!("it could not be started: {why}"),
    };
    let (tree_empty, known_by) = match &record.tree {
        Tree::Empty { known_by } => (true, known_by),
        Tree::Unknown { why } => (false, why),
    };
    End { code, signal, how: Foreign::new(how), tree_empty, known_by: Foreign::new(known_by) }
}

/// The end with what the screen showed last, when nobody asked the program to end: that mostly says
/// why.
fn with_last_words(end: End, record: &ExitRecord, run: &Attached) -> End {
    let rows = run.live.look(Terminal::text_rows);
    let words: Vec<&str> =
        rows.iter().map(|row| row.trim()).filter(|row| !row.is_empty()).collect();
    if record.how != How::Exited || words.is_empty() {
        return end;
    }
    let last = words[words.len().saturating_sub(LAST_WORDS_ROWS)..].join(" / ");
    let how = format!("{}; it last showed: {last}", end.how.raw());
    End { how: Foreign::new(how), ..end }
}

/// A run whose holder is gone without an exit file: what is left of it is ended, as far as it can
/// be found.
fn end_lost(world: &World, run: RunId, folder: &Path) -> End {
    let grace = Duration::from_millis(STOP_GRACE_MS);
    let ended = runner::end_survivors(folder, &world.marker(run), grace);
    let (what, tree_empty) = match ended {
        Ok(ended) => {
            let certain = ended.left.processes.is_empty() && ended.left.unknown.is_empty();
            (said(&ended), certain)
        }
        Err(error) => (format!("survivors could not be looked for: {error}"), false),
    };
    let how = format!("exit status unknown: its holder was lost; {what}");
    let (how, known_by) = (Foreign::new(how), Foreign::new(what));
    End { code: None, signal: None, how, tree_empty, known_by }
}

fn said(ended: &runner::Ended) -> String {
    let mut words = format!("{} processes of it were ended", ended.ended.len());
    if !ended.left.processes.is_empty() {
        words.push_str(&format!(", {} would not end", ended.left.processes.len()));
    }
    for unknown in &ended.left.unknown {
        words.push_str("; ");
        words.push_str(unknown);
    }
    words
}

/// How much of the output an earlier daemon has dealt with.
fn kept_offset(folder: &Path) -> u64 {
    kept_frame(folder).map_or(0, |frame| frame.offset)
}

fn kept_frame(folder: &Path) -> Option<Frame> {
    let notes = durable::read(&folder.join("frame.json"), NOTES_BYTES_MAX).ok()?;
    serde_json::from_slice(&notes).ok()
}
