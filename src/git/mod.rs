//! The supervisor's own repository (the store), the wrapper around the git program, snapshots,
//! worktrees, landing and rollback. The only user of git2.
