//! Pseudo-terminals. The only user of portable-pty.
