//! `monban daemon install`: the daemon as a service of the person's own session manager, so that it
//! comes back after a crash and outlives a logout. The file is written for the system it runs on;
//! both forms are plain functions.

use super::Here;
use super::exit::Failure;
use super::files;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Stands in every file of ours: one without it was written by somebody else.
const MARK: &str = "written by `monban daemon install`";
/// The variables a daemon needs and a session manager does not set, none of them secret.
const CARRIED: &[&str] =
    &["PATH", "MONBAN_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "CARGO_HOME", "RUSTUP_HOME"];

/// What the service runs.
struct Service {
    program: PathBuf,
    environment: Vec<(String, String)>,
}

/// How this system keeps services of a person.
struct Manager {
    file: PathBuf,
    text: String,
    /// The commands that make it known and start it, in order.
    commands: Vec<Vec<String>>,
}

/// Writes the service's file, ends the daemon that runs (agents go on) and starts the service.
pub(super) fn install(here: &Here, out: &mut dyn Write) -> Result<(), Failure> {
    let manager = manager(&service()?)?;
    write_file(&manager)?;
    writeln!(out, "wrote {}", manager.file.display())?;
    files::stop_daemon(here, false, out)?;
    for (done, command) in manager.commands.iter().enumerate() {
        if let Err(why) = run(command) {
            let rest = manager.commands[done..].iter().map(|words| words.join(" "));
            let rest = rest.collect::<Vec<_>>().join("\n  ");
            return Err(Failure::environment(
                format!("`{}` failed: {why}", command.join(" ")),
                format!("mend that and run what is left:\n  {rest}"),
            ));
        }
        writeln!(out, "ran {}", command.join(" "))?;
    }
    writeln!(
        out,
        "secrets your config.toml passes by name are not in that file: `monban auth` says"
    )?;
    Ok(())
}

fn service() -> Result<Service, Failure> {
    let failed = |what: String| Failure::environment(what, "run the installed monban");
    let program =
        std::env::current_exe().map_err(|e| failed(format!("cannot find this program: {e}")))?;
    let mut environment = Vec::new();
    for name in CARRIED {
        let Some(value) = std::env::var_os(name) else { continue };
        let value = value.into_string().ok().filter(|value| !value.contains(char::is_control));
        let value = value.ok_or_else(|| failed(format!("{name} is not plain text")))?;
        environment.push(((*name).to_string(), value));
    }
    match program.to_str() {
        Some(path) if !path.contains(char::is_control) => Ok(Service { program, environment }),
        _ => Err(failed("the path of this program is not plain text".into())),
    }
}

#[cfg(target_os = "macos")]
fn manager(service: &Service) -> Result<Manager, Failure> {
    let home = folder("HOME", None)?;
    let file = home.join("Library/LaunchAgents/dev.monban.daemon.plist");
    let domain = format!("gui/{}", rustix::process::getuid().as_raw());
    let commands = vec![
        // A service that is not known cannot be taken away: that failure means nothing.
        vec![
            "sh".into(),
            "-c".into(),
            format!("launchctl bootout {domain}/dev.monban.daemon; true"),
        ],
        vec!["launchctl".into(), "bootstrap".into(), domain, file.display().to_string()],
    ];
    Ok(Manager { file, text: launch_agent(service), commands })
}

#[cfg(not(target_os = "macos"))]
fn manager(service: &Service) -> Result<Manager, Failure> {
    let file = folder("XDG_CONFIG_HOME", Some(".config"))?.join("systemd/user/monban.service");
    let words = |line: &str| line.split(' ').map(str::to_string).collect::<Vec<_>>();
    let commands = vec![
        words("systemctl --user daemon-reload"),
        words("systemctl --user enable --now monban.service"),
        words("loginctl enable-linger"),
    ];
    Ok(Manager { file, text: systemd_unit(service), commands })
}

/// The folder a variable names, or one under HOME.
fn folder(variable: &str, under_home: Option<&str>) -> Result<PathBuf, Failure> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let named = std::env::var_os(variable).and_then(absolute);
    let home = || std::env::var_os("HOME").and_then(absolute);
    named.or_else(|| Some(home()?.join(under_home?))).ok_or_else(|| {
        Failure::environment("HOME is not set to a folder", "set HOME and run the command again")
    })
}

