//! A real sshd on loopback, for this user, with its own keys and configuration, and an `ssh` in
//! front of PATH that uses nothing of the person's.

use super::instance::write_program;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where a system keeps the server; it wants to be called by its whole path.
const PLACES: &[&str] = &["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
/// How many ports are tried.
const PORTS_MAX: usize = 20;
/// How the tests' ssh calls the server.
pub const HOST: &str = "far";

/// The server.
pub struct Sshd {
    process: Child,
    folder: PathBuf,
    /// Where it listens.
    pub port: u16,
}

impl Sshd {
    /// Starts it in `folder`. Sessions get `environment` and, before anything else, print `noise`
    /// as a login shell's start-up files do. The reason why it cannot is for `not_run`.
    pub fn start(folder: &Path, environment: &[(&str, &str)], noise: &str) -> Result<Self, String> {
        let program = PLACES.iter().find(|path| Path::new(path).exists());
        let program = *program.ok_or("sshd is not installed (openssh-server)")?;
        if rustix::process::getuid().is_root() {
            // Where Debian's sshd locks itself up; made by its service, which does not run here.
            fs::create_dir_all("/run/sshd").map_err(|error| error.to_string())?;
        }
        fs::create_dir_all(folder).unwrap();
        for key in ["host", "person"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.join(key))
                .status();
            made.map_err(|error| format!("ssh-keygen: {error}"))?;
        }
        fs::copy(folder.join("person.pub"), folder.join("authorized")).unwrap();
        let at = folder.display();
        let set = environment.iter().map(|(name, value)| format!(" \"{name}={value}\""));
        let shell = format!("#!/bin/sh\nprintf '%s' '{noise}'\neval \"$SSH_ORIGINAL_COMMAND\"\n");
        write_program(&folder.join("shell"), &shell);
        let config = format!(
            "ListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nUsePAM no\n\
             AuthorizedKeysFile {at}/authorized\nStrictModes no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin yes\nForceCommand {at}/shell\n\
             SetEnv{}\n",
            set.collect::<String>()
        );
        fs::write(folder.join("sshd_config"), config).unwrap();
        let mut why = String::new();
        for _ in 0..PORTS_MAX {
            match Self::listening(program, folder, free_port())? {
                Ok(server) => {
                    server.write_client(server.port);
                    return Ok(server);
                }
                Err(said) => why = said,
            }
        }
        Err(format!("sshd did not start: {why}"))
    }

    /// The server at a port, which somebody else may have taken since it was free: then what it
    /// said. That something listens there is not enough, it must be this one.
    fn listening(program: &str, folder: &Path, port: u16) -> Result<Result<Self, String>, String> {
        let log = folder.join("log");
        let process = Command::new(program)
            .args(["-D", "-e", "-p", &port.to_string(), "-f"])
            .arg(folder.join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut server = Self { process, folder: folder.to_path_buf(), port };
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let listens = format!("Server listening on 127.0.0.1 port {port}");
        let up = super::wait_for(Duration::from_secs(180), || {
            let ended = server.process.try_wait().ok().flatten().is_some();
            (ended || said().contains(&listens)).then_some(!ended)
        });
        Ok(if up == Some(true) { Ok(server) } else { Err(said()) })
    }

    /// Has the tests' ssh go to another port: through a relay.
    pub fn write_client(&self, port: u16) {
        let at = self.folder.display();
        let config = format!(
            "Host {HOST}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {at}/person\n  \
             IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  \
             LogLevel ERROR\n"
        );
        fs::write(self.folder.join("ssh_config"), config).unwrap();
        let ssh = self.bin().join("ssh");
        fs::create_dir_all(self.bin()).unwrap();
        if !ssh.exists() {
            let script = format!("#!/bin/sh\nexec /usr/bin/ssh -F '{at}/ssh_config' \"$@\"\n");
            write_program(&ssh, &script);
        }
    }

    /// The folder to put in front of PATH.
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
