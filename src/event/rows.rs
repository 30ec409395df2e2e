//! The figures of a self-test and of repeated rounds: what terminal and JSON say of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::CauseId;
use crate::verdict::Verdict;

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

/// How one scenario ended, in all rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Stability {
    /// The scenario's id.
    pub scenario: String,
    /// How often it was run.
    pub rounds: usize,
    /// How often it ended as most of the time.
    pub same: usize,
    /// Each way in which it ended, and how often.
    pub ends: BTreeMap<String, usize>,
}

/// Such as `stability: 14 of 14 scenarios ended the same in 50 rounds`.
#[must_use]
pub fn sentence(figures: &[Stability]) -> String {
    let stable = figures.iter().filter(|figure| figure.same == figure.rounds).count();
    let rounds = figures.iter().map(|figure| figure.rounds).max().unwrap_or_default();
    format!("stability: {stable} of {} scenarios ended the same in {rounds} rounds", figures.len())
}
