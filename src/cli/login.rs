//! `monban auth AGENT --login`: the agent's own login program in the person's terminal, and whether
//! a run is logged in after it.
//!
//! The program gets the terminal and the person's environment as they are. Only where the daemon
//! looks for the login file in another folder is that folder named to it.

use super::Here;
use super::auth::{rows, show};
use super::client::RUN_VARIABLE;
use super::exit::Failure;
use super::layout::{hang, width};
use crate::agent::kept;
use crate::agent::kind::{LoginProgram, PrintedToken};
use crate::agent::login::{AuthRow, LoginState, auth_rows, programs};
use crate::agent::prepare::{Host, Os, find_program};
use crate::base::clock::Clock;
use crate::base::foreign::Foreign;
use crate::base::{durable, hash, waiting};
use crate::daemon::Agent;
use crate::model::rejection::Rejection;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often a token may be pasted that does not look like one.
const TRIES: usize = 3;
/// The longest token.
const TOKEN_BYTES_MAX: usize = 4096;
/// After an Enter, how long until what was pasted is whole: a copied token may hold line ends.
const PASTE_PAUSE: Duration = Duration::from_millis(300);
/// The largest login file that is looked at.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How the program ended.
enum End {
    Exited(i32),
    Signal(i32),
    /// The person stopped it (Ctrl-Z): some take nothing else for an end.
    Stopped,
}

/// Logs `agent` in by the way called `way`, or by the first one.
pub(super) fn run(
    here: &Here,
    agent: &Agent,
    way: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let name = &agent.name;
    let again = format!("monban auth {name} --login");
    if std::env::var_os(RUN_VARIABLE).is_some() {
        let why = "a command inside a run logs nobody in";
        return Err(Failure::environment(why, format!("`{again}` in a terminal of yours")));
    }
    let way = choose(agent, way)?;
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let why = format!("logging {name} in needs a terminal: its own program asks you there");
        return Err(Failure::environment(why, format!("run `{again}` in one")));
    }
    let host = Host::here(std::env::vars_os());
    let program = find_program(name, &agent.kind, &agent.config, &host)
        .map_err(|refusal| Failure::environment(refusal.to_string(), format!("then `{again}`")))?;
    let before = row(here, agent, way)?;
    refuse_held(agent, way, &before)?;
    let said = line(&program, way);
    let about = format!(
        "`{said}` logs {name} in by {}. Ctrl-C gives up; where it does not, Ctrl-Z.",
        way.title
    );
    writeln!(out, "{}\n", hang("", &Foreign::new(about).shown(), width()))?;
    out.flush()?;
    let content = content(&before);
    let mut command = Command::new(&program);
    command.args(&way.args);
    name_folder(&mut command, agent, &host, &before);
    let end = in_terminal(&mut command).map_err(|error| {
        let why = format!("cannot run `{said}`: {error}");
        Failure::environment(why, "`monban doctor` says more")
    })?;
    writeln!(out)?;
    let is_given = match (&way.prints, &end) {
        (Some(printed), End::Exited(0)) => take_token(here, agent, printed, out)?,
        _ => matches!(end, End::Exited(0)),
    };
    let rows = rows(here, Some(agent))?;
    show(here, &rows, out)?;
    out.flush()?;
    let after = row(here, agent, way)?;
    if is_given && after.is_used {
        return Ok(writeln!(
            out,
            "\n{name} is logged in for runs, by {}",
            Foreign::new(after.way)
        )?);
    }
    let how = match end {
        End::Exited(0) if !is_given => "no token was given".to_string(),
        End::Exited(status) => format!("`{said}` ended with status {status}"),
        End::Signal(libc::SIGINT) | End::Stopped => format!("`{said}` was given up"),
        End::Signal(signal) => format!("`{said}` was ended by signal {signal}"),
    };
    Err(not_mended(agent, &how, &before, &after, &rows, self::content(&after) != content))
}

fn choose<'a>(agent: &'a Agent, way: Option<&str>) -> Result<&'a LoginProgram, Failure> {
    let name = &agent.name;
    let ways: Vec<&LoginProgram> = programs(&agent.kind, Os::HERE).collect();
    let Some(first) = ways.first() else {
        let why = match agent.kind.logins.is_empty() {
            true => format!("agent `{name}` needs no login"),
            false => format!("no program is known that logs agent `{name}` in"),
        };
        return Err(Failure::input(why, format!("`monban auth {name}` says how it is logged in")));
    };
    let Some(way) = way else { return Ok(first) };
    let found = ways.iter().copied().find(|known| known.name == way);
    found.ok_or_else(|| {
        let known: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
        let why = format!("agent `{name}` has no way to log in called `{way}`");
        Failure::input(why, format!("the ways here are: {}", known.join(", ")))
    })
}

/// A login that is in a run would be another one when it comes back.
fn refuse_held(agent: &Agent, way: &LoginProgram, row: &AuthRow) -> Result<(), Failure> {
    let Some(holder) = row.held_by else { return Ok(()) };
    let (name, task) = (&agent.name, holder.task);
    let why = format!("{} of task {task} has this login of {name} now", holder.run);
    let other = programs(&agent.kind, Os::HERE)
        .find(|other| other.prints.is_some() && other.name != way.name)
        .map(|other| format!("; or `monban auth {name} --login {}`", other.name));
    let cure = format!("wait for its end, or `monban abort {task}`{}", other.unwrap_or_default());
    Err(Failure::Refused(Rejection::refused(why, cure)))
}

