//! Tricks of an agent that writes in its worktree and in the person's `.git`: none may run a
//! program, and none may make the judged tree differ from the bytes on disk.

use crate::support::*;
use monban::git::{self, Added, GitError, RollbackPlan, Worktree};
use std::fs;

/// Everything monban does with a hostile repository and worktree before a person decides.
fn judge(world: &World) -> (git::Store, std::path::PathBuf, git::Snapshot) {
    let repository = world.repository();
    let (store, work) = world.started();
    repository.file_at(world.head(), b"a", 99).unwrap();
    repository.base_checkout(&store, MAIN).unwrap();
    fs::write(work.join("a"), "changed").unwrap();
    let snapshot = world.snapshot(&store, &work);
    git::diff(&store, world.head(), snapshot.commit).unwrap();
    git::patch(&store, world.head(), snapshot.commit, 9999, <[u8]>::len).unwrap();
    (store, work, snapshot)
}

fn assert_safe(world: &World) {
    let (store, work, snapshot) = judge(world);
    assert_eq!(snapshot.tree, independent_tree(&work));
    let checkout = world.folder.path().join("gate");
    git::materialise(&store, snapshot.commit, &checkout, &mut quiet).unwrap();
    assert!(!world.canary().exists(), "a trap was sprung");
}

#[test]
fn programs_named_in_the_repositorys_configuration_do_not_run() {
    let world = World::new(&[("a", "1"), (".gitattributes", "* filter=x diff=x merge=x\n")]);
    let trap = world.trap();
    let trap = trap.to_str().unwrap();
    let keys = [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "gpg.program",
        "diff.external",
        "diff.x.command",
        "diff.x.textconv",
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
        "merge.x.driver",
        "core.alternateRefsCommand",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "core.askPass",
        "sequence.editor",
    ];
    for key in keys {
        world.git(&["config", key, trap]);
    }
    world.git(&["config", "commit.gpgsign", "true"]);
    world.git(&["config", "filter.x.required", "true"]);
    write(&world.root.join(".git/info/attributes"), b"* filter=x diff=x merge=x\n");
    fs::remove_file(world.canary()).ok();
    assert_safe(&world);
}

#[test]
fn hooks_do_not_run() {
    let world = World::new(&[("a", "1")]);
    let trap = world.trap();
    for hook in [
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "pre-commit",
        "post-commit",
        "pre-auto-gc",
        "post-rewrite",
        "fsmonitor-watchman",
    ] {
        fs::create_dir_all(world.root.join(".git/hooks")).unwrap();
        fs::copy(&trap, world.root.join(".git/hooks").join(hook)).unwrap();
        executable(&world.root.join(".git/hooks").join(hook));
    }
    assert_safe(&world);
}

#[test]
fn a_git_file_and_git_folder_of_the_agents_own_mean_nothing() {
    let world = World::new(&[("a", "1")]);
    let (store, work) = world.started();
    let own = world.folder.path().join("own");
    git_in(world.folder.path(), &["init", "-q", own.to_str().unwrap()]);
    git_in(&own, &["config", "core.fsmonitor", world.trap().to_str().unwrap()]);
    write(&work.join(".git"), format!("gitdir: {}/.git\n", own.display()).as_bytes());
    write(&work.join("b"), b"new");
    let snapshot = world.snapshot(&store, &work);
    let scratch = world.folder.path().join("copy");
    git::materialise(&store, snapshot.commit, &scratch, &mut quiet).unwrap();
    assert!(scratch.join("b").exists() && !scratch.join(".git").exists());
    assert!(!world.canary().exists());
}

#[test]
fn replaced_objects_and_grafts_are_not_believed() {
    let world = World::new(&[("a", "good")]);
    let head = world.head();
    world.write("a", b"evil");
    let evil = world.commit("evil");
    world.git(&["reset", "-q", "--hard", &head.to_string()]);
    world.git(&["replace", &head.to_string(), &evil.to_string()]);
    write(&world.root.join(".git/info/grafts"), format!("{head} {evil}\n").as_bytes());
    let repository = world.repository();
    assert_eq!(repository.file_at(head, b"a", 9).unwrap().unwrap(), b"good");
    let store = world.store();
    store.fetch_base(&repository, head, &mut quiet).unwrap();
    assert_eq!(store.file_at(head, b"a", 9).unwrap().unwrap(), b"good");
    assert!(!repository.is_ancestor(evil, head).unwrap());
}

/// Puts other content under the id of an existing loose object.
fn plant(world: &World, id: &str, text: &[u8]) {
    let source = world.folder.path().join("evil");
    write(&source, text);
    let evil = world.git(&["hash-object", "-w", source.to_str().unwrap()]);
    let path = |id: &str| world.root.join(".git/objects").join(&id[..2]).join(&id[2..]);
    fs::create_dir_all(path(id).parent().unwrap()).unwrap();
    fs::remove_file(path(id)).ok();
    fs::copy(path(&evil), path(id)).unwrap();
}

#[test]
fn a_planted_object_is_refused_on_the_way_into_the_store() {
    let world = World::new(&[("a", "good")]);
    let id = world.git(&["rev-parse", "HEAD:a"]);
    plant(&world, &id, b"evil");
    let repository = world.repository();
    let read = repository.file_at(world.head(), b"a", 9).unwrap_err();
    assert!(matches!(read, GitError::BadObject { .. }), "{read}");
    let store = world.store();
    assert!(store.fetch_base(&repository, world.head(), &mut quiet).is_err());
    assert!(!store.has_base(world.head()));
}

