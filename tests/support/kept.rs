//! An agent kind of its own, `kept`, that a person logs in by a file below their home, as a
//! subscription is.

use super::instance::Instance;
use std::fs;
use std::path::{Path, PathBuf};

/// The login by a file with a refresh token.
pub const FILE_LOGIN: &str = r#"
[[logins]]
kind = "file"
from_variable = "KEPT_HOME"
from = "{person_home}/.kept"
name = "login.json"
to = ".kept/login.json"
refreshes = "/refresh"
newer = "/at"
"#;

/// Gives the instance a person with a home of their own, where that login would be.
pub fn person(monban: &mut Instance) -> PathBuf {
    let home = monban.home.with_file_name("person");
    fs::create_dir_all(home.join(".kept")).unwrap();
    monban.person = Some(home.clone());
    home
}

/// Writes the kind, whose agents are the scripted ones run by `program`: `head` is of the kind
/// itself, `tables` are its logins and what else it has.
pub fn write_kind(monban: &Instance, program: &str, head: &str, tables: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/agent.sh");
    let kind = format!(
        r#"
name = "kept"
title = "Kept"
program = "{program}"
args = ["{}"]
folders = [".kept"]
{head}
{tables}
[prompt]
ready = "idle"
[turn]
idle = "done"
exit = "unfinished"
"#,
        script.display()
    );
    let folder = monban.home.join("agents");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("kept.toml"), kind).unwrap();
}
