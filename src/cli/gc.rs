//! `monban gc`: what went, or would go.

use super::Here;
use super::exit::{Failure, complain};
use super::layout::width;
use super::plan::milliseconds;
use super::print::{Last, json, table, text};
use crate::base::foreign::Foreign;
use crate::wire::people::{Ask, DaemonAsk};
use clap::Args;
use serde_json::Value;
use std::io::Write;

/// Removing what is old.
#[derive(Args, Debug)]
pub struct GcArgs {
    /// How long ago the work must have ended
    #[arg(long, value_name = "DURATION", default_value = "14d")]
    pub older_than: String,
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// One document for programs
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(here: &Here, args: &GcArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let (older_than_ms, dry_run) = (milliseconds(&args.older_than)?, args.dry_run);
    let done = here.client()?.ask(Ask::Daemon(DaemonAsk::Gc { older_than_ms, dry_run }))?;
    if args.json {
        return json(out, &done);
    }
    let rows = |name: &str| done[name].as_array().cloned().unwrap_or_default();
    let kinds = rows("kinds");
    if kinds.is_empty() {
        writeln!(out, "nothing is left of work that ended {} ago", args.older_than)?;
    } else {
        let row =
            |kind: &Value| vec![text(&kind["count"]), size(&kind["bytes"]), text(&kind["kind"])];
        let cells: Vec<Vec<String>> = kinds.iter().map(row).collect();
        for line in table(&["NUMBER", "SIZE", "OF WHAT"], &cells, Last::Cut, width()) {
            writeln!(out, "{line}")?;
        }
        let what = if dry_run { "would be removed" } else { "removed" };
        writeln!(out, "{} {what}", size(&done["bytes"]))?;
    }
    out.flush()?;
    for left in rows("left") {
        complain(&format!("left: {}", Foreign::new(text(&left))));
    }
    Ok(())
}

/// A number of bytes, short.
fn size(bytes: &Value) -> String {
    let bytes = bytes.as_u64().unwrap_or(0);
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} B"),
    }
}
