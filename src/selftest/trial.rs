//! One thing that is put in the way of a scenario, and what must come of it.

use crate::configure::mutation::Mutation;
use crate::page::{CauseId, Stage};
use crate::scenario::self_test::{Blow, Ends, Fault, Lie};
use crate::verdict::Verdict;
use crate::verdict::result::{ScenarioResult, Subject};

/// What is put in the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Obstacle {
    /// A broken field.
    Mutant(Mutation),
    /// A server that lies.
    Lie(Lie),
    /// A server that fails.
    Fault(Fault),
    /// What is to happen while an app lives does not.
    LeftOut,
}

/// What must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// Some scenario is nonconformant, at one of these stages.
    Noticed(Vec<Stage>),
    /// The scenario is nonconformant, by what an app sees that lives on.
    NoticedLater,
    /// Nothing, for this reason.
    NoEffect(String),
    /// So: a fault must neither pass unearned nor be blamed on the page.
    Ends(End),
}

/// How a fault must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// With which verdict.
    pub verdict: Ends,
    /// By which cause, where one must be named.
    pub cause: Option<CauseId>,
    /// What the reason must say.
    pub says: Option<String>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its case in the reports; never to be changed.
    pub id: String,
    /// Its suite in the reports: `mutants`, `lies` or `faults`, and of what.
    pub suite: String,
    /// The scenario that is tried first.
    pub first: String,
    /// What is put in the way.
    pub obstacle: Obstacle,
    /// What must come of it.
    pub want: Want,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The scenario that noticed it, where, and what it said.
    Noticed {
        /// Which.
        scenario: String,
        /// Where: a stage, or a look at an app that lives on.
        at: String,
        /// Why.
        reason: String,
    },
    /// Noticed, but not where it should be.
    WrongStage {
        /// Which.
        scenario: String,
        /// Where, where anything was observed.
        at: Option<String>,
        /// Why.
        reason: String,
    },
    /// A server refuses the broken object, so that no run gets past it.
    Refused(String),
    /// Every scenario ended as if nothing were in the way.
    Unnoticed,
    /// It cannot be told.
    Unclear(String),
    /// A fault ended like this.
    Ended {
        /// The scenario's verdict.
        verdict: Verdict,
        /// By which cause, where one is known.
        cause: Option<CauseId>,
        /// Why.
        reason: String,
    },
    /// The testbed lacks what its scenario needs; in words.
    NotHere(String),
    /// It did not end within this many seconds, long after its time limit.
    Hung(u64),
}

/// What one scenario says of an obstacle.
#[must_use]
pub fn outcome(result: &ScenarioResult, want: &Want) -> Outcome {
    let scenario = result.id.clone();
    let (stage, reason) = (result.observed.stage, result.reason.clone());
    if let Want::Ends(_) = want {
        return Outcome::Ended { verdict: result.verdict, cause: result.observed.cause.clone(), reason };
    }
    match result.verdict {
        Verdict::Conformant | Verdict::KnownDeviation => Outcome::Unnoticed,
        Verdict::Nonconformant => {
            // A way that went further than it should is noticed at the stage at which it should have stopped.
            let mut blamed = result.cases.iter().filter(|case| case.verdict == Verdict::Nonconformant);
            let look = blamed.clone().find(|case| matches!(case.subject, Subject::Step(_)));
            if let (Some(case), Want::NoticedLater) = (look, want) {
                return Outcome::Noticed { scenario, at: case.subject.to_string(), reason: case.message.clone() };
            }
            let at = match blamed.next().map(|case| &case.subject) {
                Some(Subject::Stage(stage)) => Some(*stage),
                _ => stage,
            };
            match (at, want) {
                (Some(stage), Want::Noticed(stages)) if stages.contains(&stage) => {
                    Outcome::Noticed { scenario, at: stage.to_string(), reason }
                }
                // The way of the mended app is the last look at it.
                (Some(stage), Want::NoticedLater) => Outcome::Noticed { scenario, at: stage.to_string(), reason },
                _ => Outcome::WrongStage { scenario, at: at.map(|stage| stage.to_string()), reason },
            }
        }
        Verdict::Inconclusive | Verdict::Skipped => Outcome::Unclear(format!("{scenario}: {reason}")),
    }
}

impl Trial {
    /// What becomes of a Vault that it has for itself.
    #[must_use]
    pub fn strikes(&self) -> Option<Blow> {
        match &self.obstacle {
            Obstacle::Fault(fault) => fault.before_app,
            Obstacle::Mutant(_) | Obstacle::Lie(_) | Obstacle::LeftOut => None,
        }
    }

    /// The verdict on the harness, and why.
    #[must_use]
    pub fn judge(&self, outcome: Option<&Outcome>) -> (Verdict, String) {
        let Some(outcome) = outcome else {
            return (Verdict::Inconclusive, "not tried: the self-test was cut off".to_owned());
        };
        if let Outcome::Hung(seconds) = outcome {
            return (Verdict::Nonconformant, format!("hangs: not over after {seconds} s, whatever its time limit"));
        }
        if let Outcome::NotHere(lacks) = outcome {
            return (Verdict::Skipped, format!("not tried on this testbed: {lacks}"));
        }
        match &self.want {
            Want::NoEffect(why) => without_effect(outcome, why),
            Want::Noticed(stages) => {
                let stages: Vec<&str> = stages.iter().map(|stage| stage.as_str()).collect();
                with_effect(outcome, &stages.join(" or "))
            }
            Want::NoticedLater => with_effect(outcome, "a look at the app that lives on"),
            Want::Ends(end) => ended(outcome, end),
        }
    }
}

