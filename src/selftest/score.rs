//! How many obstacles were noticed, and how each fault ended: what terminal and
//! JSON say of a self-test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trial::{Obstacle, Outcome, Trial};
use crate::verdict::{CauseId, Verdict};

/// The score of one kind of obstacle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Score {
    /// `mutants`, `lies` or `faults`.
    pub kind: String,
    /// How many there are.
    pub total: usize,
    /// Noticed, at the right stage; a fault that ended as it must.
    pub noticed: usize,
    /// Refused by the server, so that no run gets past them.
    pub refused: usize,
    /// Without effect, as recorded.
    pub no_effect: usize,
    /// Not noticed, or not where they should be; faults with a wrong verdict,
    /// or without an end. Any of these fails the self-test.
    pub survivors: Vec<String>,
    /// Those of the survivors that did not end.
    pub hangs: usize,
    /// Without a verdict.
    pub unclear: Vec<String>,
}

impl Score {
    /// Adds one trial.
    pub fn add(&mut self, trial: &Trial, outcome: Option<&Outcome>) {
        self.total += 1;
        self.hangs += usize::from(matches!(outcome, Some(Outcome::Hung(_))));
        let (verdict, _) = trial.judge(outcome);
        match (verdict, outcome) {
            (Verdict::Nonconformant, _) => self.survivors.push(trial.id.clone()),
            (Verdict::Inconclusive, _) => self.unclear.push(trial.id.clone()),
            (Verdict::Skipped, _) => self.no_effect += 1,
            (_, Some(Outcome::Refused(_))) => self.refused += 1,
            _ => self.noticed += 1,
        }
    }

    /// Such as `mutants 205: 155 killed, 39 refused by the server, 11 no-effect, survivors 0, hangs 0, unclear 0`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { kind, total, noticed, refused, no_effect, hangs, .. } = self;
        let (missed, unclear) = (self.survivors.len() - hangs, self.unclear.len());
        let what = match kind.as_str() {
            "faults" => format!("{noticed} ended as they must, wrong verdicts {missed}"),
            "lies" => format!("{noticed} caught, missed {missed}"),
            _ => {
                format!("{noticed} killed, {refused} refused by the server, {no_effect} no-effect, survivors {missed}")
            }
        };
        format!("{kind} {total}: {what}, hangs {hangs}, unclear {unclear}")
    }
}

/// How one fault ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FaultRow {
    /// Its id, such as `vault.login-503`.
    pub fault: String,
    /// What happens, one sentence.
    pub title: String,
    /// The verdict of the scenario in whose way it was; absent where it has none.
    pub verdict: Option<Verdict>,
    /// By which cause, where one is known.
    pub cause: Option<CauseId>,
    /// Why.
    pub reason: String,
    /// How long it took, clean-up included, in milliseconds.
    pub total_ms: u64,
}

impl FaultRow {
    /// The row of a trial, where it is one of a fault.
    #[must_use]
    pub fn of(trial: &Trial, outcome: Option<&Outcome>, total_ms: u64) -> Option<Self> {
        let Obstacle::Fault(fault) = &trial.obstacle else { return None };
        let (verdict, cause, reason) = match outcome {
            Some(Outcome::Ended { verdict, cause, reason }) => (Some(*verdict), cause.clone(), reason.clone()),
            _ => (None, None, trial.judge(outcome).1),
        };
        Some(Self { fault: fault.id.clone(), title: fault.title.clone(), verdict, cause, reason, total_ms })
    }
}
