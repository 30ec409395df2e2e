//! What rests on a stand-in, and a run that lets nothing of that pass.

use super::Verdict;
use super::result::ScenarioResult;
use crate::page::Stage;
use crate::scenario::model::Evidence;

/// Notes that a stand-in was the kubelet: of everything but what the API server has not even admitted.
pub fn by_kubelets_stand_in(result: &mut ScenarioResult) {
    let admitted = result.observed.stage != Some(Stage::Pod);
    if result.evidence == Evidence::Real && admitted && result.verdict != Verdict::Skipped {
        result.evidence = Evidence::StandInKubelet;
    }
}

/// Turns what passes and rests on a stand-in into `inconclusive`.
pub fn require_real(results: &mut [ScenarioResult]) {
    for result in results.iter_mut().filter(|it| it.verdict.passes() && it.evidence != Evidence::Real) {
        let evidence = result.evidence.name();
        result.reason =
            format!("its evidence is {evidence}, and only real evidence was to count; else {}", result.reason);
        result.verdict = Verdict::Inconclusive;
        for case in result.cases.iter_mut().filter(|case| case.verdict.passes()) {
            case.verdict = Verdict::Inconclusive;
            case.message.clone_from(&result.reason);
        }
        // Nor does it say anything of the page.
        result.findings.clear();
    }
}
