//! The JSON report: everything that a run found out, under the names that the
//! design gives. `scenarios/schema/report.schema.json` is generated from these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Answers, Said};
use super::summary::{self, Counts, Defect};
use crate::event::{Ending, Exit, FaultRow, RunKind, RunResult, Score, Span, Stability};
use crate::ledger::Request;
use crate::page::{CauseId, Names, Stage};
use crate::probe::observation::KeyState;
use crate::scenario::model::Evidence;
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Finding, Known, Observed, ScenarioResult, Subject, Timings};

/// The version of [`Report`]'s shape: raised when a field goes or changes its
/// meaning, not when one comes.
pub const SCHEMA_VERSION: u32 = 1;

/// A run's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The version of this shape.
    pub schema_version: u32,
    /// The run.
    pub run: Run,
    /// Such as `kind`.
    pub testbed: String,
    /// Such as `vault` → `1.21.0`.
    pub versions: BTreeMap<String, String>,
    /// Such as `vault` → the image's reference with its digest or id.
    pub images: BTreeMap<String, String>,
    /// How the run ended.
    pub ending: Ending,
    /// What the process ended with.
    pub exit_code: u8,
    /// The run in one sentence, as the terminal ends with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub conclusion: String,
    /// How often each verdict was given.
    pub summary: Summary,
    /// Why the run proves nothing, or not enough, although no scenario says so.
    pub outside_scenarios: Option<String>,
    /// What failed outside any scenario, and anything else worth saying.
    pub problems: Vec<String>,
    /// What the run says of the page, by defect.
    pub defects: Vec<Defect>,
    /// In the plan's order.
    pub scenarios: Vec<Scenario>,
    /// Milliseconds by phase.
    pub timings: BTreeMap<String, u64>,
    /// What began and ended when, in the order in which it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Span>,
    /// On a customer's cluster: every request that was made to its API server
    /// and to Vault, by the harness and by its probes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ledger: Vec<Request>,
    /// Of a self-test: how many obstacles of each kind were noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
    /// Of a self-test: how each fault ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultRow>,
    /// With `--repeat`: whether each scenario ended the same in every round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stability: Vec<Stability>,
}

/// The run's own facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// Its id.
    pub id: String,
    /// What it is for.
    #[serde(default)]
    pub kind: RunKind,
    /// The harness's version.
    pub harness: String,
    /// Start, UTC, `YYYY-MM-DDTHH:MM:SS`.
    pub started: String,
    /// `core`, `all`, or `selection`.
    pub profile: String,
    /// The revision of the key catalogue.
    pub key_revision: String,
    /// The run whose testbed was used again.
    pub reused: Option<String>,
    /// What was decided by a stand-in.
    pub stand_ins: Vec<String>,
    /// On a customer's cluster: what things are called there, with which remedies are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Names>,
}

/// Counts by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Of the scenarios.
    pub scenarios: Counts,
    /// Of their stages, keys, commands and steps: what JUnit counts.
    pub cases: Counts,
}

/// A scenario with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Scenario {
    /// `GROUP.NAME`.
    pub id: String,
    /// One sentence for people.
    pub title: String,
    /// The place of the page whose claim this tests.
    pub page: String,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, one sentence.
    pub reason: String,
    /// Of one that failed: what is wrong, what to do, and what to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Of what holds and should be mended all the same: each cause once, with what to do and what to type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_mend: Vec<Said>,
    /// Of a failure that the baseline knows, and that does not count therefore: who mends it, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// What must follow.
    pub expected: String,
    /// What was observed.
    pub observed: Observed,
    /// Who decided what was observed.
    pub evidence: Evidence,
    /// The permitted scenario that this denial differs from in one field.
    pub control: Option<String>,
    /// Whether it ran only because another scenario needs it as its control.
    pub selected_as_control: bool,
    /// What was set up: the documented example (`base`), and each field in which it was changed, as scenario files name
    /// them. With a check and a self-test there is nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The stages of the way.
    pub stages: Vec<StageCase>,
    /// Every key of the catalogue.
    pub keys: Vec<KeyCase>,
    /// The page's own commands, where the scenario runs them.
    pub commands: Vec<NamedCase>,
    /// Configuration steps whose outcome the page promises.
    pub steps: Vec<NamedCase>,
    /// Checks of a customer's cluster and Vault.
    pub checks: Vec<NamedCase>,
    /// What it says of the page.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub timings: Timings,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StageCase {
    /// Which.
    pub stage: Stage,
    /// What came of it.
    pub verdict: Verdict,
    /// Why; empty only where it is conformant.
    pub message: String,
    /// The cause, where one is known.
    pub cause: Option<CauseId>,
    /// With a check: how many milliseconds it took, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// One key. Never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct KeyCase {
    /// The key's name.
    pub name: String,
    /// What the probe found under it; absent where it could not look.
    pub state: Option<KeyState>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why; empty only where it is conformant.
    pub message: String,
    /// The cause, where one is known.
    pub cause: Option<CauseId>,
    /// Whether it holds and should be mended all the same, as the message says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warning: bool,
}

