//! The agents a person has: their configuration joined with the kinds, built in or in files of
//! their own, and the plan of a start.

use super::effects;
use super::world::World;
use crate::agent::kind::AgentKind;
use crate::agent::login::AuthRow;
use crate::agent::prepare::{self, AgentConfig, Host, Prepared};
use crate::agent::{self, Refusal};
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::RunId;
use crate::base::paths::Places;
use crate::config::{FILE_BYTES_MAX, Person, person};
use crate::model::rejection::{Class, Rejection};
use std::collections::BTreeMap;
use std::path::Path;

/// How many agent files of a person's own are read.
const OWN_KINDS_MAX: usize = 100;

/// An agent by its name.
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: AgentKind,
    /// What the person's file says of it.
    pub config: AgentConfig,
}

fn environment(why: impl Into<String>, cure: impl Into<String>) -> Rejection {
    Rejection::new(Class::Environment, why, cure)
}

/// The person's configuration as it is on the disk now.
pub fn person(world: &World) -> Result<Person, Rejection> {
    person_in(&world.places.config_file)
}

fn person_in(config_file: &Path) -> Result<Person, Rejection> {
    person::load(config_file).map_err(|diagnostics| {
        Rejection::input(diagnostics.to_string(), "mend the file and run the command again")
    })
}

/// Every kind: the built-in ones and those in `agents/` beside the person's configuration.
pub fn kinds(config_file: &Path) -> Result<Vec<AgentKind>, Rejection> {
    let cure = "mend the file and run the command again";
    let mut kinds = AgentKind::builtin().map_err(|e| environment(e.to_string(), cure))?;
    let folder = config_file.with_file_name("agents");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(kinds) };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    for path in paths.into_iter().take(OWN_KINDS_MAX) {
        let name = path.display().to_string();
        let bytes = durable::read(&path, FILE_BYTES_MAX)
            .map_err(|e| Rejection::input(format!("cannot read {name}: {e}"), cure))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Rejection::input(format!("{name} is not UTF-8"), cure))?;
        let kind = AgentKind::parse(&name, &text)
            .map_err(|error| Rejection::input(error.to_string(), cure))?;
        kinds.retain(|known| known.name != kind.name);
        kinds.push(kind);
    }
    Ok(kinds)
}

/// The agent called `name`, or the refusal that there is none.
pub fn named(world: &World, name: &str) -> Result<Agent, Rejection> {
    named_in(&world.places, name)
}

/// The same without a daemon.
pub fn named_in(places: &Places, name: &str) -> Result<Agent, Rejection> {
    let config_file = &places.config_file;
    let person = person_in(config_file)?;
    let kinds = kinds(config_file)?;
    let settings = person.agents.get(name);
    let kind_name = settings.map_or(name, |settings| settings.kind.as_str());
    let Some(kind) = kinds.iter().find(|kind| kind.name == kind_name) else {
        // A kind that names no program is none by itself.
        let whole = kinds.iter().filter(|kind| !kind.program.is_empty());
        let mut known: Vec<&str> = whole.map(|kind| kind.name.as_str()).collect();
        known.extend(person.agents.keys().map(String::as_str));
        known.sort_unstable();
        known.dedup();
        if let Some(settings) = settings {
            let file = config_file.display();
            let kind = Foreign::new(kind_name);
            return Err(Rejection::input(
                format!(
                    "{file}:{}: agents.{name}.kind: there is no kind of agent `{kind}`",
                    settings.line
                ),
                format!(
                    "the kinds are: {}",
                    kinds.iter().map(|k| k.name.as_str()).collect::<Vec<_>>().join(", ")
                ),
            ));
        }
        let shown = Foreign::new(name);
        let cure = format!(
            "the agents are: {}; add another under [agents.NAME] in {}",
            known.join(", "),
            config_file.display()
        );
        return Err(Rejection::input(format!("there is no agent `{shown}`"), cure));
    };
    let config = settings.map_or_else(AgentConfig::default, |settings| AgentConfig {
        program: settings.program.clone(),
        args: settings.args.clone(),
        args_extra: settings.args_extra.clone(),
        env: settings.env.clone(),
        env_pass: settings.env_pass.clone(),
        kept: BTreeMap::new(),
    });
    let config = AgentConfig { kept: kept(places, name)?, ..config };
    Ok(Agent { name: name.into(), kind: kind.clone(), config })
}

/// Tokens that the person gave to `monban auth` for an agent.
fn kept(places: &Places, agent: &str) -> Result<BTreeMap<String, String>, Rejection> {
    let path = places.kept_logins();
    let mut all = agent::kept::read(&path).map_err(|error| {
        let why = format!("cannot read the tokens in {}: {error}", path.display());
        environment(why, "mend or remove the file, then `monban auth AGENT --login`")
    })?;
    Ok(all.remove(agent).unwrap_or_default())
}

