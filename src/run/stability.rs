//! Whether scenarios end the same each time (`--repeat`).

use std::collections::BTreeMap;

use crate::event::Stability;
use crate::verdict::Verdict;
use crate::verdict::result::ScenarioResult;

/// The ends so far, by scenario.
#[derive(Debug, Default)]
pub struct Rounds(BTreeMap<String, BTreeMap<String, usize>>);

impl Rounds {
    /// Notes one end.
    pub fn note(&mut self, result: &ScenarioResult) {
        let end = match result.observed.complete {
            true => format!("{}: {}", result.verdict, result.observed.in_full()),
            false => format!("{}: {}", result.verdict, result.reason),
        };
        *self.0.entry(result.id.clone()).or_default().entry(end).or_default() += 1;
    }

    /// The figures, and no verdict for what did not end the same each time.
    #[must_use]
    pub fn judge(self, results: &mut [ScenarioResult]) -> Vec<Stability> {
        let mut figures = Vec::new();
        for result in results {
            let Some(ends) = self.0.get(&result.id) else { continue };
            let rounds: usize = ends.values().sum();
            let same = ends.values().copied().max().unwrap_or_default();
            if ends.len() > 1 {
                let words: Vec<String> = ends.iter().map(|(end, times)| format!("{times} x {end}")).collect();
                result.reason = format!("it does not end the same in {rounds} rounds: {}", words.join("; "));
                // What fails in the first round fails; what fails in another is no pass.
                if result.verdict != Verdict::Nonconformant {
                    result.verdict = Verdict::Inconclusive;
                }
            }
            figures.push(Stability { scenario: result.id.clone(), rounds, same, ends: ends.clone() });
        }
        figures
    }
}
