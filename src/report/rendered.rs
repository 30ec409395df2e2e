//! A run's reports, ready to be written.

use super::answer::Answer;
use crate::event::{Exit, RunResult};

/// A run's reports, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The result without secrets, as the reports say it.
    pub result: RunResult,
    /// For each of its scenarios: the answer, if it failed.
    pub answers: Vec<Option<Answer>>,
    /// What the process must end with.
    pub exit: Exit,
    /// The JSON report.
    pub json: String,
    /// The JUnit report.
    pub junit: String,
}
