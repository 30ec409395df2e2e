//! A whole run, with its facts and how it ended: what JUnit and JSON are drawn from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows::{FaultRow, Score, Stability};
use super::span::Span;
use crate::ledger::Request;
use crate::page::Names;
use crate::verdict::result::ScenarioResult;

/// What a run is for. Reports word their last sentence by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// Whether the page holds, on a testbed of ours.
    #[default]
    Page,
    /// Whether a customer's cluster and Vault are as they should be.
    Customer,
    /// Whether the harness notices what was broken on purpose.
    SelfTest,
}

/// The facts of a run, for every report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunFacts {
    /// The run's id.
    pub id: String,
    /// What it is for.
    #[serde(default)]
    pub kind: RunKind,
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
    /// On a customer's cluster: what things are called there. Else they have the documented names.
    #[serde(default)]
    pub names: Option<Names>,
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
    /// SIGTERM, or SIGHUP of a closed terminal.
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
    /// What began and ended when, in the order in which it began.
    #[serde(default)]
    pub timeline: Vec<Span>,
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

impl RunResult {
    /// Notes that something outside any scenario failed.
    pub fn failed(&mut self, problem: impl Into<String>) {
        self.ending = Ending::Failed;
        self.problems.push(problem.into());
    }
}
