//! What was measured, and the tables made of it: medians with their spread, and ratios taken run by
//! run, because what else the machine does changes from run to run.

use crate::Failure;
use crate::program::Kind;
use crate::usage;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

/// Where in the document the figures stand.
const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";

struct Sample {
    measure: &'static str,
    case: String,
    kind: Kind,
    run: usize,
    value: f64,
    unit: &'static str,
}

/// All that was measured so far.
#[derive(Default)]
pub struct Report {
    samples: Vec<Sample>,
    /// The measure that runs, and how often it ran before.
    pub now: (&'static str, usize),
    loads: Vec<f64>,
    versions: BTreeMap<Kind, String>,
}

impl Report {
    /// Asks a program what it is, for the lines of its values.
    pub fn knows(&mut self, kind: Kind) -> Result<(), Failure> {
        self.versions.insert(kind, kind.version()?);
        Ok(())
    }

    /// Takes a value, and prints it as one line of JSON. `bytes` is how many bytes the measure is
    /// about: those that came to the person's terminal, or went through a pane.
    pub fn add(&mut self, case: &str, kind: Kind, value: f64, unit: &'static str, bytes: u64) {
        let (measure, run) = self.now;
        let load = usage::load().unwrap_or(f64::NAN);
        let line = json!({
            "measure": measure, "case": case, "peer": kind.name(), "run": run,
            "value": value, "unit": unit, "bytes": bytes, "load": load,
            "program": kind.program(), "version": self.versions.get(&kind),
        });
        let _ = writeln!(std::io::stdout(), "{line}");
        self.loads.push(load);
        self.samples.push(Sample { measure, case: case.into(), kind, run, value, unit });
    }

    fn values(&self, of: &Sample, kind: Kind) -> Vec<f64> {
        let same = |other: &&Sample| {
            (other.measure, &other.case, other.kind) == (of.measure, &of.case, kind)
        };
        sorted(self.samples.iter().filter(same).map(|sample| sample.value).collect())
    }

    /// Run by run, how much more monban has than another.
    fn ratios(&self, of: &Sample, kind: Kind) -> Vec<f64> {
        let value = |kind: Kind, run: usize| {
            let same = |other: &&Sample| {
                (other.measure, &other.case, other.kind, other.run)
                    == (of.measure, &of.case, kind, run)
            };
            self.samples.iter().find(same).map(|sample| sample.value)
        };
        let runs = self.samples.iter().map(|sample| sample.run).max().unwrap_or(0);
        let ratio = |run: usize| Some(value(Kind::Monban, run)? / value(kind, run)?);
        sorted((0..=runs).filter_map(ratio).filter(|ratio| ratio.is_finite()).collect())
    }

    /// The tables.
    pub fn tables(&self) -> Result<String, Failure> {
        let mut text = String::new();
        let mut done: Vec<(&str, &str)> = Vec::new();
        let mut before = "";
        for sample in &self.samples {
            if done.contains(&(sample.measure, &sample.case)) {
                continue;
            }
            done.push((sample.measure, &sample.case));
            let is_in = |kind: &Kind| {
                let same = |other: &Sample| (other.measure, other.kind) == (sample.measure, *kind);
                *kind != Kind::Relay || self.samples.iter().any(same)
            };
            let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(is_in).collect();
            let others = || kinds.iter().copied().filter(|kind| *kind != Kind::Monban);
            if before != sample.measure {
                before = sample.measure;
                writeln!(text, "\n### {before}\n")?;
                write!(text, "| | unit |")?;
                kinds.iter().try_for_each(|kind| write!(text, " {} |", kind.name()))?;
                others().try_for_each(|kind| write!(text, " x {} |", kind.name()))?;
                let columns = 2 + kinds.len() + others().count();
                writeln!(text, "\n|{}", "---|".repeat(columns))?;
            }
            write!(text, "| {} | {} |", sample.case, sample.unit)?;
            for kind in &kinds {
                write!(text, " {} |", spread(&self.values(sample, *kind)))?;
            }
            for kind in others() {
                write!(text, " {} |", spread(&self.ratios(sample, kind)))?;
            }
            writeln!(text)?;
        }
        Ok(text)
    }

    /// On what it was measured.
    pub fn about(&self, runs: usize) -> Result<String, Failure> {
        let mut text = String::new();
        let now = monban::base::clock::Clock::System.now().to_string();
        let system = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let processor = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = processor.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown").trim();
        let cores = std::thread::available_parallelism()?;
        writeln!(
            text,
            "{now}; {cores} processors ({model}); Linux {}; {runs} runs.",
            system.trim()
        )?;
        let loads = sorted(self.loads.clone());
        if let (Some(least), Some(most)) = (loads.first(), loads.last()) {
            let middle = loads[loads.len() / 2];
            writeln!(text, "Load average meanwhile: {middle:.1} ({least:.1} to {most:.1}).")?;
        }
        for kind in [Kind::Tmux, Kind::Monban] {
            writeln!(text, "{}.", kind.version()?)?;
        }
        Ok(text)
    }
}

/// Puts the figures between their marks in a document.
pub fn put(document: &str, figures: &str) -> Result<String, Failure> {
    let lost = || format!("the document has no `{BEGIN}` ... `{END}`");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(lost)?;
    let (_, after) = rest.split_once(END).ok_or_else(lost)?;
    Ok(format!("{before}{BEGIN}\n{figures}{END}{after}"))
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The median, and the least and the most where they differ.
fn spread(values: &[f64]) -> String {
    let (Some(least), Some(most)) = (values.first(), values.last()) else { return "–".into() };
    let (median, least, most) = (short(values[values.len() / 2]), short(*least), short(*most));
    if least == most { median } else { format!("{median} ({least}–{most})") }
}

fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        ..0.1 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
