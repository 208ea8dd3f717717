//! Crash safety with the real program: the daemon, a holder, an agent or a client is killed at
//! every record of the event log, and the job still comes to its end, with nothing done twice and
//! nothing left running.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/crash_full.rs"]
mod full;
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "support/instance.rs"]
mod instance;
#[path = "support/not_run.rs"]
mod not_run;
#[path = "support/crash_person.rs"]
mod person;
#[path = "support/crash_strays.rs"]
mod strays;

use person::{AGENT, CLIENT, DAEMON, Fault, HOLDER, Job, Person, Picture};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many jobs are under way at once.
const AT_ONCE: usize = 3;

/// Does the job once with every fault and says which went wrong; gives how many faults struck.
fn sweep(faults: &[Fault], job: impl Fn(Fault) -> bool + Sync) -> usize {
    let (next, struck, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::SeqCst)) {
            match catch_unwind(AssertUnwindSafe(|| job(*fault))) {
                Ok(hit) => _ = struck.fetch_add(usize::from(hit), Ordering::SeqCst),
                Err(_) => wrong.lock().unwrap().push(format!("{} {}", fault.when, fault.record)),
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| _ = scope.spawn(work)));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "wrong at {wrong:?}");
    struck.into_inner()
}

fn faults(whens: &[&'static str], records: usize, victim: &'static str) -> Vec<Fault> {
    let at = |record| whens.iter().map(move |when| Fault { when, record, victim });
    (1..=records).flat_map(at).collect()
}

/// The job without any fault: its records, how many of them a faster machine may not have, and what
/// it leaves.
fn undisturbed(job: Job, waits_aside: bool) -> (usize, usize, Picture) {
    let mut person = Person::new(job, None);
    person.waits_aside = waits_aside;
    person.work();
    let records = person.monban.events();
    let of_time = records.iter().filter(|kind| *kind == "task.progress").count();
    (records.len(), of_time, person.leave())
}

fn daemon_dies_at_every_record(job: Job) {
    let (records, of_time, picture) = undisturbed(job, false);
    assert_eq!(picture.typed, 1);
    assert_eq!(picture.commits, if job == Job::Good { "1" } else { "0" });
    let faults = faults(&["before", "after"], records, DAEMON);
    let struck = sweep(&faults, |fault| {
        let mut person = Person::new(job, Some(fault));
        person.work();
        let was_struck = person.was_struck();
        assert_eq!(person.leave(), picture);
        was_struck
    });
    // How many statuses settle differs a little from run to run.
    let least = faults.len().saturating_sub(8 + 2 * of_time);
    assert!(struck > least, "{struck} of {} struck", faults.len());
}

#[test]
fn a_landing_survives_the_daemon_at_every_record() {
    daemon_dies_at_every_record(Job::Good);
}

#[test]
fn a_failure_survives_the_daemon_at_every_record() {
    daemon_dies_at_every_record(Job::Bad);
}

/// What died with the run is gone, the task failed and is rolled back, and a second attempt lands.
fn run_dies_at_every_record(victim: &'static str, how: &str) {
    let (records, ..) = undisturbed(Job::Good, false);
    sweep(&faults(&["after"], records, victim), |fault| {
        let mut person = Person::new(Job::Good, Some(fault));
        let over = |task: &Value| task["stage"]["is"] == "failed" || task["state"] == "done";
        let task = person.work_until(|_, task| over(task));
        let failed = task["stage"]["is"] == "failed";
        if failed {
            let ended = &task["attempts"][0]["ended"];
            assert!(ended["how"].as_str().unwrap().contains(how), "{task:#}");
            assert_eq!(task["status"]["state"], "exited", "never a ghost");
            assert!(!task["repository"]["halted"].is_null(), "{task:#}");
            assert!(
                task["attempts"][0]["rollbacks"][0]["progress"]["done"].is_object(),
                "{task:#}"
            );
            // What ends with the run may be a moment behind its record.
            person.monban.until_left(1, "the daemon alone");
            person.work();
        }
        let typed = person.typed();
        assert!((1..=1 + usize::from(person.retried)).contains(&typed), "typed {typed} times");
        let picture = person.leave();
        assert_eq!(picture.commits, "1");
        failed
    });
}

#[test]
fn a_holder_that_dies_ends_its_run_honestly_at_every_record() {
    run_dies_at_every_record(HOLDER, "exit status unknown");
}

#[test]
fn an_agent_that_dies_ends_its_run_honestly_at_every_record() {
    run_dies_at_every_record(AGENT, "signal 9");
}

#[test]
fn a_client_that_dies_takes_nothing_along_at_every_record() {
    let (records, _, picture) = undisturbed(Job::Good, true);
    sweep(&faults(&["after"], records, CLIENT), |fault| {
        let mut person = Person::new(Job::Good, Some(fault));
        person.waits_aside = true;
        person.work();
        let was_struck = person.was_struck();
        assert_eq!(person.leave(), picture);
        was_struck
    });
}
