//! The simulated outside: base branches, worktrees, agents under holders, gates. It survives every
//! crash of the daemon and remembers what was really done, so that doing it twice is noticed.

use super::rng::Rng;
use monban::base::foreign::Foreign;
use monban::base::id::{OpId, RepoId, RunId, TaskId};
use monban::model::attempt::{AgentState, End};
use monban::model::verdict::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The content of a commit or worktree: the patches that are in it.
pub type Tree = BTreeSet<String>;

/// The id of a tree.
pub fn tree_id(tree: &Tree) -> String {
    tree.iter().cloned().collect::<Vec<_>>().join("+")
}

/// Everything outside of the daemon.
#[derive(Default)]
pub struct Outside {
    /// The base branches, oldest commit first.
    pub bases: BTreeMap<RepoId, Vec<Commit>>,
    /// The content of every commit, in whichever store.
    pub commits: BTreeMap<String, Tree>,
    /// Repositories whose checkout keeps the base from moving.
    pub dirty: BTreeSet<RepoId>,
    pub worktrees: BTreeMap<PathBuf, Worktree>,
    pub agents: BTreeMap<RunId, Agent>,
    /// What gates really said.
    pub gates: BTreeMap<RunId, Vec<Verdict>>,
    /// How often each prompt was typed.
    pub typed: BTreeMap<(RunId, u32), u32>,
    last_patch: u32,
}

/// A commit on a base branch.
#[derive(Clone)]
pub struct Commit {
    pub id: String,
    /// The landing that made it.
    pub op: Option<OpId>,
}

/// A worktree.
#[derive(Default)]
pub struct Worktree {
    /// The commit it was made from.
    pub base: String,
    /// What is in it; none between the two renames of a rollback.
    pub tree: Option<Tree>,
    /// What rollbacks put aside.
    pub aside: BTreeMap<OpId, Tree>,
    /// Rollbacks that were undone.
    pub undone: BTreeSet<OpId>,
}

/// An agent under its holder.
pub struct Agent {
    pub task: TaskId,
    pub worktree: PathBuf,
    pub end: Option<End>,
    pub paused: bool,
    pub state: AgentState,
    /// Turns it finished.
    pub turns: u32,
    pub session: Option<String>,
    /// The commit it was told to merge.
    pub to_merge: Option<String>,
}

impl Agent {
    pub fn is_up(&self) -> bool {
        self.end.is_none()
    }

    /// Whether it takes a prompt.
    pub fn is_ready(&self) -> bool {
        self.is_up() && !self.paused && matches!(self.state, AgentState::Idle | AgentState::Error)
    }
}

pub fn end(how: &str) -> End {
    let code = (how == "exit 0").then_some(0);
    let known_by = Foreign::default();
    End { code, signal: None, how: Foreign::new(how), tree_empty: true, known_by }
}

impl Outside {
    pub fn tip(&self, repo: RepoId) -> &Commit {
        self.bases[&repo].last().expect("a repository has a commit")
    }

    /// A repository with one commit, if it is not there yet.
    pub fn found(&mut self, repo: RepoId) {
        if self.bases.entry(repo).or_default().is_empty() {
            self.commit(repo, Tree::new(), None);
        }
    }

    /// The base moves to a new commit with this content; its id.
    pub fn commit(&mut self, repo: RepoId, tree: Tree, op: Option<OpId>) -> String {
        let id = format!("c{}-{}", repo.0, self.bases[&repo].len());
        self.commits.insert(id.clone(), tree);
        self.bases.entry(repo).or_default().push(Commit { id: id.clone(), op });
        id
    }

    /// Somebody else commits to the base.
    pub fn upstream(&mut self, repo: RepoId) {
        self.last_patch += 1;
        let mut tree = self.commits[&self.tip(repo).id].clone();
        tree.insert(format!("u.{}", self.last_patch));
        self.commit(repo, tree, None);
    }

    /// Whether an agent is up in a worktree.
    pub fn is_occupied(&self, worktree: &Path) -> bool {
        self.agents.values().any(|agent| agent.is_up() && agent.worktree == worktree)
    }

    pub fn start_agent(&mut self, run: RunId, task: TaskId, worktree: PathBuf) {
        assert!(!self.is_occupied(&worktree), "a second agent in {}", worktree.display());
        let state = AgentState::Starting;
        let (end, session, to_merge) = (None, None, None);
        let agent =
            Agent { task, worktree, end, paused: false, state, turns: 0, session, to_merge };
        assert!(self.agents.insert(run, agent).is_none(), "{run} is started twice");
    }

    /// A prompt is typed.
    pub fn type_prompt(&mut self, run: RunId, prompt: u32, to_merge: Option<String>) {
        let times = self.typed.entry((run, prompt)).or_default();
        *times += 1;
        assert_eq!(*times, 1, "prompt {prompt} is typed to {run} twice");
        if let Some(agent) = self.agents.get_mut(&run) {
            agent.state = AgentState::Working;
            agent.to_merge = to_merge.or(agent.to_merge.take());
        }
    }

