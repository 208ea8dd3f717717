//! Runs: the holder process, its transcript, and the daemon's side of both.
