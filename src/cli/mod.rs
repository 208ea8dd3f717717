//! The command line: a client of the daemon that asks for one thing and says what came of it.

mod args;
mod attach;
mod auth;
mod client;
mod demo;
mod doctor;
mod examples;
mod exit;
mod files;
mod gates;
mod gc;
mod hook;
mod inside;
mod layout;
mod line;
mod login;
mod looks;
mod plan;
mod play;
mod print;
mod proxy;
mod pump;
mod selftest;
mod service;
mod show;
mod task;
mod upgrade;
mod wait;

use crate::base::foreign::Foreign;
use crate::base::paths::Places;
use args::{AttachArgs, Cli, Command};
use clap::{CommandFactory, Parser};
use client::Client;
use exit::Failure;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What every command works with.
pub(crate) struct Here {
    /// Where monban keeps its files.
    pub places: Places,
    /// The folder the person stands in.
    pub at: PathBuf,
}

impl Here {
    /// A connection to the daemon; a person is told first if what it says is old.
    fn client(&self) -> Result<Client, Failure> {
        let client = Client::connect(&self.places, &self.at)?;
        if let Some(damage) = client.damage.as_ref().map(Foreign::new) {
            exit::complain(&format!(
                "monban: the event log is damaged at {damage}. The daemon is read-only and shows \
                 what was before; what came after is not shown. To mend: {}",
                client::LOG_CURE
            ));
        }
        Ok(client)
    }
}

/// Runs the command line; the exit status is part of the interface.
pub fn main() -> ExitCode {
    if let Err(error) = color_eyre::install() {
        exit::complain(&format!("monban: {error}"));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            exit::complain(error.render().to_string().trim_end());
            return ExitCode::from(2);
        }
        // Help and the version were asked for.
        Err(error) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let command = cli.command.unwrap_or_else(|| Command::Attach(AttachArgs::default()));
    if let Some(code) = inside::run(&command)? {
        return Ok(code);
    }
    if let Command::Attach(args) = &command {
        attach::run(args, cli.directory.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let here = here(cli.directory.as_deref())?;
    let out = &mut std::io::stdout().lock();
    match command {
        Command::Attach(_) => Ok(()),
        Command::Task(command) => task::run(&here, command, out),
        Command::Plan(command) => plan::check(&here, command, out),
        Command::Run(args) => plan::run(&here, args, out),
        Command::Init => plan::init(&here, out),
        Command::Approve { .. }
        | Command::Reject { .. }
        | Command::Send(_)
        | Command::Abort { .. }
        | Command::Pause { .. }
        | Command::Resume { .. }
        | Command::Rollback(_)
        | Command::Revert { .. } => task::decide(&here, command, out),
        Command::Ls { .. }
        | Command::Show { .. }
        | Command::Diff { .. }
        | Command::Gates { .. }
        | Command::Inbox { .. }
        | Command::Screen { .. }
        | Command::Events { .. } => show::run(&here, command, out),
        Command::Verify { json } => files::verify(&here, json, out),
        Command::Replay { id, cast } => files::replay(&here, id.0, cast.as_deref(), out),
        Command::Gc(args) => gc::run(&here, &args, out),
        Command::Daemon(command) => files::daemon(&here, command, out),
        Command::Auth(args) => auth::run(&here, &args, out),
        Command::Doctor { json } => doctor::run(&here, json, out),
        Command::Demo { headless } => demo::run(&here, headless, out),
        Command::Selftest { json } => selftest::run(json, out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            // Not into `out`: this panics where a write fails.
            clap_complete::generate(shell, &mut Cli::command(), "monban", &mut script);
            Ok(out.write_all(&script)?)
        }
        Command::Man { folder } => man(&folder, out),
        Command::Proxy => proxy::run(&here),
        Command::Hook { .. } | Command::Hold { .. } | Command::Play(_) => Ok(()),
    }?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn here(directory: Option<&Path>) -> Result<Here, Failure> {
    let user = rustix::process::getuid().as_raw();
    let variable = |name: &str| std::env::var_os(name);
    let places = Places::from_environment(variable, user)
        .map_err(|error| Failure::environment(error.to_string(), "then run the command again"))?;
    let at = directory.unwrap_or(Path::new("."));
    let at = at.canonicalize().map_err(|error| {
        let why = format!("cannot stand in {}: {error}", at.display());
        Failure::input(why, "give an existing folder to `-C`")
    })?;
    if at.to_str().is_none() {
        let why = format!(
            "the path {} is not UTF-8",
            Foreign::from_bytes(at.as_os_str().as_encoded_bytes())
        );
        return Err(Failure::input(why, "rename the folder, or work in another checkout"));
    }
    Ok(Here { places, at })
}

fn man(folder: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let shown = Foreign::from_bytes(folder.as_os_str().as_encoded_bytes());
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| {
        let why = format!("cannot write man pages into {shown}: {error}");
        Failure::environment(why, "name a folder of yours on a disk with room")
    })?;
    Ok(writeln!(out, "wrote the man pages into {shown}; read one: man {shown}/monban.1")?)
}
