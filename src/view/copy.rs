//! The client's side: a copy of each surface, kept by frames.

use super::sender::digest;
use super::{Content, Row, Shift, Update, shift};
use std::collections::BTreeMap;

/// The most rows a surface may have here.
const ROWS_MAX: u32 = 1 << 20;

/// A frame that cannot be applied: the other side is broken. Look at the surface anew.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an update of surface {surface} makes no sense ({what}); the daemon is of another version")]
pub struct Broken {
    surface: u32,
    what: &'static str,
}

/// The surfaces a client looks at, as far as frames have come.
#[derive(Default, Debug)]
pub struct Copy {
    surfaces: BTreeMap<u32, Content>,
}

impl Copy {
    /// Applies one update.
    ///
    /// # Errors
    /// It does not fit what is here; nothing of it may be shown.
    pub fn apply(&mut self, update: Update) -> Result<(), Broken> {
        let surface = update.surface;
        let broken = |what| Broken { surface, what };
        let content = self.surfaces.entry(surface).or_default();
        if let Some(head) = update.head {
            content.head = head;
        }
        content.cursor = update.cursor.or(content.cursor);
        if let Some(len) = update.len {
            if len > ROWS_MAX {
                return Err(broken("too many rows"));
            }
            content.rows.resize(len as usize, Row::from(""));
        }
        if let Some(moved) = update.shift {
            move_rows(&mut content.rows, &moved).ok_or_else(|| broken("a shift outside it"))?;
        }
        for (number, row) in update.rows {
            let place = content.rows.get_mut(number as usize);
            *place.ok_or_else(|| broken("a row outside it"))? = row;
        }
        Ok(())
    }

    /// A surface; `None` before its first frame.
    pub fn get(&self, surface: u32) -> Option<&Content> {
        self.surfaces.get(&surface)
    }

    /// Forgets a surface: nobody looks at it, or what its number means has changed.
    pub fn forget(&mut self, surface: u32) {
        self.surfaces.remove(&surface);
    }

    /// What stands for the rows of a surface when this client connects again.
    pub fn digests(&self, surface: u32) -> Vec<String> {
        let rows = self.surfaces.get(&surface).map(|content| content.rows.as_slice());
        rows.unwrap_or_default().iter().map(|row| digest(row)).collect()
    }
}

fn move_rows(rows: &mut [Row], moved: &Shift) -> Option<()> {
    let region = rows.get(moved.top as usize..moved.bottom as usize)?.to_vec();
    for number in moved.top..moved.bottom {
        let from = shift::source(moved, number);
        let from = from.and_then(|from| region.get((from - moved.top) as usize));
        rows[number as usize] = from.cloned().unwrap_or_else(|| Row::from(""));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut copy = Copy::default();
        let row = Update { surface: 3, rows: vec![(7, "x".into())], ..Update::default() };
        assert!(copy.apply(row).is_err());
        let shift = Some(Shift { top: 2, bottom: 9, by: 1 });
        assert!(copy.apply(Update { surface: 3, shift, ..Update::default() }).is_err());
        let len = Some(u32::MAX);
        assert!(copy.apply(Update { surface: 3, len, ..Update::default() }).is_err());
    }
}