fn write_file(manager: &Manager) -> Result<(), Failure> {
    let path = &manager.file;
    let failed = |error: std::io::Error| {
        Failure::environment(
            format!("cannot write {}: {error}", path.display()),
            "make room for it",
        )
    };
    match std::fs::read_to_string(path) {
        Ok(old) if !old.contains(MARK) => {
            return Err(Failure::input(
                format!("{} is there and monban did not write it", path.display()),
                "move it away and run the command again",
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    std::fs::write(path, &manager.text).map_err(failed)
}

fn run(words: &[String]) -> Result<(), String> {
    let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(if said.is_empty() { output.status.to_string() } else { said })
}

/// A systemd user unit. `KillMode=process`: stopping the daemon never stops agents.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "tested on every system"))]
fn systemd_unit(service: &Service) -> String {
    let mut unit =
        format!("# {MARK}\n[Unit]\nDescription=monban, supervisor of coding agents\n\n[Service]\n");
    // Only in commands does `$` begin a variable.
    let program = systemd_word(&service.program.display().to_string().replace('$', "$$"));
    let _ = writeln!(unit, "ExecStart={program} daemon start --foreground");
    for (name, value) in &service.environment {
        let _ = writeln!(unit, "Environment={}", systemd_word(&format!("{name}={value}")));
    }
    unit + "Restart=on-failure\nRestartSec=1\nKillMode=process\n\n[Install]\nWantedBy=default.target\n"
}

/// One word in systemd's quoting, in which `%` means something too.
fn systemd_word(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '%' => out.push_str("%%"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A LaunchAgent. `AbandonProcessGroup`: stopping the daemon never stops agents.
#[cfg_attr(not(target_os = "macos"), allow(dead_code, reason = "tested on every system"))]
fn launch_agent(service: &Service) -> String {
    let program = xml(&service.program.display().to_string());
    let mut variables = String::new();
    for (name, value) in &service.environment {
        let _ = writeln!(variables, "    <key>{}</key><string>{}</string>", xml(name), xml(value));
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- {MARK} -->
<plist version="1.0">
<dict>
  <key>Label</key><string>dev.monban.daemon</string>
  <key>ProgramArguments</key>
  <array><string>{program}</string><string>daemon</string><string>start</string><string>--foreground</string></array>
  <key>EnvironmentVariables</key>
  <dict>
{variables}  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>AbandonProcessGroup</key><true/>
</dict>
</plist>
"#
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service {
            program: "/opt/my tools/100%/monban".into(),
            environment: vec![("PATH".into(), "/a&b:/c\"d:$HOME".into())],
        }
    }

    #[test]
    fn a_unit_restarts_after_a_crash_and_leaves_agents_alone() {
        let unit = systemd_unit(&service());
        assert!(
            unit.contains(r#"ExecStart="/opt/my tools/100%%/monban" daemon start --foreground"#)
        );
        assert!(unit.contains(r#"Environment="PATH=/a&b:/c\"d:$HOME""#), "{unit}");
        for line in ["Restart=on-failure", "KillMode=process", "WantedBy=default.target", MARK] {
            assert!(unit.contains(line), "{line}");
        }
    }

    #[test]
    fn a_launch_agent_says_the_same_in_its_own_words() {
        let plist = launch_agent(&service());
        assert!(plist.contains("<string>/a&amp;b:/c\"d:$HOME</string>"), "{plist}");
        for key in ["KeepAlive", "AbandonProcessGroup", "RunAtLoad", MARK] {
            assert!(plist.contains(key), "{key}");
        }
        // Well-formed, whatever the values hold.
        let mut reader = quick_xml::Reader::from_str(&plist);
        while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
    }
}
