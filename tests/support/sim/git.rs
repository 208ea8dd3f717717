//! Simulated git: snapshots, merges, landings, rollbacks. Each asks the outside what was done
//! before.

use super::outside::{Tree, tree_id};
use super::{Progress, Reading, Simulation};
use monban::base::foreign::Foreign;
use monban::base::id::{OpId, TaskId};
use monban::model::attempt::Snapshot;
use monban::model::checkpoint::{Kept, Moment, Point};
use monban::model::command::{LandingOutcome, MergeOutcome, Report};
use monban::model::effect::Effect;
use monban::model::task::Stage;

impl Simulation {
    pub(super) fn snapshot(&mut self, task: TaskId, attempt: u32, number: u32) -> Progress {
        if let Some(run) = self.attempt(task).run.as_ref().map(|run| run.id) {
            self.compare(run);
        }
        let of_attempt = self.task(task).attempts.iter().find(|other| other.number == attempt);
        let place = of_attempt.and_then(|attempt| attempt.place.clone());
        let place = place.expect("a snapshot is taken of a place");
        let tree = self.outside.worktrees[&place.worktree].tree.clone();
        let result = match tree.filter(|_| !self.fails(8)) {
            None => Err("the worktree cannot be read".into()),
            Some(tree) if tree == self.outside.commits[&place.base] => Ok(None),
            Some(tree) => {
                let commit = format!("s{task}-{attempt}-{number}-{}", self.log.len());
                Ok(Some(self.commit_snapshot(number, &place.base, commit, tree)))
            }
        };
        self.report(Report::Snapshot { task, attempt, number, result });
        Progress::Over
    }

    /// The worktree as it is before a run or a prompt; much may happen between the reading and the
    /// report.
    pub(super) fn checkpoint(&mut self, effect: &Effect, step: u8) -> Progress {
        let Effect::Checkpoint { task, attempt, moment, number } = *effect else {
            unreachable!("a checkpoint");
        };
        if step == 0 {
            if !self.task(task).is_at_attempt(attempt) {
                return Progress::Over;
            }
            let (result, voids) = (self.read_for(task, moment, number), self.witness.voids(task));
            self.read.insert(effect.clone(), Reading { result, voids });
            return Progress::Next;
        }
        let Some(Reading { result, voids }) = self.read.remove(effect) else {
            return Progress::Over;
        };
        let is_ok = result.is_ok();
        let counts = self.report(Report::Checkpoint { task, attempt, moment, number, result });
        let is_void = self.witness.voids(task) != voids;
        assert!(!(counts && is_ok && is_void), "it was read before it became void: {effect:?}");
        Progress::Over
    }

    /// What a checkpoint says: when nothing changed, what there is counts.
    fn read_for(
        &mut self,
        task: TaskId,
        moment: Moment,
        number: u32,
    ) -> Result<Option<Snapshot>, String> {
        let run = self.attempt(task).run.as_ref().map(|run| run.id);
        let has_begun = run.is_some_and(|run| self.outside.agents.contains_key(&run));
        if matches!(moment, Moment::Run(_)) && has_begun {
            return Ok(None);
        }
        let place = self.place(task);
        let tree = self.outside.worktrees[&place.worktree].tree.clone();
        let last = self.attempt(task).snapshots.last().map(|last| last.commit.clone());
        let last = last.unwrap_or_else(|| place.base.clone());
        match tree.filter(|_| !self.fails(8)) {
            None => Err("the worktree cannot be read".into()),
            Some(tree) if tree == self.outside.commits[&last] => Ok(None),
            Some(tree) => {
                let commit = format!("k{task}-{number}-{}", self.outside.commits.len());
                Ok(Some(self.commit_snapshot(number, &place.base, commit, tree)))
            }
        }
    }

    /// What a worktree was kept as, from what is durable.
    pub(super) fn kept(&self, task: TaskId, kept: Kept) -> Tree {
        let attempt = self.attempt(task);
        let commit = match kept {
            Kept::At(Point::Base) => attempt.place.as_ref().map(|place| &place.base),
            Kept::At(Point::Checkpoint(number)) => {
                let mut of_attempt = attempt.snapshots.iter();
                of_attempt.find(|one| one.number == number).map(|one| &one.commit)
            }
            Kept::NotYet | Kept::Due => None,
        };
        self.outside.commits[commit.expect("what starts can be taken back")].clone()
    }

    fn commit_snapshot(&mut self, number: u32, base: &str, id: String, tree: Tree) -> Snapshot {
        let snapshot = Snapshot {
            number,
            base: base.into(),
            commit: id.clone(),
            diff_sha256: format!("{base}..{}", tree_id(&tree)),
            tree: tree_id(&tree),
            files: 1,
            added: 1,
            deleted: 0,
            leftovers: Vec::new(),
            created: 0,
            pictures: 0,
            used: None,
            taken: Default::default(),
        };
        self.outside.commits.insert(id, tree);
        snapshot
    }

