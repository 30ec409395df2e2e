//! What the engine says while it works. It prints nothing itself: the
//! terminal, JUnit and JSON are consumers of these.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stability::Stability;
use crate::ledger::Request;
use crate::scenario::model::Evidence;
use crate::selftest::score::{FaultRow, Score};
use crate::verdict::result::ScenarioResult;

/// The facts of a run, for every report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunFacts {
    /// The run's id.
    pub id: String,
    /// The harness's version.
    pub harness: String,
    /// Start, UTC, `YYYY-MM-DDTHH:MM:SS`.
    pub started: String,
    /// `core`, `all`, or `selection` where scenarios were named.
    pub profile: String,
    /// The revision of the key catalogue.
    pub key_revision: String,
    /// Such as `kind`.
    pub testbed: String,
    /// The run whose testbed was used again.
    pub reused: Option<String>,
    /// Such as `vault` → `1.21.0`, `kubernetes` → `v1.37.2`, `kind` → `v0.33.0`.
    pub versions: BTreeMap<String, String>,
    /// Such as `vault` → the reference with its digest or image id.
    pub images: BTreeMap<String, String>,
    /// What in this run was decided by a stand-in.
    pub stand_ins: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Every planned scenario has its verdict.
    #[default]
    Complete,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// The testbed or the harness failed, or the time limit was over.
    Failed,
}

/// A whole run: what JUnit and JSON are drawn from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunResult {
    /// The facts.
    pub facts: RunFacts,
    /// One for every planned scenario, in the plan's order. A scenario that the
    /// run did not get to is there too, inconclusive, with all its cases.
    pub scenarios: Vec<ScenarioResult>,
    /// How it ended.
    pub ending: Ending,
    /// What failed outside any scenario, and anything else worth saying.
    pub problems: Vec<String>,
    /// Milliseconds by phase: `testbed`, `scenarios`, `clean-up`, `total`.
    pub timings: BTreeMap<String, u64>,
    /// On a customer's cluster: every request that was made there and to Vault.
    #[serde(default)]
    pub ledger: Vec<Request>,
    /// Of a self-test: how many obstacles of each kind were noticed.
    #[serde(default)]
    pub scores: Vec<Score>,
    /// Of a self-test: how each fault ended.
    #[serde(default)]
    pub faults: Vec<FaultRow>,
    /// With `--repeat`: whether each scenario ended the same in every round.
    #[serde(default)]
    pub stability: Vec<Stability>,
}

/// What happens, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// A run starts with this many scenarios.
    RunStarted {
        /// The run's id.
        run: String,
        /// How many scenarios are planned.
        scenarios: usize,
    },
    /// Something before or after the scenarios starts, such as `start Vault`.
    StepStarted {
        /// What.
        step: String,
    },
    /// It is done.
    StepFinished {
        /// What, with the same words as when it started.
        step: String,
        /// How long it took.
        took: Duration,
    },
    /// Something that people should know.
    Notice {
        /// One sentence.
        text: String,
    },
    /// The testbed is up.
    TestbedReady {
        /// The facts so far.
        facts: RunFacts,
    },
    /// A scenario starts.
    ScenarioStarted {
        /// Its id.
        id: String,
        /// Who decides what it observes.
        evidence: Evidence,
    },
    /// A scenario has its verdict.
    ScenarioFinished {
        /// Everything about it.
        result: Box<ScenarioResult>,
    },
    /// The run is over, clean-up included.
    RunFinished {
        /// Everything about it.
        result: Box<RunResult>,
    },
}

/// Where the engine sends what happens.
pub type Events = tokio::sync::mpsc::UnboundedSender<Event>;
