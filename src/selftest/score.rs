//! How many obstacles were noticed, and how each fault ended.

use super::trial::{Obstacle, Outcome, Trial};
use crate::event::{FaultRow, Score};
use crate::verdict::Verdict;

/// Adds one trial.
pub fn add(score: &mut Score, trial: &Trial, outcome: Option<&Outcome>) {
    if let Some(Outcome::NotHere(_)) = outcome {
        return;
    }
    score.total += 1;
    score.hangs += usize::from(matches!(outcome, Some(Outcome::Hung(_))));
    let (verdict, _) = trial.judge(outcome);
    match (verdict, outcome) {
        (Verdict::Nonconformant, _) => score.survivors.push(trial.id.clone()),
        (Verdict::Inconclusive, _) => score.unclear.push(trial.id.clone()),
        (Verdict::Skipped, _) => score.no_effect += 1,
        (_, Some(Outcome::Refused(_))) => score.refused += 1,
        _ => score.noticed += 1,
    }
}

/// The row of a trial, where it is one of a fault.
#[must_use]
pub fn row(trial: &Trial, outcome: Option<&Outcome>, total_ms: u64) -> Option<FaultRow> {
    let Obstacle::Fault(fault) = &trial.obstacle else { return None };
    let (verdict, cause, reason) = match outcome {
        Some(Outcome::Ended { verdict, cause, reason }) => (Some(*verdict), cause.clone(), reason.clone()),
        _ => (None, None, trial.judge(outcome).1),
    };
    Some(FaultRow { fault: fault.id.clone(), title: fault.title.clone(), verdict, cause, reason, total_ms })
}

#[cfg(test)]
mod tests {
    use super::super::trial::Want;
    use super::*;

    #[test]
    fn what_the_testbed_lacks_is_not_tried_and_counts_neither_as_noticed_nor_as_survived() {
        let trial = Trial {
            id: "day-two/x left-out".to_owned(),
            suite: "mutants-day-two".to_owned(),
            first: "day-two.x".to_owned(),
            obstacle: Obstacle::LeftOut,
            want: Want::NoticedLater,
        };
        let outcome = Outcome::NotHere("no server starts anew".to_owned());
        let said = "not tried on this testbed: no server starts anew".to_owned();
        assert_eq!(trial.judge(Some(&outcome)), (Verdict::Skipped, said));
        let mut score = Score::default();
        add(&mut score, &trial, Some(&outcome));
        assert_eq!(score, Score::default());
    }
}
