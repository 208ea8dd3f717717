//! `monban demo`: the whole job on a throw-away repository with scripted agents, no account and no
//! network. On a terminal the person does it at the dashboard; without one the demo plays the
//! person too, and every step must be in the event log.

mod stage;
mod story;

use super::Here;
use super::exit::Failure;
use super::play::{self, Plot};
use std::io::{IsTerminal, Write};

const GREET: &str = "#!/bin/sh\necho \"Hello, everybody!\"\n";
const README: &str = "# greet\n\nGreets people.\n";
/// Passes when greet.sh greets, and says so in JUnit's format.
const TEST: &str = r#"#!/bin/sh
out=$(sh ./greet.sh 2>/dev/null) && [ "$out" = "Hello, everybody!" ] && ok=1 || ok=0
echo "greeting: $out"
fail=""
[ $ok = 1 ] || fail='<failure message="it does not greet"/>'
printf '<testsuites><testsuite name="greet"><testcase classname="greet" name="greets everybody">%s</testcase></testsuite></testsuites>\n' "$fail" > "$MONBAN_JUNIT"
[ $ok = 1 ]
"#;
/// The checks are those that `monban init` writes, but for a lint that it has none of.
const MONBAN: &str = r#"[project]
base = "main"

[verify]
test = "sh ./test.sh"

[gates]
checks = ["limits", "forbidden", "secrets", "banned", "imports", "danger", "test-lines", "test"]
"#;

const PLOT: Plot = Plot {
    name: "demo",
    files: &[
        ("greet.sh", GREET),
        ("README.md", README),
        ("test.sh", TEST),
        ("monban.toml", MONBAN),
    ],
    agents: &["good", "asks", "ready", "works", "harm"],
};

/// Opens the dashboard on the demo; `headless`, or without a terminal, tells its story and fails at
/// the first step whose evidence is missing.
pub(super) fn run(here: &Here, headless: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let has_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let headless = headless || !has_terminal;
    if !headless {
        writeln!(out, "a throw-away repository, and agents that start to work in it ...")?;
        out.flush()?;
    }
    play::on(&PLOT, out, |stage, client, out| match headless {
        true => story::tell(&stage.ground, client, out),
        false => {
            let client = stage::set_going(&stage.ground, client)?;
            stage.take_signals();
            stage::open(here, &stage.ground, client)
        }
    })
}