    /// Something happens to a random agent.
    pub fn agent_lives(&mut self, rng: &mut Rng, mishaps: usize) -> Option<String> {
        let up: Vec<RunId> =
            self.agents.iter().filter(|(_, a)| a.is_up()).map(|(run, _)| *run).collect();
        let run = rng.pick(&up)?;
        self.agent_goes_on(rng, run, mishaps)
    }

    /// Without mishaps an agent only finishes what it does.
    fn agent_goes_on(&mut self, rng: &mut Rng, run: RunId, mishaps: usize) -> Option<String> {
        let calm = mishaps == 0;
        if rng.below(10_000) < 2 * mishaps {
            let how = rng.pick(&["exit 0", "killed by signal 9", "exit status unknown"])?;
            self.end_agent(run, how);
            return Some(format!("{run}: {how}"));
        }
        let agent = self.agents.get_mut(&run).filter(|agent| !agent.paused)?;
        let was_working = matches!(agent.state, AgentState::Working | AgentState::Unknown);
        agent.state = match agent.state {
            AgentState::Working | AgentState::Unknown if calm => AgentState::Idle,
            AgentState::Working => rng.pick(&BUSY)?,
            AgentState::Starting if !calm && rng.chance(10) => AgentState::BlockedPermission,
            AgentState::Starting => AgentState::Idle,
            AgentState::Idle if !calm && rng.chance(3) => AgentState::Working,
            AgentState::Idle => AgentState::Idle,
            // A person answers in the pane, sooner or later.
            _ if calm => return None,
            _ => AgentState::Working,
        };
        if !calm && agent.session.is_none() && rng.chance(30) {
            agent.session = Some(format!("talk-{}", run.0));
        }
        let state = agent.state;
        if was_working && state == AgentState::Idle {
            agent.turns += 1;
        }
        if was_working {
            self.write(rng, run);
        }
        Some(format!("{run}: {state:?}"))
    }

    /// A person adds something to a worktree in which no agent is; whether they could.
    pub fn person_writes(&mut self, worktree: &Path) -> bool {
        self.last_patch += 1;
        let patch = format!("p.{}", self.last_patch);
        let is_free = !self.is_occupied(worktree);
        let tree = self.worktrees.get_mut(worktree).and_then(|worktree| worktree.tree.as_mut());
        tree.filter(|_| is_free).is_some_and(|tree| tree.insert(patch))
    }

    pub fn end_agent(&mut self, run: RunId, how: &str) {
        if let Some(agent) = self.agents.get_mut(&run).filter(|agent| agent.is_up()) {
            agent.end = Some(end(how));
        }
    }

    /// An agent writes in its worktree: its own change, what it was told to merge, or nothing.
    fn write(&mut self, rng: &mut Rng, run: RunId) {
        let (task, path) = (self.agents[&run].task, self.agents[&run].worktree.clone());
        let mine = format!("t{}", task.0);
        // The same change again gives the same tree again, whose gate should say the same again.
        let patch = rng.chance(60).then(|| format!("{mine}.{}", rng.below(3)));
        let to_merge = self.agents.get_mut(&run).and_then(|agent| agent.to_merge.take());
        let merged = to_merge.map(|commit| self.commits[&commit].clone());
        let tree = self.worktrees.get_mut(&path).and_then(|worktree| worktree.tree.as_mut());
        let tree = tree.expect("an agent has a worktree under its feet");
        tree.extend(merged.into_iter().flatten());
        if let Some(patch) = patch {
            tree.retain(|other| !other.starts_with(&format!("{mine}.")));
            tree.insert(patch);
        }
    }
}

/// What a working agent does next.
const BUSY: [AgentState; 8] = [
    AgentState::Idle,
    AgentState::Idle,
    AgentState::Idle,
    AgentState::Working,
    AgentState::BlockedPermission,
    AgentState::BlockedQuestion,
    AgentState::Error,
    AgentState::Unknown,
];

impl Outside {
    /// Changes whenever something outside does.
    pub fn fingerprint(&self) -> String {
        let agents = self.agents.values().map(|a| (a.state, a.turns, a.paused, a.is_up()));
        let agents: Vec<_> = agents.collect();
        format!("{agents:?} {} {}", self.commits.len(), self.typed.len())
    }

    /// Every agent finishes what it does.
    pub fn agents_finish(&mut self, rng: &mut Rng) {
        let up = self.agents.iter().filter(|(_, agent)| agent.is_up());
        for run in up.map(|(run, _)| *run).collect::<Vec<_>>() {
            self.agent_goes_on(rng, run, 0);
        }
    }
}