/// The agent of a run that is there already, for following it. The person may have renamed or
/// removed it since: then what it does is followed as that of any program.
pub fn of_run(world: &World, name: &str) -> Result<Agent, Rejection> {
    named(world, name).or_else(|_| {
        let builtin = AgentKind::builtin();
        let builtin = builtin.map_err(|e| environment(e.to_string(), "install monban anew"))?;
        let config = AgentConfig::default();
        Ok(Agent { name: name.into(), kind: any_program(builtin)?, config })
    })
}

/// The kind for any program.
fn any_program(kinds: Vec<AgentKind>) -> Result<AgentKind, Rejection> {
    let kind = kinds.into_iter().find(|kind| kind.name == person::COMMAND_KIND);
    let gone = || environment("the built-in kind for commands is gone", "install monban anew");
    kind.ok_or_else(gone)
}

/// A start in `worktree` for `run`, as the agent part wants it described.
pub fn attempt(
    world: &World,
    run: RunId,
    worktree: &Path,
    repository: &Path,
    report_token: String,
    session: Option<String>,
) -> Result<prepare::Attempt, Rejection> {
    let person = person(world)?;
    let (identity, git_writable) = super::gates::identity(repository, worktree);
    Ok(prepare::Attempt {
        worktree: worktree.into(),
        home: person.isolation.home,
        git_writable,
        identity,
        run: run.to_string(),
        report_socket: world.places.report_socket(),
        report_token,
        monban: world.program.clone(),
        session,
        pass: person.isolation.pass,
        now: world.clock.now(),
    })
}

/// Plans a start of `agent` for `attempt`.
pub fn plan(agent: &Agent, attempt: &prepare::Attempt, host: &Host) -> Result<Prepared, Rejection> {
    let prepared = prepare::prepare(&agent.name, &agent.kind, &agent.config, attempt, host);
    prepared.map_err(|why| refusal(&why, host))
}

fn refusal(refusal: &Refusal, host: &Host) -> Rejection {
    let cure = match refusal {
        // It may well be in the person's by now.
        Refusal::ProgramMissing { program, .. } if !program.contains('/') => {
            let path = host.environment.get("PATH").map_or("", String::as_str);
            format!(
                "the daemon was started with PATH={}; if yours has it by now, `monban daemon stop` \
                 and run the command again: agents go on meanwhile",
                Foreign::new(path)
            )
        }
        _ => "`monban auth` and `monban doctor` say more".into(),
    };
    environment(refusal.to_string(), cure)
}

/// Rows for `monban auth`, with the run that has a login of which there is one at a time.
pub async fn auth(world: &World) -> Result<Vec<AuthRow>, Rejection> {
    let now = world.clock.now();
    let mut rows: Vec<AuthRow> = all(&world.places)?
        .into_iter()
        .flat_map(|a| agent::login::auth_rows(&a.name, &a.kind, &a.config, &world.host, now))
        .collect();
    let live = world.engine.look(effects::live_runs).await?;
    for row in &mut rows {
        let file = row.file.as_ref().and_then(|file| file.path.canonicalize().ok());
        row.held_by = file.and_then(|file| effects::login_holder(world, &live, &file));
    }
    Ok(rows)
}

/// The agents the person named, and those that need no more than a login, by name.
pub fn all(places: &Places) -> Result<Vec<Agent>, Rejection> {
    let config_file = &places.config_file;
    let person = person_in(config_file)?;
    let mut names: Vec<String> = person.agents.keys().cloned().collect();
    let kinds = kinds(config_file)?;
    let with_login = kinds.iter().filter(|kind| !kind.logins.is_empty());
    names.extend(with_login.map(|kind| kind.name.clone()));
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| named_in(places, name)).collect()
}

/// The environment of a gate's commands: what an agent's run gets, without any agent's login.
pub fn gate_environment(
    world: &World,
    run: RunId,
    checkout: &Path,
    repository: &Path,
) -> Result<BTreeMap<String, String>, String> {
    let text = |rejection: Rejection| rejection.to_string();
    let kind = kinds(&world.places.config_file).and_then(any_program).map_err(text)?;
    let config = AgentConfig { program: Some("/bin/sh".into()), ..AgentConfig::default() };
    let agent = Agent { name: "gate".into(), kind, config };
    let attempt = attempt(world, run, checkout, repository, String::new(), None).map_err(text)?;
    let prepared = plan(&agent, &attempt, &world.host).map_err(text)?;
    prepare::write_files(&prepared, checkout).map_err(|error| error.to_string())?;
    Ok(prepared.env)
}
