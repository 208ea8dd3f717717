//! How logins are found, shown and refused.

use super::*;
use std::fs;

const CODEX: &str = r#"{"auth_mode": "chatgpt", "last_refresh": "2026-11-20T00:00:00Z",
    "tokens": {"account_id": "me", "refresh_token": "r1"}}"#;
const CLAUDE: &str = r#"{"claudeAiOauth": {"refreshToken": "r", "expiresAt": 5}}"#;

const NOW: Timestamp = Timestamp::from_millis(1_000);

struct Person {
    home: tempfile::TempDir,
    host: Host,
    config: AgentConfig,
}

fn person(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Person {
    let home = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let pairs = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let mut host = Host { environment: pairs.collect(), os: Os::Linux };
    host.environment.insert("HOME".into(), home.path().display().to_string());
    Person { home, host, config: AgentConfig::default() }
}

fn kind(name: &str) -> AgentKind {
    AgentKind::builtin().unwrap().into_iter().find(|kind| kind.name == name).unwrap()
}

impl Person {
    fn login(&self, name: &str) -> Login {
        login(name, &kind(name), &self.config, &self.host, NOW)
    }

    fn found(&self, name: &str) -> Found {
        find(name, &kind(name), &self.config, &self.host, NOW).unwrap()
    }
}

fn token(variable: &str) -> Login {
    Login::Token { variable: variable.into() }
}

#[test]
fn a_subscription_is_preferred_to_a_key_that_happens_to_be_set() {
    let key = ("ANTHROPIC_API_KEY", "sk-1");
    let person1 = person(&[key, ("CLAUDE_CODE_OAUTH_TOKEN", "t")], &[]);
    assert_eq!(person1.login("claude"), token("CLAUDE_CODE_OAUTH_TOKEN"));
    let person2 = person(&[key], &[(".claude/.credentials.json", CLAUDE)]);
    assert!(matches!(person2.login("claude"), Login::File { is_exclusive: true, .. }));
    let person3 = person(&[key], &[]);
    assert_eq!(person3.login("claude"), Login::Key { variable: "ANTHROPIC_API_KEY".into() });
}

#[test]
fn what_the_person_set_for_the_agent_beats_everything() {
    let mut person = person(&[("CLAUDE_CODE_OAUTH_TOKEN", "t")], &[]);
    person.config.env.insert("ANTHROPIC_API_KEY".into(), "sk-mine".into());
    let found = person.found("claude");
    assert_eq!(found.variable, Some(("ANTHROPIC_API_KEY".into(), "sk-mine".into())));
}

#[test]
fn the_accepted_key_is_named_by_its_last_twenty_characters() {
    let person = person(&[("ANTHROPIC_API_KEY", "sk-ant-api03-0123456789abcdefghij")], &[]);
    assert_eq!(person.found("claude").key_tail, "0123456789abcdefghij");
}

#[test]
fn a_subscription_file_is_leased_to_one_run_and_carried_back() {
    let person = person(&[], &[(".codex/auth.json", CODEX)]);
    let found = person.found("codex");
    assert_eq!(found.file, Some((".codex/auth.json".into(), CODEX.as_bytes().to_vec())));
    let path = person.home.path().join(".codex/auth.json").canonicalize().unwrap();
    assert_eq!(found.exclusive, Some(format!("codex:{}", path.display())));
    let carry = found.carry_back.unwrap();
    assert_eq!((carry.person_file, carry.home_file.as_str()), (path, ".codex/auth.json"));
    assert_eq!(carry.carried_sha256, hash::sha256(CODEX.as_bytes()));
}

#[test]
fn a_file_with_a_key_in_it_can_be_used_by_many() {
    let file = r#"{"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1", "tokens": null}"#;
    let found = person(&[], &[(".codex/auth.json", file)]).found("codex");
    assert!(matches!(found.login, Login::File { is_exclusive: false, .. }));
    assert!(found.exclusive.is_none() && found.carry_back.is_none());
}

#[test]
fn codex_gets_a_key_by_file_since_the_variable_logs_nobody_in() {
    let found = person(&[("OPENAI_API_KEY", "sk-\"1\\")], &[]).found("codex");
    assert_eq!(found.variable, None);
    let (path, bytes) = found.file.unwrap();
    assert_eq!(path, ".codex/auth.json");
    let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (&file["auth_mode"], &file["OPENAI_API_KEY"]),
        (&"apikey".into(), &"sk-\"1\\".into())
    );
}

