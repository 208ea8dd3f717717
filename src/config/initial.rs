//! The `monban.toml` that `init` offers: what was found, with a line of explanation for each part.

use super::detect::Detected;

/// Where the explanations behind the lines begin, if the line is not longer.
const NOTE_COLUMN: usize = 32;

/// The text of a first `monban.toml`. Whoever writes it must not overwrite one.
pub fn render_initial(detected: &Detected) -> String {
    let found = match detected.toolchain {
        Some(toolchain) => format!("# Found: {toolchain}."),
        None => "# No toolchain was recognised: fill in [verify] before the first run.".into(),
    };
    let others = match detected.others.as_slice() {
        [] => String::new(),
        others => format!("\n# Also seen and left out: {}.", others.join(", ")),
    };
    let base = match &detected.base {
        Some(base) => format!("base = {}", string(base)),
        None => noted("# base = \"main\"", "without it, the repository's default branch"),
    };
    format!(
        r#"# How monban judges work on this repository. It is read from the base commit, so
# commit it: a change cannot edit its own judge.
{found}{others}

[project]
{base}

# Run in a fresh checkout of what the agent made. The tests may write JUnit to
# $MONBAN_JUNIT; without it their exit status decides. Set-up and lint may add files
# there and change none that git tracks (a rewritten lock file, say): what is judged
# would no longer be what the agent made, so the tests would not be run.
[verify]
setup = {setup}
test = {test}
lint = {lint}

{gates}
checks = [
    "limits", "forbidden", "secrets", "banned", "imports", "danger", "test-lines",
    "lint", "test",
]
# With "human" as the last check, whoever approves attests each of these with it:
# human = ["I ran it on a phone"]

[scan]
# banned_patterns = [{{ pattern = "TODO\\(hack\\)", paths = ["src/**"], why = "..." }}]
{imports}
# Where danger is what the files are there for; it is told with the approval then:
# allowed_danger = [{{ rule = "danger/process", paths = ["src/run/**"], why = "..." }}]

# Only tighter than the limits of your own config.toml, or the level's: looser ones
# stand there, under [limits] as well.
{limits}
# changed_files = 10
{created}
# changed_lines = 500
{disk}
{seconds}

# Files git does not track that the work needs, such as ".env.test".
[worktree]
copy = []
"#,
        setup = list(&detected.setup),
        test = string(detected.test.as_deref().unwrap_or_default()),
        lint = string(detected.lint.as_deref().unwrap_or_default()),
        gates = noted("[gates]", "in this order"),
        imports = noted("# allowed_imports = [\"./\"]", "without it any import may be added"),
        limits = noted("[limits]", "of one attempt at a task"),
        created = noted("# created_files = 10", "also ignored ones; a folder is one"),
        disk = noted("# disk = \"200MB\"", "beyond the base; build output too"),
        seconds = noted("# seconds = 900", "of work, and for each command above"),
    )
}

fn noted(line: &str, note: &str) -> String {
    format!("{line:NOTE_COLUMN$}# {note}")
}

fn string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(items: &[String]) -> String {
    toml::Value::from(items.to_vec()).to_string()
}
