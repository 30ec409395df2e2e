//! A denial counts only where its permitted twin was let in: in the same run, on
//! the same servers. Otherwise everything may have been denied.

use std::collections::HashMap;

use super::result::{Observed, ScenarioResult, Verdict};
use crate::page::Stage;

/// Turns each denial whose control did not pass into `inconclusive`, one that
/// is a known deviation of the page included. What failed by itself stays so.
pub fn apply(results: &mut [ScenarioResult]) {
    let verdicts: HashMap<String, Verdict> = results.iter().map(|r| (r.id.clone(), r.verdict)).collect();
    for result in results.iter_mut().filter(|result| result.verdict.passes()) {
        let Some(control) = &result.control else { continue };
        match verdicts.get(control) {
            Some(Verdict::Conformant) => {}
            Some(verdict) => take_back(result, &format!("is {verdict}")),
            None => take_back(result, "did not run"),
        }
    }
}

/// On a customer's servers it is enough that the twin got past the stage of the
/// denial, whatever else it lacks. If it did not, no refusal says anything, for
/// whatever cause: what is wrong there, the twin's own way says.
pub fn unless_past(stage: Stage, twin: &Observed, denial: &mut ScenarioResult) {
    let refused = denial.verdict.passes() || denial.observed.stage.is_some();
    if refused && !twin.passed(stage) {
        take_back(denial, &format!("did not get past {stage}"));
        denial.cases.iter_mut().for_each(|case| case.cause = None);
    }
}

fn take_back(denial: &mut ScenarioResult, said: &str) {
    let control = denial.control.as_deref().unwrap_or_default();
    denial.reason = format!("its control {control} {said}, so this denial proves nothing");
    denial.verdict = Verdict::Inconclusive;
    for case in denial.cases.iter_mut().filter(|case| case.verdict != Verdict::Skipped) {
        case.verdict = Verdict::Inconclusive;
        case.message.clone_from(&denial.reason);
    }
    // Nor does it say anything of the page.
    denial.findings.clear();
}
