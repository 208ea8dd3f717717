//! The `monban.toml` that `init` offers: what was found, with a line of explanation for each part.

use super::detect::Detected;

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
        None => {
            "# base = \"main\"             # without it, the repository's default branch".into()
        }
    };
    format!(
        r#"# How monban judges work on this repository. It is read from the base commit, so commit it:
# a change cannot edit its own judge.
{found}{others}

[project]
{base}

[verify]                        # run in a fresh checkout of what the agent made
setup = {setup}
test = {test}      # may write JUnit to $MONBAN_JUNIT; without it the exit status decides
lint = {lint}

[gates]                         # in this order
checks = {checks}

[limits]                        # only tighter than the level's: 10, 10, 500, 900, "200MB"
# changed_files = 10
# created_files = 10
# changed_lines = 500
# seconds = 900
# disk = "200MB"

[worktree]
copy = []                       # files git does not track that the work needs, such as ".env.test"
"#,
        setup = list(&detected.setup),
        test = string(detected.test.as_deref().unwrap_or_default()),
        lint = string(detected.lint.as_deref().unwrap_or_default()),
        checks = if detected.lint.is_some() { r#"["lint", "test"]"# } else { r#"["test"]"# },
    )
}

fn string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(items: &[String]) -> String {
    toml::Value::from(items.to_vec()).to_string()
}
