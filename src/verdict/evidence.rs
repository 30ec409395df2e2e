//! What rests on a stand-in, and a run that lets nothing of that pass.

use super::Verdict;
use super::result::ScenarioResult;
use crate::page::Stage;
use crate::scenario::model::Evidence;

/// Notes that a stand-in was the kubelet: of everything but what the API server has not even admitted. That, too, rests on
/// one where a stand-in asked for the pod (`made_pods`).
pub fn by_kubelets_stand_in(result: &mut ScenarioResult, made_pods: bool) {
    if result.evidence == Evidence::Real && result.verdict != Verdict::Skipped {
        result.evidence = match (result.observed.stage, made_pods) {
            (Some(Stage::Pod), false) => Evidence::Real,
            (Some(Stage::Pod), true) => Evidence::StandIn,
            _ => Evidence::StandInKubelet,
        };
    }
}

/// Turns what passes and rests on a stand-in into `inconclusive`.
pub fn require_real(results: &mut [ScenarioResult]) {
    let stands_in = |it: &ScenarioResult| matches!(it.evidence, Evidence::StandIn | Evidence::StandInKubelet);
    for result in results.iter_mut().filter(|it| it.verdict.passes() && stands_in(it)) {
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn ended(stage: Option<Stage>, evidence: Evidence) -> ScenarioResult {
        let mut result = ScenarioResult::of_checks("group.name", "", "", Vec::new());
        (result.verdict, result.evidence, result.observed.stage) = (Verdict::Conformant, evidence, stage);
        result
    }

    #[rstest]
    #[case::all_the_way(None, Evidence::Real, false, Evidence::StandInKubelet)]
    #[case::refused_later(Some(Stage::Login), Evidence::Real, true, Evidence::StandInKubelet)]
    #[case::not_admitted(Some(Stage::Pod), Evidence::Real, false, Evidence::Real)]
    #[case::not_admitted_as_a_stand_in_asked(Some(Stage::Pod), Evidence::Real, true, Evidence::StandIn)]
    #[case::the_operators(None, Evidence::StandIn, false, Evidence::StandIn)]
    fn what_was_admitted_rests_on_the_kubelets_stand_in(
        #[case] stage: Option<Stage>,
        #[case] evidence: Evidence,
        #[case] made_pods: bool,
        #[case] noted: Evidence,
    ) {
        let mut result = ended(stage, evidence);
        by_kubelets_stand_in(&mut result, made_pods);
        assert_eq!(result.evidence, noted);
    }

    #[test]
    fn only_what_is_real_passes_where_that_is_required_and_what_failed_stays_failed() {
        let all = [Evidence::Real, Evidence::StandIn, Evidence::StandInKubelet].map(|evidence| ended(None, evidence));
        let failed = ScenarioResult { verdict: Verdict::Nonconformant, ..ended(None, Evidence::StandIn) };
        let mut results = all.into_iter().chain([failed]).collect::<Vec<_>>();
        require_real(&mut results);
        let verdicts: Vec<Verdict> = results.iter().map(|result| result.verdict).collect();
        let expected = [Verdict::Conformant, Verdict::Inconclusive, Verdict::Inconclusive, Verdict::Nonconformant];
        assert_eq!(verdicts, expected);
        assert!(results[2].reason.contains("stand-in (kubelet)"), "{}", results[2].reason);
    }
}
