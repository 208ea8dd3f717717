//! What a start plans and what it writes.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

struct Setup {
    folder: tempfile::TempDir,
    attempt: Attempt,
    host: Host,
    config: AgentConfig,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    for name in ["worktree", "person/.cargo", "bin", "relative"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    for name in ["claude", "codex", "tick"] {
        let path = folder.path().join("bin").join(name);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let environment = [
        ("PATH", format!("relative:{}:/usr/bin", path("bin"))),
        ("HOME", path("person")),
        ("LC_TIME", "ja_JP.UTF-8".into()),
        ("OPENAI_API_KEY", "sk-openai".into()),
        ("CLAUDE_CODE_OAUTH_TOKEN", "oauth-secret".into()),
        ("ANTHROPIC_API_KEY", "sk-ant-secret".into()),
        ("AWS_SECRET_ACCESS_KEY", "aws-secret".into()),
        ("HTTPS_PROXY", "http://proxy".into()),
        ("all_proxy", "socks5://proxy".into()),
        ("GIT_DIR", "/elsewhere".into()),
        ("SSH_AUTH_SOCK", "/run/agent".into()),
    ];
    let attempt = Attempt {
        worktree: folder.path().join("worktree"),
        home: ".monban/home".into(),
        git_writable: vec![folder.path().join("repository/.git/objects")],
        identity: GitIdentity { name: "A \"B\"".into(), email: "a@b".into() },
        run: "run1".into(),
        report_socket: folder.path().join("r.sock"),
        report_token: "report-secret".into(),
        monban: folder.path().join("mon ban"),
        session: None,
        pass: vec!["CARGO_HOME".into(), "RUSTUP_HOME".into()],
        now: Timestamp::from_millis(0),
    };
    let pairs = environment.into_iter().map(|(name, value)| (name.to_string(), value));
    let host = Host { environment: pairs.collect(), os: Os::Linux };
    Setup { folder, attempt, host, config: AgentConfig::default() }
}

fn kind(name: &str) -> AgentKind {
    AgentKind::builtin().unwrap().into_iter().find(|kind| kind.name == name).unwrap()
}

impl Setup {
    fn prepare(&self, name: &str) -> Result<Prepared, Refusal> {
        prepare(name, &kind(name), &self.config, &self.attempt, &self.host)
    }

    fn file(&self, prepared: &Prepared, path: &str) -> String {
        let file = prepared.files.iter().find(|file| file.path == Path::new(path)).unwrap();
        String::from_utf8(file.bytes.clone()).unwrap()
    }
}

/// U-04: agents got the whole environment of the person.
#[test]
fn the_environment_is_an_allow_list() {
    let setup = setup();
    let prepared = setup.prepare("claude").unwrap();
    let env = &prepared.env;
    for absent in ["AWS_SECRET_ACCESS_KEY", "GIT_DIR", "SSH_AUTH_SOCK", "ANTHROPIC_API_KEY"] {
        assert!(!env.contains_key(absent), "{absent}");
    }
    assert!(!env.keys().any(|name| name.to_lowercase().contains("proxy")), "{env:?}");
    assert_eq!(env["HOME"], setup.attempt.home_path().display().to_string());
    assert_eq!(env["CLAUDE_CONFIG_DIR"], format!("{}/.claude", env["HOME"]));
    assert_eq!((env["LC_TIME"].as_str(), env["LANG"].as_str()), ("ja_JP.UTF-8", "C.UTF-8"));
    assert_eq!(env["CLAUDE_CODE_OAUTH_TOKEN"], "oauth-secret");
    assert_eq!(env["GIT_AUTHOR_NAME"], "A \"B\"");
    assert_eq!(env["CARGO_HOME"], format!("{}/person/.cargo", setup.folder.path().display()));
    assert!(!env.contains_key("RUSTUP_HOME"), "the folder is not there");
}

#[test]
fn the_report_counts_and_masks() {
    let mut setup = setup();
    setup.config.env.insert("MY_FLAG".into(), "my-value".into());
    setup.config.env_pass.push("AWS_SECRET_ACCESS_KEY".into());
    let gateway = "https://me:gateway-secret@gateway".to_string();
    setup.host.environment.insert("ANTHROPIC_BASE_URL".into(), gateway);
    let report = setup.prepare("claude").unwrap().report;
    let entry = |name: &str| report.entries.iter().find(|entry| entry.name == name).unwrap();
    assert_eq!((entry("MY_FLAG").shown.as_str(), entry("MY_FLAG").why), ("***", Why::Person));
    assert_eq!(entry("CLAUDE_CODE_OAUTH_TOKEN").why, Why::Login);
    assert!(entry("PATH").shown.ends_with("/usr/bin"));
    assert!(entry("CLAUDE_CONFIG_DIR").shown.ends_with("/.claude"));
    let shown = serde_json::to_string(&report).unwrap();
    for secret in ["oauth-secret", "aws-secret", "report-secret", "my-value", "gateway-secret"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    // Kept: PATH, LC_TIME, the token, and what the agent's file and env_pass name.
    assert_eq!((report.kept, report.dropped), (5, setup.host.environment.len() - 5));
    assert_eq!(report.proxy, "none (not network isolation)");
}

#[test]
fn proxies_homes_and_monbans_own_variables_cannot_be_set() {
    let refused = |name: &str, change: fn(&mut Setup, String)| {
        let mut setup = setup();
        change(&mut setup, name.to_string());
        setup.prepare("claude").unwrap_err()
    };
    let set = |setup: &mut Setup, name: String| drop(setup.config.env.insert(name, "x".into()));
    let pass = |setup: &mut Setup, name: String| setup.config.env_pass.push(name);
    let isolation = |setup: &mut Setup, name: String| setup.attempt.pass.push(name);
    for name in ["HTTPS_PROXY", "no_proxy", "npm_config_proxy"] {
        for change in [set, pass, isolation] {
            assert!(matches!(refused(name, change), Refusal::ProxyVariable { .. }), "{name}");
        }
    }
    for name in ["HOME", "MONBAN_RUN", "CLAUDE_CONFIG_DIR"] {
        assert!(matches!(refused(name, set), Refusal::ReservedVariable { .. }), "{name}");
    }
}

#[test]
fn the_files_of_both_agents_are_valid_whatever_the_paths_hold() {
    let mut setup = setup();
    setup.attempt.worktree = setup.folder.path().join("work \"tree\" \\ 日本");
    setup.attempt.git_writable.push("/a \"b\"".into());
    let worktree = setup.attempt.worktree.display().to_string();
    let claude = setup.prepare("claude").unwrap();
    let file = setup.file(&claude, ".monban/home/.claude/.claude.json");
    let trusted: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(trusted["projects"][&worktree]["hasTrustDialogAccepted"], true);
    let hooks = setup.file(&claude, ".monban/home/.claude/monban.json");
    let hooks: serde_json::Value = serde_json::from_str(&hooks).unwrap();
    let command = &hooks["hooks"]["PermissionRequest"][0]["hooks"][0]["command"];
    assert_eq!(command, "\"$MONBAN_PROGRAM\" hook claude");
    let codex = setup.prepare("codex").unwrap();
    let config = setup.file(&codex, ".monban/home/.codex/config.toml");
    let config: toml::Table = toml::from_str(&config).unwrap();
    assert_eq!(config["projects"][&worktree]["trust_level"].as_str(), Some("trusted"));
    assert_eq!(config["notify"][0].as_str(), setup.attempt.monban.to_str());
    assert_eq!(config["features"]["daemon_auto_start"].as_bool(), Some(false));
    let roots = config["sandbox_workspace_write"]["writable_roots"].as_array().unwrap();
    assert_eq!(roots[1].as_str(), Some("/a \"b\""));
}

#[test]
fn no_agent_starts_with_its_guards_off() {
    let setup = setup();
    let claude = setup.prepare("claude").unwrap().args;
    assert_eq!(claude[..2], ["--permission-mode", "manual"]);
    let codex = setup.prepare("codex").unwrap().args;
    assert_eq!(codex, ["--no-daemon"]);
    let all = [claude, codex].concat().join(" ");
    assert!(!all.contains("bypass") && !all.contains("dangerously"), "{all}");
}

#[test]
fn arguments_come_in_order_and_a_conversation_is_resumed() {
    let mut setup = setup();
    setup.config.args_extra = vec!["--model".into(), "{home}".into()];
    setup.attempt.session = Some("abc".into());
    let args = setup.prepare("codex").unwrap().args;
    assert_eq!(args, ["--no-daemon", "--model", "{home}", "resume", "abc"]);
    assert!(setup.prepare("claude").unwrap().args.ends_with(&["--resume".into(), "abc".into()]));
    setup.config.program = Some("tick".into());
    assert!(matches!(setup.prepare("command"), Err(Refusal::CannotResume { .. })));
}

#[test]
fn an_agent_cannot_choose_an_option_of_its_next_start_as_its_session() {
    let mut setup = setup();
    for session in ["--dangerously-skip-permissions", "-p", "", "a b", "a/../b", "x\u{202e}"] {
        setup.attempt.session = Some(session.into());
        assert!(matches!(setup.prepare("claude"), Err(Refusal::SessionId { .. })), "{session}");
    }
}

#[test]
fn programs_are_found_in_absolute_folders_of_path_only() {
    let mut setup = setup();
    let program = setup.prepare("claude").unwrap().program;
    assert_eq!(program, setup.folder.path().join("bin/claude"));
    for (program, what) in [
        ("./claude", "is not an absolute path"),
        ("no-such-program", "is not in PATH"),
        ("/no/such/program", "cannot be used"),
        ("/etc/passwd", "is not an executable file"),
    ] {
        setup.config.program = Some(program.into());
        let error = setup.prepare("claude").unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("config.toml"), "{error}");
    }
    setup.config.program = None;
    assert!(matches!(setup.prepare("command"), Err(Refusal::NoProgram { .. })));
}

#[test]
fn a_run_that_would_start_logged_out_is_refused_with_the_cure() {
    let mut setup = setup();
    setup.host.environment.remove("OPENAI_API_KEY");
    let error = setup.prepare("codex").unwrap_err().to_string();
    assert!(error.contains("codex login"), "{error}");
}

#[test]
fn home_stays_inside_the_worktree() {
    let mut setup = setup();
    for home in ["/root", "../x", "a/../../x", "", "."] {
        setup.attempt.home = home.into();
        assert!(matches!(setup.prepare("claude"), Err(Refusal::HomeOutside { .. })), "{home}");
    }
}

#[test]
fn what_is_written_is_private_and_ignored_by_git() {
    let setup = setup();
    let prepared = setup.prepare("codex").unwrap();
    write_files(&prepared, &setup.attempt.worktree).unwrap();
    write_files(&prepared, &setup.attempt.worktree).unwrap();
    let login = setup.attempt.home_path().join(".codex/auth.json");
    assert!(!login.exists(), "a login is written only for a start");
    write_login(&prepared, &setup.attempt.worktree).unwrap();
    let read = |path: &str| fs::read_to_string(setup.attempt.worktree.join(path)).unwrap();
    assert_eq!(read(".monban/.gitignore"), "*\n");
    assert!(read(".monban/home/.codex/auth.json").contains("sk-openai"));
    let auth = setup.attempt.home_path().join(".codex/auth.json");
    assert_eq!(fs::metadata(auth).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(setup.attempt.home_path().join("tmp").is_dir());
}

#[test]
fn a_link_planted_in_home_leads_no_secret_out() {
    let setup = setup();
    let outside = setup.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir_all(setup.attempt.home_path()).unwrap();
    symlink(&outside, setup.attempt.home_path().join(".codex")).unwrap();
    let prepared = setup.prepare("codex").unwrap();
    let error = write_files(&prepared, &setup.attempt.worktree).unwrap_err();
    assert!(error.to_string().contains("an agent replaced it"), "{error}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_login_shell_of_a_run_has_the_runs_path() {
    let mut setup = setup();
    setup.host.environment.insert("PATH".into(), "/it's/bin:/usr/bin:/bin".into());
    setup.config.program = Some(setup.folder.path().join("bin/tick").display().to_string());
    let prepared = setup.prepare("command").unwrap();
    write_files(&prepared, &setup.attempt.worktree).unwrap();
    let profile = setup.attempt.home_path().join(".profile");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.env_clear().arg("-c").arg(". \"$1\"; printf %s \"$PATH\"").arg("sh").arg(profile);
    let output = shell.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "/it's/bin:/usr/bin:/bin");
}
