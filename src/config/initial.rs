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
    let checks = if detected.lint.is_some() { r#"["lint", "test"]"# } else { r#"["test"]"# };
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
checks = {checks}

{limits}
{seconds}

# Files git does not track that the work needs, such as ".env.test".
[worktree]
copy = []
"#,
        setup = list(&detected.setup),
        test = string(detected.test.as_deref().unwrap_or_default()),
        lint = string(detected.lint.as_deref().unwrap_or_default()),
        gates = noted("[gates]", "in this order"),
        limits = noted("[limits]", "only tighter than the level's"),
        seconds = noted("# seconds = 900", "for each command above"),
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
