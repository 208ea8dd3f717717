//! Both files from a person's side: what they may say, and what a mistake is answered with.

use super::*;
use crate::policy::{Bounds, Level, OnFailure};
use repository::Check;

const DOCUMENTED_REPOSITORY: &str = r#"
[project]
base = "main"
[verify]
setup = ["bun install --frozen-lockfile"]
test = "bun test --reporter=junit --reporter-outfile=$MONBAN_JUNIT"
lint = ""
[gates]                                 # in this order
checks = ["limits", "forbidden", "secrets", "banned", "imports", "danger", "test-lines", "lint", "test", "human"]
human = ["I ran it on a phone"]
[scan]
banned_patterns = [{ pattern = "TODO\\(hack\\)", paths = ["src/**"], why = "..." }]
allowed_imports = ["./", "../", "src/", "node:fs"]
allowed_danger = [{ rule = "danger/process", paths = ["src/runner/**"], why = "it starts programs" }]
[limits]                                # only tighter than the person's
changed_files = 10
created_files = 10
changed_lines = 500
seconds = 900
disk = "200MB"
[worktree]
copy = [".env.test"]
"#;

const DOCUMENTED_PERSON: &str = r#"
level = "L1"
max_agents = 4
[agents.claude]
program = "/usr/local/bin/claude"
[agents.tick]
kind = "command"
program = "/home/me/bin/tick.sh"
args = ["--now"]
env = { NAME = "value" }
env_pass = ["OTHER"]
[isolation]
home = ".monban/home"
pass = ["RUSTUP_HOME", "CARGO_HOME", "NVM_DIR"]
"#;

fn repository(text: &str) -> RepositoryConfig {
    repository::parse(text.as_bytes(), "monban.toml").unwrap()
}