/// One command, step or check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct NamedCase {
    /// Its id.
    pub id: String,
    /// What came of it.
    pub verdict: Verdict,
    /// Why; empty only where it is conformant.
    pub message: String,
    /// The cause, where one is known.
    pub cause: Option<CauseId>,
    /// Whether it holds and should be mended all the same, as the message says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warning: bool,
    /// When that ends which it is about, such as a certificate (RFC 3339); absent where it has no end or none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
}

impl Report {
    /// The report of a run that ends with this exit code.
    #[must_use]
    pub fn new(result: &RunResult, answers: &Answers<'_>, exit: Exit, outside_scenarios: Option<String>) -> Self {
        let facts = result.facts.clone();
        Self {
            schema_version: SCHEMA_VERSION,
            run: Run {
                id: facts.id,
                kind: facts.kind,
                harness: facts.harness,
                started: facts.started,
                profile: facts.profile,
                key_revision: facts.key_revision,
                reused: facts.reused,
                stand_ins: facts.stand_ins,
                names: facts.names,
            },
            testbed: facts.testbed,
            versions: facts.versions,
            images: facts.images,
            ending: result.ending,
            exit_code: exit.code(),
            conclusion: String::new(),
            summary: Summary {
                scenarios: Counts::of_scenarios(&result.scenarios),
                cases: Counts::of_cases(&result.scenarios),
            },
            outside_scenarios,
            problems: result.problems.clone(),
            defects: summary::defects(&result.scenarios),
            scenarios: result.scenarios.iter().map(|scenario| Scenario::new(scenario, answers)).collect(),
            timings: result.timings.clone(),
            timeline: result.timeline.clone(),
            ledger: result.ledger.clone(),
            scores: result.scores.clone(),
            faults: result.faults.clone(),
            stability: result.stability.clone(),
        }
    }
}

impl Scenario {
    fn new(result: &ScenarioResult, answers: &Answers<'_>) -> Self {
        let mut scenario = Self {
            id: result.id.clone(),
            title: result.title.clone(),
            page: result.page.clone(),
            verdict: result.verdict,
            reason: result.reason.clone(),
            answer: answers.of(result),
            to_mend: answers.of_warnings(result),
            known: result.known.clone(),
            expected: result.expected.clone(),
            observed: result.observed.clone(),
            evidence: result.evidence,
            control: result.control.clone(),
            selected_as_control: result.selected_as_control,
            settings: result.settings.clone(),
            stages: Vec::new(),
            keys: Vec::new(),
            commands: Vec::new(),
            steps: Vec::new(),
            checks: Vec::new(),
            findings: result.findings.clone(),
            timings: result.timings,
        };
        for case in &result.cases {
            let Case { subject, verdict, message, cause, key_state, warning, ends, took_ms } = case.clone();
            let named = |id, message, cause| NamedCase { id, verdict, message, cause, warning, ends };
            match subject {
                Subject::Stage(stage) => scenario.stages.push(StageCase { stage, verdict, message, cause, took_ms }),
                Subject::Key(name) => {
                    scenario.keys.push(KeyCase { name, state: key_state, verdict, message, cause, warning })
                }
                Subject::Command(id) => scenario.commands.push(named(id, message, cause)),
                Subject::Step(id) => scenario.steps.push(named(id, message, cause)),
                Subject::Check(id) => scenario.checks.push(named(id, message, cause)),
            }
        }
        scenario
    }
}

impl From<&Scenario> for ScenarioResult {
    /// The result that was written down.
    fn from(scenario: &Scenario) -> Self {
        let stages = scenario.stages.iter().map(|case| Case {
            cause: case.cause.clone(),
            ..Case::new(Subject::Stage(case.stage), case.verdict, case.message.clone())
        });
        let keys = scenario.keys.iter().map(|case| Case {
            cause: case.cause.clone(),
            key_state: case.state,
            warning: case.warning,
            ..Case::new(Subject::Key(case.name.clone()), case.verdict, case.message.clone())
        });
        let named = |cases: &[NamedCase], subject: fn(String) -> Subject| {
            let case = |case: &NamedCase| Case {
                cause: case.cause.clone(),
                warning: case.warning,
                ..Case::new(subject(case.id.clone()), case.verdict, case.message.clone())
            };
            cases.iter().map(case).collect::<Vec<_>>()
        };
        let rest = [
            named(&scenario.commands, Subject::Command),
            named(&scenario.steps, Subject::Step),
            named(&scenario.checks, Subject::Check),
        ];
        Self {
            id: scenario.id.clone(),
            title: scenario.title.clone(),
            page: scenario.page.clone(),
            verdict: scenario.verdict,
            reason: scenario.reason.clone(),
            known: scenario.known.clone(),
            expected: scenario.expected.clone(),
            observed: scenario.observed.clone(),
            evidence: scenario.evidence,
            control: scenario.control.clone(),
            selected_as_control: scenario.selected_as_control,
            settings: scenario.settings.clone(),
            cases: stages.chain(keys).chain(rest.into_iter().flatten()).collect(),
            findings: scenario.findings.clone(),
            timings: scenario.timings,
        }
    }
}
