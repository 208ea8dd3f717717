//! `monban` and `monban attach`: the dashboard on the daemon of this machine or of another one.

use super::Here;
use super::args::AttachArgs;
use super::client::Client;
use super::exit::Failure;
use super::line::{self, Far, Prompts};
use super::looks;
use crate::base::clock::Clock;
use crate::base::durable;
use crate::base::hash;
use crate::base::id::TaskId;
use crate::base::size::Size;
use crate::base::zone;
use crate::tui::app::{App, Begin, Mark, Setup};
use crate::tui::line::{Connect, Line};
use crate::tui::looks::Source;
use crate::tui::run::{self, Options, RunError};
use crate::tui::wake;
use crate::watch;
use crate::wire::people::{Ask, Request, ShowAsk};
use std::io::IsTerminal;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The size of the file with this installation's mark.
const MARK_BYTES_MAX: u64 = 256;
/// How often a client on another machine says that it is there: the other end of a line that died
/// in silence does not notice for hours.
const SIGNS_EVERY: Duration = Duration::from_secs(30);
/// Of these the mark's words are taken, by chance.
const WORDS: [&str; 32] = [
    "amber", "basil", "cedar", "coral", "crane", "delta", "ember", "fable", "gecko", "heron",
    "hazel", "indigo", "ivory", "jade", "koala", "lotus", "maple", "north", "ochre", "olive",
    "opal", "otter", "pearl", "plum", "quail", "raven", "river", "sable", "teal", "tulip", "umber",
    "wren",
];
/// Colours that are readable on light and dark.
const COLOURS: [u8; 5] = [2, 3, 4, 5, 6];

/// A dashboard that is to be opened.
pub(super) struct Desk {
    /// A connection on which both have said hello.
    pub first: UnixStream,
    /// Makes others.
    pub connect: Connect,
    /// The folder the person stands in, on the machine of the daemon.
    pub at: PathBuf,
    /// Only to watch.
    pub watch: bool,
    /// All repositories.
    pub all: bool,
    /// The task to begin with.
    pub task: Option<TaskId>,
    /// What it says first.
    pub says: Option<String>,
    /// How often the daemon is told that the person is still there.
    pub signs: Option<Duration>,
}

/// Opens the dashboard that was asked for and stays until the person leaves it.
pub fn run(args: &AttachArgs, folder: Option<&Path>) -> Result<(), Failure> {
    // With a host, the folder is one of the other machine.
    let here = &super::here(folder.filter(|_| args.host.is_none()))?;
    let far_folder = folder.filter(|_| args.host.is_some()).map(|path| path.display().to_string());
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::environment(
            "the dashboard needs a terminal",
            "run it in one, or use the commands that print: `monban ls`, `monban inbox`",
        ));
    }
    let all = args.all || (args.host.is_some() && far_folder.is_none());
    let (mut client, connect, at) = match &args.host {
        None => (Client::connect(&here.places, &here.at)?, near(here), here.at.clone()),
        Some(host) => {
            let far = Far { host: host.clone(), at: far_folder };
            let at = PathBuf::from(far.at.as_deref().unwrap_or("/"));
            let client = Client::over(line::connect(&far, Prompts::May)?, &at)?;
            (client, over_ssh(far), at)
        }
    };
    let task = args.id.map(|id| id.0);
    if let Some(task) = task {
        // One that is not there is refused before the screen changes.
        client.ask(Ask::Show(ShowAsk::Task(task)))?;
    }
    let first = client.into_stream();
    // Who only watches is not counted as there.
    let signs = (args.host.is_some() && !args.watch).then_some(SIGNS_EVERY);
    let desk = Desk { first, connect, at, watch: args.watch, all, task, says: None, signs };
    open(&here.places.config_file, &here.places.state, desk)
}

