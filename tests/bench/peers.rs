//! monban against tmux and the bare terminal, from outside: everything is measured through a PTY
//! that plays the person's terminal, the peers in turn within every run.
//!
//! `cargo bench --bench peers [-- [MEASURE...] [--runs N] [--write]]` measures `echo`, `attach`,
//! `cat`, `flood`, `scroll` and `idle` (with memory), all of them unless some are named; prints
//! every value as a line of JSON and at the end the tables. `--write` puts those into
//! docs/benchmarks.md.
//! A peer that is missing, a pane that does not begin, an echo that does not come or a stream that
//! is too short ends it with an error: no figure is made of less.

#[path = "peers/measures.rs"]
mod measures;
#[path = "peers/program.rs"]
mod program;
#[path = "peers/recordings.rs"]
mod recordings;
#[path = "peers/relay.rs"]
mod relay;
#[path = "peers/report.rs"]
mod report;
#[path = "peers/streams.rs"]
mod streams;
#[path = "peers/terminal.rs"]
mod terminal;
#[path = "peers/usage.rs"]
mod usage;

use measures::{MEASURES, Measure};
use program::Kind;
use report::Report;
use std::io::Write;
use std::path::Path;

/// Why there are no figures.
pub type Failure = Box<dyn std::error::Error>;

const RUNS: usize = 5;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some((relay::FLAG, role)) = args.split_first().map(|(flag, role)| (flag.as_str(), role))
    {
        return relay::run(role);
    }
    let (mut wanted, mut runs, mut writes): (Vec<(&str, Measure)>, _, _) = (vec![], RUNS, false);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--write" => writes = true,
            "--runs" => runs = args.next().ok_or("--runs needs a number")?.parse()?,
            name => {
                let found = MEASURES.iter().find(|(known, _)| *known == name);
                let names = MEASURES.map(|(known, _)| known).join(", ");
                wanted.push(*found.ok_or_else(|| format!("{name} is none of {names}"))?);
            }
        }
    }
    if wanted.is_empty() {
        wanted = MEASURES.to_vec();
    }
    let streams = tempfile::Builder::new().prefix("streams").tempdir()?;
    let mut report = Report::default();
    for kind in Kind::ALL {
        report.knows(kind)?;
    }
    for (name, measure) in wanted {
        for run in 0..runs {
            report.now = (name, run);
            measure(&mut report, streams.path())
                .map_err(|error| format!("{name}, run {run}: {error}"))?;
        }
    }
    let figures = format!("{}{}", report.about(runs)?, report.tables()?);
    writeln!(std::io::stdout(), "\n{figures}")?;
    if writes {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md");
        std::fs::write(&path, report::put(&std::fs::read_to_string(&path)?, &figures)?)?;
    }
    Ok(())
}