#[test]
fn the_persons_folder_variables_are_followed() {
    let mut person = person(&[], &[("elsewhere/auth.json", CODEX)]);
    assert!(matches!(person.login("codex"), Login::Missing { .. }));
    let folder = person.home.path().join("elsewhere").display().to_string();
    person.host.environment.insert("CODEX_HOME".into(), folder);
    assert!(matches!(person.login("codex"), Login::File { .. }));
}

#[test]
fn a_missing_login_names_the_cure_of_the_system() {
    let mut person = person(&[("ANTHROPIC_API_KEY", " ")], &[(".claude/.credentials.json", "{}")]);
    let cure = |person: &Person| match person.login("claude") {
        Login::Missing { cure } => cure,
        login => panic!("{login:?}"),
    };
    assert!(cure(&person).contains("--login"));
    let of_servers = r#"{"mcpOAuth": {"server": {"accessToken": "x"}}}"#;
    fs::write(person.home.path().join(".claude/.credentials.json"), of_servers).unwrap();
    assert!(cure(&person).contains("--login"), "only servers are logged in");
    person.host.os = Os::MacOs;
    assert!(cure(&person).contains("Keychain") && cure(&person).contains("setup-token"));
    assert_eq!(person.login("command"), Login::NotNeeded);
}

#[test]
fn auth_shows_every_way_and_which_is_used_without_a_secret() {
    let key = [("ANTHROPIC_API_KEY", "sk-secret")];
    let person = person(&key, &[(".claude/.credentials.json", CLAUDE)]);
    let rows = auth_rows("claude", &kind("claude"), &person.config, &person.host, NOW);
    let used: Vec<_> =
        rows.iter().map(|row| (row.state == LoginState::Present, row.is_used)).collect();
    assert_eq!(used, [(false, false), (true, true), (true, false), (false, false)]);
    assert!(rows[1].reaches.contains("one run at a time"));
    assert!(!format!("{rows:?}").contains("sk-secret"));
    let nobody = super::tests::person(&[], &[]);
    let rows = auth_rows("claude", &kind("claude"), &nobody.config, &nobody.host, NOW);
    assert!(rows[0].cure.is_some() && rows.iter().all(|row| row.state == LoginState::Missing));
}

#[test]
fn a_login_that_has_ended_by_its_own_word_is_expired_unless_it_can_be_refreshed() {
    let file = |refresh: &str, end: i64| {
        format!(
            r#"{{"claudeAiOauth": {{"accessToken": "a", "refreshToken": "{refresh}", "expiresAt": {end}}}}}"#
        )
    };
    let state = |content: &str| {
        let person = person(&[], &[(".claude/.credentials.json", content)]);
        let rows = auth_rows("mine", &kind("claude"), &person.config, &person.host, NOW);
        (rows[1].state, rows[1].is_used, rows[0].cure.clone())
    };
    assert_eq!(state(&file("", 1_001)), (LoginState::Present, true, None));
    assert_eq!(state(&file("r", 999)), (LoginState::Present, true, None));
    let (expired, is_used, cure) = state(&file("", 1_000));
    assert_eq!((expired, is_used), (LoginState::Expired, false));
    assert!(cure.unwrap().contains("monban auth mine --login"));
}

#[test]
fn a_token_that_monban_keeps_is_used_before_a_file_and_after_what_the_person_set() {
    let variable = "CLAUDE_CODE_OAUTH_TOKEN";
    let mut person = person(&[(variable, "of-shell")], &[(".claude/.credentials.json", CLAUDE)]);
    person.config.kept.insert(variable.into(), "kept".into());
    let value = |person: &Person| person.found("claude").variable.unwrap().1;
    assert_eq!(value(&person), "kept");
    person.config.env.insert("ANTHROPIC_API_KEY".into(), "set-key".into());
    assert_eq!(value(&person), "set-key", "also by another way");
    person.config.env.insert(variable.into(), "set".into());
    assert_eq!(value(&person), "set");
}

#[test]
fn on_a_mac_only_the_token_helps_claude() {
    let words = |os| programs(&kind("claude"), os).map(|way| way.name.clone()).collect::<Vec<_>>();
    assert_eq!(words(Os::Linux), ["account", "token"]);
    assert_eq!(words(Os::MacOs), ["token"]);
}
