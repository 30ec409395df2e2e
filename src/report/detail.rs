//! How much of a scenario one case of JUnit is: a case as the scenario has it, or several of them as one.

use super::answer::Answer;
use crate::page::{CauseId, Stage};
use crate::verdict::Verdict;
use crate::verdict::result::{Case, ScenarioResult, Subject};

/// What has a case of its own in JUnit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// Each scenario, and nothing in it.
    Scenario,
    /// Each stage, command, step and check; the keys are in that of the stage `keys`.
    Stage,
    /// Each key as well.
    #[default]
    Key,
}

/// A case of JUnit.
#[derive(Debug, Clone)]
pub(super) struct Part<'a> {
    /// Its name, which never changes: `ID: stage login`, or the scenario's id alone.
    pub name: String,
    /// The worst of what it is made of.
    pub verdict: Verdict,
    /// Why; empty only where it is conformant.
    pub message: String,
    /// The cause, where one is known.
    pub cause: Option<&'a CauseId>,
    /// What is wrong, if an answer says so of this case.
    pub what: Option<&'a str>,
    /// What it is made of, where that is more than one case, unless nothing is to be said of it.
    pub of: Vec<&'a Case>,
}

impl Detail {
    /// The cases of a scenario, in its own order.
    pub(super) fn parts<'a>(self, scenario: &'a ScenarioResult, answer: Option<&'a Answer>) -> Vec<Part<'a>> {
        let of_key = |case: &&Case| matches!(case.subject, Subject::Key(_));
        let cases = || scenario.cases.iter();
        match self {
            Self::Key => cases().map(|case| Part::one(scenario, answer, case)).collect(),
            Self::Stage => {
                let stage = |case: &&Case| case.subject == Subject::Stage(Stage::Keys);
                let keys: Vec<&Case> = cases().filter(stage).chain(cases().filter(of_key)).collect();
                let mut keys = (!keys.is_empty()).then(|| Part::several(scenario, answer, keys));
                let own = |case| {
                    if stage(&case) || of_key(&case) { keys.take() } else { Some(Part::one(scenario, answer, case)) }
                };
                cases().filter_map(own).collect()
            }
            Self::Scenario => vec![Part::whole(scenario, answer)],
        }
    }
}

impl<'a> Part<'a> {
    fn one(scenario: &ScenarioResult, answer: Option<&'a Answer>, case: &'a Case) -> Self {
        Self {
            name: format!("{}: {}", scenario.id, case.subject),
            verdict: case.verdict,
            message: case.message.clone(),
            cause: case.cause.as_ref(),
            what: answer.and_then(|answer| answer.of_case(case, &scenario.observed)),
            of: Vec::new(),
        }
    }

    /// The stage `keys` with all keys; only one that is there makes it.
    fn several(scenario: &ScenarioResult, answer: Option<&'a Answer>, cases: Vec<&'a Case>) -> Self {
        let verdict = cases.iter().map(|case| case.verdict).max_by_key(|verdict| weight(*verdict));
        let verdict = verdict.unwrap_or(Verdict::Skipped);
        let worst: Vec<&Case> = cases.iter().copied().filter(|case| case.verdict == verdict).collect();
        let of_stage = worst.iter().find(|case| matches!(case.subject, Subject::Stage(_)));
        let message = match of_stage {
            Some(stage) => stage.message.clone(),
            None => lines(&worst).join("; "),
        };
        Self {
            name: format!("{}: {}", scenario.id, Subject::Stage(Stage::Keys)),
            verdict,
            message: if verdict == Verdict::Conformant { String::new() } else { message },
            cause: worst.iter().find_map(|case| case.cause.as_ref()),
            what: worst.iter().find_map(|case| answer?.of_case(case, &scenario.observed)),
            of: cases,
        }
    }

    fn whole(scenario: &'a ScenarioResult, answer: Option<&'a Answer>) -> Self {
        let of_answer = answer.and_then(|answer| answer.cause.as_ref());
        Self {
            name: scenario.id.clone(),
            verdict: scenario.verdict,
            message: scenario.reason.clone(),
            cause: of_answer.or(scenario.observed.cause.as_ref()),
            what: answer.map(|answer| &*answer.what),
            of: scenario.cases.iter().collect(),
        }
    }

    /// Which cases it is about, a line for each verdict and reason: those that are not as they should be.
    pub(super) fn which(&self) -> Vec<String> {
        let wrong =
            |verdict| matches!(verdict, Verdict::Nonconformant | Verdict::Inconclusive | Verdict::KnownDeviation);
        let of: Vec<&Case> = self.of.iter().copied().filter(|case| wrong(case.verdict)).collect();
        lines(&of)
    }
}

/// What several cases come to. One that was not reached says nothing beside one that was looked at.
fn weight(verdict: Verdict) -> usize {
    [Verdict::Skipped, Verdict::Conformant, Verdict::KnownDeviation, Verdict::Inconclusive, Verdict::Nonconformant]
        .iter()
        .position(|other| *other == verdict)
        .unwrap_or_default()
}

/// `key A, key B: why`, for each verdict and reason in the order of their first cases.
fn lines(cases: &[&Case]) -> Vec<String> {
    let mut reasons: Vec<(Verdict, &str, Vec<String>)> = Vec::new();
    for case in cases {
        let subject = case.subject.to_string();
        match reasons.iter_mut().find(|(verdict, why, _)| (*verdict, *why) == (case.verdict, &*case.message)) {
            Some((_, _, subjects)) => subjects.push(subject),
            None => reasons.push((case.verdict, &case.message, vec![subject])),
        }
    }
    reasons.into_iter().map(|(_, why, subjects)| format!("{}: {why}", subjects.join(", "))).collect()
}