fn ended(outcome: &Outcome, end: &End) -> (Verdict, String) {
    let wanted = match end.verdict {
        Ends::Conformant => Verdict::Conformant,
        Ends::Inconclusive => Verdict::Inconclusive,
    };
    match outcome {
        Outcome::Ended { verdict, reason, .. } if *verdict != wanted => {
            (Verdict::Nonconformant, format!("{verdict}, and should be {wanted}: {reason}"))
        }
        Outcome::Ended { verdict, cause, reason } => match (&end.cause, &end.says) {
            (Some(wanted), _) if cause.as_ref() != Some(wanted) => {
                (Verdict::Nonconformant, format!("{verdict}, and should be so by {wanted}: {reason}"))
            }
            (_, Some(says)) if !reason.contains(says) => {
                (Verdict::Nonconformant, format!("{verdict}, and should say `{says}`: {reason}"))
            }
            _ => (Verdict::Conformant, format!("{verdict}, as it should be: {reason}")),
        },
        Outcome::Unclear(reason) | Outcome::Refused(reason) => (Verdict::Inconclusive, reason.clone()),
        Outcome::Unnoticed
        | Outcome::Noticed { .. }
        | Outcome::WrongStage { .. }
        | Outcome::NotHere(_)
        | Outcome::Hung(_) => (Verdict::Inconclusive, "a fault has a verdict only".to_owned()),
    }
}

fn with_effect(outcome: &Outcome, wanted: &str) -> (Verdict, String) {
    match outcome {
        Outcome::Noticed { scenario, at, reason } => {
            (Verdict::Conformant, format!("noticed by {scenario} at {at}: {reason}"))
        }
        Outcome::Refused(reason) => (Verdict::Conformant, format!("refused by the server: {reason}")),
        Outcome::WrongStage { scenario, at, reason } => {
            let at = at.as_deref().unwrap_or("no stage");
            (Verdict::Nonconformant, format!("noticed by {scenario} at {at}, not at {wanted}: {reason}"))
        }
        Outcome::Unnoticed => {
            (Verdict::Nonconformant, "survived: every scenario ended as if nothing were in the way".to_owned())
        }
        Outcome::Unclear(reason) | Outcome::Ended { reason, .. } => (Verdict::Inconclusive, reason.clone()),
        Outcome::NotHere(_) | Outcome::Hung(_) => (Verdict::Inconclusive, String::new()),
    }
}

fn without_effect(outcome: &Outcome, why: &str) -> (Verdict, String) {
    match outcome {
        Outcome::Unnoticed => (Verdict::Skipped, format!("no effect: {why}")),
        Outcome::Noticed { scenario, reason, .. } | Outcome::WrongStage { scenario, reason, .. } => {
            (Verdict::Nonconformant, format!("marked as without effect, and {scenario} notices it: {reason}"))
        }
        Outcome::Refused(reason) => {
            (Verdict::Nonconformant, format!("marked as without effect, and the server refuses it: {reason}"))
        }
        Outcome::Unclear(reason) | Outcome::Ended { reason, .. } => (Verdict::Inconclusive, reason.clone()),
        Outcome::NotHere(_) | Outcome::Hung(_) => (Verdict::Inconclusive, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_was_not_in_the_way_is_never_taken_for_one_that_was_met() {
        for verdict in [Ends::Conformant, Ends::Inconclusive] {
            let outcome = Outcome::Unclear("the proxy cannot listen".to_owned());
            assert_eq!(ended(&outcome, &End { verdict, cause: None, says: None }).0, Verdict::Inconclusive);
        }
    }

    #[test]
    fn a_fault_must_end_with_its_verdict_and_for_its_reason() {
        let cause = |id: &str| Some(CauseId::new(id));
        let outcome =
            |verdict| Outcome::Ended { verdict, cause: cause("login.vault-tls"), reason: "as said".to_owned() };
        let judge = |outcome: &Outcome, cause, says: Option<&str>| {
            ended(outcome, &End { verdict: Ends::Inconclusive, cause, says: says.map(str::to_owned) }).0
        };
        let inconclusive = outcome(Verdict::Inconclusive);
        assert_eq!(judge(&inconclusive, None, None), Verdict::Conformant);
        assert_eq!(judge(&inconclusive, cause("login.vault-tls"), Some("said")), Verdict::Conformant);
        assert_eq!(judge(&inconclusive, cause("login.vault-sealed"), None), Verdict::Nonconformant);
        assert_eq!(judge(&inconclusive, None, Some("something else")), Verdict::Nonconformant);
        for wrong in [Verdict::Conformant, Verdict::Nonconformant, Verdict::KnownDeviation] {
            assert_eq!(judge(&outcome(wrong), None, None), Verdict::Nonconformant);
        }
        assert_eq!(judge(&Outcome::Hung(1), None, None), Verdict::Inconclusive);
    }
}