#[test]
fn borrowed_objects_and_attributes_slipped_into_the_store_are_removed_on_opening() {
    let world = World::new(&[("a", "1")]);
    let store = world.store();
    write(&store.folder().join("objects/info/alternates"), b"/tmp\n");
    write(&store.folder().join("info/attributes"), b"* binary\n");
    write(&store.folder().join("config"), b"[core]\n\tfsmonitor = /tmp/x\n");
    let store = world.store();
    assert!(!store.folder().join("objects/info/alternates").exists());
    assert!(!store.folder().join("info/attributes").exists());
    assert!(!fs::read_to_string(store.folder().join("config")).unwrap().contains("fsmonitor"));
}

#[test]
fn flags_in_an_index_and_excludes_hide_nothing() {
    let world = World::new(&[("a", "1"), ("b", "2")]);
    let linked = world.folder.path().join("linked");
    world.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    git_in(&linked, &["update-index", "--assume-unchanged", "a"]);
    git_in(&linked, &["update-index", "--skip-worktree", "b"]);
    write(&world.root.join(".git/info/exclude"), b"*\n");
    write(&linked.join("a"), b"evil");
    write(&linked.join("b"), b"evil");
    write(&linked.join("new"), b"evil");
    let store = world.store();
    store.fetch_base(&world.repository(), world.head(), &mut quiet).unwrap();
    let snapshot = world.snapshot(&store, &linked);
    let changed: Vec<String> = git::diff(&store, world.head(), snapshot.commit)
        .unwrap()
        .files
        .iter()
        .map(|file| file.path.shown())
        .collect();
    assert_eq!(changed, ["a", "b", "new"]);
}

/// U-09: a killed agent left an index with 524 staged deletions, and a later commit took them over.
#[test]
fn an_index_full_of_staged_deletions_deletes_nothing() {
    let world = World::new(&[("a", "1"), ("b/c", "2"), ("b/d", "3")]);
    let linked = world.folder.path().join("linked");
    world.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    git_in(&linked, &["rm", "-q", "-r", "--cached", "."]);
    write(&linked.join("new"), b"work");
    let store = world.store();
    store.fetch_base(&world.repository(), world.head(), &mut quiet).unwrap();
    let snapshot = world.snapshot(&store, &linked);
    let changed = git::diff(&store, world.head(), snapshot.commit).unwrap().files;
    assert_eq!(changed.iter().map(|file| file.path.shown()).collect::<Vec<_>>(), ["new"]);
}

/// U-01: the difference from the recorded base is judged, not the agent's last commit.
#[test]
fn commits_resets_and_amends_of_the_agent_change_nothing_in_what_is_judged() {
    let world = World::new(&[("a", "1")]);
    let linked = world.folder.path().join("linked");
    world.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    let store = world.store();
    store.fetch_base(&world.repository(), world.head(), &mut quiet).unwrap();
    write(&linked.join("a"), b"evil");
    let before = world.snapshot(&store, &linked);
    git_in(&linked, &["commit", "-q", "-a", "-m", "hidden"]);
    git_in(&linked, &["commit", "-q", "--amend", "-m", "amended"]);
    git_in(&linked, &["reset", "-q", "--soft", "HEAD~1"]);
    assert_eq!(world.snapshot(&store, &linked), before);
    assert_eq!(git::diff(&store, world.head(), before.commit).unwrap().files.len(), 1);
}

#[test]
fn the_traps_of_these_tests_do_spring_for_ordinary_git() {
    let world = World::new(&[("a", "1"), (".gitattributes", "* filter=x\n")]);
    let trap = world.trap();
    for key in ["core.fsmonitor", "filter.x.clean"] {
        world.git(&["config", key, trap.to_str().unwrap()]);
        world.write("a", b"2");
        git_command(&world.root, &["status"]).output().unwrap();
        assert!(world.canary().exists(), "{key}");
        fs::remove_file(world.canary()).unwrap();
        world.git(&["config", "--unset", key]);
    }
}

#[test]
fn a_replaced_commondir_steers_nothing_and_is_put_right_by_a_rollback() {
    let world = World::new(&[("a", "1")]);
    let (store, _) = world.started();
    let (repository, path) = (world.repository(), world.folder.path().join("attempt"));
    let branch = "refs/heads/monban/1-1";
    let added =
        Worktree::add(&store, &repository, &path, branch, world.head(), &mut quiet).unwrap();
    let Added::New(worktree) = added else { panic!() };
    let own = world.folder.path().join("own");
    git_in(world.folder.path(), &["init", "-q", own.to_str().unwrap()]);
    git_in(&own, &["config", "core.fsmonitor", world.trap().to_str().unwrap()]);
    let hook = own.join(".git/hooks/reference-transaction");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::copy(world.trap(), &hook).unwrap();
    executable(&hook);
    let own_dir = format!("{}/.git\n", own.display());
    write(&worktree.git_dir.join("commondir"), own_dir.as_bytes());
    write(&path.join(".git"), format!("gitdir: {own_dir}").as_bytes());
    let plan = RollbackPlan::new(worktree.clone(), "op1", ".monban", world.head()).unwrap();
    git::steps::finish(&plan, &store, &mut quiet).unwrap();
    repository.base_checkout(&store, MAIN).unwrap();
    assert_eq!(fs::read(worktree.git_dir.join("commondir")).unwrap(), b"../..\n");
    assert_eq!(git_in(&path, &["symbolic-ref", "HEAD"]), branch);
    Worktree::remove(&repository, &path).unwrap();
    assert!(!world.canary().exists());
}
