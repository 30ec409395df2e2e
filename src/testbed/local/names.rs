//! What a run's processes are called, in the journal and in their environment.

use super::NAME;
use crate::journal::{Item, Part};

/// What the journal calls a part: one process, with what it started.
pub const PROCESS: &str = "process";

/// What a run's things are called, or one scenario's own.
#[must_use]
pub fn of(whose: &str) -> String {
    format!("pvc-{whose}")
}

/// One process of a run, or of one scenario.
#[must_use]
pub fn process(whose: &str, what: &str) -> String {
    format!("{}-{what}", of(whose))
}

/// As the journal has it.
#[must_use]
pub fn part(name: &str, of: Option<&str>) -> Item {
    let [testbed, what, name] = [NAME, PROCESS, name].map(str::to_owned);
    Item::Part(Part { testbed, what, name, of: of.map(str::to_owned) })
}
