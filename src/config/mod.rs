//! The two configuration files, read with line-numbered diagnostics.
