//! The disk under monban's own files fills up once at each kind of record of the event log: nothing
//! that was acknowledged is lost, the person is told, and everything goes on once there is room
//! again. What the daemon does next follows from the kind; a second record of it is the same site.

use super::instance::Instance;
use super::not_run::not_run;
use super::person::{FULL, Fault, Job, Person};
use super::sweep;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, as large as is needed for new work to start.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Self, String> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=96m", "monban"]).arg(at);
        let output = mount.output().map_err(|error| format!("there is no mount: {error}"))?;
        let why = String::from_utf8_lossy(&output.stderr).trim().to_string();
        output.status.success().then(|| Self(at.into())).ok_or(why)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what still ends there lets go of it by itself.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The folder of an instance, which cannot go as long as a disk is mounted in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The job with a disk that fills up; whether it did, and the kinds of the records.
fn a_full_disk_at(fault: Option<Fault>) -> Result<(bool, Vec<String>), String> {
    let monban = Instance::new();
    let config = std::fs::read_to_string(monban.home.join("config.toml")).unwrap();
    // Before the disk: it goes after it.
    let _folder = Folder(monban.home.parent().unwrap().into());
    let disk = SmallDisk::mount(&monban.home)?;
    monban.configure(&config);
    let mut person = Person::at(monban, Job::Good, fault);
    let task = person.work();
    assert_eq!(task["state"], "done");
    let was_struck = person.was_struck();
    let records = person.monban.events();
    assert!(person.typed() <= 1 + usize::from(person.retried));
    let picture = person.leave();
    assert_eq!(picture.commits, "1");
    drop(disk);
    Ok((was_struck, records))
}

/// The disk is full when what follows from the first record of a kind is to be done and recorded.
fn sites(kinds: &[String]) -> Vec<Fault> {
    let firsts = kinds.iter().enumerate().filter(|(at, kind)| !kinds[..*at].contains(kind));
    firsts.map(|(at, _)| Fault { when: "after", record: at + 1, victim: FULL }).collect()
}

#[test]
fn a_full_disk_loses_nothing_at_any_kind_of_record() {
    let kinds = match a_full_disk_at(None) {
        Ok((_, kinds)) => kinds,
        Err(why) => {
            let reason = format!("no file system can be mounted here: {why}");
            return not_run("a_full_disk_loses_nothing_at_any_kind_of_record", &reason);
        }
    };
    let sites = sites(&kinds);
    let struck = sweep(&sites, |fault| a_full_disk_at(Some(fault)).unwrap().0);
    assert!(struck + 4 > sites.len(), "{struck} of {} struck", sites.len());
}
