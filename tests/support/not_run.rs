//! A test that cannot run here says so: `not run: <test>: <reason>` on stdout, and the same line
//! appended to the file named by MONBAN_TEST_NOT_RUN. Not-run is never a pass.

use std::io::Write;

/// Records that `test` was not run.
pub fn not_run(test: &str, reason: &str) {
    let line = format!("not run: {test}: {reason}");
    // Not `println!`: the harness hides that for tests that "pass".
    let _ = writeln!(std::io::stdout(), "{line}");
    let Some(path) = std::env::var_os("MONBAN_TEST_NOT_RUN") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let mut file = file.unwrap_or_else(|error| panic!("cannot open {path:?}: {error}"));
    writeln!(file, "{line}").unwrap();
}