    pub(super) fn land(&mut self, task: TaskId, op: OpId, step: u8) -> Progress {
        let repo = self.task(task).repo;
        let landed = self.outside.bases[&repo].iter().find(|commit| commit.op == Some(op)).cloned();
        let snapshot = self.attempt(task).result().cloned();
        let snapshot = snapshot.expect("what is landed was judged");
        let tip = self.outside.tip(repo).id.clone();
        let outcome = if let Some(commit) = landed {
            LandingOutcome::Landed { commit: commit.id }
        } else if self.outside.dirty.contains(&repo) {
            let reference = format!("refs/monban/ready/{task}");
            LandingOutcome::Kept { reference, why: "the checkout is dirty".into() }
        } else if tip != snapshot.base {
            LandingOutcome::BaseMoved { base: tip }
        } else if self.fails(5) {
            LandingOutcome::Failed { why: "disk full".into() }
        } else {
            assert_eq!(step, 0, "the base is moved twice for {op}");
            super::invariants::check_landing(self, task, op);
            let tree = self.outside.commits[&snapshot.commit].clone();
            self.outside.commit(repo, tree, Some(op));
            return Progress::Next;
        };
        self.report(Report::Landing { task, op, outcome });
        Progress::Over
    }

    pub(super) fn merge(&mut self, task: TaskId, op: OpId) -> Progress {
        let stage = self.task(task).stage.clone();
        let Stage::Merging { base, .. } = stage else { return Progress::Over };
        let ours = self.attempt(task).result().cloned().expect("what is merged was judged");
        let outcome = if self.fails(10) {
            MergeOutcome::Failed { why: "disk full".into() }
        } else if self.fails(35) {
            MergeOutcome::Conflict { base, files: vec![Foreign::new("a.rs")] }
        } else {
            let commits = &self.outside.commits;
            let (old, mine, theirs) =
                (&commits[&ours.base], &commits[&ours.commit], &commits[&base]);
            let added = mine.difference(old);
            let tree: Tree = theirs.union(&added.cloned().collect()).cloned().collect();
            let tree: Tree =
                tree.into_iter().filter(|p| !old.contains(p) || mine.contains(p)).collect();
            if tree == *theirs {
                MergeOutcome::Nothing { base }
            } else {
                let id = format!("m{task}-{}-{}", op.0, self.log.len());
                let number = self.attempt(task).next_snapshot;
                MergeOutcome::Merged(self.commit_snapshot(number, &base, id, tree))
            }
        };
        self.report(Report::Merge { task, op, outcome });
        Progress::Over
    }

    pub(super) fn roll_back(&mut self, task: TaskId, op: OpId, step: u8) -> Progress {
        let path = self.place(task).worktree;
        let last = self.attempt(task).rollbacks.last().cloned().expect("the rollback");
        assert!(!self.outside.is_occupied(&path), "{op} under a living agent");
        let fresh = self.outside.commits[&last.target].clone();
        let untouched = !self.outside.worktrees[&path].aside.contains_key(&op);
        if untouched && self.fails(10) {
            self.report(Report::RolledBack { task, op, result: Err("disk full".into()) });
            return Progress::Over;
        }
        let worktree = self.outside.worktrees.get_mut(&path).expect("the worktree");
        if untouched {
            assert_eq!(step, 0, "{op} put the worktree aside before");
            let tree = worktree.tree.take().expect("a worktree");
            worktree.aside.insert(op, tree);
            return Progress::Next;
        }
        if worktree.tree.is_none() {
            worktree.tree = Some(fresh);
            return Progress::Next;
        }
        let result = Ok(path.join("aside"));
        self.report(Report::RolledBack { task, op, result });
        Progress::Over
    }

    pub(super) fn undo(&mut self, task: TaskId, op: OpId, step: u8) -> Progress {
        let path = self.place(task).worktree;
        assert!(!self.outside.is_occupied(&path), "{op} is undone under a living agent");
        let untouched = !self.outside.worktrees[&path].undone.contains(&op);
        if untouched && self.fails(20) {
            self.report(Report::Undone { task, op, result: Err("busy".into()) });
            return Progress::Over;
        }
        let worktree = self.outside.worktrees.get_mut(&path).expect("the worktree");
        if untouched {
            assert_eq!(step, 0, "{op} is undone twice");
            worktree.tree = Some(worktree.aside.remove(&op).expect("what was put aside"));
            worktree.undone.insert(op);
            return Progress::Next;
        }
        self.report(Report::Undone { task, op, result: Ok(()) });
        Progress::Over
    }
}
