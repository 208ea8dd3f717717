//! The tests, as data.

use crate::cli::play::Plot;
use crate::model::task::Kind;

/// A test: what a scripted agent does, and what must come of it.
pub(super) struct Case {
    /// Its name in the roadmap.
    pub id: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The kind of the task.
    pub kind: Kind,
    /// What must come of it.
    pub expected: Expected,
}

/// What must come of a test.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// The work of this agent passes every check and lands once it is approved.
    Lands { agent: &'static str },
    /// A check stops the work of this agent and shows this; everything halts, the worktree is
    /// rolled back, the base has not moved.
    Stops { agent: &'static str, check: &'static str, shows: &'static str },
    /// It cannot be played yet, for this reason.
    Later(&'static str),
}

/// In the order they are played.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "smoke-1",
        title: "a good change passes every check and lands",
        kind: Kind::Add,
        expected: Expected::Lands { agent: "names" },
    },
    Case {
        id: "smoke-2",
        title: "an import that is not allowed is really written, found and taken back",
        kind: Kind::Add,
        expected: Expected::Stops { agent: "imports", check: "imports", shows: "left-pad" },
    },
    Case {
        id: "F1",
        title: "a dangerous symbol stops everything",
        kind: Kind::Fix,
        expected: Expected::Stops { agent: "evals", check: "danger", shows: "eval(" },
    },
    Case {
        id: "F2",
        title: "a failing test rolls back",
        kind: Kind::Refactor,
        expected: Expected::Stops { agent: "breaks", check: "test", shows: "1 of 1" },
    },
    Case {
        id: "F3",
        title: "an import that the agent committed itself stops everything",
        kind: Kind::Fix,
        expected: Expected::Stops { agent: "commits", check: "imports", shows: "left-pad" },
    },
    Case {
        id: "F4",
        title: "two failures in a row stop a night",
        kind: Kind::Fix,
        expected: Expected::Later("not before L2a: at L1 the first failure stops everything"),
    },
];

/// Passes when greet.sh greets, and says so in JUnit's format.
const TEST: &str = r#"#!/bin/sh
out=$(sh ./greet.sh) && [ "$out" = "Hello, everybody!" ] && fail="" || fail='<failure message="it does not greet"/>'
printf '<testsuite name="greet"><testcase classname="greet" name="greets everybody">%s</testcase></testsuite>' "$fail" > "$MONBAN_JUNIT"
[ -z "$fail" ]
"#;

const MONBAN: &str = r#"[project]
base = "main"

[verify]
test = "sh ./test.sh"

[gates]
checks = ["limits", "forbidden", "secrets", "banned", "imports", "danger", "test-lines", "test"]

[scan]
allowed_imports = ["./", "node:fs"]
banned_patterns = [{ pattern = "TODO\\(hack\\)", why = "hacks are not handed in" }]
"#;

/// The ground of the tests.
pub(super) const PLOT: Plot = Plot {
    name: "selftest",
    files: &[
        ("greet.sh", "#!/bin/sh\necho \"Hello, everybody!\"\n"),
        (
            "src/greet.js",
            "import { name } from \"./name.js\";\n\nconsole.log(`Hello, ${name}!`);\n",
        ),
        ("src/name.js", "export const name = \"everybody\";\n"),
        ("test.sh", TEST),
        ("monban.toml", MONBAN),
    ],
    agents: &["names", "imports", "evals", "breaks", "commits"],
};
