//! The files of a worktree that an agent takes instructions from, so that a person can see them.

use super::kind::AgentKind;
use std::fs;
use std::path::{Path, PathBuf};

/// More files than this are not listed.
pub const FILES_MAX: usize = 200;
const DEPTH_MAX: usize = 6;

/// The instruction and skill files in `worktree`, relative to it, sorted; at most [`FILES_MAX`].
/// Links are listed and not followed.
pub fn instruction_files(kind: &AgentKind, worktree: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for name in &kind.instructions {
        collect(worktree, Path::new(name), DEPTH_MAX, &mut files);
    }
    files.sort();
    files.dedup();
    files
}

fn collect(worktree: &Path, relative: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    if files.len() >= FILES_MAX {
        return;
    }
    let path = worktree.join(relative);
    let Ok(metadata) = fs::symlink_metadata(&path) else { return };
    if !metadata.is_dir() {
        files.push(relative.to_path_buf());
        return;
    }
    if depth == 0 {
        return;
    }
    let mut names: Vec<_> = match fs::read_dir(&path) {
        Ok(entries) => entries.flatten().take(FILES_MAX).map(|entry| entry.file_name()).collect(),
        Err(_) => return,
    };
    names.sort();
    for name in names {
        collect(worktree, &relative.join(name), depth - 1, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agents_read_is_listed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["AGENTS.md", "CLAUDE.md", "src.rs", ".claude/skills/x/SKILL.md"] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "x").unwrap();
        }
        std::os::unix::fs::symlink("/", root.join(".codex")).unwrap();
        let kinds = AgentKind::builtin().unwrap();
        let listed = |index: usize| -> Vec<String> {
            let files = instruction_files(&kinds[index], root);
            files.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(listed(0), [".claude/skills/x/SKILL.md", "AGENTS.md", "CLAUDE.md"]);
        assert_eq!(listed(1), [".codex", "AGENTS.md"]);
        assert!(listed(2).is_empty());
    }
}
