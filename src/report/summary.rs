//! Counts, the exit code and the findings by defect: what every report says alike.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Ending, Exit, RunResult};
use crate::verdict::result::{Case, FindingKind, ScenarioResult};
use crate::verdict::{Deny, Verdict};

/// How often each verdict was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// All together.
    pub total: usize,
    /// As the page says.
    pub conformant: usize,
    /// The page is wrong in exactly the way recorded.
    pub known_deviation: usize,
    /// Anything else.
    pub nonconformant: usize,
    /// No verdict could be reached.
    pub inconclusive: usize,
    /// Out of scope.
    pub skipped: usize,
}

impl Counts {
    /// Of every scenario.
    #[must_use]
    pub fn of_scenarios(scenarios: &[ScenarioResult]) -> Self {
        scenarios.iter().map(|scenario| scenario.verdict).collect()
    }

    /// Of every case of every scenario.
    #[must_use]
    pub fn of_cases(scenarios: &[ScenarioResult]) -> Self {
        scenarios.iter().flat_map(|scenario| &scenario.cases).map(|case| case.verdict).collect()
    }

    /// `12 conformant, 2 known deviations, …`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!(
            "{} conformant, {} known deviation{}, {} nonconformant, {} inconclusive, {} skipped",
            self.conformant,
            self.known_deviation,
            if self.known_deviation == 1 { "" } else { "s" },
            self.nonconformant,
            self.inconclusive,
            self.skipped
        )
    }
}

impl FromIterator<Verdict> for Counts {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            counts.total += 1;
            *match verdict {
                Verdict::Conformant => &mut counts.conformant,
                Verdict::KnownDeviation => &mut counts.known_deviation,
                Verdict::Nonconformant => &mut counts.nonconformant,
                Verdict::Inconclusive => &mut counts.inconclusive,
                Verdict::Skipped => &mut counts.skipped,
            } += 1;
        }
        counts
    }
}

/// A defect of the page, with everything that met it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Defect {
    /// Whether it is one, or something that the page says nothing of.
    #[serde(default)]
    pub kind: FindingKind,
    /// The defect's id.
    pub defect: String,
    /// What the page claims.
    pub claim: String,
    /// What happens.
    pub happens: String,
    /// The place of the page.
    pub page: String,
    /// The scenarios that met it.
    pub scenarios: Vec<String>,
}

/// The findings by defect, in the order in which they were met.
#[must_use]
pub fn defects(scenarios: &[ScenarioResult]) -> Vec<Defect> {
    let mut defects: Vec<Defect> = Vec::new();
    for scenario in scenarios {
        for finding in &scenario.findings {
            if let Some(known) =
                defects.iter_mut().find(|known| known.kind == finding.kind && known.defect == finding.defect)
            {
                if !known.scenarios.contains(&scenario.id) {
                    known.scenarios.push(scenario.id.clone());
                }
                continue;
            }
            defects.push(Defect {
                kind: finding.kind,
                defect: finding.defect.clone(),
                claim: finding.claim.clone(),
                happens: finding.happens.clone(),
                page: finding.page.clone(),
                scenarios: vec![scenario.id.clone()],
            });
        }
    }
    defects
}

/// The same of one kind.
#[must_use]
pub fn of_kind(scenarios: &[ScenarioResult], kind: FindingKind) -> Vec<Defect> {
    defects(scenarios).into_iter().filter(|defect| defect.kind == kind).collect()
}

/// What holds and should be mended all the same: the scenario, and the case.
pub fn warnings(scenarios: &[ScenarioResult]) -> impl Iterator<Item = (&ScenarioResult, &Case)> {
    scenarios.iter().flat_map(|scenario| {
        let warned = |case: &&Case| case.warning && case.verdict == Verdict::Conformant;
        scenario.cases.iter().filter(warned).map(move |case| (scenario, case))
    })
}

/// What the process must end with. An interruption goes before every verdict,
/// then 1, 3 and 0. A problem alone changes nothing: what it cost is in the
/// verdicts and in the ending.
#[must_use]
pub fn exit(result: &RunResult, deny: Deny, replacements: usize) -> Exit {
    let counts = Counts::of_scenarios(&result.scenarios);
    match result.ending {
        Ending::Interrupted => return Exit::Interrupted,
        Ending::Terminated => return Exit::Terminated,
        Ending::Complete | Ending::Failed => {}
    }
    if result.scenarios.iter().any(|scenario| scenario.known.is_none() && deny.fails(scenario.verdict)) {
        Exit::Failed
    } else if counts.inconclusive > 0 || outside_scenarios(result, replacements).is_some() {
        Exit::Inconclusive
    } else {
        Exit::Passed
    }
}

/// Why the run proves nothing, or not enough, although no scenario says so: a
/// dashboard that reads only cases would otherwise show a run that passed.
#[must_use]
pub fn outside_scenarios(result: &RunResult, replacements: usize) -> Option<String> {
    let inconclusive = result.scenarios.iter().any(|scenario| scenario.verdict == Verdict::Inconclusive);
    let reason = if replacements > 0 {
        format!("the output held a secret or a token's shape in {replacements} places, which were replaced")
    } else if inconclusive {
        return None;
    } else {
        without_proof(result)?.to_owned()
    };
    let problems: String = result.problems.iter().map(|problem| format!("; {problem}")).collect();
    Some(reason + &problems)
}

/// Why a run proves nothing, or not enough, whatever its verdicts are.
#[must_use]
pub fn without_proof(result: &RunResult) -> Option<&'static str> {
    let skipped = |scenario: &ScenarioResult| scenario.verdict == Verdict::Skipped;
    match result.ending {
        Ending::Interrupted => Some("the run was interrupted"),
        Ending::Terminated => Some("the run was terminated"),
        Ending::Failed => Some("the testbed or the harness failed, or the time limit was over"),
        Ending::Complete if result.scenarios.is_empty() => Some("nothing was selected, so nothing was observed"),
        Ending::Complete if result.scenarios.iter().all(skipped) => {
            Some("every scenario was skipped, so nothing was observed")
        }
        Ending::Complete => None,
    }
}
