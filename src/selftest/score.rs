//! How many obstacles were noticed: what terminal and JSON say of a self-test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trial::{Outcome, Trial};
use crate::verdict::Verdict;

/// The score of one kind of obstacle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Score {
    /// `mutants`, `lies` or `faults`.
    pub kind: String,
    /// How many there are.
    pub total: usize,
    /// Noticed, at the right stage.
    pub noticed: usize,
    /// Refused by the server, so that no run gets past them.
    pub refused: usize,
    /// Without effect, as recorded.
    pub no_effect: usize,
    /// Not noticed, or not where they should be. Any of these fails the self-test.
    pub survivors: Vec<String>,
    /// Without a verdict.
    pub unclear: Vec<String>,
}

impl Score {
    /// Adds one trial.
    pub fn add(&mut self, trial: &Trial, outcome: Option<&Outcome>) {
        self.total += 1;
        let (verdict, _) = trial.judge(outcome);
        match (verdict, outcome) {
            (Verdict::Nonconformant, _) => self.survivors.push(trial.id.clone()),
            (Verdict::Inconclusive, _) => self.unclear.push(trial.id.clone()),
            (Verdict::Skipped, _) => self.no_effect += 1,
            (_, Some(Outcome::Refused(_))) => self.refused += 1,
            _ => self.noticed += 1,
        }
    }

    /// Such as `mutants 214: 190 noticed, 8 refused by the server, 16 without effect, 0 survivors, 0 unclear`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!(
            "{} {}: {} noticed, {} refused by the server, {} without effect, {} survivors, {} unclear",
            self.kind,
            self.total,
            self.noticed,
            self.refused,
            self.no_effect,
            self.survivors.len(),
            self.unclear.len()
        )
    }
}