/// What the daemon sees of the login that this way makes.
fn row(here: &Here, agent: &Agent, way: &LoginProgram) -> Result<AuthRow, Failure> {
    let makes = |row: &AuthRow| match &way.prints {
        Some(printed) => row.variable.as_ref() == Some(&printed.variable),
        None => row.file.is_some(),
    };
    rows(here, Some(agent))?.into_iter().find(makes).ok_or_else(|| {
        let why = format!("the file of agent `{}` names no login that this makes", agent.kind.name);
        Failure::input(why, format!("mend the way `{}` of that file", way.name))
    })
}

fn line(program: &Path, way: &LoginProgram) -> String {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let words = std::iter::once(name).chain(way.args.iter().cloned());
    words.collect::<Vec<_>>().join(" ")
}

/// The daemon may look in another folder than this person's environment names.
fn name_folder(command: &mut Command, agent: &Agent, host: &Host, seen: &AuthRow) {
    let Agent { name, kind, config } = agent;
    let Some(place) = &seen.file else { return };
    let own = auth_rows(name, kind, config, host, Clock::System.now());
    if !own.iter().any(|row| row.file.as_ref() == Some(place)) {
        command.env(&place.variable, &place.folder);
    }
}

fn content(row: &AuthRow) -> Option<String> {
    let file = row.file.as_ref()?;
    Some(hash::sha256(&durable::read(&file.path, FILE_BYTES_MAX).ok()?))
}

/// Runs the program in this terminal, and leaves the terminal as it was.
fn in_terminal(command: &mut Command) -> io::Result<End> {
    let before = tcgetattr(stdin())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // What the keys send is for the program; from here on it does nothing to this process.
    let keys = {
        let _within = runtime.enter();
        [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP].map(|key| signal(SignalKind::from_raw(key)))
    };
    let _keys: Vec<_> = keys.into_iter().collect::<io::Result<_>>()?;
    let child = command.spawn()?;
    let ended = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .map_or(Err(io::ErrorKind::InvalidData.into()), wait);
    tcsetattr(stdin(), OptionalActions::Drain, &before)?;
    ended
}

fn wait(child: Pid) -> io::Result<End> {
    let next = |options| -> io::Result<Option<WaitStatus>> {
        let found = rustix::io::retry_on_intr(|| waitpid(Some(child), options))?;
        Ok(found.map(|(_, status)| status))
    };
    loop {
        let Some(status) = next(WaitOptions::UNTRACED)? else { continue };
        if let Some(code) = status.exit_status() {
            return Ok(End::Exited(code));
        }
        if let Some(signal) = status.terminating_signal() {
            return Ok(End::Signal(signal));
        }
        // It put the terminal in order before it stopped.
        kill_process(child, Signal::KILL)?;
        next(WaitOptions::empty())?;
        return Ok(End::Stopped);
    }
}

/// Asks for the token that the program printed, and keeps it. False when none was given.
fn take_token(
    here: &Here,
    agent: &Agent,
    printed: &PrintedToken,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    for _ in 0..TRIES {
        write!(out, "Paste the token it printed, then Enter (it is not shown): ")?;
        out.flush()?;
        let token = read_secret().map_err(|error| {
            Failure::environment(format!("cannot read the token: {error}"), "run it again")
        })?;
        writeln!(out)?;
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(false) };
        if !printed.pattern.0.is_match(&token) {
            writeln!(out, "These {} characters are not the token.", token.chars().count())?;
            continue;
        }
        let path = here.places.kept_logins();
        kept::keep(&path, &agent.name, &printed.variable, &token).map_err(|error| {
            let why = format!("cannot keep the token in {}: {error}", path.display());
            Failure::environment(why, "mend that, then run it again")
        })?;
        return Ok(true);
    }
    Ok(false)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silent(Termios);

impl Silent {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What the terminal may still have to say to the program is no part of a token.
        tcsetattr(stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.0);
    }
}

/// What is typed up to an Enter that nothing follows, without any space; `None` if the person gives
/// up.
fn read_secret() -> io::Result<Option<String>> {
    let _silent = Silent::new()?;
    let mut text = Vec::new();
    let mut buffer = [0; 256];
    loop {
        let count = rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut buffer))?;
        let read = &buffer[..count];
        if count == 0 || read.iter().any(|byte| matches!(byte, 0x03 | 0x04 | 0x1a)) {
            return Ok(None);
        }
        for byte in read {
            match byte {
                0x08 | 0x7f => drop(text.pop()),
                byte if byte.is_ascii_whitespace() => {}
                byte => text.push(*byte),
            }
        }
        text.truncate(TOKEN_BYTES_MAX);
        let is_entered = read.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n'));
        if is_entered && !more_follows()? {
            return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
        }
    }
}

fn more_follows() -> io::Result<bool> {
    waiting::is_readable(&stdin(), PASTE_PAUSE)
}

fn not_mended(
    agent: &Agent,
    how: &str,
    before: &AuthRow,
    after: &AuthRow,
    rows: &[AuthRow],
    is_changed: bool,
) -> Failure {
    let name = &agent.name;
    let again = format!("`monban auth {name} --login` begins again");
    if let (LoginState::Present, Some(used)) = (after.state, rows.iter().find(|row| row.is_used))
        && !after.is_used
    {
        let why = format!("{how}, but a run of {name} would use another login: {}", used.way);
        return Failure::Refused(Rejection::refused(why, "remove that one if it is not meant"));
    }
    let what = match (is_changed || before.state != after.state, after.state) {
        (true, _) => "the login is not the one from before",
        (false, LoginState::Missing) => "nothing changed, and there is no login",
        (false, _) => "the login is as it was",
    };
    Failure::Refused(Rejection::refused(format!("{how}: {what}"), again))
}
