//! The trials, on real servers: each scenario goes its way with one thing in it
//! that should not be there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use globset::Glob;
use tokio::sync::Semaphore;

use super::mutants::documented;
use super::score::Score;
use super::trial::{Obstacle, Outcome, Trial, Want, outcome};
use crate::cleanup;
use crate::configure::{self, Bent};
use crate::run::event::{Event, Events};
use crate::run::way::{Way, millis};
use crate::scenario::load::Catalogue;
use crate::scenario::model::{Evidence, Profile, Scenario};
use crate::verdict::result::{Case, Observed, ScenarioResult, Subject, Timings};
use crate::verdict::{Stage, Verdict};

/// A self-test: its trials, and what came of them so far.
#[derive(Debug)]
pub struct SelfTest<'a> {
    catalogue: &'a Catalogue,
    trials: Vec<Trial>,
    outcomes: Mutex<BTreeMap<String, (Outcome, u64)>>,
}

impl<'a> SelfTest<'a> {
    /// Every trial whose id matches one of the patterns; all without patterns.
    ///
    /// # Errors
    /// A pattern is none or matches nothing; in words.
    pub fn new(catalogue: &'a Catalogue, patterns: &[String]) -> Result<Self, String> {
        let mut trials = mutants(catalogue)?;
        let mut wanted = Vec::new();
        for pattern in patterns {
            let glob = Glob::new(pattern).map_err(|error| format!("`{pattern}` is not a pattern: {}", error.kind()))?;
            let matcher = glob.compile_matcher();
            if !trials.iter().any(|trial| matcher.is_match(&trial.id)) {
                return Err(format!("no trial matches `{pattern}`; `self-test --list` shows all of them"));
            }
            wanted.push(matcher);
        }
        if !wanted.is_empty() {
            trials.retain(|trial| wanted.iter().any(|matcher| matcher.is_match(&trial.id)));
        }
        Ok(Self { catalogue, trials, outcomes: Mutex::new(BTreeMap::new()) })
    }

    /// The trials.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Tries all of them, `jobs` at once. What came of each is kept as it comes.
    pub async fn go(&self, way: &Way<'_>, jobs: usize, events: &Events) {
        let places = Semaphore::new(jobs);
        let mut going: FuturesUnordered<_> = self
            .trials
            .iter()
            .enumerate()
            .map(|(number, trial)| {
                let places = &places;
                async move {
                    let _place = places.acquire().await;
                    let _ = events.send(Event::ScenarioStarted { id: trial.id.clone(), evidence: Evidence::Real });
                    let started = Instant::now();
                    (trial, self.try_one(way, number, trial).await, millis(started))
                }
            })
            .collect();
        while let Some((trial, outcome, took)) = going.next().await {
            let result = suite(&trial.id, vec![case(trial, Some(&outcome))], took);
            self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(trial.id.clone(), (outcome, took));
            let _ = events.send(Event::ScenarioFinished { result: Box::new(result) });
        }
    }

    /// Tries scenarios until one notices, the one that reads everything first.
    async fn try_one(&self, way: &Way<'_>, number: usize, trial: &Trial) -> Outcome {
        let Some(first) = self.catalogue.get(&trial.first) else {
            return Outcome::Unclear(format!("scenario {} is not there", trial.first));
        };
        let first_outcome = self.with(way, number, trial, first).await;
        if first_outcome != Outcome::Unnoticed || matches!(trial.want, Want::NoEffect(_)) {
            return first_outcome;
        }
        // What gives more than it should is noticed by a denial only.
        let others = self.catalogue.scenarios.iter();
        for scenario in
            others.filter(|scenario| scenario.profile == Profile::Core && scenario.expect.stops_at.is_some())
        {
            match self.with(way, number, trial, scenario).await {
                Outcome::Unnoticed => {}
                outcome => return outcome,
            }
        }
        Outcome::Unnoticed
    }

    async fn with(&self, way: &Way<'_>, number: usize, trial: &Trial, scenario: &Scenario) -> Outcome {
        // Names of its own, so that trials of one scenario go on side by side.
        let mut own = scenario.clone();
        own.id = format!("t{number}.{}", scenario.id.replace('.', "-"));
        let bent = match &trial.obstacle {
            Obstacle::Mutant(mutation) => Bent { mutation: Some(mutation.clone()), ..Bent::default() },
        };
        let mut timings = Timings::default();
        let sighting = way.sight(&own, &bent, &mut timings).await;
        // Hundreds of trials leave no room for each other's pods.
        cleanup::clean_scenario(way.run.journal, way.run.testbed, &own.id).await;
        match sighting {
            Ok(sighting) => {
                let mut result = way.oracle.judge(&own, &sighting, timings);
                result.id.clone_from(&scenario.id);
                outcome(&result, &trial.want)
            }
            Err(error) if refused(&error) => Outcome::Refused(error.to_string()),
            Err(error) => Outcome::Unclear(format!("{}: {error}", scenario.id)),
        }
    }

