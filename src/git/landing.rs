//! Landing: moving a branch of the person to an approved result, as one squash commit.
//!
//! The commit is built in the store, enters the person's repository as a pack that `index-pack
//! --strict` has checked (a forged object is reported, not believed), and then the branch moves by
//! one compare-and-swap. Everything is decided from what is there, so after a crash at any point
//! the same call finishes. A `Break` from the report acts like such a crash.

use super::checkouts::Checkout;
use super::command::{Dirs, Git, LONG};
use super::error::GitError;
use super::landing_checkout::{Moved, Moving};
use super::object::{ObjectId, RepoPath, Report, full_name, plain_id, tell};
use super::objects::Objects;
use super::repository::Repository;
use super::store::Store;
use crate::base::clock::Timestamp;
use git2::ObjectType;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Who a commit names.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

/// An approved result and where it goes. The same values always make the same commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Landing {
    /// The landing's id (letters, digits, `-`, `_`); part of reference names.
    pub id: String,
    /// The branch to move, as a full name.
    pub branch: String,
    /// The base that was approved: the branch must still be there.
    pub expected_base: ObjectId,
    /// The approved tree, in the store.
    pub tree: ObjectId,
    /// The commit message without trailers.
    pub message: String,
    /// Trailers such as `Co-authored-by`, in order.
    pub trailers: Vec<(String, String)>,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
    /// The commit's time.
    pub at: Timestamp,
}

/// How a landing ended. Every value is final: nothing is half done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Landed {
    /// The branch is at the commit, and the checkout that has it, if any, moved along.
    Moved {
        /// The commit.
        commit: ObjectId,
        /// The checkout that moved along.
        checkout: Option<PathBuf>,
        /// Files that somebody edited in that very moment; they were left as they are.
        untouched: Vec<RepoPath>,
    },
    /// The commit was in the branch's history already.
    Already {
        /// The commit.
        commit: ObjectId,
    },
    /// The checkout cannot be moved without risk: the commit waits under `reference`.
    Ready {
        /// The commit.
        commit: ObjectId,
        /// Where it waits.
        reference: String,
        /// Why, in words.
        why: String,
    },
    /// The branch is not at the approved base any more; nothing was changed.
    BaseMoved {
        /// Where it is.
        now: ObjectId,
    },
}

/// Lands, or says why it cannot.
pub fn land(
    store: &Store,
    repository: &Repository,
    landing: &Landing,
    report: &mut Report<'_>,
) -> Result<Landed, GitError> {
    plain_id(&landing.id)?;
    full_name(&landing.branch)?;
    let objects = store.objects()?;
    let commit = objects.write(ObjectType::Commit, &landing.commit_bytes())?;
    objects.settle(Vec::new())?;
    let moving = Moving { store, repository, landing, commit };
    let head = repository.head_of(&landing.branch)?;
    if repository.is_ancestor(commit, head)? {
        moving.complete(head, report)?;
        moving.forget(&landing.ready_ref())?;
        return Ok(Landed::Already { commit });
    }
    if head != landing.expected_base {
        return Ok(Landed::BaseMoved { now: head });
    }
    tell(report, "landing", 0, None)?;
    send(store, repository, landing, commit, report)?;
    tell(report, "landing", 1, None)?;
    let checkouts = repository.checkouts_of(&landing.branch)?;
    match checkouts.as_slice() {
        [] => moving.swap_alone(),
        [checkout] => with_checkout(&moving, &objects, checkout, report),
        _ => wait(&moving, "the branch is checked out in several places".into()),
    }
}

fn with_checkout(
    moving: &Moving<'_>,
    objects: &Objects,
    checkout: &Checkout,
    report: &mut Report<'_>,
) -> Result<Landed, GitError> {
    match moving.with_checkout(objects, checkout, report)? {
        Moved::Done(untouched) => {
            moving.forget(&moving.landing.ready_ref())?;
            let checkout = checkout.folder.clone();
            Ok(Landed::Moved { commit: moving.commit, checkout, untouched })
        }
        Moved::Elsewhere(now) => Ok(Landed::BaseMoved { now }),
        Moved::Not(why) => wait(moving, why),
    }
}

/// Leaves the commit where the person finds it.
fn wait(moving: &Moving<'_>, why: String) -> Result<Landed, GitError> {
    let reference = moving.landing.ready_ref();
    moving.point(&reference)?;
    Ok(Landed::Ready { commit: moving.commit, reference, why })
}

/// Copies the commit's objects into the person's repository. The store's configuration applies on
/// both sides, and an object that is there with other bytes is an error.
fn send(
    store: &Store,
    repository: &Repository,
    landing: &Landing,
    commit: ObjectId,
    report: &mut Report<'_>,
) -> Result<(), GitError> {
    let target = Dirs { objects: Some(repository.objects_folder()), ..store.dirs() };
    let pack = Git::new(&store.dirs(), "pack-objects")
        .args(["--revs", "--stdout", "--delta-base-offset", "-q"])
        .input(format!("{commit}\n--not\n{}\n", landing.expected_base));
    Git::new(&target, "index-pack")
        .args(["--stdin", "--strict", "-v"])
        .input_from(pack)
        .progress("copying the result")
        .limit(LONG)
        .run_reporting(report)?;
    Ok(())
}

impl Landing {
    pub(crate) fn ready_ref(&self) -> String {
        format!("refs/monban/ready/{}", self.id)
    }

    /// Present from the compare-and-swap until the checkout is as the commit.
    pub(crate) fn marker_ref(&self) -> String {
        format!("refs/monban/landing/{}", self.id)
    }

    /// The environment in which git writes the branch's log.
    pub(crate) fn log_identity(&self) -> [(&'static str, String); 3] {
        [
            ("GIT_COMMITTER_NAME", plain(&self.committer.name)),
            ("GIT_COMMITTER_EMAIL", plain(&self.committer.email)),
            ("GIT_COMMITTER_DATE", format!("{} +0000", seconds(self.at))),
        ]
    }

    fn commit_bytes(&self) -> Vec<u8> {
        let who = |identity: &Identity| {
            let (name, email) = (plain(&identity.name), plain(&identity.email));
            format!("{name} <{email}> {} +0000", seconds(self.at))
        };
        let mut text = format!(
            "tree {}\nparent {}\nauthor {}\ncommitter {}\n\n{}\n",
            self.tree,
            self.expected_base,
            who(&self.author),
            who(&self.committer),
            self.message.trim_end().replace('\0', "")
        );
        if !self.trailers.is_empty() {
            text.push('\n');
        }
        for (key, value) in &self.trailers {
            let value = value.replace(['\n', '\r', '\0'], " ");
            text.push_str(&format!("{}: {}\n", plain(key), value.trim()));
        }
        text.into_bytes()
    }
}

/// A name that cannot break out of its line in a commit; never empty.
fn plain(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
    let kept = kept.trim();
    if kept.is_empty() { "unknown".into() } else { kept.into() }
}

fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000).max(0)
}