fn repository_mistakes(text: &str) -> Vec<String> {
    let Diagnostics(found) = repository::parse(text.as_bytes(), "monban.toml").unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

fn person_mistakes(text: &str) -> Vec<String> {
    let Diagnostics(found) = person::parse(text.as_bytes(), "config.toml").unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn the_documented_repository_file_is_read() {
    let config = repository(DOCUMENTED_REPOSITORY);
    assert_eq!(config.base.as_deref(), Some("main"));
    assert_eq!(config.verify.setup, ["bun install --frozen-lockfile"]);
    assert_eq!(config.verify.lint, None);
    assert_eq!(config.checks, Check::ALL.iter().map(|(check, _)| *check).collect::<Vec<_>>());
    assert_eq!(config.scan.banned_patterns[0].pattern, "TODO\\(hack\\)");
    assert_eq!(config.scan.allowed_imports.unwrap().len(), 4);
    assert_eq!(config.scan.allowed_danger[0].paths, ["src/runner/**"]);
    assert_eq!(config.human, [crate::base::foreign::Foreign::new("I ran it on a phone")]);
    let bounds = Bounds {
        changed_files: Some(10),
        created_files: Some(10),
        changed_lines: Some(500),
        seconds: Some(900),
        disk_bytes: Some(200_000_000),
    };
    assert_eq!(config.bounds, bounds);
    assert_eq!(config.copy, [".env.test"]);
}

#[test]
fn the_documented_person_file_is_read() {
    let person = person::parse(DOCUMENTED_PERSON.as_bytes(), "config.toml").unwrap();
    assert_eq!((person.level, person.max_agents), (Level::L1, 4));
    let claude = &person.agents["claude"];
    assert_eq!((claude.kind.as_str(), claude.line), ("claude", 4));
    assert_eq!(claude.args, None);
    let tick = &person.agents["tick"];
    assert_eq!(tick.kind, person::COMMAND_KIND);
    assert_eq!(tick.args.as_deref(), Some(["--now".to_string()].as_slice()));
    assert_eq!((tick.env["NAME"].as_str(), tick.env_pass.len()), ("value", 1));
    assert_eq!(person.isolation.pass.len(), 3);
}

#[test]
fn what_is_not_said_has_its_default() {
    let missing = tempfile::tempdir().unwrap().path().join("config.toml");
    let person = person::load(&missing).unwrap();
    assert_eq!((person.level, person.max_agents), (Level::L1, 4));
    assert_eq!(person.isolation.home, ".monban/home");
    assert!(person.isolation.pass.iter().any(|name| name == "CARGO_HOME"));
    assert_eq!(person.level.rules().on_failure, OnFailure::Stop);

    let config = repository("");
    assert_eq!(config, RepositoryConfig::without_file());
    assert_eq!(config.checks, [Check::Lint, Check::Test]);
    let limits = effective_limits(&person.level.rules().limits, &config)
        .each()
        .map(|(_, limit)| limit.value);
    assert_eq!(limits, [10, 10, 500, 900, 200_000_000]);
}

#[test]
fn the_repository_tightens_limits_and_cannot_loosen_them() {
    let own = person::parse(b"[limits]\nseconds = 900\ndisk = \"5GB\"\n", "config.toml").unwrap();
    assert_eq!(own.bounds.disk_bytes, Some(5_000_000_000));
    let own = Level::L1.rules().limits.stated(&own.bounds);
    let seconds = |text: &str| effective_limits(&own, &repository(text)).seconds;
    let (tighter, looser) = (seconds("[limits]\nseconds = 60"), seconds("[limits]\nseconds = 901"));
    assert_eq!((tighter.value, tighter.origin), (60, Origin::Repository));
    assert_eq!((looser.value, looser.origin), (900, Origin::Person));
}

#[test]
fn an_unknown_key_names_its_place_what_was_meant_and_what_is_allowed() {
    let text = "[project]\nbase = \"main\"\n\n[verify]\n  tets = \"make test\"\n";
    let expected = "monban.toml:5:3: verify.tets: unknown key; did you mean \"test\"? Allowed: \
                    setup, test, lint";
    assert_eq!(repository_mistakes(text), [expected]);
    // A key that does nothing is refused, so that nobody relies on it.
    let found = repository_mistakes("[verify]\ncache = [\"target\"]");
    assert!(found[0].starts_with("monban.toml:2:1: verify.cache: unknown key"), "{found:?}");
    assert!(found[0].ends_with("llowed: setup, test, lint"), "{found:?}");
    // Nor is a limit accepted that nothing enforces.
    for key in ["changed_files = 5", "created_files = 0", "changed_lines = 5", "disk = \"1MB\""] {
        let text = format!("[gates]\nchecks = [\"test\"]\n[limits]\nseconds = 60\n{key}\n");
        let found = repository_mistakes(&text);
        assert!(found[0].starts_with("monban.toml:5:1: limits."), "{found:?}");
        assert!(found[0].ends_with("nothing looks at it: [gates] checks has no \"limits\""));
        repository(&text.replace("[\"test\"]", "[\"limits\", \"test\"]"));
    }
    let scan = "[scan]\nallowed_imports = [\"./\"]\nbanned_patterns = [{ pattern = \"x\" }]\n";
    let found = repository_mistakes(scan);
    assert!(found[0].starts_with("monban.toml:2:1: scan.allowed_imports:"), "{found:?}");
    assert!(found[0].contains("nothing looks at it") && found[0].contains("\"imports\""));
    assert!(found[1].starts_with("monban.toml:3:1: scan.banned_patterns:"), "{found:?}");
    // The repository has no say in what runs on the person's machine.
    for key in ["level = \"L3\"", "[agents.claude]\nprogram = \"/bin/sh\"", "[isolation]"] {
        let found = repository_mistakes(key);
        assert!(found[0].contains("unknown key"), "{found:?}");
    }
}

#[test]
fn every_mistake_of_a_file_is_reported_at_once_in_its_order() {
    let text = "[verify]\ntest = 3\nsetup = [\"\", 4]\n[gates]\nchecks = [\"lints\", \"test\", \"test\", \"banned\"]\n\
                [limits]\nseconds = 0\ndisk = \"1 mb\"\n[project]\nbase = \"a..b\"\n\
                [worktree]\ncopy = [\"../secret\", \"/etc/passwd\", \".git/config\"]\n\
                [scan]\nbanned_patterns = [{ pattern = \"(\" }, { why = \"x\" }]\n";
    let expected = [
        "2:8: verify.test: expected a string in quotes, found a value of type integer",
        "3:10: verify.setup: an empty command",
        "3:14: verify.setup: expected a string in quotes",
        "5:11: gates.checks: \"lints\" is not a check; did you mean \"lint\"? Allowed: limits, ",
        "5:28: gates.checks: this check stands twice",
        "7:11: limits.seconds: 0 is not allowed: expected a whole number from 1 to 604800",
        "8:1: limits.disk: nothing looks at it: [gates] checks has no \"limits\"",
        "8:8: limits.disk: \"1 mb\" is not a size",
        "10:8: project.base: \"a..b\" is not the name of a branch",
        "12:9: worktree.copy: \"../secret\" must not leave the worktree",
        "12:22: worktree.copy: \"/etc/passwd\" must be relative to the worktree",
        "12:37: worktree.copy: \".git/config\" must not be in .git",
        "14:32: scan.banned_patterns.pattern: \"(\" is not a regular expression",
        "14:39: scan.banned_patterns: a banned pattern needs \"pattern\"",
    ];
    let found = repository_mistakes(text);
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            found.starts_with(&format!("monban.toml:{expected}")),
            "{found}\nis not {expected}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn malformed_text_names_its_line() {
    let found = repository_mistakes("[verify]\ntest = \"unclosed\n");
    assert!(found[0].starts_with("monban.toml:2:"), "{found:?}");
    let found = repository_mistakes("[verify]\ntest = \"a\"\ntest = \"b\"\n");
    assert!(
        found[0].starts_with("monban.toml:3:1:") && found[0].contains("duplicate"),
        "{found:?}"
    );
    let Diagnostics(found) = person::parse(b"level = \"L1\"\n# \xff", "config.toml").unwrap_err();
    assert_eq!(found[0].to_string(), "config.toml:2:3: the text is not UTF-8");
    let large = vec![b'#'; FILE_BYTES_MAX as usize + 1];
    assert!(repository::parse(&large, "monban.toml").is_err());
}

#[test]
fn the_words_of_a_hostile_file_are_shown_escaped() {
    let found = repository_mistakes("[verify]\n\"a\u{202e}\u{1b}\\u001b[2J\" = 1\n");
    assert!(!found[0].contains('\u{202e}') && !found[0].contains('\u{1b}'), "{found:?}");
    let found = repository_mistakes("[project]\nbase = \"x\\u001b[2J\"\n");
    assert!(found[0].contains("\\u{1b}[2J"), "{found:?}");
}

#[test]
fn a_level_that_is_not_built_is_refused_with_what_it_needs() {
    let found = person_mistakes("level = \"L2a\"\n");
    let expected = "config.toml:1:9: level: L2a is not built yet: needs evidence from L1";
    assert!(found[0].starts_with(expected) && found[0].contains("possible is \"L1\""), "{found:?}");
    assert!(person_mistakes("level = 1\n")[0].contains("expected a string"));
}

#[test]
fn a_person_cannot_undo_the_isolation_by_a_slip() {
    let mistakes = [
        ("max_agents = 0\n", "a whole number from 1 to 64"),
        ("[isolation]\nhome = \"../elsewhere\"\n", "must not leave the worktree"),
        ("[isolation]\nhome = \"/home/me\"\n", "must be relative to the worktree"),
        ("[isolation]\npass = [\"HOME\"]\n", "A-009"),
        ("[isolation]\npass = [\"https_proxy\"]\n", "A-011"),
        ("[agents.a]\nprogram = \"x\"\nenv = { HTTP_PROXY = \"x\" }\n", "A-011"),
        ("[agents.a]\nprogram = \"x\"\nenv_pass = [\"MONBAN_HOME\"]\n", "cannot be chosen"),
        ("[agents.a]\nkind = \"command\"\n", "needs \"program\""),
        ("[agents.a]\nprogram = \"bin/a\"\n", "neither an absolute path"),
        ("[agents.\"A b\"]\nprogram = \"a\"\n", "is not a name for an agent"),
        ("[agents]\nclaude = \"x\"\n", "expected a table"),
        ("[agents.a]\nprogramm = \"a\"\n", "did you mean \"program\"?"),
    ];
    for (text, expected) in mistakes {
        let found = person_mistakes(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
    for home in [".", ".monban", "home", "./.monban/home", ".monban/.."] {
        let text = format!("[isolation]\nhome = \"{home}\"\n");
        assert_eq!(person_mistakes(&text).len(), 1, "{home} would be part of a snapshot");
    }
    let own = person::parse(b"[isolation]\nhome = \".monban/h\"\n", "config.toml").unwrap();
    assert_eq!(own.isolation.home, ".monban/h");
}

#[test]
fn the_gate_hash_follows_what_judges_and_nothing_else() {
    let hash = repository(DOCUMENTED_REPOSITORY).gate_hash();
    let same = DOCUMENTED_REPOSITORY.replace("= \"main\"", "= \"trunk\" # moved");
    assert_eq!(repository(&same).gate_hash(), hash);
    let changes = [
        ("reporter=junit", "reporter=other"),
        ("\"lint\", \"test\"", "\"test\", \"lint\""),
        ("on a phone", "on two phones"),
        ("danger/process", "danger/shell"),
        ("src/runner/**", "src/**"),
        ("src/**", "lib/**"),
        ("seconds = 900", "seconds = 901"),
        (".env.test", ".env"),
        ("--frozen-lockfile\"", "\""),
    ];
    for (from, to) in changes {
        let changed = DOCUMENTED_REPOSITORY.replace(from, to);
        assert_ne!(repository(&changed).gate_hash(), hash, "{from}");
    }
    assert_eq!(
        repository("[gates]\nchecks = [\"imports\"]\n[scan]\nallowed_imports = []\n")
            .scan
            .allowed_imports,
        Some(Vec::new()),
        "allowing nothing is not the same as not saying"
    );
    assert_eq!(Bounds::default(), repository("").bounds);
}

#[test]
fn a_gate_that_asks_no_person_and_allows_nothing_keeps_the_hash_it_is_trusted_by() {
    let hash = repository("[verify]\ntest = \"make test\"\n").gate_hash();
    assert_eq!(hash, "7cee14cfb354c9622c21bcc03bfd1d41fedde6491943e81d54be2dd8796fc2a9");
}

#[test]
fn what_a_person_attests_is_read_as_it_stands_and_bounded() {
    let gates = |checks: &str, human: &str| {
        repository_mistakes(&format!("[gates]\nchecks = [{checks}]\nhuman = [{human}]\n"))
    };
    let many = (0..10).map(|n| format!("\"a{n}\"")).collect::<Vec<_>>().join(", ");
    let long = format!("\"{}\"", "字".repeat(repository::STATEMENT_CHARS_MAX + 1));
    let mistakes = [
        ("\"human\", \"test\"", "\"a\"", "2:20: gates.checks: nothing can be run behind"),
        ("\"test\"", "\"a\"", "3:10: gates.human: nobody is asked: add \"human\" at the end"),
        ("\"test\", \"human\"", "\" \"", "3:10: gates.human: an empty statement"),
        ("\"test\", \"human\"", "\"a\", \"a\"", "3:15: gates.human: this statement stands"),
        ("\"test\", \"human\"", "\"a\\nb\"", "3:10: gates.human: a statement is one line"),
        ("\"test\", \"human\"", "\"a\\u202eb\"", "3:10: gates.human: a statement is one line"),
        ("\"test\", \"human\"", "3", "3:10: gates.human: expected a string in quotes"),
        ("\"test\", \"human\"", &long, "3:10: gates.human: a statement has 80 characters"),
        ("\"test\", \"human\"", &many, "3:64: gates.human: a person is asked for 9 statements"),
    ];
    for (checks, human, expected) in mistakes {
        let found = gates(checks, human);
        let is_it = found.len() == 1 && found[0].starts_with(&format!("monban.toml:{expected}"));
        assert!(is_it, "{found:#?}\nis not {expected}");
    }
    assert!(repository("[gates]\nchecks = [\"test\", \"human\"]\n").human.is_empty());
}

#[test]
fn an_allowance_names_a_rule_that_there_is_its_files_and_why() {
    let scan = |allowance: &str| {
        let checks = "[gates]\nchecks = [\"danger\", \"test\"]\n";
        repository_mistakes(&format!("{checks}[scan]\nallowed_danger = [{{ {allowance} }}]\n"))
    };
    let found = scan("rule = \"danger/proces\", paths = [\"a\"], why = \"b\"");
    assert!(found[0].contains("\"danger/proces\" is no rule of danger"), "{found:?}");
    assert!(found[0].contains("the nearest are danger/process, danger/"), "{found:?}");
    // Tests that are gone and thresholds that are lowered are nothing a project is there for.
    for rule in ["danger/deleted-test", "danger/unreadable", "danger/lowered-coverage"] {
        let found = scan(&format!("rule = \"{rule}\", paths = [\"a\"], why = \"b\""));
        assert!(found[0].contains("is no rule of danger that can be allowed"), "{found:?}");
    }
    let rule = "rule = \"danger/process\"";
    let half = [
        "paths = [\"a\"], why = \"b\"".to_string(),
        format!("{rule}, why = \"b\""),
        format!("{rule}, paths = [], why = \"b\""),
        format!("{rule}, paths = [\"a\"]"),
    ];
    for allowance in half {
        let found = scan(&allowance);
        assert!(found[0].contains("needs \"rule\", \"paths\" and \"why\""), "{found:?}");
    }
    let found = scan(&format!("{rule}, paths = [\"src/**\", \"src/[a\"], why = \"b\""));
    assert!(found.len() == 1 && found[0].contains("\"src/[a\" is not a glob"), "{found:?}");
    let banned = "[gates]\nchecks = [\"banned\", \"test\"]\n[scan]\n\
                  banned_patterns = [{ pattern = \"a\", paths = [\"{a\"] }]\n";
    let found = repository_mistakes(banned);
    assert!(found.len() == 1 && found[0].contains("\"{a\" is not a glob"), "{found:?}");
    let idle = "[scan]\nallowed_danger = []\n";
    assert!(repository_mistakes(idle)[0].contains("[gates] checks has no \"danger\""));
}

fn detected(files: &[(&str, &str)]) -> Detected {
    detect(&|name| {
        files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_string())
    })
}

#[test]
fn toolchains_are_recognised_by_their_files() {
    let package = r#"{"scripts": {"test": "vitest run", "lint": "eslint ."}}"#;
    let bare = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
    type Files = [(&'static str, &'static str)];
    let cases: [(&Files, &str, &str); 12] = [
        (&[("Cargo.toml", ""), ("Cargo.lock", "")], "cargo", "cargo test --locked"),
        (&[("Cargo.toml", ""), ("Makefile", "test:\n")], "cargo", "cargo test"),
        (&[("package.json", "{}"), ("bun.lock", "")], "bun", "bun test --reporter=junit"),
        (&[("package.json", package), ("bun.lockb", "")], "bun", "bun run test"),
        (&[("package.json", package)], "npm", "npm test"),
        (&[("package.json", package), ("pnpm-lock.yaml", "")], "pnpm", "pnpm test"),
        (&[("package.json", package), ("yarn.lock", "")], "yarn", "yarn test"),
        (&[("package.json", bare)], "npm", ""),
        (&[("go.mod", "")], "go", "go test ./..."),
        (&[("pyproject.toml", ""), ("uv.lock", "")], "uv", "uv run pytest --junitxml"),
        (&[("requirements.txt", "")], "python", "python -m pytest"),
        (&[("Makefile", "x := 1\ncheck : x\n\tx\n")], "make", "make check"),
    ];
    for (files, toolchain, test) in cases {
        let found = detected(files);
        assert_eq!(found.toolchain, Some(toolchain), "{files:?}");
        assert!(found.test.clone().unwrap_or_default().starts_with(test), "{found:?}");
        assert_eq!(found.test.is_none(), test.is_empty());
    }
    assert_eq!(detected(&[]), Detected::default());
    assert_eq!(
        detected(&[("Makefile", "test := 1\n"), ("package.json", "[")]),
        Detected::default()
    );
    assert_eq!(detected(&[("Cargo.toml", ""), ("go.mod", "")]).others, ["go"]);
}

#[test]
fn the_first_file_is_valid_and_says_what_was_found() {
    for files in [&[][..], &[("Cargo.toml", "")], &[("package.json", "{}"), ("bun.lock", "")]] {
        let found = Detected { base: Some("trunk".into()), ..detected(files) };
        let text = render_initial(&found);
        let notes = text.lines().filter_map(|line| line.rfind('#').filter(|at| *at > 0));
        assert!(notes.clone().count() >= 3 && notes.into_iter().all(|at| at == 32), "{text}");
        let config = repository(&text);
        let by_machines = Check::ALL.iter().map(|(check, _)| *check);
        let by_machines = by_machines.filter(|check| *check != Check::Human);
        assert_eq!(config.checks, by_machines.collect::<Vec<_>>());
        // What is offered works as it stands.
        let meant = |line: &str| {
            let is_key = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let setting = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
            setting.is_some_and(|(key, _)| is_key(key))
        };
        let asking = text.replacen("\"lint\", \"test\",", "\"lint\", \"test\", \"human\",", 1);
        let all: String = asking
            .lines()
            .map(|line| if meant(line) { line.replacen("# ", "", 1) } else { line.into() } + "\n")
            .collect();
        let all = repository(&all);
        assert_eq!(Limits::DEFAULT.tightened(&all.bounds, Origin::Repository), Limits::DEFAULT);
        assert!(all.bounds.disk_bytes.is_some() && all.scan.allowed_imports.is_some());
        assert_eq!((all.human.len(), all.scan.allowed_danger.len()), (1, 1));
        assert_eq!(config.base.as_deref(), Some("trunk"));
        assert_eq!(config.verify.setup, found.setup);
        assert_eq!(config.verify.test, found.test);
        assert_eq!(config.verify.lint, found.lint);
        assert!(config.checks.contains(&Check::Test));
    }
    let odd = Detected { test: Some("say \"a'b\\\" \u{7f}".into()), ..Detected::default() };
    assert_eq!(repository(&render_initial(&odd)).verify.test, odd.test);
    assert_eq!(repository(&render_initial(&odd)).base, None);
}
