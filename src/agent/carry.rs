//! A login file that a run refreshed is carried back to the person, or their own login is dead.
//!
//! The run could have written anything into its copy, so only a newer file of the same account
//! replaces the person's, and only while theirs is still the one that was carried in.

use super::AgentError;
use super::inside::Inside;
use super::login::LOGIN_BYTES_MAX;
use crate::base::{durable, hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What to carry back when a run has ended. Holds no secret; can be stored with the run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CarryBack {
    /// The agent.
    pub agent: String,
    /// The person's file.
    pub person_file: PathBuf,
    /// The run's copy, relative to its HOME.
    pub home_file: String,
    /// SHA-256 of what was carried in.
    pub carried_sha256: String,
    /// JSON pointer to what grows with every refresh.
    pub newer: String,
    /// JSON pointers to what a refresh never changes.
    pub same: Vec<String>,
}

/// What became of a login file after its run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "carried", content = "why", rename_all = "kebab-case")]
pub enum Carried {
    /// The run did not refresh it.
    Unchanged,
    /// The person's file is now the refreshed one.
    Back,
    /// It was left in the run's HOME, for this reason.
    Left(String),
}

impl CarryBack {
    /// Carries the file back from the run's `home`, after the run ended and before another run of
    /// the same login starts. Doing it twice is harmless.
    pub fn carry(&self, home: &Path) -> Result<Carried, AgentError> {
        let io = |source| AgentError::Io { path: self.person_file.clone(), source };
        let left = |why: &str| Ok(Carried::Left(why.to_string()));
        let Some(new) = Inside::open(home)?.read(Path::new(&self.home_file), LOGIN_BYTES_MAX)?
        else {
            return left("the run removed its login file, or made it far too large");
        };
        let old = durable::read(&self.person_file, LOGIN_BYTES_MAX).map_err(io)?;
        let new_sha256 = hash::sha256(&new);
        if new_sha256 == self.carried_sha256 || new == old {
            return Ok(Carried::Unchanged);
        }
        if hash::sha256(&old) != self.carried_sha256 {
            return left("your own login file changed meanwhile; log in again if the agent asks");
        }
        let (Some(new_value), Some(old_value)) = (object(&new), object(&old)) else {
            return left("the run's login file is not a JSON object");
        };
        let differs = |pointer: &&String| new_value.pointer(pointer) != old_value.pointer(pointer);
        if let Some(pointer) = self.same.iter().find(differs) {
            return left(&format!("the run's login is another account's (`{pointer}` differs)"));
        }
        if !is_newer(new_value.pointer(&self.newer), old_value.pointer(&self.newer)) {
            return left(&format!("the run's login is not newer than yours (`{}`)", self.newer));
        }
        durable::write(&self.person_file, &new).map_err(io)?;
        Ok(Carried::Back)
    }
}

fn object(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object)
}

/// Numbers by value, times as text: RFC 3339 in UTC sorts as it reads.
fn is_newer(new: Option<&Value>, old: Option<&Value>) -> bool {
    match (new, old) {
        (Some(Value::Number(new)), Some(Value::Number(old))) => new.as_f64() > old.as_f64(),
        (Some(Value::String(new)), Some(Value::String(old))) => new > old,
        (Some(Value::Number(_) | Value::String(_)), None | Some(Value::Null)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    const OLD: &str = r#"{"tokens": {"account_id": "me", "refresh_token": "r1"},
        "last_refresh": "2026-11-20T00:00:00Z"}"#;

    struct Setup {
        folder: tempfile::TempDir,
        carry: CarryBack,
    }

    fn setup() -> Setup {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        let person_file = folder.path().join("auth.json");
        fs::write(&person_file, OLD).unwrap();
        fs::write(folder.path().join("home/auth.json"), OLD).unwrap();
        let carry = CarryBack {
            agent: "codex".into(),
            person_file,
            home_file: "auth.json".into(),
            carried_sha256: hash::sha256(OLD.as_bytes()),
            newer: "/last_refresh".into(),
            same: vec!["/tokens/account_id".into()],
        };
        Setup { folder, carry }
    }

    impl Setup {
        fn run_writes(&self, text: &str) -> Carried {
            fs::write(self.folder.path().join("home/auth.json"), text).unwrap();
            self.carry.carry(&self.folder.path().join("home")).unwrap()
        }

        fn person(&self) -> String {
            fs::read_to_string(self.folder.path().join("auth.json")).unwrap()
        }
    }

    fn login(account: &str, refresh: &str, at: &str) -> String {
        json!({"tokens": {"account_id": account, "refresh_token": refresh}, "last_refresh": at})
            .to_string()
    }

    #[test]
    fn a_refreshed_login_comes_back_once() {
        let setup = setup();
        assert_eq!(setup.run_writes(OLD), Carried::Unchanged);
        let new = login("me", "r2", "2026-11-21T00:00:00Z");
        assert_eq!(setup.run_writes(&new), Carried::Back);
        assert_eq!(setup.person(), new);
        assert_eq!(setup.run_writes(&new), Carried::Unchanged);
    }

    #[test]
    fn garbage_older_and_other_accounts_logins_stay_where_they_are() {
        let setup = setup();
        let cases = [
            ("{".to_string(), "not a JSON object"),
            ("[]".to_string(), "not a JSON object"),
            (login("me", "r2", "2026-11-19T00:00:00Z"), "not newer"),
            (login("thief", "r2", "2026-11-21T00:00:00Z"), "another account's"),
        ];
        for (text, why) in cases {
            let carried = setup.run_writes(&text);
            assert!(matches!(&carried, Carried::Left(said) if said.contains(why)), "{carried:?}");
        }
        assert_eq!(setup.person(), OLD);
    }

    #[test]
    fn a_login_the_person_renewed_meanwhile_is_not_overwritten() {
        let setup = setup();
        let own = login("me", "r9", "2026-11-20T12:00:00Z");
        fs::write(setup.folder.path().join("auth.json"), &own).unwrap();
        let carried = setup.run_writes(&login("me", "r2", "2026-11-21T00:00:00Z"));
        assert!(matches!(carried, Carried::Left(why) if why.contains("changed meanwhile")));
        assert_eq!(setup.person(), own);
    }

    #[test]
    fn a_link_in_place_of_the_login_is_not_followed() {
        let setup = setup();
        let secret = setup.folder.path().join("secret");
        fs::write(&secret, login("me", "r2", "2026-11-21T00:00:00Z")).unwrap();
        let copy = setup.folder.path().join("home/auth.json");
        fs::remove_file(&copy).unwrap();
        std::os::unix::fs::symlink(&secret, &copy).unwrap();
        assert!(setup.carry.carry(&setup.folder.path().join("home")).is_err());
        assert_eq!(setup.person(), OLD);
    }
}