    /// The results so far, one suite for each kind of thing, every trial a case.
    #[must_use]
    pub fn results(&self) -> Vec<ScenarioResult> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut suites: Vec<(&str, Vec<Case>, u64)> = Vec::new();
        for trial in &self.trials {
            let found = outcomes.get(&trial.id);
            let (case, took) = (case(trial, found.map(|(outcome, _)| outcome)), found.map_or(0, |(_, took)| *took));
            match suites.iter_mut().find(|(name, ..)| *name == trial.suite) {
                Some((_, cases, total)) => {
                    cases.push(case);
                    *total += took;
                }
                None => suites.push((&trial.suite, vec![case], took)),
            }
        }
        suites.into_iter().map(|(name, cases, took)| suite(&format!("self-test.{name}"), cases, took)).collect()
    }

    /// The score of each kind.
    #[must_use]
    pub fn scores(&self) -> Vec<Score> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scores: Vec<Score> = Vec::new();
        for trial in &self.trials {
            let kind = trial.suite.split('-').next().unwrap_or_default();
            let at = scores.iter().position(|score| score.kind == kind).unwrap_or_else(|| {
                scores.push(Score { kind: kind.to_owned(), ..Score::default() });
                scores.len() - 1
            });
            scores[at].add(trial, outcomes.get(&trial.id).map(|(outcome, _)| outcome));
        }
        scores
    }
}

/// Every field of every documented object, broken.
fn mutants(catalogue: &Catalogue) -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    for documented in documented(&catalogue.keys).map_err(|error| error.to_string())? {
        for mutation in documented.mutants() {
            let id = mutation.to_string();
            let marked =
                catalogue.self_test.no_effect.iter().find(|entry| {
                    Glob::new(&entry.mutants).is_ok_and(|pattern| pattern.compile_matcher().is_match(&id))
                });
            let first = marked.map_or(documented.permitted, |entry| entry.proved_by.as_str());
            trials.push(Trial {
                suite: format!("mutants-{}", documented.object.as_str()),
                first: first.to_owned(),
                obstacle: Obstacle::Mutant(mutation),
                want: marked.map_or(Want::Noticed(documented.stages), |entry| Want::NoEffect(entry.why.clone())),
                id,
            });
        }
    }
    Ok(trials)
}

/// Whether a server refused what was broken, rather than failed.
fn refused(error: &configure::Error) -> bool {
    match error {
        configure::Error::Vault(error) => error.status().is_some_and(|status| (400..500).contains(&status)),
        // The API server answers 500 to a role reference of a kind that it does not know.
        configure::Error::Cluster { source: kube::Error::Api(status), .. } => (400..=500).contains(&status.code),
        // Serde is the API server's own first check: a Kubernetes object without a required field is none.
        configure::Error::Broken(_) => true,
        _ => false,
    }
}

fn case(trial: &Trial, outcome: Option<&Outcome>) -> Case {
    let (verdict, message) = trial.judge(outcome);
    Case::new(Subject::Check(trial.id.clone()), verdict, message)
}

fn suite(id: &str, cases: Vec<Case>, took: u64) -> ScenarioResult {
    let decisive = [Verdict::Nonconformant, Verdict::Inconclusive, Verdict::Conformant, Verdict::Skipped]
        .into_iter()
        .find_map(|verdict| cases.iter().find(|case| case.verdict == verdict));
    ScenarioResult {
        id: id.to_owned(),
        title: "What is broken on purpose is noticed".to_owned(),
        page: String::new(),
        verdict: decisive.map_or(Verdict::Skipped, |case| case.verdict),
        reason: decisive.map(|case| case.message.clone()).unwrap_or_default(),
        expected: "noticed at the right stage".to_owned(),
        observed: Observed { complete: true, ..Observed::default() },
        evidence: Evidence::Real,
        control: None,
        selected_as_control: false,
        cases,
        findings: Vec::new(),
        timings: Timings { total_ms: took, ..Timings::default() },
    }
}

/// The word of a stage, for lists.
#[must_use]
pub fn stages(want: &Want) -> String {
    match want {
        Want::Noticed(stages) => stages.iter().map(|stage| Stage::as_str(*stage)).collect::<Vec<_>>().join(" or "),
        Want::NoEffect(_) => "no effect".to_owned(),
    }
}
