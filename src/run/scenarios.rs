//! The planned scenarios: run side by side, held against their controls.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use super::engine::Work;
use super::stability::Rounds;
use super::way::Way;
use crate::cleanup;
use crate::event::{Event, RunKind, RunResult};
use crate::scenario::block::Distribution;
use crate::scenario::configuration::{Literal, PodAutomount, UrlForm, VaultPlace};
use crate::scenario::day_two::DayTwo;
use crate::scenario::load::Catalogue;
use crate::scenario::model::Scenario;
use crate::scenario::select::Planned;
use crate::testbed::{Special, StandIn};
use crate::verdict::oracle::{Oracle, not_run, skipped, skipped_because};
use crate::verdict::result::ScenarioResult;
use crate::verdict::{Verdict, control, evidence};

/// What a run is to do.
#[derive(Debug)]
pub struct Scenarios<'a> {
    /// The catalogue.
    pub catalogue: &'a Catalogue,
    /// What is to be run, in order.
    pub planned: &'a [Planned],
    /// How many scenarios go on at once.
    pub jobs: usize,
    /// How often each scenario is run.
    pub repeat: u32,
    /// Whether nothing that rests on a stand-in passes.
    pub only_real: bool,
}

/// Why a scenario is left out that sets what an operator sets.
const PAST_OPERATOR: &str =
    "only our stand-in for the operator lets a pod have what its settings do not say, and another is installed";

impl Scenarios<'_> {
    /// One scenario, in one of the rounds. Where there are more than one, it
    /// makes room for the next.
    async fn one(&self, way: &Way<'_>, jobs: &Semaphore, planned: &Planned, round: u32) -> ScenarioResult {
        let _place = jobs.acquire().await;
        let mut scenario = planned.scenario.clone();
        if way.run.testbed.operator.is_some() {
            scenario.decided_by_operator();
        }
        let scenario = &scenario;
        if let Some(mut skipped) = skipped(scenario, way.oracle) {
            skipped.selected_as_control = planned.selected_as_control;
            return skipped;
        }
        if let Some(lacks) = lacks(way, scenario) {
            let mut skipped = skipped_because(scenario, way.oracle, &lacks);
            skipped.selected_as_control = planned.selected_as_control;
            return skipped;
        }
        let _ = way.events.send(Event::ScenarioStarted { id: scenario.id.clone(), evidence: scenario.evidence });
        let mut own = scenario.clone();
        if round > 0 {
            // Names of its own, so that nothing of an earlier round is found again.
            own.id = format!("n{round}.{}", scenario.id.replace('.', "-"));
        }
        let mut result = way.go(&own).await;
        let stand_ins = way.run.testbed.stand_ins();
        if stand_ins.contains(&StandIn::Kubelet) {
            evidence::by_kubelets_stand_in(&mut result, stand_ins.contains(&StandIn::Controllers));
        }
        if self.repeat > 1 {
            cleanup::clean_scenario(way.run, way.run.testbed, &own.id).await;
        }
        result.id.clone_from(&scenario.id);
        result.selected_as_control = planned.selected_as_control;
        result
    }
}

/// What a scenario needs of the testbed and that cannot give, in words.
#[must_use]
pub fn lacks(way: &Way<'_>, scenario: &Scenario) -> Option<String> {
    let configuration = scenario.configuration();
    if way.run.testbed.operator.is_some() && configuration.pod_automount != PodAutomount::FromOperator {
        return Some(PAST_OPERATOR.to_owned());
    }
    let mut needs = match configuration.vault {
        VaultPlace::Outside => vec![],
        VaultPlace::OutsideOnPort80 => vec![Special::LowPort],
        VaultPlace::Pod => vec![Special::PodFiles],
    };
    if configuration.url == UrlForm::ServiceName {
        needs.push(Special::PodFiles);
    }
    if configuration.day_two.restarts_a_server() {
        needs.push(Special::Restarts);
    }
    needs.into_iter().find_map(|need| way.run.testbed.lacks(need))
}

impl Work for Scenarios<'_> {
    const KIND: RunKind = RunKind::Page;

    fn planned(&self) -> usize {
        self.planned.len() * self.repeat as usize
    }

    fn has_vault_in_cluster(&self) -> bool {
        self.planned.iter().any(|planned| planned.scenario.configuration().vault == VaultPlace::Pod)
    }

    fn stand_ins(&self) -> Option<String> {
        let blocks = self.planned.iter().filter_map(|planned| planned.scenario.configuration().auth_method.block());
        let command_lines: BTreeSet<&str> = blocks.filter_map(Distribution::command_line).collect();
        let named = command_lines.into_iter().collect::<Vec<_>>().join(", ");
        (!named.is_empty())
            .then(|| format!("the command lines of distributions ({named}): the testbed's cluster answers for theirs"))
    }

    async fn go(&self, way: &Way<'_>, result: &mut RunResult) {
        let jobs = Semaphore::new(self.jobs);
        let mut rounds = Rounds::default();
        // Those that take longest start first: turns to take, then a Vault of their own or one pod after the other.
        let mut order: Vec<&Planned> = self.planned.iter().collect();
        order.sort_by_key(|planned| {
            let configuration = planned.scenario.configuration();
            let shared = configuration.vault == VaultPlace::Outside;
            let one_look = configuration.before_the_edit().is_none() && configuration.day_two == DayTwo::Nothing;
            (configuration.literal == Literal::No, shared && one_look)
        });
        for round in 0..self.repeat {
            let mut going: FuturesUnordered<_> =
                order.iter().map(|planned| self.one(way, &jobs, planned, round)).collect();
            while let Some(ended) = going.next().await {
                // It may have met that the testbed ended before the engine has told so.
                if ended.verdict == Verdict::Nonconformant && way.run.testbed.has_ended().await {
                    continue;
                }
                let _ = way.events.send(Event::ScenarioFinished { result: Box::new(ended.clone()) });
                rounds.note(&ended);
                if round == 0 {
                    result.scenarios.push(ended);
                }
            }
        }
        if self.repeat > 1 {
            result.stability = rounds.judge(&mut result.scenarios);
        }
    }

    /// Every planned scenario is in the result, in the plan's order, and counts
    /// only with its control.
    fn complete(&self, result: &mut RunResult) {
        let oracle = Oracle { page: &self.catalogue.page, causes: &self.catalogue.causes };
        let mut done: BTreeMap<String, ScenarioResult> =
            std::mem::take(&mut result.scenarios).into_iter().map(|result| (result.id.clone(), result)).collect();
        let reason = result.problems.first().map_or("the run was interrupted", String::as_str);
        result.scenarios = self
            .planned
            .iter()
            .map(|planned| {
                let scenario = &planned.scenario;
                let mut result = done.remove(&scenario.id).unwrap_or_else(|| {
                    let mut missing = skipped(scenario, oracle).unwrap_or_else(|| not_run(scenario, oracle, reason));
                    missing.selected_as_control = planned.selected_as_control;
                    missing
                });
                result.settings = scenario.settings();
                result
            })
            .collect();
        control::apply(&mut result.scenarios);
        if self.only_real {
            evidence::require_real(&mut result.scenarios);
        }
    }
}
