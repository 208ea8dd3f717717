//! The table of checks: how each is done, and the steps of a gate in their order.

use crate::base::foreign::Foreign;
use crate::config::RepositoryConfig;
use crate::config::repository::Check;
use crate::scan;

/// A step of a gate: a check, or a command that sets it up.
#[derive(Clone)]
pub struct Step {
    /// The check's name; `setup` for what prepares the checkout.
    pub check: String,
    /// What is done.
    pub work: Work,
}

/// What a step does.
#[derive(Clone)]
pub enum Work {
    /// Looks into the bytes of the change.
    Scan(scan::Check),
    /// Compares what the attempt used with its limits.
    Limits,
    /// Runs a command in the checkout.
    Command(String),
    /// Asks a person for these statements, with the approval.
    Person(Vec<Foreign>),
}

impl Step {
    /// The command, if it is one.
    pub fn command(&self) -> Option<&str> {
        match &self.work {
            Work::Command(command) => Some(command),
            Work::Scan(_) | Work::Limits | Work::Person(_) => None,
        }
    }

    /// What it asks a person to attest.
    pub fn statements(&self) -> &[Foreign] {
        match &self.work {
            Work::Person(statements) => statements,
            Work::Scan(_) | Work::Limits | Work::Command(_) => &[],
        }
    }
}

/// How a check is done; `None` for one whose command the file leaves out.
fn work(check: Check, config: &RepositoryConfig) -> Option<Work> {
    let command = |command: &Option<String>| command.clone().map(Work::Command);
    match check {
        Check::Limits => Some(Work::Limits),
        Check::Forbidden => Some(Work::Scan(scan::forbidden::look)),
        Check::Secrets => Some(Work::Scan(scan::secrets::look)),
        Check::Banned => Some(Work::Scan(scan::banned::look)),
        Check::Imports => Some(Work::Scan(scan::imports::look)),
        Check::Danger => Some(Work::Scan(scan::danger::look)),
        Check::TestLines => Some(Work::Scan(scan::test_lines::look)),
        Check::Lint => command(&config.verify.lint),
        Check::Test => command(&config.verify.test),
        Check::Human => Some(Work::Person(config.human.clone())),
    }
}

/// The steps of a gate. They are in the order of its checks, and what sets it up comes before the
/// first command: a finding in the change costs no checkout.
pub fn steps(config: &RepositoryConfig) -> Vec<Step> {
    let step =
        |check: &Check| work(*check, config).map(|work| Step { check: check.to_string(), work });
    let mut steps: Vec<Step> = config.checks.iter().filter_map(step).collect();
    let first = steps.iter().position(|step| step.command().is_some()).unwrap_or(steps.len());
    let set_up = config.verify.setup.iter();
    let set_up =
        set_up.map(|command| Step { check: "setup".into(), work: Work::Command(command.clone()) });
    steps.splice(first..first, set_up.collect::<Vec<_>>());
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::repository;

    #[test]
    fn the_order_is_the_files_and_set_up_comes_before_the_first_command() {
        let config = "[verify]\nsetup = [\"a\", \"b\"]\ntest = \"t\"\nlint = \"\"\n\
                      [gates]\nchecks = [\"limits\", \"lint\", \"test\"]\n";
        let order = |config: &str| {
            let steps = steps(&repository::parse(config.as_bytes(), "x").unwrap());
            steps.into_iter().map(|step| step.check).collect::<Vec<_>>()
        };
        assert_eq!(order(config), ["limits", "setup", "setup", "test"]);
        let last = config.replace("\"limits\", \"lint\", \"test\"", "\"test\", \"limits\"");
        assert_eq!(order(&last), ["setup", "setup", "test", "limits"]);
    }
}