/// Opens a dashboard as the person wants it by their configuration, with the mark that is kept in
/// `state`, and stays until they leave it.
pub(super) fn open(config: &Path, state: &Path, desk: Desk) -> Result<(), Failure> {
    let cure = "mend it and run the command again";
    let read = looks::read(config).map_err(|why| Failure::input(why, cure))?;
    let failed = |error: std::io::Error| Failure::environment(error.to_string(), "run it again");
    let (waker, changed) = wake::pair().map_err(failed)?;
    let files = [config.to_path_buf(), looks::own_keys(config)];
    // Where nothing can be watched, they stay as they were when the dashboard opened.
    let _watch = watch::files(&files, move || waker.wake()).ok();
    let (mark, is_new) = mark(state)?;
    let first = is_new.then(|| first_words(&mark, read.keymap.leader()));
    let setup = Setup {
        looks: read,
        mark,
        no_colour: looks::no_colour(),
        zone: zone::here(),
        started: Clock::System.now(),
        watch: desk.watch,
        all: desk.all,
        size: Size { cols: 80, rows: 24 },
        at: desk.at.clone(),
    };
    let (locale, is_utf8) = looks::locale();
    let attach = Ask::Attach { watch: desk.watch, all: desk.all, size: None };
    let config = config.to_path_buf();
    let options = Options {
        ascii: !is_utf8,
        is_far: std::env::var_os("SSH_CONNECTION").is_some(),
        mouse: true,
        looks: Source { changed, read: Box::new(move || looks::read(&config)) },
    };
    let in_ascii = (!is_utf8).then(|| in_ascii(&locale));
    let says: Vec<String> = desk.says.into_iter().chain(in_ascii).chain(first).collect();
    let says = (!says.is_empty()).then(|| says.join(" "));
    let app = App::new(setup, Begin { task: desk.task, says });
    let attach = Request { at: desk.at, ask: attach };
    let line = Line::new(desk.first, desk.connect, attach, desk.signs);
    run::run(app, options, line).map_err(|error| match error {
        RunError::Refused(rejection) => Failure::Refused(rejection),
        error @ RunError::Outer(_) => {
            Failure::environment(error.to_string(), "run it in a terminal")
        }
        error @ RunError::Broken => {
            let cure = "`monban attach` opens it again; please report what it said";
            Failure::environment(error.to_string(), cure)
        }
    })
}

fn in_ascii(locale: &str) -> String {
    let locale = if locale.is_empty() {
        "no locale is set".into()
    } else {
        format!("the locale {locale} is not UTF-8")
    };
    format!("{locale}: other characters than ASCII are shown as ?; LANG=C.UTF-8 shows them")
}

/// What a person is told when they see a dashboard of this installation for the first time.
fn first_words(mark: &Mark, leader: &str) -> String {
    let words = &mark.words;
    format!("[{words}] marks monban's own dialogs; {leader} leaves an agent you type to")
}

/// Connects again to the daemon of this machine. One that was stopped stays so; one that died,
/// whose socket is still there, is started again.
pub(super) fn near(here: &Here) -> Connect {
    let (places, at) = (here.places.clone(), here.at.clone());
    Arc::new(move || match Client::connect_running(&places, &at) {
        Ok(Some(client)) => Ok(client.into_stream()),
        Ok(None) if places.socket().exists() => {
            let started = Client::connect(&places, &at).map(Client::into_stream);
            started.map_err(|failure| failure.to_string())
        }
        Ok(None) => Err("no daemon runs; `monban daemon start` in another terminal".into()),
        Err(failure) => Err(failure.to_string()),
    })
}

fn over_ssh(far: Far) -> Connect {
    Arc::new(move || {
        let at = Path::new(far.at.as_deref().unwrap_or("/"));
        let stream = line::connect(&far, Prompts::Never);
        let connected = stream.and_then(|stream| Client::over(stream, at));
        connected.map(Client::into_stream).map_err(|failure| failure.to_string())
    })
}

/// What dialogs of this installation carry, made once: an agent that draws a dialog does not know
/// it, unless it reads the person's files. And whether it was made just now.
fn mark(state: &Path) -> Result<(Mark, bool), Failure> {
    let file = state.join("mark");
    let failed = |error: std::io::Error| {
        let what = format!("cannot keep this installation's mark in {}: {error}", file.display());
        Failure::environment(what, "`monban doctor` says more")
    };
    let (seed, is_new) = match durable::read(&file, MARK_BYTES_MAX) {
        Ok(seed) => (seed, false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut random = [0; 16];
            let read = std::fs::File::open("/dev/urandom")
                .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut random));
            read.map_err(failed)?;
            let seed = hash::hex(&random).into_bytes();
            std::fs::create_dir_all(state).map_err(failed)?;
            durable::write(&file, &seed).map_err(failed)?;
            (seed, true)
        }
        Err(error) => return Err(failed(error)),
    };
    // The digest of the seed is as good as dice.
    let digest = hash::sha256(&seed);
    let mut dice = digest.as_bytes().chunks(8).map(|digits| {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        usize::from_str_radix(digits, 16).unwrap_or_default()
    });
    let mut throw = |of: usize| dice.next().unwrap_or_default() % of;
    let (first, step) = (throw(WORDS.len()), 1 + throw(WORDS.len() - 1));
    let words = format!("{} {}", WORDS[first], WORDS[(first + step) % WORDS.len()]);
    Ok((Mark { words, colour: COLOURS[throw(COLOURS.len())] }, is_new))
}
