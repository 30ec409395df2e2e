//! What a run says of one scenario. Reports are drawn from these alone.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::cause::SaysOf;
use crate::page::{CauseId, Stage};
use crate::probe::observation::KeyState;
use crate::scenario::model::Evidence;

/// What a run says of a scenario, or of one case of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As the page says.
    Conformant,
    /// The page's claim does not hold, in exactly the way recorded.
    KnownDeviation,
    /// Anything else was observed.
    Nonconformant,
    /// The testbed, a control or the harness failed.
    Inconclusive,
    /// Out of scope here, with the reason.
    Skipped,
}

impl Verdict {
    /// The word used in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conformant => "conformant",
            Self::KnownDeviation => "known-deviation",
            Self::Nonconformant => "nonconformant",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        }
    }

    /// Whether it lets a run pass: what was observed is what is known to be.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Conformant | Self::KnownDeviation)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where and how a way ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// The stage at which it stopped; absent where it went all the way, or where nothing was observed.
    pub stage: Option<Stage>,
    /// The cause, where it could be told.
    pub cause: Option<CauseId>,
    /// What that cause says something of.
    #[serde(skip)]
    pub says_of: SaysOf,
    /// The HTTP status that the client saw there.
    pub status: Option<u16>,
    /// What the client saw there, or why nothing was observed.
    pub text: String,
    /// The line of Vault's log (or the API server's message) that belongs to it.
    pub server: Option<String>,
    /// Whether that line says something that no possible cause of the catalogue explains: then none is certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unexplained: bool,
    /// Whether the way was observed to its end or to a stop at all.
    pub complete: bool,
    /// Where the cause cannot be told: those that the evidence allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<CauseId>,
    /// What would tell them apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tell_apart: Vec<String>,
}

/// What one JUnit case is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum Subject {
    /// A stage of the way.
    Stage(Stage),
    /// A key of the catalogue.
    Key(String),
    /// A command of the page, by its id.
    Command(String),
    /// A configuration step whose outcome the page promises, by its id.
    Step(String),
    /// A check of a customer's cluster or Vault, by its id.
    Check(String),
}

impl fmt::Display for Subject {
    /// The words of a JUnit name, so never to be changed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(stage) => write!(f, "stage {stage}"),
            Self::Key(name) => write!(f, "key {name}"),
            Self::Command(id) => write!(f, "command {id}"),
            Self::Step(id) => write!(f, "step {id}"),
            Self::Check(id) => write!(f, "check {id}"),
        }
    }
}

/// One checked thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Case {
    /// What was checked.
    pub subject: Subject,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, one sentence; empty only where the verdict is conformant.
    pub message: String,
    /// The cause, where one is known.
    pub cause: Option<CauseId>,
    /// With a key: what the probe found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_state: Option<KeyState>,
    /// Whether it holds and should be mended all the same, as the message says.
    #[serde(default)]
    pub warning: bool,
    /// When that ends which it is about, such as a certificate (RFC 3339); absent where it has no end or none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// With a stage of a check: how many milliseconds it took, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

impl Case {
    /// A case without a cause.
    #[must_use]
    pub fn new(subject: Subject, verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            subject,
            verdict,
            message: message.into(),
            cause: None,
            key_state: None,
            warning: false,
            ends: None,
            took_ms: None,
        }
    }
}

/// What a finding says of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A claim does not hold.
    #[default]
    Defect,
    /// The page says nothing of what happens.
    NotDocumented,
}

/// Something that the run says of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// What it says of it.
    #[serde(default)]
    pub kind: FindingKind,
    /// The defect's id; the same defect met by several scenarios has one id.
    pub defect: String,
    /// What the page claims.
    pub claim: String,
    /// What happens.
    pub happens: String,
    /// The page's anchor.
    pub page: String,
}

/// Who has a failure in hand, and until when it is let pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Known {
    /// Who mends it.
    pub owner: String,
    /// The last day on which it is let pass, `YYYY-MM-DD` in UTC.
    pub expires: String,
    /// Why it is let pass, or where that is written.
    pub why: String,
}

/// Milliseconds of one scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Timings {
    /// To put the configuration into Vault and the cluster.
    pub configure_ms: u64,
    /// From the app's start to the observation.
    pub observe_ms: u64,
    /// The whole scenario, waiting for its turn left out.
    pub total_ms: u64,
}

/// A scenario's verdict with everything that reports need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ScenarioResult {
    /// The scenario's id, `GROUP.NAME`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The page's anchor.
    pub page: String,
    /// What came of it.
    pub verdict: Verdict,
    /// One sentence: why.
    pub reason: String,
    /// Of a failure that the run's baseline knows: who mends it, and until when. Then it fails no run.
    #[serde(default)]
    pub known: Option<Known>,
    /// What the scenario says must follow, as a phrase such as `stops at login: login.role-not-found`.
    pub expected: String,
    /// What was observed.
    pub observed: Observed,
    /// Who decided it.
    pub evidence: Evidence,
    /// The control, where it is a denial.
    pub control: Option<String>,
    /// Whether it was not selected itself, only needed as a control.
    pub selected_as_control: bool,
    /// What was set up: the documented example, and each field in which it was changed, as scenario files name them.
    /// Empty where no scenario file says it.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Every stage, then every key of the catalogue, then commands and steps.
    pub cases: Vec<Case>,
    /// What it says of the page.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub timings: Timings,
}

impl ScenarioResult {
    /// The result of what is made of checks only.
    #[must_use]
    pub fn of_checks(id: &str, title: &str, expected: &str, cases: Vec<Case>) -> Self {
        let first = |verdict| cases.iter().find(|case| case.verdict == verdict);
        let best = first(Verdict::Conformant).or(first(Verdict::Skipped));
        let mut result = Self {
            id: id.to_owned(),
            title: title.to_owned(),
            page: String::new(),
            verdict: best.map_or(Verdict::Skipped, |case| case.verdict),
            reason: best.map(|case| case.message.clone()).unwrap_or_default(),
            known: None,
            expected: expected.to_owned(),
            observed: Observed { complete: true, ..Observed::default() },
            evidence: Evidence::Real,
            control: None,
            selected_as_control: false,
            settings: BTreeMap::new(),
            cases,
            findings: Vec::new(),
            timings: Timings::default(),
        };
        result.settle();
        result
    }

    /// A scenario is no better than its cases: one that fails makes it fail,
    /// else one without a verdict leaves it without.
    pub fn settle(&mut self) {
        let first = |verdict| self.cases.iter().find(|case| case.verdict == verdict);
        let worst = first(Verdict::Nonconformant).or(first(Verdict::Inconclusive));
        if let Some(case) = worst.filter(|case| case.verdict != self.verdict) {
            self.verdict = case.verdict;
            self.reason.clone_from(&case.message);
        }
    }

    /// The folder part of the id.
    #[must_use]
    pub fn group(&self) -> &str {
        self.id.split_once('.').map_or("", |(group, _)| group)
    }
}
