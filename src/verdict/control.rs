//! A denial counts only where its control passed in the same run on the same
//! testbed: otherwise everything may have been denied.

use std::collections::HashMap;

use super::result::ScenarioResult;
use crate::verdict::result::Verdict;

/// Turns each denial whose control did not pass into `inconclusive`, one that
/// is a known deviation of the page included.
pub fn apply(results: &mut [ScenarioResult]) {
    let verdicts: HashMap<String, Verdict> = results.iter().map(|r| (r.id.clone(), r.verdict)).collect();
    let counts = |verdict| matches!(verdict, Verdict::Conformant | Verdict::KnownDeviation);
    for result in results.iter_mut().filter(|result| counts(result.verdict)) {
        let Some(control) = &result.control else { continue };
        let seen = verdicts.get(control);
        if seen == Some(&Verdict::Conformant) {
            continue;
        }
        let said = seen.map_or("did not run".to_owned(), |verdict| format!("is {verdict}"));
        let reason = format!("its control {control} {said}, so this denial proves nothing");
        result.verdict = Verdict::Inconclusive;
        for case in result.cases.iter_mut().filter(|case| counts(case.verdict)) {
            case.verdict = Verdict::Inconclusive;
            case.message.clone_from(&reason);
        }
        // Nor does it say anything of the page.
        result.findings.clear();
        result.reason = reason;
    }
}
