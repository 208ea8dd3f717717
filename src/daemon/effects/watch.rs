//! The person's repository before and after a run: branches, configuration and hooks. At L1 an
//! agent has the person's own rights; what it did behind monban's back is detected, not prevented.

use super::facts::Facts;
use super::to_end;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::RunId;
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::git::{Difference, GitError, Repository, WatchedState};
use crate::model::attempt::Life;
use crate::model::command::Report;
use crate::model::core::Core;
use std::collections::BTreeSet;

const NOTES_BYTES_MAX: u64 = 64 << 20;
/// How many differences are named.
const NAMED_MAX: usize = 100;

/// Notes how the repository is before the run starts.
pub(super) fn before(world: &World, facts: &Facts, run: RunId) {
    let note = || WatchedState::note(&facts.repository()?, &world.store(facts.repo)?);
    if let Ok(state) = note() {
        let _ = durable::write_json(&world.run_folder(run).join("watched.json"), &state);
    }
}

/// Compares, at the end of a turn and of the run, and reports what changed and was not monban's own
/// landing.
pub(super) fn compare(world: &World, facts: &Facts, run: RunId, cancel: &Cancel) {
    let path = world.run_folder(run).join("watched.json");
    let changes = match durable::read(&path, NOTES_BYTES_MAX) {
        Ok(notes) => changes(world, facts, &notes),
        Err(_) if !has_begun(world, run) => return,
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    let changes = changes.unwrap_or_else(|why| Changes {
        alarming: vec![Foreign::new(format!(
            "the repository cannot be compared with what it was before the run ({why}); look at \
             its branches, configuration and hooks yourself"
        ))],
        noted: Vec::new(),
        advanced: None,
    });
    if !changes.noted.is_empty() {
        let what = changes.noted;
        world.report(Report::Noted { run, what }, &|| cancel.is_set());
    }
    if let Some((what, to)) = changes.advanced {
        world.report(Report::Advanced { run, what, to }, &|| cancel.is_set());
    }
    if !changes.alarming.is_empty() {
        let what = changes.alarming;
        world.report(Report::Tampered { run, what }, &|| cancel.is_set());
    }
}

/// Whether a run came so far that its agent could have removed the notes.
fn has_begun(world: &World, run: RunId) -> bool {
    let wanted =
        move |core: &Core| core.state.run(run).is_some_and(|(_, _, run)| run.life == Life::Wanted);
    let is_wanted = world.engine.look_blocking(wanted).unwrap_or(false);
    !is_wanted || to_end::is_begun(&world.run_folder(run)).unwrap_or(true)
}

struct Changes {
    alarming: Vec<Foreign>,
    /// What harms nobody.
    noted: Vec<Foreign>,
    /// The base branch, gone forward, in words and to which commit.
    advanced: Option<(Foreign, String)>,
}

fn changes(world: &World, facts: &Facts, notes: &[u8]) -> Result<Changes, String> {
    let text = |error: GitError| error.to_string();
    let before: WatchedState = serde_json::from_slice(notes).map_err(|error| error.to_string())?;
    let repository = facts.found_repository().map_err(text)?;
    let store = world.store(facts.repo).map_err(text)?;
    let mut changes = Changes { alarming: Vec::new(), noted: Vec::new(), advanced: None };
    let after = facts.repository().and_then(|opened| before.note_again(&opened, &store));
    let after = match after {
        Ok(after) => after,
        // What made it unreadable may be one of the files that are compared.
        Err(why) => {
            let what = format!(
                "its references cannot be compared ({why}); once the rest is taken back, look at \
                 its branches yourself"
            );
            name(&mut changes.alarming, Foreign::new(what));
            before.note_files(&repository, &store).map_err(text)?
        }
    };
    let repo = facts.repo;
    let landed = world.engine.look_blocking(move |core: &Core| {
        core.state.repos.get(&repo).map(|repo| repo.landed.clone()).unwrap_or_default()
    });
    let landed: BTreeSet<String> = landed.unwrap_or_default();
    for difference in before.differences(&after) {
        let back = match difference.way_back(&repository, &store) {
            Some(command) => format!("take it back by: {command}"),
            None => "it can only be taken back by hand".into(),
        };
        let what = Foreign::new(format!("{}; {back}", difference.shown()));
        match of_base(&difference, &facts.base_branch) {
            Some((_, after)) if landed.contains(after) => {}
            Some((before, after)) if goes_forward(&repository, before, after) => {
                changes.advanced = Some((what, after.to_string()));
            }
            Some(_) => name(&mut changes.alarming, what),
            None if difference.is_harmless(&after, |a, b| goes_forward(&repository, a, b)) => {
                name(&mut changes.noted, what);
            }
            None => name(&mut changes.alarming, what),
        }
    }
    Ok(changes)
}

fn name(into: &mut Vec<Foreign>, what: Foreign) {
    if into.len() < NAMED_MAX {
        into.push(what);
    }
}

/// Where the base branch was and is, when it is what differs.
fn of_base<'a>(difference: &'a Difference, base: &str) -> Option<(&'a str, &'a str)> {
    match difference {
        Difference::Ref { name, before: Some(before), after: Some(after) } if name == base => {
            Some((before, after))
        }
        _ => None,
    }
}

fn goes_forward(repository: &Repository, before: &str, after: &str) -> bool {
    let (Ok(before), Ok(after)) = (before.parse(), after.parse()) else { return false };
    repository.is_ancestor(before, after).unwrap_or(false)
}
