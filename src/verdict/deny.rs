//! What a run is failed for beside what fails by itself (`--deny`).

use super::result::{ScenarioResult, Verdict};

/// What is not let pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deny {
    /// Everything is let pass that does.
    #[default]
    Nothing,
    /// The page is wrong in a way that is known: the exit code says so. The
    /// verdict stays what it is, for nothing is wrong with what was observed.
    KnownDeviation,
    /// Something holds and should be mended all the same: its case fails.
    Warning,
}

impl Deny {
    /// Fails the cases that are denied, and their scenarios with them. What was
    /// failed so before stays as it is.
    pub fn apply(self, results: &mut [ScenarioResult]) {
        if self != Self::Warning {
            return;
        }
        for result in results {
            result.cases.iter_mut().filter(|case| case.warning).for_each(|case| case.verdict = Verdict::Nonconformant);
            result.settle();
        }
    }

    /// Whether a scenario with that verdict fails the run.
    #[must_use]
    pub fn fails(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Nonconformant => true,
            Verdict::KnownDeviation => self == Self::KnownDeviation,
            Verdict::Conformant | Verdict::Inconclusive | Verdict::Skipped => false,
        }
    }
}
