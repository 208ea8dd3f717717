//! The size of a terminal in cells.

use serde::{Deserialize, Serialize};

/// Columns and rows of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

impl Size {
    /// What an agent gets while nobody drives its pane, so that its transcript does not re-wrap
    /// when somebody looks.
    pub const UNATTENDED: Size = Size { cols: 120, rows: 40 };

    /// The nearest size a terminal may have: 4x2 to 1000x500. Emulators fail or stall outside.
    pub fn bounded(self) -> Size {
        Size { cols: self.cols.clamp(4, 1000), rows: self.rows.clamp(2, 500) }
    }
}
