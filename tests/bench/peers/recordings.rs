//! Agents as they were recorded: their output in the pieces in which it came.

use crate::Failure;
use monban::base::size::Size;
use std::path::Path;
use std::time::Duration;

/// Which of the recordings: one of each agent, at work and asking.
pub const NAMES: [&str; 2] = ["claude-ask", "codex-approve-full"];
/// What was a longer silence is one of this length.
const SILENCE_MAX: Duration = Duration::from_millis(250);

/// An agent's output.
pub struct Recording {
    /// The size of the terminal it was made for.
    pub size: Size,
    /// The pieces, each with the time to the next.
    pub pieces: Vec<(Vec<u8>, Duration)>,
}

/// Reads a recording.
pub fn read(name: &str) -> Result<Recording, Failure> {
    let file = |extension: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        let path = folder.join(format!("{name}.{extension}"));
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let about: serde_json::Value = serde_json::from_slice(&file("json")?)?;
    let cells = |key: &str| {
        let cells = about[key].as_u64().and_then(|cells| u16::try_from(cells).ok());
        cells.ok_or_else(|| format!("{name} does not say its {key}"))
    };
    let size = Size { cols: cells("cols")?, rows: cells("rows")? };
    let raw = file("raw")?;
    let timing = String::from_utf8(file("timing")?)?;
    let mut pieces: Vec<(Vec<u8>, Duration)> = Vec::new();
    let mut last = 0.0;
    for line in timing.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [at, start, length, ..] = fields.as_slice() else {
            return Err(format!("{name}: `{line}` is no piece").into());
        };
        let (at, start, length): (f64, usize, usize) =
            (at.parse()?, start.parse()?, length.parse()?);
        if let Some((_, pause)) = pieces.last_mut() {
            *pause = Duration::from_secs_f64((at - last).max(0.0)).min(SILENCE_MAX);
        }
        last = at;
        let piece = raw.get(start..start + length);
        pieces.push((piece.ok_or_else(|| format!("{name} is cut"))?.to_vec(), Duration::ZERO));
    }
    if pieces.is_empty() {
        Err(format!("{name} is empty").into())
    } else {
        Ok(Recording { size, pieces })
    }
}
