//! Keys by scenarios.

use super::word::{Shown, anchor};
use crate::probe::observation::KeyState;
use crate::report::json::{KeyCase, Report};
use crate::verdict::Verdict;

/// The grid.
pub struct Grid {
    /// The keys, in the order of the page.
    pub keys: Vec<String>,
    /// A row for each scenario that has keys.
    pub rows: Vec<Row>,
}

/// One scenario.
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its place on the page.
    pub anchor: String,
    /// For each key.
    pub cells: Vec<Option<Cell>>,
}

/// One key in one scenario.
pub struct Cell {
    /// The verdict of its case.
    pub shown: Shown,
    /// Whether the app could read it.
    pub read: bool,
    /// What it says to whom does not see it.
    pub words: &'static str,
}

/// All keys in all scenarios.
pub fn grid(report: &Report) -> Grid {
    let mut keys: Vec<String> = Vec::new();
    for key in report.scenarios.iter().flat_map(|scenario| &scenario.keys) {
        if !keys.contains(&key.name) {
            keys.push(key.name.clone());
        }
    }
    let rows = report.scenarios.iter().filter(|scenario| !scenario.keys.is_empty()).map(|scenario| Row {
        id: scenario.id.clone(),
        anchor: anchor(&scenario.id),
        cells: keys.iter().map(|name| scenario.keys.iter().find(|key| key.name == *name).map(cell)).collect(),
    });
    Grid { rows: rows.collect(), keys }
}

fn cell(key: &KeyCase) -> Cell {
    let read = key.state == Some(KeyState::Present);
    let words = match (key.verdict, read) {
        (Verdict::Conformant, true) => "read",
        (Verdict::Conformant, false) => "not read, as it should be",
        (verdict, _) => crate::report::overview::meaning(verdict),
    };
    Cell { shown: Shown::of(key.verdict), read, words }
}
